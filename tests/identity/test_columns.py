"""Columns' identities are those of the functions for one value, whatever stands in them."""

import base64
import re
import sys
import unicodedata

import polars as pl
from duplicate_finder import DuplicateFinder
from hypothesis import example, given
from hypothesis import strategies as st
from support import examples

from equigen.identity.albums import album_key, ids_elsewhere, names_key, same_by_ids, title_key
from equigen.identity.artists import (
    ARTICLES,
    NOBODY,
    artist_key,
    clean_artist,
    credit_key,
    fold,
    parts_of,
    sides_of,
)
from equigen.identity.columns import (
    ARTIST_LETTERS,
    PLAIN_LETTERS,
    TITLE_LETTERS,
    albums_by,
    clean_artists,
    clean_urls,
    credit_keys,
    find_duplicates,
    further_ids,
    identities,
    picture_hosts,
    picture_keys,
    sharing_ids,
    shown_pictures,
    title_keys,
)
from equigen.identity.pictures import (
    clean_url,
    has_no_cover,
    host_of,
    is_placeholder,
    picture_key,
)
from equigen.schema import split_list

NAMES = st.one_of(
    st.text(max_size=8),
    st.text(
        st.sampled_from("aB(2)3* \u00a0\t\u0301e\u00e9\u0958\u3000\u30ab\u3099\u1100\u1161\uac00"),
        max_size=9,
    ),
    st.sampled_from(("Prince (2)", "Bj\u00f6rk*", "***", "(1349)", " A   B ", "Ro\u0301s", "")),
)  # fmt: skip
FILES = st.from_regex(
    r"\A[RALM]-(?:(?:90|150)-)?[1-9][0-9]{0,8}(?:-[0-9]{9,10})?(?:-[0-9]{4})?\.(?:jpeg|jpg|png|gif)\Z"
)
HEADS = st.sampled_from(
    ("s3://discogs-database-images/", "s3://discogs-database-images/a/", "s3://", "x://", "")
)
MBIDS = st.uuids().map(str)


def signed(head: str, name: str, cut: int, tail: str) -> str:
    """Return a URL as i.discogs.com signs them, or nearly so."""
    code = base64.urlsafe_b64encode(f"{head}{name}".encode()).decode().rstrip("=")
    pieces = "/".join(re.findall(f".{{1,{cut}}}", code))
    return f"https://i.discogs.com/Sign-a_ture/rs:fit/g:sm/q:90/h:600/w:598/{pieces}{tail}"


URLS = st.one_of(
    st.builds(
        signed,
        HEADS,
        st.one_of(FILES, st.text(max_size=6)),
        st.integers(5, 20),
        st.sampled_from((".jpeg", ".jpg", ".png", "=.jpeg", "A.jpeg", "==A.jpeg", ".jpeg?a=1", "")),
    ),
    st.builds(
        "https://{}img.discogs.com/aB-_3{}/fit-in/600x589/filters:strip_icc():format(jpeg)"
        ":mode_rgb():quality({})/discogs-images/{}{}".format,
        st.sampled_from(("", "api-", "x.")),
        st.sampled_from(("", "=", "==")),
        st.integers(1, 99),
        FILES,
        st.sampled_from((".jpg", ".jpeg", "")),
    ),
    st.builds("http://api.discogs.com/image/{}".format, FILES),
    st.builds(
        "https://{}.org/release-group/{}/front{}".format,
        st.sampled_from(("coverartarchive", "a.example")),
        MBIDS,
        st.sampled_from(("", "-250", "-1200", "-500.jpg", "-500?a=1", "/", "-123456")),
    ),
    st.builds(
        "{}://{}/image/ab67616d0000{}{}{}".format,
        st.sampled_from(("http", "https", "HTTPS", "ftp")),
        st.sampled_from(("i.scdn.co", "127.0.0.1:8000", "I.example", "a/b", "")),
        st.sampled_from(("b273", "1e02", "4851", "B273", "b27")),
        st.from_regex(r"\A[0-9a-f]{23,25}\Z"),
        st.sampled_from(("", "", "?a=1", "\n", ".jpg")),
    ),
    st.sampled_from(
        ("", " ", "https://st.discogs.com/", "https://st.discogs.com/a/images/spacer.gif",
         "https://a.example/Spacer.GIF?v=1", "https://a.example/default-release-cd.png",
         "https://a.example/spa\ncer.gif", "https://a.example/\u017fpacer.gif",
         "https://i.scdn.co/image/ab67616d0000b273", "http://[", "https://./a", "https://a.:80/",
         "https://A.example/a", "ftp://a.example/b",
         "a/b:c", "HTTPS://I.DISCOGS.COM/x")
    ),
    st.text(max_size=20),
)  # fmt: skip


