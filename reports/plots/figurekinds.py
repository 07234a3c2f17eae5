"""Figure kinds: the names of the figures for a paper, what each shows, and the choice of what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Kind:
    """A figure that can be asked for.

    Attributes:
        name: what it is called on the command line.
        shows: in a line.
        folder: whose folder it is made from, "study" or "benchmark".
    """

    name: str
    shows: str
    folder: str = "study"


#: The figures by name.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("circuit", "a network as a graph: neurons with their features, signed weights (--network)"),
            Kind("response", "what a network's neurons and outputs answer, with their kinks (--network)"),
            Kind("features", "what share of each neuron of a network every feature explains (--network)"),
            Kind("periodic-table", "features by tasks, a verdict in every tile (--width, --regimen)"),
            Kind("prevalence", "how many solved networks hold each feature (--task, --width, --regimen)"),
            Kind("census", "in how many ways (gauges) solved networks compute their task (--task)"),
            Kind("forms", "how often each form occurs against the norm (--task, --width, --regimen)"),
            Kind("similarity", "clustered maps of how alike networks are, rung by rung"),
            Kind("training", "the loss of every network over training (--task, --width, --regimen)"),
            Kind("emergence", "when features appear during training (--task, --width, --regimen)"),
            Kind("success", "share of seeds that solve their task, by width and regimen (--task)"),
            Kind("complexity", "length of every formula against its certified error (--task)"),
            Kind("calibration", "how often p falls below a level in untrained networks", "benchmark"),
            Kind("power", "share of planted neurons that are found, against noise", "benchmark"),
        )
    }
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """What of a folder is drawn; what is None is chosen by the figure.

    Examples:
        >>> Choice(task="minimum")
        Choice(network=None, task='minimum', width=None, regimen=None)
    """

    network: str | None = None
    task: str | None = None
    width: str | None = None
    regimen: str | None = None
