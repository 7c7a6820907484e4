"""Lists of channels as text: separated by commas, names with commas or brackets in double quotes."""

import re

SPECIAL = re.compile(r'[,\[\]"]|^\s|\s$')


def split_channels(text: str) -> list[str]:
    """Split a list at its commas; those in brackets separate focal planes, and those in quotes belong to a name.

    >>> split_channels('phase[1,3], "CD3, CD4" ,2')
    ['phase[1,3]', '"CD3, CD4"', '2']
    """
    parts, start, depth, quoted = [], 0, 0, False
    for at, letter in enumerate(text):
        before = text[start:at].strip()
        if quoted:
            quoted = letter != '"'
        elif letter == '"' and (not before or (before[0] == before[-1] == '"' and text[at - 1] == '"')):
            quoted = True  # at the start of a name, or the second of two that stand for one
        elif letter in "[]":
            depth += 1 if letter == "[" else -1
        elif letter == "," and depth <= 0:
            parts.append(before)
            start = at + 1
    return [*parts, text[start:].strip()]


def unquote_channel(text: str) -> str:
    """Return the name that quotes stand around, or the text itself where there are none.

    >>> unquote_channel('"a ""b"", c"'), unquote_channel("a")
    ('a "b", c', 'a')
    """
    if re.fullmatch(r'"(?:[^"]|"")+"', text) is None:
        return text
    return text[1:-1].replace('""', '"')


def single_channel(text: str) -> str:
    """Return the text of one channel, with quotes or without, as it is written in a list.

    >>> single_channel("CD3, CD4"), single_channel('"CD3, CD4"'), single_channel("dapi")
    ('"CD3, CD4"', '"CD3, CD4"', 'dapi')
    """
    return quote_channel(unquote_channel(text))


def quote_channel(name: str) -> str:
    """Return a name as it is written in a list: in quotes where it has commas, brackets or quotes.

    >>> quote_channel("CD3, CD4"), quote_channel("dapi")
    ('"CD3, CD4"', 'dapi')
    """
    return '"' + name.replace('"', '""') + '"' if SPECIAL.search(name) else name
