"""How much of a service's quota a crawl uses, against the made-up Spotify with limits.

Usage: python benchmarks/crawl.py [--per-minute 600] [--per-day 150] [--latency-ms 80]

EquiGen's own genre names are crawled against a service that answers so many requests in any 30
seconds as `--per-minute` allows, once with the same setting of our own, and once with none. Used is
what was answered from the first answer to the last, of what the service would have answered in that
time. Then the same is crawled with a quota of `--per-day`, one run a day of a made-up clock: used
is what was answered of all days but the last one, which has less to ask. No answer may be given
twice, and each way must make the same dataset.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from equigen.commands import fetch
from equigen.config.layers import Config
from equigen.config.settings import DatasetSettings, FetchSettings, defaults
from equigen.config.source_settings import Credentials, SpotifySettings
from equigen.dataset.context import Bar, Context
from equigen.http.rate_limit import Clock
from equigen.sandbox.spotify import API, SpotifySandbox
from equigen.summary import Summary

_WINDOW_S = 30
_DAY = timedelta(days=1)


class _NoBar:
    def advance(self, count: int = 1, **figures: object) -> None: ...

    def expect(self, total: int) -> None: ...


@contextmanager
def _no_bar(description: str, total: int, unit: str) -> Iterator[Bar]:  # noqa: ARG001
    yield _NoBar()


def main() -> int:
    """Print a row for each way; 1 where too little is used, or an answer was given twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-minute", type=int, default=600)
    parser.add_argument("--per-day", type=int, default=150)
    parser.add_argument("--latency-ms", type=float, default=80)
    options = parser.parse_args()
    print("| quota | of our own | requests | time | used |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    bodies, used = set[bytes](), list[float]()
    for own in (options.per_minute, 0):
        with tempfile.TemporaryDirectory() as folder:
            share = _by_window(Path(folder), options.per_minute, own, options.latency_ms / 1000)
            bodies.add(_rows(Path(folder)))
        used += [share] if own else []  # without a pace of our own the service asks for rests
    with tempfile.TemporaryDirectory() as folder:
        used.append(_by_day(Path(folder), options.per_day))
        bodies.add(_rows(Path(folder)))
    if len(bodies) > 1:
        print("the datasets differ", file=sys.stderr)
        return 1
    return int(min(used) < 0.95)  # noqa: PLR2004  (what is asked for)


def _by_window(folder: Path, per_minute: int, own: int, latency_s: float) -> float:
    """Crawl once against a limit of 30 seconds; return the share of it that was used."""
    per_window = per_minute * _WINDOW_S // 60
    with SpotifySandbox(latency_s=latency_s, requests_per_window=per_window) as sandbox:
        _fetch(folder, sandbox, own)
        times_s = [hit.time_s for hit in sandbox.log if hit.status == 200 and API in hit.path]  # noqa: PLR2004
        _check(sandbox)
    took_s = times_s[-1] - times_s[0]
    # Of a window that moves, a whole one may be used at once at the start.
    allowed = per_window * (took_s / _WINDOW_S) + (0 if own else per_window)
    share = (len(times_s) - 1) / allowed
    told = f"{own:,} a minute" if own else "none"
    print(f"| {per_window:,} in 30 s | {told} | {len(times_s):,} | {took_s:.0f} s | {share:.3f} |")
    return share


def _by_day(folder: Path, per_day: int) -> float:
    """Crawl once a day against a day's quota; return the share of it that was used."""
    now, nights = datetime(2026, 6, 15, 1, tzinfo=UTC), 0
    with SpotifySandbox(clock=lambda: now.timestamp(), requests_per_day=per_day) as sandbox:  # noqa: PLW0108  (it moves)
        while True:
            nights += 1
            sandbox.quota_told = bool(nights % 2)
            summary = _fetch(folder, sandbox, 0, partial(_same, now))
            if not summary.partly:
                break
            now += _DAY
        days = Counter(
            int(hit.time_s // _DAY.total_seconds())
            for hit in sandbox.log
            if hit.status == 200 and API in hit.path  # noqa: PLR2004
        )
        _check(sandbox)
    whole = [count for _, count in sorted(days.items())][:-1]
    share = sum(whole) / (per_day * (nights - 1))
    print(f"| {per_day:,} a day | none | {days.total():,} | {nights} nights | {share:.3f} |")
    return share


def _same(moment: datetime) -> datetime:
    return moment


def _check(sandbox: SpotifySandbox) -> None:
    """Raise where an answer was given twice."""
    asked = Counter(
        f"{hit.path} {sorted(hit.query.items())}"
        for hit in sandbox.log
        if hit.status == 200 and API in hit.path  # noqa: PLR2004
    )
    if twice := [page for page, count in asked.items() if count > 1]:
        msg = f"asked for twice: {twice}"
        raise AssertionError(msg)


def _fetch(
    folder: Path,
    sandbox: SpotifySandbox,
    own: int,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Summary:
    settings = defaults(
        dataset=DatasetSettings(directory=folder),
        fetch=FetchSettings(source="spotify"),
        spotify=SpotifySettings(
            accept_terms=True,
            base_url=sandbox.api_url,
            accounts_url=sandbox.accounts_url,
            requests_per_minute=own,
        ),
    )
    credentials = Credentials(
        spotipy_client_id=SecretStr(sandbox.client_id),
        spotipy_client_secret=SecretStr(sandbox.client_secret),
    )
    config = Config(settings, credentials, folder)
    clock = Clock(unix=lambda: now().timestamp())
    return fetch.run(Context(config, bar=_no_bar, say=print, now=now, clock=clock))


def _rows(folder: Path) -> bytes:
    """Return the rows without the addresses of covers, which have the server's port."""
    lines = (folder / "equigen_dataset.tsv").read_bytes().splitlines()
    return b"\n".join(b"\t".join(line.split(b"\t")[:5]) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
