"""Sets that no near-duplicate leaks into: covers that look alike are dealt together."""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from bench.changes import CHANGES
from downloads import ledger_of
from lookalikes import TSV, album, fill, run_dedupe, saved, scene
from splits import run_split, sets_of
from support import make_context, write_rows

from equigen.commands import split
from equigen.dataset.covers import dataset_covers
from equigen.errors import LeakError
from equigen.images.rendering import Fit, Rendering
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import CoverPair
from equigen.schema import ASIDE, SETS

COUNT = 40
KINDS = (
    "JPEG of quality 30",
    "JPEG at 50 % of the size",
    "5 % cropped off each side",
    "white border of 5 %",
)


@cache
def original(number: int) -> bytes:
    """Return the file of a picture."""
    return saved(scene(number))


@cache
def changed(number: int) -> bytes:
    """Return a near-duplicate of it."""
    return CHANGES[KINDS[number % len(KINDS)]](scene(number), number)


def twins(count: int = COUNT) -> dict[str, bytes]:
    """Return covers: m0, m1, ... and a near-duplicate of each, m100, m101, ..."""
    pictures = {f"m{number}": original(number) for number in range(count)}
    return pictures | {f"m{100 + number}": changed(number) for number in range(count)}


def rows_for(pictures: Iterable[str]) -> list[dict[str, str]]:
    """Return a row for each."""
    return [album(int(each[1:])) for each in pictures]


def path_of(folder: Path, album_id: str) -> str:
    """Return an album's cover, below the images folder."""
    covers = dataset_covers(make_context(folder))
    (path,) = (row.path for row in covers if row.album_id == album_id)
    return path


def pair_of(one: str, other: str) -> CoverPair:
    """Return two files that look alike, as the ledger has them."""
    return CoverPair(min(one, other), max(one, other), distance=3, likeness=0.9)


def alike_in(folder: Path) -> list[tuple[str, str]]:
    """Return the albums whose covers the ledger knows as alike, in the order of their numbers."""
    with Ledger(folder / LEDGER_NAME, read_only=True) as ledger:
        pairs = ledger.cover_pairs()
    covers = ledger_of(folder)
    rows = dataset_covers(make_context(folder))
    numbers = {covers[row.path].sha256: int(row.album_id[1:]) for row in rows}
    found = sorted(sorted((numbers[pair.first], numbers[pair.second])) for pair in pairs)
    return [(f"m{one}", f"m{other}") for one, other in found]


def apart(sets: Mapping[str, str]) -> tuple[str, str]:
    """Return an album of train and one of test."""
    one = next(each for each, name in sets.items() if name == "train")
    return one, next(each for each, name in sets.items() if name == "test")


def test_near_duplicates_stand_in_one_set_whatever_the_seed(tmp_path: Path) -> None:
    """Without them they would not; the sets are all filled."""
    pictures = twins()
    fill(tmp_path, rows_for(pictures), pictures)
    apart_by_artist = 0
    for seed in range(4):
        context = make_context(tmp_path, split={"seed": seed})
        split.run(context, reshuffle=True)
        sets = sets_of(tmp_path)
        assert set(sets.values()) == set(SETS)
        assert [n for n in range(COUNT) if sets[f"m{n}"] != sets[f"m{100 + n}"]] == []
        split.run(make_context(tmp_path, split={"seed": seed, "group": "artist"}), reshuffle=True)
        sets = sets_of(tmp_path)
        apart_by_artist += sum(sets[f"m{n}"] != sets[f"m{100 + n}"] for n in range(COUNT))
    assert apart_by_artist > 40


def test_verify_is_green_after_a_split(tmp_path: Path) -> None:
    """It compares the files themselves and needs no ledger for that, nor makes one."""
    pictures = twins()
    fill(tmp_path, rows_for(pictures), pictures)
    run_split(tmp_path)
    (tmp_path / LEDGER_NAME).unlink()
    summary = run_split(tmp_path, verify=True)
    assert summary.rows_out == 2 * COUNT
    assert int(str(summary.facts["compared"])) >= COUNT
    assert any("near-duplicate" in note for note in summary.notes)
    assert not (tmp_path / LEDGER_NAME).exists()


@pytest.mark.parametrize("lost", ["", LEDGER_NAME])
def test_verify_names_a_near_duplicate_in_another_set(tmp_path: Path, lost: str) -> None:
    """Somebody put a re-encoded copy of a train cover into test: both files are named."""
    pictures = {f"m{number}": original(number) for number in range(30)}
    fill(tmp_path, rows_for(pictures), pictures)
    run_split(tmp_path)
    one, _ = apart(sets_of(tmp_path))
    path = path_of(tmp_path, one)
    if lost:
        (tmp_path / lost).unlink()
    planted = tmp_path / "split" / "test" / "Jazz" / "planted.webp"
    planted.write_bytes(CHANGES["WebP"](scene(int(one[1:])), 0))
    with pytest.raises(LeakError) as caught:
        run_split(tmp_path, verify=True)
    told = str(caught.value)
    assert f"train/{path}" in told
    assert "test/Jazz/planted.webp" in told
    assert "near-duplicate, likeness " in told
    planted.unlink()
    run_split(tmp_path, verify=True)


