"""Every command and Python block of README and docs runs, page by page, in a user's folder."""

from __future__ import annotations

import os
import re

import pytest

from tests.docs import commands
from tests.docs.folders import is_of_keras
from tests.docs.follow import follow
from tests.docs.pages import PAGES, ROOT, blocks_of, code_of, text_of

LANGUAGES = {"python", "sh", "text", "toml", "yaml", "bibtex"}
OF_TORCH = "docs/roads/pytorch.md"
HERE = [  # for the page of PyTorch see tests/saliency/torch/test_road.py
    pytest.param(page, marks=[pytest.mark.keras] if is_of_keras(page) else [])
    for page in PAGES
    if page != OF_TORCH
]


@pytest.mark.usefixtures("user_folder", "detector", "served")
@pytest.mark.parametrize("page", HERE)
def test_page_can_be_followed(page: str) -> None:
    follow(page)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    directives = re.compile(r"\{[\w-]+\}")
    wrong = [
        f"{block}: {block.language!r}"
        for block in blocks_of(page)
        if block.language not in LANGUAGES and not directives.match(block.language)
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_and_extras_in_the_text_exist(page: str) -> None:
    prose = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    for command in re.findall(r"`((?:make|pip install) [^`]+)`", prose):
        commands.run(command)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if not link.startswith(("http", "#")):
            file = (ROOT / page).parent / link.split("#")[0]
            assert file.exists(), f"{page}: {link}"


def test_every_page_of_words_is_followed() -> None:
    assert len(PAGES) > 20
    assert sum(len(code_of(page, "python")) for page in PAGES) > 40


def test_a_command_that_nobody_knows_is_refused() -> None:
    with pytest.raises(AssertionError, match="no test knows"):
        commands.run("rm -rf photos")
    with pytest.raises(AssertionError, match="quantum"):
        commands.run("pip install '.[quantum]'")
    with pytest.raises(Exception, match="no such option|No such option"):
        commands.run("sat-nb study methods --colour red")
    assert "DINOX" not in os.environ
