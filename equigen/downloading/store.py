"""Store the files of the covers: find, place, move, link and set them aside."""

import hashlib
import itertools
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from equigen.config.settings import SET_ASIDE
from equigen.dataset.context import Context
from equigen.downloading.jobs import MAKE, UNPLACED, Job, beside, target_of
from equigen.downloading.policy import REFUSED_BYTES
from equigen.errors import PictureError, StorageError
from equigen.images.rendering import Demands, Rendering
from equigen.ledger.ledger import SPLIT_LINK, Ledger
from equigen.ledger.models import Cover, FileOf
from equigen.schema import MULTI, Link
from equigen.storage.below import FileBelow, files_in, folders_below
from equigen.storage.os_errors import NO_LINKS, READ, WRITTEN, denial, translating_os_errors

ANY_PICTURE = Demands(min_size_px=1, max_pixels=10**9)


@dataclass(frozen=True, slots=True)
class _StorePlace:
    """One folder of files of one rendering; `aside` is the place of those set aside from it."""

    folder: Path
    rendering: Rendering

    @property
    def aside(self) -> "_StorePlace":
        return replace(self, folder=self.folder.with_name(self.folder.name + SET_ASIDE))

    def file(self, path: str) -> FileBelow:
        return target_of(self.folder, path, self.rendering)


