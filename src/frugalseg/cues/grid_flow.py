"""Maximum flow through a grid of pixels with eight neighbours, by two search trees that are kept from path to path."""
# mypy: allow-untyped-decorators

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int32]

FREE, SOURCE, SINK = 0, 1, 2
"""Trees: none, that of the source, that of the sink."""

TERMINAL, ORPHAN = 8, 9
"""Parents that are no direction: the terminal itself; none any more."""

DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))
"""Steps (y, x) to the eight neighbours; the way back of direction d is d ^ 1."""

_FAR = 2**31 - 1


class _Grid(NamedTuple):
    """State of the search; pixels are numbered row by row, with a rim of pixels around them that nothing flows through.

    Attributes
    ----------
    steps
        (8,) what a step in each direction adds to the number of a pixel.
    left, terminal
        (N,8) capacity that is left towards each neighbour; (N,) from the source, or below 0 towards the sink.
    tree, parent
        (N,) which tree a pixel is in, and the direction of its parent.
    seen, distance
        (N,) when its distance to the terminal was last known, and that distance.
    """

    steps: Ints
    left: Ints
    terminal: Ints
    tree: NDArray[np.int8]
    parent: NDArray[np.int8]
    seen: Ints
    distance: Ints


class _Queue(NamedTuple):
    """Pixels, each at most once; `ends` are the position of the first and the number of pixels."""

    items: Ints
    inside: NDArray[np.bool_]
    ends: NDArray[np.int64]


def source_side(terminal: Ints, capacities: Ints) -> NDArray[np.bool_]:
    """Return the pixels on the source's side of the cut of least capacity; of several such cuts, the fewest pixels.

    Parameters
    ----------
    terminal
        (Y,X) int32, capacity of the edge from the source to a pixel, or below 0 that from the pixel to the sink.
    capacities
        (4,Y,X) int32, capacity both ways between a pixel and its neighbour to the right, below, below to the right, and below
        to the left; what leads out of the image must be 0.

    Returns
    -------
    (Y,X) bool
        What the source still reaches when no more can flow.

    Notes
    -----
    Times on images as cues are found in are in docs/decisions/0002-graph-cut.md.

    References
    ----------
    Boykov and Kolmogorov, "An experimental comparison of min-cut/max-flow algorithms", TPAMI 2004.

    Examples
    --------
    Three pixels in a row; the narrowest place is between the second and the third.

    >>> capacities = np.zeros((4, 1, 3), np.int32)
    >>> capacities[0] = [[5, 2, 0]]
    >>> source_side(np.array([[9, 0, -9]], np.int32), capacities).tolist()
    [[True, True, False]]
    """
    height, width = terminal.shape
    rim = ((1, 1), (1, 1))
    wide = width + 2
    left = np.zeros((height + 2, wide, len(DIRECTIONS)), np.int32)
    for pair, capacity in enumerate(capacities):
        down, right = DIRECTIONS[2 * pair]
        left[1:-1, 1:-1, 2 * pair] = capacity
        left[1 + down : 1 + down + height, 1 + right : 1 + right + width, 2 * pair + 1] = capacity
    size = (height + 2) * wide
    zeros = np.zeros((2, size), np.int32)
    grid = _Grid(
        np.array([down * wide + right for down, right in DIRECTIONS], np.int32),
        left.reshape(size, -1),
        np.pad(terminal, rim).ravel(),
        np.zeros(size, np.int8),
        np.full(size, ORPHAN, np.int8),
        *zeros,
    )
    _flow(grid, _new_queue(size), _new_queue(size))
    reached: NDArray[np.bool_] = grid.tree.reshape(height + 2, wide)[1:-1, 1:-1] == SOURCE
    return reached


def _new_queue(size: int) -> _Queue:
    return _Queue(np.zeros(size, np.int32), np.zeros(size, bool), np.zeros(2, np.int64))


@njit(cache=True, nogil=True)
def _put(queue: _Queue, pixel: int) -> None:
    if not queue.inside[pixel]:
        queue.inside[pixel] = True
        at = queue.ends[0] + queue.ends[1]
        queue.items[at if at < queue.items.size else at - queue.items.size] = pixel
        queue.ends[1] += 1


@njit(cache=True, nogil=True)
def _take(queue: _Queue) -> int:
    pixel = queue.items[queue.ends[0]]
    queue.inside[pixel] = False
    queue.ends[0] = (queue.ends[0] + 1) % queue.items.size
    queue.ends[1] -= 1
    return int(pixel)


@njit(cache=True, nogil=True)
def _flow(grid: _Grid, active: _Queue, orphans: _Queue) -> None:
    """Send as much through the grid as it takes, in place."""
    for pixel in range(grid.terminal.size):
        if grid.terminal[pixel] != 0:
            grid.tree[pixel] = SOURCE if grid.terminal[pixel] > 0 else SINK
            grid.parent[pixel] = TERMINAL
            grid.distance[pixel] = 1
            _put(active, pixel)
    now = 0
    while active.ends[1] > 0:
        pixel = _take(active)
        while grid.tree[pixel] != FREE:
            direction = _grow(grid, active, pixel)
            if direction < 0:
                break
            now += 1
            if grid.tree[pixel] == SOURCE:
                _augment(grid, orphans, pixel, direction)
            else:
                _augment(grid, orphans, pixel + grid.steps[direction], direction ^ 1)
            while orphans.ends[1] > 0:
                _adopt(grid, active, orphans, _take(orphans), now)


