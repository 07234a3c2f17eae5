"""Gradients, residuals and Jacobians of many networks as one tensor, written out by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from mathcircuits.detect import InputError
from mathcircuits.detect.networks import leaky_slope, unit_slopes

from ..networks.activations import nonlinearity
from ..networks.config import MLPConfig
from .vectors import Layout


def step(
    parameters: Tensor, x: Tensor, y: Tensor, config: MLPConfig, loss: str = "squared"
) -> tuple[Tensor, Tensor]:
    """Losses and gradients of all networks on their batches, written out by hand.

    With a_0 = x, z_l = W_l a_l + b_l, a_{l+1} = f_l(z_l) and r = z_L - y, the loss is the mean of r^2 over
    outputs and samples, and back-propagation is g_L = 2 r / (outputs samples), dW_l = g_l a_l',
    db_l = g_l 1, g_{l-1} = (W_l' g_l) f'(z_{l-1}).

    Args:
        parameters: [net, size], laid out as `Layout` says.
        x: inputs [net, d, sample], or [1, d, sample] where all networks share them.
        y: targets [net, outputs, sample], or [1, outputs, sample].
        config: the shape.
        loss: "squared", or "cross-entropy": the mean over samples of -y' log softmax(z_L), with g_L = (softmax(z_L) -
            y) / samples, for targets that sum to 1.

    Returns:
        Losses [net] and gradients [net, size].

    Examples:
        >>> one = torch.tensor([[2.0, 3.0]])
        >>> loss, gradient = step(one, torch.ones(1, 1, 1), torch.zeros(1, 1, 1), MLPConfig((1, 1, 1)))
        >>> loss.tolist(), gradient.tolist()  # (3 * 2)^2, and 2 * 6 * (3, 2)
        ([36.0], [[36.0, 24.0]])
    """
    weights, biases = Layout(config).split(parameters)
    a = x.expand(len(parameters), -1, -1)
    layers, pres = [a], []
    for weight, bias, name in zip(weights, biases, (*config.activations, "identity"), strict=True):
        z = torch.bmm(weight, a)
        if bias is not None:
            z += bias[:, :, None]
        pres.append(z)
        a = activated(name, z)
        layers.append(a)
    output = layers.pop()
    if loss == "cross-entropy":
        log_shares = torch.log_softmax(output, dim=1)
        losses = (log_shares * y).sum(dim=1).mean(dim=1).neg_()
        g = (log_shares.exp() - y).div_(output.shape[2])
    else:
        residual = output - y
        count = residual.shape[1] * residual.shape[2]
        losses = torch.linalg.vector_norm(residual, dim=(1, 2)).square_().div_(count)
        g = residual.mul_(2.0 / count)
    weight_gradients: list[Tensor] = []
    bias_gradients: list[Tensor | None] = []
    for layer in reversed(range(len(weights))):
        weight_gradients.append(torch.bmm(g, layers[layer].transpose(1, 2)))
        bias_gradients.append(None if biases[layer] is None else g.sum(dim=2))
        if layer:
            g = _gated(
                config.activations[layer - 1],
                torch.bmm(weights[layer].transpose(1, 2), g),
                pres[layer - 1],
                layers[layer],
            )
    return losses, Layout(config).join(weight_gradients[::-1], bias_gradients[::-1])


def residuals(parameters: Tensor, x: Tensor, y: Tensor, config: MLPConfig) -> Tensor:
    """The networks' outputs less the targets, [net, outputs * sample]."""
    weights, biases = Layout(config).split(parameters)
    a = x.expand(len(parameters), -1, -1)
    for weight, bias, name in zip(weights, biases, (*config.activations, "identity"), strict=True):
        z = torch.bmm(weight, a)
        a = activated(name, z if bias is None else z + bias[:, :, None])
    return (a - y).reshape(len(parameters), -1)


def residuals_and_jacobian(
    parameters: Tensor, x: Tensor, y: Tensor, config: MLPConfig
) -> tuple[Tensor, Tensor]:
    """Residuals [net, outputs * sample] and their derivatives by the parameters [net, size, outputs * sample].

    Back-propagation of every output by itself: with the deltas d_L = 1 at one output, d_{l-1} = (W_l' d_l)
    f'(z_{l-1}), the derivative by W_l is d_l a_l' sample by sample, and that by b_l is d_l.

    Args:
        parameters: [net, size], laid out as `Layout` says.
        x: inputs [net or 1, d, sample].
        y: targets [net or 1, outputs, sample].
        config: the shape.

    Examples:
        >>> one = torch.tensor([[2.0, 3.0]])  # 3 relu(2 x) at x = 1: 6, by w 3, by v 2
        >>> r, J = residuals_and_jacobian(one, torch.ones(1, 1, 1), torch.zeros(1, 1, 1), MLPConfig((1, 1, 1)))
        >>> r.tolist(), J.tolist()
        ([[6.0]], [[[3.0], [2.0]]])
    """
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
    ends = config.architecture.offsets[1:]
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


def activated(name: str, z: Tensor) -> Tensor:
    """The activation function's value.

    Raises:
        InputError: for a PReLU with one slope a unit, whose units these tensors do not have last.
    """
    if unit_slopes(name) is not None:
        raise InputError(
            "a prelu with one slope a unit cannot be trained here: its slopes are read-only; train leaky_relu(SLOPE)"
        )
    return nonlinearity(name)(z)


def _gated(name: str, g: Tensor, z: Tensor, a: Tensor) -> Tensor:
    """The gradient before the activation function from the one behind it, `g f'(z)`; a is f(z)."""
    slope = leaky_slope(name)
    if slope is not None:
        return torch.where(z > 0, g, g * slope)
    if name == "relu":
        # one pass; g * (z > 0) would build a mask of other type, ten times slower
        return torch.ops.aten.threshold_backward(g, a, 0.0)  # type: ignore[no-any-return]
    if name == "tanh":
        return g * (1 - a * a)
    if name in ("gelu", "gelu_tanh"):
        how = "tanh" if name == "gelu_tanh" else "none"
        return torch.ops.aten.gelu_backward(g, z, approximate=how)  # type: ignore[no-any-return]
    if name == "identity":
        return g
    with torch.enable_grad():
        free = z.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(nonlinearity(name)(free), free, g)
    return gradient


def activation_slope(name: str, z: Tensor, a: Tensor) -> Tensor:
    """The activation function's derivative at z, where a is its value there; 0 at relu's kink."""
    return _gated(name, torch.ones_like(z), z, a)
