"""Which images a student learns from where there are many: those that look most different."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from frugalseg.images.normalize import Modality
from frugalseg.images.outliers import without_outliers
from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.looks import image_look
from frugalseg.models.model_scale import normalization_for, normalized_planes
from frugalseg.networks.cards import Look, Normalization

#: A student learns from at most so many images; time and memory grow no further.
MOST_IMAGES = 24


@dataclass
class ChosenImages:
    """Images to learn from, and what is to be known of all.

    Attributes
    ----------
    cues
        Of the images to learn from, in their order.
    counts
        How many images each of them stands for, itself included.
    diameters, modalities
        Of all images: diameter of a typical cell, px; modality of each channel.
    """

    cues: list[ImageCues] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    diameters: list[float] = field(default_factory=list)
    modalities: list[tuple[Modality, ...]] = field(default_factory=list)

    @property
    def normalization(self) -> tuple[Normalization, ...]:
        """How the grey values of each channel are normalised: by its modality in most of all images."""
        by_channel = zip(*self.modalities, strict=True)
        fluorescent = (2 * each.count("fluorescent") > len(each) for each in by_channel)
        return normalization_for(["fluorescent" if most else "label-free" for most in fluorescent])

    def lines(self, weights: Sequence[float], channels: Sequence[str] | None = None) -> Iterator[str]:
        """Yield lines for the log: on images that are left out or drawn more often, and on nuclei among the channels."""
        if len(self.cues) < len(self.diameters):
            yield f"learning from {len(self.cues)} of {len(self.diameters)} images, those that look most different"
        rates = [weight / count for weight, count in zip(weights, self.counts, strict=True)]
        rare, times = sum(rate > min(rates) for rate in rates), max(rates) / min(rates)
        if rare:
            yield f"images that look like few others are drawn up to {times:.1f} times as often: {rare} of {len(rates)}"
        for index in range(len(self.cues[0].planes)):
            if all(_shows_nuclei(one, index) for one in self.cues):
                yield (
                    f"channel {channels[index] if channels else index!r} is the stain that nuclei were found in: a student "
                    "that sees it learns to miss cells whose nucleus was not found, so better leave it out"
                )


def choose_images(cues: Iterable[ImageCues], most: int = MOST_IMAGES) -> ChosenImages:
    """Choose at most `most` images, so that every look is among them.

    Images come one by one, and only those that are chosen so far are kept in memory. When one is too many, the two that
    look most alike are found, and the later one is left out; the earlier one stands for it from then on.

    Parameters
    ----------
    cues
        From `frugalseg.find_cues`; walked through once.
    most
        Number of images.

    References
    ----------
    Farthest-point sampling, in one pass: T. F. Gonzalez, Clustering to minimize the maximum intercluster distance, Theor.
    Comput. Sci. 38, 1985.

    Examples
    --------
    >>> from frugalseg.models.image_cues import find_cues
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((96, 96), n_cells=6, dim_nuclei=0, seed=1)
    >>> found = [find_cues(plane, cells.nuclear, diameter=30, name=f"{at}") for at, plane in enumerate([cells.phase] * 3)]
    >>> chosen = choose_images(found, most=2)
    >>> [one.name for one in chosen.cues], chosen.counts
    (['0', '2'], [2, 1])
    """
    chosen, looks = ChosenImages(), list[Look]()
    for one in cues:
        chosen.cues.append(one)
        chosen.counts.append(1)
        chosen.diameters.append(one.diameter)
        chosen.modalities.append(one.modalities)
        if len(chosen.cues) > most:
            looks += [_own_look(other) for other in chosen.cues[len(looks) :]]
            first, second = _most_alike(looks)
            chosen.counts[first] += chosen.counts[second]
            del chosen.cues[second], chosen.counts[second], looks[second]
    return chosen


def _shows_nuclei(cues: ImageCues, channel: int) -> bool:
    """Return whether a channel is the very stain that the markers were found in."""
    return cues.nuclei is not None and np.array_equal(without_outliers(cues.planes[channel]), cues.nuclei)


def _own_look(cues: ImageCues) -> Look:
    """Return the look of an image at the scale of its own cells: that of the run is known only at the end."""
    how = normalization_for(cues.modalities)
    planes = normalized_planes(cues.planes, how, cues.diameter, (), f"field {cues.name!r}")
    return image_look(resize_planes(planes, scaled_shape(cues.shape, cues.factor)))


def _most_alike(looks: Sequence[Look]) -> tuple[int, int]:
    """Return the numbers of the two looks that are nearest to each other, the earlier one first."""
    values = np.array([one.values for one in looks])
    apart = np.square(values[:, None] - values[None]).sum(axis=-1)
    apart[np.tril_indices(len(looks))] = np.inf
    first, second = np.unravel_index(int(np.argmin(apart)), apart.shape)
    return int(first), int(second)
