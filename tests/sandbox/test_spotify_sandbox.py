"""The made-up Spotify over real HTTP: its endpoints, and the limits of 2026."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from PIL import Image
from support import FakeTime

from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.spotify import SpotifySandbox

CATALOGUE = make_catalogue(albums_per_label=12)


@pytest.fixture
def sandbox() -> Iterator[SpotifySandbox]:
    """A running Spotify with a small catalogue."""
    with SpotifySandbox(CATALOGUE) as running:
        yield running


def get_token(sandbox: SpotifySandbox) -> dict[str, Any]:
    """Ask for a token, as the documents say."""
    answer = requests.post(
        sandbox.accounts_url,
        data={"grant_type": "client_credentials"},
        auth=(sandbox.client_id, sandbox.client_secret),
        timeout=10,
    )
    answer.raise_for_status()
    return dict(answer.json())


@pytest.fixture
def session(sandbox: SpotifySandbox) -> Iterator[requests.Session]:
    """A session with a token."""
    with requests.Session() as opened:
        opened.headers["Authorization"] = f"Bearer {get_token(sandbox)['access_token']}"
        yield opened


def search(
    sandbox: SpotifySandbox, session: requests.Session, genre: str, **params: object
) -> requests.Response:
    """Search artists by genre."""
    asked = {"q": f'genre:"{genre}"', "type": "artist", **params}
    return session.get(f"{sandbox.api_url}/search", params=asked, timeout=10)  # type: ignore[arg-type]


def albums_of(
    sandbox: SpotifySandbox, session: requests.Session, artist: str, **params: object
) -> list[dict[str, Any]]:
    """Return all albums of an artist, page by page."""
    found, url = list[dict[str, Any]](), f"{sandbox.api_url}/artists/{artist}/albums"
    asked: dict[str, object] | None = {"limit": 10, **params}
    while url:
        page = session.get(url, params=asked, timeout=10).json()  # type: ignore[arg-type]
        found += page["items"]
        url, asked = page["next"], None
    return found


def test_a_token_is_given_for_the_right_credentials(sandbox: SpotifySandbox) -> None:
    """By POST, with Basic credentials and the right form; anything else is 400."""
    token = get_token(sandbox)
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
    form = {"grant_type": "client_credentials"}
    ours = (sandbox.client_id, sandbox.client_secret)
    for auth, data in (("a", "b"), form), (ours, {"grant_type": "password"}), (None, form):
        refused = requests.post(sandbox.accounts_url, data=data, auth=auth, timeout=10)
        assert refused.status_code == 400
    assert requests.get(sandbox.accounts_url, auth=ours, timeout=10).status_code == 400


def test_without_a_token_that_counts_nothing_is_given() -> None:
    """A token that expired is refused as one that never was."""
    fake = FakeTime()
    with SpotifySandbox(CATALOGUE, clock=fake.now_s, token_life_s=60) as sandbox:
        url = f"{sandbox.api_url}/search"
        assert requests.get(url, timeout=10).json()["error"]["message"] == "No token provided"
        header = {"Authorization": f"Bearer {get_token(sandbox)['access_token']}"}
        assert requests.get(url, headers=header, timeout=10).status_code == 200
        fake.sleep(61)
        assert requests.get(url, headers=header, timeout=10).status_code == 401


def test_a_page_has_ten_items_at_most(sandbox: SpotifySandbox, session: requests.Session) -> None:
    """Eleven are refused, five are usual, and a search ends at the offset of 1,000."""
    assert len(search(sandbox, session, "blues").json()["artists"]["items"]) == 5
    assert len(search(sandbox, session, "BLUES", limit=10).json()["artists"]["items"]) == 10
    for params in {"limit": 11}, {"limit": 0}, {"limit": "x"}, {"offset": 1001}, {"offset": -1}:
        refused = search(sandbox, session, "blues", **params)
        assert (refused.status_code, refused.json()["error"]["message"][:7]) == (400, "Invalid")
    last = search(sandbox, session, "blues", offset=1000).json()["artists"]
    assert (last["items"], last["next"]) == ([], None)


def test_artists_give_their_genres_in_all_ways(
    sandbox: SpotifySandbox, session: requests.Session
) -> None:
    """The field is missing, empty or given."""
    items = search(sandbox, session, "blues", limit=10).json()["artists"]["items"]
    kinds = {"none" if "genres" not in item else bool(item["genres"]) for item in items}
    assert kinds == {"none", False, True}
    assert search(sandbox, session, "no such").json()["artists"]["total"] == 0


def test_albums_are_of_a_type_and_stand_under_each_artist(
    sandbox: SpotifySandbox, session: requests.Session
) -> None:
    """Singles apart, joint albums under both, dates of every precision, editions of markets."""
    artists = list[str]()
    for genre in "blues", "country", "jazz":
        for offset in 0, 10:
            page = search(sandbox, session, genre, limit=10, offset=offset).json()["artists"]
            artists += [item["id"] for item in page["items"]]
    every = [each for artist in artists for each in albums_of(sandbox, session, artist)]
    assert {each["album_type"] for each in every} == {"album", "single"}
    assert {each["release_date_precision"] for each in every} == {"year", "month", "day"}
    joint = [each["id"] for each in every if len(each["artists"]) == 2]
    assert any(joint.count(each) == 2 for each in joint)
    names = [(each["name"], each["artists"][0]["name"]) for each in every]
    one = [
        each
        for artist in artists
        for each in albums_of(sandbox, session, artist, market="GB", include_groups="album")
    ]
    assert {each["album_type"] for each in one} == {"album"}
    assert len(set(names)) < len({each["id"] for each in every})
    assert (
        session.get(f"{sandbox.api_url}/artists/{'0' * 22}/albums", timeout=10).status_code == 404
    )


def test_an_album_is_had_by_its_id(sandbox: SpotifySandbox, session: requests.Session) -> None:
    """As it stands in its artist's list, with the field of genres that is always empty."""
    artists = search(sandbox, session, "blues", limit=10).json()["artists"]["items"]
    for listed in albums_of(sandbox, session, artists[0]["id"]):
        found = session.get(f"{sandbox.api_url}/albums/{listed['id']}", timeout=10)
        assert found.json() == listed | {"genres": []}
    assert session.get(f"{sandbox.api_url}/albums/{'0' * 22}", timeout=10).status_code == 404


