"""`equigen features`: computed once, in parts, on any number of processes, and every cover told."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from featuresets import BOTH, TORN, at, compute, filled, picture, tables_of
from forks import Forks
from kills import Case, check_ledger, copy_over, kill_often
from lookalikes import TSV, saved
from PIL import Image
from reports import fill, row
from support import equigen, from_json, make_context, program_env, read_rows, realdata, write_rows

import equigen as api
from equigen.cli.console import aligned
from equigen.commands import counts, download, features, select
from equigen.commands.features import FeaturesAction
from equigen.dataset.dataset import Dataset
from equigen.dataset.feature_tables import FeatureTable
from equigen.downloading.manifest import COLUMNS
from equigen.errors import InputError, MissingInputError, UsageError
from equigen.features.base import find_features
from equigen.features.computing import compute_features, items_of

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
NOT_READ = "file gone or changed since the download"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of several parts, of which two covers are no pictures, with its tables."""
    folder = tmp_path_factory.mktemp("many")
    filled(folder, *range(150), torn=TORN, none=b"no picture")
    compute(folder)
    return folder


def test_both_are_computed_once(tmp_path: Path) -> None:
    """A table each; the second run computes nothing and changes no byte."""
    filled(tmp_path, *range(6))
    first = compute(tmp_path)
    assert (first.rows_in, first.rows_out, first.dropped) == (6, 6, {})
    assert first.facts["computed"] == {"colour": 6, "histogram": 6}
    before = tables_of(tmp_path)
    assert list(before) == ["colour.parquet", "histogram.parquet"]
    again = compute(tmp_path)
    assert (again.rows_out, again.facts["computed"]) == (6, {"colour": 0, "histogram": 0})
    assert tables_of(tmp_path) == before


def test_each_alone_gives_what_both_give_together(tmp_path: Path) -> None:
    """One decode serves both and changes neither."""
    filled(tmp_path, *range(6))
    compute(tmp_path)
    together = tables_of(tmp_path)
    shutil.rmtree(tmp_path / "features")
    compute(tmp_path, "histogram")
    compute(tmp_path, "colour")
    assert tables_of(tmp_path) == together


@pytest.mark.long_after(1)
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_change_no_bit(many: Path, tmp_path: Path, processes: int) -> None:
    """The files are the same to the byte, whoever computes which part."""
    expected = tables_of(many)
    folder = tmp_path / "copy"
    shutil.copytree(many, folder)
    shutil.rmtree(folder / "features")
    compute(folder, processes=processes)
    assert tables_of(folder) == expected
    table = FeatureTable(folder / "features", "colour").read()
    assert table["sha256"].is_sorted()
    reasons = table["reason"].value_counts().rows()
    assert dict(reasons) == {"": 150, "broken": 1, "not a picture": 1}


def test_only_new_covers_and_changed_settings_are_computed(tmp_path: Path) -> None:
    """Rows of albums that are gone stay; another number of colours computes the palettes anew."""
    filled(tmp_path, *range(4))
    compute(tmp_path)
    colour = FeatureTable(tmp_path / "features", "colour")
    kept = colour.read()
    filled(tmp_path, *range(1, 6))
    grown = compute(tmp_path)
    assert (grown.rows_in, grown.facts["computed"]) == (5, {"colour": 2, "histogram": 2})
    table = colour.read()
    assert len(table) == 6
    assert table.filter(pl.col("sha256").is_in(kept["sha256"].implode())).equals(kept)
    fewer = compute(tmp_path, colours=2)
    assert fewer.facts["computed"] == {"colour": 5, "histogram": 0}
    table = colour.read()
    assert table["version"].unique().to_list() == ["1 features.colours=2"]
    assert table["palette"].list.len().max() == 2


def test_a_cover_that_fails_has_its_reason_and_is_not_tried_again(tmp_path: Path) -> None:
    """Unless it is asked for; what it lacks is None and NaN."""
    filled(tmp_path, 0, torn=TORN, none=b"no picture")
    first = compute(tmp_path, "colour")
    assert (first.rows_out, first.dropped) == (1, {"broken": 1, "not a picture": 1})
    frame = Dataset(make_context(tmp_path)).features("colour")
    failed = frame[frame["reason"] != ""]
    assert failed["palette"].to_list() == [None, None]
    assert failed["brightness"].isna().all()
    assert str(frame["brightness"].dtype) == "float32"
    assert first.facts["computed"] == {"colour": 1}
    assert first.notes[0] == "colour: computed for 1 covers, 2 failed"
    listed = features.run(make_context(tmp_path), action=FeaturesAction.LIST, names=["colour"])
    assert any("computed for 1 covers, 2 failed" in note for note in listed.notes)
    again = compute(tmp_path, "colour")
    assert (again.facts["computed"], again.facts["failed"]) == ({"colour": 0}, {"colour": 0})
    before = tables_of(tmp_path)
    retried = compute(tmp_path, "colour", retry=True)
    assert (retried.facts["computed"], retried.facts["failed"]) == ({"colour": 0}, {"colour": 2})
    assert tables_of(tmp_path) == before


