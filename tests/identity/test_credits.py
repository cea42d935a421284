"""Who is on an album, however a catalogue joins them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.identity.artists import artist_key, artists_by_credit, parts_of


@pytest.mark.parametrize(
    "credit",
    [
        "A & B", "A feat. B", "A Feat. B", "A ft B", "A featuring B", "A, B", "A / B", "A/B",
        "A + B", "A with B", "A And B", "A vs. B", "A Vs B", "A = B", "A - B", "A; B", "A y B",
        "A et B", "A und B", "A presents B", "A Aka B", "A In Association With B", "A (2) & B*",
        "A (feat. B)", "A feat.B", "A [with B]", "A \u00d7 B", "A & feat. B", "A w/ B",
        "A and with B", "A, and B",
    ],
)  # fmt: skip
def test_the_artists_of_a_credit_are_tied_to_it(credit: str) -> None:
    """All joins of the recorded dumps, and those that people write."""
    assert set(artists_by_credit([credit, "A", "b"])[credit][1:]) == {"a", "b"}


def test_a_name_with_a_join_in_it_is_found_in_a_longer_credit() -> None:
    """And its halves are nobody where they don't stand by themselves."""
    found = artists_by_credit(
        ["Simon & Garfunkel", "Simon & Garfunkel, Earth, Wind & Fire", "Earth, Wind & Fire"]
    )
    assert found["Simon & Garfunkel"] == ("simon & garfunkel",)
    assert set(found["Simon & Garfunkel, Earth, Wind & Fire"][1:]) == {
        "simon & garfunkel",
        "earth, wind & fire",
    }


@pytest.mark.parametrize("nobody", ["Various", "Various Artists", "Unknown Artist", "", "V/A"])
def test_nobody_ties_nothing(nobody: str) -> None:
    """Neither by itself nor beside an artist."""
    found = artists_by_credit([nobody, f"{nobody} & Nina", "Nina"])
    assert found[nobody] == ()
    assert "" not in found[f"{nobody} & Nina"]


def test_an_artist_is_known_however_the_name_is_written() -> None:
    """Discogs' marks, capitals and the article don't tell artists apart; accents do."""
    assert (
        len({artist_key(name) for name in ("The Beatles", "Beatles, The", "THE BEATLES (3)")}) == 1
    )
    assert artist_key("Björk*") == artist_key("björk") != artist_key("Bjork")


@given(st.text(max_size=60), st.lists(st.text(max_size=8), max_size=8))
def test_no_credit_is_too_odd(credit: str, others: list[str]) -> None:
    """Parts are keys of other artists of the dataset, each once."""
    found = artists_by_credit([credit, *others])
    for key, *parts in filter(None, found.values()):
        assert len({key, *parts}) == len(parts) + 1
        assert set(parts) <= {artist_key(name) for name in (credit, *others)}


def test_a_list_may_end_with_a_comma_and_a_word() -> None:
    """As English writes lists; a bracket that belongs to a name stays."""
    found = artists_by_credit(
        ["Peter, Paul, and Mary", "Mary", "Paul", "Sunn O))) & Boris", "Sunn O)))"]
    )
    assert set(found["Peter, Paul, and Mary"][1:]) == {"paul", "mary"}
    assert "sunn o)))" in found["Sunn O))) & Boris"]


@pytest.mark.parametrize("odd", [" ", ",", " a.k.a", "(", "feat. ", "\u3001 ("])
def test_long_odd_credits_take_no_time(odd: str) -> None:
    """A join is looked for once at each place: a hundred thousand characters are read at once."""
    assert len(parts_of("x" + odd * 100_000 + "x")) < 10


def test_a_credit_of_hundreds_is_looked_at_name_by_name() -> None:
    """So that an orchestra's list takes no longer than its names."""
    assert len(parts_of(", ".join(f"Player {n}" for n in range(500)))) == 500
