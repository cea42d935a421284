"""The figures as Markdown tables: medians, spreads, and whether what was demanded is met."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import ours
from bench.ceilings import both
from bench.contest import Result
from bench.limits import Limit
from bench.measure import Measurement

HERE = Path(__file__).parents[1]
DECODE = "decode"
FETCH_HTTP = "fetch over http"
FETCH_HTTPS = "fetch over https"
MARKS = "<!-- figures of {}: begin -->", "<!-- figures of {}: end -->"
BEGIN, END = (mark.format("download.py") for mark in MARKS)


@dataclass(slots=True)
class Figures:
    """All that one run measured. `ceilings` are rates a second by name, a value a round."""

    machine: dict[str, str]
    runs: int
    contests: list[Result] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    ceilings: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def ratio(faster: Sequence[Measurement], slower: Sequence[Measurement]) -> float:
    """Return how many times faster: the median over the rounds, of which each has its own ratio."""
    return median(b.wall_s / a.wall_s for a, b in zip(faster, slower, strict=True))


def markdown(figures: Figures) -> str:
    """Return the report."""
    parts = [_about(figures)]
    if figures.contests:
        parts += [_ratios(figures.contests), _speeds(figures.contests)]
    if figures.limits:
        parts.append(_limits(figures.limits))
    if figures.ceilings:
        parts.append(_ceilings(figures))
    if figures.failures:
        parts.append("\n".join(["**Not measured:**", "", *(f"- {f}" for f in figures.failures)]))
    return "\n\n".join(parts) + "\n"


def fill(document: str, figures: str, *, script: str = "download.py") -> str:
    """Put a script's report between its two marks in a document, in place of what stands there.

    Raises:
        ValueError: it has no such marks.

    """
    begin, end_mark = (mark.format(script) for mark in MARKS)
    start, end = document.index(begin) + len(begin), document.index(end_mark)
    return f"{document[:start]}\n\n{figures}\n{document[end:]}"


def keep(script: str, text: str, raw: object, *, whole: bool) -> None:
    """Keep a script's raw figures; those of a whole run also in README.md, with its report."""
    folder = HERE / "results" if whole else HERE.parent / ".bench" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / script).with_suffix(".json")
    file.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    if whole:
        readme = HERE / "README.md"
        document = readme.read_text(encoding="utf-8")
        readme.write_text(fill(document, text, script=script), encoding="utf-8")


def spread(values: Sequence[float], form: str) -> str:
    """Return the median and, of several values, the least and the most."""
    middle = format(median(values), form)
    if len(values) == 1:
        return middle
    return f"{middle} ({format(min(values), form)}-{format(max(values), form)})"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def all_met(figures: Figures) -> bool:
    """Tell whether everything was measured and is as demanded."""
    limits = all(median(limit.values) <= limit.demanded for limit in figures.limits)
    ratios = all(row.met for result in figures.contests for row in _rows(result))
    return limits and ratios and not figures.failures


@dataclass(frozen=True, slots=True)
class _Row:
    case: Result
    mode: str
    ratio: float
    demanded: float

    @property
    def met(self) -> bool:
        return self.ratio >= self.demanded


def _rows(result: Result) -> list[_Row]:
    mine = result.runs[ours.LABEL]
    return [
        _Row(result, rival.mode, ratio(mine, result.runs[rival.mode]), rival.demanded)
        for rival in result.case.rivals
    ]


def _about(figures: Figures) -> str:
    machine = [[name, value] for name, value in figures.machine.items()]
    runs = f"Medians of {figures.runs} (least to most), contestants in turns."
    return table(["machine", ""], machine) + f"\n\n{runs}"


def _ratios(contests: Iterable[Result]) -> str:
    rows = [
        [row.case.case.title, row.mode, f"{row.case.downloads:,}", f"**{row.ratio:.2f} x**",
         f"{row.demanded:.1f} x", _yes(met=row.met)]
        for result in contests for row in _rows(result)
    ]  # fmt: skip
    return table(["work", "img2dataset", "downloads", "faster", "demanded", "met"], rows)


def _speeds(contests: Iterable[Result]) -> str:
    rows = []
    for result in contests:
        for name, runs in result.runs.items():
            speeds = [result.downloads / one.wall_s for one in runs]
            cpu_s = median(one.cpu_s for one in runs) / result.downloads * 1000
            peak_mib = median(one.peak_rss_mib for one in runs)
            shown = name if name == ours.LABEL else f"img2dataset {name}"
            rows.append(
                [
                    result.case.title,
                    shown,
                    spread(speeds, ",.0f"),
                    f"{cpu_s:.2f}",
                    f"{peak_mib:.0f}",
                ]
            )
    titles = ["work", "tool", "images/s", "CPU s per 1,000", "peak MiB (RSS)"]
    return table(titles, rows)


def _limits(limits: Iterable[Limit]) -> str:
    rows = [
        [limit.what, f"{spread(limit.values, '.2f' if limit.unit == 's' else '.0f')} {limit.unit}",
         f"{limit.demanded:g} {limit.unit}", _yes(met=median(limit.values) <= limit.demanded)]
        for limit in limits
    ]  # fmt: skip
    return table(["equigen alone", "measured", "at most", "met"], rows)


def _ceilings(figures: Figures) -> str:
    rates = {name: median(values) for name, values in figures.ceilings.items()}
    rows = [
        [name, f"{spread(values, ',.0f')} images/s", ""]
        for name, values in figures.ceilings.items()
    ]
    for fetch, case in ((FETCH_HTTP, "originals"), (FETCH_HTTPS, "https-one")):
        ceiling = both(rates[DECODE], rates[fetch])
        reached = [
            result.downloads / median(one.wall_s for one in result.runs[ours.LABEL])
            for result in figures.contests
            if result.case.name == case
        ]
        near = f"{reached[0]:,.0f} images/s reached: {reached[0] / ceiling:.0%}" if reached else ""
        rows.append([f"{fetch}, then {DECODE}", f"{ceiling:,.0f} images/s", near])
    return table(["ceiling of two cores", "", "equigen, keep originals, full check"], rows)


def _yes(*, met: bool) -> str:
    return "yes" if met else "**no**"
