"""Eq. 1 to the letter: against a plain double loop over patches in float64, in value and in gradient."""

import inspect
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from frugalseg.learning.from_markers.marker_batches import known_pixels
from frugalseg.learning.from_markers.marker_losses import boundary_length, marker_loss, nuclei_loss
from frugalseg.networks.patches import canvas_index

SIDE, HEIGHT, WIDTH = 6, 11, 13


def _problem(seed: int, spread: float = 3.0) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (N,y,x), corners (N,2) of 3 to 6 overlapping patches, and a soft mask (H,W)."""
    random = np.random.default_rng(seed)
    n = 3 + seed % 4
    corners = random.integers(0, (HEIGHT - SIDE + 1, WIDTH - SIDE + 1), (n, 2))
    logits = torch.from_numpy(random.normal(0.0, spread, (n, SIDE, SIDE)))
    return (
        logits.requires_grad_(),
        torch.from_numpy(corners),
        torch.from_numpy(random.random((HEIGHT, WIDTH))),
    )


def _plain(logits: Tensor, corners: Tensor, mask: Tensor, weights: tuple[float, float]) -> Tensor:
    """Eq. 1 as it is written: maps that are zero outside their patch, and a double loop over them."""
    maps, rests = [], []
    for patch, (top, left) in zip(logits, corners.tolist(), strict=True):
        around = (left, mask.shape[1] - left - SIDE, top, mask.shape[0] - top - SIDE)
        probability = 1 / (1 + torch.exp(-patch))
        # log(1 - y), without the detour over a y that rounds to 1; log 1 = 0 outside the patch.
        rest = -torch.log1p(torch.exp(-patch.abs())) - patch.clamp(min=0)
        maps.append(torch.nn.functional.pad(probability, around))
        rests.append(torch.nn.functional.pad(rest, around))
    total = torch.zeros((), dtype=logits.dtype)
    for i, y in enumerate(maps):
        total = total - y.sum() + weights[1] * (y * (1 - mask)).sum()
        for j, rest in enumerate(rests):
            if i != j:
                total = total - weights[0] * (y * rest).sum()
    return total


def _ours(logits: Tensor, corners: Tensor, mask: Tensor, **weights: float) -> Tensor:
    return marker_loss(logits, canvas_index(corners, SIDE, mask.shape[1]), mask, **weights).total


@pytest.mark.parametrize("weights", [None, (1.0, 15.0), (0.3, 20.0), (2.5, 0.0)], ids=str)
@pytest.mark.parametrize("seed", range(8))
def test_values_and_gradients_of_eq_1(seed: int, weights: tuple[float, float] | None) -> None:
    """Without weights, the paper's: lambda 1 and beta 15 (the published code has 20)."""
    logits, corners, mask = _problem(seed)
    named = {} if weights is None else {"overlap": weights[0], "background": weights[1]}
    ours = _ours(logits, corners, mask, **named)
    plain = _plain(logits, corners, mask, weights or (1.0, 15.0))
    torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-10)
    (gradient,) = torch.autograd.grad(ours, logits)
    (expected,) = torch.autograd.grad(plain, logits)
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)


def test_lambda_and_beta_are_the_papers() -> None:
    parameters = inspect.signature(marker_loss).parameters
    assert (parameters["overlap"].default, parameters["background"].default) == (1.0, 15.0)


@pytest.mark.parametrize("seed", range(4))
def test_terms_add_up_and_carry_their_weights(seed: int) -> None:
    logits, corners, mask = _problem(seed)
    index = canvas_index(corners, SIDE, WIDTH)
    once, thrice = (marker_loss(logits, index, mask, k, 15.0 * k) for k in (1.0, 3.0))
    for loss in (once, thrice):
        torch.testing.assert_close(loss.coverage + loss.overlap + loss.background, loss.total)
    torch.testing.assert_close(once.coverage, -torch.sigmoid(logits).sum())
    torch.testing.assert_close(thrice.coverage, once.coverage)
    torch.testing.assert_close(thrice.overlap, 3 * once.overlap)
    torch.testing.assert_close(thrice.background, 3 * once.background)
    assert once.coverage < 0 < once.overlap
    assert once.background > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("seed", range(4))
def test_extreme_logits_stay_exact(seed: int, dtype: torch.dtype) -> None:
    """No clipping: two patches that both claim a pixel with logit 80 pay 80 each, not 16.1."""
    logits, corners, mask = _problem(seed, spread=1.0)
    extreme = torch.where(logits > 0, 80.0, -80.0).to(dtype).detach().requires_grad_()
    ours = _ours(extreme, corners, mask.to(dtype))
    plain = _plain(extreme.double(), corners, mask, (1.0, 15.0))
    torch.testing.assert_close(
        ours.double(), plain, rtol=1e-5 if dtype == torch.float32 else 1e-12, atol=1e-6
    )
    (gradient,) = torch.autograd.grad(ours, extreme)
    (expected,) = torch.autograd.grad(plain, extreme)
    assert gradient.isfinite().all()
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("logit", [10.0, 17.0, 40.0, 80.0, 300.0])
def test_a_rival_pays_its_logit_however_sure_it_is(logit: float) -> None:
    corners = torch.tensor([[0, 0], [0, 0]])
    logits = torch.full((2, SIDE, SIDE), logit, dtype=torch.float64, requires_grad=True)
    loss = marker_loss(logits, canvas_index(corners, SIDE, SIDE), torch.ones(SIDE, SIDE))
    y, rest = 1 / (1 + math.exp(-logit)), -logit - math.log1p(math.exp(-logit))
    assert loss.overlap.item() == pytest.approx(-2 * SIDE**2 * y * rest, rel=1e-12)
    # And where it is sure, it is still told to give way: the gradient does not vanish behind a clip.
    (gradient,) = torch.autograd.grad(loss.overlap, logits)
    assert (gradient > 0.99 * y).all()


