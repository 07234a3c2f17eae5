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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .causes import USED
from .errors import InputError
from .multiplicity import benjamini_hochberg
from .network import Architecture, HasNetwork, Network, as_network
from .nonlinearity import apply_nonlinearity

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Active neurons carry this share of what all neurons write into the logits, summed as variances: those left out
#: together change the logits by a hundredth of their variance, which is what one neuron must do to be *used* (design,
#: section 4).
ACTIVE = 0.99
#: A neuron is of a single frequency where that frequency has this share of its input power (issue 7, must show 3).
SINGLE = 0.9
#: Level of the false discovery rate over a network's active neurons (design, section 5.2).
ALPHA = 0.05


def spectrum(tables: npt.ArrayLike) -> Array:
    """The power of tables over Z_p at each frequency: [..., p] -> [..., (p - 1) / 2].

    The power at k is the sum of squares of the table's part in the span of cos and sin of `2 pi k x / p`; over all k
    they add up to the sum of squares of the table without its mean (Parseval).

    Raises:
        InputError: where the last axis is no odd length of at least 3.

    Examples:
        >>> x = np.arange(7)
        >>> spectrum(np.cos(2 * np.pi * 2 * x / 7) + 5).round(9).tolist()  # p / 2 at frequency 2
        [0.0, 3.5, 0.0]
    """
    values = np.asarray(tables, dtype=np.float64)
    p = values.shape[-1] if values.ndim else 0
    if p < 3 or p % 2 == 0:
        raise InputError(f"tables of shape {values.shape}: the last axis must have an odd length, at least 3")
    return np.asarray(2.0 / p * np.abs(np.fft.rfft(values, axis=-1)[..., 1:]) ** 2)


def phases(tables: npt.ArrayLike, frequency: npt.ArrayLike) -> Array:
    """The phase phi of `cos(2 pi k x / p + phi)` in each table, at its frequency k; radians in (-pi, pi].

    Args:
        tables: [..., p].
        frequency: k for each table [...], or one for all.

    Examples:
        >>> x = np.arange(7)
        >>> phases(3 * np.cos(2 * np.pi * 2 * x / 7 + 0.5), 2).round(6).item()
        0.5
    """
    values = np.asarray(tables, dtype=np.float64)
    k = np.asarray(frequency)
    p = values.shape[-1]
    waves = np.exp(-2j * np.pi * np.multiply.outer(k, np.arange(p)) / p)
    return np.asarray(np.angle((values * waves).sum(axis=-1)))


def modulus_of(network: Network | HasNetwork) -> int:
    """The p of a network with 2 p inputs and p outputs, an odd prime.

    Raises:
        InputError: for other sizes, and where p is no odd prime.

    Examples:
        >>> modulus_of(planted(7, [1, 2]))
        7
    """
    net = as_network(network)
    if net.inputs != 2 * net.outputs or net.outputs < 3:
        raise InputError(
            f"{net} has {net.inputs} inputs and {net.outputs} outputs: modular addition needs 2 p one-hot inputs "
            "(a, then b) and p logits"
        )
    return check_modulus(net.outputs)


def check_modulus(p: int) -> int:
    """p itself, where it is an odd prime.

    Raises:
        InputError: else; in a composite modulus the frequencies are not one orbit.

    Examples:
        >>> check_modulus(31)
        31
    """
    whole = isinstance(p, int | np.integer) and p >= 3
    if not whole or any(p % q == 0 for q in range(2, math.isqrt(p) + 1)):
        raise InputError(f"modulus {p!r}: give an odd prime, such as 31")
    return int(p)


def sums_of(p: int) -> npt.NDArray[np.int64]:
    """(a + b) mod p for every pair, a slow and b fast: [p^2].

    Examples:
        >>> sums_of(3).tolist()
        [0, 1, 2, 1, 2, 0, 2, 0, 1]
    """
    x = np.arange(p)
    return np.asarray(((x[:, None] + x[None, :]) % p).ravel())


