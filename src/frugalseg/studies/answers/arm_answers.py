"""What a study says about ways to predict a stain, or to find cells from markers."""

from collections.abc import Iterator

from frugalseg.studies.answers.findings import Answer, TaskScores, difference_values, reference_of
from frugalseg.studies.answers.phrases import (
    difference_words,
    fields_words,
    more_words,
    rank_words,
    spread_words,
)
from frugalseg.studies.design.study_design import MarkerTask, StainTask
from frugalseg.studies.scores.curves import steps_of
from frugalseg.studies.scores.differences import compare_rows


def arm_answers(about: TaskScores) -> Iterator[Answer]:
    """Yield the answers of a task without label budgets: the best arm, each arm against its reference, more steps."""
    points = {one.arm: one for one in about.points if one.steps == about.steps}
    after = "Without labels" if isinstance(about.task, MarkerTask) else f"After {about.steps:,} steps"
    if ranked := about.ranked(points.values()):
        best = ranked[0]
        rank = rank_words(ranked, about.words, "arms") if len(ranked) > 1 else about.words[best.arm]
        start = f"{after}, {rank}: {about.score} {spread_words(best)}."
        yield about.answer("best", start, arm=best.arm, score=best.mean)
    for arm in points:
        than = reference_of(about.task, arm)
        for found in about.differences(arm, than).values() if than else ():
            sentence = (
                f"{after}, {about.words[arm]} reaches {about.score} {found.mean:.3f}, "
                f"{difference_words(found, about.words[found.than])}."
            )
            yield about.answer("start", sentence, **difference_values(found))
    if isinstance(about.task, StainTask):
        for arm in points:
            yield from _step_answer(about, arm)


def _step_answer(about: TaskScores, arm: str) -> Iterator[Answer]:
    """Say whether the second half of the training still helped."""
    earlier = [one for one in steps_of(about.points) if 2 * one <= about.steps]
    if not earlier:
        return
    own = [row for row in about.rows if (row.task, row.metric, row.arm) == (about.name, about.metric, arm)]
    now, before = ([row for row in own if row.steps == at] for at in (about.steps, earlier[-1]))
    found = compare_rows(now, before) if now and before else None
    if found is None:
        return
    than = f"after {earlier[-1]:,}"
    if found.clear and found.fields.mean > 0:
        verdict = "more steps may still help"
    elif found.clear:
        verdict = "the longer training is worse"
    else:
        verdict = "it is not clear that longer training helps"
    sentence = (
        f"For {about.words[arm]}, {verdict}: after {about.steps:,} steps {about.score} is {found.mean:.3f}, "
        f"{more_words(found.fields.mean, than)} ({fields_words(found.fields)})."
    )
    yield about.answer("more steps", sentence, **difference_values(found), steps_before=earlier[-1])
