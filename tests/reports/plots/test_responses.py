"""Responses: curves and maps of neurons and outputs beside the task."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from mathcircuits.detect import Network, hand_derived, tasks
from mathcircuits.reports.plots.rendering import blank
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
    net = hand_derived("minimum-of-4")
    ax = neuron_response(net, 0, 0, BOX * 4, axes())
    assert [bar.get_height() for bar in ax.patches if isinstance(bar, Rectangle)] == [1, -1, 0, 0]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["x1", "x2", "x3", "x4"]
    assert [tick.get_text() for tick in output_response(net, 0, BOX * 4, axes()).get_xticklabels()] == [
        "v0",
        "v1",
        "v2",
    ]
