"""Faults of the API that pass: the dataset is that of a fetch that met none."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from apifaults import (
    IMPATIENT,
    Row,
    Spoil,
    Trouble,
    check_adds_up,
    fetch_all,
    is_of,
    odd_notes,
    rows_in,
    service,
    undisturbed,
    with_answer,
    with_results,
)
from support import FakeTime

from equigen.http.rate_limit import Clock
from equigen.sandbox.handlers import HANG_UP, Reply
from equigen.sandbox.server import Sandbox

HTML = b"<html><body><h1>502 Bad Gateway</h1>\n<hr>nginx</body></html>"
JSON = {"Content-Type": "application/json"}


def drop_every_tenth(answer: dict[str, Any]) -> None:
    """Leave results out, as a page at its border does."""
    del answer["results"][::10]


def repeat_some(answer: dict[str, Any]) -> None:
    """Put some results in the place of others."""
    answer["results"][5:8] = answer["results"][:3]


def cut(body: bytes) -> Reply:
    """Send half of what was announced."""
    return Reply(200, JSON, body, cut_after=len(body) // 2)


# What each does to an answer; all are over after two answers, or after one.
FAULTS: dict[str, tuple[int, Spoil]] = {
    "429 without Retry-After": (2, lambda _: Reply(429)),
    "429 with seconds": (2, lambda _: Reply(429, {"Retry-After": "7"})),
    "429 with a date": (
        2,
        lambda _: Reply(429, {"Retry-After": formatdate(FakeTime().now_s() + 9, usegmt=True)}),
    ),
    "429 with a word": (2, lambda _: Reply(429, {"Retry-After": "soon"})),
    "500": (2, lambda _: Reply(500, JSON, b'{"message": "An internal server error occurred."}')),
    "502 with HTML": (2, lambda _: Reply(502, {"Content-Type": "text/html"}, HTML)),
    "503": (2, lambda _: Reply(503)),
    "503 with seconds": (2, lambda _: Reply(503, {"Retry-After": "30"})),
    "504": (2, lambda _: Reply(504, {}, HTML)),
    "nothing at all": (2, lambda _: Reply(200, JSON, b"")),
    "HTML and 200": (2, lambda _: Reply(200, {"Content-Type": "text/html"}, HTML)),
    "torn JSON": (2, lambda body: Reply(200, JSON, body[: len(body) // 2])),
    "JSON of another kind": (2, lambda _: Reply(200, JSON, b'["results"]')),
    "results are null": (2, with_answer(lambda answer: answer.update(results=None))),
    "a body that is too short": (2, cut),
    "a body that can't be unpacked": (
        2,
        lambda body: Reply(200, {"Content-Encoding": "gzip"}, body),
    ),
    "hung up": (2, lambda _: Reply(HANG_UP)),
    "connection reset": (2, lambda _: Reply(HANG_UP, reset=True)),
    "no results": (1, with_answer(lambda answer: answer.update(results=[]))),
    "fewer results": (1, with_answer(drop_every_tenth)),
    "results repeated": (1, with_answer(repeat_some)),
    "results are null each": (
        1,
        with_answer(lambda answer: answer.update(results=[None] * len(answer["results"]))),
    ),
    "results are texts": (
        1,
        with_answer(lambda answer: answer.update(results=["album"] * len(answer["results"]))),
    ),
    "no titles": (1, with_results(lambda result: result.pop("title"))),
    "titles are lists": (1, with_results(lambda result: result.update(title=["A", "B"]))),
    "no ids": (1, with_results(lambda result: result.pop("id"))),
    "ids are null": (1, with_results(lambda result: result.update(id=None))),
    "ids are texts": (1, with_results(lambda result: result.update(id=str(result["id"])))),
    "ids have a point": (1, with_results(lambda result: result.update(id=float(result["id"])))),
    "no types": (1, with_results(lambda result: result.pop("type"))),
    "no pictures": (1, with_results(lambda result: result.pop("cover_image"))),
    "pictures are null": (1, with_results(lambda result: result.update(cover_image=None))),
    "years have a point": (
        1,
        with_results(lambda result: result.update(year=float(result["year"]))),
    ),
    "no pagination": (1, with_answer(lambda answer: answer.pop("pagination"))),
    "pagination is a list": (1, with_answer(lambda answer: answer.update(pagination=[1, 2]))),
    "pagination is null inside": (
        1,
        with_answer(lambda answer: answer.update(pagination=dict.fromkeys(answer["pagination"]))),
    ),
    "pagination of texts": (
        1,
        with_answer(
            lambda answer: answer.update(
                pagination={
                    name: str(value) if isinstance(value, int) else value
                    for name, value in answer["pagination"].items()
                }
            )
        ),
    ),
    "items are negative": (1, with_answer(lambda answer: answer["pagination"].update(items=-1))),
    "items are endless": (
        1,
        lambda body: Reply(200, JSON, body.replace(b'"items": 250', b'"items": ' + b"9" * 5000)),
    ),
}
PAST_THE_FIRST: dict[str, tuple[int, Spoil]] = {
    "404": (1, lambda _: Reply(404, JSON, b'{"message": "The requested page does not exist."}')),
    "403 of pagination": (
        1,
        lambda _: Reply(403, JSON, json.dumps({"message": "Pagination above 100."}).encode()),
    ),
    "200 with nothing": (
        1,
        with_answer(lambda answer: answer.update(pagination={"items": 0, "pages": 0}, results=[])),
    ),
    "404, four times": (4, lambda _: Reply(404, JSON, b'{"message": "Gone for a minute."}')),
    "no results, four times": (4, with_answer(lambda answer: answer.update(results=[]))),
}


@dataclass(frozen=True)
class Service:
    """A service that is well, and what a fetch of it gives, by its spread."""

    sandbox: Sandbox
    rows: dict[str, list[Row]]


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all tests: each spoils some answers of its own."""
    with service() as sandbox:
        folder = tmp_path_factory.mktemp("undisturbed")
        spreads = ("recent", "even")
        rows = {each: undisturbed(folder / each, sandbox, spread=each) for each in spreads}
        yield Service(sandbox, rows)


