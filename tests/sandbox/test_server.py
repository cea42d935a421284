"""The sandbox over real HTTP: its endpoints, its limits, and the faults that tests inject."""

import base64
import http.client
import io
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image
from support import equigen

from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.handlers import HANG_UP
from equigen.sandbox.server import Hit, Reply, Sandbox

CATALOGUE = make_catalogue(albums_per_label=2)
AGENT = {"User-Agent": "EquigenTests/1.0"}
SEARCH = "/database/search"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox with a small catalogue."""
    with Sandbox(CATALOGUE) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[requests.Session]:
    """A session with credentials and a proper User-Agent."""
    with requests.Session() as session:
        session.headers.update(AGENT)
        session.headers["Authorization"] = f"Discogs token={sandbox.token}"
        yield session


def first_result(sandbox: Sandbox, client: requests.Session, **params: str) -> dict[str, Any]:
    """Return the first hit with a picture."""
    answer = client.get(sandbox.base_url + SEARCH, params=params, timeout=10).json()
    return next(dict(hit) for hit in answer["results"] if hit["thumb"])


def test_search_answers_over_http(sandbox: Sandbox, client: requests.Session) -> None:
    """A search comes back as JSON, with an encoded ampersand understood."""
    answer = client.get(
        sandbox.base_url + SEARCH, params={"style": "Rhythm & Blues", "per_page": "3"}, timeout=10
    )
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert len(answer.json()["results"]) == 3


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Discogs token=sandbox-token", 200),
        ("Discogs key=sandbox-key, secret=sandbox-secret", 200),
        ("Discogs token=wrong", 401),
        ("Discogs key=sandbox-key, secret=wrong", 401),
        ("Bearer sandbox-token", 401),
        ("", 401),
    ],
)
def test_credentials(sandbox: Sandbox, authorization: str, status: int) -> None:
    """Both ways to log in are accepted, and nothing else."""
    headers = AGENT | {"Authorization": authorization}
    answer = requests.get(sandbox.base_url + SEARCH, headers=headers, timeout=10)
    assert answer.status_code == status
    if status != 200:
        refusal = "You must authenticate to access this resource."
        assert answer.json() == {"message": refusal}


def test_a_library_as_user_agent_gets_nothing(sandbox: Sandbox) -> None:
    """The User-Agent of requests itself is answered by an empty 200."""
    answer = requests.get(sandbox.base_url + SEARCH, timeout=10)
    assert (answer.status_code, answer.content) == (200, b"")


def test_no_user_agent_is_forbidden(sandbox: Sandbox) -> None:
    """A request without User-Agent gets a page instead of JSON."""
    address = urlsplit(sandbox.base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("GET", SEARCH)
    answer = connection.getresponse()
    assert answer.status == 403
    assert answer.headers["Content-Type"] == "text/html"
    connection.close()


def test_masters_and_releases_have_images(sandbox: Sandbox, client: requests.Session) -> None:
    """An object has a title without artist, a year as a number, and pictures that load."""
    for kind in ("master", "release"):
        hit = first_result(sandbox, client, type=kind)
        item = client.get(hit["resource_url"], timeout=10).json()
        assert item["id"] == hit["id"]
        assert hit["title"] == f"{item['artists'][0]['name']} - {item['title']}"
        image = item["images"][0]
        assert image["uri"] == hit["cover_image"]
        picture = Image.open(io.BytesIO(client.get(image["uri"], timeout=10).content))
        assert picture.size == (image["width"], image["height"])


def test_releases_are_rated_and_masters_lead_to_one(
    sandbox: Sandbox, client: requests.Session
) -> None:
    """Each master has a main release that is served, the same each time, with its community."""
    masters = [entry for entry in CATALOGUE if entry.kind == "master"]
    listed = {entry.id for entry in CATALOGUE if entry.kind == "release"}
    unlisted = 0
    for master in masters:
        item = client.get(f"{sandbox.base_url}/masters/{master.id}", timeout=10).json()
        assert item["main_release_url"] == f"{sandbox.base_url}/releases/{item['main_release']}"
        answers = [client.get(item["main_release_url"], timeout=10).json() for _ in range(2)]
        assert answers[0] == answers[1]
        release = answers[0]
        assert (release["id"], release["master_id"]) == (item["main_release"], master.id)
        assert "community" not in item
        rating = release["community"]["rating"]
        assert (1 <= rating["average"] <= 5) if rating["count"] else not rating["average"]
        assert release["community"]["have"] >= rating["count"]
        unlisted += release["id"] not in listed
    assert 0 < unlisted < len(masters)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/masters/1", "Master Release not found."),
        ("/releases/1", "Release not found."),
        ("/releases/abc", "Release not found."),
        ("/nothing", "The requested resource was not found."),
    ],
)
def test_what_is_not_there_is_404(
    sandbox: Sandbox, client: requests.Session, path: str, message: str
) -> None:
    """Unknown ids and paths are refused in the service's words."""
    answer = client.get(sandbox.base_url + path, timeout=10)
    assert answer.status_code == 404
    assert answer.json() == {"message": message}


