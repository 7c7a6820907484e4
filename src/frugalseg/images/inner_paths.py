"""Paths that stand inside an image: they stay in the image's folder, or the image is refused."""

from pathlib import Path, PurePosixPath, PureWindowsPath

from frugalseg.errors import UnreadableFile
from frugalseg.images.plain_files import shortened


def inner_path(folder: Path, name: object, origin: Path) -> Path:
    """Return a path that a file names, which must lie inside a folder.

    Both ways of writing paths count on every system, so that an image means the same everywhere.

    Parameters
    ----------
    folder
        Where the path starts.
    name
        As the file has it.
    origin
        The file or image that names it, for the message.

    Raises
    ------
    UnreadableFile
        The path is absolute, leads out of the folder, or is no text.

    Examples
    --------
    >>> inner_path(Path("plate.zarr"), "A/1/0", Path("plate.zarr")).as_posix()
    'plate.zarr/A/1/0'
    >>> inner_path(Path("plate.zarr"), "../other", Path("plate.zarr"))
    Traceback (most recent call last):
    ...
    frugalseg.errors.UnreadableFile: plate.zarr names '../other', which is outside its own folder; ...
    """
    kinds = (PurePosixPath(name), PureWindowsPath(name)) if isinstance(name, str) else ()
    if not kinds or "\0" in str(name) or any(kind.anchor or ".." in kind.parts for kind in kinds):
        raise UnreadableFile(
            f"{origin} names {shortened(name)!r}, which is outside its own folder; only files in there are read, so copy or "
            "export the image again with all its parts"
        )
    return folder / str(name)
