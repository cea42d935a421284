"""Signed addresses that expired, asked for anew through the API; what stays gone backs off."""

import json
from base64 import urlsafe_b64encode
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from downloads import JPEG, TSV, ledger_of, rows_of, run_download
from support import NOON, TOKEN, FakeTime, Script, ScriptedServer, make_context, read_rows

from equigen.commands import download, fetch
from equigen.dataset.context import Context
from equigen.identity.pictures import picture_key
from equigen.ledger.ledger import Ledger
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.handlers import Hit, Hook, Reply
from equigen.sandbox.server import Sandbox
from equigen.summary import Summary

ALBUMS = 12
KEYS = (b"0123456789abcdef", b"fedcba9876543210")


def fetched(folder: Path, sandbox: Sandbox) -> None:
    """Fetch a small dataset."""
    fetch.run(context_of(folder, sandbox))


def context_of(folder: Path, sandbox: Sandbox, *, now: timedelta = timedelta(0)) -> Context:
    """Return the context of a run so long after the first one."""
    return make_context(
        folder,
        base_url=sandbox.base_url,
        fetch={"labels": ["Jazz"], "genre_limit": ALBUMS},
        now=NOON + now,
    )


def downloaded(folder: Path, sandbox: Sandbox, *, now: timedelta = timedelta(0)) -> Summary:
    """Download so long after the first run."""
    return download.run(context_of(folder, sandbox, now=now))


def refusing(status: int, *, first: int = 10**9) -> Hook:
    """Answer the first requests for pictures with a status, whatever their addresses."""
    asked: Counter[str] = Counter()

    def hook(hit: Hit) -> Reply | None:
        if not hit.path.startswith("/i/"):
            return None
        asked["pictures"] += 1
        return Reply(status) if asked["pictures"] <= first else None

    return hook


def api_requests(sandbox: Sandbox) -> list[Hit]:
    """Return what was asked of masters and releases."""
    return [hit for hit in sandbox.log if hit.path.startswith(("/masters/", "/releases/"))]


def number_of(hit: Hit) -> int:
    """Return the number of the master or release that is asked for."""
    return int(hit.path.rpartition("/")[2])


@pytest.mark.parametrize("status", [403, 404, 410])
def test_one_address_that_expired_is_renewed(tmp_path: Path, status: int) -> None:
    """Asked for once, through the API; the cover is there, and its row has the new address."""
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[0]) as sandbox:
        fetched(tmp_path, sandbox)
        before = read_rows(tmp_path / TSV)
        expired = before[3]["image_url"].removeprefix(sandbox.base_url)
        changed = "/i/new/"

        def hook(hit: Hit) -> Reply | None:
            if hit.path == expired:
                return Reply(status)
            if hit.path.startswith(("/masters/", "/releases/")):
                image = {"type": "primary", "uri": before[3]["image_url"].replace("/i/", changed)}
                return Reply(
                    200, {}, json.dumps({"id": number_of(hit), "images": [image]}).encode()
                )
            return Reply(200, {}, JPEG) if hit.path.startswith(changed) else None

        sandbox.hook = hook
        summary = downloaded(tmp_path, sandbox)
        assert (summary.rows_in, summary.rows_out) == (ALBUMS, ALBUMS)
        assert summary.facts["renewed"] == 1
        (asked,) = api_requests(sandbox)
        assert asked.headers["authorization"] == f"Discogs token={TOKEN}"
    after = read_rows(tmp_path / TSV)
    assert [row["image_url"] for row in after].index(
        before[3]["image_url"].replace("/i/", changed)
    ) == 3
    assert [{**row, "image_url": ""} for row in before] == [
        {**row, "image_url": ""} for row in after
    ]


def test_all_addresses_that_expired_are_renewed(tmp_path: Path) -> None:
    """Also where so many are refused in a row that it might be us: a new address shows."""
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[0]) as old:
        fetched(tmp_path, old)
        port_url = old.base_url
        rows = read_rows(tmp_path / TSV)
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[1]) as sandbox:
        text = (tmp_path / TSV).read_text(encoding="utf-8")
        (tmp_path / TSV).write_text(text.replace(port_url, sandbox.base_url), encoding="utf-8")
        summary = downloaded(tmp_path, sandbox)
        assert (summary.rows_out, summary.facts["renewed"]) == (ALBUMS, ALBUMS)
        assert not summary.partly
        assert len(api_requests(sandbox)) == ALBUMS
        new = read_rows(tmp_path / TSV)
        assert all(was["image_url"] != now["image_url"] for was, now in zip(rows, new, strict=True))
        keys = [[picture_key(row["image_url"]) for row in each] for each in (rows, new)]
        assert keys[0] == keys[1]
        sandbox.log.clear()
        assert downloaded(tmp_path, sandbox).rows_out == ALBUMS
        assert not sandbox.log


