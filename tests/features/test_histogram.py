"""The histograms of covers."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from support import make_context

from equigen.features import histogram
from equigen.features.base import Picture

Levels = npt.NDArray[np.uint8]
Shares = npt.NDArray[np.float32]


def counted(pixels: Levels) -> tuple[Shares, Shares]:
    """Return both histograms of pixels."""
    compute = histogram.open_feature(make_context(Path()).config)
    (found,) = compute([Picture("", Path(), pixels)])
    return found["grey"], found["rgb"]


def test_histograms_are_those_that_numpy_counts() -> None:
    """Greys as Pillow makes them, but for rounding; colours in eight steps of each channel."""
    pixels = np.random.default_rng(1).integers(0, 256, (200, 130, 3), np.uint8)
    grey, rgb = counted(pixels)
    expected, _ = np.histogramdd(pixels.reshape(-1, 3), bins=8, range=[(0, 256)] * 3)
    assert np.allclose(rgb, expected.ravel() / (200 * 130), atol=1e-7)
    pillow = np.bincount(np.asarray(Image.fromarray(pixels).convert("L")).ravel(), minlength=256)
    assert np.abs(np.cumsum(grey) - np.cumsum(pillow / pillow.sum())).max() < 0.01
    assert (str(grey.dtype), len(grey), str(rgb.dtype), len(rgb)) == (
        "float32",
        256,
        "float32",
        512,
    )


def test_a_plain_picture_is_in_one_bin() -> None:
    """Its place says which colour."""
    grey, rgb = counted(np.full((10, 10, 3), (255, 40, 0), np.uint8))
    assert (grey.nonzero()[0].tolist(), grey.max()) == ([100], 1)
    assert (rgb.nonzero()[0].tolist(), rgb.max()) == ([64 * 7 + 8], 1)
