"""Live modules and programs through all of ``explain``, in a worker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sat_nb as sat


@pytest.fixture(scope="module")
def photos() -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {str(i): random.integers(0, 256, (20, 24, 3)).astype(np.uint8) for i in range(3)}


def test_a_live_module_and_its_program_are_explained_alike(
    torch: Any, programs: Any, photos: Any
) -> None:
    from tests.saliency.torch import networks

    methods = ["gradient", "smoothgrad", "lrp.z", "deep_taylor", "grad_cam", "random"]
    given = {"methods": methods, "preprocess": "unit", "samples": 4, "progress": False}
    live = sat.explain(networks.made(networks.ResNet), photos, input_size=(16, 16), **given)
    file = sat.explain(programs["resnet"], photos, engine="torch", **given)
    for method in methods:
        for image_id in photos:
            assert live[method][image_id].shape == (16, 16, 1 if method == "grad_cam" else 3)
            np.testing.assert_array_equal(live[method][image_id], file[method][image_id])


def test_a_transformer_is_explained_by_its_attention(
    torch: Any, programs: Any, photos: Any
) -> None:
    methods = ["attention_rollout", "gradient_attention", "lrp.z", "integrated_gradients"]
    given = {"methods": methods, "preprocess": "unit", "progress": False}
    maps = sat.explain(programs["vit"], photos, **given)
    assert maps["attention_rollout"]["0"].shape == (16, 16, 1)
    assert all(np.abs(maps[method]["0"]).max() > 0 for method in methods)
    assert maps.select(methods=["attention_rollout"]).facts["0"].target is None
    with pytest.raises(sat.InvalidInput, match="'attention_rollout' are the same for all classes"):
        sat.explain(programs["vit"], photos, target=(0, 1), **given)


def test_what_a_module_cannot_is_said_before_any_work(torch: Any, photos: Any) -> None:
    from tests.saliency.torch import networks

    given = {"preprocess": "unit", "progress": False, "input_size": (16, 16)}
    with pytest.raises(sat.InvalidInput, match="'deep_taylor' cannot explain .*layer_norm"):
        sat.explain(networks.made(networks.ViT), photos, methods="deep_taylor", **given)
    with pytest.raises(sat.InvalidInput, match=r"training mode.*model.eval\(\)"):
        sat.explain(networks.ResNet(), photos, methods="gradient", **given)
