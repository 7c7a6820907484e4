"""One field's section of the page."""

from dataclasses import dataclass

import numpy as np

from frugalseg.evaluation.measurements import measure_cells
from frugalseg.report.charts import Chart
from frugalseg.report.cue_table import CueTable, cue_table
from frugalseg.report.field_charts import Rows, column, precision_chart, shape_histograms
from frugalseg.report.field_viewer import FieldViewer, build_viewer
from frugalseg.report.headline import median_diameter
from frugalseg.report.number_texts import difference_text, score_text
from frugalseg.report.pixel_layers import thumbnail_uri
from frugalseg.report.report_data import FieldReport
from frugalseg.report.score_table import MethodsTable, counts_table, gap, methods_table
from frugalseg.report.trust_table import TrustRow, trust_rows


@dataclass(frozen=True, kw_only=True)
class FieldSection:
    """What the page shows of one field; without a viewer it is shown in short.

    Attributes
    ----------
    rows, true_rows
        Measurements of the cells that were found, and of the true cells.
    trust
        What is known of how far the field can be trusted.
    diameter, diameter_px
        Median diameter as text, and in px of the layers.
    size, pixel_size
        Width and height of the image, and of its pixels, as text; the latter is empty where it is not known.
    areas
        Label of a cell -> its area, px of the image.
    mean_iou, mean_ap, ahead
        Mean cell IoU, mAP, and by how much the first exceeds the best baseline's, as text.
    """

    field: FieldReport
    anchor: str
    rows: Rows
    true_rows: Rows | None
    diameter: str
    diameter_px: float | None
    size: str
    pixel_size: str
    areas: dict[int, int]
    viewer: FieldViewer | None
    thumbnail: str
    trust: list[TrustRow]
    cues: CueTable | None
    methods: MethodsTable | None
    counts: list[tuple[str, str]]
    mean_iou: str
    mean_ap: str
    ahead: str
    precision: Chart | None
    histograms: list[Chart]

    @property
    def n_warnings(self) -> int:
        """Number of warnings of the field and of its cues."""
        return len(self.field.warnings) + (len(self.cues.warnings) if self.cues else 0)


def field_section(field: FieldReport, anchor: str, viewer_bytes: int, thumbnail_side: int) -> FieldSection:
    """Return the section of a field.

    Parameters
    ----------
    field
        The field.
    anchor
        Id of the section.
    viewer_bytes
        Characters the viewer may take; 0 for no viewer.
    thumbnail_side
        px of the longer side of a small picture; 0 for no picture.
    """
    rows = field.measurements
    if rows is None:
        rows = measure_cells(field.labels, pixel_size=field.pixel_size)
    true_rows = field.true_measurements if field.truth is None else measure_cells(field.truth)
    diameters = column([rows], "equivalent_diameter")
    scores, full = field.scores, viewer_bytes > 0
    return FieldSection(
        field=field,
        anchor=anchor,
        rows=rows,
        true_rows=true_rows,
        diameter=median_diameter([rows], field.pixel_size),
        diameter_px=float(np.median(diameters)) / field.reduced if len(diameters) else None,
        size="{1} × {0} px".format(*(field.full_shape or field.labels.shape)),
        pixel_size=_pixel_size_text(field.pixel_size),
        areas={int(row["label"] or 0): int(row["area"] or 0) for row in rows} if full else {},
        viewer=build_viewer(field, viewer_bytes) if full else None,
        thumbnail=thumbnail_uri(field.image, field.labels, thumbnail_side) if thumbnail_side else "",
        trust=trust_rows(field),
        cues=None if field.cue_quality is None else cue_table(field.cue_quality),
        methods=None if scores is None else methods_table(scores, field.baselines),
        counts=[] if scores is None else counts_table(scores),
        mean_iou=score_text(None if scores is None else scores.cell_miou),
        mean_ap=score_text(None if scores is None else scores.mAP),
        ahead=difference_text(gap(scores, field.baselines, "cell_miou")),
        precision=precision_chart(scores, field.baselines) if scores is not None and full else None,
        histograms=shape_histograms([rows], [true_rows]) if full else [],
    )


def _pixel_size_text(size: tuple[float, float] | None) -> str:
    """Return a pixel size as text; both sides where they differ."""
    if size is None:
        return ""
    y, x = (f"{side:.3g}" for side in size)
    return f"{y} µm per px" if y == x else f"{y} × {x} µm per px (y, x)"
