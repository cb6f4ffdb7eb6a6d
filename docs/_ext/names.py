"""A public name in code font leads to its place in the reference: ``sat.build``, ``plot_size``."""

from __future__ import annotations

import inspect
import re
from functools import cache

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

import sat_nb

NAME = re.compile(r"(?P<package>sat\.|sat_nb\.)?(?P<name>\w+(?:\.\w+)?)(?:\([^()]*\))?")


@cache
def arguments() -> frozenset[str]:
    """The names of arguments, which mean a function only with the package before them."""
    public = (getattr(sat_nb, name) for name in sat_nb.__all__)
    return frozenset(
        name
        for thing in public
        if inspect.isroutine(thing) or inspect.isclass(thing)
        for name in _parameters(thing)
    )


def _parameters(thing: object) -> list[str]:
    try:
        return list(inspect.signature(thing).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return []


def meant(text: str) -> str | None:
    """The full name that a text in code font means, if it means a public one."""
    match = NAME.fullmatch(text)
    if match is None or match["name"].split(".")[0] not in sat_nb.__all__:
        return None
    return (
        f"sat_nb.{match['name']}" if match["package"] or match["name"] not in arguments() else None
    )


class NamesAsLinks(SphinxPostTransform):
    """Code font becomes a link, unless it stands in one."""

    default_priority = 800

    def run(self, **kwargs: object) -> None:
        """Link each literal that means a public name."""
        domain = self.env.domains.python_domain
        for literal in list(self.document.findall(nodes.literal)):
            if not _is_linked(literal):
                self._link(literal, domain)

    def _link(self, literal: nodes.literal, domain: PythonDomain) -> None:
        name = meant(literal.astext())
        entry = domain.objects.get(name) if name else None
        if entry is not None:
            builder, page = self.app.builder, self.env.docname
            shown = literal.deepcopy()
            literal.replace_self(
                make_refnode(builder, page, entry.docname, entry.node_id, [shown], name)
            )


def _is_linked(node: nodes.Node) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, (nodes.reference, nodes.title)):
            return True
    return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Link the names once all pages are read."""
    app.add_post_transform(NamesAsLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
