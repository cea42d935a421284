"""Read the numbers of AcousticBrainz's documents: 580 of each, by their sorted names.

Of a list the mean and the standard deviation are taken, of a matrix those of all its cells. What a
document lacks is NaN; texts and all else that it has are left out.
https://essentia.upf.edu/streaming_extractor_music.html
"""

import re
from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from equigen.dumps.acousticbrainz import (
    BULK,
    checked_documents,
    documents_in,
    mbid_in,
    tag_of,
)
from equigen.dumps.archives import Batch, DumpCounts, DumpError, Member
from equigen.dumps.index import IndexKind

_STATISTICS: Final = (
    "dmean", "dmean2", "dvar", "dvar2", "max", "mean", "median", "min", "var",
)  # fmt: skip
_MATRICES: Final = ("cov", "icov", "mean")
_NUMBER: Final = ("",)
# Names of descriptors by their section, their statistics ("" is the descriptor itself), and whether
# each of these is a list.
_NAMED: Final[Mapping[tuple[str, Sequence[str], bool], str]] = {
    ("lowlevel", _NUMBER, False): "average_loudness dynamic_complexity",
    ("lowlevel", _MATRICES, True): "gfcc mfcc",
    ("lowlevel", _STATISTICS, True): """
        barkbands erbbands melbands spectral_contrast_coeffs spectral_contrast_valleys
    """,
    ("lowlevel", _STATISTICS, False): """
        barkbands_crest barkbands_flatness_db barkbands_kurtosis barkbands_skewness barkbands_spread
        erbbands_crest erbbands_flatness_db erbbands_kurtosis erbbands_skewness erbbands_spread
        melbands_crest melbands_flatness_db melbands_kurtosis melbands_skewness melbands_spread
        dissonance hfc pitch_salience silence_rate_20dB silence_rate_30dB silence_rate_60dB
        spectral_centroid spectral_complexity spectral_decrease spectral_energy
        spectral_energyband_high spectral_energyband_low spectral_energyband_middle_high
        spectral_energyband_middle_low spectral_entropy spectral_flux spectral_kurtosis spectral_rms
        spectral_rolloff spectral_skewness spectral_spread spectral_strongpeak zerocrossingrate
    """,
    ("rhythm", _NUMBER, False): "beats_count bpm danceability onset_rate",
    ("rhythm", _NUMBER, True): "beats_position",
    ("rhythm", _STATISTICS, True): "beats_loudness_band_ratio",
    ("rhythm", _STATISTICS, False): """
        beats_loudness bpm_histogram_first_peak_bpm bpm_histogram_first_peak_spread
        bpm_histogram_first_peak_weight bpm_histogram_second_peak_bpm
        bpm_histogram_second_peak_spread bpm_histogram_second_peak_weight
    """,
    ("tonal", _NUMBER, False): """
        chords_changes_rate chords_number_rate key_strength tuning_diatonic_strength
        tuning_equal_tempered_deviation tuning_frequency tuning_nontempered_energy_ratio
    """,
    ("tonal", _NUMBER, True): "chords_histogram thpcp",
    ("tonal", _STATISTICS, True): "hpcp",
    ("tonal", _STATISTICS, False): "chords_strength hpcp_entropy",
}
# In the order of the names: "barkbands.dmean" is before "barkbands_crest.dmean".
_DESCRIPTORS: Final = sorted(
    (section, name, statistics, is_list)
    for (section, statistics, is_list), names in _NAMED.items()
    for name in names.split()
)
_GETTERS: Final = {
    statistics: itemgetter(*statistics)
    for _, _, statistics, _ in _DESCRIPTORS
    if statistics != _NUMBER
}
NAMES: Final[Sequence[str]] = tuple(
    f"{section}.{name}{'.' if statistic else ''}{statistic}{ending}"
    for section, name, statistics, is_list in _DESCRIPTORS
    for statistic in statistics
    for ending in (("#mean", "#std") if is_list else ("",))
)
# The places of descriptors' own numbers, and of the means of lists; deviations follow them.
_NUMBERS_AT: Final = np.array([at for at, name in enumerate(NAMES) if "#" not in name])
_MEANS_AT: Final = np.array([at for at, name in enumerate(NAMES) if name.endswith("#mean")])
_NAN: Final = float("nan")
_NOTHING: Final[Mapping[str, Any]] = {}
_NTH: Final = re.compile(r"-([0-9]{1,9})\.json")
# Documents that a process reads at a time; each has some 60 KB.
_TOGETHER: Final = 32
_AHEAD: Final = 2

