"""The thresholds of the rungs of the ladder, and of the effect of a task's kink."""

from __future__ import annotations

#: What holds for more than two thirds of the pairs is the condition's verdict, a share: the largest simple fraction
#: that 20 networks of one condition (10 disjoint pairs, all alike: 0.69 to 1) can settle. 0.95 takes 144 networks. Used
#: by universality (ladder).
MAJORITY = 2 / 3
#: The circuit similarities from which on two networks use the same mechanism, and up to which not
#: (docs/understand/evidence.md, Criteria). Used by universality (rungs).
SAME_CIRCUIT, OTHER_CIRCUIT = 0.9, 0.3
#: Two networks that solve one task, each to a mean squared error e, differ by at most 4 e in theirs (the triangle
#: inequality for its root): a multiple of the loss of a solved network. Used by universality (rungs).
LOSSES_APART = 4.0
#: What so many of the pairs of networks that learned nothing stay below is more than they reach, a quantile; what all
#: but so many exceed is less. Used by universality (rungs).
NOTHING_REACHES = 0.95
#: More features are shared than not: a Jaccard index. Used by universality (rungs).
SAME_FEATURES = 0.5
#: The step across a hyperplane by which a task's kink is felt, in the inputs' units, and the least jump of slope that
#: counts, in the output's units per input's: a piecewise-linear function's second difference is 0 off its kinks, there
#: step times jump. Used by universality (orbits).
KINK_STEP, KINK_JUMP = 1e-6, 1e-3
#: Two chains of a fibre disagree where a difference as large as theirs has at most this probability, adjusted for the
#: number of statistics. Used by universality (fibres).
CHAINS_DISAGREE = 0.01
#: A chain of a fibre with fewer effective families says little about shares, and two such chains may agree by chance: a
#: count. Used by universality (fibres).
FEWEST_FAMILIES = 5.0
#: A median path norm within this share of the least one is the least norm: what networks trained with decay come to
#: (docs/understand/normalform.md, The least norm). A fibre at that norm would have the form that the least norm selects
#: by construction. Used by universality (nulls of functions).
AT_LEAST_NORM = 0.01
