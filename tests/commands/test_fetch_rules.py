"""Rules of several terms: a search for each, every album once, and what a search can't say."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fetches import album, pages_asked, rows_of, run_fetch
from support import make_context

from equigen.config.settings import FetchSettings
from equigen.sandbox.server import Sandbox
from equigen.sources.base import Search
from equigen.sources.discogs import GENRES, open_source

TSV = "equigen_dataset.tsv"
ENTRIES = [
    album(1, genres=("Reggae",), styles=("Dub",)),
    album(2, genres=("Reggae",), styles=("Ska",)),
    album(3, genres=("Reggae", "Rock"), styles=("Ska", "Dub")),
    album(4, genres=("Reggae",), styles=("Roots Reggae",)),
    album(5, genres=("Rock",), styles=("Heavy Metal", "Ska")),
    album(6, genres=("Jazz", "Latin"), styles=("Bossa Nova",)),
    album(7, genres=("Jazz",), styles=("Latin Jazz",)),
    album(8, genres=("Jazz",), styles=("Bop",)),
    album(9, genres=("Blues",), styles=("Jump Blues", "Rhythm & Blues")),
    album(10, genres=("Blues",), styles=("Jump Blues",)),
    album(11, genres=("Folk, World, & Country",), styles=("Country",)),
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with some albums of one year."""
    with Sandbox(ENTRIES) as server:
        yield server


def taken(folder: Path, sandbox: Sandbox, **settings: object) -> dict[int, str]:
    """Fetch, and return the genre cell of each album in the TSV."""
    chosen: dict[str, object] = {"labels": None, "from_year": 2021, "to_year": 2020, **settings}
    run_fetch(folder, sandbox, **chosen)  # type: ignore[arg-type]
    return {int(row["album_id"][9:]): row["genre"] for row in rows_of(folder / TSV)}


def only(**label: object) -> dict[str, object]:
    """Return settings with one label of one's own, which is the only one chosen."""
    return {"label": [{"name": "Mine", **label}], "labels": ["Mine"]}


@pytest.mark.parametrize("spread", ["recent", "even"])
def test_each_of_several_styles_is_searched_for(
    tmp_path: Path, sandbox: Sandbox, spread: str
) -> None:
    """An album that several searches find is taken once, and no page is asked for twice."""
    rule = only(genre="Reggae", any_style=["Dub", "Ska"])
    assert set(taken(tmp_path, sandbox, spread=spread, **rule)) == {1, 2, 3}
    asked = pages_asked(sandbox.log)
    assert len(asked) == 2 * 2, "two styles in two years"
    assert set(taken(tmp_path, sandbox, spread=spread, **rule)) == {1, 2, 3}
    assert pages_asked(sandbox.log) == asked
    assert max(asked.values()) == 1


@pytest.mark.parametrize("spread", ["recent", "even"])
@pytest.mark.parametrize("limit", [1, 40, 150])
def test_no_search_of_several_is_made_in_vain(tmp_path: Path, spread: str, limit: int) -> None:
    """A page is asked for only if those before can't fill the label."""
    entries = [
        album(number, year=2021 - number % 2, styles=("Bop" if number % 3 else "Swing",))
        for number in range(1, 300)
    ]
    rule = only(any_style=["Bop", "Swing"])
    with Sandbox(entries) as sandbox:
        found = taken(tmp_path, sandbox, limit=limit, spread=spread, **rule)
        assert len(found) == limit
        asked = pages_asked(sandbox.log)
        more = taken(tmp_path, sandbox, limit=limit, spread=spread, **rule)
    assert more == found
    # By the order of the plan: a year's 150 albums are 100 of one style and 50 of the other.
    pages = {("recent", 1): 1, ("recent", 40): 1, ("recent", 150): 3}
    assert len(asked) == pages.get((spread, limit), 1 if limit == 1 else 2)


def test_none_of_takes_albums_away(tmp_path: Path, sandbox: Sandbox) -> None:
    """What the search finds and the rule excludes is dropped with a reason."""
    rule = only(any_style=["Ska"], none_of=["Metal"])
    assert set(taken(tmp_path, sandbox, **rule)) == {2, 3}
    one_year: dict[str, object] = {"from_year": 2020, "to_year": 2020, **rule}
    summary = run_fetch(tmp_path / "again", sandbox, **one_year)  # type: ignore[arg-type]
    assert summary.dropped["doesn't match the query's rule"] == 1


