"""`equigen export imagefolder`: pictures by class and set, whole or not there, as readers want."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from exported import ARCHIVE, albums, digest, files_of, filled, key, metadata, run_export
from reports import jpeg, row
from wholes import LEDGER

from equigen.errors import InputError, MissingInputError, UsageError
from equigen.exports.base import deal_shards


def torchvision_rule(folder: Path, *, allow_empty: bool = False) -> Iterator[tuple[str, int]]:
    """Yield files and classes as torchvision's ImageFolder documents it.

    https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.DatasetFolder.html
    """
    classes = sorted(each.name for each in os.scandir(folder) if each.is_dir())
    for number, name in enumerate(classes):
        files = sorted(str(file) for file in (folder / name).rglob("*.jpg"))
        assert files or allow_empty, f"Found no valid file for the classes {name}"
        for file in files:
            yield file, number


def test_pictures_stand_by_class_in_each_set(tmp_path: Path) -> None:
    """The bytes are those of the covers; all that is known stands in each set's table, typed."""
    data, out = filled(tmp_path / "data", albums(24)), tmp_path / "out"
    summary = run_export(data, out)
    assert (summary.rows_in, summary.rows_out, summary.dropped) == (24, 24, {})
    assert summary.facts["sets"] == {"train": 12, "val": 6, "test": 6}
    files = files_of(out)
    assert files["classes.txt"] == b"Jazz\nPop\nRock\n"
    for name in ("train", "val", "test"):
        table = metadata(out, name)
        for each in table.iter_rows(named=True):
            body = files[f"{name}/{each['file_name']}"]
            number = int(each["album_id"].partition(":")[2])
            assert body == jpeg(number)
            assert digest(body) == each["sha256"]
            assert each["file_name"] == f"{each['label_name']}/{key(number)}.jpg"
            assert (each["set"], each["source"]) == (name, "musicbrainz")
            assert ["Jazz", "Pop", "Rock"][each["label"]] == each["label_name"]
        assert table["sha256"].to_list() != sorted(table["sha256"])
        keys = [each.rpartition("/")[2] for each in table["file_name"]]
        assert keys == sorted(keys)
    kinds = metadata(out, "train").schema
    shown = [str(kinds[name]) for name in ("year", "genres", "label")]
    assert shown == ["Int16", "List(String)", "Int64"]


def test_made_twice_it_is_the_same_and_again_nothing_is_touched(tmp_path: Path) -> None:
    """No date and no place is in it; a second run on it changes no file."""
    data, out, other = filled(tmp_path / "data", albums(12)), tmp_path / "out", tmp_path / "other"
    run_export(data, out)
    run_export(data, other)
    assert files_of(out) == files_of(other)
    before = {file: file.stat().st_ino for file in out.rglob("*")}
    again = run_export(data, out)
    assert again.facts["made_anew"] == 0
    assert {file: file.stat().st_ino for file in out.rglob("*")} == before


def test_every_class_has_its_folder_in_every_set(tmp_path: Path) -> None:
    """Readers number classes by the folders that they see; the card tells which are empty."""
    rows = [row(n, "Jazz" if n % 4 < 2 else "Rock", image_url=ARCHIVE.format(n)) for n in range(8)]
    data, out = filled(tmp_path / "data", rows), tmp_path / "out"
    run_export(data, out)
    for name in ("train", "val", "test"):
        numbers = {number for _, number in torchvision_rule(out / name, allow_empty=True)}
        assert numbers == {0 if name == "train" else 1}
        assert sorted(each.name for each in (out / name).iterdir() if each.is_dir()) == [
            "Jazz",
            "Rock",
        ]
    card = (out / "README.md").read_text()
    assert "No picture here is of: Rock (train), Jazz (val), Jazz (test)" in card
    assert "allow_empty=True" in card


def test_titles_that_mean_something_to_readers(tmp_path: Path) -> None:
    """Dots, sets, long names: none of it is ever a path, and all of it is in the table."""
    titles = [
        "a.b.jpg",
        "train",
        "test",
        "NA",
        "007",
        "1999-01-02",
        "x" * 900,
        "../../etc",
        "\u202eevil",
        "-",
    ]
    rows = [
        {**each, "album": title, "artist": f"{title} {at}"}
        for at, (each, title) in enumerate(zip(albums(len(titles)), titles, strict=True))
    ]
    data, out = filled(tmp_path / "data", rows, sets=("train",)), tmp_path / "out"
    run_export(data, out)
    table = metadata(out, "train")
    assert {*table["album"]} == {*titles}
    assert all(len(each.rpartition("/")[2]) == 24 for each in table["file_name"])