@dataclass(frozen=True, eq=False)
class Tables:
    """A network that adds modulo p, as one table per neuron and side.

    Attributes:
        a, b: what each neuron of the one non-linear layer adds up, by the value of a and of b [neurons, p];
            linear layers before it are multiplied out, and half of the bias is in each.
        out: its outgoing weights [neurons, p], linear layers behind it multiplied out.
        offset: the logits' constant [p].
        activation: the activation's name.

    Examples:
        >>> tables = Tables.of(planted(7, [1, 2]))
        >>> tables.a.shape, tables.hidden().shape, tables.logits().shape
        ((16, 7), (16, 49), (49, 7))
    """

    a: Array
    b: Array
    out: Array
    offset: Array
    activation: str

    @classmethod
    def of(cls, network: Network | HasNetwork) -> Tables:
        """The tables of a network.

        Raises:
            InputError: where it has other sizes, or not exactly one non-linear hidden layer.
        """
        net = as_network(network)
        p = modulus_of(net)
        active = net.architecture.active
        if len(active) != 1:
            raise InputError(
                f"{net} has {len(active)} non-linear hidden layers: neurons are read by their weights' spectra "
                "where there is one; linear layers before and behind it are multiplied out"
            )
        W, bias = _product(net, 0, active[0] + 1)
        V, offset = _product(net, active[0] + 1, len(net.weights))
        half = bias[:, None] / 2
        return cls(W[:, :p] + half, W[:, p:] + half, V.T.copy(), offset, net.activations[active[0]])

    @property
    def p(self) -> int:
        """The modulus."""
        return int(self.a.shape[1])

    def hidden(self) -> Array:
        """The neurons' activations on every pair, a slow and b fast: [neurons, p^2]."""
        pre = self.a[:, :, None] + self.b[:, None, :]
        return apply_nonlinearity(self.activation, pre.reshape(len(pre), -1))

    def logits(self, hidden: Array | None = None) -> Array:
        """The logits on every pair [p^2, p], from changed activations where they are given."""
        h = self.hidden() if hidden is None else hidden
        return np.asarray(h.T @ self.out + self.offset)


def _product(net: Network, start: int, stop: int) -> tuple[Array, Array]:
    """Linear layers `start` to `stop` (exclusive) as one: weights [out, in] and bias [out]."""
    weight, bias = net.weights[start], net.bias_vectors[start]
    for layer in range(start + 1, stop):
        weight, bias = net.weights[layer] @ weight, net.weights[layer] @ bias + net.bias_vectors[layer]
    return weight, bias


def planted(p: int, frequencies: Sequence[int], *, each: int = 8, turn: int = 1) -> Network:
    """A ReLU network that adds modulo p by known frequencies: the truth that detection is held to.

    Neuron i of the n of a frequency has the phases `phi_a = 2 pi i / n`, `phi_b = turn phi_a`, `phi_c = phi_a + phi_b`;
    summed over i the ReLU's product term leaves `cos(2 pi k (a + b - c) / p)` and a rest that falls with n (Gromov
    2023, there with a square in place of the ReLU).

    With turn 1 all neurons share `phi_a - phi_b = 0` (Zhong et al.'s "pizza"): what they hold of `cos(k (a + b))` is
    damped by `|cos(k (a - b) / 2)|`, so that a linear read-out explains at most `8 / pi^2 = 0.81` of it (the squared
    mean of |cos| over the mean of its square). With turn 2 the damping differs by neuron and averages out.

    Args:
        p: the modulus, an odd prime.
        frequencies: each from 1 to (p - 1) / 2.
        each: neurons of one frequency, n; with turn 2 not a multiple of 3.
        turn: 1 or 2.

    Raises:
        InputError: for a frequency or a turn out of range.

    Examples:
        >>> net = planted(7, [1, 2])
        >>> net.sizes, accuracy(net)
        ((14, 16, 7), 1.0)
    """
    check_modulus(p)
    if turn not in (1, 2):
        raise InputError(f"turn {turn!r}: give 1 (equal phases of a and b) or 2")
    for k in frequencies:
        if not 1 <= k <= (p - 1) // 2:
            raise InputError(f"frequency {k!r}: modulo {p} give numbers from 1 to {(p - 1) // 2}")
    x = np.arange(p)
    inner, outer = [], []
    for k in frequencies:
        for i in range(each):
            phi = 2 * np.pi * i / each
            wave = 2 * np.pi * k * x / p
            inner.append(np.concatenate([np.cos(wave + phi), np.cos(wave + turn * phi)]))
            outer.append(np.cos(wave + (1 + turn) * phi))
    return Network([np.array(inner), np.array(outer).T])


