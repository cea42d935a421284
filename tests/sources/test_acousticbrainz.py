"""Albums of AcousticBrainz: dumps, folders of documents, tables of the Genre task, and joins."""

import bz2
import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from documents import GROUP, PACKINGS, RELEASE, archive, document, mbid, numbered, tar_of
from dumphost import DumpHost, Hosted
from dumpsets import group, write_groups
from PIL import Image
from support import equigen, make_context, posix_only, read_rows, realdata

from equigen.commands import fetch, status
from equigen.dataset.context import Context
from equigen.dumps import acousticbrainz, archives, pool
from equigen.errors import EquigenError, InputError, MissingInputError

TSV = "equigen_dataset.tsv"


def context_of(folder: Path, *files: Path, **settings: Any) -> Context:  # noqa: ANN401
    """Return a run that reads some files into a dataset in `data`."""
    own = {"files": list(map(str, files)), **settings.pop("acousticbrainz", {})}
    asked = {"source": "acousticbrainz", "from_year": 2026, **settings.pop("fetch", {})}
    return make_context(folder / "data", acousticbrainz=own, fetch=asked, **settings)


def fetched(folder: Path, *files: Path, **settings: Any) -> list[dict[str, str]]:  # noqa: ANN401
    """Fetch from some files and return the rows."""
    fetch.run(context_of(folder, *files, **settings))
    tsv = folder / "data" / TSV
    return read_rows(tsv) if tsv.exists() else []


def ids(row: Mapping[str, str]) -> list[str]:
    """Return all ids of a row's album."""
    return [row["album_id"], *filter(None, row.get("also_known_as", "").split("|"))]


@pytest.mark.parametrize("suffix", PACKINGS)
def test_an_album_is_one_row_with_its_recordings(tmp_path: Path, suffix: str) -> None:
    """Whatever the archive's packing; ids and covers of its release group go first."""
    artist: dict[str, Any] = {"musicbrainz_artistid": [mbid(7)], "originaldate": ["1999"]}
    documents = numbered((1, document(1, **artist)), (2, document(2, **artist)))
    (row,) = fetched(tmp_path, archive(tmp_path, documents, f"a{suffix}"))
    front = "https://coverartarchive.org"
    assert row == {
        "artist": "Artist 1",
        "album": "Title 1",
        "album_index": "1",
        "genre": "jazz",
        "year": "1999",
        "image_url": f"{front}/release-group/{mbid(GROUP + 1)}/front-500",
        "album_id": f"musicbrainz:{mbid(GROUP + 1)}",
        "genres": "Jazz",
        "styles": "",
        "country": "",
        "formats": "",
        "artist_ids": f"musicbrainz:{mbid(7)}",
        "also_known_as": f"musicbrainz-release:{mbid(RELEASE + 1)}",
        "tracks": f"mbid:{mbid(1)}|mbid:{mbid(2)}",
        "more_images": f"{front}/release/{mbid(RELEASE + 1)}/front-500",
        "licence": "AcousticBrainz: CC0.",
    }


def test_an_album_is_one_row_over_all_archives_and_releases(tmp_path: Path) -> None:
    """Its release group may be known to some of its documents alone."""
    no_group: dict[str, Any] = {"musicbrainz_releasegroupid": None}
    first = archive(tmp_path, numbered((1, document(1)), (2, document(2, **no_group))))
    other: dict[str, Any] = {"musicbrainz_albumid": [mbid(RELEASE + 9)]}
    second = archive(tmp_path, numbered((3, document(3, **other)), (2, document(2))), "b.tar.zst")
    (row,) = fetched(tmp_path, first, second)
    releases = [f"musicbrainz-release:{mbid(RELEASE + n)}" for n in (1, 9)]
    assert ids(row) == [f"musicbrainz:{mbid(GROUP + 1)}", *releases]
    assert row["tracks"] == "|".join(f"mbid:{mbid(n)}" for n in (1, 2, 3))
    assert row["genres"] == "Jazz"


