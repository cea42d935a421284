"""Dumps that are small, and would take gigabytes or never end: refused, in little memory.

A process of its own reads each; the system measures it, and it tells how many bytes it unpacked.
"""

import lzma
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from downloads import linux_only

from equigen.dumps import archives
from equigen.dumps.discogs import read_masters
from equigen.dumps.musicbrainz import read_links
from equigen.errors import InputError

MIB = 1 << 20
# Beside what the interpreter and its libraries take, some 60 MiB.
MOST_MIB = 250
READ = """
import sys
from pathlib import Path
from equigen.dumps.archives import DumpFile
from equigen.dumps.discogs import read_masters
from equigen.dumps.musicbrainz import read_links
from equigen.errors import InputError
unpacked, read = 0, DumpFile.read
def counted(self, size):
    global unpacked
    part = read(self, size)
    unpacked += len(part)
    return part
DumpFile.read = counted
try:
    for _ in (read_links if "group" in sys.argv[1] else read_masters)(Path(sys.argv[1])):
        pass
except InputError as err:
    print(str(err).replace(chr(10), " "))
print(unpacked)
status = Path("/proc/self/status").read_text()
print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


def header(name: str, kind: bytes, size_bytes: int) -> bytes:
    """Return the block that begins a member of a tar."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size_bytes
    return member.tobuf(tarfile.GNU_FORMAT)


def pax_of_zeros() -> Iterator[bytes]:
    """Yield a tar whose pax header is 1 MiB of "0"."""
    yield header("x", tarfile.XHDTYPE, MIB)
    yield b"0" * MIB


def long_name() -> Iterator[bytes]:
    """Yield a tar with a name of 256 MiB."""
    yield header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 1 << 28)
    for _ in range(1 << 8):
        yield b"a" * MIB


def many_names() -> Iterator[bytes]:
    """Yield a tar with names before the member, each allowed, without an end."""
    for _ in range(1 << 12):
        yield header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 512) + b"a" * 512


def sparse() -> Iterator[bytes]:
    """Yield a tar with a sparse member whose map is 256 MiB long."""
    block = bytearray(header("mbdump/release-group", tarfile.GNUTYPE_SPARSE, 512))
    block[482] = 1
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 256 + sum(block[156:512]))
    yield bytes(block)
    more = (b"%011o\0" % 1) * 42 + b"\x01" + bytes(7)
    for _ in range(1 << 8):
        yield more * (MIB // 512)


def many_members() -> Iterator[bytes]:
    """Yield a tar of empty members without an end."""
    for number in range(1 << 12):
        yield header(f"{number}", tarfile.REGTYPE, 0)


def objects() -> Iterator[bytes]:
    """Yield a record of 60 MiB of empty objects, each of which takes twenty times its bytes."""
    yield b'{"id": "discogs", "a": ["discogs"'
    for _ in range(60):
        yield b",{}" * (MIB // 3)
    yield b"]}\n"


def xml(inside: bytes, end: bytes) -> Callable[[], Iterator[bytes]]:
    """Return what yields a dump with 256 MiB of something within a record."""

    def pieces() -> Iterator[bytes]:
        yield b'<masters><master id="1">' + inside
        for _ in range(1 << 8):
            yield b"> a>" * (MIB // 4)
        yield end + b"</master></masters>"

    return pieces


def before_the_root() -> Iterator[bytes]:
    """Yield a dump that begins with a comment of 256 MiB."""
    yield b"<!--"
    for _ in range(1 << 8):
        yield b"-> " * (MIB // 3)
    yield b"--><masters/>"


# The name of the file, what it unpacks to, how many bytes may be unpacked, and what is said.
BOMBS: Mapping[str, tuple[str, Callable[[], Iterator[bytes]], int, str]] = {
    "pax header": ("release-group.tar.xz", pax_of_zeros, 16 * MIB, "damaged tar"),
    "long name": ("release-group.tar.xz", long_name, 16 * MIB, "damaged tar"),
    "many long names": ("release-group.tar.xz", many_names, 16 * MIB, "damaged tar"),
    "sparse": ("release-group.tar.xz", sparse, 16 * MIB, "damaged tar"),
    "many members": ("release-group.tar.xz", many_members, 16 * MIB, "damaged tar"),
    "objects": ("release-groups.xz", objects, 64 * MIB, "can't be read"),
    "attribute": ("masters.xml.xz", xml(b'<title a="', b'"/>'), 300 * MIB, "masters"),
    "text": ("masters.xml.xz", xml(b"<title>", b"</title>"), 300 * MIB, "masters"),
    "comment": ("masters.xml.xz", xml(b"<!--", b"-->"), 300 * MIB, "masters"),
    "before the root": ("masters.xml.xz", before_the_root, 64 * MIB, "masters"),
}


@linux_only
@pytest.mark.long_after(6)
@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_in_little_memory(tmp_path: Path, kind: str) -> None:
    """Names, headers, attributes and texts are bounded before they are held."""
    name, pieces, most_bytes, said = BOMBS[kind]
    file = tmp_path / name
    with lzma.open(file, "wb", preset=0) as packed:
        for piece in pieces():
            packed.write(piece)
    command = [sys.executable, "-c", READ, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    *error, unpacked, peak_mib = done.stdout.splitlines()
    assert said in "".join(error)
    assert int(unpacked) <= most_bytes
    assert int(peak_mib) <= MOST_MIB


def test_what_unpacks_to_far_more_than_a_dump_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that is all the same would keep a reader busy for days."""
    monkeypatch.setattr(archives, "_FREE_BYTES", MIB)
    file = tmp_path / "masters.xml.xz"
    file.write_bytes(lzma.compress(b"<masters>" + b" " * 4 * MIB + b"</masters>", preset=0))
    with pytest.raises(InputError, match="unpacks to more than 200 times"):
        list(read_masters(file))


def test_an_xz_that_needs_a_gibibyte_to_unpack_is_refused(tmp_path: Path) -> None:
    """The size of its dictionary is in its header, and was taken at once."""
    packed = bytearray(lzma.compress(b"{}\n", filters=[{"id": lzma.FILTER_LZMA2, "preset": 1}]))
    at = packed.index(b"\x21\x01", 12) + 2
    packed[at] = 38  # 2 GiB
    size = (packed[12] + 1) * 4
    packed[12 + size - 4 : 12 + size] = lzma_crc(bytes(packed[12 : 12 + size - 4]))
    file = tmp_path / "release-groups.xz"
    file.write_bytes(packed)
    with pytest.raises(InputError, match="damaged xz data"):
        list(read_links(file))


def lzma_crc(data: bytes) -> bytes:
    """Return the checksum of an xz header."""
    return zlib.crc32(data).to_bytes(4, "little")


@pytest.mark.parametrize(
    "hole",
    [
        {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.realsize": "1000000000000000",
        },
        {"GNU.sparse.map": "0,1,junk"},
        {"GNU.sparse.size": "9" * 15},
    ],
)
def test_a_sparse_member_by_a_pax_header_is_refused(tmp_path: Path, hole: dict[str, str]) -> None:
    """Its holes are zeros without end, and its map may be junk."""
    member = tarfile.TarInfo("mbdump/release-group")
    member.pax_headers = hole
    member.size = 512
    file = tmp_path / "release-group.tar.xz"
    file.write_bytes(lzma.compress(member.tobuf(tarfile.PAX_FORMAT) + b"junk".ljust(512, b"\n")))
    with pytest.raises(InputError, match="a sparse one"):
        list(read_links(file))
