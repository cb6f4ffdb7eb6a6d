"""The gallery: a page for each script in ``docs/gallery``, with the picture that it draws.

The docstring of a script is its title and its text. Pictures and pages lie in
``docs/gallery/made``; a picture is drawn again if its script, the data or the package is newer.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

import sat_nb
from written import write_page

DATA = "zebras"
PAGE = """\
{title}
{rule}

.. image:: {name}.png
   :alt: {title}

{text}

.. literalinclude:: ../{name}.py
   :lines: {first}-

Shown here: {shown}. {data}
"""
DATA_PAGE = """\
{title}
{rule}

{text}

.. literalinclude:: ../{name}.py
   :lines: {first}-
"""
CARD = """\
:::{{grid-item-card}} {title}
:link: made/{name}
:link-type: doc
:img-top: made/{name}.png
:img-alt: {title}
:::
"""


@dataclass(frozen=True)
class Script:
    """A script of the gallery: its file, title and text, and the line at which its code begins."""

    file: Path
    title: str
    text: str
    first: int

    @property
    def uses(self) -> list[str]:
        """The public names that it calls, in their order."""
        found = re.findall(r"\bsat\.(\w+)", self.file.read_text("utf-8"))
        return list(dict.fromkeys(name for name in found if name in sat_nb.__all__))


def script(file: Path) -> Script:
    """Read a script."""
    tree = ast.parse(file.read_text("utf-8"))
    title, _, text = (ast.get_docstring(tree) or "").partition("\n\n")
    return Script(file, title.removesuffix("."), text, tree.body[1].lineno)


def scripts(folder: Path) -> list[Script]:
    """All scripts that draw something."""
    return [script(file) for file in sorted(folder.glob("*.py")) if file.stem != DATA]


def page(found: Script) -> str:
    """The page of a script, in reStructuredText."""
    is_data = found.file.stem == DATA
    on_data = f"from {DATA} import" in found.file.read_text("utf-8")
    return (DATA_PAGE if is_data else PAGE).format(
        name=found.file.stem,
        title=found.title,
        rule="=" * len(found.title),
        text=found.text,
        first=found.first,
        shown=", ".join(f"``sat.{name}``" for name in found.uses),
        data=f"The data: :doc:`{DATA}`." if on_data else "",
    )


def stale(folder: Path) -> list[Path]:
    """The scripts whose picture is missing, or older than what it is made by."""
    package = Path(sat_nb.__file__).parent.rglob("*.py")
    newest = max(file.stat().st_mtime for file in [*package, folder / f"{DATA}.py"])
    return [
        found.file
        for found in scripts(folder)
        if not (made := folder / "made" / f"{found.file.stem}.png").is_file()
        or made.stat().st_mtime < max(newest, found.file.stat().st_mtime)
    ]


def draw(files: list[Path], folder: Path) -> None:
    """Run scripts, in one process of their own, and write their pictures to a folder."""
    program = Path(__file__).with_name("draw.py")
    command = [sys.executable, program, folder, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SphinxError(f"A script of the gallery failed:\n{done.stderr[-4000:]}")


def write(folder: Path) -> None:
    """Bring pictures and pages up to date."""
    made = folder / "made"
    made.mkdir(exist_ok=True)
    if late := stale(folder):
        draw(late, made)
    for file in folder.glob("*.py"):
        write_page(made / f"{file.stem}.rst", page(script(file)))


class Gallery(SphinxDirective):
    """``gallery``: cards that lead to the pages of the scripts that it names."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Make a grid of cards."""
        folder = Path(self.env.app.confdir) / "gallery"
        named = [script(folder / f"{name}.py") for name in " ".join(self.content).split()]
        cards = "\n".join(CARD.format(name=each.file.stem, title=each.title) for each in named)
        return self.parse_text_to_nodes(f"::::{{grid}} 1 2 2 3\n{cards}\n::::\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Draw before Sphinx looks for pages."""
    app.add_directive("gallery", Gallery)
    app.connect("config-inited", lambda *_: write(Path(app.confdir) / "gallery"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