def test_pictures_need_no_credentials(sandbox: Sandbox, client: requests.Session) -> None:
    """A signed address is enough; the answer is a JPEG with length and ETag, the same each time."""
    url = first_result(sandbox, client)["cover_image"]
    first, second = (requests.get(url, timeout=10) for _ in range(2))
    assert first.status_code == 200
    assert first.headers["Content-Type"] == "image/jpeg"
    assert int(first.headers["Content-Length"]) == len(first.content)
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.content == second.content
    assert Image.open(io.BytesIO(first.content)).format == "JPEG"


def test_a_picture_address_names_its_picture(sandbox: Sandbox, client: requests.Session) -> None:
    """The joined segments of the path decode to the picture's stable name in the bucket."""
    url = first_result(sandbox, client)["cover_image"]
    segments = url.partition("/h:600/w:600/")[2].removesuffix(".jpeg").split("/")
    assert {len(segment) for segment in segments[:-1]} == {16}
    encoded = "".join(segments)
    decoded = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    assert decoded.startswith("s3://discogs-database-images/R-")
    assert decoded.rpartition("/")[2] in {entry.picture for entry in CATALOGUE}


def test_unsigned_pictures_are_refused(sandbox: Sandbox, client: requests.Session) -> None:
    """A changed signature, a changed size and a made-up path are all forbidden."""
    url = first_result(sandbox, client)["cover_image"]
    signature = url.partition("/i/")[2].partition("/")[0]
    for bad in (
        url.replace(signature, "x" * 43),
        url.replace("h:600", "h:900"),
        f"{sandbox.base_url}/i/nonsense",
    ):
        assert requests.get(bad, timeout=10).status_code == 403


def test_two_sandboxes_sign_differently(sandbox: Sandbox, client: requests.Session) -> None:
    """The address of a picture changes from run to run, its picture does not."""
    here = first_result(sandbox, client)
    with Sandbox(CATALOGUE) as other:
        there = first_result(other, client)
        assert urlsplit(here["cover_image"]).path != urlsplit(there["cover_image"]).path
        here_bytes = client.get(here["cover_image"], timeout=10).content
        assert here_bytes == client.get(there["cover_image"], timeout=10).content


def test_the_placeholder_is_a_gif(sandbox: Sandbox) -> None:
    """The placeholder decodes as a picture of one pixel."""
    answer = requests.get(f"{sandbox.base_url}/images/spacer.gif", timeout=10)
    assert answer.headers["Content-Type"] == "image/gif"
    assert Image.open(io.BytesIO(answer.content)).size == (1, 1)


