"""Exports read back by the libraries that they are for: same labels, sets, bytes and types."""

import hashlib
from pathlib import Path
from types import ModuleType

import pytest
from exported import albums, filled, run_export
from support import make_context

from equigen.commands import features as command
from equigen.commands.features import FeaturesAction

pytestmark = [
    pytest.mark.long,
    # The libraries' own, which no caller can mend.
    pytest.mark.filterwarnings("default"),
]
SPLITS = {"train": "train", "val": "validation", "test": "test"}


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Hugging Face's library, which asks no network and keeps its cache here."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    library: ModuleType = pytest.importorskip("datasets")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    library.disable_progress_bars()
    return library


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("by_name", [False, True])
def test_datasets_reads_image_folders(
    tmp_path: Path, datasets: ModuleType, *, streaming: bool, by_name: bool
) -> None:
    """Classes, years that are missing, texts like NA, lists and features keep their types."""
    rows = albums(24)
    rows[0] |= {"artist": "NA 0", "year": "", "album": "007"}
    rows[1] |= {"genre": "train", "album": "1999-01-02"}
    data, out = filled(tmp_path / "data", rows), tmp_path / "test-out"
    context, names = make_context(data, features={"processes": 1}), ["colour", "histogram"]
    command.run(context, action=FeaturesAction.COMPUTE, names=names)
    run_export(data, out, features="colour,histogram")
    where = ("imagefolder",) if by_name else (str(out),)
    more = {"data_dir": str(out)} if by_name else {}
    sets = datasets.load_dataset(*where, streaming=streaming, **more)
    assert {*sets} == {*SPLITS.values()}
    there = {f"musicbrainz:{at}": each for at, each in enumerate(rows)}
    for name, split in SPLITS.items():
        read = sets[split].cast_column("image", datasets.Image(decode=False))
        features = read.features
        assert features["label"].names == ["Jazz", "Pop", "Rock", "train"]
        assert features["year"] == datasets.Value("int16")
        assert features["genres"] == datasets.List(datasets.Value("string"))
        assert features["colour"]["palette"].feature["share"] == datasets.Value("float32")
        for each in read:
            row = there.pop(each["album_id"])
            assert each["set"] == name
            assert features["label"].int2str(each["label"]) == row["genre"]
            assert each["year"] == (int(row["year"]) if row["year"] else None)
            assert (each["artist"], each["album"]) == (row["artist"], row["album"])
            assert each["genres"] == ["Jazz", "Rock"]
            assert len(each["histogram"]["rgb"]) == 512
            body = each["image"]["bytes"] or Path(each["image"]["path"]).read_bytes()
            assert hashlib.sha256(body).hexdigest() == each["sha256"]
    assert not there
