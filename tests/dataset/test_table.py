"""The table reads and refuses what the exact reader does, and rewrites no other byte."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import examples

from equigen.dataset.table import (
    Edit,
    change_cells,
    map_table,
    read_table,
    require_whole_tsv,
    splice,
    stamp_of,
    write_without,
)
from equigen.dataset.tsv import reading_tsv
from equigen.errors import InputError
from equigen.identity.pictures import clean_url
from equigen.schema import COLUMNS, MAX_CELL_CHARS, REQUIRED_COLUMNS

HEADER = "\t".join(REQUIRED_COLUMNS)
ROW = ("Nina Simone", "Pastel Blues", "1", "Jazz", "1965", "https://a.example/1.jpg")
LINE = "\t".join(ROW)
# Bytes that matter to who splits them, beside few that don't.
CELLS = st.one_of(
    st.sampled_from(
        ("", "a", "Björk", '"b"', '"b""c"', '"two\nlines"', '"a\r\nb"', '"a\tb"', 'c"', '"', '""',
         '"d" e', '7" x', " ", "\ufeff", "\u2028", "NA", "007", "1e5", '"""', '""""', "\r", "\0")
    ),
    st.text(st.sampled_from('ab"\u00e9 '), max_size=4),
)  # fmt: skip
GOOD_CELLS = st.sampled_from(
    ("", "a", "Björk", '"b"', '"b""c"', '"two\nlines"', '"a\r\nb"', '"a\tb"', '7" x', '"\r"')
)
ENDS = st.sampled_from(("\n", "\n", "\n", "\n", "\r\n", "\r", "\n\n", "\n\r\n"))
MARKS = st.sampled_from((b"", b"\xef\xbb\xbf"))


def lines_of(
    cells: st.SearchStrategy[str], *, widths: Sequence[int] = (6,)
) -> st.SearchStrategy[str]:
    """Return lines of so many cells, each with one of the line ends."""
    row = st.sampled_from(widths).flatmap(lambda n: st.lists(cells, min_size=n, max_size=n))
    return st.lists(st.builds(lambda row, end: "\t".join(row) + end, row, ENDS), max_size=9).map(
        "".join
    )


def is_one_line(cell: str) -> bool:
    """Tell whether a cell is one that EquiGen writes."""
    return not any(each in cell for each in "\r\n\0\t")


def exact(path: Path) -> list[list[str]] | str:
    """Return the rows as the exact reader has them, or what it says of the file."""
    try:
        with reading_tsv(path) as tsv:
            places = [tsv.index(name) for name in REQUIRED_COLUMNS]
            rows = [[row[at] for at in places] for row in tsv]
            return [[*cells, clean_url(url)] for *cells, url in rows]
    except InputError as err:
        return str(err)


def quick(path: Path, *, block_bytes: int) -> list[list[str]] | str:
    """Return the rows as the table has them, or what it says of the file."""
    try:
        chunks = map_table(
            path, REQUIRED_COLUMNS, lambda chunk: chunk.frame.rows(), block_bytes=block_bytes
        )
        return [list(row) for chunk in chunks for row in chunk]
    except InputError as err:
        return str(err)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a test's TSV lies."""
    return tmp_path / "equigen_dataset.tsv"


