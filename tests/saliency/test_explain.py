"""explain as its users call it: targets, live models, grey models, an eager caller."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from sat_nb.saliency.explain import explain
from sat_nb.saliency.process import pool
from tests.saliency.conftest import KERAS

ROOT = Path(__file__).parents[2]
OPTIONS = {"methods": "gradient", "preprocess": "signed", "progress": False}


def test_each_image_has_its_own_target(model_files, images):
    file = model_files["logits.h5"]
    by_class = [explain(file, images, **OPTIONS, target=c)["gradient"] for c in range(3)]
    wanted = [2, 0, 1, 1, 0]
    for target in (wanted, np.array(wanted), dict(zip(images, wanted, strict=True))):
        maps = explain(file, images, **OPTIONS, target=target, batch_size=2)
        for i, c in zip(images, wanted, strict=True):
            np.testing.assert_allclose(maps["gradient"][i], by_class[c][i], atol=1e-6)
            assert maps.facts[i].target == c
    assert abs(by_class[0]["a"] - by_class[1]["a"]).max() > 1e-3


def test_facts_of_the_images(model_files, keras, images, inputs):
    maps = explain(model_files["activation.h5"], images, **OPTIONS, target=0)
    model = keras.models.load_model(model_files["activation.h5"], compile=False)
    for i, x in inputs.items():
        facts = maps.facts[i]
        assert (facts.height, facts.width) == images.size(i)
        assert facts.predicted == int(np.argmax(model(x[None])))
        assert facts.target == 0
    assert maps.model == "activation"
    assert maps.fit == "stretch"
    assert maps.input_size == (12, 12)
    assert maps.settings["versions"]["innvestigate"] == "2.1.2"


def test_preprocess_sees_rgb_0_to_255_and_may_write(model_files):
    seen = []

    def preprocess(batch):
        seen.append(batch.copy())
        batch /= 255
        return batch

    red = np.zeros((12, 12, 3), np.uint8)
    red[..., 0] = 255
    options = {**OPTIONS, "preprocess": preprocess}
    ours = explain(model_files["logits.h5"], {"red": red}, **options)
    unit = explain(model_files["logits.h5"], {"red": red}, **{**options, "preprocess": "unit"})
    np.testing.assert_array_equal(seen[-1], red[None].astype(np.float32))
    np.testing.assert_array_equal(ours["gradient"]["red"], unit["gradient"]["red"])


def test_grey_model_sees_the_luminance(make_model, images, keras):
    model = make_model(shape=(12, 12, 1))
    grey = np.repeat(np.arange(144, dtype=np.uint8).reshape(12, 12, 1), 3, axis=2)
    maps = explain(model, {"grey": grey}, **{**OPTIONS, "preprocess": "unit"})
    assert maps["gradient"]["grey"].shape == (12, 12, 1)
    expected = model(grey[None, ..., :1] / np.float32(255))
    assert maps.facts["grey"].predicted == int(np.argmax(expected))


def test_training_goes_on_around_explain(keras, make_model, images, inputs):
    import tensorflow as tf

    model = make_model(keras.layers.Dense(3, activation="softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = np.stack(list(inputs.values())), np.array([0, 1, 2, 0, 1])
    model.fit(x, y, epochs=1, verbose=0)
    before = explain(model, images, **OPTIONS, target=0)
    assert tf.executing_eagerly()
    model.fit(x, y, epochs=3, verbose=0)
    after = explain(model, images, **OPTIONS, target=0)
    history = model.fit(x, y, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert tf.executing_eagerly()
    assert before.model == model.name
    assert abs(before["gradient"]["a"] - after["gradient"]["a"]).max() > 1e-6


def test_live_model_resumes_by_content(make_model, images, tmp_path, monkeypatch):
    model = make_model()
    explain(model, images, **OPTIONS, out=tmp_path / "maps")
    monkeypatch.setattr(pool.WorkerPool, "request", pytest.fail)
    again = explain(model, images, **OPTIONS, out=tmp_path / "maps")
    assert len(again["gradient"]) == 5


def test_worker_is_shared_and_models_may_alternate(model_files, images):
    first = explain(model_files["logits.h5"], images, **OPTIONS)["gradient"]["a"]
    pids = pool.shared_pool(KERAS).pids()
    other = explain(model_files["no_bias.h5"], images, **OPTIONS)["gradient"]["a"]
    again = explain(model_files["logits.h5"], images, **OPTIONS)["gradient"]["a"]
    assert pool.shared_pool(KERAS).pids() == pids
    np.testing.assert_allclose(first, again, atol=1e-6)
    assert abs(first - other).max() > 1e-3


def test_progress_counts_maps(model_files, images, capsys):
    explain(model_files["logits.h5"], images, **{**OPTIONS, "progress": True})
    assert "5/5" in capsys.readouterr().err


PROGRAM = """
import sys, numpy as np
from sat_nb.saliency.explain import (explain)
images = {"a": np.zeros((5, 5, 3), np.uint8), "b": np.ones((5, 5, 3), np.uint8)}
maps = explain(%r, images, methods="lrp.z", preprocess="unit", progress=False)
assert "tensorflow" not in sys.modules and "innvestigate" not in sys.modules
print(maps["lrp.z"]["a"].shape, len(maps["lrp.z"]))
"""


@pytest.mark.parametrize("how", ["script", "-c"])
def test_script_without_main_guard(how, model_files, tmp_path):
    program = PROGRAM % str(model_files["logits.h5"])
    (tmp_path / "script.py").write_text(program)
    arguments = [str(tmp_path / "script.py")] if how == "script" else ["-c", program]
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        timeout=120,
        check=False,
    )
    assert done.stdout == "(12, 12, 3) 2\n", done.stderr


def test_import_is_light():
    program = """
        import sys, sat_nb.saliency
        heavy = {"tensorflow", "keras", "innvestigate", "tqdm", "matplotlib", "pandas"}
        print(sorted(heavy & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout == "[]\n"
