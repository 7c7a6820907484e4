"""One self-contained HTML file that shows what a run found and how far it can be trusted."""

from frugalseg.evaluation.report.comparisons import Comparison, NumberTable
from frugalseg.evaluation.report.model import FieldReport, Report, TrainingCurve
from frugalseg.evaluation.report.page import render_report, write_report
from frugalseg.evaluation.report.previews import preview

__all__ = [
    "Comparison",
    "FieldReport",
    "NumberTable",
    "Report",
    "TrainingCurve",
    "preview",
    "render_report",
    "write_report",
]
