"""What is known about a field: typed records, written as JSON and read back from it.

Keys that a command does not set are left out of the JSON, so each kind of run has a record of its own shape.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    ValidationError,
)

from frugalseg.cues.quality import CueQuality
from frugalseg.errors import UnreadableFile
from frugalseg.evaluation.marker_agreement import MarkerAgreement
from frugalseg.evaluation.measurements import Row
from frugalseg.evaluation.nuclei_agreement import NucleiAgreement
from frugalseg.evaluation.scores import Scores
from frugalseg.images.normalize import Modality
from frugalseg.images.plain_files import parse_json, read_text, shortened
from frugalseg.images.write import plain
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.runs.provenance import FileState


def _cues(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: math.nan if one is None else one for name, one in value.items()}


def _agreement(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: value.get(name) for name in MarkerAgreement._fields}


#: Both write unknown or derived values into JSON, so reading them back needs a word.
CuesJson = Annotated[CueQuality, BeforeValidator(_cues), PlainSerializer(CueQuality.to_dict)]
AgreementJson = Annotated[
    MarkerAgreement, BeforeValidator(_agreement), PlainSerializer(MarkerAgreement.to_dict)
]


class Record(BaseModel):
    """A record that JSON can hold."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)

    def to_dict(self, *left_out: str) -> dict[str, JsonValue]:
        """Return plain values for JSON: what was set, without the keys `left_out`; NaN becomes None."""
        content: dict[str, JsonValue] = plain(self.model_dump(exclude_unset=True, exclude=set(left_out)))
        return content

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record.

        Raises
        ------
        UnreadableFile
            The file can't be read, or holds no record of this kind.
        """
        return cls.from_json(read_json(path), path)

    @classmethod
    def from_json(cls, content: Mapping[str, JsonValue], path: Path) -> Self:
        """Make a record of the content of a file; raises as `read`."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = shortened(".".join(map(str, first["loc"])))
            raise UnreadableFile(
                f"{path} is damaged or of another version of frugalseg ({where}: {shortened(first['msg'])}); start again with "
                "`overwrite`, or give another folder"
            ) from error


class TrainingSummary(Record):
    """A training record without its curves, which stand beside the model."""

    steps: int
    stopped_because: str
    seconds: float
    device: str
    last_loss: float | None = None
    alpha: float | None = None

    @classmethod
    def of(cls, training: TrainingRecord) -> Self:
        """Shorten a training record."""
        alpha = {} if training.alpha is None else {"alpha": training.alpha}
        return cls(
            steps=training.steps,
            stopped_because=training.stopped_because,
            seconds=round(training.seconds, 2),
            device=training.device,
            last_loss=training.losses[-1] if training.losses else None,
            **alpha,
        )


class FieldRecord(Record):
    """What is known about one field; each command sets what it knows.

    Attributes
    ----------
    n_cells, n_markers
        How many cells (or nuclei) were found, and how many markers.
    diameter, nuclei_diameter
        Of a typical cell and nucleus, px.
    modalities
        "fluorescent" or "label-free", of each channel.
    markers, foreground
        Methods that found them; None where the field has no nucleus.
    cues
        Quality of markers and foreground; None where the field has no nucleus.
    synthetic_markers
        Agreement of markers in a predicted stain with those of the real stain.
    nuclei_agreement
        How well cells and nuclei fit: cells without a nucleus, nuclei without a cell.
    confidence
        Median over the cells of how well the image's orientations agree on them, 0..1.
    look_distance
        How far the field looks from those that the model was learned from; above 1 it looks unlike them.
    rounds_agree
        Mean IoU of the cells of the last two rounds of self-training in this field, 0..1, if the model learned from it.
    adapted
        Whether the model was not sure of the field as it is, and saw it with batch norms that know it.
    inverted
        Whether it saw bright for dark and dark for bright, likewise.
    contrast
        By what it multiplied grey values without a stain, likewise.
    tiled
        Whether the objects were found tile by tile, as the field was too large for the memory.
    training
        Of a network that learned on this field alone.
    scores, baselines
        Against the truth: of the result, and of the classical methods by name.
    mask_iou, mAP, cell_miou, pcc
        Single scores, of models that are scored by them.
    pcc_learned
        Of a stain on the scale on which it was learned: its logarithm, or its mask.
    role
        "learned from" or "held out".
    warnings
        Sentences for the user.
    seconds
        Time the field took.
    pixel_size
        (y, x) in um, where a file of the field states it.
    files, run, result, result_checksum
        Files that were read; a checksum of the run's settings; name of the result's file, and a checksum of what it held.
    other_results
        Files that other runs made of this field in the same folder, with their checksums.
    unfinished
        Whether the result was still to be written.
    measurements
        One row per cell, see `frugalseg.evaluation.measurements.measure_cells`.
    """

    n_cells: int | None = None
    n_markers: int | None = None
    diameter: float | None = None
    nuclei_diameter: float | None = None
    modalities: tuple[Modality, ...] = ()
    markers: str | None = None
    foreground: str | None = None
    cues: CuesJson | None = None
    synthetic_markers: AgreementJson | None = None
    nuclei_agreement: NucleiAgreement | None = None
    confidence: float | None = None
    look_distance: float | None = None
    rounds_agree: float | None = None
    adapted: bool = False
    inverted: bool = False
    contrast: float = 1.0
    tiled: bool = False
    training: TrainingSummary | None = None
    scores: Scores | None = None
    baselines: dict[str, Scores] = Field(default_factory=dict)
    mask_iou: float | None = None
    mAP: float | None = None
    cell_miou: float | None = None
    pcc: float | None = None
    pcc_learned: float | None = None
    role: str | None = None
    warnings: tuple[str, ...] = ()
    seconds: float | None = None
    pixel_size: tuple[float, float] | None = None
    files: tuple[FileState, ...] = ()
    run: str | None = None
    result: str | None = None
    result_checksum: str | None = None
    other_results: dict[str, str | None] = Field(default_factory=dict)
    unfinished: bool = False
    measurements: tuple[Row, ...] = ()

    def with_values(self, **values: Any) -> Self:
        """Return a copy in which these values are set."""
        return self.model_copy(update=values)


def read_json(path: Path) -> dict[str, JsonValue]:
    """Read a JSON object.

    Raises
    ------
    UnreadableFile
        The file can't be read, or is damaged.
    """
    again = "start again with `overwrite`, or give another folder"
    try:
        content = parse_json(read_text(path))
    except UnreadableFile as error:
        raise UnreadableFile(f"{error}; {again}") from error
    except ValueError as error:
        raise UnreadableFile(f"{path} can't be read ({shortened(error)}); {again}") from error
    if not isinstance(content, dict):
        raise UnreadableFile(f"{path} is no record of a run; {again}")
    return content
