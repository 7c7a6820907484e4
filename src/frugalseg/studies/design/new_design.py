"""Write a design for images that nobody has described: what each channel shows is looked up in the first field that has it."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from frugalseg.cues.modality import detect_modality
from frugalseg.errors import InputError
from frugalseg.images.channels import InputChannel
from frugalseg.images.fields import FieldTable
from frugalseg.images.value_checks import is_label_map
from frugalseg.models.model_scale import scale_for_objects
from frugalseg.models.object_dataset import typical_diameter
from frugalseg.networks.object_net import Target
from frugalseg.runs.options import RunOptions

#: Parts of the names of nuclear stains, and of labels of nuclei.
NUCLEAR = ("nucl", "dapi", "hoechst", "h2b", "draq", "sytox", "405")
#: px; only how smooth a plane is at this size counts.
_DIAMETER = 30.0
#: With more labelled fields, leaving each one out in turn takes too long to begin with.
_FEW = 8
#: Labelled fields in which objects are measured.
_MEASURED = 3
_WIDTH = 68
#: Sides of an outlined crop, px: the usual one, and the least that a design allows.
CROP_SIZE, SMALLEST_CROP_SIZE = 256, 32


@dataclass(frozen=True)
class ChannelRoles:
    """What the channels show.

    Attributes
    ----------
    labels
        Channel with label images.
    target
        "nuclei" or "cells": what is outlined, by the channel's name.
    inputs
        Channel that a network sees.
    nuclei
        Nuclear stain, None where there is none.
    stain
        Stain that a network learns to predict: of whole cells where cells are outlined and there is one, else `nuclei`.
    labelled
        Fields that have labels.
    """

    labels: str
    target: str
    inputs: str
    nuclei: str | None
    stain: str | None
    labelled: tuple[str, ...]


def find_roles(table: FieldTable) -> ChannelRoles:
    """Look at every channel in the first field that has it.

    Raises
    ------
    InputError
        No channel holds labels, fewer than two fields have them, or there is no image beside them.
    """
    kinds: dict[str, str] = {}
    for channel in table.channels:
        field = next((one for one in table if one.has(channel)), None)
        if field is None:
            continue
        image, index = field.reference(channel).open(f"field {field.name!r}")
        values = np.asarray(image.pixels[index])
        if is_label_map(values, channel):
            kinds[channel] = "labels"
        else:
            kinds[channel] = detect_modality(field.plane(channel), _DIAMETER)
    labels = _first([name for name, kind in kinds.items() if kind == "labels"], ("cell",))
    if labels is None:
        raise InputError(
            f"no channel holds label images (there are {', '.join(kinds) or 'none'}); outline the cells or nuclei of a few fields "
            "first, and name the files as a channel of their own"
        )
    labelled = tuple(field.name for field in table if field.has(labels))
    if len(labelled) < 2:
        raise InputError(
            f"only field {labelled[0]!r} has labels in channel {labels!r}; outline a second one, since a field that is scored is "
            "never learned from"
        )
    bright = [name for name, kind in kinds.items() if kind == "fluorescent"]
    nuclei = _first(bright, NUCLEAR) if _named(bright, NUCLEAR) or len(bright) > 1 else None
    free = [name for name, kind in kinds.items() if kind == "label-free"]
    inputs = next(iter(free or [name for name in bright if name != nuclei] or bright), None)
    if inputs is None:
        raise InputError(f"there is no image beside the labels in {labels!r}; add the images as a channel")
    target = "nuclei" if _named([labels], NUCLEAR) else "cells"
    nuclei = None if nuclei == inputs else nuclei
    whole = [name for name in bright if name not in (nuclei, inputs)] if target == "cells" else []
    return ChannelRoles(labels, target, inputs, nuclei, next(iter(whole), nuclei), labelled)


def new_design(inputs: Sequence[Path], table: FieldTable, options: RunOptions, folder: Path) -> str:
    """Return a design as YAML, with a comment on every line.

    Parameters
    ----------
    inputs
        As of every command.
    table
        Fields in them.
    options
        How `table` was opened.
    folder
        Of the design's file, which the names of files are relative to.

    Raises
    ------
    InputError
        See `find_roles`.
    """
    roles = find_roles(table)
    paths = [os.path.relpath(path.absolute(), folder.resolve()) for path in inputs]
    lines = [
        ("title: How many labels are enough?", "shown above the results"),
        ("tasks:", "one or more; each has its own curves"),
        (f"  {roles.target}:", "name of the task, yours to choose"),
        ("    kind: labels", "learn from few labels; others: stains, markers"),
        (f"    data: {_written(paths)}", "files, folders or tables, relative to this file"),
        *_opened(options),
        (f"    target: {roles.target}", "what the labels outline: nuclei or cells"),
        (f"    inputs: {_quoted(roles.inputs)}", "channels that the network sees, such as phase[1,3,5]"),
        (f"    labels: {_written(roles.labels)}", "channel with label images"),
        ("    starts:", "what training begins with; each is a curve"),
        ("      nothing: {kind: nothing}", "random weights"),
        ("      imagenet: {kind: imagenet}", "an encoder that has seen photographs"),
        *_more_starts(roles),
        (f"    budgets: {_budgets(roles)}", "how much is outlined: crops, or whole fields"),
        (f"    crop_size: {_crop_size(table, roles)}", "side of a crop, px of the image"),
        ("    steps: [200]", "training steps; several give several curves"),
        ("    seeds: [0, 1, 2]", "each run once with each of them"),
        (f"    test: {_test(roles.labelled)}", "fields that are scored and never learned from"),
        ("    settings:", "of the network, the same for every start"),
        ("      encoder: efficientnet_lite0", "or small (no ImageNet weights), or densenet121 (the paper's)"),
        (
            f"      scale: {_scale(table, roles)}",
            f"network px per image px: typical {roles.target} as large as usual",
        ),
        ("      crop: 128", "side of a training crop, px after resizing"),
        ("      batch: 4", "crops in each step"),
        ("      hold_out: false", "learn from all that is outlined; the test fields tell how good it is"),
    ]
    return "".join(f"{line:<{_WIDTH}}  # {comment}\n" for line, comment in lines)


def _crop_size(table: FieldTable, roles: ChannelRoles) -> int:
    """Return a side, px, so that a crop is a small part of every labelled field."""
    shortest = min(min(table[name].shape) for name in roles.labelled)
    return min(CROP_SIZE, max(SMALLEST_CROP_SIZE, shortest // 2))


def _scale(table: FieldTable, roles: ChannelRoles) -> float:
    """Return the scale for the labelled objects, which every start is to see alike."""
    found = [table[name].labels(roles.labels) for name in roles.labelled[:_MEASURED]]
    labels = [one for one in found if one is not None and (one > 0).any()]
    target: Target = "nuclei" if roles.target == "nuclei" else "cells"
    return scale_for_objects(target, typical_diameter(labels), None) if labels else 1.0


def _opened(options: RunOptions) -> list[tuple[str, str]]:
    lines = []
    if options.pattern:
        lines.append((f"    pattern: {_written(options.pattern)}", "how the names of files are made up"))
    if options.where:
        lines.append((f"    where: {_written(list(options.where))}", "which fields are taken"))
    if options.axes:
        lines.append((f"    axes: {_written(options.axes)}", "axes of files that do not say it"))
    return lines


def _more_starts(roles: ChannelRoles) -> list[tuple[str, str]]:
    lines = []
    if roles.stain is not None:
        lines.append(("      stain:", "a network that predicts a stain, and begins with ImageNet itself"))
        lines.append(("        kind: stain", "it learns from all fields but the test fields"))
        lines.append((f"        stain: {_written(roles.stain)}", "the channel that it predicts"))
        lines.append(("        stain_settings: {weights: imagenet, hold_out: false}", "how it is trained"))
    if roles.nuclei is not None and roles.target == "cells":
        student = f"      student: {{kind: student, nuclei: {_written(roles.nuclei)}}}"
        lines.append((student, "learned without labels, from these nuclei"))
    return lines


def _budgets(roles: ChannelRoles) -> str:
    most = len(roles.labelled) - len(_tested(roles.labelled))
    whole = [number for number in (1, 2, 4, 8, 16) if number <= most]
    nothing = [0] if roles.nuclei is not None and roles.target == "cells" else []
    return _written([*nothing, "1 crop", *whole])


def _tested(labelled: Sequence[str]) -> tuple[str, ...]:
    return tuple(labelled[:1] if len(labelled) <= _FEW else labelled[-(len(labelled) // 4) :])


def _test(labelled: Sequence[str]) -> str:
    return "leave-one-out" if len(labelled) <= _FEW else _written(list(_tested(labelled)))


def _written(value: Any) -> str:
    """Return a text or a list as YAML reads it, letters of any language as they are."""
    return json.dumps(value, ensure_ascii=False)


def _quoted(channel: str) -> str:
    """Return a channel as a list of input channels names it, and as YAML holds it."""
    return _written(str(InputChannel(channel)))


def _first(names: Sequence[str], words: Sequence[str]) -> str | None:
    """Return the first name that has one of the words in it, else the first name."""
    return next(iter([*_named(names, words), *names]), None)


def _named(names: Sequence[str], words: Sequence[str]) -> list[str]:
    return [name for name in names if any(word in name.lower() for word in words)]
