"""Which fields of a task have the channels that its runs read, known before any run begins."""

from collections.abc import Iterable, Sequence

from frugalseg.errors import InputError
from frugalseg.images.channels import parse_channels
from frugalseg.studies.plan.study_data import StudyData


def having(name: str, fields: Iterable[str], channels: Sequence[str], data: StudyData) -> tuple[str, ...]:
    """Return the fields that have all channels, lists as of `frugalseg.images.channels`; `InputError` where none has."""
    wanted = _names(channels)
    found = tuple(field for field in fields if has_all(field, channels, data))
    if not found:
        raise InputError(
            f"task '{name}': no field that may be learned from has channels {', '.join(wanted)}; check the channels' names, or "
            "test fewer fields at once"
        )
    return found


def has_all(field: str, channels: Iterable[str], data: StudyData) -> bool:
    """Return whether a field has all channels."""
    return all(data.has(field, channel) for channel in _names(channels))


def check_all_have(name: str, fields: Iterable[str], channels: Iterable[str], data: StudyData) -> None:
    """Refuse fields that are tested or outlined and lack a channel that a run reads.

    Parameters
    ----------
    name
        Of the task, for messages.
    fields
        All of them are read.
    channels
        As of `frugalseg.images.channels`, several in one text.

    Raises
    ------
    InputError
        A field lacks one.
    """
    asked = tuple(fields)
    for channel in _names(channels):
        if not any(data.has(field, channel) for field in data.names):
            raise InputError(f"task '{name}': no field has channel {channel!r}; check the channel's name")
        for field in asked:
            if not data.has(field, channel):
                raise InputError(
                    f"task '{name}': field {field!r} is tested or outlined, and has no channel {channel!r}; add it, or leave "
                    "the field out of `data`"
                )


def _names(channels: Iterable[str]) -> list[str]:
    return [one.channel for given in channels for one in parse_channels(given)]
