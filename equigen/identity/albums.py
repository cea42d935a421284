"""Identify albums: the key of one, and what `fetch` recognises it by."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from equigen.identity.artists import bare_artist, clean_artist, credit_key, fold, somebodys_ids
from equigen.identity.disjoint_sets import DisjointSets
from equigen.identity.pictures import picture_key
from equigen.schema import Listing

_DIGEST_BYTES = 16
_MSD_TRACK = "msd:TR"


def album_key(*, album_id: str, artist: str, title: str, picture: str) -> str:
    """Return an album's key: its id, or a digest of artist, title and picture where it has none.

    `picture` is the picture's key. The artist counts as `clean` leaves it, so that cleaning a row
    doesn't change its key, without asterisks and numbers, all of which `clean` used to remove; the
    title counts to the letter, since ledgers remember the digest. It reads "row:" and 32 hex
    digits.
    """
    if album_id:
        return album_id
    told = f"{bare_artist(artist).replace('*', '')}\0{title}\0{picture}".encode("utf-8", "replace")
    return f"row:{hashlib.blake2b(told, digest_size=_DIGEST_BYTES).hexdigest()}"


def title_key(title: str) -> str:
    """Return the key of a title, which is folded as artists are; "" for one that shows nothing."""
    return fold(title)


def names_key(artist: str, title: str) -> str:
    """Return what makes two albums the same by their names; "" for an album without a title.

    `fetch` and `dedupe` take one album of a key. Many different albums of an artist lack a title.
    """
    key = title_key(title)
    return f"{credit_key(artist)}\0{key}" if key else ""


def ids_elsewhere(also_known_as: Sequence[str], tracks: Sequence[str]) -> tuple[str, ...]:
    """Return the ids by which other sources know an album.

    Those of its tracks in the Million Song Dataset are among them, since a track there is on one
    album (but a source may tell it of each album with the recording), and those of recordings not.
    """
    if not tracks:  # the common case, kept fast
        return tuple(also_known_as)
    ids = (each for track in tracks for each in track.split() if is_track(each))
    return (*also_known_as, *ids)


def is_track(given: str) -> bool:
    """Tell whether an id is that of a track in the Million Song Dataset."""
    return given.startswith(_MSD_TRACK)


def joined_tracks(tracks: Iterable[str]) -> tuple[str, ...]:
    """Return one text for each track, with all ids of the texts that share one of them."""
    by_id: dict[str, dict[str, None]] = {}
    for track in tracks:
        ids = dict.fromkeys(same for each in track.split() for same in by_id.get(each, (each,)))
        by_id |= dict.fromkeys(ids, ids)
    return tuple(" ".join(ids) for ids in {id(ids): ids for ids in by_id.values()}.values())


def same_by_ids(rows: Mapping[int, tuple[str, Sequence[str]]]) -> list[list[int]]:
    """Return the rows that are one album by ids, directly or through others, album by album.

    `rows` has their `album_id` and their `ids_elsewhere`, in order. As for `fetch`, a row is one
    with an earlier one if at least half of that one's tracks in the Million Song Dataset are its
    own too. Rows of one `album_id` alone aren't told.
    """
    known = {each for _, ids in rows.values() for each in ids if each and not is_track(each)}
    tracks = {row: {each for each in ids if is_track(each)} for row, (_, ids) in rows.items()}
    joined, with_track = DisjointSets(), defaultdict[str, list[int]](list)
    for row, (own, ids) in rows.items():
        for each in known.intersection((own, *ids)):
            joined.join(row, each)
        shared = Counter(chain.from_iterable(with_track[each] for each in tracks[row]))
        for other, count in shared.items():
            if 2 * count >= len(tracks[other]):
                joined.join(row, other)
        for each in tracks[row]:
            with_track[each].append(row)
    albums: dict[int, list[int]] = {}
    for row in rows:
        albums.setdefault(joined.root(row), []).append(row)
    return [album for album in albums.values() if len(album) > 1]


class Identity(NamedTuple):
    """Identify an album also after `clean` has changed its row or the row was removed.

    `artist` is cleaned, so that nothing is taken which `clean` and `dedupe` would merge again.
    `artist_ids` are those of artists in particular, as far as the album's row is in the dataset.
    `names` is the album's `names_key` and `single` the key of an artist that is plainly one, each
    None where it isn't worked out.
    """

    album_id: str
    artist: str
    title: str
    picture: str
    genre: str
    artist_ids: tuple[str, ...] = ()
    names: str | None = None
    single: str | None = None

    @classmethod
    def of(cls, listing: Listing, genre: str = "") -> "Identity":
        """Return the identity of a listing that is taken for the query with the cell `genre`."""
        artist = clean_artist(listing.artist)
        return cls(
            album_id=listing.album_id,
            artist=artist,
            title=listing.title,
            picture=picture_key(listing.image_url),
            genre=genre,
            artist_ids=tuple(somebodys_ids(listing.artist_ids)),
            names=names_key(artist, listing.title),
        )
