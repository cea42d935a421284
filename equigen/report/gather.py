"""Gather what a report shows from the TSV, the ledger and the covers, without changing them."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from equigen.dataset.context import Context
from equigen.dataset.counting import NO_SET, By, facts_now, largest_first
from equigen.dataset.covers import WantedCover, dataset_covers, set_of
from equigen.dataset.dataset import Dataset, Need, check
from equigen.dataset.feature_tables import FeatureTable
from equigen.dataset.made_with import made_with, sizes_made
from equigen.dataset.overlap import Overlap, Pair, overlapping
from equigen.errors import LockedError
from equigen.ledger.ledger import (
    COVERS_COMPARED,
    LAST_FETCH,
    LAST_REFRESH,
    SPLIT_GROUPS,
    SPLIT_LINK,
    Ledger,
)
from equigen.ledger.models import OK, Cover, FileOf
from equigen.ledger.values import SplitGroups, TsvFacts, read_split_groups
from equigen.report.features import gather_features, has_features, hue_order, palettes_of
from equigen.report.page import Findings
from equigen.report.pictures import (
    MOST_PICTURES,
    Figure,
    Sampler,
    ShownAlbum,
    Thumbnails,
    covers_a_label,
)
from equigen.report.tables import Crosstab, HeatMap, SetRow, crosstab, heat_map, set_rows
from equigen.report.tally import Likeness, LookalikeGroup, ReportTally
from equigen.schema import ASIDE, SETS, UNKNOWN, join_list
from equigen.sources.base import licences_of
from equigen.splitting.grouping import LARGEST_SHARE
from equigen.storage.below import open_regular
from equigen.storage.os_errors import translating_read_errors

if TYPE_CHECKING:
    import polars as pl

_BATCH_ROWS = 10_000
_MOST_GROUPS, _MOST_IN_GROUP = 12, 8
_MOST_HUES = 120
# 1860s to 2090s, and unknown: columns of decades are never folded.
_MOST_LABELS, _MOST_DECADES = 100, 25
_MOST_OVERLAPPING = 40
_TRIES = 2


def gather(context: Context, *, covers: int) -> Findings:
    """Return all that a report shows, with `covers` pictures a label at most.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.
        LedgerError: the ledger can't be read.
        LockedError: the dataset changed each time that it was read.

    """
    check(context, Need.TSV)
    dataset = Dataset(context)
    for _ in range(_TRIES):
        sha256 = _sha256(context.tsv)
        with dataset.reading_ledger() as ledger:
            tally = _tally(context, ledger, Sampler(covers))
        if _sha256(context.tsv) == sha256:
            return _findings(dataset, sha256, tally, covers)
    msg = (
        f"{context.tsv}: it changed while it was read, {_TRIES} times. Expected a dataset that"
        " nobody writes to: wait until the other command has ended, then run again."
    )
    raise LockedError(msg)


def _sha256(tsv: Path) -> str:
    with translating_read_errors(tsv), open_regular(tsv) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _findings(dataset: Dataset, sha256: str, tally: ReportTally, covers: int) -> Findings:
    context = dataset.context
    ratio = tally.dealt_ratio or context.settings.split.ratio
    groups = tally.lookalike_groups()
    conflicts = [group for group in groups if len(group.labels) > 1]
    pictures = _pictures(context, tally, groups[:_MOST_GROUPS], covers)
    table = crosstab(tally.cells, By.LABEL, By.DECADE, column_albums=tally.decades)
    sets = set_rows(tally.sets, ratio, albums=tally.in_sets)
    features = gather_features(context, tally.covers)
    with dataset.reading_ledger() as ledger:
        facts = facts_now(context, ledger)
    pairs = overlapping(facts.overlap)
    return Findings(
        name=context.directory.resolve().name,
        made_at=f"{context.now():%Y-%m-%d %H:%M} UTC",
        tally=tally,
        totals=_totals(tally, sets[-1].counts, len(groups), len(conflicts)),
        missing=list(_missing(dataset, tally, sets[-1].counts[NO_SET])),
        heat=heat_map(
            table, most_rows=_MOST_LABELS + 1, most_columns=_MOST_DECADES, others="other labels"
        ),
        overlap=_overlap_map(facts.overlap, pairs),
        pairs=pairs,
        sheets=pictures.sheets,
        hues=pictures.hues,
        features=features,
        groups=groups,
        pictured=pictures.groups,
        conflicts=conflicts,
        torn=sum(len(group.sets) > 1 for group in groups),
        wanted={
            name: f"wanted {100 * share:g}\u00a0%" for name, share in zip(SETS, ratio, strict=True)
        },
        sets=sets,
        sets_notes=list(_on_groups(tally.split, sets[-1])),
        dataset={
            "file": context.tsv.name,
            "SHA-256": sha256,
            "rows": f"{tally.rows:,}",
            **tally.dates,
            **_terms(facts),
        },
        settings=context.settings,
    )


def _terms(facts: TsvFacts) -> dict[str, str]:
    notes = defaultdict[int, list[str]](list)
    for licence, count in licences_of(facts).items():
        notes[count].append(licence)
    return {f"terms of {count:,} rows": " ".join(each) for count, each in notes.items()}


def _overlap_map(overlap: Overlap, pairs: Sequence[Pair]) -> HeatMap:
    """Lay out the labels that overlap, the first `_MOST_OVERLAPPING` of the pairs, as a table."""
    named = dict.fromkeys(name for pair in pairs for name in pair[:2])
    albums = {name: overlap[name][name] for name in list(named)[:_MOST_OVERLAPPING]}
    names = tuple(largest_first(albums))
    counts = tuple(tuple(overlap[one].get(other, 0) for other in names) for one in names)
    table = Crosstab(names, names, counts, tuple(albums[name] for name in names))
    others = (overlap[one].get(other, 0) for one in names for other in names if one != other)
    return HeatMap(table, max(others, default=0))


def _begun(ledger: Ledger | None, sampler: Sampler) -> ReportTally:
    """Return a tally of no rows yet, with the facts of the ledger beyond single covers."""
    if not ledger:
        return ReportTally(sampler)
    groups = ledger.cover_groups()
    likeness: dict[str, Likeness] = {}
    for pair in ledger.cover_pairs():
        if name := groups.get(pair.first):
            known = likeness.get(name, Likeness())
            likeness[name] = known.and_also(pair.distance, pair.likeness)
    return ReportTally(
        sampler,
        has_ledger=True,
        were_compared=bool(groups or ledger.value(COVERS_COMPARED)),
        groups=groups,
        likeness=likeness,
        identical=frozenset(path for paths in ledger.identical_covers() for path in paths),
        split=ledger.read(SPLIT_GROUPS, read_split_groups),
        dealt_ratio=made_with(ledger, "split.ratio") or (),
        dates={
            "last fetch": ledger.value(LAST_FETCH) or "never",
            "last refresh": ledger.value(LAST_REFRESH) or "never",
            **({"covers made as": _listed(sizes)} if (sizes := sizes_made(ledger)) else {}),
            "covers in their sets by": ledger.value(SPLIT_LINK) or "not split yet",
        },
    )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{what}: {count:,}" for what, count in sorted(counts.items()))


def _tally(context: Context, ledger: Ledger | None, sampler: Sampler) -> ReportTally:
    tally = _begun(ledger, sampler)
    wanted, with_features = dataset_covers(context), has_features(context)
    with context.bar("report", 0, "row") as bar:
        while batch := list(islice(wanted, _BATCH_ROWS)):
            files = [FileOf(row.picture, row.path) for row in batch]
            covers = ledger.covers_at(files) if ledger else {}
            albums = [row.album for row in batch]
            sets = ledger.sets_of(albums, [row.path for row in batch]) if ledger else {}
            for row in batch:
                tally.take(row, covers.get(row.path), set_of(row, sets))
            if with_features:
                tally.covers.append(_labelled(batch, covers))
            bar.advance(len(batch))
    return tally


def _labelled(rows: Sequence[WantedCover], covers: Mapping[str, Cover]) -> "pl.DataFrame":
    """Return the labels of each cover that is there, by sha256."""
    import polars as pl  # noqa: PLC0415

    there = [(row, cover) for row in rows if (cover := covers.get(row.path)) and cover.status == OK]
    return pl.DataFrame(
        {
            "sha256": [cover.sha256 for _, cover in there],
            "labels": [join_list(row.labels) for row, _ in there],
        },
        {"sha256": pl.String, "labels": pl.String},
    )


class _Pictures(NamedTuple):
    """Figures of each label's covers, of some of these by hue, and of groups of look-alikes."""

    sheets: list[tuple[str, list[Figure]]]
    hues: list[Figure]
    groups: list[tuple[LookalikeGroup, list[Figure]]]


