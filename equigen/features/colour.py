"""A palette of a cover's colours, and how bright, saturated, colourful and contrasted it is.

Colours are given in sRGB (0 to 255) and in CIE L*a*b* of D65 (L* from 0 to 100), in which equal
distances look about equally far apart. The palette is that of k-means in Lab, begun as in Chang et
al., "Palette-based Photo Recoloring" (2015): at the colour of the largest part of the picture, then
again and again at the one of the largest part that is far from those taken. It needs no seed, since
no chance is in it.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from equigen.config.layers import Config
from equigen.features.base import Column, Compute, Picture

VERSION: Final = 1
SETTINGS: Final = ("features.colours",)
SCALE_PX: Final = 256
COST_MS: Final = 3.0
_COLOUR: Final = {
    "red": "UTINYINT", "green": "UTINYINT", "blue": "UTINYINT",
    "lightness": "FLOAT", "a": "FLOAT", "b": "FLOAT",
}  # fmt: skip
COLUMNS: Final[Mapping[str, Column]] = {
    "palette": Column([{**_COLOUR, "share": "FLOAT"}], "colours, largest first; share 0 to 1"),
    "dominant": Column(_COLOUR, "the palette's first colour"),
    "mean": Column(_COLOUR, "the mean of all pixels, in Lab"),
    "brightness": Column("FLOAT", "mean L*, 0 (black) to 100 (white)"),
    "contrast": Column("FLOAT", "standard deviation of L*, 0 to 50"),
    "saturation": Column("FLOAT", "of HSV, weighted by value, 0 to 100 %"),
    "colourfulness": Column("FLOAT", "Hasler-Suesstrunk's M, 0 to about 110"),
}

_Array = npt.NDArray[np.float32]
_LEAST_PX: Final = 128
_ROUNDS: Final = 30
_BIN_SHIFT: Final = 4  # 16 levels of a channel are one bin
_BINS: Final = 1 << 3 * (8 - _BIN_SHIFT)
_FAR: Final = 40.0  # in Lab: parts that are nearer to a colour count less for the next one
# IEC 61966-2-1: sRGB's levels as light, and light as CIE XYZ relative to D65's white.
_LINEAR_LEVEL, _LINEAR_LIGHT = 0.04045, 0.0031308
_LEVELS: Final = np.arange(256) / 255
_LIGHT: Final[_Array] = np.where(
    _LEVELS <= _LINEAR_LEVEL, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4
).astype(np.float32)
_XYZ: Final = np.array(
    ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
)
_TO_WHITE: Final = (_XYZ / _XYZ.sum(axis=1, keepdims=True)).astype(np.float32)
_FROM_WHITE: Final = np.linalg.inv(_TO_WHITE.astype(np.float64))
# CIE 15:2004, 8.2.1.1
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27


def open_feature(config: Config) -> Compute:
    """Return the function that measures colours, with a palette of `features.colours`."""
    most = config.settings.features.colours
    return lambda batch: [_measured(picture, most) for picture in batch]


def _measured(picture: Picture, most: int) -> Mapping[str, object]:
    step = max(1, max(picture.pixels.shape[:2]) // _LEAST_PX)
    levels = np.ascontiguousarray(picture.pixels[::step, ::step].reshape(-1, 3).T)
    lab = to_lab(levels)
    centres, shares = palette(levels, lab, most)
    colours = [_told(centre) for centre in centres]
    highest = levels.max(axis=0)
    value = float(highest.sum(dtype=np.int64))
    spread = value - float(levels.min(axis=0).sum(dtype=np.int64))
    return {
        "palette": [
            {**colour, "share": float(share)} for colour, share in zip(colours, shares, strict=True)
        ],
        "dominant": colours[0],
        "mean": _told(lab.mean(axis=1, dtype=np.float64)),
        "brightness": float(lab[0].mean(dtype=np.float64)),
        "contrast": float(lab[0].std(dtype=np.float64)),
        "saturation": 100 * spread / value if value else 0.0,
        "colourfulness": _colourfulness(levels),
    }


def to_lab(levels: npt.NDArray[np.uint8]) -> _Array:
    """Convert sRGB (3 x pixels) to Lab (3 x pixels).

    Nothing is left to libraries that share sums out to threads: the same picture gives the same
    bits.
    """
    red, green, blue = _LIGHT[levels]
    folded = np.empty(levels.shape, np.float32)
    for at, (of_red, of_green, of_blue) in enumerate(_TO_WHITE):
        folded[at] = of_red * red + of_green * green + of_blue * blue
    linear = (_KAPPA * folded + 16) / 116
    folded = np.where(folded > _EPSILON, np.cbrt(folded), linear)
    x, y, z = folded
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def to_srgb(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Convert a colour from Lab to the nearest in sRGB."""
    y = (lab[0] + 16) / 116
    folded = np.array((y + lab[1] / 500, y, y - lab[2] / 200))
    white = np.where(folded**3 > _EPSILON, folded**3, (116 * folded - 16) / _KAPPA)
    light = (_FROM_WHITE * white).sum(axis=1).clip(0, 1)
    levels = np.where(light <= _LINEAR_LIGHT, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(levels * 255), np.uint8)


