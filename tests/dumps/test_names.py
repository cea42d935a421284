"""Names of dumps, listings of hosts, and checksum files."""

import gzip
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import realdata

from equigen.dumps.catalogue import read_checksums, read_index, read_stamp, read_stamps
from equigen.dumps.files import DumpName, Kind, dumps_among, groups_name, read_name

PAGE = "https://data.discogs.com/?prefix=data%2F2026%2F"
SHA = "11b4d472b08febf99b48709bfbafea93e8d1902efed9fad5b4ece7e819307329"


def newest(names: Iterable[str], kind: Kind, date: str = "") -> str:
    """Return the first of the dumps among names; "" for none."""
    return next((dump.name for dump in dumps_among(names, kind, date)), "")


def test_names_say_kind_and_date() -> None:
    """MusicBrainz's may lack the date, as a browser saves it."""
    assert read_name("discogs_20260901_masters.xml.gz") == DumpName(
        "discogs_20260901_masters.xml.gz", Kind.MASTERS, "20260901"
    )
    assert read_name(groups_name("20260902-001001")) == DumpName(
        "musicbrainz_20260902-001001_release-group.tar.xz", Kind.GROUPS, "20260902-001001"
    )
    assert read_name("release-group.tar.xz") == DumpName("release-group.tar.xz", Kind.GROUPS, "")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "discogs_20260901_artists.xml.gz",
        "discogs_20260901_masters.xml.gz.part",
        "discogs_20260901_masters.xml.gz.wrong",
        "discogs_2026_masters.xml.gz",
        "../discogs_20260901_masters.xml.gz",
        "discogs_20260901_release-groups.xml.gz",
        "release-group.tar.xz.part",
        ".equigen.lock",
    ],
)
def test_other_files_are_no_dumps(name: str) -> None:
    """Nor are parts of dumps, and those that were found wrong."""
    assert read_name(name) is None


def test_the_newest_is_found_whatever_lies_beside_it() -> None:
    """By date, of its kind alone; one without a date is older than all."""
    names = [
        "notes.txt",
        "discogs_20251201_masters.xml.gz",
        "discogs_20260101_masters.xml.gz",
        "discogs_20260201_releases.xml.gz",
        "release-group.tar.xz",
        groups_name("20260902-001001"),
        groups_name("20260902-231001"),
    ]
    assert newest(names, Kind.MASTERS) == "discogs_20260101_masters.xml.gz"
    assert newest(names, Kind.MASTERS, "20251201") == "discogs_20251201_masters.xml.gz"
    assert newest(names, Kind.MASTERS, "20260201") == ""
    assert newest(names, Kind.GROUPS) == groups_name("20260902-231001")
    assert newest(names[:5], Kind.GROUPS) == "release-group.tar.xz"
    assert newest([], Kind.RELEASES) == ""


@given(st.lists(st.dates(), max_size=8))
def test_dumps_are_in_the_order_of_time(dates: list[object]) -> None:
    """The newest stands first, and none is lost."""
    stamps = [str(date).replace("-", "") for date in dates]
    names = [f"discogs_{stamp}_masters.xml.gz" for stamp in stamps]
    found = [dump.stamp for dump in dumps_among(names, Kind.MASTERS)]
    assert found == sorted(stamps, reverse=True)


def test_a_page_of_links_is_an_index() -> None:
    """Only what is linked counts; sizes aren't known; other dumps are left out."""
    page = """<html><body><h1>discogs_20260801_masters.xml.gz</h1>
      <a href="?prefix=data%2F">..</a> <a>nowhere</a> <a href="http://[broken/">odd</a>
      <a href="?download=data%2F2026%2Fdiscogs_20260901_masters.xml.gz">masters</a>
      <A HREF='?download=data/2026/discogs_20260901_CHECKSUM.txt&amp;x=1'>sums</A>
      <a href="?download=data%2F2026%2Fdiscogs_20260901_artists.xml.gz">artists</a>
      <a href="/mirror/discogs_20260701_releases.xml.gz">by path</a></body>"""
    index = read_index(page, PAGE)
    assert {name: listed.url for name, listed in index.items()} == {
        "discogs_20260901_masters.xml.gz": "https://data.discogs.com/"
        "?download=data%2F2026%2Fdiscogs_20260901_masters.xml.gz",
        "discogs_20260901_CHECKSUM.txt": "https://data.discogs.com/"
        "?download=data/2026/discogs_20260901_CHECKSUM.txt&x=1",
        "discogs_20260701_releases.xml.gz": "https://data.discogs.com"
        "/mirror/discogs_20260701_releases.xml.gz",
    }
    assert {listed.size_bytes for listed in index.values()} == {0}


def test_the_recorded_listing_of_a_bucket_is_an_index_with_sizes() -> None:
    """All masters and releases of 2008 to 2021, and each with its size."""
    xml = gzip.decompress(realdata("discogs_dump", "s3_listing_2021.xml.gz").read_bytes()).decode()
    index = read_index(xml, "https://mirror.example/bucket/?prefix=data%2F2021%2F")
    assert newest(index, Kind.MASTERS) == "discogs_20210601_masters.xml.gz"
    name = "discogs_20210601_masters.xml.gz"
    masters = index[name]
    assert masters.url == (
        "https://mirror.example/bucket/data/2021/discogs_20210601_masters.xml.gz"
    )
    assert (
        xml.partition(f"{name}</Key>")[2]
        .partition("</Size>")[0]
        .endswith(f"<Size>{masters.size_bytes}")
    )
    assert masters.size_bytes > 200_000_000
    wanted = xml.count("_masters.xml.gz<") + xml.count("_releases.xml.gz<")
    assert len(dumps_among(index, Kind.MASTERS)) > 50
    assert sum(read_name(name) is not None for name in index) == wanted
    assert len(index) == wanted + xml.count("_CHECKSUM.txt<")


@given(st.text(alphabet=st.sampled_from('<>&"=ahrefcontentskeysize/!-[]? \n'), max_size=80))
def test_no_page_is_too_broken_to_be_read(page: str) -> None:
    """A page that is no index lists nothing, and is no crash."""
    assert read_index(page, PAGE) == {}
    assert read_stamps(page, PAGE) == []


def test_the_recorded_checksums_are_read() -> None:
    """One space between sum and name, in no order."""
    text = realdata("discogs_dump", "discogs_20260801_CHECKSUM.txt").read_text()
    sums = read_checksums(text)
    assert len(sums) == 4
    assert sums["discogs_20260801_masters.xml.gz"] == SHA


@pytest.mark.parametrize("gap", [" ", "  ", " *", "\t"])
def test_checksums_are_read_as_all_tools_write_them(gap: str) -> None:
    """One space, two, or one and a star; any line ends; capital digits; a folder before."""
    text = f"# made by hand\r\n{SHA.upper()}{gap}./release-group.tar.xz\r\nabc{gap}artist.tar.xz\n"
    assert read_checksums(text) == {"release-group.tar.xz": SHA}


def test_the_newest_folder_of_musicbrainz_is_read_from_its_list_and_its_note() -> None:
    """Links that only look like folders are none; a page that is no note names no folder."""
    page = (
        '<a href="../">../</a><a href="20260520-001001/">a</a><a href="20260523-001002/">b</a>'
        '<a href="LATEST">c</a><a href="latest-is-20260523-001002">d</a>'
    )
    assert read_stamps(page, "http://h/x/") == ["20260523-001002", "20260520-001001"]
    assert read_stamp("20260523-001002\n") == "20260523-001002"
    assert read_stamp("<html>20260523-001002</html>") == ""
    assert read_stamp("../../20260523-001002") == ""
