"""How many passes sampling methods need for the same error of mean ranks, in one run.

    python benchmarks/sampling.py --model model.h5 --images photos/ --segments exports/ \
        --preprocess caffe [--n-images 8]

Integrated Gradients by the midpoint and the Gauss-Legendre rule and by iNNvestigate's left sum,
and SmoothGrad, at 4 to 64 samples, against a reference of 512 samples of the same estimator
(midpoint nodes; a seed of its own). The error is the mean over the segments of |mean rank -
reference mean rank| (relative aggregation); a pass is one gradient of one photo. Without a model
it takes the embedded data and trains its CNN.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sat_nb as sat

COUNTS = (4, 8, 16, 32, 64)
REFERENCE = 512
ESTIMATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "left sum": ("integrated_gradients", {"rule": "left"}),
    "midpoint": ("integrated_gradients", {"rule": "midpoint"}),
    "Gauss-Legendre": ("integrated_gradients", {"rule": "gauss_legendre"}),
    "SmoothGrad": ("smoothgrad", {"noise": 0.15}),
}


def main() -> None:
    """Print the error of each estimator at each number of samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--segments", type=Path)
    parser.add_argument("--preprocess", default="unit")
    parser.add_argument("--n-images", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        given = (options.model, options.images, options.segments)
        model, images, exports = given if options.model else embedded(Path(folder))
        photos, masks = sat.read_images(images), sat.read_segments(exports)
        chosen = [i for i in photos if i in masks][: options.n_images]
        report(model, photos.select(chosen), {i: masks[i] for i in chosen}, options.preprocess)


def report(model: Path, photos: Any, masks: Mapping[str, Any], preprocess: str) -> None:
    """Print a line for each estimator."""

    def ranks(method: str, n: int, seed: int, **parameters: Any) -> Any:
        count = "n_nodes" if method == "integrated_gradients" else "n_samples"
        maps = sat.explain(
            model,
            photos,
            methods=method,
            preprocess=preprocess,
            parameters={method: {count: n, **parameters}},
            seed=seed,
            progress=False,
        )
        return sat.aggregate(sat.build(maps, masks), value="rank").set_index("segment")["rank"]

    references = {
        "integrated_gradients": ranks("integrated_gradients", REFERENCE, 0),
        "smoothgrad": ranks("smoothgrad", REFERENCE, 1000, noise=0.15),
    }
    print(f"{len(photos)} photos; error of mean ranks against {REFERENCE} samples")
    print(f"{'samples':16s}" + "".join(f"{n:8d}" for n in COUNTS))
    for name, (method, parameters) in ESTIMATORS.items():
        errors = [
            (ranks(method, n, 0, **parameters) - references[method]).abs().mean() for n in COUNTS
        ]
        print(f"{name:16s}" + "".join(f"{error:8.3f}" for error in errors), flush=True)


def embedded(folder: Path) -> tuple[Path, Path, Path]:
    """The embedded data, half of the zebras marked, and the CNN that learns it."""
    from sat_nb.reproduction import equids
    from sat_nb.reproduction.cnn import train_cnn

    data = equids.make(folder / "equids", watermark_share=0.5)
    model = folder / "model.h5"
    train_cnn(sat.read_images(data.images), data.labelled("train"), out=model)
    return model, data.images, data.exports


if __name__ == "__main__":
    main()
