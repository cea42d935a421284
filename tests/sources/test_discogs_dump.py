"""Albums from Discogs' dumps: joined with their covers, chosen by the rules of the API."""

import gzip
import json
import re
from pathlib import Path

import pytest
from dumpsets import (
    GROUPS,
    MASTERS,
    Master,
    Release,
    dump_context,
    dumps_in,
    fetch_dumps,
    group,
    mbid,
    write_groups,
    write_masters,
    write_releases,
)
from musicbrainz import records
from support import equigen, read_rows, realdata

from equigen.commands import download, fetch, status
from equigen.errors import InputError, MissingInputError, StorageError
from equigen.ledger.ledger import (
    LAST_FETCH,
    LAST_REFRESH,
    LEDGER_NAME,
    REFRESHING,
    Ledger,
)
from equigen.schema import COLUMNS
from equigen.sources.base import LocalSource, open_named

TSV = "equigen_dataset.tsv"
TEN = range(1, 11)


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a folder's dataset."""
    return read_rows(folder / TSV)


def test_a_master_gets_the_cover_of_the_release_group_that_links_to_it(tmp_path: Path) -> None:
    """All columns come from the dump, and the id is the one that the API would have given."""
    write_masters(tmp_path, [Master(5, "Björk & Co", "A\tTitle", 1999, style="Soul-Jazz")])
    write_groups(tmp_path, [group(77, master=5)])
    labels = [{"name": "Jazz", "genre": "Jazz"}]
    fetch_dumps(tmp_path, fetch={"label": labels})
    assert rows_of(tmp_path) == [
        {
            "artist": "Björk & Co",
            "album": "A Title",
            "album_index": "1",
            "genre": "Jazz",
            "year": "1999",
            "image_url": f"https://coverartarchive.org/release-group/{mbid(77)}/front-500",
            "album_id": "discogs:m5",
            "genres": "Jazz",
            "styles": "Soul-Jazz",
            "country": "",
            "formats": "",
            "artist_ids": "discogs:a5",
            "also_known_as": "musicbrainz:00000000-0000-0000-0000-00000000004d",
        }
    ]


def test_a_master_without_a_link_or_a_picture_is_not_offered(tmp_path: Path) -> None:
    """There is no cover to be had; the notes say how many there are of each."""
    write_masters(tmp_path, [Master(n) for n in TEN])
    write_groups(tmp_path, [group(n, master=n) for n in (2, 4)] + [group(99)])
    summary = fetch_dumps(tmp_path)
    assert [row["album_id"] for row in rows_of(tmp_path)] == ["discogs:m2", "discogs:m4"]
    held = "10 masters, 2 links to masters, 2 with a cover, 2 of a query and year asked for"
    assert held in summary.notes


def test_of_several_release_groups_an_album_wins_then_the_first_id(tmp_path: Path) -> None:
    """Their order makes no difference; relations that have ended count for nothing."""
    single = {"primary-type": "Single"}
    ended = group(1, master=6)
    ended["relations"][0]["ended"] = True
    write_masters(tmp_path, [Master(5), Master(6)])
    linked = [group(9, master=5), group(3, master=5), group(2, master=5, **single), ended]
    write_groups(tmp_path, linked)
    fetch_dumps(tmp_path)
    (row,) = rows_of(tmp_path)
    assert (row["album_id"], mbid(3) in row["image_url"]) == ("discogs:m5", True)


def test_one_cover_goes_to_one_album(tmp_path: Path) -> None:
    """A release group that is linked to two masters gives its picture to the first."""
    write_masters(tmp_path, [Master(5), Master(6)])
    both = group(1, master=5)
    both["relations"] += group(1, master=6)["relations"]
    write_groups(tmp_path, [both])
    summary = fetch_dumps(tmp_path)
    assert [row["album_id"] for row in rows_of(tmp_path)] == ["discogs:m5"]
    assert summary.dropped["album is there already"] == 1