def test_an_album_without_a_release_group_is_known_by_its_release(tmp_path: Path) -> None:
    """Old tags have none; documents without either, or without an id of their own, are counted."""
    no_group: dict[str, Any] = {"musicbrainz_releasegroupid": None}
    nothing = document(2, musicbrainz_albumid=None, **no_group)
    nobody = document(3, musicbrainz_recordingid=None)
    documents = numbered((1, document(1, **no_group)), (2, nothing)) | {"data": nobody}
    context = context_of(tmp_path, archive(tmp_path, documents))
    summary = fetch.run(context)
    (row,) = read_rows(context.tsv)
    assert ids(row) == [f"musicbrainz-release:{mbid(RELEASE + 1)}"]
    assert row["image_url"].endswith(f"/release/{mbid(RELEASE + 1)}/front-500")
    assert "1 documents or rows of tables, 2 others without MBIDs" in summary.notes[0]


def test_compilations_are_left_out_in_any_case(tmp_path: Path) -> None:
    """Whichever tag says so, of whichever of an album's documents."""
    documents = [
        document(1, 1, releasetype=["album", "Compilation"]),
        document(2, 1),
        document(3, 2, **{"MusicBrainz Album Type": ["album/COMPILATION"]}),
        document(4, 3, releasetype=["album"]),
    ]
    context = context_of(tmp_path, archive(tmp_path, numbered(*enumerate(documents, start=1))))
    summary = fetch.run(context)
    assert [row["album"] for row in read_rows(context.tsv)] == ["Title 3"]
    assert "2 compilations, left out" in summary.notes[0]


def test_a_redirected_recording_keeps_both_ids_and_counts_once(tmp_path: Path) -> None:
    """So does one with several documents, of which some have its old id."""
    documents = numbered((1, document(5)), (2, document(5)), (6, document(6)))
    again = numbered((6, document(6)), (5, document(5)), nth=1)
    (row,) = fetched(tmp_path, archive(tmp_path, documents | again))
    five = " ".join(f"mbid:{mbid(n)}" for n in (2, 1, 5))
    assert row["tracks"] == f"{five}|mbid:{mbid(6)}"


def test_a_recordings_documents_fill_what_others_lack(tmp_path: Path) -> None:
    """As where an old tagging program gave no genre and no release group."""
    bare: dict[str, Any] = {"musicbrainz_releasegroupid": None, "genre": None, "artist": None}
    documents = numbered((1, document(1, **bare))) | numbered((1, document(9)), nth=1)
    (row,) = fetched(tmp_path, archive(tmp_path, documents))
    assert row["album_id"] == f"musicbrainz:{mbid(GROUP + 1)}"
    assert (row["artist"], row["genres"]) == ("Artist 1", "Jazz")
    assert row["tracks"] == f"mbid:{mbid(1)} mbid:{mbid(9)}"


def test_tags_may_have_any_case_and_form(tmp_path: Path) -> None:
    """Names as tagging programs write them, one text instead of a list, several in one text."""
    tags = {
        "Album": f"Upper{'!' * 70_000}",
        "ALBUM ARTIST": ["", "Somebody"],
        "Artist": ["Somebody feat. Else"],
        "MusicBrainz Album Id": [mbid(RELEASE + 1)],
        "MUSICBRAINZ_TRACKID": [f"  {mbid(1).upper()}; {mbid(2)}"],
        "Genre": ["Hip-Hop/Rap; Folk, World, & Country, Celtic"],
        "Date": ["", "05/1987", "1988-01"],
        "Musicbrainz_AlbumArtistId": [f"{mbid(7)}/{mbid(8)}"],
        "tracknumber": 7,
        "odd": {"a": ["b"]},
    }
    body = json.dumps({"metadata": {"tags": tags}})
    path = tmp_path / "any.json"
    path.write_text(body)
    (row,) = fetched(tmp_path, path)
    assert (row["artist"], row["album"][:6], row["year"]) == ("Somebody", "Upper!", "1988")
    assert len(row["album"]) == 1_000
    assert row["genres"] == "Hip-Hop|Rap|Folk, World, & Country|Celtic"
    assert row["artist_ids"] == f"musicbrainz:{mbid(7)}|musicbrainz:{mbid(8)}"
    assert row["tracks"] == f"mbid:{mbid(1)}"


