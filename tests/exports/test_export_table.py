"""`equigen export table`: a row an album, read back by pandas and others with the right types."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from exported import albums, filled, run_export
from support import make_context, realdata

from equigen.commands import features
from equigen.commands.features import FeaturesAction
from equigen.dataset.dataset import Dataset
from equigen.errors import MissingInputError, UsageError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A dataset with odd cells, albums of several labels, and colours."""
    rows = albums(12)
    rows[0] |= {"genre": "Rock", "labels": "Rock|Jazz", "country": "NA"}
    rows[1] |= {"year": ""}
    folder = filled(tmp_path / "data", rows)
    context = make_context(folder, features={"processes": 1})
    features.run(context, action=FeaturesAction.COMPUTE, names=["colour"])
    return folder


def table_of(data: Path, name: str, **flags: Any) -> Path:  # noqa: ANN401
    """Write a table."""
    out = data.parent / name
    run_export(data, out, "table", **flags)
    assert not list(data.parent.glob(f".{name}*"))
    return out


def test_pandas_reads_the_same_of_all_four(data: Path) -> None:
    """Texts such as NA stay; years that are missing are missing; lists are lists where they can."""
    frames = {
        "csv": pd.read_csv(table_of(data, "a.csv"), keep_default_na=False, na_values={"year": ""}),
        "tsv": pd.read_csv(
            table_of(data, "a.tsv"), sep="\t", keep_default_na=False, na_values={"year": ""}
        ),
        "jsonl": pd.read_json(table_of(data, "a.jsonl"), lines=True, dtype=False),
        "parquet": pd.read_parquet(table_of(data, "a.parquet")),
    }
    whole = frames["parquet"]
    assert len(whole) == 12
    assert [*whole.columns[:6]] == ["path", "album_id", "artist", "album", "year", "genre"]
    for frame in frames.values():
        assert [*frame.columns] == [*whole.columns]
        for column in ("path", "album_id", "artist", "album", "label", "label_name", "sha256"):
            assert frame[column].tolist() == whole[column].tolist()
        assert frame["country"].tolist().count("NA") == 1
        assert frame["year"].isna().sum() == 1
    of_two = whole["album_id"] == "musicbrainz:0"
    assert whole.loc[of_two, "labels"].iloc[0].tolist() == ["Rock", "Jazz"]
    for ending in ("csv", "tsv"):
        assert frames[ending].loc[of_two, "labels"].iloc[0] == "Rock|Jazz"
    assert frames["jsonl"].loc[of_two, "labels"].iloc[0] == ["Rock", "Jazz"]
    for path, digest in zip(whole["path"], whole["sha256"], strict=True):
        assert (data / "equigen_album_images" / path).is_file()
        assert len(digest) == 64


def test_made_twice_it_is_the_same(data: Path) -> None:
    """And the file that was there is replaced as a whole."""
    for ending in ("csv", "parquet", "jsonl"):
        first, other = (table_of(data, f"{name}.{ending}") for name in ("one", "two"))
        assert first.read_bytes() == other.read_bytes()
        first.write_bytes(b"old")
        assert table_of(data, f"one.{ending}").read_bytes() == other.read_bytes()


def test_cells_survive_quotes_and_separators(tmp_path: Path) -> None:
    """What a cell may hold, a reader of CSV gives back."""
    rows = [{**albums(1)[0], "album": 'a "b", c', "country": "x\u00a0y"}]
    rows[0]["artist"] = "Beyonc\u00e9, Jay-Z 3"
    data = filled(tmp_path / "data", rows)
    with table_of(data, "a.csv").open(encoding="utf-8", newline="") as file:
        (read,) = csv.DictReader(file)
    assert (read["album"], read["artist"], read["country"]) == (
        'a "b", c',
        "Beyonc\u00e9, Jay-Z 3",
        "x\u00a0y",
    )


def test_columns_are_chosen_in_order(data: Path) -> None:
    """Also fields of features, by their flat names; one that isn't there is named."""
    wanted = "year,colour.mean.red,artist"
    table = pl.read_csv(table_of(data, "a.csv", features="colour", columns=wanted))
    assert table.columns == wanted.split(",")
    assert table["colour.mean.red"].dtype == pl.Int64
    with pytest.raises(UsageError, match=r"no column 'yeer'.*'year'"):
        table_of(data, "a.csv", columns="yeer")


def test_labels_are_columns_of_their_own(data: Path) -> None:
    """0 and 1 a class; a class that is called like a column gets an underscore."""
    table = pl.read_parquet(table_of(data, "a.parquet", labels="one-hot"))
    assert "labels" not in table.columns
    both = table.filter(album_id="musicbrainz:0")
    assert both.select("Jazz", "Pop", "Rock").row(0) == (1, 0, 1)
    assert table.select("Jazz", "Pop", "Rock").sum().row(0) == (4, 4, 5)
    with pytest.raises(UsageError, match="expected list or one-hot"):
        table_of(data, "a.csv", labels="dummy")


