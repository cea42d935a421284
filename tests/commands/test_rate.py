"""Ratings: asked for within the API's rate, remembered with their date, written to the TSV."""

import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fetches import album
from support import (
    NOON,
    FakeTime,
    Script,
    ScriptedServer,
    equigen,
    make_context,
    posix_only,
    program_env,
    read_rows,
    sandbox_env,
    until,
    write_rows,
)

from equigen.commands import balance, rate
from equigen.errors import CredentialsError, UsageError
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import Rating
from equigen.sandbox.handlers import HANG_UP, Hit, Reply, community_of
from equigen.sandbox.server import Sandbox

TSV, RESERVE = "equigen_dataset.tsv", "equigen_dataset_reserve.tsv"
COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url", "album_id")
RATED = ("rating_count", "rating_average", "have", "want")
ENTRIES = [
    *(album(number, kind="master") for number in range(1, 9)),
    *(album(number, master_id=number - 100) for number in range(101, 105)),
    *(album(number) for number in range(301, 305)),
]
IDS = [f"discogs:m{number}" for number in range(1, 9)] + [
    f"discogs:r{number}" for number in range(301, 305)
]
PICTURE = "https://i.discogs.com/{}.jpg"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with eight masters, four of which have a release, and four releases."""
    with Sandbox(ENTRIES) as running:
        yield running


def rows_with(ids: list[str]) -> list[dict[str, str]]:
    """Return a row for each album."""
    return [
        {
            "artist": f"Artist {at}", "album": f"Album {at}", "album_index": str(at),
            "genre": "Jazz", "year": "1999", "image_url": PICTURE.format(at), "album_id": each,
        }
        for at, each in enumerate(ids)
    ]  # fmt: skip


def dataset(folder: Path, ids: list[str] = IDS) -> Path:
    """Write a dataset."""
    return write_rows(folder / TSV, *rows_with(ids), columns=COLUMNS)


def asked(sandbox: Sandbox) -> list[str]:
    """Return the paths that were asked for."""
    return [hit.path for hit in sandbox.log]


def expected(number: int) -> dict[str, str]:
    """Return the cells of a release's rating, as the sandbox makes it up."""
    made = community_of(album(number))
    average = made["rating"]["average"]
    return {
        "rating_count": str(made["rating"]["count"]),
        "rating_average": str(average) if average else "",
        "have": str(made["have"]),
        "want": str(made["want"]),
    }


def test_albums_are_rated_by_their_main_release(tmp_path: Path, sandbox: Sandbox) -> None:
    """Two requests for a master, one for a release; nothing is asked for a second time."""
    dataset(tmp_path)
    context = make_context(tmp_path, base_url=sandbox.base_url)
    summary = rate.run(context)
    assert (summary.rows_in, summary.rows_out, summary.partly) == (12, 12, False)
    assert (summary.facts["asked"], summary.facts["requests"]) == (12, 20)
    rows = read_rows(tmp_path / TSV)
    assert tuple(rows[0]) == (*COLUMNS, *RATED)
    for row in rows:
        number = int(row["album_id"][len("discogs:m") :])
        main = number if number > 300 else number + 100 if number < 5 else 900_000_000 + number
        assert {name: row[name] for name in RATED} == expected(main)
    paths = asked(sandbox)
    assert len(paths) == len(set(paths)) == 20
    before = (tmp_path / TSV).read_bytes()
    again = rate.run(context)
    assert (again.rows_out, again.facts["asked"], len(sandbox.log)) == (12, 0, 20)
    assert (tmp_path / TSV).read_bytes() == before


def test_the_requests_carry_the_credentials_of_fetch(tmp_path: Path, sandbox: Sandbox) -> None:
    """With the source's user agent; and the API's rate holds."""
    dataset(tmp_path)
    time = FakeTime()
    context = make_context(
        tmp_path,
        base_url=sandbox.base_url,
        discogs={"requests_per_minute": 5, "user_agent": "Me/1.0"},
        clock=time.clock(),
        http={"max_wait_s": 1000},
    )
    rate.run(context)
    assert {hit.headers["authorization"] for hit in sandbox.log} == {
        f"Discogs token={sandbox.token}"
    }
    assert {hit.headers["user-agent"] for hit in sandbox.log} == {"Me/1.0"}
    assert sum(time.slept_s) >= 3 * 60  # 20 requests, 5 of which at once


