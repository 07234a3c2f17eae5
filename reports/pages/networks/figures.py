"""Network figures: one network's graph, and what its neurons and outputs answer, as a page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from mathcircuits.detect import Analysis, InputError, MatchNull, Network, Task
from mathcircuits.detect.matching import USED
from mathcircuits.detect.networks import Box

from ...plots.drawing import (
    LABELS_PER_LAYER,
    Labels,
    NeuronLabel,
    graph_size,
    in_words,
    network_graph,
    shown_of,
)
from ...plots.nullfigures import null_edges, null_histogram, null_words
from ...plots.rendering import blank
from ...plots.responses import neuron_response, output_response
from ...wording import counted, labelled
from ..views import FigureView, figure_view

#: Neurons with a response plot of their own: three lines of five with the output, more than a reader compares.
RESPONSES = 14


def graph_figure(network: Network, labels: Labels, heading: str, name: str) -> FigureView:
    """The network as a graph, its weights to download.

    Args:
        network: its weights.
        labels: what its neurons hold, by (layer, neuron).
        heading: what it is, for those who do not see it.
        name: of the file with its weights.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> view = graph_figure(hand_derived("absolute"), {}, "By hand", "absolute")
        >>> 'aria-label="By hand. Network 1-2-1.' in view.svg
        True
    """
    width, height = graph_size(network, labels)
    figure, (ax,) = blank(width, height)
    network_graph(network, labels, ax)
    caption = "Blue, solid: positive weight. Red, dashed: negative. Thickness: size within its layer."
    shown = shown_of(network, labels)
    if shown.crowded:
        away = sum(network.sizes) - sum(shown.sizes)
        caption += (
            " Weights below a tenth of their layer's largest appear when the pointer rests on the figure."
        )
        caption += (
            f" {counted(away, 'neuron')} that the output does not need {'is' if away == 1 else 'are'} left out."
            if away
            else ""
        )
    elif any(w.size > LABELS_PER_LAYER for w in network.weights):
        caption += f" Between two layers the {LABELS_PER_LAYER} largest weights are written."
    return figure_view(figure, f"{heading}. {in_words(network, labels)}", caption, edge_list(network), name)


def response_figure(
    network: Network, labels: Labels, box: Box, name: str, task: Task | None = None, most: int = RESPONSES
) -> FigureView | None:
    """A small plot for each hidden neuron that has an activation, and for the outputs; None without such neurons.

    Args:
        network: its weights.
        labels: what its neurons hold, by (layer, neuron).
        box: (low, high) per input.
        name: of the file with its neurons' weights.
        task: drawn beside the output, dotted, where there is one input.
        most: of more neurons those that hold something that the output needs come first.

    Examples:
        >>> from mathcircuits.detect import hand_derived, tasks
        >>> view = response_figure(hand_derived("absolute"), {}, ((-1.0, 1.0),), "absolute", tasks["absolute"])
        >>> view.caption
        'What each neuron and the output answer over the box; dotted: the task itself.'
    """
    total = sum(network.sizes[block + 1] for block in network.architecture.active)
    if not total:
        return None
    shown = shown_neurons(network, labels, most)
    outputs = min(network.outputs, most)
    count = len(shown) + outputs
    columns = min(count, 7 if len(network.sizes) > 3 else 5)
    rows = -(-count // columns)
    figure, axes = blank(1.62 * columns, 1.62 * rows, rows=rows, columns=columns)
    # Panels of one kind need no layout that measures every text, which takes a third of the drawing's time.
    figure.set_layout_engine(None)
    figure.subplots_adjust(
        left=0.3 / columns, right=1, bottom=0.26 / rows, top=1 - 0.2 / rows, wspace=0.42, hspace=0.68
    )
    responses_on(network, labels, box, axes[:count], task, most)
    for ax in axes[count:]:
        ax.set_axis_off()
    caption = {
        1: "What each neuron and the output answer over the box"
        + ("; dotted: the task itself." if task is not None else "."),
        2: "What each neuron and the output answer over the box: dark is low, light is high; white: where a neuron "
        "switches on, and so the function may bend.",
    }.get(network.inputs, "Each neuron's incoming weights; negative ones hatched.")
    if len(shown) < total:
        caption += f" {len(shown)} of {total} neurons, those that the output needs first."
    words = "; ".join(f"v{i} {labels.get((layer, i), NeuronLabel()).text}" for layer, _, i in shown)
    frame = pd.DataFrame(
        [
            {
                "layer": layer,
                "neuron": i,
                **{f"weight{k + 1}": w for k, w in enumerate(network.weights[block][i])},
                "bias": network.bias_vectors[block][i],
            }
            for layer, block, i in shown_neurons(network, {}, total)
        ]
    )
    return figure_view(
        figure, f"Responses over the box of inputs. {words}.", caption, frame, f"{name}-neurons"
    )


def shown_neurons(network: Network, labels: Labels, most: int = RESPONSES) -> list[tuple[int, int, int]]:
    """The neurons with a response plot as (layer, block, row): of too many those that the output needs.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> shown_neurons(hand_derived("absolute"), {})
        [(0, 0, 0), (0, 0, 1)]
    """
    neurons = [
        (layer, block, i)
        for layer, block in enumerate(network.architecture.active)
        for i in range(network.sizes[block + 1])
    ]
    return sorted(sorted(neurons, key=lambda at: _label(labels, at).used is False)[:most])


def _label(labels: Labels, at: tuple[int, int, int]) -> NeuronLabel:
    return labels.get((at[0], at[2]), NeuronLabel())


def responses_on(
    network: Network,
    labels: Labels,
    box: Box,
    axes: Sequence[Any],
    task: Task | None = None,
    most: int = RESPONSES,
) -> None:
    """Draw the responses of the shown neurons and then of the outputs, one on each of the axes.

    Args:
        network, labels, box, task, most: as for `response_figure`.
        axes: as many as there are plots.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> _, axes = blank(5, 2, columns=3)
        >>> responses_on(hand_derived("absolute"), {}, ((-1.0, 1.0),), axes)
        >>> axes[2].get_title()
        'output'
    """
    shown = shown_neurons(network, labels, most)
    several = len(network.architecture.active) > 1
    for at, ax in zip(shown, axes, strict=False):
        layer, block, i = at
        neuron_response(network, block, i, box, ax, _label(labels, at).colour)
        small_title(f"v{i}" + (f", layer {layer}" if several else ""), _label(labels, at), ax)
    for i, ax in enumerate(axes[len(shown) :]):
        output_response(network, i, box, ax, task=task)
        unnamed = "output" if network.outputs == 1 else f"output {i + 1}"
        small_title((network.about.output_names or {i: unnamed})[i], NeuronLabel(), ax)
    for ax in axes if network.inputs > 2 else ():
        # What the bars are stands in the caption: in a grid it would overprint the neighbour.
        ax.set_ylabel("")


def analysis_labels(analysis: Analysis) -> dict[tuple[int, int], NeuronLabel]:
    """What the drawings write into the neurons of a network that was read.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> analysis_labels(analyse(hand_derived("absolute"), init="uniform"))[0, 1].text
        'negativeness(x1), vacuous'
    """
    return {
        (int(row["layer"]), int(row["neuron"])): NeuronLabel(
            row["feature"] if isinstance(row["feature"], str) else None,
            analysis.domain.renamed(", ".join(row["on"])),
            str(row["status"]),
            None if pd.isna(row["contribution"]) else bool(row["contribution"] >= USED),
        )
        for row in analysis.neurons.to_dict("records")
    }


def match_nulls(analysis: Analysis, most: int = RESPONSES) -> tuple[MatchNull, ...]:
    """The nulls behind the matches of a network, the used neurons' first; none of a p in closed form.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> match_nulls(analyse(hand_derived("absolute"), init="uniform"))
        (MatchNull(v0 positiveness(x1), vacuous, ...), MatchNull(v1 negativeness(x1), vacuous, ...))
    """
    rows = analysis.neurons[analysis.neurons["p"].notna()]
    ordered = rows.sort_values("contribution", ascending=False, kind="stable")
    found: list[MatchNull] = []
    for layer, neuron in ordered[["layer", "neuron"]].to_numpy(dtype=int).tolist():
        if len(found) == most:
            break
        try:
            found.append(analysis.null_of(layer, neuron))
        except InputError:
            continue
    return tuple(sorted(found, key=lambda null: (null.layer, null.neuron)))


def null_figure(analysis: Analysis, name: str, most: int = RESPONSES) -> FigureView | None:
    """Every match over the histogram of its null; None where no draws stand behind any.

    Args:
        analysis: of the network.
        name: of the file with the histograms.
        most: of more neurons those that the output needs come first.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> view = null_figure(analyse(hand_derived("absolute"), init="uniform"), "absolute")
        >>> "over their nulls" in view.svg, view.svg.count(">p = 1<")
        (True, 2)
    """
    nulls = match_nulls(analysis, most)
    if not nulls:
        return None
    columns = min(len(nulls), 5)
    rows = -(-len(nulls) // columns)
    figure, axes = blank(1.9 * columns, 1.62 * rows, rows=rows, columns=columns)
    figure.set_layout_engine(None)
    figure.subplots_adjust(
        left=0.1 / columns,
        right=1 - 0.1 / columns,
        bottom=0.2 / rows,
        top=1 - 0.24 / rows,
        wspace=0.16,
        hspace=0.62,
    )
    several = len(analysis.network.architecture.active) > 1
    renamed = analysis.domain.renamed
    for null, ax in zip(nulls, axes, strict=False):
        null_histogram(replace(null, on=tuple(map(renamed, null.on))), ax, small=True)
        label = NeuronLabel(null.feature, renamed(", ".join(null.on)), null.status)
        small_title(f"v{null.neuron}{f', layer {null.layer}' if several else ''}, {null.status}", label, ax)
    for ax in axes[len(nulls) :]:
        ax.set_axis_off()
    caption = (
        "Each match over its null: the share of the variance that the best feature of its class leaves, for this "
        "neuron (solid line) and for the neurons of the null (histogram). Left of the dashed line p is below 0.05. A "
        "match that stands among the neurons of the null proves nothing."
    )
    tested = int(analysis.neurons["p"].notna().sum())
    if len(nulls) < tested:
        caption += f" {len(nulls)} of {tested} tested neurons."
    bins = [
        {"layer": null.layer, "neuron": null.neuron, "from": low, "to": high, "mass": mass}
        for null in nulls
        for edges in [null_edges(null.unexplained)]
        for low, high, mass in zip(edges[:-1], edges[1:], null.histogram(edges), strict=True)
    ]
    words = " ".join(renamed(null_words(null)) for null in nulls)
    return figure_view(
        figure, f"Matches over their nulls. {words}", caption, pd.DataFrame(bins), f"{name}-histograms"
    )


def small_title(name: str, label: NeuronLabel, ax: Any) -> None:
    """Two short lines above a small plot: which neuron, and what it holds."""
    ax.set_title(name, fontsize=8, fontweight="bold", pad=12 if label.feature else 4)
    if label.feature:
        text = labelled(label.feature, label.on)
        # 22 characters are as wide as the plot; a longer text is set smaller, and beyond 28 leaves out its
        # arguments, which stand in the graph.
        text = text if len(text) <= 28 else label.feature
        size = 7.5 * min(1.0, 22 / len(text))
        ax.text(0.5, 1.04, text, fontsize=size, ha="center", va="bottom", transform=ax.transAxes)


def edge_list(network: Network) -> pd.DataFrame:
    """Every weight and bias of a network, one a row.

    Examples:
        >>> edge_list(Network([[[2.0]]])).values.tolist()
        [[0, 0, 0, 2.0], [0, 0, 'bias', 0.0]]
    """
    rows: list[dict[str, object]] = []
    for k, (matrix, bias) in enumerate(zip(network.weights, network.bias_vectors, strict=True)):
        for j, values in enumerate(matrix):
            rows += [{"matrix": k, "to": j, "from": i, "weight": w} for i, w in enumerate(values)]
            rows.append({"matrix": k, "to": j, "from": "bias", "weight": bias[j]})
    return pd.DataFrame(rows)
