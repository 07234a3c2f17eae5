"""The normal form of a task, and with it the least norm among the networks that compute the task."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...errors import InputError
from ...features.task import Task, as_task
from ...networks.network import HasNetwork, Network, as_network
from ..canonical import CanonicalForm, canonical_form
from ..piecewise import from_formulas
from .least import LeastNorm, least_norm
from .problem import Biases


def task_form(task: Task | str) -> CanonicalForm | None:
    """The normal form of a task on its box; None where no network with one hidden layer is known to compute it.

    It is that of the hand-derived network, or else of the formula where that bends once only.

    Examples:
        >>> task_form("minimum")
        CanonicalForm(0.5 x1 + 0.5 x2 - 0.7071 |0.7071 x1 - 0.7071 x2|, on [-1, 1]^2)
        >>> task_form("minimum-of-4") is None
        True
    """
    known = as_task(task)
    net = known.hand_derived
    if net is None and known.formula:
        net = _of_formula(known)
    if net is None or len(net.architecture.active) > 1:
        return None
    return canonical_form(net, box=known.box)


def task_least_norm(task: Task | str, biases: Biases) -> LeastNorm | None:
    """The least norm among one-hidden-layer networks that compute a task; None where it is not known.

    It is not known where the task has no normal form (`task_form`), and for what `least_norm` does not cover.

    Examples:
        >>> task_least_norm("minimum", "none")
        LeastNorm(2.828427 without biases, one gauge)
        >>> task_least_norm("clip", "none") is None
        True
    """
    return _task_least_norm(as_task(task), biases)


def biases_of(network: Network | HasNetwork) -> Biases:
    """Which biases a network has, for its least norm: none, or penalised ones, as decay of all parameters does.

    Examples:
        >>> biases_of(Network([[[1.0]], [[1.0]]])), biases_of(Network([[[1.0]], [[1.0]]], [[0.0], None]))
        ('none', 'penalised')
    """
    return "penalised" if any(as_network(network).architecture.bias) else "none"


@lru_cache(maxsize=512)
def _task_least_norm(task: Task, biases: Biases) -> LeastNorm | None:
    form = task_form(task)
    if form is None:
        return None
    try:
        return least_norm(form, biases=biases)
    except InputError:
        return None


def _of_formula(task: Task) -> Network | None:
    """A network of a formula whose units all are affine in the inputs; None for other formulas."""
    try:
        f = from_formulas(task.formula, task.arity, task.box)
    except InputError:
        return None
    if len(f.layers) > 1 or any(layer.slope.any() for layer in f.layers):
        return None
    d, linear = task.arity, f.readout[:, : task.arity]
    eye, none = np.eye(d), np.zeros(2 * d)
    units = f.layers[0] if f.layers else None
    W = np.concatenate([eye, -eye, *([] if units is None else [units.weights])])
    b = np.concatenate([none, *([] if units is None else [units.bias])])
    return Network([W, np.concatenate([linear, -linear, f.readout[:, d:]], axis=1)], [b, f.offset])
