"""Run fetch, clean, dedupe, counts, download and split.

Made for cron: goes on where it stopped, and with --refresh looks for new albums first. Ends with 3
where something is left for a later run, such as the covers beyond a host's quota of the day.

Examples:
  equigen run
  equigen run --refresh --quiet --link hardlink
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Final

import typer

from equigen import sources
from equigen.context import Context
from equigen.lock import dataset_lock
from equigen.rules.splitting import Link
from equigen.summary import Summary

ORDER: Final = 80
SETTINGS: Final = (
    "fetch.source",
    "fetch.genre_limit",
    "fetch.world_limit",
    "fetch.from_year",
    "fetch.to_year",
    "fetch.spread",
    "fetch.labels",
    *sources.settings(),
    "split.ratio",
    "split.group",
    "split.seed",
)
STAGES: Final = ("fetch", "clean", "dedupe", "counts", "download", "split")


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
    link: Annotated[Link, typer.Option(help="How covers get into their sets.")] = Link.COPY,
) -> Iterator[Summary]:
    """Run the stages one after another; the first that raises ends the run."""
    flags: dict[str, dict[str, object]] = {
        "fetch": {"refresh": refresh},
        "download": {"retry_failed": retry_failed},
        "split": {"link": link},
    }
    with dataset_lock(context.directory, stage="run", now=context.now()):
        for name in STAGES:
            yield stage(name)(context, **flags.get(name, {}))
