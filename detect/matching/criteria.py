"""The thresholds that say when a neuron holds, uses or has matched a feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

#: Only classes with 1 - r^2 at most this compete: about 4.7 degrees between two ridges (docs/statistics.md, Criteria).
GATE = 1e-2


#: A class that an untrained network matches exactly with more than this probability proves nothing.
VACUOUS = 0.05


#: A neuron is *used* where mean ablation costs at least this share of the output variance (docs/statistics.md,
#: Criteria).
USED = 0.01


#: The false discovery rate, per network, at which a neuron is declared matched.
ALPHA = 0.05


#: A neuron holds a feature where at most this share of its variance is not the feature's (docs/statistics.md,
#: Criteria): about 1.5 degrees between two ridges.
HELD = 1e-3
