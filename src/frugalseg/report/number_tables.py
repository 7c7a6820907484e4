"""Tables of numbers, e.g. scores before and after fine-tuning, and their texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from frugalseg.errors import WrongShape
from frugalseg.images.write import plain
from frugalseg.report.number_texts import Value, column_texts

_SIGNED = ("change", "difference")
_MOST_ROWS = 15  # more rows than that scroll within the table's own frame


@dataclass(kw_only=True)
class NumberTable:
    """A table of results, e.g. each field's score before and after tuning.

    Parameters
    ----------
    title
        Heading of the table.
    columns
        Headings; the first column holds the names of the rows. Numbers below a heading that begins with "change" or
        "difference" are written with their sign.
    rows
        One value per column: text, a number, or None for an unknown value.
    note
        One sentence below the table.
    emphasise
        Row to mark; negative numbers count from the end.

    Raises
    ------
    WrongShape
        When a row does not have one value per column, or the row to mark does not exist.

    Examples
    --------
    >>> NumberTable(title="IoU", columns=["field", "start", "change"], rows=[["A1", 0.5, 0.1]]).rows
    [['A1', 0.5, 0.1]]
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    note: str = ""
    emphasise: int | None = None

    def __post_init__(self) -> None:
        """Refuse rows that don't fit their columns."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise WrongShape(
                    f"Table {self.title!r} has {len(self.columns)} columns and a row of {len(row)} values; "
                    "give one value per column."
                )
        self.rows = [[plain(value) for value in row] for row in self.rows]
        n = len(self.rows)
        if self.emphasise is not None and not -n <= self.emphasise < n:
            raise WrongShape(f"Table {self.title!r} has {n} rows and no row {self.emphasise} to mark.")


class TableRow(NamedTuple):
    """Texts of one row, whether it is emphasised, and the id of the part of the page that its name links to."""

    cells: list[str]
    own: bool = False
    anchor: str = ""


class TableTexts(NamedTuple):
    """A table as the page shows it; `is_text` marks the columns that are aligned as text, `feet` are means."""

    title: str
    note: str
    headings: Sequence[str]
    is_text: list[bool]
    rows: list[TableRow]
    feet: list[TableRow]

    @property
    def tall(self) -> bool:
        """Whether the table scrolls within its own frame."""
        return len(self.rows) > _MOST_ROWS


def table_texts(
    table: NumberTable, feet: Sequence[Sequence[Value]] = (), anchors: Sequence[str] = ()
) -> TableTexts:
    """Return the texts of a table.

    Parameters
    ----------
    table
        Its numbers get as many decimals as the largest one of their column needs.
    feet
        More rows, below a line.
    anchors
        Ids that the names of the rows link to; "" for no link.
    """
    headings = [heading.strip().lower() for heading in table.columns]
    marked = None if table.emphasise is None else table.emphasise % len(table.rows)

    def texts(rows: Sequence[Sequence[Value]]) -> list[list[str]]:
        columns = [
            column_texts([row[i] for row in rows], heading.startswith(_SIGNED))
            for i, heading in enumerate(headings)
        ]
        return [[column[i] for column in columns] for i in range(len(rows))]

    links = anchors or [""] * len(table.rows)
    return TableTexts(
        table.title,
        table.note,
        table.columns,
        [any(isinstance(row[i], str) for row in table.rows) for i in range(len(headings))],
        [TableRow(cells, i == marked, links[i]) for i, cells in enumerate(texts(table.rows))],
        [TableRow(cells) for cells in texts(feet)],
    )
