"""One field from its cues to numbered cells: what `segment` and `predict` with a marker network do alike."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, Interrupted, NoMarkers
from frugalseg.evaluation.measurements import Row, measure_cells
from frugalseg.evaluation.nuclei_agreement import NucleiAgreement
from frugalseg.images.channel_lists import unquote_channel
from frugalseg.images.field import Field
from frugalseg.images.outliers import planes_without_outliers
from frugalseg.images.write import write_labels
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.models.model_settings import MarkerModelSettings
from frugalseg.models.predictions import CellPrediction, ObjectPrediction, sight_of
from frugalseg.report import FieldReport, TrainingCurve, preview
from frugalseg.report.report_data import FULL_FIELDS
from frugalseg.runs.cell_pages import (
    cells_page,
    labels_page,
    read_truth,
    score_cells,
    score_no_cues,
    stored_labels,
)
from frugalseg.runs.channel_settings import MarkerRunSettings
from frugalseg.runs.field_cues import FieldCues, nuclear_name, read_cues
from frugalseg.runs.field_loop import FieldResult
from frugalseg.runs.input_planes import named_planes
from frugalseg.runs.output_folder import OutputFolder
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.run_log import RunLog


def resolved_marker_settings(settings: MarkerModelSettings) -> dict[str, object]:
    """Return what a preset comes to in this version of frugalseg, for both kinds of images."""
    return {
        f"marker network for {modality} cells": MarkerSettings.preset(
            settings.preset, settings.max_steps, modality == "label-free"
        ).model_dump(mode="json")
        for modality in ("label-free", "fluorescent")
    }


@dataclass(frozen=True)
class Segmented:
    """Cells of one field.

    Attributes
    ----------
    labels
        (Y,X) uint32, the id is the marker's number counted from 1.
    known
        What else the field's record says.
    curve
        Of a network that was trained on this field alone.
    confidence
        Number of a cell -> how far it can be trusted, 0..1; None where the method does not say.
    doubts
        Sentences for the user.
    nuclei
        Number of a cell -> how many nuclei mostly lie in it; None where that is not counted.
    rounds
        Number of a cell with a nucleus -> IoU with the cell of the training round before; None where that is not known.
    """

    labels: NDArray[np.uint32]
    known: Mapping[str, Any] = field(default_factory=dict)
    curve: TrainingCurve | None = None
    confidence: Mapping[int, float] | None = None
    doubts: tuple[str, ...] = ()
    nuclei: Mapping[int, int] | None = None
    rounds: Mapping[int, float] | None = None

    @classmethod
    def alone(cls, found: ObjectPrediction) -> "Segmented":
        """Return what a model of cells found without nuclei."""
        known: dict[str, Any] = sight_of(found)
        if found.look_distance is not None:
            known["look_distance"] = found.look_distance
        return cls(found.labels, known, confidence=found.confidence or None, doubts=found.doubts)

    @classmethod
    def of(
        cls,
        found: CellPrediction,
        rounds_agree: float | None = None,
        cells_agree: Mapping[int, float] | None = None,
    ) -> "Segmented":
        """Return what a model of cells found; with the agreement of its last rounds, for a field that it learned from."""
        known: dict[str, Any] = {
            "nuclei_agreement": asdict(found.agreement),
            "look_distance": found.look_distance,
            **sight_of(found),
        }
        if rounds_agree is not None:
            known["rounds_agree"] = rounds_agree
        sure, rounds = found.confidence or None, cells_agree
        return cls(found.labels, known, None, sure, found.doubts, found.nuclei, rounds)

    def rows(
        self,
        planes: Mapping[str, NDArray[Any]],
        pixel_size: tuple[float, float] | None,
        given: tuple[int, ...] | None = None,
    ) -> list[Row]:
        """Return one row of measurements per cell, with confidence, agreement, nuclei and `FieldCues.given` where known."""
        rows = measure_cells(self.labels, planes, pixel_size)
        for row in rows:
            cell = int(row["label"] or 0)
            if self.confidence is not None:
                row["confidence"] = round(self.confidence[cell], 3)
            if self.rounds is not None:
                row["rounds_agree"] = self.rounds.get(cell)
            if self.nuclei is not None:
                row["nuclei"] = self.nuclei[cell]
            if given is not None:
                row["marker"] = given[cell - 1] if cell <= len(given) else None
        return rows


@dataclass
class MarkerProcess:
    """From a field to its cells, by way of its cues.

    Attributes
    ----------
    outputs
        Where results go.
    settings
        Channels, cues, scoring.
    segment
        From cues to cells: what the commands differ in.
    earlier_curve
        Training curve of a field that an earlier run completed.
    log
        Prints progress.
    read
        Finds a field's cues; by default in the field itself.
    alone
        From a field in which no nucleus is found to its cells; without it there are none.
    """

    outputs: OutputFolder
    settings: MarkerRunSettings
    segment: Callable[[FieldCues], Segmented]
    log: RunLog
    earlier_curve: Callable[[str], TrainingCurve | None] = lambda _name: None
    read: Callable[[Field], FieldCues] | None = None
    alone: Callable[[Field], Segmented] | None = None
    n_pages: int = 0

    def compute(self, field: Field) -> FieldResult:
        """Find cues, segment, score and measure."""
        truth, on_truth = read_truth(field, self.settings.truth, self.log)
        try:
            with self.log.status("looking for nuclei and cells"):
                cues = self._cues(field)
        except NoMarkers as error:
            return self._without_nuclei(field, truth, on_truth, error)
        self._log_cues(cues)
        image = cues.image
        segmented = self.segment(cues)
        doubts = (*segmented.doubts, *nuclei_doubts(segmented))
        for doubt in doubts:
            self.log.line(f"  warning: {doubt}")
        with self.log.status("scoring"):
            scores = score_cells(truth, segmented.labels, image, self.settings.baselines)
        planes = dict(zip(map(unquote_channel, self.settings.cells), image.planes, strict=True))
        if image.nuclei is not None:
            planes[unquote_channel(nuclear_name(self.settings))] = image.nuclei
        known: dict[str, Any] = {
            "n_cells": int(np.count_nonzero(np.unique(segmented.labels))),
            "diameter": image.diameter,
            "modalities": image.modalities,
            "markers": image.markers.method,
            "foreground": image.foreground.method,
            "cues": image.quality,
            "warnings": (*image.warnings, *doubts),
            **({} if cues.agreement is None else {"synthetic_markers": cues.agreement}),
            **segmented.known,
            **trust(segmented),
            **scores,
            "measurements": tuple(segmented.rows(planes, cues.pixel_size, cues.given)),
        }
        known["warnings"] = (*on_truth, *known["warnings"])
        self.n_pages += 1
        return FieldResult(
            FieldRecord(**known),
            partial(write_labels, labels=segmented.labels, pixel_size=cues.pixel_size, overwrite=True),
            partial(cells_page, cues, segmented.labels, truth),
            segmented.curve,
        )

    def show_earlier(
        self, field: Field, record: FieldRecord
    ) -> tuple[FieldReport | None, TrainingCurve | None]:
        """Show a complete field; its cues are found again only where a viewer shows them."""
        labels = stored_labels(self.outputs, field.name)
        page, truth = None, None
        if self.n_pages < FULL_FIELDS:
            try:
                truth, _ = read_truth(field, self.settings.truth)
                if record.cues is not None:
                    page = cells_page(self._cues(field), labels, truth, record)
            except Interrupted:
                raise
            except FrugalsegError as error:  # the field is done, whatever can be found in it now
                self.log.line(f"  its markers and foreground are not shown: {error}")
        self.n_pages += 1
        return page or self._short_page(field, labels, truth, record), self.earlier_curve(field.name)

    def _cues(self, field: Field) -> FieldCues:
        return read_cues(field, self.settings) if self.read is None else self.read(field)

    def _log_cues(self, cues: FieldCues) -> None:
        self.log.line(f"  cues: {cues.image.line()}")
        for warning in cues.image.warnings:
            if warning in cues.image.doubts:
                self.log.warn(warning)
            else:
                self.log.line(f"  warning: {warning}")
        if cues.agreement is not None:
            agreement = cues.agreement
            self.log.line(
                f"  predicted markers: {agreement.missed} of {agreement.n_real} real ones missed, {agreement.invented} "
                "invented"
            )

    def _without_nuclei(
        self, field: Field, truth: NDArray[Any] | None, on_truth: tuple[str, ...], reason: NoMarkers
    ) -> FieldResult:
        """Find cells without nuclei, if that is possible; else there is nothing to start a cell from."""
        text = str(reason).removeprefix(f"field {field.name!r}: ")
        segmented = Segmented(np.zeros(field.shape, np.uint32)) if self.alone is None else self.alone(field)
        found = segmented.labels.any()
        kind = "These cells are found without nuclei." if found else "The label map is empty."
        warnings = (f"{text[:1].upper()}{text[1:]} {kind}", *segmented.doubts)
        for warning in warnings:
            self.log.line(f"  warning: {warning}")
        labels, names = segmented.labels, map(unquote_channel, self.settings.cells)
        planes = (
            dict(zip(names, planes_without_outliers(named_planes(field, self.settings.cells)), strict=True))
            if labels.any()
            else {}
        )
        record = FieldRecord(
            n_cells=int(np.count_nonzero(np.unique(labels))),
            diameter=None,
            markers=None,
            foreground=None,
            cues=None,
            warnings=(*on_truth, *warnings),
            measurements=tuple(segmented.rows(planes, field.pixel_size)) if planes else (),
        ).with_values(
            **segmented.known, **trust(segmented), **score_no_cues(truth, labels, self.settings.baselines)
        )
        self.n_pages += 1
        write = partial(write_labels, labels=labels, pixel_size=field.pixel_size, overwrite=True)
        return FieldResult(record, write, partial(self._short_page, field, labels, truth))

    def _short_page(
        self, field: Field, labels: NDArray[np.uint32], truth: NDArray[Any] | None, record: FieldRecord
    ) -> FieldReport:
        """Show a field without its cues; without its image too, where that can't be read any more."""
        try:
            picture = preview(named_planes(field, self.settings.cells))
        except FrugalsegError:
            picture = preview(labels > 0)
        return labels_page(field.name, picture, labels, record, truth, pixel_size=field.pixel_size)


def trust(segmented: Segmented) -> dict[str, float]:
    """Return the median `confidence` of the cells for the field's record, where it is known."""
    if not segmented.confidence:
        return {}
    return {"confidence": round(float(np.median(list(segmented.confidence.values()))), 3)}


def nuclei_doubts(segmented: Segmented) -> tuple[str, ...]:
    """Return a sentence where many cells and nuclei do not fit each other."""
    counts = segmented.known.get("nuclei_agreement")
    if counts is None:
        return ()
    agreement = NucleiAgreement(**counts)
    found = []
    if agreement.many_cells_without_nucleus:
        found.append(
            f"{agreement.cells_without_nucleus} of {agreement.cells} cells hold no nucleus: the nuclear stain may miss "
            "some, or the field looks unlike those that were learned from."
        )
    if agreement.many_nuclei_without_cell:
        found.append(f"{agreement.nuclei_without_cell} of {agreement.nuclei} nuclei lie in no cell.")
    return tuple(found)
