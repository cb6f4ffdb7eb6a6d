"""TensorFlow in the caller's own process, where it must be eager."""

from __future__ import annotations

import os
from typing import Any

from sat_nb.errors import InvalidInput


def eager_tensorflow(caller: str) -> Any:
    """The module ``tensorflow``, or InvalidInput that names ``caller`` where it is not eager."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors only: no lines on absent GPUs
    import tensorflow as tf

    if not tf.executing_eagerly():
        raise InvalidInput(
            f"{caller}: expected TensorFlow's eager mode, but it was switched off in this process "
            "(iNNvestigate asks for that); restart the kernel, explaining has its own process."
        )
    return tf