def test_rate_limit_over_a_moving_window() -> None:
    """The headers count down, the limit answers 429 without Retry-After, and time heals."""
    now_s = [0.0]
    with Sandbox(CATALOGUE, requests_per_minute=2, clock=lambda: now_s[0]) as limited:
        headers = AGENT | {"Authorization": f"Discogs token={limited.token}"}

        def ask() -> requests.Response:
            return requests.get(limited.base_url + SEARCH, headers=headers, timeout=10)

        first = ask()
        assert first.headers["X-Discogs-Ratelimit"] == "2"
        assert first.headers["X-Discogs-Ratelimit-Used"] == "1"
        assert first.headers["X-Discogs-Ratelimit-Remaining"] == "1"
        now_s[0] = 30.0
        assert ask().headers["X-Discogs-Ratelimit-Remaining"] == "0"
        refused = ask()
        assert refused.status_code == 429
        assert refused.json() == {"message": "You are making requests too quickly."}
        assert "Retry-After" not in refused.headers
        now_s[0] = 60.0
        assert ask().status_code == 200
        assert ask().status_code == 429
        now_s[0] = 90.0
        assert ask().status_code == 200


def test_pictures_do_not_count_against_the_limit() -> None:
    """The picture host has no rate headers and does not use up the API's window."""
    with Sandbox(CATALOGUE, requests_per_minute=1) as limited:
        for _ in range(3):
            answer = requests.get(f"{limited.base_url}/images/spacer.gif", timeout=10)
            assert answer.status_code == 200
            assert "X-Discogs-Ratelimit" not in answer.headers


def test_the_log_tells_what_was_asked(sandbox: Sandbox, client: requests.Session) -> None:
    """Every request is logged with its query, its headers in lower case and its status."""
    client.get(sandbox.base_url + SEARCH, params={"style": "A & B"}, timeout=10)
    hit = sandbox.log[-1]
    assert (hit.method, hit.path, hit.status) == ("GET", SEARCH, 200)
    assert hit.query == {"style": ["A & B"]}
    assert hit.headers["authorization"] == "Discogs token=sandbox-token"


def test_entries_can_be_replaced_while_it_runs(sandbox: Sandbox, client: requests.Session) -> None:
    """New albums show up in the next search, and the old pictures still load."""
    url = first_result(sandbox, client)["cover_image"]
    before = client.get(sandbox.base_url + SEARCH, timeout=10).json()["pagination"]["items"]
    sandbox.entries = make_catalogue(albums_per_label=3)
    after = client.get(sandbox.base_url + SEARCH, timeout=10).json()["pagination"]["items"]
    assert after == len(sandbox.entries) > before == len(CATALOGUE)
    assert client.get(url, timeout=10).status_code == 200


def test_a_hook_replaces_answers() -> None:
    """A hook sees the status that was meant, and what it returns is sent and logged."""
    seen: list[Hit] = []

    def hook(hit: Hit) -> Reply | None:
        seen.append(hit)
        return Reply(503, {"Retry-After": "7"}, b"busy") if len(seen) == 1 else None

    with Sandbox(CATALOGUE, hook=hook) as faulty:
        url = f"{faulty.base_url}/images/spacer.gif"
        answer = requests.get(url, timeout=10)
        assert (answer.status_code, answer.content) == (503, b"busy")
        assert answer.headers["Retry-After"] == "7"
        assert requests.get(url, timeout=10).status_code == 200
        assert [hit.status for hit in seen] == [200, 200]
        assert [hit.status for hit in faulty.log] == [503, 200]


