"""A quarter of nights of `run --refresh --until` in this process, on a clock that is made up.

One server on loopback is the API and, under two names, two picture hosts with a quota a day. Its
catalogue grows for two thirds of the nights; hosts die and come back, signed addresses expire, the
machine falls asleep amid a run or is off for a night, and the log is moved away.
"""

import gc
import os
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import NamedTuple
from zlib import crc32

from pydantic import SecretStr

from bench.sameness import IMAGES_NAME, TSV_NAME
from equigen.cli.runner import Execution
from equigen.config.layers import Config
from equigen.config.settings import (
    DatasetSettings,
    DownloadSettings,
    FetchSettings,
    HttpSettings,
    defaults,
)
from equigen.config.source_settings import Credentials, DiscogsSettings
from equigen.dataset.context import Bar, Context
from equigen.errors import EquigenError
from equigen.http.rate_limit import Clock
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.logfile import logging_to
from equigen.plugins import find_commands
from equigen.sandbox.catalogue import Entry
from equigen.sandbox.handlers import HANG_UP, Hit, Reply
from equigen.sandbox.search import read_path
from equigen.sandbox.server import Sandbox

BEGIN = datetime(2026, 5, 1, 1, tzinfo=UTC)
HOSTS = ("127.0.0.1", "localhost")
_UNTIL = timedelta(hours=5)
_PICTURES = "/i/"
_ADDRESS = re.compile(rb'http://127\.0\.0\.1(:\d+)(/i/[^"]+)')
# Seconds that an answer takes: a page, a picture, and a picture in a night with a slow line.
_PAGE_S, _PICTURE_S, _SLOW_S = 2, 60, 900
_LOG = "events.jsonl"
_GOOD = 200
# The request of a night during which the machine falls asleep, where it does.
_ASLEEP_AT = 6


class Every(NamedTuple):
    """Nights on which something befalls a dataset: one of so many, from which on."""

    nights: int
    first: int

    def has(self, number: int) -> bool:
        """Tell whether it is one of them."""
        return number % self.nights == self.first


_OFF, _ASLEEP, _SLOW = Every(40, 39), Every(11, 7), Every(4, 1)
_EXPIRED, _ROTATED = Every(15, 4), Every(7, 6)


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of a quarter: albums at its begin, new ones a night, and each host's quota of the day.

    New albums come in the first `growing` of the nights.
    """

    nights: int = 90
    growing: int = 60
    albums: int = 180
    new: int = 2
    per_day: int = 12


@dataclass(slots=True)
class Night:
    """Figures of one night, and what it left.

    `asked` counts answers by kind, `pages` those of each result page that came; `tables` counts the
    ledger's rows. `descriptors`, `threads`, `objects` and memory (RSS) are this process's own.
    """

    number: int
    code: int
    albums: int
    asked: Counter[str] = field(default_factory=Counter)
    error: str = ""
    ledger_bytes: int = 0
    free_bytes: int = 0
    tsv_bytes: int = 0
    beside: frozenset[str] = frozenset()
    files: int = 0
    descriptors: int = 0
    threads: int = 0
    objects: int = 0
    memory_mib: float = 0.0
    took_s: float = 0.0
    pages: Counter[str] = field(default_factory=Counter)
    tables: dict[str, int] = field(default_factory=dict)


class NightClock:
    """A clock that moves when somebody waits or is answered; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wall_s = BEGIN.timestamp()
        self._steady_s = 1000.0

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._wall_s += seconds
            self._steady_s += seconds

    def sleeps(self, seconds: float) -> None:
        """Let the machine sleep: its steady clock stands still meanwhile."""
        with self._lock:
            self._wall_s += seconds

    def now(self) -> datetime:
        """Return the date."""
        return datetime.fromtimestamp(self._wall_s, UTC)

    def clock(self) -> Clock:
        """Return the clock as stages take it."""
        return Clock(lambda: self._steady_s, lambda: self._wall_s, self.passes)


