"""Search: matching entries, their pages, and the shape of a result."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from equigen.sandbox.catalogue import Entry, make_catalogue
from equigen.sandbox.search import CatalogueShelf, Params, RefusedError, show_page

RECORDED = Path(__file__).parents[3] / "shared" / "realdata" / "discogs_api" / "search"
BASE_URL = "http://sandbox.test"
CATALOGUE = make_catalogue()


def search_page(
    entries: Sequence[Entry],
    params: dict[str, list[str]],
    **options: Any,  # noqa: ANN401 - options have many types
) -> dict[str, Any]:
    """Return one page of the entries that match."""
    return show_page(CatalogueShelf(entries).find(params), params, **options)


def search(page: int = 1, per_page: int = 50, limit: int = 10_000, **params: str) -> dict[str, Any]:
    """Ask the default catalogue."""
    return search_page(
        CATALOGUE,
        {name: [value] for name, value in params.items()},
        page=page,
        per_page=per_page,
        base_url=BASE_URL,
        result_limit=limit,
    )


def matches(entry: Entry, params: Params) -> bool:
    """Tell whether a search finds an entry."""
    return CatalogueShelf([entry]).find(params) == [entry]


def entry_with(**changes: Any) -> Entry:  # noqa: ANN401 - fields have many types
    """Return an entry of Rock with some of its fields changed."""
    fields: dict[str, Any] = {
        "id": 1,
        "kind": "release",
        "artist": "A",
        "title": "B",
        "year": 1999,
        "genres": ("Rock",),
        "styles": ("Heavy Metal",),
        "formats": ("Vinyl", "LP"),
        "format_name": "Vinyl",
        "country": "UK & Europe",
        "master_id": None,
        "picture": None,
        "look": "Rock",
    }
    return Entry(**(fields | changes))


@pytest.mark.parametrize(
    ("styles", "asked", "found"),
    [
        (("Heavy Metal",), "Metal", True),
        (("Heavy Metal",), "metal heavy", True),
        (("Metalcore",), "Metal", False),
        (("Soul-Jazz",), "Jazz", True),
        (("Pop Rap",), "Rap", True),
        (("Jazzy Hip-Hop",), "Rap", False),
        (("Rhythm & Blues",), "Rhythm & Blues", True),
        (("Rhythm Section", "Piano Blues"), "Rhythm & Blues", False),
        (("K-pop",), "K-Pop", True),
        ((), "Metal", False),
    ],
)
def test_styles_match_by_word(styles: tuple[str, ...], asked: str, *, found: bool) -> None:
    """All words of the value must stand in one style, in any order and case."""
    assert matches(entry_with(styles=styles), {"style": [asked]}) is found


def test_every_param_and_every_repetition_must_match() -> None:
    """Params are joined by and, also when one of them is given twice."""
    entry = entry_with(genres=("Rock", "Pop"))
    assert matches(entry, {"genre": ["Rock", "Pop"], "year": ["1999"], "type": ["release"]})
    assert not matches(entry, {"genre": ["Rock", "Jazz"]})
    assert not matches(entry, {"genre": ["Rock"], "type": ["master"]})
    assert not matches(entry_with(year=None), {"year": ["1999"]})


def test_unknown_params_are_ignored() -> None:
    """A param that the service does not know filters nothing."""
    assert search(nonsense="x")["pagination"]["items"] == len(CATALOGUE)


def test_the_hidden_format_is_searched_too() -> None:
    """format=Cassette finds the release whose flat format list is silent about it."""
    entry = entry_with(formats=("Album",), format_name="Cassette")
    assert matches(entry, {"format": ["cassette"]})


def test_pages_cut_one_stable_order() -> None:
    """All pages together give every hit once, in the same order each time."""
    first = search(style="Metal", per_page=7)
    pages = [
        search(style="Metal", per_page=7, page=number + 1)
        for number in range(first["pagination"]["pages"])
    ]
    keys = [(r["type"], r["id"]) for page in pages for r in page["results"]]
    assert len(keys) == len(set(keys)) == first["pagination"]["items"]
    assert search(style="Metal", per_page=7) == first


def test_pagination_points_to_its_neighbours() -> None:
    """The first page has no `prev`, the last no `next`, and the addresses repeat the question."""
    first = search(style="Rhythm & Blues", per_page=10)["pagination"]
    assert set(first["urls"]) == {"last", "next"}
    assert "style=Rhythm+%26+Blues" in first["urls"]["next"]
    assert set(search(style="Rhythm & Blues", per_page=10, page=2)["pagination"]["urls"]) == {
        "first",
        "prev",
        "last",
        "next",
    }
    last = search(style="Rhythm & Blues", per_page=10, page=first["pages"])["pagination"]
    assert set(last["urls"]) == {"first", "prev"}


def test_per_page_is_clamped_silently() -> None:
    """More than a hundred a page is a hundred."""
    page = search(per_page=500)
    assert page["pagination"]["per_page"] == len(page["results"]) == 100


def test_no_hit_is_one_empty_page() -> None:
    """A search without hits answers an empty page, not an error."""
    page = search(style="Nothing Of The Kind")
    assert page["results"] == []
    assert page["pagination"] == {"page": 1, "pages": 1, "per_page": 50, "items": 0, "urls": {}}


def test_past_the_last_page_is_404() -> None:
    """A page that does not exist is refused."""
    with pytest.raises(RefusedError, match="does not exist") as caught:
        search(style="Metal", page=99)
    assert caught.value.status == 404


def test_past_the_result_limit_is_403_though_items_counts_on() -> None:
    """`items` counts every hit, but only so many can be paged to."""
    first = search(per_page=10, limit=50)["pagination"]
    assert first["items"] == len(CATALOGUE) > 50
    assert first["pages"] == 5
    assert len(search(per_page=10, limit=50, page=5)["results"]) == 10
    with pytest.raises(RefusedError) as caught:
        search(per_page=10, limit=50, page=6)
    assert caught.value.status == 403


def test_the_default_limit_is_ten_thousand() -> None:
    """Page 101 of a hundred each is beyond what Discogs gives."""
    with pytest.raises(RefusedError) as caught:
        search(per_page=100, page=101)
    assert caught.value.status == 403


def test_masters_and_releases_differ_as_on_discogs() -> None:
    """A master is its own master and has no `formats`; a loose release has master 0."""
    master = search(type="master")["results"][0]
    assert master["master_id"] == master["id"]
    assert "formats" not in master
    entry = entry_with(year=None)
    body = search_page([entry], {}, base_url=BASE_URL)
    release = body["results"][0]
    assert release["master_id"] == 0
    assert release["master_url"] is None
    assert "year" not in release
    assert release["formats"][0]["name"] == "Vinyl"
    assert release["cover_image"] == f"{BASE_URL}/images/spacer.gif"


def test_year_is_a_string() -> None:
    """The service writes years as text."""
    body = search_page([entry_with()], {}, base_url=BASE_URL)
    assert body["results"][0]["year"] == "1999"


@pytest.mark.parametrize("kind", ["master", "release"])
def test_results_have_the_recorded_shape(kind: str) -> None:
    """Our results have the keys of the recorded ones, each with a value of a recorded type."""
    names = ("search_releases_2023_idiscogs.json", "search_mixed_2021_img_q_vicente.json")
    if not RECORDED.is_dir():
        pytest.skip(f"the recorded answers are not at {RECORDED}")
    types: dict[str, set[type]] = {}
    for name in names:
        recorded = json.loads((RECORDED / name).read_text(encoding="utf-8"))
        assert set(recorded["pagination"]) == set(search()["pagination"])
        for result in recorded["results"]:
            for key, value in result.items() if result["type"] == kind else ():
                types.setdefault(key, set()).add(type(value))
    for ours in search(type=kind, per_page=100)["results"]:
        assert set(ours) | {"year"} == set(types)
        assert all(type(value) in types[key] for key, value in ours.items())
