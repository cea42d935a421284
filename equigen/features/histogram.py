"""The histograms of a cover's greys and of its colours, as shares of all pixels."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from equigen.config.layers import Config
from equigen.features.base import Column, Compute, Picture

VERSION: Final = 1
# At half of 600 px, 2.5 % of the pixels are in another bin of RGB than at 600, at a quarter 5.8 %.
SCALE_PX: Final = 256
COST_MS: Final = 2.0
COLUMNS: Final[Mapping[str, Column]] = {
    "grey": Column(["FLOAT"], "256 shares of luma (BT.601), 0 first"),
    "rgb": Column(["FLOAT"], "512 shares at 64 R + 8 G + B, 0 to 7 each"),
}
_LUMA: Final = (299, 587, 114)  # ITU-R BT.601, in thousandths


def open_feature(config: Config) -> Compute:
    """Return the function that counts pixels."""
    del config
    return lambda batch: list(map(_counted, batch))


def _counted(picture: Picture) -> Mapping[str, object]:
    red, green, blue = picture.pixels.reshape(-1, 3).T.astype(np.int32)
    of_red, of_green, of_blue = _LUMA
    grey = (of_red * red + of_green * green + of_blue * blue + 500) // 1000
    rgb = (red >> 5 << 6) | (green >> 5 << 3) | (blue >> 5)
    return {
        name: (np.bincount(bins, minlength=count) / len(bins)).astype(np.float32)
        for name, bins, count in (("grey", grey, 256), ("rgb", rgb, 512))
    }
