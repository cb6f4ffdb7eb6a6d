"""Why a model file is not loaded, and what its reader may do about it."""

from __future__ import annotations

import re

TRUST = (
    "sat_nb reads model files as data. If you know who made this one, let it do that with "
    "trust_model=True (--trust-model); else leave it alone"
)
WHOLE = (
    "expected a whole model (not weights alone) without custom layers, saved by Keras 2 with "
    "model.save('model.h5'), or as a SavedModel with model.save('model')"
)


class Refused(Exception):
    """A file that is not loaded: the problem in words, and the remedy."""

    def __init__(self, problem: str, remedy: str = TRUST) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem, self.remedy = problem, remedy


class Unreadable(Refused):
    """A file that no trust makes a model; the problem is what the file is or does."""


class OfKeras3(Unreadable):
    """A file of the Keras that the engine of Keras 2 does not have."""


def damaged(problem: str) -> Unreadable:
    """The refusal of a file that is no model, or no longer one."""
    return Unreadable(f"cannot be read by the Keras engine ({problem})", WHOLE)


def of_keras_3(version: str) -> OfKeras3:
    """The refusal of a file of the Keras that the engine does not have."""
    number = re.sub(r"[^\w.+-]", "", version)[:20]
    return OfKeras3(
        f"was written by Keras {number}, and the engine has Keras 2 (TensorFlow 2.14), which "
        "cannot read files of Keras 3",
        "explain it with engine='torch' (`sat-nb engines add torch` brings that engine), or build "
        "the same model with Keras 2 (TensorFlow up to 2.15, or the package tf_keras), give it the "
        "weights with set_weights(model.get_weights()), and save that as .h5",
    )
