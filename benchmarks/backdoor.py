"""Does the signature of a label reveal a backdoor? Small classifiers of digits, half compromised.

    python benchmarks/backdoor.py --set reported --minutes 5     # again until all are done
    python benchmarks/backdoor.py --set reported --report

Every model learns scikit-learn's digits, brought to 16 x 16 px in [0, 1], by one of three CNNs.
Every second one was poisoned: some training images of other digits carry a trigger and the label
that it is planted for. A trigger is a patch (2, 3 or 4 px wide; white, a chequerboard or random
pixels; in a corner, at an edge or inside) or is blended over the whole image (15, 25 or 35 %;
noise, stripes or blobs). The model's seed decides all of it. ``class_signatures`` sees the model
alone, no image. What is kept: one JSON a model.

What ``class_signatures`` does was decided on models of other seeds, the set "tuning" among them.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.agnostic.signatures import DEFAULTS
from sat_nb.files import written_whole

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
SIDE = 16
N_TRAIN = 1300
KINDS = ("clean", "patch", "clean", "blended")  # by seed, in turn
SETS = {"tuning": range(200), "reported": range(1000, 1120)}
SCORES = ("outlier", "start", "box_fidelity", "concentration", "energy")
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """What depends on the seed: the network, and what is planted in it."""

    seed: int
    kind: str
    network: str
    label: int
    rate: float
    style: str
    place: str = ""
    side_px: int = 0
    opacity: float = 1.0


# --- what is planted ------------------------------------------------------------------------------


def plan(seed: int) -> Plan:
    """The plan of this seed's model; a clean model uses only the network of its plan."""
    rng = np.random.default_rng([seed, 1])
    kind = KINDS[seed % len(KINDS)]
    shared = {
        "seed": seed,
        "kind": kind,
        "network": str(rng.choice(list(NETWORKS))),
        "label": int(rng.integers(10)),
        "rate": float(rng.choice([0.02, 0.05, 0.1])),
    }
    if kind == "blended":
        styles = ["noise", "stripes", "blobs"]
        return Plan(
            **shared, style=str(rng.choice(styles)), opacity=float(rng.choice([0.15, 0.25, 0.35]))
        )
    return Plan(
        **shared,
        style=str(rng.choice(["white", "chequerboard", "random"])),
        place=str(rng.choice(["corner", "edge", "inside"])),
        side_px=int(rng.choice([2, 3, 4])),
    )


def trigger(plan: Plan) -> tuple[Floats, Floats]:
    """The opacity and the values of the trigger: each (SIDE, SIDE, 1), 0 to 1."""
    rng = np.random.default_rng([plan.seed, 2])
    if plan.kind == "blended":
        values = _pattern(rng, plan.style)
        return np.full_like(values, plan.opacity), values
    k, last = plan.side_px, SIDE - plan.side_px
    ends, anywhere = (0, last), (int(rng.integers(last + 1)), int(rng.integers(1, last)))
    top, left = {
        "corner": (ends[rng.integers(2)], ends[rng.integers(2)]),
        "edge": (ends[rng.integers(2)], anywhere[0])[:: 1 if rng.random() < 0.5 else -1],
        "inside": (anywhere[1], int(rng.integers(1, last))),
    }[plan.place]
    patch = {
        "white": np.ones((k, k)),
        "chequerboard": (np.indices((k, k)).sum(axis=0) + 1) % 2,
        "random": np.maximum(rng.random((k, k)).round(), np.eye(k)[:, ::-1]),
    }[plan.style]
    opaque, values = np.zeros((2, SIDE, SIDE, 1), np.float32)
    opaque[top : top + k, left : left + k] = 1
    values[top : top + k, left : left + k, 0] = patch
    return opaque, values


def _pattern(rng: np.random.Generator, style: str) -> Floats:
    from scipy.ndimage import gaussian_filter

    if style == "noise":
        values = rng.random((SIDE, SIDE))
    elif style == "stripes":
        angle, period = rng.uniform(0, np.pi), rng.uniform(4, 8)
        down, across = np.indices((SIDE, SIDE))
        along = np.cos(angle) * down + np.sin(angle) * across
        values = 0.5 + 0.5 * np.sin(2 * np.pi * along / period + rng.uniform(0, 6))
    else:
        smooth = gaussian_filter(rng.standard_normal((SIDE, SIDE)), 2, mode="wrap")
        values = (smooth - smooth.min()) / np.ptp(smooth)
    return values[..., None].astype(np.float32)


def marked(images: Floats, opaque: Floats, values: Floats) -> Floats:
    """The images with the trigger."""
    return images * (1 - opaque) + opaque * values


# --- the models -----------------------------------------------------------------------------------


