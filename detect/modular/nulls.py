"""The null of frequencies: how much of a neuron or layer is one wave, beside untrained networks of its shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..groups.neuron_tables import active_neurons, largest_share
from ..networks.architecture import Architecture
from ..statistics.criteria import RANK
from .spectra import spectrum
from .tables import Tables, modulus_of, sums_of, untrained_networks

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FourierNull:
    """What untrained networks of one shape give for each statistic, sorted.

    Attributes:
        share: the largest frequency's share of input power, of active neurons [draws].
        share_out: the same of outgoing weights.
        readout: held-out R^2 of reading cos and sin of a, of b and of a + b from the layer, over networks and
            frequencies [3, draws].
        draws: how many networks were drawn.

    Examples:
        >>> from .tables import planted
        >>> null = fourier_null(planted(11, [1, 2]).architecture, draws=30)
        >>> null, null.p_share([0.3, 0.9]).round(3).tolist()
        (FourierNull(30 untrained networks; 95% quantiles: share 0.54, read-out -0.23), [0.851, 0.002])
    """

    share: Array
    share_out: Array
    readout: Array
    draws: int

    def p_share(self, share: npt.ArrayLike) -> Array:
        """The chance that an untrained neuron's share is at least as large, `(1 + draws above) / (1 + draws)`."""
        return _exceedance(self.share, share)

    def p_neurons(self, shares: npt.ArrayLike) -> Array:
        """The same for the shares of all frequencies [neurons, (p - 1) / 2]: they are alike before training."""
        return self.p_share(np.asarray(shares, dtype=np.float64).max(axis=-1))

    def p_readout(self, r2: npt.ArrayLike) -> Array:
        """The chance that an untrained read-out's R^2 is at least as large, for R^2 [3, ...] of a, b and a + b.

        All frequencies are alike in an untrained network, so their draws are one null.
        """
        given = np.asarray(r2, dtype=np.float64)
        return np.stack([_exceedance(draws, one) for draws, one in zip(self.readout, given, strict=True)])

    def __repr__(self) -> str:
        share, readout = (float(np.quantile(v, 0.95)) for v in (self.share, self.readout[2]))
        drawn = f"{self.draws} untrained networks"
        return f"FourierNull({drawn}; 95% quantiles: share {share:.2f}, read-out {readout:.2f})"


def _exceedance(draws: Array, values: npt.ArrayLike) -> Array:
    given = np.asarray(values, dtype=np.float64)
    above = len(draws) - np.searchsorted(draws, given, side="left")
    return np.asarray(np.where(np.isnan(given), np.nan, (1.0 + above) / (1.0 + len(draws))))


def fourier_null(architecture: Architecture, *, draws: int = 100, seed: int = 0) -> FourierNull:
    """Draw the null: untrained networks of that shape, read as a trained one is.

    Args:
        architecture: the shape.
        draws: how many networks to draw (100 with 64 neurons give p down to 2e-4).
        seed: of the draws.

    Raises:
        InputError: for fewer than 20 networks, which would leave no p below 0.05 for a read-out.

    Examples:
        >>> from .tables import planted
        >>> fourier_null(planted(11, [1, 2]).architecture, draws=20)
        FourierNull(...)
    """
    if draws < 20:
        raise InputError(f"{draws} untrained networks: give at least 20, or no p-value can be small")
    shares, outs, reads = [], [], []
    for k, network in enumerate(untrained_networks(architecture, draws, seed=seed)):
        modulus_of(network)
        tables = Tables.of(network)
        hidden = tables.hidden()
        active = active_neurons(tables.written(hidden))
        shares.append(largest_share(spectrum(tables.a) + spectrum(tables.b))[active])
        outs.append(largest_share(spectrum(tables.out))[active])
        reads.append(readout_or_missing(hidden, tables.p, seed=k))
    return FourierNull(
        share=np.sort(np.concatenate(shares)),
        share_out=np.sort(np.concatenate(outs)),
        readout=np.sort(np.concatenate(reads, axis=1), axis=1),
        draws=draws,
    )


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
        >>> from .tables import planted
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
    weights = np.linalg.lstsq(design[fit], targets[fit], rcond=RANK)[0]
    error = ((targets[test] - design[test] @ weights) ** 2).sum(axis=0)
    spread = ((targets[test] - targets[test].mean(axis=0)) ** 2).sum(axis=0)
    both = error.reshape(2, 3, ks).sum(axis=0), spread.reshape(2, 3, ks).sum(axis=0)
    return np.asarray(1.0 - both[0] / both[1])


def readout_or_missing(hidden: Array, p: int, *, seed: int) -> Array:
    """`readout_r2`, or NaN where the layer is too wide for this modulus to be read at all."""
    if len(hidden) + 1 >= p * p * 2 // 3:
        return np.full((3, (p - 1) // 2), np.nan)
    return readout_r2(hidden, p, seed=seed)
