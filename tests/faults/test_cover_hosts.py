"""Each fault of a picture host, among good covers: a good file, or a reason; in all ways."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from coverfaults import FAULTS, JPEG, REDIRECT_IDS, Fault, redirects
from coverruns import SIZED, WAYS, Ran, decoded, run_covers
from support import Script, ScriptedServer, Seen

GOOD = 40
# The first and the last in `make test`, all in `make test-all`.
ALL_WAYS = [
    pytest.param(way, marks=() if way in {WAYS[0], WAYS[-1]} else pytest.mark.long) for way in WAYS
]


@dataclass(frozen=True)
class Faulty:
    """One run over all faults, with good covers between them."""

    ran: Ran
    faults: Mapping[str, Fault]
    urls: Mapping[str, str]
    good_urls: tuple[str, ...]
    elsewhere: tuple[Seen, ...]


@pytest.fixture(scope="module", params=ALL_WAYS)
def faulty(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Faulty]:
    """A run over all faults."""
    with (
        ScriptedServer(Script(body=JPEG)) as server,
        ScriptedServer(Script(body=JPEG), host="127.0.0.2") as other,
    ):
        faults = {**FAULTS, **redirects(server.url, other.url)}
        urls = {name: f"{server.url}/{n}" for n, name in enumerate(faults)}
        server.by_path = {f"/{n}": fault.script for n, fault in enumerate(faults.values())}
        server.by_path["/404"] = Script(404)
        server.by_path["/loop"] = faults["a redirect in a loop"].script
        good_urls = tuple(f"{server.url}/good/{n}" for n in range(GOOD))
        rows = [*urls.values(), *good_urls]
        folder = tmp_path_factory.mktemp("faulty")
        ran = run_covers(folder, str(request.param), rows, read_timeout_s=20)
        yield Faulty(ran, faults, urls, good_urls, tuple(other.seen))


@pytest.mark.parametrize("name", [*FAULTS, *REDIRECT_IDS])
def test_a_fault_ends_as_a_good_file_or_a_reason(faulty: Faulty, name: str) -> None:
    """Whatever a host does: a JPEG that decodes, or a reason in the ledger and no file."""
    ran, fault, url = faulty.ran, faulty.faults[name], faulty.urls[name]
    cover = ran.covers[url]
    if not ran.is_full and fault.by_structure:
        assert (cover.status, cover.reason) == ("broken", fault.by_structure)
        return
    assert (cover.status, cover.reason) == (fault.status, fault.reason)
    assert (ran.paths[url] in ran.files) == (fault.status == "ok")
    if fault.status != "ok":
        return
    image = decoded(ran.file(url))
    if ran.is_sized:
        assert (image.size, image.mode) == (SIZED, "L" if fault.mode == "L" else "RGB")
        return
    assert (image.size, image.mode) == (fault.size, fault.mode)
    assert not fault.kept or ran.file(url) == fault.kept


def test_the_run_goes_on_with_the_other_covers(faulty: Faulty) -> None:
    """All good covers between the faults arrive, and the run says that another can help."""
    ran = faulty.ran
    assert {ran.covers[url].status for url in faulty.good_urls} == {"ok"}
    assert ran.code == 3
    assert len(ran.covers) == len(faulty.faults) + GOOD
    if not ran.is_sized:
        assert {ran.file(url) for url in faulty.good_urls} == {JPEG}


def test_another_host_gets_no_credentials(faulty: Faulty) -> None:
    """A redirect tells the host that it leads to nothing but what everybody is told."""
    assert faulty.elsewhere
    for seen in faulty.elsewhere:
        assert set(seen.headers) == {"host", "user-agent", "accept", "accept-encoding"}
        assert seen.path == "/whole"


def test_nothing_is_said_but_the_summary(faulty: Faulty) -> None:
    """No library's warnings come between the lines of a run."""
    assert faulty.ran.talk == ""
