"""Reading MusicBrainz's dump of release groups: whole, packed, torn and odd."""

import gzip
import json
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from musicbrainz import MEMBER, expected_groups, expected_links, lines, records, write_dump
from support import examples

from equigen.dumps.archives import DumpCounts, Row
from equigen.dumps.musicbrainz import GroupRow, read_groups, read_links
from equigen.errors import InputError, MissingInputError
from equigen.schema import safe_text

MBID = "f1afec0b-26dd-3db5-9aa1-c91229a74a24"
KURTS = "5b11f4ce-a62d-471e-81fc-a69a8278c7da"
BLEACH: dict[str, Any] = {
    "id": MBID,
    "title": "Bleach",
    "primary-type": "Album",
    "first-release-date": "1989-06-15",
    "artist-credit": [{"name": "Nirvana", "joinphrase": "", "artist": {"id": KURTS}}],
    "relations": [{"type": "discogs", "url": {"resource": "https://www.discogs.com/master/13773"}}],
    "genres": [{"name": "grunge", "count": 9}],
    "tags": [],
}
LINK = (13773, MBID, True, 1989)
GROUP = GroupRow(
    MBID, "Nirvana", "Bleach", 1989, "grunge", f"musicbrainz:{KURTS}", "discogs:m13773"
)
GET = "equigen dumps get release-groups"


def links_in(path: Path, seen: DumpCounts | None = None) -> list[Row]:
    """Return all links of a dump."""
    return [row for batch in read_links(path, counts=seen) for row in batch]


def groups_in(path: Path, seen: DumpCounts | None = None) -> list[Row]:
    """Return all albums of a dump."""
    return [row for batch in read_groups(path, counts=seen) for row in batch]


def test_every_recorded_record_reads_as_its_json_says(tmp_path: Path) -> None:
    """All release groups of all recorded answers, and all else that has an id, as its lines."""
    every = records()
    path = write_dump(tmp_path / "release-group.tar.xz", lines(every))
    seen = DumpCounts()
    links, groups = links_in(path, seen), groups_in(path)
    assert links == expected_links(every)
    assert groups == expected_groups(every)
    assert {link[0] for link in links} >= {3911, 22433}
    assert len(groups) > 20
    assert (seen.records, seen.skipped, seen.read_bytes) == (len(every), 0, path.stat().st_size)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("packing", [".tar.xz", ".tar.gz", ".tar.bz2", ".tar"])
def test_however_the_tar_is_packed(tmp_path: Path, packing: str, *, first: bool) -> None:
    """The member may lie anywhere in it."""
    path = write_dump(tmp_path / f"rg{packing}", lines([BLEACH] * 3), first=first)
    assert links_in(path) == [LINK] * 3
    assert groups_in(path) == [GROUP] * 3


