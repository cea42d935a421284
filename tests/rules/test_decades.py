"""Decades."""

import pytest

from equigen.rules.decades import UNKNOWN, decade_of


@pytest.mark.parametrize(
    ("year", "expected"),
    [("1999", "1990s"), ("2000", "2000s"), ("0007", "0000s")]
    + [
        (text, UNKNOWN)
        for text in (
            "",
            "199",
            "19999",
            "199x",
            " 1999",
            "c. 1999",
            "\u0661\u0669\u0669\u0669",
            "-199",
        )
    ],
)
def test_a_year_has_its_decade(year: str, expected: str) -> None:
    """Four digits are a year; whatever else a hand wrote is unknown, and no error."""
    assert decade_of(year) == expected
