"""dedupe --covers: what looks alike is found once, listed, and dropped only where it is asked."""

import hashlib
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from bench.changes import CHANGES
from downloads import IMAGES, files_of, ledger_of, start
from lookalikes import TSV, album, fill, ids_of, run_dedupe, saved, scene, sleeve
from support import equigen, from_json, make_context, posix_only, read_rows

from equigen.commands import dedupe, download, split
from equigen.dataset.covers import dataset_covers
from equigen.errors import MissingInputError, UsageError
from equigen.images.rendering import Check
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import CoverPair
from equigen.neardup.clusters import CopySurplus
from equigen.schema import Link

# Three copies of one picture, two of another in two labels, and two that nobody copied.
ROWS = (
    album(0, year="1990"),
    album(1, year="1980"),
    album(2, year="1970"),
    album(3),
    album(4, genre="Rock"),
    album(5),
    album(6, genre="Rock"),
)
PICTURES = {
    "m0": saved(scene(1)),
    "m1": saved(scene(1).resize((300, 300)), quality=80),
    "m2": CHANGES["5 % cropped off each side"](scene(1), 1),
    "m3": saved(scene(2)),
    "m4": CHANGES["white border of 5 %"](scene(2), 2),
    "m5": saved(scene(3)),
    "m6": saved(scene(4)),
}


def pairs_of(folder: Path) -> list[CoverPair]:
    """Return all covers that were compared."""
    with Ledger(folder / LEDGER_NAME, read_only=True) as ledger:
        return list(ledger.compared())


def groups_of(folder: Path) -> set[frozenset[str]]:
    """Return the groups that the ledger knows, by the ids of the albums."""
    with Ledger(folder / LEDGER_NAME, read_only=True) as ledger:
        groups = ledger.cover_groups()
    covers = ledger_of(folder)
    found: dict[str, set[str]] = {}
    for row in dataset_covers(make_context(folder)):
        name = groups.get(covers[row.path].sha256) if row.path in covers else None
        if name:
            found.setdefault(name, set()).add(row.album_id)
    return {frozenset(each) for each in found.values()}


def cover_of(folder: Path, album_id: str) -> Path:
    """Return the file of an album's cover among the images."""
    context = make_context(folder)
    (path,) = (row.path for row in dataset_covers(context) if row.album_id == album_id)
    return context.images / path


def test_nothing_is_dropped_unless_it_is_asked_for(tmp_path: Path) -> None:
    """The TSV stays as it is to the byte; pairs and groups are in the ledger."""
    fill(tmp_path, ROWS, PICTURES)
    before, files = (tmp_path / TSV).read_bytes(), files_of(tmp_path)
    summary = run_dedupe(tmp_path)
    assert (tmp_path / TSV).read_bytes() == before
    assert files_of(tmp_path) == files
    assert (summary.rows_in, summary.rows_out, summary.dropped) == (7, 7, {})
    expected = {"covers": 7, "pairs_alike": 4, "groups": 2, "in_groups": 5, "label_conflicts": 1}
    assert expected.items() <= summary.facts.items()
    assert summary.facts["pairs_cut"] == 0
    assert any("`--drop` would drop 2 rows" in note for note in summary.notes)
    assert groups_of(tmp_path) == {frozenset({"m0", "m1", "m2"}), frozenset({"m3", "m4"})}
    alike = [pair for pair in pairs_of(tmp_path) if pair.is_alike]
    assert len(alike) == 4
    assert all(pair.first < pair.second and 0 <= pair.distance <= 8 for pair in alike)
    assert all(0.8 <= pair.likeness <= 1 for pair in alike)


@pytest.mark.parametrize(
    ("times", "told"), [(1, "3 of 7 rows (42.9%)"), (3, "17 of 21 rows (81.0%)")]
)
def test_shares_are_those_of_rows(tmp_path: Path, times: int, told: str) -> None:
    """Rows with one cover's file count each, on both sides: no share is above the whole."""
    fill(tmp_path, ROWS * times, PICTURES)
    summary = run_dedupe(tmp_path)
    groups = 2 if times == 1 else 4
    assert summary.facts["covers"] == summary.rows_in == 7 * times
    assert f"{groups} groups of covers that look alike: {told} repeat another" in summary.notes


