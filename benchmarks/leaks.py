"""How much a test set shares with its training set: split at random, and by EquiGen.

    python benchmarks/leaks.py FOLDER

The folder holds recorded data: covers (`covers/`), Discogs masters and releases
(`discogs_dump/*.xml.gz`) and MuMu's album lists (`mumu/*.csv.gz`). A test album leaks where an
album of one of its artists, or a cover that looks like its own, is in train. Random splits are
the mean of 100 seeds; "Various" and its like count for no artist.
"""

import argparse
import csv
import gzip
import random
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from equigen.comparing import judged_pairs
from equigen.errors import PictureError
from equigen.images import check_picture
from equigen.records import StoredLook
from equigen.rules.credits import artists_by_credit
from equigen.rules.dealing import deal
from equigen.rules.gathering import forest
from equigen.rules.grouping import Grouping, Member, grouped
from equigen.rules.rendering import Demands
from equigen.terminal import BarMaker

RATIO = (0.7, 0.15, 0.15)
SEEDS = range(100)


class Credit(NamedTuple):
    """An album's genre and its credit, as a catalogue writes it."""

    genre: str
    artist: str


def main() -> None:
    """Measure all that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print("| albums | random: leaks | EquiGen: leaks | set aside | largest group |")
    print("|---|---|---|---|---|")
    show("covers that look alike", real_covers(folder / "covers"))
    show("Discogs masters and releases, artists", by_artist(discogs(folder / "discogs_dump")))
    show("MuMu, artists", mumu(folder / "mumu"))
    for share in (0.02, 0.05, 0.1, 0.2):
        show(f"made up, {share:.0%} collaborations", by_artist(made_up(share)))


def show(what: str, members: Sequence[Member]) -> None:
    """Print one row of the table."""
    if not members:
        return
    by_chance = [leaking(members, at_random(members, seed)) for seed in SEEDS]
    grouping = grouped(members)
    dealt = deal(members, grouping, ratio=RATIO, seed=1337)
    ours = leaking(members, dealt.sets)
    print(
        f"| {len(members):,}: {what} | {mean(by_chance):.1%}"
        f" ({min(by_chance):.1%} to {max(by_chance):.1%})"
        f" | {ours:.1%} | {len(dealt.aside):,} | {largest(members, grouping)} |"
    )


def largest(members: Sequence[Member], grouping: Grouping) -> str:
    """Return the largest group before and after large ones were cut."""
    whole = grouped(members, largest_share=1.0)
    before, after = (max(map(len, each.groups)) for each in (whole, grouping))
    cut = f", {after:,} after {grouping.cut:,} cuts" if grouping.cut else ""
    return f"{before:,} ({before / len(members):.1%}){cut}"


def at_random(members: Sequence[Member], seed: int) -> Mapping[str, str]:
    """Return the sets of a split that knows only genres."""
    chance, sets = random.Random(seed), dict[str, str]()
    for genre in sorted({member.genre for member in members}):
        paths = [member.path for member in members if member.genre == genre]
        chance.shuffle(paths)
        train, val = int(RATIO[0] * len(paths)), int((RATIO[0] + RATIO[1]) * len(paths))
        sets |= dict.fromkeys(paths[:train], "train") | dict.fromkeys(paths[train:val], "val")
        sets |= dict.fromkeys(paths[val:], "test")
    return sets


def leaking(members: Sequence[Member], sets: Mapping[str, str]) -> float:
    """Return the share of test albums that have a tie in train."""
    trained = {tie for member in members if sets.get(member.path) == "train" for tie in member.ties}
    tested = [member for member in members if sets.get(member.path) == "test"]
    return mean(bool(trained.intersection(member.ties)) for member in tested) if tested else 0.0


def by_artist(credits_: Sequence[Credit]) -> list[Member]:
    """Return albums with the ties that `split --group artist` gives them."""
    artists = artists_by_credit({credit.artist for credit in credits_})
    return [
        Member(str(at), each.genre, artists[each.artist], len(artists[each.artist]) > 1)
        for at, each in enumerate(credits_)
    ]


def discogs(folder: Path) -> list[Credit]:
    """Return the albums of dump samples, each artist and title once."""
    found: dict[tuple[str, str], Credit] = {}
    for file in sorted([*folder.glob("masters_*.xml.gz"), *folder.glob("releases_*.xml.gz")]):
        for record in ET.fromstring(gzip.decompress(file.read_bytes())):  # noqa: S314  (our own samples)
            artist, title = credit_of(record), record.findtext("title", "")
            genre = record.findtext("genres/genre", "")
            if artist and genre:
                found.setdefault((artist, title), Credit(genre, artist))
    return list(found.values())


def credit_of(record: ET.Element) -> str:
    """Return a record's artists as Discogs joins them."""
    text = ""
    for artist in record.iterfind("artists/artist"):
        join = artist.findtext("join", "").strip()
        text += artist.findtext("name", "") + (f" {join} " if join and join != "," else join + " ")
    return text.strip(" ,")


def mumu(folder: Path) -> list[Member]:
    """Return MuMu's albums; the artists of their tracks are ids there."""
    various = "89ad4ac3-39f7-470e-963a-56509c546377"  # MusicBrainz' "Various Artists"
    genres: dict[str, str] = {}
    artists: dict[str, set[str]] = {}
    for file in sorted(folder.glob("*.csv.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                genres[row["amazon_id"]] = row["genres"]
                artists.setdefault(row["amazon_id"], set()).add(row["artist_mbid"])
    return [
        Member(album, genre, tuple(sorted(artists[album] - {various})), len(artists[album]) > 1)
        for album, genre in genres.items()
    ]


def real_covers(folder: Path) -> list[Member]:
    """Return covers with the ties that `split --group cover` gives them, in one genre."""
    paths: dict[str, list[Path]] = {}
    looks: dict[str, bytes] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix != ".tsv":
            try:
                picture = check_picture(file.read_bytes(), Demands(1, 50_000_000))
            except PictureError:
                continue
            paths.setdefault(picture.sha256, []).append(file)
            looks[picture.sha256] = picture.look
    stored = (StoredLook(*each) for each in looks.items())
    judged = judged_pairs(
        stored, {each: str(at[0]) for each, at in paths.items()}, (), BarMaker(shown=False)
    )
    tied = forest((pair.first, pair.second) for pair in judged if pair.verdict.is_alike)
    return [
        Member(str(path), "covers", (digest, *tied.get(digest, ())))
        for digest, there in paths.items()
        for path in there
    ]


def made_up(share: float) -> list[Credit]:
    """Return 20,000 albums of one genre by 8,000 artists, of whom few made many (1 % at most)."""
    chance = random.Random(1)

    def artist() -> str:
        return f"Artist {int(8000 * chance.random() ** 2)}"

    return [
        Credit("Jazz", f"{artist()} & {artist()}" if chance.random() < share else artist())
        for _ in range(20_000)
    ]


if __name__ == "__main__":
    main()
