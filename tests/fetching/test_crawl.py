"""Crawls: each answer leads on to further requests, over HTTP against the made-up Spotify."""

import shutil
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from crawls import GENRES, asked, context_of, crawl_env
from fetches import album, rows_of
from forks import Forks
from kills import TSV, Case, check_ledger, kill_often
from support import NOON, FakeTime, equigen, from_json, until

from equigen.commands import fetch, labels, status
from equigen.errors import CredentialsError, HttpStatusError, UsageError
from equigen.ledger.values import CrawlProgress
from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.spotify import API, SpotifySandbox
from equigen.schema import TAKEN_COLUMNS
from equigen.summary import Summary

# Requests that may be under way when a run is killed.
_UNDER_WAY = 4
DAY_S = 86_400.0


@pytest.fixture
def sandbox() -> Iterator[SpotifySandbox]:
    """A Spotify that serves the made-up catalogue."""
    with SpotifySandbox() as server:
        yield server


def paths(sandbox: SpotifySandbox) -> list[str]:
    """Return what was asked of the API, in order: a search's genre, or an artist's id."""
    hits = [hit for hit in sandbox.log if hit.path.startswith(API)]
    return [hit.query.get("q", [hit.path])[0] + f" {hit.query['offset'][0]}" for hit in hits]


def progress_of(summary: Summary) -> dict[str, float]:
    """Return the facts on a crawl."""
    crawl = summary.facts["crawl"]
    assert isinstance(crawl, dict)
    return crawl


