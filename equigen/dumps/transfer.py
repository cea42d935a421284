"""Download a dump: resume it by HTTP range requests, and put it in place once its SHA-256 is right.

NAME.part has the bytes that came. NAME.part.json, written before them, says which version of the
file they are of, so that another run knows whether it can resume.
https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, StrEnum, auto
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from equigen.dataset.context import Bar, BarMaker
from equigen.dumps.catalogue import DumpOffer
from equigen.errors import BadBodyError, ConnectionFailedError, StorageError
from equigen.http.addresses import shown
from equigen.http.client import Client, Stream
from equigen.http.limits import whole_number
from equigen.storage.atomic import replacing
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import translating_os_errors, translating_read_errors

PART = ".part"
_WRONG = ".wrong"
_BLOCK_BYTES = 1024 * 1024
# A note that is longer isn't ours, nor is a header.
_MOST_NOTE_BYTES, _MOST_HEADER_CHARS = 64 * 1024, 1000
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18}|\*)")
_OK, _PARTIAL, _NOT_SATISFIABLE = 200, 206, 416


class TransferOutcome(StrEnum):
    """The way in which a file, proven by its SHA-256, came into the folder."""

    DOWNLOADED = "downloaded"
    RESUMED = "downloaded, the rest of it"
    THERE = "already there"


class Version(NamedTuple):
    """The version of a file by the host's headers; `size_bytes` is -1 where it isn't known.

    `sha256` is the one that the file should have, noted with a part of it.
    """

    etag: str = ""
    last_modified: str = ""
    size_bytes: int = -1
    sha256: str = ""


_NOTE = TypeAdapter(Version)


class Body(Enum):
    """The content of an answer's body, in relation to the existing part."""

    ALL = auto()  # the whole file
    REST = auto()  # the missing bytes
    NOTHING = auto()  # no more bytes: the part is the whole file
    OTHER = auto()  # bytes that don't fit the part


def version_of(headers: Mapping[str, str]) -> Version:
    """Return the version of the file that an answer with status 200 sends."""
    return Version(
        headers.get("ETag", "").strip(),
        headers.get("Last-Modified", "").strip(),
        whole_number(headers.get("Content-Length", "")),
    )


def conditions(version: Version, have_bytes: int) -> Mapping[str, str]:
    """Return the headers that request the rest of a file, provided it is still that version.

    Returns none where no bytes are there yet, or where the version has no strong validator.
    """
    is_strong = version.etag and not version.etag.startswith("W/")
    validator = version.etag if is_strong else version.last_modified
    fits = validator.isascii() and validator.isprintable() and len(validator) < _MOST_HEADER_CHARS
    if have_bytes <= 0 or not validator or not fits:
        return {}
    return {"Range": f"bytes={have_bytes}-", "If-Range": validator}


def judge(status: int, headers: Mapping[str, str], version: Version, have_bytes: int) -> Body:
    """Classify the body of an answer to a request after the first `have_bytes` of a version.

    `status` is 200, 206 or 416. A range of another version, or one that starts elsewhere, is
    `OTHER`.
    """
    if status == _OK:
        return Body.ALL
    found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if not found:
        return Body.OTHER
    start, total = found[1], found[2]
    size_known = version.size_bytes >= 0 and total != "*"
    if size_known and int(total) != version.size_bytes:
        return Body.OTHER
    if status == _NOT_SATISFIABLE:
        is_all = start is None and total != "*" and int(total) == have_bytes
        return Body.NOTHING if is_all else Body.OTHER
    same = status == _PARTIAL and start is not None and int(start) == have_bytes
    return Body.REST if same and _is_same(headers, version) else Body.OTHER


def _is_same(headers: Mapping[str, str], version: Version) -> bool:
    etag = headers.get("ETag", "").strip()
    if etag and version.etag:
        return etag == version.etag
    modified = headers.get("Last-Modified", "").strip()
    return not (modified and version.last_modified) or modified == version.last_modified


