"""Patches around markers: the right pixels, the marker channel behind them, and flips that can be inverted."""

import numpy as np
import pytest
import torch

from frugalseg.networks.marker_channel import gaussian_disk
from frugalseg.networks.patches import (
    Flips,
    apply_flips,
    canvas_index,
    cut_patches,
    every_flip,
    invert_flips,
    pad_planes,
)

SIDE = 8


def test_there_are_eight_turns_and_the_first_is_none() -> None:
    flips = every_flip()
    assert flips[0] == (False, False, False)
    shape = torch.arange(6.0).reshape(2, 3)
    seen = {str(apply_flips(shape, way).tolist()) for way in flips}
    assert len(flips) == len(seen) == 8
    # Every flip and rotation of numpy's is among them.
    array = shape.numpy()
    assert seen == {str(np.rot90(side, k).tolist()) for side in (array, array[::-1]) for k in range(4)}


@pytest.mark.parametrize("flips", every_flip(), ids=str)
def test_turned_and_back_is_as_before(flips: Flips) -> None:
    patches = torch.rand(3, 2, 5, 7, generator=torch.Generator().manual_seed(0))
    there = apply_flips(patches, flips)
    flip_x, flip_y, transpose = flips
    expected = patches.numpy()[..., :: -1 if flip_y else 1, :: -1 if flip_x else 1]
    assert np.array_equal(there.numpy(), expected.swapaxes(-1, -2) if transpose else expected)
    assert torch.equal(invert_flips(there, flips), patches)
    # And of logits (N,y,x), which have no channels.
    assert torch.equal(invert_flips(apply_flips(patches[:, 0], flips), flips), patches[:, 0])


@pytest.mark.parametrize("shape", [(20, 31), (3, 5), (1, 1)])
def test_every_marker_has_a_whole_patch_centred_on_it(shape: tuple[int, int]) -> None:
    """Border markers and images smaller than a patch among them."""
    number = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    planes = np.stack([number, -number])
    centres = np.argwhere(np.ones(shape))
    padded = torch.from_numpy(pad_planes(planes, SIDE))
    patches = cut_patches(padded, centres, gaussian_disk(SIDE, 2.0).expand(len(centres), 1, -1, -1))
    assert patches.shape == (len(centres), 3, SIDE, SIDE)
    # The marker's own pixel lies where the disk has its maximum.
    assert patches[:, 0, SIDE // 2, SIDE // 2].tolist() == number.ravel().tolist()
    assert (patches[:, 2].flatten(1).argmax(1) == SIDE // 2 * SIDE + SIDE // 2).all()
    # Every pixel of every patch is that of the image, mirrored at its outer edges as often as needed.
    for patch, centre in zip(patches.numpy(), centres, strict=True):
        rows, columns = (
            [
                min((c + step) % (2 * n), 2 * n - 1 - (c + step) % (2 * n))
                for step in range(-SIDE // 2, SIDE // 2)
            ]
            for c, n in zip(centre, shape, strict=True)
        )
        expected = number[np.ix_(rows, columns)]
        assert np.array_equal(patch[0], expected)
        assert np.array_equal(patch[1], -expected)


def test_canvas_index_lays_patches_where_they_were_cut() -> None:
    canvas = torch.arange(9 * 11).reshape(9, 11)
    corners = torch.tensor([[0, 0], [5, 7], [2, 3]])
    index = canvas_index(corners, 4, 11)
    for patch, (top, left) in zip(index, corners.tolist(), strict=True):
        assert torch.equal(canvas.flatten()[patch], canvas[top : top + 4, left : left + 4])