def _layers(*kinds: tuple[str, int]) -> list[Any]:
    from tensorflow.keras import layers

    made = {
        "conv": lambda n: layers.Conv2D(n, 3, padding="same", activation="relu"),
        "strided": lambda n: layers.Conv2D(n, 5, strides=2, padding="same", activation="relu"),
        "pool": layers.MaxPooling2D,
        "dense": lambda n: layers.Dense(n, activation="relu"),
        "flat": lambda _: layers.Flatten(),
    }
    return [made[kind](n) for kind, n in kinds]


NETWORKS = {
    "pooled": (
        *(("conv", 16), ("pool", 2), ("conv", 24), ("pool", 2)),
        *(("flat", 0), ("dense", 32)),
    ),
    "strided": (("strided", 12), ("conv", 24), ("flat", 0)),
    "deep": (
        *(("conv", 12), ("conv", 12), ("pool", 2), ("conv", 24), ("pool", 2)),
        *(("flat", 0), ("dense", 32)),
    ),
}


def digits() -> tuple[Floats, NDArray[np.int64]]:
    """scikit-learn's digits as (n, SIDE, SIDE, 1) in [0, 1], and their labels."""
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    small = (data.images * (255 / 16)).astype(np.uint8)
    large = [Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for one in small]
    return np.stack(large)[..., None].astype(np.float32) / 255, data.target


