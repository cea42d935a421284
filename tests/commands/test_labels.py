"""`equigen labels`: rules in words, albums here, and albums at the source."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dumpsets import Master, dump_context, fetch_dumps, group, write_groups, write_masters
from fetches import album, run_fetch
from support import equigen, make_context, sandbox_env

from equigen.commands import fetch, labels
from equigen.sandbox.server import Sandbox
from equigen.storage.lock import dataset_lock
from equigen.summary import Summary

ENTRIES = [
    *(album(number, genres=("Jazz",), styles=("Soul-Jazz",)) for number in range(1, 6)),
    *(album(number, genres=("Jazz", "Latin"), styles=("Bop",)) for number in range(10, 40)),
    album(50, genres=("Latin",), styles=("Salsa",), year=2019),
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with some albums of two years."""
    with Sandbox(ENTRIES) as server:
        yield server


def listed(folder: Path, sandbox: Sandbox, **settings: object) -> dict[str, dict[str, object]]:
    """Return the queries of `labels` by their names."""
    chosen = {"from_year": 2020, "to_year": 2019, **settings}
    return by_name(labels.run(make_context(folder, base_url=sandbox.base_url, fetch=chosen)))


def by_name(summary: Summary) -> dict[str, dict[str, object]]:
    """Return the queries of a summary by their names."""
    queries = summary.facts["queries"]
    assert isinstance(queries, list)
    return {each["query"]: each for each in queries}


def test_labels_are_listed_with_their_rules(tmp_path: Path) -> None:
    """Without a dataset or an account, each has its rule in words and its limit."""
    done = equigen("labels", "--genre-limit", "50", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert "genre Jazz and style Jazz " in rows["Jazz"]
    assert "genre Blues and style Blues, not Rhythm & Blues " in rows["Blues"]
    assert rows["Salsa"].split()[1:2] == ["World"]
    assert "discogs-24: 14 genres and styles of Discogs, and World" in done.stderr + done.stdout
    assert "discogs.user_agent" in done.stderr + done.stdout
    assert list(tmp_path.iterdir()) == [], "nothing is written"


def test_taxonomies_are_listed(tmp_path: Path) -> None:
    """Each with the number of its labels."""
    done = equigen("labels", "--taxonomies", "--json", cwd=tmp_path)
    told = {each["taxonomy"]: each for each in json.loads(done.stdout)["taxonomies"]}
    names = "acousticbrainz-16 discogs-15 discogs-24 discogs-7 msd-15 mumu-12 mumu-16 musicbrainz"
    assert " ".join(told) == f"{names} spotify-16"
    numbers = {name: each["labels"] for name, each in told.items()}
    assert all(name.endswith(f"-{numbers[name]}") for name in told if name[-1].isdecimal()) or (
        numbers["discogs-24"] == 15
    )
    assert told["discogs-24"]["queries"] == 24


def test_albums_are_counted_here_and_in_what_the_api_told(tmp_path: Path, sandbox: Sandbox) -> None:
    """A search's first page counts its results; a query that wasn't asked for is unknown."""
    before = listed(tmp_path, sandbox)
    assert {(each["albums"], each["at_source"]) for each in before.values()} == {(0, None)}
    run_fetch(tmp_path, sandbox, limit=7, labels=["Latin", "Salsa"], from_year=2020, to_year=2019)
    asked = len(sandbox.log)
    known = listed(tmp_path, sandbox)
    assert (known["Latin"]["albums"], known["Latin"]["at_source"]) == (7, 30)
    assert (known["Latin"]["years_known"], known["Latin"]["years"]) == (1, 2), "full with one year"
    assert (known["Salsa"]["albums"], known["Salsa"]["at_source"]) == (1, 1)
    assert known["Salsa"]["years_known"] == 2
    assert known["Jazz"]["at_source"] is None
    assert len(sandbox.log) == asked, "nothing is asked"
    done = equigen(
        "labels", "--from-year", "2020", "--to-year", "2019", cwd=tmp_path,
        env=sandbox_env(sandbox.base_url) | {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path)},
    )  # fmt: skip
    assert "30 in 1 of 2 years" in done.stdout


