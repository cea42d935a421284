"""Choosing albums by an SQL condition over the TSV, covers and sets."""

import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from downloads import run_download
from lookalikes import saved, scene
from splits import run_split
from support import (
    Script,
    ScriptedServer,
    equigen,
    from_json,
    make_context,
    program_env,
    read_rows,
    write_rows,
)

from equigen.commands import balance, select
from equigen.dataset.dataset import Dataset
from equigen.dataset.reserve import places_in_both
from equigen.dataset.selecting import columns_of
from equigen.errors import InputError, MissingInputError, UsageError
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import Cover
from equigen.summary import Summary

TSV, RESERVE = "equigen_dataset.tsv", "equigen_dataset_reserve.tsv"
COLUMNS = (
    "artist", "album", "album_index", "genre", "year", "image_url", "album_id", "genres", "styles",
    "country", "formats", "artist_ids", "rating_count", "rating_average", "have", "want", "mine",
)  # fmt: skip
ALBUMS: Sequence[Mapping[str, str]] = (
    {"genre": "Jazz", "genres": "Jazz", "year": "1975", "country": "US", "formats": "Vinyl|LP",
     "rating_count": "20", "rating_average": "4.5", "have": "10", "want": "2"},
    {"genre": "Jazz", "genres": "Jazz|Electronic", "year": "1969", "country": "US",
     "formats": "Vinyl|LP", "rating_count": "20", "rating_average": "3.5", "have": "9"},
    {"genre": "Rock", "genres": "Rock", "year": "1981.0", "country": "UK", "formats": "CD",
     "rating_count": "49", "rating_average": "2", "have": "8", "mine": "yes"},
    {"genre": "Rock", "genres": "Rock", "year": "", "country": "US", "formats": "Vinyl|LP",
     "rating_count": "50", "rating_average": "", "have": "7"},
    {"genre": "Salsa (World)", "genres": "Latin", "year": "19?", "country": "", "formats": "",
     "rating_count": "15", "rating_average": "x", "have": "6"},
    {"genre": "Bolero (World)", "genres": "", "year": "1990", "country": "Cuba", "formats": "LP",
     "rating_count": "", "have": "5"},
)  # fmt: skip
# The rule that docs/select.md has.
RULE = "rating_count >= CASE WHEN list_has_any(genres, ['Electronic', 'Rock']) THEN 50 ELSE 15 END"


def dataset(folder: Path, albums: Sequence[Mapping[str, str]] = ALBUMS) -> Path:
    """Write a dataset whose albums are called One, Two, ..."""
    names = ("One", "Two", "Three", "Four", "Five", "Six")
    rows = [
        {"artist": f"By {name}", "album": name, "album_index": str(at),
         "album_id": f"discogs:m{at}", "image_url": f"https://h.example/{at}.jpg", **album}
        for at, (name, album) in enumerate(zip(names, albums, strict=False), start=1)
    ]  # fmt: skip
    return write_rows(folder / TSV, *rows, columns=COLUMNS)


def run(folder: Path, where: str, **flags: Any) -> Summary:  # noqa: ANN401  (those of the command)
    """Select in this process."""
    return select.run(make_context(folder), where=where, **flags)


def kept(folder: Path, where: str) -> list[str]:
    """Return the titles of the albums that a condition keeps."""
    output = folder / "kept.tsv"
    run(folder, where, output=output)
    return [row["album"] for row in read_rows(output)]


