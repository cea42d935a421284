"""Layouts: which folders show a cover is a view, changed at any time without a request."""

import csv
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest
from downloads import IMAGES, TSV, files_of, picture, run_download
from forks import Forks
from kills import Case, check_ledger, copy_over, kill_often
from support import Script, ScriptedServer, make_context, write_rows

import equigen
from equigen.commands import dedupe, download, repair, report, split
from equigen.commands import status as status_stage
from equigen.dataset.covers import dataset_covers, layout_of, places_in
from equigen.dataset.dataset import Dataset
from equigen.ledger.ledger import Ledger
from equigen.schema import SETS, Group, Layout, Link
from equigen.splitting.proof import prove_none
from equigen.summary import Summary

COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url", "album_id", "labels")
# Labels of each album; the first is its genre.
ALBUMS = (["Jazz"], ["Jazz", "Latin"], ["Latin", "Jazz"], ["Rock"], ["Rock", "Pop/Disco", "Jazz"])
CHANGES = list(itertools.permutations(Layout, 2))


def rows(
    labels: Sequence[Sequence[str]] = ALBUMS, url: str = "http://127.0.0.1:9"
) -> list[dict[str, str]]:
    """Return albums of these labels, each by an artist of its own."""
    return [
        {
            "artist": f"Artist {n}", "album": f"Album {n}", "genre": each[0], "year": "1999",
            "image_url": f"{url}/{n}.jpg", "album_id": f"m{n}",
            "labels": "|".join(each) if len(each) > 1 else "",
        }
        for n, each in enumerate(labels)
    ]  # fmt: skip


def made(
    folder: Path, labels: Sequence[Sequence[str]] = ALBUMS, layout: Layout = Layout.LABEL
) -> dict[str, bytes]:
    """Download a dataset; return its covers by album id. The server is gone afterwards."""
    with ScriptedServer(Script(404)) as server:
        pictures = {f"/{n}.jpg": picture(size=(40 + n, 40)) for n in range(len(labels))}
        server.by_path |= {path: Script(body=body) for path, body in pictures.items()}
        write_rows(folder / TSV, *rows(labels, server.url), columns=COLUMNS)
        run_download(folder, layout=layout)
        assert sorted(each.path for each in server.seen) == sorted(pictures)
    return dict(zip((f"m{n}" for n in range(len(labels))), pictures.values(), strict=True))


def test_a_dry_run_says_how_many_files_would_move(tmp_path: Path) -> None:
    """Links count as files of their own; without another layout there is nothing to say."""
    covers = made(tmp_path)
    for layout, count in ((Layout.FLAT, 5), (Layout.COMBINATION, 3), (Layout.LABEL, 0)):
        summary = run_download(tmp_path, layout=layout, flags={"dry_run": True})
        told = [f"{count:,} files would get other places"] if count else []
        assert list(summary.notes) == ["nothing to fetch", *told]
        assert summary.facts["other_places"] == count
        check(tmp_path, covers, Layout.LABEL)


def relabel(folder: Path, labels: Sequence[Sequence[str]]) -> None:
    """Give the albums of a dataset other labels."""
    with (folder / TSV).open(encoding="utf-8", newline="") as file:
        old = list(csv.DictReader(file, delimiter="\t"))
    cells = [{"genre": each[0], "labels": "|".join(each)} for each in labels]
    write_rows(
        folder / TSV, *(row | new for row, new in zip(old, cells, strict=True)), columns=COLUMNS
    )


def expected(folder: Path, covers: Mapping[str, bytes], layout: Layout) -> dict[str, bytes]:
    """Return what must lie below the images folder."""
    return {
        path: covers[row.album_id]
        for row in dataset_covers(make_context(folder), layout)
        for path in row.paths
    }


def check(folder: Path, covers: Mapping[str, bytes], layout: Layout) -> None:
    """See that the covers lie where a layout has them, and nothing else, and that all know it."""
    wanted = expected(folder, covers, layout)
    assert files_of(folder) == wanted
    folders = {
        str(each.relative_to(folder / IMAGES))
        for each in (folder / IMAGES).rglob("*")
        if each.is_dir()
    }
    assert folders == {str(above) for path in wanted for above in Path(path).parents[:-1]}
    context = make_context(folder)
    assert layout_of(context) == layout
    with Ledger(context.ledger, read_only=True) as ledger:
        assert {path for _, path in ledger.shown()} == set(wanted)
    with equigen.open(folder) as dataset:
        shown = list(dataset.examples())
        assert [each.cover.read_bytes() for each in shown] == list(covers.values())
        assert list(dataset.covers()["status"]) == ["ok"] * len(covers)


