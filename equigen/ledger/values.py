"""Define the single values of the ledger, and parse them."""

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from equigen.ledger.models import read_moment
from equigen.schema import Layout, Link

_Said = TypeVar("_Said")
_Moment = Annotated[str, AfterValidator(read_moment)]
_Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
_Pid = Annotated[int, Field(gt=0, lt=2**31)]
_Count = Annotated[int, Field(ge=0)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class PastRun:
    """End of a run: `outcome` is done, partly or failed, with the `error` in one line.

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
    """Run that began at `since` (UTC in ISO 8601) and didn't end; killed, unless `alive`."""

    command: str
    pid: _Pid
    since: _Moment
    alive: bool = False


@dataclass(frozen=True, slots=True)
class SplitGroups:
    """Groups of a split: their number, those cut at `loose` ties, and the largest of these.

    `largest_share` is the largest share of a genre that a group had before; `strangers` counts the
    files without a row, `links` those that show a cover in a further folder. `deal` marks all that
    the deal read and wrote. `sizes` counts albums by label, "" for all of them, and set;
    `examples` those kept out of all sets, since they show an example; `of_examples` marks what
    these were. `leaks` counts covers with a given set by what ties them to another one, and those
    that stay in another.
    """

    group: str
    groups: _Count
    cut: _Count
    largest_cut: _Share
    loose: _Count
    largest_share: _Share = 0.0
    strangers: _Count = 0
    deal: str = ""
    links: _Count = 0
    sizes: Mapping[str, Mapping[str, _Count]] = field(default_factory=dict)
    examples: _Count = 0
    of_examples: str = ""
    leaks: Mapping[str, _Count] = field(default_factory=dict)


class CoverGroup(NamedTuple):
    """Rows whose covers share a state, also "waiting" or "gone", and a host, "" without a picture.

    `reason`, `failures` and `fetched_at` (to the minute, "" where it is no date in UTC) are told of
    covers that could not be had; `set_name` is the albums' set, "" without one.
    """

    status: str
    reason: str
    failures: _Count
    fetched_at: str
    set_name: str
    host: str
    rows: _Count


@dataclass(frozen=True, slots=True)
class TsvFacts:
    """Figures of the TSV's rows, of the file that has this size, date and inode.

    They are of the ledger with the mark `changed`, and of covers in `folders` with these dates in
    ns. `pending` rows are in the ledger alone. `genres` counts rows by their cell, `licences` by
    the notes in their own cells, and `sources` the others by what their `album_id` names.
    `has_surplus` tells of covers that no row wants, `lacks_files` of sets that show files which are
    gone, by path. `overlap` is that of labels (`dataset/overlap.py`) by the `rules` with this mark.
    """

    size_bytes: _Count
    mtime_ns: int
    inode: _Count
    changed: str
    folders: dict[str, int]
    pending: _Count
    genres: dict[str, _Count]
    sources: dict[str, _Count]
    licences: dict[str, _Count]
    groups: list[CoverGroup]
    has_surplus: bool
    lacks_files: bool
    rules: str
    overlap: dict[str, dict[str, _Count]]


class SharedCover(NamedTuple):
    """Bytes that the covers of several artists have, with the path of one of these."""

    sha256: str
    covers: _Count
    artists: _Count
    example: str


@dataclass(frozen=True, slots=True)
class CrawlProgress:
    """Progress of a crawl to its end, which comes earlier once all queries are full.

    `share` is the part that is done; `requests` is the number of its answers so far, `left` an
    estimate of those to come, `a_day` the most of one of the last days; `genres` are its roots, of
    which `genres_done` were followed to their ends.
    """

    share: _Share
    requests: _Count
    left: _Count
    a_day: _Count
    genres: _Count
    genres_done: _Count

    def __str__(self) -> str:
        """Return the progress in one line."""
        done = f"{self.share:.1%} done, {self.requests:,} requests"
        done += f", {self.genres_done:,} of {self.genres:,} genres"
        if not self.left:
            return done
        days = math.ceil(self.left / self.a_day) if self.a_day else 0
        at = f", {_counted(days, 'day')} at {self.a_day:,} a day" if days else ""
        return f"{done}; at most some {self.left:,} to come{at}"


def _counted(count: int, unit: str) -> str:
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"


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
read_shared_covers: Final = _reader(list[SharedCover])
read_crawl_progress: Final = _reader(CrawlProgress)
read_settled: Final = _reader(dict[str, bool])
read_texts: Final = _reader(list[str])
read_by_name: Final = _reader(dict[str, Any])
read_given: Final = _reader(dict[str, tuple[Any, Any]])


def read_tsv_facts(text: str) -> TsvFacts | None:
    """Parse what was noted of a TSV; None for what another version noted."""
    with suppress(ValueError):
        return _tsv_facts_reader()(text)
    return None


@cache  # its schema takes 5 ms
def _tsv_facts_reader() -> Callable[[str], TsvFacts]:
    return _reader(TsvFacts)


def _read_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]+", text):
        msg = f"no name: {text}"
        raise ValueError(msg)
    return text


# Readers of the values that aren't taken as they are, by their keys in the table `meta`.
READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "last_fetch": read_moment,
    "last_refresh": read_moment,
    "last_success": read_moment,
    "last_run": read_past_run,
    "run_under_way": read_begun,
    "refreshing": read_texts,
    "split_groups": read_split_groups,
    "split_link": Link,
    "layout": Layout,
    "last_source": _read_name,
    "sources": read_texts,
    "shared_covers": read_shared_covers,
    "settled_covers": read_settled,
    "crawl": read_crawl_progress,
    "made_with": read_by_name,
    "given_by_flag": read_given,
}
