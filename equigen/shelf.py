"""The files of the covers, and what the ledger says of each."""

import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from equigen.context import Context
from equigen.errors import StorageError
from equigen.files import translating_os_errors
from equigen.ledger import SPLIT_LINK, Cover, Ledger
from equigen.rules.covering import OK, Action, Decision
from equigen.rules.splitting import Link


@dataclass(slots=True)
class Shelf:
    """The files of the covers and what the ledger says of them.

    A file lies in the images folder, or in a set of the split where `split --link move` put it, or
    beside the images folder where it was set aside because no row wants it any more. May be used
    from several threads, each for paths of its own.
    """

    context: Context
    ledger: Ledger
    covers: dict[str, Cover] = field(default_factory=dict)
    set_aside: int = 0
    _sets: dict[str, str] = field(default_factory=dict)
    _images: str = ""

    def __post_init__(self) -> None:
        self._images = str(self.context.images)
        self.covers = self.ledger.covers()
        if self.ledger.value(SPLIT_LINK) == Link.MOVE:
            self._sets = self.ledger.sets()

    def has(self, path: str) -> bool:
        """Tell whether the good cover at `path` is still there, as large as it was."""
        return any(self._fits(place, self.covers[path]) for place in self._homes(path))

    def has_aside(self, path: str) -> bool:
        """Tell whether the good cover at `path` was set aside."""
        return self._fits(self._aside(path), self.covers[path])

    def put_away(self, wanted: set[str]) -> None:
        """Set aside the files of good covers that no row wants."""
        for path, cover in self.covers.items():
            if cover.status != OK or path in wanted:
                continue
            homes = [home for home in self._homes(path) if self._fits(home, cover)]
            for home in homes[:1]:
                self._move(Path(home), self._aside(path))
                self.set_aside += 1

    def bring(self, decision: Decision) -> None:
        """Move or copy a cover that is there under another name.

        Raises:
            StorageError: the disk refuses, or the file vanished meanwhile.

        """
        source = self._find(decision.source)
        if source is None:
            msg = f"{decision.source}: vanished while the covers were sorted. Run again."
            raise StorageError(msg)
        wanted, moves = decision.wanted, decision.action is Action.MOVE
        if moves:
            self._move(source, self.context.images / wanted.path)
        else:
            self.write(wanted.path, source.read_bytes())
        new = replace(self.covers[decision.source], path=wanted.path, url=wanted.url)
        if moves:
            del self.covers[decision.source]
        self.note(new, moved_from=decision.source if moves else "")

    def write(self, path: str, data: bytes) -> None:
        """Write a cover so that its file is never seen half-written."""
        file = self.context.images / path
        # A leading dot keeps it out of the sets, should the process be killed here.
        beside = file.with_name(".new-" + file.stem[-10:])
        with translating_os_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                beside.write_bytes(data)
                beside.replace(file)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise

    def note(self, cover: Cover, *, moved_from: str = "") -> None:
        """Keep what became of a cover."""
        self.covers[cover.path] = cover
        self.ledger.record_cover(cover, moved_from=moved_from)

    def notes(self) -> list[str]:
        """Say what was set aside."""
        if not self.set_aside:
            return []
        return [f"{self.set_aside:,} covers whose rows are gone lie in {self._aside('')} now"]

    def _find(self, path: str) -> Path | None:
        places = [*self._homes(path), str(self._aside(path))]
        cover = self.covers[path]
        return next((Path(place) for place in places if self._fits(place, cover)), None)

    def _homes(self, path: str) -> list[str]:
        homes = [f"{self._images}/{path}"]
        if path in self._sets:
            homes.append(f"{self.context.split}/{self._sets[path]}/{path}")
        return homes

    def _fits(self, file: str | Path, cover: Cover) -> bool:
        try:
            # Asked of every cover at every start: a Path for each would take as long as the disk.
            return os.stat(file).st_size == cover.size_bytes  # noqa: PTH116
        except OSError:
            return False

    def _aside(self, path: str) -> Path:
        return self.context.images.with_name(self.context.images.name + "_set_aside") / path

    def _move(self, source: Path, target: Path) -> None:
        with translating_os_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source, target)
