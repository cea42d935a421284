"""The dumps stage against hosts on loopback, and the program itself, killed and told to stop."""

import gzip
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from dumphost import GROUPS, MASTERS, RELEASES, STAMP, DumpHost, Hosted, made_up, sha256
from support import (
    FakeTime,
    Script,
    ScriptedServer,
    make_context,
    realdata,
)

from equigen.commands import dumps
from equigen.commands.dumps import DumpsAction
from equigen.dataset.context import Context
from equigen.dumps.files import Kind
from equigen.errors import (
    BadBodyError,
    FetchError,
    HostRestsError,
    HttpStatusError,
    UsageError,
)
from equigen.summary import Summary

BODY = made_up(400_000)
OTHER = made_up(50_000, "b")


def context_for(
    folder: Path,
    dump_settings: Mapping[str, Any],
    *,
    fake: FakeTime | None = None,
    said: list[str] | None = None,
) -> Context:
    """Return a context with a made-up clock that keeps what is said."""
    made = make_context(folder, dumps=dump_settings, clock=(fake or FakeTime()).clock())
    talk = (said if said is not None else []).append
    return Context(made.config, made.bar, talk, made.now, made.clock)


def run(
    action: str,
    *kinds: str,
    folder: Path,
    host: DumpHost,
    date: str = "",
    said: list[str] | None = None,
) -> Summary:
    """Run the stage."""
    context = context_for(folder, {**host.settings, "date": date}, said=said)
    return dumps.run(
        context, action=DumpsAction(action), kinds=[Kind(kind) for kind in kinds] or None
    )


def both(host: DumpHost) -> None:
    """Have all three dumps hosted."""
    host.host_discogs({MASTERS: Hosted(BODY), RELEASES: Hosted(OTHER)})
    host.host_groups(Hosted(OTHER, ranges=True))


def names(folder: Path) -> set[str]:
    """Return what lies in the folder of the dumps, but for the lock."""
    return {path.name for path in (folder / "dumps").iterdir() if ".lock" not in path.name}


def test_masters_and_release_groups_come_with_few_requests(tmp_path: Path) -> None:
    """Three a host; each file is there under a name with its date, with the published checksum."""
    with DumpHost() as host:
        both(host)
        summary = run("get", "masters", "release-groups", folder=tmp_path, host=host)
        assert len(host.asked("/discogs/")) == 3
        assert host.asked("/mb/") == [
            "/mb/LATEST",
            f"/mb/{STAMP}/SHA256SUMS",
            f"/mb/{STAMP}/release-group.tar.xz",
        ]
        assert {seen.headers["user-agent"].split("/")[0] for seen in host.seen} == {"EquiGen"}
    assert names(tmp_path) == {MASTERS, GROUPS}
    assert (tmp_path / "dumps" / MASTERS).read_bytes() == BODY
    assert (tmp_path / "dumps" / GROUPS).read_bytes() == OTHER
    assert (summary.rows_in, summary.rows_out, summary.partly) == (2, 2, False)
    got = summary.facts["dumps"]
    assert isinstance(got, list)
    assert [(d["file"], d["size_bytes"], d["sha256"], d["state"]) for d in got] == [
        (MASTERS, len(BODY), sha256(BODY), "downloaded"),
        (GROUPS, len(OTHER), sha256(OTHER), "downloaded"),
    ]


def test_masters_and_releases_share_index_and_checksums(tmp_path: Path) -> None:
    """Four requests for both; a kind that is given twice is one."""
    with DumpHost() as host:
        both(host)
        run("get", "masters", "releases", "masters", folder=tmp_path, host=host)
        assert len(host.seen) == 4


def test_what_is_there_is_checked_and_not_downloaded_again(tmp_path: Path) -> None:
    """Only index and checksums are asked for."""
    with DumpHost() as host:
        both(host)
        run("get", "masters", folder=tmp_path, host=host)
        before = (tmp_path / "dumps" / MASTERS).stat().st_mtime_ns
        summary = run("get", "masters", folder=tmp_path, host=host)
        assert len(host.asked("masters")) == 1
    assert (tmp_path / "dumps" / MASTERS).stat().st_mtime_ns == before
    assert summary.table
    assert summary.table.rows[0][-1] == "already there"


