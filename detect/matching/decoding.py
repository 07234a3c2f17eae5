"""One feature as a direction of a layer: how it is decoded, how it is written, and what writing it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError, UnknownNameError
from ..features.catalogues import Catalogue
from ..networks.architecture import hook_post
from ..networks.box import BoxLike
from ..networks.network import HasNetwork, Network, as_network
from ..networks.stacks import Stack
from .read_outs import Targets, held_out_errors, targets_for

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Direction:
    """A feature as a direction of one layer's activations h.

    Attributes:
        feature: the feature on its arguments, as `name(arguments)`.
        layer: which non-linear hidden layer, from 0.
        decoder, offset: the read-out `decoder . h + offset`, [units] and a number, in the feature's units.
        encoder: the change of h that raises the read-out by 1, [units]: `D w / (w' D w)` with w the decoder and D
            the neurons' variances, which does not depend on how neurons are scaled (where one neuron
            holds the feature alone, it is that neuron's own change).
        unexplained: held-out 1 - R^2 of the read-out.
        participation: over how many neurons the read-out spreads, `(sum a^2)^2 / sum a^4` for its
            weights a on standardised activations: 1 for one neuron, k for k equal ones.
        neuron, cosine: the neuron with the largest such weight, and the decoder's cosine to it.

    Examples:
        >>> from ..features.task import hand_derived
        >>> found = read_direction(hand_derived("minimum"), "greaterness", ("x1", "x2"))
        >>> found.decoder.round(6) + 0.0, found.neuron, round(found.participation, 6)
        (array([1., 0., 0.]), 0, 1.0)
    """

    feature: str
    layer: int
    decoder: Array
    offset: float
    encoder: Array
    unexplained: float
    participation: float
    neuron: int
    cosine: float

    def __repr__(self) -> str:
        fit = f"1 - R^2 = {self.unexplained:.2g}, over {self.participation:.2g} neurons"
        return f"Direction({self.feature}, layer {self.layer}; {fit}, nearest neuron {self.neuron})"


@dataclass(frozen=True)
class Interchange:
    """What moving a direction between inputs does to the outputs.

    Attributes:
        slope: the outputs' change per unit of the feature [outputs], by least squares over pairs of inputs.
        linear: the share of the outputs' change that the slope explains, at most 1.
        success: `1 - (1 - slope / target)^2` where a target slope was given, else None.

    Examples:
        >>> from ..features.task import hand_derived
        >>> net = hand_derived("absolute")
        >>> effect = interchange_effect(net, read_direction(net, "positiveness", ("x1",)))
        >>> round(effect.slope[0], 6), effect.success
        (1.0, None)
    """

    slope: tuple[float, ...]
    linear: float
    success: float | None = None


def read_direction(
    network: Network | HasNetwork,
    feature: str,
    on: Sequence[str],
    *,
    layer: int = 0,
    box: BoxLike = (-1.0, 1.0),
    catalogue: Catalogue | None = None,
) -> Direction:
    """The read-out of one feature from one layer; whether it is worth anything, `match_directions` says.

    Args:
        network: a Network or anything with `to_network()`.
        feature: short name; on: its arguments, such as `("x1", "x2")` or `("min(x1, x2)",)`.
        layer: which non-linear hidden layer, from 0.
        box: (low, high), or one pair per input.
        catalogue: the features to look for; by default the installed ones.

    Raises:
        UnknownNameError: where the catalogue has no such feature on such arguments here.
        InputError: for a layer that is not there.

    Examples:
        >>> from ..features.task import hand_derived
        >>> read_direction(hand_derived("minimum"), "absolute", ("x1",))
        Direction(absolute(x1), layer 0; 1 - R^2 = 1e-15, over 2 neurons, nearest neuron ...)
    """
    net = as_network(network)
    targets = targets_for(net.inputs, box=box, catalogue=catalogue)
    label = f"{feature}({', '.join(on)})"
    labels = [bound.label for bound in targets.features]
    if label not in labels:
        known = f"{len(labels)} features of {net.inputs} inputs, one of each pair that differs by its sign"
        raise UnknownNameError("read-out", label, labels, known)
    k = labels.index(label)
    fit, test = _activations(net, layer, targets)
    one = Targets(
        targets.X_fit,
        targets.X_test,
        (targets.features[k],),
        targets.fit[:, [k]],
        targets.test[:, [k]],
        targets.key,
        targets.box,
    )
    errors, weights = held_out_errors(fit, test, one)
    share = weights[0, :, 0]
    sd, mean = fit[0].std(axis=0), fit[0].mean(axis=0)
    values = targets.features[k].values(targets.X_test)
    decoder = np.where(sd > 0, share / np.where(sd > 0, sd, 1.0), 0.0) * values.std()
    centre = targets.features[k].values(targets.X_fit).mean()
    written = sd**2 * decoder
    norm = float(decoder @ written)
    length = float(np.sqrt((share**2).sum()))
    return Direction(
        label,
        layer,
        decoder,
        float(centre - mean @ decoder),
        written / norm if norm > 0 else np.zeros_like(written),
        float(errors[0, 0]),
        float((share**2).sum() ** 2 / (share**4).sum()) if length > 0 else 0.0,
        int(np.abs(share).argmax()),
        float(np.abs(share).max() / length) if length > 0 else 0.0,
    )


def interchange_effect(
    network: Network | HasNetwork,
    direction: Direction,
    *,
    box: BoxLike = (-1.0, 1.0),
    target: float | None = None,
    seed: int = 0,
) -> Interchange:
    """Give inputs the feature's value of other inputs, along its encoder, and see what the outputs do.

    `h' = h + encoder (phi(source) - phi(base))` over random pairs (interchange interventions: Geiger et al. 2021, arXiv
    2106.02997). Reported, not judged by: several read-outs w of one feature exist where neurons are
    redundant, and trained networks spread widely (docs/results/measurements.md, Interchanging a direction).

    Args:
        network: a Network or anything with `to_network()`.
        direction: from `read_direction`, of this network.
        box: (low, high), or one pair per input.
        target: the slope that the algorithm would have, e.g. -1 for greaterness in x1 - relu(x1 - x2).
        seed: of the pairing.

    Examples:
        >>> from ..features.task import hand_derived
        >>> net = hand_derived("minimum")
        >>> effect = interchange_effect(net, read_direction(net, "greaterness", ("x1", "x2")), target=-1.0)
        >>> round(effect.slope[0], 6), round(effect.linear, 6), round(effect.success, 6)
        (-1.0, 1.0, 1.0)
    """
    net = as_network(network)
    targets = targets_for(net.inputs, box=box)
    _, test = _activations(net, direction.layer, targets)
    if test.shape[2] != len(direction.encoder):
        raise InputError(
            f"{direction!r} is not of layer {direction.layer} of {net!r}: read it from this network"
        )
    stack, block = Stack.of([net]), net.architecture.active[direction.layer]
    decoded = test[0] @ direction.decoder
    moved = decoded[np.random.default_rng(seed).permutation(len(decoded))] - decoded
    before = stack.after(block, test)[0]
    change = stack.after(block, test + np.outer(moved, direction.encoder)[None])[0] - before
    slope = moved @ change / (moved @ moved)
    total = float((change**2).sum())
    linear = 1.0 - float(((change - np.outer(moved, slope)) ** 2).sum()) / total if total > 0 else 1.0
    success = None if target is None else 1.0 - (1.0 - float(slope[0]) / target) ** 2
    return Interchange(tuple(float(s) for s in slope), linear, success)


def _activations(network: Network, layer: int, targets: Targets) -> tuple[Array, Array]:
    active = network.architecture.active
    if not 0 <= layer < len(active):
        raise InputError(
            f"layer {layer}: {network!r} has {len(active)} hidden layers with an activation, from 0"
        )
    hook = hook_post(active[layer])
    return network.run(targets.X_fit)[hook][None], network.run(targets.X_test)[hook][None]
