"""Predicted stains in the report: input, real and predicted stain side by side."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from frugalseg.report import Comparison, preview

#: Dim cells are lifted by this exponent, in the real and in the predicted stain alike.
GAMMA = 0.6


def compare_stains(
    name: str,
    planes: NDArray[np.float32],
    real: NDArray[np.float32] | None,
    predicted: NDArray[np.float32],
    numbers: Mapping[str, float | str | None],
) -> Comparison:
    """Show input, real and predicted stain side by side, both stains with the same grey values.

    Parameters
    ----------
    name
        The field's.
    planes
        (C,Y,X) inputs; the first is shown.
    real, predicted
        (Y,X) stains in one unit; no real one where it was not imaged.
    numbers
        Shown below the pictures, such as ``{"PCC": 0.9}``.
    """
    pictures = [("input", preview(planes[:1]))]
    if real is not None:
        low, high = np.percentile(real, [0.5, 99.8])
        span = max(float(high - low), 1e-12)
        pictures += [
            (title, np.clip((plane - low) / span, 0, 1) ** GAMMA)
            for title, plane in (("real stain", real), ("predicted stain", predicted))
        ]
    else:
        pictures.append(("predicted stain", preview(predicted)))
    return Comparison(name=name, pictures=pictures, numbers=dict(numbers))
