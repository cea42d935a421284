"""The 24 built-in labels: what each is asked by, and where its albums land."""

import pytest

from equigen.labels.taxonomy import Label, builtin_labels, folder_of, folders_by_genre

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


def labels() -> dict[str, Label]:
    """Return the built-in labels by name."""
    return {label.name: label for label in builtin_labels(genre_limit=7, world_limit=3)}


def test_there_are_24_labels_genres_first_then_styles_then_world_styles() -> None:
    """The labels are all there, each once, in the order in which they are filled."""
    every = builtin_labels(genre_limit=7, world_limit=3)
    assert [label.name for label in every] == [*GENRES, *STYLES, *WORLD]
    assert len({label.name for label in every}) == 24
    assert len({label.genre_name for label in every}) == 24


@pytest.mark.parametrize("name", ASKED_BOTH_WAYS)
def test_five_genres_are_asked_as_genre_and_style(name: str) -> None:
    """Blues, Country, Jazz, Pop and Rock are asked as a genre and as a style at once."""
    label = labels()[name]
    assert (label.genre, label.style) == (name, name)


@pytest.mark.parametrize("name", [name for name in GENRES if name not in ASKED_BOTH_WAYS])
def test_other_genres_are_asked_as_genre_alone(name: str) -> None:
    """Electronic, Latin and Reggae are asked as a genre only."""
    label = labels()[name]
    assert (label.genre, label.style) == (name, "")


@pytest.mark.parametrize("name", [*STYLES, *WORLD])
def test_styles_and_world_styles_are_asked_as_style_alone(name: str) -> None:
    """What is no Discogs genre is asked as a style only."""
    label = labels()[name]
    assert (label.genre, label.style) == ("", name)


@pytest.mark.parametrize("name", [*GENRES, *STYLES])
def test_a_genre_lands_in_a_folder_of_its_own_name(name: str) -> None:
    """Genres and styles carry their name into the TSV and have a folder and the genre limit."""
    label = labels()[name]
    assert (label.genre_name, label.folder, label.limit) == (name, name, 7)


@pytest.mark.parametrize("name", WORLD)
def test_a_world_style_is_marked_and_lands_in_world(name: str) -> None:
    """World styles carry "(World)", share one folder, and have a limit each."""
    label = labels()[name]
    assert (label.genre_name, label.folder, label.limit) == (f"{name} (World)", "World", 3)


def test_folders_follow_from_the_genre_cell() -> None:
    """Each label's own genre cell leads to its folder."""
    every = builtin_labels(genre_limit=7, world_limit=3)
    folders = folders_by_genre(every)
    assert {label.genre_name: label.folder for label in every} == dict(folders)
    assert all(folder_of(label.genre_name, folders) == label.folder for label in every)


def test_unknown_genre_cells_keep_their_name_but_world_ones_land_in_world() -> None:
    """A cell that no label claims is its own folder, unless it ends in "(World)"."""
    assert folder_of("Zydeco", {}) == "Zydeco"
    assert folder_of("Zydeco (World)", {}) == "World"
    assert folder_of("(World) Music", {}) == "(World) Music"


def test_a_label_of_ones_own_may_claim_a_world_cell() -> None:
    """What a label says of its folder goes before the rule for "(World)"."""
    assert folder_of("Zydeco (World)", {"Zydeco (World)": "Louisiana"}) == "Louisiana"
