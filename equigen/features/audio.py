"""The sound of an album: AcousticBrainz's 580 numbers, MSD-I's deep features and their components.

An album's numbers are the means over its recordings, each with its first document, of those that
have the number. Recordings are those of its `tracks`; of an album without any, those whose document
names its release or release group. Principal components are fitted to the albums of train alone.
"""

import csv
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, cast

import numpy as np

from equigen.config.layers import Config
from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset, Example
from equigen.downloading.engines.processes import usable_cores
from equigen.dumps.audio_numbers import NAMES, NUMBERS, Vector, reading_documents
from equigen.dumps.index import has_index, index_of, index_path, reading
from equigen.errors import InputError, MissingInputError, UsageError
from equigen.features import components
from equigen.features.base import Album, Column, Compute
from equigen.features.pool import in_processes
from equigen.schema import split_list
from equigen.sources.acousticbrainz import files_of
from equigen.storage.below import open_regular
from equigen.storage.os_errors import translating_os_errors, translating_read_errors
from equigen.summary import Summary

KIND: Final = "album"
VERSION: Final = 1
CELLS: Final = ("tracks", "also_known_as")
SETTINGS: Final = ("features.components",)
COST_MS: Final = 9.0  # of 12 documents
COLUMNS: Final[Mapping[str, Column]] = {
    "recordings": Column("INTEGER", "recordings that numbers are the means of"),
    "numbers": Column(["FLOAT"], "580, by their sorted names; NaN where missing"),
    "missing": Column(["BOOLEAN"], "580, true where no recording has the number"),
    "deep": Column(["FLOAT"], "MSD-I's deep features, 2,048 as published"),
    "components": Column(["FLOAT"], "their principal components, fitted on train"),
}
_NONE: Final = "no recording of it is known"
_FIT: Final = "audio.components.npz"
_MSD_I, _RELEASE, _GROUP = "msd-i:", "musicbrainz-release", "musicbrainz"
_TOGETHER: Final = 64
_ROWS: Final = """
SELECT recording, nth, release, release_group, numbers FROM numbers WHERE rowid IN (
    SELECT rowid FROM numbers WHERE recording IN (SELECT value FROM json_each(?))
    UNION SELECT rowid FROM numbers
    WHERE release IN (SELECT value FROM json_each(?))
    UNION SELECT rowid FROM numbers
    WHERE release_group IN (SELECT value FROM json_each(?))
)
"""


class Found(NamedTuple):
    """A track of an album: its recording, and the first document of that, of so many.

    `release` is what the document names, `numbers` are None without a document; `msd` is the
    track's id in the Million Song Dataset, or "".
    """

    recording: str = ""
    nth: int = 0
    release: str = ""
    numbers: Vector | None = None
    msd: str = ""


def prepare(context: Context) -> None:
    """Make the indexes of documents' numbers, and the fit of components, where they aren't there.

    Raises:
        MissingInputError: no file is named, or one isn't there.
        InputError: a file is broken.
        StorageError: the disk refuses.

    """
    config = context.config
    if not config.settings.acousticbrainz.files and not config.settings.msd_i.features:
        msg = (
            "audio: expected files to read, got none. Name AcousticBrainz's by"
            " --acousticbrainz-files PATH, or MSD-I's vectors by --msd-i-features FILE.npy."
        )
        raise MissingInputError(msg)
    files = _documents(config)
    if not all(has_index(path, NUMBERS, some) for path, some in files.items()):
        count = config.settings.features.processes or usable_cores()
        with in_processes(count, reading_documents) as reads:
            kind = replace(NUMBERS, read=partial(NUMBERS.read, reads=reads, threads=count))
            for path, some in files.items():
                index_of(path, kind, context, files=some)
    _fit(context)


def version_of(config: Config) -> str:
    """Return a text that differs for other files, and for another fit."""
    files = [file for some in _documents(config).values() for file in some]
    vectors = config.files_of("msd_i.features")
    fit = components.load(_fit_file(config)) if vectors else None
    told = {"documents": _stamp(files), "vectors": _stamp(vectors), "fit": fit and fit.digest}
    return " ".join(f"{name}={value}" for name, value in told.items() if value)


def open_feature(config: Config) -> Compute:
    """Return the function that computes rows of albums."""
    indexes = [index_path(path, NUMBERS) for path in _documents(config)]
    deep, fit = DeepFeatures(config), components.load(_fit_file(config))

    def compute(batch: Sequence[Album]) -> list[Mapping[str, object] | str]:
        tracks = tracks_of(batch, indexes)
        return [_row(found, deep.of(each), fit) for each, found in zip(batch, tracks, strict=True)]

    return compute


