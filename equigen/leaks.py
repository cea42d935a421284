"""The proof that nothing stands in two sets, read off the files alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from equigen.context import Context
from equigen.covers import dataset_covers
from equigen.errors import LeakError, MissingInputError
from equigen.layout import files_in_sets, sha256_of
from equigen.rules.credits import artists_by_credit
from equigen.rules.splitting import SETS, Place
from equigen.summary import Summary

_MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class _Leak:
    """What files of several sets share."""

    what: str
    places: tuple[Place, ...]

    def __str__(self) -> str:
        return f"{self.what}: " + ", ".join(f"{each.set_name}/{each.path}" for each in self.places)


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
    credits_ = {row.path: row.artist for row in dataset_covers(context)}
    artists = artists_by_credit(credits_.values())
    ties: list[tuple[str, Place]] = []
    with context.bar("verify", len(places), "file") as bar:
        for place in places:
            digest = sha256_of(context, place.path, place.set_name)
            names = artists[credits_[place.path]] if place.path in credits_ else ()
            ties += [(f"file {place.path}", place), (f"sha256 {digest}", place)]
            ties += [(f"artist {name}", place) for name in names]
            bar.advance()
    leaks = list(_leaks(ties))
    if leaks:
        shown = "\n".join(map(str, leaks[:_MOST_SHOWN]))
        more = f"\nand {len(leaks) - _MOST_SHOWN} more" if len(leaks) > _MOST_SHOWN else ""
        msg = (
            f"{context.split}: {len(leaks)} things stand in two sets. Run `equigen split` (with the"
            f" default --group) to mend that.\n{shown}{more}"
        )
        raise LeakError(msg)
    counts = {name: sum(place.set_name == name for place in places) for name in SETS}
    return Summary(
        stage="split",
        unit="files",
        rows_in=len(places),
        rows_out=len(places),
        facts={"sets": counts, "strangers": sum(p.path not in credits_ for p in places)},
        notes=["no file, picture or artist is in two sets"],
    )


def _leaks(ties: Iterable[tuple[str, Place]]) -> Iterator[_Leak]:
    places: dict[str, list[Place]] = {}
    for tie, place in ties:
        places.setdefault(tie, []).append(place)
    for tie, all_of in places.items():
        if len({place.set_name for place in all_of}) > 1:
            yield _Leak(tie, tuple(all_of))
