"""What the download stage does on request: sizes, checks, exports, tries, forecasts."""

import csv
import hashlib
import io
import os
import sqlite3
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from downloads import (
    IMAGES,
    JPEG,
    TSV,
    files_of,
    ledger_of,
    one_row,
    picture,
    rows_of,
    run_download,
)
from formats import make_format_5
from PIL import Image
from support import Script, ScriptedServer, equigen, make_context, write_rows

from equigen.commands import download, split, status
from equigen.dataset.made_with import made_with
from equigen.downloading.manifest import COLUMNS
from equigen.errors import UsageError
from equigen.ledger.ledger import Ledger

ALONE = {"127.0.0.1": {"concurrency": 1}}


def sizes_in(folder: Path) -> set[tuple[int, int]]:
    """Return the sizes of all pictures below a folder."""
    files = [file for file in folder.rglob("*.*") if file.is_file()]
    return {Image.open(io.BytesIO(file.read_bytes())).size for file in files}


def test_a_size_is_written_instead_of_the_original(tmp_path: Path) -> None:
    """One --size fills the images folder, and the ledger knows what lies there."""
    with ScriptedServer(Script(body=picture(size=(400, 300)))) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        assert run_download(tmp_path, sizes=[128]).rows_out == 1
        run_download(tmp_path, sizes=[128])
    assert len(server.seen) == 1
    assert sizes_in(tmp_path / IMAGES) == {(128, 128)}
    (cover,) = ledger_of(tmp_path).values()
    (data,) = files_of(tmp_path).values()
    assert cover.sha256 == hashlib.sha256(data).hexdigest()
    assert (cover.width_px, cover.height_px, cover.rendering) == (128, 128, "128 crop jpg 90")


def test_several_sizes_come_from_one_request(tmp_path: Path) -> None:
    """The first size lies in the images folder, each further one in a folder of its own."""
    with ScriptedServer(Script(body=picture(size=(400, 300)))) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        run_download(tmp_path, sizes=[0, 64, 300], fit="inside", format="png")
    assert len(server.seen) == 1
    assert sizes_in(tmp_path / IMAGES) == {(400, 300)}
    assert sizes_in(tmp_path / f"{IMAGES}_64") == {(64, 48)}
    assert sizes_in(tmp_path / f"{IMAGES}_300") == {(300, 225)}
    assert [f.suffix for f in (tmp_path / IMAGES).glob("*/*")] == [".jpg"]
    assert [f.suffix for f in (tmp_path / f"{IMAGES}_64").glob("*/*")] == [".png"]


def test_a_further_size_is_made_of_the_original_that_is_there(tmp_path: Path) -> None:
    """No request is made for what can be made here, and the ledger still knows whence it came."""
    script = Script(body=picture(size=(400, 300)), headers={"ETag": '"one"'})
    with ScriptedServer(script) as server:
        rows_of(tmp_path, f"{server.url}/a.jpg", f"{server.url}/b.jpg")
        run_download(tmp_path)
        before = ledger_of(tmp_path)
        summary = run_download(tmp_path, sizes=[0, 64])
        assert summary.rows_out == 2
        assert len(server.seen) == 2
        run_download(tmp_path, sizes=[0, 64])
    assert len(server.seen) == 2
    assert len(list((tmp_path / f"{IMAGES}_64").glob("*/*.jpg"))) == 2
    for path, cover in ledger_of(tmp_path).items():
        assert cover.rendering == "original, 64 crop jpg 90"
        assert (cover.etag, cover.final_url) == (before[path].etag, before[path].final_url)


def test_a_lost_further_size_is_made_again(tmp_path: Path) -> None:
    """A file that somebody removed from a size's folder comes back, of the original here."""
    with ScriptedServer(Script(body=picture(size=(400, 300)))) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        run_download(tmp_path, sizes=[0, 64])
        (small,) = (tmp_path / f"{IMAGES}_64").glob("*/*.jpg")
        small.unlink()
        assert run_download(tmp_path, sizes=[0, 64]).rows_out == 1
    assert small.exists()


