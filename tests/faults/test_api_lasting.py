"""Faults of the API that last: other labels go on, and the next run ends as if nothing had been."""

import signal
from collections import Counter
from pathlib import Path

import pytest
from apifaults import (
    IMPATIENT,
    LABELS,
    Spoil,
    Trouble,
    by_label,
    check_adds_up,
    fetch_all,
    is_of,
    program,
    rows_in,
    service,
    started,
    undisturbed,
    with_answer,
)
from support import Script, ScriptedServer, kill_at, posix_only

from equigen.http.rate_limit import Clock
from equigen.sandbox.handlers import HANG_UP, Hit, Reply

JSON = {"Content-Type": "application/json"}
FAULTS: dict[str, Spoil] = {
    "401": lambda _: Reply(401, JSON, b'{"message": "You must authenticate."}'),
    "403": lambda _: Reply(403, JSON, b'{"message": "You are not allowed."}'),
    "404": lambda _: Reply(404, JSON, b'{"message": "The requested resource was not found."}'),
    "429 without Retry-After": lambda _: Reply(429),
    "500": lambda _: Reply(500, JSON, b"<h1>" + b"An error occurred.\n" * 10_000),
    "502 with HTML": lambda _: Reply(502, {}, b"<html>\n<h1>502</h1>"),
    "503": lambda _: Reply(503),
    "torn JSON": lambda body: Reply(200, JSON, body[:300]),
    "a body that is too short": lambda body: Reply(200, JSON, body, cut_after=300),
    "HTML and 200": lambda _: Reply(200, {}, b"<html>Please log in.</html>"),
    "hung up": lambda _: Reply(HANG_UP),
    "connection reset": lambda _: Reply(HANG_UP, reset=True),
    "no results": with_answer(lambda answer: answer.update(results=[])),
    "too many redirects": lambda _: Reply(302, {"Location": "/database/search?style=Jazz"}),
}


def check_label_is_left(folder: Path, label: str, spoil: Spoil, **settings: object) -> None:
    """Assert that a fault of one label is that label's alone, and over with the next run."""
    with service() as sandbox:
        expected = undisturbed(folder, sandbox, **settings)
        trouble = Trouble(sandbox, is_of(label), spoil)
        sandbox.hook = trouble
        first = fetch_all(folder, sandbox, **settings)
        others = [row for row in expected if not row["genre"].startswith(label)]
        assert rows_in(folder) == others
        check_adds_up(first)
        assert first.partly
        assert list(first.facts["failed"]) == [label]  # type: ignore[call-overload]
        assert "left for the next run" in str(first.facts["queries"])
        for said in first.facts["failed"].values():  # type: ignore[attr-defined]
            assert len(said) < 600
            assert len(said.splitlines()) == 1
        trouble.times = 0
        second = fetch_all(folder, sandbox, **settings)
    assert by_label(rows_in(folder)) == by_label(expected)
    check_adds_up(second)
    assert not second.partly
    assert set(trouble.good.values()) == {1}, "a page was asked for in vain"


@pytest.mark.long_after(4)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_one_label_leaves_that_label(tmp_path: Path, name: str) -> None:
    """The others are filled; the next run asks for what is missing and for nothing else."""
    check_label_is_left(tmp_path, "Jazz", FAULTS[name])


@pytest.mark.long_after(3)
@pytest.mark.parametrize("spread", ["recent", "even"])
@pytest.mark.parametrize("name", ["401", "403", "500", "connection reset", "no results"])
def test_a_fault_of_the_first_label_leaves_that_label(
    tmp_path: Path, name: str, spread: str
) -> None:
    """Also where the very first answer never comes, the others are asked for."""
    check_label_is_left(tmp_path, LABELS[0], FAULTS[name], spread=spread)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("name", ["401", "404", "503"])
def test_a_fault_of_a_first_label_of_many_years_leaves_that_label(
    tmp_path: Path, name: str
) -> None:
    """Also where all that was asked for ahead of its turn was of that label."""
    check_label_is_left(tmp_path, LABELS[0], FAULTS[name], spread="even", to_year=1960)


def test_a_label_about_which_the_service_is_silent_is_left(tmp_path: Path) -> None:
    """It takes each question and never answers: that is given up, and the others go on."""
    with service() as sandbox:
        expected = undisturbed(tmp_path, sandbox)
        sandbox.hook = Trouble(sandbox, is_of("Jazz"), lambda _: Reply(200, JSON, delay_s=60))
        assert fetch_all(tmp_path, sandbox, http=IMPATIENT, clock=Clock()).partly
        assert {row["genre"] for row in rows_in(tmp_path)} == {"Blues", "Salsa (World)"}
        sandbox.hook = None
        fetch_all(tmp_path, sandbox)
    assert by_label(rows_in(tmp_path)) == by_label(expected)


