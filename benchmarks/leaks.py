"""How much a test set shares with its training set: split at random, and by EquiGen.

    python benchmarks/leaks.py FOLDER

The folder holds recorded data: covers (`covers/`, whose `index.tsv` names those that show the
same), Discogs masters and releases (`discogs_dump/*.xml.gz`) and MuMu's album lists
(`mumu/*.csv.gz`). A test album leaks where an album of one of its artists, or a cover that looks
like its own, is in train. Random splits are the mean of 100 seeds, the others of 20; "Various" and
its like count for no artist.

Discogs' albums are told apart by the ids of their artists in the dumps, whatever tied them: those
ids, as the dumps and MusicBrainz give them, or the credits as they are printed on the sleeve alone,
with an asterisk where that isn't the artist's own name, as Discogs' search gives them.

The covers are a dataset on disk that `equigen split` deals and verifies, with 20 seeds: at once,
and a third of them first, the others by a refresh. What leaks is told from all pairs of them that
look alike, whatever the split made of these, and from those that are the same by eye.
"""

import argparse
import csv
import gzip
import random
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from covers_alike import DIFFERENT, EITHER

from equigen.cli.console import TqdmBars
from equigen.commands import split
from equigen.config.layers import Config
from equigen.config.settings import DatasetSettings, SplitSettings, defaults
from equigen.config.source_settings import Credentials
from equigen.dataset.context import SPLIT_TSV, Context
from equigen.dataset.covers import dataset_covers
from equigen.dataset.tsv import write_tsv
from equigen.errors import PictureError
from equigen.identity.artists import artists_by_credit, somebodys_ids
from equigen.images.check import Picture, check_picture
from equigen.images.rendering import Demands
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import Cover, FileOf, StoredLook
from equigen.neardup.comparison import judged_pairs
from equigen.schema import ASIDE, Link
from equigen.splitting.dealing import deal
from equigen.splitting.grouping import Grouping, Member, grouped
from equigen.storage.below import FileBelow

RATIO = (0.7, 0.15, 0.15)
SEEDS = range(100)
OUR_SEEDS = range(20)
COLUMNS = ("artist", "album", "album_index", "album_id", "genre", "year", "image_url")
Sets = Mapping[str, str]


class Credit(NamedTuple):
    """An album's genre, its credit as a catalogue writes it, and the ids of its artists."""

    genre: str
    artist: str
    ids: tuple[str, ...] = ()


class RealCover(NamedTuple):
    """A cover of the recorded ones, as a download leaves it."""

    file: Path
    picture: Picture