def test_another_first_size_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    """Originals are never replaced by small pictures by mistake."""
    with ScriptedServer(Script(body=JPEG)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        run_download(tmp_path)
        before = files_of(tmp_path)
        with pytest.raises(UsageError, match="were made as 'original'"):
            run_download(tmp_path, sizes=[32])
        assert files_of(tmp_path) == before
        (tmp_path / IMAGES).rename(tmp_path / "originals")
        assert run_download(tmp_path, sizes=[32]).rows_out == 1
    assert sizes_in(tmp_path / IMAGES) == {(32, 32)}


@pytest.mark.parametrize(
    ("first", "then", "folders"),
    [
        ((), ("30",), {"": (90, 60), "_30": (30, 30)}),
        (("30",), ("0",), {"": (30, 30), "_original": (90, 60)}),
        (("0", "30"), ("40",), {"": (90, 60), "_30": (30, 30), "_40": (40, 40)}),
        (("0", "30"), ("0", "40"), {"": (90, 60), "_40": (40, 40)}),
    ],
)
def test_a_size_given_by_flag_comes_beside_those_there(
    tmp_path: Path, first: Sequence[str], then: Sequence[str], folders: dict[str, tuple[int, int]]
) -> None:
    """In any order, from then on; where the first size is named too, these are all."""
    with ScriptedServer(Script(body=picture(size=(90, 60)))) as server:
        rows_of(tmp_path / "data", f"{server.url}/a.jpg")
        for sizes in (first, then, ()):
            flags = [word for size in sizes for word in ("--size", size)]
            done = equigen("download", *flags, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
    data = tmp_path / "data"
    for ending, size in folders.items():
        assert sizes_in(data / f"{IMAGES}{ending}") == {size}
    with Ledger(data / "equigen_ledger.sqlite") as ledger:
        assert len(made_with(ledger, "download.sizes")) == len(folders)
    told = status.run(make_context(data, fetch={}))
    assert set(told.facts["sizes"].values()) == {1}  # type: ignore[attr-defined]
    assert len(told.facts["sizes"]) >= len(folders)  # type: ignore[arg-type]


def test_other_stages_follow_the_format(tmp_path: Path) -> None:
    """Status and split know covers that are no JPEGs."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(4)))
        run_download(tmp_path, sizes=[32], format="webp")
    context = make_context(tmp_path, download={"sizes": [32], "format": "webp"})
    assert status.run(context).facts["covers"] == 4
    assert split.run(context).rows_out == 4
    assert {f.suffix for f in (tmp_path / IMAGES).glob("*/*")} == {".webp"}


def test_verify_finds_and_mends_what_differs(tmp_path: Path) -> None:
    """A file of the right size with other bytes is found, put aside, and fetched again."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(5)))
        run_download(tmp_path)
        before = files_of(tmp_path)
        path = sorted(before)[2]
        spoilt = bytes([before[path][0]]) + bytes(len(JPEG) - 1)
        (tmp_path / IMAGES / path).write_bytes(spoilt)
        assert run_download(tmp_path).rows_out == 5
        assert len(server.seen) == 5, "without --verify the size is all that counts"
        summary = run_download(tmp_path, flags={"verify": True})
    assert summary.facts["spoilt"] == 1
    assert len(server.seen) == 6
    assert files_of(tmp_path) == before
    aside = [f for f in (tmp_path / f"{IMAGES}_set_aside").rglob("*") if f.is_file()]
    assert [f.read_bytes() for f in aside] == [spoilt]


def test_verify_counts_files_of_another_size_too(tmp_path: Path) -> None:
    """Which are noticed without reading them: its notes agree on their number."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(3)))
        run_download(tmp_path)
        (tmp_path / IMAGES / min(files_of(tmp_path))).write_bytes(b"x")
        notes = run_download(tmp_path, flags={"verify": True}).notes
    counts = [note.partition(" ")[0] for note in notes if "not what they had been" in note]
    assert counts == ["1", "1"]


def test_a_spoilt_file_does_not_stay_where_its_host_has_no_other(tmp_path: Path) -> None:
    """What doesn't decode is never left among the covers, also where it can't be mended."""
    with ScriptedServer(Script(body=JPEG), Script(404)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        run_download(tmp_path)
        (path,) = files_of(tmp_path)
        (tmp_path / IMAGES / path).write_bytes(JPEG[:100])
        assert run_download(tmp_path).dropped == {"HTTP 404": 1}
    assert files_of(tmp_path) == {}


def test_only_changed_pictures_are_fetched_again(tmp_path: Path) -> None:
    """A host with ETags is asked under a condition; who answers 304 costs no picture."""
    other = picture(size=(50, 50))
    scripts = [
        Script(
            body=JPEG, headers={"ETag": '"a"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
        ),
        Script(body=picture(size=(40, 40)), headers={"ETag": '"b"'}),
        Script(body=picture(size=(41, 41))),
        Script(304),
        Script(body=other, headers={"ETag": '"b2"'}),
    ]
    with ScriptedServer(*scripts) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(3)))
        run_download(tmp_path, hosts=ALONE)
        summary = run_download(tmp_path, flags={"check_changed": True}, hosts=ALONE)
    assert [seen.headers.get("if-none-match") for seen in server.seen[3:]] == ['"a"', '"b"']
    assert server.seen[3].headers["if-modified-since"] == "Mon, 01 Jan 2024 00:00:00 GMT"
    assert (summary.facts["changed"], summary.facts["unchanged"]) == (1, 1)
    assert summary.rows_out == 3
    assert other in files_of(tmp_path).values()
    assert '"b2"' in {cover.etag for cover in ledger_of(tmp_path).values()}


def test_the_same_bytes_sent_again_are_no_change(tmp_path: Path) -> None:
    """A host that ignores conditions costs traffic, not files."""
    with ScriptedServer(Script(body=JPEG, headers={"ETag": '"a"'})) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        run_download(tmp_path)
        (file,) = (tmp_path / IMAGES).glob("*/*")
        before = file.stat().st_mtime_ns
        summary = run_download(tmp_path, flags={"check_changed": True})
    assert summary.facts["unchanged"] == 1
    assert file.stat().st_mtime_ns == before
    assert [f.name for f in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("script", [Script(404), Script(body=b"<html>"), Script(500)])
def test_a_good_cover_stays_where_its_host_has_it_no_more(tmp_path: Path, script: Script) -> None:
    """Asking whether a picture changed never costs the picture."""
    with ScriptedServer(Script(body=JPEG, headers={"ETag": '"a"'}), script) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        run_download(tmp_path)
        summary = run_download(tmp_path, flags={"check_changed": True})
    assert summary.rows_out == 1
    assert list(files_of(tmp_path).values()) == [JPEG]
    assert [cover.status for cover in ledger_of(tmp_path).values()] == ["ok"]
    assert any("1 kept as they are" in note for note in summary.notes)


def test_identical_bytes_are_linked_on_request(tmp_path: Path) -> None:
    """Covers with the same bytes share them, those of earlier runs too; others don't."""
    scripts = [Script(body=JPEG), Script(body=JPEG), Script(body=picture(size=(40, 40)))]
    with ScriptedServer(*scripts) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(3)))
        run_download(tmp_path, hosts=ALONE)
        before = files_of(tmp_path)
        summary = run_download(tmp_path, flags={"link_identical": True}, hosts=ALONE)
        again = run_download(tmp_path, flags={"link_identical": True}, hosts=ALONE)
    assert (summary.facts["linked"], again.facts["linked"]) == (1, 0)
    assert files_of(tmp_path) == before
    nodes = [file.stat().st_ino for file in (tmp_path / IMAGES).glob("*/*")]
    assert len(set(nodes)) == 2


