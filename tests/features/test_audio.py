"""The feature `audio`: numbers of documents, deep features, their components, and their export."""

import gzip
import json
import random
import shutil
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from documents import GROUP, RELEASE, archive, document, mbid, numbered
from forks import Forks
from hypothesis import given
from hypothesis import strategies as st
from kills import Case, check_ledger, copy_over, kill_often
from reports import COLUMNS, row
from support import equigen, examples, from_json, make_context, realdata, write_rows

from equigen.commands import features, select
from equigen.commands.features import FeaturesAction
from equigen.dataset.context import Context
from equigen.dataset.covers import dataset_covers
from equigen.dataset.dataset import Dataset
from equigen.dataset.feature_tables import FeatureTable
from equigen.dumps.audio_numbers import NAMES, numbers_of, rows_in
from equigen.errors import EquigenError, InputError, MissingInputError, UsageError
from equigen.features import components
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import AlbumSet
from equigen.summary import Summary

TSV = "equigen_dataset.tsv"
RECORDED = ("01a0a332-d340-4806-a88b-cb60a05355c0", "0dad432b-16cc-4bf0-8961-fd31d124b01b")
Vector = npt.NDArray[np.float32]
# Vectors of albums by album_index: so many numbers instead of 2,048.
WIDTH = 24


def recorded(name: str = RECORDED[1]) -> dict[str, Any]:
    """Return a recorded document."""
    body = gzip.decompress(realdata("acousticbrainz", f"{name}.json.gz").read_bytes())
    found: dict[str, Any] = json.loads(body)
    return found


def sounding(number: int, album: int = 1, factor: float = 1.0) -> dict[str, Any]:
    """Return a document on an album, with a loudness and a list of its own."""
    sections = {each: recorded()[each] for each in ("lowlevel", "rhythm", "tonal")}
    sections["lowlevel"]["average_loudness"] = factor
    sections["tonal"]["thpcp"] = [factor, 3 * factor]
    return {**document(number, album), **sections}


def shuffled(value: Any, seed: int = 1) -> Any:  # noqa: ANN401
    """Return a document with the keys of all its objects in another order."""
    if not isinstance(value, dict):
        return value
    keys = [*value]
    random.Random(seed).shuffle(keys)
    return {key: shuffled(value[key], seed + 1) for key in keys}


def test_names_are_those_recorded_in_their_order() -> None:
    """580 of them, sorted."""
    names = realdata("acousticbrainz", "vector_580_names.txt").read_text().split()
    assert list(NAMES) == names == sorted(names)


