"""SIGKILL at any moment of the stages that make rows: the TSV is the old one or the new one."""

import shutil
import signal
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from fetches import pages_asked
from forks import Forks
from kills import TSV, Case, check_ledger, check_tsv, copy_over, kill_often
from support import make_context, read_rows, write_rows
from wholes import LABELS, LEDGER, LIMITS, small_catalogue

from equigen.commands import balance, download, fetch
from equigen.dataset.tsv import reading_tsv

FLAGS = [flag for label in LABELS for flag in ("--label", label)]
RESERVE = TSV.replace(".tsv", "_reserve.tsv")
EVEN = "length(artist) % 2 = 0"
# Pages that may be under way when a run is killed.
_UNDER_WAY = 8


STOP = pytest.param(signal.SIGTERM, 8, 9, id="SIGTERM")


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("number", "kills", "seed"), [*((signal.SIGKILL, 25, part) for part in range(4)), STOP]
)
def test_fetch_killed_at_any_moment(
    tmp_path: Path, forks: Forks, number: int, kills: int, seed: int
) -> None:
    """100 kills: no page but those under way is asked for twice, no row is lost or doubled."""
    with small_catalogue() as sandbox:
        context = make_context(tmp_path / "whole", base_url=sandbox.base_url, fetch=LIMITS)
        fetch.run(context)
        whole, folder, chain = context.tsv.read_bytes(), tmp_path / "data", 2
        needed = set(pages_asked(sandbox.log))

        def restore() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            sandbox.log.clear()

        def check() -> None:
            check_ledger(folder)
            if (folder / TSV).exists():
                with reading_tsv(folder / TSV) as tsv:
                    assert list(tsv.columns)
                    assert sum(1 for _ in tsv) >= 0
                assert whole.startswith((folder / TSV).read_bytes())

        def compare() -> None:
            assert (folder / TSV).read_bytes() == whole
            asked = pages_asked(sandbox.log)
            assert set(asked) == needed
            assert sum(asked.values()) - len(asked) <= chain * _UNDER_WAY

        limits = ("--genre-limit", "12", "--world-limit", "6")
        case = Case(
            folder, ("fetch", *FLAGS, *limits), restore, check, compare, chain, sandbox.base_url
        )
        kill_often(forks, case, kills=kills, seed=seed, number=number)


def marked_rows(count: int) -> list[dict[str, str]]:
    """Return rows with Discogs' marks, every third with the picture of the one before."""
    return [
        {
            "artist": f"Artist {number} ({number % 7 + 2})*",
            "album": f"Album {number}",
            "album_index": str(number),
            "genre": "Jazz",
            "year": "1999",
            "image_url": f"http://127.0.0.1:9/{number - number % 3 // 2}.jpg",
        }
        for number in range(count)
    ]


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize("stage", ["clean", "dedupe"])
@pytest.mark.parametrize(
    ("number", "kills", "seed"), [*((signal.SIGKILL, 25, part) for part in range(2)), STOP]
)
def test_a_stage_of_rows_killed_at_any_moment(
    tmp_path: Path, forks: Forks, stage: str, number: int, kills: int, seed: int
) -> None:
    """100 kills of clean, 50 of dedupe (50 more are below): the file is the old or the new one."""
    folder = tmp_path / "data"
    if stage == "clean" and number == signal.SIGKILL:
        kills *= 2
    old = write_rows(tmp_path / TSV, *marked_rows(4000)).read_bytes()
    folder.mkdir()
    new = b""

    def restore() -> None:
        (folder / TSV).write_bytes(old)

    def check() -> None:
        check_tsv(folder, old, new)

    def compare() -> None:
        nonlocal new
        body = (folder / TSV).read_bytes()
        new = new or body
        assert body == new != old

    case = Case(folder, (stage,), restore, check, compare)
    kill_often(forks, case, kills=kills, seed=seed, number=number)


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize("flags", [("--per-label", "900"), ("--undo",)], ids=["raise", "undo"])
@pytest.mark.parametrize(
    ("number", "kills", "seed"), [*((signal.SIGKILL, 25, part) for part in range(2)), STOP]
)
def test_balance_killed_at_any_moment(
    tmp_path: Path, forks: Forks, flags: tuple[str, ...], number: int, kills: int, seed: int
) -> None:
    """100 kills: each row is in the TSV or in the reserve, and the next run ends as one alone."""
    folder, kept = tmp_path / "data", tmp_path / "kept"
    write_rows(kept / TSV, *marked_rows(3000))
    balance.run(make_context(kept, balance={"per_label": 1000}))
    whole = files_of_rows(kept)
    more = [{"artist": "New", "album": f"{at}", "genre": "Folk"} for at in range(2000)]
    write_rows(kept / TSV, *read_rows(kept / TSV), *more)  # of which some are left out
    before, known = files_of_rows(kept), list[list[Counter[str]]]()
    assert sum(whole, Counter()).total() == 3000

    def restore() -> None:
        copy_over(kept, folder)

    def check() -> None:
        check_ledger(folder)
        tsv, reserve = files_of_rows(folder)
        assert (tsv | reserve).keys() == (before[0] | before[1]).keys()

    def compare() -> None:
        known.append(files_of_rows(folder))
        assert known[-1] == known[0] != before
        assert sum(known[0], Counter()) == sum(before, Counter())

    case = Case(folder, ("balance", *flags), restore, check, compare)
    kill_often(forks, case, kills=kills, seed=seed, number=number)


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "kills", "seed"), [*((signal.SIGKILL, 25, part) for part in range(2)), STOP]
)
def test_select_killed_at_any_moment(
    tmp_path: Path, forks: Forks, number: int, kills: int, seed: int
) -> None:
    """50 kills: no row is lost, and the next run leaves out what one alone does, also of balance's.

    Between the reasons of the reserve and the rows of the TSV there is a moment as well.
    """
    folder, kept = tmp_path / "data", tmp_path / "kept"
    write_rows(kept / TSV, *marked_rows(3000))
    balance.run(make_context(kept, balance={"per_label": 500}))
    before, known = files_of_rows(kept), list[list[Counter[str]]]()

    def reasons() -> Counter[str]:
        return Counter(row["reason"] for row in read_rows(folder / RESERVE))

    def restore() -> None:
        copy_over(kept, folder)

    def check() -> None:
        check_ledger(folder)
        tsv, reserve = files_of_rows(folder)
        assert (tsv | reserve).keys() == (before[0] | before[1]).keys()

    def compare() -> None:
        known.append([*files_of_rows(folder), reasons()])
        assert known[-1] == known[0] != before
        assert sum(known[0][:2], Counter()) == sum(before, Counter())

    case = Case(folder, ("select", "--where", EVEN, "--in-place"), restore, check, compare)
    kill_often(forks, case, kills=kills, seed=seed, number=number)
    assert known[0][2].keys() == {f"select: {EVEN}", "balance: beyond 500 of the label"}


