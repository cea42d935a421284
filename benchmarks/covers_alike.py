"""How well look-alikes are found: real covers, each changed in 17 ways, beside rivals.

    python benchmarks/covers_alike.py FOLDER [--rival PYTHON] [--made-up 4000]

FOLDER holds covers, and may hold an `index.tsv` whose column `file` names them and whose column
`group` tells which are alike; without it each file counts as a cover of its own. PYTHON is one that
has imagehash and imagededup; without it, only EquiGen is measured. Recall is the share of covers
whose changed copy is found, in a search of the covers and of their copies of this one kind;
precision the share of right ones among all pairs found. Two that hang together through others
count as found: of many copies not each two are compared. Then so many covers are drawn, in two
dozen styles, of which no two show the same.
"""

import argparse
import csv
import hashlib
import io
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from bench.changes import CHANGES, HARDER
from PIL import Image, ImageOps

from equigen.cli.console import TqdmBars
from equigen.identity.disjoint_sets import DisjointSets
from equigen.images.check import check_picture
from equigen.images.rendering import Demands
from equigen.ledger.models import StoredLook
from equigen.neardup.comparison import Judged, judged_pairs
from equigen.sandbox.catalogue import FLAVOURS
from equigen.sandbox.covers import draw_cover
from equigen.storage.below import FileBelow

AS_IT_WAS = "as it was"
KINDS = {**CHANGES, **HARDER}
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif"})
FARTHEST_BITS = 20
# By eye: these show something else than the rest of their groups.
DIFFERENT = frozenset({"beets/abbey-different.jpg", "songdb/freebird.jpg"})
# The same picture, smaller, under a wide banner: nobody is right or wrong about it.
EITHER = "songdb/Portal_-_Still_Alive__before_2023-12-25.jpg"
DEMANDS = Demands(1, 100_000_000)
WHITE = (255, 255, 255, 255)


@dataclass(frozen=True, slots=True)
class Picture:
    """A file to compare: which cover it was made of, what that shows, and how it was changed."""

    name: str
    cover: int
    shows: str
    kind: str
    is_either: bool


@dataclass(slots=True)
class Found:
    """The pairs that somebody found, by the places of two pictures, the lower one first."""

    who: str
    pairs: set[tuple[int, int]] = field(default_factory=set)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rival", type=Path)
    parser.add_argument("--made-up", type=int, default=4000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        pictures = list(written(given.folder, Path(scratch)))
        contenders = [by_equigen(pictures, Path(scratch))]
        if given.rival:
            contenders += by_rivals(pictures, Path(scratch), given.rival)
        print_table(pictures, contenders)
    if given.made_up:
        show_made_up(given.made_up)


def written(folder: Path, scratch: Path) -> Iterator[Picture]:
    """Write each cover and its changed copies into a folder."""
    rows = covers_in(folder)
    for cover, row in enumerate(rows):
        body = (folder / row["file"]).read_bytes()
        alone = not row["group"] or row["file"] in DIFFERENT
        shows = row["file"] if alone else row["group"]
        changed = {kind: change(upright(body), cover) for kind, change in KINDS.items()}
        for number, (kind, data) in enumerate({AS_IT_WAS: body, **changed}.items()):
            with Image.open(io.BytesIO(data)) as image:
                name = f"{cover:03}-{number:02}.{str(image.format).lower()}"
            (scratch / name).write_bytes(data)
            yield Picture(name, cover, shows, kind, row["file"] == EITHER)


def covers_in(folder: Path) -> list[dict[str, str]]:
    """Return the `file` and the `group` of each cover, and say what was seen."""
    index = folder / "index.tsv"
    if index.is_file():
        with index.open(encoding="utf-8", newline="") as table:
            rows = list(csv.DictReader(table, delimiter="\t"))
    else:
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
        rows = [{"file": file.relative_to(folder).as_posix(), "group": ""} for file in files]
        print(f"{index}: not there, so editions of one artwork weren't seen as such")
    print(
        f"{folder}: {len(rows):,} covers, {len(rows) * (len(KINDS) + 1):,} files with their copies"
    )
    return rows


def upright(body: bytes) -> Image.Image:
    """Return a picture as it is shown: turned, on white, in RGB."""
    with Image.open(io.BytesIO(body)) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, WHITE), layer)
    return image.convert("RGB")


def by_equigen(pictures: list[Picture], scratch: Path) -> Found:
    """Compare as `dedupe --covers` does; files of the same bytes are alike."""
    bodies = [(scratch / picture.name).read_bytes() for picture in pictures]
    began = time.perf_counter()
    places: dict[str, list[int]] = {}
    looks: dict[str, bytes] = {}
    for at, body in enumerate(bodies):
        digest = hashlib.sha256(body).hexdigest()
        places.setdefault(digest, []).append(at)
        looks[digest] = check_picture(body, DEMANDS).descriptor
    looked = time.perf_counter()
    found = Found("EquiGen")
    for same in places.values():
        found.pairs |= set(combinations(same, 2))
    files = {digest: FileBelow(scratch, pictures[at[0]].name) for digest, at in places.items()}
    compared = 0
    for kind in KINDS:
        some = {
            digest: looks[digest]
            for digest, at in places.items()
            if any(pictures[each].kind in {AS_IT_WAS, kind} for each in at)
        }
        judged = list(judged_pairs(as_stored(some), files, {}, TqdmBars(shown=False)))
        compared += len(judged)
        for group in hung_together(judged):
            together = [each for digest in group for each in places[digest]]
            found.pairs |= set(combinations(sorted(together), 2))
    ended = time.perf_counter()
    print(
        f"{len(pictures):,} files: decoded and looked at in"
        f" {(looked - began) / len(pictures) * 1e3:.2f} ms each; {compared:,} pairs compared in"
        f" {ended - looked:.1f} s\n"
    )
    return found


