"""What is to be done for a cover, given what became of it before."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.downloading.policy import CoverAction, Decision, decide
from equigen.ledger.models import BROKEN, FAILED, MISSING, OK, REFUSED, Cover

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
URL = "https://example.org/a.jpg"
ALL: frozenset[str] = frozenset()
STATUSES = (OK, MISSING, REFUSED, BROKEN, FAILED)


def known_as(
    status: str = OK, reason: str = "", failures: int = 1, at: str = NOW.isoformat()
) -> Cover:
    """Return what the ledger knows of a picture."""
    return Cover("p", URL, status, reason, failures=failures, fetched_at=at)


def decided(
    known: Cover | None,
    url: str = URL,
    *,
    there: bool = True,
    twin: bool = False,
    retry: frozenset[str] | None = None,
    now: datetime = NOW,
) -> Decision:
    """Decide for one row."""
    return decide(url, known, is_there=there, has_twin=twin, retry=retry, now=now)


def test_a_cover_that_nobody_asked_for_is_fetched() -> None:
    """What the ledger doesn't know isn't there, whatever lies on disk."""
    assert decided(None) == Decision(CoverAction.FETCH)
    assert decided(None, there=True) == Decision(CoverAction.FETCH)


def test_a_good_cover_that_is_there_needs_nothing() -> None:
    """Not even where the same picture lies elsewhere, or failures are tried again."""
    retry = ALL
    assert decided(known_as(), twin=True, retry=retry) == Decision(CoverAction.NOTHING)


def test_a_good_cover_whose_file_is_gone_is_brought_or_fetched() -> None:
    """Another file of the same picture spares the request."""
    assert decided(known_as(), there=False) == Decision(CoverAction.FETCH)
    assert decided(known_as(), there=False, twin=True) == Decision(CoverAction.BRING)


@pytest.mark.parametrize("status", [MISSING, REFUSED, BROKEN])
def test_what_failed_for_good_is_left_with_its_reason(status: str) -> None:
    """Unless it is to be tried again, for any reason or for this one."""
    known = known_as(status, reason="why")
    assert decided(known) == Decision(CoverAction.LEAVE, "why")
    assert decided(known, retry=ALL) == Decision(CoverAction.FETCH)
    this, other = frozenset({"why"}), frozenset({"other"})
    assert decided(known, retry=this) == Decision(CoverAction.FETCH)
    assert decided(known, retry=other).action is CoverAction.LEAVE


def test_what_failed_for_now_is_tried_again_by_itself() -> None:
    """Except where only other reasons are asked for."""
    known = known_as(FAILED, reason="HTTP 500")
    assert decided(known) == Decision(CoverAction.FETCH)
    only = frozenset({"HTTP 404"})
    assert decided(known, retry=only) == Decision(CoverAction.LEAVE, "HTTP 500")


@pytest.mark.parametrize(
    "url", ["", "images/a.jpg", "https://st.discogs.com/", "http://x/spacer.gif"]
)
def test_what_shows_no_cover_is_never_asked_for(url: str) -> None:
    """Whatever the ledger says, and whatever is to be tried again."""
    for known in (None, known_as(), known_as(FAILED)):
        decision = decided(known, url, there=False, retry=ALL)
        assert decision == Decision(CoverAction.LEAVE, "no picture")


def test_a_cover_without_address_is_kept_and_brought() -> None:
    """It was imported: it can't be asked for, but be there, or lie at another place."""
    assert decided(known_as(), "") == Decision(CoverAction.NOTHING)
    assert decided(known_as(), "", there=False, twin=True) == Decision(CoverAction.BRING)


KNOWN = st.none() | st.builds(
    known_as,
    status=st.sampled_from(STATUSES),
    reason=st.sampled_from(["", "HTTP 404", "broken"]),
)
RETRY = st.none() | st.frozensets(st.sampled_from(["HTTP 404", "broken"]))


@given(known=KNOWN, there=st.booleans(), twin=st.booleans(), retry=RETRY)
def test_a_good_cover_is_never_fetched_again(
    known: Cover | None, *, there: bool, twin: bool, retry: frozenset[str] | None
) -> None:
    """Whatever is asked for, a request is made only for what isn't here."""
    decision = decided(known, there=there, twin=twin, retry=retry)
    is_here = known is not None and known.status == OK and there
    assert (decision.action is CoverAction.NOTHING) == is_here
    if decision.action is CoverAction.FETCH:
        assert not twin
    assert bool(decision.reason) <= (decision.action is CoverAction.LEAVE)


@pytest.mark.parametrize("status", [MISSING, REFUSED, BROKEN])
@pytest.mark.parametrize(("failures", "days"), [(1, 1), (2, 7), (3, 30), (9, 30)])
def test_what_stays_gone_is_asked_for_ever_more_seldom(
    status: str, failures: int, days: int
) -> None:
    """After a day, a week, and then each month; a nightly run may start a little earlier."""
    known = known_as(status, reason="HTTP 404", failures=failures)
    before = NOW + timedelta(days=days, hours=-5)
    nightly = NOW + timedelta(days=days, hours=-1)
    assert decided(known, now=before) == Decision(CoverAction.LEAVE, "HTTP 404")
    assert decided(known, now=nightly) == Decision(CoverAction.FETCH)
    assert decided(known, now=before, retry=ALL) == Decision(CoverAction.FETCH)


@pytest.mark.parametrize("date", ["2027-01-01T00:00:00+00:00", "", "yesterday", "2026-06-15"])
def test_a_date_that_can_not_be_is_no_reason_to_wait(date: str) -> None:
    """Where the clock was set back, or another tool wrote the date, the cover is asked for."""
    known = known_as(MISSING, "HTTP 404", at=date)
    assert decided(known) == Decision(CoverAction.FETCH)


def test_a_picture_that_is_refused_again_and_again_waits_as_well() -> None:
    """A few times it may be us that a host refused; in seven runs it is the picture."""
    assert decided(known_as(FAILED, reason="HTTP 403", failures=6)).action == CoverAction.FETCH
    assert decided(known_as(FAILED, reason="HTTP 403", failures=7)).action == CoverAction.LEAVE
    assert decided(known_as(FAILED, reason="HTTP 500", failures=9)).action == CoverAction.FETCH
