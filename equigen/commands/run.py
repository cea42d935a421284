"""Run all stages from fetch to split.

These are fetch, clean, dedupe, balance (with --per-label, or where the setting balance.per_label
is), counts, download and split. Made for cron: goes on
where it stopped, and with --refresh looks for new albums first. Ends with 3 where something is left
for a later run, such as the covers beyond a host's quota of the day, or what there was no time for
with --until.

Examples:
  equigen run
  equigen run --refresh --quiet --link hardlink
  equigen run --until 06:00 --log-file run.log
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Final

import typer

from equigen.config.settings import Settings
from equigen.dataset.context import Context, deadline_at
from equigen.dataset.counting import count_labels, evenness, notes_on_labels
from equigen.dataset.dataset import Dataset
from equigen.dataset.tsv import reading_tsv
from equigen.errors import CredentialsError, EquigenError, FetchError
from equigen.schema import Link
from equigen.sources.base import fetch_settings
from equigen.summary import Summary

ORDER: Final = 80
SETTINGS: Final = (
    *fetch_settings(), "balance.per_label", "split.ratio", "split.group", "split.seed",
    "split.keep_sets",
)  # fmt: skip
_STAGES: Final = ("fetch", "clean", "dedupe", "balance", "counts", "download", "split")


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
        context = replace(context, deadline=deadline_at(until, context))
    flags: dict[str, dict[str, object]] = {
        "fetch": {"refresh": refresh},
        "download": {"retry_failed": retry_failed},
        "split": {"link": link},
    }
    failure: EquigenError | None = None
    with Dataset.writing(context, "run"):
        *others, last = stages(context.settings)
        for name in (*others, last):
            try:
                told = _not_begun(name)
                if not context.time_is_up:
                    told = stage(name)(context, **flags.get(name, {}))
            except (FetchError, CredentialsError) as err:
                if name != "fetch" or not _has_albums(context):
                    raise
                failure = err
                context.say(f"{name}: {err} The others go on with the albums that are there.")
            else:
                yield ended(told, context) if name == last else told
    if failure:
        raise failure


def stages(settings: Settings) -> Sequence[str]:
    """Return the stages of a run: `balance` is one where it is told how many albums to keep."""
    return [name for name in _STAGES if name != "balance" or settings.balance.per_label]


def ended(last: Summary, context: Context) -> Summary:
    """Return the last stage's summary with what is to be known of the labels' sizes at the end."""
    labels = count_labels(context) if context.tsv.exists() else Counter[str]()
    return replace(
        last,
        facts={**last.facts, "evenness": evenness(labels)},
        notes=[*last.notes, *notes_on_labels(context, labels)],
    )


def _has_albums(context: Context) -> bool:
    if not context.tsv.exists():
        return False
    with reading_tsv(context.tsv) as rows:
        return any(True for _ in rows)


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
