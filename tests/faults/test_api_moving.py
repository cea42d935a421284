"""Results that move while they are paged through: none is lost, none is there twice."""

import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from apifaults import (
    Row,
    Trouble,
    check_adds_up,
    fetch_all,
    is_of,
    jazz,
    program,
    rows_in,
    service,
    started,
    true_body,
    with_answer,
)
from support import kill_at, posix_only

from equigen.sandbox.catalogue import Entry
from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.server import Sandbox

SPREADS = ["recent", "even"]
JAZZ = {"labels": ["Jazz"]}


def ids_of(entries: Sequence[Entry]) -> set[str]:
    """Return the identities of albums."""
    return {f"discogs:{entry.kind[0]}{entry.id}" for entry in entries}


def ids_in(rows: Sequence[Row]) -> set[str]:
    """Return the identities of rows."""
    return {row["album_id"] for row in rows}


def asks(sandbox: Sandbox) -> dict[str, int]:
    """Count how often each page was asked for."""
    found: dict[str, int] = {}
    for hit in sandbox.log:
        if hit.headers["user-agent"] != "Truth/1":
            name = f"{hit.query['year'][0]} {hit.query['page'][0]}"
            found[name] = found.get(name, 0) + 1
    return found


def shown_first(sandbox: Sandbox, hit: Hit, count: int) -> set[int]:
    """Return the numbers of the first results of the page that is asked for."""
    results = json.loads(true_body(sandbox, hit))["results"]
    return {result["id"] for result in results[:count]}


def test_rows_that_stand_on_two_pages_are_noticed_by_a_later_run_too(tmp_path: Path) -> None:
    """The page that showed another one's rows came before the run ended, its successor after."""
    with service(jazz(1, 260)) as sandbox:
        is_second, is_third = is_of("Jazz", page=2), is_of("Jazz", page=3)
        first_page: list[bytes] = []
        asked: list[int] = []

        def hook(hit: Hit) -> Reply | None:
            if hit.headers["user-agent"] == "Truth/1":
                return None
            if is_of("Jazz", page=1)(hit) and not first_page:
                first_page.append(true_body(sandbox, hit))
            if is_second(hit):
                asked.append(2)
                wrong = with_answer(
                    lambda answer: answer.update(results=json.loads(first_page[0])["results"])
                )
                return wrong(true_body(sandbox, hit)) if len(asked) == 1 else None
            return Reply(500) if is_third(hit) else None

        sandbox.hook = hook
        assert fetch_all(tmp_path, sandbox, **JAZZ, from_year=2020, to_year=2020).partly
        sandbox.hook = None
        assert not fetch_all(tmp_path, sandbox, **JAZZ, from_year=2020, to_year=2020).partly
        assert len(ids_in(rows_in(tmp_path))) == len(rows_in(tmp_path)) == 260


def when(
    fits: Callable[[Hit], bool], act: Callable[[Hit], object]
) -> Callable[[Hit], Reply | None]:
    """Return a hook that does something once, after the answer was worked out."""
    done = False

    def hook(hit: Hit) -> Reply | None:
        nonlocal done
        if not done and hit.headers["user-agent"] != "Truth/1" and fits(hit):
            done = True
            act(hit)
        return None

    return hook


def vanish(sandbox: Sandbox, count: int) -> Callable[[Hit], object]:
    """Return what takes the first results of a page out of the service."""

    def act(hit: Hit) -> None:
        gone = shown_first(sandbox, hit, count)
        sandbox.entries = [entry for entry in sandbox.entries if entry.id not in gone]

    return act


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("page", [1, 2], ids=["after the first page", "after the second page"])
def test_results_that_vanish_let_no_other_be_lost(tmp_path: Path, page: int, spread: str) -> None:
    """Rows move up into pages that were read already: these are read again, each once."""
    with service(jazz(1, 350)) as sandbox:
        sandbox.hook = when(is_of("Jazz", year=2020, page=page), vanish(sandbox, 7))
        summary = fetch_all(tmp_path, sandbox, **JAZZ, spread=spread)
        rows = rows_in(tmp_path)
        assert ids_in(rows) >= ids_of(sandbox.entries)
        assert len(sandbox.entries) == 343
        assert len(rows) <= 350
        assert max(asks(sandbox).values()) in {3 - page, 2}  # later ones may have come before
        check_adds_up(summary)
        assert not summary.partly
        sandbox.log.clear()
        fetch_all(tmp_path, sandbox, **JAZZ, spread=spread)
        assert sandbox.log == []


@pytest.mark.parametrize("spread", SPREADS)
def test_results_that_are_new_while_paging_come_in(tmp_path: Path, spread: str) -> None:
    """Rows move down, and there may be a page more than there was."""
    with service(jazz(1, 295)) as sandbox:

        def grow(_hit: Hit) -> None:
            sandbox.entries = [*sandbox.entries, *jazz(1_000, 40)]

        sandbox.hook = when(is_of("Jazz", year=2020, page=1), grow)
        summary = fetch_all(tmp_path, sandbox, **JAZZ, spread=spread)
        assert ids_in(rows_in(tmp_path)) == ids_of(sandbox.entries)
        assert "2020 4" in asks(sandbox)
        assert max(asks(sandbox).values()) == 2
    check_adds_up(summary)
    assert not summary.partly


