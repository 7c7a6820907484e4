"""Names and messages from files, made safe for what shows them: a terminal, and a spreadsheet."""

import unicodedata

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories without a glyph: control and format characters (which turn text around), lone surrogates, line ends."""

JOINERS = "\u200c\u200d\u00ad"
"""Format characters that words of some languages need."""

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")
"""How a cell begins that spreadsheets compute instead of showing it."""


def printable(text: str, keep: str = "") -> str:
    r"""Replace characters that a terminal would obey, or nobody would see, by their escapes.

    Parameters
    ----------
    text
        From a file, its name, or a message about it.
    keep
        Characters to leave, such as line ends.

    Examples
    --------
    >>> printable("dapi\x1b[31m\x00"), printable("µm é 核")
    ('dapi\\x1b[31m\\x00', 'µm é 核')
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character in keep or character in JOINERS or unicodedata.category(character) not in HIDDEN
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def spreadsheet_cell(text: str) -> str:
    """Return a text that a spreadsheet shows as it is; a leading apostrophe keeps it from being computed.

    >>> spreadsheet_cell("=1+1"), spreadsheet_cell("hela_1")
    ("'=1+1", 'hela_1')
    """
    shown = printable(text, keep="\n")
    return f"'{shown}" if text.lstrip(" \u00a0").startswith(FORMULA) else shown