def test_an_album_has_the_genres_and_names_of_most_recordings(tmp_path: Path) -> None:
    """One of twelve that says Blues makes no Blues; the first release is its year."""
    documents = [document(n, genre=["Folk"], date=["2001"]) for n in range(1, 12)]
    odd = {"genre": ["Blues"], "date": ["1998"], "artist": ["Guest"], "album": ["Other 1"]}
    documents.append({"metadata": {"tags": document(12)["metadata"]["tags"] | odd}})
    path = archive(tmp_path, numbered(*enumerate(documents, start=1)))
    (row,) = fetched(tmp_path, path)
    assert (row["genres"], row["genre"], row["year"]) == ("Folk", "folk", "1998")
    assert (row["artist"], row["album"]) == ("Artist 1", "Title 1")


def test_the_recorded_documents_go_through(tmp_path: Path) -> None:
    """A folder of them, packed or not: documents of two programs, an answer for several."""
    folder = tmp_path / "documents"
    (folder / "01" / "a").mkdir(parents=True)
    for file in realdata("acousticbrainz").iterdir():
        if ".json" in file.name:
            shutil.copyfile(file, folder / "01" / "a" / file.name)
    rows = {
        row["album"]: row
        for row in fetched(tmp_path, folder, fetch={"taxonomy": "acousticbrainz-16"})
    }
    jazz = rows["Bach Coltrane"]
    assert (jazz["artist"], jazz["year"], jazz["genre"]) == ("Raphaël Imbert", "2007", "jazz")
    assert jazz["tracks"] == "mbid:01a0a332-d340-4806-a88b-cb60a05355c0"
    found = acousticbrainz.recordings_in(
        "a.json", realdata("acousticbrainz", "select_features_response.json").read_bytes()
    )
    assert [each.title.split()[0] for each in found if each] == ["Journey", "Another", "The"]
    assert list(tmp_path.glob("documents.*.sqlite"))


def genre_task(*lines: str) -> bytes:
    """Return a table of the Genre task, padded with tabs as it is."""
    header = "recordingmbid\treleasegroupmbid\tgenre1\tgenre2\tgenre3\tgenre4"
    return "".join(f"{line}\n" for line in (header, *lines)).encode()


def test_the_genre_tasks_tables_give_labels_sets_and_a_licence(tmp_path: Path) -> None:
    """Sub-genres are styles; names of albums come from documents alone."""
    line = f"{mbid(1)}\t{mbid(GROUP + 1)}\trock\trock---indie\t\t"
    other = f"{mbid(2)}\t{mbid(GROUP + 2)}\tjazz\tjazz---bop\tblues\t"
    train = tmp_path / "acousticbrainz-mediaeval-discogs-train.tsv.bz2"
    train.write_bytes(bz2.compress(genre_task(line)))
    validation = tmp_path / "acousticbrainz-mediaeval-allmusic-validation.tsv"
    validation.write_bytes(genre_task(other))
    documents = archive(tmp_path, numbered((1, document(1, genre=None))))
    second = archive(tmp_path, numbered((2, document(2, 2, genre=None))), "b.tar")
    rows = {row["album_id"]: row for row in fetched(tmp_path, train, validation, documents, second)}
    one = rows[f"musicbrainz:{mbid(GROUP + 1)}"]
    assert (one["genres"], one["styles"], one["genre"]) == ("rock", "indie", "indie")
    assert (one["artist"], one["set_given"]) == ("Artist 1", "train")
    assert one["tracks"] == f"mbid:{mbid(1)}"
    assert "CC BY-NC-SA 4.0" in one["licence"]
    assert rows[f"musicbrainz:{mbid(GROUP + 2)}"]["set_given"] == "val"


def test_the_table_of_release_groups_goes_through(tmp_path: Path) -> None:
    """The recorded half of the validation set: each release group once, with its genre."""
    path = tmp_path / "discogs_validation_release_groups_a.csv.gz"
    shutil.copyfile(realdata("acousticbrainz_genre", path.name), path)
    counted = [0, 0]
    for batch in acousticbrainz.RECORDINGS.read(path):
        counted[0] += len(list(batch))
        counted[1] += sum(1 for row in batch if row[4] == "folk, world, & country")
    assert counted[0] == 10_159