Vector = npt.NDArray[np.float32]
# The values that an index keeps of a document, and its numbers.
Row = tuple[Any, ...]
# Reads documents that follow each other: for each its rows, None without a number or an MBID, or
# a text that tells why it can't be read.
Reads = Callable[[Sequence[Member]], Sequence[Sequence[Row | None] | str]]


def numbers_of(document: Mapping[str, Any]) -> Vector:
    """Return the numbers of a document in the order of `NAMES`, NaN for what it lacks."""
    numbers: list[Any] = []
    items: list[Any] = []
    counts: list[int] = []
    sections = {name: _as_dict(document.get(name)) for name, _, _ in _NAMED}
    for section, name, statistics, is_list in _DESCRIPTORS:
        found: Any = sections[section].get(name)
        if statistics == _NUMBER:
            leaves: Sequence[Any] = (found,)
        else:
            try:
                leaves = _GETTERS[statistics](found)
            except (KeyError, TypeError):
                leaves = list(map(_as_dict(found).get, statistics))
        if not is_list:
            numbers += leaves
            continue
        for each in leaves:
            if isinstance(each, list) and each and not isinstance(each[0], list):
                items += each
                counts.append(len(each))
            else:
                counts.append(_put(each, items))
    vector = np.empty(len(NAMES))
    vector[_NUMBERS_AT] = _floats(numbers)
    values, sizes = np.frombuffer(_floats(items)), np.array(counts)
    with np.errstate(all="ignore"):  # of numbers that aren't finite
        starts = np.cumsum(sizes) - sizes
        mean = np.add.reduceat(values, starts) / sizes
        off = values - np.repeat(mean, sizes)
        vector[_MEANS_AT] = mean
        vector[_MEANS_AT + 1] = np.sqrt(np.add.reduceat(off * off, starts) / sizes)
        short = vector.astype(np.float32)
    short[~np.isfinite(short)] = _NAN
    return short


def _as_dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING


def _put(value: object, items: list[Any]) -> int:
    """Append the items of a matrix, or NaN in the place of any other; return how many."""
    before = len(items)
    try:
        items += chain.from_iterable(value) if isinstance(value, list) else ()
    except TypeError:  # what begins as a matrix isn't one
        del items[before:]
    if len(items) == before:
        items.append(_NAN)
    return len(items) - before


def _floats(values: Sequence[Any]) -> "array[float]":
    """Return numbers in one array, with NaN for all else."""
    try:
        return array("d", values)
    except (TypeError, OverflowError):
        return array("d", map(_float, values))


def _float(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float) else _NAN
    except OverflowError:
        return _NAN


def reading_documents() -> Reads:
    """Return the function that reads documents, for processes to call."""
    return lambda members: [_rows_or_why(each) for each in members]


def _rows_or_why(member: Member) -> Sequence[Row | None] | str:
    try:
        return rows_in(*member)
    except DumpError as err:
        return str(err)


