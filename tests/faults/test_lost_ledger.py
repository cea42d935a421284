"""A ledger that is gone or empty, while the covers and sets that it knew are there."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forks import Ended, Forks
from kills import IMAGES, TSV
from splits import sets_of
from support import from_json, program_env, sandbox_env
from wholes import LEDGER, Whole, make_whole, small_catalogue

FETCH = ("fetch", "--label", "Jazz", "--genre-limit", "14")
COMMANDS: dict[str, tuple[str, ...]] = {
    "fetch": FETCH,
    "download": ("download",),
    "dry": ("download", "--dry-run"),
    "run": ("run", *FETCH[1:]),
    "split": ("split",),
    "reshuffle": ("split", "--reshuffle"),
    "none": ("split", "--group", "none"),
    "balance": ("balance", "--per-label", "3"),
    "covers": ("dedupe", "--covers"),
}
# What any command may leave.
LOCK = ".equigen.lock"
Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A complete dataset."""
    with small_catalogue() as sandbox:
        yield make_whole(tmp_path_factory.mktemp("whole"), sandbox)


@pytest.fixture
def run(forks: Forks, whole: Whole, tmp_path: Path) -> Run:
    """Run the program on the folder "data"."""
    folder = tmp_path / "data"
    env = sandbox_env(whole.sandbox.base_url, EQUIGEN_DATASET__DIRECTORY=str(folder))
    whole.sandbox.log.clear()
    return lambda *args: forks.run(*args, cwd=tmp_path, env=program_env(**env))


def told(ended: Ended, code: int = 1) -> str:
    """Return the one line with which a command refused."""
    assert ended.code == code, ended
    (line,) = ended.err.splitlines()
    return line


def content(folder: Path) -> dict[str, bytes]:
    """Return all files of a dataset."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != LOCK
    }


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("body", "has_copies"),
    [(None, True), (b"", False)],
    ids=["missing", "empty, and never copied"],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_would_begin_another_one_names_the_repair(
    tmp_path: Path, whole: Whole, run: Run, command: str, body: bytes | None, *, has_copies: bool
) -> None:
    """Nobody is asked, nothing is changed; after the repair nothing is fetched again nor moved."""
    folder = whole.copy(tmp_path / "data", has_copies=has_copies)
    sets = sets_of(folder)
    (folder / LEDGER).unlink()
    if body is not None:
        (folder / LEDGER).write_bytes(body)
    before = content(folder)
    assert "`equigen repair`" in told(run(*COMMANDS[command]))
    assert content(folder) == before
    assert run("repair").code == 0
    done = run("download", "--json")
    assert (done.code, from_json(done.out)["fetched"]) == (0, 0)
    assert run("split").code == 0
    assert sets_of(folder) == sets
    assert whole.sandbox.log == []


@pytest.mark.parametrize("kept", [b"", b"S"], ids=["empty", "one byte"])
def test_who_only_reads_makes_no_ledger_of_an_empty_one(
    tmp_path: Path, whole: Whole, run: Run, kept: bytes
) -> None:
    """Neither where covers lie, which names the repair, nor where it is new; no byte is written."""
    folder = whole.copy(tmp_path / "data")
    (folder / LEDGER).write_bytes(kept)
    (folder / f"{LEDGER}-wal").write_bytes(b"what SQLite kept beside it")
    before = content(folder)
    for command in (("status",), ("counts", "--by", "set"), ("report",)):
        assert "`equigen repair`" in told(run(*command))
        assert content(folder) == before
    for name in (IMAGES, "split"):
        shutil.rmtree(folder / name)
    before = content(folder)
    assert from_json(run("status", "--json").out)["next"] == "equigen download"
    assert run("counts", "--by", "set").code == 0
    assert content(folder) == before


def test_an_empty_file_where_nothing_else_is_becomes_the_ledger(tmp_path: Path, run: Run) -> None:
    """A run that was killed, or lost its power, at its very start: the next one goes on."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / LEDGER).touch()
    for command in (FETCH, ("clean",), ("dedupe",), ("download",), ("split",)):
        assert run(*command).code == 0
    assert "nothing: the dataset is complete" in from_json(run("status", "--json").out)["next"]


@pytest.mark.long
def test_covers_of_another_tool_are_dealt_and_then_known(
    tmp_path: Path, whole: Whole, run: Run
) -> None:
    """They never had a ledger: split makes one, and who would fetch them names the repair."""
    folder = whole.copy(tmp_path / "data")
    shutil.rmtree(folder / "split")
    (folder / LEDGER).unlink()
    assert run("split").code == 0
    sets = sets_of(folder)
    for command in ("fetch", "download", "run", "balance", "covers"):
        line = told(run(*COMMANDS[command]))
        assert "knows no cover" in line
        assert "`equigen repair`" in line
    assert from_json(run("status", "--json").out)["next"] == "equigen repair"
    assert run("split").code == 0
    assert run("repair").code == 0
    assert run("download").code == 0
    assert run("split").code == 0
    assert sets_of(folder) == sets
    assert whole.sandbox.log == []


