"""The artists of a credit, however a catalogue joins them."""

import gzip
import sys
import unicodedata
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples, realdata

from equigen.identity.artists import (
    artist_key,
    artists_by_credit,
    artists_in,
    clean_artist,
    parts_of,
    sides_of,
)


@pytest.mark.parametrize(
    "credit",
    [
        "A & B", "A feat. B", "A Feat. B", "A ft B", "A featuring B", "A, B", "A / B", "A/B",
        "A + B", "A with B", "A And B", "A vs. B", "A Vs B", "A = B", "A - B", "A; B", "A y B",
        "A et B", "A und B", "A presents B", "A Aka B", "A In Association With B", "A (2) & B*",
        "A (feat. B)", "A feat.B", "A [with B]", "A \u00d7 B", "A & feat. B", "A w/ B",
        "A and with B", "A, and B", "A con B", "A mit B", "A avec B", "A com B", "A med B",
        "A \u00b7 B", "A \u2013 B", "A 'N' B", "A \uff06 B", "B & A", "A Present B",
        "A Presents: B", "A Feat: B", "A a/k/a B", "A \u2219 B", "A \u22c5 B", "A \u2027 B",
        "A \u25cf B", "A \u30fb B", "A\u00b7B", "A\u2014 B", "A \u2014B", "A'n'B",
        "A , \u0394\u03b9\u03b5\u03cd\u03b8\u03c5\u03bd\u03c3\u03b9\u03c2 B",
        "A , \u03a0\u03bf\u03af\u03b7\u03c3\u03b7 B",
    ],
)  # fmt: skip
def test_the_artists_of_a_credit_are_tied_to_it(credit: str) -> None:
    """All joins of the recorded dumps, and those that people write."""
    assert set(artists_by_credit([credit, "A", "b"])[credit][1:]) == {"a", "b"}


def test_every_join_of_the_recorded_dumps_is_known() -> None:
    """Whatever Discogs' editors wrote between two artists, each is tied to the credit."""
    joins = {
        text
        for dump in sorted(realdata("discogs_dump").glob("*.xml.gz"))
        for join in ET.fromstring(gzip.decompress(dump.read_bytes())).iter("join")  # noqa: S314
        if (text := (join.text or "").strip())
    }
    assert len(joins) > 20
    missed = {join for join in joins if parts_of(f"Nina {join} Ella") != ["nina", "ella"]}
    assert missed == set()


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("A feat. B", "A feat. C", "a"),
        ("A Feat: B", "C Featuring B", "b"),
        ("A Presents B", "B & C", "b"),
        ("A Vs. B", "B Meets C", "b"),
        ("A Introducing B", "A Mit C", "a"),
        ("A (feat. B)", "B & C", "b"),
        ("A & B feat. C", "B + A", "a & b"),
        ("Celia Cruz Con La Sonora Matancera", "Celia Cruz Y Tito Puente", "celia cruz"),
        (
            "Agoraphobic Nosebleed / Total Fucking Destruction",
            "Unholy Grave / Total Fucking Destruction",
            "total fucking destruction",
        ),
        ("A Accompanied By B", "C Conducted By B", "b"),
    ],
)
def test_both_sides_of_an_unambiguous_join_are_artists(one: str, other: str, shared: str) -> None:
    """So two joint credits that share an artist are tied, wherever that artist stands alone."""
    found = artists_by_credit([one, other])
    assert shared in set(found[one]) & set(found[other])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Frank Chacksfield And His Orchestra", "Werner M\u00fcller And His Orchestra"),
        ("Simon & Garfunkel", "Paul Simon & Garfunkel"),
        ("AC/DC", "DC/XY"),
        ("A feat. Various", "B feat. Various"),
        ("A Con Su Orquesta", "B Con Su Orquesta"),
        ("A Accompanied By His Hot Orchestra And Chorus", "B Con Chorus"),
        ("A feat. Friends", "B feat. Friends"),
    ],
)
def test_what_may_be_one_name_ties_nothing_by_its_halves(one: str, other: str) -> None:
    """Nor do those who play along: an orchestra without a name, friends, others."""
    found = artists_by_credit([one, other])
    assert set(found[one]).isdisjoint(found[other])


@pytest.mark.parametrize(
    "generic", ["Friends", "Co.", "Orchestra", "Chorus", "The Band", "Trio", "Quartet", "Others"]
)
def test_those_who_play_along_tie_nothing_even_where_they_stand_alone(generic: str) -> None:
    """But are somebody by themselves."""
    found = artists_by_credit([f"Nina & {generic}", generic])
    assert len(found[f"Nina & {generic}"]) == 1
    assert found[generic] == (artist_key(generic),) != ("",)