@pytest.mark.parametrize(
    ("where", "albums"),
    [
        ("year >= 1970 AND country = 'US' AND list_contains(formats, 'LP')", ["One"]),
        ("year IS NULL", ["Four", "Five"]),
        ("year = 1981", ["Three"]),
        ("country = ''", ["Five"]),
        ("genre = 'Salsa (World)'", ["Five"]),
        ("label = 'World'", ["Five", "Six"]),
        ("list_contains(labels, 'World')", ["Five", "Six"]),
        ("len(genres) = 0", ["Six"]),
        ("len(genres) > 1", ["Two"]),
        ("list_has_any(genres, ['Electronic', 'Latin'])", ["Two", "Five"]),
        ("album_index > 4", ["Five", "Six"]),
        ("place <= 2", ["One", "Two"]),
        ("rating_average > 2", ["One", "Two"]),
        ("have + want > 10", ["One"]),
        ("mine = 'yes'", ["Three"]),
        ("status = 'waiting' AND sha256 = '' AND \"set\" = ''", list("_" * 6)),
        ("width_px > 0", []),
        ("row_number() OVER (PARTITION BY label ORDER BY have) = 1", ["Two", "Four", "Six"]),
        ("label IN (SELECT label FROM albums GROUP BY label HAVING max(year) < 1980)",
         ["One", "Two"]),
        ("ALBUMS.Year > 1980 -- late ones", ["Three", "Six"]),
        ("album LIKE 'T%'\n  OR album = 'Six'", ["Two", "Three", "Six"]),
        ("true", list("_" * 6)),
        (RULE, ["One", "Four", "Five"]),
    ],
)  # fmt: skip
def test_a_condition_keeps_the_albums_that_fulfil_it(
    tmp_path: Path, where: str, albums: list[str]
) -> None:
    """Numbers, texts and lists, a column of another tool, windows and subqueries."""
    dataset(tmp_path)
    found = kept(tmp_path, where)
    assert found == albums or (albums == list("_" * 6) and len(found) == 6)


def test_the_documented_rule_is_that_of_the_docs() -> None:
    """At least 50 ratings where Electronic or Rock is among the genres, else 15."""
    docs = Path(__file__).parents[2] / "docs" / "select.md"
    assert RULE in docs.read_text(encoding="utf-8")


def test_rows_that_lack_a_value_are_counted(tmp_path: Path) -> None:
    """NULL isn't fulfilled, and said apart from what is false."""
    dataset(tmp_path)
    summary = run(tmp_path, "year >= 1970", dry_run=True)
    assert (summary.rows_in, summary.rows_out) == (6, 3)
    assert summary.dropped == {
        "condition not fulfilled": 1,
        "condition NULL, as a value is missing": 2,
    }
    assert summary.notes == ["nothing was written: --dry-run"]


def test_without_a_place_to_write_to_nothing_is_written(tmp_path: Path) -> None:
    """As with --dry-run, also beside the flags that write."""
    tsv = dataset(tmp_path)
    before = tsv.read_bytes()
    assert run(tmp_path, "year > 1970").notes == [
        "nothing was written: add --in-place or --output FILE"
    ]
    run(tmp_path, "year > 1970", in_place=True, dry_run=True)
    run(tmp_path, "year > 1970", output=tmp_path / "kept.tsv", dry_run=True)
    assert tsv.read_bytes() == before
    assert not (tmp_path / "kept.tsv").exists()
    assert not (tmp_path / RESERVE).exists()
    assert not (tmp_path / LEDGER_NAME).exists()


def test_in_place_the_others_go_to_the_reserve(tmp_path: Path) -> None:
    """With the condition as their reason; rows that stay keep their bytes and their order."""
    tsv = dataset(tmp_path)
    lines = tsv.read_bytes().splitlines(keepends=True)
    where = "year >= 1970\n  AND country = 'US'"
    summary = run(tmp_path, where, in_place=True)
    assert summary.notes == [f"the kept rows are in {tsv}"]
    assert tsv.read_bytes() == b"".join(lines[:2])
    left_out = read_rows(tmp_path / RESERVE)
    assert [row["album"] for row in left_out] == ["Two", "Three", "Four", "Five", "Six"]
    assert {row["reason"] for row in left_out} == {"select: year >= 1970 AND country = 'US'"}
    assert not places_in_both(make_context(tmp_path))
    before = (tmp_path / RESERVE).read_bytes()
    again = run(tmp_path, where, in_place=True)
    assert (again.rows_in, again.rows_out) == (1, 1)
    assert (tmp_path / RESERVE).read_bytes() == before


