"""What is to be done for a cover that the dataset wants, given what became of it before."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from equigen.rules.pictures import has_no_cover

OK = "ok"
MISSING = "missing"
REFUSED = "refused"
BROKEN = "broken"
FAILED = "failed"
WAITING = "waiting"
# Statuses that asking again doesn't change by itself; `failed` is the one that may.
_SETTLED = frozenset({MISSING, REFUSED, BROKEN})


class Action(StrEnum):
    """What a cover needs."""

    NOTHING = "nothing"
    BRING = "bring"  # another file here holds its picture
    LEAVE = "leave"
    FETCH = "fetch"


class Known(Protocol):
    """What the ledger knows of a file: whose picture it is, how that ended, and why."""

    @property
    def picture(self) -> str:
        """The picture's key."""
        ...

    @property
    def status(self) -> str:
        """How it ended."""
        ...

    @property
    def reason(self) -> str:
        """Why it ended so."""
        ...


class Wanted(Protocol):
    """What the dataset wants: a picture, and where it comes from."""

    @property
    def picture(self) -> str:
        """The picture's key."""
        ...

    @property
    def url(self) -> str:
        """Its address."""
        ...


@dataclass(frozen=True, slots=True)
class Retry:
    """Which settled covers are asked for again: all, or those with one of `reasons`."""

    settled: bool = False
    reasons: frozenset[str] = frozenset()

    def covers(self, reason: str) -> bool:
        """Tell whether a cover that ended for this reason is asked for again."""
        return self.settled and (not self.reasons or reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do for one wanted file; `reason` says why a cover is left, else it is empty."""

    action: Action
    reason: str = ""


def decide(
    wanted: Wanted, known: Known | None, *, is_there: bool, has_twin: bool, retry: Retry
) -> Decision:
    """Decide for one wanted file.

    `known` is what the ledger says of its path, if anything; `is_there` whether its good file still
    lies there; `has_twin` whether a good file of the same picture lies under another name. Good
    covers are never fetched again, and what failed for good only with `retry`. With reasons to
    retry, what failed for now and for another reason is left as well.
    """
    if has_no_cover(wanted.url):
        return Decision(Action.LEAVE, "no picture")
    if known is not None and known.picture != wanted.picture:
        known = None
    if known is not None and known.status == OK and is_there:
        return Decision(Action.NOTHING)
    if has_twin:
        return Decision(Action.BRING)
    if known is None or known.status == OK or retry.covers(known.reason):
        return Decision(Action.FETCH)
    if known.status in _SETTLED or retry.reasons:
        return Decision(Action.LEAVE, known.reason)
    return Decision(Action.FETCH)