@pytest.mark.parametrize("pack", [bytes, lzma.compress, gzip.compress])
def test_the_unpacked_file_is_read_as_well(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Also packed by itself, and whatever it is called."""
    path = tmp_path / "whatever"
    path.write_bytes(pack(lines([BLEACH, BLEACH])))
    assert groups_in(path) == [GROUP, GROUP]


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress])
def test_a_file_packed_in_pieces_is_one_file(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """Streams may follow each other, with zeros between and behind them."""
    path = tmp_path / "pieces"
    data = lines([BLEACH] * 4)
    path.write_bytes(pack(data[:500]) + bytes(8) + pack(data[500:]) + bytes(4))
    assert groups_in(path) == [GROUP] * 4


def test_the_progress_adds_up_to_the_packed_file(tmp_path: Path) -> None:
    """In several steps, so that a bar moves."""
    rows = [BLEACH | {"title": f"Title {n}", "annotation": "x" * (n % 1000)} for n in range(9000)]
    path = write_dump(tmp_path / "rg.tar", lines(rows))
    seen = DumpCounts()
    read = [(len(rows), seen.read_bytes) for rows in read_links(path, counts=seen)]
    assert sum(count for count, _ in read) == 9000
    assert [size for _, size in read] == sorted(size for _, size in read)
    assert len({size for _, size in read}) > 1
    assert seen.read_bytes == path.stat().st_size


def test_other_ways_to_write_the_same_json_lose_nothing(tmp_path: Path) -> None:
    """Escaped slashes and letters, white space, other ends of line, blank lines, no last end."""
    text = json.dumps(BLEACH)
    ways = [
        text,
        text.replace("/", "\\/"),
        text.replace("Album", "\\u0041lbum").replace("discogs.com", "d\\u0069scogs.com"),
        text.replace("discogs", "\\u0064iscogs").replace("Album", "Alb\\u0075m"),
        text.replace("www.discogs", "WWW.Discogs"),
        json.dumps(BLEACH, indent=None, separators=(" , ", " : ")),
        f"  {text}\r",
        "",
        text.replace("Nirvana", "Nirvana\\u00e9 \\u2019"),
    ]
    path = tmp_path / "lines"
    path.write_text("\n".join(ways), encoding="utf-8")
    assert links_in(path) == [LINK] * 8
    groups = groups_in(path)
    assert groups[:7] == [GROUP] * 7
    assert groups[7][1] == "Nirvana\u00e9 \u2019"


@pytest.mark.parametrize("word", ["discogs", "Album"])
def test_an_escape_alone_among_plain_lines_is_found(tmp_path: Path, word: str) -> None:
    """In a block where all other lines go by the fast search."""
    text = json.dumps(BLEACH, separators=(",", ":"))
    hidden = text.replace(word, "".join(f"\\u{ord(letter):04X}" for letter in word))
    plain = text.replace("Album", "Single").replace("master", "release")
    path = tmp_path / "lines"
    path.write_text("\n".join([*[plain] * 50, hidden, *[plain] * 50, ""]))
    assert len(links_in(path) if word == "discogs" else groups_in(path)) == 1


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    """A lone surrogate has no UTF-8, and the row must be written some day."""
    path = tmp_path / "lines"
    path.write_bytes(lines([BLEACH | {"title": "A\ud800"}], ascii_only=True))
    assert [row[2] for row in groups_in(path)] == ["A\ufffd"]


def test_odd_records_are_skipped_and_counted(tmp_path: Path) -> None:
    """A record without a proper id or title is no row, and nothing breaks."""
    odd: list[object] = [
        BLEACH | {"id": None},
        BLEACH | {"id": "../x"},
        {"primary-type": "Album"},
        BLEACH | {"title": 7},
        {},
    ]
    path = write_dump(tmp_path / "rg.tar.xz", lines([*odd, BLEACH]))
    seen = DumpCounts()
    assert groups_in(path, seen) == [GROUP]
    assert (seen.records, seen.skipped) == (6, 4)
    seen = DumpCounts()
    assert links_in(path, seen) == [LINK, LINK]
    assert (seen.records, seen.skipped) == (6, 2)


@pytest.mark.parametrize("value", [[], 7, None, "x"])
def test_a_line_that_is_no_object_is_skipped_and_counted(tmp_path: Path, value: object) -> None:
    """It is JSON, but no record."""
    path = tmp_path / "lines"
    path.write_bytes(lines([BLEACH, value]))
    seen = DumpCounts()
    assert links_in(path, seen) == [LINK]
    assert seen.skipped == 1


def test_several_masters_of_one_group_are_several_rows(tmp_path: Path) -> None:
    """The join may meet any of them."""
    resources = [f"https://www.discogs.com/master/{n}" for n in (7, 5, 7)]
    relations = [{"type": "discogs", "url": {"resource": each}} for each in resources]
    path = write_dump(tmp_path / "rg.tar", lines([BLEACH | {"relations": relations}]))
    assert [row[0] for row in links_in(path)] == [7, 5]


@pytest.mark.long_after(3)
@pytest.mark.parametrize("packing", [".tar.xz", ".tar.gz", ".tar.bz2", ".tar"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_that_is_cut_off_is_never_taken_for_the_whole(
    tmp_path: Path, packing: str, share: float
) -> None:
    """The error says how far it came, where anything was read, and how to get the whole."""
    rows = [BLEACH | {"title": f"Title {n * 7919}"} for n in range(12_000)]
    whole = write_dump(tmp_path / f"rg{packing}", lines(rows)).read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(whole[: int(len(whole) * share)])
    seen = DumpCounts()
    with pytest.raises(InputError, match=GET) as caught:
        links_in(path, seen)
    assert len(str(caught.value).splitlines()) == 1
    how_far = (
        f"{seen.records:,} release groups in {seen.read_bytes:,} bytes that were read before are"
    )
    assert (f"{how_far} not the whole" in str(caught.value)) == bool(seen.records)


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path: Path) -> None:
    """Also where it makes no difference to the rows read: the whole archive is read."""
    rows = [BLEACH | {"title": f"Title {n * 7919}"} for n in range(2000)]
    for packing in (".tar.xz", ".tar.gz", ".tar.bz2"):
        path = write_dump(tmp_path / f"rg{packing}", lines(rows), first=True)
        data = bytearray(path.read_bytes())
        data[-40 if packing == ".tar.xz" else -7] ^= 1
        path.write_bytes(data)
        with pytest.raises(InputError, match=rf"(damaged|checksum).*{GET}"):
            links_in(path)


def test_a_torn_last_line_is_told(tmp_path: Path) -> None:
    """A file of lines has no checksum; what its last line lacks says it."""
    path = tmp_path / "lines"
    path.write_bytes(lines([BLEACH] * 5)[:-30])
    for read in (links_in, groups_in):
        seen = DumpCounts()
        with pytest.raises(InputError, match=r"line 5: .*cut off.*4 release groups.*not the whole"):
            read(path, seen)


@pytest.mark.parametrize(
    "bad", [b'{"id": "x", "tit', b'"release-groups": []}', b'{"Album"}{"discogs"}', b"}{"]
)
def test_a_broken_line_in_the_middle_is_named(tmp_path: Path, bad: bytes) -> None:
    """It may be torn anywhere: a line that could have held a row isn't lost silently."""
    good = lines([BLEACH])
    path = tmp_path / "lines"
    path.write_bytes(good * 300 + bad + b"\n" + good * 300)
    with pytest.raises(InputError, match=r"1 of 601 .*line 301") as links_error:
        links_in(path)
    assert GET in str(links_error.value)
    with pytest.raises(InputError, match="line 301"):
        groups_in(path)


def test_blank_lines_count_as_lines_and_not_as_records(tmp_path: Path) -> None:
    """An error names the line that an editor shows."""
    path = tmp_path / "lines"
    path.write_bytes(lines([BLEACH]) + b"\n \n{]\n" + lines([BLEACH]))
    with pytest.raises(InputError, match="line 4"):
        links_in(path)
    path.write_bytes(lines([BLEACH]) + b"\n \n" + lines([BLEACH]))
    seen = DumpCounts()
    assert links_in(path, seen) == [LINK, LINK]
    assert seen.records == 2


def test_deep_brackets_are_a_broken_line(tmp_path: Path) -> None:
    """They break no parser."""
    path = tmp_path / "lines"
    deep = b'{"primary-type":"Album","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    path.write_bytes(deep + b"\n" + lines([BLEACH]))
    with pytest.raises(InputError, match="line 1"):
        groups_in(path)


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    """It names the command that gets it."""
    with pytest.raises(MissingInputError, match=GET):
        links_in(tmp_path / "release-group.tar.xz")


def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    """A folder, for instance."""
    with pytest.raises(InputError, match="can't be read"):
        links_in(tmp_path)


def test_a_tar_of_something_else_is_told(tmp_path: Path) -> None:
    """With what it holds; nothing is unpacked to the disk."""
    path = write_dump(tmp_path / "rg.tar.xz", lines([BLEACH]), member="mbdump/artist")
    with pytest.raises(InputError, match=rf"expected {MEMBER}.*TIMESTAMP.*mbdump/artist"):
        links_in(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"<masters>", b"a\tb\n", bytes(2000)])