def main() -> None:
    """Measure all that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print("| albums | random: leaks | EquiGen: leaks | set aside | largest group |")
    print("|---|---|---|---|---|")
    show_covers(folder / "covers")
    albums = discogs(folder / "discogs_dump")
    judged = by_ids(albums)
    show_dealt("Discogs, artists, ids known", judged, by_artist(albums, with_ids=True))
    show_dealt("Discogs, artists, by spelling alone", judged, by_artist(albums))
    show_dealt("MuMu, artists", mumu(folder / "mumu"))
    for share in (0.02, 0.05, 0.1, 0.2):
        show_dealt(f"made up, {share:.0%} collaborations", by_artist(made_up(share)))


def show_covers(folder: Path) -> None:
    """Print what real covers share, by all pairs and by eye, dealt at once and by a refresh."""
    covers = real_covers(folder)
    if not covers:
        return
    with tempfile.TemporaryDirectory() as scratch:
        at_once = [
            dealt_at_once(covers, Path(scratch, f"at-once-{seed}"), seed) for seed in OUR_SEEDS
        ]
        later = [dealt_later(covers, Path(scratch, f"later-{seed}"), seed) for seed in OUR_SEEDS]
    for told, members in (("all pairs", by_pairs(covers)), ("by eye", by_eye(covers, folder))):
        show(f"covers that look alike, {told}", members, at_once)
        show(f"covers that look alike, {told}, two thirds later", members, later)


def show_dealt(what: str, judged: Sequence[Member], tied: Sequence[Member] = ()) -> None:
    """Print what albums share that are dealt by the rules alone, in memory, as they are `tied`."""
    if judged:
        tied = tied or judged
        grouping = grouped(tied)
        ours = [deal(tied, grouping, ratio=RATIO, seed=seed).sets for seed in OUR_SEEDS]
        show(what, judged, ours, tied)


def show(
    what: str, members: Sequence[Member], ours: Sequence[Sets], tied: Sequence[Member] = ()
) -> None:
    """Print one row of the table."""
    tied = tied or members
    by_chance = [leaking(members, at_random(members, seed)) for seed in SEEDS]
    leaks = [leaking(members, sets) for sets in ours]
    aside = f"{mean(len(members) - len(sets) for sets in ours):,.1f}".removesuffix(".0")
    print(
        f"| {len(members):,}: {what} | {spread(by_chance)} | {spread(leaks)}"
        f" | {aside} | {largest(tied, grouped(tied))} |"
    )


def spread(shares: Sequence[float]) -> str:
    """Return the mean, and the least and the most where there are several."""
    told = f"{mean(shares):.1%}"
    return f"{told} ({min(shares):.1%} to {max(shares):.1%})" if len(shares) > 1 else told


def largest(members: Sequence[Member], grouping: Grouping) -> str:
    """Return the largest group before and after large ones were cut."""
    whole = grouped(members, largest_share=1.0)
    before, after = (max(map(len, each.groups)) for each in (whole, grouping))
    cut = f", {after:,} after {grouping.cut:,} cuts" if grouping.cut else ""
    return f"{before:,} ({before / len(members):.1%}){cut}"


def at_random(members: Sequence[Member], seed: int) -> Mapping[str, str]:
    """Return the sets of a split that knows only labels."""
    chance, sets = random.Random(seed), dict[str, str]()
    for label in sorted({member.labels[0] for member in members}):
        paths = [member.path for member in members if member.labels == (label,)]
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


def by_artist(credits_: Sequence[Credit], *, with_ids: bool = False) -> list[Member]:
    """Return albums with the ties that `split --group artist` gives them."""
    artists = artists_by_credit({credit.artist for credit in credits_})
    found = []
    for at, each in enumerate(credits_):
        names, ids = artists[each.artist], each.ids if with_ids else ()
        is_joint = len(names) > 1 or len(ids) > 1
        found.append(Member(str(at), (each.genre,), str(at), (*names, *ids), is_joint))
    return found


def by_ids(credits_: Sequence[Credit]) -> list[Member]:
    """Return albums with the ids of their artists, and with nothing that names tell."""
    return [
        Member(str(at), (each.genre,), str(at), each.ids, len(each.ids) > 1)
        for at, each in enumerate(credits_)
    ]


def discogs(folder: Path) -> list[Credit]:
    """Return the albums of dump samples, each artist and title once."""
    found: dict[tuple[str, str], Credit] = {}
    for file in sorted([*folder.glob("masters_*.xml.gz"), *folder.glob("releases_*.xml.gz")]):
        for record in ET.fromstring(gzip.decompress(file.read_bytes())):  # noqa: S314  (our own samples)
            credit = credit_of(record)
            if credit.artist and credit.genre:
                found.setdefault((credit.artist, record.findtext("title", "")), credit)
    return list(found.values())


def credit_of(record: ET.Element) -> Credit:
    """Return a record's artists as Discogs prints and joins them, with their ids."""
    text, ids = "", list[str]()
    for artist in record.iterfind("artists/artist"):
        join, printed = artist.findtext("join", "").strip(), artist.findtext("anv", "")
        text += f"{printed}*" if printed else artist.findtext("name", "")
        text += f" {join} " if join and join != "," else join + " "
        ids.append(f"discogs:a{artist.findtext('id', '')}")
    genre = record.findtext("genres/genre", "")
    return Credit(genre, text.strip(" ,"), tuple(dict.fromkeys(somebodys_ids(ids))))