def test_a_redirect_to_another_host_is_refused(tmp_path: Path) -> None:
    """Nobody else is asked, least of all with credentials."""
    with ScriptedServer(Script(), host="127.0.0.2") as other:
        location = {"Location": f"{other.url}/database/search"}
        check_label_is_left(tmp_path, "Jazz", lambda _: Reply(302, location))
    assert other.seen == []


@pytest.mark.parametrize("spread", ["recent", "even"])
def test_a_label_that_fails_late_keeps_what_it_took(tmp_path: Path, spread: str) -> None:
    """Its third page never comes: the rows before it stay, and are not asked for again."""
    with service() as sandbox:
        expected = undisturbed(tmp_path, sandbox, spread=spread)
        trouble = Trouble(sandbox, is_of("Jazz", year=2020, page=3), lambda _: Reply(500))
        sandbox.hook = trouble
        first = fetch_all(tmp_path, sandbox, spread=spread)
        assert first.partly
        genres = Counter(row["genre"] for row in rows_in(tmp_path))
        assert genres["Jazz"] >= 200
        assert genres["Salsa (World)"] == 125
        check_adds_up(first)
        trouble.times = 0
        assert not fetch_all(tmp_path, sandbox, spread=spread).partly
    assert by_label(rows_in(tmp_path)) == by_label(expected)
    assert set(trouble.good.values()) == {1}


def test_a_page_that_failed_ahead_of_its_turn_is_asked_for_anew_in_its_turn(
    tmp_path: Path,
) -> None:
    """Asked for early while the service was ill, it is no trouble once that is over."""
    with service() as sandbox:
        expected = undisturbed(tmp_path, sandbox)
        ill = Trouble(sandbox, is_of("Salsa", year=2020, page=1), lambda _: Reply(500), times=3)

        def late_jazz(hit: Hit) -> Reply | None:
            if is_of("Jazz", page=2)(hit):  # until Salsa, asked for ahead, has failed three times
                while ill.spoiled.total() < 3:
                    sandbox.wait(0.005)
                sandbox.wait(0.5)
            return ill(hit)

        sandbox.hook = late_jazz
        summary = fetch_all(tmp_path, sandbox)
    assert ill.spoiled.total() == 3
    assert rows_in(tmp_path) == expected
    assert not summary.partly


def test_the_program_ends_with_3_where_a_label_is_left(tmp_path: Path) -> None:
    """What is left is named, with its reason, in a line; what came is there."""
    with service() as sandbox:
        expected = undisturbed(tmp_path, sandbox)
        sandbox.hook = lambda hit: Reply(500) if is_of("Jazz")(hit) else None
        done = program(tmp_path, sandbox.base_url)
        assert done.returncode == 3, done.stderr
        assert "Jazz: left for the next run." in done.stderr
        assert "Traceback" not in done.stderr
        sandbox.hook = None
        done = program(tmp_path, sandbox.base_url)
        assert done.returncode == 0, done.stderr
    assert by_label(rows_in(tmp_path)) == by_label(expected)


@pytest.mark.long
@posix_only
@pytest.mark.parametrize("point", [2, 5, 8])
def test_killed_while_a_service_is_ill_it_goes_on(tmp_path: Path, point: int) -> None:
    """SIGKILL amid faults of all kinds, then a run without: the dataset is the undisturbed one."""
    with service() as sandbox:
        expected = undisturbed(tmp_path, sandbox)
        process = started(tmp_path, sandbox.base_url)
        killer = kill_at(process, point)
        troubles = [
            Trouble(sandbox, is_of("Jazz", page=page), spoil, times=1)
            for page, spoil in enumerate(list(FAULTS.values())[-3:], start=1)
        ]

        def hook(hit: Hit) -> Reply | None:
            if hit.headers["user-agent"] != "Truth/1":
                killer(hit)
            return next((reply for each in troubles if (reply := each(hit))), None)

        sandbox.hook = hook
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        sandbox.hook = None
        done = program(tmp_path, sandbox.base_url)
        assert done.returncode == 0, done.stderr
    assert rows_in(tmp_path) == expected
