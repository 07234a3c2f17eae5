"""Smooth targets: the bound against theory and brute force, and networks against the bound."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import InputError, Network, Task, UnknownTask, tasks
from mathcircuits.reports.approximation import (
    SMOOTH_TASKS,
    _kinks,
    _line_costs,
    approximation_frame,
    error_against_width,
    rms_bound,
)
from mathcircuits.reports.plots.rendering import blank


def test_the_smooth_tasks_by_hand() -> None:
    X = np.array([[0.5, -0.25], [-1.0, 0.5]])
    assert SMOOTH_TASKS["square"](X[:, :1])[:, 0].tolist() == [0.25, 1.0]
    assert SMOOTH_TASKS["sine"](X[:, :1])[:, 0] == pytest.approx([1.0, 0.0], abs=1e-15)
    assert SMOOTH_TASKS["product"](X)[:, 0].tolist() == [-0.125, -0.5]
    assert not set(SMOOTH_TASKS) & set(tasks)


def test_costs_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.uniform(-1, 1, 12)), rng.normal(size=12)
    costs = _line_costs(x, y)
    for i in range(12):
        for j in range(12):
            if j < i:
                assert costs[i, j] == np.inf
            else:
                design = np.column_stack([x[i : j + 1], np.ones(j + 1 - i)])
                fitted = design @ np.linalg.lstsq(design, y[i : j + 1], rcond=None)[0]
                assert costs[i, j] == pytest.approx(((y[i : j + 1] - fitted) ** 2).sum(), abs=1e-10)


@pytest.mark.parametrize("pieces", [1, 2, 3, 5, 9])
def test_the_bound_for_the_square_is_the_one_on_paper(pieces: int) -> None:
    # Equal pieces of length h = 2 / M, each with the mean square h^4 / 180.
    assert rms_bound(SMOOTH_TASKS["square"], pieces) == pytest.approx(2 / (3 * 5**0.5 * pieces**2), rel=0.01)


def test_the_bound_for_the_sine_nears_its_asymptote() -> None:
    # (integral of |f''|^(2/5))^(5/2) / (sqrt(720) sqrt(2) M^2) on [-1, 1].
    x = np.linspace(-1, 1, 20_001)
    integral = float((np.abs(np.pi**2 * np.sin(np.pi * x)) ** 0.4).mean() * 2)
    asymptote = integral**2.5 / np.sqrt(720 * 2) / 24**2
    assert rms_bound(SMOOTH_TASKS["sine"], 24) == pytest.approx(asymptote, rel=0.1)


def test_a_piecewise_linear_task_needs_no_more_than_its_pieces() -> None:
    assert rms_bound(tasks["absolute"], 1) > 0.1
    assert rms_bound(tasks["absolute"], 2) == pytest.approx(0, abs=1e-7)
    errors = [rms_bound(SMOOTH_TASKS["sine"], pieces) for pieces in range(1, 8)]
    assert all(later <= earlier for earlier, later in pairwise(errors))


def test_two_neurons_reach_the_bound_and_wider_ones_stay_above_it() -> None:
    table = approximation_frame("square", widths=(2, 6), seeds=range(6))
    assert (table["rms"] >= table["bound"]).all()
    assert table["rms"][0] < 1.05 * table["bound"][0]
    assert np.allclose(table["places"][0], [-1 / 3, 1 / 3], atol=0.05)
    assert table["rms"][1] < table["rms"][0] <= table["median_rms"][0]
    assert (table["largest"] >= 1 / (2 * (table["width"] + 1.0) ** 2)).all()
    assert table["formula"].isna().all()
    assert "abs(" in table["read"][0]
    assert table["read"][1] is None


def test_the_product_is_two_squares() -> None:
    # x1 x2 = ((x1 + x2)^2 - (x1 - x2)^2) / 4: kinks along both diagonals.
    row = approximation_frame("product", widths=(8,), seeds=range(16)).iloc[0]
    away = np.array([min(abs(place - 45), abs(place - 135)) for place in row["places"]])
    assert (away < 8).mean() >= 0.6  # of directions drawn blindly 32 in 180 would be
    assert np.isnan(row["bound"])


def test_kinks_by_hand() -> None:
    net = Network([[[2.0], [-1.0], [1.0]], [[1.0, 1.0, 1.0]]], [[-1.0, -0.25, 3.0], [0.0]])
    count, places = _kinks(net, SMOOTH_TASKS["square"])
    assert count == 2  # the third neuron is always on
    assert places == pytest.approx((-0.25, 0.5))


def test_what_cannot_be_asked() -> None:
    with pytest.raises(InputError, match="task 'minimum-of-4' has 4 inputs and 1 outputs"):
        approximation_frame("minimum-of-4")
    with pytest.raises(
        UnknownTask, match=r"no task named 'squar': did you mean 'square'\? \(known: square, sine"
    ):
        approximation_frame("squar")
    with pytest.raises(InputError, match=r"widths \(\): give at least one"):
        approximation_frame("square", widths=())
    with pytest.raises(InputError, match="widths 4: give at least one"):
        approximation_frame("square", widths=4)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="0 pieces for 1 inputs"):
        rms_bound(SMOOTH_TASKS["square"], 0)
    with pytest.raises(InputError, match="the bound is for at least one piece of a function of one input"):
        rms_bound(SMOOTH_TASKS["product"], 3)


def test_a_task_of_ones_own() -> None:
    cube = Task("cube", 1, formula=("x1**3",), needs_bias=True)
    table = approximation_frame(cube, widths=(3,), seeds=range(3), regimen="adam")
    assert table["task"].tolist() == ["cube"]
    assert table["rms"][0] >= table["bound"][0]


def test_the_figure_draws_what_the_table_says() -> None:
    rows = [
        {
            "task": name,
            "width": width,
            "rms": 1 / width,
            "median_rms": 2 / width,
            "bound": bound,
            "largest": 1.0,
        }
        for name, bound in (("square", 0.01), ("product", float("nan")))
        for width in (2, 4)
    ]
    _, (ax,) = blank(3, 3)
    assert error_against_width(pd.DataFrame(rows), ax) is ax
    assert ax.lines[0].get_ydata().tolist() == [0.5, 0.25]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2", "4"]
