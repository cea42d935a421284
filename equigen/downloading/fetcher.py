"""Fetch one cover: request it, check it, make its sizes, and write files beside their targets."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
    FetchSettings,
    Job,
    Result,
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

# Statuses of a picture that the host doesn't have.
_MISSING = frozenset({400, 404, 410})
_NOT_MODIFIED = 304
# Findings about bytes that may be a fault of the transfer, not the host's picture.
_PERHAPS_OF_THE_WAY = frozenset({TORN, EMPTY, NOT_A_PICTURE})


@dataclass(slots=True)
class Fetcher:
    """Runner of single jobs with one client; safe for use from several threads.

    `renew` returns the URL that a job's source has for its picture now, "" for none.
    """

    client: Client
    settings: FetchSettings
    renew: Callable[[Job], str] = lambda _job: ""
    _folders_made: set[str] = field(default_factory=set)
    _decoding: threading.Lock = field(default_factory=threading.Lock)

    def do(self, job: Job) -> Result:
        """Run a job; every known failure becomes a result."""
        seen = _Seen()
        try:
            if job.kind == MAKE:
                result = self._resize(job)
            elif job.kind == RENEW:
                result = self._renew(job, seen)
            else:
                result = self._fetch(job, job.url, seen)
        except EquigenError as err:
            result = _failed(job, err)
            if isinstance(err, BadBodyError) and not seen.is_repeated and self.client.tries() > 1:
                result.status = FAILED  # these bytes came once, in the last try: ask again later
            if seen.answer:
                result.http_status = result.http_status or seen.answer.status
                result.final_url = without_password(seen.answer.url)
        result.url = result.url or seen.new_url
        if job.kind != MAKE:
            result.tries = self.client.tries()
        return result

    def _fetch(self, job: Job, url: str, seen: "_Seen") -> Result:
        bodies: set[bytes] = set()

        def read(answer: Answer) -> Result:
            seen.answer = answer
            if answer.status == _NOT_MODIFIED:
                return Result(job, UNCHANGED, http_status=answer.status)
            try:
                picture = self._check(answer.body)
            except PictureError as err:
                # A retry helps where the transfer was torn, or a proxy sent a page of its own. The
                # same bytes twice are the host's own, except for an empty body, with which many
                # faults show.
                seen.is_repeated = answer.body in bodies
                is_final = seen.is_repeated and err.reason != EMPTY
                if err.reason not in _PERHAPS_OF_THE_WAY or is_final:
                    raise
                bodies.add(answer.body)
                raise BadBodyError(str(err), url=answer.url) from err
            return self._keep(job, picture, answer)

        conditions = {"If-None-Match": job.etag, "If-Modified-Since": job.last_modified}
        return self.client.get(
            url,
            read,
            unless={name: value for name, value in conditions.items() if value},
            max_bytes=self.settings.max_bytes,
        )

    def _renew(self, job: Job, seen: "_Seen") -> Result:
        """Fetch a picture by the URL that its source has for it now."""
        reason = f"HTTP {job.refused}"
        try:
            url = self.renew(job)
        except (HostRestsError, StoppedError):
            raise
        except EquigenError as err:
            return Result(job, FAILED, reason, message=str(err))
        if not url:
            return Result(job, GONE, reason)
        if url == job.url:  # it had not expired: the host's refusal is about the picture
            status = MISSING if job.refused in _MISSING else FAILED
            return Result(job, status, reason, http_status=job.refused)
        if picture_key(url) != job.picture:
            return Result(job, MOVED, url=url)
        seen.new_url = url
        return self._fetch(job, url, seen)

    def _keep(self, job: Job, picture: Picture, answer: Answer) -> Result:
        result = Result(
            job,
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
            result.status = UNCHANGED
        else:
            self._write(job, picture.files)
        return result

    def _resize(self, job: Job) -> Result:
        """Make the further sizes of a cover whose original is here."""
        try:
            body = Path(job.source).read_bytes()
            picture = self._check(body)
        except (OSError, PictureError):
            return Result(job, SPOILT)
        if picture.sha256 != job.sha256:
            return Result(job, SPOILT)
        self._write(job, picture.files)
        return Result(job, OK)

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
            parent = target.rpartition("/")[0]
            # Strings: Path objects would take longer than the writing.
            with translating_os_errors(Path(target)):
                if parent not in self._folders_made:
                    make_folder(Path(parent), within=folder)
                    self._folders_made.add(parent)
                with open_new(beside(target, settings.run, job.ticket)) as file:
                    file.write(data)


@dataclass(slots=True)
class _Seen:
    """Last complete answer of a job, whether its bytes came before, and the picture's new URL."""

    answer: Answer | None = None
    is_repeated: bool = False
    new_url: str = ""


def _failed(job: Job, err: EquigenError) -> Result:  # noqa: C901  (a case an error)
    result = Result(job, ERROR, message=str(err))
    match err:
        case HttpStatusError(status=status):
            result.status = MISSING if status in _MISSING else FAILED
            result.reason, result.http_status = f"HTTP {status}", status
        case PictureError(reason=reason):
            result.status, result.reason = (BROKEN if reason == TORN else REFUSED), reason
        case TooLargeError():
            result.status, result.reason = REFUSED, "too large"
        case RefusedAddressError():
            result.status, result.reason = REFUSED, "bad address"
        case BadBodyError(__cause__=PictureError(reason=reason)) if reason != TORN:
            result.status, result.reason = REFUSED, reason
        case BadBodyError():
            result.status, result.reason = FAILED, "torn on the way"
        case CertificateError():
            result.status, result.reason = FAILED, "bad certificate"
        case FetchError():
            result.status, result.reason = FAILED, "no connection"
        case HostRestsError(resumes_at_s=resumes_at_s):
            result.status, result.resumes_at_s = RESTS, resumes_at_s
        case NotServedError():
            result.status = ELSEWHERE
        case StoppedError():
            result.status = STOPPED
    return result
