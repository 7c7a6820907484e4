"""Batches of learning from markers: whole patches, the right ones, fields in proportion, nothing but the step's number."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from frugalseg.errors import NoMarkers, WrongShape
from frugalseg.learning.from_markers.marker_batches import (
    Batch,
    MarkerBatches,
    MarkerSample,
    PaddedField,
    boundary_cost_maps,
)
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.networks.marker_channel import KEPT, gaussian_disk
from frugalseg.networks.patches import invert_flips

NO_TURN = (False, False, False)


def _settings(**values: object) -> MarkerSettings:
    small = {
        "patch": 16,
        "sigma": 4.0,
        "regularization": None,
        "widths": (4, 4),
        "stride": 1,
        "batch": 4,
        "area": None,
        "boundary": 0.0,
        "center_jitter": 0.0,
        "intensity_jitter": 0.0,
    }
    return MarkerSettings.model_validate(small | values)


def _sample(
    shape: tuple[int, int] = (40, 50),
    points: object = ((5, 5), (20, 25), (39, 49)),
    name: str = "a",
    seed: int = 0,
) -> MarkerSample:
    random = np.random.default_rng(seed)
    planes = random.normal(size=(2, *shape)).astype(np.float32)
    return MarkerSample(name, planes, np.array(points, np.float64), random.random(shape) > 0.4)


def _on_canvas(field: PaddedField, chosen: list[int]) -> tuple[Batch, NDArray[np.int64]]:
    """The batch, and where on the padded canvas its window begins."""
    batch = field.batch(np.array(chosen), NO_TURN, True, np.random.default_rng(0))
    return batch, field.centres[chosen].min(axis=0)


@pytest.mark.parametrize(
    ("shape", "points"),
    [
        ((40, 50), [[5, 5], [20, 25], [39, 49], [0, 30]]),  # markers on the border among them
        ((7, 10), [[0, 0], [3, 9], [6, 4]]),  # an image smaller than a patch
        ((40, 50), [[12.4, 30.6]]),  # one marker
        ((1, 1), [[0, 0]]),
    ],
    ids=["border", "small", "one", "pixel"],
)
def test_patch_mask_and_index_belong_to_the_marker(shape: tuple[int, int], points: list[list[float]]) -> None:
    sample = _sample(shape, points)
    batch, start = _on_canvas(PaddedField(sample, _settings()), list(range(len(points))))
    assert batch.patches.shape == (len(points), 3, 16, 16)
    assert batch.boundary_cost is not None
    width = batch.foreground.shape[1]
    assert batch.boundary_cost.shape == (2, *batch.foreground.shape)
    # The canvas is the smallest that holds all patches.
    assert int(batch.index.min()) == 0 or len(points) > 1
    assert batch.foreground.shape == tuple(np.ptp(np.round(points), axis=0).astype(int) + 16)
    for patch, index, point in zip(batch.patches, batch.index, np.round(points).astype(int), strict=True):
        y, x = point
        assert torch.equal(patch[:2, 8, 8], torch.from_numpy(sample.planes[:, y, x]))
        assert int(patch[2].argmax()) == 8 * 16 + 8
        assert torch.equal(patch[2], gaussian_disk(16, 4.0))
        assert divmod(int(index[8, 8]), width) == (y - start[0] + 8, x - start[1] + 8)
        # Inside the image, mask and planes come from the same pixels.
        laid = batch.foreground.flatten()[index]
        for dy in range(-8, 8):
            for dx in range(-8, 8):
                if 0 <= y + dy < shape[0] and 0 <= x + dx < shape[1]:
                    assert laid[8 + dy, 8 + dx] == sample.foreground[y + dy, x + dx]
                    assert patch[0, 8 + dy, 8 + dx] == sample.planes[0, y + dy, x + dx]


def test_markers_beyond_the_edge_are_put_on_it() -> None:
    sample = _sample((10, 12), [[-0.6, 3.5], [9.7, 11.6], [4.5, 5.5]])
    assert sample.centres.tolist() == [[0, 4], [9, 11], [4, 6]]


def _points_of(batch: Batch, sample: MarkerSample) -> set[int]:
    """Which markers a batch holds, by the grey value at the patch's centre."""
    centres = invert_flips(batch.patches, batch.flips)[:, 0, 8, 8]
    values = sample.planes[0][tuple(sample.centres.T)].tolist()
    return {values.index(value) for value in centres.tolist()}


GRID = np.argwhere(np.ones((8, 8))) * 20 + 10


def test_neighbours_make_a_batch() -> None:
    """Without an area, a batch is a marker and those nearest to it, and every marker gets its turn."""
    sample = _sample((160, 160), GRID)
    batches = MarkerBatches([sample], _settings(batch=9), seed=3)
    seen: set[int] = set()
    for step in range(60):
        chosen = _points_of(batches(step), sample)
        assert len(chosen) == 9
        assert np.ptp(GRID[list(chosen)], axis=0).max() <= 80
        seen |= chosen
    assert seen == set(range(64))


