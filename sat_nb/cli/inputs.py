"""What users give in one text: names, class numbers, files, a cluster; and the masks they name."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

import sat_nb as sat
from sat_nb.by_id import ById
from sat_nb.cli.options import Imported, named, say
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.processors import n_cores
from sat_nb.reading import reason_of
from sat_nb.segments.problems import problems_of

if TYPE_CHECKING:
    import pandas as pd

    from sat_nb.table.source import Source

FORMAT = named(
    "--format",
    "sat_nb:SEGMENT_FORMATS",
    "Format of the masks; detected by default.",
    argument="mask_format",
)

ERRORS = named(
    "--errors",
    "sat_nb.segments.read:ERRORS",
    "What to do with masks and files that cannot be read; 'skip' leaves them out, and names them.",
    default="raise",
    own=False,
)

IMAGE_ID = click.option(
    "--image-id",
    type=Imported(),
    help="module:function from what a mask file calls an image to the image's id.",
)


def read_masks(path: str, **options: Any) -> Mapping[str, sat.SegmentationMap]:
    """The masks of a folder or file; what is left out of them goes to stderr."""
    masks = sat.read_segments(path, **options)
    problems = problems_of(masks)
    for messages in problems.values():
        for line in messages.split("\n"):
            say(f"problem: {line}", err=True)
    if problems:
        say(f"left out: {problems!r}", err=True)
    return masks


class Padded(ById[Any]):
    """Masks that have grown by that many of their own pixels."""

    holds = "masks"

    def __init__(self, masks: Mapping[str, sat.SegmentationMap], px: int) -> None:
        self.masks, self.px = masks, px

    def _keys(self) -> Collection[str]:
        return self.masks.keys()

    def _value(self, key: str) -> sat.SegmentationMap:
        return self.masks[key].pad(self.px)


class Listed(click.ParamType):
    """Names with commas; quotation marks hold a name with a comma together."""

    name = "a,b"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The list of names."""
        return listed(value) if isinstance(value, str) else value


def listed(text: str) -> list[str]:
    """The names in a text, each once, without the blanks around them.

    >>> listed('eyes, nose,"ear, left"')
    ['eyes', 'nose', 'ear, left']
    """
    cells = next(csv.reader([text], skipinitialspace=True), [])
    return list(dict.fromkeys(name.strip() for name in cells if name.strip()))


def checked_names(argument: str, names: Collection[str], valid: Collection[str]) -> list[str]:
    """The names, each once, or InvalidInput for one that is not valid.

    >>> checked_names("methods", ["a"], ["a", "b"])
    ['a']
    """
    for name in names:
        if name not in valid:
            raise unknown_name(argument, name, valid)
    return list(dict.fromkeys(names))


class Whole(click.ParamType):
    """Class numbers with commas."""

    name = "0,1"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The list of numbers."""
        if not isinstance(value, str):
            return value
        try:
            return [int(text) for text in listed(value)]
        except ValueError:
            self.fail(f"expected class numbers with commas, got {value!r}.", param, ctx)


def as_target(text: str) -> Any:
    """The target as ``explain`` takes it.

    >>> as_target("predicted"), as_target("3"), as_target("3,5")
    ('predicted', 3, (3, 5))
    """
    try:
        indices = tuple(int(part) for part in text.split(","))
    except ValueError:
        return text
    return indices[0] if len(indices) == 1 else indices


def as_parameter(text: str) -> tuple[str, Any]:
    """A parameter from the command line: a whole number, a number, or text.

    >>> as_parameter("k=1"), as_parameter("share=0.2"), as_parameter("classes=label")
    (('k', 1), ('share', 0.2), ('classes', 'label'))
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(f"--parameter: expected NAME=VALUE, got {text!r}.")
    for kind in (int, float):
        with suppress(ValueError):
            return name, kind(value)
    return name, value


def as_window(text: str | None) -> Any:
    """The numbers of LOW,HIGH; other text as it is."""
    try:
        return tuple(map(float, text.split(","))) if text and "," in text else text
    except ValueError:
        return text


def given(*names: str) -> list[str]:
    """Those of the command's options, as the user spells them, that stand on the command line."""
    context = click.get_current_context()
    from_user = click.core.ParameterSource.COMMANDLINE
    spelled = {str(param.name): param.opts[0] for param in context.command.get_params(context)}
    return [spelled[n] for n in names if context.get_parameter_source(n) is from_user]


def opened(table: str | pd.DataFrame) -> Source:
    """A table that statistics read from as much as they need."""
    from sat_nb.table.source import source_of

    return source_of(table)


def by_method(given: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Parameters of methods, whose names may have dots.

    >>> by_method(("smoothgrad.n_samples=16", "lrp.epsilon.epsilon=0.1"))
    {'smoothgrad': {'n_samples': 16}, 'lrp.epsilon': {'epsilon': 0.1}}
    """
    found: dict[str, dict[str, Any]] = {}
    for text in given:
        path, value = as_parameter(text)
        method, dot, name = path.rpartition(".")
        if not dot:
            raise InvalidInput(f"--parameter: expected METHOD.NAME=VALUE, got {text!r}.")
        found.setdefault(method, {})[name] = value
    return found


@contextmanager
def dask_client(cluster: str | None) -> Iterator[Any]:
    """A client of the cluster, None where there is none; workers of this machine end with it."""
    if cluster is None:
        yield None
        return
    kind, _, number = cluster.partition(":")
    is_local = kind == "local"
    if is_local and not (number.isdigit() and int(number)):
        raise InvalidInput(f"--cluster: expected local:N, such as local:4, got {cluster!r}.")
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise InvalidInput(
            "--cluster: Dask is not installed; run `pip install 'sat-nb[dask]'`."
        ) from error
    with ExitStack() as stack:
        if is_local:
            n_threads = max(1, n_cores() // int(number))
            options = {"n_workers": int(number), "threads_per_worker": n_threads}
            address: Any = stack.enter_context(LocalCluster(**options, dashboard_address=":0"))
        else:
            address = cluster
        try:
            client = stack.enter_context(Client(address))
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"--cluster: no scheduler answers at {cluster!r} ({reason_of(error)}); start one "
                "with `dask scheduler`, and give its address."
            ) from error
        yield client
