"""A network's neurons grouped by what they hold, each group with its share of the output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..networks.box import BoxLike
from ..networks.network import Network
from ..networks.stacks import Stack
from .ablation import joint_ablation, mean_ablation
from .probes import points_for

if TYPE_CHECKING:
    import pandas as pd

GROUP_COLUMNS = ("layer", "status", "feature", "on", "neurons", "share")
#: Their nearest feature says nothing of such neurons, so that all of a layer are one group.
_WITHOUT_FEATURE = frozenset({"unmatched", "dead", "linear"})


def group_neurons(
    network: Network,
    neurons: pd.DataFrame,
    *,
    box: BoxLike = (-1.0, 1.0),
    inputs: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """The neurons of a network by layer, status and feature, the group with the largest share first.

    Neurons whose nearest feature says nothing (unmatched, dead, linear) form one group for each layer and status.

    Args:
        network: the network.
        neurons: its table, as `match_neurons` gives it.
        box: the inputs' box; inputs: [n, d], instead of uniform points of the box.

    Returns:
        One row a group, columns `GROUP_COLUMNS`: `neurons` are their numbers within the layer, `share` the part of
        the output's variance that is lost where all of them are held at their means. Shares of groups overlap: they
        need not sum to 1, and one of a layer below the last can exceed 1.

    Examples:
        >>> from .neurons import match_neurons
        >>> net = Network(weights=[[[1, -1], [2, -2], [1, 0], [-1, 0]], [[-0.5, -0.25, 1, -1]]])
        >>> X = points_for(2).X
        >>> groups = group_neurons(net, match_neurons(net.run(X), init="uniform"))
        >>> groups[["feature", "neurons"]].values.tolist()
        [['greaterness', (0, 1)], ['positiveness', (2,)], ['negativeness', (3,)]]
    """
    import pandas as pd

    stack = Stack.of([network])
    forward = stack.forward(points_for(network.inputs, box=box, X=inputs).X)
    units: dict[tuple[int, str, str | None, tuple[str, ...]], list[int]] = {}
    for layer, unit, status, feature, on in neurons[
        ["layer", "neuron", "status", "feature", "on"]
    ].itertuples(index=False, name=None):
        named = isinstance(feature, str) and status not in _WITHOUT_FEATURE
        key = (int(layer), str(status), feature if named else None, tuple(on) if named else ())
        units.setdefault(key, []).append(int(unit))
    active = network.architecture.active
    rows = [
        (*key, tuple(own), float(joint_ablation(stack, forward, active[key[0]], own)[0]))
        for key, own in units.items()
    ]
    table = pd.DataFrame(rows, columns=list(GROUP_COLUMNS))
    return table.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def neuron_shares(
    network: Network, *, box: BoxLike = (-1.0, 1.0), inputs: npt.ArrayLike | None = None
) -> tuple[npt.NDArray[np.float64], ...]:
    """The part of the output's variance that is lost where one neuron alone is held at its mean: [units] a layer.

    The contribution of `match_neurons` holds the copies of a neuron with it; here each of them counts for itself.

    Args:
        network: the network.
        box: the inputs' box; inputs: [n, d], instead of uniform points of the box.

    Examples:
        >>> net = Network(weights=[[[1, -1], [1, -1]], [[1, 1]]])
        >>> [share.round(6).tolist() for share in neuron_shares(net)]
        [[0.25, 0.25]]
    """
    stack = Stack.of([network])
    forward = stack.forward(points_for(network.inputs, box=box, X=inputs).X)
    return tuple(mean_ablation(stack, forward, block)[0] for block in network.architecture.active)
