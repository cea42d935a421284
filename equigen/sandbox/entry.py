"""One row of the sandbox's catalogue."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["master", "release"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A master or a release as the database knows it; the service's answers are made from it.

    `id` is unique among entries of one `kind` only, as on Discogs. `formats` is the flat list that
    search calls `format`, `format_name` the `formats[].name` of a release; the two may disagree.
    `master_id` is None where a release has no master, and on masters, which are their own.
    `picture` is the picture's stable file name, or None for the placeholder; `look` names the
    label in whose style the cover is drawn.
    """

    id: int
    kind: Kind
    artist: str
    title: str
    year: int | None
    genres: tuple[str, ...]
    styles: tuple[str, ...]
    formats: tuple[str, ...]
    format_name: str
    country: str
    master_id: int | None
    picture: str | None
    look: str

    @property
    def heading(self) -> str:
        """The "Artist - Album" that search calls `title`."""
        return f"{self.artist} - {self.title}"
