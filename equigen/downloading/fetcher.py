"""One cover from its host to files beside their targets: fetched, checked, sized, hashed."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from equigen.downloading.jobs import (
    ASK,
    ELSEWHERE,
    ERROR,
    GONE,
    MAKE,
    MOVED,
    RENEW,
    RESTS,
    SPOILT,
    STOPPED,
    UNCHANGED,
    Job,
    Making,
    Outcome,
    beside,
    target_of,
)
from equigen.errors import (
    BadBodyError,
    CertificateError,
    EquigenError,
    FetchError,
    HostRestsError,
    HttpStatusError,
    NotServedError,
    PictureError,
    RefusedAddressError,
    StoppedError,
    TooLargeError,
)
from equigen.http.addresses import without_password
from equigen.http.client import Answer, Client
from equigen.identity.pictures import picture_key
from equigen.images.check import BROKEN as TORN
from equigen.images.check import EMPTY, NOT_A_PICTURE, Picture, check_picture
from equigen.ledger.models import BROKEN, FAILED, MISSING, OK, REFUSED
from equigen.storage.atomic import make_folder, open_new
from equigen.storage.os_errors import translating_os_errors

# Statuses with which a host says that it has no such picture, now or ever.
_MISSING = frozenset({400, 404, 410})
_NOT_MODIFIED = 304
# What bytes are that may have come in a cover's place, or be what is left of it.
_PERHAPS_OF_THE_WAY = frozenset({TORN, EMPTY, NOT_A_PICTURE})


@dataclass(slots=True)
class Fetcher:
    """Does jobs by one client; may be used from several threads.

    `renew` returns the address that a job's source has for its picture now, "" for none.
    """

    client: Client
    making: Making
    renew: Callable[[Job], str] = lambda _job: ""
    _made: set[str] = field(default_factory=set)
    _desk: threading.Lock = field(default_factory=threading.Lock)

    def do(self, job: Job) -> Outcome:
        """Fetch one picture and lay its files beside their targets; never raises what it knows."""
        came = _Came()
        try:
            if job.kind == MAKE:
                outcome = self._sized(job)
            elif job.kind == RENEW:
                outcome = self._renewed(job, came)
            else:
                outcome = self._fetched(job, came)
        except EquigenError as err:
            outcome = _ended(job.ticket, err)
            if isinstance(err, BadBodyError) and not came.again and self.client.tries() > 1:
                outcome.status = FAILED  # it came last, and once: the next run asks again
            if came.answer:
                outcome.http_status = outcome.http_status or came.answer.status
                outcome.final_url = without_password(came.answer.url)
        outcome.url = outcome.url or came.new_url
        if job.kind != MAKE:
            outcome.tries = self.client.tries()
        return outcome

    def _fetched(self, job: Job, came: "_Came") -> Outcome:
        seen: set[bytes] = set()

        def read(answer: Answer) -> Outcome:
            came.answer = answer
            if answer.status == _NOT_MODIFIED:
                return Outcome(job.ticket, UNCHANGED, http_status=answer.status)
            try:
                picture = self._checked(answer.body)
            except PictureError as err:
                # Torn on the way, or a page of something in between that was busy for a moment: a
                # second try helps. The same bytes again are the host's own; but nothing at all is
                # what many faults look like.
                came.again = answer.body in seen
                if err.reason not in _PERHAPS_OF_THE_WAY or (came.again and err.reason != EMPTY):
                    raise
                seen.add(answer.body)
                raise BadBodyError(str(err), url=answer.url) from err
            return self._laid(job, picture, answer)

        conditions = {"If-None-Match": job.etag, "If-Modified-Since": job.last_modified}
        return self.client.get(
            job.url,
            read,
            unless={name: value for name, value in conditions.items() if value},
            max_bytes=self.making.max_bytes,
        )

    def _renewed(self, job: Job, came: "_Came") -> Outcome:
        """Fetch a picture by the address that its source has for it now."""
        reason = f"HTTP {job.refused}"
        try:
            url = self.renew(job)
        except (HostRestsError, StoppedError):
            raise
        except EquigenError as err:
            return Outcome(job.ticket, FAILED, reason, message=str(err))
        if not url:
            return Outcome(job.ticket, GONE, reason)
        if url == job.url:  # it had not expired: the host meant what it said
            status = MISSING if job.refused in _MISSING else FAILED
            return Outcome(job.ticket, status, reason, http_status=job.refused)
        if picture_key(url) != job.picture:
            return Outcome(job.ticket, MOVED, url=url)
        came.new_url = url
        return self._fetched(replace(job, url=url), came)

    def _laid(self, job: Job, picture: Picture, answer: Answer) -> Outcome:
        outcome = Outcome(
            job.ticket,
            OK,
            http_status=answer.status,
            received_bytes=len(answer.body),
            size_bytes=len(picture.files[0]),
            width_px=picture.width_px,
            height_px=picture.height_px,
            sha256=picture.sha256,
            final_url=without_password(answer.url),
            etag=answer.headers.get("ETag", ""),
            last_modified=answer.headers.get("Last-Modified", ""),
            phash=picture.phash,
            look=picture.descriptor.hex(),
        )
        if job.kind == ASK and job.sha256 == picture.sha256:
            outcome.status = UNCHANGED
        else:
            self._write(job, picture.files)
        return outcome

    def _sized(self, job: Job) -> Outcome:
        """Make the further sizes of a cover whose original is here."""
        try:
            body = Path(job.source).read_bytes()
            picture = self._checked(body)
        except (OSError, PictureError):
            return Outcome(job.ticket, SPOILT)
        if picture.sha256 != job.sha256:
            return Outcome(job.ticket, SPOILT)
        self._write(job, picture.files)
        return Outcome(job.ticket, OK)

    def _checked(self, body: bytes) -> Picture:
        # One at a time in a process: a core can't decode two, and threads that wait for one lock
        # here don't wait for the interpreter's many times each.
        with self._desk:
            return check_picture(body, self.making.demands, self.making.renderings)

    def _write(self, job: Job, files: Sequence[bytes]) -> None:
        places = zip(self.making.folders, files, self.making.renderings, strict=True)
        for folder, data, rendering in islice(places, job.kind == MAKE, None):
            target = target_of(folder, job.path, rendering)
            genre = target.rpartition("/")[0]
            # Strings, since paths as objects would take longer than the writing.
            with translating_os_errors(Path(target)):
                if genre not in self._made:
                    make_folder(Path(genre), within=folder)
                    self._made.add(genre)
                with open_new(beside(target, self.making.run, job.ticket)) as file:
                    file.write(data)


@dataclass(slots=True)
class _Came:
    """The last answer that came whole, if one did, and the address that the picture has now.

    `again` says that another one of the same bytes came before.
    """

    answer: Answer | None = None
    new_url: str = ""
    again: bool = False


def _ended(ticket: int, err: EquigenError) -> Outcome:  # noqa: C901  (a case an error)
    outcome = Outcome(ticket, ERROR, message=str(err))
    match err:
        case HttpStatusError(status=status):
            outcome.status = MISSING if status in _MISSING else FAILED
            outcome.reason, outcome.http_status = f"HTTP {status}", status
        case PictureError(reason=reason):
            outcome.status, outcome.reason = (BROKEN if reason == TORN else REFUSED), reason
        case TooLargeError():
            outcome.status, outcome.reason = REFUSED, "too large"
        case RefusedAddressError():
            outcome.status, outcome.reason = REFUSED, "bad address"
        case BadBodyError(__cause__=PictureError(reason=reason)) if reason != TORN:
            outcome.status, outcome.reason = REFUSED, reason
        case BadBodyError():
            outcome.status, outcome.reason = FAILED, "torn on the way"
        case CertificateError():
            outcome.status, outcome.reason = FAILED, "bad certificate"
        case FetchError():
            outcome.status, outcome.reason = FAILED, "no connection"
        case HostRestsError(host=host, resumes_at_s=resumes_at_s):
            outcome.status, outcome.host, outcome.resumes_at_s = RESTS, host, resumes_at_s
        case NotServedError(host=host):
            outcome.status, outcome.host = ELSEWHERE, host
        case StoppedError():
            outcome.status = STOPPED
    return outcome
