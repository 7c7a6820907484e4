"""Settings of learning from markers: the values of paper B, and our defaults."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from frugalseg.networks.marker_net import PAPER_WIDTHS

Preset = Literal["default", "paper"]

#: Cell diameter at the model scale, px; images are resized to it, and patch side and Gaussian fit it (papers: 25 to 35).
TARGET_DIAMETER = 30.0
#: Lower bound of what `steps_per_marker` allows.
LEAST_STEPS = 1000


class MarkerSettings(BaseModel):
    """Settings of learning from markers: network, batches, loss, training, and use of the trained network.

    All lengths are px at the model scale, at which a cell is `TARGET_DIAMETER` wide.

    Attributes
    ----------
    patch
        Side of a patch around a marker.
    sigma
        Standard deviation of the Gaussian in the marker channel.
    regularization
        The Gaussian falls off with the geodesic distance to the marker; this is the cost of a px where the image does not
        change, see `frugalseg.networks.marker_channel.MarkerChannels`. None: with the straight distance, as in the paper.
    widths, stride, prior
        Of the network, see `frugalseg.networks.marker_net.MarkerNetwork`.
    overlap, background
        Weights lambda and beta of the overlap and the background term in eq. 1.
    boundary
        Weight of the length of cell boundaries that follow no edge in the image; 0 in the paper.
    nuclei
        Weight of the nuclei term: where areas of nuclei are known, they belong to the cells of their markers and to no other
        (`frugalseg.learning.from_markers.marker_losses.nuclei_loss`); 0 in the paper.
    area
        Side of a random area whose patches make a batch, as in the paper; None: `batch` decides.
    batch
        Number of neighbouring patches in a batch, where `area` is None.
    center_jitter
        Standard deviation of the shift of training patches off their markers, cut off at twice that; 0 in the paper.
    intensity_jitter
        Random change of grey values in training, see `frugalseg.learning.augment.jitter_intensity`; 0 in the paper.
    learning_rate, schedule
        Of training, see `frugalseg.learning.trainer_settings.TrainerSettings`; "constant" in the paper.
    max_steps
        Upper bound of training steps.
    steps_per_marker
        Second upper bound: training steps per marker, but at least `LEAST_STEPS` in all, because a network overfits few
        cells soon; None in the paper.
    orientations
        Flips and transposes over which predictions are averaged: 8, or 1 as in the paper.
    margin
        Width that is added to each side of a patch in prediction, so that large cells are not cut off along straight
        lines; 0 in the paper.
    assign_remaining
        Whether foreground that no patch covers with a probability of one half is assigned to the most probable cell; not
        in the paper.
    trim_halo
        Whether the bright halo of phase contrast is left out of cells in label-free images; not in the paper.
    keep_nuclei
        Whether a nucleus whose area is known belongs to its own cell whatever the network says; not in the paper.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    patch: int = Field(64, ge=16)
    sigma: float = Field(15.0, gt=0)
    regularization: float | None = Field(0.05, gt=0, allow_inf_nan=False)
    widths: tuple[int, ...] = (24, 32, 48, 64)
    stride: Literal[1, 2] = 2
    prior: bool = True
    overlap: float = Field(1.0, ge=0)
    background: float = Field(15.0, ge=0)
    boundary: float = Field(2.0, ge=0)
    nuclei: float = Field(1.0, ge=0)
    area: int | None = Field(None, ge=64)
    batch: int = Field(12, ge=2)
    center_jitter: float = Field(2.0, ge=0)
    intensity_jitter: float = Field(0.2, ge=0)
    learning_rate: float = Field(3e-3, gt=0)
    schedule: Literal["constant", "decay"] = "decay"
    max_steps: int = Field(3500, ge=1)
    steps_per_marker: float | None = Field(20.0, gt=0)
    orientations: Literal[1, 8] = 8
    margin: int = Field(8, ge=0)
    assign_remaining: bool = True
    trim_halo: bool = True
    keep_nuclei: bool = True

    @model_validator(mode="after")
    def _fits(self) -> Self:
        multiple = self.stride * 2 ** (len(self.widths) - 1)
        if self.patch % multiple or self.patch % 2:
            raise ValueError(f"patch must be a multiple of {multiple} px for this network, not {self.patch}")
        if self.side_in_use % multiple:
            raise ValueError(
                f"patch + 2 margin must be a multiple of {multiple} px for this network, not {self.side_in_use}"
            )
        return self

    @property
    def side_in_use(self) -> int:
        """Side of a patch in prediction, px at the model scale."""
        return self.patch + 2 * self.margin

    def steps_for(self, n_markers: int) -> int:
        """Return the upper bound of training steps for a number of markers in all fields together.

        Examples
        --------
        >>> [MarkerSettings().steps_for(n) for n in (5, 100, 1000)]
        [1000, 2000, 3500]
        """
        if self.steps_per_marker is None:
            return self.max_steps
        return min(self.max_steps, max(LEAST_STEPS, round(self.steps_per_marker * n_markers)))

    @classmethod
    def preset(cls, name: Preset, max_steps: int | None = None, label_free: bool = True) -> Self:
        """Return the settings of a preset.

        Parameters
        ----------
        name : {"default", "paper"}
            "paper" has the values of paper B; "default" is what was measured to be better (docs/results.md). What still
            differs from the paper in "paper": cells are resized to a diameter of 30 px; the image is mirrored at its
            border, so that cells there count; markers and foreground come from `frugalseg.cues`; the logarithms of eq. 1
            are those of a stable form, without bounds; holes are filled, and fragments away from the marker removed.
            Training ends when the loss is stable, as in the paper, by a rule of our own.
        max_steps : int, optional
            Another upper bound of steps.
        label_free : bool
            Whether the cells are shown in phase contrast, DIC or bright-field. In fluorescence many edges lie inside
            cells; there the default follows edges less and augments more.

        Examples
        --------
        >>> MarkerSettings.preset("paper").widths
        (32, 64, 128, 256, 256)
        """
        paper: dict[str, Any] = {
            "regularization": None,
            "widths": PAPER_WIDTHS,
            "stride": 1,
            "prior": False,
            "boundary": 0.0,
            "nuclei": 0.0,
            "keep_nuclei": False,
            "area": 640,
            "center_jitter": 0.0,
            "intensity_jitter": 0.0,
            "learning_rate": 1e-3,
            "schedule": "constant",
            "max_steps": 1600,
            "steps_per_marker": None,
            "orientations": 1,
            "margin": 0,
            "assign_remaining": False,
            "trim_halo": False,
        }
        fluorescent: dict[str, Any] = (
            {} if label_free else {"boundary": 0.5, "center_jitter": 3.0, "intensity_jitter": 0.3}
        )
        values = dict(paper) if name == "paper" else fluorescent
        if max_steps is not None:
            values["max_steps"] = max_steps
        return cls(**values)
