"""One run of a stains task, or one that makes a start: train a stain model, and score it on the test fields."""

import math
from collections.abc import Iterator

import numpy as np

from frugalseg.images.write import write_image
from frugalseg.learning.snapshots import Snapshots
from frugalseg.models.stain_model import StainModel
from frugalseg.prediction.stain_values import in_original_units
from frugalseg.studies.plan.run_specs import StainRun
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.runs.work import Work
from frugalseg.studies.scores.score_rows import ScoreRow


def run_stain(spec: StainRun, data: StudyData, work: Work) -> list[ScoreRow]:
    """Train a stain model, save it with the stains of the test fields, and score it, also after fewer steps of the training.

    Returns
    -------
    list of ScoreRow
        pcc (paper A, eq. 3) of the stain's grey values, and pcc_learned on the scale that was learned, of every test field
        after each of `spec.at_steps`. A training that ended earlier counts as one that stood still from there on.

    Raises
    ------
    InputError
        A field can't be used.
    """
    *earlier, last = spec.at_steps

    def take(_step: int, model: StainModel) -> dict[str, float]:
        return {f"{metric} of {name}": value for name, metric, value in _scores(spec, model, data)}

    model = StainModel.fit(
        [data.inputs(name, spec.inputs) for name in spec.learn_from],
        [data.plane(name, spec.stain) for name in spec.learn_from],
        target=spec.stain,
        channels=data.input_names(spec.learn_from[0], spec.inputs),
        names=spec.learn_from,
        pixel_size=data.pixel_size(spec.learn_from[0]),
        device=work.device,
        progress=work.progress,
        checkpoint=work.checkpoint,
        resume=work.resume,
        snapshots=Snapshots(earlier, take),
        seed=spec.seed,
        max_steps=last,
        **spec.settings,
    )
    model.save(work.model)
    assert model.training is not None
    taken, final = dict(model.training.snapshots), take(last, model)
    _write_stains(spec, model, data, work)
    scores = [*((step, taken.get(step, final)) for step in earlier), (last, final)]
    return [
        ScoreRow(
            spec.task, spec.arm, spec.name, "", 0, step, spec.fold, spec.seed, *_field_and_metric(key), value
        )
        for step, found in scores
        for key, value in found.items()
    ]


def _write_stains(spec: StainRun, model: StainModel, data: StudyData, work: Work) -> None:
    """Write the stain of every test field, so that it can be looked at; as `frugalseg predict` would."""
    for name in spec.test:
        size = data.pixel_size(name)
        scaled = model.predict_scaled(data.inputs(name, spec.inputs), pixel_size=size, names=[name])
        stain = in_original_units(scaled, model.card.target_scale)
        write_image(work.folder / f"{name}_stain.tif", stain, (spec.stain,), size)


def _field_and_metric(key: str) -> tuple[str, str]:
    metric, _, name = key.partition(" of ")
    return name, metric


def _scores(spec: StainRun, model: StainModel, data: StudyData) -> Iterator[tuple[str, str, float]]:
    """Yield field, metric and score; all test fields are new to the model."""
    seen = StainModel(model.card, model.network, device=model.device)
    for name in spec.test:
        real = data.plane(name, spec.stain)
        found = math.nan, math.nan  # of a constant stain
        if np.ptp(real) > 0:
            images = [data.inputs(name, spec.inputs)]
            (part,) = seen.evaluate(images, [real], data.pixel_size(name))
            found = part.pcc, part.pcc_learned
        yield name, "pcc", found[0]
        yield name, "pcc_learned", found[1]