def test_a_link_is_cut_when_one_of_its_covers_changes(tmp_path: Path) -> None:
    """Writing one cover anew leaves the others that shared its bytes alone."""
    other = picture(size=(40, 40))
    scripts = [Script(body=JPEG), Script(body=JPEG), Script(body=other)]
    with ScriptedServer(*scripts) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(2)))
        run_download(tmp_path, flags={"link_identical": True}, hosts=ALONE)
        first, second = sorted((tmp_path / IMAGES).glob("*/*"))
        assert first.samefile(second)
        first.unlink()
        run_download(tmp_path, hosts=ALONE)
    assert (first.read_bytes(), second.read_bytes()) == (other, JPEG)


def test_a_try_fetches_no_more_than_its_limit(tmp_path: Path) -> None:
    """--limit bounds the requests; the rest waits, and that is no failure."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(50)))
        summary = run_download(tmp_path, flags={"limit": 7})
        assert (summary.rows_out, summary.partly) == (7, False)
        assert summary.dropped == {"waiting: beyond --limit": 43}
        assert run_download(tmp_path, flags={"limit": 0}).rows_out == 7
        assert len(server.seen) == 7
        assert run_download(tmp_path).rows_out == 50


def test_a_try_is_even_over_labels_and_goes_on(tmp_path: Path) -> None:
    """The same sample in the next run; a larger one contains it; the file's order if asked for."""
    with ScriptedServer(Script(body=JPEG)) as server:
        sizes = {"Jazz": 30, "Rock": 10, "Pop": 2}
        rows = [
            {"artist": f"{label} {n}", "album": "B", "album_index": str(n), "genre": label,
             "year": "1999", "image_url": f"{server.url}/{label}{n}.jpg"}
            for label, size in sizes.items() for n in range(size)
        ]  # fmt: skip
        write_rows(tmp_path / TSV, *rows)

        def labels() -> Counter[str]:
            return Counter(path.partition("/")[0] for path in files_of(tmp_path))

        assert run_download(tmp_path, flags={"limit": 12}).rows_out == 12
        assert labels() == {"Jazz": 5, "Rock": 5, "Pop": 2}
        first = files_of(tmp_path).keys()
        assert run_download(tmp_path, flags={"limit": 12}).rows_out == 12
        assert run_download(tmp_path, flags={"limit": 5}).rows_out == 12
        assert len(server.seen) == 12
        assert run_download(tmp_path, flags={"limit": 16}).rows_out == 16
        assert files_of(tmp_path).keys() > first
        assert labels() == {"Jazz": 7, "Rock": 7, "Pop": 2}
        flags = {"limit": 3, "file_order": True}
        assert run_download(tmp_path, flags=flags).rows_out == 19
        assert labels() == {"Jazz": 10, "Rock": 7, "Pop": 2}
        with pytest.raises(UsageError, match="--file-order"):
            run_download(tmp_path, flags={"file_order": True})


