"""Find and download the open dumps of Discogs and MusicBrainz.

`list` shows the newest of each kind and those that are here; `get` downloads into the folder of the
dumps (dumps.directory): masters (about 0.6 GB) and releases (10.5 GB) from Discogs, release-groups
from MusicBrainz. A file is put in place once it has the published SHA-256. A download that was cut
off resumes if the host allows it; a host that asks for a rest of up to two hours gets it.

Examples:
  equigen dumps list
  equigen dumps get masters release-groups
  equigen dumps get releases --date 20260901
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from equigen.dataset.context import Context
from equigen.dumps.catalogue import Finder
from equigen.dumps.files import DumpName, Kind, dumps_folder, files_in, read_name
from equigen.dumps.transfer import PART, Wanted, get_file
from equigen.errors import (
    EquigenError,
    FetchError,
    HostRestsError,
    HttpStatusError,
    UsageError,
)
from equigen.http.client import Client
from equigen.http.limits import HostPolicy, Patience
from equigen.interrupts import interruptible
from equigen.storage.lock import dataset_lock
from equigen.summary import Summary, Table

ORDER: Final = 15
SETTINGS: Final = ("dumps.date",)

_DISCOGS = frozenset({Kind.MASTERS, Kind.RELEASES})
# Observed in August 2026: after some 15 requests in 6 minutes, the host asks for a rest of an hour.
_POLICIES: Final = {"data.discogs.com": HostPolicy(per_minute=4, concurrency=1)}
_LONGEST_REST_S = 2 * 3600.0
_REFUSED = frozenset({401, 403})
_MINUTE_S = 60
_KILO = 1000


class Action(StrEnum):
    """The actions on dumps."""

    LIST = "list"
    GET = "get"


class Here(StrEnum):
    """The presence of a dump in the folder."""

    YES = "yes"
    PART = "part of it"
    NO = "no"


def run(
    context: Context,
    *,
    action: Annotated[Action, typer.Argument(help="What to do.")],
    kinds: Annotated[
        list[Kind] | None,
        typer.Argument(
            metavar="KIND",
            help="masters, releases or release-groups; without one, list shows all.",
        ),
    ] = None,
) -> Summary:
    """List or get dumps; see the module's text.

    Raises:
        UsageError: `get` without a kind, or a date of which there is no dump.
        FetchError, HostRestsError: not one of them could be found or had; where only some could
            not, the summary says which.
        StorageError: the disk refuses, or has no room; what came is kept.
        LockedError: another run gets dumps into the same folder.

    """
    wanted = tuple(dict.fromkeys(kinds or ()))
    if action is Action.GET and not wanted:
        msg = (
            f"get: which dumps? Expected one or more of {', '.join(Kind)}, got none."
            " For a dataset without an account: `equigen dumps get masters release-groups`."
        )
        raise UsageError(msg)
    patience = Patience(**context.settings.http.model_dump())
    if action is Action.LIST:
        with _client(context, patience) as client:
            shown = wanted or tuple(Kind)
            return interruptible(lambda: _list(context, client, shown), client.stop)
    long_s = max(patience.max_wait_s, _LONGEST_REST_S)
    patience = Patience(**{**context.settings.http.model_dump(), "max_wait_s": long_s})
    with (
        dataset_lock(dumps_folder(context), stage="dumps get", now=context.now()),
        _client(context, patience) as client,
    ):
        # Each file survives a kill, so that the download may stop at any time.
        return interruptible(lambda: _get(context, client, wanted), client.stop)


def _client(context: Context, patience: Patience) -> Client:
    client = Client(
        _POLICIES,
        user_agent=context.settings.user_agent,
        patience=patience,
        clock=context.clock,
    )

    def tell(host: str, pause_s: float) -> None:
        if pause_s > patience.max_wait_s:
            return  # an error follows
        until = datetime.fromtimestamp(context.clock.unix() + pause_s, UTC)
        length = f"{ceil(pause_s / _MINUTE_S)} min" if pause_s > _MINUTE_S else f"{pause_s:.0f} s"
        context.say(
            f"{host} asks for a rest of {length}: waiting until {until:%H:%M} UTC"
            " (Ctrl-C stops; what came is kept)"
        )

    client.gates.on_rest = tell
    return client


class _Row(NamedTuple):
    dump: DumpName
    size_bytes: int
    here: Here


def _list(context: Context, client: Client, kinds: Sequence[Kind]) -> Summary:
    """List the dumps on the hosts and in the folder."""
    rows = {
        row.dump.name: row for row in _rows_here(dumps_folder(context)) if row.dump.kind in kinds
    }
    finder = Finder(client, context.settings.dumps, context.now().year)
    failed: dict[str, EquigenError] = {}
    for kind in kinds:
        try:
            offer = finder.find(kind)
        except (FetchError, HostRestsError, UsageError) as err:
            failed[kind] = _with_a_way_out(err, kind, context)
            continue
        here = rows.get(offer.name, _Row(DumpName(offer.name, kind, offer.stamp), 0, Here.NO))
        size_bytes = here.size_bytes if here.here is Here.YES else offer.size_bytes
        rows[offer.name] = here._replace(size_bytes=size_bytes)
    if failed and not rows:
        raise next(iter(failed.values()))
    order = list(Kind)
    listed = sorted(rows.values(), key=lambda row: row.dump.stamp, reverse=True)
    listed.sort(key=lambda row: order.index(row.dump.kind))
    return Summary(
        stage="dumps",
        unit="dumps",
        rows_in=len(listed),
        rows_out=len(listed),
        facts={
            "folder": str(dumps_folder(context)),
            "dumps": [_fact(row.dump, row.size_bytes, str(row.here)) for row in listed],
            "failed": {kind: str(err) for kind, err in failed.items()},
        },
        table=Table(
            ("kind", "date", "size", "here"),
            tuple(
                (row.dump.kind, row.dump.stamp[:8] or "?", _size(row.size_bytes), row.here)
                for row in listed
            ),
        ),
        notes=[f"The folder of the dumps: {dumps_folder(context)}", *map(str, failed.values())],
        partly=bool(failed),
    )


def _rows_here(folder: Path) -> Iterable[_Row]:
    """Yield the dumps in the folder, also partial ones, without their size."""
    sizes = files_in(folder)
    for name, size_bytes in sizes.items():
        whole = name.removesuffix(PART)
        dump = read_name(whole)
        if dump and name == whole:
            yield _Row(dump, size_bytes, Here.YES)
        elif dump and whole not in sizes:
            yield _Row(dump, 0, Here.PART)


@dataclass(frozen=True, slots=True)
class _Got:
    """A dump that was downloaded or is in place already."""

    dump: DumpName
    size_bytes: int
    sha256: str
    outcome: str


def _get(context: Context, client: Client, kinds: Sequence[Kind]) -> Summary:
    """Download one dump after another; one that fails doesn't stop the others."""
    finder = Finder(client, context.settings.dumps, context.now().year)
    got: dict[str, _Got] = {}
    failed: dict[str, EquigenError] = {}
    for kind in kinds:
        try:
            got[kind] = _get_one(context, client, finder, kind)
        except (FetchError, HostRestsError, UsageError) as err:
            failed[kind] = _with_a_way_out(err, kind, context)
            if len(kinds) > 1:
                context.say(f"{kind}: not got. {failed[kind]}")
    # A usage error would fail in another run, too.
    wrong = [err for err in failed.values() if isinstance(err, UsageError)]
    if wrong or not got:
        raise (*wrong, *failed.values())[0]
    return Summary(
        stage="dumps",
        unit="dumps",
        rows_in=len(kinds),
        rows_out=len(got),
        dropped={"left for the next run": len(failed)},
        facts={
            "folder": str(dumps_folder(context)),
            "dumps": [
                {**_fact(each.dump, each.size_bytes, each.outcome), "sha256": each.sha256}
                for each in got.values()
            ],
            "failed": {kind: str(err) for kind, err in failed.items()},
        },
        table=Table(
            ("kind", "date", "size", "what"),
            tuple(
                (each.dump.kind, each.dump.stamp[:8], _size(each.size_bytes), each.outcome)
                for each in got.values()
            ),
        ),
        notes=[f"In {dumps_folder(context)}, each with the SHA-256 that its host published."],
        partly=bool(failed),
    )