class PartialDownload:
    """The part of `target` that has come so far; the constructor reads and hashes it.

    `is_resumed` tells whether it has bytes of an earlier run. `advance` is called with each count
    of bytes read or written, and with minus all of them when the part is discarded.
    """

    def __init__(self, target: Path, sha256: str, advance: Callable[[int], None]) -> None:
        self.target, self.sha256 = target, sha256
        self.version = Version()
        self.size_bytes = 0
        self.is_resumed = False
        self._advance = advance
        self._path, self._notes = _beside(target)
        self._hash = hashlib.sha256()
        self._take_up()

    @property
    def is_whole(self) -> bool:
        """True if the part has as many bytes as the host announced."""
        return self.size_bytes == self.version.size_bytes

    @property
    def got_sha256(self) -> str:
        """The SHA-256 of the part."""
        return self._hash.hexdigest()

    def begin(self, version: Version) -> None:
        """Discard the part and start a new one of `version`.

        Raises:
            StorageError: the disk refuses, or has no room for the whole file.

        """
        self.discard()
        self.version = version._replace(sha256=self.sha256)
        self.require_room()
        with replacing(Path(self._notes), keeps_link=False) as file:
            json.dump(self.version._asdict(), file, indent=2)

    def require_room(self) -> None:
        """Check that the disk has room for the missing bytes, if their number is known.

        Raises:
            StorageError: it has not.

        """
        missing = self.version.size_bytes - self.size_bytes
        with translating_os_errors(self._path.root):
            free = shutil.disk_usage(self._path.root).free
        if missing > free:
            msg = (
                f"{self._path}: {missing:,} more bytes are expected, but only {free:,} are free on"
                " its disk. Make room, or set dumps.directory to another disk, then run again."
            )
            raise StorageError(msg)

    @contextmanager
    def writing(self) -> Iterator[Callable[[bytes], None]]:
        """Open the part and give a function that appends bytes to it.

        Raises:
            StorageError: the disk refuses: full, or no permission.

        """
        with translating_os_errors(Path(self._path)), self._path.append() as file:

            def add(chunk: bytes) -> None:
                file.write(chunk)
                self._hash.update(chunk)
                self.size_bytes += len(chunk)
                self._advance(len(chunk))

            yield add
            file.flush()
            os.fsync(file.fileno())

    def put_in_place(self) -> None:
        """Rename the part, whose SHA-256 must be right, to the target.

        An existing file is kept as NAME.wrong.
        """
        with translating_os_errors(self.target):
            if self.target.exists():
                self.target.replace(self.target.with_name(self.target.name + _WRONG))
            self._path.move(_below(self.target))
        remove_part(self.target)

    def discard(self) -> None:
        """Remove the part and forget its version."""
        remove_part(self.target)
        self._advance(-self.size_bytes)
        self._hash = hashlib.sha256()
        self.size_bytes, self.version, self.is_resumed = 0, Version(), False

    def _take_up(self) -> None:
        version = self._noted()
        with translating_read_errors(Path(self._path)):
            part = self._path.state()
        # Appended to, a file with another name (a hard link) would change there as well.
        if version and part and part.st_nlink == 1:
            self.version = version
            self.size_bytes = _read(self._path, self._hash.update, self._advance)
            self.is_resumed = self.size_bytes > 0
        is_wrong = self.is_whole and self.got_sha256 != self.sha256
        if not version or is_wrong or 0 <= self.version.size_bytes < self.size_bytes:
            self.discard()

    def _noted(self) -> Version | None:
        """Return the version noted for the part; None where the note is missing or damaged."""
        try:
            with self._notes.open() as file:
                noted = _NOTE.validate_json(file.read(_MOST_NOTE_BYTES), strict=True)
        except (OSError, ValidationError):
            return None
        return noted if noted.sha256 == self.sha256 else None


def remove_part(target: Path) -> None:
    """Remove the part of a file, if there is one.

    Raises:
        StorageError: the disk refuses.

    """
    path, notes = _beside(target)
    with translating_os_errors(Path(path)):
        notes.remove()
        path.remove()


def _below(target: Path) -> FileBelow:
    return FileBelow(target.parent, target.name)


def _beside(target: Path) -> tuple[FileBelow, FileBelow]:
    """Return the part and its note."""
    part = target.name + PART
    return FileBelow(target.parent, part), FileBelow(target.parent, f"{part}.json")


