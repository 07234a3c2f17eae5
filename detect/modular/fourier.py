"""Fourier features of modular addition: which frequencies a network's neurons and directions hold.

A network that adds modulo an odd prime p gets a and b one-hot (inputs 0 to p - 1 and p to 2p - 1) and answers with
p logits. Known solutions work in Fourier terms: a neuron sees `cos(2 pi k a / p + phi_a) + cos(2 pi k b / p + phi_b)`
for one frequency k, its ReLU holds the product of the two cosines, which contains
`cos(2 pi k (a + b) / p + phi_a + phi_b)`, and its outgoing weights are `cos(2 pi k c / p + phi_c)` with
`phi_c = phi_a + phi_b` (Nanda et al. 2023, arXiv 2301.05217; Gromov 2023, arXiv 2301.02679; Zhong et al. 2023,
arXiv 2306.17844; Morwani et al. 2023, arXiv 2311.07568).

Frequencies k = 1 to (p - 1) / 2 name all of them, since p - k is k again. Multiplication by a unit u of Z_p is an
automorphism of addition and sends frequency k to k / u, so that all frequencies are one orbit: an initial law and a
choice of training pairs that do not look at the labels give each of them the same chance, whatever the network.
Which of them a network holds is therefore arbitrary; that it holds some is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..matching.criteria import ALPHA, USED
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.multiple_testing import benjamini_hochberg
from .criteria import SINGLE
from .nulls import (
    FourierNull,
    active_neurons,
    fourier_null,
    largest_share,
    readout_or_missing,
    written_variance,
)
from .spectra import phases, spectrum
from .tables import Tables, sums_of

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


# What the logits are made of


def components(logits: npt.ArrayLike) -> Array:
    """How much of the logits is a wave of `a + b - c`, by frequency: mean squares over pairs [(p - 1) / 2].

    The logits of a network that adds by frequency k are `cos(2 pi k (a + b - c) / p)` up to scale. Averaged over all
    pairs with the same `d = a + b - c` they are a table of d; its spectrum, over p, is the answer. Divided by the
    logits' variance each is the share of it that the frequency explains.

    Args:
        logits: on every pair, a slow and b fast [p^2, p].

    Raises:
        InputError: for another shape.

    Examples:
        >>> components(np.cos(2 * np.pi * 2 * (sums_of(7)[:, None] - np.arange(7)) / 7)).round(9).tolist()
        [0.0, 0.5, 0.0]
    """
    L = np.asarray(logits, dtype=np.float64)
    p = L.shape[-1]
    if L.ndim != 2 or len(L) != p * p:
        raise InputError(f"logits of shape {L.shape}: give [p^2, p], every pair with a slow and b fast")
    d = (sums_of(p)[:, None] - np.arange(p)) % p
    table = np.bincount(d.ravel(), L.ravel(), minlength=p) / (p * p)
    return np.asarray(spectrum(table) / p)


def _cross_entropy(logits: Array, target: npt.NDArray[np.int64]) -> float:
    """Mean over pairs, in nats."""
    top = logits.max(axis=1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return float(-logs[np.arange(len(logs)), target].mean())


# One network


@dataclass(frozen=True, eq=False, repr=False)
class FourierReading:
    """The Fourier features of one network.

    Attributes:
        p: the modulus.
        neurons: a DataFrame, one row a neuron: `neuron, active, frequency` (the strongest at the input), `share`
            (its share of the power of both input tables), `frequency_out, share_out` (the strongest among the
            outgoing weights, and its share of theirs), `phase_a, phase_b, phase_out` (radians, at `frequency`),
            `phase_error` (phase_out - phase_a - phase_b, wrapped), `written` (share of all that neurons write into
            the logits), `p, q` (of `share`, against untrained neurons; missing where the neuron is not active),
            `fourier` (active, a share of at least 0.9, q at most 0.05).
        frequencies: one row a frequency: `frequency, neurons` (Fourier neurons that hold it), `contribution` (the
            error of mean-ablating them all, over the logits' variance), `used` (that is at least 0.01), `component`
            (the share of the logits' variance that is a wave of a + b - c of this frequency), `component_without` and
            `others_without` them (what is left of this wave, and of all other waves together, over what was),
            `accuracy_without`, `loss_without` (on all pairs; nats), `accuracy_only` with them (others at their means),
            `r2_a, r2_b, r2` (held-out read-out of cos and sin of a, b, a + b; missing where the layer has as many
            units as two thirds of the pairs), `p_a, p_b, p` against untrained networks, `q` of the last over
            frequencies.
        power: input power by neuron and frequency [neurons, (p - 1) / 2].
        accuracy, loss: on all pairs; loss is the cross-entropy in nats.
        accuracy_used: with only the used frequencies' neurons left, the others at their means; accuracy_others: with
            those ablated instead.
        explained: the share of the logits' variance that is a wave of a + b - c of any frequency.
        removal: used frequencies ablated one after the other, the strongest first: `removed, frequency, accuracy,
            loss`.

    Examples:
        >>> from .tables import planted
        >>> reading = read_fourier(planted(11, [1, 3]), draws=20)
        >>> reading.used, reading.accuracy, int(reading.neurons["fourier"].sum()) == len(reading.neurons)
        ((1, 3), 1.0, True)
    """

    p: int
    neurons: pd.DataFrame
    frequencies: pd.DataFrame
    power: Array
    accuracy: float
    loss: float
    accuracy_used: float
    accuracy_others: float
    explained: float
    removal: pd.DataFrame

    @cached_property
    def used(self) -> tuple[int, ...]:
        """The frequencies that the network uses, ascending."""
        rows = self.frequencies
        return tuple(int(k) for k in rows.loc[rows["used"], "frequency"])

    @property
    def single(self) -> float:
        """The share of active neurons that put at least 90% of their input power on one frequency."""
        active = self.neurons[self.neurons["active"]]
        return float((active["share"] >= SINGLE).mean()) if len(active) else math.nan

    def __repr__(self) -> str:
        ks = ", ".join(map(str, self.used)) or "none"
        single = f"{self.single:.0%} of the active neurons of one frequency"
        return f"FourierReading(p = {self.p}; frequencies {ks}; {single})"


def read_fourier(
    network: Network | HasNetwork, *, null: FourierNull | None = None, draws: int = 100, seed: int = 0
) -> FourierReading:
    """Which Fourier features a network that adds modulo p holds, in neurons and as directions, and what they do.

    Args:
        network: 2 p one-hot inputs (a, then b), one non-linear hidden layer (linear ones are multiplied out), p logits.
        null: untrained networks of its shape; None draws `draws` of them.
        seed: of the null and of the read-out's split.

    Raises:
        InputError: for a network of another kind, or one that writes nothing into the logits.

    Examples:
        >>> from .tables import planted
        >>> reading = read_fourier(planted(11, [1, 3]), draws=20)
        >>> reading
        FourierReading(p = 11; frequencies 1, 3; 100% of the active neurons of one frequency)
        >>> float(np.abs(reading.neurons["phase_error"]).max().round(9))
        0.0
    """
    net = as_network(network)
    tables = Tables.of(net)
    if null is None:
        null = fourier_null(net.architecture, draws=draws, seed=seed)
    hidden = tables.hidden()
    written = written_variance(tables, hidden)
    active = active_neurons(written)
    if not active.any():
        raise InputError(f"{net} writes the same logits whatever its inputs: there is nothing to read")
    neurons = _neurons_table(tables, written, active, null)
    layer = _Layer(
        tables=tables,
        hidden=hidden,
        logits=tables.logits(hidden),
        target=sums_of(tables.p),
        frequency=neurons["frequency"].to_numpy(),
        fourier=neurons["fourier"].to_numpy(),
    )
    frequencies = _frequencies_table(layer, null, seed)
    used = frequencies[frequencies["used"]].sort_values("contribution", ascending=False)
    strongest = used["frequency"].tolist()
    removal = _removal_table(layer, strongest)
    return FourierReading(
        p=tables.p,
        neurons=neurons,
        frequencies=frequencies,
        power=_input_power(tables),
        accuracy=layer.accuracy(layer.logits),
        loss=layer.loss(layer.logits),
        accuracy_used=layer.accuracy(layer.without(~layer.holding(strongest))),
        accuracy_others=float(removal["accuracy"].iloc[-1]),
        explained=float(components(layer.logits).sum() / layer.variance),
        removal=removal,
    )


@dataclass(frozen=True, eq=False)
class _Layer:
    """A network's hidden layer, and what its logits become without some of the neurons.

    Attributes:
        tables: what each neuron sees and writes.
        hidden: activations [neurons, p^2]; logits: [p^2, p]; target: the sums [p^2].
        frequency: the strongest at each neuron's input [neurons].
        fourier: whether that makes it a Fourier neuron [neurons].
    """

    tables: Tables
    hidden: Array
    logits: Array
    target: npt.NDArray[np.int64]
    frequency: npt.NDArray[np.int64]
    fourier: Mask

    @cached_property
    def variance(self) -> float:
        """Of the logits, over pairs and answers."""
        return float(((self.logits - self.logits.mean()) ** 2).sum(axis=1).mean()) / self.tables.p

    def holding(self, frequencies: Sequence[int]) -> Mask:
        """The Fourier neurons of some frequencies [neurons]."""
        return self.fourier & np.isin(self.frequency, frequencies)

    def without(self, out: Mask) -> Array:
        """The logits with some neurons at their means."""
        return self.tables.logits(
            np.where(out[:, None], self.hidden.mean(axis=1, keepdims=True), self.hidden)
        )

    def accuracy(self, logits: Array) -> float:
        """The share of all pairs that these logits answer rightly."""
        return float((logits.argmax(axis=1) == self.target).mean())

    def loss(self, logits: Array) -> float:
        """Their cross-entropy on all pairs, in nats."""
        return _cross_entropy(logits, self.target)


def _input_power(tables: Tables) -> Array:
    """Of both input tables, by neuron and frequency [neurons, (p - 1) / 2]."""
    return np.asarray(spectrum(tables.a) + spectrum(tables.b))


def _neurons_table(tables: Tables, written: Array, active: Mask, null: FourierNull) -> pd.DataFrame:
    """One row a neuron (see `FourierReading.neurons`); `written` is each one's variance in the logits."""
    import pandas as pd

    power, power_out = _input_power(tables), spectrum(tables.out)
    share = largest_share(power)
    frequency = power.argmax(axis=1) + 1
    phase_a, phase_b = phases(tables.a, frequency), phases(tables.b, frequency)
    phase_out = phases(tables.out, frequency)
    p_values = np.full(len(share), np.nan)
    p_values[active] = null.p_share(share[active])
    q_values = benjamini_hochberg(p_values)
    single = np.nan_to_num(share, nan=0.0) >= SINGLE
    return pd.DataFrame(
        {
            "neuron": np.arange(len(share)),
            "active": active,
            "frequency": frequency,
            "share": share,
            "frequency_out": power_out.argmax(axis=1) + 1,
            "share_out": largest_share(power_out),
            "phase_a": phase_a,
            "phase_b": phase_b,
            "phase_out": phase_out,
            "phase_error": _wrapped(phase_out - phase_a - phase_b),
            "written": written / written.sum(),
            "p": p_values,
            "q": q_values,
            "fourier": active & single & (np.nan_to_num(q_values, nan=1.0) <= ALPHA),
        }
    )


def _frequencies_table(layer: _Layer, null: FourierNull, seed: int) -> pd.DataFrame:
    """One row a frequency (see `FourierReading.frequencies`); the seed is of the read-out's split."""
    import pandas as pd

    p, base = layer.tables.p, layer.logits
    waves = components(base)
    ks = np.arange(1, (p - 1) // 2 + 1)
    rows = []
    for k in ks:
        holds = layer.holding([int(k)])
        ablated = layer.without(holds)
        contribution = float(((ablated - base) ** 2).mean(axis=0).sum() / base.var(axis=0).sum())
        left, other = components(ablated), ks != k
        rows.append(
            {
                "frequency": int(k),
                "neurons": int(holds.sum()),
                "contribution": contribution,
                "used": contribution >= USED,
                "component": waves[k - 1] / layer.variance,
                "component_without": left[k - 1] / waves[k - 1],
                "others_without": left[other].sum() / waves[other].sum(),
                "accuracy_without": layer.accuracy(ablated),
                "loss_without": layer.loss(ablated),
                "accuracy_only": layer.accuracy(layer.without(~holds)) if holds.any() else math.nan,
            }
        )
    r2 = readout_or_missing(layer.hidden, p, seed=seed)
    p_read = null.p_readout(r2)
    return pd.DataFrame(rows).assign(
        **dict(zip(("r2_a", "r2_b", "r2"), r2, strict=True)),
        **dict(zip(("p_a", "p_b", "p"), p_read, strict=True)),
        q=benjamini_hochberg(p_read[2]),
    )


def _removal_table(layer: _Layer, strongest: Sequence[int]) -> pd.DataFrame:
    """Used frequencies, the strongest first, ablated one after the other (see `FourierReading.removal`)."""
    import pandas as pd

    logits = [layer.without(layer.holding(strongest[:removed])) for removed in range(len(strongest) + 1)]
    return pd.DataFrame(
        {
            "removed": range(len(logits)),
            "frequency": pd.array([None, *strongest], dtype="Int64"),
            "accuracy": [layer.accuracy(one) for one in logits],
            "loss": [layer.loss(one) for one in logits],
        }
    )


def _wrapped(angle: Array) -> Array:
    """Angles in [-pi, pi)."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)
