"""The activation functions of `mathcircuits.detect.networks.nonlinearities` on torch tensors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from mathcircuits.detect.networks import check_nonlinearity, clip_range, leaky_slope, parameter, unit_slopes

Nonlinearity = Callable[[torch.Tensor], torch.Tensor]
# None of them works in place: an in-place ReLU would overwrite the pre-activation that a hook has cached.
_FUNCTIONS: dict[str, Nonlinearity] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "selu": functional.selu,
}
# Beyond this argument softplus is linear in float64: exp(-40) is far below the spacing of numbers at 40.
_LINEAR_FROM = 40.0


def nonlinearity(name: str) -> Nonlinearity:
    """The named activation function on tensors, the same as `mathcircuits.detect.networks.nonlinearities` on arrays.

    A PReLU with one slope a unit takes the last axis as its units.

    Examples:
        >>> nonlinearity("leaky_relu(0.5)")(torch.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
        >>> nonlinearity("hardtanh(-2,0.5)")(torch.tensor([-3.0, 2.0])).tolist()
        [-2.0, 0.5]
    """
    known = check_nonlinearity(name)
    if known in _FUNCTIONS:
        return _FUNCTIONS[known]
    slope, slopes, bounds = leaky_slope(known), unit_slopes(known), clip_range(known)
    if slope is not None:
        return lambda z: functional.leaky_relu(z, slope)
    if slopes is not None:
        return lambda z: torch.where(z > 0, z, z * torch.tensor(slopes, dtype=z.dtype, device=z.device))
    if bounds is not None:
        return lambda z: functional.hardtanh(z, *bounds)
    number = parameter(known)
    if known.startswith("elu"):
        return lambda z: functional.elu(z, number)
    return lambda z: functional.softplus(z, number, _LINEAR_FROM)
