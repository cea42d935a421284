"""Define what a feature is, and compute features: in worker processes, a part of a table at a time.

A feature is a module with `open_feature(settings)`, which returns the function that computes it,
and constants: `VERSION`, a number that grows where results change; `COLUMNS`, the columns by name;
`SCALE_PX`, the size of the pictures that it is given; and where they apply `SETTINGS`, the paths of
the settings that change results, `NEEDS`, the extras of EquiGen whose packages it imports,
`LICENCE`, that of its weights, and `COST_MS`, the milliseconds that a cover takes on one core.
"""

import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import IO, Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from equigen.config.settings import Settings, suggest
from equigen.dataset.context import Context
from equigen.dataset.feature_tables import KEYS, TYPES, FeatureTable
from equigen.downloading.engines.processes import WORKER_ENV, usable_cores
from equigen.errors import EquigenError, PictureError, UsageError
from equigen.images.check import small_picture
from equigen.plugins import find_plugins
from equigen.storage.below import open_regular

# Covers in a part, which is what a kill may lose of each process.
_PART: Final = 64
# Pictures that are held at a time.
_TOGETHER: Final = 16
_START: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; from equigen.features.base import work; work()"
)

# A column's type in SQL: "FLOAT"; [kind] is a list, {name: kind} a struct.
Kind = Any


class Column(NamedTuple):
    """A column of a feature: its type (`Kind`), and its meaning with its unit."""

    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A cover as a feature gets it: its key, its file, and its pixels (rows x columns x 3, sRGB).

    The longer side has `SCALE_PX` pixels or more, but less than twice as many, unless the file
    itself has fewer.
    """

    sha256: str
    path: Path
    pixels: npt.NDArray[np.uint8]


# One row for each picture, in their order, with values by the names of the columns.
Compute = Callable[[Sequence[Picture]], Sequence[Mapping[str, object]]]


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature whose module is loaded; its own packages needn't be there."""

    name: str
    about: str
    module: ModuleType
    version: str

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns by name."""
        columns: Mapping[str, Column] = self.module.COLUMNS
        return columns

    @property
    def schema(self) -> Mapping[str, Any]:
        """The types of the table's columns, as polars has them."""
        return {
            **{name: _dtype("VARCHAR") for name in KEYS},
            **{name: _dtype(column.kind) for name, column in self.columns.items()},
        }

    def told(self, constant: str, default: Any = ()) -> Any:  # noqa: ANN401  (whatever it is)
        """Return a constant of the module that may be missing."""
        return getattr(self.module, constant, default)

    def opened(self, settings: Settings) -> Compute:
        """Return the function that computes it.

        Raises:
            UsageError: a package that it needs isn't installed.

        """
        try:
            compute: Compute = self.module.open_feature(settings)
        except ImportError as err:
            needs = ",".join(self.told("NEEDS"))
            way = f"`pip install 'equigen[{needs}]'`" if needs else "its package anew"
            msg = f"{self.name}: needs {err.name}, which isn't installed. Install it: {way}."
            raise UsageError(msg) from err
        return compute


def find_features(settings: Settings, names: Sequence[str] = ()) -> list[Feature]:
    """Return the features of these names, or all that there are.

    Raises:
        UsageError: there is no such feature.

    """
    found = find_plugins("equigen.features", "open_feature")
    for name in names:
        if name not in found:
            msg = (
                f"there is no feature {name!r}{suggest(name, list(found))}; expected one or more"
                f" of: {', '.join(found)}."
            )
            raise UsageError(msg)
    features = []
    for name in dict.fromkeys(names or found):
        module = found[name].load()
        values = {path: _value(settings, path) for path in getattr(module, "SETTINGS", ())}
        version = " ".join([str(module.VERSION), *(f"{k}={v}" for k, v in values.items())])
        features.append(Feature(name, found[name].summary, module, version))
    return features


def _value(settings: Settings, path: str) -> object:
    table, _, key = path.partition(".")
    return getattr(getattr(settings, table), key)


def _dtype(kind: Kind) -> Any:  # noqa: ANN401  (polars has no common class for them)
    import polars as pl  # noqa: PLC0415  (no worker needs it)

    if isinstance(kind, list):
        return pl.List(_dtype(kind[0]))
    if isinstance(kind, Mapping):
        return pl.Struct({name: _dtype(each) for name, each in kind.items()})
    return getattr(pl, TYPES[kind])()


class Wanted(NamedTuple):
    """A cover with the names of the features to compute."""

    sha256: str
    path: Path
    names: tuple[str, ...]


class Row(NamedTuple):
    """A feature of a cover, or the reason why it has none."""

    sha256: str
    reason: str
    values: Mapping[str, object]


# The rows by the names of features.
Rows = Mapping[str, Sequence[Row]]


