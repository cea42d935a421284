"""The proof that nothing stands in two sets, read off the files."""

import hashlib
import os
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from operator import attrgetter
from pathlib import Path

from equigen.config.layers import EXAMPLES_TSV
from equigen.dataset.context import SPLIT_TSV, Context
from equigen.dataset.covers import WantedCover, dataset_covers
from equigen.dataset.examples import context_of_examples, further_ids, known_examples
from equigen.dataset.layouts import LEFT_OVER, Place
from equigen.dataset.same_albums import names_by_album
from equigen.dataset.tsv import reading_tsv
from equigen.errors import EquigenError, InputError, LeakError, MissingInputError
from equigen.identity.albums import names_key
from equigen.identity.artists import artist_ids, artists_by_credit
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import StoredLook
from equigen.neardup.comparison import judged_pairs
from equigen.neardup.search import describe
from equigen.schema import SETS
from equigen.splitting.assignment import dealt_artists
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import READ, denial, translating_read_errors
from equigen.summary import Summary

_MOST_SHOWN = 50
# Stands for a set where the files of the sets are compared with the examples.
_EXAMPLES = "examples"
_OF_TABLE = Place(_EXAMPLES, EXAMPLES_TSV)
_NOTHING_SHARED = "no name, file, near-duplicate, album or artist is in two sets"


def prove_none(context: Context) -> Summary:
    """Read every file of the sets, and see that no name, picture, artist or album is in two.

    Nor may any be an example, by its ids, its names or its picture.
    What a file shows is hashed anew; whose it is, the dataset says. Nothing is changed.

    Raises:
        LeakError: something is in two sets; the message has the files.
        StorageError: a folder or a file of the sets can't be read.
        MissingInputError: there are no sets, or no dataset.
        InputError: the dataset or split.tsv is broken.

    """
    places = list(_places(context.split))
    if not places:
        msg = f"{context.split}: no sets there. `equigen split` makes them: run that first."
        raise MissingInputError(msg)
    rows = _rows_of_files(context, {place.path for place in places})
    credits_ = (row.artist for row in rows.values())
    artists = artists_by_credit(credits_, known=_dealt_artists(context))
    examples = known_examples(context, covers=True)
    elsewhere = further_ids(context.tsv) if examples else {}
    of_examples = _ties_of_album(examples.ids.union(*examples.tracks), examples.names)
    names = names_by_album(context.tsv)
    first = dict.fromkeys(of_examples, _OF_TABLE)
    leaks: dict[str, list[Place]] = {}
    shown: dict[str, list[Place]] = {}
    looks: dict[str, bytes] = {}
    for digest, file in examples.covers.items():
        with translating_read_errors(Path(file)):
            looks[digest] = describe(context, file.read())
        first[f"sha256 {digest}"] = at = Place(_EXAMPLES, file.path)
        shown[digest] = [at]
    with context.bar("verify", len(places), "file") as bar:
        for place in places:
            row = rows.get(place.path)
            credited = (*artists[row.artist], *artist_ids(row.artist_ids)) if row else ()
            digest = _read(context, place, looks)
            shown.setdefault(digest, []).append(place)
            ties = list[str]()
            if row and examples:
                ids = examples.shared((row.album_id, *elsewhere.get(row.album_id, ())))
                both = examples.names & {names_key(row.artist, row.title)}
                ties += _ties_of_album(sorted(ids), both)
            if row and row.album in names:
                ties += _ties_of_album([names[row.album]], ())
            for tie in (*_ties(place, digest, credited), *ties):
                other = first.setdefault(tie, place)
                if tie in leaks:
                    leaks[tie].append(place)
                elif other.set_name != place.set_name:
                    leaks[tie] = [other, place]
            bar.advance()
    compared = _compare(context, shown, looks, leaks)
    if leaks:
        raise _leaked(context, leaks)
    counts = Counter(place.set_name for place in places)
    strangers = sum(place.path not in rows for place in places)
    unknown = f"; of {strangers:,} files without a row in the dataset the artists aren't known"
    return Summary(
        stage="split",
        unit="files",
        rows_in=len(places),
        rows_out=len(places),
        facts={
            "sets": {name: counts[name] for name in SETS},
            "strangers": strangers,
            "compared": compared,
            "examples": len(examples.covers),
        },
        notes=[
            f"{compared:,} pairs of covers were compared",
            _NOTHING_SHARED + (unknown if strangers else ""),
            *(["none is an example, nor looks like one"] if examples else []),
        ],
    )


def _places(split: Path) -> Iterator[Place]:
    """Yield every file that a program would find in a set: linked and hidden ones, at any depth."""
    for name in SETS:
        seen: set[str] = set()
        for folder, below, files in os.walk(split / name, onerror=_refuse, followlinks=True):
            real = os.path.realpath(folder)
            if real in seen:  # a link that leads back
                below.clear()
                continue
            seen.add(real)
            within = Path(folder).relative_to(split / name)
            for file in files:
                with translating_read_errors(Path(folder)):
                    is_there = Path(folder, file).exists()  # a link may lead nowhere
                if file not in LEFT_OVER and is_there:
                    yield Place(name, (within / file).as_posix())