def test_old_dumps_bring_their_own_pictures(tmp_path: Path) -> None:
    """An address in the dump wins over the archive's, and needs no link."""
    uri = "http://api.discogs.com/images/R-155102-1217088991.jpeg"
    write_masters(tmp_path, [Master(5, uri=uri)])
    write_groups(tmp_path, [group(1)])
    fetch_dumps(tmp_path)
    assert [row["image_url"] for row in rows_of(tmp_path)] == [uri]


def test_releases_fill_in_what_their_masters_lack(tmp_path: Path) -> None:
    """The main release first, then the others in their order; what a master says stays."""
    write_masters(tmp_path, [Master(5, year=0), Master(6, year=1999), Master(7)])
    write_groups(tmp_path, [group(n, master=n, **{"first-release-date": ""}) for n in (5, 6, 7)])
    releases = [
        Release(1, 5, country="US", format="CD", released="2003-01-01"),
        Release(2, 5, country="UK", format="Vinyl", is_main=True),
        Release(3, 6, country="", format="Vinyl", released="1970"),
        Release(4, 6, country="France", format="CD"),
        Release(5, 0, country="Nowhere"),
        Release(6, 7, format="Cassette", is_main=True),
    ]
    write_releases(tmp_path, releases)
    summary = fetch_dumps(tmp_path, dumps={"releases": True})
    found = [
        (row["album_id"], row["year"], row["country"], row["formats"]) for row in rows_of(tmp_path)
    ]
    assert found == [
        ("discogs:m5", "2003", "UK", "Vinyl"),
        ("discogs:m6", "1999", "France", "Vinyl"),
    ]
    assert summary.dropped["cassette"] == 1


def test_without_releases_their_dump_is_not_needed(tmp_path: Path) -> None:
    """And with them its lack is told before the others are read."""
    write_masters(tmp_path, [Master(5)])
    write_groups(tmp_path, [group(1, master=5)])
    with pytest.raises(MissingInputError, match="equigen dumps get releases"):
        fetch_dumps(tmp_path, dumps={"releases": True})
    assert not list(dumps_in(tmp_path).glob("*.sqlite"))
    assert fetch_dumps(tmp_path).rows_out == 1


def test_the_year_of_a_release_group_fills_a_masters(tmp_path: Path) -> None:
    """A master of year 0 is found all the same, where anybody knows its year."""
    write_masters(tmp_path, [Master(5, year=0), Master(6, year=0)])
    write_groups(tmp_path, [group(1, master=5), group(2, master=6, **{"first-release-date": "?"})])
    summary = fetch_dumps(tmp_path)
    assert [(row["album_id"], row["year"]) for row in rows_of(tmp_path)] == [("discogs:m5", "2010")]
    assert any("1 of no known year" in note for note in summary.notes)


def test_quotas_years_and_exclusive_artists_hold_as_for_the_api(tmp_path: Path) -> None:
    """Newest year first, no more than the limit, and an artist belongs to one label."""
    masters = [Master(n, year=2000 + n) for n in TEN]
    masters += [Master(20, "Artist 10", "Other", 2010, "Blues", "Blues"), Master(21, year=1900)]
    write_masters(tmp_path, masters)
    write_groups(tmp_path, [group(each.number, master=each.number) for each in masters])
    fetch_dumps(tmp_path, limit=3, fetch={"labels": ["Jazz", "Blues"]})
    rows = rows_of(tmp_path)
    assert [(row["genre"], row["year"], row["album_index"]) for row in rows] == [
        ("Jazz", "2010", "1"),
        ("Jazz", "2009", "2"),
        ("Jazz", "2008", "3"),
    ]


def test_a_label_can_be_filled_evenly_from_all_years(tmp_path: Path) -> None:
    """`--spread even` needs no requests here."""
    masters = [Master(10 * year + n, year=year) for year in (2001, 2002, 2003) for n in range(5)]
    write_masters(tmp_path, masters)
    write_groups(tmp_path, [group(each.number, master=each.number) for each in masters])
    fetch_dumps(tmp_path, limit=6, fetch={"spread": "even"})
    years = [row["year"] for row in rows_of(tmp_path)]
    assert sorted(years) == ["2001", "2001", "2002", "2002", "2003", "2003"]


