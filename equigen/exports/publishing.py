"""Read what is published: an export that is whole, of which each cover may be passed on."""

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from equigen.dataset.context import Context
from equigen.errors import (
    ConnectionFailedError,
    FetchError,
    HostRestsError,
    HttpStatusError,
    InputError,
    MissingInputError,
    UsageError,
)
from equigen.exports.base import Record, digest_of_files
from equigen.exports.building import LIST, Place
from equigen.exports.card import CARD
from equigen.sources.base import may_republish, restriction_of
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import translating_read_errors

T = TypeVar("T")
# Statuses of a service that may answer in another way a moment later.
TRANSIENT: Final = frozenset({408, 409, 412, 425, 429, *range(500, 600)})
_ON_CARD: Final = "**For private use alone**"
_AGAIN: Final = (
    "Run `equigen download --verify` and the same `equigen export` command again, which mend it."
)
_FIRST_BACKOFF_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file that is published: `name` is its path in the export."""

    name: str
    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Publication:
    """An export that may be published: its files by name, of which `export.json` is the last."""

    folder: Path
    files: Mapping[str, ExportFile]
    card: str

    @property
    def size_bytes(self) -> int:
        """The bytes of all files."""
        return sum(each.size_bytes for each in self.files.values())


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a publication: its place, and the files that were sent and removed there."""

    place: str
    sent: Sequence[ExportFile]
    removed: Sequence[str]
    revision: str = ""


def read_publication(folder: Path) -> Publication:
    """Read an export that is to be published, and check each file against its list.

    Raises:
        MissingInputError: no export is there, or a file of it is gone.
        UsageError: something else lies in it, or covers that may not be passed on.
        InputError: a file isn't what it was when it was made.
        StorageError: a file can't be read.

    """
    place = Place(folder)
    noted = place.noted()
    if not noted:
        msg = (
            f"{folder}: no export of EquiGen's is there; expected a folder with its {LIST}."
            f" `equigen export parquet {folder}` makes one."
        )
        raise MissingInputError(msg)
    if foreign := place.foreign(folder):
        msg = (
            f"{folder}: has files that the export didn't put there, such as {foreign[0]}. Nothing"
            " was sent. Move them away."
        )
        raise UsageError(msg)
    names = {each["name"] for each in noted["pieces"]}
    card = FileBelow(folder, CARD).read().decode("utf-8", "replace") if CARD in names else ""
    refuse_restricted(folder, noted, card)
    digests = listed_digests(noted)
    files = {
        file.name: file for record in noted["pieces"] for file in _files_of(folder, record, digests)
    }
    listed = _hashed(folder, LIST)
    return Publication(folder, {**files, LIST: listed}, card)


def refuse_restricted(folder: Path, noted: Mapping[str, Any], card: str) -> None:
    """Refuse an export with covers that their sources forbid to pass on.

    Raises:
        UsageError: there are some, or it doesn't say that there are none.

    """
    private, sources = noted.get("private"), noted.get("sources")
    if not (isinstance(private, dict) and isinstance(sources, dict)):
        msg = (
            f"{folder}/{LIST}: doesn't say which covers may be passed on; expected the counts"
            " `private` and `sources`. Nothing was sent. Make the export anew."
        )
        raise UsageError(msg)
    forbidden = {*private, *(each for each in sources if not may_republish(f"{each}:"))}
    if forbidden or _ON_CARD in card:
        terms = " ".join(map(restriction_of, sorted(forbidden)))
        counts = ", ".join(f"{count} of {name}" for name, count in private.items())
        msg = (
            f"{folder}: this export is for private use alone: it has covers that may not be passed"
            f" on{f' ({counts})' if counts else ''}. {terms} Nothing was sent. Export without"
            " --private-use, which leaves them out, and publish that."
        )
        raise UsageError(" ".join(msg.split()))


