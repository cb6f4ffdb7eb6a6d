"""What single pages take for granted beside photos, masks, heatmaps and a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

PREPARED: dict[str, Callable[[Path], None]] = {}
