"""Runs that are killed at random moments, again and again, and what must hold after each kill."""

import random
import shutil
import signal
import sqlite3
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from forks import STOPPED, Ended, Forks
from support import THOROUGH, program_env, sandbox_env
from wholes import LEDGER

from equigen.dataset.tsv import reading_tsv
from equigen.ledger.ledger import Ledger

_FEW = 4
TSV = "equigen_dataset.tsv"
IMAGES = "equigen_album_images"
# A process that fetches ends between two jobs once its parent is gone.
_GONE_WITHIN_S = 10.0


@dataclass
class Case:
    """One command on one folder.

    `restore` makes the folder what it is before the command; `check` looks at what a kill left, and
    `compare` at what the run that follows made of it. After `chain` kills the command runs to its
    end, and all begins anew; a run that ended before it was killed ends them sooner. A run that
    finds all done may end well, or be refused with the words `done`.
    """

    folder: Path
    args: tuple[str, ...]
    restore: Callable[[], None]
    check: Callable[[], None]
    compare: Callable[[], None]
    chain: int = 2
    base_url: str = "http://127.0.0.1:9"
    settings: Mapping[str, str] = field(default_factory=dict)
    done: str = ""

    def run(
        self, forks: Forks, *, signal_after_s: float | None = None, number: int = signal.SIGKILL
    ) -> Ended:
        """Run the command, killed so many seconds after its start where that is given."""
        env = sandbox_env(
            self.base_url, EQUIGEN_DATASET__DIRECTORY=str(self.folder), **self.settings
        )
        return forks.run(
            *self.args,
            cwd=self.folder.parent,
            env=program_env(**env),
            signal_after_s=signal_after_s,
            number=number,
        )

    def finish(self, forks: Forks) -> Ended:
        """Run the command to its end."""
        ended = self.run(forks)
        assert (self.has_done(ended), "Traceback" in ended.err) == (True, False), ended.err
        return ended

    def has_done(self, ended: Ended) -> bool:
        """Tell whether a run came to its end, or found that an earlier one had."""
        return ended.code == 0 or (bool(self.done) and self.done in ended.err)


def kill_often(
    forks: Forks, case: Case, *, kills: int, seed: int, number: int = signal.SIGKILL
) -> None:
    """Kill a command at moments drawn evenly from the time that an undisturbed run takes.

    Some moments come after the run has ended: so many hit of at most four times as many as `kills`.
    With SIGTERM a run is to end cleanly. In `make test` a few kills are enough.
    """
    kills = kills if THOROUGH else min(kills, _FEW)
    chance, took_s = random.Random(seed), []
    for _ in range(3 if THOROUGH else 1):
        case.restore()
        took_s.append(case.finish(forks).took_s)
    case.compare()
    killed, hits, in_chain = 0, 0, 0
    while hits < kills:
        if not in_chain:
            case.restore()
        moment_s = chance.random() * statistics.median(took_s[-3:])
        ended = case.run(forks, signal_after_s=moment_s, number=number)
        killed, hits, in_chain = killed + 1, hits + ended.was_stopped, in_chain + 1
        assert killed <= 4 * kills, f"only {hits} of {killed} runs were killed before they ended"
        assert ended.was_stopped or case.has_done(ended), ended.err
        if ended.code == STOPPED:
            said = [line for line in ended.err.splitlines() if line.startswith("equigen")]
            assert len(said) == 1, ended.err
            assert "What was done is kept; run it again to go on." in said[0]
            assert "Traceback" not in ended.err
            left = temporary_files(case.folder)
            assert not left, f"{left}: {ended.err}"
        assert ended.left_s < _GONE_WITHIN_S
        case.check()
        if not ended.was_stopped and in_chain == 1:
            took_s.append(ended.took_s)
        if ended.was_stopped and (in_chain == case.chain or hits == kills):
            ended = case.finish(forks)
            case.check()
        if not ended.was_stopped:
            case.compare()
            left = temporary_files(case.folder)
            assert not left or ended.code, f"{left}: {ended.err}"  # a refused run sweeps nothing
            in_chain = 0


def temporary_files(folder: Path) -> list[Path]:
    """Return what a run that is killed may leave beside its targets; one that ends must not."""
    kept = {".equigen.lock", ".equigen.lock.holder"}
    hidden = [file for file in folder.rglob(".*") if file.is_file() and file.name not in kept]
    return [*hidden, *folder.glob(f"{LEDGER}-*")]


def check_ledger(folder: Path) -> None:
    """See that SQLite finds nothing wrong in the ledger, and leave it as the kill did."""
    copy = folder.with_name(folder.name + "_ledger")
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for file in folder.glob(f"{LEDGER}*"):
        shutil.copyfile(file, copy / file.name)
    if not (copy / LEDGER).exists():
        return
    db = sqlite3.connect(copy / LEDGER)
    try:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        db.close()
    with Ledger(copy / LEDGER):
        pass


def check_tsv(folder: Path, *allowed: bytes) -> None:
    """See that our reader reads the TSV to its end, and that it is one of those that may be."""
    body = (folder / TSV).read_bytes()
    assert body in allowed
    with reading_tsv(folder / TSV) as tsv:
        assert sum(1 for _ in tsv) == body.count(b"\n") - 1


def copy_over(kept: Path, folder: Path) -> None:
    """Make a folder what another one is, with the dates of its files."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder, symlinks=True)
