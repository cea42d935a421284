"""The dataset as an object: the one door to its TSV, its ledger and its covers.

`equigen.open(path)` gives a `Dataset` for reading: it takes no lock and changes nothing. A stage
opens one with `Dataset.writing`, which checks all that the stage needs and takes the lock.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from equigen.dataset.context import SPLIT_TSV, Context
from equigen.dataset.counting import (
    By,
    facts_now,
    in_bins,
    largest_first,
    names_in_order,
    note_facts,
)
from equigen.dataset.covers import WantedCover, dataset_covers, set_of
from equigen.dataset.feature_tables import FeatureTable, Reads
from equigen.dataset.fields import count_fields, feature_fields
from equigen.dataset.layouts import (
    cover_files,
    files_in_sets,
    listed_sets,
    no_covers,
    restore_names,
    was_remembered,
    where_covers_are,
)
from equigen.dataset.overlap import label_sizes
from equigen.dataset.reserve import is_moving, mend, require_reserve
from equigen.dataset.table import read_table, require_whole_tsv
from equigen.dataset.tsv import reading_tsv, require_tsv
from equigen.errors import LedgerError, UsageError
from equigen.ledger.database import has_tables
from equigen.ledger.ledger import LAST_FETCH, SPLIT_LINK, STAGES_DUE, Ledger
from equigen.ledger.models import OK, WAITING, Cover
from equigen.ledger.values import TsvFacts
from equigen.schema import SETS, Link, split_list, year_of
from equigen.storage.lock import dataset_lock

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

# Columns of the TSV whose cells are lists.
LISTS: Final = frozenset(
    (
        "genres", "styles", "formats", "artist_ids", "labels", "also_known_as", "tracks",
        "more_images",
    )
)  # fmt: skip
_MOST_FIELDS = 2
_BATCH_ROWS = 2_000
_STATE = ("status", "reason", "sha256", "size_bytes", "width_px", "height_px", "phash")
_NOT_ASKED_FOR = Cover("", "", WAITING)
# The folders that stages of this process write to: only the outermost stage notes what it left.
_written_here: set[Path] = set()


class Need(Flag):
    """Needs of a stage; `Dataset.writing` checks them before anything is changed."""

    NOTHING = 0
    TSV = auto()  # a TSV with a good header
    TSV_IF_ANY = auto()  # the same, where there is a TSV
    WHOLE_TSV = auto()  # a TSV that can be read to its end
    WHOLE_TSV_IF_ANY = auto()
    COVERS = auto()  # a folder of covers
    KNOWN_COVERS = auto()  # the ledger knows the covers that lie there
    KNOWN_SETS = auto()  # the ledger knows the sets that lie there
    NAMES = auto()  # files have the names that they were written with


@dataclass(frozen=True, slots=True)
class Example:
    """One album with its cover, as a training run takes it.

    `cover` is the picture's file, `labels` the album's classes, `label` first, `set` is "train",
    "val", "test" or "" (in none). `sha256` (hex) is of the file's bytes. `album` has the row's
    cells by column, as in the TSV. `features` has the columns of each feature that was asked for,
    by its name; none where the cover doesn't have it. `key` is the album's: its id, or a digest
    where it has none. `url` is the address that the picture came from, "" where that isn't known;
    sizes are the file's, 0 where unknown.
    """

    cover: Path
    label: str
    labels: tuple[str, ...]
    set: str
    sha256: str
    album: Mapping[str, str]
    features: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    key: str = ""
    url: str = ""
    size_bytes: int = 0
    width_px: int = 0
    height_px: int = 0


class Dataset:
    """A dataset on disk: a TSV with one row an album, a ledger, covers and sets.

    Read it with `equigen.open(path)`; all methods read the files as they are at that moment, so
    that a notebook may keep one open while a stage works.
    """

    def __init__(self, context: Context, stack: ExitStack | None = None) -> None:
        """Make a dataset of a run's surroundings; a stage's `stack` closes what it opens."""
        self.context = context
        self._stack = stack
        self._ledger: Ledger | None = None

    @classmethod
    @contextmanager
    def writing(cls, context: Context, stage: str, needs: Need = Need.NOTHING) -> Iterator[Self]:
        """Hold the dataset's lock, once it has what the stage needs.

        Raises:
            MissingInputError, InputError: there is no TSV or no cover, or the TSV is broken.
            LedgerError: the ledger is lost.
            LockedError: another run is at work.
            StorageError: the folder can't be made or written.

        """
        with ExitStack() as stack:
            if not context.directory.is_dir():
                check(context, needs)  # makes no folder where something lacks
            stack.enter_context(dataset_lock(context.directory, stage=stage, now=context.now()))
            check(context, needs)
            if Need.NAMES in needs:
                restore_names(context)
            dataset, here = cls(context, stack), context.directory.resolve()
            if is_outermost := here not in _written_here:
                _written_here.add(here)
                stack.callback(_written_here.discard, here)
                dataset._mend_reserve()
            yield dataset
            # A repair that finds nothing wrong changes nothing.
            if is_outermost and stage != "repair":
                note_facts(context, dataset._ledger)

    @property
    def ledger(self) -> Ledger:
        """The ledger, open for writing from its first use to the end of the stage.

        Raises:
            LedgerError: it is damaged, or of a newer version.
            UsageError: the dataset was opened for reading.

        """
        if self._ledger is None:
            if self._stack is None:
                msg = f"{self.path}: opened for reading; the ledger is written by stages alone."
                raise UsageError(msg)
            self._ledger = self._stack.enter_context(Ledger(self.context.ledger))
        return self._ledger

    @contextmanager
    def reading_ledger(self) -> Iterator[Ledger | None]:
        """Open the ledger for reading, or give the one that is open; None where there is none.

        Raises:
            LedgerError: it is damaged, or of a newer version.

        """
        path = self.context.ledger
        # An empty file beside covers or sets is a lost ledger, and opening it says so.
        if self._ledger or not path.exists():
            yield self._ledger
        elif has_tables(path) or are_covers_there(self.context):
            with Ledger(path, read_only=True) as ledger:
                yield ledger
        else:
            yield None

    def note_done(self, stage: str) -> None:
        """Note that a stage has seen all rows that are there."""
        if not has_tables(self.context.ledger):
            return
        with suppress(LedgerError):  # one that is damaged is told by the stages that need it
            due = self.ledger.value(STAGES_DUE).split()
            if stage in due:
                self.ledger.remember(STAGES_DUE, " ".join(each for each in due if each != stage))

    def _mend_reserve(self) -> None:
        """Take up a move of rows into the reserve or back, where a process was killed amid it."""
        if not (self.context.reserve.exists() and has_tables(self.context.ledger)):
            return
        with suppress(LedgerError):  # a stage that needs the ledger says what is wrong with it
            with self.reading_ledger() as ledger:
                was_killed = is_moving(ledger)
            if was_killed:
                mend(self.context, self.ledger)

    @property
    def has_lost_ledger(self) -> bool:
        """Whether covers lie here that the ledger doesn't know, since it was lost.

        Raises:
            LedgerError: it can't be read.
            InputError: the TSV is broken.

        """
        # Files first, then the ledger: a download records a cover before it stores the file.
        return are_covers_there(self.context) and (
            not has_tables(self.context.ledger) or _was_begun_anew(self.context)
        )

    # Read

    @property
    def path(self) -> Path:
        """The dataset's folder."""
        return self.context.directory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: each method closes what it opens."""

    def __repr__(self) -> str:
        """Show where the dataset lies."""
        return f"Dataset({str(self.path)!r})"

    def albums(self, *, features: Iterable[str] = ()) -> "pd.DataFrame":
        """Return one row an album, in file order, with the TSV's columns, and those of features.

        `year` and `album_index` are nullable integers (Int64; what is no number is <NA>), `genres`,
        `styles`, `formats`, `artist_ids` and `labels` lists of text; all other cells are text as it
        stands in the file, so that "NA", "None" and "007" stay what they are, and an empty cell is
        "".

        `features` are the names of features. Their columns are called "colour.brightness", and
        those in structs "colour.mean.red", as `pandas.json_normalize` has it; lists are lists, of
        dicts where they are of structs. Numbers are floats or Int64, truths boolean. What an album
        doesn't have is missing (NaN, <NA> or None).

        Raises:
            MissingInputError, InputError: there is no TSV, or it is broken; or a feature's table.
            LedgerError: the ledger can't be read.

        """
        import pandas as pd  # noqa: PLC0415  (heavy, and no stage needs it)

        with reading_tsv(self.context.tsv) as tsv:
            columns = tsv.columns
        table = read_table(self.context.tsv, columns)
        cells = {name: _column(name, table[name].to_list()) for name in columns}
        names = [features] if isinstance(features, str) else list(dict.fromkeys(features))
        with self.reading_ledger() as ledger:
            found = feature_fields(self.context, ledger, names, lists=True)
        return pd.DataFrame(cells | {each.name: _of_feature(each) for each in found})

    def covers(self) -> "pd.DataFrame":
        """Return one row an album, in file order: its cover, its label and its set.

        Columns: `album_id`, `artist`, `album`, `genre` (the TSV's cell), `label` (the class, or the
        first of several), `labels` (all of them, a list), `set` ("" in none), `path` (the file, ""
        where there is none), `status` ("ok", "missing", "refused", "broken", "failed" or
        "waiting"), `reason`, `sha256`, `size_bytes`, `width_px`, `height_px` and `phash`.

        Raises:
            MissingInputError, InputError: there is no TSV, or it is broken.
            LedgerError: the ledger can't be read.

        """
        import pandas as pd  # noqa: PLC0415

        columns = [
            "album_id", "artist", "album", "genre", "label", "labels", "set", "path", *_STATE,
        ]  # fmt: skip
        state = attrgetter(*_STATE)
        rows = [
            (
                row.album_id, row.artist, row.title, row.genre, row.label, list(row.labels), name,
                file,
                *state(cover or _NOT_ASKED_FOR),
            )
            for row, cover, file, name in self.shown()
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    def features(self, name: str) -> "pd.DataFrame":
        """Return the table of a feature such as "colour": one row a cover, in order of `sha256`.

        Columns: `sha256` of the file's bytes, `version`, `reason` ("", or why the cover doesn't
        have the feature), then those that `equigen features list` shows. Lists and structs are
        lists and dicts, numbers are floats or Int64, truths boolean. Join it with `covers()` by
        `sha256`. A feature of albums, such as "audio", has `album_id` in the place of `sha256`.

        Raises:
            MissingInputError: it wasn't computed.
            InputError: the table is broken.

        """
        import pandas as pd  # noqa: PLC0415

        table = FeatureTable(self.context.features, name).read()
        return pd.DataFrame({each.name: _of_feature(each) for each in table})

    def nearest(self, of: str, count: int = 12) -> "pd.DataFrame":
        """Return the covers most alike one, by the cosine of their embeddings, most alike first.

        `of` is an `album_id`, or the sha256 of a cover. Columns: `similarity` (1: the same
        direction), `album_id`, `artist`, `album`, `label`, `set`, `sha256`. A cover that several
        albums have is there once, with the first of them.

        Raises:
            UsageError: no album with a cover has that id.
            MissingInputError: the cover has no embedding, or there is no table.
            InputError: the table or the TSV is broken.

        """
        import pandas as pd  # noqa: PLC0415

        known: dict[str, Example] = {}
        own = ""
        for each in self.examples():
            known.setdefault(each.sha256, each)
            if of in (each.album.get("album_id", ""), each.sha256):
                own = own or each.sha256
        if not own:
            msg = f"{of}: no album with a cover has this id. Expected one such as discogs:m123."
            raise UsageError(msg)
        found = FeatureTable(self.context.features, "embedding").nearest(own, known, count)
        rows = [
            (
                similarity, each.album.get("album_id", ""), each.album["artist"],
                each.album["album"], each.label, each.set, sha256,
            )
            for sha256, similarity in found
            for each in (known[sha256],)
        ]  # fmt: skip
        columns = ["similarity", "album_id", "artist", "album", "label", "set", "sha256"]
        return pd.DataFrame(rows, columns=columns)

    def examples(
        self,
        set: str | None = None,  # noqa: A002  (the field's word)
        *,
        features: Iterable[str] = (),
    ) -> Iterator[Example]:
        """Yield the albums whose covers are there, in file order.

        `set` is "train", "val" or "test"; without it, all albums with a cover are given. `features`
        are the names of those that each is to have.

        Raises:
            UsageError: there is no such set.
            MissingInputError, InputError: there is no TSV, or it is broken; or a feature's table.
            LedgerError: the ledger can't be read.

        """
        if set is not None and set not in SETS:
            msg = f"examples: there is no set {set!r}; expected one of: {', '.join(SETS)}."
            raise UsageError(msg)
        names = [features] if isinstance(features, str) else features
        reads = {name: FeatureTable(self.context.features, name).reader() for name in names}
        return self._examples(set, reads)

    def _examples(self, wanted: str | None, reads: Mapping[str, Reads]) -> Iterator[Example]:
        for each in self.rows():
            if each.sha256 and (wanted is None or each.set == wanted):
                album_id = each.album.get("album_id", "")
                found = {name: read(each.sha256, album_id) for name, read in reads.items()}
                yield replace(each, features=found) if found else each

    def rows(self) -> Iterator[Example]:
        """Yield all albums as `examples` does, also those without a cover, whose `sha256` is "".

        Raises:
            MissingInputError, InputError: there is no TSV, or it is broken.
            LedgerError: the ledger can't be read.

        """
        with reading_tsv(self.context.tsv) as tsv:
            for cells, (row, cover, file, name) in zip(tsv, self.shown(), strict=True):
                album, is_there = dict(zip(tsv.columns, cells, strict=True)), bool(file and cover)
                state = cover if is_there and cover else _NOT_ASKED_FOR
                yield Example(
                    Path(file), row.label, row.labels, name, state.sha256, album, {},
                    row.album, state.url, state.size_bytes, state.width_px, state.height_px,
                )  # fmt: skip

    @property
    def sets(self) -> Mapping[str, int]:
        """The number of covers that are there in each set: train, val and test.

        Raises:
            MissingInputError, InputError: there is no TSV, or it is broken.
            LedgerError: the ledger can't be read.

        """
        return _by_set(self._facts())

    def counts(self, by: str | Iterable[str] = "label") -> "pd.Series[int] | pd.DataFrame":
        """Count albums by one field (a Series, largest first) or two (a DataFrame).

        Fields: label, genre, decade, year, country, artist, set, style, format, each column that
        `equigen select --columns` lists, and fields of computed features, such as
        "colour.brightness". Numbers count in round bins, in their order. What has no value is
        "unknown", an album without a set "in no set". An album of several labels, styles or formats
        counts for each of them.

        Raises:
            UsageError: no such field, or more than two.
            MissingInputError, InputError: there is no TSV, or it is broken.
            LedgerError: the ledger can't be read.

        """
        import pandas as pd  # noqa: PLC0415

        fields = [by] if isinstance(by, str) else list(by)
        if not 1 <= len(fields) <= _MOST_FIELDS:
            msg = f"counts: expected one or two fields, got {len(fields)}."
            raise UsageError(msg)
        with self.reading_ledger() as ledger:
            found = count_fields(self.context, ledger, fields).found
        if len(fields) == 1:
            counts = {name: count for (name,), count in found.items()}
            in_order = [] if fields[0] in {*By} else in_bins(counts)
            names = pd.Index(in_order or largest_first(counts), name=fields[0], dtype=object)
            return pd.Series(counts, names, dtype="int64", name="count")
        rows, columns = (
            pd.Index(names, name=field, dtype=object)
            for field, names in zip(fields, names_in_order(found.items(), fields), strict=True)
        )
        cells = [[found[row, column] for column in columns] for row in rows]
        return pd.DataFrame(cells, rows, columns, dtype="int64")

    def summary(self) -> dict[str, object]:
        """Return the dataset's figures: rows, albums a label, covers by state, covers a set.

        An album of several labels counts for each of them.

        Raises:
            MissingInputError, InputError: there is no TSV, or it is broken.
            LedgerError: the ledger can't be read.

        """
        facts, states = self._facts(), Counter[str]()
        labels = label_sizes(facts.overlap)
        for group in facts.groups:
            states[group.status] += group.rows
        with self.reading_ledger() as ledger:
            last_fetch = ledger.value(LAST_FETCH) if ledger else ""
        return {
            "directory": str(self.path),
            "rows": sum(facts.genres.values()),
            "labels": {name: labels[name] for name in largest_first(labels)},
            "covers": {name: states[name] for name in largest_first(states)},
            "sets": _by_set(facts),
            "last_fetch": last_fetch or None,
        }

    def _facts(self) -> TsvFacts:
        require_tsv(self.context.tsv)
        with self.reading_ledger() as ledger:
            return facts_now(self.context, ledger)

    def shown(self) -> Iterator[tuple[WantedCover, Cover | None, str, str]]:
        """Yield each row, what the ledger knows of its cover, the cover's file, and its set.

        Raises:
            MissingInputError, InputError: there is no TSV, or it is broken.
            LedgerError: the ledger can't be read.

        """
        there, left = where_covers_are(self.context), dataset_covers(self.context)
        with self.reading_ledger() as ledger:
            # Of a million covers, some at a time are Python's objects.
            while batch := list(islice(left, _BATCH_ROWS)):
                known = ledger.covers_of(row.picture for row in batch) if ledger else {}
                shown = ledger.files_of(known) if ledger else {}
                albums, files = zip(*((row.album, row.path) for row in batch), strict=True)
                sets = ledger.sets_of(albums, files) if ledger else {}
                for row in batch:
                    cover, file = known.get(row.picture), ""
                    paths = [path for path in shown.get(row.picture, ()) if path in there]
                    if paths and cover and cover.status == OK:
                        file = str(there[row.path if row.path in paths else paths[0]])
                    name = set_of(row, sets)
                    yield row, cover, file, name if name in SETS else ""


def _by_set(facts: TsvFacts) -> dict[str, int]:
    good = [each for each in facts.groups if each.status == OK]
    return {name: sum(each.rows for each in good if each.set_name == name) for name in SETS}


def check(context: Context, needs: Need) -> None:
    """Check, before anything is changed, that a dataset has what a stage needs.

    Raises:
        MissingInputError, InputError: there is no TSV or no cover, or the TSV is broken.
        LedgerError: the ledger is lost.

    """
    if Need.COVERS in needs and not context.images.is_dir():
        raise no_covers(context.images)
    if Need.KNOWN_SETS in needs:
        _refuse_lost_sets(context)
    has_tsv = context.tsv.exists()
    if Need.WHOLE_TSV in needs or (Need.WHOLE_TSV_IF_ANY in needs and has_tsv):
        require_whole_tsv(context.tsv)
        require_reserve(context, whole=True)
    elif Need.TSV in needs or (Need.TSV_IF_ANY in needs and has_tsv):
        require_tsv(context.tsv)
        require_reserve(context, whole=False)
    if Need.KNOWN_COVERS in needs and Dataset(context).has_lost_ledger:
        why = f"covers lie in {context.directory}; without it they would all be fetched again"
        raise _lost(context, why, context.images, context.split)


def are_covers_there(context: Context) -> bool:
    """Return whether there are covers, in the images folder or in sets, or a split.tsv."""
    there = chain(cover_files(context.images), files_in_sets(context.split))
    return any(True for _ in there) or (context.split / SPLIT_TSV).is_file()


def _refuse_lost_sets(context: Context) -> None:
    """Refuse a lost ledger where split.tsv shows that it knew the sets: albums would change theirs.

    Covers of other tools may be split without a ledger, and so may sets of `--group none`, which
    the ledger doesn't hold.

    Raises:
        LedgerError: there is none.

    """
    if has_tables(context.ledger):
        return
    table = context.split / SPLIT_TSV
    if table.is_file() and any(map(was_remembered, listed_sets(context.split))):
        why = f"{table} has its sets; without it albums would change theirs"
        raise _lost(context, why, context.split)


def _was_begun_anew(context: Context) -> bool:
    """Return whether the ledger knows no cover at all, though rows' covers lie in their places."""
    if not context.tsv.exists():
        return False
    with Ledger(context.ledger, read_only=True) as ledger:
        if ledger.knows_covers():
            return False
        moved = SETS if ledger.value(SPLIT_LINK) == Link.MOVE else ()
    folders = [context.images, *(context.split / name for name in moved)]
    rows = dataset_covers(context)
    return any(
        (folder / path).is_file() for row in rows for path in row.everywhere for folder in folders
    )


