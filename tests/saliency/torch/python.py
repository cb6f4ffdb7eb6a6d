"""Where PyTorch is, for tests that run in another Python."""

from __future__ import annotations

import os
from pathlib import Path

import sat_nb

_BESIDE = Path(sat_nb.__file__).parents[1] / ".venv-torch" / "bin" / "python"
_NAMED = os.environ.get("SAT_NB_ENGINE_TORCH") or (str(_BESIDE) if _BESIDE.exists() else None)

TORCH_PYTHON: str | None = _NAMED