def test_an_album_of_several_labels_counts_for_each(tmp_path: Path, sandbox: Sandbox) -> None:
    """A shared label's queries count their own, and what the label has besides is said."""
    both = {"genres": ("Jazz", "Latin"), "styles": ("Soul-Jazz", "Salsa")}
    sandbox.entries = [*ENTRIES[:5], *(album(number, **both) for number in range(60, 64))]
    chosen = {"labels": ["Jazz", "Latin", "World"], "several": "multi"}
    run_fetch(tmp_path, sandbox, limit=50, **chosen)
    told = labels.run(make_context(tmp_path, base_url=sandbox.base_url, fetch=chosen))
    found = by_name(told)
    assert [found[name]["albums"] for name in ("Jazz", "Latin", "Salsa")] == [9, 4, 0]
    assert told.facts["labels"] == {"Jazz": 9, "Latin": 4, "World": 4}
    assert "World: 4 albums, with those of other labels that match it as well" in told.notes


def test_no_lock_is_taken(tmp_path: Path, sandbox: Sandbox) -> None:
    """It may run while another stage works."""
    context = make_context(tmp_path, base_url=sandbox.base_url)
    with dataset_lock(tmp_path, stage="fetch", now=context.now()):
        assert len(listed(tmp_path, sandbox)) == 24


def test_an_empty_label_with_many_half_matches_is_told(tmp_path: Path, sandbox: Sandbox) -> None:
    """At the end of fetch and here: the albums that match one part of its rule alone."""
    years = {"from_year": 2020, "to_year": 2019}
    chosen = {"label": [{"name": "Bossa", "genre": "Jazz", "style": "Bossa Nova"}], **years}
    settings = {"labels": ["Bossa", "Latin"], **chosen}
    summary = run_fetch(tmp_path, sandbox, limit=50, **settings)
    told = "Bossa: 30 albums have the genre Jazz, none also the style Bossa Nova"
    assert told in summary.notes
    context = make_context(tmp_path, base_url=sandbox.base_url, fetch=settings)
    assert told in labels.run(context).notes
    again = run_fetch(tmp_path, sandbox, limit=50, **settings)
    assert told in again.notes
    full = run_fetch(tmp_path, sandbox, limit=5, labels=["Jazz", "Latin"], **years)
    assert not any("also the style" in note for note in full.notes)


def test_no_half_match_is_told_of_a_label_that_was_never_asked_for(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Albums of another label say nothing of what the API has of it."""
    own = [{"name": "Bossa", "genre": "Jazz", "style": "Bossa Nova"}]
    chosen = {"label": own, "from_year": 2020, "to_year": 2019}
    context = make_context(tmp_path, base_url=sandbox.base_url, fetch=chosen)
    run_fetch(tmp_path, sandbox, limit=50, labels=["Latin"], **chosen)
    assert "Bossa: 30 albums" not in str(labels.run(context).notes)
    run_fetch(tmp_path, sandbox, limit=50, labels=["Bossa"], **chosen)
    assert "Bossa: 30 albums have the genre Jazz" in str(labels.run(context).notes)


def test_a_dump_is_counted_exactly_once_it_is_indexed(tmp_path: Path) -> None:
    """An index isn't made unless asked for; a fetch makes one as well."""
    write_masters(tmp_path, [Master(number, style="Bop") for number in range(1, 31)])
    write_groups(tmp_path, [group(number, number) for number in range(1, 31)])
    context = dump_context(tmp_path)
    assert by_name(labels.run(context))["Jazz"]["at_source"] is None
    assert any("--count" in note for note in labels.run(context).notes)
    counted = labels.run(context, count=True)
    after = by_name(counted)["Jazz"]
    assert (after["at_source"], after["years_known"]) == (0, after["years"])
    told = "Jazz: 30 albums have the genre Jazz, none also the style Jazz"
    assert told in counted.notes
    assert labels.run(context).facts == counted.facts
    assert told in fetch_dumps(tmp_path).notes
    other = dump_context(tmp_path, fetch={"taxonomy": "discogs-15"})
    assert by_name(labels.run(other))["Jazz"]["at_source"] == 30
    assert fetch.run(other).rows_out == 30
