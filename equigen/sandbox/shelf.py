"""A catalogue with the indexes that answering needs."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from equigen.labels.matching import words_of
from equigen.sandbox.entry import Entry, Kind
from equigen.sandbox.search import SEARCHED, find, searched_values


@dataclass(frozen=True, slots=True)
class Shelf:
    """Entries, and where to find them by id, picture and word."""

    entries: tuple[Entry, ...]
    by_id: dict[tuple[Kind, int], Entry]
    by_picture: dict[str, Entry]
    by_word: dict[tuple[str, str], frozenset[int]]

    _found: dict[tuple[tuple[str, tuple[str, ...]], ...], list[Entry]] = field(default_factory=dict)

    def find(self, params: Mapping[str, Sequence[str]]) -> list[Entry]:
        """Return what a search finds; a question asked before, for its next page, costs nothing."""
        question = tuple((name, tuple(values)) for name, values in sorted(params.items()))
        if question not in self._found:
            self._found[question] = find(self._candidates(params), params)
        return self._found[question]

    def _candidates(self, params: Mapping[str, Sequence[str]]) -> Iterator[Entry]:
        # All matches are among the entries that have all words asked for, in whichever value.
        asked = [
            self.by_word.get((name, word), frozenset())
            for name, values in params.items()
            if name in SEARCHED
            for value in values
            for word in words_of(value)
        ]
        everything = frozenset(range(len(self.entries)))
        return (self.entries[at] for at in everything.intersection(*asked))


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