@pytest.fixture(scope="module")
def shared_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the TSV of made-up rows lies, written anew for each."""
    return tmp_path_factory.mktemp("table") / "equigen_dataset.tsv"


@given(lines_of(CELLS, widths=(6, 6, 6, 6, 6, 5, 7)), MARKS, st.sampled_from((16, 40, 99, 1 << 20)))
@example("", b"", 16)
@example(f"\ufeff{LINE}\n", b"", 16)
@example(f'"{LINE}\n' * 3, b"", 16)
@example(f'a\tb\t"c\n{LINE}\n{LINE}"\td\te\tf\n', b"", 40)
@examples(400)
def test_the_table_reads_and_refuses_what_the_exact_reader_does(
    shared_path: Path, text: str, mark: bytes, block_bytes: int
) -> None:
    """Whatever the bytes and however they are cut into blocks: the same rows, or the same words."""
    shared_path.write_bytes(mark + f"{HEADER}\n{text}".encode())
    assert quick(shared_path, block_bytes=block_bytes) == exact(shared_path)


@given(lines_of(GOOD_CELLS), MARKS, ENDS, st.sampled_from((16, 99, 1 << 20)))
@examples(200)
def test_sound_files_are_read(
    shared_path: Path, text: str, mark: bytes, end: str, block_bytes: int
) -> None:
    """Any line ends, quoted cells of several lines, blank lines, a BOM: the exact rows."""
    shared_path.write_bytes(mark + f"{HEADER}{end}{text}".encode())
    rows = quick(shared_path, block_bytes=block_bytes)
    assert not isinstance(rows, str)
    assert rows == exact(shared_path)


@given(
    MARKS.map(lambda mark: mark + f"{HEADER}\n".encode()),
    lines_of(GOOD_CELLS),
    st.sampled_from((16, 99, 1 << 20)),
    st.tuples(
        st.sampled_from(REQUIRED_COLUMNS),
        st.sampled_from(("new", 'a "b"', "two\nlines", "Motörhead", "")),
    ),
    st.integers(0, 8),
)
@examples(200)
def test_editing_a_cell_leaves_all_other_bytes(
    shared_path: Path, head: bytes, text: str, block_bytes: int, new: tuple[str, str], at: int
) -> None:
    """The edited row has the new cell, the others their very bytes."""
    before, (column, cell) = head + text.encode(), new
    shared_path.write_bytes(before)
    rows = exact(shared_path)
    assert not isinstance(rows, str)
    edits = [
        (
            chunk.replacing(row, column, cell),
            int(chunk.spans.starts[row]),
            int(chunk.spans.ends[row]),
        )
        for chunk in map_table(shared_path, (), lambda chunk: chunk, block_bytes=block_bytes)
        for row in range(len(chunk))
    ]
    assert len(edits) == len(rows)
    if not rows:
        return
    chosen = at % len(rows)
    edit, start, end = edits[chosen]
    assert start <= edit.start <= edit.end <= end
    splice(shared_path, [edit], since=stamp_of(shared_path))
    after = shared_path.read_bytes()
    assert after[: edit.start] == before[: edit.start]
    assert after[edit.start + len(edit.new) :] == before[edit.end :]
    rows[chosen][REQUIRED_COLUMNS.index(column)] = cell
    assert exact(shared_path) == rows


@given(
    lines_of(GOOD_CELLS),
    MARKS,
    st.dictionaries(st.integers(0, 8), st.tuples(*[CELLS.filter(is_one_line)] * 3)),
)
@examples(200)
def test_changed_cells_are_there_and_rows_that_stay_keep_their_bytes(
    shared_path: Path, text: str, mark: bytes, new: dict[int, tuple[str, ...]]
) -> None:
    """A column that lacks follows the others, and is empty where a row gets no cell."""
    shared_path.write_bytes(mark + f"{HEADER}\n{text}".encode())
    rows, names = exact(shared_path), ("album", "image_url", "more")
    assert not isinstance(rows, str)
    before = lines_in(shared_path)
    places = iter(range(len(rows)))
    changed = change_cells(
        shared_path, "artist", names, lambda _, cells: new.get(next(places), cells)
    )
    expected = [[*row, ""] for row in rows]
    for at in new.keys() & range(len(rows)):
        expected[at] = [rows[at][0], new[at][0], *rows[at][2:5], *new[at][1:]]
    assert changed == sum(row != [*old, ""] for row, old in zip(expected, rows, strict=True))
    after = [list(row) for chunk in map_table(
        shared_path, (*REQUIRED_COLUMNS, "more"), lambda chunk: chunk.exact.rows()
    ) for row in chunk]  # fmt: skip
    assert [row[:5] + row[6:] for row in after] == [row[:5] + row[6:] for row in expected]
    assert [clean_url(row[5]) for row in after] == [clean_url(row[5]) for row in expected]
    empty = b"\t" * (changed > 0)
    for at, (old, line) in enumerate(zip(before, lines_in(shared_path), strict=True)):
        if at not in new:
            text_only = old.removesuffix(b"\n").removesuffix(b"\r")
            assert line == text_only + empty + old[len(text_only) :]


def test_a_fault_far_behind_the_first_change_leaves_the_file(path: Path) -> None:
    """The new file is written while the old one is read; it takes its place at the end alone."""
    before = (f"{HEADER}\n" + f"{LINE}\n" * 150_000 + "broken\trow\n").encode()
    path.write_bytes(before)
    with pytest.raises(InputError, match="line 150002"):
        change_cells(path, "artist", ["album", "more"], lambda *_: ("new", "cell"))
    assert path.read_bytes() == before
    assert [*path.parent.iterdir()] == [path]


def lines_in(path: Path) -> list[bytes]:
    """Return the bytes of each row."""
    body = path.read_bytes()
    return [
        body[start:end]
        for chunk in map_table(path, (), lambda chunk: chunk)
        for start, end in zip(*chunk.spans, strict=True)
    ]


@given(lines_of(GOOD_CELLS), MARKS, st.sets(st.integers(0, 8)))
@examples(150)
def test_rows_that_stay_keep_their_bytes(
    shared_path: Path, text: str, mark: bytes, gone: set[int]
) -> None:
    """Without some rows, the others stand there byte for byte, and in their order."""
    before = mark + f"{HEADER}\n{text}".encode()
    shared_path.write_bytes(before)
    rows = exact(shared_path)
    assert not isinstance(rows, str)
    gone = {at for at in gone if at < len(rows)}
    spans = [
        (int(start), int(end))
        for chunk in map_table(shared_path, (), lambda chunk: chunk)
        for start, end in zip(*chunk.spans, strict=True)
    ]
    write_without(shared_path, gone)
    assert exact(shared_path) == [row for at, row in enumerate(rows) if at not in gone]
    left = before
    for start, end in [spans[at] for at in sorted(gone, reverse=True)]:
        left = left[:start] + left[end:]
    assert shared_path.read_bytes() == left


@pytest.mark.parametrize("block_bytes", [64, 1 << 20])
def test_a_row_swallowed_by_a_quote_is_told_where_the_quote_opens(
    path: Path, block_bytes: int
) -> None:
    """A quote that opens in one row and closes rows later hides them: refused, not read."""
    swallowing = LINE.replace("Pastel", '"Live')
    closing = LINE.replace("Blues", 'Singles 7"')
    path.write_text("\n".join([HEADER, LINE, swallowing, *[LINE] * 7, closing, LINE, ""]))
    said = f"{path}, line 3, column 2 ('album'): a quote opens here and is closed on line 11"
    for found in (exact(path), quick(path, block_bytes=block_bytes)):
        assert isinstance(found, str)
        assert found.startswith(said)


@pytest.mark.parametrize("end", [b"\xea", b"\xea\x80", b"\xf0\x9f\x8e", b"\xff", b"\xea\n"])
def test_a_file_that_ends_amid_a_character_is_refused(path: Path, end: bytes) -> None:
    """With the place, in whole columns as row by row."""
    path.write_bytes(f"{HEADER}\n{LINE}\n{LINE}".encode() + end)
    said = exact(path)
    assert isinstance(said, str)
    assert "not UTF-8" in said
    assert quick(path, block_bytes=1 << 20) == said


def test_a_title_of_several_lines_is_read(path: Path) -> None:
    """A quoted cell over lines, as pandas writes it, holds no tab and is a cell."""
    title = '"Pastel\n\nBlues"'
    path.write_text(f"{HEADER}\n{LINE.replace('Pastel Blues', title)}\n{LINE}\n")
    assert read_table(path, ["album"])["album"].to_list() == ["Pastel\n\nBlues", "Pastel Blues"]


@pytest.mark.parametrize("quoted", [True, False])
def test_the_longest_cell_is_read_and_a_longer_one_refused(path: Path, *, quoted: bool) -> None:
    """The bound on a cell is in characters, whatever they take in bytes."""
    for chars, fits in ((MAX_CELL_CHARS, True), (MAX_CELL_CHARS + 1, False)):
        cell = "é" * chars
        line = LINE.replace("Jazz", f'"{cell}"' if quoted else cell)
        path.write_text(f"{HEADER}\n{line}\n{LINE}\n", encoding="utf-8")
        found = quick(path, block_bytes=1 << 20)
        assert found == exact(path)
        assert isinstance(found, str) is not fits


def test_columns_that_lack_are_empty_and_any_order_is_read(path: Path) -> None:
    """Optional columns may lack, unknown ones may stand between."""
    path.write_text(
        "my notes\timage_url\tyear\tgenre\talbum_index\talbum\tartist\n"
        "good\thttps://a.example/1.jpg\t1965\tJazz\t1\tPastel Blues\tNina Simone\n",
    )
    found = read_table(path, ["artist", "album_id", "my notes", "year"])
    assert found.rows() == [("Nina Simone", "", "good", "1965")]
    assert read_table(path, ["album_id"]).rows() == [("",)]


@pytest.mark.parametrize("name", ["", "column_6", " ", "artist "])
def test_a_column_of_any_name_is_read(path: Path, name: str) -> None:
    """A spreadsheet may leave an empty one at the end of each line."""
    path.write_text(f"{HEADER}\t{name}\n{LINE}\tmore\n", encoding="utf-8")
    assert read_table(path, ("artist", name)).rows() == [("Nina Simone", "more")]
    write_without(path, [])
    assert read_table(path, (name,)).rows() == [("more",)]


def test_a_file_that_was_cut_off_is_refused(path: Path) -> None:
    """EquiGen's own files end each line: the last without an end is refused as ever."""
    path.write_text("\t".join(COLUMNS) + "\n" + "\t".join([*ROW, *[""] * 5]))
    assert quick(path, block_bytes=1 << 20) == exact(path)
    assert "cut off" in str(exact(path))


def test_a_file_that_changes_meanwhile_stays_as_it_is(path: Path) -> None:
    """Edits of a file that somebody saved since they were found are not made."""
    path.write_text(f"{HEADER}\n{LINE}\n")
    stamp = stamp_of(path)
    path.write_text(f"{HEADER}\n{LINE}\n{LINE}\n")
    with pytest.raises(InputError, match="another program changed"):
        splice(path, [Edit(0, 1)], since=stamp)
    assert path.read_text() == f"{HEADER}\n{LINE}\n{LINE}\n"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_is_checked_again_once_it_changed(path: Path) -> None:
    """What was whole a moment ago and was saved since is read again."""
    path.write_text(f"{HEADER}\n{LINE}\n")
    require_whole_tsv(path)
    require_whole_tsv(path)
    path.write_text(f"{HEADER}\n{LINE}\tmore\n")
    with pytest.raises(InputError, match="line 2, column 7"):
        require_whole_tsv(path)
