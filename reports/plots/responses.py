"""Responses: what a neuron, or the output, does over the box of inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from mathcircuits.detect import Network, Task
from mathcircuits.detect.networks import HOOK_OUTPUT, Box, hook_post, hook_pre

from .palette import FAINT, INK, MUTED, NEGATIVE, POSITIVE, Colour

Array = npt.NDArray[np.float64]
#: Points along one axis: a kink is placed to a fiftieth of the box, and a picture stays under 3 kB.
_GRID = 61
#: Dark for low, light for high, even in grey and for colour-blind readers (Nuñez et al. 2018).
_MAP = "cividis"
#: The lightest ground of a kink line that is still seen on cividis' dark end.
_KINK = "#ffffff"
#: Letters that fit below a plot of an inch and a half.
_LETTERS = 20
#: Activations that bend where a pre-activation is 0.
_KINKED = ("relu", "leaky_relu")


def neuron_response(
    network: Network, block: int, neuron: int, box: Box, ax: Axes, colour: Colour = INK
) -> Axes:
    """Draw what a hidden neuron answers: a curve for one input, a map for two, its weights for more.

    A map carries the line on which the neuron switches on (pre-activation 0), where there is one.

    Args:
        network: its weights.
        block: the hidden layer, counted from 0, linear ones included.
        neuron: its row.
        box: (low, high) per input.
        ax: the axes.
        colour: of the curve.

    Examples:
        >>> from .rendering import blank
        >>> net = Network(weights=[[[1.0], [-1.0]], [[1.0, 1.0]]])
        >>> _, (ax,) = blank(1, 1)
        >>> line = neuron_response(net, 0, 1, ((-1.0, 1.0),), ax).lines[-1]
        >>> line.get_ydata()[[0, -1]].tolist()
        [1.0, 0.0]
    """
    if network.inputs > 2:
        return _weights(network.weights[block][neuron], None if block else network.input_names, ax)
    run = network.run(_points(box))
    after = run[hook_post(block)][:, neuron]
    if network.inputs == 1:
        return _curve(network, box, after, colour, ax)
    kinked = network.activations[block].startswith(_KINKED)
    return _map(network, box, after, run[hook_pre(block)][:, [neuron]] if kinked else None, ax)


def output_response(
    network: Network, output: int, box: Box, ax: Axes, colour: Colour = INK, task: Task | None = None
) -> Axes:
    """Draw what an output answers: a curve for one input, a map for two, its weights for more.

    A curve has the task's own values beside it, dotted, where the task is given. A map carries the lines on which
    some neuron switches on or off: the function bends there, or its neurons cancel.

    Examples:
        >>> from .rendering import blank
        >>> net = Network(weights=[[[1.0, 1.0]]])
        >>> _, (ax,) = blank(1, 1)
        >>> len(output_response(net, 0, ((-1.0, 1.0),) * 2, ax).images)
        1
    """
    if network.inputs > 2:
        return _weights(network.weights[-1][output], None if network.activations else network.input_names, ax)
    points = _points(box)
    run = network.run(points)
    values = run[HOOK_OUTPUT][:, output]
    if network.inputs == 2:
        kinked = [block for block, name in enumerate(network.activations) if name.startswith(_KINKED)]
        before = [run[hook_pre(block)] for block in kinked]
        return _map(network, box, values, np.hstack(before) if before else None, ax)
    if task is not None:
        target = task(points)[:, output]
        ax.plot(points[:, 0], target, color=NEGATIVE.light, linewidth=1.6, linestyle=":", zorder=4)
    return _curve(network, box, values, colour, ax)


def _points(box: Box) -> Array:
    """A grid over the box, [n, d], the first input running fastest."""
    axes = [np.linspace(low, high, _GRID if len(box) > 1 else 4 * _GRID + 1) for low, high in box]
    return np.stack([side.ravel() for side in np.meshgrid(*axes)], axis=1)


def _curve(network: Network, box: Box, values: Array, colour: Colour, ax: Axes) -> Axes:
    ((low, high),) = box
    ax.axhline(0, color=FAINT.light, linewidth=0.7)
    if low < 0 < high:
        ax.axvline(0, color=FAINT.light, linewidth=0.7)
    ax.plot(np.linspace(low, high, len(values)), values, color=colour.light, linewidth=1.8)
    ax.set(xlim=(low, high), xlabel=network.input_names[0])
    ax.set_xticks([low, high], end_labels(low, high))
    ax.locator_params(axis="y", nbins=3)
    return ax


def _map(network: Network, box: Box, values: Array, before: Array | None, ax: Axes) -> Axes:
    (left, right), (low, high) = box
    square = values.reshape(_GRID, _GRID)
    ax.imshow(
        square,
        origin="lower",
        extent=(left, right, low, high),
        cmap=_MAP,
        interpolation="none",
        aspect="auto",
    )
    sides = [np.linspace(left, right, _GRID), np.linspace(low, high, _GRID)]
    for column in [] if before is None else before.T:
        if column.min() < 0 < column.max():
            ax.contour(*sides, column.reshape(_GRID, _GRID), levels=[0.0], colors=[_KINK], linewidths=1.2)
    ax.set(xlabel=network.input_names[0], ylabel=network.input_names[1])
    ax.set_xticks([left, right], end_labels(left, right))
    ax.set_yticks([low, high], end_labels(low, high))
    ax.xaxis.labelpad = ax.yaxis.labelpad = -7
    for side in ax.spines.values():
        side.set_visible(False)
    return ax


def end_labels(low: float, high: float) -> list[str]:
    """The two ends of a range, to a hundredth of it: the box of data has more digits than a small plot has room for.

    Examples:
        >>> end_labels(0.00382, 0.999501), end_labels(-1, 1), end_labels(-0.5, 0.5), end_labels(1200.4, 98000.7)
        (['0', '1'], ['−1', '1'], ['−0.5', '0.5'], ['1000', '98000'])
    """
    digits = 2 - math.ceil(math.log10(high - low)) if high > low else 2
    return [f"{round(end, digits) + 0.0:.6g}".replace("-", "−") for end in (low, high)]


def _weights(row: Array, inputs: Sequence[str] | None, ax: Axes) -> Axes:
    """Incoming weights as bars: up and solid for positive, down and hatched for negative.

    They weigh the inputs of these names, else the neurons of the layer before, which count from 0.
    """
    bars = ax.bar(
        range(len(row)),
        row,
        width=0.7,
        color=[POSITIVE.light if w > 0 else NEGATIVE.light for w in row],
    )
    for bar, w in zip(bars, row, strict=True):
        if w < 0:
            bar.set(facecolor="none", edgecolor=NEGATIVE.light, hatch="//////", linewidth=0.8)
    ax.axhline(0, color=MUTED.light, linewidth=0.7)
    names = [f"v{i}" for i in range(len(row))] if inputs is None else inputs
    # So many letters, and a space after each name, are as wide as the plot.
    step = -(-len(row) * (max(map(len, names)) + 1) // _LETTERS)
    ax.set_xticks(range(0, len(row), step), names[::step])
    ax.tick_params(axis="x", length=0, labelsize=7.5)
    ax.locator_params(axis="y", nbins=3)
    ax.spines["bottom"].set_visible(False)
    ax.set_ylabel("weight in", fontsize=7.5)
    return ax
