"""Embeddings by models that the tests make: the same bytes for all, or refused in a line.

Those that run an ONNX model take onnxruntime, which the extra `embed` installs.
"""

import hashlib
import json
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from featuresets import compute, filled, tables_of
from forks import Forks
from kills import Case, check_ledger, copy_over, kill_often
from lookalikes import saved
from PIL import Image
from support import make_context, read_rows
from tiny_onnx import encoder, node, onnx_model

from equigen.commands import features, select
from equigen.commands.features import FeaturesAction
from equigen.dataset.dataset import Dataset
from equigen.dataset.feature_tables import FeatureTable
from equigen.errors import ConfigError

PLAIN: Mapping[str, Any] = {"embedding_mean": [0, 0, 0], "embedding_std": [1, 1, 1]}
COLOURS = {"red": "#c80000", "scarlet": "#d81010", "green": "#00c800", "lime": "#20d820"}


def square(colour: str) -> bytes:
    """Return a cover of one colour."""
    return saved(Image.new("RGB", (99, 99), colour), "PNG")


def plain(model: Path) -> dict[str, Any]:
    """Return the settings of a model that takes levels of 0 to 1."""
    return {"embedding_model": str(model), **PLAIN}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model whose numbers are sums of the mean red, green and blue."""
    pytest.importorskip("onnxruntime")
    file = tmp_path / "model.onnx"
    file.write_bytes(encoder())
    return file


def table_of(folder: Path) -> pl.DataFrame:
    """Return the table of embeddings."""
    return FeatureTable(folder / "features", "embedding").read()


@pytest.mark.long
def test_the_numbers_are_the_models_own(tmp_path: Path, model: Path) -> None:
    """In half precision, of the length that the model gives them; read by others, too."""
    filled(tmp_path, red=square("#c80000"))
    compute(tmp_path, "embedding", **plain(model))
    weights = np.linspace(-1, 1, 15, dtype=np.float32).reshape(3, 5)
    table = table_of(tmp_path)
    assert table.schema["vector"] == pl.List(pl.Float16)
    assert table["vector"][0].to_numpy() == pytest.approx(weights[0] * 200 / 255, abs=1e-3)
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert table["version"][0] == (
        "1 features.embedding_size=0 features.embedding_mean=[0.0, 0.0, 0.0]"
        f" features.embedding_std=[1.0, 1.0, 1.0] model=sha256:{digest}"
    )
    file = tmp_path / "features" / "embedding.parquet"
    with duckdb.connect() as db:
        kind = db.execute(f"SELECT typeof(vector), len(vector) FROM '{file}'").fetchall()  # noqa: S608
    assert kind == [("FLOAT[]", 5)]
    assert len(Dataset(make_context(tmp_path)).features("embedding")["vector"][0]) == 5
    select.run(make_context(tmp_path), where="embedding.vector[5] > 0.1", in_place=True)
    assert len(read_rows(tmp_path / "equigen_dataset.tsv")) == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((1, 3, 32, 32), "float"), (("n", 32, 32, 3), "float"),
        (("n", "channels", "high", "wide"), "float"), (("n", 3, 32, 32), "float16"),
    ],
)  # fmt: skip
def test_models_may_take_pictures_in_any_order(
    tmp_path: Path, model: Path, shape: tuple[int | str, ...], kind: str
) -> None:
    """Channels first or last, of any size, in single or half precision: the numbers are alike."""
    filled(tmp_path, 1, 2)
    compute(tmp_path, "embedding", **plain(model))
    expected = table_of(tmp_path)["vector"].to_list()
    model.write_bytes(encoder(shape, kind=kind))
    settings = {**plain(model), "embedding_size": 32 if "high" in shape else 0}
    assert compute(tmp_path, "embedding", **settings).facts["computed"] == {"embedding": 2}
    for one, other in zip(table_of(tmp_path)["vector"].to_list(), expected, strict=True):
        assert one == pytest.approx(other, abs=3e-3)


@pytest.mark.long
def test_what_lies_beside_a_model_says_how_pictures_are_prepared(
    tmp_path: Path, model: Path
) -> None:
    """Mean, spread and cut of its image processor; another one makes another version."""
    filled(
        tmp_path, wide=saved(Image.linear_gradient("L").convert("RGB").resize((200, 100)), "PNG")
    )
    processor = {
        "size": {"shortest_edge": 64}, "crop_size": {"height": 32, "width": 32},
        "do_center_crop": True, "image_mean": [0.5] * 3, "image_std": [0.25] * 3, "resample": 2,
    }  # fmt: skip
    beside = tmp_path / "preprocessor_config.json"
    beside.write_text(json.dumps(processor))
    compute(tmp_path, "embedding", embedding_model=str(model))
    first = table_of(tmp_path)
    assert (
        f"processor=sha256:{hashlib.sha256(beside.read_bytes()).hexdigest()}" in first["version"][0]
    )
    # The gradient's middle is 0.5, the last row of weights adds up with the others to its mean.
    weights = np.linspace(-1, 1, 15, dtype=np.float32).reshape(3, 5).sum(axis=0)
    assert first["vector"][0].to_numpy() == pytest.approx(weights * 0, abs=0.02)
    beside.write_text(json.dumps({**processor, "image_mean": [0.25] * 3}))
    assert compute(tmp_path, "embedding", embedding_model=str(model)).facts["computed"] == {
        "embedding": 1
    }
    assert table_of(tmp_path)["vector"][0].to_numpy() == pytest.approx(weights, abs=0.02)
    beside.write_text(json.dumps({**processor, "crop_size": {"height": 64, "width": 64}}))
    with pytest.raises(ConfigError, match=r"expected an input of 64 x 64 pixels.*got one of 32 x"):
        compute(tmp_path, "embedding", embedding_model=str(model))
    beside.write_text('{"image_mean": [1, "x"]}')
    with pytest.raises(ConfigError, match=r"expected preprocessor_config\.json of an image proc"):
        compute(tmp_path, "embedding", embedding_model=str(model))


def two_inputs() -> bytes:
    """Return a model of pictures and texts."""
    return onnx_model(
        [node("Add", ["pixels", "text"], "sum")],
        [("pixels", ("n", 3, 32, 32), "float"), ("text", ("n", 3, 32, 32), "float")],
        [("sum", ("n", 3, 32, 32))],
    )


def no_vector() -> bytes:
    """Return a model whose output is a picture."""
    given = ("pixels", ("n", 3, 32, 32), "float")
    return onnx_model([node("Relu", ["pixels"], "relu")], [given], [("relu", ("n", 3, 32, 32))])


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"no model", "expected an ONNX model, got: "),
        (b"", "expected an ONNX model, got: "),
        (encoder()[:200], "expected an ONNX model, got: "),
        (
            encoder(("n", 4, 32, 32)),
            r"expected one input, .* got pixels \[n, 4, 32, 32\] of tensor\(float\)",
        ),
        (encoder((8, 3, 32, 32)), r"got pixels \[8, 3, 32, 32\] of"),
        (two_inputs(), r"got pixels \[n, 3, 32, 32\] .*; text \[n, 3, 32, 32\]"),
        (no_vector(), r"expected an output \[1, numbers\] of floats, got relu \[1, 3, 32, 32\]"),
        (encoder(("n", 3, "high", "wide")), "Set features.embedding_size"),
    ],
)
@pytest.mark.parametrize("processes", [1, 2])
def test_a_model_that_is_broken_or_of_another_shape_is_refused(
    tmp_path: Path, model: Path, body: bytes, error: str, processes: int
) -> None:
    """In one line, before any cover is computed."""
    filled(tmp_path, *range(70 * (processes - 1) or 1))
    model.write_bytes(body)
    with pytest.raises(ConfigError, match=error) as refused:
        compute(tmp_path, "embedding", **{**plain(model), "processes": processes})
    assert str(refused.value).startswith(f"features.embedding_model: {model}: ")
    assert "\n" not in str(refused.value)
    assert not list((tmp_path / "features").rglob("*.parquet"))


@pytest.mark.long
def test_how_a_model_wants_its_colours_is_never_guessed(tmp_path: Path, model: Path) -> None:
    """The message names both ways to say it."""
    filled(tmp_path, 1)
    with pytest.raises(ConfigError, match=r"features\.embedding_std, or put its preprocessor_conf"):
        compute(tmp_path, "embedding", embedding_model=str(model))


@pytest.mark.long
def test_numbers_that_are_too_large_are_a_reason(tmp_path: Path, model: Path) -> None:
    """No infinity is stored."""
    filled(tmp_path, black=square("#000"), white=square("#fff"))
    large = {**plain(model), "embedding_std": [1e-6] * 3}
    summary = compute(tmp_path, "embedding", **large)
    assert summary.dropped == {"its embedding isn't finite in half precision": 1}


@pytest.mark.long
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_change_no_bit(tmp_path: Path, model: Path, processes: int) -> None:
    """The table is the same to the byte, whoever computes which part."""
    filled(tmp_path, *range(150))
    compute(tmp_path, "embedding", **plain(model))
    expected = tables_of(tmp_path)
    shutil.rmtree(tmp_path / "features")
    compute(tmp_path, "embedding", **{**plain(model), "processes": processes})
    assert tables_of(tmp_path) == expected


@pytest.mark.long
def test_embeddings_killed_at_any_moment(tmp_path: Path, model: Path, forks: Forks) -> None:
    """Each table is the whole one or the first parts; the next run makes the same bytes."""
    kept, folder = tmp_path / "kept", tmp_path / "data"
    filled(kept, *range(150))
    compute(kept, "embedding", **plain(model))
    expected = tables_of(kept)
    shutil.rmtree(kept / "features")

    def check() -> None:
        check_ledger(folder)
        for file in (folder / "features").glob("*.parquet"):
            rows = len(pl.read_parquet(file))
            assert file.read_bytes() == expected[file.name] or rows in {22, 64, 86, 128}

    def compare() -> None:
        assert tables_of(folder) == expected

    args = (
        "features", "compute", "embedding", "--processes", "2", "--embedding-model", str(model),
    )  # fmt: skip
    env = {f"EQUIGEN_FEATURES__{name.upper()}": json.dumps(value) for name, value in PLAIN.items()}
    case = Case(folder, args, lambda: copy_over(kept, folder), check, compare, settings=env)
    kill_often(forks, case, kills=10, seed=19, number=signal.SIGKILL)


@pytest.mark.long
def test_the_nearest_covers_are_shown(tmp_path: Path, model: Path) -> None:
    """By cosine, the most alike first, without itself; a cover that is gone isn't among them."""
    bodies = {name: square(colour) for name, colour in COLOURS.items()}
    filled(tmp_path, **bodies)
    compute(tmp_path, "embedding", **plain(model))
    context = make_context(tmp_path)
    frame = Dataset(context).nearest("red", 2)
    assert frame["album_id"].to_list() == ["scarlet", "lime"] or frame["album_id"][0] == "scarlet"
    assert frame["similarity"].is_monotonic_decreasing
    assert frame["label"].to_list() == ["Jazz", "Jazz"]
    shown = features.run(context, action=FeaturesAction.SHOW, names=["green"], nearest=12)
    assert shown.rows_out == 3
    assert shown.table
    assert str(shown.table.rows[0][0]) > "0.99"
    del bodies["scarlet"]
    filled(tmp_path, **bodies)
    assert "scarlet" not in Dataset(context).nearest("red")["album_id"].to_list()
