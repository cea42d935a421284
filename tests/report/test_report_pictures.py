"""The draw of the covers that are shown."""

import random

from hypothesis import given
from hypothesis import strategies as st

from equigen.report.pictures import MOST_PICTURES, Sampler, ShownAlbum, covers_a_label, lot_of

SETS = ("train", "val", "test", "")


def album(number: int, decade: str = "1990s", set_name: str = "train") -> ShownAlbum:
    """Return an album of Jazz."""
    return ShownAlbum(
        lot_of(str(number)),
        f"Jazz/{number}.jpg",
        "Jazz",
        "Jazz",
        "A",
        "T",
        decade[:3] + "1",
        decade,
        set_name,
        "Jazz",
    )


def sample(albums: list[ShownAlbum], count: int, most: int = 30) -> list[ShownAlbum]:
    """Offer all and take some."""
    sampler = Sampler(most)
    for each in albums:
        sampler.offer(each)
    return sampler.sample("Jazz", count)


ALBUMS = st.lists(
    st.builds(
        album, st.integers(0, 300), st.sampled_from(["1950s", "1990s", "unknown"]),
        st.sampled_from(SETS),
    ),
    unique_by=lambda each: each.path,
)  # fmt: skip


@given(ALBUMS, st.integers(0, 40), st.randoms(use_true_random=False))
def test_the_lot_doesnt_depend_on_the_order(
    albums: list[ShownAlbum], count: int, chance: random.Random
) -> None:
    """The same albums are drawn in whatever order they come, also where some come twice."""
    mixed = [*albums, *albums[:5]]
    chance.shuffle(mixed)
    drawn = sample(albums, count)
    assert sample(mixed, count) == drawn
    assert len(drawn) == len(set(drawn)) == min(count, len(albums), 30)
    assert set(drawn) <= set(albums)


@given(ALBUMS, st.integers(1, 30), st.integers(1, 700))
def test_more_labels_hold_less_each_and_show_the_same(
    albums: list[ShownAlbum], wanted: int, labels: int
) -> None:
    """What is given up as labels come is nothing that could be shown."""
    sampler, roomy = Sampler(wanted), Sampler(wanted)
    names = [f"Label {at}" for at in range(labels - 1)]
    others = [album(at)._replace(label=name) for at, name in enumerate(names)]
    for each in (*albums[::2], *others, *albums[1::2]):
        sampler.offer(each)
    for each in albums:
        roomy.offer(each)
    shown = covers_a_label(wanted, labels=labels, reserved=0)
    assert sampler.sample("Jazz", shown) == roomy.sample("Jazz", shown)


def test_however_many_albums_few_are_held() -> None:
    """As many as can be shown, in each decade and set; not as many as there are."""
    sampler = Sampler(500)
    for at in range(6000):
        for label in ("Jazz", "Rock", "Pop", "Folk"):
            sampler.offer(album(at)._replace(label=label, path=f"{label}/{at}.jpg"))
    strata = [each for label in sampler._drawn.values() for each in label.values()]  # noqa: SLF001  (nobody else can tell)
    assert sum(map(len, strata)) == MOST_PICTURES
    assert len(sampler.sample("Pop", 500)) == MOST_PICTURES // 4


def test_each_decade_and_set_is_shown_however_rare() -> None:
    """One album of a decade, or of a set in it, isn't lost among a thousand others."""
    many = [album(at) for at in range(1000)]
    rare = [album(1001, "1930s"), album(1002, "1990s", "val"), album(1003, "1990s", "test")]
    assert set(rare) <= set(sample([*many, *rare], 6))


def test_they_are_in_order_of_year() -> None:
    """Oldest first, unknown years last."""
    decades = [each.decade for each in sample(
        [album(at, ("unknown", "2000s", "1950s")[at % 3]) for at in range(9)], 9)]  # fmt: skip
    assert decades == ["1950s"] * 3 + ["2000s"] * 3 + ["unknown"] * 3


@given(st.integers(1, 500), st.integers(0, 600), st.integers(0, 96))
def test_all_labels_together_stay_within_the_number(
    wanted: int, labels: int, reserved: int
) -> None:
    """Each shows one at least, as many as wanted at most, and together not too many."""
    each = covers_a_label(wanted, labels=labels, reserved=reserved)
    assert 1 <= each <= wanted
    assert each == 1 or each * labels + reserved <= MOST_PICTURES
    assert covers_a_label(0, labels=labels, reserved=reserved) == 0