@njit(cache=True, nogil=True)
def _left(grid: _Grid, parent: int, direction: int, tree: int) -> int:
    """Return how much more can flow between a parent and the child in a direction: to the child in the source's tree, else back."""
    if tree == SOURCE:
        return int(grid.left[parent, direction])
    return int(grid.left[parent + grid.steps[direction], direction ^ 1])


@njit(cache=True, nogil=True)
def _grow(grid: _Grid, active: _Queue, pixel: int) -> int:
    """Take free neighbours into a pixel's tree; return the direction in which the other tree is met, -1 if it is not."""
    tree = grid.tree[pixel]
    for direction in range(8):
        if _left(grid, pixel, direction, tree) == 0:
            continue
        other = pixel + grid.steps[direction]
        if grid.tree[other] == FREE:
            grid.tree[other] = tree
            _hang(grid, other, direction ^ 1, pixel)
            _put(active, other)
        elif grid.tree[other] != tree:
            return direction
        elif grid.seen[other] <= grid.seen[pixel] and grid.distance[other] > grid.distance[pixel] + 1:
            _hang(grid, other, direction ^ 1, pixel)  # a shorter way to the terminal
    return -1


@njit(cache=True, nogil=True)
def _hang(grid: _Grid, pixel: int, direction: int, parent: int) -> None:
    grid.parent[pixel] = direction
    grid.seen[pixel] = grid.seen[parent]
    grid.distance[pixel] = grid.distance[parent] + 1


@njit(cache=True, nogil=True)
def _augment(grid: _Grid, orphans: _Queue, pixel: int, direction: int) -> None:
    """Fill the path through the edge from a pixel of the source's tree to its neighbour in the sink's."""
    other = pixel + grid.steps[direction]
    most = min(grid.left[pixel, direction], _narrowest(grid, pixel, SOURCE), _narrowest(grid, other, SINK))
    grid.left[pixel, direction] -= most
    grid.left[other, direction ^ 1] += most
    _fill(grid, orphans, pixel, SOURCE, most)
    _fill(grid, orphans, other, SINK, most)


@njit(cache=True, nogil=True)
def _narrowest(grid: _Grid, pixel: int, tree: int) -> int:
    """Return how much the way between a pixel and its terminal takes."""
    most = _FAR
    while grid.parent[pixel] != TERMINAL:
        direction = grid.parent[pixel]
        pixel += grid.steps[direction]
        most = min(most, _left(grid, pixel, direction ^ 1, tree))
    return int(min(most, abs(grid.terminal[pixel])))


@njit(cache=True, nogil=True)
def _fill(grid: _Grid, orphans: _Queue, pixel: int, tree: int, flow: int) -> None:
    """Let something flow between a pixel and its terminal; pixels whose edge to their parent is full become orphans."""
    while grid.parent[pixel] != TERMINAL:
        direction = grid.parent[pixel]
        parent = pixel + grid.steps[direction]
        forth = flow if tree == SOURCE else -flow
        grid.left[parent, direction ^ 1] -= forth
        grid.left[pixel, direction] += forth
        if _left(grid, parent, direction ^ 1, tree) == 0:
            grid.parent[pixel] = ORPHAN
            _put(orphans, pixel)
        pixel = parent
    grid.terminal[pixel] -= flow if tree == SOURCE else -flow
    if grid.terminal[pixel] == 0:
        grid.parent[pixel] = ORPHAN
        _put(orphans, pixel)


@njit(cache=True, nogil=True)
def _adopt(grid: _Grid, active: _Queue, orphans: _Queue, pixel: int, now: int) -> None:
    """Find an orphan the parent nearest to the terminal in its tree; without one it is free, and its children are orphans."""
    tree, nearest, chosen = grid.tree[pixel], _FAR, -1
    for direction in range(8):
        other = pixel + grid.steps[direction]
        if grid.tree[other] == tree and _left(grid, other, direction ^ 1, tree) > 0:
            distance = _distance(grid, other, now)
            if distance < nearest:
                nearest, chosen = distance, direction
    if chosen >= 0:
        grid.parent[pixel] = chosen
        grid.seen[pixel] = now
        grid.distance[pixel] = nearest + 1
        return
    for direction in range(8):
        other = pixel + grid.steps[direction]
        if grid.tree[other] != tree:
            continue
        if _left(grid, other, direction ^ 1, tree) > 0:
            _put(active, other)
        if grid.parent[other] == direction ^ 1:
            grid.parent[other] = ORPHAN
            _put(orphans, other)
    grid.tree[pixel] = FREE


@njit(cache=True, nogil=True)
def _distance(grid: _Grid, pixel: int, now: int) -> int:
    """Return how many steps a pixel is from its terminal, `_FAR` where an orphan lies between; what was found is kept."""
    steps, at = 0, pixel
    while grid.seen[at] != now:
        direction = grid.parent[at]
        if direction == ORPHAN:
            return _FAR
        if direction == TERMINAL:
            grid.seen[at] = now
            grid.distance[at] = 1
            break
        at += grid.steps[direction]
        steps += 1
    distance = found = grid.distance[at] + steps
    at = pixel
    while grid.seen[at] != now:
        grid.seen[at] = now
        grid.distance[at] = distance
        distance -= 1
        at += grid.steps[grid.parent[at]]
    return int(found)
