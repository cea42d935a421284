"""Other people's datasets become ours: folders, tables and exports, none of which is changed."""

import csv
import gzip
import io
import json
import os
import shutil
import signal
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from exported import albums, filled, run_export
from forks import Forks
from kills import Case, check_ledger, kill_often
from reports import jpeg
from support import SilentBar, make_context, posix_only, read_rows

import equigen
from equigen.commands import download, import_, split
from equigen.errors import InputError, MissingInputError, UsageError
from equigen.ledger.ledger import Ledger
from equigen.schema import SETS


def put(root: Path, *names: str) -> dict[str, bytes]:
    """Write a picture of its own colour for each name, and return them."""
    written = {}
    for at, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body := jpeg(at + 1))
        written[name] = body
    return written


def state(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return what lies in a folder: dates, modes and bytes of its files."""
    found = (each for each in root.rglob("*") if each.is_file())
    return {
        str(each): (each.stat().st_mtime_ns, each.stat().st_mode, each.read_bytes())
        for each in found
    }


def run(path: Path, data: Path, **flags: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """Import, and return the facts."""
    return import_.run(make_context(data), path=path, **flags).facts


def taken(data: Path) -> dict[str, tuple[str, str, bytes]]:
    """Return the set, label and bytes of each album by its id."""
    with equigen.open(data) as dataset:
        return {
            each.album["album_id"]: (
                each.album.get("set_given", ""), each.label,
                each.cover.read_bytes() if each.sha256 else b"",
            )
            for each in dataset.rows()
        }  # fmt: skip


def test_a_folder_of_sets_and_classes(tmp_path: Path) -> None:
    """Sets, classes and bytes are those of the folder, by hard links; nothing in it changes."""
    names = ["train/Jazz/a.jpg", "train/Rock/b.jpg", "valid/Jazz/a.jpg", "test/Rock/deep/c.PNG"]
    there = put(tmp_path / "theirs", *names)
    (tmp_path / "theirs" / "Thumbs.db").write_bytes(b"x")
    before = state(tmp_path / "theirs")
    facts = run(tmp_path / "theirs", tmp_path / "data")
    assert state(tmp_path / "theirs") == before
    assert facts["covers"] == 4
    assert facts["sets"] == {"train": 2, "val": 1, "test": 1}
    assert taken(tmp_path / "data") == {
        "file:train/Jazz/a.jpg": ("train", "Jazz", there[names[0]]),
        "file:train/Rock/b.jpg": ("train", "Rock", there[names[1]]),
        "file:valid/Jazz/a.jpg": ("val", "Jazz", there[names[2]]),
        "file:test/Rock/deep/c.PNG": ("test", "Rock", there[names[3]]),
    }
    with equigen.open(tmp_path / "data") as dataset:
        assert all(each.cover.stat().st_nlink == 2 for each in dataset.examples())


def test_a_folder_of_classes_one_of_which_is_called_test(tmp_path: Path) -> None:
    """Folders are sets only where all of them are; copies are no links."""
    put(tmp_path / "theirs", "test/a.jpg", "Jazz/b.jpg", "c.jpg")
    run(tmp_path / "theirs", tmp_path / "data", link=import_.Taking.COPY)
    found = {key: each[:2] for key, each in taken(tmp_path / "data").items()}
    assert found == {
        "file:test/a.jpg": ("", "test"), "file:Jazz/b.jpg": ("", "Jazz"), "file:c.jpg": ("", "_"),
    }  # fmt: skip
    with equigen.open(tmp_path / "data") as dataset:
        assert all(each.cover.stat().st_nlink == 1 for each in dataset.examples())


def test_what_is_broken_or_a_link_is_no_cover(tmp_path: Path) -> None:
    """A file that doesn't decode is counted and stays where it was; a link is passed over."""
    theirs = tmp_path / "theirs"
    there = put(theirs, "Jazz/a.jpg", "Jazz/b.jpg")
    (theirs / "Jazz" / "b.jpg").write_bytes(there["Jazz/b.jpg"][:200])
    (tmp_path / "secret.jpg").write_bytes(jpeg(9))
    (theirs / "Jazz" / "c.jpg").symlink_to(tmp_path / "secret.jpg")
    before = state(theirs)
    facts = run(theirs, tmp_path / "data")
    assert (facts["covers"], facts["broken"]) == (1, 1)
    assert state(theirs) == before
    assert {key: bool(each[2]) for key, each in taken(tmp_path / "data").items()} == {
        "file:Jazz/a.jpg": True, "file:Jazz/b.jpg": False,
    }  # fmt: skip


@posix_only
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    """Pipes called as pictures and tables are passed over in a folder, else refused."""
    there = put(theirs := tmp_path / "theirs", "Jazz/a.jpg")
    for name in ("metadata.parquet", "metadata.csv", "Jazz/b.jpg", "train.parquet"):
        os.mkfifo(theirs / name)
    run(theirs, tmp_path / "data")
    assert [each[2] for each in taken(tmp_path / "data").values()] == [there["Jazz/a.jpg"]]
    with pytest.raises(InputError, match="expected a folder of pictures, or a table"):
        run(theirs / "train.parquet", tmp_path / "other")


def write_csv(file: Path, *rows: Sequence[str]) -> Path:
    """Write a table, packed where its name says so."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    text = out.getvalue().encode()
    file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    return file


@pytest.mark.parametrize("name", ["covers.csv", "covers.csv.gz"])
def test_a_table_of_addresses(tmp_path: Path, name: str) -> None:
    """Addresses, labels and sets are found by the names of their columns, or by --column."""
    file = write_csv(
        tmp_path / name,
        ["Image_URL", "kind", "set", "artist"],
        ["http://127.0.0.1:9/1.jpg", "Jazz, cool", "train", "Prince"],
        ["http://127.0.0.1:9/1.jpg", "Rock", "validation", "Björk"],
    )
    facts = run(file, tmp_path / "data", column=["label=kind"])
    rows = read_rows(tmp_path / "data" / "equigen_dataset.tsv")
    shown = [(each["artist"], each["genre"], each["set_given"], each["image_url"]) for each in rows]
    assert shown == [
        ("Prince", "Jazz, cool", "train", "http://127.0.0.1:9/1.jpg"),
        ("Björk", "Rock", "val", "http://127.0.0.1:9/1.jpg"),
    ]
    assert facts["covers"] == 0


def test_a_table_of_files_reads_none_outside(tmp_path: Path) -> None:
    """Files beside the table are taken; a path that leads out, or through a link, is not."""
    theirs = tmp_path / "theirs"
    there = put(theirs, "a.jpg")
    put(tmp_path, "secret.jpg")
    (theirs / "out").symlink_to(tmp_path)
    paths = ["./a.jpg", "../secret.jpg", str(tmp_path / "secret.jpg"), "out/secret.jpg", "gone.jpg"]
    file = write_csv(theirs / "t.tsv.csv", ["path", "label"], *([each, "Jazz"] for each in paths))
    facts = run(file, tmp_path / "data")
    assert facts["covers"] == 1
    bodies = [each[2] for each in taken(tmp_path / "data").values()]
    assert bodies == [there["a.jpg"], b"", b"", b"", b""]


def test_metadata_beside_pictures(tmp_path: Path) -> None:
    """Rows join their files by name; one without a file is an album without a cover."""
    theirs = tmp_path / "theirs"
    there = put(theirs, "train/Jazz/a.jpg", "test/b.jpg")
    pl.DataFrame(
        {"file_name": ["Jazz/a.jpg", "gone.jpg"], "label": [3, 4], "artist": ["Prince", "Björk"]}
    ).write_parquet(theirs / "train" / "metadata.parquet")
    (theirs / "test" / "metadata.jsonl").write_text('{"file_name": "b.jpg", "label": "Pop"}\n')
    facts = run(theirs, tmp_path / "data")
    assert facts["covers"] == 2
    assert taken(tmp_path / "data") == {
        "file:test/b.jpg": ("test", "Pop", there["test/b.jpg"]),
        "file:train/Jazz/a.jpg": ("train", "Jazz", there["train/Jazz/a.jpg"]),
        "file:train/gone.jpg": ("train", "4", b""),
    }
    rows = read_rows(tmp_path / "data" / "equigen_dataset.tsv")
    assert [each["artist"] for each in rows] == ["", "Prince", "Björk"]


def test_an_export_comes_back(tmp_path: Path) -> None:
    """Our own exports, Parquet and folders, come back with the same ids, labels, sets and bytes."""
    pytest.importorskip("pyarrow")
    data = filled(tmp_path / "first", albums(12))
    with equigen.open(data) as dataset:
        wanted = {
            each.album["album_id"]: (each.set, each.label, each.cover.read_bytes())
            for each in dataset.examples()
        }
    for name in ("parquet", "imagefolder"):
        run_export(data, tmp_path / name, name)
        run(tmp_path / name, tmp_path / f"data-{name}")
        assert taken(tmp_path / f"data-{name}") == wanted, name


def test_an_export_of_albums_that_were_dealt_anew(tmp_path: Path) -> None:
    """The sets are those that the export has, not those that its dataset was once given."""
    theirs = tmp_path / "theirs"
    put(theirs, *(f"train/Jazz/{at}.jpg" for at in range(30)))
    run(theirs, tmp_path / "first")
    split.run(make_context(tmp_path / "first"))
    run_export(tmp_path / "first", tmp_path / "out", "imagefolder")
    sets = run(tmp_path / "out", tmp_path / "data")["sets"]
    with equigen.open(tmp_path / "first") as dataset:
        assert sets == dataset.sets
    assert sets["test"] > 0


def test_an_export_of_datasets_by_hand(tmp_path: Path) -> None:
    """Bytes in Parquet, classes as numbers, a set in the file's name."""
    pq = pytest.importorskip("pyarrow.parquet")
    pa = pytest.importorskip("pyarrow")
    of = {"names": ["Jazz", "Rock"], "_type": "ClassLabel"}
    features = {"label": of, "labels": {"feature": of, "_type": "List"}, "styles": [of]}
    note = json.dumps({"info": {"features": features}})
    image = pa.array([{"bytes": jpeg(1), "path": "x.jpg"}, {"bytes": jpeg(2), "path": None}])
    lists = pa.array([[1, 0], [0]])
    table = pa.table({"image": image, "label": pa.array([1, 0]), "labels": lists, "styles": lists})
    (tmp_path / "hub" / "data").mkdir(parents=True)
    file = tmp_path / "hub" / "data" / "validation-00000-of-00001.parquet"
    pq.write_table(table.replace_schema_metadata({"huggingface": note}), file)
    run(tmp_path / "hub", tmp_path / "data")
    start = "file:data/validation-00000-of-00001.parquet"
    assert taken(tmp_path / "data") == {
        f"{start}/1": ("val", "Rock", jpeg(1)), f"{start}/2": ("val", "Jazz", jpeg(2)),
    }  # fmt: skip
    rows = read_rows(tmp_path / "data" / "equigen_dataset.tsv")
    assert [each["labels"] for each in rows] == ["Rock|Jazz", "Jazz"]
    assert [each["styles"] for each in rows] == ["Rock|Jazz", "Jazz"]
    assert not (tmp_path / "data" / "equigen_album_images" / ".imported").exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train-00000-of-00002.csv", "train"), ("my_validation.csv", "val"), ("latest.csv", ""),
        ("train_and_test.csv", ""), ("test/0000.csv", "test"), ("test/train-0.csv", "train"),
    ],
)  # fmt: skip
def test_a_set_in_the_name_of_a_table(tmp_path: Path, name: str, expected: str) -> None:
    """The file's name tells the set where it names one alone, else its folders do."""
    frame = pl.DataFrame({"image": [{"bytes": jpeg(1), "path": None}], "label": ["Jazz"]})
    file = (tmp_path / "hub" / name).with_suffix(".parquet")
    file.parent.mkdir(parents=True)
    frame.write_parquet(file)
    run(tmp_path / "hub", tmp_path / "data")
    assert [each[0] for each in taken(tmp_path / "data").values()] == [expected]


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    """A path that isn't there, an empty folder, another file, a broken table, a wrong column."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "x.txt").write_bytes(b"no")
    good = write_csv(tmp_path / "x.csv", ["image_url", "label"], ["http://a.example/1", "Jazz"])
    with pytest.raises(MissingInputError, match="no such file or folder"):
        run(tmp_path / "gone", tmp_path / "data")
    (tmp_path / "none.csv").write_bytes(b"")
    (tmp_path / "head.csv").write_bytes(b"image_url,label\n")
    pl.DataFrame({"image_url": []}, schema={"image_url": pl.String}).write_parquet(
        tmp_path / "head.parquet"
    )
    for name in ("empty", "x.parquet", "x.txt", "none.csv", "head.csv", "head.parquet"):
        with pytest.raises(InputError, match="expected"):
            run(tmp_path / name, tmp_path / "data")
    with pytest.raises(UsageError, match=r"no column 'labl' \(did you mean 'label'"):
        run(good, tmp_path / "data", column=["label=labl"])
    with pytest.raises(UsageError, match=r"expected NAME=COLUMN, .*did you mean 'label'"):
        run(good, tmp_path / "data", column=["labl=label"])
    other = write_csv(tmp_path / "y.csv", ["genre", "mood"], ["Jazz", "blue"])
    with pytest.raises(InputError, match=r"no column tells which pictures .*: genre, mood"):
        run(other, tmp_path / "data")
    torn = write_csv(tmp_path / "z.csv", ["image_url"], ["http://a.example/1"], ["x", "y"], ["z"])
    with pytest.raises(InputError, match="row 3: expected 1 cells, got 2"):
        run(torn, tmp_path / "data")
    run(good, tmp_path / "data")


def test_pictures_as_files_and_in_tables_at_once_are_refused(tmp_path: Path) -> None:
    """A picture beside a table with pictures isn't taken for the dataset; other tables may be."""
    theirs = tmp_path / "theirs"
    put(theirs, "readme/banner.jpg")
    pl.DataFrame({"x": [1]}).write_parquet(theirs / "figures.parquet")
    assert run(theirs, tmp_path / "data")["covers"] == 1
    frame = pl.DataFrame({"image": [{"bytes": jpeg(1), "path": None}], "label": ["Jazz"]})
    (theirs / "data").mkdir()
    frame.write_parquet(theirs / "data" / "train.parquet")
    with pytest.raises(InputError, match=r"readme/banner.jpg.*data/train.parquet"):
        run(theirs, tmp_path / "other")
    assert run(theirs / "data", tmp_path / "other")["sets"]["train"] == 1