def _pictures(
    context: Context, tally: ReportTally, groups: Sequence[LookalikeGroup], covers: int
) -> _Pictures:
    """Draw some covers of each label, some of these by hue, and the first ones of each group."""
    reserved = sum(len(group.albums[:_MOST_IN_GROUP]) for group in groups)
    has_colours = FeatureTable(context.features, "colour").exists()
    reserved += _MOST_HUES if has_colours and covers else 0
    labels = list(tally.covers_by_label)[: MOST_PICTURES - reserved] if covers else []
    each_label = covers_a_label(covers, labels=len(labels), reserved=reserved)
    samples = {label: tally.sampler.sample(label, each_label) for label in labels}
    hues = _by_hue(context, samples.values()) if has_colours else []
    of_groups = [album for group in groups for album in group.albums[:_MOST_IN_GROUP]]
    expected = sum(map(len, samples.values())) + len(hues) + len(of_groups)
    thumbnails = Thumbnails(context, expected=expected)
    with context.bar("report", expected, "picture") as bar:

        def drawn(album: ShownAlbum, *, is_small: bool = False) -> Figure:
            bar.advance()
            return thumbnails.figure(album, is_small=is_small)

        return _Pictures(
            [(label, list(map(drawn, albums))) for label, albums in samples.items()],
            [drawn(album, is_small=True) for album in hues],
            [(group, list(map(drawn, group.albums[:_MOST_IN_GROUP]))) for group in groups],
        )


