"""Files made, copied and moved: whole, with their dates, and through no link that lies there."""

import os
from pathlib import Path

import pytest

from equigen.storage.atomic import open_new

BODY = os.urandom(3_000_000)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file that must stay as it is."""
    file = tmp_path / "victim"
    file.write_text("keep")
    return file


def test_a_new_file_takes_the_place_of_what_lies_there(tmp_path: Path, victim: Path) -> None:
    """Of a file of a killed run, and of a link, which isn't followed."""
    for name in ("link", "file"):
        new = tmp_path / name
        if name == "link":
            new.symlink_to(victim)
        else:
            new.write_text("much longer than what comes")
        with open_new(new) as file:
            file.write(b"new")
        assert new.read_bytes() == b"new"
        assert not new.is_symlink()
    assert victim.read_text() == "keep"
