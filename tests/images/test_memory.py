"""No picture takes more memory to decode than is promised, nor keeps a decoder busy.

Each is decoded in a process of its own, whose largest size the system measures.
"""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from decodes import MAX_PIXELS, MOST_MIB, decoded
from downloads import linux_only
from PIL import Image

from equigen.errors import PictureError
from equigen.images.check import check_picture
from equigen.images.rendering import Demands


def shades(mode: str) -> Callable[[int], Image.Image]:
    """Return what makes a square picture of a mode, with shades in it."""

    def square(side_px: int) -> Image.Image:
        grey = Image.linear_gradient("L").resize((side_px, side_px))
        return (Image.merge("RGBA", [grey] * 4) if mode == "RGBA" else grey).convert(mode)

    return square


def lying(side_px: int) -> bytes:
    """Return a JPEG of which EXIF says that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(shades("RGB")(side_px), "JPEG", progressive=True, subsampling=0, exif=exif)


def saved(image: Image.Image, kind: str, **how: Any) -> bytes:  # noqa: ANN401  (as Pillow's)
    """Return an image in a file format."""
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def made(kind: str, mode: str, **how: object) -> Callable[[int], bytes]:
    """Return what makes a square picture of a kind."""
    return lambda side_px: saved(shades(mode)(side_px), kind, **how)


# The largest squares that are taken, and larger ones that are not.
KINDS: Mapping[str, tuple[Callable[[int], bytes], int, int]] = {
    "WebP, lossless": (made("WEBP", "RGBA", lossless=True, quality=0, method=0), 3_700, 7_071),
    "JPEG, progressive": (made("JPEG", "RGB", progressive=True, subsampling=0), 7_071, 7_072),
    "JPEG, of CMYK": (made("JPEG", "CMYK", progressive=True), 6_200, 6_300),
    "JPEG on its side": (lying, 7_071, 7_072),
    "PNG": (made("PNG", "RGBA", compress_level=1), 6_400, 6_480),
    "PNG, deep": (made("PNG", "I;16", compress_level=1), 6_400, 6_480),
    "GIF": (made("GIF", "P"), 6_400, 6_480),
    "AVIF": (made("AVIF", "RGBA", speed=10, subsampling="4:4:4"), 3_500, 3_630),
    "TIFF": (made("TIFF", "RGBA", compression="tiff_lzw"), 5_000, 5_920),
    "BMP": (made("BMP", "RGB"), 3_000, 5_600),
}


@linux_only
@pytest.mark.long_after(1)
@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_pictures_are_decoded_in_little_memory(tmp_path: Path, kind: str) -> None:
    """Of each kind the largest that is taken needs no more than promised; larger are refused."""
    make, side_px, refused_px = KINDS[kind]
    file = tmp_path / "picture"
    for px, said in ((side_px, "taken"), (refused_px, "too many pixels")):
        file.write_bytes(make(px))
        peak_mib, got = decoded(file)
        assert (got, peak_mib <= MOST_MIB) == (said, True), peak_mib


def test_a_small_file_of_many_pixels_is_refused_whatever_max_pixels_is() -> None:
    """A setting may ask for larger JPEGs; what can't be decoded in strips stays bounded."""
    body = saved(Image.new("L", (7_071, 7_071)), "WEBP", lossless=True, quality=0, method=0)
    with pytest.raises(PictureError, match="7071x7071 pixels") as caught:
        check_picture(body, Demands(2, 10**9))
    assert caught.value.reason == "too many pixels"


def test_a_tiff_whose_tile_is_larger_than_it_is_refused() -> None:
    """A tile is unpacked as a whole, however small the picture is."""
    body = saved(Image.new("RGB", (64, 64)), "TIFF", compression="tiff_lzw", tiffinfo={278: 64})
    assert check_picture(body, Demands(2, MAX_PIXELS)).width_px == 64
    # ImageWidth stays; RowsPerStrip and its neighbours become a tile of 60,000 x 60,000.
    head = bytearray(body)
    at = int.from_bytes(head[4:8], "little") + 2
    for entry in range(at, at + 12 * int.from_bytes(head[at - 2 : at], "little"), 12):
        tag = int.from_bytes(head[entry : entry + 2], "little")
        if new := {273: 324, 278: 323, 279: 325, 277: 277, 284: 322}.get(tag):
            head[entry : entry + 2] = new.to_bytes(2, "little")
            if new in {322, 323}:
                head[entry + 2 : entry + 12] = bytes(
                    [4, 0, 1, 0, 0, 0, *(60_000).to_bytes(4, "little")]
                )
    with pytest.raises(PictureError) as caught:
        check_picture(bytes(head), Demands(2, MAX_PIXELS))
    assert caught.value.reason == "too many pixels"


def test_scans_count_by_their_pixels() -> None:
    """Each scan is read for each pixel, also an empty one: a small file keeps no decoder busy."""
    body = saved(Image.new("L", (4_000, 4_000)), "JPEG", progressive=True)
    last = body[body.rindex(b"\xff\xda") : -2]
    assert check_picture(body + last * 3, Demands(2, MAX_PIXELS)).width_px == 4_000
    with pytest.raises(PictureError, match="more than 62") as caught:
        check_picture(body[:-2] + last * 60 + body[-2:], Demands(2, MAX_PIXELS))
    assert caught.value.reason == "too many scans"
