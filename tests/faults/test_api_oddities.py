"""What a service says that nobody expects: too little, for ever; too much; and of any type."""

import gzip
import json
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from apifaults import (
    Trouble,
    check_adds_up,
    fetch_all,
    is_of,
    jazz,
    odd_notes,
    rows_in,
    service,
    undisturbed,
    with_answer,
)
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.dataset.tsv import reading_tsv, write_tsv
from equigen.fetching.selection import Selection
from equigen.labels.taxonomy import builtin_queries
from equigen.sandbox.handlers import Reply
from equigen.schema import TAKEN_COLUMNS, Album
from equigen.sources.base import Search
from equigen.sources.discogs import Discogs

SPREADS = ["recent", "even"]
LONG = "x" * 4_000_000


@pytest.mark.parametrize("spread", SPREADS)
def test_a_page_that_stays_short_is_taken_as_it_is(tmp_path: Path, spread: str) -> None:
    """Asked for twice, then taken with a word in the summary; later runs don't ask again."""
    with service() as sandbox:
        expected = undisturbed(tmp_path, sandbox, spread=spread)
        spoil = with_answer(lambda answer: answer["results"].__delitem__(slice(0, 5)))
        sandbox.hook = trouble = Trouble(sandbox, is_of("Jazz", year=2020, page=2), spoil)
        summary = fetch_all(tmp_path, sandbox, spread=spread)
        assert trouble.spoiled.total() == 2
        assert len(rows_in(tmp_path)) == len(expected) - 5
        assert not summary.partly
        (note,) = odd_notes(summary)
        assert note.startswith("1 result page had fewer results than the service said")
        check_adds_up(summary)
        assert not odd_notes(fetch_all(tmp_path, sandbox, spread=spread))
        assert trouble.spoiled.total() == 2
    assert set(trouble.good.values()) == {1}


@pytest.mark.parametrize("spread", SPREADS)
def test_a_page_that_stays_empty_is_taken_as_it_is(tmp_path: Path, spread: str) -> None:
    """A page in the middle without results: the pages around it are there."""
    with service() as sandbox:
        expected = undisturbed(tmp_path, sandbox, spread=spread)
        spoil = with_answer(lambda answer: answer.update(results=[]))
        sandbox.hook = trouble = Trouble(sandbox, is_of("Jazz", year=2020, page=2), spoil)
        summary = fetch_all(tmp_path, sandbox, spread=spread)
        assert trouble.spoiled.total() == 5
        assert len(rows_in(tmp_path)) == len(expected) - 100
    assert len(odd_notes(summary)) == 1
    assert not summary.partly
    check_adds_up(summary)


@pytest.mark.parametrize("spread", SPREADS)
def test_a_first_page_that_stays_empty_is_left_once(tmp_path: Path, spread: str) -> None:
    """The next run asks for it again; what is the same then is taken, so that the label ends."""
    with service() as sandbox:
        expected = undisturbed(tmp_path, sandbox, spread=spread)
        spoil = with_answer(lambda answer: answer.update(results=[]))
        sandbox.hook = trouble = Trouble(sandbox, is_of("Jazz", year=2020, page=1), spoil)
        first = fetch_all(tmp_path, sandbox, spread=spread)
        assert first.partly
        assert "counts 250" in str(first.facts["failed"])
        second = fetch_all(tmp_path, sandbox, spread=spread)
        assert not second.partly
        assert len(odd_notes(second)) == 1
        assert len(rows_in(tmp_path)) == len(expected) - 100
        assert trouble.spoiled.total() == 4
        assert not odd_notes(fetch_all(tmp_path, sandbox, spread=spread))
        assert trouble.spoiled.total() == 4
    assert set(trouble.good.values()) == {1}


def test_an_empty_first_page_that_is_filled_later_loses_nothing(tmp_path: Path) -> None:
    """A service whose index was away for the whole of a run, for all labels."""
    with service() as sandbox:
        expected = undisturbed(tmp_path, sandbox)
        spoil = with_answer(lambda answer: answer.update(results=[]))
        trouble = Trouble(sandbox, lambda hit: hit.query["page"] == ["1"], spoil)
        sandbox.hook = trouble
        with pytest.raises(Exception, match="The service is ill: run again later"):
            fetch_all(tmp_path, sandbox)
        trouble.times = 0
        summary = fetch_all(tmp_path, sandbox)
    assert rows_in(tmp_path) == expected
    assert not summary.partly


