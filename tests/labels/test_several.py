"""All labels that an album matches: by each rule, and fast over many pairs of cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.labels.several import cell_matcher, fits_by_tags, labels_matched
from equigen.labels.taxonomy import (
    MatchBy,
    Query,
    Rule,
    builtin_queries,
    fits,
    load_taxonomy,
    taxonomy_names,
)

BUILTIN = builtin_queries(genre_limit=9)
WORDS = [
    "Jazz", "Soul-Jazz", "Rock", "Pop Rock", "K-Pop", "Pop", "Rhythm & Blues", "Blues", "Latin",
    "rock", "Salsa", "Bolero", "Death Metal", "jazz rap", "!!!", "Folk, World, & Country",
]  # fmt: skip
LISTS = st.lists(st.sampled_from(WORDS), max_size=4, unique=True)
PARTS = st.lists(st.sampled_from(WORDS), max_size=2).map(tuple)


@pytest.mark.parametrize(
    ("genres", "styles", "labels"),
    [
        (["Jazz", "Latin"], ["Soul-Jazz"], ("Jazz", "Latin")),
        (["Jazz", "Latin"], ["Salsa", "Bolero"], ("Latin", "World")),
        (["Blues"], ["Chicago Blues", "Rhythm & Blues"], ("Rhythm & Blues",)),
        (["Jazz"], ["Bop"], ()),
    ],
)
def test_labels_come_in_the_order_of_the_queries(
    genres: list[str], styles: list[str], labels: tuple[str, ...]
) -> None:
    """Each label once, and Blues that are Rhythm & Blues aren't Blues."""
    assert labels_matched(BUILTIN, genres, styles) == labels


def queries() -> st.SearchStrategy[list[Query]]:
    """Return queries of any rules."""
    rules = st.builds(Rule, PARTS, PARTS, PARTS, PARTS, PARTS, st.sampled_from(MatchBy))
    return st.lists(rules, max_size=4).map(
        lambda all_rules: [
            Query(f"Q{at}", "", "", 1, f"L{at}", f"Q{at}", rule)
            for at, rule in enumerate(all_rules)
        ]
    )


@examples(200)
@given(queries(), LISTS, LISTS)
def test_cells_match_as_their_values_do(
    some: list[Query], genres: list[str], styles: list[str]
) -> None:
    """What the rules don't tell apart counts as one value, and changes nothing."""
    matched = cell_matcher(some)
    for one, other in (WORDS, genres), (genres, WORDS), (genres, styles):
        assert matched("|".join(one), "|".join(other)) == labels_matched(some, one, other)


@examples(100)
@given(st.sampled_from(taxonomy_names()), LISTS, LISTS)
def test_cells_of_each_source_match_the_taxonomies_as_their_values_do(
    name: str, genres: list[str], styles: list[str]
) -> None:
    """Discogs' search and MusicBrainz's table, over all built-in taxonomies."""
    some = load_taxonomy(name).queries(genre_limit=9)
    for rule in (fits, fits_by_tags):
        matched = cell_matcher(some, of_musicbrainz=rule is fits_by_tags)
        expected = labels_matched(some, genres, styles, rule)
        assert matched("|".join(genres), "|".join(styles)) == expected
