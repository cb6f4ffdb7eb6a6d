"""How many images there are on disk, and of how many segments."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sat_nb.table.parquet.sql import Rows, key_names

OF_AN_IMAGE = ("model", "method", "target", "label", "predicted", "correct")
"""Columns that have one value in all rows of an image."""


def images_by_size(rows: Rows, by: Sequence[str]) -> pd.DataFrame:
    """The columns of ``by``, ``n_segments`` and ``n``: how many images have so many segments."""
    keys = key_names(by)
    if rows.are_complete and set(by) <= {*OF_AN_IMAGE}:
        # Every image has as many rows as segments, or one without any: ids need not be compared.
        n = "CAST(count(*) // greatest(n_segments, 1) AS BIGINT)"
        selected = ", ".join([*keys, "n_segments", n])
        sql = f"SELECT {selected} FROM {rows.sql} GROUP BY {', '.join([*keys, 'n_segments'])}"
    else:
        each = ", ".join([*keys, "max(n_segments) AS n_segments"])
        found = f"SELECT {each} FROM {rows.sql} GROUP BY {', '.join([*keys, 'image_id'])}"
        sql = f"SELECT {', '.join([*keys, 'n_segments'])}, count(*) FROM ({found}) GROUP BY ALL"
    answer = rows.ask(f"{sql} ORDER BY ALL", [*by, "n_segments", "n"])
    return answer.astype({"n_segments": "int64", "n": "int64"})