@pytest.mark.parametrize("where", ["Jazz/.hidden.jpg", "plain.jpg", "Jazz/below/deep.jpg", "link"])
def test_verify_finds_what_a_program_would_find(tmp_path: Path, where: str) -> None:
    """Hidden files, files in no label's folder, folders below, folders that are links."""
    pictures = {f"m{number}": original(number) for number in range(20)}
    fill(tmp_path, rows_for(pictures), pictures)
    run_split(tmp_path)
    train, test = (tmp_path / "split" / name for name in ("train", "test"))
    if where == "link":
        (test / "JazzX").symlink_to(train / "Jazz", target_is_directory=True)
    else:
        (test / where).parent.mkdir(exist_ok=True)
        shutil.copy(next((train / "Jazz").iterdir()), test / where)
    with pytest.raises(LeakError, match="sha256"):
        run_split(tmp_path, verify=True)


def test_verify_knows_artists_also_of_files_whose_rows_were_renamed(tmp_path: Path) -> None:
    """A file's name is made of its artist's; split.tsv knows the row all the same."""
    pictures = {f"m{number}": original(number) for number in range(20)}
    fill(tmp_path, rows_for(pictures), pictures)
    run_split(tmp_path)
    assert run_split(tmp_path, verify=True).facts["strangers"] == 0
    rows = [{**row, "artist": "One and the same"} for row in rows_for(pictures)]
    write_rows(tmp_path / TSV, *rows, columns=list(album(0)))
    with pytest.raises(LeakError, match="artist one & same"):
        run_split(tmp_path, verify=True)


def test_verify_says_whose_artists_nobody_knows(tmp_path: Path) -> None:
    """A file without a row is by nobody: of it nothing is proved but what it shows."""
    pictures = {f"m{number}": original(number) for number in range(20)}
    fill(tmp_path, rows_for(pictures), pictures)
    run_split(tmp_path)
    write_rows(tmp_path / TSV, *rows_for(list(pictures)[:15]), columns=list(album(0)))
    summary = run_split(tmp_path, verify=True)
    assert summary.facts["strangers"] == 5
    assert "of 5 files without a row" in summary.notes[-1]


def test_verify_passes_over_files_that_are_no_pictures(tmp_path: Path) -> None:
    """Torn ones and others are known by their bytes alone."""
    pictures = {f"m{number}": original(number) for number in range(12)}
    fill(tmp_path, rows_for(pictures), pictures)
    run_split(tmp_path)
    for name, body in (("train", original(1)[:900]), ("test", original(1)[:1000]), ("val", b"")):
        (tmp_path / "split" / name / "Jazz" / f"{name}.jpg").write_bytes(body)
    assert run_split(tmp_path, verify=True).rows_out == 15


def test_a_near_duplicate_joins_the_set_of_the_old_one(tmp_path: Path) -> None:
    """A refresh that brings other files of known pictures moves nothing and leaks nothing."""
    pictures = twins()
    old = {each: body for each, body in pictures.items() if int(each[1:]) < 100}
    fill(tmp_path, rows_for(old), old)
    run_split(tmp_path)
    before = sets_of(tmp_path)
    fill(tmp_path, rows_for(pictures), pictures)
    run_split(tmp_path)
    after = sets_of(tmp_path)
    assert before.items() <= after.items()
    assert {f"m{n}": after[f"m{100 + n}"] for n in range(COUNT)} == before
    run_split(tmp_path, verify=True)


def test_it_joins_the_set_also_of_one_that_went(tmp_path: Path) -> None:
    """What a picture once was like is remembered after it was dropped, and its file with it."""
    pictures = twins()
    old = {each: body for each, body in pictures.items() if int(each[1:]) < 100}
    fill(tmp_path, rows_for(old), old)
    run_split(tmp_path)
    before = sets_of(tmp_path)
    fill(tmp_path, rows_for(pictures), pictures)
    run_dedupe(tmp_path)
    new = [each for each in pictures if each not in old]
    for each in old:
        (tmp_path / "equigen_album_images" / path_of(tmp_path, each)).unlink()
    write_rows(tmp_path / TSV, *rows_for(new), columns=list(album(0)))
    run_split(tmp_path)
    assert sets_of(tmp_path) == {f"m{100 + n}": before[f"m{n}"] for n in range(COUNT)}


def test_a_cover_like_two_of_different_sets_is_set_aside(tmp_path: Path) -> None:
    """What a refresh brings moves nothing that was there: the newcomer is in no set."""
    pictures = {f"m{number}": original(number) for number in range(30)}
    fill(tmp_path, rows_for(pictures), pictures)
    run_split(tmp_path)
    before = sets_of(tmp_path)
    first, second = sorted(apart(before), key=list(pictures).index)
    bridge = saved(scene(500))
    fill(tmp_path, rows_for([*pictures, "m99"]), {**pictures, "m99": bridge})
    with Ledger(tmp_path / LEDGER_NAME) as ledger:
        digests = [
            ledger_of(tmp_path)[path_of(tmp_path, each)].sha256 for each in (first, second, "m99")
        ]
        ledger.record_pairs(pair_of(digests[2], each) for each in digests[:2])
    summary = run_split(tmp_path)
    after = sets_of(tmp_path)
    assert after == {**before, "m99": ASIDE}
    assert any("set aside" in note for note in summary.notes)
    run_split(tmp_path)
    assert sets_of(tmp_path) == after


