"""Examples stay out of all sets: by id, by artist and title, and by what their covers show."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from bench.changes import CHANGES
from lookalikes import album, fill, saved, scene
from support import make_context, write_rows

from equigen.commands import dedupe, repair, report, split, status
from equigen.dataset.covers import dataset_covers
from equigen.dataset.examples import context_of_examples, known_examples
from equigen.errors import LeakError
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.schema import ASIDE, SETS, Listing
from equigen.summary import Summary

COUNT = 20
REASON = "examples, or the same album or picture as one"
Row = Mapping[str, str]


def run_split(folder: Path, **flags: object) -> Summary:
    """Split in this process; `group` is how."""
    group = flags.pop("group", "artist+cover")
    return split.run(make_context(folder, split={"group": group}), **flags)  # type: ignore[arg-type]


def sets_of(folder: Path) -> dict[str, str]:
    """Return the set of each album by its id, and see that the files agree."""
    with (folder / "split" / "split.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    there = {
        f"{file.parent.name}/{file.name}": name
        for name in SETS
        for file in (folder / "split" / name).glob("*/*.jpg")
    }
    assert {row["file"]: row["set"] for row in rows if row["set"] != ASIDE} == there
    return {row["album_id"]: row["set"] for row in rows}


def dataset(folder: Path, *more: Row, pictures: Mapping[str, bytes] | None = None) -> None:
    """Write a dataset of many albums with their covers, and some more."""
    rows = [album(number) for number in range(COUNT)] + list(more)
    shown = {row["album_id"]: saved(scene(int(row["album_id"][1:]))) for row in rows}
    empty = {"also_known_as": "", "tracks": ""}
    fill(folder, [{**empty, **row} for row in rows], {**shown, **(pictures or {})})


def make_examples(folder: Path, *rows: Row, pictures: Sequence[bytes] = ()) -> None:
    """Write examples by hand, with the covers of the first of them."""
    own = context_of_examples(make_context(folder))
    columns = ["artist", "album", "album_index", "genre", "year", "image_url", "album_id",
               "also_known_as", "tracks"]  # fmt: skip
    write_rows(own.tsv, *rows, columns=columns)
    for row, body in zip(dataset_covers(own), pictures, strict=False):
        file = own.images / row.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)


def example(number: int, **cells: str) -> dict[str, str]:
    """Return an example that is no album of the dataset."""
    return album(900 + number, **{"album_id": f"x{number}", **cells})


def kept_out(folder: Path) -> set[str]:
    """Return the albums that are set aside."""
    return {each for each, name in sets_of(folder).items() if name == ASIDE}


def near(number: int) -> bytes:
    """Return a near-duplicate of an album's cover."""
    return CHANGES["JPEG at 50 % of the size"](scene(number), number)


@pytest.mark.long_after(5)
@pytest.mark.parametrize(
    ("cells", "picture"),
    [
        ({"album_id": "m3"}, b""),
        ({"also_known_as": "spotify:a|m3"}, b""),
        ({"artist": "The SOLOIST 3 (2)", "album": "album  3"}, b""),
        ({}, saved(scene(3))),
        ({}, near(3)),
    ],
    ids=["id", "other id", "names", "same bytes", "near-duplicate"],
)
@pytest.mark.parametrize("group", ["artist+cover", "artist", "none"])
def test_what_is_an_example_is_in_no_set(
    tmp_path: Path, cells: dict[str, str], picture: bytes, group: str
) -> None:
    """The summary says how many; all others are dealt as ever, and the proof holds."""
    dataset(tmp_path)
    make_examples(tmp_path, example(1, **cells), pictures=[picture] if picture else [])
    summary = run_split(tmp_path, group=group)
    assert (summary.rows_in, summary.rows_out) == (COUNT, COUNT - 1)
    assert summary.dropped[REASON] == summary.facts["examples"] == 1
    assert kept_out(tmp_path) == ({"m3"} if group != "none" else set())
    there = [file.name for file in (tmp_path / "split").rglob("*.jpg")]
    assert len(there) == COUNT - 1
    assert not any("Soloist 3 " in name for name in there)
    proof = run_split(tmp_path, verify=True)
    assert "none is an example, nor looks like one" in proof.notes
    again = run_split(tmp_path, group=group)
    assert (again.rows_out, again.dropped[REASON], again.facts["added"]) == (COUNT - 1, 1, 0)