def _row(
    found: Sequence[Found], deep: Vector | None, fit: components.Fit | None
) -> Mapping[str, object] | str:
    vectors = [each.numbers for each in found if each.numbers is not None]
    if not vectors and deep is None:
        return _NONE
    row: dict[str, object] = {"recordings": len(vectors)}
    if vectors:
        numbers = _mean(vectors)
        row |= {"numbers": numbers, "missing": np.isnan(numbers)}
    if deep is not None:
        row |= {"deep": deep, "components": fit.of(deep) if fit else None}
    return row


def _mean(vectors: Sequence[Vector]) -> Vector:
    """Return the mean of each number over the vectors that have it; NaN where none has."""
    every = np.array(vectors, np.float64)
    count = (~np.isnan(every)).sum(axis=0)
    mean = np.full(len(count), np.nan)
    np.divide(np.nansum(every, axis=0), count, out=mean, where=count > 0)
    return mean.astype(np.float32)


def tracks_of(albums: Sequence[Album], indexes: Sequence[Path]) -> list[list[Found]]:
    """Return the tracks of albums that have a document or an id of the Million Song Dataset.

    They are in the order of the cell `tracks`, or in that of their recordings.
    """
    tracks = [_ids_of_tracks(each) for each in albums]
    others = [
        set() if any(mbids for _, mbids in each) else _ids(album)
        for album, each in zip(albums, tracks, strict=True)
    ]
    mbids = [mbid for each in tracks for _, mbids in each for mbid in mbids]
    ids = [each.rpartition(":") for some in others for each in some]
    rows = _rows(
        indexes,
        mbids,
        [mbid for kind, _, mbid in ids if kind == _RELEASE],
        [mbid for kind, _, mbid in ids if kind == _GROUP],
    )
    in_order = sorted(rows.values())
    every = []
    for of_album, own in zip(tracks, others, strict=True):
        found = [
            _found(row, msd)
            for msd, known in of_album
            if (row := next((rows[each] for each in known if each in rows), None)) or msd
        ]
        found += [
            _found(row)
            for row in in_order
            if f"{_RELEASE}:{row.release}" in own or f"{_GROUP}:{row.release_group}" in own
        ]
        every.append(found)
    return every


def _ids_of_tracks(album: Album) -> list[tuple[str, Sequence[str]]]:
    """Return each track's id in the Million Song Dataset, or "", and its recordings' MBIDs."""
    found: list[tuple[str, Sequence[str]]] = []
    for track in split_list(album.cells["tracks"]):
        ids = [each.partition(":") for each in track.split()]
        msd = next((each for kind, _, each in ids if kind == "msd"), "")
        found.append((msd, [each for kind, _, each in ids if kind == "mbid"]))
    return found


def _ids(album: Album) -> set[str]:
    return {album.album_id, *split_list(album.cells["also_known_as"])}


class _Indexed(NamedTuple):
    recording: str
    nth: int
    release: str
    release_group: str
    numbers: bytes


def _found(row: _Indexed | None, msd: str = "") -> Found:
    if row is None:
        return Found(msd=msd)
    numbers = np.frombuffer(row.numbers, "<f4").astype(np.float32)
    return Found(row.recording, row.nth, row.release, numbers, msd)


def _rows(
    indexes: Sequence[Path],
    recordings: Sequence[str],
    releases: Sequence[str],
    groups: Sequence[str],
) -> Mapping[str, _Indexed]:
    """Return the documents of some recordings, releases and release groups, by their recordings."""
    asked = [json.dumps(each) for each in (recordings, releases, groups)]
    rows: dict[str, _Indexed] = {}
    for index in indexes if recordings or releases or groups else ():
        with reading(index) as db:
            for row in map(_Indexed._make, db.execute(_ROWS, asked)):
                if row.recording not in rows or row.nth < rows[row.recording].nth:
                    rows[row.recording] = row
    return rows


class _Matrix(NamedTuple):
    """A matrix in a file, whose rows are read one by one: mapped into memory all would stay there.

    `rows` has their places by their ids, and is empty where no file beside it has these.
    """

    file: Path
    kind: np.dtype[np.floating]
    size: int
    width: int
    offset: int
    rows: Mapping[str, int]

    def place(self, key: str) -> int:
        """Return the place of a row; -1 for none."""
        at = self.rows.get(key, -1) if self.rows else int(key) if key.isdecimal() else -1
        return at if at < self.size else -1

    def row(self, at: int) -> Vector:
        """Read a row."""
        offset = self.offset + at * self.width * self.kind.itemsize
        return np.fromfile(self.file, self.kind, self.width, offset=offset).astype(np.float32)


