"""When two atoms of a mechanism are alike, and when rows have no similarity structure to compare."""

from __future__ import annotations

#: The shape deficit 1 - r at which the kernel is 1/e: about 9 degrees between ReLU neurons at d = 2. Used by similarity
#: (mechanisms of one hidden layer and of several).
TAU = 0.02
#: All rows are equally far apart (one-hot rows are) where a layer's own HSIC, of terms below 1, is at most this: their
#: rounding. Used by similarity (representations).
EQUIDISTANT = 1e-13
#: The length of a one-sided kink's normal beside its unit shape. No unit. Kinks that share no side are 2 apart there
#: then, and those of one side and of both are 1: exp(-4) = 0.02 alike at the usual tau; a share that is off by 0.05,
#: which counts as the same gauge (exact), leaves 0.96. Used by similarity (kink measures).
SIDE = (8 * TAU) ** 0.5
#: A part (kinks, or affine) whose variance is below this share of the output's is compared against that share: 0.3% of
#: the output's standard deviation, below what training leaves of a part that the function does not have, above
#: rounding. No unit. Used by similarity (mechanisms).
FAINT_PART = 1e-5
#: How often kinks are matched with what their nearer partners left; one round settles pairs that stand alone. A count.
#: Used by similarity (kink measures).
MATCHING_ROUNDS = 20