def test_no_dataset_is_overwritten(tmp_path: Path) -> None:
    """A second import into the same folder is refused, and so is one into the folder itself."""
    theirs = tmp_path / "theirs"
    put(theirs, "Jazz/a.jpg")
    run(theirs, tmp_path / "data")
    with pytest.raises(UsageError, match="holds a dataset already"):
        run(theirs, tmp_path / "data")
    with pytest.raises(UsageError, match="lie in each other"):
        run(theirs, theirs / "data")
    with pytest.raises(InputError, match="this is a dataset of EquiGen"):
        run(tmp_path / "data", tmp_path / "other")


def test_an_import_that_failed_midway_goes_on(tmp_path: Path) -> None:
    """Where a table turns out broken at its end, the same import can be run again, mended."""
    file = write_csv(tmp_path / "x.csv", ["image_url", "label"], ["http://a.example/1", "Jazz"])
    good = file.read_bytes()
    file.write_bytes(good + b'"http://')
    with pytest.raises(InputError):
        run(file, tmp_path / "data")
    file.write_bytes(good)
    run(file, tmp_path / "data")
    assert len(taken(tmp_path / "data")) == 1


def test_rows_of_one_file_stay_apart(tmp_path: Path) -> None:
    """Files that stand in a table several times are as many albums, each with its own picture."""
    theirs = tmp_path / "theirs"
    there = put(theirs, "a.jpg", "b.jpg")
    rows = [(name, "Jazz", of) for of in ("train", "val", "test") for name in ("a.jpg", "b.jpg")]
    run(write_csv(theirs / "t.csv", ["file", "label", "set"], *rows), tmp_path / "data")
    found = taken(tmp_path / "data")
    assert [each[2] for each in found.values()] == [there[name] for name, *_ in rows]
    assert [each[0] for each in found.values()] == [of for *_, of in rows]


