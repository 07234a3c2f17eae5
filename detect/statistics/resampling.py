"""Bootstrap over seeds and permutation contrasts between groups of networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .criteria import EQUAL, ROUNDING

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bootstrap:
    """A statistic with its bootstrap interval.

    Attributes:
        value: the statistic of the data.
        low, high: percentile interval at `confidence`.
        draws, levels: how often, and through which levels, the data were drawn anew.

    Examples:
        >>> float(Bootstrap(0.5, 0.4, 0.6, 0.95, 2000, ("seed",)))
        0.5
    """

    value: float
    low: float
    high: float
    confidence: float
    draws: int
    levels: tuple[str, ...]

    def __float__(self) -> float:
        return self.value

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        return asdict(self)


def hierarchical_bootstrap(
    frame: pd.DataFrame,
    value: str,
    levels: Sequence[str] = ("seed", "network", "neuron"),
    *,
    statistic: Callable[[Array], float] | None = None,
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Bootstrap:
    """A percentile interval for a statistic of nested data: seeds, their networks, the networks' neurons.

    Each draw takes as many seeds as there are, with replacement, then as many networks of each, then as
    many neurons of each (Davison & Hinkley 1997, section 3.8; Saravanan et al. 2020). Neurons of one
    network are not independent; drawing them as if they were makes intervals far too narrow. Drawing the
    lower levels too errs on the wide side.

    Args:
        frame: one row per lowest unit.
        value: the column of numbers.
        levels: columns from the outermost to the innermost; two at the least at the outermost.
        statistic: of a vector of values; None for the mean.
        draws: number of bootstrap draws.
        confidence: of the interval.
        seed: of the random draws.

    Raises:
        InputError: where a column is missing, a value is NaN or infinite, or the outermost level has one
            entry only.

    Examples:
        >>> import pandas as pd
        >>> data = pd.DataFrame({"seed": [0, 0, 1, 1], "neuron": [0, 1, 0, 1], "r": [1.0, 1.0, 0.0, 0.0]})
        >>> found = hierarchical_bootstrap(data, "r", ("seed", "neuron"))
        >>> found.value, found.low, found.high
        (0.5, 0.0, 1.0)
    """
    for name in (*levels, value):
        if name not in frame.columns:
            raise InputError(f"the table has no column {name!r}: it has {', '.join(map(str, frame.columns))}")
    ordered = frame.sort_values(list(levels), kind="stable")
    values = ordered[value].to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"column {value!r} holds NaN or infinite values: drop those rows, and say how many")
    # sizes[k]: how many groups (or rows) each group of level k holds; level -1 is the whole table.
    codes = [
        ordered.groupby(list(levels[: k + 1]), sort=True).ngroup().to_numpy() for k in range(len(levels))
    ]
    codes.append(np.arange(len(values)))
    outermost = int(codes[0].max()) + 1 if len(values) else 0
    if outermost < 2:
        raise InputError(f"{outermost} {levels[0]}: an interval over {levels[0]}s needs at least two")
    starts, sizes = [], []
    for outer, inner in pairwise(codes):
        first = np.unique(inner, return_index=True)[1]
        counts = np.bincount(outer[first])
        starts.append(np.concatenate([[0], np.cumsum(counts)[:-1]]))
        sizes.append(counts)
    rng = np.random.default_rng(seed)
    take: Callable[[Array], Any] = statistic or np.mean
    results = np.empty(draws)
    for draw in range(draws):
        chosen = rng.integers(outermost, size=outermost)
        for start, size in zip(starts, sizes, strict=True):
            repeated = np.repeat(chosen, size[chosen])
            chosen = start[repeated] + rng.integers(size[repeated])
        results[draw] = take(values[chosen])
    low, high = np.quantile(results, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Bootstrap(float(take(values)), float(low), float(high), confidence, draws, tuple(levels))


@dataclass(frozen=True)
class Contrast:
    """Are networks of one group more alike than networks of different groups?

    Attributes:
        effect: mean similarity within groups minus across groups.
        low, high: its bootstrap interval over networks, at `confidence`.
        p: chance of an effect at least as large if the groups meant nothing (permutation test).
        within, across: the two means.
        superiority: chance that a pair within a group is more alike than a pair across; 0.5 where groups
            mean nothing.
        pairs_within, pairs_across, networks: the counts.
    """

    effect: float
    low: float
    high: float
    p: float
    within: float
    across: float
    superiority: float
    pairs_within: int
    pairs_across: int
    networks: int
    confidence: float
    draws: int

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        return asdict(self)


def within_across(
    matrix: npt.ArrayLike,
    groups: Sequence[object] | npt.NDArray[Any],
    *,
    seed: int = 0,
    draws: int = 1999,
    confidence: float = 0.95,
) -> Contrast:
    """Within-group against across-group similarity, tested over networks and not over pairs.

    Pairs that share a network are not independent, so the labels of the *networks* are permuted (a
    Mantel-type test, one-sided: within more alike), and the networks of each group are drawn anew for the
    interval, a network beside its own copy not counting as a pair.

    Args:
        matrix: [m, m] similarities between networks, symmetric, larger is more alike (give minus a distance);
            the diagonal is not used.
        groups: the group (task) of each network [m].
        seed: of the permutations and the bootstrap.
        draws: of each.
        confidence: of the interval.

    Raises:
        InputError: where the matrix is not square, symmetric and finite, or there is no pair within or
            across, or the groups are so small that most bootstrap draws hold no pair within.

    Examples:
        >>> alike = [[1, 0.9, 0.1, 0.2], [0.9, 1, 0, 0.1], [0.1, 0, 1, 0.8], [0.2, 0.1, 0.8, 1]]
        >>> found = within_across(alike, ["min", "min", "max", "max"])
        >>> round(found.effect, 3), found.superiority, found.pairs_within, found.pairs_across
        (0.75, 1.0, 2, 4)
    """
    M = np.array(matrix, dtype=np.float64)
    if M.ndim != 2 or M.shape[0] != M.shape[1] or len(groups) != len(M):
        raise InputError(f"matrix {M.shape} and {len(groups)} groups: give [m, m] and one group per network")
    off = ~np.eye(len(M), dtype=bool)
    if not np.isfinite(M[off]).all():
        raise InputError(
            "the matrix holds NaN or infinite values: leave those networks out, and say how many"
        )
    if not np.allclose(M[off], M.T[off], rtol=EQUAL, atol=ROUNDING):
        raise InputError("the matrix is not symmetric: average a two-way measure with its transpose first")
    np.fill_diagonal(M, 0.0)
    _, labels = np.unique(np.asarray([str(group) for group in groups]), return_inverse=True)
    member = np.eye(int(labels.max()) + 1)[labels] if len(labels) else np.zeros((0, 0))
    same = (member @ member.T > 0) & off
    pairs_within, pairs_across = int(same.sum()) // 2, int((~same & off).sum()) // 2
    if not pairs_within or not pairs_across:
        raise InputError(
            f"{pairs_within} pairs within groups and {pairs_across} across: "
            "both are needed, so at least two groups, one of them with two networks"
        )
    total = float(M.sum())

    def effect_of(order: npt.NDArray[np.intp]) -> float:
        Z = member[order]
        inside = float(np.vdot(Z, M @ Z))
        return inside / (2 * pairs_within) - (total - inside) / (2 * pairs_across)

    rng = np.random.default_rng(seed)
    effect = effect_of(np.arange(len(M)))
    # Rounding must not decide between the data and a relabelling that amounts to the same groups.
    slack = ROUNDING * max(1.0, float(np.abs(M).max()))
    permuted = np.array([effect_of(rng.permutation(len(M))) for _ in range(draws)])
    p = (1 + int((permuted >= effect - slack).sum())) / (1 + draws)

    weights = np.zeros((draws, len(M)))
    for group in range(member.shape[1]):
        members = np.flatnonzero(labels == group)
        weights[:, members] = rng.multinomial(
            len(members), np.full(len(members), 1 / len(members)), size=draws
        )

    def mean_over(pairs: npt.NDArray[np.bool_]) -> Array:
        counts = ((weights @ pairs) * weights).sum(axis=1)
        sums = ((weights @ np.where(pairs, M, 0.0)) * weights).sum(axis=1)
        return np.asarray(np.divide(sums, counts, out=np.full(draws, np.nan), where=counts > 0))

    drawn = mean_over(same) - mean_over(~same & off)
    drawn = drawn[np.isfinite(drawn)]
    # A single pair of networks is lost in every other draw: that is no sample of pairs.
    if len(drawn) < 0.6 * draws:
        raise InputError(
            "more than two in five bootstrap draws hold no pair within a group: give more networks per group"
        )
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    upper = np.triu(off)
    inside, outside = M[same & upper], M[~same & upper]
    below = np.searchsorted(np.sort(outside), inside, side="left")
    up_to = np.searchsorted(np.sort(outside), inside, side="right")
    return Contrast(
        effect=float(effect),
        low=float(low),
        high=float(high),
        p=p,
        within=float(inside.mean()),
        across=float(outside.mean()),
        superiority=float((below + up_to).mean() / (2 * len(outside))),
        pairs_within=pairs_within,
        pairs_across=pairs_across,
        networks=len(M),
        confidence=confidence,
        draws=draws,
    )
