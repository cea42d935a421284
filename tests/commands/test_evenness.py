"""How far the sizes of labels are apart, as commands say it; and balance as a stage of a run."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fetches import album, run_fetch
from support import make_context, read_rows, write_rows

from equigen.commands import balance, counts, fetch, run, status
from equigen.dataset.context import Context
from equigen.dataset.counting import By
from equigen.plugins import find_commands
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.server import Sandbox
from equigen.summary import Summary

TSV, RESERVE = "equigen_dataset.tsv", "equigen_dataset_reserve.tsv"


def have(folder: Path, **labels: int) -> Context:
    """Write a dataset of so many albums of each label; `none` has no genre."""
    rows = [
        {"artist": f"{label} {n}", "genre": label.replace("none", "")}
        for label, count in labels.items()
        for n in range(count)
    ]
    write_rows(folder / TSV, *rows)
    return make_context(folder)


def whole_run(context: Context) -> list[Summary]:
    """Run all stages."""
    commands = find_commands()

    def get(name: str) -> Callable[..., Summary]:
        return commands[name].load().run  # type: ignore[no-any-return]

    return list(run.run(context, get))


@pytest.mark.parametrize(
    ("sizes", "line"),
    [
        (
            {"Jazz": 287, "Folk": 27},
            "classes: 27 to 287 albums, 10.6 to 1: `equigen balance --per-label min`",
        ),
        (
            {"Jazz": 4, "Folk": 7, "Rock": 5},
            "classes: 4 to 7 albums, 1.8 to 1: `equigen balance --per-label min`",
        ),
        ({"Jazz": 4, "Folk": 6}, "classes: 4 to 6 albums, 1.5 to 1"),
        ({"Jazz": 4, "Folk": 4}, "classes: 4 albums each"),
    ],
)
def test_the_last_line_is_on_evenness(tmp_path: Path, sizes: Mapping[str, int], line: str) -> None:
    """Of status and of counts, whatever is counted; no advice where labels are even."""
    context = have(tmp_path, **sizes)
    least, most = min(sizes.values()), max(sizes.values())
    for told in (status.run(context), counts.run(context), counts.run(context, by=[By.YEAR])):
        assert told.notes[-1] == line
        assert told.facts["evenness"] == {
            "labels": len(sizes), "least": least, "most": most, "ratio": round(most / least, 2)
        }  # fmt: skip


def test_one_label_is_neither_even_nor_uneven(tmp_path: Path) -> None:
    """Nothing is said of it, nor of none, nor of a folder of pictures."""
    for context in (have(tmp_path, Jazz=5), have(tmp_path)):
        for told in (status.run(context), counts.run(context)):
            assert told.facts["evenness"] == {}
            assert not any("classes" in note for note in told.notes)
    (tmp_path / "pictures").mkdir()
    assert counts.run(context, images=tmp_path / "pictures").notes == []


def test_rows_without_a_genre_are_named(tmp_path: Path) -> None:
    """With the class that they make, by all that count labels."""
    context = have(tmp_path, none=12, Jazz=12)
    told = "12 rows have no genre: their class is `_`"
    assert told in counts.run(context).notes
    assert told in status.run(context).notes
    chosen = make_context(tmp_path, balance={"per_label": 1})
    assert told in balance.run(chosen, dry_run=True).notes
    assert "1 row has no genre: its class is `_`" in counts.run(have(tmp_path, none=1)).notes
    assert counts.run(have(tmp_path, none=1)).facts["counts"] == {"_": 1}


def test_fetch_ends_with_the_line(tmp_path: Path) -> None:
    """It is of all labels of the dataset, not of those that are fetched."""
    with Sandbox(make_catalogue(albums_per_label=30)) as sandbox:
        told = run_fetch(tmp_path, sandbox, limit=9, labels=["Jazz"])
        assert told.facts["evenness"] == {}
        told = run_fetch(tmp_path, sandbox, limit=3, labels=["Blues"])
    assert told.notes[-1] == "classes: 3 to 9 albums, 3.0 to 1: `equigen balance --per-label min`"
    assert told.facts["evenness"] == {"labels": 2, "least": 3, "most": 9, "ratio": 3.0}


def test_labels_without_an_album_are_told(tmp_path: Path) -> None:
    """By fetch and status, once a fetch of them ended; not of labels that get no albums."""
    told = "2 of 3 labels are without an album: Pop, Folk"
    jazz = [album(number, genres=("Jazz",), styles=("Jazz",)) for number in range(5)]
    with Sandbox(jazz) as sandbox:
        chosen = {"labels": ["Jazz", "Pop", "Folk", "Salsa"], "world_limit": 0, "genre_limit": 3}
        context = make_context(tmp_path, base_url=sandbox.base_url, fetch=chosen)
        assert told not in status.run(context).notes
        assert fetch.run(context).notes[-1] == told
        assert status.run(context).notes[-1] == told
        only = make_context(
            tmp_path, base_url=sandbox.base_url, fetch={**chosen, "labels": ["Pop"]}
        )
        for each in (fetch.run(only), status.run(only)):
            assert told in each.notes, "they were all asked for before"
        sandbox.entries = []
        other = make_context(tmp_path / "other", base_url=sandbox.base_url, fetch=chosen)
        assert not any("without an album" in note for note in fetch.run(other).notes)


def test_a_run_balances_where_the_settings_say_so(tmp_path: Path) -> None:
    """It ends with the line; a second run asks for nothing and changes nothing."""
    with Sandbox(make_catalogue(albums_per_label=30), cover_size_px=64) as sandbox:
        limits = {"labels": ["Jazz", "Blues"], "genre_limit": 12, "from_year": 2026}
        context = make_context(tmp_path, base_url=sandbox.base_url, fetch=limits)
        told = whole_run(context)
        assert "balance" not in [each.stage for each in told]
        balanced = make_context(
            tmp_path, base_url=sandbox.base_url, fetch=limits, balance={"per_label": 5}
        )
        told = whole_run(balanced)
        assert [each.stage for each in told][2:5] == ["dedupe", "balance", "counts"]
        assert told[-1].notes[-1] == "classes: 5 albums each"
        assert told[-1].facts["evenness"] == {"labels": 2, "least": 5, "most": 5, "ratio": 1.0}
        sandbox.log.clear()
        before = {file: (tmp_path / file).stat() for file in (TSV, RESERVE)}
        assert whole_run(balanced)[3].rows_out == 10
        assert sandbox.log == []
    for file, stat in before.items():
        assert (tmp_path / file).stat().st_ino == stat.st_ino
    assert len(read_rows(tmp_path / RESERVE)) == 14


def test_status_asks_for_no_fetch_after_balance(tmp_path: Path) -> None:
    """Nothing is missing where rows were left out."""
    with Sandbox(make_catalogue(albums_per_label=30), cover_size_px=64) as sandbox:
        limits = {"labels": ["Jazz", "Blues"], "genre_limit": 12, "from_year": 2026}
        settings = {"fetch": limits, "balance": {"per_label": 5}}
        context = make_context(tmp_path, base_url=sandbox.base_url, **settings)  # type: ignore[arg-type]
        fetch.run(context)
        balance.run(context)
        assert status.run(context).facts["next"] == "equigen clean"
        whole_run(context)
    told = str(status.run(context).facts["next"])
    assert told.startswith("nothing: the dataset is complete")
