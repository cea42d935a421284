"""The ledger: what it refuses, and what it keeps."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from equigen.errors import LedgerError
from equigen.ledger import LAST_FETCH, LAST_REFRESH, Cover, Ledger, PageUse, StoredPage
from equigen.rules.selection import Identity
from equigen.schema import Album, Listing

LISTINGS = tuple(
    Listing(f"A{n}", "T", "1999", "http://x", f"discogs:r{n}", ("Jazz",), (), "US", ("LP", "Album"))
    for n in range(5)
)
PAGE = StoredPage("q", 1, 2020, 5, 1, LISTINGS, others=2, rows_left=5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger lies."""
    return tmp_path / "ledger.sqlite"


def test_a_page_is_used_up_row_by_row(path: Path) -> None:
    """What is left of a page comes back as it came, also after closing and opening."""
    with Ledger(path) as ledger:
        ledger.store_page(PAGE, asked_at="now")
        assert ledger.listings("q", 1) == list(LISTINGS)
        assert [page.begun for page in ledger.page_extents()] == [False]
        album = Album(LISTINGS[0], album_index=1, genre="Jazz", year="1999")
        taken = [(album, Identity.of(album.listing, "Jazz"))]
        ledger.use_pages([PageUse("q", 1, rows_left=2)], taken=taken)
    with Ledger(path) as ledger:
        assert ledger.listings("q", 1) == list(LISTINGS[3:])
        assert [page.begun for page in ledger.page_extents()] == [True]
        ledger.use_pages([PageUse("q", 1, rows_left=0)], taken=[])
        assert ledger.listings("q", 1) == []
        (page,) = ledger.page_extents()
        assert (page.rows_left, page.items, page.others) == (0, 5, 2)
        (pending,) = ledger.pending_rows()
        assert pending.cells == album.cells()
        assert [(each.pending, each.year) for each in ledger.taken()] == [(True, "1999")]
        ledger.mark_written([pending])
        assert ledger.pending_rows() == []
        assert [each.identity.album_id for each in ledger.taken()] == ["discogs:r0"]


def test_a_ledger_of_a_newer_version_is_refused(path: Path) -> None:
    """It is said plainly, and nothing is changed."""
    with Ledger(path):
        pass
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"format 99.*newer"):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    """A SQLite file that isn't ours is left alone."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(LedgerError, match="not EquiGen's"):
        Ledger(path)


def test_a_damaged_ledger_is_said_plainly(path: Path) -> None:
    """Junk in the file is one line with a way out."""
    path.write_bytes(b"junk" * 5000)
    with pytest.raises(LedgerError, match="move it away") as caught:
        Ledger(path)
    assert "\n" not in str(caught.value)


def test_reading_makes_no_ledger(path: Path) -> None:
    """Opened only to read, a missing ledger is an error, not a new file."""
    with pytest.raises(LedgerError):
        Ledger(path, read_only=True)
    assert not path.exists()


def test_reading_leaves_nothing_beside_the_ledger(path: Path) -> None:
    """Who only reads changes nothing, also while another writes, and tidies up when it closes."""
    with Ledger(path) as writer:
        with Ledger(path, read_only=True) as reader:
            assert reader.covers() == {}
            with pytest.raises(LedgerError):
                reader.count_request("h", "d")
        writer.count_request("h", "d")
    with Ledger(path, read_only=True) as reader:
        assert reader.requests_on("h", "d") == 1
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_many_threads_may_write(path: Path) -> None:
    """Covers recorded from several threads are all there."""
    with Ledger(path) as ledger, ThreadPoolExecutor(8) as pool:
        covers = [Cover(f"{n}", "p", "u", "ok") for n in range(200)]
        list(pool.map(ledger.record_cover, covers))
        list(pool.map(lambda _: ledger.count_request("h", "d"), range(100)))
        assert ledger.covers() == {
            cover.path: cover for cover in sorted(covers, key=lambda c: c.path)
        }
        assert ledger.requests_on("h", "d") == 100


def test_a_refresh_forgets_pages_once(path: Path) -> None:
    """An open refresh goes on; other queries join it, slices with theirs, and the rest stays."""
    jazz, cut, blues = '["d", ["Jazz"]]', '["d", ["Jazz"], ["US"]]', '["d", ["Blues"]]'

    def store(ledger: Ledger, *queries: str) -> None:
        for query in queries:
            ledger.store_page(StoredPage(query, 1, 2022, 0, 1, (), 0, 0), asked_at="now")

    def queries(ledger: Ledger) -> set[str]:
        return {page.query for page in ledger.page_extents()}

    with Ledger(path) as ledger:
        store(ledger, jazz, cut, blues)
        ledger.start_refresh([jazz])
        assert queries(ledger) == {blues}
        store(ledger, jazz)
        ledger.start_refresh([jazz])
        assert queries(ledger) == {jazz, blues}
        ledger.start_refresh([jazz, blues])
        assert queries(ledger) == {jazz}
        ledger.end_fetch(ended_at="then")
        assert ledger.value(LAST_REFRESH) == ledger.value(LAST_FETCH) == "then"
        ledger.end_fetch(ended_at="later")
        assert (ledger.value(LAST_REFRESH), ledger.value(LAST_FETCH)) == ("then", "later")
        ledger.start_refresh([jazz])
        assert queries(ledger) == set()


def test_an_empty_file_is_a_new_ledger(path: Path) -> None:
    """A process killed before it wrote anything leaves no trap, not even for who only reads."""
    path.touch()
    with Ledger(path, read_only=True) as ledger:
        assert ledger.covers() == {}
