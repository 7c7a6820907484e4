"""Which settings of learning from labels go with which start; imports nothing heavy, so that designs are checked by it too."""

from typing import Literal

from frugalseg.errors import SettingsError
from frugalseg.models.model_settings import ObjectModelSettings

#: Kind of the model that a training starts from; None: there is none.
StartKind = Literal["stain", "nuclei", "cells"] | None


def check_settings_of_start(
    settings: ObjectModelSettings, target: Literal["nuclei", "cells"], start: StartKind
) -> None:
    """Check that settings are of this target and fit the start.

    Parameters
    ----------
    settings
        Of learning from labels.
    target
        What is learned.
    start
        Kind of the model that training starts from; None: there is none.

    Raises
    ------
    SettingsError
        A setting is of the other target, or parts of a start, a sigmoid fitted to one or rehearsal are asked for where the
        start has none to give, or weights are asked for beside those of the start.

    Examples
    --------
    >>> check_settings_of_start(ObjectModelSettings(start_parts="encoder"), "cells", "stain")
    >>> check_settings_of_start(ObjectModelSettings(start_parts="encoder"), "cells", None)
    Traceback (most recent call last):
    ...
    frugalseg.errors.SettingsError: `start_parts` is 'encoder' and there is no `start` to take it of; give one, or leave it out
    """
    for name, other in (("alpha", "cells"), ("slope", "nuclei")):
        if getattr(settings, name) is not None and target != other:
            raise SettingsError(
                f"`{name}` is of networks that learn {other}, and `target` is '{target}'; leave it out"
            )
    whole = settings.start_parts == "all"
    if settings.slope == "fitted" and (start is None or not whole):
        raise SettingsError(
            "`slope` is 'fitted', which needs a whole model as `start` whose stain it is fitted to; leave it out, or give a number"
        )
    if settings.rehearsal and not (target == start == "cells" and whole):
        raise SettingsError(
            f"`rehearsal` is {settings.rehearsal}, which needs a model of cells as `start` to learn cells; leave it out"
        )
    if start is None and not whole:
        raise SettingsError(
            f"`start_parts` is {settings.start_parts!r} and there is no `start` to take it of; give one, or leave it out"
        )
    if start is not None and settings.weights is not None and settings.start_parts != "decoder":
        raise SettingsError("`weights` and `start` both say where to start from; give one of them")
