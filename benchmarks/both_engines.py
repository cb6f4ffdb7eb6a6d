"""Do both engines give the same maps of networks of full size? Each runs in its own Python.

    python benchmarks/both_engines.py [NETWORK ...] [--size 224] [--photos 2] [--turns 5]

The same weights go through the Keras engine and the torch engine: kernels as Keras initialises
them, and random biases and moments of BatchNormalization. Printed are, for each method, the largest
difference of two maps as a share of the largest value: of both engines in float64 (bound: 1e-6);
of the Keras engine's float32 from its own float64; and of both engines in float32, which may be
twice that, since a ReLU that is 0 in one sum and 1e-7 in another changes everything behind it. Then
both workers take the same batch in turns: the median (quartiles) of the torch engine's processor
time over the Keras engine's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from architectures import ARCHITECTURES
from saliency import Ours
from support import ratio, spent

from sat_nb.saliency.engines.entries import ENGINES
from sat_nb.saliency.engines.places import find

METHODS = ("gradient", "grad_cam", "lrp.z", "lrp.epsilon", "deep_taylor")
PROGRAM = "tests.saliency.torch.both_engines"
Maps = dict[tuple[str, str], dict[str, Any]]


def main() -> None:
    """Print the table, network by network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(ARCHITECTURES))
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--photos", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    columns = ("float64", "Keras, float32 and float64", "float32", "ratio", "torch / Keras, time")
    print("| network | method |", " | ".join(columns), "|")
    print("| --- |" + " --- |" * (1 + len(columns)))
    for name in options.networks or ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            save(name, Path(folder), options.size)
            maps = maps_of(name, Path(folder), options.size, options.photos)
            times = times_of(Path(folder) / f"{name}.h5", options.photos, options.turns)
        for method in ("logits", *METHODS):
            row = [*cells(maps, method), ratio(times[method]) if method in times else ""]
            print(f"| {name} | {method} |", " | ".join(row), "|", flush=True)


def save(name: str, folder: Path, size: int) -> None:
    """The network in a file, by a process of its own, as TensorFlow keeps its memory."""
    code = "import sys, both_engines as b; b.write(sys.argv[1], sys.argv[2], int(sys.argv[3]))"
    here = Path(__file__).parent
    command = [sys.executable, "-c", code, name, str(folder / f"{name}.h5"), str(size)]
    subprocess.run(command, check=True, cwd=here, capture_output=True)


def write(name: str, file: str, size: int) -> None:
    """Make the network and give what Keras starts with 0 and 1 random values."""
    random = np.random.default_rng(0)
    model = ARCHITECTURES[name]((size, size, 3), 1000)
    values = []
    for variable, value in zip(model.weights, model.get_weights(), strict=True):
        if value.ndim > 1:
            values.append(value)
        elif any(kind in variable.name for kind in ("gamma", "variance")):
            values.append(random.uniform(0.5, 1.5, value.shape))
        else:
            values.append(random.normal(0, 0.1, value.shape))
    model.set_weights(values)
    model.save(file)


def maps_of(name: str, folder: Path, size: int, n_photos: int) -> Maps:
    """{(engine, type): {method: maps}}."""
    batch = np.random.default_rng(1).normal(size=(n_photos, size, size, 3)).astype(np.float32)
    np.savez(folder / "asked.npz", batch=batch, methods=METHODS)
    pythons = {"keras": sys.executable, "torch": find(ENGINES["torch"]).python or sys.executable}
    found = {}
    for engine, python in pythons.items():
        for kind in ("float64", "float32"):
            command = [python, "-m", PROGRAM, engine, str(folder), kind]
            root = Path(__file__).parents[1]
            done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
            if done.returncode:
                raise SystemExit(done.stderr[-3000:])
            found[engine, kind] = dict(np.load(folder / f"{engine}.{name}.one.{kind}.npz"))
    return found


def times_of(path: Path, n_photos: int, n_turns: int) -> dict[str, list[tuple[float, float]]]:
    """{method: (processor seconds of torch's worker, of Keras') in every turn}."""
    workers = [Ours(path, engine=engine) for engine in ("torch", "keras")]
    shape = workers[0].shape
    batch = np.random.default_rng(1).normal(size=(n_photos, *shape)).astype(np.float32)
    found: dict[str, list[tuple[float, float]]] = {}
    for method in METHODS:
        for worker in workers:
            worker.build(method)
        turns = [
            tuple(spent(one.pid, lambda one=one: one(method, batch)) for one in workers)  # noqa: B023
            for _ in range(n_turns + 1)
        ]
        found[method] = turns[1:]
    return found


def cells(maps: Maps, method: str) -> list[str]:
    """The three differences, and the ratio of the last two."""

    def apart(one: tuple[str, str], other: tuple[str, str]) -> float:
        expected = maps[other][method].astype(np.float64)
        return float(np.abs(maps[one][method] - expected).max() / np.abs(expected).max())

    exact = apart(("torch", "float64"), ("keras", "float64"))
    own = apart(("keras", "float32"), ("keras", "float64"))
    both = apart(("torch", "float32"), ("keras", "float32"))
    return [f"{exact:.0e}", f"{own:.0e}", f"{both:.0e}", f"{both / own:.2f}"]


if __name__ == "__main__":
    main()
