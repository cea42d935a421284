"""The Discogs source: what it asks, and what it makes of answers, good and odd."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.config.layers import Config
from equigen.config.settings import defaults
from equigen.config.source_settings import Credentials, DiscogsSettings
from equigen.errors import BadBodyError, ConfigError, UsageError
from equigen.labels.taxonomy import builtin_queries
from equigen.ledger.models import Rating
from equigen.schema import Listing, safe_text, split_list
from equigen.sources import base as sources
from equigen.sources.base import Page, Request, Search
from equigen.sources.discogs import COUNTRIES, FORMATS, open_source

RECORDED = Path(__file__).parents[3] / "shared" / "realdata" / "discogs_api"
LABELS = {label.name: label for label in builtin_queries(genre_limit=1, world_limit=1)}
JAZZ_1999 = Search(LABELS["Jazz"], 1999)
URL = "https://api.discogs.com/database/search"
LOOPBACK = "http://127.0.0.1:8080"

SEARCHES = {
    "search_2012_relative_urls.json": (12, 1),
    "search_masters_2015_apiimg.json": (50, 0),
    "search_mixed_2021_img_q_vicente.json": (45, 5),
    "search_releases_2023_idiscogs.json": (2, 0),
    "search_releases_unauth_q_soda_stereo.json": (25, 0),
}
ERRORS = (
    "artist-404.json",
    "delete-item-from-folder-403.json",
    "label-404.json",
    "master-404.json",
    "release-404.json",
    "search-500.json",
    "user-identity-401.json",
)
RESULT: dict[str, Any] = {
    "id": 3074559,
    "type": "release",
    "title": "Nina Simone - Pastel Blues",
    "year": "1965",
    "country": "US",
    "genre": ["Jazz", "Blues"],
    "style": ["Soul-Jazz"],
    "format": ["Vinyl", "LP", "Album"],
    "formats": [{"name": "Vinyl", "qty": "1", "descriptions": ["LP", "Album"]}],
    "cover_image": "https://a.example/1.jpg",
    "thumb": "https://a.example/1-small.jpg",
}
ANSWER: dict[str, Any] = {"pagination": {"items": 1, "pages": 1, "page": 1}, "results": [RESULT]}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take everything that EquiGen heeds out of the environment."""
    for name in list(os.environ):
        if name.upper().startswith(("EQUIGEN_", "DISCOGS_")):
            monkeypatch.delenv(name)


def config(*, token: str = "", user_agent: str = "", **discogs: Any) -> Config:  # noqa: ANN401
    """Return settings for Discogs, which is on loopback unless said otherwise."""
    given_ = {"base_url": LOOPBACK, "user_agent": user_agent, **discogs}
    tables = defaults(discogs=DiscogsSettings(**given_))
    return Config(tables, Credentials(discogs_token=token), Path())


