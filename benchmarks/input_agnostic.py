"""Input-agnostic maps of a pretrained model: does the fidelity rise, and do they belong to it?

    python benchmarks/input_agnostic.py --model squeezenet.h5 --means 104 117 123 \
        --labels 151 207 292 340 388 407 555 717 817 963 [--steps 60] [--batch 4]

For each label: its probability on noise without a map and with it, both on noise that the map was
not made from (32 samples of another seed), the steps, and the correlation of the map with the one
of another seed, with those of other labels, and with that of the same network with its weights
shuffled within each layer, whose maps have nothing to say. ``--means`` is what the model's
input is shifted by, from 0 to 255; without it the range is 0 to 1.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main() -> None:
    """Print a line for each label."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--labels", type=int, nargs="+", required=True)
    parser.add_argument("--means", type=float, nargs="+")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args()
    means = np.array(options.means or [0.0], np.float32)
    bounds = (-means, 255 - means) if options.means else (0.0, 1.0)
    report(options.model, options.labels, bounds, options.steps, options.batch)


def report(path: Path, labels: list[int], bounds: Any, steps: int, batch: int) -> None:
    """Make the maps three times and compare them."""
    import tensorflow as tf

    import sat_nb as sat
    from sat_nb.agnostic.network import noise, read_inputs

    model = tf.keras.models.load_model(path, compile=False)
    settings: dict[str, Any] = {"bounds": bounds, "steps": steps, "batch_size": batch}
    maps = sat.input_agnostic_saliency(model, labels, **settings)
    inputs = read_inputs(maps[labels[0]].map.shape, bounds)
    fresh = noise(np.random.default_rng(12345), 32, inputs)
    again = sat.input_agnostic_saliency(model, labels[:3], seed=1, **settings)
    other = sat.input_agnostic_saliency(shuffled(model), labels[:3], **settings)

    def probability(label: int, map: np.ndarray) -> float:
        seen = np.clip(fresh + inputs.span * map, inputs.low, inputs.low + inputs.span)
        return float(np.mean([model(one[None])[0, label] for one in seen]))

    print("| label | probability on fresh noise | with the map | steps | stopped |")
    print("| --- | --- | --- | --- | --- |")
    for label, found in maps.items():
        before, after = probability(label, 0 * found.map), probability(label, found.map)
        print(f"| {label} | {before:.1e} | {after:.3f} | {found.n_steps} | {found.stopped} |")
    pairs = [(a, b) for a in labels for b in labels if a < b]
    alike = [correlation(maps[a].map, maps[b].map) for a, b in pairs]
    print(f"\ncorrelation of maps of two labels: median {np.median(alike):.2f}, ", end="")
    print(f"{np.min(alike):.2f} to {np.max(alike):.2f}")
    for name, maps_of in (("another seed", again), ("shuffled weights", other)):
        rs = [correlation(maps[label].map, found.map) for label, found in maps_of.items()]
        print(f"correlation with {name}: {', '.join(f'{r:.2f}' for r in rs)}")


def shuffled(model: Any) -> Any:
    """The same network with the values of each kernel shuffled."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    again = tf.keras.models.clone_model(model)
    again.set_weights([rng.permuted(w.ravel()).reshape(w.shape) for w in model.get_weights()])
    return again


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation over all values."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


if __name__ == "__main__":
    main()
