"""Deal the covers into train, val and test.

Albums of one artist, and covers that look alike, never stand in two sets. An album
stays in its set, whatever comes and goes; one whose ties come to lead to two sets is set
aside, and so is one that is an example, or looks like one (`equigen fetch --album`).
--reshuffle deals all anew. --group none deals each cover by itself: the sets are then those of
split-folders. --keep-sets puts albums into the set in their column set_given, and sets those
aside that it would make leak.

split.tsv, in the folder of the sets, says where each album is; docs/sets.md has the rules.

Examples:
  equigen split
  equigen split --link hardlink
  equigen split --keep-sets
  equigen split --verify
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Final

import typer

from equigen.dataset.context import SPLIT_TSV, Context
from equigen.dataset.dataset import Dataset, Need
from equigen.dataset.examples import mark_of_examples
from equigen.dataset.layouts import Changes, cover_states, gather, lay_out, refuse_nesting
from equigen.dataset.made_with import Difference, differences, settings_noted
from equigen.dataset.tsv import write_tsv
from equigen.downloading.shared_covers import notes_on_shared
from equigen.errors import UsageError
from equigen.ledger.ledger import SPLIT_GROUPS, SPLIT_LINK
from equigen.ledger.models import AlbumSet
from equigen.schema import ASIDE, SETS, Group, Link, join_list
from equigen.splitting.assignment import (
    SplitOutcome,
    SplitRow,
    dealt_by_group,
    dealt_by_library,
    last_deal,
    mark_of,
)
from equigen.splitting.grouping import LARGEST_SHARE
from equigen.splitting.proof import prove_none
from equigen.summary import Summary, Table

ORDER: Final = 70
SETTINGS: Final = ("split.ratio", "split.group", "split.seed", "split.keep_sets")
_COLUMNS: Final[Mapping[str, Callable[[SplitRow], str]]] = MappingProxyType(
    {
        "album_id": attrgetter("album_id"),
        "genre": attrgetter("genre"),
        "label": lambda row: row.labels[0],
        "set": attrgetter("set_name"),
        "group": attrgetter("group"),
        "file": attrgetter("path"),
        "sha256": attrgetter("sha256"),
    }
)
_TIED = "tied to several sets"
_NO_ROW = "no row in the dataset"
_SHARED = "same bytes as covers of other artists"
_OF_EXAMPLES = "examples, or the same album or picture as one"
_EXAMPLES = 3
_LEAKS: Final = MappingProxyType(
    {
        "artist": "have an artist of another set",
        "picture": "the picture of a cover there",
        "album": "the id of an album there",
        "near-duplicate": "look like a cover there",
        "stays elsewhere": "stay in another set, where they were before",
    }
)
_STAYS = (
    "covers stay in their sets, and only new ones follow it: `equigen split --reshuffle` deals all"
    " of them anew"
)


def run(
    context: Context,
    *,
    link: Annotated[Link, typer.Option(help="How covers get into their sets.")] = Link.COPY,
    reshuffle: Annotated[
        bool, typer.Option("--reshuffle", help="Forget all sets and deal anew.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Prove from the files that nothing is in two sets.")
    ] = False,
) -> Summary:
    """Split the images folder.

    Raises:
        MissingInputError: there are no covers yet, or no dataset that asks for them.
        ConfigError: the split folder and the images folder lie in each other.
        LeakError: with `verify`, something is in two sets.
        EquigenError: as `Dataset.writing` has it.

    """
    images, split, group = context.images, context.split, context.settings.split.group
    refuse_nesting(images, split)
    if verify:
        if reshuffle:
            msg = "--verify changes nothing and --reshuffle changes all: give one of them."
            raise UsageError(msg)
        return prove_none(context)
    needs = Need.COVERS | Need.KNOWN_SETS | Need.NAMES
    if group is not Group.NONE:
        needs |= Need.WHOLE_TSV
    with (
        Dataset.writing(context, "split", needs) as dataset,
        settings_noted(dataset, "split", anew=reshuffle or not _is_sticky(dataset, group)),
    ):
        ledger = dataset.ledger
        if ledger.value(SPLIT_LINK) == Link.MOVE:
            gather(images, split)
        there = cover_states(images)
        last = last_deal(context, ledger, there) if group is not Group.NONE else None
        if last is not None and not reshuffle:
            outcome = last
            ledger.remember(SPLIT_LINK, link)
            plan = lay_out(context, outcome.sets, outcome.sets, link)
        else:
            if group is Group.NONE:
                outcome = dealt_by_library(context, ledger, there)
            else:
                outcome = dealt_by_group(context, ledger, group, there, anew=reshuffle)
                ledger.place(outcome.placements, anew=reshuffle)
            laid_out, sets = ledger.laid_out(), outcome.sets
            # Recorded before the first file moves: after a kill it is known where files may be.
            ledger.remember(SPLIT_LINK, link)
            albums = {row.path: row.album for row in outcome.rows}
            albums |= {
                path: albums[first] for path, first in outcome.links.items() if first in albums
            }
            aside = {row.path: ASIDE for row in outcome.rows if row.set_name == ASIDE}
            under_way = {**laid_out, **sets}
            ledger.record_sets(
                AlbumSet(albums.get(path, ""), path, name) for path, name in under_way.items()
            )
            plan = lay_out(context, sets, laid_out, link)
            if under_way != (dealt := {**sets, **aside}):
                ledger.record_sets(
                    AlbumSet(albums[path], path, name) for path, name in dealt.items()
                )
            columns = _columns(outcome.rows)
            rows = ([of(row) for of in columns.values()] for row in outcome.rows)
            write_tsv(split / SPLIT_TSV, list(columns), rows, keeps_link=False)
            groups = replace(
                outcome.groups,
                deal=mark_of(context, ledger, there),
                of_examples=mark_of_examples(context),
            )
            ledger.remember(SPLIT_GROUPS, json.dumps(asdict(groups)))
        kept = differences(context, ledger, "split")
    return _summary(context, outcome, plan, link, kept)


def _is_sticky(dataset: Dataset, group: Group) -> bool:
    """Tell whether covers that were dealt before stay where they are."""
    return group is not Group.NONE and bool(dataset.ledger.laid_out())


def _columns(rows: Sequence[SplitRow]) -> Mapping[str, Callable[[SplitRow], str]]:
    """Return the columns of `split.tsv` and their cells, of further ones those that have values."""
    columns: dict[str, Callable[[SplitRow], str]] = dict(_COLUMNS)
    if any(len(row.labels) > 1 for row in rows):
        columns["labels"] = lambda row: join_list(row.labels)
    if any(row.set_given for row in rows):
        columns |= {name: attrgetter(name) for name in ("set_given", "leak")}
    return columns


def _summary(
    context: Context, outcome: SplitOutcome, plan: Changes, link: Link, kept: Sequence[Difference]
) -> Summary:
    groups = outcome.groups
    total, *labels = sorted(groups.sizes)
    totals = Counter(groups.sizes[total])
    shown = (*SETS, ASIDE) if totals[ASIDE] else SETS
    furthest = {
        label: _furthest_off(sizes, context.settings.split.ratio)
        for label, sizes in groups.sizes.items()
    }
    by_label: list[tuple[str | int, ...]] = [
        (
            label or "total",
            *(groups.sizes[label].get(name, 0) for name in shown),
            " ".join(f"{name} {points:+.1f}" for name, points in furthest[label].items()),
        )
        for label in (*labels, total)
    ]
    return Summary(
        stage="split",
        unit="covers",
        rows_in=outcome.files,
        rows_out=sum(totals[name] for name in SETS),
        dropped={
            _TIED: len(outcome.aside),
            _NO_ROW: groups.strangers,
            **({_SHARED: outcome.held_back} if outcome.held_back else {}),
            **({_OF_EXAMPLES: kept_out} if (kept_out := len(outcome.examples)) else {}),
        },
        facts={
            "sets": {name: totals[name] for name in SETS},
            "group": groups.group,
            "groups": groups.groups,
            "groups_cut": groups.cut,
            "examples": len(outcome.examples),
            "largest_group_share": groups.largest_share,
            **({"leaks": dict(groups.leaks)} if context.settings.split.keep_sets else {}),
            "furthest_off": {label: furthest[label] for label in labels},
            "link": str(link),
            "added": len(plan.add),
            "removed": len(plan.remove),
            "folder": str(context.split),
        },
        table=Table(("label", *shown, "furthest off"), tuple(by_label)),
        notes=[*_notes(outcome), *(f"{each}; {_STAYS}" for each in kept)],
    )


def _furthest_off(sizes: Mapping[str, int], ratio: Sequence[float]) -> dict[str, float]:
    """Return the set whose share of some albums is furthest from the ratio, in percentage points.

    There is none where no album is in a set.
    """
    count = sum(sizes.get(name, 0) for name in SETS)
    off = {
        name: round(100 * (sizes.get(name, 0) / count - share), 2)
        for name, share in zip(SETS, ratio, strict=True)
        if count
    }
    return {name: off[name] for name in sorted(off, key=lambda name: -abs(off[name]))[:1]}


def _notes(outcome: SplitOutcome) -> Iterator[str]:
    groups = outcome.groups
    yield from notes_on_shared(outcome.shared)
    if leaks := groups.leaks:
        told = ", ".join(f"{count:,} {_LEAKS[kind]}" for kind, count in leaks.items())
        yield f"covers with a given set: {told} (column leak of {SPLIT_TSV})"
    if groups.cut:
        yield (
            f"{groups.cut:,} groups were larger than {LARGEST_SHARE:.0%} of a label (up to"
            f" {groups.largest_cut:.0%}) and were cut at their {groups.loose:,} collaborations"
        )
    if moved := [each for each in outcome.examples if each.was_in in SETS]:
        first = ", ".join(f"{each.path} ({each.was_in})" for each in moved[:_EXAMPLES])
        yield f"{len(moved):,} left their sets, since they show an example now: {first}"
    now = [each for each in outcome.aside if each.was_in != ASIDE]
    for each in sorted(now, key=lambda one: not one.was_in)[:_EXAMPLES]:
        ties = ", ".join(f"{tie} ({name})" for tie, name in each.ties.items())
        was = f" was in {each.was_in}," if each.was_in else ""
        yield f"{each.path}{was} is tied to {ties}: set aside"
    if len(now) > _EXAMPLES:
        yield f"{len(now) - _EXAMPLES:,} more were set aside: see {SPLIT_TSV}"
