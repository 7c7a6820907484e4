"""Images of synthetic cells: stains, phase contrast and bright field, with the noise of a camera."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from frugalseg.synthetic.truth import Floats, Truth, boundary_distance, smooth_noise

Counts = npt.NDArray[np.uint16]


def render(
    truth: Truth, diameter: float, dim_nuclei: float, vignette: float, noise: float, rng: np.random.Generator
) -> dict[str, Counts]:
    """Render all images of one field, each (Y, X) uint16 camera counts."""
    shape = truth.cells.shape
    n = len(truth.markers)
    inside = truth.cells > 0
    depth = np.where(inside, boundary_distance(truth.cells), 0.0)
    height = 1 - np.exp(-depth / (0.17 * diameter))
    grain = smooth_noise(shape, max(0.06 * diameter, 1.2), rng)  # vesicles and other granules
    patches = smooth_noise(shape, 0.3 * diameter, rng)
    brightness = _per_cell(truth, rng.lognormal(0, 0.35, n))
    stain = rng.lognormal(0, 0.45, n)
    stain[rng.permutation(n)[: round(dim_nuclei * n)]] *= 0.04
    nuclear, nucleoli = _nuclear(truth, stain, diameter, rng)

    body = (0.3 + 0.7 * height) * (1 + 0.10 * grain + 0.12 * patches) * (1 - 0.35 * (truth.nuclei > 0))
    cytoplasm = ndimage.gaussian_filter(inside * brightness * body.clip(0), 0.9)
    boundary = np.exp(-((depth / 1.3) ** 2)) * inside
    surface = 0.13 * (1 + 0.35 * grain) * inside
    membrane = ndimage.gaussian_filter(
        brightness**0.5 * (boundary * (1 + 0.25 * patches) + surface).clip(0), 0.8
    )
    thickness = _thickness(truth, depth, grain, nucleoli, diameter, rng)
    phase, brightfield = _phase(thickness, diameter), _brightfield(thickness, diameter)

    light = _vignette(shape, vignette, rng)
    return {
        "nuclear": _camera(200 + 4000 * nuclear * light, 0.35, 12 * noise, noise, rng),
        "cytoplasm": _camera(260 + 3200 * cytoplasm * light, 0.35, 12 * noise, noise, rng),
        "membrane": _camera(240 + 3000 * membrane * light, 0.35, 12 * noise, noise, rng),
        "phase": _camera(12000 * phase * light, 0.35, 60 * noise, noise, rng),
        "brightfield": _camera(20000 * brightfield * light, 0.35, 60 * noise, noise, rng),
    }


def _per_cell(truth: Truth, values: Floats) -> Floats:
    """Return one value per cell as a plane (Y, X); 0 outside."""
    return np.concatenate([[0.0], values])[truth.cells]


def _nuclear(
    truth: Truth, stain: Floats, diameter: float, rng: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the nuclear stain, and the mask of the nucleoli (dark in the stain, dark in phase contrast)."""
    shape = truth.cells.shape
    nucleus = truth.nuclei > 0
    depth = np.where(nucleus, boundary_distance(truth.nuclei), 0.0)
    chromatin = smooth_noise(shape, max(0.07 * diameter, 1.5), rng)
    nucleoli = (smooth_noise(shape, max(0.09 * diameter, 2.0), rng) > 1.5) & (depth > 0.06 * diameter)
    roundness = 0.55 + 0.45 * (1 - np.exp(-depth / (0.08 * diameter)))
    signal = nucleus * np.concatenate([[0.0], stain])[truth.nuclei] * roundness * (1 + 0.14 * chromatin)
    signal = np.where(nucleoli, 0.6 * signal, signal).clip(0)
    sharp = ndimage.gaussian_filter(signal, max(0.03 * diameter, 0.8))
    haze = ndimage.gaussian_filter(signal, 0.4 * diameter)  # out-of-focus light
    return 0.94 * sharp + 0.06 * haze + 0.004 * (truth.cells > 0), nucleoli


def _thickness(
    truth: Truth,
    depth: Floats,
    grain: Floats,
    nucleoli: npt.NDArray[np.bool_],
    diameter: float,
    rng: np.random.Generator,
) -> Floats:
    """Return the optical path (Y, X), arbitrary units: a flat edge, a thick middle, the nucleus, granules around it."""
    inside = truth.cells > 0
    nucleus = truth.nuclei > 0
    tall = _per_cell(truth, rng.lognormal(0, 0.30, len(truth.markers)))
    dome = 1 - np.exp(-((depth / (0.22 * diameter)) ** 2))
    shoulder = 1 - np.exp(-depth / (0.035 * diameter))  # neighbours meet in a thin groove
    nuclear_dome = ndimage.gaussian_filter(nucleus.astype(float), max(0.025 * diameter, 0.9))
    envelope = nuclear_dome * (1 - nuclear_dome)
    near_nucleus = ndimage.gaussian_filter(nucleus.astype(float), 0.12 * diameter)
    granules = np.where(inside & ~nucleus, grain * np.abs(grain) ** 0.4 * (0.03 + 0.13 * near_nucleus), 0.0)
    path = inside * (0.12 + 0.17 * shoulder + 0.45 * tall * dome) + granules
    # The nucleus has a dark envelope and is clear inside, except for the nucleoli.
    path += 0.9 * envelope - 0.10 * nuclear_dome + 0.3 * nucleoli
    return ndimage.gaussian_filter(path, 0.7)  # type: ignore[no-any-return]


def _phase(thickness: Floats, diameter: float) -> Floats:
    """Return positive phase contrast: thick parts are dark, with the bright phase halo around them."""
    halo = ndimage.gaussian_filter(thickness, 0.16 * diameter)
    wide = ndimage.gaussian_filter(thickness, 0.5 * diameter)
    return 1 - 0.34 * (thickness - 0.62 * halo - 0.30 * wide)  # type: ignore[no-any-return]


def _brightfield(thickness: Floats, diameter: float) -> Floats:
    """Return bright field slightly out of focus: intensity follows the curvature of the optical path."""
    sharp = ndimage.gaussian_laplace(thickness, max(0.035 * diameter, 1.0))
    soft = ndimage.gaussian_laplace(thickness, 0.08 * diameter) * (0.08 / 0.035)
    return 1 + 0.7 * sharp + 0.5 * soft - 0.04 * thickness  # type: ignore[no-any-return]


def _vignette(shape: tuple[int, ...], depth: float, rng: np.random.Generator) -> Floats:
    """Return the illumination (Y, X): 1 near the centre, darker by up to `depth` in the corners."""
    cy, cx = rng.normal(0, 0.12, 2)
    y, x = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])
    light: Floats = 1 - depth * np.minimum(((y - cy) ** 2 + (x - cx) ** 2) / 2, 1.5)
    return light


def _camera(
    counts: Floats, electrons: float, read_noise: float, noise: float, rng: np.random.Generator
) -> Counts:
    """Return 16-bit counts with shot noise (`electrons` per count; `noise` scales its standard deviation) and read noise."""
    counts = np.maximum(counts, 0.0)
    if noise > 1e-6:  # less vanishes in rounding, and a Poisson distribution has no numbers that large
        gain = electrons / noise**2
        counts = rng.poisson(counts * gain) / gain + rng.normal(0, read_noise, counts.shape)
    clipped: npt.NDArray[Any] = np.clip(np.rint(counts), 0, 65535)
    return clipped.astype(np.uint16)