def _refuse(err: OSError) -> None:
    """Let no folder pass unread; one that isn't there holds nothing."""
    if not isinstance(err, (FileNotFoundError, NotADirectoryError)):
        raise denial(err, None, READ) from err


def _rows_of_files(context: Context, paths: Container[str]) -> dict[str, WantedCover]:
    """Return the row of each file of the sets, by path, also where it was renamed since."""
    by_path: dict[str, WantedCover] = {}
    by_id: dict[str, WantedCover] = {}
    for row in dataset_covers(context):
        by_path |= {path: row for path in row.everywhere if path in paths}
        by_id[row.album_id] = row
    table = context.split / SPLIT_TSV
    if table.exists():
        try:
            for path, album in _listed(table):
                if album and album in by_id:
                    by_path.setdefault(path, by_id[album])
        except InputError as err:
            msg = f"{err} `equigen split` writes it anew."
            raise InputError(msg) from None
    return by_path


def _dealt_artists(context: Context) -> set[str]:
    """Return the artists that `split` dealt, also those that are gone, as far as they are known.

    They can only add ties to those of the rows, so a ledger that can't be read hides no leak.
    """
    if context.ledger.exists():
        with suppress(EquigenError), Ledger(context.ledger, read_only=True) as ledger:
            return dealt_artists(ledger.placements())
    return set()


def _listed(table: Path) -> Iterator[tuple[str, str]]:
    with reading_tsv(
        table, made_by="equigen split", required=("album_id", "file"), follows_link=False
    ) as rows:
        at_path, at_id = rows.index("file"), rows.index("album_id")
        for row in rows:
            yield row[at_path], row[at_id]


def _read(context: Context, place: Place, looks: dict[str, bytes]) -> str:
    """Return a file's sha256 (hex), and note how it looks."""
    with translating_read_errors(context.split / place.set_name / place.path):
        body = _file(context, place).read()
    digest = hashlib.sha256(body).hexdigest()
    if digest not in looks:
        looks[digest] = describe(context, body)
    return digest


def _file(context: Context, place: Place) -> FileBelow:
    """Return the file that stands in a place, or that a link there leads to.

    Raises:
        InputError: the link leads out of the sets and the images folder.

    """
    if place.set_name == _EXAMPLES:
        return FileBelow(context_of_examples(context).images, place.path)
    file = context.split / place.set_name / place.path
    real = Path(os.path.realpath(file))
    for root in (context.split, *context.image_folders):
        root_now = Path(os.path.realpath(root))
        if real.is_relative_to(root_now):
            return FileBelow(root_now, real.relative_to(root_now).as_posix())
    msg = (
        f"{file}: a symbolic link leads from there to {real}, out of {context.split} and"
        f" {context.images}; expected a cover. It wasn't read. Remove the link, then run again."
    )
    raise InputError(msg)


def _compare(
    context: Context,
    shown: dict[str, list[Place]],
    looks: dict[str, bytes],
    leaks: dict[str, list[Place]],
) -> int:
    """Add the covers that look alike beyond doubt and are in two sets; return what was compared.

    Beyond doubt: how a file looks can differ by a hair from what the split knew of it.
    """
    files = {digest: _file(context, places[0]) for digest, places in shown.items()}
    compared = 0
    stored = (StoredLook(*each) for each in looks.items())
    for judged in judged_pairs(stored, files, {}, context.bar, ties=attrgetter("is_clear")):
        compared += 1
        places = [*shown[judged.first], *shown[judged.second]]
        if judged.verdict.is_clear and len({place.set_name for place in places}) > 1:
            leaks[
                f"near-duplicate, likeness {judged.verdict.likeness:.2f}"
                f" ({judged.first[:12]}, {judged.second[:12]})"
            ] = places
    return compared


def _ties(place: Place, digest: str, artists: tuple[str, ...]) -> Iterator[str]:
    yield f"name {place.path}"
    yield f"sha256 {digest}"
    yield from (f"artist {name}" for name in artists)


def _ties_of_album(ids: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    yield from (f"album {each}" for each in ids if each)
    yield from (f"album {each.replace(chr(0), ': ')}" for each in names if each)


def _leaked(context: Context, leaks: dict[str, list[Place]]) -> LeakError:
    shown = "".join(
        f"\n{tie}: {', '.join(f'{place.set_name}/{place.path}' for place in places)}"
        for tie, places in list(leaks.items())[:_MOST_SHOWN]
    )
    more = f"\nand {len(leaks) - _MOST_SHOWN} more" if len(leaks) > _MOST_SHOWN else ""
    advice = "`equigen split --reshuffle` deals anew"
    if any(place.set_name == _EXAMPLES for places in leaks.values() for place in places):
        advice = f"what is in {_EXAMPLES} may be in none: `equigen split` takes it out"
    msg = (
        f"{context.split}: expected each name, file, artist, album and picture in one set,"
        f" found {len(leaks)} in several. {advice}.{shown}{more}"
    )
    return LeakError(msg)
