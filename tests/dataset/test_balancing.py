"""A label gives what is asked for, even over decades, and the same whatever comes and goes."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equigen.dataset.balancing import (
    Candidate,
    Surplus,
    balanced,
    even_sample,
    in_order,
    lot_of,
    memento_of,
)
from equigen.dataset.covers import WantedCover
from equigen.identity.albums import album_key
from equigen.schema import UNKNOWN, by_age, decade_of

DECADES = st.sampled_from(["1950s", "1960s", "1970s", "1980s", UNKNOWN])
ARTISTS = st.lists(st.sampled_from("abcdefgh"), max_size=3, unique=True).map(tuple)
ALBUMS = st.lists(st.tuples(DECADES, ARTISTS), max_size=60)
NUMBERS = st.integers(1, 70)
BOUNDS = st.integers(0, 4)
SEEDS = st.integers(-(10**6), 10**6)
Drawn = Sequence[tuple[str, tuple[str, ...]]]


def candidates_of(albums: Drawn, seed: int, first: int = 0) -> list[Candidate]:
    """Return albums whose identities are their numbers."""
    return [
        Candidate(lot(f"m{first + n}", seed=seed), decade, artists)
        for n, (decade, artists) in enumerate(albums)
    ]


def lot(album_id: str = "", artist: str = "", title: str = "", *, seed: int = 1) -> bytes:
    """Draw the lot of an album whose row is nothing but its identity."""
    who = album_key(album_id=album_id, artist=artist, title=title, picture="p")
    return lot_of(who, row=[album_id, artist, title], seed=seed)


def kept_of(albums: Sequence[Candidate], per_label: int, per_artist: int) -> set[Candidate]:
    """Return the albums that are kept."""
    surplus = result_of(albums, per_label, per_artist)
    return {album for album, why in zip(albums, surplus, strict=True) if why is None}


def result_of(albums: Sequence[Candidate], per_label: int, per_artist: int) -> list[Surplus | None]:
    """Order and balance."""
    order = in_order(albums, per_artist=per_artist)
    return balanced(albums, order, per_label=per_label, per_artist=per_artist)


@given(ALBUMS, SEEDS, BOUNDS)
@settings(deadline=None)
def test_raising_the_number_keeps_what_was_picked(
    albums: Drawn, seed: int, per_artist: int
) -> None:
    """The picks for N are those for N + 1 but one, until nothing more fits."""
    found = candidates_of(albums, seed)
    can_give = len(in_order(found, per_artist=per_artist))
    before: set[Candidate] = set()
    for number in range(1, len(albums) + 2):
        after = kept_of(found, number, per_artist)
        assert before <= after
        assert len(after) == min(number, can_give)
        before = after


@given(ALBUMS, ALBUMS, st.tuples(SEEDS, SEEDS), BOUNDS, st.tuples(NUMBERS, NUMBERS))
@settings(deadline=None)
def test_what_was_kept_comes_first_whatever_was_added(
    albums: Drawn, added: Drawn, seeds: tuple[int, int], per_artist: int, numbers: tuple[int, int]
) -> None:
    """Raising the number after any rows came, with any seed, keeps all; the bound holds."""
    lower, higher = sorted(numbers)
    found = candidates_of(albums, seeds[0])
    first = {*in_order(found, per_artist=per_artist)[:lower]}
    refilled = candidates_of([*(albums[at] for at in first), *added], seeds[1])
    before = range(len(first))
    order = in_order(refilled, per_artist=per_artist, kept=before)
    assert {*before} <= {*order[:higher]}
    assert len(order) == len({*order})
    of_artist = Counter(artist for at in order for artist in refilled[at].artists)
    assert not per_artist or max(of_artist.values(), default=0) <= per_artist
    assert order[: len(first)] == in_order(refilled[: len(first)], per_artist=per_artist)


@given(ALBUMS, SEEDS, NUMBERS, NUMBERS)
@settings(deadline=None)
def test_what_was_kept_counts_for_its_decade(
    albums: Drawn, seed: int, lower: int, higher: int
) -> None:
    """Without a bound on artists, an album more goes to a decade that has fewest of those left."""
    found = candidates_of(albums, seed)
    order = in_order(found, per_artist=0, kept=range(lower))
    lower, higher = min(lower, len(found)), min(higher, len(found))
    kept, left = Counter(found[at].decade for at in order[:lower]), order[lower:]
    for at in left[: max(0, higher - lower)]:
        assert kept[found[at].decade] == min(kept[found[n].decade] for n in left)
        kept[found[at].decade] += 1
        left = left[1:]


def test_an_album_is_remembered_by_its_identity_alone() -> None:
    """Neither by the seed nor by its row."""
    one, same = (album_key(album_id="m1", artist=name, title="T", picture="p") for name in "AB")
    other = album_key(album_id="", artist="A", title="T", picture="p")
    assert memento_of(one) == memento_of(same) != memento_of(other)


@given(ALBUMS, SEEDS, BOUNDS, NUMBERS, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_rows_does_not_matter(
    albums: Drawn, seed: int, per_artist: int, number: int, chance: random.Random
) -> None:
    """A dataset that was sorted otherwise keeps the same albums."""
    found = candidates_of(albums, seed)
    shuffled = chance.sample(found, len(found))
    assert kept_of(shuffled, number, per_artist) == kept_of(found, number, per_artist)


@given(ALBUMS, SEEDS, BOUNDS, NUMBERS)
@settings(deadline=None)
def test_decades_are_as_even_as_what_still_fits_allows(
    albums: Drawn, seed: int, per_artist: int, number: int
) -> None:
    """A decade with an album that could be added is never two below another."""
    found = candidates_of(albums, seed)
    kept = kept_of(found, number, per_artist)
    of_decade = Counter(album.decade for album in kept)
    of_artist = Counter(artist for album in kept for artist in album.artists)
    for album in found:
        bound = not per_artist or all(of_artist[artist] < per_artist for artist in album.artists)
        if album not in kept and bound:
            assert len(kept) == number
            assert of_decade[album.decade] >= max(of_decade.values()) - 1


@given(ALBUMS, SEEDS, BOUNDS, NUMBERS)
@settings(deadline=None)
def test_each_album_is_kept_or_has_its_reason(
    albums: Drawn, seed: int, per_artist: int, number: int
) -> None:
    """No artist is above its bound; who is called an artist's surplus has an artist at it."""
    found = candidates_of(albums, seed)
    result = result_of(found, number, per_artist)
    assert len(result) == len(found)
    kept = [album for album, why in zip(found, result, strict=True) if why is None]
    of_artist = Counter(artist for album in kept for artist in album.artists)
    assert not per_artist or max(of_artist.values(), default=0) <= per_artist
    for album, why in zip(found, result, strict=True):
        if why is Surplus.ARTIST:
            assert any(of_artist[artist] == per_artist for artist in album.artists)
        if why is Surplus.LABEL:
            assert len(kept) == number
            assert all(of_artist[artist] < per_artist for artist in album.artists if per_artist)


