"""Pages that the build itself writes."""

from __future__ import annotations

from pathlib import Path


def write_page(file: Path, text: str) -> None:
    """Write a page if it has changed, so that Sphinx reads only what is new."""
    if not file.is_file() or file.read_text("utf-8") != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
