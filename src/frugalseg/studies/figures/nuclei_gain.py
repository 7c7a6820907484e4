"""What nuclei as an input bring, field by field, against the roundness of the cells: on round cells they may hurt."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from frugalseg.images.channels import parse_channels
from frugalseg.studies.answers.findings import task_rows
from frugalseg.studies.answers.phrases import metric_words
from frugalseg.studies.design.study_design import MarkerTask, StudyDesign
from frugalseg.studies.figures.plot_style import (
    COLOURS,
    MARKERS,
    Plot,
    finish_plot,
    legend_columns,
    new_figure,
    plot_style,
    wrapped,
)
from frugalseg.studies.scores.curves import means_by_field, names_of
from frugalseg.studies.scores.differences import pair_rows
from frugalseg.studies.scores.score_rows import ScoreRow

SCORE, ROUNDNESS = "cell_miou", "roundness_gain"


@dataclass(frozen=True)
class NucleiGain:
    """One test field and two arms that differ in nothing but nuclei as an input.

    Attributes
    ----------
    task, arm, method, field
        `arm` is the one with the nuclei; its method is that of both.
    roundness
        Cell mIoU of Voronoi cells less that of propagation: above 0 where cells are round.
    gain
        Mean cell IoU with the nuclei as an input less that without, mean over seeds.
    """

    task: str
    arm: str
    method: str
    field: str
    roundness: float
    gain: float


def nuclei_pairs(task: MarkerTask) -> tuple[tuple[str, str], ...]:
    """Return the arms with nuclei as an input, each behind the arm that is the same without.

    Examples
    --------
    >>> arms = {"plain": {"inputs": "phase", "nuclei": "dapi"}, "own": {"inputs": "phase,dapi", "nuclei": "dapi"}}
    >>> nuclei_pairs(MarkerTask(kind="markers", data=["a"], labels="cells", arms=arms))
    (('plain', 'own'),)
    """
    alike: dict[str, list[tuple[str, set[str]]]] = {}
    for name, arm in task.arms.items():
        shown = [str(one) for one in parse_channels(arm.inputs)]
        without = ",".join(one for one in shown if one != arm.nuclei)
        key = arm.model_copy(update={"inputs": without, "seeds": None}).model_dump_json()
        alike.setdefault(key, []).append((name, {arm.nuclei} & set(shown)))
    return tuple(
        (plain, own)
        for group in alike.values()
        for plain in (name for name, nuclei in group if not nuclei)
        for own in (name for name, nuclei in group if nuclei)
    )


def find_nuclei_gains(design: StudyDesign, rows: Sequence[ScoreRow]) -> tuple[NucleiGain, ...]:
    """Return what nuclei as an input bring on every field of every pair of arms that has been scored."""
    return tuple(
        gain
        for name, task in design.tasks.items()
        if isinstance(task, MarkerTask)
        for gain in _gains_of_task(name, task, task_rows(name, task, rows))
    )


def _gains_of_task(name: str, task: MarkerTask, rows: Sequence[ScoreRow]) -> Iterator[NucleiGain]:
    for plain, own in nuclei_pairs(task):
        with_nuclei, without = (
            [row for row in rows if (row.arm, row.metric) == (arm, SCORE)] for arm in (own, plain)
        )
        gains = means_by_field(pair_rows(with_nuclei, without).differences)
        round_rows = [row for row in rows if (row.arm, row.metric) == (own, ROUNDNESS)]
        roundness = means_by_field(
            {(row.fold, row.seed, row.field): row.value for row in round_rows if math.isfinite(row.value)}
        )
        for field, gain in gains.items():
            if field in roundness:
                yield NucleiGain(name, own, task.arms[own].method, field, roundness[field], gain)


def draw_nuclei_gain(gains: Sequence[NucleiGain]) -> Plot | None:
    """Draw the gain of every field against its roundness: a colour for each task, a mark for each method.

    Parameters
    ----------
    gains
        Of a whole study; None is drawn without any.
    """
    if not gains:
        return None
    tasks, methods = names_of(one.task for one in gains), names_of(one.method for one in gains)
    score = metric_words(SCORE)
    with plot_style():
        figure = new_figure(3.1)
        axes = figure.subplots()
        axes.axhline(0, color="#999999", linewidth=0.8, zorder=1)
        axes.axvline(0, color="#999999", linewidth=0.8, zorder=1)
        for task, method in names_of((one.task, one.method) for one in gains):
            own = [one for one in gains if (one.task, one.method) == (task, method)]
            axes.plot(
                [one.roundness for one in own],
                [one.gain for one in own],
                MARKERS[methods.index(method) % len(MARKERS)],
                color=COLOURS[tasks.index(task) % len(COLOURS)],
                alpha=0.75,
                label=wrapped(f"{task}: {method}"),
            )
        axes.set_xlabel("Voronoi minus propagation (right: rounder cells)")
        axes.set_ylabel(f"gain in {score} by nuclei")
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=legend_columns(names))
        caption = (
            f"Each mark is one test field and one pair of arms that differ in nuclei as an input only: {score} with them less that "
            "without, mean over seeds, against the mean cell IoU of Voronoi cells less that of propagation, a measure of how round "
            "the cells are. Above the line nuclei help."
        )
        return finish_plot(figure, "nuclei_gain", "What nuclei as an input bring, by field", caption)
