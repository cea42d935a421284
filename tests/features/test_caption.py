"""Captions without a model: sentences of what is known, and of nothing else."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from featuresets import compute, filled, picture, tables_of
from lookalikes import saved
from PIL import Image
from reports import fill, row
from support import make_context

from equigen.dataset.dataset import Dataset
from equigen.dataset.feature_tables import FeatureTable
from equigen.errors import ConfigError
from equigen.features.base import Album
from equigen.features.caption import sentence
from equigen.labels.taxonomy import load_taxonomy, taxonomy_names

WAYS = "template, blip, a folder of transformers, or an id of the Hugging Face Hub"
DARK_RED, WHITE = (22, 39, 25), (99, 0, 0)


def colour(*parts: tuple[tuple[int, int, int], float]) -> Mapping[str, Any]:
    """Return a palette as the feature `colour` has it."""
    names = ("lightness", "a", "b", "share")
    return {"palette": [dict(zip(names, (*lab, share), strict=True)) for lab, share in parts]}


def told(year: str = "", label: str = "", styles: str = "", **features: Mapping[str, Any]) -> str:
    """Return the sentence on an album."""
    cells = {"year": year, "styles": styles}
    return sentence(Album("m1", cells, [label] if label else [], features=features))


@pytest.mark.parametrize(
    ("album", "expected"),
    [
        ((), "an album cover"),
        (("1988",), "a 1988 album cover"),
        (("1899",), "an 1899 album cover"),
        (("unknown", "Metal"), "a metal album cover"),
        (("1988", "Metal", "Thrash"), "a 1988 thrash metal album cover"),
        (("", "Metal", "Thrash|Speed Metal"), "a metal album cover"),
        (("", "Metal", "Heavy Metal"), "a heavy metal album cover"),
        (("", "Electronic"), "an electronic album cover"),
        (("", "Electronic", "Euro House"), "a euro house electronic album cover"),
        (("", "R&B"), "an R&B album cover"),
        (("", "RnB"), "an RnB album cover"),
        (("", "K-Pop"), "a K-pop album cover"),
        (("", "Rap & Hip-Hop", "Boom Bap"), "a rap and hip-hop album cover"),
        (("", "Funk / Soul"), "a funk and soul album cover"),
        (("", "Folk, World, & Country"), "a folk, world and country album cover"),
        (("", "Latin", "Afro-Cuban"), "an Afro-Cuban Latin album cover"),
        (("", "new_age"), "a new age album cover"),
        (("", "Children's"), "a children's album cover"),
        (("", "Electronic", "IDM"), "an IDM electronic album cover"),
        (("", "Electronic", "UK Garage"), "a UK garage electronic album cover"),
    ],
)
def test_years_labels_and_styles_are_told(album: Sequence[str], expected: str) -> None:
    """With the article that is spoken, in lower case but for names and abbreviations."""
    assert told(*album) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(DARK_RED, 0.6), (WHITE, 0.4)], ", mostly dark red"),
        ([(WHITE, 0.4), (DARK_RED, 0.3), ((24, 36, 22), 0.3)], ", mostly dark red"),
        ([(DARK_RED, 0.4), (WHITE, 0.3), ((15, 10, -28), 0.3)], ", mostly dark red and white"),
        (
            [((lightness, 0, 0), 0.2) for lightness in (3, 25, 54, 78, 99)],
            ", in many colours",
        ),
        ([], ""),
    ],
)
def test_the_colours_of_half_of_the_cover_are_told(parts: Sequence[Any], expected: str) -> None:
    """Parts of one name count together; none has half where there are many."""
    assert told("1988", colour=colour(*parts)) == f"a 1988 album cover{expected}"


@pytest.mark.parametrize(
    ("found", "expected"),
    [(0, ""), (1, ", with one face"), (2, ", with two faces"), (11, ", with 11 faces")],
)
def test_faces_are_counted(found: int, expected: str) -> None:
    """None are told where none were found, since a detector misses some."""
    assert told(faces={"found": found}) == f"an album cover{expected}"
    dark = colour((DARK_RED, 1.0))
    whole = told("1988", "Metal", "Thrash", colour=dark, faces={"found": 1})
    assert whole == "a 1988 thrash metal album cover, mostly dark red, with one face"


def test_all_labels_of_all_taxonomies_make_good_sentences() -> None:
    """Lower case with one article; no marks but hyphens, commas, apostrophes and R&B's."""
    labels = {
        each.folder or each.name for name in taxonomy_names() for each in load_taxonomy(name).label
    }
    assert len(labels) > 20
    for label in labels:
        text = told("", label)
        assert re.fullmatch(r"an? [A-Za-z&',-]+( [a-z,-]+)* album cover", text), text
        first = text.split()[1]
        assert text.startswith("an ") == (first[0] in "aei" or first in ("R&B", "RnB")), text


