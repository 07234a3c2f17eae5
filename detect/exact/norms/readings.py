"""The norms of one network: its path norm beside the least of the function that it computes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import InputError
from ...features.task import Task
from ...networks.box import BoxLike, as_box, sobol_points
from ...networks.network import HasNetwork, Network, as_network
from ..canonical import canonical_form
from .least import LeastNorm, least_norm
from .path_norms import path_norm
from .problem import Biases
from .task_forms import biases_of, task_least_norm

#: Points by which an output's range is known: 2^10.
_LOG2_POINTS = 10


@dataclass(frozen=True)
class Norms:
    """A network's path norm, and the least of its function.

    Attributes:
        biases: what the norms take of biases, see `least_norm`.
        path_norm: NaN for a network without a hidden layer.
        least: None in deeper networks and where it is not known.

    Examples:
        >>> from ...features.task import hand_derived, tasks
        >>> norms_of(hand_derived("minimum"), task=tasks["minimum"])
        Norms(path norm 3.414214, 20.7% above the least, 2.828427)
    """

    biases: Biases
    path_norm: float
    least: LeastNorm | None

    @property
    def excess(self) -> float:
        """`LeastNorm.excess` of the path norm; NaN where the least is not known."""
        return math.nan if self.least is None else self.least.excess(self.path_norm)

    @property
    def text(self) -> str:
        """Both norms in a few words; empty without a hidden layer."""
        if math.isnan(self.path_norm):
            return ""
        own = f"{self.path_norm:.7g}"
        if self.least is None or math.isnan(self.excess):
            return own
        side = "above" if self.excess >= 0 else "below"
        return f"{own}, {abs(self.excess):.1%} {side} the least, {self.least.upper:.7g}"

    def __repr__(self) -> str:
        return f"Norms(path norm {self.text or 'unknown'})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data; what is not known is None."""
        least = self.least
        return {
            "biases": self.biases,
            "path_norm": _known(self.path_norm),
            "least_norm": None if least is None else least.upper,
            "least_norm_proved": None if least is None else least.lower,
            "dimension": None if least is None else least.dimension,
            "excess": _known(self.excess),
        }


def norms_of(
    network: Network | HasNetwork,
    *,
    box: BoxLike = (-1.0, 1.0),
    task: Task | None = None,
    tolerance: float = 0.0,
) -> Norms:
    """The path norm of a network and the least one of its function.

    Args:
        network: a Network or anything with `to_network()`.
        box: (low, high), or one pair per input.
        task: the function, where the network computes it; else the function is the network's own normal form,
            simplified.
        tolerance: by how much the simplified form may be off, as a share of the smallest range of an output: a
            trained network's own form has a kink a neuron, and of that form it has nearly the least norm itself.

    Raises:
        InputError: where box and network do not fit together.
    """
    net = as_network(network)
    bounds, biases = as_box(box, net.inputs), biases_of(net)
    if len(net.weights) < 2:
        return Norms(biases, math.nan, None)
    own = path_norm(net, biases=biases)
    if task is not None:
        return Norms(biases, own, task_least_norm(task, biases))
    try:
        form = canonical_form(net, box=bounds)
        ranges = np.ptp(net(sobol_points(bounds, _LOG2_POINTS)), axis=0)
        form = form.simplify(tolerance * float(ranges.min()))
        if biases == "none":
            # A dropped kink leaves its mean behind, which no network without biases has.
            form = replace(form, c=np.zeros(form.outputs))
        return Norms(biases, own, least_norm(form, biases=biases))
    except InputError:
        return Norms(biases, own, None)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