def test_pages_that_can_not_be_paged_to_end_the_query(tmp_path: Path) -> None:
    """A service that gives out less than it counts: what it gives is taken, and nothing is left."""
    with service(jazz(1, 350)) as sandbox:
        sandbox.hook = trouble = Trouble(
            sandbox,
            lambda hit: int(hit.query["page"][0]) > 2,
            lambda _: Reply(403, {}, b'{"message": "Pagination above 200 results is disabled."}'),
        )
        summary = fetch_all(tmp_path, sandbox, labels=["Jazz"])
    assert len(rows_in(tmp_path)) == 200
    assert not summary.partly
    assert len(odd_notes(summary)) == 1
    assert max(trouble.spoiled.values()) == 2


def test_no_page_past_the_hundredth_is_asked_for(tmp_path: Path) -> None:
    """However many results and pages a service counts; each page that is not there costs two."""
    with service(jazz(1, 150)) as sandbox:

        def boast(answer: dict[str, Any]) -> None:
            answer["pagination"].update(items=12_000, pages=120)

        sandbox.hook = Trouble(
            sandbox,
            lambda hit: "country" not in hit.query and hit.status == 200,
            with_answer(boast),
        )
        summary = fetch_all(tmp_path, sandbox, labels=["Jazz"], to_year=2020)
        asked = Counter(
            int(hit.query["page"][0]) for hit in sandbox.log if "country" not in hit.query
        )
    assert len(rows_in(tmp_path)) == 150
    assert max(asked) == 100
    check_adds_up(summary)


def test_texts_of_megabytes_are_cut_and_kept(tmp_path: Path) -> None:
    """The rows stay, are read by our own reader, and are known again by the next run."""
    with service(jazz(1, 30)) as sandbox:

        def swell(answer: dict[str, Any]) -> None:
            results = answer["results"]
            if results:
                results[0]["title"] = f"Artist {LONG} - Title"
                results[1]["title"] = f"Artist - {LONG}"
                results[2]["title"] = LONG
                results[3].update(genre=["Jazz"] * 50_000, style=[f"{n}" for n in range(50_000)])
                results[4].update(country="y" * 1_000_000, format=["z" * 5_000] * 300)

        sandbox.hook = Trouble(sandbox, is_of("Jazz", year=2020), with_answer(swell))
        summary = fetch_all(tmp_path, sandbox, labels=["Jazz"])
        rows = rows_in(tmp_path)
        assert len(rows) == summary.rows_out == 30
        assert max(len(cell) for row in rows for cell in row.values()) <= 201_000
        assert max(len(row["artist"]) + len(row["album"]) for row in rows) <= 2_000
        with reading_tsv(tmp_path / "equigen_dataset.tsv") as tsv:
            assert len(list(tsv)) == 30
        before = (tmp_path / "equigen_dataset.tsv").read_bytes()
        again = fetch_all(tmp_path, sandbox, labels=["Jazz"], refresh=True, since=2019)
        assert again.rows_out == 0
    assert (tmp_path / "equigen_dataset.tsv").read_bytes() == before


ODD: list[Any] = [
    None,
    True,
    70_007,
    -1,
    10**30,
    1.5,
    "",
    "\0",
    "1999.0",
    [],
    [[None]],
    {},
    {"name": {"x": []}},
]
FIELDS = [
    *("id", "type", "title", "year", "country", "genre", "style", "format", "formats"),
    *("cover_image", "thumb", "master_id", "community"),
]


