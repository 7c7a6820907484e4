"""What the terminal sees: output that can't be written is one line at the end, and libraries say nothing.

A run goes on where nobody reads its progress any more: its results count.
"""

import errno
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

NOT_WRITTEN = 1


class KeptStream:
    """A text stream that remembers the first error instead of raising it, and then drops what is written.

    Parameters
    ----------
    inner
        Where text goes; None where the stream is closed, as Python has it.
    """

    def __init__(self, inner: TextIO | None) -> None:
        self.inner = inner
        self.error: str | None = None

    def write(self, text: str) -> int:
        """Write a text where that is still possible."""
        if self.inner is None and text:
            self.error = self.error or os.strerror(errno.EBADF)
        if self.error is None and self.inner is not None:
            self._try(self.inner.write, text)
        return len(text)

    def flush(self) -> None:
        """Write what is held back where that is still possible."""
        if self.error is None and self.inner is not None:
            self._try(self.inner.flush)

    def _try(self, act: Callable[..., object], *given: str) -> None:
        try:
            act(*given)
        except (OSError, ValueError) as error:  # ValueError: the file is closed
            self.error = (isinstance(error, OSError) and error.strerror) or str(error)
            _drop_the_rest(self.inner)

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return self.inner is not None and self.inner.isatty()

    def __getattr__(self, name: str) -> Any:
        """Return what else the stream has."""
        return getattr(self.inner, name)


@contextmanager
def kept_streams() -> Iterator[KeptStream]:
    """Replace stdout and stderr by streams that never end a run, and silence libraries; yields stdout's.

    Text that the terminal has no characters for is written with backslashes.
    """
    before = sys.stdout, sys.stderr
    out, err = KeptStream(sys.stdout), KeptStream(sys.stderr)
    for stream in before:
        with suppress(AttributeError, OSError, ValueError):
            getattr(stream, "reconfigure")(errors="backslashreplace")  # noqa: B009 - not all streams have it
    handler = logging.NullHandler()  # without any, Python writes warnings of libraries to stderr
    logging.getLogger().addHandler(handler)
    show = warnings.showwarning
    warnings.showwarning = _drop_warning
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before
        warnings.showwarning = show
        logging.getLogger().removeHandler(handler)


def _drop_warning(*_: object, **__: object) -> None:
    """Show nothing: libraries warn programmers, and what matters to a user is a message of frugalseg itself."""


def _drop_the_rest(stream: TextIO | None) -> None:
    """Let Python's own flush at the end of the process go nowhere, which would fail like the first one."""
    with suppress(AttributeError, OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, -1 if stream is None else stream.fileno())
        finally:
            os.close(nowhere)
