"""What a study says about labels: what works without, what a start gains, how many labels it saves, how many are enough."""

from collections.abc import Iterator
from dataclasses import asdict

from frugalseg.studies.answers.findings import Answer, TaskScores, difference_values, reference_of
from frugalseg.studies.answers.phrases import (
    amount_words,
    budget_words,
    counted,
    difference_words,
    fields_words,
    gain_change_words,
    needed_words,
    range_words,
    rank_words,
    reach_words,
    signed_words,
    spread_words,
)
from frugalseg.studies.scores.curves import NOTHING, names_of
from frugalseg.studies.scores.label_savings import (
    GainChange,
    Saving,
    find_doubling,
    find_gain_change,
    find_saving,
)


def label_answers(about: TaskScores) -> Iterator[Answer]:
    """Yield the answers of a task that learns from labels, those of one question together."""
    yield from _best_with_nothing(about)
    arms = names_of(one.arm for one in about.points)
    pairs = [(arm, than) for arm in arms if (than := reference_of(about.task, arm)) is not None]
    for arm, than in pairs:
        yield from _start_answer(about, arm, than)
    for arm, than in pairs:
        yield from _saving_answers(about, arm, than)
    for arm, than in pairs:
        yield from _gain_answer(about, arm, than)
    for arm in arms:
        yield from _enough_answer(about, arm)


def _best_with_nothing(about: TaskScores) -> Iterator[Answer]:
    points = about.ranked(one for one in about.points if one.budget == NOTHING)
    if not points:
        return
    best = points[0]
    several = len(points) > 1
    rank = (
        f"{rank_words(points, about.words, 'starts')}, with"
        if several
        else f"{about.words[best.arm]} reaches"
    )
    sentence = f"With nothing outlined, {rank} {about.score} {spread_words(best)}"
    if (
        several
        and "level with" not in rank
        and (found := about.differences(best.arm, points[1].arm).get(NOTHING))
    ):
        sentence += f", {difference_words(found, about.words[found.than])}"
    yield about.answer("best", f"{sentence}.", arm=best.arm, score=best.mean, budget=NOTHING)


def _start_answer(about: TaskScores, arm: str, than: str) -> Iterator[Answer]:
    found = about.differences(arm, than)
    point = next((one for one in about.curve(arm) if one.outlined > 0 and one.budget in found), None)
    if point is None:
        return
    gain = found[point.budget]
    sentence = (
        f"{about.lead('with')} {amount_words(point, about.objects)}, starting from {about.words[arm]} reaches {about.score} "
        f"{gain.mean:.3f}, {difference_words(gain, f'from {about.words[than]}')}."
    )
    yield about.answer("start", sentence, **difference_values(gain))


def _saving_answers(about: TaskScores, arm: str, than: str) -> Iterator[Answer]:
    points = about.curve(arm)
    least = [one for one in points if one.outlined > 0][:1]
    for point in [*(one for one in points if one.budget == NOTHING), *least]:
        saving = find_saving(about.rows, point, than, about.steps)
        if saving is not None and saving.point.mean > 0:  # a score of 0 takes no labels at all
            yield about.answer(
                "labels saved",
                _saving_sentence(about, saving),
                arm=arm,
                than=than,
                budget=point.budget,
                score=saving.point.mean,
                outlined=saving.point.outlined,
                needed=saving.needed.outlined,
                needed_or_fewer=saving.needed.at_most,
                needed_without_each_field=[one.outlined for one in saving.without_each_field],
                saved=saving.saved,
                saved_or_fewer=saving.needed.at_most,
            )


