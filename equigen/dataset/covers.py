"""The covers that the TSV asks for: each row's album, picture and file.

Where a row's cover lies is decided here alone, by its labels and the layout (`places_in`).
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from pathvalidate import sanitize_filename

from equigen.dataset.context import Context
from equigen.dataset.table import map_table
from equigen.errors import EquigenError
from equigen.identity.albums import album_key
from equigen.identity.pictures import picture_key
from equigen.labels.taxonomy import label_of, labels_by_genre
from equigen.ledger.database import has_tables
from equigen.ledger.ledger import LAYOUT, Ledger
from equigen.schema import MULTI, Layout, split_list

MAX_NAME_BYTES = 255
# The label of rows without a genre.
NAMELESS = "_"
# The folder of all covers in the layout `flat`; tools that split folders want one.
_ALL = "all"
_TAG_HEX_DIGITS = 8
# Invisible marks that turn or hide text (bidirectional overrides, zero-width spaces, BOM): they
# make one name look like another.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
# Windows takes these for devices, whatever stands behind the first dot:
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)", re.IGNORECASE
)
_DEVICE_STARTS = frozenset("cpanlCPANL")
# Dots that end a word, as in "Vol. 2", or are one.
_LAST_DOTS = re.compile(r" ?\.+(?= |$)")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff<>:"/\\|?*\u2028\u2029]+')

# Words of ASCII with one space between them: nothing below changes them.
_PLAIN = re.compile(r"[\w!#$%&'()+,;=@\[\]^`{}~-]+(?: [\w!#$%&'()+,;=@\[\]^`{}~-]+)*", re.ASCII)


def cover_name(
    artist: str, title: str, *, album_id: str, picture: str, suffix: str = ".jpg"
) -> str:
    """Return the file name of an album's cover: "Artist - Title [1a2b3c4d].jpg".

    The tag in brackets is a digest of all four values, so that the name is the same whatever the
    order of the rows and differs for albums whose names look alike, also on file systems that
    fold case or Unicode forms. An album without names is called by its id. At most 255 bytes of
    UTF-8; long names are cut between characters.
    The only dot is the suffix's: readers of WebDataset's archives cut a name at its first one.
    """
    identity = f"{artist}\0{title}\0{album_id}\0{picture}"
    digest = hashlib.blake2b(identity.encode("utf-8", "replace"), digest_size=_TAG_HEX_DIGITS // 2)
    tag = f" [{digest.hexdigest()}]"
    artist, title = _without_dots(_readable(artist)), _without_dots(_readable(title))
    named = f"{artist} - {title}" if artist and title else artist or title
    words = named or _without_dots(_readable(album_id))
    longest = MAX_NAME_BYTES - len(tag) - len(suffix) - 1
    name = f"{_cut(words, longest) or '_'}{tag}{suffix}"
    return f"_{name}" if name[0] in _DEVICE_STARTS and _DEVICE.match(name) else name


def name_in(path: str) -> str:
    """Return the name of a cover's file, without folder and suffix; it has the row's tag."""
    return path_now(path).rpartition("/")[2].rpartition(".")[0]


def path_now(path: str) -> str:
    """Return a cover's path as it is named now; earlier names had dots of their own."""
    folder, _, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return f"{folder}/{_without_dots(stem)}{dot}{suffix}" if "." in stem else path


@lru_cache(maxsize=4096)  # each stage asks for those of all known labels
def folder_name(label: str) -> str:
    """Return a label's folder as one path segment; "_" where nothing of the name can stay."""
    safe = sanitize_filename(_readable(label), platform="universal", replacement_text="_")
    return _cut(safe, MAX_NAME_BYTES) or NAMELESS


def places_in(layout: Layout, labels: Sequence[str], file: str) -> tuple[str, ...]:
    """Return the paths of an album's cover in a layout, by its labels as folders are spelled."""
    folders = labels
    if layout is Layout.FLAT:
        folders = (_ALL,)
    elif layout is Layout.COMBINATION and len(labels) > 1:
        folders = (f"{MULTI}/{folder_name('+'.join(sorted(labels)))}",)
    return tuple([f"{folder}/{file}" for folder in folders])