def files_of_rows(folder: Path) -> list[Counter[str]]:
    """Return the albums of the TSV and of its reserve."""
    names = (TSV, RESERVE)
    return [
        Counter(f"{row['artist']} {row['album']}" for row in read_rows(folder / name))
        for name in names
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "kills", "seed"), [*((signal.SIGKILL, 25, part) for part in range(2)), STOP]
)
def test_comparing_covers_killed_at_any_moment(
    tmp_path: Path, forks: Forks, number: int, kills: int, seed: int
) -> None:
    """50 kills: what looks alike is found and dropped as in one run, and the covers stay."""
    kept, folder = tmp_path / "kept", tmp_path / "data"
    with small_catalogue() as sandbox:
        limits = {**LIMITS, "genre_limit": 25, "world_limit": 25}
        context = make_context(kept, base_url=sandbox.base_url, fetch=limits)
        fetch.run(context)
        rows = read_rows(context.tsv)
        # Half of the pictures once more, by others.
        copies = [{**row, "artist": f"{row['artist']} II", "album_id": ""} for row in rows[::2]]
        write_rows(context.tsv, *rows, *copies, columns=list(rows[0]))
        download.run(context)
    covers = {file.name: file.read_bytes() for file in context.images.rglob("*.jpg")}
    with sqlite3.connect(kept / LEDGER) as db:  # as before anybody looked at them
        db.execute("DELETE FROM looks")
    db.close()
    old, new = context.tsv.read_bytes(), b""
    copy_over(kept, folder)

    def restore() -> None:
        for file in folder.glob(f"{LEDGER}*"):
            file.unlink()
        shutil.copyfile(kept / LEDGER, folder / LEDGER)
        (folder / TSV).write_bytes(old)

    def check() -> None:
        check_ledger(folder)
        check_tsv(folder, old, new)

    known: list[Counter[str]] = []

    def compare() -> None:
        nonlocal new
        new = new or (folder / TSV).read_bytes()
        assert (folder / TSV).read_bytes() == new != old
        db = sqlite3.connect(folder / LEDGER)
        sums = "SELECT count(*) FROM looks UNION ALL SELECT count(*) FROM pairs"
        counts = Counter({str(at): count for at, (count,) in enumerate(db.execute(sums))})
        db.close()
        known.append(counts)
        assert counts == known[0]
        assert {f.name: f.read_bytes() for f in folder.rglob("*.jpg")} == covers

    case = Case(folder, ("dedupe", "--covers", "--drop"), restore, check, compare)
    kill_often(forks, case, kills=kills, seed=seed, number=number)
