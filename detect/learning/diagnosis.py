"""Why a network did not solve its task, in a word and a sentence, and at which step it was lost.

The causes exclude each other and are checked in this order; the first that applies is the answer.

diverged
    The loss or the weights are not finite.
solved
    The loss is below the threshold.
not converged
    Cautious local steps from here (`mathcircuits.detect.learning.local_descent`), which conserve what gradient descent
    conserves, reach the threshold: nothing is lost, only time. All further causes are of networks that are stuck.
out of reach
    No network of this shape is known to compute the task: it needs biases that are not there, or the layer has fewer
    neurons than the smallest network known. Missing biases are named first, whatever local steps would reach on the
    points at hand.
dead neuron
    A neuron's activation is 0 on the whole box, so that no gradient reaches it; and the distinct live neurons of its
    layer are fewer than the task needs.
wrong-signed neuron
    All else held, the best multiple of a neuron's outgoing weights is below -1/2 (that of its group, where several do
    the same work); or their sign is against its group's, and no use on the other side of its kink either. Where they
    are longer than its incoming ones (with its bias), gradient descent cannot turn their sign, and drives the neuron
    to 0: one that is locked so and is hardly used any more, or against its group, is found here, any other one
    after the next cause.
same side
    Two live neurons of a layer do the same work (they bend on the same side of the same hyperplane: their activations
    correlate with r^2 >= 0.8), and the distinct ones of the layer are fewer than the task needs.
kink in the wrong place
    None of these: enough neurons, all alive, distinct and of the right sign, in a local minimum of the loss. So they
    bend the function where the task does not bend, or not where it does; the sentence names the places where both
    have one hidden layer.
unknown
    Where it cannot be told, with the reason: other activations than ReLU and leaky ReLU, too many parameters, or a
    local minimum in which every kink is in its place.

A dead neuron comes before two on the same side, since nothing can bring it back; each of them could have been the
neuron that the task lacks.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.task import Task, as_task
from ..networks.architecture import Architecture
from ..networks.box import as_floats
from ..networks.checks import several, training_steps
from ..networks.network import HasNetwork, Network, as_network
from ..networks.stacks import Stack
from .failure_causes import cause_of, lacks_biases
from .failure_records import Cause, Diverged, NeedsBiases, NotConverged, NotPiecewiseLinear, Solved, TooLarge
from .failure_words import sentence
from .local_descent import descend, slopes_of

Array = npt.NDArray[np.float64]

#: The causes, in the order in which they are checked.
CAUSES = (
    "diverged",
    "solved",
    "not converged",
    "out of reach",
    "dead neuron",
    "wrong-signed neuron",
    "same side",
    "kink in the wrong place",
    "unknown",
)
#: Points at which a loss is measured and followed down: of a loss of 1e-8 they leave no doubt, and four for every
#: parameter keep the steps from fitting the points instead of the task.
POINTS, PER_PARAMETER = 256, 4
#: Local steps tried. Of 600 networks of six tasks at minimal width none needed more than 90.
TRIES = 200
#: Parameters up to which local steps are affordable: a step solves equations of this size, 0.1 s here.
LARGEST = 1000
#: Values of Jacobians held at once, 4 MiB: more no longer fit a processor's cache, fewer leave each step little to do.
CHUNK_VALUES = 2**19


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """Why a network failed (see the module for the definitions).

    Attributes:
        cause: one of `CAUSES`.
        layer: the hidden layer of the neuron, counted from 0 over layers with an activation; None where no single
            neuron is to blame.
        neuron: the neuron, counted from 0.
        sentence: the reason in words, with the numbers that decided.
        loss: the mean squared error, NaN where it diverged.

    Examples:
        >>> diagnose(Network([[[1.0], [0.5]], [[0.5, 1.0]]]), "absolute")
        Diagnosis(same side, layer 0, neuron 0: neurons 0 and 1 of layer 0 do the same work, both on the
        side of relu(x1), so that of the 2 that the task needs 1 is there; nothing holds relu(-x1))
    """

    cause: str
    layer: int | None
    neuron: int | None
    sentence: str
    loss: float

    @classmethod
    def of(cls, found: Cause, loss: float) -> Diagnosis:
        """A cause with its words."""
        return cls(found.cause, found.layer, found.neuron, sentence(found), loss)

    def __repr__(self) -> str:
        place = "" if self.neuron is None else f", layer {self.layer}, neuron {self.neuron}"
        return f"Diagnosis({self.cause}{place}: {self.sentence})"


def diagnose(
    network: Network | HasNetwork | None,
    task: Task | str,
    *,
    loss: float | None = None,
    threshold: float | None = None,
) -> Diagnosis:
    """Why a network did not solve its task.

    Args:
        network: the network, or None for one whose weights are not finite.
        task: the task, or the name of a registered one.
        loss: its mean squared error on fresh points; None: measured here, on 256 points or four per parameter.
        threshold: the loss below which the task counts as solved; None for the task's own
            (docs/understand/evidence.md, Criteria).

    Raises:
        UnknownTask: for a task that is not registered.
        InputError: for a network whose inputs or outputs are not the task's, or a threshold that is not positive.

    Examples:
        >>> diagnose(Network([[[1.0], [-0.9]], [[1.0, 1.0]]]), "absolute").cause
        'not converged'
        >>> found = diagnose(Network([[[1.0], [0.01]], [[1.0, -0.5]]]), "absolute")
        >>> found.cause, found.layer, found.neuron
        ('wrong-signed neuron', 0, 1)
    """
    return diagnose_many([network], task, losses=None if loss is None else [loss], threshold=threshold)[0]


def diagnose_many(
    networks: Iterable[Network | HasNetwork | None],
    task: Task | str,
    *,
    losses: Sequence[float] | npt.NDArray[np.floating] | None = None,
    threshold: float | None = None,
) -> list[Diagnosis]:
    """`diagnose` for many networks of any shapes; those of one shape are followed down together, which is faster.

    Args:
        networks: the networks, None for those whose weights are not finite.
        task: the task, or its name.
        losses: one per network, NaN for those that diverged; None: measured here.
        threshold: the loss below which the task counts as solved; None for the task's own.

    Raises:
        InputError: as `diagnose`, and where there are not as many losses as networks.

    Examples:
        >>> nets = [Network([[[1.0], [w]], [[1.0, 1.0]]]) for w in (-1.0, -0.5, 0.5)]
        >>> [found.cause for found in diagnose_many([*nets, None], "absolute")]
        ['solved', 'not converged', 'same side', 'diverged']
    """
    task = as_task(task)
    threshold = task.threshold if threshold is None else threshold
    nets = _checked(networks, task, threshold)
    given = [None] * len(nets) if losses is None else _numbers(losses)
    if len(given) != len(nets):
        raise InputError(
            f"{len(given)} losses for {len(nets)} networks: give one each, NaN for a diverged one"
        )
    found: dict[int, Diagnosis] = {}
    shapes: dict[Architecture, list[int]] = {}
    for k, (net, own) in enumerate(zip(nets, given, strict=True)):
        if net is None or (own is not None and not np.isfinite(own)):
            found[k] = Diagnosis.of(Diverged(), np.nan)
        else:
            shapes.setdefault(net.architecture, []).append(k)
    for architecture, places in shapes.items():
        X, Y = _points(task, architecture)
        stack = Stack.of([net for k in places if (net := nets[k]) is not None])
        measured = ((stack.forward(X).outputs - Y) ** 2).mean(axis=(1, 2))
        known = [m if given[k] is None else given[k] for k, m in zip(places, measured, strict=True)]
        final = np.array(known, dtype=float)
        stuck = np.flatnonzero(final >= threshold)
        reached = _reach(stack, stuck, task, X, Y, threshold)
        for row, k in enumerate(places):
            net, loss = nets[k], float(final[row])
            assert net is not None
            cause: Cause
            if loss < threshold:
                cause = Solved(loss=loss, threshold=threshold)
            elif lacks_biases(task, architecture):
                cause = NeedsBiases(task=task.name)
            elif reached is None:
                cause = _unreadable(architecture)
            elif reached[row] < threshold:
                cause = NotConverged(loss=loss, threshold=threshold)
            else:
                cause = cause_of(net, task, X, Y)
            found[k] = Diagnosis.of(cause, loss)
    return [found[k] for k in range(len(nets))]


def lost_at(
    steps: Sequence[int] | npt.NDArray[np.integer],
    networks: Sequence[Network | HasNetwork | None],
    task: Task | str,
    *,
    threshold: float | None = None,
) -> int | None:
    """The step at which a network was lost: the first from which on local steps no longer lead to a solution.

    At a checkpoint a network is lost where it is neither solved nor `not converged`. The step returned is that of the
    first checkpoint of the last unbroken run of lost ones: the first step where it was lost from the start, None
    where at the end it is not lost, or where that cannot be told (other activations, too many parameters).

    Args:
        steps: the steps of the checkpoints, in order; the last is the end of training.
        networks: the network at each of them, None where its weights were not finite.
        task: the task, or its name.
        threshold: the loss below which the task counts as solved; None for the task's own.

    Raises:
        InputError: as `diagnose`, and where there are not as many steps as networks, or none.

    Examples:
        >>> path = [Network([[[1.0], [w]], [[0.5, 0.6]]]) for w in (-0.1, 0.1, 0.5)]
        >>> lost_at([0, 10, 100], path, "absolute"), lost_at([0], path[:1], "absolute")
        (10, None)
    """
    return lost_at_many(steps, [networks], task, threshold=threshold)[0]


def lost_at_many(
    steps: Sequence[int] | npt.NDArray[np.integer],
    runs: Iterable[Sequence[Network | HasNetwork | None]],
    task: Task | str,
    *,
    threshold: float | None = None,
) -> list[int | None]:
    """`lost_at` for many runs with checkpoints at the same steps.

    Args:
        steps: the steps of the checkpoints; runs: per run the network at each of them.
        task: the task, or its name.
        threshold: the loss below which the task counts as solved; None for the task's own.

    Raises:
        InputError: as `lost_at`.

    Examples:
        >>> path = [Network([[[1.0], [w]], [[0.5, 0.6]]]) for w in (-0.1, 0.1, 0.5)]
        >>> lost_at_many([0, 10, 100], [path, path[::-1]], "absolute")
        [10, None]
    """
    task, marks = as_task(task), training_steps(steps)
    threshold = task.threshold if threshold is None else threshold
    listed = [_checked(run, task, threshold) for run in several(runs)]
    for k, run in enumerate(listed):
        if len(run) != len(marks):
            raise InputError(
                f"run {k} has {len(run)} networks at {len(marks)} steps: give one network per step"
            )
    # Most networks that are not lost in the end were never lost for good: of those no earlier checkpoint is asked.
    ends = _lost([run[-1] for run in listed], task, threshold)
    stuck = [run[:-1] for run, end in zip(listed, ends, strict=True) if end]
    earlier = iter(_lost([net for run in stuck for net in run], task, threshold))
    answers: list[int | None] = []
    for end in ends:
        own = [*(next(earlier) for _ in marks[:-1]), end] if end else [end]
        first = len(own)
        while first and own[first - 1]:
            first -= 1
        answers.append(marks[first] if end else None)
    return answers


def _lost(nets: list[Network | None], task: Task, threshold: float) -> list[bool]:
    lost = [net is None for net in nets]
    shapes: dict[Architecture, list[int]] = {}
    for k, net in enumerate(nets):
        if net is not None:
            shapes.setdefault(net.architecture, []).append(k)
    for architecture, places in shapes.items():
        X, Y = _points(task, architecture)
        stack = Stack.of([net for k in places if (net := nets[k]) is not None])
        reached = _reach(stack, np.arange(len(stack)), task, X, Y, threshold)
        if reached is not None:
            for k, loss in zip(places, reached, strict=True):
                lost[k] = bool(loss >= threshold)
    return lost


def _checked(
    networks: Iterable[Network | HasNetwork | None], task: Task, threshold: float
) -> list[Network | None]:
    if not (np.isfinite(threshold) and threshold > 0):
        raise InputError(f"threshold {threshold!r}: give a mean squared error above 0, such as 1e-8")
    nets = [None if network is None else as_network(network) for network in several(networks)]
    for net in nets:
        if net is not None and (net.inputs, net.outputs) != (task.arity, task.outputs):
            raise InputError(
                f"{net!r} for task {task.name!r}: the task has {task.arity} inputs and {task.outputs} outputs; "
                "diagnose a network of its own task"
            )
    return nets


def _numbers(losses: object) -> list[float]:
    numbers = as_floats(losses)
    if numbers is None or numbers.ndim != 1:
        raise InputError(
            f"losses {reprlib.repr(losses)}: give one mean squared error per network, NaN for a diverged one"
        )
    return [float(loss) for loss in numbers]


def _points(task: Task, architecture: Architecture) -> tuple[Array, Array]:
    """Inputs [n, d] of the task's box and targets [n, outputs]."""
    points = max(POINTS, min(PER_PARAMETER * architecture.parameters, PER_PARAMETER * LARGEST))
    X = task.sample(points)
    return X, np.asarray(task(X), dtype=np.float64)


def _reach(
    stack: Stack, rows: npt.NDArray[np.intp], task: Task, X: Array, Y: Array, threshold: float
) -> Array | None:
    """The losses [networks] that local steps reach from these rows, infinite elsewhere; None where none is tried."""
    size = stack.architecture.parameters
    if slopes_of(stack.architecture.activations) is None or size > LARGEST:
        return None
    reached = np.full(len(stack), np.inf)
    chunk = max(1, CHUNK_VALUES // (size * Y.size))
    for at in range(0, len(rows), chunk):
        part = rows[at : at + chunk]
        own = Stack(
            stack.architecture, tuple(w[part] for w in stack.weights), tuple(b[part] for b in stack.biases)
        )
        # A tenth of the threshold: other points than these may say a little more. Of data there are no others, and a
        # tenth of their noise is out of reach.
        goal = threshold if task.rows is not None else 0.1 * threshold
        reached[part] = descend(own, X, Y, goal, TRIES).losses
    return reached


def _unreadable(architecture: Architecture) -> NotPiecewiseLinear | TooLarge:
    if slopes_of(architecture.activations) is None:
        return NotPiecewiseLinear(activations=architecture.activations)
    return TooLarge(parameters=architecture.parameters, largest=LARGEST)