def test_a_file_that_is_gone_or_changed_is_left_out_and_tried_next_time(tmp_path: Path) -> None:
    """No row says what another picture looks like."""
    filled(tmp_path, *range(3))
    gone, changed, _ = (each.cover for each in Dataset(make_context(tmp_path)).examples())
    before = changed.read_bytes()
    changed.write_bytes(picture(9))
    context = make_context(tmp_path, features={"processes": 1})
    found = find_features(context.config, BOTH)
    items = items_of(Dataset(context).rows(), found)
    gone.unlink()  # after it was listed
    compute_features(context, found, items, retry_failed=False)
    assert len(FeatureTable(tmp_path / "features", "colour").read()) == 1
    summary = compute(tmp_path)
    assert (summary.rows_in, summary.rows_out, summary.dropped) == (2, 1, {NOT_READ: 1})
    changed.write_bytes(before)
    assert compute(tmp_path).dropped == {}


def test_tables_are_read_by_others(many: Path) -> None:
    """By pyarrow, DuckDB and polars alike; lists and structs keep their types."""
    file = many / "features" / "colour.parquet"
    assert pq.read_table(file).to_pylist() == FeatureTable(file.parent, "colour").read().to_dicts()
    sql = f"SELECT count(*), typeof(any_value(dominant)) FROM '{file}' WHERE palette[1].share > .1"  # noqa: S608
    levels = "red UTINYINT, green UTINYINT, blue UTINYINT"
    with duckdb.connect() as db:
        found = db.execute(sql).fetchall()
    assert found == [(150, f"STRUCT({levels}, lightness FLOAT, a FLOAT, b FLOAT)")]
    rgb = Dataset(make_context(many)).features("histogram").dropna()["rgb"]
    assert {len(each) for each in rgb} == {512}
    assert all(abs(sum(each) - 1) < 1e-4 for each in rgb)


def test_parts_of_a_killed_run_are_taken_and_those_of_another_version_are_not(
    many: Path, tmp_path: Path
) -> None:
    """A run begins with what the last one left."""
    expected = tables_of(many)
    folder = tmp_path / "copy"
    shutil.copytree(many, folder)
    table = FeatureTable(folder / "features", "colour")
    whole = table.read()
    table.file.unlink()
    table.add_part(0, whole[:60].with_columns(version=pl.lit("0")))
    summary = compute(folder, "colour")
    assert (summary.facts["computed"], summary.facts["failed"]) == ({"colour": 150}, {"colour": 2})
    table.file.unlink()
    table.add_part(0, whole[:60])
    table.add_part(2, whole[100:])
    (folder / "features" / ".colour.parts" / ".part-000001.parquet.new").write_bytes(b"half")
    assert compute(folder, "colour").facts["computed"] == {"colour": 39}
    table.add_part(0, whole[:9].select("sha256", "version", "reason"))
    compute(folder)
    assert tables_of(folder) == expected


@pytest.mark.parametrize("body", [b"", b"PAR1 no table PAR1", None])
def test_a_table_that_is_broken_is_told_and_left(tmp_path: Path, body: bytes | None) -> None:
    """One line that names the file and the way out."""
    filled(tmp_path, 0)
    file = tmp_path / "features" / "colour.parquet"
    file.parent.mkdir()
    if body is None:
        pl.DataFrame({"sha256": ["a"]}).write_parquet(file)
    else:
        file.write_bytes(body)
    before = file.read_bytes()
    with pytest.raises(InputError, match=r"colour\.parquet: expected a feature's table"):
        compute(tmp_path)
    assert file.read_bytes() == before


def test_a_link_in_the_place_of_a_table_is_not_followed(tmp_path: Path) -> None:
    """What it leads to stays; the table takes its place."""
    filled(tmp_path, 0)
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    file = tmp_path / "features" / "colour.parquet"
    file.parent.mkdir()
    file.symlink_to(other)
    compute(tmp_path)
    assert other.read_bytes() == b"mine"
    assert not file.is_symlink()


