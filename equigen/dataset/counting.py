"""Count the albums of a TSV: by their fields, and by what became of their covers.

Whole columns are read and joined with what the ledger knows. The covers' counts are noted at the
end of a stage, so that `status` needs neither the TSV nor the covers while nothing changes.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from enum import StrEnum
from functools import cache
from itertools import chain, groupby, islice, product
from json import dumps, loads
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from equigen.dataset.context import Context
from equigen.dataset.covers import (
    COLUMNS,
    NAMELESS,
    dataset_labels,
    folder_name,
    labels_in,
    wanted_by,
)
from equigen.dataset.layouts import cover_files
from equigen.dataset.overlap import Overlap, overlap_of, rules_mark
from equigen.dataset.table import BLOCK_BYTES, map_table, stamp_of
from equigen.errors import EquigenError
from equigen.labels.taxonomy import Query
from equigen.ledger.database import CHANGED, has_tables
from equigen.ledger.ledger import MADE_WITH, SPLIT_LINK, TSV_FACTS, Ledger
from equigen.ledger.models import GONE, OK, WAITING
from equigen.ledger.values import CoverGroup, TsvFacts, read_by_name, read_tsv_facts
from equigen.schema import (
    ASIDE,
    SETS,
    UNKNOWN,
    Link,
    by_age,
    decade_of,
    split_list,
    year_of,
)
from equigen.storage.below import folders_below
from equigen.storage.os_errors import translating_read_errors

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    import polars as pl

    from equigen.dataset.table_reader import Chunk

NO_SET: Final = "in no set"
_SETS: Final = (*SETS, ASIDE, NO_SET)
_BATCH: Final = 5_000
# Up to this share of all, to look pictures up takes less time than to read all.
_FEW: Final = 1 / 4
_FEWEST_LABELS: Final = 2
_EXAMPLES: Final = 5
# Up to here, labels are about as even as what hosts have of their covers.
_EVEN_RATIO: Final = 1.5


class By(StrEnum):
    """Fields that need no features: `label` is the folder, `genre` the TSV's cell."""

    LABEL = "label"
    GENRE = "genre"
    DECADE = "decade"
    YEAR = "year"
    COUNTRY = "country"
    ARTIST = "artist"
    SET = "set"


# The names of bins, as `fields.py` gives them.
_BIN: Final = re.compile(r"(?P<below>below )?(?P<from>-?[0-9]+(\.[0-9]+)?)( to \S+| and more)?")
# The column that tells each field, where it isn't called so.
_LABELS: Final = "labels"
_COLUMN_OF: Final = {By.LABEL: "genre", By.DECADE: "year", By.SET: "set_name"}


def natural_order(by: str, counts: Mapping[str, int]) -> list[str]:
    """Return the names in an order that fits them: years by age, sets from train on, bins upwards.

    Other fields are ordered by `largest_first`.
    """
    match by:
        case By.DECADE | By.YEAR:
            return sorted(counts, key=by_age)
        case By.SET:
            return sorted(counts, key=_SETS.index)
        case _:
            return in_bins(counts) or largest_first(counts)


def in_bins(counts: Mapping[str, int]) -> list[str]:
    """Return the names of bins upwards, the unknown last; nothing where others are among them."""
    found = {name: _BIN.fullmatch(name) for name in counts if name != UNKNOWN}
    starts = {
        name: (float(bin_["from"]), not bin_["below"]) for name, bin_ in found.items() if bin_
    }
    if not starts or len(starts) < len(found):
        return []
    return sorted(counts, key=lambda name: starts.get(name, (math.inf, True)))


def largest_first(counts: Mapping[str, int]) -> list[str]:
    """Return the names by falling count, equal ones by name."""
    return sorted(counts, key=lambda name: (-counts[name], name))


def count_labels(context: Context) -> Counter[str]:
    """Return the number of albums of each label; one of several labels counts for each.

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken.

    """
    found = count_albums(context, None, [By.LABEL]).found
    return Counter({name: count for (name,), count in found.items()})


