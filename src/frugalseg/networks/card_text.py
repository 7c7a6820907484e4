"""A card's YAML as plain values, without what a card never has and what can be used to stop a program.

Aliases (which can expand to more than any memory), merged keys, dates and tags are not read, and nesting is bounded.
"""

from pathlib import Path
from typing import Any, TypeVar

import yaml

from frugalseg.errors import BadModel, UnreadableFile
from frugalseg.images.plain_files import DEEPEST, read_text, shortened
from frugalseg.networks.cards import Card, ObjectCard

CardT = TypeVar("CardT", bound=Card)

LARGEST_CARD = 2**20
"""Bytes; a card that names 10 000 fields has half as many."""
LONGEST_NUMBER = 128
"""Bits of a whole number; seeds are the longest, with 64."""
_NOT_READ = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")
_CURE = "train again or copy the model anew"


class _CardLoader(yaml.SafeLoader):
    """Loader of plain values; a date stays the text that it is written as."""

    depth = 0
    yaml_implicit_resolvers = {  # noqa: RUF012 - as yaml declares it
        first: [(tag, regex) for tag, regex in resolvers if tag not in _NOT_READ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node; raises `yaml.YAMLError` for an alias, and below `DEEPEST` levels."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it uses YAML aliases, which are not read")
        if self.depth >= DEEPEST:
            raise yaml.YAMLError("it is nested too deeply")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _number(loader: _CardLoader, node: Any) -> int:
    """Return a whole number; `ValueError` for one that is longer than any in a card, and that can't even be printed."""
    number = int(loader.construct_yaml_int(node))
    if number.bit_length() > LONGEST_NUMBER:
        raise ValueError(f"a whole number of {number.bit_length()} bits")
    return number


_CardLoader.add_constructor("tag:yaml.org,2002:int", _number)


def write_card_text(card: CardT) -> tuple[CardT, str]:
    """Return a card and its text, of which `read_card_text` reads no more than `LARGEST_CARD`.

    Where there are too many fields for that, only every second, fourth, ... of their names and looks is kept.
    """
    text = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False)
    while len(text) > LARGEST_CARD and max(len(card.training.fields), len(card.training.held_out)) > 1:
        names = {"fields": card.training.fields[::2], "held_out": card.training.held_out[::2]}
        fewer: dict[str, Any] = {"training": card.training.model_copy(update=names)}
        if isinstance(card, ObjectCard):
            fewer["looks"] = card.looks[::2]
        card = card.model_copy(update=fewer)
        text = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False)
    return card, text


def read_card_text(file: Path) -> dict[str, Any]:
    """Read the keys and values of a card, not yet checked.

    Raises
    ------
    BadModel
        It can't be read, is too large, or is no YAML mapping of plain values.
    """
    try:
        content = yaml.load(read_text(file, LARGEST_CARD), _CardLoader)
    except UnreadableFile as error:
        raise BadModel(f"{error}; it is damaged, so {_CURE}") from error
    except (yaml.YAMLError, ValueError, ArithmeticError, RecursionError, TypeError) as error:
        reason = shortened(" ".join(str(error).split()), 160)
        raise BadModel(f"{file} is damaged ({reason}); {_CURE}") from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise BadModel(f"{file} is damaged (no keys in it); {_CURE}")
    return content
