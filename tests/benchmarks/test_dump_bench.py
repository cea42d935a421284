"""What the benchmark of dumps reads, and that all ways through it meet all records."""

from pathlib import Path

import pytest
from bench.dump_files import dump_file
from bench.one_dump import WAYS
from support import realdata

from equigen.dumps.discogs import read_masters


@pytest.mark.parametrize(("kind", "count"), [("master", 1_000), ("release", 800)])
def test_every_way_through_a_dump_meets_all_of_its_records(
    tmp_path: Path, kind: str, count: int
) -> None:
    """A dump made of copies has as many as was asked for, each with an id of its own."""
    realdata("discogs_dump", f"{kind}s_20200806_a.xml.gz")
    file = dump_file(tmp_path, kind, count)
    assert dump_file(tmp_path, kind, count) == file
    found = {way: go(kind, file) for way, go in WAYS.items() if way != "decompress"}
    assert set(found.values()) == {count}


def test_copies_have_ids_of_their_own(tmp_path: Path) -> None:
    """From 1 on, in the order of the dump."""
    realdata("discogs_dump", "masters_20200806_a.xml.gz")
    file = dump_file(tmp_path, "master", 1_500)
    ids = [row[0] for batch in read_masters(file) for row in batch]
    assert ids == list(range(1, 1_501))