def test_a_second_run_with_the_same_dumps_writes_nothing(tmp_path: Path) -> None:
    """Neither rows nor indexes, also where the label isn't full."""
    write_masters(tmp_path, [Master(n) for n in TEN])
    write_groups(tmp_path, [group(n, master=n) for n in TEN])
    assert fetch_dumps(tmp_path).rows_out == 10
    files = [tmp_path / TSV, *dumps_in(tmp_path).glob("*.sqlite")]
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in files}
    assert len(before) == 3
    summary = fetch_dumps(tmp_path)
    assert (summary.rows_out, summary.dropped["album is there already"]) == (0, 10)
    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in files} == before


def test_a_newer_dump_adds_only_what_is_new(tmp_path: Path) -> None:
    """Rows that are there stay as they are, where they are."""
    write_masters(tmp_path, [Master(n) for n in TEN])
    write_groups(tmp_path, [group(n, master=n) for n in range(1, 13)])
    fetch_dumps(tmp_path)
    before = rows_of(tmp_path)
    newer = [Master(n, title=f"Title {n} renamed") for n in TEN] + [Master(11), Master(12)]
    write_masters(tmp_path, newer, "discogs_20261001_masters.xml.gz")
    assert fetch_dumps(tmp_path).rows_out == 2
    assert rows_of(tmp_path)[:10] == before
    assert [row["album_id"] for row in rows_of(tmp_path)[10:]] == ["discogs:m11", "discogs:m12"]


def test_an_older_dump_is_read_where_its_day_is_asked_for(tmp_path: Path) -> None:
    """`--date` names Discogs' dump; MusicBrainz's has days of its own."""
    write_masters(tmp_path, [Master(1)])
    write_masters(tmp_path, [Master(2)], "discogs_20261001_masters.xml.gz")
    write_groups(tmp_path, [group(n, master=n) for n in (1, 2)])
    fetch_dumps(tmp_path, dumps={"date": "20260901"})
    assert [row["album_id"] for row in rows_of(tmp_path)] == ["discogs:m1"]
    with pytest.raises(MissingInputError, match="--date 20250101"):
        fetch_dumps(tmp_path, dumps={"date": "20250101"})


def test_a_dump_that_changed_is_read_anew(tmp_path: Path) -> None:
    """Its index says what it was made of."""
    write_masters(tmp_path, [Master(1)])
    write_groups(tmp_path, [group(n, master=n) for n in (1, 2)])
    assert fetch_dumps(tmp_path).rows_out == 1
    write_masters(tmp_path, [Master(1), Master(2)])
    assert fetch_dumps(tmp_path).rows_out == 1
    (dumps_in(tmp_path) / f"{MASTERS}.masters.sqlite").write_bytes(b"no database" * 500)
    assert fetch_dumps(tmp_path).rows_out == 0


def test_a_truncated_dump_is_no_whole_one(tmp_path: Path) -> None:
    """The error says how far it got; no index and no row comes of what was read."""
    write_groups(tmp_path, [group(n, master=n) for n in TEN])
    path = write_masters(tmp_path, [Master(n) for n in range(1, 2000)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"\d") as caught:
        fetch_dumps(tmp_path)
    assert MASTERS in str(caught.value)
    assert "equigen dumps get masters" in str(caught.value)
    assert not list(dumps_in(tmp_path).glob("*.sqlite"))
    assert not list(dumps_in(tmp_path).glob(".*.new"))
    path.write_bytes(whole)
    assert fetch_dumps(tmp_path).rows_out == 10


def test_a_torn_dump_of_release_groups_is_no_whole_one(tmp_path: Path) -> None:
    """As above; the masters' index, which is whole, stays."""
    write_masters(tmp_path, [Master(n) for n in TEN])
    path = write_groups(tmp_path, [group(n, master=n) for n in range(1, 500)])
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match="equigen dumps get release-groups"):
        fetch_dumps(tmp_path)
    assert [file.name for file in dumps_in(tmp_path).glob("*.sqlite")] == [
        f"{MASTERS}.masters.sqlite"
    ]


