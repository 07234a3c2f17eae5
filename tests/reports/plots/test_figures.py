"""Figures draw what the tables say, in colours that a reader can tell apart, the same way every time."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from mathcircuits.detect import Network, catalogue, derived_network, tasks
from mathcircuits.reports.pages.selections import (
    chosen_networks,
    first_seeds,
    in_order,
    notable_features,
    panels,
)
from mathcircuits.reports.plots import figures
from mathcircuits.reports.plots.clusters import clustered
from mathcircuits.reports.plots.drawing import (
    LABELS_PER_LAYER,
    NeuronLabel,
    graph_size,
    in_words,
    network_graph,
)
from mathcircuits.reports.plots.palette import (
    FAMILIES,
    GROUND,
    INK,
    MUTED,
    NEGATIVE,
    PANEL,
    POSITIVE,
    VERDICTS,
    colour_of,
    every_colour,
)
from mathcircuits.reports.plots.rendering import blank, inline_svg, on_hover
from mathcircuits.reports.plots.responses import neuron_response, output_response

BOX = ((-1.0, 1.0),)


def axes() -> Axes:
    """One empty axes."""
    (ax,) = blank(3, 2)[1]
    assert isinstance(ax, Axes)
    return ax


def along(line: Line2D) -> list[float]:
    """The line's x values."""
    return [float(x) for x in np.ravel(np.asarray(line.get_xdata(), dtype=float))]


def up(line: Line2D) -> list[float]:
    """The line's y values."""
    return [float(y) for y in np.ravel(np.asarray(line.get_ydata(), dtype=float))]


def texts(ax: Axes) -> list[str]:
    """What is written in the axes."""
    return [text.get_text() for text in ax.texts]


# Colours


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2)."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(channels, (0.2126, 0.7152, 0.0722)))


