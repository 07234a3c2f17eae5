"""Populations: verdicts on networks whose true prevalence is known, by exact enumeration over the binomial.

Of n networks each has the feature with the same probability, independently: every possible count is judged, and weighed
by how likely it is. Nothing is drawn, so the figures have no error of their own.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import verdict
from mathcircuits.detect.statistics import MARGINS, ROUNDING

from ..scores import Bound, Score, Setting

Array = npt.NDArray[np.float64]

PART = "verdicts on known populations"
TRUTHS = (0.0, 0.03, 0.05, 0.5, 0.95, 0.97, 1.0)
SIZES = (10, 20, 31, 50, 72, 100, 150, 200, 300, 500, 700, 1000)
#: How often a true prevalence of 0.97 is called universal (docs/understand/verdicts.md).
POWER = {100: 0.05, 500: 0.57, 1000: 0.88}
WRONG = Bound("verdicts: wrong universal or absent at most 2.5%, by enumeration", 0.025)
COVERAGE = Bound("verdicts: the exact interval covers the truth in at least 95%", 0.95, most=False)
#: The stated powers have two digits.
STATED = Bound(
    "verdicts: 0.97 is called universal in 5%, 57%, 88% at n = 100, 500, 1000 (to half a percent)", 0.005
)


def population_scores(sizes: tuple[int, ...] = SIZES) -> list[Score]:
    """Wrong verdicts, coverage and power for every size and true prevalence.

    Examples:
        >>> scores = population_scores((100,))
        >>> [s for s in scores if s.setting.level == 0.95 and s.measure == "wrong universal or absent"]
        [Score(wrong universal or absent 0.00592)]
        >>> all(s.passed for s in scores if s.bound)
        True
    """
    scores = []
    for n in sizes:
        for truth in TRUTHS:
            at = Setting(f"{n} networks", level=truth)
            chance, names, low, high = _judged(n, truth)
            lower, upper = MARGINS
            wrong = float(chance[(names == "universal") & (truth <= upper)].sum())
            wrong += float(chance[(names == "absent") & (truth >= lower)].sum())
            covered = float(chance[(low <= truth) & (truth <= high)].sum())
            scores += [
                Score(PART, at, "wrong universal or absent", wrong, bound=WRONG),
                # The chances of all counts sum to 1 but for rounding.
                Score(PART, at, "coverage", min(covered + ROUNDING, 1.0), bound=COVERAGE),
                *(
                    Score(PART, at, f"called {name}", float(chance[names == name].sum()))
                    for name in ("universal", "partial", "absent", "inconclusive")
                ),
            ]
    for n, stated in POWER.items():
        chance, names, _, _ = _judged(n, 0.97)
        power = float(chance[names == "universal"].sum())
        at, note = Setting(f"{n} networks", level=0.97), f"called universal in {power:.1%}"
        scores.append(
            Score(PART, at, "power beside the stated", abs(power - stated), bound=STATED, note=note)
        )
    return scores


def _judged(n: int, truth: float) -> tuple[Array, npt.NDArray[np.str_], Array, Array]:
    """For every count from 0 to n: its probability, the verdict's name and the interval."""
    from scipy.stats import binom

    names, low, high = _verdicts(n)
    return binom.pmf(np.arange(n + 1), n, truth), names, low, high


@cache
def _verdicts(n: int) -> tuple[npt.NDArray[np.str_], Array, Array]:
    found = [verdict(k, n) for k in range(n + 1)]
    return (
        np.array([v.name for v in found]),
        np.array([v.low for v in found]),
        np.array([v.high for v in found]),
    )
