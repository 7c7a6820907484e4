"""Figures that are files already, such as curves drawn with matplotlib, as parts of the page."""

import base64
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One figure, a PNG or SVG.

    Parameters
    ----------
    title
        Heading above it, and what readers hear who can't see it.
    content
        The file. As an image of the page it can run no script, and load nothing.
    kind
        Which of the two it is.
    caption
        Sentences below it.
    wide
        Show it as wide as the page instead of one of two columns.

    Examples
    --------
    >>> Drawing(title="Curve", content=b"<svg/>", kind="svg").uri
    'data:image/svg+xml;base64,PHN2Zy8+'
    """

    title: str
    content: bytes
    kind: str = "png"
    caption: str = ""
    wide: bool = False

    @property
    def uri(self) -> str:
        """Return the file as the page holds it."""
        media = "svg+xml" if self.kind == "svg" else "png"
        return f"data:image/{media};base64,{base64.b64encode(self.content).decode('ascii')}"