def nothing_fetched(summary: Summary, rows_in: int = len(ALBUMS)) -> None:
    """See that a download had all covers already."""
    assert summary.facts["fetched"] == 0
    assert (summary.rows_in, summary.rows_out, summary.dropped) == (rows_in, rows_in, {})
    assert summary.facts["set_aside"] == summary.facts["spoilt"] == 0


def test_the_folders_of_each_layout() -> None:
    """A class's folder, one of the classes together in their alphabetical order, or one for all."""
    for labels in (("Rock", "Jazz"), ("Jazz", "Rock")):
        assert places_in(Layout.COMBINATION, labels, "a.jpg") == ("multi/Jazz+Rock/a.jpg",)
        assert places_in(Layout.LABEL, labels, "a.jpg") == tuple(f"{each}/a.jpg" for each in labels)
    for layout in (Layout.COMBINATION, Layout.LABEL):
        assert places_in(layout, ["Jazz"], "a.jpg") == ("Jazz/a.jpg",)
    assert places_in(Layout.FLAT, ["Rock", "Jazz"], "a.jpg") == ("all/a.jpg",)


def test_labels_are_spelled_as_folders_are(tmp_path: Path) -> None:
    """The genre's label comes first, each label once, whatever its case in the cell."""
    cells = [
        ("Jazz", "rock|JAZZ|Rock"),
        ("Salsa (World)", "Latin/Pop"),
        ("jazz", ""),
        ("Rock", "Rock"),
    ]
    write_rows(tmp_path / TSV, *({"genre": a, "labels": b} for a, b in cells), columns=COLUMNS)
    found = [row.labels for row in dataset_covers(make_context(tmp_path))]
    assert found == [("Jazz", "Rock"), ("World", "Latin_Pop"), ("Jazz",), ("Rock",)]


@pytest.mark.parametrize("layout", Layout)
def test_a_cover_of_several_labels_lies_in_each_of_their_folders(
    tmp_path: Path, layout: Layout
) -> None:
    """One request a cover; its further files are links, which take no room."""
    covers = made(tmp_path, layout=layout)
    check(tmp_path, covers, layout)
    for row in dataset_covers(make_context(tmp_path)):
        assert (tmp_path / IMAGES / row.path).stat().st_nlink == len(row.paths)
    nothing_fetched(run_download(tmp_path, layout=layout))
    assert list(tmp_path.glob("*_set_aside")) == []


@pytest.mark.long_after(3)
@pytest.mark.parametrize(("one", "other"), CHANGES)
def test_a_layout_is_changed_without_a_request(tmp_path: Path, one: Layout, other: Layout) -> None:
    """There and back, with sizes, also one that is new: files of others and their folders stay."""
    covers = made(tmp_path, layout=one)
    there = {path.stat().st_ino for path in (tmp_path / IMAGES).rglob("*.jpg")}
    for layout, sizes in ((other, [0, 16]), (one, [0, 16])):
        nothing_fetched(run_download(tmp_path, layout=layout, sizes=sizes))
        check(tmp_path, covers, layout)
        small = {
            str(each.relative_to(tmp_path / f"{IMAGES}_16"))
            for each in (tmp_path / f"{IMAGES}_16").rglob("*.jpg")
        }
        assert small == set(expected(tmp_path, covers, layout))
        assert {path.stat().st_ino for path in (tmp_path / IMAGES).rglob("*.jpg")} == there
    stranger = tmp_path / IMAGES / "Jazz" / "mine.jpg"
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_bytes(b"mine")
    nothing_fetched(run_download(tmp_path, layout=other, sizes=[0, 16]))
    assert stranger.read_bytes() == b"mine"


@pytest.mark.long_after(2)
@pytest.mark.parametrize(("one", "other"), CHANGES)
def test_until_the_next_download_all_go_on_with_the_layout_that_is_there(
    tmp_path: Path, one: Layout, other: Layout
) -> None:
    """A changed setting alone loses nothing: sets, report, status, look-alikes, and a forecast."""
    covers = made(tmp_path, layout=one)
    context = make_context(tmp_path, download={"layout": other})
    for _ in range(2):
        assert split.run(context).rows_out == len(ALBUMS)
        prove_none(context)
        assert report.run(context).rows_out == len(ALBUMS)
        assert (
            status_stage.run(context).facts["covers"]
            == status_stage.run(make_context(tmp_path)).facts["covers"]
        )
        assert dedupe.run(context, covers=True).facts["covers"] == len(ALBUMS)
        assert repair.run(context).rows_out == len(ALBUMS)
        assert [each.set for each in Dataset(context).examples()] != [""] * len(ALBUMS)
        before = files_of(tmp_path)
        assert download.run(context, dry_run=True).rows_out == len(ALBUMS)
        assert files_of(tmp_path) == before
        nothing_fetched(run_download(tmp_path, layout=other))
        check(tmp_path, covers, other)


