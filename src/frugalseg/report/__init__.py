"""Reports: typed results in, one self-contained HTML file out."""

from frugalseg.report.comparisons import Comparison
from frugalseg.report.drawings import Drawing
from frugalseg.report.number_tables import NumberTable
from frugalseg.report.page import render_report, write_report
from frugalseg.report.previews import preview
from frugalseg.report.report_data import FieldReport, Report, TrainingCurve

__all__ = [
    "Comparison",
    "Drawing",
    "FieldReport",
    "NumberTable",
    "Report",
    "TrainingCurve",
    "preview",
    "render_report",
    "write_report",
]
