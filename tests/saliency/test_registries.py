"""Every entry of the saliency registries works, and two formulas never give one map by mistake."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.errors import InvalidInput
from sat_nb.geometry import stretch_image
from sat_nb.registry import Entry, Parameter
from sat_nb.saliency.live_model import model_file
from sat_nb.saliency.method import OUTPUTS, Method
from sat_nb.saliency.methods import METHODS, PAPER_METHODS, PARITY_METHODS, list_methods
from sat_nb.saliency.preprocess import (
    PREPROCESS,
    Preprocessing,
    apply_preprocess,
    get_preprocess,
    preprocess_settings,
)
from sat_nb.saliency.process.pool import ask, shared_pool
from sat_nb.saliency.sampling import QUADRATURES
from sat_nb.saliency.sampling_until_settled import SAMPLINGS
from sat_nb.saliency.store.codec import decode, encode
from tests.saliency.conftest import KERAS

SAME_MAPS = [
    {"gradient", "innvestigate.gradient", "gradient.baseline"},
    # LRP-Z of a ReLU network is the gradient times the input (Ancona et al. 2018, prop. 1).
    {"lrp.z", "innvestigate.lrp.z", "lrp", "input_t_gradient"},
    {"lrp.epsilon", "innvestigate.lrp.epsilon"},
    {"deep_taylor", "innvestigate.deep_taylor", "lrp.z_plus", "lrp.alpha_1_beta_0_IB"},
    {"lrp.alpha_beta", "lrp.alpha_2_beta_1"},
    {"lrp.sequential_preset_b_flat", "lrp.sequential_preset_b_flat_until_idx"},
]
"""Methods that give the same maps of the tiny model, as they should. Add yours if it does."""

SETTINGS_BEFORE = {
    "deconvnet": "fc8b1074",
    "deep_taylor": "2f74bd04",
    "deep_taylor.bounded": "52811499",
    "grad_cam": "63e5aedf",
    "gradient": "a9c37838",
    "gradient.baseline": "36497038",
    "guided_backprop": "fef25fec",
    "innvestigate.deep_taylor": "ea5495c0",
    "innvestigate.gradient": "797e7a06",
    "innvestigate.integrated_gradients": "0586e796",
    "innvestigate.lrp.epsilon": "d7888530",
    "innvestigate.lrp.z": "f8a61a91",
    "innvestigate.random": "1e6c17fa",
    "innvestigate.smoothgrad": "2e27372d",
    "input": "e8fd5109",
    "input_t_gradient": "1fe0a1eb",
    "integrated_gradients": "74073215",
    "lrp": "ca3140ec",
    "lrp.alpha_1_beta_0": "f2eb05aa",
    "lrp.alpha_1_beta_0_IB": "b77e5345",
    "lrp.alpha_2_beta_1": "d04d4665",
    "lrp.alpha_2_beta_1_IB": "01598419",
    "lrp.alpha_beta": "d301ab32",
    "lrp.epsilon": "29d37083",
    "lrp.flat": "471ad643",
    "lrp.sequential_preset_a": "bbe01519",
    "lrp.sequential_preset_a_flat": "bf43b417",
    "lrp.sequential_preset_b": "740c1c91",
    "lrp.sequential_preset_b_flat": "503a60b9",
    "lrp.sequential_preset_b_flat_until_idx": "81acd87c",
    "lrp.w_square": "99b9dd42",
    "lrp.z": "366fb9e0",
    "lrp.z_plus": "c27f6010",
    "lrp.z_plus_fast": "e8b49926",
    "random": "fb425013",
    "smoothgrad": "889ebe63",
}
"""The start of the SHA-256 of each method's default settings, as the first version wrote them."""

FEW = {"n_samples": 2, "n_nodes": 3, "augment_by_n": 2, "steps": 2, "epsilon": 0.25}
"""Parameters that save time, and an epsilon that can be told from none."""