def compute_features(
    context: Context, features: Sequence[Feature], files: Mapping[str, Path], *, retry_failed: bool
) -> Mapping[str, int]:
    """Compute the features of covers, given by sha256, and return for how many each was computed.

    Only what is new is computed, or what was computed by another version; what failed before isn't
    tried again unless it is asked for. A file that is gone or was changed is left out.

    Raises:
        UsageError: a feature needs a package that isn't installed.
        InputError: a table is broken.
        StorageError: the disk refuses; finished parts are kept.

    """
    import polars as pl  # noqa: PLC0415

    tables = {each.name: FeatureTable(context.features, each.name) for each in features}
    done = dict[str, set[str]]()
    for each in features:
        tables[each.name].merge(each.version, each.schema)
        done[each.name] = tables[each.name].known(each.version, failed=not retry_failed)
    wanted = [
        Wanted(sha256, files[sha256], lacking)
        for sha256 in sorted(files)
        if (lacking := tuple(name for name, known in done.items() if sha256 not in known))
    ]
    parts = [wanted[at : at + _PART] for at in range(0, len(wanted), _PART)]

    def finish(number: int) -> int:
        found = compute(parts[number])
        for each in features:
            rows = [
                {"sha256": row.sha256, "version": each.version, "reason": row.reason, **row.values}
                for row in found[each.name]
            ]
            if rows:
                tables[each.name].add_part(number, pl.DataFrame(rows, each.schema))
        return len(parts[number])

    count = min(context.settings.features.processes or usable_cores(), len(parts))
    with (
        context.bar("features", len(wanted), "cover") as bar,
        ThreadPoolExecutor(max(1, count)) as pool,
        _computing(context.settings, list(tables), count) as compute,
    ):
        try:
            for covers in pool.map(finish, range(len(parts))):
                bar.advance(covers)
        except BaseException:  # also Ctrl-C: parts that were begun end with their processes
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    for each in features:
        tables[each.name].merge(each.version, each.schema)
    return {name: sum(name in each.names for each in wanted) for name in tables}


@contextmanager
def _computing(
    settings: Settings, names: Sequence[str], processes: int
) -> Iterator[Callable[[Sequence[Wanted]], Rows]]:
    """Give the function that computes a part, in one of some processes; for one part, in this one.

    Raises:
        UsageError: a feature needs a package that isn't installed.

    """
    if processes <= 1:
        yield _opened(settings, names)
        return
    free = SimpleQueue[subprocess.Popen[bytes]]()
    with ExitStack() as stack:
        for _ in range(processes):
            process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                [sys.executable, "-X", "utf8", "-c", _START, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**WORKER_ENV, **os.environ},
                process_group=0,  # Ctrl-C goes to this process alone, which ends the workers
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            with suppress(OSError):  # one that has died is found by its first part
                _send(process.stdin, (settings, names))
            free.put(process)

        def compute(part: Sequence[Wanted]) -> Rows:
            process = free.get()
            try:
                _send(process.stdin, part)
                output = cast("IO[bytes]", process.stdout)
                answer: Rows | EquigenError = pickle.load(output)  # noqa: S301  (our own process)
            except (OSError, EOFError, pickle.UnpicklingError):
                code = process.wait()
                msg = (
                    f"a process ended {f'by signal {-code}' if code < 0 else code}, maybe for want"
                    " of memory. Finished parts are kept: run the same command again, with fewer"
                    " processes (features.processes)."
                )
                raise EquigenError(msg) from None
            finally:
                free.put(process)
            if isinstance(answer, EquigenError):
                raise answer
            return answer

        yield compute


def work() -> None:
    """Run as a worker process: receive settings, names of features and parts; send rows."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else is printed into the pipe
    # The parent process has closed the pipe, or is gone.
    with suppress(EOFError, BrokenPipeError):
        try:
            compute = _opened(*pickle.load(sys.stdin.buffer))  # noqa: S301  (from the parent process)
        except EquigenError as err:
            _send(pipe, err)
            return
        while True:
            _send(pipe, compute(pickle.load(sys.stdin.buffer)))  # noqa: S301  (as above)


def _send(pipe: IO[bytes] | None, message: object) -> None:
    if pipe:
        pipe.write(pickle.dumps(message))
        pipe.flush()


def _opened(settings: Settings, names: Sequence[str]) -> Callable[[Sequence[Wanted]], Rows]:
    features = find_features(settings, names)
    opened = {each.name: (each.module.SCALE_PX, each.opened(settings)) for each in features}
    max_pixels = settings.download.max_pixels

    def compute(part: Sequence[Wanted]) -> Rows:
        rows: dict[str, list[Row]] = {name: [] for name in names}
        for at in range(0, len(part), _TOGETHER):
            some = part[at : at + _TOGETHER]
            bodies = {each.sha256: _body(each) for each in some}

            @cache  # features of one scale share a decode
            def decoded(sha256: str, scale_px: int) -> npt.NDArray[np.uint8] | str:
                try:
                    return small_picture(bodies[sha256], max_pixels, scale_px)  # noqa: B023
                except PictureError as err:
                    return err.reason

            for name, (scale_px, compute) in opened.items():
                asked = [each for each in some if name in each.names and bodies[each.sha256]]
                shown = {each: decoded(each.sha256, scale_px) for each in asked}
                pictures = [
                    Picture(each.sha256, each.path, pixels)
                    for each, pixels in shown.items()
                    if not isinstance(pixels, str)
                ]
                found = {row.sha256: row for row in _tried(compute, pictures)}
                rows[name] += [
                    Row(each.sha256, pixels, {}) if isinstance(pixels, str) else found[each.sha256]
                    for each, pixels in shown.items()
                ]
        return rows

    return compute


def _body(wanted: Wanted) -> bytes:
    """Return a cover's file; b"" where it is gone, or isn't what the download left."""
    with suppress(OSError), open_regular(wanted.path) as file:
        body = file.read()
        if hashlib.sha256(body).hexdigest() == wanted.sha256:
            return body
    return b""


def _tried(compute: Compute, pictures: Sequence[Picture]) -> list[Row]:
    """Compute a feature of pictures, one by one where it fails for some of them."""
    try:
        values = compute(pictures) if pictures else ()
        return [Row(each.sha256, "", row) for each, row in zip(pictures, values, strict=True)]
    except Exception as err:  # noqa: BLE001  (those of a feature's packages have no common root)
        if len(pictures) > 1:
            return [row for each in pictures for row in _tried(compute, [each])]
        why = err.reason if isinstance(err, PictureError) else f"{type(err).__name__}: {err}"
        return [Row(pictures[0].sha256, why, {})]