def accuracy(network: Network | HasNetwork, mask: npt.ArrayLike | None = None) -> float:
    """The share of pairs whose largest logit is at (a + b) mod p.

    Args:
        mask: which pairs count, [p^2] or [p, p], a slow and b fast; None: all.

    Raises:
        InputError: for a mask of another size, or one that leaves no pair.

    Examples:
        >>> accuracy(planted(7, [1]), np.eye(7, dtype=bool))
        1.0
    """
    tables = Tables.of(network)
    right = tables.logits().argmax(axis=1) == sums_of(tables.p)
    return float(right[_pairs(mask, tables.p)].mean())


def _pairs(mask: npt.ArrayLike | None, p: int) -> Mask:
    if mask is None:
        return np.ones(p * p, dtype=bool)
    chosen = np.asarray(mask, dtype=bool).ravel()
    if len(chosen) != p * p or not chosen.any():
        raise InputError(
            f"a mask of {len(chosen)} pairs with {int(chosen.sum())} chosen: give one truth value for each of "
            f"the {p * p} pairs, at least one of them true"
        )
    return chosen


# What an untrained network shows


def untrained_networks(architecture: Architecture, n: int, *, seed: int = 0) -> list[Network]:
    """Untrained networks of that shape, as `nn.Linear` starts them: uniform within 1 / sqrt(inputs of the layer).

    Args:
        architecture: the shape; n: how many; seed: of the draws.

    Examples:
        >>> untrained_networks(planted(7, [1]).architecture, 2)
        [Network(14-8-7, relu, no bias), Network(14-8-7, relu, no bias)]
    """
    rng = np.random.default_rng(seed)
    sizes = architecture.sizes
    found = []
    for _ in range(n):
        weights, biases = [], []
        for inputs, outputs, has_bias in zip(sizes[:-1], sizes[1:], architecture.bias, strict=True):
            bound = 1.0 / math.sqrt(inputs)
            weights.append(rng.uniform(-bound, bound, (outputs, inputs)))
            biases.append(rng.uniform(-bound, bound, outputs) if has_bias else None)
        found.append(Network(weights, biases, architecture.activations))
    return found


@dataclass(frozen=True, eq=False)
class FourierNull:
    """What untrained networks of one shape give for each statistic, sorted.

    Attributes:
        share: the largest frequency's share of input power, of active neurons [draws].
        share_out: the same of outgoing weights.
        readout: held-out R^2 of reading cos and sin of a, of b and of a + b from the layer, over networks and
            frequencies [3, draws].
        networks: how many were drawn.

    Examples:
        >>> null = fourier_null(planted(11, [1, 2]).architecture, networks=30)
        >>> null, null.p_share([0.3, 0.9]).round(3).tolist()
        (FourierNull(30 untrained networks; 95% quantiles: share 0.54, read-out -0.23), [0.851, 0.002])
    """

    share: Array
    share_out: Array
    readout: Array
    networks: int

    def p_share(self, share: npt.ArrayLike) -> Array:
        """The chance that an untrained neuron's share is at least as large, `(1 + draws above) / (1 + draws)`."""
        return _exceedance(self.share, share)

    def p_readout(self, r2: npt.ArrayLike) -> Array:
        """The chance that an untrained read-out's R^2 is at least as large, for R^2 [3, ...] of a, b and a + b.

        All frequencies are alike in an untrained network, so their draws are one null.
        """
        given = np.asarray(r2, dtype=np.float64)
        return np.stack([_exceedance(draws, one) for draws, one in zip(self.readout, given, strict=True)])

    def __repr__(self) -> str:
        share, readout = (float(np.quantile(v, 0.95)) for v in (self.share, self.readout[2]))
        drawn = f"{self.networks} untrained networks"
        return f"FourierNull({drawn}; 95% quantiles: share {share:.2f}, read-out {readout:.2f})"


def _exceedance(draws: Array, values: npt.ArrayLike) -> Array:
    given = np.asarray(values, dtype=np.float64)
    above = len(draws) - np.searchsorted(draws, given, side="left")
    return np.asarray(np.where(np.isnan(given), np.nan, (1.0 + above) / (1.0 + len(draws))))


