"""Keep as many albums of each label, even over decades.

Picks --per-label albums of each label; with min, as many as the smallest label can give.
The decades of a label take turns, and which of their albums they give is drawn by the
seed. With --per-artist, no artist has more albums than that in a label.

The dataset is replaced, or with --output left alone and the kept rows written there.
Raising the number keeps what was picked: in place also when rows came in between, and
with any --seed; with --output of the same rows. docs/balance.md has the rules.

Examples:
  equigen balance --per-label min --output data/balanced.tsv
  equigen balance --per-label 500 --per-artist 3 --dry-run
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

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
from equigen.dataset.covers import dataset_labels
from equigen.dataset.dataset import Dataset, Need
from equigen.dataset.table import map_table, write_without
from equigen.dataset.tsv import reading_tsv
from equigen.errors import UsageError
from equigen.identity.albums import album_key
from equigen.identity.artists import artist_ids, artists_by_credit
from equigen.identity.pictures import picture_key
from equigen.schema import UNKNOWN, by_age, decade_of
from equigen.storage.atomic import check_output
from equigen.summary import Summary, Table

ORDER: Final = 55
SETTINGS: Final = ("balance.per_artist", "balance.seed")

_COLUMNS = ("artist", "album", "genre", "year", "image_url", "album_id", "artist_ids")
_MIN = "min"
_MOST_DIGITS = 9
_EXAMPLES = 3


def run(
    context: Context,
    *,
    per_label: Annotated[
        str,
        typer.Option(
            metavar="N|min",
            help="Albums a label; min: what the smallest can give.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(help="Write the kept rows there; the dataset stays as it is.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be kept; write nothing.")
    ] = False,
) -> Summary:
    """Balance the TSV, in place or into another one; one that is balanced isn't replaced.

    Raises:
        UsageError: no such number, or a file that the kept rows can't be written to.
        EquigenError: as `Dataset.writing` has it; the dataset stays untouched.

    """
    wanted = _number(per_label)
    if output and dry_run:
        msg = "--dry-run writes nothing: leave out --output."
        raise UsageError(msg)
    if output and output.suffix != ".tsv":
        msg = f"--output {output}: expected a name that ends in .tsv."
        raise UsageError(msg)
    if output:
        check_output(output, "--output", context.own_files)
    needs = Need.TSV if output else Need.TSV | Need.KNOWN_COVERS
    with Dataset.writing(context, "balance", needs) as dataset:
        with dataset.reading_ledger() as ledger:
            before = ledger.balanced() if ledger and not output else frozenset[bytes]()
        rows = _read(context, before)
        plan = _balance(rows, wanted, per_artist=context.settings.balance.per_artist)
        if not output and not dry_run:
            # Recorded first: after a kill, the same command ends with the same rows.
            kept = zip(rows.mementos, plan.surplus, strict=True)
            dataset.ledger.record_balanced(album for album, why in kept if why is None)
        if (output or any(plan.surplus)) and not dry_run:
            gone = {at for at, why in enumerate(plan.surplus) if why}
            write_without(context.tsv, gone, output=output)
    return _summary(context, plan, output, dry_run=dry_run)


def _number(per_label: str) -> int | None:
    """Return the number of albums a label; None for as many as the smallest can give."""
    if per_label == _MIN:
        return None
    is_number = per_label.isascii() and per_label.isdecimal() and len(per_label) <= _MOST_DIGITS
    number = int(per_label) if is_number else 0
    if not number:
        msg = (
            f"--per-label {per_label}: expected a whole number from 1 on, such as 500, or {_MIN}"
            " for as many as the smallest label can give."
        )
        raise UsageError(msg)
    return number


@dataclass(slots=True)
class _Rows:
    """The rows of the dataset as candidates, with their labels and mementos, in file order."""

    labels: list[str] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    mementos: list[bytes] = field(default_factory=list)
    was_kept: list[bool] = field(default_factory=list)


class _Label(NamedTuple):
    """A label's number of albums: had, can give, and kept, also by decade."""

    had: int
    can_give: int
    kept: int
    decades: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The reason to drop each row, None to keep it; `smallest` is the label that sets "min"."""

    per_label: int
    smallest: str
    surplus: Sequence[Surplus | None]
    labels: Mapping[str, _Label]


def _read(context: Context, before: Collection[bytes]) -> _Rows:
    rows, credits_ = _Rows(), list[tuple[str, str]]()
    seed, label_of = context.settings.balance.seed, dataset_labels(context)
    with reading_tsv(context.tsv) as tsv:
        columns = tsv.columns
    asked = tuple(dict.fromkeys((*columns, "album_id", "artist_ids")))
    at_artist, at_title, at_genre, at_year, at_url, at_id, at_ids = map(asked.index, _COLUMNS)
    for chunk in map_table(context.tsv, asked, lambda chunk: chunk.frame.rows()):
        for cells in chunk:
            row = cells[: len(columns)]
            artist, title, album_id = row[at_artist], row[at_title], cells[at_id]
            key = album_id or album_key(
                album_id="", artist=artist, title=title, picture=picture_key(row[at_url])
            )
            memento, lot = memento_of(key), lot_of(key, row=row, seed=seed)
            rows.labels.append(label_of(row[at_genre]))
            rows.mementos.append(memento)
            rows.was_kept.append(
                memento in before or (not album_id and old_memento_of(artist, title) in before)
            )
            rows.candidates.append(Candidate(lot, decade_of(row[at_year])))
            credits_.append((artist, cells[at_ids]))
    if context.settings.balance.per_artist:
        artists = artists_by_credit({credit for credit, _ in credits_})
        rows.candidates = [
            each._replace(artists=(*artists[credit], *artist_ids(ids)))
            for each, (credit, ids) in zip(rows.candidates, credits_, strict=True)
        ]
    return rows


def _balance(rows: _Rows, wanted: int | None, *, per_artist: int) -> _Plan:
    positions: defaultdict[str, list[int]] = defaultdict(list)
    for at, label in enumerate(rows.labels):
        positions[label].append(at)
    albums, orders = {}, {}
    for name, there in positions.items():
        albums[name] = [rows.candidates[at] for at in there]
        kept = {n for n, at in enumerate(there) if rows.was_kept[at]}
        orders[name] = in_order(albums[name], per_artist=per_artist, kept=kept)
    smallest = min(orders, key=lambda name: (len(orders[name]), name), default="")
    per_label = wanted or len(orders.get(smallest, ()))
    surplus: list[Surplus | None] = [None] * len(rows.labels)
    labels = {}
    for name in sorted(positions):
        found = balanced(albums[name], orders[name], per_label=per_label, per_artist=per_artist)
        decades = Counter[str]()
        for at, album, why in zip(positions[name], albums[name], found, strict=True):
            surplus[at] = why
            decades[album.decade] += why is None
        by_decade = {decade: decades[decade] for decade in sorted(decades, key=by_age)}
        labels[name] = _Label(len(albums[name]), len(orders[name]), decades.total(), by_decade)
    return _Plan(per_label, "" if wanted else smallest, surplus, labels)


def _summary(context: Context, plan: _Plan, output: Path | None, *, dry_run: bool) -> Summary:
    settings = context.settings.balance
    dropped = Counter(plan.surplus)
    rows_in, rows_out = len(plan.surplus), dropped[None]
    by_label: list[tuple[str | int, ...]] = [
        (name, each.had, each.kept, *_span(each.decades)) for name, each in plan.labels.items()
    ]
    of_artist = f"beyond {settings.per_artist:,} of the artist in the label"
    return Summary(
        stage="balance",
        unit="rows",
        rows_in=rows_in,
        rows_out=rows_out,
        dropped={
            **({of_artist: dropped[Surplus.ARTIST]} if settings.per_artist else {}),
            f"beyond {plan.per_label:,} of the label": dropped[Surplus.LABEL],
        },
        facts={
            "per_label": plan.per_label,
            "per_artist": settings.per_artist,
            "seed": settings.seed,
            "output": str(output or context.tsv),
            "dry_run": dry_run,
            "labels": {name: each._asdict() for name, each in plan.labels.items()},
        },
        table=Table(
            ("label", "had", "kept", "decades", "kept of each"),
            (*by_label, ("total", rows_in, rows_out, "", "")),
        ),
        notes=list(_notes(plan, output, dry_run=dry_run)),
    )


def _span(decades: Mapping[str, int]) -> tuple[str, str]:
    """Return the range of decades that albums are kept from, and the range of their counts."""
    kept = {decade: count for decade, count in decades.items() if count}
    known = [decade for decade in kept if decade != UNKNOWN]
    parts = ["-".join(dict.fromkeys((known[0], known[-1])))] if known else []
    parts += [UNKNOWN] if UNKNOWN in kept else []
    counts = sorted({min(kept.values()), max(kept.values())})
    return ", ".join(parts), "-".join(f"{count:,}" for count in counts)


def _notes(plan: _Plan, output: Path | None, *, dry_run: bool) -> Iterator[str]:
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
    if dry_run:
        yield "nothing was written: --dry-run"
    elif output:
        yield f"the kept rows are in {output}"
    elif any(plan.surplus):
        yield "`equigen fetch` fills the places with other albums, up to its limits"
