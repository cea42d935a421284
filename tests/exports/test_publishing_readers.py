"""What was published, read from the Hub by `datasets`: as the export itself is read."""

import subprocess
import sys
from pathlib import Path

import pytest
from publishing import NAME, hub_env, made_export, publish
from support import program_env

from equigen.sandbox.hub import HubSandbox

pytestmark = pytest.mark.long
pytest.importorskip("huggingface_hub")
pytest.importorskip("datasets")
READ = """
import hashlib, io, sys
import PIL.Image
from datasets import Image, load_dataset

name, out, column = sys.argv[1:]
local, there = load_dataset(out), load_dataset(name)
streamed = load_dataset(name, streaming=True)
assert there.keys() == local.keys() == streamed.keys() == {"train", "validation", "test"}


def rows_of(rows):
    found = []
    for row in rows.cast_column(column, Image(decode=False)):
        image = row.pop(column)
        if isinstance(image, dict):
            body = image["bytes"] or open(image["path"], "rb").read()
            sha256 = row["json"]["sha256"] if "json" in row else row["sha256"]
            assert hashlib.sha256(body).hexdigest() == sha256
            image = PIL.Image.open(io.BytesIO(body))
        row.pop("__url__", None)  # image folders that are streamed from a hub come decoded
        found.append(({**row, "label": label_of(rows, row)}, image.tobytes()))
    return found


def label_of(rows, row):
    key = "label" if "label" in rows.features else "cls"
    return rows.features[key].int2str(row[key])


for split in local:
    assert there[split].features == local[split].features, split
    assert streamed[split].features == local[split].features, split
    assert rows_of(there[split]) == rows_of(local[split]) == rows_of(streamed[split])
    print(split, len(local[split]), sorted({row["label"] for row, _ in rows_of(local[split])}))
"""


@pytest.mark.parametrize(
    ("name", "column"), [("parquet", "image"), ("imagefolder", "image"), ("webdataset", "jpg")]
)
def test_datasets_reads_what_was_published(tmp_path: Path, name: str, column: str) -> None:
    """The same sets, features, labels and bytes, streamed as well, of a private dataset, too."""
    out = made_export(tmp_path / "data", 24, name=name)
    with HubSandbox() as hub:
        private = ["--private"] if name == "parquet" else []
        done = publish(hub, tmp_path / "data", "hub", NAME, "--export", out, *private)
        assert done.returncode == 0, done.stderr
        read = subprocess.run(
            [sys.executable, "-c", READ, NAME, str(out), column],
            env=program_env(**hub_env(hub, tmp_path, HF_DATASETS_DISABLE_PROGRESS_BARS="1")),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert read.returncode == 0, read.stderr
        assert read.stdout.splitlines() == [
            "train 12 ['Jazz', 'Pop', 'Rock']",
            "validation 6 ['Jazz', 'Pop', 'Rock']",
            "test 6 ['Jazz', 'Pop', 'Rock']",
        ]
