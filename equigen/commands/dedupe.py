"""Drop rows that repeat an album, a picture or a cover.

The first row of each album stays, then the first of each picture, in file order. Rows are one album
that share an id (the row that stays gets those of the others), then those of one artist and title.
Spellings of one artist are one, and capitals and typographic marks don't tell titles apart. Discogs
pictures are told apart by the stable part of their path, since their URLs are signed anew; other
pictures by URL.

With --covers the covers themselves are compared, once they are downloaded: what is the same picture
at another size, in another format, a little cropped, framed or with a sticker on it is one group.
Nothing is dropped unless --drop is given; docs/lookalikes.md has the rules.

Examples:
  equigen dedupe
  equigen dedupe --covers --conflicts conflicts.tsv
  equigen dedupe --covers --drop
"""

import codecs
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from equigen.dataset.context import Context
from equigen.dataset.covers import WantedCover, dataset_covers
from equigen.dataset.dataset import Dataset, Need
from equigen.dataset.layouts import no_covers, where_covers_are
from equigen.dataset.same_albums import ELSEWHERE, same_albums
from equigen.dataset.table import change_cells, map_table, splice, stamp_of, write_without
from equigen.dataset.tsv import write_tsv
from equigen.errors import UsageError
from equigen.identity.albums import joined_tracks
from equigen.ledger.ledger import Ledger
from equigen.neardup.clusters import Copy, conflicts, surplus
from equigen.schema import join_list, split_list
from equigen.storage.os_errors import translating_read_errors
from equigen.summary import Summary, Table, counted

if TYPE_CHECKING:
    import polars as pl

    from equigen.dataset.table_reader import Chunk, Spans
    from equigen.ledger.models import Digest
    from equigen.neardup.search import Lookalikes

ORDER: Final = 40
SETTINGS: Final = ()
_CONFLICT_COLUMNS = (
    "group", "label", "artist", "album", "year", "album_id", "file", "sha256",
)  # fmt: skip
_MOST_SHOWN = 10


def run(
    context: Context,
    *,
    covers: Annotated[
        bool, typer.Option("--covers", help="Compare the covers that are downloaded.")
    ] = False,
    drop: Annotated[
        bool, typer.Option("--drop", help="With --covers: keep the best copy in each label.")
    ] = False,
    conflicts: Annotated[
        Path | None,
        typer.Option(help="With --covers: write here what looks alike in different labels."),
    ] = None,
) -> Summary:
    """Dedupe the TSV in place; one without duplicates is not rewritten.

    Raises:
        UsageError: the flags make no sense together.
        MissingInputError: there are no covers to compare.
        EquigenError: as `Dataset.writing` has it; the TSV stays untouched.

    """
    if not covers and (drop or conflicts):
        msg = "--drop and --conflicts belong to --covers, which is missing. Add --covers."
        raise UsageError(msg)
    if conflicts:
        _check_conflicts(conflicts, context)
    needs = Need.WHOLE_TSV | Need.KNOWN_COVERS | Need.NAMES if covers else Need.TSV
    with Dataset.writing(context, "dedupe", needs) as dataset:
        if covers:
            return _by_covers(dataset, conflicts, drop=drop)
        summary = _by_rows(context)
        dataset.note_done("dedupe")
        return summary


def _by_rows(context: Context) -> Summary:
    import polars as pl  # noqa: PLC0415  (it starts a thread)

    from equigen.dataset.table_reader import removals  # noqa: PLC0415
    from equigen.identity.columns import Duplicate, find_duplicates  # noqa: PLC0415

    again = _join_ids(context.tsv)
    spans: list[Spans] = []
    frames: list[pl.DataFrame] = []
    stamp = stamp_of(context.tsv)
    for span, frame in map_table(context.tsv, ["artist", "album", "image_url"], _with_keys):
        spans.append(span)
        frames.append(frame)
    rows = pl.concat(frames) if frames else pl.DataFrame()
    why = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
    why = why.scatter(again, str(Duplicate.IDS))
    if frames:
        left = why.is_null().arg_true()
        why = why.scatter(left, find_duplicates(rows[left] if again else rows))
    dropped = Counter(why.drop_nulls().to_list())
    if dropped:
        splice(context.tsv, removals(spans, why.is_not_null().arg_true()), since=stamp)
    return Summary(
        stage="dedupe",
        unit="rows",
        rows_in=len(why),
        rows_out=len(why) - dropped.total(),
        dropped=dict(dropped),
    )


def _with_keys(chunk: "Chunk") -> "tuple[Spans, pl.DataFrame]":
    from equigen.identity.columns import shown_pictures, title_keys  # noqa: PLC0415

    titles = title_keys(chunk.frame["album"]).alias("title")
    pictures = shown_pictures(chunk.frame["image_url"]).alias("picture")
    return chunk.spans, chunk.frame.select("artist", titles, pictures)


def _join_ids(tsv: Path) -> list[int]:
    """Give the first row of each album the ids of those that are one with it; return the latter."""
    again, joined = list[int](), dict[tuple[str, ...], tuple[str, str]]()
    for album in same_albums(tsv):
        first = album[0]
        ids = chain.from_iterable((row.album_id, *split_list(row.also_known_as)) for row in album)
        also = dict.fromkeys(each for each in ids if each not in {"", first.album_id})
        tracks = joined_tracks(each for row in album for each in split_list(row.tracks))
        cells = first.album_id, first.also_known_as, first.tracks
        joined[cells] = join_list([*also]), join_list(tracks)
        again += (row.at for row in album[1:])
    if joined:
        change_cells(
            tsv, "album_id", ELSEWHERE, lambda own, cells: joined.get((own, *cells), cells)
        )
    return again