def listed_digests(noted: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the sha256 of each file that an export lists, by name; "" where it has none.

    Of a folder of covers the list has what each is made of: the cover, unless it was made smaller.
    """
    options = noted.get("options")
    are_covers = isinstance(options, dict) and not options.get("rendering")
    found = dict[str, str]()
    for record in noted["pieces"]:
        name, files = record["name"], record["files"]
        within = {f"{name}/{each}": are_covers * of for each, of in (files or {}).items()}
        found.update({name: record["sha256"]} if files is None else within)
    return found


def _files_of(folder: Path, record: Record, digests: Mapping[str, str]) -> list[ExportFile]:
    """Return the files of a piece, each as it was made.

    Raises:
        MissingInputError, InputError, StorageError: as `read_publication` has it.

    """
    name, files = record["name"], record["files"]
    names = [name] if files is None else [f"{name}/{each}" for each in files]
    found = [_hashed(folder, each) for each in names]
    wrong = [each.name for each in found if digests[each.name] not in ("", each.sha256)]
    if files is not None and not all(digests[each.name] for each in found):
        of_folder = {each.name.removeprefix(f"{name}/"): each.sha256 for each in found}
        wrong += [name] * (digest_of_files(of_folder) != record["sha256"])
    if wrong or sum(each.size_bytes for each in found) != record["size_bytes"]:
        msg = (
            f"{folder / [*wrong, name][0]}: its size or SHA-256 is another one than {LIST} has:"
            f" it was changed since the export was made. Nothing was sent. {_AGAIN}"
        )
        raise InputError(msg)
    return found


def _hashed(folder: Path, name: str) -> ExportFile:
    path = folder / name
    with translating_read_errors(path):
        try:
            opened = FileBelow(folder, name).open()
        except FileNotFoundError as err:
            msg = f"{path}: a file of the export is gone. Nothing was sent. {_AGAIN}"
            raise MissingInputError(msg) from err
        with opened as file:
            size_bytes = os.fstat(file.fileno()).st_size
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return ExportFile(name, path, size_bytes, sha256)


def with_retries(context: Context, act: Callable[[], T]) -> T:
    """Call a function, and again after a pause where it may succeed later.

    Raises:
        HostRestsError: the service asks for a longer pause than `http.max_wait_s`.
        EquigenError: what the function raised at last.

    """
    http, clock = context.settings.http, context.clock

    def pause_s(state: RetryCallState) -> float:
        err = state.outcome.exception() if state.outcome else None
        asked_s = err.retry_after_s if isinstance(err, HttpStatusError) else 0
        if asked_s > http.max_wait_s and isinstance(err, HttpStatusError):
            msg = (
                f"{err.url}: asks for a pause of {asked_s:,.0f} s. What was sent is kept: run the"
                " same command again then."
            )
            raise HostRestsError(msg, host=err.url, resumes_at_s=clock.unix() + asked_s)
        backoff_s = min(_FIRST_BACKOFF_S * 2.0**state.attempt_number, http.max_wait_s)
        return max(asked_s, backoff_s)

    def tell(state: RetryCallState) -> None:
        err = state.outcome.exception() if state.outcome else None
        context.say(f"publish: {err} Tries again (attempt {state.attempt_number + 1}).")

    retrying = Retrying(
        retry=retry_if_exception(_is_transient),
        stop=stop_after_attempt(http.tries),
        wait=pause_s,
        sleep=clock.sleep or time.sleep,
        before_sleep=tell,
        reraise=True,
    )
    return retrying(act)


def _is_transient(err: BaseException) -> bool:
    if isinstance(err, HttpStatusError):
        return err.status in TRANSIENT
    return isinstance(err, ConnectionFailedError)


def require_same(place: str, left: Sequence[str]) -> None:
    """Refuse a publication of which files aren't there as they were sent.

    Raises:
        FetchError: some aren't.

    """
    if left:
        msg = (
            f"{place}: {len(left):,} files aren't there as they were sent, such as {left[0]}."
            " Expected the same sizes and digests. Run the same command again."
        )
        raise FetchError(msg, url=place)
