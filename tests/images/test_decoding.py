"""What is whole is decoded, what is damaged is refused, and what lies on its side stands up."""

import io
import random
import re
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from downloads import rows_of, start
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps
from support import Script, ScriptedServer, examples, realdata

from equigen.errors import PictureError
from equigen.images.check import ORIGINAL, check_picture
from equigen.images.decoding import decode, opened
from equigen.images.descriptor import read_descriptor
from equigen.images.rendering import Demands, Fit, ImageFormat, Rendering

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 255, 0)
END = b"\xff\xd9"
DEMANDS = Demands(2, 50_000_000)
TAKEN = "taken"
REASONS = ("empty", "not a picture", "too many pixels", "too small", "broken")
ORIENTATION = 0x0112
# Each is decoded by another route: grey and small, in colour and small, in colour and whole.
ROUTES = ((ORIGINAL,), (Rendering(40),), (Rendering(400),))
SCAN_DATA = re.compile(
    rb"\xff\xda\x00(?:\x08.{6}|\x0a.{8}|\x0c.{10}|\x0e.{12})((?:[^\xff]|\xff[\x00\xd0-\xd7])+)",
    re.DOTALL,
)
JPEGS: dict[str, dict[str, object]] = {
    "baseline": {},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "restart markers": {"restart_marker_rows": 1},
    "restart blocks": {"restart_marker_blocks": 3, "progressive": True},
    "grey": {"mode": "L"},
    "grey progressive": {"mode": "L", "progressive": True},
    "cmyk": {"mode": "CMYK"},
}


def saved(image: Image.Image, format_: str, **how: object) -> bytes:
    """Return an image in a file format."""
    out = io.BytesIO()
    image.save(out, format_, **how)
    return out.getvalue()


@cache
def jpeg(kind: str, size: tuple[int, int] = (200, 136)) -> bytes:
    """Return a JPEG of a kind, with edges and noise in it."""
    how = dict(JPEGS[kind])
    image = Image.effect_noise(size, 60).convert("RGB")
    ImageDraw.Draw(image).ellipse((30, 10, 120, 100), fill=RED, outline=BLUE, width=5)
    return saved(image.convert(str(how.pop("mode", "RGB"))), "JPEG", **{"quality": 85, **how})


def verdict(body: bytes, renderings: tuple[Rendering, ...] = (ORIGINAL,)) -> str:
    """Return "taken", or the reason why a picture is refused."""
    try:
        check_picture(body, DEMANDS, renderings)
    except PictureError as err:
        return err.reason
    return TAKEN


def refusal(body: bytes, demands: Demands = DEMANDS) -> str:
    """Return the reason why a picture is refused."""
    with pytest.raises(PictureError) as caught:
        check_picture(body, demands)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value.reason


def fully_decodes(body: bytes) -> bool:
    """Tell whether Pillow decodes every pixel of a JPEG."""
    try:
        with Image.open(io.BytesIO(body), formats=["JPEG"]) as image:
            image.load()
    except Exception:  # noqa: BLE001  # whatever it says, it refuses
        return False
    return True


def real_jpegs() -> list[Path]:
    """Return all real covers that are JPEGs."""
    files = (file for file in sorted(realdata("covers").rglob("*")) if file.is_file())
    return [file for file in files if file.read_bytes().startswith(b"\xff\xd8")]


def cuts(body: bytes, count: int) -> list[int]:
    """Return places within the data of a JPEG's scans: cut there, a part of one is missing."""
    places = [at for scan in SCAN_DATA.finditer(body) for at in range(*scan.span(1))]
    return random.Random(len(body)).sample(places, min(count, len(places)))


@pytest.mark.parametrize("renderings", ROUTES, ids=["original", "smaller", "larger"])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_was_cut_is_broken(kind: str, renderings: tuple[Rendering, ...]) -> None:
    """Whatever part of the data came, with or without an end marker behind it, is noticed."""
    body = jpeg(kind)
    assert verdict(body, renderings) == TAKEN
    for at in cuts(body, 25):
        assert verdict(body[:at], renderings) == "broken", at
        assert verdict(body[:at] + END, renderings) == "broken", at
    assert verdict(body[:-1], renderings) == "broken"
    assert verdict(body[:-2], renderings) == "broken"


