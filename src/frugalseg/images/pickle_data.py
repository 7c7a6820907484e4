"""The data of a pickle, without making any of its objects.

Python's own unpickler calls what a file names, and numpy believes what a file says of a type; both can be turned against
the reader. Here instructions are only followed as far as plain values and containers go. Every object stays a note of what
would be called, with its arguments; nothing is imported and nothing is called.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TRUTH_VALUES = {"NEWTRUE": True, "NEWFALSE": False}
PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
GETS = {"GET", "BINGET", "LONG_BINGET"}
EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_SET": list,
}  # fmt: skip
FROM_MARK: dict[str, Callable[[list[Any]], Any]] = {
    "LIST": list,
    "TUPLE": tuple,
    "FROZENSET": list,
    "DICT": lambda items: _text_keys(items),
    "OBJ": lambda items: Unmade(items[0], tuple(items[1:])),
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
FILLS = {"APPEND": 1, "SETITEM": 2, "APPENDS": 0, "ADDITEMS": 0, "SETITEMS": 0}
"""What adds so many values to the container below them; 0: all above the mark."""

IGNORED = {"PROTO", "FRAME"}


@dataclass(eq=False)
class Unmade:
    """An object that was not made.

    Attributes
    ----------
    call
        What would be called: "module.name", or another such object.
    arguments
        With what.
    state
        What the object would then be filled with.
    """

    call: Any
    arguments: Any = ()
    state: Any = None


class _Mark:
    """Where a group of values begins on the stack."""


def read_pickle(data: bytes) -> Any:
    """Return the content of a pickle: plain values, lists, tuples, dictionaries with texts as keys, and `Unmade` objects.

    Sets become lists, and items whose key is no text are left out: comparing nested keys can overflow the stack.

    Raises
    ------
    ValueError, IndexError, KeyError, TypeError
        The pickle is damaged.

    Examples
    --------
    >>> import pickle, datetime
    >>> read_pickle(pickle.dumps({"a": [1, (2, b"3")], 4: 5}))
    {'a': [1, (2, b'3')]}
    >>> read_pickle(pickle.dumps(datetime.date(2026, 1, 2))).call
    'datetime.date'
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name == "STOP":
            return stack.pop()
        if name in PUTS:
            memo[int(argument)] = stack[-1]  # type: ignore[arg-type]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in GETS:
            stack.append(memo[int(argument)])  # type: ignore[arg-type]
        else:
            _step(name, argument, stack)
    raise ValueError("it has no end")


def _step(name: str, argument: Any, stack: list[Any]) -> None:
    if name in EMPTY:
        stack.append(EMPTY[name]())
    elif name in TUPLES:
        stack.append(tuple(_pop(stack, TUPLES[name])))
    elif name in FROM_MARK:
        stack.append(FROM_MARK[name](_pop_to_mark(stack)))
    elif name in FILLS:
        items = _pop(stack, FILLS[name]) if FILLS[name] else _pop_to_mark(stack)
        if isinstance(stack[-1], list):
            stack[-1].extend(items)
        elif isinstance(stack[-1], dict):
            stack[-1].update(_text_keys(items))
    elif name == "MARK":
        stack.append(_Mark)
    elif name == "POP_MARK":
        _pop_to_mark(stack)
    elif name == "POP":
        stack.pop()
    elif name == "DUP":
        stack.append(stack[-1])
    elif name not in IGNORED:
        _object_step(name, argument, stack)


def _object_step(name: str, argument: Any, stack: list[Any]) -> None:
    """Follow an instruction that would make an object; all others that are left push their argument."""
    if name == "GLOBAL":
        stack.append(Unmade(argument.replace(" ", ".")))
    elif name == "STACK_GLOBAL":
        module, inner = _pop(stack, 2)
        stack.append(Unmade(f"{module}.{inner}"))
    elif name in ("REDUCE", "NEWOBJ"):
        call, arguments = _pop(stack, 2)
        stack.append(Unmade(_name(call), arguments))
    elif name == "NEWOBJ_EX":
        call, arguments, _ = _pop(stack, 3)
        stack.append(Unmade(_name(call), arguments))
    elif name == "INST":
        stack.append(Unmade(argument.replace(" ", "."), tuple(_pop_to_mark(stack))))
    elif name == "BUILD":
        state = stack.pop()
        if isinstance(stack[-1], Unmade):
            stack[-1].state = state
    elif name == "BINPERSID":
        stack[-1] = Unmade("", (stack[-1],))
    elif name == "READONLY_BUFFER":
        pass
    elif name in ("PERSID", "NEXT_BUFFER", "EXT1", "EXT2", "EXT4"):
        stack.append(Unmade("", (argument,)))
    else:  # None, numbers, texts, bytes
        stack.append(TRUTH_VALUES.get(name, argument))


def _name(call: Any) -> Any:
    return call.call if isinstance(call, Unmade) and not call.arguments else call


def _pop(stack: list[Any], count: int) -> list[Any]:
    if len(stack) < count:
        raise IndexError("it takes more values than it has")
    items = stack[-count:]
    del stack[-count:]
    return items


def _pop_to_mark(stack: list[Any]) -> list[Any]:
    items: list[Any] = []
    while (item := stack.pop()) is not _Mark:
        items.append(item)
    return items[::-1]


def _text_keys(items: list[Any]) -> dict[str, Any]:
    pairs = zip(items[::2], items[1::2], strict=True)
    return {key: value for key, value in pairs if isinstance(key, str)}
