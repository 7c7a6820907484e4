"""What one run of a study does, written down in full: a run is a function of its specification and the pixels."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from frugalseg.studies.design.study_design import Budget, MarkerArm


class _Spec(BaseModel):
    """What all runs have.

    Attributes
    ----------
    task, arm
        Names of the task, and of the start or method.
    name
        Unique in the study; the run's folder below ``runs/``.
    needs
        Names of the runs whose models it uses.
    seed
        Decides all that is random.
    fold
        Name of the fold.
    learn_from
        Fields that may be learned from; no test field is among them, but for markers on the very image.
    test
        Fields that are scored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    arm: str
    name: str
    needs: tuple[str, ...] = ()
    seed: int
    fold: str
    learn_from: tuple[str, ...]
    test: tuple[str, ...]


class StainRun(_Spec):
    """Train a stain model; scored after each of `at_steps`, the last of which is the length of the training."""

    kind: Literal["stain"] = "stain"
    inputs: str
    stain: str
    at_steps: tuple[int, ...]
    settings: dict[str, Any]


class StudentRun(_Spec):
    """Self-train a student; `start` is the run whose model it starts from, or the folder of a model."""

    kind: Literal["student"] = "student"
    inputs: str
    nuclei: str
    start: str | None = None
    settings: dict[str, Any]


class LabelRun(_Spec):
    """Learn from the labels of `outlined`, or of one crop of each, from a start.

    Attributes
    ----------
    outlined
        Fields that are outlined; named again where a field has several crops.
    crop_size
        Side of each crop in px of the image; None: whole fields.
    budget
        How much that is; with nothing, the start is scored as it is.
    start
        "nothing", "imagenet", name of a run, or the folder of a model.
    """

    kind: Literal["labels"] = "labels"
    target: Literal["nuclei", "cells"]
    inputs: str
    labels: str
    outlined: tuple[str, ...]
    crop_size: int | None
    budget: Budget
    steps: int
    start: str
    start_kind: Literal["nothing", "imagenet", "stain", "student", "model"]
    settings: dict[str, Any]


class MarkerRun(_Spec):
    """Find cells from markers.

    Attributes
    ----------
    nuclei_from
        Run that predicts the nuclear stain.
    at_steps
        A marker network is also scored after each of these steps; the last is the most that it takes. None: as its settings.
    """

    kind: Literal["markers"] = "markers"
    method: MarkerArm
    labels: str
    learn: Literal["together", "alone", "others"]
    nuclei_from: str | None = None
    at_steps: tuple[int, ...] | None = None


RunSpec = Annotated[StainRun | StudentRun | LabelRun | MarkerRun, Field(discriminator="kind")]
