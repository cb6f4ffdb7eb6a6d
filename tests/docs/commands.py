"""What becomes of a line of a shell in the pages: it is run, or what it names is looked up."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Callable
from importlib.util import find_spec

import click
from click.testing import CliRunner

from sat_nb.cli import main
from tests.docs.pages import ROOT, Block

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
TAKE_MINUTES = ("study", "quickstart", "engines add", "engines remove")
"""Commands of which only the line is checked here; tests of their own run them."""
HAS_VOILA = find_spec("voila") is not None
OTHER_PACKAGES = {"pillow-heif", "s3fs", "gcsfs"}


def lines_of(block: Block) -> list[str]:
    """The commands of a block, without comments; a backslash joins lines."""
    joined = block.text.replace("\\\n", " ")
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def run(line: str) -> str:
    """Run or check each command of a line; what the last one prints."""
    printed = ""
    for command in line.split(" && "):
        words = shlex.split(command)
        assert words[0] in RUNS, f"no test knows how to run {command!r}"
        printed = RUNS[words[0]](words[1:]) or ""
    return printed


def _sat_nb(words: list[str]) -> str:
    if " ".join(words).startswith(TAKE_MINUTES) or (words[0] == "explore" and not HAS_VOILA):
        _parse(words)
        return ""
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 0, f"sat-nb {shlex.join(words)}: {result.output}"
    return result.stdout


def _parse(words: list[str]) -> None:
    """Whether there are such a command and such options."""
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words[0]]
        words = words[1:]
    command.make_context(command.name, list(words))


def _pip(words: list[str]) -> None:
    assert words[0] == "install"
    for word in words[1:]:
        name, _, extras = word.rstrip("]").partition("[")
        if word.startswith("-"):
            assert word in ("-e", "--no-deps"), word
        elif name in (".", PROJECT["name"]):
            unknown = set(filter(None, extras.split(","))) - set(PROJECT["optional-dependencies"])
            assert not unknown, unknown
        else:
            assert name in OTHER_PACKAGES, word


def _make(words: list[str]) -> None:
    assert set(words) <= TARGETS, words


def _export(words: list[str]) -> None:
    name, _, value = words[0].partition("=")
    if value != "...":  # what only the reader has
        os.environ[name] = value


def _conda(words: list[str]) -> None:
    assert all((ROOT / word).exists() for word in words if word.endswith(".yml")), words


RUNS: dict[str, Callable[[list[str]], str | None]] = {
    "sat-nb": _sat_nb,
    "pip": _pip,
    "make": _make,
    "export": _export,
    "conda": _conda,
    "uv": lambda words: None,
}