@given(ALBUMS, SEEDS, NUMBERS, DECADES)
@settings(deadline=None)
def test_a_new_album_takes_the_place_of_one_at_most(
    albums: Drawn, seed: int, number: int, decade: str
) -> None:
    """Without a bound on artists, a row more brings itself or nothing, and drives out one."""
    found = candidates_of(albums, seed)
    new = candidates_of([(decade, ())], seed, first=len(albums))[0]
    before, after = kept_of(found, number, 0), kept_of([*found, new], number, 0)
    assert after - before <= {new}
    assert len(before - after) <= 1


@given(ALBUMS, SEEDS, BOUNDS, NUMBERS, NUMBERS)
@settings(deadline=None)
def test_what_was_balanced_can_be_balanced_again(
    albums: Drawn, seed: int, per_artist: int, number: int, lower: int
) -> None:
    """The same number changes nothing, and a lower one leaves what it had left of all."""
    found = candidates_of(albums, seed)
    kept = kept_of(found, number, per_artist)
    assert kept_of([*kept], number, per_artist) == kept
    lower = min(lower, number)
    assert kept_of([*kept], lower, per_artist) == kept_of(found, lower, per_artist)


@given(st.lists(st.tuples(DECADES, st.sampled_from("abcd")), max_size=60), SEEDS, BOUNDS)
@settings(deadline=None)
def test_a_label_can_give_all_that_its_artists_may(
    albums: Sequence[tuple[str, str]], seed: int, per_artist: int
) -> None:
    """Where each album has one artist, each artist gives as many as there are, up to the bound."""
    found = candidates_of([(decade, (artist,)) for decade, artist in albums], seed)
    of_artist = Counter(artist for _, artist in albums)
    bound = per_artist or len(albums)
    expected = sum(min(count, bound) for count in of_artist.values())
    assert len(in_order(found, per_artist=per_artist)) == expected


def test_decades_take_turns_from_the_oldest_to_the_newest() -> None:
    """What is left over goes to the oldest decades; the unknown one comes last."""
    albums = [(decade, ()) for decade in (UNKNOWN, "1970s", "1960s") for _ in range(3)]
    found = candidates_of(albums, 1)
    order = [found[at].decade for at in in_order(found, per_artist=0)]
    assert order == ["1960s", "1970s", UNKNOWN] * 3


