"""What is kept of a record of each dump: texts fit for a cell, lists as cells of several values.

Tuples, since millions of them pass from a process that reads to the one that keeps them.
"""

from typing import NamedTuple


class MasterRow(NamedTuple):
    """A Discogs master; `year` is 0 where it isn't known, `picture` a URL or ""."""

    master_id: int
    artist: str
    title: str
    year: int
    genres: str
    styles: str
    picture: str


class ReleaseRow(NamedTuple):
    """A Discogs release; `master_id` is 0 where it has no master.

    `formats` are the names of its formats and their descriptions, such as "Vinyl|LP|Album".
    """

    release_id: int
    master_id: int
    is_main: bool
    artist: str
    title: str
    year: int
    genres: str
    styles: str
    country: str
    formats: str
    picture: str


class LinkRow(NamedTuple):
    """A MusicBrainz release group that is the same album as a Discogs master."""

    master_id: int
    mbid: str
    is_album: bool
    year: int


class GroupRow(NamedTuple):
    """A MusicBrainz release group of type Album.

    `genres` are its own genres, or else its tags, the ones with the most votes first.
    """

    mbid: str
    artist: str
    title: str
    year: int
    genres: str
