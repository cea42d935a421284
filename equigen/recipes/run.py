"""Run fetch, clean, dedupe, counts, download and split.

Made for cron: goes on where it stopped, and with --refresh looks for new albums first. Ends with 3
where something is left for a later run, such as the covers beyond a host's quota of the day.

Examples:
  equigen run
  equigen run --refresh --quiet
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Final

import typer

from equigen.context import Context
from equigen.summary import Summary

ORDER: Final = 80
SETTINGS: Final = ("fetch.genre_limit", "fetch.world_limit", "fetch.labels", "split.seed")
STAGES: Final = ("fetch", "clean", "dedupe", "counts", "download", "split")


def run(
    context: Context,
    stage: Callable[[str], Callable[..., Summary]],
    *,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask again where something new can be.")
    ] = False,
) -> Iterator[Summary]:
    """Run the stages one after another; the first that raises ends the run."""
    for name in STAGES:
        flags = {"refresh": refresh} if name == "fetch" else {}
        yield stage(name)(context, **flags)
