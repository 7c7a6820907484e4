"""The focal plane of a stack in which cells are found."""

import numpy as np

from frugalseg.cues.modality import detect_modality
from frugalseg.images.focus import best_focus
from frugalseg.images.image import PixelArray, finite_plane
from frugalseg.images.normalize import Plane

#: Side of the middle of an image that is looked at, px, so that tiles of a large field are all of one plane, found soon.
MIDDLE = 2048
#: Cell diameter where nothing is known of the cells, px. Of 39 label-free planes of real fields none is taken for
#: fluorescence with it; of 54 fluorescent ones two are taken for label-free, of which the sharpest plane serves, too.
DIAMETER = 24.0


def cell_plane(pixels: PixelArray, index: int, owner: str) -> int | None:
    """Return the focal plane (from 0) of a stack in which its cells are found; None: in the maximum of all planes.

    In fluorescence the maximum shows what any plane shows. Without a stain, what is out of focus in one plane is bright in
    another, so that the maximum shows cells and background alike: there the sharpest plane is taken.

    Parameters
    ----------
    pixels : (C,Z,Y,X)
        Grey values.
    index : int
        Which channel.
    owner : str
        What the pixels are of, for messages.

    Raises
    ------
    BadPixels
        A value is NaN or infinite, or there are no pixels.

    Examples
    --------
    >>> from frugalseg.images.normalize import blur
    >>> from frugalseg.synthetic.cells import make_cells
    >>> phase = make_cells((128, 128), seed=0).phase
    >>> cell_plane(np.stack([blur(phase, 2), phase])[None], 0, "a stack")
    1
    """
    _, depth, height, width = pixels.shape
    if depth == 1:
        return None
    rows, columns = _middle(height), _middle(width)

    def read(plane: int) -> Plane:
        return finite_plane(np.asarray(pixels[index, plane, rows, columns]), owner)

    sharpest = best_focus(map(read, range(depth)))
    return sharpest if detect_modality(read(sharpest), DIAMETER) == "label-free" else None


def _middle(length: int) -> slice:
    start = max(0, (length - MIDDLE) // 2)
    return slice(start, start + min(length, MIDDLE))
