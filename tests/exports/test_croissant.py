"""`equigen export croissant`: a description that Croissant's own library takes and reads by."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from exported import albums, digest, filled, run_export
from PIL import Image
from reports import jpeg
from support import make_context

from equigen.errors import InputError, MissingInputError, UsageError
from equigen.ledger.ledger import LAST_FETCH, Ledger


def described(data: Path, out: Path, files: Path | None = None) -> dict[str, Any]:
    """Describe a dataset, and return the description."""
    run_export(data, out, "croissant", files=files)
    told: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return told


def test_without_files_the_dataset_is_live(tmp_path: Path) -> None:
    """It has classes and sets, and what is known of its making, and is the same each time."""
    data, out = filled(tmp_path / "data", albums(24)), tmp_path / "out.json"
    told = described(data, out)
    assert told["isLiveDataset"]
    assert told["distribution"] == []
    assert "http://mlcommons.org/croissant/1.1" in told["conformsTo"]
    sets, labels = told["recordSet"]
    assert [each["sets/name"] for each in sets["data"]] == ["train", "val", "test"]
    assert [each["labels/name"] for each in labels["data"]] == ["Jazz", "Pop", "Rock"]
    assert told["rai:dataBiases"][0] == "Albums by class: Jazz 33.3%, Pop 33.3%, Rock 33.3%."
    assert told["rai:dataCollectionRawData"] == "musicbrainz: 24 albums"
    first = out.read_bytes()
    described(data, out)
    assert out.read_bytes() == first


def fetch(data: Path) -> None:
    """Note a moment of the last fetch."""
    with Ledger(make_context(data).ledger) as ledger:
        ledger.remember(LAST_FETCH, "2026-03-05T12:00:00+00:00")


def test_the_date_is_that_of_the_albums(tmp_path: Path) -> None:
    """No moment of the export is in it."""
    data = filled(tmp_path / "data", albums(4))
    fetch(data)
    told = described(data, tmp_path / "out.json")
    assert (told["datePublished"], told["version"]) == ("2026-03-05", "2026.3.5")


def test_what_may_not_be_passed_on_is_told(tmp_path: Path) -> None:
    """As on the card."""
    rows = [*albums(4), *albums(2, 4, album_id="discogs:m5", image_url="https://i.discogs.com/x")]
    told = described(filled(tmp_path / "data", rows), tmp_path / "out.json")
    assert "Restricted Data" in told["rai:dataCollectionMissingData"]


@pytest.mark.parametrize("name", ["imagefolder", "parquet", "webdataset"])
def test_files_are_listed_with_their_digests(tmp_path: Path, name: str) -> None:
    """Each leads from the description to a file with these bytes."""
    data, out = filled(tmp_path / "data", albums(24)), tmp_path / "covers.json"
    run_export(data, tmp_path / "some" / "export", name)
    told = described(data, out, files=tmp_path / "some" / "export")
    files = [each for each in told["distribution"] if each["@type"] == "cr:FileObject"]
    assert len(files) == 3
    for file in files:
        body = (tmp_path / file["contentUrl"]).read_bytes()
        assert (digest(body), f"{len(body)} B") == (file["sha256"], file["contentSize"])
    assert "isLiveDataset" not in told


@pytest.mark.parametrize("name", ["imagefolder", "parquet", "webdataset"])
def test_an_export_is_described_as_it_was_made(tmp_path: Path, name: str) -> None:
    """Its classes, sets and counts are its own, whatever has become of the dataset since."""
    data, files = filled(tmp_path / "data", albums(24)), tmp_path / "covers"
    fetch(data)
    run_export(data, files, name)
    before = described(data, tmp_path / "out.json", files)
    made = [each for each in albums(24) if each["genre"] != "Jazz"]
    filled(data, [{**each, "year": "1999"} for each in made], sets=("train",))
    with Ledger(make_context(data).ledger) as ledger:
        ledger.remember(LAST_FETCH, "2026-04-01T12:00:00+00:00")
    assert described(data, tmp_path / "out.json", files) == before
    sets, labels, *_ = before["recordSet"]
    assert [each["sets/name"] for each in sets["data"]] == ["train", "val", "test"]
    assert [each["labels/name"] for each in labels["data"]] == ["Jazz", "Pop", "Rock"]
    assert before["description"].startswith("24 album covers with labels of 3 classes")
    assert described(data, tmp_path / "live.json")["description"].startswith("16 album covers")


@pytest.mark.parametrize("has_files", [False, True])
def test_covers_for_private_use_are_told(tmp_path: Path, *, has_files: bool) -> None:
    """A private export is one however it is described; the others say nothing of it."""
    rows = [*albums(4), *albums(2, 4, album_id="discogs:m5")]
    for row in rows[4:]:
        row["image_url"] = f"https://i.discogs.com/{row['album']}"
    data, files, out = filled(tmp_path / "data", rows), tmp_path / "covers", tmp_path / "out.json"
    run_export(data, files, "parquet")
    assert "private use" not in json.dumps(described(data, out, files if has_files else None))
    run_export(data, files, "parquet", private_use=True)
    run_export(
        data, out, "croissant", files=files if has_files else None, private_use=not has_files
    )
    told = json.loads(out.read_text(encoding="utf-8"))
    for text in (told["license"][0], told["rai:dataLimitations"][0]):
        assert text.startswith("For private use alone: 2 covers of discogs are in this copy")
        assert "must not be passed on" in text
        assert "Restricted Data" in text


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": []},
        {"labels": 5},
        {"labels": [{}]},
        {"sources": ["a"]},
        {"albums": 0},
        {"classes": {"a": 10**400}},
        {"rows": "x"},
    ],
)
def test_what_an_export_notes_is_checked(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """Another's export.json is another's data: an error in one line."""
    data, files = filled(tmp_path / "data", albums(4)), tmp_path / "covers"
    run_export(data, files, "parquet")
    noted = json.loads((files / "export.json").read_text(encoding="utf-8"))
    (files / "export.json").write_text(json.dumps({**noted, **wrong}), encoding="utf-8")
    with pytest.raises(InputError, match=rf"export\.json: {next(iter(wrong))}.*export anew"):
        described(data, tmp_path / "out.json", files)
    assert not (tmp_path / "out.json").exists()


def test_a_wrong_folder_of_files(tmp_path: Path) -> None:
    """One that is no export, or lies where readers of the description don't look."""
    data = filled(tmp_path / "data", albums(4))
    with pytest.raises(MissingInputError, match=r"export\.json"):
        described(data, tmp_path / "out.json", files=data)
    run_export(data, tmp_path / "covers", "parquet")
    (tmp_path / "other").mkdir()
    with pytest.raises(UsageError, match="beside"):
        described(data, tmp_path / "other" / "out.json", files=tmp_path / "covers")
    assert not list((tmp_path / "other").iterdir())


