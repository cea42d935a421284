"""`equigen export parquet` and `webdataset`: shards that keep their rows."""

import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from exported import albums, digest, files_of, filled, run_export, snippets
from reports import fill, jpeg
from support import make_context

from equigen.dataset.feature_tables import FeatureTable
from equigen.errors import UsageError
from equigen.exports.shards import HashedFile
from equigen.exports.webdataset import tar_header

FORMATS = ("parquet", "webdataset")
TITLES = (
    "a.b.jpg", "train", "test", "NA", "007", "1999-01-02", "x" * 900, "../../etc", "image",
    "\u202eevil", '"', "{}", "null",
)  # fmt: skip
Sample = dict[str, bytes]


def samples(tar: Path) -> Iterator[tuple[str, Sample]]:
    """Yield the key and the members of each sample of a shard, as they lie in it."""
    with tarfile.open(tar) as archive:
        found: dict[str, Sample] = {}
        for member in archive:
            assert (member.mtime, member.uid, member.gid, member.mode) == (0, 0, 0, 0o644)
            name, _, extension = member.name.partition(".")
            file = archive.extractfile(member)
            assert file
            if name not in found and found:
                yield found.popitem()
            found.setdefault(name, {})[extension] = file.read()
        yield found.popitem()


def rows(out: Path, name: str) -> dict[str, dict[str, Any]]:
    """Return the rows of all shards of an export by album, with their bytes as `bytes`."""
    found: dict[str, dict[str, Any]] = {}
    for shard in sorted(out.rglob("*.parquet")) if name == "parquet" else ():
        for row in pq.read_table(shard).to_pylist():
            found[row["album_id"]] = {**row, "bytes": row["image"]["bytes"]}
    for shard in sorted(out.glob("*.tar")) if name == "webdataset" else ():
        for _, sample in samples(shard):
            row = json.loads(sample["json"])
            assert int(sample["cls"]) == row["label"]
            found[row["album_id"]] = {**row, "bytes": sample["jpg"]}
    return found


def large(folder: Path, numbers: range, **cells: str) -> Path:
    """Write a dataset of covers of 100 kB, all in train."""
    made = [{**each, **cells} for number in numbers for each in albums(1, number)]
    pictures = {at: jpeg(at) + bytes(100_000) for at, _ in enumerate(numbers)}
    fill(folder, made, pictures=pictures, sets=("train",))
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_bytes_labels_and_sets_are_those_of_the_dataset(tmp_path: Path, name: str) -> None:
    """Each album is in the shard of its set once, whatever its title is."""
    made = [
        {**each, "album": title, "artist": f"{title} {at}"}
        for at, (each, title) in enumerate(zip(albums(len(TITLES)), TITLES, strict=True))
    ]
    data, out = filled(tmp_path / "data", made), tmp_path / "out"
    summary = run_export(data, out, name)
    found = rows(out, name)
    assert summary.rows_out == len(found) == len(TITLES)
    for at, title in enumerate(TITLES):
        row = found[f"musicbrainz:{at}"]
        assert row["bytes"] == jpeg(at)
        assert digest(row["bytes"]) == row["sha256"]
        assert (row["album"], row["artist"]) == (title, f"{title} {at}")
        assert row["set"] == ("train", "train", "val", "test")[at % 4]
        assert ["Jazz", "Pop", "Rock"][row["label"]] == row["label_name"]
        assert row["genres"] == ["Jazz", "Rock"]


@pytest.mark.parametrize("name", FORMATS)
def test_made_twice_it_is_the_same(tmp_path: Path, name: str) -> None:
    """No date, no place and no order of the disk is in it."""
    data = filled(tmp_path / "data", albums(40))
    for out in ("one", "two"):
        run_export(data, tmp_path / out, name)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


