"""What tests of AcousticBrainz share: documents, and archives of them."""

import bz2
import gzip
import io
import json
import sys
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKINGS: Mapping[str, Callable[[bytes], bytes]] = {
    ".tar": bytes,
    ".tar.zst": zstd.compress,
    ".tar.bz2": bz2.compress,
    ".tar.gz": gzip.compress,
}
# MBIDs by their numbers: recordings from 1 on, releases from 1,000, release groups from 2,000.
RELEASE, GROUP = 1_000, 2_000


def mbid(number: int) -> str:
    """Return an MBID."""
    return str(UUID(int=number))


def document(number: int, album: int = 1, **tags: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a document of a recording on an album, with other tags; None removes one."""
    every = {
        "album": [f"Title {album}"],
        "artist": [f"Artist {album}"],
        "date": ["2010-05-01"],
        "genre": ["Jazz"],
        "musicbrainz_albumid": [mbid(RELEASE + album)],
        "musicbrainz_releasegroupid": [mbid(GROUP + album)],
        "musicbrainz_recordingid": [mbid(number)],
        "file_name": "a.mp3",
        **tags,
    }
    kept = {name: value for name, value in every.items() if value is not None}
    return {"lowlevel": {"mean": [0.5, 1e-9]}, "metadata": {"tags": kept}, "tonal": {"key": "D"}}


def tar_of(members: Sequence[tuple[str, bytes]]) -> bytes:
    """Return a tar of files by their names."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, body in members:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


def archive(folder: Path, documents: Mapping[str, object], name: str = "a.tar.zst") -> Path:
    """Write an archive as the dumps have it, of documents by their recordings' MBIDs."""
    top = "acousticbrainz-lowlevel-json-20220623"
    members = [(f"{top}/COPYING", b"CC0")]
    members += [
        (f"{top}/lowlevel/{key[:2]}/{key[2]}/{key}.json", json.dumps(each).encode())
        for key, each in documents.items()
    ]
    suffix = name[name.index(".") :]
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(PACKINGS[suffix](tar_of(members)))
    return path


def numbered(*documents: tuple[int, dict[str, Any]], nth: int = 0) -> dict[str, object]:
    """Return documents by the names that they have in an archive."""
    return {f"{mbid(number)}-{nth}": each for number, each in documents}
