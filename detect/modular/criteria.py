"""When a neuron of a network that adds modulo p is active, and when it has a single frequency."""

from __future__ import annotations

#: A neuron is of a single frequency where that frequency has this share of its input power. Trained neurons lie near 1
#: and untrained ones near 0.2 (docs/figures.md, Modular addition). Used by modular (fourier) and the page.
SINGLE = 0.9
#: Active neurons carry this share of what all neurons write into the logits, summed as variances: those left out
#: together change the logits by a hundredth of their variance, which is what one neuron must do to be *used*
#: (docs/understand/evidence.md, Criteria). Used by modular (nulls).
ACTIVE = 0.99
