"""The arrays that cues are found in: of one image, and of each of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from frugalseg.errors import SettingsError
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.inputs import as_partners, as_sequence


@dataclass(frozen=True)
class CueSources:
    """The arrays that cues of one image are found in; all but the image may be None.

    Attributes
    ----------
    image
        (Y,X) or (C,Y,X).
    nuclei
        (Y,X), the nuclear stain.
    markers, mask, scribbles
        See `frugalseg.find_cues`.
    """

    image: Any
    nuclei: Any = None
    markers: Any = None
    mask: Any = None
    scribbles: Any = None

    def check(self, settings: CueSettings, owner: str) -> None:
        """`SettingsError` where something is missing, or two arrays or settings exclude each other."""
        if self.nuclei is None and self.markers is None:
            raise SettingsError(
                f"{owner}: there is nothing to start cells from; give `nuclei`, a nuclear stain, or `markers`, one label or point per "
                "cell"
            )
        if self.nuclei is not None and self.markers is not None:
            raise SettingsError("`nuclei` and `markers` both say where cells are; give one of them")
        if self.mask is not None and settings.foreground != "auto":
            raise SettingsError(
                f"`mask` is the foreground itself, so `foreground` {settings.foreground!r} has no use; leave one of them out"
            )
        if self.mask is not None and self.scribbles is not None:
            raise SettingsError(
                "`mask` is the foreground itself, so `scribbles` have no use; leave one of them out"
            )
        if self.markers is not None:
            settings.check_for_own_markers()
        if self.scribbles is not None and settings.foreground not in ("auto", "scribbles"):
            raise SettingsError(
                f"`foreground` {settings.foreground!r} has no use for `scribbles`; leave one of them out"
            )


class ManySources(Sequence[CueSources]):
    """Sources of every image; arrays of lazy sequences are loaded when their image is asked for.

    Parameters
    ----------
    images
        One array or a sequence.
    partners
        Field of `CueSources` -> one array for each image, or None.
    names
        Names of such fields in messages, where a caller's parameter is called otherwise.

    Raises
    ------
    InputError
        Not one array for each image.
    """

    def __init__(self, images: Any, partners: dict[str, Any], names: dict[str, str] | None = None) -> None:
        self.images = as_sequence(images)
        self.partners = {
            field: as_partners(values, (names or {}).get(field, field), images)
            for field, values in partners.items()
            if values is not None
        }

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __getitem__(self, index: Any) -> Any:
        """Return the sources of one image."""
        return CueSources(
            self.images[index], **{field: values[index] for field, values in self.partners.items()}
        )
