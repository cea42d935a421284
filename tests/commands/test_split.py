"""The split stage: split-folders' own sets, and files that never stand in two of them."""

import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import splitfolders
from support import make_context, posix_only, program_env, sandbox_env

from equigen.commands import download, fetch, split
from equigen.errors import ConfigError, MissingInputError
from equigen.ledger.ledger import Ledger
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.server import Sandbox
from equigen.schema import Link
from equigen.summary import Summary

IMAGES = "equigen_album_images"
ALL_LINKS = pytest.mark.parametrize("link", list(Link))


def fill(folder: Path, *, labels: int = 3, each: int = 21) -> Path:
    """Make a folder of files that stand for covers; return it."""
    images = folder / IMAGES
    for label in range(labels):
        (images / f"Label {label}").mkdir(parents=True)
        for number in range(each + label):
            (images / f"Label {label}" / f"{number}.jpg").write_text(f"{label} {number}")
    return images


def laid_out(folder: Path) -> dict[str, str]:
    """Return the set of each file below a folder of sets; no file may stand in two."""
    sets: dict[str, str] = {}
    for file in sorted(folder.glob("*/*/*")):
        path = f"{file.parent.name}/{file.name}"
        assert path not in sets, f"{path} stands in two sets"
        assert file.exists(), f"{path} has lost its picture"
        sets[path] = file.parent.parent.name
    return sets


def by_library(images: Path, output: Path, seed: int = 1337) -> dict[str, str]:
    """Return the sets that split-folders deals by itself."""
    splitfolders.ratio(str(images), str(output), seed=seed, ratio=(0.7, 0.15, 0.15))
    return laid_out(output)


def run_split(folder: Path, link: Link = Link.COPY, **settings: object) -> Summary:
    """Deal each cover by itself, in this process."""
    return split.run(make_context(folder, split={**settings, "group": "none"}), link=link)


@ALL_LINKS
def test_the_sets_are_those_of_split_folders(tmp_path: Path, link: Link) -> None:
    """However the files get there, the sets are the library's own, and the contents are right."""
    images = fill(tmp_path / "data")
    contents = {f"{f.parent.name}/{f.name}": f.read_text() for f in images.glob("*/*")}
    expected = by_library(images, tmp_path / "library")
    summary = run_split(tmp_path / "data", link)
    assert laid_out(tmp_path / "data" / "split") == expected
    for path, name in expected.items():
        assert (tmp_path / "data" / "split" / name / path).read_text() == contents[path]
    assert summary.rows_in == summary.rows_out == len(expected)
    with Ledger(tmp_path / "data" / "equigen_ledger.sqlite") as ledger:
        assert ledger.laid_out() == expected


def test_links_are_what_they_say(tmp_path: Path) -> None:
    """Symlinks are relative, hard links share the file, copies don't, moves leave nothing."""
    for link in Link:
        folder = tmp_path / link
        images = fill(folder, labels=1)
        run_split(folder, link)
        (file,) = (folder / "split").glob("*/*/7.jpg")
        original = images / "Label 0" / "7.jpg"
        if link is Link.SYMLINK:
            assert file.is_symlink()
            assert not file.readlink().is_absolute()
        elif link is Link.HARDLINK:
            assert file.samefile(original)
        elif link is Link.MOVE:
            assert not original.exists()
        else:
            assert not file.samefile(original)


@ALL_LINKS
def test_a_second_run_changes_nothing(tmp_path: Path, link: Link) -> None:
    """The same covers give the same sets, and files that are right are left as they are."""
    fill(tmp_path)
    run_split(tmp_path, link)
    before = laid_out(tmp_path / "split")
    summary = run_split(tmp_path, link)
    assert laid_out(tmp_path / "split") == before
    if link is not Link.MOVE:
        assert (summary.facts["added"], summary.facts["removed"]) == (0, 0)