@pytest.mark.parametrize("spread", SPREADS)
def test_a_last_page_that_vanishes_with_its_results_is_no_loss(tmp_path: Path, spread: str) -> None:
    """So many results vanish that a page counted before is past the end."""
    with service(jazz(1, 250)) as sandbox:
        sandbox.hook = when(is_of("Jazz", year=2020, page=1), vanish(sandbox, 90))
        summary = fetch_all(tmp_path, sandbox, **JAZZ, spread=spread)
        assert ids_in(rows_in(tmp_path)) >= ids_of(sandbox.entries)
        assert len(sandbox.entries) == 160
        asked = asks(sandbox)
        assert asked.pop("2020 3") == 5, "it might have been there soon"
        assert max(asked.values()) == 2
    check_adds_up(summary)
    assert not summary.partly


@pytest.mark.parametrize("spread", SPREADS)
def test_a_count_that_never_holds_still_comes_to_an_end(tmp_path: Path, spread: str) -> None:
    """Another number of results in each answer: no page is asked for more often than twice."""
    with service(jazz(1, 450)) as sandbox:
        counter = iter(range(401, 449))

        def other(answer: dict[str, Any]) -> None:
            answer["pagination"]["items"] = next(counter)

        sandbox.hook = trouble = Trouble(sandbox, is_of("Jazz", year=2020), with_answer(other))
        for _ in range(3):
            sandbox.log.clear()
            summary = fetch_all(tmp_path, sandbox, **JAZZ, spread=spread)
            check_adds_up(summary)
            assert not summary.partly
        assert ids_in(rows_in(tmp_path)) == ids_of(sandbox.entries)
        assert asks(sandbox) == {}
        assert max(trouble.spoiled.values()) == 2


@pytest.mark.parametrize("spread", SPREADS)
def test_pages_that_share_results_are_read_again(tmp_path: Path, spread: str) -> None:
    """A result that two pages show stands in the place of one that none shows."""
    with service(jazz(1, 350)) as sandbox:
        ids: dict[int, list[Any]] = {}

        def overlap(body: bytes, page: int) -> Reply:
            answer = json.loads(body)
            ids[page] = answer["results"]
            if page == 3:
                answer["results"][:4] = ids[2][-4:]
            return Reply(200, {}, json.dumps(answer).encode())

        sandbox.hook = None
        second = Trouble(sandbox, is_of("Jazz", year=2020, page=2), lambda b: overlap(b, 2), 1)
        third = Trouble(sandbox, is_of("Jazz", year=2020, page=3), lambda b: overlap(b, 3), 1)

        def hook(hit: Hit) -> Reply | None:
            while is_of("Jazz", page=3)(hit) and 2 not in ids:
                sandbox.wait(0.005)
            return second(hit) or third(hit)

        sandbox.hook = hook
        summary = fetch_all(tmp_path, sandbox, **JAZZ, spread=spread)
        assert ids_in(rows_in(tmp_path)) == ids_of(sandbox.entries)
        asked = asks(sandbox)
    assert asked["2020 2"] == asked["2020 3"] == 2
    assert asked["2020 1"] == asked["2020 4"] == 1
    check_adds_up(summary)


@pytest.mark.long
@posix_only
@pytest.mark.parametrize("point", [3, 5, 6])
def test_killed_while_pages_are_read_again_nothing_is_lost(tmp_path: Path, point: int) -> None:
    """SIGKILL before, while and after: what moved is known from the ledger."""
    with service(jazz(1, 350)) as sandbox:
        process = started(tmp_path, sandbox.base_url)
        vanishing = when(is_of("Jazz", year=2020, page=1), vanish(sandbox, 7))
        killer = kill_at(process, point + 2)  # Blues and Salsa are asked for ahead

        def hook(hit: Hit) -> Reply | None:
            if hit.headers["user-agent"] != "Truth/1":
                killer(hit)
            return vanishing(hit)

        sandbox.hook = hook
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        sandbox.hook = None
        done = program(tmp_path, sandbox.base_url)
        assert done.returncode == 0, done.stderr
        assert ids_in(rows_in(tmp_path)) >= ids_of(sandbox.entries)


@pytest.mark.parametrize("spread", SPREADS)
def test_a_service_that_moves_on_between_two_runs_loses_nothing(
    tmp_path: Path, spread: str
) -> None:
    """The first pages of last month, the others of today: where they disagree, today's count."""
    with service(jazz(1, 350)) as sandbox:
        fetch_all(tmp_path, sandbox, **JAZZ, spread=spread, limit=120)
        kept = {int(row["album_id"].removeprefix("discogs:r")) for row in rows_in(tmp_path)}
        gone = set(sorted(kept)[:20])
        sandbox.entries = [entry for entry in sandbox.entries if entry.id not in gone]
        summary = fetch_all(tmp_path, sandbox, **JAZZ, spread=spread)
        rows = rows_in(tmp_path)
        assert ids_in(rows) >= ids_of(sandbox.entries)
        assert len(rows) == 350
        assert max(asks(sandbox).values()) == 2
    check_adds_up(summary)
