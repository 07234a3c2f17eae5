"""The README's figure, from a study: python docs/figure.py runs/default docs/figure.svg

On the left the network that solved the minimum of two numbers best, named as `analyse` reads it; on the right
what each of its neurons answers, over the box of inputs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl

from mathcircuits.detect import analyse, tasks
from mathcircuits.reports import Study
from mathcircuits.reports.plots.drawing import NeuronLabel, network_graph
from mathcircuits.reports.plots.rendering import STYLE, blank
from mathcircuits.reports.plots.responses import neuron_response

CELL, TASK = "minimum/3/adam", "minimum"


def main(folder: str, out: str) -> None:
    """Draw the best solved network of the cell and write it as SVG."""
    study = Study.load(folder)
    rows = study.tables["networks"]
    rows = rows[
        rows["network"].str.startswith(f"{CELL}/") & (rows["population"] == "trained") & rows["solved"]
    ]
    best = rows.sort_values("loss")["network"].iloc[0]
    network = study.networks(best)[best]
    a = analyse(network, task=TASK, init="uniform")
    labels = {
        (int(row.layer), int(row.neuron)): NeuronLabel(row.feature, ", ".join(row.on), row.status)
        for row in a.neurons.itertuples()
    }
    width = network.sizes[1]
    with mpl.rc_context({**STYLE, "svg.hashsalt": "mathcircuits"}):
        figure, axes = blank(9.0, 2.9, 1, 1 + width)
        axes[0].set_position((0.01, 0.05, 0.56, 0.82))
        network_graph(network, labels, axes[0])
        error = f"off by at most {a.certificate.upper:.0e} anywhere on the box"
        axes[0].set_title(f"{best}: {a.program.text}\n{error}", fontsize=9, loc="left")
        for k in range(width):
            ax = axes[1 + k]
            ax.set_position((0.60 + 0.135 * k, 0.28, 0.115, 0.42))
            neuron_response(network, 0, k, tasks[TASK].box, ax, labels[0, k].colour)
            if k:
                ax.set_ylabel("")
                ax.set_yticks([])
            ax.set_title(f"v{k}: {labels[0, k].feature}\n({labels[0, k].on})", fontsize=8)
        figure.savefig(out, facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], str(Path(sys.argv[2])))
