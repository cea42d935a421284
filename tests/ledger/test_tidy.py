"""Housekeeping of the ledger: what no run needs any more goes, and nothing else."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import posix_only
from wholes import tables_of

from equigen.errors import StorageError
from equigen.ledger.backup import back_up, copies_of
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import OK, Cover, PageUse, StoredPage
from equigen.schema import Listing

TODAY = datetime(2026, 6, 15, 12, tzinfo=UTC)
LISTING = Listing("A", "T", "1999", "http://x", "discogs:r1", ("Jazz",), (), "US", ("LP",))
# Freed by pages whose listings are used up: more than the 16 MiB from which on it is worth it.
MANY = 300


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger lies."""
    return tmp_path / "equigen_ledger.sqlite"


def day(number: int) -> str:
    """Return a day so many days from today."""
    return (TODAY + timedelta(number)).date().isoformat()


def cover(picture: str, sha256: str, status: str = OK) -> Cover:
    """Return what became of a picture."""
    return Cover(picture, f"http://a/{picture}", status, sha256=sha256)


def with_free_pages(path: Path, count: int = MANY) -> None:
    """Make a ledger of so many pages of 64 KiB that are used up."""
    listing = Listing("A", "T" * 65536, "1999", "", "discogs:r1", (), (), "", ())
    with Ledger(path) as ledger:
        for number in range(count):
            page = StoredPage(f"q{number}", 1, 2020, 1, 1, 0, 1, listings=(listing,))
            ledger.store_page(page, asked_at=TODAY.isoformat())
        ledger.use_pages((PageUse(f"q{number}", 1, 0) for number in range(count)), taken=())
        ledger.record_covers([cover("p", "ff")])


def test_past_days_go_but_those_that_a_wrong_clock_could_bring_back(path: Path) -> None:
    """Today, tomorrow, and each host's last seven days stay; a quota holds as before."""
    with Ledger(path) as ledger:
        for number in range(-90, 2):
            ledger.count_request("busy", day(number))
        ledger.count_request("gone", day(-90))
        before = {number: ledger.requests_on("busy", day(number)) for number in (-3, -2, -1, 0, 1)}
        ledger.tidy(day(0))
        assert {n: ledger.requests_on("busy", day(n)) for n in before} == before
        assert ledger.requests_on("busy", day(-30)) == 0
        assert ledger.requests_on("gone", day(-90)) == 1
    assert len(tables_of(path)["requests"]) == 8


@pytest.mark.parametrize("wrong", [-20_000, -400, 400, 4000])
def test_a_quota_outlasts_some_days_of_a_wrong_clock(path: Path, wrong: int) -> None:
    """Today's count is there again once the clock is right, and the wrong day has its own."""
    with Ledger(path) as ledger:
        for number in range(-30, 1):
            ledger.count_request("host", day(number))
        ledger.tidy(day(0))
        for number in range(wrong, wrong + 6):
            ledger.count_request("host", day(number))
            ledger.tidy(day(number))
            assert ledger.requests_on("host", day(number)) == 1
        assert ledger.requests_on("host", day(0)) == 1


def test_descriptors_of_bytes_that_no_cover_has_any_more_go(path: Path) -> None:
    """Those of other covers stay, and so does one whose cover came again as it was."""
    with Ledger(path) as ledger:
        both = [cover("p1", "aa"), cover("p2", "bb"), cover("p3", "cc")]
        ledger.record_covers(both, looks={"aa": b"1", "bb": b"2", "cc": b"3", "dd": b"of no cover"})
        changed = [cover("p1", "ee"), cover("p2", "bb"), cover("p3", "", "failed")]
        ledger.record_covers(changed, looks={"ee": b"5", "bb": b"2"})
        assert ledger.looked_at() == {"bb", "dd", "ee"}
        ledger.record_covers([cover("p3", "cc")], looks={"cc": b"3"})
        assert ledger.looks_of(["cc"]) == {"cc": b"3"}


def test_only_pages_of_longer_queries_name_their_albums(path: Path) -> None:
    """They tell whether results moved; a query's only page can't show another's albums."""
    with Ledger(path) as ledger:
        for query, pages in (("one", 1), ("two", 2)):
            page = StoredPage(query, 1, 2020, pages, pages, 0, 1, listings=(LISTING,))
            ledger.store_page(page, asked_at=TODAY.isoformat())
        assert list(ledger.page_albums()) == [("two", 1, ["discogs:r1"])]
        assert ledger.listings("one", 1) == [LISTING]
    assert [row[-1] for row in tables_of(path)["pages"]] == ["[]", '["discogs:r1"]']


def test_free_pages_go_back_to_the_disk_before_the_copy(path: Path) -> None:
    """All rows are the same; the copy is as small, and the next run leaves both as they are."""
    with_free_pages(path)
    rows, large = tables_of(path), path.stat().st_size
    assert large > 16 * 1024 * 1024
    assert back_up(path, command="run", now=TODAY) == ""
    last, _ = copies_of(path)
    assert max(path.stat().st_size, last.stat().st_size) < large / 50
    assert tables_of(path) == tables_of(last) == rows
    made = last.stat().st_ino
    assert back_up(path, command="run", now=TODAY) == ""
    assert last.stat().st_ino == made


def test_a_few_free_pages_stay_for_later_rows(path: Path) -> None:
    """To write a ledger anew would take longer than it is worth."""
    with_free_pages(path, MANY // 2)
    large = path.stat().st_size
    with Ledger(path) as ledger:
        ledger.tidy(day(0))
    assert path.stat().st_size == large


def test_a_reader_has_the_ledger_open_meanwhile(path: Path) -> None:
    """It goes on with what it saw; the ledger shrinks once it has gone."""
    with_free_pages(path)
    with closing(sqlite3.connect(path)) as reader:
        rows = reader.execute("SELECT query FROM pages")
        first = rows.fetchone()
        assert back_up(path, command="run", now=TODAY) == ""
        assert len({first, *rows}) == MANY
    with Ledger(path) as ledger:
        assert len(list(ledger.page_extents())) == MANY
    assert path.stat().st_size < 16 * 1024 * 1024


def test_without_room_for_it_the_ledger_stays_large_and_is_copied(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Housekeeping fails no run, and stands in the way of no copy."""

    def full(_ledger: Ledger) -> None:
        msg = "no space left on the disk"
        raise StorageError(msg)

    with_free_pages(path)
    monkeypatch.setattr(Ledger, "_vacuum", full)
    rows = tables_of(path)
    assert back_up(path, command="run", now=TODAY) == ""
    assert tables_of(copies_of(path)[0]) == tables_of(path) == rows


@pytest.mark.long
@posix_only
def test_a_process_that_is_killed_meanwhile_loses_nothing(path: Path) -> None:
    """Wherever it is killed, all rows are there, and the next good run tidies up."""
    with_free_pages(path)
    rows = tables_of(path)
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom equigen.ledger.ledger import Ledger\n"
        "steps = int(sys.argv[2])\n"
        "with Ledger(Path(sys.argv[1])) as ledger:\n"
        "    ledger._db.set_progress_handler(lambda: os.kill(os.getpid(), 9), steps)\n"
        "    ledger._vacuum()\n"
    )
    ends = set()
    for steps in (100, 1000, 2000, 3000, 4000, 10**9):
        done = subprocess.run([sys.executable, "-c", script, path, str(steps)], check=False)
        ends.add(done.returncode)
        assert tables_of(path) == rows
    assert ends == {-signal.SIGKILL, 0}
    assert path.stat().st_size < 16 * 1024 * 1024
    assert os.listdir(path.parent) == [path.name]  # noqa: PTH208
