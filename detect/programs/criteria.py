"""How far a program may be off its network, and when a row of it is zero."""

from __future__ import annotations

#: The certified distance from its task up to which a solved network is the task, in the output's units. Used by the
#: table of regimens and by their benchmark.
PROGRAM_ERROR = 5e-3
#: The error up to which a program is written by default, as a share of an output's range on the box: 0.01 for the
#: minimum of two inputs on [-1, 1]. Used by programs.
PROGRAM_SHARE = 5e-3
#: The share of an output's variance that a formula may leave; one that leaves more says nothing of it, whatever its
#: error in units. Used by programs.
VARIANCE_LEFT = 0.01
#: An output that varies by less of its size is a constant up to rounding. Used by programs.
FLAT_OUTPUT = 1e-9
#: A formula that is off by less than this share of the tolerance is the network up to rounding. Used by programs.
SHARP = 1e-6
#: An error is less than another only beyond rounding, relative. Used by programs (the front).
CLOSER = 1e-9
#: A feature of which this share of its square is left beside the others is not told apart from them. Used by programs
#: (sums of features).
LINEARLY_APART = 1e-12
#: What a deeper row may miss of its pre-activation, relative, tried in turn: rounding, a trained network's noise, and
#: more. Used by programs (the form in atoms).
MISSES = (1e-9, 1e-3, 1e-2, 3e-2)
#: A column of which the others leave at most this share of its square adds nothing but its rounding: half the digits of
#: a float. Used by programs (the form in atoms).
SPANNED = 1e-16
#: A constant of a proposed formula below this is the rounding of a longer text: nine digits are printed. Used by
#: programs (symbolic regression).
VANISHING = 1e-9
#: Nodes of branch and bound for each candidate of a network without a formula, and for the one that is told: a tenth of
#: a second and most of one at four inputs and 36 neurons, where 250 nodes prove two to three times the error that 3000
#: do. Nodes and not seconds, so that the machine's load hardly matters. Used by programs (the nearest, the front).
LOOK_NODES, NEAREST_NODES = 250, 2000
