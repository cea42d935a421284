"""Keep the sets that a dataset gives its albums, and tell what ties them to other sets."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat

from equigen.dataset.context import Context
from equigen.dataset.table import map_table
from equigen.errors import InputError
from equigen.schema import ASIDE, SETS
from equigen.splitting.dealing import Dealt
from equigen.splitting.grouping import Member

# The order in which sets are filled: what test has, no other may have.
_TURNS = tuple(reversed(SETS))
_STAYS = "stays elsewhere"


def sets_in(context: Context) -> Iterator[str]:
    """Yield the set that each row of the dataset gives where these are kept, else "" without end.

    Raises:
        InputError: a cell is no set.

    """
    if not context.settings.split.keep_sets:
        yield from repeat("")
    columns = map_table(context.tsv, ["set_given"], lambda chunk: chunk.frame["set_given"])
    for number, cell in enumerate(chain.from_iterable(columns), start=1):
        name = cell.strip().lower()
        if name and name not in SETS:
            msg = (
                f"{context.tsv}, row {number:,}: set_given: expected {', '.join(SETS)} or nothing,"
                f" got {cell!r}. Mend it, then run again."
            )
            raise InputError(msg)
        yield name


@dataclass(slots=True)
class GivenSets:
    """The sets that rows give their covers, by path.

    Of rows that give a cover or an album several, the one that is filled first counts: its cover is
    `of_path`, and `others` has the further ones of the same path.
    """

    of_path: dict[str, str] = field(default_factory=dict)
    others: dict[str, set[str]] = field(default_factory=dict)
    _of_album: dict[str, str] = field(default_factory=dict)

    def add(self, path: str, album: str, name: str) -> None:
        """Add the set that a row gives its cover and album."""
        there = self.of_path.get(path, name)
        first = self.of_path[path] = min(name, there, key=_TURNS.index)
        if name != there:
            self.others[path] = self.others.get(path, set()) | {name, there} - {first}
        self._of_album[album] = min(first, self._of_album.get(album, first), key=_TURNS.index)

    def known(self, context: Context) -> "GivenSets":
        """Return these sets.

        Raises:
            InputError: they are to be kept, and there are none.

        """
        if context.settings.split.keep_sets and not self.of_path:
            msg = (
                f"{context.tsv}: split.keep_sets: no row with a cover has a set in the column"
                " set_given. Expected train, val or test there; without --keep-sets all are dealt."
            )
            raise InputError(msg)
        return self

    def in_turn(self) -> Iterator[str]:
        """Yield the paths in the order in which their sets are filled."""
        for name in _TURNS:
            yield from (path for path, given in self.of_path.items() if given == name)

    def is_later_in(self, path: str, album: str) -> bool:
        """Tell whether another row gives the cover's album a set that is filled earlier."""
        return path in self.of_path and self.of_path[path] != self._of_album[album]

    def leaks(
        self, members: Sequence[Member], dealt: Dealt, same: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Sequence[str]]:
        """Return what ties covers to other sets than the given one, by path.

        A leak reads "artist test/Jazz/name.jpg": what is shared, and a cover of that set. `same`
        has the ties of a cover's own picture; others to covers are those to near-duplicates.
        """
        found = {
            path: [f"picture {each}" for each in sorted(self.others[path])] for path in self.others
        }
        aside = [each for each in dealt.aside if each.path in self.of_path]
        first: dict[str, str] = {}
        for member in members if aside else ():
            if name := dealt.sets.get(member.path):
                first.update(
                    {tie: f"{name}/{member.path}" for tie in member.ties if tie not in first}
                )
        for each in aside:
            leaks = found.setdefault(each.path, [])
            for tie, name in each.ties.items():
                kind = "picture" if tie in same[each.path] else tie.partition(" ")[0]
                if name != self.of_path[each.path]:
                    kind = "near-duplicate" if kind == "cover" else kind
                    leaks.append(f"{kind} {first.get(tie, name)}")
        return found

    def counts(
        self, leaks: Mapping[str, Sequence[str]], where: Mapping[str, str]
    ) -> Mapping[str, int]:
        """Count covers by what ties them elsewhere, and those that stay in another set."""
        kinds = Counter(
            kind for found in leaks.values() for kind in {leak.partition(" ")[0] for leak in found}
        )
        stay = sum(
            where.get(path, ASIDE) not in (name, ASIDE) for path, name in self.of_path.items()
        )
        return {**kinds, **({_STAYS: stay} if stay else {})}