@pytest.mark.parametrize("name", FORMATS)
def test_a_refresh_keeps_the_shards_whose_rows_are_the_same(tmp_path: Path, name: str) -> None:
    """What is new fills the last shard; what is gone or has another cell changes its own alone."""
    data, out = tmp_path / "data", tmp_path / "out"
    shown = "data/train-{:05}.parquet" if name == "parquet" else "train-{:06}.tar"

    def exported() -> dict[str, bytes]:
        run_export(data, out, name, shard_mb=1)
        found = files_of(out)
        names = [each for each in found if "train-" in each]
        assert sorted(names) == [shown.format(number) for number in range(len(names))]
        assert all(len(found[each]) < 1_100_000 for each in names)
        return {each: found[each] for each in names}

    large(data, range(35))
    before = exported()
    assert len(before) == 4
    large(data, range(40))
    again = exported()
    same = [each for each in before if again[each] == before[each]]
    assert same == [shown.format(number) for number in range(3)]
    assert rows(out, name).keys() == {f"musicbrainz:{number}" for number in range(40)}
    # One album goes, the genres of another one change: the shards of these two alone.
    gone, other = (_first(out, name, shown.format(number)) for number in (0, 2))
    made = [each for each in albums(40) if each["album_id"] != gone]
    made = [{**each, **({"genres": "Rock"} if each["album_id"] == other else {})} for each in made]
    numbers = (int(each["album_id"].partition(":")[2]) for each in made)
    pictures = {at: jpeg(number) + bytes(100_000) for at, number in enumerate(numbers)}
    fill(data, made, pictures=pictures, sets=("train",))
    changed = exported()
    assert [each for each in again if changed.get(each) != again[each]] == [
        shown.format(0), shown.format(2),
    ]  # fmt: skip
    assert rows(out, name)[other]["genres"] == ["Rock"]
    assert gone not in rows(out, name)


def _feature(data: Path, covers: list[str]) -> None:
    """Write a table of a feature that some covers have, by their sha256."""
    table = FeatureTable(make_context(data).features, "colour")
    columns = {"brightness": [50.0] * len(covers), "palette": [[1.0, 2.0]] * len(covers)}
    keys = {"sha256": sorted(covers), "version": "1", "reason": ""}
    frame = pl.DataFrame({**keys, **columns})
    table.add_part(0, frame)
    table.merge("1", frame.schema)


def _first(out: Path, name: str, shard: str) -> str:
    """Return the first album of a shard."""
    if name == "parquet":
        return str(pq.read_table(out / shard)["album_id"][0])
    return str(json.loads(next(samples(out / shard))[1]["json"])["album_id"])


def test_the_index_tells_where_samples_begin(tmp_path: Path) -> None:
    """So it does of shards that an earlier run made."""
    data, out = tmp_path / "data", tmp_path / "out"
    for count in (25, 31):
        run_export(large(data, range(count)), out, "webdataset", shard_mb=1)
        files = files_of(out)
        listed = json.loads(files["index.json"])["shards"]
        assert [each["name"] for each in listed] == sorted(n for n in files if n.endswith(".tar"))
        assert sum(each["samples"] for each in listed) == count
        for shard in listed:
            body = files[shard["name"]]
            assert digest(body) == shard["sha256"]
            offsets = shard["offsets"]
            assert len(body) == offsets[-1] + 1024
            whole = dict(samples(out / shard["name"]))
            for at, (begin, end) in enumerate(pairwise(offsets)):
                with tarfile.open(fileobj=io.BytesIO(body[begin:end] + bytes(1024))) as part:
                    names = [f"{list(whole)[at]}.{each}" for each in ("jpg", "cls", "json", "txt")]
                    assert part.getnames() == names


@pytest.mark.parametrize("name", [*FORMATS, "imagefolder"])
def test_cards_name_files_that_are_there(tmp_path: Path, name: str) -> None:
    """Whatever sets there are, and as many shards as there are."""
    out = tmp_path / "out"
    run_export(filled(tmp_path / "data", albums(4), sets=("val", "test")), out, name)
    named = re.findall(f'"({out.as_posix()}.*?)"', "".join(snippets(out)))
    assert named
    assert all(Path(each.replace("{000000..000000}", "000000")).exists() for each in named)
    assert '"train"' not in "".join(snippets(out))


