"""Credentials: the API's host gets them, and nobody and nothing else, whatever hosts answer."""

import base64
import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from downloads import JPEG
from support import equigen

from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.server import Sandbox

# With letters that each way of writing a text writes in its own way.
TOKEN = 'tOk3n/+%&="<x>\\9/hush-hush'
KEY, SECRET = "kEy-of-mine/+%&9", 'sEcr3t="<of>\\mine'
CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "token": {"DISCOGS_TOKEN": TOKEN},
    "key": {"DISCOGS_KEY": KEY, "DISCOGS_SECRET": SECRET},
}
ECHOES: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "percent": quote,
    "every": lambda text: quote(text, safe=""),
    "json": json.dumps,
    "json of every letter": lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    "html": html.escape,
    "html of every letter": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "of more": lambda text: base64.b64encode(f"u{text}".encode()).decode(),
    "of most": lambda text: base64.b64encode(f"up{text}".encode()).decode(),
}


def traces(secret: str) -> set[bytes]:
    """Return what shows a secret, in all ways that it may be written, in small letters."""
    shown = {echo(secret) for echo in ECHOES.values()}
    # Where it begins in another text, and where that text ends, is not of the secret alone.
    shown = {text.strip('="')[4:-4] for text in shown} | {secret[: len(secret) // 2]}
    return {text.encode().lower() for text in shown}


def echoed(hit: Hit) -> bytes:
    """Return a page that quotes all that was sent, in all ways."""
    sent = hit.headers.get("authorization", "nothing")
    return "\n".join(f"{name}: {echo(sent)}" for name, echo in ECHOES.items()).encode()


@dataclass
class Hosts:
    """An API, a host of pictures and a third host, and how the API answers now."""

    api: Sandbox
    images: Sandbox
    third: Sandbox
    answer: Callable[[Hit], Reply | None] = field(default=lambda _hit: None)

    def search(self, hit: Hit) -> Reply:
        """Answer as Discogs does: four albums, each with a picture that goes its own way."""
        if (answer := self.answer(hit)) is not None:
            return answer
        host = self.images.base_url.replace("127.0.0.1", "localhost")
        results = [
            {
                "type": "release", "id": number, "title": f"Artist {number} - X", "year": "2020",
                "genre": ["Jazz"], "style": ["Bop"], "format": ["Vinyl", "LP", "Album"],
                "country": "US", "cover_image": f"{host}/{way}.jpg",
            }
            for number, way in enumerate(("good", "away", "401", "403", "500"), start=1)
        ]  # fmt: skip
        pages = {"items": len(results), "pages": 1, "page": 1, "per_page": 100}
        body = {"pagination": pages, "results": results}
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def picture(self, hit: Hit) -> Reply:
        """Answer as a host of pictures: one is there, one elsewhere, and the others quote us."""
        way = hit.path.strip("/").removesuffix(".jpg")
        if way == "away":
            third = self.third.base_url.replace("127.0.0.1", "localhost")
            return Reply(302, {"Location": f"{third}/found.jpg"})
        if way in {"good", "found"}:
            return Reply(200, {"Content-Type": "image/jpeg"}, JPEG)
        return Reply(int(way) if way.isdigit() else 404, {}, echoed(hit))


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    """Three hosts on loopback; pictures are asked for by another name than the API is."""
    with Sandbox([]) as api, Sandbox([]) as images, Sandbox([]) as third:
        found = Hosts(api, images, third)
        api.hook, images.hook, third.hook = found.search, found.picture, found.picture
        yield found


def env_of(hosts: Hosts, folder: Path, credentials: Mapping[str, str]) -> Mapping[str, str]:
    """Return the settings of a run."""
    return {
        **credentials,
        "EQUIGEN_DATASET__DIRECTORY": str(folder),
        "EQUIGEN_DISCOGS__BASE_URL": hosts.api.base_url,
        "EQUIGEN_DISCOGS__REQUESTS_PER_MINUTE": "0",
        "EQUIGEN_HTTP__TRIES": "2",
        "EQUIGEN_HTTP__MAX_WAIT_S": "0.01",
    }


FETCH = (
    "fetch",
    "--label",
    "Jazz",
    "--genre-limit",
    "9",
    "--from-year",
    "2020",
    "--to-year",
    "2020",
)


def run(*args: str, folder: Path, env: Mapping[str, str]) -> int:
    """Run a command that tells of each request, and keep what it said beside the dataset."""
    folder.mkdir(parents=True, exist_ok=True)
    log = str(folder / "equigen.log")
    done = equigen(*args, "--verbose", "--log-file", log, cwd=folder, env=env)
    said = folder / f"said-{len(list(folder.glob('said-*')))}"
    said.write_text(f"{args}\n{done.stdout}\n{done.stderr}", encoding="utf-8")
    return done.returncode


def check_nowhere(folder: Path, secrets: Sequence[str]) -> None:
    """See that no file holds a secret: TSV, ledger, report, manifest, logs, what was said."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert any(file.name.startswith("said-") for file in files)
    for file in files:
        body = file.read_bytes().lower() + str(file).lower().encode()
        for secret in secrets:
            assert not [trace for trace in traces(secret) if trace in body], file


def check_hosts(hosts: Hosts, secrets: Sequence[str]) -> None:
    """See that other hosts were sent nothing of a secret, and the API nothing but its header."""
    for host in (hosts.api, hosts.images, hosts.third):
        for hit in host.log:
            headers = dict(hit.headers)
            if host is hosts.api:
                authorization = headers.pop("authorization")
                assert all(secret in authorization for secret in secrets)
            else:
                assert "authorization" not in headers
                assert "cookie" not in headers
            seen = repr((hit.path, hit.query, headers)).lower().encode()
            for secret in secrets:
                assert not [trace for trace in traces(secret) if trace in seen]


@pytest.mark.long_after(1)
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_from_fetch_to_report_only_the_api_gets_them(
    hosts: Hosts, tmp_path: Path, kind: str
) -> None:
    """Every header and path of every host, and every byte that is left, are looked at."""
    credentials = CREDENTIALS[kind]
    data = tmp_path / "data"
    env = env_of(hosts, data, credentials)
    assert run(*FETCH, folder=data, env=env) == 0
    assert run("download", "--export", "manifest.tsv", folder=data, env=env) in {0, 3}
    for command in (["split"], ["split", "--verify"], ["report"], ["status", "--json"]):
        assert run(*command, folder=data, env=env) == 0
    names = {file.name for file in data.rglob("*")}
    assert {"manifest.tsv", "report.html", "equigen_ledger.sqlite", "split.tsv"} <= names
    assert len(list((data / "split").rglob("*.jpg"))) == 2
    paths = {hit.path for hit in hosts.images.log}
    assert {"/good.jpg", "/away.jpg", "/401.jpg", "/403.jpg", "/500.jpg"} <= paths
    assert {hit.path for hit in hosts.third.log} == {"/found.jpg"}
    check_hosts(hosts, list(credentials.values()))
    check_nowhere(data, list(credentials.values()))


FAULTS: Mapping[str, Callable[[Hosts, Hit], Reply]] = {
    "401 that quotes us": lambda _, hit: Reply(401, {}, echoed(hit)),
    "403 that quotes us": lambda _, hit: Reply(403, {}, echoed(hit)),
    "500 that quotes us": lambda _, hit: Reply(500, {}, echoed(hit)),
    "a long page that quotes us in the end": lambda _, hit: Reply(
        404, {}, b"x" * 170 + hit.headers["authorization"].encode() * 900
    ),
    "a long address that quotes us in the end": lambda hosts, hit: Reply(
        302, {"Location": f"{hosts.third.base_url}/{'x' * 240}{hit.headers['authorization']}"}
    ),
    "no JSON": lambda _, hit: Reply(200, {}, echoed(hit)),
    "a redirect to a third host": lambda hosts, hit: Reply(
        302, {"Location": f"{hosts.third.base_url.replace('127.0.0.1', 'localhost')}/x?a=b"}
    ),
    "a redirect to another port": lambda hosts, hit: Reply(
        302, {"Location": f"{hosts.third.base_url}/x"}
    ),
    "a redirect with all that was sent": lambda hosts, hit: Reply(
        302, {"Location": f"{hosts.third.base_url}/{quote(hit.headers['authorization'])}"}
    ),
    "a rest that quotes us": lambda _, hit: Reply(429, {"Retry-After": "9999"}, echoed(hit)),
}


@pytest.mark.long_after(3)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_an_api_quotes_of_them_is_not_told(hosts: Hosts, tmp_path: Path, fault: str) -> None:
    """Errors tell what the API said, but for what it was sent; nobody else is asked."""
    kind = "key" if "403" in fault else "token"
    credentials = CREDENTIALS[kind]
    data = tmp_path / "data"
    hosts.answer = lambda hit: FAULTS[fault](hosts, hit)
    assert run(*FETCH, folder=data, env=env_of(hosts, data, credentials)) in {1, 2, 3}
    assert hosts.api.log
    assert hosts.third.log == []
    check_hosts(hosts, list(credentials.values()))
    check_nowhere(data, list(credentials.values()))
    said = (data / "said-0").read_text(encoding="utf-8")
    assert hosts.api.base_url in said or "127.0.0.1" in said
    if "quotes us" in fault and "rest" not in fault:
        assert "***" in said


@pytest.mark.long
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_what_an_api_quotes_of_them_in_its_results_goes_nowhere(
    hosts: Hosts, tmp_path: Path, kind: str
) -> None:
    """Not into the TSV nor on from there, to hosts of pictures, logs or processes."""
    secrets = list(CREDENTIALS[kind].values())

    def quoting(hit: Hit) -> Reply | None:
        hosts.answer = lambda _hit: None
        answer = hosts.search(hit)
        body = json.loads(answer.body)
        for result in body["results"]:
            quoted = " ".join(echo(secret) for echo in ECHOES.values() for secret in secrets)
            result |= {"title": f"Artist {result['id']} - X {quoted}", "style": [quoted]}
            address = result["cover_image"]
            result["cover_image"] = f"{address}?token={quote(secrets[-1], safe='')}"
        hosts.answer = quoting
        return Reply(200, answer.headers, json.dumps(body).encode())

    data = tmp_path / "data"
    env = {**env_of(hosts, data, CREDENTIALS[kind]), "EQUIGEN_DOWNLOAD__PROCESSES": "1"}
    hosts.answer = quoting
    assert run(*FETCH, folder=data, env=env) == 0
    assert run("download", folder=data, env=env) in {0, 3}
    assert "***" in (data / "equigen_dataset.tsv").read_text(encoding="utf-8")
    assert hosts.images.log
    check_hosts(hosts, secrets)
    check_nowhere(data, secrets)
