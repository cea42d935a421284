"""Downloading from the Cover Art Archive: its redirects, what it hasn't got, and its bad days."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from coverart import ARCHIVE, EXCHANGES, Proxy, Told, recorded
from downloads import JPEG, TSV, files_of, ledger_of, one_row, rows_of, run_download
from support import FakeTime, Script, ScriptedServer, equigen, make_context, realdata, sandbox_env

from equigen.commands import download
from equigen.identity.pictures import front_url

MBID = "f1afec0b-26dd-3db5-9aa1-c91229a74a24"
# As the archive answers a third of all requests: a page that is labelled as a picture.
BAD_DAY = Script(
    500,
    b"<html>\r\n<head><title>500 Internal Server Error</title></head>\r\n<body>\r\n<center><h1>500"
    b" Internal Server Error</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
    {"Content-Type": "image/jpeg"},
)


def away(url: str, status: int = 307) -> Script:
    """Return a redirect as the archive sends it, with a word about where it leads."""
    return Script(status, f"See: {url}\n".encode(), {"Location": url})


def test_a_cover_is_followed_to_its_node(tmp_path: Path) -> None:
    """From the archive by 307 to archive.org and by 302 on to where it lies."""
    with (
        ScriptedServer(Script(body=JPEG), host="127.0.0.3") as node,
        ScriptedServer(away(f"{node.url}/7/items/a.jpg", 302), host="127.0.0.2") as store,
        ScriptedServer(away(f"{store.url}/download/mbid-1/a.jpg")) as archive,
    ):
        one_row(tmp_path, front_url(archive.url, MBID, 500))
        assert run_download(tmp_path).rows_out == 1
        assert run_download(tmp_path).rows_out == 1
    (cover,) = ledger_of(tmp_path).values()
    assert cover.url == f"{archive.url}/release-group/{MBID}/front-500"
    assert cover.final_url == f"{node.url}/7/items/a.jpg"
    assert list(files_of(tmp_path).values()) == [JPEG]
    assert [len(server.seen) for server in (archive, store, node)] == [1, 1, 1]


@pytest.mark.parametrize("status", [400, 404])
def test_what_the_archive_has_not_is_remembered(tmp_path: Path, status: int) -> None:
    """404: it has no front cover; 400: the id is no id. Neither is asked for again."""
    page = realdata("coverart_archive", f"{status}.html").read_bytes()
    with ScriptedServer(Script(status, page, {"Content-Type": "text/html"})) as archive:
        one_row(tmp_path, front_url(archive.url, MBID, 500))
        for _ in range(2):
            summary = run_download(tmp_path)
            assert summary.dropped == {f"HTTP {status}": 1}
            assert not summary.partly
    assert len(archive.seen) == 1
    (cover,) = ledger_of(tmp_path).values()
    assert (cover.status, cover.http_status, cover.tries) == ("missing", status, 1)


def test_a_bad_moment_costs_a_second_request(tmp_path: Path) -> None:
    """An error that is labelled as a picture is still an error, and passes."""
    with ScriptedServer(BAD_DAY, BAD_DAY, Script(body=JPEG)) as archive:
        one_row(tmp_path, front_url(archive.url, MBID, 500))
        assert run_download(tmp_path).rows_out == 1
    (cover,) = ledger_of(tmp_path).values()
    assert (cover.status, cover.tries) == ("ok", 3)


def test_a_bad_day_is_never_taken_for_an_album_without_a_cover(tmp_path: Path) -> None:
    """All tries in vain, longer and longer apart: left for now, and asked again by the next run."""
    assert len(BAD_DAY.body) == 170
    fake = FakeTime()
    with ScriptedServer(*[BAD_DAY] * 5, Script(body=JPEG), time_s=fake.now_s) as archive:
        one_row(tmp_path, front_url(archive.url, MBID, 500))
        context = make_context(tmp_path, http={"tries": 5, "max_wait_s": 120}, clock=fake.clock())
        summary = download.run(context)
        assert (summary.dropped, summary.partly) == ({"HTTP 500": 1}, True)
        (cover,) = ledger_of(tmp_path).values()
        assert (cover.status, cover.tries) == ("failed", 5)
        assert files_of(tmp_path) == {}
        waits_s = [after.time_s - before.time_s for before, after in pairwise(archive.seen)]
        assert len(waits_s) == 4
        assert all(later_s > 1.3 * wait_s for wait_s, later_s in pairwise(waits_s))
        assert download.run(context).rows_out == 1
    assert len(archive.seen) == 6


def test_a_node_in_trouble_is_asked_for_by_way_of_the_archive_again(tmp_path: Path) -> None:
    """Each try starts at the archive, which may know another node by then."""
    with (
        ScriptedServer(BAD_DAY, host="127.0.0.2") as sick,
        ScriptedServer(Script(body=JPEG), host="127.0.0.3") as well,
        ScriptedServer(away(f"{sick.url}/a.jpg"), away(f"{well.url}/a.jpg")) as archive,
    ):
        one_row(tmp_path, front_url(archive.url, MBID, 500))
        assert run_download(tmp_path).rows_out == 1
    assert len(archive.seen) == 2
    (cover,) = ledger_of(tmp_path).values()
    assert cover.final_url == f"{well.url}/a.jpg"


def test_a_listing_is_no_cover(tmp_path: Path) -> None:
    """The archive's list of pictures, asked for by mistake, leaves a reason and no file."""
    listing = realdata("coverart_archive", "release_76df3287.json").read_bytes()
    with ScriptedServer(Script(body=listing)) as archive:
        pictures = json.loads(listing)["images"]
        one_row(tmp_path, f"{archive.url}/release/76df3287-6cda-33eb-8e9a-044b5e15ffdd")
        assert pictures
        assert run_download(tmp_path).rows_out == 0
    (cover,) = ledger_of(tmp_path).values()
    assert cover.status == "refused"
    assert files_of(tmp_path) == {}


