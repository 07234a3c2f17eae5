"""Result plots: what `.plot` of an Analysis, an Ensemble or a Study draws, on given axes or new ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from mathcircuits.detect import Analysis, InputError

from .pages.networks.figures import analysis_labels, responses_on, shown_neurons
from .plots import figures, learningfigures
from .plots.drawing import graph_size, network_graph
from .plots.nullfigures import NULL_SIZE, null_histogram
from .plots.palette import GROUND
from .plots.rendering import STYLE
from .studies.ensemblefiles import load_ensemble

if TYPE_CHECKING:
    from mathcircuits.models import Ensemble

    from .studies.folder import Study

#: Inches of a plot of losses.
_LOSSES = (4.4, 3.0)


def plot_circuit(analysis: Analysis, *, ax: Axes | None = None) -> Axes:
    """The network as a graph: neurons with their features, edges with their signed weights.

    Args:
        analysis: of the network.
        ax: where to draw; by default a new figure.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> from .plots.rendering import blank
        >>> _, (ax,) = blank(5, 2)
        >>> plot_circuit(analyse(hand_derived("absolute"), init="uniform"), ax=ax) is ax
        True
    """
    labels = analysis_labels(analysis)
    return network_graph(analysis.network, labels, _axes(ax, *graph_size(analysis.network, labels)))


def plot_responses(
    analysis: Analysis, *, axes: npt.NDArray[np.object_] | None = None
) -> npt.NDArray[np.object_]:
    """What each neuron and the outputs answer over the box, a plot each; of many neurons those that the output needs.

    Args:
        analysis: of the network.
        axes: where to draw, at least as many as there are plots; by default a new figure.

    Returns:
        The axes that were drawn on [n].

    Raises:
        InputError: where there are too few axes.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> from .plots.rendering import blank
        >>> _, axes = blank(5, 2, columns=3)
        >>> drawn = plot_responses(analyse(hand_derived("absolute"), init="uniform"), axes=np.array(axes))
        >>> [ax.get_title() for ax in drawn]
        ['v0', 'v1', 'output']
    """
    network, labels = analysis.network, analysis_labels(analysis)
    count = len(shown_neurons(network, labels)) + network.outputs
    if axes is None:
        columns = min(count, 5)
        given = _grid(-(-count // columns), columns)
    else:
        given = axes.ravel()
    if len(given) < count:
        raise InputError(f"{len(given)} axes for {count} plots: give as many, or none for a new figure")
    responses_on(network, labels, analysis.box, list(given[:count]), analysis.task)
    if axes is None:
        for ax in given[count:]:
            ax.set_axis_off()
    return given[:count]


def plot_null(analysis: Analysis, layer: int, neuron: int, *, ax: Axes | None = None) -> Axes:
    """One match as a line over the histogram of the null's neurons.

    Args:
        analysis: of the network.
        layer, neuron: as in its table of neurons.
        ax: where to draw; by default a new figure.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> from .plots.rendering import blank
        >>> _, (ax,) = blank(*NULL_SIZE)
        >>> plot_null(analyse(hand_derived("absolute"), init="uniform"), 0, 1, ax=ax).get_ylabel()
        'neurons of the null'
    """
    null = analysis.null_of(layer, neuron)
    null = replace(null, on=tuple(map(analysis.domain.renamed, null.on)))
    return null_histogram(null, _axes(ax, *NULL_SIZE))


def plot_losses(ensemble: Ensemble, *, ax: Axes | None = None) -> Axes:
    """The loss of every network over training: solid where it solved its task, dashed where it did not.

    Args:
        ensemble: what `mathcircuits.models.train` gives.
        ax: where to draw; by default a new figure.

    Examples:
        >>> from mathcircuits.models import train
        >>> from .plots.rendering import blank
        >>> runs = train("identity", hidden=[2], seeds=range(3), steps=20)
        >>> _, (ax,) = blank(4, 3)
        >>> len(plot_losses(runs, ax=ax).lines)
        4
    """
    solved = dict(zip(ensemble.seeds, ensemble.solved.tolist(), strict=True))
    history = ensemble.history
    drawn = history.assign(solved=history["seed"].map(solved))
    made = learningfigures.training(drawn, _axes(ax, *_LOSSES), threshold=ensemble.threshold)
    made.set_title(f"{ensemble.task}, {sum(solved.values())} of {len(solved)} solved", fontsize=9)
    return made


def plot_study(study: Study, *, ax: Axes | None = None) -> Axes:
    """The share of seeds that solved each task, by width and regimen, with exact 95% intervals.

    Raises:
        InputError: where the study has no trained networks.

    Examples:
        >>> from types import SimpleNamespace
        >>> plot_study(SimpleNamespace(tables={}, out="runs/empty"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: runs/empty has no table of success: run the study first
    """
    from .pages.selections import in_order, rows_of

    table = in_order(rows_of(study.tables, "success"))
    if table.empty:
        raise InputError(f"{study.out} has no table of success: run the study first")
    return figures.success(table, _axes(ax, 7.2, 0.7 + 0.2 * (len(table) + table["task"].nunique())))


def plot_study_losses(study: Study, condition: str, *, ax: Axes | None = None) -> Axes:
    """The loss of every network of one condition over training.

    Args:
        study: of the condition.
        condition: such as `"minimum/3/adam"`: what its networks' ids begin with.
        ax: where to draw; by default a new figure.

    Raises:
        InputError: where the study has no such condition.

    Examples:
        >>> from types import SimpleNamespace
        >>> plot_study_losses(SimpleNamespace(cells=[], out="runs/a"), "minimum/3/adam")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: runs/a has no condition 'minimum/3/adam'; known:
    """
    cells = [cell for cell in study.cells if cell.condition == condition and not cell.derived]
    if not cells:
        known = dict.fromkeys(cell.condition for cell in study.cells if not cell.derived)
        raise InputError(f"{study.out} has no condition {condition!r}; known: {', '.join(known)}")
    parts = [load_ensemble(cell.weights_file(study.out)) for cell in cells]
    solved = {
        seed: bool(loss < cells[0].threshold)
        for part in parts
        for seed, loss in zip(part.seeds, part.losses.tolist(), strict=True)
    }
    history = pd.concat([part.history for part in parts], ignore_index=True)
    drawn = history.assign(solved=history["seed"].map(solved))
    made = learningfigures.training(drawn, _axes(ax, *_LOSSES), threshold=cells[0].threshold)
    made.set_title(f"{condition}, {sum(solved.values())} of {len(solved)} solved", fontsize=9)
    return made


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes, or those of a new figure in the house style, which a notebook shows by itself."""
    if ax is not None:
        return ax
    made: Axes = _new(width, height, 1, 1).item()
    return made


def _grid(rows: int, columns: int) -> npt.NDArray[np.object_]:
    """New axes for small plots [rows * columns]."""
    made: npt.NDArray[np.object_] = _new(1.7 * columns, 1.75 * rows, rows, columns).ravel()
    return made


def _new(width: float, height: float, rows: int, columns: int) -> Any:
    import matplotlib.pyplot as plt

    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            rows, columns, figsize=(width, height), layout="constrained", squeeze=False
        )
    # The ink is dark: on a dark notebook the figure brings its own ground.
    figure.set_facecolor(GROUND.light)
    return axes
