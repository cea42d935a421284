"""Draw counts: bars, and a heat map with numbers, in colours that can be read.

The more, the darker a cell. Shades differ in lightness, and every number has enough contrast.
"""

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from equigen.dataset.context import Context
from equigen.errors import UsageError
from equigen.report.tables import Crosstab, HeatMap, folded, heat_map
from equigen.storage.atomic import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Metadata of each file type: no date, so that the same counts make the same file.
_METADATA: Final[Mapping[str, Mapping[str, None]]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
_MOST_ROWS, _MOST_COLUMNS = 60, 40
_LONGEST_ROW, _LONGEST_COLUMN = 34, 22
# Fonts with the letters that the usual one lacks; those that are here are asked after it.
_FURTHER_FONTS = (
    "Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans Devanagari", "Noto Sans Arabic",
    "Arial Unicode MS", "Hiragino Sans", "PingFang SC", "Yu Gothic", "Microsoft YaHei",
    "Malgun Gothic", "Nirmala UI", "WenQuanYi Zen Hei", "Unifont",
)  # fmt: skip
_FONT = "DejaVu Sans"
# At 9 points, in inches: a letter, a line, the free space beside a number.
_LETTER_IN, _LINE_IN, _PADDING_IN = 0.082, 0.3, 0.14
_NARROWEST_IN, _WIDEST_HEAD_IN, _BARS_IN = 0.46, 0.9, 5.8

BLACK, WHITE = "#000000", "#ffffff"

# The ends of a scale in Oklab: how light they are, how strong their blue, and more in the middle.
_LIGHTEST, _DARKEST = 0.95, 0.29
_PALEST, _DEEPEST, _MORE = 0.022, 0.085, 0.07
_BLUE_RAD = math.radians(255)
# Oklab to the cube roots of three cone responses, and their cubes to linear sRGB:
# https://bottosson.github.io/posts/oklab/
_TO_CONES = np.array(
    (
        (1.0, 0.3963377774, 0.2158037573),
        (1.0, -0.1055613458, -0.0638541728),
        (1.0, -0.0894841775, -1.2914855480),
    )
)
_TO_RGB = np.array(
    (
        (4.0767416621, -3.3077115913, 0.2309699292),
        (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.7076147010),
    )
)
# The start and the parameters of sRGB's curve: https://www.w3.org/TR/WCAG22/
_LINEAR_BELOW, _SLOPE, _OFFSET, _POWER = 0.04045, 12.92, 0.055, 2.4


class Colour(NamedTuple):
    """Colour in sRGB; each part goes from 0 to 1."""

    red: float
    green: float
    blue: float


_BAR_SHARE, _EMPTY = 0.6, Colour(0.96, 0.96, 0.95)


def check_chart(path: Path, context: Context) -> None:
    """Check that a chart can be drawn at a path, before anything else is done.

    Raises:
        UsageError: its name says neither PNG, SVG nor PDF, `Context.check_output`
            refuses it, or matplotlib isn't installed.

    """
    if path.suffix.lower() not in _METADATA:
        msg = f"--chart {path}: expected a name that ends in {', '.join(_METADATA)}."
        raise UsageError(msg)
    context.check_output(path, "--chart")
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415  (optional, and heavy)
    except ImportError:
        msg = (
            f"--chart {path}: charts need matplotlib, which isn't installed. Run"
            " `pip install 'equigen[chart]'`, or leave out --chart."
        )
        raise UsageError(msg) from None


def draw_bars(
    path: Path, counts: Mapping[str, int], title: str, *, behind: Mapping[str, str]
) -> None:
    """Draw a bar a count, from top to bottom, with its number and what `behind` has for its name.

    Raises:
        StorageError: the disk refuses; a chart that was there before still is.

    """
    shown = folded(counts, _MOST_ROWS)
    height = max(1, len(shown))
    with _figure(_BARS_IN, _LINE_IN * height) as figure:
        axes = _bare_axes(figure, title)
        axes.barh(range(len(shown)), list(shown.values()), height=0.76, color=shade(_BAR_SHARE))
        axes.set_xlim(0, max(shown.values(), default=0) or 1)
        axes.set_ylim(height - 0.5, -0.5)
        axes.set_xticks([])
        names = [_short(name, _LONGEST_ROW) for name in shown]
        axes.set_yticks(range(len(names)), names, va="center_baseline")
        for at, (name, count) in enumerate(shown.items()):
            text = "   ".join(filter(None, (f"{count:,}", behind.get(name))))
            axes.annotate(
                text, (count, at), xytext=(5, 0), textcoords="offset points", va="center_baseline"
            )
        _save(figure, path)


def draw_heat_map(path: Path, table: Crosstab, title: str) -> None:
    """Draw a table as cells, the darker the more, each with its number; cells without stay empty.

    The totals stand at the names of rows and columns; the smallest of many are summed up as others.

    Raises:
        StorageError: the disk refuses; a chart that was there before still is.

    """
    heat = heat_map(table, most_rows=_MOST_ROWS, most_columns=_MOST_COLUMNS)
    table = heat.table
    heads = [
        (_short(name, _LONGEST_COLUMN), f"({total:,})")
        for name, total in table.column_totals.items()
    ]
    heads_in = max((_width_in(line) for lines in heads for line in lines), default=0)
    cells_in = [_width_in(f"{count:,}") for row in table.counts for count in row]
    cell_in = max(_NARROWEST_IN, *cells_in, heads_in if heads_in <= _WIDEST_HEAD_IN else 0)
    width, height = max(1, len(heads)), max(1, len(table.rows))
    with _figure(cell_in * width, _LINE_IN * height) as figure:
        axes = _bare_axes(figure, title)
        axes.set_xlim(-0.5, width - 0.5)
        axes.set_ylim(height - 0.5, -0.5)
        totals = table.row_totals.items()
        names = [f"{_short(name, _LONGEST_ROW)}  ({total:,})" for name, total in totals]
        axes.set_yticks(range(len(names)), names, va="center_baseline")
        if heads_in <= cell_in:
            axes.set_xticks(range(len(heads)), ["\n".join(lines) for lines in heads])
        else:
            axes.set_xticks(
                range(len(heads)), ["  ".join(lines) for lines in heads],
                rotation=50, ha="right", rotation_mode="anchor",
            )  # fmt: skip
        _fill(axes, heat)
        _save(figure, path)


def _fill(axes: "Axes", heat: HeatMap) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415  (as below)

    for y, row in enumerate(heat.table.counts):
        for x, count in enumerate(row):
            ground = shade(heat.share(count)) if count else _EMPTY
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=ground, edgecolor="white"))
            if count:
                axes.text(
                    x, y, f"{count:,}", ha="center", va="center_baseline", color=ink_on(ground)
                )


