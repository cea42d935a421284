"""Many copies of one picture cost as many comparisons each as few do: counted, not timed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lookalikes import saved, scene
from support import silent_bar

from equigen.identity.disjoint_sets import DisjointSets
from equigen.images.check import check_picture
from equigen.images.rendering import Demands
from equigen.ledger.models import CoverPair, StoredLook
from equigen.neardup import comparison
from equigen.neardup.clusters import MOST_ASKED, gathered
from equigen.neardup.comparison import judged_pairs
from equigen.storage.below import FileBelow

FEW, MANY = 250, 500


class Steps(list[int]):
    """A list that counts how often its values are read."""

    read = 0

    def __getitem__(self, at: Any) -> Any:  # noqa: ANN401  (a list's)
        """Return a value."""
        self.read += 1
        return super().__getitem__(at)


def compared(
    folder: Path, patch: pytest.MonkeyPatch, count: int
) -> tuple[int, list[tuple[str, str]]]:
    """Compare so many copies of one picture; return the comparisons of pixels, and the pairs."""
    body = saved(scene(3))
    (folder / "cover.jpg").write_bytes(body)
    look = check_picture(body, Demands(1, 10**7)).descriptor
    names = [f"{number:04}" for number in range(count)]
    calls = 0
    compare = comparison.compare

    def counted(*args: Any) -> comparison.Agreement:  # noqa: ANN401  (those of `compare`)
        nonlocal calls
        calls += 1
        return compare(*args)

    with patch.context() as within:
        within.setattr(comparison, "compare", counted)
        looks = [StoredLook(name, look) for name in names]
        files = dict.fromkeys(names, FileBelow(folder, "cover.jpg"))
        pairs = [(each.first, each.second) for each in judged_pairs(looks, files, {}, silent_bar)]
    return calls, pairs


def test_copies_of_one_picture_are_compared_and_gathered_in_linear_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is compared with a few others, and asked of a few members of its group."""
    counts = []
    for count in (FEW, MANY):
        calls, pairs = compared(tmp_path, monkeypatch, count)
        assert calls <= 3 * count
        assert {name for pair in pairs for name in pair} == {f"{n:04}" for n in range(count)}
        asked = 0

        def agree(_one: str, _other: str) -> bool:
            nonlocal asked
            asked += 1
            return True

        links = [CoverPair(*pair, 0, 1.0, is_alike=True) for pair in pairs]
        assert [len(group) for group in gathered(links, agree)] == [count]
        assert asked <= MOST_ASKED * count
        counts.append(calls + asked)
    assert counts[1] <= 2.2 * counts[0]


ORDERS: dict[str, Callable[[int], list[tuple[int, int]]]] = {
    "a chain": lambda count: [(n, n + 1) for n in range(count - 1)],
    "a chain from its end": lambda count: [(n, n + 1) for n in reversed(range(count - 1))],
    "a chain turned round": lambda count: [(n + 1, n) for n in range(count - 1)],
    "a star": lambda count: [(0, n) for n in range(1, count)],
    "a star turned round": lambda count: [(n, 0) for n in range(1, count)],
    "halves": lambda count: [
        (n, n + step)
        for step in (1 << bit for bit in range(count.bit_length()))
        for n in range(0, count - step, 2 * step)
    ],
}


@pytest.mark.parametrize("order", ORDERS)
def test_sets_are_united_in_nearly_linear_time(order: str) -> None:
    """In whatever order their members come: a few steps for each."""
    steps = []
    for count in (FEW, MANY):
        sets = DisjointSets()
        parents = sets._parents = Steps()  # noqa: SLF001  (whose steps are counted)
        for one, other in ORDERS[order](count):
            sets.join(one, other)
        roots = {sets.root(number) for number in range(count)}
        assert len(roots) == 1
        steps.append(parents.read)
        assert parents.read <= 3 * count * count.bit_length()
    assert steps[1] <= 2.4 * steps[0]
