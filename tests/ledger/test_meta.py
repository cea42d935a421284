"""Single values of the ledger: read as they were written, and nothing else."""

import json

import pytest

from equigen.ledger import ledger
from equigen.ledger.models import read_moment
from equigen.ledger.values import READERS, Begun, read_begun, read_past_run, read_split_groups

AT = "2026-06-15T12:00:00+00:00"
RUN = {
    "command": "run", "outcome": "done", "exit_code": 0, "error": "", "started_at": AT,
    "ended_at": AT, "took_s": 12.5, "left": {"covers": 7}, "resumes_at": None,
}  # fmt: skip


def test_each_value_that_is_read_is_one_that_the_ledger_has() -> None:
    """By its key: one that was mistyped would check nothing."""
    keys = {str(value) for name, value in vars(ledger).items() if name.isupper()}
    assert set(READERS) <= keys


def test_how_a_run_ended_is_read_as_it_was_written() -> None:
    """Whatever lacks, or is of another kind, is no such run."""
    assert read_past_run(json.dumps(RUN)).left == {"covers": 7}
    odd: dict[str, list[object]] = {
        "took_s": [-1, 1e300, "1"], "ended_at": ["", "2026-06-15", 7], "left": [{"a": "b"}, None],
        "exit_code": ["0", 0.5], "resumes_at": ["soon"],
    }  # fmt: skip
    for key, values in odd.items():
        for value in values:
            with pytest.raises(ValueError, match="expected PastRun"):
                read_past_run(json.dumps({**RUN, key: value}))
    for text in ("", "garbage", "[]", "{}", "[" * 9999, json.dumps(RUN)[:-2]):
        with pytest.raises(ValueError, match="expected PastRun"):
            read_past_run(text)


def test_a_process_has_a_number_that_one_can_have() -> None:
    """No text, nothing below one, and nothing that is larger than any."""
    begun = {"command": "run", "pid": 12, "since": AT}
    assert read_begun(json.dumps(begun)) == Begun("run", 12, AT)
    for pid in (0, -1, 2**31, 2**70, "12", 1.5, True, None):
        with pytest.raises(ValueError, match="expected Begun"):
            read_begun(json.dumps({**begun, "pid": pid}))


def test_a_date_has_a_time_zone() -> None:
    """Else nobody can tell how long ago it was."""
    assert read_moment(AT) == AT
    for text in ("", "yesterday", "2026-06-15T12:00:00", "2026-06-15"):
        with pytest.raises(ValueError, match=r"isoformat|time zone"):
            read_moment(text)


def test_what_a_split_said_of_groups_is_whole() -> None:
    """Counts that lack, or are none, are not made up."""
    said = {"group": "artist", "groups": 9, "cut": 1, "largest_cut": 0.4, "loose": 2}
    assert read_split_groups(json.dumps(said)).loose == 2
    for key in said:
        with pytest.raises(ValueError, match="expected SplitGroups"):
            read_split_groups(json.dumps({**said, key: None}))
