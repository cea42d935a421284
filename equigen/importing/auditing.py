"""Measure what leaks between the sets of a dataset, and which pictures have several labels."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import ClassVar, NamedTuple

from equigen.dataset.context import Context
from equigen.dataset.counting import NO_SET
from equigen.dataset.covers import NAMELESS
from equigen.dataset.dataset import Dataset, Example
from equigen.downloading.store import ANY_PICTURE
from equigen.errors import PictureError
from equigen.identity.artists import artist_ids, artists_by_credit
from equigen.identity.pictures import has_no_cover, picture_key
from equigen.images.check import check_picture
from equigen.ledger.models import AlbumSet
from equigen.neardup.search import find_lookalikes
from equigen.report.page import Findings
from equigen.report.tables import set_rows
from equigen.schema import SETS, split_list
from equigen.storage.below import FileBelow

_TRAIN = SETS[0]
_OF_FILE = "file:"
# Of a row whose id an earlier one has, as `reading` numbers it.
_ROW_OF_ID = re.compile(r"#\d+$")
# What programs write where no artist is known.
_MISSING = frozenset(("nan", "none", "null", "n/a", "<na>"))
_NOTHING: Mapping[str, str] = {}
_SHOWN = 3


class Kind(StrEnum):
    """Ties of albums in several sets, or with several labels, as summaries call them."""

    FILE = "same file"
    LOOKS = "near-duplicate"
    ADDRESS = "same address"
    ALBUM = "same album"
    ARTIST = "same artist"


class Tied(NamedTuple):
    """Albums that share a picture, an id or an artist, which `of` names; "" for a picture."""

    kind: Kind
    of: str
    albums: Sequence["Audited"]

    def some_of_each_set(self) -> list["Audited"]:
        """Return the first albums of each set."""
        of_sets = ([each for each in self.albums if each.set_name == name] for name in (*SETS, ""))
        return [each for some in of_sets for each in some[:_SHOWN]]


class Audited(NamedTuple):
    """An album as an audit sees it: `name` is its file in the dataset, its id or its address.

    `file` is the sha256 of its bytes, `picture` a name for what it shows, which look-alikes share;
    both are "" where they aren't known. `side_px` is the shorter side, `album` the id that rows of
    one album share, "" where the dataset has none.
    """

    name: str
    set_name: str
    labels: tuple[str, ...]
    file: str
    picture: str
    artists: tuple[str, ...]
    side_px: int = 0
    album: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    `classes` counts albums by label and set ("" for none). `leaks` are tied albums in several sets,
    `conflicts` pictures with different labels, the largest first; `copies` counts the albums whose
    picture an earlier one shows. `broken` has the reason by the name of a picture that doesn't
    decode or isn't there. `exposed` counts the albums of val and test, all of them and those whose
    picture, and whose artist, is also in train.
    """

    MOST_SHOWN: ClassVar = 200

    albums: Sequence[Audited]
    classes: Mapping[tuple[str, str], int]
    leaks: Sequence[Tied]
    conflicts: Sequence[Tied]
    copies: int
    broken: Mapping[str, str]
    exposed: Mapping[str, Mapping[str, int]]

    @property
    def imbalance(self) -> float:
        """How many times as many albums as the smallest class the largest one has."""
        sizes = Counter[str]()
        for (label, _), count in self.classes.items():
            sizes[label] += count
        return max(sizes.values()) / min(sizes.values()) if sizes else 1.0

    @property
    def knows_artists(self) -> bool:
        """Whether the artist of any album is known."""
        return any(each.artists for each in self.albums)

    def totals(self) -> Mapping[str, Mapping[str, int]]:
        """Count the leaks of each kind, and the albums that they are of."""
        return {
            kind: {
                "leaks": len(found := [each for each in self.leaks if each.kind is kind]),
                "albums": sum(len(each.albums) for each in found),
            }
            for kind in Kind
        }

    def sides_px(self) -> Mapping[str, int]:
        """Return the range of the shorter sides of pictures; nothing where none is known."""
        sides = [each.side_px for each in self.albums if each.side_px]
        if not sides:
            return {}
        return {"least": min(sides), "median": int(median(sides)), "most": max(sides)}

    def as_json(self) -> dict[str, object]:
        """Return the findings as values that JSON can hold."""
        classes: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (label, name), count in sorted(self.classes.items()):
            classes[label][name or NO_SET] = count
        return {
            "sets": Counter(each.set_name or NO_SET for each in self.albums),
            "classes": classes,
            "imbalance": round(self.imbalance, 2),
            "leaks": self.totals(),
            "also_in_train": self.exposed,
            "copies": self.copies,
            "leaking": [_told(each) for each in self.leaks],
            "label_conflicts": [_told(each) for each in self.conflicts],
            "broken": dict(self.broken),
            "shorter_sides_px": self.sides_px(),
        }

    def told(self) -> Iterator[str]:
        """Yield what was found, a sentence each."""
        yield self._on_leaks()
        for name, counts in self.exposed.items():
            if counts["albums"]:
                pictures, artists = (
                    f"{counts[kind]:,} ({counts[kind] / counts['albums']:.1%})"
                    for kind in ("picture", "artist")
                )
                by_artist = f", {artists} are by an artist of train" if self.knows_artists else ""
                yield (
                    f"of {counts['albums']:,} albums in {name}, {pictures} show a picture that is"
                    f" in train{by_artist}"
                )
        if not self.knows_artists:
            yield "artists aren't known, so none was looked for in several sets"
        if any(not each.set_name for each in self.albums):
            yield f"{sum(not each.set_name for each in self.albums):,} albums are in no set"
        if self.conflicts:
            albums = sum(len(each.albums) for each in self.conflicts)
            yield f"pictures with several labels: {len(self.conflicts):,}, on {albums:,} albums"
        if self.copies:
            yield f"albums whose picture an earlier one shows: {self.copies:,}"
        if self.broken:
            first = "; ".join(f"{name}: {why}" for name, why in list(self.broken.items())[:_SHOWN])
            yield f"pictures broken or missing: {len(self.broken):,}, such as {first}"
        if {label for label, _ in self.classes} <= {NAMELESS}:
            yield "labels aren't known; of a table, --column label=COLUMN names them"
        else:
            yield f"the largest class has {self.imbalance:.1f} times as many albums as the smallest"
        if sides := self.sides_px():
            yield (
                f"the shorter sides of pictures have {sides['least']:,} to {sides['most']:,}"
                f" pixels, {sides['median']:,} in the median"
            )

    def _on_leaks(self) -> str:
        if not {each.set_name for each in self.albums} & {*SETS}:
            return "no album is in a set, so nothing can leak"
        kinds = [
            f"{kind} {counts['leaks']:,} (of {counts['albums']:,} albums)"
            for kind, counts in self.totals().items()
            if counts["leaks"]
        ]
        return f"leaks between sets: {', '.join(kinds) or 'none found'}"


