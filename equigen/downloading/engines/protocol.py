"""What a process that fetches is told: first how, then what; each word is a line of JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from equigen.downloading.jobs import Making
from equigen.http.limits import HostPolicy, Patience
from equigen.images.rendering import Check, Demands, Fit, ImageFormat, Rendering

STOP_LINE = b"{}\n"


@dataclass(frozen=True, slots=True)
class Setup:
    """How a process fetches: with so many `threads` at most; `policies` are its share.

    A `talkative` one tells of each request on stderr; with a `log_file`, it appends there what
    happens, as of that `command`, but nothing of `secrets`.
    """

    policies: Mapping[str, HostPolicy]
    user_agent: str
    patience: Patience
    making: Making
    threads: int
    talkative: bool = False
    log_file: str = ""
    command: str = ""
    secrets: tuple[str, ...] = ()


def setup_line(setup: Setup) -> bytes:
    """Return what a process is told first."""
    making, demands = setup.making, setup.making.demands
    return _line(
        {
            "policies": {
                pattern: [policy.per_minute, policy.per_day, policy.concurrency, policy.spacing_s]
                for pattern, policy in setup.policies.items()
            },
            "user_agent": setup.user_agent,
            "patience": asdict(setup.patience),
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
            "threads": setup.threads,
            "telling": [setup.talkative, setup.log_file, setup.command],
            "secrets": setup.secrets,
        }
    )


def read_setup(line: bytes) -> Setup:
    """Return what `setup_line` wrote; headers of hosts are not passed on."""
    told = json.loads(line)
    min_size_px, max_pixels, check, placeholders = told["demands"]
    making = Making(
        demands=Demands(min_size_px, max_pixels, Check(check), frozenset(placeholders)),
        renderings=tuple(
            Rendering(size_px, Fit(fit), quality, ImageFormat(form))
            for size_px, fit, quality, form in told["renderings"]
        ),
        folders=tuple(Path(folder) for folder in told["folders"]),
        max_bytes=told["max_bytes"],
        run=told["run"],
    )
    policies = {pattern: HostPolicy(*each) for pattern, each in told["policies"].items()}
    patience = Patience(**told["patience"])
    talkative, log_file, command = told["telling"]
    return Setup(
        policies,
        told["user_agent"],
        patience,
        making,
        told["threads"],
        talkative,
        log_file,
        command,
        tuple(told["secrets"]),
    )


def hold_line(host: str, pause_s: float) -> bytes:
    """Return the word that a host asked another process for a rest."""
    return _line({"hold": host, "pause_s": pause_s})


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"
