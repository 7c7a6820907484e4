"""Which crop to label next: where a model is in doubt, where nuclei contradict it, and what looks like nothing labelled yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadModel, InputError, SettingsError
from frugalseg.models.inputs import as_partners, as_sequence, names_of, owner_of
from frugalseg.models.looks import look_distance
from frugalseg.models.object_model import ObjectModel
from frugalseg.networks.cards import Look
from frugalseg.report.number_texts import count_text
from frugalseg.studies.suggestions.crop_scores import CropScores, check_crop, score_crops


@dataclass(frozen=True)
class Suggestion:
    """One crop that is worth labelling.

    Attributes
    ----------
    image, name
        Number of its image among all, from 0, and the image's name.
    y, x, height, width
        Where it is, px of the image.
    score
        0..1; later suggestions have the score that was left to them by the earlier ones.
    objects
        How many nuclei or cells the model finds in it.
    disagreement
        On how many the flips and transposes of the image disagree; also those count that few of them show.
    misfits
        How many cells hold no nucleus or several, and how many nuclei are in no cell; None where no nuclei were given.
    rounds
        On how many cells the last two rounds of self-training differ; None where the model did not learn from this image, or
        not in rounds.
    look_distance
        How far it looks from all that the model learned from or that is labelled; above 1 it looks unlike all of it. None:
        there is nothing to compare with.
    """

    image: int
    name: str
    y: int
    x: int
    height: int
    width: int
    score: float
    objects: float
    disagreement: float
    misfits: float | None
    rounds: float | None
    look_distance: float | None

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns of the crop: ``image[..., *suggestion.area]``."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks for it, one sentence each."""
        found = []
        if self.disagreement >= 0.05:
            found.append(f"Flips and transposes of the image disagree on {self.disagreement:.1f} objects.")
        if self.misfits is not None and self.misfits >= 0.5:
            found.append(
                f"Objects and nuclei do not fit each other in {count_text(round(self.misfits), 'place')}."
            )
        if self.rounds is not None and self.rounds >= 0.5:
            found.append(f"The last two rounds of self-training differ on {self.rounds:.1f} cells.")
        if self.look_distance is not None and self.look_distance > 1:
            found.append(
                f"It looks unlike all that was learned from or labelled (distance {self.look_distance:.1f}; up to 1 is usual)."
            )
        return tuple(found)


def suggest(
    model: ObjectModel,
    images: Any,
    nuclei: Any = None,
    labels: Any = None,
    *,
    crop: int | None = None,
    n: int = 8,
    pixel_size: float | tuple[float, float] | None = None,
    diameter: float | None = None,
    names: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Suggestion]:
    """Rank crops of images by how much labelling them should help a model.

    Parameters
    ----------
    model : ObjectModel
        Of nuclei or cells, learned with or without labels.
    images : (Y,X) or (C,Y,X), or a sequence of such arrays
        Where crops may be taken from.
    nuclei : (Y,X), or one for each image, optional
        Nuclear stain; None in a list where an image has none.
    labels : (Y,X), or one for each image, optional
        What is labelled already: 0 background, negative not labelled; None in a list where nothing is. It is not suggested, and
        what looks like it is worth less.
    crop : int, optional
        Side of a crop, px; at a smaller image its side. By default 12 diameters of a typical object.
    n : int
        How many crops; there are fewer where no more fit beside each other.
    pixel_size, diameter, names
        As of `frugalseg.ObjectModel.predict`.
    progress : callable, optional
        Called with the number of images that were looked at, and of all.

    Returns
    -------
    list of Suggestion
        The best first. Crops do not overlap, and crops without any object or nucleus come last.

    Raises
    ------
    BadModel
        The model finds no nuclei or cells.
    InputError
        An image can't be used: the message says which and why; or everything is labelled already.
    SettingsError
        `crop` is larger than every image; `crop` or `n` is too small.

    Notes
    -----
    Each crop has a rank among all crops for every sign that the model errs in it: disagreement of the flips and transposes of
    the image, nuclei that do not fit, rounds of self-training that differ, a look unlike all that was learned from or labelled.
    The score is the mean of the ranks that are known, times how new its look is beside all that is labelled or suggested
    already: the distance of both looks (`frugalseg.models.looks.look_distance`) in parts of the mean distance of all crops, at
    most 1.

    References
    ----------
    Committees whose members disagree: H. S. Seung, M. Opper, H. Sompolinsky, Query by committee, COLT 1992.

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((96, 96), n_cells=6, seed=1)
    >>> model = ObjectModel.fit(cells.phase, cells.cells, crop=32, max_steps=1, device="cpu")
    >>> first, second = suggest(model, cells.phase, crop=48, n=2)
    >>> cells.phase[first.area].shape, first.score >= second.score
    ((48, 48), True)
    """
    check_model(model)
    check_count(n)
    sequence, named = as_sequence(images), names_of(images, names)
    stains, drawn = (
        [None] * len(sequence) if one is None else as_partners(one, name, images)
        for one, name in ((nuclei, "nuclei"), (labels, "labels"))
    )
    check_crop(crop, [np.shape(sequence[index])[-2:] for index in range(len(sequence))])
    scored = []
    for index, name in enumerate(named):
        about: dict[str, Any] = {"crop": crop, "pixel_size": pixel_size, "diameter": diameter, "name": name}
        about["owner"] = owner_of(index, images, names)
        scored.append(score_crops(model, sequence[index], stains[index], drawn[index], **about))
        if progress is not None:
            progress(index + 1, len(sequence))
    return choose_crops(scored, model.card.looks, n)