def test_a_picture_of_the_sample_is_shown_by_all_its_rows(tmp_path: Path) -> None:
    """It is fetched once."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n % 5}.jpg" for n in range(20)))
        assert run_download(tmp_path, flags={"limit": 2}).rows_out == 8
        assert len(server.seen) == 2


def test_a_dry_run_changes_nothing_and_says_how_long_it_takes(tmp_path: Path) -> None:
    """No request, no file; each host's covers and the days that its quota makes them take."""
    with ScriptedServer(Script(body=JPEG)) as server:
        urls = [f"{server.url}/{n % 40}.jpg" for n in range(45)]
        rows_of(tmp_path, *urls, "")
        hosts = {"127.0.0.1": {"per_day": 4}}
        run_download(tmp_path, flags={"limit": 3, "file_order": True}, hosts=hosts)
        before = files_of(tmp_path)
        summary = run_download(tmp_path, flags={"dry_run": True}, hosts=hosts)
        assert len(server.seen) == 3
    assert files_of(tmp_path) == before
    expected = "127.0.0.1: 37 covers at 4 a day, 3 of them spent today: 10 days"
    assert list(summary.notes) == [expected]
    assert summary.facts["to_fetch"] == {"127.0.0.1": 37}
    assert summary.rows_out == 6, "three and those that show the same pictures"
    assert summary.dropped == {"to be fetched": 37, "to be copied from another row": 2,
                               "no picture": 1}  # fmt: skip


def test_failures_are_tried_again_by_reason(tmp_path: Path) -> None:
    """--reason picks those that failed so; the good ones and the others are left."""
    scripts = [Script(404), Script(410), Script(body=JPEG)]
    with ScriptedServer(*scripts) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(3)))
        run_download(tmp_path, hosts=ALONE)
        flags = {"retry_failed": True, "reason": ["HTTP 410"]}
        summary = run_download(tmp_path, flags=flags, hosts=ALONE)
        assert [seen.path for seen in server.seen[3:]] == ["/1.jpg"]
    assert summary.dropped == {"HTTP 404": 1}
    with pytest.raises(UsageError, match="--retry-failed"):
        run_download(tmp_path, flags={"reason": ["HTTP 404"]})
    with pytest.raises(UsageError, match=r"did you mean 'HTTP 404'.*covers failed for: 'HTTP 404'"):
        run_download(tmp_path, flags={"retry_failed": True, "reason": ["HTTP 440"]})


