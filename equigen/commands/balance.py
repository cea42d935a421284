"""Keep as many albums of each label, even over decades.

Picks --per-label albums of each label; with min, as many as the smallest label can give.
The decades of a label take turns, and which of their albums they give is drawn by the
seed. With --per-artist, no artist has more albums than that in a label.

What is left out lies in a file beside the dataset, with the reason. A higher number takes
albums back from there, --undo all of them. With --output the dataset is left alone, and
the kept rows are written there. docs/balance.md has the rules.

Examples:
  equigen balance --per-label min
  equigen balance --per-label 500 --per-artist 3 --dry-run
  equigen balance --undo
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from equigen.config.settings import BalanceSettings
from equigen.dataset.balancing import (
    Candidate,
    Surplus,
    balanced,
    in_order,
    lot_of,
    memento_of,
    old_memento_of,
)
from equigen.dataset.context import Context
from equigen.dataset.counting import notes_on_nameless
from equigen.dataset.covers import dataset_labels, each_label, labels_in
from equigen.dataset.dataset import Dataset, Need
from equigen.dataset.made_with import forget_settings, settings_noted
from equigen.dataset.reserve import (
    REASON,
    leave_out,
    map_reserve,
    mend,
    places_in_both,
    rows_of,
    take_all_back,
    take_back,
)
from equigen.dataset.table import map_table, write_without
from equigen.dataset.tsv import reading_tsv
from equigen.errors import UsageError
from equigen.identity.albums import album_key
from equigen.identity.artists import artist_ids, artists_by_credit
from equigen.identity.pictures import picture_key
from equigen.ledger.ledger import Ledger
from equigen.schema import UNKNOWN, by_age, decade_of
from equigen.summary import Summary, Table

if TYPE_CHECKING:
    import polars as pl

ORDER: Final = 55
SETTINGS: Final = ("balance.per_label", "balance.per_artist", "balance.seed")

_COLUMNS = ("genre", "labels", "year", "album_id")
_NAMES = ("artist", "album", "image_url", "album_id")
_BY_BALANCE = "balance: "
_DRY_RUN = "nothing was written: --dry-run"
_EXAMPLES = 3


def run(
    context: Context,
    *,
    output: Annotated[
        Path | None, typer.Option(help="Write the kept rows there; the dataset stays as it is.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be kept; write nothing.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back all rows that balance left out.")
    ] = False,
) -> Summary:
    """Balance the TSV, in place or into another one; one that is balanced isn't replaced.

    Raises:
        UsageError: no number is set, or flags make no sense together, or the kept rows can't be
            written to that file.
        EquigenError: as `Dataset.writing` has it; the dataset stays untouched.

    """
    _check_flags(context, output, dry_run=dry_run, undo=undo)
    needs = Need.TSV if output else Need.TSV | Need.KNOWN_COVERS
    with Dataset.writing(context, "balance", needs) as dataset:
        in_place = not output and not dry_run
        if in_place and context.reserve.exists():
            mend(context, dataset.ledger)
        if undo:
            return _undo(dataset, dry_run=dry_run)
        # None are left where they were mended.
        twice = frozenset[int]() if in_place else frozenset(places_in_both(context))
        with dataset.reading_ledger() as ledger:
            before = ledger.balanced() if ledger and not output else frozenset[bytes]()
            rows = _read(context, before, twice)
            plan = _balance(rows, context.settings.balance)
            unrated = _count_unrated(rows, plan, ledger) if ledger and plan.taken_back else 0
        if in_place:
            with settings_noted(dataset, "balance"):
                # Recorded first: after a kill, the same command ends with the same rows.
                kept = zip(rows.albums, plan.surplus, strict=True)
                dataset.ledger.record_balanced(memento_of(key) for key, why in kept if why is None)
                leave_out(context, dataset.ledger, plan.left_out)
                take_back(context, dataset.ledger, plan.taken_back)
            dataset.note_done("balance")
        elif output:
            _write_to(output, context, plan)
    return _summary(context, plan, output, unrated, dry_run=dry_run)


def _check_flags(context: Context, output: Path | None, *, dry_run: bool, undo: bool) -> None:
    if not undo and not context.settings.balance.per_label:
        msg = (
            "--per-label is missing: expected --per-label N or --per-label min, or a number in the"
            " setting balance.per_label."
        )
        raise UsageError(msg)
    given = [name for name in SETTINGS if name in context.config.by_flag] if undo else []
    if given:
        flag = f"--{given[0].removeprefix('balance.').replace('_', '-')}"
        msg = f"--undo brings all rows back: leave out {flag}."
        raise UsageError(msg)
    if output and (dry_run or undo):
        flag, why = ("--undo", "works in place") if undo else ("--dry-run", "writes nothing")
        msg = f"{flag} {why}: leave out --output."
        raise UsageError(msg)
    if output:
        context.check_tsv_output(output, "--output")


@dataclass(slots=True)
class _Rows:
    """The candidates, with their labels and keys of albums: the TSV's rows in order, then others.

    These are the rows that an earlier balance left out, at their places of the reserve.
    """

    labels: list[tuple[str, ...]] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    albums: list[str] = field(default_factory=list)
    kept_before: set[int] = field(default_factory=set)
    reserve: list[int] = field(default_factory=list)


class _Label(NamedTuple):
    """A label's number of albums: had, can give, and kept, also by decade."""

    had: int
    can_give: int
    kept: int
    decades: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The reason to leave out each row, None to keep it; `smallest` is the label that sets "min".

    `left_out` has the reason by place in the TSV, `taken_back` places of the reserve.
    """

    per_label: int
    smallest: str
    surplus: Sequence[Surplus | None]
    labels: Mapping[str, _Label]
    reasons: Mapping[Surplus, str]
    left_out: Mapping[int, str]
    taken_back: Sequence[int]


def _read(context: Context, before: Collection[bytes], twice: Collection[int]) -> _Rows:
    rows, genres, further, cells = _Rows(), list[str](), list[str](), dict[str, None]()
    seed, bounded = context.settings.balance.seed, context.settings.balance.per_artist > 0
    credits_, decades, decade = list[tuple[str, str]](), list[str](), cache(decade_of)
    columns = (*_COLUMNS, "artist", "artist_ids") if bounded else _COLUMNS
    for frame, places in _each_candidate(context, columns, twice):
        if not places:
            cells |= dict.fromkeys(each_label(frame))
        genres += frame["genre"].to_list()
        further += frame["labels"].to_list()
        decades += map(decade, frame["year"].to_list())
        rows.albums += frame["album_id"].to_list()
        rows.reserve += places
        if bounded:
            credits_ += frame.select("artist", "artist_ids").rows()
    named = cache(partial(labels_in, named=dataset_labels(context, cells)))
    rows.labels += map(named, genres, further)
    if "" in rows.albums:
        _name_others(context, rows, before, twice)
    if before:
        known = (at for at, key in enumerate(rows.albums) if memento_of(key) in before)
        rows.kept_before.update(known)
    lots = [lot_of(key, seed=seed) for key in rows.albums]
    rows.candidates += map(Candidate, lots, decades)
    _tell_repeats_apart(context, rows, twice)
    if bounded:
        artists = artists_by_credit({credit for credit, _ in credits_})
        rows.candidates = [
            each._replace(artists=(*artists[credit], *artist_ids(ids)))
            for each, (credit, ids) in zip(rows.candidates, credits_, strict=True)
        ]
    return rows


def _each_candidate(
    context: Context, columns: Sequence[str], twice: Collection[int]
) -> "Iterator[tuple[pl.DataFrame, list[int]]]":
    """Yield rows to choose from, some at a time, and their places in the reserve if they are there.

    These are the TSV's rows, then those that an earlier balance left out; not those at `twice`.
    """
    for frame in map_table(context.tsv, columns, lambda chunk: chunk.frame):
        yield frame, []
    first = 0
    for frame in map_reserve(context, (*columns, REASON), lambda chunk: chunk.frame):
        ours = frame[REASON].str.starts_with(_BY_BALANCE).arg_true().to_list()
        there = [at for at in ours if first + at not in twice]
        yield frame[there].select(columns), [first + at for at in there]
        first += len(frame)


def _name_others(
    context: Context, rows: _Rows, before: Collection[bytes], twice: Collection[int]
) -> None:
    """Give rows without an album_id the keys of their albums."""
    frames = _each_candidate(context, _NAMES, twice)
    cells = chain.from_iterable(frame.iter_rows() for frame, _ in frames)
    for at, (artist, title, url, album_id) in enumerate(cells):
        if not album_id:
            rows.albums[at] = album_key(
                album_id="", artist=artist, title=title, picture=picture_key(url)
            )
            if before and old_memento_of(artist, title) in before:
                rows.kept_before.add(at)


def _tell_repeats_apart(context: Context, rows: _Rows, twice: Collection[int]) -> None:
    """Give rows of one album lots of their own, by all their cells."""
    if len({*rows.albums}) == len(rows.albums):
        return
    often = Counter(rows.albums)
    with reading_tsv(context.tsv) as tsv:
        columns = tsv.columns
    frames = _each_candidate(context, columns, twice)
    for at, cells in enumerate(chain.from_iterable(frame.iter_rows() for frame, _ in frames)):
        if often[rows.albums[at]] > 1:
            lot = lot_of(rows.albums[at], seed=context.settings.balance.seed, row=cells)
            rows.candidates[at] = rows.candidates[at]._replace(lot=lot)


def _balance(rows: _Rows, settings: BalanceSettings) -> _Plan:
    per_artist = settings.per_artist
    positions: defaultdict[str, list[int]] = defaultdict(list)
    for at, of_row in enumerate(rows.labels):
        for label in of_row:
            positions[label].append(at)
    are_several = sum(map(len, positions.values())) > len(rows.labels)
    albums = {name: [rows.candidates[at] for at in there] for name, there in positions.items()}

    def order(name: str, most: int | None = None) -> list[int]:
        kept = set[int]()
        # The albums that several labels can give hang on the rows alone: one order serves all.
        if rows.kept_before and not are_several:
            kept = {n for n, at in enumerate(positions[name]) if at in rows.kept_before}
        return in_order(albums[name], per_artist=per_artist, kept=kept, most=most)

    # Without a bound, a label can give all of its albums: the first suffice.
    orders = {name: order(name) for name in albums} if per_artist else {}
    can_give = {name: len(orders.get(name, there)) for name, there in positions.items()}
    smallest = min(can_give, key=lambda name: (can_give[name], name), default="")
    is_min = settings.per_label == "min"
    per_label = can_give.get(smallest, 0) if is_min else int(settings.per_label)
    if are_several:
        scarce = sorted(albums, key=lambda name: (can_give[name], name))
        chosen = _chosen_by_several(
            scarce, positions, albums, rows.kept_before, per_label=per_label, per_artist=per_artist
        )
    else:
        orders = orders or {name: order(name, per_label) for name in albums}
        chosen = {name: there[:per_label] for name, there in orders.items()}
    surplus: list[Surplus | None] = [None] * len(rows.labels)
    labels = {}
    for name in sorted(positions):
        kept = chosen[name]
        found = balanced(albums[name], kept, per_label=len(kept), per_artist=per_artist)
        decades = Counter(dict.fromkeys((album.decade for album in albums[name]), 0))
        for at, why in zip(positions[name], found, strict=True):
            surplus[at] = why
        decades.update(albums[name][at].decade for at in kept)
        by_decade = {decade: decades[decade] for decade in sorted(decades, key=by_age)}
        labels[name] = _Label(len(albums[name]), can_give[name], decades.total(), by_decade)
    reasons = {
        Surplus.ARTIST: f"beyond {per_artist:,} of the artist in the label",
        Surplus.LABEL: f"beyond {per_label:,} of the label",
    }
    of_tsv = len(surplus) - len(rows.reserve)
    told = {why: f"{_BY_BALANCE}{reason}" for why, reason in reasons.items()}
    left_out = {at: told[why] for at, why in enumerate(surplus[:of_tsv]) if why}
    of_reserve = zip(rows.reserve, surplus[of_tsv:], strict=True)
    taken_back = [at for at, why in of_reserve if why is None]
    name = smallest if is_min else ""
    return _Plan(per_label, name, surplus, labels, reasons, left_out, taken_back)


def _chosen_by_several(
    names: Sequence[str],
    positions: Mapping[str, Sequence[int]],
    albums: Mapping[str, Sequence[Candidate]],
    before: Container[int],
    *,
    per_label: int,
    per_artist: int,
) -> dict[str, list[int]]:
    """Let labels choose in this order; what earlier ones chose counts for each of its labels.

    A label chooses first of what was kept before. Return the positions in each label of all its
    albums that some label chose.
    """
    chosen = set[int]()
    for name in names:
        there = positions[name]
        had = {n for n, at in enumerate(there) if at in chosen}
        if len(had) < per_label:
            most = None if per_artist else per_label  # a bound may pass over some of them
            kept = {n for n, at in enumerate(there) if at in before}
            order = in_order(albums[name], per_artist=per_artist, had=had, kept=kept, most=most)
            others = (n for n in order if n not in had)
            chosen.update(there[n] for n in islice(others, per_label - len(had)))
    return {name: [n for n, at in enumerate(positions[name]) if at in chosen] for name in names}


def _count_unrated(rows: _Rows, plan: _Plan, ledger: Ledger) -> int:
    """Count the rows that come back and weren't rated, of sources whose other albums were."""
    rated, back = ledger.rated_since(""), {*plan.taken_back}
    sources = {album.partition(":")[0] for album in rated}
    albums = rows.albums[len(rows.albums) - len(rows.reserve) :]
    return sum(
        at in back and album not in rated and album.partition(":")[0] in sources
        for at, album in zip(rows.reserve, albums, strict=True)
    )


