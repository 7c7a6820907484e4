"""Find the foreground from a few strokes of the user: the random forest of paper B, then a graph cut."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from frugalseg.cues.graph_cut import graph_cut
from frugalseg.errors import SettingsError
from frugalseg.images.normalize import blur

Plane = NDArray[np.float32]

BACKGROUND, CELL = 1, 2
#: Scales of the features, in cell diameters.
SCALES = (0.033, 0.067, 0.133, 0.267)


def scribble_features(planes: NDArray[np.float32], diameter: float) -> NDArray[np.float32]:
    """Return Gaussian, variance and Laplacian of each channel at four scales (paper B, "Binary mask").

    Parameters
    ----------
    planes : (C,Y,X) float32
        The image.
    diameter : float
        Cell diameter, px.

    Returns
    -------
    (Y,X,F) float32
        F = 3 features x 4 scales x C channels.
    """
    features: list[Plane] = []
    for plane in planes:
        values = (plane - plane.mean()) / max(float(plane.std()), 1e-12)
        for scale in SCALES:
            sigma = max(0.7, scale * diameter)
            smooth = blur(values, sigma)
            variance = blur((values - smooth) ** 2, sigma)
            features += [smooth, np.log(variance + 1e-6), sigma**2 * cv2.Laplacian(smooth, cv2.CV_32F)]
    return np.stack(features, axis=-1).astype(np.float32)


def shrink_strokes(scribbles: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return strokes (y,x) at another scale; thin strokes are kept, and where two classes meet, cell is taken.

    Raises
    ------
    SettingsError
        There are values other than 0, 1 and 2.
    """
    odd = np.setdiff1d(np.unique(scribbles), (0, BACKGROUND, CELL))
    if len(odd):
        raise SettingsError(
            f"`scribbles` hold 0 = unknown, 1 = background and 2 = cell; these also have {odd[:5].tolist()}"
        )
    strokes = np.zeros(shape, dtype=np.int64)
    for value in (BACKGROUND, CELL):
        drawn = np.argwhere(scribbles == value)
        rows, columns = (drawn * np.array(shape) // np.array(scribbles.shape)).T
        strokes[rows, columns] = value
    return strokes


def scribble_foreground(
    planes: NDArray[np.float32], scribbles: NDArray[np.int64], diameter: float, seed: int = 0
) -> tuple[NDArray[np.bool_], Plane]:
    """Train a random forest on the strokes, then cut its probability by a graph cut.

    Parameters
    ----------
    planes : (C,Y,X) float32
        The image.
    scribbles : (Y,X) int
        0 unknown, 1 background, 2 cell.
    diameter : float
        Cell diameter, px.
    seed : int
        Seed of the forest.

    Returns
    -------
    mask : (Y,X) bool
    log_odds : (Y,X) float32
        Evidence for "cell", in -4..4; strokes stay as drawn.

    Raises
    ------
    SettingsError
        There is no stroke of one of the two classes.
    """
    drawn = {int(v) for v in np.unique(scribbles)}
    if not {BACKGROUND, CELL} <= drawn:
        raise SettingsError(
            f"`scribbles` need strokes of both classes, 1 = background and 2 = cell; these have the values "
            f"{sorted(drawn)}"
        )
    features = scribble_features(planes, diameter)
    strokes = scribbles > 0
    forest = RandomForestClassifier(
        100, min_samples_leaf=3, class_weight="balanced", random_state=seed, n_jobs=-1
    )
    forest.fit(features[strokes], scribbles[strokes] == CELL)
    chance = forest.predict_proba(features.reshape(-1, features.shape[-1]))[:, 1].reshape(scribbles.shape)
    log_odds = np.clip(np.log(chance + 0.018) - np.log(1 - chance + 0.018), -4.0, 4.0).astype(np.float32)
    log_odds[scribbles == BACKGROUND] = -50.0
    log_odds[scribbles == CELL] = 50.0
    return graph_cut(log_odds, 2.0), np.clip(log_odds, -4.0, 4.0)