def test_columns_that_readers_would_take_for_the_picture_are_renamed(tmp_path: Path) -> None:
    """`image`, `file_name` and the export's own names get an underscore; their cells stay."""
    more = {"image": "x", "file_name": "y", "back_file_name": "z", "label": "w", "Artist": "v"}
    data, out = (
        filled(tmp_path / "data", [{**each, **more} for each in albums(4)]),
        tmp_path / "out",
    )
    run_export(data, out)
    table = metadata(out, "train")
    for name, cell in more.items():
        assert table[f"{name}_"].to_list() == [cell, cell]
    assert "image" not in table.columns
    assert len({name.lower() for name in table.columns}) == len(table.columns)
    assert table["label"].dtype == pl.Int64


def test_albums_of_several_labels(tmp_path: Path) -> None:
    """Each is there once, in the folder of its first label; the table has all of them."""
    rows = [{**each, "labels": "Jazz|Ska"} for each in albums(6)]
    data, out = filled(tmp_path / "data", rows), tmp_path / "out"
    run_export(data, out)
    assert files_of(out)["classes.txt"] == b"Jazz\nPop\nRock\nSka\n"
    for each in metadata(out, "train").iter_rows(named=True):
        assert each["labels"][0] == each["label_name"]
        assert {*each["labels"]} == {each["label_name"], "Jazz", "Ska"}
    assert "6 albums have several labels" in (out / "README.md").read_text()


def test_the_longest_class_and_controls_in_cells(tmp_path: Path) -> None:
    """A folder of 255 bytes is one; what stands in a cell stands in the table."""
    rows = [row(n, "\u00e9" * 127 + "x", image_url=ARCHIVE.format(n)) for n in range(4)]
    rows[0]["album"] = "a\x01b\u2028c"
    data, out = filled(tmp_path / "data", rows), tmp_path / "out"
    run_export(data, out)
    folder = next(each for each in (out / "train").iterdir() if each.is_dir())
    assert len(folder.name.encode()) == 255
    assert "a\x01b\u2028c" in metadata(out, "train")["album"]
    run_export(data, out)


def test_a_class_is_not_taken_for_the_table(tmp_path: Path) -> None:
    """One that is called so has a folder with an underscore."""
    rows = [row(n, "metadata.parquet", image_url=ARCHIVE.format(n)) for n in range(4)]
    data, out = filled(tmp_path / "data", rows), tmp_path / "out"
    run_export(data, out)
    table = metadata(out, "train")
    assert table["label_name"].to_list() == ["metadata.parquet"] * 2
    assert all((out / "train" / name).is_file() for name in table["file_name"])


def test_before_a_split_all_are_one_set(tmp_path: Path) -> None:
    """It is called train, and both the summary and the card say why."""
    data, out = filled(tmp_path / "data", albums(6)), tmp_path / "out"
    with closing(sqlite3.connect(data / LEDGER)) as db, db:
        db.execute("DELETE FROM sets")
    summary = run_export(data, out)
    assert summary.facts["sets"] == {"train": 6}
    assert any("no cover is in a set yet" in note for note in summary.notes)
    assert "in no sets when this was made" in (out / "README.md").read_text()


def test_what_is_in_no_set_is_left_out(tmp_path: Path) -> None:
    """Where there are sets; rows without a cover are told, too."""
    data, out = (
        filled(tmp_path / "data", albums(8), sets=("train", "aside", "val", "test")),
        tmp_path / "out",
    )
    next((data / "equigen_album_images").rglob("Artist 0 *")).unlink()
    summary = run_export(data, out)
    assert (summary.rows_in, summary.rows_out) == (8, 5)
    assert summary.dropped == {"without a cover": 1, "in no set": 2}


def test_a_file_that_changed_is_left_out(tmp_path: Path) -> None:
    """Its size tells; what stands in the table is true of the file."""
    data, out = filled(tmp_path / "data", albums(4)), tmp_path / "out"
    file = next((data / "equigen_album_images").rglob("Artist 0 *"))
    file.write_bytes(b"no")
    assert run_export(data, out).dropped == {"file gone or changed since the download": 1}


def test_the_card_tells_what_features_are(tmp_path: Path) -> None:
    """That faces were guessed by a model, above all, and the licence of its weights."""
    data, out = filled(tmp_path / "data", albums(4)), tmp_path / "out"
    (data / "features").mkdir()
    told = {"sha256": ["0" * 64], "version": ["1"], "reason": [""], "found": [1]}
    pl.DataFrame(told).write_parquet(data / "features" / "faces.parquet")
    run_export(data, out, features="faces")
    card = (out / "README.md").read_text()
    assert "`faces`: The faces that a detector finds on a cover, with a model's guess" in card
    assert "CC0-1.0 (age and gender)" in card


# Law


