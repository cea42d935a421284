"""One picture: kept, made a JPEG, or refused with a reason."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from support import REALDATA, realdata

from equigen.errors import PictureError
from equigen.images.check import ORIGINAL, Picture, check_picture
from equigen.images.descriptor import read_descriptor
from equigen.images.rendering import Check, Demands, Fit, ImageFormat, Rendering

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 255, 255)
# How far a colour may be off after JPEG, in levels of 255.
TOLERANCE = 12
# As it came, and made anew: what is promised of a picture's looks holds for both.
KEPT_AND_RESIZED = pytest.mark.parametrize(
    "rendering", [ORIGINAL, Rendering(48, Fit.STRETCH, quality=95)], ids=lambda each: each.key
)


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


def checked(
    body: bytes, *renderings: Rendering, min_size_px: int = 2, max_pixels: int = 1_000_000
) -> Picture:
    """Check a picture with bounds that ordinary ones keep; what is promised of all holds."""
    picture = check_picture(body, Demands(min_size_px, max_pixels), renderings or (ORIGINAL,))
    assert picture.sha256 == hashlib.sha256(picture.files[0]).hexdigest()
    assert len(bytes.fromhex(picture.phash)) == 8
    assert len(read_descriptor(picture.descriptor)) in {3, 4}
    assert opened(picture.files[0]).size == (picture.width_px, picture.height_px)
    return picture


def opened(data: bytes) -> Image.Image:
    """Decode a file that was made."""
    with Image.open(io.BytesIO(data)) as image:
        assert image.format in {"JPEG", "MPO", "PNG", "WEBP"}
        image.load()
        return image


def refusal(body: bytes, demands: Demands | None = None, *renderings: Rendering) -> str:
    """Return the reason why a picture is refused."""
    with pytest.raises(PictureError) as caught:
        check_picture(body, demands or Demands(2, 1_000_000), renderings or (ORIGINAL,))
    assert len(str(caught.value).splitlines()) == 1
    return caught.value.reason


def colour_at(picture: Picture, x_share: float, y_share: float) -> tuple[int, int, int]:
    """Return the colour at a place of the picture, in shares of its width and height."""
    return colour_in(picture.files[0], x_share, y_share)


def colour_in(data: bytes, x_share: float, y_share: float) -> tuple[int, int, int]:
    """Return the colour at a place of a file, in shares of its width and height."""
    image = opened(data).convert("RGB")
    place = int(x_share * image.width), int(y_share * image.height)
    red, green, blue = image.getpixel(place)  # type: ignore[misc]
    return int(red), int(green), int(blue)


def assert_alike(got: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    """Assert that two colours are the same but for what JPEG does to them."""
    assert all(abs(one - two) <= TOLERANCE for one, two in zip(got, expected, strict=True)), got


def halves(mode: str = "RGB", size: tuple[int, int] = (64, 32)) -> Image.Image:
    """Return a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, RED)
    ImageDraw.Draw(image).rectangle((size[0] // 2, 0, *size), fill=BLUE)
    return image.convert(mode)


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
        assert checked(body, max_pixels=50_000_000).files == (body,)


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
        assert picture.files != (body,)
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
    body = realdata("odd_images", name).read_bytes()
    picture = checked(body)
    assert picture.files == (body,)
    assert (picture.width_px, picture.height_px) == size


@KEPT_AND_RESIZED
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
    format_: str, mode: str, how: dict[str, object], rendering: Rendering
) -> None:
    """Whatever a cover came as, its JPEG looks the same, and the original is as large."""
    body = saved(halves(mode), format_, **how)
    picture = checked(body, rendering)
    size_px = rendering.size_px
    assert (picture.width_px, picture.height_px) == ((size_px, size_px) if size_px else (64, 32))
    assert picture.files[0].startswith(b"\xff\xd8\xff")
    assert_alike(colour_at(picture, 0.2, 0.5), RED)
    assert_alike(colour_at(picture, 0.8, 0.5), BLUE)


@KEPT_AND_RESIZED
@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_pictures_stay_grey(mode: str, rendering: Rendering) -> None:
    """A grey or black-and-white PNG keeps its shades."""
    image = Image.new("L", (32, 32), 255)
    ImageDraw.Draw(image).rectangle((0, 0, 15, 31), fill=0)
    picture = checked(saved(image.convert(mode), "PNG"), rendering)
    assert_alike(colour_at(picture, 0.2, 0.5), (0, 0, 0))
    assert_alike(colour_at(picture, 0.8, 0.5), WHITE)


@KEPT_AND_RESIZED
@pytest.mark.parametrize(
    ("level", "expected"), [(0, 0), (0x0100, 1), (0x4000, 64), (0x8000, 128), (0xFFFF, 255)]
)
@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(
    format_: str, level: int, expected: int, rendering: Rendering
) -> None:
    """A 16-bit grey keeps its place between black and white."""
    picture = checked(saved(Image.new("I;16", (16, 16), level), format_), rendering)
    assert_alike(colour_at(picture, 0.5, 0.5), (expected, expected, expected))


def transparent(mode: str) -> Image.Image:
    """Return a picture with a green left half and nothing on the right, which is red beneath."""
    image = Image.new("RGBA", (64, 32), (*RED, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 31, 31), fill=(*GREEN, 255))
    if mode == "LA":
        return image.convert("LA")
    return image.quantize(8) if mode == "P" else image


@KEPT_AND_RESIZED
@pytest.mark.parametrize(
    ("format_", "mode"), [("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGBA"), ("GIF", "RGBA")]
)
def test_what_is_transparent_becomes_white(format_: str, mode: str, rendering: Rendering) -> None:
    """Nothing shows as white, never as what lies hidden beneath it."""
    how = {"lossless": True} if format_ == "WEBP" else {}
    picture = checked(saved(transparent(mode), format_, **how), rendering)
    assert_alike(colour_at(picture, 0.2, 0.5), GREEN)
    assert_alike(colour_at(picture, 0.8, 0.5), WHITE)


@KEPT_AND_RESIZED
def test_grey_with_transparency_becomes_white_too(rendering: Rendering) -> None:
    """A grey picture's transparent part is white, half-transparent black is grey."""
    image = Image.new("LA", (64, 32), (0, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 31, 31), fill=(0, 128))
    picture = checked(saved(image, "PNG"), rendering)
    assert_alike(colour_at(picture, 0.2, 0.5), (127, 127, 127))
    assert_alike(colour_at(picture, 0.8, 0.5), WHITE)


@KEPT_AND_RESIZED
@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_one_transparent_colour_becomes_white(mode: str, rendering: Rendering) -> None:
    """A PNG may declare a single colour to be transparent."""
    colour = (40, 40, 40) if mode == "RGB" else {"L": 40, "I;16": 40 * 256}[mode]
    body = saved(Image.new(mode, (16, 16), colour), "PNG", transparency=colour)
    assert_alike(colour_at(checked(body, rendering), 0.5, 0.5), WHITE)


@KEPT_AND_RESIZED
@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_an_animation_shows_its_first_frame(format_: str, rendering: Rendering) -> None:
    """Of an animated cover the first frame counts."""
    how = {"lossless": True} if format_ == "WEBP" else {}
    later = [Image.new("RGB", (32, 32), BLUE), Image.new("RGB", (32, 32), GREEN)]
    first = Image.new("RGB", (32, 32), RED)
    body = saved(first, format_, save_all=True, append_images=later, duration=100, **how)
    with Image.open(io.BytesIO(body)) as image:
        assert getattr(image, "n_frames", 1) == 3
    assert_alike(colour_at(checked(body, rendering), 0.5, 0.5), RED)


def test_the_bounds_are_kept_to_the_pixel() -> None:
    """As many pixels as allowed and as few as needed are fine, one more or less is not."""
    body = saved(Image.new("RGB", (20, 10), RED), "PNG")
    checked(body, min_size_px=10, max_pixels=200)
    assert refusal(body, Demands(10, 199)) == "too many pixels"
    assert refusal(body, Demands(11, 200)) == "too small"


@pytest.mark.parametrize("format_", ["GIF", "PNG", "JPEG"])
def test_a_single_pixel_is_too_small(format_: str) -> None:
    """A 1x1 spacer is no cover, unless that is what is wanted."""
    body = saved(Image.new("RGB", (1, 1), WHITE), format_)
    assert refusal(body) == "too small"
    assert checked(body, min_size_px=1).width_px == 1


def test_no_bytes_are_empty() -> None:
    """An empty body has a reason of its own."""
    assert refusal(b"") == "empty"


@pytest.mark.parametrize("rendering", [Rendering(32), Rendering(32, Fit.INSIDE)])
def test_resized_cmyk_jpegs_keep_their_colours(rendering: Rendering) -> None:
    """A JPEG made for print becomes RGB when it is resized."""
    picture = checked(saved(halves("CMYK", (96, 96)), "JPEG", quality=95), rendering)
    assert opened(picture.files[0]).mode == "RGB"
    assert_alike(colour_at(picture, 0.2, 0.5), RED)
    assert_alike(colour_at(picture, 0.8, 0.5), BLUE)


def test_resized_grey_jpegs_stay_grey() -> None:
    """A grey JPEG has one channel, at any size."""
    body = saved(Image.linear_gradient("L"), "JPEG")
    file = opened(checked(body, Rendering(64)).files[0])
    assert file.mode == "L"
    assert file.size == (64, 64)


def test_each_fit_shows_its_part_of_the_picture() -> None:
    """Crop leaves the ends out, pad is white around, inside keeps the shape, stretch shows all."""
    image = Image.new("RGB", (400, 200), GREEN)
    ImageDraw.Draw(image).rectangle((0, 0, 90, 199), fill=RED)
    ImageDraw.Draw(image).rectangle((309, 0, 399, 199), fill=BLUE)
    crop, pad, inside, stretch = checked(
        saved(image, "JPEG", quality=95), *(Rendering(80, fit) for fit in Fit)
    ).files
    assert [opened(data).size for data in (crop, pad, stretch)] == [(80, 80)] * 3
    assert opened(inside).size == (80, 40)
    assert_alike(colour_in(crop, 0.05, 0.5), GREEN)
    assert_alike(colour_in(crop, 0.95, 0.5), GREEN)
    for data, y_share in ((pad, 0.5), (inside, 0.5), (stretch, 0.1), (stretch, 0.9)):
        assert_alike(colour_in(data, 0.1, y_share), RED)
        assert_alike(colour_in(data, 0.5, y_share), GREEN)
        assert_alike(colour_in(data, 0.9, y_share), BLUE)
    assert_alike(colour_in(pad, 0.1, 0.1), WHITE)
    assert_alike(colour_in(pad, 0.9, 0.9), WHITE)


@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_files_come_in_the_order_they_are_asked_for(format_: str) -> None:
    """Several sizes, and the original among them, are made in one call; the first one counts."""
    body = saved(halves(size=(300, 300)), format_)
    asked = [Rendering(64), ORIGINAL, Rendering(128, Fit.PAD), Rendering(500), Rendering(64)]
    picture = checked(body, *asked)
    sizes = [opened(data).width for data in picture.files]
    assert sizes == [64, 300, 128, 500, 64]
    assert picture.files[0] == picture.files[4]
    assert (picture.files[1] == body) == (format_ == "JPEG")
    assert picture.width_px == 64


@pytest.mark.parametrize("kind", list(ImageFormat))
def test_a_resized_file_is_what_is_asked_for(kind: ImageFormat) -> None:
    """Each format is written, without metadata; PNG keeps every colour to the bit."""
    body = saved(halves(size=(64, 64)), "PNG", dpi=(300, 300))
    image = opened(checked(body, Rendering(64, format=kind)).files[0])
    assert image.format == {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[kind]
    assert not {"exif", "icc_profile", "transparency"} & set(image.info)
    if kind is ImageFormat.PNG:
        assert image.tobytes() == halves(size=(64, 64)).tobytes()


def test_quality_is_what_a_lossy_file_is_written_with() -> None:
    """Less quality makes smaller files."""
    body = saved(Image.effect_noise((128, 128), 60), "PNG")
    for kind in (ImageFormat.JPG, ImageFormat.WEBP):
        fine, coarse = (Rendering(96, quality=each, format=kind) for each in (95, 30))
        files = checked(body, fine, coarse).files
        assert len(files[1]) < len(files[0]) / 2


@pytest.mark.parametrize("rendering", [Rendering(16, fit, format=ImageFormat.PNG) for fit in Fit])
@pytest.mark.parametrize("size", [(1, 900), (900, 1), (3, 2), (1, 1)])
@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_extreme_shapes_are_resized_too(
    format_: str, size: tuple[int, int], rendering: Rendering
) -> None:
    """A line of pixels, or a single one, makes a file with at least one pixel a side."""
    body = saved(Image.new("RGB", size, RED), format_)
    picture = checked(body, rendering, min_size_px=1)
    assert max(picture.width_px, picture.height_px) <= 16
    assert_alike(colour_at(picture, 0.47, 0.47), RED)


def test_a_placeholder_is_refused_before_anything_else() -> None:
    """A body that a service sends for "no cover" is known by its hash, picture or not."""
    body = saved(halves(), "JPEG")
    known = frozenset({hashlib.sha256(each).hexdigest() for each in (body, b"no cover")})
    demands = Demands(1000, 10, placeholders=known)
    assert refusal(body, demands) == "placeholder"
    assert refusal(b"no cover", demands) == "placeholder"
    assert refusal(body + b"\0", demands) == "too many pixels"


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n", b"\0" * 700])
def test_the_structure_check_keeps_a_jpeg_undecoded(tail: bytes) -> None:
    """Both ends and the size are enough; nothing is known of what it looks like."""
    body = saved(halves(), "JPEG") + tail
    picture = check_picture(body, Demands(2, 10_000, Check.STRUCTURE), [ORIGINAL, ORIGINAL])
    sha256 = hashlib.sha256(body).hexdigest()
    assert picture == Picture((body, body), 64, 32, sha256, phash="", descriptor=b"")


def test_the_structure_check_refuses_what_both_ends_tell() -> None:
    """A cut, another tail, and a wrong size are seen without decoding; damage within isn't."""
    demands = Demands(2, 10_000, Check.STRUCTURE)
    body = saved(halves(), "JPEG")
    for torn in (body[:-1], body[:-2], body[: len(body) // 2], body + b"<html>", body[:-2] + b"\0"):
        assert refusal(torn, demands) == "broken"
    assert refusal(body, Demands(33, 10_000, Check.STRUCTURE)) == "too small"
    assert refusal(body, Demands(2, 2047, Check.STRUCTURE)) == "too many pixels"
    assert refusal(b"<html>", demands) == "not a picture"
    torn = body[:-20] + b"\xff\xd9"
    assert check_picture(torn, demands).files == (torn,)


def test_the_structure_check_decodes_what_has_to_be_made() -> None:
    """Where the file isn't the JPEG that came, the check is as full as any."""
    demands = Demands(2, 10_000, Check.STRUCTURE)
    torn = saved(halves(), "JPEG")[:-20] + b"\xff\xd9"
    assert refusal(torn, demands, ORIGINAL, Rendering(16)) == "broken"
    assert refusal(saved(halves(), "PNG")[:-40], demands) == "broken"
    assert check_picture(saved(halves(), "PNG"), demands).phash
