"""Files made, copied and moved: whole, with their dates, and through no link that lies there."""

import os
from pathlib import Path

import pytest

from equigen.errors import StorageError
from equigen.storage.atomic import copy_file, make_folder, move_file, open_new
from equigen.storage.below import UNFINISHED

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


def test_a_file_moves_within_a_disk_and_to_another(
    tmp_path: Path, other_disk: Path, victim: Path
) -> None:
    """Whole, with its date, in place of what was there; a link in any place isn't followed."""
    for folder in (tmp_path, other_disk):
        source, target = tmp_path / "source", folder / "target"
        source.write_bytes(BODY)
        os.utime(source, (1_000_000, 1_000_000))
        target.symlink_to(victim)
        (folder / UNFINISHED).symlink_to(victim)
        move_file(source, target)
        assert target.read_bytes() == BODY
        assert target.stat().st_mtime == 1_000_000
        assert not target.is_symlink()
        assert not source.exists()
    assert victim.read_text() == "keep"


def test_a_folder_in_a_files_place_takes_no_file_in(tmp_path: Path) -> None:
    """A file that is to lie where a folder is stays where it was."""
    (tmp_path / "source").write_bytes(BODY)
    (tmp_path / "target").mkdir()
    with pytest.raises(OSError, match="target"):
        move_file(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "source").read_bytes() == BODY
    assert list((tmp_path / "target").iterdir()) == []


def test_a_copy_has_the_date_of_what_it_shows(tmp_path: Path, victim: Path) -> None:
    """So that a later run knows it again."""
    os.utime(victim, (1_000_000, 1_000_000))
    (tmp_path / "copy").symlink_to(tmp_path / "gone")
    copy_file(victim, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "keep"
    assert (tmp_path / "copy").stat().st_mtime == 1_000_000
    assert not (tmp_path / "gone").exists()


def test_a_folder_is_made_where_it_says(tmp_path: Path) -> None:
    """Below a link as a whole it is; through a link out it isn't; one to a sister is fine."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").mkdir()
    root = tmp_path / "root"
    root.symlink_to(tmp_path / "disk")
    make_folder(root / "Jazz", within=root)
    make_folder(root / "Jazz", within=root)
    (root / "Sister").symlink_to("Jazz")
    make_folder(root / "Sister", within=root)
    for name, leads_to in (("Out", "../out"), ("Up", ".."), ("Beside", "../disk2")):
        (root / name).symlink_to(leads_to)
        for folder in (root / name, root / name / "deeper"):
            with pytest.raises(StorageError, match=r"symbolic link.*Remove the link"):
                make_folder(folder, within=root)
    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "disk2").exists()
