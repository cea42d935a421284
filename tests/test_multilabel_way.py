"""The whole way of a project on albums of several labels, command by command, on loopback."""

import csv
import io
import random
from collections import Counter
from pathlib import Path

from dumphost import DumpHost, Hosted
from dumpsets import Master, group, mbid, write_groups, write_masters
from fetches import album
from PIL import Image
from support import TOKEN, equigen, from_json, read_rows

from equigen.sandbox.handlers import community_of
from equigen.sandbox.search import CatalogueShelf
from equigen.sandbox.server import Sandbox

ALBUMS = 150
GENRES = (("Jazz",), ("Rock",), ("Electronic",), ("Jazz", "Rock"), ("Electronic", "Jazz"))
# At least 50 ratings where Electronic or Rock is among the genres, else 15.
RULE = "rating_count >= CASE WHEN list_has_any(genres, ['Electronic', 'Rock']) THEN 50 ELSE 15 END"
TSV = "equigen_dataset.tsv"


def genres_of(number: int) -> tuple[str, ...]:
    """Return the genres of a master."""
    return GENRES[number % len(GENRES)]


def cover(number: int) -> bytes:
    """Return a picture that looks like no other."""
    chance = random.Random(number)
    small = Image.frombytes("RGB", (8, 8), chance.randbytes(192))
    out = io.BytesIO()
    small.resize((96, 96), Image.Resampling.NEAREST).save(out, "JPEG")
    return out.getvalue()


def test_from_a_dump_to_sets_of_several_labels(tmp_path: Path) -> None:
    """Dump, ratings, the rule on them, covers by combination of labels, and a split by labels."""
    numbers = range(1, ALBUMS + 1)
    masters = [
        Master(n, genre="</genre><genre>".join(genres_of(n)), year=1990 + n % 30) for n in numbers
    ]
    data = tmp_path / "data"
    write_masters(data, masters)
    write_groups(data, [group(n, master=n) for n in numbers])
    entries = [album(n, kind="master", genres=genres_of(n)) for n in numbers]
    with DumpHost() as host, Sandbox(entries) as sandbox:
        for n in numbers:
            picture = Hosted(cover(n), headers={"Content-Type": "image/jpeg"})
            host.files[f"/release-group/{mbid(n)}/front-500"] = picture
        env = {
            **host.env,
            "DISCOGS_TOKEN": TOKEN,
            "EQUIGEN_COVERART__BASE_URL": host.url,
            "EQUIGEN_DISCOGS__BASE_URL": sandbox.base_url,
            "EQUIGEN_DISCOGS__REQUESTS_PER_MINUTE": "0",
            "EQUIGEN_FETCH__SOURCE": "discogs-dump",
            "EQUIGEN_FETCH__TAXONOMY": "discogs-7",
            "EQUIGEN_FETCH__SEVERAL": "multi",
            "EQUIGEN_DOWNLOAD__LAYOUT": "combination",
        }

        def ran(*command: str) -> dict[str, object]:
            done = equigen(*command, "--json", cwd=tmp_path, env=env)
            assert done.returncode == 0, done.stderr
            return from_json(done.stdout)

        assert ran("fetch")["rows_out"] == ALBUMS
        assert ran("rate")["rows_out"] == ALBUMS
        chosen = ran("select", "--where", RULE, "--in-place")
        downloaded, split = ran("download"), ran("split")
        ran("split", "--verify")

    shelf = CatalogueShelf(entries)
    kept = {
        f"discogs:m{entry.id}": entry.genres
        for entry in entries
        if community_of(shelf.main_release(entry))["rating"]["count"]
        >= (50 if {"Electronic", "Rock"} & {*entry.genres} else 15)
    }
    assert 20 < len(kept) < ALBUMS - 20
    assert chosen["rows_out"] == downloaded["rows_out"] == len(kept)
    rows = read_rows(data / TSV)
    assert {row["album_id"]: {*row["labels"].split("|")} for row in rows} == {
        each: {*genres} for each, genres in kept.items()
    }
    left_out = read_rows(data / "equigen_dataset_reserve.tsv")
    assert len(left_out) == ALBUMS - len(kept)
    assert {row["reason"] for row in left_out} == {f"select: {RULE}"}
    folders = Counter(
        str(file.parent.relative_to(data / "equigen_album_images"))
        for file in (data / "equigen_album_images").rglob("*.jpg")
    )
    assert folders == Counter(
        genres[0] if len(genres) == 1 else f"multi/{'+'.join(sorted(genres))}"
        for genres in kept.values()
    )
    with (data / "split" / "split.tsv").open(encoding="utf-8", newline="") as file:
        dealt = list(csv.DictReader(file, delimiter="\t"))
    assert {row["album_id"]: {*row["labels"].split("|")} for row in dealt} == {
        each: {*genres} for each, genres in kept.items()
    }
    assert split["rows_out"] == len(kept)
    for label in ("Jazz", "Rock", "Electronic"):
        sets = Counter(row["set"] for row in dealt if label in row["labels"].split("|"))
        for name, share in (("train", 0.70), ("val", 0.15), ("test", 0.15)):
            assert abs(sets[name] - share * sets.total()) <= 2, (label, sets)
