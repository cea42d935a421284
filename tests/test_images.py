"""One picture: kept, made a JPEG, or refused with a reason."""

import hashlib
import io
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from equigen.errors import PictureError
from equigen.images import Picture, check_picture

REALDATA = Path(__file__).parents[2] / "shared" / "realdata"
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 255, 255)
# How far a colour may be off after JPEG, in levels of 255.
TOLERANCE = 12
REASONS = ("empty", "not a picture", "too many pixels", "too small", "broken")


def real(folder: str, name: str) -> bytes:
    """Return the bytes of a real picture."""
    file = REALDATA / folder / name
    if not file.is_file():
        pytest.skip(f"real pictures are not here: {file}")
    return file.read_bytes()


def real_covers() -> Iterator[Path]:
    """Yield all real covers that lie here."""
    for file in sorted((REALDATA / "covers").rglob("*")):
        if file.suffix in {".jpg", ".jpeg", ".png", ".gif", ".webp"}:
            yield file


def saved(image: Image.Image, format_: str, **how: object) -> bytes:
    """Return an image in a file format."""
    out = io.BytesIO()
    image.save(out, format_, **how)
    return out.getvalue()


def checked(body: bytes, *, min_size_px: int = 2, max_pixels: int = 1_000_000) -> Picture:
    """Check a picture with bounds that ordinary ones keep; what is promised of all holds."""
    picture = check_picture(body, min_size_px=min_size_px, max_pixels=max_pixels)
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
    with Image.open(io.BytesIO(picture.data)) as image:
        assert image.format in {"JPEG", "MPO"}
        assert image.size == (picture.width_px, picture.height_px)
        image.load()
    return picture


def refusal(body: bytes, *, min_size_px: int = 2, max_pixels: int = 1_000_000) -> str:
    """Return the reason why a picture is refused."""
    with pytest.raises(PictureError) as caught:
        check_picture(body, min_size_px=min_size_px, max_pixels=max_pixels)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value.reason


def verdict(body: bytes) -> str:
    """Return "good" where the picture is taken, or the reason why it isn't."""
    try:
        checked(body)
    except PictureError as err:
        return err.reason
    return "good"


def colour_at(picture: Picture, x_share: float, y_share: float) -> tuple[int, int, int]:
    """Return the colour at a place of the picture, in shares of its width and height."""
    with Image.open(io.BytesIO(picture.data)) as image:
        place = int(x_share * image.width), int(y_share * image.height)
        red, green, blue = image.convert("RGB").getpixel(place)  # type: ignore[misc]
    return int(red), int(green), int(blue)


def assert_alike(got: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    """Assert that two colours are the same but for what JPEG does to them."""
    assert all(abs(one - two) <= TOLERANCE for one, two in zip(got, expected, strict=True)), got


def halves(mode: str = "RGB", size: tuple[int, int] = (64, 32)) -> Image.Image:
    """Return a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, RED)
    ImageDraw.Draw(image).rectangle((size[0] // 2, 0, *size), fill=BLUE)
    return image.convert(mode)


def png_header(width_px: int, height_px: int) -> bytes:
    """Return the start of a PNG that claims a size, with next to no data behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    "folder", ["spotify_640", "itunes", "named_by_year", "webp_named", "beets"]
)
def test_real_jpeg_covers_keep_their_bytes(folder: str) -> None:
    """A cover that is a JPEG is kept to the byte, whatever its name says."""
    files = [file for file in real_covers() if file.parent.name == folder]
    if not files:
        pytest.skip(f"real covers are not here: {REALDATA / 'covers' / folder}")
    jpegs = [body for file in files if (body := file.read_bytes()).startswith(b"\xff\xd8")]
    assert jpegs
    for body in jpegs[:6]:
        assert checked(body, max_pixels=50_000_000).data == body