def test_what_was_left_out_comes_back(tmp_path: Path) -> None:
    """All that select left out, and no row that is there already."""
    tsv = dataset(tmp_path)
    before = tsv.read_bytes()
    run(tmp_path, "year >= 1970", in_place=True)
    run(tmp_path, "year >= 1980", in_place=True)
    context = make_context(tmp_path)
    assert select.run(context, undo=True, dry_run=True).facts["taken_back"] == 4
    assert len(read_rows(tsv)) == 2
    summary = select.run(context, undo=True)
    assert (summary.rows_out, summary.facts["taken_back"]) == (6, 4)
    assert sorted(tsv.read_bytes().splitlines()) == sorted(before.splitlines())
    assert read_rows(tmp_path / RESERVE) == []
    run(tmp_path, "year >= 1980", in_place=True)
    tsv.write_bytes(before)  # put back from a copy: four rows are in both files
    run(tmp_path, "year >= 1985", in_place=True)
    assert len(read_rows(tmp_path / RESERVE)) == 5
    assert select.run(context, undo=True).rows_out == 6
    for flags in ({"where": "true"}, {"in_place": True}, {"output": tmp_path / "x.tsv"}):
        with pytest.raises(UsageError, match="--undo"):
            select.run(context, undo=True, **flags)


def test_rows_that_balance_left_out_are_judged_as_well(tmp_path: Path) -> None:
    """So that balance takes none back that doesn't fulfil the condition; --undo does."""
    albums = [
        {"artist": f"A {n}", "album": "One", "genre": "Jazz", "year": str(1950 + n),
         "country": "US" if n % 2 else "", "album_id": f"x:{n}", "rating_count": str(n)}
        for n in range(40)
    ]  # fmt: skip
    write_rows(tmp_path / TSV, *albums, columns=COLUMNS)
    context = make_context(tmp_path, balance={"per_label": 10})
    balance.run(context)
    before = (tmp_path / RESERVE).read_bytes()
    count = sum(row["country"] != "US" for row in read_rows(tmp_path / RESERVE))
    told = f"{count:,} rows that balance left out don't fulfil the condition either"
    assert told in run(tmp_path, "country = 'US'", in_place=True, dry_run=True).notes
    assert (tmp_path / RESERVE).read_bytes() == before
    summary = run(tmp_path, "country = 'US'", in_place=True)
    assert told in summary.notes
    assert summary.facts["of_balance"] == count
    balance.run(context)
    kept = read_rows(tmp_path / TSV)
    assert len(kept) == 10
    assert {row["country"] for row in kept} == {"US"}
    assert {row["reason"] for row in read_rows(tmp_path / RESERVE) if not row["country"]} == {
        "select: country = 'US'"
    }
    assert select.run(context, undo=True).facts["taken_back"] == 20
    assert balance.run(context, undo=True).rows_out == 40
    assert Counter(map(str, read_rows(tmp_path / TSV))) == Counter(
        str({name: row.get(name, "") for name in COLUMNS}) for row in albums
    )


@pytest.mark.parametrize(
    ("where", "least"),
    [
        ("place <= 10", 40),
        ("row_number() OVER (ORDER BY rating_count DESC) <= 15", 25),
        ("rating_count >= (SELECT max(rating_count) FROM albums)", 39),
        ("status = 'waiting' AND \"set\" = '' AND label = 'Jazz'", 0),
    ],
)
def test_what_balance_left_out_is_judged_among_all_rows(
    tmp_path: Path, where: str, least: int
) -> None:
    """The rows of the TSV are judged among themselves, as ever."""
    albums = [
        {"artist": f"A {n}", "genre": "Jazz", "album_id": f"x:{n}", "rating_count": str(n)}
        for n in range(40)
    ]
    write_rows(tmp_path / TSV, *albums, columns=COLUMNS)
    balance.run(make_context(tmp_path, balance={"per_label": 10}))
    left_out = {int(row["rating_count"]) for row in read_rows(tmp_path / RESERVE)}
    alone = run(tmp_path, where).rows_out
    run(tmp_path, where, in_place=True)
    assert len(read_rows(tmp_path / TSV)) == alone
    rows = [row for row in read_rows(tmp_path / RESERVE) if row["reason"].startswith("balance")]
    assert {int(row["rating_count"]) for row in rows} == {n for n in left_out if n >= least}


def test_a_long_condition_is_cut_where_it_is_a_reason(tmp_path: Path) -> None:
    """Else a million rows would each have it in full."""
    dataset(tmp_path)
    run(tmp_path, f"album = '{'x' * 5000}'", in_place=True)
    assert {len(row["reason"]) for row in read_rows(tmp_path / RESERVE)} == {len("select: ") + 201}


