"""The search for covers that look alike, over real files: each pair once, none forgotten."""

import random
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path

import pytest
from bench.changes import HARDER
from lookalikes import SIZE_PX, saved, scene, sleeve
from PIL import Image, ImageOps
from support import silent_bar

from equigen.errors import StorageError
from equigen.images.check import check_picture
from equigen.images.rendering import Demands
from equigen.ledger.models import StoredLook
from equigen.neardup.candidates import searched_views
from equigen.neardup.comparison import (
    Agreement,
    Judged,
    boxes_of,
    judged_pairs,
    look_alike,
    thumb,
)
from equigen.neardup.signatures import DISTANCE
from equigen.storage.below import FileBelow

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


def below(file: Path) -> FileBelow:
    """Return a file in its folder."""
    return FileBelow(file.parent, file.name)


def judged(
    looks: Iterable[StoredLook], files: Mapping[str, Path], known: Mapping[Pair, bool] | None = None
) -> dict[Pair, Judged]:
    """Return what came of each pair, and see that each came once and in order."""
    found = list(
        judged_pairs(
            looks, {name: below(file) for name, file in files.items()}, known or {}, silent_bar
        )
    )
    by_pair = {(pair.first, pair.second): pair for pair in found}
    assert len(by_pair) == len(found)
    assert all(first < second for first, second in by_pair)
    return by_pair


def alike(found: Mapping[Pair, Judged]) -> set[Pair]:
    """Return the pairs that look alike."""
    return {pair for pair, each in found.items() if each.verdict.is_alike}


def hung_together(pairs: Iterable[Pair] | Mapping[Pair, Judged]) -> set[frozenset[str]]:
    """Return the covers that look alike, directly or through others."""
    links = alike(pairs) if isinstance(pairs, Mapping) else set(pairs)
    groups: set[frozenset[str]] = set()
    for pair in links:
        touched = {group for group in groups if group & set(pair)}
        groups = (groups - touched) | {frozenset(pair).union(*touched)}
    return groups


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
    assert hung_together(found) == hung_together(expected(pictures))
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
    assert judged(looks, files, {pair: each.verdict.is_alike for pair, each in every.items()}) == {}
    one = ("0 as it came", "0 small")
    assert one not in judged(looks, files, {one: True})
    again = judged(looks, files, {one: False})
    assert one not in again
    assert hung_together(again) == hung_together(every)
    gone = "1 as it came"
    files.pop(gone).unlink()
    left = {group - {gone} for group in hung_together(every)}
    assert hung_together(judged(looks, files)) == left


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


@pytest.mark.parametrize("kind", HARDER)
def test_a_picture_that_was_spoilt_is_found(tmp_path: Path, kind: str) -> None:
    """Written over, shifted, cropped or blurred; mirrored it is another picture."""
    made = {}
    for seed in range(8):
        image = scene(seed)
        made[f"{seed} as it came"] = saved(image)
        made[f"{seed} spoilt"] = HARDER[kind](image, seed)
        made[f"mirrored {seed}"] = saved(ImageOps.mirror(image))
    found = judged(looks_of(made), on_disk(tmp_path, made))
    assert hung_together(found) == {
        frozenset((f"{seed} as it came", f"{seed} spoilt")) for seed in range(8)
    }


def test_what_is_tied_is_not_compared_again(tmp_path: Path) -> None:
    """Of many copies of one picture each comes in a few pairs, and all hang together."""
    image = scene(3)
    copies = {f"{size}": saved(image.resize((size, size))) for size in range(100, 240, 2)}
    found = judged(looks_of(copies), on_disk(tmp_path, copies))
    assert len(found) <= 3 * len(copies)
    assert hung_together(found) == {frozenset(copies)}


def test_two_groups_that_were_refused_often_are_left_alone(tmp_path: Path) -> None:
    """Many copies of one cover of a series, and many of another: few pairs are compared in vain."""
    one, other = scene(3), scene(3).copy()
    other.paste(scene(5).resize((100, 100)), (70, 70))
    made = {
        f"{name} {size}": saved(image.resize((size, size)))
        for name, image in (("a", one), ("b", other))
        for size in range(120, 220, 2)
    }
    found = judged(looks_of(made), on_disk(tmp_path, made))
    refused = found.keys() - alike(found)
    assert all(first[0] != second[0] for first, second in refused)
    assert 0 < len(refused) < 50
    assert {len(group) for group in hung_together(found)} == {len(made) // 2}


def test_looks_alike_in_some_parts(tmp_path: Path) -> None:
    """A crop looks like a part of the picture that it is of, and like no part of another."""
    image = scene(6)
    crop = saved(image.crop((12, 12, 228, 228)))
    made = {"whole": saved(image), "crop": crop, "other": saved(scene(5))}
    files, looks = on_disk(tmp_path, made), dict(looks_of(made))
    thumbs = {name: thumb(below(file)) for name, file in files.items()}
    boxes = {name: boxes_of(look) for name, look in looks.items()}
    assert [len(each) for each in boxes.values()] == [
        len(searched_views(look)) for look in looks.values()
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
    small = thumb(below(file))
    assert small.greys.shape == (160, 160)
    assert small.side_px == min(size_px)


def test_a_file_that_went_away_meanwhile_is_named(tmp_path: Path) -> None:
    """It is no bare error of the system."""
    made = {"a": saved(sleeve("Echoes")), "b": saved(sleeve("Echoes"), quality=60)}
    files = on_disk(tmp_path, made)
    files["b"].unlink()
    with pytest.raises(StorageError, match=r"/b: "):
        judged(looks_of(made), files)
