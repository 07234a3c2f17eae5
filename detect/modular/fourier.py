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
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..groups.criteria import SINGLE as SINGLE
from ..groups.group_readings import character_components, read_group
from ..groups.named_groups import group_named
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.multiple_testing import benjamini_hochberg
from .nulls import FourierNull, fourier_null, readout_or_missing
from .spectra import phases
from .tables import Tables, modulus_of

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]


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
        >>> from .tables import sums_of
        >>> components(np.cos(2 * np.pi * 2 * (sums_of(7)[:, None] - np.arange(7)) / 7)).round(9).tolist()
        [0.0, 0.5, 0.0]
    """
    L = np.asarray(logits, dtype=np.float64)
    p = L.shape[-1]
    if L.ndim != 2 or len(L) != p * p:
        raise InputError(f"logits of shape {L.shape}: give [p^2, p], every pair with a slow and b fast")
    return character_components(L, group_named(f"C{p}"))


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
    import pandas as pd

    net = as_network(network)
    p = modulus_of(net)
    if null is None:
        null = fourier_null(net.architecture, draws=draws, seed=seed)
    found = read_group(net, group_named(f"C{p}"), null=null)
    tables = Tables.of(net)
    r2 = readout_or_missing(tables.hidden(), p, seed=seed)
    p_read = null.p_readout(r2)
    frequencies = found.irreps.assign(
        frequency=found.irreps["irrep"].map(_number),
        **dict(zip(("r2_a", "r2_b", "r2"), r2, strict=True)),
        **dict(zip(("p_a", "p_b", "p"), p_read, strict=True)),
        q=benjamini_hochberg(p_read[2]),
    )
    removed = [None if pd.isna(name) else _number(name) for name in found.removal["irrep"]]
    return FourierReading(
        p=p,
        neurons=_neurons_table(tables, found.neurons),
        frequencies=frequencies[list(_FREQUENCIES)],
        power=found.power,
        accuracy=found.accuracy,
        loss=found.loss,
        accuracy_used=found.accuracy_used,
        accuracy_others=found.accuracy_others,
        explained=found.explained,
        removal=found.removal.assign(frequency=pd.array(removed, dtype="Int64"))[list(_REMOVAL)],
    )


#: The columns of `FourierReading.frequencies` and `removal`, in order.
_FREQUENCIES = (
    "frequency", "neurons", "contribution", "used", "component", "component_without", "others_without",
    "accuracy_without", "loss_without", "accuracy_only", "r2_a", "r2_b", "r2", "p_a", "p_b", "p", "q",
)  # fmt: skip
_REMOVAL = ("removed", "frequency", "accuracy", "loss")


def _number(irrep: str) -> int:
    """The frequency of a cyclic group's irrep, "f3"."""
    return int(irrep.removeprefix("f"))


def _neurons_table(tables: Tables, neurons: pd.DataFrame) -> pd.DataFrame:
    """One row a neuron (see `FourierReading.neurons`), from the reading as a cyclic group."""
    import pandas as pd

    frequency = neurons["irrep"].map(_number).to_numpy()
    phase_a, phase_b = phases(tables.a, frequency), phases(tables.b, frequency)
    phase_out = phases(tables.out, frequency)
    return pd.DataFrame(
        {
            "neuron": neurons["neuron"],
            "active": neurons["active"],
            "frequency": frequency,
            "share": neurons["share"],
            "frequency_out": neurons["irrep_out"].map(_number),
            "share_out": neurons["share_out"],
            "phase_a": phase_a,
            "phase_b": phase_b,
            "phase_out": phase_out,
            "phase_error": _wrapped(phase_out - phase_a - phase_b),
            "written": neurons["written"],
            "p": neurons["p"],
            "q": neurons["q"],
            "fourier": neurons["single"],
        }
    )


def _wrapped(angle: Array) -> Array:
    """Angles in [-pi, pi)."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)
