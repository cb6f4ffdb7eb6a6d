"""What a file of a stranger may cost, under limits that a user raises by name."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.registry import Entry, lists, registry

VARIABLE = "SAT_NB_LIMITS"
"""The environment variable that the command line and new processes take their limits from."""


@dataclass(frozen=True, kw_only=True)
class Limit(Entry):
    """A limit: its value unless the user sets another, and the largest that can be set."""

    default: int
    most: int = 2**62


KNOWN_LIMITS: dict[str, Limit] = registry(
    Limit(
        name="photo_bytes",
        about="Bytes of a photo, or of a picture of masks, that is decoded: height x width x "
        "channels x bytes of a number (default 2**29, 512 MiB).",
        default=2**29,
    ),
    Limit(
        name="scan_pixels",
        about="Pixels of a progressive JPEG, times its scans (2**32, 4.3 billion).",
        default=2**32,
    ),
    Limit(
        name="volume_bytes",
        about="Bytes of a compressed DICOM or NIfTI file that is unpacked (2**31, 2 GiB).",
        default=2**31,
    ),
    Limit(
        name="mask_pixels",
        about="Pixels of one mask (2**28, 268 megapixels).",
        default=2**28,
        most=2**31 - 1,
    ),
    Limit(
        name="mask_bytes",
        about="Bytes of all masks of an image, one a pixel of each (2**30, 1 GiB).",
        default=2**30,
    ),
    Limit(name="masks", about="Masks of an image (10,000).", default=10_000),
    Limit(
        name="outline_px",
        about="Length of all outlines of an image's masks, in pixels, and their points "
        "(2**24, 16.8 million).",
        default=2**24,
    ),
    Limit(
        name="name_length", about="Characters of the name of a segment (200).", default=200
    ),
    Limit(
        name="json_bytes",
        about="Bytes of a JSON or text file of one image, and of one image's part of a file of "
        "many (2**26, 64 MiB).",
        default=2**26,
    ),
    Limit(
        name="json_values",
        about="Values in such JSON (2**21, 2 million; four times as many in a task of Label "
        "Studio, whose brushes are lists of bytes).",
        default=2**21,
    ),
    Limit(
        name="set_bytes",
        about="Bytes of a JSON file of many images, of which a part is in memory at a time (2**36, "
        "64 GiB).",
        default=2**36,
    ),
    Limit(
        name="set_items",
        about="Images and categories in such a file, and images in a Parquet file of masks "
        "(2**21, 2 million).",
        default=2**21,
    ),
    Limit(
        name="group_bytes",
        about="Bytes of a row group of a Parquet file of masks, unpacked (2**28, 256 MiB).",
        default=2**28,
    ),
    Limit(
        name="names",
        about="Different names that ``suggest_renames`` compares; of long names, every 50 "
        "characters count as one (10,000).",
        default=10_000,
    ),
    Limit(
        name="answer_bytes",
        about="Bytes of one answer of the detection API, unpacked (2**26, 64 MiB).",
        default=2**26,
    ),
    Limit(
        name="answer_seconds",
        about="Seconds that a request to the detection API and its answer may take (300).",
        default=300,
    ),
)  # fmt: skip
"""The limits by name."""


@lists(limits=KNOWN_LIMITS)
class Limits(MutableMapping[str, int]):
    """What a file may cost: a mapping {name of a limit: value}, which is ``sat_nb.LIMITS``.

    Files come from strangers: a few kilobytes may claim to be gigabytes. Every reader checks the
    cost of a file before it is spent, and refuses a file that costs more than one of these limits:

    [[limits]]

    To read such a file nevertheless, set a larger value, of which the error names one that is
    enough. ``del`` brings the default back. Values hold for this process and for those that it
    starts afterwards. For the command line, and for workers that are already running, set the
    environment variable ``SAT_NB_LIMITS``, such as ``SAT_NB_LIMITS=photo_bytes=4e9,masks=20000``.

    Examples
    --------
    >>> limits = Limits()
    >>> limits["mask_bytes"] = 2**32
    >>> limits["mask_bytes"], limits["masks"]
    (4294967296, 10000)
    >>> del limits["mask_bytes"]
    >>> limits["mask_bytes"]
    1073741824
    """

    def __getitem__(self, name: str) -> int:
        return _set_limits().get(_known(name).name, KNOWN_LIMITS[name].default)

    def __setitem__(self, name: str, value: float) -> None:
        _store({**_set_limits(), name: _checked(name, value)})

    def __delitem__(self, name: str) -> None:
        _known(name)
        _store({key: value for key, value in _set_limits().items() if key != name})

    def __iter__(self) -> Iterator[str]:
        return iter(KNOWN_LIMITS)

    def __len__(self) -> int:
        return len(KNOWN_LIMITS)

    def __repr__(self) -> str:
        return f"Limits({dict(self)})"


LIMITS = Limits()


def beyond(name: str, needed: int) -> str:
    """The end of a message about a limit that is not enough: what it is, and how to raise it.

    >>> beyond("masks", 20_000)
    "the limit is 10000; raise it with sat_nb.LIMITS['masks'] = 20000 (in the environment: \
SAT_NB_LIMITS=masks=20000)"
    """
    return (
        f"the limit is {LIMITS[name]}; raise it with sat_nb.LIMITS[{name!r}] = {needed} (in the "
        f"environment: {VARIABLE}={name}={needed})"
    )


def _known(name: object) -> Limit:
    if not isinstance(name, str) or name not in KNOWN_LIMITS:
        raise unknown_name("LIMITS", name, KNOWN_LIMITS)
    return KNOWN_LIMITS[name]


def _checked(name: object, value: object) -> int:
    limit = _known(name)
    try:
        whole = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        whole = 0
    if isinstance(value, bool | str) or whole != value or not 1 <= whole <= limit.most:
        raise InvalidInput(
            f"LIMITS[{name!r}]: expected a whole number from 1 to {limit.most}, got {value!r}."
        )
    return whole


_parsed: tuple[str, dict[str, int]] = ("", {})


def _set_limits() -> dict[str, int]:
    """The limits that are set: in the environment, so that processes that are started have them."""
    global _parsed
    text = os.environ.get(VARIABLE, "")
    if text != _parsed[0]:
        _parsed = (text, dict(map(_of_text, filter(str.strip, text.split(",")))))
    return _parsed[1]


def _of_text(item: str) -> tuple[str, int]:
    name, _, number = (part.strip() for part in item.partition("="))
    try:
        return name, _checked(name, float(number) if "e" in number.lower() else int(number))
    except ValueError as error:
        says = error if isinstance(error, InvalidInput) else f"expected a number, got {number!r}."
        raise InvalidInput(f"{VARIABLE}: expected name=number,..., got {item!r}: {says}") from None


def _store(limits: dict[str, int]) -> None:
    os.environ[VARIABLE] = ",".join(f"{name}={value}" for name, value in limits.items())
    if not limits:
        del os.environ[VARIABLE]
