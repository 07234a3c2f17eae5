"""The null of irreps: how much of a neuron lies in one irrep, beside untrained networks of its shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.architecture import Architecture
from .finite_groups import FiniteGroup
from .neuron_tables import Tables, active_neurons, untrained_networks

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GroupNull:
    """What the active neurons of untrained networks of one shape give for each irrep.

    Attributes:
        shares: of input power in each irrep but the trivial one [neurons, irreps - 1], each column sorted.
        smallest: each of these neurons' smallest chance over irreps, sorted [neurons].
        largest: its largest share, at the input and at the output [2, neurons], sorted.
        draws: how many networks were drawn.

    Examples:
        >>> from .named_groups import group_named
        >>> from ..networks.network import Network
        >>> shape = Network([np.ones((16, 12)), np.ones((6, 16))]).architecture
        >>> group_null(shape, group_named("S3"), draws=20)
        GroupNull(20 untrained networks; 95% quantile of the largest share 0.99)
    """

    shares: Array
    smallest: Array
    largest: Array
    draws: int

    def p_neurons(self, shares: npt.ArrayLike) -> Array:
        """The chance that an untrained neuron has so large a share in an irrep, whatever the irrep [..., irreps - 1].

        An irrep of large dimension holds much of any function, so that shares of different irreps are not alike: each
        is turned into its own chance among untrained neurons, and the smallest of a neuron's chances is compared with
        the smallest ones of theirs (the minimum-p method of Westfall & Young 1993).
        """
        given = np.asarray(shares, dtype=np.float64)
        least = _chances(self.shares, given).min(axis=-1)
        below = np.searchsorted(self.smallest, least, side="right")
        missing = np.isnan(given).any(axis=-1)
        return np.asarray(np.where(missing, np.nan, (1.0 + below) / (1.0 + len(self.smallest))))

    def __repr__(self) -> str:
        return (
            f"GroupNull({self.draws} untrained networks; 95% quantile of the largest share "
            f"{float(np.quantile(self.largest[0], 0.95)):.2f})"
        )


def _chances(sorted_shares: Array, given: Array) -> Array:
    """`(1 + draws at least as large) / (1 + draws)`, irrep by irrep."""
    found = np.empty_like(given)
    for k, column in enumerate(sorted_shares.T):
        above = len(column) - np.searchsorted(column, given[..., k], side="left")
        found[..., k] = (1.0 + above) / (1.0 + len(column))
    return found


def group_null(
    architecture: Architecture, group: FiniteGroup, *, draws: int = 100, seed: int = 0
) -> GroupNull:
    """Draw the null: untrained networks of that shape, read as a trained one is.

    Args:
        architecture: the shape; group: whose elements the inputs and outputs stand for.
        draws: how many networks to draw (100 with 64 neurons give p down to 2e-4).
        seed: of the draws.

    Raises:
        InputError: for fewer than 20 networks, and for a group of one element, which has no irrep but the trivial one.

    Examples:
        >>> from .named_groups import group_named
        >>> from ..networks.network import Network
        >>> group_null(Network([np.ones((16, 12)), np.ones((6, 16))]).architecture, group_named("S3"), draws=5)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: 5 untrained networks: give at least 20, or no p-value can be small
    """
    if draws < 20:
        raise InputError(f"{draws} untrained networks: give at least 20, or no p-value can be small")
    if group.order < 2:
        raise InputError(f"{group} has one element: give a group with two or more")
    inside, outside = [], []
    for network in untrained_networks(architecture, draws, seed=seed):
        tables = Tables.of(network)
        active = active_neurons(tables.written())
        inside.append(shares_of(group.power(tables.a) + group.power(tables.b))[active])
        outside.append(shares_of(group.power(tables.out))[active].max(axis=1))
    shares = np.concatenate(inside)
    ordered = np.sort(shares, axis=0)
    return GroupNull(
        shares=ordered,
        smallest=np.sort(_chances(ordered, shares).min(axis=1)),
        largest=np.sort(np.stack([shares.max(axis=1), np.concatenate(outside)]), axis=1),
        draws=draws,
    )


def shares_of(power: Array) -> Array:
    """Each entry over its row's sum; NaN where there is no power.

    Examples:
        >>> shares_of(np.array([[3.0, 1.0], [0.0, 0.0]])).tolist()
        [[0.75, 0.25], [nan, nan]]
    """
    total = power.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total > 0, power / total, np.nan))
