"""How results look on a terminal."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.cli.console import aligned, as_json, as_text, in_one_line
from equigen.summary import Summary, Table

TABLE = Table(
    ("genre", "1950s", "1960s", "total"),
    (("Jazz", 1, 12_345, 12_346), ("Rhythm & Blues", 0, 7, 7)),
)


def test_text_stands_left_and_numbers_right() -> None:
    """Thousands are grouped; without a width, each row is one line."""
    assert aligned(TABLE).splitlines() == [
        "genre           1950s   1960s   total",
        "Jazz                1  12,345  12,346",
        "Rhythm & Blues      0       7       7",
    ]


def test_a_table_that_is_too_wide_is_folded() -> None:
    """What doesn't fit follows below, behind the first column again."""
    assert aligned(TABLE, width=30).splitlines() == [
        "genre           1950s   1960s",
        "Jazz                1  12,345",
        "Rhythm & Blues      0       7",
        "",
        "genre            total",
        "Jazz            12,346",
        "Rhythm & Blues       7",
    ]


@given(st.lists(st.text("x", min_size=1, max_size=12), min_size=1, max_size=20), st.integers(0, 60))
def test_a_folded_table_has_every_column_once(names: list[str], width: int) -> None:
    """And no line is longer than asked, unless two columns alone are."""
    heads = tuple(f"{name}{at}" for at, name in enumerate(names))
    text = aligned(Table(heads, (tuple("v" for _ in heads),)), width=width)
    blocks = [block.splitlines()[0].split() for block in text.split("\n\n")]
    assert [head for block in blocks for head in block[1:]] == list(heads[1:])
    assert {block[0] for block in blocks} == {heads[0]}
    longest = max(map(len, text.splitlines()))
    assert not width or longest <= width or any(len(block) <= 2 for block in blocks)


MIDNIGHT = datetime(2026, 6, 16, tzinfo=UTC)
FETCH = Summary("fetch", "results", 12, 12)
LABELS_LEFT = Summary("fetch", "results", 12, 12, partly=True, left=1, left_unit="labels")
DOWNLOAD = Summary(
    "download", "rows", 226_000, 5_000, {"waiting": 221_000},
    partly=True, left=221_000, resumes_at=MIDNIGHT,
)  # fmt: skip
SPLIT = Summary("split", "rows", 5_000, 5_000)
NOT_BEGUN = Summary("split", "rows", 0, 0, partly=True, begun=False, notes=["Time is up."])


@pytest.mark.parametrize(
    ("summaries", "expected"),
    [
        ([FETCH, SPLIT], "run: fetch 12 results, split 5,000 rows"),
        (
            [FETCH, DOWNLOAD, SPLIT],
            (
                "run: fetch 12 results, download 5,000 rows, split 5,000 rows; partly done:"
                " 221,000 covers left, go on after 2026-06-16 00:00 UTC"
            ),
        ),
        (
            [LABELS_LEFT, DOWNLOAD],
            (
                "run: fetch 12 results, download 5,000 rows; partly done: 1 label and 221,000"
                " covers left, run again for the rest"
            ),
        ),
        (
            [FETCH, NOT_BEGUN],
            "run: fetch 12 results; not begun: split; partly done: run again for the rest",
        ),
    ],
    ids=["done", "quota", "label can go on now", "not begun"],
)
def test_one_line_says_what_is_left_and_when_to_go_on(
    summaries: list[Summary], expected: str
) -> None:
    """A run can go on at once where any of its stages can."""
    assert in_one_line("run", summaries) == expected


def test_a_moment_is_told_to_the_minute_and_never_too_early() -> None:
    """At the minute that is told the host is ready."""
    late = MIDNIGHT.replace(second=1)
    rests = Summary("download", "rows", 0, 0, partly=True, left=2, resumes_at=late)
    expected = "partly done: 2 covers left, go on after 2026-06-16 00:01 UTC"
    assert rests.line() == f"download: 0 rows in, 0 out; {expected}"
    assert as_text(rests).splitlines()[-1] == f"{expected[0].upper()}{expected[1:]}."


def test_an_error_stands_behind_what_was_done() -> None:
    """In the line, and in what programs read."""
    line = in_one_line("run", [FETCH], broken="clean failed")
    assert line == "run: fetch 12 results; clean failed"
    whole = as_json([FETCH, DOWNLOAD], exit_code=1, error="no room")
    assert (whole["complete"], whole["exit_code"], whole["error"]) == (False, 1, "no room")
    assert whole["left"] == {"covers": 221_000}
    assert whole["resumes_at"] == "2026-06-16T00:00:00+00:00"
    assert DOWNLOAD.as_json()["resumes_at"] == "2026-06-16T00:00:00+00:00"
    assert (FETCH.as_json()["left"], FETCH.as_json()["resumes_at"]) == (0, None)


def test_a_stage_that_was_not_begun_has_no_figures() -> None:
    """Nothing came in and nothing went out, which would look like an empty dataset."""
    assert as_text(NOT_BEGUN) == "split: not begun\nTime is up."


def test_what_is_only_put_off_is_not_dropped() -> None:
    """Rows that a later run can still take are told apart, in a line and in full."""
    summary = Summary(
        *("download", "rows", 9, 4),
        dropped={"HTTP 503": 3, "HTTP 404": 2},
        put_off={"HTTP 503"},
    )
    line = "download: 9 rows in, 4 out; dropped 2: 2 HTTP 404; put off 3: 3 HTTP 503"
    assert summary.line() == line
    assert as_text(summary).splitlines() == [
        "download: 9 rows in, 4 out, 2 dropped:",
        "  2  HTTP 404",
        "download: 3 put off:",
        "  3  HTTP 503",
    ]


def test_a_cell_of_a_table_is_short() -> None:
    """What strangers write, such as the name of a host, makes no table as wide as a book."""
    table = Table(("host", "left"), (("quota of " + "x" * 5_000, 3), ("\x1b[31m\u202ey", 4)))
    shown = aligned(table)
    assert max(map(len, shown.splitlines())) < 250
    assert "\u2026" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