def fourier_null(architecture: Architecture, *, networks: int = 100, seed: int = 0) -> FourierNull:
    """Draw the null: untrained networks of that shape, read as a trained one is.

    Args:
        architecture: the shape; networks: how many to draw (100 with 64 neurons give p down to 2e-4); seed: of
            the draws.

    Raises:
        InputError: for fewer than 20 networks, which would leave no p below 0.05 for a read-out.

    Examples:
        >>> fourier_null(planted(11, [1, 2]).architecture, networks=20)
        FourierNull(...)
    """
    if networks < 20:
        raise InputError(f"{networks} untrained networks: give at least 20, or no p-value can be small")
    shares, outs, reads = [], [], []
    for k, network in enumerate(untrained_networks(architecture, networks, seed=seed)):
        tables = Tables.of(network)
        hidden = tables.hidden()
        active = _active(_written(tables, hidden))
        shares.append(_largest_share(spectrum(tables.a) + spectrum(tables.b))[active])
        outs.append(_largest_share(spectrum(tables.out))[active])
        reads.append(_readout_or_missing(hidden, tables.p, seed=k))
    return FourierNull(
        np.sort(np.concatenate(shares)),
        np.sort(np.concatenate(outs)),
        np.sort(np.concatenate(reads, axis=1), axis=1),
        networks,
    )


def _written(tables: Tables, hidden: Array) -> Array:
    """The variance that each neuron writes into the logits, summed over outputs [neurons]."""
    return np.asarray(hidden.var(axis=1) * (tables.out**2).sum(axis=1))


def _active(written: Array) -> Mask:
    """The fewest neurons that write the share ACTIVE of what all write; none where nothing is written."""
    order = np.argsort(-written, kind="stable")
    total = written.sum()
    active = np.zeros(len(written), dtype=bool)
    if total > 0:
        before = np.cumsum(written[order]) - written[order]
        active[order[before < ACTIVE * total]] = True
    return active


def _largest_share(power: Array) -> Array:
    """The largest entry over the sum, by row; NaN where there is no power."""
    total = power.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total > 0, power.max(axis=-1) / total, np.nan))


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


# Directions


def readout_r2(hidden: npt.ArrayLike, p: int, *, seed: int = 0) -> Array:
    """Held-out R^2 of reading cos and sin of a frequency of a, of b and of a + b linearly from a layer.

    The targets are cos and sin of `2 pi k x / p` for x = a, b, a + b; least squares with a constant on two thirds of
    the pairs, measured on the others. R^2 is over cosine and sine together: 1 where they are read exactly, 0 or below
    where nothing carries over.

    Args:
        hidden: activations on every pair, a slow and b fast [units, p^2].
        p: the modulus; seed: of the split.

    Returns:
        R^2 [3, (p - 1) / 2]: rows a, b, a + b; columns k = 1, 2, ...

    Raises:
        InputError: where there are as many units as pairs to fit on.

    Examples:
        >>> tables = Tables.of(planted(11, [2], turn=2))
        >>> r2 = readout_r2(tables.hidden(), 11)
        >>> bool(r2[2, 1] > 0.9), bool(r2[2, 0] < 0.1)
        (True, True)
    """
    h = np.asarray(hidden, dtype=np.float64).T
    pairs = p * p
    fitted = pairs * 2 // 3
    if h.shape[0] != pairs or h.shape[1] + 1 >= fitted:
        raise InputError(
            f"activations {h.T.shape} for p = {p}: give [units, {pairs}] with fewer than {fitted - 1} units, since "
            "the read-out is fitted on two thirds of the pairs"
        )
    ks = (p - 1) // 2
    x = np.arange(p)
    angle = (
        2 * np.pi / p * np.outer(np.stack([np.repeat(x, p), np.tile(x, p), sums_of(p)]), np.arange(1, ks + 1))
    )
    angle = angle.reshape(3, pairs, ks).transpose(1, 0, 2).reshape(pairs, 3 * ks)
    targets = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    order = np.random.default_rng(seed).permutation(pairs)
    fit, test = order[:fitted], order[fitted:]
    design = np.column_stack([h, np.ones(pairs)])
    # Columns scaled alike: the rank must not hang on the units of the neurons.
    size = np.linalg.norm(design[fit], axis=0)
    design = design / np.where(size > 0, size, 1.0)
    weights = np.linalg.lstsq(design[fit], targets[fit], rcond=1e-10)[0]
    error = ((targets[test] - design[test] @ weights) ** 2).sum(axis=0)
    spread = ((targets[test] - targets[test].mean(axis=0)) ** 2).sum(axis=0)
    both = error.reshape(2, 3, ks).sum(axis=0), spread.reshape(2, 3, ks).sum(axis=0)
    return np.asarray(1.0 - both[0] / both[1])


