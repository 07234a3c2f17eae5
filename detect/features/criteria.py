"""When a network has solved a task, and when two numbers of a formula are one."""

from __future__ import annotations

#: A network has solved its task below this mean squared error on fresh points (docs/understand/evidence.md, Criteria),
#: in the output's units squared. Used by universality (ladder), learning (diagnosis), models (ensembles, compression)
#: and reports (studies and benchmark).
SOLVED = 1e-8
#: Relative difference below which a number is the decimal or the fraction that it is written as: what reading a
#: decimal and one division leave. Used by features (printing) and recognition (candidates).
SAME_NUMBER = 1e-14
#: Charged for each unit of a denominator when fractions compete, as a distance: 2/4 must not win over 1/2 by its
#: rounding. Used by features (rationals).
PER_DENOMINATOR = 1e-9
#: Points of the box at which a feature, a stated symmetry or a direction is tried: a wrong one shows on some of them.
#: Used by features (features, binding, tasks).
TRIALS = 64
#: Rows of a task on data: each is visited at every reading of every network, a second or so for a thousand networks
#: of a hundred weights. Used by features (rows).
MOST_ROWS = 50_000
#: Largest value beyond which data should be scaled, in the data's units: initial weights and learning rates are made
#: for values near 1, and a loss of values near 1000 starts at 1e6. Used by features (rows).
FAR_FROM_ONE = 100.0
#: Nearest rows from which the noise of data is estimated, as in Jones (2004), "New tools in non-linear modelling and
#: prediction" (ten is his choice), and the fewest rows of which that says anything. Used by features (rows).
NOISE_NEIGHBOURS, NOISE_ROWS = 10, 20
#: Shares of the targets' variance between which the threshold of data lies: a network that explains 0.9999 has solved
#: them however little noise there is, and one that explains less than half has not. Used by features (rows).
SOLVED_SHARE, MOST_NOISE = 1e-4, 0.5
#: Standard deviations that the mean square of the noise is allowed above its estimate: with three, of 300 data sets of
#: 300 rows (three functions of two inputs, noise of 0.1) the function itself counted as solved on 98%. Used by features
#: (rows).
NOISE_MARGIN = 3.0
