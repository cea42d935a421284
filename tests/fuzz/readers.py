"""Readers of bytes that strangers send: each returns or raises one of EquiGen's own errors.

`READERS` has one function a kind, of whole bytes, with small good ones to start from. Both the
property test and `make fuzz` (atheris: coverage-guided, as long as one likes) call them.
"""

import gzip
import io
import json
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from documents import PACKINGS, document, mbid, tar_of
from PIL import Image
from pydantic import SecretStr
from support import make_context

from equigen.config.layers import Config, load
from equigen.config.settings import defaults
from equigen.config.source_settings import (
    Credentials,
    DiscogsSettings,
    MusicBrainzSettings,
    SpotifySettings,
)
from equigen.dataset.dataset import Dataset
from equigen.dataset.feature_tables import FeatureTable, sql_type
from equigen.dataset.layouts import listed_sets
from equigen.dataset.table import read_table
from equigen.dataset.tsv import reading_tsv
from equigen.dumps import acousticbrainz, audio_numbers, musicbrainz
from equigen.dumps import discogs as discogs_dumps
from equigen.errors import EquigenError
from equigen.exports.building import Place
from equigen.exports.publishing import listed_digests, refuse_restricted
from equigen.exports.stores import begun_files
from equigen.features import components
from equigen.features.audio import DeepFeatures
from equigen.features.base import Album as AlbumOf
from equigen.fetching.examples import ids_given
from equigen.identity.pictures import clean_url
from equigen.images.avif import check_avif
from equigen.images.check import check_picture
from equigen.images.rendering import Demands, Fit, Rendering
from equigen.images.structure import check_structure
from equigen.importing import reading
from equigen.labels.taxonomy import builtin_queries
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import AlbumSet, Cover, FileOf
from equigen.recipes import building
from equigen.recipes.file import read_recipe
from equigen.schema import Album, Listing
from equigen.sources import discogs as discogs_source
from equigen.sources import msd_i, mumu
from equigen.sources import musicbrainz as musicbrainz_source
from equigen.sources import spotify as spotify_source
from equigen.sources.base import Lookup, Search

TSV = (
    b"artist\talbum\talbum_index\tgenre\tyear\timage_url\talbum_id\n"
    b'"Ann ""A"" B"\tOne\t1\tJazz\t1977\thttp://h/1.jpg\tdiscogs:m1\n'
    b"Bj\xc3\xb6rk\tTwo\t2\tRock\t\t\t\n"
)
SPLIT = (
    b"album_id\tgenre\tset\tgroup\tfile\tsha256\n"
    b"discogs:m1\tJazz\ttrain\tartist ann\tJazz/Ann [1a2b3c4d].jpg\t" + b"ab" * 32 + b"\n"
)
TOML = (
    b'[fetch]\ngenre_limit = 3\n[[fetch.label]]\nname = "Ska"\nstyle = "Ska"\n'
    b'[download.hosts."*"]\nper_minute = 5\n'
)
DOTENV = b"DISCOGS_TOKEN='abc'\nEQUIGEN_SPLIT__SEED=3\n# x\n"
ALBUMS = {
    "artists": {"items": [{"id": "0" * 22, "type": "artist", "genres": ["bop"]}], "total": 11},
    "items": [
        {"id": "1" * 22, "type": "album", "name": "A", "release_date": "1999-05",
         "artists": [{"id": "0" * 22, "name": "B"}], "album_type": "album",
         "images": [{"url": "https://i.scdn.co/image/1", "height": 640, "width": 640}]}
    ],
    "next": "https://api.spotify.com/v1/artists/1/albums?offset=10",
}  # fmt: skip
PAGE = {
    "pagination": {"items": 1, "pages": 1},
    "results": [
        {"id": 1, "type": "master", "title": "A - B", "year": "1999", "genre": ["Jazz"],
         "style": ["Bop"], "cover_image": "https://i.discogs.com/x.jpg"}
    ],
}  # fmt: skip
GROUPS = {
    "release-group-count": 1,
    "release-groups": [
        {"id": "00000000-0000-0000-0000-000000000001", "title": "B", "primary-type": "Album",
         "first-release-date": "1999-01", "artist-credit": [{"name": "A", "artist": {"id": "x"}}],
         "tags": [{"name": "jazz", "count": 2}]}
    ],
}  # fmt: skip
MASTERS = (
    b'<masters><master id="1"><images><image height="6" width="6" type="primary"/></images>'
    b"<artists><artist><id>2</id><name>A</name><anv>B*</anv><join>&amp;</join></artist></artists>"
    b"<genres><genre>Jazz</genre></genres><year>1999</year><title>T</title></master></masters>"
)


