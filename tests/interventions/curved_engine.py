"""An engine of a few lines of NumPy, whose logits are no sum of what single pixels say.

A model is a ``.npy`` file of kernels (2, H * W * C, n_classes) for photos of ``SHAPE``. A line for
each request, with the number of photos in it, goes to the file named in CURVED_ENGINE_LOG.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from sat_nb.saliency.engines.commands import Commands, Engine
from sat_nb.saliency.engines.entries import ENGINES
from sat_nb.saliency.model_file import ModelFacts

SHAPE = (12, 10, 3)
ENTRY = replace(ENGINES["keras"], module=__name__, packages=())
"""What stands in ENGINES in place of the Keras engine where this one is to answer."""


def logits_of(kernels, batch):
    """Logits (n, n_classes) of photos (n, H, W, C), in float64."""
    flat = batch.reshape(len(batch), -1).astype(np.float64)
    plain, curved = kernels.astype(np.float64)
    return flat @ plain + np.tanh(flat @ curved) * (flat @ curved[:, ::-1])


class Curved:
    """Logits with products of sums."""

    def __init__(self, kernels):
        self.kernels, self.n_logits = kernels, kernels.shape[2]
        self.facts = ModelFacts(SHAPE, max(self.n_logits, 2), "logits")

    def outputs(self, batch, output):
        if log := os.environ.get("CURVED_ENGINE_LOG"):
            with open(log, "a") as file:
                file.write(f"{len(batch)}\n")
        logits = logits_of(self.kernels, batch).astype(np.float32)
        both = np.concatenate([-logits, logits], axis=1) if self.n_logits == 1 else logits
        return both, logits


COMMANDS = Commands(
    Engine(
        read=lambda file: Curved(np.load(file.path)),
        explainer=lambda classifier, method, parameters, output: lambda batch, weights: batch,
        culprits=lambda error: [],
        working=lambda classifier: [],
        clear=lambda: None,
    )
).by_name()
