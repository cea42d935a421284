"""What is to be done for each cover that the dataset wants, given what became of it before."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Protocol

from equigen.rules.pictures import has_no_cover

OK = "ok"
# Statuses that asking again doesn't change by itself; `failed` is the one that may.
_SETTLED = frozenset({"missing", "refused", "broken"})


class Action(StrEnum):
    """What a cover needs."""

    NOTHING = "nothing"
    MOVE = "move"
    COPY = "copy"
    FETCH = "fetch"
    LEAVE = "leave"


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that the dataset wants, and the picture that belongs in it."""

    path: str
    picture: str
    url: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do for one wanted file.

    `source` is the path to move or copy from. `reason` says why a cover is left, and is empty for
    all other actions.
    """

    wanted: Wanted
    action: Action
    source: str = ""
    reason: str = ""


def decide(
    wanted: Iterable[Wanted],
    known: Mapping[str, Known],
    *,
    is_there: Callable[[str], bool],
    is_aside: Callable[[str], bool],
    retry_failed: bool,
) -> list[Decision]:
    """Decide for each wanted file, in order; each path comes once.

    `known` is by path; `is_there(path)` tells whether the file of a good cover still lies where
    the ledger says, `is_aside(path)` whether it was set aside when no row wanted it. A picture that
    is there under another name is not fetched again: the file is moved where nobody else wants it,
    and copied otherwise. With `retry_failed`, covers that the host has not, or that were no good,
    are fetched again.
    """
    is_there = cache(is_there)
    by_path = {item.path: item for item in wanted}
    good: dict[str, str] = {}
    for path in sorted(known):
        cover = known[path]
        if cover.status != OK or not cover.picture or cover.picture in good:
            continue
        if path in by_path and by_path[path].picture != cover.picture:
            continue  # it is about to be written over
        if is_there(path) or is_aside(path):
            good[cover.picture] = path
    moved: set[str] = set()
    decisions = []
    for item in by_path.values():
        decision = _decide_one(item, known, good, is_there, retry_failed=retry_failed)
        # Its own file, set aside before, or one that no row wants under its old name.
        free = decision.source == item.path or decision.source not in by_path
        if decision.action is Action.COPY and free and decision.source not in moved:
            decision = Decision(item, Action.MOVE, decision.source)
            moved.add(decision.source)
            good[item.picture] = item.path
        decisions.append(decision)
    return decisions


def _decide_one(
    item: Wanted,
    known: Mapping[str, Known],
    good: Mapping[str, str],
    is_there: Callable[[str], bool],
    *,
    retry_failed: bool,
) -> Decision:
    if has_no_cover(item.url):
        return Decision(item, Action.LEAVE, reason="no picture")
    cover = known.get(item.path)
    same = cover is not None and cover.picture == item.picture
    if same and cover is not None and cover.status == OK and is_there(item.path):
        return Decision(item, Action.NOTHING)
    if item.picture in good:
        return Decision(item, Action.COPY, good[item.picture])
    if same and cover is not None and cover.status in _SETTLED and not retry_failed:
        return Decision(item, Action.LEAVE, reason=cover.reason)
    return Decision(item, Action.FETCH)
