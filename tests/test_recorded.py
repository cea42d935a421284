"""Recorded real Discogs answers, served from loopback and fetched through the real client."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from support import FakeTime, Script, ScriptedServer, make_context, realdata

from equigen.commands import fetch
from equigen.errors import BadBodyError, HttpStatusError
from equigen.http.client import Answer, Client
from equigen.http.limits import HostPolicy, Patience
from equigen.labels.taxonomy import Query
from equigen.sources.base import Page, Search
from equigen.sources.discogs import open_source

QUERY = Search(Query("Rock", "Rock", "Rock", 10, "Rock", "Rock"), 2013)
SEARCHES = [
    "search_2012_relative_urls.json",
    "search_masters_2015_apiimg.json",
    "search_mixed_2021_img_q_vicente.json",
    "search_releases_2023_idiscogs.json",
    "search_releases_unauth_q_soda_stereo.json",
]


def fetch_page(server: ScriptedServer, folder: Path, **patience: Any) -> Page:  # noqa: ANN401
    """Fetch one search page as the fetch stage does."""
    source = open_source(make_context(folder, base_url=server.url).config)
    request = source.request(QUERY, 1)

    def read(answer: Answer) -> Page:
        return source.read(QUERY, answer.body, url=answer.url)

    with Client(
        source.policies,
        user_agent=source.user_agent,
        patience=Patience(**patience),
        clock=FakeTime().clock(),
    ) as client:
        return client.get(request.url, read, params=request.params)


@pytest.mark.parametrize("name", SEARCHES)
def test_every_recorded_search_parses(tmp_path: Path, name: str) -> None:
    """Each result is an album or counted as none; titles, years and pictures are as they were."""
    recorded = realdata("discogs_api", "search", name).read_bytes()
    body = json.loads(recorded)
    with ScriptedServer(Script(body=recorded)) as server:
        page = fetch_page(server, tmp_path)
    albums = [r for r in body["results"] if r["type"] in {"master", "release"}]
    assert page.items == body["pagination"]["items"]
    assert page.pages == body["pagination"]["pages"]
    assert page.others == len(body["results"]) - len(albums)
    assert [x.album_id for x in page.listings] == [
        f"discogs:{r['type'][0]}{r['id']}" for r in albums
    ]
    for listing, result in zip(page.listings, albums, strict=True):
        assert f"{listing.artist} - {listing.title}" == " ".join(result["title"].split())
        assert listing.year == result.get("year", "")
        assert listing.image_url == (result.get("cover_image") or "")


def test_all_of_discogs_answers_are_json_of_a_search_or_an_error(tmp_path: Path) -> None:
    """Recorded error bodies with their status end in an error that says what Discogs said."""
    for file in sorted(realdata("discogs_api", "errors").iterdir()):
        status = int(file.stem.rpartition("-")[2])
        with ScriptedServer(Script(status, file.read_bytes())) as server:
            with pytest.raises(HttpStatusError) as caught:
                fetch_page(server, tmp_path, tries=2)
        assert caught.value.status == status
        assert json.loads(file.read_bytes())["message"][:10] in str(caught.value)


def test_a_recorded_error_body_with_status_200_is_no_page(tmp_path: Path) -> None:
    """JSON without results is not an empty page."""
    file = realdata("discogs_api", "errors", "search-500.json")
    with ScriptedServer(Script(body=file.read_bytes())) as server:
        with pytest.raises(BadBodyError, match="results"):
            fetch_page(server, tmp_path, tries=2)
    assert len(server.seen) == 2


def test_the_recorded_run_into_the_limit_is_survived(tmp_path: Path) -> None:
    """Replaying real exchanges with 15 answers of 429 in a row: all others arrive, in order."""
    packed = realdata("discogs_api", "http", "exchanges_2018_ratelimit_a.json.gz").read_bytes()
    recorded = json.loads(gzip.decompress(packed))
    tests = recorded if isinstance(recorded, list) else [recorded]
    exchanges = [each for test in tests for each in test["exchanges"]]
    scripts = []
    for exchange in exchanges:
        answer = exchange["response"]
        headers = {n: v for n, v in answer["headers"] if n.lower().startswith(("x-", "retry"))}
        scripts.append(Script(answer["status"], json.dumps(answer["body"]).encode(), headers))
    good = [script for script in scripts if script.status == 200]
    refused = len(scripts) - len(good)
    assert refused == 15
    fake = FakeTime()
    policy = HostPolicy(ratelimit_prefix="X-Discogs-Ratelimit", concurrency=1)
    with (
        ScriptedServer(*scripts, time_s=fake.now_s) as server,
        Client(
            {"*": policy}, user_agent="T/1", patience=Patience(tries=20), clock=fake.clock()
        ) as client,
    ):
        bodies = [client.get(server.url, lambda answer: answer.body) for _ in good]
    assert bodies == [script.body for script in good]
    assert len(server.seen) == len(scripts)
    after = [b.time_s - a.time_s for a, b in zip(server.seen, server.seen[1:], strict=False)]
    waits = [s for s, script in zip(after, scripts, strict=False) if script.status == 429]
    assert all(wait_s >= 60 for wait_s in waits), "each asked for 60 s"


def test_recorded_pages_make_a_dataset(tmp_path: Path) -> None:
    """A real page of masters and releases becomes rows, cassettes and pictureless ones left out."""
    recorded = realdata(
        "discogs_api", "search", "search_mixed_2021_img_q_vicente.json"
    ).read_bytes()
    body = json.loads(recorded)
    body["pagination"].update(pages=1, items=50)
    with ScriptedServer(Script(body=json.dumps(body).encode())) as server:
        chosen = {"labels": ["Latin"], "from_year": 2021, "to_year": 2021}
        summary = fetch.run(make_context(tmp_path, base_url=server.url, fetch=chosen))
    assert summary.rows_in == 50
    assert summary.dropped["no album of the query"] == 5
    text = (tmp_path / "equigen_dataset.tsv").read_text()
    assert text.count("\n") == summary.rows_out + 1
    assert "spacer.gif" not in text
    assert "Cassette" not in text
