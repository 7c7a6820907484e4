"""What a user can say about markers, foreground and scale."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as Setting

from frugalseg.errors import BadModel, SettingsError
from frugalseg.images.channels import parse_channels
from frugalseg.networks.cards import StainCard
from frugalseg.networks.store import load_card


class CueSettings(BaseModel):
    """What is known without labels, and where.

    Attributes
    ----------
    cells
        Channels that show the whole cell, by name or index; the foreground is found in the first.
    nuclei
        Channel of the nuclear stain.
    nuclei_from
        Folder of a stain model that predicts the nuclear stain; a channel in `nuclei` is then only compared with.
    markers
        The user's own markers instead: a label image, one label per cell.
    diameter, nuclei_diameter
        Of a typical cell and nucleus, px; estimated when None.
    foreground
        How to tell cells from background, see `frugalseg.cues.foreground.find_foreground`.
    scribbles
        Label image with a few strokes: 1 background, 2 cell.
    mask
        The user's own foreground, above 0 where there are cells.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: tuple[str, ...] = Setting(min_length=1)
    nuclei: str | None = None
    nuclei_from: str | None = None
    markers: str | None = None
    diameter: float | None = Setting(default=None, gt=2, allow_inf_nan=False)
    nuclei_diameter: float | None = Setting(default=None, gt=2, allow_inf_nan=False)
    foreground: Literal["auto", "intensity", "texture", "scribbles"] = "auto"
    scribbles: str | None = None
    mask: str | None = None

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.markers is not None and (self.nuclei is not None or self.nuclei_from is not None):
            raise SettingsError(
                f"markers are given as {self.markers!r} and as nuclei too; give one of --nuclei CH, --nuclei-from MODEL and "
                "--markers CH: every cell starts from it"
            )
        if self.mask is not None and self.foreground != "auto":
            raise SettingsError(
                f"--mask {self.mask} is the foreground itself and --foreground {self.foreground} a way to find one; give "
                "one of them"
            )
        if self.scribbles is not None and self.foreground not in ("auto", "scribbles"):
            raise SettingsError(
                f"--foreground {self.foreground} has no use for --scribbles {self.scribbles}; give one of them"
            )
        return self

    def markers_from(self) -> dict[str, str | None]:
        """Where a cutter's card says that its markers come from."""
        real = self.nuclei if self.nuclei_from is None else None
        return {"nuclei": real, "nuclei_from": self.predicted()}

    def images(self) -> tuple[str, ...]:
        """Channels that every field must have."""
        needed = self.nuclei is not None and self.nuclei_from is None
        return (*self.cells, *([self.nuclei] if self.nuclei is not None and needed else []))

    def as_request(self) -> dict[str, Any]:
        """All settings, and the checksum of the model that predicts nuclei: another one in its folder is another run.

        Raises
        ------
        BadModel
            There is no such model, it predicts no stain, or its card is damaged.
        """
        card = self._stain_card()
        return self.model_dump() | ({} if card is None else {"nuclei_from_sha256": card.sha256})

    def predicted(self) -> str | None:
        """Name of the stain that the model in `nuclei_from` predicts; None where there is no such model."""
        card = self._stain_card()
        return None if card is None else card.target

    def _stain_card(self) -> StainCard | None:
        """Card of the model in `nuclei_from`, which must predict a stain; asked for before anything is written."""
        if self.nuclei_from is None:
            return None
        card = load_card(self.nuclei_from)
        if not isinstance(card, StainCard):
            raise BadModel(
                f"{self.nuclei_from} is a model of kind '{card.kind}'; --nuclei-from needs a stain model (`learn stains`)"
            )
        return card

    def nuclear_name(self) -> str:
        """What the image is called that markers are found in; a predicted stain is never called as a real channel."""
        return str(self.nuclei) if self.nuclei_from is None else f"predicted_{self.predicted()}"

    def label_images(self) -> tuple[str, ...]:
        """Channels with labels, which single fields may lack."""
        return tuple(name for name in (self.markers, self.scribbles, self.mask) if name is not None)

    def channels_read(self) -> tuple[str, ...]:
        """Every channel that is looked at where a field has it, those that only the stain model needs included.

        Raises
        ------
        BadModel
            As of `as_request`.
        """
        card = self._stain_card()
        model = () if card is None else parse_channels(",".join(card.channels))
        compared = () if self.nuclei is None else (self.nuclei,)
        return (*self.images(), *compared, *self.label_images(), *(one.channel for one in model))