def contrast(a: str, b: str) -> float:
    """Contrast ratio (WCAG 2), 1 to 21."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_reads_on_every_ground(theme: str) -> None:
    # 4.5 is WCAG's level AA for text.
    grounds = [GROUND, PANEL, *(mark.colour for mark in VERDICTS.values())]
    assert min(contrast(getattr(INK, theme), getattr(g, theme)) for g in grounds) >= 4.5
    for colour in (MUTED, POSITIVE, NEGATIVE):
        assert contrast(getattr(colour, theme), getattr(GROUND, theme)) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_families_are_seen_against_the_ground(theme: str) -> None:
    # 2.4: lines and frames are wide and named; WCAG asks 3 only of what nothing else tells.
    assert min(contrast(getattr(c, theme), getattr(GROUND, theme)) for c in FAMILIES.values()) >= 2.4


def test_no_two_colours_or_letters_are_the_same() -> None:
    for a, b in combinations(every_colour(), 2):
        assert a.light != b.light, (a, b)
    assert len({mark.letter for mark in VERDICTS.values()}) == len(VERDICTS)


def test_every_family_of_the_catalogue_has_a_colour() -> None:
    assert {feature.family for feature in catalogue.values()} <= set(FAMILIES)
    assert colour_of("positiveness") == colour_of("negativeness") != colour_of("greaterness")
    assert colour_of("no such feature") == colour_of(None)


# Inline SVG


def test_the_same_drawing_is_the_same_text() -> None:
    net = derived_network("minimum")

    def drawn() -> str:
        figure, (ax,) = blank(*graph_size(net))
        network_graph(net, {}, ax)
        return inline_svg(figure, "a network")

    assert drawn() == drawn()


def test_an_inline_figure_follows_the_theme_and_keeps_its_numbers() -> None:
    figure, (ax,) = blank(2, 1)
    ax.plot([0, 1], [0, 1], color=POSITIVE.light)
    ax.set_title("value 0.123456789")
    on_hover(ax.axhline(0.5), 'under 0.123456 & "quoted" <b>')
    text = inline_svg(figure, 'a "line" <script>')
    assert "0.123456789" in text
    assert "var(--positive)" in text
    assert POSITIVE.light not in text
    assert '<title>under 0.123456 &amp; "quoted" &lt;b&gt;</title>' in text
    assert 'aria-label="a &quot;line&quot; &lt;script&gt;"' in text
    assert "http" not in text


def test_two_figures_share_no_ids() -> None:
    def ids(slope: float) -> set[str]:
        figure, (ax,) = blank(2, 1)
        ax.plot([0, 1], [0, slope], "o-")
        text = inline_svg(figure, "a line")
        found = re.findall(r' id="([^"]+)"', text)
        assert len(found) == len(set(found))
        wanted = set(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
        assert set(found) == wanted
        return set(found)

    assert ids(1.0)
    assert not ids(1.0) & ids(2.0)


# The graph


def test_the_graph_names_neurons_and_signs_weights() -> None:
    net = derived_network("minimum")
    labels = {
        (0, 0): NeuronLabel("greaterness", "x1, x2", "matched", used=True),
        (0, 1): NeuronLabel("positiveness", "x1", "vacuous", used=False),
    }
    ax = network_graph(net, labels, axes())
    written = texts(ax)
    assert {"x1", "x2", "y", "greaterness", "x1, x2", "matched", "vacuous, not used", "v2"} <= set(written)
    # Rows (1, -1), (1, 0), (-1, 0) and the read-out -1, 1, -1: three weights of each sign, two of none.
    assert written.count("+1.00") == 3
    assert written.count("−1.00") == 4
    solid = [line for line in ax.lines if line.get_color() == POSITIVE.light]
    dashed = [line for line in ax.lines if line.get_color() == NEGATIVE.light]
    assert (len(solid), len(dashed), len(ax.lines)) == (3, 4, 9)
    assert {line.get_linestyle() for line in solid} == {"-"}
    assert {line.get_linestyle() for line in dashed} == {"--"}


def test_a_crowded_graph_writes_its_strongest_weights() -> None:
    weights = np.arange(1.0, 41.0).reshape(10, 4)
    ax = network_graph(Network([weights, np.ones((1, 10))]), {}, axes())
    written = texts(ax)
    assert sum(text.startswith("+") for text in written) == LABELS_PER_LAYER + 10
    assert "+40.00" in written
    assert "+26.00" not in written


def test_biases_and_linear_layers_are_drawn() -> None:
    net = Network([[[1.0]], [[2.0]], [[1.0]]], [[0.5], None, [-0.25]], ["identity", "relu"])
    labels = {(0, 0): NeuronLabel("positiveness", "x1", "matched")}
    ax = network_graph(net, labels, axes())
    assert {"bias +0.50", "bias −0.25", "positiveness"} <= set(texts(ax))
    assert in_words(net, labels) == (
        "Network 1-1-1-1. Hidden layer 0: v0 positiveness(x1), matched. Read-out y: +1.00 v0."
    )


def test_a_network_of_zeros_and_one_without_hidden_layers_are_drawn() -> None:
    assert texts(network_graph(Network([[[0.0, 0.0]]]), {}, axes())) == ["x1", "x2", "y"]


# Responses


def test_the_curve_of_one_input_is_the_activation() -> None:
    net = Network([[[2.0], [-1.0]], [[1.0, 1.0]]])
    line = neuron_response(net, 0, 0, BOX, axes()).lines[-1]
    np.testing.assert_allclose(up(line), np.maximum(2 * np.array(along(line)), 0))


def test_the_output_has_its_task_beside_it() -> None:
    net = Network([[[1.0], [-1.0]], [[1.0, 0.0]]])
    target, answer = output_response(net, 0, BOX, axes(), task=tasks["absolute"]).lines[0], 1.0
    assert target.get_linestyle() == ":"
    np.testing.assert_allclose(up(target), np.abs(np.array(along(target))))
    assert net([[1.0]]).item() == answer


def test_the_map_of_two_inputs_has_its_kink() -> None:
    net = Network([[[1.0, -1.0], [1.0, 1.0]], [[1.0, 1.0]]], [[0.5, 9.0], None])
    ax = neuron_response(net, 0, 0, BOX * 2, axes())
    values = np.asarray(ax.images[0].get_array())
    # Rows run over x2 from -1, columns over x1 from -1: the corner (1, -1) has 1 + 1 + 0.5.
    assert values[0, -1] == pytest.approx(2.5)
    assert values[-1, 0] == 0
    (contour,) = ax.collections
    points = np.concatenate([path.vertices for path in contour.get_paths()])
    np.testing.assert_allclose(points[:, 0] - points[:, 1] + 0.5, 0, atol=1e-9)
    # A neuron that is always on has no kink on the box.
    assert not neuron_response(net, 0, 1, BOX * 2, axes()).collections


def test_more_inputs_are_shown_by_their_weights() -> None:
    net = derived_network("minimum-of-4")
    ax = neuron_response(net, 0, 0, BOX * 4, axes())
    assert [bar.get_height() for bar in ax.patches if isinstance(bar, Rectangle)] == [1, -1, 0, 0]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["x1", "x2", "x3", "x4"]
    assert [tick.get_text() for tick in output_response(net, 0, BOX * 4, axes()).get_xticklabels()] == [
        "v0",
        "v1",
        "v2",
    ]


# Charts of the tables


def test_success_draws_shares_and_intervals() -> None:
    table = pd.DataFrame(
        {
            "task": ["a", "a", "b"],
            "hidden": ["2", "4", "3"],
            "width": ["1x", "2x", ""],
            "regimen": ["osier", "adam", "adam"],
            "n": [4, 4, 4],
            "solved": [2, 4, 0],
            "value": [0.5, 1.0, 0.0],
            "low": [0.07, 0.4, 0.0],
            "high": [0.93, 1.0, 0.6],
        }
    )
    ax = figures.success(table, axes())
    bars, dots = ax.lines[::2], ax.lines[1::2]
    assert [tuple(along(bar)) for bar in bars] == [(0.07, 0.93), (0.4, 1.0), (0.0, 0.6)]
    assert [along(dot)[0] for dot in dots] == [0.5, 1.0, 0.0]
    assert dots[0].get_marker() != dots[1].get_marker() == dots[2].get_marker()
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == ["a", "2 (1x), osier", "4 (2x), adam", "b", "3, adam"]
    assert texts(ax) == ["2 / 4", "4 / 4", "0 / 4"]


ROW = {
    "task": "minimum",
    "feature": "greaterness",
    "on": "x1, x2",
    "found": 9,
    "n": 36,
    "value": 0.25,
    "low": 0.12,
    "high": 0.42,
    "untrained_found": 4,
    "untrained_n": 100,
    "untrained_value": 0.04,
    "verdict": "partial",
    "reason": "",
}


def test_prevalence_has_the_untrained_beside() -> None:
    ax = figures.prevalence(pd.DataFrame([ROW]), axes())
    bar, dot, untrained = ax.lines
    assert tuple(along(bar)) == (0.12, 0.42)
    assert along(dot)[0] == 0.25
    assert dot.get_color() == colour_of("greaterness").light
    assert along(untrained)[0] == 0.04
    assert untrained.get_markerfacecolor() == "none"
    assert texts(ax) == ["partial"]


def test_a_row_of_no_solved_network_draws_no_share() -> None:
    row = {**ROW, "n": 0, "found": 0, "value": np.nan, "low": 0.0, "high": 1.0, "untrained_value": np.nan}
    assert not figures.prevalence(pd.DataFrame([row]), axes()).lines


def test_a_tile_is_as_large_as_its_share() -> None:
    none = {**ROW, "task": "unsolved", "n": 0, "found": 0, "value": np.nan}
    ax = axes()
    figures.periodic_table(
        pd.DataFrame([ROW, none]),
        ax,
        features=["greaterness", "square"],
        tasks=["minimum", "unsolved"],
    )
    squares = [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_zorder() > 1]
    areas = [square.get_width() * square.get_height() / 0.92**2 for square in squares]
    assert areas == pytest.approx([0.25])
    # The untrained share is a length at the tile's foot.
    (foot,) = ax.lines
    assert float(np.ptp(along(foot))) == pytest.approx(0.92 * 0.04)
    # Row by row: the partial one, none solved; square in no solved network, none solved.
    assert texts(ax) == ["P", "–", "·", "–"]
    figure = ax.figure
    text = inline_svg(figure, "x")  # type: ignore[arg-type]
    assert "greaterness(x1, x2) in minimum: 9 of 36, interval 0.12 to 0.42; partial; untrained 4%" in text


def test_every_verdict_has_its_letter() -> None:
    names = [*VERDICTS]
    rows = [{**ROW, "task": name, "verdict": name} for name in names]
    ax = figures.periodic_table(pd.DataFrame(rows), axes(), features=["greaterness"], tasks=names)
    assert texts(ax) == [mark.letter for mark in VERDICTS.values()]


def test_the_similarity_map_leaves_absent_pairs_blank() -> None:
    pairs = pd.DataFrame({"network_a": ["a"], "network_b": ["b"], "value": [0.7]})
    matrix = clustered(pairs).matrix
    image = figures.similarity_map(matrix, axes()).images[0]
    assert image.get_array().mask.tolist() == [[True, False], [False, True]]  # type: ignore[union-attr]
    assert image.get_clim() == (0.0, 1.0)


# What is selected


def test_alike_networks_become_neighbours() -> None:
    names, group = ["a", "b", "c", "d"], {"a": 0, "b": 1, "c": 0, "d": 1}
    rows = [
        {"network_a": x, "network_b": y, "value": 0.9 if group[x] == group[y] else 0.1}
        for x, y in combinations(names, 2)
    ]
    order = clustered(pd.DataFrame(rows)).matrix.columns
    assert [group[name] for name in order] in ([0, 0, 1, 1], [1, 1, 0, 0])


def networks(**columns: list[object]) -> dict[str, pd.DataFrame]:
    """A networks table of one condition of the task minimum."""
    n = len(next(iter(columns.values())))
    base = {
        "network": [f"minimum/3/adam/{k}" for k in range(n)],
        "task": "minimum",
        "hidden": "3",
        "width": "1x",
        "regimen": "adam",
        "seed": range(n),
        "population": "trained",
        "parameters": 9,
    }
    return {"networks": pd.DataFrame({**base, **columns})}


def test_the_failed_network_is_the_one_in_the_middle() -> None:
    tables = networks(loss=[1e-9, 0.5, 0.1, 0.3, float("nan")], solved=[True, False, False, False, False])
    assert [(c.role, c.row["seed"]) for c in chosen_networks(tables, "minimum")] == [
        ("best", 0),
        ("failed", 3),
    ]


def test_the_derived_network_stands_in_where_none_solved() -> None:
    tables = networks(loss=[0.5, float("nan")], solved=[False, False])
    assert [(c.role, c.network) for c in chosen_networks(tables, "minimum")] == [
        ("derived", ""),
        ("failed", "minimum/3/adam/0"),
    ]
    assert [c.role for c in chosen_networks({}, "minimum")] == ["derived"]
    assert chosen_networks({}, "a task nobody knows") == []


def test_no_failed_network_is_invented() -> None:
    tables = networks(loss=[1e-9, 1e-10], solved=[True, True])
    assert [(c.role, c.row["seed"]) for c in chosen_networks(tables, "minimum")] == [("best", 1)]


def test_widths_are_ordered_by_number() -> None:
    frame = pd.DataFrame(
        {"task": "a", "hidden": ["16", "9", "2"], "width": ["8x", "", "1x"], "regimen": "adam"}
    )
    assert in_order(frame)["hidden"].tolist() == ["2", "16", "9"]
    assert panels(frame) == [("1x", "adam"), ("8x", "adam"), ("9", "adam")]


def test_first_seeds_come_from_every_cell() -> None:
    frame = pd.DataFrame(
        {"task": list("aaaabb"), "hidden": "2", "width": "1x", "regimen": "adam", "seed": range(6)}
    )
    assert first_seeds(frame, 4)["task"].tolist() == list("aabb")
    assert len(first_seeds(frame, 6)) == 6


def test_features_that_nobody_holds_are_left_out_unless_forced() -> None:
    frame = pd.DataFrame(
        {
            "feature": ["square", "greaterness", "absolute", "my-own"],
            "found": [0, 0, 3, 1],
            "forced": [False, True, False, None],
        }
    )
    assert notable_features(frame) == ["greaterness", "absolute", "my-own"]