@dataclass(slots=True)
class CoverStore:
    """Store of the files of the covers.

    A file lies in the images folder, or in a set of the split where `split --link move` put it, or
    beside the images folder where it was set aside because no row wants it any more, or because it
    isn't what it was. Each further size lies in a folder of its own. With `links`, copies are hard
    links. `run` tells this run's unplaced files from those of any other.
    """

    context: Context
    ledger: Ledger
    links: bool = False
    set_aside: int = 0
    spoilt: int = 0
    linked: int = 0
    refused: int = 0
    lifted: int = 0
    refused_bytes: frozenset[str] = frozenset()
    has_links: bool = True
    run: str = field(default_factory=lambda: str(os.getpid()))
    _places: tuple[_StorePlace, ...] = ()
    _first: _StorePlace = field(init=False)
    _images: str = ""
    _aside: _StorePlace = field(init=False)
    _sets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._images = str(self.context.images)
        renderings = self.context.settings.download.renderings()
        self._places = tuple(map(_StorePlace, self.context.image_folders, renderings))
        self._first = self._places[0]
        self._aside = self._first.aside
        if self.ledger.value(SPLIT_LINK) == Link.MOVE:
            self._sets = self.ledger.laid_out()

    def fits(self, path: str, size_bytes: int) -> bool:
        """Tell whether all of a cover's files are there, the first as large as it was."""
        others = self._places[1:]
        return self.fits_first(path, size_bytes) and (
            not others or all(place.file(path).exists() for place in others)
        )

    def fits_first(self, path: str, size_bytes: int) -> bool:
        """Tell whether a cover's first file is there, as large as it was."""
        # Asked of every cover at every start: opening its folder each time would take as long as
        # the disk. A file that isn't so is noticed when it is read.
        return _has_size(f"{self._images}/{path}", size_bytes) or (
            path in self._sets and _fits(self._moved(path), size_bytes)
        )

    def find(self, path: str, size_bytes: int) -> FileBelow | None:
        """Return a cover's first file of such a size, if there is one."""
        # Asked of every cover where the layout changes: see `fits_first`.
        if _has_size(str(here := self._first.file(path)), size_bytes):
            return here
        if path in self._sets and _fits(moved := self._moved(path), size_bytes):
            return moved
        return aside if _has_size(str(aside := self.aside(path)), size_bytes) else None

    def aside(self, path: str) -> FileBelow:
        """Return a cover's file once it is set aside."""
        return self._aside.file(path)

    def spoilt_files(self, paths: Sequence[str], cover: Cover) -> list[FileBelow]:
        """Return the files of a good cover that are not what they were, by reading all of them.

        `paths` are all that it has in the layout.

        The first must hold the bytes that were fetched; further sizes must decode.
        """
        from equigen.images.check import check_picture  # noqa: PLC0415  (heavy, and only asked for here)

        spoilt = []
        files = [
            (place, file)
            for place in self._places
            for file in self._different(place, paths, cover.size_bytes)
        ]
        for place, file in files:
            try:
                body = file.read()
                if place is not self._first:
                    check_picture(body, ANY_PICTURE)
                elif hashlib.sha256(body).hexdigest() != cover.sha256:
                    spoilt.append(file)
            except PermissionError as err:  # it can't be read, and may be good
                raise denial(err, Path(file), READ) from err
            except (OSError, PictureError):
                spoilt.append(file)
        return spoilt

    def _different(
        self, place: _StorePlace, paths: Sequence[str], size_bytes: int
    ) -> Iterator[FileBelow]:
        """Yield a cover's files in a place, those that are links to the first one left out."""
        found = (
            self.find(path, size_bytes) if place is self._first else place.file(path)
            for path in paths
        )
        first, *others = found
        if first:
            yield first
        for file in others:
            if file and not (first and file.is_same_as(first)):
                yield file

    def is_whole(self, path: str, size_bytes: int) -> bool:
        """Tell whether all of a cover's files are there or set aside, the first as it was."""
        found = self.find(path, size_bytes)
        return found is not None and all(
            any(file.exists() for file in (place.file(path), place.aside.file(path)))
            for place in self._places[1:]
        )

    def bring(self, cover: Cover, old: str, path: str, how: Link) -> None:
        """Move, copy or link a good cover from an `old` path to one that the ledger knows already.

        Where the file system has no hard links, it is copied.

        Raises:
            StorageError: the disk refuses, or the file vanished meanwhile.

        """
        source = self.find(old, cover.size_bytes)
        if source is None:
            msg = f"{old}: vanished while the covers were sorted. Run again."
            raise StorageError(msg)
        for place in self._places:
            target = place.file(path)
            files = (source,) if place is self._first else (place.file(old), place.aside.file(old))
            origin = next((file for file in files if file.exists()), None)
            if origin is None or origin == target:
                continue
            with translating_os_errors(Path(target)):
                if how is Link.MOVE:
                    origin.move(target)
                    continue
                if how is Link.HARDLINK:
                    with suppress(OSError):
                        origin.link(target)
                        if place.aside.file(path).is_same_as(origin):
                            place.aside.file(path).remove()
                        continue
                origin.copy(target)
            if self.links:
                self._link(origin, target)

    def place(self, jobs: Iterable[Job]) -> None:
        """Put jobs' files where they belong, once the ledger knows of them."""
        by_folder: dict[tuple[Path, str], list[tuple[str, int]]] = {}
        for job in jobs:
            for place in self._places[job.kind == MAKE :]:
                label, _, name = place.file(job.path).path.rpartition("/")
                by_folder.setdefault((place.folder, label), []).append((name, job.ticket))
        for (folder, label), files in by_folder.items():
            with translating_os_errors(folder / label), files_in(folder, label) as file_of:
                for name, ticket in files:
                    target = file_of(name)
                    beside(target, self.run, ticket).move(target)

    def refuse(self, sha256s: frozenset[str]) -> None:
        """Set aside the covers with these bytes, and refuse no others any more."""
        self.refused_bytes = sha256s
        at = self.context.now().isoformat(timespec="seconds")
        self.lifted = self.ledger.refuse_covers(sha256s, reason=REFUSED_BYTES, ended_at=at)
        self.refused = self.put_away(self.ledger.refused_files())

    def put_away(self, files: Sequence[tuple[str, int]]) -> int:
        """Set aside files, given by path and size in bytes; return how many covers were there."""
        moved = 0
        for path, size_bytes in files:
            home, aside = self.find(path, size_bytes), self._first.aside.file(path)
            if home and home != aside:
                _move(home, aside)
                moved += 1
            for place in self._places[1:]:
                if place.file(path).exists():
                    _move(place.file(path), place.aside.file(path))
        return moved

    def remove_links(self, links: Mapping[FileOf, str]) -> None:
        """Remove files whose bytes lie at another path as well, and forget those that are gone."""
        for (_, path), other in links.items():
            pairs = [(place.file(path), place.file(other)) for place in self._places[1:]]
            pairs += itertools.product(self._all(path), self._all(other))
            for file, kept in pairs:
                if file.exists() and (file.is_same_as(kept) or _are_same(file, kept)):
                    with translating_os_errors(Path(file)):
                        file.remove()
        gone = (each for each in links if not any(map(FileBelow.exists, self._all(each.path))))
        self.ledger.forget_files(gone)

    def remove_empty_folders(self) -> None:
        """Remove folders of covers that hold nothing, also those that a killed run emptied."""
        for place in self._places:
            with suppress(OSError):
                for folder in (*folders_below(place.folder), MULTI):  # those in MULTI before it
                    with suppress(OSError):
                        (place.folder / folder).rmdir()

    def put_away_spoilt(self, file: FileBelow) -> None:
        """Set aside a file that lies in a good cover's place and isn't that cover."""
        aside = self._first.aside.folder
        if file.root != aside and file.exists():
            *above, label, name = file.path.split("/")
            end = f"{above[0] if above else file.root.name}.spoilt"
            _move(file, FileBelow(aside, f"{label}/{name.rpartition('.')[0]}.{end}"))
            self.spoilt += 1

    def put_away_unfit(self, path: str, size_bytes: int) -> None:
        """Set aside files that lie in a good cover's place and have another size."""
        for file in (self._first.file(path), self._moved(path)):
            if file.exists() and not _fits(file, size_bytes):
                self.put_away_spoilt(file)

    def link_identical(self) -> None:
        """Let good covers that hold the same bytes share them, by hard links."""
        for first, *others in self.ledger.identical_covers():
            for place in self._places:
                for other in others:
                    if place.file(other).exists():
                        self._link(place.file(first), place.file(other))

    def sweep(self) -> None:
        """Remove the unplaced files of an earlier run that was killed."""
        for place in self._places:
            with translating_os_errors(place.folder, READ):
                for label in folders_below(place.folder):
                    # A million names, few of them ours.
                    for name in os.listdir(place.folder / label):  # noqa: PTH208
                        if name.startswith(UNPLACED):
                            FileBelow(place.folder, f"{label}/{name}").remove()

    def notes(self) -> list[str]:
        """Return notes on files that were set aside or linked."""
        aside = self._first.aside.folder
        counts = {
            f"covers whose rows are gone lie in {aside} now": self.set_aside,
            f"covers whose bytes are refused lie in {aside} now; the next `equigen split` takes"
            " them out of the sets": self.refused,
            "covers are no longer refused, since their bytes are kept": self.lifted,
            f"files that were not what they had been lie in {aside}": self.spoilt,
            "files share their bytes with another one now": self.linked,
        }
        notes = [f"{count:,} {what}" for what, count in counts.items() if count]
        if not self.has_links:
            notes.append("not all identical covers could be linked: the file system refuses")
        return notes

    def _link(self, first: FileBelow, other: FileBelow) -> None:
        try:
            if not first.is_same_as(other) and first.read() == other.read():
                first.link(other)
                self.linked += 1
        except FileNotFoundError:
            return
        except OSError as err:
            if err.errno not in NO_LINKS:
                raise denial(err, Path(other), WRITTEN) from err
            self.has_links = False

    def _all(self, path: str) -> tuple[FileBelow, ...]:
        """Return the places of a cover's first file."""
        return self._first.file(path), self._moved(path), self.aside(path)

    def _moved(self, path: str) -> FileBelow:
        """Return a cover's file in its set; one that no set took has no such file."""
        return FileBelow(self.context.split, f"{self._sets.get(path, 'none')}/{path}")


def _has_size(file: str, size_bytes: int) -> bool:
    try:
        found = os.lstat(file)
    except PermissionError as err:  # it may be there, and must not be fetched again
        raise denial(err, Path(file), READ) from err
    except OSError:
        return False
    return found.st_size == size_bytes and stat.S_ISREG(found.st_mode)


def _are_same(file: FileBelow, other: FileBelow) -> bool:
    return file.size_bytes() == other.size_bytes() and file.read() == other.read()


def _fits(file: FileBelow, size_bytes: int) -> bool:
    try:
        return file.size_bytes() == size_bytes
    except PermissionError as err:
        raise denial(err, Path(file), READ) from err


def _move(source: FileBelow, target: FileBelow) -> None:
    with translating_os_errors(Path(target)):
        source.move(target)
