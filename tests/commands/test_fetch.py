"""The fetch stage against the sandbox, over HTTP."""

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import oracle
import pytest
from fetches import SOME, album, pages_asked, rows_of, run_fetch
from support import (
    NOON,
    TOKEN,
    equigen,
    make_context,
    posix_only,
    program_env,
    sandbox_env,
    write_rows,
)

from equigen.commands import clean, dedupe, fetch
from equigen.errors import (
    BadBodyError,
    ConfigError,
    ConnectionFailedError,
    CredentialsError,
    MissingInputError,
    UsageError,
)
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.server import Sandbox

CATALOGUE = make_catalogue()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox that serves the made-up catalogue."""
    with Sandbox(CATALOGUE) as server:
        yield server


def test_the_file_is_what_the_catalogue_implies(tmp_path: Path, sandbox: Sandbox) -> None:
    """All 24 labels: row for row as the oracle says, every result accounted for."""
    labels = [*oracle.ORDER, *oracle.STYLES, *oracle.WORLD]
    summary = run_fetch(tmp_path, sandbox, limit=18, labels=None, world_limit=None)
    asked = pages_asked(sandbox.log)
    parts = [2] * 8 + [1] * 2
    expected = oracle.expected_rows(
        sandbox.base_url, TOKEN, labels=labels, limit=18, from_year=2026, world_limits=parts
    )
    rows = rows_of(tmp_path / "equigen_dataset.tsv")
    assert rows == expected
    assert list(rows[0]) == oracle.COLUMNS
    assert summary.rows_out == len(rows)
    assert max(asked.values()) == 1
    genres = Counter(row["genre"] for row in rows)
    assert [genres[oracle.genre_of(name)] for name in oracle.WORLD] == parts
    assert {genres[name] for name in labels if name not in oracle.WORLD} == {sum(parts)} == {18}


def test_no_request_is_made_in_vain(tmp_path: Path, sandbox: Sandbox) -> None:
    """Running ahead costs nothing: every page that was asked for was needed."""
    run_fetch(tmp_path, sandbox, limit=15)
    ahead = pages_asked(sandbox.log)
    sandbox.log.clear()
    oracle.expected_rows(sandbox.base_url, TOKEN, labels=SOME, limit=15, from_year=2026)
    assert ahead == pages_asked(sandbox.log)


@pytest.mark.long
def test_requests_overlap(tmp_path: Path) -> None:
    """While one answer is awaited, others are already asked for."""
    with Sandbox(CATALOGUE, latency_s=0.05) as sandbox:
        run_fetch(tmp_path, sandbox, limit=15)
        times_s = [hit.time_s for hit in sandbox.log]
    together = max(sum(start <= t < start + 0.05 for t in times_s) for start in times_s)
    assert together >= 4


@pytest.mark.long
def test_the_order_of_answers_changes_nothing(tmp_path: Path) -> None:
    """Answers that come late or early give the same file, byte for byte."""
    files = []
    for seed in range(3):
        delays = random.Random(seed)
        hook = lambda hit, delays=delays: None  # noqa: E731
        with Sandbox(CATALOGUE, hook=hook, signing_key=b"same") as sandbox:
            port = sandbox.base_url
            sandbox.hook = lambda hit: _late(hit, sandbox, delays)  # noqa: B023
            run_fetch(tmp_path / str(seed), sandbox)
            text = (tmp_path / str(seed) / "equigen_dataset.tsv").read_text()
            files.append(text.replace(port, "http://host"))
    assert files[0] == files[1] == files[2]


def _late(hit: Hit, sandbox: Sandbox, delays: random.Random) -> Reply | None:
    sandbox.wait(delays.choice([0, 0, 0.01, 0.03]))
    return None


def test_fetching_again_asks_for_nothing_and_changes_nothing(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """A dataset that is complete costs no request."""
    run_fetch(tmp_path, sandbox)
    before = (tmp_path / "equigen_dataset.tsv").read_bytes()
    sandbox.log.clear()
    summary = run_fetch(tmp_path, sandbox)
    assert summary.rows_out == 0
    assert sandbox.log == []
    assert (tmp_path / "equigen_dataset.tsv").read_bytes() == before


def test_limits_raised_step_by_step_never_ask_a_page_twice(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Counts, indexes and pages go on where a smaller limit ended; each class fills exactly."""
    for limit in (1, 4, 9, 15):
        run_fetch(tmp_path, sandbox, limit=limit, labels=["Jazz"])
        rows = rows_of(tmp_path / "equigen_dataset.tsv")
        assert [row["album_index"] for row in rows] == [str(n + 1) for n in range(limit)]
    assert max(pages_asked(sandbox.log).values()) == 1
    straight = tmp_path / "straight"
    run_fetch(straight, sandbox, limit=15, labels=["Jazz"])
    stepped = (tmp_path / "equigen_dataset.tsv").read_bytes()
    assert stepped == (straight / "equigen_dataset.tsv").read_bytes()


