"""Recognise the examples: albums given by id, which no set may hold.

They are a dataset of their own in a folder of this one's. An album is an example by any of its ids,
by at least half of the example's tracks, or by artist and title; a cover is one that looks like an
example's.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from equigen.dataset.context import Context
from equigen.dataset.covers import dataset_covers
from equigen.dataset.layouts import cover_states, sha256_of
from equigen.dataset.table import map_table, stamp_of
from equigen.errors import MissingInputError
from equigen.identity.albums import ids_elsewhere, is_track, names_key
from equigen.schema import Listing, split_list
from equigen.storage.below import FileBelow


@dataclass(frozen=True, slots=True)
class Examples:
    """The ids of all examples, their keys of artist and title, and their covers, by sha256.

    `tracks` are the ids of tracks of each one that has any.
    """

    ids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    covers: Mapping[str, FileBelow] = field(default_factory=dict)
    tracks: frozenset[frozenset[str]] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.ids or self.names or self.covers)

    def has(self, listing: Listing) -> bool:
        """Tell whether an album is an example, by its ids or by its names."""
        ids = (listing.album_id, *ids_elsewhere(listing.also_known_as, listing.tracks))
        return bool(self.shared(ids)) or (
            bool(self.names) and names_key(listing.artist, listing.title) in self.names
        )

    def shared(self, ids: Iterable[str]) -> set[str]:
        """Return those of an album's ids by which it is an example."""
        own = {*ids}
        found = own & self.ids
        for tracks in self.tracks if any(map(is_track, own)) else ():
            if 2 * len(own & tracks) >= len(tracks):
                found |= own & tracks
        return found

    def joined(self, ids: Iterable[Sequence[str]], names: Iterable[str]) -> "Examples":
        """Return them with further albums, by all ids of each and by their keys of names."""
        every = [frozenset(each) for each in ids]
        tracks = {frozenset(filter(is_track, each)) for each in every}
        others = self.ids.union(*every).difference(*tracks)
        return replace(
            self,
            ids=others - {""},
            names=self.names.union(names) - {""},
            tracks=self.tracks | tracks - {frozenset()},
        )


def context_of_examples(context: Context) -> Context:
    """Return the surroundings of a run on the examples."""
    return replace(context, config=context.config.examples)


def known_examples(context: Context, *, covers: bool = False) -> Examples:
    """Return the examples that a dataset has; their `covers` are read where they are asked for.

    Raises:
        InputError: their TSV is broken.
        StorageError: a cover can't be read.

    """
    own = context_of_examples(context)
    if not own.tsv.exists():
        return Examples()
    ids, names, elsewhere = list[Sequence[str]](), set[str](), further_ids(own.tsv)
    columns = ["artist", "album", "album_id"]
    for rows in map_table(own.tsv, columns, lambda chunk: chunk.frame.select(columns).rows()):
        for artist, title, album_id in rows:
            ids.append((album_id, *elsewhere.get(album_id, ())))
            names.add(names_key(artist, title))
    files: dict[str, FileBelow] = {}
    for row in dataset_covers(own) if covers else ():
        if (file := FileBelow(own.images, row.path)).exists():
            files[sha256_of(file)] = file
    return Examples(covers=files).joined(ids, names)


def mark_of_examples(context: Context) -> str:
    """Return a digest of the examples' rows and covers as they are now; "" where there are none."""
    own = context_of_examples(context)
    if not own.tsv.is_file():
        return ""
    covers: Mapping[str, object] = {}
    with suppress(MissingInputError):
        covers = cover_states(own.images)
    told = repr((stamp_of(own.tsv), sorted(covers.items())))
    return hashlib.sha256(told.encode()).hexdigest()


def further_ids(tsv: Path) -> dict[str, tuple[str, ...]]:
    """Return the ids by which other sources know the albums of rows, by those of the rows.

    Raises:
        MissingInputError, InputError: the TSV is missing or broken.

    """
    columns, found = ["album_id", "also_known_as", "tracks"], dict[str, tuple[str, ...]]()
    for rows in map_table(tsv, columns, lambda chunk: chunk.frame.select(columns).rows()):
        for album_id, *cells in rows:
            if any(cells):
                found[album_id] = ids_elsewhere(*map(split_list, cells))
    return found