def test_missing_dumps_are_told_with_the_command_that_gets_them(tmp_path: Path) -> None:
    """One line and exit code 2, before anything is read."""
    env = {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path)}
    ended = equigen("fetch", "--source", "discogs-dump", cwd=tmp_path, env=env)
    assert ended.returncode == 2
    assert "`equigen dumps get masters release-groups`" in ended.stderr
    assert not list(tmp_path.glob("equigen*"))
    assert len(ended.stderr.splitlines()) == 1
    write_masters(tmp_path, [Master(1)])
    ended = equigen("fetch", "--source", "discogs-dump", cwd=tmp_path, env=env)
    assert "`equigen dumps get release-groups`" in ended.stderr
    assert not (dumps_in(tmp_path) / f"{MASTERS}.masters.sqlite").exists()


def test_the_size_of_the_covers_is_a_setting(tmp_path: Path) -> None:
    """250, 500 or 1200; for any other the archive would silently give the original."""
    write_masters(tmp_path, [Master(1)])
    write_groups(tmp_path, [group(1, master=1)])
    env = {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path)}
    words = ("fetch", "--source", "discogs-dump", "--label", "Jazz")
    wrong = equigen(*words, "--cover-px", "600", cwd=tmp_path, env=env)
    assert wrong.returncode == 2
    assert "--cover-px: expected 250, 500 or 1200" in wrong.stderr
    assert equigen(*words, "--cover-px", "1200", cwd=tmp_path, env=env).returncode == 0
    (row,) = rows_of(tmp_path)
    assert row["image_url"].endswith(f"{mbid(1)}/front-1200")


def test_what_came_from_the_api_is_not_taken_again(tmp_path: Path) -> None:
    """The id is the same, wherever a master comes from."""
    write_masters(tmp_path, [Master(1), Master(2)])
    write_groups(tmp_path, [group(n, master=n) for n in (1, 2)])
    header = "artist\talbum\talbum_index\tgenre\tyear\timage_url\talbum_id\n"
    row = "A\tB\t1\tJazz\t2010\thttps://i.discogs.com/1.jpg\tdiscogs:m1\n"
    (tmp_path / TSV).write_text(header + row)
    assert fetch_dumps(tmp_path).rows_out == 1
    assert [each["album_id"] for each in rows_of(tmp_path)] == ["discogs:m1", "discogs:m2"]


def test_refresh_reads_the_newest_dump_as_every_run_does(tmp_path: Path) -> None:
    """A nightly `run --refresh` works with dumps, and asks nobody."""
    write_masters(tmp_path, [Master(1)])
    write_groups(tmp_path, [group(1, master=1)])
    assert fetch.run(dump_context(tmp_path), refresh=True).rows_out == 1
    again = fetch.run(dump_context(tmp_path), refresh=True)
    assert again.facts["requests"] == 0
    assert any(note.startswith("--refresh changes nothing here") for note in again.notes)


def test_a_refresh_of_the_api_that_was_cut_off_goes_on_after_a_dump_was_read(
    tmp_path: Path,
) -> None:
    """A dump neither ends it nor counts as one."""
    write_masters(tmp_path, [Master(1)])
    write_groups(tmp_path, [group(1, master=1)])
    with Ledger(tmp_path / LEDGER_NAME) as ledger:
        ledger.start_refresh(["some query"])
    fetch.run(dump_context(tmp_path))
    with Ledger(tmp_path / LEDGER_NAME) as ledger:
        assert ledger.value(REFRESHING)
        assert (bool(ledger.value(LAST_FETCH)), ledger.value(LAST_REFRESH)) == (True, "")