def test_each_extra_of_a_feature_is_there(tmp_path: Path) -> None:
    """As is that of audio, which needs no package: pip would warn of an extra that isn't there."""
    extras = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    found = find_features(make_context(tmp_path).config)
    assert {"audio", *(need for each in found for need in each.told("NEEDS"))} <= extras.keys()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes in folders")
def test_a_pipe_in_the_place_of_a_table_is_not_waited_for(tmp_path: Path) -> None:
    """It is no table, nor a part of one; a computed one takes its place."""
    filled(tmp_path, 0)
    parts = tmp_path / "features" / ".colour.parts"
    parts.mkdir(parents=True)
    os.mkfifo(parts / "part-000007.parquet")
    (parts / "part-000008.parquet").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "features" / "colour.parquet")
    listed = select.run(make_context(tmp_path), columns=True)
    assert listed.table
    assert not [name for name, *_ in listed.table.rows if str(name).startswith("colour.")]
    with pytest.raises(MissingInputError, match="there is no such table"):
        Dataset(make_context(tmp_path)).features("colour")
    assert compute(tmp_path, "colour").facts["computed"] == {"colour": 1}


@pytest.mark.parametrize("way", ["..", ".", "/", "\\", ":", "\0"])
def test_a_name_is_no_path(tmp_path: Path, way: str) -> None:
    """A table elsewhere isn't read, in one line; a file of an odd name is none."""
    filled(tmp_path, 0)
    compute(tmp_path, "colour")
    dataset = Dataset(make_context(tmp_path))
    name = f"{way}/features/colour" if way == ".." else f"{way}colour" if way != "/" else "x/y"
    with pytest.raises(UsageError, match="expected the name of a feature, such as colour") as told:
        dataset.features(name)
    assert "\n" not in str(told.value)
    for ask in (
        lambda: [*dataset.examples(features=[name])],
        lambda: dataset.albums(features=[name]),
        lambda: download.run(
            make_context(tmp_path), limit=0, export=tmp_path / "m.tsv", features=name
        ),
    ):
        with pytest.raises(UsageError, match="expected the name of a feature"):
            ask()
    assert not (tmp_path / "m.tsv").exists()
    shutil.copy(tmp_path / "features/colour.parquet", tmp_path / "features/a:b.parquet")
    assert (
        features.run(make_context(tmp_path), action=FeaturesAction.SHOW, names=["m0"]).rows_in == 1
    )


def test_the_list_tells_columns_units_and_costs(tmp_path: Path) -> None:
    """All features, or some; in 80 columns."""
    filled(tmp_path, 0, 1)
    compute(tmp_path, "colour")
    listed = features.run(make_context(tmp_path), action=FeaturesAction.LIST)
    facts: Any = listed.facts["features"]
    colour, histogram = (each for each in facts if each["name"] in BOTH)
    assert (colour["computed"], histogram["computed"]) == (2, 0)
    assert colour["columns"]["brightness"]["meaning"] == "mean L*, 0 (black) to 100 (white)"
    assert histogram["columns"]["rgb"]["type"] == "FLOAT[]"
    assert listed.table
    assert all(len(line) <= 80 for line in aligned(listed.table).splitlines())
    types = {str(name): kind for name, kind, _ in listed.table.rows}
    assert (types["colour.palette"], types["colour.mean"]) == ("STRUCT[]", "STRUCT")
    assert types["text.transcript"] == "VARCHAR"
    for each in facts:
        cost_ms = each["cost_ms"]
        told = f"about {cost_ms:g} ms a" if cost_ms else "cost depends on the model"
        assert any(note.startswith(f"{each['name']}: {told}") for note in listed.notes)
    assert all(len(note) <= 80 for note in listed.notes)
    empty = make_context(tmp_path / "empty")
    listed = features.run(empty, action=FeaturesAction.LIST, names=["colour"])
    assert listed.notes[0].startswith("colour: A palette of a cover's colours")


