"""The front door, the sweeping, and the children of pages that are also read elsewhere."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

DOOR = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>sat_nb</title>
<meta http-equiv="refresh" content="0; url={page}">
<a href="{page}">sat_nb</a>
</html>
"""
CHILDREN = {"notebooks/README": ("[0-9]*", "figure_*")}
"""Page -> the pages beside it that belong below it in the navigation."""
TREE = "\n\n```{{toctree}}\n:hidden:\n:glob:\n\n{}\n```\n"


def open_door(app: Sphinx, error: Exception | None) -> None:
    """Lead from the site's folder to its first page."""
    if error is None and app.builder.format == "html":
        page = app.builder.get_target_uri(app.config.root_doc)
        (Path(app.outdir) / "index.html").write_text(DOOR.format(page=page), "utf-8")


def sweep(app: Sphinx, error: Exception | None) -> None:
    """Remove pages of an earlier build whose source is gone."""
    if error is None and app.builder.format == "html":
        site = Path(app.outdir)
        kept = {
            site / f"{page}.html" for page in [*app.env.all_docs, "search", "genindex", "index"]
        }
        for file in set(site.rglob("*.html")) - kept:
            if "_static" not in file.parts:
                file.unlink()


def add_children(app: Sphinx, page: str, source: list[str]) -> None:
    """Append the navigation, which would be noise where the file is read as it is."""
    if page in CHILDREN:
        source[0] += TREE.format("\n".join(CHILDREN[page]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Do each at its time."""
    app.connect("source-read", add_children)
    app.connect("build-finished", sweep)
    app.connect("build-finished", open_door)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