def test_a_limit_counts_covers_and_not_addresses(tmp_path: Path) -> None:
    """Three covers are three, also where each was asked for twice."""
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[0]) as sandbox:
        fetched(tmp_path, sandbox)
        rows = read_rows(tmp_path / TSV)
        expired = {row["image_url"].removeprefix(sandbox.base_url) for row in rows}

        def hook(hit: Hit) -> Reply | None:
            if hit.path in expired:
                return Reply(410)
            if hit.path.startswith(("/masters/", "/releases/")):
                url = next(row["image_url"] for row in rows if row["album_id"][9:] in hit.path)
                image = {"type": "primary", "uri": url.replace("/i/", "/i/new/")}
                return Reply(
                    200, {}, json.dumps({"id": number_of(hit), "images": [image]}).encode()
                )
            return Reply(200, {}, JPEG) if hit.path.startswith("/i/new/") else None

        sandbox.hook = hook
        summary = download.run(context_of(tmp_path, sandbox), limit=3)
        assert (summary.rows_out, summary.facts["renewed"]) == (3, 3)
        assert summary.dropped == {"waiting: beyond --limit": ALBUMS - 3}


def test_a_host_that_refuses_new_addresses_as_well_rests(tmp_path: Path) -> None:
    """Then it is us: an hour, and longer when it goes on; each run asks a handful at most."""
    with Sandbox(make_catalogue(albums_per_label=15)) as sandbox:
        fetched(tmp_path, sandbox)
        sandbox.hook = refusing(403)
        hours = 0
        for rest_hours in (1, 2, 4, 8, 16, 24):
            sandbox.log.clear()
            summary = downloaded(tmp_path, sandbox, now=timedelta(hours=hours))
            assert summary.rows_out == 0
            assert summary.left == ALBUMS
            assert summary.resumes_at == NOON + timedelta(hours=hours + rest_hours)
            assert 1 <= len([hit for hit in sandbox.log if hit.path.startswith("/i/")]) <= 12
            sandbox.log.clear()
            minute_before = timedelta(hours=hours + rest_hours, minutes=-1)
            assert downloaded(tmp_path, sandbox, now=minute_before).left == ALBUMS
            assert not sandbox.log, "nobody was asked while the host rests"
            hours += rest_hours
        sandbox.hook = None
        assert downloaded(tmp_path, sandbox, now=timedelta(hours=hours)).rows_out == ALBUMS
    with Ledger(tmp_path / "equigen_ledger.sqlite") as ledger:
        assert ledger.rests() == {}


def test_while_new_addresses_are_asked_for_a_host_that_refuses_is_left_alone(
    tmp_path: Path,
) -> None:
    """After five in a row: not all of a dataset is tried until one of the five is known."""
    with Sandbox(make_catalogue(albums_per_label=30)) as sandbox:
        chosen = {"labels": ["Jazz"], "genre_limit": 30}
        context = make_context(
            tmp_path,
            base_url=sandbox.base_url,
            fetch=chosen,
            download={"hosts": {"127.0.0.1": {"concurrency": 1}}},
        )
        fetch.run(context)
        pictures: list[Hit] = []

        def hook(hit: Hit) -> Reply | None:
            if hit.path.startswith("/i/"):
                pictures.append(hit)
                return Reply(403)
            return Reply(404) if hit.path.startswith(("/masters/", "/releases/")) else None

        sandbox.hook = hook
        summary = download.run(context)
    assert len(pictures) <= 6
    assert summary.left >= 24