def test_to_another_file_the_dataset_stays(tmp_path: Path) -> None:
    """The kept rows are written there; there is no reserve."""
    tsv = dataset(tmp_path)
    before = tsv.read_bytes()
    run(tmp_path, "label = 'Rock'", output=tmp_path / "rock.tsv")
    assert tsv.read_bytes() == before
    lines = before.splitlines(keepends=True)
    assert (tmp_path / "rock.tsv").read_bytes() == b"".join((lines[0], *lines[3:5]))
    assert not (tmp_path / RESERVE).exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"where": None}, "--where: no condition"),
        ({"where": "  "}, "--where: no condition"),
        ({"output": Path("x.tsv"), "in_place": True}, "give one of them"),
        ({"output": Path("x.csv")}, "ends in .tsv"),
        ({"output": Path(TSV)}, "--output"),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    tmp_path: Path, flags: dict[str, Any], said: str
) -> None:
    """Before anything is read."""
    dataset(tmp_path)
    if "output" in flags:
        flags = {**flags, "output": tmp_path / flags["output"]}
    with pytest.raises(UsageError, match=said):
        select.run(make_context(tmp_path), **{"where": "true", **flags})


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("yeer >= 1970", 'Referenced column "yeer" not found.*\nCandidate bindings: "year"'),
        ("year >=", "LINE 1: year >=\n               \\^\n"),
        ("year = = 3", "LINE 1: year = = 3\n               \\^\n"),
        ("album = 'é' AND yeer", "LINE 1: album = 'é' AND yeer\n                        \\^\\^"),
        ("year > 1\n AND yeer > 2", "LINE 2:  AND yeer > 2\n             \\^\\^\\^\\^\n"),
        ("album > 'unclosed", "unterminated"),
        ("CAST(album AS INTEGER) > 3", "Could not convert string 'One'"),
        ("year > 'abc'", "LINE 1: year > 'abc'\n               \\^\\^\\^\\^\\^\n"),
        ("year", "got a value of the type BIGINT"),
        ("NULL", "got a value of the type"),
        ("true, false", "got a value of the type TUPLE"),
        ("COLUMNS('g.*') IS NULL", "got . values"),
        ("count(*) > 1", "aggregate"),
        ("unnest(genres) = 'Jazz'", "expected one value for each row"),
        ("?", "parameters"),
        ("true) FROM albums WHERE (true", "a part of a statement"),
        ("true) ORDER BY (1", "a part of a statement"),
        ("true); DROP TABLE albums; SELECT (true", "a part of a statement"),
        ("true; DROP TABLE albums", "syntax error"),
        ("1 = 1 UNION SELECT 1", "syntax error"),
        ("nosuch(year)", "nosuch does not exist"),
    ],
)
def test_a_bad_condition_changes_nothing(tmp_path: Path, where: str, said: str) -> None:
    """DuckDB's own message, with the place."""
    tsv = dataset(tmp_path)
    before = tsv.read_bytes()
    with pytest.raises(UsageError, match=f"(?s){said}") as caught:
        run(tmp_path, where, in_place=True)
    assert "Nothing was changed." in str(caught.value)
    assert tsv.read_bytes() == before
    assert not (tmp_path / RESERVE).exists()


def test_the_place_is_shown_on_the_terminal(tmp_path: Path) -> None:
    """The carets stand below what they point at; the exit code is that of wrong usage."""
    dataset(tmp_path)
    env = {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path)}
    done = equigen("select", "--where", "year >= 1970 AND yeer", cwd=tmp_path, env=env)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("LINE 1: "))
    assert lines[at].index("yeer") == lines[at + 1].index("^^^^")
    assert lines[0].startswith("equigen select: --where: Binder Error")
    told = equigen("select", "--where", "yeer", "--json", cwd=tmp_path, env=env)
    assert told.returncode == 2
    assert "LINE 1: yeer" in from_json(told.stdout)["error"]


