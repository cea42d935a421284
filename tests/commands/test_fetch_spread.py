"""A fetch that is spread evenly over the years, against the sandbox, over HTTP."""

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import oracle
import pytest
from fetches import SOME, album, pages_asked, rows_of, run_fetch
from support import TOKEN, equigen, kill_at, posix_only, program_env, sandbox_env

from equigen.commands import fetch
from equigen.sandbox.catalogue import Entry, make_catalogue
from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.server import Sandbox
from equigen.summary import Summary

CATALOGUE = make_catalogue()
TSV = "equigen_dataset.tsv"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox that serves the made-up catalogue."""
    with Sandbox(CATALOGUE) as server:
        yield server


def fetch_evenly(folder: Path, sandbox: Sandbox, limit: int, **settings: object) -> Summary:
    """Fetch, spread evenly, in this process."""
    return run_fetch(folder, sandbox, limit, **{"spread": "even", **settings})


def jazz(years: dict[int, int]) -> list[Entry]:
    """Return so many jazz albums of each year."""
    return [
        album(1_000_000 + 1000 * year + number, year=year)
        for year, count in years.items()
        for number in range(count)
    ]


def years_of(folder: Path) -> Counter[str]:
    """Count the rows of a dataset by year."""
    return Counter(row["year"] for row in rows_of(folder / TSV))


@pytest.mark.long_after(1)
@pytest.mark.parametrize("limit", [7, 18, 60])
def test_the_file_and_the_requests_are_what_the_catalogue_implies(
    tmp_path: Path, sandbox: Sandbox, limit: int
) -> None:
    """Row for row and page for page as the oracle, which asks for a page when it wants a row."""
    summary = fetch_evenly(tmp_path, sandbox, limit)
    asked = pages_asked(sandbox.log)
    sandbox.log.clear()
    expected = oracle.expected_even_rows(
        sandbox.base_url, TOKEN, labels=SOME, limit=limit, from_year=2026
    )
    assert rows_of(tmp_path / TSV) == expected
    assert summary.rows_out == len(expected)
    assert asked == pages_asked(sandbox.log)
    assert max(asked.values()) == 1


def test_years_that_have_less_give_all_and_the_others_share_the_rest(tmp_path: Path) -> None:
    """Four years have albums, one of them two only; the years between have none."""
    with Sandbox(jazz({2020: 300, 2019: 2, 2001: 150, 1950: 40})) as sandbox:
        summary = fetch_evenly(tmp_path, sandbox, 63, labels=["Jazz"])
        assert years_of(tmp_path) == {"2020": 21, "2019": 2, "2001": 20, "1950": 20}
        assert sum(pages_asked(sandbox.log).values()) == 97
        fetch_evenly(tmp_path, sandbox, 482, labels=["Jazz"])
        assert years_of(tmp_path) == {"2020": 290, "2019": 2, "2001": 150, "1950": 40}
        assert sum(pages_asked(sandbox.log).values()) == 97 + 2 + 1
        summary = fetch_evenly(tmp_path, sandbox, 5000, labels=["Jazz"])
        assert max(pages_asked(sandbox.log).values()) == 1
    assert years_of(tmp_path).total() == 492
    assert "no more to be had" in str(summary.facts["queries"])


def test_albums_of_other_labels_count_for_their_years(tmp_path: Path) -> None:
    """With several labels: what another query took of a year is not made up for."""
    both = [
        album(number, genres=("Jazz", "Latin"), styles=("Jazz",), year=2020) for number in range(9)
    ]
    latin = [
        album(100 + number, genres=("Latin",), styles=("Samba",), year=2020 - number % 3)
        for number in range(60)
    ]
    with Sandbox([*both, *latin]) as sandbox:
        fetch_evenly(tmp_path, sandbox, 9, labels=["Jazz", "Latin"], several="multi")
        fetch_evenly(tmp_path, sandbox, 30, labels=["Jazz", "Latin"], several="multi")
    years = Counter(row["year"] for row in rows_of(tmp_path / TSV) if "Latin" in row["labels"])
    assert years == {"2020": 10, "2019": 10, "2018": 10}


def test_few_albums_are_spread_over_the_range_and_cost_a_request_each(tmp_path: Path) -> None:
    """Where the quota is below the number of years, not all years are asked."""
    with Sandbox(jazz(dict.fromkeys(range(1950, 2027), 3))) as sandbox:
        fetch_evenly(tmp_path, sandbox, 8, labels=["Jazz"], to_year=1950)
        assert sum(pages_asked(sandbox.log).values()) == 8
    years = sorted(years_of(tmp_path), reverse=True)
    assert years == ["2026", "2017", "2007", "1998", "1988", "1978", "1969", "1959"]


def test_requests_overlap(tmp_path: Path) -> None:
    """While one answer is awaited, others are already asked for."""
    with Sandbox(CATALOGUE, latency_s=0.05) as sandbox:
        fetch_evenly(tmp_path, sandbox, 15, labels=["Jazz"], to_year=2000)
        times_s = [hit.time_s for hit in sandbox.log]
    assert max(sum(start <= t < start + 0.05 for t in times_s) for start in times_s) >= 4


@pytest.mark.long
def test_the_order_of_answers_changes_nothing(tmp_path: Path) -> None:
    """Answers that come late or early give the same file, byte for byte."""
    files = set()
    for seed in range(3):
        delays = random.Random(seed)
        with Sandbox(CATALOGUE, signing_key=b"same") as sandbox:

            def late(hit: Hit, delays: random.Random = delays, sandbox: Sandbox = sandbox) -> None:
                sandbox.wait(delays.choice([0, 0, 0.01, 0.03]))

            sandbox.hook = late
            fetch_evenly(tmp_path / str(seed), sandbox, 15, to_year=1990)
            text = (tmp_path / str(seed) / TSV).read_text()
            files.add(text.replace(sandbox.base_url, "http://host"))
    assert len(files) == 1


def test_limits_raised_step_by_step_end_where_the_last_one_does(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """The same file byte for byte, and no page asked for twice; a full label asks for none."""
    for limit in (1, 4, 9, 30):
        fetch_evenly(tmp_path / "steps", sandbox, limit, labels=["Jazz"])
    assert max(pages_asked(sandbox.log).values()) == 1
    sandbox.log.clear()
    assert fetch_evenly(tmp_path / "steps", sandbox, 30, labels=["Jazz"]).rows_out == 0
    assert sandbox.log == []
    fetch_evenly(tmp_path / "straight", sandbox, 30, labels=["Jazz"])
    assert (tmp_path / "steps" / TSV).read_bytes() == (tmp_path / "straight" / TSV).read_bytes()


def test_the_spread_may_change_between_runs(tmp_path: Path) -> None:
    """What is there stays and counts, years that have fewest catch up, no page is asked twice."""
    with Sandbox(jazz({2020: 300, 2010: 300, 2000: 300})) as sandbox:
        settings = {"labels": ["Jazz"], "from_year": 2020, "to_year": 2000}
        fetch_evenly(tmp_path, sandbox, 30, **settings, spread="recent")
        assert years_of(tmp_path) == {"2020": 30}
        fetch_evenly(tmp_path, sandbox, 80, **settings)
        assert years_of(tmp_path) == {"2020": 30, "2010": 25, "2000": 25}
        fetch_evenly(tmp_path, sandbox, 99, **settings)
        assert set(years_of(tmp_path).values()) == {33}
        fetch_evenly(tmp_path, sandbox, 200, **settings, spread="recent")
        assert years_of(tmp_path) == {"2020": 134, "2010": 33, "2000": 33}
        assert max(pages_asked(sandbox.log).values()) == 1


def test_a_year_that_was_edited_counts_as_what_it_is_now(tmp_path: Path) -> None:
    """Cells that are no year break nothing and count for none; gaps are filled where they are."""
    with Sandbox(jazz({2020: 50, 2010: 50, 2000: 50})) as sandbox:
        settings = {"labels": ["Jazz"], "from_year": 2020, "to_year": 2000}
        fetch_evenly(tmp_path, sandbox, 30, **settings)
        tsv = tmp_path / TSV
        header, *lines = tsv.read_text().splitlines()
        position = header.split("\t").index("year")
        new = iter(["2010", "2010.0", "soon", "", "-5", "9" * 40, "²", "2000 ", "1066"])
        edited = []
        for line in lines:
            cells = line.split("\t")
            if cells[position] == "2020":
                cells[position] = next(new, "2020")
            edited.append("\t".join(cells))
        tsv.write_text("".join(f"{line}\n" for line in [header, *edited]))
        fetch_evenly(tmp_path, sandbox, 42, **settings)
    added = Counter(row["year"] for row in rows_of(tsv)[30:])
    assert added == {"2020": 11, "2000": 1}


def test_a_row_that_was_removed_is_made_up_for_in_its_year(tmp_path: Path) -> None:
    """The place is filled by the year that has fewest now."""
    with Sandbox(jazz({2020: 50, 2010: 50, 2000: 50})) as sandbox:
        settings = {"labels": ["Jazz"], "from_year": 2020, "to_year": 2000}
        fetch_evenly(tmp_path, sandbox, 30, **settings)
        tsv = tmp_path / TSV
        kept = [line for line in tsv.read_text().splitlines() if "\t2010\t" not in line]
        tsv.write_text("".join(f"{line}\n" for line in kept))
        fetch_evenly(tmp_path, sandbox, 30, **settings)
    assert years_of(tmp_path) == {"2020": 10, "2010": 10, "2000": 10}


def test_a_year_beyond_reach_is_cut(tmp_path: Path) -> None:
    """A year with more results than the service gives out has its share, from slices too."""
    many = [album(n, country=("US", "Chile")[n % 2]) for n in range(1, 10_101)]
    few = jazz({2019: 700})
    with Sandbox([*many, *few]) as sandbox:
        summary = fetch_evenly(tmp_path, sandbox, 1000, labels=["Jazz"], to_year=2019)
        asked = pages_asked(sandbox.log)
        sliced = [hit for hit in sandbox.log if "country" in hit.query]
    assert years_of(tmp_path) == {"2020": 500, "2019": 500}
    assert max(asked.values()) == 1
    assert sliced
    assert summary.notes == []


def test_refresh_of_a_full_label_asks_for_nothing(tmp_path: Path) -> None:
    """As for recent: there is no room; where the limit is raised, what is new comes in."""
    with Sandbox(jazz({2026: 4, 2025: 50, 2000: 50})) as sandbox:
        settings = {"labels": ["Jazz"], "to_year": 2000}
        fetch_evenly(tmp_path, sandbox, 24, **settings)
        assert years_of(tmp_path) == {"2026": 4, "2025": 10, "2000": 10}
        sandbox.entries = [*sandbox.entries, *(album(n, year=2026) for n in range(50, 60))]
        sandbox.log.clear()
        assert fetch_evenly(tmp_path, sandbox, 24, **settings, refresh=True).rows_out == 0
        assert sandbox.log == []
        fetch_evenly(tmp_path, sandbox, 33, **settings, refresh=True)
        assert years_of(tmp_path) == {"2026": 11, "2025": 11, "2000": 11}
        assert {year for hit in sandbox.log for year in hit.query["year"]} == {"2026", "2025"}
        assert max(pages_asked(sandbox.log).values()) == 1


def test_a_label_that_fails_is_left_and_all_results_are_accounted_for(tmp_path: Path) -> None:
    """What lies on its pages is left with it; the next run goes on, and asks no page twice."""
    with Sandbox(jazz({2020: 50, 2010: 150, 2000: 50}), signing_key=b"same") as sandbox:
        settings = {"labels": ["Jazz", "Salsa"], "from_year": 2020, "to_year": 2000}
        sandbox.hook = lambda hit: Reply(500) if hit.query.get("page") == ["2"] else None
        summary = fetch_evenly(tmp_path, sandbox, 250, **settings)
        assert summary.partly
        assert summary.rows_out == 50 + 100 + 50
        sandbox.hook = lambda hit: Reply(500) if hit.query.get("year") == ["2010"] else None
        left = fetch_evenly(tmp_path / "other", sandbox, 30, **settings)
        assert left.dropped["left for later (with its query)"] == 50 - left.rows_out == 49
        sandbox.hook = None
        assert not fetch_evenly(tmp_path, sandbox, 250, **settings).partly
        assert max(pages_asked(sandbox.log).values()) <= 2  # two datasets
    assert years_of(tmp_path) == {"2020": 50, "2010": 150, "2000": 50}


LABELS = [word for name in ("Jazz", "Blues", "Salsa") for word in ("--label", name)]


def start(folder: Path, sandbox: Sandbox) -> "subprocess.Popen[bytes]":
    """Start a fetch in a process of its own."""
    env = sandbox_env(
        sandbox.base_url,
        EQUIGEN_FETCH__GENRE_LIMIT="30",
        EQUIGEN_FETCH__WORLD_LIMIT="12",
        EQUIGEN_FETCH__TO_YEAR="2012",
        EQUIGEN_DATASET__DIRECTORY=str(folder),
    )
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "equigen", "fetch", "--spread", "even", *LABELS]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=program_env(**env), **pipes)  # type: ignore[call-overload,no-any-return]


def finish(folder: Path, sandbox: Sandbox) -> bytes:
    """Run a fetch to its end and return the TSV."""
    process = start(folder, sandbox)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return (folder / TSV).read_bytes()


@pytest.mark.long
@posix_only
def test_killed_at_any_request_the_result_is_the_same(tmp_path: Path) -> None:
    """SIGKILL at points of the run, started again: equal to an undisturbed run, byte for byte."""
    with Sandbox(make_catalogue(albums_per_label=400)) as sandbox:
        whole = finish(tmp_path / "whole", sandbox)
        requests = len(sandbox.log)
        assert requests > 40
        for point in range(2, requests, requests // 6):
            folder = tmp_path / str(point)
            sandbox.log.clear()
            process = start(folder, sandbox)
            sandbox.hook = kill_at(process, point)
            process.communicate(timeout=60)
            assert process.returncode == -signal.SIGKILL
            sandbox.hook = None
            assert finish(folder, sandbox) == whole
            asked = pages_asked(sandbox.log)
            assert sum(count - 1 for count in asked.values()) <= 8  # those under way at the kill


@pytest.mark.long
@posix_only
def test_a_clean_stop_leaves_the_first_rows_of_the_whole(tmp_path: Path) -> None:
    """After Ctrl-C what was used is in the TSV, and no page is asked for again."""
    with Sandbox(CATALOGUE) as sandbox:
        whole = finish(tmp_path / "whole", sandbox)
        seen, requests = 0, len(sandbox.log)
        folder = tmp_path / "stopped"
        sandbox.log.clear()
        process = start(folder, sandbox)

        def hook(_hit: Hit) -> None:
            nonlocal seen
            seen += 1
            if seen == requests * 3 // 4:
                process.send_signal(signal.SIGINT)
            sandbox.wait(0.01)

        sandbox.hook = hook
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        partial = (folder / TSV).read_bytes()
        assert partial.count(b"\n") > 1
        assert whole.startswith(partial)
        sandbox.hook = None
        assert finish(folder, sandbox) == whole
        assert max(pages_asked(sandbox.log).values()) == 1


def test_a_spread_that_there_is_not_is_named(tmp_path: Path) -> None:
    """A wrong word ends with 2, and says which there are."""
    done = equigen("fetch", "--spread", "oven", cwd=tmp_path)
    assert done.returncode == 2
    assert "--spread: expected" in done.stderr
    assert "'recent' or 'even'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_recent_is_what_it_was(tmp_path: Path, sandbox: Sandbox) -> None:
    """Without the setting, and with the word for it, the newest year's albums come first."""
    run_fetch(tmp_path / "default", sandbox)
    run_fetch(tmp_path / "named", sandbox, spread="recent")
    expected = oracle.expected_rows(sandbox.base_url, TOKEN, labels=SOME, limit=15, from_year=2026)
    assert rows_of(tmp_path / "default" / TSV) == rows_of(tmp_path / "named" / TSV) == expected
    assert "fetch.spread" in fetch.SETTINGS
