"""Taxonomies: tables of queries, their rules, and the quotas that queries of a label share."""

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import realdata

from equigen.config.settings import FetchSettings
from equigen.fetching.selection import Selection
from equigen.identity.albums import Identity
from equigen.labels.taxonomy import (
    DEFAULT_TAXONOMY,
    MatchBy,
    Query,
    Rule,
    builtin_queries,
    fits,
    fits_tags,
    load_taxonomy,
    taxonomy_names,
)
from equigen.sources.discogs import GENRES


def limits(queries: tuple[Query, ...], label: str) -> list[int]:
    """Return the limits of a label's queries."""
    return [query.limit for query in queries if query.label == label]


def with_rows(queries: tuple[Query, ...], counts: dict[str, int]) -> Selection:
    """Return a selection of a dataset that has so many albums of each query."""
    selection = Selection({query.cell: query.label for query in queries})
    cells = [query.cell for query in queries for _ in range(counts.get(query.name, 0))]
    for number, cell in enumerate(cells):
        identity = Identity(f"x:{number}", f"Artist {number}", str(number), str(number), cell)
        selection.remember(identity, album_index=number, in_dataset=True)
    return selection


def own(tmp_path: Path, text: str) -> str:
    """Write a taxonomy and return its path."""
    file = tmp_path / "own.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_world_styles_share_the_limit_of_a_label() -> None:
    """World is no larger than any other label, and all its styles have a part."""
    queries = builtin_queries(genre_limit=14)
    assert limits(queries, "World") == [2] * 4 + [1] * 6
    assert {query.label_limit for query in queries} == {14}


def test_a_full_dataset_of_before_stays_as_it_is() -> None:
    """By the defaults, 1,200 albums of each world style are all of them, as they always were."""
    queries = FetchSettings().known_queries()
    world = [query for query in queries if query.label == "World"]
    selection = with_rows(queries, {query.name: 1_200 for query in world})
    assert [selection.missing(query) for query in world] == [0] * 10
    jazz = next(query for query in queries if query.name == "Jazz")
    assert selection.missing(jazz) == 15_000


def test_a_world_limit_above_the_genre_limit_is_bounded_by_the_label() -> None:
    """One style may have more than its part, but the label not more than the others."""
    queries = builtin_queries(genre_limit=10, world_limit=8)
    afrobeat, rumba, celtic = (query for query in queries[14:17])
    selection = with_rows(queries, {"Afrobeat": 7})
    assert [selection.missing(each) for each in (afrobeat, rumba, celtic)] == [1, 3, 3]
    assert selection.missing(celtic, promised=2) == 1


def test_rows_beyond_the_limit_stay() -> None:
    """A dataset with more World than the limit has no room for more, and loses nothing."""
    queries = builtin_queries(genre_limit=10)
    selection = with_rows(queries, {"Salsa": 30})
    assert [selection.missing(each) for each in queries[14:]] == [0] * 10


def test_a_label_may_be_larger_by_its_row(tmp_path: Path) -> None:
    """A limit in the table goes before the settings, also for the quota that it shares."""
    path = own(
        tmp_path,
        'label = [{name = "Dub", any_style = ["Dub"], folder = "Jamaica", limit = 30},'
        '{name = "Ska", any_style = ["Ska"], folder = "Jamaica"}]',
    )
    dub, ska = load_taxonomy(path).queries(genre_limit=20)
    assert (dub.limit, ska.limit, ska.label_limit, ska.cell) == (30, 10, 30, "Ska (Jamaica)")


@given(genre_limit=st.integers(0, 500), world_limit=st.one_of(st.none(), st.integers(0, 500)))
def test_no_label_can_take_more_than_the_genre_limit(
    genre_limit: int, world_limit: int | None
) -> None:
    """Filled in order from any source, World has no more albums than another label."""
    queries = builtin_queries(genre_limit=genre_limit, world_limit=world_limit)
    taken = Counter[str]()
    for query in queries:
        left = query.label_limit - taken[query.label]
        taken[query.label] += max(0, min(query.limit, left))
    assert taken["World"] <= genre_limit == taken["Jazz"]
    if world_limit is None and genre_limit <= 12_000:
        assert taken["World"] == genre_limit


