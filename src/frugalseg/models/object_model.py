"""A network that finds nuclei or cells, learned from few outlined images (paper A)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadModel, SettingsError
from frugalseg.images.pixel_size import check_learned_size, check_pixel_size
from frugalseg.learning.device import Device, pick_device
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.snapshots import Snapshots
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.models.cell_prediction import find_alone, find_labels, known_nuclei, predict_cells
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.inputs import GivenPixelSize, as_sequence, for_each, owner_of
from frugalseg.models.many_cues import check_cues
from frugalseg.models.marker_areas import nuclei_of_images, numbered_as
from frugalseg.models.model_files import read_settings, read_training, save_model_folder
from frugalseg.models.model_parts import ImagePart, ObjectPartScore
from frugalseg.models.model_scale import grey_planes, normalization_of
from frugalseg.models.model_settings import ObjectModelSettings, resolve_settings
from frugalseg.models.object_dataset import build_object_dataset, read_labelled_images
from frugalseg.models.object_scale import ImageScale, image_scale, scale_by_sizes
from frugalseg.models.object_scores import score_dataset, score_images
from frugalseg.models.object_training import (
    ObjectNetwork,
    begin_network,
    card_of_objects,
    channel_names,
    check_start_encoder,
    fit_sigmoid_to,
    fits_sigmoid,
    learning_settings,
    train_objects,
)
from frugalseg.models.predictions import CellPrediction, ObjectPrediction
from frugalseg.models.rehearsal import rehearsal_samples
from frugalseg.models.seen_image import SeenImage, see_image
from frugalseg.models.stain_model import StainModel
from frugalseg.models.start_sight import meet_images, with_usual_confidence
from frugalseg.models.training_options import Log, OnError, Progress, say, training_options, with_models
from frugalseg.networks.cards import ObjectCard, StainCard
from frugalseg.networks.object_net import Target, object_network
from frugalseg.networks.store import load_card, load_network


class ObjectModel:
    """A model of nuclei or cells with all it needs to find them in new images.

    Attributes
    ----------
    card, network
        Channels, scale, size of the objects, settings; the trained network.
    settings, device, training
        How it is used, and where it computes; what happened in training, None where the model folder does not say.
    parts, start_evaluation
        After `fit`: what was learned from and what was held out, and scores of every part before training from a start.

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((96, 96), n_cells=6, seed=1)
    >>> model = ObjectModel.fit(cells.phase, cells.cells, crop=32, max_steps=1, device="cpu")
    >>> model.predict(cells.phase).shape
    (96, 96)
    """

    def __init__(
        self,
        card: ObjectCard,
        network: ObjectNetwork,
        settings: LabelSettings,
        training: TrainingRecord | None = None,
        device: Device = "auto",
        *,
        parts: tuple[ImagePart, ...] = (),
        start_evaluation: tuple[ObjectPartScore, ...] = (),
    ) -> None:
        self.card, self.settings, self.training, self.device = card, settings, training, device
        self.network = network.to(pick_device(device)).eval()
        self.parts, self.start_evaluation = parts, start_evaluation

    @classmethod
    def fit(
        cls,
        images: Any,
        labels: Any,
        *,
        unlabelled: Any = None,
        target: Target = "cells",
        start: "str | Path | StainModel | ObjectModel | None" = None,
        channels: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        pixel_size: GivenPixelSize | Callable[[], GivenPixelSize] = None,
        settings: ObjectModelSettings | None = None,
        device: Device = "auto",
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        log: Log | None = None,
        on_error: OnError | None = None,
        snapshots: "Snapshots[ObjectModel] | None" = None,
        **changes: Any,
    ) -> "ObjectModel":
        """Train a network to find nuclei or cells from few labelled images.

        Parameters
        ----------
        images : (Y,X) or (C,Y,X), or a sequence of such arrays
            What the objects are to be found in.
        labels : (Y,X), or one for each image
            One number per object, 0 background; negative: not annotated. A map of 0 alone is an example of background.
        unlabelled : one image or several, optional
            Without labels. Used with a self-trained start of the target: it keeps what it finds there, and forgets less.
        target : {"cells", "nuclei"}
            What the labels are.
        start : model or path, optional
            A stain model, or another model of nuclei or cells: its weights are the first, its normalisation is kept.
        channels, names, pixel_size, device, progress, checkpoint, resume, log, on_error, snapshots
            As of `frugalseg.StainModel.fit`.
        settings : ObjectModelSettings, optional
            Each setting can also be given as a keyword argument.

        Raises
        ------
        InputError
            An image can't be used: the message says which and why; or there is no label.
        BadModel, SettingsError
            `start` can't be read or is of the wrong kind; a setting is not allowed or does not fit it; no such device.
        Interrupted
            Ctrl-C; the checkpoint is kept.
        """
        found = resolve_settings(ObjectModelSettings, settings, changes)
        options = training_options(found, found.seed, device, progress, checkpoint, resume)
        first = None if start is None else check_start(start, found)
        card, weights = (None, None) if first is None else (first.card, first.network)
        learning = learning_settings(found, target, card)
        kept = read_labelled_images(images, labels, target, names, channels, on_error, card)
        size = check_learned_size(pixel_size)
        whole, n = (card if found.start_parts == "all" else None), len(kept[0].planes)
        known: dict[str, Any] = {"channels": channel_names(channels, n, card), "pixel_size": size}
        network, started_from = begin_network(learning, n, found.seed, card, weights, found.start_parts)
        network.to(pick_device(device))
        options["about"] += started_from
        sight = meet_images(network, whole, [one.planes for one in kept], target, size)
        dataset = build_object_dataset(kept, target, found, card, sight.scale)
        if fits_sigmoid(found, card):
            learning = fit_sigmoid_to(network, dataset, learning)
        say(log, f"{dataset.line()}; started from {sight.of(started_from)}", dataset.doubts)
        before = () if first is None else score_dataset(network, dataset, learning)
        rest = unlabelled, log, on_error, sight.inverted
        rehearsed = rehearsal_samples(network, whole, learning, dataset, *rest)
        known |= {"started_from": sight.of(started_from), "normalization": normalization_of(card)}

        def made(network: ObjectNetwork, training: TrainingRecord) -> "ObjectModel":
            card = card_of_objects(dataset, learning, training, found.seed, **known)
            return cls(card, network, learning, training, device, parts=dataset.parts)

        taken = None if snapshots is None else with_models(snapshots, made)
        model = made(network, train_objects(network, dataset, learning, options, rehearsed, taken))
        model.card = with_usual_confidence(model.card, network, learning, dataset)
        model.start_evaluation = before
        return model

    def predict(
        self,
        image: Any,
        *,
        nuclei: Any = None,
        pixel_size: float | tuple[float, float] | None = None,
        diameter: float | None = None,
        names: Sequence[str] | None = None,
    ) -> Any:
        """Find the objects of one image, or of each of several.

        Parameters
        ----------
        image, pixel_size, names
            As of `frugalseg.StainModel.predict`.
        nuclei : (Y,X), or one for each image, optional
            Nuclear stain, or a label map of nuclei, whose numbers their cells get: they correct cells that were split or merged. Of
            fluorescence, a self-trained model finds all cues first, and returns what `segment` does.
        diameter : float, optional
            Of a typical object, px; it outweighs `pixel_size`. Without it, a self-trained model corrects the scale itself.

        Returns
        -------
        (Y,X) uint32, or a list of them

        Raises
        ------
        InputError
            The image can't be used, or has another number of channels than the model.
        """
        size, stains = check_pixel_size(pixel_size), nuclei_of_images(self.card, nuclei, image)
        self.scale_for(size, diameter)  # for its checks

        def predict(index: int, one: Any) -> NDArray[np.uint32]:
            owner = owner_of(index, image, names)
            planes = grey_planes(self.card, one, owner)
            stain = stains[index]
            known = known_nuclei(self.card, stain, one, owner, diameter)
            if isinstance(known, ImageCues):
                return numbered_as(self.segment(known, pixel_size=size, diameter=diameter).labels, stain)
            return numbered_as(find_labels(self._seen(planes, owner, size, diameter), known), stain)

        return for_each(image, predict, "image")

    def segment(
        self, cues: ImageCues, *, pixel_size: GivenPixelSize = None, diameter: float | None = None
    ) -> CellPrediction:
        """Return the cells of one image whose cues are known, with its nuclei as seeds; all else as of `predict`.

        A diameter of cells that the user gave to the cues counts like `diameter`.
        """
        if self.card.kind != "cells":
            raise SettingsError("this model finds nuclei; cells are found around nuclei by a model of cells")
        planes, size = check_cues(cues).planes, check_pixel_size(pixel_size)
        seen = self._seen(planes, f"field {cues.name!r}", size, diameter, cues)
        return predict_cells(seen, self.card, cues)

    def _seen(self, image: Any, *known: Any) -> SeenImage:
        return see_image(self.card, self.network, self.settings, image, *known)

    def find_objects(
        self,
        image: Any,
        *,
        pixel_size: float | tuple[float, float] | None = None,
        diameter: float | None = None,
        names: Sequence[str] | None = None,
        seen: ImageScale | None = None,
    ) -> ObjectPrediction:
        """Return the objects of one image with maps, confidence and doubts; all else as of `predict` without nuclei.

        `seen` is what `image_scale` has found for this image; it outweighs sizes, which count where the image is seen otherwise.
        """
        owner, size = owner_of(0, image, names), check_pixel_size(pixel_size)
        return find_alone(self._seen(image, owner, size, diameter, None, seen), self.card)

    def evaluate(self, images: Any, labels: Any) -> Iterator[ObjectPartScore]:
        """Score what `predict` finds in every part of the images that `fit` was given, or in new images, one by one.

        Of the images of `fit`, with the same labels in the same order, parts held out come first, and what `fit` left out is
        left out again. Of new images, the first that can't be used is an error, and doubtful labels are a Python warning.
        """
        given = as_sequence(images)
        see = lambda one: self._seen(given[one.index], one.name, None, None, None)  # noqa: E731
        return score_images(images, labels, self.card, self.parts, see)

    def scale_for(self, pixel_size: GivenPixelSize = None, diameter: float | None = None) -> float:
        """Return network px per image px by what sizes are known: objects look as large as in training."""
        return scale_by_sizes(self.card, check_pixel_size(pixel_size), diameter)

    def image_scale(
        self,
        planes: NDArray[np.float32],
        pixel_size: tuple[float, float] | None = None,
        diameter: float | None = None,
        cues: ImageCues | None = None,
    ) -> ImageScale:
        """Return the scale for normalised planes: see `frugalseg.models.object_scale.image_scale`."""
        return image_scale(self.network, self.card, self.settings, planes, pixel_size, diameter, cues)

    def save(
        self, folder: str | Path, overwrite: bool = False, extras: Mapping[str, str] | None = None
    ) -> None:
        """Write the model folder, whole or not at all; as of `frugalseg.MarkerModel.save`."""
        self.card = save_model_folder(folder, self.card, self.network, self.training, overwrite, extras)

    @classmethod
    def load(cls, folder: str | Path, device: Device = "auto") -> Self:
        """Read a model folder; `BadModel` where it is missing, damaged, or of another kind."""
        card = load_card(folder)
        if not isinstance(card, ObjectCard):
            raise BadModel(f"{folder} is a model of kind '{card.kind}'; nuclei or cells are needed here")
        settings = read_settings(LabelSettings, card.settings, folder)
        about = card.kind, settings.encoder, len(card.channels), settings.slope, settings.midpoint
        network = load_network(folder, object_network, *about)
        return cls(card, network, settings, read_training(folder), device)


def check_start(start: Any, settings: ObjectModelSettings) -> StainModel | ObjectModel:
    """Return the model to start from, loaded if its folder is given; raises `BadModel` or `SettingsError` as of `fit`."""
    if isinstance(start, str | Path):
        card = load_card(start)
        if isinstance(card, StainCard):
            start = StainModel.load(start, "cpu")
        else:
            start = ObjectModel.load(start, "cpu") if isinstance(card, ObjectCard) else card
    if not isinstance(start, StainModel | ObjectModel):
        raise BadModel(
            f"`start` is a {type(start).__name__.replace('Card', 'Model')}; training starts from a StainModel, an ObjectModel, "
            "or the folder of one"
        )
    check_start_encoder(start.card, settings)
    return start
