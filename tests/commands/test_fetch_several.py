"""Albums that match several labels: fetched for the first, left out, or with all of them."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dumpsets import fetch_dumps, group, write_groups
from fetches import album, pages_asked, rows_of, run_fetch
from oracle import BOTH, GENRES, ORDER, STYLES, WORLD
from support import kill_at, make_context, posix_only, program_env, sandbox_env

from equigen.commands import download, fetch, split
from equigen.dataset.dataset import Dataset
from equigen.labels.taxonomy import fits
from equigen.sandbox.catalogue import Entry, make_catalogue
from equigen.sandbox.server import Sandbox
from equigen.sources.base import rule_of

TSV = "equigen_dataset.tsv"
JAZZ, LATIN = ("Jazz",), ("Latin",)
SOUL, TANGO = ("Soul-Jazz",), ("Tango",)
SALSA, BOLERO = ("Salsa",), ("Salsa", "Bolero")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox without albums yet."""
    with Sandbox(()) as server:
        yield server


def some(first: int, count: int, genres: tuple[str, ...], styles: tuple[str, ...]) -> list[Entry]:
    """Return albums of these genres and styles, each of an artist of its own."""
    numbers = range(first, first + count)
    return [album(number, genres=genres, styles=styles) for number in numbers]


def mixed() -> list[Entry]:
    """Return four albums of Jazz, four of Latin, and three of both."""
    both = some(30, 3, (*JAZZ, *LATIN), SOUL)
    return [*some(10, 4, JAZZ, SOUL), *some(20, 4, LATIN, TANGO), *both]


def labels_of(folder: Path) -> Counter[str]:
    """Count the rows by their cell of labels."""
    return Counter(row["labels"] for row in rows_of(folder / TSV))


def test_strict_leaves_albums_of_several_labels_out(tmp_path: Path, sandbox: Sandbox) -> None:
    """Each is counted once, by its pair, and the file has no further column."""
    sandbox.entries = mixed()
    summary = run_fetch(tmp_path, sandbox, labels=["Jazz", "Latin"], several="strict")
    rows = rows_of(tmp_path / TSV)
    assert Counter(row["genre"] for row in rows) == {"Jazz": 4, "Latin": 4}
    assert not {row["album_id"] for row in rows} & {f"discogs:r{n}" for n in (30, 31, 32)}
    assert "labels" not in rows[0]
    assert summary.dropped["matches several labels"] == 6, "both queries show each of them"
    assert summary.facts["left_out"] == {"Jazz + Latin": 3}
    assert any("Jazz + Latin: 3" in note for note in summary.notes)


@pytest.mark.parametrize("setting", ["several", "taxonomy"])
def test_what_was_left_out_comes_by_a_refresh(
    tmp_path: Path, sandbox: Sandbox, setting: str
) -> None:
    """Under a later setting, pages that were used up aren't looked at: fetch says what to do."""
    sandbox.entries = [*mixed(), *some(40, 2, JAZZ, ("Bop",))]
    values, rows = ["strict", "multi"], [10, 13]
    if setting == "taxonomy":
        values, rows = [], [11, 13]
        for name, none_of in (("narrow", ["Bop"]), ("wide", [])):
            path = tmp_path / f"{name}.toml"
            path.write_text(
                'label = [{ name = "Latin", any_genre = ["Latin"] },'
                f' {{ name = "Jazz", any_genre = ["Jazz"], none_of = {none_of} }}]',
                encoding="utf-8",
            )
            values.append(str(path))
    said, folder = list[str](), tmp_path / "data"
    contexts = [
        replace(
            make_context(
                folder,
                base_url=sandbox.base_url,
                fetch={
                    "taxonomy": "discogs-15",
                    "labels": ["Jazz", "Latin"],
                    "from_year": 2026,
                    setting: value,
                },
            ),
            say=said.append,
        )
        for value in values
    ]
    for context in contexts:
        fetch.run(context)
        assert len(rows_of(folder / TSV)) == rows[0]
    remedy = "those left out before come by `equigen fetch --refresh --since YEAR`."
    assert [line for line in said if line.endswith(remedy)]
    fetch.run(contexts[1], refresh=True, since=2020)
    assert len(rows_of(folder / TSV)) == rows[1]