def test_the_card_counts_the_shards(tmp_path: Path) -> None:
    """Of each set, also where a refresh adds some."""
    data, out = tmp_path / "data", tmp_path / "out"
    for count, last in ((25, 2), (35, 3)):
        run_export(large(data, range(count)), out, "webdataset", shard_mb=1)
        assert len(list(out.glob("train-*.tar"))) == last + 1
        (snippet,) = snippets(out)
        assert f'"{out.as_posix()}/train-{{000000..00000{last}}}.tar"' in snippet


def test_the_card_tells_what_a_missing_year_is(tmp_path: Path) -> None:
    """In the JSON of samples it is a number."""
    data = filled(tmp_path / "data", albums(4))
    for name, told in (("parquet", "empty"), ("webdataset", "0")):
        run_export(data, tmp_path / name, name)
        card = (tmp_path / name / "README.md").read_text(encoding="utf-8")
        assert f"`year` is {told} where it isn't known." in card


def test_samples_have_no_nulls(tmp_path: Path) -> None:
    """A reader takes the first rows for the types: what isn't known is 0, "" or an empty list."""
    made = [{**each, "year": "", "styles": "", "rating_average": ""} for each in albums(8)]
    data, out = filled(tmp_path / "data", made), tmp_path / "out"
    _feature(data, [digest(jpeg(number)) for number in range(4)])
    run_export(data, out, "webdataset", features="colour")
    bodies = [sample["json"] for tar in out.glob("*.tar") for _, sample in samples(tar)]
    assert len(bodies) == 8
    kinds = {tuple((name, type(value)) for name, value in json.loads(b).items()) for b in bodies}
    assert len(kinds) == 1
    assert not any(b"null" in body for body in bodies)
    row = json.loads(bodies[0])
    assert (row["year"], row["styles"], row["rating_average"]) == (0, [], 0.0)


def test_samples_have_no_nulls_within_lists_and_structs(tmp_path: Path) -> None:
    """Nor are numbers null that JSON doesn't have: they are 0, wherever they stand."""
    data, out = filled(tmp_path / "data", albums(4)), tmp_path / "out"
    whole = {"words": ["a"], "colours": [{"share": 0.5, "at": [1.5]}], "one": {"deep": [2]}}
    told: list[dict[str, Any]] = [
        {**whole, "loud": 1.5, "numbers": [1.0, 2.0]},
        {**whole, "loud": float("nan"), "numbers": [float("nan"), None, float("-inf")]},
        {"words": [None], "colours": [None, {"share": None, "at": [None]}], "one": {"deep": None}},
        {"words": [], "colours": [], "one": {"deep": [None]}, "loud": float("inf")},
    ]
    covers = sorted(digest(jpeg(number)) for number in range(4))
    keys = ({"sha256": each, "version": "1", "reason": ""} for each in covers)
    frame = pl.DataFrame(
        [{**key, **each} for key, each in zip(keys, told, strict=True)], infer_schema_length=None
    )
    table = FeatureTable(make_context(data).features, "colour")
    table.add_part(0, frame)
    table.merge("1", frame.schema)
    run_export(data, out, "webdataset", features="colour")
    found = {each["sha256"]: each["colour"] for each in rows(out, "webdataset").values()}
    nothing = {"share": 0.0, "at": []}
    assert [found[cover] for cover in covers] == [
        told[0],
        {**whole, "loud": 0.0, "numbers": [0.0, 0.0, 0.0]},
        {
            "words": [""], "colours": [nothing, {"share": 0.0, "at": [0.0]}], "one": {"deep": []},
            "loud": 0.0, "numbers": [],
        },
        {"words": [], "colours": [], "one": {"deep": [0]}, "loud": 0.0, "numbers": []},
    ]  # fmt: skip


def test_the_text_is_artist_and_album(tmp_path: Path) -> None:
    """It stands for a caption, which covers have where these are exported."""
    out = tmp_path / "out"
    run_export(filled(tmp_path / "data", albums(4)), out, "webdataset")
    (_, sample), *_ = samples(out / "train-000000.tar")
    row = json.loads(sample["json"])
    assert sample["txt"].decode() == f"{row['artist']} - {row['album']}"