def test_cut_after_tears_the_body() -> None:
    """The full length is announced, fewer bytes come, and the connection ends."""
    reply = Reply(200, {"Content-Type": "image/jpeg"}, b"x" * 1000, cut_after=100)
    with Sandbox(CATALOGUE, hook=lambda _: reply) as faulty:
        address = urlsplit(faulty.base_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        connection.request("GET", "/images/spacer.gif", headers=AGENT)
        answer = connection.getresponse()
        assert answer.headers["Content-Length"] == "1000"
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
        assert len(caught.value.partial) == 100
        connection.close()


def test_hanging_up_sends_nothing() -> None:
    """The status HANG_UP closes the connection without an answer."""
    with (
        Sandbox(CATALOGUE, hook=lambda _: Reply(HANG_UP)) as faulty,
        pytest.raises(requests.ConnectionError),
    ):
        requests.get(f"{faulty.base_url}/images/spacer.gif", timeout=10)


def test_connections_are_kept_alive(sandbox: Sandbox) -> None:
    """Several requests go over one connection."""
    address = urlsplit(sandbox.base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.connect()
    socket = connection.sock
    for _ in range(3):
        connection.request("GET", "/images/spacer.gif", headers=AGENT)
        assert connection.getresponse().read().startswith(b"GIF89a")
        assert connection.sock is socket
    connection.close()


def test_many_clients_at_once(sandbox: Sandbox, client: requests.Session) -> None:
    """Fifty requests at the same time are all answered, and all logged."""
    url = first_result(sandbox, client)["thumb"]
    sandbox.log.clear()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: requests.get(url, timeout=30), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(sandbox.log) == 50


def test_leaving_the_block_frees_the_port_at_once() -> None:
    """After the block nobody listens, though a client still had its connection open."""
    with requests.Session() as session:
        with Sandbox(CATALOGUE, latency_s=0.0) as short:
            url = f"{short.base_url}/images/spacer.gif"
            assert session.get(url, timeout=10).status_code == 200
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=10)


def test_leaving_the_block_does_not_wait_for_slow_answers() -> None:
    """A reply that is to come in an hour is given up when the sandbox stops."""
    reply = Reply(200, {}, b"late", delay_s=3600.0)
    with Sandbox(CATALOGUE, hook=lambda _: reply) as slow:
        address = urlsplit(slow.base_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        connection.request("GET", "/images/spacer.gif", headers=AGENT)
    connection.close()


def test_the_module_serves_by_hand() -> None:
    """`python -m equigen.sandbox` prints its base URL and serves until it is stopped."""
    with subprocess.Popen(
        [sys.executable, "-m", "equigen.sandbox"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        token = process.stderr.readline().removeprefix("token: ").strip()
        url = process.stdout.readline().strip()
        headers = AGENT | {"Authorization": f"Discogs token={token}"}
        answer = requests.get(f"{url}/images/spacer.gif", timeout=10)
        found = requests.get(f"{url}/database/search?genre=Jazz", headers=headers, timeout=10)
        process.terminate()
    assert answer.status_code == 200
    assert found.status_code == 200, "the token that it printed is the one that it wants"


def test_the_module_serves_spotify_by_hand(tmp_path: Path) -> None:
    """It prints the variables with which `fetch` finds it, once its terms are accepted."""
    with subprocess.Popen(
        [sys.executable, "-m", "equigen.sandbox", "--spotify"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(4)]
        genres = tmp_path / "genres.txt"
        genres.write_text("techno", encoding="utf-8")
        done = equigen(
            *("fetch", "--source", "spotify", "--genres-file", str(genres), "--genre-limit", "2"),
            cwd=tmp_path,
            env={
                "EQUIGEN_SPOTIFY__ACCEPT_TERMS": "true",
                **dict(line.split("=", 1) for line in lines),
            },
        )
        process.terminate()
    assert done.returncode == 0, done.stderr
    assert "fetch: 2 results in" in done.stdout


@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("-h", 0), ("--port", 2), ("8", 2)])
def test_the_module_takes_no_arguments(argument: str, code: int) -> None:
    """It says so in one line and serves nothing."""
    command = [sys.executable, "-m", "equigen.sandbox", argument]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    (line,) = (done.stdout if code == 0 else done.stderr).splitlines()
    assert line.startswith("usage: python -m equigen.sandbox ")
    assert not (done.stderr if code == 0 else done.stdout)
