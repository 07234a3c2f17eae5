"""The scale of the init law whose fibre has the path norms that trained networks were seen to have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from .fibre_shares import FibreShare
from .members import Fibre
from .sampling import fibre

#: The search ends where the share of members with a smaller norm is this near one half, and after so many fibres.
_NEAR, _MOST_FIBRES = 0.1, 8
#: The smallest and the largest scale, in units of the init's, and the factor of a step while the norm is on one side.
_RANGE, _STEP = (1 / 8, 32.0), 4.0


@dataclass(frozen=True, eq=False)
class MatchedScale:
    """The scale at which the median norm of a fibre is the given one.

    Attributes:
        scale: b.
        below: the share of the fibre's members with a smaller norm: one half, up to 0.1 and its interval.
        norm: the fibre's median norm; wanted: the one asked for.
        reached: whether it is so. Norms near the least of all are below every fibre's: `scale` is then the smallest one
            tried, and the norm itself is what training selected.
        fibre: the one drawn at that scale.

    Examples:
        >>> from ...networks.network import Network
        >>> sign = Network([[[1.0], [-1.0]], [[1.0, -1.0]]])
        >>> scale_of_norm(sign, 3, 1.5, threshold=1e-4, particles=40).reached  # x takes a norm of 2
        False
    """

    scale: float
    below: FibreShare
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
    start: Fibre | None = None,
    **options: Any,
) -> MatchedScale:
    """The scale b at which the fibre's median path norm is the given one, such as the median of trained networks.

    Norms may jump between forms, so that the median does too. What is solved for is the share of members with a smaller
    norm, which falls smoothly with b: by steps of a factor of four until it is on both sides of one half, then by a
    line through its log odds over log b, weighted by effective numbers. Each step draws a fibre, eight at most; with
    few particles the share of the first one may be near one half by chance.

    Args:
        function, width, bias: as for `fibre`.
        norm: the path norm (`path_norm`, with `biases="penalised"` where there are any).
        start: the fibre at the init's scale, where it is drawn already with the same options.
        options: those of `fibre`, `scale` apart.

    Raises:
        InputError: for a norm that is no number above 0, and where `fibre` does.

    Examples:
        >>> from ...networks.network import Network
        >>> found = scale_of_norm(Network([[[1.0], [-1.0]], [[1.0, 1.0]]]), 4, 2.2, particles=200)
        >>> found.reached, found.scale > found.fibre.init_scale
        (True, True)
    """
    if not 0 < norm < math.inf:
        raise InputError(f"norm {norm!r}: give the median path norm of the networks, a number above 0")
    if "scale" in options:
        raise InputError("scale: it is what is looked for; leave it out")
    drawn = fibre(function, width, bias=bias, **options) if start is None else start
    least, most = (math.log(drawn.init_scale * factor) for factor in _RANGE)
    tried: list[tuple[float, FibreShare]] = []
    while True:
        below = drawn.share(drawn.path_norms < norm)
        tried.append((math.log(drawn.scale), below))
        reached = abs(below.value - 0.5) <= _NEAR and below.low <= 0.5 <= below.high
        place = min(max(_next_place(tried), least), most)
        if reached or len(tried) == _MOST_FIBRES or place in [x for x, _ in tried]:
            return MatchedScale(drawn.scale, below, drawn.median_norm, norm, reached, drawn)
        drawn = fibre(function, width, bias=bias, scale=math.exp(place), **options)


def _next_place(tried: list[tuple[float, FibreShare]]) -> float:
    """The logarithm of the scale to try next."""
    places = np.array([x for x, _ in tried])
    counts = np.array([share.counts for _, share in tried])
    above = counts[:, 0] > counts[:, 1] / 2
    if above.all():
        return float(places.max() + math.log(_STEP))
    if not above.any():
        return float(places.min() - math.log(_STEP))
    odds = np.log((counts[:, 0] + 0.5) / (counts[:, 1] - counts[:, 0] + 0.5))
    slope, height = np.polyfit(places, odds, 1, w=np.sqrt(counts[:, 1]))
    # A line that rises is noise: between the two that are nearest on either side.
    inner = (places[above].max() + places[~above].min()) / 2
    root = -height / slope if slope < 0 else inner
    return float(np.clip(root, places.min(), places.max()))
