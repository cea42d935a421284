"""Files that a user names for a command's output, and that are the dataset itself: they stay."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from forks import Ended, Forks
from kills import IMAGES, TSV
from support import program_env, sandbox_env
from wholes import LEDGER, Whole, make_whole, small_catalogue

SPLIT, RESERVE = "split/split.tsv", "equigen_dataset_reserve.tsv"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A complete dataset."""
    with small_catalogue() as sandbox:
        yield make_whole(tmp_path_factory.mktemp("whole"), sandbox)


def run(forks: Forks, folder: Path, whole: Whole, *args: str, **settings: str) -> Ended:
    """Run the program beside a dataset."""
    directory = {"EQUIGEN_DATASET__DIRECTORY": folder.name, **settings}
    env = program_env(**sandbox_env(whole.sandbox.base_url, **directory))
    return forks.run(*args, cwd=folder.parent, env=env)


def files_of(folder: Path) -> dict[Path, bytes]:
    """Return all files of the dataset, but what SQLite keeps beside the ledger."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file: file.read_bytes() for file in files if not file.name.startswith(f"{LEDGER}-")}


@pytest.mark.long_after(4)
@pytest.mark.parametrize("way", ["itself", "another path", "link", "hard link"])
@pytest.mark.parametrize("name", [TSV, RESERVE, SPLIT])
@pytest.mark.parametrize(
    "command",
    [
        ("download", "--quiet", "--export"),
        ("balance", "--per-label", "2", "--quiet", "--output"),
        ("dedupe", "--covers", "--quiet", "--conflicts"),
    ],
    ids=lambda command: command[-1],
)
def test_no_table_takes_the_place_of_the_dataset(
    tmp_path: Path, forks: Forks, whole: Whole, command: Sequence[str], name: str, way: str
) -> None:
    """By whatever name it is given: one line, exit 2, and all files as they were."""
    folder = whole.copy(tmp_path / "data")
    header = (folder / TSV).read_bytes().partition(b"\n")[0]
    (folder / RESERVE).write_bytes(header + b"\treason\n")
    given = folder / name
    if way == "another path":
        given = folder / IMAGES / ".." / name
    elif way != "itself":
        given = tmp_path / "mine.tsv"
        (given.symlink_to if way == "link" else given.hardlink_to)(folder / name)
    before = files_of(folder)
    ended = run(forks, folder, whole, *command, str(given))
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended
    assert f"{command[-1]} {given}: this is a file of the dataset itself, data/{name}" in ended.err
    after = files_of(folder)
    ledger = folder / LEDGER
    assert {**after, ledger: b""} == {**before, ledger: b""}


@pytest.mark.parametrize(
    ("command", "setting", "name"),
    [
        (("report", "--output"), "EQUIGEN_DATASET__TSV", "rows.html"),
        (("counts", "--chart"), "EQUIGEN_DATASET__TSV", "rows.svg"),
    ],
    ids=["report", "counts"],
)
def test_no_page_or_chart_takes_the_place_of_the_dataset(
    tmp_path: Path,
    forks: Forks,
    whole: Whole,
    command: Sequence[str],
    setting: str,
    name: str,
) -> None:
    """Whatever the dataset is called."""
    folder = whole.copy(tmp_path / "data")
    rows = (folder / TSV).read_bytes()
    (folder / TSV).rename(folder / name)
    ended = run(forks, folder, whole, *command, f"data/{name}", **{setting: name})
    assert ended.code == 2
    assert "this is a file of the dataset itself" in ended.err
    assert (folder / name).read_bytes() == rows


@pytest.mark.parametrize("name", [TSV, LEDGER, SPLIT, "../config.toml"])
@pytest.mark.parametrize("before", [True, False], ids=["flag first", "command first"])
def test_no_log_is_appended_to_what_is_none(
    tmp_path: Path, forks: Forks, whole: Whole, name: str, *, before: bool
) -> None:
    """One line, exit 2, and nothing was done."""
    folder = whole.copy(tmp_path / "data")
    (tmp_path / "config.toml").write_text("[fetch]\ngenre_limit = 3\n")
    kept = (folder / name).read_bytes()
    flag = ("--log-file", f"data/{name}")
    ended = run(forks, folder, whole, *((*flag, "status") if before else ("status", *flag)))
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended
    assert f"--log-file: data/{name}: there is another file" in ended.err
    assert (folder / name).read_bytes() == kept