def _told(tied: Tied) -> dict[str, object]:
    albums = [
        {"name": each.name, "set": each.set_name, "labels": list(each.labels)}
        for each in tied.albums
    ]
    return {"kind": tied.kind, "of": tied.of, "albums": albums}


def audit(context: Context, dataset: Dataset, root: Path) -> Audit:
    """Compare the covers of a dataset that was imported from a folder `root`, and judge it.

    Their given sets are noted as those that they are in.

    Raises:
        StorageError: the disk refuses.

    """
    images = context.images
    files, credits_ = dict[str, FileBelow](), set[str]()
    for row in dataset.rows():
        credits_.add(row.album["artist"])
        if row.sha256:
            files[row.sha256] = FileBelow(images, row.cover.relative_to(images).as_posix())
    groups = find_lookalikes(context, dataset.ledger, files).groups
    credited = artists_by_credit(credits_)
    albums, sets = list[Audited](), list[AlbumSet]()
    for number, row in enumerate(dataset.rows(), start=1):
        albums.append(each := _audited(number, row, groups, credited))
        if row.sha256 and each.set_name:
            path = row.cover.relative_to(images).as_posix()
            sets.append(AlbumSet(row.key, path, each.set_name))
    dataset.ledger.record_sets(sets)
    names = [each.name for each in albums if not each.file and not each.picture]
    if len(names) == len(albums) and not any(map(_is_file, dataset.rows())):
        names = []  # of a table that names no pictures
    return judge(albums, {name: _why(root, name) for name in names})


def judge(albums: Sequence[Audited], broken: Mapping[str, str] = _NOTHING) -> Audit:
    """Find what albums share, and count it; those that are broken share no picture."""
    pictures: defaultdict[str, list[Audited]] = defaultdict(list)
    artists: defaultdict[str, list[Audited]] = defaultdict(list)
    rows: defaultdict[str, list[Audited]] = defaultdict(list)
    classes = Counter[tuple[str, str]]()
    for each in albums:
        classes.update((label, each.set_name) for label in each.labels)
        if each.picture:
            pictures[each.picture].append(each)
        if each.album:
            rows[each.album].append(each)
        for artist in each.artists:
            artists[artist].append(each)
    shown = list(pictures.values())
    leaks = [Tied(_kind(some, _set), "", some) for some in shown if len(_sets(some)) > 1]
    leaks += [Tied(Kind.ALBUM, of, some) for of, some in rows.items() if len(_sets(some)) > 1]
    leaks += [Tied(Kind.ARTIST, of, some) for of, some in artists.items() if len(_sets(some)) > 1]
    conflicts = [
        Tied(_kind(some, _labels), "", some) for some in shown if len(set(map(_labels, some))) > 1
    ]
    conflicts += [
        Tied(Kind.ALBUM, of, some)
        for of, some in rows.items()
        if len(set(map(_labels, some))) > 1 and len({each.picture for each in some} - {""}) != 1
    ]
    return Audit(
        albums=albums,
        classes=classes,
        leaks=sorted(leaks, key=_fewest_last),
        conflicts=sorted(conflicts, key=_fewest_last),
        copies=sum(map(len, shown)) - len(shown),
        broken=broken,
        exposed={name: _exposed(name, albums) for name in SETS if name != _TRAIN},
    )


