"""frugalseg: cell and nucleus segmentation models with few or no hand-drawn labels.

The public names are loaded when first used, so that ``import frugalseg`` costs nothing. What each of them is, with
types, stands in ``__init__.pyi``; it and the table below list the same names.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> "module:name"; the part behind the colon only where it differs.
_HOMES = {
    "ChannelRef": "images.field",
    "Field": "images.field",
    "FieldTable": "images.fields",
    "Image": "images.image",
    "make_cells": "synthetic.cells",
    "open_fields": "images.fields",
    "read_image": "images.read",
    "write_labels": "images.write",
    "write_rois": "images.write_rois",
    "write_synthetic_set": "runs.synthetic_set",
    "Foreground": "cues.foreground",
    "find_foreground": "cues.foreground",
    "CueQuality": "cues.quality",
    "Markers": "cues.markers",
    "find_markers": "cues.markers",
    "evaluate_cues": "cues.quality",
    "markers_from_labels": "cues.markers",
    "markers_from_points": "cues.markers",
    "distance_target": "instances.maps",
    "instances_from_maps": "instances.maps",
    "Matching": "evaluation.matching",
    "Scores": "evaluation.scores",
    "mask_iou": "evaluation.pixel_scores",
    "match_labels": "evaluation.matching",
    "measure_cells": "evaluation.measurements",
    "pearson_correlation": "evaluation.pixel_scores",
    "score_labels": "evaluation.scores",
    "CueSettings": "models.cue_settings",
    "ImageCues": "models.image_cues",
    "MarkerModel": "models.marker_model",
    "MarkerModelSettings": "models.model_settings",
    "NucleiSettings": "models.model_settings",
    "ObjectModel": "models.object_model",
    "ObjectModelSettings": "models.model_settings",
    "Snapshots": "learning.snapshots",
    "StainModel": "models.stain_model",
    "StainModelSettings": "models.model_settings",
    "find_cues": "models.image_cues",
    "load_model": "models.load",
    "segment_nuclei": "models.nucleus_labels",
    "self_train": "models.self_training",
    "self_train_on_cues": "models.self_training",
    "SelfTrainingSettings": "models.model_settings",
    "ArrayData": "studies.plan.study_data",
    "FileData": "studies.plan.study_data",
    "StudyData": "studies.plan.study_data",
    "StudyDesign": "studies.design.study_design",
    "StudyResult": "studies.study",
    "run_study": "studies.study",
    "Suggestion": "studies.suggestions.suggest",
    "suggest": "studies.suggestions.suggest",
    "BadModel": "errors",
    "BadPixels": "errors",
    "FrugalsegError": "errors",
    "InputError": "errors",
    "Interrupted": "errors",
    "MissingChannel": "errors",
    "NoMarkers": "errors",
    "NotEnoughMemory": "errors",
    "OutputExists": "errors",
    "OutputFailed": "errors",
    "SettingsError": "errors",
    "TrainingFailed": "errors",
    "UnreadableFile": "errors",
    "WrongShape": "errors",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    """Load a public name from its home (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'frugalseg' has no attribute {name!r}")
    home, _, inner = _HOMES[name].partition(":")
    value = getattr(import_module(f"frugalseg.{home}"), inner or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