def palette(
    levels: npt.NDArray[np.uint8], lab: _Array, most: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return at most so many colours of a picture in Lab, and their shares, the largest first.

    Pixels are put together where they are nearly equal: k-means then sees some hundred points.
    """
    red, green, blue = (levels >> _BIN_SHIFT).astype(np.int32)
    bins = (red << 2 * (8 - _BIN_SHIFT)) | (green << (8 - _BIN_SHIFT)) | blue
    counts = np.bincount(bins, minlength=_BINS)
    there = counts.nonzero()[0]
    weights = counts[there].astype(np.float64)
    sums = [np.bincount(bins, weights=channel, minlength=_BINS)[there] for channel in lab]
    points = np.stack(sums) / weights
    return clusters(points, weights, most)


def clusters(
    points: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], most: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return at most so many colours of weighted points in Lab (3 x points), and their shares.

    The largest share comes first.
    """
    centres = _begun(points, weights, most)
    nearest = np.zeros(len(weights), np.intp)
    for _ in range(_ROUNDS):
        before, nearest = nearest, _apart(points, centres).argmin(axis=0)
        sizes = np.bincount(nearest, weights=weights, minlength=centres.shape[1])
        totals = [
            np.bincount(nearest, weights=each * weights, minlength=len(sizes)) for each in points
        ]
        centres = np.where(sizes > 0, np.stack(totals) / np.maximum(sizes, 1), centres)
        if (nearest == before).all():
            break
    colours = np.stack(
        [_core(points, weights, nearest == at, centre) for at, centre in enumerate(centres.T)]
    )
    order = np.lexsort((*colours.T, -sizes))[: int((sizes > 0).sum())]
    return colours[order], sizes[order] / sizes.sum()


def _core(
    points: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    is_ours: npt.NDArray[np.bool_],
    centre: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the mean of the half of a part that is nearest to its centre.

    The other half has the blends at edges, which would pull the colour away.
    """
    ours, weight = points[:, is_ours], weights[is_ours]
    if not len(weight):
        return centre
    order = _apart(ours, centre[:, None])[0].argsort(kind="stable")
    total = weight[order].cumsum()
    half = order[: int(np.searchsorted(total, total[-1] / 2)) + 1]
    return np.asarray((ours[:, half] * weight[half]).sum(axis=1) / weight[half].sum())


def _begun(
    points: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], most: int
) -> npt.NDArray[np.float64]:
    chosen, left = list[int](), weights.copy()
    for _ in range(min(most, len(weights))):
        chosen.append(at := int(left.argmax()))
        left *= 1 - np.exp(-_apart(points, points[:, at : at + 1])[0] / _FAR**2)
    return points[:, chosen]


def _apart(
    points: npt.NDArray[np.float64], centres: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the squared distances of points from centres: centres x points."""
    squares: Iterator[npt.NDArray[np.float64]] = (
        (ours - theirs[:, None]) ** 2 for ours, theirs in zip(points, centres, strict=True)
    )
    first, second, third = squares
    return first + second + third


def _told(lab: npt.NDArray[np.float64]) -> Mapping[str, float]:
    levels = dict(zip(("red", "green", "blue"), to_srgb(lab).tolist(), strict=True))
    return levels | dict(zip(("lightness", "a", "b"), lab.tolist(), strict=True))


def _colourfulness(levels: npt.NDArray[np.uint8]) -> float:
    """Return M(3) of Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003)."""
    red, green, blue = levels.astype(np.int32)
    pairs = (red - green, (red + green) / 2 - blue)
    means, spreads = (
        [getattr(each, what)(dtype=np.float64) for each in pairs] for what in ("mean", "std")
    )
    return float(np.hypot(*spreads) + 0.3 * np.hypot(*means))
