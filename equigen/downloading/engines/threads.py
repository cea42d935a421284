"""Threads of this process that fetch: for hosts with limits, or for all where that is quickest.

Decoders and connections come with it, so that it is only made where it has something to do.
"""

import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue

from equigen.downloading.engines.processes import News
from equigen.downloading.engines.protocol import Setup
from equigen.downloading.engines.thread_pool import Hands
from equigen.downloading.fetcher import Fetcher
from equigen.downloading.jobs import HOLD, Job, Outcome
from equigen.errors import NotServedError
from equigen.http.client import Client
from equigen.http.limits import HostPolicy, policy_for
from equigen.http.rate_limit import Clock, RequestCounter

_MOST_THREADS = 64
_MOST_THREADS_A_HOST = 32
_MOMENT_S = 0.25


class LocalStation:
    """Threads of this process: for hosts with limits, or for all where that is quickest."""

    def __init__(
        self,
        setup: Setup,
        news: SimpleQueue[News],
        *,
        whole: Mapping[str, HostPolicy],
        counter: RequestCounter,
        clock: Clock,
        renew: Callable[[Job], str],
    ) -> None:
        self.under_way: dict[int, Job] = {}
        self.was_ready = True
        self._policies, self._whole, self._news = setup.policies, whole, news
        self._is_made_up = clock.sleep is not None
        self._client = Client(
            setup.policies,
            user_agent=setup.user_agent,
            patience=setup.patience,
            counter=counter,
            clock=clock,
        )
        fetcher = Fetcher(self._client, setup.making, renew)
        self._hands = Hands(fetcher, self._report, most=_MOST_THREADS)
        self._client.gates.on_rest = lambda host, pause_s: self._report(
            Outcome(-1, HOLD, host=host, pause_s=pause_s)
        )

    def room_for(self, host: str) -> int:
        """Return room while its gate is open: a thread that waits there would be lacking others.

        No host gets more than half of what others leave, so that some is left for the next one.
        """
        policy = policy_for(host, self._policies)
        busy = sum(job.host == host for job in self.under_way.values())
        left = _MOST_THREADS - (len(self.under_way) - busy)
        room = min(policy.concurrency, _MOST_THREADS_A_HOST, (left + 1) // 2) - busy
        return room if self.wait_s(host) <= 0 else 0

    def serve_all(self) -> None:
        """Take over what processes would have had: the whole of each host's concurrency."""
        self._policies = self._client.gates.policies = self._whole

    def wait_s(self, host: str) -> float:
        """Return how long the host's gate stays closed."""
        try:
            return self._client.gates.at(host).wait_s()
        except NotServedError:
            return 0.0

    def sleep(self, wait_s: float) -> None:
        """Wait as everything waits that talks to hosts, but not for long without a look around."""
        self._client.gates.sleep(wait_s if self._is_made_up else min(wait_s, _MOMENT_S))

    def hand(self, jobs: list[Job]) -> None:
        """Take jobs on."""
        self._hands.hand(jobs)

    def hold(self, host: str, pause_s: float) -> None:
        """Let a host rest."""
        self._client.gates.hold(host, pause_s)

    def look(self) -> None:
        """Start more threads where that helps."""
        self._hands.look()

    def stop(self) -> None:
        """Finish what is under way."""
        self._client.stop()
        self._hands.stop()

        def leave() -> None:
            self._hands.join()
            self._news.put(News(self, is_gone=True))

        threading.Thread(target=leave, daemon=True).start()

    def end(self) -> None:
        """Close all connections; threads that still wait end with the process."""
        self._client.close()

    def _report(self, outcome: Outcome) -> None:
        self._news.put(News(self, (outcome,)))
