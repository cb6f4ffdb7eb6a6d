"""class_signatures: one row a label, and how far it stands out among the model's labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.agnostic.network import read_network
from sat_nb.agnostic.saliency import InputAgnosticSaliency, input_agnostic_saliency, strongest_box
from sat_nb.errors import InvalidInput

DEFAULTS: dict[str, Any] = {"distribution": "natural", "steps": 20, "threshold": None}
"""Where they differ from those of ``input_agnostic_saliency``: all labels take the same steps."""
REACHED = 0.9
"""The fidelity at which ``steps`` and ``energy`` are read."""
CUT = 1e-4
"""How close to 0 and 1 probabilities count: one sample more or less must not decide."""
SIDE = 0.25
"""The side of the box that a row describes, as a share of height and width."""


def class_signatures(
    model: Any, labels: Iterable[int] | None = None, **options: Any
) -> pd.DataFrame:
    """Compare the signatures of all labels, to find one that hides a backdoor.

    A backdoor is a small feature that alone speaks for a label, whatever else the input shows. So
    each label's map is reduced to its strongest boxes, of 3/16, 1/4 and 5/16 of height and width;
    every value in a box goes to the end of the range that the map points to, and fresh samples
    with this patch go through the model. The outlier score is the label's log-odds, averaged over
    the boxes, minus that of the median label.

    Parameters
    ----------
    model : str, os.PathLike, keras.Model or Mapping[int, InputAgnosticSaliency]
        As for :func:`input_agnostic_saliency`; or the maps that it returned for several labels,
        which saves their time.
    labels : iterable of int, optional
        The labels to compare, at least three; by default all of the model.
    **options : Any
        Of :func:`input_agnostic_saliency`, some with other defaults (DEFAULTS): samples are
        "natural", and all labels take 20 steps. ``bounds`` must be the model's.

    Returns
    -------
    pandas.DataFrame
        One row a label, sorted by ``outlier``, most suspicious first. ``label``; ``fidelity`` of
        the whole map (mean probability on fresh samples, 0 to 1) and ``start``, that without any
        map; ``steps`` and ``energy`` (Euclidean norm, in units of the range) at which the map
        reached a fidelity of 0.9, missing if it never did; ``concentration``, the share of the
        map's energy in the strongest box of a quarter of height and width, 0 to 1 (0.06 if evenly
        spread); ``box_fidelity``, the label's probability by that box alone; ``top``, ``left``,
        ``height``, ``width`` of the box in pixels; ``outlier``.

    Raises
    ------
    InvalidInput
        As :func:`input_agnostic_saliency` does, and for fewer than three labels.
    FileMissing
        For a path that does not exist.

    Notes
    -----
    That a signature gives backdoors away is Akhtar & Jalwana's [1]_ observation; they show maps
    and no score, and have published no code. The score was chosen on other classifiers than those
    that ``benchmarks/backdoor.py`` reports. On 72 clean ones and 36 with a patch, asked with white
    noise, the area under the ROC curve was 0.99 for it; 0.88 if it is divided by the labels' spread
    (median absolute deviation); 0.84 for the largest ``start``; 0.66 for how far the whole map's
    fidelity is above the median; and 0.6 for the largest concentration. So "small and localised"
    is no evidence, "a small box is enough" is. On 165 more models (41 with a patch) white noise
    reached only 0.94, so "natural" samples replaced it: with these, the scores of clean models are
    closer together.

    A high score is a reason to look, not a proof: see the notebook 08_input_agnostic. Nor does a
    low score prove anything: measured were small CNNs of ten labels, and some patches were missed.

    References
    ----------
    .. [1] N. Akhtar & M. A. A. K. Jalwana, AAAI 2023, arXiv 2303.17836.

    Examples
    --------
    >>> class_signatures("model.h5", bounds=(0, 1)).head(3)  # doctest: +SKIP
    """
    results = _maps(model, labels, options)
    if len(results) < 3:
        raise InvalidInput(
            f"labels: expected at least three to compare, got {list(results)}; a label can stand "
            "out only among others."
        )
    table = pd.DataFrame([_row(result) for result in results.values()])
    table["outlier"] = outliers([list(r.box_fidelity.values()) for r in results.values()])
    return table.sort_values("outlier", ascending=False, kind="stable", ignore_index=True)


def outliers(probabilities: Any) -> NDArray[np.float64]:
    """Log-odds of each label, averaged over its row of probabilities, minus the labels' median.

    Probabilities are clipped to 0.0001 ... 0.9999 first, so that one lucky number does not decide.

    >>> outliers([[0.1, 0.1], [0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]).round(2).tolist()
    [-1.1, -1.1, 1.1, 3.3]
    """
    cut = np.clip(np.asarray(probabilities, dtype=np.float64), CUT, 1 - CUT)
    odds = np.log(cut / (1 - cut)).mean(axis=1)
    return odds - np.median(odds)


def _maps(
    model: Any, labels: Iterable[int] | None, options: dict[str, Any]
) -> Mapping[int, InputAgnosticSaliency]:
    if not isinstance(model, Mapping):
        if labels is None:
            size, trusted = options.get("input_size"), options.get("trust_model", False)
            network = read_network(model, size, "class_signatures", trusted=trusted)
            labels = range(network.n_classes)
        return input_agnostic_saliency(model, list(labels), **{**DEFAULTS, **options})
    wrong = [v for v in model.values() if not isinstance(v, InputAgnosticSaliency)]
    if wrong or options:
        raise InvalidInput(
            "model: expected finished maps {label: InputAgnosticSaliency} of "
            "input_agnostic_saliency, and no options beside them; got options "
            f"{sorted(options)} and {type(wrong[0]).__name__ if wrong else 'no wrong value'}."
        )
    wanted = list(model) if labels is None else list(labels)
    absent = [label for label in wanted if label not in model]
    if absent:
        raise InvalidInput(f"labels: no map of {absent[0]!r} was given; there are {list(model)}.")
    return {label: model[label] for label in wanted}


def _row(result: InputAgnosticSaliency) -> dict[str, Any]:
    reached = np.flatnonzero(result.fidelity >= REACHED)
    box, concentration = strongest_box(result.map, SIDE)
    return {
        "label": result.label,
        "fidelity": result.fidelity[-1],
        "start": result.fidelity[0],
        "steps": int(reached[0]) if len(reached) else pd.NA,
        "energy": float(result.norms[reached[0]]) if len(reached) else np.nan,
        "concentration": concentration,
        "box_fidelity": result.box_fidelity[SIDE],
        "top": box.top,
        "left": box.left,
        "height": box.height,
        "width": box.width,
    }
