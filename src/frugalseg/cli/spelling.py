"""How settings are spelled on the command line, where that is not plainly ``--name``."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Spelling:
    """How one setting is typed.

    Attributes
    ----------
    options
        As typed, the first one being used in messages; ``--field-name`` when empty.
    metavar
        What stands for the value in the help; made of the type when None.
    repeatable
        Each use adds one value. A tuple that is not repeatable is typed as channels, ``CH,CH``.
    help
        Instead of the field's description: needed where the option turns off what is on by default.
    """

    options: tuple[str, ...] = ()
    metavar: str | None = None
    repeatable: bool = False
    help: str | None = None


#: Field of any settings -> its spelling, in the order of the help.
SPELLINGS: Mapping[str, Spelling] = {
    "cells": Spelling(metavar="CH[,CH]"),
    "nuclei": Spelling(metavar="CH"),
    "nuclei_from": Spelling(metavar="MODEL"),
    "markers": Spelling(metavar="CH"),
    "scribbles": Spelling(metavar="CH"),
    "mask": Spelling(metavar="CH"),
    "inputs": Spelling(("--from",), metavar="CH[,CH]"),
    "to": Spelling(metavar="CH"),
    "project": Spelling(),
    "target_scale": Spelling(),
    "labels": Spelling(metavar="CH"),
    "after": Spelling(metavar="OUT", repeatable=True),
    "target": Spelling(),
    "truth": Spelling(metavar="CH"),
    "start": Spelling(metavar="MODEL"),
    "start_parts": Spelling(),
    "diameter": Spelling(metavar="PX"),
    "nuclei_diameter": Spelling(metavar="PX"),
    "nuclei_method": Spelling(),
    "level": Spelling(metavar="0..1"),
    "foreground": Spelling(),
    "weights": Spelling(metavar="imagenet|none|FILE"),
    "crop": Spelling(metavar="PX"),
    "count": Spelling(metavar="N"),
    "h": Spelling(metavar="PERCENT"),
    "slope": Spelling(metavar="NUMBER|fitted"),
    "baselines": Spelling(help="Leave out the classical methods that results are compared with."),
    "hold_out": Spelling(
        help="Learn from all images, without a validation set that decides which weights are kept."
    ),
    "where": Spelling(repeatable=True),
    "axes": Spelling(metavar="YXC"),
    "quiet": Spelling(("--quiet", "-q")),
}


def order_in_help(name: str) -> int:
    """Return a sort key: fields come in the order of `SPELLINGS`, others behind them in their own order."""
    return list(SPELLINGS).index(name) if name in SPELLINGS else len(SPELLINGS)
