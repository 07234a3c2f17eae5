"""Portraits: one network drawn: its graph, what it computes in words, and what its neurons answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mathcircuits.detect import MathCircuitsError, Network, Task, gauge_of
from mathcircuits.detect.networks import as_box

from ..studies.schema import Tables
from ..wording import cell_name, number, thousands
from .mechanisms import facts
from .networks.figures import graph_figure, response_figure
from .selections import Chosen, neuron_labels
from .views import PortraitView, StudyLike


def portrait(study: StudyLike, tables: Tables, task: Task | None, chosen: Chosen) -> PortraitView | None:
    """A network's graph and responses, with why it stands here; None where there is no network to draw."""
    if chosen.network:
        network = study.networks(chosen.network)[chosen.network]
    elif task is not None and task.hand_derived is not None:
        network = task.hand_derived
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
    own = _own_gauge(network, task) if chosen.role == "best" else ""
    lines = tuple(facts(tables, chosen.network, chosen.role != "failed", own)) if chosen.network else ()
    name = chosen.network.replace("/", "-") or f"{task.name if task else 'network'}-derived"
    graph = graph_figure(network, labels, heading, name)
    box = task.box if task is not None else as_box((-1.0, 1.0), network.inputs)
    responses = response_figure(network, labels, box, name, task)
    wide = len(network.sizes) > 3 or max(network.sizes) > 6
    return PortraitView(
        chosen.network,
        heading,
        why,
        missing if isinstance(missing, str) else "",
        diagnosed(row),
        lines,
        graph,
        responses,
        wide,
    )


def _own_gauge(network: Network, task: Task | None) -> str:
    """The network's gauge as it is drawn: of two mirror images the one that it is; "" for more than one layer."""
    try:
        return task.domain.renamed(gauge_of(network, box=task.box).name or "") if task is not None else ""
    except MathCircuitsError:
        return ""


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
