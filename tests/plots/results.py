"""Results to draw: tables with any number of segments, small and made of fixed numbers."""

from __future__ import annotations

import warnings
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd

import sat_nb as sat

PARTS = (
    *("eyes", "ears", "muzzle", "mane", "head", "body", "legs", "hooves", "tail", "stripes"),
    *("watermark", "background"),
)
LONG = "the left front hoof with its coronet, and $\\frac{1}{2}$ of the shadow it casts, no. "


def names(n: int, *, long: bool = False) -> list[str]:
    """n names; long ones are shortened in plots, and differ in their last letters only."""
    if long:
        return [f"{LONG}{i}" for i in range(n)]
    return [*PARTS, *(f"part number {i}" for i in range(len(PARTS), n))][:n]


@cache
def table(
    n: int, *, methods: tuple[str, ...] = ("lrp.z",), n_images: int = 12, long: bool = False
) -> pd.DataFrame:
    """A table of n segments, the best first; some images lack the third and later ones.

    It is made only once: assign to copies.
    """
    rng = np.random.default_rng(0)
    base, prevalence = np.linspace(1.0, 0.1, n), np.linspace(1.0, 0.6, n)
    base[::3] *= -1
    rows = []
    for method in methods:
        for i in range(n_images):
            there = (rng.random(n) < prevalence) | (np.arange(n) < 2)
            values = (base + 0.2 * rng.standard_normal(n))[there]
            rows.append(
                _rows(f"image_{i:02d}", method, np.array(names(n, long=long))[there], values)
            )
    return pd.concat(rows, ignore_index=True)


