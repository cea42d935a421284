"""The 24 built-in queries: what each is asked by, and where its albums land."""

import pytest

from equigen.labels.taxonomy import Query, builtin_queries, fits, label_of, labels_by_genre

GENRES = ("Blues", "Country", "Electronic", "Jazz", "Latin", "Reggae", "Pop", "Rock")
STYLES = ("Folk", "Metal", "New Age", "Punk", "Rap", "Rhythm & Blues")
WORLD = (
    "Afrobeat",
    "Rumba",
    "Celtic",
    "Flamenco",
    "Bollywood",
    "Hindustani",
    "K-Pop",
    "Mandopop",
    "Salsa",
    "Bolero",
)
ASKED_BOTH_WAYS = ("Blues", "Country", "Jazz", "Pop", "Rock")


def queries() -> dict[str, Query]:
    """Return the built-in queries by name."""
    return {query.name: query for query in builtin_queries(genre_limit=7, world_limit=3)}


def test_there_are_24_queries_genres_first_then_styles_then_world_styles() -> None:
    """The queries are all there, each once, in the order in which they are filled."""
    every = builtin_queries(genre_limit=7, world_limit=3)
    assert [query.name for query in every] == [*GENRES, *STYLES, *WORLD]
    assert len({query.name for query in every}) == 24
    assert len({query.cell for query in every}) == 24


@pytest.mark.parametrize("name", ASKED_BOTH_WAYS)
def test_five_genres_are_asked_as_genre_and_style(name: str) -> None:
    """Blues, Country, Jazz, Pop and Rock are asked as a genre and as a style at once."""
    query = queries()[name]
    assert (query.genre, query.style) == (name, name)


@pytest.mark.parametrize("name", [name for name in GENRES if name not in ASKED_BOTH_WAYS])
def test_other_genres_are_asked_as_genre_alone(name: str) -> None:
    """Electronic, Latin and Reggae are asked as a genre only."""
    query = queries()[name]
    assert (query.genre, query.style) == (name, "")


@pytest.mark.parametrize("name", [*STYLES, *WORLD])
def test_styles_and_world_styles_are_asked_as_style_alone(name: str) -> None:
    """What is no Discogs genre is asked as a style only."""
    query = queries()[name]
    assert (query.genre, query.style) == ("", name)


@pytest.mark.parametrize("name", [*GENRES, *STYLES])
def test_a_genre_lands_in_a_folder_of_its_own_name(name: str) -> None:
    """Genres and styles carry their name into the TSV and have a folder and the genre limit."""
    query = queries()[name]
    assert (query.cell, query.label, query.limit) == (name, name, 7)


@pytest.mark.parametrize("name", WORLD)
def test_a_world_style_is_marked_and_lands_in_world(name: str) -> None:
    """World styles carry "(World)", share one folder, and have a limit each."""
    query = queries()[name]
    assert (query.cell, query.label, query.limit) == (f"{name} (World)", "World", 3)


def test_blues_that_are_rhythm_and_blues_are_no_blues() -> None:
    """Rhythm & Blues has a label of its own; all other labels take it."""
    every, genres, styles = queries(), ["Blues", "Jazz"], ["Jump Blues", "Rhythm & Blues"]
    assert not fits(every["Blues"], genres, styles)
    assert fits(every["Blues"], genres, styles[:1])
    assert fits(every["Rhythm & Blues"], genres, styles)


def test_folders_follow_from_the_genre_cell() -> None:
    """Each query's own genre cell leads to its label."""
    every = builtin_queries(genre_limit=7, world_limit=3)
    folders = labels_by_genre(every)
    assert {query.cell: query.label for query in every} == dict(folders)
    assert all(label_of(query.cell, folders) == query.label for query in every)


def test_unknown_genre_cells_keep_their_name_but_world_ones_land_in_world() -> None:
    """A cell that no query claims is its own folder, unless it ends in "(World)"."""
    assert label_of("Zydeco", {}) == "Zydeco"
    assert label_of("Zydeco (World)", {}) == "World"
    assert label_of("(World) Music", {}) == "(World) Music"


def test_a_query_of_ones_own_may_claim_a_world_cell() -> None:
    """What a query says of its label goes before the rule for "(World)"."""
    assert label_of("Zydeco (World)", {"Zydeco (World)": "Louisiana"}) == "Louisiana"
