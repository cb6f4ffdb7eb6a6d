"""Segment Attribution Tables: the join of maps and masks, and what is read off it."""

from sat_nb.table.aggregate import AGGREGATIONS, VALUES, aggregate
from sat_nb.table.build import MERGES, POOLS, build
from sat_nb.table.files import read_table, write_table
from sat_nb.table.schema import COLUMNS, rerank
from sat_nb.table.select import select
from sat_nb.table.settled import settled_ranks

__all__ = [
    "AGGREGATIONS",
    "COLUMNS",
    "MERGES",
    "POOLS",
    "VALUES",
    "aggregate",
    "build",
    "read_table",
    "rerank",
    "select",
    "settled_ranks",
    "write_table",
]
