"""The consoles that everything but single lines is printed on."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from frugalseg.images.plain_text import printable


class CleanConsole(Console):
    """A console on which names from files can't move the cursor, change colours or hide."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, with control characters in texts replaced by their escapes; colours are no part of texts."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text, keep="\n"), *segment[1:])