def test_of_two_old_covers_that_turn_out_alike_the_later_is_set_aside(tmp_path: Path) -> None:
    """Where both were in sets before anybody compared them, the one that was dealt first stays."""
    pictures = {f"m{number}": original(number) for number in range(30)}
    fill(tmp_path, rows_for(pictures), pictures)
    run_split(tmp_path)
    before = sets_of(tmp_path)
    first, second = sorted(apart(before), key=list(pictures).index)
    with Ledger(tmp_path / LEDGER_NAME) as ledger:
        order = [each.album for each in ledger.placements()]
        digests = [ledger_of(tmp_path)[path_of(tmp_path, each)].sha256 for each in (first, second)]
        ledger.record_pairs([pair_of(*digests)])
    earlier, later = sorted((first, second), key=order.index)
    run_split(tmp_path)
    assert sets_of(tmp_path) == {**before, later: ASIDE}, earlier


@pytest.mark.parametrize("fit", [Fit.CROP, Fit.PAD])
def test_verify_is_green_where_covers_were_made_anew(tmp_path: Path, fit: Fit) -> None:
    """What a download knows of a file that it cropped or padded is what the file shows.

    Nearly all near-duplicates are found, and nothing else, and they stand in one set.
    """
    shapes = ((320, 220), (200, 300), (240, 240))
    pictures = {}
    for number in range(30):
        image = scene(number, shapes[number % len(shapes)])
        pictures[f"m{number}"] = saved(image)
        pictures[f"m{100 + number}"] = CHANGES[KINDS[number % len(KINDS)]](image, number)
    fill(tmp_path, rows_for(pictures), pictures, rendering=Rendering(256, fit))
    run_split(tmp_path)
    run_split(tmp_path, verify=True)
    sets = sets_of(tmp_path)
    assert {(sets[one], sets[other]) for one, other in alike_in(tmp_path)} == {
        (name, name) for name in SETS
    }
    twins = {(f"m{n}", f"m{100 + n}") for n in range(30)}
    assert set(alike_in(tmp_path)) <= twins
    assert len(alike_in(tmp_path)) >= 29


def ring(folder: Path, *numbers: int) -> None:
    """Let four covers look like each other in a ring, as if they had been compared."""
    context = make_context(folder)
    with Ledger(context.ledger) as ledger:
        covers = ledger_of(folder)
        digests = [covers[path_of(folder, f"m{number}")].sha256 for number in numbers]
        ledger.record_pairs(pair_of(*pair) for pair in pairwise([*digests, digests[0]]))
        ledger.remember("covers_compared_by", "2")


def by_digest(pictures: Mapping[str, bytes], numbers: Iterable[int]) -> list[int]:
    """Return the numbers of covers in the order of their sha256."""
    return sorted(numbers, key=lambda each: hashlib.sha256(pictures[f"m{each}"]).hexdigest())


def test_what_looks_alike_is_tied_though_others_in_between_are_gone(tmp_path: Path) -> None:
    """Of a ring of four the first two were dropped before there were sets: two hang together."""
    pictures = {f"m{number}": original(number) for number in range(40)}
    first, second, one, other = by_digest(pictures, range(4))
    for at in range(8):
        folder = tmp_path / str(at)
        fill(folder, rows_for(pictures), pictures)
        ring(folder, first, second, other, one)
        left = [each for each in pictures if each not in {f"m{first}", f"m{second}"}]
        write_rows(folder / TSV, *rows_for(left), columns=list(album(0)))
        split.run(make_context(folder, split={"seed": at}))
        sets = sets_of(folder)
        assert sets[f"m{one}"] == sets[f"m{other}"], at


def test_what_looks_alike_is_tied_though_others_in_between_are_cut_loose(tmp_path: Path) -> None:
    """Collaborations that chain a label tie nobody; two that are like them and alike do hold."""
    pictures = {f"m{number}": original(number) for number in range(60)}
    first, second, one, other = by_digest(pictures, range(4))
    artists = {one: "Alone", other: "Apart", first: "One & Two", second: "One & Two"}
    rows = [
        album(number, artist=artists.get(number, "One" if number % 2 else "Two"))
        for number in range(60)
    ]
    rows += [album(200 + number) for number in range(60)]
    pictures |= {f"m{200 + number}": original(60 + number) for number in range(60)}
    fill(tmp_path, rows, pictures)
    ring(tmp_path, first, second, other, one)
    for seed in range(6):
        context = make_context(tmp_path, split={"seed": seed})
        summary = split.run(context, reshuffle=True)
        assert summary.facts["groups_cut"] == 1
        sets = sets_of(tmp_path)
        assert sets[f"m{one}"] == sets[f"m{other}"], seed
