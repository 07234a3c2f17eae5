"""What counts as rounding, as a draw at its limit and as an error rate: the numbers that every stage shares.

A criterion of one stage alone stands in that stage's own `criteria`.
"""

from __future__ import annotations

# Rounding. Float64 rounds each result by 1e-16 of itself; a few hundred results leave 1e-14, and sums that cancel more.

#: Stands for a divisor that may be zero, in any unit: the smallest power of ten whose reciprocal stays finite with
#: room for factors. Used by every stage that divides by a size, a spread or a sum.
TINY = 1e-300
#: Relative size below which a number that went through a few hundred roundings is what they left: a spread below it
#: is a constant's, a coefficient below it is zero, two values this close are a tie. No unit. Used by every stage.
ROUNDING = 1e-12
#: Relative difference below which two values computed in two ways are the same value, and 1 - r below which two
#: vectors are one: a thousand times what rounding leaves, a thousandth of what tells two functions of the catalogue
#: apart. No unit. Used by every stage that compares functions, and where shares and counts are compared with a bar.
EQUAL = 1e-9
#: Singular values below this share of the largest are rounding, in bases of activations. No unit. Used by matching
#: (kinks) and modular (nulls).
RANK = 1e-10

# Null draws: statistics u = 1 - r^2, a share of variance.

#: A draw below this is an exact match: 1 - r^2 of two parallel float64 vectors of a thousand values is rounding.
EXACT_MATCH = 1e-11
#: Rounding of 1 - r^2 itself; statistics are held above it, so that their logarithm is finite. Used by the tails, and
#: by matching wherever it computes 1 - r^2.
FLOOR = 1e-15

# Verdicts and rates.

#: A feature is absent below the first prevalence and universal above the second (docs/understand/evidence.md,
#: Criteria). Shares of the networks that solve their task. Used by verdicts.
MARGINS = (0.05, 0.95)
#: The level of Fisher's test against the untrained population (docs/understand/evidence.md, Criteria), a probability.
#: Used by verdicts.
FISHER_LEVEL = 0.05
#: Trained and untrained prevalences that are shown to differ by less are equivalent (a vacuous feature), a difference
#: of shares: as wide as the two margins together, so that 72 of 72 beside 71 of 72 is shown to. Used by verdicts.
EQUIVALENT = 0.1
#: The false discovery rate over the rows of one table (docs/understand/evidence.md, What is controlled), a probability.
#: Used by the tables of verdicts, of ladders and of modular addition.
DISCOVERY_RATE = 0.05
