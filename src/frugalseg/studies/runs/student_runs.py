"""One run that makes a start: a student, self-trained without labels on all fields but the test fields."""

from frugalseg.models.self_training import self_train
from frugalseg.studies.plan.run_specs import StudentRun
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.runs.work import Work
from frugalseg.studies.scores.score_rows import ScoreRow


def run_student(spec: StudentRun, data: StudyData, work: Work) -> list[ScoreRow]:
    """Self-train a student and save it; it is scored where a task has a budget of nothing.

    Raises
    ------
    InputError
        A field can't be used, or no cell is found in any.
    """
    settings = dict(spec.settings)
    if spec.start is not None:
        settings["start"] = work.models.get(spec.start, work.data_root / spec.start)
        settings.pop("encoder", None)  # the network of the start is the student's
    sizes = [data.pixel_size(name) for name in spec.learn_from]
    model = self_train(
        [data.inputs(name, spec.inputs) for name in spec.learn_from],
        [data.plane(name, spec.nuclei) for name in spec.learn_from],
        channels=data.input_names(spec.learn_from[0], spec.inputs),
        names=spec.learn_from,
        pixel_size=sizes[0],
        device=work.device,
        progress=work.progress,
        checkpoint=work.checkpoint,
        resume=work.resume,
        log=lambda _line: None,
        seed=spec.seed,
        **settings,
    )
    model.save(work.model)
    return []
