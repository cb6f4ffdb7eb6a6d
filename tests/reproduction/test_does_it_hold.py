"""Deletion, randomised models and their verdicts: by hand, and the whole study very small."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import sat_nb as sat
from sat_nb.interventions import deletion
from sat_nb.interventions.deletion import DELETIONS, deletion_effects, load_logits
from sat_nb.interventions.weight_randomisation import randomise_layers, weighted_layers
from sat_nb.reproduction import does_it_hold
from sat_nb.reproduction import does_it_hold_checks as checks
from sat_nb.reproduction.does_it_hold_checks import NOISE, spearman

H, W = 12, 10


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small model twice: its softmax in the last layer, and as a layer of its own."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(3)
    layers, folder = tf.keras.layers, tmp_path_factory.mktemp("models")
    photo = layers.Input((H, W, 3))
    features = layers.Conv2D(4, 3, activation="relu", name="low")(photo)
    features = layers.Dense(5, activation="relu", name="middle")(layers.Flatten()(features))
    fused = layers.Dense(3, activation="softmax", name="top")
    ends = {"fused": fused(features)}
    plain = layers.Dense(3, name="plain")
    ends["apart"] = layers.Activation("softmax")(plain(features))
    plain.set_weights(fused.get_weights())
    for name, end in ends.items():
        tf.keras.Model(photo, end).save(folder / f"{name}.h5", include_optimizer=False)
    return folder


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logits that are sums of the pixels times weights: what a deletion does is known."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [layers.Input((H, W, 3)), layers.Flatten(), layers.Dense(2, "softmax", name="sum")]
    )
    file = tmp_path_factory.mktemp("linear") / "linear.h5"
    model.save(file, include_optimizer=False)
    return file


def photo(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (H, W, 3), dtype=np.uint8)


def halves() -> sat.SegmentationMap:
    masks = np.zeros((2, H, W), dtype=bool)
    masks[0, :4, :5], masks[1, 6:, 2:] = True, True
    return sat.SegmentationMap(("head", "legs"), masks)


# --- deletion -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DELETIONS)
def test_only_the_segment_changes(name: str) -> None:
    pixels, mask = photo(), halves().masks[1]
    before = pixels.copy()
    deleted = DELETIONS[name](pixels, mask)
    assert deleted.dtype == np.uint8
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(deleted[~mask], pixels[~mask])
    assert (deleted[mask] != pixels[mask]).any()
    assert DELETIONS[name](pixels, np.ones((H, W), bool)).shape == (H, W, 3)


@pytest.mark.parametrize("name", ["blur", "inpaint"])
def test_a_plain_photo_stays_as_it_is(name: str) -> None:
    plain = np.full((H, W, 3), (10, 200, 90), dtype=np.uint8)
    np.testing.assert_array_equal(DELETIONS[name](plain, halves().masks[0]), plain)


def test_inpainting_goes_from_edge_to_edge() -> None:
    ramp = np.repeat(np.linspace(0, 220, W)[None, :, None], H, axis=0).repeat(3, axis=2)
    ramp = ramp.astype(np.uint8)
    mask = np.zeros((H, W), bool)
    mask[4:8, 3:7] = True
    filled = DELETIONS["inpaint"](np.where(mask[..., None], 255, ramp).astype(np.uint8), mask)
    assert np.abs(filled.astype(int) - ramp).max() <= 2


def test_effects_are_what_the_weights_say(linear: Path, tmp_path: Path) -> None:
    found = deletion_effects(
        linear,
        {"a/1": photo(), "b": photo(1)},
        {"a/1": halves(), "b": halves()},
        {"a/1": 1, "b": 0},
        preprocess="unit",
        kept=tmp_path,
        pad_px=1,
    )
    import tensorflow as tf

    weights = tf.keras.models.load_model(linear, compile=False).get_layer("sum").get_weights()[0]
    padded = halves().pad(1)
    for row in found[found["deletion"] == "grey"].itertuples():
        pixels, target = (photo(), 1) if row.image_id == "a/1" else (photo(1), 0)
        mask = padded.masks[padded.names.index(row.segment)]
        by_pixel = weights[:, target].reshape(H, W, 3) * (pixels / 255.0 - 128 / 255)
        assert row.effect == pytest.approx(by_pixel[mask].sum(), abs=1e-4)
        assert row.mask_px == mask.sum()
    assert len(found) == 2 * 2 * 3


def test_deletions_that_are_kept_are_not_measured_again(
    linear: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ({"a": photo()}, {"a": halves()}, {"a": 0})
    options = {"preprocess": "unit", "kept": tmp_path}
    first = deletion_effects(linear, *arguments, **options)
    monkeypatch.setattr(deletion, "_image_effects", None)
    pd.testing.assert_frame_equal(deletion_effects(linear, *arguments, **options), first)
    with pytest.raises(sat.InvalidInput, match="deletions: unknown name 'gray'. Did you mean"):
        deletion_effects(linear, *arguments, **options, deletions=["gray"])


# --- randomised models --------------------------------------------------------------------------


def test_logits_are_those_before_the_softmax(saved: Path) -> None:
    import tensorflow as tf

    batch = np.random.default_rng(0).random((40, H, W, 3), dtype=np.float32)
    given = tf.keras.models.load_model(saved / "fused.h5", compile=False)(batch).numpy()
    for name in ("fused", "apart"):
        logits = load_logits(saved / f"{name}.h5")
        assert logits.input_size == (H, W)
        found = logits.of(batch)
        np.testing.assert_allclose(tf.nn.softmax(found).numpy(), given, atol=1e-5)
        assert not np.allclose(found.sum(axis=1), 1)


def weights_of(file: Path) -> dict[str, list[np.ndarray]]:
    import tensorflow as tf

    network = tf.keras.models.load_model(file, compile=False)
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def test_weights_are_random_from_the_top_down(saved: Path, tmp_path: Path) -> None:
    assert weighted_layers(saved / "fused.h5") == ("top", "middle", "low")
    own = weights_of(saved / "fused.h5")
    found = {}
    for depth in range(4):
        file = randomise_layers(saved / "fused.h5", depth, out=tmp_path / f"{depth}.h5", seed=1)
        found[depth] = weights_of(file)
        for place, name in enumerate(("top", "middle", "low")):
            same = np.array_equal(found[depth][name][0], own[name][0])
            assert same == (place >= depth)
    np.testing.assert_array_equal(found[1]["top"][0], found[3]["top"][0])
    again = randomise_layers(saved / "fused.h5", 3, out=tmp_path / "again.h5", seed=1)
    np.testing.assert_array_equal(weights_of(again)["low"][0], found[3]["low"][0])
    other = randomise_layers(saved / "fused.h5", 3, out=tmp_path / "other.h5", seed=2)
    assert not np.array_equal(weights_of(other)["low"][0], found[3]["low"][0])
    with pytest.raises(sat.InvalidInput, match="depth: the model has 3 layers .* got 4"):
        randomise_layers(saved / "fused.h5", 4, out=tmp_path / "4.h5")


def test_spearman_is_scipys() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(-5, 5, (2, 6, 7, 3)).astype(float)
    expected = spearmanr(*(np.abs(m.sum(axis=2)).ravel() for m in (a, b))).statistic
    assert spearman(a, b) == pytest.approx(expected)
    assert spearman(a, -a) == pytest.approx(1)
    assert np.isnan(spearman(a, np.zeros_like(a)))


def test_similarities_are_read_against_noise() -> None:
    values = {"1": [1.0, 0.9, 0.8, 1.0], "3": [0.3, 0.1, 0.2, 0.2], NOISE: [0.1, 0.1, 0.0, 0.2]}
    rows = [
        {"image_id": f"{i}", "method": m, "measure": "map", "against": a, "similarity": v + shift}
        for m, shift in (("b", 0.0), ("a", 0.05))
        for a, found in values.items()
        for i, v in enumerate(found)
    ]
    found = checks.summary_of_similarities(pd.DataFrame(rows), {1: "top", 3: "low"})
    assert found["method"].tolist() == ["b", "b", "a", "a"]
    assert found["layer"].tolist() == ["top", "low"] * 2
    assert found["similarity"].tolist() == pytest.approx([0.925, 0.2, 0.975, 0.25])
    assert found["left"].tolist() == pytest.approx([0.825, 0.1, 0.825, 0.1])
    assert (found["left_low"] <= found["left"]).all()


# --- verdicts -----------------------------------------------------------------------------------


def result(**frames: pd.DataFrame) -> SimpleNamespace:
    """A result on which every claim holds, but for what is given."""
    of_effects = pd.DataFrame(
        [
            {"deletion": d, "measured": e, "method": m, "tau": 0.5, "low": 0.4, "high": 0.6}
            | {"n_images": 9, "gain": 0.4, "gain_low": 0.3, "gain_high": 0.5}
            for d in ("grey", "blur")
            for e in ("whole", "by pixel")
            for m in ("lrp.z", "gradient", "random", "shuffled")
        ]
    )
    alike = pd.DataFrame(
        [
            {"measure": e, "method": m, "depth": 6, "similarity": 0.1, "noise": 0.1}
            | {"left": 0.0, "left_low": -0.05, "left_high": 0.05}
            for e in ("map", "ranking")
            for m in ("lrp.z", "gradient")
        ]
    )
    stability = pd.DataFrame(
        {"method": ["lrp.z", "gradient"], "n_images": 50, "tau": 0.95, "low": 0.9}
    )
    frames = {"deletion": of_effects, "randomisation": alike, "stability": stability} | frames
    return SimpleNamespace(data="embedded", **frames)


def changed(frame: str, methods: tuple[str, ...], **values: float) -> list[str]:
    """The five verdicts where one frame's rows of these methods have other values."""
    rows = getattr(result(), frame)
    chosen = rows["method"].isin(methods)
    other = rows.assign(**{column: rows[column].mask(chosen, v) for column, v in values.items()})
    return [claim.verdict for claim in checks.claims(result(**{frame: other}))]