def _readable(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text  # most names are, and a dataset has a million of them
    normal = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    # A leading dot hides a file, and the library that deals the sets skips hidden ones; Windows
    # drops dots and spaces at the end.
    return " ".join(_UNSAFE.sub("_", normal).split()).lstrip(". ").rstrip(". ")


def _without_dots(text: str) -> str:
    return _LAST_DOTS.sub("", text).replace(".", "_") if "." in text else text


def _cut(text: str, max_bytes: int) -> str:
    if text.isascii() and len(text) <= max_bytes:
        return text.rstrip(". ")
    return text.encode()[:max_bytes].decode("utf-8", "ignore").rstrip(". ")


if TYPE_CHECKING:
    import polars as pl

COLUMNS = (
    "artist", "album", "genre", "image_url", "year", "album_id", "country", "artist_ids", "labels",
)  # fmt: skip
# A block becomes rows of Python's objects, which take ten times as much.
_BLOCK_BYTES = 1 << 20


class WantedCover(NamedTuple):
    """One row's cover: `path` ("Label/name.jpg") is where the layout puts it below a folder.

    `links` are further paths there, of an album of several labels.
    `picture` is its picture's key, or where the row has no address of a picture the name of its
    file. `genre` is the row's cell, `label` the class that it stands for, named as its folder is,
    and the first of all of its `labels`. The rest are the row's own cells, "" where the TSV has no
    such column.
    """

    path: str
    picture: str
    url: str
    genre: str
    label: str
    artist: str
    title: str
    year: str
    country: str
    album_id: str
    artist_ids: str
    labels: tuple[str, ...]
    links: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths of the cover in the layout."""
        return (self.path, *self.links)

    @property
    def everywhere(self) -> tuple[str, ...]:
        """The paths of the cover in any layout, those in the present one first."""
        file = self.path.rpartition("/")[2]
        others = (path for each in Layout for path in places_in(each, self.labels, file))
        return tuple(dict.fromkeys([*self.paths, *others]))

    @property
    def all_labels(self) -> str:
        """All labels as one text, the same whatever their order."""
        return " + ".join(sorted(self.labels))

    @property
    def album(self) -> str:
        """The album's key."""
        return self.album_id or album_key(
            album_id="",
            artist=self.artist,
            title=self.title,
            picture=picture_key(self.url) if self.url else "",
        )


def set_of(row: WantedCover, sets: Mapping[str, str]) -> str:
    """Return where a row's album was dealt, as `Ledger.sets` tells; "" where it wasn't."""
    return sets.get(row.path) or sets.get(row.album, "")


def wanted_covers(
    tsv: Path,
    labels: Mapping[str, str],
    *,
    suffix: str = ".jpg",
    layout: Layout = Layout.LABEL,
) -> Iterator[WantedCover]:
    """Yield the cover of each row of the dataset, in file order.

    `labels` maps `genre` cells to labels, as `labels_by_genre` makes it; `suffix` is how the
    files end.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.

    """
    wanted = _wanted_by(_labels(tsv, labels), suffix, layout)
    read = map_table(
        tsv, COLUMNS, lambda chunk: _with_pictures(chunk.frame), block_bytes=_BLOCK_BYTES
    )
    for rows in read:
        yield from wanted(rows)


def wanted_by(context: Context) -> "Callable[[pl.DataFrame], Iterator[WantedCover]]":
    """Return the function that makes rows with `COLUMNS` the covers that they want."""
    wanted = _wanted_by(dataset_labels(context), file_suffix(context), layout_of(context))
    return lambda rows: wanted(_with_pictures(rows))


def _wanted_by(
    named: Callable[[str], str], suffix: str, layout: Layout
) -> Callable[[Iterable[tuple[Any, ...]]], Iterator[WantedCover]]:
    @cache
    def placed(genre: str, cell: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        labels = labels_in(genre, cell, named)
        return labels, places_in(layout, labels, "")

    def wanted(rows: Iterable[tuple[Any, ...]]) -> Iterator[WantedCover]:
        for artist, title, genre, url, year, album_id, country, ids, cell, picture, bare in rows:
            labels, (folder, *others) = placed(genre, cell)
            file = cover_name(artist, title, album_id=album_id, picture=picture, suffix=suffix)
            links = tuple([other + file for other in others]) if others else ()
            yield WantedCover(
                folder + file, f"file:{file}" if bare else picture, url, genre, labels[0],
                artist, title, year, country, album_id, ids, labels, links,
            )  # fmt: skip

    return wanted


def _with_pictures(rows: "pl.DataFrame") -> list[tuple[Any, ...]]:
    from equigen.identity.columns import picture_hosts, picture_keys  # noqa: PLC0415  (polars)

    pictures = picture_keys(rows["image_url"]).alias("picture")
    are_bare = (picture_hosts(rows["image_url"]) == "").alias("is_bare")
    return rows.select(COLUMNS).with_columns(pictures, are_bare).rows()


def _labels(
    tsv: Path, labels: Mapping[str, str], cells: Collection[str] = ()
) -> Callable[[str], str]:
    """Return a function that gives spellings of a label one folder.

    They may differ in case, width and Unicode form, which some disks don't tell apart. The folder
    is spelled as a known label's, or as the first of them in the TSV, which is read for it once, or
    in the `cells` where these are given.
    """
    known = {_folded(each): folder_name(each) for each in labels.values()}
    known |= {_folded(genre): folder_name(folder) for genre, folder in labels.items()}
    lock = Lock()  # of two threads, one reads the TSV

    @cache
    def spellings() -> Mapping[str, str]:
        found: dict[str, str] = {}
        read = map_table(tsv, ["genre", "labels"], lambda chunk: each_label(chunk.frame))
        for named in [cells] if cells else read:
            for genre in named:
                folder = label_of(genre, labels)
                found.setdefault(_folded(folder), folder)
        return found

    @cache
    def spelled(genre: str) -> str:
        if genre in labels:
            return folder_name(labels[genre])
        folder = label_of(genre, labels)
        key = _folded(folder)
        if named := known.get(_folded(genre)) or known.get(key):
            return named
        with lock:
            return folder_name(spellings().get(key, folder))

    return spelled


def each_label(rows: "pl.DataFrame") -> list[str]:
    """Return the different cells `genre` of rows, then the labels in their cells `labels`."""
    both = (rows["genre"], rows["labels"])
    genres, cells = (each.unique(maintain_order=True).to_list() for each in both)
    return [*genres, *(label for cell in cells for label in split_list(cell))]


@lru_cache(maxsize=4096)
def _folded(label: str) -> str:
    """Return what spellings of a label have in common."""
    return unicodedata.normalize(
        "NFKC", unicodedata.normalize("NFKC", folder_name(label)).casefold()
    )


def labels_in(genre: str, cell: str, named: Callable[[str], str]) -> tuple[str, ...]:
    """Return all labels of a row by its cells `genre` and `labels`, that of the genre first.

    They are spelled as folders, which `named` does.
    """
    return tuple(dict.fromkeys(map(named, (genre, *split_list(cell)))))


def dataset_labels(context: Context, cells: Collection[str] = ()) -> Callable[[str], str]:
    """Return the function that names the label of a row by its `genre` cell.

    The TSV isn't read where all its different `cells` are given.
    """
    return _labels(context.tsv, labels_by_genre(context.settings.fetch.known_queries()), cells)


def layout_of(context: Context) -> Layout:
    """Return the layout that the last download brought a dataset's covers to."""
    with suppress(EquigenError):
        if has_tables(context.ledger):
            with Ledger(context.ledger, read_only=True) as ledger:
                return ledger.read(LAYOUT, Layout) or Layout.LABEL
    return Layout.LABEL


def dataset_covers(context: Context, layout: Layout | None = None) -> Iterator[WantedCover]:
    """Yield the cover of each row of a run's dataset, in file order.

    Its paths are those in a `layout`, or in the one that the covers have.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.

    """
    labels = labels_by_genre(context.settings.fetch.known_queries())
    layout = layout or layout_of(context)
    return wanted_covers(context.tsv, labels, suffix=file_suffix(context), layout=layout)


def file_suffix(context: Context) -> str:
    """Return how the names of a run's covers end."""
    return context.settings.download.renderings()[0].suffix