@dataclass(frozen=True)
class Reader:
    """A reader of bytes, and good ones to start from."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


@contextmanager
def as_file(name: str, body: bytes) -> Iterator[Path]:
    """Write bytes to a file in a folder of their own."""
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / name).write_bytes(body)
        yield folder / name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_tsv(body: bytes) -> None:
    """Read a TSV by rows and by columns: both refuse it, or say the same."""
    with as_file("equigen_dataset.tsv", body) as file:
        rows: list[tuple[str, ...]] | str
        try:
            with reading_tsv(file) as tsv:
                columns, rows = tsv.columns, [tuple(row) for row in tsv]
            # Addresses are cleaned where columns are read.
            at = columns.index("image_url") if "image_url" in columns else len(columns)
            rows = [(*row[:at], *map(clean_url, row[at : at + 1]), *row[at + 1 :]) for row in rows]
        except EquigenError as err:
            columns, rows = (), str(err)
        try:
            told: object = read_table(file, columns or ("artist",)).rows()
        except EquigenError as err:
            told = str(err)
        assert told == rows


def read_split(body: bytes) -> None:
    """Read a split.tsv."""
    with as_file("split.tsv", body) as file:
        for row in listed_sets(file.parent):
            assert row["set"] is not None


def read_config(body: bytes) -> None:
    """Read a config.toml."""
    with as_file("config.toml", body) as file:
        load(file)


def read_dotenv(body: bytes) -> None:
    """Read a .env."""
    with as_file(".env", body) as file:
        load(folder=file.parent)


def read_ledger(body: bytes) -> None:
    """Read all that is in a ledger."""
    with as_file("equigen_ledger.sqlite", body) as file, Ledger(file, read_only=True) as ledger:
        list(ledger.files()), ledger.covers(), ledger.laid_out(), ledger.placements()
        list(ledger.taken()), list(ledger.page_extents()), list(ledger.pending_rows())
        list(ledger.compared()), ledger.cover_groups(), ledger.rests(), ledger.renewals()
        ledger.ratings()


def a_ledger() -> bytes:
    """Return a small ledger."""
    with as_file("equigen_ledger.sqlite", b"") as file:
        file.unlink()
        with Ledger(file) as ledger:
            cover = Cover("p", "http://h/p.jpg", "ok", sha256="ab" * 32)
            ledger.record_covers([cover], files=[FileOf("p", "Jazz/p.jpg")])
            ledger.record_sets([AlbumSet("discogs:m1", "Jazz/p.jpg", "train")])
        return file.read_bytes()


def read_picture(body: bytes) -> None:
    """Check a picture, keep it, and make a size of it."""
    demands = Demands(min_size_px=1, max_pixels=1_000_000)
    check_picture(body, demands, (Rendering(), Rendering(32, Fit.CROP)))


def read_structure(body: bytes) -> None:
    """Count the parts of a picture, as any kind that is counted."""
    check_structure(body)
    with suppress(ValueError):
        check_avif(body)


def pictures() -> tuple[bytes, ...]:
    """Return a small picture in each format."""
    image = Image.linear_gradient("L").resize((24, 20)).convert("RGB")
    made = []
    for name in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"):
        out = io.BytesIO()
        image.save(out, name)
        made.append(out.getvalue())
    return tuple(made)


def albums() -> list[object]:
    """Return an album of each service, as it is given by id."""
    images = [{"type": "primary", "uri": "https://i.discogs.com/x.jpg"}]
    artists = [{"name": "A", "anv": "B*", "join": "&", "id": 2}, {"name": "C", "id": 3}]
    master = {"id": 1, "title": "T", "year": 1999, "genres": ["Jazz"], "artists": artists,
              "images": images, "main_release": 5, "master_id": 7, "country": "US",
              "formats": [{"name": "Vinyl", "descriptions": ["LP"]}]}  # fmt: skip
    link = {"type": "discogs", "url": {"resource": "https://www.discogs.com/master/3911"}}
    group: object = GROUPS["release-groups"]
    assert isinstance(group, list)
    return [master, {**group[0], "relations": [link]}, *ALBUMS["items"]]


def read_page(body: bytes) -> None:
    """Read a page of Discogs' search."""
    source = discogs_source.open_source(_CONFIG)
    source.read(_SEARCH, body, url="https://api.discogs.com/database/search")
    with suppress(EquigenError):
        source.renewed("discogs:R-1-2.jpeg", body, url="https://api.discogs.com/masters/1")


