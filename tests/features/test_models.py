"""Models that settings name: what is missing is told in a line, and what a version says of them."""

import hashlib
import os
from pathlib import Path

import polars as pl
import pytest
from featuresets import at, compute, filled
from support import equigen, from_json, make_context, posix_only

from equigen.commands import features
from equigen.commands.features import FeaturesAction
from equigen.config.layers import load
from equigen.dataset.dataset import Dataset
from equigen.dataset.feature_tables import FeatureTable
from equigen.errors import ConfigError, MissingInputError, UsageError
from equigen.features.models import named_model

SETTING = "features.embedding_model"
WAYS = "Expected a file (.onnx, or TorchScript: .pt, .pth, .ts), a folder of transformers, or an id"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", f"{SETTING}: no model is named. {WAYS}"),
        ("gone.onnx", f"{SETTING}: {{}}/gone.onnx: no such file or folder. {WAYS}"),
        ("gone.pt", f"{SETTING}: {{}}/gone.pt: no such file or folder. {WAYS}"),
        ("nothing", f"{SETTING}: e{WAYS[1:]}"),
        ("an/id/too/long", f"{SETTING}: e{WAYS[1:]}"),
        ("equigen_dataset.tsv", f"{SETTING}: e{WAYS[1:]}"),
    ],
)
def test_a_model_that_is_not_there_is_told(tmp_path: Path, name: str, error: str) -> None:
    """In one line, with what may be named; the list of features needs no model."""
    filled(tmp_path, 1)
    with pytest.raises(ConfigError) as refused:
        compute(tmp_path, "embedding", embedding_model=name)
    assert str(refused.value).startswith(error.format(tmp_path))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "features").exists()
    context = make_context(tmp_path, features={"embedding_model": name})
    features.run(context, action=FeaturesAction.LIST, names=["embedding"])


@pytest.mark.parametrize(
    ("name", "lacking", "install"),
    [
        ("model.onnx", "onnxruntime", "'equigen[embed]'"),
        ("model.pt", "torch", "torch"),
        ("someone/encoder", "huggingface_hub", "transformers torch"),
        ("folder", "transformers", "transformers torch"),
    ],
)
def test_a_package_that_is_not_installed_is_told(
    tmp_path: Path, name: str, lacking: str, install: str
) -> None:
    """In one line, with the command that installs it."""
    filled(tmp_path / "data", 1)
    site = tmp_path / "site"
    site.mkdir()
    (site / f"{lacking}.py").write_text(f"raise ImportError('none', name={lacking!r})\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config.json").write_text("{}")
    for file in ("model.onnx", "model.pt"):
        (tmp_path / file).write_bytes(b"model")
    (tmp_path / "preprocessor_config.json").write_text(
        '{"size": 32, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}'
    )
    flags = ("--embedding-model", name)
    env = {"PYTHONPATH": str(site), **at(tmp_path / "data")}
    told = equigen("features", "compute", "embedding", *flags, cwd=tmp_path, env=env)
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1, told.stderr
    assert f"needs {lacking}, which isn't installed. Install it: `pip install {install}`" in (
        told.stderr
    )


@posix_only
def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """A pipe would be waited for."""
    filled(tmp_path, 1)
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(ConfigError, match=r"pipe\.onnx: no such file or folder"):
        compute(tmp_path, "embedding", embedding_model="pipe.onnx")


def test_the_version_is_of_all_that_a_model_is_made_of(tmp_path: Path) -> None:
    """Weights beside an ONNX file, what prepares its pictures, all files of a folder."""

    def version(name: str) -> str:
        context = make_context(tmp_path, features={"embedding_model": name})
        return named_model(context.config, SETTING).version()

    def digest(*bodies: bytes) -> str:
        return f"sha256:{hashlib.sha256(b''.join(bodies)).hexdigest()}"

    (tmp_path / "model.onnx").write_bytes(b"graph")
    assert version("model.onnx") == f"model={digest(b'graph')}"
    (tmp_path / "model.onnx_data").write_bytes(b"weights")
    (tmp_path / "preprocessor_config.json").write_bytes(b"{}")
    assert version("model.onnx") == (
        f"model={digest(b'graph', b'weights')} processor={digest(b'{}')}"
    )
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "b").write_bytes(b"2")
    (folder / "sub" / "c").write_bytes(b"3")
    (folder / "a").write_bytes(b"1")
    assert version("folder") == f"model={digest(b'1', b'2', b'3')}"
    assert version("gone.onnx") == ""


