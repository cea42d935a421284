"""Rows that leave the TSV lie in the reserve beside it, come back from it, and are never lost."""

import csv
import io
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples, make_context, posix_only, program_env, read_rows, write_rows

from equigen.commands import clean, select
from equigen.dataset.reserve import leave_out, map_reserve, places_in_both, take_back
from equigen.dataset.tsv import write_tsv
from equigen.errors import InputError
from equigen.ledger.ledger import Ledger

TSV, RESERVE = "equigen_dataset.tsv", "equigen_dataset_reserve.tsv"
COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url", "album_id")
WHY = "balance: beyond 2 of the label"


def made(folder: Path, count: int = 6) -> Path:
    """Write a TSV of so many rows."""
    rows = [{"artist": f"Artist {n}", "genre": "Jazz", "album_id": f"x:{n}"} for n in range(count)]
    return write_rows(folder / TSV, *rows, columns=COLUMNS)


def ids(tsv: Path) -> list[str]:
    """Return the ids of a TSV's albums."""
    return [row["album_id"] for row in read_rows(tsv)]


def move(folder: Path, *, out: tuple[int, ...] = (), back: tuple[int, ...] = ()) -> None:
    """Move rows, given by their places, into the reserve; then others back."""
    context = make_context(folder)
    with Ledger(context.ledger) as ledger:
        leave_out(context, ledger, dict.fromkeys(out, WHY))
        take_back(context, ledger, back)


def test_rows_leave_with_their_reason_and_come_back(tmp_path: Path) -> None:
    """The reserve has the TSV's columns, and the reason last; what comes back stands at the end."""
    before = made(tmp_path).read_bytes()
    move(tmp_path, out=(4, 1))
    assert ids(tmp_path / TSV) == ["x:0", "x:2", "x:3", "x:5"]
    rows = read_rows(tmp_path / RESERVE)
    assert [tuple(row) for row in rows] == [(*COLUMNS, "reason")] * 2
    assert [(row["album_id"], row["reason"]) for row in rows] == [("x:1", WHY), ("x:4", WHY)]
    move(tmp_path, out=(0,), back=(1,))
    assert ids(tmp_path / TSV) == ["x:2", "x:3", "x:5", "x:4"]
    assert ids(tmp_path / RESERVE) == ["x:1", "x:0"]
    move(tmp_path, back=(0, 1))
    assert sorted((tmp_path / TSV).read_bytes().splitlines()) == sorted(before.splitlines())
    assert read_rows(tmp_path / RESERVE) == []


def test_without_rows_to_move_nothing_is_written(tmp_path: Path) -> None:
    """There is no reserve then, and the TSV is the very same file."""
    inode = made(tmp_path).stat().st_ino
    move(tmp_path)
    assert (tmp_path / TSV).stat().st_ino == inode
    assert not (tmp_path / RESERVE).exists()


def test_the_reserve_is_named_as_the_tsv_is(tmp_path: Path) -> None:
    """Each TSV of a folder has its own."""
    made(tmp_path).rename(tmp_path / "mine.tsv")
    context = make_context(tmp_path, dataset={"tsv": "mine.tsv"})
    with Ledger(context.ledger) as ledger:
        leave_out(context, ledger, {0: WHY})
    assert ids(tmp_path / "mine_reserve.tsv") == ["x:0"]


def test_columns_that_came_since_are_kept(tmp_path: Path) -> None:
    """Whether the TSV has more of them or the reserve; the reason stays the last."""
    made(tmp_path)
    move(tmp_path, out=(0,))
    rows = [{**row, "mood": "blue"} for row in read_rows(tmp_path / TSV)]
    write_rows(tmp_path / TSV, *rows, columns=("mood", *COLUMNS))
    move(tmp_path, out=(0,))
    old, new = read_rows(tmp_path / RESERVE)
    assert list(new) == [*COLUMNS, "mood", "reason"]
    assert (old["album_id"], old["mood"], old["reason"]) == ("x:0", "", WHY)
    assert (new["album_id"], new["mood"], new["reason"]) == ("x:1", "blue", WHY)
    write_rows(tmp_path / TSV, *rows[1:], columns=COLUMNS)
    move(tmp_path, back=(0, 1))
    assert [row["mood"] for row in read_rows(tmp_path / TSV)] == ["", "", "", "", "", "blue"]


def test_a_column_of_that_name_is_refused(tmp_path: Path) -> None:
    """It couldn't be told from the reserve's own; nothing is changed."""
    write_rows(tmp_path / TSV, {"artist": "A"}, columns=(*COLUMNS, "reason"))
    with pytest.raises(InputError, match="there is a column 'reason'"):
        move(tmp_path, out=(0,))
    assert not (tmp_path / RESERVE).exists()