def test_the_largest_copy_of_each_label_stays(tmp_path: Path) -> None:
    """What else is in its row stays too, and why others went is told."""
    rows = [{**row, "note": f"note {at}"} for at, row in enumerate(ROWS)]
    fill(tmp_path, rows, PICTURES)
    summary = run_dedupe(tmp_path, drop=True)
    assert read_rows(tmp_path / TSV) == [rows[at] for at in (1, 3, 4, 5, 6)]
    assert (summary.rows_in, summary.rows_out) == (7, 5)
    assert summary.dropped == {str(CopySurplus.LOOKS_ALIKE): 2}
    again = run_dedupe(tmp_path, drop=True)
    assert (again.rows_in, again.rows_out) == (5, 5)


def test_of_equally_large_copies_the_earliest_year_stays(tmp_path: Path) -> None:
    """An unknown year is no early one; the same bytes are told from what only looks alike."""
    picture = saved(scene(1))
    rows = [album(0, year="1999"), album(1, year="0"), album(2, year="1985"), album(3, year="1990")]
    pictures = {"m0": picture, "m1": picture, "m2": picture, "m3": saved(scene(1), quality=50)}
    fill(tmp_path, rows, pictures)
    summary = run_dedupe(tmp_path, drop=True)
    assert ids_of(tmp_path) == ["m2"]
    assert summary.dropped == {str(CopySurplus.SAME_FILE): 2, str(CopySurplus.LOOKS_ALIKE): 1}


def test_nothing_is_dropped_for_a_copy_in_another_label(tmp_path: Path) -> None:
    """Same bytes are a conflict also where there is nothing to see in them."""
    plain = saved(sleeve(""))
    rows = [album(0), album(1, genre="Rock"), album(2), album(3, genre="Pop")]
    fill(tmp_path, rows, {"m0": plain, "m1": plain, "m2": saved(scene(1)), "m3": saved(scene(1))})
    listed = tmp_path / "conflicts.tsv"
    summary = run_dedupe(tmp_path, conflicts=listed, drop=True)
    assert (summary.facts["label_conflicts"], summary.dropped) == (2, {})
    assert [row["album_id"] for row in read_rows(listed)] == ["m0", "m1", "m2", "m3"]
    assert ids_of(tmp_path) == ["m0", "m1", "m2", "m3"]


