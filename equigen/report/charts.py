"""Counts as pictures: bars, and a heat map with numbers."""

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from equigen.errors import UsageError
from equigen.report.colours import Colour, ink_on, shade
from equigen.report.tables import Crosstab, folded
from equigen.storage.atomic import check_output, write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What each type says of itself: no date, so that the same counts make the same file.
_METADATA: Final[Mapping[str, Mapping[str, None]]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
_MOST_ROWS, _MOST_COLUMNS = 60, 40
_LONGEST_ROW, _LONGEST_COLUMN = 34, 22
_BAR, _EMPTY = shade(0.6), Colour(0.96, 0.96, 0.95)
# Fonts with the letters that the usual one lacks; those that are here are asked after it.
_FURTHER_FONTS = (
    "Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans Devanagari", "Noto Sans Arabic",
    "Arial Unicode MS", "Hiragino Sans", "PingFang SC", "Yu Gothic", "Microsoft YaHei",
    "Malgun Gothic", "Nirmala UI", "WenQuanYi Zen Hei", "Unifont",
)  # fmt: skip
_FONT = "DejaVu Sans"
# At 9 points, in inches: a letter, a line, what is left free beside a number.
_LETTER_IN, _LINE_IN, _PADDING_IN = 0.082, 0.3, 0.14
_NARROWEST_IN, _WIDEST_HEAD_IN, _BARS_IN = 0.46, 0.9, 5.8


@dataclass(frozen=True, slots=True)
class Words:
    """What stands beside a chart's numbers: its title, and words behind some of the bars."""

    title: str
    behind: Mapping[str, str] = field(default_factory=dict)


def check_chart(path: Path, own: Collection[Path]) -> None:
    """Make sure, before anything else is done, that a chart can be drawn there.

    Raises:
        UsageError: its name says neither PNG, SVG nor PDF, it can't be a file, it is one of the
            dataset's `own`, or matplotlib isn't installed.

    """
    if path.suffix.lower() not in _METADATA:
        msg = f"--chart {path}: expected a name that ends in {', '.join(_METADATA)}."
        raise UsageError(msg)
    check_output(path, "--chart", own)
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415  (optional, and heavy)
    except ImportError:
        msg = (
            f"--chart {path}: charts need matplotlib, which isn't installed. Run"
            " `pip install 'equigen[chart]'`, or leave out --chart."
        )
        raise UsageError(msg) from None


def draw_bars(path: Path, counts: Mapping[str, int], words: Words) -> None:
    """Draw a bar a count, from top to bottom, the number behind it.

    Raises:
        StorageError: the disk refuses; a chart that was there before still is.

    """
    shown = folded(counts, _MOST_ROWS)
    height = max(1, len(shown))
    with _figure(_BARS_IN, _LINE_IN * height) as figure:
        axes = _bare_axes(figure, words.title)
        axes.barh(range(len(shown)), list(shown.values()), height=0.76, color=_BAR)
        axes.set_xlim(0, max(shown.values(), default=0) or 1)
        axes.set_ylim(height - 0.5, -0.5)
        axes.set_xticks([])
        _name_rows(axes, [_short(name, _LONGEST_ROW) for name in shown])
        for at, (name, count) in enumerate(shown.items()):
            text = "   ".join(filter(None, (f"{count:,}", words.behind.get(name))))
            axes.annotate(
                text, (count, at), xytext=(5, 0), textcoords="offset points", va="center_baseline"
            )
        _save(figure, path)


def draw_heat_map(path: Path, table: Crosstab, words: Words) -> None:
    """Draw a table as cells, the darker the more, each with its number; cells without stay empty.

    The totals stand at the names of rows and columns. Where the smallest rows or columns are summed
    up as others, these don't pale the rest.

    Raises:
        StorageError: the disk refuses; a chart that was there before still is.

    """
    most = max((count for row in table.counts for count in row), default=0)
    table = table.folded(_MOST_ROWS, _MOST_COLUMNS)
    columns = [_Column(_short(name, _LONGEST_COLUMN), n) for name, n in table.column_totals.items()]
    heads_in = max((_width_in(line) for each in columns for line in each.lines), default=0)
    cells_in = [_width_in(f"{count:,}") for row in table.counts for count in row]
    cell_in = max(_NARROWEST_IN, *cells_in, heads_in if heads_in <= _WIDEST_HEAD_IN else 0)
    width, height = max(1, len(columns)), max(1, len(table.rows))
    with _figure(cell_in * width, _LINE_IN * height) as figure:
        axes = _bare_axes(figure, words.title)
        axes.set_xlim(-0.5, width - 0.5)
        axes.set_ylim(height - 0.5, -0.5)
        totals = table.row_totals.items()
        _name_rows(axes, [f"{_short(name, _LONGEST_ROW)}  ({n:,})" for name, n in totals])
        if heads_in <= cell_in:
            axes.set_xticks(range(len(columns)), ["\n".join(each.lines) for each in columns])
        else:
            axes.set_xticks(
                range(len(columns)), ["  ".join(each.lines) for each in columns],
                rotation=50, ha="right", rotation_mode="anchor",
            )  # fmt: skip
        _fill(axes, table, most)
        _save(figure, path)


def _fill(axes: "Axes", table: Crosstab, most: int) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415  (as below)

    for y, row in enumerate(table.counts):
        for x, count in enumerate(row):
            ground = shade(min(1, count / most)) if count else _EMPTY
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=ground, edgecolor="white"))
            if count:
                axes.text(
                    x, y, f"{count:,}", ha="center", va="center_baseline", color=ink_on(ground)
                )