class Service(Sandbox):
    """The sandbox, whose pictures lie on two hosts; each answer takes its time on the clock.

    `broken` has the status with which a host, or "api", answers all; `on_request` sees each one.
    """

    def __init__(self, entries: tuple[Entry, ...], time: NightClock) -> None:
        super().__init__(entries, cover_size_px=64, requests_per_minute=10**6)
        self.broken: dict[str, int] = {}
        self.picture_s = _PICTURE_S
        self.on_request: Callable[[], None] = lambda: None
        self._time = time

    def expire(self) -> None:
        """Let the addresses of all pictures expire."""
        self._signing_key = os.urandom(16)

    def picture_of(self, path: str) -> str:
        """Return the name of the picture at an address that is good now."""
        return read_path(path, self._signing_key)[0]

    def reply_to(self, hit: Hit) -> Reply:
        """Answer as the sandbox does, unless the host is broken."""
        self.on_request()
        is_picture = hit.path.startswith(_PICTURES)
        self._time.passes(self.picture_s if is_picture else _PAGE_S)
        who = hit.headers["host"].partition(":")[0] if is_picture else "api"
        if (status := self.broken.get(who)) is not None:
            self.log.append(replace(hit, status=status))
            return Reply(status)
        reply = super().reply_to(hit)
        return replace(reply, body=_ADDRESS.sub(self._elsewhere, reply.body))

    def _elsewhere(self, found: re.Match[bytes]) -> bytes:
        host = HOSTS[crc32(self.picture_of(found[2].decode()).encode()) % 2]
        return b"http://%s%s%s" % (host.encode(), found[1], found[2])


def entry(number: int, label: str = "Jazz", year: int = 2026) -> Entry:
    """Return an album with an artist and a picture of its own."""
    genre, style = {"Salsa": ("Latin", "Salsa")}.get(label, (label, f"Modern {label}"))
    return Entry(
        id=number, kind="release", artist=f"Artist {number}", title=f"Title {number}", year=year,
        genres=(genre,), styles=(style,),
        formats=("Vinyl", "LP", "Album"), format_name="Vinyl", country="US", master_id=None,
        picture=f"R-{number}-1500000000-1000.jpeg", look=label,
    )  # fmt: skip


def catalogue(plan: Plan, night: int) -> tuple[Entry, ...]:
    """Return the albums that the service has on a night.

    Most are of this year, which fills two pages; those of a label that is soon full come first.
    """
    full = [entry(number, "Salsa", 2024) for number in range(1, 9)]
    at_once = [
        entry(1000 + number, label, 2026 - max(0, number % 8 - 4))
        for number in range(plan.albums)
        for label in [("Jazz", "Jazz", "Jazz", "Blues")[number % 4]]
    ]
    later = [
        entry(10_000 + number, ("Jazz", "Blues")[number % 2], 2026 - number % 2)
        for number in range(plan.new * min(night, plan.growing))
    ]
    return (*full, *at_once, *later)


@dataclass(slots=True)
class Quarter:
    """Nights of one dataset, one after another.

    `seen` has those that are over; `given` counts how often each picture came; `sets` are those of
    the last night, by album, and `moved` the albums that any night gave another set.
    """

    folder: Path
    plan: Plan
    service: Service
    time: NightClock
    seen: list[Night] = field(default_factory=list)
    given: Counter[str] = field(default_factory=Counter)
    sets: dict[str, str] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)

    def nights(self) -> Iterator[Night]:
        """Carry out all nights."""
        for number in range(self.plan.nights):
            self.time.sleeps(self._until_one())
            if not _OFF.has(number):
                yield self.night(number)

    def _until_one(self) -> float:
        """Return the seconds until one o'clock (UTC) of the next night."""
        now = self.time.now()
        begins = now.replace(hour=1, minute=0, second=0, microsecond=0)
        return (begins + timedelta(days=now > begins) - now).total_seconds()

    def night(self, number: int) -> Night:
        """Carry out one night and look at what it left."""
        service = self.service
        service.entries = catalogue(self.plan, number)
        service.picture_s = _SLOW_S if _SLOW.has(number) else _PICTURE_S
        service.broken = _broken(number)
        if _EXPIRED.has(number):
            service.expire()
        if _ROTATED.has(number):
            self._rotate(number)
        falls_asleep, seen = _ASLEEP.has(number), 0

        def on_request() -> None:
            nonlocal seen
            seen += 1
            if seen == _ASLEEP_AT and falls_asleep:
                self.time.sleeps(8 * 3600)
                self._rotate(number)

        service.on_request = on_request
        service.log.clear()
        began_s = monotonic()
        code, error = run_once(
            context(self.folder, service, self.time, per_day=self.plan.per_day),
            until=self.time.now() + _UNTIL,
            log=self.folder / _LOG,
        )
        night = Night(number, code, len(service.entries), asked(service.log), error)
        night.took_s = monotonic() - began_s
        for hit in service.log:
            if hit.status == _GOOD and hit.path.startswith(_PICTURES):
                self.given[service.picture_of(hit.path)] += 1
            elif hit.status == _GOOD and hit.path == "/database/search":
                night.pages[str(sorted(hit.query.items()))] += 1
        with Ledger(self.folder / LEDGER_NAME, read_only=True) as ledger:
            sets = ledger.sets()
        self.moved += [album for album, name in self.sets.items() if sets.get(album) != name]
        self.sets = sets
        look_at(self.folder, night)
        self.seen.append(night)
        return night

    def _rotate(self, number: int) -> None:
        log = self.folder / _LOG
        if log.exists():
            log.replace(log.with_name(f"{_LOG}.{number}-{int(self.time.now().timestamp())}"))

    def log_lines(self) -> list[str]:
        """Return the lines of all logs."""
        files = sorted(self.folder.glob(f"{_LOG}*"))
        return [line for file in files for line in file.read_text("utf-8").splitlines()]


