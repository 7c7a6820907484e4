"""How a cutter is learned: the paper's numbers, and ours."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from frugalseg.networks.marker_net import PAPER_WIDTHS

Preset = Literal["default", "paper"]

#: Cells are scaled to this diameter in px; patch side and disk are meant for it (papers: 25 to 35 px).
TARGET_DIAMETER = 30.0
#: However few markers there are, so many steps are taken.
LEAST_STEPS = 1000


class MarkerSettings(BaseModel):
    """Settings of learning from markers.

    Attributes
    ----------
    patch
        Side of a patch, px at the working scale, where a cell is 30 px wide.
    sigma
        Standard deviation of the Gaussian at the marker, px at the working scale.
    regularization
        The Gaussian falls off with the shortest way over the image; this is the price of a px where nothing
        changes, see `frugalseg.networks.marker_channel.MarkerChannels`. None: with the distance, the paper's disk.
    widths, stride, prior
        Of the network, see `frugalseg.networks.marker_net.MarkerNetwork`.
    overlap, outside
        Weights lambda and beta of eq. 1.
    border
        Weight of the length of borders that follow no edge of the image; 0 in the paper.
    area
        A batch is all patches of a random area of this side, px (the paper), or None.
    batch
        A batch is this many neighbouring patches, where `area` is None.
    shift
        Standard deviation by which patches are moved off their markers in training, px at the working scale; moves
        end at twice that. 0 in the paper.
    intensity_jitter
        How much contrast, brightness and noise are varied in training, see
        `frugalseg.learning.augment.jitter_intensity`. 0 in the paper.
    learning_rate, schedule
        Adam's. "constant" (the paper) or "decay": constant until the loss is stable, then down to 0.
    max_steps
        Upper bound of training steps.
    steps_per_marker
        A second bound: so many steps per marker, but at least 1000, because few cells are soon learned by heart; None
        in the paper.
    orientations
        Flips and transposes averaged when the trained network is used: 1 (the paper) or 8.
    margin
        A patch is wider by this many px on each side when the trained network is used than it was in training, so
        that large cells are not cut off along straight lines. 0 in the paper.
    complete
        Share out foreground that no patch claims with one half, by the network's own probabilities.
    trim
        Leave the halo of label-free images out of the cells.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    patch: int = Field(64, ge=16)
    sigma: float = Field(15.0, gt=0)
    regularization: float | None = Field(0.05, gt=0, allow_inf_nan=False)
    widths: tuple[int, ...] = (24, 32, 48, 64)
    stride: Literal[1, 2] = 2
    prior: bool = True
    overlap: float = Field(1.0, ge=0)
    outside: float = Field(15.0, ge=0)
    border: float = Field(2.0, ge=0)
    area: int | None = Field(None, ge=64)
    batch: int = Field(12, ge=2)
    shift: float = Field(2.0, ge=0)
    intensity_jitter: float = Field(0.2, ge=0)
    learning_rate: float = Field(3e-3, gt=0)
    schedule: Literal["constant", "decay"] = "decay"
    max_steps: int = Field(3500, ge=1)
    steps_per_marker: float | None = Field(20.0, gt=0)
    orientations: Literal[1, 8] = 8
    margin: int = Field(8, ge=0)
    complete: bool = True
    trim: bool = True

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
        """Side of a patch when the trained network is used, px."""
        return self.patch + 2 * self.margin

    def steps_for(self, n_markers: int) -> int:
        """Upper bound of training steps for so many markers in all fields together.

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
        """Make the settings of a preset.

        Parameters
        ----------
        name : {"default", "paper"}
            "paper" has the numbers of paper B; "default" is what was measured to be better (docs/results.md). What still
            differs in "paper": cells are scaled to 30 px; cells at the image's border count, as the image is mirrored
            there; markers and foreground are found by methods of our own (`frugalseg.workflows.cues`); the logarithms
            of eq. 1 are those of a stable form, without bounds; holes are filled, and fragments away from the marker
            removed. Training ends when the loss is stable, as in the paper, by a rule of our own.
        max_steps : int, optional
            Another upper bound of steps.
        label_free : bool
            Whether the cells are seen in phase contrast, DIC or bright-field. In fluorescence many edges lie inside
            cells, so the default follows edges less there, and varies patches more.

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
            "border": 0.0,
            "area": 640,
            "shift": 0.0,
            "intensity_jitter": 0.0,
            "learning_rate": 1e-3,
            "schedule": "constant",
            "max_steps": 1600,
            "steps_per_marker": None,
            "orientations": 1,
            "margin": 0,
            "complete": False,
            "trim": False,
        }
        fluorescent: dict[str, Any] = (
            {} if label_free else {"border": 0.5, "shift": 3.0, "intensity_jitter": 0.3}
        )
        values = dict(paper) if name == "paper" else fluorescent
        if max_steps is not None:
            values["max_steps"] = max_steps
        return cls(**values)
