"""The status stage, from an empty folder to a whole dataset."""

import json
import os
import re
import shutil
from collections import Counter
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest
from support import NOON, ROOT, make_context, write_rows

from equigen.cli.console import as_text
from equigen.commands import balance, clean, dedupe, download, fetch, select, split, status
from equigen.dataset.context import Context
from equigen.dataset.covers import dataset_covers
from equigen.dataset.dataset import Dataset
from equigen.dataset.history import noted
from equigen.errors import InputError, StorageError
from equigen.ledger.ledger import LAST_SOURCE, TSV_FACTS, Ledger
from equigen.ledger.models import AlbumSet, Cover, FileOf, PageUse, Rest
from equigen.ledger.values import read_tsv_facts
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.handlers import Reply
from equigen.sandbox.server import Sandbox
from equigen.schema import COLUMNS, Album, Group, Link, Listing
from equigen.summary import Summary


def test_status_names_the_next_step_from_start_to_end(tmp_path: Path) -> None:
    """What is there, what is missing, and what to run, after each stage."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        context = make_context(
            tmp_path,
            base_url=sandbox.base_url,
            fetch={"labels": ["Jazz", "Salsa"], "genre_limit": 5, "world_limit": 5},
        )
        empty = status.run(context)
        assert (empty.rows_in, empty.facts["next"]) == (0, "equigen fetch")
        assert list(tmp_path.iterdir()) == [], "status writes nothing"
        fetch.run(context)
        fetched = status.run(context).facts
        assert (fetched["waiting"], fetched["next"]) == (10, "equigen clean")
        clean.run(context)
        assert status.run(context).facts["next"] == "equigen dedupe"
        dedupe.run(context)
        assert status.run(context).facts["next"] == "equigen download"
        assert fetched["last_fetch"] == "2026-06-15T12:00:00+00:00"
        numbers = count()  # of which no two threads get the same
        sandbox.hook = lambda hit: Reply(404) if next(numbers) < 2 else None
        download.run(context)
        loaded = status.run(context).facts
        assert loaded["covers"] == 8
        assert loaded["not_had"] == {"HTTP 404": 2}
        assert loaded["next"] == "equigen split"
        split.run(context)
        done = status.run(context).facts
        sets = done["sets"]
        assert isinstance(sets, dict)
        assert sum(sets.values()) == 8
        assert str(done["next"]).startswith("nothing")


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("link", "group"),
    [
        (Link.COPY, Group.NONE),
        (Link.MOVE, Group.ARTIST_COVER),
        (Link.COPY, Group.ARTIST_COVER),
        (Link.MOVE, Group.NONE),
    ],
)
def test_the_first_stage_that_is_due_is_named(tmp_path: Path, group: Group, link: Link) -> None:
    """After rows left or came, until their covers are set aside or back, and out of or in sets."""
    with Sandbox(make_catalogue(albums_per_label=8)) as sandbox:

        def with_settings(limit: int = 6, per_label: int = 0) -> Context:
            return make_context(
                tmp_path,
                base_url=sandbox.base_url,
                fetch={"labels": ["Jazz", "Rock"], "genre_limit": limit},
                balance={"per_label": per_label},
                split={"group": group},
            )

        def next_of(context: Context) -> str:
            return str(status.run(context).facts["next"])

        def follow(context: Context, *stages: ModuleType) -> None:
            for stage in stages:
                assert next_of(context) == f"equigen {stage.__name__.rpartition('.')[2]}"
                stage.run(context, **({"link": link} if stage is split else {}))
            assert next_of(context).startswith("nothing")

        usual, even = with_settings(), with_settings(per_label=4)
        follow(usual, fetch, clean, dedupe, download, split)
        follow(even, balance, download, split)
        assert next_of(with_settings(per_label=3)) == "equigen balance"
        balance.run(even, undo=True)
        assert next_of(even) == "equigen balance"
        follow(usual, download, split)
        select.run(usual, where="genre = 'Jazz'", in_place=True)
        follow(usual, download, split)
        fetch.run(more := with_settings(limit=7))
        assert next_of(with_settings(limit=7, per_label=9)) == "equigen clean"
        follow(more, clean, dedupe, download, split)
        before = more.tsv.read_bytes()
        more.tsv.write_bytes(b"".join(before.splitlines(keepends=True)[:-1]))
        follow(more, download, split)
        more.tsv.write_bytes(before)
        follow(more, download, split)


def test_rows_that_are_not_in_the_tsv_yet_are_told(tmp_path: Path) -> None:
    """Rows that a killed fetch left in the ledger count as such, and fetch is the next step."""
    context = make_context(tmp_path)
    write_rows(context.tsv, {"artist": "A", "genre": "Jazz", "image_url": "http://x/a.jpg"})
    listing = Listing("B", "T", "1999", "http://x/b.jpg", "discogs:r1", (), (), "", ())
    album = Album(listing, album_index=2, genre="Jazz", year="1999")
    with Ledger(context.ledger) as ledger:
        ledger.use_pages([PageUse("q", 1, rows_left=0)], taken=[album])
    found = status.run(context)
    assert (found.rows_in, found.facts["not_in_tsv_yet"]) == (1, 1)
    assert found.facts["next"] == "equigen fetch"


def test_a_dataset_of_another_tool_needs_no_fetch(tmp_path: Path) -> None:
    """Where rows are there and no fetch was ever begun, the covers are next."""
    context = make_context(tmp_path)
    write_rows(context.tsv, {"artist": "A", "genre": "Jazz", "image_url": "http://x/a.jpg"})
    found = status.run(context).facts
    assert (found["waiting"], found["next"]) == (1, "equigen download")


ODD_ROWS = (
    {"image_url": ""},
    {"image_url": "https://st.discogs.com/a/images/spacer.gif"},
    {"image_url": "https://B.example/1.jpg", "album_id": "musicbrainz:1"},
    {"image_url": "https://i.discogs.com/1.jpg", "album_id": "musicbrainz:2"},
    {"image_url": "nowhere", "album_id": "discogs:m3"},
)


def test_rows_without_covers_are_summed_up_as_one_by_one(tmp_path: Path) -> None:
    """What is told of rows at once is what is told of each beside a row whose cover is known."""
    write_rows(tmp_path / "equigen_dataset.tsv", *ODD_ROWS, columns=COLUMNS)
    context = make_context(tmp_path)
    at_once = status.run(context).facts
    assert at_once["waiting"] == 2
    assert at_once["not_had"] == {"no picture": 3}
    assert list(at_once["licences"].values()) == [2]  # type: ignore[attr-defined]
    assert [quota["host"] for quota in at_once["quotas"]] == ["i.discogs.com"]  # type: ignore[attr-defined]
    with Ledger(context.ledger) as ledger:
        ledger.record_covers([Cover("of no row", "http://x/1", "failed")])
    one_by_one = status.run(context).facts
    assert {**one_by_one, "last_fetch": ""} == {**at_once, "last_fetch": ""}


def test_rows_are_read_again_only_once_the_file_has_changed(tmp_path: Path) -> None:
    """A stage notes what it left in the TSV; until somebody saves that, status needs no more."""
    tsv = write_rows(tmp_path / "equigen_dataset.tsv", *ODD_ROWS, columns=COLUMNS)
    context = make_context(tmp_path)
    clean.run(context)
    assert not context.ledger.exists(), "noted where there is a ledger, which clean doesn't make"
    Ledger(context.ledger).close()
    clean.run(context)
    content = swap_content(tsv)
    assert status.run(context).facts["rows"] == len(ODD_ROWS), "not read: it would be refused"
    tsv.write_bytes(content + content.splitlines(keepends=True)[-1])
    assert status.run(context).facts["rows"] == len(ODD_ROWS) + 1


def known(folder: Path) -> Context:
    """Have four rows: two covers that are there, in two sets, one that is gone and one not had."""
    context = make_context(folder)
    rows = [
        {"artist": name, "genre": "Jazz", "image_url": f"http://x/{name}", "album_id": f"d:{name}"}
        for name in "abcd"
    ]
    write_rows(context.tsv, *rows, columns=COLUMNS)
    covers = list(dataset_covers(context))
    with Ledger(context.ledger) as ledger:
        good = [Cover(row.picture, row.url, "ok", sha256=row.album) for row in covers[:3]]
        lost = Cover(covers[3].picture, covers[3].url, "missing", "HTTP 404")
        files = [FileOf(row.picture, row.path) for row in covers[:3]]
        ledger.record_covers([*good, lost], files=files)
        names = ("train", "test", "val")
        ledger.record_sets(
            AlbumSet(row.album, row.path, name) for row, name in zip(covers[:3], names, strict=True)
        )
    for row in covers[:2]:
        file = context.images / row.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\xff\xd8")
    return context


def figures(context: Context) -> tuple[object, ...]:
    """Return what is told of rows and covers."""
    facts = status.run(context).facts
    names = ("rows", "covers", "gone", "waiting", "not_had", "sets", "covers_left")
    return tuple(facts[name] for name in names)


KNOWN = (4, 2, 1, 0, {"HTTP 404": 1}, {"train": 1, "val": 0, "test": 1}, 2)


def swap_content(file: Path) -> bytes:
    """Write over a file so that its size, date and inode stay; return what it was."""
    before, content = file.stat(), file.read_bytes()
    with file.open("r+b") as opened:
        opened.write(b"\0" * len(content))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return content


def test_what_a_stage_noted_is_told_while_nothing_changes(tmp_path: Path) -> None:
    """Also of covers and sets: the TSV isn't read until it, the ledger or a file changes."""
    context = known(tmp_path)
    assert figures(context) == KNOWN
    clean.run(context)
    content = swap_content(context.tsv)
    assert figures(context) == KNOWN, "not read: it would be refused"
    context.tsv.write_bytes(content)
    clean.run(context)
    swap_content(context.tsv)
    with Ledger(context.ledger) as ledger:
        ledger.remember(LAST_SOURCE, "discogs")
        assert figures(context) == KNOWN, "single values change no row"
        ledger.record_covers([Cover("p", "http://x/p", "failed")])
    with pytest.raises(InputError):
        status.run(context)
    context.tsv.write_bytes(content)
    clean.run(context)
    swap_content(context.tsv)
    assert figures(context) == KNOWN
    next(context.images.rglob("*.jpg")).unlink()
    with pytest.raises(InputError):
        status.run(context)


