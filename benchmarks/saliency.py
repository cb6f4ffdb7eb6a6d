"""Cost of this project's methods against bare iNNvestigate and a bare gradient, in one run.

    python benchmarks/saliency.py [--model model.h5] [--batch 8] [--repeats 5]

Without a model it takes VGG16 with random weights. Three processes hold the same model and get
the same batch in turns: the worker, asked as ``explain`` asks it (its time includes the way
through the pipe), one with a ``tf.function`` around ``GradientTape`` in eager TensorFlow, and one
with iNNvestigate alone. Sampling methods take 8 samples each.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from sat_nb.saliency.sampling import most_at_once

METHODS = ("gradient", "lrp.z", "lrp.epsilon", "deep_taylor", "integrated_gradients", "smoothgrad")
SAMPLES = 8


def main() -> None:
    """Print medians of paired ratios, times, and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(options.model or random_vgg16(Path(folder)), options.batch, options.repeats)


def run(path: Path, n_images: int, repeats: int) -> None:
    """Time every method beside its peers, in turns."""
    ours = Ours(path)
    batch = np.random.default_rng(0).uniform(-100, 100, (n_images, *ours.shape)).astype(np.float32)
    peers = {"tf.function": Peer(bare_gradient, path), "iNNvestigate": Peer(innvestigate, path)}
    for method in METHODS:
        built, _ = timed(lambda m=method: ours.build(m))
        first, _ = timed(lambda m=method: ours(m, batch))
        rounds = [one_round(ours, peers, method, batch) for _ in range(repeats + 1)][1:]
        times = {who: [r[who][0] for r in rounds] for who in rounds[0]}
        print(f"{method:22s} {statistics.median(times['ours']):7.2f} s a batch of {n_images}")
        for who in times:
            if who != "ours":
                report(f"{method} / {who}", times["ours"], times[who])
        later = statistics.median(times["ours"])
        print(f"    first / later batch: {first / later:.2f}, after {built:.1f} s of building")
        values = rounds[0]
        if "iNNvestigate" in values and method in ("deep_taylor", "lrp.z", "lrp.epsilon"):
            a, b = values["ours"][1], values["iNNvestigate"][1]
            print(f"    largest difference: {np.abs(a - b).max() / np.abs(b).max():.1e} of the map")
    print("peak memory, GB:", {who: round(peer.peak(), 2) for who, peer in peers.items()})
    print("peak memory of the worker, GB:", round(peak_of(ours.pid), 2))


def one_round(ours: Any, peers: dict[str, Peer], method: str, batch: Any) -> dict[str, Any]:
    """{who: (seconds, maps)} of one method, one after the other."""
    round_ = {"ours": timed(lambda: ours(method, batch))}
    round_["iNNvestigate"] = peers["iNNvestigate"](method, batch)
    if method == "gradient":
        round_["tf.function"] = peers["tf.function"](method, batch)
    if method.startswith("lrp"):
        round_["our gradient"] = timed(lambda: ours("gradient", batch))
    return round_


def report(what: str, ours: list[float], theirs: list[float]) -> None:
    """Print the median of the paired ratios and their range."""
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"    {what}: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def timed(function: Any) -> tuple[float, Any]:
    """(seconds, result)."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def peak_of(pid: int) -> float:
    """Peak resident memory of a process on Linux, in GB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1e6
    return float("nan")


# --- the contenders ----------------------------------------------------------------------------


class Ours:
    """The worker, asked for one method's maps of a batch."""

    def __init__(self, path: Path) -> None:
        from sat_nb.saliency import methods
        from sat_nb.saliency.asking import ask
        from sat_nb.saliency.model_file import model_file
        from sat_nb.saliency.pool import shared_pool

        with model_file(path) as self.file:
            self.ask, self.methods, self.pool = ask, methods.METHODS, shared_pool()
        facts = ask("facts", "loading", pool=self.pool, file=self.file)
        self.shape, self.pid = facts.input_shape, self.pool.pids()[0]

    def __call__(self, method: str, batch: Any) -> Any:
        """The method's maps of the batch, after :meth:`build`."""
        n = len(batch)
        chunks = self._ask(
            "analyze",
            method,
            batch=batch,
            targets=[1] * n,
            seeds=list(range(n)),
            points_at_once=most_at_once(self.shape),
        )
        return np.stack([chunk.attribution for chunk in chunks])

    def build(self, method: str) -> None:
        """Build the method's graph, as ``explain`` does before its first image."""
        self._ask("build", method)

    def _ask(self, command: str, method: str, **arguments: Any) -> Any:
        entry = self.methods[method]
        parameters = dict(entry.parameters)
        for name in ("n_samples", "n_nodes"):
            if name in parameters:
                parameters[name] = SAMPLES
        arguments |= {"file": self.file, "method": entry, "parameters": parameters}
        return self.ask(command, method, pool=self.pool, **arguments)


class Peer:
    """A process of its own: ``peer(method, batch)`` is (seconds there, maps)."""

    def __init__(self, serve: Any, path: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, str(path)), daemon=True)
        self.process.start()

    def __call__(self, method: str, batch: Any) -> tuple[float, Any]:
        """(seconds, maps)."""
        self.pipe.send((method, batch))
        return self.pipe.recv()

    def peak(self) -> float:
        """Peak resident memory in GB."""
        self.pipe.send(None)
        return self.pipe.recv()


def answer(pipe: Any, compute: Any) -> None:
    """Answer with (seconds, maps) until asked for the peak memory."""
    while (asked := pipe.recv()) is not None:
        pipe.send(timed(lambda: compute(*asked)))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def bare_gradient(pipe: Any, path: str) -> None:
    """The logit's gradient by GradientTape in a tf.function."""
    import tensorflow as tf

    model = tf.keras.models.load_model(path, compile=False)
    if getattr(model.layers[-1], "activation", None) is tf.keras.activations.softmax:
        model.layers[-1].activation = tf.keras.activations.linear

    @tf.function
    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            logits = model(x, training=False)[:, 1]
        return tape.gradient(logits, x)

    answer(pipe, lambda _, batch: gradient(tf.constant(batch)).numpy())


def innvestigate(pipe: Any, path: str) -> None:
    """iNNvestigate as its documentation uses it."""
    import tensorflow as tf

    tf.compat.v1.disable_eager_execution()
    tf.keras.backend.get_uid("input")  # or its new input takes the name of the model's
    import innvestigate
    from innvestigate.backend.graph import model_wo_softmax

    model = model_wo_softmax(tf.keras.models.load_model(path, compile=False))
    options = {"smoothgrad": {"augment_by_n": SAMPLES}, "integrated_gradients": {"steps": SAMPLES}}
    built: dict[str, Any] = {}

    def compute(method: str, batch: Any) -> Any:
        if method not in built:
            built[method] = innvestigate.create_analyzer(
                method, model, neuron_selection_mode="index", **options.get(method, {})
            )
        result = built[method].analyze(batch, neuron_selection=[1] * len(batch))
        return next(iter(result.values())) if isinstance(result, dict) else result

    answer(pipe, compute)


def random_vgg16(folder: Path) -> Path:
    """VGG16 with random weights, saved by a process that ends with it."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_save_vgg16, args=(str(folder / "vgg16.h5"),))
    process.start()
    process.join()
    return folder / "vgg16.h5"


def _save_vgg16(path: str) -> None:
    import tensorflow as tf

    tf.keras.applications.VGG16(weights=None).save(path)


if __name__ == "__main__":
    main()