def test_gnu_tar_reads_a_shard(tmp_path: Path) -> None:
    """It finds the same bytes, and nothing to warn of."""
    out = tmp_path / "out"
    run_export(filled(tmp_path / "data", albums(4)), out, "webdataset")
    words = ["tar", "-xf", str(out / "train-000000.tar"), "-C", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert digest((tmp_path / "000000000000.jpg").read_bytes()) in {
        digest(jpeg(number)) for number in range(4)
    }


def test_a_header_is_that_of_the_standard_library() -> None:
    """Checksum and all, of the smallest and the largest file that the format has."""
    for size_bytes in (0, 1, 511, 8**11 - 1):
        info = tarfile.TarInfo("000003000017.json")
        info.size = size_bytes
        header = tar_header(info.name, size_bytes)
        read = tarfile.TarInfo.frombuf(header, "ascii", "strict")
        assert (read.name, read.size, read.type) == (info.name, size_bytes, tarfile.REGTYPE)


def test_parquet_is_laid_out_for_the_hub(tmp_path: Path) -> None:
    """100 rows a group, an index of pages, pictures as they are, and the types of datasets."""
    out = tmp_path / "out"
    run_export(filled(tmp_path / "data", albums(250), sets=("train",)), out, "parquet")
    file = pq.ParquetFile(out / "data" / "train-00000.parquet")
    meta = file.metadata
    assert [meta.row_group(at).num_rows for at in range(meta.num_row_groups)] == [100, 100, 50]
    columns = [meta.row_group(0).column(at) for at in range(meta.num_columns)]
    packed = {column.path_in_schema: column.compression for column in columns}
    assert packed.pop("image.bytes") == "UNCOMPRESSED"
    assert set(packed.values()) == {"ZSTD"}
    assert all(column.has_offset_index for column in columns)
    told = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"]
    assert list(told) == file.schema_arrow.names
    assert told["image"] == {"_type": "Image"}
    assert told["label"] == {"names": ["Jazz", "Pop", "Rock"], "_type": "ClassLabel"}
    kinds = {name: str(file.schema_arrow.field(name).type) for name in ("year", "genres", "image")}
    assert kinds == {
        "year": "int16",
        "genres": "list<element: string>",
        "image": "struct<bytes: binary, path: string>",
    }
    assert file.read()["image"][0]["path"].as_py().endswith(".jpg")


def test_row_groups_of_large_covers_are_small(tmp_path: Path) -> None:
    """The viewer of the Hub refuses a group of 286 MiB."""
    out, covers = tmp_path / "out", albums(5)
    pictures = {at: jpeg(at) + bytes(30_000_000) for at in range(5)}
    fill(tmp_path / "data", covers, pictures=pictures, sets=("train",))
    run_export(tmp_path / "data", out, "parquet")
    meta = pq.ParquetFile(out / "data" / "train-00000.parquet").metadata
    assert [meta.row_group(at).num_rows for at in range(meta.num_row_groups)] == [3, 2]
    assert len(rows(out, "parquet")) == 5


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other formats don't need it."""
    data = filled(tmp_path / "data", albums(4))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"equigen\[parquet\]"):
        run_export(data, tmp_path / "out", "parquet")
    run_export(data, tmp_path / "out", "webdataset")


def test_a_shard_has_the_digest_of_what_was_written(tmp_path: Path) -> None:
    """By one body or several, more of them than the system takes in one call, and by views."""
    bodies = [b"a", bytes(70_000), b"", *(b"%d" % number for number in range(3_000))]
    file = HashedFile(tmp_path / "shard")
    with io.BufferedWriter(file, 1 << 16) as out:
        out.write(bytearray(b"first"))
        out.flush()
        file.writelines(bodies[:3])
        file.writelines(bodies[3:])
        out.write(memoryview(bytes(200_000)))
    content = (tmp_path / "shard").read_bytes()
    assert content == b"".join((b"first", *bodies, bytes(200_000)))
    assert file.sha256 == digest(content)
