"""What strangers send is read, or refused by an error of ours: never anything else."""

import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from readers import READERS

from equigen.errors import EquigenError

# What a change puts in: marks that the readers look for, ends of lines, bytes that are no UTF-8.
PIECES = (
    b"", b"\0", b"\n", b"\r", b"\t", b'"', b"\xff", b"\xef\xbb\xbf", b"[", b"{", b"}", b"=", b"..",
    b"/", b"<", b"&#1;", b"]]>", b"\\u0000", b"9" * 400, b"-1", b"null", b"\x7f\xff\xff\xff",
)  # fmt: skip
CHANGE = st.tuples(st.integers(0, 1 << 16), st.integers(0, 12), st.sampled_from(PIECES))


def changed(seed: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Return bytes with pieces of them taken out and others put in."""
    body = bytearray(seed)
    for at, length, piece in changes:
        place = at % (len(body) + 1)
        body[place : place + length] = piece
    return bytes(body)


@pytest.mark.parametrize("name", READERS)
def test_good_ones_are_read(name: str) -> None:
    """What the changes start from is right."""
    for seed in READERS[name].seeds:
        READERS[name].read(seed)


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_changed_ones_are_read_or_refused(name: str, data: st.DataObject) -> None:
    """Bytes cut, put in and repeated, or any bytes at all."""
    reader = READERS[name]
    seeds = st.builds(changed, st.sampled_from(reader.seeds), st.lists(CHANGE, max_size=6))
    body = data.draw(st.one_of(seeds, st.binary(max_size=200)))
    with suppress(EquigenError):
        reader.read(body)
