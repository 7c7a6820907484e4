"""Pictures of one field side by side, with their numbers, such as of a real and a predicted stain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import WrongShape
from frugalseg.images.write import plain
from frugalseg.report.pixel_layers import shrink, to_bytes

LONGEST_SIDE = 700
"""px of the longer side of a picture; larger pictures are shrunk at once, to save memory."""

MOST_POINTS = 200_000
"""Pairs kept of a scatter; a 2-D histogram does not change visibly with more."""


@dataclass(kw_only=True, eq=False)
class Comparison:
    """Pictures of one field side by side, e.g. input, real stain and predicted stain, and their numbers.

    Parameters
    ----------
    name
        Name of the field; any text. Comparisons of one name count as one field.
    pictures
        (title, picture) in the order shown; each picture (Y, X) or (Y, X, 3), uint8 or float in 0..1, such as
        `preview` returns, all of one (Y, X). At most 700 px of the longer side are kept.
    numbers
        Name -> value, e.g. ``{"PCC": 0.93, "role": "held out"}``. The mean of "PCC" becomes a headline, over
        the fields with the "role" "held out" if there are any.
    note
        One sentence below the pictures.
    scatter
        Real and predicted values, px by px, of equal shape and in one unit; shown as a 2-D histogram.

    Raises
    ------
    WrongShape
        When the pictures differ in (Y, X), one has another number of axes, or the two parts of `scatter` differ in shape.

    Examples
    --------
    >>> import numpy as np
    >>> shown = Comparison(name="A1", pictures=[("input", np.zeros((900, 1400)))], numbers={"PCC": 0.9})
    >>> shown.shape, shown.pictures[0][1].shape
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
        sizes = {shape[:2] for shape in shapes.values()}
        wrong = [s for s in shapes.values() if len(s) not in (2, 3) or s[2:] not in ((), (3,)) or 0 in s]
        if wrong or len(sizes) > 1:
            raise WrongShape(
                f"Comparison {self.name!r} needs pictures of one (Y, X), each (Y, X) or (Y, X, 3), and has {shapes}."
            )
        if sizes and self.shape is None:
            self.shape = next(iter(sizes))
        self.numbers = plain(dict(self.numbers))
        self.pictures = [
            (title, shrink(to_bytes(np.asarray(picture)), LONGEST_SIDE)) for title, picture in self.pictures
        ]
        if self.scatter is not None:
            self.scatter = self._sampled(*self.scatter)

    @property
    def role(self) -> str:
        """What the field was in training, such as "held out"; "" when that is unknown."""
        return str(self.numbers.get("role") or "")

    @property
    def held_out(self) -> bool:
        """Whether the field was kept from training."""
        return self.role.lower().replace("-", " ").strip() == "held out"

    def condense(self) -> "Comparison":
        """Return this comparison with its name and numbers only."""
        return replace(self, pictures=(), scatter=None, note="")

    def _sampled(self, real: NDArray[Any], predicted: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
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
