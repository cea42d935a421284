"""A process that fetches covers for the download stage: jobs in by stdin, outcomes by stdout.

It keeps no limits between processes: hosts that have some are left to the process that started it
(`stations.py`), and where one asks for a rest it says so. It puts no file in place.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue

from equigen.errors import NotServedError
from equigen.fetcher import Fetcher
from equigen.hands import Hands
from equigen.http import Client
from equigen.jobs import HOLD, JOBS, OUTCOMES, Outcome
from equigen.words import read_setup

_LOOK_EVERY_S = 0.1
# Outcomes are told together: each message wakes the other process.
_GATHERED_FOR_S = 0.015


def main() -> None:
    """Do jobs until told to stop; end at once when nobody is left to tell."""
    # A Ctrl-C reaches every process of the terminal; who started this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    words = sys.stdin.buffer
    setup = read_setup(words.readline())
    if setup.talkative:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    outcomes: SimpleQueue[Outcome | None] = SimpleQueue()
    with Client(setup.policies, user_agent=setup.user_agent, patience=setup.patience) as client:
        client.gates.on_rest = lambda host, pause_s: outcomes.put(
            Outcome(-1, HOLD, host=host, pause_s=pause_s)
        )
        hands = Hands(Fetcher(client, setup.making), outcomes.put, most=setup.threads)
        _say(())  # ready
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
        _say(each for each in batch if each is not None)
        hands.look()


def _say(outcomes: Iterable[Outcome]) -> None:
    try:
        sys.stdout.buffer.write(OUTCOMES.write(outcomes))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(1)  # who started it is gone