def test_one_picture_that_is_gone_says_nothing_of_the_others(tmp_path: Path) -> None:
    """All addresses expired: what is known of one album first lets no host rest."""
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[0]) as old:
        fetched(tmp_path, old)
        gone = read_rows(tmp_path / TSV)[0]["album_id"].removeprefix("discogs:")[1:]
        old_url = old.base_url
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[1]) as sandbox:
        text = (tmp_path / TSV).read_text(encoding="utf-8")
        (tmp_path / TSV).write_text(text.replace(old_url, sandbox.base_url), encoding="utf-8")
        known: list[Hit] = []

        def hook(hit: Hit) -> Reply | None:
            if not hit.path.startswith(("/masters/", "/releases/")):
                return None
            if hit.path.endswith(f"/{gone}"):
                known.append(hit)
                return Reply(404)
            while not known:
                sandbox.wait(0.005)
            sandbox.wait(0.1)
            return None

        sandbox.hook = hook
        summary = downloaded(tmp_path, sandbox)
    assert summary.dropped == {"HTTP 403": 1}
    assert summary.rows_out == ALBUMS - 1
    assert not summary.partly


def test_a_host_that_was_down_for_days_makes_no_picture_wait_longer(tmp_path: Path) -> None:
    """Only how often a picture was gone counts: after the first time it is a day."""
    with ScriptedServer(*[Script(500)] * 9, Script(404)) as server:
        rows_of(tmp_path, f"{server.url}/1.jpg")
        for day in range(3):
            run_download(tmp_path, now=NOON + timedelta(days=day))
        assert len(server.seen) == 9
        for day, asked in ((3, 10), (3, 10), (4, 11), (5, 11)):
            run_download(tmp_path, now=NOON + timedelta(days=day))
            assert len(server.seen) == asked, day


def test_a_single_refusal_among_good_answers_is_one_pictures(tmp_path: Path) -> None:
    """Where the new address is refused too, the picture is marked, and its host goes on."""
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[0]) as sandbox:
        fetched(tmp_path, sandbox)
        gone = picture_key(read_rows(tmp_path / TSV)[3]["image_url"])

        def hook(hit: Hit) -> Reply | None:
            is_gone = picture_key(f"{sandbox.base_url}{hit.path}") == gone
            return Reply(403) if is_gone and hit.path.startswith("/i/") else None

        sandbox.hook = hook
        summary = downloaded(tmp_path, sandbox)
        assert summary.dropped == {"HTTP 403": 1}
        assert not summary.partly
        sandbox.log.clear()
        for day, asks in ((0, 0), (1, 1), (2, 0), (8, 1), (20, 0), (39, 1), (50, 0), (70, 1)):
            downloaded(tmp_path, sandbox, now=timedelta(days=day))
            assert len(api_requests(sandbox)) == asks, day
            sandbox.log.clear()
        sandbox.hook = None
        context = context_of(tmp_path, sandbox, now=timedelta(days=70))
        assert download.run(context, retry_failed=True).rows_out == ALBUMS


def test_an_album_that_the_api_knows_no_more_is_gone(tmp_path: Path) -> None:
    """404 there and here: the reason is the picture's, and the API is asked once."""
    with Sandbox(make_catalogue(albums_per_label=15)) as sandbox:
        fetched(tmp_path, sandbox)
        (first, *_) = read_rows(tmp_path / TSV)
        picture = first["image_url"].removeprefix(sandbox.base_url)
        number = first["album_id"].removeprefix("discogs:")[1:]
        sandbox.hook = lambda hit: Reply(404) if hit.path.endswith((picture, number)) else None
        summary = downloaded(tmp_path, sandbox)
        assert summary.dropped == {"HTTP 404": 1}
        assert len(api_requests(sandbox)) == 1
        sandbox.log.clear()
        downloaded(tmp_path, sandbox)
        assert not sandbox.log


def test_an_album_with_another_picture_gets_that_one(tmp_path: Path) -> None:
    """The row has its address, and the cover its name, in the same run."""
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[0]) as sandbox:
        fetched(tmp_path, sandbox)
        rows = read_rows(tmp_path / TSV)
        other = rows[5]["image_url"]
        expired = rows[3]["image_url"].removeprefix(sandbox.base_url)

        def hook(hit: Hit) -> Reply | None:
            if hit.path == expired:
                return Reply(404)
            if hit.path.startswith(("/masters/", "/releases/")):
                image = {"type": "secondary", "uri": "", "resource_url": other}
                return Reply(
                    200, {}, json.dumps({"id": number_of(hit), "images": [None, image]}).encode()
                )
            return None

        sandbox.hook = hook
        summary = downloaded(tmp_path, sandbox)
        assert (summary.rows_in, summary.rows_out) == (ALBUMS, ALBUMS)
    assert read_rows(tmp_path / TSV)[3]["image_url"] == other
    assert sum(cover.status == "ok" for cover in ledger_of(tmp_path).values()) == ALBUMS


