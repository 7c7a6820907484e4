"""One self-contained HTML file that shows what a run found and how far it can be trusted."""

from frugalseg.report.comparisons import Comparison, NumberTable
from frugalseg.report.page import render_report, write_report
from frugalseg.report.previews import preview
from frugalseg.report.report_data import FieldReport, Report, TrainingCurve

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
