"""Combining, row by row and listing by listing, with nothing worked out before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from equigen.identity.albums import ids_elsewhere, is_track, joined_tracks, names_key
from equigen.identity.artists import artist_key, clean_artist
from equigen.identity.pictures import has_no_cover, picture_key
from equigen.schema import Listing, join_list, split_list
from equigen.sources.base import licence_of, may_republish

_LISTS = ("formats", "artist_ids", "also_known_as")


@dataclass
class PlainRow:
    """A row with its cells, and all ids by which its album is known so far."""

    cells: dict[str, str]
    ids: list[str] = field(init=False)

    def __post_init__(self) -> None:
        """Take the ids that the row has."""
        more = map(split_list, (self.cells["also_known_as"], self.cells["tracks"]))
        self.ids = [self.cells["album_id"], *ids_elsewhere(*more)]

    @property
    def names(self) -> str:
        """The key by its names."""
        return names_key(clean_artist(self.cells["artist"]), self.cells["album"])


def combine(rows: Sequence[dict[str, str]], listings: Iterable[Listing]) -> list[dict[str, str]]:
    """Return rows, each with an id of its own, after a source's listings were added to them."""
    known = [PlainRow(row) for row in rows]
    added = [(row, new, each) for each in listings for row, new in _added(known, each)]
    pictures = {picture_key(row.cells["image_url"]): row for row in reversed(known)}
    for row, new, each in added:
        is_shown = pictures.get(picture_key(each.image_url)) is row
        row.cells |= _merged(row.cells, each, new, is_shown=is_shown)
    return [row.cells for row in known]


def _added(known: Sequence[PlainRow], listing: Listing) -> Iterator[tuple[PlainRow, list[str]]]:
    own = [listing.album_id, *ids_elsewhere(listing.also_known_as, listing.tracks)]
    for row in _candidates(known, listing, own):
        sources = {each.partition(":")[0].removesuffix("-release") for each in row.ids}
        source = listing.album_id.partition(":")[0].removesuffix("-release")
        if listing.album_id in row.ids or source not in sources:
            others = {each for other in known if other is not row for each in other.ids}
            if new := [each for each in own if each not in row.ids and each not in others]:
                row.ids += new
                yield row, new
            return


def _candidates(
    known: Sequence[PlainRow], listing: Listing, own: Sequence[str]
) -> Iterator[PlainRow]:
    def having(wanted: str) -> list[PlainRow]:
        return [row for row in known if wanted in row.ids][:1]

    for each in (listing.album_id, *listing.also_known_as):
        yield from having(each)
    sharing = [row for each in own if is_track(each) for row in having(each)]
    for met in sorted(sharing, key=sharing.count, reverse=True):
        if 2 * sharing.count(met) >= sum(map(is_track, met.ids)):
            yield met
    artist = clean_artist(listing.artist)
    if (names := names_key(artist, listing.title)) and artist_key(artist):
        namesakes = [row for row in known if row.names == names]
        apart = [_apart(row.cells["year"], listing.year) for row in namesakes]
        for years in (0, 1, 1.5):
            yield from (row for row, each in zip(namesakes, apart, strict=True) if each == years)
    if picture := picture_key(listing.image_url):
        yield from [row for row in known if picture_key(row.cells["image_url"]) == picture][:1]


def _apart(one: str, other: str) -> float:
    return abs(int(one) - int(other)) if one and other else 1.5


def _merged(
    row: dict[str, str], listing: Listing, new: Sequence[str], *, is_shown: bool
) -> dict[str, str]:
    given = {
        "artist": listing.artist,
        "album": listing.title,
        "year": listing.year,
        "country": listing.country,
        "set_given": listing.set_given,
    }
    cells = {name: row[name] or cell for name, cell in given.items()}
    if listing.licence and listing.licence not in row["licence"]:
        before = row["licence"] or licence_of(row["album_id"])
        cells["licence"] = f"{before} {listing.licence}".strip()
    ids = [each for each in new if each in (listing.album_id, *listing.also_known_as)]
    images = [*([] if is_shown else [listing.image_url]), *listing.more_images]
    images = images if may_republish(listing.album_id) else []
    images = [each for each in images if each != row["image_url"] and not has_no_cover(each)]
    images = [each.replace("|", "%7C") for each in images]
    further = (listing.formats, listing.artist_ids, ids, images)
    for name, values in zip((*_LISTS, "more_images"), further, strict=True):
        if values:
            cells[name] = join_list([*dict.fromkeys((*split_list(row[name]), *values))])
    if listing.tracks:
        tracks = (*split_list(row["tracks"]), *listing.tracks)
        cells["tracks"] = join_list(joined_tracks(tracks))
    return cells
