"""Irreps as features of one network that composes in a group: embedding, neurons, unembedding, and what they do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..matching.criteria import ALPHA, USED
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.multiple_testing import benjamini_hochberg
from .criteria import SINGLE
from .finite_groups import FiniteGroup
from .group_nulls import group_null, shares_of
from .neuron_tables import Tables, active_neurons

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
#: Cuts of the threshold curve: the share of a neuron's input power that its strongest irrep must have.
CUTS = (*(round(0.05 * k, 2) for k in range(6, 20)), 0.97, 0.99)


class ShareNull(Protocol):
    """What says how surprising a neuron's shares are: `GroupNull`, or modular addition's `FourierNull`."""

    def p_neurons(self, shares: npt.ArrayLike) -> Array:
        """A p-value for each neuron from its shares [neurons, irreps - 1]."""
        ...


def character_components(logits: npt.ArrayLike, group: FiniteGroup) -> Array:
    """How much of the logits is a character of `a b c^-1`, by irrep but the trivial one: mean squares [irreps - 1].

    The logits of "group composition via representations" (Chughtai et al. 2023, arXiv 2302.03025) are
    `tr rho(a b c^-1)` up to scale. Averaged over all triples with the same `a b c^-1` they are a function on the
    group; its power among the irrep's class functions, over the order, is the answer. Divided by the logits'
    variance each is the share that the irrep explains. Modulo p it is the power of a wave of `a + b - c`.

    Args:
        logits: on every pair, a slow and b fast [order^2, order].

    Raises:
        InputError: for another shape.

    Examples:
        >>> from .named_groups import group_named
        >>> s3 = group_named("S3")
        >>> d = s3.table[s3.products][:, s3.inverses]
        >>> character_components(s3.irrep("2a").character[d], s3).round(9).tolist()
        [0.0, 1.0]
    """
    L = np.asarray(logits, dtype=np.float64)
    n = group.order
    if L.shape != (n * n, n):
        raise InputError(f"logits of shape {L.shape}: give [{n * n}, {n}], every pair with a slow and b fast")
    quotient = group.table[group.products][:, group.inverses]
    table = np.bincount(quotient.ravel(), L.ravel(), minlength=n) / (n * n)
    return np.array([((irrep.class_basis.T @ table) ** 2).sum() / n for irrep in group.irreps[1:]])


@dataclass(frozen=True, eq=False, repr=False)
class GroupReading:
    """The irreps in one network that composes in a group.

    Attributes:
        group: whose composition it is read as.
        neurons: a DataFrame, one row a neuron: `neuron, active, irrep` (the strongest at the input), `share` (its
            share of the power of both input tables), `irrep_out, share_out` (the strongest among the outgoing weights,
            and its share of theirs), `written` (share of all that neurons write into the logits), `p, q` (of the
            shares, against untrained neurons; missing where the neuron is not active), `single` (active, a share of
            at least 0.9, q at most 0.05).
        irreps: one row an irrep but the trivial one: `irrep, dimension, kind, size` (of its isotypic component),
            `embedding, unembedding` (its share of the power of the active neurons' input tables and outgoing
            weights), `neurons` (those single in it), `contribution` (the error of mean-ablating them all, over the
            logits' variance), `used` (that is at least 0.01), `component` (the share of the logits' variance that is
            the irrep's character of a b c^-1), `component_without` and `others_without` them (what is left of it, and
            of all other characters together, over what was), `accuracy_without`, `loss_without` (on all pairs; nats),
            `accuracy_only` with them (others at their means), and for the tables in place of neurons, the irrep
            projected out of them or everything but it and the constants: `embedding_without, embedding_only,
            unembedding_without, unembedding_only` (accuracies).
        cuts: the threshold curve: `cut, single` (the share of active neurons whose strongest irrep has this share or
            more), `used` (how many irreps those neurons make at least 0.01 of the logits' variance out of), `names`.
        power: input power by neuron and irrep [neurons, irreps - 1].
        accuracy, loss: on all pairs; loss is the cross-entropy in nats.
        accuracy_used: with only the used irreps' neurons left, the others at their means; accuracy_others: with
            those ablated instead.
        explained: the share of the logits' variance that is a character of a b c^-1 of any irrep.
        removal: used irreps ablated one after the other, that of the largest contribution first: `removed, irrep,
            accuracy, loss`.

    Examples:
        >>> from .group_truths import planted_irreps
        >>> from .named_groups import group_named
        >>> s3 = group_named("S3")
        >>> reading = read_group(planted_irreps(s3, ["2a"]), s3, draws=20)
        >>> reading.accuracy, sorted(set(reading.neurons["irrep"]))
        (1.0, ['2a'])
    """

    group: FiniteGroup
    neurons: pd.DataFrame
    irreps: pd.DataFrame
    cuts: pd.DataFrame
    power: Array
    accuracy: float
    loss: float
    accuracy_used: float
    accuracy_others: float
    explained: float
    removal: pd.DataFrame

    @cached_property
    def used(self) -> tuple[str, ...]:
        """The irreps that the network uses, in the group's order."""
        rows = self.irreps
        return tuple(rows.loc[rows["used"], "irrep"])

    @property
    def single(self) -> float:
        """The share of active neurons that put at least 90% of their input power on one irrep."""
        active = self.neurons[self.neurons["active"]]
        return float((active["share"] >= SINGLE).mean()) if len(active) else math.nan

    def __repr__(self) -> str:
        names = ", ".join(self.used) or "none"
        single = f"{self.single:.0%} of the active neurons of one irrep"
        return f"GroupReading({self.group.name}; irreps {names}; {single})"


def read_group(
    network: Network | HasNetwork,
    group: FiniteGroup,
    *,
    null: ShareNull | None = None,
    draws: int = 100,
    seed: int = 0,
    ablations: bool = True,
) -> GroupReading:
    """Which irreps a network that composes in a group holds, in its tables and its neurons, and what they do.

    Args:
        network: two one-hot elements (a, then b), one non-linear hidden layer (linear ones are multiplied out), a
            logit for each element.
        group: whose elements they are, in the network's own order (`recover_group` finds it).
        null: untrained networks of its shape; None draws `draws` of them from `seed`.
        ablations: whether irreps are ablated and restricted to; without, those columns of `irreps` are missing, and
            so are `removal`'s accuracies: what many untrained networks are counted with.

    Raises:
        InputError: for a network of another kind or size, or one that writes nothing into the logits.

    Examples:
        >>> from .group_truths import planted_irreps
        >>> from .named_groups import group_named
        >>> c5 = group_named("C5")
        >>> read_group(planted_irreps(c5, ["f2"]), c5, draws=20).neurons["irrep"].unique().tolist()
        ['f2']
    """
    net = as_network(network)
    tables = Tables.of(net)
    if tables.p != group.order:
        raise InputError(
            f"{net} answers with {tables.p} logits, {group} has {group.order} elements: they must agree"
        )
    hidden = tables.hidden()
    written = tables.written(hidden)
    active = active_neurons(written)
    if not active.any():
        raise InputError(f"{net} writes the same logits whatever its inputs: there is nothing to read")
    if null is None:
        null = group_null(net.architecture, group, draws=draws, seed=seed)
    power = group.power(tables.a) + group.power(tables.b)
    neurons = _neurons_table(group, tables, power, written, active, null)
    layer = _Layer(group, tables, hidden, tables.logits(hidden), neurons)
    irreps = _irreps_table(layer, power, active, ablations)
    strongest = irreps[irreps["used"]].sort_values("contribution", ascending=False)["irrep"].tolist()
    removal = _removal_table(layer, strongest)
    return GroupReading(
        group=group,
        neurons=neurons,
        irreps=irreps,
        cuts=_cuts_table(layer),
        power=power,
        accuracy=layer.accuracy(layer.logits),
        loss=layer.loss(layer.logits),
        accuracy_used=layer.accuracy(layer.without(~layer.holding(strongest))),
        accuracy_others=float(removal["accuracy"].iloc[-1]),
        explained=float(character_components(layer.logits, group).sum() / layer.variance),
        removal=removal,
    )


@dataclass(frozen=True, eq=False)
class _Layer:
    """A network's hidden layer, and what its logits become without some of the neurons.

    Attributes:
        group, tables: whose composition, and what each neuron sees and writes.
        hidden: activations [neurons, order^2]; logits: [order^2, order].
        neurons: the table of neurons.
    """

    group: FiniteGroup
    tables: Tables
    hidden: Array
    logits: Array
    neurons: pd.DataFrame

    @cached_property
    def variance(self) -> float:
        """Of the logits, over pairs and answers."""
        return float(((self.logits - self.logits.mean()) ** 2).mean())

    @cached_property
    def covariance(self) -> Array:
        """What each two neurons write together: covariance over pairs times product of outgoing weights."""
        centred = self.hidden - self.hidden.mean(axis=1, keepdims=True)
        return np.asarray(
            (centred @ centred.T) * (self.tables.out @ self.tables.out.T) / self.hidden.shape[1]
        )

    def contribution(self, neurons: Mask) -> float:
        """The error of mean-ablating neurons, over the logits' variance given the output."""
        everything = self.covariance.sum()
        return (
            float(self.covariance[np.ix_(neurons, neurons)].sum() / everything)
            if everything > 0
            else math.nan
        )

    def holding(self, irreps: Sequence[str]) -> Mask:
        """The neurons that are single in some irreps [neurons]."""
        return (self.neurons["single"] & self.neurons["irrep"].isin(irreps)).to_numpy()

    def without(self, out: Mask) -> Array:
        """The logits with some neurons at their means."""
        return self.tables.logits(
            np.where(out[:, None], self.hidden.mean(axis=1, keepdims=True), self.hidden)
        )

    def accuracy(self, logits: Array) -> float:
        """The share of all pairs that these logits answer rightly."""
        return float((logits.argmax(axis=1) == self.group.products).mean())

    def loss(self, logits: Array) -> float:
        """Their cross-entropy on all pairs, in nats."""
        top = logits.max(axis=1, keepdims=True)
        logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
        return float(-logs[np.arange(len(logs)), self.group.products].mean())

    def embedding_through(self, projection: Array) -> float:
        """The accuracy with both input tables projected [order, order]."""
        t = self.tables
        changed = Tables(t.a @ projection, t.b @ projection, t.out, t.offset, t.activation)
        return self.accuracy(changed.logits())

    def unembedding_through(self, projection: Array) -> float:
        """The accuracy with the outgoing weights projected [order, order]."""
        return self.accuracy((self.logits - self.tables.offset) @ projection + self.tables.offset)


def _neurons_table(
    group: FiniteGroup, tables: Tables, power: Array, written: Array, active: Mask, null: ShareNull
) -> pd.DataFrame:
    """One row a neuron (see `GroupReading.neurons`); `written` is each one's variance in the logits."""
    import pandas as pd

    names = np.array([irrep.name for irrep in group.irreps[1:]])
    shares, outside = shares_of(power), shares_of(group.power(tables.out))
    share = shares.max(axis=1)
    p_values = np.full(len(share), np.nan)
    p_values[active] = null.p_neurons(shares[active])
    q_values = benjamini_hochberg(p_values)
    single = np.nan_to_num(share, nan=0.0) >= SINGLE
    return pd.DataFrame(
        {
            "neuron": np.arange(len(share)),
            "active": active,
            "irrep": names[power.argmax(axis=1)],
            "share": share,
            "irrep_out": names[np.nan_to_num(outside).argmax(axis=1)],
            "share_out": outside.max(axis=1),
            "written": written / written.sum(),
            "p": p_values,
            "q": q_values,
            "single": active & single & (np.nan_to_num(q_values, nan=1.0) <= ALPHA),
        }
    )


def _irreps_table(layer: _Layer, power: Array, active: Mask, ablations: bool) -> pd.DataFrame:
    """One row an irrep but the trivial one (see `GroupReading.irreps`)."""
    import pandas as pd

    group, base = layer.group, layer.logits
    n = group.order
    characters = character_components(base, group)
    inside, outside = power[active].sum(axis=0), group.power(layer.tables.out[active]).sum(axis=0)
    constant = np.full((n, n), 1.0 / n)
    rows = []
    for k, irrep in enumerate(group.irreps[1:]):
        holds = layer.holding([irrep.name])
        contribution = layer.contribution(holds)
        row = {
            "irrep": irrep.name,
            "dimension": irrep.dimension,
            "kind": irrep.kind,
            "size": irrep.size,
            "embedding": inside[k] / inside.sum(),
            "unembedding": outside[k] / outside.sum(),
            "neurons": int(holds.sum()),
            "contribution": contribution,
            "used": contribution >= USED,
            "component": characters[k] / layer.variance,
        }
        if ablations:
            ablated = layer.without(holds)
            left, other = character_components(ablated, group), np.arange(len(characters)) != k
            projection = irrep.basis @ irrep.basis.T
            without, only = np.eye(n) - projection, projection + constant
            row |= {
                "component_without": _ratio(left[k], characters[k]),
                "others_without": _ratio(left[other].sum(), characters[other].sum()),
                "accuracy_without": layer.accuracy(ablated),
                "loss_without": layer.loss(ablated),
                "accuracy_only": layer.accuracy(layer.without(~holds)) if holds.any() else math.nan,
                "embedding_without": layer.embedding_through(without),
                "embedding_only": layer.embedding_through(only),
                "unembedding_without": layer.unembedding_through(without),
                "unembedding_only": layer.unembedding_through(only),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _ratio(left: float, before: float) -> float:
    return float(left / before) if before > 0 else math.nan


def _cuts_table(layer: _Layer) -> pd.DataFrame:
    """One row a cut (see `GroupReading.cuts`)."""
    import pandas as pd

    neurons = layer.neurons
    active, share = neurons["active"].to_numpy(), np.nan_to_num(neurons["share"].to_numpy(), nan=0.0)
    names = neurons["irrep"].to_numpy()
    rows = []
    for cut in CUTS:
        held = active & (share >= cut)
        used = [
            r.name for r in layer.group.irreps[1:] if layer.contribution(held & (names == r.name)) >= USED
        ]
        rows.append(
            {
                "cut": cut,
                "single": float(held.sum() / active.sum()),
                "used": len(used),
                "names": ", ".join(used),
            }
        )
    return pd.DataFrame(rows)


def _removal_table(layer: _Layer, strongest: Sequence[str]) -> pd.DataFrame:
    """Used irreps, the strongest first, ablated one after the other (see `GroupReading.removal`)."""
    import pandas as pd

    logits = [layer.without(layer.holding(strongest[:removed])) for removed in range(len(strongest) + 1)]
    return pd.DataFrame(
        {
            "removed": range(len(logits)),
            "irrep": [None, *strongest],
            "accuracy": [layer.accuracy(one) for one in logits],
            "loss": [layer.loss(one) for one in logits],
        }
    )