def test_msd_ids_are_joined_by_recordings(tmp_path: Path) -> None:
    """From the mapping without a header, and from MuMu's columns with theirs."""
    documents = numbered((1, document(5)), (2, document(2)))
    path = archive(tmp_path, documents)
    mapping = tmp_path / "msd-mbid-2016-01-results-ab.csv"
    one, other = f"TR{'A' * 16}", f"TR{'B' * 16}"
    mapping.write_text(f'{one},{mbid(5)},"Title, a",Artist\n{other},{mbid(5)},T,A\nbad,line,T,A\n')
    (row,) = fetched(tmp_path, path, acousticbrainz={"msd_ids": str(mapping)})
    five = f"msd:{one} msd:{other} mbid:{mbid(1)} mbid:{mbid(5)}"
    assert row["tracks"] == f"{five}|mbid:{mbid(2)}"
    columns = "amazon_id,album_mbid,MSD_track_id,recording_mbid,artist_mbid,genres"
    mumu = tmp_path / "mumu.csv"
    mumu.write_text(f"{columns}\nB0,{mbid(2)},{one},{mbid(5)},{mbid(9)},Rock\n")
    (row,) = fetched(tmp_path / "other", path, acousticbrainz={"msd_ids": str(mumu)})
    assert row["tracks"] == f"msd:{one} mbid:{mbid(1)} mbid:{mbid(5)}|mbid:{mbid(2)}"


def test_ids_that_begin_with_a_carriage_return_are_refused(tmp_path: Path) -> None:
    """As any other file that is no table of them."""
    path = tmp_path / "ids.csv"
    path.write_bytes(b"\r{}")
    with pytest.raises(InputError, match=r"ids\.csv: "):
        list(acousticbrainz.MSD_IDS.read(path))


def test_albums_of_no_year_are_taken_and_a_second_run_adds_what_is_new(tmp_path: Path) -> None:
    """Only a new archive is read then."""
    path = archive(tmp_path, numbered((1, document(1, date=None))))
    context = context_of(tmp_path, path)
    fetch.run(context)
    (row,) = read_rows(context.tsv)
    assert row["year"] == ""
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("a.tar.zst.recordings.*")}
    assert before
    more = archive(tmp_path, numbered((2, document(2, 2))), "b.tar.zst")
    assert fetch.run(context_of(tmp_path, path, more)).rows_out == 1
    assert {file: file.stat().st_mtime_ns for file in before} == before


@pytest.mark.parametrize(
    ("suffix", "left"),
    [*((suffix, -9) for suffix in PACKINGS if suffix != ".tar"), (".tar", 6144), (".tar", 6000)],
)
def test_an_archive_that_is_cut_off_is_an_error(tmp_path: Path, suffix: str, left: int) -> None:
    """Wherever it ends, also between two documents, nothing of it is taken for the whole."""
    documents = numbered(*((n, document(n)) for n in range(1, 9)))
    path = archive(tmp_path, documents, f"a{suffix}")
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(InputError, match="get it anew") as raised:
        fetched(tmp_path, path)
    assert str(path) in str(raised.value)
    assert not list(tmp_path.glob("*.sqlite"))


@posix_only
def test_a_large_archive_is_decompressed_by_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same rows and errors; one that is killed ends the run."""
    monkeypatch.setattr(pool, "_SMALL_BYTES", 0)
    documents = numbered(*((n, document(n, n)) for n in range(1, 9)))
    path = archive(tmp_path, documents)
    assert len(fetched(tmp_path, path)) == len(documents)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"zstandard data is cut off: .* after [1-9]"):
        fetched(tmp_path / "cut", path)
    archive(tmp_path, documents)
    monkeypatch.setattr(pool, "_UNPACK", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(EquigenError, match="by signal 9"):
        fetched(tmp_path / "killed", path)


def test_a_damaged_header_is_an_error(tmp_path: Path) -> None:
    """It isn't taken for the end of the archive."""
    documents = numbered(*((n, document(n)) for n in range(1, 9)))
    path = archive(tmp_path, documents, "a.tar")
    body = bytearray(path.read_bytes())
    at = body.index(f"{mbid(5)}-0.json".encode())
    body[at] ^= 1
    path.write_bytes(body)
    with pytest.raises(InputError, match="damaged tar"):
        fetched(tmp_path, path)