@pytest.mark.long_after(1)
@pytest.mark.parametrize("name", EXCHANGES)
def test_recorded_chains_end_as_they_did(tmp_path: Path, name: str) -> None:
    """All recorded answers of all hosts: pictures arrive, 404 and 400 are told, no link is lost."""
    told = recorded(name)
    targets = {answer.headers.get("Location") for answer in told.values()}
    for url in targets - set(told) - {None}:  # asked for with HEAD, nobody followed the link
        told[str(url)] = Told(body=JPEG, headers={"Content-Type": "image/jpeg"})
    told = {
        url: Told(body=JPEG) if answer.status == 200 else answer for url, answer in told.items()
    }
    starts = sorted(set(told) - targets)
    ends = {}
    for start in starts:
        end = start
        while location := told[end].headers.get("Location"):
            end = location
        ends[start] = end
    rows_of(tmp_path, *starts)
    with Proxy(told) as proxy:
        env = sandbox_env(
            "http://127.0.0.1:9",
            EQUIGEN_DATASET__DIRECTORY=str(tmp_path),
            EQUIGEN_HTTP__TRIES="1",
            **proxy.env,
        )
        run = equigen("download", "--json", cwd=tmp_path, env=env)
    assert run.returncode == 0, run.stderr
    assert sorted(proxy.seen) == sorted(told)
    covers = {cover.url: cover for cover in ledger_of(tmp_path).values()}
    for start, end in ends.items():
        cover, status = covers[start], told[end].status
        assert cover.http_status == status
        assert cover.status == ("ok" if status == 200 else "missing")
        assert cover.final_url == (end if status == 200 else "")


@pytest.mark.long
def test_another_size_of_a_cover_is_not_another_picture(tmp_path: Path) -> None:
    """Another coverart.cover_px leaves the covers that are there: none is fetched a second time."""
    told = {front_url(ARCHIVE, MBID, 500): Told(body=JPEG)}
    with Proxy(told) as proxy:
        env = sandbox_env(
            "http://127.0.0.1:9", EQUIGEN_DATASET__DIRECTORY=str(tmp_path), **proxy.env
        )
        for size_px in (500, 1200, 250):
            one_row(tmp_path, front_url(ARCHIVE, MBID, size_px))
            run = equigen("download", "--json", cwd=tmp_path, env=env)
            assert run.returncode == 0, run.stderr
    assert proxy.seen == list(told)
    assert list(files_of(tmp_path).values()) == [JPEG]
    assert (tmp_path / TSV).exists()
