"""The status stage, from an empty folder to a whole dataset."""

from pathlib import Path

from support import make_context, write_rows

from equigen.ledger import Ledger
from equigen.records import PageUse
from equigen.rules.selection import Identity
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.exchange import Reply
from equigen.sandbox.server import Sandbox
from equigen.schema import Album, Listing
from equigen.stages import download, fetch, split, status


def test_status_names_the_next_step_from_start_to_end(tmp_path: Path) -> None:
    """What is there, what is missing, and what to run, after each stage."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        context = make_context(
            tmp_path,
            base_url=sandbox.base_url,
            fetch={"labels": ["Jazz", "Salsa"], "genre_limit": 5, "world_limit": 5},
        )
        empty = status.run(context)
        assert (empty.rows_in, empty.facts["next"]) == (0, "equigen fetch")
        assert list(tmp_path.iterdir()) == [], "status writes nothing"
        fetch.run(context)
        fetched = status.run(context).facts
        assert (fetched["missing"], fetched["next"]) == (10, "equigen download")
        assert fetched["last_fetch"] == "2026-06-15T12:00:00+00:00"
        refused = 0

        def hook(hit: object) -> Reply | None:
            nonlocal refused
            refused += 1
            return Reply(404) if refused <= 2 else None

        sandbox.hook = hook
        download.run(context)
        loaded = status.run(context).facts
        assert loaded["covers"] == 8
        assert loaded["failed"] == {"HTTP 404": 2}
        assert loaded["next"] == "equigen split"
        split.run(context)
        done = status.run(context).facts
        sets = done["sets"]
        assert isinstance(sets, dict)
        assert sum(sets.values()) == 8
        assert str(done["next"]).startswith("nothing")


def test_rows_that_are_not_in_the_tsv_yet_are_told(tmp_path: Path) -> None:
    """Rows that a killed fetch left in the ledger count as such, and fetch is the next step."""
    context = make_context(tmp_path)
    write_rows(context.tsv, {"artist": "A", "genre": "Jazz", "image_url": "http://x/a.jpg"})
    listing = Listing("B", "T", "1999", "http://x/b.jpg", "discogs:r1", (), (), "", ())
    album = Album(listing, album_index=2, genre="Jazz", year="1999")
    with Ledger(context.ledger) as ledger:
        taken = [(album, Identity.of(listing, "Jazz"))]
        ledger.use_pages([PageUse("q", 1, rows_left=0)], taken=taken)
    found = status.run(context)
    assert (found.rows_in, found.facts["not_in_tsv_yet"]) == (1, 1)
    assert found.facts["next"] == "equigen fetch"


def test_a_dataset_of_another_tool_needs_no_fetch(tmp_path: Path) -> None:
    """Where rows are there and no fetch was ever begun, the covers are next."""
    context = make_context(tmp_path)
    write_rows(context.tsv, {"artist": "A", "genre": "Jazz", "image_url": "http://x/a.jpg"})
    found = status.run(context).facts
    assert (found["missing"], found["next"]) == (1, "equigen download")