def test_all_of_is_looked_for_among_genres_and_styles(tmp_path: Path, sandbox: Sandbox) -> None:
    """The first is asked for, as a style and as a genre; the others are checked."""
    assert set(taken(tmp_path, sandbox, **only(all_of=["Latin", "Jazz"]))) == {6, 7}
    asked = {(*hit.query.get("style", []), *hit.query.get("genre", [])) for hit in sandbox.log}
    assert asked == {("Latin",)}
    assert {bool(hit.query.get("genre")) for hit in sandbox.log} == {True, False}


def test_what_is_no_genre_of_discogs_is_asked_as_a_style_alone(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Nothing is asked for that can't be there."""
    assert set(taken(tmp_path, sandbox, **only(any_of=["Ska", "Heavy Metal"]))) == {2, 3, 5}
    assert not any(hit.query.get("genre") for hit in sandbox.log)


def test_whole_names_are_whole(tmp_path: Path, sandbox: Sandbox) -> None:
    """Discogs' search finds "Roots Reggae" for "Reggae"; a rule by names doesn't take it."""
    rule = only(any_style=["reggae", "dub"], by="names")
    assert set(taken(tmp_path, sandbox, **rule)) == {1, 3}
    assert set(taken(tmp_path / "words", sandbox, **only(any_style=["reggae"]))) == {4}


def test_blues_that_are_rhythm_and_blues_are_not_taken(tmp_path: Path, sandbox: Sandbox) -> None:
    """The default's rule says so; another taxonomy's Blues has no such rule."""
    assert set(taken(tmp_path, sandbox, labels=["Blues"])) == {10}
    other = {"labels": ["Blues"], "taxonomy": "discogs-15"}
    assert set(taken(tmp_path / "other", sandbox, **other)) == {9, 10}


def test_labels_of_the_same_terms_have_pages_of_their_own(tmp_path: Path, sandbox: Sandbox) -> None:
    """What one label's rule refuses is there for the other, in one run and in the next."""
    names = ["Loud", "Soft"]
    labels = [
        {"name": names[0], "style": "Ska", "all_of": ["Metal"]},
        {"name": names[1], "style": "Ska", "none_of": ["Metal"]},
    ]
    found = taken(tmp_path, sandbox, label=labels, labels=names)
    assert found == {5: "Loud", 2: "Soft", 3: "Soft"}
    for name in names:
        chosen = {"label": labels, "labels": [name]}
        assert set(taken(tmp_path / name, sandbox, **chosen).values()) == {name}


def test_discogs_own_genres_are_a_dataset(tmp_path: Path, sandbox: Sandbox) -> None:
    """Each album has one of its genres as its label; an artist's first label keeps it."""
    found = taken(tmp_path, sandbox, taxonomy="discogs-15")
    of_entry = {entry.id: entry.genres for entry in ENTRIES}
    assert len(found) == len(ENTRIES)
    assert {genre for hit in sandbox.log for genre in hit.query["genre"]} == {*GENRES}
    assert all(genre in of_entry[number] for number, genre in found.items())


def test_other_data_sets_taxonomies_work_with_discogs(tmp_path: Path, sandbox: Sandbox) -> None:
    """The classes of MuMu, filled from Discogs."""
    found = Counter(taken(tmp_path, sandbox, taxonomy="mumu-16").values())
    assert found == {
        "Metal": 1, "R&B": 1, "Reggae": 4, "Jazz": 3, "Blues": 1, "Country": 1
    }  # fmt: skip


def test_the_keys_of_the_ledger_never_change(tmp_path: Path) -> None:
    """A dataset that was begun before there were rules goes on without asking anew."""
    source = open_source(make_context(tmp_path).config)
    keys = [
        source.key(Search(asked, 1999))
        for query in FetchSettings().known_queries()
        for asked in source.asked(query)
    ]
    assert len(set(keys)) == len(keys) == 24
    assert keys[0] == (
        '["discogs", ["genre", "Blues"], ["style", "Blues"], ["year", "1999"], ["format", "album"]]'
    )
    assert keys[2] == '["discogs", ["genre", "Electronic"], ["year", "1999"], ["format", "album"]]'
    assert keys[-2] == '["discogs", ["style", "Salsa"], ["year", "1999"], ["format", "album"]]'
