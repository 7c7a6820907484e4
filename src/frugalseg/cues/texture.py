"""Find the foreground of label-free images without a label: cells have more texture than the background."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from frugalseg.cues.empty_texture import empty_log_odds
from frugalseg.cues.graph_cut import graph_cut
from frugalseg.cues.scaled_plane import ScaledPlane
from frugalseg.cues.two_classes import TwoClasses, class_log_odds, fit_two_classes
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
#: What lies this near to a nucleus, in cell diameters, is nearly all cell.
RING = 0.1
#: Width of the uncertain band inside the textured region's boundary, in units of the computed reach of the texture.
BAND = 1.2
#: Holes up to this area, in squared cell diameters, are smooth parts of cells.
HOLE = 0.25


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


def texture_evidence(scaled: ScaledPlane, from_background: bool = False) -> TextureEvidence | None:
    """Evaluate local texture by a two-class mixture that is anchored at the markers, or by what background looks like.

    Parameters
    ----------
    scaled : ScaledPlane
        Label-free image: phase contrast, DIC, bright-field.
    from_background : bool
        In place of the mixture, take for cell what is rougher than empty background (`empty_log_odds`).

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
    if from_background:
        odds, classes = empty_log_odds(texture, texture[near])
    else:
        classes = fit_two_classes(texture[near], certain[near], far[near])
        odds = class_log_odds(texture, classes)
    odds -= min(0.0, float(np.quantile(odds[certain], LOST[classes.separated])))
    log_odds = np.clip(odds, -4.0, 4.0).astype(np.float32)
    reach = texture_reach(texture, log_odds, classes, diameter)
    return TextureEvidence(flat, np.where(scaled.nuclei, np.float32(4.0), log_odds), reach)


def ring_around_nuclei(scaled: ScaledPlane, diameter: float) -> NDArray[np.bool_]:
    """Return the pixels (Y,X) outside of nuclei, but within `RING` cell diameters of them."""
    return (scaled.distance > 0) & (scaled.distance < RING * diameter)


def texture_foreground(scaled: ScaledPlane) -> tuple[NDArray[np.bool_], Plane]:
    """Separate cells from background by texture and two graph cuts.

    Parameters
    ----------
    scaled : ScaledPlane
        Label-free image.

    Returns
    -------
    mask : (Y,X) bool
    log_odds : (Y,X) float32
        Evidence for "cell" from texture alone, in -4..4.
    """
    evidence = texture_evidence(scaled)
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
