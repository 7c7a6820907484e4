"""Open the fields that a task of a design names."""

import inspect
from pathlib import Path

from frugalseg.errors import SettingsError
from frugalseg.images.fields import open_fields
from frugalseg.studies.design.study_design import FieldSource, SyntheticData
from frugalseg.studies.plan.study_data import ArrayData, FileData, StudyData

#: (y, x) in um of drawn cells.
PIXEL_SIZE = (0.65, 0.65)


def open_data(task: FieldSource, data_root: str | Path = ".") -> StudyData:
    """Return the fields of a task: of its files, without reading pixels, or cells that are drawn now.

    Parameters
    ----------
    task
        Says what to open.
    data_root
        Folder that the names of files are relative to.

    Raises
    ------
    InputError, SettingsError
        See `frugalseg.open_fields` and `frugalseg.make_cells`.

    Examples
    --------
    >>> task = FieldSource(data=SyntheticData(n_fields=2, settings={"shape": [64, 64], "n_cells": 3}))
    >>> data = open_data(task)
    >>> data.names, int(data.labels("synthetic_2", "cells").max())
    (('synthetic_1', 'synthetic_2'), 3)
    """
    if isinstance(task.data, SyntheticData):
        return _drawn(task.data)
    paths = [Path(data_root) / one for one in task.data]
    return FileData(open_fields(paths, pattern=task.pattern, where=task.where, axes=task.axes))


def _drawn(asked: SyntheticData) -> ArrayData:
    from frugalseg.synthetic.cells import CHANNELS, TRUTHS, make_cells

    settings = dict(asked.settings)
    known = set(inspect.signature(make_cells).parameters) - {"seed"}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise SettingsError(
            f"synthetic cells have no setting `{unknown[0]}`; allowed are {', '.join(sorted(known))}"
        )
    try:
        if "shape" in settings:
            settings["shape"] = tuple(settings["shape"])
        fields = [make_cells(seed=(asked.seed, i), **settings) for i in range(asked.n_fields)]
    except TypeError as error:
        raise SettingsError(
            f"`settings` of synthetic cells hold a value of the wrong type: {error}"
        ) from error
    names = [f"synthetic_{i + 1}" for i in range(asked.n_fields)]
    channels = {name: [getattr(field, name) for field in fields] for name in (*CHANNELS, *TRUTHS)}
    return ArrayData(channels, names, [PIXEL_SIZE] * len(names))