def test_few_rows_of_many_covers_are_told_as_all_are(tmp_path: Path) -> None:
    """Then only the rows' own pictures are looked up."""
    context = known(tmp_path)
    for number in range(20):
        (context.images / "Jazz" / f"{number}.jpg").touch()
    assert figures(context) == KNOWN


def test_what_another_version_noted_is_left_alone(tmp_path: Path) -> None:
    """Then rows and covers are counted."""
    context = known(tmp_path)
    with Ledger(context.ledger) as ledger:
        for noted_before in ('{"rows": 7}', "[", "{}"):
            ledger.remember(TSV_FACTS, noted_before)
            assert figures(context) == KNOWN
    clean.run(context)
    with Ledger(context.ledger) as ledger:
        assert ledger.read(TSV_FACTS, read_tsv_facts)


def test_a_stage_in_a_stage_notes_nothing(tmp_path: Path) -> None:
    """What they left is noted once, by the outermost one."""
    context = known(tmp_path)
    with Dataset.writing(context, "run"):
        clean.run(context)
        with Ledger(context.ledger) as ledger:
            assert not ledger.value(TSV_FACTS)
    with Ledger(context.ledger) as ledger:
        assert ledger.value(TSV_FACTS)


def test_a_cover_of_a_row_with_another_genre_is_there(tmp_path: Path) -> None:
    """Its state goes by the picture and its set by the album; the path is a view of both."""
    context = known(tmp_path)
    content = context.tsv.read_text(encoding="utf-8")
    context.tsv.write_text(content.replace("Jazz", "Rock"), encoding="utf-8")
    assert figures(context) == KNOWN
    dataset = Dataset(context)
    assert dataset.sets == dataset.summary()["sets"] == KNOWN[5]
    assert dataset.summary()["covers"] == {"ok": 2, "gone": 1, "missing": 1}
    assert Counter(each.set for each in dataset.examples()) == {"train": 1, "test": 1}
    assert all(each.cover.is_file() and each.label == "Rock" for each in dataset.examples())
    assert dataset.covers()["status"].to_list() == ["ok", "ok", "ok", "missing"]