def test_an_area_makes_a_batch_of_all_its_markers() -> None:
    """The paper's: all markers in a random square inside the image, which holds 3 or 4 rows and columns of them."""
    sample = _sample((160, 160), GRID)
    batches = MarkerBatches([sample], _settings(area=64), seed=3)
    counts, seen = set(), set()
    for step in range(80):
        chosen = _points_of(batches(step), sample)
        low, high = GRID[list(chosen)].min(axis=0), GRID[list(chosen)].max(axis=0)
        assert (high - low).max() < 64
        box = ((low <= GRID) & (high >= GRID)).all(axis=1)
        assert set(np.flatnonzero(box).tolist()) == chosen
        counts.add(len(chosen))
        seen |= chosen
    assert seen == set(range(64))
    assert counts == {9, 12, 16}


def test_the_papers_areas_of_640_px_lie_inside_the_image() -> None:
    """On a grid of 40 px, each area inside the image holds 16 x 16 markers; one that reaches beyond would hold fewer."""
    grid = np.argwhere(np.ones((18, 21))) * 40 + 20
    sample = MarkerSample(
        "grid", np.zeros((1, 720, 840), np.float32), grid.astype(np.float64), np.ones((720, 840), bool)
    )
    batches = MarkerBatches([sample], MarkerSettings.preset("paper"), seed=1)
    canvases = {tuple(batches(step).foreground.shape) for step in range(12)}
    assert canvases == {(15 * 40 + 64, 15 * 40 + 64)}
    assert {len(batches(step).patches) for step in range(3)} == {256}


def test_the_papers_area_takes_a_whole_small_field() -> None:
    sample = _sample((160, 160), GRID)
    batches = MarkerBatches([sample], _settings(area=100_000), seed=0)
    assert {len(_points_of(batches(step), sample)) for step in range(20)} == {64}


def test_a_batch_depends_on_seed_and_number_only() -> None:
    samples = [_sample((160, 160), GRID), _sample((60, 60), [[30, 30]], seed=1)]
    one, other = (MarkerBatches(samples, _settings(boundary=1.0), seed=7) for _ in range(2))
    expected = [one(step) for step in range(6)]
    for step in (5, 2, 4, 0):  # another order, another object
        again = other(step)
        assert again.flips == expected[step].flips
        for name in ("patches", "index", "foreground", "boundary_cost"):
            assert torch.equal(getattr(again, name), getattr(expected[step], name))
    different = MarkerBatches(samples, _settings(boundary=1.0), seed=8)
    assert any(
        different(k).patches.shape != one(k).patches.shape or different(k).flips != one(k).flips
        for k in range(6)
    )


def test_all_eight_turns_occur_and_are_done_to_image_and_disk() -> None:
    sample = _sample((160, 160), GRID)
    batches = MarkerBatches([sample], _settings(), seed=0)
    made = [batches(step) for step in range(100)]
    assert len({batch.flips for batch in made}) == 8
    for batch in made[:16]:
        upright = invert_flips(batch.patches, batch.flips)
        assert torch.equal(upright[0, 2], gaussian_disk(16, 4.0))
        values = np.pad(sample.planes[0], 8, mode="symmetric")
        found = np.argwhere(values == upright[0, 0, 0, 0].item())
        assert any(
            np.array_equal(values[y : y + 16, x : x + 16], upright[0, 0].numpy())
            for y, x in found
            if y + 16 <= 176 and x + 16 <= 176
        )


def test_fields_come_in_proportion_to_their_markers() -> None:
    many = _sample((160, 160), GRID[:48], "many")
    few = _sample((160, 160), GRID[:16], "few", seed=1)
    batches = MarkerBatches([few, many], _settings(), seed=0)
    values = {float(v) for v in few.planes[0].ravel()}
    n = 400
    from_few = sum(
        invert_flips(batch.patches, batch.flips)[0, 0, 8, 8].item() in values
        for batch in (batches(step) for step in range(n))
    )
    assert from_few / n == pytest.approx(0.25, abs=0.07)


def test_the_border_term_is_prepared_only_where_it_has_a_weight() -> None:
    assert MarkerBatches([_sample()], _settings(boundary=0.0), 0)(0).boundary_cost is None
    assert MarkerBatches([_sample()], _settings(boundary=0.5), 0)(0).boundary_cost is not None


