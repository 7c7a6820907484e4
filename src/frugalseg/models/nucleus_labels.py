"""Label maps of nuclei from their stain, with nothing to learn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.background import subtract_background
from frugalseg.cues.markers import find_markers
from frugalseg.cues.outlines import outline_nuclei, remove_small
from frugalseg.errors import WrongShape
from frugalseg.instances.clean import clean_labels
from frugalseg.models.inputs import check_image, check_varies, for_each, owner_of
from frugalseg.models.model_settings import NucleiSettings, resolve_settings


def segment_nuclei(stain: Any, settings: NucleiSettings | None = None, **changes: Any) -> Any:
    """Outline the nuclei of a nuclear stain.

    Parameters
    ----------
    stain : (Y,X), or a sequence of such arrays
        Nuclei bright; any real type and range of grey values.
    settings : NucleiSettings, optional
        ``nuclei_diameter`` and ``level``; each can also be given as a keyword argument.

    Returns
    -------
    (Y,X) uint32, or a list of them
        One id per nucleus, in one piece and without holes; all 0 where there is no nucleus.

    Raises
    ------
    WrongShape, BadPixels
        `stain` is no plane, has no pixels, is constant, is not of real numbers, or holds NaN.
    SettingsError
        A diameter or level that can't be.

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((128, 128), n_cells=9, dim_nuclei=0, seed=1)
    >>> len(np.unique(segment_nuclei(cells.nuclear))) - 1
    9
    """
    found = resolve_settings(NucleiSettings, settings, changes)
    return for_each(stain, lambda index, one: _labels(one, found, owner_of(index, stain)), "stain")


def _labels(stain: Any, settings: NucleiSettings, owner: str) -> NDArray[np.uint32]:
    planes = check_image(stain, owner)
    if len(planes) != 1:
        raise WrongShape(f"{owner} has {len(planes)} channels; give the nuclear stain as one plane (Y,X)")
    check_varies(planes[0], owner)
    nuclei = find_markers(planes[0], settings.nuclei_diameter, method="threshold").nuclei
    assert nuclei is not None  # this method always draws them
    return clean_labels(remove_small(outline_nuclei(subtract_background(planes[0]), nuclei, settings.level)))
