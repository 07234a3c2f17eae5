"""What a smaller network may lose on the way: when a neuron is superfluous, a fit exact, two planes one."""

from __future__ import annotations

# Neurons

#: What a neuron may differ from a combination of the others, as a share of what the layer's largest sends on: float32
#: training leaves copies that differ in the sixth digit, and 1e-6 squared is far below any tolerance. Used by
#: compression (redundancy).
SLIGHT = 1e-7
#: The same in networks too large to be fitted, tried in turn. Used by compression (compressing).
COARSE = (1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)

# Losses

#: A kick's network has to come this far below the tolerance on the points it was fitted to, as a share, since unseen
#: ones show more (docs/results/measurements.md, Elimination: 1e-10 at a tolerance of 1e-8). Used by compression
#: (compression_run).
MARGIN = 1e-2
#: While neurons go, a loss at this share of the limit is as good as none; the digits behind it come at the end. Used by
#: compression (elimination).
PRECISION = 1e-8
#: A polish ends at this share of the targets' variance: two decades above what rounding leaves of it. Used by
#: compression (elimination, compression_run).
FINISHED = 1e-28
#: A fit is exact where the mean squared error is this share of the targets' mean square. Used by compression (readable
#: weights).
EXACT_FIT = 1e-18

# Readable weights

#: Two planes that a mean squared error of 1e-8 cannot tell apart differ by up to its cube root, 2e-3, since a sliver of
#: width w between them costs about w^3. Used by compression (readable weights).
CLOSE = 2e-3
#: Precisions at which weights are set to fractions, in turn: the slivers of `CLOSE`, and a fit's own. Used by
#: compression (readable weights).
PRECISIONS = (CLOSE, 1e-5)
