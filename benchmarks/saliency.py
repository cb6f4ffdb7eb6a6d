"""Cost of this project's methods against bare iNNvestigate and a bare gradient, in one run.

    python benchmarks/saliency.py [--model model.h5 | --network SqueezeNet --size 227]
        [--batch 8] [--sampled 1] [--samples 64] [--repeats 5] [METHOD ...]

Without a model it takes VGG16 with random weights. Three processes hold the same model and get
the same batch in turns: the worker, asked as ``explain`` asks it, one with a ``tf.function``
around ``GradientTape`` in eager TensorFlow, and one with iNNvestigate alone. Methods that sample
get one photo, by as many samples as iNNvestigate takes by default; it sends all of them through
the model at once, which takes 9 GB for VGG16. Printed are medians and ranges of the paired
ratios, of time on the clock (for the worker with the way through the pipe) and of processor time
(for the worker with what the caller spends), which other work on the machine changes less.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from architectures import ARCHITECTURES

from sat_nb.saliency.sampling import points_at_once, random_map

METHODS = ("gradient", "lrp.z", "lrp.epsilon", "deep_taylor", "integrated_gradients", "smoothgrad")
PARITY = "innvestigate."
SAMPLES = ("n_samples", "n_nodes", "augment_by_n", "steps")


class Spent(NamedTuple):
    """Seconds on the clock and on a processor."""

    clock: float
    processor: float


def main() -> None:
    """Print medians of paired ratios, times, and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="; ".join(METHODS))
    parser.add_argument("--model", type=Path)
    parser.add_argument("--network", default="VGG16", choices=ARCHITECTURES)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--sampled", type=int, default=1, help="photos, for methods that sample")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.model or saved(options.network, options.size, Path(folder))
        run(path, options, options.methods or METHODS)


def run(path: Path, options: argparse.Namespace, methods: Any) -> None:
    """Measure every method beside its peers, in turns."""
    ours, repeats, random = Ours(path, options.samples), options.repeats, np.random.default_rng(0)
    shape = max(options.batch, options.sampled), *ours.shape
    photos = random.uniform(-100, 100, shape).astype(np.float32)
    for method in methods:
        peers = started_peers(path, options.samples)
        batch = photos[: options.sampled if ours.counts(method) else options.batch]
        ours.predicted(batch)
        built, _ = ours.measured(lambda m=method: ours.build(m))
        first, _ = ours.measured(lambda m=method, b=batch: ours(m, b))
        rounds = [one_round(ours, peers, method, batch) for _ in range(repeats + 1)][1:]
        spent = {who: [r[who][0] for r in rounds] for who in rounds[0]}
        print(f"{method}: {medians(spent['ours'])} a batch of {len(batch)}")
        for who in spent.keys() - {"ours"}:
            print(f"    / {who}: {ratios(spent['ours'], spent[who])}, {medians(spent[who])} there")
        later = [first] * len(rounds)
        print(f"    first / later: {ratios(later, spent['ours'])}; built in {built.clock:.1f} s")
        values = rounds[0]
        if "iNNvestigate" in values and method in ("deep_taylor", "lrp.z", "lrp.epsilon"):
            a, b = values["ours"][1], values["iNNvestigate"][1]
            largest = np.abs(b).max() or 1.0  # Deep Taylor of a logit below zero is zero
            print(f"    largest difference: {np.abs(a - b).max() / largest:.1e} of the map")
        peaks = {who: round(peer.peak(), 2) for who, peer in peers.items()}
        print(f"    peak memory, GB: {peaks}; the worker's up to now {peak_of(ours.pid):.2f}")


def started_peers(path: Path, n_samples: int) -> dict[str, Peer]:
    """New peers with the model loaded; iNNvestigate would keep the memory of an earlier method."""
    peers = {
        "tf.function": Peer(bare_gradient, path),
        "iNNvestigate": Peer(innvestigate, path, n_samples),
    }
    for peer in peers.values():
        peer.wait()  # or they take the processors from the first batch
    return peers


def one_round(ours: Ours, peers: dict[str, Peer], method: str, batch: Any) -> dict[str, Any]:
    """{who: (spent, maps)} of one method, one after the other."""
    round_ = {"ours": ours.measured(lambda: ours(method, batch))}
    if method != "grad_cam":  # iNNvestigate has none
        round_["iNNvestigate"] = peers["iNNvestigate"](method.removeprefix(PARITY), batch)
    if method == "gradient":
        round_["tf.function"] = peers["tf.function"](method, batch)
    if method.startswith(("lrp", "deep_taylor")):
        round_["our gradient"] = ours.measured(lambda: ours("gradient", batch))
    return round_


def medians(spent: list[Spent]) -> str:
    """The median times."""
    clock, processor = (statistics.median(times) for times in zip(*spent, strict=True))
    return f"{clock:.3f} s ({processor:.3f} s of processor time)"


def ratios(ours: list[Spent], theirs: list[Spent]) -> str:
    """Medians of the paired ratios and their ranges, on the clock and of processor time."""
    said = []
    for field, name in enumerate(("clock", "processor")):
        found = sorted(a[field] / b[field] for a, b in zip(ours, theirs, strict=True))
        said.append(f"{name} {statistics.median(found):.2f} ({found[0]:.2f}-{found[-1]:.2f})")
    return ", ".join(said)


def timed(function: Callable[[], Any]) -> tuple[Spent, Any]:
    """(time that this process spent, result)."""
    clock, processor = time.perf_counter(), time.process_time()
    result = function()
    return Spent(time.perf_counter() - clock, time.process_time() - processor), result