def hung_together(judged: Iterable[Judged]) -> list[list[str]]:
    """Return the covers that look alike, directly or through others, group by group."""
    sets = DisjointSets()
    names: set[str] = set()
    for pair in judged:
        if pair.verdict.is_alike:
            sets.join(pair.first, pair.second)
            names |= {pair.first, pair.second}
    groups: dict[int, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(sets.root(name), []).append(name)
    return list(groups.values())


def as_stored(looks: Mapping[str, bytes]) -> Iterator[StoredLook]:
    """Return looks as a ledger has them."""
    return (StoredLook(*each) for each in looks.items())


def by_rivals(pictures: list[Picture], scratch: Path, python: Path) -> list[Found]:
    """Return what the rivals find: imagehash at each distance, imagededup by its defaults."""
    script = Path(__file__).with_name("rival_hashes.py")
    done = subprocess.run(
        [python, "-W", "ignore", script, scratch], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    print("rivals:", ", ".join(f"{name} {version}" for name, version in told["versions"].items()))
    at = {picture.name: place for place, picture in enumerate(pictures)}
    hashes = [int(told["phash"][picture.name], 16) for picture in pictures]
    apart = {
        (a, b): (hashes[a] ^ hashes[b]).bit_count()
        for a, b in combinations(range(len(pictures)), 2)
    }
    found = [
        Found(f"phash ≤ {bits}", {pair for pair, n in apart.items() if n <= bits})
        for bits in range(FARTHEST_BITS + 1)
    ]
    for method, duplicates in told["duplicates"].items():
        pairs = {
            (min(at[one], at[other]), max(at[one], at[other]))
            for one, others in duplicates.items()
            for other in others
        }
        found.append(Found(f"imagededup {method}", pairs))
    return found


def print_table(pictures: list[Picture], contenders: Iterable[Found]) -> None:
    """Print recall by kind of change, for pairs that were alike as they came, and precision."""
    originals = {each.cover: at for at, each in enumerate(pictures) if each.kind == AS_IT_WAS}
    copies = {
        kind: [(originals[each.cover], at) for at, each in enumerate(pictures) if each.kind == kind]
        for kind in KINDS
    }
    copies["editions"] = [
        pair
        for pair in combinations(sorted(originals.values()), 2)
        if pictures[pair[0]].shows == pictures[pair[1]].shows
        and not any(pictures[at].is_either for at in pair)
    ]
    print("\n| found by |", " | ".join(copies), "| precision |")
    print("|---" * (len(copies) + 2) + "|")
    for found in contenders:
        recalls = [share(pair in found.pairs for pair in pairs) for pairs in copies.values()]
        right = share(
            pictures[a].shows == pictures[b].shows
            for a, b in found.pairs
            if pictures[a].cover == pictures[b].cover
            or not (pictures[a].is_either or pictures[b].is_either)
        )
        print(f"| {found.who} |", " | ".join(f"{each:.2f}" for each in recalls), f"| {right:.4f} |")


def share(answers: Iterable[bool]) -> float:
    """Return the share of those that are true; 1 where there are none."""
    counted = list(answers)
    return sum(counted) / len(counted) if counted else 1.0


def show_made_up(count: int) -> None:
    """Print how many drawn covers are taken for each other, though no two show the same."""
    styles = sorted(FLAVOURS)
    draw: Callable[[int], bytes] = lambda n: draw_cover(  # noqa: E731
        f"p{n}", styles[n % len(styles)], f"Artist {n}", f"Title {n}", size_px=150
    )
    with tempfile.TemporaryDirectory() as scratch:
        files: dict[str, FileBelow] = {}
        looks: dict[str, bytes] = {}
        for number in range(count):
            body = draw(number)
            digest = hashlib.sha256(body).hexdigest()
            file = Path(scratch) / f"{number}.jpg"
            file.write_bytes(body)
            files[digest] = FileBelow(file.parent, file.name)
            looks[digest] = check_picture(body, DEMANDS).descriptor
        judged = list(judged_pairs(as_stored(looks), files, {}, TqdmBars(shown=False)))
    alike = sum(pair.verdict.is_alike for pair in judged)
    print(
        f"\n{count:,} covers drawn in {len(styles)} styles, {count * (count - 1) // 2:,} pairs:"
        f" {len(judged):,} had a second look, {alike:,} were taken for the same"
    )


if __name__ == "__main__":
    main()
