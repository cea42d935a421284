"""Pictures of any colour space come out in sRGB, and greys of any type with their own levels."""

import io
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms
from profiles import P3_COLOURS, grey_profile, icc, odd_ink_profile, rgb_profile
from support import realdata

from equigen.errors import PictureError
from equigen.images import colour
from equigen.images.check import ORIGINAL, Picture, check_picture
from equigen.images.descriptor import read_descriptor
from equigen.images.rendering import Demands, Fit, ImageFormat, Rendering

DEMANDS = Demands(2, 50_000_000)
WHOLE = Rendering(256, Fit.STRETCH, format=ImageFormat.PNG)
SMALL = Rendering(128, Fit.STRETCH, format=ImageFormat.PNG)
Levels = npt.NDArray[np.uint8]


def shown_in_srgb(levels: Levels, gamma: float) -> Levels:
    """Return what levels with a gamma are in sRGB, by IEC 61966-2-1."""
    light = (levels / 255) ** gamma
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(encoded * 255).astype(np.uint8)  # type: ignore[no-any-return]


def ramp() -> Levels:
    """Return a picture of 256x256 in all greys and many colours."""
    down, across = np.mgrid[:256, :256].astype(np.uint8)
    return np.stack([down, across, (down // 2 + across // 2).astype(np.uint8)], axis=-1)


def saved(levels: Levels | Image.Image, format_: str, **how: Any) -> bytes:  # noqa: ANN401
    """Return a picture in a file format."""
    out = io.BytesIO()
    image = levels if isinstance(levels, Image.Image) else Image.fromarray(levels)
    if format_ == "JPEG":
        how = {"quality": 95, "subsampling": 0, **how}
    image.save(out, format_, **how)
    return out.getvalue()


def made(body: bytes, rendering: Rendering = WHOLE) -> Levels:
    """Return the pixels of a file that was made of a picture."""
    return pixels_of(check_picture(body, DEMANDS, (rendering,)))


def pixels_of(picture: Picture) -> Levels:
    """Return the pixels of a picture's first file; it has no profile."""
    with Image.open(io.BytesIO(picture.files[0])) as image:
        assert "icc_profile" not in image.info
        return np.asarray(image)


def off(got: Levels, expected: Levels) -> float:
    """Return by how many levels two pictures differ on average."""
    assert got.shape == expected.shape
    return float(np.abs(got.astype(int) - expected).mean())


def smaller(levels: Levels) -> Levels:
    """Return a picture at half its size."""
    return np.asarray(Image.fromarray(levels).reduce(2))


@pytest.mark.parametrize(
    ("format_", "how"),
    [
        ("JPEG", {}),
        ("JPEG", {"exif": Image.Exif().tobytes()}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
@pytest.mark.parametrize("rendering", [WHOLE, SMALL], ids=["whole", "small"])
def test_colours_are_those_that_the_profile_means(
    format_: str, how: dict[str, Any], rendering: Rendering
) -> None:
    """A picture with a gamma of 1.8 is as bright in its files as it was."""
    body = saved(ramp(), format_, icc_profile=rgb_profile(1.8), **how)
    expected = shown_in_srgb(ramp(), 1.8)
    assert off(ramp(), expected) > 10
    assert off(made(body, rendering), smaller(expected) if rendering is SMALL else expected) < 1.5


def test_wider_colours_are_brought_into_srgb() -> None:
    """Colours of Display P3 look more saturated in sRGB's numbers."""
    skin = np.full((256, 256, 3), (220, 170, 150), np.uint8)
    got = made(saved(skin, "PNG", icc_profile=rgb_profile(2.2, P3_COLOURS)))[0, 0]
    assert got[0] > 226
    assert got[2] < 150


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF"])
def test_greys_are_converted_by_a_profile_of_greys(format_: str) -> None:
    """They stay greys."""
    levels = ramp()[..., 1]
    body = saved(levels, format_, icc_profile=grey_profile(1.8))
    assert off(made(body), shown_in_srgb(levels, 1.8)) < 1


def test_sixteen_bits_a_palette_and_transparency_are_converted_too() -> None:
    """Whatever way a picture holds its colours, they are converted before it is put on white."""
    grey, profile = ramp()[..., 1], grey_profile(1.8)
    deep = saved(Image.fromarray(grey.astype(np.uint16) * 257), "PNG", icc_profile=profile)
    assert off(made(deep), shown_in_srgb(grey, 1.8)) < 1
    plain = np.full((256, 256, 3), (100, 60, 200), np.uint8)
    expected = shown_in_srgb(plain, 1.8)
    image = Image.fromarray(plain)
    for each in (image.quantize(4), image.convert("RGBA")):
        assert off(made(saved(each, "PNG", icc_profile=rgb_profile(1.8))), expected) < 2
    clear = Image.new("RGBA", (256, 256))
    assert (made(saved(clear, "PNG", icc_profile=rgb_profile(1.8))) == 255).all()
    veil = Image.new("LA", (256, 256), (100, 255))
    level = int(shown_in_srgb(np.array([100], np.uint8), 1.8)[0])
    assert abs(int(made(saved(veil, "PNG", icc_profile=profile))[9, 9, 0]) - level) <= 1


@pytest.mark.parametrize("format_", ["JPEG", "TIFF"])
def test_print_colours_are_converted_by_their_own_profile(format_: str) -> None:
    """Without one they are what Pillow makes of them."""
    cyan = Image.new("CMYK", (256, 256), (255, 0, 0, 0))
    profile = odd_ink_profile()
    red, _, blue = made(saved(cyan, format_, icc_profile=profile))[9, 9].astype(int)
    assert red > blue + 60
    assert tuple(made(saved(cyan, format_))[9, 9]) == (0, 255, 255)


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        rgb_profile(1.8)[:200],
        rgb_profile(1.8)[:128],
        rgb_profile(1.8).replace(b"rTRC", b"xTRC"),
        grey_profile(1.8),
        odd_ink_profile(),
        icc(b"RGB "),
    ],
    ids=["text", "cut", "header", "no curve", "of greys", "of inks", "empty"],
)
@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_a_profile_that_does_not_fit_is_ignored(profile: bytes, format_: str) -> None:
    """A picture isn't refused for what stands beside it."""
    plain = check_picture(saved(ramp(), format_), DEMANDS, (WHOLE, ORIGINAL))
    odd = check_picture(saved(ramp(), format_, icc_profile=profile), DEMANDS, (WHOLE, ORIGINAL))
    assert odd.files[0] == plain.files[0]
    assert (odd.phash, odd.descriptor) == (plain.phash, plain.descriptor)


def test_a_profile_in_several_segments_counts_if_all_are_there() -> None:
    """They may come in any order."""
    profile = rgb_profile(1.8)
    plain = saved(ramp(), "JPEG")

    def segment(number: int, part: bytes) -> bytes:
        data = b"ICC_PROFILE\0" + bytes((number, 2)) + part
        return b"\xff\xe2" + struct.pack(">H", len(data) + 2) + data

    first, second = segment(1, profile[:150]), segment(2, profile[150:])
    whole = saved(ramp(), "JPEG", icc_profile=profile)
    assert (made(plain[:2] + second + first + plain[2:]) == made(whole)).all()
    assert (made(plain[:2] + first + plain[2:]) == made(plain)).all()


def test_an_original_keeps_its_bytes_and_is_described_as_it_looks() -> None:
    """Its descriptor is that of its copy in sRGB."""
    body = saved(ramp(), "JPEG", icc_profile=rgb_profile(1.8))
    picture = check_picture(body, DEMANDS)
    assert picture.files == (body,)
    copy = check_picture(saved(shown_in_srgb(ramp(), 1.8), "JPEG"), DEMANDS)
    greys = [read_descriptor(each.descriptor)["grey"] for each in (picture, copy)]
    assert off(*greys) < 1


def test_srgb_itself_costs_no_conversion() -> None:
    """Profiles of sRGB are told by what they do; the pixels stay what they were to the bit."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert colour.srgb_transform(srgb, "RGB") is None
    for format_ in ("JPEG", "PNG", "WEBP"):
        with_profile = made(saved(ramp(), format_, icc_profile=srgb), SMALL)
        assert (with_profile == made(saved(ramp(), format_), SMALL)).all()


def test_many_threads_convert_by_one_transform() -> None:
    """What comes out is the same as in one."""
    body = saved(ramp(), "PNG", icc_profile=rgb_profile(1.8))
    with ThreadPoolExecutor(8) as pool:
        files = set(pool.map(lambda _: made(body, SMALL).tobytes(), range(16)))
    assert files == {made(body, SMALL).tobytes()}


def test_real_covers_in_adobe_rgb_are_the_same_pictures_as_their_copies_in_srgb() -> None:
    """Files are the same to the bit, and hashes are equal, also of the original."""
    found = 0
    for file in sorted(realdata("covers").rglob("*.jpeg")):
        body = file.read_bytes()
        if b"Adobe RGB (1998)" not in body[:4000]:
            continue
        found += 1
        with Image.open(io.BytesIO(body)) as image:
            adobe = image.info["icc_profile"]
            source = ImageCms.ImageCmsProfile(io.BytesIO(adobe))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
            assert converted
            png = saved(image, "PNG", icc_profile=adobe)
        copy = saved(np.asarray(converted), "PNG")
        assert (made(png, SMALL) == made(copy, SMALL)).all()
        hashes = {check_picture(each, DEMANDS).phash for each in (body, png, copy)}
        assert len(hashes) == 1
    assert found == 2


def tiff(values: npt.NDArray[np.generic], **tags: tuple[int, object]) -> bytes:
    """Return an uncompressed little-endian TIFF of greys; `tags` (t340) are (type, value)."""
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    data = values.tobytes()
    entries: dict[int, tuple[int, object]] = {
        256: (4, values.shape[1]),
        257: (4, values.shape[0]),
        258: (3, values.dtype.itemsize * 8),
        259: (3, 1),
        262: (3, 1),
        273: (4, 8),
        277: (3, 1),
        278: (4, values.shape[0]),
        279: (4, len(data)),
        339: (3, kind),
        **{int(name[1:]): tag for name, tag in tags.items()},
    }
    codes = {3: "H2x", 4: "I", 8: "h2x", 9: "i", 11: "f"}
    table = b"".join(
        struct.pack(f"<HHI{codes[type_]}", tag, type_, 1, value)
        for tag, (type_, value) in sorted(entries.items())
    )
    head = b"II*\0" + struct.pack("<I", 8 + len(data))
    return head + data + struct.pack("<H", len(entries)) + table + bytes(4)


GREYS = np.mgrid[:256, :256][1]


@pytest.mark.parametrize(
    "body",
    [
        tiff((GREYS / 255).astype("<f4")),
        tiff((GREYS - 20).astype("<f4"), t340=(11, -20.0), t341=(11, 235.0)),
        tiff((GREYS * 257 - 32768).astype("<i2")),
        tiff((GREYS * 100).astype("<i2"), t340=(8, 0), t341=(8, 25500)),
        tiff((GREYS * 100).astype("<i4"), t280=(3, 0), t281=(3, 25500)),
        tiff((GREYS * 16843009 - 2**31).astype("<i4")),
        tiff((GREYS * 16843009).astype("<u4")),
        tiff((GREYS * 4095 // 255).astype("<u2"), t280=(3, 0), t281=(3, 4095)),
        tiff((GREYS * 4095 // 255).astype("<u2"), t340=(3, 0), t341=(3, 4095)),
        tiff((100 + GREYS * 100).astype("<u2"), t340=(3, 100), t341=(3, 25600)),
        tiff((4095 - GREYS * 4095 // 255).astype("<u2"), t262=(3, 0), t340=(3, 0), t341=(3, 4095)),
        tiff((GREYS * 257).astype("<u2"), t280=(3, 0), t281=(3, 255)),
        tiff((GREYS - 128).astype("i1")),
        tiff((GREYS * 257).astype("<u2")),
        tiff((65535 - GREYS * 257).astype("<u2"), t262=(3, 0)),
        tiff((255 - GREYS).astype("u1"), t262=(3, 0)),
        tiff((1 - GREYS / 255).astype("<f4"), t262=(3, 0)),
        # 255 is what some programs declare of any picture.
        tiff((GREYS / 255).astype("<f4"), t280=(3, 0), t281=(3, 255)),
    ],
    ids=[
        "float", "float with a range", "signed 16", "signed 16 with a range",
        "signed 32 with a range", "signed 32", "unsigned 32",
        "unsigned 16 with a range", "unsigned 16 with a trusted range",
        "unsigned 16 with a range from 100", "inverted 16 with a range",
        "unsigned 16 with a wrong range",
        "signed 8", "unsigned 16", "inverted 16", "inverted 8",
        "inverted float", "float with a wrong range",
    ],
)  # fmt: skip
def test_greys_of_a_tiff_keep_their_levels(body: bytes) -> None:
    """Black is the least that the format or the file says there can be, white the most."""
    assert np.abs(made(body).astype(int) - GREYS).max() <= 1


def test_a_dark_picture_of_sixteen_bits_stays_dark() -> None:
    """Without a declared range it is what its format says: nothing is stretched."""
    assert made(tiff((GREYS * 2).astype("<u2"))).max() == 1


def test_twelve_bits_are_twelve_bits() -> None:
    """Two values are in three bytes."""
    deep = (GREYS * 4095 // 255).reshape(-1, 2)
    packed = np.stack(
        [deep[:, 0] >> 4, (deep[:, 0] & 15) << 4 | deep[:, 1] >> 8, deep[:, 1] & 255], axis=-1
    )
    rows = packed.astype(np.uint8).reshape(256, 384)
    assert np.abs(made(tiff(rows, t256=(4, 256), t258=(3, 12))).astype(int) - GREYS).max() <= 1


@pytest.mark.parametrize(
    "values",
    [
        GREYS.astype("<f4"),
        (GREYS / 255 - 0.5).astype("<f4"),
        np.where(GREYS > 9, GREYS / 255, np.nan).astype("<f4"),
        GREYS.astype("<i2"),
        (GREYS * 257).astype("<i4"),
        (GREYS * 257).astype("<u4"),
    ],
    ids=["float to 255", "float below 0", "not a number", "signed 16", "signed 32", "unsigned 32"],
)
def test_greys_without_a_known_range_are_refused(values: npt.NDArray[np.generic]) -> None:
    """A picture that would be black, white or one grey is none."""
    for rendering in (WHOLE, ORIGINAL):
        with pytest.raises(PictureError, match="which values are black and white") as caught:
            check_picture(tiff(values), DEMANDS, (rendering,))
        assert caught.value.reason == "unknown range of values"