def test_two_queries_of_one_label_are_one_label(tmp_path: Path, sandbox: Sandbox) -> None:
    """Salsa and Bolero are both World: strict takes the album, multi writes one label."""
    sandbox.entries = some(1, 2, LATIN, BOLERO)
    for several in ("strict", "multi"):
        folder = tmp_path / several
        summary = run_fetch(folder, sandbox, labels=["Salsa", "Bolero"], several=several)
        assert summary.rows_out == 2
    assert labels_of(tmp_path / "multi") == {"World": 2}


def test_only_the_chosen_queries_with_a_quota_count(tmp_path: Path, sandbox: Sandbox) -> None:
    """A label that isn't asked for, or gets no albums, takes none from the others."""
    sandbox.entries = some(1, 2, (*JAZZ, *LATIN), (*SOUL, *SALSA))
    summary = run_fetch(
        tmp_path, sandbox, labels=["Jazz", "Salsa"], world_limit=0, several="strict"
    )
    assert summary.rows_out == 2


def test_multi_gives_an_album_all_its_labels(tmp_path: Path, sandbox: Sandbox) -> None:
    """First that of the genre cell; quotas count each label, so less is taken for the later one."""
    sandbox.entries = mixed()
    summary = run_fetch(tmp_path, sandbox, 5, labels=["Jazz", "Latin"], several="multi")
    found = labels_of(tmp_path)
    assert found["Jazz"] + found["Jazz|Latin"] == 5
    assert found["Jazz|Latin"] + found["Latin"] == 5
    assert found["Jazz|Latin"] >= 1
    assert all(row["labels"].split("|")[0] == row["genre"] for row in rows_of(tmp_path / TSV))
    assert summary.facts["labels"] == {"Jazz": 5, "Latin": 5}
    assert {query["albums"] for query in summary.facts["queries"]} == {5}  # type: ignore[attr-defined]


