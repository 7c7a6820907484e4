"""Self-training: from images and their nuclei to a whole-image network of cells, without a label.

The teacher is no network: cells are grown from the nuclei inside the foreground (`frugalseg.models.teacher_cells`). A
network learns these cells over all images together, and is right where the teacher's errors differ from cell to cell.
In each further round it goes on from its own cells, corrected by the nuclei.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from frugalseg.errors import InputError, Interrupted, NoMarkers, WrongShape
from frugalseg.images.pixel_size import check_learned_size
from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.learning.checkpoint import Checkpoint
from frugalseg.learning.crop_batches import CropSample
from frugalseg.learning.crops import CropSampler
from frugalseg.learning.device import Device, pick_device
from frugalseg.learning.fingerprint import checksum_of
from frugalseg.learning.from_labels.label_samples import label_sample
from frugalseg.learning.from_labels.label_training import learn_from_labels
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.models.field_choice import choose_images
from frugalseg.models.field_doubts import MEASURED
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.inputs import GivenPixelSize, check_channels
from frugalseg.models.looks import image_look, sampling_weights
from frugalseg.models.many_cues import each_cues, find_many_cues
from frugalseg.models.mask_level import match_foreground
from frugalseg.models.model_files import summarize_training
from frugalseg.models.model_settings import SelfTrainingSettings, resolve_settings
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.object_training import weights_checksum
from frugalseg.models.own_sample import own_samples
from frugalseg.models.student_images import (
    StudentImage,
    Teacher,
    first_teacher,
    first_weights,
    student_images,
)
from frugalseg.models.student_start import Start, Student, begin_student, check_student_start, later_round
from frugalseg.models.trained_student import Cells, measure_student, rounds_agree, usual_values
from frugalseg.models.training_options import Log, OnError, Progress, training_options
from frugalseg.networks.cards import ObjectCard


def self_train(
    images: Any,
    nuclei: Any = None,
    *,
    markers: Any = None,
    masks: Any = None,
    scribbles: Any = None,
    start: Start | str | Path | None = None,
    channels: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    pixel_size: float | tuple[float, float] | None = None,
    settings: SelfTrainingSettings | None = None,
    device: Device = "auto",
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    log: Log | None = None,
    on_error: OnError | None = None,
    **changes: Any,
) -> ObjectModel:
    """Learn cells from images and their nuclei, without a label.

    Parameters
    ----------
    images : (Y,X) or (C,Y,X), or a sequence of such arrays
        Channels that show the whole cell, of any real type; each is normalised by its own modality. Not the nuclear stain
        itself: a student that sees it learns to miss the cells whose nucleus was not found.
    nuclei : (Y,X), or one for each image
        Nuclear stain, real or predicted; needed for learning only.
    markers, masks, scribbles : one for each image
        In place of nuclei, and own foreground: see `frugalseg.find_cues`.
    start : model or path, optional
        The student begins with its weights: a stain model, or a model of nuclei or of cells. In label-free images, the cells
        that a model of cells finds are what the first round learns, so the start may be a student of another cell line.
    channels, names : sequence of str, optional
        Names of the channels and of the images.
    pixel_size : float or (float, float), optional
        (y, x) in um.
    settings : SelfTrainingSettings, optional
        Each setting can also be given as a keyword argument.
    device, progress, checkpoint, resume
        As of `frugalseg.MarkerModel.fit`; a finished training goes on with more `rounds`.
    log : callable, optional
        Called with one line before each round.
    on_error : callable, optional
        Called with the number of an image that can't be used and the error; the image is then left out.

    Returns
    -------
    ObjectModel
        Of cells: it needs no nuclei, and uses them where they are given.

    Raises
    ------
    InputError
        An image can't be used: the message says which and why.
    BadModel
        `start` is missing, damaged or of the wrong kind.
    SettingsError
        A setting is not allowed or does not fit the start, or the device is not there.
    Interrupted
        Ctrl-C; the checkpoint is kept.

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((128, 128), n_cells=12, dim_nuclei=0, seed=1)
    >>> model = self_train(cells.phase, cells.nuclear, encoder="small", rounds=1, max_steps=1, device="cpu")
    >>> model.predict(cells.phase).shape
    (128, 128)
    """
    found = resolve_settings(SelfTrainingSettings, settings, changes)
    pick_device(device)
    first, size = check_student_start(start, found), check_learned_size(pixel_size)
    cues = find_many_cues(images, nuclei, markers, masks, scribbles, found, names, channels, on_error)
    return self_train_on_cues(
        cues,
        start=first,
        channels=channels,
        pixel_size=size,
        settings=found,
        device=device,
        progress=progress,
        checkpoint=checkpoint,
        resume=resume,
        log=log,
    )


def self_train_on_cues(
    cues: Iterable[ImageCues],
    *,
    start: Start | str | Path | None = None,
    channels: Sequence[str] | None = None,
    pixel_size: GivenPixelSize | Callable[[], GivenPixelSize] = None,
    settings: SelfTrainingSettings | None = None,
    device: Device = "auto",
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    log: Log | None = None,
    teacher: Teacher | None = None,
    **changes: Any,
) -> ObjectModel:
    """Learn cells from images whose cues are known; `self_train` finds the cues and calls this.

    Parameters
    ----------
    cues
        From `frugalseg.find_cues`; walked through once.
    teacher : callable
        Returns the cells (Y,X) of an image's cues that the first round learns; by default, a start of cells finds them in
        label-free images, and else they grow from the nuclei.

    All others are those of `self_train`; `pixel_size` may be a function, called once the cues are walked through.

    Raises
    ------
    InputError
        There are no cues, or images differ in the number of channels.
    SettingsError, Interrupted
        As of `self_train`.
    """
    found = resolve_settings(SelfTrainingSettings, settings, changes)
    first = check_student_start(start, found)
    chosen = choose_images(_same_channels(cues))
    if not chosen.cues:
        raise InputError("`cues` is empty; give the cues of at least one image")
    size = check_learned_size(pixel_size)
    diameter, how = float(np.median(chosen.diameters)), chosen.normalization
    student, teacher = begin_student(found, first, how, diameter), teacher or first_teacher(first, size)
    images = [one.normalized(how, diameter) for one in student_images(chosen.cues, teacher)]
    student = first_weights(student, teacher)
    looks = [image_look(resize_planes(one.planes, scaled_shape(one.shape, student.scale))) for one in images]
    weights, begun = sampling_weights(looks, chosen.counts), _beginning(student, images)
    _log_lines(chosen.lines(weights, channels), log)

    def train(number: int, samples: list[CropSample]) -> TrainingRecord:
        about = f"round {number} of {found.rounds}: {len(samples)} images, cells of {diameter:.0f} px"
        _log_lines([about], log)
        folder = None if checkpoint is None else Path(checkpoint) / f"round_{number}"
        alike = found.model_copy(update={"rounds": number})  # a training may be resumed with more rounds
        options = training_options(alike, found.seed + number - 1, device, progress, folder, resume)
        options["about"] += begun
        masks = (one.targets[-1] for one in samples)
        draw = CropSampler(masks, student.learning.crop, options["seed"], 0.0, 0.5, weights=weights)
        of_round = student.learning if number == 1 else later_round(student.learning)
        with _told_by_round(number, found.rounds):
            return learn_from_labels(student.network.to("cpu"), samples, [], draw, of_round, **options)

    if checkpoint is not None and not resume:
        Checkpoint.remove_rounds(Path(checkpoint))
    training, usual = _train_and_measure(student, images, found.rounds, train, device)
    card = ObjectCard(
        kind="cells",
        channels=check_channels(channels, len(images[0].planes)),
        pixel_size=size,
        settings=student.learning.model_dump(mode="json"),
        training=summarize_training(training, found.seed, [one.name for one in images]),
        scale=student.scale,
        diameter=diameter,
        started_from=f"self-training of {found.rounds} rounds, {student.started_from}",
        normalization=how,
        self_trained=True,
        looks=tuple(looks),
        **usual,
    )
    return ObjectModel(card, student.network, student.learning, training, device)


def _beginning(student: Student, images: Sequence[StudentImage]) -> str:
    """Return what decides a training beside its settings: the first weights, images, nuclei and the teacher's cells."""
    learned = [checksum_of(one.planes, one.nuclei, one.cells) for one in images]
    return f" {student.started_from} {weights_checksum(student.network)} {learned}"


