"""Files below a folder: whatever lies in their places, nothing outside is read or changed."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples, posix_only

from equigen.storage.below import (
    UNFINISHED,
    FileBelow,
    files_below,
    folders_below,
    read_regular,
)

BODY = os.urandom(3_000_000)
SECRET = b"secret" * 1000
NAMES = ("Jazz", "Rock")
FILES = ("a.jpg", "b.jpg", UNFINISHED)
# Kinds of things that may lie in a place, each made at a path; `out` is a folder with secrets.
KINDS: dict[str, Callable[[Path, Path], object]] = {
    "nothing": lambda _place, _out: None,
    "file": lambda place, _out: place.write_bytes(b"cover"),
    "folder": lambda place, _out: place.mkdir(),
    "link to a secret": lambda place, out: place.symlink_to(out / "a.jpg"),
    "link to a folder": lambda place, out: place.symlink_to(out),
    "link to nothing": lambda place, out: place.symlink_to(out / "gone"),
    "link to itself": lambda place, _out: place.symlink_to(place),
    "pipe": lambda place, _out: os.mkfifo(place),
    "device": lambda place, _out: place.symlink_to("/dev/zero"),
}


def outside(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, its links as what they say."""
    return {
        str(each.relative_to(folder)): bytes(each.readlink())
        if each.is_symlink()
        else each.read_bytes()
        for each in folder.rglob("*")
        if each.is_symlink() or each.is_file()
    }


def plant(out: Path, images: Path, sets: Path, folders: list[str], kinds: list[str]) -> None:
    """Make a folder of secrets, and two others with things of these kinds in their places."""
    for each in (out, images, sets):
        each.mkdir()
    for name in FILES:
        (out / name).write_bytes(SECRET)
    places = [root / name for root in (images, sets) for name in NAMES]
    for place, kind in zip(places, folders, strict=True):
        KINDS[kind](place, out)
    inside = [place / name for place in places for name in FILES]
    for file, kind in zip(inside, kinds, strict=True):
        if file.parent.is_dir() and not file.parent.is_symlink():
            KINDS[kind](file, out)


@posix_only
@given(
    st.lists(
        st.sampled_from(["folder", "link to a folder", "pipe", "file", "nothing"]),
        min_size=4,
        max_size=4,
    ),
    st.lists(st.sampled_from(sorted(KINDS)), min_size=12, max_size=12),
    st.sampled_from(["move", "copy", "link", "symlink", "remove", "read", "make_folder"]),
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(FILES),
        st.sampled_from(NAMES),
        st.sampled_from(FILES),
    ),
)
@examples(300)
def test_nothing_outside_is_read_or_changed(
    tmp_path_factory: pytest.TempPathFactory,
    folders: list[str],
    kinds: list[str],
    deed: str,
    names: tuple[str, str, str, str],
) -> None:
    """Links, pipes and devices in any place: the deed is done inside, or refused at once."""
    base = tmp_path_factory.mktemp("below")
    out, images, sets = base / "out", base / "images", base / "sets"
    plant(out, images, sets, folders, kinds)
    before = outside(out)
    one = FileBelow(images, f"{names[0]}/{names[1]}")
    other = FileBelow(sets, f"{names[2]}/{names[3]}")
    with suppress(OSError):
        if deed in {"move", "copy", "link", "symlink"}:
            getattr(one, deed)(other)
        elif deed == "read":
            assert one.read() == b"cover"
        else:
            getattr(one, deed)()
    assert outside(out) == before
    for root in (images, sets):
        with suppress(OSError):
            for path in files_below(root):
                assert (root / path).read_bytes() == b"cover"
    shutil.rmtree(base)


RACE = """
import itertools, os, sys
images, out = sys.argv[1:]
label, away, link = f"{images}/Jazz", f"{images}/.away", f"{images}/.link"
spare = (f"{images}/.spare-{number}" for number in itertools.count())
os.symlink(out, link)

def put(source, target):
    while True:
        try:
            return os.rename(source, target)
        except OSError:  # the other process has made a folder there
            os.rename(target, next(spare))

print("ready", flush=True)
while True:
    put(label, away)
    put(link, label)
    put(label, link)
    put(away, label)
"""


@posix_only
def test_a_folder_that_is_swapped_for_a_link_leads_nowhere(tmp_path: Path) -> None:
    """Another process puts a link into the folder's place and takes it away, all the time."""
    out, images, sets = tmp_path / "out", tmp_path / "images", tmp_path / "sets"
    for each in (out, images / "Jazz", sets / "Jazz"):
        each.mkdir(parents=True)
    (out / "a.jpg").write_bytes(SECRET)
    one, other = FileBelow(images, "Jazz/a.jpg"), FileBelow(sets, "Jazz/a.jpg")
    (images / "Jazz" / "a.jpg").write_bytes(b"cover")
    command = [sys.executable, "-c", RACE, str(images), str(out)]
    refused = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as racer:
        assert racer.stdout
        racer.stdout.readline()
        try:
            for _ in range(3000):
                try:
                    one.copy(other)
                    assert other.read() == b"cover"
                    other.copy(one)
                except OSError:
                    refused += 1
        finally:
            racer.kill()
    assert refused
    assert outside(out) == {"a.jpg": SECRET}
    assert SECRET not in outside(sets).values()


def test_a_file_moves_within_a_disk_and_to_another(tmp_path: Path, other_disk: Path) -> None:
    """Whole, with its date, in place of what was there."""
    for folder in (tmp_path, other_disk):
        source, target = FileBelow(tmp_path, "Jazz/a.jpg"), FileBelow(folder, "sets/a.jpg")
        source.make_folder()
        Path(source).write_bytes(BODY)
        os.utime(source, (1_000_000, 1_000_000))
        target.make_folder()
        Path(target).write_bytes(b"older")
        source.move(target)
        assert target.read() == BODY
        assert target.stat().st_mtime == 1_000_000
        assert not source.exists()
        assert files_of(folder / "sets") == ["a.jpg"]