def _check_conflicts(path: Path, context: Context) -> None:
    if path.suffix != ".tsv":
        msg = f"--conflicts {path}: expected a name that ends in .tsv."
        raise UsageError(msg)
    context.check_output(path, "--conflicts")
    with translating_read_errors(path):
        if path.exists() and not _is_conflict_list(path):
            msg = (
                f"--conflicts {path}: there is another file that isn't such a list (its first line"
                " would tell), and it stays. Name another, or remove it first."
            )
            raise UsageError(msg)


def _is_conflict_list(path: Path) -> bool:
    """Return whether a file's first line is the header of a conflict list, with any line end."""
    header = "\t".join(_CONFLICT_COLUMNS).encode()
    if not path.is_file():  # reading a pipe could block
        return False
    with path.open("rb") as file:
        first = file.readline(len(codecs.BOM_UTF8) + len(header) + 2)
    return first.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n") == header


class _Compared(NamedTuple):
    """The rows in groups of look-alikes, out of `rows_in` rows, and the search's result.

    `covers` is how many rows have a cover that was compared.
    """

    rows_in: int
    rows: Mapping[int, WantedCover]
    copies: Sequence[Copy]
    found: "Lookalikes"
    covers: int


def _by_covers(dataset: Dataset, list_to: Path | None, *, drop: bool) -> Summary:
    context = dataset.context
    compared = _compare(context, dataset.ledger)
    at_odds = conflicts(compared.copies)
    if list_to:
        write_tsv(list_to, _CONFLICT_COLUMNS, _conflict_rows(compared.rows, at_odds))
    why = surplus(compared.copies)
    if drop and why:
        write_without(context.tsv, why)
    dropped = Counter(map(str, why.values())) if drop else Counter[str]()
    return _summary(compared, at_odds, dropped, surplus=len(why), list_to=list_to)


def _compare(context: Context, ledger: Ledger) -> _Compared:
    from equigen.neardup.search import find_lookalikes  # noqa: PLC0415  (heavy: rows need none of it)

    files, known = where_covers_are(context), ledger.cover_digests()
    covers: dict[str, Digest] = {}
    asked = Counter(row.path for row in dataset_covers(context))
    for path in asked:
        digest, file = known.get(path), files.get(path)
        # The size that the ledger knows: another file lies there else.
        if digest and file and file.size_bytes() == digest.size_bytes:
            covers[path] = digest
    if not covers:
        raise no_covers(context.images)
    of_files = {digest.sha256: files[path] for path, digest in covers.items()}
    found = find_lookalikes(context, ledger, of_files)
    groups = {path: found.groups.get(each.sha256, each.sha256) for path, each in covers.items()}
    sizes = Counter[str]()
    for path, group in groups.items():
        sizes[group] += asked[path]
    rows = {
        at: row
        for at, row in enumerate(dataset_covers(context))
        if row.path in groups and sizes[groups[row.path]] > 1
    }
    copies = [
        Copy(
            row=at, group=groups[row.path], label=row.all_labels, sha256=covers[row.path].sha256,
            pixels=covers[row.path].pixels, year=row.year,
        )
        for at, row in rows.items()
    ]  # fmt: skip
    return _Compared(asked.total(), rows, copies, found, sizes.total())


def _conflict_rows(
    rows: Mapping[int, WantedCover], groups: Sequence[Sequence[Copy]]
) -> Iterator[list[str]]:
    for group in groups:
        for copy in sorted(group, key=lambda each: (each.label, each.row)):
            row = rows[copy.row]
            yield [copy.group, copy.label, row.artist, row.title, row.year, row.album_id,
                   row.path, copy.sha256]  # fmt: skip


def _summary(
    compared: _Compared,
    at_odds: Sequence[Sequence[Copy]],
    dropped: Counter[str],
    *,
    surplus: int,
    list_to: Path | None,
) -> Summary:
    rows_in, rows, copies, found, covers = compared
    sizes = Counter(copy.group for copy in copies)
    firsts = {copy.group: rows[copy.row] for copy in reversed(copies)}
    largest = [
        (count, f"{firsts[group].artist} - {firsts[group].title}")
        for group, count in sizes.most_common(_MOST_SHOWN)
    ]
    repeats = len(copies) - len(sizes)
    share = f"{repeats / covers:.1%}"
    groups = counted(len(sizes), "groups")
    repeated = f"{repeats:,} of {covers:,} rows ({share}) repeat another"
    notes = [f"{groups} of covers that look alike: {repeated}"]
    if at_odds:
        shown = f": see {list_to}" if list_to else " (`--conflicts FILE.tsv` lists them)"
        groups = "1 group has" if len(at_odds) == 1 else f"{len(at_odds):,} groups have"
        notes.append(f"{groups} copies in different labels{shown}")
    if found.cut:
        notes.append(f"{found.cut:,} pairs look alike but are in no common group: they would chain")
    if dropped:
        notes.append("files of dropped rows are set aside by the next `equigen download`")
    elif surplus:
        notes.append(f"`--drop` would drop {surplus:,} rows")
    return Summary(
        stage="dedupe",
        unit="rows",
        rows_in=rows_in,
        rows_out=rows_in - dropped.total(),
        dropped=dict(dropped),
        facts={
            "covers": covers,
            "compared_pairs": found.compared,
            "pairs_alike": len(found.pairs),
            "groups": len(sizes),
            "in_groups": len(copies),
            "label_conflicts": len(at_odds),
            "pairs_cut": found.cut,
        },
        table=Table(("copies", "first of them"), tuple(largest)) if largest else None,
        notes=notes,
    )
