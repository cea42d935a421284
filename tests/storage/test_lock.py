"""One run at a time: who comes second is told who was first."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import posix_only

from equigen.errors import LockedError, StorageError
from equigen.storage.lock import dataset_lock

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
# Holds the lock until its standard input ends.
HOLDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from equigen.storage.lock import dataset_lock
with dataset_lock(Path(sys.argv[1]), stage="fetch", now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def holding(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_the_second_is_told_who_was_first(tmp_path: Path) -> None:
    """The message names the stage, the process and the time of the run that holds the lock."""
    with holding(tmp_path) as process:
        with pytest.raises(LockedError) as caught, dataset_lock(tmp_path, stage="clean", now=NOW):
            pytest.fail("two runs hold the lock")
        message = str(caught.value)
        assert "`equigen fetch`" in message
        assert f"process {process.pid}" in message
        assert "2026-01-02 03:04:05 UTC" in message
        assert str(tmp_path) in message
        assert len(message.splitlines()) == 1


def test_who_is_refused_does_not_disturb_the_holder(tmp_path: Path) -> None:
    """However many come second, each of them is told the same."""
    with holding(tmp_path):
        messages = set()
        for _ in range(3):
            with pytest.raises(LockedError) as caught:
                dataset_lock(tmp_path, stage="clean", now=NOW).__enter__()
            messages.add(str(caught.value))
        assert len(messages) == 1


@posix_only
def test_the_lock_of_a_killed_run_is_free(tmp_path: Path) -> None:
    """A process that had no time to tidy up stands in nobody's way."""
    with holding(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        with dataset_lock(tmp_path, stage="clean", now=NOW):
            (holder,) = tmp_path.glob("*.holder")
            assert json.loads(holder.read_text())["stage"] == "clean"


def test_the_lock_is_free_after_the_first_has_ended(tmp_path: Path) -> None:
    """A run that ends well lets the next one in."""
    with holding(tmp_path) as process:
        process.communicate("")
        assert process.returncode == 0
        with dataset_lock(tmp_path, stage="clean", now=NOW):
            pass


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    """A run that fails lets go of the lock, and nobody is named as its holder any more."""
    with pytest.raises(KeyboardInterrupt), dataset_lock(tmp_path, stage="clean", now=NOW):
        raise KeyboardInterrupt
    assert not list(tmp_path.glob("*.holder"))
    with dataset_lock(tmp_path, stage="clean", now=NOW):
        pass


def test_datasets_in_two_folders_are_locked_apart(tmp_path: Path) -> None:
    """A run on one dataset holds up no other."""
    with (
        dataset_lock(tmp_path / "one", stage="fetch", now=NOW),
        dataset_lock(tmp_path / "two", stage="fetch", now=NOW),
    ):
        assert (tmp_path / "one").is_dir()


@pytest.mark.parametrize("torn", ["", "{", "[]", "null", '{"stage": "fetch"}', '"x"'])
def test_a_torn_note_of_the_holder_is_no_trouble(tmp_path: Path, torn: str) -> None:
    """Where who holds the lock can't be read, the second is refused all the same."""
    with holding(tmp_path):
        (holder,) = tmp_path.glob("*.holder")
        holder.write_text(torn)
        with pytest.raises(LockedError, match="another run"):
            dataset_lock(tmp_path, stage="clean", now=NOW).__enter__()


def test_a_folder_that_can_not_be_made_is_a_storage_error(tmp_path: Path) -> None:
    """A file where the dataset's folder should be is told as such."""
    (tmp_path / "data").touch()
    with pytest.raises(StorageError, match="data"):
        dataset_lock(tmp_path / "data", stage="clean", now=NOW).__enter__()


def put(kind: str, place: Path, elsewhere: Path) -> None:
    """Put a pipe, a device or a link into a file's place."""
    place.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero" if kind == "device" else elsewhere)


@posix_only
@pytest.mark.parametrize("kind", ["pipe", "device", "link"])
def test_a_note_of_the_holder_that_is_no_file_is_not_read(tmp_path: Path, kind: str) -> None:
    """Nothing waits for it, and the second is refused all the same."""
    with holding(tmp_path):
        (holder,) = tmp_path.glob("*.holder")
        put(kind, holder, tmp_path / "elsewhere")
        (tmp_path / "elsewhere").write_text('{"stage": "x", "pid": 1, "since": "ever"}')
        with pytest.raises(LockedError, match="another run that has just started"):
            dataset_lock(tmp_path, stage="clean", now=NOW).__enter__()


@posix_only
@pytest.mark.parametrize("kind", ["pipe", "device", "link", "folder", "hard link"])
def test_a_lock_that_is_no_lock_is_refused(tmp_path: Path, kind: str) -> None:
    """At once, in one line; what it leads to stays as it was."""
    lock, elsewhere = tmp_path / ".equigen.lock", tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    if kind == "folder":
        lock.mkdir()
    elif kind == "hard link":
        lock.hardlink_to(elsewhere)
    else:
        put(kind, lock, elsewhere)
    with pytest.raises(StorageError) as caught:
        dataset_lock(tmp_path, stage="clean", now=NOW).__enter__()
    assert len(str(caught.value).splitlines()) == 1
    assert elsewhere.read_text() == "mine"
