"""Audits of other people's datasets: each leak that was planted is told, and nothing else."""

import csv
import gzip
import io
import shutil
import signal
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from forks import Forks
from kills import Case, kill_often
from PIL import Image
from reports import Page, jpeg
from support import Script, ScriptedServer, equigen, from_json, make_context, realdata

from equigen.commands import audit
from equigen.errors import InputError, LeakError, UsageError
from equigen.schema import SETS
from equigen.storage.lock import dataset_lock

COVERS = {
    "beets/abbey.jpg": "train/Rock",
    "misc/takecare.jpg": "train/Rap",
    "named_by_year/2012 - Beach House - Bloom.jpeg": "train/Pop",
    "named_by_year/2014 - King Crimson - Red.jpeg": "train/Rock",
    "named_by_year/2016 - Gang of Four - Entertainment!.jpeg": "val/Rock",
    "songdb/Minecraft.jpg": "val/Pop",
    "songdb/Portal_-_Still_Alive.jpg": "test/Pop",
    "beets/abbey-different.jpg": "test/Rock",
}


def planted(root: Path) -> None:
    """Lay out real covers in sets, with leaks: a copy, one saved anew, two labels, a broken one."""
    there = realdata("covers")
    for name, folder in COVERS.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(there / name, root / folder / Path(name).name)
    shutil.copyfile(there / "misc/takecare.jpg", root / "test" / "Rock" / "copy.jpg")
    with Image.open(there / "named_by_year/2012 - Beach House - Bloom.jpeg") as cover:
        cover.convert("RGB").resize((150, 150)).save(root / "val/Pop/small.jpg", quality=60)
    (root / "val" / "Rock" / "broken.jpg").write_bytes(
        (root / "train/Rock/abbey.jpg").read_bytes()[:900]
    )


