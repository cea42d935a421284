"""The search for covers that look alike, over real files: each pair once, none forgotten."""

import random
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookalikes import SIZE_PX, saved, scene, sleeve
from PIL import Image, ImageOps
from support import examples, silent_bar

from equigen.errors import StorageError
from equigen.images.check import check_picture
from equigen.images.descriptor import VIEW, Descriptor, read_descriptor
from equigen.images.rendering import Demands
from equigen.ledger.models import StoredLook
from equigen.neardup.candidates import DISTANCE, is_flat, may_be_alike
from equigen.neardup.comparison import (
    Agreement,
    Judged,
    boxes_of,
    judged_pairs,
    look_alike,
    thumb,
)

Pair = tuple[str, str]


def on_disk(folder: Path, pictures: Mapping[str, bytes]) -> dict[str, Path]:
    """Write files; their names stand for their sha256."""
    for name, body in pictures.items():
        (folder / name).write_bytes(body)
    return {name: folder / name for name in pictures}


def looks_of(pictures: Mapping[str, bytes]) -> list[StoredLook]:
    """Return how the files look."""
    return [
        StoredLook(name, check_picture(body, Demands(1, 10**7)).descriptor)
        for name, body in pictures.items()
    ]


def judged(
    looks: Iterable[StoredLook], files: Mapping[str, Path], known: Iterable[Pair] = ()
) -> dict[Pair, Judged]:
    """Return what came of each pair, and see that each came once and in order."""
    found = list(
        judged_pairs(
            looks, {name: str(file) for name, file in files.items()}, set(known), silent_bar
        )
    )
    by_pair = {(pair.first, pair.second): pair for pair in found}
    assert len(by_pair) == len(found)
    assert all(first < second for first, second in by_pair)
    return by_pair


def alike(found: Mapping[Pair, Judged]) -> set[Pair]:
    """Return the pairs that look alike."""
    return {pair for pair, each in found.items() if each.verdict.is_alike}


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    """Three scenes, two copies of each, two that nobody copied and two plain sleeves."""
    made = {}
    for seed in range(3):
        image = scene(seed)
        made[f"{seed} as it came"] = saved(image)
        made[f"{seed} small"] = saved(image.resize((120, 120)))
        made[f"{seed} in a frame"] = saved(ImageOps.expand(image, 12, fill="white"))
    made |= {f"only {seed}": saved(scene(seed)) for seed in (7, 8)}
    made |= {colour: saved(Image.new("RGB", SIZE_PX, colour)) for colour in ("black", "#101010")}
    return made


def expected(pictures: Iterable[str]) -> set[Pair]:
    """Return the pairs of one scene."""
    scenes = [name for name in pictures if name[0].isdigit()]
    return {(one, two) for one, two in combinations(sorted(scenes), 2) if one[0] == two[0]}


def test_copies_are_found_and_nothing_else(tmp_path: Path, pictures: dict[str, bytes]) -> None:
    """Each pair once, the lesser name first; plain sleeves are alike to nothing."""
    found = judged(looks_of(pictures), on_disk(tmp_path, pictures))
    assert alike(found) == expected(pictures)
    assert all(0 <= each.distance <= DISTANCE for each in found.values())
    assert not {"black", "#101010"} & {name for pair in found for name in pair}


def test_the_order_of_looks_does_not_matter(tmp_path: Path, pictures: dict[str, bytes]) -> None:
    """Not for the pairs, and not for what came of them."""
    files, looks = on_disk(tmp_path, pictures), looks_of(pictures)
    first = judged(looks, files)
    for seed in range(4):
        random.Random(seed).shuffle(looks)
        assert judged(looks, files) == first


def test_known_pairs_and_gone_files_are_left_out(
    tmp_path: Path, pictures: dict[str, bytes]
) -> None:
    """What was compared isn't compared again; what is not among the files has a look still."""
    files, looks = on_disk(tmp_path, pictures), looks_of(pictures)
    every = judged(looks, files)
    known = ("0 as it came", "0 small")
    assert judged(looks, files, [known]).keys() == every.keys() - {known}
    assert judged(looks, files, every) == {}
    gone = "1 as it came"
    files.pop(gone).unlink()
    assert judged(looks, files).keys() == {pair for pair in every if gone not in pair}


def test_nothing_and_next_to_nothing_have_no_pairs(tmp_path: Path) -> None:
    """No looks, empty looks, one cover, and plain ones only."""
    plain = {f"{level}": saved(Image.new("L", (90, 90), level)) for level in (0, 99, 255)}
    files = on_disk(tmp_path, {**plain, "one": saved(scene(1)), "none": b""})
    assert judged([], files) == {}
    assert judged([StoredLook("none", b"")], files) == {}
    assert judged(looks_of({"one": saved(scene(1))}), files) == {}
    assert judged([*looks_of(plain), StoredLook("none", b"")], files) == {}


def test_the_same_bytes_under_two_names_are_the_same(tmp_path: Path) -> None:
    """Their hashes don't differ, and their likeness is 1."""
    same = {"a": saved(scene(4)), "b": saved(scene(4))}
    found = judged(looks_of(same), on_disk(tmp_path, same))
    assert found == {("a", "b"): Judged("a", "b", 0, Agreement(1.0, 1.0))}


