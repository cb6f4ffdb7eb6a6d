"""Comparisons where segments are missing in some images: with those images, and without them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from sat_nb.arguments import checked_whole
from sat_nb.stats.bootstrap import Unit
from sat_nb.stats.compare import checked_rows, chosen_test
from sat_nb.stats.comparison import both_ways
from sat_nb.stats.pair_test import PairTest, TestFunction
from sat_nb.stats.plan import Plan, check_takes_units, compared, takes_gaps
from sat_nb.stats.rows import check_pooled
from sat_nb.table.source import Table


def compare_missing(
    table: Table,
    *,
    method: str,
    alpha: float = 0.05,
    test: str | PairTest | TestFunction = "wilcoxon-holm",
    classes: str | None = None,
    unit: Unit | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare under "absolute" and under "complete", side by side, one row a pair.

    Parameters
    ----------
    table : pandas.DataFrame, str or path
        From ``build``, of one model and one class; or the path of a table on disk, of which the
        ranks of the method are read.
    method : str
        The saliency method whose rows are compared.
    alpha : float, default 0.05
        The level at which the differences of all pairs together are tested.
    test : str, PairTest or callable, default "wilcoxon-holm"
        As for ``compare``. Under "complete" it is used if it takes gaps, else "wilcoxon-holm".
    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.
    unit : str, Mapping or Series, default None
        What is independent, as for ``compare``.
    seed : int, default 0
        As for ``compare``.

    Returns
    -------
    pandas.DataFrame
        In the order of the Absolute mean ranks: ``segment_a``, ``segment_b``, ``n_a``, ``n_b`` and
        ``n_both`` (images that have each and both), then ``lead``, ``effect_size``, ``p_value``,
        ``adjusted_p_value`` and ``different`` of ``Comparison.pairs`` twice, with the suffixes
        ``_absolute`` and ``_complete``, and ``driven_by_presence``: some image has one of the two
        alone, and they differ under "absolute" but not, or not in that direction, on the images
        that have both. Few common images also leave a difference unproven. ``presence`` says
        which: "created", "reversed", "hidden" (they differ only on the images that have both), or
        "".

    Raises
    ------
    InvalidInput
        As ``compare`` does.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> table = compare_missing(build(*toy()), method="noisy")
    >>> columns = ["segment_a", "segment_b", "n_both", "lead_absolute", "lead_complete"]
    >>> table.loc[[7], columns].round(2)
      segment_a segment_b  n_both  lead_absolute  lead_complete
    7     mouth      ears      15           1.15            0.8
    """
    entry = chosen_test(test)
    check_pooled(classes)
    plan = Plan(method, alpha, entry, "absolute", unit, checked_whole("seed", seed))
    rows = checked_rows(table, plan, classes)
    check_takes_units(plan)
    complete = replace(plan, test=takes_gaps(entry), missing="complete")
    return both_ways(compared(rows, plan), compared(rows, complete))
