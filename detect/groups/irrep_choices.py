"""Irreps over many networks: verdicts on the family and its members, blind draws beside them, threshold curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..matching.criteria import ALPHA
from ..statistics.criteria import DISCOVERY_RATE, ROUNDING
from .group_readings import GroupReading

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Arbitrariness:
    """Whether networks choose their irreps (modulo p: frequencies) as if at random.

    Attributes:
        chi_square: sum over irreps of (times used - expected)^2 / expected.
        p: the chance of at least that, if every network drew as many irreps as it uses, blindly.
        overlap: mean over pairs of networks of shared over joint frequencies (Jaccard).
        overlap_null: the mean overlap of blind draws; p_overlap: two-sided, of networks being more or less alike.
        networks, draws: how many.
        sizes: how many irreps a network uses: the least, the median, the most.
        what: what they are called.
        blind: the share of networks that blind draws give each.

    Examples:
        >>> blind_choice(np.eye(5, dtype=bool)).chi_square
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
    what: tuple[str, str] = ("frequency", "frequencies")
    blind: tuple[float, ...] = ()

    def __str__(self) -> str:
        one, many = self.what
        said = f"no sign of a preferred {one}" if self.p > ALPHA else f"some {many} are preferred"
        return (
            f"{said}: chi-square {self.chi_square:.1f}, p = {self.p:.2g} over {self.networks} networks; two networks "
            f"share {self.overlap:.0%} of their {many}, blind draws {self.overlap_null:.0%} "
            f"(p = {self.p_overlap:.2g})"
        )


def blind_choice(
    used: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    what: tuple[str, str] = ("frequency", "frequencies"),
    draws: int = 4000,
    seed: int = 0,
) -> Arbitrariness:
    """Test that each network's irreps are a blind draw: each network keeps its number of them, nothing else.

    A draw takes one irrep after the other without repeating any, each time with chances proportional to the weights
    of those left (exponential clocks: Efraimidis & Spirakis 2006). With the sizes of the isotypic components as
    weights, an irrep is as likely as a random function's power lies in it.

    Args:
        used: which network uses which irrep [networks, irreps].
        weights: of each irrep, positive [irreps]; None makes all alike.
        what: what one of them is called, and several.
        draws: blind draws; seed: of them.

    Raises:
        InputError: for fewer than two networks, where no network uses any irrep, and for weights of another length or
            sign.

    Examples:
        >>> always_the_same = np.zeros((12, 5), dtype=bool)
        >>> always_the_same[:, 0] = True
        >>> bool(blind_choice(always_the_same, draws=199).p < 0.05)
        True
        >>> bool(blind_choice(always_the_same, [500, 1, 1, 1, 1], draws=199).p > 0.05)
        True
    """
    U = np.asarray(used, dtype=bool)
    if U.ndim != 2 or len(U) < 2 or not U.any():
        raise InputError(
            f"used of shape {U.shape} with {int(U.sum())} entries true: give [networks, irreps] of at least two "
            "networks that use some"
        )
    w = np.ones(U.shape[1]) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != (U.shape[1],) or not (w > 0).all():
        raise InputError(f"weights {w.tolist()} for {U.shape[1]} irreps: give a positive one for each")
    sizes = U.sum(axis=1)
    rng = np.random.default_rng(seed)

    def drawn() -> Mask:
        # Exponential clocks, ranked and cut at each network's own number.
        return np.asarray(
            (-np.log1p(-rng.random(U.shape)) / w).argsort(axis=1).argsort(axis=1) < sizes[:, None]
        )

    expected = np.full(U.shape[1], sizes.sum() / U.shape[1])
    if weights is not None:
        # Its own draws: the null's statistics stay independent of what is expected of them.
        expected = np.maximum(np.mean([drawn().sum(axis=0) for _ in range(draws)], axis=0), 1 / draws)

    def statistics(V: Mask) -> tuple[float, float]:
        counts = V.sum(axis=0)
        both = (V.astype(np.float64) @ V.T.astype(np.float64))[np.triu_indices(len(V), 1)]
        either = (sizes[:, None] + sizes[None, :])[np.triu_indices(len(V), 1)] - both
        known = either > 0
        overlap = float((both[known] / either[known]).mean()) if known.any() else math.nan
        return float(((counts - expected) ** 2 / expected).sum()), overlap

    chi_square, overlap = statistics(U)
    null = np.array([statistics(drawn()) for _ in range(draws)])
    # Equal up to rounding counts as at least as large.
    p = (1 + int((null[:, 0] >= chi_square * (1 - ROUNDING)).sum())) / (1 + draws)
    above = (1 + int((null[:, 1] >= overlap - ROUNDING).sum())) / (1 + draws)
    below = (1 + int((null[:, 1] <= overlap + ROUNDING).sum())) / (1 + draws)
    return Arbitrariness(
        chi_square,
        p,
        overlap,
        float(null[:, 1].mean()),
        min(1.0, 2 * min(above, below)),
        len(U),
        draws,
        (int(sizes.min()), float(np.median(sizes)), int(sizes.max())),
        what,
        tuple((expected / len(U)).tolist()),
    )


