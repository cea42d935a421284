"""Convert pictures to sRGB by the colour profiles that they hold."""

import io
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

# Colour spaces as ICC profiles name them, by Pillow's modes.
_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}
# Those of printers have up to 3 MB. Some are kept, and a broken one may have any size.
MOST_PROFILE_BYTES = 1 << 22
_SPACE = slice(16, 20)  # its place in a profile's header
# In-gamut colours and white stay exact, and black becomes black. sRGB has no perceptual table that
# the perceptual intent could aim at, and few profiles of screens have one.
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_SRGB = ImageCms.createProfile("sRGB")
# Profiles that call themselves sRGB differ by their rounding.
_SAME_LEVELS = 2
_STEP_LEVELS = 15


def srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform of pixels of a mode (L, RGB or CMYK) to RGB in sRGB.

    There is none where the profile is sRGB's own, which is told by what it does to colours, nor
    where it is broken, of another colour space, or too large. One transform may be used in many
    threads.
    """
    is_too_large = len(profile) > MOST_PROFILE_BYTES
    return None if is_too_large or profile[_SPACE] != _SPACES[mode] else _made(profile, mode)


@lru_cache(maxsize=16)
def _made(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, _SRGB, mode, "RGB", _INTENT, _FLAGS)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return None if mode != "CMYK" and _changes_nothing(transform, mode) else transform


def in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert a picture (L, RGB or CMYK) to sRGB; greys stay L, all else becomes RGB.

    It is returned as it is where its profile changes nothing, or there is none.
    """
    transform = srgb_transform(profile, image.mode) if profile else None
    if transform is None:
        return image
    converted = transform.apply(image)
    return converted.getchannel("G") if image.mode == "L" else converted


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    levels = np.arange(0, 256, 1 if mode == "L" else _STEP_LEVELS, dtype=np.uint8)
    shown: npt.NDArray[np.uint8] = levels[None]
    if mode == "RGB":
        shown = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    got = np.asarray(transform.apply(Image.fromarray(shown)), np.int16)
    expected = shown if mode == "RGB" else shown[..., None]
    return bool(np.abs(got - expected).max() <= _SAME_LEVELS)