def evenness(labels: Mapping[str, int]) -> Mapping[str, float]:
    """Return, for JSON, the sizes of the smallest and the largest label, and how far they differ.

    Nothing for fewer than two labels.
    """
    if len(labels) < _FEWEST_LABELS:
        return {}
    least, most = min(labels.values()), max(labels.values())
    return {"labels": len(labels), "least": least, "most": most, "ratio": round(most / least, 2)}


def notes_on_labels(context: Context, labels: Mapping[str, int]) -> Iterator[str]:
    """Yield what is to be known of the sizes of labels; the last line is on their evenness."""
    yield from notes_on_nameless(labels)
    if found := evenness(labels):
        least, most = found["least"], found["most"]
        advice = ""
        if most > _EVEN_RATIO * least:
            advice = ": `equigen balance --per-label min`"
            if _is_as_even_as_can_be(context, least):
                advice = ", as even as albums of several labels allow"
        apart = f"{least:,} to {most:,} albums, {most / least:.1f} to 1{advice}"
        yield f"classes: {apart}" if most > least else f"classes: {most:,} albums each"


def _is_as_even_as_can_be(context: Context, least: float) -> bool:
    """Tell whether albums of several labels were balanced, to no more than the smallest has."""
    with suppress(EquigenError):
        if not has_tables(context.ledger):
            return False
        with Ledger(context.ledger, read_only=True) as ledger:
            per_label = (ledger.read(MADE_WITH, read_by_name) or {}).get("balance.per_label")
        if per_label == "min" or (isinstance(per_label, int) and 0 < per_label <= least):
            return any(map_table(context.tsv, [_LABELS], _has_several))
    return False


def _has_several(chunk: "Chunk") -> bool:
    return bool(chunk.frame[_LABELS].str.contains("|", literal=True).any())


def notes_on_empty(queries: Iterable[Query], labels: Mapping[str, int]) -> Iterator[str]:
    """Yield a line where some of the labels of queries have albums, and others have none."""
    chosen = dict.fromkeys(folder_name(query.label) for query in queries if query.limit)
    empty = [name for name in chosen if not labels.get(name)]
    if 0 < len(empty) < len(chosen):
        named = ", ".join(empty[:_EXAMPLES])
        more = f" and {len(empty) - _EXAMPLES:,} more" if len(empty) > _EXAMPLES else ""
        yield f"{len(empty):,} of {len(chosen):,} labels are without an album: {named}{more}"


def notes_on_nameless(labels: Mapping[str, int]) -> Iterator[str]:
    """Yield a line where rows have no genre, by which their label would be named."""
    if nameless := labels.get(NAMELESS, 0):
        one = nameless == 1
        have, their = ("row has", "its") if one else ("rows have", "their")
        yield f"{nameless:,} {have} no genre: {their} class is `{NAMELESS}`"


def names_in_order(
    counts: Iterable[tuple[tuple[str, ...], int]], fields: Sequence[str]
) -> list[list[str]]:
    """Return the values of each field, given counts by them, in their natural order."""
    totals = [Counter[str]() for _ in fields]
    for values, count in counts:
        for value, sums in zip(values, totals, strict=True):
            sums[value] += count
    return [natural_order(by, sums) for by, sums in zip(fields, totals, strict=True)]


def count_genres_and_styles(tsv: Path) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], int]]:
    """Yield the albums' genres and styles, by their source, with a number of albums of them.

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken.

    """
    columns, counts = ["genres", "styles"], Counter[tuple[str, str]]()
    for frame in map_table(tsv, columns, lambda chunk: chunk.frame.group_by(columns).len()):
        for genres, styles, count in frame.iter_rows():
            counts[genres, styles] += count
    for (genres, styles), count in counts.items():
        yield split_list(genres), split_list(styles), count


class Counts(NamedTuple):
    """Numbers of albums by the values of some fields together, by those of each field, and of all.

    An album of several labels, or styles, counts for each of them; but once in the total, and once
    for a value of another field.
    """

    found: Counter[tuple[str, ...]]
    of_each: Sequence[Counter[str]]
    total: int


