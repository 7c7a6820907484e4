"""Pictures side by side and tables of numbers: what a report shows of predicted stains and of tuning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import WrongShape
from frugalseg.report.layers import fit, to_bytes

LONGEST_SIDE = 700
"""px of a picture of a comparison; larger ones are shrunk as soon as they are given, to save memory."""

MOST_POINTS = 200_000
"""Pairs kept of a scatter; a 2-D histogram does not change visibly with more."""


def plain(value: Any) -> Any:
    """Give a number of NumPy as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


@dataclass(kw_only=True, eq=False)
class Comparison:
    """Pictures of one field side by side, e.g. input, real stain, predicted stain, and the numbers on them.

    Parameters
    ----------
    name
        The field's name; any text. Comparisons of one name count as one field.
    pictures
        (title, picture) in the order shown; each picture (Y, X) or (Y, X, 3), uint8 or float in 0..1, what
        `preview` returns, all of one (Y, X). Kept with at most 700 px on the longer side.
    numbers
        Name -> value, e.g. ``{"PCC": 0.93, "role": "held out"}``. The mean of "PCC" becomes a headline, over
        the fields whose "role" is "held out" where there are any.
    note
        One sentence below the pictures.
    scatter
        Real and predicted values, px by px, of equal shape and in one unit; shown as a 2-D histogram.

    Raises
    ------
    WrongShape
        When the pictures differ in (Y, X), one is no picture, or the two parts of `scatter` differ in shape.

    Examples
    --------
    >>> import numpy as np
    >>> one = Comparison(name="A1", pictures=[("input", np.zeros((900, 1400)))], numbers={"PCC": 0.9})
    >>> one.shape, one.pictures[0][1].shape
    ((900, 1400), (450, 700))
    """

    name: str
    pictures: Sequence[tuple[str, NDArray[Any]]] = ()
    numbers: Mapping[str, float | str | None] = field(default_factory=dict)
    note: str = ""
    scatter: tuple[NDArray[Any], NDArray[Any]] | None = None
    shape: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Check that the pictures lie on one pixel grid, and keep only as many px as are shown."""
        shapes = {title: np.shape(picture) for title, picture in self.pictures}
        sizes = {np.shape(picture)[:2] for _, picture in self.pictures}
        odd = [s for s in shapes.values() if len(s) not in (2, 3) or s[2:] not in ((), (3,)) or 0 in s]
        if odd or len(sizes) > 1:
            raise WrongShape(
                f"Comparison {self.name!r} needs pictures of one (Y, X), each (Y, X) or (Y, X, 3), and has {shapes}."
            )
        if sizes and self.shape is None:
            self.shape = next(iter(sizes))
        self.numbers = {name: plain(value) for name, value in self.numbers.items()}
        self.pictures = [
            (title, fit(to_bytes(np.asarray(picture)), LONGEST_SIDE)) for title, picture in self.pictures
        ]
        if self.scatter is not None:
            self.scatter = self._thinned(*self.scatter)

    def _thinned(self, real: NDArray[Any], predicted: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        if np.shape(real) != np.shape(predicted):
            raise WrongShape(
                f"Comparison {self.name!r} has {np.shape(real)} real and {np.shape(predicted)} predicted values; "
                "give one predicted value per real one."
            )
        x, y = np.ravel(real), np.ravel(predicted)
        if len(x) > MOST_POINTS:  # at random: a regular step could follow a pattern of the image
            chosen = np.random.default_rng(0).integers(0, len(x), MOST_POINTS)
            x, y = x[chosen], y[chosen]
        return x, y

    def condense(self) -> "Comparison":
        """Return this comparison with its name and numbers only."""
        return replace(self, pictures=(), scatter=None, note="")


@dataclass(kw_only=True)
class NumberTable:
    """A table of results, e.g. each field's score before and after tuning.

    Parameters
    ----------
    title
        The table's heading.
    columns
        Headings; the first one is that of the rows' names. Numbers below a heading that is, or begins with,
        "change" or "difference" are written with their sign.
    rows
        One value per column: text, a number, or None where there is none.
    note
        One sentence below the table.
    emphasise
        The row to mark; negative ones count from the end.

    Raises
    ------
    WrongShape
        When a row does not have one value per column, or the row to mark is not there.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int | None]]
    note: str = ""
    emphasise: int | None = None

    def __post_init__(self) -> None:
        """Refuse rows that don't fit their columns."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise WrongShape(
                    f"Table {self.title!r} has {len(self.columns)} columns and a row of {len(row)} values; "
                    "give one value per column."
                )
        self.rows = [[plain(value) for value in row] for row in self.rows]
        n = len(self.rows)
        if self.emphasise is not None and not -n <= self.emphasise < n:
            raise WrongShape(f"Table {self.title!r} has {n} rows and no row {self.emphasise} to mark.")