def test_a_document_that_cannot_be_read_is_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a thousand at most: no JSON, or one that is too long."""
    monkeypatch.setattr(archives, "LONGEST_BYTES", 50_000)
    documents = numbered(*((n, document(n, n)) for n in range(1, 2_500)))
    bad = mbid(9_998)
    documents |= {f"{mbid(9_999)}-0": ["x" * 60_000], f"{bad}-0": {"metadata": {"tags": 3}}}
    context = context_of(tmp_path, archive(tmp_path, documents), fetch={"genre_limit": 3})
    assert bad in fetch.run(context).notes[0]
    odd = {f"\x1b[31m\n{'bad' * 30}": {"metadata": 3}}
    few = archive(tmp_path, numbered((1, document(1))) | odd, "b.tar")
    with pytest.raises(InputError, match="1 of 2 records can't be read") as raised:
        fetched(tmp_path / "few", few)
    assert str(raised.value).isprintable()


def test_an_archive_that_unpacks_to_far_more_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As all dumps."""
    monkeypatch.setattr(archives, "_FREE_BYTES", 1 << 20)
    path = tmp_path / "a.tar.zst"
    path.write_bytes(PACKINGS[".tar.zst"](tar_of([("a.json", b" " * (4 << 20))])))
    with pytest.raises(InputError, match="unpacks to more than"):
        fetched(tmp_path, path)


def test_archives_in_a_folder_are_found_and_others_left_alone(tmp_path: Path) -> None:
    """Beside documents, tables and what isn't of AcousticBrainz."""
    folder = tmp_path / "dumps"
    archive(folder, numbered((1, document(1))))
    (folder / "sub").mkdir()
    archive(folder / "sub", numbered((2, document(2, 2))), "b.tar.bz2")
    (folder / f"{mbid(3)}-0.json").write_text(json.dumps(document(3, 3)))
    (folder / f"{mbid(4)}-0.json").write_text(json.dumps(document(4, 4)))
    (folder / "README.txt").write_text("not a document")
    (folder / "features.csv").write_text("mbid,bpm\n")
    rows = fetched(tmp_path, folder)
    assert {row["album"] for row in rows} == {f"Title {n}" for n in range(1, 5)}


def folder_of(path: Path, documents: Mapping[str, object]) -> Path:
    """Write a folder of documents."""
    path.mkdir()
    for name, each in documents.items():
        (path / f"{name}.json").write_text(json.dumps(each))
    return path


def test_a_folder_may_have_a_few_documents_that_cannot_be_read(tmp_path: Path) -> None:
    """They are named with their folder; strays without an MBID in their name count for nothing."""
    good = numbered(*((n, document(n, n)) for n in range(1, 5)))
    bad: dict[str, object] = {f"{mbid(99)}-0": {"metadata": 3}, "package": {"name": "stray"}}
    folder = folder_of(tmp_path / "mine", good | bad)
    context = context_of(tmp_path, folder, fetch={"genre_limit": 9})
    (said, *_) = fetch.run(context).notes
    assert len(read_rows(context.tsv)) == 4
    assert f"1 records of mine that can't be read and are left out ({mbid(99)}-0.json)" in said
    assert "4 documents or rows of tables, 1 others without MBIDs" in said


@pytest.mark.parametrize(("good", "bad"), [(4, 11), (0, 2)])
def test_a_folder_that_is_mostly_something_else_is_refused(
    tmp_path: Path, good: int, bad: int
) -> None:
    """By its own name, not that of a document."""
    documents = numbered(*((n, document(n)) for n in range(1, good + 1)))
    documents |= {f"{mbid(n)}-0": {"metadata": 3} for n in range(100, 100 + bad)}
    folder = folder_of(tmp_path / "mine", documents)
    with pytest.raises(InputError) as caught:
        fetched(tmp_path, folder)
    said = str(caught.value)
    assert said.startswith(f"{folder}: {bad} of {good + bad} records can't be read")
    assert "move" in said.lower()
    assert "of the file" not in said


