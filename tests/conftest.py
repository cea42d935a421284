"""Fixtures for all tests."""

import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import Disk, can_mount
from forks import Forks, ends, shared
from hypothesis import settings

# Few examples in `make test`, more in `make test-all`; no deadline, as the machine may be busy.
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=100, deadline=None)
settings.load_profile(os.environ.get("EQUIGEN_TEST_PROFILE", "quick"))

# As the program does for itself: threads that share small matrices wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Started in the background of a shell, this process and all that it starts would ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of a test as long that come after the first few of `long_after`."""
    seen: Counter[str] = Counter()
    for item in items:
        if few := item.get_closest_marker("long_after"):
            name = item.nodeid.partition("[")[0]
            seen[name] += 1
            if seen[name] > few.args[0]:
                item.add_marker(pytest.mark.long)


def pytest_sessionfinish() -> None:
    """End the process that runs of the program are forked from."""
    ends.close()


@pytest.fixture(autouse=True)
def _nothing_of_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Take the user's own settings, credentials and proxies out of the environment."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "configuration"))
    for name in list(os.environ):
        proxy = name.lower().endswith("_proxy")
        if name.startswith(("EQUIGEN_", "DISCOGS_", "SPOTIPY_")) or proxy:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def forks() -> Forks:
    """Runs of the program that cost no start, one process of them for all tests."""
    return shared()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of its own; skips the test where none can be had."""
    if not can_mount():
        pytest.skip("no disk can be mounted here: neither as root nor in a namespace")
    with Forks(apart=True) as apart:
        yield Disk(apart, tmp_path / "disk")


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder of another file system."""
    memory = Path("/dev/shm")  # noqa: S108  (a disk, not a name)
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system here")
    folder = Path(tempfile.mkdtemp(dir=memory))
    yield folder
    shutil.rmtree(folder)