ONE, BOTH = ("lrp.z",), ("lrp.z", "gradient")


def test_all_holds_where_every_method_does() -> None:
    assert [claim.verdict for claim in checks.claims(result())] == ["holds"] * 5


@pytest.mark.parametrize("column", ["low", "gain_low"])
def test_ranks_must_be_above_zero_and_above_noise(column: str) -> None:
    assert changed("deletion", ONE, **{column: -0.1})[:2] == ["holds in part"] * 2
    assert changed("deletion", BOTH, **{column: -0.1})[:2] == ["does not hold"] * 2


def test_what_is_left_of_maps_decides() -> None:
    surely, perhaps = {"left_low": 0.6, "left_high": 0.8}, {"left_low": -0.2, "left_high": 0.8}
    faintly = {"left_low": 0.1, "left_high": 0.3}
    assert changed("randomisation", ONE, **surely)[2:4] == ["holds in part"] * 2
    assert changed("randomisation", BOTH, **surely)[2:4] == ["does not hold"] * 2
    assert changed("randomisation", BOTH, **perhaps)[2:4] == ["cannot tell"] * 2
    assert changed("randomisation", ONE, **perhaps)[2:4] == ["holds in part"] * 2
    assert changed("randomisation", BOTH, **faintly)[2:4] == ["holds in part"] * 2


