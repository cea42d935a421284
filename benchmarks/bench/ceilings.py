"""What this machine could do at most: pictures decoded from memory, and fetched for nothing."""

import multiprocessing as mp
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from bench.errors import BenchError
from equigen.images.check import check_picture
from equigen.images.rendering import Demands

PROCESSES = 2
_DEMANDS = Demands(min_size_px=2, max_pixels=50_000_000)
_HTTP_OK = 200
_LONGEST_S = 60


@dataclass(frozen=True, slots=True)
class Span:
    """When a process worked, on the clock that all processes of a machine share."""

    started_s: float
    ended_s: float


# What a process does with its share, once all are ready.
_Work = Callable[[Sequence[Any], Barrier], Span]


def decoding(pictures: Sequence[Path]) -> float:
    """Return how many pictures a second two processes check in full, from memory."""
    return _rate(_decode, [pictures[n::PROCESSES] for n in range(PROCESSES)])


def fetching(urls: Sequence[str], *, threads: int, trusted: Path | None = None) -> float:
    """Return how many a second two processes of some threads fetch, doing nothing with them."""
    work = partial(_fetch, threads, trusted)
    return _rate(work, [urls[n::PROCESSES] for n in range(PROCESSES)])


def both(decoded_s: float, fetched_s: float) -> float:
    """Return the rate of doing one after the other on the same processors, from both rates."""
    return 1 / (1 / decoded_s + 1 / fetched_s)


def _rate(work: _Work, shares: Sequence[Sequence[Any]]) -> float:
    context = mp.get_context("spawn")
    ready = context.Barrier(len(shares))
    hands = []
    try:
        for share in shares:
            here, there = context.Pipe(duplex=False)
            hand = context.Process(target=_tell, args=(there, work, share, ready), daemon=True)
            hand.start()
            there.close()  # the other end is the process's alone: should it die, ours says so
            hands.append((hand, here))
        spans: list[Span] = [here.recv() for _, here in hands]
    except EOFError:
        msg = "a process that measures the ceiling died; what it said stands above"
        raise BenchError(msg) from None
    finally:
        for hand, here in hands:
            hand.kill()
            hand.join()
            here.close()
    took_s = max(span.ended_s for span in spans) - min(span.started_s for span in spans)
    return sum(map(len, shares)) / took_s


def _tell(there: Connection, work: _Work, share: Sequence[Any], ready: Barrier) -> None:
    there.send(work(share, ready))


def _decode(files: Iterable[Path], ready: Barrier) -> Span:
    bodies = [file.read_bytes() for file in files]
    ready.wait(_LONGEST_S)
    started_s = time.monotonic()
    for body in bodies:
        check_picture(body, _DEMANDS)
    return Span(started_s, time.monotonic())


def _fetch(threads: int, trusted: Path | None, urls: Sequence[str], ready: Barrier) -> Span:
    parts = urlsplit(urls[0])
    paths = [url.partition(parts.netloc)[2] for url in urls]
    context = ssl.create_default_context(cafile=trusted) if trusted else None
    made: Callable[..., urllib3.HTTPConnectionPool] = urllib3.HTTPConnectionPool
    if context:
        made = partial(urllib3.HTTPSConnectionPool, ssl_context=context)
    bad: list[int] = []
    with made(parts.hostname, parts.port, maxsize=threads, block=True) as pool:

        def drain(share: Sequence[str]) -> None:
            for path in share:
                answer = pool.request("GET", path, retries=False)
                if answer.status != _HTTP_OK or not answer.data:
                    bad.append(answer.status)

        loops = [threading.Thread(target=drain, args=(paths[n::threads],)) for n in range(threads)]
        ready.wait(_LONGEST_S)
        started_s = time.monotonic()
        for loop in loops:
            loop.start()
        for loop in loops:
            loop.join()
        ended_s = time.monotonic()
    if bad:
        msg = f"{urls[0]}: expected pictures, got HTTP {bad[0]} and {len(bad) - 1} more"
        raise BenchError(msg)
    return Span(started_s, ended_s)