@ALL_LINKS
def test_covers_that_come_and_go_leave_no_trace_in_two_sets(tmp_path: Path, link: Link) -> None:
    """After covers were added, removed and changed, the split is as if it were the first."""
    fill(tmp_path / "data")
    run_split(tmp_path / "data", link)
    fresh = fill(tmp_path / "fresh")
    homes = [tmp_path / "data" / IMAGES, fresh]
    for number, images in enumerate(homes):
        moved = link is Link.MOVE and number == 0
        for at in range(0, 20, 3):
            name = f"Label 1/{at}.jpg"
            file = next((tmp_path / "data/split").glob(f"*/{name}")) if moved else images / name
            file.unlink()
        for at in range(5):
            (images / "Label 0" / f"new {at}.jpg").write_text("new")
        (images / "Label 9").mkdir()
        (images / "Label 9" / "only.jpg").write_text("only")
    run_split(tmp_path / "data", link)
    assert laid_out(tmp_path / "data" / "split") == by_library(fresh, tmp_path / "library")


def test_a_picture_that_changed_is_laid_out_anew(tmp_path: Path) -> None:
    """A copy follows its original."""
    images = fill(tmp_path)
    run_split(tmp_path)
    (images / "Label 0" / "7.jpg").write_text("another picture")
    run_split(tmp_path)
    (file,) = (tmp_path / "split").glob("*/Label 0/7.jpg")
    assert file.read_text() == "another picture"


def test_one_kind_of_link_takes_the_place_of_another(tmp_path: Path) -> None:
    """Links can be changed from run to run, through moves and back, without a loss."""
    images = fill(tmp_path)
    contents = {f"{f.parent.name}/{f.name}": f.read_text() for f in images.glob("*/*")}
    for link in [*Link, *reversed(Link), Link.SYMLINK]:
        run_split(tmp_path, link)
        files = {f"{f.parent.name}/{f.name}": f for f in (tmp_path / "split").glob("*/*/*")}
        assert {path: file.read_text() for path, file in files.items()} == contents
        assert {file.is_symlink() for file in files.values()} == {link is Link.SYMLINK}
    assert {f"{f.parent.name}/{f.name}": f.read_text() for f in images.glob("*/*")} == contents


def test_seed_and_ratio_are_heeded(tmp_path: Path) -> None:
    """Another seed deals others; another ratio deals more or fewer."""
    images = fill(tmp_path / "data", labels=1, each=100)
    assert run_split(tmp_path / "data", seed=7).facts["sets"] == {
        "train": 70,
        "val": 15,
        "test": 15,
    }
    assert laid_out(tmp_path / "data" / "split") == by_library(images, tmp_path / "library", seed=7)
    facts = run_split(tmp_path / "data", ratio=(0.5, 0.25, 0.25)).facts
    assert facts["sets"] == {"train": 50, "val": 25, "test": 25}


def test_the_processes_random_generator_is_left_alone(tmp_path: Path) -> None:
    """split-folders seeds the shared generator; who uses it besides must not notice."""
    fill(tmp_path)
    random.seed(5)
    expected = random.Random(5).random()
    run_split(tmp_path)
    assert random.random() == expected


def test_without_covers_the_stage_that_makes_them_is_named(tmp_path: Path) -> None:
    """A missing or empty images folder is one clear line."""
    for _ in range(2):
        with pytest.raises(MissingInputError, match="equigen download"):
            run_split(tmp_path)
        (tmp_path / IMAGES / "Empty").mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize("name", [IMAGES, f"{IMAGES}/split", ".", ".."])
def test_folders_in_each_other_are_refused(tmp_path: Path, name: str) -> None:
    """A split folder that is, holds or lies in the images folder is a wrong setting."""
    fill(tmp_path)
    with pytest.raises(ConfigError, match=r"dataset\.split"):
        split.run(make_context(tmp_path, dataset={"split": name}))