FORBIDDEN = [
    "(SELECT count(*) FROM read_csv('{file}')) > 0",
    "(SELECT count(*) FROM read_text('{file}')) > 0",
    "(SELECT count(*) FROM read_blob('{file}')) > 0",
    "(SELECT count(*) FROM read_parquet('{file}')) > 0",
    "(SELECT count(*) FROM read_json('{file}')) > 0",
    "(SELECT count(*) FROM glob('{folder}/*')) > 0",
    "(SELECT count(*) FROM '{file}') > 0",
    "(SELECT count(*) FROM query('COPY albums TO ''{file}''')) > 0",
    "(SELECT count(*) FROM sqlite_scan('{folder}/x', 'y')) > 0",
    "(SELECT count(*) FROM read_csv('http://127.0.0.1:9/x.csv')) > 0",
    "(SELECT count(*) FROM 's3://bucket/x.parquet') > 0",
    "getenv('HOME') <> ''",
    "true); COPY albums TO '{file}'; SELECT (true",
    "true); ATTACH '{folder}/x.db'; SELECT (true",
    "true); INSTALL httpfs; SELECT (true",
    "true); LOAD httpfs; SELECT (true",
    "true); SET enable_external_access = true; SELECT (true",
    "true); PRAGMA database_list; SELECT (true",
    "true); EXPORT DATABASE '{folder}'; SELECT (true",
]


@pytest.mark.parametrize("where", FORBIDDEN)
def test_files_network_and_extensions_are_out_of_reach(tmp_path: Path, where: str) -> None:
    """Nothing is read, written, attached, installed or set."""
    folder = tmp_path / "other"
    folder.mkdir()
    file = folder / "secret.csv"
    file.write_text("a\nsecret\n")
    dataset(tmp_path / "data")
    with pytest.raises(UsageError) as caught:
        run(tmp_path / "data", where.format(file=file, folder=folder), in_place=True)
    assert "secret\n" not in str(caught.value)
    assert [each.name for each in folder.iterdir()] == ["secret.csv"]
    assert file.read_text() == "a\nsecret\n"
    assert not (tmp_path / "data" / RESERVE).exists()


def test_covers_and_sets_can_be_asked_for(tmp_path: Path) -> None:
    """As the dataset tells them."""
    with ScriptedServer(Script(status=404)) as server:
        server.by_path = {f"/{n}.jpg": Script(body=saved(scene(n))) for n in range(1, 6)}
        rows = [{**each, "image_url": f"{server.url}/{n}.jpg"} for n, each in enumerate(ALBUMS, 1)]
        dataset(tmp_path, rows)
        run_download(tmp_path)
    run_split(tmp_path)
    told = Dataset(make_context(tmp_path)).covers()
    for column in ("status", "sha256", "set"):
        for value in set(told[column]):
            there = told["album"][told[column] == value].to_list()
            assert kept(tmp_path, f"\"{column}\" = '{value}'") == there
    for column in ("width_px", "height_px", "size_bytes"):
        there = told["album"][told[column] > 0].to_list()
        assert kept(tmp_path, f"{column} > 0") == there == ["One", "Two", "Three", "Four", "Five"]
        summary = run(tmp_path, f"{column} > 0")
        assert summary.dropped["condition NULL, as a value is missing"] == 1


def test_a_ledger_of_a_stranger_breaks_nothing(tmp_path: Path) -> None:
    """Values of another type are taken as what they should be."""
    dataset(tmp_path)
    with Ledger(tmp_path / LEDGER_NAME) as ledger:
        ledger.record_covers([Cover("https://h.example/1.jpg", "u", "ok", width_px=9)])
    with closing(sqlite3.connect(tmp_path / LEDGER_NAME)) as db, db:
        db.execute("UPDATE covers SET width_px = 'wide', sha256 = 7, status = x'6f6b'")
    assert kept(tmp_path, "status = 'ok' AND width_px IS NULL AND sha256 = '7'") == ["One"]


def test_ratings_that_were_not_asked_for_are_said(tmp_path: Path) -> None:
    """An expression over them would leave out all; NULL stands for single albums without one."""
    write_rows(tmp_path / TSV, {"artist": "A", "genre": "Jazz"})
    with pytest.raises(UsageError, match="no column rating_count yet"):
        run(tmp_path, "rating_count > 3", in_place=True)
    assert run(tmp_path, "(SELECT count(*) FROM (SELECT * FROM albums)) = 1").rows_out == 1


