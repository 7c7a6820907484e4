"""How the figures of a study look, and how they become files; matplotlib is loaded when one is drawn."""

import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN = 3.5
"""Inches; one column of a paper."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Of Okabe and Ito: told apart with every common colour vision deficiency, and by their brightness in print."""

MARKERS = "osD^vPX"
"""One for each colour."""


def look_of(number: int) -> tuple[str, str]:
    """Return colour and marker of a line; up to 49 lines no two are alike."""
    rounds, colour = divmod(number, len(COLOURS))
    return COLOURS[colour], MARKERS[(colour + rounds) % len(MARKERS)]


_LINE = 30  # characters of a name on one line
_LONGEST_BESIDE = 22  # characters of a name, two of which fit beside each other below a figure

_STYLE = {
    "font.size": 8,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "frugalseg",
}


@dataclass(frozen=True)
class Plot:
    """One figure.

    Attributes
    ----------
    name
        Of its files, without suffix.
    title, caption
        For the report.
    png, svg
        The files; 200 dots per inch.
    """

    name: str
    title: str
    caption: str
    png: bytes
    svg: bytes


@contextmanager
def plot_style() -> Iterator[None]:
    """Draw in the style of all figures."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        yield


def new_figure(height: float, width: float = COLUMN, laid_out: bool = True) -> "Figure":
    """Return an empty figure of so many inches, by default one that lays itself out.

    It is made without pyplot, so with no window, and nothing of it stays in memory.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained" if laid_out else None)


def finish_plot(figure: "Figure", name: str, title: str, caption: str) -> Plot:
    """Return a figure as files, the same ones each time."""
    png, svg = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=200)
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return Plot(name, title, caption, png.getvalue(), svg.getvalue())


def starting(text: str) -> str:
    """Return a text as a sentence starts; names such as mAP stay.

    >>> starting("mean cell IoU"), starting("mAP")
    ('Mean cell IoU', 'mAP')
    """
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def short_name(words: str) -> str:
    """Return what sentences call an arm as a legend does, on several lines where it is long.

    >>> short_name("the stain model 'a'"), short_name("'log'")
    ("stain model 'a'", 'log')
    """
    name = words.removeprefix("the ")
    return wrapped(name.strip("'") if name.startswith("'") else name)


def wrapped(name: str) -> str:
    """Return a name on as many lines as it takes to fit beside or below a figure, broken between words where it has any.

    >>> wrapped("student_both_phase_first_nucleus").splitlines(), wrapped(32 * "x").splitlines()
    (['student_both_phase_first_', 'nucleus'], ['xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 'xx'])
    """
    lines = [""]
    for part in re.split(r"(?<=[ _])", name):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > _LINE:
            lines.append("")
        lines[-1] += part
    return "\n".join(textwrap.fill(line.rstrip(), _LINE) for line in lines)


def legend_columns(names: Sequence[str]) -> int:
    """Return how many names of a legend fit beside each other below a figure."""
    widest = max((len(line) for name in names for line in name.splitlines()), default=0)
    return 2 if len(names) > 1 and widest <= _LONGEST_BESIDE else 1
