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
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from pydantic import ByteSize

from equigen.dataset.context import Context
from equigen.dumps.catalogue import DumpFinder
from equigen.dumps.files import DumpName, Kind, dumps_folder, files_in, read_name
from equigen.dumps.transfer import PART, get_file
from equigen.errors import EquigenError, FetchError, HostRestsError, HttpStatusError, UsageError
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
_HERE, _PARTLY_HERE, _NOT_HERE = "yes", "part of it", "no"


class DumpsAction(StrEnum):
    """The actions on dumps."""

    LIST = "list"
    GET = "get"


def run(
    context: Context,
    *,
    action: Annotated[DumpsAction, typer.Argument(help="What to do.")],
    kinds: Annotated[
        list[Kind] | None,
        typer.Argument(
            metavar="KIND", help="masters, releases or release-groups; without one, list shows all."
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
    if action is DumpsAction.GET and not wanted:
        msg = (
            f"get: which dumps? Expected one or more of {', '.join(Kind)}, got none."
            " For a dataset without an account: `equigen dumps get masters release-groups`."
        )
        raise UsageError(msg)
    patience = Patience(**context.settings.http.model_dump())
    if action is DumpsAction.LIST:
        with _client(context, patience) as client:
            shown = wanted or tuple(Kind)
            return interruptible(lambda: _list(context, client, shown), client.stop)
    patience = replace(patience, max_wait_s=max(patience.max_wait_s, _LONGEST_REST_S))
    with (
        dataset_lock(dumps_folder(context), stage="dumps get", now=context.now()),
        _client(context, patience) as client,
    ):
        # Each file survives a kill, so that the download may stop at any time.
        return interruptible(lambda: _get(context, client, wanted), client.stop)


def _client(context: Context, patience: Patience) -> Client:
    client = Client(
        _POLICIES, user_agent=context.settings.user_agent, patience=patience, clock=context.clock
    )

    def tell(host: str, pause_s: float, _why: str) -> None:
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
    """A dump to show; `state` tells whether it is here, or how it was got."""

    dump: DumpName
    size_bytes: int
    state: str
    sha256: str = ""


def _list(context: Context, client: Client, kinds: Sequence[Kind]) -> Summary:
    rows = {
        row.dump.name: row for row in _rows_here(dumps_folder(context)) if row.dump.kind in kinds
    }
    finder = DumpFinder(client, context.settings.dumps, context.now().year)
    failed: dict[str, EquigenError] = {}
    for kind in kinds:
        try:
            offer = finder.find(kind)
        except (FetchError, HostRestsError, UsageError) as err:
            failed[kind] = _with_a_way_out(err, kind, context)
            continue
        here = rows.get(offer.dump.name, _Row(offer.dump, 0, _NOT_HERE))
        size_bytes = here.size_bytes if here.state == _HERE else offer.size_bytes
        rows[offer.dump.name] = here._replace(size_bytes=size_bytes)
    if failed and not rows:
        raise next(iter(failed.values()))
    order = list(Kind)
    listed = sorted(rows.values(), key=lambda row: row.dump.stamp, reverse=True)
    listed.sort(key=lambda row: order.index(row.dump.kind))
    folder = f"The folder of the dumps: {dumps_folder(context)}"
    return _summary(context, listed, failed, "here", [folder, *map(str, failed.values())])


def _rows_here(folder: Path) -> Iterable[_Row]:
    """Yield the dumps in the folder, also partial ones, without their size."""
    sizes = files_in(folder)
    for name, size_bytes in sizes.items():
        whole = name.removesuffix(PART)
        dump = read_name(whole)
        if dump and name == whole:
            yield _Row(dump, size_bytes, _HERE)
        elif dump and whole not in sizes:
            yield _Row(dump, 0, _PARTLY_HERE)


def _get(context: Context, client: Client, kinds: Sequence[Kind]) -> Summary:
    """Download one dump after another; one that fails doesn't stop the others."""
    finder = DumpFinder(client, context.settings.dumps, context.now().year)
    folder = dumps_folder(context)
    got: list[_Row] = []
    failed: dict[str, EquigenError] = {}
    for kind in kinds:
        try:
            offer = finder.find(kind)
            sha256 = finder.sha256(offer)
            outcome = get_file(client, offer, sha256, folder, context.bar)
        except (FetchError, HostRestsError, UsageError) as err:
            failed[kind] = _with_a_way_out(err, kind, context)
            if len(kinds) > 1:
                context.say(f"{kind}: not got. {failed[kind]}")
        else:
            size_bytes = (folder / offer.dump.name).stat().st_size
            got.append(_Row(offer.dump, size_bytes, str(outcome), sha256))
    # A usage error would fail in another run, too.
    wrong = [err for err in failed.values() if isinstance(err, UsageError)]
    if wrong or not got:
        raise (*wrong, *failed.values())[0]
    note = f"In {folder}, each with the SHA-256 that its host published."
    return _summary(context, got, failed, "what", [note], left=len(failed))


def _summary(
    context: Context,
    rows: Sequence[_Row],
    failed: Mapping[str, EquigenError],
    head: str,
    notes: Sequence[str],
    *,
    left: int = 0,
) -> Summary:
    """Return the account of some dumps; `head` is the title of the column of their states."""
    facts = [
        {
            "kind": str(row.dump.kind),
            "date": row.dump.stamp[:8],
            "file": row.dump.name,
            "size_bytes": row.size_bytes,
            "state": row.state,
            **({"sha256": row.sha256} if row.sha256 else {}),
        }
        for row in rows
    ]
    shown = [
        (row.dump.kind, row.dump.stamp[:8] or "?", _size(row.size_bytes), row.state) for row in rows
    ]
    return Summary(
        stage="dumps",
        unit="dumps",
        rows_in=len(rows) + left,
        rows_out=len(rows),
        dropped={"left for the next run": left},
        facts={
            "folder": str(dumps_folder(context)),
            "dumps": facts,
            "failed": {kind: str(err) for kind, err in failed.items()},
        },
        table=Table(("kind", "date", "size", head), tuple(shown)),
        notes=notes,
        partly=bool(failed),
    )


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


def _size(size_bytes: int) -> str:
    """Return a readable size; "?" for an unknown one."""
    size = ByteSize(size_bytes).human_readable(decimal=True, separator=" ")
    return size.replace("KB", "kB") if size_bytes else "?"
