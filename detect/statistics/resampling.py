"""Bootstrap over seeds and permutation contrasts between groups of networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .criteria import EQUAL, ROUNDING, TINY

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
        effect: mean similarity within groups minus across them, every group counting once.
        low, high: its interval over networks, at `confidence`; NaN where a group has two networks only, since these
            show no spread.
        p: chance of a smallest contrast at least as large if the groups meant nothing: the larger of two tests.
        within, across: the two means, over groups and over pairs of groups.
        contrasts: each group's own: its mean within minus its mean to the other groups; one network alone has none.
        spread: the largest minus the smallest mean within a group: how differently tight the groups are.
        superiority: chance that a pair within a group is more alike than a pair of it and another; 0.5 where groups
            mean nothing.
        pairs_within, pairs_across, networks: the counts.
    """

    effect: float
    low: float
    high: float
    p: float
    within: float
    across: float
    contrasts: dict[str, float]
    spread: float
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

    Groups' contrasts are averaged: a large group counts no more than a small one, and that one group is tighter than
    another (`spread`) raises the one's contrast by what it lowers the other's, if similarity is minus a squared
    distance or a scalar product. The test asks for the smallest contrast, so that within is more alike in every group:
    about one centre the widest group's own is at most 0, whatever the measure and the sizes, so that unequal spreads
    alone are no finding. Pairs that share a network are not independent, so networks are drawn anew and not pairs, in
    two ways, and the larger p counts. The labels of the networks are permuted (a Mantel-type test, one-sided); that
    takes a small wide group for a finding too often, since most networks that change places with its own are of a
    tight one. And each network is turned over about the centre of all: of the similarity less both networks' own
    means the sign changes with every network turned. That keeps each group's spread, and is right where networks lie
    symmetrically about their group's centre. The interval is by leaving each network out in turn (the jackknife of a
    statistic of several samples: Arvesen, Ann. Math. Stat. 40, 1969), with the degrees of freedom of Satterthwaite
    (Biometrics Bull. 2, 1946).

    Args:
        matrix: [m, m] similarities between networks, symmetric, larger is more alike (give minus a distance);
            the diagonal is not used.
        groups: the group (task) of each network [m].
        seed: of the draws.
        draws: how many permutations, and how many times networks are turned over.
        confidence: of the interval.

    Raises:
        InputError: where the matrix is not square, symmetric and finite, or there is no pair within or
            across.

    Examples:
        >>> alike = [[1, 0.9, 0.1, 0.2], [0.9, 1, 0, 0.1], [0.1, 0, 1, 0.8], [0.2, 0.1, 0.8, 1]]
        >>> found = within_across(alike, ["min", "min", "max", "max"])
        >>> round(found.effect, 3), found.superiority, found.pairs_within, found.pairs_across
        (0.75, 1.0, 2, 4)
        >>> {name: round(value, 3) for name, value in found.contrasts.items()}, round(found.spread, 3)
        ({'max': 0.7, 'min': 0.8}, 0.1)
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
    names, labels = np.unique(np.asarray([str(group) for group in groups]), return_inverse=True)
    member = np.eye(len(names))[labels]
    same = (member @ member.T > 0) & off
    pairs_within, pairs_across = int(same.sum()) // 2, int((~same & off).sum()) // 2
    if not pairs_within or not pairs_across:
        raise InputError(
            f"{pairs_within} pairs within groups and {pairs_across} across: "
            "both are needed, so at least two groups, one of them with two networks"
        )

    rng = np.random.default_rng(seed)
    means = _block_means(M, member)
    own = _contrasts(means)
    # Rounding must not decide between the data and a relabelling that amounts to the same groups.
    slack = ROUNDING * max(1.0, float(np.abs(M).max()))
    least = np.nanmin(own) - slack
    permuted = (_smallest(M, member[rng.permutation(len(M))]) for _ in range(draws))
    own_means, rest = _additive(M)
    signs = (rng.choice([-1.0, 1.0], len(M)) for _ in range(draws))
    turned = (_smallest(own_means + rest * np.outer(sign, sign), member) for sign in signs)
    p = max((1 + sum(value >= least for value in drawn)) / (1 + draws) for drawn in (permuted, turned))

    effect = _effect(means)
    half = _half_width(M, labels, member, confidence)
    diagonal = np.diag(means)
    return Contrast(
        effect=effect,
        low=effect - half,
        high=effect + half,
        p=p,
        within=float(np.nanmean(diagonal)),
        across=float(np.nanmean(diagonal)) - effect,
        contrasts={str(name): float(c) for name, c in zip(names, own, strict=True) if np.isfinite(c)},
        spread=float(np.nanmax(diagonal) - np.nanmin(diagonal)),
        superiority=_superiority(M, labels),
        pairs_within=pairs_within,
        pairs_across=pairs_across,
        networks=len(M),
        confidence=confidence,
        draws=draws,
    )


