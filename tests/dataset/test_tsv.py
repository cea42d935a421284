"""The TSV: written so that others read it, read whoever wrote it, never half there."""

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.dataset.tsv import find_fault, reading_tsv, write_tsv
from equigen.errors import InputError, MissingInputError, StorageError
from equigen.schema import MAX_CELL_CHARS, REQUIRED_COLUMNS, safe_text
from equigen.storage.atomic import replacing
from equigen.storage.os_errors import translating_os_errors

HEADER = "\t".join(REQUIRED_COLUMNS)
ROW = ("Nina Simone", "Pastel Blues", "1", "Jazz", "1965", "https://a.example/1.jpg")
LINE = "\t".join(ROW)
LOOKS_LIKE_SOMETHING_ELSE = (
    "NA", "N/A", "None", "null", "nan", "NaN", "True", "false", "007", "1e5", "-1", "1,5", "inf",
    "#N/A", "=1+1", "'quoted'", '"quoted"', '7" Single', '"', '""', "#1s", "\\N", "\\", "é", "🎺",
    "2001-01-01", "", "-", "0x10",
)  # fmt: skip
CELLS = st.one_of(
    st.text(max_size=12).map(safe_text),
    st.text(st.sampled_from("\"'\\ ,;|#\t\n\r\u00a0\ufeffa1"), max_size=8).map(safe_text),
    st.sampled_from(LOOKS_LIKE_SOMETHING_ELSE),
)
ROWS = st.lists(st.lists(CELLS, min_size=6, max_size=6), max_size=6)


def read(path: Path) -> list[list[str]]:
    """Read all rows of a TSV."""
    with reading_tsv(path) as tsv:
        return list(tsv)