def _set(album: Audited) -> Hashable:
    return album.set_name


def _labels(album: Audited) -> Hashable:
    return frozenset(album.labels)


def _sets(albums: Iterable[Audited]) -> frozenset[str]:
    return frozenset(each.set_name for each in albums) & {*SETS}


def _fewest_last(tied: Tied) -> int:
    return -len(tied.albums)


def _exposed(name: str, albums: Sequence[Audited]) -> Mapping[str, int]:
    trained = [each for each in albums if each.set_name == _TRAIN]
    pictures = {each.picture for each in trained} - {""}
    albums_there = {each.album for each in trained} - {""}
    artists = {artist for each in trained for artist in each.artists}
    there = [each for each in albums if each.set_name == name]
    return {
        "albums": len(there),
        "picture": sum(each.picture in pictures or each.album in albums_there for each in there),
        "artist": sum(not artists.isdisjoint(each.artists) for each in there),
    }


def _kind(albums: Sequence[Audited], differs: Callable[[Audited], Hashable]) -> Kind:
    """Tell what ties albums of one picture that differ: a file that two of these have, or looks."""
    if not albums[0].file:
        return Kind.ADDRESS
    of_file: defaultdict[str, set[Hashable]] = defaultdict(set)
    for each in albums:
        of_file[each.file].add(differs(each))
    return Kind.FILE if max(map(len, of_file.values())) > 1 else Kind.LOOKS


def _audited(
    number: int,
    row: Example,
    groups: Mapping[str, str],
    credited: Mapping[str, Sequence[str]],
) -> Audited:
    cells, url = row.album, row.album["image_url"]
    picture = "" if has_no_cover(url) else f"address {picture_key(url)}"
    by = () if cells["artist"].casefold() in _MISSING else credited[cells["artist"]]
    return Audited(
        cells["album_id"].removeprefix(_OF_FILE) or url or f"row {number:,}",
        row.album.get("set_given", ""),
        tuple(dict.fromkeys((cells["genre"] or NAMELESS, *split_list(cells.get("labels", ""))))),
        row.sha256,
        groups.get(row.sha256, row.sha256) or picture,
        tuple(dict.fromkeys((*by, *artist_ids(cells.get("artist_ids", ""))))),
        min(row.width_px, row.height_px),
        "" if _is_file(row) else _ROW_OF_ID.sub("", cells["album_id"]),
    )


def _is_file(row: Example) -> bool:
    """Tell whether an album is known by its file alone."""
    return row.album["album_id"].startswith(_OF_FILE)


def _why(root: Path, name: str) -> str:
    """Return why a picture couldn't be taken."""
    try:
        check_picture(FileBelow(root, name).read(), ANY_PICTURE)
    except PictureError as err:
        return err.reason
    except OSError:
        pass
    return "no such file, or none that decodes"


def described(report: Findings, found: Audit, name: str) -> Findings:
    """Return the report of a dataset that was audited, with the numbers of the audit."""
    in_sets = Counter(each.set_name or NO_SET for each in found.albums)
    counts = {(label, of or NO_SET): count for (label, of), count in found.classes.items()}
    dealt = sum(in_sets[each] for each in SETS)
    ratio = [in_sets[each] / max(1, dealt) for each in SETS]
    totals = {
        "albums": len(found.albums),
        "pictures here": sum(bool(each.file) for each in found.albums),
        "broken or missing": len(found.broken),
        "labels": len({label for label, _ in found.classes}),
        **{f"in {each}": in_sets[each] for each in (*SETS, NO_SET) if in_sets[each]},
        "leaks between sets": len(found.leaks),
        "label conflicts": len(found.conflicts),
        "copies of earlier pictures": found.copies,
    }
    return replace(
        report,
        name=name,
        totals={told: f"{count:,}" for told, count in totals.items()},
        sets=set_rows(counts, ratio, albums=in_sets),
        wanted={each: f"{share:.1%} of all" for each, share in zip(SETS, ratio, strict=True)},
        sets_notes=(),
    )
