"""``sat-nb compare``, ``difference``, ``intervals``, ``select`` and ``figures``, as in Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.toy import toy
from tests.cli.running import run

PAIR = ["segment_a", "segment_b", "n_compared", "lead", "effect_size", "p_value"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    maps, segments = toy()
    odd = {image_id: int(image_id[-1]) % 2 for image_id in segments}
    return sat.build(maps, segments, labels=odd)


@pytest.fixture(scope="module")
def file(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    plain = table.assign(label=pd.array([None] * len(table), "Int64"))
    return sat.write_table(plain, tmp_path_factory.mktemp("compare") / "t.parquet")


@pytest.fixture(scope="module")
def labelled(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sat.write_table(table, tmp_path_factory.mktemp("labelled") / "t.parquet")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models in one table."""
    maps, segments = toy()
    two = [
        sat.build({"lrp.z": maps[method]}, segments, model=model)
        for method, model in (("sharp", "before"), ("noisy", "after"))
    ]
    folder = tmp_path_factory.mktemp("models")
    for rows in two:
        sat.write_table(rows, folder / f"{rows['model'].iloc[0]}.parquet")
    return sat.write_table(pd.concat(two, ignore_index=True), folder / "t.parquet")


# --- compare --------------------------------------------------------------------------------------


def test_are_the_eyes_ahead_of_the_nose(file: Path) -> None:
    done = run("compare", file, "--segments", " eyes , nose")
    assert done.exit_code == 0, done.output
    rows = sat.read_table(file)
    for line, method in zip(done.stdout.splitlines(), ("sharp", "noisy"), strict=False):
        result = sat.compare(rows, method=method)
        p = result.adjusted_p_values.loc["eyes", "nose"]
        assert f"p = {p:.2g} adjusted over 10 pairs" in line
        assert line.startswith(f"{method}: ")
        assert ("eyes is ahead of nose" in line) == bool(result.different.loc["eyes", "nose"])
    first, second = done.stdout.splitlines()[:2]
    assert first.startswith("sharp: eyes is ahead of nose: eyes is 1.00 ranks ahead on average")
    assert second.startswith("noisy: no difference found between eyes and nose")


