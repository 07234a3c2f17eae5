"""When a circuit of a network is one of the catalogue's, and how precisely its numbers are read.

Shares of variance are 1 - r^2, without a unit; shares of a weight are relative to the largest.
"""

from __future__ import annotations

from ..exact.criteria import SAME_GAUGE

# Functions

#: A template is the network's function where it leaves at most this share of its variance unexplained: what counts as
#: holding a feature (docs/understand/evidence.md, Criteria). How good it is then, the certificate says. Used by
#: recognition (gauges, search).
SAME_FUNCTION = 1e-3
#: A function whose power per value is below this, relative to its largest value squared, is constant: `ROUNDING`
#: squared. Used by recognition (gauges).
FLAT_POWER = 1e-24
#: Added to the unexplained share of a fit with a negative scale, so that of two that fit equally well the one with a
#: positive scale is taken: -x1 is a negation. Used by recognition (gauges).
NEGATIVE_SCALE = 1e-6

#: Two fits whose unexplained shares differ by less are equally good: rounding of 1 - r^2, and far below what tells two
#: functions apart. Used by recognition (search).
SAME_FIT = 1e-7
#: Inputs of a combination may be left out where the squared residual stays below this, or below four times what it was
#: with all of them. Used by recognition (search).
NO_REST = 1e-12
#: A combination whose terms are this many times larger than what is left of them says nothing. Used by recognition
#: (search).
CANCELLATION = 100.0

# Kinks

#: The kink criterion: the share of the variance off the affine functions that the template's own kinks have to account
#: for. Trained networks reach it in 93 to 97 of 100, lazy ones in 2 (docs/results/measurements.md, The kink criterion
#: of trained networks). Used by recognition (search).
SAME_KINKS = 0.99

#: How far a kink of a sum of circuits may lie off the template's, as a share of its effective weight: 1.7 degrees, at
#: which a neuron leaves 1e-3 of its variance unexplained (docs/results/measurements.md, A neuron's null in closed
#: form). Used by recognition (sums).
SAME_KINK = 0.03

# Weights

#: How exactly a form's numbers are meant; what they are off by together is in `certified`. Used by recognition (search,
#: compositions, sums, what was found).
WRITTEN = 1e-3
#: The scale of a part of a sum is a fraction where it is one to this, relative. Used by recognition (sums).
SCALE_DIGITS = 1e-6
#: What is left of the affine part below this share of the largest part is noise: what trained networks leave is far
#: below, another template's share far above. Used by recognition (sums).
LEFT_OVER = 0.02
#: A neuron that a variable moves by at most this share of what it moves the most moved one does not hear it. Used by
#: recognition (compositions).
HEARD = 1e-6
#: A weight of a combination below this share of the largest is not part of it. Used by recognition (variables, search).
ABSENT = 1e-3
#: Terms below this share of the largest are what training left, not part of what recurs: half of what two networks of
#: one gauge may differ by. Used by recognition (candidates).
TRAINING_NOISE = SAME_GAUGE / 2
#: Precisions at which a coefficient that recurs is read as a fraction, in turn, each with its largest denominator.
#: Used by recognition (candidates).
RECURRING_FRACTIONS = ((1e-6, 12), (1e-3, 6), (TRAINING_NOISE, 4))
#: The error up to which a network is unfolded by default, in the output's units. Used by recognition (unfolding).
UNFOLDED = 1e-6