def test_a_table_of_sentences_is_made_of_those_of_others(tmp_path: Path) -> None:
    """Colours that are computed in the same run count; what they are made of is in the version."""
    red = saved(Image.new("RGB", (99, 99), "#6a0f12"), "PNG")
    rows = [row(8, "Metal", album_id="red", styles="Thrash"), row(3, album_id="torn")]
    fill(tmp_path, rows, pictures={0: red, 1: b"no picture"})
    compute(tmp_path, "caption")
    table = FeatureTable(tmp_path / "features", "caption")
    captions = Dataset(make_context(tmp_path)).features("caption").set_index("reason")["text"]
    assert captions[""] == "a 1998 thrash metal album cover"
    assert table.versions() == "1 template"
    assert compute(tmp_path, "caption", "colour").facts["computed"] == {"caption": 1, "colour": 1}
    read = table.read().filter(pl.col("reason") == "")
    assert read["text"].to_list() == ["a 1998 thrash metal album cover, mostly dark red"]
    assert table.versions() == "1 colour(1 features.colours=6) template"
    assert compute(tmp_path, "caption").facts["computed"] == {"caption": 0}


def test_sentences_are_made_anew_where_what_they_are_made_of_changed(tmp_path: Path) -> None:
    """Colours that came since, a cell, a label; nothing else is computed again."""
    rows = [row(at, "Metal", album_id=f"m{at}") for at in range(4)]
    pictures = {at: picture(at) for at in range(4)}
    fill(tmp_path, rows[:2], pictures=pictures)
    compute(tmp_path, "colour")
    fill(tmp_path, rows, pictures=pictures)
    assert compute(tmp_path, "caption").facts["computed"] == {"caption": 4}
    table = FeatureTable(tmp_path / "features", "caption")
    first = dict(table.read(["text"]).iter_rows())
    compute(tmp_path, "colour")
    assert compute(tmp_path, "caption").facts["computed"] == {"caption": 2}
    texts = dict(table.read(["text"]).iter_rows())
    assert len({*texts.items()} - {*first.items()}) == 2
    covers = [each.sha256 for each in Dataset(make_context(tmp_path)).examples()]
    assert all(", mostly" in texts[each] or ", in many" in texts[each] for each in covers)
    fill(
        tmp_path,
        [*rows[:2], row(2, "Jazz", album_id="m2"), {**rows[3], "year": "1971"}],
        pictures=pictures,
    )
    assert compute(tmp_path, "caption").facts["computed"] == {"caption": 2}
    texts = dict(table.read(["text"]).iter_rows())
    assert "jazz" in texts[covers[2]]
    assert texts[covers[3]].startswith("a 1971 metal")
    before = tables_of(tmp_path)
    assert compute(tmp_path, "caption").facts["computed"] == {"caption": 0}
    assert tables_of(tmp_path) == before
    table.file.unlink()
    compute(tmp_path, "caption")
    assert tables_of(tmp_path) == before


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_change_no_bit(tmp_path: Path, processes: int) -> None:
    """The table is the same to the byte, whoever computes which part."""
    filled(tmp_path, *range(130))
    compute(tmp_path, "colour", "caption")
    expected = tables_of(tmp_path)
    (tmp_path / "features" / "caption.parquet").unlink()
    compute(tmp_path, "caption", processes=processes)
    assert tables_of(tmp_path) == expected


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", f"no model is named. Expected {WAYS}"),
        ("patterns", f"expected {WAYS}"),
        ("captioner.onnx", f"captioner.onnx: expected {WAYS}"),
    ],
)
def test_what_is_no_captioner_is_refused(tmp_path: Path, name: str, error: str) -> None:
    """In one line, with what may be named."""
    filled(tmp_path, 1)
    with pytest.raises(ConfigError, match=error) as refused:
        compute(tmp_path, "caption", caption_model=name)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "features").exists()
