"""A TSV that was cut off, and one that was edited by hand between the stages."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from kills import IMAGES
from splits import sets_of
from support import make_context, read_rows, write_rows
from wholes import LIMITS, Whole, make_whole, small_catalogue

from equigen.commands import clean, dedupe, download, fetch, repair, split
from equigen.dataset.context import Context
from equigen.errors import InputError
from equigen.schema import COLUMNS

STAGES: Mapping[str, Callable[[Context], object]] = {
    "fetch": fetch.run,
    "clean": clean.run,
    "dedupe": dedupe.run,
    "covers": lambda context: dedupe.run(context, covers=True, drop=True),
    "download": download.run,
    "split": split.run,
    "repair": repair.run,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A complete dataset."""
    with small_catalogue() as sandbox:
        yield make_whole(tmp_path_factory.mktemp("whole"), sandbox)


@pytest.mark.long_after(3)
@pytest.mark.parametrize("stage", STAGES)
def test_a_file_cut_anywhere_in_its_last_rows_is_refused(
    tmp_path: Path, whole: Whole, stage: str
) -> None:
    """At every byte of the last two rows: the line and the column are told, nothing changes."""
    folder = whole.copy(tmp_path / "data")
    more = {**LIMITS, "genre_limit": 20, "world_limit": 20}  # so that fetch would add some
    context = make_context(folder, base_url=whole.sandbox.base_url, fetch=more)
    body = context.tsv.read_bytes()
    lines = body.splitlines(keepends=True)
    start = len(body) - sum(map(len, lines[-2:]))
    files = sorted(file for file in folder.rglob("*.jpg"))
    for end in range(start + 1, len(body)):
        if body[:end].endswith(b"\n"):
            continue  # whole rows: the file of somebody who removed the others
        context.tsv.write_bytes(body[:end])
        with pytest.raises(InputError) as caught:
            STAGES[stage](context)
        said, line = str(caught.value), body[:end].count(b"\n") + 1
        assert f"{context.tsv}, line {line}, column " in said
        assert "\n" not in said
        assert context.tsv.read_bytes() == body[:end]
    assert sorted(file for file in folder.rglob("*.jpg")) == files
    context.tsv.write_bytes(body)
    STAGES[stage](make_context(folder, base_url=whole.sandbox.base_url, fetch=LIMITS))
    assert context.tsv.read_bytes() == body


def test_rows_added_removed_moved_and_sorted_by_hand_are_followed(
    tmp_path: Path, whole: Whole
) -> None:
    """After each edit, download and split: files move, are set aside, come back; sets stay."""
    folder = whole.copy(tmp_path / "data")
    context = make_context(folder, base_url=whole.sandbox.base_url, fetch=LIMITS)
    rows, before = read_rows(context.tsv), sets_of(folder)

    def follow(*edited: Mapping[str, str]) -> dict[str, str]:
        """Write the rows, run both stages, and return the sets; nothing known may be fetched."""
        write_rows(context.tsv, *edited, columns=COLUMNS)
        known = {row["album_id"] for row in rows}
        whole.sandbox.log.clear()
        done = download.run(context)
        assert done.rows_out == done.rows_in == len(edited)
        new = [row for row in edited if row["album_id"] not in known]
        assert len(whole.sandbox.log) == len(new)
        split.run(context)
        split.run(context, verify=True)
        there = {f"{file.parent.name}/{file.name}" for file in (folder / IMAGES).glob("*/*.jpg")}
        assert len(there) == len(edited)
        labels = [row["genre"] for row in edited]
        genres = Counter("World" if label == "Salsa (World)" else label for label in labels)
        assert Counter(path.partition("/")[0] for path in there) == genres
        return sets_of(folder)

    # Removed: files are set aside, and leave their sets.
    gone = rows[::4]
    left = [row for row in rows if row not in gone]
    sets = follow(*left)
    assert sets == {row["album_id"]: before[row["album_id"]] for row in left}
    aside = list((folder / f"{IMAGES}_set_aside").rglob("*.jpg"))
    assert len(aside) == len(gone)
    # Put back, in any order: files come back, into the sets that they were in.
    shuffled = random.Random(1).sample(rows, len(rows))
    assert follow(*shuffled) == before
    assert not list((folder / f"{IMAGES}_set_aside").rglob("*.jpg"))
    # Moved to another genre: files move, sets stay.
    moved = [{**row, "genre": "Blues" if row["genre"] == "Jazz" else row["genre"]} for row in rows]
    assert follow(*moved) == before
    assert not list((folder / IMAGES / "Jazz").glob("*.jpg"))
    # Added: one more album is fetched and dealt, all others stay where they are.
    larger = {**LIMITS, "genre_limit": 14}
    others = make_context(tmp_path / "other", base_url=whole.sandbox.base_url, fetch=larger)
    fetch.run(others)
    (extra, *_) = (each for each in read_rows(others.tsv) if each["album_id"] not in before)
    sets = follow(*rows, extra)
    assert {album: name for album, name in sets.items() if album in before} == before
    # All of it undone.
    follow(*rows)
    assert sets_of(folder) == before