def walked(value: Any, name: str = "") -> Iterable[tuple[str, float]]:  # noqa: ANN401
    """Yield the numbers of a document as the definition has them, by their names."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from walked(each, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        yield f"{name}#mean", float(np.mean(value))
        yield f"{name}#std", float(np.std(value))
    elif not isinstance(value, str):
        yield name, value


@pytest.mark.parametrize("name", [*RECORDED, "beets_low_and_high"])
def test_numbers_of_recorded_documents_are_those_of_their_names(name: str) -> None:
    """All 580 of each, whatever the order of its keys."""
    whole = recorded(name)
    parts = {each: whole[each] for each in ("lowlevel", "rhythm", "tonal")}
    expected = dict(walked(parts))
    found = numbers_of(whole)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [expected[each] for each in NAMES], rtol=1e-6)
    assert list(walked(parts)) != list(walked(shuffled(parts)))
    assert numbers_of(shuffled(whole)).tobytes() == found.tobytes()


def test_what_a_document_lacks_is_missing_and_nothing_else() -> None:
    """Texts, nulls, empty lists, other types and numbers beyond 32 bits are no numbers."""
    whole = recorded()
    full = numbers_of(whole)
    del whole["rhythm"]["bpm"], whole["lowlevel"]["mfcc"], whole["lowlevel"]["hfc"]["var"]
    whole["rhythm"]["danceability"] = "0.5"
    whole["tonal"]["thpcp"] = []
    whole["tonal"]["chords_strength"] = 7
    whole["tonal"]["chords_histogram"] = [1.0, None]
    whole["lowlevel"]["dissonance"] = None
    whole["lowlevel"]["average_loudness"] = 1e300
    found = numbers_of(whole)
    missing = {name for name, value in zip(NAMES, found, strict=True) if np.isnan(value)}
    lists = ("tonal.thpcp#", "tonal.chords_histogram#")
    gone = (*lists, "lowlevel.mfcc.", "tonal.chords_strength.", "lowlevel.dissonance.")
    alone = {"rhythm.bpm", "lowlevel.hfc.var", "rhythm.danceability", "lowlevel.average_loudness"}
    assert missing == alone | {name for name in NAMES if name.startswith(gone)}
    kept = ~np.isnan(found)
    assert found[kept].tobytes() == full[kept].tobytes()
    assert np.isnan(numbers_of({"lowlevel": [1]})).all()


def test_an_answer_for_several_recordings_has_those_of_each() -> None:
    """By the MBIDs and numbers that it is keyed by."""
    body = realdata("acousticbrainz", "select_features_response.json").read_bytes()
    rows = [each for each in rows_in("bulk.json", body) if each]
    assert {(key, nth) for key, nth, *_ in rows} == {
        (key, int(nth))
        for key, documents in json.loads(body).items()
        for nth in documents
        if nth.isdecimal()
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=5,
)
PLACES = st.sampled_from(NAMES).map(lambda name: name.partition("#")[0].split("."))


@examples(100)
@given(st.lists(st.tuples(PLACES, JSON), max_size=5))
def test_any_value_in_any_place_is_a_number_or_missing(
    changes: Sequence[tuple[Sequence[str], Any]],
) -> None:
    """Nothing is raised, and what wasn't changed stays."""
    whole = recorded()
    for place, value in changes:
        at = whole
        for key in place[:-1]:
            at = at[key] if isinstance(at.get(key), dict) else at
        at[place[-1]] = value
    assert len(numbers_of(whole)) == len(NAMES)


# A dataset of albums, their documents, and vectors of some.


def context_of(folder: Path, *files: Path, vectors: Sequence[Path] = (), **own: Any) -> Context:  # noqa: ANN401
    """Return a run on a dataset with such files."""
    return make_context(
        folder,
        acousticbrainz={"files": list(map(str, files))},
        msd_i={"features": list(map(str, vectors))},
        features={"processes": 1, **own},
    )


def filled(folder: Path, *rows: Mapping[str, str], sets: Sequence[str] = ()) -> Path:
    """Write a dataset without covers, in sets by turns."""
    columns = dict.fromkeys([*COLUMNS, *(name for each in rows for name in each)])
    write_rows(folder / TSV, *rows, columns=list(columns))
    if sets:
        context = make_context(folder)
        wanted = list(dataset_covers(context))
        with Ledger(context.ledger) as ledger:
            ledger.record_sets(
                AlbumSet("", each.path, sets[at % len(sets)]) for at, each in enumerate(wanted)
            )
    return folder


def album(number: int, *recordings: int, **cells: str) -> dict[str, str]:
    """Return the row of an album by its release group, with tracks."""
    tracks = "|".join(f"mbid:{mbid(each)}" for each in recordings)
    ids = {"album_id": f"musicbrainz:{mbid(GROUP + number)}", "tracks": tracks}
    return row(number, **{**ids, **cells})


def compute(context: Context, **flags: bool) -> Summary:
    """Compute the feature."""
    return features.run(context, action=FeaturesAction.COMPUTE, names=["audio"], **flags)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Return the table's rows."""
    return FeatureTable(folder / "features", "audio").read().to_dicts()


