"""Duplicate rows, compared with what pandas makes of the same rows."""

from dataclasses import dataclass

import pandas as pd
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.identity.columns import Duplicate, find_duplicates, shown_pictures, title_keys
from equigen.identity.pictures import picture_key

SIGNED = "https://i.discogs.com/{sign}/rs:fit/g:sm/q:{quality}/h:{size}/w:{size}/{code}.jpeg"
CODE = (
    "czM6Ly9kaXNjb2dz/LWRhdGFiYXNlLWlt/YWdlcy9SLTk5MTMy/MTEtMTQ4ODQzNjM4/OC05OTk4LmpwZWc",
    "czM6Ly9kaXNjb2dz/LWRhdGFiYXNlLWlt/YWdlcy9SLTMwNzQ1/NTktMTMyMjU0OTQ4/OS5wbmc",
)


@dataclass(frozen=True)
class Row:
    """What of a row bears on duplicates."""

    artist: str
    title: str
    url: str


def verdicts(rows: list[Row]) -> list[Duplicate | None]:
    """Ask for the reasons of all rows."""
    frame = pl.DataFrame(
        {
            "artist": [row.artist for row in rows],
            "title": title_keys(pl.Series([row.title for row in rows], dtype=pl.String)),
            "picture": shown_pictures(pl.Series([row.url for row in rows], dtype=pl.String)),
        },
        schema_overrides={"artist": pl.String},
    )
    return [Duplicate(why) if why else None for why in find_duplicates(frame)]


def kept_by_pandas(rows: list[Row]) -> list[int]:
    """Drop the repeated albums, then the repeated pictures, as two passes over a table."""
    table = pd.DataFrame(
        {
            "artist": [row.artist.lower() for row in rows],
            "title": [row.title.lower() for row in rows],
            "picture": [picture_key(row.url) if row.url else "" for row in rows],
        },
        dtype=str,
    )
    # Without a title, the picture is what tells albums apart.
    table["told_by"] = table["picture"].where(table["title"] == "", "")
    table = table.drop_duplicates(["artist", "title", "told_by"])
    settled = (table["title"] == "") | (table["picture"] == "")
    return list(table[settled | ~table.duplicated("picture")].index)


URLS = st.one_of(
    st.sampled_from(["", "https://a.example/1.jpg", "https://a.example/2.jpg"]),
    st.builds(
        SIGNED.format,
        sign=st.sampled_from(["AAA", "BBB"]),
        quality=st.sampled_from(["40", "90"]),
        size=st.sampled_from(["150", "600"]),
        code=st.sampled_from(CODE),
    ),
)
ROWS = st.lists(
    st.builds(Row, st.sampled_from(["A", "B", "a"]), st.sampled_from(["", "X", "Y", "x"]), URLS),
    max_size=14,
)


@given(ROWS)
@examples(150)
def test_the_same_rows_stay_as_in_pandas(rows: list[Row]) -> None:
    """The search keeps what two drop_duplicates keep of the whole table."""
    kept = [index for index, verdict in enumerate(verdicts(rows)) if verdict is None]
    assert kept == kept_by_pandas(rows)


@given(ROWS)
@examples(100)
def test_what_stayed_once_stays_again(rows: list[Row]) -> None:
    """Running over the kept rows finds no more duplicates."""
    kept = [row for row, verdict in zip(rows, verdicts(rows), strict=True) if verdict is None]
    assert verdicts(kept) == [None] * len(kept)


def test_the_first_of_an_album_stays() -> None:
    """A second row of artist and album goes, whatever its picture."""
    rows = [Row("A", "X", "https://a.example/1.jpg"), Row("A", "X", "https://a.example/2.jpg")]
    assert verdicts(rows) == [None, Duplicate.ALBUM]


def test_the_first_of_a_picture_stays_even_when_signed_anew() -> None:
    """One Discogs picture under two signatures and sizes is one picture."""
    one = SIGNED.format(sign="AAA", quality=90, size=600, code=CODE[0])
    two = SIGNED.format(sign="BBB", quality=40, size=150, code=CODE[0])
    assert verdicts([Row("A", "X", one), Row("B", "Y", two)]) == [None, Duplicate.PICTURE]


def test_a_row_that_went_does_not_hold_its_picture() -> None:
    """A repeated album's picture isn't taken from the next album that has it."""
    rows = [
        Row("A", "X", "https://a.example/1.jpg"),
        Row("A", "X", "https://a.example/2.jpg"),
        Row("B", "Y", "https://a.example/2.jpg"),
    ]
    assert verdicts(rows) == [None, Duplicate.ALBUM, None]


def test_albums_without_titles_are_told_apart_by_their_pictures() -> None:
    """Untitled albums of one artist stay, unless they show the same picture."""
    rows = [
        Row("A", "", "https://a.example/1.jpg"),
        Row("A", "", "https://a.example/2.jpg"),
        Row("B", "", "https://a.example/1.jpg"),
        Row("A", "", "https://a.example/1.jpg"),
    ]
    assert verdicts(rows) == [None, None, None, Duplicate.ALBUM]


def test_rows_without_a_picture_are_no_duplicates_of_one_another() -> None:
    """An empty URL is no picture that two albums could share."""
    assert verdicts([Row("A", "X", ""), Row("B", "Y", "")]) == [None, None]


def test_an_address_that_is_none_is_its_own_picture() -> None:
    """A hand-edited URL that can't be taken apart is compared as it stands."""
    rows = [Row("A", "X", "http://["), Row("B", "Y", "http://["), Row("C", "Z", "http://[]")]
    assert verdicts(rows) == [None, Duplicate.PICTURE, None]