@pytest.mark.parametrize(
    ("cells", "source"),
    [
        ({"album_id": "spotify:a{}"}, "spotify"),
        ({"image_url": "https://i.scdn.co/image/{}"}, "spotify"),
        ({"album_id": "discogs:m{}", "image_url": "https://i.discogs.com/{}.jpg"}, "discogs"),
        ({"album_id": "discogs:m{}", "image_url": ""}, "discogs"),
        ({"album_id": "", "image_url": "https://img.discogs.com/{}.jpg"}, "discogs"),
    ],
)
def test_covers_that_may_not_be_passed_on_are_left_out(
    tmp_path: Path, cells: dict[str, str], source: str
) -> None:
    """Unless the copy stays with the user; the card says what is missing, or that it is private."""
    rows = [
        {**each, **{name: cell.format(at) for name, cell in cells.items() if at % 2}}
        for at, each in enumerate(albums(8))
    ]
    data, out = (
        filled(tmp_path / "data", rows, sets=("train", "train", "train", "val", "test", "test")),
        tmp_path / "out",
    )
    summary = run_export(data, out)
    assert (summary.rows_out, summary.dropped) == (4, {f"forbidden to pass on: {source}": 4})
    card = (out / "README.md").read_text()
    assert f"4 covers of {source} are missing here." in card
    assert '`download.prefer = "free"` takes a cover that may be passed on' in card
    mine = run_export(data, out, private_use=True)
    assert (mine.rows_out, mine.facts["private"]) == (8, {source: 4})
    card = (out / "README.md").read_text()
    assert f"4 covers of {source} are in this copy, and it must not be passed on" in card
    run_export(data, out)
    assert len(list(out.rglob("*.jpg"))) == 4


def test_covers_of_discogs_albums_from_the_archive_may_go(tmp_path: Path) -> None:
    """Rows of the dump are CC0; the law is that of the picture."""
    rows = albums(4, album_id="")
    rows = [{**each, "album_id": f"discogs:m{at}"} for at, each in enumerate(rows)]
    assert run_export(filled(tmp_path / "data", rows), tmp_path / "out").rows_out == 4


def test_where_nothing_may_go_it_says_how(tmp_path: Path) -> None:
    """The demo's albums are of this kind; nothing is made."""
    data = filled(tmp_path / "data", albums(4, album_id="spotify:1"))
    with pytest.raises(UsageError, match=r"4 forbidden to pass on: spotify.*--private-use"):
        run_export(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Places


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """Also where an export lies there and the file is deep in it; nothing is touched."""
    data, out = filled(tmp_path / "data", albums(4)), tmp_path / "out"
    out.mkdir()
    run_export(data, out)
    (out / "train" / "notes.txt").write_text("mine")
    before = files_of(out)
    with pytest.raises(UsageError, match=r"no export of EquiGen put there: train/notes\.txt"):
        run_export(data, out)
    assert files_of(out) == before
    (out / "train" / "notes.txt").unlink()
    (out / "val" / "elsewhere").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="put there: val/elsewhere"):
        run_export(data, out)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="this is a file"):
        run_export(data, tmp_path / "file")


@pytest.mark.parametrize(
    "name", [".", "..", "split", "split/train", "equigen_album_images/x", "features"]
)
def test_the_datasets_own_places_are_refused(tmp_path: Path, name: str) -> None:
    """Whatever the way that leads there."""
    data = filled(tmp_path / "data", albums(4))
    with pytest.raises(UsageError, match="a place of the dataset itself"):
        run_export(data, data / name)


def test_unknown_formats_and_features_are_named(tmp_path: Path) -> None:
    """With what there is."""
    data = filled(tmp_path / "data", albums(4))
    with pytest.raises(UsageError, match="did you mean 'imagefolder'"):
        run_export(data, tmp_path / "out", "imagefoldr")
    with pytest.raises(MissingInputError, match="equigen features compute colour"):
        run_export(data, tmp_path / "out", features="colour")


def test_a_link_in_the_place_of_what_is_built_is_refused(tmp_path: Path) -> None:
    """A folder that came from a stranger may have one: what it leads to stays as it is."""
    data, mine = filled(tmp_path / "data", albums(4)), tmp_path / "mine"
    mine.mkdir()
    (mine / "file").write_text("mine")
    for name in (".out.part", ".out.old"):
        (tmp_path / name).symlink_to(mine)
        with pytest.raises(UsageError, match=f"{name}: a link"):
            run_export(data, tmp_path / "out")
        (tmp_path / name).unlink()
    assert files_of(mine) == {"file": b"mine"}


# Again


def test_a_refresh_keeps_names_and_bytes(tmp_path: Path) -> None:
    """New albums come beside the old ones; classes where nothing changed are taken over."""
    data, out = filled(tmp_path / "data", albums(12)), tmp_path / "out"
    run_export(data, out)
    before = files_of(out)
    rows = [*albums(12), {**albums(1, 60)[0], "genre": "Rock"}]
    filled(data, rows)
    summary = run_export(data, out)
    after = files_of(out)
    assert summary.facts["made_anew"] == 3  # the class, the table and the card
    changed = {"train/metadata.parquet", "README.md", "export.json"}
    assert {name: after[name] for name in before if name not in changed} == {
        name: body for name, body in before.items() if name not in changed
    }
    assert after.keys() - before.keys() == {f"train/Rock/{key(60)}.jpg"}