def test_too_few_images_to_tell_are_no_failure() -> None:
    assert changed("stability", ONE, tau=0.8)[4] == "holds in part"
    assert changed("stability", BOTH, tau=0.8)[4] == "cannot tell"
    assert changed("stability", BOTH, tau=0.8, n_images=100)[4] == "does not hold"
    assert changed("stability", BOTH, tau=0.95, n_images=200)[4] == "does not hold"


def test_a_method_that_fails_one_deletion_is_not_marked() -> None:
    frame = result().deletion
    worse = (frame["method"] == "lrp.z") & (frame["deletion"] == "blur")
    frame = frame.assign(low=frame["low"].mask(worse, -0.2), tau=frame["tau"].mask(worse, -0.1))
    whole = checks.claims(result(deletion=frame))[0]
    assert whole.verdict == "holds in part"
    assert "lrp.z -0.10 to 0.50, gradient* 0.50 to 0.50; controls: random" in whole.found


# --- the whole study ----------------------------------------------------------------------------


def test_the_study_finds_what_its_table_says(tmp_path: Path) -> None:
    import os

    found = does_it_hold.run(os.environ["SAT_NB_WORK"], size="tiny")
    settings = does_it_hold.SETTINGS["tiny"]
    assert found.table["image_id"].nunique() == settings.n_images
    assert set(found.effects["deletion"]) == set(DELETIONS)
    assert set(found.deletion["method"]) == {*settings.methods, "smallest first", "shuffled"}
    expected = sat.ranking_stability(found.table, n_repeats=settings.n_repeats)
    pd.testing.assert_frame_equal(
        found.stability, expected[expected["method"] != NOISE].reset_index(drop=True)
    )
    depths = found.randomisation["depth"].unique().tolist()
    assert depths == [1, len(weighted_layers(found.subject.model))]
    gradients = found.randomisation.query("method == 'gradient' and measure == 'map'")
    assert gradients["similarity"].is_monotonic_decreasing
    files = does_it_hold.draw(found, tmp_path)
    assert sorted(files) == sorted(tmp_path.iterdir())
    assert len(files) == 12, "three checks and an example, each as SVG, PNG and CSV"
    numbers = pd.read_csv(tmp_path / "does_it_hold_deletion.csv")
    pd.testing.assert_frame_equal(numbers, found.deletion.round(3), check_dtype=False)