@pytest.mark.parametrize("size", [(8, 8), (20, 9), (47, 300), (300, 31)])
def test_a_small_or_narrow_jpeg_that_was_cut_is_broken(size: tuple[int, int]) -> None:
    """A picture too small to be decoded at a fraction of its size is checked all the same."""
    body = saved(Image.effect_noise(size, 80), "JPEG")
    assert verdict(body) == TAKEN
    assert {verdict(body[:at] + END) for at in cuts(body, 12)} == {"broken"}


def test_real_covers_are_taken_whole_and_refused_cut() -> None:
    """No cover from the wild is refused, nor taken with a part of it missing."""
    for file in real_jpegs():
        body = file.read_bytes()
        assert verdict(body) == TAKEN, file
        for at in cuts(body, 3):
            assert fully_decodes(body[:at] + END), "Pillow notices: is simplejpeg needed?"
            assert verdict(body[:at]) == "broken", file
            assert verdict(body[:at] + END) == "broken", file


def test_zeros_in_place_of_the_rest_are_noticed() -> None:
    """A file that was laid out before it came holds zeros where it didn't."""
    for body in [jpeg("baseline"), jpeg("progressive"), *map(Path.read_bytes, real_jpegs()[:20])]:
        for at in cuts(body, 4):
            if at < len(body) - 200:
                assert verdict(body[:at] + bytes(len(body) - 2 - at) + END) == "broken", at


def test_padding_before_the_end_does_no_harm() -> None:
    """An encoder may round the data up with zeros, and anything may follow the end."""
    body = jpeg("baseline")
    assert verdict(body[:-2] + bytes(500) + END) == TAKEN
    assert verdict(body + b"anything") == TAKEN


