"""Tell how far the classes overlap: how many albums of a label match another label as well.

An album with a cell of `labels` has these; any other one has the label of its `genre`, and matches
those that the taxonomy's rules give its `genres` and `styles`.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from equigen.dataset.context import Context
from equigen.dataset.covers import dataset_labels, labels_in
from equigen.dataset.table import Stamp, map_table, stamp_of
from equigen.labels.several import cell_matcher

if TYPE_CHECKING:
    import polars as pl

    from equigen.dataset.table_reader import Chunk

# Albums of the first label that are, or match, the second one as well. Of a label with itself: all
# its albums, each of which counts for each label that it has.
Overlap = Mapping[str, Mapping[str, int]]

_CELLS: Final = ("genre", "genres", "styles", "labels")
_MUSICBRAINZ: Final = "musicbrainz:"


class Pair(NamedTuple):
    """Two labels that overlap: `both` of the `albums` of `label` are `other` as well."""

    label: str
    other: str
    both: int
    albums: int

    def __str__(self) -> str:
        """Return the pair as a sentence without its end."""
        verb = "is" if self.both == 1 else "are"
        return f"{self.both:,} of {self.albums:,} {self.label} albums {verb} {self.other} as well"


def rules_mark(context: Context) -> str:
    """Return a digest of all that decides which labels albums have and match."""
    queries = context.settings.fetch.known_queries()
    told = [
        (each.cell, each.label, each.name, each.genre, each.style, each.rule) for each in queries
    ]
    return hashlib.blake2b(repr(told).encode("utf-8", "replace"), digest_size=16).hexdigest()


class _Known(NamedTuple):
    stamp: Stamp
    rules: str
    overlap: Overlap


# The last overlap of each file in this process, with the file's state then.
_KNOWN: Final[dict[Path, _Known]] = {}


def overlap_of(context: Context) -> Overlap:
    """Return the overlap of all labels that the dataset has; it is read once until it changes.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.

    """
    path = context.tsv.absolute()
    stamp, rules = stamp_of(path), rules_mark(context)
    known = _KNOWN.get(path)
    if known is None or (known.stamp, known.rules) != (stamp, rules):
        _KNOWN[path] = known = _Known(stamp, rules, _counted(context))
    return known.overlap


def _counted(context: Context) -> Overlap:
    import polars as pl  # noqa: PLC0415  (it starts a thread)

    named = cache(dataset_labels(context))
    queries = context.settings.fetch.known_queries()
    matchers = [cell_matcher(queries), cell_matcher(queries, of_musicbrainz=True)]
    frames = list(map_table(context.tsv, (*_CELLS, "album_id"), _grouped))
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    if frames:
        rows = pl.concat(frames).group_by(*_CELLS, "is_tagged").agg(pl.col("len").sum())
        for genre, genres, styles, cell, is_tagged, count in rows.iter_rows():
            own = labels_in(genre, cell, named)
            match = () if cell else matchers[is_tagged](genres, styles)
            both = {*own, *map(named, match)}
            for label in own:
                for other in both:
                    found[label][other] += count
    return {
        label: {other: counts[other] for other in sorted(counts) if other in found}
        for label, counts in sorted(found.items())
    }


def _grouped(chunk: "Chunk") -> "pl.DataFrame":
    import polars as pl  # noqa: PLC0415

    is_tagged = pl.col("album_id").str.starts_with(_MUSICBRAINZ).alias("is_tagged")
    return chunk.frame.with_columns(is_tagged).group_by(*_CELLS, "is_tagged").len()


def label_sizes(overlap: Overlap) -> Counter[str]:
    """Return the number of albums of each label."""
    return Counter({label: counts[label] for label, counts in overlap.items()})


def overlapping(overlap: Overlap) -> list[Pair]:
    """Return the labels that overlap, two by two, the largest share first.

    A pair is told of the label of which it is the larger share.
    """
    pairs: dict[frozenset[str], Pair] = {}
    for label, counts in overlap.items():
        for other, both in counts.items():
            if other != label and both:
                pair = Pair(label, other, both, counts[label])
                key = frozenset((label, other))
                pairs[key] = min(pairs.get(key, pair), pair, key=_worst_first)
    return sorted(pairs.values(), key=_worst_first)


def _worst_first(pair: Pair) -> tuple[float, int, str, str]:
    return -pair.both / pair.albums, -pair.both, pair.label, pair.other


def overlap_line(overlap: Overlap, most: int = 3) -> str:
    """Return one line on the pairs that overlap most; "" where none does."""
    pairs = overlapping(overlap)
    shown = [str(pair) for pair in pairs[:most]]
    if rest := len(pairs) - len(shown):
        shown.append(f"{rest:,} more pair{'s' * (rest > 1)} overlap{'s' * (rest == 1)}")
    return "; ".join(shown)
