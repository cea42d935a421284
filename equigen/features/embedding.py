"""The numbers by which an image encoder that you name describes a cover.

They are stored as the encoder gives them: their length isn't made 1.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from equigen.config.layers import Config
from equigen.config.settings import FeatureSettings
from equigen.dataset.context import Context
from equigen.features.base import Column, Compute
from equigen.features.models import (
    AS_DATA,
    ONNX,
    Floats,
    Model,
    Pixels,
    given_picture,
    named_model,
    open_onnx,
    open_transformers,
    preparation_of,
    refuse_lacking,
    the_vector,
    version_of_model,
)

VERSION: Final = 1
SETTINGS: Final = (
    "features.embedding_size", "features.embedding_mean", "features.embedding_std",
)  # fmt: skip
SCALE_PX: Final = 512
COST_MS: Final = None
NEEDS: Final = ("embed",)
COLUMNS: Final[Mapping[str, Column]] = {
    "vector": Column(["HALF"], "the encoder's numbers, not normalised"),
}
_MODEL: Final = "features.embedding_model"
_NOT_FINITE: Final = "its embedding isn't finite in half precision"

Encode = Callable[[Pixels], Floats]


def version_of(config: Config) -> str:
    """Return the version of the model."""
    return version_of_model(config, _model)


def prepare(context: Context) -> None:
    """Download the model, or look whether it is there."""
    _model(context.config).prepare(context)


def open_feature(config: Config) -> Compute:
    """Return the function that embeds covers with `features.embedding_model`."""
    model, settings = _model(config), config.settings.features
    if model.id or model.path.is_dir():
        encode = _transformers(model)
    elif model.path.suffix.lower() == ONNX:
        encode = _onnx(model, settings)
    else:
        encode = _torchscript(model, settings)
    return lambda batch: [_row(encode(picture.pixels)) for picture in batch]


def _model(config: Config) -> Model:
    return named_model(config, _MODEL)


def _row(vector: Floats) -> Mapping[str, object] | str:
    with np.errstate(over="ignore"):
        half = vector.astype(np.float16)
    return {"vector": half} if np.isfinite(half).all() else _NOT_FINITE


def _onnx(model: Model, settings: FeatureSettings) -> Encode:
    session, takes = open_onnx(model)
    prepared = preparation_of(model, settings, (takes.height_px, takes.width_px))
    names = [each.name for each in session.get_outputs()]

    def run(pixels: Pixels, *names: str) -> Mapping[str, Any]:
        found = session.run(names, given_picture(prepared(pixels), takes))
        return dict(zip(names, found, strict=True))

    with model.translating("an ONNX model that can be run"):
        name = the_vector(model, run(_nothing(), *names))
    return lambda pixels: run(pixels, name)[name][0]


def _torchscript(model: Model, settings: FeatureSettings) -> Encode:
    prepared = preparation_of(model, settings)
    torch = model.imported("torch", "torch")
    torch.set_num_threads(1)
    with model.translating("a TorchScript model"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.load(str(model.path), map_location="cpu").eval()

    def run(pixels: Pixels) -> Mapping[str, Any]:
        given = torch.from_numpy(prepared(pixels).transpose(2, 0, 1)[np.newaxis].copy())
        with torch.inference_mode():
            found = module(given)
        listed = found if isinstance(found, (tuple, list)) else [found]
        named = found if isinstance(found, dict) else dict(enumerate(listed))
        return {
            str(name): each.float().numpy()
            for name, each in named.items()
            if isinstance(each, torch.Tensor)
        }

    with model.translating("a TorchScript model that takes [1, 3, height, width] of floats"):
        name = the_vector(model, run(_nothing()))
    return lambda pixels: run(pixels)[name][0]


def _nothing() -> Pixels:
    return np.zeros((SCALE_PX, SCALE_PX, 3), np.uint8)


def _transformers(model: Model) -> Encode:
    transformers, torch, folder = open_transformers(model)
    with model.translating("an image encoder that transformers can open"):
        processor = transformers.AutoImageProcessor.from_pretrained(
            folder, backend="pil", **AS_DATA
        )
        module, told = transformers.AutoModel.from_pretrained(
            folder, output_loading_info=True, **AS_DATA
        )
    module.eval()
    # The pooling of some models was never trained.
    refuse_lacking(model, told, but="pooler")
    is_pooled = not told["missing_keys"]

    def encode(pixels: Pixels) -> Floats:
        given = processor(images=[pixels], return_tensors="pt")
        with torch.inference_mode():
            if hasattr(module, "get_image_features"):
                found = module.get_image_features(**given)
            else:
                found = module(**given)
        if not is_pooled:
            found = found.last_hidden_state[:, 0]
        vector: Floats = getattr(found, "pooler_output", found).float().numpy().reshape(-1)
        return vector

    with model.translating("a model that gives a vector of a picture"):
        encode(_nothing())
    return encode
