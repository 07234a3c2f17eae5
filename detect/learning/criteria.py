"""The thresholds of the causes of failure, used by `failure_causes`."""

from __future__ import annotations

#: r^2 of two activations from which the neurons do the same work: bias-free in two dimensions 22 degrees, half of what
#: lies between a circuit's own features (greaterness and positiveness: 45 degrees, 0.38; the kinks of clip: 0.56), so
#: that neurons that are merging but have not merged are found.
SAME_WORK = 0.8
#: The best multiple of a neuron's outgoing weights below which their sign is wrong. It is 1 at a minimum and -1 for a
#: sign that was turned; where a neighbour is missing, it can fall to 0 and a little below.
WRONG_SIGN = -0.5
#: Share of the target's spread by which a neuron that is used moves the output: 1% of the variance, as `USED` of
#: matching asks of the output's own (docs/understand/evidence.md, Criteria).
MOVES_OUTPUT = 0.1
#: r^2 from which a kink is in its place: the gate of a match (docs/understand/evidence.md, Criteria), about 4.7
#: degrees.
IN_PLACE = 0.99
#: Kinks whose effect on the function is below this share of its scale on the box are not named.
NAMED_KINK = 0.05
