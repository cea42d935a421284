"""`text`: lines of drawn covers are read where they stand, and the advisory label is known."""

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from lookalikes import saved
from PIL import Image, ImageDraw, ImageFont
from reports import fill, row
from support import equigen, make_context, realdata

import equigen as api
from equigen.commands import features
from equigen.commands.features import FeaturesAction
from equigen.errors import UsageError
from equigen.features.text import has_advisory

SIZE_PX = 600
# Covers of realdata with words that anyone can read on them, and whether they have the label.
READABLE = {
    "misc/takecare.jpg": ("take care", True),
    "misc/calvinharris.webp": ("calvin harris", False),
    "songdb/100Years.jpg": ("five for fighting", False),
    "spotify_640/7683bcf0385767362266d963876c79b6f0390020.jpeg": ("black sabbath", False),
    "title_artist/1967-1970 - The Beatles.jpg": ("1967-1970", False),
    "named_by_year/2012 - Count Bass D - Dwight Spitz.jpeg": ("dwight spitz", False),
    "named_by_year/2012 - Beach House - Bloom.jpeg": ("", False),
}


@pytest.fixture(scope="module")
def rapidocr() -> str:
    """The folder of the package that reads; it isn't there in `make test`."""
    return str(Path(pytest.importorskip("rapidocr").__file__).parent)


def drawn(*lines: tuple[str, int, tuple[int, int]], size_px: int = SIZE_PX) -> Image.Image:
    """Draw a cover with lines of text: each with its height in pixels and its place."""
    cover = Image.new("RGB", (size_px, size_px), "#203060")
    draw = ImageDraw.Draw(cover)
    for text, high_px, place in lines:
        draw.text(place, text, "white", ImageFont.load_default(high_px))
    return cover


def computed(folder: Path, *covers: bytes, processes: int = 1) -> Sequence[dict[str, Any]]:
    """Read the text of some covers, and return its columns in their order."""
    fill(
        folder,
        [row(at, album_id=f"m{at}") for at in range(len(covers))],
        pictures=dict(enumerate(covers)),
    )
    context = make_context(folder, features={"processes": processes})
    summary = features.run(context, action=FeaturesAction.COMPUTE, names=["text"])
    assert summary.rows_out == len(covers)
    found = {each.album["album_id"]: each for each in api.open(folder).examples(features=["text"])}
    return [dict(found[f"m{at}"].features["text"]) for at in range(len(covers))]


@pytest.mark.long
def test_lines_are_read_where_they_stand(tmp_path: Path, rapidocr: str) -> None:
    """Words, boxes and the share of the cover of a drawn one; none on an empty one."""
    cover = drawn(("NEW ORDER", 60, (40, 40)), ("Blue Monday", 40, (200, 480)))
    some, none = computed(tmp_path, saved(cover), saved(drawn()))
    assert (some["found"], some["transcript"]) == (2, "NEW ORDER\nBlue Monday")
    for line, text, high_px, (left, top) in zip(
        some["lines"], ("NEW ORDER", "Blue Monday"), (60, 40), ((40, 40), (200, 480)), strict=True
    ):
        box = ImageDraw.Draw(cover).textbbox((left, top), text, ImageFont.load_default(high_px))
        ends = line["left"] + line["width"], line["top"] + line["height"]
        for told, drawn_px in zip((line["left"], line["top"], *ends), box, strict=True):
            assert abs(told * SIZE_PX - drawn_px) < 16
        assert line["confidence"] > 0.9
    areas = sum(line["width"] * line["height"] for line in some["lines"])
    assert some["share"] == pytest.approx(areas, rel=0.1)
    assert some["parental_advisory"] is False
    assert none == {
        "found": 0, "lines": [], "transcript": "", "share": 0, "parental_advisory": False
    }  # fmt: skip


@pytest.mark.long
def test_the_label_is_read_at_its_usual_size(tmp_path: Path, rapidocr: str) -> None:
    """A box of an eighth of the cover, black and white, as records have it; also with a title."""
    cover = drawn(("LOUD", 90, (150, 200)))
    draw = ImageDraw.Draw(cover)
    draw.rectangle((20, 520, 110, 580), "white", "black")
    for text, high_px, top in (
        ("PARENTAL", 14, 522), ("ADVISORY", 18, 538), ("EXPLICIT CONTENT", 10, 564)
    ):  # fmt: skip
        draw.text((24, top), text, "black", ImageFont.load_default(high_px))
    (found,) = computed(tmp_path, saved(cover, quality=95))
    assert found["parental_advisory"] is True, found["transcript"]


