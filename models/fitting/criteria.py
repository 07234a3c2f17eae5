"""When a loss cannot fall further, and the small numbers that regimens set by default."""

from __future__ import annotations

#: A mean squared error that double precision cannot lower: the square of its rounding, in the output's units squared.
#: Used by fitting (Levenberg-Marquardt), compression and training (attempts).
LEAST_LOSS = 1e-32
#: Adam's epsilon, in units of the gradient, as in Kingma and Ba (https://arxiv.org/abs/1412.6980). Used by fitting
#: (regimens, the compiled step) and training (modular addition).
ADAM_EPSILON = 1e-8
#: The loss at which a rescue ends: a polish brings it to `SOLVED`. Used by fitting (regimens).
RESCUED = 1e-6
#: The mean squared error, as a share of the targets' variance, below which a deletion stands for the time being, with
#: one hidden layer and with several (docs/results/measurements.md, Elimination). Used by fitting (regimens).
DELETION_STANDS = (1e-6, 1e-5)
