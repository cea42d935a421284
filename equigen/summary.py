"""What a stage returns: every row accounted for, as words for people and JSON for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Table:
    """Figures to show: a title for each column, and rows of text and numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """How a stage ended.

    `rows_in` = `rows_out` + the sum of `dropped`, always; `unit` says what the rows are. `facts`
    are more figures, by their JSON names. Where `partly` is true, some work is left for a later
    run: `left` says how many rows, where that is known, and `resumes_at`, in UTC, from when on a
    run can do more of it, where now is too early.
    """

    stage: str
    unit: str
    rows_in: int
    rows_out: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    table: Table | None = None
    notes: Sequence[str] = ()
    partly: bool = False
    left: int = 0
    resumes_at: datetime | None = None

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
        }

    def line(self) -> str:
        """Return the summary in one line."""
        reasons = ", ".join(f"{n:,} {why}" for why, n in self.dropped.items() if n)
        dropped = f"; dropped {sum(self.dropped.values()):,}: {reasons}" if reasons else ""
        more = " (partly done: run again for the rest)" if self.partly else ""
        return (
            f"{self.stage}: {self.rows_in:,} {self.unit} in, {self.rows_out:,} out{dropped}{more}"
        )