def test_a_label_that_runs_out_says_so(tmp_path: Path, sandbox: Sandbox) -> None:
    """A limit beyond the catalogue takes what there is and ends well."""
    summary = run_fetch(tmp_path, sandbox, limit=5000, labels=["Flamenco"])
    queries = summary.as_json()["queries"]
    assert isinstance(queries, list)
    (state,) = queries
    assert state["state"] == "no more to be had"
    assert state["albums"] == summary.rows_out < 5000
    assert not summary.partly


def test_refresh_adds_only_what_is_new(tmp_path: Path, sandbox: Sandbox) -> None:
    """New albums of this year come in; clean and dedupe in between bring nothing back."""
    labels = ["Jazz", "Salsa"]
    run_fetch(tmp_path, sandbox, limit=5000, labels=labels)
    context = make_context(tmp_path, base_url=sandbox.base_url)
    clean.run(context)
    dedupe.run(context)
    tsv = tmp_path / "equigen_dataset.tsv"
    removed = rows_of(tsv)[3]
    kept = [line for line in tsv.read_text().splitlines() if removed["album_id"] not in line]
    tsv.write_text("".join(f"{line}\n" for line in kept))
    before = rows_of(tsv)
    new = album(900_001, year=2026, artist="Brand New (2)")
    old = album(900_002, year=1990)
    sandbox.entries = (*sandbox.entries, new, old)
    sandbox.log.clear()
    summary = run_fetch(tmp_path, sandbox, limit=5000, labels=labels, refresh=True)
    assert summary.rows_out == 1
    added = rows_of(tsv)[len(before) :]
    assert rows_of(tsv)[: len(before)] == before
    assert [row["album_id"] for row in added] == ["discogs:r900001"]
    years = {year for hit in sandbox.log for year in hit.query["year"]}
    assert years == {"2026", "2025"}
    assert max(pages_asked(sandbox.log).values()) == 1


def test_refresh_since_a_year_looks_that_far_back(tmp_path: Path, sandbox: Sandbox) -> None:
    """--since says where new albums may be."""
    run_fetch(tmp_path, sandbox, limit=5000, labels=["Jazz"])
    sandbox.entries = (*sandbox.entries, album(900_002, year=1990))
    assert run_fetch(tmp_path, sandbox, limit=5000, labels=["Jazz"], refresh=True).rows_out == 0
    again = run_fetch(tmp_path, sandbox, limit=5000, labels=["Jazz"], refresh=True, since=1985)
    assert again.rows_out == 1


def test_a_refresh_that_was_cut_off_goes_on(tmp_path: Path, sandbox: Sandbox) -> None:
    """Pages that a refresh asked for before it was stopped are not asked for again."""
    labels = ["Jazz", "Salsa"]
    run_fetch(tmp_path, sandbox, limit=5000, labels=labels)
    sandbox.log.clear()
    sandbox.hook = lambda hit: Reply(401) if hit.query.get("style") == ["Salsa"] else None
    assert run_fetch(tmp_path, sandbox, limit=5000, labels=labels, refresh=True).partly
    sandbox.hook = None
    run_fetch(tmp_path, sandbox, limit=5000, labels=labels, refresh=True)
    assert max(pages_asked(sandbox.log).values()) == 1


