"""What is said of an error of the operating system: the path, and what helps against that error."""

import errno
import os
from pathlib import Path

import pytest
from splits import catalogue, fill
from support import make_context

from equigen.commands import split
from equigen.errors import StorageError
from equigen.schema import Group, Link
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import READ, WRITTEN, denial, translating_read_errors

ADVICE = {
    errno.ENOSPC: "Make room",
    errno.EROFS: "Make the file system writable",
    errno.ENOENT: "no other program removes files",
    errno.EXDEV: "Name a place on the same disk",
    errno.EMFILE: "ulimit -n",
    errno.EISDIR: "Move what lies there away",
    errno.EPERM: "Mend the permissions",
    errno.ENOTSUP: "Name a place on another file system",
    errno.ENOSYS: "Name a place on another file system",
    errno.EMLINK: "Have files copied",
    errno.EINVAL: "takes such names",
    errno.EILSEQ: "takes such names",
    errno.ENAMETOOLONG: "Choose a folder with a shorter path",
    errno.ENOMEM: "Close other programs",
    errno.EIO: "Check the disk",
}


@pytest.mark.parametrize("deed", [READ, WRITTEN])
@pytest.mark.parametrize("code", ADVICE)
def test_the_advice_fits_the_error(code: int, deed: str) -> None:
    """And no other is given."""
    said = str(denial(OSError(code, os.strerror(code), "/a/b"), None, deed))
    assert said.startswith(f"/a/b: can't be {deed}: {os.strerror(code)}.")
    assert {advice for advice in ADVICE.values() if advice in said} == {ADVICE[code]}


def test_what_is_no_file_is_to_be_moved_away(tmp_path: Path) -> None:
    """Its name isn't what is wrong."""
    with pytest.raises(StorageError, match=r"/a/b: can't be read: not a.*Move what lies there"):
        with translating_read_errors(tmp_path):
            (tmp_path / "a" / "b").mkdir(parents=True)
            FileBelow(tmp_path, "a/b").open()


def test_a_hard_link_onto_another_disk_names_what_works_there(
    tmp_path: Path, other_disk: Path
) -> None:
    """Room and permissions don't help."""
    fill(tmp_path, catalogue(12))
    settings = {"group": Group.NONE}
    context = make_context(tmp_path, split=settings, dataset={"split": str(other_disk / "split")})
    with pytest.raises(StorageError, match="--link copy"):
        split.run(context, link=Link.HARDLINK)
    assert split.run(context, link=Link.COPY).rows_out == 12


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK])
@pytest.mark.parametrize(("link", "made_by"), [(Link.HARDLINK, "link"), (Link.SYMLINK, "symlink")])
def test_a_file_system_without_links_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, link: Link, made_by: str
) -> None:
    """On exFAT and FAT no permission and no disk helps, but copies do."""
    fill(tmp_path, catalogue(12))
    context = make_context(tmp_path, split={"group": Group.NONE})

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, made_by, refuse)
        with pytest.raises(StorageError) as caught:
            split.run(context, link=link)
    said = str(caught.value)
    kind = "hard links" if link is Link.HARDLINK else "symbolic links"
    assert str(tmp_path / "split") in said
    assert f"this file system has no {kind}" in said
    assert "`equigen split --link copy`" in said
    assert "ermissions" not in said
    assert split.run(context, link=Link.COPY).rows_out == 12
