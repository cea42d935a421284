"""A host with troubles that runs beside a benchmark, and what it tells of itself."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from bench.environment import environment
from bench.errors import BenchError
from bench.troubled_host import API_HOST, TOKEN
from bench.troubles import Chances

_HERE = Path(__file__).parent
_STOP_WITHIN_S = 10


@dataclass(frozen=True, slots=True)
class Told:
    """What the host counted: requests and troubles by kind, and what it should never see."""

    asked: Mapping[str, int] = field(default_factory=dict)
    troubles: Mapping[str, int] = field(default_factory=dict)
    expired: int = 0
    strays: int = 0
    sent_bytes: int = 0

    @property
    def requests(self) -> int:
        """How many requests came in all."""
        return sum(self.asked.values())


class HostProcess:
    """A host with troubles in a process of its own; use it as a context, which ends it."""

    def __init__(self, albums_per_label: int, chances: Chances, tls: Path | None) -> None:
        told = json.dumps({**asdict(chances), "left_out": sorted(chances.left_out)})
        words = [sys.executable, str(_HERE / "one_troubled_host.py"), str(albums_per_label), told]
        self._process = subprocess.Popen(
            [*words, *([str(tls)] if tls else [])],
            env=environment({"PYTHONPATH": str(_HERE.parent)}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.base_url = ""

    def __enter__(self) -> Self:
        port, _tls_port = json.loads(self._line())
        self.base_url = f"http://{API_HOST}:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=_STOP_WITHIN_S)

    def disturb(self) -> None:
        """Let it count anew, and have troubles from now on."""
        self._ask("disturb")

    def counts(self) -> Told:
        """Return what happened since it was started or disturbed."""
        return Told(**json.loads(self._ask("counts")))

    def environment(self) -> dict[str, str]:
        """Return the environment of a program that asks it."""
        own = {"DISCOGS_TOKEN": TOKEN, "EQUIGEN_DISCOGS__BASE_URL": self.base_url}
        return environment(own)

    def _ask(self, word: str) -> str:
        if self._process.stdin:
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            msg = f"the host ended with {self._process.wait()}: what it says stands above"
            raise BenchError(msg)
        return line
