"""Recipes: written of a dataset, built elsewhere, and what the proof says of each cover."""

import csv
import io
import json
import re
import shutil
import signal
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import crawls
import pytest
from bench.changes import CHANGES
from downloads import TSV, picture
from forks import Forks
from kills import Case, check_ledger, kill_often
from PIL import Image, ImageDraw, ImageFont
from support import (
    NOON,
    Script,
    ScriptedServer,
    equigen,
    make_context,
    read_rows,
    realdata,
    sandbox_env,
)

from equigen.commands import download, fetch, recipe, split, status
from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset
from equigen.dataset.tsv import reading_tsv, write_tsv
from equigen.errors import InputError, UsageError
from equigen.images.check import check_picture
from equigen.images.rendering import Demands
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import FileOf
from equigen.recipes.building import with_settings
from equigen.recipes.file import MOST_BITS, bits_apart, read_recipe
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.server import Sandbox
from equigen.sandbox.spotify import SpotifySandbox
from equigen.schema import SETS, Group
from equigen.sources.discogs import RESTRICTION
from equigen.summary import Summary

ALBUMS = 12
LABELS = ["Jazz", "Rock"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve a made-up catalogue."""
    with Sandbox(make_catalogue(albums_per_label=ALBUMS), cover_size_px=120) as served:
        yield served


def context_of(folder: Path, sandbox: Sandbox, **tables: Any) -> Context:  # noqa: ANN401
    """Return the context of a run on the sandbox's albums."""
    return make_context(folder, base_url=sandbox.base_url, **tables)


def made(folder: Path, sandbox: Sandbox, **tables: Any) -> Path:  # noqa: ANN401
    """Make a dataset as the demo does, and write its recipe."""
    tables.setdefault("fetch", {"labels": LABELS, "genre_limit": ALBUMS})
    context = context_of(folder / "first", sandbox, **tables)
    fetch.run(context)
    download.run(context)
    split.run(context)
    out = folder / "covers.recipe"
    recipe.run(context, action=recipe.RecipeAction.WRITE, files=[out])
    return out


def build(folder: Path, sandbox: Sandbox, file: Path, **tables: Any) -> Summary:  # noqa: ANN401
    """Build a recipe's dataset."""
    context = context_of(folder / "second", sandbox, **tables)
    return recipe.run(context, action=recipe.RecipeAction.BUILD, files=[file])


def shown(folder: Path, sandbox: Sandbox) -> dict[str, tuple[tuple[str, ...], str, str]]:
    """Return labels, set and sha256 of each album by its key."""
    context = make_context(folder, base_url=sandbox.base_url)
    return {each.key: (each.labels, each.set, each.sha256) for each in Dataset(context).rows()}


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the files in the sets."""
    found = {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for name in SETS
        for file in (folder / "split" / name).rglob("*.jpg")
    }
    assert found
    return found


def encoded_anew(body: bytes) -> bytes:
    """Return the same picture in other bytes."""
    out = io.BytesIO()
    Image.open(io.BytesIO(body)).save(out, "JPEG", quality=55)
    return out.getvalue()


@pytest.mark.parametrize("group", [Group.ARTIST_COVER, Group.NONE])
def test_a_dataset_is_built_elsewhere_with_the_same_bytes(
    tmp_path: Path, sandbox: Sandbox, group: Group
) -> None:
    """Rows, labels, sets and files are the same; each address was asked for by id, none in vain."""
    file = made(tmp_path, sandbox, split={"group": group, "seed": 5})
    sandbox.log.clear()
    summary = build(tmp_path, sandbox, file)
    first, second = tmp_path / "first", tmp_path / "second"
    assert shown(first, sandbox) == shown(second, sandbox)
    assert files_below(first) == files_below(second)
    assert summary.facts["identical"] == summary.rows_in == summary.rows_out > ALBUMS
    assert summary.facts["covers_here"] == summary.facts["sets_same"]
    assert summary.facts["albums"] == summary.facts["labels_same"]
    assert not summary.partly
    assert not (second / "recipe_differences.tsv").exists()
    assert not (second / "recipe_taxonomy.toml").exists()  # it is a built-in one
    assert {hit.status for hit in sandbox.log} == {200}
    assert sum(hit.path.startswith(("/masters/", "/releases/")) for hit in sandbox.log) == len(
        {row["image_url"] for row in read_rows(second / TSV) if "/i/" in row["image_url"]}
    )


def test_it_is_the_same_file_twice_and_holds_no_signature(tmp_path: Path, sandbox: Sandbox) -> None:
    """Also of the dataset that was built from it."""
    file = made(tmp_path, sandbox)
    build(tmp_path, sandbox, file)
    again = tmp_path / "again.recipe"
    recipe.run(
        context_of(tmp_path / "first", sandbox), action=recipe.RecipeAction.WRITE, files=[again]
    )
    signatures = [row["image_url"].split("/")[4] for row in read_rows(tmp_path / "first" / TSV)]
    with zipfile.ZipFile(file) as one, zipfile.ZipFile(again) as other:
        assert one.namelist() == other.namelist()
        for name in ("albums.tsv", "covers.tsv"):
            assert one.read(name) == other.read(name)
        text = b"".join(map(one.read, one.namelist())).decode()
        (source,) = json.loads(one.read("recipe.json"))["sources"]
    assert signatures
    assert (source["name"], source["terms"]) == ("discogs", RESTRICTION)
    assert not any(each in text for each in signatures)
    third = tmp_path / "third.recipe"
    context = context_of(tmp_path / "second", sandbox)
    recipe.run(context, action=recipe.RecipeAction.WRITE, files=[third])
    told = recipe.run(context, action=recipe.RecipeAction.DIFF, files=[file, third])
    assert told.facts["counts"] == {}, told.facts


def test_each_cover_is_judged(tmp_path: Path, sandbox: Sandbox) -> None:
    """Other bytes of the same picture are taken; another picture is set aside; gone ones lack."""
    file = made(tmp_path, sandbox)
    bodies: dict[str, bytes] = {}
    covers = sorted(
        {
            row["image_url"].removeprefix(sandbox.base_url)
            for row in read_rows(tmp_path / "first" / TSV)
        }
    )
    covers = [path for path in covers if path.startswith("/i/")]
    anew, other, gone = covers[:5], covers[5:7], covers[7:9]
    for path in covers:
        bodies[path] = sandbox.answer(Hit("GET", path, {}, {}, 200, 0.0)).body

    def hook(hit: Hit) -> Reply | None:
        if hit.path in anew:
            return Reply(200, {}, encoded_anew(bodies[hit.path]))
        if hit.path in other:
            return Reply(200, {}, bodies[covers[-1 - other.index(hit.path)]])
        return Reply(404) if hit.path in gone else None

    sandbox.hook = hook
    summary = build(tmp_path, sandbox, file)
    facts = summary.facts
    assert (facts["same_picture"], facts["changed"], facts["gone"]) == (5, 2, 2), summary
    assert facts["identical"] == summary.rows_in - 9
    assert summary.partly
    assert facts["covers_here"] == facts["sets_same"] == summary.rows_out
    with (tmp_path / "second" / "recipe_differences.tsv").open(encoding="utf-8") as opened:
        states = [row["cover"] for row in csv.DictReader(opened, delimiter="\t")]
    assert sorted(states) == sorted(
        ["same picture"] * 5 + ["another picture now"] * 2 + ["gone at its source"] * 2
    )
    aside = tmp_path / "second" / "equigen_album_images_set_aside"
    files = list(aside.rglob("*.jpg"))
    assert len(files) == 2
    # As a kill leaves them, between the ledger and the files.
    for each in files:
        back = tmp_path / "second" / "equigen_album_images" / each.relative_to(aside)
        back.parent.mkdir(exist_ok=True)
        each.rename(back)
    assert build(tmp_path, sandbox, file).facts["changed"] == 2
    assert sorted(aside.rglob("*.jpg")) == sorted(files)
    sandbox.hook = None
    context = replace(
        context_of(tmp_path / "second", sandbox), now=lambda: NOON + timedelta(days=2)
    )
    summary = recipe.run(context, action=recipe.RecipeAction.BUILD, files=[file])
    assert not summary.partly, summary
    first = {key: each[:2] for key, each in shown(tmp_path / "first", sandbox).items()}
    assert first == {key: each[:2] for key, each in shown(tmp_path / "second", sandbox).items()}


def test_settings_hold_for_later_commands(tmp_path: Path, sandbox: Sandbox) -> None:
    """As if they had been given by flag; a taxonomy of one's own comes with the recipe."""
    own = tmp_path / "mine.toml"
    own.write_text(
        '[[label]]\nname = "Jazz"\nany_genre = ["Jazz"]\n'
        '[[label]]\nname = "Rocks"\nfolder = "Rock"\nany_genre = ["Rock"]\n'
    )
    file = made(
        tmp_path,
        sandbox,
        fetch={"taxonomy": str(own), "genre_limit": ALBUMS},
        download={"layout": "flat", "sizes": [64]},
    )
    own.unlink()
    summary = build(tmp_path, sandbox, file)
    assert not summary.partly, summary
    assert shown(tmp_path / "first", sandbox) != {}
    with Ledger(tmp_path / "second" / "equigen_ledger.sqlite") as ledger:
        noted = ledger.value("made_with")
    assert '"download.sizes": [64]' in noted
    assert str(tmp_path / "second" / "recipe_taxonomy.toml") in noted
    with zipfile.ZipFile(file) as opened:
        assert str(tmp_path) not in opened.read("recipe.json").decode()


def test_a_flag_names_the_folder(tmp_path: Path, sandbox: Sandbox) -> None:
    """So that a dataset is built beside the one that the settings name."""
    file = made(tmp_path, sandbox)
    args = ("recipe", "build", file, "--directory", tmp_path / "third", "--json")
    done = equigen(*args, cwd=tmp_path, env=sandbox_env(sandbox.base_url))
    told = json.loads(done.stdout)
    assert (done.returncode, told["identical"]) == (0, told["rows_in"])
    assert files_below(tmp_path / "first") == files_below(tmp_path / "third")


def test_another_dataset_is_left_alone(tmp_path: Path, sandbox: Sandbox) -> None:
    """Whatever lies in the folder stays as it was."""
    file = made(tmp_path, sandbox)
    before = (tmp_path / "first" / TSV).read_bytes()
    with pytest.raises(UsageError, match="another dataset lies here"):
        recipe.run(
            context_of(tmp_path / "first", sandbox), action=recipe.RecipeAction.BUILD, files=[file]
        )
    assert (tmp_path / "first" / TSV).read_bytes() == before
    (tmp_path / "second").mkdir()
    (tmp_path / "first" / "equigen_album_images").rename(
        tmp_path / "second" / "equigen_album_images"
    )
    with pytest.raises(UsageError, match="another dataset lies here"):
        build(tmp_path, sandbox, file)
    left = {each.name for each in (tmp_path / "second").iterdir()}
    assert left <= {"equigen_album_images", ".equigen.lock"}


def test_albums_known_by_id_alone_are_asked_for(tmp_path: Path, sandbox: Sandbox) -> None:
    """Names, years and covers come from the source where the recipe doesn't have them."""
    file = made(tmp_path, sandbox)

    ids = rewritten(file, tmp_path / "ids.recipe", bare)
    summary = build(tmp_path, sandbox, ids)
    assert summary.facts["filled_by_id"] == summary.facts["albums"]
    assert summary.facts["identical"] == summary.rows_in
    first, second = (read_rows(tmp_path / name / TSV) for name in ("first", "second"))
    assert [row["artist"] for row in first] == [row["artist"] for row in second]


def test_ids_that_no_source_has_are_gone_and_a_source_at_rest_is_asked_later(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Those are listed, and not asked for in each run; of the others each answer is kept."""
    file, lacks = made(tmp_path, sandbox), iter(("discogs:m999999", "file:Jazz/1.jpg", ""))

    def lacking(row: Sequence[str], columns: Sequence[str]) -> list[str]:
        cells = dict(zip(columns, bare(row, columns), strict=True))
        return [*{**cells, "album_id": next(lacks, cells["album_id"])}.values()]

    ids = rewritten(file, tmp_path / "ids.recipe", lacking)
    asked = 0

    def tired(hit: Hit) -> Reply | None:
        nonlocal asked
        if not hit.path.startswith(("/masters/", "/releases/")) or "999999" in hit.path:
            return None
        asked += 1
        return Reply(429, {"Retry-After": "86400"}) if asked > 5 else None

    sandbox.hook = tired
    summary = build(tmp_path, sandbox, ids)
    assert asked == 6
    assert (summary.facts["gone"], summary.facts["filled_by_id"]) == (3, 5)
    assert (summary.left, summary.rows_out) == (summary.rows_in - 8, 5)
    assert summary.resumes_at
    told = status.run(context_of(tmp_path / "second", sandbox)).facts
    assert told["next"] == "equigen recipe build FILE"
    with (tmp_path / "second" / "recipe_differences.tsv").open(encoding="utf-8") as opened:
        why = [row["why"] for row in csv.DictReader(opened, delimiter="\t")]
    assert why[:3] == ["no source has this id"] * 2 + ["neither an address nor an id"]
    sandbox.hook = None
    sandbox.log.clear()
    later = replace(
        context_of(tmp_path / "second", sandbox), now=lambda: NOON + timedelta(hours=12)
    )
    summary = recipe.run(later, action=recipe.RecipeAction.BUILD, files=[ids])
    assert summary.facts["filled_by_id"] == 0  # the host still rests
    assert not sandbox.log
    later = replace(later, now=lambda: NOON + timedelta(hours=30))
    summary = recipe.run(later, action=recipe.RecipeAction.BUILD, files=[ids], retry_failed=True)
    assert (summary.facts["identical"], summary.facts["gone"]) == (summary.rows_in - 3, 3)
    assert sum("999999" in hit.path for hit in sandbox.log) == 1
    assert str(status.run(later).facts["next"]).startswith("nothing")


def test_covers_come_from_the_addresses_that_they_had(tmp_path: Path) -> None:
    """Also where another one of an album promises a larger cover; that is for when they fail."""
    small, large = "/h:150/w:150/a.jpg", "/h:600/w:600/b.jpg"
    with ScriptedServer(Script(status=404)) as server:
        server.by_path |= {
            small: Script(body=picture(size=(64, 64))),
            large: Script(body=picture(size=(64, 60))),
        }
        cells = {
            "artist": "A", "album": "B", "album_index": "1", "genre": "Jazz", "year": "",
            "image_url": server.url + small, "album_id": "x:1", "more_images": server.url + large,
        }  # fmt: skip
        (tmp_path / "first").mkdir()
        write_tsv(tmp_path / "first" / TSV, list(cells), [list(cells.values())])
        context = make_context(tmp_path / "first", download={"prefer": "first"})
        download.run(context)
        file = tmp_path / "covers.recipe"
        recipe.run(context, action=recipe.RecipeAction.WRITE, files=[file])
        other = make_context(tmp_path / "second")
        summary = recipe.run(other, action=recipe.RecipeAction.BUILD, files=[file])
        assert summary.facts["identical"] == summary.rows_in == 1
        assert {each.path for each in server.seen} == {small}


def test_cells_of_any_kind_come_back_as_they_are(tmp_path: Path) -> None:
    """Quotes, line ends, columns of other tools, "NA"; addresses lose what is secret in them."""
    odd = ('Ann "A" B', '"', "two\nlines", "NA", " 007 ", "a\tb", "Beyonc\u00e9|x", "'", "\\", "#1")
    rows = [
        {
            "artist": cell, "album": f"Album {number}", "album_index": "1", "genre": "Jazz",
            "year": "", "image_url": f"http://me:secret@h.example/{number}.jpg",
            "more_images": f"http://h.example/{number}.jpg|http://me:secret@i.example/x.jpg",
            "note": cell,
        }
        for number, cell in enumerate(odd)
    ]  # fmt: skip
    write_tsv(tmp_path / TSV, list(rows[0]), [list(row.values()) for row in rows])
    out = tmp_path / "covers.recipe"
    recipe.run(make_context(tmp_path), action=recipe.RecipeAction.WRITE, files=[out])
    header, *found = read_recipe(out).rows()
    assert [dict(zip(header, row, strict=True)) for row in found] == [
        {
            **row,
            "image_url": row["image_url"].replace("me:secret@", ""),
            "more_images": row["more_images"].replace("me:secret@", ""),
        }
        for row in rows
    ]
    for number, secret in enumerate(
        ("file:///home/me/x.jpg", "/home/me/x.jpg", "http://h.example/x?X-Amz-Signature=abc",
         "https://h.example/x?v=1&token=abc", "https://i.scdn.co/image/ab67616d")
    ):  # fmt: skip
        rows[number]["image_url"] = secret
    write_tsv(tmp_path / TSV, list(rows[0]), [list(row.values()) for row in rows])
    recipe.run(make_context(tmp_path), action=recipe.RecipeAction.WRITE, files=[out])
    addresses = [cells["image_url"] for cells, _ in read_recipe(out).both()]
    assert addresses == [""] * 5 + [f"http://h.example/{number}.jpg" for number in range(5, 10)]
    covers = [cover for _, cover in read_recipe(out).both()]
    assert {cover.labels for cover in covers} == {("Jazz",)}
    assert {cover.sha256 for cover in covers} == {""}


SECRET = (
    "https://h.example/x?auth_token=abc", "https://h.example/x?client_secret=abc",
    "https://h.example/x?api-key=abc", "https://h.example/x?key=abc", "https://h.example/x#id_token=a",
    "https://h.example/hdnts=exp=1~acl=/*~hmac=abc/x.jpg", "https://h.example/x?verify=17-abc",
    "https://h.example/x?%73ig=abc&se=2030", "https://h.example/x?password=a", "https://h.example/x?jwt=a",
    "https://h.example/x?session=a", "see https://me:secret@h.example/x", "https://i.scdn.co/image/ab",
    "/home/me/x.jpg", "C:\\me\\x.jpg", "from ~/covers/x.jpg", "file:///home/me", '{"at": "/mnt/x"}',
)  # fmt: skip
FREE = (
    "https://h.example/x?monkey=1&sigma=2",
    "AC/DC",
    "and/or",
    "a: b",
    "http://h.example/a/b.jpg",
)


def test_columns_of_ones_own_tell_no_secret(tmp_path: Path) -> None:
    """Nor a path of the machine, nor what a source's terms cover; a note counts the cells."""
    rows = [
        {
            "artist": "A", "album": f"{number}", "album_index": "1", "genre": "Jazz", "year": "",
            "image_url": cell if "://" in cell and " " not in cell else "", "where": cell,
        }
        for number, cell in enumerate((*SECRET, *FREE))
    ]  # fmt: skip
    write_tsv(tmp_path / TSV, list(rows[0]), [list(row.values()) for row in rows])
    out = tmp_path / "covers.recipe"
    told = recipe.run(make_context(tmp_path), action=recipe.RecipeAction.WRITE, files=[out])
    found = [cells for cells, _ in read_recipe(out).both()]
    assert [cells["where"] for cells in found] == [""] * len(SECRET) + [*FREE]
    assert not any(cells["image_url"] for cells in found[: len(SECRET)])
    assert any(note.startswith(f"{len(SECRET)} cells") for note in told.notes)


def test_no_file_of_somebody_is_written_over(tmp_path: Path, sandbox: Sandbox) -> None:
    """Neither by a recipe, nor by what building writes beside the rows."""
    file = made(tmp_path, sandbox)
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    context = context_of(tmp_path / "first", sandbox)
    with pytest.raises(UsageError, match="no recipe"):
        recipe.run(context, action=recipe.RecipeAction.WRITE, files=[notes])
    recipe.run(context, action=recipe.RecipeAction.WRITE, files=[file])
    for name in ("recipe_taxonomy.toml", "recipe_differences.tsv"):
        (tmp_path / "second").mkdir(exist_ok=True)
        own = tmp_path / "second" / name
        own.write_text("mine")
        with pytest.raises(UsageError, match=f"{name} lies here"):
            build(tmp_path, sandbox, file)
        assert own.read_text() == "mine"
        own.unlink()
    assert notes.read_text() == "mine"


def test_two_recipes_are_told_apart(tmp_path: Path, sandbox: Sandbox) -> None:
    """By settings, albums, cells, labels, sets and covers; or the bytes of a picture."""
    one = made(tmp_path, sandbox)
    with reading_tsv(tmp_path / "first" / TSV) as tsv:
        rows = [dict(zip(tsv.columns, row, strict=True)) for row in tsv]
    with Ledger(tmp_path / "first" / "equigen_ledger.sqlite") as ledger:
        covers = list(ledger.covers().values())
        near = f"{int(covers[0].phash, 16) ^ 1:016x}"
        far = f"{int(covers[1].phash, 16) ^ 0xFFFFF:016x}"
        new = [
            replace(covers[0], sha256="ab" * 32, phash=near),
            replace(covers[1], sha256="cd" * 32, phash=far),
        ]
        files = {each.picture: ledger.files_of([each.picture])[each.picture] for each in new}
        ledger.record_covers(
            new,
            files=[FileOf(key, path) for key, paths in files.items() for path in paths],
            looks={new[0].sha256: ledger.looks_of([covers[0].sha256])[covers[0].sha256]},
        )
    rows[2]["genre"] = "Elsewhere"
    rows[3] |= {"year": "1999", "note": "new"}
    columns = list(rows[3])
    write_tsv(
        tmp_path / "first" / TSV,
        columns,
        [[row.get(name, "") for name in columns] for row in rows[:-1]],
    )
    other = tmp_path / "other.recipe"
    context = context_of(tmp_path / "first", sandbox)
    recipe.run(context, action=recipe.RecipeAction.WRITE, files=[other])
    told = recipe.run(context, action=recipe.RecipeAction.DIFF, files=[one, other])
    assert told.rows_in == len(rows)
    assert told.facts["counts"] == {
        "cover": 1, "bytes of the cover": 1, "labels": 1, "only in the first": 1, "cell genre": 1,
        "cell year": 1, "cell note": 1,
    }  # fmt: skip
    assert told.dropped == {"only in the first": 1, "only in the second": 0, "different": 4}


def test_what_a_sources_terms_cover_is_not_in_it(tmp_path: Path) -> None:
    """Of Spotify's albums there are ids and labels; building asks for the rest."""
    with SpotifySandbox() as service:
        genres = ("delta blues", "soul-jazz")
        context = crawls.context_of(tmp_path / "first", service, genres=genres, limit=6)
        fetch.run(context)
        download.run(context)
        split.run(context)
        file = tmp_path / "covers.recipe"
        recipe.run(context, action=recipe.RecipeAction.WRITE, files=[file])
        first = read_rows(tmp_path / "first" / TSV)
        with zipfile.ZipFile(file) as opened:
            text = b"".join(map(opened.read, opened.namelist())).decode().casefold()
        for row in first:
            for name in ("artist", "album", "image_url"):
                assert row[name].casefold() not in text, row[name]
            assert row["album_id"].casefold() in text
        other = crawls.context_of(tmp_path / "second", service, genres=genres, limit=6)
        summary = recipe.run(other, action=recipe.RecipeAction.BUILD, files=[file])
        assert summary.facts["filled_by_id"] == len(first)
        assert summary.facts["identical"] == summary.rows_in == len(first)
        assert not summary.partly, summary
    second = read_rows(tmp_path / "second" / TSV)
    names = ("artist", "album", "album_id", "genre", "image_url", "year")
    assert [[row[name] for name in names] for row in first] == [
        [row[name] for name in names] for row in second
    ]
    assert files_below(tmp_path / "first") == files_below(tmp_path / "second")


def bare(row: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return a row that knows its album by id alone."""
    kept = {"album_id", "genre", "album_index"}
    return [cell if name in kept else "" for name, cell in zip(columns, row, strict=True)]


def rewritten(file: Path, out: Path, change: Any) -> Path:  # noqa: ANN401
    """Write a recipe with other rows."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            if name == "albums.tsv":
                header, *rows = csv.reader(io.StringIO(body.decode()), delimiter="\t")
                lines = ["\t".join(header), *("\t".join(change(row, header)) for row in rows)]
                body = "".join(f"{line}\n" for line in lines).encode()
            new.writestr(name, body)
    return out


def test_a_strangers_recipe_is_refused_in_a_line(tmp_path: Path, sandbox: Sandbox) -> None:
    """What is cut, unpacks to far too much, or asks for other settings changes nothing."""
    file = made(tmp_path, sandbox)
    body = file.read_bytes()
    for number, broken in enumerate((b"", body[:-30], body[: len(body) // 2], b"PK" * 99)):
        bad = tmp_path / f"{number}.recipe"
        bad.write_bytes(broken)
        with pytest.raises(InputError, match="no whole recipe"):
            read_recipe(bad)
    changes: dict[str, dict[str, Any]] = {
        "other settings": {"settings": {"split.ratio": [9, 9, 9]}},
        "another taxonomy": {"taxonomy": {"label": []}},
        "a path": {"taxonomy": {"label": "/etc/passwd"}},
        "newer": {"version": 99},
        "none": {"version": "x"},
    }
    for name, change in changes.items():
        bad = with_head(file, tmp_path / f"{name}.recipe", change)
        with pytest.raises(InputError, match=re.escape(str(bad))):
            build(tmp_path, sandbox, bad)
    assert not (tmp_path / "second" / TSV).exists()


def test_what_unpacks_to_far_too_much_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    """A row without an end, other ways to compress, and further members."""
    file = made(tmp_path, sandbox)
    bad = tmp_path / "bad.recipe"
    with zipfile.ZipFile(file) as old:
        members = {name: old.read(name) for name in old.namelist()}
    row = members["albums.tsv"].splitlines(keepends=True)[-1]
    bombs: list[tuple[dict[str, bytes], int]] = [
        ({**members, "covers.tsv": members["covers.tsv"] + b"x" * (5 << 20)}, zipfile.ZIP_DEFLATED),
        ({**members, "albums.tsv": members["albums.tsv"] + b'"\n' * (3 << 20)}, 8),
        (members, zipfile.ZIP_LZMA),
        ({**members, "../evil": b""}, zipfile.ZIP_DEFLATED),
        ({**members, "albums.tsv": members["albums.tsv"] + row * ((66 << 20) // len(row))}, 8),
        ({**members, "albums.tsv": members["albums.tsv"].rpartition(b"\ndiscogs")[0]}, 8),
    ]
    for content, way in bombs:
        with zipfile.ZipFile(bad, "w", way) as new:
            for name, body in content.items():
                new.writestr(name, body)
        with pytest.raises(InputError):
            build(tmp_path, sandbox, bad)
        assert not (tmp_path / "evil").exists()
        assert not (tmp_path / "second" / TSV).exists()


def test_a_recipes_settings_name_no_place_and_no_host(tmp_path: Path, sandbox: Sandbox) -> None:
    """Those that define a dataset count, and no others."""
    file = made(tmp_path, sandbox)
    bad = with_head(
        file,
        tmp_path / "bad.recipe",
        {
            "settings": {
                "dataset.directory": "/elsewhere",
                "discogs.base_url": "http://evil.example",
                "http.private_addresses": "always",
                "fetch.taxonomy": "/etc/hostname.toml",
                "download.sizes": [48],
            }
        },
    )
    context = context_of(tmp_path / "second", sandbox)
    (tmp_path / "second").mkdir()
    now = with_settings(context, read_recipe(bad)).settings
    assert now.download.sizes == [48]
    assert now.model_dump(exclude={"download", "fetch"}) == context.settings.model_dump(
        exclude={"download", "fetch"}
    )
    assert now.fetch.taxonomy == str(tmp_path / "second" / "recipe_taxonomy.toml")


@pytest.mark.parametrize(
    ("at", "cell", "expected"),
    [
        (1, "dev", "set: expected train, val, test, aside or nothing, got 'dev'"),
        (2, "AB", "sha256: expected 64 hex digits or nothing, got 'AB'"),
        (3, "0", "phash: expected 16 hex digits or nothing, got '0'"),
        (5, "9" * 5000, "width_px: expected a number, got '999"),
        (7, "0", "look: expected 49 hex digits or nothing, got '0'"),
        (8, "x" * 70_000, "field larger than field limit"),
        (8, "x\ty", "expected 9 cells of text"),
    ],
)
def test_a_broken_row_is_named(
    tmp_path: Path, sandbox: Sandbox, at: int, cell: str, expected: str
) -> None:
    """Its table, its number, what was expected there and what came."""
    file, bad = made(tmp_path, sandbox), tmp_path / "bad.recipe"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(bad, "w") as new:
        for name in old.namelist():
            lines = old.read(name).decode().split("\n")
            if name == "covers.tsv":
                cells = lines[2].split("\t")
                lines[2] = "\t".join([*cells[:at], cell, *cells[at + 1 :]])
            new.writestr(name, "\n".join(lines))
    with pytest.raises(InputError, match=re.escape(f"covers.tsv, row 2: {expected}")):
        build(tmp_path, sandbox, bad)


def with_head(file: Path, out: Path, change: dict[str, Any]) -> Path:
    """Write a recipe with another head."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            body = old.read(name)
            if name == "recipe.json":
                body = json.dumps({**json.loads(body), **change}).encode()
            new.writestr(name, body)
    return out


def test_flat_covers_and_those_composed_alike_are_told_apart(tmp_path: Path) -> None:
    """White from red, one title from another, one colour from another; copies are taken."""
    pairs = {
        "flat": (flat("white"), flat("red")),
        "grey": (flat((120, 120, 120)), flat((160, 160, 160))),
        "title": (flat("white", "METALLICA"), flat("white", "VOL 2")),
        "number": (flat("white", "7", 300), flat("white", "4", 300)),
        "colours": (flat("navy", "BLUES"), flat("maroon", "BLUES")),
    }
    same, others = dict[str, tuple[bytes, bytes]](), dict[str, tuple[bytes, bytes]]()
    for name, (one, other) in pairs.items():
        same |= {f"/{name}/copy".replace(" ", ""): (jpeg(one), jpeg(one, 60))}
        others |= {f"/{name}/other".replace(" ", ""): (jpeg(one), jpeg(other))}
    summary = rebuilt(tmp_path, {**same, **others})
    with (tmp_path / "second" / "recipe_differences.tsv").open(encoding="utf-8") as opened:
        found = {row["album"]: row["cover"] for row in csv.DictReader(opened, delimiter="\t")}
    assert {name for name, state in found.items() if state == "another picture now"} == {*others}
    assert {name for name, state in found.items() if state == "same picture"} == {*same}, summary


def flat(colour: str | tuple[int, int, int], text: str = "", size: int = 60) -> Image.Image:
    """Return a cover of one colour, with a text in its middle."""
    image = Image.new("RGB", (600, 600), colour)
    ink = "black" if colour == "white" else "white"
    ImageDraw.Draw(image).text(
        (300, 300), text, fill=ink, font=ImageFont.load_default(size), anchor="mm"
    )
    return image


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """Return a picture's bytes."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def rebuilt(folder: Path, covers: Mapping[str, tuple[bytes, bytes]]) -> Summary:
    """Make a dataset of covers by their paths, and build it where each has other bytes."""
    with ScriptedServer(Script(status=404)) as server:
        rows = [
            {
                "artist": path.split("/")[1], "album": path, "album_index": "1", "genre": "Jazz",
                "year": "", "image_url": server.url + path,
            }
            for path in covers
        ]  # fmt: skip
        (folder / "first").mkdir()
        write_tsv(folder / "first" / TSV, list(rows[0]), [list(row.values()) for row in rows])
        server.by_path |= {path: Script(body=one) for path, (one, _) in covers.items()}
        download.run(make_context(folder / "first"))
        file = folder / "covers.recipe"
        recipe.run(make_context(folder / "first"), action=recipe.RecipeAction.WRITE, files=[file])
        server.by_path |= {path: Script(body=other) for path, (_, other) in covers.items()}
        context = make_context(folder / "second")
        return recipe.run(context, action=recipe.RecipeAction.BUILD, files=[file])


@pytest.mark.long
def test_the_same_picture_is_told_from_others() -> None:
    """On real covers: each copy encoded anew or resized is taken, no other artwork is."""
    covers = [file for file in realdata("covers").rglob("*") if file.suffix in {".jpg", ".jpeg"}]
    hashes = [phash_of(file.read_bytes()) for file in covers]
    for name in list(CHANGES)[:8]:  # before those that change the edges, or hide a part
        for number, (file, phash) in enumerate(zip(covers, hashes, strict=True)):
            copy = CHANGES[name](Image.open(file).convert("RGB"), number)
            assert (bits_apart(phash, phash_of(copy)) or 0) <= MOST_BITS, (name, file)
    bits = sorted(bits_apart(*pair) or 0 for pair in combinations(hashes, 2))
    # Those of several sizes or qualities of one artwork, then another edge of one, then others.
    assert not [each for each in bits if 2 < each < 14]


def phash_of(body: bytes) -> str:
    """Return the perceptual hash of a picture."""
    return check_picture(body, Demands(1, 10**9)).phash


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("number", "kills", "by_id"),
    [(signal.SIGKILL, 20, False), (signal.SIGTERM, 6, True), (signal.SIGKILL, 20, True)],
)
def test_killed_at_any_moment(
    tmp_path: Path,
    forks: Forks,
    sandbox: Sandbox,
    number: int,
    kills: int,
    by_id: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    """The next build ends what the kill cut off, with the same rows, sets and files."""
    file = made(tmp_path, sandbox)
    if by_id:
        file = rewritten(file, tmp_path / "ids.recipe", bare)
    folder = tmp_path / "second"
    whole, rows = files_below(tmp_path / "first"), shown(tmp_path / "first", sandbox)

    def restore() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

    def check() -> None:
        check_ledger(folder)

    def compare() -> None:
        assert files_below(folder) == whole
        assert shown(folder, sandbox) == rows

    case = Case(
        folder, ("recipe", "build", str(file)), restore, check, compare, base_url=sandbox.base_url
    )
    kill_often(forks, case, kills=kills, seed=20, number=number)
