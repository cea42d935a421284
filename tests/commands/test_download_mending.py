"""What the download stage finds changed, spoilt or hostile: nothing good is lost to it."""

import itertools
import json
import os
import signal
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from downloads import (
    IMAGES,
    JPEG,
    children,
    files_of,
    holds,
    ledger_of,
    linux_only,
    one_row,
    picture,
    rows_of,
    run_download,
    start,
)
from PIL import Image
from support import Script, ScriptedServer, from_json, make_context

from equigen.commands import download, split
from equigen.errors import UsageError
from equigen.schema import Link

ALONE = {"127.0.0.1": {"concurrency": 1}}
LARGE = picture(size=(400, 300))


def spoil(file: Path) -> bytes:
    """Change a file so that it keeps its size; return what it holds then."""
    data = file.read_bytes()
    file.write_bytes(data[:200] + bytes(100) + data[300:])
    return file.read_bytes()


@pytest.mark.parametrize("sizes", [[32], [32, 16], [32, 0], [16, 32, 0]])
def test_originals_are_never_replaced_by_sizes(tmp_path: Path, sizes: list[int]) -> None:
    """Whatever sizes are asked for beside the new first one."""
    with ScriptedServer(Script(body=LARGE)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        run_download(tmp_path)
        before = files_of(tmp_path)
        with pytest.raises(UsageError, match="Nothing was touched"):
            run_download(tmp_path, sizes=sizes)
    assert files_of(tmp_path) == before
    assert len(server.seen) == 1


def test_a_size_that_is_left_out_costs_no_request_and_neither_does_its_return(
    tmp_path: Path,
) -> None:
    """What was made and isn't wanted now doesn't matter; a size of another kind is made anew."""
    with ScriptedServer(Script(body=LARGE)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        for sizes in ([0, 64, 32], [0], [0, 32], [0, 64, 32]):
            assert run_download(tmp_path, sizes=sizes).rows_out == 1
        assert run_download(tmp_path, sizes=[0, 64], fit="inside").rows_out == 1
        (small,) = (tmp_path / f"{IMAGES}_64").glob("*/*.jpg")
        with Image.open(small) as image:
            assert image.size == (64, 48)
        assert run_download(tmp_path, sizes=[0, 64]).rows_out == 1
        with Image.open(small) as image:
            assert image.size == (64, 64)
    assert len(server.seen) == 1


def test_sizes_of_a_spoilt_original_come_from_its_host(tmp_path: Path) -> None:
    """The original is put aside and fetched again, and every row is accounted for."""
    with ScriptedServer(Script(body=LARGE)) as server:
        rows_of(tmp_path, f"{server.url}/a.jpg", f"{server.url}/b.jpg")
        run_download(tmp_path)
        before = files_of(tmp_path)
        spoil(min((tmp_path / IMAGES).glob("*/*.jpg")))
        assert run_download(tmp_path, sizes=[0, 64]).rows_out == 2
    assert len(server.seen) == 3
    assert files_of(tmp_path) == before
    assert len(list((tmp_path / f"{IMAGES}_64").glob("*/*.jpg"))) == 2


def test_covers_that_a_split_moved_are_verified_where_they_lie(tmp_path: Path) -> None:
    """What is spoilt there is mended; making sizes of the others moves none of them back."""
    with ScriptedServer(Script(body=LARGE)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(8)))
        run_download(tmp_path)
        split.run(make_context(tmp_path), link=Link.MOVE)
        moved = sorted((tmp_path / "split").glob("*/*/*.jpg"))
        spoil(moved[0])
        summary = run_download(tmp_path, flags={"verify": True})
        assert (summary.rows_out, summary.facts["spoilt"]) == (8, 1)
        assert len(server.seen) == 9
        assert run_download(tmp_path, flags={"verify": True}).facts["spoilt"] == 0
        assert run_download(tmp_path, sizes=[0, 64]).rows_out == 8
    assert len(server.seen) == 9
    assert len(list((tmp_path / IMAGES).glob("*/*.jpg"))) == 1, "the one that was fetched again"
    assert len(list((tmp_path / f"{IMAGES}_64").glob("*/*.jpg"))) == 8


def test_verify_reads_further_sizes_as_well(tmp_path: Path) -> None:
    """One that doesn't decode is put aside and made again, of the original here."""
    with ScriptedServer(Script(body=LARGE)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        run_download(tmp_path, sizes=[0, 64])
        (small,) = (tmp_path / f"{IMAGES}_64").glob("*/*.jpg")
        whole = small.read_bytes()
        small.write_bytes(whole[: len(whole) // 2])
        summary = run_download(tmp_path, flags={"verify": True}, sizes=[0, 64])
    assert (summary.rows_out, summary.facts["spoilt"]) == (1, 1)
    assert small.read_bytes() == whole
    assert len(server.seen) == 1


def test_a_spoilt_file_is_never_linked_over_a_good_one(tmp_path: Path) -> None:
    """Only bytes that are read and found alike are shared."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, f"{server.url}/a.jpg", f"{server.url}/b.jpg")
        run_download(tmp_path)
        first, second = sorted((tmp_path / IMAGES).glob("*/*.jpg"))
        spoilt = spoil(first)
        summary = run_download(tmp_path, flags={"link_identical": True})
    assert summary.facts["linked"] == 0
    assert (first.read_bytes(), second.read_bytes()) == (spoilt, JPEG)


def test_a_change_reaches_all_rows_that_show_the_picture(tmp_path: Path) -> None:
    """Only one of them is asked about."""
    other = picture(size=(50, 50))
    scripts = [Script(body=JPEG, headers={"ETag": '"a"'}), Script(body=other)]
    with ScriptedServer(*scripts) as server:
        rows_of(tmp_path, *[f"{server.url}/a.jpg"] * 3)
        run_download(tmp_path)
        summary = run_download(tmp_path, flags={"check_changed": True})
    assert len(server.seen) == 2
    assert summary.facts["changed"] == 1
    assert list(files_of(tmp_path).values()) == [other] * 3
    assert len({cover.sha256 for cover in ledger_of(tmp_path).values()}) == 1


def test_a_new_mark_of_the_same_bytes_is_kept(tmp_path: Path) -> None:
    """So that the next question can be answered with 304."""
    scripts = [Script(body=JPEG, headers={"ETag": f'"{n}"'}) for n in (1, 2)] + [Script(304)]
    with ScriptedServer(*scripts) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        for _ in range(3):
            run_download(tmp_path, flags={"check_changed": True})
    assert [seen.headers.get("if-none-match") for seen in server.seen] == [None, '"1"', '"2"']
    assert [cover.etag for cover in ledger_of(tmp_path).values()] == ['"2"']


def test_a_dry_run_tells_of_what_is_spoilt_and_what_is_asked_about(tmp_path: Path) -> None:
    """And accounts for every row, whatever is wished for."""
    with ScriptedServer(Script(body=JPEG, headers={"ETag": '"a"'})) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(3)))
        run_download(tmp_path)
        file = min((tmp_path / IMAGES).glob("*/*.jpg"))
        spoilt = spoil(file)
        asks = run_download(tmp_path, flags={"dry_run": True, "check_changed": True})
        reads = run_download(tmp_path, flags={"dry_run": True, "verify": True})
    assert len(server.seen) == 3
    assert file.read_bytes() == spoilt
    assert (asks.rows_out, asks.facts["asked_whether_changed"]) == (3, 3)
    assert (reads.rows_out, reads.facts["spoilt"]) == (2, 1)
    assert reads.dropped == {"to be fetched": 1, "to be copied from another row": 0}
    for flags in ({"limit": 3}, {"export": tmp_path / "m.tsv"}):
        with pytest.raises(UsageError, match="--dry-run"):
            run_download(tmp_path, flags={"dry_run": True, **flags})


HOSTILE = {
    "an endless rest": {"Retry-After": "9" * 400},
    "a rest of ages": {"Retry-After": "99999999999999"},
    "a superscript rest": {"Retry-After": "\u00b2"},
    "a rest until long after the sun": {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"},
    "a negative rest": {"Retry-After": "-5"},
    "no rest at all": {"Retry-After": "soon"},
}


@pytest.mark.parametrize("headers", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_headers_cost_their_host_alone(tmp_path: Path, headers: dict[str, str]) -> None:
    """Whatever a host says, the covers of the others arrive, and the run ends in order."""
    with (
        ScriptedServer(Script(429, headers=headers)) as bad,
        ScriptedServer(Script(body=JPEG), host="127.0.0.2") as good,
    ):
        rows_of(tmp_path, f"{bad.url}/a.jpg", f"{good.url}/b.jpg")
        summary = run_download(tmp_path)
    assert (summary.rows_out, summary.partly) == (1, True)


@pytest.mark.parametrize(
    "location", ["http://[foo/", "http://[::1/x", "http://x:y/", "//[", "?\x7f"]
)
def test_a_redirect_to_what_is_no_address_costs_its_host_alone(
    tmp_path: Path, location: str
) -> None:
    """The cover is left with a reason, and the others arrive."""
    with (
        ScriptedServer(Script(302, headers={"Location": location})) as bad,
        ScriptedServer(Script(body=JPEG), host="127.0.0.2") as good,
    ):
        rows_of(tmp_path, f"{bad.url}/a.jpg", f"{good.url}/b.jpg")
        summary = run_download(tmp_path)
    assert (summary.rows_out, sum(summary.dropped.values())) == (1, 1)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("processes", [0, 2])
def test_hosts_that_stand_still_hold_up_no_other(tmp_path: Path, processes: int) -> None:
    """All covers of one host arrive while five others haven't answered once."""
    go, count = threading.Event(), 60
    numbers = itertools.count(1)
    in_time: list[bool] = []

    def stand_still() -> None:
        in_time.append(go.wait(30))

    def answer() -> None:
        if next(numbers) == count:
            go.set()

    with ExitStack() as servers:
        still = [
            servers.enter_context(ScriptedServer(Script(body=JPEG), host=f"127.0.0.{number}"))
            for number in range(2, 7)
        ]
        good = servers.enter_context(ScriptedServer(Script(body=JPEG)))
        good.before_answer = answer
        for server in still:
            server.before_answer = stand_still
        urls = [f"{each.url}/{n}.jpg" for n in range(count) for each in (*still, good)]
        rows_of(tmp_path, *urls)
        summary = run_download(tmp_path, processes=processes)
    assert summary.rows_out == len(urls)
    assert in_time == [True] * count * len(still)


def test_a_length_that_is_no_number_is_no_trouble(tmp_path: Path) -> None:
    """The body is read to its end instead."""

    def answer(connection: object) -> None:
        head = "HTTP/1.1 200 OK\r\nContent-Length: \u00b2\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode("latin-1") + JPEG)  # type: ignore[attr-defined]

    with ScriptedServer(Script(raw=answer)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        assert run_download(tmp_path).rows_out == 1


def test_passwords_in_addresses_are_never_shown(tmp_path: Path) -> None:
    """Neither in the table, nor in the JSON, the log, or the ledger's final address."""
    with ScriptedServer(Script(404), Script(body=JPEG)) as server:
        inside = server.url.replace("http://", "http://bob:hush@")
        rows_of(tmp_path, f"{inside}/a.jpg", f"{inside}/b.jpg", "http://bob:hush@[bad/")
        process = start(tmp_path, "download", "--json", "-v")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b"hush" not in out + err
    assert json.loads(out)["rows_out"] == 1
    assert not any("hush" in cover.final_url for cover in ledger_of(tmp_path).values())


def test_the_ledger_tells_tries_and_the_last_answer(tmp_path: Path) -> None:
    """Of good covers that took several tries, and of answers that were no pictures."""
    with ScriptedServer(Script(500), Script(500), Script(body=JPEG)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        run_download(tmp_path)
        (cover,) = ledger_of(tmp_path).values()
        assert (cover.status, cover.tries, cover.http_status) == ("ok", 3, 200)
    with ScriptedServer(Script(body=JPEG[:100])) as server:
        one_row(tmp_path, f"{server.url}/b.jpg")
        run_download(tmp_path)
        (cover,) = [c for c in ledger_of(tmp_path).values() if c.status != "ok"]
    assert (cover.status, cover.tries, cover.http_status) == ("broken", 2, 200)
    assert cover.final_url == f"{server.url}/b.jpg"


def test_a_limit_is_for_covers_not_for_attempts(tmp_path: Path) -> None:
    """Jobs that come back undone don't count; what waits for a host's rest is told as that."""
    with ScriptedServer(Script(body=JPEG), host="127.0.0.2") as limited:
        away = Script(307, headers={"Location": f"{limited.url}/x.jpg"})
        with ScriptedServer(away) as free:
            rows_of(tmp_path, *(f"{free.url}/{n}.jpg" for n in range(8)))
            hosts = {"127.0.0.2": {"per_day": 50}}
            summary = run_download(
                tmp_path, flags={"limit": 5, "file_order": True}, hosts=hosts, processes=2
            )
            assert summary.rows_out == 5
            assert summary.dropped == {"waiting: beyond --limit": 3}
            hosts = {"127.0.0.2": {"per_day": 6}}
            flags = {"limit": 3, "file_order": True}
            summary = run_download(tmp_path, flags=flags, hosts=hosts, processes=2)
    assert summary.rows_out == 6
    assert (summary.dropped, summary.partly) == ({"waiting: the host rests": 2}, True)


@pytest.mark.parametrize("processes", [0, 2])
def test_a_slow_host_holds_up_no_other(tmp_path: Path, processes: int) -> None:
    """A host that answers nothing until the other is done: both are done."""
    done = threading.Event()
    with (
        ScriptedServer(Script(body=JPEG)) as slow,
        ScriptedServer(Script(body=JPEG), host="127.0.0.2") as quick,
    ):

        def wait_for_the_other() -> None:
            done.wait(30)

        slow.before_answer = wait_for_the_other

        def count(_request: BaseHTTPRequestHandler) -> None:
            if len(quick.seen) >= 60:
                done.set()

        quick.on_request = count
        urls = [f"{slow.url}/{n}.jpg" for n in range(60)]
        urls += [f"{quick.url}/{n}.jpg" for n in range(60)]
        rows_of(tmp_path, *urls)
        summary = run_download(tmp_path, processes=processes)
        assert done.is_set()
    assert summary.rows_out == 120


@pytest.mark.long
@linux_only
def test_processes_that_die_of_every_picture_end_the_run(tmp_path: Path) -> None:
    """It is not the pictures then: none is marked for good."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(50)))
        process = start(tmp_path, "download", "--json", "--processes", "1")

        def die_of_it(request: BaseHTTPRequestHandler) -> None:
            for child in children(process.pid):
                if holds(child, request.client_address[1]):
                    os.kill(child, signal.SIGKILL)

        server.on_request = die_of_it
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.decode().count("\n") == 1
    assert "whatever they are given" in err.decode()
    assert {cover.status for cover in ledger_of(tmp_path).values()} <= {"failed"}
    process = start(tmp_path, "download", "--json", "--limit", "0")
    out, _ = process.communicate(timeout=60)
    assert from_json(out.decode())["rows_out"] == 0
    assert download.ORDER


def test_sizes_are_made_while_the_host_rests(tmp_path: Path) -> None:
    """What needs no request waits for no quota."""
    with ScriptedServer(Script(body=LARGE)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(6)))
        hosts = {"127.0.0.1": {"per_day": 6}}
        run_download(tmp_path, hosts=hosts)
        assert run_download(tmp_path, sizes=[0, 64], hosts=hosts).rows_out == 6
    assert len(server.seen) == 6
    assert len(list((tmp_path / f"{IMAGES}_64").glob("*/*.jpg"))) == 6


def test_a_host_that_refuses_us_is_left_by_all_processes(tmp_path: Path) -> None:
    """What was handed out already is not asked for any more; the other host is done."""
    with (
        ScriptedServer(Script(403)) as closed,
        ScriptedServer(Script(body=JPEG), host="127.0.0.2") as open_,
    ):
        urls = [f"{server.url}/{n}.jpg" for n in range(150) for server in (closed, open_)]
        rows_of(tmp_path, *urls)
        summary = run_download(tmp_path, processes=2)
    assert summary.rows_out == len(open_.seen) == 150
    assert len(closed.seen) < 75
    refused = summary.dropped["HTTP 403"]
    assert summary.dropped == {"HTTP 403": refused, "waiting: the host rests": 150 - refused}
