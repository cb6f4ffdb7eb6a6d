"""The engine of NumPy, whose values depend on the batch, as the last digits of TensorFlow's do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sat_nb.saliency.engines.commands import Commands, Engine
from sat_nb.saliency.engines.entries import ENGINES
from tests.saliency import linear_engine

ENTRY = replace(ENGINES["keras"], module=__name__, packages=())
"""What stands in ENGINES in place of the Keras engine where this one is to explain."""


class Batchwise(linear_engine.Linear):
    """Gradients that are off by the size of the batch and by the place in it."""

    def slopes(self, weights):
        """Of the outputs, for these weights (n, n_classes)."""
        off = len(weights) + np.arange(len(weights)) / len(weights)
        exact = super().slopes(weights)
        return exact * (1 + 1e-5 * off[:, None, None, None]).astype(np.float32)


COMMANDS = Commands(
    Engine(
        read=lambda file: Batchwise(np.load(file.path)),
        explainer=linear_engine.explainer,
        culprits=lambda error: [],
        working=lambda classifier: ["gradient"],
        clear=lambda: None,
    )
).by_name()
