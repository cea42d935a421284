"""What single values of the ledger say: how runs ended, what was under way, when, and so on.

Each is read by who needs it and by who looks whether a ledger is sound, so that both agree.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from equigen.schema import Link


def read_moment(text: str) -> str:
    """Return a date as it is.

    Raises:
        ValueError: it is none in ISO 8601 with a time zone.

    """
    if datetime.fromisoformat(text).tzinfo is None:
        msg = f"no time zone: {text}"
        raise ValueError(msg)
    return text


_Said = TypeVar("_Said")
_Moment = Annotated[str, AfterValidator(read_moment)]
_Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
_Pid = Annotated[int, Field(gt=0, lt=2**31)]
_Count = Annotated[int, Field(ge=0)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class PastRun:
    """How a run ended: `outcome` is done, partly or failed, with the `error` in one line.

    Dates are UTC in ISO 8601; `left` counts what is left for a later run, by unit.
    """

    command: str
    outcome: str
    exit_code: int
    error: str
    started_at: _Moment
    ended_at: _Moment
    took_s: _Seconds
    left: dict[str, int]
    resumes_at: _Moment | None


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that began and didn't end, since `since` (UTC in ISO 8601); killed, unless `alive`."""

    command: str
    pid: _Pid
    since: _Moment
    alive: bool = False


@dataclass(frozen=True, slots=True)
class SplitGroups:
    """What a split did to groups: how many there were, were cut at `loose` ties, and how large."""

    group: str
    groups: _Count
    cut: _Count
    largest_cut: _Share
    loose: _Count


@dataclass(frozen=True, slots=True)
class TsvFacts:
    """Figures of the TSV's rows, of the file that has this size, date and inode.

    `genres` counts rows by their cell, `sources` by what their `album_id` names, `hosts` by where
    their pictures are, "" for those without one.
    """

    size_bytes: _Count
    mtime_ns: int
    inode: _Count
    rows: _Count
    genres: dict[str, _Count]
    sources: dict[str, _Count]
    hosts: dict[str, _Count]


def _reader(kind: type[_Said]) -> Callable[[str], _Said]:
    adapter = TypeAdapter(kind)

    def read(text: str) -> _Said:
        try:
            return adapter.validate_json(text, strict=True)
        except ValidationError as err:
            msg = f"expected {kind.__name__}, got {text}"
            raise ValueError(msg) from err

    return read


read_past_run: Final = _reader(PastRun)
read_begun: Final = _reader(Begun)
read_split_groups: Final = _reader(SplitGroups)
read_tsv_facts: Final = _reader(TsvFacts)
read_texts: Final = _reader(list[str])


def _read_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]+", text):
        msg = f"no name: {text}"
        raise ValueError(msg)
    return text


# How each value is read that isn't taken as it is, by its key in the ledger's table `meta`.
READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "last_fetch": read_moment,
    "last_refresh": read_moment,
    "last_success": read_moment,
    "last_run": read_past_run,
    "run_under_way": read_begun,
    "refreshing": read_texts,
    "split_groups": read_split_groups,
    "split_link": Link,
    "last_source": _read_name,
    "tsv_facts": read_tsv_facts,
}
