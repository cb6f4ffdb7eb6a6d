"""Run ``sat-nb`` within the process of the tests."""

from __future__ import annotations

from click.testing import CliRunner, Result

from sat_nb.cli import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