def _read(path: FileBelow, use: Callable[[bytes], None], advance: Callable[[int], None]) -> int:
    size_bytes = 0
    with translating_read_errors(Path(path)), path.open() as file:
        while block := file.read(_BLOCK_BYTES):
            use(block)
            size_bytes += len(block)
            advance(len(block))
    return size_bytes


def get_file(
    client: Client, offer: DumpOffer, sha256: str, folder: Path, open_bar: BarMaker
) -> TransferOutcome:
    """Make sure that a dump is in `folder` with its SHA-256; download the missing bytes.

    Bytes that came are kept after any error, and a later call resumes if the host allows it. An
    existing file with another SHA-256 is renamed to NAME.wrong once the right one has come.

    Raises:
        BadBodyError: the host sends another content; nothing is put in place.
        FetchError, HostRestsError, StoppedError: as `Client.stream`.
        StorageError: the disk refuses, or has no room.

    """
    target = folder / offer.dump.name
    with open_bar(f"get {offer.dump.kind}", offer.size_bytes, "B") as bar:
        if target.is_file():
            whole = _below(target.resolve())  # a dump may be a link: nothing is written to it
            bar.expect(whole.size_bytes())
            digest = hashlib.sha256()
            size_bytes = _read(whole, digest.update, bar.advance)
            if digest.hexdigest() == sha256:
                remove_part(target)
                return TransferOutcome.THERE
            bar.advance(-size_bytes)
            bar.expect(offer.size_bytes)
        part = PartialDownload(target, sha256, bar.advance)
        if not part.is_whole:
            _fill(client, offer, part, bar)
        if part.got_sha256 != sha256:
            msg = (
                f"{shown(offer.url)}: expected {offer.dump.name} with the SHA-256 {sha256}, got"
                f" {part.size_bytes:,} bytes with {part.got_sha256}. They were thrown away. Run"
                " again to download it anew; if that ends so too, the host's file or checksum is"
                " wrong."
            )
            part.discard()
            raise BadBodyError(msg, url=offer.url)
        part.put_in_place()
    return TransferOutcome.RESUMED if part.is_resumed else TransferOutcome.DOWNLOADED


def _fill(client: Client, offer: DumpOffer, part: PartialDownload, bar: Bar) -> None:
    """Download the missing bytes; as often as the download gets further, try again."""
    take = partial(_take, offer=offer, part=part, bar=bar)
    furthest = part.size_bytes
    while True:
        try:
            client.stream(offer.url, take, asking=lambda: conditions(part.version, part.size_bytes))
        except (ConnectionFailedError, BadBodyError):
            if part.size_bytes <= furthest:
                raise
            furthest = part.size_bytes
        else:
            return


def _take(stream: Stream, offer: DumpOffer, part: PartialDownload, bar: Bar) -> None:
    body = judge(stream.status, stream.headers, part.version, part.size_bytes)
    if body is Body.OTHER:
        msg = (
            f"{shown(stream.url)}: asked for what follows byte {part.size_bytes:,}, got status"
            f" {stream.status} with the range {stream.headers.get('Content-Range', '')!r}, which"
            " doesn't fit what is there. That was thrown away: run again to download it anew."
        )
        part.discard()
        raise BadBodyError(msg, url=stream.url)
    if body is Body.NOTHING:
        return
    if body is Body.ALL:
        version = version_of(stream.headers)
        if version.size_bytes < 0 < offer.size_bytes:
            version = version._replace(size_bytes=offer.size_bytes)
        part.begin(version)
    else:
        part.require_room()
    bar.expect(max(part.version.size_bytes, 0))
    with part.writing() as add:
        for chunk in stream.chunks:
            add(chunk)
            if 0 <= part.version.size_bytes < part.size_bytes:
                break  # more than the whole file: the SHA-256 check fails
    if part.size_bytes < part.version.size_bytes:
        msg = (
            f"{shown(stream.url)}: expected {part.version.size_bytes:,} bytes in all, got"
            f" {part.size_bytes:,}. Run again: what came is kept."
        )
        raise ConnectionFailedError(msg, url=stream.url)
