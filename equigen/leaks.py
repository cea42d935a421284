"""The proof that nothing stands in two sets, read off the files."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from equigen.comparing import judged_pairs
from equigen.context import Context
from equigen.covers import dataset_covers
from equigen.errors import LeakError, MissingInputError
from equigen.files import translating_os_errors
from equigen.layout import files_in_sets
from equigen.lookalikes import look_at
from equigen.records import StoredLook
from equigen.rules.credits import artists_by_credit
from equigen.rules.splitting import SETS, Place
from equigen.summary import Summary

_MOST_SHOWN = 50
_NOTHING_SHARED = "no name, file, artist or near-duplicate is in two sets"


def prove_none(context: Context) -> Summary:
    """Read every file of the sets, and see that no name, picture or artist is in two of them.

    What a file shows is hashed anew; whose it is, the dataset says. Nothing is changed.

    Raises:
        LeakError: something is in two sets; the message has the files.
        MissingInputError: there are no sets, or no dataset.

    """
    places = [
        place
        for place in files_in_sets(context.split)
        if not place.path.rpartition("/")[2].startswith(".")
    ]
    if not places:
        msg = f"{context.split}: no sets there. `equigen split` makes them: run that first."
        raise MissingInputError(msg)
    names = {row.path: row.artist for row in dataset_covers(context)}
    artists = artists_by_credit(names.values())
    first: dict[str, Place] = {}
    leaks: dict[str, list[Place]] = {}
    shown: dict[str, list[Place]] = {}
    looks: dict[str, bytes] = {}
    with context.bar("verify", len(places), "file") as bar:
        for place in places:
            credited = artists[names[place.path]] if place.path in names else ()
            digest = _read(context, place, looks)
            shown.setdefault(digest, []).append(place)
            for tie in _ties(place, digest, credited):
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
    strangers = sum(place.path not in names for place in places)
    unknown = f"; {strangers:,} files have no row, so nobody knows their artists"
    return Summary(
        stage="split",
        unit="files",
        rows_in=len(places),
        rows_out=len(places),
        facts={
            "sets": {name: counts[name] for name in SETS},
            "strangers": strangers,
            "compared": compared,
        },
        notes=[f"{_NOTHING_SHARED} ({compared:,} pairs compared){unknown if strangers else ''}"],
    )


def _read(context: Context, place: Place, looks: dict[str, bytes]) -> str:
    """Return a file's sha256 (hex), and note how it looks."""
    file = _file(context, place)
    with translating_os_errors(file):
        body = file.read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    if digest not in looks:
        looks[digest] = look_at(context, body)
    return digest


def _file(context: Context, place: Place) -> Path:
    return context.split / place.set_name / place.path


def _compare(
    context: Context,
    shown: dict[str, list[Place]],
    looks: dict[str, bytes],
    leaks: dict[str, list[Place]],
) -> int:
    """Add the covers that look alike beyond doubt and are in two sets; return what was compared.

    Beyond doubt: how a file looks can differ by a hair from what the split knew of it.
    """
    files = {digest: str(_file(context, places[0])) for digest, places in shown.items()}
    compared = 0
    stored = (StoredLook(*each) for each in looks.items())
    for judged in judged_pairs(stored, files, frozenset(), context.bar):
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


def _leaked(context: Context, leaks: dict[str, list[Place]]) -> LeakError:
    shown = "".join(
        f"\n{tie}: {', '.join(f'{place.set_name}/{place.path}' for place in places)}"
        for tie, places in list(leaks.items())[:_MOST_SHOWN]
    )
    more = f"\nand {len(leaks) - _MOST_SHOWN} more" if len(leaks) > _MOST_SHOWN else ""
    msg = (
        f"{context.split}: expected each name, file, artist and picture in one set, found"
        f" {len(leaks)} in several. `equigen split --reshuffle` deals anew.{shown}{more}"
    )
    return LeakError(msg)
