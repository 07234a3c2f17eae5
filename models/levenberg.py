"""Levenberg-Marquardt for many small networks at once: the last digits, and for the smallest the whole training.

Every network has its own Jacobian, damping and acceptance; the Jacobians of all are one tensor, and so are the
normal equations, in double precision. Marquardt 1963 (https://doi.org/10.1137/0111030): with residuals r and
Jacobian J, the step solves (J'J + lambda m 1) s = -J'r, where m is the mean of J'J's diagonal, so that lambda has
no unit. A step that lowers the loss is taken and lambda shrinks, any other one is refused and lambda grows.
Marquardt's own scaling, each parameter by its entry of the diagonal, moves neurons that are nearly dead far and
kills more of them: of 500 seeds at minimal width it solves minimum in 58% instead of 73%, identity in 24% instead
of 36%, addition alike. ReLU's derivative is the one almost everywhere; at the kink it is 0.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mathcircuits.detect import InputError, Network, Task
from mathcircuits.detect.network import as_network
from mathcircuits.detect.sequences import several
from mathcircuits.detect.task import as_task

from .config import MLPConfig

if TYPE_CHECKING:
    from .ensemble import Ensemble

Array = npt.NDArray[Any]
#: The damping at the start, and its factors after a step that was taken and one that was refused: the prototype's
#: (regimens.md, section "Recommended regimen").
DAMPING, TAKEN, REFUSED = 1e-3, 0.2, 5.0
#: The damping's range: below, the equations are Gauss-Newton's to rounding; above, a step is lost in rounding.
SMALLEST, LARGEST = 1e-15, 1e12
#: A mean squared error that double precision cannot lower: the square of its rounding.
EXACT = 1e-32
#: Values of the Jacobians (networks x parameters x residuals) that are held at once: 64 MiB.
JACOBIAN_VALUES = 2**23


@overload
def polish(
    given: Ensemble, task: Task | str, *, iterations: int = ..., points: int = ..., seed: int = ...
) -> Ensemble: ...
@overload
def polish(
    given: Iterable[Network], task: Task | str, *, iterations: int = ..., points: int = ..., seed: int = ...
) -> list[Network]: ...
def polish(
    given: Ensemble | Iterable[Network],
    task: Task | str,
    *,
    iterations: int = 40,
    points: int = 512,
    seed: int = 0,
) -> Ensemble | list[Network]:
    """Bring networks to the nearest minimum of their loss, to the precision of float64.

    All networks see the same points, uniform on the task's box; one's result does not depend on the others. No
    network's loss on these points grows. A network that is not finite stays as it is.

    Args:
        given: an Ensemble, or networks of any shapes that fit the task.
        task: a Task or the name of a registered one.
        iterations: steps tried, taken or not; a network that cannot be improved stops before.
        points: how many; several times the parameters, or the networks fit the points and not the task.
        seed: of the points.

    Returns:
        An Ensemble in double precision with its losses measured anew, or networks in the order given.

    Raises:
        UnknownTask: for a task that is not registered.
        InputError: for a network whose inputs or outputs are not the task's, for fewer than one point, or for a
            negative number of iterations.

    Examples:
        >>> nearly = Network([[[1.1], [-0.9]], [[0.8, 1.3]]])
        >>> done, = polish([nearly], "absolute", iterations=20)
        >>> bool(np.abs(done([[0.5], [-0.25]]) - [[0.5], [0.25]]).max() < 1e-12)
        True
    """
    from .ensemble import Ensemble

    task = as_task(task)
    number = _count(iterations, 0, "iterations")
    x, y = points_of(task, _count(points, 1, "points"), seed)
    if isinstance(given, Ensemble):
        return _polished_ensemble(given, task, x, y, number)
    networks = [as_network(network) for network in several(given)]
    shapes: dict[MLPConfig, list[int]] = {}
    for at, network in enumerate(networks):
        config = MLPConfig(network.sizes, network.architecture.bias, network.activations, "float64")
        shapes.setdefault(config, []).append(at)
    for config, places in shapes.items():
        layers = range(len(config.sizes) - 1)
        weights = [np.stack([networks[at].weights[k] for at in places]) for k in layers]
        biases_of = [
            np.stack([_bias(networks[at], k) for at in places]) if config.biases[k] else None for k in layers
        ]
        found, _ = _polished(config, weights, biases_of, task, x, y, number)
        for row, at in enumerate(places):
            networks[at] = Network(
                [weight[row].numpy() for weight in found[0]],
                [None if bias is None else bias[row].numpy() for bias in found[1]],
                config.activations,
            )
    return networks


def _polished_ensemble(ensemble: Ensemble, task: Task, x: Tensor, y: Tensor, iterations: int) -> Ensemble:
    from .training import measured

    config = replace(ensemble.config, dtype="float64")
    (weights, biases), _ = _polished(config, ensemble.weights, ensemble.biases, task, x, y, iterations)
    better = replace(
        ensemble,
        config=config,
        weights=tuple(weight.numpy() for weight in weights),
        biases=tuple(None if bias is None else bias.numpy() for bias in biases),
    )
    return measured(better, task)


def levenberg(
    parameters: Tensor,
    x: Tensor,
    y: Tensor,
    config: MLPConfig,
    iterations: int,
    *,
    enough: float | Tensor = EXACT,
    tries: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Levenberg-Marquardt on all networks, each on its own.

    Args:
        parameters: [net, size], float64, laid out as `training.Layout` says; they stay as they are.
        x: inputs [net or 1, d, sample], float64.
        y: targets [net or 1, outputs, sample].
        config: the shape.
        iterations: steps tried by each network.
        enough: the loss at which a network is left as it is, one for all or [net].
        tries: [net], int64: the steps that each network did try are added to it.

    Returns:
        Parameters [net, size] and losses [net], the mean squared error over samples and outputs.

    Examples:
        >>> x = torch.linspace(-1, 1, 9, dtype=torch.float64)[None, None]
        >>> start = torch.tensor([[3.0]], dtype=torch.float64)
        >>> end, loss = levenberg(start, x, -2 * x, MLPConfig((1, 1), dtype="float64"), 12)
        >>> round(end.item(), 9), loss.item() < 1e-20  # y = w x is linear: w = -2
        (-2.0, True)
    """
    residuals = y.shape[1] * x.shape[2]
    per_chunk = max(1, JACOBIAN_VALUES // (residuals * parameters.shape[1]))
    ends, losses = [], []
    for at in range(0, len(parameters), per_chunk):
        part = slice(at, at + per_chunk)
        own_x, own_y = (t if len(t) == 1 else t[part] for t in (x, y))
        goal = enough[part] if isinstance(enough, Tensor) else parameters.new_tensor(enough)
        counts = None if tries is None else tries[part]
        end, loss = _chunk(parameters[part], own_x, own_y, config, iterations, goal, counts)
        ends.append(end)
        losses.append(loss)
    return torch.cat(ends), torch.cat(losses)


def _chunk(
    start: Tensor,
    x: Tensor,
    y: Tensor,
    config: MLPConfig,
    iterations: int,
    enough: Tensor,
    tries: Tensor | None,
) -> tuple[Tensor, Tensor]:
    parameters = start.clone()
    nets, size = parameters.shape
    count = y.shape[1] * x.shape[2]
    damping = torch.full((nets,), DAMPING, dtype=parameters.dtype)
    squares = torch.empty(nets, size, size, dtype=parameters.dtype)  # J'J
    slopes = torch.empty(nets, size, dtype=parameters.dtype)  # J'r
    losses = torch.full((nets,), torch.inf, dtype=parameters.dtype)

    def own(tensor: Tensor, at: Tensor) -> Tensor:
        return tensor if len(tensor) == 1 else tensor[at]

    goals = enough.expand(nets)
    moved = torch.arange(nets)
    active = moved
    for _ in range(iterations):
        if len(moved):
            residual, jacobian = residuals_and_jacobian(
                parameters[moved], own(x, moved), own(y, moved), config
            )
            squares[moved] = torch.bmm(jacobian, jacobian.transpose(1, 2))
            slopes[moved] = torch.bmm(jacobian, residual[:, :, None])[:, :, 0]
            losses[moved] = (residual * residual).mean(dim=1)
        useful = (losses[active] > goals[active]) & losses[active].isfinite() & (damping[active] < LARGEST)
        active = active[useful]
        if not len(active):
            break
        if tries is not None:
            tries[active] += 1
        damped = squares[active]
        diagonal = damped.diagonal(dim1=1, dim2=2)
        diagonal += (damping[active] * diagonal.mean(dim=1))[:, None]
        factor, failed = torch.linalg.cholesky_ex(damped)
        move = torch.cholesky_solve(-slopes[active, :, None], factor)[:, :, 0]
        trial = parameters[active] + move
        residual = residuals(trial, own(x, active), own(y, active), config)
        found = residual.square().sum(dim=1) / count
        # NaN compares as no better, and so does what a failed factorisation gives
        better = (found < losses[active]) & (failed == 0) & trial.isfinite().all(dim=1)
        moved = active[better]
        parameters[moved] = trial[better]
        losses[moved] = found[better]
        damping[active] = torch.where(better, damping[active] * TAKEN, damping[active] * REFUSED)
        damping.clamp_(min=SMALLEST)
    if not iterations:
        losses = residuals(parameters, x, y, config).square().mean(dim=1)
    return parameters, losses


def residuals_and_jacobian(
    parameters: Tensor, x: Tensor, y: Tensor, config: MLPConfig
) -> tuple[Tensor, Tensor]:
    """Residuals [net, outputs * sample] and their derivatives by the parameters [net, size, outputs * sample].

    Back-propagation of every output by itself: with the deltas d_L = 1 at one output, d_{l-1} = (W_l' d_l)
    f'(z_{l-1}), the derivative by W_l is d_l a_l' sample by sample, and that by b_l is d_l.

    Args:
        parameters: [net, size], laid out as `training.Layout` says.
        x: inputs [net or 1, d, sample].
        y: targets [net or 1, outputs, sample].
        config: the shape.

    Examples:
        >>> one = torch.tensor([[2.0, 3.0]])  # 3 relu(2 x) at x = 1: 6, by w 3, by v 2
        >>> r, J = residuals_and_jacobian(one, torch.ones(1, 1, 1), torch.zeros(1, 1, 1), MLPConfig((1, 1, 1)))
        >>> r.tolist(), J.tolist()
        ([[6.0]], [[[3.0], [2.0]]])
    """
    from .gradients import Layout, activated, activation_slope

    layout = Layout(config)
    weights, biases = layout.split(parameters)
    nets, samples, outputs = len(parameters), x.shape[2], config.sizes[-1]
    a = x.expand(nets, -1, -1)
    layers, derivatives = [a], []
    names = (*config.activations, "identity")
    for weight, bias, name in zip(weights, biases, names, strict=True):
        z = torch.bmm(weight, a)
        if bias is not None:
            z += bias[:, :, None]
        a = activated(name, z)
        derivatives.append(activation_slope(name, z, a))
        layers.append(a)
    residual = (layers.pop() - y).reshape(nets, -1)

    jacobian = torch.empty(nets, layout.size, outputs, samples, dtype=parameters.dtype)
    ends = np.cumsum(
        [o * (i + b) for i, o, b in zip(config.sizes[:-1], config.sizes[1:], config.biases, strict=True)]
    ).tolist()
    delta = torch.eye(outputs, dtype=parameters.dtype)[None, :, :, None].expand(nets, -1, -1, samples)
    for layer in reversed(range(len(weights))):
        o, i = weights[layer].shape[1:]
        end = ends[layer]
        if biases[layer] is not None:
            jacobian[:, end - o : end] = delta
            end -= o
        part = jacobian[:, end - o * i : end].view(nets, o, i, outputs, samples)
        torch.mul(delta[:, :, None], layers[layer][:, None, :, None], out=part)
        if layer:
            back = torch.bmm(weights[layer].transpose(1, 2), delta.reshape(nets, o, -1))
            delta = back.view(nets, i, outputs, samples) * derivatives[layer - 1][:, :, None]
    return residual, jacobian.view(nets, layout.size, -1)


def residuals(parameters: Tensor, x: Tensor, y: Tensor, config: MLPConfig) -> Tensor:
    """The networks' outputs less the targets, [net, outputs * sample]."""
    from .gradients import Layout, activated

    weights, biases = Layout(config).split(parameters)
    a = x.expand(len(parameters), -1, -1)
    for weight, bias, name in zip(weights, biases, (*config.activations, "identity"), strict=True):
        z = torch.bmm(weight, a)
        a = activated(name, z if bias is None else z + bias[:, :, None])
    return (a - y).reshape(len(parameters), -1)


def _polished(
    config: MLPConfig,
    weights: Iterable[Array],
    biases: Iterable[Array | None],
    task: Task,
    x: Tensor,
    y: Tensor,
    iterations: int,
) -> tuple[tuple[list[Tensor], list[Tensor | None]], Tensor]:
    from .gradients import Layout

    if (config.sizes[0], config.sizes[-1]) != (task.arity, task.outputs):
        raise InputError(
            f"a network of sizes {config.sizes} for task {task.name!r}: it needs {task.arity} inputs and "
            f"{task.outputs} outputs"
        )
    layout = Layout(config)
    start = layout.join(
        [torch.tensor(weight, dtype=torch.float64) for weight in weights],
        [None if bias is None else torch.tensor(bias, dtype=torch.float64) for bias in biases],
    )
    with torch.no_grad():
        end, losses = levenberg(start, x, y, config, iterations)
    found = layout.split(end)
    return ([w.clone() for w in found[0]], [b if b is None else b.clone() for b in found[1]]), losses


def _bias(network: Network, layer: int) -> Array:
    bias = None if network.biases is None else network.biases[layer]
    assert bias is not None
    return bias


def points_of(task: Task, points: int, seed: int) -> tuple[Tensor, Tensor]:
    """Points x [1, d, point] on the task's box and its values y [1, outputs, point], float64."""
    from .batches import generator_of, targets_of

    low, high = (torch.tensor(side, dtype=torch.float64) for side in np.array(task.box).T)
    unit = torch.rand(
        (points, task.arity), generator=generator_of("polish", task.name, seed), dtype=torch.float64
    )
    inputs = low + unit * (high - low)
    return inputs.T[None], targets_of(task, inputs).T[None]


def _count(given: int, least: int, name: str) -> int:
    try:
        number = operator.index(given)
    except TypeError:
        number = least - 1
    if number < least:
        raise InputError(f"{name}={given!r}: give a whole number from {least}")
    return number
