"""A network that predicts a stain from other channels, learned without labels (paper A)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadModel, InputError
from frugalseg.evaluation.pixel_scores import pearson_correlation
from frugalseg.images.image import Projection
from frugalseg.images.pixel_size import check_learned_size, check_pixel_size
from frugalseg.learning.device import Device, pick_device
from frugalseg.learning.fingerprint import checksum_of
from frugalseg.learning.from_stains.stain_settings import StainSettings
from frugalseg.learning.from_stains.stain_training import learn_from_stains
from frugalseg.learning.snapshots import Snapshots
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.models.inputs import GivenPixelSize, for_each, owner_of
from frugalseg.models.model_files import read_training, save_model_folder, summarize_training
from frugalseg.models.model_parts import ImagePart, StainPartScore, names_by_role
from frugalseg.models.model_scale import check_channel_count, model_planes, scale_by_pixel_size
from frugalseg.models.model_settings import StainModelSettings, network_settings, resolve_settings
from frugalseg.models.stain_dataset import StainPair, StainPairs, read_stain_dataset
from frugalseg.models.stain_scale import learned_stain
from frugalseg.models.training_options import Log, OnError, Progress, training_options, with_models
from frugalseg.networks.cards import StainCard
from frugalseg.networks.store import load_card, load_network
from frugalseg.networks.unet import Unet
from frugalseg.prediction.stain_values import learned_values
from frugalseg.prediction.whole_image import predict_stain


class StainModel:
    """A stain model with all it needs to predict the stain of new images.

    Attributes
    ----------
    card
        Channels, scale, the stain and its grey values, settings.
    network
        The trained network.
    training
        What happened in training; None where the model folder does not say.
    parts
        After `fit`: what was learned from and what was held out; empty for a loaded model.
    crops_skipped
        After `fit`: share of the training crops left out as they show no signal.
    started_from
        After `fit`: what the encoder's weights were before.
    device
        Where it computes.

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((96, 96), n_cells=6, dim_nuclei=0, seed=1)
    >>> model = StainModel.fit(cells.phase, cells.nuclear, crop=32, max_steps=1, device="cpu")
    >>> stain = model.predict(cells.phase)
    >>> stain.shape, stain.dtype.name
    ((96, 96), 'float32')
    """

    def __init__(
        self,
        card: StainCard,
        network: Unet,
        training: TrainingRecord | None = None,
        device: Device = "auto",
        *,
        parts: tuple[ImagePart, ...] = (),
        crops_skipped: float | None = None,
        started_from: str | None = None,
    ) -> None:
        self.card, self.training, self.device = card, training, device
        self.network = network.to(pick_device(device)).eval()
        self.parts, self.crops_skipped, self.started_from = parts, crops_skipped, started_from

    @classmethod
    def fit(
        cls,
        images: Any,
        stains: Any,
        *,
        target: str = "stain",
        project: Projection = "max",
        channels: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        pixel_size: GivenPixelSize | Callable[[], GivenPixelSize] = None,
        settings: StainModelSettings | None = None,
        device: Device = "auto",
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        log: Log | None = None,
        on_error: OnError | None = None,
        snapshots: "Snapshots[StainModel] | None" = None,
        **changes: Any,
    ) -> Self:
        """Train a network to predict a stain; no label is needed.

        Parameters
        ----------
        images : (Y,X) or (C,Y,X), or a sequence of such arrays
            What the stain is predicted from. A sequence may load each array when it is asked for: not all are kept.
        stains : (Y,X) or (Z,Y,X), or one for each image
            The real stain.
        target
            Name of the stain.
        project : {"max", "mean", "focus"}
            How focal planes of a stain become one: maximum, mean, or the sharpest.
        channels, names : sequence of str, optional
            Names of the channels and of the images.
        pixel_size : float or (float, float) or callable, optional
            (y, x) in um; a function is called once it is known which images can be used.
        settings : StainModelSettings, optional
            Each setting can also be given as a keyword argument.
        device : {"auto", "cpu", "cuda", "mps"}
            Where to compute.
        progress : callable, optional
            Called after every training step.
        checkpoint : path, optional
            Folder in which training is saved now and then; with `resume` it continues from there.
        log : callable, optional
            Called with one line on what is about to be learned.
        on_error : callable, optional
            Called with the number of an image that can't be used and the error; the image is then left out.
        snapshots : Snapshots, optional
            Steps after which a function is called with the model so far: see `frugalseg.learning.snapshots.Snapshots`.

        Raises
        ------
        InputError
            An image can't be used: the message says which and why.
        SettingsError
            A setting is not allowed, or the device is not there.
        Interrupted
            Ctrl-C; the checkpoint is kept.
        """
        found = resolve_settings(StainModelSettings, settings, changes)
        learning = StainSettings.preset(found.preset, **network_settings(found, StainModelSettings))
        options = training_options(found, found.seed, device, progress, checkpoint, resume)
        pairs = StainPairs(images, stains, project, names, channels)
        dataset = read_stain_dataset(
            pairs, target, learning, found.scale, found.seed, found.hold_out, on_error
        )
        size = check_learned_size(pixel_size)
        samples, validation = dataset.samples()
        draw = dataset.sampler(samples, learning, found.seed)
        if log is not None:
            log(f"{dataset.line()}; crops skipped, as they show no signal: {draw.skipped:.0%}")

        roles = [names_by_role(dataset.parts, role) for role in ("learned from", "held out")]
        known: dict[str, Any] = {"parts": dataset.parts, "crops_skipped": draw.skipped}

        def card_of(training: TrainingRecord) -> StainCard:
            return StainCard(
                channels=dataset.channels,
                pixel_size=size,
                settings=learning.model_dump(mode="json"),
                training=summarize_training(training, found.seed, *roles),
                scale=dataset.scale,
                target=target,
                project=project,
                target_scale=dataset.target_scale,
            )

        def made(network: Unet, training: TrainingRecord) -> StainModel:
            return cls(card_of(training), network, training, device, **known)

        taken = None if snapshots is None else with_models(snapshots, made)
        options["about"] += f" {dataset.contents}"
        network, training, started_from = learn_from_stains(
            samples, validation, draw, learning, **options, snapshots=taken
        )
        return cls(card_of(training), network, training, device, **known, started_from=started_from)

    def predict(
        self,
        image: Any,
        *,
        pixel_size: float | tuple[float, float] | None = None,
        names: Sequence[str] | None = None,
    ) -> Any:
        """Predict the stain of one image, or of each of several.

        Parameters
        ----------
        image : (Y,X) or (C,Y,X), or a sequence of such arrays
            As many channels as in training, in the same order.
        pixel_size : float or (float, float), optional
            (y, x) in um; where the model states one too, images are resized to the model's.
        names : sequence of str, optional
            Of the images, for messages.

        Returns
        -------
        (Y,X) float32, or a list of them
            In the grey values of the training stain; of a model that learned a mask, its probability. Where each field
            was scaled by its own percentiles, grey values are those of the median field.

        Raises
        ------
        InputError
            The image can't be used, or has another number of channels than the model.
        """
        size = check_pixel_size(pixel_size)

        def predict(index: int, one: Any) -> NDArray[np.float32]:
            scaled = self._predict(one, size, owner_of(index, image, names))
            grey: NDArray[np.float32] = self.card.target_scale.undo(scaled[None])[0]
            return grey

        return for_each(image, predict, "image")

    def predict_scaled(
        self,
        image: Any,
        *,
        pixel_size: float | tuple[float, float] | None = None,
        names: Sequence[str] | None = None,
    ) -> NDArray[np.float32]:
        """Predict the stain (Y,X) of one image on the scale of training, 0..1 for most pixels; else as `predict`.

        Of a mask it is the probability.
        """
        return self._predict(image, check_pixel_size(pixel_size), owner_of(0, image, names))

    def evaluate(
        self, images: Any, stains: Any, pixel_size: GivenPixelSize = None
    ) -> Iterator[StainPartScore]:
        """Score every part of the images that `fit` was given, or new images with a loaded model, one by one.

        Parameters
        ----------
        images, stains, pixel_size
            As of `fit`, the same images in the same order; the pixel size counts for new ones.

        Yields
        ------
        StainPartScore
            Of parts held out first.

        Raises
        ------
        InputError
            The images are others than those of `fit`; save the model and load it to score new ones.
        """
        pairs = StainPairs(images, stains, self.card.project, None, self.card.channels)
        for part in self.parts or _whole(pairs):
            pair: StainPair | None = pairs[part.index] if part.index < len(pairs) else None
            if pair is not None:
                check_channel_count(self.card, pair.planes, part.name)
            if pair is None or (
                part.role != "new" and part.checksum != checksum_of(pair.planes, pair.target)
            ):
                raise InputError(
                    f"`images` and `stains` are not those that the model was fitted to (see {part.name}); give the same in the "
                    "same order, or save the model and load it to score new ones"
                )
            area, scale = part.area, self.card.target_scale
            at = self.scale_for(pixel_size) if part.role == "new" else self.card.scale
            output = predict_stain(self.network, pair.planes, at)
            predicted, real = learned_values(output, scale), learned_stain(scale, pair.target)
            pcc = pearson_correlation(scale.undo(predicted[None])[0][area], pair.target[area])
            learned = pearson_correlation(predicted[area], real[area])
            shown = pair.planes[:, *area], real[area], predicted[area]
            yield StainPartScore(part.name, part.role, pcc, learned, *shown)

    def scale_for(self, pixel_size: GivenPixelSize = None) -> float:
        """Return network px per image px, so that an image looks as large as in training."""
        return scale_by_pixel_size(self.card, check_pixel_size(pixel_size))

    def save(
        self, folder: str | Path, overwrite: bool = False, extras: Mapping[str, str] | None = None
    ) -> None:
        """Write the model folder, whole or not at all; as of `frugalseg.MarkerModel.save`."""
        self.card = save_model_folder(folder, self.card, self.network, self.training, overwrite, extras)

    @classmethod
    def load(cls, folder: str | Path, device: Device = "auto") -> Self:
        """Read a model folder; `BadModel` where it is missing, damaged, or of another kind."""
        card = load_card(folder)
        if not isinstance(card, StainCard):
            raise BadModel(f"{folder} is a model of kind '{card.kind}'; a stain model is needed here")
        encoder = card.settings.get("encoder", "small")
        network = load_network(folder, Unet, encoder, len(card.channels), 1)
        return cls(card, network, read_training(Path(folder)), device)

    def _predict(self, image: Any, pixel_size: tuple[float, float] | None, owner: str) -> NDArray[np.float32]:
        planes = model_planes(self.card, image, owner)
        output = predict_stain(self.network, planes, self.scale_for(pixel_size))
        return learned_values(output, self.card.target_scale)


def _whole(pairs: StainPairs) -> Iterator[ImagePart]:
    for index, name in enumerate(pairs.names):
        yield ImagePart(name, "new", index, (slice(None), slice(None)))