def test_a_refresh_of_one_label_leaves_the_others_pages(tmp_path: Path, sandbox: Sandbox) -> None:
    """Only what is refreshed is asked for again."""
    run_fetch(tmp_path, sandbox, limit=5000, labels=["Jazz", "Salsa"])
    run_fetch(tmp_path, sandbox, limit=5000, labels=["Jazz"], refresh=True)
    sandbox.log.clear()
    run_fetch(tmp_path, sandbox, limit=5000, labels=["Jazz", "Salsa"])
    assert sandbox.log == []


def test_since_without_refresh_is_a_wrong_usage(tmp_path: Path, sandbox: Sandbox) -> None:
    """A flag that would do nothing is refused."""
    with pytest.raises(UsageError, match="--refresh"):
        run_fetch(tmp_path, sandbox, since=2020)


@pytest.mark.long
def test_more_than_ten_thousand_results_are_sliced(tmp_path: Path) -> None:
    """A year with more results than can be paged through is cut by country, then by format."""
    formats = {"Vinyl": ("Vinyl", "LP", "Album"), "CD": ("CD", "Album")}
    entries = [
        album(n, country=country, format_name=name, formats=formats[name])
        for country, numbers in {
            "US": range(1, 10_051),
            "Chile": range(20_001, 20_061),
            "Atlantis": range(30_001, 30_031),
        }.items()
        for n in numbers
        for name in [("Vinyl", "CD")[n % 2]]
    ]
    with Sandbox(entries) as sandbox:
        summary = run_fetch(tmp_path, sandbox, limit=50_000, labels=["Jazz"], to_year=2020)
        asked = pages_asked(sandbox.log)
        pages = {int(page) for hit in sandbox.log for page in hit.query["page"]}
        statuses = {hit.status for hit in sandbox.log}
    ids = {row["album_id"] for row in rows_of(tmp_path / "equigen_dataset.tsv")}
    in_slices = {f"discogs:r{entry.id}" for entry in entries if entry.country != "Atlantis"}
    assert ids >= in_slices
    assert len(ids) > len(in_slices), "what lies in no slice is looked for in the query itself"
    assert summary.rows_out == len(ids)
    assert max(pages) <= 100
    assert statuses == {200}
    assert max(asked.values()) == 1


def test_a_label_that_fails_does_not_stop_the_others(tmp_path: Path, sandbox: Sandbox) -> None:
    """A label that the server chokes on is left; the next run fills it, and asks no page twice."""
    sandbox.hook = lambda hit: Reply(500) if hit.query.get("style") == ["Jazz"] else None
    summary = run_fetch(tmp_path, sandbox, limit=5)
    assert summary.partly
    genres = Counter(row["genre"] for row in rows_of(tmp_path / "equigen_dataset.tsv"))
    assert "Jazz" not in genres
    assert genres["Salsa (World)"] == 3
    sandbox.hook = None
    assert not run_fetch(tmp_path, sandbox, limit=5).partly
    genres = Counter(row["genre"] for row in rows_of(tmp_path / "equigen_dataset.tsv"))
    assert genres["Jazz"] == 5
    assert max(pages_asked(sandbox.log).values()) == 1


def test_results_that_vanish_while_paging_end_the_year(tmp_path: Path, sandbox: Sandbox) -> None:
    """A last page that is gone when its turn comes is an empty page, not a failure."""
    sandbox.entries = [album(n) for n in range(1, 251)]
    sandbox.hook = lambda hit: (
        Reply(404, {}, b'{"message": "The requested page does not exist."}')
        if hit.query.get("page") == ["3"]
        else None
    )
    summary = run_fetch(tmp_path, sandbox, limit=5000, labels=["Jazz"])
    assert summary.rows_out == 200
    assert not summary.partly


def test_wrong_credentials_are_told_at_once(tmp_path: Path, sandbox: Sandbox) -> None:
    """A 401 ends the run with a word on where to mend it, and no secret in it."""
    context = make_context(tmp_path, base_url=sandbox.base_url, token="not-the-token")
    with pytest.raises(CredentialsError, match="DISCOGS_TOKEN") as caught:
        fetch.run(context)
    assert "not-the-token" not in str(caught.value)


