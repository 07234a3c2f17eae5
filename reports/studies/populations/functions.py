"""Functions: which networks compute the same function, and that function as a task.

Two networks compute one function where their mean squared difference is a small share of its variance, after a signed
permutation of the inputs that the domain allows. A function that the registry knows is that task. Another is the
formula of its most typical network, or where no formula is within the tolerance that network itself.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import InputError, Network, Task, certify, decompile, tasks
from mathcircuits.detect.exact import is_piecewise_linear
from mathcircuits.detect.features import Symmetry
from mathcircuits.detect.networks import Domain, sobol_points
from mathcircuits.detect.programs import PROGRAM_SHARE
from mathcircuits.detect.statistics import EQUAL, TINY

from ..circuitry import PATIENCE

Array = npt.NDArray[np.float64]
#: The mean squared difference below which two networks compute one function, as a share of its variance: the root is
#: one percent of a standard deviation, which plain training with Adam reaches and another function does not.
ONE_FUNCTION = 1e-4
#: The mean squared difference above which two functions are not one that some networks compute badly, as a share of the
#: variance: networks that training left there are many and near each other.
OTHER_FUNCTION = 0.01
#: Inputs up to which all signed permutations are tried: 384 of four.
_MOST_TURNED = 4
#: Networks that make a function: one alone may be a failure of another.
_FEWEST = 2
#: 2^12 Sobol points: their mean is that of the box to about three digits.
_LOG2_POINTS = 12
#: Where a task that was made of networks comes from.
MADE = "found in networks"
#: What the proof of one network's largest difference may take: a network of two inputs and 64 neurons has about as many
#: cells, and a population of a thousand stays within minutes.
_PROOF_SECONDS, _PROOF_CELLS = 0.5, 2000
#: A share of the output's range: the formula of networks that training left some percent off.
_COARSE = 0.05
#: A formula that is longer is not taken as a name.
_LONGEST = 60


@dataclass(frozen=True, eq=False)
class Function:
    """A function that several networks compute, and who computes it.

    Attributes:
        task: the registered task, or one that was made of its formula or of a network.
        members: the positions of its networks, those that fail it included.
        turned: by position, the change of the inputs after which that network computes the task.
        losses: by position, the mean squared error on the domain then.
        threshold: the loss below which a network computes it.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> (found,) = group_functions([hand_derived("minimum")] * 2, Domain.of(None, 2))
        >>> found.task.name, found.members
        ('minimum', (0, 1))
    """

    task: Task
    members: tuple[int, ...]
    turned: Mapping[int, Symmetry]
    losses: Mapping[int, float]
    threshold: float


def of_task(networks: Sequence[Network], task: Task, threshold: float | None = None) -> Function:
    """All networks as those of a task, as they are.

    Args:
        networks: of its numbers of inputs and outputs.
        task: the task.
        threshold: the mean squared error below which a network has solved it; None for `ONE_FUNCTION` of its variance.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> found = of_task([hand_derived("minimum"), hand_derived("maximum")], tasks["minimum"])
        >>> [loss < found.threshold for loss in found.losses.values()]
        [True, False]
    """
    X = points_of(task.domain)
    target = task(X)
    same = Symmetry(tuple(range(task.arity)), (1,) * task.arity)
    losses = {k: float(np.mean((network(X) - target) ** 2)) for k, network in enumerate(networks)}
    return Function(
        task,
        tuple(losses),
        dict.fromkeys(losses, same),
        losses,
        ONE_FUNCTION * _variance(target) if threshold is None else threshold,
    )


def group_functions(
    networks: Sequence[Network], domain: Domain, threshold: float | None = None
) -> list[Function]:
    """The functions that networks of one shape compute, the most frequent first.

    A network that computes no function that another computes counts as a failure of the nearest one, and so do several
    that are within `OTHER_FUNCTION` of a function that more compute.

    Args:
        networks: of equally many inputs and outputs.
        domain: where they are compared.
        threshold: the mean squared difference below which two compute one function; None for `ONE_FUNCTION` of the
            function's variance.

    Raises:
        InputError: where no two of several networks compute the same function, or all are constant.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> networks = [hand_derived("minimum")] * 3 + [hand_derived("maximum")] * 2
        >>> [(f.task.name, f.members) for f in group_functions(networks, Domain.of([(0, 1), (0, 2)], 2))]
        [('min(x1, x2)', (0, 1, 2)), ('max(x1, x2)', (3, 4))]
    """
    X = points_of(domain)
    values = [network(X) for network in networks]
    group = allowed(domain)
    groups = _leaders(networks, values, X, group, threshold)
    if max(map(_variance, values)) < TINY:
        raise InputError(
            f"all {len(networks)} networks are constant on {domain.text}: give the inputs that they were trained on"
        )
    # Networks that died are constant: they have failed, and compute no function of their inputs.
    flat = ONE_FUNCTION * max(map(_variance, values))
    kept = [
        own for own in groups if len(own) >= min(_FEWEST, len(networks)) and _variance(values[own[0]]) > flat
    ]
    if not kept:
        near = min(
            float(np.mean((a - b) ** 2)) / max(_variance(a), EQUAL)
            for a, b in itertools.combinations(values, 2)
        )
        raise InputError(
            f"no two of {len(networks)} networks compute the same function: the nearest two differ by {near:.2g} of "
            f"the variance, in the mean square ({ONE_FUNCTION:g} is the most); name their task, or give a larger "
            "threshold"
        )
    kept.sort(key=len, reverse=True)
    found: list[Task] = []
    for own in kept:
        shares = [_nearest(_images(task, X, group), values[own[0]])[1] / _variance(task(X)) for task in found]
        if not shares or min(shares) > OTHER_FUNCTION:
            found.append(_task_of(networks, values, own, domain, X, group, threshold))
    return _assigned(found, values, X, group, threshold)


def allowed(domain: Domain) -> tuple[Symmetry, ...]:
    """The signed permutations of the inputs that leave a domain as it is, the identity first.

    None but the identity where samples were given, whose law need not be symmetric, and beyond four inputs.

    Examples:
        >>> [str(s) for s in allowed(Domain.of([(0, 1), (0, 1)], 2))]
        ['Symmetry(x1, x2)', 'Symmetry(x2, x1)']
        >>> len(allowed(Domain.of(None, 2))), len(allowed(Domain.of_data([[0.0, 1.0], [1.0, 0.0]])))
        (8, 1)
    """
    d = domain.inputs
    same = Symmetry(tuple(range(d)), (1,) * d)
    if d > _MOST_TURNED or (domain.data is not None and domain.points is None):
        return (same,)
    every = (
        Symmetry(order, signs)
        for order in itertools.permutations(range(d))
        for signs in itertools.product((1, -1), repeat=d)
    )
    if domain.points is None:
        return (same, *(s for s in every if s != same and s.maps(domain.box)))
    points = set(map(tuple, domain.points.tolist()))
    return (
        same,
        *(s for s in every if s != same and set(map(tuple, (s(domain.points) + 0.0).tolist())) == points),
    )


def largest_difference(network: Network, task: Task) -> tuple[float, bool]:
    """The largest difference of a network to a task anywhere on its domain, and whether it is proved.

    It is proved by visiting the cells of a network that is small enough, else the largest on the points that functions
    are compared on.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> largest_difference(hand_derived("minimum"), tasks["minimum"])[1]
        True
        >>> tanh = Network([[[1.0, 0.0]], [[1.0]]], activation="tanh")
        >>> round(largest_difference(tanh, tasks["minimum"])[0], 2), largest_difference(tanh, tasks["minimum"])[1]
        (1.75, False)
    """
    if is_piecewise_linear(network) and (task.formula or isinstance(task.target, Network)):
        try:
            proof = certify(
                network,
                task if task.formula else task.target,
                box=Domain.of(task.domain, task.arity),
                time_limit=_PROOF_SECONDS,
                node_limit=_PROOF_CELLS,
                search_limit=_PROOF_CELLS,
            )
        except InputError:
            pass  # a formula that jumps
        else:
            if proof.complete:
                return proof.upper, True
    X = points_of(task.domain)
    return float(np.abs(network(X) - task(X)).max()), False


def points_of(domain: Domain) -> Array:
    """The inputs [n, d] that functions are compared on: the domain's points or samples, else Sobol points.

    Examples:
        >>> points_of(Domain.of(None, 2)).shape
        (4096, 2)
    """
    if domain.points is not None:
        return domain.points
    return sobol_points(domain.box, _LOG2_POINTS) if domain.data is None else domain.data


def _variance(values: Array) -> float:
    """The mean variance of the outputs."""
    return float(values.var(axis=0).mean())


def _inverse(symmetry: Symmetry) -> Symmetry:
    order = sorted(range(len(symmetry.permutation)), key=lambda k: symmetry.permutation[k])
    return Symmetry(tuple(order), tuple(symmetry.signs[k] for k in order))


def _images(function: Network | Task, X: Array, group: Sequence[Symmetry]) -> Array:
    """What a network must give at X so that, turned by each symmetry, it computes the function [symmetry, n, out]."""
    return np.stack([function(_inverse(symmetry)(X)) for symmetry in group])


def _nearest(images: Array, values: Array) -> tuple[int, float]:
    """The symmetry after which a network is nearest to a function, and its mean squared error then."""
    errors = ((images - values) ** 2).mean(axis=(1, 2))
    least = float(errors.min())
    # Of several that are equal up to rounding the first: the identity before all others.
    return int(np.flatnonzero(errors <= least + EQUAL * max(least, EQUAL))[0]), least


def _leaders(
    networks: Sequence[Network],
    values: Sequence[Array],
    X: Array,
    group: Sequence[Symmetry],
    threshold: float | None,
) -> list[list[int]]:
    """The positions of networks in groups: each is within the tolerance of the first of its group."""
    groups: list[list[int]] = []
    heads: list[tuple[Array, float]] = []
    for k, own in enumerate(values):
        at = [_nearest(images, own)[1] <= most for images, most in heads]
        if any(at):
            groups[at.index(True)].append(k)
            continue
        groups.append([k])
        most = ONE_FUNCTION * _variance(own) if threshold is None else threshold
        heads.append((_images(networks[k], X, group), most))
    return groups


def _task_of(
    networks: Sequence[Network],
    values: Sequence[Array],
    members: Sequence[int],
    domain: Domain,
    X: Array,
    group: Sequence[Symmetry],
    threshold: float | None,
) -> Task:
    """The function of a group: a registered task, a formula, or its most typical network."""
    head = _images(networks[members[0]], X, group)
    turned = [head[_nearest(head, values[k])[0]] for k in members]
    # How far each is from the first's own image of it: the median of them is the most typical.
    errors = [float(np.mean((values[k] - image) ** 2)) for k, image in zip(members, turned, strict=True)]
    typical = networks[members[int(np.argsort(errors, kind="stable")[(len(errors) - 1) // 2])]]
    own = typical(X)
    most = ONE_FUNCTION * _variance(own) if threshold is None else threshold
    registered = [
        (_nearest(_images(task, X, group), own)[1], name)
        for name, task in tasks.items()
        if (task.arity, task.outputs) == (typical.inputs, typical.outputs) and _same_domain(task, domain)
    ]
    if registered and min(registered)[0] < most:
        return tasks[min(registered)[1]]
    box = () if domain.points is not None else domain.box
    points = () if domain.points is None else tuple(map(tuple, domain.points.tolist()))
    # Networks that a large threshold lets compute one function have its formula with a large tolerance alone.
    for tolerance in (PROGRAM_SHARE, _COARSE):
        formula = decompile(typical, box=domain, tolerance=tolerance, time_limit=PATIENCE).formula
        if formula is not None:
            text = "; ".join(one.text for one in formula)
            made = made_of_formula(text, _name(text, own), typical.inputs, box, points)
            if np.mean((made(X) - own) ** 2) < most:
                return made
    size = EQUAL * max(1.0, float(np.abs(own).max()))
    return Task(
        _name("", own),
        typical.inputs,
        target=typical,
        outputs=typical.outputs,
        box=box,
        points=points,
        symmetries=tuple(s for s in group[1:] if float(np.abs(typical(s(X)) - own).max()) <= size),
        # Without biases a ReLU network is positively homogeneous.
        needs_bias=float(np.abs(2.0 * typical(X / 2.0) - own).max()) > size,
        source=MADE,
    )


def made_of_formula(text: str, name: str, arity: int, box: Any, points: Any) -> Task:
    """The task of a function that networks were found to compute, with what follows from its formula.

    Args:
        text: the formula; several outputs are separated by `;`.
        name: the task's; arity: its number of inputs.
        box, points: its domain, one of the two empty.

    Examples:
        >>> made_of_formula("min(x1, x2)", "smaller", 2, ((0.0, 1.0), (0.0, 1.0)), ()).symmetries
        (Symmetry(x2, x1),)
    """
    task = Task.of_formula(text, name=name, arity=arity, box=box, points=points)
    return replace(task, box=() if task.points else task.box, source=MADE)


def _name(text: str, values: Array) -> str:
    """The formula where it is short and no task's name, else a word that goes by the function's values."""
    taken = {key for task in tasks.values() if task.source != MADE for key in (task.name, *task.aliases)}
    if text and len(text) <= _LONGEST and "/" not in text and text not in taken:
        return text
    return f"function {hashlib.sha256(np.round(values, 9).tobytes()).hexdigest()[:6]}"


def _same_domain(task: Task, domain: Domain) -> bool:
    if domain.points is not None:
        return set(task.points) == set(map(tuple, domain.points.tolist()))
    return not task.points and task.box == domain.box


def _assigned(
    found: Sequence[Task],
    values: Sequence[Array],
    X: Array,
    group: Sequence[Symmetry],
    threshold: float | None,
) -> list[Function]:
    """Every network with the function that it is nearest to, in units of what that function allows."""
    images = [_images(task, X, group) for task in found]
    most = [ONE_FUNCTION * _variance(task(X)) if threshold is None else threshold for task in found]
    members: list[dict[int, tuple[int, float]]] = [{} for _ in found]
    for k, own in enumerate(values):
        near = [_nearest(image, own) for image in images]
        best = int(
            np.argmin([loss / max(allowed, EQUAL) for (_, loss), allowed in zip(near, most, strict=True)])
        )
        members[best][k] = near[best]
    return [
        Function(
            task,
            tuple(own),
            {k: group[at] for k, (at, _) in own.items()},
            {k: loss for k, (_, loss) in own.items()},
            allowed,
        )
        for task, own, allowed in zip(found, members, most, strict=True)
        if own
    ]