def test_a_file_of_something_else_is_told(tmp_path: Path, data: bytes) -> None:
    """Empty ones too, packed or not."""
    path = tmp_path / "file"
    for content in (data, lzma.compress(data)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=GET):
            links_in(path)


def test_an_empty_member_is_no_dump(tmp_path: Path) -> None:
    """Nothing read is an error, not a dataset without albums."""
    path = write_dump(tmp_path / "rg.tar.xz", b"")
    with pytest.raises(InputError, match="got none"):
        links_in(path)


def test_a_member_with_a_dot_before_its_name_is_the_same(tmp_path: Path) -> None:
    """As tar writes it when it packs a folder."""
    path = write_dump(tmp_path / "rg.tar.gz", lines([BLEACH]), member=f"./{MEMBER}")
    assert links_in(path) == [LINK]


@pytest.mark.long
def test_memory_stays_flat(tmp_path: Path) -> None:
    """However large the dump: 60 MB are read in some blocks of 2 MiB."""
    path = write_dump(tmp_path / "rg.tar.xz", lines([BLEACH | {"annotation": "y" * 3000}]) * 18_000)
    tracemalloc.start()
    try:
        assert sum(map(len, read_groups(path))) == 18_000
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 30_000_000


def test_who_stops_early_leaves_nothing_open(tmp_path: Path) -> None:
    """Files and the thread that reads ahead are closed with the reader; warnings are errors."""
    rows = [BLEACH | {"annotation": f"{n}" * 500} for n in range(5000)]
    reader = read_links(write_dump(tmp_path / "rg.tar.xz", lines(rows)))
    assert next(iter(reader))
    reader.close()


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = TEXT.map(lambda text: safe_text(text) or "name")
TITLES = st.sampled_from(["Album", '"discogs"', '"Album"', "\\u0041", "夜"]) | TEXT.map(
    "x{}".format
)
CREDITS = st.fixed_dictionaries(
    {
        "name": TEXT | st.none(),
        "joinphrase": TEXT,
        "artist": st.fixed_dictionaries({"name": TEXT}),
    }
)
VOTES = st.lists(
    st.fixed_dictionaries({"name": NAMES, "count": st.integers(-1, 9)}),
    max_size=3,
    unique_by=lambda vote: vote["name"],
)
RESOURCES = st.sampled_from(
    [
        "https://www.discogs.com/master/{}",
        "https://www.discogs.com/A-B/master/{}",
        "http://Discogs.com/master/view/{}",
        "https://www.discogs.com/release/{}",
        "https://example.org/master/{}",
    ]
)
RECORDS = st.fixed_dictionaries(
    {
        "id": st.uuids().map(str),
        "title": TITLES,
        "primary-type": st.sampled_from(["Album", "Single", None]),
        "first-release-date": st.sampled_from(["1994-11-01", "2001", "", None]),
        "artist-credit": st.lists(CREDITS, max_size=3),
        "relations": st.lists(
            st.builds(
                lambda kind, ended, resource, number: {
                    "type": kind,
                    "ended": ended,
                    "url": {"resource": resource.format(number)},
                },
                st.sampled_from(["discogs", "discogs", "wikidata"]),
                st.booleans(),
                RESOURCES,
                st.integers(0, 9),
            ),
            max_size=4,
        ),
        "genres": VOTES,
        "tags": VOTES,
    }
)


@given(every=st.lists(RECORDS, min_size=1, max_size=6), ascii_only=st.booleans())
@examples(150)
def test_any_records_read_as_plain_code_reads_them(
    tmp_path_factory: pytest.TempPathFactory, every: list[dict[str, Any]], *, ascii_only: bool
) -> None:
    """Searching bytes first loses nothing, however the JSON is written."""
    path = tmp_path_factory.getbasetemp() / "records"
    path.write_bytes(lines(every, ascii_only=ascii_only))
    assert links_in(path) == expected_links(every)
    assert groups_in(path) == expected_groups(every)