def test_last_years_page_is_asked_where_this_year_has_none(tmp_path: Path) -> None:
    """As in the first days of January, whether the page is empty or missing."""
    old = "discogs_20251201_masters.xml.gz"
    with DumpHost() as host:
        host.host_discogs({old: Hosted(BODY)}, date="20251201")
        run("get", "masters", folder=tmp_path, host=host)
        host.files["/discogs/?prefix=data%2F2026%2F"] = Hosted(b"<html>no files yet</html>")
        run("get", "masters", folder=tmp_path, host=host)
    assert names(tmp_path) == {old}


def test_a_dump_whose_checksums_are_not_listed_yet_is_passed_over(tmp_path: Path) -> None:
    """The one before it is taken; where it is the only one, it is refused."""
    new = "discogs_20260602_masters.xml.gz"
    link = f"?download=data%2F2026%2F{new}"
    with DumpHost() as host:
        both(host)
        page = host.files["/discogs/?prefix=data%2F2026%2F"]
        page.body += f'<a href="{link}">'.encode()
        run("get", "masters", folder=tmp_path, host=host)
        assert names(tmp_path) == {MASTERS}
        with pytest.raises(BadBodyError, match="no checksums of that day"):
            run("get", "masters", folder=tmp_path, host=host, date="20260602")


def test_a_file_without_a_line_in_the_checksums_is_refused(tmp_path: Path) -> None:
    """It is not asked for at all."""
    with DumpHost() as host:
        host.host_discogs({MASTERS: Hosted(BODY)}, sums=f"{'0' * 64} {RELEASES}\n")
        with pytest.raises(BadBodyError, match=f"SHA-256 of {MASTERS}, got none"):
            run("get", "masters", folder=tmp_path, host=host)
        assert not host.asked("masters")


def test_a_wrong_file_is_refused(tmp_path: Path) -> None:
    """Exit code 1, with both checksums."""
    with DumpHost() as host:
        host.host_discogs({MASTERS: Hosted(BODY)}, sums=f"{sha256(OTHER)} {MASTERS}\n")
        with pytest.raises(BadBodyError, match=f"{sha256(OTHER)}, got.*{sha256(BODY)}"):
            run("get", "masters", folder=tmp_path, host=host)
    assert names(tmp_path) == set()


def test_a_date_chooses_older_dumps(tmp_path: Path) -> None:
    """Of Discogs by its file, of MusicBrainz by its folder."""
    old = "discogs_20250101_masters.xml.gz"
    folder = "20260530-001001"
    with DumpHost() as host:
        both(host)
        host.host_discogs({old: Hosted(OTHER)}, date="20250101")
        run("get", "masters", folder=tmp_path, host=host, date="20250101")
        host.files[f"/mb/{folder}/SHA256SUMS"] = Hosted(
            f"{sha256(BODY)}  release-group.tar.xz\n".encode()
        )
        host.files[f"/mb/{folder}/release-group.tar.xz"] = Hosted(BODY)
        run("get", "release-groups", folder=tmp_path, host=host, date="20260530")
        assert "/mb/LATEST" not in host.asked()
    assert names(tmp_path) == {old, f"musicbrainz_{folder}_release-group.tar.xz"}


@pytest.mark.parametrize("kind", ["masters", "release-groups"])
def test_a_date_of_which_there_is_none_is_a_wrong_flag(tmp_path: Path, kind: str) -> None:
    """The error names those that there are."""
    with DumpHost() as host:
        both(host)
        with pytest.raises(UsageError, match=r"--date .*20260615.*2026060[12]"):
            run("get", kind, folder=tmp_path, host=host, date="20260615")


def test_get_without_a_kind_names_the_kinds(tmp_path: Path) -> None:
    """Nobody is asked."""
    with DumpHost() as host:
        with pytest.raises(UsageError, match="masters, releases, release-groups"):
            run("get", folder=tmp_path, host=host)
        assert not host.seen