def test_an_album_is_taken_though_its_further_label_is_full(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """The label ends above its quota, and the summary says by how much."""
    sandbox.entries = [*some(1, 3, JAZZ, SOUL), *some(11, 3, (*JAZZ, *LATIN), TANGO)]
    own = [{"name": "Tango", "style": "Tango", "limit": 3}]
    labels = ["Jazz", "Tango"]
    run_fetch(tmp_path, sandbox, labels=["Jazz"], label=own, several="multi")
    summary = run_fetch(tmp_path, sandbox, labels=labels, label=own, several="multi")
    assert labels_of(tmp_path) == {"Jazz": 3, "Tango": 3}
    assert not [note for note in summary.notes if "above its quota" in note]
    sandbox.entries = [*sandbox.entries, *some(21, 2, JAZZ, (*SOUL, *TANGO))]
    summary = run_fetch(
        tmp_path, sandbox, labels=labels, label=own, several="multi", refresh=True, since=2020
    )
    assert labels_of(tmp_path) == {"Jazz": 3, "Tango": 3, "Jazz|Tango": 2}
    assert summary.facts["labels"] == {"Jazz": 5, "Tango": 5}
    assert any(note.startswith("Tango: 2 albums above its quota") for note in summary.notes)


def test_a_query_is_told_apart_whose_label_is_full(tmp_path: Path, sandbox: Sandbox) -> None:
    """Albums of other labels that are World as well leave no place to its own queries."""
    sandbox.entries = some(1, 6, (*JAZZ, *LATIN), (*SOUL, *SALSA))
    summary = run_fetch(tmp_path, sandbox, 5, labels=["Jazz", "World"], several="multi")
    assert summary.facts["labels"] == {"Jazz": 5, "World": 5}
    queries: list[dict[str, object]] = summary.facts["queries"]  # type: ignore[assignment]
    states = {(each["query"], each["albums"], each["state"]) for each in queries}
    assert ("Jazz", 5, "full") in states
    assert ("Salsa", 0, "label is full") in states


def test_an_artist_belongs_to_one_query_unless_albums_may_have_several_labels(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """With multi, an artist's albums differ in their labels, so that nobody is owned."""
    artist = {"artist": "Nina"}
    sandbox.entries = [
        album(1, genres=JAZZ, styles=SOUL, **artist),
        album(2, genres=LATIN, styles=TANGO, **artist),
        album(3, genres=(*JAZZ, *LATIN), styles=SOUL, **artist),
    ]
    for several, taken in (("first", 2), ("strict", 1), ("multi", 3)):
        folder, labels = tmp_path / several, ["Jazz", "Latin"]
        assert run_fetch(folder, sandbox, labels=labels, several=several).rows_out == taken
    assert labels_of(tmp_path / "multi") == {"Jazz": 1, "Latin": 1, "Jazz|Latin": 1}


def test_blues_that_are_rhythm_and_blues_have_one_label(tmp_path: Path, sandbox: Sandbox) -> None:
    """They are not Blues, whose search finds them, so that strict takes them."""
    sandbox.entries = some(1, 2, ("Blues",), ("Electric Blues", "Rhythm & Blues"))
    for several in ("strict", "multi"):
        folder, labels = tmp_path / several, ["Blues", "Rhythm & Blues"]
        summary = run_fetch(folder, sandbox, labels=labels, several=several)
        assert summary.dropped["doesn't match the query's rule"] == 2
    assert labels_of(tmp_path / "multi") == {"Rhythm & Blues": 2}


def matching(row: dict[str, str]) -> set[str]:
    """Return the labels that a row matches by the README's words, apart from the code."""

    def has(column: str, name: str) -> bool:
        return any({*words(name)} <= {*words(value)} for value in row[column].split("|"))

    def words(text: str) -> list[str]:
        return re.findall(r"\w+", text.casefold())

    found = {name for name in BOTH if has("genres", name) and has("styles", name)}
    found |= {name for name in GENRES if has("genres", name)}
    found |= {name for name in STYLES if has("styles", name)}
    found |= {"World" for name in WORLD if has("styles", name)}
    return found - {"Blues"} if "Rhythm & Blues" in row["styles"].split("|") else found


def test_all_labels_of_the_catalogue_are_as_the_rules_say(tmp_path: Path, sandbox: Sandbox) -> None:
    """Every row has the labels that it matches, and no page is asked for in vain or twice."""
    sandbox.entries = make_catalogue()
    everything = [*ORDER, *STYLES, *WORLD]
    summary = run_fetch(tmp_path, sandbox, 500, labels=everything, several="multi")
    rows = rows_of(tmp_path / TSV)
    assert summary.rows_out == len(rows) > 600
    wrong = [row for row in rows if set(row["labels"].split("|")) != matching(row)]
    assert not wrong
    assert sum("|" in row["labels"] for row in rows) > 50
    assert max(pages_asked(sandbox.log).values()) == 1


def test_limits_raised_step_by_step_count_on(tmp_path: Path, sandbox: Sandbox) -> None:
    """Labels count from the file and from the ledger; only further labels go above a quota."""
    sandbox.entries = make_catalogue()
    given = {"labels": ["Jazz", "Electronic", "New Age"], "several": "multi"}
    for limit in (2, 5, 9):
        run_fetch(tmp_path, sandbox, limit, **given)
    found = Counter(label for row in rows_of(tmp_path / TSV) for label in row["labels"].split("|"))
    assert min(found.values()) == found["New Age"] == 9
    firsts = Counter(row["genre"] for row in rows_of(tmp_path / TSV))
    assert max(firsts.values()) <= 9
    sandbox.log.clear()
    assert run_fetch(tmp_path, sandbox, 9, **given).rows_out == 0
    assert sandbox.log == []


def test_a_dataset_gets_the_column_once_it_is_needed(tmp_path: Path, sandbox: Sandbox) -> None:
    """Rows of before have an empty cell and count for the label of their genre."""
    sandbox.entries = mixed()
    run_fetch(tmp_path, sandbox, 2, labels=["Jazz"])
    before = rows_of(tmp_path / TSV)
    assert "labels" not in before[0]
    run_fetch(tmp_path, sandbox, 4, labels=["Jazz", "Latin"], several="multi")
    rows = rows_of(tmp_path / TSV)
    assert rows[:2] == [{**row, "labels": ""} for row in before]
    assert all(row["labels"] for row in rows[2:])
    run_fetch(tmp_path, sandbox, 6, labels=["Jazz", "Latin"])
    assert list(rows_of(tmp_path / TSV)[-1]) == list(rows[0])


@posix_only
@pytest.mark.long_after(1)
@pytest.mark.parametrize("point", [2, 5])
def test_a_run_that_was_killed_goes_on_with_its_labels(tmp_path: Path, point: int) -> None:
    """The file is that of a run that was never killed, byte for byte."""
    with Sandbox(make_catalogue(), signing_key=b"same") as sandbox:
        whole = _run(tmp_path / "whole", sandbox)
        process = _start(folder := tmp_path / "killed", sandbox)
        sandbox.hook = kill_at(process, point)
        process.communicate(timeout=60)
        assert process.returncode < 0
        sandbox.hook = None
        assert _run(folder, sandbox) == whole
    assert b"|" in whole


def _start(folder: Path, sandbox: Sandbox) -> "subprocess.Popen[bytes]":
    env = sandbox_env(sandbox.base_url, EQUIGEN_FETCH__SEVERAL="multi")
    env |= {"EQUIGEN_DATASET__DIRECTORY": str(folder)}
    words = ["--genre-limit", "30", "--label", "Jazz", "--label", "Electronic"]
    command = [sys.executable, "-m", "equigen", "fetch", *words]
    folder.mkdir(exist_ok=True)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=program_env(**env), **pipes)  # type: ignore[call-overload,no-any-return]


def _run(folder: Path, sandbox: Sandbox) -> bytes:
    process = _start(folder, sandbox)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return (folder / TSV).read_bytes()


def test_albums_of_musicbrainz_match_by_its_own_genres(tmp_path: Path) -> None:
    """The dump's table decides: bebop is Jazz, and death metal Metal."""
    both = [{"name": name, "count": 5} for name in ("bebop", "death metal")]
    write_groups(tmp_path, [group(1, genres=both), group(2, genres=both[:1])])
    given = {"source": "musicbrainz", "labels": ["Jazz", "Metal"]}
    fetch_dumps(tmp_path, fetch={**given, "several": "multi"})
    assert labels_of(tmp_path) == {"Jazz|Metal": 1, "Jazz": 1}


def test_a_source_without_a_rule_matches_as_discogs_does() -> None:
    """Sources of other distributions may be older than the rule."""
    assert rule_of(object()) is fits  # type: ignore[arg-type]


def test_the_summary_tells_how_far_labels_overlap(tmp_path: Path, sandbox: Sandbox) -> None:
    """A line for people, and the matrix; with `first` the later label has what the first left."""
    sandbox.entries = mixed()
    first = run_fetch(tmp_path / "first", sandbox, 5, labels=["Latin", "Jazz"])
    assert first.facts["overlap"]["Latin"]["Latin"] == 5  # type: ignore[index]
    multi = run_fetch(tmp_path / "multi", sandbox, labels=["Latin", "Jazz"], several="multi")
    assert multi.facts["overlap"] == {
        "Jazz": {"Jazz": 7, "Latin": 3},
        "Latin": {"Jazz": 3, "Latin": 7},
    }
    assert "3 of 7 Jazz albums are Latin as well" in multi.notes


def test_an_artist_of_several_labels_stays_in_one_set(tmp_path: Path, sandbox: Sandbox) -> None:
    """Nobody is owned by a query with multi, and `split` keeps everybody together all the same."""
    kinds = ((JAZZ, SOUL), (LATIN, TANGO), ((*JAZZ, *LATIN), SOUL))
    sandbox.entries = [
        album(10 * number + at, artist=f"Artist {number}", genres=genres, styles=styles)
        for number in range(1, 9)
        for at, (genres, styles) in enumerate(kinds)
    ]
    given = {"labels": ["Jazz", "Latin"], "several": "multi", "from_year": 2026}
    context = make_context(tmp_path, base_url=sandbox.base_url, fetch=given)
    for stage in (fetch, download, split):
        stage.run(context)
    assert split.run(context, verify=True).rows_out
    sets: dict[str, set[str]] = {}
    for example in Dataset(context).examples():
        sets.setdefault(example.album["artist"], set()).add(example.set)
    assert len(sets) == 8
    assert all(len(names) == 1 for names in sets.values())
    assert len({name for names in sets.values() for name in names}) > 1