def test_features_are_flat(data: Path) -> None:
    """Lists of colours are lists in Parquet, JSON in CSV."""
    whole = pl.read_parquet(table_of(data, "a.parquet", features="colour"))
    text = pl.read_csv(table_of(data, "a.csv", features="colour"))
    first = json.loads(text["colour.palette"][0])
    assert first == [pytest.approx(each) for each in whole["colour.palette"][0].to_list()]
    assert text["colour.brightness"].to_list() == pytest.approx(
        whole["colour.brightness"].to_list()
    )


def test_the_published_table_of_24_columns(tmp_path: Path) -> None:
    """Colours, no face where none was looked for, genres as 0 and 1, in the columns of then."""
    rows = [
        {**each, "album_id": f"discogs:m{100 + at}", "genres": "Funk / Soul|Jazz" if at else "Rock"}
        for at, each in enumerate(albums(4))
    ]
    data = filled(tmp_path / "data", rows)
    with pytest.raises(MissingInputError, match="equigen features compute colour"):
        table_of(data, "like.csv", like="multilabel")
    context = make_context(data, features={"processes": 1})
    features.run(context, action=FeaturesAction.COMPUTE, names=["colour"])
    table = pl.read_csv(table_of(data, "like.csv", like="multilabel"))
    with gzip.open(realdata("multilabel", "masters_15_genres_a.csv.gz"), "rt") as published:
        header = next(csv.reader(published))
    assert len(table.columns) == 24
    assert [name for name in table.columns if name in header] == header
    assert [name for name in table.columns if name not in header] == [
        "path", "gender", "age", "dominant_race", "emotion",
    ]  # fmt: skip
    by_id = {row["master_release"]: row for row in table.iter_rows(named=True)}
    assert sorted(by_id) == [100, 101, 102, 103]
    assert (by_id[100]["Rock"], by_id[100]["Jazz"]) == (1, 0)
    assert (by_id[101]["Funk&Soul"], by_id[101]["Jazz"], by_id[101]["Rock"]) == (1, 1, 0)
    assert {row["gender"] for row in by_id.values()} == {None}
    assert all(0 <= row["dominant_r"] <= 255 for row in by_id.values())


def test_the_first_face_of_the_published_table(tmp_path: Path) -> None:
    """Where faces were looked for; the cover without one has none, and no race is guessed."""
    data = filled(tmp_path / "data", albums(2))
    context = make_context(data, features={"processes": 1})
    features.run(context, action=FeaturesAction.COMPUTE, names=["colour"])
    shas = sorted(each.sha256 for each in Dataset(context).examples())
    faces = [[{"age_guess": 31, "gender_guess": "female", "emotion_guess": "fear"}, {}], []]
    told = {"sha256": shas, "version": ["1"] * 2, "reason": [""] * 2, "faces": faces}
    pl.DataFrame(told).write_parquet(data / "features" / "faces.parquet")
    table = pl.read_csv(table_of(data, "like.csv", like="multilabel"))
    assert sorted(table["gender"].fill_null("")) == ["", "female"]
    assert table["age"].drop_nulls().to_list() == [31]
    assert table["emotion"].drop_nulls().to_list() == ["fear"]
    assert table["dominant_race"].null_count() == 2


def test_the_published_table_of_a_tsv_without_genres(tmp_path: Path) -> None:
    """Genres that nothing tells are empty, and a column called as the feature is not in the way."""
    data = filled(tmp_path / "data", [{**each, "colour": "red"} for each in albums(2)])
    context = make_context(data, features={"processes": 1})
    features.run(context, action=FeaturesAction.COMPUTE, names=["colour"])
    pl.read_csv(context.tsv, separator="\t").drop("genres").write_csv(context.tsv, separator="\t")
    table = pl.read_csv(table_of(data, "like.csv", like="multilabel"))
    assert len(table.columns) == 24
    assert table.select("Blues", "Rock", "Stage & Screen").null_count().row(0) == (2, 2, 2)
    assert table["dominant_r"].null_count() == 0


@pytest.mark.parametrize(
    "flag", [{"labels": "one-hot"}, {"labels": "list"}, {"features": "colour"}]
)
def test_what_the_published_table_lacks_is_refused(data: Path, flag: dict[str, str]) -> None:
    """Its columns are those of then: no labels and no features besides."""
    (shown,) = ("--with" if name == "features" else f"--{name}" for name in flag)
    with pytest.raises(UsageError, match=f"{shown}: --like multilabel"):
        table_of(data, "like.csv", like="multilabel", **flag)


def test_a_wrong_ending_or_option_is_refused(data: Path) -> None:
    """Before anything is done."""
    with pytest.raises(UsageError, match=r"ends in \.csv, \.tsv, \.parquet, \.jsonl"):
        table_of(data, "a.xlsx")
    with pytest.raises(UsageError, match="--size: the format table doesn't take it"):
        table_of(data, "a.csv", size=16)
    with pytest.raises(UsageError, match="--columns: the format imagefolder doesn't take it"):
        run_export(data, data.parent / "out", columns="year")
    with pytest.raises(UsageError, match="a file of the dataset itself"):
        run_export(data, data / "equigen_dataset.tsv", "table")
