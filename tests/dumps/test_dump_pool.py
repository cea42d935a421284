"""Processes that read a dump together: none is left behind, and none is missed in silence."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
from downloads import linux_only
from dumps_made import rows_of, written
from support import posix_only, program_env, realdata

from equigen.dumps.archives import DumpCounts, Row
from equigen.dumps.discogs import MASTER, RELEASE
from equigen.dumps.pool import read_dump
from equigen.errors import EquigenError, InputError

# Their rows are more than pipes hold: no process can come to its end before it is listened to.
MANY = 60_000
_READS = """
import sys
from pathlib import Path
sys.path[:] = sys.argv[2:]
from equigen.dumps.discogs import read_masters
batches = read_masters(Path(sys.argv[1]))
print(len(next(batches)), flush=True)
sys.stdin.read()
next(batches)
"""


def content_of(count: int) -> bytes:
    """Return a masters dump of some size."""
    records = (
        f"<master id='{n}'><title>Title {n} {n * n * 7919}</title></master>"
        for n in range(1, count + 1)
    )
    return f"<masters>{''.join(records)}</masters>".encode()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masters dump of many records."""
    return written(tmp_path_factory.mktemp("large") / "masters.xml.gz", content_of(MANY))


@posix_only
def test_processes_read_names_as_utf_8_whatever_the_locale_says(tmp_path: Path) -> None:
    """A dump's folder may have any name."""
    folder = tmp_path / "M\u00fasica"
    folder.mkdir()
    dump = written(folder / "masters.xml", content_of(MANY))
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", _READS, dump, *sys.path],
        env=program_env(**ascii_only),
        input=b"",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) > 0


def reading(
    path: Path, processes: int = 2, block_bytes: int = 1 << 14
) -> Generator[Sequence[Row], None, None]:
    """Read a dump by processes."""
    return read_dump(path, MASTER, processes=processes, small_bytes=0, block_bytes=block_bytes)


def children() -> list[int]:
    """Return the processes that this one has started and not yet waited for."""
    return [pid for pid in map(int, _numbers()) if _parent(pid) == os.getpid()]


def _numbers() -> Iterator[str]:
    return (each.name for each in Path("/proc").iterdir() if each.name.isdigit())


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it ended meanwhile
        return 0


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_give_the_rows_of_one_in_its_order(processes: int) -> None:
    """Of a real dump of each kind."""
    path = realdata("discogs_dump", "masters_20200806_a.xml.gz")
    found = [tuple(row) for batch in reading(path, processes, 20_000) for row in batch]
    assert found == rows_of(path, MASTER)
    path = realdata("discogs_dump", "releases_20200806_a.xml.gz")
    counts = DumpCounts()
    both = read_dump(
        path,
        RELEASE,
        processes=processes,
        small_bytes=0,
        block_bytes=20_000,
        counts=counts,
    )
    assert [tuple(row) for batch in both for row in batch] == rows_of(path, RELEASE)
    assert counts.read_bytes == path.stat().st_size


def test_who_takes_over_goes_on_alone(tmp_path: Path) -> None:
    """A comment in the middle: the rest comes from one process, and nothing twice."""
    content = content_of(3_000).replace(b"</master>", b"</master><!--<master id='1'/>-->", 900)
    content = content.replace(b"<masters>", b"<masters>" + b"<master id='7'/>" * 2_000, 1)
    path = written(tmp_path / "m.xml.gz", content)
    found = [row[0] for batch in reading(path) for row in batch]
    assert found == [7] * 2_000 + list(range(1, 3_001))


@linux_only
def test_who_stops_early_leaves_no_process(large: Path) -> None:
    """By closing, by an exception, or by looking away."""
    before = set(children())
    early = reading(large)
    assert next(early)
    assert len(set(children()) - before) == 2
    early.close()
    assert set(children()) == before
    with pytest.raises(ZeroDivisionError), closing(reading(large)) as batches:
        next(batches)
        raise ZeroDivisionError
    assert set(children()) == before
    assert len(list(islice(reading(large), 3))) == 3
    assert set(children()) == before


@linux_only
@pytest.mark.parametrize("which", [0, 1])
def test_a_process_that_is_killed_is_an_error(large: Path, which: int) -> None:
    """The rows before it are not taken for the whole, and the other process ends too."""
    before = set(children())
    batches = reading(large)
    count = len(next(batches))
    os.kill(sorted(set(children()) - before)[which], signal.SIGKILL)
    with pytest.raises(EquigenError, match="by signal 9") as caught:
        for batch in batches:
            count += len(batch)
    assert 0 < count < MANY
    assert "run the same command again" in str(caught.value)
    assert set(children()) == before


def test_trouble_in_a_process_is_told_as_trouble_here_is(tmp_path: Path, large: Path) -> None:
    """A dump that is cut off in the middle: the same words, and how many were read."""
    half = tmp_path / "masters.xml.gz"
    half.write_bytes(large.read_bytes()[: large.stat().st_size // 2])
    count = 0
    with pytest.raises(InputError) as caught:
        for batch in reading(half):
            assert [row[0] for row in batch] == list(range(count + 1, count + 1 + len(batch)))
            count += len(batch)
    assert f"The {count:,} masters in" in str(caught.value)
    assert "cut off" in str(caught.value)
    assert count > MANY // 4


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_no_process(large: Path, number: signal.Signals) -> None:
    """The process that leads them gets it at any moment: the others end by themselves."""
    reader = subprocess.Popen(
        [sys.executable, "-c", _READS, str(large), *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert reader.stdout is not None
    assert int(reader.stdout.readline()) > 0
    reader.send_signal(number)
    # All of them have this standard error: it ends when the last of them has ended.
    reader.communicate(timeout=30)
    assert reader.returncode != 0


def test_another_file_of_the_same_name_is_not_read(large: Path) -> None:
    """Readers that had different files would take turns with different records."""
    setup = repr([str(large), "another stamp", "masters", 0, 1, 1 << 18])
    start = (
        "import sys; sys.path[:] = sys.argv[2:]; from equigen.dumps.discogs import KINDS;"
        " from equigen.dumps.pool import work; work(sys.argv[1], KINDS)"
    )
    told = subprocess.run(
        [sys.executable, "-c", start, setup, *sys.path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == '"it was changed while it was being opened"\n'