def test_one_that_cannot_be_had_leaves_the_others(tmp_path: Path) -> None:
    """The summary says which, and that a later run has more to do."""
    said: list[str] = []
    with DumpHost() as host:
        host.host_groups(Hosted(OTHER))
        host.files["/discogs/?prefix=data%2F2026%2F"] = Hosted(b"", 500)
        summary = run(
            "get", "masters", "releases", "release-groups", folder=tmp_path, host=host, said=said
        )
        assert len(host.asked("/discogs/")) == 3, "the host was tried anew for each kind"
    assert (summary.rows_in, summary.rows_out, summary.partly) == (3, 1, True)
    assert set(summary.facts["failed"]) == {"masters", "releases"}  # type: ignore[call-overload]
    assert said[0].startswith("masters: not got.")


def test_the_recorded_refusal_of_the_dump_host_is_waited_for(tmp_path: Path) -> None:
    """An hour, and the user is told until when; then the file comes."""
    head, _, body = (
        realdata("discogs_api", "http", "dump_host_429_2026.txt")
        .read_text()
        .partition("HTTP/2 ")[2]
        .partition("\n\n")
    )
    status, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers["retry-after"] == "3574"
    refusal = Script(int(status), body.encode(), headers)
    fake = FakeTime()
    said: list[str] = []
    sums = f"{sha256(BODY)} {MASTERS}\n{sha256(BODY)} x\n".encode()
    page = f'<a href="?download={MASTERS}"><a href="?download=discogs_20260601_CHECKSUM.txt">'
    scripts = Script(body=page.encode()), refusal, Script(body=sums), Script(body=BODY)
    with ScriptedServer(*scripts, time_s=fake.now_s) as server:
        context = context_for(tmp_path, {"discogs_url": server.url}, fake=fake, said=said)
        dumps.run(context, action=DumpsAction.GET, kinds=[Kind.MASTERS])
        assert server.seen[2].time_s - server.seen[1].time_s >= 3574
    assert names(tmp_path) == {MASTERS}
    told = "127.0.0.1 asks for a rest of 60 min: waiting until 14:46 UTC"
    assert said == [f"{told} (Ctrl-C stops; what came is kept)"]


def test_a_rest_that_nobody_waits_for_ends_with_when_to_go_on(tmp_path: Path) -> None:
    """Longer than two hours; and `list` doesn't wait at all."""
    for action, pause in ((DumpsAction.GET, "7300"), (DumpsAction.LIST, "3574")):
        said: list[str] = []
        with ScriptedServer(Script(429, headers={"Retry-After": pause})) as server:
            context = context_for(tmp_path, {"discogs_url": server.url}, said=said)
            with pytest.raises(HostRestsError, match=r"again after 1970-01-12 1\d:\d\d UTC") as err:
                dumps.run(context, action=action, kinds=[Kind.MASTERS])
            assert err.value.exit_code == 3
            assert len(server.seen) == 1
        assert said == []


def test_a_page_that_keeps_programs_out_says_how_to_go_on_by_hand(tmp_path: Path) -> None:
    """Cloudflare answers some networks with 403 and a page."""
    page = b"<!DOCTYPE html><html><title>Just a moment...</title><body>Enable JavaScript"
    with ScriptedServer(Script(403, page)) as server:
        context = context_for(tmp_path, {"discogs_url": server.url})
        with pytest.raises(HttpStatusError, match="in a browser") as caught:
            dumps.run(context, action=DumpsAction.GET, kinds=[Kind.MASTERS])
        assert len(server.seen) == 1
    assert "discogs_YYYYMMDD_masters.xml.gz" in str(caught.value)
    assert str(tmp_path / "dumps") in str(caught.value)


@pytest.mark.parametrize("kind", ["masters", "release-groups"])
def test_a_page_that_is_no_list_is_told(tmp_path: Path, kind: str) -> None:
    """With status 200, as a captive portal answers."""
    with ScriptedServer(Script(body=b"<html>Welcome to our network</html>")) as server:
        context = context_for(tmp_path, {"discogs_url": server.url, "musicbrainz_url": server.url})
        with pytest.raises(BadBodyError, match=f"names no {kind}"):
            dumps.run(context, action=DumpsAction.GET, kinds=[Kind(kind)])
        assert len(server.seen) <= 2


