"""The record and report of a model of cells that was learned from cues."""

from frugalseg.models.marker_model import MarkerModel
from frugalseg.models.object_model import ObjectModel
from frugalseg.report import TrainingCurve
from frugalseg.runs.cell_learning import segment_learned
from frugalseg.runs.cell_pages import cells_page
from frugalseg.runs.cue_dataset import CueDataset
from frugalseg.runs.field_arrays import mixed_sizes
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.model_folder import ModelRun
from frugalseg.runs.records import FieldRecord


def save_cell_model(data: CueDataset, model: MarkerModel | ObjectModel, run: ModelRun) -> RunResult:
    """Write the model with its record, and a report that shows its cells in the first fields."""
    assert model.training is not None
    started = {"started_from": model.card.started_from} if isinstance(model, ObjectModel) else {}
    mixed = mixed_sizes(data.used(), run.log)
    record = run.record(
        model.training, warnings=(*data.warnings, *mixed), fields=data.records, failed=data.failed, **started
    )
    with run.log.status("writing the model and its report"):
        report = run.report(record, TrainingCurve.of("all fields", model.training))
        for shown in data.shown:
            found = segment_learned(model, shown.image)
            seen = FieldRecord(**found.known)
            known = data.records[shown.image.name].with_values(
                measurements=tuple(found.rows({}, shown.pixel_size)),
                nuclei_agreement=seen.nuclei_agreement,
                look_distance=seen.look_distance,
                rounds_agree=seen.rounds_agree,
            )
            report.add(cells_page(shown, found.labels, None, known))
        if len(data.records) > len(data.shown):
            report.notes.append(f"The first {len(data.shown)} of {len(data.records)} fields are shown.")
        return run.save(model, record, report)