def test_a_reason_of_several_lines_becomes_one(tmp_path: Path) -> None:
    """So that the reserve can be read again."""
    made(tmp_path)
    context = make_context(tmp_path)
    with Ledger(context.ledger) as ledger:
        leave_out(context, ledger, {0: 'select: "a"\n\tAND b'})
    (rows,) = map_reserve(context, ["reason"], lambda chunk: chunk.frame.rows())
    assert rows == [('select: "a" AND b',)]


CELLS = st.text(st.sampled_from("aé\"'\t\n\r ,;#\u200b\ufeff\U0001f3b5|/"), max_size=6).filter(
    lambda cell: not ("\t" in cell and ("\n" in cell or "\r" in cell))
)


@examples(100)
@given(rows=st.lists(st.tuples(*[CELLS] * 7), min_size=1, max_size=8), data=st.data())
def test_cells_survive_to_the_letter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], data: st.DataObject
) -> None:
    """Also quotes, tabs, line ends, and addresses that no stage would read as they stand there."""
    folder = tmp_path_factory.mktemp("cells")
    write_tsv(folder / TSV, COLUMNS, rows)
    out = data.draw(st.sets(st.sampled_from(range(len(rows)))))
    move(folder, out=tuple(out))
    move(folder, back=tuple(range(len(out))))
    text = (folder / TSV).read_bytes().decode()
    found = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t"))
    assert Counter(map(tuple, found[1:])) == Counter(rows)


KILLED = """
import logging, os, signal, sys
from pathlib import Path
from support import make_context
from test_reserve import move
from equigen.commands import select

class Kill(logging.Handler):
    left = int(sys.argv[2])
    def emit(self, record):
        self.left -= record.event == "tsv written"
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

log = logging.getLogger("equigen.events")
log.setLevel(logging.INFO)
log.addHandler(Kill())
if sys.argv[3] == "select":
    select.run(make_context(Path(sys.argv[1])), where=sys.argv[4], in_place=True)
else:
    move(Path(sys.argv[1]), **{sys.argv[3]: (0, 2)})
"""


def killed_at(folder: Path, point: int, *words: str) -> None:
    """Move or select in a process that is killed once it has written so many files of rows."""
    tests = Path(__file__).parents[1]
    env = program_env(PYTHONPATH=f"{tests.parent}:{tests / 'support'}:{tests / 'dataset'}")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(point), *words], env=env, check=False
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.long_after(2)
@posix_only
@pytest.mark.parametrize("way", ["out", "back"])
@pytest.mark.parametrize("point", [1, 2])
def test_a_killed_move_loses_no_row(tmp_path: Path, way: str, point: int) -> None:
    """Between the files and after both: each row is there, and in one file after the next stage."""
    made(tmp_path)
    move(tmp_path, out=(1, 3, 5))
    killed_at(tmp_path, point, way)
    context = make_context(tmp_path)
    assert len(places_in_both(context)) == (2 if point == 1 else 0)
    clean.run(context)
    assert places_in_both(context) == []
    both = [*ids(tmp_path / TSV), *ids(tmp_path / RESERVE)]
    assert sorted(both) == [f"x:{n}" for n in range(6)]


@pytest.mark.long_after(1)
@posix_only
@pytest.mark.parametrize("point", [1, 2, 3])
def test_a_killed_select_ends_the_next_time(tmp_path: Path, point: int) -> None:
    """After the reasons of rows that balance left out, after its own rows, and after both files."""
    where = "list_contains(['x:1', 'x:4'], album_id)"
    for folder in (alone := tmp_path / "alone", tmp_path / "killed"):
        made(folder)
        move(folder, out=(1, 3, 5))
    select.run(make_context(alone), where=where, in_place=True)
    killed_at(folder, point, "select", where)
    reasons = [row["reason"].partition(":")[0] for row in read_rows(folder / RESERVE)]
    assert reasons == ["balance", "select", "select", *["select"] * (2 if point > 1 else 0)]
    assert len(ids(folder / TSV)) == (1 if point > 2 else 3)
    select.run(make_context(folder), where=where, in_place=True)
    for name in (TSV, RESERVE):
        assert (folder / name).read_bytes() == (alone / name).read_bytes()
    assert select.run(make_context(folder), undo=True).rows_out == 5


def test_a_torn_reserve_is_refused_at_the_door(tmp_path: Path) -> None:
    """Any stage that needs the TSV says where it is torn, and changes nothing."""
    before = made(tmp_path).read_bytes()
    move(tmp_path, out=(0,))
    after = (tmp_path / TSV).read_bytes()
    assert after != before
    (tmp_path / RESERVE).write_bytes(b"artist\talbum\nA\tB\n")
    with pytest.raises(InputError, match=f"{RESERVE}, line 1: the columns .*'reason' are missing"):
        clean.run(make_context(tmp_path))
    assert (tmp_path / TSV).read_bytes() == after
