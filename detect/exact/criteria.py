"""When two bounds, planes or forms of a network count as one, and how far outward an enclosure is rounded."""

from __future__ import annotations

import math

# Bounds

#: Bounds this close, in the output's units (and relative to an error above 1), count as the maximum itself. Used by
#: exact (certificates, intervals) and programs (the front).
BOUNDS_MEET = 1e-9
#: Two bounds that differ by less than this share are printed as one number of six digits. Used by exact (certificates).
ONE_NUMBER = 1e-5
#: What a product of a few functions is rounded outward by, relative: ten times its rounding. Used by exact (intervals).
OUTWARD = 1e-14
#: What a value near 1 is rounded outward by, absolute: four units in its last place. Used by exact (intervals).
LAST_PLACE = 1e-15
#: No bound is computed where absolute terms exceed this, in the output's units: a few thousand of their products with
#: numbers near 1 are still finite in float64. Used by exact (certificates).
LARGEST_TERMS = 1e300

# Planes

#: A bound on 1 - |cos| of two unit normals below which they may be parallel: what differs by `ROUNDING` lies far below.
#: A screen, not a decision. Used by exact (canonical).
PARALLEL = 1e-14
#: Eigenvalues of a Gram matrix of a few dozen unit normals above this are no rounding. A screen, not a decision: what
#: lies below is looked at by singular values. Used by exact (branch and bound).
INDEPENDENT_NORMALS = 1e-9
#: Unit normals (in units of the box's half-widths) are dependent where a singular value is below 8 units of roundoff:
#: what differs by less turns a pre-activation by less than its rounding `Rounding.tau`, which is at least
#: 2 (3 d + 8) units of its absolute terms. Used by exact (branch and bound).
DEPENDENT_NORMALS = 2.0**-50
#: Pairs of vertices on both sides of a cut that are looked through for edges: about a second and a hundred megabytes.
#: Polytopes of a few dozen facets have some thousands in four dimensions; more comes of rounding. Used by exact (branch
#: and bound).
MOST_VERTEX_PAIRS = 250_000
#: Half-widths of the box within which vertices are taken as one, the first that leaves few: hyperplanes that agree to
#: about 1e-13 leave hundreds of points at each true vertex. Bounds are raised by what it may cost. Used by exact
#: (branch and bound).
SAME_VERTEX = (1e-12, 1e-11, 1e-10)
#: Vertices of a polytope up to which none are taken as one: more than a few dozen hyperplanes make in four dimensions.
#: Used by exact (branch and bound).
MANY_VERTICES = 150
#: The first entry of a unit normal above this gives the normal its sign: rounding must not choose it. Used by exact
#: (canonical, reduced).
LEADING = 1e-6
#: Hyperplanes this close count as one at the reduced level: 5 degrees, in radians, and the same in offset per
#: half-width of the box. Trained pairs are never quite antiparallel (docs/results/measurements.md, Circuit similarity).
#: Used by exact (reduced).
SAME_HYPERPLANE = math.radians(5.0)

# Forms

#: A network has the catalogue's gauge where no effective weight is off by more than this, relative to the largest of
#: the circuit's first implementation: the share lambda of trained networks counts as 0 or 1 within 0.05 of it
#: (docs/results/measurements.md, Circuit similarity). Used by exact (uniqueness), recognition and studies.
SAME_GAUGE = 0.05
#: An atom whose residual off the affine functions is below this share of its variance is an affine part that happens to
#: have a kink in a corner of the box (docs/results/measurements.md, Circuit similarity; reduced level only). Used by
#: exact (reduced).
AFFINE_RESIDUAL = 0.01
#: Effective weights below this share of the largest are not written down. Used by exact (reduced).
SILENT = 1e-6
#: Coefficients are written to this share of the largest: four digits, what trained weights are good for. Used by exact
#: (reduced).
WRITTEN_DIGITS = 1e-4

# Least norms

#: The gap at which the solver of a least norm may stop, of a problem whose sizes add up to 1: well below the 1e-9 to
#: which values are asked for, well above float64. The bounds are proved afterwards. Used by exact (norms).
SOLVER_GAP = 1e-11
#: A multiplier this close to the boundary of its ball (radius 1) is on it, and one this close to orthogonal to a kink
#: is that: far above the solver's error (1e-8 in a point where the gap is 1e-11), far below the angles between trained
#: neurons. Used by exact (norms).
ON_BOUNDARY = 1e-5
#: Shares of a kink, between -1 and 1, that differ by less are one: what training leaves undecided is wider. Used by
#: exact (norms).
SAME_SHARE = 1e-4
