"""One score of one run on one field, and the table that holds all of a study."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from frugalseg.errors import UnreadableFile


@dataclass(frozen=True)
class ScoreRow:
    """One score.

    Attributes
    ----------
    task, arm, run
        Names of the task, of the start or method, and of the run.
    budget
        As `str(Budget)`; empty where the task has no labels to learn from.
    outlined
        Number of objects that were outlined for it.
    steps
        Training steps after which it was scored.
    fold
        The test fields of its fold.
    seed
        Of the run.
    field
        Test field.
    metric
        mAP, cell_miou, mask_iou, two_class_miou, pcc, pcc_learned, ...
    value
        The score; NaN where the field has none.
    """

    task: str
    arm: str
    run: str
    budget: str
    outlined: int
    steps: int
    fold: str
    seed: int
    field: str
    metric: str
    value: float


COLUMNS = tuple(one.name for one in fields(ScoreRow))


def rows_to_csv(rows: Iterable[ScoreRow]) -> str:
    """Return the rows as CSV with a header, values with six digits.

    Examples
    --------
    >>> print(rows_to_csv([ScoreRow("cells", "stain", "a", "1 crop", 46, 200, "f", 0, "f", "mAP", 0.5)]).splitlines()[1])
    cells,stain,a,1 crop,46,200,f,0,f,mAP,0.500000
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**asdict(row), "value": f"{row.value:.6f}"})
    return text.getvalue()


def table_to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV.

    >>> table_to_csv(["arm", "mean"], [["stain", 0.5]]).splitlines()
    ['arm,mean', 'stain,0.5']
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def read_rows(path: str | Path) -> list[ScoreRow]:
    """Read the rows that `rows_to_csv` wrote; `UnreadableFile` where the file is not such a table."""
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            return [_row(one) for one in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise UnreadableFile(f"{path} is not a table of scores that a study wrote: {error}") from error


def _row(texts: dict[str, str]) -> ScoreRow:
    numbers = {name: int(texts[name]) for name in ("outlined", "steps", "seed")}
    names = {name: texts[name] for name in ("task", "arm", "run", "budget", "fold", "field", "metric")}
    return ScoreRow(**names, **numbers, value=float(texts["value"]))  # type: ignore[arg-type]