def test_a_model_that_a_strangers_folder_names_needs_trust(tmp_path: Path) -> None:
    """Also one within the folder, and one of the hub; by a flag it is the user's own."""
    for setting in ("embedding_model", "caption_model", "nsfw_model"):
        for name in ("model.onnx", "someone/encoder"):
            (tmp_path / "config.toml").write_text(f'[features]\n{setting} = "{name}"\n')
            assert load(folder=tmp_path).at_risk == {tmp_path: {f"features.{setting}": name}}
    (tmp_path / "config.toml").write_text('[features]\nembedding_model = "someone/encoder"\n')
    flags = {"features": {"embedding_model": "someone/encoder"}}
    assert load(folder=tmp_path, flags=flags).at_risk == {}


def embedded(folder: Path, **vectors: list[float]) -> None:
    """Write a dataset with the embeddings of its albums, as a run leaves them."""
    filled(folder, **{name: name.encode() for name in vectors})
    table = FeatureTable(folder / "features", "embedding")
    rows = pl.DataFrame(
        {
            "sha256": [hashlib.sha256(name.encode()).hexdigest() for name in vectors],
            "version": "1",
            "reason": ["" if vector else "broken" for vector in vectors.values()],
            "vector": [vector or None for vector in vectors.values()],
        },
        {
            "sha256": pl.String, "version": pl.String, "reason": pl.String,
            "vector": pl.List(pl.Float16),
        },
    )  # fmt: skip
    table.add_part(0, rows.sort("sha256"))
    table.merge("1", rows.schema)


def test_the_nearest_covers_are_those_of_the_largest_cosine(tmp_path: Path) -> None:
    """The most alike first, whatever their length; without itself, and without what is gone."""
    vectors = {
        "one": [1.0, 0, 0], "longer": [9.0, 0.9, 0], "half": [1.0, 1, 0], "zero": [0.0, 0, 0],
        "across": [0.0, 0, 3], "against": [-2.0, 0, 0], "torn": [], "other": [1.0, 0, 0, 0],
    }  # fmt: skip
    embedded(tmp_path, **vectors)
    dataset = Dataset(make_context(tmp_path))
    frame = dataset.nearest("one")
    assert frame["album_id"].to_list()[:2] == ["longer", "half"]
    assert {*frame["album_id"][2:4]} == {"zero", "across"}
    assert frame["album_id"].to_list()[4:] == ["against"]
    assert frame["similarity"].to_list() == pytest.approx([0.995, 0.707, 0, 0, -1], abs=1e-3)
    sha256 = hashlib.sha256(b"one").hexdigest()
    assert dataset.nearest(sha256, 1)["album_id"].to_list() == ["longer"]
    with pytest.raises(MissingInputError, match="has no embedding, since broken"):
        dataset.nearest("torn")
    with pytest.raises(UsageError, match="no album with a cover has this id"):
        dataset.nearest("gone")
    del vectors["longer"]
    filled(tmp_path, **{name: name.encode() for name in vectors})
    assert dataset.nearest("one", 1)["album_id"].to_list() == ["half"]


def test_the_nearest_covers_are_shown_with_their_albums(tmp_path: Path) -> None:
    """By id or by file; --nearest goes with show alone."""
    embedded(tmp_path, one=[1.0, 0], two=[1.0, 1], three=[0.0, 1])
    flags = ("--json", "--nearest", "1")
    for asked in ("one", tmp_path / "cover.jpg"):
        (tmp_path / "cover.jpg").write_bytes(b"one")
        shown = equigen("features", "show", asked, *flags, cwd=tmp_path, env=at(tmp_path))
        assert shown.returncode == 0, shown.stderr
        (nearest,) = from_json(shown.stdout)["nearest"]
        assert nearest["similarity"] == pytest.approx(0.707, abs=1e-3)
        assert {"album_id": "two", "artist": "Artist 1", "label": "Jazz"}.items() <= nearest.items()
    refused = equigen("features", "list", "--nearest", "1", cwd=tmp_path, env=at(tmp_path))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--nearest: expected show with it, got list." in refused.stderr
