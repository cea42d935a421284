"""Dumps whose markup is broken where nobody reads: refused all the same, never read past."""

import gzip
from pathlib import Path

import pytest

from equigen.dumps.discogs import read_masters
from equigen.errors import InputError

LAST = '<master id="3"><title>c</title></master>'


def master(number: int, more: str = "") -> str:
    """Return a record."""
    return f'<master id="{number}"><title>t{number}</title>{more}</master>'


@pytest.mark.parametrize("behind", ["", master(2)])
def test_a_record_that_comes_out_of_an_entity_is_refused(tmp_path: Path, behind: str) -> None:
    """It would be passed over without a word: parsers don't tell of it as of a record."""
    declared = f"<!DOCTYPE masters [<!ENTITY r '{master(7)}'>]>"
    path = tmp_path / "discogs_20260901_masters.xml.gz"
    path.write_bytes(gzip.compress(f"{declared}<masters>&r;{behind}</masters>".encode()))
    with pytest.raises(InputError, match="entity"):
        [row for rows in read_masters(path) for row in rows]


@pytest.mark.parametrize(
    "records",
    [
        master(1, "<videos>") + '<master id="2"><title>b</title></videos></master>' + LAST,
        master(1, "<images>") + master(2, "</images>") + LAST,
        master(1, "<videos><video>") + master(2, "<videos></videos>") + LAST,
    ],
)
def test_an_element_that_ends_in_another_record_is_no_xml(tmp_path: Path, records: str) -> None:
    """Leaving it out by its bytes would lose a record without a word."""
    path = tmp_path / "discogs_20260901_masters.xml.gz"
    path.write_bytes(gzip.compress(f"<masters>{records}</masters>".encode()))
    with pytest.raises(InputError, match="masters"):
        [row for rows in read_masters(path) for row in rows]