def test_status_knows_where_the_albums_came_from(tmp_path: Path) -> None:
    """The advice can be run as it stands, without an account."""
    write_masters(tmp_path, [Master(1)])
    write_groups(tmp_path, [group(1, master=1)])
    fetch.run(dump_context(tmp_path))
    after_flags = status.run(dump_context(tmp_path, fetch={"source": "discogs"}))
    assert after_flags.facts["next"] == "equigen clean"
    (tmp_path / TSV).write_text("\t".join(COLUMNS) + "\n")
    empty = status.run(dump_context(tmp_path, fetch={"source": "discogs"}))
    assert empty.facts["next"] == "equigen fetch --source discogs-dump"
    assert status.run(dump_context(tmp_path)).facts["next"] == "equigen fetch"


def test_a_placeholder_in_the_dump_hides_no_cover(tmp_path: Path) -> None:
    """If the dump's address leads to no cover, the archive's is taken."""
    spacer = "http://s.pixogs.com/images/spacer.gif"
    write_masters(tmp_path, [Master(1, uri=spacer), Master(2, uri=spacer)])
    write_groups(tmp_path, [group(1, master=1)])
    summary = fetch_dumps(tmp_path)
    (row,) = rows_of(tmp_path)
    assert mbid(1) in row["image_url"]
    assert summary.dropped["no picture"] == 1


def test_an_album_of_nobody_without_a_title_is_not_taken(tmp_path: Path) -> None:
    """Either of the two is enough, and so is the id of an artist."""

    class Nobodys(Master):
        def xml(self) -> str:
            return re.sub("<artists>.*</artists>", "", super().xml())

    nameless = [Master(1, " ", " "), Nobodys(4, title=" ")]
    write_masters(tmp_path, [*nameless, Master(2, " "), Master(3, title=" ")])
    write_groups(tmp_path, [group(n, master=n) for n in (1, 2, 3, 4)])
    summary = fetch_dumps(tmp_path)
    assert [row["album_id"] for row in rows_of(tmp_path)] == [f"discogs:m{n}" for n in (1, 2, 3)]
    assert summary.dropped["neither artist nor title, nor an artist's id"] == 1


def test_a_dump_of_something_else_is_refused(tmp_path: Path) -> None:
    """Artists in the masters' place, or no masters at all."""
    write_groups(tmp_path, [group(1)])
    path = dumps_in(tmp_path) / MASTERS
    path.write_bytes(realdata("discogs_dump", "artists_elpassion.xml.gz").read_bytes())
    with pytest.raises(InputError, match="<artists>"):
        fetch_dumps(tmp_path)
    write_masters(tmp_path, [])
    with pytest.raises(InputError, match="got none"):
        fetch_dumps(tmp_path)
    assert not list(dumps_in(tmp_path).glob("*.sqlite"))


def test_the_folder_of_the_dumps_may_be_anywhere(tmp_path: Path) -> None:
    """Below the home folder too; the two commands mean the same one."""
    home, data = tmp_path / "home", tmp_path / "data"
    write_masters(home, [Master(1)])
    write_groups(home, [group(1, master=1)])
    env = {
        "HOME": str(home),
        "EQUIGEN_DATASET__DIRECTORY": str(data),
        "EQUIGEN_DUMPS__DIRECTORY": "~/dumps",
        "EQUIGEN_DUMPS__DISCOGS_URL": "http://127.0.0.1:9",
        "EQUIGEN_DUMPS__MUSICBRAINZ_URL": "http://127.0.0.1:9",
        "EQUIGEN_HTTP__TRIES": "1",
    }
    words = ("fetch", "--source", "discogs-dump", "--label", "Jazz")
    assert equigen(*words, cwd=tmp_path, env=env).returncode == 0
    listed = equigen("dumps", "list", "--json", cwd=tmp_path, env=env)
    files = [each["file"] for each in json.loads(listed.stdout)["dumps"]]
    assert sorted(files) == sorted([MASTERS, GROUPS])


