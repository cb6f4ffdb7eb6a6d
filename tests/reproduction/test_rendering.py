"""What both renderers share: sizes and random numbers."""

from __future__ import annotations

import pytest

import sat_nb as sat
from sat_nb.reproduction.rendering import check_size, generators


@pytest.mark.parametrize("size", ["big", float("nan"), 31, 64.5, None, True])
def test_sizes_that_cannot_be_drawn(size: object) -> None:
    with pytest.raises(sat.InvalidInput, match="size: expected a whole number of pixels >= 32"):
        check_size(size)  # type: ignore[arg-type]


def test_a_subject_more_does_not_move_the_others() -> None:
    few, more = generators(3, "test", 1, 5, "ab"), generators(3, "test", 1, 5, "abc")
    assert few["b"].random() == more["b"].random()
    assert generators(3, "train", 1, 5, "b")["b"].random() != few["a"].random()
