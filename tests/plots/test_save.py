from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from xml.etree import ElementTree

import pandas as pd
import pytest
from matplotlib import pyplot

import sat_nb as sat
from sat_nb.plots.latex import escape
from tests.plots import results


def test_four_files_with_the_numbers(tmp_path) -> None:
    summary = results.intervals(results.table(4))
    files = sat.save_figure(sat.plot_segments(summary), tmp_path / "new" / "bars.v2", dpi=60)
    assert [file.name for file in files] == [f"bars.v2.{x}" for x in ("svg", "pdf", "png", "csv")]
    assert all(file.stat().st_size > 0 for file in files)
    pd.testing.assert_frame_equal(pd.read_csv(files[-1]), summary, atol=1e-8)
    assert sorted(os.listdir(tmp_path / "new")) == sorted(file.name for file in files)


def test_text_stays_text_and_names_are_escaped(tmp_path) -> None:
    summary = sat.aggregate(results.table(2)).replace("eyes", "a<b> & $x$")
    svg = sat.save_figure(sat.plot_segments(summary), tmp_path / "f", formats="svg")[0].read_text()
    assert re.search(r"<text[^>]*>a&lt;b&gt; &amp; \$x\$</text>", svg)
    assert "<dc:date>" not in svg


def test_the_same_picture_gives_the_same_bytes(tmp_path) -> None:
    for name in ("one", "two"):
        ax = sat.plot_segments(sat.aggregate(results.table(3)))
        sat.save_figure(ax, tmp_path / name, dpi=60)
    for suffix in ("svg", "pdf", "png", "csv"):
        one, two = ((tmp_path / f"{n}.{suffix}").read_bytes() for n in ("one", "two"))
        assert one == two, suffix


def test_numbers_of_several_panels_have_a_column_for_the_panel(tmp_path) -> None:
    _, axes = pyplot.subplots(1, 2)
    sat.plot_segments(sat.aggregate(results.table(3)), ax=axes[0])
    sat.plot_rank_distribution(results.table(3), ax=axes[1])
    numbers = pd.read_csv(sat.save_figure(axes[0], tmp_path / "f", formats=["png"])[-1])
    assert dict(zip(numbers["panel"], numbers["panel_title"], strict=True)) == {
        1: "lrp.z",
        2: "lrp.z",
    }
    assert list(numbers.columns[:2]) == ["panel", "panel_title"]


def test_all_or_nothing(tmp_path) -> None:
    """A picture that cannot be drawn, or a file that cannot be written, changes no file."""
    (tmp_path / "f.svg").write_text("kept")
    broken = sat.plot_segments(sat.aggregate(results.table(3)))
    broken.set_title("$\\frac{$")
    with pytest.raises(ValueError, match="frac"):
        sat.save_figure(broken, tmp_path / "f")
    whole = sat.plot_segments(sat.aggregate(results.table(3)))
    (tmp_path / "g.svg").mkdir()
    with pytest.raises(sat.CannotWrite, match=r"g.svg. \(it is a folder"):
        sat.save_figure(whole, tmp_path / "g")
    with pytest.raises(sat.CannotWrite, match="path: cannot write .*f.svg.*another folder"):
        sat.save_figure(whole, tmp_path / "f.svg" / "below_a_file")
    assert sorted(os.listdir(tmp_path)) == ["f.svg", "g.svg"]
    assert (tmp_path / "f.svg").read_text() == "kept"


def test_figures_that_no_plot_function_drew(tmp_path) -> None:
    figure, ax = pyplot.subplots()
    with pytest.raises(sat.InvalidInput, match="data: no plot_ function of sat_nb drew"):
        sat.save_figure(ax, tmp_path / "f")
    data = pd.DataFrame({"x": [1.5]})
    assert pd.read_csv(sat.save_figure(figure, tmp_path / "f", data=data)[-1]).equals(data)
    with pytest.raises(sat.InvalidInput, match="formats: unknown name 'jpg'"):
        sat.save_figure(figure, tmp_path / "f", data=data, formats=["jpg"])
    with pytest.raises(sat.InvalidInput, match="picture: expected matplotlib axes or a figure"):
        sat.save_figure(data, tmp_path / "f")


