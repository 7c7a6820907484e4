"""Training of a model of nuclei or cells: settings, first weights (another model's, ImageNet's or none), the run."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from torch import Tensor

from frugalseg.errors import SettingsError
from frugalseg.learning.crop_batches import CropSample, Draw, check_batch
from frugalseg.learning.crops import CropSampler
from frugalseg.learning.fingerprint import checksum_of
from frugalseg.learning.from_labels.fitted_sigmoid import fit_sigmoid
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_labels.label_training import learn_from_labels
from frugalseg.learning.seeded import seeded
from frugalseg.learning.snapshots import Snapshots
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.models.allowed_starts import check_settings_of_start
from frugalseg.models.inputs import check_channels
from frugalseg.models.model_files import summarize_training
from frugalseg.models.model_parts import names_by_role
from frugalseg.models.model_settings import ObjectModelSettings, network_settings
from frugalseg.models.object_dataset import ObjectDataset
from frugalseg.models.rehearsal import rehearsal_beside
from frugalseg.models.training_options import TrainingOptions
from frugalseg.networks.cards import ObjectCard, StainCard
from frugalseg.networks.heads import ScaledSigmoid
from frugalseg.networks.object_net import (
    CellNetwork,
    NucleusNetwork,
    Target,
    object_network,
    predict_maps_whole,
)
from frugalseg.networks.pretrained import load_pretrained
from frugalseg.networks.unet import Unet

ObjectNetwork = NucleusNetwork | CellNetwork
Parts = Literal["all", "encoder", "decoder"]
#: Tensors of the encoder, and of the convolution at full resolution beside it.
ENCODER = ("unet.encoder.", "unet.stem.")


def learning_settings(
    settings: ObjectModelSettings, target: Target, start: StainCard | ObjectCard | None
) -> LabelSettings:
    """Return the training settings; the encoder is the start's, and the sigmoid that of a start of nuclei.

    A sigmoid that is to be fitted is fitted later, by `fit_sigmoid_to`.

    Those of the default preset are the preset "tuning" where the start is self-trained and finds the target.

    Raises
    ------
    SettingsError
        There is no such target, or settings do not fit it or the start, see `check_settings_of_start`.
    """
    if target not in ("nuclei", "cells"):
        raise SettingsError(f"`target` is {target!r}; allowed are 'cells' and 'nuclei'")
    changed = network_settings(settings, ObjectModelSettings)
    if settings.slope == "fitted":
        changed["slope"] = None
    check_settings_of_start(settings, target, None if start is None else start.kind)
    if start is None:
        return LabelSettings.preset(settings.preset, target=target, **changed)
    changed["encoder"] = start.settings.get("encoder", "small")
    if settings.start_parts != "decoder":
        changed["weights"] = "none"
    if target == start.kind == "nuclei" and settings.start_parts != "encoder":
        changed["midpoint"] = start.settings.get("midpoint")
        changed["slope"] = changed["slope"] or start.settings.get("slope")
    finds_cells = target == start.kind == "cells" and settings.start_parts == "all"
    tuned = settings.preset == "default" and is_student(start) and finds_cells
    return LabelSettings.preset("tuning" if tuned else settings.preset, target=target, **changed)


def is_student(card: StainCard | ObjectCard | None) -> bool:
    """Return whether this is the card of a self-trained model."""
    return isinstance(card, ObjectCard) and card.self_trained


def check_start_encoder(card: StainCard | ObjectCard, settings: ObjectModelSettings) -> None:
    """`SettingsError` where the settings ask for another encoder than the start's."""
    encoder = card.settings.get("encoder", "small")
    if settings.encoder not in (None, encoder):
        raise SettingsError(
            f"`start` has the encoder {encoder!r}, so `encoder` {settings.encoder!r} can't start from it; leave `encoder` out"
        )


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
    parts: Parts = "all",
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
    parts
        What is taken of it. The convolution beside the encoder belongs to it, the layers behind the decoder to that.

    Returns
    -------
    network
        The same architecture for every start.
    started_from
        For the card: "nothing", the encoder's weights, or the kind and checksum of the start.

    Raises
    ------
    SettingsError
        A step of one small crop is too little for the network.
    """
    fresh_encoder = card is None or parts == "decoder"
    with seeded(seed):
        about = settings.target, settings.encoder, n_channels, settings.slope, settings.midpoint
        network = object_network(*about)
        check_batch(settings.crop, settings.batch, network.unet.stride)
        loaded = load_pretrained(network.unet, settings.weights if fresh_encoder else "none")
    loaded = "nothing" if loaded == "none" else loaded
    if card is None or other is None:
        return network, loaded
    own = network.state_dict()
    network.load_state_dict(own | _taken(card, other, settings.target, parts))
    model = f"{card.kind} model {card.sha256[:12] or 'not saved'}"
    names = {
        "all": model,
        "encoder": f"encoder of {model}",
        "decoder": f"decoder of {model}, encoder: {loaded}",
    }
    return network.train(), names[parts]


def _taken(
    card: StainCard | ObjectCard, other: Unet | ObjectNetwork, target: Target, parts: Parts
) -> dict[str, Tensor]:
    """Return the tensors that a network takes from its start, under its own names."""
    if card.kind == target:
        tensors = other.state_dict()
    else:
        unet = other if isinstance(other, Unet) else other.unet
        tensors = {f"unet.{name}": tensor for name, tensor in unet.state_dict().items()}
    if parts == "all":
        return tensors
    return {name: one for name, one in tensors.items() if name.startswith(ENCODER) == (parts == "encoder")}


def fits_sigmoid(settings: ObjectModelSettings, start: StainCard | ObjectCard | None) -> bool:
    """Return whether the sigmoid is fitted to what the start predicts.

    By default it is for a stain in grey values: a perfect stain at slope 1 is a bad mask, since nuclei cover little of an
    image. A start that learned a mask suits slope 1 already.
    """
    if start is None or settings.start_parts != "all":
        return False
    if settings.slope is not None or settings.preset == "paper":
        return settings.slope == "fitted"
    return isinstance(start, StainCard) and start.target_scale.how != "mask"


def fit_sigmoid_to(network: ObjectNetwork, dataset: ObjectDataset, learning: LabelSettings) -> LabelSettings:
    """Fit the sigmoid of a network of nuclei, in place, to the stain that it predicts of the training set.

    Returns the settings with its slope and midpoint.
    """
    if not isinstance(network, NucleusNetwork):
        return learning
    samples, unet = dataset.samples()[0], network.unet.eval()
    known = [np.ones(one.shape, bool) if one.valid is None else one.valid for one in samples]
    stains = [predict_maps_whole(unet, one.planes)[0][at] for one, at in zip(samples, known, strict=True)]
    masks = [one.targets[0][at] > 0 for one, at in zip(samples, known, strict=True)]
    slope, midpoint = fit_sigmoid(np.concatenate(stains), np.concatenate(masks))
    network.activation = ScaledSigmoid(slope, midpoint)
    network.train()
    return learning.model_copy(update={"slope": slope, "midpoint": midpoint})


def train_objects(
    network: ObjectNetwork,
    dataset: ObjectDataset,
    learning: LabelSettings,
    options: TrainingOptions,
    rehearsed: Sequence[CropSample] = (),
    snapshots: Snapshots[tuple[ObjectNetwork, TrainingRecord]] | None = None,
) -> TrainingRecord:
    """Train a network, in place, on a dataset, and beside it on what its start found; returns what happened."""
    samples, validation = dataset.samples()
    draw: Draw = _draw_of(samples, learning.crop, options["seed"])
    if rehearsed:
        draw = rehearsal_beside(draw, len(samples), rehearsed, learning, options["seed"])
    data = [*samples, *rehearsed], validation, draw
    learned = [checksum_of(one.labels, one.planes) for one in dataset.images]
    others = [checksum_of(one.planes) for one in rehearsed]
    options["about"] += f" {learned} {others} {weights_checksum(network)}"
    return learn_from_labels(network.to("cpu"), *data, learning, **options, snapshots=snapshots)


def weights_checksum(network: ObjectNetwork) -> int:
    """Return a checksum of a network's weights, to tell one start from another."""
    return checksum_of(*(tensor.cpu().numpy() for tensor in network.state_dict().values()))