def _broken(number: int) -> dict[str, int]:
    """Return what answers nothing but a status on a night."""
    states = {}
    if number % 20 in range(5, 8):
        states["localhost"] = 403  # enough of us
    if number % 30 in range(9, 12):
        states["127.0.0.1"] = HANG_UP
    if number % 23 in (3, 4):
        states["api"] = 503
    return states


def run_once(context: Context, *, until: datetime | None, log: Path | None) -> tuple[int, str]:
    """Carry out `run --refresh`; return its exit code and its error."""
    command = find_commands()["run"]
    flags: dict[str, object] = {"refresh": True}
    if until:
        flags["until"] = f"{until.astimezone():%H:%M}"
    execution = Execution(command, command.load())
    with logging_to(log, "run"):
        try:
            execution.run(context, flags)
        except EquigenError as err:
            return err.exit_code, str(err)
    return execution.code, ""


class _SilentBar:
    def advance(self, count: int = 1, **figures: object) -> None:
        """Do nothing."""

    def expect(self, total: int) -> None:
        """Do nothing."""


@contextmanager
def _silent(description: str, total: int, unit: str) -> Iterator[Bar]:  # noqa: ARG001
    yield _SilentBar()


def context(folder: Path, service: Service, time: NightClock, *, per_day: int) -> Context:
    """Return the surroundings of one night."""
    settings = defaults(
        dataset=DatasetSettings(directory=folder),
        discogs=DiscogsSettings(base_url=service.base_url, user_agent="Nights/1 +http://a.b"),
        fetch=FetchSettings(labels=["Jazz", "Blues", "Salsa"], world_limit=4, to_year=2022),
        download=DownloadSettings.model_validate(
            {"hosts": {host: {"per_day": per_day, "concurrency": 2} for host in HOSTS}}
        ),
        http=HttpSettings(tries=2, max_wait_s=120),
    )
    config = Config(settings, Credentials(discogs_token=SecretStr(service.token)), folder)
    return Context(config, _silent, lambda _: None, now=time.now, clock=time.clock())


def asked(hits: list[Hit]) -> Counter[str]:
    """Count the answers of one night, by what was asked for and how it was answered."""
    found: Counter[str] = Counter()
    for hit in list(hits):
        kind = "picture" if hit.path.startswith(_PICTURES) else hit.path.split("/")[1]
        found[kind if hit.status == _GOOD else f"{kind}: {hit.status}"] += 1
    return found


def look_at(folder: Path, night: Night) -> None:
    """Measure what a night left: sizes, rows, descriptors, threads and objects in memory."""
    ledger, tsv = folder / LEDGER_NAME, folder / TSV_NAME
    with closing(sqlite3.connect(ledger)) as db:
        names = [
            name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        counts = {name: db.execute(f"SELECT count(*) FROM {name}") for name in names}  # noqa: S608
        night.tables = {name: count.fetchone()[0] for name, count in counts.items()}
        free, size_bytes = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size")
        )
        night.free_bytes = free * size_bytes
    night.ledger_bytes, night.tsv_bytes = (file.stat().st_size for file in (ledger, tsv))
    names_there = (file.name for file in folder.iterdir())
    night.beside = frozenset(name for name in names_there if not name.startswith(_LOG))
    night.files = sum(len(files) for _, _, files in os.walk(folder / IMAGES_NAME))
    gc.collect()
    night.descriptors = len([*Path("/proc/self/fd").iterdir()])
    night.threads = threading.active_count()
    night.objects = len(gc.get_objects())
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    night.memory_mib = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
