"""What commands do with errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from sat_nb.errors import SatError


def readable_errors(command: Callable[..., None]) -> Callable[..., None]:
    """What sat_nb refuses is one line on the terminal and exit status 1, not a traceback."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except SatError as error:
            raise click.ClickException(str(error)) from error

    return wrapped
