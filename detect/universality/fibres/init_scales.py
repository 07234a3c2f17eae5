"""The init law's scale: how large the masses v |w| of untrained neurons are."""

from __future__ import annotations

import math

from ...errors import InputError


def init_scale(inputs: int, width: int) -> float:
    """The scale b = sigma_w sigma_v of a network's masses at the usual initialisation.

    Weights into a layer of n inputs have the variance 1 / (3 n) (torch.nn.Linear's default), so that b = 1 / (3
    sqrt(inputs width)). The mass c = v |w| of a neuron has the density |c / b|^((D - 1) / 2) K_((D - 1) / 2)(|c| / b)
    up to a factor, D being the length of w (its bias included); for D = 2 that is Laplace's law exp(-|c| / b) / (2 b).

    Args:
        inputs: the number of inputs; width: of the hidden layer.

    Raises:
        InputError: for a number below 1.

    Examples:
        >>> round(init_scale(2, 6), 4), round(init_scale(2, 12), 4)
        (0.0962, 0.068)
    """
    if inputs < 1 or width < 1:
        raise InputError(f"{inputs} inputs and {width} neurons: give at least one of each")
    return 1 / (3 * math.sqrt(inputs * width))


def init_deviations(inputs: int, width: int, scale: float) -> tuple[float, float]:
    """The standard deviations (sigma_w, sigma_v) of the two layers at that scale.

    Both layers of the usual initialisation are multiplied by one factor. A neuron's bias has sigma_w, the read-out's
    sigma_v.

    Examples:
        >>> [round(sigma, 4) for sigma in init_deviations(2, 6, init_scale(2, 6))]
        [0.4082, 0.2357]
    """
    factor = math.sqrt(scale / init_scale(inputs, width))
    return factor / math.sqrt(3 * inputs), factor / math.sqrt(3 * width)