def test_show_tells_of_an_album_and_of_a_file(tmp_path: Path) -> None:
    """By id or by file; a cover that failed by its reason."""
    red = saved(Image.new("RGB", (99, 99), (200, 0, 0)), "PNG")
    filled(tmp_path, red=red, torn=TORN)
    context = make_context(tmp_path)
    with pytest.raises(UsageError, match="nothing was computed"):
        features.run(context, action=FeaturesAction.SHOW, names=["red"])
    compute(tmp_path)
    (tmp_path / "elsewhere.png").write_bytes(red)
    for asked in ("red", str(tmp_path / "elsewhere.png")):
        shown = features.run(context, action=FeaturesAction.SHOW, names=[asked])
        assert shown.table
        assert ("colour", "palette", "#c80000  100.0%") in shown.table.rows
        assert ("histogram", "rgb", "512 values") in shown.table.rows
    torn = features.run(context, action=FeaturesAction.SHOW, names=["torn"])
    assert torn.table
    assert torn.table.rows == (("colour", "reason", "broken"), ("histogram", "reason", "broken"))


def test_show_tells_structs_by_their_fields(tmp_path: Path) -> None:
    """Each of a list in a line, numbers in short, without what is NULL."""
    filled(tmp_path, 0)
    (sha256,) = (each.sha256 for each in Dataset(make_context(tmp_path)).examples())
    boxes = [{"left": 0.123456, "text": "ONE", "age": None}, {"left": 0.5, "text": "2", "age": 7}]
    table = pl.DataFrame(
        [{"sha256": sha256, "version": "1", "reason": "", "found": 2, "boxes": boxes}]
    )
    (tmp_path / "features").mkdir()
    table.write_parquet(tmp_path / "features" / "mine.parquet")
    shown = features.run(make_context(tmp_path), action=FeaturesAction.SHOW, names=["m0"])
    assert shown.table
    assert shown.table.rows == (
        ("mine", "found", "2"),
        ("mine", "boxes", "left 0.1235, text ONE"),
        ("mine", "boxes", "left 0.5, text 2, age 7"),
    )


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (("compute",), "compute: which features"),
        (("compute", "color"), "did you mean 'colour'"),
        (("list", "faecs"), "there is no feature 'faecs'"),
        (("show",), "show: of what"),
        (("show", "m99"), "no album has this id"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, args: tuple[str, ...], error: str) -> None:
    """With the exit code of wrong usage, before anything is done."""
    filled(tmp_path, 0)
    action, *names = args
    with pytest.raises(UsageError, match=error):
        features.run(make_context(tmp_path), action=FeaturesAction(action), names=names)
    assert not (tmp_path / "features").exists()


def test_without_covers_there_is_nothing_to_compute(tmp_path: Path) -> None:
    """The message names the command that brings them; so does that of a table that isn't there."""
    write_rows(tmp_path / TSV, row(1))
    with pytest.raises(MissingInputError, match="equigen download"):
        compute(tmp_path)
    with pytest.raises(MissingInputError, match="equigen features compute colour"):
        Dataset(make_context(tmp_path)).features("colour")


def test_albums_are_chosen_by_features(tmp_path: Path) -> None:
    """By fields of structs and lists; what has none is NULL, also among rows left out."""
    red, grey, white = (
        saved(Image.new("RGB", (99, 99), colour), "PNG")
        for colour in ("#c80000", "#444444", "#fff")
    )
    filled(tmp_path, red=red, grey=grey, white=white, torn=TORN)
    context = make_context(tmp_path)
    bright = "colour.brightness > 50"
    with pytest.raises(UsageError, match=r'Referenced (table|column) "colour"'):
        select.run(context, where=bright)
    compute(tmp_path)

    def kept(where: str) -> tuple[int, dict[str, int]]:
        summary = select.run(context, where=where)
        return summary.rows_out, {name[10:14]: count for name, count in summary.dropped.items()}

    assert kept(bright) == (1, {"not ": 2, "NULL": 1})
    assert kept("colour.brightness > 50 OR colour.brightness IS NULL") == (
        2,
        {"not ": 2, "NULL": 0},
    )
    assert kept("colour.dominant.red = 200 AND album_id = 'red'") == (1, {"not ": 3, "NULL": 0})
    assert kept("colour.reason = 'broken'") == (1, {"not ": 3, "NULL": 0})
    assert kept("len(list_filter(colour.palette, lambda x: x.share > 0.9)) = 1")[0] == 3
    assert kept("histogram.grey[256] > 0.99")[0] == 1
    assert kept("Colour.Brightness > (SELECT avg(colour.brightness) FROM albums)")[0] == 1
    select.run(context, where=bright, in_place=True)
    assert [row["album_id"] for row in read_rows(tmp_path / TSV)] == ["white"]