def test_a_ledger_begun_anew_beside_files_that_do_not_decode(
    tmp_path: Path, whole: Whole, run: Run
) -> None:
    """The repair sets them aside, so that they are no longer in the way: they are fetched again."""
    folder = whole.copy(tmp_path / "data")
    for name in ("split", IMAGES):
        shutil.rmtree(folder / name)
    (folder / LEDGER).unlink()
    assert run("download").code == 0
    covers = content(folder / IMAGES)
    (folder / LEDGER).unlink()
    for name in covers:
        (folder / IMAGES / name).write_bytes(b"")
    assert run("split").code == 0
    assert "`equigen repair`" in told(run("download"))
    assert run("repair").code == 0
    assert run("download").code == 0
    assert content(folder / IMAGES) == covers


@pytest.mark.long
def test_the_advice_after_a_lost_tsv_leads_out(tmp_path: Path, whole: Whole, run: Run) -> None:
    """Each step of the advice is followed, up to a copy of the TSV, or to begin anew."""
    folder = whole.copy(tmp_path / "data")
    tsv = folder / TSV
    copy, sets = tsv.read_bytes(), sets_of(folder)
    tsv.write_bytes(b"")
    for command in (FETCH, ("repair",), ("status",)):
        assert "Put a copy of it back, or remove it" in told(run(*command), 2)
    tsv.unlink()
    line = told(run(*FETCH), 2)
    assert "Put a copy of the file back" in line
    assert f"move {folder / LEDGER}, {folder / IMAGES} and {folder / 'split'} away" in line
    assert from_json(run("status", "--json").out)["next"] == f"put a copy of {TSV} back"
    said = run("repair")
    assert said.code == 0
    assert f"{tsv} isn't there" in said.out
    for lost in ("removed", "emptied"):  # the ledger, as nobody told them to
        (folder / LEDGER).unlink()
        if lost == "emptied":
            (folder / LEDGER).touch()
        before = content(folder)
        for command in (FETCH, ("split",)):
            line = told(run(*command))
            assert f"{TSV}, of which it could be built anew, is missing as well" in line
            assert str(folder / "split") in line.partition("To begin anew, move ")[2]
        line = told(run("repair"), 2)
        assert "Put a copy of the file back, then run `equigen repair` again." in line
        assert f"move {folder / IMAGES} and {folder / 'split'} away" in line
        if lost == "removed":
            next_step = from_json(run("status", "--json").out)["next"]
            assert next_step == f"put a copy of {TSV} back, then `equigen repair`"
        assert content(folder) == before
        tsv.write_bytes(copy)
        assert run("repair").code == 0
        assert run("download").code == 0
        assert run("split").code == 0
        assert sets_of(folder) == sets
        assert whole.sandbox.log == []
        tsv.unlink()


@pytest.mark.long_after(1)
@pytest.mark.parametrize("is_kept", [True, False], ids=["ledger kept", "ledger lost"])
def test_moving_away_what_is_named_begins_anew(
    tmp_path: Path, whole: Whole, run: Run, *, is_kept: bool
) -> None:
    """Without a copy of the TSV: what the line names is moved away, and all goes as at first."""
    folder = whole.copy(tmp_path / "data")
    (folder / TSV).unlink()
    if not is_kept:
        (folder / LEDGER).unlink()
    line = told(run(*FETCH), 2 if is_kept else 1)
    for name in (LEDGER, IMAGES, "split"):
        place = folder / name
        if place.exists():
            assert str(place) in line
            place.rename(tmp_path / name)
    assert "no dataset there" in told(run("repair"), 2)
    assert from_json(run("status", "--json").out)["next"] == "equigen fetch"
    for command in (FETCH, ("clean",), ("dedupe",), ("download",), ("split",)):
        assert run(*command).code == 0
    assert "nothing: the dataset is complete" in from_json(run("status", "--json").out)["next"]


def test_a_folder_in_its_place_is_told_alike(tmp_path: Path, whole: Whole, run: Run) -> None:
    """By the repair as by status: to move it away, and not to make room."""
    folder = whole.copy(tmp_path / "data")
    (folder / LEDGER).unlink()
    (folder / LEDGER / "something").mkdir(parents=True)
    for command in ("status", "repair"):
        line = told(run(command))
        assert f"{folder / LEDGER}: this is a folder; expected the ledger, a file." in line
        assert "Move it away." in line
    assert [file.name for file in folder.glob(f"{LEDGER}*")] == [LEDGER]
