"""Networks that add modulo an odd prime p: what they are asked, what can be planted, how often they are right."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..groups.neuron_tables import Tables as Tables
from ..groups.neuron_tables import untrained_networks as untrained_networks
from ..networks.network import HasNetwork, Network, as_network

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


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
    modulus_of(network)
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
