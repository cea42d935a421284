"""Shards read back by the programs that they are made for: same labels, sets and bytes."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import polars as pl
import pytest
from exported import albums, filled, run_export, snippets
from support import make_context

import equigen
from equigen.commands import features as command
from equigen.commands.features import FeaturesAction

pytestmark = [
    pytest.mark.long,
    # These libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
TITLES = ("a.b.jpg", "train", "NA", "007", "1999-01-02", "x" * 900, "../../etc", "\u202eevil", "")
SPLITS = {"train": "train", "validation": "val", "test": "test"}
# What a reader says of an album: set, label, title, year and the digest of the picture's bytes.
Told = tuple[str, str, str, int, str]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A dataset whose titles, years and lists are hard to read right."""
    made = [
        {**each, "album": TITLES[at % len(TITLES)], **({"year": ""} if at % 3 else {"genres": ""})}
        for at, each in enumerate(albums(48))
    ]
    filled(tmp_path / "data", made)
    context = make_context(tmp_path / "data", features={"processes": 1})
    command.run(context, action=FeaturesAction.COMPUTE, names=["colour"])
    return tmp_path / "data"


def expected(data: Path) -> dict[str, Told]:
    """Return what a reader must say of each album."""
    with equigen.open(data) as dataset:
        return {
            each.album["album_id"]: (
                each.set, each.label, each.album["album"],
                int(each.album["year"] or 0), each.sha256,
            )
            for each in dataset.examples()
        }  # fmt: skip


def told(row: Mapping[str, Any], name: str, label: str, body: bytes) -> tuple[str, Told]:
    """Return an album's id, and what a reader says of it."""
    assert (row["set"], row["label_name"]) == (name, label)
    year = 0 if pd.isna(row["year"]) else int(row["year"])
    digest = hashlib.sha256(body).hexdigest()
    assert row["sha256"] == digest
    return row["album_id"], (name, label, row["album"], year, digest)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The library datasets, with a cache of its own and no network."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    datasets: ModuleType = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    return datasets


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(("name", "picture"), [("parquet", "image"), ("webdataset", "jpg")])
def test_by_datasets(
    tmp_path: Path, data: Path, offline: ModuleType, name: str, picture: str, *, streaming: bool
) -> None:
    """As a folder, from the local disk as a whole or as a stream."""
    run_export(data, tmp_path / "out", name, features="colour")
    found = {}
    loaded = offline.load_dataset(
        str(tmp_path / "out"), streaming=streaming, cache_dir=str(tmp_path / "cache")
    )
    assert {*loaded} == {*SPLITS}
    for split, rows in loaded.items():
        is_tar = name == "webdataset"
        label = rows.features["cls" if is_tar else "label"]
        raw = rows.cast_column(picture, offline.Image(decode=False))
        for row in raw:
            fields = row["json"] if is_tar else row
            body = row[picture]["bytes"] or Path(row[picture]["path"]).read_bytes()
            assert fields["colour"]["palette"][0]["share"] > 0
            number = row["cls"] if is_tar else row["label"]
            key, said = told(fields, SPLITS[split], label.int2str(number), body)
            found[key] = said
        assert next(iter(rows))[picture].size == (40, 30)
    assert found == expected(data)


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("imagefolder", "datasets"), ("imagefolder", "torchvision"), ("parquet", "datasets"),
        ("webdataset", "webdataset"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("offline")
def test_snippets_of_cards_run_as_written(
    tmp_path: Path, data: Path, name: str, library: str
) -> None:
    """But for the path of the folder; the first set is read to its end."""
    pytest.importorskip(library)
    run_export(data, tmp_path / "out", name)
    begins = (f"from {library}", f"import {library}")
    (snippet,) = (each for each in snippets(tmp_path / "out") if each.startswith(begins))
    found: dict[str, Any] = {}
    exec(compile(snippet, name, "exec"), found)  # noqa: S102  (what users would run)
    read = found.get("pictures") or found.get("dataset") or found["sets"]["train"]
    rows = read["train"] if isinstance(read, Mapping) else read
    assert len(list(rows)) == 24


def test_a_missing_shard_is_refused_by_datasets(
    tmp_path: Path, data: Path, offline: ModuleType
) -> None:
    """The card says how many rows a set has."""
    out = tmp_path / "out"
    run_export(data, out, "parquet")
    shard = out / "data" / "train-00000.parquet"
    pl.read_parquet(shard)[:5].write_parquet(shard)
    with pytest.raises(offline.exceptions.NonMatchingSplitsSizesError, match="num_examples=24"):
        offline.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))


def test_by_pandas(tmp_path: Path, data: Path) -> None:
    """Parquet is a table as any other."""
    run_export(data, tmp_path / "out", "parquet")
    found = {}
    for file in sorted((tmp_path / "out" / "data").iterdir()):
        for row in pl.from_pandas(pd.read_parquet(file)).iter_rows(named=True):
            body = row["image"]["bytes"]
            key, said = told(row, file.name.partition("-")[0], row["label_name"], body)
            found[key] = said
    assert found == expected(data)


def test_by_webdataset(tmp_path: Path, data: Path) -> None:
    """Pictures are decoded and labels are numbers; raw, the bytes are the cover's."""
    webdataset = pytest.importorskip("webdataset")
    run_export(data, tmp_path / "out", "webdataset")
    found = {}
    for name in SPLITS.values():
        urls = [str(file) for file in sorted((tmp_path / "out").glob(f"{name}-*.tar"))]
        opened = webdataset.WebDataset(urls, shardshuffle=False, empty_check=False)
        for sample, raw in zip(opened.decode("pil"), opened, strict=True):
            row = sample["json"]
            assert sample["cls"] == row["label"]
            assert sample["jpg"].size == (40, 30)
            assert sample["txt"] == f"{row['artist']} - {row['album']}"
            key, said = told(row, name, row["label_name"], raw["jpg"])
            found[key] = said
    assert found == expected(data)