def test_importing_the_pictures_loads_no_pyplot() -> None:
    code = textwrap.dedent(
        """
        import sys
        import sat_nb.plots
        heavy = ["matplotlib.pyplot", "seaborn", "scipy.stats", "statsmodels", "scipy.ndimage"]
        print([name for name in heavy if name in sys.modules])
        """
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- LaTeX ----------------------------------------------------------------------------------------


def rows_of(latex: str) -> list[str]:
    body = latex.split("\\midrule\n")[1].split("\n\\bottomrule")[0]
    return body.splitlines()


def test_a_comparison_as_latex() -> None:
    result = sat.compare(results.table(3), method="lrp.z")
    latex = sat.to_latex(result, caption="50 % of all_images")
    assert latex.startswith("\\begin{table}\n\\centering\n\\caption{50 \\% of all\\_images}\n")
    best = result.mean_ranks.index[0]
    mean, relative = result.mean_ranks[best], result.relative_ranks[best]
    start = f"{best} & {mean:.2f} & {relative:.2f} & {result.n_images[best]} & "
    assert rows_of(latex)[0].startswith(start)


def test_intervals_and_small_and_negative_numbers_as_latex() -> None:
    frame = pd.DataFrame(
        {
            "segment": ["eyes", "ears"],
            "mean_attribution": [-0.25, 0.00012],
            "low": [-0.5, 0.0],
            "high": [0.1, float("nan")],
            "n_images": [20, 3],
        }
    )
    assert rows_of(sat.to_latex(frame)) == [
        r"eyes & $-0.25$ & [$-0.50$, 0.10] & 20 \\",
        r"ears & $1.2 \cdot 10^{-4}$ & [0.00, --] & 3 \\",
    ]


def test_what_intervals_returns_as_latex() -> None:
    """Its column ``interval`` says how each one was computed."""
    table = results.table(3)
    lone = table["segment"].eq(table["segment"].iloc[0]) & table["image_id"].ne(
        table["image_id"].iloc[0]
    )
    found = sat.intervals(table[~lone], value="rank", n_resamples=200)
    latex = sat.to_latex(found)
    assert "method & segment & rank & n images & interval & kind & n units" in latex
    for row, (_, expected) in zip(rows_of(latex), found.iterrows(), strict=True):
        ends = "--" if pd.isna(expected["low"]) else f"[{expected.low:.2f}, {expected.high:.2f}]"
        assert row.split(" & ")[4:6] == [ends, expected["interval"]]
    assert "none" in set(found["interval"])


def test_differences_of_models_and_columns_of_one_name_as_latex() -> None:
    table = results.table(3)
    moved = sat.difference(table, table.assign(model="b"), method="lrp.z", n_resamples=200)
    assert "rank shift & interval & kind & p value" in sat.to_latex(moved)
    twice = pd.DataFrame([["eyes", 1.5, 2.5]], columns=["segment", "rank", "rank"])
    assert rows_of(sat.to_latex(twice)) == [r"eyes & 1.50 & 2.50 \\"]


def test_a_difference_as_latex() -> None:
    latex = sat.to_latex(results.difference(3))
    assert "segment & rank a & rank b & rank shift & interval & p value" in latex
    assert len(rows_of(latex)) == 3


def test_what_is_no_result_as_latex() -> None:
    with pytest.raises(sat.InvalidInput, match="result: expected a Comparison"):
        sat.to_latex("eyes")
    with pytest.raises(sat.InvalidInput, match="result: expected a table with rows"):
        sat.to_latex(pd.DataFrame())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & 50%", r"a\_b \& 50\%"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("two\nlines\t$#~^", r"two lines \$\#\textasciitilde{}\textasciicircum{}"),
        ("a\x00b\x1b[0m", r"a\textbackslash{}x00b\textbackslash{}x1b[0m"),
        ("\u202eeye", r"\textbackslash{}u202eeye"),
        ("a--b ''c'' ?`", r"a-{}-b '{}'c'{}' ?{}`"),
    ],
)
def test_escaping(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_names_start_no_command_of_latex() -> None:
    r"""A bracket after a line's end is its distance, a star forbids a break: ``\\\\[a]``."""
    frame = pd.DataFrame({"segment": ["[1cm]", "*", "eye"], "rank": [1.5, 2.0, 3.0]})
    assert [row.split(" & ")[0] for row in rows_of(sat.to_latex(frame))] == [
        "{}[1cm]",
        "{}*",
        "eye",
    ]


HOSTILE = "eye\x1b[2J\u202ed\x00"


@pytest.mark.filterwarnings("error", "ignore:Glyph 8")
def test_hostile_names_in_figures(tmp_path) -> None:
    """SVG stays XML, whatever is drawn, and names show what they hold."""
    table = results.table(3)
    first = table["segment"].iloc[0]
    renamed = table.assign(
        segment=table["segment"].replace(first, HOSTILE), method=table["method"] + "\x07$x$"
    )
    ax = sat.plot_segments(sat.aggregate(renamed))
    ax.text(0, 0, "of the user: \x08")
    svg, _ = sat.save_figure(ax, tmp_path / "f", formats=["svg"])
    root = ElementTree.parse(svg).getroot()
    texts = [text for text in root.itertext() if text.strip()]
    assert r"eye\x1b[2J\u202ed\x00" in texts
    assert r"of the user: \x08" in texts
    assert any(r"\x07$x$" in text for text in texts)


def test_csv_for_spreadsheets(tmp_path) -> None:
    table = results.table(3)
    first = table["segment"].iloc[0]
    ax = sat.plot_segments(sat.aggregate(table.replace({"segment": {first: "=1+1"}})))
    for safe, expected in ((False, "=1+1"), (True, "'=1+1")):
        written = sat.save_figure(ax, tmp_path / "f", formats=[], spreadsheet_safe=safe)
        assert expected in set(pd.read_csv(written[0])["segment"])
