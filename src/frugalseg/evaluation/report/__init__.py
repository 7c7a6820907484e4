"""One self-contained HTML file that shows what a run found and how far it can be trusted."""

from frugalseg.evaluation.report.model import FieldReport, Report, TrainingCurve, preview
from frugalseg.evaluation.report.page import render_report, write_report

__all__ = ["FieldReport", "Report", "TrainingCurve", "preview", "render_report", "write_report"]