def read_groups(body: bytes) -> None:
    """Read a page of MusicBrainz' search."""
    source = musicbrainz_source.open_source(_CONFIG)
    assert isinstance(source, musicbrainz_source.MusicBrainz)
    source.read(_SEARCH, body, url="https://musicbrainz.org/ws/2/release-group")


def read_albums(body: bytes) -> None:
    """Read a page of a crawl of Spotify: of a genre's artists, and of an artist's albums."""
    source = spotify_source.Spotify(SpotifySettings(), ("jazz",), {})
    for seed in source.seeds():
        page = source.read(seed.key, body, url="https://api.spotify.com/v1/search")
        for lead in page.leads:
            source.request(lead.key)
            if source.wants(lead.key):
                source.read(lead.key, body, url="https://api.spotify.com/v1/artists/1/albums")


def read_album(body: bytes) -> None:
    """Read an album that was asked for by id, of each service, and write its row."""
    discogs = discogs_source.open_source(_CONFIG)
    lookups: dict[str, Lookup] = {
        "https://api.discogs.com/masters/1": discogs,
        "https://api.discogs.com/releases/1": discogs,
        "https://musicbrainz.org/ws/2/release-group/x": musicbrainz_source.open_lookup(_CONFIG),
        "https://api.spotify.com/v1/albums/x": spotify_source.Spotify(SpotifySettings(), (), {}),
    }
    for url, lookup in lookups.items():
        with suppress(EquigenError):
            found = lookup.read_album(body, url=url)
            assert isinstance(found, Listing)
            assert not any("\t" in cell or "\n" in cell for cell in Album(found, 1, "", "").cells())


def read_ids(body: bytes) -> None:
    """Read the ids of albums in a file."""
    with as_file("ids", body) as file:
        ids_given((), file)


def read_masters(body: bytes) -> None:
    """Read a dump of masters, packed or not."""
    with as_file("discogs_20200806_masters.xml.gz", body) as file:
        for rows in discogs_dumps.read_masters(file):
            assert rows is not None


def read_release_groups(body: bytes) -> None:
    """Read a dump of release groups."""
    with as_file("release-group.tar.xz", body) as file:
        for read in (musicbrainz.read_links, musicbrainz.read_groups):
            with suppress(EquigenError), closing(read(file)) as batches:
                for rows in batches:
                    assert rows is not None


def read_recordings(body: bytes) -> None:
    """Read what may be an archive, a document or a table of AcousticBrainz, and its ids."""
    with as_file("acousticbrainz.tar.zst", body) as file:
        for kind in (acousticbrainz.RECORDINGS, acousticbrainz.MSD_IDS):
            with suppress(EquigenError):
                for rows in kind.read(file):
                    assert rows is not None
        reads = audio_numbers.reading_documents()
        with (
            suppress(EquigenError),
            closing(audio_numbers.read_numbers(file, reads=reads)) as batches,
        ):
            for rows in batches:
                assert rows is not None


def read_vectors(body: bytes) -> None:
    """Read what may be a matrix of vectors or a fit of components, as both."""
    with as_file("vectors.npy", body) as file:
        components.load(file)
        context = make_context(file.parent, msd_i={"features": [str(file)]})
        with suppress(EquigenError):
            DeepFeatures(context.config).of(AlbumOf("msd-i:1", {"tracks": "", "also_known_as": ""}))


def vectors() -> tuple[bytes, ...]:
    """Return a small matrix, and a fit."""
    matrix, ids = np.arange(12, dtype=np.float32).reshape(4, 3) ** 2, ["a", "b", "c", "d"]
    fit = components.fit(lambda key: matrix[ids.index(key)], ids, 2, "")
    out = io.BytesIO()
    np.save(out, matrix)
    with tempfile.TemporaryDirectory() as folder:
        assert fit
        fit.save(Path(folder) / "fit.npz")
        return out.getvalue(), (Path(folder) / "fit.npz").read_bytes()


