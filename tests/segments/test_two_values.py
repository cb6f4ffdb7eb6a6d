"""What is seen in a picture of one mask counts: palettes, alpha channels, values, stacks."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sat_nb import InvalidInput, SegmentationMap, read_segments
from sat_nb.segments.formats.png_files import read_mask

MASK = np.zeros((4, 6), bool)
MASK[1:3, 2:5] = True
BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (200, 0, 0)


def png(image: Image.Image | np.ndarray, **options: Any) -> io.BytesIO:
    stream = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(stream, "PNG", **options)
    stream.seek(0)
    return stream


def palette(colours: list[tuple[int, int, int]], indices: np.ndarray, **options: Any) -> io.BytesIO:
    picture = Image.fromarray(indices.astype(np.uint8)).convert("L")
    picture = Image.frombytes("P", picture.size, picture.tobytes())
    picture.putpalette([value for colour in colours for value in colour])
    return png(picture, **options)


def levels(off: int, on: int, dtype: type = np.uint8) -> np.ndarray:
    return np.where(MASK, on, off).astype(dtype)


def rgba(on: tuple[int, ...], off: tuple[int, ...]) -> np.ndarray:
    return np.where(MASK[..., None], on, off).astype(np.uint8)


SEEN: dict[str, Callable[[], io.BytesIO]] = {
    "booleans": lambda: png(MASK),
    "0 and 1": lambda: png(levels(0, 1)),
    "0 and 127": lambda: png(levels(0, 127)),
    "0 and 255": lambda: png(levels(0, 255)),
    "16 bits": lambda: png(levels(0, 65535, np.uint16)),
    "16 bits, dark": lambda: png(levels(0, 1, np.uint16)),
    "grey in colour": lambda: png(rgba(WHITE, BLACK)),
    "black, then white": lambda: palette([BLACK, WHITE], MASK),
    "white, then black": lambda: palette([WHITE, BLACK], ~MASK),
    "white, then black, 1 bit": lambda: palette([WHITE, BLACK], ~MASK, bits=1),
    "Pascal VOC's colours": lambda: palette([BLACK, RED], MASK),
    "red, then black": lambda: palette([RED, BLACK], ~MASK),
    "both readings agree": lambda: palette([(68, 1, 84), (253, 231, 36)], MASK),
    "two indices of one colour": lambda: palette([BLACK, WHITE, WHITE], MASK * (1 + np.eye(4, 6))),
    "later indices": lambda: palette([RED] * 6 + [BLACK, WHITE], 6 + MASK),
    "palette, see-through": lambda: palette([WHITE, WHITE], MASK, transparency=0),
    "palette, alpha of each": lambda: palette([RED, RED], MASK, transparency=b"\x00\xff"),
    "cut-out": lambda: png(rgba((*WHITE, 255), (*WHITE, 0))),
    "cut-out in black": lambda: png(rgba((*BLACK, 255), (*BLACK, 0))),
    "cut-out in red, hidden white": lambda: png(rgba((*RED, 255), (*WHITE, 0))),
    "half see-through": lambda: png(rgba((*RED, 255), (*RED, 90))),
    "grey and alpha": lambda: png(rgba((7, 255), (7, 0))),
    "opaque": lambda: png(rgba((*WHITE, 255), (*BLACK, 255))),
    "grey, one level see-through": lambda: png(levels(5, 9), transparency=5),
}


@pytest.mark.parametrize("case", SEEN)
def test_what_is_seen_is_the_mask(case: str) -> None:
    mask = read_mask(SEEN[case]())
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, MASK)
    assert set(np.unique(mask.view(np.uint8))) == {0, 1}


@pytest.mark.parametrize(
    "picture",
    [np.full((4, 6), 255, np.uint8), np.ones((4, 6), bool), np.full((4, 6, 4), 255, np.uint8)],
)
def test_the_whole_picture(picture: np.ndarray) -> None:
    assert read_mask(png(picture)).all()
    assert read_mask(palette([WHITE], np.zeros((4, 6)))).all()


SOFT = np.linspace(0, 255, 24).reshape(4, 6).astype(np.uint8)

REFUSED: dict[str, tuple[Callable[[], io.BytesIO], str]] = {
    "1 and 2": (lambda: png(levels(1, 2)), "values 1 and 2, and it is not told.*0 outside"),
    "254 and 255": (lambda: png(levels(254, 255)), "values 254 and 255, and it is not told"),
    "soft edges": (lambda: png(SOFT), "got 24, from 0 to 255; apply a threshold"),
    "three colours": (
        lambda: palette([BLACK, WHITE, RED], MASK * (1 + np.eye(4, 6))),
        "got 3 colours.*labels.json",
    ),
    "light, then dark": (
        lambda: palette([(250, 250, 250), (30, 0, 90)], MASK),
        r"\[30, 0, 90\] and \[250, 250, 250\].*white on black",
    ),
    "one colour": (lambda: palette([RED, RED], MASK), "its 2 values have the same colour"),
    "soft alpha": (
        lambda: png(np.dstack([levels(255, 255)] * 3 + [SOFT])),
        "alpha channel holds 24 values.*threshold",
    ),
    "a cut-out photo": (
        lambda: png(np.dstack([SOFT, SOFT, SOFT, levels(0, 255)])),
        r"in its colours or in its alpha.*getchannel\('A'\)",
    ),
    "contrary": (
        lambda: png(rgba((*WHITE, 90), (*BLACK, 255))),
        r"in its colours or in its alpha.*convert\('L'\)",
    ),
    "all see-through": (lambda: png(rgba((*WHITE, 0), (*BLACK, 0))), "see-through everywhere"),
    "red on black": (lambda: png(rgba(RED, BLACK)), "save it as a boolean or grey picture"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_may_mean_two_things_is_refused(case: str) -> None:
    picture, message = REFUSED[case]
    with pytest.raises(InvalidInput, match=rf"(?s){message}"):
        read_mask(picture())


def test_one_picture_does_not_cost_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "zebra"
    folder.mkdir()
    (folder / "eye.png").write_bytes(png(MASK).getvalue())
    (folder / "mane.png").write_bytes(png(SOFT).getvalue())
    (folder / "tail.png").write_bytes(png(levels(0, 0)).getvalue())
    with pytest.raises(InvalidInput, match=r"zebra: mane\.png: .*threshold.*errors='skip'"):
        read_segments(tmp_path)["zebra"]
    read = read_segments(tmp_path, errors="skip")
    assert read["zebra"] == SegmentationMap(("eye",), MASK[None])
    assert "tail.png: the mask has no pixel" in read.problems[str(folder)]


@pytest.mark.parametrize("name", ["zebra/eye.jpg", "zebra/eye.bmp", "eye.JPEG"])
def test_other_pictures_are_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    Image.fromarray(levels(0, 255)).save(tmp_path / name)
    with pytest.raises(InvalidInput, match=r"from PNGs, and 'eye\.\w+' is none.*threshold"):
        read_segments(tmp_path)
    with pytest.raises(InvalidInput, match="from PNGs"):
        read_segments(tmp_path / name)


# --- arrays -----------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_a_stack_without_names_is_no_colour_picture(
    tmp_path: Path, axis: int, n: int, dtype: type
) -> None:
    stack = np.stack([MASK] * n, axis=axis).astype(dtype)
    np.savez(tmp_path / "a.npz", masks=stack, eye=MASK)
    with pytest.raises(InvalidInput, match=r"mask 'masks': .*names=names.*one channel") as raised:
        read_segments(tmp_path)["a"]
    assert str(stack.shape) in str(raised.value)
    assert read_segments(tmp_path, errors="skip")["a"].names == ("eye",)


@pytest.mark.parametrize("shape", [(1, 4, 6), (4, 6, 1)])
def test_a_stack_of_one_is_a_mask(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.savez(tmp_path / "a.npz", eye=MASK.reshape(shape))
    assert read_segments(tmp_path)["a"] == SegmentationMap(("eye",), MASK[None])


# --- label pictures ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "picture",
    [
        lambda: palette([WHITE, BLACK], MASK),
        lambda: palette([RED, RED], MASK, transparency=0),
        lambda: png(rgba((1, 1, 1), BLACK)),
        lambda: png(rgba((1, 1, 1, 255), (*BLACK, 255))),
        lambda: png(rgba((1, 255), (0, 255))),
    ],
)
def test_values_of_label_pictures_are_indices_or_grey_levels(
    tmp_path: Path, picture: Callable[[], io.BytesIO]
) -> None:
    (tmp_path / "a.png").write_bytes(picture().getvalue())
    (tmp_path / "labels.json").write_text('{"1": "eye"}')
    assert read_segments(tmp_path)["a"] == SegmentationMap(("eye",), MASK[None])


def test_labels_under_an_alpha_channel_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(rgba((1, 1, 1, 255), (2, 2, 2, 0))).getvalue())
    (tmp_path / "labels.json").write_text('["", "eye", "mane"]')
    with pytest.raises(InvalidInput, match=r"a\.png: its alpha channel is not opaque everywhere"):
        read_segments(tmp_path)["a"]
