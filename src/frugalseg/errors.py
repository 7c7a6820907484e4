"""Every error a user can cause, as one small tree.

A message is one sentence or two: what was given, what is allowed, what to do instead. The command line
prints it without a traceback and exits with 1; everything else is a defect of frugalseg and keeps its traceback.
"""


class FrugalsegError(Exception):
    """A problem the user can solve; the message says how."""


class InputError(FrugalsegError):
    """An input can't be used as it was given."""


class UnreadableFile(InputError):
    """A file is missing, empty, corrupt, or of a format that is not read."""


class MissingChannel(InputError):
    """A channel was asked for that the field does not have."""


class WrongShape(InputError):
    """Arrays that belong together differ in shape, or an axis can't be understood."""


class BadPixels(InputError):
    """Pixels no method can work with: NaN, infinite, constant, empty."""


class NotEnoughMemory(InputError):
    """Something is too large for this machine's memory; the message says what is needed and what is free."""


class NoMarkers(InputError):
    """No nucleus was found, so there is nothing to start a cell from."""


class SettingsError(FrugalsegError):
    """A setting has a value that is not allowed, or a name that does not exist."""


class TrainingFailed(FrugalsegError):
    """A network can't be trained with these images and settings: its loss or its weights are no finite numbers."""


class BadModel(FrugalsegError):
    """A model folder is missing, incomplete, damaged, or made for other channels."""


class OutputExists(FrugalsegError):
    """The result is there already and was not to be overwritten."""


class OutputFailed(FrugalsegError):
    """The result could not be written (no space, no permission); nothing half-written is left."""


class Interrupted(FrugalsegError):
    """The user stopped the run; what was finished is kept and can be resumed."""