def test_labels_may_come_and_go(tmp_path: Path) -> None:
    """A link is made, or taken away, and nothing is set aside."""
    covers = made(tmp_path)
    labels = [
        ["Jazz", "Pop"],
        ["Latin", "Jazz"],
        ["Jazz"],
        ["Rock", "Jazz"],
        ["Funk", "Soul", "Pop"],
    ]
    for layout in (Layout.LABEL, Layout.COMBINATION, Layout.FLAT):
        for each in (labels, ALBUMS):
            relabel(tmp_path, each)
            nothing_fetched(run_download(tmp_path, layout=layout))
            check(tmp_path, covers, layout)
    assert list(tmp_path.glob("*_set_aside")) == []


def test_a_row_that_goes_has_all_of_its_files_set_aside_and_back(tmp_path: Path) -> None:
    """They wait beside the images, and come back without a request."""
    covers = made(tmp_path)
    whole = (tmp_path / TSV).read_text(encoding="utf-8")
    (tmp_path / TSV).write_text("".join(whole.splitlines(keepends=True)[:-1]), encoding="utf-8")
    run_download(tmp_path)
    assert set(files_of(tmp_path)) == set(expected(tmp_path, covers, Layout.LABEL))
    (tmp_path / TSV).write_text(whole, encoding="utf-8")
    for layout in (Layout.LABEL, Layout.FLAT):
        nothing_fetched(run_download(tmp_path, layout=layout))
        check(tmp_path, covers, layout)
    assert list((tmp_path / f"{IMAGES}_set_aside").rglob("*.jpg")) == []


def test_a_cover_that_is_refused_and_kept_again_lies_in_all_of_its_folders(tmp_path: Path) -> None:
    """All of its files are set aside, and none is left there when they come back."""
    covers = made(tmp_path)
    digest = hashlib.sha256(covers["m4"]).hexdigest()
    refused = run_download(tmp_path, refuse_sha256=[digest])
    assert refused.dropped == {"refused by SHA-256": 1}
    assert covers["m4"] not in files_of(tmp_path).values()
    nothing_fetched(run_download(tmp_path, keep_sha256=[digest]))
    check(tmp_path, covers, Layout.LABEL)
    assert list((tmp_path / f"{IMAGES}_set_aside").rglob("*.jpg")) == []


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_that_is_lost_or_spoilt_is_linked_anew(tmp_path: Path, which: int) -> None:
    """Of a cover with several files one is enough; a spoilt copy is found by --verify."""
    covers = made(tmp_path)
    row = list(dataset_covers(make_context(tmp_path)))[1]
    file = tmp_path / IMAGES / row.paths[which]
    file.unlink()
    nothing_fetched(run_download(tmp_path))
    check(tmp_path, covers, Layout.LABEL)
    body = file.read_bytes()
    file.unlink()
    file.write_bytes(bytes(len(body)))
    summary = run_download(tmp_path, flags={"verify": True})
    assert (summary.facts["spoilt"], summary.facts["fetched"]) == (1, 0)
    check(tmp_path, covers, Layout.LABEL)


@pytest.mark.long_after(2)
@pytest.mark.parametrize("layout", Layout)
def test_a_lost_ledger_is_built_anew_of_any_layout(tmp_path: Path, layout: Layout) -> None:
    """`repair` finds the covers wherever a layout puts them; nothing is fetched, no set changes."""
    covers = made(tmp_path, layout=layout)
    context = make_context(tmp_path)
    split.run(context)
    sets = sets_of_layout(tmp_path)
    for file in tmp_path.glob("equigen_ledger*"):
        file.unlink()
    with pytest.raises(equigen.errors.LedgerError):
        download.run(context)
    assert repair.run(context).rows_out == len(ALBUMS)
    assert split.run(context).rows_out == len(ALBUMS)
    assert sets_of_layout(tmp_path) == sets
    nothing_fetched(run_download(tmp_path, layout=layout))
    check(tmp_path, covers, layout)


def sets_of_layout(folder: Path) -> dict[str, str]:
    """Return each album's set as split.tsv has it, and see that the folders of sets agree."""
    with (folder / "split" / "split.tsv").open(encoding="utf-8", newline="") as file:
        listed = {row["album_id"]: row["set"] for row in csv.DictReader(file, delimiter="\t")}
    covers = {row.album_id: row.paths for row in dataset_covers(make_context(folder))}
    there = {
        str(file.relative_to(folder / "split" / name)): name
        for name in SETS
        for file in (folder / "split" / name).rglob("*.jpg")
    }
    assert there == {path: name for album, name in listed.items() for path in covers[album]}
    return listed