def count_albums(context: Context, ledger: Ledger | None, fields: Sequence[By]) -> Counts:
    """Count the albums by the values of these fields.

    What has no value is "unknown", an album without a set "in no set".

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken.

    """
    asked = [_COLUMN_OF.get(by, by.value) for by in fields]
    more = [_LABELS] if By.LABEL in fields else []
    columns, named = list(dict.fromkeys([*asked, *more])), cache(dataset_labels(context))
    frames: Iterable[pl.DataFrame]
    if By.SET in fields:
        of_tsv = ["genre", *(name for name in columns if name not in {"genre", "set_name"})]
        rows = rows_with_covers(context, ledger, of_tsv)
        frames = [rows.group_by(columns).len()]
    else:
        frames = map_table(context.tsv, columns, lambda chunk: chunk.frame.group_by(columns).len())
    found, total = Counter[tuple[str, ...]](), 0
    of_each = [Counter[str]() for _ in fields]
    for frame in frames:
        for *cells, count in frame.iter_rows():
            row = dict(zip(columns, cells, strict=True))
            labels = labels_in(row["genre"], row[_LABELS], named) if more else ()
            values = [
                labels if by is By.LABEL else (_told(by, row[name]),)
                for by, name in zip(fields, asked, strict=True)
            ]
            for each in product(*values):
                found[each] += count
            for told, counts in zip(values, of_each, strict=True):
                counts.update(dict.fromkeys(told, count))
            total += count
    return Counts(found, of_each, total)


def _told(by: By, cell: str) -> str:
    match by:
        case By.DECADE:
            return decade_of(cell)
        case By.YEAR:
            return str(year_of(cell) or UNKNOWN)
        case By.SET:
            return cell or NO_SET
        case _:
            return cell or UNKNOWN