def test_albums_that_left_are_gone(tmp_path: Path) -> None:
    """A class that nobody is of any more has no folder."""
    data, out = filled(tmp_path / "data", albums(12), sets=("train",)), tmp_path / "out"
    run_export(data, out)
    (data / "equigen_ledger.sqlite").unlink()
    filled(data, [each for each in albums(12) if each["genre"] != "Pop"], sets=("train",))
    run_export(data, out)
    assert sorted(each.name for each in (out / "train").iterdir()) == [
        "Jazz",
        "Rock",
        "metadata.parquet",
    ]


def test_what_a_kill_left_is_taken_up(tmp_path: Path) -> None:
    """Between the two renames the old export waits beside; the next run mends that first."""
    data, out = filled(tmp_path / "data", albums(12)), tmp_path / "out"
    run_export(data, out)
    whole = files_of(out)
    out.rename(tmp_path / ".out.old")
    run_export(data, out)
    assert files_of(out) == whole
    out.rename(tmp_path / ".out.part")
    (tmp_path / ".out.part" / "rest.new").write_text("half")
    summary = run_export(data, out)
    assert summary.facts["made_anew"] == 0
    assert files_of(out) == whole


def test_a_list_that_is_damaged_is_no_export(tmp_path: Path) -> None:
    """Nor one that names files elsewhere: nothing outside is touched or taken for known."""
    data, out = filled(tmp_path / "data", albums(4)), tmp_path / "out"
    run_export(data, out)
    listed = json.loads((out / "export.json").read_text())
    listed["pieces"][0]["name"] = "../data"
    for text in ("{", json.dumps(listed), json.dumps([1])):
        (out / "export.json").write_text(text)
        with pytest.raises(UsageError, match="no export of EquiGen"):
            run_export(data, out)


# Sizes


def test_pictures_are_made_smaller_on_the_way(tmp_path: Path) -> None:
    """By the settings of download; those that were made before are taken over."""
    data, out = filled(tmp_path / "data", albums(12)), tmp_path / "out"
    run_export(data, out, size=16)
    first = files_of(out)
    filled(data, albums(13))
    run_export(data, out, size=16)
    again, fresh = files_of(out), tmp_path / "fresh"
    run_export(data, fresh, size=16)
    assert again == files_of(fresh)
    name = f"train/Jazz/{key(0)}.jpg"
    assert again[name] == first[name] != jpeg(0)
    with pytest.raises(UsageError, match="the covers here have 8 pixels"):
        run_export(data, out, size=16, tables={"download": {"sizes": [8]}})


def test_sizes_that_download_made_are_taken(tmp_path: Path) -> None:
    """As they are; the one that is missing is made."""
    data, out = filled(tmp_path / "data", albums(4), sets=("train",)), tmp_path / "out"
    covers = data / "equigen_album_images"
    for file in covers.rglob("Artist [1-3] *.jpg"):
        made = data / "equigen_album_images_16" / file.relative_to(covers)
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(b"made of " + file.name.encode())
    run_export(data, out, size=16, tables={"download": {"sizes": [0, 16]}})
    bodies = sorted(file.read_bytes()[:7] for file in out.rglob("*.jpg"))
    assert bodies[:3] == [b"made of"] * 3
    assert bodies[3].startswith(b"\xff\xd8")


def test_a_cover_that_does_not_decode_names_its_file(tmp_path: Path) -> None:
    """Only where it is to be made smaller: as it is, the bytes are what was downloaded."""
    data = tmp_path / "data"
    fill_with = albums(1)
    filled(data, fill_with)
    file = next((data / "equigen_album_images").rglob("*.jpg"))
    file.write_bytes(b"x" * len(jpeg(0)))
    run_export(data, tmp_path / "out")
    with pytest.raises(InputError, match=r"Artist 0.*download --verify"):
        run_export(data, tmp_path / "small", size=16)


# Shards


def test_rows_stay_in_their_shards() -> None:
    """New ones fill the last; a shard that is empty takes the rows of the last one."""
    rows = dict.fromkeys("abcdefg", 10)
    first = deal_shards([], rows, 30)
    assert first == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert deal_shards(first, {**rows, "A": 10}, 30) == [[*"abc"], [*"def"], ["g", "A"]]
    left = {name: 10 for name in rows if name not in "abcf"}
    assert deal_shards(first, left, 30) == [["g"], ["d", "e"]]
    assert deal_shards(first, {"z": 99}, 30) == [["z"]]
    assert deal_shards([[], []], {}, 30) == []
