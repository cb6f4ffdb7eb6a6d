"""What measures ask, what they are answered, and what they find."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float64
from sat_nb.interventions.players import Kept


@dataclass(frozen=True, eq=False)
class Answers:
    """What the model says to m replaced photos.

    Parameters
    ----------
    scores : float64 (m,)
        The scores.
    classes : int64 (m,)
        The predicted classes.
    """

    scores: Float64
    classes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Effects:
    """What a measure of your own returns of one photo; see :class:`Measure`.

    Parameters
    ----------
    effects : float64 (n_segments,) or (n_players,)
        One a segment; with one more, the last is that of ``(rest)``. Positive: without the segment
        the score falls.
    errors : float64, of the same shape, optional
        Standard errors of a sampler.
    n_samples : int, optional
        How many samples stand behind a sampler's effects.
    columns : Mapping[str, Sequence]
        Further columns of the table, one value an effect.
    note : str
        What the user should know of this photo, for a warning that counts the photos.

    Examples
    --------
    >>> found = Effects(np.array([0.5, -0.1]), columns={"flipped_to": [3, None]})
    >>> found.effects.sum()
    0.4
    """

    effects: Float64
    errors: Float64 | None = None
    n_samples: int | None = None
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    note: str = ""


Asking = Generator[Kept, Answers, Effects]
"""A measure at work on one photo: it yields what is kept of it, and is sent the answers."""
