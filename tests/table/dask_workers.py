"""What workers of Dask load in the tests: the engine of NumPy in place of the Keras engine."""

from __future__ import annotations

from sat_nb.saliency.engines.entries import ENGINES
from tests.saliency import batch_engine

ENGINES["keras"] = batch_engine.ENTRY


def dask_setup(worker):
    """``dask worker --preload tests.table.dask_workers`` calls this; loading the file is enough."""


def halved(batch):
    """A preprocessing that workers can import."""
    return batch / 510
