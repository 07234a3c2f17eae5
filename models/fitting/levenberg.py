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

import torch
from torch import Tensor

from ..networks.config import MLPConfig
from .criteria import LEAST_LOSS
from .gradients import residuals, residuals_and_jacobian

#: The damping at the start, and its factors after a step that was taken and one that was refused
#: (docs/results/measurements.md, Elimination).
DAMPING, TAKEN, REFUSED = 1e-3, 0.2, 5.0
#: The damping's range: below, the equations are Gauss-Newton's to rounding; above, a step is lost in rounding.
SMALLEST, LARGEST = 1e-15, 1e12
#: Values of the Jacobians (networks x parameters x residuals) that are held at once: 64 MiB.
JACOBIAN_VALUES = 2**23


def levenberg(
    parameters: Tensor,
    x: Tensor,
    y: Tensor,
    config: MLPConfig,
    iterations: int,
    *,
    enough: float | Tensor = LEAST_LOSS,
    tries: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Levenberg-Marquardt on all networks, each on its own.

    Args:
        parameters: [net, size], float64, laid out as `Layout` says; they stay as they are.
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
    count = y.shape[1] * x.shape[2]
    per_chunk = max(1, JACOBIAN_VALUES // (count * parameters.shape[1]))
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