def _rows(image_id: str, method: str, segments: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    size = np.abs(values)
    return pd.DataFrame({"image_id": [image_id] * len(values)}).assign(
        model="cnn",
        method=method,
        target=1,
        label=1,
        predicted=1,
        n_segments=len(values),
        segment_id=range(len(values)),
        segment=segments,
        mean_attribution=values,
        abs_mean_attribution=size,
        rank=pd.Series(size).rank(ascending=False),
        total_attribution=50 * values,
        mask_px=50,
        mask_fraction=0.1,
        position="top-left",
        se_mean_attribution=0.03,
        n_samples=64,
        score=0.9,
    )


@cache
def comparison(n: int, *, long: bool = False) -> sat.Comparison:
    """The comparison of the segments in ``table``; most of its differences rest on presence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sat.PresenceWarning)
        return sat.compare(table(n, long=long), method="lrp.z")


def intervals(table: pd.DataFrame, value: str = "mean_attribution") -> pd.DataFrame:
    """An aggregate with invented intervals, asymmetric so that a swap of their ends shows."""
    summary = sat.aggregate(table, value=value)
    width = 0.1 * summary[value].abs() + 0.01
    return summary.assign(low=summary[value] - width, high=summary[value] + 2 * width)


def difference(n: int, *, long: bool = False) -> SimpleNamespace:
    """A result of ``difference`` with invented numbers."""
    shift = np.linspace(-4.0, 3.0, n)
    rank_a = np.linspace(6.0, 4.0, n)
    p = np.where(np.abs(shift) > 2, 0.01, 0.5)
    index = pd.Index(names(n, long=long), name="segment")
    columns = {
        "rank_a": rank_a,
        "rank_b": rank_a + shift,
        "rank_shift": shift,
        "low": shift - 0.7,
        "high": shift + 1.1,
        "p_value": p / 2,
        "adjusted_p_value": p,
        "n_images": [60 - i % 7 for i in range(n)],
    }
    return SimpleNamespace(
        table=pd.DataFrame(columns, index=index),
        model_a="unmarked",
        model_b="half_marked",
        method="lrp.z",
        alpha=0.05,
        n_total=60,
    )


def prevalence() -> pd.DataFrame:
    """Two lines of ranks and two of accuracies, with intervals."""
    lines = {
        ("rank", "watermark"): [5.2, 4.3, 3.2, 1.3],
        ("rank", "stripes"): [2.2, 2.3, 2.4, 2.9],
        ("accuracy", "clean"): [0.96, 0.955, 0.95, 0.93],
        ("accuracy", "marked"): [0.95, 0.95, 0.93, 0.80],
    }
    spread = {"rank": 0.2, "accuracy": 0.02}
    rows = [
        (fraction, measure, series, value, value - spread[measure], value + 1.5 * spread[measure])
        for (measure, series), values in lines.items()
        for fraction, value in zip([0.0, 0.1, 0.25, 0.5], values, strict=True)
    ]
    columns = ["marked_fraction", "measure", "series", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def photo(size: int = 48) -> np.ndarray:
    """A photo with smooth colours."""
    down, across = np.mgrid[0:size, 0:size] / (size - 1)
    return np.round(255 * np.stack([down, across, 1 - down * across], axis=2)).astype(np.uint8)


def heat(size: int = 24, *, phase: float = 0.0) -> np.ndarray:
    """A map with a hill that speaks for the target and one against it."""
    down, across = np.mgrid[0:size, 0:size] / (size - 1)
    hill = np.exp(-20 * ((down - 0.3) ** 2 + (across - 0.3 - phase) ** 2))
    return hill - 0.8 * np.exp(-30 * ((down - 0.7) ** 2 + (across - 0.7) ** 2))


def masks(n: int, *, size: int = 48, long: bool = False) -> sat.SegmentationMap:
    """n overlapping squares."""
    rng = np.random.default_rng(1)
    squares = np.zeros((n, size, size), dtype=bool)
    for square in squares:
        top, left = rng.integers(0, size - 10, 2)
        square[top : top + 10, left : left + 10] = True
    return sat.SegmentationMap(tuple(names(n, long=long)), squares)


METHODS = ("deep_taylor", "lrp.z", "integrated_gradients", "gradient", "smoothgrad")


def stability() -> pd.DataFrame:
    """A result of ``ranking_stability`` with invented numbers."""
    rows = [
        {
            "method": method,
            "n_images": n,
            "tau": tau,
            "low": tau - 2 / n,
            "high": min(tau + 1 / n, 1),
        }
        for m, method in enumerate(METHODS)
        for n in (5, 10, 20, 50)
        for tau in (1 - (2 - 0.3 * m) / n,)
    ]
    return pd.DataFrame(rows)


def deletion(methods: tuple[str, ...] = METHODS) -> pd.DataFrame:
    """Agreement of ranks with two effects of three deletions, with asymmetric intervals."""
    rows = [
        {"deletion": d, "measured": e, "method": method, "tau": tau}
        | {"low": tau - 0.1, "high": tau + 0.05}
        for j, e in enumerate(("whole", "by pixel"))
        for k, d in enumerate(("grey", "blur", "inpaint"))
        for m, method in enumerate(methods)
        for tau in (0.1 * (j + k) - 0.05 * m,)
    ]
    return pd.DataFrame(rows)


def randomisation(methods: tuple[str, ...] = METHODS, n_layers: int = 6) -> pd.DataFrame:
    """Similarity of maps and rankings at each depth, with invented numbers."""
    rows = [
        {"measure": e, "method": method, "depth": depth, "layer": f"convolution_{n_layers - depth}"}
        | {"similarity": left, "low": left - 0.1, "high": left + 0.05, "noise": 0.02 * m}
        for j, e in enumerate(("map", "ranking"))
        for m, method in enumerate(methods)
        for depth in range(1, n_layers + 1)
        for left in ((0.9 - 0.15 * m - 0.05 * j) ** depth,)
    ]
    return pd.DataFrame(rows)


def flips(names: tuple[str, ...], replacements: tuple[str, ...] = ("blur",)) -> SimpleNamespace:
    """A result of ``cof_table`` with invented numbers."""
    rows = [
        {"model": "cnn", "replace": replace, "segment": name, "n_flipped": 20 - i, "n_images": 40}
        | {"of_present": share, "low": share - 0.05, "high": share + 0.1, "flipped_to": 7}
        for r, replace in enumerate(replacements)
        for i, name in enumerate(names)
        for share in (0.5 - 0.03 * i + 0.1 * r,)
    ]
    photos = [{"replace": replace, "n_without_any": 9, "n_all": 40} for replace in replacements]
    return SimpleNamespace(table=pd.DataFrame(rows), photos=pd.DataFrame(photos), sets="single")


def effects(names: tuple[str, ...], method: str = "lrp.z") -> SimpleNamespace:
    """A result of ``agreement`` with invented numbers."""
    n = len(names)
    rows = {"segment": names, "rank_attribution": np.linspace(1, n, n), "n_images": 40}
    rows |= {"rank_effect": np.linspace(n, 1, n), "finding": ["", "more"] * (n // 2)}
    pair = {"method": method, "effect": "without.blur", "tau": -0.4, "low": -0.6, "high": -0.1}
    pairs = pd.DataFrame([{**pair, "n_images": 40}])
    result = SimpleNamespace(segments=pd.DataFrame(rows), pairs=pairs, alpha=0.05)
    result.of = lambda method, effect: result
    return result
