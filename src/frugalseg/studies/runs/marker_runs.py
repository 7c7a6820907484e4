"""One run of a markers task: find the cells of its test fields without labels, and score them (paper B)."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import NoMarkers
from frugalseg.evaluation.marker_agreement import MarkerAgreement
from frugalseg.evaluation.nuclei_agreement import nuclei_agreement
from frugalseg.evaluation.scores import compare_labels
from frugalseg.images.write import write_labels
from frugalseg.models.baseline_scores import score_baselines
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.marker_areas import marker_areas
from frugalseg.models.marker_model import MarkerModel
from frugalseg.studies.plan.run_specs import MarkerRun
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.runs.marker_cues import TaskCues, task_cues
from frugalseg.studies.runs.marker_methods import Labels, Method, method_settings, prepare_method
from frugalseg.studies.runs.work import Work
from frugalseg.studies.scores.score_rows import ScoreRow

#: Scores that need labels and truth alone.
LABEL_SCORES = ("mAP", "cell_miou", "two_class_miou", "mask_iou")


def run_markers(spec: MarkerRun, data: StudyData, work: Work) -> list[ScoreRow]:
    """Find and score the cells of the test fields.

    Written into the folder of the run: ``<field>_labels.tif`` of every test field, and the model as ``model``, or as
    ``<field>_model`` where each field has its own; its ``training.json`` holds the loss of every step. Labels are for scores
    only. With `at_steps`, a training that ended earlier counts as one that stood still from there on.

    Parameters
    ----------
    spec
        The run. With `learn: alone`, each test field is learned from by itself.
    data
        Fields of the task.
    work
        Where to write, and what may be used.

    Returns
    -------
    list of ScoreRow
        For each test field mAP, cell_miou, two_class_miou, mask_iou (of the pixels in any cell), nuclei_inside (share of
        the nuclei that lie in a cell of their own), roundness_gain (cell mIoU of `voronoi` less that of `propagation`: a
        property of the field, above 0 where cells are round), and of predicted nuclei markers_missed and markers_invented,
        as shares of the markers in the real stain. After the earlier ones of `at_steps` the first four of these.

    Raises
    ------
    InputError
        A field lacks a channel or can't be used, or no field that is learned from, or tested, shows a nucleus.
    Interrupted
        Ctrl-C; the checkpoint is kept.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from frugalseg.studies.design.marker_design import MarkerArm
    >>> from frugalseg.studies.plan.study_data import ArrayData
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((96, 96), n_cells=6, dim_nuclei=0, seed=1)
    >>> data = ArrayData({"cyto": [cells.cytoplasm], "dapi": [cells.nuclear], "cells": [cells.cells]})
    >>> method = MarkerArm(inputs="cyto", nuclei="dapi", method="propagation", settings={"diameter": 30})
    >>> names = {"task": "t", "arm": "a", "name": "t/a", "fold": "all", "learn_from": ("1",), "test": ("1",)}
    >>> spec = MarkerRun(**names, seed=0, method=method, labels="cells", learn="together")
    >>> [row.metric for row in run_markers(spec, data, Work(Path(tempfile.mkdtemp())))][:3]
    ['mAP', 'cell_miou', 'two_class_miou']
    """
    finder = task_cues(spec, data, method_settings(spec), work)
    cues = {name: _find_or_none(finder, name) for name in spec.test}
    if finder.predict is None and all(one is None for one in cues.values()):
        finder.find(spec.test[0])  # says that no nucleus was found: the channel is hardly the nuclear stain
    rows: list[ScoreRow] = []
    for name, method in _methods(spec, data, finder, cues, work):
        one, truth = cues[name], data.labels(name, spec.labels)
        labels = np.zeros(truth.shape, np.uint32) if one is None else method.find(one, data.pixel_size(name))
        write_labels(work.folder / f"{name}_labels.tif", labels, data.pixel_size(name))
        agreement = finder.agreement(name, np.zeros((0, 2)) if one is None else one.markers.points)
        values = score_cells(truth, labels, one) | marker_shares(agreement)
        *earlier, last = spec.at_steps or (method.steps,)
        for step in earlier:
            rows += _rows(spec, step, name, _scores_after(step, method, name, values))
        rows += _rows(spec, last, name, values)
    return rows


def _scores_after(step: int, method: Method, name: str, final: Mapping[str, float]) -> dict[str, float]:
    """Return the scores of a field within a training; those of its end where it ended earlier."""
    taken = method.snapshots.get(step)
    return {
        metric: final[metric] if taken is None else taken[f"{metric} of {name}"] for metric in LABEL_SCORES
    }


def score_cells(truth: NDArray[Any], labels: Labels, cues: ImageCues | None) -> dict[str, float]:
    """Return the scores of the cells of one field by their metric; without cues, only those that need none.

    Parameters
    ----------
    truth, labels
        (Y,X) true cells, and those that were found.
    cues
        Of the field; None where no nucleus was found.
    """
    scores = compare_labels(truth, labels)
    found = scores.mAP, scores.cell_miou, scores.two_class_miou, scores.foreground_iou
    known = bool((truth >= 0).any())  # else nothing is annotated
    values = dict(zip(LABEL_SCORES, found if known else [math.nan] * len(LABEL_SCORES), strict=True))
    if cues is None:
        return values
    inside = nuclei_agreement(labels, marker_areas(cues)).nuclei_inside
    classical = score_baselines(truth, cues)
    gain = classical["voronoi"].cell_miou - classical["propagation"].cell_miou
    return {
        **values,
        "nuclei_inside": math.nan if inside is None else inside,
        "roundness_gain": gain if known else math.nan,
    }


def marker_shares(agreement: MarkerAgreement | None) -> dict[str, float]:
    """Return which shares of the real markers were missed and invented; nothing where markers are not compared.

    Examples
    --------
    >>> marker_shares(MarkerAgreement(n_real=10, n_found=9, missed=2, invented=1))
    {'markers_missed': 0.2, 'markers_invented': 0.1}
    """
    if agreement is None:
        return {}
    shares = {"markers_missed": agreement.missed, "markers_invented": agreement.invented}
    return {name: count / agreement.n_real for name, count in shares.items()}


def _find_or_none(finder: TaskCues, name: str) -> ImageCues | None:
    """Return the cues of a field; None where its stain shows no nucleus: that there are no cells is a result, and scored."""
    try:
        return finder.find(name)
    except NoMarkers:
        return None


def _methods(
    spec: MarkerRun, data: StudyData, finder: TaskCues, cues: Mapping[str, ImageCues | None], work: Work
) -> Iterator[tuple[str, Method]]:
    """Yield each test field and the method that finds its cells, trained and saved: one for all, or one for each."""
    if spec.learn != "alone":
        learned = _learned(spec, finder, cues) if spec.method.learns else []
        size = data.pixel_size(spec.learn_from[0])
        take = partial(_score_network, spec, data, cues)
        method = _saved(prepare_method(spec, learned, size, work, take), work.model)
        yield from ((name, method) for name in spec.test)
        return
    for name, one in cues.items():
        if one is None:
            yield name, Method(lambda one, _: np.zeros(one.shape, np.uint32))
            continue
        own = work if work.checkpoint is None else replace(work, checkpoint=work.checkpoint / name)
        take = partial(_score_network, spec, data, {name: one})
        method = prepare_method(spec, [one], data.pixel_size(name), own, take)
        yield name, _saved(method, work.folder / f"{name}_model")


def _learned(spec: MarkerRun, finder: TaskCues, cues: Mapping[str, ImageCues | None]) -> list[ImageCues]:
    """Return the cues of the fields that are learned from; those in which no nucleus is found are left out."""
    every = (cues[name] if name in cues else _find_or_none(finder, name) for name in spec.learn_from)
    found = [one for one in every if one is not None]
    if not found:
        raise NoMarkers(
            f"run '{spec.name}': no nucleus was found in any of {', '.join(spec.learn_from)}; check that channel {spec.method.nuclei!r} is the nuclear stain"
        )
    return found


def _score_network(
    spec: MarkerRun, data: StudyData, cues: Mapping[str, ImageCues | None], network: MarkerModel
) -> dict[str, float]:
    """Return the scores of a network in training on every test field, named ``<metric> of <field>``."""
    found: dict[str, float] = {}
    for name, one in cues.items():
        truth = data.labels(name, spec.labels)
        labels = np.zeros(truth.shape, np.uint32) if one is None else network.segment(one)
        found |= {f"{metric} of {name}": value for metric, value in score_cells(truth, labels, None).items()}
    return found


def _saved(method: Method, folder: Path) -> Method:
    if method.save is not None:
        method.save(folder)
    return method


def _rows(spec: MarkerRun, steps: int, field: str, values: Mapping[str, float]) -> list[ScoreRow]:
    return [
        ScoreRow(spec.task, spec.arm, spec.name, "", 0, steps, spec.fold, spec.seed, field, metric, value)
        for metric, value in values.items()
    ]