def test_results_with_odd_fields_of_every_kind_leave_the_others(tmp_path: Path) -> None:
    """Each field with each odd value beside whole results: those are taken, all are counted."""
    with service(jazz(1, 60)) as sandbox:
        # The odd ones share the first one's picture: one of them is taken in its place.
        expected = {row["album_id"] for row in undisturbed(tmp_path, sandbox, labels=["Jazz"])[1:]}

        def mix(answer: dict[str, Any]) -> None:
            whole = answer["results"]
            odd = [
                {**whole[0], "id": 5_000 + at, field: value}
                for at, (field, value) in enumerate((f, v) for f in FIELDS for v in ODD)
                if whole
            ]
            answer["results"] = [None, [], "album", 7, *odd, *whole]

        spoil = with_answer(lambda answer: mix(answer) if answer["results"] else None)
        sandbox.hook = Trouble(sandbox, is_of("Jazz", year=2020), spoil)
        summary = fetch_all(tmp_path, sandbox, labels=["Jazz"])
        assert {row["album_id"] for row in rows_in(tmp_path)} >= expected
    assert summary.rows_in >= 60 + len(FIELDS) * len(ODD)
    assert not summary.partly
    check_adds_up(summary)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "id": st.integers(0, 50) | st.integers(0, 50).map(str),
    "type": st.sampled_from(["release", "master", "artist"]),
    "title": st.text(max_size=12) | st.sampled_from(["A - B", "A\t- B\r\n", "\ud800 - \u2028"]),
    "cover_image": st.sampled_from(["https://a.example/1.jpg", "https://a.example/\t2.jpg"]),
    "year": st.sampled_from(["1999", 1999, "1999.0", 0, "?"]),
}
RESULTS = st.fixed_dictionaries(
    {},
    optional={field: PLAUSIBLE.get(field, VALUES) | VALUES for field in FIELDS},
)


@given(st.lists(RESULTS | VALUES, max_size=8), VALUES)
@examples(200)
def test_any_page_becomes_rows_that_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, results: list[Any], pagination: object
) -> None:
    """Any JSON page gives listings or counts others; what is taken is read back as written."""
    label = next(x for x in builtin_queries(genre_limit=9, world_limit=9) if x.name == "Jazz")
    source = Discogs("http://127.0.0.1", "all", "T/1", {})
    body = json.dumps({"pagination": pagination, "results": results}).encode()
    page = source.read(Search(label, 2020), body, url="http://127.0.0.1/database/search")
    assert len(page.listings) + page.others == len(results)
    assert 0 <= page.torn <= len(results)
    selection = Selection()
    verdicts = [selection.judge(each, label, year_asked=2020) for each in page.listings]
    rows = [list(verdict.cells()) for verdict in verdicts if isinstance(verdict, Album)]
    file = tmp_path_factory.getbasetemp() / "any.tsv"
    write_tsv(file, TAKEN_COLUMNS, rows)
    with reading_tsv(file) as tsv:
        assert list(tsv) == rows


def bomb(rows: int) -> bytes:
    """Pack a page of empty rows, without having it as a whole."""
    parts = [gzip.compress(b'{"pagination": {"items": 3, "pages": 1}, "results": [{}')]
    parts += [gzip.compress(b",{}" * 100_000, 9)] * (rows // 100_000)
    return b"".join([*parts, gzip.compress(b"]}")])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (16_000_000, "larger than"),
        (4_000_000, "more than 200,000 values"),
        (1_200, "asked for 100"),
    ],
)
def test_a_page_that_unpacks_to_millions_of_rows_takes_no_memory(
    tmp_path: Path, rows: int, said: str
) -> None:
    """It is bounded before it is parsed: its label is left, the others are filled."""
    body = bomb(rows) if rows > 1_200 else gzip.compress(b'{"results": [{}%s]}' % (b",{}" * rows))
    with service() as sandbox:
        expected = undisturbed(tmp_path, sandbox)
        reply = Reply(200, {"Content-Encoding": "gzip"}, body)
        sandbox.hook = lambda hit: reply if is_of("Jazz", year=2020)(hit) else None
        tracemalloc.start()
        try:
            summary = fetch_all(tmp_path, sandbox)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak_bytes < 100 * 1024 * 1024
    assert summary.partly
    assert said in str(summary.facts["failed"])
    others = [row for row in expected if row["genre"] != "Jazz"]
    assert [row for row in rows_in(tmp_path) if row["genre"] != "Jazz"] == others
