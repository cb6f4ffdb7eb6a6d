"""The registry of values: columns of a table that can be aggregated."""

from __future__ import annotations

from dataclasses import dataclass

from sat_nb.registry import Entry, registry


@dataclass(frozen=True)
class Result:
    """The column of numbers in an aggregate: its name, its title on an axis, which end is best."""

    column: str
    title: str
    small_is_best: bool


@dataclass(frozen=True, kw_only=True)
class Value(Entry):
    """A column of the table that can be aggregated.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every :class:`~sat_nb.registry.Entry`.
    parameters : Mapping[str, Parameter]
        As for every entry.
    axis_title : str
        For the axis of a plot; by default ``title``.
    small_is_best : bool, default False
        Whether aggregates list the smallest number first.
    """

    axis_title: str = ""
    small_is_best: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.axis_title:
            object.__setattr__(self, "axis_title", self.title)


VALUES: dict[str, Value] = registry(
    Value(
        name="mean_attribution",
        about="Mean of the attribution map over the segment's mask.",
    ),
    Value(
        name="abs_mean_attribution",
        title="|mean attribution|",
        about="Absolute value of the mean attribution.",
    ),
    Value(
        name="rank",
        axis_title="mean rank (1 = most attribution)",
        about="Rank of the segment within its image, where 1 is the largest attribution.",
        small_is_best=True,
    ),
    Value(
        name="total_attribution",
        about="Sum of the attribution map over the segment's mask; of effects of interventions, "
        "the effect of the whole segment.",
    ),
)
"""What ``aggregate`` takes as ``value``, by name."""


ATTRIBUTIONS = ("mean_attribution", "abs_mean_attribution")