def rows_in(name: str, document: bytes) -> Sequence[Row | None]:
    """Return the rows of the index for a document, or for each in an answer that has several.

    Raises:
        DumpError: it isn't a document.

    """
    try:
        whole = orjson.loads(document)
        if BULK.match(document):
            return [
                _row(mbid_in(mbid), int(nth), each)
                for mbid, documents in whole.items()
                for nth, each in documents.items()
                if isinstance(each, dict)
            ]
        file = name.rpartition("/")[2]
        nth = _NTH.search(file)
        return [_row(mbid_in(file), int(nth[1]) if nth else 0, whole)]
    except (ValueError, RecursionError, TypeError, AttributeError) as err:
        what = f"expected a document, got {document[:60]!r}... ({err!r})"
        raise DumpError(what) from err


def _row(key: str, nth: int, document: Mapping[str, Any]) -> Row | None:
    ids: dict[str, str] = {}
    for name, value in _as_dict(_as_dict(document.get("metadata")).get("tags")).items():
        if (tag := tag_of(name)).endswith("id"):
            texts = value if isinstance(value, list) else [value]
            ids[tag] = ids.get(tag) or mbid_in(*(each for each in texts if isinstance(each, str)))
    recording = key or ids.get("musicbrainzrecordingid", "") or ids.get("musicbrainztrackid", "")
    numbers = numbers_of(document)
    if not recording or np.isnan(numbers).all():
        return None
    release, group = (ids.get(f"musicbrainz{each}id", "") for each in ("album", "releasegroup"))
    return recording, nth, release, group, numbers.astype("<f4").tobytes()


def read_numbers(
    *paths: Path, reads: Reads, threads: int = 1, counts: DumpCounts | None = None
) -> Generator[Sequence[Row], None, None]:
    """Yield the rows of the documents in an archive, or in several files, in their order.

    So many `threads` call the function `reads`, which processes may carry out.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is cut off, damaged or another file.

    """
    return checked_documents(_batches(paths, reads, threads), paths, counts)


def _batches(paths: Sequence[Path], reads: Reads, threads: int) -> Generator[Batch, None, None]:
    with closing(documents_in(*paths)) as documents, ThreadPoolExecutor(threads) as pool:
        running: deque[tuple[Sequence[tuple[Member, int]], Future[Any]]] = deque()
        try:
            for some in _chunks(documents):
                running.append((some, pool.submit(reads, [member for member, _ in some])))
                if len(running) >= _AHEAD * threads:
                    yield _batch(*running.popleft(), has_others=len(paths) > 1)
            while running:
                yield _batch(*running.popleft(), has_others=len(paths) > 1)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _chunks(documents: Iterator[Any]) -> Iterator[list[Any]]:
    while some := list(islice(documents, _TOGETHER)):
        yield some


def _batch(
    documents: Sequence[tuple[Member, int]], running: Future[Any], *, has_others: bool
) -> Batch:
    """Return what was read; where there are other files, one without an MBID may be no document."""
    rows: list[Row | None] = []
    unread: list[tuple[str, str]] = []
    for (member, _), found in zip(documents, running.result(), strict=True):
        if not isinstance(found, str):
            rows += found
        elif has_others and not mbid_in(member.name):
            rows.append(None)
        else:
            unread.append((member.name.rpartition("/")[2], found))
    good = [each for each in rows if each]
    records = len(rows) + len(unread)
    return Batch(good, records, len(rows) - len(good), documents[-1][1], unread=unread)


_TABLE = """
CREATE TABLE numbers (
    recording TEXT PRIMARY KEY, nth INTEGER NOT NULL, release TEXT NOT NULL,
    release_group TEXT NOT NULL, numbers BLOB NOT NULL
);
CREATE INDEX by_release ON numbers (release);
CREATE INDEX by_group ON numbers (release_group)
"""
# Of several documents of one recording, the first counts.
_PUT = """
INSERT INTO numbers VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET nth = excluded.nth,
release = excluded.release, release_group = excluded.release_group, numbers = excluded.numbers
WHERE excluded.nth < nth
"""
NUMBERS: Final = IndexKind(
    "numbers", 1, _TABLE, _PUT, read_numbers, "documents", "documents without MBIDs or numbers"
)