@dataclass(frozen=True, slots=True)
class _Column:
    """What stands at a column: its name, and how many albums it has."""

    name: str
    total: int

    @property
    def lines(self) -> tuple[str, str]:
        return self.name, f"({self.total:,})"


@contextmanager
def _figure(width_in: float, height_in: float) -> Iterator["Figure"]:
    """Open a figure that looks the same whatever the user's own matplotlibrc says.

    The size is that of the field of bars or cells; what stands around it is added.
    """
    import matplotlib as mpl  # noqa: PLC0415  (optional, and heavy)
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.font_manager import get_font_names  # noqa: PLC0415

    with mpl.rc_context(), warnings.catch_warnings():
        # A letter that no font here has is drawn as a box; that is no reason to be loud.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing", category=UserWarning)
        mpl.rcdefaults()
        here = set(get_font_names())
        fonts = [_FONT, *(name for name in _FURTHER_FONTS if name in here)]
        mpl.rcParams.update(
            {
                "font.family": fonts,
                "font.size": 9,
                "text.parse_math": False,  # "A$AP" is a name, not a formula
                "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
                "svg.hashsalt": "equigen",
                "pdf.fonttype": 42,
                "savefig.dpi": 200,
            }
        )
        figure = Figure((width_in, height_in))
        figure.subplots_adjust(0, 0, 1, 1)
        FigureCanvasAgg(figure)
        yield figure


def _bare_axes(figure: "Figure", title: str) -> "Axes":
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=9)
    axes.tick_params(length=0, pad=5)
    for side in axes.spines.values():
        side.set_visible(False)
    return axes


def _name_rows(axes: "Axes", names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names, va="center_baseline")


def _save(figure: "Figure", path: Path) -> None:
    suffix = path.suffix.lower()
    drawn = BytesIO()
    figure.savefig(
        drawn, format=suffix[1:], metadata=dict(_METADATA[suffix]), bbox_inches="tight",
        pad_inches=0.15,
    )  # fmt: skip
    write_bytes(path, drawn.getvalue())


def _short(name: str, longest: int) -> str:
    """Return a name on one line, cut where it is long."""
    name = " ".join(name.split())
    return name if len(name) <= longest else f"{name[: longest - 1].rstrip()}…"


def _width_in(text: str) -> float:
    return _PADDING_IN + _LETTER_IN * len(text)