def views(chance: np.random.Generator, base: Descriptor, bits: int) -> Descriptor:
    """Return the views of a cover whose hashes differ from another's in so many bits, and whole."""
    look = base.copy()
    for view in look:
        for bit in chance.choice(60, bits, replace=False):
            view["hash"] ^= np.uint64(1 << int(bit))
        view["grey"] = np.clip(view["grey"] + chance.integers(-9, 10, (16, 16)), 0, 255)
    return look


def brute_force(looks: Mapping[str, Descriptor]) -> dict[Pair, int]:
    """Return the pairs that are to be judged, and the least distance of each, view by view."""
    found: dict[Pair, int] = {}
    for one, other in combinations(sorted(looks), 2):
        for a in looks[one]:
            for b in looks[other]:
                apart = (int(a["hash"]) ^ int(b["hash"])).bit_count()
                greys = (a["grey"][np.newaxis], b["grey"][np.newaxis])
                plain = any(is_flat(each)[0] for each in greys)
                if apart <= DISTANCE and not plain and may_be_alike(*greys)[0]:
                    found[one, other] = min(apart, found.get((one, other), apart))
    return found


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture, for looks that are made up."""
    file = tmp_path_factory.mktemp("comparing") / "picture.jpg"
    file.write_bytes(saved(scene(1)))
    return file


@examples(40)
@given(
    seed=st.integers(0, 10**6),
    covers=st.integers(0, 14),
    bases=st.integers(1, 3),
    most_bits=st.sampled_from([0, 1, 5, 9]),
)
def test_the_search_finds_what_looking_at_each_pair_does(
    one_file: Path, seed: int, covers: int, bases: int, most_bits: int
) -> None:
    """Also where many views have one hash, and where a cover has one twice."""
    chance = np.random.default_rng(seed)
    roots = np.zeros((bases, 4), VIEW)
    roots["hash"] = chance.integers(0, 1 << 60, (bases, 1), dtype=np.uint64)
    roots["grey"] = chance.integers(0, 256, (bases, 1, 16, 16))
    roots["box"] = (0, 0, 65535, 65535)
    looks = {
        f"{number:02}": views(
            chance,
            roots[chance.integers(bases), : chance.integers(3, 5)],
            int(chance.integers(0, most_bits + 1)),
        )
        for number in range(covers)
    }
    for look in list(looks.values())[::5]:
        look["grey"][0] = 7  # plain
    stored = [StoredLook(name, look.tobytes()) for name, look in looks.items()]
    found = judged(stored, dict.fromkeys(looks, one_file))
    assert {pair: each.distance for pair, each in found.items()} == brute_force(looks)


def test_more_pairs_than_fit_one_block_are_all_found(one_file: Path) -> None:
    """Of 1,460 views with one hash, over a million pairs: each of the last covers has one alike."""
    chance = np.random.default_rng(5)
    looks = np.zeros(1460, VIEW)
    looks["hash"] = 12345
    looks["grey"] = chance.integers(0, 256, (1460, 16, 16))
    looks["box"] = (0, 0, 65535, 65535)
    looks["grey"][1440:] = looks["grey"][:1440:72]
    stored = [StoredLook("many", looks[:1440].tobytes())]
    stored += [StoredLook(f"one {at}", looks[at : at + 1].tobytes()) for at in range(1440, 1460)]
    files = {look.sha256: one_file for look in stored}
    assert set(judged(stored, files)) == {("many", f"one {at}") for at in range(1440, 1460)}


def test_looks_alike_in_some_parts(tmp_path: Path) -> None:
    """A crop looks like a part of the picture that it is of, and like no part of another."""
    image = scene(6)
    crop = saved(image.crop((12, 12, 228, 228)))
    made = {"whole": saved(image), "crop": crop, "other": saved(scene(5))}
    files, looks = on_disk(tmp_path, made), dict(looks_of(made))
    thumbs = {name: thumb(file) for name, file in files.items()}
    boxes = {name: boxes_of(look) for name, look in looks.items()}
    assert [len(each) for each in boxes.values()] == [
        len(read_descriptor(look)) for look in looks.values()
    ]
    assert look_alike(thumbs["whole"], thumbs["crop"], boxes["whole"], boxes["crop"])
    assert look_alike(thumbs["crop"], thumbs["whole"], boxes["crop"], boxes["whole"])
    assert not look_alike(thumbs["crop"], thumbs["other"], boxes["crop"], boxes["other"])
    assert not look_alike(thumbs["crop"], thumbs["whole"], [], boxes["whole"])


@pytest.mark.parametrize("size_px", [(1, 1), (1, 3000), (159, 161), (640, 480), (2000, 90)])
def test_a_thumb_is_a_square_of_any_picture(tmp_path: Path, size_px: tuple[int, int]) -> None:
    """It remembers how many pixels the picture has on its shorter side."""
    file = tmp_path / "picture.png"
    file.write_bytes(saved(scene(2, (300, 300)).resize(size_px), "PNG"))
    small = thumb(file)
    assert small.greys.shape == (160, 160)
    assert small.side_px == min(size_px)


def test_a_file_that_went_away_meanwhile_is_named(tmp_path: Path) -> None:
    """It is no bare error of the system."""
    made = {"a": saved(sleeve("Echoes")), "b": saved(sleeve("Echoes"), quality=60)}
    files = on_disk(tmp_path, made)
    files["b"].unlink()
    with pytest.raises(StorageError, match=r"/b: "):
        judged(looks_of(made), files)