def test_names_of_files_are_their_bytes(tmp_path: Path) -> None:
    """A name in decomposed letters is found as it is written in the folder, and in the table."""
    theirs = tmp_path / "theirs"
    name = unicodedata.normalize("NFD", "Björk.jpg")
    there = put(theirs, name)
    run(write_csv(theirs / "t.csv", ["file", "label"], [name, "Pop"]), tmp_path / "data")
    (album,) = taken(tmp_path / "data").values()
    assert album == ("", "Pop", there[name])


@pytest.mark.parametrize("at", ["read", "take", "covers"])
def test_an_import_that_was_stopped_goes_on(tmp_path: Path, at: str) -> None:
    """Stopped while it reads, takes or decodes, it is whole when it is run again."""
    theirs = tmp_path / "theirs"
    there = put(theirs, "train/Jazz/a.jpg", "train/Jazz/b.jpg", "test/Rock/c.jpg")

    @contextmanager
    def stopping(description: str, total: int, unit: str) -> Iterator[SilentBar]:
        if description == at:
            raise KeyboardInterrupt
        yield SilentBar()

    context = make_context(tmp_path / "data")
    with pytest.raises(KeyboardInterrupt):
        import_.run(replace(context, bar=stopping), path=theirs)
    assert run(theirs, tmp_path / "data")["covers"] == 3
    assert {each[2] for each in taken(tmp_path / "data").values()} == {*there.values()}
    with pytest.raises(UsageError, match="holds a dataset already"):
        run(theirs, tmp_path / "data")


