"""How far classes overlap: counted by the rules or by the column of labels, and told in words."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from support import equigen, from_json, make_context, write_rows

from equigen.commands import status
from equigen.dataset.context import Context
from equigen.dataset.overlap import Pair, overlap_line, overlap_of, overlapping
from equigen.errors import InputError
from equigen.labels.several import labels_matched
from equigen.labels.taxonomy import builtin_queries

TSV = "equigen_dataset.tsv"
COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url")
MORE = (*COLUMNS, "album_id", "genres", "styles", "labels")
JAZZ = {"genre": "Jazz", "genres": "Jazz", "styles": "Soul-Jazz"}
BOTH = {"genre": "Latin", "genres": "Jazz|Latin", "styles": "Soul-Jazz|Tango"}


def dataset(
    folder: Path, *rows: dict[str, str], columns: Sequence[str] = MORE[:-1], **fetch: object
) -> Context:
    """Write rows, each an album of its own."""
    told = [{"artist": f"A{n}", "album": f"T{n}", **row} for n, row in enumerate(rows)]
    write_rows(folder / TSV, *told, columns=columns)
    return make_context(folder, fetch=fetch)


def test_labels_overlap_by_the_rules(tmp_path: Path) -> None:
    """An album has the label of its genre, and matches others: the two ways are two counts."""
    context = dataset(tmp_path, JAZZ, JAZZ, BOTH, {**BOTH, "genre": "Jazz"}, BOTH, BOTH)
    assert overlap_of(context) == {
        "Jazz": {"Jazz": 3, "Latin": 1},
        "Latin": {"Jazz": 3, "Latin": 3},
    }


def test_only_labels_that_the_dataset_has_are_told(tmp_path: Path) -> None:
    """World isn't among its classes, though the albums match Salsa."""
    row = {**BOTH, "styles": "Soul-Jazz|Salsa"}
    context = dataset(tmp_path, JAZZ, row)
    assert overlap_of(context) == {"Jazz": {"Jazz": 1}, "Latin": {"Jazz": 1, "Latin": 1}}


def test_a_cell_of_labels_is_what_the_album_has(tmp_path: Path) -> None:
    """It counts for each label; the rules say nothing of it, but of rows with an empty cell."""
    rows = ({**JAZZ, "labels": "Jazz|Pop"}, {**BOTH, "labels": "Latin"}, {**BOTH, "labels": ""})
    assert overlap_of(dataset(tmp_path, *rows, columns=MORE)) == {
        "Jazz": {"Jazz": 1, "Pop": 1},
        "Latin": {"Jazz": 1, "Latin": 2},
        "Pop": {"Jazz": 1, "Pop": 1},
    }


def test_albums_of_musicbrainz_match_by_their_tags(tmp_path: Path) -> None:
    """Their genres are in one column, and the table says to which label each belongs."""
    row = {"genre": "Jazz", "genres": "bebop|death metal", "styles": ""}
    other = {"genre": "Metal", "genres": "Jazz", "styles": "Death Metal"}
    rows = ({**row, "album_id": "musicbrainz:1"}, {**row, "album_id": "discogs:m1"}, other)
    found = overlap_of(dataset(tmp_path, *rows))
    assert found == {"Jazz": {"Jazz": 2, "Metal": 1}, "Metal": {"Metal": 1}}


def test_a_table_of_another_tool_overlaps_nowhere(tmp_path: Path) -> None:
    """Without genres and styles nothing is known but each album's class."""
    context = dataset(tmp_path, {"genre": "Jazz"}, {"genre": "Own"}, columns=COLUMNS)
    assert overlap_of(context) == {"Jazz": {"Jazz": 1}, "Own": {"Own": 1}}
    assert not overlap_line(overlap_of(context))


def test_what_is_known_of_a_file_is_known_until_it_or_the_rules_change(tmp_path: Path) -> None:
    """Another taxonomy has other labels, and a torn file is an error again."""
    context = dataset(tmp_path, JAZZ, BOTH)
    assert overlap_of(context) is overlap_of(context)
    own = [{"name": "Latin", "style": "Bossa Nova"}, {"name": "Jazz", "style": "Tango"}]
    other = make_context(tmp_path, fetch={"label": own})
    assert overlap_of(other)["Latin"] == {"Jazz": 1, "Latin": 1}
    assert overlap_of(other)["Jazz"] == {"Jazz": 1}
    dataset(tmp_path, JAZZ)
    assert overlap_of(context) == {"Jazz": {"Jazz": 1}}
    (tmp_path / TSV).write_text("artist\n")
    with pytest.raises(InputError):
        overlap_of(context)


def test_the_largest_share_comes_first() -> None:
    """Each pair once, told of the label that it takes more of."""
    overlap = {
        "Jazz": {"Jazz": 1000, "Latin": 100, "Pop": 1},
        "Latin": {"Jazz": 412, "Latin": 1500},
        "New Age": {"New Age": 27, "Pop": 20},
        "Pop": {"Pop": 10, "Jazz": 1},
    }
    pairs = overlapping(overlap)
    assert pairs[0] == Pair("New Age", "Pop", 20, 27)
    assert [str(pair) for pair in pairs[1:]] == [
        "412 of 1,500 Latin albums are Jazz as well",
        "1 of 10 Pop albums is Jazz as well",
    ]
    line = "20 of 27 New Age albums are Pop as well; 412 of 1,500 Latin albums are Jazz as well"
    assert overlap_line(overlap, 2) == f"{line}; 1 more pair overlaps"


def test_every_row_of_a_large_table_counts_as_the_rules_say(tmp_path: Path) -> None:
    """Cells in any combination, counted together, are as albums counted one by one."""
    genres = ("Jazz", "Latin", "Jazz|Latin|Pop", "Rock|Pop", "Funk / Soul|Jazz", "")
    styles = ("Soul-Jazz", "Salsa|Bolero", "Pop Rock|K-Pop", "Rhythm & Blues|Blues Rock", "")
    labels = ("Jazz", "Latin", "Pop", "Rock", "Rhythm & Blues", "Salsa (World)")
    rows = [
        {"genre": label, "genres": genre, "styles": style}
        for label in labels
        for genre in genres
        for style in styles
    ]
    found = overlap_of(dataset(tmp_path, *rows * 3))
    queries = builtin_queries(genre_limit=9)
    expected: dict[str, dict[str, int]] = {}
    for row in rows * 3:
        one, other = (row[name].split("|") if row[name] else [] for name in ("genres", "styles"))
        own = "World" if "World" in row["genre"] else row["genre"]
        counts = expected.setdefault(own, {})
        for label in {own, *labels_matched(queries, one, other)}:
            counts[label] = counts.get(label, 0) + 1
    assert found == {
        label: {other: n for other, n in counts.items() if other in expected}
        for label, counts in expected.items()
    }


def test_status_tells_the_overlap(tmp_path: Path) -> None:
    """A line for people, the whole matrix for programs."""
    context = dataset(tmp_path, JAZZ, BOTH)
    summary = status.run(context)
    assert summary.facts["overlap"] == overlap_of(context)
    assert summary.table
    assert ("labels that overlap", "1 of 1 Latin albums is Jazz as well") in summary.table.rows
    told = equigen("status", "--json", cwd=tmp_path, env={"EQUIGEN_DATASET__DIRECTORY": "."})
    assert from_json(told.stdout)["overlap"]["Latin"] == {"Jazz": 1, "Latin": 1}
