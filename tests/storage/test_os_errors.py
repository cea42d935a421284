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
from equigen.storage.os_errors import READ, WRITTEN, denial

ADVICE = {
    errno.ENOSPC: "Make room",
    errno.EROFS: "Make the file system writable",
    errno.ENOENT: "no other program removes files",
    errno.EXDEV: "--link copy",
    errno.EMFILE: "ulimit -n",
    errno.EISDIR: "Move what lies there away",
    errno.EIO: "Check the disk",
}


@pytest.mark.parametrize("deed", [READ, WRITTEN])
@pytest.mark.parametrize("code", ADVICE)
def test_the_advice_fits_the_error(code: int, deed: str) -> None:
    """And no other is given."""
    said = str(denial(OSError(code, os.strerror(code), "/a/b"), None, deed))
    assert said.startswith(f"/a/b: can't be {deed}: {os.strerror(code)}.")
    assert [advice for advice in ADVICE.values() if advice in said] == [ADVICE[code]]


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
