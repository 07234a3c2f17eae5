"""The thresholds that say when a neuron holds, uses or has matched a feature, and when a layer can be read.

Shares of variance are 1 - r^2 or 1 - R^2, without a unit.
"""

from __future__ import annotations

# Neurons

#: Only classes with 1 - r^2 at most this compete: about 4.7 degrees between two ridges (docs/understand/evidence.md,
#: Criteria). Used by matching (neurons, their null, mixtures, components) and the benchmark.
GATE = 1e-2
#: A neuron holds a feature where at most this share of its variance is not the feature's (docs/understand/evidence.md,
#: Criteria): about 1.5 degrees between two ridges. Two neurons that are as near one another are one feature, split.
#: Used by matching (ablation), universality, learning (emergence), studies and pages.
HELD = 1e-3
#: A neuron is *used* where mean ablation costs at least this share of the output variance (docs/understand/evidence.md,
#: Criteria). Used by modular, universality, studies and pages.
USED = 0.01
#: Of neurons that are one feature, split, one that carries less than this share of an equal part of its effect is none
#: of them, and is ablated alone: a unit without outgoing weights is not used because its twin is. Used by matching
#: (ablation).
LEAST_PART = 0.1
#: The false discovery rate at which something is declared found in one network: over its neurons, over its undecided
#: neurons for mixtures, over the features read out, over the active neurons of modular addition
#: (docs/understand/evidence.md, What is controlled). A probability. Used by matching, modular and the benchmark.
ALPHA = 0.05
#: A class that an untrained network matches exactly with more than this probability proves nothing. Used by matching
#: (neurons) and the benchmark.
VACUOUS = 0.05
#: What training can reach: attainability is the p that a neuron at this 1 - r^2 would get. Used by the null of neurons.
REACHED = 1e-6
#: A neuron is a copy of an earlier one where scaling that one leaves at most this share of its square: training
#: reaches about 1e-6, 0.05 degrees between two ridges. Used by matching (neurons).
COPY = 1e-6
#: A smooth neuron is live where its values range over more than this on the probes, and an upstream feature exists
#: where the norm of its values, over variables of variance 1, is above it; both absolute, in units of activation.
#: Used by matching (correlations).
SPREAD = 1e-9

# Matches by weights, used by matching (weights)

#: The share of the level that goes to matches by the weights of the layer below, where a neuron is compared with the
#: features of the inputs as well: their p, 1e-10 and less where there is something to find, can be divided by it, and
#: the other p stay what they are, within the 3% to which their own null is known.
WEIGHTS_LEVEL = 0.01
#: A feature of the inputs keeps its neuron at this p and `HELD`, however sparse the neuron's weights are: it says more
#: than one of the variables below. A thousandth of untrained neurons has such a p.
INPUTS_FIRST = 1e-3

# Mixtures, used by matching (mixtures)

#: A mixture leaves at most this share of the pre-activation's variance (docs/understand/evidence.md, Mixtures: R^2 >=
#: 0.999).
UNEXPLAINED = 1e-3
#: The least effective number of features, a count (docs/understand/evidence.md, Mixtures): shares of 0.79 and 0.21
#: reach it.
EFFECTIVE = 1.5
#: A feature with a smaller share is fitted noise: 5% of noise on 512 probes gives spurious shares of 0.004. A variable
#: with a smaller share of a pattern's weights is none of its variables. Used by mixtures and matches by weights.
SMALLEST_SHARE = 0.02
#: Unit vectors whose Gram determinant is below this are dependent, so that a mixture of them has no coefficients.
DEPENDENT = 1e-8

# Directions and layers

#: Held-out 1 - R^2 at which a feature counts as read, and how many decades below untrained networks' median it has to
#: lie (docs/results/measurements.md, Directions: together with `ALPHA` they remove every control feature). Used by
#: matching (directions, superposition) and studies.
READ, DECADES = 1e-3, 1.0
#: Singular values below this share of the largest are no dimension of a trained layer: training reaches about 1e-6.
#: Used by matching (components) and recognition (combinations of variables).
TRAINED_RANK = 1e-6

# Kinks, used by matching (the kink criterion)

#: A network passes where the matched kinks explain this share of the output's bent part (docs/results/measurements.md,
#: The kink criterion of trained networks: 95% of trained minimum networks reach it), and more than in 95% of lazy
#: networks.
PASS = 0.99
#: The 1 - r^2 at which a neuron counts as matched: the first of these at which few lazy networks reach `PASS`. With
#: enough random directions some fall on the catalogue's: of bias-free networks of width 32 a quarter would do so at
#: 1e-3. Training reaches 1e-7 and better.
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 3e-7)
#: An output whose bent part has at most this share of its square is affine up to rounding.
AFFINE_OUTPUT = 1e-18
#: Below this coth(a) - 1/a is a/3 to half the digits of a float, and the difference would lose more. Used by rare
#: neurons.
SERIES = 1e-4
#: A weight that is left where copies of a variable cancel, beside the layer's largest: rounding. Used by weight
#: patterns.
CANCELLED_WEIGHT = 1e-12

# Layers that were pruned or quantised, used by the null of constructed layers

#: A layer of fewer weights shows no construction: what it has may have been learned and rounded. A count; five neurons
#: of two inputs have fewer.
SMALLEST_LAYER = 12
#: Pruned: at least this share of a layer's weights is exactly 0. Eight neurons of two to six inputs of which three hold
#: one exact feature each stay below it.
PRUNED_SHARE = 1 / 3
#: So many rows of weights of several sizes on one grid, or beside exact zeros, are no rounding by hand; a count.
MIXED_ROWS = 4
#: Quantised to values of no common step: at least this share of the weights repeats another's size, which weights of
#: floating point do not.
TIED_SHARE = 0.25
