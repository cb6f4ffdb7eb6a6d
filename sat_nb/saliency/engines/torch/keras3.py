"""Models of Keras, loaded by Keras 3 on PyTorch and exported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sat_nb.saliency.engines.torch.graph import Unfit


def exported(path: Path, size: tuple[int, int] | None, *, trusted: bool) -> Any:
    """The model in a Keras file as an exported program."""
    raise Unfit("not built yet", "wait")
