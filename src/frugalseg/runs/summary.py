"""All fields of a run together: means with intervals, warnings, and the head of the report."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from frugalseg.evaluation.intervals import mean_interval, summarize_scores
from frugalseg.evaluation.scores import Scores
from frugalseg.report import Report
from frugalseg.runs.manifest import Mean, RunSummary
from frugalseg.runs.output_folder import OutputFolder
from frugalseg.runs.provenance import first_few
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.versions import command_line, versions


def begin_report(outputs: OutputFolder, title: str) -> Report:
    """Return the report of a run, without fields yet."""
    seed = outputs.settings.get("seed")
    return Report(
        title=title,
        command=command_line(outputs.command),
        settings=outputs.settings,
        versions=versions(),
        seeds=() if seed is None else (int(str(seed)),),
        started=outputs.started,
    )


def summarize_run(outputs: OutputFolder, truth: str | None = None) -> RunSummary:
    """Return means over the fields that have a truth, with 95 % intervals, and every warning.

    Parameters
    ----------
    outputs
        Of the finished run.
    truth
        Channel with the truth that was asked for, if any.
    """
    done = {name: outputs.done[name] for name in outputs.names if name in outputs.done}
    scored = [record.scores for record in done.values() if record.scores is not None]
    pcc = mean_pcc([record.pcc for record in done.values()])
    warnings = _of_fields(done)
    warnings += [f"{name} failed: {reason}" for name, reason in outputs.failed.items()]
    warnings += [
        f"{name} is done, but not in the report: {reason}" for name, reason in outputs.not_shown.items()
    ]
    if truth is not None and done and not scored and pcc is None:
        warnings.append(f"No field has a truth in {truth!r}, so nothing was scored.")
    found: dict[str, object] = {"warnings": tuple(warnings)}
    if scored:
        found["scores"] = mean_scores(scored)
        compared = [record.baselines for record in done.values() if record.baselines]
        if compared:
            found["baselines"] = {
                method: mean_scores([baselines[method] for baselines in compared])
                for method in compared[0]
                if all(method in baselines for baselines in compared)  # else means of different fields
            }
    if pcc is not None:
        found["pcc"] = pcc
    return RunSummary.model_validate(found)


def _of_fields(done: Mapping[str, FieldRecord]) -> list[str]:
    """Return warnings with the fields that have them: one that many fields share is one line."""
    fields: dict[str, list[str]] = {}
    for name, record in done.items():
        for warning in record.warnings:
            fields.setdefault(warning, []).append(name)
    return [f"{_named(names)}: {warning}" for warning, names in fields.items()]


def _named(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{first_few(names)} ({len(names)} fields)"


def mean_scores(scores: Sequence[Scores]) -> dict[str, Mean]:
    """Return the mean of every score over fields."""
    return {name: Mean.of(interval) for name, interval in summarize_scores(scores).items()}


def mean_pcc(values: Sequence[float | None]) -> Mean | None:
    """Return the mean Pearson correlation, without fields where an image is constant; None where no field is left."""
    known = [value for value in values if value is not None and np.isfinite(value)]
    return Mean.of(mean_interval(known)) if known else None


def mean_pcc_by_role(
    records: Mapping[str, FieldRecord], score: Literal["pcc", "pcc_learned"] = "pcc"
) -> dict[str, Mean]:
    """Return the mean Pearson correlation of held-out parts, and of those that were learned from."""
    found = {
        role: mean_pcc([getattr(record, score) for record in records.values() if record.role == role])
        for role in ("held out", "learned from")
    }
    return {role: mean for role, mean in found.items() if mean is not None}