def test_a_source_with_another_picture_at_each_look_is_asked_once(tmp_path: Path) -> None:
    """Each row gets the first one it is told of; where that is gone as well, the run ends."""
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[0]) as sandbox:
        fetched(tmp_path, sandbox)
        like = read_rows(tmp_path / TSV)[0]["image_url"].rpartition("/")[0]
        told: list[str] = []

        def hook(hit: Hit) -> Reply | None:
            if not hit.path.startswith(("/masters/", "/releases/")):
                return Reply(404)
            if len(told) == 3 * ALBUMS:
                return Reply(404)  # enough: else the run would never end
            name = f"s3://discogs-database-images/R-{len(told)}.jpeg".encode()
            told.append(f"{like}/{urlsafe_b64encode(name).decode()}.jpeg")
            image = {"type": "primary", "uri": told[-1]}
            return Reply(200, {}, json.dumps({"id": number_of(hit), "images": [image]}).encode())

        sandbox.hook = hook
        summary = downloaded(tmp_path, sandbox)
    assert len(told) == ALBUMS
    assert summary.dropped == {"HTTP 404": ALBUMS}
    assert {row["image_url"] for row in read_rows(tmp_path / TSV)} == set(told)


def test_albums_that_all_have_other_pictures_get_these(tmp_path: Path) -> None:
    """However many old ones are refused in a row: the host wasn't asked for the new ones yet."""
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[0]) as sandbox:
        fetched(tmp_path, sandbox)
        old = {row["image_url"] for row in read_rows(tmp_path / TSV)}
        like = min(old).rpartition("/")[0]

        def hook(hit: Hit) -> Reply | None:
            if hit.path.startswith("/i/"):
                is_old = f"{sandbox.base_url}{hit.path}" in old
                return Reply(403) if is_old else Reply(200, {}, JPEG)
            name = f"s3://discogs-database-images/R-{hit.path.rpartition('/')[2]}.jpeg"
            url = f"{like}/{urlsafe_b64encode(name.encode()).decode()}.jpeg"
            image = {"type": "primary", "uri": url}
            return Reply(200, {}, json.dumps({"id": number_of(hit), "images": [image]}).encode())

        sandbox.hook = hook
        summary = downloaded(tmp_path, sandbox)
    assert (summary.rows_out, summary.dropped) == (ALBUMS, {})


@pytest.mark.parametrize("moved", [True, False])
def test_only_the_album_itself_gives_a_picture_its_new_address(
    tmp_path: Path, *, moved: bool
) -> None:
    """Or the one that it was merged into, to which the API redirects; else the cover is left."""
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[0]) as sandbox:
        fetched(tmp_path, sandbox)
        before = read_rows(tmp_path / TSV)
        expired = before[3]["image_url"].removeprefix(sandbox.base_url)

        def hook(hit: Hit) -> Reply | None:
            if hit.path == expired:
                return Reply(410)
            if hit.path.startswith(("/masters/", "/releases/")):
                if moved and number_of(hit) != 999_999:
                    return Reply(301, {"Location": f"{sandbox.base_url}/masters/999999"})
                image = {"type": "primary", "uri": before[3]["image_url"].replace("/i/", "/i/new/")}
                return Reply(200, {}, json.dumps({"id": 999_999, "images": [image]}).encode())
            return Reply(200, {}, JPEG) if hit.path.startswith("/i/new/") else None

        sandbox.hook = hook
        summary = downloaded(tmp_path, sandbox)
        if moved:
            assert summary.rows_out == ALBUMS
            return
        assert (summary.rows_out, summary.partly) == (ALBUMS - 1, True)
        assert read_rows(tmp_path / TSV) == before
        sandbox.hook = None
        assert downloaded(tmp_path, sandbox).rows_out == ALBUMS


def test_a_placeholder_is_no_new_address(tmp_path: Path) -> None:
    """Where a source has that alone, the picture is gone, and its row keeps its address."""
    with Sandbox(make_catalogue(albums_per_label=15), signing_key=KEYS[0]) as sandbox:
        fetched(tmp_path, sandbox)
        before = read_rows(tmp_path / TSV)
        spacer = {"type": "primary", "uri": f"{sandbox.base_url}/images/spacer.gif"}

        def hook(hit: Hit) -> Reply | None:
            if hit.path.startswith(("/masters/", "/releases/")):
                return Reply(
                    200, {}, json.dumps({"id": number_of(hit), "images": [spacer]}).encode()
                )
            return Reply(404)

        sandbox.hook = hook
        summary = downloaded(tmp_path, sandbox)
    assert summary.dropped == {"HTTP 404": ALBUMS}
    assert read_rows(tmp_path / TSV) == before