@pytest.mark.parametrize("is_indexed", [False, True])
def test_albums_are_looked_up_by_any_of_their_ids(tmp_path: Path, *, is_indexed: bool) -> None:
    """In the files, which nobody has to be asked for; their hint names ids of all kinds."""
    no_group: dict[str, Any] = {"musicbrainz_releasegroupid": None}
    files = archive(
        tmp_path, numbered((1, document(1)), (2, document(2, 2)), (3, document(3, 3, **no_group)))
    )
    context = context_of(tmp_path, files)
    if is_indexed:
        fetch.run(context)
    known = [f"musicbrainz:{mbid(GROUP + 1)}"]
    known += [f"musicbrainz-release:{mbid(RELEASE + n)}" for n in (2, 3)]
    examples = tmp_path / "data" / "examples" / "equigen_examples.tsv"
    with DumpHost() as host:
        own = {"coverart": {"base_url": host.url}}
        context = context_of(tmp_path, files, fetch={"source": "discogs"}, **own)
        wrong = f"musicbrainz-release:{mbid(9)}"
        summary = fetch.run(context, album=[*known, wrong])
    assert [ids(row)[:2][-1] for row in read_rows(examples)] == [
        f"musicbrainz-release:{mbid(RELEASE + n)}" for n in (1, 2, 3)
    ]
    assert summary.facts["wrong"] == {wrong: summary.notes[0]}
    assert "mumu:" in summary.notes[0]
    with pytest.raises(MissingInputError, match="files PATH"):
        fetch.run(context_of(tmp_path / "other"), album=[wrong])


def test_files_that_are_missing_or_of_another_kind_are_named(tmp_path: Path) -> None:
    """Before anything is read."""
    with pytest.raises(MissingInputError, match="files PATH"):
        fetched(tmp_path)
    with pytest.raises(MissingInputError, match=r"none\.tar"):
        fetched(tmp_path, tmp_path / "none.tar")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInputError, match="got none"):
        fetched(tmp_path, tmp_path / "empty")
    other = tmp_path / "other.tsv"
    other.write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match="releasegroupmbid"):
        fetched(tmp_path, other)


def test_a_whole_way_from_dumps_to_covers(tmp_path: Path) -> None:
    """By the program: flags, labels of the source's own taxonomy, covers of the archive."""
    no_group: dict[str, Any] = {"musicbrainz_releasegroupid": None}
    documents = {
        1: document(1, 1, genre=["Death Metal"]),
        2: document(2, 2, genre=["Hip-Hop"], **no_group),
    }
    archive(tmp_path, numbered(*documents.items()))
    with DumpHost() as host:
        for number, path in ((GROUP + 1, "release-group"), (RELEASE + 2, "release")):
            out = io.BytesIO()
            Image.effect_noise((64, 64), number % 90 + 9).convert("RGB").save(out, "JPEG")
            node = f"/node/{number}.jpg"
            there = {"Location": f"{host.url}{node}"}
            host.files[f"/{path}/{mbid(number)}/front-500"] = Hosted(b"See: there", 307, there)
            host.files[node] = Hosted(out.getvalue(), headers={"Content-Type": "image/jpeg"})
        env = {"EQUIGEN_COVERART__BASE_URL": host.url}
        words = ("fetch", "--source", "acousticbrainz", "--acousticbrainz-files", "a.tar.zst")
        ended = [equigen(*words, cwd=tmp_path, env=env), equigen("download", cwd=tmp_path, env=env)]
    assert [each.returncode for each in ended] == [0, 0], ended
    covers = (tmp_path / "data" / "equigen_album_images").rglob("*.jpg")
    assert {path.parent.name for path in covers} == {"metal", "rap"}


def test_names_of_the_genre_tasks_albums_come_from_musicbrainzs_dump(tmp_path: Path) -> None:
    """With their years, artists' ids and masters; without it they aren't taken, and counted."""
    table = tmp_path / "discogs-train.tsv"
    table.write_bytes(genre_task(f"{mbid(9)}\t{mbid(1)}\tjazz\tjazz---bop\t\t"))
    context = context_of(tmp_path, table)
    summary = fetch.run(context)
    assert summary.rows_out == 0
    assert (
        "1 albums without artist and title (`equigen dumps get release-groups`" in summary.notes[0]
    )
    write_groups(tmp_path / "data", [group(1, master=5)])
    fetch.run(context)
    (row,) = read_rows(context.tsv)
    assert (row["artist"], row["album"], row["year"]) == ("Artist 1", "Title 1", "2010")
    assert (row["genres"], row["styles"], row["genre"]) == ("jazz", "bop", "jazz")
    assert ids(row) == [f"musicbrainz:{mbid(1)}", "discogs:m5"]
    assert (row["tracks"], row["set_given"]) == (f"mbid:{mbid(9)}", "train")


