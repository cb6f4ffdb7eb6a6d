"""Maps of one engine, computed in its own Python: a program for tests of agreement.

    python -m tests.saliency.torch.both_engines keras|torch FOLDER float64|float32

The folder holds models (``*.h5``) and ``asked.npz`` with ``batch`` (n, H, W, C) and ``methods``. Of
each model ENGINE.MODEL.one.FLOAT.npz and ENGINE.MODEL.pair.FLOAT.npz get {method: maps
(n, H, W, C)} for the predicted classes and pairs of them, and the logits, "logits" (n, k).
"""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sat_nb.saliency.methods import read_methods, read_parameters
from sat_nb.saliency.model_file import ModelFile, content_sha256


class Doubled:
    """NumPy for an engine that calls its numbers float32, but is to compute in float64."""

    float32 = np.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def keras_commands(path: Path, kind: str) -> dict[str, Any]:
    """The Keras engine in this process; in float64, the file becomes a model of float64."""
    import h5py

    from sat_nb.saliency.process import server

    server._serving = True
    import tensorflow as tf

    if kind == "float32":
        from sat_nb.saliency.engines.keras.commands import COMMANDS

        return COMMANDS

    tf.keras.backend.set_floatx("float64")
    with h5py.File(path, "r+") as file:
        config = file.attrs["model_config"]
        text = config if isinstance(config, str) else config.decode()
        file.attrs["model_config"] = text.replace('"float32"', '"float64"')
    from sat_nb.saliency.engines.keras import commands, graph, relevance, rewrite

    for module in (commands, graph, relevance, rewrite):
        if hasattr(module, "np"):
            module.np = Doubled()
    return commands.COMMANDS


def torch_commands(path: Path, kind: str) -> dict[str, Any]:
    """The torch engine in this process."""
    from dataclasses import replace

    import torch

    from sat_nb.saliency.engines.commands import Commands
    from sat_nb.saliency.engines.torch.commands import ENGINE
    from sat_nb.saliency.engines.torch.load import read_classifier

    return Commands(
        replace(ENGINE, read=partial(read_classifier, dtype=getattr(torch, kind)))
    ).by_name()


ENGINES = {"keras": keras_commands, "torch": torch_commands}


def main(engine: str, folder: str, kind: str) -> None:
    """Compute and write the maps of all models in the folder."""
    models = sorted(Path(folder).glob("*.h5"))
    given = np.load(Path(folder, "asked.npz"))
    for path in models:
        own = path.with_name(f"{engine}_{path.name}")
        shutil.copy(path, own)
        commands = ENGINES[engine](own, kind)
        file = ModelFile(str(own), path.stem, content_sha256(own), trusted=True)
        n_outputs = commands["facts"](file).n_outputs
        targets = commands["predict"](file, given["batch"])[0].argmax(axis=1).tolist()
        for asked, against in {"one": None, "pair": n_outputs - 1}.items():
            pair = [target if target != against else 0 for target in targets]
            found = maps(commands, file, given, pair, against)
            np.savez(Path(folder, f"{engine}.{path.stem}.{asked}.{kind}.npz"), **found)
        own.unlink()


def maps(
    commands: Any, file: ModelFile, given: Any, targets: list[int], against: int | None
) -> dict[str, Any]:
    """{method: maps}, and the logits."""
    batch = given["batch"]
    found = {"logits": commands["predict"](file, batch)[1]}
    methods = read_methods([str(name) for name in given["methods"]])
    for name, parameters in read_parameters(methods).items():
        seeds = [0] * len(batch)
        chunks = commands["analyze"](file, name, parameters, batch, targets, seeds, against=against)
        found[name] = np.stack([chunk.attribution for chunk in chunks])
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
