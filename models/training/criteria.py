"""When a training is over: the loss at which a polish is done, the accuracy at which a network has grokked."""

from __future__ import annotations

#: The mean squared error below which a polish is done: errors of 1e-12, near what double precision holds. Used by
#: training (attempts).
POLISHED = 1e-24
#: A network has grokked above this accuracy on the pairs that it was not trained on, a share. Used by training (modular
#: addition) and the report on it.
GROKKED = 0.99
