"""Count albums a label, largest first.

Reads the TSV, or with --images a folder of pictures that has one folder a label. An album of
several labels, styles or formats counts for each of them; totals are albums. --by set also
tells each set's share. --by given twice counts one against the other. --chart draws the counts:
bars, or with two --by a heat map with numbers. A year that isn't from 1860 to 2099 has
an unknown decade. --by also takes each column that `select --columns` lists, and the fields of
computed features, such as colour.brightness; numbers count in round bins.

Examples:
  equigen counts
  equigen counts --by decade --json
  equigen counts --by label --by decade --chart counts.png
  equigen counts --by label --by colour.brightness
  equigen counts --images data/equigen_album_images
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from equigen.dataset.context import Context
from equigen.dataset.counting import (
    By,
    Counts,
    count_labels,
    evenness,
    in_bins,
    largest_first,
    natural_order,
    notes_on_labels,
)
from equigen.dataset.dataset import Dataset
from equigen.dataset.fields import count_fields
from equigen.dataset.layouts import cover_files, files_in_sets
from equigen.errors import MissingInputError, UsageError
from equigen.plugins import completing
from equigen.report.charts import check_chart, draw_bars, draw_heat_map
from equigen.report.tables import crosstab, shares_of_sets
from equigen.schema import PICTURES, SETS
from equigen.summary import Summary, Table

ORDER: Final = 50
SETTINGS: Final = ()

_MOST_FIELDS = 2
_PLURALS: Final = {By.LABEL: "labels", "style": "styles", "format": "formats"}
_Values = tuple[str, ...]


def run(
    context: Context,
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help=f"{', '.join(By)} (label without it), style, format, any column, or a field of a"
            " feature; two: one against the other.",
            autocompletion=completing("equigen.features", "open_feature", *By, "style", "format"),
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Count the pictures of this folder instead.")
    ] = None,
    chart: Annotated[Path | None, typer.Option(help="Draw the counts: .png, .svg or .pdf.")] = None,
) -> Summary:
    """Count while reading, and lay out two fields as a table.

    Raises:
        MissingInputError: there is no TSV, or no such folder.
        UsageError: there is no such field, no such chart can be drawn, or pictures in a folder are
            to be counted by something only the TSV knows.
        StorageError: the chart can't be written.

    """
    fields = _fields(by or [By.LABEL], images)
    if chart:
        check_chart(chart, context)
    if images:
        found = Counter(_folders(images))
        counts, labels = Counts(found, (), found.total()), Counter[str]()
    else:
        with Dataset(context).reading_ledger() as ledger:
            counts = count_fields(context, ledger, fields)
        labels = count_labels(context)
    total = counts.total
    unit = "pictures" if images else "albums"
    title = f"{total:,} {unit} by {' and '.join(fields)}"
    counted = _against(counts, *fields) if len(fields) > 1 else _alone(counts, fields[0], unit)
    several = [
        f"an album counts for each of its {name}: {total:,} albums have {count:,} {name}"
        for field, of_field in zip(fields, counts.of_each, strict=False)
        for name, count in [(_PLURALS.get(field, field), of_field.total())]
        if count > total
    ]
    if chart:
        counted.draw(chart, title)
    return Summary(
        stage="counts",
        done="counted",
        unit=unit,
        rows_in=total,
        rows_out=total,
        facts={
            **counted.facts,
            "total": total,
            "evenness": evenness(labels),
            **({"chart": str(chart)} if chart else {}),
        },
        table=counted.table,
        notes=[
            *counted.notes,
            *several,
            *([f"the chart is in {chart}"] if chart else []),
            *notes_on_labels(context, labels),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """The counts as JSON fields and as a table, and the function that draws them."""

    facts: Mapping[str, object]
    table: Table
    draw: Callable[[Path, str], None]
    notes: Sequence[str] = ()


def _fields(by: Sequence[str], images: Path | None) -> Sequence[str]:
    if images and (unknown := [each for each in by if each != By.LABEL]):
        msg = (
            f"--by {unknown[0]}: a folder of pictures tells only labels. Leave out --images or"
            " --by."
        )
        raise UsageError(msg)
    if len(by) > _MOST_FIELDS or len(set(by)) < len(by):
        given = " ".join(f"--by {each}" for each in by)
        msg = f"{given}: expected one field, or two different ones. Leave out the others."
        raise UsageError(msg)
    return by


def _alone(counted: Counts, by: str, unit: str) -> _Counted:
    counts = {name: count for (name,), count in counted.found.items()}
    in_order = [] if by in {*By} else in_bins(counts)
    counts = {name: counts[name] for name in in_order or largest_first(counts)}
    shares = shares_of_sets(counts)
    percents = {name: f"{share:.1%}" for name, share in shares.items()}

    def draw(path: Path, title: str) -> None:
        ordered = {name: counts[name] for name in natural_order(by, counts)}
        draw_bars(path, ordered, title, behind=percents)

    facts: dict[str, object] = {"by": str(by), "counts": counts}
    table = Table((str(by), unit), (*counts.items(), ("total", counted.total)))
    if by != By.SET:
        return _Counted(facts, table, draw)
    facts["shares"] = {name: round(share, 4) for name, share in shares.items()}
    rows = tuple((*row, f"{percents.get(str(row[0]), ''):>6}") for row in table.rows)
    in_sets = sum(counts.get(name, 0) for name in SETS)
    notes = [f"shares are of the {in_sets:,} albums in sets"] if in_sets else []
    return _Counted(facts, Table((*table.columns, " share"), rows), draw, notes)


def _against(counted: Counts, rows: str, columns: str) -> _Counted:
    cells = {(row, column): count for (row, column), count in counted.found.items()}
    row_albums, column_albums = counted.of_each
    table = crosstab(
        cells, rows, columns,
        row_albums=row_albums, column_albums=column_albums, albums=counted.total,
    )  # fmt: skip
    row_totals, totals = table.row_totals, table.column_totals
    by_row = dict(zip(table.rows, table.counts, strict=True))
    facts = {
        "by": [str(rows), str(columns)],
        "counts": {
            name: dict(zip(table.columns, row, strict=True)) for name, row in by_row.items()
        },
        "totals": {str(rows): row_totals, str(columns): totals},
    }
    shown: list[tuple[str | int, ...]] = [
        (name, *row, row_totals[name]) for name, row in by_row.items()
    ]
    shown.append(("total", *totals.values(), table.total))
    return _Counted(
        facts,
        Table((str(rows), *table.columns, "total"), tuple(shown)),
        lambda path, title: draw_heat_map(path, table, title),
    )


def _folders(images: Path) -> Iterator[_Values]:
    if not images.is_dir():
        msg = f"{images}: no such folder. `equigen download` makes one: run that first."
        raise MissingInputError(msg)
    paths = cover_files(images)
    if {folder.name for folder in images.iterdir() if folder.is_dir()} <= {*SETS}:  # of the sets
        paths = (place.path for place in files_in_sets(images))
    for path in paths:
        if Path(path).suffix.lower() in PICTURES:
            yield (path.rpartition("/")[0],)
