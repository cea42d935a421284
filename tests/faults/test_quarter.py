"""A quarter of nights in which much goes wrong: the dataset of one run, and nothing that grows."""

import json
from collections import Counter
from pathlib import Path

import pytest
from bench.nights import (
    HOSTS,
    Night,
    NightClock,
    Plan,
    Quarter,
    Service,
    catalogue,
    context,
    run_once,
)
from bench.sameness import read_dataset, rows_of
from downloads import linux_only

from equigen.ledger.ledger import LEDGER_NAME, Ledger

FORTNIGHT = Plan(nights=15, growing=8, albums=32, new=2)
LONG_AGO = ("2022", "2023", "2024")


@linux_only
@pytest.mark.long
@pytest.mark.parametrize("plan", [FORTNIGHT, Plan()], ids=["fortnight", "quarter"])
def test_many_nights_make_the_dataset_of_one_run_and_stay_flat(plan: Plan, tmp_path: Path) -> None:
    """With quotas, hosts that die, expired addresses, rotated logs, a machine that sleeps."""
    quarter = _lived_through(plan, tmp_path / "nights")
    nights = quarter.seen
    _is_as_of_one_run(plan, quarter, tmp_path / "once")
    _nothing_came_twice(quarter)
    assert quarter.moved == [], "an album has one set for good"
    assert len(quarter.sets) == nights[-1].files
    _codes_tell(nights)
    _is_flat(nights, albums=len(catalogue(plan, plan.nights)))
    _log_is_whole(quarter)


def _lived_through(plan: Plan, folder: Path) -> Quarter:
    folder.mkdir()
    time = NightClock()
    with Service(catalogue(plan, 0), time) as service:
        quarter = Quarter(folder, plan, service, time)
        assert sum(1 for _ in quarter.nights()) == len(quarter.seen)
    return quarter


def _is_as_of_one_run(plan: Plan, quarter: Quarter, folder: Path) -> None:
    folder.mkdir()
    time = NightClock()
    with Service(catalogue(plan, plan.nights), time) as service:
        around = context(folder, service, time, per_day=10_000)
        assert run_once(around, until=None, log=None) == (0, "")
        once = read_dataset(folder)
    many = read_dataset(quarter.folder)
    assert set(many.rows) == set(once.rows)
    assert many.files == once.files
    assert len(many.files) == len(many.rows)
    # An album that came late has a higher index than in a run that found it at once.
    assert _without_index(quarter.folder) == _without_index(folder)


def _without_index(folder: Path) -> set[tuple[str, ...]]:
    left_out = {"album_index", "image_url"}  # addresses are signed anew
    return {tuple(v for k, v in row.items() if k not in left_out) for row in rows_of(folder)}


def _nothing_came_twice(quarter: Quarter) -> None:
    """Each picture once; each page of a year that no refresh asks for once, others once a night."""
    assert set(quarter.given.values()) == {1}
    pages = sum((night.pages for night in quarter.seen), Counter[str]())
    old = {
        page: count for page, count in pages.items() if any(f"['{y}']" in page for y in LONG_AGO)
    }
    assert old
    assert set(old.values()) == {1}
    assert all(set(night.pages.values()) <= {1} for night in quarter.seen)


def _codes_tell(nights: list[Night]) -> None:
    """1 where the API is down, 3 while something is left, 0 at the end."""
    assert {night.code for night in nights} == {0, 1, 3}
    assert all((night.code == 1) == ("503" in night.error) for night in nights)
    assert nights[-1].code == 0


def _is_flat(nights: list[Night], *, albums: int) -> None:
    """What the process holds from the second night on, what lies on the disk once all is there."""
    assert {night.descriptors for night in nights} == {nights[0].descriptors}
    assert {night.threads for night in nights} == {nights[0].threads}
    last = nights[-1]
    done = [n for n in nights if n.files == last.files and n.albums == albums and n.code == 0][1:]
    assert len(done) >= 2
    first = done[0]
    for night in done:
        assert night.asked == first.asked, "no picture, and each night the same pages"
        assert night.tsv_bytes == first.tsv_bytes
        assert night.beside == first.beside
        assert night.ledger_bytes <= first.ledger_bytes * 1.02 + 64 * 1024  # some pages
        assert {**night.tables, "requests": 0} == {**first.tables, "requests": 0}
        assert night.tables["requests"] <= 8 * len(HOSTS)
        assert not night.tables["renewals"]
        assert not any(name.endswith(("-wal", "-shm")) for name in night.beside)
    # Each night's own record stays here.
    assert last.objects - first.objects <= 200 * (last.number - first.number)
    assert last.memory_mib - first.memory_mib < 8


def _log_is_whole(quarter: Quarter) -> None:
    """No line is lost or torn where the log is moved away, also amid a run."""
    events = [json.loads(line) for line in quarter.log_lines()]
    came = Counter(each["facts"]["path"] for each in events if _is_good(each))
    assert len(came) == quarter.seen[-1].files
    with Ledger(quarter.folder / LEDGER_NAME, read_only=True) as ledger:
        assert set(came) == {path for path, _, _ in ledger.files()}
    assert len([*quarter.folder.glob("events.jsonl*")]) > 2


def _is_good(event: dict[str, object]) -> bool:
    facts = event["facts"]
    return event["event"] == "cover" and isinstance(facts, dict) and facts["status"] == "ok"