def test_columns_of_features_are_listed(tmp_path: Path) -> None:
    """Each field with its type, in short where it is a struct; other files there are none."""
    filled(tmp_path, 0)
    compute(tmp_path)
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "features" / "mine.parquet")
    listed = select.run(make_context(tmp_path), columns=True)
    assert listed.table
    columns = {str(name): kind for name, kind, _ in listed.table.rows}
    assert columns["colour.brightness"] == "FLOAT"
    assert columns["colour.palette"] == "STRUCT[]"
    assert columns["histogram.rgb"] == "FLOAT[]"
    assert not {"colour", "mine.a"} & set(columns)


def test_examples_have_the_features_that_are_asked_for(tmp_path: Path) -> None:
    """Those of their covers; none for a cover that hasn't got them."""
    filled(tmp_path, 0, 1, torn=TORN)
    compute(tmp_path)
    dataset = Dataset(make_context(tmp_path))
    frame = dataset.features("colour").set_index("sha256")
    *good, torn = dataset.examples(features=["colour", "histogram"])
    assert len(good) == 2
    for each in good:
        assert each.features["colour"]["brightness"] == frame.loc[each.sha256, "brightness"]
        assert set(each.features["histogram"]) == {"grey", "rgb"}
    assert torn.features == {"colour": {}, "histogram": {}}
    assert next(dataset.examples()).features == {}
    with pytest.raises(MissingInputError, match="equigen features compute faces"):
        dataset.examples(features=["faces"])


def test_real_covers_have_their_features(tmp_path: Path) -> None:
    """All of the recorded covers, of all types, through the program as a user runs it."""
    folder = realdata("covers")
    files = [each for each in sorted(folder.rglob("*")) if each.suffix != ".tsv" and each.is_file()]
    unique = {hashlib.sha256(body := file.read_bytes()).hexdigest(): body for file in files}
    filled(tmp_path, **unique)
    flags = ("--json", "--processes", "2")
    ran = equigen("features", "compute", *BOTH, *flags, cwd=tmp_path, env=at(tmp_path))
    assert ran.returncode == 0, ran.stderr
    told = from_json(ran.stdout)
    assert (told["rows_in"], told["rows_out"]) == (len(unique), len(unique)), told["dropped"]
    frame = api.open(tmp_path).features("colour")
    assert frame["brightness"].between(0, 100.01).all()
    assert all(abs(sum(each["share"] for each in cells) - 1) < 1e-4 for cells in frame["palette"])


# Features of another distribution: one whose package isn't installed, one that fails for some
# covers, one that writes to standard output, one that ends its process.
PLUGINS = {
    "lacking": "import nothing_of_the_kind",
    "choosy": "if any('Artist 1' in each.path.name for each in batch): raise ValueError('one')",
    "chatty": "import os; os.write(1, b'chat'); print('chat')",
    "deadly": "import os; os._exit(7)",
}
PLUGIN = """
"Count pixels."
from equigen.features.base import Column
VERSION, SCALE_PX, NEEDS = 3, 32, ("faces",)
COLUMNS = {{"pixels": Column("INTEGER", "pixels")}}

def open_feature(settings):
    {opening}
    def compute(batch):
        {body}
        return [{{"pixels": each.pixels.size // 3}} for each in batch]
    return compute
"""


def installed(folder: Path, modules: Mapping[str, str]) -> dict[str, str]:
    """Install features from their source; return the environment that has them."""
    site, info = folder / "site", folder / "site" / "others-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    points = "".join(f"{name} = others_{name}\n" for name in modules)
    (info / "entry_points.txt").write_text(f"[equigen.features]\n{points}")
    for name, source in modules.items():
        (site / f"others_{name}.py").write_text(source)
    return {"PYTHONPATH": str(site), **at(folder / "data")}


@pytest.fixture
def plugins(tmp_path: Path) -> dict[str, str]:
    """The environment in which those features are installed."""
    filled(tmp_path / "data", *range(70))
    modules = {
        name: PLUGIN.format(
            **{"opening": "pass", "body": "pass"}
            | {"opening" if name == "lacking" else "body": line}
        )
        for name, line in PLUGINS.items()
    }
    return installed(tmp_path, modules)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("processes", ["2", "1"])
