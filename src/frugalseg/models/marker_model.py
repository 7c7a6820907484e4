"""A network that segments cells from their markers, learned without labels (paper B)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadModel, WrongShape
from frugalseg.images.pixel_size import check_learned_size
from frugalseg.learning.device import Device, pick_device
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.learning.from_markers.marker_training import learn_from_markers, new_marker_network
from frugalseg.learning.snapshots import Snapshots
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.cue_sources import ManySources
from frugalseg.models.image_cues import ImageCues, cues_of
from frugalseg.models.inputs import GivenPixelSize, check_channels, for_each, names_of, owner_of
from frugalseg.models.many_cues import check_cues, find_many_cues, with_warnings
from frugalseg.models.marker_samples import collect_samples, marker_sample, segment_sample
from frugalseg.models.model_files import read_settings, read_training, save_model_folder, summarize_training
from frugalseg.models.model_settings import MarkerModelSettings, resolve_settings
from frugalseg.models.training_options import Progress, training_options, with_models
from frugalseg.networks.cards import MarkerCard
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.store import load_card, load_network


class MarkerModel:
    """A marker network with all it needs to segment images.

    Attributes
    ----------
    card
        Channels, size of the cells, settings.
    network
        The trained network.
    settings
        How it was trained and how it is used.
    training
        What happened in training; None where the model folder does not say.
    device
        Where it computes.

    References
    ----------
    Din and Yu, "Unsupervised deep learning method for cell segmentation" (paper B).

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((96, 96), n_cells=6, dim_nuclei=0, seed=1)
    >>> model = MarkerModel.fit(cells.cytoplasm, nuclei=cells.nuclear, diameter=30, max_steps=2, device="cpu")
    >>> labels = model.predict(cells.cytoplasm, nuclei=cells.nuclear, diameter=30)
    >>> labels.shape, labels.dtype.name
    ((96, 96), 'uint32')
    """

    def __init__(
        self,
        card: MarkerCard,
        network: MarkerNetwork,
        settings: MarkerSettings,
        training: TrainingRecord | None = None,
        device: Device = "auto",
    ) -> None:
        self.card, self.network, self.settings = card, network, settings
        self.training, self.device = training, device

    @classmethod
    def fit(
        cls,
        images: Any,
        nuclei: Any = None,
        *,
        markers: Any = None,
        masks: Any = None,
        scribbles: Any = None,
        channels: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        pixel_size: float | tuple[float, float] | None = None,
        settings: MarkerModelSettings | None = None,
        device: Device = "auto",
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        snapshots: "Snapshots[MarkerModel] | None" = None,
        **changes: Any,
    ) -> Self:
        """Train one network on the very images it is to segment, without labels.

        Parameters
        ----------
        images : (Y,X) or (C,Y,X), or a sequence of such arrays
            Channels that show the whole cell, of any real type.
        nuclei : (Y,X), or one for each image
            Nuclear stain, real or predicted.
        markers, masks, scribbles : one for each image
            In place of nuclei, and own foreground: see `frugalseg.find_cues`.
        channels, names, pixel_size, device, progress, checkpoint, resume, snapshots
            As of `frugalseg.StainModel.fit`.
        settings : MarkerModelSettings, optional
            Each setting can also be given as a keyword argument.

        Raises
        ------
        InputError
            An image can't be used: the message says which and why.
        SettingsError
            A setting is not allowed, or the device is not there.
        Interrupted
            Ctrl-C; the checkpoint is kept.
        """
        found = resolve_settings(MarkerModelSettings, settings, changes)
        pick_device(device)
        cues = find_many_cues(images, nuclei, markers, masks, scribbles, found, names, channels)
        return cls.fit_to_cues(
            cues,
            channels=channels,
            pixel_size=pixel_size,
            settings=found,
            device=device,
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            snapshots=snapshots,
        )

    @classmethod
    def fit_to_cues(
        cls,
        cues: Iterable[ImageCues],
        *,
        channels: Sequence[str] | None = None,
        nuclei: str | None = None,
        nuclei_from: str | None = None,
        pixel_size: GivenPixelSize | Callable[[], GivenPixelSize] = None,
        settings: MarkerModelSettings | None = None,
        device: Device = "auto",
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        snapshots: "Snapshots[MarkerModel] | None" = None,
        **changes: Any,
    ) -> Self:
        """Train one network on images whose cues are known; `fit` finds the cues and calls this.

        Parameters
        ----------
        cues
            From `frugalseg.find_cues`; walked through once. All images are normalised by the modalities of the first.
        nuclei, nuclei_from
            Names for the card: of the nuclear channel, and of the predicted stain that stood in for it.

        Raises
        ------
        WrongShape
            Images differ in the number of channels.
        SettingsError, Interrupted
            As of `fit`.
        """
        found = resolve_settings(MarkerModelSettings, settings, changes)
        options = training_options(found, found.seed, device, progress, checkpoint, resume)
        data = collect_samples(cues)
        named, size = check_channels(channels, len(data.modalities)), check_learned_size(pixel_size)
        learning = MarkerSettings.preset(found.preset, found.max_steps, data.samples[0].label_free)

        def card_of(training: TrainingRecord) -> MarkerCard:
            return MarkerCard(
                channels=named,
                modalities=data.modalities,
                nuclei=nuclei,
                nuclei_from=nuclei_from,
                diameter=data.diameter,
                pixel_size=size,
                settings=learning.model_dump(mode="json"),
                training=summarize_training(training, found.seed, [one.name for one in data.samples]),
            )

        def made(network: MarkerNetwork, training: TrainingRecord) -> MarkerModel:
            return cls(card_of(training), network, learning, training, device)

        taken = None if snapshots is None else with_models(snapshots, made)
        network, training = learn_from_markers(data.samples, learning, **options, snapshots=taken)
        return cls(card_of(training), network, learning, training, device)

    def predict(
        self,
        image: Any,
        nuclei: Any = None,
        *,
        markers: Any = None,
        mask: Any = None,
        scribbles: Any = None,
        names: Sequence[str] | None = None,
        settings: CueSettings | None = None,
        **changes: Any,
    ) -> Any:
        """Segment one image, or each of several.

        Parameters
        ----------
        image : (Y,X) or (C,Y,X), or a sequence of such arrays
            As many channels as in training, in the same order.
        nuclei, markers, mask, scribbles
            As of `frugalseg.find_cues`; one for each image.
        names
            Of the images, for messages.
        settings : CueSettings, optional
            How cues are found; each setting can also be given as a keyword argument.

        Returns
        -------
        (Y,X) uint32, or a list of them
            The id of a cell is the number of its marker, counted from 1.

        Raises
        ------
        InputError
            As of `frugalseg.find_cues`; or the image has another number of channels than the model.
        """
        found = resolve_settings(CueSettings, settings, changes)
        partners = {"nuclei": nuclei, "markers": markers, "mask": mask, "scribbles": scribbles}
        sources = ManySources(image, partners)
        labels = names_of(image, names)

        def segment(index: int, _image: Any) -> NDArray[np.uint32]:
            owner = owner_of(index, image, names)
            return self.segment(with_warnings(cues_of(sources[index], found, labels[index], owner, None)))

        return for_each(image, segment)

    def segment(self, cues: ImageCues) -> NDArray[np.uint32]:
        """Return the cells (Y,X) uint32 of one image whose cues are known; the id is the marker's number, from 1.

        Raises
        ------
        WrongShape
            The image has another number of channels than the model.
        """
        if len(check_cues(cues).planes) != len(self.card.channels):
            raise WrongShape(
                f"{cues.name} has {len(cues.planes)} channels and the model was trained on {len(self.card.channels)} "
                f"({', '.join(self.card.channels)}); give as many, in the same order"
            )
        sample = marker_sample(cues, self.card.modalities)
        return segment_sample(self.network, cues, sample, self.settings, self.device)

    def doubts(self, cues: ImageCues) -> tuple[str, ...]:
        """Return one sentence for each channel whose modality is not that of the training images."""
        return tuple(
            f"Channel {name!r} looks {found}, and the model was trained on {trained} images in its place."
            for name, found, trained in zip(
                self.card.channels, cues.modalities, self.card.modalities, strict=True
            )
            if found != trained
        )

    def save(
        self, folder: str | Path, overwrite: bool = False, extras: Mapping[str, str] | None = None
    ) -> None:
        """Write the model folder, whole or not at all.

        Parameters
        ----------
        folder
            Must not exist, be empty, or hold a model that `overwrite` replaces.
        overwrite
            Replace the model that is there.
        extras
            File name -> text of further files in the folder.

        Raises
        ------
        OutputExists, OutputFailed
            There is a model already; nothing can be written.
        """
        self.card = save_model_folder(folder, self.card, self.network, self.training, overwrite, extras)

    @classmethod
    def load(cls, folder: str | Path, device: Device = "auto") -> Self:
        """Read a model folder.

        Raises
        ------
        BadModel
            It is missing, damaged, or of another kind.
        """
        folder = Path(folder)
        card = load_card(folder)
        if not isinstance(card, MarkerCard):
            raise BadModel(f"{folder} is a model of kind '{card.kind}', and a marker network is needed here")
        # Older cards do not name these settings: their networks know the disk, patches as in training, and points.
        older = {"regularization": None, "margin": 0, "nuclei": 0, "keep_nuclei": False}
        held = older | card.settings
        settings = read_settings(MarkerSettings, held, folder)
        network = load_network(folder, new_marker_network, len(card.channels), settings)
        return cls(card, network, settings, read_training(folder), device)
