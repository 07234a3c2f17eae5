"""When a neuron of a network that composes in a group is active, when it holds one irrep, and what rounding may be."""

from __future__ import annotations

#: A neuron is of a single irrep (modulo p: frequency) where that irrep has this share of its input power. Trained
#: neurons lie near 1, untrained ones near the irrep's share of the dimensions (docs/figures.md, Modular addition). A
#: share; threshold curves stand beside it. Used by groups (readings), modular and their pages.
SINGLE = 0.9
#: Active neurons carry this share of what all neurons write into the logits, summed as variances: those left out
#: together change the logits by a hundredth of their variance, which is what one neuron must do to be *used*
#: (docs/understand/evidence.md, Criteria). Used by groups (neurons) and modular.
ACTIVE = 0.99
#: Characters are orthonormal and representations multiplicative up to this, an absolute error: a million times what
#: rounding leaves in sums over a hundred elements. Used by groups (characters, representations).
REPRESENTATION = 1e-10
#: Coset shares at least this large are those of functions constant on cosets, a share of variance: a vector within 13
#: degrees of one that the subgroup fixes. The blind share stands beside every count. Used by groups (circuits).
COSET = 0.95
#: The level at which a neuron's coset share is above that of blind directions, a probability. Used by groups
#: (circuits).
BLIND = 0.05
#: The largest share of a table's entries that may be wrong for its group still to be sought, a share of the pairs: rows
#: and columns are permutations, so that each wrong entry is seen twice. Used by groups (recovery).
WRONG = 0.1