@given(st.lists(NAMES, max_size=8))
@examples(300)
def test_cleaned_columns_are_cleaned_cells(names: list[str]) -> None:
    """A column of artists is cleaned as each of them is, and stays itself unchanged."""
    column = pl.Series(names, dtype=pl.String)
    assert clean_artists(column).to_list() == list(map(clean_artist, names))
    assert column.to_list() == names


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "", "x:1", "x:2"]), NAMES, st.sampled_from(["A", "B"]), URLS
        ),
        max_size=8,
    )
)
@example([("", "Nina (2)*", "A", ""), ("", "Nina", "A", ""), ("x:1", "Nina", "A", "")])
@examples(200)
def test_rows_have_the_same_columns_where_the_album_is_the_same(
    rows: list[tuple[str, str, str, str]],
) -> None:
    """By `album_key`: the id, else artist, title and picture."""
    schema = dict.fromkeys(("album_id", "artist", "album", "image_url"), pl.String)
    found = albums_by(pl.DataFrame(rows, schema, orient="row")).rows()
    keys = [
        album_key(album_id=each, artist=artist, title=title, picture=picture_key(url))
        for each, artist, title, url in rows
    ]
    assert [found.index(row) for row in found] == [keys.index(key) for key in keys]


def test_plain_letters_change_by_nothing() -> None:
    """No letter that is passed over is white space, a mark, or another one in NFC."""
    letters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    column = pl.Series(letters)
    plain = column.filter(column.str.contains(f"^[{PLAIN_LETTERS}]$")).to_list()
    assert len(plain) > 30_000
    assert not {"*", "(", " ", "\u00a0"} & {*plain}
    for letter in plain:
        assert not letter.isspace()
        # Nothing composes with a letter before it, in whatever text it stands.
        assert unicodedata.is_normalized("NFC", letter)
        assert not unicodedata.combining(letter)
    text = "".join(plain)
    assert unicodedata.normalize("NFC", text) == text
    assert unicodedata.normalize("NFC", text[::-1]) == text[::-1]


WORDS = st.sampled_from(
    ("The", "LOS", "les", "O", "a", "Clash", "Various", "VA", "Jay-Z", "AC/DC", "Lobos,", "(2)",
     "Bj\u00f6rk*", "Wei\u00df", "(live)", "Y", "x", "N", "'n'", "and", "Feat.", "ft.x", "vs",
     "vs.", "a.k.a.", "accompanied", "by", "w/", "[with", "&", "+", "=", "-", "|", "`", "12",
     "\u00b7", "\u00d7", "\u00f7", "\u00b2", "\u00b4", "\u2010", "\u2019s", "\ufb01ve", "\u0130",
     "\u01f0", "\u017f", "\u200b", "\ufe0f", "\u041c\u0443\u0439", "\u03a3\u0391\u03a3", "\u590f",
     "\u30ab\u3099", "\u1100\u1161", "\uac00", "\u11a8", "\u0301", "")
)  # fmt: skip
CREDITS = st.one_of(
    NAMES,
    st.builds(
        str.join, st.sampled_from((" ", " ", "  ", "\u00a0", "")), st.lists(WORDS, max_size=5)
    ),
    st.sampled_from((*sorted(NOBODY), *sorted(ARTICLES))),
)


@given(st.lists(CREDITS, max_size=12))
@example(["the various", "The The", "los los x", "Los Los", "An Die  Y", "a x y b"])
@examples(800)
def test_names_of_columns_are_those_of_cells(cells: list[str]) -> None:
    """A column of artists or of titles has the keys that each cell has; a key's key is itself."""
    column = pl.Series(cells, dtype=pl.String)
    assert credit_keys(column).to_list() == list(map(credit_key, cells))
    pictures = pl.Series([""] * len(column), dtype=pl.String)
    rows = pl.DataFrame({"artist": column, "album": column, "image_url": pictures})
    keys = identities(rows)
    assert keys["names"].to_list() == [names_key(clean_artist(cell), cell) for cell in cells]
    for artist, single in keys.select("artist", "single").filter(~keys["single"].is_null()).rows():
        assert (single, parts_of(artist), sides_of(artist)) == (artist_key(artist), [], [])
    titles = title_keys(column)
    assert titles.to_list() == list(map(title_key, cells))
    assert title_keys(titles).to_list() == titles.to_list()
    assert column.to_list() == cells