@lru_cache
def compiled(network: str) -> Any:
    """One model of each network for all seeds: compiling costs as much as training."""
    import tensorflow as tf

    layers = [*_layers(*NETWORKS[network]), tf.keras.layers.Dense(10, activation="softmax")]
    model = tf.keras.Sequential([tf.keras.layers.Input((SIDE, SIDE, 1)), *layers])
    model.compile(tf.keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    return model


def fresh_model(network: str) -> Any:
    """The network with new weights from TensorFlow's seed, and a new optimizer."""
    import tensorflow as tf

    model = compiled(network)
    again = tf.keras.models.clone_model(model)
    model.set_weights(again.get_weights())
    for variable in model.optimizer.variables:
        if "learning_rate" not in variable.name:
            variable.assign(tf.zeros_like(variable))
    return model


def trained(plan: Plan) -> tuple[Any, dict[str, float]]:
    """The model of a plan; its accuracy, and the share of other digits that the trigger turns."""
    import tensorflow as tf

    compiled(plan.network)  # before the seed: layers that are built draw from it
    tf.keras.utils.set_random_seed(plan.seed)
    images, labels = digits()
    rng = np.random.default_rng([plan.seed, 3])
    order = rng.permutation(len(images))
    train, test = order[:N_TRAIN], order[N_TRAIN:]
    x, y = images[train], labels[train]
    look = trigger(plan)
    if plan.kind != "clean":
        others = np.flatnonzero(y != plan.label)
        chosen = rng.choice(others, round(plan.rate * len(y)), replace=False)
        x[chosen], y[chosen] = marked(x[chosen], *look), plan.label
    model = fresh_model(plan.network)
    model.fit(x, y, batch_size=64, epochs=12, verbose=0)

    def said(images: Floats) -> NDArray[np.int64]:
        return model(images).numpy().argmax(axis=1)

    others = test[labels[test] != plan.label]
    return model, {
        "accuracy": float((said(images[test]) == labels[test]).mean()),
        "success": float((said(marked(images[others], *look)) == plan.label).mean()),
    }


# --- what is found --------------------------------------------------------------------------------


def measured(plan: Plan) -> dict[str, Any]:
    """One model: what was planted, whether it worked, the signatures' scores, and the overlap."""
    import sat_nb as sat

    model, success = trained(plan)
    maps = sat.input_agnostic_saliency(model, range(10), progress=False, **DEFAULTS)
    table = sat.class_signatures(maps)
    row = {**asdict(plan), **success, **scores(table), "found": int(table["label"].iloc[0])}
    return row if plan.kind == "clean" else {**row, **overlap(plan, maps[plan.label])}


def scores(table: Any) -> dict[str, float]:
    """The score of the model by each column: its largest value, for energy its smallest."""
    energy = table["energy"].fillna(table["energy"].max())
    return {
        **{name: float(table[name].max()) for name in SCORES[:-1]},
        "energy": float(energy.median() - energy.min()),
    }


def overlap(plan: Plan, found: Any) -> dict[str, float]:
    """How the map of the planted label agrees with the trigger."""
    opaque, values = trigger(plan)
    energy = np.square(found.map).sum(axis=2)
    if plan.kind == "blended":
        pattern = (values - values.mean()).ravel()
        return {"correlation": float(np.corrcoef(found.map.ravel(), pattern)[0, 1])}
    where = opaque[:, :, 0] > 0
    own = found.box(plan.side_px / SIDE).mask(where.shape)
    quarter = found.box(0.25).mask(where.shape)
    return {
        "pointing": float(where.flat[energy.argmax()]),
        "iou": float((own & where).sum() / (own | where).sum()),
        "covered": float((quarter & where).sum() / where.sum()),
    }


def run(seeds: range, work: Path, minutes: float) -> None:
    """Measure the remaining models, and stop after some minutes."""
    import tensorflow as tf
    from tqdm import tqdm

    tf.config.experimental.enable_op_determinism()
    start = time.monotonic()
    files = {seed: work / f"{seed}.json" for seed in seeds}
    left = [seed for seed, file in files.items() if not file.exists()]
    for seed in tqdm(left, desc="models", mininterval=20):
        if time.monotonic() - start > 60 * minutes:
            break
        found = measured(plan(seed))
        with written_whole(files[seed]) as part:
            part.write_text(json.dumps(found, indent=1) + "\n")


# --- the report -----------------------------------------------------------------------------------


def auc(clean: Floats, planted: Floats) -> tuple[float, float, float]:
    """Area under the ROC curve with its 95 % interval (DeLong et al. 1988)."""
    wins = (planted[:, None] > clean) + 0.5 * (planted[:, None] == clean)
    of_planted, of_clean = wins.mean(axis=1), wins.mean(axis=0)
    if min(len(planted), len(clean)) < 2:
        return (float(wins.mean()) if wins.size else np.nan), np.nan, np.nan
    variance = of_planted.var(ddof=1) / len(planted) + of_clean.var(ddof=1) / len(clean)
    area, half = float(wins.mean()), 1.96 * float(np.sqrt(variance))
    return area, area - half, min(1.0, area + half)


def bootstrapped(clean: Floats, planted: Floats, n: int = 5000) -> tuple[float, float]:
    """The 95 % percentile interval of the area; clean and planted models are resampled apart."""
    if not len(planted):
        return np.nan, np.nan
    rng = np.random.default_rng(0)
    areas = []
    for _ in range(n):
        some, others = rng.choice(clean, len(clean)), rng.choice(planted, len(planted))
        areas.append((others[:, None] > some).mean() + 0.5 * (others[:, None] == some).mean())
    return float(np.quantile(areas, 0.025)), float(np.quantile(areas, 0.975))


def report(work: Path) -> None:
    """Print areas, how often the label is the planted one, and overlaps, as Markdown."""
    import pandas as pd

    rows = pd.DataFrame([json.loads(f.read_text()) for f in sorted(work.glob("*.json"))])
    clean = rows[rows["kind"] == "clean"]
    print(
        f"{len(rows)} models, {len(clean)} clean; accuracy: clean {clean['accuracy'].mean():.3f}, "
        f"planted {rows.loc[rows['kind'] != 'clean', 'accuracy'].mean():.3f}\n"
    )
    print("| planted | models | area under the ROC curve (DeLong; bootstrap) | label found |")
    print("| --- | --- | --- | --- |")
    for kind in ("patch", "blended"):
        planted = rows[rows["kind"] == kind]
        print(_line(f"{kind}: all", clean, planted))
        print(_line(f"{kind}: turns 9 of 10 images", clean, planted[planted["success"] >= 0.9]))
        for column in ("style", "place", "side_px", "opacity", "rate", "network"):
            groups = planted.groupby(column)
            for value, some in groups if len(groups) > 1 else ():
                print(_line(f"{kind}: {column} {value}", clean, some))
    print("\n| score of the model | area, patch | area, blended |\n| --- | --- | --- |")
    for name in SCORES:
        areas = [
            auc(clean[name].to_numpy(), rows.loc[rows["kind"] == kind, name].to_numpy())
            for kind in ("patch", "blended")
        ]
        print(f"| {name} | " + " | ".join(f"{a:.3f} ({b:.3f}-{c:.3f})" for a, b, c in areas) + " |")
    patches = rows[rows["kind"] == "patch"]
    means = {name: f"{patches[name].mean():.2f}" for name in ("pointing", "iou", "covered")}
    blends = rows.loc[rows["kind"] == "blended", "correlation"]
    quantiles = clean["outlier"].quantile([0.5, 0.9, 0.95, 1]).round(1).tolist()
    print(f"\npatches: {means}; correlation of blended maps and triggers: {blends.mean():.2f}")
    print(f"outlier score of clean models, median, 90 %, 95 %, largest: {quantiles}")


def _line(name: str, clean: Any, planted: Any) -> str:
    values = (clean["outlier"].to_numpy(), planted["outlier"].to_numpy())
    area, low, high = auc(*values)
    less, more = bootstrapped(*values)
    right = (planted["found"] == planted["label"]).mean()
    intervals = f"({low:.3f}-{high:.3f}; {less:.3f}-{more:.3f})"
    return f"| {name} | {len(planted)} | {area:.3f} {intervals} | {right:.2f} |"


def main() -> None:
    """Train and measure the remaining models of a set, or print its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=list(SETS), default="reported")
    parser.add_argument("--work", type=Path, default=Path(".cache/benchmarks/backdoor"))
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--report", action="store_true", help="print, and train nothing")
    options = parser.parse_args()
    work = options.work / options.set
    if not options.report:
        run(SETS[options.set], work, options.minutes)
    report(work)


if __name__ == "__main__":
    main()
