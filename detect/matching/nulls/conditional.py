"""The conditional null: each neuron keeps its own offset, and its direction alone is redrawn.

Whether biases are zero, small or large is no evidence of a feature, yet the simulated null (`neuron_nulls.py`) redraws
them with the weights. Of untrained networks whose biases are zero half would then have a "match": one coincidence less
is needed than the null believes. So a neuron z = w.x + b is compared with neurons that have its offset b / |w| and
another direction w / |w|. Where its activation has a scale (tanh, ReLU6) they have its |w| as well. The statistic stays
the gated minimum T over classes; p = P(T <= t | offset).

- *First layer.* The law of T is found by importance sampling around the catalogue's directions (`sphere.py`), to a few
  per cent at any depth; nothing is extrapolated. b is taken at the point of the box that is nearest to the origin.
- *Behind another layer.* The variables are the layer below's own activations, each divided by its standard deviation,
  so that rescaling a neuron changes nothing. Directions are plain draws, with a generalised Pareto tail; no q rests
  on a p below 1 / (draws + 1). The larger of this p and the simulated null's counts: of untrained networks with one
  input and two hidden layers of 64 neurons two thirds had a match in the second by this p alone.

Dead and affine draws leave the null as they leave the test. A first layer without biases and with a homogeneous
activation has offset 0 and no scale: there both nulls are one law, and the simulated one is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...networks.architecture import Architecture
from ..correlations import upstream_of
from ..probes import Probes
from .deep_layer import deep_layer, deep_layer_draws
from .draws import Draws
from .first_layer import attained, first_layer, first_layer_draws, homogeneous
from .incoming import Evidence, Incoming
from .names import NullName
from .neuron_nulls import NeuronNull, atoms_of, largest_p

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def evidence(
    nulls: Sequence[NeuronNull],
    laws: Sequence[str],
    unexplained: Array,
    tested: Bools,
    incoming: Incoming,
    architecture: Architecture,
    block: int,
    probes: Probes,
    null: NullName = "conditional",
) -> Evidence:
    """What the matches of one block's neurons are worth.

    Args:
        nulls: the simulated null of the block under each of the laws; they rank the classes under either null.
        unexplained: 1 - r^2 of the best feature of each class [networks * units, C].
        tested: the live and bent neurons [networks * units].
        incoming: their weights, biases and variables.
        architecture: the networks' shape; block: index of the hidden layer.
        probes: the inputs and features.
        null: `"conditional"` keeps each neuron's offset, `"unconditional"` draws whole untrained neurons.
    """
    p, winner = largest_p(nulls, unexplained)
    # A p of 1 needs no draw.
    draws = np.where(p < 1.0, float(min(law.draws for law in nulls)), np.inf)
    found = Evidence(p, winner, atoms_of(nulls)[winner], draws)
    asked = np.flatnonzero(tested & (p < 1.0))
    if null == "unconditional" or _one_law(architecture, block) or not len(asked):
        return found
    activation = architecture.null_activations[block]
    if incoming.variables is None:
        parts = first_layer(nulls, laws, unexplained, asked, incoming, activation, probes)
    else:
        upstream = upstream_of(architecture, block)
        parts = deep_layer(nulls, laws, unexplained, asked, incoming, activation, probes, upstream)
    for at, part in parts:
        # Behind another layer the draws spread alike over variables that an untrained neuron reads unevenly, and so
        # resemble fewer features than it does where the variables are many and the inputs few: the simulated null's p
        # counts as well, where it is larger.
        found.p[at] = part.p if incoming.variables is None else np.maximum(part.p, found.p[at])
        found.winner[at], found.exact[at] = part.winner, part.exact
        found.draws[at] = part.draws
    return found


def draws_of(
    nulls: Sequence[NeuronNull],
    laws: Sequence[str],
    weights: Array,
    bias: float,
    below: Array | None,
    architecture: Architecture,
    block: int,
    probes: Probes,
    null: NullName = "conditional",
) -> list[Draws] | None:
    """The neurons that one neuron's match is compared with, under each law; None where those are the simulated ones.

    Args:
        weights: of the neuron [m]; bias: its own.
        below: the activations of the layer below on the probes [n, m]; None in the first layer.
        nulls, laws, architecture, block, probes, null: as for `evidence`.
    """
    if null == "unconditional" or _one_law(architecture, block):
        return None
    activation = architecture.null_activations[block]
    if below is None:
        return first_layer_draws(nulls, laws, weights, bias, activation, probes)
    upstream = upstream_of(architecture, block)
    return deep_layer_draws(nulls, laws, weights, bias, below, activation, probes, upstream)


def _one_law(architecture: Architecture, block: int) -> bool:
    """Whether there is neither an offset nor a scale to keep."""
    return block == 0 and not architecture.bias[0] and homogeneous(architecture.null_activations[0])


def smallest_p(
    simulated: NeuronNull,
    law: str,
    architecture: Architecture,
    block: int,
    probes: Probes,
    null: NullName = "conditional",
) -> Array:
    """The p of a neuron at 1 - r^2 = 1e-6, per class [C].

    In the first layer it is that of a neuron at the offset of the class's own features; behind another layer, where the
    conditional null depends on the network, the simulated null's.

    Args:
        simulated: the simulated null under the law.
        architecture: the networks' shape; block: index of the hidden layer.
        probes: the inputs and features.
        null: `"conditional"` or `"unconditional"`.
    """
    activation = architecture.null_activations[block]
    if null == "unconditional" or block or not architecture.bias[0] or not homogeneous(activation):
        return simulated.attainable()
    return attained(simulated, law, activation, probes)
