"""The ledger: what it refuses, and what it keeps."""

import dataclasses
import signal
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from formats import FORMAT_5

from equigen import interrupts
from equigen.errors import LedgerError
from equigen.identity.pictures import picture_key
from equigen.ledger import database, ledger
from equigen.ledger.ledger import LAST_FETCH, LAST_REFRESH, Ledger
from equigen.ledger.models import (
    AlbumSet,
    Cover,
    CoverPair,
    CrawlPage,
    FileOf,
    Lead,
    PageUse,
    Placement,
    Rating,
    StoredLook,
    StoredPage,
)
from equigen.schema import Album, Listing

LISTINGS = tuple(
    Listing(f"A{n}", "T", "1999", "http://x", f"discogs:r{n}", ("Jazz",), (), "US", ("LP", "Album"))
    for n in range(5)
)
PAGE = StoredPage("q", 1, 2020, 5, 1, others=2, rows_left=5, listings=LISTINGS)


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
        ledger.use_pages([PageUse("q", 1, rows_left=2)], taken=[album])
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
        ledger.mark_written(pending.seq)
        assert list(ledger.pending_rows()) == []
        assert (ledger.pending(), ledger.last_pending()) == (0, 0)
        assert [each.identity.album_id for each in ledger.taken()] == ["discogs:r0"]


def test_reading_that_ends_after_the_ledger_is_closed_says_nothing(path: Path) -> None:
    """As where a signal stops a run amid its rows: Python ends the reading when it tidies up."""
    with Ledger(path) as ledger:
        ledger.store_page(PAGE, asked_at="now")
        reading: Any = ledger.page_extents()
        assert next(reading).query == "q"
    reading.close()


@pytest.mark.parametrize("version", [0, -1, -100_663_290])
def test_a_ledger_of_no_format_is_refused(tmp_path: Path, version: int) -> None:
    """Formats are counted from 1, and a damaged header may say anything."""
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(LedgerError, match="is not EquiGen's ledger"):
        Ledger(path)


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
    with pytest.raises(LedgerError, match="`equigen repair`") as caught:
        Ledger(path)
    assert "\n" not in str(caught.value)


def test_reading_makes_no_ledger(path: Path) -> None:
    """Opened only to read, a missing ledger is an error, not a new file."""
    with pytest.raises(LedgerError):
        Ledger(path, read_only=True)
    assert not path.exists()


def test_reading_leaves_nothing_beside_the_ledger(path: Path) -> None:
    """A reader changes nothing, also while another writes, and tidies up when it closes."""
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
        covers = [Cover(f"{n}", "u", "ok") for n in range(200)]
        list(pool.map(lambda cover: ledger.record_covers([cover]), covers))
        list(pool.map(lambda _: ledger.count_request("h", "d"), range(100)))
        assert ledger.covers() == {
            cover.picture: cover for cover in sorted(covers, key=lambda c: c.picture)
        }
        assert ledger.requests_on("h", "d") == 100


def test_a_refresh_forgets_pages_once(path: Path) -> None:
    """An open refresh goes on; other queries join it, slices with theirs, and the rest stays."""
    jazz, cut, blues = '["d", ["Jazz"]]', '["d", ["Jazz"], ["US"]]', '["d", ["Blues"]]'

    def store(ledger: Ledger, *queries: str) -> None:
        for query in queries:
            ledger.store_page(StoredPage(query, 1, 2022, 0, 1, 0, 0), asked_at="now")

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
    """A process killed before it wrote anything leaves no trap; who only reads makes nothing."""
    path.touch()
    with pytest.raises(LedgerError, match="it is empty"):
        Ledger(path, read_only=True)
    assert path.read_bytes() == b""
    with Ledger(path) as ledger:
        assert ledger.covers() == {}


