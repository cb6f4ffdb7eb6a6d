"""Cost of the torch engine's methods against bare autograd and its peers, in one run and process.

    .venv-torch/bin/python benchmarks/torch_engine.py [NETWORK ...] [--size 224] [--batch 4]
        [--turns 7] [--samples 8] [--threads 1] [--device cpu]

Networks have random weights. In every turn each method gets the same batch right after the plain
gradient, and the gradient right after autograd on the module itself, in the memory format that was
faster before. Printed are medians of these ratios and their quartiles: of processor time, which
other work on the machine hardly changes as long as there is one thread, or on a GPU of time on the
clock, and with it images a second. Methods that sample take one photo and ``--samples`` points, as
``explain`` asks for them, and their partner is the gradient of as many photos. captum and zennit,
where they are installed, run on the module itself, right after the engine's gradient.

The file is not called torch.py: a program's own folder comes first where modules are looked for.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sat_nb.errors import InvalidInput
from sat_nb.saliency.engines.torch.commands import COMMANDS
from sat_nb.saliency.engines.torch.export import export
from sat_nb.saliency.engines.torch.load import DEVICE, the_device
from sat_nb.saliency.methods import read_methods, read_parameters
from sat_nb.saliency.model_file import ModelFile

METHODS = ("lrp.z", "lrp.epsilon", "deep_taylor")
SAMPLED = ("integrated_gradients", "smoothgrad")
Pairs = dict[str, list[tuple[float, float]]]


def main() -> None:
    """Print the table, network by network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    os.environ[DEVICE] = options.device
    torch.set_num_threads(options.threads)
    rows = ("gradient / autograd", *METHODS, *SAMPLED, *PEERS)
    print("| network | images a second, gradient |", " | ".join(rows), "|")
    print("| --- |" + " --- |" * (1 + len(rows)))
    for name in options.networks or NETWORKS:
        torch.manual_seed(0)
        module = NETWORKS[name]().eval()
        pairs = measured(module, options)
        gradient = statistics.median(own for own, _ in pairs["gradient"])
        cells = [f"{options.batch / gradient:.1f}", *map(ratio, pairs.values())]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


def measured(module: Any, options: Any) -> Pairs:
    """{method: (its seconds, its partner's) in every turn}; a first turn is left out."""
    with tempfile.TemporaryDirectory() as folder:
        path = export(module, Path(folder) / "model.pt2", (options.size, options.size))
        file = ModelFile(str(path), "model", str(path))
        COMMANDS["facts"](file)
    shape = options.size, options.size, 3
    batch = np.random.default_rng(0).normal(size=(options.batch, *shape)).astype(np.float32)
    seconds = partial(spent, options.device)
    bare = better_format(module, batch, seconds)
    methods = read_methods((*METHODS, *SAMPLED))
    parameters = read_parameters(methods, samples=options.samples)
    parameters["integrated_gradients"]["n_nodes"] = options.samples
    many = np.repeat(batch[:1], options.samples, axis=0)
    _, outputs = COMMANDS["predict"](file, batch)
    highest = outputs.argmax(axis=1).tolist()  # for a logit below 0 Deep Taylor has no map
    peers = {name: peer(module, batch, options.samples) for name, peer in PEERS.items()}
    pairs: Pairs = {name: [] for name in ("gradient", *METHODS, *SAMPLED, *PEERS)}
    able = [method for method in METHODS if explains(file, method, parameters[method])]

    def analyze(method: str, images: Any, points: int = 1) -> float:
        targets = highest if images is batch else highest[:1] * len(images)
        asked = {"targets": targets, "seeds": [0] * len(images), "points_at_once": points}
        own, known = parameters.get(method, {}), outputs[: len(images)]
        return seconds(
            lambda: COMMANDS["analyze"](file, method, own, images, outputs=known, **asked)
        )

    for _ in range(options.turns + 1):
        partner = seconds(bare)
        pairs["gradient"].append((analyze("gradient", batch), partner))
        for method in able:
            partner = analyze("gradient", batch)
            pairs[method].append((analyze(method, batch), partner))
        for method in SAMPLED:
            partner = analyze("gradient", many)
            pairs[method].append((analyze(method, batch[:1], options.samples), partner))
        for name, peer in peers.items():
            if peer is not None:
                images = many if name in OF_SAMPLES else batch
                partner = analyze("gradient", images)
                pairs[name].append((seconds(peer), partner))
    return {name: times[1:] for name, times in pairs.items()}


def explains(file: ModelFile, method: str, parameters: Any) -> bool:
    """Whether the method knows all operations of the model."""
    try:
        COMMANDS["build"](file, method, parameters)
    except InvalidInput:
        return False
    return True