def test_the_mask_has_its_sign() -> None:
    """Claiming foreground pays, claiming background costs beta - 1 = 14 per px."""
    corners = torch.tensor([[0, 0]])
    sure = torch.full((1, SIDE, SIDE), 50.0, dtype=torch.float64)
    on_cell = _ours(sure, corners, torch.ones(SIDE, SIDE)).item()
    on_background = _ours(sure, corners, torch.zeros(SIDE, SIDE)).item()
    assert on_cell == pytest.approx(-(SIDE**2))
    assert on_background == pytest.approx(14 * SIDE**2)
    logits = torch.zeros((1, SIDE, SIDE), dtype=torch.float64, requires_grad=True)
    half = torch.zeros(SIDE, SIDE)
    half[:, : SIDE // 2] = 1
    (gradient,) = torch.autograd.grad(_ours(logits, corners, half), logits)
    assert (gradient[:, :, : SIDE // 2] == -0.25).all()
    assert (gradient[:, :, SIDE // 2 :] == 14 * 0.25).all()


@pytest.mark.parametrize("value", [0.0, 0.25, 0.9])
def test_soft_masks_cost_in_proportion(value: float) -> None:
    logits, corners, _ = _problem(0)
    mask = torch.full((HEIGHT, WIDTH), value, dtype=torch.float64)
    loss = marker_loss(logits, canvas_index(corners, SIDE, WIDTH), mask)
    torch.testing.assert_close(loss.background, 15 * (1 - value) * torch.sigmoid(logits).sum())


def test_patches_that_do_not_meet_do_not_compete() -> None:
    logits = torch.full((2, SIDE, SIDE), 20.0, dtype=torch.float64)
    corners = torch.tensor([[0, 0], [0, SIDE]])
    loss = marker_loss(logits, canvas_index(corners, SIDE, 2 * SIDE), torch.ones(SIDE, 2 * SIDE))
    assert loss.overlap.item() == pytest.approx(0.0, abs=1e-9)


def _plain_border(logits: Tensor, corners: Tensor, boundary_cost: Tensor) -> Tensor:
    total = torch.zeros((), dtype=logits.dtype)
    for patch, (top, left) in zip(torch.sigmoid(logits), corners.tolist(), strict=True):
        for y in range(SIDE):
            for x in range(SIDE):
                if y + 1 < SIDE:
                    total = (
                        total + boundary_cost[0, top + y, left + x] * (patch[y, x] - patch[y + 1, x]).abs()
                    )
                if x + 1 < SIDE:
                    total = (
                        total + boundary_cost[1, top + y, left + x] * (patch[y, x] - patch[y, x + 1]).abs()
                    )
    return total


@pytest.mark.parametrize("seed", range(3))
def test_border_length_is_its_plain_sum(seed: int) -> None:
    logits, corners, _ = _problem(seed)
    boundary_cost = torch.from_numpy(np.random.default_rng(seed).random((2, HEIGHT, WIDTH)))
    ours = boundary_length(logits, canvas_index(corners, SIDE, WIDTH), boundary_cost)
    torch.testing.assert_close(ours, _plain_border(logits, corners, boundary_cost))


@pytest.mark.parametrize("seed", range(3))
def test_known_pixels_pay_their_cross_entropy(seed: int) -> None:
    logits, corners, _ = _problem(seed)
    nuclei = np.random.default_rng(seed).integers(0, len(logits) + 3, (HEIGHT, WIDTH))
    chosen = np.arange(len(logits))
    index = canvas_index(corners, SIDE, WIDTH)
    total = torch.zeros((), dtype=logits.dtype)
    for number, (patch, (top, left)) in enumerate(
        zip(torch.sigmoid(logits), corners.tolist(), strict=True), start=1
    ):
        for y in range(SIDE):
            for x in range(SIDE):
                owner = nuclei[top + y, left + x]
                if owner:
                    total = total - torch.log(patch[y, x] if owner == number else 1 - patch[y, x])
    known = known_pixels(torch.from_numpy(nuclei), index, chosen)
    torch.testing.assert_close(nuclei_loss(logits, known), total)


def test_known_pixels_stay_exact_where_the_network_is_sure() -> None:
    logits = torch.tensor([[[90.0, -90.0, 90.0, -90.0, 90.0]]])
    known = torch.tensor([[[1, 1, -1, -1, 0]]])
    assert nuclei_loss(logits, known).item() == pytest.approx(180.0)
