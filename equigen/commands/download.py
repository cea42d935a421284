"""Download each album's cover into the folder of its label.

A cover is there when its bytes are known to decode, not when a file exists. Goes on where it
stopped. Covers that a host doesn't have, or that are no good pictures, are asked for again after a
day, a week, then each month, or now with --retry-failed. Addresses that expired are asked for anew
where their source can be asked; a host that refuses one cover after another rests for hours.
A try with --limit N fetches a sample that is even over labels and drawn by balance.seed: the same
one in the next run, and a larger N adds to it.
Where covers of several artists have the same bytes, such as a host's "no picture", the last lines
say so: refuse these bytes or keep them.

Examples:
  equigen download
  equigen download --limit 100 --export manifest.tsv --with colour
  equigen download --size 256 --size 64 --fit pad
  equigen download --retry-failed --reason "HTTP 404"
  equigen download --verify
  equigen download --refuse-sha256 HEX
  equigen download --dry-run
"""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from equigen.config.settings import suggest
from equigen.dataset.balancing import even_sample
from equigen.dataset.context import Context
from equigen.dataset.covers import dataset_covers
from equigen.dataset.dataset import Dataset, Need
from equigen.dataset.made_with import settings_noted
from equigen.downloading.manifest import check_manifest, write_manifest
from equigen.downloading.pipeline import Download, host_policies
from equigen.downloading.plan import Worklist
from equigen.downloading.queue import JobQueues
from equigen.downloading.results import forecast
from equigen.downloading.shared_covers import find_shared_covers, settled_covers
from equigen.downloading.store import CoverStore
from equigen.downloading.url_refresh import prefer_addresses, write_renewed
from equigen.errors import UsageError
from equigen.http.limits import policy_for
from equigen.ledger.ledger import SETTLED_COVERS, Ledger
from equigen.summary import Summary

ORDER: Final = 60
SETTINGS: Final = (
    "download.check",
    "download.sizes",
    "download.fit",
    "download.quality",
    "download.format",
    "download.layout",
    "download.prefer",
    "download.min_size_px",
    "download.max_pixels",
    "download.max_bytes",
    "download.processes",
    "download.refuse_sha256",
    "download.keep_sha256",
)

_DRY_RUN = "--dry-run fetches and writes nothing: leave out --limit and --export."
_FILE_ORDER = "--file-order tells which covers --limit fetches: give both, or neither."
_REASON = "--reason narrows --retry-failed: give both, or neither."
_WITH = "--with adds columns of features to a manifest: give --export as well, or neither."
_TO_FETCH = "to be fetched"
_TO_COPY = "to be copied from another row"