def test_sets_that_are_known_by_path_are_told(tmp_path: Path) -> None:
    """As ledgers of earlier formats have them, and of albums with several covers."""
    context = known(tmp_path)
    rows = list(dataset_covers(context))
    with Ledger(context.ledger) as ledger:
        names = ("train", "val", "test")
        ledger.record_sets(
            AlbumSet(album, row.path, name)
            for album, row, name in zip(("", "d:b", "d:b"), rows, names, strict=False)
        )
    found = status.run(context).facts["sets"]
    assert found == Dataset(context).sets == {"train": 1, "val": 1, "test": 0}
    counted = Dataset(context).counts("set")
    assert counted.to_dict() == {"in no set": 1, "test": 1, "train": 1, "val": 1}


def test_hosts_that_rest_and_quotas_of_the_day_are_told(tmp_path: Path) -> None:
    """Of hosts by name and by pattern, as a download sees them; a rest that is over is none."""
    hosts = {"i.discogs.com": {"per_day": 1000}, "*.example": {"per_day": 50}, "*": {}}
    context = make_context(tmp_path, download={"hosts": hosts})
    urls = ["http://b.example/x.jpg", "http://i.discogs.com/y.jpg", "http://free/z.jpg"]
    write_rows(context.tsv, *({"artist": url, "image_url": url} for url in urls))
    with Ledger(context.ledger) as ledger:
        for _ in range(60):
            ledger.count_request("a.example", "2026-06-15")
        ledger.count_request("i.discogs.com", "2026-06-15")
        ledger.count_request("i.discogs.com", "2026-06-14")
        ledger.count_request("free", "2026-06-15")
        ledger.count_request("d.example", "2026-06-16")  # before the clock was set back
        soon = (NOON + timedelta(hours=1)).isoformat()
        ledger.record_rest(Rest("b.example", "2026-06-15T11:00:00+00:00", soon, 2, "403"))
        ledger.record_rest(Rest("c.example", "2026-06-14T11:00:00+00:00", NOON.isoformat(), 1, "-"))
        later = ("2026-06-17T11:00:00+00:00", "2026-06-17T12:00:00+00:00")
        ledger.record_rest(Rest("d.example", *later, 1, "a clock that was set back since"))
    found = status.run(context)
    midnight = "2026-06-16T00:00:00+00:00"
    fields = ("host", "per_day", "used_today", "left", "resumes_at")
    expected = [
        ("a.example", 50, 60, 0, midnight),
        ("b.example", 50, 0, 50, midnight),
        ("d.example", 50, 1, 49, midnight),
        ("i.discogs.com", 1000, 1, 999, midnight),
    ]
    assert found.facts["quotas"] == [dict(zip(fields, row, strict=True)) for row in expected]
    assert found.facts["resting"] == [
        {"host": "b.example", "since": "2026-06-15T11:00:00+00:00", "until": soon, "times": 2,
         "why": "403"},
    ]  # fmt: skip
    assert found.facts["covers_left"] == 3
    text = as_text(found)
    assert re.search(r"quota of i.discogs.com +999 of 1,000 left today, anew at 2026-06-16", text)
    assert re.search(r"b.example rests +until 2026-06-15T13:00:00\+00:00: 403", text)


