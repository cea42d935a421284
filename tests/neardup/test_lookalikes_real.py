"""Real covers and changed copies of them: all copies are found, and nothing else."""

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import pytest
from bench.changes import CHANGES
from PIL import Image, ImageOps
from support import realdata, silent_bar

from equigen.identity.disjoint_sets import DisjointSets
from equigen.images.check import check_picture
from equigen.images.rendering import Demands
from equigen.ledger.models import StoredLook
from equigen.neardup.comparison import judged_pairs
from equigen.storage.below import FileBelow

# Of what the index calls one picture, these two are others.
_OTHERS = frozenset({"beets/abbey-different.jpg", "songdb/freebird.jpg"})
# The same picture, smaller, under a wide banner: found or not.
_MAY_BE_MISSED = frozenset(
    {
        "songdb/Portal_-_Still_Alive__before_2023-12-25.jpg",
    }
)
_EACH = 3
# Copies are made of covers of this size at most, so that the test is quick.
_MOST_PX = 600


@dataclass(frozen=True)
class Searched:
    """What each file (by its sha256) shows, which copies were made, and which pairs were found."""

    shows: Mapping[str, str]
    files: Mapping[str, str]
    copies: Mapping[tuple[str, str], tuple[str, str]]
    alike: frozenset[tuple[str, str]]


def upright(body: bytes) -> Image.Image:
    """Return a cover in RGB, on white, no larger than need be."""
    image = Image.open(io.BytesIO(body))
    image.draft("RGB", (_MOST_PX, _MOST_PX))
    layer = ImageOps.exif_transpose(image).convert("RGBA")
    layer.thumbnail((_MOST_PX, _MOST_PX))
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """All real covers, and copies of every third, looked at in one search."""
    covers = realdata("covers")
    with (covers / "index.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    folder = tmp_path_factory.mktemp("covers")
    shows, names, copies = dict[str, str](), dict[str, str](), {}

    def add(body: bytes, name: str, picture: str) -> str:
        digest = hashlib.sha256(body).hexdigest()
        (folder / digest).write_bytes(body)
        shows.setdefault(digest, picture)
        names.setdefault(digest, name)
        return digest

    for number, row in enumerate(rows):
        body, name = (covers / row["file"]).read_bytes(), row["file"]
        picture = name if name in _OTHERS else row["group"] or name
        original = add(body, name, picture)
        if number % _EACH == 0:
            image = upright(body)
            for kind, change in CHANGES.items():
                copy = add(change(image, number), f"{name}, {kind}", picture)
                first, second = sorted((original, copy))
                copies[name, kind] = first, second
    files = {digest: folder / digest for digest in shows}
    looks = [
        StoredLook(digest, check_picture(file.read_bytes(), Demands(1, 10**8)).descriptor)
        for digest, file in files.items()
    ]
    judged = judged_pairs(
        looks, {digest: FileBelow(folder, digest) for digest in files}, {}, silent_bar
    )
    hung = DisjointSets()
    for pair in judged:
        if pair.verdict.is_alike:
            hung.join(pair.first, pair.second)
    # Of many copies of one picture not each two are compared.
    alike = frozenset(
        pair for pair in combinations(sorted(files), 2) if hung.root(pair[0]) == hung.root(pair[1])
    )
    return Searched(shows, names, copies, alike)


@pytest.mark.long
@pytest.mark.parametrize("kind", CHANGES)
def test_each_changed_copy_is_found(searched: Searched, kind: str) -> None:
    """Whatever was done to it, it looks like the cover that it is a copy of."""
    mine = {name: pair for (name, made), pair in searched.copies.items() if made == kind}
    assert len(mine) > 20
    assert [name for name, pair in mine.items() if pair not in searched.alike] == []


def test_no_two_different_covers_are_alike(searched: Searched) -> None:
    """Nor is a copy of one like the other."""
    wrong = [
        (searched.files[one], searched.files[other])
        for one, other in searched.alike
        if searched.shows[one] != searched.shows[other]
    ]
    assert wrong == []


def test_real_copies_are_found(searched: Searched) -> None:
    """Covers that people saved in other sizes and formats are found as those made here are."""
    real = {digest: name for digest, name in searched.files.items() if ", " not in name}
    missed = [
        (name, real[other])
        for one, name in real.items()
        for other in real
        if one < other
        and searched.shows[one] == searched.shows[other]
        and (one, other) not in searched.alike
        and not _MAY_BE_MISSED & {name, real[other]}
    ]
    assert missed == []
