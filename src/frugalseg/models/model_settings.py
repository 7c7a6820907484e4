"""Settings of every model, each declared once with what it means; imports nothing heavy."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from frugalseg.errors import SettingsError
from frugalseg.learning.from_stains.target_scales import TargetScale
from frugalseg.models.cue_settings import CueSettings

Preset = Literal["default", "paper"]
EncoderChoice = Literal["small", "efficientnet_lite0", "densenet121"]
SettingsT = TypeVar("SettingsT", bound=BaseModel)

_PRESET = "Training settings: 'paper' takes the numbers of the paper, 'default' what measured better."
_MAX_STEPS = "Most training steps; training ends earlier when it no longer gets better."
_SEED = "Number that decides everything random: the same seed gives the same result, on one machine and with as many threads."


class MarkerModelSettings(CueSettings):
    """Settings of a marker network: how cues are found, and how the network is trained."""

    preset: Preset = Field(default="default", description=_PRESET)
    max_steps: int | None = Field(default=None, ge=1, description=_MAX_STEPS)
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description=_SEED)


class SelfTrainingSettings(CueSettings):
    """Settings of `frugalseg.self_train`: how cues are found, and how the student is trained."""

    rounds: int = Field(
        default=3,
        ge=1,
        le=10,
        description="Rounds of self-training: the first learns the cells grown from the nuclei, each further one the cells "
        "that the network finds itself.",
    )
    encoder: EncoderChoice = Field(
        default="efficientnet_lite0",
        description="Encoder of the U-Net; 'small' is faster and a little less accurate. A start brings its own.",
    )
    weights: str | None = Field(
        default=None,
        min_length=1,
        description="Weights that the encoder starts from: 'imagenet' (the default where there are any), 'none', or a file.",
    )
    max_steps: int | None = Field(
        default=None,
        ge=1,
        description="Training steps of the first round, 300 by default; each further round takes half as many.",
    )
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description=_SEED)


class _UnetSettings(BaseModel):
    """Settings of every network that works on whole images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: float | None = Field(
        default=None,
        gt=0,
        le=4,
        allow_inf_nan=False,
        description="Factor by which images are resized for the network; by default nuclei become 20 px and cells 30 px "
        "wide.",
    )
    hold_out: bool = Field(
        default=True,
        description="Keep a part of the images out of training, to choose the best weights by it and to measure quality.",
    )
    preset: Preset = Field(default="default", description=_PRESET)
    encoder: EncoderChoice | None = Field(
        default=None,
        description="Encoder of the U-Net: 'efficientnet_lite0' by default, 'small' takes less time and has no ImageNet weights, "
        "'densenet121' is the paper's. A start brings its own.",
    )
    weights: str | None = Field(
        default=None,
        min_length=1,
        description="Weights that the encoder starts from: 'imagenet' (the default of efficientnet_lite0), 'none', or a file.",
    )
    crop: int | None = Field(
        default=None,
        ge=32,
        le=4096,
        description="Side of the training crops in px, after images are resized for the network.",
    )
    batch: int | None = Field(default=None, ge=1, description="Number of crops per training step.")
    max_steps: int | None = Field(default=None, ge=1, description=_MAX_STEPS)
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description=_SEED)


class StainModelSettings(_UnetSettings):
    """Settings of a model that predicts a stain from other channels."""

    target_scale: TargetScale = Field(
        default="linear",
        description="Scale on which the stain is learned: 'linear' grey values, between percentiles of all fields; 'log', "
        "their logarithm, in which dim cells count as much as bright ones; 'field', between percentiles of each field; "
        "'mask', whether a pixel is above Otsu's threshold of its field.",
    )


def _number_or_fitted(value: Any) -> Any:
    """Refuse with one sentence what is neither; pydantic has one for each of the types."""
    if value is None or value == "fitted":
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < float("inf"):
        raise PydanticCustomError("slope", "give a number above 0, or 'fitted'")
    return number


class ObjectModelSettings(_UnetSettings):
    """Settings of a model that learns nuclei or cells from outlined images."""

    start_parts: Literal["all", "encoder", "decoder"] = Field(
        default="all",
        description="What is taken of the start: 'all' of it; or only the 'encoder' or only the 'decoder' with the layers "
        "behind it, to see which of them helps. The other part is fresh; a fresh encoder has the `weights`.",
    )
    slope: Annotated[float | Literal["fitted"] | None, BeforeValidator(_number_or_fitted)] = Field(
        default=None,
        description="For nuclei: slope of the sigmoid that turns the predicted stain into a mask (the start's where it finds "
        "nuclei, 'fitted' to a stain model, else 1, as in the paper); 'fitted': slope and midpoint that suit what the start "
        "predicts and the labels.",
    )
    alpha: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="For cells: weight of the mask beside the distance map in the loss; by default both count alike at "
        "the start.",
    )
    learning_rate: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Size of the training steps: 0.002 by default, falling towards the end; 0.01 throughout in the paper.",
    )
    h: float | None = Field(
        default=None,
        gt=0,
        lt=100,
        description="How pronounced a peak of the distance map must be to become an object of its own, in per cent (20): "
        "lower splits more, higher merges more.",
    )
    orientations: Literal[1, 2, 4, 8] | None = Field(
        default=None,
        description="Flips and transposes of an image that are averaged when the model is used: 4 by default, which is more accurate "
        "and lets the model say how sure it is of each cell; 1 in the paper, and faster.",
    )
    rehearsal: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="With a model of cells to start from: share of the training crops that teach what that model finds where "
        "nothing is outlined, so that it is not forgotten (0.5 for a self-trained model, 0 for any other).",
    )


class NucleiSettings(BaseModel):
    """Settings of `frugalseg.segment_nuclei`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nuclei_diameter: float | None = Field(
        default=None,
        gt=2,
        allow_inf_nan=False,
        description="Diameter of a typical nucleus in px; estimated from the image without it.",
    )
    level: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Where the outline of a nucleus lies between the brightness of its surroundings (0) and its own (1); "
        "where its edge is steepest without it.",
    )


def network_settings(settings: BaseModel, kind: type[BaseModel]) -> dict[str, Any]:
    """Return the settings of `kind` that replace a preset's values; None leaves the preset's.

    Examples
    --------
    >>> network_settings(StainModelSettings(crop=64), StainModelSettings)["crop"]
    64
    """
    own = {"scale", "hold_out", "preset", "seed", "start_parts"}
    return {name: getattr(settings, name) for name in kind.model_fields if name not in own}


def resolve_settings(
    kind: type[SettingsT], settings: SettingsT | None, changes: Mapping[str, Any]
) -> SettingsT:
    """Return checked settings from an object, keyword arguments, or both (then the keywords replace its values).

    Raises
    ------
    SettingsError
        `settings` is of another kind, there is no such setting, or a value is not allowed.

    Examples
    --------
    >>> resolve_settings(NucleiSettings, None, {"level": 0.5}).level
    0.5
    """
    if settings is not None and not isinstance(settings, kind):
        raise SettingsError(
            f"`settings` is a {type(settings).__name__}; give {kind.__name__}(...) or keyword arguments"
        )
    if settings is not None and not changes:
        return settings
    before = {} if settings is None else settings.model_dump(exclude_unset=True)
    actual = kind if settings is None else type(settings)
    try:
        return actual.model_validate({**before, **changes})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "settings"
        if first["type"] == "extra_forbidden":
            known = ", ".join(f"`{name}`" for name in actual.model_fields)
            raise SettingsError(f"there is no setting `{name}`; allowed are {known}") from error
        raise SettingsError(f"`{name}`: {first['msg']} ({first['input']!r} was given)") from error