def read(answer: object, search: Search = JAZZ_1999) -> Page:
    """Read an answer, given as bytes or as what is to become JSON."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return open_source(config()).read(search, body, url=URL)


def read_one(**changed: object) -> Listing:
    """Read an answer of one ordinary result with some fields changed."""
    (listing,) = read({**ANSWER, "results": [{**RESULT, **changed}]}).listings
    return listing


def recorded(folder: str, name: str) -> bytes:
    """Return a recorded answer."""
    file = RECORDED / folder / name
    if not file.is_file():
        pytest.skip(f"recorded answers are not here: {file}")
    return file.read_bytes()


@pytest.mark.parametrize(("name", "counts"), SEARCHES.items(), ids=list(SEARCHES))
def test_recorded_answers_are_read(name: str, counts: tuple[int, int]) -> None:
    """Every result of every era is a listing or counted as something else, in its order."""
    body = recorded("search", name)
    results = json.loads(body)["results"]
    page = read(body)
    assert (len(page.listings), page.others) == counts
    assert sum(counts) == len(results)
    albums = [result for result in results if result["type"] in {"master", "release"}]
    for listing, result in zip(page.listings, albums, strict=True):
        assert listing.album_id == f"discogs:{result['type'][0]}{result['id']}"
        artist, _, title = result["title"].partition(" - ")
        assert (listing.artist, listing.title) == (safe_text(artist), safe_text(title))
        assert listing.year == result.get("year", "")
        assert listing.image_url == (result.get("cover_image") or "")
        assert listing.genres == tuple(result["genre"])
        assert listing.styles == tuple(result["style"])
        assert listing.country == result.get("country", "")
        assert set(result["format"]) <= set(listing.formats)
        assert len(set(listing.formats)) == len(listing.formats)


def test_recorded_answers_tell_how_many_results_there_are() -> None:
    """Items and pages are as the service says."""
    page = read(recorded("search", "search_mixed_2021_img_q_vicente.json"))
    assert (page.items, page.pages) == (2146, 43)
    page = read(recorded("search", "search_masters_2015_apiimg.json"))
    assert (page.items, page.pages) == (890_761, 1000)


def test_cassettes_show_in_the_formats_of_recorded_answers() -> None:
    """A cassette can be told from a listing, also where it hides beside "Album"."""
    page = read(recorded("search", "search_masters_2015_apiimg.json"))
    cassettes = [listing for listing in page.listings if "Cassette" in listing.formats]
    assert "Enjoy (8)" in {listing.artist for listing in cassettes}


@pytest.mark.parametrize("name", ERRORS)
def test_recorded_errors_are_no_pages(name: str) -> None:
    """An answer that refuses is not taken for a page without results."""
    with pytest.raises(BadBodyError, match="without a list of results") as caught:
        read(recorded("errors", name))
    assert caught.value.url == URL
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("length", [0, 1, 50, 200, -1])
def test_a_torn_answer_is_no_page(length: int) -> None:
    """An answer that was cut off anywhere is noticed."""
    body = json.dumps(ANSWER).encode()
    with pytest.raises(BadBodyError, match="not JSON"):
        read(body[:length])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"null",
        b"[]",
        b"7",
        b'"results"',
        b"{}",
        b'{"results": null}',
        b'{"results": {}}',
        b'{"results": "none"}',
        b"<html><title>403 Forbidden</title></html>",
        b"\xff\xfe\xfd",
        b'{"results": [\xe9]}',
        b"[" * 100_000,
        b'{"results": ' + b"[" * 100_000,
    ],
    ids=lambda body: ascii(body)[2:24],
)
def test_what_is_no_page_is_refused(body: bytes) -> None:
    """Bodies of any other kind are told to be none, in one line that names the address."""
    with pytest.raises(BadBodyError) as caught:
        read(body)
    message = str(caught.value)
    assert message.startswith(URL)
    assert len(message.splitlines()) == 1


def test_a_page_without_results_is_one() -> None:
    """No hit is an answer too."""
    answer = {"pagination": {"items": 0, "pages": 0, "urls": {}}, "results": []}
    assert read(answer) == Page(items=0, pages=0, listings=(), others=0)


def test_an_ordinary_result_is_read_field_by_field() -> None:
    """Each field of a result goes where it belongs."""
    assert read_one() == Listing(
        artist="Nina Simone",
        title="Pastel Blues",
        year="1965",
        image_url="https://a.example/1.jpg",
        album_id="discogs:r3074559",
        genres=("Jazz", "Blues"),
        styles=("Soul-Jazz",),
        country="US",
        formats=("Vinyl", "LP", "Album"),
    )


@pytest.mark.parametrize(
    ("title", "artist", "album"),
    [
        ("Nina Simone - Pastel Blues", "Nina Simone", "Pastel Blues"),
        ("Godspeed - Lift - Yr - Skinny", "Godspeed", "Lift - Yr - Skinny"),
        ("Jean-Michel Jarre - Oxygène", "Jean-Michel Jarre", "Oxygène"),
        ("Prince (2) - 1999", "Prince (2)", "1999"),
        ("Trash80", "Trash80", ""),
        ("Sade - ", "Sade", ""),
        ("Sade -", "Sade", ""),
        (" Sade  -  Diamond Life ", "Sade", "Diamond Life"),
        ("Tab\tArtist - Two\nLines", "Tab Artist", "Two Lines"),
        ("Bjo\u0308rk - De\u0301but", "Björk", "Début"),
        ("\ud800 - x", "\ufffd", "x"),
        ("", "", ""),
    ],
)
def test_titles_are_split_at_the_first_separator(title: str, artist: str, album: str) -> None:
    """Discogs writes "Artist - Album"; what follows the first " - " is all album."""
    listing = read_one(title=title)
    assert (listing.artist, listing.title) == (artist, album)


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        ("1999", "1999"),
        (1999, "1999"),
        (" 1999 ", "1999"),
        ("", ""),
        (0, ""),
        ("0", ""),
        (None, ""),
        ("199", ""),
        ("19999", ""),
        ("19x9", ""),
        ("-199", ""),
        ("١٩٩٩", ""),
        ("²³²³", ""),
        (1999.0, "1999"),
        ("1999.0", "1999"),
        (1999.5, ""),
        (float("nan"), ""),
        (True, ""),
        (["1999"], ""),
    ],
)
def test_a_year_is_four_digits_or_unknown(year: object, expected: str) -> None:
    """A text that is no year counts as none, so that the year asked stands in for it."""
    assert read_one(year=year).year == expected


def test_a_missing_year_is_unknown() -> None:
    """Many results have no year at all."""
    result = {name: value for name, value in RESULT.items() if name != "year"}
    assert read({**ANSWER, "results": [result]}).listings[0].year == ""


def test_formats_are_gathered_from_both_fields() -> None:
    """A cassette that only one of `format` and `formats` names is seen; none is there twice."""
    listing = read_one(format=["Album", "Vinyl"], formats=[{"name": "Cassette"}, {"name": "Vinyl"}])
    assert listing.formats == ("Album", "Vinyl", "Cassette")


def test_values_without_text_are_left_out_of_lists() -> None:
    """White space, or no text at all, is no genre, style or format."""
    listing = read_one(genre=["Jazz", "", " ", "\t", None, 7, ["Pop"]], style=["\n"], format=[" "])
    assert listing.genres == ("Jazz",)
    assert listing.styles == ()
    assert listing.formats == ("Vinyl",)


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "artist"},
        {"type": "label"},
        {"type": None},
        {"type": ["release"]},
        {"id": None},
        {"id": "r3074559"},
        {"id": 1.5},
        {"id": -1},
        {"id": 10**400},
        {"id": True},
        {"title": None},
        {"title": 7},
    ],
    ids=str,
)
def test_what_is_no_album_is_counted_apart(changed: dict[str, object]) -> None:
    """Artists, labels and results without identity or title are no listings, but no trouble."""
    page = read({**ANSWER, "results": [{**RESULT, **changed}, RESULT]})
    assert len(page.listings) == 1
    assert page.others == 1


@pytest.mark.parametrize("number", [3074559, "3074559", 3074559.0, " 3074559 "], ids=repr)
def test_an_identity_is_the_same_however_its_number_is_written(number: object) -> None:
    """As a text or with a point it is the same album."""
    assert read_one(id=number).album_id == "discogs:r3074559"


@pytest.mark.parametrize(
    ("changed", "torn"),
    [
        ({}, 0),
        ({"year": None, "country": 7, "genre": {}, "style": None, "format": "LP"}, 0),
        ({"type": "artist"}, 0),
        ({"type": 5}, 1),
        ({"id": None}, 1),
        ({"title": ["x"]}, 1),
        ({"cover_image": None}, 1),
    ],
    ids=str,
)
def test_results_that_lack_what_each_has_are_torn(changed: dict[str, object], torn: int) -> None:
    """Such a page may be better when it is asked for again; what may be missing is no reason."""
    assert read({**ANSWER, "results": [RESULT, {**RESULT, **changed}]}).torn == torn


def test_a_page_says_whether_it_is_counted() -> None:
    """The number of results is a guess where the service doesn't give it."""
    assert read(ANSWER).is_counted
    assert not read({"results": [RESULT]}).is_counted


