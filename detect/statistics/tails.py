"""Small p-values from simulated draws: the empirical law in its body, a generalised Pareto law in its tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .criteria import EQUAL, EXACT_MATCH, FLOOR, ROUNDING, TINY

Array = npt.NDArray[np.float64]
#: At so few exact draws the mass at 0 cannot be told from the tail's own.
_ATOM_DRAWS = 5


@dataclass(frozen=True, eq=False)
class Tail:
    """The null law of a statistic u in [0, 1] that is small where there is something to find.

    Attributes:
        draws: the sorted null draws (or enough of their quantiles), `share` being the mass below each.
        cut: the u where the tail model takes over; shape, scale: of the generalised Pareto law of
            -ln(u / cut) there, fitted by moments, shape = max(0, moments + 1 / sqrt(k)) (reference
            measurements: the floor at 0 and the added standard error keep it from being too small).
        atom: the mass at exact matches (u < 1e-11), never extrapolated below.

    Examples:
        >>> u = np.random.default_rng(0).uniform(size=100_000)
        >>> middle, far = Tail.fit(u).p([0.3, 1e-6])
        >>> bool(abs(middle - 0.3) < 0.01), bool(1e-6 <= far < 2e-5)
        (True, True)
        >>> with_an_atom = Tail.fit(np.concatenate([np.zeros(1000), u[:9000]]))
        >>> bool(with_an_atom.p(0.0) >= 0.1)
        True
    """

    draws: Array
    share: Array
    cut: float
    cut_mass: float
    shape: float
    scale: float
    atom: float

    @classmethod
    def fit(cls, u: npt.ArrayLike, tail_share: float = 0.01) -> Tail:
        """Fit to null draws u [n] in [0, 1]; the smallest `tail_share` of them (at least 50) give the tail.

        Raises:
            InputError: for fewer than 100 draws, or one that is NaN or outside [0, 1].
        """
        given = np.asarray(u, dtype=float).ravel()
        n = len(given)
        if n < 100:
            raise InputError(f"{n} null draws: at least 100 are needed to fit a tail")
        # A statistic such as 1 - r^2 may round to just outside.
        outside = ~((given >= -EQUAL) & (given <= 1.0 + EQUAL))
        if outside.any():
            raise InputError(
                f"{int(outside.sum())} of {n} null draws are NaN or outside [0, 1]: leave out neurons that "
                "have no statistic, such as dead ones"
            )
        ordered = np.sort(np.clip(given, FLOOR, 1.0))
        exact = int(np.searchsorted(ordered, EXACT_MATCH))
        atom = exact / n if exact >= _ATOM_DRAWS else 0.0
        fitted = ordered[exact:] if atom else ordered
        k = min(max(50, int(tail_share * n)), len(fitted) - 1)
        if k < 20:
            return cls(*_thin(ordered), 0.0, 0.0, 0.0, 1.0, atom)
        cut = float(fitted[k])
        excess = np.log(cut) - np.log(fitted[:k])
        mean, variance = float(excess.mean()), float(excess.var())
        # Draws that are all one value say nothing about what lies below them: no tail is made up.
        if variance <= ROUNDING:
            return cls(*_thin(ordered), 0.0, 0.0, 0.0, 1.0, atom)
        moments = 0.5 * (1.0 - mean**2 / variance)
        shape = min(max(0.0, moments + 1.0 / np.sqrt(k)), 0.9)
        return cls(*_thin(ordered), cut, (exact + k) / n, shape, max(mean * (1.0 - shape), EQUAL), atom)

    def p(self, u: npt.ArrayLike) -> Array:
        """P(U <= u) under the null, for u of any shape, in (0, 1]; NaN where u is NaN."""
        values = np.clip(np.asarray(u, dtype=float), FLOOR, 1.0)
        body = np.interp(values, self.draws, self.share)
        if self.cut > 0.0:
            excess = np.maximum(np.log(self.cut) - np.log(values), 0.0)
            if self.shape > 0:
                survival = (1.0 + self.shape * excess / self.scale) ** (-1.0 / self.shape)
            else:
                survival = np.exp(-excess / self.scale)
            body = np.where(values < self.cut, self.atom + (self.cut_mass - self.atom) * survival, body)
        return np.asarray(np.clip(body, max(self.atom, TINY), 1.0))


def _thin(ordered: Array) -> tuple[Array, Array]:
    """The draws and their mass, all of the lowest twentieth and quantiles above: enough to interpolate."""
    n = len(ordered)
    ranks = np.arange(n)
    if n > 4000:
        low = n // 20
        step = max(1, low // 2000)
        above = np.linspace(low, n - 1, 2000).astype(int)
        ranks = np.unique(np.concatenate([np.arange(0, low, step), above]))
    values = ordered[ranks]
    # (rank + 2) / (n + 1) counts the draw itself and the observed value, so that p is never too small;
    # of tied draws np.interp must see the highest mass.
    share = (ranks + 2.0) / (n + 1.0)
    keep = np.append(values[1:] > values[:-1], True)
    values, share = values[keep], np.minimum(share[keep], 1.0)
    if values[0] > FLOOR:
        # Below all draws lies the observed value alone, however many draws are tied at the smallest.
        values = np.append(np.nextafter(values[0], 0.0), values)
        share = np.append(1.0 / (n + 1.0), share)
    return np.asarray(values, dtype=np.float64), np.asarray(share, dtype=np.float64)