def test_an_album_by_two_counts_for_both() -> None:
    """With one album an artist, A & B leaves no place for A's own, nor for B's."""
    both, one, other = candidates_of([("1960s", ("a & b", "a", "b")), ("1970s", ("a",)),
                                      ("1980s", ("b",))], 1)  # fmt: skip
    result = result_of([both, one, other], 9, 1)
    assert result == [None, Surplus.ARTIST, Surplus.ARTIST]
    assert len(in_order([both, one, other], per_artist=1)) == 1


def test_the_seed_decides_which_albums_are_kept() -> None:
    """Of a hundred, two seeds choose different ones; each alone always the same."""
    albums = [("1970s", ())] * 100
    picks = []
    for seed in (1, 2, 1):
        found = candidates_of(albums, seed)
        picks.append(in_order(found, per_artist=0)[:10])
    assert picks[0] == picks[2] != picks[1]


def test_an_album_is_drawn_by_its_identity() -> None:
    """The id alone where there is one, else artist and title; marks that `clean` takes don't count.

    The first half of a lot is the identity's, the second the row's.
    """
    half = len(lot("m1")) // 2
    assert lot("m1", "A", "x")[:half] == lot("m1", "B", "y")[:half]
    assert lot("m1", "A", "x") != lot("m1", "B", "y")
    assert lot("", "Prince (2)", "x")[:half] == lot("", "Prince", "x")[:half]
    different = {lot("", "A", "x")[:half], lot("", "A", "y")[:half], lot("", "Ax", "")[:half],
                 lot("m1")[:half], lot("m1", seed=2)[:half]}  # fmt: skip
    assert len(different) == 5


@pytest.mark.parametrize(
    ("year", "decade"),
    [("1969", "1960s"), ("2000", "2000s"), ("", UNKNOWN), ("199", UNKNOWN), ("19699", UNKNOWN),
     ("196?", UNKNOWN), ("١٩٦٩", UNKNOWN)],
)  # fmt: skip
def test_a_decade_is_known_by_four_digits(year: str, decade: str) -> None:
    """Anything else is unknown."""
    assert decade_of(year) == decade


def test_decades_sort_by_age() -> None:
    """The unknown one is last."""
    assert sorted([UNKNOWN, "2010s", "1950s"], key=by_age) == ["1950s", "2010s", UNKNOWN]


def covers(drawn: Sequence[tuple[str, int]]) -> list[WantedCover]:
    """Return rows by their label and the number of their picture, 0 for none."""
    return [
        WantedCover(
            f"{label}/{at}.jpg", f"p{number}", f"https://h.example/{number}.jpg" if number else "",
            label, label, f"A{at}", f"T{at}", "1999", "", f"x:{at}", "", (label,), (),
        )
        for at, (label, number) in enumerate(drawn)
    ]  # fmt: skip


ROWS = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 60)), max_size=80).map(covers)


@given(ROWS, st.integers(0, 90), st.integers(0, 90), SEEDS, st.randoms())
def test_a_larger_sample_contains_a_smaller_one(
    rows: list[WantedCover], one: int, other: int, seed: int, chance: random.Random
) -> None:
    """Whatever the order of the rows; as many pictures as are asked for, or all there are."""
    less, more = sorted((one, other))
    small = even_sample(rows, less, seed=seed)
    assert len(small) == min(less, len({row.picture for row in rows if row.url}))
    chance.shuffle(rows)
    assert small <= even_sample(rows, more, seed=seed)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(0, 100), SEEDS)
def test_a_sample_is_even_over_labels(sizes: list[int], count: int, seed: int) -> None:
    """No label that has more to give is more than one below another."""
    numbers = iter(range(1, 1000))
    rows = covers([(label, next(numbers)) for label, n in zip("abcdef", sizes) for _ in range(n)])  # noqa: B905
    drawn = even_sample(rows, count, seed=seed)
    given_ = Counter(row.label for row in rows if row.picture in drawn)
    had = Counter(row.label for row in rows)
    largest = max(given_.values(), default=0)
    assert all(given_[label] >= min(had[label], largest - 1) for label in had)


def test_a_sample_is_drawn_by_its_seed_and_holds_few_of_many() -> None:
    """Of a label with a hundred thousand rows, too, where most of them are forgotten meanwhile."""
    rows = covers([("abc"[at % 3], at + 1) for at in range(100_000)])
    assert even_sample(rows, 30, seed=1) != even_sample(rows, 30, seed=2)
    sample = even_sample(rows, 30, seed=1)
    assert Counter(row.label for row in rows if row.picture in sample) == dict.fromkeys("abc", 10)
    assert sample < even_sample(reversed(rows), 3000, seed=1)
