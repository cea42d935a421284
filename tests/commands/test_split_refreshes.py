"""Sets that were dealt once, and what refreshes, edits and kills do to them: nothing leaks."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from downloads import start
from splits import TSV, catalogue, fill, run_split, sets_of
from support import make_context, posix_only, write_rows

from equigen.commands import split
from equigen.dataset.covers import dataset_covers
from equigen.errors import InputError, UsageError
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import CoverPair
from equigen.schema import ASIDE, SETS, Group, Link

IMAGES = "equigen_album_images"


def album(number: int, artist: str, **cells: str) -> dict[str, str]:
    """Return one row."""
    row = {
        "artist": artist,
        "album": f"Album {number}",
        "album_index": str(number),
        "album_id": f"m{number}",
        "genre": "Jazz",
        "year": "1999",
        "image_url": f"http://127.0.0.1:9/{number}.jpg",
    }
    return {**row, **cells}


def soloists(count: int) -> list[dict[str, str]]:
    """Return an album each by so many artists."""
    return [album(number, f"Soloist {number}") for number in range(count)]


def apart(sets: dict[str, str]) -> tuple[int, int]:
    """Return two soloists that are in different sets, one of train and one of test."""
    one = next(n for n in range(len(sets)) if sets[f"m{n}"] == "train")
    other = next(n for n in range(len(sets)) if sets[f"m{n}"] == "test")
    return one, other


@pytest.mark.long
@posix_only
@pytest.mark.parametrize("link", ["copy", "move"])
def test_killed_at_any_moment_the_next_run_leaves_no_leak(tmp_path: Path, link: str) -> None:
    """Albums that must leave their sets do, whenever the run that knew it first was killed."""
    rows = catalogue(400)
    fill(tmp_path / "kept", rows)
    run_split(tmp_path / "kept")
    both = [*rows, *catalogue(200, seed=3, first=1000)]
    for already in (0, 1, 60, 180):
        folder = tmp_path / f"{already}"
        shutil.copytree(tmp_path / "kept", folder)
        fill(folder, both)
        before = len(list((folder / "split").glob("*/*/*.jpg")))
        process = start(folder, "split", "--link", link)
        while len(list((folder / "split").glob("*/*/*.jpg"))) < before + already:
            if process.poll() is not None:
                break
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        run_split(folder, link=Link(link))
        sets_of(folder)
        assert run_split(folder, verify=True).rows_out > 400


def test_without_a_ledger_the_bytes_still_tie(tmp_path: Path) -> None:
    """What the ledger doesn't know, or what was replaced by hand, is read anew."""
    rows = soloists(60)
    fill(tmp_path, rows, same={f"m{n}": f"m{n + 30}" for n in range(30)})
    (tmp_path / LEDGER_NAME).unlink()
    run_split(tmp_path)
    sets = sets_of(tmp_path)
    assert all(sets[f"m{n}"] == sets[f"m{n + 30}"] for n in range(30))
    one, other = (n for n in apart(sets))
    paths = {row.album_id: row.path for row in dataset_covers(make_context(tmp_path))}
    images = tmp_path / IMAGES
    shutil.copy2(images / paths[f"m{one}"], images / paths[f"m{other}"])
    run_split(tmp_path)
    assert ASIDE in sets_of(tmp_path).values()
    run_split(tmp_path, verify=True)


def test_twins_of_albums_that_are_gone_join_their_set(tmp_path: Path) -> None:
    """A picture that was in test is in test under any name."""
    fill(tmp_path, soloists(60))
    run_split(tmp_path)
    first = sets_of(tmp_path)
    for cover in (tmp_path / IMAGES).rglob("*.jpg"):
        cover.unlink()
    twins = [album(100 + n, f"Other {n}") for n in range(60)]
    fill(tmp_path, twins, same={f"m{100 + n}": f"m{n}" for n in range(60)})
    run_split(tmp_path)
    assert sets_of(tmp_path) == {f"m{100 + n}": first[f"m{n}"] for n in range(60)}


def test_who_is_aside_stays_aside(tmp_path: Path) -> None:
    """Also while one of the two artists is gone; until all is dealt anew."""
    rows = soloists(60)
    fill(tmp_path, rows)
    run_split(tmp_path)
    one, other = apart(sets_of(tmp_path))
    duet = album(99, f"Soloist {one} & Soloist {other}")
    fill(tmp_path, [*rows, duet])
    summary = run_split(tmp_path)
    assert sets_of(tmp_path)["m99"] == ASIDE
    assert any("is tied to" in note for note in summary.notes)
    without = [row for row in rows if row is not rows[other]]
    next((tmp_path / IMAGES).rglob(f"Soloist {other} - *")).unlink()
    fill(tmp_path, [*without, duet])
    assert run_split(tmp_path).notes == []
    assert sets_of(tmp_path)["m99"] == ASIDE
    run_split(tmp_path, reshuffle=True)
    assert sets_of(tmp_path)["m99"] in SETS


def test_one_corrected_row_moves_no_other(tmp_path: Path) -> None:
    """An old album that turns out to be another artist's leaves its set; theirs stay."""
    rows = [*soloists(40), *(album(100 + n, "Big") for n in range(12))]
    fill(tmp_path, rows)
    run_split(tmp_path)
    before = sets_of(tmp_path)
    wrong = next(n for n in range(40) if before[f"m{n}"] != before["m100"])
    rows[wrong] = album(wrong, "Big")
    fill(tmp_path, rows)
    run_split(tmp_path)
    after = sets_of(tmp_path)
    assert after.pop(f"m{wrong}") == ASIDE
    assert after.items() <= before.items()