def test_albums_of_other_sources_are_skipped_and_said(tmp_path: Path, sandbox: Sandbox) -> None:
    """Also rows without an id, and ids that Discogs has none of."""
    dataset(tmp_path, [*IDS[:2], "musicbrainz:abc", "", "discogs:x1", IDS[0]])
    summary = rate.run(make_context(tmp_path, base_url=sandbox.base_url))
    assert (summary.rows_in, summary.rows_out) == (6, 3)
    assert summary.dropped == {"of sources without ratings": 3}
    assert summary.facts["skipped_sources"] == {"musicbrainz": 1, "unknown": 1, "discogs": 1}
    assert len(sandbox.log) == 4, "an album of two rows is asked for once"
    assert [bool(row["have"]) for row in read_rows(tmp_path / TSV)] == [True] * 2 + [False] * 3 + [
        True
    ]


def test_what_is_not_there_has_no_rating_and_is_not_asked_for_again(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """404 is an answer; a TSV of which nothing is known gets no columns."""
    tsv = dataset(tmp_path, ["discogs:m77", "discogs:r77"])
    before = tsv.read_bytes()
    context = make_context(tmp_path, base_url=sandbox.base_url)
    for _ in range(2):
        summary = rate.run(context)
        assert summary.dropped == {"without a rating there": 2}
        assert not summary.partly
    assert len(sandbox.log) == 2
    assert tsv.read_bytes() == before
    with Ledger(tmp_path / LEDGER_NAME, read_only=True) as ledger:
        assert ledger.ratings() == {"discogs:m77": Rating(), "discogs:r77": Rating()}


def test_rows_that_were_left_out_are_rated_where_asked_for(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """After the others, with --reserve; what is known by then is written there without it."""
    dataset(tmp_path)
    few = make_context(tmp_path, base_url=sandbox.base_url, balance={"per_label": 3})
    balance.run(few)
    assert rate.run(few).rows_in == 3
    assert len(sandbox.log) <= 6
    more = make_context(tmp_path, base_url=sandbox.base_url, balance={"per_label": 5})
    told = "2 of the rows that come back have no rating yet: `equigen rate`"
    assert told in balance.run(more).notes
    assert sum(row["have"] == "" for row in read_rows(tmp_path / TSV)) == 2
    sandbox.log.clear()
    first = rate.run(more, reserve=True, limit=2)
    assert (first.rows_in, first.facts["asked"], first.left) == (12, 2, 0)
    assert told not in balance.run(more).notes
    assert all(row["have"] for row in read_rows(tmp_path / TSV))
    whole = rate.run(more, reserve=True)
    assert (whole.facts["asked"], whole.rows_in) == (7, 12)
    assert all(row["have"] for row in read_rows(tmp_path / RESERVE))
    asked_for = len(sandbox.log)
    balance.run(make_context(tmp_path, balance={"per_label": 12}))
    rate.run(more)
    assert all(row["have"] for row in read_rows(tmp_path / TSV))
    assert len(sandbox.log) == asked_for


def test_older_ratings_are_asked_for_again(tmp_path: Path, sandbox: Sandbox) -> None:
    """Only with --older-than; those that were never asked for come first."""
    dataset(tmp_path, IDS[8:10])
    rate.run(make_context(tmp_path, base_url=sandbox.base_url))
    dataset(tmp_path, IDS[8:12])
    later = make_context(tmp_path, base_url=sandbox.base_url, now=NOON + timedelta(days=91))
    sandbox.log.clear()
    rate.run(later, older_than="90d", limit=3)
    assert {"/releases/303", "/releases/304"} < {*asked(sandbox)}
    rate.run(later, older_than="13w")  # 91 days, and no older
    assert len(sandbox.log) == 3
    for _ in range(2):
        rate.run(later, older_than="90d")
        assert len({*asked(sandbox)}) == len(sandbox.log) == 4
    rate.run(later, older_than="0d")
    assert len(sandbox.log) == 4
    day_after = make_context(tmp_path, base_url=sandbox.base_url, now=NOON + timedelta(days=92))
    rate.run(day_after, older_than="0d")
    assert len(sandbox.log) == 8


@pytest.mark.parametrize("text", ["90", "d", "-1d", "1.5d", "90m", "", "999999d", "٣d"])
def test_an_age_is_a_number_of_days_weeks_or_years(tmp_path: Path, text: str) -> None:
    """Anything else is refused before anything is asked."""
    dataset(tmp_path)
    with pytest.raises(UsageError, match=r"--older-than .*90d, 12w or"):
        rate.run(make_context(tmp_path), older_than=text)


def test_a_figure_that_is_gone_is_gone_in_the_tsv(tmp_path: Path, sandbox: Sandbox) -> None:
    """What is asked for again replaces what was known; cells that no run knows stay."""
    rows = rows_with(["discogs:r301", "musicbrainz:1"])
    rows[1] |= {"rating_count": "7"}
    write_rows(tmp_path / TSV, *rows, columns=("rating_count", *COLUMNS))
    rate.run(make_context(tmp_path, base_url=sandbox.base_url))
    assert [row["rating_count"] for row in read_rows(tmp_path / TSV)] == [
        expected(301)["rating_count"], "7",
    ]  # fmt: skip
    sandbox.entries = ()
    later = make_context(tmp_path, base_url=sandbox.base_url, now=NOON + timedelta(days=400))
    # Where no album has a rating any more, the columns are there all the same.
    assert rate.run(later, older_than="1y").rows_out == 0
    assert [row["rating_count"] for row in read_rows(tmp_path / TSV)] == ["", "7"]
    assert [row["have"] for row in read_rows(tmp_path / TSV)] == ["", ""]


def test_at_most_so_many_are_asked_for(tmp_path: Path, sandbox: Sandbox) -> None:
    """The others wait, and are not work that is left."""
    dataset(tmp_path)
    context = make_context(tmp_path, base_url=sandbox.base_url)
    summary = rate.run(context, limit=5)
    assert summary.rows_out == 5
    assert summary.dropped == {"waiting: beyond --limit": 7}
    assert not summary.partly
    assert rate.run(context, limit=-1).rows_out == 12
    assert len(sandbox.log) == 20


def test_what_the_service_fails_to_give_is_left(tmp_path: Path, sandbox: Sandbox) -> None:
    """Others go on; the next run asks for what is left alone."""
    dataset(tmp_path)
    sandbox.hook = lambda hit: Reply(500) if hit.path == "/masters/3" else None
    context = make_context(tmp_path, base_url=sandbox.base_url)
    summary = rate.run(context)
    assert (summary.rows_out, summary.left, summary.left_unit) == (11, 1, "albums")
    assert summary.dropped == {"left for the next run": 1}
    assert summary.partly
    assert summary.notes[0].startswith("1 albums could not be had, such as discogs:m3: ")
    sandbox.hook = None
    sandbox.log.clear()
    assert rate.run(context).rows_out == 12
    assert asked(sandbox) == ["/masters/3", "/releases/103"]


@pytest.mark.parametrize("reply", [Reply(500), Reply(HANG_UP), Reply(200, body=b"<html>")])
def test_a_service_that_is_down_is_not_asked_for_all(
    tmp_path: Path, sandbox: Sandbox, reply: Reply
) -> None:
    """After some albums in a row the rest is left, and what came before is written."""
    dataset(tmp_path, [f"discogs:r{number}" for number in range(301, 401)])
    sandbox.hook = lambda hit: reply if hit.path > "/releases/304" else None
    summary = rate.run(make_context(tmp_path, base_url=sandbox.base_url, http={"tries": 1}))
    assert (summary.rows_out, summary.left) == (4, 96)
    assert summary.notes[0].startswith("5 albums in a row can't be had: ")
    assert len(sandbox.log) < 4 + 5 + 2 * 8
    assert sum(bool(row["have"]) for row in read_rows(tmp_path / TSV)) == 4


def test_wrong_credentials_end_the_run(tmp_path: Path) -> None:
    """With advice, and nothing is noted."""
    tsv = dataset(tmp_path)
    before = tsv.read_bytes()
    with ScriptedServer(Script(401)) as server:
        with pytest.raises(CredentialsError, match="DISCOGS_TOKEN"):
            rate.run(make_context(tmp_path, base_url=server.url))
    assert tsv.read_bytes() == before


def test_a_host_that_rests_says_when_to_go_on(tmp_path: Path) -> None:
    """What is left, and from when."""
    dataset(tmp_path)
    with ScriptedServer(Script(429, headers={"Retry-After": "9000"})) as server:
        time = FakeTime()
        context = make_context(tmp_path, base_url=server.url, clock=time.clock())
        summary = rate.run(context)
    assert (summary.left, summary.partly) == (12, True)
    assert summary.resumes_at == datetime.fromtimestamp(1_009_000, UTC)


def test_no_further_album_is_asked_for_once_time_is_up(tmp_path: Path, sandbox: Sandbox) -> None:
    """What came is written, the rest is left; the next run goes on."""
    dataset(tmp_path, [f"discogs:r{number}" for number in range(1, 101)])
    sandbox.entries = tuple(album(number) for number in range(1, 101))
    time, lock, seen = FakeTime(), threading.Lock(), Counter[str]()

    def hook(_hit: Hit) -> None:
        with lock:
            seen["all"] += 1
            due = seen["all"] == 20
        if due:
            time.sleep(1000)

    sandbox.hook = hook
    summary = rate.run(until(make_context(tmp_path, base_url=sandbox.base_url), time, after_s=500))
    assert summary.partly
    assert "Time is up" in summary.notes[0]
    assert 20 <= len(sandbox.log) <= 20 + 2 * 8
    assert summary.rows_out == len(sandbox.log) == 100 - summary.left
    rate.run(make_context(tmp_path, base_url=sandbox.base_url))
    assert len(sandbox.log) == 100
    assert all(row["have"] for row in read_rows(tmp_path / TSV))


def test_until_is_a_time_of_day(tmp_path: Path) -> None:
    """As for `run`."""
    dataset(tmp_path)
    with pytest.raises(UsageError, match="--until: expected a time of day"):
        rate.run(make_context(tmp_path), until="soon")


def test_other_cells_keep_their_bytes(tmp_path: Path, sandbox: Sandbox) -> None:
    """Line ends, needless quotes and columns of other tools stay, in plain blocks and odd ones."""
    head = "\t".join((*COLUMNS, "mine"))
    lines = [
        f'"Ann"\tOne\t1\tJazz\t1999\t{PICTURE.format(1)}\tdiscogs:r301\t"kept"\r\n',
        f"Bob\tTwo\t2\tJazz\t\t{PICTURE.format(2)}\tmusicbrainz:1\t\r\n",
        f'Cy\t"Say ""hi"""\t3\tJazz\t1\t{PICTURE.format(3)}\tdiscogs:r302\tx\r\n',
    ]
    odd = f'\r\nDi\t"two\nlines"\t4\tJazz\t1\t{PICTURE.format(4)}\tdiscogs:r303\t"y"\n'
    for more in ("", odd):
        (tmp_path / TSV).write_bytes(f"\ufeff{head}\r\n{''.join(lines)}{more}".encode())
        rate.run(make_context(tmp_path, base_url=sandbox.base_url))
        cells = ["\t".join(expected(number).values()) for number in (301, 302, 303)]
        wanted = [
            f"\ufeff{head}\t{chr(9).join(RATED)}\r\n",
            lines[0].replace("\r", f"\t{cells[0]}\r"),
            lines[1].replace("\r", "\t\t\t\t\r"),
            lines[2].replace("\r", f"\t{cells[1]}\r"),
        ]
        assert (tmp_path / TSV).read_bytes().decode() == "".join(wanted) + (
            more and f"{more[:-1]}\t{cells[2]}\n"
        )


@posix_only
def test_after_a_kill_nothing_that_came_is_asked_for_again(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """But for albums under way; the end is that of a run that wasn't killed."""
    sandbox.entries = tuple(album(number) for number in range(1, 61))
    dataset(tmp_path, [f"discogs:r{number}" for number in range(1, 61)])
    env = sandbox_env(sandbox.base_url, EQUIGEN_DATASET__DIRECTORY=str(tmp_path))
    for kill in range(1, 4):
        command = [sys.executable, "-m", "equigen", "rate"]
        with subprocess.Popen(command, cwd=tmp_path, env=program_env(**env)) as process:
            at = 15 * kill

            def hook(_hit: Hit, process: subprocess.Popen[bytes] = process, at: int = at) -> None:
                if len(sandbox.log) == at:
                    process.kill()

            sandbox.hook = hook
        assert process.returncode == -signal.SIGKILL
    sandbox.hook = None
    done = equigen("rate", "--json", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert max(Counter(asked(sandbox)).values()) <= 4
    assert len(sandbox.log) <= 60 + 3 * 9
    assert all(row["have"] for row in read_rows(tmp_path / TSV))
    with Ledger(tmp_path / LEDGER_NAME, read_only=True) as ledger:
        assert len(ledger.ratings()) == 60