# A ledger as it was before covers were compared.
FORMAT_3 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pages (query TEXT NOT NULL, page INTEGER NOT NULL, year INTEGER NOT NULL,
    items INTEGER NOT NULL, pages INTEGER NOT NULL, listings TEXT, others INTEGER NOT NULL,
    rows_left INTEGER NOT NULL, asked_at TEXT NOT NULL, PRIMARY KEY (query, page)) WITHOUT ROWID;
CREATE TABLE albums (seq INTEGER PRIMARY KEY, album_id TEXT NOT NULL, artist TEXT NOT NULL,
    title TEXT NOT NULL, picture TEXT NOT NULL, genre TEXT NOT NULL, album_index INTEGER NOT NULL,
    cells TEXT);
CREATE TABLE covers (path TEXT PRIMARY KEY, picture TEXT NOT NULL, url TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, http_status INTEGER NOT NULL,
    tries INTEGER NOT NULL, size_bytes INTEGER NOT NULL, width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL, sha256 TEXT NOT NULL, fetched_at TEXT NOT NULL,
    final_url TEXT NOT NULL, rendering TEXT NOT NULL, etag TEXT NOT NULL,
    last_modified TEXT NOT NULL, phash TEXT NOT NULL, grey BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX covers_by_picture ON covers (picture);
CREATE TABLE sets (path TEXT PRIMARY KEY, set_name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE placements (seq INTEGER PRIMARY KEY, album TEXT NOT NULL UNIQUE,
    set_name TEXT NOT NULL, ties TEXT NOT NULL);
CREATE TABLE requests (host TEXT NOT NULL, day TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (host, day)) WITHOUT ROWID;
INSERT INTO meta VALUES ('split_link', 'move');
INSERT INTO covers VALUES ('Jazz/a.jpg', 'pa', 'http://x/a', 'ok', '', 200, 2, 11, 12, 13, 'sha a',
    'then', 'http://y/a', '64 crop png', 'etag', 'modified', '0123456789abcdef', x'00ff');
INSERT INTO covers VALUES ('Jazz/b.jpg', 'pb', 'http://x/b', 'failed', 'HTTP 500', 500, 3, 0, 0, 0,
    '', 'then', '', 'original', '', '', '', x'');
INSERT INTO sets VALUES ('Jazz/a.jpg', 'train');
INSERT INTO placements VALUES (7, 'm1', 'train', '["artist a", "cover sha a"]');
INSERT INTO requests VALUES ('x', '2026-06-15', 5);
PRAGMA application_id = 0x45714733;
PRAGMA user_version = 3;
"""


def columns_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the columns of each table, and which columns each index is on."""
    with sqlite3.connect(path) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema")]
        found = {
            name: db.execute(f"PRAGMA table_info('{name}')").fetchall()
            + db.execute(f"PRAGMA index_info('{name}')").fetchall()
            for name in names
        }
    db.close()
    return found


def test_an_older_ledger_keeps_what_it_knows(path: Path) -> None:
    """Covers, sets and placements; then it has the tables that a new one has."""
    with sqlite3.connect(path) as db:
        db.executescript(FORMAT_3)
    db.close()
    with Ledger(path) as ledger:
        one = Cover(
            "pa", "http://x/a", "ok", "", 200, 2, 11, 12, 13, "sha a", "then",
            "http://y/a", "64 crop png", "etag", "modified", "0123456789abcdef",
        )  # fmt: skip
        other = Cover("pb", "http://x/b", "failed", "HTTP 500", 500, 3, failures=1)
        assert ledger.covers() == {
            "pa": one,
            "pb": dataclasses.replace(other, fetched_at="then"),
        }
        assert ledger.covers_of(["pa"]) == {"pa": one}
        assert ledger.files_of(["pa", "pb"]) == {"pa": ["Jazz/a.jpg"]}
        assert ledger.sets() == ledger.laid_out() == {"Jazz/a.jpg": "train"}
        assert ledger.placements() == [Placement("m1", "train", ("artist a", "cover sha a"))]
        assert ledger.requests_on("x", "2026-06-15") == 5
        assert ledger.value("split_link") == "move"
        assert ledger.looked_at() == set()
        ledger.record_covers([one])
    with Ledger(path.with_name("new.sqlite")):
        pass
    assert columns_of(path) == columns_of(path.with_name("new.sqlite"))


def test_a_file_counts_only_with_the_bytes_that_are_known(path: Path) -> None:
    """Where a picture has other bytes now, or none any more, its other files are forgotten."""
    one, other = FileOf("p", "Jazz/a.jpg"), FileOf("p", "Rock/a.jpg")
    cover = Cover("p", "u", "ok", size_bytes=3, sha256="old")
    with Ledger(path) as ledger:
        ledger.record_covers([cover], files=[one, other])
        ledger.record_covers([dataclasses.replace(cover, etag="e")], files=[one])
        assert ledger.files_of(["p", "q"]) == {"p": [one.path, other.path]}
        assert list(ledger.identical_covers()) == [[one.path, other.path]]
        ledger.record_covers([dataclasses.replace(cover, sha256="new")], files=[other])
        assert ledger.files_of(["p"]) == {"p": [other.path]}
        assert list(ledger.cover_digests()) == [other.path]
        assert set(ledger.covers_at([one, other])) == {other.path}
        ledger.record_files([one])
        ledger.forget_files([other])
        assert ledger.files_of(["p"]) == {"p": [one.path]}
        ledger.record_covers([Cover("p", "u", "missing", "HTTP 404")])
        assert list(ledger.files()) == []
        assert set(ledger.covers_at([one, other])) == {one.path, other.path}


def test_an_album_with_several_files_has_the_set_of_each(path: Path) -> None:
    """Nearly all have one, and are found by their keys wherever the file lies."""
    sets = [
        AlbumSet("m1", "Jazz/a.jpg", "train"),
        AlbumSet("m2", "Jazz/b.jpg", "val"),
        AlbumSet("m2", "Rock/b.jpg", "aside"),
        AlbumSet("", "Pop/c.jpg", "test"),
    ]
    with Ledger(path) as ledger:
        ledger.record_sets(sets)
        assert ledger.laid_out() == {each.path: each.set_name for each in sets}
        known = ledger.sets()
        assert known == {"m1": "train", "m2": "val", "Rock/b.jpg": "aside", "Pop/c.jpg": "test"}
        assert ledger.sets_of(["m2"], ["Jazz/a.jpg"]) == {"m2": "val", "Rock/b.jpg": "aside"}
        assert ledger.sets_of([""], ["Pop/c.jpg"]) == {"Pop/c.jpg": "test"}


def test_covers_that_were_known_by_their_paths_are_known_by_their_pictures(path: Path) -> None:
    """Of several paths the good one counts, else the newest; files with its bytes show it."""
    rows = [  # path, picture, url, status, fetched_at, sha256
        ("Jazz/a.jpg", "p", "http://x/p", "ok", "2026-01-01", "new"),
        ("Pop/a.jpg", "p", "http://x/p", "missing", "2026-02-02", ""),
        ("Rock/a.jpg", "p", "http://x/p", "ok", "2026-01-01", "new"),
        ("Folk/a.jpg", "p", "http://x/p", "ok", "2025-01-01", "old"),
        ("Jazz/b.jpg", "q", "http://x/q", "missing", "2026-01-01", ""),
        ("Rock/b.jpg", "q", "http://x/q", "failed", "2026-03-03", ""),
        ("Jazz/c.jpg", "", "", "ok", "2026-01-01", "c"),
        ("Jazz/d.jpg", "here.jpg", "here.jpg", "ok", "2026-01-01", "d"),
        ("Jazz/e.jpg", "s", "http://x/spacer.gif", "ok", "2026-01-01", "e"),
    ]
    with sqlite3.connect(path) as db:
        db.executescript(FORMAT_5)
        db.executemany(
            "INSERT INTO covers VALUES (?1, ?2, ?3, ?4, '', 0, 1, 5, 6, 7, ?6, ?5, '', 'original',"
            " '', '', '', 0)",
            rows,
        )
    db.close()
    with Ledger(path) as ledger:
        ends = {key: (each.status, each.fetched_at) for key, each in ledger.covers().items()}
        assert ends == {
            "p": ("ok", "2026-01-01"),
            "q": ("failed", "2026-03-03"),
            "file:c.jpg": ("ok", "2026-01-01"),
            "file:d.jpg": ("ok", "2026-01-01"),
            "file:e.jpg": ("ok", "2026-01-01"),
        }
        assert ledger.files_of(ends) == {
            "p": ["Jazz/a.jpg", "Rock/a.jpg"],
            "file:c.jpg": ["Jazz/c.jpg"],
            "file:d.jpg": ["Jazz/d.jpg"],
            "file:e.jpg": ["Jazz/e.jpg"],
        }


def test_ratings_are_remembered_with_their_date(path: Path) -> None:
    """The last answer counts, and what the source didn't tell stays unknown."""
    first, last = "2026-06-15T12:00:00+00:00", "2026-06-16T12:00:00+00:00"
    with Ledger(path) as ledger:
        ledger.record_rating("discogs:m1", Rating(3, 4.5, 20, 7), asked_at=first)
        ledger.record_rating("discogs:m2", Rating(), asked_at=first)
        ledger.record_rating("discogs:m1", Rating(4, 4.25, 21, 6), asked_at=last)
    with Ledger(path, read_only=True) as ledger:
        assert ledger.ratings() == {"discogs:m1": Rating(4, 4.25, 21, 6), "discogs:m2": Rating()}
        assert ledger.rated_since(first) == {"discogs:m1", "discogs:m2"}
        assert ledger.rated_since(last) == {"discogs:m1"}


def test_a_rating_is_made_of_numbers(path: Path) -> None:
    """A text in their place, as a stranger's ledger may have, is damage: it reaches no TSV."""
    with Ledger(path) as ledger:
        ledger.record_rating("discogs:m1", Rating(1, 4.0, 2, 3), asked_at="2026-06-15T12:00:00Z")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE ratings SET have = 'a lot'")
    db.close()
    with Ledger(path) as ledger, pytest.raises(LedgerError, match="damaged"):
        ledger.ratings()


def test_a_ledger_of_format_6_gets_a_table_of_ratings(path: Path) -> None:
    """All else stays as it is."""
    with Ledger(path) as ledger:
        ledger.record_covers([Cover("p", "u", "ok")])
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE ratings")
        db.execute("DROP TABLE additions")
        db.execute("DROP TABLE crawl")
        db.execute("PRAGMA user_version = 6")
    db.close()
    with Ledger(path, read_only=True) as ledger:
        assert ledger.ratings() == {}
    with Ledger(path) as ledger:
        assert (list(ledger.covers()), ledger.ratings()) == (["p"], {})
        ledger.record_rating("discogs:m1", Rating(1, 5.0, 1, 0), asked_at="2026-06-15T12:00:00Z")


def test_a_ledger_of_format_7_knows_covers_at_spotify_in_all_sizes(path: Path) -> None:
    """All sizes of a cover have one key since; other addresses keep theirs."""
    large = f"https://i.scdn.co/image/ab67616d0000b273{'0123456789ab' * 2}"
    old = f"https://i.scdn.co/image/{'54533347f41c7d0a' * 2}96eba8f6"
    with Ledger(path) as ledger:
        ledger.record_covers([Cover(each, each, "ok") for each in (large, old)])
        ledger.record_files([FileOf(large, "Jazz/1.jpg")])
    with sqlite3.connect(path) as db:
        for table in "additions", "crawl":
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version = 7")
    db.close()
    with Ledger(path) as ledger:
        assert {*ledger.covers()} == {picture_key(large), old}
        assert ledger.files_of([picture_key(large)]) == {picture_key(large): ["Jazz/1.jpg"]}
        assert ledger.crawl_page("a task") is None


def test_an_answer_of_a_crawl_is_remembered_and_trimmed(path: Path) -> None:
    """Albums that may still be taken stay, and so does what it leads to."""
    albums = tuple(
        Listing("A", f"{number}", "1999", "", f"spotify:{number}", (), (), "", ())
        for number in range(3)
    )
    page = CrawlPage(albums, (Lead("b", ("jazz", "bop")), Lead("c")))
    with Ledger(path) as ledger:
        assert ledger.crawl_page("a") is None
        ledger.store_crawl_page("a", page, asked_at="2026-01-01T00:00:00+00:00")
        assert ledger.crawl_page("a") == page
        ledger.use_pages((), answers={"a": albums[1:2]})
        assert ledger.crawl_page("a") == CrawlPage(albums[1:2], page.leads, is_used=True)
        ledger.store_crawl_page("b", CrawlPage(), asked_at="2026-01-02T00:00:00+00:00")
        ledger.store_crawl_page("c", CrawlPage(), asked_at="2026-01-02T23:00:00+00:00")
        assert ledger.crawled_by_day() == {"2026-01-01": 1, "2026-01-02": 2}


def test_what_looks_alike_is_remembered(path: Path) -> None:
    """The first look at a file counts; pairs take the place of what was known, groups of all."""
    pairs = [CoverPair("a", "b", 3, 0.9), CoverPair("a", "c", 8, 0.2, is_alike=False)]
    with Ledger(path) as ledger:
        ledger.record_covers((), looks={"b": b"two", "a": b""})
        more = {"a": b"other", "c": b"three"}
        ledger.record_covers([Cover("p", "u", "ok")], looks=more)
        ledger.record_pairs(reversed(pairs))
        ledger.record_groups({"a": "a", "b": "a"})
        ledger.record_groups({"c": "c", "d": "c"})
    with Ledger(path, read_only=True) as ledger:
        looks = [StoredLook("b", b"two"), StoredLook("a", b""), StoredLook("c", b"three")]
        assert list(ledger.looks()) == looks
        assert ledger.looks_of(["c", "x"]) == {"c": b"three"}
        assert ledger.looked_at() == {"a", "b", "c"}
        assert list(ledger.compared()) == pairs
        assert ledger.cover_pairs() == pairs[:1]
        assert ledger.cover_groups() == {"c": "c", "d": "c"}
        assert set(ledger.covers()) == {"p"}
    with Ledger(path) as ledger:
        ledger.record_pairs([pairs[1]._replace(is_alike=True)])
        assert len(ledger.cover_pairs()) == 2
        ledger.forget_pairs()
        assert list(ledger.compared()) == []
        assert ledger.looked_at() == {"a", "b", "c"}


def test_an_interrupt_leaves_no_transaction_open(tmp_path: Path) -> None:
    """At whichever instruction of a transaction Ctrl-C comes: the ledger takes the next one."""
    modules = {interrupts.__name__, database.__name__, ledger.__name__, "contextlib"}
    instructions = at = 0

    def trace(frame: FrameType, event: str, _arg: object) -> Any:  # noqa: ANN401
        nonlocal instructions
        if frame.f_globals.get("__name__") not in modules:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            instructions += 1
            if instructions == at:
                signal.raise_signal(signal.SIGINT)
        return trace

    before: Any = sys.gettrace()
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        while instructions >= at:
            instructions, at = 0, at + 1
            handler = signal.getsignal(signal.SIGINT)
            try:
                sys.settrace(trace)
                opened.remember("key", str(at))
            except KeyboardInterrupt:
                pass
            finally:
                sys.settrace(before)
                signal.signal(signal.SIGINT, handler)
            opened.remember("key", f"after {at}")
            assert opened.value("key") == f"after {at}"
    assert at > 100