def processor_seconds(pid: int) -> float:
    """Processor time of all threads of a process (on Linux)."""
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def peak_of(pid: int) -> float:
    """Peak resident memory of a process on Linux, in GB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1e6
    return float("nan")


# --- the contenders ----------------------------------------------------------------------------


class Ours:
    """The worker, as a function from a method and a batch to maps."""

    def __init__(self, path: Path, n_samples: int = 8, engine: str | None = None) -> None:
        from sat_nb.saliency import methods
        from sat_nb.saliency.engines.places import engine_of
        from sat_nb.saliency.live_model import model_file
        from sat_nb.saliency.process.pool import ask, shared_pool

        with model_file(path) as self.file:
            self.ask, self.methods = ask, methods.METHODS
            self.pool = shared_pool(engine_of(path, engine).program)
        facts = ask("facts", "loading", pool=self.pool, file=self.file)
        self.shape, self.pid = facts.input_shape, self.pool.pids()[0]
        self.n_samples = n_samples
        self.last, self.outputs = None, None

    def __call__(self, method: str, batch: Any) -> Any:
        """The method's maps of the batch, after :meth:`build`."""
        entry = self.methods[method]
        if entry.engine == "random":
            drawn = [random_map(self.shape, seed=seed) for seed in range(len(batch))]
            return [chunk.attribution for chunk in drawn]
        at_once = 1 if entry.sampling else entry.images_at_once or len(batch)
        _, outputs = self.predicted(batch)
        chunks = []
        for first in range(0, len(batch), at_once):
            some = batch[first : first + at_once]
            chunks += self._ask(
                "analyze",
                method,
                batch=some,
                targets=[1] * len(some),
                seeds=list(range(first, first + len(some))),
                points_at_once=points_at_once(self.shape),
                outputs=outputs[first : first + at_once],
            )
        return [chunk.attribution for chunk in chunks]

    def measured(self, function: Callable[[], Any]) -> tuple[Spent, Any]:
        """(time that the worker and this process spent, result)."""
        before = processor_seconds(self.pid)
        (clock, caller), result = timed(function)
        return Spent(clock, caller + processor_seconds(self.pid) - before), result

    def predicted(self, batch: Any) -> Any:
        """The predictions for the batch, which ``explain`` asks for once, before all methods."""
        if self.last is not batch:
            arguments = {"pool": self.pool, "file": self.file, "batch": batch}
            self.last, self.outputs = batch, self.ask("predict", "predicting", **arguments)
        return self.outputs

    def build(self, method: str) -> None:
        """Build the method's graph, as ``explain`` does before its first image."""
        if self.methods[method].engine != "random":
            self._ask("build", method)

    def counts(self, method: str) -> list[str]:
        """The method's parameters that are numbers of samples."""
        return [name for name in SAMPLES if name in self.methods[method].parameters]

    def _ask(self, command: str, method: str, **arguments: Any) -> Any:
        defaults = {name: p.default for name, p in self.methods[method].parameters.items()}
        parameters = {**defaults, **dict.fromkeys(self.counts(method), self.n_samples)}
        arguments |= {"file": self.file, "method": method, "parameters": parameters}
        return self.ask(command, method, pool=self.pool, **arguments)


class Peer:
    """A process of its own: ``peer(method, batch)`` is (what it spent, maps)."""

    def __init__(self, serve: Any, path: Path, *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        arguments = (other, str(path), *arguments)
        self.process = context.Process(target=serve, args=arguments, daemon=True)
        self.process.start()

    def wait(self) -> None:
        """Wait until it has loaded the model."""
        self.pipe.recv()

    def __call__(self, method: str, batch: Any) -> tuple[Spent, Any]:
        """(what it spent, maps)."""
        self.pipe.send((method, batch))
        return self.pipe.recv()

    def peak(self) -> float:
        """Peak resident memory in GB; ends the process."""
        self.pipe.send(None)
        gigabytes: float = self.pipe.recv()
        self.process.join()
        return gigabytes


def answer(pipe: Any, compute: Any) -> None:
    """Report when ready, then answer with (time spent, maps) until asked for the peak memory."""
    pipe.send("ready")
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


def innvestigate(pipe: Any, path: str, n_samples: int) -> None:
    """iNNvestigate as its documentation uses it."""
    import tensorflow as tf

    tf.compat.v1.disable_eager_execution()
    tf.keras.backend.get_uid("input")  # or its new input takes the name of the model's
    import innvestigate
    from innvestigate.backend.graph import model_wo_softmax

    model = tf.keras.models.load_model(path, compile=False)
    if isinstance(model.layers[-1], tf.keras.layers.Softmax):
        model = tf.keras.Model(model.input, model.layers[-1].input)
    else:
        model = model_wo_softmax(model)
    counts = {"smoothgrad": "augment_by_n", "integrated_gradients": "steps"}
    built: dict[str, Any] = {}

    def compute(method: str, batch: Any) -> Any:
        if method not in built:
            options = {counts[method]: n_samples} if method in counts else {}
            built[method] = innvestigate.create_analyzer(
                method, model, neuron_selection_mode="index", **options
            )
        result = built[method].analyze(batch, neuron_selection=[1] * len(batch))
        return next(iter(result.values())) if isinstance(result, dict) else result

    answer(pipe, compute)


def saved(name: str, size: int, folder: Path) -> Path:
    """The untrained model's file, saved by a process that ends with it."""
    path = folder / "model.h5"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_save, args=(name, size, str(path)))
    process.start()
    process.join()
    return path


def _save(name: str, size: int, path: str) -> None:
    ARCHITECTURES[name]((size, size, 3), 10).save(path)


if __name__ == "__main__":
    main()