def test_how_the_last_run_ended_is_told_with_its_age(tmp_path: Path) -> None:
    """In words as well, with what it left."""
    before = make_context(tmp_path, now=NOON - timedelta(hours=30))
    Ledger(before.ledger).close()
    left = Summary("download", "rows", 0, 0, partly=True, left=7, resumes_at=NOON)
    with noted(before, "download", [left]):
        pass
    found = status.run(make_context(tmp_path))
    assert found.facts["last_success_age_s"] == 30 * 3600
    last = found.facts["last_run"]
    assert isinstance(last, dict)
    assert (last["outcome"], last["left"], last["age_s"]) == ("partly", {"covers": 7}, 30 * 3600)
    assert last["resumes_at"] == "2026-06-15T12:00:00+00:00"
    assert re.search(r"last run +download: partly, 2026-06-14T06:00:00", as_text(found))
    assert "(1 day, 6:00:00 ago)" in as_text(found)


@pytest.mark.parametrize("link", [Link.COPY, Link.MOVE])
def test_covers_whose_files_are_gone_are_left_to_get(tmp_path: Path, link: Link) -> None:
    """What is there is seen on the disk, also where a split moved covers into their sets."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        context = make_context(
            tmp_path, base_url=sandbox.base_url, fetch={"labels": ["Jazz"], "genre_limit": 5}
        )
        for stage in (fetch, clean, dedupe, download):
            stage.run(context)
        split.run(context, link=link)
        whole = status.run(context).facts
        assert (whole["covers"], whole["gone"], whole["covers_left"]) == (5, 0, 0)
        root = context.split if link is Link.MOVE else context.images
        file, *_ = sorted(root.rglob("*.jpg"))
        file.unlink()
        found = status.run(context)
        assert (found.facts["covers"], found.facts["gone"], found.facts["covers_left"]) == (4, 1, 1)
        assert found.facts["next"] == "equigen download"
        assert re.search(r"covers whose files are gone +1\b", as_text(found))
        assert to_fetch(context) == 1
        shutil.rmtree(root)
        none = status.run(context).facts
        assert (none["covers"], none["gone"], none["covers_left"]) == (0, 5, 5)


def to_fetch(context: Context) -> int:
    """Return how many covers a download says that it would fetch."""
    by_host = download.run(context, dry_run=True).facts["to_fetch"]
    assert isinstance(by_host, dict)
    return sum(by_host.values())


def test_covers_that_a_download_would_ask_for_again_are_left_to_get(tmp_path: Path) -> None:
    """What a host didn't have is asked for again after a while: that counts, and only then."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        limits = {"labels": ["Jazz"], "genre_limit": 5}
        context = make_context(tmp_path, base_url=sandbox.base_url, fetch=limits)
        for stage in (fetch, clean, dedupe):
            stage.run(context)
        sandbox.hook = lambda hit: Reply(404)
        download.run(context)
        for later, left in [(timedelta(hours=1), 0), (timedelta(weeks=3), 5)]:
            at = make_context(tmp_path, base_url=sandbox.base_url, fetch=limits, now=NOON + later)
            found = status.run(at).facts
            assert (found["covers_left"], found["not_had"]) == (left, {"HTTP 404": 5})
            assert (found["next"] == "equigen download") == bool(left)
            assert to_fetch(at) == left


