"""The pages of words, and the blocks of code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILT = ("_build", "files", "made")
"""Folders of docs/ that builds of the site write."""

PAGES = [
    "README.md",
    *(
        str(file.relative_to(ROOT))
        for file in sorted((ROOT / "docs").rglob("*.md"))
        if not set(BUILT) & set(file.parts)
    ),
]
FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```$", flags=re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of a page: its language, its text, the line it begins at, what it shows."""

    page: str
    language: str
    text: str
    line: int
    shows: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks_of(page: str) -> list[Block]:
    """The blocks in their order; what a text block right after a Python block says, it shows."""
    text = text_of(page)
    found = list(FENCE.finditer(text))
    blocks = []
    for match, after in zip_longest(found, found[1:]):
        follows = after and after[2] == "text" and not text[match.end() : after.start()].strip()
        line = text[: match.start()].count("\n") + 2
        shows = after[3] if follows and after else None
        code = re.sub(f"^{match[1]}", "", match[3], flags=re.MULTILINE)
        blocks.append(Block(page, match[2], code, line, shows))
    return blocks


def code_of(page: str, language: str) -> list[Block]:
    return [block for block in blocks_of(page) if block.language == language]