def test_an_import_that_only_made_a_ledger_goes_on(tmp_path: Path) -> None:
    """One that knows nothing is of a run that was killed; one that knows covers is a dataset's."""
    put(theirs := tmp_path / "theirs", "Jazz/a.jpg")
    context = make_context(tmp_path / "data")
    context.directory.mkdir()
    with Ledger(context.ledger):
        pass
    assert run(theirs, context.directory)["covers"] == 1
    context.tsv.unlink()
    shutil.rmtree(context.images)
    with pytest.raises(UsageError, match="holds a dataset already"):
        run(theirs, context.directory)


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("kind", "number", "kills"),
    [
        ("hardlink", signal.SIGKILL, 20), ("copy", signal.SIGKILL, 20),
        ("parquet", signal.SIGKILL, 20), ("hardlink", signal.SIGTERM, 6),
    ],
)  # fmt: skip
def test_an_import_killed_at_any_moment_goes_on(
    tmp_path: Path, forks: Forks, kind: str, number: int, kills: int
) -> None:
    """The run after a kill ends what it began; what is imported stays as it was all the time."""
    theirs, data = tmp_path / "theirs", tmp_path / "data"
    if kind == "parquet":
        rows = [({"bytes": jpeg(at), "path": None}, "Jazz") for at in range(90)]
        theirs.mkdir()
        frame = pl.DataFrame(rows, schema=["image", "label"], orient="row")
        frame.write_parquet(theirs / "train.parquet")
    else:
        put(
            theirs,
            *(f"{name}/{['Jazz', 'Pop'][at % 2]}/{at}.jpg" for name in SETS for at in range(30)),
        )
    before = state(theirs)
    run(theirs, tmp_path / "whole")
    whole = taken(tmp_path / "whole")

    def restore() -> None:
        shutil.rmtree(data, ignore_errors=True)

    def check() -> None:
        assert state(theirs) == before
        check_ledger(data)

    def compare() -> None:
        assert taken(data) == whole

    args = ("import", str(theirs), "--link", "copy" if kind == "copy" else "hardlink")
    case = Case(data, args, restore, check, compare, done="holds a dataset already")
    kill_often(forks, case, kills=kills, seed=5, number=number)


