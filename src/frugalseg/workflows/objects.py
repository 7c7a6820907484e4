"""Between a network of nuclei or cells and what is on disk: where its weights start, its card, loading."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import ValidationError

from frugalseg.errors import BadModel, SettingsError
from frugalseg.images.field import Field
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.networks.cards import MarkerCard, ObjectCard, StainCard
from frugalseg.networks.encoders import EncoderName
from frugalseg.networks.object_net import CellNetwork, NucleusNetwork, Target, object_network
from frugalseg.networks.pretrained import load_pretrained
from frugalseg.networks.store import CARD, load_card, load_weights
from frugalseg.networks.unet import Unet
from frugalseg.workflows.stains import SMALLEST_SCALE, TARGET_NUCLEUS_DIAMETER

ObjectNetwork = NucleusNetwork | CellNetwork

#: Cells are this wide, px, where the scale is chosen automatically.
TARGET_CELL_DIAMETER = 30.0


class Start(NamedTuple):
    """The model that a training run starts from.

    Attributes
    ----------
    folder
        Its folder.
    card
        What it is.
    encoder
        Of its U-Net.
    """

    folder: Path
    card: StainCard | ObjectCard
    encoder: EncoderName

    @property
    def name(self) -> str:
        """Kind and start of the checksum, for a record."""
        return f"{self.card.kind} model {self.card.sha256[:12]}"


def find_start(folder: str | Path, n_inputs: int | None = None) -> Start:
    """Look at a model that is to be started from.

    Raises
    ------
    BadModel
        It is missing, damaged, or a marker network, which sees single cells and no whole image.
    SettingsError
        It has another number of inputs.
    """
    folder = Path(folder)
    card = load_card(folder)
    if isinstance(card, MarkerCard):
        raise BadModel(
            f"{folder} is a marker network, which sees one cell at a time; start from a model of `learn stains` or `learn labels`"
        )
    if n_inputs is not None and n_inputs != len(card.channels):
        raise SettingsError(
            f"{folder} was trained on {len(card.channels)} inputs ({', '.join(card.channels)}) and {n_inputs} are given; "
            "give as many with --from, in the same order"
        )
    return Start(folder, card, card.settings.get("encoder", "small"))


def load_stain_model(folder: str | Path) -> tuple[StainCard, Unet]:
    """Read a stain model; `BadModel` where the folder is none, incomplete or damaged."""
    card = load_card(folder)
    if not isinstance(card, StainCard):
        raise BadModel(
            f"{folder} is a model of kind '{card.kind}'; a stain model is needed here (`learn stains`)"
        )
    return card, load_weights(folder, Unet(card.settings.get("encoder", "small"), len(card.channels), 1))


def load_object_model(folder: str | Path) -> tuple[ObjectCard, LabelSettings, ObjectNetwork]:
    """Read a model of nuclei or cells; `BadModel` where the folder is none, incomplete or damaged."""
    card = load_card(folder)
    if not isinstance(card, ObjectCard):
        raise BadModel(
            f"{folder} is a model of kind '{card.kind}'; one of nuclei or cells is needed here (`learn labels`)"
        )
    try:
        settings = LabelSettings.model_validate(card.settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("settings", *first["loc"])))
        raise BadModel(
            f"{Path(folder) / CARD} is damaged or of another version of frugalseg ({where}: {first['msg']})"
        ) from error
    network = object_network(card.kind, settings.encoder, len(card.channels), settings.slope)
    return card, settings, load_weights(folder, network)


def begin_network(
    settings: LabelSettings, channels: Sequence[str], start: Start | None, seed: int
) -> tuple[ObjectNetwork, str]:
    """Make the network, with its first weights.

    Returns
    -------
    network
        The same architecture for every start.
    started_from
        For the card: "nothing", the encoder's weights, or the kind and checksum of the start model.
    """
    torch.manual_seed(seed)
    network = object_network(settings.target, settings.encoder, len(channels), settings.slope)
    if start is None:
        loaded = load_pretrained(network.unet, settings.weights)
        return network, "nothing" if loaded == "none" else loaded
    if isinstance(start.card, StainCard):
        network.unet = load_stain_model(start.folder)[1]
    else:
        _, _, other = load_object_model(start.folder)
        if start.card.kind == settings.target:
            network.load_state_dict(other.state_dict())
        else:
            network.unet = other.unet
    return network.train(), start.name


def scale_for(target: Target, diameter: float, start: Start | None) -> float:
    """Network px per image px: the start's, for objects of the start's size; else the usual size of objects.

    A stain model's scale is taken as it is: its images come from the same microscope.
    """
    if start is not None and isinstance(start.card, ObjectCard) and start.card.kind == target:
        return min(4.0, start.card.scale * start.card.diameter / diameter)
    if start is not None:
        return start.card.scale
    at_work = TARGET_NUCLEUS_DIAMETER if target == "nuclei" else TARGET_CELL_DIAMETER
    return round(min(1.0, max(SMALLEST_SCALE, at_work / diameter)), 2)


def network_scale(card: StainCard | ObjectCard, field: Field, diameter: float | None = None) -> float:
    """Network px per image px, so that objects look as large as in training."""
    if diameter is not None and isinstance(card, ObjectCard):
        return min(4.0, card.scale * card.diameter / diameter)
    if card.pixel_size is not None and field.pixel_size is not None:
        return min(4.0, card.scale * field.pixel_size[0] / card.pixel_size[0])
    return card.scale
