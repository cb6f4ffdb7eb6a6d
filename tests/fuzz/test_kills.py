"""A handful of disturbed runs; ``make fuzz`` has a hundred."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.fuzz import kills


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_disturbed_runs_give_the_same_table(tmp_path: Path) -> None:
    assert kills.hunt(tmp_path, "3", n_kills=3) == []


def test_tables_that_differ_are_found() -> None:
    rows = {"method": ["m", "m"], "image_id": ["a", "b"], "segment": ["s", "s"]}

    def table(*values: float, **settings: object) -> pd.DataFrame:
        found = pd.DataFrame({**rows, "mean_attribution": values})
        found.attrs["sat_nb"] = {"pad_px": 2, **settings}
        return found

    next_up = float(np.nextafter(1.0, 2))
    expected = table(1.0, 2.0)
    assert kills.difference(table(1.0, 2.0), expected) == ""
    assert "different" in kills.difference(table(next_up, 2.0), expected)
    assert "is not" in kills.difference(table(1.0, 2.0, fit="crop"), expected)
    noted = {"m": ["a: 1 inputs at once, not 4"]}
    assert kills.difference(table(next_up, 2.0, other_batches=noted), expected) == ""
    assert "different" in kills.difference(table(1.0, 3.0, other_batches=noted), expected)
