"""Run fetch, clean, dedupe, counts, download and split.

Made for cron: goes on where it stopped, and with --refresh looks for new albums first. Ends with 3
where something is left for a later run, such as the covers beyond a host's quota of the day, or
what there was no time for with --until.

Examples:
  equigen run
  equigen run --refresh --quiet --link hardlink
  equigen run --until 06:00 --log-file run.log
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Annotated, Final

import typer

from equigen.dataset.context import Context, Deadline
from equigen.dataset.dataset import Dataset
from equigen.dataset.tsv import reading_tsv
from equigen.errors import CredentialsError, EquigenError, FetchError, UsageError
from equigen.schema import Link
from equigen.sources.base import fetch_settings
from equigen.summary import Summary

ORDER: Final = 80
SETTINGS: Final = (*fetch_settings(), "split.ratio", "split.group", "split.seed")
STAGES: Final = ("fetch", "clean", "dedupe", "counts", "download", "split")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
# Some zones have skipped a whole day: https://en.wikipedia.org/wiki/International_Date_Line
_DAYS_LOOKED_AT = 3


def run(
    context: Context,
    stage: Callable[[str], Callable[..., Summary]],
    *,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask again where something new can be.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again now for covers that failed for good.")
    ] = False,
    link: Annotated[
        Link,
        typer.Option(
            metavar="HOW", help="How covers get into their sets: copy, symlink, hardlink or move."
        ),
    ] = Link.COPY,
    until: Annotated[
        str | None,
        typer.Option(metavar="HH:MM", help="Stop at this time of day; the rest is left."),
    ] = None,
) -> Iterator[Summary]:
    """Run the stages one after another; the first that raises ends the run.

    Where no albums can be had, the others go on with those that are there, and the run then ends
    with that error. After `until`, a stage that asks hosts ends, one that works on what is here is
    finished, and no other is begun.

    Raises:
        UsageError: `until` is no time of day.
        FetchError, CredentialsError: no albums could be had.

    """
    if until is not None:
        context = replace(context, deadline=_deadline(until, context))
    flags: dict[str, dict[str, object]] = {
        "fetch": {"refresh": refresh},
        "download": {"retry_failed": retry_failed},
        "split": {"link": link},
    }
    failure: EquigenError | None = None
    with Dataset.writing(context, "run"):
        for name in STAGES:
            if context.time_is_up:
                yield _not_begun(name)
                continue
            try:
                yield stage(name)(context, **flags.get(name, {}))
            except (FetchError, CredentialsError) as err:
                if name != "fetch" or not _has_albums(context):
                    raise
                failure = err
                context.say(f"{name}: {err} The others go on with the albums that are there.")
    if failure:
        raise failure


def _has_albums(context: Context) -> bool:
    if not context.tsv.exists():
        return False
    with reading_tsv(context.tsv) as rows:
        return any(True for _ in rows)


def _deadline(until: str, context: Context) -> Deadline:
    now = context.now()
    at = next_time(read_time(until), now)
    steady_s = context.clock.steady() + (at - now).total_seconds()
    return Deadline(at, steady_s)


def _not_begun(name: str) -> Summary:
    return Summary(
        stage=name,
        unit="rows",
        rows_in=0,
        rows_out=0,
        notes=["Time is up: it is left for the next run."],
        partly=True,
        begun=False,
    )


def read_time(text: str) -> time:
    """Parse a time of day such as 06:00 or 23:30.

    Raises:
        UsageError: the text is no time of day.

    """
    found = _TIME.fullmatch(text.strip())
    if not found:
        msg = f"--until: expected a time of day from 00:00 to 23:59, such as 06:00, got {text!r}."
        raise UsageError(msg)
    return time(int(found[1]), int(found[2]))


def next_time(of_day: time, now: datetime, zone: tzinfo | None = None) -> datetime:
    """Return, in UTC, the next moment after `now` at which the clocks of `zone` show a time.

    The default zone is the machine's own. A time that comes twice when the clocks are put back
    counts both times; a skipped one is taken as if they had not been put forward yet.
    """
    today = now.astimezone(zone).date()
    moments = []
    for count in range(_DAYS_LOOKED_AT):
        wall = datetime.combine(today + timedelta(days=count), of_day)
        first, second = (wall.replace(fold=fold, tzinfo=zone).astimezone(UTC) for fold in (0, 1))
        # The second is earlier where the time is skipped, and shows another one.
        moments += [first, max(first, second)]
    return min(moment for moment in moments if moment > now)
