"""Summarise a stage: every row accounted for, as text for people and JSON for programs."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Table:
    """Figures to show: a title for each column, and rows of text and numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Result of a stage.

    `rows_in` = `rows_out` + the sum of `dropped`, always; `unit` names the rows. The reasons in
    `put_off` are those of rows that a later run can still take. `facts` are more figures, by their
    JSON names. Where `partly` is true, some work is left for a later run: `left` is the number of
    `left_unit`, 0 where unknown, and `resumes_at` (UTC) the time from which a run can do more of
    it, None for now. A stage that was not `begun` is left as a whole. A command that takes no rows
    in says what it has `done` with so many: "written", "counted".
    """

    stage: str
    unit: str
    rows_in: int
    rows_out: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    put_off: Collection[str] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    table: Table | None = None
    notes: Sequence[str] = ()
    partly: bool = False
    left: int = 0
    resumes_at: datetime | None = None
    left_unit: str = "covers"
    begun: bool = True
    done: str = ""

    def __post_init__(self) -> None:
        if self.rows_in != self.rows_out + sum(self.dropped.values()):
            msg = (
                f"{self.stage}: {self.rows_in} {self.unit} came in, but {self.rows_out} went out"
                f" and {dict(self.dropped)} were dropped: some are not accounted for"
            )
            raise AssertionError(msg)

    def as_json(self) -> dict[str, object]:
        """Return the summary as values that JSON can hold."""
        return {
            "stage": self.stage,
            "unit": self.unit,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "dropped": {reason: count for reason, count in self.dropped.items() if count},
            **self.facts,
            "notes": list(self.notes),
            "complete": not self.partly,
            "begun": self.begun,
            "left": self.left,
            "left_unit": self.left_unit,
            "resumes_at": as_iso(self.resumes_at),
        }

    def came(self) -> str:
        """Return how many rows came in and went out, or what was done with so many."""
        if self.done:
            return f"{self.stage}: {counted(self.rows_out, self.unit)} {self.done}"
        return f"{self.stage}: {self.rows_in:,} {self.unit} in, {self.rows_out:,} out"

    def line(self) -> str:
        """Return the summary in one line."""
        parts = [self.came()]
        for word, counts in self.account():
            reasons = ", ".join(f"{n:,} {why}" for why, n in counts.items())
            parts.append(f"{word} {sum(counts.values()):,}: {reasons}")
        return "; ".join(filter(None, [*parts, what_is_left([self])]))

    def account(self) -> list[tuple[str, dict[str, int]]]:
        """Return the counts by reason of rows that are dropped, and of rows that are put off."""
        dropped = {why: n for why, n in self.dropped.items() if n and why not in self.put_off}
        put_off = {why: n for why, n in self.dropped.items() if n and why in self.put_off}
        return [each for each in (("dropped", dropped), ("put off", put_off)) if each[1]]


def left_by_unit(summaries: Sequence[Summary]) -> Mapping[str, int]:
    """Add up the work that stages leave for a later run, as far as they know it, by unit."""
    left: Counter[str] = Counter()
    for each in summaries:
        if each.partly:
            left[each.left_unit] += each.left
    return {unit: count for unit, count in left.items() if count}


def resumption(summaries: Sequence[Summary]) -> datetime | None:
    """Return the time from which a run can do more of the work left; None for now."""
    moments = [each.resumes_at for each in summaries if each.partly]
    known = [moment for moment in moments if moment]
    return min(known) if known and len(known) == len(moments) else None


def what_is_left(summaries: Sequence[Summary]) -> str:
    """Describe the work left for a later run, and when it can go on; "" where all is done."""
    if not any(each.partly for each in summaries):
        return ""
    counts = [counted(count, unit) for unit, count in left_by_unit(summaries).items()]
    left = f"{' and '.join(counts)} left, " if counts else ""
    if at := resumption(summaries):
        # To the minute, and not before.
        minute = (at + timedelta(seconds=59, microseconds=999_999)).astimezone(UTC)
        return f"partly done: {left}go on after {minute:%Y-%m-%d %H:%M} UTC"
    return f"partly done: {left}run again for the rest"


def as_iso(moment: datetime | None) -> str | None:
    """Format a time for JSON: UTC in ISO 8601."""
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None


def counted(count: int, unit: str) -> str:
    """Return a number with its unit, which is in the plural: "1 file", "2 files"."""
    return f"{count:,} {unit.replace('ies', 'y').removesuffix('s') if count == 1 else unit}"
