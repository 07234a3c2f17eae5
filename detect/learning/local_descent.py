"""Whether a network, left to itself, would still reach its task's solution: cautious local steps.

A trained network that failed either needs more steps or is in a basin without a solution. To tell, follow its loss down
from where it is: by gradient steps while they get on, then by Levenberg-Marquardt steps (as in
`mathcircuits.models.fitting.levenberg`, written again in numpy: this package does without torch) that may not do
what gradient descent does not do either:

- Gradient flow conserves |v|^2 - |w|^2 - b^2 for every neuron of ReLU or leaky ReLU with incoming weights w, bias b
  and outgoing weights v (Du, Hu and Lee 2018, https://arxiv.org/abs/1806.00900). So where the outgoing weights are the
  longer ones they never pass through 0 and keep their sign, and where the incoming ones are longer those never do: no
  step may turn the longer one by 90 degrees or more.
- A step may not move any neuron by more than half its own length, so that none jumps over a ridge of the loss.

On six tasks at minimal width (the notebook's plain SGD, seeds 100 to 199, which chose none of the constants here) these
steps, taken from the initial weights, foretell the end of training for 93 to 100 in 100; plain Levenberg-Marquardt
for 64 to 93, the commoner outcome for 52 to 66.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..networks.nonlinearities import leaky_slope
from ..networks.parameter_layout import ParameterLayout
from ..networks.stacks import Stack

Array = npt.NDArray[np.float64]
#: The damping at the start, in units of the mean of J'J's diagonal: at 1 the first steps are nearly the gradient's.
DAMPING = 1.0
#: Its factors after a step that was taken and one that was refused. Slower than a polish (0.2): the path matters here.
TAKEN, REFUSED = 0.5, 5.0
#: Its range. Below, J'J of a network with positive rescalings is singular to rounding; above, steps are lost in it.
SMALLEST, LARGEST = 1e-10, 1e10
#: The longest step of a neuron, in lengths of its own incoming and outgoing weights.
LONGEST = 0.5
#: What is left of weights that would have turned their sign: enough to go on, and on the same side.
LEFT = 0.1
#: Gradient steps at the start, at the notebook's rate, while every `CHECKED` of them lower the loss by the share
#: `PROGRESS`; none is longer than a tenth of all parameters. Far from a minimum second-order steps take another way
#: than the gradient's: of 200 networks put wrong by surgery and judged by small batches 15 came out otherwise without
#: them, 6 with them. (Of 300 judged by full batches, which rest on saddles, it was 9 without and 12 with them.)
GRADIENT_STEPS, RATE, CHECKED, PROGRESS = 100, 0.1, 10, 0.01
#: A descent that gains less than this share of its loss over `PATIENCE` tries has arrived at a minimum.
GAIN, PATIENCE = 1e-4, 25


@dataclass(frozen=True, eq=False)
class Descent:
    """Where the local steps led.

    Attributes:
        stack: the networks at the end.
        losses: mean squared error [networks] on the points given.
        tries: steps tried [networks], taken or not.
    """

    stack: Stack
    losses: Array
    tries: npt.NDArray[np.int64]


def slopes_of(names: tuple[str, ...]) -> tuple[float, ...] | None:
    """The slope below zero of each hidden layer; None where one is not piecewise linear.

    Examples:
        >>> slopes_of(("relu", "leaky_relu")), slopes_of(("tanh",))
        ((0.0, 0.01), None)
    """
    found = [{"relu": 0.0, "identity": 1.0}.get(name, leaky_slope(name)) for name in names]
    slopes = tuple(slope for slope in found if slope is not None)
    return slopes if len(slopes) == len(found) else None


def descend(stack: Stack, X: Array, Y: Array, goal: float, tries: int) -> Descent:
    """Follow the loss of every network down by cautious local steps, each on its own.

    Args:
        stack: networks of ReLU, leaky ReLU or linear layers.
        X: inputs [n, d]; Y: targets [n, outputs].
        goal: the loss at which a network is left as it is.
        tries: steps tried at most.

    Examples:
        >>> from ..networks.network import Network
        >>> X = np.linspace(-1, 1, 64)[:, None]
        >>> starts = [Network([[[1.0], [w]], [[0.5, 0.7]]]) for w in (-0.5, 0.5)]
        >>> found = descend(Stack.of(starts), X, np.abs(X), 1e-12, 60)
        >>> (found.losses < 1e-10).tolist()  # two neurons on one side of 0 are no absolute value
        [True, False]
    """
    slopes = slopes_of(stack.architecture.activations)
    assert slopes is not None  # the caller asks `slopes_of` first
    layout = ParameterLayout(stack.architecture)
    p = layout.joined(stack)
    x, y = X.T[None], Y.T[None]
    out_is_longer = [(v * v).sum(2) > (u * u).sum(2) for u, v in layout.neurons(p)]
    nets, size = p.shape
    _follow_gradient(layout, p, slopes, x, y)
    eye = np.eye(size)
    damping, losses = np.full(nets, DAMPING), np.full(nets, np.inf)
    before, tried = np.full(nets, np.inf), np.zeros(nets, dtype=np.int64)
    H, g = np.zeros((nets, size, size)), np.zeros((nets, size))
    active = moved = np.arange(nets)
    passed = forward(*layout.split(p), slopes, x)
    for step in range(tries):
        if len(moved):
            residual, J = residuals_and_jacobian(layout, p[moved], passed, y)
            H[moved] = J @ J.transpose(0, 2, 1)
            g[moved] = (J @ residual[:, :, None])[:, :, 0]
            losses[moved] = (residual**2).mean(axis=1)
        mean = np.einsum("nii->n", H) / size
        going = (losses[active] > goal) & (damping[active] < LARGEST) & (mean[active] > 0)
        if step % PATIENCE == 0:
            going &= losses[active] < (1 - GAIN) * before[active]
            before[active] = losses[active]
        active = active[going & np.isfinite(losses[active])]
        if not len(active):
            break
        tried[active] += 1
        damped = H[active] + (damping[active] * mean[active])[:, None, None] * eye
        new = p[active] + np.linalg.solve(damped, -g[active][:, :, None])[:, :, 0]
        near = _hold(layout, p[active], new, [longer[active] for longer in out_is_longer])
        tried_pass = forward(*layout.split(new), slopes, x)
        found = ((tried_pass.outputs - y) ** 2).mean(axis=(1, 2))
        better = near & (found < losses[active])
        moved, passed = active[better], tried_pass.of(better)
        p[moved], losses[moved] = new[better], found[better]
        damping[active] = np.maximum(damping[active] * np.where(better, TAKEN, REFUSED), SMALLEST)
    return Descent(layout.stack(p), losses, tried)


def _follow_gradient(
    layout: ParameterLayout, p: Array, slopes: tuple[float, ...], x: Array, y: Array
) -> None:
    """Plain gradient descent, in `p` itself, for as long as it gets on."""
    active, before = np.arange(len(p)), np.full(len(p), np.inf)
    for step in range(GRADIENT_STEPS):
        weights, biases = layout.split(p[active])
        passed = forward(weights, biases, slopes, x)
        if step % CHECKED == 0:
            losses = ((passed.outputs - y) ** 2).mean(axis=(1, 2))
            going = losses < (1 - PROGRESS) * before[active]
            before[active] = losses
            if not going.any():
                return
            active, passed = active[going], passed.of(going)
            weights = [w[going] for w in weights]
        delta = (passed.outputs - y) * (2 / (y.shape[1] * y.shape[2]))
        slope = np.empty((len(active), layout.size))
        for k in reversed(range(len(weights))):
            slope[:, layout.weights[k]] = delta @ passed.layers[k].transpose(0, 2, 1)
            own = layout.biases[k]
            if own is not None:
                slope[:, own] = delta.sum(axis=2)
            if k:
                delta = (weights[k].transpose(0, 2, 1) @ delta) * passed.derivatives[k - 1]
        length = np.linalg.norm(slope, axis=1, keepdims=True)
        longest = LEFT * np.linalg.norm(p[active], axis=1, keepdims=True)
        p[active] -= np.minimum(RATE, longest / np.maximum(length, np.finfo(float).tiny)) * slope


class Pass(NamedTuple):
    """A forward pass of many networks.

    Attributes:
        outputs: [net, out, n].
        layers: the activations before each linear layer [net, unit, n]; the first are the inputs, for all networks
            the same or one each.
        derivatives: of the hidden activations [net, unit, n].
    """

    outputs: Array
    layers: list[Array]
    derivatives: list[Array]

    def of(self, chosen: npt.NDArray[np.bool_]) -> Pass:
        """That of some of the networks."""
        if chosen.all():
            return self
        first, *rest = self.layers
        return Pass(
            self.outputs[chosen], [first, *(a[chosen] for a in rest)], [d[chosen] for d in self.derivatives]
        )


def forward(weights: list[Array], biases: list[Array | None], slopes: tuple[float, ...], x: Array) -> Pass:
    """The forward pass at points x [1, d, n]."""
    a, layers, derivatives = x, [], []
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        layers.append(a)
        z = w @ a
        if b is not None:
            z += b[:, :, None]
        if k == len(weights) - 1:
            a = z
        else:
            derivatives.append(np.where(z > 0, 1.0, slopes[k]))
            a = np.multiply(derivatives[-1], z, out=z)
    return Pass(a, layers, derivatives)


def residuals_and_jacobian(layout: ParameterLayout, p: Array, passed: Pass, y: Array) -> tuple[Array, Array]:
    """Residuals [net, outputs * n] and their derivatives by the parameters [net, size, outputs * n].

    Args:
        layout: of the parameters p [net, size]; passed: their forward pass; y: the targets [1, out, n].
    """
    nets, outputs, n = passed.outputs.shape
    weights = layout.split(p)[0]
    # [net, unit, output, sample]: the derivative of every output by what goes into a layer's units
    delta = np.broadcast_to(np.eye(outputs)[None, :, :, None], (nets, outputs, outputs, n))
    J = np.empty((nets, layout.size, outputs, n))
    for k in reversed(range(len(weights))):
        rows, into = layout.weights[k].shape
        start = int(layout.weights[k][0, 0])
        own = J[:, start : start + rows * into].reshape(nets, rows, into, outputs, n)
        np.multiply(delta[:, :, None], passed.layers[k][:, None, :, None], out=own)
        bias = layout.biases[k]
        if bias is not None:
            J[:, bias] = delta
        if k:
            back = weights[k].transpose(0, 2, 1) @ delta.reshape(nets, delta.shape[1], -1)
            delta = back.reshape(nets, -1, outputs, n) * passed.derivatives[k - 1][:, :, None]
    return (passed.outputs - y).reshape(nets, -1), J.reshape(nets, layout.size, -1)


def _hold(
    layout: ParameterLayout, old: Array, new: Array, out_is_longer: list[npt.NDArray[np.bool_]]
) -> npt.NDArray[np.bool_]:
    """Hold what may not turn, in `new` itself; returns which networks' steps are short enough [net]."""
    near = np.ones(len(new), dtype=bool)
    for (into, out), longer in zip(layout.places, out_is_longer, strict=True):
        for columns, held in ((out, longer), (into, ~longer)):
            before, after = old[:, columns], new[:, columns]
            turned = held & ((before * after).sum(2) <= 0)
            new[:, columns] = np.where(turned[:, :, None], LEFT * before, after)
        both = np.hstack([into, out])
        moved = ((new[:, both] - old[:, both]) ** 2).sum(2)
        near &= (moved <= LONGEST**2 * (old[:, both] ** 2).sum(2)).all(axis=1)
    return near