def test_every_album_of_the_genres_comes_once(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """The rows are the catalogue's albums of these genres, and no page is asked for twice."""
    context = context_of(tmp_path / "data", sandbox, spotify={"artists_per_genre": 1000})
    summary = fetch.run(context)
    rows = rows_of(context.tsv)
    assert len({row["album_id"] for row in rows}) == len(rows) == summary.rows_out > 15
    assert {row["genre"] for row in rows} == {"Blues", "Jazz", "Latin", "Electronic"}
    artists = {name for genre in GENRES for name in sandbox.artists_of.get(genre, ())}
    assert {row["artist"] for row in rows if "," not in row["artist"]} <= artists
    assert max(asked(sandbox.log).values()) == 1
    assert progress_of(summary)["share"] == 1
    assert not summary.partly


def test_a_genre_is_followed_to_its_end_before_the_next(
    tmp_path: Path, sandbox: SpotifySandbox
) -> None:
    """Only a few later tasks are asked for ahead, of genres the next one."""
    genres = ("blues", "jazz", "techno")
    fetch.run(context_of(tmp_path / "data", sandbox, genres=genres))
    order = paths(sandbox)
    places = [order.index(f'genre:"{genre}" 0') for genre in genres]
    assert places == sorted(places)
    blues = len(sandbox.artists_of["blues"])
    assert blues > 20
    assert places[2] >= blues - _UNDER_WAY


def test_a_full_dataset_asks_for_nothing_more(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """The crawl ends once every query is full; a run with full queries sends no request."""
    few = {"labels": ["Blues"]}
    context = context_of(tmp_path / "data", sandbox, limit=3, fetch=few)
    summary = fetch.run(context)
    assert summary.rows_out == 3
    assert not summary.partly
    assert progress_of(summary)["left"] == 0
    assert len(asked(sandbox.log)) < 3 + 2 * _UNDER_WAY
    sandbox.log.clear()
    assert fetch.run(context).rows_out == 0
    assert not sandbox.log


def test_a_larger_quota_asks_for_what_is_needed_then(
    tmp_path: Path, sandbox: SpotifySandbox
) -> None:
    """Nothing is asked for twice, and what an answer brought and nobody could take is kept."""
    whole = context_of(tmp_path / "whole", sandbox)
    fetch.run(whole)
    needed = asked(sandbox.log)
    sandbox.log.clear()
    chosen, folder = {"labels": ["Blues", "Jazz"]}, tmp_path / "data"
    fetch.run(context_of(folder, sandbox, limit=4, fetch=chosen))
    fetch.run(context_of(folder, sandbox, limit=4))
    few = len(asked(sandbox.log))
    larger = context_of(folder, sandbox)
    assert fetch.run(larger).rows_out > 4
    assert asked(sandbox.log) == needed
    assert few < len(needed)
    ids = [{row["album_id"] for row in rows_of(each.tsv)} for each in (whole, larger)]
    assert ids[0] == ids[1]


def test_artists_of_genres_without_room_are_spared(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """A label that isn't asked for, or is full, costs no request but for its genres."""
    summary = fetch.run(context_of(tmp_path / "data", sandbox, fetch={"labels": ["Jazz"]}))
    assert summary.rows_out > 0
    assert not summary.partly
    assert any("weren't needed now" in note for note in summary.notes)
    artists = sum("/artists/" in path for path in asked(sandbox.log))
    assert 0 < artists <= len(sandbox.artists_of["soul-jazz"])


def test_a_spared_artist_comes_by_another_genre(tmp_path: Path) -> None:
    """The first genre that is needed counts."""
    kinds = {"delta blues": "Blues", "techno": "Electronic"}
    albums = [
        album(
            10 * artist + at, kind="master", artist=f"Artist {artist}", styles=(style,), look=look
        )
        for artist in range(9)  # of some of which the service tells no genres
        for at, (style, look) in enumerate(kinds.items())
    ]
    with SpotifySandbox(albums) as sandbox:
        context = context_of(
            tmp_path / "data", sandbox, genres=tuple(kinds), fetch={"labels": ["Electronic"]}
        )
        summary = fetch.run(context)
        assert max(asked(sandbox.log).values()) == 1
    rows = rows_of(context.tsv)
    assert {row["artist"] for row in rows} == {f"Artist {number}" for number in range(9)}
    assert {"techno"} < {row["genres"] for row in rows}
    assert not any("weren't needed" in note for note in summary.notes)


def test_albums_of_years_that_are_not_asked_for_wait(
    tmp_path: Path, sandbox: SpotifySandbox
) -> None:
    """Other years are left out, and come without a request once they are asked for."""
    folder = tmp_path / "data"
    old = fetch.run(context_of(folder, sandbox, fetch={"to_year": 1990}))
    years = [int(row["year"]) for row in rows_of(folder / TSV)]
    assert min(years) >= 1990
    assert old.dropped["of a year that isn't asked for"] > 0
    sandbox.log.clear()
    assert fetch.run(context_of(folder, sandbox)).rows_out > 0
    assert not sandbox.log


def test_a_night_ends_with_what_there_is(tmp_path: Path) -> None:
    """A spent quota of the API keeps no cover from coming, and ends the whole run with 3."""
    with SpotifySandbox(requests_per_day=8) as sandbox:
        context = context_of(tmp_path / "data", sandbox)
        env = crawl_env(sandbox, context)
        for new in (True, False):
            sandbox.log.clear()
            ended = equigen("run", "--json", cwd=tmp_path, env=env)
            assert ended.returncode == 3, ended.stderr
            assert bool(asked(sandbox.log)) is new
            pictures = [hit for hit in sandbox.log if hit.path.startswith("/image/")]
            assert bool(pictures) is new
            assert not [hit for hit in pictures if "authorization" in hit.headers]
        found = from_json(equigen("status", "--json", cwd=tmp_path, env=env).stdout)
    assert found["rows"] == found["covers"] == sum(found["sets"].values()) > 0
    assert 0 < found["crawl"]["share"] < 1
    assert found["last_run"]["outcome"] == "partly"
    (rest,) = found["resting"]
    assert rest["times"] == 0
    assert found["next"] == f"equigen fetch, after {rest['until']}: 127.0.0.1 rests"


@pytest.mark.long_after(2)
@pytest.mark.parametrize("several", ["first", "multi"])
@pytest.mark.parametrize("limit", [3, 8])
def test_nights_fill_small_labels_alike(tmp_path: Path, limit: int, several: str) -> None:
    """Also where labels fill up amid a crawl, with artists of several genres."""
    now = NOON
    genres = ("blues", "delta blues", "jazz", "soul-jazz", "latin jazz", "techno", "electronic")
    settings = {"limit": limit, "genres": genres, "fetch": {"several": several}}
    with SpotifySandbox(clock=lambda: now.timestamp()) as sandbox:  # noqa: PLW0108  (it moves)
        whole = context_of(tmp_path / "whole", sandbox, **settings)  # type: ignore[arg-type]
        fetch.run(whole)
        sandbox.log.clear()
        sandbox.requests_per_day, is_partly = 5, True
        while is_partly:
            now += timedelta(days=1)
            context = context_of(tmp_path / "data", sandbox, now=now, **settings)  # type: ignore[arg-type]
            is_partly = fetch.run(context).partly
        assert max(asked(sandbox.log).values()) == 1
        assert context.tsv.read_bytes() == whole.tsv.read_bytes()
    assert now > NOON + timedelta(days=2)


def test_nights_of_a_small_quota_make_the_same_dataset(tmp_path: Path) -> None:
    """Night after night, with no request twice; each says when to go on and how far it is."""
    now = NOON
    with SpotifySandbox(clock=lambda: now.timestamp()) as sandbox:  # noqa: PLW0108  (it moves)
        whole = context_of(tmp_path / "whole", sandbox)
        fetch.run(whole)
        needed = asked(sandbox.log)
        sandbox.log.clear()
        sandbox.requests_per_day, folder = 7, tmp_path / "data"
        now += timedelta(days=1)
        shares, nights = [0.0], 0
        while nights < 30:
            nights += 1
            sandbox.quota_told = bool(nights % 2)
            summary = fetch.run(context_of(folder, sandbox, now=now))
            shares.append(progress_of(summary)["share"])
            if not summary.partly:
                break
            at = summary.resumes_at
            assert at is not None
            assert now < at <= now + timedelta(days=1, minutes=1)
            before = len(sandbox.log)
            again = fetch.run(context_of(folder, sandbox, now=now + timedelta(minutes=5)))
            assert again.partly
            assert len(sandbox.log) == before
            now = max(now + timedelta(days=1), at + timedelta(seconds=1))
        assert asked(sandbox.log) == needed
        assert nights == -(-len(needed) // 7)
        assert shares == sorted(shares)
        assert (folder / TSV).read_bytes() == whole.tsv.read_bytes()


def test_status_tells_how_far_a_crawl_is(tmp_path: Path) -> None:
    """The share that is done, and how long the rest takes at this quota, also for programs."""
    now = NOON + timedelta(hours=0)
    with SpotifySandbox(clock=now.timestamp, requests_per_day=10) as sandbox:
        context = context_of(tmp_path / "data", sandbox)
        summary = fetch.run(context)
        found = status.run(context)
    crawl = progress_of(found)
    assert crawl == progress_of(summary)
    assert 0 < crawl["share"] < 1
    assert (crawl["requests"], crawl["a_day"], crawl["genres"]) == (10, 10, 5)
    assert found.table is not None
    told = next(str(row[1]) for row in found.table.rows if row[0] == "crawl")
    assert f"{crawl['share']:.1%} done, 10 requests" in told
    assert "at 10 a day" in told
    assert any(told in note for note in summary.notes)
    assert found.facts["next"] == "equigen clean"
    resting = found.facts["resting"]
    assert isinstance(resting, list)
    assert resting[0]["until"].startswith("2026-06-16")


def test_progress_is_told_in_plain_words() -> None:
    """One day is one day, and a crawl that is done has nothing to come."""
    told = CrawlProgress(0.5, 1000, 1000, 1000, 10, 5)
    assert str(told) == (
        "50.0% done, 1,000 requests, 5 of 10 genres; at most some 1,000 to come, 1 day at"
        " 1,000 a day"
    )
    assert str(replace(told, share=1.0, left=0)) == "100.0% done, 1,000 requests, 5 of 10 genres"


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(("number", "kills", "seed"), [
    *((signal.SIGKILL, 5, part) for part in range(4)), (signal.SIGTERM, 4, 9),
])  # fmt: skip
def test_a_crawl_killed_at_any_moment(
    tmp_path: Path, forks: Forks, number: int, kills: int, seed: int
) -> None:
    """20 kills: no request but those under way is sent twice, and the dataset is the same."""
    with SpotifySandbox(latency_s=0.01) as sandbox:
        context = context_of(tmp_path / "whole", sandbox)
        fetch.run(context)
        whole, folder, chain = context.tsv.read_bytes(), tmp_path / "data", 2
        needed = asked(sandbox.log)

        def restore() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            sandbox.log.clear()

        def check() -> None:
            check_ledger(folder)
            body = (folder / TSV).read_bytes() if (folder / TSV).exists() else b""
            assert body.count(b"\n") < 2 or whole.startswith(body)

        def compare() -> None:
            assert (folder / TSV).read_bytes() == whole
            found = asked(sandbox.log)
            assert found.keys() == needed.keys()
            assert found.total() - len(found) <= chain * _UNDER_WAY

        env = crawl_env(sandbox, context)
        case = Case(folder, ("fetch",), restore, check, compare, chain, settings=env)
        kill_often(forks, case, kills=kills, seed=seed, number=number)


def test_the_time_to_end_at_leaves_the_rest(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """What came is kept, and the next run asks for the rest alone."""
    time = FakeTime()
    whole = context_of(tmp_path / "whole", sandbox)
    fetch.run(whole)
    needed = asked(sandbox.log)
    sandbox.log.clear()

    def late(hit: Hit) -> None:
        if len(sandbox.log) == 8:
            time.sleep(3601)

    sandbox.hook = late
    context = until(context_of(tmp_path / "data", sandbox), time, after_s=3600)
    summary = fetch.run(context)
    assert summary.partly
    assert any("Time is up" in note for note in summary.notes)
    assert 0 < len(asked(sandbox.log)) < len(needed)
    fetch.run(context_of(tmp_path / "data", sandbox))
    assert asked(sandbox.log) == needed
    assert (tmp_path / "data" / TSV).read_bytes() == whole.tsv.read_bytes()


def test_a_refresh_asks_each_task_once_more(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """Nothing is taken twice; a refresh that was cut off goes on instead of beginning anew."""
    context = context_of(tmp_path / "data", sandbox)
    fetch.run(context)
    rows = context.tsv.read_bytes()
    needed = asked(sandbox.log)
    sandbox.log.clear()
    sandbox.hook = lambda _: Reply(503) if len(sandbox.log) >= 12 else None
    assert fetch.run(context, refresh=True).partly
    sandbox.hook = None
    summary = fetch.run(context, refresh=True)
    assert not summary.partly
    assert summary.rows_out == 0
    assert asked(sandbox.log) == needed
    assert context.tsv.read_bytes() == rows
    assert status.run(context).facts["last_refresh"]


def test_since_a_year_means_nothing_to_a_crawl(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """A year that would be ignored is refused."""
    with pytest.raises(UsageError, match="--since"):
        fetch.run(context_of(tmp_path / "data", sandbox), refresh=True, since=2020)
    assert not sandbox.log


def test_a_task_that_cannot_be_had_is_left(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """One artist's answer is torn again and again: the others come, and it comes with the next."""
    whole = context_of(tmp_path / "whole", sandbox)
    fetch.run(whole)
    needed = asked(sandbox.log)
    ill = next(hit.path for hit in sandbox.log if hit.path.startswith(f"{API}/artists"))
    sandbox.log.clear()
    sandbox.hook = lambda hit: Reply(200, {}, b'{"items": [') if hit.path == ill else None
    context = context_of(tmp_path / "data", sandbox)
    summary = fetch.run(context)
    assert summary.partly
    assert any("1 answers are left for the next run" in note for note in summary.notes)
    sandbox.log.clear()
    sandbox.hook = None
    again = fetch.run(context)
    assert not again.partly
    assert {path.partition(" ")[0] for path in asked(sandbox.log)} == {ill}
    ids = [{row["album_id"] for row in rows_of(each.tsv)} for each in (whole, context)]
    assert ids[0] == ids[1]
    assert len(asked(sandbox.log)) <= len(needed)


def test_a_task_that_alone_is_refused_is_left(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """One artist answers 401 run after run: all others come with the first one."""
    whole = context_of(tmp_path / "whole", sandbox)
    fetch.run(whole)
    ill = next(hit.path for hit in sandbox.log if hit.path.startswith(f"{API}/artists"))
    sandbox.hook = lambda hit: Reply(401) if hit.path == ill else None
    context = context_of(tmp_path / "data", sandbox)
    summary = fetch.run(context)
    assert summary.partly
    assert progress_of(summary)["share"] == 1
    assert not any("credentials" in note for note in summary.notes)
    assert any("1 answers are left" in note and "got 401" in note for note in summary.notes)
    sandbox.hook = None
    assert not fetch.run(context).partly
    ids = [{row["album_id"] for row in rows_of(each.tsv)} for each in (whole, context)]
    assert ids[0] == ids[1]


def test_a_service_that_refuses_amid_a_crawl_says_why(
    tmp_path: Path, sandbox: SpotifySandbox
) -> None:
    """Two tasks in a row that are refused end the run, with a note of what to look at."""

    def revoked(hit: Hit) -> Reply | None:
        is_late = asked(sandbox.log).total() >= 10
        return Reply(401) if is_late and hit.path.startswith(API) else None

    sandbox.hook = revoked
    summary = fetch.run(context_of(tmp_path / "data", sandbox))
    assert summary.partly
    assert any("got 401" in note and "SPOTIPY_CLIENT_SECRET" in note for note in summary.notes)


def test_a_service_that_is_down_ends_the_run(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """Without any answer it is an error; amid a run, five failures in a row leave the rest."""
    context = context_of(tmp_path / "data", sandbox)
    sandbox.hook = lambda _: Reply(503)
    with pytest.raises(Exception, match="got 503"):
        fetch.run(context)
    sandbox.hook = None
    many = len(sandbox.log)
    sandbox.hook = lambda hit: Reply(500) if len(sandbox.log) > many + 15 else None
    summary = fetch.run(context)
    assert summary.partly
    assert summary.rows_out > 0
    assert any("got 500" in note and "left for" not in note for note in summary.notes)
    sandbox.hook = None
    assert not fetch.run(context).partly


def test_an_artist_that_is_gone_has_no_albums(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """404 is an answer, and isn't asked for again; a search that isn't there is a wrong address."""
    gone = Reply(404, {}, b'{"error": {"status": 404, "message": "Resource not found"}}')
    sandbox.hook = lambda hit: gone if "/artists/" in hit.path else None
    context = context_of(tmp_path / "data", sandbox)
    summary = fetch.run(context)
    assert (summary.rows_out, summary.partly) == (0, False)
    sandbox.log.clear()
    fetch.run(context)
    assert not sandbox.log
    sandbox.hook = lambda hit: gone if hit.path.startswith(API) else None
    with pytest.raises(HttpStatusError, match="got 404"):
        fetch.run(context_of(tmp_path / "other", sandbox))


def test_searches_that_find_nothing_are_borne_and_told(
    tmp_path: Path, sandbox: SpotifySandbox
) -> None:
    """A service that answers no such search any more leaves an empty dataset, and a note."""
    context = context_of(tmp_path / "data", sandbox, genres=("none", "of these"))
    summary = fetch.run(context)
    assert (summary.rows_out, summary.partly) == (0, False)
    assert any("not one of its first requests led" in note for note in summary.notes)


def test_refused_credentials_are_told_with_advice(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """Neither the accounts nor the API let it go on: exit code 2, and where to mend it."""
    sandbox.client_secret = "another"
    with pytest.raises(CredentialsError, match="SPOTIPY_CLIENT_SECRET"):
        fetch.run(context_of(tmp_path / "data", sandbox))
    sandbox.client_secret = "sandbox-secret"
    sandbox.hook = lambda hit: Reply(401) if hit.path.startswith(API) else None
    with pytest.raises(CredentialsError, match="SPOTIPY_CLIENT_SECRET"):
        fetch.run(context_of(tmp_path / "data", sandbox))


def test_missing_pictures_are_told_where_no_album_has_one(tmp_path: Path) -> None:
    """Albums that are there already have some."""
    entries = [album(1, kind="master", artist="One", styles=("Techno",), look="Electronic")]
    entries.append(replace(entries[0], id=2, title="Without", picture=None))
    for which, is_told in (entries[1:], True), (entries[:1], False), (entries, False):
        with SpotifySandbox(which) as sandbox:
            context = context_of(tmp_path / "data", sandbox, genres=("techno",))
            summary = fetch.run(context, refresh=True)
        assert any("No album had a picture" in note for note in summary.notes) is is_told


def test_tokens_that_expire_amid_a_crawl_cost_no_album(tmp_path: Path) -> None:
    """They are renewed, and every page is given once."""
    with SpotifySandbox() as sandbox:
        moments = {8, 20}

        def expire(_: Hit) -> None:
            if len(sandbox.log) in moments:
                moments.discard(len(sandbox.log))
                sandbox.expire_tokens()

        sandbox.hook = expire
        summary = fetch.run(context_of(tmp_path / "data", sandbox))
        assert not summary.partly
        assert max(asked(sandbox.log).values()) == 1
        assert sum(hit.method == "POST" for hit in sandbox.log) == 3


def test_a_higher_limit_of_artists_asks_for_the_others_alone(
    tmp_path: Path, sandbox: SpotifySandbox
) -> None:
    """Settings of the crawl may change without a request twice."""
    folder, genres = tmp_path / "data", ("blues",)
    few = context_of(folder, sandbox, genres=genres, spotify={"artists_per_genre": 10})
    fetch.run(few)
    some = asked(sandbox.log)
    assert sum("/search" in path for path in some) == 1
    fetch.run(context_of(folder, sandbox, genres=genres, spotify={"artists_per_genre": 30}))
    assert max(asked(sandbox.log).values()) == 1
    assert len(asked(sandbox.log)) > len(some)


def test_used_albums_leave_the_ledger(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """What was taken or is of no use takes no room there; what may still be taken does."""
    context = context_of(tmp_path / "data", sandbox, fetch={"to_year": 1990})
    fetch.run(context)
    taken = {row["album_id"] for row in rows_of(context.tsv)}
    with sqlite3.connect(context.ledger) as db:
        kept = "".join(listings for (listings,) in db.execute("SELECT listings FROM crawl"))
    db.close()
    assert taken
    assert "spotify:" in kept
    assert not [album for album in taken if album in kept]


def test_labels_lists_the_queries_of_a_crawl(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """What the source has isn't known before the crawl; the labels are Spotify's."""
    context = context_of(tmp_path / "data", sandbox)
    fetch.run(context)
    summary = labels.run(context)
    assert summary.facts["taxonomy"] == "spotify-16"
    assert summary.rows_in == 16


def test_the_columns_of_a_row(tmp_path: Path, sandbox: SpotifySandbox) -> None:
    """Rows carry the licence, and no column that no row has a value in."""
    context = context_of(tmp_path / "data", sandbox)
    fetch.run(context)
    row = rows_of(context.tsv)[0]
    assert "no training" in row["licence"]
    assert {*row} <= {*TAKEN_COLUMNS}
    assert "tracks" not in row
