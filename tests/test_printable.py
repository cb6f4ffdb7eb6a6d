from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb.errors import FileMissing, IdMismatch, SatError, WorkerFailed
from sat_nb.printable import as_html, printable, printable_lines

STEERING = {
    "\x1b[2J": r"\x1b[2J",
    "\x9b2J": r"\x9b2J",
    "\r": r"\r",
    "\x00": r"\x00",
    "\x7f": r"\x7f",
    "\u202e": r"\u202e",
    "\u2066": r"\u2066",
    "\u200b": r"\u200b",
    "\ufeff": r"\ufeff",
    "\u2028": r"\u2028",
    "\u00ad": r"\xad",
    "\U000e0041": r"\U000e0041",
    "\udce9": r"\udce9",
}
"""What must not reach a terminal, a page or a picture, and how it is shown."""


@pytest.mark.parametrize("sign", STEERING, ids=ascii)
def test_what_steers_is_shown_as_an_escape(sign: str) -> None:
    assert printable(f"eye{sign}s") == f"eye{STEERING[sign]}s"
    assert printable_lines(f"one\n\teye{sign}s") == f"one\n\teye{STEERING[sign]}s"


@pytest.mark.parametrize(
    "name", ["Mähne", "目", "עין", "می\u200cخواهم", "👩\u200d🚀", "\u00a0a", "a\\b", "$x$", "<b>"]
)
def test_other_names_stay_as_they_are(name: str) -> None:
    assert printable(name) == name


def test_joiners_between_latin_letters_hide_nothing() -> None:
    assert printable("e\u200dye") == r"e\u200dye"
    assert printable("\u200c") == r"\u200c"


@given(st.text())
def test_nothing_invisible_is_left(name: str) -> None:
    shown = printable(name)
    left = {unicodedata.category(c) for c in shown if c not in "\u200c\u200d"}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert printable(shown) == shown
    shown.encode("utf-8")
    assert "<" not in as_html(name).removeprefix("<bdi>").removesuffix("</bdi>")


@pytest.mark.parametrize("kind", [SatError, IdMismatch, FileMissing, sat.CannotWrite, WorkerFailed])
def test_every_error_says_it_so(kind: type[SatError]) -> None:
    error = kind("eye\x1b]0;owned\x07\nsecond line\u202e")
    assert str(error) == "eye\\x1b]0;owned\\x07\nsecond line\\u202e"


def hostile_table() -> object:
    from sat_nb.toy import NAMES, toy

    maps, segments = toy()
    rename = {name: f"{name}\x1b[31m\u202e" for name in NAMES}
    return sat.build(maps, {i: s.rename(rename) for i, s in segments.items()}, model="m\x07")


def test_results_say_it_so() -> None:
    masks = sat.SegmentationMap(("eye\x1b[2J", "$x$", "\u202ed"), np.ones((3, 2, 2), bool))
    table = hostile_table()
    said = [
        repr(masks),
        repr(sat.SegmentationMap((), np.zeros((0, 2, 2), bool))),
        repr(sat.compare(table, method="sharp")),
        repr(sat.consensus(table)),
        repr(sat.explore(table)),
        str(sat.check_masks({"a\x1b": masks}, progress=False)),
    ]
    assert not [text for text in said if re.search("[\x00-\x08\x0b-\x1f\u202e]", text)]
    in_html = masks._repr_html_()
    assert 'class="tex2jax_ignore mathjax_ignore"' in in_html
    assert "<bdi>\\u202ed</bdi>" in in_html
    assert "\x1b" not in in_html
