"""Learning cells from the cues of many fields: a student by self-training, or the marker network of paper B."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from frugalseg.images.field import Field
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.marker_model import MarkerModel
from frugalseg.models.model_settings import SelfTrainingSettings
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.self_training import self_train_on_cues
from frugalseg.models.student_start import check_student_start
from frugalseg.runs.channel_settings import CueChannels, LearnCellsSettings, MarkerRunSettings
from frugalseg.runs.cue_dataset import CueDataset
from frugalseg.runs.field_arrays import learned_pixel_size
from frugalseg.runs.field_cues import predicted_stain
from frugalseg.runs.input_planes import named_planes
from frugalseg.runs.marker_process import Segmented
from frugalseg.runs.model_folder import ModelRun


def self_training_settings(settings: LearnCellsSettings) -> SelfTrainingSettings:
    """Return the settings of the student; only for at least one round."""
    values: dict[str, Any] = settings.model_dump(include=set(CueSettings.model_fields))
    if "encoder" in settings.model_fields_set:
        values["encoder"] = settings.encoder  # else the start's
    return SelfTrainingSettings(
        **values,
        rounds=settings.n_rounds,
        weights=settings.weights,
        max_steps=settings.max_steps,
        seed=settings.seed,
    )


def names_to_keep(fields: Iterable[Field], settings: CueChannels) -> tuple[tuple[str, ...], str | None]:
    """Return the channels of cells and of real nuclei as a model keeps them: by name, also those given by index."""
    given = settings.images()
    whole = next((field for field in fields if all(map(field.has, given))), None)
    names = given if whole is None else tuple(map(whole.named, given))
    count = len(settings.cells)
    return names[:count], next(iter(names[count:]), None)


def learn_cells(data: CueDataset, settings: LearnCellsSettings, run: ModelRun) -> MarkerModel | ObjectModel:
    """Find the cues of the fields one by one, and learn from them.

    Raises
    ------
    InputError
        The first field's error, where no field can be used.
    BadModel, SettingsError
        The start can't be used, or does not fit.
    Interrupted
        Ctrl-C; the checkpoint is kept.
    """
    found = data.cues()
    first = next(found)
    student = self_training_settings(settings) if settings.n_rounds else None
    start = None if student is None else check_student_start(settings.start, student)
    channels, real = names_to_keep(data.table, settings)
    with run.log.training_bar("training") as progress:
        cues: Iterable[ImageCues] = chain([first], found)
        common: dict[str, Any] = {
            "channels": channels,
            "pixel_size": lambda: learned_pixel_size(data.used()),
            "device": run.options.device,
            "progress": progress,
            "checkpoint": run.checkpoint,
            "resume": run.options.resume,
        }
        if student is not None:
            return self_train_on_cues(cues, start=start, settings=student, log=run.log.line, **common)
        predicted = predicted_stain(settings)
        return MarkerModel.fit_to_cues(cues, nuclei=real, nuclei_from=predicted, settings=settings, **common)


def segment_learned(
    model: MarkerModel | ObjectModel,
    cues: ImageCues,
    pixel_size: tuple[float, float] | None = None,
    diameter: float | None = None,
) -> Segmented:
    """Return the cells of a field of the run that a model of either kind was learned in."""
    if isinstance(model, MarkerModel):
        return Segmented(model.segment(cues))
    training = model.training or TrainingRecord()
    found = model.segment(cues, pixel_size=pixel_size, diameter=diameter)
    return Segmented.of(found, training.rounds_agree.get(cues.name), training.cells_agree.get(cues.name))


def segment_alone(model: ObjectModel, settings: MarkerRunSettings, field: Field) -> Segmented:
    """Return the cells of a field in which no nucleus is found."""
    planes, size = named_planes(field, settings.cells), field.pixel_size
    found = model.find_objects(planes, pixel_size=size, diameter=settings.diameter, names=[field.name])
    mask = None if settings.mask is None else field.labels(settings.mask)
    if mask is not None:
        labels = np.where(mask > 0, found.labels, 0).astype(np.uint32)
        left = set(np.unique(labels).tolist())
        sure = found.confidence and {cell: one for cell, one in found.confidence.items() if cell in left}
        found = replace(found, labels=labels, confidence=sure)
    return Segmented.alone(found)
