"""Cells: text that is safe in a row, lists in one cell, and an album's cells in order."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.schema import (
    MAX_CELL_CHARS,
    REQUIRED_COLUMNS,
    TAKEN_COLUMNS,
    Album,
    Listing,
    join_list,
    safe_text,
    split_list,
)

ANY_TEXT = st.one_of(
    st.text(max_size=30),
    st.text(
        st.sampled_from(
            "\x00\t\n\r\x0b\x0c\x1c\x1f\x7f\x85\x9f\u2028\u2029\ud800\udfff e\u0301\"'|a"
        ),
        max_size=20,
    ),
)


def test_the_first_six_columns_are_those_of_other_tools() -> None:
    """Names and order of the first six columns are a promise to whoever reads the file."""
    assert REQUIRED_COLUMNS == ("artist", "album", "album_index", "genre", "year", "image_url")
    assert TAKEN_COLUMNS[:6] == REQUIRED_COLUMNS
    assert len(set(TAKEN_COLUMNS)) == len(TAKEN_COLUMNS)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Pastel Blues", "Pastel Blues"),
        ("two\tcells", "two cells"),
        ("two\r\nlines\n", "two lines"),
        ("a\x00b", "a b"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("  inner   spaces stay  ", "inner   spaces stay"),
        ("\u00a0edge\u3000", "edge"),
        ("Bjo\u0308rk", "Björk"),
        ("lone \ud800 half", "lone \ufffd half"),
        ('7" Single', '7" Single'),
        ("NA", "NA"),
        ("\t\n", ""),
        ("", ""),
    ],
)
def test_text_is_made_fit_for_a_cell(text: str, safe: str) -> None:
    """Controls become a space, lone surrogates U+FFFD, Unicode NFC; ends are trimmed."""
    assert safe_text(text) == safe


@given(ANY_TEXT)
@examples(200)
def test_safe_text_is_one_trimmed_line_of_utf_8(text: str) -> None:
    """Whatever came in, what comes out breaks no row and is safe already."""
    safe = safe_text(text)
    assert safe_text(safe) == safe
    assert safe.splitlines() in ([safe], [])
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in safe)
    assert safe == safe.strip()
    assert safe.encode("utf-8").decode("utf-8") == safe


@given(st.lists(st.text(max_size=8).map(safe_text).filter(bool), max_size=5))
@examples(100)
def test_a_list_comes_back_from_its_cell(values: list[str]) -> None:
    """Several values go into one cell and out again; only the separator itself is replaced."""
    cell = join_list(values)
    assert split_list(cell) == tuple(value.replace("|", "/") for value in values)
    assert join_list(split_list(cell)) == cell


def test_no_cell_is_longer_than_can_be_read_again() -> None:
    """A title without end is cut, and so is a list, between two of its values."""
    assert safe_text("ä" * 100_000) == "ä" * MAX_CELL_CHARS
    assert safe_text("a" * (MAX_CELL_CHARS - 1) + " b") == "a" * (MAX_CELL_CHARS - 1)
    values = [f"value {number:05}" for number in range(10_000)]
    cell = join_list(values)
    assert MAX_CELL_CHARS - 12 <= len(cell) <= MAX_CELL_CHARS
    assert split_list(cell) == tuple(values[: len(split_list(cell))])
    assert join_list(["a" * 100_000]) == ""


def test_an_empty_cell_is_an_empty_list() -> None:
    """No values are written as an empty cell and read as none."""
    assert join_list([]) == ""
    assert split_list("") == ()


def test_an_albums_cells_stand_under_their_columns() -> None:
    """Each value of an album is written into its own column."""
    listing = Listing(
        artist="Nina Simone",
        title="Pastel Blues",
        year="",
        image_url="https://a.example/1.jpg",
        album_id="discogs:m1",
        genres=("Jazz", "Blues"),
        styles=(),
        country="US",
        formats=("Vinyl", "LP", "Album"),
        artist_ids=("discogs:a7", "discogs:a8"),
        also_known_as=("musicbrainz:1", "mumu:B1"),
        tracks=("msd:TR1 mbid:2", "mbid:3"),
        set_given="val",
        more_images=("https://b.example/1|2.jpg", "https://c.example/"),
        licence="CC0",
    )
    labels = ("Jazz", "Blues")
    cells = Album(listing, album_index=3, genre="Jazz", year="1965", labels=labels).cells()
    assert dict(zip(TAKEN_COLUMNS, cells, strict=True)) == {
        "artist": "Nina Simone",
        "album": "Pastel Blues",
        "album_index": "3",
        "genre": "Jazz",
        "year": "1965",
        "image_url": "https://a.example/1.jpg",
        "album_id": "discogs:m1",
        "genres": "Jazz|Blues",
        "styles": "",
        "country": "US",
        "formats": "Vinyl|LP|Album",
        "artist_ids": "discogs:a7|discogs:a8",
        "labels": "Jazz|Blues",
        "also_known_as": "musicbrainz:1|mumu:B1",
        "tracks": "msd:TR1 mbid:2|mbid:3",
        "set_given": "val",
        "more_images": "https://b.example/1%7C2.jpg|https://c.example/",
        "licence": "CC0",
    }
