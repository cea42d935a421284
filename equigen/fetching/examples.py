"""Fetch albums by id into the examples."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from equigen.config.settings import Several, taxonomy_of
from equigen.dataset.context import Context
from equigen.dataset.examples import context_of_examples, known_examples
from equigen.dataset.tsv import reading_tsv
from equigen.errors import EquigenError, InputError, MissingInputError, UsageError
from equigen.fetching.by_id import SUCH_IDS, AlbumsById, FoundAlbum
from equigen.fetching.pending import albums_of, write_pending
from equigen.labels.several import labels_matched
from equigen.labels.taxonomy import Query, load_taxonomy
from equigen.ledger.ledger import Ledger
from equigen.output import tell
from equigen.schema import Album
from equigen.sources.base import licence_of
from equigen.storage.below import open_regular
from equigen.storage.os_errors import translating_read_errors
from equigen.summary import Summary

_COLUMN = "album_id"
_HERE, _WRONG, _FAILED = "is an example already", "no album has this id", "left for the next run"


def ids_given(albums: Sequence[str], file: Path | None) -> list[str]:
    """Return the ids of albums as flags give them, then those of a file, each once.

    The file is a TSV with a column `album_id`, or has one id a line; blank lines, and what stands
    behind a "#", count for nothing.

    Raises:
        MissingInputError, InputError: the file isn't there, or can't be read.
        UsageError: there is no id.

    """
    ids = [*albums, *(_ids_in(file) if file else ())]
    ids = list(dict.fromkeys(filter(None, map(str.strip, ids))))
    if not ids:
        msg = f"{file or '--album'}: no id there; expected one such as discogs:m123."
        raise UsageError(msg)
    return ids


def _ids_in(file: Path) -> list[str]:
    if not file.exists():
        msg = f"{file}: no such file; expected one with the id of an album a line, {SUCH_IDS}."
        raise MissingInputError(msg)
    try:
        with translating_read_errors(file), open_regular(file) as opened:
            lines = opened.read().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        msg = f"{file}: expected the id of an album a line, in UTF-8. Save it so."
        raise InputError(msg) from None
    if lines and _COLUMN in lines[0].split("\t"):
        with reading_tsv(file, required=(_COLUMN,)) as rows:
            at = rows.index(_COLUMN)
            return [row[at] for row in rows]
    return [line.partition("#")[0] for line in lines]


@dataclass(slots=True)
class ExampleFetch:
    """One run; `ledger` is that of the examples, `asked` asks their sources."""

    context: Context
    ledger: Ledger
    asked: AlbumsById
    taken: int = 0
    here: int = 0
    _known: set[str] = field(default_factory=set)

    def fetch(self, ids: Sequence[str]) -> Summary:
        """Fetch the albums that are no examples yet; each has its row before the next is asked for.

        Raises:
            UsageError: no album has any of the ids.
            EquigenError: none of the albums could be had.

        """
        write_pending(context_of_examples(self.context), self.ledger)  # of a killed run
        self._known |= known_examples(self.context).ids
        wanted = [each for each in ids if each not in self._known]
        self.here = len(ids) - len(wanted)
        for each in self.asked.find(wanted):
            self._take(each)
        for album_id, why in {**self.asked.wrong, **self.asked.failed}.items():
            tell("album left", f"{why}", album_id=album_id)
        if not (self.taken or self.here or self.asked.left):
            raise self._nothing(ids)
        return self._summary(ids)

    def _take(self, found: FoundAlbum) -> None:
        """Make an album an example, labelled by the first query that it matches, if any."""
        listing, own, asked = found.listing, context_of_examples(self.context), found.asked
        if listing.album_id in self._known:  # that it was merged into
            self.here += 1
            return
        if asked not in {listing.album_id, *listing.also_known_as}:
            listing = replace(listing, also_known_as=(*listing.also_known_as, asked))
        settings = self.context.settings.fetch
        queries = self._queries(found.source)
        matches = (
            each.cell for each in queries if found.fits(each, listing.genres, listing.styles)
        )
        genre, labels = next(matches, ""), tuple[str, ...]()
        if settings.several is Several.MULTI:
            labels = labels_matched(queries, listing.genres, listing.styles, found.fits)
        there = albums_of(own.tsv) if own.tsv.exists() else ()
        last = max((each.album_index for each in there if each.identity.genre == genre), default=0)
        album = Album(listing, last + 1, genre, listing.year, labels)
        self.ledger.use_pages((), taken=[album])
        write_pending(own, self.ledger)
        self._known |= {listing.album_id, *listing.also_known_as}
        self.taken += 1

    def _queries(self, source: str) -> Sequence[Query]:
        """Return the queries of the dataset, or a source's own while there is none."""
        fetch = self.context.settings.fetch
        if "taxonomy" in fetch.model_fields_set or self.context.tsv.exists():
            return fetch.known_queries()
        return load_taxonomy(taxonomy_of(source)).queries(
            genre_limit=fetch.genre_limit, world_limit=fetch.world_limit, own=fetch.label
        )

    def _nothing(self, ids: Sequence[str]) -> EquigenError:
        """Return the error of a run that got no album, once each wrong id was told."""
        if self.asked.failed:
            return next(iter(self.asked.failed.values()))
        first, *others = self.asked.wrong.values()
        for each in others:
            self.context.say(each)
        return UsageError(f"none of these {len(ids):,} ids is that of an album. {first}")

    def _summary(self, ids: Sequence[str]) -> Summary:
        own, asked = context_of_examples(self.context), self.asked
        left = len(asked.failed) + asked.left
        licences = dict.fromkeys(licence_of(each) for each in ids if each not in asked.wrong)
        return Summary(
            stage="fetch",
            unit="albums",
            rows_in=len(ids),
            rows_out=self.taken,
            dropped={_HERE: self.here, _WRONG: len(asked.wrong), _FAILED: left},
            put_off=(_FAILED,),
            facts={
                "examples": str(own.tsv),
                "wrong": asked.wrong,
                "failed": {album_id: str(err) for album_id, err in asked.failed.items()},
            },
            notes=[
                *asked.wrong.values(),
                *asked.notes,
                *filter(None, licences),
            ],
            partly=bool(asked.wrong or left),
            left=left,
            left_unit="albums",
            resumes_at=asked.resumes_at,
        )
