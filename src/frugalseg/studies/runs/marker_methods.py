"""The methods of a markers task: each learns from cues, or needs not to, and finds the cells of a field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.channels import parse_channels
from frugalseg.learning.snapshots import Snapshots
from frugalseg.models.baseline_scores import TRIMMED, baseline_cells
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.marker_model import MarkerModel
from frugalseg.models.model_settings import MarkerModelSettings, SelfTrainingSettings
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.self_training import self_train_on_cues
from frugalseg.models.teacher_cells import teacher_cells
from frugalseg.studies.design.marker_design import LEARNING
from frugalseg.studies.plan.run_specs import MarkerRun
from frugalseg.studies.runs.work import Work

Labels = NDArray[np.uint32]  # (Y, X)
PixelSize = tuple[float, float] | None


@dataclass(frozen=True)
class Method:
    """A method that is ready to find cells.

    Attributes
    ----------
    find
        Returns the cells (Y,X) of a field's cues; also given the field's pixel size (y, x) in um.
    steps
        Training steps; 0 where nothing is learned.
    snapshots
        Steps -> numbers by name that `take` of `prepare_method` returned; without those that training did not reach.
    save
        Writes the model folder; None where there is no model.
    """

    find: Callable[[ImageCues, PixelSize], Labels]
    steps: int = 0
    snapshots: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    save: Callable[[Path], None] | None = None


def method_settings(spec: MarkerRun) -> CueSettings:
    """Return the settings of a run's method, with its seed."""
    kind = LEARNING.get(spec.method.method, CueSettings)
    of_run: dict[str, Any] = {"seed": spec.seed} if spec.method.learns else {}
    if spec.at_steps is not None:
        of_run["max_steps"] = spec.at_steps[-1]
    return kind.model_validate({**spec.method.settings, **of_run})


def prepare_method(
    spec: MarkerRun,
    cues: Sequence[ImageCues],
    pixel_size: PixelSize,
    work: Work,
    take: Callable[[MarkerModel], Mapping[str, float]] = lambda network: {},
) -> Method:
    """Learn from fields, where the method is not a classical one.

    Parameters
    ----------
    spec
        The run.
    cues
        Of the fields to learn from.
    pixel_size
        (y, x) in um of these fields.
    work
        Device, checkpoint and progress.
    take
        Scores a marker network after each of the run's `at_steps` but the last.

    Raises
    ------
    InputError
        A field can't be used.
    Interrupted
        Ctrl-C; the checkpoint is kept.
    """
    method, settings = spec.method, method_settings(spec)
    about: dict[str, Any] = {
        "channels": input_names(method.inputs, len(cues[0].planes)) if cues else None,
        "pixel_size": pixel_size,
        "device": work.device,
        "progress": work.progress,
        "checkpoint": work.checkpoint,
        "resume": work.resume,
    }
    if isinstance(settings, MarkerModelSettings):
        earlier = (spec.at_steps or ())[:-1]
        about["snapshots"] = Snapshots(earlier, lambda _step, network: take(network))
        network = _marker_network(spec, cues, settings, about)
        taken = {} if network.training is None else dict(network.training.snapshots)
        return Method(lambda one, _: network.segment(one), _steps(network), taken, network.save)
    if isinstance(settings, SelfTrainingSettings):
        teacher = (
            teacher_cells if method.teacher == "grown" else _network_as_teacher(spec, cues, settings, about)
        )
        student = self_train_on_cues(cues, settings=settings, teacher=teacher, **about)

        def find(one: ImageCues, size: PixelSize) -> Labels:
            if method.with_nuclei:
                return student.segment(one, pixel_size=size).labels
            return student.find_objects(one.planes, pixel_size=size).labels

        return Method(find, _steps(student), save=student.save)
    return Method(lambda one, _: classical_cells(method.method, one))


def classical_cells(name: str, cues: ImageCues) -> Labels:
    """Return the cells (Y,X) of a classical method, by its name in the design."""
    if name == "teacher":
        return teacher_cells(cues)
    cells = baseline_cells(cues)
    return cells["propagation"] if name == TRIMMED and TRIMMED not in cells else cells[name]


def input_names(inputs: str, count: int) -> tuple[str, ...] | None:
    """Return a name for each of the input planes; None where a channel without brackets has several focal planes.

    Examples
    --------
    >>> input_names("phase[1,3], dapi", 3)
    ('phase[1]', 'phase[3]', 'dapi')
    """
    names = [
        f"{one.channel}[{plane}]" if plane else str(one)
        for one in parse_channels(inputs)
        for plane in one.planes or (0,)
    ]
    return tuple(names) if len(names) == count else None


def _marker_network(
    spec: MarkerRun, cues: Sequence[ImageCues], settings: MarkerModelSettings, about: dict[str, Any]
) -> MarkerModel:
    predicted = spec.method.predicted_nuclei if spec.learn == "alone" else None
    names: dict[str, Any] = (
        {"nuclei": spec.method.nuclei} if predicted is None else {"nuclei_from": predicted.stain}
    )
    return MarkerModel.fit_to_cues(cues, settings=settings, **names, **about)


def _network_as_teacher(
    spec: MarkerRun, cues: Sequence[ImageCues], settings: SelfTrainingSettings, about: dict[str, Any]
) -> Callable[[ImageCues], Labels]:
    values = settings.model_dump(include=set(CueSettings.model_fields)) | {"seed": spec.seed}
    own = MarkerModelSettings.model_validate({**values, **spec.method.teacher_settings})
    folder = about["checkpoint"]
    aside = {"checkpoint": None if folder is None else folder / "teacher"}
    return _marker_network(spec, cues, own, {**about, **aside}).segment


def _steps(model: MarkerModel | ObjectModel) -> int:
    return 0 if model.training is None else model.training.steps