def mumu(folder: Path) -> list[Member]:
    """Return MuMu's albums; the artists of their tracks are ids there."""
    various = "89ad4ac3-39f7-470e-963a-56509c546377"  # MusicBrainz's "Various Artists"
    genres: dict[str, str] = {}
    artists: dict[str, set[str]] = {}
    for file in sorted(folder.glob("*.csv.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                genres[row["amazon_id"]] = row["genres"]
                artists.setdefault(row["amazon_id"], set()).add(row["artist_mbid"])
    return [
        Member(
            album,
            (genre,),
            album,
            tuple(sorted(artists[album] - {various})),
            len(artists[album]) > 1,
        )
        for album, genre in genres.items()
    ]


def real_covers(folder: Path) -> list[RealCover]:
    """Return the covers that a download would take, in the order of their names."""
    found: list[RealCover] = []
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix != ".tsv":
            try:
                picture = check_picture(file.read_bytes(), Demands(1, 50_000_000))
            except PictureError:
                continue
            found.append(RealCover(file, picture))
    return found


def by_pairs(covers: Sequence[RealCover]) -> list[Member]:
    """Return covers with a tie for each pair that looks alike: all of them, none thinned out."""
    files = {each.picture.sha256: FileBelow(each.file.parent, each.file.name) for each in covers}
    looks = {cover.picture.sha256: cover.picture.descriptor for cover in covers}
    stored = (StoredLook(*each) for each in looks.items())
    ties = {digest: [digest] for digest in files}
    for pair in judged_pairs(stored, files, {}, TqdmBars(shown=False)):
        if pair.verdict.is_alike:
            for digest in (pair.first, pair.second):
                ties[digest].append(f"{pair.first} {pair.second}")
    return [
        Member(str(cover.file), ("covers",), str(cover.file), tuple(ties[cover.picture.sha256]))
        for cover in covers
    ]


def by_eye(covers: Sequence[RealCover], folder: Path) -> list[Member]:
    """Return covers tied to those that show the same, as somebody saw it."""
    with (folder / "index.tsv").open(encoding="utf-8", newline="") as rows:
        groups = {row["file"]: row["group"] for row in csv.DictReader(rows, delimiter="\t")}
    groups |= dict.fromkeys((*DIFFERENT, EITHER), "")
    names = [str(cover.file.relative_to(folder)) for cover in covers]
    return [
        Member(
            str(cover.file),
            ("covers",),
            str(cover.file),
            tuple(tie for tie in (cover.picture.sha256, groups.get(name)) if tie),
        )
        for name, cover in zip(names, covers, strict=True)
    ]


def dealt_at_once(covers: Sequence[RealCover], folder: Path, seed: int) -> Sets:
    """Return the sets of covers that are all there when they are first dealt."""
    fill(folder, list(enumerate(covers)))
    return split_and_verified(folder, seed, covers)


def dealt_later(covers: Sequence[RealCover], folder: Path, seed: int) -> Sets:
    """Return the sets of covers of which a third was dealt before the others came."""
    rows = list(enumerate(covers))
    first = sorted(random.Random(seed).sample(rows, len(rows) // 3))
    fill(folder, first)
    before = split_and_verified(folder, seed, covers)
    fill(folder, [*first, *(row for row in rows if row not in first)])
    after = split_and_verified(folder, seed, covers)
    moved = [path for path, name in before.items() if after.get(path, name) != name]
    if moved:
        msg = f"these albums were in another set before the refresh: {moved}"
        raise RuntimeError(msg)
    return after


def fill(folder: Path, rows: Sequence[tuple[int, RealCover]]) -> None:
    """Write a dataset of these covers, each by its own artist, with the files and the ledger."""
    context = context_of(folder, seed=0)
    write_tsv(
        context.tsv,
        COLUMNS,
        (
            (
                f"Soloist {at}",
                f"Album {at}",
                str(at),
                f"m{at}",
                "Jazz",
                "1999",
                f"http://[::1]/{at}",
            )
            for at, _ in rows
        ),
    )
    by_id = {f"m{at}": cover for at, cover in rows}
    made, files = [], []
    for row in dataset_covers(context):
        picture = by_id[row.album_id].picture
        body = picture.files[0]
        file = context.images / row.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        files.append(FileOf(row.picture, row.path))
        made.append(
            Cover(
                row.picture,
                row.url,
                "ok",
                size_bytes=len(body),
                width_px=picture.width_px,
                height_px=picture.height_px,
                sha256=picture.sha256,
                phash=picture.phash,
            )
        )
    looks = {cover.picture.sha256: cover.picture.descriptor for _, cover in rows}
    with Ledger(context.ledger) as ledger:
        ledger.record_covers(made, files=files, looks=looks)


def split_and_verified(folder: Path, seed: int, covers: Sequence[RealCover]) -> Sets:
    """Return what `split.tsv` says of each cover's file, once `--verify` was green."""
    context = context_of(folder, seed)
    split.run(context, link=Link.HARDLINK)
    split.run(context, verify=True)
    with (context.split / SPLIT_TSV).open(encoding="utf-8", newline="") as rows:
        sets = {row["album_id"]: row["set"] for row in csv.DictReader(rows, delimiter="\t")}
    return {
        str(covers[int(album_id[1:])].file): name
        for album_id, name in sets.items()
        if name != ASIDE
    }


def context_of(folder: Path, seed: int) -> Context:
    """Return the surroundings of a run on a dataset in `folder`, all else as it is by default."""
    settings = defaults(
        dataset=DatasetSettings(directory=folder), split=SplitSettings(ratio=RATIO, seed=seed)
    )
    return Context(
        Config(settings, Credentials(), folder), bar=TqdmBars(shown=False), say=lambda _: None
    )


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
