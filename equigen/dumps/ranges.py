"""Going on with a file of which a part is there: when that is safe, as HTTP has it.

https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18}|\*)")
_LENGTH = re.compile(r"\d{1,18}")
_OK, _PARTIAL, _NOT_SATISFIABLE = 200, 206, 416


class Version(NamedTuple):
    """Which state of a file its bytes are of, as the host told; `size_bytes` is -1 if unknown."""

    etag: str = ""
    last_modified: str = ""
    size_bytes: int = -1

    @property
    def validator(self) -> str:
        """What a host can be asked to compare; "" where it gave nothing that is certain."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified


class Coming(Enum):
    """What the body of an answer is to the part that is there."""

    ALL = auto()  # the whole file from its first byte
    REST = auto()  # what is missing
    NOTHING = auto()  # there is no more: the part is all of it
    OTHER = auto()  # something that doesn't fit the part


def version_of(headers: Mapping[str, str]) -> Version:
    """Return the version of the whole file that an answer with status 200 begins to send."""
    length = headers.get("Content-Length", "").strip()
    return Version(
        headers.get("ETag", "").strip(),
        headers.get("Last-Modified", "").strip(),
        int(length) if _LENGTH.fullmatch(length) else -1,
    )


def conditions(version: Version, have_bytes: int) -> Mapping[str, str]:
    """Return the headers that ask for the rest of a file, if it is still that version.

    There are none where nothing is there yet, or where no host could tell the version again.
    """
    if have_bytes <= 0 or not version.validator:
        return {}
    return {"Range": f"bytes={have_bytes}-", "If-Range": version.validator}


def judge(status: int, headers: Mapping[str, str], version: Version, have_bytes: int) -> Coming:
    """Tell what an answer brings to the first `have_bytes` of a version.

    `status` is 200, 206 or 416. A host that sends a rest of another version, or one that starts
    elsewhere, must not be believed.
    """
    if status == _OK:
        return Coming.ALL
    told = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if not told:
        return Coming.OTHER
    start, total = told[1], told[2]
    size_known = version.size_bytes >= 0 and total != "*"
    if size_known and int(total) != version.size_bytes:
        return Coming.OTHER
    if status == _NOT_SATISFIABLE:
        is_all = start is None and total != "*" and int(total) == have_bytes
        return Coming.NOTHING if is_all else Coming.OTHER
    same = status == _PARTIAL and start is not None and int(start) == have_bytes
    return Coming.REST if same and _is_same(headers, version) else Coming.OTHER


def _is_same(headers: Mapping[str, str], version: Version) -> bool:
    etag = headers.get("ETag", "").strip()
    if etag and version.etag:
        return etag == version.etag
    modified = headers.get("Last-Modified", "").strip()
    return not (modified and version.last_modified) or modified == version.last_modified
