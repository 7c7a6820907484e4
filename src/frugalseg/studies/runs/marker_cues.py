"""Cues of the fields of a markers task, from nuclei that are real or predicted, and how well the predicted ones agree."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.markers import find_markers
from frugalseg.evaluation.marker_agreement import MarkerAgreement, marker_agreement
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.image_cues import ImageCues, find_cues
from frugalseg.models.stain_model import StainModel
from frugalseg.runs.field_cues import REACH
from frugalseg.studies.plan.run_specs import MarkerRun
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.runs.work import Work


@dataclass(frozen=True)
class TaskCues:
    """Cues of fields, found when they are asked for.

    Attributes
    ----------
    spec, data
        The run, and the fields of its task.
    settings
        How cues are found.
    predict
        Predicts the nuclear stain (Y,X) of a field by its name; None: the real stain is taken.
    """

    spec: MarkerRun
    data: StudyData
    settings: CueSettings
    predict: Callable[[str], NDArray[np.float32]] | None = None

    def find(self, name: str) -> ImageCues:
        """Return the cues of a field; only the nuclei of test fields are predicted.

        Raises
        ------
        InputError
            A channel is missing or can't be used; `NoMarkers` where there is no nucleus.
        """
        method, predict = self.spec.method, self.predict
        real = predict is None or name not in self.spec.test
        nuclei = self.data.plane(name, method.nuclei) if real or predict is None else predict(name)
        return find_cues(self.data.inputs(name, method.inputs), nuclei, settings=self.settings, name=name)

    def agreement(self, name: str, points: NDArray[np.float64]) -> MarkerAgreement | None:
        """Compare markers (N,2) in the predicted stain with those in the real one.

        None: nuclei are not predicted, or the field has no real stain, or no nucleus is found in it.
        """
        nuclei = self.spec.method.nuclei
        if self.predict is None or not self.data.has(name, nuclei):
            return None
        real = find_markers(self.data.plane(name, nuclei), self.settings.nuclei_diameter)
        return marker_agreement(points, real.points, REACH * real.diameter) if len(real) else None


def task_cues(spec: MarkerRun, data: StudyData, settings: CueSettings, work: Work) -> TaskCues:
    """Return what finds the cues of a run's fields.

    Raises
    ------
    BadModel
        The model that predicts nuclei can't be read.
    """
    stain = spec.method.predicted_nuclei
    if stain is None or spec.nuclei_from is None:
        return TaskCues(spec, data, settings)
    model, inputs = (
        StainModel.load(work.models[spec.nuclei_from], work.device),
        stain.inputs or spec.method.inputs,
    )

    def predict(name: str) -> NDArray[np.float32]:
        planes = data.inputs(name, inputs)
        predicted: NDArray[np.float32] = model.predict(planes, pixel_size=data.pixel_size(name))
        return predicted

    return TaskCues(spec, data, settings, predict)
