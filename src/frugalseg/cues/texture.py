"""Find the foreground of label-free images without a label: cells have more texture than the background."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from frugalseg.cues.graph_cut import graph_cut
from frugalseg.cues.scaled_plane import ScaledPlane
from frugalseg.images.normalize import Plane, blur, flatten

#: Gaussian windows in cell diameters: camera noise that is smoothed away (where the areas of nuclei are known), the fine
#: structure that counts as texture, and its averaging.
NOISE, DETAIL, WINDOW = 0.018, 0.067, 0.05
#: Statistics are taken up to this many cell diameters from the centres of nuclei, so that a nearly empty field does not
#: dominate.
NEIGHBOURHOOD = 1.5
#: Pixels within CERTAIN cell diameters of a point are cell; further than FAR from all markers they may be background.
CERTAIN, FAR = 0.2, 0.75
#: Nuclei with a radius below this many cell diameters are dots, and certain as points are.
DOT = 0.1
#: Largest share of the certain pixels that the mixture may take for background; else its threshold is lowered. Key:
#: whether the mixture's two classes are separated. If not, nearly everything is cell and it splits the cells themselves.
#: If they are, more is allowed, because false markers lie on background.
LOST = {False: 0.1, True: 0.25}
#: What lies this near to a nucleus, in cell diameters, is cell but for this share.
RING, RING_LOST = 0.1, 0.1
#: Width of the uncertain band inside the textured region's boundary, in units of the computed reach of the texture.
BAND = 1.2
#: Holes up to this area, in squared cell diameters, are smooth parts of cells.
HOLE = 0.25


class TwoClasses(NamedTuple):
    """Mean and standard deviation of background and cells on one feature, and the cells' share of the pixels."""

    background: float
    background_spread: float
    cells: float
    cells_spread: float
    share: float

    @property
    def separated(self) -> bool:
        """Whether the mixture has two peaks (of about equal height), and so is more than one class split in two."""
        return self.cells - self.background > self.cells_spread + self.background_spread


class TextureEvidence(NamedTuple):
    """What the texture of a plane says.

    Attributes
    ----------
    flat
        (Y,X) float32, the plane with even illumination.
    log_odds
        (Y,X) float32, evidence for "cell", in -4..4; 4 in nuclei.
    reach
        How far the textured region reaches beyond cells, px.
    """

    flat: Plane
    log_odds: Plane
    reach: float


def texture_evidence(scaled: ScaledPlane, hold_ring: bool = False) -> TextureEvidence | None:
    """Evaluate local texture by a two-class mixture that is anchored at the markers.

    Parameters
    ----------
    scaled : ScaledPlane
        Label-free image: phase contrast, DIC, bright-field.
    hold_ring : bool
        Lower the threshold until all but `RING_LOST` of what lies near the nuclei is cell.

    Returns
    -------
    TextureEvidence or None
        None where all that is near the markers certainly is cell: a crop from within one, or a field full of markers.
    """
    diameter, distance = scaled.diameter, scaled.distance
    near = distance < NEIGHBOURHOOD * diameter - scaled.radius
    certain = scaled.nuclei if scaled.radius > DOT * diameter else distance < CERTAIN * diameter
    if not (near & ~certain).any():
        return None
    flat = flatten(scaled.plane, diameter)
    texture = local_texture(flat, diameter, NOISE if scaled.areas else 0.0)
    far = distance > FAR * diameter - scaled.radius
    classes = fit_two_classes(texture[near], certain[near], far[near])
    odds = class_log_odds(texture, classes)
    odds -= min(0.0, float(np.quantile(odds[certain], LOST[classes.separated])))
    ring = ring_around_nuclei(scaled, diameter)
    if hold_ring and ring.any():
        odds -= min(0.0, float(np.quantile(odds[ring], RING_LOST)))
    log_odds = np.clip(odds, -4.0, 4.0).astype(np.float32)
    reach = texture_reach(texture, log_odds, classes, diameter)
    return TextureEvidence(flat, np.where(scaled.nuclei, np.float32(4.0), log_odds), reach)


def ring_around_nuclei(scaled: ScaledPlane, diameter: float) -> NDArray[np.bool_]:
    """Return the pixels (Y,X) outside of nuclei, but within `RING` cell diameters of them."""
    return (scaled.distance > 0) & (scaled.distance < RING * diameter)


def texture_foreground(scaled: ScaledPlane, hold_ring: bool = False) -> tuple[NDArray[np.bool_], Plane]:
    """Separate cells from background by texture and two graph cuts.

    Parameters
    ----------
    scaled, hold_ring
        See `texture_evidence`.

    Returns
    -------
    mask : (Y,X) bool
    log_odds : (Y,X) float32
        Evidence for "cell" from texture alone, in -4..4.
    """
    evidence = texture_evidence(scaled, hold_ring)
    if evidence is None:
        return np.ones(scaled.seeds.shape, bool), np.full(scaled.seeds.shape, 4.0, np.float32)
    return cut_texture(scaled, evidence, textured_region(scaled, evidence)), evidence.log_odds


def textured_region(scaled: ScaledPlane, evidence: TextureEvidence, exact: bool = True) -> NDArray[np.bool_]:
    """Return where the texture window touched any texture, which reaches beyond the cells by the window's width.

    `exact`: by a graph cut; else by a threshold on smoothed log odds, which is much faster.
    """
    if exact:
        return graph_cut(evidence.log_odds, 2.0) | scaled.nuclei
    return (blur(evidence.log_odds, scaled.diameter / 20.0) > 0) | scaled.nuclei


