"""The Keras engine, and TensorFlow in the caller's own process.

``commands`` answers the worker's requests; it is the one module that switches TensorFlow to graph
mode. ``load`` reads a model: ``graph`` holds it as a flat list of layers, ``rewrite`` turns models
as people have them into layers that all methods support, ``classifier`` separates the logits from
what follows them. ``gradients`` and ``relevance`` are this project's methods, with what ``linear``
knows of layers with weights; ``innvestigate`` drives that package's own.
"""

from __future__ import annotations

import importlib.util
import os
import platform
from typing import Any

from sat_nb.errors import EngineMissing, InvalidInput


def check_tensorflow(caller: str) -> None:
    """EngineMissing where TensorFlow cannot be imported here; it is not imported to see that."""
    if importlib.util.find_spec("tensorflow") is None:
        raise EngineMissing(
            f"{caller}: needs TensorFlow 2.14 in this very process, which Python "
            f"{platform.python_version()} has not; use a Python 3.11 with "
            "`pip install 'sat-nb[keras]'`."
        )


def eager_tensorflow(caller: str) -> Any:
    """The module ``tensorflow``; an error names ``caller`` where it is missing or not eager."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors only: no lines on absent GPUs
    check_tensorflow(caller)
    import tensorflow as tf

    if not tf.executing_eagerly():
        raise InvalidInput(
            f"{caller}: expected TensorFlow's eager mode, but it was switched off in this process "
            "(iNNvestigate asks for that); restart the kernel, explaining has its own process."
        )
    return tf
