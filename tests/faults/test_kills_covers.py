"""SIGKILL at any moment of the stages that handle covers: none is torn, lost, or in two places."""

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from downloads import ledger_of
from forks import Forks
from kills import IMAGES, TSV, Case, check_ledger, copy_over, kill_often
from splits import catalogue, fill, sets_of
from support import make_context
from wholes import LEDGER, LIMITS, small_catalogue

from equigen.commands import download, fetch
from equigen.dataset.covers import dataset_covers
from equigen.ledger.database import has_tables
from equigen.schema import SETS

THREADS: tuple[str, ...] = ("download",)
LINKS = ("copy", "move", "hardlink", "symlink")
PROCESSES = ("download", "--processes", "2")


def placed(images: Path) -> dict[str, bytes]:
    """Return the files in their places, below a folder of genres."""
    return {
        f"{file.parent.name}/{file.name}": file.read_bytes()
        for file in images.glob("*/*")
        if not file.name.startswith(".")
    }


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("args", "number", "kills", "seed"),
    [
        *((THREADS, signal.SIGKILL, 25, part) for part in range(3)),
        (PROCESSES, signal.SIGKILL, 13, 3),
        (PROCESSES, signal.SIGKILL, 12, 4),
        (THREADS, signal.SIGTERM, 8, 5),
        (PROCESSES, signal.SIGTERM, 5, 6),
    ],
)
def test_download_killed_at_any_moment(
    tmp_path: Path, forks: Forks, args: Sequence[str], number: int, kills: int, seed: int
) -> None:
    """100 kills in all: what stands in its place is whole and known, and isn't asked for again."""
    with small_catalogue() as sandbox:
        context = make_context(tmp_path / "whole", base_url=sandbox.base_url, fetch=LIMITS)
        fetch.run(context)
        download.run(context)
        whole, folder = placed(context.images), tmp_path / "data"
        asked_for = {row.path: unquote(urlsplit(row.url).path) for row in dataset_covers(context)}
        tsv, before = context.tsv.read_bytes(), set[str]()

        def restore() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (folder / TSV).write_bytes(tsv)
            before.clear()
            sandbox.log.clear()

        def check() -> None:
            check_ledger(folder)
            assert (folder / TSV).read_bytes() == tsv
            now = placed(folder / IMAGES)
            # Which has no tables for a moment when it begins.
            known = ledger_of(folder) if has_tables(folder / LEDGER) else {}
            assert {path for path in now if known[path].status != "ok"} == set()
            assert {path: whole[path] for path in now} == now
            # What stood in its place when the run began was not asked for.
            asked = {hit.path for hit in sandbox.log}
            assert asked.isdisjoint(asked_for[path] for path in before)
            before.update(now)
            sandbox.log.clear()

        def compare() -> None:
            assert placed(folder / IMAGES) == whole

        case = Case(folder, tuple(args), restore, check, compare)
        kill_often(forks, case, kills=kills, seed=seed, number=number)


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("link", "number", "kills"),
    [
        *((link, signal.SIGKILL, 25) for link in LINKS),
        ("copy", signal.SIGTERM, 6),
        ("move", signal.SIGTERM, 6),
    ],
)
def test_split_killed_at_any_moment(
    tmp_path: Path, forks: Forks, link: str, number: int, kills: int
) -> None:
    """100 kills: each cover is whole, in one set at most, and all end where they would."""
    kept, folder = tmp_path / "kept", tmp_path / "data"
    fill(kept, catalogue(150))
    whole = placed(kept / IMAGES)
    sets: list[dict[str, str]] = []

    def restore() -> None:
        copy_over(kept, folder)

    def check() -> None:
        check_ledger(folder)
        dealt = [placed(folder / "split" / name) for name in SETS]
        there = {path: body for each in dealt for path, body in each.items()}
        assert len(there) == sum(map(len, dealt))
        at_home = placed(folder / IMAGES)
        assert {path: whole[path] for path in there} == there
        assert (at_home if link != "move" else {**at_home, **there}) == whole
        assert link != "move" or at_home.keys().isdisjoint(there)

    def compare() -> None:
        sets.append(sets_of(folder))
        assert sets[-1] == sets[0]
        assert len(sets[0]) == len(whole)

    case = Case(folder, ("split", "--link", link), restore, check, compare)
    kill_often(forks, case, kills=kills, seed=LINKS.index(link), number=number)
