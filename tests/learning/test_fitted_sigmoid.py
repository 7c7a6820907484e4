"""The sigmoid of eq. 1, fitted to a stain: a good stain is a good mask before anything is learned."""

import numpy as np
import pytest
import torch

from frugalseg.learning.from_labels.fitted_sigmoid import STEEPEST, fit_sigmoid
from frugalseg.learning.from_labels.label_losses import jaccard_loss
from frugalseg.networks.heads import ScaledSigmoid

SIDE = 250


def nuclei(area: float = 0.004) -> np.ndarray:
    """A mask (Y,X) with one nucleus per cell of a grid, which cover a share of the image."""
    y, x = np.mgrid[:SIDE, :SIDE] % 50
    return np.hypot(y - 25, x - 25) < 50 * np.sqrt(area / np.pi)


def loss(stain: np.ndarray, mask: np.ndarray, slope: float, midpoint: float) -> float:
    both = [torch.from_numpy(one.astype(np.float32))[None, None] for one in (stain, mask)]
    return float(
        jaccard_loss(ScaledSigmoid(slope, midpoint).logits(both[0]), both[1], torch.ones_like(both[1]))
    )


def test_a_perfect_stain_is_a_perfect_mask_at_the_fitted_slope_only() -> None:
    mask = nuclei()
    assert mask.mean() == pytest.approx(0.004, abs=5e-4)
    stain = mask.astype(np.float32)
    assert loss(stain, mask, 1.0, 0.5) > 0.99  # the paper's
    slope, midpoint = fit_sigmoid(stain.ravel(), mask.ravel())
    assert midpoint == 0.5
    assert slope == pytest.approx(STEEPEST, rel=0.01)
    assert loss(stain, mask, slope, midpoint) < 1e-6


def test_a_dim_and_noisy_stain_needs_a_midpoint_of_its_own() -> None:
    mask = nuclei()
    stain = 0.4 * mask + np.random.default_rng(0).normal(0, 0.08, mask.shape)
    slope, midpoint = fit_sigmoid(stain.ravel(), mask.ravel())
    fitted = loss(stain, mask, slope, midpoint)
    assert fitted < 0.4 < 0.99 < loss(stain, mask, 1.0, 0.5)
    assert loss(stain, mask, slope, 0.5) > fitted + 0.1
    assert 10 < slope < STEEPEST / 1.1


def test_threshold_and_slope_are_the_best_of_their_kind() -> None:
    random = np.random.default_rng(1)
    mask = random.random(400) < 0.1
    stain = np.round(0.3 * mask + random.normal(0, 0.2, 400), 2)  # with ties
    slope, midpoint = fit_sigmoid(stain, mask)

    def jaccard(threshold: float) -> float:
        return (mask & (stain > threshold)).sum() / (mask | (stain > threshold)).sum()

    def likelihood(tried: float) -> float:
        probability = 1 / (1 + np.exp(-tried * (stain - midpoint)))
        return float(np.log(np.where(mask, probability, 1 - probability)).mean())

    assert jaccard(midpoint) == max(jaccard(value) for value in (*stain, -9))
    assert likelihood(slope) > max(likelihood(1.02 * slope), likelihood(slope / 1.02))


def test_nothing_can_be_fitted_to_one_class() -> None:
    for mask in (np.zeros(9, bool), np.ones(9, bool)):
        assert fit_sigmoid(np.linspace(0, 1, 9), mask) == (1.0, 0.5)
