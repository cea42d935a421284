"""The surroundings of a stage: settings, paths, clock, progress bars and messages."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from equigen.config.layers import Config
from equigen.config.settings import Settings
from equigen.http.rate_limit import Clock
from equigen.ledger.backup import copies_of
from equigen.ledger.ledger import LEDGER_NAME

# The table of sets, in the folder of the sets.
SPLIT_TSV: Final = "split.tsv"
_UTC_NOW: Final = partial(datetime.now, UTC)


class Bar(Protocol):
    """A progress bar, as stages use it."""

    def advance(self, count: int = 1, **figures: object) -> None:
        """Advance the bar by `count` units; show `figures` beside it."""
        ...

    def expect(self, total: int) -> None:
        """Change the total number of units."""
        ...


class BarMaker(Protocol):
    """A factory of progress bars: shown on a terminal or in a notebook, silent elsewhere."""

    def __call__(self, description: str, total: int, unit: str) -> AbstractContextManager[Bar]:
        """Open a bar of `total` units."""
        ...


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment at which a run stops: a date or a reading of the steady clock.

    Both are checked, since the date can be set back, and the steady clock may stop while the
    machine sleeps.
    """

    at: datetime
    steady_s: float


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of one run. `say` writes a message to stderr; results are returned instead.

    `now` returns the date; `clock` measures rates and waits. After the `deadline`, a stage that
    sends requests ends as soon as it can and leaves the rest for a later run.
    """

    config: Config
    bar: BarMaker
    say: Callable[[str], None]
    now: Callable[[], datetime] = _UTC_NOW
    clock: Clock = field(default_factory=Clock)
    deadline: Deadline | None = None

    @property
    def time_is_up(self) -> bool:
        """Whether the deadline has passed."""
        end = self.deadline
        return end is not None and (self.now() >= end.at or self.clock.steady() >= end.steady_s)

    @property
    def settings(self) -> Settings:
        """The checked settings."""
        return self.config.settings

    @property
    def directory(self) -> Path:
        """The dataset's folder."""
        return self.config.directory

    @property
    def tsv(self) -> Path:
        """The TSV: one row an album."""
        return self.directory / self.settings.dataset.tsv

    @property
    def reserve(self) -> Path:
        """The rows that were left out of the TSV, beside it."""
        return self.tsv.with_name(f"{self.tsv.stem}_reserve.tsv")

    @property
    def images(self) -> Path:
        """The folder of the covers, one folder a label."""
        return self.directory / self.settings.dataset.images

    @property
    def image_folders(self) -> tuple[Path, ...]:
        """The folder of each rendering of a cover: `images` first, the others beside it."""
        _, *others = self.settings.download.renderings()
        named = (f"{self.images.name}_{other.size_px or 'original'}" for other in others)
        return (self.images, *(self.images.with_name(name) for name in named))

    @property
    def split(self) -> Path:
        """The folder of the sets."""
        return self.directory / self.settings.dataset.split

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.directory / LEDGER_NAME

    @property
    def own_files(self) -> tuple[Path, ...]:
        """The dataset's own files but for pictures; no command may write its output over one."""
        table = self.split / SPLIT_TSV
        return (self.tsv, self.reserve, table, self.ledger, *copies_of(self.ledger))
