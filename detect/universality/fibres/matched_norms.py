"""The scale of the init law whose fibre has the path norms that trained networks were seen to have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ...errors import InputError
from .members import Fibre
from .sampling import fibre

#: The search ends where the median norm is this near the wanted one, relative, and after so many fibres. It starts
#: between these factors of the init's scale.
_NEAR, _MOST_FIBRES, _RANGE = 0.01, 12, (1 / 8, 32.0)


@dataclass(frozen=True, eq=False)
class MatchedScale:
    """The scale at which a fibre has a median norm.

    Attributes:
        scale: b.
        norm: the fibre's median norm there; wanted: the one asked for.
        reached: whether these are within 1%. Norms near the least of all are below every fibre's: `scale` is then the
            smallest tried, and the norm itself is what training selected.
        fibre: the last one drawn, at that scale.
    """

    scale: float
    norm: float
    wanted: float
    reached: bool
    fibre: Fibre


def scale_of_norm(
    function: Any,
    width: int,
    norm: float,
    *,
    bias: bool = False,
    particles: int = 300,
    sweeps: int = 1,
    **options: Any,
) -> MatchedScale:
    """The scale b at which the fibre's median path norm is the given one, such as the median of trained networks.

    The larger b, the larger the norms: b is halved in on between an eighth of the init's and 32 times it, by
    logarithms, with one small fibre at each step. For shares draw a larger one at the scale that was found.

    Args:
        function, width, bias: as for `fibre`.
        norm: the path norm (`path_norm`, with `biases="penalised"` where there are any).
        particles, sweeps: of each fibre.
        options: the others of `fibre`, `scale` apart.

    Raises:
        InputError: for a norm that is no number above 0, and where `fibre` does.

    Examples:
        >>> from ...networks.network import Network
        >>> found = scale_of_norm(Network([[[1.0], [-1.0]], [[1.0, 1.0]]]), 4, 2.2, particles=200)
        >>> found.reached, abs(found.norm - 2.2) < 0.03
        (True, True)
    """
    if not 0 < norm < math.inf:
        raise InputError(f"norm {norm!r}: give the median path norm of the networks, a number above 0")
    if "scale" in options:
        raise InputError("scale: it is what is looked for; leave it out")
    options.update(bias=bias, particles=particles, sweeps=sweeps)
    start = fibre(function, width, **options)
    low, high = (start.init_scale * factor for factor in _RANGE)
    drawn = start
    for _ in range(_MOST_FIBRES):
        if abs(drawn.median_norm - norm) <= _NEAR * norm:
            break
        low, high = (low, drawn.scale) if drawn.median_norm > norm else (drawn.scale, high)
        middle = math.sqrt(low * high)
        if middle / low < 1 + _NEAR:
            break
        drawn = fibre(function, width, scale=middle, **options)
    return MatchedScale(
        drawn.scale, drawn.median_norm, norm, abs(drawn.median_norm - norm) <= _NEAR * norm, drawn
    )