@pytest.mark.parametrize(
    "odd",
    [
        {"stage": None},
        {"stage": ["fetch"]},
        {"pid": "12"},
        {"pid": -1},
        {"pid": 0},
        {"pid": 2**70},
        {"pid": True},
        {"since": 7},
    ],
)
def test_a_lock_that_names_no_run_tells_of_none(tmp_path: Path, odd: dict[str, object]) -> None:
    """Whatever stands there, no run is under way that anybody could know of."""
    context = make_context(tmp_path)
    Ledger(context.ledger).close()
    holder = {"stage": "fetch", "pid": os.getpid(), "since": "2026-06-15 11:00:00 UTC"}
    lock = tmp_path / ".equigen.lock.holder"
    lock.write_text(json.dumps(holder))
    assert status.run(context).facts["under_way"]
    kept = {key: value for key, value in (holder | odd).items() if value is not None}
    lock.write_text(json.dumps(kept))
    assert status.run(context).facts["under_way"] is None


def test_an_error_that_quotes_a_name_of_any_bytes_can_be_told(tmp_path: Path) -> None:
    """A file's name that is no UTF-8 doesn't spoil what is noted of a run."""
    context = make_context(tmp_path)
    Ledger(context.ledger).close()
    name = os.fsdecode(b"J\xe4zz")
    with pytest.raises(StorageError), noted(context, "fetch", []):
        raise StorageError(name)
    last = status.run(context).facts["last_run"]
    assert isinstance(last, dict)
    assert last["error"] == "J\ufffdzz"


def test_the_names_that_monitors_read_are_documented(tmp_path: Path) -> None:
    """Each name of docs/cron.md is in the JSON."""
    context = make_context(tmp_path)
    Ledger(context.ledger).close()
    with noted(context, "run", []):
        facts = status.run(context).facts
        under_way = facts["under_way"]
    table = (ROOT / "docs" / "cron.md").read_text().partition("## For monitors")[2]
    listed = re.findall(r"^\| (`.+?`) \| ", table.partition("## The log")[0], re.MULTILINE)
    names = {name for cell in listed for name in re.findall(r"`(\w+)`", cell)}
    assert len(names) >= 10
    assert names <= {*facts, *status.run(context).facts}
    last = status.run(context).facts["last_run"]
    assert isinstance(last, dict)
    parts = {name for cell in listed for name in re.findall(r"`last_run\.(\w+)`|`\.(\w+)`", cell)}
    assert {a or b for a, b in parts} == set(last)
    assert isinstance(under_way, dict)
    assert set(under_way) == {"command", "pid", "since", "alive"}


def test_a_limit_that_grew_is_fetched_for(tmp_path: Path) -> None:
    """A dataset that is complete for a smaller limit isn't for a larger one."""
    with Sandbox() as sandbox:
        for limit, said in ((2, "equigen download"), (3, "equigen fetch"), (1, "equigen download")):
            limits = {"labels": ["Jazz"], "genre_limit": limit}
            context = make_context(tmp_path, base_url=sandbox.base_url, fetch=limits)
            if limit == 2:
                fetch.run(context)
                clean.run(context)
                dedupe.run(context)
            assert str(status.run(context).facts["next"]).startswith(said)
