"""Layers of the viewer: outlines as paths, and pictures of outlines, truth, markers and images, pixel by pixel."""

import base64
import re

import cv2
import numpy as np

from frugalseg.report.pixel_layers import edges, markers_uri, outlines_uri, photo_uri, truth_uri
from frugalseg.report.svg_outlines import PALETTE, neighbour_colours, outline_path, outlines


def decoded(uri: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)


def test_neighbours_never_share_a_colour() -> None:
    points = np.random.default_rng(2).uniform(0, 300, (250, 2))
    ys, xs = np.indices((300, 300))
    nearest = ((ys[..., None] - points[:, 0]) ** 2 + (xs[..., None] - points[:, 1]) ** 2).argmin(-1) + 1
    colour = neighbour_colours(nearest)
    assert colour.shape == (251,)
    assert set(colour.tolist()) <= set(range(len(PALETTE)))
    for first, second in ((nearest[:-1], nearest[1:]), (nearest[:, :-1], nearest[:, 1:])):
        touching = np.unique(np.stack([first[first != second], second[first != second]]), axis=1)
        assert touching.shape[1] > 600
        assert not [pair for pair in touching.T.tolist() if colour[pair[0]] == colour[pair[1]]]


def test_outlines_follow_the_cells() -> None:
    labels = np.zeros((40, 60), np.uint32)
    cv2.circle(canvas := np.zeros((40, 60), np.uint8), (20, 18), 12, 1, -1)
    labels[canvas > 0] = 70_000
    labels[5:9, 50:55] = 3
    labels[30:34, 50:55] = 3
    small, large = outlines(labels)
    assert (small.label, small.area, small.path.count("z")) == (3, 40, 2)
    assert (large.label, large.area) == (70_000, int((canvas > 0).sum()))
    # Filled again, the path covers the cell.
    x, y = (float(v) for v in re.findall(r"M([\d.]+) ([\d.]+)", large.path)[0])
    corners = [(x, y)]
    for kind, first, second in re.findall(r"([lhv])(-?\d+)(?: (-?\d+))?", large.path):
        x, y = x + (int(first) if kind in "lh" else 0), y + int({"l": second, "v": first, "h": "0"}[kind])
        corners.append((x, y))
    again = cv2.fillPoly(np.zeros_like(canvas), [np.array(corners, int)], 1)
    assert (again & canvas).sum() / (again | canvas).sum() > 0.95
    assert outline_path(np.zeros((4, 4), int)) == ""


def test_outlines_as_pixels_keep_touching_cells_apart() -> None:
    labels = np.pad(np.kron([[1, 2]], np.ones((10, 10), np.uint32)), 12)
    border = edges(labels)
    assert not border[labels == 0].any()
    assert border[12:22, 22].all()
    assert not border[17, 17]
    image = decoded(outlines_uri(labels, 2048))
    assert np.array_equal(image[..., 3] == 255, border)
    assert tuple(image[17, 12, :3]) != tuple(image[17, 22, :3])


def test_truth_and_markers_as_pixels_lie_where_they_are() -> None:
    truth = np.zeros((40, 60), int)
    truth[10:20, 30:50] = 7
    drawn = decoded(truth_uri(truth, 100))
    assert (drawn[..., 3] > 0).sum() == 2 * 20 + 2 * 8
    assert drawn[10, 30].tolist() == [255, 255, 255, 255]
    dots = decoded(markers_uri(np.array([[10.0, 50.0], [0.0, 0.0]]), (400, 600), 60))
    assert dots.shape == (40, 60, 4)
    assert np.argwhere(dots[..., 3]).tolist() == [
        [0, 0],
        [0, 1],
        [0, 4],
        [0, 5],
        [0, 6],
        [1, 0],
        [1, 1],
        [1, 4],
        [1, 5],
        [1, 6],
        [2, 4],
        [2, 5],
        [2, 6],
    ]


def test_pictures_come_back_as_they_were() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    uri = photo_uri(picture, 2048)
    assert uri.startswith("data:image/png;base64,")
    assert np.array_equal(decoded(uri)[..., ::-1], picture)


def test_what_is_not_annotated_has_no_outline() -> None:
    truth = np.zeros((12, 12), np.int32)
    truth[2:6, 2:6], truth[8:11, 8:11] = 5, -1
    drawn = decoded(truth_uri(truth, 12))[..., 3] > 0
    assert drawn[2, 2:6].all()
    assert not drawn[7:, 7:].any()
