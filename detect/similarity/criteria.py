"""When two atoms of a mechanism are alike, and when rows have no similarity structure to compare."""

from __future__ import annotations

#: The shape deficit 1 - r at which the kernel is 1/e: about 9 degrees between ReLU neurons at d = 2. Used by similarity
#: (mechanisms of one hidden layer and of several).
TAU = 0.02
#: All rows are equally far apart (one-hot rows are) where a layer's own HSIC, of terms below 1, is at most this: their
#: rounding. Used by similarity (representations).
EQUIDISTANT = 1e-13