def _block_means(M: Array, member: Array) -> Array:
    """Mean similarity within (diagonal) and between groups [g, g], from similarities [m, m] with a zero diagonal."""
    sizes = member.sum(axis=0)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    sums = member.T @ M @ member
    return np.asarray(np.divide(sums, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0))


def _contrasts(means: Array) -> Array:
    """Each group's mean within minus its mean to the others [g], every other group counting once."""
    others = (means.sum(axis=1, where=~np.eye(len(means), dtype=bool))) / (len(means) - 1)
    return np.asarray(np.diag(means) - others)


def _smallest(M: Array, member: Array) -> float:
    return float(np.nanmin(_contrasts(_block_means(M, member))))


def _additive(M: Array) -> tuple[Array, Array]:
    """Similarities [m, m] as what the two networks have on average, and the rest; the diagonals are 0.

    The averages are those of a round robin, without a network's similarity to itself (Warner, Kenny & Stoto, J. Pers.
    Soc. Psychol. 37, 1979). Of minus squared distances the rest is about twice the scalar product from the centre.
    """
    m, off = len(M), ~np.eye(len(M), dtype=bool)
    mean = M.sum() / (m * (m - 1))
    own = (m - 1) / (m - 2) * (M.sum(axis=1) / (m - 1) - mean)
    both = (mean + own[:, None] + own) * off
    return both, M - both


def _effect(means: Array) -> float:
    """The average of the contrasts, over groups that have one."""
    return float(np.nanmean(_contrasts(means)))


def _half_width(M: Array, labels: npt.NDArray[np.intp], member: Array, confidence: float) -> float:
    """Half the interval of the effect; NaN where a group of two would be left with one network."""
    from scipy.stats import t

    sizes = member.sum(axis=0)
    if (sizes == 2).any():
        return float("nan")
    left_out = np.array(
        [
            np.nan
            if sizes[label] == 1
            else _effect(_block_means(np.delete(np.delete(M, k, 0), k, 1), np.delete(member, k, 0)))
            for k, label in enumerate(labels)
        ]
    )
    # A group of one network shows no spread either; it is taken as it is.
    n = sizes[sizes > 1]
    variances = np.array(
        [
            (size - 1) / size * ((left_out[labels == g] - left_out[labels == g].mean()) ** 2).sum()
            for g, size in enumerate(sizes)
            if size > 1
        ]
    )
    total = float(variances.sum())
    if total <= TINY:
        return 0.0
    freedom = total**2 / float((variances**2 / (n - 1)).sum())
    return float(t.ppf((1 + confidence) / 2, freedom) * np.sqrt(total))


def _superiority(M: Array, labels: npt.NDArray[np.intp]) -> float:
    """Chance that a pair within a group is more alike than a pair of it and another, averaged over groups."""
    upper = np.triu(np.ones(M.shape, dtype=bool), 1)
    shares = []
    for group in np.unique(labels):
        mine = labels == group
        inside, outside = M[np.outer(mine, mine) & upper], np.sort(M[np.ix_(mine, ~mine)].ravel())
        if len(inside):
            below = np.searchsorted(outside, inside, side="left")
            up_to = np.searchsorted(outside, inside, side="right")
            shares.append((below + up_to).mean() / (2 * len(outside)))
    return float(np.mean(shares))
