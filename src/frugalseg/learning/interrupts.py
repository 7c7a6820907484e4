"""Ctrl-C and SIGTERM ask a loop to end after its current step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopped_by_either() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, with `KeyboardInterrupt`; in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM) or signal.SIG_DFL
    if before != signal.SIG_DFL:  # a program that calls this one has its own
        yield
        return
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


@dataclass
class StopRequest:
    """Whether the user, or the machine, asked for the end."""

    made: bool = False


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turn the first Ctrl-C or SIGTERM within the block into a request; a second one has its usual effect at once.

    Only the main thread can receive signals; in other threads no request is ever made.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(_signal: int, _frame: object) -> None:
        request.made = True
        restore()

    for number in SIGNALS:
        signal.signal(number, stop)
    try:
        yield request
    finally:
        restore()