def test_harmless_oddities_are_decided_by_the_full_decode() -> None:
    """Junk between two segments is none of the picture's data."""
    body = realdata("odd_images", "junk_jpeg_header.jpg").read_bytes()
    assert verdict(body) == TAKEN
    assert verdict(body, (Rendering(64),)) == TAKEN
    assert verdict(body[: len(body) // 2]) == "broken"


@given(st.data(), st.sampled_from(sorted(JPEGS)), st.sampled_from(ROUTES))
@examples(150)
def test_what_the_full_decode_refuses_is_refused(
    data: st.DataObject, kind: str, renderings: tuple[Rendering, ...]
) -> None:
    """However a JPEG is damaged, it is only taken if Pillow decodes all of it."""
    body = bytearray(jpeg(kind, (60, 50)))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    body = body[: data.draw(st.integers(len(body) // 2, 2 * len(body)))]
    if verdict(bytes(body), renderings) == TAKEN:
        assert fully_decodes(bytes(body))


@pytest.mark.parametrize(
    ("scale", "size"),
    [(0, (100, 76)), (0.1, (100, 76)), (0.13, (200, 151)), (0.5, (400, 301)), (0.51, (799, 601))],
)
def test_a_jpeg_is_decoded_no_larger_than_needed(scale: float, size: tuple[int, int]) -> None:
    """The smallest fraction that still has the pixels asked for is taken, edges rounded up."""
    body = saved(Image.new("RGB", (799, 601), RED), "JPEG")
    picture = opened(body)
    pixels = decode(picture, scale=scale)
    assert pixels.image().size == size
    assert (pixels.width_px, pixels.height_px) == (799, 601)
    assert pixels.image().mode == ("RGB" if scale else "L")


def corners(size: tuple[int, int] = (150, 100)) -> Image.Image:
    """Return a picture with a colour of its own in each quarter."""
    image = Image.new("RGB", size, RED)
    draw = ImageDraw.Draw(image)
    draw.rectangle((size[0] // 2, 0, *size), fill=GREEN)
    draw.rectangle((0, size[1] // 2, *size), fill=BLUE)
    draw.rectangle((size[0] // 2, size[1] // 2, *size), fill=YELLOW)
    return image


def laid(orientation: int, format_: str) -> bytes:
    """Return a picture of which EXIF says how it is to be turned."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    how: dict[str, object] = {"lossless": True} if format_ == "WEBP" else {"quality": 95}
    return saved(corners(), format_, exif=exif, **how)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(10))
def test_what_exif_says_of_turning_is_done_once(format_: str, orientation: int) -> None:
    """A resized picture stands upright and says nothing of turning; so does its signature."""
    body = laid(orientation, format_)
    with Image.open(io.BytesIO(body)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    small = Rendering(60, Fit.INSIDE, format=ImageFormat.PNG)
    picture = check_picture(body, DEMANDS, (small, ORIGINAL))
    with Image.open(io.BytesIO(picture.files[0])) as made:
        assert ORIENTATION not in made.getexif()
        assert made.size == upright.resize((60, 40) if upright.width == 150 else (40, 60)).size
        for place in ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)):
            got, expected = (colour(each, *place) for each in (made, upright))
            assert all(abs(one - two) < 16 for one, two in zip(got, expected, strict=True))
    grey = Image.fromarray(read_descriptor(picture.descriptor)["grey"][0])
    expected_grey = upright.convert("L").resize((16, 16), Image.Resampling.BOX)
    assert mean_difference(grey, expected_grey) < 4
    assert (picture.files[1] == body) == (format_ == "JPEG")


def colour(image: Image.Image, x_share: float, y_share: float) -> tuple[int, ...]:
    """Return the colour at a place of a picture, in shares of its width and height."""
    place = int(x_share * image.width), int(y_share * image.height)
    got = image.getpixel(place)
    assert isinstance(got, tuple)
    return tuple(int(level) for level in got)


def mean_difference(one: Image.Image, two: Image.Image) -> float:
    """Return by how many levels two grey pictures differ on average."""
    pairs = zip(one.tobytes(), two.tobytes(), strict=True)
    return sum(abs(first - second) for first, second in pairs) / (one.width * one.height)


def test_an_original_jpeg_that_lies_on_its_side_is_kept() -> None:
    """Its bytes and its size are what they were; only its hash is that of the upright picture."""
    lying = laid(6, "JPEG")
    with Image.open(io.BytesIO(lying)) as image:
        standing = saved(ImageOps.exif_transpose(image), "PNG")
    picture = check_picture(lying, DEMANDS)
    assert picture.files == (lying,)
    assert (picture.width_px, picture.height_px) == (150, 100)
    assert picture.phash == check_picture(standing, DEMANDS).phash


@pytest.mark.parametrize("length", [10, 60_000])
def test_exif_counts_wherever_it_stands_before_the_picture(length: int) -> None:
    """Also behind a profile that is larger than most files' heads, and has a scan's mark in it."""
    body = laid(6, "JPEG")
    profile = b"\xff\xe2" + struct.pack(">H", length + 2) + b"\xff\xda".ljust(length)
    picture = check_picture(body[:2] + profile + body[2:], DEMANDS, (Rendering(60, Fit.INSIDE),))
    plain = check_picture(body, DEMANDS, (Rendering(60, Fit.INSIDE),))
    assert picture.files == plain.files
    assert (picture.width_px, picture.height_px) != laid_size(body)


def laid_size(body: bytes) -> tuple[int, int]:
    """Return a picture's size as it lies, scaled to 60 pixels."""
    with Image.open(io.BytesIO(body)) as image:
        share = 60 / max(image.size)
        return round(image.width * share), round(image.height * share)


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_exif_that_is_none_refuses_no_picture(format_: str) -> None:
    """A picture isn't refused for what stands beside it."""
    body = saved(corners(), format_, exif=b"Exif\0\0garbage!!")
    assert verdict(body, (Rendering(60),)) == TAKEN


def test_colours_that_one_reader_does_not_know_are_left_to_the_other() -> None:
    """Where libjpeg-turbo's wrapper has no name for how they were sampled, Pillow decodes."""
    body = bytearray(jpeg("4:2:2", (320, 200)))
    at = body.index(b"\xff\xc0") + 11
    assert body[at] == 0x21
    body[at] = 0x14  # as many samples of each, four above each other instead of two abreast
    body[at - 6 : at - 2] = struct.pack(">HH", 400, 160)
    with Image.open(io.BytesIO(body)) as image:
        image.load()
        assert image.size == (160, 400)
    assert verdict(bytes(body)) == TAKEN


def test_a_jpeg_of_endless_scans_is_refused_at_once() -> None:
    """Scans that hold next to nothing cost a decoder as much as others."""
    body = jpeg("progressive")
    first = body.index(b"\xff\xda")
    second = body.index(b"\xff\xda", first + 2)
    assert refusal(body[:second] + body[first:second] * 300 + body[second:]) == "too many scans"


def test_a_picture_too_wide_for_a_jpeg_becomes_none() -> None:
    """It is refused with a reason, since an original that is none would become one."""
    strip = saved(Image.new("L", (66_000, 3)), "PNG")
    assert refusal(strip) == "too many pixels"
    assert verdict(strip, (Rendering(60),)) == TAKEN


def test_damaged_exif_turns_nothing() -> None:
    """A picture isn't refused for what stands beside it."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    whole = exif.tobytes()
    half = Rendering(60, Fit.INSIDE)
    damaged = [whole[:at] for at in range(6, len(whole) - 6)]
    for each in (*damaged, whole.replace(b"\x01\x12", b"\x01\x13"), b"Exif\0\0XXXXXXXX"):
        # With a resolution of its own, Pillow doesn't look into the EXIF before we do.
        body = saved(corners(), "JPEG", exif=each, dpi=(72, 72))
        assert check_picture(body, DEMANDS, (half,)).width_px == 60
    turned = saved(corners(), "JPEG", exif=whole, dpi=(72, 72))
    assert check_picture(turned, DEMANDS, (half,)).width_px == 40


def chunk(kind: bytes, data: bytes, *, is_good: bool = True) -> bytes:
    """Return a chunk of a PNG, with a checksum that is good or not."""
    checksum = zlib.crc32(kind + data) ^ (not is_good)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png_header(width_px: int, height_px: int) -> bytes:
    """Return the start of a PNG that claims a size, with next to no data behind it."""
    head = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


PNG = saved(corners(), "PNG")
PNG_HEAD, PNG_IDAT, PNG_END = 33, PNG.index(b"IDAT") - 4, len(PNG) - 12


@pytest.mark.parametrize("at", [PNG_HEAD, PNG_END], ids=["before", "behind"])
@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"tEXt", b"Comment\0hello", is_good=False),
        chunk(b"pHYs", b"\0\0\x0b\x12\0\0\x0b\x12\1", is_good=False),
        chunk(b"eXIf", b"MM\0*", is_good=False),
        chunk(b"zTXt", b"Comment\0\1packed"),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(5_000_000))),
        chunk(b"iCCP", b"profile\0\1packed"),
        chunk(b"iCCP", b"profile\0\0no zlib"),
        chunk(b"iCCP", b"profile"),
        chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(5_000_000))),
        chunk(b"gAMA", b""),
    ],
    ids=[
        "text", "resolution", "exif", "packing", "bomb", "profile's packing", "profile's data",
        "short profile", "profile's bomb", "short gamma",
    ],
)  # fmt: skip
def test_a_png_is_whole_whatever_is_wrong_beside_its_pixels(extra: bytes, at: int) -> None:
    """Texts, resolutions and profiles are none of the pixels; checksums of theirs don't count."""
    picture = check_picture(PNG[:at] + extra + PNG[at:], DEMANDS, (ORIGINAL, Rendering(60)))
    assert picture.files == check_picture(PNG, DEMANDS, (ORIGINAL, Rendering(60))).files


@pytest.mark.parametrize(
    "at", [PNG_HEAD - 1, PNG_END - 1, len(PNG) - 1], ids=["head", "data", "end"]
)
def test_a_png_with_a_wrong_checksum_of_its_pixels_is_broken(at: int) -> None:
    """Also where they decode."""
    body = bytearray(PNG)
    body[at] ^= 1
    assert verdict(bytes(body)) == "broken"
    assert verdict(PNG[:at]) == "broken"


@pytest.mark.parametrize("kind", [b"eXIf", b"zTXt", b"tEXt"])
@pytest.mark.parametrize("at", [PNG_HEAD, PNG_IDAT, PNG_END])
def test_a_png_is_turned_as_its_exif_says_wherever_that_stands(kind: bytes, at: int) -> None:
    """In a chunk of its own, or in the texts that older programs write."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    raw = exif.tobytes()
    text = f"\nexif\n{len(raw):8}\n{raw.hex()}\n".encode()
    data = {
        b"eXIf": raw.removeprefix(b"Exif\0\0"),
        b"tEXt": b"Raw profile type exif\0" + text,
        b"zTXt": b"Raw profile type exif\0\0" + zlib.compress(text),
    }[kind]
    renderings = (ORIGINAL, Rendering(60, Fit.INSIDE))
    got = check_picture(PNG[:at] + chunk(kind, data) + PNG[at:], DEMANDS, renderings)
    turned = saved(corners().transpose(Image.Transpose.ROTATE_270), "PNG")
    assert got.files == check_picture(turned, DEMANDS, renderings).files


def jpeg_header(width_px: int, height_px: int) -> bytes:
    """Return a small JPEG that claims a size."""
    body = saved(Image.new("L", (16, 16)), "JPEG")
    at = body.index(b"\xff\xc0") + 5
    return body[:at] + struct.pack(">HH", height_px, width_px) + body[at + 4 :]


def test_a_jpeg_whose_size_is_unsure_is_decoded_by_one_reader() -> None:
    """Where two readers of a header differ, the one that told the size decodes all of it."""
    told = opened(jpeg("grey", (300, 300)))
    image = Image.open(io.BytesIO(told.body))
    pixels = decode(replace(told, body=jpeg("baseline"), image=image), scale=0)
    assert (pixels.image().size, pixels.reduced) == ((300, 300), 1)


@pytest.mark.parametrize("header", [png_header, jpeg_header])
def test_a_header_that_claims_too_much_is_refused_without_memory(
    header: Callable[[int, int], bytes],
) -> None:
    """20,000 by 20,000 pixels would be 1.2 GB: the header alone is enough to refuse them."""
    body = header(20_000, 20_000)
    tracemalloc.start()
    try:
        assert refusal(body) == "too many pixels"
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 5_000_000


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
    body = realdata("odd_images", name).read_bytes()
    assert refusal(body) == reason


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "GIF"])
def test_other_pictures_that_were_cut_off_are_refused(format_: str) -> None:
    """Half a picture of any type is no picture."""
    body = saved(Image.effect_noise((128, 128), 80).convert("RGB"), format_)
    assert verdict(body) == TAKEN
    assert refusal(body[: len(body) // 2]) in {"broken", "not a picture"}


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
@examples(60)
def test_no_bytes_do_anything_but_be_refused_or_taken(body: bytes, head: bytes) -> None:
    """Whatever comes, it is a picture or a `PictureError` with a reason."""
    assert verdict(head + body) in {TAKEN, *REASONS}


@given(st.data(), st.sampled_from(["PNG", "GIF", "WEBP", "JPEG", "TIFF", "BMP"]))
@examples(60)
def test_damaged_pictures_are_refused_or_good(data: st.DataObject, format_: str) -> None:
    """A picture with some bytes overwritten decodes, or is refused; nothing else happens."""
    body = bytearray(saved(corners((64, 32)), format_))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert verdict(bytes(body)) in {TAKEN, *REASONS}


def test_damaged_pictures_let_no_library_write_to_stderr(tmp_path: Path) -> None:
    """The program alone speaks there; libtiff would tell of each damaged strip."""
    image, chance = Image.effect_noise((64, 64), 80), random.Random(1)
    bodies = [
        saved(image.convert("1"), "TIFF", compression="group4"),
        *(
            saved(image.convert("RGB"), "TIFF", compression=f"tiff_{packing}")
            for packing in ("lzw", "adobe_deflate", "jpeg")
        ),
        *(saved(image.convert("RGB"), format_) for format_ in ("AVIF", "WEBP", "JPEG", "PNG")),
    ]
    with ScriptedServer(Script(404)) as server:
        paths = list[str]()
        for whole in [body for body in bodies for _ in range(2)]:
            body = bytearray(whole)
            for _ in range(5):
                body[chance.randrange(8, len(body))] = chance.randrange(256)
            paths.append(f"/{len(paths)}.tif")
            server.by_path[paths[-1]] = Script(body=bytes(body))
        rows_of(tmp_path, *(server.url + path for path in paths))
        process = start(tmp_path, "download", "--quiet", "--json")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out
    assert err == b""
