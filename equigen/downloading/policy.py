"""Decide what a cover needs, given what became of it before."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from equigen.identity.pictures import has_no_cover, nominal_px, picture_key
from equigen.ledger.models import BROKEN, FAILED, MISSING, OK, REFUSED, Cover
from equigen.schema import Prefer

if TYPE_CHECKING:
    from equigen.ledger.values import CoverGroup

# Statuses that another request hardly changes; `failed` may change soon.
_SETTLED = frozenset({MISSING, REFUSED, BROKEN})
# Reason of a refusal by a host that limits us. A picture refused in so many runs, one after
# another, is most likely refused for itself.
_REFUSED_BY_HOST = "HTTP 403"
_MOST_REFUSALS = 7
# A cover that failed in so many runs, one after another, is taken from its next address.
_MOST_FAILURES = 3
_PLACES = {FAILED: 1, OK: 2}
# A cover with one side so many times longer than the other is far from square.
FAR_FROM_SQUARE: Final = 1.25
# Time until the first retry in a later run, the second, and all others.
_AGAIN_AFTER = (timedelta(days=1), timedelta(weeks=1), timedelta(days=30))
# A run that starts at the same hour each night finds what the last one asked for a little later.
_SLACK = timedelta(hours=4)
# The reason of rows without a picture's address.
NO_PICTURE = "no picture"
# The reason of covers whose bytes are refused.
REFUSED_BYTES = "refused by SHA-256"


class CoverAction(StrEnum):
    """Need of a cover."""

    NOTHING = "nothing"
    BRING = "bring"  # another file here holds its picture
    LEAVE = "leave"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Decision:
    """Action for a cover; `reason` says why one is left, else it is empty."""

    action: CoverAction
    reason: str = ""


def is_due(ended_at: str, failures: int, now: datetime) -> bool:
    """Tell whether a cover that failed is due again: after a day, a week, then each month.

    `ended_at` is UTC in ISO 8601. A date that lies ahead is none: the clock was set back.
    """
    try:
        ended = datetime.fromisoformat(ended_at)
        passed = now - ended
    except (ValueError, TypeError):  # no date, or one without a time zone
        return True
    again_after = _AGAIN_AFTER[min(max(failures, 1), len(_AGAIN_AFTER)) - 1]
    return passed < timedelta(0) or passed >= again_after - _SLACK


def decide(
    url: str,
    known: Cover | None,
    *,
    is_there: bool,
    has_twin: bool,
    retry: Collection[str] | None,
    now: datetime,
) -> Decision:
    """Decide what a row's cover needs, by its address.

    `known` is what the ledger knows of its picture, if anything; `is_there` tells whether its
    file lies where the row wants it, `has_twin` whether one lies elsewhere. Good covers are never
    fetched again. What failed for good is only when it `is_due`, or with `retry`: the reasons to
    retry, none for all of them; what failed for another reason is left then, in any case.
    """
    is_kept = not url and (is_there or has_twin)  # a cover that was imported has no address
    if has_no_cover(url) and not (is_kept and known is not None and known.status == OK):
        return Decision(CoverAction.LEAVE, NO_PICTURE)
    if known is not None and known.status == OK and is_there:
        return Decision(CoverAction.NOTHING)
    if has_twin:
        return Decision(CoverAction.BRING)
    if (
        known is None
        or known.status == OK
        or (retry is not None and (not retry or known.reason in retry))
    ):
        return Decision(CoverAction.FETCH)
    if is_put_off(known, now) or retry:
        return Decision(CoverAction.LEAVE, known.reason)
    return Decision(CoverAction.FETCH)


def preferred(urls: Sequence[str], poor: Mapping[str, Cover], prefer: Prefer) -> list[str]:
    """Return the addresses of one cover in the order in which they are to be asked.

    `poor` are the covers, by picture, that could not be had or are far from square. Those come
    after all others: first those that failed run after run, then those far from square, then what
    is gone, refused or broken. Of the others, those that may be passed on come first, if so
    preferred. Among equals the larger come first, by the size that their URL tells of, unless all
    are to stay in their order.
    """

    def is_restricted(url: str) -> bool:
        from equigen.sources.base import restricting  # noqa: PLC0415  (heavy for a worker)

        return bool(restricting("", url))

    def place(url: str) -> tuple[int, bool, int]:
        cover = poor.get(picture_key(url))
        if cover is None or (cover.status == FAILED and cover.failures < _MOST_FAILURES):
            is_late = prefer is Prefer.FREE and is_restricted(url)
            return 0, is_late, 0 if prefer is Prefer.FIRST else -nominal_px(url)
        return _PLACES.get(cover.status, len(_PLACES) + 1), False, 0

    return sorted(urls, key=place)


def is_put_off(known: "Cover | CoverGroup", now: datetime) -> bool:
    """Tell whether what could not be had isn't to be asked for yet."""
    refused = known.reason == _REFUSED_BY_HOST and known.failures >= _MOST_REFUSALS
    backs_off = known.status in _SETTLED or refused
    return backs_off and not is_due(known.fetched_at, known.failures, now)