def test_empty_answers_to_a_plain_user_agent_are_told(tmp_path: Path, sandbox: Sandbox) -> None:
    """An empty body with status 200 is how Discogs treats programs it doesn't know."""
    context = make_context(
        tmp_path,
        base_url=sandbox.base_url,
        discogs={"user_agent": "python-requests/2.34"},
    )
    with pytest.raises(BadBodyError, match="user_agent"):
        fetch.run(context)


def test_a_server_that_is_away_is_one_clear_error(tmp_path: Path, sandbox: Sandbox) -> None:
    """With not one answer, no label is tried after the first."""
    with Sandbox() as gone:
        pass
    with pytest.raises(ConnectionFailedError, match=gone.base_url):
        fetch.run(make_context(tmp_path, base_url=gone.base_url, http={"tries": 1}))


def test_a_long_rest_keeps_what_came(tmp_path: Path, sandbox: Sandbox) -> None:
    """When the service asks for an hour, the rows that came are in the TSV, and more is to do."""
    sandbox.hook = lambda hit: (
        Reply(429, {"Retry-After": "3600"}) if hit.query.get("style") == ["Salsa"] else None
    )
    summary = run_fetch(tmp_path, sandbox, limit=5)
    assert summary.partly
    assert any("asked for a rest" in note for note in summary.notes)
    kept = (tmp_path / "equigen_dataset.tsv").read_bytes()
    assert kept.count(b"\n") == summary.rows_out + 1
    sandbox.hook = None
    run_fetch(tmp_path, sandbox, limit=5, now=NOON + timedelta(hours=1))
    assert (tmp_path / "equigen_dataset.tsv").read_bytes().startswith(kept)
    assert len(rows_of(tmp_path / "equigen_dataset.tsv")) == 20
    assert max(pages_asked(sandbox.log).values()) == 1


def test_the_real_service_needs_a_user_agent_and_credentials(tmp_path: Path) -> None:
    """Before any request to the real Discogs, what is missing is named."""
    real = "https://api.discogs.com"
    with pytest.raises(ConfigError, match="user_agent"):
        fetch.run(make_context(tmp_path, base_url=real))
    with pytest.raises(ConfigError, match="DISCOGS_TOKEN"):
        fetch.run(make_context(tmp_path, base_url=real, discogs={"user_agent": "T/1"}, token=""))
    assert not (tmp_path / "equigen_dataset.tsv").exists()


def test_a_six_column_file_of_another_tool_is_filled_up(tmp_path: Path, sandbox: Sandbox) -> None:
    """Rows of another tool count, keep their artists and their unknown columns; new ones follow."""
    columns = ["note", "artist", "album", "album_index", "genre", "year", "image_url"]
    mine = {"note": "x", "artist": "Mine", "album": "One", "album_index": "7", "genre": "Jazz"}
    tsv = write_rows(
        tmp_path / "equigen_dataset.tsv",
        {**mine, "year": "1999", "image_url": "http://127.0.0.1:9/a.jpg"},
        columns=columns,
    )
    first = tsv.read_text().splitlines()[1]
    summary = run_fetch(tmp_path, sandbox, limit=5, labels=["Jazz"])
    lines = tsv.read_text().splitlines()
    assert lines[0].split("\t") == [*columns, *oracle.COLUMNS[6:]]
    assert lines[1] == first + "\t" * 6
    assert summary.rows_out == 4
    assert [row["album_index"] for row in rows_of(tsv)] == ["7", "8", "9", "10", "11"]
    assert {row["note"] for row in rows_of(tsv)[1:]} == {""}


def test_a_tsv_that_was_lost_is_not_taken_for_a_new_start(tmp_path: Path, sandbox: Sandbox) -> None:
    """The ledger alone can't bring rows back: that is said, and what to do."""
    run_fetch(tmp_path, sandbox, limit=3)
    (tmp_path / "equigen_dataset.tsv").unlink()
    with pytest.raises(MissingInputError, match="ledger"):
        run_fetch(tmp_path, sandbox, limit=3)