class DeepFeatures:
    """MSD-I's deep features: NumPy's matrices, one row an album.

    Beside `NAME.npy`, `NAME.txt` or `NAME.tsv` has the album_index of each row, or the id of one of
    the album's tracks, one a line; without it, a row's number (from 0) is the album's.
    """

    def __init__(self, config: Config) -> None:
        """Open the files that the settings name; they are read where they are asked for.

        Raises:
            InputError: one is no such matrix, or has another width or length than it should.

        """
        self._files = [_opened(file) for file in config.files_of("msd_i.features")]
        if len({each.width for each in self._files}) > 1:
            msg = (
                "msd_i.features: expected files of one width, got several. Name those of one kind."
            )
            raise InputError(msg)
        if len(self._files) > 1 and not all(each.rows for each in self._files):
            msg = (
                "msd_i.features: expected a file of ids beside each of several matrices (NAME.txt"
                " beside NAME.npy), got one without it. Write one album_index a line."
            )
            raise InputError(msg)

    def __bool__(self) -> bool:
        return bool(self._files)

    def of(self, album: Album) -> Vector | None:
        """Return an album's vector; None where there is none, or one that isn't finite."""
        if not self._files:
            return None
        numbers = [each.removeprefix(_MSD_I) for each in _ids(album) if each.startswith(_MSD_I)]
        for key in (*numbers, *(msd for msd, _ in _ids_of_tracks(album) if msd)):
            for matrix in self._files:
                if (at := matrix.place(key)) >= 0:
                    vector = matrix.row(at)
                    return vector if np.isfinite(vector).all() else None
        return None


def _opened(file: Path) -> _Matrix:
    """Return a matrix, of which nothing is read but its header and the ids of its rows.

    Raises:
        MissingInputError, InputError: as `DeepFeatures` has it.

    """
    advice = "Expected MSD-I's vectors: NumPy's .npy of numbers, one row an album."
    try:
        open_regular(file).close()
        mapped = np.lib.format.open_memmap(file, mode="r")
    except FileNotFoundError:
        msg = f"{file}: no such file. {advice}"
        raise MissingInputError(msg) from None
    except Exception as err:  # noqa: BLE001  (NumPy lets those of Python's tokenizer through)
        msg = f"{file}: can't be read: {err}. {advice}"
        raise InputError(msg) from None
    if mapped.ndim != 2 or mapped.dtype.kind != "f" or not mapped.flags.c_contiguous:  # noqa: PLR2004
        msg = f"{file}: it has another shape, or other numbers. {advice}"
        raise InputError(msg)
    size, width = mapped.shape
    matrix = _Matrix(file, mapped.dtype, size, width, mapped.offset, {})
    beside = next(
        (each for end in (".txt", ".tsv") if (each := file.with_suffix(end)).exists()), None
    )
    if beside is None:
        return matrix
    with translating_read_errors(beside):
        lines = beside.read_text("utf-8", "replace").splitlines()
    if len(lines) != matrix.size:
        rows = f"{matrix.size:,} lines, one a row of {file.name}"
        msg = f"{beside}: expected {rows}, got {len(lines):,}."
        raise InputError(msg)
    ids = {line.split("\t")[0].strip(): at for at, line in enumerate(lines)}
    return matrix._replace(rows=ids)


def _fit(context: Context) -> None:
    """Fit components to the vectors of train, unless that is done; without any, there are none."""
    config = context.config
    deep, file, most = DeepFeatures(config), _fit_file(config), config.settings.features.components
    if not deep:
        return
    albums = {each.album_id: each for each in _albums(context) if each.set == "train"}
    ids = sorted(key for key, each in albums.items() if key and deep.of(each) is not None)
    about = _digest([_stamp(config.files_of("msd_i.features")), str(most), *ids])
    known = components.load(file)
    if known and known.about == about:
        return
    fit = components.fit(lambda key: cast("Vector", deep.of(albums[key])), ids, most, about)
    if fit:
        fit.save(file)
        return
    with translating_os_errors(file):
        file.unlink(missing_ok=True)
    context.say(
        "audio: no components: fewer than two albums with vectors are in train. Deal the sets by"
        " `equigen split`, then run the same command again."
    )


def _albums(context: Context) -> Iterator[Album]:
    return (_album(each) for each in Dataset(context).rows())