def _get_one(context: Context, client: Client, finder: Finder, kind: Kind) -> _Got:
    offer = finder.find(kind)
    sha256 = finder.sha256(offer)
    folder = dumps_folder(context)
    wanted = Wanted(kind, offer.name, offer.url, sha256, offer.size_bytes)
    outcome = get_file(client, wanted, folder, context.bar)
    size_bytes = (folder / offer.name).stat().st_size
    return _Got(DumpName(offer.name, kind, offer.stamp), size_bytes, sha256, str(outcome))


def _with_a_way_out(err: EquigenError, kind: Kind, context: Context) -> EquigenError:
    """Add the way by browser to the error of a host that refuses programs."""
    if not (isinstance(err, HttpStatusError) and err.status in _REFUSED):
        return err
    dumps = context.settings.dumps
    host, name = dumps.musicbrainz_url, "release-group.tar.xz"
    if kind in _DISCOGS:
        host, name = dumps.discogs_url, f"discogs_YYYYMMDD_{kind}.xml.gz"
    msg = (
        f"{err} The host refuses programs from this network: open {host} in a browser, download"
        f" {name} there and put it into {dumps_folder(context)}; it is used as if it had come from"
        " here."
    )
    return HttpStatusError(msg, url=err.url, status=err.status)


def _fact(dump: DumpName, size_bytes: int, state: str) -> Mapping[str, object]:
    return {
        "kind": str(dump.kind),
        "date": dump.stamp[:8],
        "file": dump.name,
        "size_bytes": size_bytes,
        "state": state,
    }


def _size(size_bytes: int) -> str:
    """Return a readable size; "?" for an unknown one."""
    if not size_bytes:
        return "?"
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < _KILO:
            break
        size, unit = size / _KILO, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