def test_real_covers_of_other_types_become_jpegs() -> None:
    """PNG, GIF and WebP covers from the wild end up as JPEGs of the same size."""
    others = [
        body for file in real_covers() if not (body := file.read_bytes()).startswith(b"\xff\xd8")
    ]
    if not others:
        pytest.skip(f"real covers are not here: {REALDATA / 'covers'}")
    kinds = set()
    for body in others[:12]:
        with Image.open(io.BytesIO(body)) as image:
            kinds.add(image.format)
            size = image.size
        picture = checked(body, max_pixels=50_000_000)
        assert (picture.width_px, picture.height_px) == size
        assert picture.data != body
    assert len(kinds) > 1


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("hopper_gray.jpg", (128, 128)),
        ("hopper_orientation_6.jpg", (128, 128)),
        ("image-2x3.jpg", (2, 3)),
        ("junk_jpeg_header.jpg", (1024, 768)),
        ("pil_sample_cmyk.jpg", (100, 100)),
    ],
)
def test_odd_but_good_jpegs_keep_their_bytes(name: str, size: tuple[int, int]) -> None:
    """Grey, CMYK, turned, tiny and junk-headed JPEGs decode, so they are left as they are."""
    body = real("odd_images", name)
    picture = checked(body)
    assert picture.data == body
    assert (picture.width_px, picture.height_px) == size


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken.png", "not a picture"),
        ("broken_data_stream.png", "broken"),
        ("decompression_bomb.gif", "too many pixels"),
        ("learning_progress_gan.gif", "not a picture"),
        ("one_pixel_arithmetic.jpg", "too small"),
    ],
)
def test_odd_and_bad_pictures_are_refused(name: str, reason: str) -> None:
    """Damaged, false, endless and one-pixel files each have their reason."""
    assert refusal(real("odd_images", name), max_pixels=50_000_000) == reason


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.75, 0.95])
@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
def test_a_jpeg_that_was_cut_off_is_broken(share: float, *, progressive: bool) -> None:
    """A transfer that ended early is noticed however much of it came."""
    noise = Image.effect_noise((128, 128), 80)
    body = saved(noise.convert("RGB"), "JPEG", quality=90, progressive=progressive)
    start = body.index(b"\xff\xda")
    cut = start + 12 + int(share * (len(body) - start - 12))
    assert checked(body).data == body
    assert refusal(body[:cut]) == "broken"


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "GIF"])
def test_other_pictures_that_were_cut_off_are_refused(format_: str) -> None:
    """Half a picture of any type is no picture."""
    body = saved(Image.effect_noise((128, 128), 80).convert("RGB"), format_)
    checked(body)
    assert refusal(body[: len(body) // 2]) in {"broken", "not a picture"}


@pytest.mark.parametrize(
    ("format_", "mode", "how"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "P", {}),
        ("GIF", "P", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGB", {"quality": 95}),
        ("BMP", "RGB", {}),
        ("TIFF", "RGB", {}),
        ("TIFF", "CMYK", {}),
        ("TIFF", "YCbCr", {}),
        ("PNG", "RGBA", {}),
    ],
)
def test_other_types_become_jpegs_of_the_same_size_and_colours(
    format_: str, mode: str, how: dict[str, object]
) -> None:
    """Whatever a cover came as, its JPEG is as large and looks the same."""
    body = saved(halves(mode), format_, **how)
    picture = checked(body)
    assert (picture.width_px, picture.height_px) == (64, 32)
    assert picture.data.startswith(b"\xff\xd8\xff")
    assert_alike(colour_at(picture, 0.2, 0.5), RED)
    assert_alike(colour_at(picture, 0.8, 0.5), BLUE)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_pictures_stay_grey(mode: str) -> None:
    """A grey or black-and-white PNG keeps its shades."""
    image = Image.new("L", (32, 32), 255)
    ImageDraw.Draw(image).rectangle((0, 0, 15, 31), fill=0)
    picture = checked(saved(image.convert(mode), "PNG"))
    assert_alike(colour_at(picture, 0.2, 0.5), (0, 0, 0))
    assert_alike(colour_at(picture, 0.8, 0.5), WHITE)


@pytest.mark.parametrize(
    ("level", "expected"), [(0, 0), (0x0100, 1), (0x4000, 64), (0x8000, 128), (0xFFFF, 255)]
)
@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(format_: str, level: int, expected: int) -> None:
    """A 16-bit grey keeps its place between black and white."""
    picture = checked(saved(Image.new("I;16", (16, 16), level), format_))
    assert_alike(colour_at(picture, 0.5, 0.5), (expected, expected, expected))


def transparent(mode: str) -> Image.Image:
    """Return a picture with a green left half and nothing on the right, which is red beneath."""
    image = Image.new("RGBA", (64, 32), (*RED, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 31, 31), fill=(*GREEN, 255))
    if mode == "LA":
        return image.convert("LA")
    return image.quantize(8) if mode == "P" else image


@pytest.mark.parametrize(
    ("format_", "mode"), [("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGBA"), ("GIF", "RGBA")]
)
def test_what_is_transparent_becomes_white(format_: str, mode: str) -> None:
    """Nothing shows as white, never as what lies hidden beneath it."""
    how = {"lossless": True} if format_ == "WEBP" else {}
    picture = checked(saved(transparent(mode), format_, **how))
    assert_alike(colour_at(picture, 0.2, 0.5), GREEN)
    assert_alike(colour_at(picture, 0.8, 0.5), WHITE)


def test_grey_with_transparency_becomes_white_too() -> None:
    """A grey picture's transparent part is white, half-transparent black is grey."""
    image = Image.new("LA", (64, 32), (0, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 31, 31), fill=(0, 128))
    picture = checked(saved(image, "PNG"))
    assert_alike(colour_at(picture, 0.2, 0.5), (127, 127, 127))
    assert_alike(colour_at(picture, 0.8, 0.5), WHITE)


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_one_transparent_colour_becomes_white(mode: str) -> None:
    """A PNG may declare a single colour to be transparent."""
    colour = (40, 40, 40) if mode == "RGB" else {"L": 40, "I;16": 40 * 256}[mode]
    body = saved(Image.new(mode, (16, 16), colour), "PNG", transparency=colour)
    assert_alike(colour_at(checked(body), 0.5, 0.5), WHITE)


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_an_animation_shows_its_first_frame(format_: str) -> None:
    """Of an animated cover the first frame counts."""
    how = {"lossless": True} if format_ == "WEBP" else {}
    later = [Image.new("RGB", (32, 32), BLUE), Image.new("RGB", (32, 32), GREEN)]
    first = Image.new("RGB", (32, 32), RED)
    body = saved(first, format_, save_all=True, append_images=later, duration=100, **how)
    with Image.open(io.BytesIO(body)) as image:
        assert getattr(image, "n_frames", 1) == 3
    assert_alike(colour_at(checked(body), 0.5, 0.5), RED)


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_pictures_that_are_turned_by_exif_are_turned(format_: str) -> None:
    """What a camera laid on its side stands upright in the JPEG, once."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by a quarter: the left edge becomes the top
    how: dict[str, object] = {"lossless": True} if format_ == "WEBP" else {}
    picture = checked(saved(halves(), format_, exif=exif, **how))
    assert (picture.width_px, picture.height_px) == (32, 64)
    assert_alike(colour_at(picture, 0.5, 0.2), RED)
    assert_alike(colour_at(picture, 0.5, 0.8), BLUE)
    with Image.open(io.BytesIO(picture.data)) as image:
        assert image.getexif().get(0x0112, 1) == 1


def test_a_header_that_claims_too_much_is_refused_without_memory() -> None:
    """20,000 by 20,000 pixels would be 1.2 GB: the header alone is enough to refuse them."""
    body = png_header(20_000, 20_000)
    tracemalloc.start()
    try:
        assert refusal(body, max_pixels=50_000_000) == "too many pixels"
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 5_000_000


def test_the_bounds_are_kept_to_the_pixel() -> None:
    """As many pixels as allowed and as few as needed are fine, one more or less is not."""
    body = saved(Image.new("RGB", (20, 10), RED), "PNG")
    checked(body, min_size_px=10, max_pixels=200)
    assert refusal(body, min_size_px=10, max_pixels=199) == "too many pixels"
    assert refusal(body, min_size_px=11, max_pixels=200) == "too small"


@pytest.mark.parametrize("format_", ["GIF", "PNG", "JPEG"])
def test_a_single_pixel_is_too_small(format_: str) -> None:
    """A 1x1 spacer is no cover, unless that is what is wanted."""
    body = saved(Image.new("RGB", (1, 1), WHITE), format_)
    assert refusal(body) == "too small"
    assert checked(body, min_size_px=1).width_px == 1


def test_no_bytes_are_empty() -> None:
    """An empty body has a reason of its own."""
    assert refusal(b"") == "empty"


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html><head><title>404</title></head><body>Not Found</body></html>",
        b'{"message": "You must authenticate to access this resource."}',
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        b"%PDF-1.4\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        b"P6 4 4 255\n" + bytes(48),
        b"\n",
        b"\0" * 100,
        b"\xff\xd8\xff",
        b"GIF89a",
        b"RIFF\0\0\0\0WEBP",
    ],
    ids=lambda body: ascii(body)[2:14],
)
def test_what_is_no_picture_is_refused(body: bytes) -> None:
    """Pages, documents, headers without a picture and types that covers don't come in."""
    assert refusal(body) in {"not a picture", "broken"}


def test_an_html_page_is_not_a_broken_picture() -> None:
    """What never was a picture is told apart from one that was damaged."""
    assert refusal(b"<html><body>Too many requests</body></html>") == "not a picture"


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"]))
@settings(max_examples=60, deadline=None)
def test_no_bytes_do_anything_but_be_refused_or_taken(body: bytes, head: bytes) -> None:
    """Whatever comes, it is a picture or a `PictureError` with a reason."""
    assert verdict(head + body) in {"good", *REASONS}


@given(st.data(), st.sampled_from(["PNG", "GIF", "WEBP", "JPEG", "TIFF", "BMP"]))
@settings(max_examples=60, deadline=None)
def test_damaged_pictures_are_refused_or_good(data: st.DataObject, format_: str) -> None:
    """A picture with some bytes overwritten decodes, or is refused; nothing else happens."""
    body = bytearray(saved(halves(), format_))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert verdict(bytes(body)) in {"good", *REASONS}