def run(  # noqa: PLR0913  (each is a flag)
    context: Context,
    *,
    limit: Annotated[
        int,
        typer.Option(
            min=-1, metavar="N", help="Fetch so many, evenly from all labels; -1 for all."
        ),
    ] = -1,
    file_order: Annotated[
        bool,
        typer.Option(
            "--file-order", help="With --limit: so many more in this run, in the file's order."
        ),
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again now for covers that failed for good.")
    ] = False,
    reason: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REASON", help="With --retry-failed: only those that failed for this reason."
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read all files again; mend those that differ.")
    ] = False,
    check_changed: Annotated[
        bool, typer.Option("--check-changed", help="Ask hosts whether their pictures changed.")
    ] = False,
    link_identical: Annotated[
        bool, typer.Option("--link-identical", help="Hard-link files that hold the same bytes.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write what is known of each cover: .tsv or .parquet."),
    ] = None,
    features: Annotated[
        str, typer.Option("--with", metavar="NAME,NAME", help="With --export: features to add.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be fetched and how long it takes.")
    ] = False,
) -> Summary:
    """Download what is missing; files whose rows are gone are set aside, not deleted.

    Raises:
        UsageError: the flags make no sense together, or the covers there have another size.
        MissingInputError, InputError: a feature has no table, or a broken one.
        EquigenError: as `Dataset.writing` has it.

    """
    _require_sense(dry_run and (export or limit >= 0), _DRY_RUN)
    _require_sense(file_order and limit < 0, _FILE_ORDER)
    _require_sense(reason and not retry_failed, _REASON)
    _require_sense(features and not export, _WITH)
    joined = list(dict.fromkeys(filter(None, map(str.strip, features.split(",")))))
    if export:
        check_manifest(export, context, joined)
    retry = frozenset(reason or ()) if retry_failed else None
    needs = Need.WHOLE_TSV | Need.KNOWN_COVERS
    if not dry_run:
        needs |= Need.NAMES
    with (
        Dataset.writing(context, "download", needs) as dataset,
        nullcontext() if dry_run else settings_noted(dataset, "download"),
        JobQueues(context.directory) as queues,
    ):
        ledger = dataset.ledger
        _require_reasons(ledger, reason or ())
        if not dry_run:
            write_renewed(context, ledger)  # the renewed addresses of a killed run
            prefer_addresses(context, ledger)
        store = CoverStore(context, ledger, link_identical)
        settled = settled_covers(context.settings.download, ledger)
        if settled and not dry_run:
            ledger.remember(SETTLED_COVERS, json.dumps(settled))
            store.refuse(frozenset(each for each in settled if settled[each]))
        worklist = Worklist(context, ledger, store, queues, retry, verify, check_changed, dry_run)
        if limit >= 0 and not file_order:
            seed = context.settings.balance.seed
            worklist.sample = even_sample(dataset_covers(context), limit, seed=seed)
        if dry_run:
            return _forecast(context, ledger, worklist)
        work = Download(worklist)
        work.carry_out(limit if file_order else -1)
        worklist.put_away_unwanted()
        if link_identical:
            store.link_identical()
        if export:
            write_manifest(export, context, ledger, joined)
            work.recorder.notes.append(f"{export}: {worklist.rows:,} rows")
        return work.recorder.summary(find_shared_covers(context, ledger))


def _require_sense(is_wrong: object, msg: str) -> None:
    if is_wrong:
        raise UsageError(msg)


def _require_reasons(ledger: Ledger, asked: Sequence[str]) -> None:
    known = ledger.failure_reasons() if asked else []
    for each in asked:
        if each not in known:
            there = ", ".join(map(repr, known)) or "none"
            msg = (
                f"--reason: no cover failed for {each!r}{suggest(each, known)}; covers failed for:"
                f" {there}. Nothing was asked."
            )
            raise UsageError(msg)


def _forecast(context: Context, ledger: Ledger, worklist: Worklist) -> Summary:
    for _ in worklist.scan():
        pass
    for _ in worklist.settle_renamed():
        pass
    counts = worklist.queues.counts()
    to_fetch, moving = worklist.jobs - worklist.asked, worklist.other_places
    shared = worklist.rows - worklist.good - worklist.endings.total() - to_fetch
    day = datetime.fromtimestamp(context.clock.unix(), UTC).date().isoformat()
    policies = host_policies(context)
    lines = {
        host: forecast(count, policy_for(host, policies), used_today=ledger.requests_on(host, day))
        for host, count in counts.items()
    }
    dropped = Counter({_TO_FETCH: to_fetch, _TO_COPY: shared})
    dropped.update(worklist.dropped())
    return Summary(
        stage="download",
        unit="rows",
        rows_in=worklist.rows,
        rows_out=worklist.good,
        dropped=dict(dropped.most_common()),
        put_off={_TO_FETCH, _TO_COPY, *worklist.put_off},
        facts={
            "dry_run": True,
            "to_fetch": dict(counts),
            "asked_whether_changed": worklist.asked,
            "spoilt": worklist.spoilt,
            "other_places": worklist.other_places,
            "forecast": lines,
        },
        notes=[
            *([f"{host}: {line}" for host, line in lines.items()] or ["nothing to fetch"]),
            *([f"{worklist.asked:,} of them are there, and asked about"] if worklist.asked else []),
            *([f"{moving:,} files would get other places"] if moving else []),
            *([f"{worklist.spoilt:,} files are spoilt"] if worklist.spoilt else []),
        ],
    )
