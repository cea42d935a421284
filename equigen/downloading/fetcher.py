"""Fetch one cover: request it, check it, make its sizes, and write files beside their targets."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
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
    ExecutorSettings,
    Job,
    JobResult,
    beside,
    target_of,
)
from equigen.downloading.policy import NO_PICTURE, REFUSED_BYTES
from equigen.errors import (
    BadBodyError,
    CertificateError,
    EquigenError,
    FetchError,
    HostRestsError,
    HttpStatusError,
    NotServedError,
    PictureError,
    PrivateAddressError,
    RefusedAddressError,
    StoppedError,
    TooLargeError,
    TooManyFilesError,
)
from equigen.http.addresses import without_password
from equigen.http.client import Answer, Client
from equigen.identity.pictures import is_placeholder, picture_key
from equigen.images.check import BROKEN as TORN
from equigen.images.check import EMPTY, NOT_A_PICTURE, Picture, check_picture
from equigen.ledger.models import BROKEN, FAILED, MISSING, OK, REFUSED
from equigen.storage.os_errors import WRITTEN, denial

# Statuses of a picture that the host doesn't have.
_MISSING = frozenset({400, 404, 410})
# Findings about bytes that may be a fault of the transfer, not the host's picture.
_PERHAPS_OF_THE_WAY = frozenset({TORN, EMPTY, NOT_A_PICTURE})
# Status and reason of a failure; the first class that fits counts.
_FAILURES = (
    (TooLargeError, REFUSED, "too large"),
    (PrivateAddressError, REFUSED, "private address"),
    (RefusedAddressError, REFUSED, "bad address"),
    (BadBodyError, FAILED, "torn on the way"),
    (CertificateError, FAILED, "bad certificate"),
    (TooManyFilesError, ERROR, ""),  # it would meet all others, too
    (FetchError, FAILED, "no connection"),
    (HostRestsError, RESTS, ""),
    (NotServedError, ELSEWHERE, ""),
    (StoppedError, STOPPED, ""),
    (EquigenError, ERROR, ""),
)


@dataclass(slots=True)
class Fetcher:
    """Runner of single jobs with one client; safe for use from several threads.

    `renew` returns the URL that a job's source has for its picture now, "" for none.
    """

    client: Client
    settings: ExecutorSettings
    renew: Callable[[Job], str] = lambda _job: ""
    _decoding: threading.Lock = field(default_factory=threading.Lock)

    def do(self, job: Job) -> JobResult:
        """Run a job; every known failure becomes a result."""
        result = JobResult(job, OK)
        try:
            if job.kind == MAKE:
                self._resize(result)
            elif job.kind == RENEW:
                self._renew(result)
            else:
                self._fetch(result, job.url)
        except EquigenError as err:
            _note_failure(result, err)
        if job.kind != MAKE:
            result.tries = self.client.tries()
        return result

    def _fetch(self, result: JobResult, url: str) -> None:
        job = result.job
        bodies: set[bytes] = set()

        def read(answer: Answer) -> None:
            result.http_status, result.final_url = answer.status, without_password(answer.url)
            if answer.status == HTTPStatus.NOT_MODIFIED:
                result.status = UNCHANGED
                return
            if is_placeholder(answer.url):
                result.status, result.reason = MISSING, NO_PICTURE
                return
            try:
                picture = self._check(answer.body)
            except PictureError as err:
                if self._is_final(err.reason, is_repeated=answer.body in bodies):
                    raise
                bodies.add(answer.body)
                raise BadBodyError(str(err), url=answer.url) from err
            self._keep(result, picture, answer)

        conditions = {"If-None-Match": job.etag, "If-Modified-Since": job.last_modified}
        self.client.get(
            url,
            read,
            unless={name: value for name, value in conditions.items() if value},
            max_bytes=self.settings.max_bytes,
        )

    def _is_final(self, reason: str, *, is_repeated: bool) -> bool:
        """Tell whether a refused body is the host's own, rather than a fault of the transfer.

        A retry helps where the transfer was torn, or a proxy sent a page of its own. The same bytes
        twice are the host's own; empty ones, with which many faults show, only after all tries.
        """
        tries = self.settings.patience.tries
        if reason not in _PERHAPS_OF_THE_WAY or tries == 1:
            return reason != TORN
        return is_repeated and (reason != EMPTY or self.client.tries() == tries)

    def _renew(self, result: JobResult) -> None:
        """Fetch a picture by the URL that its source has for it now."""
        job = result.job
        result.status, result.reason = FAILED, f"HTTP {job.refused}"
        try:
            url = self.renew(job)
        except (HostRestsError, StoppedError):
            raise
        except EquigenError as err:
            result.message = str(err)
            return
        if not url:
            result.status = GONE
        elif url == job.url:  # it had not expired: the host's refusal is about the picture
            result.status = MISSING if job.refused in _MISSING else FAILED
            result.http_status = job.refused
        else:
            result.status, result.reason, result.url = MOVED, "", url
            if picture_key(url) == job.picture:
                self._fetch(result, url)

    def _keep(self, result: JobResult, picture: Picture, answer: Answer) -> None:
        result.status = OK
        result.received_bytes, result.size_bytes = len(answer.body), len(picture.files[0])
        result.width_px, result.height_px = picture.width_px, picture.height_px
        result.sha256, result.phash = picture.sha256, picture.phash
        result.look = picture.descriptor
        result.etag = answer.headers.get("ETag", "")
        result.last_modified = answer.headers.get("Last-Modified", "")
        if picture.sha256 in self.settings.refused:
            result.status, result.reason = REFUSED, REFUSED_BYTES
        elif result.job.kind == ASK and result.job.sha256 == picture.sha256:
            result.status = UNCHANGED
        else:
            self._write(result.job, picture.files)

    def _resize(self, result: JobResult) -> None:
        """Make the further sizes of a cover whose original is here."""
        job, result.status = result.job, SPOILT
        with suppress(OSError, PictureError):
            picture = self._check(job.source.read() if job.source else b"")
            if picture.sha256 == job.sha256:
                self._write(job, picture.files)
                result.status = OK

    def _check(self, body: bytes) -> Picture:
        # One picture at a time per process: a core can't decode two at once, and threads that wait
        # for this lock don't contend for the interpreter's.
        with self._decoding:
            return check_picture(body, self.settings.demands, self.settings.renderings)

    def _write(self, job: Job, files: Sequence[bytes]) -> None:
        settings = self.settings
        places = zip(settings.folders, files, settings.renderings, strict=True)
        for folder, data, rendering in islice(places, job.kind == MAKE, None):
            target = target_of(folder, job.path, rendering)
            try:
                with beside(target, settings.run, job.ticket).create() as file:
                    file.write(data)
            except OSError as err:
                raise denial(err, Path(target), WRITTEN) from err


def _note_failure(result: JobResult, err: EquigenError) -> None:
    result.message = str(err)
    _, result.status, result.reason = next(each for each in _FAILURES if isinstance(err, each[0]))
    match err:
        case HttpStatusError(status=status):
            result.status = MISSING if status in _MISSING else FAILED
            result.reason, result.http_status = f"HTTP {status}", status
        case PictureError(reason=reason):
            result.status, result.reason = (BROKEN if reason == TORN else REFUSED), reason
        case BadBodyError(__cause__=PictureError(reason=reason)) if reason != TORN:
            result.reason = reason  # these bytes came once: ask again later
        case HostRestsError(resumes_at_s=resumes_at_s):
            result.resumes_at_s = resumes_at_s
