"""Designs that come with frugalseg, by name."""

from pathlib import Path

from frugalseg.errors import UnreadableFile

FOLDER = Path(__file__).parent / "designs"


def shipped_designs() -> tuple[str, ...]:
    """Return the names of all designs that come with frugalseg."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def find_design(given: str | Path) -> Path:
    """Return the file of a design: the file that was given, or one that comes with frugalseg.

    Raises
    ------
    UnreadableFile
        There is neither.

    Examples
    --------
    >>> find_design("no_such_design")
    Traceback (most recent call last):
    ...
    frugalseg.errors.UnreadableFile: there is no design no_such_design; give a YAML file, or one that comes with frugalseg: ...
    """
    path = Path(given)
    if path.is_file():
        return path
    if str(given) in shipped_designs():
        return FOLDER / f"{given}.yaml"
    known = ", ".join(shipped_designs()) or "none"
    raise UnreadableFile(
        f"there is no design {given}; give a YAML file, or one that comes with frugalseg: {known}"
    )


def is_shipped(design: Path) -> bool:
    """Return whether a design comes with frugalseg, so that its folder holds no images."""
    return design.parent == FOLDER
