"""What is worth another try, and the news of one."""

from collections.abc import Callable

from tenacity import RetryCallState

from equigen.errors import BadBodyError, ConnectionFailedError, FetchError, HttpStatusError
from equigen.events import tell
from equigen.http.addresses import shown

_WORTH_RETRYING = frozenset({408, 425, 429, *range(500, 600)})


def is_worth_retrying(err: BaseException) -> bool:
    """Tell whether what went wrong may go well the next time."""
    if isinstance(err, HttpStatusError):
        return err.status in _WORTH_RETRYING
    return isinstance(err, (ConnectionFailedError, BadBodyError))


def tell_of_another_try(state: RetryCallState, told: Callable[[str], str]) -> None:
    """Tell why, and after which wait, something is tried again; `told` takes secrets out."""
    err = state.outcome.exception() if state.outcome else None
    url = told(shown(err.url)) if isinstance(err, FetchError) else ""
    wait_s = round(state.upcoming_sleep, 1)
    message = f"{told(str(err))} Trying again in {wait_s} s."
    tell("tried again", message, url=url, tries=state.attempt_number, wait_s=wait_s)
