"""How far a program may be off its network, and when a row of it is zero."""

from __future__ import annotations

#: The error up to which a program is written by default, and the certified distance from its task up to which a solved
#: network is the task, in the output's units. Used by programs, by the table of regimens and by their benchmark.
PROGRAM_ERROR = 5e-3
#: What a deeper row may miss of its pre-activation, relative, tried in turn: rounding, a trained network's noise, and
#: more. Used by programs (the form in atoms).
MISSES = (1e-9, 1e-3, 1e-2, 3e-2)
#: A column of which the others leave at most this share of its square adds nothing but its rounding: half the digits of
#: a float. Used by programs (the form in atoms).
SPANNED = 1e-16
