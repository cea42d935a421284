"""The proof that nothing stands in two sets, read off the files."""

from collections import Counter
from collections.abc import Iterator

from equigen.context import Context
from equigen.covers import dataset_covers
from equigen.errors import LeakError, MissingInputError
from equigen.layout import files_in_sets, sha256_of
from equigen.rules.credits import artists_by_credit
from equigen.rules.splitting import SETS, Place
from equigen.summary import Summary

_MOST_SHOWN = 50


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
    with context.bar("verify", len(places), "file") as bar:
        for place in places:
            file = context.split / place.set_name / place.path
            credited = artists[names[place.path]] if place.path in names else ()
            for tie in _ties(place, sha256_of(file), credited):
                other = first.setdefault(tie, place)
                if tie in leaks:
                    leaks[tie].append(place)
                elif other.set_name != place.set_name:
                    leaks[tie] = [other, place]
            bar.advance()
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
        facts={"sets": {name: counts[name] for name in SETS}, "strangers": strangers},
        notes=[f"no name, file or artist is in two sets{unknown if strangers else ''}"],
    )


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
        f"{context.split}: expected each name, file and artist in one set, found {len(leaks)} in"
        f" several. `equigen split --reshuffle` deals anew.{shown}{more}"
    )
    return LeakError(msg)
