"""Getting a dump: its bytes from the host, as few twice as the host allows, none without proof."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from equigen.dataset.context import Bar, BarMaker
from equigen.dumps.partial import Part, remove_part, sha256_of
from equigen.dumps.ranges import Coming, conditions, judge, version_of
from equigen.errors import BadBodyError, ConnectionFailedError
from equigen.http.addresses import shown
from equigen.http.client import Client, Stream


class Outcome(StrEnum):
    """How a file came to be there, proven by its SHA-256."""

    DOWNLOADED = "downloaded"
    RESUMED = "downloaded, the rest of it"
    THERE = "already there"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to get: `label` for people, `size_bytes` 0 where it isn't known before."""

    label: str
    name: str
    url: str
    sha256: str
    size_bytes: int


def get_file(client: Client, wanted: Wanted, folder: Path, open_bar: BarMaker) -> Outcome:
    """Make sure that a file is in `folder`, whole and with its SHA-256; download what is missing.

    What came is kept whatever happens, and a later call goes on with it where the host lets it. A
    file that is there with another SHA-256 makes way, as NAME.wrong, once the right one has come.

    Raises:
        BadBodyError: what the host sends is not the file; nothing is put in place.
        FetchError, HostRestsError, StoppedError: as `Client.stream`.
        StorageError: the disk refuses, or has no room.

    """
    target = folder / wanted.name
    with open_bar(f"get {wanted.label}", wanted.size_bytes, "B") as bar:
        if target.is_file():
            bar.expect(target.stat().st_size)
            if sha256_of(target, bar.advance) == wanted.sha256:
                remove_part(target)
                return Outcome.THERE
            bar.advance(-target.stat().st_size)
            bar.expect(wanted.size_bytes)
        part = Part(target, wanted.sha256, bar.advance)
        had_bytes = part.size_bytes
        if not part.is_whole:
            began = _fill(client, wanted, part, bar)
            had_bytes = 0 if began else had_bytes
        if not part.has_sha256:
            msg = (
                f"{shown(wanted.url)}: expected {wanted.name} with the SHA-256 {wanted.sha256}, got"
                f" {part.size_bytes:,} bytes with {part.got()}. They were thrown away. Run again to"
                " download it anew; if that ends so too, the host's file or checksum is wrong."
            )
            part.discard()
            raise BadBodyError(msg, url=wanted.url)
        part.put_in_place()
    return Outcome.RESUMED if had_bytes else Outcome.DOWNLOADED


def _fill(client: Client, wanted: Wanted, part: Part, bar: Bar) -> bool:
    """Add what is missing; return whether it had to begin at the first byte."""
    began = not part.size_bytes

    def take(stream: Stream) -> None:
        nonlocal began
        began |= _take(stream, wanted, part, bar)

    furthest = part.size_bytes
    while True:
        try:
            client.stream(
                wanted.url, take, asking=lambda: conditions(part.version, part.size_bytes)
            )
        except (ConnectionFailedError, BadBodyError):
            # Cut off often, but each time further on: it will end.
            if part.size_bytes <= furthest:
                raise
            furthest = part.size_bytes
        else:
            return began


def _take(stream: Stream, wanted: Wanted, part: Part, bar: Bar) -> bool:
    coming = judge(stream.status, stream.headers, part.version, part.size_bytes)
    if coming is Coming.OTHER:
        msg = (
            f"{shown(stream.url)}: asked for what follows byte {part.size_bytes:,}, got status"
            f" {stream.status} with the range {stream.headers.get('Content-Range', '')!r}, which"
            " doesn't fit what is there. That was thrown away: run again to download it anew."
        )
        part.discard()
        raise BadBodyError(msg, url=stream.url)
    if coming is Coming.NOTHING:
        return False
    if coming is Coming.ALL:
        version = version_of(stream.headers)
        if version.size_bytes < 0 < wanted.size_bytes:
            version = version._replace(size_bytes=wanted.size_bytes)
        part.begin(version)
    else:
        part.require_room()
    bar.expect(max(part.version.size_bytes, 0))
    with part.writing() as add:
        for chunk in stream.chunks:
            add(chunk)
            if 0 <= part.version.size_bytes < part.size_bytes:
                break  # more than all of it: its SHA-256 will tell
    if part.size_bytes < part.version.size_bytes:
        msg = (
            f"{shown(stream.url)}: expected {part.version.size_bytes:,} bytes in all, got"
            f" {part.size_bytes:,}. Run again: what came is kept."
        )
        raise ConnectionFailedError(msg, url=stream.url)
    return coming is Coming.ALL