def test_label_conflicts_are_listed(tmp_path: Path) -> None:
    """Row by row, with the file and its sha256; the list is there also where it is empty."""
    fill(tmp_path, ROWS, PICTURES)
    listed = tmp_path / "lists" / "conflicts.tsv"
    summary = run_dedupe(tmp_path, conflicts=listed)
    assert any(str(listed) in note for note in summary.notes)
    rows = read_rows(listed)
    assert len({row["group"] for row in rows}) == 1
    for row, number, label in zip(rows, (3, 4), ("Jazz", "Rock"), strict=True):
        file = cover_of(tmp_path, f"m{number}")
        assert {**row, "group": ""} == {
            "group": "",
            "label": label,
            "artist": f"Soloist {number}",
            "album": f"Album {number}",
            "year": "1999",
            "album_id": f"m{number}",
            "file": f"{label}/{file.name}",
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
    fill(tmp_path, ROWS[:4], {})
    assert run_dedupe(tmp_path, conflicts=listed).facts["label_conflicts"] == 0
    (header,) = listed.read_text().splitlines()
    assert header.split("\t") == list(rows[0])


@pytest.mark.parametrize("kind", ["split", "empty", "longer", "folder", "bytes", "hard link"])
def test_a_list_takes_the_place_of_lists_alone(tmp_path: Path, kind: str) -> None:
    """What else is there under the name stays, and nothing is compared before that is told."""
    fill(tmp_path, ROWS, PICTURES)
    listed = tmp_path / "listed.tsv"
    header = "group\tlabel\tartist\talbum\tyear\talbum_id\tfile\tsha256"
    if kind == "split":
        split.run(make_context(tmp_path))
        listed = tmp_path / "split" / "split.tsv"
    elif kind == "folder":
        listed.mkdir()
    elif kind == "hard link":
        listed.hardlink_to(tmp_path / TSV)
    else:
        bodies = {"empty": b"", "longer": f"{header}\tnote\n".encode(), "bytes": b"\xff\0" * 900}
        listed.write_bytes(bodies[kind])
    before = listed.read_bytes() if kind != "folder" else b""
    others = dict.fromkeys(("hard link", "split"), "the dataset itself")
    others["folder"] = "this is a folder"
    expected = others.get(kind, r"isn't such a list.*Name another")
    with pytest.raises(UsageError, match=expected):
        run_dedupe(tmp_path, conflicts=listed)
    assert listed.is_dir() if kind == "folder" else listed.read_bytes() == before
    if kind != "split":
        assert pairs_of(tmp_path) == []
    listed = tmp_path / "link.tsv"
    listed.symlink_to(tmp_path / "lists.tsv")
    for end in ("\n", "\r\n", ""):
        (tmp_path / "lists.tsv").write_text(f"\ufeff{header}{end}", "utf-8")
        run_dedupe(tmp_path, conflicts=listed)
        assert len(read_rows(tmp_path / "lists.tsv")) == 2
    assert listed.is_symlink()


def test_a_list_needs_a_folder(tmp_path: Path) -> None:
    """One that is missing is made (as tested above); what is in its way stays and is named."""
    fill(tmp_path, ROWS, PICTURES)
    (tmp_path / "lists").write_text("mine")
    with pytest.raises(UsageError, match="lists is no folder"):
        run_dedupe(tmp_path, conflicts=tmp_path / "lists" / "deep" / "conflicts.tsv")
    assert (tmp_path / "lists").read_text() == "mine"
    assert pairs_of(tmp_path) == []


def test_a_second_run_compares_nothing(tmp_path: Path) -> None:
    """It tells the same of what was found; a cover that is new is compared with what it is like."""
    fill(tmp_path, ROWS, PICTURES)
    first = run_dedupe(tmp_path)
    again = run_dedupe(tmp_path)
    assert first.facts["compared_pairs"] == len(pairs_of(tmp_path))
    assert again.facts == {**first.facts, "compared_pairs": 0}
    known = set(pairs_of(tmp_path))
    fill(tmp_path, [*ROWS, album(7)], {**PICTURES, "m7": CHANGES["WebP"](scene(3), 3)})
    assert run_dedupe(tmp_path).facts["compared_pairs"] == len(pairs_of(tmp_path)) - len(known) == 1
    assert known < set(pairs_of(tmp_path))
    assert frozenset({"m5", "m7"}) in groups_of(tmp_path)


def test_covers_that_were_not_decoded_are_looked_at(tmp_path: Path) -> None:
    """A download that only checked their structure leaves that to be done, once."""
    fill(tmp_path / "full", ROWS, PICTURES)
    fill(tmp_path / "structure", ROWS, PICTURES, check=Check.STRUCTURE)
    with Ledger(tmp_path / "structure" / LEDGER_NAME) as ledger:
        assert ledger.looked_at() == set()
    run_dedupe(tmp_path / "full")
    run_dedupe(tmp_path / "structure")
    assert pairs_of(tmp_path / "structure") == pairs_of(tmp_path / "full")
    with Ledger(tmp_path / "structure" / LEDGER_NAME) as ledger:
        assert len(ledger.looked_at()) == 7


def spoil(file: Path) -> None:
    """Damage a file and leave its size as it was."""
    body = file.read_bytes()
    file.write_bytes(body[:500] + bytes(len(body) - 500))


def test_a_file_that_is_no_picture_is_like_nothing(tmp_path: Path) -> None:
    """A download that only checks the structure takes what is damaged inside; it is looked at."""
    fill(tmp_path, ROWS, PICTURES, check=Check.STRUCTURE)
    for each in ("m0", "m6"):
        spoil(cover_of(tmp_path, each))
    summary = run_dedupe(tmp_path)
    assert (summary.facts["covers"], summary.facts["in_groups"]) == (7, 4)
    assert run_dedupe(tmp_path).facts["compared_pairs"] == 0


def test_a_file_of_another_size_is_none_that_was_downloaded(tmp_path: Path) -> None:
    """It is left alone till it is what the ledger knows; then it is looked at as if for once."""
    fill(tmp_path, ROWS, PICTURES, check=Check.STRUCTURE)
    file = cover_of(tmp_path, "m0")
    file.write_bytes(PICTURES["m5"])
    summary = run_dedupe(tmp_path, drop=True)
    assert (summary.facts["covers"], summary.facts["groups"]) == (6, 2)
    assert ids_of(tmp_path) == ["m0", "m1", "m3", "m4", "m5", "m6"]
    file.write_bytes(PICTURES["m0"])
    run_dedupe(tmp_path)
    assert frozenset({"m0", "m1"}) in groups_of(tmp_path)


def test_a_file_that_was_damaged_since_is_named(tmp_path: Path) -> None:
    """It was looked at when it was whole: what to do is said in one line, and the others go on."""
    fill(tmp_path, ROWS, PICTURES)
    file = cover_of(tmp_path, "m0")
    spoil(file)
    told: list[str] = []
    context = replace(make_context(tmp_path), say=told.append)
    assert dedupe.run(context, covers=True).facts["groups"]
    (line,) = told
    assert re.search(r"Album 0.*equigen download --verify", line)
    assert "\n" not in line


def test_without_covers_the_stage_that_makes_them_is_named(tmp_path: Path) -> None:
    """A dataset alone has nothing to compare; without one there is less."""
    with pytest.raises(MissingInputError, match="equigen fetch"):
        run_dedupe(tmp_path)
    fill(tmp_path, ROWS, {})
    with pytest.raises(MissingInputError, match="equigen download"):
        run_dedupe(tmp_path)
    fill(tmp_path, ROWS, PICTURES)
    shutil.rmtree(tmp_path / IMAGES)
    with pytest.raises(MissingInputError, match="equigen download"):
        run_dedupe(tmp_path)


def test_flags_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    """Before anything is read; a list never takes the dataset's place."""
    fill(tmp_path, ROWS, PICTURES)
    before = sorted(tmp_path.rglob("*")), (tmp_path / TSV).read_bytes()
    context = make_context(tmp_path)
    with pytest.raises(UsageError, match="--covers"):
        dedupe.run(context, drop=True)
    with pytest.raises(UsageError, match="--covers"):
        dedupe.run(context, conflicts=tmp_path / "list.tsv")
    (tmp_path / "link.tsv").symlink_to(tmp_path / TSV)
    for name in (TSV, f"{IMAGES}/../{TSV}", "link.tsv", "list.csv", "list"):
        with pytest.raises(UsageError, match=r"ends in \.tsv|the dataset itself"):
            run_dedupe(tmp_path, conflicts=tmp_path / name)
    (tmp_path / "link.tsv").unlink()
    assert (sorted(tmp_path.rglob("*")), (tmp_path / TSV).read_bytes()) == before


def test_covers_that_a_split_moved_are_found(tmp_path: Path) -> None:
    """They are in their sets only; pairs and rows that would go are the same."""
    fill(tmp_path, ROWS, PICTURES)
    split.run(make_context(tmp_path), link=Link.MOVE)
    assert files_of(tmp_path) == {}
    summary = run_dedupe(tmp_path, drop=True)
    assert (summary.facts["covers"], summary.rows_out) == (7, 5)


def test_a_link_that_leads_nowhere_is_no_cover(tmp_path: Path) -> None:
    """A split by symbolic links leaves one where somebody then removed the cover."""
    fill(tmp_path, ROWS, PICTURES)
    split.run(make_context(tmp_path), link=Link.SYMLINK)
    cover_of(tmp_path, "m3").unlink()
    fill(tmp_path, [*ROWS, album(7)], {"m7": saved(scene(2), quality=70)})
    summary = run_dedupe(tmp_path)
    assert summary.facts["covers"] == 7
    assert frozenset({"m4", "m7"}) in groups_of(tmp_path)


def test_a_download_sets_the_files_of_dropped_rows_aside(tmp_path: Path) -> None:
    """And makes no request: all others are there."""
    fill(tmp_path, ROWS, PICTURES)
    kept = {at: cover_of(tmp_path, f"m{at}") for at in (1, 3, 4, 5, 6)}
    summary = run_dedupe(tmp_path, drop=True)
    assert any("equigen download" in note for note in summary.notes)
    download.run(make_context(tmp_path))
    assert set((tmp_path / IMAGES).glob("*/*.jpg")) == set(kept.values())
    aside = (tmp_path / f"{IMAGES}_set_aside").rglob("*.jpg")
    assert {file.read_bytes() for file in aside} == {PICTURES["m0"], PICTURES["m2"]}
    assert run_dedupe(tmp_path).facts["groups"] == 1


def test_what_another_method_compared_is_compared_anew(tmp_path: Path) -> None:
    """What it found is forgotten; what is known of the files isn't."""
    fill(tmp_path, ROWS, PICTURES)
    first = run_dedupe(tmp_path)
    pairs = pairs_of(tmp_path)
    with Ledger(tmp_path / LEDGER_NAME) as ledger:
        ledger.record_pairs([pairs[0]._replace(likeness=0.1, is_alike=not pairs[0].is_alike)])
        ledger.remember("covers_compared_by", "0")
    assert run_dedupe(tmp_path).facts == first.facts
    assert pairs_of(tmp_path) == pairs


@pytest.mark.long_after(1)
@posix_only
@pytest.mark.parametrize("point", ["at once", "looks", "pairs", "groups"])
def test_killed_at_any_moment_the_next_run_finds_the_same(tmp_path: Path, point: str) -> None:
    """As soon as the ledger has the first looks, pairs, groups, or nothing yet."""
    rows = [album(number) for number in range(60)]
    pictures = {f"m{at}": saved(scene(at // 3), quality=(90, 70, 50)[at % 3]) for at in range(60)}
    for name in ("killed", "kept"):
        fill(tmp_path / name, rows, pictures, check=Check.STRUCTURE)
    process = start(tmp_path / "killed", "dedupe", "--covers")
    with Ledger(tmp_path / "killed" / LEDGER_NAME, read_only=True) as ledger:

        def is_there() -> bool:
            known = {"looks": ledger.looked_at, "pairs": ledger.cover_pairs}
            return point == "at once" or bool(known.get(point, ledger.cover_groups)())

        while process.poll() is None and not is_there():
            pass
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    run_dedupe(tmp_path / "kept")
    run_dedupe(tmp_path / "killed")
    assert len(groups_of(tmp_path / "kept")) == 20
    assert groups_of(tmp_path / "killed") == groups_of(tmp_path / "kept")
    assert pairs_of(tmp_path / "killed") == pairs_of(tmp_path / "kept")


def test_the_program_tells_what_it_found(tmp_path: Path) -> None:
    """As JSON, with the figures; a wrong flag ends with 2."""
    fill(tmp_path, ROWS, PICTURES)
    env = {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path)}
    done = equigen("dedupe", "--covers", "--json", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    told = from_json(done.stdout)
    assert (told["rows_in"], told["groups"], told["label_conflicts"]) == (7, 2, 1)
    assert equigen("dedupe", "--drop", cwd=tmp_path, env=env).returncode == 2
