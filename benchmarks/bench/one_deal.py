"""One deal of albums into sets, in a process of its own: python one_deal.py ROWS [GROUPS].

ROWS holds lines of an album's path, label and credit, parted by tabs. Deals them as `equigen split`
does, once with nothing known and once more with all of that known, and prints one line of JSON:
the seconds of each, the process's largest memory, how many groups there are, how many albums moved
in the second deal, and how far shares are from 70/15/15. GROUPS: a file to write for
`one_rival_deal.py`, the label and the group of each album as numbers.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.one_rival_deal import RATIO, farthest, peak_mib
from equigen.identity.artists import artists_by_credit
from equigen.schema import SETS
from equigen.splitting.dealing import Dealt, Earlier, deal
from equigen.splitting.grouping import Grouping, Member, grouped

SEED = 1337


class Row(NamedTuple):
    """An album: its path, its label and who is on it."""

    path: str
    label: str
    credit: str


def main() -> None:
    """Deal twice and say what it took."""
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    rows = [Row(*line.split("\t")) for line in lines]
    rows_mib = peak_mib()
    began_s = time.perf_counter()
    members = members_of(rows)
    grouping = grouped(members)
    first = deal(members, grouping, ratio=RATIO, seed=SEED)
    fresh_s = time.perf_counter() - began_s
    known = [
        Earlier(first.sets[member.path], member.ties, (member.path,))
        for member in members
        if member.path in first.sets
    ]
    peak_fresh_mib = peak_mib()
    began_s = time.perf_counter()
    again = members_of(rows)
    second = deal(again, grouped(again), ratio=RATIO, seed=SEED, before=known)
    kept_s = time.perf_counter() - began_s
    told = {
        "fresh_s": fresh_s,
        "kept_s": kept_s,
        "peak_mib": peak_mib(),
        "peak_fresh_mib": peak_fresh_mib,
        "rows_mib": rows_mib,
        "groups": len(grouping.groups),
        "cut": grouping.cut,
        "aside": len(first.aside),
        "moved": moved(first.sets, second.sets),
        "farthest_points": points_off(members, first),
    }
    print(json.dumps(told))
    if sys.argv[2:]:
        write_groups(Path(sys.argv[2]), members, grouping)


def members_of(rows: Sequence[Row]) -> list[Member]:
    """Return albums with their ties, as `split` makes them; no two share a picture."""
    artists = artists_by_credit({row.credit for row in rows})
    members = []
    for row in rows:
        names = artists[row.credit]
        ties = (*(f"artist {name}" for name in names), f"cover {row.path}")
        members.append(
            Member(row.path, (row.label,), row.path, ties, is_collaboration=len(names) > 1)
        )
    return members


def moved(first: Mapping[str, str], second: Mapping[str, str]) -> int:
    """Return how many albums are in another set, or in none any more."""
    return sum(second.get(path) != name for path, name in first.items())


def points_off(members: Sequence[Member], dealt: Dealt) -> float:
    """Return how far a label's share in a set is at most from the one asked for, in points."""
    labels = {name: at for at, name in enumerate(sorted({member.labels[0] for member in members}))}
    in_sets = [member for member in members if member.path in dealt.sets]
    codes = np.array([labels[member.labels[0]] for member in in_sets])
    sets = np.array([SETS.index(dealt.sets[member.path]) for member in in_sets])
    return farthest(codes, sets)


def write_groups(file: Path, members: Sequence[Member], grouping: Grouping) -> None:
    """Write the label and the group of each album; who is in no group is one by itself."""
    labels = {name: at for at, name in enumerate(sorted({member.labels[0] for member in members}))}
    groups = np.arange(len(members)) + len(members)
    for number, group in enumerate(grouping.groups):
        groups[list(group)] = number
    np.savez(file, labels=np.array([labels[each.labels[0]] for each in members]), groups=groups)


if __name__ == "__main__":
    main()