@pytest.mark.parametrize(
    ("credit", "names"),
    [
        ("A & X, B", ["a", "x", "b"]),
        ("A & X & B", ["a", "x", "b"]),
        ("E ft. A", ["e", "a"]),
        ("Malcolm X & B", ["malcolm x", "b"]),
        ("B & The E Street Band", ["b", "e street band"]),
        ("A & X Clan", ["a", "x clan"]),
        ("A, B, y C", ["a", "b", "c"]),
    ],
)
def test_a_name_of_one_letter_does_not_vanish(credit: str, names: list[str]) -> None:
    """Where it stands between joins, or begins or ends a name, a letter isn't a join."""
    assert parts_of(credit)[-len(names) :] == names


def test_a_name_with_a_join_in_it_is_found_in_a_longer_credit() -> None:
    """And its halves are nobody where they don't stand by themselves."""
    found = artists_by_credit(
        ["Simon & Garfunkel", "Simon & Garfunkel, Earth, Wind & Fire", "Earth, Wind & Fire"]
    )
    assert found["Simon & Garfunkel"] == ("garfunkel & simon",)
    assert set(found["Simon & Garfunkel, Earth, Wind & Fire"][1:]) == {
        "garfunkel & simon",
        "earth & fire & wind",
    }


@pytest.mark.parametrize(
    "nobody",
    [
        "Various", "Various Artists", "Unknown Artist", "", "V/A", "Various / Various",
        "Various & Unknown Artist", "V.A. / Various", "Traditional / Anonymous", "(Various)",
        "[data]", "[dialogue]", "AA.VV.", "[Unknown]", "Various*",
    ],
)  # fmt: skip
def test_nobody_ties_nothing(nobody: str) -> None:
    """Neither by itself nor beside an artist."""
    found = artists_by_credit([nobody, f"{nobody} & Nina", "Nina"])
    assert found[nobody] == ()
    assert "" not in found[f"{nobody} & Nina"]


@pytest.mark.parametrize(
    "name", ["Unknown (12)", "Diverse (2)", "Anonymous (3)*", "Anonymus", "Data", "The Unknown"]
)
def test_a_namesake_of_nobody_is_somebody(name: str) -> None:
    """Discogs' number says so, and cleaning leaves it there."""
    assert artist_key(name) == artist_key(clean_artist(name)) == artist_key(artist_key(name)) != ""


@pytest.mark.parametrize(
    "spellings",
    [
        ("The Rolling Stones", "Rolling Stones*", "Rolling Stones, The", "ROLLING STONES (2)"),
        ("Guns N' Roses", "Guns N\u2019 Roses", "Guns & Roses", "Guns N\u00b4 Roses"),
        ("Jay-Z", "Jay\u2010Z", "Jay\u2011Z", "JAY-Z"),
        ("Destiny's Kid", "Destiny\u2019s Kid", "Destiny\u02bcs Kid"),
        ('"Weird Al" Y', "\u201cWeird Al\u201d Y"),
        ("Wait...", "Wait\u2026"),
        ("Hall & O", "Hall And O", "Hall + O", "Hall and O", "O & Hall", "Hall \uff06 O"),
        ("A & B", "B & A", "B + A"),
        ("A, B & C", "C, B and A", "A / B / C", "B, A, C"),
        ("Los Lobos", "Lobos, Los", "Lobos*", "Lobos (Los)"),
        ("The Beatles", "Beatles (The)", "Beatles [The]", "Beatles"),
        ("The Los Angeles Negros", "Los Angeles Negros"),
        ("Les N\u00e9gresses Vertes", "N\u00e9gresses Vertes", "N\u00e9gresses Vertes, Les"),
        ("As One", "One, As"),
        ("Guns'n'Roses", "Guns N' Roses", "Guns 'n' Roses"),
        ("Hall\u00b7O", "Hall \u00b7 O"),
        ("Prince", "Prince\U000e0101", "\u2800Prince", "Pr\ufffcince", "Pri\x00nce", "Prince\x9f"),
        ("A B", "A\x0bB", "A\x85B", "A\t\x1f B"),
        ("Die \u00c4rzte", "\u00c4rzte, Die", "A\u0308rzte*", "\u00e4rzte"),
        ("A Tribe Called Quest", "Tribe Called Quest, A"),
        ("O Rappa", "Rappa, O"),
        ("L'Arp\u00e8ge", "L\u2019Arp\u00e8ge", "Arp\u00e8ge, L'"),
        ("Prince", "Prince\u200b", "\ufeffPrince", "Pri\u00adnce", "Prince\ufe0e"),
        ("Clash, The & Lobos, Los", "Los Lobos And The Clash"),
        ("A feat. B", "A (feat. B)", "A [with B]"),
        ("Wei\u00df", "Weiss"),
        ("\ufb01ve", "five"),
        ("X\u00a0Y", "X Y", "X  Y"),
    ],
)
def test_one_key_for_all_spellings(spellings: tuple[str, ...]) -> None:
    """As Discogs, MusicBrainz and lists made by hand write one artist."""
    assert len({artist_key(name) for name in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("N*E*R*D", "NERD (4)"), ("A*Teens", "ATeens"), ("*NSYNC", "NSYNC"), ("A", "The"),
        ("Bj\u00f6rk", "Bjork"), ("The The", "La"), ("A", "B"), ("A & B", "A & C"), ("AB", "A B"),
        ("Dr. John", "Dr John"), ("De Dijk", "Dijk & De Kift"), ("De La Soul", "Soul"),
        ("De La Soul", "La Soul"), ("Los De Abajo", "Abajo"), ("Los De Abajo", "De Abajo"),
        ("Les Paul", "Paul"), ("As One", "One"), ("An Cafe", "Cafe"), ("Foo (*)", "Foo"),
        ("Lo Fidelity Allstars", "Fidelity Allstars"), ("Col\u00b7lectiu", "Lectiu & Col"),
    ],
)  # fmt: skip
def test_other_artists_have_other_keys(one: str, other: str) -> None:
    """What only looks alike, and the spellings that docs/sets.md lists as a limit."""
    assert artist_key(one) != artist_key(other)


