"""Training of a model of nuclei or cells: settings, first weights (another model's, ImageNet's or none), the run."""

import copy
from collections.abc import Sequence

import torch

from frugalseg.errors import SettingsError
from frugalseg.learning.crops import CropSampler
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_labels.label_training import learn_from_labels
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.models.inputs import check_channels
from frugalseg.models.model_settings import ObjectModelSettings, network_settings
from frugalseg.models.object_dataset import ObjectDataset
from frugalseg.models.training_options import TrainingOptions
from frugalseg.networks.cards import ObjectCard, StainCard
from frugalseg.networks.object_net import CellNetwork, NucleusNetwork, Target, object_network
from frugalseg.networks.pretrained import load_pretrained
from frugalseg.networks.unet import Unet

ObjectNetwork = NucleusNetwork | CellNetwork


def learning_settings(
    settings: ObjectModelSettings, target: Target, start: StainCard | ObjectCard | None
) -> LabelSettings:
    """Return the training settings; the encoder is the start's, and the sigmoid's slope that of a start of nuclei.

    Raises
    ------
    SettingsError
        There is no such target.
    """
    if target not in ("nuclei", "cells"):
        raise SettingsError(f"`target` is {target!r}; allowed are 'cells' and 'nuclei'")
    changed = network_settings(settings, ObjectModelSettings)
    if start is not None:
        changed |= {"encoder": start.settings.get("encoder", "small"), "weights": "none"}
        if target == start.kind == "nuclei" and settings.slope is None:
            changed["slope"] = start.settings.get("slope")
    return LabelSettings.preset(settings.preset, target=target, **changed)


def check_start_settings(card: StainCard | ObjectCard, settings: ObjectModelSettings) -> None:
    """`SettingsError` where the settings ask for another encoder than the start's, or for weights beside it."""
    encoder = card.settings.get("encoder", "small")
    if settings.encoder not in (None, encoder):
        raise SettingsError(
            f"`start` has the encoder {encoder!r}, so `encoder` {settings.encoder!r} can't start from it; leave `encoder` out"
        )
    if settings.weights is not None:
        raise SettingsError("`weights` and `start` both say where to start from; give one of them")


def channel_names(
    channels: Sequence[str] | None, n_channels: int, start: StainCard | ObjectCard | None
) -> tuple[str, ...]:
    """Return a name per channel: those given, or the start's.

    Raises
    ------
    SettingsError
        Not one name per channel, or the start was trained on another number of channels.
    """
    if start is not None and n_channels != len(start.channels):
        raise SettingsError(
            f"`start` was trained on {len(start.channels)} channels ({', '.join(start.channels)}) and the images have "
            f"{n_channels}; give as many, in the same order"
        )
    return check_channels(channels, n_channels, None if start is None else start.channels)


def begin_network(
    settings: LabelSettings,
    n_channels: int,
    seed: int,
    card: StainCard | ObjectCard | None = None,
    other: Unet | ObjectNetwork | None = None,
) -> tuple[ObjectNetwork, str]:
    """Make the network, with its first weights.

    Parameters
    ----------
    settings
        Target, encoder, weights.
    n_channels
        Of the images.
    seed
        Of what is random.
    card, other
        Card and network of the model to start from, which is not changed; None: there is none.

    Returns
    -------
    network
        The same architecture for every start.
    started_from
        For the card: "nothing", the encoder's weights, or the kind and checksum of the start.
    """
    torch.manual_seed(seed)
    network = object_network(settings.target, settings.encoder, n_channels, settings.slope)
    if card is None or other is None:
        loaded = load_pretrained(network.unet, settings.weights)
        return network, "nothing" if loaded == "none" else loaded
    if isinstance(other, Unet):
        network.unet = copy.deepcopy(other).cpu()
    elif card.kind == settings.target:
        network.load_state_dict(other.state_dict())
    else:
        network.unet = copy.deepcopy(other.unet).cpu()
    return network.train(), f"{card.kind} model {card.sha256[:12] or 'not saved'}"


def train_objects(
    network: ObjectNetwork,
    dataset: ObjectDataset,
    learning: LabelSettings,
    options: TrainingOptions,
) -> TrainingRecord:
    """Train a network, in place, on a dataset; returns what happened."""
    samples, validation = dataset.samples()
    masks, advice = (one.targets[-1] for one in samples), "label more objects, or take larger crops"
    draw = CropSampler(masks, learning.crop, options["seed"], threshold=0.5, advice=advice)
    return learn_from_labels(network.to("cpu"), samples, validation, draw, learning, **options)