def test_a_folder_of_dumps_that_is_none_is_told(tmp_path: Path) -> None:
    """In one line, not as dumps that could be got."""
    (tmp_path / "dumps").write_text("a file")
    with pytest.raises(StorageError, match=r"dumps\.directory"):
        fetch_dumps(tmp_path)


@pytest.mark.parametrize("day", ["2026-09-01", "tomorrow"])
def test_a_day_is_written_as_dumps_are_named(tmp_path: Path, day: str) -> None:
    """The error says how."""
    ended = equigen("fetch", "--source", "discogs-dump", "--date", day, cwd=tmp_path)
    assert ended.returncode == 2
    assert f"expected a day as YYYYMMDD, such as 20260901, got '{day}'" in ended.stderr


def test_no_network_is_needed_for_the_rows(tmp_path: Path) -> None:
    """The source has no hosts: all that it gives lies on the disk."""
    write_masters(tmp_path, [Master(1)])
    write_groups(tmp_path, [group(1, master=1)])
    source = open_named("discogs-dump", dump_context(tmp_path).config)
    assert isinstance(source, LocalSource)
    assert source.licence == ""


@pytest.mark.parametrize("name", ["masters_20200806_a.xml.gz", "masters_elpassion.xml.gz"])
def test_a_real_dump_becomes_rows(tmp_path: Path, name: str) -> None:
    """Each master of the sample that fits the label, with the cover that was linked to it."""
    sample = realdata("discogs_dump", name).read_bytes()
    (dumps_in(tmp_path) / MASTERS).write_bytes(sample)
    numbers = [int(n) for n in re.findall(rb'<master id="(\d+)"', gzip.decompress(sample))]
    write_groups(tmp_path, [group(n, master=n) for n in numbers])
    fetch_dumps(tmp_path, limit=1000, fetch={"labels": ["Electronic"], "to_year": 1900})
    rows = rows_of(tmp_path)
    assert len(rows) > 30
    assert {row["genre"] for row in rows} == {"Electronic"}
    for row in rows:
        number = int(row["album_id"].removeprefix("discogs:m"))
        assert mbid(number) in row["image_url"]
        assert "Electronic" in row["genres"].split("|")


def test_a_real_old_dump_brings_its_pictures(tmp_path: Path) -> None:
    """Of 2014, with its own addresses: no release groups are needed beside it."""
    sample = realdata("discogs_dump", "masters_2014_with_image_uris.xml").read_bytes()
    old = dumps_in(tmp_path) / "discogs_20140501_masters.xml.gz"
    old.write_bytes(gzip.compress(sample))
    fetch_dumps(tmp_path, fetch={"labels": ["Electronic"]})
    rows = rows_of(tmp_path)
    assert len(rows) > 3
    assert all(row["image_url"].startswith("http://api.discogs.com/images/R-") for row in rows)
    assert not [row["artist"] for row in rows if row["artist"].endswith(", The")]


def test_a_real_release_group_leads_to_its_master(tmp_path: Path) -> None:
    """Bob Dylan's "Desire", as MusicBrainz gave it, is Discogs' master 3911."""
    write_masters(tmp_path, [Master(3911, "Bob Dylan", "Desire", 1976)])
    write_groups(tmp_path, records())
    fetch_dumps(tmp_path)
    (row,) = rows_of(tmp_path)
    wanted = json.loads(realdata("musicbrainz", "releasegroup-get_hqub.json").read_bytes())
    assert row["image_url"].split("/")[-2] == wanted["id"]


def test_download_takes_up_where_fetch_left(tmp_path: Path) -> None:
    """A dry run knows which host is asked, and for how many covers."""
    write_masters(tmp_path, [Master(n) for n in TEN])
    write_groups(tmp_path, [group(n, master=n) for n in TEN])
    context = dump_context(tmp_path)
    fetch.run(context)
    summary = download.run(context, dry_run=True)
    assert "coverartarchive.org" in str(summary.as_json())
    assert GROUPS.endswith("release-group.tar.xz")
