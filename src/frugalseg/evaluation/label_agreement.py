"""Agreement of two segmentations of one field, such as of two modalities, where neither is the truth."""

import numpy as np

from frugalseg.evaluation.matching import Labels, match_labels


def label_agreement(first: Labels, second: Labels) -> float:
    """Return the mean IoU of two segmentations: over the cells of both, of the IoU with the best cell of the other one.

    Which comes first does not matter, and ids need not agree. A cell that only one of them has counts as 0. Unlike
    `cell_miou`, this is symmetric: too many cells cost as much as too few. Paper B reports such a mean between fluorescence and
    bright-field, 0.74, and 0.81 with nuclei as an input; it does not say how cells were paired, nor whether the background
    counts, as it does in the paper's accuracy. Here it does not.

    Parameters
    ----------
    first, second : (Y,X) integers
        Label maps, 0 background; a negative pixel of `first` is not annotated and counts in neither.

    Returns
    -------
    float
        0 to 1; 1 where neither has a cell.

    Raises
    ------
    WrongShape
        The maps differ in shape or are no label maps.

    Examples
    --------
    >>> first, second = np.array([[1, 1, 0, 2]]), np.array([[5, 5, 5, 0]])
    >>> float(round(label_agreement(first, second), 3)), label_agreement(first, second) == label_agreement(second, first)
    (0.444, True)
    """
    match = match_labels(first, second)
    best = np.zeros(len(match.true_ids)), np.zeros(len(match.predicted_ids))
    for side in (0, 1):
        np.maximum.at(best[side], match.pairs[:, side], match.iou)
    every = np.concatenate(best)
    return float(every.mean()) if len(every) else 1.0
