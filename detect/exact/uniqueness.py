"""Only forms: whether a task has more than one form with its smallest number of neurons.

Where there is one, up to permutation, rescaling and the task's symmetries, its gauge is forced at that width: that all
exact networks have it is arithmetic, and the question of its universality belongs to larger widths.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np

from ..features.symmetry import Symmetry, mirrored
from ..features.task import Task, as_task
from ..networks.network import Network
from ..statistics.criteria import ROUNDING
from .canonical import canonical_form
from .criteria import SAME_GAUGE
from .minimal_width import Plan, build_network, ranks_of, smallest_plan
from .reduced import reduce_network

#: Choices of sides that are tried: 3^8 small matrices.
_KINKS = 8


def has_only_form(task: Task | str) -> bool:
    """Whether networks of the task's smallest size compute it in one way only, up to its symmetries.

    All choices of sides that need no more neurons than the smallest network are tried (`minimal_width.py`). False also
    where that is not known: without a hand-derived network of one hidden layer, or with more than 8 kinks.

    Examples:
        >>> has_only_form("minimum"), has_only_form("clip")
        (True, False)
    """
    known = as_task(task)
    net = known.hand_derived
    # Of a task on points it is not known: the argument is about functions on the box.
    if net is None or known.points or len(net.weights) != 2 or (len(net.weights[0]),) != known.smallest:
        return False
    return _only_form(net, known.box, known.symmetries, known.needs_bias)


@lru_cache(maxsize=256)
def _only_form(
    network: Network, box: tuple[tuple[float, float], ...], symmetries: tuple[Symmetry, ...], bias: bool
) -> bool:
    form = canonical_form(network, box=box)
    count = smallest_plan(form, bias).count
    if form.kinks > _KINKS or count != len(network.weights[0]):
        return False
    U = form.kappa[:, :, None] * form.n[:, None, :]
    tolerance = 8 * max(form.rounding, ROUNDING * form.scale) / float(np.abs(np.array(box)).max())
    plans = []
    for sides in product((1.0, -1.0, 0.0), repeat=form.kinks):
        signs = np.array(sides)
        left = form.A - np.tensordot(signs, U, 1)
        doubled = np.flatnonzero(signs == 0)
        if len(doubled):
            basis = np.linalg.qr(form.n[doubled].T)[0]
            left = left - left @ basis @ basis.T
        rank = int(ranks_of(left, tolerance))
        if form.kinks + len(doubled) + (1 if bias else 2) * rank == count:
            plans.append(Plan(signs, rank, count, True))
    # A remainder of rank two is the sum of two in any number of ways; one of rank one may lean towards the normal of
    # a kink with both sides, which takes up what that adds.
    if any(plan.rank > 1 or (plan.rank and not plan.signs.all()) for plan in plans):
        return False
    nets = [build_network(form, plan, bias) for plan in plans]
    first = [
        reduce_network(image, box=box) for image in (nets[0], *(mirrored(nets[0], s) for s in symmetries))
    ]
    return all(
        min(image.distance(reduce_network(net, box=box)) for image in first) <= SAME_GAUGE for net in nets[1:]
    )
