"""What one field's viewer shows: layers of pixels and paths, within a number of bytes."""

from dataclasses import dataclass, field

from frugalseg.report.contours import PALETTE, Outline, outline_path, outlines
from frugalseg.report.layers import mask_uri, nuclei_uri, outlines_uri, photo_uri
from frugalseg.report.report_data import FieldReport

LONGEST_SIDE = 2048
MOST_PATHS = 4000  # more outlines than that make a browser stutter

_SIDES = (LONGEST_SIDE, 1448, 1024, 724, 512)


@dataclass
class Viewer:
    """Layers of one field; positions are px of the full image whatever the pictures were shrunk to."""

    width: int
    height: int
    photos: list[tuple[str, str]] = field(default_factory=list)  # layer, data URI; bottom first
    cells: list[tuple[str, list[Outline]]] = field(default_factory=list)  # colour, its cells
    truth: str = ""
    markers: str = ""
    toggles: list[tuple[str, str, bool]] = field(default_factory=list)  # layer, name, shown at first
    shrunk_to: float = 1.0
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Characters the layers take in the file."""
        paths = sum(len(cell.path) + 32 for _, cells in self.cells for cell in cells)
        return sum(len(uri) for _, uri in self.photos) + paths + len(self.truth) + len(self.markers)


def build_viewer(shown: FieldReport, budget: int) -> Viewer:
    """Choose and encode the layers of a field.

    Parameters
    ----------
    shown
        The field.
    budget
        Characters its pictures may take; they are shrunk until they fit, or are 512 px long.
    """
    height, width = shown.labels.shape
    viewer = Viewer(width, height)
    as_pixels = shown.n_cells > MOST_PATHS
    if not as_pixels:
        traced = outlines(shown.labels)
        by_colour = [(c, [cell for cell in traced if cell.colour == i]) for i, c in enumerate(PALETTE)]
        viewer.cells = [(colour, cells) for colour, cells in by_colour if cells]
    else:
        viewer.notes.append(f"Outlines of {shown.n_cells:,} cells are drawn as pixels, not as lines.")
    if shown.truth is not None:
        viewer.truth = outline_path(shown.truth)
    viewer.markers = "".join(f"M{x + 0.5:.4g} {y + 0.5:.4g}h0" for y, x in shown.markers.tolist())
    longest = max(height, width)
    for side in _SIDES:
        viewer.photos = _photos(shown, side, as_pixels)
        viewer.shrunk_to = min(1.0, side / longest)
        if viewer.size <= budget:
            break
    if viewer.shrunk_to < 1:
        viewer.notes.append(
            f"Pictures are shrunk to {viewer.shrunk_to:.0%} of {width} × {height} px to keep this file small; "
            "the results are of full size."
        )
    viewer.toggles = _toggles(shown)
    return viewer


def _photos(shown: FieldReport, side: int, as_pixels: bool) -> list[tuple[str, str]]:
    photos = [("image", photo_uri(shown.image, side))]
    if shown.nuclei is not None:
        photos.append(("nuclei", nuclei_uri(shown.nuclei, side)))
    if shown.foreground is not None:
        photos.append(("foreground", mask_uri(shown.foreground, side)))
    if as_pixels:
        photos.append(("cells", outlines_uri(shown.labels, side)))
    return photos


def _toggles(shown: FieldReport) -> list[tuple[str, str, bool]]:
    toggles = [("image", "Image", True)]
    if shown.nuclei is not None:
        toggles.append(("nuclei", "Nuclei", True))
    toggles.append(("cells", "Outlines", True))
    if len(shown.markers):
        toggles.append(("markers", "Markers", True))
    if shown.foreground is not None:
        toggles.append(("foreground", "Foreground", False))
    if shown.truth is not None:
        toggles.append(("truth", "Truth", False))
    return toggles