def check_model(model: Any, name: str = "`model`") -> ObjectModel:
    """Return a model of nuclei or cells; `BadModel` where it is of another kind. `name` is for the message."""
    if not isinstance(model, ObjectModel):
        raise BadModel(
            f"{name} is a {type(model).__name__}, and crops are suggested for a model that finds nuclei or cells in whole "
            "images; give one of `self_train`, `ObjectModel.fit`, `frugalseg segment` or `frugalseg learn labels`"
        )
    return model


def check_count(n: int) -> None:
    """`SettingsError` unless at least one crop is asked for."""
    if not (isinstance(n, int | np.integer) and n >= 1):
        raise SettingsError(f"`n` is {n!r}; ask for at least 1 crop, in whole numbers")


def choose_crops(scored: Sequence[CropScores], learned: Sequence[Look], n: int) -> list[Suggestion]:
    """Choose the crops of several images that are worth labelling most; see `suggest`.

    Parameters
    ----------
    scored
        The crops of each image.
    learned
        Looks of the images that the model learned from.
    n
        How many crops, at most.

    Raises
    ------
    InputError
        There is no crop.
    """
    image = np.repeat(np.arange(len(scored)), [len(one) for one in scored])
    if not len(image):
        raise InputError(
            "`labels` leave no crop without a labelled pixel; give images that are not labelled, or a smaller `crop`"
        )
    windows = np.concatenate([one.windows for one in scored])
    looks = [look for one in scored for look in one.looks]
    doubts = [
        np.concatenate([getattr(one, name) for one in scored])
        for name in ("disagreement", "misfits", "rounds")
    ]
    objects, empty = (np.concatenate([getattr(one, name) for one in scored]) for name in ("objects", "empty"))
    labelled = [look for one in scored for look in one.labelled]
    unlike = _distances(looks, [*learned, *labelled])
    signs = [*doubts, np.maximum(unlike, 1)]  # up to 1, a look is a usual one
    need = np.nanmean([_ranks(values) for values in signs], axis=0)
    fresh = np.min([np.ones(len(looks)), *(_newness(looks, one) for one in labelled)], axis=0)
    free, chosen = np.ones(len(image), bool), list[Suggestion]()
    while free.any() and len(chosen) < n:
        score = np.where(empty, -1, need * fresh)
        best = int(np.argmax(np.where(free, score, -2)))
        (y, x, height, width), at = windows[best].tolist(), int(image[best])
        numbers = [float(one[best]) for one in (*doubts, unlike)]
        disagreement, misfits, rounds, distance = (
            None if np.isnan(one) else round(one, 2) for one in numbers
        )
        chosen.append(
            Suggestion(
                image=at,
                name=scored[at].name,
                y=y,
                x=x,
                height=height,
                width=width,
                score=max(0.0, round(float(score[best]), 4)),
                objects=round(float(objects[best]), 1),
                disagreement=disagreement or 0.0,
                misfits=misfits,
                rounds=rounds,
                look_distance=distance,
            )
        )
        free &= (image != at) | ~_overlaps(windows, windows[best])
        fresh = np.minimum(fresh, _newness(looks, looks[best]))
    return chosen


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks 0..1, the larger the value the higher; equal values share one, and NaN stays NaN."""
    from scipy.stats import rankdata

    known = ~np.isnan(values)
    ranks = np.full(len(values), np.nan)
    ranks[known] = rankdata(values[known]) / max(1, np.count_nonzero(known))
    return ranks


def _distances(looks: Sequence[Look], others: Sequence[Look]) -> NDArray[np.float64]:
    """Return the distance of each look from the nearest of others; NaN without others."""
    if not others:
        return np.full(len(looks), np.nan)
    return np.array([look_distance(look, others) for look in looks])


def _newness(looks: Sequence[Look], covered: Look) -> NDArray[np.float64]:
    """Return how new each look is beside one that is covered: 0 the same, 1 as far from it as looks are on average."""
    distances = _distances(looks, [covered])
    return np.minimum(1, distances / max(float(distances.mean()), np.finfo(float).tiny))


def _overlaps(windows: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which windows (N,4) share a pixel with another one (4,)."""
    starts, ends = windows[:, :2], windows[:, :2] + windows[:, 2:]
    return np.asarray(((starts < other[:2] + other[2:]) & (other[:2] < ends)).all(axis=1))
