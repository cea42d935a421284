"""A ledger that is damaged or lost: restored, without fetching or moving anything again."""

import json
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from forks import Forks
from kills import Case, copy_over, kill_often
from PIL import Image
from splits import sets_of
from support import equigen, from_json, make_context, sandbox_env
from wholes import LEDGER, LIMITS, Whole, make_whole, small_catalogue, tables_of

from equigen.commands import dedupe, download, fetch, repair, report, split, status
from equigen.dataset.context import Context
from equigen.errors import InputError, LedgerError, MissingInputError
from equigen.ledger.backup import back_up, copies_of
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import Rest
from equigen.ledger.tables import VERSION
from equigen.repairing.damage import find_damage
from equigen.schema import Link

PAGE = 4096
TODAY = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A complete dataset."""
    with small_catalogue() as sandbox:
        yield make_whole(tmp_path_factory.mktemp("whole"), sandbox)


def missing(ledger: Path) -> None:
    """Take the ledger away."""
    ledger.unlink()


def empty(ledger: Path) -> None:
    """Leave nothing in the file."""
    ledger.write_bytes(b"")


def one_byte(ledger: Path) -> None:
    """Leave one byte, which SQLite takes for none."""
    ledger.write_bytes(b"S")


def cut_in_half(ledger: Path) -> None:
    """Leave its first half."""
    ledger.write_bytes(ledger.read_bytes()[: ledger.stat().st_size // 2])


def cut_to_60_percent(ledger: Path) -> None:
    """Leave its first 60 %."""
    ledger.write_bytes(ledger.read_bytes()[: ledger.stat().st_size * 6 // 10])


def pages_zeroed(ledger: Path) -> None:
    """Overwrite every third page, but the first, with zeroes."""
    with ledger.open("r+b") as file:
        for at in range(2 * PAGE, ledger.stat().st_size, 3 * PAGE):
            file.seek(at)
            file.write(bytes(PAGE))


def pages_of_noise(ledger: Path) -> None:
    """Overwrite every third page, the first one, too, with noise."""
    chance = random.Random(1)
    with ledger.open("r+b") as file:
        for at in range(0, ledger.stat().st_size, 3 * PAGE):
            file.seek(at)
            file.write(chance.randbytes(PAGE))


def no_first_page(ledger: Path) -> None:
    """Overwrite its first page with zeroes."""
    ledger.write_bytes(bytes(PAGE) + ledger.read_bytes()[PAGE:])


def no_header(ledger: Path) -> None:
    """Overwrite its header with zeroes."""
    ledger.write_bytes(bytes(100) + ledger.read_bytes()[100:])


def no_sqlite(ledger: Path) -> None:
    """Put something else in its place."""
    ledger.write_bytes(b"not a database at all\n" * 400)


def no_table(ledger: Path) -> None:
    """Drop a table, as somebody with an SQLite tool may."""
    with sqlite3.connect(ledger) as db:
        db.execute("DROP TABLE covers")
    db.close()


def torn_values(ledger: Path) -> None:
    """Write values that make no sense, in pages that are whole."""
    with sqlite3.connect(ledger) as db:
        db.execute(
            "UPDATE covers SET status = 'so so' WHERE picture IN"
            " (SELECT picture FROM files WHERE path LIKE 'Jazz/%')"
        )
        db.execute("UPDATE placements SET ties = '[\"art' WHERE seq % 3 = 0")
        db.execute("UPDATE albums SET artist = CAST(x'ff00ff' AS TEXT) WHERE seq % 5 = 0")
    db.close()


WAYS = [
    missing, empty, one_byte, cut_in_half, cut_to_60_percent, pages_zeroed, pages_of_noise,
    no_first_page, no_header, no_sqlite, no_table, torn_values,
]  # fmt: skip
# What a repair notes for the next download, and what any change renews.
OWN = {"downloading", "changed"}


def context_of(folder: Path, whole: Whole) -> Context:
    """Return the surroundings of a run on a copy of the dataset, today."""
    context = make_context(folder, base_url=whole.sandbox.base_url, fetch=LIMITS)
    return Context(context.config, context.bar, context.say, now=lambda: TODAY)


@dataclass(frozen=True)
class State:
    """What a dataset consists of: its rows, its covers, its sets, and what looks alike in it."""

    tsv: bytes
    covers: dict[str, bytes]
    sets: dict[str, str]
    alike: object


def state_of(context: Context) -> State:
    """Return what is there."""
    folder = context.directory
    covers = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(context.images.rglob("*.jpg"))
    }
    facts = dedupe.run(context, covers=True).facts
    alike = {name: facts[name] for name in ("covers", "groups", "in_groups", "pairs_alike")}
    return State(context.tsv.read_bytes(), covers, sets_of(folder), alike)


def goes_on(context: Context, whole: Whole) -> State:
    """Run all that comes after a repair: nothing may be fetched again, nor change its set."""
    whole.sandbox.log.clear()
    summary = download.run(context)
    assert summary.facts["fetched"] == 0
    assert summary.rows_out == summary.rows_in
    assert whole.sandbox.log == []
    dealt = split.run(context)
    assert (dealt.facts["added"], dealt.facts["removed"]) == (0, 0)
    split.run(context, verify=True)
    fetch.run(context)
    return state_of(context)


@pytest.mark.long_after(4)
@pytest.mark.parametrize("has_copies", [True, False], ids=["copied", "not copied"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_after_a_repair_nothing_is_fetched_again_nor_moved(
    tmp_path: Path, whole: Whole, way: Callable[[Path], None], *, has_copies: bool
) -> None:
    """However the ledger is damaged, the dataset is what it was, and so is what comes after."""
    folder = whole.copy(tmp_path / "data", has_copies=has_copies)
    context = context_of(folder, whole)
    before = state_of(context)
    way(context.ledger)
    there = context.ledger.exists()
    damaged = context.ledger.read_bytes() if there else b""
    summary = repair.run(context)
    assert summary.facts["repaired"]
    assert summary.facts["damage"]
    assert "***" not in str(summary.facts["damage"])
    assert summary.rows_in == summary.rows_out == len(before.covers)
    assert bool(summary.facts["copied_at"]) is has_copies
    asides = list(folder.glob(f"{LEDGER}.damaged-*"))
    assert [file.read_bytes() for file in asides] == [damaged] * there
    assert not [*folder.glob("*.built*"), *folder.glob("*.building*")]
    assert goes_on(context, whole) == before
    again = repair.run(context)
    assert again.notes[0] == "nothing to repair: the ledger is whole"
    assert again.rows_out == again.rows_in == len(before.covers)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_row_of_the_last_copy_is_right_again(
    tmp_path: Path, whole: Whole, way: Callable[[Path], None]
) -> None:
    """All tables hold what they held at the end of the last good run, and nothing else."""
    folder = whole.copy(tmp_path / "data")
    context = context_of(folder, whole)
    before = tables_of(context.ledger)
    counts = {name: len(rows) for name, rows in before.items()}
    way(context.ledger)
    facts = repair.run(context).facts
    after = tables_of(context.ledger)
    for tables in (before, after):
        tables["meta"] = [row for row in tables["meta"] if row[0] not in OWN]
        tables["requests"] = [row for row in tables["requests"] if row[1] != str(TODAY.date())]
    assert after == before
    assert facts["restored_from"] == str(copies_of(context.ledger)[0])
    assert (facts["albums_noted"], facts["covers_noted"], facts["sets_noted"]) == (0, 0, 0)
    assert facts["kept"] == counts


@pytest.mark.long_after(2)
@pytest.mark.parametrize("has_copies", [True, False], ids=["copied", "not copied"])
@pytest.mark.parametrize("seed", range(12))
def test_bytes_overwritten_anywhere_are_repaired(
    tmp_path: Path, whole: Whole, seed: int, *, has_copies: bool
) -> None:
    """Some bytes, or whole pages, here and there: the copy and the files bring all back."""
    chance = random.Random(seed)
    folder = whole.copy(tmp_path / "data", has_copies=has_copies)
    context = context_of(folder, whole)
    before = state_of(context)
    body = bytearray(context.ledger.read_bytes())
    for _ in range(chance.randint(1, 6)):
        length = chance.choice([1, 16, 200, PAGE])
        at = chance.randrange(len(body) - length)
        body[at : at + length] = chance.randbytes(length)
    context.ledger.write_bytes(body)
    repair.run(context)
    assert goes_on(context, whole) == before
    assert repair.run(context).facts["repaired"] is False


SENSELESS = [
    ("last_run", "garbage", status),
    ("last_run", "{}", status),
    ("last_success", "yesterday", status),
    ("last_success", "2026-06-15T12:00:00", status),
    (
        "run_under_way",
        '{"command": "run", "pid": -1, "since": "2026-06-15T12:00:00+00:00"}',
        status,
    ),
    ("run_under_way", "[]", status),
    ("last_fetch", "0", status),
    ("split_groups", '{"cut": 2}', report),
    ("split_groups", "garbage", report),
]


@pytest.mark.parametrize(("key", "value", "stage"), SENSELESS)
def test_single_values_that_make_no_sense_are_repaired(
    tmp_path: Path, whole: Whole, key: str, value: str, stage: ModuleType
) -> None:
    """A command that reads them names the repair, which takes them out, and all goes on."""
    context = context_of(whole.copy(tmp_path / "data"), whole)
    with Ledger(context.ledger) as ledger:
        ledger.remember(key, value)
    with pytest.raises(LedgerError, match=r"is damaged.*equigen repair"):
        stage.run(context)
    assert repair.run(context).facts["damage"] == "1 rows of meta make no sense"
    stage.run(context)
    assert repair.run(context).facts["repaired"] is False


def test_a_refresh_that_makes_no_sense_is_repaired(tmp_path: Path, whole: Whole) -> None:
    """A value that only fetch reads: it says so before it asks for anything."""
    context = context_of(whole.copy(tmp_path / "data"), whole)
    with Ledger(context.ledger) as ledger:
        ledger.remember("refreshing", "[1")
    whole.sandbox.log.clear()
    with pytest.raises(LedgerError, match=r"is damaged.*equigen repair"):
        fetch.run(context, refresh=True)
    assert whole.sandbox.log == []
    assert repair.run(context).facts["repaired"]
    fetch.run(context, refresh=True)


def test_a_rest_without_a_time_zone_is_repaired(tmp_path: Path, whole: Whole) -> None:
    """Nobody knows when it ends: status names the repair, which takes it out."""
    context = context_of(whole.copy(tmp_path / "data"), whole)
    with Ledger(context.ledger) as ledger:
        ledger.record_rest(Rest("a.example", "2026-06-15T11:00:00", "2026-06-15T13:00:00", 1, "-"))
    with pytest.raises(LedgerError, match=r"is damaged.*equigen repair"):
        status.run(context)
    assert repair.run(context).facts["damage"] == "1 rows of rests make no sense"
    assert status.run(context).facts["resting"] == []


@pytest.mark.long
def test_killed_at_any_moment_a_repair_loses_nothing(
    tmp_path: Path, whole: Whole, forks: Forks
) -> None:
    """SIGKILL at 25 moments: the next repair ends as an undisturbed one, also of half a ledger."""
    folder, kept = tmp_path / "data", whole.copy(tmp_path / "kept")
    context = context_of(folder, whole)
    before = state_of(context_of(kept, whole))
    torn_values(kept / LEDGER)
    expected: list[object] = []

    def restore() -> None:
        copy_over(kept, folder)

    def check() -> None:
        damaged = [*folder.glob(f"{LEDGER}.damaged-*"), folder / LEDGER]
        # The damaged ledger is in its place, or aside with another one in its place.
        assert any(file.exists() and not repair_of(file) for file in damaged)
        files = {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*.jpg")}
        assert {f: body for f, body in files.items() if f in before.covers} == before.covers

    def compare() -> None:
        assert not [*folder.glob("*.built*"), *folder.glob("*.building*")]
        tables = tables_of(folder / LEDGER)
        for name in ("meta", "albums"):  # what order they came in, and how far a repair was
            tables.pop(name)
        expected.append(tables)
        assert expected[-1] == expected[0]

    case = Case(folder, ("repair",), restore, check, compare)
    kill_often(forks, case, kills=25, seed=1)
    assert goes_on(context, whole) == before


def repair_of(ledger: Path) -> bool:
    """Tell whether a ledger is one that a repair made: all in it makes sense."""
    return not find_damage(Path(shutil.copy(ledger, ledger.with_name("copy"))))


@pytest.mark.parametrize("link", [Link.COPY, Link.MOVE])
def test_a_ledger_that_a_run_began_anew_learns_of_the_covers(
    tmp_path: Path, whole: Whole, link: Link
) -> None:
    """Lost: status and fetch name the repair, which finds covers, also if one was begun."""
    folder = whole.copy(tmp_path / "data")
    context = context_of(folder, whole)
    split.run(context, link=link)
    sets = sets_of(folder)
    context.ledger.unlink()
    assert status.run(context).facts["next"] == "equigen repair"
    with pytest.raises(LedgerError, match="equigen repair"):
        fetch.run(context)
    with Ledger(context.ledger):
        pass
    begun = context.ledger.read_bytes()
    summary = repair.run(context)
    assert summary.facts["repaired"]
    assert summary.facts["damage"] == f"it doesn't know {len(sets)} covers that are there"
    (aside,) = folder.glob(f"{LEDGER}.damaged-*")
    assert aside.read_bytes() == begun
    whole.sandbox.log.clear()
    assert download.run(context).facts["fetched"] == 0
    assert whole.sandbox.log == []
    split.run(context, link=link)
    assert sets_of(folder) == sets
    assert repair.run(context).facts["repaired"] is False


def test_moved_covers_are_known_again_in_their_sets(tmp_path: Path, whole: Whole) -> None:
    """After `split --link move` and without a ledger: nothing is fetched, no album moves."""
    folder = whole.copy(tmp_path / "data")
    context = context_of(folder, whole)
    split.run(context, link=Link.MOVE)
    sets = sets_of(folder)
    (folder / LEDGER).unlink()
    assert repair.run(context).rows_out == len(sets)
    whole.sandbox.log.clear()
    assert download.run(context).facts["fetched"] == 0
    split.run(context, link=Link.MOVE)
    assert sets_of(folder) == sets
    assert whole.sandbox.log == []


def test_a_broken_list_of_the_sets_is_told_by_its_line(tmp_path: Path, whole: Whole) -> None:
    """Nothing is made without it, as albums would change sets; without the file, all goes on."""
    folder = whole.copy(tmp_path / "data")
    context = context_of(folder, whole)
    listed, sets = folder / "split" / "split.tsv", sets_of(folder)
    lines = listed.read_bytes().splitlines(keepends=True)
    listed.write_bytes(b"".join([*lines[:2], b"x" * 200_000 + lines[2], *lines[3:]]))
    (folder / LEDGER).unlink()
    with pytest.raises(InputError, match=r"split\.tsv, line 3, column 1.*move the file away"):
        repair.run(context)
    assert not list(folder.glob(f"{LEDGER}*"))
    listed.unlink()
    repair.run(context)
    split.run(context)
    assert sets_of(folder) == sets


def test_lines_of_the_sets_that_name_no_cover_are_left_out(tmp_path: Path, whole: Whole) -> None:
    """They are counted, and the ledger that comes of the others is whole."""
    folder = whole.copy(tmp_path / "data")
    context = context_of(folder, whole)
    listed = folder / "split" / "split.tsv"
    head, first, *_ = listed.read_text().splitlines()
    at = head.split("\t").index("file")
    odd = ["noslash", "../../../victim/keep.jpg", "/etc/keep.jpg", "../keep.jpg", ""]
    with listed.open("a") as file:
        for name in odd:
            cells = first.split("\t")
            file.write("\t".join([*cells[:at], name, *cells[at + 1 :]]) + "\n")
    (folder / LEDGER).unlink()
    summary = repair.run(context)
    assert summary.facts["sets_left_out"] == len(odd)
    assert "5 lines that name no cover or no set were left out" in " ".join(summary.notes)
    assert repair.run(context).facts["repaired"] is False


def test_a_days_quota_is_not_had_twice(tmp_path: Path, whole: Whole) -> None:
    """Covers that came today count, also where no ledger and no copy knows of them."""
    folder = whole.copy(tmp_path / "data", has_copies=False)
    context = context_of(folder, whole)
    (folder / LEDGER).unlink()
    summary = repair.run(context)
    with Ledger(context.ledger, read_only=True) as ledger:
        assert ledger.requests_on("127.0.0.1", TODAY.date().isoformat()) >= summary.rows_in
    assert summary.facts["requests_today"] == {"127.0.0.1": summary.rows_in}


@pytest.mark.parametrize(("has_copies", "gone"), [(True, "file is gone"), (False, "no cover yet")])
def test_a_file_that_does_not_decode_is_set_aside(
    tmp_path: Path, whole: Whole, gone: str, *, has_copies: bool
) -> None:
    """It is no cover: it lies beside the others' folder, and the next download fetches it."""
    folder = whole.copy(tmp_path / "data", has_copies=has_copies)
    context = context_of(folder, whole)
    one, other, *_ = sorted(context.images.rglob("*.jpg"))
    good = one.read_bytes()
    one.write_bytes(good[: len(good) // 2])
    other.unlink()
    (folder / LEDGER).unlink()
    summary = repair.run(context)
    assert summary.dropped["file doesn't decode"] == 1
    assert summary.dropped[gone] == 1
    (aside,) = (folder / "equigen_album_images_set_aside").rglob("*.spoilt*")
    assert aside.read_bytes() == good[: len(good) // 2]
    whole.sandbox.log.clear()
    assert download.run(context).facts["fetched"] == 2
    assert one.read_bytes() == good


def test_where_all_is_well_it_tells_what_files_and_ledger_say(tmp_path: Path, whole: Whole) -> None:
    """Missing and changed files are counted; nothing is touched."""
    folder = whole.copy(tmp_path / "data")
    context = context_of(folder, whole)
    gone, changed, torn, *_ = sorted(context.images.rglob("*.jpg"))
    changed.write_bytes(whole.folder.joinpath(gone.relative_to(folder)).read_bytes())
    torn.write_bytes(b"no picture")
    gone.unlink()
    before = tables_of(context.ledger)
    summary = repair.run(context)
    assert summary.notes[0] == "nothing to repair: the ledger is whole"
    counts = {reason: count for reason, count in summary.dropped.items() if count}
    assert counts == {
        "file isn't what it was": 1, "file doesn't decode": 1, "file is gone": 1,
    }  # fmt: skip
    assert tables_of(context.ledger) == before
    assert torn.read_bytes() == b"no picture"
    assert not list(folder.glob("*.damaged*"))


def test_rows_that_were_not_in_the_tsv_yet_are_kept(tmp_path: Path, whole: Whole) -> None:
    """Rows that a killed fetch had noted, in a ledger that is whole but for a value."""
    folder = whole.copy(tmp_path / "data", has_copies=False)
    context = context_of(folder, whole)
    lines = context.tsv.read_bytes().splitlines(keepends=True)
    cells = lines[-1].decode().rstrip("\n").split("\t")
    with sqlite3.connect(context.ledger) as db:
        db.execute("UPDATE albums SET cells = ? WHERE album_id = ?", (json.dumps(cells), cells[6]))
        db.execute(
            "UPDATE covers SET status = 'so so' WHERE picture IN"
            " (SELECT picture FROM files WHERE path LIKE 'Jazz/%')"
        )
    db.close()
    context.tsv.write_bytes(b"".join(lines[:-1]))
    assert repair.run(context).facts["restored_from"] == str(context.ledger)
    fetch.run(context)
    assert context.tsv.read_bytes() == b"".join(lines)


def all_rows(context: Context) -> list[bytes]:
    """Return the rows of the TSV without their order."""
    return sorted(context.tsv.read_bytes().splitlines())


@pytest.mark.parametrize("is_written", [True, False], ids=["in the TSV", "not in the TSV"])
def test_rows_that_came_after_the_copy_are_had_once(
    tmp_path: Path, whole: Whole, *, is_written: bool
) -> None:
    """A fetch for more albums, whose rows are in the TSV, or are lost with the ledger."""
    folder = whole.copy(tmp_path / "data")
    context = context_of(folder, whole)
    more = make_context(
        folder, base_url=whole.sandbox.base_url, fetch={**LIMITS, "genre_limit": 15}
    )
    before = context.tsv.read_bytes()
    fetch.run(more)
    expected = all_rows(more)
    assert len(expected) > before.count(b"\n")
    if not is_written:
        context.tsv.write_bytes(before)
    no_header(context.ledger)
    repair.run(more)
    fetch.run(more)
    assert all_rows(more) == expected


def test_covers_and_sets_that_came_after_the_copy_are_kept(tmp_path: Path, whole: Whole) -> None:
    """The copy knows other sets, and an older file: what the files tell is newer."""
    folder = whole.copy(tmp_path / "data")
    context = context_of(folder, whole)
    seeded = make_context(folder, base_url=whole.sandbox.base_url, fetch=LIMITS, split={"seed": 99})
    split.run(seeded, link=Link.MOVE, reshuffle=True)
    sets = sets_of(folder)
    file = min(context.split.rglob("*.jpg"))
    with Image.open(file) as picture:
        picture.save(file, quality=80)
    context.ledger.unlink()
    summary = repair.run(seeded)
    assert summary.facts["restored_from"] == str(copies_of(context.ledger)[0])
    assert summary.facts["sets_noted"]
    assert (summary.rows_out, summary.facts["covers_noted"]) == (len(sets), 1)
    whole.sandbox.log.clear()
    assert download.run(seeded).facts["fetched"] == 0
    assert split.run(seeded, link=Link.MOVE).facts["removed"] == 0
    assert sets_of(folder) == sets
    assert whole.sandbox.log == []
    assert repair.run(seeded).facts["repaired"] is False


def damage_copy(copy: Path) -> None:
    """Cut a copy in half."""
    copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])


@pytest.mark.parametrize("damaged", [1, 2])
def test_of_two_copies_the_last_that_is_whole_is_restored(
    tmp_path: Path, whole: Whole, damaged: int
) -> None:
    """The earlier one where the last is damaged, or the files alone; copies stay as they are."""
    folder = whole.copy(tmp_path / "data")
    context = context_of(folder, whole)
    copies = copies_of(context.ledger)
    shutil.copy2(*copies)
    for copy in copies[:damaged]:
        damage_copy(copy)
    bodies = [copy.read_bytes() for copy in copies]
    context.ledger.unlink()
    facts = repair.run(context).facts
    assert facts["restored_from"] == ("" if damaged == len(copies) else str(copies[1]))
    assert [copy.read_bytes() for copy in copies] == bodies
    assert repair.run(context).facts["repaired"] is False


def test_a_copy_from_a_newer_version_is_not_thrown_away(tmp_path: Path, whole: Whole) -> None:
    """It is refused with its name, and nothing is changed."""
    folder = whole.copy(tmp_path / "data")
    context = context_of(folder, whole)
    last, _ = copies_of(context.ledger)
    with sqlite3.connect(last) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    context.ledger.unlink()
    with pytest.raises(LedgerError, match=r"backup\.sqlite: .*from a newer EquiGen"):
        repair.run(context)
    assert [file.name for file in folder.glob(f"{LEDGER}*")] == []


def test_a_ledger_that_was_begun_anew_does_not_push_out_the_copy(
    tmp_path: Path, whole: Whole
) -> None:
    """Though runs end well with it: repair restores the copy that knows the covers."""
    folder = whole.copy(tmp_path / "data")
    context = context_of(folder, whole)
    before = tables_of(context.ledger)
    context.ledger.unlink()
    for host in ("one.example", "two.example", "three.example"):
        with Ledger(context.ledger) as ledger:
            ledger.count_request(host, "2026-06-15")
        assert back_up(context.ledger, command="split", now=TODAY) == ""
    assert repair.run(context).facts["restored_from"] == str(copies_of(context.ledger)[1])
    after = tables_of(context.ledger)
    for name in ("meta", "requests"):
        del before[name], after[name]
    assert after == before


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    """Another program's file, and a folder where nothing is: refused, and as they were."""
    context = make_context(tmp_path)
    with sqlite3.connect(context.ledger) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    before = context.ledger.read_bytes()
    with pytest.raises(LedgerError, match="not EquiGen's"):
        repair.run(context)
    assert context.ledger.read_bytes() == before
    with pytest.raises(MissingInputError, match="no dataset there"):
        repair.run(make_context(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("has_copies", [True, False], ids=["copied", "not copied"])
def test_the_program_says_what_it_did(tmp_path: Path, whole: Whole, *, has_copies: bool) -> None:
    """As JSON for programs, and for people: what the copy had, how old it is, what files told."""
    folder = whole.copy(tmp_path / "data", has_copies=has_copies)
    last, earlier = copies_of(folder / LEDGER)
    no_table(folder / LEDGER)
    env = sandbox_env(whole.sandbox.base_url, EQUIGEN_DATASET__DIRECTORY=str(folder))
    done = equigen("repair", "--json", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    facts = from_json(done.stdout)
    assert facts["repaired"] is True
    assert facts["rows_in"] == facts["rows_out"]
    assert last.exists()
    notes = " ".join(facts["notes"])
    if has_copies:
        assert facts["kept"]["covers"] == facts["kept"]["placements"] == facts["rows_in"]
        assert facts["covers_noted"] == 0
        copied = datetime.fromtimestamp(earlier.stat().st_mtime, UTC)
        assert facts["copied_at"] == copied.isoformat(timespec="seconds")
        kept = sum(facts["kept"].values())
        assert re.search(rf"restored from {last}, which is a minute or two old: {kept} rows", notes)
    else:
        assert (facts["kept"], facts["copied_at"], facts["restored_from"]) == ({}, "", "")
        assert facts["covers_noted"] == facts["rows_in"]
        assert "no copy of the ledger was there" in notes
        assert not earlier.exists()
