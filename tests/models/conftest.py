"""Synthetic cells that the tests of models share."""

from collections.abc import Sequence

import pytest

from frugalseg.synthetic.cells import SyntheticField, make_cells


@pytest.fixture(scope="session")
def cells() -> SyntheticField:
    """One field of 9 cells."""
    return make_cells((96, 104), n_cells=9, dim_nuclei=0.0, seed=4)


@pytest.fixture(scope="session")
def fields() -> Sequence[SyntheticField]:
    """Four fields of 9 cells each."""
    return [make_cells((96, 104), n_cells=9, dim_nuclei=0.0, seed=seed) for seed in range(4, 8)]
