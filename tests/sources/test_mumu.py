"""MuMu: its files read as they are, one row an album, covers from Amazon or the archive."""

import csv
import gzip
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from coverart import ARCHIVE, Proxy, Told
from downloads import picture
from support import equigen, make_context, read_rows, realdata

from equigen.commands import fetch, labels
from equigen.errors import InputError, MissingInputError
from equigen.summary import Summary

HEADER = "amazon_id,album_mbid,MSD_track_id,recording_mbid,artist_mbid,genres"
MBID = "d825b1ab-e260-3eb7-b486-5cb58ba0391f"
RECORDING = "aaf7c510-dc3d-4d39-81b0-81acf226fa09"
ARTIST = "570938b4-8fe5-44f9-ab43-9438feb03c6f"
FRONT = f"https://coverartarchive.org/release-group/{MBID}/front-500"
IMAGE = "http://ecx.images-amazon.com/images/I/51UgnZe%2BxL.jpg"
ROW = f"B0000564CN,{MBID},TRPDZTD12903CBFC4B,{RECORDING},{ARTIST},R&B"
NAN = float("nan")


def write_albums(folder: Path, *rows: str, name: str = "albums.csv") -> Path:
    """Write the CSV of tracks."""
    path = folder / name
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return path


def write_metadata(folder: Path, *objects: Mapping[str, Any]) -> Path:
    """Write the JSON of albums, with NaN as it has them."""
    path = folder / "metadata.json"
    path.write_text(json.dumps([{"amazon_id": "B0000564CN", **each} for each in objects]))
    return path


def run_fetch(folder: Path, albums: Path, metadata: Path | None = None, **settings: Any) -> Summary:  # noqa: ANN401  (tables of settings)
    """Fetch from MuMu's files in this process."""
    mumu = {"albums": str(albums), "metadata": str(metadata or ""), **settings.pop("mumu", {})}
    chosen = {"source": "mumu", **settings.pop("fetch", {})}
    return fetch.run(make_context(folder, fetch=chosen, mumu=mumu, **settings))


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a folder's dataset."""
    return read_rows(folder / "equigen_dataset.tsv")


def test_one_row_an_album_with_all_its_ids(tmp_path: Path) -> None:
    """Tracks, artist and MBID are kept for joins, also where an album's tracks are scattered."""
    other = ROW.replace("TRPDZTD12903CBFC4B", "TRMGVAL12903CBFC45").replace(RECORDING, "")
    between = ROW.replace("B0000564CN", "B000000001").replace(MBID, "")
    albums = write_albums(tmp_path, ROW, between, other)
    metadata = write_metadata(
        tmp_path, {"title": "Love &amp; Peace", "brand": "Somebody", "imUrl": IMAGE, "price": NAN}
    )
    run_fetch(tmp_path, albums, metadata)
    (row,) = rows_of(tmp_path)
    assert row == {
        "artist": "Somebody",
        "album": "Love & Peace",
        "album_index": "1",
        "genre": "R&B",
        "year": "",
        "image_url": IMAGE,
        "album_id": "mumu:B0000564CN",
        "genres": "R&B",
        "styles": "",
        "country": "",
        "formats": "",
        "artist_ids": f"musicbrainz:{ARTIST}",
        "also_known_as": f"musicbrainz:{MBID}",
        "tracks": f"msd:TRPDZTD12903CBFC4B mbid:{RECORDING}|msd:TRMGVAL12903CBFC45",
        "more_images": FRONT,
        "licence": "MuMu: for research alone.",
    }


@pytest.mark.parametrize(
    ("covers", "url", "first", "more"),
    [
        ("both", IMAGE, IMAGE, FRONT),
        ("both", NAN, FRONT, ""),
        ("both", "http://g-ecx.images-amazon.com/x/no-img-sm._V1_.gif", FRONT, ""),
        ("amazon", IMAGE, IMAGE, ""),
        ("amazon", NAN, "", ""),
        ("archive", IMAGE, FRONT, ""),
    ],
)
def test_covers_come_from_where_the_settings_say(
    tmp_path: Path, covers: str, url: object, first: str, more: str
) -> None:
    """The archive's follows where both are wanted, and an album without a cover is counted."""
    metadata = write_metadata(tmp_path, {"imUrl": url})
    summary = run_fetch(tmp_path, write_albums(tmp_path, ROW), metadata, mumu={"covers": covers})
    found = [(row["image_url"], row.get("more_images", "")) for row in rows_of(tmp_path)]
    assert found == ([(first, more)] if first else [])
    assert summary.dropped.get("no picture", 0) == (not first)