def test_an_album_has_the_mean_of_its_recordings(tmp_path: Path) -> None:
    """Each by its first document; a number that some lack is the mean of the others."""
    lacking = sounding(2, factor=4)
    del lacking["rhythm"]["bpm"]
    first = archive(tmp_path, numbered((1, sounding(1)), (2, lacking), (9, sounding(9, 5))))
    later = numbered((2, sounding(2, factor=9)), (3, sounding(3, factor=7)), nth=3)
    later |= numbered((3, sounding(3, factor=1)), nth=1)
    files = first, archive(tmp_path, later, "b.tar.gz")
    folder = filled(tmp_path / "data", album(1, 1, 2, 3), album(2, 8), album(3), album(5))
    summary = compute(context_of(folder, *files))
    assert (summary.rows_in, summary.rows_out) == (4, 2)
    assert summary.dropped == {"no recording of it is known": 2}
    one, two, three, five = rows_of(folder)
    assert [each["recordings"] for each in (one, two, three, five)] == [3, None, None, 1]
    at = NAMES.index
    assert one["numbers"][at("lowlevel.average_loudness")] == 2
    assert one["numbers"][at("tonal.thpcp#mean")] == 4
    assert one["numbers"][at("tonal.thpcp#std")] == 2
    bpm = numbers_of(recorded())[at("rhythm.bpm")]
    assert one["numbers"][at("rhythm.bpm")] == bpm
    assert not any(one["missing"])
    assert five["numbers"] == numbers_of(sounding(9, 5)).tolist()
    assert two["numbers"] is two["missing"] is two["components"] is None


def test_a_number_that_no_recording_has_is_missing(tmp_path: Path) -> None:
    """NaN, and marked; the table can be asked for it."""
    lacking = sounding(1)
    del lacking["rhythm"]["bpm"]
    folder = filled(tmp_path / "data", album(1, 1))
    context = context_of(folder, archive(tmp_path, numbered((1, lacking))))
    compute(context)
    (found,) = rows_of(folder)
    assert [name for name, gone in zip(NAMES, found["missing"], strict=True) if gone] == [
        "rhythm.bpm"
    ]
    assert np.isnan(found["numbers"][NAMES.index("rhythm.bpm")])
    assert select.run(context, where="list_contains(audio.missing, true)").rows_out == 1
    frame = Dataset(context).features("audio")
    assert list(frame.columns)[:4] == ["album_id", "version", "reason", "recordings"]


def test_albums_without_tracks_are_known_by_their_releases(tmp_path: Path) -> None:
    """By release or by release group, in any of their ids."""
    files = archive(tmp_path, numbered((1, sounding(1, 1)), (2, sounding(2, 2, 3))))
    other = f"discogs:m1|musicbrainz-release:{mbid(RELEASE + 2)}"
    folder = filled(tmp_path / "data", album(1), row(2, album_id="discogs:m2", also_known_as=other))
    compute(context_of(folder, files))
    loudness = NAMES.index("lowlevel.average_loudness")
    assert [each["numbers"][loudness] for each in rows_of(folder)] == [3, 1]


def test_folders_of_documents_are_read_and_others_are_left(tmp_path: Path) -> None:
    """With a table of the Genre task, and a file that is no document."""
    folder, files = filled(tmp_path / "data", album(1, 1, 2)), tmp_path / "files"
    files.mkdir()
    for key, each in numbered((1, sounding(1)), (2, sounding(2))).items():
        (files / f"{key}.json").write_text(json.dumps(each))
    (files / "notes.json").write_text("none")
    (files / "train.tsv").write_text("recordingmbid\treleasegroupmbid\tgenre1\n")
    assert compute(context_of(folder, files)).rows_out == 1
    assert rows_of(folder)[0]["recordings"] == 2


@pytest.mark.parametrize("cut", [200, 2_000])
def test_a_broken_file_is_told_and_nothing_is_computed(tmp_path: Path, cut: int) -> None:
    """An archive that is cut off; the table that was there stays."""
    folder = filled(tmp_path / "data", album(1, 1))
    file = archive(tmp_path, numbered((1, sounding(1))))
    whole = file.read_bytes()
    compute(context_of(folder, file))
    before = (folder / "features" / "audio.parquet").read_bytes()
    file.write_bytes(whole[:-cut])
    with pytest.raises(InputError, match=r"a\.tar\.zst: "):
        compute(context_of(folder, file))
    assert (folder / "features" / "audio.parquet").read_bytes() == before
    file.write_bytes(whole)
    assert compute(context_of(folder, file)).rows_out == 1


