"""Classes: whether their images are pooled, or which of them are kept apart."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sat_nb.errors import InvalidInput, shorten, unknown_name
from sat_nb.printable import literal
from sat_nb.registry import Entry, registry

KNOWN_FROM = {
    "label": "pass labels={image_id: true class} to sat_nb.build",
    "predicted": "sat_nb.explain knows it; of other maps give read_maps predicted=",
}


@dataclass(frozen=True, kw_only=True)
class Classes(Entry):
    """A choice of ``classes``: the column that tells groups apart, and what it follows from.

    ``column`` is empty where all classes are one group.
    """

    column: str = ""
    needs: tuple[str, ...] = ()


CLASSES: dict[str, Classes] = registry(
    Classes(name="pool", about="The images of all classes together."),
    Classes(name="label", about="Each true class by itself.", column="label", needs=("label",)),
    Classes(
        name="predicted",
        about="Each class that the model predicts by itself, whatever the true one is.",
        column="predicted",
        needs=("predicted",),
    ),
    Classes(
        name="correct",
        about="Images that the model classifies correctly (correct is True), and the others.",
        column="correct",
        needs=("label", "predicted"),
    ),
)
"""What ``aggregate``, ``intervals``, ``compare`` and ``difference`` take as ``classes``."""


def chosen_classes(classes: str | None) -> Classes | None:
    """The entry of that name; None where nothing was chosen, so that classes must not be mixed."""
    if classes is None:
        return None
    if not isinstance(classes, str) or classes not in CLASSES:
        raise unknown_name("classes", classes, CLASSES)
    return CLASSES[classes]


def with_classes(table: pd.DataFrame, classes: Classes | None) -> pd.DataFrame:
    """The table, with the column that tells its classes apart."""
    if classes is None or not classes.column:
        return table
    for column in classes.needs:
        check_known(table, column, f"classes={classes.name!r}")
    if classes.column != "correct":
        return table
    return table.assign(correct=is_correct(table))


def is_correct(table: pd.DataFrame) -> pd.Series:
    """Whether the model's class is the true one."""
    return (table["label"] == table["predicted"]).astype(bool)


def check_known(table: pd.DataFrame, column: str, what: str) -> None:
    """Raise InvalidInput for images whose class in that column is not known."""
    without = table.loc[table[column].isna(), "image_id"].unique()
    if len(without):
        raise InvalidInput(
            f"{what}: {len(without)} images have no {column!r}: {shorten(without)}; "
            f"{KNOWN_FROM[column]}."
        )


def with_column(by: Sequence[str], classes: Classes | None) -> list[str]:
    """The columns of ``by`` and that of the classes."""
    column = classes.column if classes is not None else ""
    return [*by, column] if column and column not in by else [*by]


def mixed_classes(table: pd.DataFrame, apart: Sequence[str]) -> tuple[str, list[Any]] | None:
    """The column of several classes that are not kept ``apart``, and the classes.

    Classes are true ones where some are known, and the explained ones elsewhere.
    """
    labels = table["label"].dropna().unique()
    if len(labels):
        column, found = "label", labels
    else:
        column, found = "target", table["target"].dropna().unique()
    return (column, list(found)) if len(found) > 1 and column not in apart else None


def pooled(table: pd.DataFrame) -> dict[str, Any]:
    """``classes="pool"`` for a table of several targets without labels, which nothing chooses."""
    mixed = mixed_classes(table, ("label",))
    return {"classes": "pool"} if mixed else {}


def _are_predicted(table: pd.DataFrame) -> bool:
    """Whether what is explained is what the model predicts, wherever it is known."""
    known = table.loc[table["target"].notna(), ["target", "predicted"]].astype("Int64")
    return bool((known["target"] == known["predicted"]).fillna(False).all())


def check_unmixed_classes(table: pd.DataFrame, apart: Sequence[str], argument: str) -> None:
    """Raise InvalidInput for several classes that are not kept ``apart``.

    Where nothing but the model's predictions tells classes apart, this is a warning: that a model
    errs on some photos of one class is no mixture, and the paper explains what is predicted.
    """
    mixed = mixed_classes(table, apart)
    if mixed is None:
        return
    column, found = mixed
    if column == "target" and _are_predicted(table):
        warnings.warn(
            f"{argument}: the model predicts {len(found)} classes for these images, and no labels "
            "are known: they are pooled. Say classes='pool', keep them apart with "
            "classes='predicted', or pass labels= to build.",
            stacklevel=5,
        )
        return
    what, names = "targets, and no labels", "'predicted'"
    if column == "label":
        what, names = "classes", "'label' (or 'predicted', or 'correct')"
    raise InvalidInput(
        f"{argument}: holds {len(found)} {what} ({', '.join(map(str, found[:5]))}); pool them with "
        f"classes='pool', keep them apart with classes={names}, or filter it first: "
        f"{argument}[{argument}.{column} == {literal(found[0])}]."
    )
