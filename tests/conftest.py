"""Fixtures for the tests: no window is opened, and figures are closed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.datasets.toy import toy

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture
def table() -> pd.DataFrame:
    """The toy table: two methods, 20 images, five segments, ears missing in every fourth."""
    return sat.build(*toy())


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photos, masks and weights; tests that need it are skipped without it."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SAT_NB_DATA", beside))
    if not (folder / "README.md").is_file():
        pytest.skip(f"no real data at {folder}; name its folder in SAT_NB_DATA")
    return folder
