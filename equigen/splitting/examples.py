"""Find the covers that are kept out of all sets, since they show an example."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import compress

from equigen.dataset.context import Context
from equigen.dataset.covers import WantedCover
from equigen.dataset.examples import Examples, further_ids
from equigen.errors import MissingInputError
from equigen.identity.albums import names_key, title_key
from equigen.splitting.grouping import Edge


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
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for one, other in pairs:
        alike[one].append(other)
        alike[other].append(one)
    elsewhere: Mapping[str, Sequence[str]] = {}
    with suppress(MissingInputError):
        elsewhere = further_ids(context.tsv)
    ids, names, covers = set(examples.ids), set(examples.names), set[str]()
    reached, left = list(examples.covers), [(row, title_key(row.title)) for row in rows]
    while True:
        while reached:
            if (cover := reached.pop()) not in covers:
                covers.add(cover)
                reached += alike.get(cover, ())
        # To make a key of names takes long, and few albums have a title of these.
        titles = {each.partition("\0")[2] for each in names}
        is_one = [
            digests[row.path] in covers
            or row.album_id in ids
            or not ids.isdisjoint(elsewhere.get(row.album_id, ()))
            or (title in titles and names_key(row.artist, row.title) in names)
            for row, title in left
        ]
        if not any(is_one):
            return {path for path, each in digests.items() if each in covers}
        for row, _ in compress(left, is_one):
            ids |= {row.album_id, *elsewhere.get(row.album_id, ())} - {""}
            names |= {names_key(row.artist, row.title)} - {""}
            reached.append(digests[row.path])
        left = [each for each, one in zip(left, is_one, strict=True) if not one]