def _write_to(output: Path, context: Context, plan: _Plan) -> None:
    """Write the kept rows: those of the TSV, then those that come from the reserve."""
    with reading_tsv(context.tsv) as tsv:
        columns = tsv.columns
    more: Iterable[bytes] = ()
    if plan.taken_back:
        more = rows_of(map_reserve(context, columns, lambda chunk: chunk), plan.taken_back)
    write_without(context.tsv, plan.left_out, output=output, more=more)


def _undo(dataset: Dataset, *, dry_run: bool) -> Summary:
    """Take back all rows that balance left out, and forget what it kept."""
    ledger = None if dry_run else dataset.ledger
    summary = take_all_back(dataset.context, ledger, "balance")
    if dry_run:
        return replace(summary, notes=[*summary.notes, _DRY_RUN])
    dataset.ledger.record_balanced(())
    forget_settings(dataset.ledger, "balance")
    return summary


def _summary(
    context: Context, plan: _Plan, output: Path | None, unrated: int, *, dry_run: bool
) -> Summary:
    settings = context.settings.balance
    counts = Counter(plan.surplus)
    rows_in, rows_out = len(plan.surplus), counts[None]
    by_label: list[tuple[str | int, ...]] = [
        (name, each.had, each.kept, *_span(each.decades)) for name, each in plan.labels.items()
    ]
    return Summary(
        stage="balance",
        unit="rows",
        rows_in=rows_in,
        rows_out=rows_out,
        dropped={
            reason: counts[why]
            for why, reason in plan.reasons.items()
            if why is not Surplus.ARTIST or settings.per_artist
        },
        put_off=tuple(plan.reasons.values()),
        facts={
            "per_label": plan.per_label,
            "per_artist": settings.per_artist,
            "seed": settings.seed,
            "output": str(output or context.tsv),
            "dry_run": dry_run,
            "taken_back": len(plan.taken_back),
            "labels": {name: each._asdict() for name, each in plan.labels.items()},
        },
        table=Table(
            ("label", "had", "kept", "decades", "kept of each"),
            (*by_label, ("total", rows_in, rows_out, "", "")),
        ),
        notes=list(_notes(context, plan, output, unrated, dry_run=dry_run)),
    )