def _by_hue(context: Context, samples: Iterable[Sequence[ShownAlbum]]) -> list[ShownAlbum]:
    """Return some of the covers that have colours, by hue; which ones is drawn by lot."""
    albums = {album.sha256: album for sample in samples for album in sample}
    palettes = palettes_of(context, albums)
    drawn = sorted((albums[each] for each in palettes), key=itemgetter(0, 1))[:_MOST_HUES]
    return sorted(drawn, key=lambda album: hue_order(palettes[album.sha256]))


def _totals(
    tally: ReportTally, sets: Mapping[str, int], groups: int, conflicts: int
) -> Mapping[str, str]:
    decades = {decade for _, decade in tally.cells} - {UNKNOWN}
    return {
        "albums": f"{tally.rows:,}",
        "covers": f"{tally.in_sets.total():,}",
        "size of the covers": f"{tally.size_bytes / 1e6:,.1f} MB",
        "labels": f"{len({label for label, _ in tally.cells}):,}",
        "genres": f"{len(tally.genres):,}",
        **({"decades": f"{min(decades)}\u2013{max(decades)}"} if decades else {}),
        **{f"in {name}": f"{sets[name]:,}" for name in SETS},
        **({"set aside": f"{sets[ASIDE]:,}"} if sets[ASIDE] else {}),
        "covers not asked for yet": f"{tally.waiting:,}",
        "covers that failed": f"{tally.causes.total():,}",
        "groups of look-alikes": f"{groups:,}",
        "label conflicts": f"{conflicts:,}",
    }


def _missing(dataset: Dataset, tally: ReportTally, undealt: int) -> Iterator[str]:
    """Yield a line for each part that isn't there yet, with the command that makes it."""
    if not tally.rows:
        yield "The dataset has no rows yet: run `equigen fetch`."
    if not tally.has_ledger:
        command = "repair" if dataset.has_lost_ledger else "download"
        yield (
            f"There is no ledger beside {dataset.context.tsv.name}, so nothing is known of covers"
            f" and sets: run `equigen {command}`."
        )
    elif tally.waiting:
        yield f"{tally.waiting:,} covers were not asked for yet: run `equigen download`."
    if tally.sets and not tally.were_compared:
        yield (
            "Which covers look alike is only known of files of the same bytes: `equigen dedupe"
            " --covers` looks for the others."
        )
    if undealt:
        yield f"{undealt:,} covers are in no set: run `equigen split`."


def _on_groups(split: SplitGroups | None, total: SetRow) -> Iterator[str]:
    """Yield notes of the last split on groups that were too large for a set."""
    if split and split.group == "none":
        yield "Each cover was dealt by itself: artists and look-alikes can be in several sets."
    elif split and split.cut:
        yield (
            f"Groups that were larger than {LARGEST_SHARE:.0%} of a label: {split.cut:,}, the"
            f" largest {split.largest_cut:.1%}. They were cut at their {split.loose:,}"
            f" collaborations. {split.groups:,} groups ({split.group}) are in one set each."
        )
    elif split:
        yield (
            f"{split.groups:,} groups ({split.group}) are in one set each. None was so large,"
            f" more than {LARGEST_SHARE:.0%} of a label, that it was cut at its collaborations."
        )
    elif total.shares:
        yield "An earlier version dealt them: `equigen split` tells which groups were cut."
    kept_out = split.examples if split else 0
    if kept_out:
        yield f"{kept_out:,} albums are in no set, since they are examples or look like one."
    if (aside := total.counts[ASIDE] - kept_out) > 0:
        yield f"{aside:,} albums are set aside, since what they are tied to is in several sets."