def cut_texture(
    scaled: ScaledPlane, evidence: TextureEvidence, textured: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the mask (Y,X) of cells inside the textured region.

    How far the region reaches beyond cells follows from the contrast of the two classes (`texture_reach`). In a band of
    that width texture says nothing; there a graph cut that follows edges of the image itself decides.
    """
    depth = ndimage.distance_transform_edt(textured)
    unsure = (depth < BAND * evidence.reach) & ~scaled.nuclei
    inside = np.where(textured, np.where(unsure, 0.0, 4.0), -4.0).astype(np.float32)
    # White noise would attract the boundary as edges do, so the image is smoothed a little first.
    edges = blur(evidence.flat, max(0.5, scaled.diameter / 30.0))
    return fill_small_holes(graph_cut(inside, 2.0, edges) | scaled.nuclei, HOLE * scaled.diameter**2)


def local_texture(flat: Plane, diameter: float, noise: float = 0.0) -> Plane:
    """Return the logarithm of the local standard deviation of fine structure, (Y,X).

    Structure finer than `noise` cell diameters does not count: camera noise would hide smooth cells.
    """
    smooth = blur(flat, noise * diameter) if noise else flat
    detail = smooth - blur(flat, DETAIL * diameter)
    power = blur(detail**2, WINDOW * diameter)
    return np.asarray(0.5 * np.log(np.maximum(power, 1e-8)), dtype=np.float32)


def fit_two_classes(
    feature: Plane, certain: NDArray[np.bool_], far: NDArray[np.bool_], rounds: int = 60
) -> TwoClasses:
    """Fit a mixture of two Gaussians by expectation maximisation, the certain pixels held in the cells' class.

    In fields that are nearly all cells or nearly all background, a free mixture would split the larger class in two.

    Parameters
    ----------
    feature : (Y,X) float32
        Higher for cells.
    certain, far : (Y,X) bool
        Pixels that certainly are cell, and pixels far from every marker, among which background is sought.
    rounds : int
        Steps of expectation maximisation.
    """
    known = feature[certain].astype(np.float64)
    values = np.sort(feature[~certain].astype(np.float64), axis=None)
    values = values[:: max(1, len(values) // 100_000)]
    cells, cells_spread = float(np.median(known)), 1.4826 * float(stats.median_abs_deviation(known)) + 1e-3
    background = float(np.quantile(values, 0.2 if far.mean() > 0.02 else 0.02))
    background_spread = max(0.1 * abs(cells - background), 0.05)
    classes = TwoClasses(background, background_spread, cells, cells_spread, 0.5)
    # The known pixels are weighted by their share among the pixels that `values` is a sample of.
    weight = certain.sum() / max(1, (~certain).sum()) * len(values) / max(1, len(known))
    for _ in range(rounds):
        odds = class_log_odds(values, classes)
        cell = 1.0 / (1.0 + np.exp(-np.clip(odds, -50, 50)))
        rest = 1.0 - cell
        amount = cell.sum() + weight * len(known)
        cells = float(((cell * values).sum() + weight * known.sum()) / amount)
        variance = ((cell * (values - cells) ** 2).sum() + weight * ((known - cells) ** 2).sum()) / amount
        background = float((rest * values).sum() / max(rest.sum(), 1e-6))
        background_variance = (rest * (values - background) ** 2).sum() / max(rest.sum(), 1e-6)
        classes = TwoClasses(
            background,
            float(np.sqrt(background_variance)) + 1e-3,
            cells,
            float(np.sqrt(variance)) + 1e-3,
            float(np.clip(cell.mean(), 0.01, 0.99)),
        )
    return classes


def class_log_odds(feature: NDArray[np.floating], classes: TwoClasses) -> NDArray[np.float64]:
    """Return the log odds of "cell", made monotonous: beyond either mean the nearer class always wins."""
    z_cells = (feature - classes.cells) / classes.cells_spread
    z_background = (feature - classes.background) / classes.background_spread
    odds = 0.5 * (z_background**2 - z_cells**2) + np.log(
        classes.share / (1 - classes.share) * classes.background_spread / classes.cells_spread
    )
    odds = np.where(feature > classes.cells, np.maximum(odds, 4.0), odds)
    return np.asarray(np.where(feature < classes.background, np.minimum(odds, -4.0), odds))


def texture_reach(texture: Plane, log_odds: Plane, classes: TwoClasses, diameter: float) -> float:
    """Return how far, in px, the textured region reaches beyond a straight boundary of a cell.

    Behind a Gaussian window of width sigma, a step in variance from b to c becomes b + (c - b) Phi(-x / sigma);
    the classes meet at a variance t, hence at x = sigma * Phi^-1(1 - (t - b) / (c - b)).
    """
    undecided = texture[np.abs(log_odds) < 0.5]
    if undecided.size == 0:
        return 0.0
    meeting, background, cells = (
        float(np.exp(2 * value)) for value in (np.median(undecided), classes.background, classes.cells)
    )
    fraction = (meeting - background) / max(cells - background, 1e-12)
    sigma = float(np.hypot(DETAIL, WINDOW)) * diameter
    return max(0.0, sigma * float(stats.norm.ppf(1 - np.clip(fraction, 0.02, 0.98))))


def fill_small_holes(mask: NDArray[np.bool_], area: float) -> NDArray[np.bool_]:
    """Return a mask (Y,X) with holes of at most `area` px filled; those at the image's edge are kept."""
    labels, count = ndimage.label(~mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    at_edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    small = sizes <= area
    small[at_edge] = False
    small[0] = False
    filled: NDArray[np.bool_] = mask | small[labels]
    return filled