def rows_with_covers(  # noqa: PLR0913  (each is a choice of one caller)
    context: Context,
    ledger: Ledger | None,
    columns: Sequence[str],
    *,
    sets: bool = True,
    in_order: bool = False,
    path: Path | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> "pl.DataFrame":
    """Return columns of all rows, and `host` ("" without a picture), `picture` and `set_name`.

    `columns` are some of `covers.COLUMNS`. The last two are as `WantedCover` and `set_of` have
    them, and "" without a ledger, the last one also without `sets`. `in_order` is the file's. The
    rows are those of the TSV, or of another one at `path`.
    """
    import polars as pl  # noqa: PLC0415  (it starts a thread)

    from equigen.identity.columns import picture_hosts, picture_keys  # noqa: PLC0415

    dealt = _frame(["key", "set_name"], ledger.each_set() if ledger and sets else ())
    dealt = dealt.unique("key", keep="last", maintain_order=True)
    paths = dealt.filter(pl.col("key").str.contains("/", literal=True))
    wanted, keys = wanted_by(context), ("picture", "album", "path")

    def look(chunk: "Chunk") -> "pl.DataFrame":
        rows = chunk.frame
        hosts, albums = picture_hosts(rows["image_url"]), rows["album_id"]
        nothing = pl.repeat("", len(rows), eager=True)
        rows = rows.select(columns).with_columns(hosts.alias("host"))
        pictures = picture_keys(chunk.frame["image_url"]) if ledger else nothing
        # The rows whose keys only the exact way tells: few, but in datasets of other tools.
        is_odd = (hosts == "") | ((albums == "") & (not dealt.is_empty())) | (not paths.is_empty())
        at = is_odd.arg_true() if ledger else pl.Series([], dtype=pl.UInt32)
        exact = list(wanted(chunk.frame[at])) if len(at) else []
        for name, known in zip(keys, (pictures, albums, nothing), strict=True):
            values = known.scatter(at, [getattr(each, name) for each in exact]) if exact else known
            rows = rows.with_columns(values.alias(f"{name}_key"))
        return rows

    names = [*columns, "host", *(f"{name}_key" for name in keys)]
    rows = _joined(names, map_table(path or context.tsv, COLUMNS, look, block_bytes=block_bytes))
    for at, found, suffix in (("album_key", dealt, ""), ("path_key", paths, "_of_path")):
        rows = rows.join(
            found,
            left_on=at,
            right_on="key",
            how="left",
            suffix=suffix,
            maintain_order="left" if in_order else None,
        )
    set_name = pl.coalesce("set_name_of_path", "set_name", pl.lit(""))
    return rows.select(*columns, "host", pl.col("picture_key").alias("picture"), set_name=set_name)


def tsv_facts(context: Context, ledger: Ledger | None) -> TsvFacts:
    """Return what can be told of the TSV's rows and their covers.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.
        StorageError: a folder of covers can't be read.

    """
    import polars as pl  # noqa: PLC0415

    stamp, changed = stamp_of(context.tsv), ledger.value(CHANGED) if ledger else ""
    folders = _folder_times(context, ledger)
    known = ledger if ledger and ledger.knows_covers() else None
    rows = rows_with_covers(context, known, ["genre"])
    pictures = rows["picture"].unique()
    states, has_surplus, lacks_files = _frame(["picture", "state"], ()), False, False
    if known:
        there = _files_there(context, known)
        states, has_surplus = _states(known, pictures, there)
        lacks_files = any(hash(path) not in there for path in known.paths_laid_out())
    genres = dict(rows["genre"].value_counts().rows())
    sources, licences = _sources(context.tsv)
    counted = (
        rows.select("picture", "host", "set_name")
        .join(states, on="picture", how="left")
        .group_by(pl.col("state").fill_null(WAITING), "set_name", "host")
        .len()
        .sort(pl.all())
    )
    groups = []
    for state, set_name, host, count in counted.iter_rows():
        known_as = loads(state) if state.startswith("[") else (state, "", 0, "")
        groups.append(CoverGroup._make((*known_as, set_name, host, count)))
    pending = ledger.pending() if ledger else 0
    overlap = {label: dict(counts) for label, counts in overlap_of(context).items()}
    return TsvFacts(
        *stamp, changed, folders, pending, genres, sources, licences, groups, has_surplus,
        lacks_files, rules_mark(context), overlap,
    )  # fmt: skip


def _sources(tsv: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Count the rows of each licence of their own, and the others by their sources."""

    def count(chunk: "Chunk") -> "tuple[pl.Series, pl.Series]":
        own = chunk.frame["licence"]
        source = chunk.frame["album_id"].str.extract("^([^:]*):").fill_null("")
        return source.filter(own == ""), own.filter(own != "")

    sources, licences = Counter[str](), Counter[str]()
    for found in map_table(tsv, ("album_id", "licence"), count):
        for counts, values in zip((sources, licences), found, strict=True):
            counts.update(dict(values.value_counts().rows()))
    return dict(sources), dict(licences)


def _files_there(context: Context, ledger: Ledger) -> "AbstractSet[int]":
    """Return the hash of each cover's path; of a million files, memory holds a number each."""
    return set(map(hash, chain.from_iterable(map(cover_files, _roots(context, ledger)))))


def _states(
    ledger: Ledger, pictures: "pl.Series", there: "AbstractSet[int]"
) -> "tuple[pl.DataFrame, bool]":
    """Return the states of pictures: "ok", "gone" without a file, or as `Ledger.cover_states`.

    Also tell whether there are files of other pictures.
    """
    import polars as pl  # noqa: PLC0415

    asked = pictures.to_list() if len(pictures) < len(there) * _FEW else None
    names = ("picture", "state")
    lacking = list[str]()

    def with_files() -> Iterator[tuple[str, str]]:
        for picture, files in groupby(ledger.shown(asked), key=itemgetter(0)):
            are_there = [hash(path) in there for _, path in files]
            if not all(are_there):
                lacking.append(picture)
            yield picture, OK if any(are_there) else GONE

    every = [_frame(names, rows) for rows in (ledger.cover_states(asked), with_files())]
    ledger.files_of(lacking)  # which refuses paths that no cover has
    states = pl.concat(every).unique("picture", keep="first")
    if asked is None:
        others = states.filter(pl.col("state") == OK).join(pictures.to_frame(), "picture", "anti")
        return states, not others.is_empty()
    wanted = {*asked}
    paths = (path for picture, path in ledger.shown() if picture not in wanted)
    return states, any(hash(path) in there for path in paths)


def _frame(names: Sequence[str], rows: Iterable[Sequence[str]]) -> "pl.DataFrame":
    """Return rows of text as a frame; of a million, few at a time are Python's objects."""
    import polars as pl  # noqa: PLC0415

    def batches() -> "Iterator[pl.DataFrame]":
        left = iter(rows)
        while batch := list(islice(left, _BATCH)):
            yield pl.DataFrame(dict(zip(names, zip(*batch, strict=True), strict=True)))

    return _joined(names, batches())


def _joined(names: Sequence[str], frames: "Iterable[pl.DataFrame]") -> "pl.DataFrame":
    import polars as pl  # noqa: PLC0415

    empty = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return pl.concat([empty, *(frame.select(names) for frame in frames)])


def _roots(context: Context, ledger: Ledger) -> list[Path]:
    """Return the folders that hold the labels' folders of covers."""
    moved = SETS if ledger.value(SPLIT_LINK) == Link.MOVE else ()
    return [context.images, *(context.split / name for name in moved)]


def _folder_times(context: Context, ledger: Ledger | None) -> dict[str, int]:
    """Return when a file was last put into or out of each folder of covers, in ns."""
    times = {}
    for root in _roots(context, ledger) if ledger else ():
        with translating_read_errors(root):
            for folder in (root, *(root / name for name in folders_below(root))):
                with suppress(FileNotFoundError):
                    times[str(folder)] = folder.stat().st_mtime_ns
    return times


def note_facts(context: Context, ledger: Ledger | None) -> None:
    """Note in the ledger, where there is a sound one, what `status` tells of rows and covers.

    What was noted of the files as they are now stays. A ledger or a disk that refuses is let be:
    then `status` counts instead. `ledger` is the one that is open already.
    """
    with suppress(EquigenError):
        if not context.tsv.is_file() or not (ledger or has_tables(context.ledger)):
            return
        with nullcontext(ledger) if ledger else Ledger(context.ledger) as opened:
            if _noted(context, opened) is None:
                opened.remember(TSV_FACTS, dumps(asdict(tsv_facts(context, opened))))


def facts_now(context: Context, ledger: Ledger | None) -> TsvFacts:
    """Return what was noted, or where anything changed since, what can be told now.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.
        StorageError: a folder of covers can't be read.

    """
    return (ledger and _noted(context, ledger)) or tsv_facts(context, ledger)


def overlap_now(context: Context, ledger: Ledger | None) -> Overlap:
    """Return the overlap of labels (`dataset/overlap.py`), as noted where the TSV is as then.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.

    """
    facts = ledger.read(TSV_FACTS, read_tsv_facts) if ledger else None
    if facts and _is_of_rows(facts, context):
        return facts.overlap
    return overlap_of(context)


def _is_of_rows(facts: TsvFacts, context: Context) -> bool:
    """Return whether facts are of the TSV's rows and the rules as they are now."""
    stamp = (facts.size_bytes, facts.mtime_ns, facts.inode)
    return stamp == stamp_of(context.tsv) and facts.rules == rules_mark(context)


def _noted(context: Context, ledger: Ledger) -> TsvFacts | None:
    """Return what was noted, None where it isn't of the TSV, the ledger and the files as now."""
    facts = ledger.read(TSV_FACTS, read_tsv_facts)
    is_of_now = (
        facts
        and _is_of_rows(facts, context)
        and facts.changed == ledger.value(CHANGED)
        and facts.folders == _folder_times(context, ledger)
    )
    return facts if is_of_now else None