def test_the_pair_that_was_asked_about_is_first_and_all_pairs_follow(
    file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pairs.csv"
    done = run("compare", file, "--methods", "noisy", "--segments", "rest,ears", "--out", out)
    assert done.exit_code == 0, done.output
    written = pd.read_csv(out)
    assert written.loc[0, ["segment_a", "segment_b"]].tolist() == ["ears", "rest"]
    expected = sat.compare(sat.read_table(file), method="noisy").pairs()
    ordered = [9, *range(9)]
    pd.testing.assert_frame_equal(
        written[PAIR], expected[PAIR].iloc[ordered].reset_index(drop=True), check_dtype=False
    )


def test_what_rests_on_missing_segments_is_said_with_the_answer(file: Path) -> None:
    arguments = ("compare", file, "--methods", "noisy", "--segments", "ears,mouth")
    done = run(*arguments)
    assert "mouth is ahead of ears" in done.stdout
    assert "On the images that have both, no such difference is found" in done.stdout
    assert "5 lack ears, which ranks it last there" in done.stdout
    assert done.stderr.startswith("Warning: 1 of 8 differences under method 'noisy' rest on")
    assert "See `sat-nb compare --missing complete`" in done.stderr
    complete = run(*arguments, "--missing", "complete")
    assert "no difference found between ears and mouth" in complete.stdout
    assert "over 15 images" in complete.stdout
    assert complete.stderr == ""


def test_groups_are_compared_apart(models: Path, labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs.csv"
    refused = run("compare", models)
    assert "holds 2 models (before, after)" in refused.output
    done = run("compare", models, "--by", "model", "--segments", "eyes,nose", "--out", out)
    starts = [line.partition(" on average")[0] for line in done.stdout.splitlines()[:2]]
    assert starts == [
        "lrp.z, after: no difference found between eyes and nose: nose is 0.10 ranks ahead",
        "lrp.z, before: eyes is ahead of nose: eyes is 1.00 ranks ahead",
    ]
    assert pd.read_csv(out).groupby("model").size().to_dict() == {"after": 10, "before": 10}
    refused = run("compare", labelled)
    assert "--classes pool" in refused.output
    arguments = ("compare", labelled, "--methods", "noisy", "--out", out)
    assert run(*arguments, "--classes", "pool").exit_code == 0
    assert len(pd.read_csv(out)) == 10
    assert run(*arguments, "--classes", "label").exit_code == 0
    of_class = sat.compare(sat.read_table(labelled).query("label == 1"), method="noisy").pairs()
    np.testing.assert_allclose(
        pd.read_csv(out).query("label == 1")["p_value"], of_class["p_value"], atol=1e-12
    )


def test_units_are_a_column_or_a_file(file: Path, tmp_path: Path) -> None:
    table, units, out = sat.read_table(file), tmp_path / "units.csv", tmp_path / "pairs.csv"
    ids = list(table["image_id"].unique())
    patients = {i: f"p{k // 2}" for k, i in enumerate(ids)}
    units.write_text("image_id,unit\n" + "".join(f"{i},{p}\n" for i, p in patients.items()))
    done = run("compare", file, "--methods", "noisy", "--unit", units, "--out", out)
    assert done.exit_code == 0, done.output
    expected = sat.compare(table, method="noisy", unit=patients).pairs()
    np.testing.assert_allclose(pd.read_csv(out)["p_value"], expected["p_value"])
    refused = run("compare", file, "--unit", "patient")
    assert (
        "--unit: unknown name 'patient'. Valid: 'image_id', 'model', a CSV file" in refused.output
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--segments", "eyes"), "--segments: expected two names or more"),
        (("--segments", "eyes,noze"), "--segments: unknown name 'noze'. Did you mean 'nose'?"),
        (("--methods", "sharp, noise"), "--methods: unknown name 'noise'"),
        (("--by", "colour"), "--by: unknown name 'colour'"),
        (("--alpha", "5"), "--alpha: expected a number between 0 and 1"),
    ],
)
def test_wrong_names_are_refused_before_anything_is_printed(
    file: Path, arguments: tuple[str, str], words: str
) -> None:
    refused = run("compare", file, *arguments)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: {words}")
    assert refused.stdout == ""


def test_latex_stands_alone_on_stdout(file: Path, tmp_path: Path) -> None:
    arguments = ("compare", file, "--methods", "sharp", "--segments", "eyes,nose", "--latex")
    done = run(*arguments)
    assert done.stdout.startswith("\\begin{tabular}{lllrrrrrl}\n")
    assert "eyes is ahead of nose" in done.stderr
    assert run(*arguments, "--out", tmp_path / "t.tex").exit_code == 0
    assert (tmp_path / "t.tex").read_text() == done.stdout


# --- difference, intervals, select ----------------------------------------------------------------


def test_a_difference_is_that_of_python(models: Path, tmp_path: Path) -> None:
    out, few = tmp_path / "moved.csv", ("--resamples", 200)
    done = run("difference", models, "--models", "before, after", *few, "--out", out)
    assert done.exit_code == 0, done.output
    assert "2 of 5 segments differ" in done.stdout
    tables = [models.with_name(f"{name}.parquet") for name in ("before", "after")]
    expected = sat.difference(*map(sat.read_table, tables), method="lrp.z", n_resamples=200).table
    written = pd.read_csv(out)
    assert written["segment"].tolist() == expected.index.tolist()
    for column in ("rank_shift", "low", "high", "p_value"):
        np.testing.assert_allclose(written[column], expected[column])
    assert run("difference", *tables, *few, "--out", tmp_path / "two.csv").exit_code == 0
    assert (tmp_path / "two.csv").read_bytes() == out.read_bytes()
    for wrong in ((models,), (*tables, "--models", "before,after")):
        assert (
            "give two tables, one a model, or one table and --models"
            in run("difference", *wrong).output
        )
    assert "--models: unknown name 'x'" in run("difference", models, "--models", "x,after").output


def test_intervals_are_those_of_python(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "intervals.csv"
    arguments = ("intervals", file, "--value", "rank", "--resamples", 200, "--seed", 3)
    assert run(*arguments, "--out", out).exit_code == 0
    table = sat.read_table(file)
    expected = sat.intervals(table, value="rank", n_resamples=200, seed=3)
    np.testing.assert_allclose(pd.read_csv(out)[["low", "high"]], expected[["low", "high"]])
    assert "& interval & kind &" in run(*arguments, "--latex").stdout


def test_select_writes_what_python_selects(labelled: Path, tmp_path: Path) -> None:
    out, table = tmp_path / "s.parquet", sat.read_table(labelled)
    given = ("--segments", "eyes, ears", "--labels", "1", "--min-px", "4")
    done = run("select", labelled, *given, "--out", out)
    assert done.exit_code == 0, done.output
    expected = sat.select(table, segments=["eyes", "ears"], labels=[1], min_px=4)
    pd.testing.assert_frame_equal(sat.read_table(out), expected.reset_index(drop=True))
    assert f"{out}: {expected['segment'].count()} of 190 segments, 10 of 20 images" in done.output
    assert run("select", labelled, *given, "--rerank", "--out", out).exit_code == 0
    again = sat.rerank(expected).reset_index(drop=True)
    pd.testing.assert_frame_equal(sat.read_table(out), again)
    refused = run("select", labelled, "--correct", "--out", out)
    assert "--correct: 20 images have no 'predicted'" in refused.output
    assert "Invalid value for '--labels'" in run("select", labelled, "--labels", "x").output


def test_every_filter_is_an_option_of_select() -> None:
    output = run("select", "--help").output
    assert all(f"--{name.replace('_', '-')} " in output for name in sat.table.filters.FILTERS)


# --- figures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [("--methods", "sharp, smooth"), ("--highlight", "eyes,noze"), ("--alpha", "2")]
)
def test_figures_writes_nothing_where_a_name_is_wrong(
    file: Path, tmp_path: Path, arguments: tuple[str, str]
) -> None:
    refused = run("figures", file, "--out", tmp_path / "f", *arguments)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: {arguments[0]}: ")
    assert not (tmp_path / "f").exists()


def test_blanks_around_names_of_methods_are_no_part_of_them(file: Path, tmp_path: Path) -> None:
    options = ("--methods", " noisy ,sharp", "--highlight", "eyes, nose", "--formats", "pdf, svg")
    done = run("figures", file, "--out", tmp_path, *options)
    assert done.exit_code == 0, done.output
    names = [Path(line).name for line in done.stdout.splitlines()]
    assert names[:3] == [f"critical_difference_noisy.{kind}" for kind in ("pdf", "svg", "csv")]
    assert len(names) == 12
