"""What an album is recognised by."""

from dataclasses import dataclass

from equigen.identity.cleaning import clean_artist
from equigen.identity.pictures import picture_key
from equigen.schema import Listing


@dataclass(frozen=True, slots=True)
class Identity:
    """By what an album is recognised, also after `clean` has changed its row or it was removed.

    `artist` is cleaned, so that nothing is taken which `clean` and `dedupe` would merge again.
    """

    album_id: str
    artist: str
    title: str
    picture: str
    genre: str

    @classmethod
    def of(cls, listing: Listing, genre: str) -> "Identity":
        """Return the identity of a listing that is taken for the label called `genre`."""
        return cls(
            album_id=listing.album_id,
            artist=clean_artist(listing.artist),
            title=listing.title,
            picture=picture_key(listing.image_url),
            genre=genre,
        )
