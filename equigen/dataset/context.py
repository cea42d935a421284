"""The surroundings of a stage: settings, paths, clock, progress bars and messages."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from equigen.config.layers import CONFIG_NAME, DOTENV_NAME, Config
from equigen.config.settings import Settings
from equigen.errors import UsageError
from equigen.http.rate_limit import Clock
from equigen.ledger.backup import copies_of
from equigen.ledger.ledger import LEDGER_NAME
from equigen.storage.atomic import check_output

# The table of sets, in the folder of the sets.
SPLIT_TSV: Final = "split.tsv"
_UTC_NOW: Final = partial(datetime.now, UTC)
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
# Some zones have skipped a whole day: https://en.wikipedia.org/wiki/International_Date_Line
_DAYS_LOOKED_AT = 3


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
        return self.config.tsv

    @property
    def reserve(self) -> Path:
        """The rows that were left out of the TSV, beside it."""
        return self.directory / self.settings.dataset.reserve

    @property
    def images(self) -> Path:
        """The folder of the covers, one folder a label."""
        return self.config.image_folders[0]

    @property
    def image_folders(self) -> tuple[Path, ...]:
        """The folder of each rendering of a cover: `images` first, the others beside it."""
        return self.config.image_folders

    @property
    def split(self) -> Path:
        """The folder of the sets."""
        return self.directory / self.settings.dataset.split

    @property
    def features(self) -> Path:
        """The folder of the tables of features."""
        return self.directory / self.settings.dataset.features

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.directory / LEDGER_NAME

    @property
    def own_files(self) -> tuple[Path, ...]:
        """The dataset's own files but for pictures; no command may write its output over one."""
        table = self.split / SPLIT_TSV
        settings = (self.config.folder / name for name in (CONFIG_NAME, DOTENV_NAME))
        return (self.tsv, self.reserve, table, self.ledger, *copies_of(self.ledger), *settings)

    def check_output(self, path: Path, flag: str, *, keeps_link: bool = True) -> None:
        """Check the path of an output file that a user names, before anything else is done.

        Raises:
            UsageError: it can't be a file, is one of the dataset's, or, if links are kept, a link
                out of its folder.
            StorageError: the path can't be examined.

        """
        folders = (self.directory, self.config.folder) if keeps_link else ()
        check_output(path, flag, self.own_files, folders)

    def check_tsv_output(self, path: Path, flag: str) -> None:
        """Check the path of another TSV that a user names, as `check_output` does.

        Raises:
            UsageError: it doesn't end in .tsv, or as `check_output` has it.
            StorageError: the path can't be examined.

        """
        if path.suffix != ".tsv":
            msg = f"{flag} {path}: expected a name that ends in .tsv."
            raise UsageError(msg)
        self.check_output(path, flag)


def deadline_at(until: str, context: Context) -> Deadline:
    """Return the moment at which it is next `until`, such as 06:00.

    Raises:
        UsageError: `until` is no time of day.

    """
    now = context.now()
    at = next_time(read_time(until), now)
    steady_s = context.clock.steady() + (at - now).total_seconds()
    return Deadline(at, steady_s)


def read_time(text: str) -> time:
    """Parse a time of day such as 06:00 or 23:30.

    Raises:
        UsageError: the text is no time of day.

    """
    found = _TIME.fullmatch(text.strip())
    if not found:
        msg = f"--until: expected a time of day from 00:00 to 23:59, such as 06:00, got {text!r}."
        raise UsageError(msg)
    return time(int(found[1]), int(found[2]))


def next_time(of_day: time, now: datetime, zone: tzinfo | None = None) -> datetime:
    """Return, in UTC, the next moment after `now` at which the clocks of `zone` show a time.

    The default zone is the machine's own. A time that comes twice when the clocks are put back
    counts both times; a skipped one is taken as if they had not been put forward yet.
    """
    today = now.astimezone(zone).date()
    moments = []
    for count in range(_DAYS_LOOKED_AT):
        wall = datetime.combine(today + timedelta(days=count), of_day)
        first, second = (wall.replace(fold=fold, tzinfo=zone).astimezone(UTC) for fold in (0, 1))
        # The second is earlier where the time is skipped, and shows another one.
        moments += [first, max(first, second)]
    return min(moment for moment in moments if moment > now)
