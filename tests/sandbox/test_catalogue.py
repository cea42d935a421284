"""The made-up catalogue has every label and every oddity, the same each time."""

import subprocess
import sys
import time
from collections import Counter

import pytest

from equigen.labels.taxonomy import Query, builtin_queries
from equigen.sandbox.catalogue import FLAVOURS, Entry, make_catalogue
from equigen.sandbox.search import CatalogueShelf

LABELS = builtin_queries(genre_limit=1, world_limit=1)
CATALOGUE = make_catalogue()


def found_by(label: Query) -> list[Entry]:
    """Return the entries that a search for a label finds."""
    params = {"genre": [label.genre], "style": [label.style]}
    asked = {name: values for name, values in params.items() if values[0]}
    return CatalogueShelf(CATALOGUE).find(asked)


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label.name)
def test_every_label_finds_its_own_albums(label: Query) -> None:
    """A search for a label finds at least the promised number of masters with a picture."""
    own = [
        entry
        for entry in found_by(label)
        if entry.kind == "master" and entry.look == label.name and entry.picture
    ]
    assert len(own) >= 24


def test_every_label_has_its_flavour() -> None:
    """The catalogue knows the very labels that the rules know."""
    assert set(FLAVOURS) == {label.name for label in LABELS}


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label.name)
def test_a_label_keeps_most_albums_to_itself(label: Query) -> None:
    """At least half of a label's own masters are out of reach of every label before it."""
    earlier = LABELS[: LABELS.index(label)]
    taken = {id(entry) for other in earlier for entry in found_by(other)}
    own = [e for e in found_by(label) if e.kind == "master" and e.look == label.name]
    assert sum(id(entry) not in taken for entry in own) >= len(own) / 2


def test_same_arguments_same_catalogue() -> None:
    """Two calls return equal catalogues, another seed another one."""
    assert make_catalogue(7, 3) == make_catalogue(7, 3)
    assert make_catalogue(7, 3) != make_catalogue(8, 3)


def test_the_catalogue_does_not_depend_on_hash_randomisation() -> None:
    """Processes with different hash seeds make the same catalogue."""
    program = "from equigen.sandbox.catalogue import *; print(repr(make_catalogue(1, 2)))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_more_albums_change_none() -> None:
    """A larger catalogue holds the smaller one whole, so that a refresh only adds."""
    assert set(make_catalogue(albums_per_label=4)) < set(make_catalogue(albums_per_label=6))


def test_ids_are_unique_within_a_kind_and_shared_across() -> None:
    """No two masters and no two releases have one id, but a master and a release do."""
    masters = Counter(entry.id for entry in CATALOGUE if entry.kind == "master")
    releases = Counter(entry.id for entry in CATALOGUE if entry.kind == "release")
    assert max(masters.values()) == max(releases.values()) == 1
    assert masters.keys() & releases.keys()


def test_masters_have_releases_with_their_heading_and_picture() -> None:
    """Releases that name a master carry its heading, and one of them its very picture."""
    masters = {entry.id: entry for entry in CATALOGUE if entry.kind == "master"}
    releases = [e for e in CATALOGUE if e.kind == "release" and e.master_id]
    assert all(masters[r.master_id or 0].heading == r.heading for r in releases)
    assert any(masters[r.master_id or 0].picture == r.picture for r in releases)
    assert max(Counter(r.master_id for r in releases).values()) >= 2
    assert any(e.kind == "release" and e.master_id is None for e in CATALOGUE)


def test_years_stay_between_the_first_records_and_the_newest_year() -> None:
    """Years run from the thirties to 2026 and not beyond, most of them recent."""
    years = sorted(entry.year for entry in CATALOGUE if entry.year is not None)
    assert years[0] < 1940
    assert years[-1] == 2026
    assert years[len(years) // 2] > 1995


@pytest.mark.parametrize(
    "name", ["Prince Marmalade (2)", "Björn Åskväder*", "Various", "Unknown Artist", "007", "None"]
)
def test_odd_artists_are_there(name: str) -> None:
    """Each artist's name that has tripped someone up occurs, whatever the size."""
    assert any(entry.artist == name for entry in make_catalogue(albums_per_label=0))


@pytest.mark.parametrize("part", [" - ", '"', "&", "/", "\t", "\n", "'"])
def test_odd_titles_are_there(part: str) -> None:
    """Each mark that breaks naive writers and splitters stands in some title."""
    assert any(part in entry.title for entry in CATALOGUE)


def test_odd_rows_are_there() -> None:
    """Placeholders, both kinds of cassette, undated rows and non-albums occur."""
    assert any(entry.picture is None for entry in CATALOGUE)
    assert any("Cassette" in entry.formats for entry in CATALOGUE)
    hidden = [e for e in CATALOGUE if e.format_name == "Cassette" and "Cassette" not in e.formats]
    assert hidden
    assert all(entry.kind == "release" for entry in hidden)
    assert any(entry.year is None for entry in CATALOGUE)
    assert any("Single" in entry.formats for entry in CATALOGUE)


def test_one_picture_stands_under_different_albums() -> None:
    """Some picture is shared by masters of different headings."""
    headings: dict[str, set[str]] = {}
    for entry in CATALOGUE:
        if entry.picture and entry.kind == "master":
            headings.setdefault(entry.picture, set()).add(entry.heading)
    assert max(len(names) for names in headings.values()) >= 2


def test_one_artist_stands_under_two_labels() -> None:
    """Some artist has albums in two looks, so that grouping by artist has work to do."""
    looks: dict[str, set[str]] = {}
    for entry in CATALOGUE:
        looks.setdefault(entry.artist, set()).add(entry.look)
    assert looks["Ottilie Vane"] == {"Rock", "Blues"}


def test_the_catalogue_is_made_quickly() -> None:
    """The default catalogue takes well under a second even on a slow machine."""
    start_s = time.perf_counter()
    make_catalogue()
    assert time.perf_counter() - start_s < 1.0