def test_an_album_also_known_as_an_example_is_one(tmp_path: Path) -> None:
    """By the further ids of its own row."""
    dataset(tmp_path, album(50, also_known_as="musicbrainz:x|discogs:m7"))
    make_examples(tmp_path, example(1, album_id="discogs:m7"))
    run_split(tmp_path)
    assert kept_out(tmp_path) == {"m50"}
    assert run_split(tmp_path, verify=True).facts["examples"] == 0, "it has no cover"


def test_half_of_the_tracks_of_an_example_make_an_album_one(tmp_path: Path) -> None:
    """As everywhere: a single of the example is in its set, and fetch may take it."""
    dataset(
        tmp_path,
        album(50, tracks="msd:TR1 mbid:1"),
        album(51, tracks="msd:TR2|msd:TR4|msd:TR1"),
    )
    make_examples(tmp_path, example(1, tracks="msd:TR1|msd:TR2 mbid:2|msd:TR3"))
    run_split(tmp_path)
    assert kept_out(tmp_path) == {"m51"}
    run_split(tmp_path, verify=True)
    known = known_examples(make_context(tmp_path))
    single = Listing("A", "T", "", "", "y:1", (), (), "", ())
    tracks = ("msd:TR1", "msd:TR3")
    assert [known.has(replace(single, tracks=tracks[:count])) for count in (1, 2)] == [False, True]


def test_what_is_the_same_album_or_picture_goes_with_it(tmp_path: Path) -> None:
    """Through other rows as well; other albums of the artist may stay in their sets."""
    dataset(
        tmp_path,
        album(50, artist="Soloist 3", album="Album 3"),  # the same names as album 3
        album(51, artist="Somebody else"),  # its picture looks like that of 50
        album(52, artist="Soloist 3", album="Another album"),
        pictures={"m51": near(50)},
    )
    make_examples(tmp_path, example(1, album_id="m3"))
    summary = run_split(tmp_path)
    assert kept_out(tmp_path) == {"m3", "m50", "m51"}
    assert summary.facts["examples"] == 3
    assert sets_of(tmp_path)["m52"] in SETS
    run_split(tmp_path, verify=True)


def test_an_album_that_becomes_an_example_leaves_its_set(tmp_path: Path) -> None:
    """That is said; all others stay, and it comes back once it is none any more."""
    dataset(tmp_path)
    run_split(tmp_path)
    before = sets_of(tmp_path)
    leaver = next(each for each, name in before.items() if name == "train")
    number = int(leaver[1:])
    with pytest.raises(LeakError) as caught:
        make_examples(tmp_path, example(1), pictures=[near(number)])
        run_split(tmp_path, verify=True)
    assert "`equigen split` takes it out" in str(caught.value)
    assert "near-duplicate" in str(caught.value)
    summary = run_split(tmp_path)
    (note,) = (note for note in summary.notes if "example" in note)
    assert note.startswith("1 left their sets, since they show an example now: Jazz/Soloist")
    assert "(train)" in note
    assert summary.facts["removed"] == 1
    assert sets_of(tmp_path) == {**before, leaver: ASIDE}
    again = run_split(tmp_path)
    assert not any("example" in note for note in again.notes)
    assert again.dropped == summary.dropped
    make_examples(tmp_path)
    back = run_split(tmp_path)
    assert (back.facts["examples"], back.rows_out) == (0, COUNT)
    after = sets_of(tmp_path)
    assert after[leaver] in SETS
    assert {**after, leaver: ""} == {**before, leaver: ""}


@pytest.mark.parametrize("by", ["id", "names", "bytes"])
def test_verify_finds_an_example_in_a_set(tmp_path: Path, by: str) -> None:
    """Whatever it is recognised by, also where the ledger is lost."""
    dataset(tmp_path)
    run_split(tmp_path)
    cells = {
        "id": {"album_id": "m3"},
        "names": {"artist": "Soloist 3", "album": "Album 3"},
        "bytes": {},
    }
    make_examples(tmp_path, example(1, **cells[by]), pictures=[saved(scene(3))] * (by == "bytes"))
    (tmp_path / LEDGER_NAME).unlink()
    with pytest.raises(LeakError, match="Soloist 3 - Album 3") as caught:
        run_split(tmp_path, verify=True)
    assert {"id": "album m3", "names": "album soloist 3: album 3", "bytes": "sha256 "}[by] in str(
        caught.value
    )


