"""Names of files and folders: readable, unique, and valid on every system."""

import hashlib
import re
import unicodedata

from pathvalidate import sanitize_filename

MAX_NAME_BYTES = 255
_TAG_HEX_DIGITS = 8
# Invisible marks that turn or hide text (bidirectional overrides, zero-width spaces, BOM): they
# make one name look like another.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
# Windows takes these for devices, whatever stands behind the first dot:
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)", re.IGNORECASE
)
_DEVICE_STARTS = frozenset("cpanlCPANL")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff<>:"/\\|?*\u2028\u2029]+')

# Words of ASCII with one space between them: nothing below changes them.
_PLAIN = re.compile(r"[\w!#$%&'()+,;=@\[\]^`{}~-]+(?: [\w!#$%&'()+,;=@\[\]^`{}~-]+)*", re.ASCII)


def cover_name(
    artist: str, title: str, *, album_id: str, picture: str, suffix: str = ".jpg"
) -> str:
    """Return the file name of an album's cover: "Artist - Title [1a2b3c4d].jpg".

    The tag in brackets is a digest of all four values, so that the name is the same whatever the
    order of the rows and differs for albums whose names look alike, also on file systems that
    fold case or Unicode forms. At most 255 bytes of UTF-8; long names are cut between characters.
    """
    identity = f"{artist}\0{title}\0{album_id}\0{picture}"
    digest = hashlib.blake2b(identity.encode("utf-8", "replace"), digest_size=_TAG_HEX_DIGITS // 2)
    tag = f" [{digest.hexdigest()}]"
    artist, title = _readable(artist), _readable(title)
    words = f"{artist} - {title}" if artist and title else artist or title
    longest = MAX_NAME_BYTES - len(tag) - len(suffix) - 1
    name = f"{_cut(words, longest) or '_'}{tag}{suffix}"
    return f"_{name}" if name[0] in _DEVICE_STARTS and _DEVICE.match(name) else name


def name_in(path: str) -> str:
    """Return the name of a cover's file, without folder and suffix; it has the row's tag."""
    return path.rpartition("/")[2].rpartition(".")[0]


def folder_name(genre: str) -> str:
    """Return a genre's folder as one path segment; "_" where nothing of the name can stay."""
    safe = sanitize_filename(_readable(genre), platform="universal", replacement_text="_")
    return _cut(safe, MAX_NAME_BYTES) or "_"


def _readable(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text  # most names are, and a dataset has a million of them
    normal = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    # A leading dot hides a file, and the library that deals the sets skips hidden ones; Windows
    # drops dots and spaces at the end.
    return " ".join(_UNSAFE.sub("_", normal).split()).lstrip(". ").rstrip(". ")


def _cut(text: str, max_bytes: int) -> str:
    if text.isascii() and len(text) <= max_bytes:
        return text.rstrip(". ")
    return text.encode()[:max_bytes].decode("utf-8", "ignore").rstrip(". ")
