"""Build an export: in a folder beside its place, a piece at a time, put in place when all is there.

A piece that an earlier run made, in the export that is replaced or in what a kill left, is taken
over by a hard link where all that it is made of is the same. `export.json` lists the pieces; while
an export is built, a journal in its folder does.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final, cast

from equigen.dataset.context import Bar, Context
from equigen.dataset.dataset import Dataset, Need
from equigen.errors import UsageError
from equigen.exports.base import (
    Earlier,
    Format,
    Job,
    Options,
    Piece,
    Record,
    digest_of_files,
    find_format,
    link_or_copy,
    text_piece,
)
from equigen.exports.card import CARD, card, facts_of
from equigen.exports.rows import gather
from equigen.storage.atomic import in_place_of
from equigen.storage.below import FileBelow, read_regular
from equigen.storage.os_errors import translating_os_errors, translating_read_errors
from equigen.version import __version__

LIST: Final = "export.json"
_JOURNAL: Final = ".journal"
# It begins on a line of its own, since a kill may have cut off the last one.
_HEAD: Final = f'\n{{"equigen": "{__version__}"}}\n'.encode()
# A folder until it is whole; a class's own name may be as long as the disk allows.
_UNFINISHED: Final = ".new"
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an export, with those beside it: of what is built, and of what is replaced."""

    out: Path

    @property
    def part(self) -> Path:
        """The folder in which an export is built."""
        return self.out.with_name(f".{self.out.name}.part")

    @property
    def old(self) -> Path:
        """The place of the earlier export, for the moment in which it is replaced."""
        return self.out.with_name(f".{self.out.name}.old")

    def check(self) -> None:
        """Refuse a place in which something else lies than an export of ours, or beside which.

        Raises:
            UsageError: it does; the message names it.
            StorageError: it can't be read.

        """
        for place in (self.out, self.part, self.old):
            if place.is_symlink():
                msg = f"{place}: a link; expected a folder of EquiGen's, or nothing. Remove it."
                raise UsageError(msg)
            if not os.path.lexists(place):
                continue
            if not place.is_dir():
                msg = f"{place}: this is a file; expected a folder, or a name that is free."
                raise UsageError(msg)
            with translating_read_errors(place):
                foreign = self.foreign(place)
            if foreign:
                most = len(foreign) - _MOST_NAMED
                more = f" and {most:,} more" if most > 0 else ""
                msg = (
                    f"{place}: this folder has files that no export of EquiGen put there:"
                    f" {', '.join(foreign[:_MOST_NAMED])}{more}. It would be replaced as a whole."
                    " Nothing was done. Move them away, or name another place."
                )
                raise UsageError(msg)

    def foreign(self, place: Path) -> Sequence[str]:
        """Return the files in a place that aren't those of an export, or of one that was begun."""
        files = list(_files(place))
        if place != self.part:
            known = known_files(place)
            return [each for each in files if each not in known]
        is_ours = _read(self.part / LIST) or any("equigen" in each for each in self._journal())
        # A kill may leave a part of the journal's first line.
        is_new = set(files) <= {_JOURNAL} and _HEAD.startswith(_bytes(self.part / _JOURNAL))
        return [] if is_ours or is_new else files

    def mend(self) -> None:
        """Put back what a kill left amid the replacement, once the places are checked.

        Raises:
            StorageError: the disk refuses.

        """
        with translating_os_errors(self.out):
            if self.old.is_dir():
                if self.out.exists():
                    _drop(self.old)
                else:
                    self.old.rename(self.out)

    def noted(self) -> Mapping[str, Any]:
        """Return what the export that is there notes of itself."""
        return _read(self.out / LIST)

    def earlier(self) -> dict[str, Earlier]:
        """Return the pieces of the export that is there, by name."""
        return {each["name"]: Earlier(each, self.out / each["name"]) for each in _listed(self.out)}

    def _journal(self) -> Iterator[Mapping[str, Any]]:
        """Yield the lines of the journal that are whole."""
        for line in _bytes(self.part / _JOURNAL).splitlines():
            if read := _parsed(line):
                yield read

    def _begun(self) -> dict[str, Earlier]:
        """Return the finished pieces of a run that was killed, by name."""
        found = list(_listed(self.part))
        for each in self._journal():
            with suppress(ValueError):
                found.append(_record(each))
        return {each["name"]: Earlier(each, self.part / each["name"]) for each in found}

    def build(self, pieces: Iterable[Piece], about: Mapping[str, Any]) -> "Built":
        """Build an export of pieces, and put it in its place; `about` is noted in it.

        Where it would be what is there already, nothing is changed.

        Raises:
            StorageError: the disk refuses; finished pieces are kept for the next run.

        """
        before, begun = self.earlier(), self._begun()
        records, made, kept = list[Record](), 0, 0
        with translating_os_errors(self.out):
            self.part.mkdir(parents=True, exist_ok=True)
            with FileBelow(self.part, _JOURNAL).append() as journal:
                journal.write(_HEAD)
                journal.flush()
                for piece in pieces:
                    found = self._taken_over(piece, begun, before)
                    record = found.record if found else self._made(piece)
                    made += found is None
                    kept += bool(found) and found is before.get(piece.name)
                    records.append(record)
                    journal.write(json.dumps(record).encode() + b"\n")
                    journal.flush()
            self._finish(records, about, is_kept=kept == len(records))
        return Built(len(records), made, sum(each["size_bytes"] for each in records))

    def _taken_over(
        self, piece: Piece, begun: Mapping[str, Earlier], before: Mapping[str, Earlier]
    ) -> Earlier | None:
        target = self.part / piece.name
        for found in (begun.get(piece.name), before.get(piece.name)):
            if found is None or found.record["made_of"] != piece.made_of or not _is_whole(found):
                continue
            if found.path != target:
                _remove(target)
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(found, target)
            return found
        return None

    def _made(self, piece: Piece) -> Record:
        target = self.part / piece.name
        if piece.files is None:
            with in_place_of(target, keeps_link=False) as beside:
                sha256 = piece.write(beside)
                with beside.open("rb+") as file:
                    os.fsync(file.fileno())
                    sha256 = sha256 or hashlib.file_digest(file, "sha256").hexdigest()
                _remove(target)
            size_bytes = target.stat().st_size
        else:
            beside = target.with_name(_UNFINISHED)
            _remove(beside)
            _remove(target)
            beside.mkdir(parents=True)
            piece.write(beside)
            size_bytes, sha256 = piece.size_bytes, ""
            if size_bytes < 0:  # of pictures that were made on the way
                size_bytes = sum(each.stat().st_size for each in os.scandir(beside))
                sha256 = digest_of_files({each.name: _sha256(each) for each in beside.iterdir()})
            beside.rename(target)
        return {
            "name": piece.name, "made_of": piece.made_of, "sha256": sha256,
            "size_bytes": size_bytes, "files": None if piece.files is None else dict(piece.files),
            "set": piece.set, "keys": list(piece.keys),
        }  # fmt: skip

    def _finish(
        self, records: Sequence[Record], about: Mapping[str, Any], *, is_kept: bool
    ) -> None:
        listed = {"equigen": __version__, **about, "pieces": records}
        text = json.dumps(listed, ensure_ascii=False, sort_keys=True, indent=1) + "\n"
        if is_kept and _bytes(self.out / LIST) == text.encode():
            _drop(self.part)
            return
        self._sweep(records)
        with in_place_of(self.part / LIST) as beside:
            beside.write_text(text, encoding="utf-8", newline="\n")
        (self.part / _JOURNAL).unlink()
        if self.out.exists():
            self.out.rename(self.old)
        self.part.rename(self.out)
        if self.old.exists():
            _drop(self.old)

    def _sweep(self, records: Sequence[Record]) -> None:
        """Remove what an earlier run left that isn't part of the export."""
        names = {each["name"] for each in records}
        above = {str(parent) for name in names for parent in Path(name).parents}
        for folder, folders, files in os.walk(self.part):
            at = os.path.relpath(folder, self.part)
            for name in [*folders, *files]:
                path = name if at == "." else f"{at}/{name}".replace(os.sep, "/")
                if path not in names and path not in above and path != _JOURNAL:
                    _remove(self.part / path)
            folders[:] = [
                each
                for each in folders
                if (each if at == "." else f"{at}/{each}".replace(os.sep, "/")) in above
            ]