def test_plain_letters_are_folded_by_lower_case_alone() -> None:
    """Each by itself and all in one text; those of artists are letters of titles, too."""
    letters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    column = pl.Series(letters)
    plain = column.filter(column.str.contains(f"^[{TITLE_LETTERS}]$"))
    assert len(plain) > 30_000
    assert plain.str.to_lowercase().to_list() == list(map(fold, plain.to_list()))
    text = "".join(plain.to_list())
    for whole in (text, text[::-1]):
        assert pl.Series([whole]).str.to_lowercase().to_list() == [fold(whole)]
    of_artists = column.filter(column.str.contains(f"^[{ARTIST_LETTERS}]$"))
    assert {*of_artists} < {*plain}
    assert of_artists.str.to_lowercase().to_list() == list(map(credit_key, of_artists.to_list()))


@given(st.lists(URLS, max_size=8))
@example([signed("s3://discogs-database-images/", "R-1-2.jpeg", 16, ".jpeg")])
@examples(600)
def test_keys_of_columns_are_keys_of_cells(urls: list[str]) -> None:
    """A column of URLs has the keys that each has, and the placeholders are found."""
    column = pl.Series(urls, dtype=pl.String)
    assert picture_keys(column).to_list() == list(map(picture_key, urls))
    shown = ["" if is_placeholder(url) else picture_key(url) for url in urls]
    assert shown_pictures(column).to_list() == shown
    hosts = ["" if has_no_cover(url) else host_of(url) for url in urls]
    assert picture_hosts(column).to_list() == hosts


WORDS = st.sampled_from(("msd:TR1", "msd:TR", "mbid:", "a", "1", " ", "\u00a0", "\x1c"))
LISTS = st.lists(st.lists(WORDS, max_size=4).map("".join), max_size=3).map("|".join)


@given(st.lists(st.tuples(st.sampled_from(("a", "b", "")), LISTS, LISTS), max_size=6))
def test_rows_that_share_ids_are_found(cells: list[tuple[str, str, str]]) -> None:
    """None that is one album with another by its ids is missing."""
    columns = ("album_id", "also_known_as", "tracks")
    rows = pl.DataFrame(cells, schema=dict.fromkeys(columns, pl.String), orient="row")
    found = sharing_ids(rows["album_id"].hash(), further_ids(rows))
    albums = same_by_ids(
        {
            row: (own, ids_elsewhere(split_list(also), split_list(tracks)))
            for row, (own, also, tracks) in enumerate(cells)
        }
    )
    assert {row for album in albums for row in album} <= {*found}


SHORT = st.sampled_from(("", "a", "A", "The a", "b ", "c", "c\u200b", "Various", "VA"))


@given(st.lists(st.tuples(SHORT, SHORT, SHORT), max_size=12))
@examples(400)
def test_duplicates_of_columns_are_those_of_rows(rows: list[tuple[str, str, str]]) -> None:
    """Asked row by row or at once, the same rows repeat earlier ones, for the same reasons."""
    finder = DuplicateFinder()
    found = [finder.check(artist=one, title=two, image_url=three) for one, two, three in rows]
    frame = pl.DataFrame(
        rows, schema=dict.fromkeys(("artist", "title", "picture"), pl.String), orient="row"
    ).with_columns(pl.col("title").map_batches(title_keys))
    assert find_duplicates(frame).to_list() == [why and str(why) for why in found]


@given(
    st.lists(
        st.one_of(URLS, st.text(st.sampled_from(" \u00a0\u200b&amp;#38x\n\u00e9a;?"), max_size=12))
    )
)
def test_urls_are_cleaned_as_one_by_one(cells: list[str]) -> None:
    """And cleaning them again changes nothing."""
    cleaned = clean_urls(pl.Series(cells, dtype=pl.String)).to_list()
    assert cleaned == [clean_url(cell) for cell in cells]
    assert cleaned == [clean_url(url) for url in cleaned]
