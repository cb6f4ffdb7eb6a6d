"""Names as texts of a plot: plain, short enough for their place, and different where names are."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any, TypeVar

from sat_nb.printable import printable

# Names come from other people's files. Matplotlib would read "$...$" in them as mathematics, TeX
# nearly every sign as a command, and both fail on half of it, so every text with a name in it is
# drawn with these options, whatever the user's settings are.
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}

Key = TypeVar("Key")

LONGEST = 32  # letters
_HEAD, _TAIL = 10, 6  # letters at both ends that stay where names are cut to show a difference


def short(name: object, longest: int = LONGEST) -> str:
    """A name on one line; a long one loses its middle, because names often end in numbers.

    >>> short("the zebra's left front hoof, seen from the side, number 12")
    "the zebra's left fron…number 12"
    """
    line = _line(name) or '""'
    if len(line) <= longest:
        return line
    tail = (longest - 1) // 3
    return f"{line[: longest - 1 - tail].rstrip()}…{line[len(line) - tail :].lstrip()}"


def shorts(names: Iterable[object], longest: int = LONGEST) -> list[str]:
    """Names that are shown together, each on one line: different names give different texts.

    >>> shorts([f"the zebra's hoof at the front and {side}, in its box" for side in "ab"])
    ["the zebra'…a…ts box", "the zebra'…b…ts box"]
    >>> shorts(["left eye", "left  eye"])
    ['left eye', 'left eye (2)']
    """
    return _distinct(list(names), lambda i, text, tail: short(text, longest - len(tail)))


def numbered(texts: Sequence[str]) -> list[str]:
    """Texts, of which those that occur again get a number.

    >>> numbered(["a", "b", "a"])
    ['a', 'b', 'a (2)']
    """
    found = dict(enumerate(texts))
    _number(found, lambda i, tail: texts[i])
    return list(found.values())


def fitted(name: object, size: float, width: float) -> str:
    """A name on one line of at most ``width`` inches, or its shortest form where none fits."""
    texts = (short(name, longest) for longest in range(LONGEST, 1, -1))
    return next((text for text in texts if text_inches(text, size) <= width), short(name, 2))


def fitted_together(names: Sequence[object], size: float, widths: Sequence[float]) -> list[str]:
    """Names as ``fitted`` cuts them to their widths: different names give different texts."""

    def cut(i: int, text: str, tail: str) -> str:
        room = widths[i] - (text_inches(tail, size) if tail else 0.0)
        return fitted(text, size, room)

    return _distinct(names, cut)


def legend_texts(names: Iterable[object], longest: int = LONGEST) -> list[str]:
    """Names for ``label=``, different from each other.

    Matplotlib leaves labels out of legends that are empty or start with ``_``.

    >>> legend_texts(["_background_", ""])
    [' _background_', '""']
    """
    return [f" {text}" if text.startswith("_") else text for text in shorts(names, longest)]


def text_inches(text: str, size: float) -> float:
    """Width of a line of text in inches, in the font that the user's settings name."""
    import matplotlib as mpl

    family = mpl.rcParams["font.family"]
    return _text_points(text, tuple([family] if isinstance(family, str) else family)) * size / 720


@lru_cache(maxsize=10_000)
def _text_points(text: str, family: tuple[str, ...]) -> float:
    """Width of a line of text of 10 points.

    From the outlines of its letters: no renderer and no figure is needed, widths scale with the
    size, and the cache serves the many sizes that ``fitted`` tries.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(family=family, size=10)
    return TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]


# --- different names ------------------------------------------------------------------------------


def _line(name: object) -> str:
    return printable(" ".join(str(name).split()))


def _distinct(names: Sequence[object], cut: Callable[[int, str, str], str]) -> list[str]:
    """The names, cut; those that would be cut to one text show where they differ, or a number.

    ``cut(i, text, tail)`` cuts a text to the room of name ``i``, less that of ``tail``.
    """
    places = {str(name): i for i, name in reversed(list(enumerate(names)))}
    first = dict(sorted(places.items(), key=lambda item: item[1]))
    texts = {name: cut(i, name, "") for name, i in first.items()}
    for alike in _alike(texts):
        lines = [_line(name) for name in alike]
        for name, line in zip(alike, _differing(lines), strict=True):
            texts[name] = cut(first[name], line, "")
    _number(texts, lambda name, tail: cut(first[name], name, tail))
    return [texts[str(name)] for name in names]


def _alike(texts: dict[Key, str]) -> list[list[Key]]:
    """Names with equal texts; letters that look the same in Unicode's view are the same."""
    groups: dict[str, list[Key]] = {}
    for name, text in texts.items():
        groups.setdefault(unicodedata.normalize("NFC", text), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _differing(lines: list[str]) -> list[str]:
    """Each line without most of what all have in common at their beginning and their end."""
    begin = _n_common(lines)
    end = _n_common([line[begin:][::-1] for line in lines])
    return [_cut_around(line, begin, len(line) - end) for line in lines]


def _n_common(lines: list[str]) -> int:
    """How many letters all lines have in common at their beginning."""
    columns = zip(*lines, strict=False)
    return len(list(takewhile(lambda letters: len(set(letters)) == 1, columns)))


def _cut_around(line: str, begin: int, end: int) -> str:
    head = line[:begin] if begin <= _HEAD + 1 else f"{line[:_HEAD].rstrip()}…"
    after = line[end:]
    tail = after if len(after) <= _TAIL + 1 else f"…{after[-_TAIL:].lstrip()}"
    return f"{head}{line[begin:end]}{tail}"


def _number(texts: dict[Key, str], cut: Callable[[Key, str], str]) -> None:
    taken = {unicodedata.normalize("NFC", text) for text in texts.values()}
    for alike in _alike(texts):
        number = 1
        for name in alike[1:]:
            while True:
                number += 1
                text = f"{cut(name, f' ({number})')} ({number})"
                if unicodedata.normalize("NFC", text) not in taken:
                    break
            texts[name] = text
            taken.add(unicodedata.normalize("NFC", text))