def test_a_number_without_end_is_none() -> None:
    """Thousands of digits break nothing: the result is none, the others of its page stay."""
    torn = json.dumps({**RESULT, "id": 0}).replace('"id": 0', f'"id": {"9" * 5000}')
    page = read(f'{{"results": [{torn}, {json.dumps(RESULT)}]}}'.encode())
    assert (len(page.listings), page.others, page.torn) == (1, 1, 1)


def test_texts_of_absurd_length_are_cut_and_absurd_lists_too() -> None:
    """The same cut each time; an address that long is none."""
    long = "x" * 10_000_000
    listing = read_one(
        title=f"Artist {long} - Title {long}",
        country=long,
        genre=[long, "Jazz"],
        style=[f"style {n}" for n in range(50_000)],
        formats=[{"name": f"format {n}"} for n in range(50_000)],
        cover_image=f"https://a.example/{long}.jpg",
    )
    assert (listing.artist, listing.title) == ("Artist " + "x" * 993, "Title " + "x" * 994)
    assert listing.genres == ("x" * 1000, "Jazz")
    assert len(listing.styles) == 100
    assert len(listing.formats) <= 200
    assert len(listing.country) == 1000
    assert listing.image_url == ""


def test_masters_and_releases_of_one_number_are_two_albums() -> None:
    """The kind is part of an album's identity."""
    assert read_one(type="master", id=7).album_id == "discogs:m7"
    assert read_one(type="release", id=7).album_id == "discogs:r7"