def run(path: Path, page: Path, **flags: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """Audit, and return the facts."""
    return audit.run(make_context(page.parent), path=path, output=page, **flags).facts


def names(found: object) -> list[tuple[str, list[str]]]:
    """Return the kind and the albums of each leak."""
    assert isinstance(found, list)
    return sorted((each["kind"], sorted(a["name"] for a in each["albums"])) for each in found)


def files_in(folder: Path) -> list[Path]:
    """Return the files below a folder."""
    return sorted(each for each in folder.rglob("*") if each.is_file())


def test_planted_leaks_between_real_covers_are_found(tmp_path: Path) -> None:
    """A copy and a smaller one in other sets, two labels, a broken file: those and no others."""
    planted(tmp_path / "theirs")
    before = sorted(
        (str(each), each.stat().st_mtime_ns) for each in (tmp_path / "theirs").rglob("*")
    )
    facts = run(tmp_path / "theirs", tmp_path / "audit.html")
    assert names(facts["leaking"]) == [
        (
            "near-duplicate",
            ["train/Pop/2012 - Beach House - Bloom.jpeg", "val/Pop/small.jpg"],
        ),
        ("same file", ["test/Rock/copy.jpg", "train/Rap/takecare.jpg"]),
    ]
    assert names(facts["label_conflicts"]) == [
        ("same file", ["test/Rock/copy.jpg", "train/Rap/takecare.jpg"])
    ]
    assert [*facts["broken"]] == ["val/Rock/broken.jpg"]
    assert facts["also_in_train"] == {
        "val": {"albums": 4, "picture": 1, "artist": 0},
        "test": {"albums": 3, "picture": 1, "artist": 0},
    }
    assert facts["sets"] == {"train": 4, "val": 4, "test": 3}
    assert facts["classes"]["Rock"] == {"train": 2, "val": 2, "test": 2}
    after = sorted(
        (str(each), each.stat().st_mtime_ns) for each in (tmp_path / "theirs").rglob("*")
    )
    assert after == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["audit.html", "theirs"]
    page = Page((tmp_path / "audit.html").read_text(encoding="utf-8"))
    assert "leaks between sets: same file 1 (of 2 albums)" in page.text
    leaks, _, broken, sets = page.tables
    assert [each[-3:] for each in leaks if "copy" in each[-1] or "takecare" in each[-1]] == [
        ["train", "Rap", "train/Rap/takecare.jpg"], ["test", "Rock", "test/Rock/copy.jpg"],
    ]  # fmt: skip
    assert broken[1:] == [["val/Rock/broken.jpg", "broken"]]
    assert [each[0] for each in sets[1:]] == ["Rock", "Pop", "Rap", "All"]
    assert "equigen features" not in page.text  # nor anything else of a dataset of ours
    assert sum((each["src"] or "").startswith("data:") for each in page.all("img")) >= 10


def test_addresses_of_a_published_table(tmp_path: Path) -> None:
    """Of a table without pictures, addresses in several sets or genres are as counted by hand."""
    file = realdata("msdi", "pictures_with_leaks_a.csv.gz")
    rows = defaultdict(list)
    for each in csv.DictReader(io.StringIO(gzip.decompress(file.read_bytes()).decode())):
        rows[each["image_url"]].append((each["set"], each["genre_label"]))
    sets = [some for some in rows.values() if len({name for name, _ in some}) > 1]
    genres = [some for some in rows.values() if len({genre for _, genre in some}) > 1]
    facts = run(file, tmp_path / "audit.html")
    assert facts["leaks"]["same address"] == {"leaks": len(sets), "albums": sum(map(len, sets))}
    assert len(facts["label_conflicts"]) == len(genres)
    page = Page((tmp_path / "audit.html").read_text(encoding="utf-8"))
    assert len(page.all("tbody")) == len(sets) + len(genres) + 2  # and those of the classes
    for name in ("val", "test"):
        there = [some for some in rows.values() for of, _ in some if of == name]
        in_train = sum(any(of == "train" for of, _ in some) for some in there)
        assert facts["also_in_train"][name] == {
            "albums": len(there), "picture": in_train, "artist": 0,
        }  # fmt: skip


def table(file: Path, text: str) -> Path:
    """Write a table."""
    file.write_text(text, encoding="utf-8")
    return file


def test_an_audit_asks_no_address(tmp_path: Path) -> None:
    """The addresses of a table are compared as texts."""
    with ScriptedServer(Script()) as server:
        rows = "".join(f"{server.url}/{at}.jpg,Jazz,train\n" for at in range(3))
        run(table(tmp_path / "t.csv", f"image_url,label,set\n{rows}"), tmp_path / "audit.html")
        assert server.seen == []


def test_an_artist_in_several_sets(tmp_path: Path) -> None:
    """Artists are compared as everywhere, in any spelling; a table without leaks has none."""
    file = table(
        tmp_path / "t.csv",
        "image_url,label,set,artist\n"
        "http://127.0.0.1:9/1,Jazz,train,The Beatles\n"
        'http://127.0.0.1:9/2,Jazz,test,"Beatles, The"\n'
        "http://127.0.0.1:9/3,Rock,test,Various\n"
        "http://127.0.0.1:9/4,Rock,train,Various\n",
    )
    facts = run(file, tmp_path / "audit.html")
    assert names(facts["leaking"]) == [
        ("same artist", ["http://127.0.0.1:9/1", "http://127.0.0.1:9/2"])
    ]
    assert facts["also_in_train"]["test"] == {"albums": 2, "picture": 0, "artist": 1}
    assert facts["label_conflicts"] == []


def test_what_ties_pictures_that_differ(tmp_path: Path) -> None:
    """A file with two labels in train, whose look-alike is in test, leaks by its looks alone."""
    planted(theirs := tmp_path / "theirs")
    (theirs / "train" / "Folk").mkdir()
    bloom = "2012 - Beach House - Bloom.jpeg"
    shutil.copyfile(theirs / "train" / "Pop" / bloom, theirs / "train" / "Folk" / bloom)
    facts = run(theirs, tmp_path / "audit.html")
    three = [f"train/Folk/{bloom}", f"train/Pop/{bloom}", "val/Pop/small.jpg"]
    assert ("near-duplicate", three) in names(facts["leaking"])
    assert ("same file", three) in names(facts["label_conflicts"])


def test_strict_fails_where_anything_leaks(tmp_path: Path) -> None:
    """With --strict a leak is an error, after the page is written; without one it is none."""
    head = "image_url,label,set\nhttp://127.0.0.1:9/1,Jazz,train\n"
    clean = table(tmp_path / "clean.csv", f"{head}http://127.0.0.1:9/2,Jazz,test\n")
    leaky = table(tmp_path / "leaky.csv", f"{head}http://127.0.0.1:9/1,Jazz,test\n")
    run(clean, tmp_path / "audit.html", strict=True)
    (tmp_path / "audit.html").unlink()
    with pytest.raises(LeakError, match="same address 1"):
        run(leaky, tmp_path / "audit.html", strict=True)
    assert (tmp_path / "audit.html").exists()


def test_a_folder_without_sets_and_hostile_names(tmp_path: Path) -> None:
    """Nothing can leak without sets; markup in names stays text; the page isn't put into it."""
    theirs = tmp_path / "theirs"
    for at, name in enumerate(("<script>alert(1)</script>", "Jazz")):
        (theirs / name.replace("/", "_")).mkdir(parents=True)
        (theirs / name.replace("/", "_") / "a.jpg").write_bytes(jpeg(at + 5))
    facts = run(theirs, tmp_path / "audit.html")
    assert facts["leaking"] == []
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "no album is in a set, so nothing can leak" in page
    for output in (theirs / "audit.html", tmp_path / "audit.txt"):
        with pytest.raises(UsageError, match="--output"):
            run(theirs, output)


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(("number", "kills"), [(signal.SIGKILL, 20), (signal.SIGTERM, 8)])
def test_an_audit_killed_at_any_moment(
    tmp_path: Path, forks: Forks, number: int, kills: int
) -> None:
    """What is audited stays as it was; the next audit sweeps what a kill left, SIGTERM nothing."""
    theirs, place = tmp_path / "theirs", tmp_path / "place"
    for at in range(60):
        file = theirs / SETS[at % 3] / "Jazz" / f"{at}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg(at % 50))
    before = [(each, each.stat().st_mtime_ns, each.stat().st_nlink) for each in files_in(theirs)]

    def restore() -> None:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()

    def check() -> None:
        now = [(each, each.stat().st_mtime_ns) for each in files_in(theirs)]
        assert now == [each[:2] for each in before]
        if number == signal.SIGTERM:
            compare()

    def compare() -> None:
        assert {each.name for each in place.iterdir()} <= {"audit.html"}
        assert [each.stat().st_nlink for each in files_in(theirs)] == [each[2] for each in before]

    args = ("audit", str(theirs), "--output", str(place / "audit.html"))
    kill_often(
        forks, Case(place, args, restore, check, compare), kills=kills, seed=6, number=number
    )


def test_a_page_is_of_one_audit_at_a_time(tmp_path: Path) -> None:
    """A second audit to the same page is refused, and so is a link in the place of its folder."""
    file = table(tmp_path / "t.csv", "image_url,label\nhttp://127.0.0.1:9/1,Jazz\n")
    hidden = tmp_path / ".equigen-audit-audit.html"
    with dataset_lock(hidden, stage="audit", now=datetime.now(UTC)):
        ended = equigen("audit", "t.csv", cwd=tmp_path)
    assert (ended.returncode, "holds its lock" in ended.stderr) == (1, True)
    shutil.rmtree(hidden)
    (tmp_path / "kept" / "data").mkdir(parents=True)
    hidden.symlink_to(tmp_path / "kept")
    with pytest.raises(UsageError, match="a link"):
        run(file, tmp_path / "audit.html")
    assert (tmp_path / "kept" / "data").exists()


def test_the_program_audits_and_imports(tmp_path: Path) -> None:
    """Both commands work as programs, from any folder, and print JSON."""
    for name, at in (("train/Jazz/a.jpg", 1), ("test/Jazz/b.jpg", 1), ("test/Rock/c.jpg", 2)):
        file = tmp_path / "theirs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg(at))
    found = from_json(equigen("audit", "theirs", "--json", cwd=tmp_path).stdout)
    assert found["leaks"]["same file"] == {"leaks": 1, "albums": 2}
    assert (tmp_path / "audit.html").exists()
    made = equigen("import", "theirs", "--directory", "ours", "--json", cwd=tmp_path)
    assert from_json(made.stdout)["covers"] == 3
    assert (tmp_path / "ours" / "equigen_dataset.tsv").exists()


def covers(root: Path, *paths: str) -> None:
    """Make pictures of different patterns, one a path."""
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        picture = Image.effect_noise((64, 64), 40 + 9 * number).resize((128, 128))
        picture.save(root / path)


def test_files_that_share_an_address_are_pictures_of_their_own(tmp_path: Path) -> None:
    """As the page of an artist; the file in several sets is told, and no other."""
    root = tmp_path / "theirs"
    files = [f"{name}/{number}.png" for name in ("train", "test") for number in range(4)]
    covers(root, *files)
    shutil.copyfile(root / "train" / "1.png", root / "test" / "again.png")
    rows = [f"{file},https://www.discogs.com/artist/1" for file in [*files, "test/again.png"]]
    (root / "metadata.csv").write_text("\n".join(["file_name,url", *rows]))
    facts = run(root, tmp_path / "audit.html")
    assert names(facts["leaking"]) == [("same file", ["test/again.png", "train/1.png"])]
    assert not facts["broken"]


@pytest.mark.parametrize("top", ["", "data/images/"])
def test_sets_are_found_beside_and_below_other_folders(tmp_path: Path, top: str) -> None:
    """A banner beside them, or a folder around them, hides no leak."""
    root = tmp_path / "theirs"
    covers(root, f"{top}assets/banner.png", f"{top}train/Jazz/a.png", f"{top}test/Rock/b.png")
    shutil.copyfile(root / f"{top}train/Jazz/a.png", root / f"{top}test/Rock/c.png")
    facts = run(root, tmp_path / "audit.html")
    assert facts["classes"]["Jazz"] == {"train": 1}
    assert facts["classes"]["Rock"] == {"test": 2}
    assert len(facts["leaking"]) == 1
    with pytest.raises(LeakError):
        run(root, tmp_path / "audit.html", strict=True)


def test_one_album_in_several_sets_of_a_table(tmp_path: Path) -> None:
    """By its id, though nothing tells of its picture; a missing artist ties nothing."""
    (tmp_path / "t.csv").write_text(
        "album_id,artist,label,split\nx1,nan,A,train\nx1,nan,B,test\nx2,nan,A,eval\nx3,X,A,train"
    )
    facts = run(tmp_path / "t.csv", tmp_path / "audit.html")
    assert [each["kind"] for each in facts["leaking"]] == ["same album"]
    assert [each["kind"] for each in facts["label_conflicts"]] == ["same album"]
    assert facts["sets"] == {"train": 2, "test": 1, "val": 1}
    assert not facts["broken"]


def test_a_small_table_is_not_unpacked_into_large_pictures(tmp_path: Path) -> None:
    """What compresses like no picture is refused before it takes the memory and the disk."""
    pictures = [{"bytes": bytes(20 << 20), "path": f"{number}.jpg"} for number in range(20)]
    pl.DataFrame({"image": pictures}).write_parquet(tmp_path / "t.parquet", compression="zstd")
    with pytest.raises(InputError, match="expected 50 times as many at most"):
        run(tmp_path / "t.parquet", tmp_path / "audit.html")
    assert files_in(tmp_path) == [tmp_path / "t.parquet"]
