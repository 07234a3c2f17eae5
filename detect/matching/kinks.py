"""The kink criterion: whether the matched kinks alone explain where the network bends.

In the last hidden layer, substituting one neuron recovers exactly r^2 and is no evidence. But linear paths may be
carried by any pair of neurons; only the kinks identify the algorithm. So: keep the matched kinks as the catalogue has
them, let everything else be one affine map, and see how much of the bent part of the output that reproduces.
A *lazy* network, a random hidden layer with the best read-out, computes the function by another mechanism: it is the
null to beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.catalogues import Catalogue
from ..features.task import Task, as_task
from ..networks.architecture import Architecture
from ..networks.box import BoxLike
from ..networks.initialisation import known_laws, lazy_networks
from ..networks.network import HasNetwork, Network, as_network
from ..networks.stacks import Stack
from ..statistics.criteria import RANK
from .correlations import unit_vectors
from .criteria import AFFINE_OUTPUT, PASS, TOLERANCES
from .probes import Probes, depth_of, probes_for

Array = npt.NDArray[np.float64]
#: Lazy networks of a panel: their 95% quantile is then known to about one percent of them.
PANEL = 400
#: A share of lazy networks that is few.
_FEW = 0.03
_BENT = ("ridge", "magnitude", "threshold", "composed")


@dataclass(frozen=True)
class KinkCriterion:
    """The kink criterion of one network.

    Attributes:
        value: share of the output's bent part that matched kinks and an affine remainder reproduce; NaN where
            the output is affine and nothing bends. It can be negative.
        max_unexplained: the largest 1 - r^2 at which a neuron counted as matched.
        lazy: the lazy panel's 95% quantile of the same value.
        passed: value >= 0.99 and above the lazy quantile.

    Examples:
        >>> KinkCriterion(value=0.999, max_unexplained=1e-3, lazy=0.36, passed=True).passed
        True
    """

    value: float
    max_unexplained: float
    lazy: float
    passed: bool


def kink_criterion(
    network: Network | HasNetwork,
    *,
    task: Task | str | None = None,
    box: BoxLike | None = None,
    max_unexplained: float | None = None,
    init: str | None = None,
    seed: int = 0,
    catalogue: Catalogue | None = None,
) -> KinkCriterion:
    """Whether the matched kinks of the last hidden layer are what makes the network bend as it does.

    `F = 1 - MSE(f, Aff(rest) + sum over matched j of v_j (s_j phi_j + b_j)) / MSE(f, Aff(f))`, with Aff the
    least-squares affine projection on the layer's input variables and rest = f minus the matched neurons' part.

    Args:
        network: with at least one non-linear layer.
        task: what the lazy networks are fitted to; by default the network's own outputs.
        box: the inputs' box; by default the task's, else (-1, 1).
        max_unexplained: the largest 1 - r^2 of a match; by default the first of `TOLERANCES` at which at most 3%
            of the lazy panel reach 0.99.
        init: init law of the lazy networks' hidden layers, `"uniform"` or `"normal"`; None takes the larger lazy
            quantile of both. seed: of their draws.
        catalogue: the features to look for; by default the installed ones.

    Raises:
        InputError: where the network has no hidden layer with an activation last.

    Examples:
        >>> from ..features.task import hand_derived
        >>> result = kink_criterion(hand_derived("minimum"), task="minimum")
        >>> round(result.value, 6), result.passed
        (1.0, True)
    """
    net = as_network(network)
    return kink_criterion_many(
        [net], task=task, box=box, max_unexplained=max_unexplained, init=init, seed=seed, catalogue=catalogue
    )[0]


def kink_criterion_many(
    networks: Sequence[Network],
    *,
    task: Task | str | None = None,
    box: BoxLike | None = None,
    max_unexplained: float | None = None,
    init: str | None = None,
    seed: int = 0,
    catalogue: Catalogue | None = None,
) -> list[KinkCriterion]:
    """The kink criterion of networks of one architecture; with a task they share one lazy panel.

    Args:
        networks: at least one; all of the same architecture.
        task, box, max_unexplained, init, seed, catalogue: as for `kink_criterion`.

    Raises:
        InputError: where the last hidden layer has no activation.

    Examples:
        >>> from ..features.task import hand_derived
        >>> [round(c.value, 6) for c in kink_criterion_many([hand_derived("absolute")] * 2, task="absolute")]
        [1.0, 1.0]
    """
    stack = Stack.of(networks)
    architecture = stack.architecture
    if not architecture.active or architecture.active[-1] != len(architecture.activations) - 1:
        raise InputError(
            f"{architecture}: the last hidden layer has no activation, so it has no kinks; merge it with the read-out"
        )
    known = as_task(task) if task is not None else None
    bounds = box if box is not None else known.box if known else (-1.0, 1.0)
    block = architecture.active[-1]
    probes = probes_for(
        architecture.sizes[0], box=bounds, depth=depth_of(architecture, block), catalogue=catalogue
    )
    if known is not None:
        wanted = [np.asarray(known(probes.X), dtype=np.float64)]
        groups = [stack]
    else:
        wanted = [network(probes.X) for network in networks]
        groups = [stack[k : k + 1] for k in range(len(stack))]
    results = []
    laws = known_laws(init)
    for group, target in zip(groups, wanted, strict=True):
        tolerance, lazy = _beside(architecture, probes, target.tobytes(), laws, seed, max_unexplained)
        for value in _explained(group, probes, tolerance):
            passed = bool(value >= PASS and value > lazy)
            results.append(KinkCriterion(float(value), tolerance, lazy, passed))
    return results


@lru_cache(maxsize=256)
def _beside(
    architecture: Architecture,
    probes: Probes,
    target: bytes,
    laws: tuple[str, ...],
    seed: int,
    max_unexplained: float | None,
) -> tuple[float, float]:
    """The tolerance of a match, and the lazy panels' 95% quantile at it, the largest over the init laws.

    Kept, since a panel costs as much as a thousand networks, and all cells of a study with one task and one shape ask
    for the same one.

    Args:
        target: the bytes of what the panels are fitted to, floats [n, outputs] on the probes.
    """
    wanted = np.frombuffer(target).reshape(len(probes.X), -1)
    shape = Stack(architecture, (), ())
    panels = [lazy_networks(shape, probes.X, wanted, PANEL, law, seed) for law in laws]
    for tolerance in TOLERANCES if max_unexplained is None else (max_unexplained,):
        # A lazy network that is affine bends nowhere and explains nothing.
        values = [np.nan_to_num(_explained(panel, probes, tolerance), nan=0.0) for panel in panels]
        if max((lazy >= PASS).mean() for lazy in values) <= _FEW:
            break
    return tolerance, max(float(np.quantile(lazy, 0.95)) for lazy in values)


def _explained(stack: Stack, probes: Probes, max_unexplained: float) -> Array:
    """The criterion's value per network [networks]."""
    forward = stack.forward(probes.X)
    h = forward.post[-1]
    # The variables of a single layer are the inputs, the same for all networks.
    q = None if len(forward.post) > 1 else _affine_basis(probes.X)
    mean, sd, unit = unit_vectors(h)
    bent = np.array([name in _BENT for name in (f.competes_as for f in probes.features)])
    known = probes.unit[:, bent]
    n = len(probes.X)
    values = np.full(len(stack), np.nan)
    for k in range(len(stack)):
        own = q if q is not None else _affine_basis(forward.post[-2][k])
        f = forward.outputs[k]
        bend = f - own @ (own.T @ f)
        total = float((bend**2).sum())
        if total <= AFFINE_OUTPUT * float((f**2).sum()):  # rounding: the output is affine
            continue
        r = unit[k].T @ known
        best = r.argmax(axis=1)
        top = r[np.arange(len(r)), best]
        matched = (top > 0) & (1.0 - top**2 <= max_unexplained)
        read = stack.weights[-1][k][:, matched]
        replaced = top[matched] * sd[k, matched] * np.sqrt(n) * known[:, best[matched]] + mean[k, matched]
        rest = f - h[k][:, matched] @ read.T
        error = f - (own @ (own.T @ rest) + replaced @ read.T)
        values[k] = 1.0 - float((error**2).sum()) / total
    return values


def _affine_basis(variables: Array) -> Array:
    """An orthonormal basis [n, rank] of the affine functions of variables [n, k]; dead ones make it narrower."""
    columns = np.hstack([variables, np.ones((len(variables), 1))])
    if np.linalg.matrix_rank(columns) == columns.shape[1]:
        return np.asarray(np.linalg.qr(columns)[0])
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(u[:, s > RANK * s[0]])
