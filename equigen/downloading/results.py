"""Record the results of jobs in the ledger, then place their files, and summarise the run."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from math import ceil

from equigen.dataset.context import Bar
from equigen.downloading.jobs import ASK, GONE, MAKE, MOVED, SPOILT, UNCHANGED, JobResult
from equigen.downloading.plan import Worklist
from equigen.downloading.shared_covers import notes_on_shared
from equigen.http.addresses import without_password
from equigen.http.limits import HostPolicy
from equigen.images.rendering import made_in_all
from equigen.ledger.models import FAILED, MISSING, OK, Cover, FileOf
from equigen.ledger.values import SharedCover
from equigen.output import tell
from equigen.schema import Link
from equigen.summary import Summary, Table

_MINUTES_A_DAY = 24 * 60
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class ResultRecorder:
    """Recorder of one run's results: a cover is in the ledger before its file is placed.

    `moved` are addresses of rows whose album has another picture now; `resumes_at_s` is when hosts
    that gave nothing more can be asked again.
    """

    worklist: Worklist
    notes: list[str] = field(default_factory=list)
    moved: set[str] = field(default_factory=set)
    resumes_at_s: list[float] = field(default_factory=list)
    _fetched: int = 0
    _fetched_bytes: int = 0
    _done: int = 0
    _failed: int = 0
    _changed: int = 0
    _unchanged: int = 0
    _renewed: int = 0
    _unsaid: list[tuple[JobResult, Cover]] = field(default_factory=list)
    _others: dict[str, list[str]] = field(default_factory=dict)
    _kept: Counter[str] = field(default_factory=Counter)
    _began_s: float = 0.0

    def __post_init__(self) -> None:
        self._began_s = self.worklist.context.clock.steady()

    def take(self, done: Iterable[JobResult], bar: Bar) -> None:
        """Record results, and only then place the files."""
        before = self._done
        try:
            for each in done:
                self._one(each)
        finally:
            self._say_and_place()
        if self._done > before:
            took_s = self.worklist.context.clock.steady() - self._began_s
            rate = f"{self._fetched_bytes / 1e6 / max(took_s, 0.001):.1f}"
            ok = f"{1 - self._failed / self._done:.0%}"
            bar.advance(self._done - before, **{"ok": ok, "MB/s": rate})

    def summary(self, shared: Sequence[SharedCover]) -> Summary:
        """Account for every row; `shared` are bytes that covers of several artists have."""
        worklist, store = self.worklist, self.worklist.store
        first_s = min(self.resumes_at_s, default=None)
        ended = sorted(worklist.endings.items(), key=lambda each: (each[0][0], -each[1], each[0]))
        rows = [(*key, count, worklist.examples[key]) for key, count in ended]
        columns = ("host", "reason", "covers", "example")
        failures = [dict(zip(columns, row, strict=True)) for row in rows]
        return Summary(
            stage="download",
            unit="rows",
            rows_in=worklist.rows,
            rows_out=worklist.good,
            dropped=dict(worklist.dropped().most_common()),
            put_off=worklist.put_off,
            facts={
                "fetched": self._fetched,
                "fetched_bytes": self._fetched_bytes,
                "set_aside": store.set_aside + store.refused,
                "spoilt": store.spoilt,
                "changed": self._changed,
                "unchanged": self._unchanged,
                "linked": store.linked,
                "renewed": self._renewed,
                "elsewhere": worklist.elsewhere,
                "left_for_later": worklist.later,
                "failures": failures,
                "shared_covers": [each._asdict() for each in shared],
                "images": str(worklist.context.images),
            },
            table=Table(("host", "reason", "covers", "for example"), tuple(rows)) if rows else None,
            notes=[
                f"{self._fetched:,} fetched, {self._fetched_bytes / 1e6:,.1f} MB",
                *self._more_notes(),
                *self.notes,
                *store.notes(),
                *notes_on_shared(shared),
            ],
            partly=bool(worklist.later),
            left=worklist.later,
            resumes_at=datetime.fromtimestamp(first_s, UTC) if first_s and worklist.later else None,
        )

    def _more_notes(self) -> Iterable[str]:
        worklist = self.worklist
        if self._renewed:
            yield f"{self._renewed:,} addresses had expired and were asked for anew"
        if worklist.elsewhere:
            yield f"{worklist.elsewhere:,} covers were asked for at another address of theirs"
        if worklist.verify:
            # Those of another size are noticed without reading them.
            spoilt = max(worklist.spoilt, worklist.store.spoilt)
            yield f"{spoilt:,} files were not what they had been"
        if worklist.check_changed:
            changed, unknown = self._changed, worklist.unverifiable
            yield f"{changed:,} changed, {self._unchanged:,} unchanged, {unknown:,} can't tell"
            for reason, count in self._kept.most_common():
                yield f"{count:,} kept as they are, though their hosts say: {reason}"

    def _one(self, done: JobResult) -> None:
        job = done.job
        self._done += 1
        if done.message:
            _log.info("%s: %s", job.path, done.message)
        if done.url:
            self._renewed += 1
            self.worklist.ledger.record_renewal(job.url, done.url)
        if done.status == SPOILT:
            self.worklist.fetch_instead(job)
        elif done.status == UNCHANGED:
            self._unchanged += 1
            if done.http_status == HTTPStatus.OK:  # the same bytes, perhaps with a new ETag
                self._unsaid.append((done, self._cover(done)))
        elif done.status == OK:
            self._keep(done)
        elif job.kind == ASK:
            self._kept[done.reason] += 1
        elif done.status == MOVED:
            self.moved.add(job.url)
        else:
            self._fail(done)

    def _keep(self, done: JobResult) -> None:
        """Record a good cover, whose files are to be placed."""
        job = done.job
        self._unsaid.append((done, self._cover(done)))
        self.worklist.good += job.kind != ASK
        if job.kind != MAKE:
            self._fetched += 1
            self._fetched_bytes += done.received_bytes
        if job.kind == ASK:
            self._changed += 1
            # The ledger forgets them when it learns that the picture has changed.
            paths = self.worklist.ledger.files_of([job.picture]).get(job.picture, [])
            own = {job.path, *job.links}
            self._others[job.picture] = [path for path in paths if path not in own]

    def _fail(self, done: JobResult) -> None:
        """Record a cover that can't be had, with the reason."""
        job = done.job
        if done.status == GONE:
            done.status, done.http_status = MISSING, job.refused
        before = self.worklist.ledger.covers_of([job.picture]).get(job.picture)
        failures = 1
        if before is not None:
            if done.reason == before.reason and before.status == MISSING:
                done.status = MISSING  # a cover that was known to be gone still is
            failures += before.failures * (done.status == before.status)
        self._failed += 1
        self._unsaid.append((done, replace(self._cover(done), failures=failures)))
        self.worklist.end(job.url, done.reason, is_for_now=done.status == FAILED)

    def _cover(self, done: JobResult) -> Cover:
        job = done.job
        if job.kind == MAKE or done.status == UNCHANGED:
            (known,) = self.worklist.ledger.covers_of([job.picture]).values()
            if done.status == UNCHANGED:
                return replace(known, etag=done.etag, last_modified=done.last_modified)
            # The original stays: only the sizes made of it are new.
            return replace(known, rendering=made_in_all(known.rendering, self.worklist.rendering))
        return Cover(
            picture=job.picture,
            url=done.url or job.url,
            status=done.status,
            reason=done.reason,
            http_status=done.http_status,
            tries=done.tries,
            size_bytes=done.size_bytes,
            width_px=done.width_px,
            height_px=done.height_px,
            sha256=done.sha256,
            fetched_at=self.worklist.context.now().isoformat(timespec="seconds"),
            final_url=done.final_url,
            rendering=self.worklist.rendering,
            etag=done.etag or job.etag,
            last_modified=done.last_modified or job.last_modified,
            phash=done.phash,
        )

    def _say_and_place(self) -> None:
        worklist, store = self.worklist, self.worklist.store
        said, self._unsaid = self._unsaid, []
        new = [(done, cover) for done, cover in said if done.status == OK]
        if said:
            covers = [cover for _, cover in said]
            files = [
                FileOf(cover.picture, path)
                for done, cover in said
                if cover.status == OK
                for path in (done.job.path, *done.job.links, *self._others.get(cover.picture, ()))
            ]
            looks = {done.sha256: done.look for done, _ in new if done.look}
            worklist.ledger.record_covers(covers, files=files, looks=looks)
        for done, cover in said:
            path = done.job.path
            tell(
                "cover",
                f"{path}: {cover.reason or cover.status}",
                path=path,
                status=cover.status,
                reason=cover.reason,
                http_status=cover.http_status,
                tries=cover.tries,
                url=without_password(cover.url),
            )
        store.place(done.job for done, _ in new)
        for done, cover in new:
            for path in done.job.links:
                store.bring(cover, done.job.path, path, Link.HARDLINK)
            for path in self._others.pop(done.job.picture, ()):
                store.bring(cover, done.job.path, path, Link.COPY)


