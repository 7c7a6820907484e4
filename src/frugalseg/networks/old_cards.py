"""Cards of model folders written by older versions, in today's words.

Format 1 (versions before 0.2) had other names for the kind of a marker network, for modalities, and for some settings.
Early cards of format 2 have one normalisation for all channels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

#: Kind of model in format 1 -> today's.
RENAMED_KINDS = {"cutter": "markers"}
#: Key of a card in format 1 -> today's.
RENAMED_KEYS = {"appearances": "modalities"}
#: Training setting in format 1 -> today's.
RENAMED_SETTINGS = {
    "border": "boundary",
    "complete": "assign_remaining",
    "outside": "background",
    "shift": "center_jitter",
    "trim": "trim_halo",
    "turn": "flips",
    "vary": "intensity_jitter",
}


def current_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return training settings under today's names; unknown ones are left as they are.

    Examples
    --------
    >>> current_settings({"batch": 4, "vary": 0.2})
    {'batch': 4, 'intensity_jitter': 0.2}
    """
    return {RENAMED_SETTINGS.get(name, name): value for name, value in settings.items()}


def current_card(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card's keys and values in today's format; those of a card of today are returned unchanged.

    Examples
    --------
    >>> current_card({"format": 1, "kind": "cutter", "appearances": ["label-free"], "settings": {"vary": 0.2}})
    {'format': 2, 'kind': 'markers', 'modalities': ['label-free'], 'settings': {'intensity_jitter': 0.2}}
    """
    if content.get("format") != 1:
        return _normalized_per_channel(content)
    card = {RENAMED_KEYS.get(key, key): value for key, value in content.items()}
    card["format"] = 2
    if isinstance(kind := card.get("kind"), str):
        card["kind"] = RENAMED_KINDS.get(kind, kind)
    if isinstance(settings := card.get("settings"), Mapping):
        card["settings"] = current_settings(settings)
    return card


def _normalized_per_channel(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card of format 2 with one normalisation for each channel."""
    card = dict(content)
    how, channels = card.get("normalization"), card.get("channels")
    if isinstance(how, str) and isinstance(channels, Sequence):
        card["normalization"] = [how] * len(channels)
    return card
