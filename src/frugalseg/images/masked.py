"""Arrays of numpy with masked pixels, which no method of this package knows."""

from typing import Any

import numpy as np

from frugalseg.errors import BadPixels


def refuse_masked(values: Any, owner: str) -> None:
    """`BadPixels` where pixels are masked: as plain arrays they would hold whatever lies under the mask.

    >>> refuse_masked(np.ma.masked_array([1, 2], mask=False), "`labels`")
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        n = int(np.ma.getmaskarray(values).sum())
        raise BadPixels(
            f"{owner} has {n} masked pixels, and masks of numpy are not read; give labels where they are -1, which means not "
            "annotated, or an image where they are filled"
        )
