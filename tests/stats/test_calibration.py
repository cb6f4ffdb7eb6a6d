"""A small part of benchmarks/calibration.py: error rates where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.calibration import (
    COMPLETE,
    SCENARIOS,
    WILCOXON,
    check_the_way,
    rate,
    rate_of_units,
)

N_SIMS = 300
BOUND = 0.05 + 4 * np.sqrt(0.05 * 0.95 / N_SIMS)


@pytest.mark.parametrize(
    ("truth", "contest"),
    [
        ("equal", WILCOXON),
        ("half far", WILCOXON),
        ("half near, ties", WILCOXON),
        ("equal, missing", COMPLETE),
        ("half far, missing", COMPLETE),
        ("equal, missing together", COMPLETE),
    ],
)
def test_errors_stay_below_alpha(truth: str, contest: tuple[str, str]) -> None:
    assert rate(SCENARIOS[truth], *contest, 20, 5, N_SIMS).error < BOUND


def test_presence_alone_does_not() -> None:
    """So that the bound above can fail."""
    assert rate(SCENARIOS["equal, missing"], *WILCOXON, 40, 5, 60).error > 0.4


def test_what_is_far_apart_is_found() -> None:
    assert rate(SCENARIOS["half far, missing"], *COMPLETE, 40, 5, 60).power > 0.95


def test_tables_say_what_matrices_say() -> None:
    check_the_way(10)


def test_errors_stay_below_alpha_if_images_come_in_units_of_unequal_size() -> None:
    """And would not if each image counted by itself."""
    options = {"n_sims": 100, "missing": "absolute"}
    own = rate_of_units("1, 2, 4, 8", 12, 4, by_unit=True, **options)
    assert own.error < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 100)
    assert rate_of_units("1, 2, 4, 8", 12, 4, by_unit=False, **options).error > 0.25
