"""A catalogue with the indexes that answering needs."""

from collections.abc import Sequence
from dataclasses import dataclass

from equigen.sandbox.entry import Entry, Kind


@dataclass(frozen=True, slots=True)
class Shelf:
    """Entries, and where to find them by id and by picture; nothing of it changes."""

    entries: tuple[Entry, ...]
    by_id: dict[tuple[Kind, int], Entry]
    by_picture: dict[str, Entry]


def shelve(entries: Sequence[Entry]) -> Shelf:
    """Index entries; where several share a picture, the first one's names stand on the cover."""
    by_picture: dict[str, Entry] = {}
    for entry in entries:
        if entry.picture is not None:
            by_picture.setdefault(entry.picture, entry)
    by_id = {(entry.kind, entry.id): entry for entry in entries}
    return Shelf(tuple(entries), by_id, by_picture)
