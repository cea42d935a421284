"""Artists' names without Discogs' marks."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.identity.artists import clean_artist

# Mostly what cleaning looks at, so that marks meet and nest, beside any text at all.
MARKED = st.text(
    st.sampled_from("*()()123٣x \t\n\u00a0\u2003\u0301e\u0065\u0338=K\u212a\u2126한\u1112\u1161"),
    max_size=14,
)
NAMES = st.one_of(MARKED, st.text(max_size=20))


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("Prince (2)", "Prince"),
        ("Björk*", "Björk"),
        ("Bjo\u0308rk*", "Björk"),
        ("*NSYNC", "*NSYNC"),
        ("N*E*R*D", "N*E*R*D"),
        ("N*E*R*D*", "N*E*R*D"),
        ("A*Teens", "A*Teens"),
        ("M*A*S*H (2)", "M*A*S*H"),
        ("F***", "F***"),
        ("Beatles*, The", "Beatles, The"),
        ("Foo*/Bar* & Baz", "Foo/Bar & Baz"),
        ("Foo (2)*", "Foo"),
        ("Foo* (2)", "Foo"),
        ("The Jacks (3)*", "The Jacks"),
        ("Nirvana (2) & Björk*", "Nirvana & Björk"),
        ("  A\u00a0 Tribe\tCalled\n Quest ", "A Tribe Called Quest"),
        ("((2)2)", "((2)2)"),
        ("(*2)", "(*2)"),
        ("X((2)2)", "X"),
        ("X(*2)", "X(*2)"),
        ("Sunn O)))", "Sunn O)))"),
        ("Louis (Satchmo) Armstrong", "Louis (Satchmo) Armstrong"),
        ("Maroon 5", "Maroon 5"),
        ("Blink (182", "Blink (182"),
        ("30 () Seconds", "30 () Seconds"),
        ("M (2a)", "M (2a)"),
        ("Foo (*)", "Foo (*)"),
        ("(*)", "(*)"),
        ("[*]", "[*]"),
        ("Foo - *", "Foo - *"),
        ("Foo*\u2013 Bar", "Foo\u2013 Bar"),
        ("Foo*: Bar", "Foo: Bar"),
        ("Wham!*", "Wham!"),
        ("\u0906\u0936\u093e*", "\u0906\u0936\u093e"),
        ("Unknown (12)", "Unknown (12)"),
        ("  Diverse  (2)*", "Diverse (2)"),
        ("Anonymous*", "Anonymous"),
        ("", ""),
    ],
)
def test_marks_go_and_all_else_stays(name: str, clean: str) -> None:
    """An asterisk behind a name and numbers in parentheses go, white space is folded, as NFC."""
    assert clean_artist(name) == clean


@pytest.mark.parametrize("name", ["***", "(1349)", "* (2) *", "*", "(1) (2)"])
def test_a_name_made_of_marks_stays_as_it_was(name: str) -> None:
    """A name that would become empty is left alone."""
    assert clean_artist(name) == name


@given(NAMES)
@examples(400)
def test_cleaning_twice_changes_nothing_more(name: str) -> None:
    """A clean name is already clean."""
    once = clean_artist(name)
    assert clean_artist(once) == once


@given(NAMES)
@examples(300)
def test_a_cleaned_name_is_tidy_and_never_empty(name: str) -> None:
    """What was cleaned has no loose white space, and is empty only if it was before."""
    clean = clean_artist(name)
    assert bool(clean) == bool(name)
    if clean != name:
        assert clean == " ".join(clean.split())
        assert clean == unicodedata.normalize("NFC", clean)


@given(st.text(st.characters(categories=["L"]), min_size=1, max_size=12), st.integers(0, 999))
@examples(60)
def test_a_marked_name_becomes_the_bare_one(name: str, number: int) -> None:
    """With or without marks, an artist ends up under one name."""
    bare = clean_artist(name)
    assert clean_artist(f"{name} ({number})") == bare
    assert clean_artist(f"{name}*") == bare
    assert clean_artist(f" {name}* ({number}) ") == bare
