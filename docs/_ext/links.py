"""After a build: every link of the site leads to a file and a place in it, or is listed.

Sphinx checks what it resolves itself; here are the links as a browser finds them, also those in raw
HTML and in the outputs of notebooks.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

LISTED = "links.txt"
FOOTER = (
    "https://www.sphinx-doc.org/",
    "https://pradyunsg.me",
    "https://github.com/pradyunsg/furo",
)
"""What the theme links to on every page."""
OTHER = ("data", "mailto", "javascript")


class DeadLinks(SphinxError):
    """Links that lead nowhere, or that are not listed."""

    category = "Links"


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {"", "top"}
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag links to, and where one can link to it."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


@cache
def _page(file: Path, _changed: float) -> Page:
    return Page(file)


def page(file: Path) -> Page:
    """The links and anchors of a file, read once."""
    return _page(file, file.stat().st_mtime)


def html_files(site: Path) -> list[Path]:
    """The pages of a site."""
    return sorted(file for file in site.rglob("*.html") if "_static" not in file.parts)


def dead_links(site: Path) -> list[str]:
    """Each link, as "page: link", within the site whose file or anchor is not there."""
    return [
        f"{file.relative_to(site)}: {link}"
        for file in html_files(site)
        for link in page(file).links
        if _is_internal(link) and not _leads_somewhere(file, link, site)
    ]


def _is_internal(link: str) -> bool:
    parts = urlsplit(link)
    return not (parts.scheme or parts.netloc)


def _leads_somewhere(file: Path, link: str, site: Path) -> bool:
    parts = urlsplit(link)
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.is_file() or not target.is_relative_to(site.resolve()):
        return False
    checked = target.suffix == ".html" and parts.fragment
    return not checked or unquote(parts.fragment) in page(target).anchors


def external_links(site: Path) -> set[str]:
    """The addresses elsewhere that the pages link to."""
    found = {link for file in html_files(site) for link in page(file).links}
    return {
        link for link in found if not _is_internal(link) and urlsplit(link).scheme not in OTHER
    } - set(FOOTER)


def listed(file: Path) -> set[str]:
    """The addresses in a list, one a line; lines with # are comments."""
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return {line for line in lines if line and not line.startswith("#")}


def problems(site: Path, links: Path) -> Iterator[str]:
    """What is wrong with the links of a site."""
    yield from (f"leads nowhere: {link}" for link in dead_links(site))
    known, used = listed(links), external_links(site)
    yield from (f"not in {links.name}: {link}" for link in sorted(used - known))
    yield from (f"in {links.name}, but on no page: {link}" for link in sorted(known - used))


def check(app: Sphinx, error: Exception | None) -> None:
    """Stop the build if a link is wrong."""
    if error is None and app.builder.format == "html":
        found = list(problems(Path(app.outdir), Path(app.confdir) / LISTED))
        if found:
            raise DeadLinks("\n".join(["", *found]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Check the links when all is written."""
    app.connect("build-finished", check, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
