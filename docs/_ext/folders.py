"""Links to a folder of the repository lead to a page that lists its files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

from written import write_page

LINK = re.compile(r"\]\(([^)\s#:]+)\)")
PAGES = "docs/files"
TEXT = {".md", ".ipynb"}


def linked_folders(root: Path, files: list[Path]) -> set[str]:
    """The folders of the repository, relative to its root, that one of the files links to."""
    return {
        os.path.relpath(target, root)
        for file in files
        for link in LINK.findall(file.read_text("utf-8"))
        if (target := (file.parent / link).resolve()).is_dir() and target.is_relative_to(root)
    }


def listing(root: Path, folder: str) -> str:
    """A page, in Markdown, of the files in a folder."""
    inside = sorted(file for file in (root / folder).iterdir() if file.is_file())
    page = root / PAGES / folder
    lines = (f"- [{file.name}]({os.path.relpath(file, page.parent)})" for file in inside)
    return "\n".join([f"# Files in `{folder}`", "", *lines, ""])


def sources(root: Path) -> Iterator[Path]:
    """What may link to a folder."""
    yield from root.glob("*.md")
    for folder in ("docs", "notebooks", "benchmarks"):
        found = (root / folder).rglob("*")
        yield from (f for f in found if f.suffix in TEXT and "_build" not in f.parts)


def write(root: Path) -> None:
    """Write a page for each folder that is linked to."""
    for folder in linked_folders(root, list(sources(root))):
        text = f"---\norphan: true\n---\n{listing(root, folder)}"
        write_page(root / PAGES / f"{folder}.md", text)


class LinksToFolders(SphinxPostTransform):
    """Before MyST resolves a link, which knows of files only."""

    default_priority = 8

    def run(self, **kwargs: object) -> None:
        """Lead each link to a folder to its page."""
        for node in list(self.document.findall(addnodes.pending_xref)):
            page = self._page(node)
            if page in self.env.all_docs:
                shown = nodes.inline("", "", *node[0].children)
                name = self.env.docname
                node.replace_self(make_refnode(self.app.builder, name, page, None, [shown]))

    def _page(self, node: addnodes.pending_xref) -> str | None:
        if node["reftype"] != "myst" or node.get("refdomain"):
            return None
        folder, _ = self.env.relfn2path(node["reftarget"], node["refdoc"])
        return f"{PAGES}/{folder.rstrip('/')}"


def setup(app: Sphinx) -> dict[str, bool]:
    """List the folders before Sphinx looks for pages."""
    app.connect("config-inited", lambda *_: write(Path(app.srcdir)))
    app.add_post_transform(LinksToFolders)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