def test_the_table_at_the_end_has_an_example_of_each_reason_by_host(tmp_path: Path) -> None:
    """A reader of it can open the page that failed."""
    with (
        ScriptedServer(Script(404)) as one,
        ScriptedServer(Script(body=b"<html>"), host="127.0.0.2") as other,
    ):
        rows_of(tmp_path, f"{one.url}/a.jpg", f"{one.url}/b.jpg", f"{other.url}/c.jpg")
        table = run_download(tmp_path).table
        assert table is not None
        assert table.columns == ("host", "reason", "covers", "for example")
        assert [row[:3] for row in table.rows] == [
            ("127.0.0.1", "HTTP 404", 2),
            ("127.0.0.2", "not a picture", 1),
        ]
        assert table.rows[0][3] in {f"{one.url}/a.jpg", f"{one.url}/b.jpg"}


def export_everything(folder: Path, name: str) -> None:
    """Make a dataset with covers of all endings, and export it."""
    with ScriptedServer(Script(body=JPEG), Script(404), Script(body=JPEG)) as server:
        away = Script(302, headers={"Location": f"{server.url}/z.jpg"})
        with ScriptedServer(away, host="127.0.0.2") as moved:
            urls = [f"{server.url}/a.jpg", f"{server.url}/b.jpg", "", f"{moved.url}/c.jpg"]
            rows_of(folder, *urls, f"{server.url}/d.jpg", year="1999")
            flags = {"export": folder / name, "limit": 3}
            run_download(folder, flags=flags, hosts=ALONE)


