"""The explorer's looks: one style sheet, in the colours of the page's theme.

JupyterLab and Voilà set the ``--jp-`` variables; where there are none, the ones behind the commas
hold, light or dark as the reader's system is.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def style_sheet() -> str:
    """The style sheet as an HTML element."""
    css = Path(__file__).with_name("explorer.css").read_text(encoding="utf-8")
    return f"<style>{css}</style>"