def test_the_recorded_half_is_read_whole(tmp_path: Path) -> None:
    """Every row is of an album, and every album is of one of the 16 genres."""
    albums = Path(shutil.copy(realdata("mumu", "MuMu_dataset_single-label_a.csv.gz"), tmp_path))
    with gzip.open(albums, "rt", encoding="utf-8") as file:
        tracks = list(csv.DictReader(file))
    summary = run_fetch(tmp_path, albums, fetch={"several": "multi"})
    rows = rows_of(tmp_path)
    assert [len(rows), len({row["album_id"] for row in rows})] == [1173, 1173]
    assert {row["genre"] for row in rows} == {track["genres"] for track in tracks}
    assert {each for row in rows for each in row["tracks"].split("|")} == {
        f"msd:{track['MSD_track_id']} mbid:{track['recording_mbid']}" for track in tracks
    }
    assert any(
        "6,098 tracks" in note
        and "1,173 albums without artist and title (mumu.metadata has them for some)" in note
        for note in summary.notes
    )
    assert any("research use" in note for note in summary.notes)
    again = run_fetch(tmp_path, albums, fetch={"taxonomy": "mumu-12", "several": "multi"})
    assert again.dropped["album is there already"] == again.rows_in == 1140


def test_names_are_there_for_some(tmp_path: Path) -> None:
    """An album without any is known by the ids of its artist; titles of digits may be numbers."""
    second = ROW.replace("B0000564CN", "B000000002").replace(MBID, MBID.replace("d8", "d9"))
    albums = write_albums(tmp_path, ROW, second)
    metadata = write_metadata(
        tmp_path, {"title": 1984, "brand": NAN}, {"amazon_id": "B000000002", "title": NAN}
    )
    run_fetch(tmp_path, albums, metadata)
    assert [(row["artist"], row["album"]) for row in rows_of(tmp_path)] == [("", "1984"), ("", "")]


def test_an_album_of_several_labels_has_them_all(tmp_path: Path) -> None:
    """They stand within quotes; Amazon's narrower genres are kept as well."""
    row = ROW.removesuffix("R&B") + '"Pop,Dance Pop,Rock"'
    run_fetch(tmp_path, write_albums(tmp_path, row), fetch={"several": "multi"})
    (album,) = rows_of(tmp_path)
    assert album["genres"] == "Pop|Dance Pop|Rock"
    assert album["labels"] == "Pop|Rock"


def test_labels_counts_the_albums_of_no_year(tmp_path: Path) -> None:
    """As `fetch` would take them."""
    mumu = {"albums": str(write_albums(tmp_path, ROW))}
    context = make_context(tmp_path, fetch={"source": "mumu"}, mumu=mumu)
    queries = labels.run(context, count=True).facts["queries"]
    assert isinstance(queries, list)
    assert {each["query"]: each["at_source"] for each in queries if each["at_source"]} == {"R&B": 1}


