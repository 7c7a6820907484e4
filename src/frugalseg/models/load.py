"""A model folder of any kind, read."""

from pathlib import Path

from frugalseg.errors import SettingsError
from frugalseg.learning.device import Device
from frugalseg.models.marker_model import MarkerModel
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.stain_model import StainModel
from frugalseg.networks.cards import MarkerCard, ObjectCard, StainCard
from frugalseg.networks.store import load_card


def load_model(
    folder: str | Path, device: Device = "auto", *, fast: bool = False
) -> MarkerModel | StainModel | ObjectModel:
    """Read a model, whichever kind it is.

    Parameters
    ----------
    folder
        What `save`, `frugalseg learn` or `frugalseg segment` wrote.
    device : {"auto", "cpu", "cuda", "mps"}
        Where it computes.
    fast
        A model of nuclei or cells sees each image once, and not several times flipped and enlarged: several times faster,
        with less accurate borders and without confidence, so that images of the other contrast, dark for bright, are not noticed. For models
        of other kinds it must be left out.

    Raises
    ------
    BadModel
        The folder is missing, incomplete, damaged or of another version.
    SettingsError
        The device is not there, or this kind of model can't be faster.

    Examples
    --------
    >>> load_model("/no/such/folder")
    Traceback (most recent call last):
    ...
    frugalseg.errors.BadModel: /no/such/folder is no model folder...
    """
    card = load_card(folder)
    if fast and not isinstance(card, ObjectCard):
        raise SettingsError(
            f"{folder} is a model of kind '{card.kind}', and only models of nuclei or cells can be `fast`; leave it out"
        )
    if isinstance(card, MarkerCard):
        return MarkerModel.load(folder, device)
    if isinstance(card, StainCard):
        return StainModel.load(folder, device)
    model = ObjectModel.load(folder, device)
    if fast:
        model.settings = model.settings.model_copy(update={"orientations": 1})
    return model
