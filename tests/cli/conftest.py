"""Running the real command line in process."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from frugalseg.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr; more than one is a defect."""
        assert self.err.count("\n") == 1, self.err
        assert self.err.endswith("\n")
        return self.err.strip()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run ``frugalseg`` with these arguments."""

    def go(*arguments: object) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        written = capsys.readouterr()
        code = ended.value.code
        return Ended(0 if code is None else int(code), written.out, written.err)

    return go