def test_a_tsv_of_another_tool_can_be_asked(tmp_path: Path) -> None:
    """Its columns are texts; ours that it lacks are empty, and names differ by case alone."""
    write_rows(
        tmp_path / TSV,
        {"artist": "A", "genre": "Jazz", "My Note": "x", "Status": "theirs", "Year": "1"},
        columns=("artist", "album", "album_index", "genre", "year", "image_url", "My Note",
                 "Status", "Year"),
    )  # fmt: skip
    assert run(tmp_path, "\"My Note\" = 'x' AND status = 'waiting'").rows_out == 1
    assert run(tmp_path, "country = '' AND formats = [] AND year IS NULL").rows_out == 1
    names = [column.name for column in columns_of(make_context(tmp_path))]
    assert len({name.casefold() for name in names}) == len(names)
    assert names[-1] == "My Note"


def test_albums_of_several_labels_can_be_asked_for_each(tmp_path: Path) -> None:
    """By the names of their folders; the label of its genre comes first."""
    write_rows(
        tmp_path / TSV,
        {"artist": "A", "genre": "Salsa (World)", "labels": "World|Jazz"},
        {"artist": "B", "genre": "Jazz", "labels": ""},
        {"artist": "C", "genre": "Jazz", "labels": "Jazz"},
        columns=("artist", "album", "album_index", "genre", "year", "image_url", "labels"),
    )
    for where, rows in (
        ("list_contains(labels, 'Jazz')", 3),
        ("labels = ['World', 'Jazz']", 1),
        ("len(labels) = 1", 2),
        ("label = labels[1]", 3),
        ("label = 'Jazz'", 2),
    ):
        assert run(tmp_path, where).rows_out == rows, where


def test_an_empty_dataset_keeps_nothing(tmp_path: Path) -> None:
    """Also where a condition asks for covers; without a TSV, it is said which is missing."""
    dataset(tmp_path, ())
    for where in ("true", "width_px > 0 AND \"set\" = 'train'"):
        assert run(tmp_path, where).rows_in == 0
    (tmp_path / TSV).unlink()
    with pytest.raises(MissingInputError, match="equigen fetch"):
        run(tmp_path, "true")


def test_a_broken_tsv_is_refused_where_it_is_broken(tmp_path: Path) -> None:
    """By line, and nothing is changed."""
    tsv = dataset(tmp_path)
    tsv.write_bytes(tsv.read_bytes() + b"only\ttwo\n")
    before = tsv.read_bytes()
    with pytest.raises(InputError, match="line 8"):
        run(tmp_path, "true", in_place=True)
    assert tsv.read_bytes() == before


def test_the_columns_are_listed_and_documented(tmp_path: Path) -> None:
    """With type and meaning, also without a dataset; docs/select.md has the same."""
    summary = select.run(make_context(tmp_path), columns=True)
    assert summary.table is not None
    docs = (Path(__file__).parents[2] / "docs" / "select.md").read_text(encoding="utf-8")
    for name, kind, meaning in summary.table.rows:
        assert f"| `{name}` | {kind} | {meaning} |" in docs
    assert summary.facts["columns"] == [
        {"name": name, "type": kind, "meaning": meaning}
        for name, kind, meaning in summary.table.rows
    ]


def test_it_works_without_pyarrow(tmp_path: Path) -> None:
    """Which is an extra; and no other command imports DuckDB."""
    dataset(tmp_path)
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import equigen\n"
        "equigen.run('counts', directory=sys.argv[1])\n"
        "assert 'duckdb' not in sys.modules\n"
        "print(equigen.run('select', directory=sys.argv[1], where='len(genres) = 1')['rows_out'])\n"
        "assert 'duckdb' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=tmp_path, env=program_env(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "4"


def test_json_tells_condition_and_counts(tmp_path: Path) -> None:
    """For programs."""
    dataset(tmp_path)
    env = {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path)}
    done = equigen(
        "select", "--where", "year > 1980", "--in-place", "--json", cwd=tmp_path, env=env
    )
    assert done.returncode == 0, done.stderr
    told = from_json(done.stdout)
    assert (told["rows_in"], told["rows_out"], told["where"]) == (6, 2, "year > 1980")
    assert told["output"] == str(tmp_path / TSV)
    with Ledger(tmp_path / LEDGER_NAME, read_only=True) as ledger:
        assert ledger.covers() == {}