def better_format(module: Any, batch: Any, seconds: Any) -> Callable[[], Any]:
    """Autograd on the module itself, in the faster of two memory formats."""
    device = the_device()

    def gradient(own: Any, memory: Any) -> Any:
        x = torch.from_numpy(batch).to(device).permute(0, 3, 1, 2)
        x = x.contiguous(memory_format=memory).requires_grad_()
        (slopes,) = torch.autograd.grad(own(x)[:, 0].sum(), x)
        return slopes.permute(0, 2, 3, 1).cpu().numpy()

    found = []
    for memory in (torch.contiguous_format, torch.channels_last):
        own = module.to(device, memory_format=memory).requires_grad_(False)
        run = partial(gradient, own, memory)
        run()
        found.append((min(seconds(run) for _ in range(3)), memory))
    memory = min(found, key=lambda one: one[0])[1]
    return partial(gradient, module.to(device, memory_format=memory), memory)


def spent(device: str, function: Callable[[], Any]) -> float:
    """Processor time of this process while the function runs; on a GPU, time on the clock."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    function()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return clock() - start


def ratio(times: list[tuple[float, float]]) -> str:
    """Median of the paired ratios, and the middle half of them; "" where nothing was measured."""
    if not times:
        return ""
    low, median, high = statistics.quantiles([own / partner for own, partner in times], n=4)
    return f"{median:.2f} ({low:.2f}-{high:.2f})"


# --- peers -------------------------------------------------------------------------------------


def images_of(batch: Any, module: Any) -> Any:
    """The photos in PyTorch's layout, on the module's device."""
    return torch.from_numpy(batch).permute(0, 3, 1, 2).to(next(module.parameters()).device)


def captum_gradient(module: Any, batch: Any, n: int) -> Callable[[], Any] | None:
    """captum's Saliency."""
    try:
        from captum.attr import Saliency
    except ImportError:
        return None
    images = images_of(batch, module)
    return lambda: Saliency(module).attribute(images.requires_grad_(), target=0, abs=False)


def captum_integrated(module: Any, batch: Any, n: int) -> Callable[[], Any] | None:
    """captum's IntegratedGradients of one photo at n nodes."""
    try:
        from captum.attr import IntegratedGradients
    except ImportError:
        return None
    photo = images_of(batch[:1], module)
    method = IntegratedGradients(module)
    return lambda: method.attribute(photo, target=0, n_steps=n, method="riemann_middle")


def zennit_epsilon(module: Any, batch: Any, n: int) -> Callable[[], Any] | None:
    """zennit's LRP-epsilon in all layers; it has no rule for what transformers are made of."""
    try:
        from zennit.attribution import Gradient
        from zennit.composites import LayerMapComposite, layer_map_base
        from zennit.rules import Epsilon
        from zennit.types import Linear
    except ImportError:
        return None
    if any("Transformer" in type(part).__name__ for part in module.modules()):
        return None
    images = images_of(batch, module)
    composite = LayerMapComposite(layer_map=[*layer_map_base(), (Linear, Epsilon(epsilon=1e-7))])
    weights = torch.eye(1000, device=images.device)[[0] * len(images)]

    def run() -> Any:
        with Gradient(model=module, composite=composite) as attributor:
            return attributor(images, weights)

    return run


PEERS: dict[str, Callable[[Any, Any, int], Callable[[], Any] | None]] = {
    "captum gradient": captum_gradient,
    "captum integrated_gradients": captum_integrated,
    "zennit lrp.epsilon": zennit_epsilon,
}
OF_SAMPLES = ("captum integrated_gradients",)


# --- networks ----------------------------------------------------------------------------------


class Residual(nn.Module):
    """A block of ResNet-18."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        short = nn.Sequential(
            nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
        )
        self.short = nn.Identity() if before == width and stride == 1 else short

    def forward(self, x: Any) -> Any:
        """The block's output."""
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.short(x))


def resnet18() -> nn.Module:
    blocks, before = [], 64
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        blocks += [Residual(before, width, stride), Residual(width, width, 1)]
        before = width
    stem = (
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )
    return nn.Sequential(
        *stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)
    )


def vgg11() -> nn.Module:
    layers: list[nn.Module] = []
    before = 3
    for width in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0):
        layers += [nn.Conv2d(before, width, 3, 1, 1), nn.ReLU()] if width else [nn.MaxPool2d(2)]
        before = width or before
    head = nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(25088, 1024), nn.ReLU()
    return nn.Sequential(*layers, *head, nn.Linear(1024, 1000))


class Encoder(nn.Module):
    """A vision transformer with patches of 16 px, by default half of DeiT-tiny."""

    def __init__(self, width: int = 192, heads: int = 3, layers: int = 6) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, 1000)

    def forward(self, x: Any) -> Any:
        """The logits."""
        x = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.encoder(x).mean(dim=1))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resnet18": resnet18,
    "vgg11": vgg11,
    "encoder": Encoder,
    "deit_tiny": partial(Encoder, 192, 3, 12),
    "deit_small": partial(Encoder, 384, 6, 12),
}

if __name__ == "__main__":
    main()