def test_results_of_a_slice_by_format_must_be_albums() -> None:
    """Asked by two formats at once the service may heed one; what is no album stays out."""
    results = [RESULT, {**RESULT, "id": 8, "format": ["Vinyl", '7"', "Single"], "formats": []}]
    answer = {**ANSWER, "results": results}
    assert len(read(answer).listings) == 2
    page = read(answer, replace(JAZZ_1999, country="US", format="Vinyl"))
    assert [listing.album_id for listing in page.listings] == ["discogs:r3074559"]
    assert page.others == 1


@pytest.mark.parametrize(
    ("pagination", "extent"),
    [
        ({"items": 250, "pages": 3}, (250, 3)),
        ({"items": 250, "pages": 5}, (250, 5)),
        ({"items": 0, "pages": 0}, (0, 0)),
        ({}, (1, 1)),
        (None, (1, 1)),
        ([], (1, 1)),
        ({"items": -5, "pages": -1}, (1, 1)),
        ({"items": "250", "pages": "3"}, (250, 3)),
        ({"items": 250.0, "pages": 3.0}, (250, 3)),
        ({"items": "many", "pages": "3"}, (1, 3)),
        ({"items": 2.5, "pages": None}, (1, 1)),
        ({"items": True, "pages": True}, (1, 1)),
    ],
)
def test_the_extent_is_what_the_service_says_if_it_can_be(
    pagination: object, extent: tuple[int, int]
) -> None:
    """Counts that are none fall back on what is there."""
    page = read({**ANSWER, "pagination": pagination})
    assert (page.items, page.pages) == extent