def test_labels_of_ones_own(tmp_path: Path, sandbox: Sandbox) -> None:
    """A [[fetch.label]] is asked by its own words, fills its own limit, and may be the only one."""
    own = [{"name": "Hot Jazz", "genre": "Jazz", "style": "Soul-Jazz", "limit": 2}]
    sandbox.entries = [album(n) for n in range(1, 9)]
    run_fetch(tmp_path, sandbox, labels=["Hot Jazz"], label=own)
    assert [row["genre"] for row in rows_of(tmp_path / "equigen_dataset.tsv")] == ["Hot Jazz"] * 2
    assert sandbox.log[0].query["genre"] == ["Jazz"]
    assert sandbox.log[0].query["style"] == ["Soul-Jazz"]


@pytest.mark.parametrize("entity", ["master", "release"])
def test_entity_narrows_the_search(tmp_path: Path, sandbox: Sandbox, entity: str) -> None:
    """`type` is asked for, and only such rows come."""
    context = make_context(
        tmp_path,
        base_url=sandbox.base_url,
        discogs={"entity": entity},
        fetch={"labels": ["Jazz"], "genre_limit": 5, "from_year": 2026},
    )
    fetch.run(context)
    assert sandbox.log[0].query["type"] == [entity]
    ids = [row["album_id"] for row in rows_of(tmp_path / "equigen_dataset.tsv")]
    assert all(each.startswith(f"discogs:{entity[0]}") for each in ids)


def start(folder: Path, sandbox: Sandbox, *args: str) -> "subprocess.Popen[bytes]":
    """Start the program in a process of its own."""
    env = sandbox_env(sandbox.base_url, EQUIGEN_FETCH__GENRE_LIMIT="12")
    env |= {"EQUIGEN_FETCH__WORLD_LIMIT": "12", "EQUIGEN_DATASET__DIRECTORY": str(folder)}
    command = [sys.executable, "-m", "equigen", *args]
    folder.mkdir(parents=True, exist_ok=True)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=program_env(**env), **pipes)  # type: ignore[call-overload,no-any-return]


LABELS = [word for name in ("Jazz", "Blues", "Salsa") for word in ("--label", name)]


def finish(folder: Path, sandbox: Sandbox) -> bytes:
    """Run a fetch to its end and return the TSV."""
    process = start(folder, sandbox, "fetch", *LABELS)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return (folder / "equigen_dataset.tsv").read_bytes()


@pytest.mark.long_after(1)
@posix_only
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_clean_stop_keeps_what_is_done(tmp_path: Path, sent: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end with 130; the rows so far are in the TSV, and it can go on."""
    with Sandbox(CATALOGUE) as sandbox:
        whole = finish(tmp_path / "whole", sandbox)
        requests = len(sandbox.log)
        folder = tmp_path / "stopped"
        sandbox.log.clear()
        process = start(folder, sandbox, "fetch", *LABELS)
        seen = 0

        def hook(hit: Hit) -> Reply | None:
            nonlocal seen
            seen += 1
            if seen == requests * 3 // 4:
                process.send_signal(sent)
            sandbox.wait(0.01)
            return None

        sandbox.hook = hook
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert b"run it again" in err
        assert b"Traceback" not in err
        partial = (folder / "equigen_dataset.tsv").read_bytes()
        assert partial.count(b"\n") > 1
        assert whole.startswith(partial)
        sandbox.hook = None
        assert finish(folder, sandbox) == whole
        assert max(pages_asked(sandbox.log).values()) == 1


def test_the_token_stays_with_the_api(tmp_path: Path, sandbox: Sandbox) -> None:
    """The secret stands in no file, no output, no URL, and reaches no picture host."""
    env = sandbox_env(sandbox.base_url, EQUIGEN_FETCH__GENRE_LIMIT="3")
    args = ["run", "--verbose", "--label", "Jazz"]
    done = equigen(*args, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()
    for hit in sandbox.log:
        search = hit.path == "/database/search"
        assert ("authorization" in hit.headers) == search
        assert TOKEN not in str(hit.query)