def test_the_artist_of_an_example_may_be_in_train(tmp_path: Path) -> None:
    """An example ties nobody: only the album and its picture are out."""
    dataset(tmp_path)
    make_examples(tmp_path, example(1, artist="Soloist 3"), pictures=[saved(scene(500))])
    assert run_split(tmp_path).facts["examples"] == 0
    assert run_split(tmp_path, verify=True).facts["examples"] == 1


def test_examples_are_no_members(tmp_path: Path) -> None:
    """A dataset with examples that it has nothing of is dealt as without them, byte for byte."""
    for name in ("with", "without"):
        dataset(tmp_path / name)
    make_examples(
        tmp_path / "with", *map(example, range(3)), pictures=[saved(scene(n)) for n in (500, 501)]
    )
    one, other = (run_split(tmp_path / name) for name in ("with", "without"))
    assert one.as_json() | {"folder": ""} == other.as_json() | {"folder": ""}
    tables = [
        (tmp_path / name / "split" / "split.tsv").read_bytes() for name in ("with", "without")
    ]
    assert tables[0] == tables[1]


def test_covers_can_be_compared_in_between(tmp_path: Path) -> None:
    """`dedupe --covers` knows no examples, and the next split still keeps them out."""
    dataset(tmp_path)
    make_examples(tmp_path, example(1), pictures=[near(3)])
    run_split(tmp_path)
    found = dedupe.run(make_context(tmp_path), covers=True)
    assert (found.facts["groups"], found.rows_in) == (0, COUNT)
    assert run_split(tmp_path).facts["examples"] == 1
    assert kept_out(tmp_path) == {"m3"}


@pytest.mark.parametrize("group", ["artist+cover", "none"])
def test_status_and_report_tell_of_them(tmp_path: Path, group: str) -> None:
    """How many are kept out, and that a split is due once examples came or went."""
    dataset(tmp_path)
    run_split(tmp_path, group=group)
    context = make_context(tmp_path)
    with Ledger(context.ledger) as ledger:
        ledger.end_fetch(ended_at="2026-06-15T12:00:00+00:00")
    assert "complete" in str(status.run(context).facts["next"])
    make_examples(tmp_path, example(1, album_id="m3"))
    assert status.run(context).facts["next"] == "equigen split"
    run_split(tmp_path, group=group)
    told = status.run(context)
    assert told.facts["examples_kept_out"] == 1
    assert told.table
    assert ("kept out as examples", 1) in told.table.rows
    assert "complete" in str(told.facts["next"])
    report.run(context)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 albums are in no set, since they are examples or look like one." in page
    assert "are set aside, since what they are tied to" not in page


def test_they_stay_out_after_a_repair(tmp_path: Path) -> None:
    """A ledger that was built anew knows them as aside; they can still come back."""
    dataset(tmp_path)
    make_examples(tmp_path, example(1, album_id="m3"))
    run_split(tmp_path)
    before = sets_of(tmp_path)
    (tmp_path / LEDGER_NAME).unlink()
    repair.run(make_context(tmp_path))
    assert run_split(tmp_path).facts["examples"] == 1
    assert sets_of(tmp_path) == before
    make_examples(tmp_path)
    run_split(tmp_path)
    assert kept_out(tmp_path) == set()


def test_sets_that_are_given_hold_no_example(tmp_path: Path) -> None:
    """All other albums stand where the dataset has them."""
    names = [SETS[number % 3] for number in range(COUNT)]
    rows = [album(number, set_given=name) for number, name in enumerate(names)]
    fill(tmp_path, rows, {row["album_id"]: saved(scene(n)) for n, row in enumerate(rows)})
    make_examples(tmp_path, example(1, album_id="m3"), pictures=[near(4)])
    summary = split.run(make_context(tmp_path, split={"keep_sets": True}))
    assert (summary.facts["examples"], summary.rows_out) == (2, COUNT - 2)
    expected = {row["album_id"]: row["set_given"] for row in rows}
    assert sets_of(tmp_path) == expected | {"m3": ASIDE, "m4": ASIDE}
    run_split(tmp_path, verify=True)
