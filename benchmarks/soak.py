"""A long run in which everything goes wrong, and must come out as if nothing had: `make soak`.

A host on loopback has a catalogue and its covers. First the program builds the dataset undisturbed.
Then the same host has troubles of every kind, and the program is killed every few seconds and
started again, until it ends by itself. Both datasets must be the same, nothing may be left behind,
memory must stay flat. Ends with 1, and says what, where anything isn't so.
"""

import argparse
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from bench import report
from bench.errors import BenchError
from bench.machine import keep_to_two_cores, machine, versions
from bench.own_disk import go_apart
from bench.soaking import Figures, Plan, Soak
from bench.troubles import Chances, Trouble

ROOT = Path(__file__).parents[1]
ALBUMS = 50_000
SCRATCH = ROOT / ".bench" / "soak"
_OURS = ("equigen", "urllib3", "pillow", "simplejpeg", "numpy")
_CHANCES = Chances()
_BLOWS = 0.1


def main() -> int:
    """Soak, print the report and keep it; 1 where anything isn't as it should be."""
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    may_mount = go_apart()
    if not may_mount:
        print("no disk of its own may be mounted here: none is full or read-only", file=sys.stderr)
    keep_to_two_cores()
    chances = Chances(
        options.seed,
        transit=options.share,
        expired=options.expired,
        nature=options.share,
        left_out=frozenset(options.left_out),
    )
    least_s, most_s = options.kill_after
    about = {**machine(), "equigen": versions(_OURS)}
    plan = Plan(options.albums, chances, least_s, most_s, options.blows, may_mount)
    soak = Soak(plan, options.scratch)
    try:
        figures = soak.carry_out()
    except BenchError as err:
        print(f"soak.py: {err}", file=sys.stderr)
        return 1
    if not figures.findings:  # else somebody will want to look
        shutil.rmtree(options.scratch)
    text = markdown(figures, about, chances)
    print(text)
    if options.scratch != SCRATCH:  # a try
        return _told_of(figures)
    is_usual = (chances, options.albums, options.blows) == (_CHANCES, ALBUMS, _BLOWS)
    raw = {"machine": about, **asdict(figures)}
    report.keep("soak.py", text, raw, whole=is_usual and not figures.findings)
    return _told_of(figures)


def _told_of(figures: Figures) -> int:
    """Say what isn't as it should be, and return the code to end with."""
    for finding in figures.findings:
        print(f"soak.py: {finding}", file=sys.stderr)
    return 1 if figures.findings else 0


def markdown(figures: Figures, about: Mapping[str, str], chances: Chances) -> str:
    """Return the report."""
    told, calm = _told(figures.told), _told(figures.calm_told)
    result = "the same as undisturbed" if not figures.findings else "**not as it should be**"
    rows = [
        ["result", result],
        ["albums", f"{figures.albums:,}"],
        ["covers", f"{figures.covers:,}, {figures.cover_bytes / 1e6:,.0f} MB"],
        ["runs of the program", f"{sum(figures.ends.values()):,}"],
        *([f"… {end}", f"{count:,}"] for end, count in figures.ends.items()),
        ["time until it ended by itself", f"{figures.wall_s / 60:.1f} min"],
        ["undisturbed", ", ".join(f"{name} {took_s} s" for name, took_s in figures.calm_s.items())],
        *([f"requests for {name}", f"{count:,}, undisturbed {calm['asked'].get(name, 0):,}"]
          for name, count in told["asked"].items()),
        ["troubles in transit", f"{sum(told['troubles'].values()):,}, {chances.transit:.0%}"],
        ["addresses refused until renewed", f"{told['expired']:,}"],
        ["sent by the host", f"{told['sent_bytes'] / 1e6:,.0f} MB"],
        *([f"memory (PSS), {name}", f"{mib:.0f} MiB"] for name, mib in figures.memory_mib.items()),
    ]  # fmt: skip
    parts = [
        report.table(["machine", ""], [list(pair) for pair in about.items()]),
        report.table(["soak", ""], rows),
        report.table(["trouble in transit", "pages", "objects", "pictures"], _troubles(told)),
        report.table(
            ["from outside, for one run", "times"],
            [[k, f"{n:,}"] for k, n in figures.blows.items()],
        ),
        report.table(["by nature", "albums"], [[k, f"{n:,}"] for k, n in figures.natures.items()]),
        report.table(
            ["no cover, in both runs", "albums"],
            [[k, f"{n:,}"] for k, n in figures.without.items()],
        ),
    ]
    if figures.findings:
        parts.append("\n".join(["**Findings:**", "", *(f"- {each}" for each in figures.findings)]))
    return "\n\n".join(parts) + "\n"


def _troubles(told: Mapping[str, Any]) -> list[list[str]]:
    counts = told["troubles"]
    return [
        [
            trouble,
            *(f"{counts.get(f'{of}: {trouble}', 0):,}" for of in ("pages", "objects", "pictures")),
        ]
        for trouble in Trouble
    ]


def _told(given: Mapping[str, object]) -> dict[str, Any]:
    return {"asked": {}, "troubles": {}, "expired": 0, "sent_bytes": 0, **given}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--albums", type=int, default=ALBUMS, help="so many, about")
    parser.add_argument("--seed", type=int, default=_CHANCES.seed)
    parser.add_argument(
        "--kill-after",
        type=float,
        nargs=2,
        default=(2.0, 6.0),
        metavar="S",
        help="a run is killed after so many seconds: at least, at most",
    )
    parser.add_argument(
        "--share",
        type=float,
        default=_CHANCES.transit,
        help="of answers that go wrong in transit, and of pictures that are odd by nature",
    )
    parser.add_argument(
        "--expired", type=float, default=_CHANCES.expired, help="share of addresses that expired"
    )
    parser.add_argument(
        "--blows",
        type=float,
        default=_BLOWS,
        help="share of runs in which something befalls the dataset from outside",
    )
    parser.add_argument(
        "--left-out",
        nargs="*",
        default=[],
        choices=list(Trouble),
        metavar="TROUBLE",
        help="troubles that don't happen",
    )
    parser.add_argument("--scratch", type=Path, default=SCRATCH, metavar="FOLDER")
    return parser.parse_args()  # fmt: skip


def _leave(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
