"""The explorer's looks: one style sheet, in the colours of JupyterLab's theme."""

from __future__ import annotations

CSS = """
.sat-explorer {
  --sat-ink: var(--jp-ui-font-color1, #222222);
  --sat-quiet: var(--jp-ui-font-color2, #666666);
  --sat-faint: var(--jp-border-color2, #dddddd);
  --sat-paper: var(--jp-layout-color0, #ffffff);
  --sat-panel: var(--jp-layout-color1, #f7f7f7);
  --sat-accent: #c24a00;
  --sat-shade: #fbeee4;
  --sat-focus: var(--jp-brand-color1, #1976d2);
  color: var(--sat-ink);
  font-family: var(--jp-ui-font-family, system-ui, sans-serif);
}
"""


def style_sheet() -> str:
    """The style sheet as an HTML element."""
    return f"<style>{CSS}</style>"
