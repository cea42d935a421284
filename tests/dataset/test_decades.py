"""Years and decades."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.schema import UNKNOWN, decade_of, year_of


@pytest.mark.parametrize(
    ("cell", "year", "decade"),
    [
        ("1999", 1999, "1990s"), ("2000", 2000, "2000s"), ("1860", 1860, "1860s"),
        ("2099", 2099, "2090s"), ("1975.0", 1975, "1970s"), (" 1985", 1985, "1980s"),
        ("1985\u00a0", 1985, "1980s"), ("1975.00", 1975, "1970s"), (" 1975. ", 1975, "1970s"),
    ],
)  # fmt: skip
def test_a_year_has_its_decade(cell: str, year: int, decade: str) -> None:
    """Also one that a spreadsheet made a number with a point, or left a blank at."""
    assert year_of(cell) == year
    assert decade_of(cell) == decade


@pytest.mark.parametrize(
    "cell",
    ["", "199", "19999", "199x", "c. 1999", "\u0661\u0669\u0669\u0669", "-199", "1975.5", "197.0",
     "19 75", "0000", "0007", "1859", "2100", "9999"],
)  # fmt: skip
def test_what_is_no_year_is_unknown(cell: str) -> None:
    """Whatever else a hand wrote is no error, and neither is a year that no album can be of."""
    assert year_of(cell) is None
    assert decade_of(cell) == UNKNOWN


@given(st.text())
def test_any_text_is_a_year_or_none(cell: str) -> None:
    """Of all that can stand in a cell, nothing brings it down."""
    assert (year_of(cell) is None) == (decade_of(cell) == UNKNOWN)