@pytest.fixture(scope="module")
def tiny(keras, tmp_path_factory) -> Path:
    """Two convolutions and two dense layers with biases, on photos of 6 x 6 px."""
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((6, 6, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Conv2D(4, 2, activation="relu"),
            layers.Flatten(),
            layers.Dense(5, activation="relu"),
            layers.Dense(2),
        ]
    )
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0.05, 0.4, w.shape) for w in model.get_weights()])
    file = tmp_path_factory.mktemp("tiny") / "tiny.h5"
    model.save(file)
    return file


BY_KERAS = [name for name, method in METHODS.items() if method.engine != "attention"]
PHOTO = np.random.default_rng(1).integers(0, 256, (6, 6, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def maps(tiny) -> dict[str, np.ndarray]:
    """Every method's map of one photo, through all of explain."""
    store = sat.explain(
        tiny,
        {"a": PHOTO},
        methods=BY_KERAS,
        preprocess="signed",
        target=0,
        parameters={
            name: {key: FEW[key] for key in method.parameters if key in FEW}
            for name, method in METHODS.items()
            if name in BY_KERAS
        },
        progress=False,
    )
    assert list(store) == BY_KERAS
    return {name: store[name]["a"] for name in store}


# --- methods -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_KERAS)
def test_method_gives_a_map(name, maps):
    channels = 1 if name == "grad_cam" else 3
    assert maps[name].shape == (6, 6, channels)
    assert maps[name].dtype == np.float32
    assert np.abs(maps[name]).max() > 0


def test_two_methods_give_two_maps_unless_they_should_not(maps):
    """A formula that the engine takes for another would pass every other test."""
    alike = [
        {one, other}
        for one, other in combinations(maps, 2)
        if maps[one].shape == maps[other].shape
        and np.abs(maps[one] - maps[other]).max() < 1e-5 * np.abs(maps[one]).max()
    ]
    declared = [set(pair) for same in SAME_MAPS for pair in combinations(sorted(same), 2)]
    assert [sorted(pair) for pair in alike if pair not in declared] == []
    assert [sorted(pair) for pair in declared if pair not in alike] == []


@pytest.mark.parametrize("name", METHODS)
def test_method_carries_everything(name):
    method = METHODS[name]
    assert method.key == method.name == name
    check_texts(method)
    assert method.source
    assert method.citation == method.source
    assert method.sign
    assert method.layers
    assert set(method.explains) <= set(OUTPUTS)
    if method.sampling and method.in_worker:
        assert method.sampling in SAMPLINGS
        assert method.count in method.parameters
        assert method.max_samples >= 16
    row = list_methods().loc[name]
    assert set(row["parameters"]) == set(method.parameters)
    assert (row["sign"], row["layers"]) == (method.sign, method.layers)
    assert row["citation"] == method.source


@pytest.mark.parametrize("name", SETTINGS_BEFORE)
def test_settings_are_those_of_stores_written_before(name):
    """Maps are found by a hash of these: a change makes every finished store compute again."""
    method = METHODS[name]
    settings = method.settings({key: p.default for key, p in method.parameters.items()})
    text = json.dumps(settings, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:8] == SETTINGS_BEFORE[name]


def test_methods_of_the_paper_are_there():
    assert len(PAPER_METHODS) == len(PARITY_METHODS) == 6
    assert {*PAPER_METHODS, *PARITY_METHODS} <= set(METHODS)
    assert list(list_methods().columns) == ["parameters", "sign", "layers", "citation"]


@pytest.mark.parametrize("name", METHODS)
def test_parameters_accept_their_default_and_not_everything(name):
    for parameter in METHODS[name].parameters.values():
        assert parameter.accepts(parameter.default)
        assert not parameter.accepts(object())
        assert parameter.expected


@pytest.mark.keras
def test_every_analyzer_of_innvestigate_is_there():
    """Read from the package's source: importing it switches TensorFlow to graph mode."""
    package = Path(find_spec("innvestigate").origin).parent / "analyzer" / "__init__.py"
    found = next(
        node.value
        for node in ast.parse(package.read_text()).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and getattr(node.targets[0] if isinstance(node, ast.Assign) else node.target, "id", "")
        == "analyzers"
    )
    ours = [m.analyzer for m in METHODS.values() if m.engine == "innvestigate"]
    assert sorted(ours) == sorted(key.value for key in found.keys)


# --- formulas and rules ------------------------------------------------------------------------


def engine_registries() -> dict[str, dict[str, Entry]]:
    from sat_nb.saliency.engines.keras.gradients import FORMULAS
    from sat_nb.saliency.engines.keras.rules import RULES

    return {"gradient": FORMULAS, "relevance": RULES}


@pytest.mark.parametrize(("engine", "also"), [("gradient", "grad_cam"), ("relevance", "")])
def test_formulas_of_the_engine_are_those_of_the_methods(engine, also, keras):
    asked = {m.analyzer for m in METHODS.values() if m.engine in (engine, also)}
    assert asked == set(engine_registries()[engine])
    for entry in engine_registries()[engine].values():
        check_texts(entry)
        assert entry.source


@pytest.mark.keras
def test_unknown_formula_is_refused_by_the_engine():
    """In a process that passes for a worker, for the engine refuses to be imported elsewhere."""
    program = """
from sat_nb.saliency.process import server
server._serving = True
from sat_nb.saliency.engines.keras import commands
from sat_nb.saliency.method import Method

class Classifier:
    graph, explained, n_logits = None, None, 2
    def explaining(self, output):
        return self

for engine, analyzer, sampling in (
    ("gradient", "new", None),
    ("gradient", "new", "smoothgrad"),
    ("gradient", "grad_cam", "smoothgrad"),
    ("relevance", "new", None),
    ("nothing", "new", None),
):
    method = Method(name="mine", engine=engine, analyzer=analyzer, sign="any", sampling=sampling)
    try:
        commands._explainer(Classifier(), method, {}, "logit")
    except Exception as error:
        print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    said = done.stdout.splitlines()
    matches = [
        "'mine' asks for the gradient formula 'new'.*; it has 'gradient'.*'grad_cam'",
        "'mine' asks for the gradient formula 'new'",
        "'mine' averages over points.*not for 'grad_cam'",
        "'mine' asks for the relevance formula 'new'.*; it has 'lrp.z'",
        "'mine': this engine has no 'nothing'",
    ]
    assert len(said) == len(matches), done.stderr
    for line, match in zip(said, matches, strict=True):
        assert re.match(f"InvalidInput methods: {match}", line), line


def test_unknown_method_is_refused_by_the_worker(tiny):
    with model_file(tiny) as file:
        arguments = {"pool": shared_pool(KERAS), "file": file, "parameters": {}}
        for name in ("nope", "random"):
            with pytest.raises(InvalidInput, match=f"methods: unknown name '{name}'"):
                ask("build", "testing", method=name, **arguments)


def test_rewritings_have_names(keras):
    from sat_nb.saliency.engines.keras.rewrite import REWRITINGS

    for entry in REWRITINGS.values():
        check_texts(entry)


# --- what methods are made of ------------------------------------------------------------------


def texts() -> Iterator[Entry]:
    yield from QUADRATURES.values()
    yield from SAMPLINGS.values()
    yield from PREPROCESS.values()


@pytest.mark.parametrize("entry", list(texts()), ids=lambda entry: entry.name)
def test_entry_says_what_it_is(entry):
    check_texts(entry)


def check_texts(entry: Entry) -> None:
    """A title, and one sentence."""
    assert entry.title
    assert entry.about[0].isupper()
    assert entry.about.endswith(".")
    assert entry.version == ""


@pytest.mark.parametrize("name", PREPROCESS)
def test_preprocessing_is_listed_and_takes_photos(name, tiny):
    assert f'- "{name}": {PREPROCESS[name].about.removesuffix(".")}' in " ".join(
        sat.explain.__doc__.split()
    )
    photo = stretch_image(PHOTO, (6, 6)).astype(np.float32)[None]
    expected = apply_preprocess(name, photo, (6, 6, 3))
    np.testing.assert_array_equal(PREPROCESS[name](photo), expected)
    maps = sat.explain(tiny, {"a": PHOTO}, methods="gradient", preprocess=name, progress=False)
    assert maps.settings["preprocess"] == name
    with pytest.raises(InvalidInput, match=f"preprocess: unknown name.*{name!r}"):
        sat.explain(tiny, {"a": PHOTO}, methods="gradient", preprocess="x", progress=False)


def test_conventions_of_pytorchs_libraries():
    """Each against its definition, mean and deviation of pixels from 0 to 1."""
    photo = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3)).astype(np.float32)
    known = {
        "torch": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        "signed": ([0.5] * 3, [0.5] * 3),
        "clip": ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
    }
    for name, (mean, deviation) in known.items():
        expected = (photo / 255 - np.array(mean)) / np.array(deviation)
        np.testing.assert_allclose(PREPROCESS[name](photo), expected, atol=1e-5)


def test_preprocessing_of_pytorchs_layout():
    photo = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    seen = []

    def weighted(batch):
        seen.append(batch.copy())
        return batch * np.array([1, 2, 3], np.float32)[:, None, None]

    own = sat.channels_first(weighted)
    np.testing.assert_array_equal(own(photo), photo * np.array([1, 2, 3], np.float32))
    np.testing.assert_array_equal(seen[0][1, 2], photo[1, :, :, 2])
    assert own.__name__ == "weighted"
    flat = sat.channels_first(lambda batch: batch.mean(axis=1))
    with pytest.raises(InvalidInput, match=r"returned shape \(2, 4, 5\), but the model needs"):
        apply_preprocess(flat, photo, (4, 5, 3))


def test_preprocessing_of_the_users_own_is_known_by_what_it_does():
    own = Preprocessing(name="double", version="1", function=lambda batch: 2 * batch)
    bare = preprocess_settings(own.function, (6, 6, 3))
    settings = preprocess_settings(own, (6, 6, 3))
    assert settings["function"] == "double@1"
    assert settings["fingerprint"] == bare["fingerprint"]
    assert get_preprocess(own) is own


@pytest.mark.parametrize("rule", QUADRATURES)
def test_quadrature_is_taken_by_integrated_gradients(rule, tiny):
    name = "integrated_gradients"
    options = {"methods": name, "preprocess": "signed", "progress": False, "target": 0}
    given = {name: {"rule": rule, "n_nodes": 200}}
    maps = sat.explain(tiny, {"a": PHOTO}, parameters=given, **options)
    assert abs(maps.chunk(name, "a").facts["completeness_error"]) < 0.05
    with pytest.raises(InvalidInput, match=rf"rule: expected one of .*{rule!r}.*got 'simpson'"):
        sat.explain(tiny, {"a": PHOTO}, parameters={name: {"rule": "simpson"}}, **options)


@pytest.mark.parametrize("name", SAMPLINGS)
def test_sampling_is_driven_to_a_fixed_number_and_until_settled(name, tiny):
    masks = np.zeros((2, 6, 6), dtype=bool)
    masks[0, :3], masks[1, 3:] = True, True
    segments = {"a": sat.SegmentationMap(("top", "bottom"), masks)}
    options = {"methods": name, "preprocess": "signed", "progress": False}
    fixed = sat.explain(tiny, {"a": PHOTO}, samples=3, **options).chunk(name, "a")
    assert fixed.facts["n_samples"] == 3
    auto = sat.explain(tiny, {"a": PHOTO}, samples="auto", segments=segments, **options)
    chunk = auto.chunk(name, "a")
    assert chunk.facts["n_samples"] <= METHODS[name].max_samples
    assert decode(encode(chunk)).facts == chunk.facts


def test_parameters_are_declared_by_entries():
    with pytest.raises(InvalidInput, match=r"parameters\['k'\]: expected a Parameter.*got 3"):
        Method(name="mine", sign="any", function=print, parameters={"k": 3})
    with pytest.raises(InvalidInput, match="function: method 'mine' needs function"):
        Method(name="mine", sign="any")
    with pytest.raises(InvalidInput, match="sign: method 'mine' must say"):
        Method(name="mine", sign="", function=print)
    entry = Method(
        name="mine", sign="any", function=print, parameters={"k": Parameter(1, bool, "any")}
    )
    assert (entry.engine, entry.in_worker, entry.explains) == ("function", False, OUTPUTS)
