"""Explained: one network with its graph, its responses and one match beside its null, to learn the page's words by."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from mathcircuits.detect import InputError, MathCircuitsError, Network, Task, UnknownTask, analyse, tasks

from ...plots.nullfigures import NULL_SIZE, null_edges, null_histogram, null_words
from ...plots.rendering import blank
from ...studies.config import INIT
from ...studies.schema import Tables
from ...wording import joined, labelled
from ..portraits import portrait
from ..selections import Chosen, chosen_networks, neuron_labels, rows_of, task_names
from ..views import FigureView, PortraitView, StudyLike, drawn_again, figure_view

#: The task that is explained where a study has it: two inputs and three neurons, which a reader can follow.
_FIRST = "minimum"
#: Neurons of a network that is read for this section: more, and its null would take longer than the rest of the page.
_LARGEST = 24


@dataclass(frozen=True)
class ExplainedView:
    """One network explained: its portrait, what it does in sentences, and a match beside its null."""

    portrait: PortraitView
    sentence: str
    forced: str
    null: FigureView | None


def explained(study: StudyLike, tables: Tables) -> ExplainedView | None:
    """The best network of the minimum, or of the first task that has one."""
    for name in sorted(task_names(tables), key=lambda task: task != _FIRST):
        task = _task(name)
        for chosen in chosen_networks(tables, name):
            if chosen.role == "failed":
                continue
            try:
                view = portrait(study, tables, task, chosen)
                network = study.networks(chosen.network)[chosen.network] if chosen.network else None
            except (MathCircuitsError, KeyError):
                continue
            if view is not None:
                # The task's own section shows this network too.
                graph = drawn_again(view.graph, "explained")
                responses = drawn_again(view.responses, "explained") if view.responses else None
                view = replace(view, graph=graph, responses=responses)
                null = _null(network, task) if network is not None and task is not None else None
                return ExplainedView(
                    view, _sentence(tables, name, chosen), _forced(tables, name, chosen), null
                )
    return None


def _task(name: str) -> Task | None:
    try:
        return tasks[name]
    except UnknownTask:
        return None


def _sentence(tables: Tables, task: str, chosen: Chosen) -> str:
    labels = neuron_labels(tables, chosen.network) if chosen.network else {}
    parts = [
        f"v{neuron} resembles {labelled(label.feature, label.on)} and is {label.status}"
        for (_, neuron), label in sorted(labels.items())
        if label.feature and label.status
    ]
    who = (
        f"The network {chosen.network} computes {task}" if chosen.network else f"This network computes {task}"
    )
    words = f"{who}: inputs at the left, hidden neurons in the middle, the output at the right."
    return f"{words} Its neuron {'; '.join(parts[:3])}." if parts else words


def _forced(tables: Tables, task: str, chosen: Chosen) -> str:
    """Which features networks of this condition cannot do without."""
    rows = rows_of(tables, "prevalence", task=task, verdict="forced")
    for column in ("hidden", "regimen"):
        rows = rows[rows[column] == chosen.row.get(column)] if len(rows) else rows
    names = list(dict.fromkeys(rows["feature"])) if len(rows) else []
    return f"Here that holds of {joined(names)}." if names else ""


def _null(network: Network, task: Task) -> FigureView | None:
    """One match over the histogram of its null, the surest first; None where no draws stand behind any."""
    if max(network.sizes) > _LARGEST:
        return None
    try:
        analysis = analyse(network, task=task, init=INIT)
    except MathCircuitsError:
        return None
    tested = analysis.neurons[analysis.neurons["p"].notna()]
    ordered = tested.sort_values(["p", "contribution"], ascending=[True, False], kind="stable")
    for layer, neuron in zip(ordered["layer"].tolist(), ordered["neuron"].tolist(), strict=True):
        try:
            null = analysis.null_of(int(layer), int(neuron))
            null = replace(null, on=tuple(map(analysis.domain.renamed, null.on)))
        except InputError:
            continue
        figure, (ax,) = blank(*NULL_SIZE)
        null_histogram(null, ax)
        if null.needed is not None:
            edges = null_edges(null.unexplained)
            left, right = (float((edges[k] * null.needed) ** 0.5) for k in (0, -1))
            top = ax.get_ylim()[1]
            for x, word in ((left, "matched"), (right, "vacuous")):
                ax.text(x, 0.99 * top, word, fontsize=8, fontstyle="italic", ha="center", va="top")
        caption = (
            f"One match beside its null. The line: what {labelled(null.feature, ', '.join(null.on))} leaves of "
            f"v{null.neuron}. The histogram: what the best such feature leaves of untrained neurons. Left of the "
            "dashed line a match is evidence (matched); right of it untrained neurons match as well (vacuous)."
        )
        edges = null_edges(null.unexplained)
        data = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "mass": null.histogram(edges)})
        return figure_view(figure, null_words(null), caption, data, "explained-null")
    return None