@pytest.mark.parametrize("name", taxonomy_names())
def test_each_built_in_taxonomy_can_be_read(name: str) -> None:
    """Each file has queries that differ in name and cell, and says what it is."""
    taxonomy = load_taxonomy(name)
    queries = taxonomy.queries(genre_limit=5)
    assert len({query.name.casefold() for query in queries}) == len(queries)
    assert len({query.cell for query in queries}) == len(queries)
    assert all(query.genre or query.style for query in queries)
    assert taxonomy.about
    assert DEFAULT_TAXONOMY in taxonomy_names()


@pytest.mark.parametrize(("name", "count"), [("discogs-15", 15), ("discogs-7", 7)])
def test_labels_by_genres_of_discogs_have_one_each(name: str, count: int) -> None:
    """All other names in their rules are other sources'; styles decide nothing."""
    taxonomy = load_taxonomy(name)
    genres = [[each for each in row.any_genre if each in GENRES] for row in taxonomy.label]
    assert [len(each) for each in genres] == [1] * count
    assert all(each.rule().beyond_search().any_style == () for each in taxonomy.label)
    for query, (genre,) in zip(taxonomy.queries(genre_limit=1), genres, strict=True):
        for other in GENRES:
            assert fits(query, (other,), ("Metal", "Rap")) == (other == genre)


@pytest.mark.parametrize(
    ("rule", "genres", "styles", "is_match"),
    [
        (Rule(any_genre=("Jazz",), any_style=("Jazz",)), ["Jazz"], ["Bop"], False),
        (Rule(any_genre=("Jazz",), any_style=("Jazz",)), ["Jazz"], ["Soul-Jazz"], True),
        (Rule(any_genre=("Country",)), ["Folk, World, & Country"], [], True),
        (Rule(any_genre=("Country",), by=MatchBy.NAMES), ["Folk, World, & Country"], [], False),
        (Rule(any_genre=("jazz", "blues"), by=MatchBy.NAMES), ["Blues"], [], True),
        (Rule(all_of=("Jazz", "Latin")), ["Jazz"], ["Latin Jazz"], True),
        (Rule(all_of=("Jazz", "Latin")), ["Jazz"], [], False),
        (Rule(any_genre=("Rock",), none_of=("Metal",)), ["Rock"], ["Heavy Metal"], False),
        (Rule(any_genre=("Rock",), none_of=("Metal",)), ["Rock"], ["Punk"], True),
        (Rule(any_genre=("&",)), ["Jazz"], [], False),
    ],
)
def test_a_rule_matches(
    rule: Rule,
    genres: list[str],
    styles: list[str],
    is_match: bool,  # noqa: FBT001  (a column of the table)
) -> None:
    """An album matches that fulfils each part of the rule."""
    assert rule.matches(genres, styles) is is_match


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("label = []", "label"),
        ("label = [", "not TOML"),
        ('label = [{name = "A"}]', "asked by: any_genre, any_style, any_of or all_of"),
        ('label = [{name = "A", any_genres = ["A"]}]', "any_genres"),
        ('label = [{name = "\\u0000", any_genre = ["A"]}]', "name"),
        ('by = "sound"\nlabel = [{name = "A", any_genre = ["A"]}]', "by"),
        (
            'label = [{name = "A", any_genre = ["A"]}, {name = "a", any_genre = ["B"]}]',
            "'A' is defined twice",
        ),
    ],
)
def test_a_taxonomy_of_another_form_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """The message names the file and what is wrong there."""
    with pytest.raises(ValueError, match=says) as caught:
        load_taxonomy(own(tmp_path, text))
    assert str(tmp_path) in str(caught.value)


def test_a_taxonomy_that_there_is_not_is_named(tmp_path: Path) -> None:
    """The message lists the built-in ones; a missing file is named."""
    with pytest.raises(ValueError, match=r"'discogs-25'; expected one of .*discogs-24"):
        load_taxonomy("discogs-25")
    with pytest.raises(ValueError, match=r"gone\.toml: can't be read"):
        load_taxonomy(str(tmp_path / "gone.toml"))


def labels_of(taxonomy: str, genre: str) -> list[str]:
    """Return the labels of an album that has one genre."""
    queries = load_taxonomy(taxonomy).queries(genre_limit=1)
    return [query.label for query in queries if fits(query, (genre,), ())]