def _lost(context: Context, why: str, *in_the_way: Path) -> LedgerError:
    state = "is missing"
    if context.ledger.exists():
        is_empty = not has_tables(context.ledger)
        state = "is empty" if is_empty else "was begun anew and knows no cover"
    way = (
        "Run `equigen repair`, which builds it anew from its last good copy and the files."
        if context.tsv.exists()
        else f"{context.tsv.name}, of which it could be built anew, is missing as well: put a copy"
        " of that back, then run `equigen repair`."
    )
    msg = (
        f"{context.ledger}: the ledger {state}, and {why}. {way} To begin anew, move"
        f" {' and '.join(map(str, in_the_way))} away."
    )
    return LedgerError(msg)


def _of_feature(values: "pl.Series") -> "pd.Series[Any]":
    import pandas as pd  # noqa: PLC0415

    kind = values.dtype
    if kind.is_float():
        return pd.Series(values.to_numpy())
    named = "Int64" if kind.is_integer() else {"Boolean": "boolean", "String": "str"}.get(str(kind))
    return pd.Series(values.to_list(), dtype=named or object)


def _column(name: str, cells: Iterable[str]) -> "pd.Series[Any]":
    import pandas as pd  # noqa: PLC0415

    if name == "year":
        return pd.Series([year_of(cell) for cell in cells], dtype="Int64")
    if name == "album_index":
        numbers = (int(cell) if cell.isascii() and cell.isdecimal() else None for cell in cells)
        return pd.Series(list(numbers), dtype="Int64")
    if name in LISTS:
        return pd.Series([list(split_list(cell)) for cell in cells], dtype=object)
    return pd.Series(list(cells), dtype="str")