def _draw_of(samples: Sequence[CropSample], crop: int, seed: int) -> CropSampler:
    """Return positions of crops that show objects, or lie anywhere in a field that was outlined in full and holds none.

    Such fields are drawn like the others, but all of them no more often than those with objects, on average.
    """
    how: dict[str, Any] = {
        "threshold": 0.5,
        "masks": True,
        "advice": "label more objects, or take larger crops",
    }
    masks = [one.targets[-1] for one in samples]
    draw = CropSampler(masks, crop, seed, **how)
    known = [one.valid is None or bool(one.valid.all()) for one in samples]
    bare = {at for at in draw.empty if known[at] and not masks[at].any()}
    if not bare:
        return draw
    masks = [np.ones_like(mask) if at in bare else mask for at, mask in enumerate(masks)]
    weight = min(1.0, (len(masks) - len(draw.empty)) / len(bare))
    weights = [weight if at in bare else 1.0 for at in range(len(masks))]
    return CropSampler(masks, crop, seed, **how, weights=weights)


def card_of_objects(
    dataset: ObjectDataset, learning: LabelSettings, training: TrainingRecord, seed: int, **known: Any
) -> ObjectCard:
    """Return the card of a trained model; `known` are its channels, pixel size, start and normalisation."""
    roles = [names_by_role(dataset.parts, role) for role in ("learned from", "held out")]
    return ObjectCard(
        kind=dataset.target,
        settings=learning.model_dump(mode="json"),
        training=summarize_training(training, seed, *roles),
        scale=dataset.scale,
        diameter=dataset.diameter,
        **known,
    )
