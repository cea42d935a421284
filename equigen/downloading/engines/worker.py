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

from equigen.downloading.engines.protocol import read_setup
from equigen.downloading.engines.thread_pool import Hands
from equigen.downloading.fetcher import Fetcher
from equigen.downloading.jobs import HOLD, JOBS, OUTCOMES, Outcome
from equigen.http.client import Client
from equigen.logfile import join_log

# A thread gives the interpreter up many times a cover, whenever it reads, decodes or writes: to be
# asked for it in between, as it is every 5 ms by default, only costs.
_SWITCH_S = 0.05
_LOOK_EVERY_S = 0.1
# Outcomes are told together: each message wakes the other process.
_GATHERED_FOR_S = 0.015


def main() -> None:
    """Do jobs until told to stop; end at once when nobody is left to tell."""
    # A Ctrl-C reaches every process of the terminal; who started this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.setswitchinterval(_SWITCH_S)
    words = sys.stdin.buffer
    setup = read_setup(words.readline())
    if setup.talkative:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if setup.log_file:
        join_log(setup.log_file, setup.command, setup.secrets)
    outcomes: SimpleQueue[Outcome | None] = SimpleQueue()
    with Client(
        setup.policies,
        user_agent=setup.user_agent,
        patience=setup.patience,
    ) as client:
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
            elif "hold" in word:
                client.gates.hold(word["hold"], word["pause_s"])
            else:
                break
        else:
            os._exit(1)  # who started it is gone: nobody would put these files in place
        client.stop()
        hands.stop()
        hands.join()
        outcomes.put(None)
        teller.join()


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