@pytest.fixture
def downloaded(tmp_path: Path) -> Iterator[tuple[Path, Sandbox]]:
    """A dataset with its covers, and the sandbox it came from."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        limits = {"genre_limit": 4, "world_limit": 2, "from_year": 2026}
        context = make_context(tmp_path, base_url=sandbox.base_url, fetch=limits)
        fetch.run(context)
        download.run(context)
        sandbox.log.clear()
        yield tmp_path, sandbox


def test_moved_covers_still_count_as_downloaded(downloaded: tuple[Path, Sandbox]) -> None:
    """After `--link move` a download asks for nothing; a cover lost from its set is asked for."""
    folder, sandbox = downloaded
    run_split(folder, Link.MOVE)
    assert not list((folder / IMAGES).glob("*/*"))
    summary = download.run(make_context(folder))
    assert summary.rows_out == summary.rows_in
    assert sandbox.log == []
    next((folder / "split").glob("*/*/*")).unlink()
    download.run(make_context(folder))
    assert len(sandbox.log) == 1


def test_a_copy_in_a_set_does_not_stand_for_a_lost_cover(downloaded: tuple[Path, Sandbox]) -> None:
    """Where covers were copied, the images folder is what counts."""
    folder, sandbox = downloaded
    run_split(folder)
    next((folder / IMAGES).glob("*/*")).unlink()
    download.run(make_context(folder))
    assert len(sandbox.log) == 1


@pytest.mark.long
@posix_only
@pytest.mark.parametrize("link", ["copy", "move"])
def test_killed_at_any_moment_no_file_stands_in_two_sets(tmp_path: Path, link: str) -> None:
    """SIGKILL in the midst of dealing, started again: the sets are those of an undisturbed run."""
    images = fill(tmp_path / "data", labels=4, each=300)
    expected = by_library(images, tmp_path / "library")
    shutil.copytree(tmp_path / "data", tmp_path / "kept")
    for already in (0, 1, 50, 400, 900):
        folder = tmp_path / f"{link} {already}"
        shutil.copytree(tmp_path / "kept", folder)
        process = _start(folder, link)
        while len(list((folder / "split").glob("*/*/*"))) < already and process.poll() is None:
            pass
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        partial = [f for f in (folder / "split").glob("*/*/*") if not f.name.startswith(".")]
        assert len({f"{f.parent.name}/{f.name}" for f in partial}) == len(partial)
        _, err = _start(folder, link).communicate(timeout=60)
        assert not err
        assert laid_out(folder / "split") == expected
        assert not list(folder.rglob(".new*"))


def _start(folder: Path, link: str) -> "subprocess.Popen[bytes]":
    env = program_env(**sandbox_env("http://127.0.0.1:9", EQUIGEN_DATASET__DIRECTORY=str(folder)))
    command = [sys.executable, "-m", "equigen", "split", "--group", "none", "--link", link]
    return subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_what_we_did_not_put_there_is_not_removed(tmp_path: Path) -> None:
    """Files and folders of others in the split folder stay; so do moved covers without a ledger."""
    fill(tmp_path)
    precious = tmp_path / "split" / "train" / "Mine" / "precious.txt"
    (precious.parent / "folder").mkdir(parents=True)
    precious.write_text("years of work")
    run_split(tmp_path, Link.MOVE)
    moved = laid_out(tmp_path / "split")
    (tmp_path / "equigen_ledger.sqlite").unlink()
    (tmp_path / IMAGES / "Label 0" / "new.jpg").write_text("new")
    run_split(tmp_path)
    assert precious.read_text() == "years of work"
    assert set(moved) <= set(laid_out(tmp_path / "split"))


def test_a_hidden_folder_is_dealt_as_the_library_deals_it(tmp_path: Path) -> None:
    """Both ways of listing the covers see the same files."""
    images = fill(tmp_path, labels=1)
    (images / ".kept").mkdir()
    (images / ".kept" / "1.jpg").write_text("1")
    expected = by_library(images, tmp_path / "library")
    summary = run_split(tmp_path)
    assert (summary.rows_in, summary.rows_out) == (len(expected), len(expected))
