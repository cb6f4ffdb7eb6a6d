"""The paper's classes and what a detector is asked for in their photos: prompts."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from sat_nb.errors import unknown_name
from sat_nb.segments.formats import normalize


def prompts(class_name: str) -> tuple[str, ...]:
    """Twelve named regions to look for in photos of a class, as ``fetch_masks`` takes them.

    There are some for "chihuahua", "fire truck", "zebra" and "horse", and for the actions of
    BAR: "climbing", "diving", "fishing", "racing", "throwing", "vaulting". The file
    ``sat_nb/segments/prompts.toml`` says how they were made; any list of names will do as well.

    Raises InvalidInput for another class.

    Source: Hinns & Martens 2025, who have twelve prompts a class.

    >>> prompts("Zebra")[:4]
    ('eye', 'ear', 'muzzle', 'mane')
    """
    known = tomllib.loads(files("sat_nb.segments").joinpath("prompts.toml").read_text("utf-8"))
    name = normalize(class_name) if isinstance(class_name, str) else class_name
    if name not in known:
        raise unknown_name("class_name", class_name, known)
    return tuple(known[name])
