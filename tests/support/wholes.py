"""A complete dataset, made by the real stages once for all tests of a process: copy it."""

import shutil
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from support import make_context

from equigen.commands import clean, dedupe, download, fetch, split
from equigen.ledger.backup import back_up, copies_of
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.server import Sandbox
from equigen.schema import Link

LABELS = ["Blues", "Jazz", "Salsa"]
LIMITS = {"genre_limit": 12, "world_limit": 6, "from_year": 2026, "labels": LABELS}
LEDGER = "equigen_ledger.sqlite"


@dataclass(frozen=True)
class Whole:
    """A folder with a complete dataset, and the sandbox that it came from, which still runs."""

    folder: Path
    sandbox: Sandbox

    def copy(self, folder: Path, *, has_copies: bool = True) -> Path:
        """Return a copy of the dataset, with its files' dates and the copies of its ledger."""
        shutil.copytree(self.folder, folder)
        for copy in copies_of(folder / LEDGER) if not has_copies else ():
            copy.unlink(missing_ok=True)
        return folder


def make_whole(folder: Path, sandbox: Sandbox, *, link: str = "copy") -> Whole:
    """Make a dataset from its first album to its sets."""
    context = make_context(folder, base_url=sandbox.base_url, fetch=LIMITS)
    fetch.run(context)
    clean.run(context)
    dedupe.run(context)
    download.run(context)
    dedupe.run(context, covers=True)
    split.run(context, link=Link(link))
    with sqlite3.connect(folder / LEDGER) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    assert back_up(folder / LEDGER, command="split", now=datetime.now(UTC)) == ""
    sandbox.log.clear()
    return Whole(folder, sandbox)


def small_catalogue() -> Sandbox:
    """Return a sandbox of a few albums a label."""
    return Sandbox(make_catalogue(albums_per_label=30), cover_size_px=96)


def tables_of(ledger: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return all that a ledger holds, by table."""
    with sqlite3.connect(ledger) as db:
        names = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not name.startswith("sqlite_")
        ]
        found = {
            name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr)  # noqa: S608
            for name in names
        }
    db.close()
    return found