def files_of(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(each.name for each in folder.iterdir())


def test_a_folder_in_a_files_place_takes_no_file_in(tmp_path: Path) -> None:
    """A file that is to lie where a folder is stays where it was."""
    source, target = FileBelow(tmp_path, "a/source"), FileBelow(tmp_path, "b/target")
    source.make_folder()
    Path(source).write_bytes(BODY)
    Path(target).mkdir(parents=True)
    for deed in (source.move, source.copy, source.link):
        with pytest.raises(OSError, match="target"):
            deed(target)
    assert source.read() == BODY
    assert list(Path(target).iterdir()) == []


def test_links_of_both_kinds(tmp_path: Path) -> None:
    """A hard link is the same file, a symbolic one is known by its text and isn't read."""
    source = FileBelow(tmp_path, "Jazz/a.jpg")
    source.make_folder()
    Path(source).write_bytes(b"cover")
    hard, soft = FileBelow(tmp_path, "sets/hard.jpg"), FileBelow(tmp_path, "sets/soft.jpg")
    source.link(hard)
    source.link(hard)
    source.symlink(soft)
    assert hard.is_same_as(source)
    assert soft.link_text() == source.relative_to(soft) == "../Jazz/a.jpg"
    assert Path(soft).read_bytes() == b"cover"
    assert not soft.exists()
    assert hard.link_text() == ""
    with pytest.raises(OSError, match="symbolic link"):
        soft.read()
    soft.remove()
    soft.remove()
    assert files_of(tmp_path / "sets") == ["hard.jpg"]


def test_a_root_may_be_a_link_and_nothing_below(tmp_path: Path) -> None:
    """The whole folder may lie on another disk; a folder in it may not lead to its sister."""
    (tmp_path / "disk" / "Jazz").mkdir(parents=True)
    (tmp_path / "disk" / "Jazz" / "a.jpg").write_bytes(b"cover")
    (tmp_path / "disk" / "Sister").symlink_to("Jazz")
    (tmp_path / "root").symlink_to("disk")
    root = tmp_path / "root"
    assert FileBelow(root, "Jazz/a.jpg").read() == b"cover"
    assert folders_below(tmp_path / "gone") == []
    assert list(files_below(tmp_path, "disk/Jazz")) == []
    for look in (folders_below, lambda folder: list(files_below(folder))):
        with pytest.raises(OSError, match="symbolic link leads from there"):
            look(root)
    with pytest.raises(OSError, match="symbolic link leads from there"):
        folders_below(tmp_path, "root")
    with pytest.raises(OSError, match="symbolic link leads from there"):
        FileBelow(root, "Sister/a.jpg").read()
    with pytest.raises(OSError, match="symbolic link leads from there"):
        FileBelow(root, "Sister/b.jpg").make_folder()


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/"])
def test_a_path_of_other_than_names_is_refused(tmp_path: Path, path: str) -> None:
    """Whatever file it was read from."""
    with pytest.raises(OSError, match="plain names"):
        FileBelow(tmp_path, path).read()


def _denied(act: Callable[[], object]) -> OSError:
    with pytest.raises(OSError) as caught:  # noqa: PT011  (whichever it is, its name counts)
        act()
    return caught.value


def test_an_error_names_the_whole_path(tmp_path: Path) -> None:
    """Whatever is done, though each name is opened in a folder that is open already."""
    gone, folder = FileBelow(tmp_path, "Jazz/gone.jpg"), FileBelow(tmp_path, "Jazz/folder")
    (tmp_path / "Jazz" / "folder" / "x").mkdir(parents=True)
    here = FileBelow(tmp_path, "Jazz/here.jpg")
    Path(here).write_bytes(b"cover")
    for act in (gone.stat, gone.read, lambda: gone.copy(here)):
        assert _denied(act).filename == str(gone)
    for act in (lambda: here.move(folder), lambda: here.copy(folder), lambda: here.link(folder)):
        assert _denied(act).filename2 == str(folder)
    assert _denied(folder.remove).filename == str(folder)
    assert _denied(lambda: here.symlink(here)).filename2 == str(here)
    assert _denied(FileBelow(tmp_path, "Rock/a.jpg").stat).filename == str(tmp_path / "Rock")


@posix_only
def test_a_disk_that_fails_counts_as_no_missing_file(tmp_path: Path) -> None:
    """An I/O error is one for all that ask after a file; a missing file isn't one."""
    broken = FileBelow(Path("/proc/self"), "mem/none")  # a file in a folder's place
    assert (broken.size_bytes(), broken.state(), broken.exists()) == (-1, None, False)
    with pytest.MonkeyPatch.context() as patched:

        def fail(*_: object, **__: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patched.setattr(os, "stat", fail)
        for ask in (FileBelow.size_bytes, FileBelow.state, FileBelow.exists):
            with pytest.raises(OSError, match=os.strerror(errno.EIO)):
                ask(FileBelow(tmp_path, "a.jpg"))


def test_a_file_is_read_to_its_end_whatever_its_size_says(tmp_path: Path) -> None:
    """The system's own files have a size of 0."""
    (tmp_path / "cover").write_bytes(b"x" * 5)
    assert read_regular(str(tmp_path / "cover")) == b"x" * 5
    (tmp_path / "cover").write_bytes(b"")
    assert read_regular(str(tmp_path / "cover")) == b""
    if sys.platform == "linux":
        assert read_regular("/proc/self/status").startswith(b"Name:")
