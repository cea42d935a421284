"""Signed picture addresses in the manner of i.discogs.com."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

PICTURES_PATH = "/i/"
SPACER_PATH = "/images/spacer.gif"

_BUCKET = "s3://discogs-database-images/"
_SEGMENT_LENGTH = 16
_COVER = "rs:fit/g:sm/q:90/h:600/w:600"
_THUMB = "rs:fit/g:sm/q:40/h:150/w:150"
_SUFFIX = ".jpeg"


@dataclass(frozen=True, slots=True)
class PictureAsked:
    """The picture that an address asks for: its stable file name, and whether as a thumbnail."""

    picture: str
    is_thumb: bool


class BadAddressError(ValueError):
    """A picture address has a wrong signature or an unknown shape."""


def cover_path(picture: str, signing_key: bytes) -> str:
    """Return the signed path, from `/i/` on, of a picture at its full size."""
    return _signed_path(picture, _COVER, signing_key)


def thumb_path(picture: str, signing_key: bytes) -> str:
    """Return the signed path, from `/i/` on, of a picture at 150 pixels."""
    return _signed_path(picture, _THUMB, signing_key)


def read_path(path: str, signing_key: bytes) -> PictureAsked:
    """Return what a signed path asks for.

    Raises:
        BadAddressError: the signature is not the one of this key, or the path is malformed.

    """
    signature, _, rest = path.removeprefix(PICTURES_PATH).partition("/")
    if not hmac.compare_digest(signature.encode(), _sign(rest, signing_key).encode()):
        message = f"the signature of {path} is not ours"
        raise BadAddressError(message)
    for options in (_COVER, _THUMB):
        if rest.startswith(options + "/"):
            encoded = rest.removeprefix(options + "/").removesuffix(_SUFFIX).replace("/", "")
            return PictureAsked(_decode(encoded), options == _THUMB)
    message = f"{path} asks for a size that is not offered"
    raise BadAddressError(message)


def _signed_path(picture: str, options: str, signing_key: bytes) -> str:
    encoded = base64.urlsafe_b64encode((_BUCKET + picture).encode()).decode().rstrip("=")
    starts = range(0, len(encoded), _SEGMENT_LENGTH)
    segments = "/".join(encoded[start : start + _SEGMENT_LENGTH] for start in starts)
    rest = f"{options}/{segments}{_SUFFIX}"
    return f"{PICTURES_PATH}{_sign(rest, signing_key)}/{rest}"


def _sign(rest: str, signing_key: bytes) -> str:
    digest = hmac.new(signing_key, rest.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _decode(encoded: str) -> str:
    try:
        text = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        message = f"{encoded} is not base64 of a picture's name"
        raise BadAddressError(message) from error
    return text.removeprefix(_BUCKET)
