"""Charts: read back from what was drawn."""

import re
import warnings
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from support import make_context

from equigen.errors import StorageError, UsageError
from equigen.report.charts import Colour, check_chart, contrast, draw_bars, draw_heat_map
from equigen.report.tables import Crosstab

TABLE = Crosstab(("Rock", "Jazz"), ("1960s", "1970s"), ((12_345, 0), (1, 6_000)))
SVG = "{http://www.w3.org/2000/svg}"


def texts(file: Path) -> list[str]:
    """Return all that is written in an SVG."""
    found = ET.parse(file).iter(f"{SVG}text")  # noqa: S314  (we drew it)
    return ["".join(each.itertext()) for each in found]


def colour(style: str) -> Colour:
    """Return what an SVG's element is filled with; black where it says nothing."""
    found = re.search(r"fill: #([0-9a-f]{6})", style)
    code = found[1] if found else "000000"
    return Colour(*(int(code[at : at + 2], 16) / 255 for at in (0, 2, 4)))


def test_a_heat_map_has_its_numbers_and_totals(tmp_path: Path) -> None:
    """Thousands are grouped; a cell without albums has no number."""
    draw_heat_map(tmp_path / "x.svg", TABLE, "18,346 albums")
    assert sorted(texts(tmp_path / "x.svg")) == sorted(
        ["18,346 albums", "12,345", "1", "6,000", "Rock  (12,345)", "Jazz  (6,001)",
         "1960s", "(12,346)", "1970s", "(6,000)"]
    )  # fmt: skip


def test_every_number_can_be_read(tmp_path: Path) -> None:
    """On pale and on dark cells: the contrast of each is 4.5 or more; more albums are darker."""
    counts = tuple(range(1, 31))
    table = Crosstab(("Rock",), tuple(map(str, counts)), (counts,))
    draw_heat_map(tmp_path / "x.svg", table, "")
    root = ET.parse(tmp_path / "x.svg").getroot()  # noqa: S314  (we drew it)
    cells = [
        colour(each.get("style", ""))
        for each in root.iter(f"{SVG}path")
        if "stroke: #ffffff" in each.get("style", "")
    ]
    inks = {
        int("".join(each.itertext())): colour(each.get("style", ""))
        for each in root.iter(f"{SVG}text")
        if "".join(each.itertext()).isdecimal() and "middle" in each.get("style", "")
    }
    assert len(cells) == 30
    lightness = [contrast(cell, Colour(0, 0, 0)) for cell in cells]
    assert lightness == sorted(lightness, reverse=True)
    assert len(set(inks.values())) == 2, "black and white"
    for count, cell in zip(counts, cells, strict=True):
        assert contrast(cell, inks[count]) >= 4.5


def test_bars_have_their_numbers_and_shares(tmp_path: Path) -> None:
    """From top to bottom, in the order given."""
    counts = {"train": 7_000, "val": 1_500, "aside": 0}
    draw_bars(tmp_path / "x.svg", counts, "8,500 albums", behind={"train": "70.0%"})
    written = texts(tmp_path / "x.svg")
    assert sorted(written) == sorted(
        ["8,500 albums", "train", "val", "aside", "7,000   70.0%", "1,500", "0"]
    )


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".PNG"])
def test_the_same_counts_are_the_same_file(tmp_path: Path, suffix: str) -> None:
    """Of the type that its name says, byte for byte, and with nothing left beside it."""
    start = {".svg": b"<?xml", ".pdf": b"%PDF"}.get(suffix, b"\x89PNG")
    bodies = []
    for name in ("a", "b"):
        file = tmp_path / "new" / f"{name}{suffix}"
        draw_heat_map(file, TABLE, "x")
        bodies.append(file.read_bytes())
        assert bodies[-1].startswith(start)
    assert bodies[0] == bodies[1]
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_names_are_written_as_they_are(tmp_path: Path) -> None:
    """No formula, no line break; what is long is cut; letters that no font has are no warning."""
    names = ("A$AP $x^2$", "two\nlines", "L" * 80, "日本の歌 \U000105c0", "_private")
    table = Crosstab(names, names, tuple((1,) * 5 for _ in names))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_heat_map(tmp_path / "x.svg", table, "x")
        draw_bars(tmp_path / "x.png", dict.fromkeys(names, 1), "x", behind={})
    written = texts(tmp_path / "x.svg")
    for name in ("A$AP $x^2$", "two lines", "L" * 33 + "…", "日本の歌 \U000105c0", "_private"):
        assert f"{name}  (5)" in written
    assert "L" * 21 + "…  (5)" in written


@pytest.mark.long
def test_any_number_of_names_fits_on_a_chart(tmp_path: Path) -> None:
    """None at all, one, or so many that the smallest are summed up."""
    sizes = []
    for height, width in ((0, 0), (1, 1), (2, 500), (500, 2)):
        table = Crosstab(
            tuple(f"Label {n}" for n in range(height)),
            tuple(f"C{n}" for n in range(width)),
            ((1,) * width,) * height,
        )
        for file in (tmp_path / "map.png", tmp_path / "bars.png"):
            if file.stem == "map":
                draw_heat_map(file, table, "albums")
            else:
                draw_bars(file, table.row_totals, "albums", behind={})
            with Image.open(file) as picture:
                sizes.append(max(picture.size))
    assert 100 < min(sizes) < max(sizes) < 8_000
    draw_bars(tmp_path / "x.svg", table.row_totals, "albums", behind={})
    assert "441 others" in texts(tmp_path / "x.svg")


def test_a_chart_that_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """One error that names the place."""
    (tmp_path / "x.png").mkdir()
    with pytest.raises(StorageError, match=r"x\.png"):
        draw_bars(tmp_path / "x.png", {"Jazz": 1}, "x", behind={})
    assert [file.name for file in tmp_path.iterdir()] == ["x.png"]


@pytest.mark.parametrize("name", ["x.gif", "x", "png", "x.tsv"])
def test_other_types_are_refused(name: str) -> None:
    """It says which there are."""
    with pytest.raises(UsageError, match=r"\.png, \.svg, \.pdf"):
        check_chart(Path(name), make_context(Path()))
