"""The MusicBrainz source, asked live: what it asks, what it makes of answers, and how gently."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from musicbrainz import SEARCHES, answers
from support import FakeTime, Script, ScriptedServer, examples, make_context, realdata

from equigen.errors import BadBodyError, ConfigError, HttpStatusError
from equigen.http.client import Answer, Client
from equigen.http.limits import HostPolicy, Patience
from equigen.labels.taxonomy import Query, builtin_queries
from equigen.schema import Listing
from equigen.sources.base import Page, Search, licence_of
from equigen.sources.musicbrainz import MusicBrainz, open_source

LABELS = {label.name: label for label in builtin_queries(genre_limit=10, world_limit=10)}
ROCK_1994 = Search(LABELS["Rock"], 1994)
MBID = "f1afec0b-26dd-3db5-9aa1-c91229a74a24"
OTHER_MBID = "fb3770f6-83fb-32b7-85c4-1f522a92287e"
ME = "MyCovers/1.0 ( me@example.org )"
URL = "https://musicbrainz.org/ws/2/release-group"
GROUP: dict[str, Any] = {
    "id": MBID,
    "score": "100",
    "title": "Bleach",
    "primary-type": "Album",
    "first-release-date": "1989-06-15",
    "artist-credit": [{"name": "Nirvana", "artist": {"name": "Nirvana (US)"}}],
    "tags": [{"name": "grunge", "count": 9}, {"name": "folk", "count": 1}],
}
EVERYTHING = Query("All", "", "...", 10, "All", "All")


def live(folder: Path, **musicbrainz: object) -> MusicBrainz:
    """Open the source as it asks the API."""
    given = {"live": True, "base_url": "http://127.0.0.1:9", **musicbrainz}
    source = open_source(make_context(folder, musicbrainz=given).config)
    assert isinstance(source, MusicBrainz)
    return source


def read(folder: Path, *groups: object, search: Search = ROCK_1994, **more: object) -> Page:
    """Read an answer with these release groups."""
    body = json.dumps({"count": len(groups), "offset": 0, "release-groups": groups, **more})
    return live(folder).read(search, body.encode(), url=URL)


def ask(server: ScriptedServer, folder: Path, search: Search = ROCK_1994, tries: int = 2) -> Page:
    """Ask for a page over HTTP, as the fetch stage does."""
    source = live(folder, base_url=server.url)
    request = source.request(search, 1)

    def as_page(answer: Answer) -> Page:
        return source.read(search, answer.body, url=answer.url)

    with Client(
        source.policies,
        user_agent=source.user_agent,
        patience=Patience(tries=tries),
        clock=FakeTime().clock(),
    ) as client:
        return client.get(request.url, as_page, params=request.params)


def test_a_page_is_asked_for_by_type_year_and_tags(tmp_path: Path) -> None:
    """In the search's own language, 100 a page."""
    request = live(tmp_path).request(Search(LABELS["Blues"], 994), 3)
    assert request.url == "http://127.0.0.1:9/release-group"
    assert dict(request.params) == {
        "query": 'primarytype:album AND firstreleasedate:0994 AND tag:("blues" OR "boogie-woogie")',
        "fmt": "json",
        "limit": "100",
        "offset": "200",
    }


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS.keys())
def test_no_address_becomes_too_long_for_a_server(tmp_path: Path, label: Query) -> None:
    """All that a label asks for fits into one request, with room to spare below 6,000."""
    source = live(tmp_path)
    request = source.request(Search(label, 1994), 1)
    assert len(urlencode(request.params)) < 3000
    search = dict(request.params)["query"]
    assert search.count('"') % 2 == 0
    assert "\\" not in search


def test_a_label_without_a_row_asks_for_its_words(tmp_path: Path) -> None:
    """All of them must be in the tags; what means something to the search never gets there."""
    own = Query("Own", "", 'Free "Jazz" (x) AND\\', 10, "Own", "Own")
    search = dict(live(tmp_path).request(Search(own, 1994), 1).params)["query"]
    assert search.endswith('tag:("and" AND "free" AND "jazz" AND "x")')
    search = dict(live(tmp_path).request(Search(EVERYTHING, 1994), 1).params)["query"]
    assert search == "primarytype:album AND firstreleasedate:1994"


def test_too_many_results_are_cut_by_month_then_by_phrase(tmp_path: Path) -> None:
    """Slices keep query and year; one phrase, and what is cut twice, is cut no further."""
    source = live(tmp_path)
    months = source.slices(ROCK_1994)
    assert [search.part for search in months] == [f"{month:02}" for month in range(1, 13)]
    text = dict(source.request(months[4], 1).params)["query"]
    assert "firstreleasedate:1994-05 AND tag:(" in text
    phrases = source.slices(months[4])
    texts = [dict(source.request(search, 1).params)["query"] for search in phrases]
    assert 'primarytype:album AND firstreleasedate:1994-05 AND tag:("grunge")' in texts
    assert len(set(texts)) == len(texts) > 10
    assert source.slices(phrases[0]) == ()
    one = source.slices(Search(LABELS["Salsa"], 1994))
    assert source.slices(one[0]) == ()
    assert {(search.query, search.year) for search in (*months, *phrases)} == {
        (ROCK_1994.query, 1994)
    }


