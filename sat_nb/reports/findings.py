"""Findings: what a report tells of one model, each computed when a section first asks for it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from sat_nb.saliency.innvestigate_methods import SIGNED
from sat_nb.saliency.methods import METHODS
from sat_nb.stats.bootstrap import Unit
from sat_nb.stats.compare import compare
from sat_nb.stats.compare_missing import compare_missing
from sat_nb.stats.comparison import Comparison
from sat_nb.stats.consensus import Consensus, consensus
from sat_nb.stats.evidence import evidence
from sat_nb.stats.intervals import intervals
from sat_nb.stats.size_effect import size_effect
from sat_nb.stats.unusual import unusual_images
from sat_nb.table.aggregate import aggregate
from sat_nb.table.settled import settled_ranks
from sat_nb.widgets.data import Data


@dataclass(frozen=True, kw_only=True)
class Options:
    """The arguments of ``report`` that numbers depend on."""

    classes: str | None = None
    unit: Unit | None = None
    test: Any = "wilcoxon-holm"
    alpha: float = 0.05
    level: float = 0.95
    n_resamples: int = 2000
    seed: int = 0
    n_photos: int = 4

    @property
    def pooling(self) -> dict[str, Any]:
        """The argument ``classes`` of statistics."""
        return {} if self.classes is None else {"classes": self.classes}

    @property
    def units(self) -> dict[str, Any]:
        """The argument ``unit`` of statistics."""
        return {} if self.unit is None else {"unit": self.unit}

    @property
    def things(self) -> str:
        """What is independent, for sentences."""
        if self.unit in (None, "image_id"):
            return "photos"
        return self.unit if isinstance(self.unit, str) else "units"

    @property
    def test_name(self) -> str:
        """The name of the test, for sentences."""
        return self.test if isinstance(self.test, str) else getattr(self.test, "key", "a test")


@dataclass(frozen=True, eq=False)
class Findings:
    """What is found about one model of a table.

    Parameters
    ----------
    data : Data
        The table with its photos, maps and masks.
    model : str or None
        The model; None where the table names none.
    options : Options
        How it is computed.
    """

    data: Data
    model: str | None
    options: Options

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows of the model."""
        table = self.data.table
        return table if self.model is None else table[table["model"] == self.model]

    @cached_property
    def methods(self) -> list[str]:
        """The saliency methods, in the order of the table."""
        return list(self.rows["method"].unique())

    @cached_property
    def n_images(self) -> int:
        """The number of photos, those without segments included."""
        return int(self.rows["image_id"].nunique())

    @cached_property
    def segments(self) -> list[str]:
        """The segments, best first under the first method, then those that only others have."""
        first = [name for found in self.comparisons.values() for name in found.mean_ranks.index]
        return list(dict.fromkeys(first))

    @cached_property
    def comparisons(self) -> dict[str, Comparison]:
        """{method: the comparison of its segments}; what it warns of is told by the report."""
        return {method: self._compared(method) for method in self.methods}

    def _compared(self, method: str) -> Comparison:
        options = self.options
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compare(
                self.rows, method=method, alpha=options.alpha, test=options.test,
                seed=options.seed, **options.units, **options.pooling,
            )  # fmt: skip

    def decided_by_presence(self, method: str) -> pd.DataFrame:
        """The rows of ``compare_missing`` whose difference presence creates, turns or hides."""
        options = self.options
        pairs = compare_missing(
            self.rows, method=method, alpha=options.alpha, test=options.test,
            seed=options.seed, **options.units, **options.pooling,
        )  # fmt: skip
        return pairs[pairs["presence"] != ""]

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """Relative mean ranks with their intervals, by method and segment."""
        options = self.options
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return intervals(
                self.rows, how="relative", value="rank", level=options.level,
                n_resamples=options.n_resamples, seed=options.seed,
                **options.units, **options.pooling,
            )  # fmt: skip

    @cached_property
    def agreed(self) -> Consensus | None:
        """How far the methods agree; None for one method."""
        if len(self.methods) < 2:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return consensus(self.rows, **self.options.pooling)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Relative mean ranks, segments in the order in which the methods agree."""
        found = aggregate(self.rows, value="rank", **self.options.pooling)
        if self.agreed is None:
            return found
        places = {name: i for i, name in enumerate(self.agreed.ranking.index)}
        order = found["segment"].map(places).sort_values(kind="stable").index
        return found.loc[order]

    @cached_property
    def signs(self) -> dict[str, pd.DataFrame]:
        """{method: how often segments speak for and against}, of methods whose sign says so."""
        signed = [m for m in self.methods if m in METHODS and METHODS[m].sign == SIGNED]
        below = self.rows.loc[self.rows["mean_attribution"] < 0, "method"].unique()
        return {
            method: evidence(self.rows, method=method, **self.options.pooling)
            for method in signed
            if method in below
        }

    @cached_property
    def sizes(self) -> pd.DataFrame:
        """How ranks depend on the sizes of masks, by method."""
        return size_effect(self.rows, **self.options.pooling)

    @cached_property
    def unusual(self) -> pd.DataFrame:
        """Photos whose table differs most from the aggregate, by method."""
        return unusual_images(self.rows, **self.options.pooling)

    @cached_property
    def settled(self) -> dict[str, float]:
        """{method that samples: the share of its ranks that its noise does not explain}."""
        sampled = self.rows[self.rows["n_samples"].notna() & self.rows["segment"].notna()]
        if not len(sampled):
            return {}
        share = settled_ranks(sampled).groupby(sampled["method"], sort=False).mean().dropna()
        return {str(method): float(value) for method, value in share.items()}