def test_without_files_nothing_is_computed(tmp_path: Path) -> None:
    """The message names both flags; the list of features needs none."""
    folder = filled(tmp_path, album(1))
    with pytest.raises(MissingInputError, match=r"--acousticbrainz-files PATH.*--msd-i-features"):
        compute(context_of(folder))
    with pytest.raises(MissingInputError, match="no such file"):
        compute(context_of(folder, tmp_path / "none.tar"))
    features.run(context_of(folder, tmp_path / "none.tar"), action=FeaturesAction.LIST)


def test_other_files_compute_all_anew_and_the_same_ones_nothing(tmp_path: Path) -> None:
    """A recording that came with a second archive counts."""
    folder = filled(tmp_path / "data", album(1, 1, 2), album(2, 7))
    first = archive(tmp_path, numbered((1, sounding(1))))
    done = compute(context_of(folder, first)).facts
    assert (done["computed"], done["failed"]) == ({"audio": 1}, {"audio": 1})
    again = compute(context_of(folder, first)).facts
    assert (again["computed"], again["failed"]) == ({"audio": 0}, {"audio": 0})
    second = archive(tmp_path, numbered((2, sounding(2)), (7, sounding(7))), "b.tar")
    assert compute(context_of(folder, first, second)).facts["computed"] == {"audio": 2}
    assert [each["recordings"] for each in rows_of(folder)] == [2, 1]


# Components.

SETS = ("train", "train", "train", "val", "test")


def matrix(count: int = 40) -> npt.NDArray[np.float32]:
    """Return vectors by album_index; those of some directions vary more."""
    random_of = np.random.default_rng(19)
    return (random_of.normal(size=(count, WIDTH)) * np.arange(WIDTH)).astype(np.float32)


def saved(file: Path, vectors: npt.NDArray[np.float32], *ids: str) -> Path:
    """Write vectors, and their ids beside them if there are any."""
    file.parent.mkdir(parents=True, exist_ok=True)
    np.save(file, vectors)
    if ids:
        file.with_suffix(".txt").write_text("".join(f"{each}\n" for each in ids))
    return file


def of_msd(count: int = 40) -> list[dict[str, str]]:
    """Return rows of MSD-I by their album_index."""
    return [
        row(at, album_id=f"msd-i:{at}", tracks=f"msd:TRAAA{at:013}|msd:TRBBB{at:013}")
        for at in range(count)
    ]


def fit_of(folder: Path) -> components.Fit:
    """Return the fit that was kept."""
    fit = components.load(folder / "features" / "audio.components.npz")
    assert fit
    return fit


def test_components_are_those_of_train(tmp_path: Path) -> None:
    """As numpy's SVD has them, with the sign fixed; each album's can be computed from the fit."""
    folder = filled(tmp_path / "data", *of_msd(), sets=SETS)
    file = saved(tmp_path / "v.npy", matrix())
    summary = compute(context_of(folder, vectors=[file], components=10))
    assert summary.rows_out == 40
    fit = fit_of(folder)
    sets = {each.album["album_id"]: each.set for each in Dataset(make_context(folder)).rows()}
    train = sorted(name for name, where in sets.items() if where == "train")
    assert list(fit.albums) == train
    vectors = {f"msd-i:{at}": each.astype(float) for at, each in enumerate(matrix())}
    known = np.array([vectors[name] for name in train])
    np.testing.assert_allclose(fit.mean, known.mean(axis=0))
    _, scale, directions = np.linalg.svd(known - known.mean(axis=0))
    np.testing.assert_allclose(np.abs(fit.components), np.abs(directions[:10]), atol=1e-9)
    np.testing.assert_allclose(fit.variance, scale[:10] ** 2 / (len(train) - 1))
    assert (
        np.take_along_axis(fit.components, np.abs(fit.components).argmax(1)[:, None], 1) > 0
    ).all()
    assert 0 < fit.share.sum() < 1
    for each in rows_of(folder):
        assert each["numbers"] is None
        assert each["deep"] == vectors[each["album_id"]].tolist()
        expected = (vectors[each["album_id"]] - fit.mean) @ fit.components.T
        np.testing.assert_allclose(each["components"], expected, rtol=1e-4, atol=1e-4)


