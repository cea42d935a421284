"""Discogs' dumps as rows: what a whole tree of the same XML says, however it is written and cut."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from dumps_made import (
    Pen,
    document,
    expected_masters,
    expected_releases,
    master,
    release,
    rows_of,
    written,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import realdata

from equigen.dumps.archives import Row
from equigen.dumps.discogs import MASTER, RELEASE
from equigen.dumps.parse import RecordKind

RECORDS_EACH = 100
PLAIN = "tags and text"


@dataclass(frozen=True)
class Side:
    """A kind of dump, how a record of it is made, and what is expected of its rows."""

    kind: RecordKind
    made: Callable[[Pen], str]
    expected: Callable[[bytes], list[Row]]

    @property
    def root(self) -> str:
        """The name of its root."""
        return self.kind.root


SIDES = (
    Side(MASTER, master, expected_masters),
    Side(RELEASE, release, expected_releases),
)
CHARACTERS = st.characters(
    codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"
)


@dataclass(frozen=True)
class Cut:
    """The blocks and readers of a dump, and the bytes before it."""

    block_bytes: int
    readers: int
    bom: bytes


@pytest.mark.long_after(1)
@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.root)
@pytest.mark.parametrize("ways", [PLAIN, "all that XML allows"])
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    seeds=st.lists(st.integers(0, 2**32), min_size=RECORDS_EACH, max_size=RECORDS_EACH),
    names=st.lists(st.text(CHARACTERS, max_size=8), max_size=6),
    cut=st.builds(
        Cut, st.integers(1, 6_000), st.integers(1, 3), st.sampled_from([b"", b"\xef\xbb\xbf"])
    ),
)
def test_made_records_read_as_their_tree_does(
    tmp_path_factory: pytest.TempPathFactory,
    side: Side,
    ways: str,
    seeds: list[int],
    names: list[str],
    cut: Cut,
) -> None:
    """The blocks, the readers and the way that the XML is written make no difference."""
    is_plain = ways == PLAIN
    records = [side.made(Pen(seed, is_plain=is_plain, names=names)) for seed in seeds]
    content = cut.bom + document(Pen(seeds[0], is_plain=is_plain), side.root, records).encode()
    path = written(tmp_path_factory.mktemp("made") / "dump.xml", content)
    found = rows_of(path, side.kind, readers=cut.readers, block_bytes=cut.block_bytes)
    assert found == side.expected(content)


@pytest.mark.parametrize("readers", [1, 2])
@pytest.mark.parametrize("block_bytes", [100, 5_000, 1 << 18])
@pytest.mark.parametrize(
    ("name", "side", "count"),
    [
        ("masters_20200806_a.xml.gz", SIDES[0], 500),
        ("masters_elpassion.xml.gz", SIDES[0], 50),
        ("masters_pretty.xml", SIDES[0], 3),
        ("masters_2014_with_image_uris.xml", SIDES[0], 9),
        ("releases_20200806_a.xml.gz", SIDES[1], 400),
        ("releases_elpassion.xml.gz", SIDES[1], 50),
        ("releases_pretty.xml", SIDES[1], 3),
        ("releases_2014_with_image_uris.xml", SIDES[1], 4),
    ],
)
def test_real_dumps_read_as_their_tree_does(
    tmp_path: Path, name: str, side: Side, count: int, block_bytes: int, readers: int
) -> None:
    """Row for row, in the order of the dump."""
    path = realdata("discogs_dump", name)
    content = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    found = rows_of(path, side.kind, readers=readers, block_bytes=block_bytes)
    assert len(found) == count
    assert found == side.expected(content)