def test_nameless_albums_are_counted_once(tmp_path: Path) -> None:
    """Also in a run that looks at all albums twice, since there are rows to add to."""
    table = tmp_path / "discogs-train.tsv"
    table.write_bytes(genre_task(f"{mbid(9)}\t{mbid(1)}\tjazz\t\t\t"))
    documents = archive(tmp_path, numbered((2, document(2))))
    context = context_of(tmp_path, table, documents, fetch={"genre_limit": 5})
    for _ in range(2):
        summary = fetch.run(context)
        assert " 1 albums without artist and title" in summary.notes[0]


def test_rows_tell_their_own_licence(tmp_path: Path) -> None:
    """Documents are CC0; what the Genre task says of an album isn't for commercial use."""
    table = tmp_path / "discogs-train.tsv"
    table.write_bytes(genre_task(f"{mbid(1)}\t{mbid(GROUP + 1)}\trock\t\t\t"))
    documents = numbered(*((n, document(n, n)) for n in (1, 2, 3)))
    context = context_of(tmp_path, table, archive(tmp_path, documents))
    summary = fetch.run(context)
    assert any("CC0" in note and "CC BY-NC-SA 4.0" in note for note in summary.notes)
    found = status.run(context).facts["licences"]
    assert isinstance(found, dict)
    own = {text: count for text, count in found.items() if text.startswith("AcousticBrainz")}
    assert sorted(own.values()) == [1, 2]


def test_albums_of_msd_i_and_mumu_are_joined_by_shared_tracks_and_ids(tmp_path: Path) -> None:
    """One row each, whichever came first, with the ids and covers of both."""
    msd_ids = [f"TR{letter * 16}" for letter in "AB"]
    table = tmp_path / "MSD-I_dataset.tsv"
    header = "msd_track_id\tgenre\talbum_index\tset\tmsd_artist_id\timage_url"
    cells = (msd_ids[0], "Jazz", "7", "val", f"AR{'A' * 16}", "http://a.example/1_200.jpg")
    table.write_text("\n".join([header, "\t".join(cells), ""]))
    columns = "amazon_id,album_mbid,MSD_track_id,recording_mbid,artist_mbid,genres"
    mumu = tmp_path / "MuMu_dataset_single-label.csv"
    line = ("B000000002", mbid(GROUP + 2), msd_ids[1], mbid(2), mbid(9), "Jazz")
    mumu.write_text(f"{columns}\n{','.join(line)}\n")
    mapping = tmp_path / "msd-mbid-2016-01-results-ab.csv"
    mapping.write_text(f"{msd_ids[0]},{mbid(1)},T,A\n")
    documents = archive(tmp_path, numbered(*((n, document(n, n)) for n in (1, 2, 3))))
    named: dict[str, Any] = {
        "msd_i": {"file": str(table)},
        "mumu": {"albums": str(mumu)},
        "acousticbrainz": {"msd_ids": str(mapping)},
    }
    for source in ("msd-i", "mumu", "acousticbrainz"):
        fetched(tmp_path, documents, fetch={"source": source, "taxonomy": "msd-15"}, **named)
    rows = {row["album_id"].partition(":")[0]: row for row in read_rows(tmp_path / "data" / TSV)}
    assert ids(rows["msd-i"]) == [
        "msd-i:7",
        f"musicbrainz:{mbid(GROUP + 1)}",
        f"musicbrainz-release:{mbid(RELEASE + 1)}",
    ]
    assert f"musicbrainz-release:{mbid(RELEASE + 2)}" in ids(rows["mumu"])
    assert f"/release-group/{mbid(GROUP + 1)}/front-500" in rows["msd-i"]["more_images"]
    assert f"msd:{msd_ids[0]} mbid:{mbid(1)}" in rows["msd-i"]["tracks"]
    assert [*rows] == ["msd-i", "mumu", "musicbrainz"]
    assert rows["musicbrainz"]["album"] == "Title 3"