@dataclass(frozen=True, slots=True)
class Built:
    """An export that is in its place: its pieces, how many were made anew, and their bytes."""

    pieces: int
    made: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that was made: the job, where it lies, and what was built."""

    job: Job
    out: Path
    built: Built


def export_dataset(context: Context, name: str, out: Path, options: Options) -> Exported:
    """Export a dataset in the format called `name`.

    Raises:
        UsageError: no such format, a wrong option, or a place that isn't free.
        EquigenError: as `Dataset.writing`, `gather` and `Place.build` have it.

    """
    form = find_format(name)
    form.check(options)
    place = check_place(context, form, out)
    needs = Need.WHOLE_TSV | Need.COVERS | Need.KNOWN_COVERS | Need.NAMES
    with Dataset.writing(context, "export", needs) as dataset:
        albums = gather(
            dataset,
            size_px=options.size_px,
            features=options.features,
            private_use=options.private_use,
        )
        job = Job(context, form, options, albums, out=out)
        if form.endings:
            return Exported(job, place.out, _write_file(job, place))
        place.check()
        place.mend()
        noted = place.noted()
        is_alike = all(noted.get(name) == value for name, value in job.about.items())
        job = replace(job, earlier=place.earlier(), is_alike=is_alike)
        with dataset.reading_ledger() as ledger:
            facts = facts_of(albums, ledger)
        text = card(job, form.describe(job), facts)
        pieces = chain(form.pieces(job), [text_piece(CARD, text)])
        with context.bar("export", 0, "file") as bar:
            built = place.build(_shown(pieces, bar), {**job.about, **asdict(facts)})
    return Exported(job, place.out, built)


def _shown(pieces: Iterable[Piece], bar: Bar) -> Iterator[Piece]:
    for piece in pieces:
        yield piece
        bar.advance()


def check_place(context: Context, form: Format, out: Path) -> Place:
    """Check the place that a user names, before anything is done.

    Raises:
        UsageError: it is one of the dataset's own, or a file of another export, or its name doesn't
            end as the format's do.
        StorageError: it can't be examined.

    """
    if form.endings:
        if out.suffix.lower() not in form.endings:
            msg = f"{out}: expected a name that ends in {', '.join(form.endings)}."
            raise UsageError(msg)
        context.check_output(out, "export")
    refuse_own_place(context, out, is_folder=not form.endings)
    place = Path(os.path.realpath(out))
    if not form.endings:
        return Place(place)
    for each in place.parents:
        if place.relative_to(each).as_posix() in known_files(each):
            msg = f"{out}: this is a file of an export, {each}. Nothing was done. Name another one."
            raise UsageError(msg)
    return Place(out)


def refuse_own_place(context: Context, out: Path, *, is_folder: bool) -> None:
    """Refuse a place that is one of the dataset's own, or of a folder, around one.

    Raises:
        UsageError: it is.

    """
    place = Path(os.path.realpath(out))
    own = [Path(os.path.realpath(each)) for some in context.config.places.values() for each in some]
    above = [Path(os.path.realpath(each)) for each in (context.directory, context.config.folder)]
    within = next((each for each in own if place == each or each in place.parents), None)
    around = next((each for each in (*above, *own) if place == each or place in each.parents), None)
    if within or (around and is_folder):
        msg = (
            f"{out}: this is a place of the dataset itself, {within or around}. Nothing was done."
            " Name a place outside of it."
        )
        raise UsageError(msg)


def _write_file(job: Job, place: Place) -> Built:
    """Write an export that is one file, in place of the one that is there.

    Raises:
        StorageError: the disk refuses; the old file is still there.

    """
    (piece,) = job.format.pieces(job)
    with in_place_of(place.out) as beside:
        piece.write(beside)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
            size_bytes = os.fstat(file.fileno()).st_size
    return Built(1, 1, size_bytes)


def _record(each: Any) -> Record:  # noqa: ANN401  (whatever a file has)
    """Return a record that a file has, whoever wrote it.

    Raises:
        ValueError: it has a value that no record has, or the name of a file elsewhere.

    """
    match each:
        case {
            "name": str(name), "made_of": str(), "sha256": str(), "size_bytes": int(),
            "files": (None | dict()) as files, "set": str(), "keys": list(keys),
        } if all(isinstance(key, str) for key in keys):  # fmt: skip
            within = (files or {}).items()
            if _is_below(name) and all(
                _is_below(one) and len(Path(one).parts) == 1 and isinstance(of, str)
                for one, of in within
            ):
                return cast("Record", {key: each[key] for key in Record.__annotations__})
    msg = "not a record of a piece"
    raise ValueError(msg)


def _is_below(name: str) -> bool:
    """Tell whether a path leads to a place below the folder that it begins in.

    Raises:
        ValueError: it can't be a path.

    """
    path = Path(name)
    is_one = bool(path.parts) and b"\0" not in os.fsencode(name)
    return is_one and not path.anchor and ".." not in path.parts


def _read(path: Path) -> Mapping[str, Any]:
    """Return the list of an export of ours, {} where a file is none."""
    read = _parsed(_bytes(path))
    with suppress(ValueError):
        if "equigen" in read and isinstance(pieces := read.get("pieces"), list):
            return {**read, "pieces": list(map(_record, pieces))}
    return {}


def _parsed(text: bytes) -> Mapping[str, Any]:
    """Return the object that a text of JSON is, {} where it is none."""
    with suppress(ValueError, RecursionError):
        read = json.loads(text)
        if isinstance(read, dict):
            return read
    return {}


def _bytes(path: Path) -> bytes:
    """Return the bytes of a regular file; none where there is none that can be read."""
    with suppress(OSError):
        return read_regular(str(path))
    return b""


def _drop(folder: Path) -> None:
    """Remove a folder of ours, the list by which it is known last: a kill may come between."""
    for each in folder.iterdir():
        if each.name not in {LIST, _JOURNAL}:
            _remove(each)
    shutil.rmtree(folder)


def _listed(folder: Path) -> Sequence[Record]:
    return cast("Sequence[Record]", _read(folder / LIST).get("pieces", ()))


def known_files(folder: Path) -> Collection[str]:
    """Return the files of the export in a folder; none where there is no export of ours."""
    known = set[str]()
    for each in _listed(folder):
        files = each["files"]
        names = [each["name"]] if files is None else [f"{each['name']}/{one}" for one in files]
        known.update((LIST, *names))
    return known


def _files(folder: Path) -> Iterator[str]:
    """Yield the paths of all that isn't a folder, below a folder."""
    for at, folders, files in os.walk(folder):
        links = [each for each in folders if (Path(at) / each).is_symlink()]
        for name in sorted([*files, *links]):
            yield os.path.relpath(Path(at) / name, folder).replace(os.sep, "/")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(found: Earlier) -> bool:
    """Tell whether a piece is what was made: a file by its bytes, a folder by names and size."""
    files, size_bytes = found.record["files"], found.record["size_bytes"]
    with suppress(OSError):
        if files is None:
            with FileBelow(found.path.parent, found.path.name).open() as file:
                if os.fstat(file.fileno()).st_size != size_bytes:
                    return False
                return hashlib.file_digest(file, "sha256").hexdigest() == found.record["sha256"]
        there = {each.name: each.stat().st_size for each in os.scandir(found.path)}
        return there.keys() == files.keys() and sum(there.values()) == size_bytes
    return False


def _link(found: Earlier, target: Path) -> None:
    files = found.record["files"]
    if files is None:
        link_or_copy(found.path, target)
        return
    beside = target.with_name(_UNFINISHED)
    _remove(beside)
    beside.mkdir()
    for name in files:
        link_or_copy(found.path / name, beside / name)
    beside.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
