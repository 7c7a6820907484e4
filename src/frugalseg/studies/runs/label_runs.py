"""One run of a labels task: learn nuclei or cells from what is outlined, and score every test field."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import InputError
from frugalseg.evaluation.scores import compare_labels
from frugalseg.images.write import write_labels
from frugalseg.models.load import load_model
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.stain_model import StainModel
from frugalseg.studies.plan.field_channels import has_all
from frugalseg.studies.plan.run_specs import LabelRun
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.runs.work import Work
from frugalseg.studies.scores.score_rows import ScoreRow

#: Places that are tried until a crop holds an object.
TRIES = 1000


def run_labels(spec: LabelRun, data: StudyData, work: Work) -> list[ScoreRow]:
    """Train a model from so many labels, save it with what it finds in the test fields, and score that.

    Parameters
    ----------
    spec
        What is outlined, start, steps, settings.
    data
        Fields of the task.
    work
        Where models lie, and where to write.

    Returns
    -------
    list of ScoreRow
        mAP, cell_miou and mask_iou (paper A, eq. 5 and 4) of every test field. The mask is that of all objects found.

    Raises
    ------
    InputError
        A field can't be used, or an outlined crop would hold no object.
    """
    images, labels = _outlined(spec, data)
    number = sum(len(np.unique(one[one > 0])) for one in labels)
    start = _start(spec, work)
    if not images:
        if not isinstance(start, ObjectModel) or start.card.kind != spec.target:
            raise InputError(
                f"run '{spec.name}': with nothing outlined the start must be a model of {spec.target}"
            )
        model = start
    else:
        model = _fit(spec, data, work, start, images, labels)
    model.save(work.model)
    return list(score_fields(spec, model, data, work, number))


def score_fields(
    spec: LabelRun, model: ObjectModel, data: StudyData, work: Work, outlined: int
) -> Iterator[ScoreRow]:
    """Predict every test field, write its labels, and yield its scores."""
    for name in spec.test:
        size = data.pixel_size(name)
        predicted = model.predict(data.inputs(name, spec.inputs), pixel_size=size, names=[name])
        write_labels(work.folder / f"{name}_labels.tif", predicted, pixel_size=size)
        truth = data.labels(name, spec.labels)
        scores = compare_labels(truth, predicted)
        values = {"mAP": scores.mAP, "cell_miou": scores.cell_miou, "mask_iou": scores.foreground_iou}
        if not (truth >= 0).any():  # nothing is annotated, so nothing is known
            values = dict.fromkeys(values, math.nan)
        for metric, value in values.items():
            yield ScoreRow(
                task=spec.task,
                arm=spec.arm,
                run=spec.name,
                budget=str(spec.budget),
                outlined=outlined,
                steps=spec.steps,
                fold=spec.fold,
                seed=spec.seed,
                field=name,
                metric=metric,
                value=value,
            )


def outlined_crops(labels: NDArray[Any], size: int, count: int, seed: Iterable[int]) -> NDArray[np.int32]:
    """Return a label map in which only some crops are annotated, as if nothing else had been outlined.

    Parameters
    ----------
    labels : (Y,X) integers
        All objects; negative: not annotated.
    size
        Side of a crop, px; an image that is smaller is taken whole.
    count
        Number of crops; they may overlap.
    seed
        Decides where they lie. Each holds at least one object, if there is any.

    Returns
    -------
    (Y,X) int32
        -1 outside of the crops.

    Raises
    ------
    InputError
        No place was found where a crop holds an object.

    Examples
    --------
    >>> labels = np.zeros((8, 8), int); labels[1, 1] = 5
    >>> part = outlined_crops(labels, 4, 1, [0])
    >>> int((part >= 0).sum()), int(part.max())
    (16, 5)
    """
    random = np.random.default_rng(list(seed))
    part, empty = np.full(labels.shape, -1, np.int32), not (labels > 0).any()
    for _ in range(count):
        for _ in range(TRIES):
            corner = [int(random.integers(max(1, side - size + 1))) for side in labels.shape]
            area = tuple(slice(at, at + size) for at in corner)
            if empty or (labels[area] > 0).any():
                part[area] = labels[area]
                break
        else:
            raise InputError(
                f"no crop of {size} px with an object was found in {TRIES} tries; take larger crops"
            )
    return part


def _outlined(spec: LabelRun, data: StudyData) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Return the images that have labels, and those labels."""
    names = list(dict.fromkeys(spec.outlined))
    images = [data.inputs(name, spec.inputs) for name in names]
    labels = [data.labels(name, spec.labels) for name in names]
    if spec.crop_size is not None:
        numbers = [spec.learn_from.index(name) for name in names]
        labels = [
            outlined_crops(one, spec.crop_size, spec.outlined.count(name), (spec.seed, 5, number))
            for name, one, number in zip(names, labels, numbers, strict=True)
        ]
    return images, labels


def _start(spec: LabelRun, work: Work) -> StainModel | ObjectModel | None:
    """Load the model that training starts from."""
    if spec.start_kind in ("nothing", "imagenet"):
        return None
    folder = work.models[spec.start] if spec.start in work.models else work.data_root / spec.start
    start = load_model(folder, work.device)
    if not isinstance(start, StainModel | ObjectModel):
        raise InputError(
            f"run '{spec.name}': {folder} is a marker network; start from a stain model, or one of nuclei or cells"
        )
    return start


def _fit(
    spec: LabelRun,
    data: StudyData,
    work: Work,
    start: StainModel | ObjectModel | None,
    images: list[NDArray[Any]],
    labels: list[NDArray[Any]],
) -> ObjectModel:
    settings = dict(spec.settings)
    if start is None:
        settings["weights"] = "imagenet" if spec.start_kind == "imagenet" else "none"
    else:  # the network of the start is the network of the run
        settings.pop("encoder", None)
    outlined = set(spec.outlined)
    rest = (name for name in spec.learn_from if name not in outlined)
    others = (data.inputs(name, spec.inputs) for name in rest if has_all(name, (spec.inputs,), data))
    return ObjectModel.fit(
        images,
        labels,
        unlabelled=list(others) if isinstance(start, ObjectModel) else None,
        target=spec.target,
        start=start,
        channels=data.input_names(spec.outlined[0], spec.inputs),
        names=list(dict.fromkeys(spec.outlined)),
        pixel_size=data.pixel_size(spec.outlined[0]),
        device=work.device,
        progress=work.progress,
        checkpoint=work.checkpoint,
        resume=work.resume,
        log=lambda _line: None,
        seed=spec.seed,
        max_steps=spec.steps,
        **settings,
    )
