"""Synthetic cells as files: what the demo and many tests start from."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import OutputExists, OutputFailed, SettingsError, UnreadableFile
from frugalseg.images.read import read_image
from frugalseg.images.unfinished import remove_unfinished
from frugalseg.images.write import write_image, write_labels, write_text
from frugalseg.synthetic.cells import CHANNELS, TRUTHS, make_cells


def write_synthetic_set(
    folder: str | Path,
    n_fields: int = 4,
    *,
    seed: int = 0,
    pixel_size: float = 0.65,
    overwrite: bool = False,
    keep: bool = False,
    **settings: Any,
) -> Path:
    """Write fields as TIFF files, one per channel, with their `fields.csv`.

    Parameters
    ----------
    folder
        Made when it does not exist.
    n_fields
        Number of fields. The last quarter (at least one, when there are two) is split ``test``.
    seed
        Field i is ``make_cells(seed=(seed, i), ...)``.
    pixel_size
        Written into the files, um per px.
    overwrite
        Replace a set that is there.
    keep
        Complete a set that was cut short: files that are there already as this set has them are kept.
    settings
        Passed to `make_cells`.

    Returns
    -------
    Path
        The table: columns field, split, nuclear, cytoplasm, membrane, phase, brightfield, cells, nuclei.

    Raises
    ------
    OutputExists, OutputFailed
        When a file can't be written, or is there and neither replaced nor kept.
    SettingsError
        As `make_cells`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_synthetic_set(folder, 2, shape=(64, 64)).read_text().splitlines()[0]
    'field,split,nuclear,cytoplasm,membrane,phase,brightfield,cells,nuclei'
    """
    if n_fields < 1:
        raise SettingsError(f"n_fields is {n_fields}; a set needs at least 1 field.")
    folder = Path(folder)
    table = folder / "fields.csv"
    if table.exists() and not (overwrite or keep):
        raise OutputExists(f"{table} exists; pass overwrite to replace it, or choose another folder.")
    columns = (*CHANNELS, *TRUTHS)
    n_test = max(n_fields // 4, 1) if n_fields > 1 else 0
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["field", "split", *columns])
    for i in range(n_fields):
        field = make_cells(seed=(seed, i), **settings)
        name = f"synthetic_{i + 1}"
        split = "test" if i >= n_fields - n_test else "train"
        if i == 0 and overwrite:
            _unlist(table)
        rows.writerow([name, split, *(f"{name}_{column}.tif" for column in columns)])
        for column in columns:
            write = write_labels if column in TRUTHS else write_image
            path, pixels = folder / f"{name}_{column}.tif", getattr(field, column)
            remove_unfinished(path)
            if not (keep and _holds(path, pixels)):
                write(path, pixels, pixel_size=(pixel_size, pixel_size), overwrite=overwrite)
    remove_unfinished(table)
    if not (keep and table.exists() and table.read_text(encoding="utf-8") == text.getvalue()):
        write_text(table, text.getvalue(), overwrite=overwrite)  # last, so that a table means a whole set
    return table


def _holds(path: Path, pixels: NDArray[Any]) -> bool:
    """Return whether a file holds these very pixels (Y,X)."""
    try:
        stored = read_image(path).pixels
        return stored.shape[:2] == (1, 1) and np.array_equal(stored[0, 0], pixels)
    except UnreadableFile:
        return False


def _unlist(table: Path) -> None:
    """Remove the table of the set that is replaced, so that it never names images of two sets."""
    try:
        table.unlink(missing_ok=True)
    except OSError as error:
        raise OutputFailed(f"{table} can't be replaced: {error.strerror}; choose another folder") from error