def forecast(count: int, policy: HostPolicy, *, used_today: int = 0) -> str:
    """Return in words how long `count` requests take: "222,000 covers at 1,000 a day: 222 days".

    `used_today` is how much of the day's quota is spent. Only the limits count, not the network.
    """
    covers = f"{count:,} cover{'s' * (count != 1)}"
    minute, day = policy.per_minute, policy.per_day
    if not day or (minute and day > minute * _MINUTES_A_DAY):
        if minute:
            return f"{covers} at {minute:,} a minute: {_minutes(count, minute)}"
        return f"{covers}, no limit but {policy.concurrency} at a time"
    today = max(0, day - used_today)
    if count > today:  # the rest of today, then whole days
        days = ceil((count - today) / day) + (today > 0)
        took = f"{days:,} day{'s' * (days != 1)}"
    else:
        took = _minutes(count, minute) if minute else "today"
    spent = f", {used_today:,} of them spent today" if used_today else ""
    return f"{covers} at {day:,} a day{spent}: {took}"


def _minutes(count: int, per_minute: int) -> str:
    minutes = ceil(count / per_minute)
    days, minutes = divmod(minutes, _MINUTES_A_DAY)
    hours, minutes = divmod(minutes, 60)
    named = ((days, "day"), (hours, "hour"), (minutes, "minute"))
    return " ".join(f"{n} {name}{'s' * (n != 1)}" for n, name in named if n) or "at once"