@pytest.mark.parametrize("digits", [18, 19, 30, 400])
def test_absurd_counts_are_kept_within_what_can_be_stored(digits: int) -> None:
    """No count is so large that the ledger, whose numbers have 64 bits, can't hold it."""
    page = read({**ANSWER, "pagination": {"items": int("9" * digits), "pages": int("9" * digits)}})
    assert 0 < page.items < 2**63
    assert 0 < page.pages < 2**63


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["release", "master", "Cassette", " - ", "\ud800", "\0", "1999"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "items", "pages", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def check_page(page: Page, answer: object) -> None:
    """Assert that a page is one that the ledger and the TSV can take."""
    assert isinstance(answer, dict)
    assert len(page.listings) + page.others == len(answer["results"])
    for count in (page.items, page.pages):
        assert type(count) is int
        assert 0 <= count < 2**63
    for listing in page.listings:
        texts = [
            listing.artist,
            listing.title,
            listing.image_url,
            listing.country,
            *listing.genres,
            *listing.styles,
            *listing.formats,
        ]
        assert all(text == safe_text(text) for text in texts)
        assert all([*listing.genres, *listing.styles, *listing.formats])
        assert listing.album_id.removeprefix("discogs:")[1:].lstrip("-").isdigit()
        assert listing.year == "" or (len(listing.year) == 4 and math.isfinite(int(listing.year)))


@given(st.sampled_from([*RESULT, "extra"]), JSON)
@examples(150)
def test_any_value_in_any_field_of_a_result_is_borne(field: str, value: object) -> None:
    """A field of a type that nobody expects never breaks the page."""
    answer = {**ANSWER, "results": [RESULT, {**RESULT, field: value}]}
    check_page(read(answer), answer)


@given(st.sampled_from([*ANSWER, "extra"]), JSON)
@examples(100)
def test_any_value_around_the_results_is_borne_or_refused(field: str, value: object) -> None:
    """A page whose frame is odd is read or is a `BadBodyError`, nothing else."""
    answer = {**ANSWER, field: value}
    try:
        page = read(answer)
    except BadBodyError:
        assert not isinstance(answer["results"], list)
    else:
        check_page(page, answer)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
@examples(100)
def test_any_body_is_a_page_or_refused(body: bytes) -> None:
    """No body makes anything but a page or a `BadBodyError`."""
    refusal = ""
    try:
        check_page(read(body), json.loads(body))
    except BadBodyError as err:
        refusal = str(err)
    assert len(refusal.splitlines()) <= 1


def params(search: Search, *, entity: str = "all", page: int = 1) -> dict[str, list[str]]:
    """Return what is asked, by name."""
    found: dict[str, list[str]] = {}
    for name, value in open_source(config(entity=entity)).request(search, page).params:
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize(
    ("label", "asked"),
    [
        ("Jazz", {"genre": ["Jazz"], "style": ["Jazz"]}),
        ("Reggae", {"genre": ["Reggae"]}),
        ("Rhythm & Blues", {"style": ["Rhythm & Blues"]}),
        ("K-Pop", {"style": ["K-Pop"]}),
    ],
)
def test_each_kind_of_label_is_asked_by_its_words(label: str, asked: dict[str, list[str]]) -> None:
    """Genre, style or both are asked, one value each and not yet encoded, of albums of a year."""
    assert params(Search(LABELS[label], 1987), page=3) == {
        **asked,
        "year": ["1987"],
        "format": ["album"],
        "per_page": ["100"],
        "page": ["3"],
    }


def test_the_entity_narrows_what_is_asked() -> None:
    """Masters or releases alone are asked by type, all of them without one."""
    assert params(JAZZ_1999, entity="master")["type"] == ["master"]
    assert params(JAZZ_1999, entity="release")["type"] == ["release"]
    assert "type" not in params(JAZZ_1999)


def test_a_slice_is_asked_beside_all_else() -> None:
    """Country and format narrow a search; that it must be an album stays."""
    asked = params(replace(JAZZ_1999, country="UK & Ireland", format="Box Set"))
    assert asked["country"] == ["UK & Ireland"]
    assert asked["format"] == ["album", "Box Set"]
    assert asked["genre"] == ["Jazz"]


def test_the_address_is_the_search_and_holds_no_credentials() -> None:
    """Credentials travel in a header of the API's host alone."""
    source = open_source(config(token="hunter2"))
    request = source.request(JAZZ_1999, 1)
    assert request.url == f"{LOOPBACK}/database/search"
    assert "hunter2" not in str(request)
    assert "hunter2" not in repr(source)
    (policy,) = source.policies.values()
    assert policy.headers == {"Authorization": "Discogs token=hunter2"}


def test_a_query_is_cut_by_country_then_by_format() -> None:
    """Slices keep query and year; what is cut twice is cut no further."""
    source = open_source(config())
    by_country = source.slices(JAZZ_1999)
    assert [search.country for search in by_country] == list(COUNTRIES)
    by_format = source.slices(by_country[0])
    assert [search.format for search in by_format] == list(FORMATS)
    assert {search.country for search in by_format} == {COUNTRIES[0]}
    assert {(search.query, search.year) for search in [*by_country, *by_format]} == {
        (JAZZ_1999.query, JAZZ_1999.year)
    }
    assert list(source.slices(by_format[0])) == []


def test_no_slice_is_there_twice() -> None:
    """Each country and format is named once, and cassettes are not asked for."""
    assert len(set(COUNTRIES)) == len(COUNTRIES)
    assert len(set(FORMATS)) == len(FORMATS)
    assert "Cassette" not in FORMATS
    assert all(name == safe_text(name) != "" for name in (*COUNTRIES, *FORMATS))


def test_each_query_has_a_key_of_its_own() -> None:
    """The ledger tells searches apart by label, year, slice and entity; the host doesn't matter."""
    source = open_source(config())
    searches = [
        Search(label, year, country, format_)
        for label in LABELS.values()
        for year in (1999, 2000)
        for country, format_ in (("", ""), ("US", ""), ("UK", ""), ("US", "CD"), ("US", "Vinyl"))
    ]
    keys = {source.key(search) for search in searches}
    assert len(keys) == len(searches)
    masters = open_source(config(entity="master"))
    assert masters.key(JAZZ_1999) not in keys
    elsewhere = open_source(config(base_url="http://localhost:1"))
    assert elsewhere.key(JAZZ_1999) == source.key(JAZZ_1999)
    limited = Search(replace(LABELS["Jazz"], limit=5), 1999)
    assert source.key(limited) == source.key(JAZZ_1999)


def test_a_key_stays_the_same_for_ever() -> None:
    """Ledgers of earlier versions are found again by these words."""
    search = replace(JAZZ_1999, country="Curaçao")
    assert json.loads(open_source(config()).key(search)) == [
        "discogs",
        ["genre", "Jazz"],
        ["style", "Jazz"],
        ["year", "1999"],
        ["format", "album"],
        ["country", "Curaçao"],
    ]


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
def test_on_loopback_neither_name_nor_credentials_are_needed(host: str) -> None:
    """The sandbox answers whoever asks; we say who we are all the same."""
    source = open_source(config(base_url=f"http://{host}"))
    assert source.user_agent.startswith("EquiGen/")
    (policy,) = source.policies.values()
    assert policy.headers == {}
    assert policy.ratelimit_prefix == "X-Discogs-Ratelimit"


@pytest.mark.parametrize(
    "base_url",
    ["https://api.discogs.com", "https://api.discogs.com/", "https://API.Discogs.com"],
)
def test_the_real_service_needs_a_name_and_credentials(base_url: str) -> None:
    """Missing settings are told before the first request, one at a time."""
    with pytest.raises(ConfigError, match=r"discogs\.user_agent"):
        open_source(config(base_url=base_url, token="hunter2"))
    with pytest.raises(ConfigError, match="DISCOGS_TOKEN") as caught:
        open_source(config(base_url=base_url, user_agent="MyCovers/1.0"))
    assert len(str(caught.value).splitlines()) == 1
    source = open_source(config(base_url=base_url, user_agent="MyCovers/1.0", token="hunter2"))
    assert source.user_agent == "MyCovers/1.0"
    assert list(source.policies) == ["api.discogs.com"]


def test_credentials_do_not_go_out_in_the_clear() -> None:
    """The real service is asked by https, or not at all."""
    plain = config(base_url="http://api.discogs.com", user_agent="MyCovers/1.0", token="hunter2")
    with pytest.raises(ConfigError, match="https"):
        open_source(plain)


def test_a_blank_name_is_none() -> None:
    """White space says nobody who we are."""
    with pytest.raises(ConfigError, match=r"discogs\.user_agent"):
        open_source(config(base_url="https://api.discogs.com", user_agent="  ", token="x"))


def test_the_pace_is_as_the_settings_say() -> None:
    """The host's own limit comes from the settings; 0 leaves it to the server's headers."""
    (policy,) = open_source(config(requests_per_minute=0)).policies.values()
    assert policy.per_minute == 0
    (policy,) = open_source(config()).policies.values()
    assert policy.per_minute == 60


def test_an_unknown_source_is_refused_by_name() -> None:
    """A source that is no file of the package is told, with those that are."""
    with pytest.raises(UsageError, match=r"'napster'.*discogs"):
        sources.open_named("napster", config())


@given(st.lists(st.text(max_size=6), max_size=4))
@examples(60)
def test_lists_of_a_result_survive_their_cell(values: list[str]) -> None:
    """Several values stay as many when they are read from the TSV."""
    listing = read_one(genre=values)
    cell = "|".join(value.replace("|", "/") for value in listing.genres)
    assert len(split_list(cell)) == len(listing.genres)


@pytest.mark.parametrize(
    ("number", "got"), [(999, "the id 999"), ("999", "the id 999"), (None, "no id"), (1.5, "no id")]
)
def test_an_answer_about_another_album_gives_no_picture(number: object, got: str) -> None:
    """The id must be that of the address that answered: what was asked, or redirected to."""
    discogs = open_source(config())
    body = json.dumps(
        {"id": number, "images": [{"uri": "https://i.discogs.com/a/b.jpeg"}]}
    ).encode()
    url = f"{LOOPBACK}/releases/10"
    with pytest.raises(BadBodyError, match=rf"{url}: expected .* id 10, got .*{got}"):
        discogs.renewed("discogs:x", body, url=url)
    body = body.replace(json.dumps({"id": number}).encode()[1:-1], b'"id": 10')
    for moved in (url, f"{LOOPBACK}/sub/releases/10", f"{LOOPBACK}/masters/10?x=1"):
        assert discogs.renewed("discogs:x", body, url=moved) == "https://i.discogs.com/a/b.jpeg"


API = "https://api.discogs.com"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("master_2012_4242.json", 79),
        ("master_2013_buntine.json", 5160870),
        ("master_2022_469004.json", 3850815),
        ("release_2012_1.json", Rating()),
        ("release_2025_11578434.json", Rating(1, 4.0, 8, 5)),
        ("release_2025_1503102.json", Rating(18, 4.33, 313, 185)),
    ],
)
def test_recorded_objects_tell_ratings(name: str, found: Rating | int) -> None:
    """A release has one, a master leads to its main release; older answers had none."""
    body = recorded("objects", name)
    kind, number = name.partition("_")[0], json.loads(body)["id"]
    source = open_source(config(base_url=API, token="t", user_agent="Me/1.0"))
    asked = source.rating_request(f"discogs:{kind[0]}{number}")
    assert asked == Request(f"{API}/{kind}s/{number}", ())
    wanted = Request(f"{API}/releases/{found}", ()) if isinstance(found, int) else found
    assert source.read_rating(body, url=asked.url) == wanted


