"""A process that fetches covers for the download stage: jobs in by stdin, outcomes by stdout.

It keeps no limits between processes: hosts that have some are left to the process that started it
(`stations.py`), and where one asks for a rest it says so. It puts no file in place.
"""

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue

from equigen.downloading.engines.protocol import read_setup
from equigen.downloading.engines.thread_pool import Hands
from equigen.downloading.fetcher import Fetcher
from equigen.downloading.jobs import HOLD, JOBS, LOOK_UP, OUTCOMES, Outcome
from equigen.errors import StoppedError
from equigen.http.client import Client
from equigen.http.resolver import Resolver
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
    enquiries = _Enquiries(outcomes)
    with Client(
        setup.policies,
        user_agent=setup.user_agent,
        patience=setup.patience,
        resolver=Resolver(enquiries.look_up),
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
            elif word:
                enquiries.answer(**word)
            else:
                break
        else:
            os._exit(1)  # who started it is gone: nobody would put these files in place
        client.stop()
        enquiries.stop()
        hands.stop()
        hands.join()
        outcomes.put(None)
        teller.join()


class _Enquiries:
    """Asks who started this process where hosts are, so that a run looks each up once."""

    def __init__(self, outcomes: SimpleQueue[Outcome | None]) -> None:
        self._outcomes = outcomes
        self._answers: dict[str, SimpleQueue[list[str] | Exception]] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def look_up(self, host: str, *, again: bool) -> list[str]:
        """Ask, and wait for the answer; each host is asked for by one thread at a time.

        Raises:
            OSError: nobody knows.
            StoppedError: no answer will come any more.

        """
        answer: SimpleQueue[list[str] | Exception] = SimpleQueue()
        with self._lock:
            self._answers[host] = answer
            if self._stopped:
                answer.put(_no_answer())
        self._outcomes.put(Outcome(-1, LOOK_UP, reason="again" if again else "", host=host))
        came = answer.get()
        if isinstance(came, Exception):
            raise came
        return came

    def answer(self, *, host: str, addresses: list[str], trouble: str) -> None:
        """Pass an answer on to the thread that waits for it."""
        with self._lock:
            self._answers.pop(host).put(addresses or socket.gaierror(trouble))

    def stop(self) -> None:
        """Let nobody wait for an answer."""
        with self._lock:
            self._stopped = True
            for answer in self._answers.values():
                answer.put(_no_answer())


def _no_answer() -> StoppedError:
    return StoppedError("stopped while a host was looked up; what was done is kept")


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
