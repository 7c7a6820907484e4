"""Layers of pixels as data URIs, small enough for one file."""

import base64
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from frugalseg.evaluation.matching import compact_labels
from frugalseg.report.confidence_colours import confidence_colour
from frugalseg.report.svg_outlines import PALETTE, neighbour_colours

_LOSSLESS_BYTES = 250_000
_FOREGROUND = (168, 99, 255, 70)  # red, green, blue, opacity
_NUCLEI = (0.36, 0.62, 1.0)
_TRUTH, _MARKER = (255, 255, 255, 255), (255, 79, 94, 255)  # as of their paths, in the style sheet
_VEIL = (
    170  # opacity of a cell's colour by its confidence, of 255; in the style sheet for cells that are paths
)


def shrink(plane: NDArray[Any], side: int, nearest: bool = False) -> NDArray[Any]:
    """Shrink (Y, X) or (Y, X, 3) so that no side is longer than `side` px; never enlarge."""
    height, width = plane.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return plane
    new_height, new_width = max(1, round(height * factor)), max(1, round(width * factor))
    if nearest:  # cv2 has no 32-bit integer resize
        ys = (np.arange(new_height) + 0.5) * height / new_height
        xs = (np.arange(new_width) + 0.5) * width / new_width
        return np.asarray(plane[ys.astype(int)[:, None], xs.astype(int)])
    return np.asarray(cv2.resize(plane, (new_width, new_height), interpolation=cv2.INTER_AREA))


def to_bytes(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a preview as uint8: bool and float 0..1 are scaled, NaN becomes black."""
    if image.dtype == np.uint8:
        return image
    bright = np.nan_to_num(image.astype(np.float32)) * 255
    return np.asarray(np.rint(np.clip(bright, 0, 255)), dtype=np.uint8)


def photo_uri(
    image: NDArray[Any], side: int, quality: int = 90, lossless_bytes: int = _LOSSLESS_BYTES
) -> str:
    """Encode a preview (Y, X) or (Y, X, 3 = red, green, blue): PNG where that is small, JPEG otherwise."""
    pixels = shrink(to_bytes(image), side)
    pixels = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    if pixels.size <= 4 * lossless_bytes:  # no photograph shrinks more than that without loss
        lossless = _encode(pixels, ".png", [cv2.IMWRITE_PNG_COMPRESSION, 6])
        if len(lossless) <= lossless_bytes:
            return _uri("png", lossless)
    return _uri("jpeg", _encode(pixels, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality]))


def nuclei_uri(nuclei: NDArray[Any], side: int) -> str:
    """Encode the preview of a nuclear channel in blue, to be blended over the image."""
    grey = shrink(to_bytes(nuclei), side)
    return photo_uri((grey[..., None] * np.array(_NUCLEI, np.float32)).astype(np.uint8), side, quality=85)


def mask_uri(mask: NDArray[Any], side: int) -> str:
    """Encode a mask as a transparent tint."""
    small = shrink(mask.astype(bool), side, nearest=True)
    return _transparent(np.where(small[..., None], np.array(_FOREGROUND, np.uint8), np.uint8(0)))


def outlines_uri(labels: NDArray[Any], side: int) -> str:
    """Encode outlines as pixels, for so many cells that their paths would slow the page down."""
    _, index = compact_labels(shrink(labels, side, nearest=True))
    palette = np.array([(*bytes.fromhex(colour[1:]), 255) for colour in PALETTE], np.uint8)
    table = palette[neighbour_colours(index)]
    return _transparent(np.where(edges(index)[..., None], table[index], np.uint8(0)))


def truth_uri(truth: NDArray[Any], side: int) -> str:
    """Encode true outlines as pixels of one colour."""
    at_edge = edges(np.maximum(shrink(truth, side, nearest=True), 0))  # below 0: not annotated
    return _transparent(np.where(at_edge[..., None], np.array(_TRUTH, np.uint8), np.uint8(0)))


def markers_uri(markers: NDArray[np.float64], shape: tuple[int, int], side: int) -> str:
    """Encode markers (N,2) in an image of `shape` (Y, X) as dots of 3 x 3 pixels."""
    small = shrink(np.zeros(shape, np.uint8), side)
    pixels = np.floor((markers + 0.5) * np.divide(small.shape, shape)).astype(np.intp)
    small[tuple(np.clip(pixels, 0, np.array(small.shape) - 1).T)] = 1
    dots = cv2.dilate(small, np.ones((3, 3), np.uint8)) > 0
    return _transparent(np.where(dots[..., None], np.array(_MARKER, np.uint8), np.uint8(0)))


def confidence_uri(labels: NDArray[Any], confidence: Mapping[int, float], side: int) -> str:
    """Encode cells filled in the colours of their confidence; cells without one stay transparent."""
    ids, index = compact_labels(shrink(labels, side, nearest=True))
    table = np.zeros((len(ids) + 1, 4), np.uint8)
    for i, number in enumerate(ids.tolist(), start=1):
        if number in confidence:
            table[i] = (*bytes.fromhex(confidence_colour(confidence[number])[1:]), _VEIL)
    return _transparent(table[index])


def thumbnail_uri(image: NDArray[Any], labels: NDArray[Any], side: int) -> str:
    """Encode a small picture of the field with its cells' outlines drawn in."""
    pixels = with_outlines(image, labels, side)
    return _uri("jpeg", _encode(pixels[..., ::-1], ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 82]))


def with_outlines(image: NDArray[Any], labels: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """Return a preview (Y, X) or (Y, X, 3) as red, green and blue (Y', X', 3), outlines drawn in, no longer than `side` px."""
    pixels = shrink(to_bytes(image), side)
    pixels = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels.copy()
    pixels[edges(shrink(labels, side, nearest=True))] = tuple(bytes.fromhex(PALETTE[0][1:]))
    return pixels


def edges(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where a cell's pixel borders another label above or to the left, or background below or to the right."""
    padded = np.pad(labels, 1, mode="edge")
    middle = padded[1:-1, 1:-1]
    differs = (middle != padded[:-2, 1:-1]) | (middle != padded[1:-1, :-2])
    before_background = (padded[2:, 1:-1] == 0) | (padded[1:-1, 2:] == 0)
    return np.asarray((middle != 0) & (differs | before_background))


def _transparent(rgba: NDArray[np.uint8]) -> str:
    return _uri("png", _encode(rgba[..., [2, 1, 0, 3]], ".png", [cv2.IMWRITE_PNG_COMPRESSION, 6]))


def _encode(pixels: NDArray[np.uint8], kind: str, options: list[int]) -> bytes:
    done, data = cv2.imencode(kind, np.ascontiguousarray(pixels), options)
    if not done:  # cv2 gives no reason
        raise RuntimeError(f"could not encode {pixels.shape} pixels as {kind}")
    return data.tobytes()


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