@pytest.mark.long
def test_processes_change_no_bit(tmp_path: Path, rapidocr: str) -> None:
    """The table is the same to the byte for one process and for two."""
    covers = [
        saved(drawn(*(() if at % 8 else [(f"ALBUM {at}", 30 + at, (20, at))]), size_px=300 + at))
        for at in range(66)  # more than a part has
    ]
    computed(tmp_path, *covers)
    table = tmp_path / "features" / "text.parquet"
    before = table.read_bytes()
    table.unlink()
    computed(tmp_path, *covers, processes=2)
    assert table.read_bytes() == before


@pytest.mark.long
def test_recorded_covers_are_read(tmp_path: Path, rapidocr: str) -> None:
    """Names that anyone can read there are read, and the label is found where it is."""
    covers = [realdata("covers", name).read_bytes() for name in READABLE]
    for told, (words, has_label) in zip(
        computed(tmp_path, *covers), READABLE.values(), strict=True
    ):
        letters = told["transcript"].casefold().replace(" ", "")
        assert words.replace(" ", "") in letters
        assert told["parental_advisory"] is has_label


@pytest.mark.long
def test_a_narrow_picture_is_not_enlarged_without_end(tmp_path: Path, rapidocr: str) -> None:
    """Of one pixel's width it would be made 736 wide, and 700 times as high."""
    strips = [Image.new("RGB", size, "#203060") for size in ((1, 999), (999, 1), (1, 1))]
    assert [told["found"] for told in computed(tmp_path, *(saved(each) for each in strips))] == [
        0, 0, 0
    ]  # fmt: skip


def _torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:99_999])


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "damage"),
    [("PP-OCRv6_det_small.onnx", _torn), ("PP-OCRv6_rec_small.onnx", Path.unlink)],
)
def test_a_broken_model_is_one_error(
    tmp_path: Path, rapidocr: str, name: str, damage: Callable[[Path], object]
) -> None:
    """It names the folder and the way out; nothing is computed, and nothing downloaded."""
    shutil.copytree(rapidocr, tmp_path / "site" / "rapidocr")
    damage(tmp_path / "site" / "rapidocr" / "models" / name)
    fill(tmp_path, [row(0)], pictures={0: saved(drawn())})
    env = {"PYTHONPATH": str(tmp_path / "site"), "EQUIGEN_DATASET__DIRECTORY": str(tmp_path)}
    ran = equigen("features", "compute", "text", cwd=tmp_path, env=env)
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1), ran.stderr
    assert ran.stderr.startswith("equigen features: text: expected RapidOCR's own models in")
    assert "pip install --force-reinstall rapidocr" in ran.stderr
    assert not (tmp_path / "features" / "text.parquet").exists()


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line; the list of features is shown all the same."""
    for name in ("onnxruntime", "rapidocr"):
        monkeypatch.setitem(sys.modules, name, None)
    fill(tmp_path, [row(0)], pictures={0: saved(drawn())})
    context = make_context(tmp_path, features={"processes": 1})
    listed = features.run(context, action=FeaturesAction.LIST, names=["text"])
    assert any("equigen[text]" in note for note in listed.notes)
    with pytest.raises(UsageError, match=r"needs onnxruntime.*pip install 'equigen\[text\]'"):
        features.run(context, action=FeaturesAction.COMPUTE, names=["text"])


@pytest.mark.parametrize(
    ("lines", "has_it"),
    [
        (["PARENTAL", "ADVISORY", "EXPLICIT CONTENT"], True),
        (["ParentalAdvisory"], True),
        (["EXPLICIT LYRICS", "PARENTAL ADV1SORY"], True),
        (["Explicit Content"], False),
        (["Parental"], False),
        ([], False),
    ],
)
def test_the_label_takes_two_of_its_words(lines: list[str], has_it: bool) -> None:  # noqa: FBT001
    """One alone may be an album's title."""
    assert has_advisory(lines) is has_it