def recordings() -> tuple[bytes, ...]:
    """Return a small document, archives of it, and tables."""
    body = json.dumps(document(1)).encode()
    tar = tar_of([(f"{mbid(1)}-0.json", body)])
    table = f"recordingmbid\treleasegroupmbid\tgenre1\tgenre2\n{mbid(1)}\t{mbid(2)}\trock\t\n"
    ids = f"TR{'A' * 16},{mbid(1)},T,A\n"
    return (body, *(pack(tar) for pack in PACKINGS.values()), table.encode(), ids.encode())


def read_published(body: bytes) -> None:
    """Read what may be a file of MuMu or MSD-I, as each of them."""
    with as_file("published", body) as file:
        for kind in (mumu.ALBUMS, mumu.METADATA, msd_i.ALBUMS, msd_i.NAMES):
            with suppress(EquigenError):
                for rows in kind.read(file):
                    assert rows is not None


def published() -> tuple[bytes, ...]:
    """Return a small file of each kind."""
    ids = ("B000000001", mbid(1), f"TR{'A' * 16}", mbid(2), mbid(3))
    columns = "amazon_id,album_mbid,MSD_track_id,recording_mbid,artist_mbid,genres"
    albums = f'{columns}\n{",".join(ids)},"Pop,Rock"\n'
    metadata = [{"amazon_id": ids[0], "title": float("nan"), "imUrl": "http://h/%2B.jpg"}, {}]
    head = "msd_track_id\tgenre\talbum_index\tset\tmsd_artist_id\timage_url\n"
    table = f"{head}{ids[2]}\tJazz\t7\ttrain\tAR{'B' * 16}\thttp://h/7.jpg\n"
    names = f"{ids[2]}<SEP>SO1<SEP>A<SEP>T\n"
    texts = (albums, json.dumps(metadata), table, names)
    return (*(text.encode() for text in texts), gzip.compress(albums.encode(), mtime=0))


def archives() -> tuple[bytes, ...]:
    """Return small archives of one release group."""
    line = json.dumps(GROUPS["release-groups"][0]).encode() + b"\n"  # type: ignore[index]
    made = []
    for mode in ("w", "w:xz", "w:gz", "w:bz2"):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=mode) as tar:
            member = tarfile.TarInfo(musicbrainz.MEMBER)
            member.size = len(line)
            tar.addfile(member, io.BytesIO(line))
        made.append(out.getvalue())
    return (*made, line)


_NAME = "Test/1 ( test@example.org )"


def table_of_features() -> bytes:
    """Return the table of a feature of two covers."""
    out = io.BytesIO()
    rows = [
        {"sha256": name * 64, "version": "1", "reason": "", "palette": [{"red": 1, "share": 0.5}]}
        for name in "ab"
    ]
    pl.DataFrame(rows).write_parquet(out)
    return out.getvalue()


def read_features(body: bytes) -> None:
    """Read a table of a feature in each way."""
    with as_file("colour.parquet", body) as file:
        table = FeatureTable(file.parent, "colour")
        rows = len(table.read())
        assert len(table.fields()) <= rows
        assert len(table.known("1", failed=False)) <= rows
        table.reader()("a" * 64, "")
        for kind in table.schema().values():
            sql_type(kind)


EXPORT = json.dumps(
    {
        "equigen": "0.1.0", "options": {"rendering": ""},
        "private": {}, "sources": {"musicbrainz": 1},
        "pieces": [
            {
                "name": "train/Jazz", "made_of": "a1", "sha256": "", "size_bytes": 9,
                "files": {"b2.jpg": "c3"}, "set": "train", "keys": ["d4"],
            }
        ],
    }
).encode()  # fmt: skip


def read_export(body: bytes) -> None:
    """Read the list of an export, beside which lies a journal of the same bytes."""
    with as_file("export.json", body) as file:
        place = Place(file.parent / "out")
        for folder, name in ((place.out, file.name), (place.part, ".journal")):
            folder.mkdir()
            shutil.copy(file, folder / name)
        assert all(place.out in each.path.parents for each in place.earlier().values())
        place.check()
        if noted := place.noted():
            assert all(isinstance(each, str) for each in listed_digests(noted).values())
            refuse_restricted(place.out, noted, "")


def read_begun(body: bytes) -> None:
    """Read the list of files of a publication that was begun in a store."""
    assert all(isinstance(each, str) for each in begun_files(body) or {})


def read_foreign(body: bytes) -> None:
    """Read the rows of other people's tables: the first byte tells of which kind."""
    names = ("t.csv", "t.tsv", "t.csv.gz", "t.jsonl", "t.parquet")
    with as_file(names[body[0] % len(names)] if body else names[0], body[1:]) as path:
        for each in reading.read_albums(path, {}):
            assert all(isinstance(cell, str) for cell in each.cells.values())