def test_covers_without_addresses_follow_their_labels(tmp_path: Path) -> None:
    """A download lays out further labels, and moves a cover whose label was changed in the TSV."""
    theirs, data = tmp_path / "theirs", tmp_path / "data"
    there = put(theirs, "a.jpg", "b.jpg")
    rows = [("a.jpg", "Jazz|Pop"), ("b.jpg", "Rock")]
    run(write_csv(theirs / "t.csv", ["file", "label"], *rows), data)
    context = make_context(data)
    assert download.run(context).rows_out == 2
    assert {each.parent.name for each in context.images.glob("*/*.jpg")} == {"Jazz", "Pop", "Rock"}
    tsv = context.tsv.read_text(encoding="utf-8")
    context.tsv.write_text(tsv.replace("\tRock\t", "\tFolk\t"), encoding="utf-8")
    assert download.run(context).rows_out == 2
    assert {each.parent.name for each in context.images.glob("*/*.jpg")} == {"Folk", "Jazz", "Pop"}
    assert {each[1:] for each in taken(data).values()} == {
        ("Jazz", there["a.jpg"]), ("Folk", there["b.jpg"]),
    }  # fmt: skip


def test_the_sets_that_were_given_can_be_kept(tmp_path: Path) -> None:
    """After `split --keep-sets` the sets are theirs, but for a copy of a test cover in train."""
    theirs = tmp_path / "theirs"
    put(theirs, "train/Jazz/a.jpg", "train/Jazz/b.jpg", "val/Jazz/c.jpg", "test/Jazz/d.jpg")
    (theirs / "train" / "Jazz" / "leak.jpg").write_bytes((theirs / "test/Jazz/d.jpg").read_bytes())
    run(theirs, tmp_path / "data")
    context = make_context(tmp_path / "data", split={"keep_sets": True})
    assert split.run(context).facts["sets"] == {"train": 2, "val": 1, "test": 1}
