"""Do both engines give the same maps of networks of full size? Each runs in its own Python.

    python benchmarks/both_engines.py [NETWORK ...] [--size 224] [--photos 2] [--turns 5]
        [--weights squeezenet.h5] [--images FOLDER]

The same weights go through the Keras engine and the torch engine: kernels as Keras initialises
them, and random biases and moments of BatchNormalization; with ``--images``, photos of the folder
through SqueezeNet with the ``--weights`` of ImageNet and through EfficientNet-Lite0 with its own.
Explained are the predicted classes. Printed are, for each method, the largest difference of two
maps of a photo as a share of the largest value: of both engines in float64, the worst photo's
(bound: 1e-6); and in the median, in nine of ten photos and at the worst: of the Keras engine's
float32 from its own float64; of the torch engine's from the same; and of both engines in float32,
whose worst may be twice the first's. One ReLU that is 0 in one sum and 1e-7 in another changes
everything behind it, and in which engine that happens is chance: only many photos tell. Then both
workers take the same batch in turns: the median (quartiles) of the torch engine's processor time
over the Keras engine's.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from architectures import ARCHITECTURES
from PIL import Image
from saliency import Ours
from support import ratio, spent

from sat_nb.models.efficientnet import lite0_input
from sat_nb.reproduction.imagenet import squeezenet_input
from sat_nb.saliency.engines.entries import ENGINES
from sat_nb.saliency.engines.places import find

COLUMNS = (
    "float64",
    "Keras, float32 and float64",
    "torch, the same",
    "float32",
    "torch / Keras, time",
)
METHODS = ("gradient", "grad_cam", "lrp.z", "lrp.epsilon", "deep_taylor")
PROGRAM = "tests.saliency.torch.both_engines"
AT_ONCE = 16  # photos
Maps = dict[tuple[str, str], dict[str, Any]]


def main() -> None:
    """Print the table, network by network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(ARCHITECTURES))
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--photos", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--weights", type=Path, help="of ImageNet, for SqueezeNet")
    parser.add_argument("--images", type=Path, help="folder of photos")
    options = parser.parse_args()
    print("| network | method |", " | ".join(COLUMNS), "|")
    print("| --- |" + " --- |" * (1 + len(COLUMNS)))
    for name in options.networks or ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{name}.h5")
            batch = trained(path, options) if options.images else untrained(path, options)
            maps = maps_of(path, batch)
            times = times_of(path, batch, options.turns) if options.turns else {}
        for method in ("logits", *METHODS):
            row = [*cells(maps, method), ratio(times[method]) if method in times else ""]
            print(f"| {name} | {method} |", " | ".join(row), "|", flush=True)


# --- models and photos -------------------------------------------------------------------------


def untrained(path: Path, options: argparse.Namespace) -> Any:
    """Write the network of that name with random weights; noise for it."""
    save(path.stem, path.parent, options.size)
    shape = options.photos, options.size, options.size, 3
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def trained(path: Path, options: argparse.Namespace) -> Any:
    """Write the network of that name with its weights of ImageNet; photos for it."""
    size, prepared, write = TRAINED[path.stem]
    write(path, options)
    found = sorted(one for one in options.images.rglob("*") if one.suffix in (".jpg", ".png"))
    some = [found[round(place)] for place in np.linspace(0, len(found) - 1, options.photos)]
    photos = [Image.open(one).convert("RGB").resize((size, size)) for one in some]
    return prepared(np.stack([np.asarray(photo, np.float32) for photo in photos]))


def write_lite0(path: Path, options: argparse.Namespace) -> None:
    """By a process of its own, as TensorFlow keeps its memory."""
    code = "import sys; from sat_nb.models.efficientnet import *; efficientnet_lite0(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True)


TRAINED: dict[str, tuple[int, Any, Any]] = {
    "SqueezeNet": (227, squeezenet_input, lambda path, given: shutil.copyfile(given.weights, path)),
    "EfficientNet-Lite0": (224, lite0_input, write_lite0),
}
"""{name: (size of its photos, preprocessing, write(path, options))}."""


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


# --- maps and times ----------------------------------------------------------------------------


def maps_of(path: Path, batch: Any) -> Maps:
    """{(engine, type): {method: maps}}, of a few photos at a time, as float64 takes memory."""
    lots = [_maps_of_lot(path, batch[i : i + AT_ONCE]) for i in range(0, len(batch), AT_ONCE)]
    return {
        kind: {method: np.concatenate([lot[kind][method] for lot in lots]) for method in found}
        for kind, found in lots[0].items()
    }


def _maps_of_lot(path: Path, batch: Any) -> Maps:
    name, folder = path.stem, path.parent
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


def times_of(path: Path, batch: Any, n_turns: int) -> dict[str, list[tuple[float, float]]]:
    """{method: (processor seconds of torch's worker, of Keras') in every turn}."""
    workers = [Ours(path, engine=engine) for engine in ("torch", "keras")]
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
    """The worst difference in float64, and those in float32."""

    def apart(one: tuple[str, str], other: tuple[str, str]) -> Any:
        axes = tuple(range(1, maps[one][method].ndim))
        expected = maps[other][method].astype(np.float64)
        largest = np.abs(expected).max(axis=axes)  # 0 for Deep Taylor of a logit below 0
        shares = np.abs(maps[one][method] - expected).max(axis=axes)[largest > 0]
        return shares / largest[largest > 0]

    pairs = [
        (("keras", "float32"), ("keras", "float64")),
        (("torch", "float32"), ("keras", "float64")),
        (("torch", "float32"), ("keras", "float32")),
    ]
    exact = apart(("torch", "float64"), ("keras", "float64"))
    return [f"{exact.max(initial=0):.0e}", *(quantiles(apart(*pair)) for pair in pairs)]


def quantiles(shares: Any) -> str:
    """Median, nine tenths and the largest."""
    if not len(shares):
        return ""
    return ", ".join(f"{share:.0e}" for share in np.quantile(shares, (0.5, 0.9, 1)))


if __name__ == "__main__":
    main()