def test_the_manifest_as_tsv(tmp_path: Path) -> None:
    """One row a row of the dataset, in its order, with all that the ledger knows."""
    export_everything(tmp_path, "manifest.tsv")
    with (tmp_path / "manifest.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["artist"] for row in rows] == [f"Artist {n}" for n in range(5)]
    statuses = [row["status"] for row in rows]
    assert sorted(statuses) == ["missing", "missing", "ok", "ok", "waiting"]
    covers = ledger_of(tmp_path)
    for row in rows:
        if row["status"] == "ok":
            cover = covers[row["path"]]
            assert row["sha256"] == hashlib.sha256(JPEG).hexdigest() == cover.sha256
            assert len(bytes.fromhex(row["grey"])) == 256
            assert len(row["phash"]) == 16
            assert int(row["size_bytes"]) == len(JPEG)
            assert row["final_url"].startswith("http://127.0.0.1:")


def test_the_manifest_as_parquet_says_the_same(tmp_path: Path) -> None:
    """Numbers are numbers and bytes are bytes there."""
    export_everything(tmp_path, "manifest.parquet")
    run_download(tmp_path, flags={"export": tmp_path / "manifest.tsv", "limit": 0})
    table = pd.read_parquet(tmp_path / "manifest.parquet")
    with (tmp_path / "manifest.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert list(table.columns) == list(COLUMNS)
    for row, values in zip(rows, table.to_dict("records"), strict=True):
        shown = {k: v.hex() if isinstance(v, bytes) else str(v) for k, v in values.items()}
        assert shown == row


def test_an_export_of_another_kind_is_refused_before_anything_else(tmp_path: Path) -> None:
    """A wrong name costs no download."""
    with ScriptedServer(Script(body=JPEG)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        with pytest.raises(UsageError, match=r"\.tsv or \.parquet"):
            run_download(tmp_path, flags={"export": Path("manifest.csv")})
    assert server.seen == []


def test_known_placeholders_are_refused_by_their_content(tmp_path: Path) -> None:
    """A picture that says "no picture" is none, whatever its URL."""
    digest = hashlib.sha256(JPEG).hexdigest()
    with ScriptedServer(Script(body=JPEG)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        assert run_download(tmp_path, placeholders=[digest]).dropped == {"placeholder": 1}
    assert files_of(tmp_path) == {}


def test_the_structure_check_decodes_nothing_and_refuses_what_is_cut(tmp_path: Path) -> None:
    """It is told in the ledger: such covers have no perceptual hash."""
    with ScriptedServer(Script(body=JPEG), Script(body=JPEG[:-2])) as server:
        rows_of(tmp_path, f"{server.url}/a.jpg", f"{server.url}/b.jpg")
        summary = run_download(tmp_path, check="structure", hosts=ALONE)
    assert (summary.rows_out, summary.dropped) == (1, {"broken": 1})
    good = [cover for cover in ledger_of(tmp_path).values() if cover.status == "ok"]
    assert [cover.phash for cover in good] == [""]
    with Ledger(tmp_path / "equigen_ledger.sqlite") as ledger:
        assert list(ledger.looks()) == []


def test_a_ledger_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """Covers that it knows are not fetched again; status reads it as well."""
    with ScriptedServer(Script(body=JPEG)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        run_download(tmp_path)
        ledger = tmp_path / "equigen_ledger.sqlite"
        make_format_5(tmp_path)
        db = sqlite3.connect(ledger)
        for column in ("final_url", "rendering", "etag", "last_modified", "phash", "failures"):
            db.execute(f"ALTER TABLE covers DROP COLUMN {column}")
        for table in ("placements", "looks", "pairs", "alike", "balanced", "rests", "renewals"):
            db.execute(f"DROP TABLE {table}")
        for column in ("asks", "ids"):
            db.execute(f"ALTER TABLE pages DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 1")
        db.commit()
        db.close()
        assert status.run(make_context(tmp_path)).facts["covers"] == 1
        assert run_download(tmp_path).rows_out == 1
    assert len(server.seen) == 1
    with Ledger(ledger) as current:
        (cover,) = current.covers().values()
    assert (cover.status, cover.rendering, cover.phash) == ("ok", "original", "")


def test_what_a_killed_run_left_beside_its_targets_goes(tmp_path: Path) -> None:
    """Only our own unfinished files; a clean run looks for none."""
    with ScriptedServer(Script(body=JPEG)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        run_download(tmp_path)
        folder = tmp_path / IMAGES / "Jazz"
        (folder / ".new-1-1").write_bytes(b"half")
        (folder / ".mine").write_bytes(b"kept")
        with Ledger(tmp_path / "equigen_ledger.sqlite") as ledger:
            ledger.remember("downloading", "1")
        run_download(tmp_path)
    assert sorted(f.name for f in folder.iterdir() if f.name.startswith(".")) == [".mine"]


@pytest.mark.long
def test_wrong_values_are_one_line(tmp_path: Path) -> None:
    """Each names the flag or the setting, what was expected and what came."""
    write_rows(tmp_path / "data" / TSV, {"artist": "A", "genre": "J"})
    cases = [
        ("--check", "some"),
        ("--size", "-1"),
        ("--size", "12x12"),
        ("--size", "64", "--size", "64"),
        ("--fit", "round"),
        ("--quality", "0"),
        ("--format", "gif"),
        ("--format", "png"),
        ("--processes", "-1"),
        ("--export", "x.csv"),
        ("--reason", "HTTP 404"),
    ]
    for case in cases:
        done = equigen("download", *case, cwd=tmp_path)
        assert done.returncode == 2, case
        assert done.stderr.count("\n") == 1, done.stderr
        assert case[0].strip("-") in done.stderr, done.stderr


def test_the_flags_of_the_command_line_reach_the_stage(tmp_path: Path) -> None:
    """As a user types them."""
    with ScriptedServer(Script(body=picture(size=(90, 60)))) as server:
        rows_of(tmp_path / "data", f"{server.url}/a.jpg")
        done = equigen(
            "download", "--size", "0", "--size", "30", "--fit", "pad", "--format", "webp",
            "--quality", "50", "--export", "m.tsv", cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (small,) = (tmp_path / "data" / f"{IMAGES}_30").glob("*/*.webp")
    assert Image.open(io.BytesIO(small.read_bytes())).size == (30, 30)
    assert (tmp_path / "m.tsv").read_text().count("\n") == 2
    assert os.listdir(tmp_path / "data" / IMAGES) == ["Jazz"]  # noqa: PTH208  (names are all)
    assert download.ORDER