def test_the_recorded_listing_of_a_bucket_gives_files_and_sizes(tmp_path: Path) -> None:
    """A mirror with such an index, as Discogs had: one request finds the newest, with its size."""
    xml = realdata("discogs_dump", "s3_listing_2021.xml.gz")
    name = "discogs_20210601_masters.xml.gz"
    with DumpHost() as host:
        index = "/discogs/?prefix=data%2F2026%2F"
        host.files[index] = Hosted(gzip.decompress(xml.read_bytes()))
        listed = run("list", "masters", folder=tmp_path, host=host)
        assert host.asked() == [index]
        assert listed.table
        kind, date, size, here = listed.table.rows[0]
        assert (kind, date, here) == ("masters", "20210601", "no")
        assert re.fullmatch(r"\d{3}\.\d MB", str(size))
        assert not (tmp_path / "dumps").exists()
        sums = f"{sha256(BODY)} {name}\n"
        host.files["/discogs/data/2021/discogs_20210601_CHECKSUM.txt"] = Hosted(sums.encode())
        host.files[f"/discogs/data/2021/{name}"] = Hosted(BODY)
        run("get", "masters", folder=tmp_path, host=host)
    assert names(tmp_path) == {name}


def test_the_recorded_checksums_refuse_other_bytes(tmp_path: Path) -> None:
    """The error names the SHA-256 of the real dump of August 2026."""
    sums = realdata("discogs_dump", "discogs_20260801_CHECKSUM.txt").read_text()
    name = "discogs_20260801_masters.xml.gz"
    with DumpHost() as host:
        host.host_discogs({name: Hosted(BODY)}, date="20260801", sums=sums)
        with pytest.raises(BadBodyError, match="11b4d472b08febf99b48709bfbafea93e8d1902efed9fad5b"):
            run("get", "masters", folder=tmp_path, host=host)
    assert names(tmp_path) == set()


def test_list_shows_what_there_is_and_what_is_here(tmp_path: Path) -> None:
    """The newest of each kind and all in the folder, also those that came by hand or in part."""
    folder = tmp_path / "dumps"
    folder.mkdir()
    (folder / "release-group.tar.xz").write_bytes(b"x" * 1500)
    (folder / "discogs_20250101_masters.xml.gz").write_bytes(b"x")
    (folder / f"{MASTERS}.part").write_bytes(b"x")
    (folder / "notes.txt").write_bytes(b"x")
    before = names(tmp_path)
    with DumpHost() as host:
        both(host)
        summary = run("list", folder=tmp_path, host=host)
    assert summary.table
    assert summary.table.rows == (
        ("masters", "20260601", "?", "part of it"),
        ("masters", "20250101", "1 B", "yes"),
        ("releases", "20260601", "?", "no"),
        ("release-groups", "20260602", "?", "no"),
        ("release-groups", "?", "1.5 kB", "yes"),
    )
    assert summary.rows_in == summary.rows_out == 5
    assert names(tmp_path) == before


def test_list_shows_the_folder_though_a_host_is_down(tmp_path: Path) -> None:
    """And says which could not be asked; with nothing to show, that is an error."""
    nowhere = {"discogs_url": "http://127.0.0.1:9", "musicbrainz_url": "http://127.0.0.1:9"}
    with pytest.raises(FetchError):
        dumps.run(context_for(tmp_path, nowhere), action=DumpsAction.LIST)
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps" / MASTERS).write_bytes(b"x")
    summary = dumps.run(context_for(tmp_path, nowhere), action=DumpsAction.LIST)
    assert summary.partly
    assert summary.facts["dumps"] == [
        {
            "kind": "masters", "date": "20260601", "file": MASTERS, "size_bytes": 1, "state": "yes",
        }
    ]  # fmt: skip
    assert len(summary.notes) == 4