def foreign() -> tuple[bytes, ...]:
    """Return tables of each kind, with the byte before them."""
    text = b"image_url,label,set\nhttp://a.example/1.jpg,Jazz,train\n"
    frame = pl.DataFrame({"image": [{"bytes": b"x", "path": "a.jpg"}], "label": ["Jazz"]})
    packed = io.BytesIO()
    frame.write_parquet(packed)
    lines = b'{"file_name": "a.jpg", "label": "Jazz", "labels": ["Jazz", "Pop"]}\n'
    tables = (text, text.replace(b",", b"\t"), gzip.compress(text), lines, packed.getvalue())
    return tuple(bytes([at]) + body for at, body in enumerate(tables))


def read_a_recipe(body: bytes) -> None:
    """Read a recipe, and begin to build its dataset."""
    with as_file("covers.recipe", body) as file:
        recipe = read_recipe(file)
        context = make_context(file.parent / "data")
        with Dataset.writing(context, "recipe") as dataset:
            building.claim(dataset, recipe)
            context = building.with_settings(context, recipe)
        with Dataset.writing(context, "recipe") as dataset:
            building.begin(dataset, recipe)
            building.prove(dataset, recipe)


def recipes() -> tuple[bytes, ...]:
    """Return a small recipe, packed and not."""
    head = {
        "version": 1, "settings": {"download.sizes": [64], "fetch.taxonomy": "mine.toml"},
        "taxonomy": {"label": [{"name": "Jazz", "any_genre": ["Jazz"]}]}, "own_labels": [],
    }  # fmt: skip
    cover = ("Jazz", "train", "ab" * 32, "0f" * 8, "9", "60", "60", "8" * 49, "artist ann\x1fcover")
    columns = (
        "labels", "set", "sha256", "phash", "size_bytes", "width_px", "height_px", "look", "ties",
    )  # fmt: skip
    covers = "".join("\t".join(each) + "\n" for each in (columns, cover, cover))
    made = []
    for way in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", way) as file:
            file.writestr("albums.tsv", TSV)
            file.writestr("covers.tsv", covers)
            file.writestr("recipe.json", json.dumps(head))
        made.append(out.getvalue())
    return tuple(made)


_CONFIG = Config(
    defaults(
        musicbrainz=MusicBrainzSettings(live=True, user_agent=_NAME),
        discogs=DiscogsSettings(user_agent=_NAME),
    ),
    Credentials(discogs_token=SecretStr("token")),
    Path(),
)
_SEARCH = Search(builtin_queries(genre_limit=1, world_limit=1)[0], 1999)
READERS: Mapping[str, Reader] = {
    "tsv": Reader(read_tsv, (TSV, TSV.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + TSV)),
    "split": Reader(read_split, (SPLIT,)),
    "export": Reader(read_export, (EXPORT,)),
    "begun": Reader(read_begun, (b'{"equigen": "1", "files": ["a/b.jpg", "c.tar"]}',)),
    "features": Reader(read_features, (table_of_features(),)),
    "config": Reader(read_config, (TOML,)),
    "dotenv": Reader(read_dotenv, (DOTENV,)),
    "ledger": Reader(read_ledger, (a_ledger(),)),
    "picture": Reader(read_picture, pictures()),
    "structure": Reader(read_structure, pictures()[3:]),
    "discogs-page": Reader(read_page, (json.dumps(PAGE).encode(),)),
    "musicbrainz-page": Reader(read_groups, (json.dumps(GROUPS).encode(),)),
    "spotify-page": Reader(read_albums, (json.dumps(ALBUMS).encode(),)),
    "album": Reader(read_album, tuple(json.dumps(each).encode() for each in albums())),
    "ids": Reader(read_ids, (b"discogs:m1 # one\n\ndiscogs:r2\r\n", b"a\talbum_id\nb\tc\n")),
    "masters": Reader(read_masters, (MASTERS, gzip.compress(MASTERS))),
    "release-groups": Reader(read_release_groups, archives()),
    "recordings": Reader(read_recordings, recordings()),
    "published": Reader(read_published, published()),
    "vectors": Reader(read_vectors, vectors()),
    "foreign": Reader(read_foreign, foreign()),
    "recipe": Reader(read_a_recipe, recipes()),
}
