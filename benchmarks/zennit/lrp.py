"""Cost of zennit's LRP in forward passes and gradients of its own model, in one run.

    make peers         or, in an environment with torch and zennit:
    python benchmarks/zennit/lrp.py [--batch 8] [--repeats 5]

VGG16 with random weights, layer by layer that of tf.keras.applications.VGG16, and one batch of
random photos, 224 x 224 px. Every method takes its turn in each round; the ratios are paired. "lrp
epsilon" has the epsilon rule in all layers, as iNNvestigate's ``lrp.epsilon`` has;
"EpsilonPlusFlat" is zennit's composite of that name: z+ in convolutions, flat in the first
layer. Set the results beside those of ``python benchmarks/saliency.py`` as ratios, since the
frameworks differ.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from zennit.attribution import Gradient
from zennit.composites import EpsilonPlusFlat, LayerMapComposite, layer_map_base
from zennit.core import Composite
from zennit.rules import Epsilon
from zennit.types import Linear

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions before a pool


def main() -> None:
    """Print seconds, and medians and ranges of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.manual_seed(0)
    methods = contenders(vgg16(), torch.rand(options.batch, 3, 224, 224) * 200 - 100)
    rounds = [
        {name: timed(method) for name, method in methods.items()}
        for _ in range(options.repeats + 1)
    ][1:]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batch {options.batch}")
    for name in methods:
        seconds = statistics.median(turn[name] for turn in rounds)
        ratios = ", ".join(f"{ratio(rounds, name, of)} {of}" for of in ("forward", "gradient"))
        print(f"{name:16s} {seconds:6.2f} s; {ratios}")


def contenders(model: nn.Module, batch: torch.Tensor) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    classes = torch.ones(len(batch), dtype=torch.long)
    target = torch.eye(1000)[classes]

    def forward() -> object:
        with torch.inference_mode():
            return model(batch)

    def attribution(composite: Composite | None) -> torch.Tensor:
        with Gradient(model=model, composite=composite) as attributor:
            return attributor(batch, target)[1]

    return {
        "forward": forward,
        "gradient": lambda: attribution(None),
        "input x gradient": lambda: batch * attribution(None),
        "lrp epsilon": lambda: attribution(epsilon_everywhere()),
        "EpsilonPlusFlat": lambda: attribution(EpsilonPlusFlat()),
    }


def epsilon_everywhere() -> Composite:
    """The epsilon rule in each layer with weights; activations pass all relevance."""
    return LayerMapComposite(layer_map=[*layer_map_base(), (Linear, Epsilon(epsilon=1e-7))])


def vgg16() -> nn.Module:
    """VGG16 up to its logits, with PyTorch's random weights."""
    layers: list[nn.Module] = []
    before = 3
    for channels, count in BLOCKS:
        for _ in range(count):
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
            before = channels
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(512 * 7 * 7, 4096), nn.ReLU()]
    layers += [nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)]
    model = nn.Sequential(*layers).eval()
    assert sum(p.numel() for p in model.parameters()) == 138_357_544  # as Keras counts
    return model


def ratio(rounds: list[dict[str, float]], name: str, of: str) -> str:
    """Median and range of the paired ratios."""
    found = sorted(turn[name] / turn[of] for turn in rounds)
    return f"{statistics.median(found):.2f} ({found[0]:.2f} to {found[-1]:.2f})"


def timed(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
