"""Find duplicate rows one by one, as a reference for the search over columns."""

from dataclasses import dataclass, field

from equigen.identity.albums import names_key
from equigen.identity.artists import credit_key
from equigen.identity.columns import Duplicate
from equigen.identity.pictures import is_placeholder, picture_key


@dataclass(slots=True)
class DuplicateFinder:
    """Tells, row by row in file order, which rows repeat an earlier one that stayed.

    The first of each artist and album stays, then the first of each picture. An album without a
    title is only a duplicate of one with the same artist, (empty) title and picture, since many
    different albums of an artist may lack theirs.
    """

    _albums: set[str] = field(default_factory=set)
    _pictures: set[str] = field(default_factory=set)
    _untitled: set[tuple[str, str]] = field(default_factory=set)

    def check(self, *, artist: str, title: str, image_url: str) -> Duplicate | None:
        """Return why the row is a duplicate, or None where it stays."""
        # A placeholder is no picture: albums that lack theirs don't share one.
        picture = "" if is_placeholder(image_url) else picture_key(image_url)
        if key := names_key(artist, title):
            if key in self._albums:
                return Duplicate.ALBUM
            # Also where the picture then rules the row out: the pairs are settled before the
            # pictures are looked at.
            self._albums.add(key)
            if picture and picture in self._pictures:
                return Duplicate.PICTURE
        else:
            if (credit_key(artist), picture) in self._untitled:
                return Duplicate.ALBUM
            self._untitled.add((credit_key(artist), picture))
        if picture:
            self._pictures.add(picture)
        return None
