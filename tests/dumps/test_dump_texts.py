"""The texts of a dump as they stand in rows."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from equigen.dumps.extract import (
    clean,
    credit,
    genres_cell,
    leading_year,
    names_cell,
    number,
    whole_year,
)
from equigen.schema import safe_text


@given(st.text())
@example(" a\tb ")
@example("e\u0301")
@example("\x7f")
@example("\ud800")
def test_cleaned_quickly_is_cleaned_as_everywhere(text: str) -> None:
    """The shortcut for ASCII changes nothing."""
    assert clean(text) == safe_text(text)


@pytest.mark.parametrize(
    ("artists", "shown"),
    [
        ([{"name": "A", "join": "&"}], "A"),
        ([{"name": "A", "join": ","}, {"name": "B", "join": "Feat."}], "A, B"),
        ([{"name": "A", "join": "Feat."}, {"name": "B"}], "A Feat. B"),
        ([{"name": "A", "join": "/"}, {"name": "B", "join": "-"}, {"name": "C"}], "A / B - C"),
        ([{"name": "A"}, {"name": "B", "join": ""}, {"name": "C"}], "A, B, C"),
        ([{"name": "A", "join": "="}, {"name": "", "join": "-"}, {"name": "C"}], "A = C"),
        ([{"name": "", "anv": "B", "join": "And"}, {"name": "C", "anv": "D"}], "B And C"),
        ([{"name": "Prince (2)", "anv": "Prince"}], "Prince (2)"),
        ([{"name": "Beatles, The"}], "The Beatles"),
        (
            [{"name": "Clash, The (2)", "join": "&"}, {"name": "Who, The"}],
            "The Clash (2) & The Who",
        ),
        ([{"name": ", The"}], ", The"),
        ([{"anv": " ", "join": "&"}], ""),
        ([], ""),
    ],
)
def test_artists_are_credited_as_discogs_shows_them(
    artists: list[dict[str, str]], shown: str
) -> None:
    """Joins stand between names, and only there."""
    assert credit(artists) == shown


@pytest.mark.parametrize(
    ("text", "whole", "leading"),
    [
        ("1999", 1999, 1999),
        (" 2002\n", 2002, 2002),
        ("1999-03-00", 0, 1999),
        ("0", 0, 0),
        ("", 0, 0),
        ("999", 0, 0),
        ("0999", 0, 0),
        ("10000", 0, 1000),
        ("19x9", 0, 0),
        ("?1999", 0, 0),
        ("\u0661\u0669\u0669\u0669", 0, 0),
    ],
)
def test_a_year_has_four_digits(text: str, whole: int, leading: int) -> None:
    """Any other text in its place is no year."""
    assert (whole_year(text), leading_year(text)) == (whole, leading)


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), (" 7 ", 7), ("007", 7), ("0", 0), ("-1", 0), ("+1", 0), ("1_0", 0), ("", 0),
     ("\u0661", 0), ("9" * 18, int("9" * 18)), ("9" * 19, 0)],
)  # fmt: skip
def test_a_number_is_digits(text: str, value: int) -> None:
    """No sign, no digits of other scripts, none that a database can't hold."""
    assert number(text) == value


def test_a_cell_has_each_name_once() -> None:
    """In their order, without empty ones; the separator in a name becomes a slash."""
    assert names_cell(("b", "", "a|c", " b", "a/c", "1")) == "b|a/c|1"
    assert genres_cell(("1", "Rock", " 1 ", "11")) == "Rock|11"