def refusal(path: Path) -> str:
    """Return what is said of a TSV that can't be read; check that it is one line and no harm."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(str(path))
    assert (path.read_bytes() if path.is_file() else None) == before
    return message


def names_beside(path: Path) -> list[str]:
    """Return the names of all files in a file's folder."""
    return [file.name for file in path.parent.iterdir()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a test's TSV lies."""
    return tmp_path / "equigen_dataset.tsv"


@pytest.fixture(scope="module")
def shared_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the TSV of made-up rows lies, written anew for each."""
    return tmp_path_factory.mktemp("files") / "equigen_dataset.tsv"


@given(ROWS)
@examples(100)
def test_cells_come_back_as_they_were_written(shared_path: Path, rows: list[list[str]]) -> None:
    """Whatever safe text stands in a cell, reading gives the same rows back."""
    write_tsv(shared_path, REQUIRED_COLUMNS, rows)
    assert read(shared_path) == rows


@given(ROWS)
@examples(60)
def test_pandas_reads_the_same_cells(shared_path: Path, rows: list[list[str]]) -> None:
    """A user's `read_csv` sees the cells that were written, also those that look like nothing."""
    write_tsv(shared_path, REQUIRED_COLUMNS, rows)
    table = pd.read_csv(shared_path, sep="\t", dtype=str, keep_default_na=False)
    assert tuple(table.columns) == REQUIRED_COLUMNS
    assert table.to_numpy().tolist() == rows


@pytest.mark.parametrize("name", LOOKS_LIKE_SOMETHING_ELSE)
def test_artists_stay_what_they_are_called(path: Path, name: str) -> None:
    """An artist called NA, True or 007 is text, and every cell but the quoted is plain to see."""
    write_tsv(path, REQUIRED_COLUMNS, [[name, *ROW[1:]]])
    assert read(path) == [[name, *ROW[1:]]]
    if '"' not in name:
        assert path.read_text(encoding="utf-8") == f"{HEADER}\n{name}\t" + "\t".join(ROW[1:]) + "\n"


@pytest.mark.parametrize("break_", ["\n", "\r", "\r\n", "\t"], ids=["LF", "CR", "CRLF", "tab"])
def test_quoted_line_ends_of_a_foreign_file_survive_rewriting(path: Path, break_: str) -> None:
    """A cell that somebody's spreadsheet wrote over two lines is still that cell afterwards."""
    path.write_bytes(f'{HEADER}\n"two{break_}lines"\t'.encode() + "\t".join(ROW[1:]).encode())
    rows = read(path)
    assert rows == [[f"two{break_}lines", *ROW[1:]]]
    write_tsv(path, REQUIRED_COLUMNS, rows)
    assert read(path) == rows


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
@pytest.mark.parametrize("last", [True, False], ids=["closed", "open"])
def test_any_line_ends_are_read(path: Path, end: str, mark: bytes, *, last: bool) -> None:
    """BOM or none, any line ends, with or without the last one: the rows are the same."""
    text = f"{HEADER}{end}{LINE}{end}{LINE}" + (end if last else "")
    path.write_bytes(mark + text.encode())
    assert read(path) == [list(ROW), list(ROW)]


def test_a_file_of_six_columns_is_read(path: Path) -> None:
    """The six columns of other tools are all that is needed; optional ones are known to lack."""
    path.write_text(f"{HEADER}\n{LINE}\n", encoding="utf-8")
    with reading_tsv(path) as tsv:
        assert tsv.columns == REQUIRED_COLUMNS
        assert tsv.index("artist") == 0
        assert tsv.index("album_id") == -1
        assert list(tsv) == [list(ROW)]


def test_columns_may_stand_in_any_order_beside_unknown_ones(path: Path) -> None:
    """Columns are found by name, and those of other tools are kept."""
    path.write_text(
        "my notes\timage_url\tyear\tgenre\talbum_index\talbum\tartist\n"
        "good\thttps://a.example/1.jpg\t1965\tJazz\t1\tPastel Blues\tNina Simone\n",
        encoding="utf-8",
    )
    with reading_tsv(path) as tsv:
        (row,) = tsv
        assert [row[tsv.index(name)] for name in REQUIRED_COLUMNS] == list(ROW)
        assert row[tsv.index("my notes")] == "good"


def test_blank_lines_are_passed_over(path: Path) -> None:
    """Empty lines before, between and after the rows are no rows."""
    path.write_text(f"\n{HEADER}\n\n{LINE}\n\r\n{LINE}\n\n\n", encoding="utf-8")
    assert read(path) == [list(ROW), list(ROW)]


def test_a_header_alone_is_a_dataset_without_rows(path: Path) -> None:
    """A file that holds nothing but its header is fine."""
    path.write_text(HEADER, encoding="utf-8")
    assert read(path) == []


def test_quotes_within_an_unquoted_cell_are_text(path: Path) -> None:
    """A hand-written 7" is read as it stands."""
    line = LINE.replace("Pastel", 'My 7" of')
    path.write_text(f"{HEADER}\n{line}\n", encoding="utf-8")
    assert read(path)[0][1] == 'My 7" of Blues'


def test_a_missing_file_says_which_command_makes_it(path: Path) -> None:
    """A file that an earlier stage makes is named together with that stage."""
    with pytest.raises(MissingInputError, match="equigen somehow"):
        reading_tsv(path, made_by="equigen somehow").__enter__()
    assert "equigen fetch" in refusal(path)


def test_a_folder_is_no_file(path: Path) -> None:
    """A folder in place of the file is said to be one."""
    path.mkdir()
    assert "folder" in refusal(path)


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_refused(path: Path, content: str) -> None:
    """A file without so much as a header is not a dataset."""
    path.write_text(content, encoding="utf-8")
    assert "line 1, column 1: the file is empty" in refusal(path)


@pytest.mark.parametrize("name", REQUIRED_COLUMNS)
def test_a_missing_column_is_named(path: Path, name: str) -> None:
    """Each of the six columns must be there."""
    header = "\t".join("other" if each == name else each for each in REQUIRED_COLUMNS)
    path.write_text(f"{header}\n{LINE}\n", encoding="utf-8")
    message = refusal(path)
    assert "line 1" in message
    assert f"{name!r} is missing" in message


@pytest.mark.parametrize("name", ["artist", "my notes"])
def test_a_repeated_column_is_named(path: Path, name: str) -> None:
    """No column may stand there twice, also none of another tool."""
    path.write_text(f"my notes\t{HEADER}\t{name}\n", encoding="utf-8")
    message = refusal(path)
    assert "line 1, column 8" in message
    assert repr(name) in message


@pytest.mark.parametrize(
    "content", ['"new\nline"\tb\n', '"a\r\nb"\n{"json": [1,\n2]}\n', "<html>\n"]
)
def test_a_file_that_is_no_dataset_at_all_is_refused_in_one_line(path: Path, content: str) -> None:
    """Whatever stands where the header should be, the message is one line."""
    path.write_bytes(content.encode())
    assert "line" in refusal(path)


def test_a_cell_too_few_is_found(path: Path) -> None:
    """A short row is named by line and by the first column that lacks."""
    short = "\t".join(ROW[:5])
    path.write_text(f"{HEADER}\n{LINE}\n{short}\n", encoding="utf-8")
    assert "line 3, column 6 ('image_url'): expected 6 cells as in the header, got 5" in refusal(
        path
    )


def test_a_cell_too_many_is_found(path: Path) -> None:
    """A long row is named by line and by the first column that is too much."""
    path.write_text(f"{HEADER}\n{LINE}\textra\n{LINE}\n", encoding="utf-8")
    assert "line 2, column 7: expected 6 cells as in the header, got 7" in refusal(path)


def test_lines_are_counted_as_an_editor_counts_them(path: Path) -> None:
    """Blank lines and cells over several lines are counted."""
    broken = LINE.replace("Nina Simone", '"Nina\nSimone"')
    path.write_text(f"{HEADER}\n\n{broken}\nshort\n", encoding="utf-8")
    assert "line 5, column 2" in refusal(path)


def test_a_nul_is_found(path: Path) -> None:
    """A NUL character, as torn files hold them, is named by line and column."""
    torn = LINE.replace("Jazz", "Ja\0zz")
    path.write_text(f"{HEADER}\n{LINE}\n{torn}\n", encoding="utf-8")
    assert "line 3, column 4 ('genre'): a NUL" in refusal(path)


def test_a_nul_in_the_header_is_found(path: Path) -> None:
    """The header is checked like a row."""
    path.write_text(f"{HEADER}\tno\0tes\n", encoding="utf-8")
    assert "line 1, column 7: a NUL" in refusal(path)


@pytest.mark.parametrize("cell", ['"bare " quote"', '"a"b"', '"closed" late'])
def test_a_bare_quote_inside_a_quoted_cell_is_found(path: Path, cell: str) -> None:
    """A quoted cell whose quotes don't fit is named by its line, not guessed at."""
    path.write_text(f"{HEADER}\n{LINE}\n{LINE.replace('Nina Simone', cell)}\n", encoding="utf-8")
    assert "line 3" in refusal(path)


def test_a_quote_that_is_never_closed_is_found(path: Path) -> None:
    """A cell that swallows the rest of the file is an error, not a very long cell."""
    path.write_text(f'{HEADER}\n"{LINE}\n{LINE}\n', encoding="utf-8")
    assert "line 2, column 1 ('artist'): a quote opens here and is never closed" in refusal(path)


@pytest.mark.parametrize("good_lines", [0, 3, 3000])
def test_bytes_that_are_not_utf_8_are_found(path: Path, good_lines: int) -> None:
    """A file in another encoding is refused, and the line that shows it is named."""
    content = f"{HEADER}\n" + f"{LINE}\n" * good_lines + LINE.replace("Nina", "Björk") + "\n"
    path.write_bytes(content.encode("latin-1") + f"{LINE}\n".encode() * 10)
    message = refusal(path)
    assert "UTF-8" in message
    assert "0xf6" in message
    assert f"line {good_lines + 2}" in message


def test_a_cell_longer_than_any_name_is_refused(path: Path) -> None:
    """What can't be a name isn't read into memory as one; the longest that fits is fine."""
    for cell in ("x" * MAX_CELL_CHARS, f'"{"x" * (MAX_CELL_CHARS - 1)}"""'):
        path.write_text(f"{HEADER}\n{LINE.replace('Jazz', cell)}\n", encoding="utf-8")
        assert len(read(path)[0][3]) == MAX_CELL_CHARS
        path.write_text(f"{HEADER}\n{LINE.replace('Jazz', cell + 'x')}\n", encoding="utf-8")
        assert "line 2, column 4 ('genre'): " in refusal(path)


def test_the_line_of_a_nul_is_counted_within_its_row(path: Path) -> None:
    """A cell of several lines moves what stands behind it."""
    line = LINE.replace("Nina Simone", '"Nina\r\nSi\nmone"').replace("Jazz", "Ja\0zz")
    path.write_bytes(f"{HEADER}\n{line}\n".encode())
    assert "line 4, column 4 ('genre'): a NUL" in refusal(path)


@given(st.text(st.sampled_from('"\t\n\rab'), max_size=24))
@examples(300)
def test_whatever_csv_refuses_is_found_where_it_stands(shared_path: Path, body: str) -> None:
    """Reading it again, by another way, comes to the same verdict, and a place is told."""
    shared_path.write_bytes(body.encode())
    with shared_path.open(encoding="utf-8", newline="") as file:
        try:
            deque(csv.reader(file, delimiter="\t", strict=True), maxlen=0)
            is_good = True
        except csv.Error:
            is_good = False
    fault = find_fault(shared_path, from_line=1)
    assert (fault is None) == is_good


def test_rows_before_a_broken_one_are_given_out(path: Path) -> None:
    """Reading goes row by row: what is wrong later is told when it is reached."""
    path.write_text(f"{HEADER}\n{LINE}\nshort\n", encoding="utf-8")
    with reading_tsv(path) as tsv:
        assert next(iter(tsv)) == list(ROW)
        with pytest.raises(InputError):
            next(iter(tsv))


@given(st.binary(max_size=80), st.booleans())
@examples(150)
def test_any_bytes_are_read_or_refused(shared_path: Path, body: bytes, good_header: bool) -> None:  # noqa: FBT001
    """Any file is rows as wide as its header, or one line that says what is wrong."""
    shared_path.write_bytes((f"{HEADER}\n".encode() if good_header else b"") + body)
    rows, said = list[list[str]](), ""
    try:
        rows = read(shared_path)
    except InputError as err:
        said = str(err)
    assert len(said.splitlines()) <= 1
    assert all(len(row) == 6 for row in rows)


def test_writing_makes_the_folders_it_needs(tmp_path: Path) -> None:
    """A dataset may be written where nothing is yet."""
    path = tmp_path / "new" / "deep" / "file.tsv"
    write_tsv(path, REQUIRED_COLUMNS, [ROW])
    assert read(path) == [list(ROW)]


def test_a_writer_that_fails_leaves_the_old_file(path: Path) -> None:
    """Rows that break off in the middle change nothing and leave nothing beside the file."""
    write_tsv(path, REQUIRED_COLUMNS, [ROW])
    before = path.read_bytes()

    def breaking() -> Iterator[tuple[str, ...]]:
        yield ("new",) * 6
        message = "no more rows"
        raise ValueError(message)

    with pytest.raises(ValueError, match="no more rows"):
        write_tsv(path, REQUIRED_COLUMNS, breaking())
    assert path.read_bytes() == before
    assert names_beside(path) == [path.name]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_an_interrupted_writer_leaves_nothing(path: Path, error: type[BaseException]) -> None:
    """Ctrl-C while a new file is written leaves no file where there was none."""

    def interrupted() -> None:
        with replacing(path) as file:
            file.write("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert names_beside(path) == []


def test_the_old_file_is_seen_until_the_new_one_is_whole(path: Path) -> None:
    """While the new file is written, readers see the old one, all of it."""
    path.write_text("old", encoding="utf-8")
    with replacing(path) as file:
        file.write("new" * 100_000)
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new" * 100_000
    assert names_beside(path) == [path.name]


def test_a_file_left_by_a_killed_run_is_no_hindrance(path: Path) -> None:
    """What a run that was killed left beside the file is written over and gone."""
    path.with_name(f".{path.name}.new").write_text("half", encoding="utf-8")
    write_tsv(path, REQUIRED_COLUMNS, [ROW])
    assert names_beside(path) == [path.name]


def test_a_folder_in_the_way_is_a_storage_error(path: Path) -> None:
    """What can't be replaced is named, and nothing is left beside it."""
    path.mkdir()
    (path / "keep").touch()
    with pytest.raises(StorageError, match=path.name):
        write_tsv(path, REQUIRED_COLUMNS, [ROW])
    assert names_beside(path) == [path.name]


def test_a_file_in_place_of_the_folder_is_a_storage_error(tmp_path: Path) -> None:
    """A parent that is no folder is an error of the disk, in one line."""
    (tmp_path / "data").touch()
    with pytest.raises(StorageError) as caught:
        write_tsv(tmp_path / "data" / "file.tsv", REQUIRED_COLUMNS, [ROW])
    assert len(str(caught.value).splitlines()) == 1
    assert "data" in str(caught.value)


def test_errors_of_the_system_are_told_with_their_path(tmp_path: Path) -> None:
    """An error of the operating system becomes one that names the path and what to do."""
    with (
        pytest.raises(StorageError, match=r"full\.tsv.*No space left") as caught,
        translating_os_errors(tmp_path / "full.tsv"),
    ):
        raise OSError(28, "No space left on device")
    assert isinstance(caught.value.__cause__, OSError)


def test_what_is_written_is_what_csv_readers_expect(path: Path) -> None:
    """Quotes are doubled, lines end in LF, and only the cells that need it are quoted."""
    write_tsv(path, REQUIRED_COLUMNS, [['The "Best"', "a, b; c", *ROW[2:]]])
    text = path.read_text(encoding="utf-8")
    assert text == f'{HEADER}\n"The ""Best"""\ta, b; c\t' + "\t".join(ROW[2:]) + "\n"
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file, delimiter="\t"))[1][0] == 'The "Best"'


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Somebody who keeps the TSV elsewhere and links to it keeps it there."""
    elsewhere = tmp_path / "elsewhere.tsv"
    elsewhere.write_text("old", encoding="utf-8")
    link = tmp_path / "link.tsv"
    link.symlink_to(elsewhere)
    write_tsv(link, REQUIRED_COLUMNS, [ROW])
    assert link.is_symlink()
    assert read(elsewhere) == [list(ROW)]