@pytest.mark.long
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", ["", "imagefolder", "parquet", "webdataset"])
def test_its_own_library_takes_it_and_reads_the_records(tmp_path: Path, name: str) -> None:
    """Without a warning; titles, labels and pictures are those of the dataset."""
    mlcroissant = pytest.importorskip("mlcroissant")
    titles = ("NA", "007", "1999-01-02", "../../etc", "\u202eevil", "a.b.jpg", "", "x" * 900)
    rows = [{**each, "album": titles[at % 8]} for at, each in enumerate(albums(24))]
    data, out = filled(tmp_path / "data", rows), tmp_path / "covers.json"
    fetch(data)
    files = tmp_path / "covers" if name else None
    if files:
        run_export(data, files, name)
    described(data, out, files)
    dataset = mlcroissant.Dataset(jsonld=str(out))
    issues = dataset.metadata.ctx.issues
    assert (set(issues.warnings), set(issues.errors)) == (set(), set())
    labels = {each["labels/label"]: each["labels/name"] for each in dataset.records("labels")}
    assert labels == {0: "Jazz", 1: "Pop", 2: "Rock"}
    if name in {"imagefolder", "parquet"}:
        found = list(dataset.records("albums"))
        assert len(found) == 24
        for each in found:
            number = int(each["albums/album_id"].decode().partition(":")[2])
            assert each["albums/album"].decode() == titles[number % 8]
            assert labels[each["albums/label"]] == each["albums/label_name"].decode()
            assert pixels(each["albums/image"]) == pixels(Image.open(io.BytesIO(jpeg(number))))
    if name == "webdataset":
        found = [pixels(each["covers/image"]) for each in dataset.records("covers")]
        assert sorted(found) == sorted(
            pixels(Image.open(io.BytesIO(jpeg(number)))) for number in range(24)
        )


def pixels(image: Image.Image) -> str:
    """Return a digest of a picture's pixels."""
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()
