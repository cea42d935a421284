"""Build an export: in a folder beside its place, a piece at a time, put in place when all is there.

A piece that an earlier run made, in the export that is replaced or in what a kill left, is taken
over by a hard link where all that it is made of is the same. `export.json` lists the pieces; while
an export is built, a journal in its folder does.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
    find_format,
    link_or_copy,
    text_piece,
)
from equigen.exports.card import CARD, card
from equigen.exports.rows import gather
from equigen.storage.atomic import in_place_of
from equigen.storage.os_errors import translating_os_errors, translating_read_errors
from equigen.version import __version__

LIST: Final = "export.json"
_JOURNAL: Final = ".journal"
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

    def mend(self) -> None:
        """Put back what a kill left amid the replacement.

        Raises:
            UsageError: a link is in the way.
            StorageError: the disk refuses.

        """
        for place in (self.part, self.old):
            if place.is_symlink():
                msg = f"{place}: a link; expected a folder of EquiGen's, or nothing. Remove it."
                raise UsageError(msg)
        with translating_os_errors(self.out):
            if self.old.is_dir():
                if self.out.exists():
                    shutil.rmtree(self.old)
                else:
                    self.old.rename(self.out)

    def check(self) -> None:
        """Refuse a place in which something else lies than an export of ours.

        Raises:
            UsageError: it does; the message names it.
            StorageError: it can't be read.

        """
        if not os.path.lexists(self.out):
            return
        if not self.out.is_dir():
            msg = f"{self.out}: this is a file; expected a folder, or a name that is free."
            raise UsageError(msg)
        known = {LIST}
        for each in self._listed(self.out):
            files = each["files"]
            names = [each["name"]] if files is None else [f"{each['name']}/{one}" for one in files]
            known.update(names)
        with translating_read_errors(self.out):
            foreign = [each for each in _files(self.out) if each not in known]
        if foreign:
            shown = ", ".join(foreign[:_MOST_NAMED])
            more = f" and {len(foreign) - _MOST_NAMED:,} more" if len(foreign) > _MOST_NAMED else ""
            msg = (
                f"{self.out}: this folder has files that no export of EquiGen put there:"
                f" {shown}{more}. It would be replaced as a whole. Nothing was done. Move them"
                " away, or name another place."
            )
            raise UsageError(msg)

    def noted(self) -> Mapping[str, Any]:
        """Return what the export that is there notes of itself."""
        return _read(self.out / LIST)

    def earlier(self) -> dict[str, Earlier]:
        """Return the pieces of the export that is there, by name."""
        return {
            each["name"]: Earlier(each, self.out / each["name"]) for each in self._listed(self.out)
        }

    def _listed(self, folder: Path) -> Sequence[Record]:
        with suppress(KeyError, TypeError, AttributeError):
            listed = _read(folder / LIST).get("pieces", [])
            return [_record(each) for each in listed]
        return ()

    def _begun(self) -> dict[str, Earlier]:
        """Return the finished pieces of a run that was killed, by name."""
        found = list(self._listed(self.part))
        with suppress(OSError), (self.part / _JOURNAL).open(encoding="utf-8") as journal:
            for line in journal:
                with suppress(ValueError, KeyError, TypeError, AttributeError):
                    found.append(_record(json.loads(line)))
        return {each["name"]: Earlier(each, self.part / each["name"]) for each in found}

    def build(self, pieces: Iterable[Piece], about: Mapping[str, Any]) -> "Built":
        """Build an export of pieces, and put it in its place; `about` is noted in it.

        Where it would be what is there already, nothing is changed.

        Raises:
            StorageError: the disk refuses; finished pieces are kept for the next run.

        """
        before, begun = self.earlier(), self._begun()
        records, made = list[Record](), 0
        with translating_os_errors(self.out):
            self.part.mkdir(parents=True, exist_ok=True)
            with (self.part / _JOURNAL).open("a", encoding="utf-8") as journal:
                for piece in pieces:
                    record = self._taken_over(piece, begun, before)
                    if record is None:
                        record = self._made(piece)
                        made += 1
                    records.append(record)
                    journal.write(json.dumps(record) + "\n")
                    journal.flush()
            self._finish(records, about)
        return Built(len(records), made, sum(each["size_bytes"] for each in records))

    def _taken_over(
        self, piece: Piece, begun: Mapping[str, Earlier], before: Mapping[str, Earlier]
    ) -> Record | None:
        target = self.part / piece.name
        for found in (begun.get(piece.name), before.get(piece.name)):
            if found is None or found.record["made_of"] != piece.made_of or not _is_whole(found):
                continue
            if found.path != target:
                _remove(target)
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(found, target)
            return found.record
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
            size_bytes, sha256 = sum(each.stat().st_size for each in os.scandir(beside)), ""
            beside.rename(target)
        return {
            "name": piece.name, "made_of": piece.made_of, "sha256": sha256,
            "size_bytes": size_bytes, "files": None if piece.files is None else dict(piece.files),
            "set": piece.set, "keys": list(piece.keys),
        }  # fmt: skip

    def _finish(self, records: Sequence[Record], about: Mapping[str, Any]) -> None:
        listed = {"equigen": __version__, **about, "pieces": records}
        text = json.dumps(listed, ensure_ascii=False, sort_keys=True, indent=1) + "\n"
        with suppress(OSError, ValueError):
            is_same = (self.out / LIST).read_text(encoding="utf-8") == text
            if is_same and all(map(_is_whole, self.earlier().values())):
                shutil.rmtree(self.part)
                return
        self._sweep(records)
        with in_place_of(self.part / LIST) as beside:
            beside.write_text(text, encoding="utf-8", newline="\n")
        (self.part / _JOURNAL).unlink()
        if self.out.exists():
            self.out.rename(self.old)
        self.part.rename(self.out)
        if self.old.exists():
            shutil.rmtree(self.old)

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
        place.mend()
        place.check()
        noted = place.noted()
        is_alike = all(noted.get(name) == value for name, value in job.about.items())
        job = replace(job, earlier=place.earlier(), is_alike=is_alike)
        with dataset.reading_ledger() as ledger:
            text = card(job, form.describe(job), ledger)
        pieces = chain(form.pieces(job), [text_piece(CARD, text)])
        facts = {
            "labels": list(albums.labels),
            "albums": len(albums.table),
            "restricted": dict(albums.restricted),
            "private": dict(albums.private),
        }
        with context.bar("export", 0, "file") as bar:
            built = place.build(_shown(pieces, bar), {**job.about, **facts})
    return Exported(job, place.out, built)


def _shown(pieces: Iterable[Piece], bar: Bar) -> Iterator[Piece]:
    for piece in pieces:
        yield piece
        bar.advance()


def check_place(context: Context, form: Format, out: Path) -> Place:
    """Check the place that a user names, before anything is done.

    Raises:
        UsageError: it is one of the dataset's own, or its name doesn't end as the format's do.
        StorageError: it can't be examined.

    """
    if form.endings:
        if out.suffix.lower() not in form.endings:
            msg = f"{out}: expected a name that ends in {', '.join(form.endings)}."
            raise UsageError(msg)
        context.check_output(out, "export")
        return Place(out)
    place = Path(os.path.realpath(out))
    own = [Path(os.path.realpath(each)) for some in context.config.places.values() for each in some]
    above = [Path(os.path.realpath(each)) for each in (context.directory, context.config.folder)]
    within = next((each for each in own if place == each or each in place.parents), None)
    around = next((each for each in (*above, *own) if place == each or place in each.parents), None)
    if within or around:
        msg = (
            f"{out}: this is a place of the dataset itself, {within or around}. Nothing was done."
            " Name a folder of its own."
        )
        raise UsageError(msg)
    return Place(place)


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


def _record(each: Mapping[str, Any]) -> Record:
    kept: dict[str, Any] = {name: each[name] for name in Record.__annotations__}
    if Path(kept["name"]).is_absolute() or ".." in Path(kept["name"]).parts:
        raise KeyError(kept["name"])
    return cast("Record", kept)


def _read(path: Path) -> Mapping[str, Any]:
    with suppress(OSError, ValueError):
        read = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(read, dict) and "equigen" in read:
            return read
    return {}


def _files(folder: Path) -> Iterator[str]:
    """Yield the paths of all that isn't a folder, below a folder."""
    for at, folders, files in os.walk(folder):
        links = [each for each in folders if (Path(at) / each).is_symlink()]
        for name in sorted([*files, *links]):
            yield os.path.relpath(Path(at) / name, folder).replace(os.sep, "/")


def _is_whole(found: Earlier) -> bool:
    """Tell whether a piece has the files and the size that it was made with."""
    files, size_bytes = found.record["files"], found.record["size_bytes"]
    with suppress(OSError):
        if files is None:
            return found.path.is_file() and found.path.stat().st_size == size_bytes
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