def _album(row: Example) -> Album:
    cells = {name: row.album.get(name, "") for name in CELLS}
    return Album(row.album.get("album_id", ""), cells, row.labels, row.set)


def _fit_file(config: Config) -> Path:
    return config.directory / config.settings.dataset.features / _FIT


def _documents(config: Config) -> Mapping[Path, Sequence[Path]]:
    """Return the files of documents by the path beside which their index lies."""
    if not config.settings.acousticbrainz.files:
        return {}
    files = files_of(config).items()
    return {path: some for path, some in files if ".tsv" not in path.name.lower()}


def _stamp(files: Sequence[Path]) -> str:
    """Return a digest of the names, sizes and times of files; "" for none."""
    stamps = []
    for file in files:
        with suppress(OSError):
            status = file.stat()
            stamps.append(f"{file.name} {status.st_size} {status.st_mtime_ns}")
    return _digest(stamps) if files else ""


def _digest(texts: Sequence[str]) -> str:
    text = "\n".join(texts)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def export(context: Context, folder: Path) -> Summary:
    """Write a vector for each track into a new folder: its numbers, then its album's components.

    `names.txt` has the names of the numbers, `vectors.tsv` the album of each file. What is missing
    is NaN. A file's name says what it has: `<recording>-0__<release>.npy` AcousticBrainz's numbers,
    `TR....npy` components, and `TR...__<recording>-0__<release>.npy` both.

    Raises:
        UsageError: the folder is there already.
        EquigenError: as `prepare` has it.

    """
    if folder.exists():
        msg = f"export {folder}: it is there already. Name a new folder, or move it away."
        raise UsageError(msg)
    prepare(context)
    config = context.config
    indexes = [index_path(path, NUMBERS) for path in _documents(config)]
    deep, fit = DeepFeatures(config), components.load(_fit_file(config))
    names = [*NAMES, *(f"component_{at + 1:04}" for at in range(len(fit.variance) if fit else 0))]
    beside = folder.with_name(f".{folder.name}.new")
    counts: Counter[str] = Counter()
    with translating_os_errors(folder):
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        (beside / "names.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")
        with (beside / "vectors.tsv").open("x", encoding="utf-8", newline="") as out:
            table = csv.writer(out, "excel-tab", lineterminator="\n")
            table.writerow(("file", "album_id", "set", "sha256", "recording", "msd_track"))
            rows = Dataset(context).rows()
            while some := list(islice(rows, _TOGETHER)):
                albums = list(map(_album, some))
                every = tracks_of(albums, indexes)
                for row, album, tracks in zip(some, albums, every, strict=True):
                    vector = deep.of(album) if fit else None
                    of_album = fit.of(vector) if fit and vector is not None else None
                    files = _vectors(album, tracks, of_album, len(names))
                    for file, (track, values) in files.items():
                        np.save(beside / file, values)
                        table.writerow(
                            (file, album.album_id, row.set, row.sha256, track.recording, track.msd)
                        )
                    counts["albums"] += 1
                    counts["with"] += bool(files)
                    counts["files"] += len(files)
        beside.rename(folder)
    without = counts["albums"] - counts["with"]
    return Summary(
        stage="features",
        unit="albums",
        rows_in=counts["albums"],
        rows_out=counts["with"],
        dropped={"no track with numbers or components": without} if without else {},
        facts={"folder": str(folder), "vectors": counts["files"], "numbers": len(names)},
        notes=[f"{counts['files']:,} vectors of {len(names):,} numbers are in {folder}"],
    )


def _vectors(
    album: Album, tracks: Sequence[Found], of_album: Vector | None, size: int
) -> Mapping[str, tuple[Found, Vector]]:
    """Return a vector of a size for each track, by the name of its file; the first of each."""
    kinds = (_RELEASE, _GROUP)
    ids = {kind: each for kind, _, each in (each.partition(":") for each in sorted(_ids(album)))}
    album_mbid = next((ids[each] for each in kinds if each in ids), "")
    found: dict[str, tuple[Found, Vector]] = {}
    for track in tracks:
        values, names = np.full(size, np.nan, np.float32), []
        if track.msd and of_album is not None:
            names.append(track.msd)
            values[len(NAMES) :] = of_album
        if track.numbers is not None:
            names.append(f"{track.recording}-{track.nth}__{track.release or album_mbid}")
            values[: len(NAMES)] = track.numbers
        if names:
            found.setdefault(f"{'__'.join(names)}.npy", (track, values))
    return found