def test_albums_outside_train_change_no_bit_of_the_fit(tmp_path: Path) -> None:
    """Whatever their vectors are; those of train do change it."""
    folder = filled(tmp_path / "data", *of_msd(), sets=SETS)
    vectors = matrix()
    context = context_of(folder, vectors=[saved(tmp_path / "v.npy", vectors)], components=10)
    compute(context)
    before, rows = fit_of(folder), {each["album_id"]: each for each in rows_of(folder)}
    sets = {each.album["album_id"]: each.set for each in Dataset(context).rows()}
    others = [int(name[6:]) for name, where in sets.items() if where != "train"]
    vectors[others] = 1e6
    vectors[others[0]] = np.nan
    saved(tmp_path / "v.npy", vectors)
    compute(context)
    after = fit_of(folder)
    assert after.digest == before.digest
    assert after.variance.tobytes() == before.variance.tobytes()
    for each in rows_of(folder):
        is_same = each["components"] == rows[each["album_id"]]["components"]
        assert is_same == (sets[each["album_id"]] == "train")
    vectors[int(fit_of(folder).albums[0][6:])] += 1
    saved(tmp_path / "v.npy", vectors)
    compute(context)
    assert fit_of(folder).digest != before.digest


def test_another_split_fits_anew(tmp_path: Path) -> None:
    """No album of test stays in the fit."""
    folder = filled(tmp_path / "data", *of_msd(), sets=SETS)
    context = context_of(folder, vectors=[saved(tmp_path / "v.npy", matrix())])
    compute(context)
    before = fit_of(folder)
    filled(folder, *of_msd(), sets=("test", "train"))
    assert compute(context).facts["computed"] == {"audio": 40}
    assert set(fit_of(folder).albums) != set(before.albums)
    sets = {each.album["album_id"]: each.set for each in Dataset(context).rows()}
    assert {sets[each] for each in fit_of(folder).albums} == {"train"}


def test_without_sets_there_are_no_components(tmp_path: Path) -> None:
    """The vectors are there; a fit of earlier sets isn't used, and one line says why."""
    folder = filled(tmp_path / "data", *of_msd(5))
    saved(tmp_path / "v.npy", matrix(5))
    flags = ("--msd-i-features", str(tmp_path / "v.npy"), "--json")
    env = {"EQUIGEN_DATASET__DIRECTORY": str(folder)}
    ran = equigen("features", "compute", "audio", *flags, cwd=tmp_path, env=env)
    assert ran.returncode == 0, ran.stderr
    assert "equigen split" in ran.stderr
    assert from_json(ran.stdout)["rows_out"] == 5
    assert [each["components"] for each in rows_of(folder)] == [None] * 5
    assert {len(each["deep"]) for each in rows_of(folder)} == {WIDTH}


def test_rows_of_vectors_are_named_by_a_file_beside_them(tmp_path: Path) -> None:
    """By album_index or by a track, in several files; what isn't finite is no vector."""
    folder = filled(tmp_path / "data", *of_msd(6), sets=("train",))
    vectors = matrix(6)
    vectors[4] = np.inf
    one = saved(tmp_path / "a.npy", vectors[[2, 1]], "2", "1\tmore")
    two = saved(tmp_path / "b.npy", vectors[[3, 4]], f"TRBBB{3:013}", "4")
    summary = compute(context_of(folder, vectors=[one, two]))
    assert summary.dropped == {"no recording of it is known": 3}
    found = {each["album_id"]: each["deep"] for each in rows_of(folder) if not each["reason"]}
    assert found == {f"msd-i:{at}": vectors[at].tolist() for at in (1, 2, 3)}
    assert list(fit_of(folder).albums) == ["msd-i:1", "msd-i:2", "msd-i:3"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "can't be read"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "can't be read"),
        (np.zeros(3, np.float32), "another shape"),
        (np.zeros((3, 3), np.int32), "another shape"),
        (np.array([[{}]], object), "can't be read"),
        (np.zeros((2, 3), np.float32, "F"), "another shape"),
        (np.zeros((2, 3), np.float32), "expected 2 lines"),
    ],
)
def test_vectors_that_are_broken_are_told(tmp_path: Path, body: Any, error: str) -> None:  # noqa: ANN401
    """One line that names the file."""
    file = tmp_path / "v.npy"
    if isinstance(body, bytes):
        file.write_bytes(body)
    else:
        np.save(file, body)
    file.with_suffix(".txt").write_text("1\n")
    folder = filled(tmp_path / "data", *of_msd(3))
    with pytest.raises(InputError, match=rf"v\.(npy|txt): .*{error}"):
        compute(context_of(folder, vectors=[file]))
    assert not (folder / "features").exists()


