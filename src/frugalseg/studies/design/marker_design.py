"""The part of a design that finds cells from markers, without labels: methods, inputs, and what they learn from."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from frugalseg.errors import SettingsError
from frugalseg.images.channel_lists import single_channel
from frugalseg.images.channels import parse_channels
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.model_settings import MarkerModelSettings, SelfTrainingSettings, StainModelSettings
from frugalseg.studies.design.design_parts import (
    OF_START,
    FieldSource,
    Name,
    Part,
    Seed,
    Stain,
    Steps,
    TestFields,
    check_settings,
)

#: Settings of each method that learns; all others have those of the search for cues alone.
LEARNING: dict[str, type[CueSettings]] = {"student": SelfTrainingSettings, "network": MarkerModelSettings}


class MarkerArm(Part):
    """One way to find cells without labels.

    A student or marker network learns; all else are classical methods, which start from the same nuclei and foreground.
    """

    inputs: str = Field(
        description="Channels that show the cells. Foreground and size of the cells are found in the first, which is all "
        "that classical methods see; with the nuclei among the others, they are an input."
    )
    method: Literal[
        "student",
        "network",
        "teacher",
        "voronoi",
        "watershed_intensity",
        "watershed_gradient",
        "propagation",
        "propagation_trimmed",
    ] = Field(
        default="student",
        description="'teacher' are the cells that a student learns from by default; 'propagation_trimmed' is propagation "
        "without the phase halo, which is the same in fluorescence.",
    )
    nuclei: str = Field(description="Channel of the nuclear stain.")
    predicted_nuclei: Stain | None = Field(
        default=None,
        description="Predict the nuclear stain of the test fields instead, by a model of other fields (synthetic markers).",
    )
    with_nuclei: bool = Field(
        default=True, description="Whether a student is given the nuclei of the test fields."
    )
    teacher: Literal["grown", "network"] = Field(
        default="grown",
        description="What a student first learns from: cells grown from the nuclei, or those of a marker network that was "
        "trained on the same fields.",
    )
    teacher_settings: dict[str, Any] = Field(
        default_factory=dict, description="Of `MarkerModelSettings`, for a marker network as the teacher."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Of the method: rounds, preset, max_steps, diameter, ..."
    )
    seeds: tuple[Seed, ...] | None = Field(
        default=None, min_length=1, description="Of this arm; those of the task by default."
    )

    @property
    def learns(self) -> bool:
        """Whether the method learns, so that a seed decides something."""
        return self.method in LEARNING

    @property
    def seedless(self) -> bool:
        """Whether nothing is random: a seed decides neither the method nor the markers that it starts from."""
        return not self.learns and self.predicted_nuclei is None

    @property
    def channels_of_tests(self) -> tuple[str, ...]:
        """Channels that every test field needs: the real nuclei only where they are not predicted."""
        if self.predicted_nuclei is None:
            return self.inputs, single_channel(self.nuclei)
        return self.inputs, *filter(None, (self.predicted_nuclei.inputs,))

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_settings(LEARNING.get(self.method, CueSettings), self.settings, {"seed": "`seeds` of the task"})
        check_settings(MarkerModelSettings, self.teacher_settings, {"seed": "`seeds` of the task"})
        if self.predicted_nuclei is not None:
            if self.predicted_nuclei.settings:
                raise ValueError(
                    "`settings` of `predicted_nuclei` have no use here; those of its stain model are `stain_settings`"
                )
            check_settings(StainModelSettings, self.predicted_nuclei.stain_settings, OF_START)
        for_cues = sorted(self.teacher_settings.keys() & CueSettings.model_fields.keys())
        if for_cues:
            raise ValueError(
                f"`{for_cues[0]}` decides how cues are found, and the teacher has those of its student; set it in `settings`"
            )
        if self.teacher_settings and self.teacher != "network":
            raise ValueError(
                "`teacher_settings` are those of a marker network; set `teacher` to 'network' too"
            )
        for name, changed in (("with_nuclei", not self.with_nuclei), ("teacher", self.teacher != "grown")):
            if changed and self.method != "student":
                raise ValueError(
                    f"only a student has `{name}`, and the method is '{self.method}'; leave it out"
                )
        try:
            first = parse_channels(self.inputs)[0].channel
        except SettingsError as error:
            raise ValueError(str(error)) from error
        if first == self.nuclei:
            raise ValueError(
                f"the foreground is found in the first of `inputs`, and {first!r} shows nuclei only; name a channel that "
                "shows whole cells first"
            )
        return self


class MarkerTask(FieldSource):
    """Find cells from markers, without labels, by several methods and inputs (paper B, table I)."""

    kind: Literal["markers"]
    labels: str = Field(description="Channel with label images, which only scores see.")
    arms: dict[Name, MarkerArm] = Field(min_length=1)
    learn: Literal["together", "alone", "others"] = Field(
        default="together",
        description="A field's cells come from one training on all fields, on this very field, or on all but the test fields.",
    )
    seeds: tuple[Seed, ...] = Field(default=(0, 1, 2), min_length=1)
    steps: tuple[Steps, ...] | None = Field(
        default=None,
        min_length=1,
        description="Marker networks are scored after so many steps of one training, for a curve; the last is the most that they "
        "take, in place of `max_steps`.",
    )
    test: TestFields = Field(
        default="leave-one-out",
        description="Folds of `alone` and `others`; `together` scores every labelled field.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, arm in self.arms.items():
            if arm.predicted_nuclei is not None and self.learn == "together":
                raise ValueError(
                    f"arm '{name}' predicts nuclei by a model of other fields; set `learn` to 'alone' or 'others'"
                )
        if self.learn == "together" and self.test != "leave-one-out":
            raise ValueError(
                "`learn` is 'together', which scores every labelled field; leave `test` out, or set `learn` to 'others'"
            )
        if self.steps is not None:
            networks = {name: arm for name, arm in self.arms.items() if arm.method == "network"}
            if not networks:
                raise ValueError(
                    "`steps` are those of marker networks, and no arm has the method 'network'; leave them out"
                )
            for name, arm in networks.items():
                if "max_steps" in arm.settings:
                    raise ValueError(
                        f"arm '{name}' has `max_steps`, and the task has `steps`, the last of which says the same; leave one out"
                    )
        return self

    def steps_of(self, arm: str) -> tuple[int, ...] | None:
        """Return the steps after which an arm is scored, fewest first; None where it is scored at its end only."""
        if self.steps is None or self.arms[arm].method != "network":
            return None
        return tuple(sorted(set(self.steps)))

    def seeds_of(self, arm: str) -> tuple[int, ...]:
        """Return the seeds of an arm: one is enough where nothing is learned."""
        found = self.arms[arm]
        seeds = found.seeds or self.seeds
        return seeds[:1] if found.seedless else seeds