@contextmanager
def _told_by_round(number: int, rounds: int) -> Iterator[None]:
    """Let the message of a training that was stopped begin with its round, where there are several."""
    try:
        yield
    except Interrupted as error:
        of_several = f"round {number} of {rounds} " if rounds > 1 else ""
        raise Interrupted(f"{of_several}{error}") from error


def _train_and_measure(
    student: Student,
    images: Sequence[StudentImage],
    rounds: int,
    train: Callable[[int, list[CropSample]], TrainingRecord],
    device: Device,
) -> tuple[TrainingRecord, dict[str, Any]]:
    """Train a student, in place; return the record of all rounds, and what its card says of the images."""
    records, before = _train_rounds(student, images, rounds, train, device)
    training, measured = TrainingRecord.joined(records), measure_student(student, images)
    agree = rounds_agree(images, measured, before)
    training.rounds_agree, training.cells_agree, training.rounds_differ = agree
    return training, usual_values(measured, student.diameter)


def _train_rounds(
    student: Student,
    images: Sequence[StudentImage],
    rounds: int,
    train: Callable[[int, list[CropSample]], TrainingRecord],
    device: Device,
) -> tuple[list[TrainingRecord], dict[int, Cells]]:
    """Train a student, in place: first on the teacher's cells, then on its own unless the teacher's are kept.

    Returns the records, and the cells that the last round but one found in the first images, by position.
    """
    taught = [label_sample(one.name, one.planes, one.cells, "cells", student.scale) for one in images]
    records, before = list[TrainingRecord](), dict[int, Cells]()
    for number in range(1, rounds + 1):
        samples = taught
        if number > 1:
            learns = [index for index, one in enumerate(images) if not one.keeps_teacher]
            own = dict(zip(learns, own_samples(student, [images[index] for index in learns]), strict=True))
            samples = [own[index].sample if index in own else sample for index, sample in enumerate(taught)]
            before = {index: one.labels for index, one in own.items() if index < MEASURED}
        records.append(train(number, samples))
        student.network.to(pick_device(device)).eval()
        if student.sees_fluorescence:
            match_foreground(student.network, images, student.scale, student.learning.orientations)
    return records, before


def _log_lines(lines: Iterable[str], log: Log | None) -> None:
    if log is not None:
        for line in lines:
            log(line)


def _same_channels(cues: Iterable[ImageCues]) -> Iterator[ImageCues]:
    """Pass cues on; an `InputError` at the first image without a marker, or with another number of channels than those before."""
    counts: set[int] = set()
    for one in each_cues(cues):
        if len(one.markers) == 0:
            raise NoMarkers(f"{one.name} has no marker, so nothing says where its cells are; leave it out")
        counts.add(len(one.planes))
        if len(counts) > 1:
            raise WrongShape(f"images have {sorted(counts)} channels; all must have the same channels")
        yield one