def test_several_vectors_without_ids_are_refused(tmp_path: Path) -> None:
    """Whose rows they are isn't known; neither can their widths differ."""
    folder = filled(tmp_path / "data", *of_msd(3))
    one, two = saved(tmp_path / "a.npy", matrix(3)), saved(tmp_path / "b.npy", matrix(3))
    with pytest.raises(InputError, match="a file of ids beside each"):
        compute(context_of(folder, vectors=[one, two]))
    with pytest.raises(InputError, match="of one width"):
        compute(context_of(folder, vectors=[one, saved(two, matrix(3)[:, 1:])]))
    with pytest.raises(MissingInputError, match="no such file"):
        compute(context_of(folder, vectors=[tmp_path / "none.npy"]))


def test_a_fit_that_is_broken_is_made_anew(tmp_path: Path) -> None:
    """The same one."""
    folder = filled(tmp_path / "data", *of_msd(), sets=SETS)
    context = context_of(folder, vectors=[saved(tmp_path / "v.npy", matrix())])
    compute(context)
    file = folder / "features" / "audio.components.npz"
    before = file.read_bytes()
    file.write_bytes(before[:500])
    assert compute(context).facts["computed"] == {"audio": 0}
    assert file.read_bytes() == before


# Both, and their export.


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of several parts with its files: numbers, vectors, or both of them."""
    top = tmp_path_factory.mktemp("both")
    rows = [
        {**each, "tracks": f"msd:TRAAA{at:013} mbid:{mbid(at + 1)}|mbid:{mbid(500 + at)}"}
        if at % 3
        else each
        for at, each in enumerate(of_msd(150))
    ]
    filled(top / "data", *rows, album(1, 400), album(2, 401), sets=SETS)
    numbers = [(at + 1, sounding(at + 1, at % 7, at)) for at in range(0, 150, 2)]
    archive(top / "files", numbered(*numbers))
    more = [(at, sounding(at, 1, at)) for at in (400, *range(500, 650, 5))]
    archive(top / "files", numbered(*more), "b.tar.zst")
    saved(top / "v.npy", matrix(140))
    compute(context_of(top / "data", top / "files", vectors=[top / "v.npy"], components=8))
    return top


def everything(top: Path, **own: Any) -> Context:  # noqa: ANN401
    """Return a run on a copy of that dataset."""
    own = {"components": 8, **own}
    return context_of(top / "data", top / "files", vectors=[top / "v.npy"], **own)


def results(folder: Path) -> dict[str, bytes]:
    """Return all files of features."""
    files = sorted((folder / "features").rglob("*"))
    return {each.name: each.read_bytes() for each in files}


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_change_no_bit_of_audio(both: Path, tmp_path: Path, processes: int) -> None:
    """Of the table and of the fit, with indexes made anew."""
    copy = tmp_path / "copy"
    shutil.copytree(both, copy)
    shutil.rmtree(copy / "data" / "features")
    for each in (copy / "files").glob("*.sqlite"):
        each.unlink()
    compute(everything(copy, processes=processes))
    assert results(copy / "data") == results(both / "data")
    assert list(results(copy / "data")) == ["audio.components.npz", "audio.parquet"]


def test_vectors_are_exported_by_the_three_names(both: Path, tmp_path: Path) -> None:
    """Numbers first, then components; NaN for the half that is missing, and a table of all."""
    out = tmp_path / "vectors"
    summary = features.run(
        everything(both), action=FeaturesAction.EXPORT, names=["audio", str(out)]
    )
    names = (out / "names.txt").read_text().split()
    assert names == [*NAMES, *(f"component_{at:04}" for at in range(1, 9))]
    table = pl.read_csv(out / "vectors.tsv", separator="\t", infer_schema=False)
    assert set(table["file"]) == {each.name for each in out.glob("*.npy")}
    assert len(table) == summary.facts["vectors"]
    assert summary.dropped == {"no track with numbers or components": table_gap(both, table)}
    release = mbid(RELEASE + 1)
    fit, vectors = fit_of(both / "data"), matrix(140)
    numbers_alone = np.load(out / f"{mbid(400)}-0__{release}.npy")
    assert numbers_alone[:580].tobytes() == numbers_of(sounding(400, 1, 400)).tobytes()
    assert np.isnan(numbers_alone[580:]).all()
    components_alone = np.load(out / f"TRAAA{3:013}.npy")
    assert np.isnan(components_alone[:580]).all()
    assert components_alone[580:].tobytes() == fit.of(vectors[3]).tobytes()
    name = f"TRAAA{8:013}__{mbid(9)}-0__{mbid(RELEASE + 1)}.npy"
    whole = np.load(out / name)
    assert whole.dtype == np.float32
    assert whole[:580].tobytes() == numbers_of(sounding(9, 1, 8)).tobytes()
    assert whole[580:].tobytes() == fit.of(vectors[8]).tobytes()
    (line,) = table.filter(pl.col("file") == name).to_dicts()
    assert (line["album_id"], line["recording"]) == ("msd-i:8", mbid(9))
    assert line["set"] == SETS[8 % 5]
    with pytest.raises(UsageError, match="there already"):
        features.run(everything(both), action=FeaturesAction.EXPORT, names=["audio", str(out)])


def table_gap(both: Path, table: pl.DataFrame) -> int:
    """Return the number of albums of which no vector was written."""
    albums = {each.album["album_id"] for each in Dataset(make_context(both / "data")).rows()}
    return len(albums - {*table["album_id"]})


@pytest.mark.parametrize(
    ("names", "error"),
    [
        (("audio",), "expected a feature and a new folder"),
        (("colour", "out"), "expected one of: audio"),
        (("sound", "out"), "no feature 'sound'"),
    ],
)
def test_an_export_of_nothing_is_refused(tmp_path: Path, names: Sequence[str], error: str) -> None:
    """Before anything is written."""
    context = context_of(filled(tmp_path / "data", album(1)))
    with pytest.raises(EquigenError, match=error):
        features.run(context, action=FeaturesAction.EXPORT, names=list(names))


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(("number", "processes"), [(signal.SIGKILL, "1"), (signal.SIGTERM, "2")])
def test_audio_killed_at_any_moment(
    both: Path, tmp_path: Path, forks: Forks, number: int, processes: str
) -> None:
    """The next run makes the same table and the same fit."""
    expected, top = results(both / "data"), tmp_path / "top"
    shutil.copytree(both, top)
    shutil.rmtree(top / "data" / "features")
    for each in (top / "files").glob("*.sqlite"):
        each.unlink()
    kept = tmp_path / "kept"
    shutil.copytree(top / "data", kept)

    def anew() -> None:
        copy_over(kept, top / "data")
        for each in (top / "files").glob("*.sqlite"):
            each.unlink()

    def check() -> None:
        check_ledger(top / "data")
        for file in (top / "data" / "features").glob("audio.parquet"):
            assert file.read_bytes() == expected[file.name] or len(pl.read_parquet(file)) < 152

    def compare() -> None:
        assert results(top / "data") == expected

    flags = ("--acousticbrainz-files", str(top / "files"), "--msd-i-features", str(top / "v.npy"))
    more = ("--components", "8", "--processes", processes)
    case = Case(top / "data", ("features", "compute", "audio", *flags, *more), anew, check, compare)
    kill_often(forks, case, kills=10, seed=19, number=number)