def test_a_cover_has_three_sizes_without_a_token(
    sandbox: SpotifySandbox, session: requests.Session
) -> None:
    """640, 300 and 64 pixels; the picture host knows no token."""
    (artist, *_) = search(sandbox, session, "blues").json()["artists"]["items"]
    (album, *_) = albums_of(sandbox, session, artist["id"])
    for image, size in zip(album["images"], (640, 300, 64), strict=True):
        body = requests.get(image["url"], timeout=10).content
        assert Image.open(io.BytesIO(body)).size == (size, size) == (image["width"],) * 2
    gone = f"{sandbox.base_url}/image/ab67616d0000b273{'0' * 24}"
    assert requests.get(gone, timeout=10).status_code == 404


def test_requests_are_limited_by_window_and_by_day() -> None:
    """A window of 30 seconds, and a quota of a day that is told with or without a header."""
    fake = FakeTime()
    with SpotifySandbox(
        CATALOGUE, clock=fake.now_s, requests_per_window=2, requests_per_day=3, token_life_s=1e9
    ) as sandbox:
        header = {"Authorization": f"Bearer {get_token(sandbox)['access_token']}"}

        def ask() -> requests.Response:
            return requests.get(f"{sandbox.api_url}/search", headers=header, timeout=10)

        assert [ask().status_code for _ in range(3)] == [200, 200, 429]
        assert 0 < int(ask().headers["Retry-After"]) <= 31
        fake.sleep(31)
        assert ask().status_code == 200
        spent = ask()
        assert spent.json()["error"]["reason"] == "QUOTA_EXCEEDED"
        assert 31 < int(spent.headers["Retry-After"]) <= 86_400
        sandbox.quota_told = False
        assert "Retry-After" not in ask().headers
        fake.sleep(86_400)
        assert ask().status_code == 200
