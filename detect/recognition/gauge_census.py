"""The census of gauges: how implementations are named for counting, in a study and in a fibre."""

from __future__ import annotations

import math

import numpy as np

from ..exact.criteria import SAME_GAUGE
from ..statistics.criteria import TINY
from .gauges import Gauge

#: What the census calls gauges that the catalogue does not name, and networks whose gauge was not read.
UNNAMED, NOT_KNOWN = "unnamed", "not known"


def gauge_kind(gauge: str | None, named: bool, share: float) -> str:
    """A gauge for counting: its name, or what the unnamed ones have in common.

    Examples:
        >>> gauge_kind("x1 - relu(x1 - x2)", True, 1.0)
        'x1 - relu(x1 - x2)'
        >>> gauge_kind("the kink at x1 = x2 from both sides, 41% where x1 > x2", False, 0.41)
        'unnamed: the kink from both sides'
        >>> gauge_kind("x1 - 0.2*x2, x1 + x2 carried by pairs", False, float("nan"))
        'unnamed: the linear part by other pairs'
    """
    if named and gauge is not None:
        return gauge
    if gauge is None:
        return NOT_KNOWN
    if SAME_GAUGE < share < 1 - SAME_GAUGE:
        return f"{UNNAMED}: the kink from both sides"
    return f"{UNNAMED}: the linear part by other pairs" if "carried by" in gauge else UNNAMED


def kink_share(gauge: Gauge) -> float:
    """The gauge coordinate lambda: which share of the main kink sits on its positive side.

    The main kink is the one of the largest mass; its positive side is where the first input with a weight
    counts for more (x1 > x2 for the minimum). NaN where the function is not known, has several outputs, or has
    no kink.
    """
    reduced = gauge.reduced
    if gauge.circuit is None or gauge.form.outputs != 1:
        return math.nan
    mass = np.abs(reduced.plus + reduced.minus)[:, 0]
    # What training left of a kink is no kink: effective weights below this have no gauge either.
    real = mass > SAME_GAUGE * max(reduced.size, TINY)
    if not real.any():
        return math.nan
    return float(np.clip(reduced.shares[int(np.argmax(mass)), 0], 0.0, 1.0)) + 0.0


def census_name(gauge: Gauge) -> str:
    """`gauge_kind` of a gauge.

    Examples:
        >>> from ..networks.network import Network
        >>> from .gauges import gauge_of
        >>> census_name(gauge_of(Network([[[1, -1], [2, 1], [-2, -1], [0, 1], [0, -1]], [[-1, 0.5, -0.5, -0.5, 0.5]]])))
        'unnamed: the linear part by other pairs'
    """
    return gauge_kind(gauge.name or gauge.description, gauge.name is not None, kink_share(gauge))