NAMES = st.sampled_from(
    (
        *(
            "The Clash",
            "Lobos, Los",
            "AC/DC",
            "A",
            "O Rappa",
            "L\u2019Arp\u00e8ge",
            "Wei\u00df (2)",
        ),
        *("Bj\u00f6rk*", "N*E*R*D", "Guns N' Roses", "Sunn O)))", "\ufb01ve\u200b", "Various"),
    )
)
JOINS = st.sampled_from(
    [" & ", ", ", " feat. ", " Con ", "/", " \u2013 ", " (feat. ", " N' ", " y "]
)


@given(NAMES, st.lists(st.tuples(JOINS, NAMES), max_size=4))
def test_the_key_of_a_key_is_that_key(name: str, others: list[tuple[str, str]]) -> None:
    """So keys that a ledger has from before are brought up to date by making their keys."""
    key = artist_key(name + "".join(join + other for join, other in others))
    assert artist_key(key) == key


@given(
    st.lists(
        st.sampled_from(
            (
                *("The", "De", "Los", "Les", "A", "E", "X", "Y", "L'", "Foo", "-B", "Bs", "(", ")"),
                *(
                    "&",
                    ",",
                    "And",
                    "Feat.",
                    "feat",
                    "N'",
                    "'n'",
                    "-",
                    "/",
                    "With",
                    "\u00b7",
                    "(The)",
                ),
                *(
                    "Various",
                    "(2)",
                    "*",
                    "w/",
                    "Presents:",
                    "a/k/a",
                    "\u30fb",
                    "Unknown",
                    "!",
                    "Co",
                ),
            )
        ),
        max_size=7,
    ),
    st.sampled_from((" ", "")),
)
@examples(400)
def test_the_key_of_the_key_of_an_odd_name_is_that_key(words: list[str], gap: str) -> None:
    """Wherever articles, joins, letters and brackets meet; its sides are keys, too."""
    name = gap.join(words)
    for key in (artist_key(name), *sides_of(name)):
        assert artist_key(key) == key
    assert artist_key(name) == artist_key(clean_artist(name))


def test_no_control_or_format_character_tells_artists_apart() -> None:
    """Nor does a variation selector; white space parts words."""
    shown = [
        point
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) in {"Cc", "Cf"}
        and artist_key(f"A{chr(point)}B") not in {"ab", "a b"}
    ]
    assert shown == []


def test_the_artists_in_credits_are_their_keys_and_their_sides() -> None:
    """Nobody is none of them."""
    assert artists_in(["A feat. B", "C & D", "Various"]) == {"a & b", "a", "b", "c & d"}


@given(st.text(max_size=30))
def test_a_key_is_told_apart_from_nobody(name: str) -> None:
    """Only a name of nobody has no key, however odd others are; a clean name has the same one."""
    assert artist_key(name) == artist_key(clean_artist(name))
    assert artist_key(name) or artist_key(name.casefold()) == ""


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
        assert set(parts) <= artists_in((credit, *others))


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
