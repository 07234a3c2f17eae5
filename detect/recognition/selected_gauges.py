"""The gauge that weight decay is predicted to select: that of the networks of least norm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ..exact.criteria import SAME_GAUGE
from ..exact.norms.least import LeastNorm
from ..exact.norms.problem import Biases
from ..exact.norms.task_forms import task_least_norm
from ..exact.reduced import reduce_network
from ..features.symmetry import mirrored
from ..features.task import Task, as_task
from ..networks.network import HasNetwork, Network, as_network
from .gauges import Gauge, gauge_of


@dataclass(frozen=True, eq=False, repr=False)
class SelectedGauge:
    """What the least norm predicts of networks that are trained with weight decay.

    Attributes:
        task: that they are trained on.
        gauge: of a network of least norm.
        least: the least norm; where its `unique` is False a whole face of gauges has it and nothing is selected.

    Examples:
        >>> selected_gauge("minimum")
        SelectedGauge(minimum: 1/2 (x1 + x2) - 1/2 |x1 - x2|)
        >>> selected_gauge("clip", "free")
        SelectedGauge(clip: any of a face of dimension 1)
    """

    task: Task
    gauge: Gauge
    least: LeastNorm

    @property
    def unique(self) -> bool:
        """Whether one gauge is selected."""
        return self.least.unique

    @property
    def name(self) -> str:
        """The catalogue's name of the gauge, else where its neurons sit in words."""
        return self.gauge.name or self.gauge.description

    def has(self, network: Network | HasNetwork) -> bool:
        """Whether a network's effective weights are those of the selected gauge, within 0.05 of the largest.

        The task's symmetries do not tell gauges apart. Where a face is selected, its one member `gauge` is meant.

        Examples:
            >>> half = selected_gauge("minimum")
            >>> half.has(half.least.network), half.has(Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]]))
            (True, False)
        """
        net, box = as_network(network), self.task.box
        images = (net, *(mirrored(net, symmetry) for symmetry in self.task.symmetries))
        return any(reduce_network(g, box=box).distance(self.gauge.reduced) <= SAME_GAUGE for g in images)

    def __repr__(self) -> str:
        which = self.name if self.unique else f"any of a face of dimension {self.least.dimension}"
        return f"SelectedGauge({self.task.name}: {which})"


def selected_gauge(task: Task | str, biases: Biases = "none") -> SelectedGauge | None:
    """The gauge of least norm among one-hidden-layer networks of a task: what weight decay selects, at enough width.

    Args:
        task: by name or as a Task.
        biases: which biases the networks have, see `least_norm`.

    Returns:
        None where the least norm is not known: tasks without a normal form, and what `least_norm` does not cover.

    Examples:
        >>> selected_gauge("minimum-of-4") is None
        True
    """
    return _selected(as_task(task), biases)


@lru_cache(maxsize=512)
def _selected(task: Task, biases: Biases) -> SelectedGauge | None:
    least = task_least_norm(task, biases)
    if least is None:
        return None
    return SelectedGauge(task, gauge_of(least.network, box=task.box, symmetries=task.symmetries), least)
