"""Follow a page: run its blocks in their order, where its reader would."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

import matplotlib as mpl

from tests.docs import commands
from tests.docs.pages import Block, blocks_of


def follow(page: str) -> None:
    """What one block makes, the next ones find; a text block says what the Python above prints.

    The style of figures that a page sets does not reach the next page.
    """
    names: dict[str, Any] = {}
    with mpl.rc_context():
        for block in blocks_of(page):
            if block.language == "sh":
                for line in commands.lines_of(block):
                    commands.run(line)
            if block.language == "python":
                said = _run(block, names)
                if block.shows is not None:
                    assert _lines(said) == _lines(block.shows), str(block)


def _run(block: Block, names: dict[str, Any]) -> str:
    """What it prints. The empty lines above it let an error tell the line of the page."""
    with redirect_stdout(io.StringIO()) as said:
        exec(compile("\n" * (block.line - 1) + block.text, block.page, "exec"), names)
    return said.getvalue()


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]
