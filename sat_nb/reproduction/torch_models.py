"""Small classifiers of PyTorch and Keras 3, trained on photos: a program of its own.

It runs in the Python in which the torch engine is installed, which need not be the caller's:
``python -m sat_nb.reproduction.torch_models KIND PHOTOS.npz MODEL``. All models take photos from 0
to 1 (``preprocess="unit"``). :func:`train` starts it; the others are for that Python.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sat_nb.errors import WorkerFailed, unknown_name
from sat_nb.files import written_whole
from sat_nb.reproduction.cnn import Images, Labels
from sat_nb.saliency.engines.entries import ENGINES
from sat_nb.saliency.engines.places import find
from sat_nb.temporary import temporary_folder

KINDS: Mapping[str, str] = {"cnn": ".pt2", "vit": ".pt2", "keras3": ".keras"}
"""{kind: the ending of its model file}: a CNN and a vision transformer of PyTorch, and a CNN of
Keras 3."""


def train(
    kind: str,
    images: Images,
    labels: Labels,
    out: str | os.PathLike[str],
    *,
    epochs: int = 30,
    seed: int = 0,
) -> Path:
    """Train a small classifier where the torch engine is installed; the file of the model.

    Parameters
    ----------
    kind : str
        A key of KINDS.
    images : Mapping
        {image_id: uint8 (H, W, 3)}, all of one size; H and W are multiples of 24.
    labels : Mapping
        {image_id: class}, classes 0 .. n-1, the images to train on.
    out : str or path
        The model file. Its output are the logits of the classes.
    epochs : int, default 30
        Passes over the photos.
    seed : int, default 0
        Seed of weights, order and mirroring.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    EngineMissing
        If the torch engine is not installed; the message says how to install it.
    WorkerFailed
        If the training fails, with the end of what it printed.
    """
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    place = find(ENGINES["torch"])
    with temporary_folder() as folder, written_whole(out) as part:
        photos, model = folder / "photos.npz", folder / f"model{KINDS[kind]}"
        classes = np.array([labels[image_id] for image_id in labels])
        np.savez(photos, pixels=np.stack([images[i] for i in labels]), classes=classes)
        python = place.python or sys.executable
        options = [str(photos), str(model), str(epochs), str(seed)]
        done = subprocess.run(
            [python, "-m", __name__, kind, *options], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise WorkerFailed(f"training {kind!r} failed:\n{done.stderr[-2000:]}")
        part.write_bytes(model.read_bytes())
    return Path(out)


# --- in that Python ----------------------------------------------------------------------------


def _train(kind: str, photos: str, out: str, epochs: str, seed: str) -> None:
    import torch

    torch.set_num_threads(1)  # the same numbers on any number of cores, and quick enough
    arrays = np.load(photos)
    pixels, classes = arrays["pixels"].astype(np.float32) / 255, arrays["classes"]
    save = _train_keras if kind == "keras3" else _train_torch
    save(kind, pixels, classes, Path(out), epochs=int(epochs), seed=int(seed))


def _train_torch(
    kind: str, pixels: Any, classes: Any, out: Path, *, epochs: int, seed: int
) -> None:
    """AdamW in one cycle, photos mirrored at random; saved as a program for any batch."""
    import torch

    from sat_nb.saliency.engines.torch.export import export

    torch.manual_seed(seed)
    photos = torch.from_numpy(np.moveaxis(pixels, 3, 1).copy())
    wanted = torch.from_numpy(classes.astype(np.int64))
    model = _NETWORKS[kind](tuple(photos.shape[2:]), int(classes.max()) + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    n_steps = epochs * -(-len(photos) // 32)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=n_steps)
    for _ in range(epochs):
        for some in torch.randperm(len(photos)).split(32):
            batch = photos[some]
            mirrored = torch.rand(len(some), 1, 1, 1) < 0.5
            logits = model(torch.where(mirrored, batch.flip(3), batch))
            loss = torch.nn.functional.cross_entropy(logits, wanted[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            falling.step()
    export(model.eval(), out, pixels.shape[1:3])


def _cnn(size: tuple[int, int], n_classes: int) -> Any:
    """The convolutions of ``cnn.small_cnn`` in PyTorch, with batch normalisation."""
    from torch import nn

    def convolution(before: int, after: int, kernel: int = 3, stride: int = 1) -> list[Any]:
        layer = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
        return [layer, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(
        *convolution(3, 16, kernel=5, stride=2),
        *convolution(16, 24),
        *convolution(24, 32),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(32 * 16, 32),
        nn.ReLU(),
        nn.Linear(32, n_classes),
    )


def _vit(size: tuple[int, int], n_classes: int) -> Any:
    """A vision transformer (Dosovitskiy et al. 2021): patches of 12 px, 64 numbers, 2 blocks.

    Patches are made by three convolutions (Xiao et al. 2021, "Early Convolutions Help Transformers
    See Better"), without which it learns nothing from a few hundred photos.
    """
    import torch
    from torch import nn

    width, heads, px = 64, 2, 12

    def convolution(before: int, after: int, kernel: int) -> list[Any]:
        layer = nn.Conv2d(before, after, kernel, 2, padding=kernel // 2, bias=False)
        return [layer, nn.BatchNorm2d(after), nn.ReLU()]

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(
                nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
            )

        def forward(self, x: Any) -> Any:
            n, tokens, _ = x.shape
            parts = self.qkv(self.norm_1(x)).reshape(n, tokens, 3, heads, width // heads)
            q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
            mixed = nn.functional.scaled_dot_product_attention(q, k, v)
            x = x + self.out(mixed.transpose(1, 2).reshape(n, tokens, width))
            return x + self.mlp(self.norm_2(x))

    class Vit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            n_patches = math.prod(side // px for side in size)
            self.patches = nn.Sequential(
                *convolution(3, 16, 5), *convolution(16, 32, 3), nn.Conv2d(32, width, 3, 3)
            )
            self.token = nn.Parameter(torch.zeros(1, 1, width))
            self.positions = nn.Parameter(0.02 * torch.randn(1, n_patches + 1, width))
            self.blocks = nn.Sequential(*(Block() for _ in range(2)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, n_classes)

        def forward(self, x: Any) -> Any:
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
            return self.head(self.norm(self.blocks(x))[:, 0])

    return Vit()


_NETWORKS = {"cnn": _cnn, "vit": _vit}


def _train_keras(
    kind: str, pixels: Any, classes: Any, out: Path, *, epochs: int, seed: int
) -> None:
    """The network of ``cnn.small_cnn`` in Keras 3 on PyTorch, photos mirrored at random."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    convolutions = [
        layer
        for filters, kernel, stride in ((16, 5, 2), (24, 3, 1), (32, 3, 1), (48, 3, 1))
        for layer in (
            layers.Conv2D(filters, kernel, stride, padding="same", activation="relu"),
            layers.MaxPooling2D(),
        )
    ]
    classifier = [layers.Dense(32, activation="relu"), layers.Dense(int(classes.max()) + 1)]
    ends = [layers.Flatten(), *classifier]
    model = keras.Sequential([layers.Input(pixels.shape[1:]), *convolutions, *ends])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    n_steps = epochs * -(-len(pixels) // 32)
    falling = keras.optimizers.schedules.CosineDecay(2e-3, n_steps)
    model.compile(keras.optimizers.Adam(falling), loss)
    for _ in range(epochs):
        mirrored = random.random((len(pixels), 1, 1, 1)) < 0.5
        photos = np.where(mirrored, pixels[:, :, ::-1], pixels)
        model.fit(photos, classes, batch_size=32, verbose=0)
    model.save(out)


if __name__ == "__main__":
    _train(*sys.argv[1:])