def test_each_query_has_a_key_of_its_own_that_stays(tmp_path: Path) -> None:
    """The ledger finds pages by these words, whatever the table of genres will hold."""
    source = live(tmp_path)
    months = source.slices(ROCK_1994)
    searches = [
        *(Search(label, year) for label in LABELS.values() for year in (1994, 1995)),
        *months,
        *source.slices(months[0]),
    ]
    assert len({source.key(search) for search in searches}) == len(searches)
    assert source.key(replace(ROCK_1994, part="05 grunge")) == (
        '["musicbrainz", "Rock", "1994", "05 grunge"]'
    )
    elsewhere = live(tmp_path, base_url="http://localhost:8")
    assert elsewhere.key(ROCK_1994) == source.key(ROCK_1994)


def test_a_release_group_becomes_a_listing(tmp_path: Path) -> None:
    """With the address of its front cover, and the tags that users agree on as genres."""
    page = read(tmp_path, GROUP)
    assert (page.items, page.pages, page.others) == (1, 1, 0)
    assert page.listings == (
        Listing(
            artist="Nirvana",
            title="Bleach",
            year="1989",
            image_url=f"https://coverartarchive.org/release-group/{MBID}/front-500",
            album_id=f"musicbrainz:{MBID}",
            genres=("grunge",),
            styles=(),
            country="",
            formats=(),
        ),
    )


def test_the_covers_address_is_as_the_settings_say(tmp_path: Path) -> None:
    """Another size, another host."""
    context = make_context(
        tmp_path,
        musicbrainz={"live": True, "base_url": "http://127.0.0.1:9"},
        coverart={"base_url": "http://127.0.0.1:8/", "cover_px": 1200},
    )
    source = open_source(context.config)
    assert isinstance(source, MusicBrainz)
    body = json.dumps({"release-groups": [GROUP]}).encode()
    (listing,) = source.read(ROCK_1994, body, url=URL).listings
    assert listing.image_url == f"http://127.0.0.1:8/release-group/{MBID}/front-1200"


def test_what_the_search_finds_is_judged_as_the_dump_is(tmp_path: Path) -> None:
    """Words stand in tags that mean something else, or that few agree on; others are counted."""
    odd: list[object] = [
        GROUP | {"tags": [{"name": "lovers rock", "count": 3}]},
        GROUP | {"tags": [{"name": "folk", "count": 9}, {"name": "rock", "count": 2}]},
        GROUP | {"tags": []},
        GROUP | {"primary-type": "Single"},
        GROUP | {"id": "7"},
        GROUP | {"title": None},
        None,
        "Bleach",
    ]
    page = read(tmp_path, *odd, GROUP)
    assert [listing.title for listing in page.listings] == ["Bleach"]
    assert page.others == len(odd)


@pytest.mark.parametrize("count", [None, "7", True, -1, 2**60, 1.5])
def test_an_odd_count_is_counted_anew(tmp_path: Path, count: object) -> None:
    """A count that can't be one is replaced by the number of results that came."""
    page = read(tmp_path, GROUP, count=count)
    assert (page.items, page.pages) == (1, 1)


def test_pages_are_counted_by_the_hundred(tmp_path: Path) -> None:
    """The count is of the whole search."""
    assert read(tmp_path, GROUP, count=101).pages == 2
    assert read(tmp_path, count=0).pages == 0


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"<html>", b'{"release-groups": {}}', b"[" * 9999]
)
def test_what_is_no_page_is_a_torn_answer(tmp_path: Path, body: bytes) -> None:
    """It is asked for again, as any body that came torn."""
    with pytest.raises(BadBodyError, match="release groups"):
        live(tmp_path).read(ROCK_1994, body, url=URL)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(GROUP)), JSON))
@examples(100)
def test_odd_fields_never_break_a_page(
    tmp_path_factory: pytest.TempPathFactory, odd: dict[str, Any]
) -> None:
    """A field may hold anything: the result is a listing or one of the others."""
    page = read(tmp_path_factory.getbasetemp(), GROUP | odd, GROUP)
    assert len(page.listings) + page.others == 2
    assert page.listings[-1].title == "Bleach"


@pytest.mark.parametrize("name", SEARCHES)
def test_recorded_searches_parse(tmp_path: Path, name: str) -> None:
    """The albums among them become listings of their own words; all are accounted for."""
    recorded = realdata("musicbrainz", name).read_bytes()
    answer = json.loads(recorded)
    with ScriptedServer(Script(body=recorded)) as server:
        pages = [ask(server, tmp_path, Search(label, 1994)) for label in LABELS.values()]
    groups = answer["release-groups"]
    by_id = {f"musicbrainz:{group['id']}": group for group in groups}
    for page in pages:
        assert (page.items, page.pages) == (answer["count"], math.ceil(answer["count"] / 100))
        assert len(page.listings) + page.others == len(groups)
    listings = [listing for page in pages for listing in page.listings]
    assert all(by_id[each.album_id]["title"] == each.title for each in listings)
    assert all(by_id[each.album_id]["primary-type"] == "Album" for each in listings)
    assert bool(listings) == (name == SEARCHES[0])


