"""Whole tables of verdicts: rows that are as common in untrained networks, alone and beside learned ones.

A table's claims are controlled over its rows, which in a study come from the same networks: a network that has one
feature often has the next. So rows are drawn independently, with one cause in common, and as one and the same row.
"""

from __future__ import annotations

from functools import partial
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from mathcircuits.detect import verdict_table

from ..scores import Bound, Measurement, Score, Setting, describe, mean_share
from .effort import Effort, generator

Bools = npt.NDArray[np.bool_]

PART = "tables of verdicts"
#: How the rows of a table depend on each other: the correlation of what decides, network by network.
DEPENDENCE = {"independent rows": 0.0, "rows with one cause": 0.95, "one row many times": 1.0}
#: Rows of a table, how many networks each counts, and true shares between the margins, where no row is absent.
ROWS, NETWORKS = 24, 100
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
#: The shares of rows that are learned, trained and untrained.
LEARNED = ((1.0, 0.1), (0.5, 0.05))
WRONG = Bound(
    "tables: of rows as common in untrained networks at most 5% are called anything but vacuous or inconclusive",
    0.05,
)
DISCOVERIES = Bound("tables: at most 5% of a table's claims about learned features are of such rows", 0.05)
_NOTHING = ("vacuous", "inconclusive")


def measurements(effort: Effort, seed: int) -> list[Measurement]:
    """One per kind of dependence, for tables without a learned row and for tables of which half are."""
    found = []
    for dependence in DEPENDENCE:
        for learned in (0, ROWS // 2):
            s = Setting(dependence, planted=learned)
            found.append(
                Measurement(
                    f"tables: {describe(s)}, {learned} learned", partial(on_tables, s, effort.tables, seed)
                )
            )
    return found


def on_tables(setting: Setting, tables: int, seed: int) -> list[Score]:
    """How often rows that nothing was learned about are called something, and the share of such claims.

    Examples:
        >>> [score.value for score in on_tables(Setting("independent rows"), 3, 0)]
        [0.0, 0.0]
    """
    rng = generator(seed, f"tables {setting.population} {setting.planted}")
    wrong, false = np.zeros(tables), np.zeros(tables)
    for k in range(tables):
        names = draw_table(DEPENDENCE[setting.population], setting.planted, rng)["verdict"]
        claimed = ~names.isin(_NOTHING).to_numpy()
        wrong[k] = claimed[setting.planted :].mean()
        false[k] = claimed[setting.planted :].sum() / max(1, claimed.sum())
    return [
        mean_share(PART, setting, "rows called something", wrong, WRONG),
        mean_share(PART, setting, "share of false claims", false, DISCOVERIES),
    ]


def draw_table(correlation: float, learned: int, rng: np.random.Generator) -> pd.DataFrame:
    """A judged table; its first `learned` rows are learned, the others have one share in both populations."""
    unlearned = [SHARES[k % len(SHARES)] if correlation < 1 else SHARES[2] for k in range(ROWS - learned)]
    shares = [LEARNED[k % len(LEARNED)] for k in range(learned)] + [(share, share) for share in unlearned]
    trained, untrained = (
        _held(np.array([pair[side] for pair in shares]), correlation, rng).sum(axis=0) for side in (0, 1)
    )
    return verdict_table(
        pd.DataFrame({"found": trained, "n": NETWORKS, "untrained_found": untrained, "untrained_n": NETWORKS})
    )


def _held(shares: npt.NDArray[np.float64], correlation: float, rng: np.random.Generator) -> Bools:
    """Which networks have which features [NETWORKS, rows]: a Gaussian in common decides with this correlation."""
    common = rng.normal(size=(NETWORKS, 1))
    own = rng.normal(size=(NETWORKS, len(shares)))
    bar = [NormalDist().inv_cdf(share) if share < 1 else np.inf for share in shares]
    return np.asarray(np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own < np.array(bar))