@contextmanager
def _figure(width_in: float, height_in: float) -> Iterator["Figure"]:
    """Open a figure that looks the same whatever the user's own matplotlibrc says.

    The size is that of the field of bars or cells; what stands around it is added.
    """
    import matplotlib as mpl  # noqa: PLC0415  (optional, and heavy)
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
        yield figure


def _bare_axes(figure: "Figure", title: str) -> "Axes":
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=9)
    axes.tick_params(length=0, pad=5)
    axes.spines[:].set_visible(False)
    return axes


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


def shade(share: float) -> Colour:
    """Return the colour of a share from 0 to 1: one blue, in even steps from pale to dark.

    Lightness alone tells more from less, so it can be read by every eye, and printed in grey.
    """
    lightness = _LIGHTEST + (_DARKEST - _LIGHTEST) * share
    chroma = _PALEST + (_DEEPEST - _PALEST) * share + _MORE * math.sin(math.pi * share)
    lab = (lightness, chroma * math.cos(_BLUE_RAD), chroma * math.sin(_BLUE_RAD))
    linear = np.clip(_TO_RGB @ (_TO_CONES @ lab) ** 3, 0, 1)
    bent = (1 + _OFFSET) * linear ** (1 / _POWER) - _OFFSET
    return Colour(*np.where(linear <= _LINEAR_BELOW / _SLOPE, linear * _SLOPE, bent).tolist())


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast, 1 to 21: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(ground: Colour) -> str:
    """Return black or white, whichever stands out more: always a contrast of 4.5 or more."""
    on_black, on_white = contrast(ground, Colour(0, 0, 0)), contrast(ground, Colour(1, 1, 1))
    return BLACK if on_black > on_white else WHITE


def _luminance(colour: Colour) -> float:
    parts = np.array(colour)
    bent = ((parts + _OFFSET) / (1 + _OFFSET)) ** _POWER
    return float(np.where(parts <= _LINEAR_BELOW, parts / _SLOPE, bent) @ (0.2126, 0.7152, 0.0722))
