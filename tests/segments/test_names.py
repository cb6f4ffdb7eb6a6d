"""Names: replaced by a list, and near-duplicates found for it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb import InvalidInput, SegmentationMap


def named(*names: str) -> SegmentationMap:
    return SegmentationMap(names, np.ones((len(names), 2, 2), bool))


def many(**counts: int) -> dict[str, SegmentationMap]:
    """As many images as asked for, one name each."""
    return {
        f"{name}{i}": named(name.replace("_", " ")) for name, n in counts.items() for i in range(n)
    }


def proposed(segments: Mapping[str, SegmentationMap]) -> dict[str, tuple[str, str]]:
    found = sat.suggest_renames(segments, progress=False)
    return {row.segment: (row.proposal, row.reason) for row in found.itertuples()}


def test_names_are_replaced_when_an_image_is_asked_for() -> None:
    class Counted(dict):
        read = 0

        def __getitem__(self, key: str) -> SegmentationMap:
            self.read += 1
            return super().__getitem__(key)

    segments = Counted(a=named("Left  Eye", "nose"), b=named("eyes"))
    renamed = sat.rename_segments(segments, {"left eye": "eye", "EYES": "eye"})
    assert (list(renamed), len(renamed), "b" in renamed, segments.read) == (["a", "b"], 2, True, 0)
    assert renamed["a"].names == ("eye", "nose")
    assert segments.read == 1
    assert renamed["b"].names == ("eye",)


def test_names_are_replaced_once() -> None:
    swapped = sat.rename_segments({"a": named("x", "y")}, {"x": "y", "y": "x"})
    assert swapped["a"].names == ("y", "x")


def test_renamed_masks_are_merged_by_build() -> None:
    masks = np.zeros((2, 4, 4), bool)
    masks[0, 0, 0] = masks[1, 3, 3] = True
    segments = {"a": SegmentationMap(("left eye", "right eye"), masks)}
    maps = {"m": {"a": np.arange(16.0).reshape(4, 4)}}
    eyes = sat.rename_segments(segments, {"left eye": "eyes", "right eye": "eyes"})
    table = sat.build(maps, eyes, pad_px=0)
    assert table[["segment", "mean_attribution"]].to_numpy().tolist() == [["eyes", 7.5]]


def test_a_toml_file_of_renames_and_synonyms(tmp_path: Path) -> None:
    file = tmp_path / "names.toml"
    file.write_text('[rename]\n"eyes" = "eye"\n[synonyms]\nmark = ["logo", "Watermark Left"]\n')
    renamed = sat.rename_segments({"a": named("eyes", "logo", "watermark left", "mane")}, file)
    assert renamed["a"].names == ("eye", "mark", "mark", "mane")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rename\n", r"names\.toml: not readable as TOML"),
        ("", "expected the tables .* got nothing"),
        ('eyes = "eye"', "expected the tables .* got 'eyes'"),
        ('[synonyms]\neye = "eyes"', r"synonyms\.eye: expected a list of names"),
        ("[rename]\neye = 3", "expected names, got 'eye' -> 3"),
        ('[rename]\neye = " "', "expected names, got 'eye' -> ' '"),
        ('[rename]\nEye = "a"\neye = "b"', "'eye' is to become both 'a' and 'b'"),
    ],
)
def test_files_that_do_not_serve(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "names.toml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        sat.rename_segments({}, file)
    with pytest.raises(sat.FileMissing, match="does not exist"):
        sat.rename_segments({}, tmp_path / "nowhere.toml")
    with pytest.raises(InvalidInput, match="renames: expected .*, got int"):
        sat.rename_segments({}, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"eye": 3, "eyes": 2}, {"eyes": ("eye", "plural")}),
        ({"eye": 2, "eyes": 3}, {"eye": ("eyes", "plural")}),
        ({"hoof": 1, "hooves": 3}, {"hoof": ("hooves", "plural")}),
        ({"left_eye": 2, "eyes": 3}, {"left eye": ("eyes", "side")}),
        (
            {"left_eye": 2, "right_eye": 1},
            {"left eye": ("eye", "side"), "right eye": ("eye", "side")},
        ),
        (
            {"mark_top_left": 1, "mark": 1, "mark_2": 1},
            {"mark top left": ("mark", "side"), "mark 2": ("mark", "number")},
        ),
        ({"watermark": 20, "watermrak": 1}, {"watermrak": ("watermark", "typing error")}),
        (  # what is misspelt goes where the right name goes
            {"watermrak": 1, "watermark": 20, "watermarks": 30},
            {"watermark": ("watermarks", "plural"), "watermrak": ("watermarks", "typing error")},
        ),
        (  # no circle: the long name goes to the short one, which is not its misspelling
            {"left_watermarkingthing": 20, "watermarkingthing": 1},
            {"left watermarkingthing": ("watermarkingthing", "side")},
        ),
        ({"left_eye": 2}, {}),
        ({"left": 2, "right": 2}, {}),
        ({"glass": 2, "grass": 2}, {}),
        ({"mane": 10, "mare": 9}, {}),
        ({"snout": 20, "snot": 1}, {"snot": ("snout", "typing error")}),
        ({"bear": 20, "ear": 1}, {}),  # of three letters, too often another word
        ({"ear": 30, "car": 1, "nose": 3}, {}),
        ({"shirt": 47, "t_shirt": 20, "skirt": 55, "sweater": 46, "sweatshirt": 8}, {}),
    ],
)
def test_what_is_proposed(counts: dict[str, int], expected: dict) -> None:
    assert proposed(many(**counts)) == expected


def test_spelling_and_images_of_both() -> None:
    segments = {"a": named("water-mark", "Water_Mark"), "b": named("water-mark"), "c": named("x")}
    found = sat.suggest_renames(segments, progress=False)
    assert found.to_numpy().tolist() == [["Water_Mark", "water-mark", "spelling", 1, 2, 1]]


NAMES = st.text(max_size=12).filter(lambda name: name.strip())
WORDS = st.lists(
    st.sampled_from(["left", "right", "top", "eye", "eyes", "Eye", "2", "-", "mark", "marks"]),
    min_size=1,
    max_size=3,
).map(" ".join)


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        (b"a = " + b"[" * 100_000, "it is nested too deeply"),
        (b"a = " + b"{b = " * 5000, "it is nested too deeply"),
        (b"a." * 100_000 + b"a = 1", "a key has more than 50 parts; put names with dots in quotes"),
        (b"[" + b'"a" . ' * 100_000 + b"a]", "a key has more than 50 parts"),
        (b"a = " + b"9" * 100_000, "not readable as TOML"),
        ("[rename]\na = 'b'\n".encode("utf-16"), r"UnicodeDecodeError.*write it again, in UTF-8"),
        (b"#" * 3_000_000, "has more than 2097152 bytes"),
        (b"".join(b"[a%d]\n" % i for i in range(1000)), "got 'a0', 'a1', 'a2' and 997 more"),
    ],
)
def test_hostile_toml_is_refused(raw: bytes, match: str, tmp_path: Path) -> None:
    (tmp_path / "names.toml").write_bytes(raw)
    with pytest.raises(sat.InvalidInput, match=rf"names\.toml: .*{match}") as caught:
        sat.rename_segments({}, tmp_path / "names.toml")
    assert len(str(caught.value)) < 2000


def test_toml_with_a_mark_of_its_encoding_is_read(tmp_path: Path) -> None:
    (tmp_path / "names.toml").write_bytes(b"\xef\xbb\xbf[rename]\r\nA = 'b'\r\n")
    renamed = sat.rename_segments(
        {"x": sat.SegmentationMap(("a",), np.ones((1, 2, 2), bool))}, tmp_path / "names.toml"
    )
    assert renamed["x"].names == ("b",)


@settings(max_examples=40)
@given(st.lists(NAMES | WORDS, min_size=1, max_size=12))
def test_suggestions_go_through_toml_and_leave_nothing_to_suggest(names: list[str]) -> None:
    segments = {str(i): named(name) for i, name in enumerate(names)}
    found = sat.suggest_renames(segments, progress=False)
    assert not set(found["segment"]) & set(found["proposal"])
    mapping = dict(zip(found["segment"], found["proposal"], strict=True))
    if mapping:
        assert tomllib.loads(sat.renames_as_toml(found))["rename"] == mapping


def test_toml_holds_and_shows_any_name() -> None:
    names = {"eye\u202es": "eye", "eye\x9b\x7f\u200bs": 'e"y\\e\n'}
    rows = [{"segment": a, "proposal": b} for a, b in names.items()]
    facts = {"reason": "plural", "n_images": 1, "n_images_proposal": 2, "n_both": 0}
    text = sat.renames_as_toml(pd.DataFrame(rows).assign(**facts))
    assert tomllib.loads(text)["rename"] == names
    assert text.replace("\n", "").isascii()
    assert text.replace("\n", "").isprintable()


def test_names_are_replaced_while_reading(tmp_path: Path) -> None:
    masks = SegmentationMap(("Left  eye", "eyes", "Hoof"), np.ones((3, 2, 2), bool))
    sat.write_dinox(tmp_path / "exports" / "a.json", masks)
    (tmp_path / "names.toml").write_text('[synonyms]\neye = ["left eye", "EYES"]\n')
    for rename in ({"left eye": "eye", "eyes": "eye"}, tmp_path / "names.toml"):
        for errors in ("raise", "skip"):
            read = sat.read_segments(tmp_path / "exports", rename=rename, errors=errors)
            assert read["a"].names == ("eye", "eye", "hoof")
    kept = sat.read_segments(tmp_path / "exports", rename={"eyes": "Eye"}, normalize_names=False)
    assert kept["a"].names == ("Left  eye", "Eye", "Hoof")
    with pytest.raises(InvalidInput, match="renames: expected names, got 'eyes' -> ''"):
        sat.read_segments(tmp_path / "exports", rename={"eyes": ""})
