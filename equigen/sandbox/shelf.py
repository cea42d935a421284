"""A catalogue with the indexes that answering needs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from equigen.sandbox.entry import Entry, Kind
from equigen.sandbox.search import SEARCHED, searched_values, words_of


@dataclass(frozen=True, slots=True)
class Shelf:
    """Entries, and where to find them by id, picture and word; nothing of it changes."""

    entries: tuple[Entry, ...]
    by_id: dict[tuple[Kind, int], Entry]
    by_picture: dict[str, Entry]
    by_word: dict[tuple[str, str], frozenset[int]]

    def candidates(self, params: Mapping[str, Sequence[str]]) -> list[Entry]:
        """Return the entries that have all words asked for, in the fields they are asked in.

        Every match is among them; whether the words stand in one value is for `search_page`.
        """
        asked = [
            self.by_word.get((name, word), frozenset())
            for name, values in params.items()
            if name in SEARCHED
            for value in values
            for word in words_of(value)
        ]
        if not asked:
            return list(self.entries)
        smallest, *others = sorted(asked, key=len)
        return [self.entries[at] for at in sorted(smallest.intersection(*others))]


def shelve(entries: Sequence[Entry]) -> Shelf:
    """Index entries; where several share a picture, the first one's names stand on the cover."""
    by_picture: dict[str, Entry] = {}
    by_word: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for at, entry in enumerate(entries):
        if entry.picture is not None:
            by_picture.setdefault(entry.picture, entry)
        for name, values in searched_values(entry).items():
            for value in values:
                for word in words_of(value):
                    by_word[name, word].add(at)
    by_id = {(entry.kind, entry.id): entry for entry in entries}
    frozen = {key: frozenset(found) for key, found in by_word.items()}
    return Shelf(tuple(entries), by_id, by_picture, frozen)