def test_flags_name_the_files(tmp_path: Path) -> None:
    """A relative path starts where the command runs."""
    write_albums(tmp_path, ROW)
    write_metadata(tmp_path, {"imUrl": IMAGE})
    flags = ["--mumu-albums", "albums.csv", "--mumu-metadata", "metadata.json"]
    done = equigen("fetch", "--source", "mumu", *flags, "--mumu-covers", "amazon", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert rows_of(tmp_path / "data")[0]["image_url"] == IMAGE


def test_a_cover_that_is_gone_at_amazon_comes_from_the_archive(tmp_path: Path) -> None:
    """From the files to the sets, asked over HTTP under the addresses that the files have."""
    second = ROW.replace("B0000564CN", "B000000002").replace("d825b1ab", "d825b1ac")
    albums = write_albums(tmp_path, ROW, second)
    other = IMAGE.replace("51U", "52U")
    metadata = write_metadata(
        tmp_path, {"imUrl": IMAGE}, {"imUrl": other, "amazon_id": "B000000002"}
    )
    front = f"{ARCHIVE}/release-group/{MBID}/front-500"
    node = f"{ARCHIVE}/mbid-{MBID}/1_thumb500.jpg"
    gone, there = picture(size=(64, 64)), picture(size=(60, 60))
    told = {
        IMAGE: Told(404),
        front: Told(307, headers={"Location": node}),
        node: Told(body=gone),
        other: Told(body=there),
    }
    with Proxy(told) as proxy:
        env = {**proxy.env, "EQUIGEN_COVERART__BASE_URL": ARCHIVE}
        files = ["--mumu-albums", albums, "--mumu-metadata", metadata]
        for words in (["fetch", "--source", "mumu", *files], ["download"], ["split"]):
            done = equigen(*words, cwd=tmp_path, env=env)
            assert done.returncode == 0, done.stderr
    assert {url for url in proxy.seen if "front" not in url} == {IMAGE, node, other}
    covers = sorted((tmp_path / "data" / "equigen_album_images" / "R&B").iterdir())
    assert [file.read_bytes() for file in covers] == [there, gone]
    assert [file.name.partition(" [")[0] for file in covers] == [
        "mumu_B000000002", "mumu_B0000564CN"
    ]  # fmt: skip
    assert rows_of(tmp_path / "data")[0]["image_url"] == front


def as_json(folder: Path) -> Path:
    """Write the metadata."""
    return write_metadata(folder, {"title": "T"})


def as_bytes(content: bytes) -> Callable[[Path], Path]:
    """Return a function that writes a file of some bytes."""

    def write(folder: Path) -> Path:
        path = folder / "albums"
        path.write_bytes(content)
        return path

    return write


TABLE = f"{HEADER}\n{ROW}\n".encode()


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (as_json, "expected a first line that names the columns amazon_id, album_mbid"),
        (as_bytes(TABLE.replace(b",", b"\t")), "with ',' between them, got 'amazon_id\\talbum"),
        (as_bytes(b""), "expected records, got none"),
        (as_bytes(TABLE.replace(b"genres", b"labels")), "names the columns"),
        (as_bytes(TABLE + ROW[:30].encode()), "row 3, the last one: expected 6 cells, got 2"),
        (as_bytes(TABLE.replace(b"R&B", b"R\xe9")), "expected UTF-8, got 0xe9 at byte"),
        (as_bytes(TABLE.decode().encode("utf-16")), "expected UTF-8, got 0xff at byte 0"),
        (as_bytes(TABLE.replace(b"R&B", b'"R&B')), "its quotes or cells are damaged"),
        (as_bytes(gzip.compress(TABLE)[:-9]), "the gzip data is cut off"),
        (as_bytes(b"{" * 9_000_000), "line 1 has more than 8,388,608 characters"),
        (lambda folder: folder, "it is a folder"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused(tmp_path: Path, write: Callable[[Path], Path], said: str) -> None:
    """One line says what was expected, and where it is to be had."""
    with pytest.raises(InputError) as caught:
        run_fetch(tmp_path, write(tmp_path))
    message = str(caught.value)
    assert said in message
    assert len(message.splitlines()) == 1
    assert "0 tracks in" not in message
    assert not list(tmp_path.glob("*.tsv"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TABLE.decode(), "expected [ after 0 objects of a JSON array, got 'amazon_id"),
        ("", "expected [ after 0 objects of a JSON array, got the end of the file"),
        ("[]", "expected records, got none"),
        ('[{"amazon_id": "B0000564CN"}', "expected , or ] after 1 objects"),
        ('[{"amazon_id": "B0000564CN"}] []', "expected nothing more after 1 objects"),
        ('[{"amazon_id": "B0000564CN"}, 7]', "expected { after 1 objects"),
        ('[{"amazon_id": "B0000564CN"}, {"title": "Tru', "object 2 is cut off or damaged"),
        ('[{"amazon_id": B0000564CN}]', "object 1 is cut off or damaged"),
        ("[" + '{"a": ' * 100_000, "object 1 is cut off or damaged"),
        ('{"amazon_id": "B0000564CN"}', "expected [ after 0 objects"),
    ],
)
def test_damaged_metadata_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """No row is written where a part of the names would be missing."""
    metadata = tmp_path / "metadata.json"
    metadata.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"amazon_metadata_MuMu\.json") as caught:
        run_fetch(tmp_path, write_albums(tmp_path, ROW), metadata)
    assert said in str(caught.value)
    assert not list(tmp_path.glob("*.tsv"))


@pytest.mark.parametrize(
    "rows",
    [
        ["\ufeff" + HEADER, ROW],
        [HEADER + "\r", ROW + "\r", "\r"],
        ["", HEADER, ROW + "\n"],
        ["", ",".join(HEADER.split(",")[::-1]), ",".join(ROW.split(",")[::-1])],
        ['"' + HEADER.replace(",", '","') + '"', ROW],
        ["number," + HEADER, "7," + ROW],
    ],
)
def test_harmless_differences_are_borne(tmp_path: Path, rows: Iterable[str]) -> None:
    """A byte order mark, Windows' line ends, blank lines, quotes, more columns."""
    albums = tmp_path / "albums.csv"
    albums.write_bytes("\n".join(rows).encode())
    run_fetch(tmp_path, albums)
    assert [row["genre"] for row in rows_of(tmp_path)] == ["R&B"]


def test_odd_ids_are_left_out(tmp_path: Path) -> None:
    """A row without an Amazon id is counted; other ids are missing, and nobody's are kept apart."""
    odd = f"B000000003,{MBID.upper()},?,{RECORDING[:-1]},,Pop"
    albums = write_albums(tmp_path, f"nan,{MBID},,,,Pop", odd)
    summary = run_fetch(tmp_path, albums)
    assert summary.dropped["neither artist nor title, nor an artist's id"] == summary.rows_in == 1
    assert any("1 tracks without an Amazon id" in note for note in summary.notes)


def test_a_file_must_be_named(tmp_path: Path) -> None:
    """The message names the flag and the place of the files."""
    with pytest.raises(MissingInputError, match="--mumu-albums"):
        fetch.run(make_context(tmp_path, fetch={"source": "mumu"}))
    with pytest.raises(MissingInputError, match=r"no such file\. Expected MuMu_dataset"):
        run_fetch(tmp_path, tmp_path / "missing.csv")
