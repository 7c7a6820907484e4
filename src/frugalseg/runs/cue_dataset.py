"""Cues of many fields, found one after the other: what cells are learned from."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from frugalseg.errors import FrugalsegError
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.pixel_size import doubt_about_size
from frugalseg.learning.device import Device
from frugalseg.models.image_cues import ImageCues
from frugalseg.report.report_data import FULL_FIELDS
from frugalseg.runs.channel_settings import CueChannels
from frugalseg.runs.field_cues import FieldCues, read_cues
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.run_log import RunLog

#: Pixels of the fields whose cues are kept in memory, of all channels together; 13 bytes each and more.
MOST_KEPT = 60_000_000


@dataclass
class CueDataset:
    """Fields that are learned from, and their cues.

    Attributes
    ----------
    table
        The fields.
    settings
        Channels, and how cues are found.
    log
        Prints progress.
    records, failed
        Field name -> what is known about it, and why it can't be used; complete when `cues` is at its end.
    warnings
        Sentences for the user.
    shown
        The first fields' cues, for the report.
    kept
        Cues of fields by name, as many as fit into `MOST_KEPT` pixels.
    """

    table: FieldTable
    settings: CueChannels
    log: RunLog
    device: Device = "auto"
    records: dict[str, FieldRecord] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    shown: list[FieldCues] = field(default_factory=list)
    kept: dict[str, FieldCues] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Time that the cues took so far."""
        return sum(record.seconds or 0.0 for record in self.records.values())

    def cues(self) -> Iterator[ImageCues]:
        """Find the cues of each field when it is asked for; raise the first error where no field is left."""
        errors: list[FrugalsegError] = []
        for number, one in enumerate(self.table, start=1):
            start = time.monotonic()
            try:
                with self.log.status(f"[{number}/{len(self.table)}] looking for nuclei and cells"):
                    cues = read_cues(one, self.settings, self.device)
            except FrugalsegError as error:
                errors.append(error)
                self.failed[one.name] = " ".join(str(error).split())
                continue
            self.log.line(f"[{number}/{len(self.table)}] {one.name}: {cues.image.line()}")
            self._record(cues, time.monotonic() - start)
            yield cues.image
        if errors and not self.records:
            raise errors[0]

    def used(self) -> list[Field]:
        """Return the fields whose cues were found."""
        return [one for one in self.table if one.name in self.records]

    def _record(self, cues: FieldCues, seconds: float) -> None:
        image = cues.image
        for doubt in image.doubts:
            self.log.warn(doubt)
        first = self.shown[0].image if self.shown else image
        size = doubt_about_size(cues.pixel_size)
        doubts = [*image.warnings, *([size] if size else [])]
        if image.modalities != first.modalities:
            doubts.append(
                f"Its channels look {', '.join(image.modalities)}, and those of {first.name} {', '.join(first.modalities)}; "
                "all images of a run are normalised in one way."
            )
        self.warnings += [f"{image.name}: {doubt}" for doubt in doubts]
        self.records[image.name] = FieldRecord(
            n_markers=len(image.markers),
            diameter=image.diameter,
            modalities=image.modalities,
            foreground=image.foreground.method,
            cues=image.quality,
            warnings=tuple(doubts),
            seconds=round(seconds, 2),
        )
        if len(self.shown) < FULL_FIELDS:
            self.shown.append(cues)
        pixels = sum(math.prod(one.image.planes.shape) for one in self.kept.values())
        if pixels + math.prod(image.planes.shape) <= MOST_KEPT:
            self.kept[image.name] = cues

    def cues_of(self, field: Field) -> FieldCues:
        """Return the cues of a field, kept or found again; raises as `frugalseg.runs.field_cues.read_cues`."""
        return self.kept.get(field.name) or read_cues(field, self.settings, self.device)
