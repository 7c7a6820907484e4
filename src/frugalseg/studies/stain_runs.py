"""One run of a stains task, or one that makes a start: train a stain model, and score it on the test fields."""

from collections.abc import Iterator

from frugalseg.models.stain_model import StainModel
from frugalseg.studies.run_specs import StainRun
from frugalseg.studies.score_rows import ScoreRow
from frugalseg.studies.study_data import StudyData
from frugalseg.studies.work import Work


def run_stain(spec: StainRun, data: StudyData, work: Work) -> list[ScoreRow]:
    """Train a stain model, save it, and score it on every test field.

    Returns
    -------
    list of ScoreRow
        pcc (paper A, eq. 3) of every test field, of the stain's grey values.

    Raises
    ------
    InputError
        A field can't be used.
    """
    model = StainModel.fit(
        [data.inputs(name, spec.inputs) for name in spec.learn_from],
        [data.plane(name, spec.stain) for name in spec.learn_from],
        target=spec.stain,
        names=spec.learn_from,
        pixel_size=data.pixel_size(spec.learn_from[0]),
        device=work.device,
        progress=work.progress,
        checkpoint=work.checkpoint,
        resume=work.resume,
        seed=spec.seed,
        max_steps=spec.at_steps[-1],
        **spec.settings,
    )
    model.save(work.model)
    model.parts = ()  # all test fields are new
    return list(_rows(spec, model, data, spec.at_steps[-1]))


def _rows(spec: StainRun, model: StainModel, data: StudyData, steps: int) -> Iterator[ScoreRow]:
    for name in spec.test:
        (part,) = model.evaluate([data.inputs(name, spec.inputs)], [data.plane(name, spec.stain)])
        about = spec.task, spec.arm, spec.name, "", 0, steps, spec.fold, spec.seed, name
        yield ScoreRow(*about, "pcc", part.pcc)
