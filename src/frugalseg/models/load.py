"""A model folder of any kind, read."""

from pathlib import Path

from frugalseg.learning.device import Device
from frugalseg.models.marker_model import MarkerModel
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.stain_model import StainModel
from frugalseg.networks.cards import MarkerCard, StainCard
from frugalseg.networks.store import load_card


def load_model(folder: str | Path, device: Device = "auto") -> MarkerModel | StainModel | ObjectModel:
    """Read a model, whichever kind it is.

    Parameters
    ----------
    folder
        What `save`, `frugalseg learn` or `frugalseg segment` wrote.
    device : {"auto", "cpu", "cuda", "mps"}
        Where it computes.

    Raises
    ------
    BadModel
        The folder is missing, incomplete, damaged or of another version.
    SettingsError
        The device is not there.

    Examples
    --------
    >>> load_model("/no/such/folder")
    Traceback (most recent call last):
    ...
    frugalseg.errors.BadModel: /no/such/folder is no model folder...
    """
    card = load_card(folder)
    if isinstance(card, MarkerCard):
        return MarkerModel.load(folder, device)
    if isinstance(card, StainCard):
        return StainModel.load(folder, device)
    return ObjectModel.load(folder, device)