def test_features_of_others_are_found_and_do_no_harm(
    tmp_path: Path, plugins: dict[str, str], processes: str
) -> None:
    """What they need is told, what they refuse has a reason, what they print goes elsewhere."""

    def run(*names: str) -> CompletedProcess[str]:
        flags = ("--json", "--processes", processes)
        return equigen("features", *names, *flags, cwd=tmp_path, env=plugins)

    lacking = run("compute", "lacking")
    assert lacking.returncode == 2
    assert lacking.stderr == (
        "equigen features: lacking: needs nothing_of_the_kind, which isn't installed. Install it:"
        " `pip install 'equigen[faces]'`.\n"
    )
    listed = from_json(run("list").stdout)
    assert [each["name"] for each in listed["features"]][-len(PLUGINS) :] == [*PLUGINS]
    choosy = from_json(run("compute", "choosy").stdout)
    assert choosy["dropped"] == {"ValueError: one": 11}
    if processes == "2":
        chatty = run("compute", "chatty")
        assert from_json(chatty.stdout)["rows_out"] == 70
        deadly = run("compute", "deadly")
        assert (deadly.returncode, deadly.stderr.count("\n")) == (1, 1)
        assert "a process ended 7" in deadly.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "kills", "processes"),
    [(signal.SIGKILL, 10, "1"), (signal.SIGKILL, 20, "2"), (signal.SIGTERM, 8, "2")],
)
def test_features_killed_at_any_moment(
    many: Path, tmp_path: Path, forks: Forks, number: int, kills: int, processes: str
) -> None:
    """Each table is the whole one or the first parts; the next run makes the same bytes."""
    expected, folder, kept = tables_of(many), tmp_path / "data", tmp_path / "kept"
    shutil.copytree(many, kept)
    shutil.rmtree(kept / "features")

    def check() -> None:
        check_ledger(folder)
        for file in (folder / "features").glob("*.parquet"):
            rows = len(pl.read_parquet(file))
            assert file.read_bytes() == expected[file.name] or rows in {24, 64, 88, 128}
        for part in (folder / "features").rglob("part-*.parquet"):
            assert len(pl.read_parquet(part)) in {24, 64, 88}

    def compare() -> None:
        assert tables_of(folder) == expected

    args = ("features", "compute", *BOTH, "--processes", processes)
    case = Case(folder, args, lambda: copy_over(kept, folder), check, compare)
    kill_often(forks, case, kills=kills, seed=19, number=number)