def test_every_recorded_answer_ends_as_its_kind_should(tmp_path: Path) -> None:
    """Pages of release groups are read, errors say what the service said, all else is no page."""
    pages = 0
    for recorded in answers():
        content = recorded.content()
        with ScriptedServer(Script(recorded.status, recorded.body)) as server:
            if recorded.status != 200:
                with pytest.raises(HttpStatusError, match=content["error"][:20]) as caught:
                    ask(server, tmp_path)
                assert caught.value.status == recorded.status
            elif isinstance(content, dict) and "release-groups" in content:
                page = ask(server, tmp_path)
                assert len(page.listings) + page.others == len(content["release-groups"])
                pages += 1
            else:
                with pytest.raises(BadBodyError, match="release groups"):
                    ask(server, tmp_path)
    assert pages >= 8


def test_a_search_of_2014_reads_as_one_of_today(tmp_path: Path) -> None:
    """Scores as text, credits without a name of their own: MTV Unplugged is grunge and rock."""
    (first, *_) = (
        each
        for each in answers()
        if b'"score": "100"' in each.body and OTHER_MBID.encode() in each.body
    )
    with ScriptedServer(Script(body=first.body)) as server:
        page = ask(server, tmp_path)
    (listing, *_) = page.listings
    assert (listing.artist, listing.title) == ("Nirvana", "MTV Unplugged in New York")
    assert listing.genres == ("rock", "folk rock", "grunge", "acoustic")


@pytest.mark.parametrize("user_agent", ["", "  ", "MyCovers/1.0", "MyCovers/1.0 ( me )"])
@pytest.mark.parametrize(
    "base_url", ["https://musicbrainz.org/ws/2", "https://beta.MusicBrainz.org/ws/2/"]
)
def test_the_real_service_needs_to_know_how_to_reach_you(
    tmp_path: Path, user_agent: str, base_url: str
) -> None:
    """Said before the first request, with an example."""
    with pytest.raises(ConfigError, match=r"musicbrainz\.user_agent.*me@example\.org") as caught:
        live(tmp_path, base_url=base_url, user_agent=user_agent)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("user_agent", [ME, "MyCovers/1.0 ( https://example.org/me )", f" {ME} "])
def test_the_real_service_is_asked_once_a_second_by_name(tmp_path: Path, user_agent: str) -> None:
    """One request at a time, a second apart."""
    source = live(tmp_path, base_url="https://musicbrainz.org/ws/2", user_agent=user_agent)
    assert source.user_agent == user_agent.strip()
    assert source.policies == {"musicbrainz.org": HostPolicy(concurrency=1, spacing_s=1)}


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:1", "[::1]:1", "mirror.example"])
def test_a_mirror_of_ones_own_needs_neither(tmp_path: Path, host: str) -> None:
    """We say who we are all the same."""
    source = live(tmp_path, base_url=f"http://{host}/ws/2")
    assert source.user_agent.startswith("EquiGen/")
    (policy,) = source.policies.values()
    assert policy.spacing_s == 0


def test_the_licence_is_told(tmp_path: Path) -> None:
    """Users of the rows must know that the genres are not free for all."""
    assert "CC BY-NC-SA 3.0" in live(tmp_path).licence


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "7"}])
def test_503_means_slow_down(headers: dict[str, str]) -> None:
    """It is asked again after a rest, longer each time or as long as the service says."""
    said = b'{"error": "Your requests are exceeding the allowable rate limit."}'
    scripts = [Script(503, said, headers)] * 3 + [Script()]
    fake = FakeTime()
    policies = {"127.0.0.1": HostPolicy(concurrency=1, spacing_s=1)}
    with (
        ScriptedServer(*scripts, time_s=fake.now_s) as server,
        Client(policies, user_agent=ME, clock=fake.clock()) as client,
    ):
        for _ in range(3):
            client.get(server.url, lambda answer: answer.body)
    times = [seen.time_s for seen in server.seen]
    waits = [after - before for before, after in pairwise(times)]
    assert len(waits) == 5
    assert all(wait_s >= 1 for wait_s in waits)
    least = [7, 7, 7] if headers else [1, 1, 2]
    assert all(wait_s >= least_s for wait_s, least_s in zip(waits, least, strict=False))
    assert {seen.headers["user-agent"] for seen in server.seen} == {ME}


def test_rows_of_musicbrainz_have_a_licence_and_others_none() -> None:
    """Told from the id that stands in the row."""
    assert "CC BY-NC-SA 3.0" in licence_of(f"musicbrainz:{MBID}")
    assert licence_of("discogs:m1") == licence_of("") == licence_of("musicbrainzer:1") == ""
    assert len(licence_of("musicbrainz:").splitlines()) == 1