def check_passes(
    folder: Path, well: Service, fault: tuple[int, Spoil], page: int, spread: str = "recent"
) -> None:
    """Assert that a fault on one page changes nothing."""
    times, spoil = fault
    trouble = Trouble(well.sandbox, is_of("Jazz", year=2020, page=page), spoil, times)
    well.sandbox.hook = trouble
    summary = fetch_all(folder, well.sandbox, spread=spread)
    assert trouble.spoiled.total() == times
    assert rows_in(folder) == well.rows[spread]
    check_adds_up(summary)
    assert summary.rows_out == len(well.rows[spread])
    assert not summary.partly
    assert not odd_notes(summary)
    assert set(trouble.good.values()) == {1}, "a page was asked for in vain"


@pytest.mark.long_after(10)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_changes_nothing(tmp_path: Path, well: Service, name: str) -> None:
    """Row for row the same file, and no other page is asked for again."""
    check_passes(tmp_path, well, FAULTS[name], 1)


@pytest.mark.long_after(4)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_changes_nothing_where_years_are_even(
    tmp_path: Path, well: Service, name: str
) -> None:
    """The same where each year has its share, and on a page that isn't the first."""
    check_passes(tmp_path, well, FAULTS[name], 3, "even")


@pytest.mark.parametrize("name", PAST_THE_FIRST)
def test_a_page_that_was_away_for_a_moment_is_not_lost(
    tmp_path: Path, well: Service, name: str
) -> None:
    """What a page in the middle, that isn't there when it is asked for, has comes all the same."""
    check_passes(tmp_path, well, PAST_THE_FIRST[name], 2)


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: Reply(200, JSON, b"{}", delay_s=60),
        lambda body: Reply(200, JSON, body, drip_s=0.01),
        lambda body: Reply(200, JSON, body, cut_after=20, delay_s=60),
    ],
    ids=["silence", "a slow drip", "silence and then a short body"],
)
def test_a_service_that_is_slow_beyond_bounds_is_asked_anew(
    tmp_path: Path, well: Service, spoil: Spoil
) -> None:
    """One that takes the question and is silent, and one that answers byte by byte."""
    well.sandbox.hook = Trouble(well.sandbox, is_of("Jazz", page=1), spoil, times=1)
    summary = fetch_all(tmp_path, well.sandbox, http=IMPATIENT, clock=Clock())
    assert rows_in(tmp_path) == well.rows["recent"]
    check_adds_up(summary)
    assert not summary.partly
