"""Cues of several images, found one after the other."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from frugalseg.errors import FrugalsegError, InputError
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.cue_sources import ManySources
from frugalseg.models.image_cues import ImageCues, cues_of
from frugalseg.models.inputs import names_of, owner_of
from frugalseg.models.training_options import OnError


def with_warnings(cues: ImageCues) -> ImageCues:
    """Return cues, after a Python warning for each doubt whether the arrays are what they are given as."""
    for doubt in cues.doubts:
        warnings.warn(doubt, stacklevel=4)
    return cues


def check_cues(cues: Any) -> ImageCues:
    """Return the cues of one image; `InputError` for anything else, such as the image itself."""
    if not isinstance(cues, ImageCues):
        raise InputError(
            f"`cues` are of type {type(cues).__name__}; give what `frugalseg.find_cues` returns (images themselves go to "
            "`self_train`, `fit` and `predict`)"
        )
    return cues


def each_cues(cues: Iterable[ImageCues] | ImageCues) -> Iterator[ImageCues]:
    """Pass on the cues of several images, or of one; `InputError` at the first that are none."""
    for one in [cues] if isinstance(cues, ImageCues) else cues:
        yield check_cues(one)


def find_many_cues(
    images: Any,
    nuclei: Any,
    markers: Any,
    masks: Any,
    scribbles: Any,
    settings: CueSettings,
    names: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    on_error: OnError | None = None,
) -> Iterator[ImageCues]:
    """Find the cues of each image when it is asked for; arguments as of `frugalseg.self_train`, checked at once.

    Where no image can be used, the first error is raised at the end.
    """
    partners = {"nuclei": nuclei, "markers": markers, "mask": masks, "scribbles": scribbles}
    sources, named = ManySources(images, partners, {"mask": "masks"}), names_of(images, names)

    def each() -> Iterator[ImageCues]:
        first, n_found = None, 0
        for index in range(len(sources)):
            try:
                owner = owner_of(index, images, names)
                found = cues_of(sources[index], settings, named[index], owner, channels)
            except FrugalsegError as error:
                if on_error is None:
                    raise
                on_error(index, error)
                first = first or error
                continue
            n_found += 1
            yield with_warnings(found)
        if first is not None and not n_found:
            raise first

    return each()
