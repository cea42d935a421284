"""Find the covers that are kept out of all sets, since they show an example."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from equigen.dataset.context import Context
from equigen.dataset.covers import WantedCover
from equigen.dataset.examples import Examples, further_ids
from equigen.errors import MissingInputError
from equigen.identity.albums import names_key, title_key
from equigen.identity.disjoint_sets import DisjointSets
from equigen.splitting.grouping import Edge

# What all examples are tied to.
_EXAMPLE = "example"


def shows_example(
    context: Context,
    examples: Examples,
    rows: Sequence[WantedCover],
    digests: Mapping[str, str],
    pairs: Iterable[Edge],
) -> set[str]:
    """Return the covers, by path, that are the same album or the same picture as an example.

    That is also what is the same as such a cover. `digests` has the sha256 of each cover, `rows`
    the album of those that have one, `pairs` the look-alikes among them and the examples' covers.
    """
    joined = DisjointSets()
    for tie in (
        *(f"id {each}" for each in examples.ids),
        *(f"names {each}" for each in examples.names),
        *(f"cover {each}" for each in examples.covers),
    ):
        joined.join(_EXAMPLE, tie)
    for one, other in pairs:
        joined.join(f"cover {one}", f"cover {other}")
    elsewhere: Mapping[str, Sequence[str]] = {}
    with suppress(MissingInputError):
        elsewhere = further_ids(context.tsv)
    # To make a key of names takes long, and most titles are of one album.
    titles = Counter(title_key(row.title) for row in rows)
    titles.update(each.partition("\0")[2] for each in examples.names)
    for row in rows:
        cover = f"cover {digests[row.path]}"
        for each in filter(None, (row.album_id, *elsewhere.get(row.album_id, ()))):
            joined.join(cover, f"id {each}")
        if titles[title_key(row.title)] > 1 and (names := names_key(row.artist, row.title)):
            joined.join(cover, f"names {names}")
    example = joined.root(_EXAMPLE)
    return {path for path, each in digests.items() if joined.root(f"cover {each}") == example}
