"""``--nuclei-from MODEL``: markers where no nuclear channel was imaged (paper B, "synthetic markers")."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.markers import Markers, find_markers
from frugalseg.errors import InputError
from frugalseg.evaluation.marker_agreement import marker_agreement
from frugalseg.images.channels import parse_channels
from frugalseg.images.field import Field
from frugalseg.networks.cards import StainCard
from frugalseg.networks.store import load_card
from frugalseg.networks.unet import Unet
from frugalseg.prediction.whole_image import predict_stain
from frugalseg.workflows.objects import load_stain_model, network_scale
from frugalseg.workflows.stains import read_zscored

#: A predicted marker stands for a real one within this many nuclear diameters.
REACH = 0.5


@lru_cache(maxsize=1)
def _loaded(folder: str, checksum: str) -> tuple[StainCard, Unet]:
    """One model for all fields of a run; the checksum tells a replaced model from the one before."""
    card, network = load_stain_model(folder)
    return card, network.eval()


def predicted_nuclei(field: Field, folder: str | Path) -> NDArray[np.float32]:
    """Nuclear stain (Y,X) of a field, predicted from the model's channels, in the stain's grey values.

    As `frugalseg.predict` does it: where the model and the image both state a pixel size, the image is resized to
    the model's. Computed on the CPU, since the cutter's training takes far longer.

    Raises
    ------
    BadModel
        The folder holds no stain model.
    InputError
        The field lacks one of the model's channels, or it can't be used.
    """
    card, network = _loaded(str(folder), load_card(folder).sha256)
    planes = read_zscored(field, parse_channels(",".join(card.channels)))
    grey: NDArray[np.float32] = card.target_scale.undo(
        predict_stain(network, planes, network_scale(card, field))[None]
    )[0]
    return grey


def agreement_with_real(
    field: Field, markers: Markers, nuclei: str, nuclei_diameter: float | None
) -> dict[str, Any] | None:
    """Compare predicted markers with those in the real stain; None where none are found in it."""
    try:
        real = find_markers(field.plane(nuclei), nuclei_diameter)
    except InputError:
        return None
    if len(real) == 0:
        return None
    return marker_agreement(markers.points, real.points, REACH * real.diameter).to_dict()