def test_recorded_albums_of_msd_i_have_the_label_of_their_genre() -> None:
    """Each of the 15 genres is one label, and every label has albums."""
    with gzip.open(realdata("msdi", "MSD-I_albums_a.tsv.gz"), "rt", encoding="utf-8") as file:
        genres = {row["genre"] for row in csv.DictReader(file, delimiter="\t")}
    assert {genre: labels_of("msd-15", genre) for genre in genres} == {
        genre: [genre] for genre in genres
    }
    assert len(genres) == len(load_taxonomy("msd-15").label)


@pytest.mark.parametrize(
    ("taxonomy", "without"),
    [("mumu-16", set()), ("mumu-12", {"New Age", "Reggae", "Classical", "Gospel"})],
)
def test_recorded_albums_of_mumu_have_the_label_of_their_genre(
    taxonomy: str, without: set[str]
) -> None:
    """Each of the 16 genres is one label, or none of the 12."""
    file = realdata("mumu", "MuMu_dataset_single-label_a.csv.gz")
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        genres = {row["genres"] for row in csv.DictReader(opened)}
    assert {genre: labels_of(taxonomy, genre) for genre in genres} == {
        genre: [] if genre in without else [genre] for genre in genres
    }
    assert len(genres - without) == len(load_taxonomy(taxonomy).label)


@pytest.mark.parametrize(
    ("genre", "labels"),
    [
        ("Hip-Hop", ["rap"]),
        ("Rap & Hip-Hop", ["rap"]),
        ("Electronica", ["electronic"]),
        ("Indie Rock", ["indie"]),
        ("indie pop", ["indie"]),
        ("Progressive Metal", ["metal"]),
        ("METAL", ["metal"]),
        ("R&B", ["r&b"]),
        ("New Age", ["new_age"]),
        ("Rock", ["rock"]),
        ("Rock & Roll", ["rock"]),
        ("Jazz Funk", ["jazz"]),
        ("Symphonic metal", ["metal"]),
        ("General Metal", ["metal"]),
        ("Grindcore", ["metal"]),
        ("Indie Folk", ["indie"]),
        ("Trip Hop", ["electronic"]),
        ("Blues Rock", ["rock"]),
        ("Punk Rock", ["punk"]),
        ("rhythm and blues", ["r&b"]),
        ("Salsa", ["latin"]),
        ("K-Pop", ["pop"]),
        ("World Music", ["world"]),
        ("Folk, World, & Country", []),
        ("Soundtrack", []),
        ("Opera House", []),
    ],
)
def test_free_tags_of_acousticbrainz_have_one_label(genre: str, labels: list[str]) -> None:
    """Metal and indie go by words, world by whole names, all others by MusicBrainz's table."""
    assert labels_of("acousticbrainz-16", genre) == labels


@pytest.mark.parametrize(
    ("taxonomy", "genre", "label"),
    [
        ("msd-15", "Rap & Hip-Hop", "Rap"),
        ("msd-15", "Dance & Electronic", "Electronic"),
        ("msd-15", "Latin Music", "Latin"),
        ("msd-15", "Alternative Rock", "Rock"),
        ("mumu-16", "RnB", "R&B"),
        ("mumu-12", "RnB", "R&B"),
        ("spotify-16", "RnB", "R&B"),
    ],
)
def test_genres_of_other_datasets_have_the_label_of_the_same_music(
    taxonomy: str, genre: str, label: str
) -> None:
    """Where one is MuMu's or MSD-I's, and the albums of the other come in."""
    assert labels_of(taxonomy, genre) == [label]


@pytest.mark.parametrize(
    ("taxonomy", "tags", "labels"),
    [
        ("discogs-15", ["hip hop"], ["Hip Hop"]),
        ("discogs-15", ["deathcore"], ["Rock"]),
        ("discogs-15", ["country soul"], ["Folk, World, & Country", "Funk / Soul"]),
        ("discogs-7", ["bluegrass"], ["Folk"]),
        ("discogs-24", ["bebop"], ["Jazz"]),
        ("musicbrainz", ["bebop"], ["Jazz"]),
        ("mumu-16", ["bebop"], ["Jazz"]),
        ("msd-15", ["contemporary r&b"], ["RnB"]),
    ],
)
def test_musicbrainz_tags_have_labels_of_each_taxonomy(
    taxonomy: str, tags: list[str], labels: list[str]
) -> None:
    """A term stands for all genres of its row in the table."""
    queries = load_taxonomy(taxonomy).queries(genre_limit=1)
    assert [query.label for query in queries if fits_tags(query, tags)] == labels
