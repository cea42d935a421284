"""What becomes of covers on their way through shops and scanners: the same picture, other bytes."""

import io
from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

# Makes the bytes of a changed copy of an RGB picture; the number decides by chance what has to be.
Change = Callable[[Image.Image, int], bytes]
_WHITE = (255, 255, 255)
# Of three colours together.
_LIGHT = 380
_STICKERS = ((230, 30, 30), (250, 220, 20), _WHITE, (20, 20, 20))


def _saved(image: Image.Image, kind: str = "JPEG", quality: int = 90) -> bytes:
    out = io.BytesIO()
    if kind == "PNG":
        image.save(out, kind)
    else:
        image.save(out, kind, quality=quality)
    return out.getvalue()


def _sized(share: float) -> Change:
    def change(image: Image.Image, _seed: int) -> bytes:
        size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
        return _saved(image.resize(size, Image.Resampling.LANCZOS))

    return change


def _encoded(kind: str, quality: int = 0) -> Change:
    return lambda image, _seed: _saved(image, kind, quality)


def _paler(share: float) -> Change:
    return lambda image, _seed: _saved(ImageEnhance.Color(image).enhance(share))


def _brighter(factor: float) -> Change:
    return lambda image, _seed: _saved(ImageEnhance.Brightness(image).enhance(factor))


def _bordered(share: float) -> Change:
    return lambda image, _seed: _saved(
        ImageOps.expand(image, round(share * max(image.size)), _WHITE)
    )


def _cropped(share: float) -> Change:
    def change(image: Image.Image, _seed: int) -> bytes:
        across, down = round(image.width * share), round(image.height * share)
        return _saved(image.crop((across, down, image.width - across, image.height - down)))

    return change


def _with_sticker(share: float) -> Change:
    def change(image: Image.Image, seed: int) -> bytes:
        size = round(share * min(image.size))
        chance = np.random.default_rng(seed)
        left, top = (int(chance.integers(0, side - size)) for side in image.size)
        copy = image.copy()
        ImageDraw.Draw(copy).ellipse(
            (left, top, left + size, top + size), fill=_STICKERS[seed % len(_STICKERS)]
        )
        return _saved(copy)

    return change


def _with_banner(share: float) -> Change:
    def change(image: Image.Image, seed: int) -> bytes:
        copy = image.copy()
        top = round(image.height * (1 - share))
        pen = ImageDraw.Draw(copy)
        fill = _STICKERS[seed % len(_STICKERS)]
        pen.rectangle((0, top, image.width, image.height), fill=fill)
        ink = "black" if sum(fill) > _LIGHT else "white"
        place = (image.width // 20, top + image.height * share / 5)
        pen.text(place, "DELUXE EDITION", fill=ink, font_size=image.height * share * 0.55)
        return _saved(copy)

    return change


def _shifted(share: float) -> Change:
    def change(image: Image.Image, seed: int) -> bytes:
        across, down = (
            round(share * side) * (1 if seed >> at & 1 else -1)
            for at, side in enumerate(image.size)
        )
        copy = Image.new("RGB", image.size, ("black", "white")[seed // 4 % 2])
        copy.paste(image, (across, down))
        return _saved(copy)

    return change


def _with_watermark(opacity: float) -> Change:
    def change(image: Image.Image, seed: int) -> bytes:
        side = 2 * max(image.size)
        layer = Image.new("L", (side, side))
        size = side / 9
        ImageDraw.Draw(layer).text(
            (side // 2, side // 2), "SAMPLE", fill=round(255 * opacity), font_size=size, anchor="mm"
        )
        left, top = ((side - length) // 2 for length in image.size)
        layer = layer.rotate(45).crop((left, top, left + image.width, top + image.height))
        ink = Image.new("RGB", image.size, ("white", "black")[seed % 2])
        return _saved(Image.composite(ink, image, layer))

    return change


def _blurred(share: float) -> Change:
    return lambda image, _seed: _saved(
        image.filter(ImageFilter.GaussianBlur(share * min(image.size)))
    )


# The names stand in reports. A share is of the picture's sides, as wide as it is in the name.
CHANGES: Final[dict[str, Change]] = {
    "JPEG at 90 % of the size": _sized(0.9),
    "JPEG at 50 % of the size": _sized(0.5),
    "JPEG at 25 % of the size": _sized(0.25),
    "JPEG of quality 30": _encoded("JPEG", 30),
    "WebP": _encoded("WEBP", 80),
    "PNG": _encoded("PNG"),
    "40 % of the colour": _paler(0.4),
    "15 % brighter": _brighter(1.15),
    "white border of 5 %": _bordered(0.05),
    "2 % cropped off each side": _cropped(0.02),
    "5 % cropped off each side": _cropped(0.05),
    "round sticker of 18 %": _with_sticker(0.18),
}
# What hides or spoils more of a picture.
HARDER: Final[dict[str, Change]] = {
    "8 % cropped off each side": _cropped(0.08),
    "shifted by 3 %": _shifted(0.03),
    "banner over the bottom 12 %": _with_banner(0.12),
    "watermark of 50 %": _with_watermark(0.5),
    "blur of 2 %": _blurred(0.02),
}
# As other hosts have the same picture.
COPIES: Final[dict[str, Change]] = {
    "JPEG of quality 50": _encoded("JPEG", 50),
    "JPEG of quality 75": _encoded("JPEG", 75),
    "JPEG at 50 % of the size": _sized(0.5),
    "JPEG at 150 % of the size": _sized(1.5),
}
