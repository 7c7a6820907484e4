"""Numbers, times and settings as people write them."""

import math
from collections.abc import Iterator, Mapping, Sequence

Value = str | float | int | None
"""One value of a table."""


def tick_text(value: float) -> str:
    """Return the number of an axis, short.

    >>> [tick_text(v) for v in (0, 0.25, 1200, 45000, -3e6)]
    ['0', '0.25', '1200', '45k', '−3M']
    """
    for limit, unit, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= limit:
            return _minus(f"{value / unit:g}{letter}")
    return _minus(f"{value:.6g}")


def figure(value: float) -> str:
    """Return a number with the digits that matter.

    >>> figure(-201512.3), figure(0.0123456)
    ('−201,512', '0.01235')
    """
    return _minus(f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}")


def score_text(value: float | None) -> str:
    """Return a score with three decimals, and a dash for none.

    >>> score_text(0.5), score_text(-0.25), score_text(None)
    ('0.500', '−0.250', '–')
    """
    return "–" if value is None else _minus(f"{value:.3f}")


def difference_text(value: float | None) -> str:
    """Return a difference of scores with its sign.

    >>> difference_text(0.0512), difference_text(-0.2), difference_text(None)
    ('+0.051', '−0.200', '–')
    """
    return "–" if value is None else _minus(f"{value:+.3f}")


def count_text(n: int, noun: str) -> str:
    """Return a count with its noun.

    >>> count_text(1, "field"), count_text(1200, "cell")
    ('1 field', '1,200 cells')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def duration(seconds: float | None) -> str:
    """Return a time as people say it.

    >>> duration(4.26), duration(187), duration(7325), duration(None)
    ('4.3 s', '3 min 7 s', '2 h 2 min', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def column_texts(values: Sequence[Value], signed: bool = False) -> list[str]:
    """Return the texts of one column, its floats with as many decimals as the largest one needs.

    Parameters
    ----------
    values
        Text stays as it is; None and NaN become a dash.
    signed
        Write the sign of positive numbers too.

    Examples
    --------
    >>> column_texts([0.93456, 0.5, None, 12])
    ['0.935', '0.500', '–', '12']
    >>> column_texts([0.05, -0.2], signed=True), column_texts([1234.5, 2.0]), column_texts([3e-4, 0.0])
    (['+0.050', '−0.200'], ['1,234', '2'], ['0.0003', '0'])
    """
    largest = max((abs(v) for v in values if isinstance(v, float) and math.isfinite(v)), default=0.0)
    sign = "+" if signed else ""
    decimals = next((d for limit, d in ((10, 3), (100, 2), (1000, 1)) if largest < limit), 0)
    floats = f"{sign}.3g" if 0 < largest < 0.005 else f"{sign},.{decimals}f"
    return [_value_text(value, floats, f"{sign},d") for value in values]


def setting_lines(settings: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and text of every setting, nested ones with their full name.

    >>> list(setting_lines({"a": {"b": [1, 2], "c": None}, "d": {}}))
    [('a.b', '1, 2'), ('a.c', '–'), ('d', '–')]
    """
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from setting_lines(value, f"{prefix}{key}.")
        elif value is None or value == {} or value == [] or value == ():
            yield f"{prefix}{key}", "–"
        else:
            yield (
                f"{prefix}{key}",
                ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value),
            )


def _value_text(value: Value, floats: str, integers: str) -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _minus(f"{value:{integers}}" if isinstance(value, int) else f"{value:{floats}}")


def _minus(text: str) -> str:
    """Replace the hyphen by the minus sign."""
    return text.replace("-", "−")