@pytest.mark.long_after(3)
@pytest.mark.parametrize("group", [Group.ARTIST_COVER, Group.NONE])
@pytest.mark.parametrize("link", [Link.MOVE, Link.COPY, Link.SYMLINK, Link.HARDLINK])
def test_an_album_of_several_labels_is_in_one_set(tmp_path: Path, link: Link, group: Group) -> None:
    """In the folder of each label there, in every layout; it keeps its set, and --verify agrees."""
    labels = [["Jazz", "Rock"][: 1 + n % 2] if n % 3 else ["Rock", "Jazz"] for n in range(40)]
    covers = made(tmp_path, labels)
    context = make_context(tmp_path, split={"group": group})
    before: dict[str, str] = {}
    for layout in (*Layout, Layout.LABEL):
        if link is not Link.MOVE or layout is not Layout.LABEL:
            nothing_fetched(run_download(tmp_path, layout=layout), len(labels))
        summary = split.run(context, link=link)
        assert (summary.rows_in, summary.rows_out) == (len(labels), len(labels))
        prove_none(context)
        if group is not Group.NONE:
            sets = sets_of_layout(tmp_path)
            assert sets == (before or sets)
            before = sets
            again = split.run(context, link=link)
            assert again.facts["added"] == (summary.facts["added"] if link is Link.MOVE else 0)
            assert (again.table, again.dropped) == (summary.table, summary.dropped)
        with equigen.open(tmp_path) as dataset:
            shown = {each.album["album_id"]: each.cover.read_bytes() for each in dataset.examples()}
        assert shown == covers


def test_the_summary_counts_an_album_in_each_of_its_labels(tmp_path: Path) -> None:
    """And once in the total; split.tsv has a list of labels."""
    made(tmp_path)
    table = split.run(make_context(tmp_path)).table
    assert table is not None
    totals = {
        str(name): sum(n for n in rest[:3] if isinstance(n, int)) for name, *rest in table.rows
    }
    assert totals == {"Jazz": 4, "Latin": 2, "Pop_Disco": 1, "Rock": 2, "total": 5}
    with (tmp_path / "split" / "split.tsv").open(encoding="utf-8", newline="") as file:
        listed = {row["album_id"]: row["labels"] for row in csv.DictReader(file, delimiter="\t")}
    assert listed["m4"] == "Rock|Pop_Disco|Jazz"
    assert listed["m0"] == "Jazz"


def test_the_manifest_lists_labels(tmp_path: Path) -> None:
    """As a list in Parquet; a dataset whose albums have one label each has no such column."""
    made(tmp_path)
    for name in ("a.tsv", "a.parquet"):
        run_download(tmp_path, flags={"export": tmp_path / name})
    lists = [[each.replace("/", "_") for each in labels] for labels in ALBUMS]
    assert pl.read_parquet(tmp_path / "a.parquet")["labels"].to_list() == lists
    with (tmp_path / "a.tsv").open(encoding="utf-8", newline="") as file:
        assert [row["labels"].split("|") for row in csv.DictReader(file, delimiter="\t")] == lists
    write_rows(tmp_path / TSV, *rows(), columns=COLUMNS[:-1])
    run_download(tmp_path, flags={"export": tmp_path / "b.tsv", "limit": 0})
    assert "labels" not in (tmp_path / "b.tsv").read_text(encoding="utf-8").splitlines()[0].split(
        "\t"
    )


def test_links_of_one_album_are_no_shared_bytes(tmp_path: Path) -> None:
    """Three files of one album neither tell of a placeholder nor count as copies in the report."""
    made(tmp_path, [["Jazz", "Rock", "Pop", "Funk"]] * 3)
    summary = run_download(tmp_path)
    assert summary.facts["shared_covers"] == []
    run_download(tmp_path, flags={"link_identical": True})
    context = make_context(tmp_path)
    assert dedupe.run(context, covers=True).facts["groups"] == 0
    assert json.dumps(report.run(context).facts).count("Album 0") == 0


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(("one", "other"), CHANGES)
def test_a_change_of_layout_killed_at_any_moment(
    tmp_path: Path, forks: Forks, one: Layout, other: Layout
) -> None:
    """No cover is lost, and the next run ends what was begun without a request."""
    labels = [ALBUMS[n % len(ALBUMS)] for n in range(200)]
    whole, folder = tmp_path / "whole", tmp_path / "data"
    whole.mkdir()
    covers = made(whole, labels, layout=one)

    def restore() -> None:
        copy_over(whole, folder)

    def look() -> None:
        check_ledger(folder)
        assert set(covers.values()) <= {
            file.read_bytes() for file in (folder / IMAGES).rglob("*.jpg")
        }

    def compare() -> None:
        check(folder, covers, other)

    case = Case(folder, ("download", "--layout", other), restore, look, compare)
    kill_often(forks, case, kills=10, seed=7)