def _span(decades: Mapping[str, int]) -> tuple[str, str]:
    """Return the range of decades that albums are kept from, and the range of their counts."""
    kept = {decade: count for decade, count in decades.items() if count}
    known = [decade for decade in kept if decade != UNKNOWN]
    parts = ["-".join(dict.fromkeys((known[0], known[-1])))] if known else []
    parts += [UNKNOWN] if UNKNOWN in kept else []
    counts = sorted({min(kept.values()), max(kept.values())})
    return ", ".join(parts), "-".join(f"{count:,}" for count in counts)


def _notes(
    context: Context, plan: _Plan, output: Path | None, unrated: int, *, dry_run: bool
) -> Iterator[str]:
    yield from notes_on_nameless({name: each.had for name, each in plan.labels.items()})
    if plan.smallest:
        yield f"{plan.per_label:,} of each label: {plan.smallest} can give no more"
    short = [name for name, each in plan.labels.items() if each.kept < plan.per_label]
    short.sort(key=lambda name: plan.labels[name].kept)
    if short:
        named = ", ".join(f"{name} {plan.labels[name].kept:,}" for name in short[:_EXAMPLES])
        more = f" and {len(short) - _EXAMPLES:,} more" if len(short) > _EXAMPLES else ""
        yield (
            f"{len(short):,} of {len(plan.labels):,} labels can give less than"
            f" {plan.per_label:,}: {named}{more}"
        )
    if above := [
        f"{n} {each.kept:,}" for n, each in plan.labels.items() if each.kept > plan.per_label
    ]:
        yield f"more than {plan.per_label:,}: {', '.join(above)}, by albums of other labels"
    if plan.taken_back:
        yield f"{len(plan.taken_back):,} of the rows come back from {context.reserve.name}"
    if unrated:
        yield f"{unrated:,} of the rows that come back have no rating yet: `equigen rate`"
    if dry_run:
        yield _DRY_RUN
    elif output:
        yield f"the kept rows are in {output}"
    elif any(plan.surplus):
        yield (
            f"what is left out is in {context.reserve.name}: `equigen balance --undo` brings it"
            " back"
        )