def test_rows_of_one_id_are_in_one_set(tmp_path: Path) -> None:
    """A dataset that wasn't deduped has some; a second run changes nothing."""
    rows = [*soloists(60), *(album(n, f"Nobody else {n}") for n in range(60))]
    fill(tmp_path, rows)
    run_split(tmp_path)
    sets = sets_of(tmp_path)
    tsv = (tmp_path / "split" / "split.tsv").read_text().splitlines()[1:]
    assert set(Counter(line.split("\t")[0] for line in tsv).values()) == {2}
    assert all(line.split("\t")[3] == sets[line.split("\t")[0]] for line in tsv)
    assert run_split(tmp_path).facts["added"] == 0


def test_a_split_by_cover_forgets_no_artist(tmp_path: Path) -> None:
    """What ties an album is remembered whatever was asked for."""
    fill(tmp_path, soloists(60))
    run_split(tmp_path)
    first = sets_of(tmp_path)
    run_split(tmp_path, group=Group.COVER)
    run_split(tmp_path, group=Group.NONE)
    for cover in (tmp_path / IMAGES).rglob("*.jpg"):
        cover.unlink()
    fill(tmp_path, [album(100 + n, f"Soloist {n}") for n in range(60)])
    run_split(tmp_path)
    assert sets_of(tmp_path) == {f"m{100 + n}": first[f"m{n}"] for n in range(60)}


def test_albums_without_an_id_are_known_by_their_file(tmp_path: Path) -> None:
    """They keep their set also in another label."""
    rows = [album(n, "Various", album_id="") for n in range(60)]
    fill(tmp_path, rows)
    run_split(tmp_path)
    first = {path.name: path.parent.parent.name for path in (tmp_path / "split").glob("*/*/*.jpg")}
    shutil.rmtree(tmp_path / IMAGES)
    fill(tmp_path, [{**row, "genre": "Rock"} for row in rows])
    run_split(tmp_path)
    files = (tmp_path / "split").glob("*/*/*.jpg")
    assert {path.name: path.parent.parent.name for path in files} == first


def test_one_large_artist_fills_no_small_set(tmp_path: Path) -> None:
    """A test of a label that is nearly one artist's albums says little of the label."""
    rows = [*soloists(86), *(album(100 + n, "Big") for n in range(14))]
    for seed in range(8):
        folder = tmp_path / str(seed)
        fill(folder, [{**row, "image_url": f"{row['image_url']}?{seed}"} for row in rows])
        run_split(folder, reshuffle=True)
        assert sets_of(folder)["m100"] == "train"


def test_a_dataset_that_asks_for_none_of_the_covers_is_refused(tmp_path: Path) -> None:
    """The sets that are there stay as they are."""
    fill(tmp_path, soloists(20))
    run_split(tmp_path)
    before = sets_of(tmp_path)
    write_rows(tmp_path / TSV, album(500, "Somebody else"))
    with pytest.raises(InputError, match="any of the 20 covers"):
        run_split(tmp_path)
    assert sets_of(tmp_path) == before


def test_verify_makes_nothing(tmp_path: Path) -> None:
    """It reads, and that is all; with a flag that changes all it is refused."""
    fill(tmp_path, soloists(20))
    run_split(tmp_path)
    (tmp_path / LEDGER_NAME).unlink()
    before = sorted(tmp_path.rglob("*"))
    run_split(tmp_path, verify=True)
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(UsageError, match="--verify"):
        run_split(tmp_path, verify=True, reshuffle=True)


def _anew(*_: object, **__: object) -> NoReturn:
    msg = "dealt anew"
    raise AssertionError(msg)


def test_what_has_not_changed_is_not_dealt_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run tells the same, and mends what was done to the files in the sets."""
    fill(tmp_path, catalogue(60), {"m1": "m0"})
    first, sets = run_split(tmp_path), sets_of(tmp_path)
    monkeypatch.setattr(split, "dealt_by_group", _anew)
    again = run_split(tmp_path)
    assert again.facts == {**first.facts, "added": 0}
    assert (again.rows_in, again.dropped, again.table) == (60, first.dropped, first.table)
    next((tmp_path / "split" / "train").glob("*/*.jpg")).unlink()
    assert run_split(tmp_path).facts["added"] == 1
    for link in (Link.HARDLINK, Link.MOVE, Link.MOVE, Link.COPY):
        run_split(tmp_path, link=link)
        assert sets_of(tmp_path) == sets


def _forget_the_table(folder: Path) -> None:
    (folder / "split" / "split.tsv").unlink()


def _touch_a_cover(folder: Path) -> None:
    os.utime(min(make_context(folder).images.glob("*/*")), ns=(1, 1))


def _remove_a_cover(folder: Path) -> None:
    min(make_context(folder).images.glob("*/*")).unlink()


def _rewrite_the_dataset(folder: Path) -> None:
    write_rows(folder / TSV, *(rows := catalogue(60))[1:], columns=list(rows[0]))


def _find_a_pair(folder: Path) -> None:
    with Ledger(make_context(folder).ledger) as ledger:
        ledger.record_pairs([CoverPair("0" * 64, "1" * 64, 3, 0.9)])


@pytest.mark.parametrize(
    "change",
    [_forget_the_table, _touch_a_cover, _remove_a_cover, _rewrite_the_dataset, _find_a_pair],
)
def test_what_has_changed_is_dealt_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    """Whatever the deal reads, and the list that it writes."""
    fill(tmp_path, catalogue(60))
    run_split(tmp_path)
    change(tmp_path)
    with monkeypatch.context() as patched, pytest.raises(AssertionError, match="dealt anew"):
        patched.setattr(split, "dealt_by_group", _anew)
        run_split(tmp_path)
    run_split(tmp_path)
    sets_of(tmp_path)