def _readout_or_missing(hidden: Array, p: int, *, seed: int) -> Array:
    """`readout_r2`, or NaN where the layer is too wide for this modulus to be read at all."""
    if len(hidden) + 1 >= p * p * 2 // 3:
        return np.full((3, (p - 1) // 2), np.nan)
    return readout_r2(hidden, p, seed=seed)


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
        >>> reading = read_fourier(planted(11, [1, 3]), networks=20)
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
    network: Network | HasNetwork, *, null: FourierNull | None = None, networks: int = 100, seed: int = 0
) -> FourierReading:
    """Which Fourier features a network that adds modulo p holds, in neurons and as directions, and what they do.

    Args:
        network: 2 p one-hot inputs (a, then b), one non-linear hidden layer (linear ones are multiplied out), p logits.
        null: untrained networks of its shape; None draws `networks` of them.
        seed: of the null and of the read-out's split.

    Raises:
        InputError: for a network of another kind, or one that writes nothing into the logits.

    Examples:
        >>> reading = read_fourier(planted(11, [1, 3]), networks=20)
        >>> reading
        FourierReading(p = 11; frequencies 1, 3; 100% of the active neurons of one frequency)
        >>> float(np.abs(reading.neurons["phase_error"]).max().round(9))
        0.0
    """
    import pandas as pd

    net = as_network(network)
    tables = Tables.of(net)
    if null is None:
        null = fourier_null(net.architecture, networks=networks, seed=seed)
    hidden = tables.hidden()
    written = _written(tables, hidden)
    active = _active(written)
    if not active.any():
        raise InputError(f"{net} writes the same logits whatever its inputs: there is nothing to read")
    power_a, power_b, power_out = spectrum(tables.a), spectrum(tables.b), spectrum(tables.out)
    power = power_a + power_b
    share = _largest_share(power)
    k_in, k_out = power.argmax(axis=1) + 1, power_out.argmax(axis=1) + 1
    phi_a, phi_b = phases(tables.a, k_in), phases(tables.b, k_in)
    phi_out = phases(tables.out, k_in)
    p_values = np.full(len(share), np.nan)
    p_values[active] = null.p_share(share[active])
    q_values = benjamini_hochberg(p_values)
    fourier = active & (np.nan_to_num(share, nan=0.0) >= SINGLE) & (np.nan_to_num(q_values, nan=1.0) <= ALPHA)
    neurons = pd.DataFrame(
        {
            "neuron": np.arange(len(share)),
            "active": active,
            "frequency": k_in,
            "share": share,
            "frequency_out": k_out,
            "share_out": _largest_share(power_out),
            "phase_a": phi_a,
            "phase_b": phi_b,
            "phase_out": phi_out,
            "phase_error": _wrapped(phi_out - phi_a - phi_b),
            "written": written / written.sum(),
            "p": p_values,
            "q": q_values,
            "fourier": fourier,
        }
    )
    base = tables.logits(hidden)
    target = sums_of(tables.p)

    def without(out: Mask) -> Array:
        return tables.logits(np.where(out[:, None], hidden.mean(axis=1, keepdims=True), hidden))

    def right(logits: Array) -> float:
        return float((logits.argmax(axis=1) == target).mean())

    variance = float(((base - base.mean()) ** 2).sum(axis=1).mean()) / tables.p
    waves = components(base)
    ks = np.arange(1, (tables.p - 1) // 2 + 1)
    rows = []
    for k in ks:
        holds = fourier & (k_in == k)
        ablated = without(holds)
        contribution = float(((ablated - base) ** 2).mean(axis=0).sum() / base.var(axis=0).sum())
        left, other = components(ablated), ks != k
        rows.append(
            {
                "frequency": int(k),
                "neurons": int(holds.sum()),
                "contribution": contribution,
                "used": contribution >= USED,
                "component": waves[k - 1] / variance,
                "component_without": left[k - 1] / waves[k - 1],
                "others_without": left[other].sum() / waves[other].sum(),
                "accuracy_without": right(ablated),
                "loss_without": _cross_entropy(ablated, target),
                "accuracy_only": right(without(~holds)) if holds.any() else math.nan,
            }
        )
    r2 = _readout_or_missing(hidden, tables.p, seed=seed)
    p_read = null.p_readout(r2)
    frequencies = pd.DataFrame(rows).assign(
        **dict(zip(("r2_a", "r2_b", "r2"), r2, strict=True)),
        **dict(zip(("p_a", "p_b", "p"), p_read, strict=True)),
        q=benjamini_hochberg(p_read[2]),
    )
    strongest = (
        frequencies[frequencies["used"]].sort_values("contribution", ascending=False)["frequency"].tolist()
    )
    steps = [
        (removed, without(fourier & np.isin(k_in, strongest[:removed])))
        for removed in range(len(strongest) + 1)
    ]
    removal = pd.DataFrame(
        {
            "removed": [removed for removed, _ in steps],
            "frequency": pd.array([None, *strongest], dtype="Int64"),
            "accuracy": [right(logits) for _, logits in steps],
            "loss": [_cross_entropy(logits, target) for _, logits in steps],
        }
    )
    return FourierReading(
        p=tables.p,
        neurons=neurons,
        frequencies=frequencies,
        power=power,
        accuracy=right(base),
        loss=_cross_entropy(base, target),
        accuracy_used=right(without(~(fourier & np.isin(k_in, strongest)))),
        accuracy_others=float(removal["accuracy"].iloc[-1]),
        explained=float(waves.sum() / variance),
        removal=removal,
    )


def _wrapped(angle: Array) -> Array:
    """Angles in [-pi, pi)."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)


# Many networks


def relabelled(frequencies: Iterable[int], unit: int, p: int) -> tuple[int, ...]:
    """The frequencies after every number x was renamed `unit x` mod p: k becomes k / unit, taken in 1 to (p - 1) / 2.

    Raises:
        InputError: where the unit is a multiple of p.

    Examples:
        >>> relabelled([1, 2], 2, 7)  # 1 / 2 = 4 mod 7, which is 3 again; 2 / 2 = 1
        (1, 3)
    """
    check_modulus(p)
    if unit % p == 0:
        raise InputError(f"{unit} is no unit modulo {p}: give a number that {p} does not divide")
    inverse = pow(int(unit), -1, p)
    return tuple(sorted({min(k * inverse % p, -k * inverse % p) for k in frequencies}))


def orbit_of(frequencies: Iterable[int], p: int) -> tuple[int, ...]:
    """One name for all sets of frequencies that a relabelling of Z_p turns into each other: the smallest of them.

    Examples:
        >>> orbit_of([2], 31), orbit_of([3, 6], 31) == orbit_of([1, 2], 31)
        ((1,), True)
    """
    given = tuple(frequencies)
    return min(relabelled(given, unit, p) for unit in range(1, (p - 1) // 2 + 1))


@dataclass(frozen=True)
class Arbitrariness:
    """Whether networks choose their frequencies as if at random.

    Attributes:
        chi_square: sum over frequencies of (times used - expected)^2 / expected.
        p: the chance of at least that, if every network drew as many frequencies as it uses, blindly.
        overlap: mean over pairs of networks of shared over joint frequencies (Jaccard).
        overlap_null: the mean overlap of blind draws; p_overlap: two-sided, of networks being more or less alike.
        networks, draws: how many.
        sizes: how many frequencies a network uses: the least, the median, the most.

    Examples:
        >>> arbitrariness(np.eye(5, dtype=bool)).chi_square
        0.0
    """

    chi_square: float
    p: float
    overlap: float
    overlap_null: float
    p_overlap: float
    networks: int
    draws: int
    sizes: tuple[int, float, int]

    def __str__(self) -> str:
        said = "no sign of a preferred frequency" if self.p > ALPHA else "some frequencies are preferred"
        return (
            f"{said}: chi-square {self.chi_square:.1f}, p = {self.p:.2g} over {self.networks} networks; two networks "
            f"share {self.overlap:.0%} of their frequencies, blind draws {self.overlap_null:.0%} "
            f"(p = {self.p_overlap:.2g})"
        )


def arbitrariness(used: npt.ArrayLike, *, draws: int = 4000, seed: int = 0) -> Arbitrariness:
    """Test that each network's frequencies are a blind draw: each network keeps its number of them, nothing else.

    Args:
        used: which network uses which frequency [networks, frequencies].
        draws: blind draws; seed: of them.

    Raises:
        InputError: for fewer than two networks, or where no network uses any frequency.

    Examples:
        >>> always_the_same = np.zeros((12, 5), dtype=bool)
        >>> always_the_same[:, 0] = True
        >>> bool(arbitrariness(always_the_same, draws=199).p < 0.05)
        True
    """
    U = np.asarray(used, dtype=bool)
    if U.ndim != 2 or len(U) < 2 or not U.any():
        raise InputError(
            f"used of shape {U.shape} with {int(U.sum())} entries true: give [networks, frequencies] of at least two "
            "networks that use some"
        )
    sizes = U.sum(axis=1)
    expected = sizes.sum() / U.shape[1]
    rng = np.random.default_rng(seed)

    def statistics(V: Mask) -> tuple[float, float]:
        counts = V.sum(axis=0)
        both = (V.astype(np.float64) @ V.T.astype(np.float64))[np.triu_indices(len(V), 1)]
        either = (sizes[:, None] + sizes[None, :])[np.triu_indices(len(V), 1)] - both
        known = either > 0
        overlap = float((both[known] / either[known]).mean()) if known.any() else math.nan
        return float(((counts - expected) ** 2).sum() / expected), overlap

    chi_square, overlap = statistics(U)
    # A row's ranks of random numbers, cut at its own size, are a blind draw of that many.
    null = np.array(
        [
            statistics(rng.random(U.shape).argsort(axis=1).argsort(axis=1) < sizes[:, None])
            for _ in range(draws)
        ]
    )
    # Equal up to rounding counts as at least as large.
    p = (1 + int((null[:, 0] >= chi_square * (1 - 1e-12)).sum())) / (1 + draws)
    above = (1 + int((null[:, 1] >= overlap - 1e-12).sum())) / (1 + draws)
    below = (1 + int((null[:, 1] <= overlap + 1e-12).sum())) / (1 + draws)
    return Arbitrariness(
        chi_square,
        p,
        overlap,
        float(null[:, 1].mean()),
        min(1.0, 2 * min(above, below)),
        len(U),
        draws,
        (int(sizes.min()), float(np.median(sizes)), int(sizes.max())),
    )


def fourier_verdicts(
    readings: Sequence[FourierReading], untrained: Sequence[FourierReading] = (), *, rate: float = 0.05
) -> pd.DataFrame:
    """Verdicts that keep the family apart from its members: some Fourier feature, and each single frequency.

    A network holds the family where it uses at least one frequency. The family is one row of kind `family`, tested
    by itself; the frequencies are rows of kind `frequency`, their false discoveries controlled together. Modulo the
    relabellings of Z_p all frequencies are one feature, the family: the rows ask which member a network took.

    Args:
        readings: of networks that solve the task.
        untrained: of untrained networks of the same shape.
        rate: false discovery rate over the frequencies.

    Returns:
        `kind, feature, frequency` (missing for the family) and the columns of `verdict_table`.

    Raises:
        InputError: without readings, or where they differ in p.

    Examples:
        >>> readings = [read_fourier(planted(11, [1 + k % 5]), networks=20, seed=k) for k in range(3)]
        >>> table = fourier_verdicts(readings)
        >>> table.loc[0, "feature"], int(table.loc[0, "found"]), table["found"].tolist()[1:]
        ('some Fourier feature', 3, [1, 1, 1, 0, 0])
    """
    import pandas as pd

    from .universality import verdict_table

    moduli = {reading.p for reading in (*readings, *untrained)}
    if not readings or len(moduli) != 1:
        raise InputError(
            f"{len(readings)} readings with moduli {sorted(moduli)}: give at least one, all of one modulus"
        )
    (p,) = moduli

    def rows(kind: str, features: Sequence[int | None]) -> pd.DataFrame:
        def count(group: Sequence[FourierReading], k: int | None) -> int:
            return sum(bool(one.used) if k is None else k in one.used for one in group)

        entries: list[dict[str, Any]] = [
            {
                "kind": kind,
                "feature": "some Fourier feature" if k is None else f"cos and sin of frequency {k}",
                "frequency": k,
                "found": count(readings, k),
                "n": len(readings),
                "untrained_found": count(untrained, k),
                "untrained_n": len(untrained),
            }
            for k in features
        ]
        return verdict_table(pd.DataFrame(entries), rate=rate)

    family, members = rows("family", [None]), rows("frequency", range(1, (p - 1) // 2 + 1))
    table = pd.concat(
        [family.astype({"frequency": "Int64"}), members.astype({"frequency": "Int64"})], ignore_index=True
    )
    table.attrs = dict(members.attrs)
    return table