def test_borders_are_cheap_on_edges_only() -> None:
    plane = np.zeros((20, 30), np.float32)
    plane[:, 15:] = 1.0
    boundary_cost = boundary_cost_maps(plane, np.ones((20, 30), bool))
    assert boundary_cost.shape == (2, 20, 30)
    assert (boundary_cost[0, :-1] == 1).all()  # nothing changes downwards
    assert (boundary_cost[1, :, :8] == 1).all()
    assert (boundary_cost[1, :, 22:-1] == 1).all()
    assert (boundary_cost[1, :, 14] < 0.5).all()
    np.testing.assert_allclose(boundary_cost[1, :, 14], boundary_cost[1, :, :-1].min(axis=1), rtol=1e-5)
    assert (boundary_cost[0, -1] == 0).all()  # there is no next pixel
    assert (boundary_cost[1, :, -1] == 0).all()
    apply_flips = boundary_cost_maps(np.ascontiguousarray(plane.T), np.ones((30, 20), bool))
    np.testing.assert_allclose(apply_flips[0], boundary_cost[1].T, atol=1e-6)


@pytest.mark.parametrize("foreground", [True, False])
def test_a_constant_plane_has_no_edges(foreground: bool) -> None:
    boundary_cost = boundary_cost_maps(np.zeros((8, 9), np.float32), np.full((8, 9), foreground))
    assert (boundary_cost[0, :-1] == 1).all()
    assert (boundary_cost[1, :, :-1] == 1).all()


def test_what_can_not_be_learned_from_is_refused() -> None:
    planes = np.zeros((1, 8, 9), np.float32)
    with pytest.raises(WrongShape, match="must have the same"):
        MarkerSample("a", planes, np.zeros((1, 2)), np.ones((8, 8), bool))
    with pytest.raises(WrongShape, match="must have the same"):
        MarkerSample("a", planes[0], np.zeros((1, 2)), np.ones((8, 9), bool))
    with pytest.raises(NoMarkers, match="field 7: there is no marker"):
        MarkerSample("field 7", planes, np.zeros((0, 2)), np.ones((8, 9), bool))
    with pytest.raises(NoMarkers, match="no field with markers"):
        MarkerBatches([], _settings(), 0)


def test_fields_of_different_channels_can_not_be_learned_together() -> None:
    samples = [
        MarkerSample(
            str(count),
            np.zeros((count, 40, 40), np.float32),
            np.array([[20.0, 20.0]]),
            np.ones((40, 40), bool),
        )
        for count in (1, 2)
    ]
    with pytest.raises(WrongShape, match=r"\[1, 2\] channels"):
        MarkerBatches(samples, MarkerSettings(), seed=0)


def test_moved_patches_lie_where_their_index_says_within_the_reach() -> None:
    """The index moves with the patch, so the loss still knows which pixel is which."""
    sample = _sample((60, 70), [[0, 0], [30, 35], [59, 69]])
    field = PaddedField(sample, _settings(center_jitter=2.0))
    flat = field.planes[0].reshape(-1)
    width, moves = field.planes.shape[2], set()
    for seed in range(30):
        batch = field.batch(np.arange(3), NO_TURN, False, np.random.default_rng(seed))
        # The window's place on the canvas is found from the first patch's values.
        corner = np.argwhere(np.isclose(field.planes[0, :13, :13].numpy(), float(batch.patches[0, 0, 0, 0])))[
            0
        ]
        start = corner - [int(batch.index[0, 0, 0]) // batch.foreground.shape[1], 0]
        start[1] -= int(batch.index[0, 0, 0]) % batch.foreground.shape[1]
        rows = batch.index // batch.foreground.shape[1] + int(start[0])
        columns = batch.index % batch.foreground.shape[1] + int(start[1])
        assert torch.equal(flat[rows * width + columns], batch.patches[:, 0])
        moves.add(tuple((corner - field.max_shift).tolist()))
    assert len(moves) > 5
    assert max(abs(part) for move in moves for part in move) <= field.max_shift == 4


def test_grey_values_vary_and_the_disk_does_not() -> None:
    field = PaddedField(_sample(), _settings(intensity_jitter=0.3))
    one, two = (field.batch(np.arange(3), NO_TURN, False, np.random.default_rng(s)) for s in (0, 1))
    plain = PaddedField(_sample(), _settings()).batch(np.arange(3), NO_TURN, False, np.random.default_rng(0))
    assert torch.equal(one.patches[:, -1], plain.patches[:, -1])
    assert not torch.allclose(one.patches[:, :-1], two.patches[:, :-1], atol=0.05)
    spread = float((one.patches[:, :-1] - plain.patches[:, :-1]).std())
    assert 0.1 < spread < 1.0


def test_many_fields_keep_no_more_position_maps_than_one() -> None:
    samples = [_sample((40, 40), [[20.0, 10.0 + i]]) for i in range(5)]
    fields = MarkerBatches(samples, _settings(regularization=0.05), 0).fields
    assert sum(field.channels.kept for field in fields) == KEPT // 5 * 5