@pytest.mark.parametrize("status", [401, 500])
def test_an_api_that_does_not_answer_leaves_the_cover_for_later(
    tmp_path: Path, status: int
) -> None:
    """Nobody can say that the picture is gone, so that the next run asks again."""
    with Sandbox(make_catalogue(albums_per_label=15)) as sandbox:
        fetched(tmp_path, sandbox)
        expired = read_rows(tmp_path / TSV)[3]["image_url"].removeprefix(sandbox.base_url)

        def hook(hit: Hit) -> Reply | None:
            if hit.path == expired:
                return Reply(410)
            return Reply(status) if hit.path.startswith(("/masters/", "/releases/")) else None

        sandbox.hook = hook
        summary = downloaded(tmp_path, sandbox)
        assert (summary.dropped, summary.partly) == ({"HTTP 410": 1}, True)
        sandbox.hook = None
        assert downloaded(tmp_path, sandbox).rows_out == ALBUMS


def test_rows_of_other_origins_are_not_asked_about(tmp_path: Path) -> None:
    """A picture that isn't Discogs' own, or a row without an id, has nobody to be asked."""
    with Sandbox(make_catalogue(albums_per_label=1)) as api, ScriptedServer(Script(404)) as host:
        rows_of(tmp_path, *(f"{host.url}/{n}.jpg" for n in range(3)))
        text = (tmp_path / TSV).read_text(encoding="utf-8").splitlines()
        with_ids = [f"{text[0]}\talbum_id", *(f"{line}\tdiscogs:m7" for line in text[1:])]
        (tmp_path / TSV).write_text("\n".join(with_ids), encoding="utf-8")
        assert run_download(tmp_path, base_url=api.base_url).dropped == {"HTTP 404": 3}
        assert not api.log


def test_many_429s_in_a_row_let_the_host_rest(tmp_path: Path) -> None:
    """For different pictures; the rows wait, and the next run within the hour asks nobody."""
    with ScriptedServer(Script(429)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(20)))
        alone = {"127.0.0.1": {"concurrency": 1}}
        summary = run_download(tmp_path, hosts=alone)
        assert summary.dropped == {"HTTP 429": 5, "waiting: the host rests": 15}
        asked = len(server.seen)
        assert run_download(tmp_path, hosts=alone).rows_out == 0
        assert len(server.seen) == asked
        clock_set_back = NOON - timedelta(days=400)
        run_download(tmp_path, hosts=alone, now=clock_set_back)
        assert len(server.seen) > asked, "a clock that was set back makes no rest longer"


def test_retrying_what_failed_asks_a_resting_host_as_well(tmp_path: Path) -> None:
    """The user's word counts for more; a host that refuses again rests longer."""
    with ScriptedServer(Script(403)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(20)))
        alone = {"127.0.0.1": {"concurrency": 1}}
        run_download(tmp_path, hosts=alone)
        summary = run_download(tmp_path, flags={"retry_failed": True}, hosts=alone)
        assert len(server.seen) == 10
        assert summary.resumes_at == NOON + timedelta(hours=2)


def test_a_rest_that_is_over_ends_within_a_long_run(tmp_path: Path) -> None:
    """While another host keeps the run busy for an hour, the one that refused us had its rest."""
    time = FakeTime()
    with (
        ScriptedServer(*[Script(403)] * 5, Script(body=JPEG)) as refuses,
        ScriptedServer(Script(body=JPEG), host="127.0.0.2") as slow,
    ):
        urls = [f"{refuses.url}/{n}.jpg" for n in range(20)]
        urls += [f"{slow.url}/{n}.jpg" for n in range(70)]
        rows_of(tmp_path, *urls)
        hosts = {"127.0.0.1": {"concurrency": 1}, "127.0.0.2": {"per_minute": 1}}
        summary = run_download(tmp_path, hosts=hosts, clock=time.clock())
    assert summary.dropped == {"HTTP 403": 5}
    assert len(refuses.seen) == 20
