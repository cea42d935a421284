"""Single covers that a host refuses, among many good ones: noted, and not asked for in vain."""

from collections import Counter
from pathlib import Path

import pytest
from coverfaults import JPEG
from coverpictures import HTML, dot
from coverruns import WAYS, run_again, run_covers
from support import Script, ScriptedServer

GOOD = 30
GONE = {"/404": 404, "/410": 410}


@pytest.mark.long_after(1)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_gone_is_noted_and_left(tmp_path: Path, way: str) -> None:
    """404 and 410 have their reasons; an immediate second run asks nobody; no run can help now."""
    with ScriptedServer(Script(body=JPEG)) as server:
        server.by_path = {path: Script(status, HTML) for path, status in GONE.items()}
        server.by_path |= {"/page": Script(body=HTML), "/dot": Script(body=dot("GIF"))}
        urls = [f"{server.url}{path}" for path in server.by_path]
        good = [f"{server.url}/good/{n}" for n in range(GOOD)]
        spacer = f"{server.url}/images/spacer.gif"
        first = run_covers(tmp_path, way, [*good, *urls, spacer])
        asked = Counter(seen.path for seen in server.seen)
        second = run_again(tmp_path, way)
        assert Counter(seen.path for seen in server.seen) == asked
    assert spacer not in {server.url + path for path in asked}
    assert first.files == second.files
    for ran in (first, second):
        assert len(ran.files) == GOOD
        assert {path: ran.covers[f"{server.url}{path}"].reason for path in GONE} == {
            path: f"HTTP {status}" for path, status in GONE.items()
        }
        assert {ran.covers[f"{server.url}{path}"].status for path in GONE} == {"missing"}
        assert ran.summary["dropped"] == {
            "HTTP 404": 1,
            "HTTP 410": 1,
            "not a picture": 1,
            "too small": 1,
            "no picture": 1,
        }
        assert ran.code == 0


@pytest.mark.long_after(1)
@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("way", ["threads, full", "processes, full"])
def test_one_refusal_holds_up_no_other_cover(tmp_path: Path, way: str, status: int) -> None:
    """A single 403 or 429 is no good file; all others are there, and another run can help."""
    with (
        ScriptedServer(Script(body=JPEG)) as server,
        ScriptedServer(Script(status, HTML), host="127.0.0.2") as closed,
    ):
        good = [f"{server.url}/good/{n}" for n in range(GOOD)]
        refused = f"{closed.url}/a.jpg"
        ran = run_covers(tmp_path, way, [*good[:15], refused, *good[15:]])
    assert {ran.covers[url].status for url in good} == {"ok"}
    assert refused not in ran.covers or ran.covers[refused].status != "ok"
    dropped = ran.summary["dropped"]
    assert isinstance(dropped, dict)
    (reason,) = dropped
    assert reason == f"HTTP {status}" or reason.startswith("waiting")
    assert ran.code == 3
