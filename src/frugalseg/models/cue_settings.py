"""Settings of the search for cues: markers, size of the cells, foreground. Imports nothing heavy."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from frugalseg.errors import SettingsError

ForegroundMethod = Literal["auto", "intensity", "texture", "scribbles"]
NucleiMethod = Literal["threshold", "log", "doh"]


class CueSettings(BaseModel):
    """How nuclei, the size of the cells and the foreground of an image are found without labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    diameter: float | None = Field(
        default=None,
        gt=2,
        allow_inf_nan=False,
        description="Diameter of a typical cell in px; estimated from nuclei and foreground without it.",
    )
    nuclei_diameter: float | None = Field(
        default=None,
        gt=2,
        allow_inf_nan=False,
        description="Diameter of a typical nucleus in px; estimated from the image without it.",
    )
    nuclei_method: NucleiMethod = Field(
        default="threshold",
        description="How nuclei are found: 'threshold' outlines each nucleus where its edge is steepest; 'log' and 'doh' "
        "find round blobs of the size of a nucleus, also in blurred or predicted stains.",
    )
    foreground: ForegroundMethod = Field(
        default="auto",
        description="How cells are told from background: 'intensity' by grey values (fluorescence), 'texture' "
        "(label-free images), 'scribbles' by your own strokes, or 'auto': whichever suits the image.",
    )

    def check_for_own_markers(self) -> None:
        """Refuse settings of the search for nuclei where markers are given; raises `SettingsError`."""
        for name in ("nuclei_diameter", "nuclei_method"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise SettingsError(
                    f"`{name}` says how nuclei are found in a stain, and `markers` are given in place of it; leave one of them out"
                )