def group_verdicts(
    readings: Sequence[GroupReading],
    untrained: Sequence[GroupReading] = (),
    *,
    alpha: float = DISCOVERY_RATE,
) -> pd.DataFrame:
    """Verdicts that keep the family apart from its members: some irrep, and each single one.

    A network holds the family where it uses at least one irrep. The family is one row of kind `family`, tested by
    itself; the irreps are rows of kind `irrep`, their false discoveries controlled together. Counts stand with exact
    intervals (Clopper & Pearson 1934), widened for the number of rows that are claimed.

    Args:
        readings: of networks that solve the task.
        untrained: of untrained networks of the same shape.
        alpha: false discovery rate over the irreps.

    Returns:
        `kind, feature, irrep` (missing for the family), `dimension` and the columns of `verdict_table`.

    Raises:
        InputError: without readings, or where they differ in the group.

    Examples:
        >>> from .group_readings import read_group
        >>> from .group_truths import planted_irreps
        >>> from .named_groups import group_named
        >>> c5 = group_named("C5")
        >>> readings = [read_group(planted_irreps(c5, [name]), c5, draws=20) for name in ("f1", "f2", "f1")]
        >>> table = group_verdicts(readings)
        >>> table["feature"].tolist(), table["found"].tolist()
        (['some irrep', 'irrep f1', 'irrep f2'], [3, 2, 1])
    """
    import pandas as pd

    from ..statistics.verdicts import verdict_table

    groups = {reading.group.name for reading in (*readings, *untrained)}
    if not readings or len(groups) != 1:
        raise InputError(f"{len(readings)} readings of {sorted(groups)}: give at least one, all of one group")
    irreps = readings[0].group.irreps[1:]

    def rows(kind: str, names: Sequence[str | None]) -> pd.DataFrame:
        def count(population: Sequence[GroupReading], name: str | None) -> int:
            return sum(bool(one.used) if name is None else name in one.used for one in population)

        entries: list[dict[str, Any]] = [
            {
                "kind": kind,
                "feature": "some irrep" if name is None else f"irrep {name}",
                "irrep": name,
                "found": count(readings, name),
                "n": len(readings),
                "untrained_found": count(untrained, name),
                "untrained_n": len(untrained),
            }
            for name in names
        ]
        return verdict_table(pd.DataFrame(entries), alpha=alpha)

    family, members = rows("family", [None]), rows("irrep", [irrep.name for irrep in irreps])
    members.insert(3, "dimension", [irrep.dimension for irrep in irreps])
    family.insert(3, "dimension", [None])
    table = pd.concat([part.astype({"dimension": "Int64"}) for part in (family, members)], ignore_index=True)
    table.attrs = dict(members.attrs)
    return table


def threshold_curve(readings: Sequence[GroupReading], population: str) -> pd.DataFrame:
    """What the share that makes a neuron single changes, in place of one cut at 90%.

    Args:
        readings: of one population; population: what it is called.

    Returns:
        One row a cut: `population, cut, single` (mean share of active neurons with at least this share on one irrep),
        `low, high` (its 5% and 95% quantiles over networks), `used` (mean number of irreps used at this cut).

    Raises:
        InputError: without readings.

    Examples:
        >>> from .group_readings import read_group
        >>> from .group_truths import planted_irreps
        >>> from .named_groups import group_named
        >>> c5 = group_named("C5")
        >>> curve = threshold_curve([read_group(planted_irreps(c5, ["f1"]), c5, draws=20)], "planted")
        >>> curve["single"].tolist() == [1.0] * len(curve)
        True
    """
    import pandas as pd

    if not readings:
        raise InputError("no readings: a threshold curve needs at least one network")
    stacked = pd.concat([reading.cuts for reading in readings], ignore_index=True)
    by_cut = stacked.groupby("cut")
    return pd.DataFrame(
        {
            "population": population,
            "cut": sorted(stacked["cut"].unique()),
            "single": by_cut["single"].mean().to_numpy(),
            "low": by_cut["single"].quantile(0.05).to_numpy(),
            "high": by_cut["single"].quantile(0.95).to_numpy(),
            "used": by_cut["used"].mean().to_numpy(),
        }
    )
