"""A process that fetches covers for the download stage: jobs in by stdin, outcomes by stdout.

It keeps no limits between processes: hosts that have some are left to the process that started it
(`stations.py`), and where one asks for a rest it says so. It puts no file in place.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from equigen.errors import NotServedError
from equigen.fetcher import Fetcher, Making
from equigen.hands import Hands
from equigen.http import Client, Patience
from equigen.images import Demands
from equigen.jobs import HOLD, JOBS, OUTCOMES, Outcome
from equigen.rules.pacing import HostPolicy
from equigen.rules.rendering import Check, Fit, Format, Rendering

_LOOK_EVERY_S = 0.2
# Outcomes are told together: each message wakes the other process.
_GATHERED_FOR_S = 0.005


def setup_line(
    policies: Mapping[str, HostPolicy],
    *,
    user_agent: str,
    patience: Patience,
    making: Making,
    threads: int,
) -> bytes:
    """Return what a worker is told first."""
    demands = making.demands
    return _line(
        {
            "policies": {
                pattern: [policy.per_minute, policy.per_day, policy.concurrency]
                for pattern, policy in policies.items()
            },
            "user_agent": user_agent,
            "patience": [
                patience.connect_timeout_s,
                patience.read_timeout_s,
                patience.tries,
                patience.max_wait_s,
                patience.max_redirects,
            ],
            "demands": [
                demands.min_size_px,
                demands.max_pixels,
                demands.check,
                sorted(demands.placeholders),
            ],
            "renderings": [[r.size_px, r.fit, r.quality, r.format] for r in making.renderings],
            "folders": [str(folder) for folder in making.folders],
            "max_bytes": making.max_bytes,
            "run": making.run,
            "threads": threads,
        }
    )


def hold_line(host: str, pause_s: float) -> bytes:
    """Return the word that a host asked another process for a rest."""
    return _line({"hold": host, "pause_s": pause_s})


STOP_LINE = b"{}\n"


def main() -> None:
    """Do jobs until told to stop; end at once when nobody is left to tell."""
    # A Ctrl-C reaches every process of the terminal; who started this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    words = sys.stdin.buffer
    setup = json.loads(words.readline())
    outcomes: SimpleQueue[Outcome | None] = SimpleQueue()
    patience = Patience(*setup["patience"])
    policies = {pattern: HostPolicy(*each) for pattern, each in setup["policies"].items()}
    with Client(policies, user_agent=setup["user_agent"], patience=patience) as client:
        client.gates.on_rest = lambda host, pause_s: outcomes.put(
            Outcome(-1, HOLD, host=host, pause_s=pause_s)
        )
        hands = Hands(Fetcher(client, _making(setup)), outcomes.put, most=setup["threads"])
        teller = threading.Thread(target=_tell, args=(outcomes, hands), daemon=True)
        teller.start()
        for line in words:
            word = json.loads(line)
            if isinstance(word, list):
                hands.hand(JOBS.read(word))
            elif word:
                _hold(client, word["hold"], word["pause_s"])
            else:
                break
        else:
            os._exit(1)  # who started it is gone: nobody would put these files in place
        client.stop()
        hands.stop()
        hands.join()
        outcomes.put(None)
        teller.join()


def _making(setup: Mapping[str, Any]) -> Making:
    min_size_px, max_pixels, check, placeholders = setup["demands"]
    return Making(
        demands=Demands(min_size_px, max_pixels, Check(check), frozenset(placeholders)),
        renderings=tuple(
            Rendering(size_px, Fit(fit), quality, Format(form))
            for size_px, fit, quality, form in setup["renderings"]
        ),
        folders=tuple(Path(folder) for folder in setup["folders"]),
        max_bytes=setup["max_bytes"],
        run=setup["run"],
    )


def _hold(client: Client, host: str, pause_s: float) -> None:
    try:
        client.gates.at(host).hold(pause_s)
    except NotServedError:
        return


def _tell(outcomes: SimpleQueue[Outcome | None], hands: Hands) -> None:
    ended = False
    while not ended:
        try:
            batch = [outcomes.get(timeout=_LOOK_EVERY_S)]
        except Empty:
            hands.look()
            continue
        if batch[0] is not None:
            time.sleep(_GATHERED_FOR_S)
        while not outcomes.empty():
            batch.append(outcomes.get())
        ended = None in batch
        sys.stdout.buffer.write(OUTCOMES.write(each for each in batch if each is not None))
        sys.stdout.buffer.flush()
        hands.look()


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"