def test_albums_are_counted_by_features(tmp_path: Path) -> None:
    """Numbers in round bins, also inside structs; what has no such feature is unknown."""
    bodies = {f"b{at}": saved(Image.new("L", (50 + at, 50), 12 * at)) for at in range(20)}
    filled(tmp_path, torn=TORN, **bodies)
    context = make_context(tmp_path)
    with pytest.raises(UsageError, match="features compute colour"):
        counts.run(context, by=["colour.brightness"])
    compute(tmp_path, "colour")
    found = counts.run(context, by=["colour.brightness"]).facts["counts"]
    assert isinstance(found, dict)
    bins = Counter(5 * int(value // 5) for value in brightness(tmp_path))
    assert found == {f"{at} to {at + 5}": bins[at] for at in sorted(bins)} | {"unknown": 1}
    assert list(found) == [*(f"{at} to {at + 5}" for at in sorted(bins)), "unknown"]
    assert dict(Dataset(context).counts("colour.brightness")) == found
    reds = counts.run(context, by=["colour.mean.red"]).facts["counts"]
    assert isinstance(reds, dict)
    assert list(reds)[:2] == ["0 to 19", "20 to 39"]
    assert reds["unknown"] == 1
    reasons = counts.run(context, by=["colour.reason", "label"]).facts
    assert reasons["counts"] == {"none": {"Jazz": 20}, "broken": {"Jazz": 1}}
    with pytest.raises(UsageError, match=r"of colour: .*colour\.dominant\.red"):
        counts.run(context, by=["colour.palette"])
    with pytest.raises(UsageError, match=r"did you mean .*'colour\.brightness'"):
        counts.run(context, by=["colour.brihtness"])


def test_truths_and_texts_count_as_they_are(tmp_path: Path) -> None:
    """Of a feature of another distribution, with a list that can't be counted by."""
    covers = fill(tmp_path, [row(at) for at in range(4)])
    table = FeatureTable(tmp_path / "features", "signs")
    values = [(True, "sun", 0.5), (False, "", float("nan")), (None, None, float("inf"))]
    rows = [
        {"sha256": each.sha256, "version": "1", "reason": "", "is_old": old, "word": word, "x": x}
        for each, (old, word, x) in zip(covers, values, strict=False)
    ]
    table.file.parent.mkdir()
    pl.DataFrame(rows).write_parquet(table.file)
    context = make_context(tmp_path)
    for field, expected in {
        "is_old": {"unknown": 2, "false": 1, "true": 1},
        "word": {"unknown": 2, "none": 1, "sun": 1},
        "x": {"0.50 to 0.55": 1, "unknown": 3},
    }.items():
        found = counts.run(context, by=[f"signs.{field}"]).facts["counts"]
        assert isinstance(found, dict)
        assert list(found.items()) == list(expected.items())


def brightness(folder: Path) -> list[float]:
    """Return the brightness of all covers that have it."""
    return FeatureTable(folder / "features", "colour").read()["brightness"].drop_nulls().to_list()


# Features of albums: of their rows and another feature, and of their covers.
WORDS = """
"Say what an album is."
from equigen.features.base import Column
KIND, VERSION, CELLS, USES = "album", 1, ("artist", "country"), ("colour",)
COLUMNS = {"words": Column("VARCHAR", "words"), "light": Column("FLOAT", "of colour")}

def open_feature(config):
    def words(album):
        if album.album_id == "m3":
            return "no words"
        if album.album_id == "m4":
            return ""
        label, light = "+".join(album.labels), album.features["colour"].get("brightness")
        return {"words": f"{album.cells['artist']} {label} {album.set}.", "light": light}
    return lambda batch: [words(each) for each in batch]
"""
SEEN = """
"Look at the cover of an album."
from equigen.features.base import Column
KIND, VERSION, SCALE_PX = "album", 1, 32
COLUMNS = {"seen": Column("VARCHAR", "its width, and whose it is")}

def prepare(context):
    (context.directory / "prepared").write_text("3")

def version_of(config):
    return "model=" + (config.directory / "prepared").read_text()

def open_feature(config):
    return lambda batch: [{"seen": f"{e.pixels.shape[1]} {e.album.album_id}"} for e in batch]
"""


@pytest.mark.parametrize("processes", ["1", "2"])
def test_features_of_albums_have_a_row_for_each(tmp_path: Path, processes: str) -> None:
    """By album_id; with its cells, its labels, other features and, where asked for, its cover."""
    folder, pictures = tmp_path / "data", {0: picture(0), 1: picture(0), 2: picture(2)}
    rows = [row(at, album_id=f"m{at}") for at in range(6)]
    fill(folder, [*rows, row(6, album_id=""), row(7, album_id="m1")], pictures=pictures)
    for each in [*Dataset(make_context(folder)).examples()][3:]:
        each.cover.unlink()
    env = installed(tmp_path, {"words": WORDS, "seen": SEEN})
    flags = ("--json", "--processes", processes)
    names = ("words", "seen", "colour")
    ran = equigen("features", "compute", *names, *flags, cwd=tmp_path, env=env)
    assert ran.returncode == 0, ran.stderr
    told = from_json(ran.stdout)
    assert told["computed"] == {"words": 4, "seen": 3, "colour": 2}, told
    assert told["failed"] == {"words": 1, "seen": 0, "colour": 0}
    assert told["unit"] == "albums and covers"
    assert (told["rows_in"], told["dropped"]) == (8, {"no words": 1, NOT_READ: 1})
    words = FeatureTable(folder / "features", "words").read()
    assert words["album_id"].to_list() == ["m0", "m1", "m2", "m3", "m5"]
    assert words["words"][0] == "Artist 0 Jazz train."
    assert words["reason"].to_list() == ["", "", "", "no words", ""]
    colours = Dataset(make_context(folder)).features("colour").set_index("sha256")["brightness"]
    light = words["light"].to_list()
    assert light[0] == light[1] != light[2]
    assert {light[0], light[2]} == {*colours}
    assert light[3:] == [None, None]
    assert FeatureTable(folder / "features", "words").versions() == "1 colour(1 features.colours=6)"
    assert words["version"].str.contains(r"colours=6\) of=[0-9a-f]{8}$").all()
    seen = FeatureTable(folder / "features", "seen").read()
    assert seen["seen"].to_list() == ["40 m0", "40 m1", "42 m2"]
    assert seen["version"][0] == "1 model=3"
    context = make_context(folder)
    assert [
        each.features["words"].get("light")
        for each in Dataset(context).examples(features=["words"])
    ] == light[:3]
    assert select.run(context, where="words.light > 0 AND seen.seen IS NOT NULL").rows_out == 4
    shown = features.run(context, action=FeaturesAction.SHOW, names=["m1"])
    assert shown.table
    assert {name for name, *_ in shown.table.rows} == {"colour", "words", "seen"}
    again = from_json(equigen("features", "compute", *names, *flags, cwd=tmp_path, env=env).stdout)
    assert again["computed"] == {"words": 0, "seen": 0, "colour": 0}


def test_albums_have_the_columns_of_features(tmp_path: Path) -> None:
    """Flat names like those of `pandas.json_normalize`, lists as lists; missing without one."""
    filled(tmp_path, 0, 1, torn=TORN)
    dataset = Dataset(make_context(tmp_path))
    with pytest.raises(MissingInputError, match="features compute colour"):
        dataset.albums(features=["colour"])
    compute(tmp_path)
    frame = dataset.albums(features=["colour"])
    plain = dataset.albums()
    pd.testing.assert_frame_equal(frame[plain.columns], plain)
    table = {
        each["sha256"]: each
        for each in FeatureTable(tmp_path / "features", "colour").read().to_dicts()
    }
    shas = dataset.covers()["sha256"]
    for number in range(2):
        expected = table[shas[number]]
        assert frame["colour.brightness"][number] == pytest.approx(expected["brightness"])
        assert frame["colour.mean.red"][number] == expected["mean"]["red"]
        assert frame["colour.palette"][number] == expected["palette"]
    assert str(frame["colour.mean.red"].dtype) == "Int64"
    assert (
        frame.loc[2, [name for name in map(str, frame) if name.startswith("colour.")]].isna().all()
    )
    assert not [
        name for name in map(str, frame) if name.endswith((".sha256", ".version", ".reason"))
    ]
    both = dataset.albums(features=iter(["histogram", "colour"]))
    assert len(both["histogram.rgb"][0]) == 512


def test_what_is_no_table_is_refused_by_all(tmp_path: Path) -> None:
    """One line that says which file; a feature may be called like another tool's column."""
    filled(tmp_path, 0)
    (tmp_path / "features").mkdir()
    dataset = Dataset(make_context(tmp_path))
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "features" / "signs.parquet")
    with pytest.raises(InputError, match=r"signs\.parquet"):
        dataset.albums(features="signs")
    compute(tmp_path, "colour")
    shutil.copy(tmp_path / "features" / "colour.parquet", tmp_path / "features" / "mood.parquet")
    fill(tmp_path, [row(0, mood="sad")], pictures={0: picture(0)})
    assert "mood.brightness" in dataset.albums(features="mood")


@pytest.mark.parametrize("suffix", [".tsv", ".parquet"])
def test_the_manifest_has_the_features_asked_for(tmp_path: Path, suffix: str) -> None:
    """Flat columns behind the others, but no lists; empty where a cover has none."""
    filled(tmp_path, 0, 1, torn=TORN)
    manifest = tmp_path / f"manifest{suffix}"
    done = {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path)}
    told = equigen("download", "--limit", "0", "--with", "colour", cwd=tmp_path, env=done)
    assert (told.returncode, "--export" in told.stderr) == (2, True)
    context = make_context(tmp_path)
    with pytest.raises(MissingInputError, match="features compute colour"):
        download.run(context, limit=0, export=manifest, features="colour")
    compute(tmp_path, "colour")
    download.run(context, limit=0, export=manifest, features="colour")
    expected = Dataset(context).albums(features=["colour"])
    own = [each for each in map(str, expected) if each.startswith("colour.") and "pal" not in each]
    if suffix == ".parquet":
        found = pd.read_parquet(manifest)
        assert str(found["colour.mean.red"].dtype).startswith(("float", "uint"))
    else:
        found = pd.read_csv(manifest, sep="\t")
    assert list(found.columns[-len(own) :]) == own
    assert list(found.columns[: len(COLUMNS)]) == list(COLUMNS)
    for name in own:
        values = found[name].to_list()
        assert values[:2] == pytest.approx(expected[name].to_list()[:2], rel=1e-5)
        assert pd.isna(values[2])


def test_pyarrow_need_not_be_there(tmp_path: Path) -> None:
    """It is an extra's: tables, albums and a TSV manifest with features do without it."""
    filled(tmp_path, 0, torn=TORN)
    compute(tmp_path)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "pyarrow.py").write_text("raise ImportError('hidden')\n")
    code = (
        "import equigen; dataset = equigen.open('.'); dataset.albums(features=['colour']);"
        "dataset.counts('colour.brightness'); print(dataset.features('colour').dtypes.to_dict());"
        "equigen.run('download', directory='.', limit=0, export='m.tsv', features='colour')"
    )
    env = {**program_env(), "PYTHONPATH": str(hidden)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "'brightness': dtype('float32')" in done.stdout
