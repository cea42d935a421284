"""The text on a cover: lines with their places, the share that they cover, the advisory label.

The text is that of RapidOCR, with the models that come in its package (PP-OCRv6, small; for Latin
letters, Chinese and Japanese). Nothing is downloaded.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from equigen.config.layers import Config
from equigen.errors import ConfigError, shortened
from equigen.features.base import Column, Compute, Picture

VERSION: Final = 1
NEEDS: Final = ("text",)
LICENCE: Final = "Apache-2.0"
# Below twice that, pictures are left as they are: small print needs all that there is.
SCALE_PX: Final = 512
COST_MS: Final = 330.0
COLUMNS: Final[Mapping[str, Column]] = {
    "found": Column("INTEGER", "lines that were read"),
    "lines": Column(
        [
            {
                "text": "VARCHAR", "confidence": "FLOAT", "left": "FLOAT", "top": "FLOAT",
                "width": "FLOAT", "height": "FLOAT",
            }
        ],
        "top to bottom; box: shares of the cover",
    ),
    "transcript": Column("VARCHAR", "the lines' texts, one a line"),
    "share": Column("FLOAT", "part of the cover under lines, 0 to 1"),
    "parental_advisory": Column("BOOLEAN", "the label, in English, was read"),
}  # fmt: skip
_FILES: Final = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
}
# The words of the labels since 1985; two of them, of which one is the first or the second.
_ADVISORY: Final = ("parental", "advisory", "explicit", "content", "lyrics")
_LEAST_WORDS: Final = 2
# Of narrower pictures, white is added to the shorter side.
_LONGEST_SIDES: Final = 4
_MOST_CHARS: Final = 200


def version_of(config: Config) -> str:
    """Return the version of RapidOCR, whose models are its own."""
    del config
    try:
        return f"rapidocr={version('rapidocr')}"
    except PackageNotFoundError:
        return ""


def open_feature(config: Config) -> Compute:
    """Return the function that reads covers.

    Raises:
        ImportError: RapidOCR or onnxruntime isn't installed.
        ConfigError: RapidOCR's models are broken.

    """
    del config
    import cv2  # noqa: PLC0415  (heavy)

    engine = _engine()
    cv2.setNumThreads(1)
    return lambda batch: [_read(engine, picture) for picture in batch]


def _engine() -> Any:  # noqa: ANN401  (it has no type hints)
    import onnxruntime  # noqa: F401, PLC0415  (RapidOCR works without, but not here)
    import rapidocr  # noqa: PLC0415  (an extra)

    folder = Path(rapidocr.__file__).parent / "models"
    settings = {
        "Global.log_level": "critical",
        **{f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")},
        # Files that are named are never replaced from elsewhere.
        **{f"{task}.model_path": str(folder / name) for task, name in _FILES.items()},
    }
    blank: Any = np.full((64, 64, 3), 255, np.uint8)
    try:
        engine: Any = rapidocr.RapidOCR(params=settings)
        engine(blank)  # models are loaded when they are first needed
        engine(blank, use_det=False)
    except Exception as err:  # those of its packages have no common root
        what = shortened(" ".join(str(err).split()) or type(err).__name__, _MOST_CHARS)
        msg = (
            f"text: expected RapidOCR's own models in {folder}, got: {what}. Install it anew:"
            " `pip install --force-reinstall rapidocr`."
        )
        raise ConfigError(msg) from err
    return engine


def _read(engine: Any, picture: Picture) -> Mapping[str, object]:  # noqa: ANN401  (as above)
    import cv2  # noqa: PLC0415  (heavy)

    high, wide = picture.pixels.shape[:2]
    # A narrow one would be enlarged until its shorter side is wide enough.
    least_px = -(-max(high, wide) // _LONGEST_SIDES)
    padding = [(0, max(0, least_px - high)), (0, max(0, least_px - wide)), (0, 0)]
    pixels = np.pad(picture.pixels[:, :, ::-1], padding, constant_values=255)
    found = engine(np.ascontiguousarray(pixels), use_det=True)
    quadrilaterals = [] if found.boxes is None else list(np.asarray(found.boxes, np.float64))
    covered = np.zeros((high, wide), np.uint8)
    lines = []
    for corners, text, score in zip(
        quadrilaterals, found.txts or (), found.scores or (), strict=True
    ):
        cv2.fillPoly(covered, [np.rint(corners).astype(np.int32)], 1)
        lines.append({"text": text, "confidence": float(score), **_box(corners, wide, high)})
    texts = [str(line["text"]) for line in lines]
    return {
        "found": len(lines),
        "lines": lines,
        "transcript": "\n".join(texts),
        "share": float(covered.mean(dtype=np.float64)),
        "parental_advisory": has_advisory(texts),
    }


def _box(corners: npt.NDArray[np.float64], wide: int, high: int) -> Mapping[str, float]:
    """Return the upright box around a line, in shares of the cover."""
    shares = (corners / (wide, high)).clip(0, 1)
    (left, top), (right, bottom) = shares.min(axis=0).tolist(), shares.max(axis=0).tolist()
    return {"left": left, "top": top, "width": right - left, "height": bottom - top}


def has_advisory(texts: Sequence[str]) -> bool:
    """Tell whether lines have words of the label "Parental Advisory: Explicit Content"."""
    letters = "".join(filter(str.isalpha, "".join(texts).casefold()))
    there = [word in letters for word in _ADVISORY]
    return any(there[:2]) and sum(there) >= _LEAST_WORDS