def _saving_sentence(about: TaskScores, saving: Saving) -> str:
    point, other, own = saving.point, about.words[saving.than], about.words[saving.point.arm]
    needs = needed_words(saving.needed, about.objects)
    if saving.without_each_field:
        needs += f" ({range_words(saving.without_each_field)} when one test field is left out)"
    score, amount = f"{about.score} {point.mean:.3f}", amount_words(point, about.objects)
    start = f"{about.lead('with')} {amount} on top of {own} you reach"
    if point.budget == NOTHING:
        start = f"With {amount}, {own} reaches"
    if saving.saved is not None and saving.saved <= 0:
        return f"{start} {score}, which saves no labels: for as much, starting from {other} takes {needs}."
    reached = saving.reached
    if reached is None or reached.outlined <= point.outlined:
        start = f"{start} {score}"
    else:
        same = f"{amount_words(reached, about.objects)} {reach_words(reached.budget)} from {other}"
        most = ", the most that was measured" if saving.needed.outlined is None else ""
        start = f"{start} at least what {same} ({score} against {reached.mean:.3f}{most})"
    saved = ""
    if saving.saved is not None:
        number = counted(saving.saved, about.objects, "outlined")
        are = "is" if round(saving.saved) == 1 else "are"
        saved = f", so {'at most' if saving.needed.at_most else 'about'} {number} {are} saved"
    return f"{start}; for as much, starting from {other} takes {needs}{saved}."


def _gain_answer(about: TaskScores, arm: str, than: str) -> Iterator[Answer]:
    found = about.differences(arm, than)
    points = [one for one in about.curve(arm) if one.outlined > 0 and one.budget in found]
    if len(points) < 2:
        return
    change = find_gain_change(about.rows, arm, than, points[0], points[-1])
    if change is not None:
        gain = f"the gain of starting from {about.words[arm]} over {about.words[than]}"
        sentence = about.lead(_gain_sentence(change, gain))
        yield about.answer("gain with more labels", sentence, arm=arm, than=than, **asdict(change))


def _gain_sentence(change: GainChange, gain: str) -> str:
    small, large = budget_words(change.small), budget_words(change.large)
    values = (
        f"{signed_words(change.gain_small)} with {small} and {signed_words(change.gain_large)} with {large}"
    )
    evidence = f"(difference {signed_words(change.fall.mean)}, {fields_words(change.fall)})"
    low, high = change.fall.low, change.fall.high
    if low is None or high is None or low <= 0 <= high:
        verb = "falls" if change.gain_small > 0 else "changes"
        return f"whether {gain} {verb} with more labels can't be told: it is {values} {evidence}."
    verb = gain_change_words(change.gain_small, change.gain_large)
    return f"{gain} {verb} with more labels: it is {values} {evidence}."


def _enough_answer(about: TaskScores, arm: str) -> Iterator[Answer]:
    curve = about.even_curve(arm)
    if sum(one.outlined > 0 for one in curve) < 2 or all(one.mean <= 0 for one in curve):
        return  # what finds nothing at all has not had enough
    found = find_doubling(curve)
    start = f"starting from {about.words[arm]}"
    if found is None:
        one_seed = all(one.seeds_sd is None for one in curve if one.outlined > 0)
        why = "from one seed" if one_seed else f"where every budget outlines equally many {about.objects}"
        sentence = f"How many labels are enough, {start}, can't be told {why}."
        yield about.answer("enough labels", sentence, arm=arm, budget=None)
        return
    vary = f"seeds vary (standard deviation {found.seeds_sd:.3f})"
    amount = amount_words(found.enough or curve[-1], about.objects)
    if found.enough is None:
        verdict = (
            f"may not be enough: the last doubling of the labels adds {found.gain:.3f}, more than {vary}"
        )
    else:
        adds = f"{found.gain:.3f} at most" if found.gain > 0 else "nothing"
        amount = f"more than {amount}"
        less = "less than" if found.gain < found.seeds_sd else "as little as"
        verdict = f"may not be needed: from there on, a doubling adds {adds}, {less} {vary}"
    sentence = about.lead(f"{start}, {amount} {verdict}.")
    yield about.answer(
        "enough labels",
        sentence,
        arm=arm,
        budget=found.enough.budget if found.enough else None,
        doubling_adds=found.gain,
        seeds_sd=found.seeds_sd,
    )
