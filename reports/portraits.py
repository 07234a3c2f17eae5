"""Portraits: one network drawn: its graph, what it computes in words, and what its neurons answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mathcircuits.detect import Network, Task
from mathcircuits.detect.box import Box, as_box

from .drawing import LABELS_PER_LAYER, Labels, NeuronLabel, graph_size, in_words, network_graph
from .mechanisms import facts
from .rendering import blank
from .responses import neuron_response, output_response
from .selections import Chosen, Tables, neuron_labels
from .views import FigureView, PortraitView, StudyLike, figure_view
from .wording import cell_name, labelled, number, thousands

#: Neurons with a response plot of their own; a wider layer's strongest contributors are enough to read.
_RESPONSES = 14


def portrait(study: StudyLike, tables: Tables, task: Task | None, chosen: Chosen) -> PortraitView | None:
    """A network's graph and responses, with why it stands here; None where there is no network to draw."""
    if chosen.network:
        network = study.networks(chosen.network)[chosen.network]
    elif task is not None and task.derived_network is not None:
        network = task.derived_network
    else:
        return None
    labels = neuron_labels(tables, chosen.network) if chosen.network else {}
    row = chosen.row
    where = cell_name(row.get("hidden", ""), row.get("width", ""), row.get("regimen", ""))
    loss = f"loss {number(float(row['loss']))}" if pd.notna(row.get("loss")) else ""
    heading, why = {
        "best": (
            f"Best: {where}, seed {row.get('seed')}",
            f"Of the solved networks with the fewest weights the one with the lowest loss ({loss}).",
        ),
        "failed": (
            f"Failed: {where}, seed {row.get('seed')}",
            f"Of the failed networks beside it the one in the middle ({loss}).",
        ),
        "derived": (
            "Derived by hand",
            "No trained network solved this task. This one was derived by hand"
            + (f" ({task.source})" if task is not None and task.source else "")
            + ", not trained.",
        ),
    }[chosen.role]
    missing = row.get("missing") if chosen.role == "failed" else ""
    lines = tuple(facts(tables, chosen.network, chosen.role != "failed")) if chosen.network else ()
    width, height = graph_size(network)
    figure, (ax,) = blank(width, height)
    network_graph(network, labels, ax)
    name = chosen.network.replace("/", "-") or f"{task.name if task else 'network'}-derived"
    caption = "Blue, solid: positive weight. Red, dashed: negative. Thickness: size within its layer."
    graph = figure_view(figure, f"{heading}. {in_words(network, labels)}", caption, _edge_list(network), name)
    crowded = any(w.size > LABELS_PER_LAYER for w in network.weights)
    note = f"Between two layers the {LABELS_PER_LAYER} largest weights are written." if crowded else ""
    box = task.box if task is not None else as_box((-1.0, 1.0), network.inputs)
    responses = _responses(network, labels, box, name, task)
    wide = len(network.sizes) > 3 or max(network.sizes) > 6
    return PortraitView(
        heading,
        why,
        missing if isinstance(missing, str) else "",
        diagnosed(row),
        lines,
        graph,
        responses,
        note,
        wide,
    )


def diagnosed(row: Mapping[str, Any]) -> str:
    """Why a failed network failed, and since when, in a sentence; empty where that is not known.

    Examples:
        >>> diagnosed({"diagnosis": "v1 is dead.", "lost": 250})
        'v1 is dead. Lost at step 250.'
    """
    sentence, lost = row.get("diagnosis"), row.get("lost")
    if not isinstance(sentence, str) or not sentence:
        return ""
    sentence = sentence if sentence.endswith(".") else f"{sentence}."
    if lost is None or pd.isna(lost):
        return sentence
    step = int(lost)
    return f"{sentence} Lost {'before the first step' if step == 0 else f'at step {thousands(step)}'}."


def _responses(network: Network, labels: Labels, box: Box, name: str, task: Task | None) -> FigureView | None:
    """A small plot for each hidden neuron that has an activation, and for the outputs."""
    neurons = [
        (layer, block, i)
        for layer, block in enumerate(network.architecture.active)
        for i in range(network.sizes[block + 1])
    ]
    shown = neurons[:_RESPONSES]
    if not shown:
        return None
    count = len(shown) + network.outputs
    columns = min(count, 7 if len(network.sizes) > 3 else 5)
    rows = -(-count // columns)
    figure, axes = blank(1.62 * columns, 1.62 * rows, rows=rows, columns=columns)
    several = len(network.architecture.active) > 1
    for (layer, block, i), ax in zip(shown, axes, strict=False):
        label = labels.get((layer, i), NeuronLabel())
        neuron_response(network, block, i, box, ax, label.colour)
        _small_title(f"v{i}" + (f", layer {layer}" if several else ""), label, ax)
    for i, ax in enumerate(axes[len(shown) : count]):
        output_response(network, i, box, ax, task=task)
        _small_title("output" if network.outputs == 1 else f"output {i + 1}", NeuronLabel(), ax)
    for ax in axes[count:]:
        ax.set_axis_off()
    caption = {
        1: "What each neuron and the output answer over the box; dotted: the task itself.",
        2: "What each neuron answers over the box: dark is low, light is high; white: where it switches on.",
    }.get(network.inputs, "Each neuron's incoming weights; negative ones hatched.")
    if len(shown) < len(neurons):
        caption += f" The first {len(shown)} of {len(neurons)} neurons."
    words = "; ".join(f"v{i} {labels.get((layer, i), NeuronLabel()).text}" for layer, _, i in shown)
    frame = pd.DataFrame(
        [
            {
                "layer": layer,
                "neuron": i,
                **{f"weight{k + 1}": w for k, w in enumerate(network.weights[block][i])},
                "bias": network.bias_vectors[block][i],
            }
            for layer, block, i in neurons
        ]
    )
    said = f"Responses over the box of inputs. {words}."
    return figure_view(figure, said, caption, frame, f"{name}-neurons")


def _small_title(name: str, label: NeuronLabel, ax: Any) -> None:
    """Two short lines: which neuron, and what it holds."""
    ax.set_title(name, fontsize=8, fontweight="bold", pad=12 if label.feature else 4)
    if label.feature:
        text = labelled(label.feature, label.on)
        # 22 characters are as wide as the plot; a longer text is set smaller, and beyond 28 leaves out its
        # arguments, which stand in the graph.
        text = text if len(text) <= 28 else label.feature
        size = 7.5 * min(1.0, 22 / len(text))
        ax.text(0.5, 1.04, text, fontsize=size, ha="center", va="bottom", transform=ax.transAxes)


def _edge_list(network: Network) -> pd.DataFrame:
    """Every weight and bias of a network, one a row."""
    rows = []
    for k, (matrix, bias) in enumerate(zip(network.weights, network.bias_vectors, strict=True)):
        for j, values in enumerate(matrix):
            rows += [{"matrix": k, "to": j, "from": i, "weight": w} for i, w in enumerate(values)]
            rows.append({"matrix": k, "to": j, "from": "bias", "weight": bias[j]})
    return pd.DataFrame(rows)