@pytest.mark.parametrize("album_id", ["", "discogs:x1", "musicbrainz:1", "discogs:m", "m1"])
def test_albums_of_others_are_not_asked_for_ratings(album_id: str) -> None:
    """Discogs knows its masters and releases alone."""
    assert open_source(config()).rating_request(album_id) is None


@pytest.mark.parametrize(
    ("community", "rating"),
    [
        (None, Rating()),
        ([], Rating()),
        ({"rating": None, "have": 3}, Rating(None, None, 3, None)),
        ({"rating": {"count": 0, "average": 0}, "have": 0, "want": 0}, Rating(0, None, 0, 0)),
        ({"rating": {"count": 2, "average": 5}}, Rating(2, 5.0)),
        ({"rating": {"count": 2, "average": 5.5}}, Rating(2)),
        ({"rating": {"count": 2, "average": float("nan")}}, Rating(2)),
        ({"rating": {"count": 2, "average": "4"}}, Rating(2)),
        ({"rating": {"count": -2, "average": 4}, "have": "many"}, Rating()),
    ],
)
def test_damaged_figures_are_unknown(community: object, rating: Rating) -> None:
    """An average without ratings is none."""
    body = json.dumps({"id": 7, "community": community}).encode()
    assert open_source(config()).read_rating(body, url=f"{LOOPBACK}/releases/7") == rating


def test_a_rating_is_that_of_the_album_asked_for() -> None:
    """Another id, no id or no JSON is no answer; a master may have no main release."""
    source = open_source(config())
    for body in (b"", b"[]", b"{}", b'{"id": 8}', b"<html>"):
        with pytest.raises(BadBodyError, match="expected a master or a release"):
            source.read_rating(body, url=f"{LOOPBACK}/releases/7")
    assert source.read_rating(b'{"id": 7}', url=f"{LOOPBACK}/masters/7") == Rating()
