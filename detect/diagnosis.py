"""Why a network did not solve its task, in a word and a sentence, and at which step it was lost.

The causes exclude each other and are checked in this order; the first that applies is the answer.

diverged
    The loss or the weights are not finite.
solved
    The loss is below the threshold.
not converged
    Cautious local steps from here (`mathcircuits.detect.descent`), which conserve what gradient descent conserves,
    reach the threshold: nothing is lost, only time. All further causes are of networks that are stuck.
out of reach
    No network of this shape is known to compute the task: it needs biases that are not there, or the layer has fewer
    neurons than the smallest network known.
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
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .box import Box, as_floats
from .canonical import ROUNDING, CanonicalForm, canonical_form
from .descent import descend, residuals_and_jacobian, slopes_of
from .errors import InputError
from .mirroring import mirrored
from .network import Architecture, HasNetwork, Network, as_network
from .nonlinearity import apply_nonlinearity
from .sequences import several, training_steps
from .stacking import Stack
from .task import Symmetry, Task, as_task

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
#: Values of Jacobians held at once: 32 MiB.
HELD = 2**22
#: r^2 of two activations from which the neurons do the same work: bias-free in two dimensions 22 degrees, half of what
#: lies between a circuit's own features (greaterness and positiveness: 45 degrees, 0.38; the kinks of clip: 0.56), so
#: that neurons that are merging but have not merged are found.
SAME_WORK = 0.8
#: The best multiple of a neuron's outgoing weights below which their sign is wrong. It is 1 at a minimum and -1 for a
#: sign that was turned; where a neighbour is missing, it can fall to 0 and a little below.
WRONG = -0.5
#: Share of the target's spread below which a neuron is not used: 1% of the variance (docs/statistics.md, Criteria).
USED = 0.1
#: r^2 from which a kink is in its place: the gate of a match (docs/statistics.md, Criteria), about 4.7 degrees.
IN_PLACE = 0.99
#: Kinks whose effect on the function is below this share of its scale on the box are not named.
NAMED = 0.05


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

    def __repr__(self) -> str:
        place = "" if self.neuron is None else f", layer {self.layer}, neuron {self.neuron}"
        return f"Diagnosis({self.cause}{place}: {self.sentence})"


def diagnose(
    network: Network | HasNetwork | None,
    task: Task | str,
    *,
    loss: float | None = None,
    threshold: float = 1e-8,
) -> Diagnosis:
    """Why a network did not solve its task.

    Args:
        network: the network, or None for one whose weights are not finite.
        task: the task, or the name of a registered one.
        loss: its mean squared error on fresh points; None: measured here, on 256 points or four per parameter.
        threshold: the loss below which the task counts as solved (docs/statistics.md, Criteria).

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
    threshold: float = 1e-8,
) -> list[Diagnosis]:
    """`diagnose` for many networks of any shapes; those of one shape are followed down together, which is faster.

    Args:
        networks: the networks, None for those whose weights are not finite.
        task: the task, or its name.
        losses: one per network, NaN for those that diverged; None: measured here.
        threshold: the loss below which the task counts as solved.

    Raises:
        InputError: as `diagnose`, and where there are not as many losses as networks.

    Examples:
        >>> nets = [Network([[[1.0], [w]], [[1.0, 1.0]]]) for w in (-1.0, -0.5, 0.5)]
        >>> [found.cause for found in diagnose_many([*nets, None], "absolute")]
        ['solved', 'not converged', 'same side', 'diverged']
    """
    task = as_task(task)
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
            found[k] = Diagnosis("diverged", None, None, "its weights or its loss are not finite", np.nan)
        else:
            shapes.setdefault(net.architecture, []).append(k)
    for architecture, places in shapes.items():
        X, Y = _points(task, architecture)
        stack = Stack.of([net for k in places if (net := nets[k]) is not None])
        measured = ((stack.forward(X).outputs - Y) ** 2).mean(axis=(1, 2))
        known = [m if given[k] is None else given[k] for k, m in zip(places, measured, strict=True)]
        final = np.array(known, dtype=float)
        stuck = np.flatnonzero(final >= threshold)
        for row in np.flatnonzero(final < threshold):
            text = f"its loss is {final[row]:.2g}, below {threshold:.2g}"
            found[places[row]] = Diagnosis("solved", None, None, text, float(final[row]))
        reached = _reach(stack, stuck, X, Y, threshold)
        for row in stuck:
            k, loss = places[row], float(final[row])
            net = nets[k]
            assert net is not None
            if reached is None:
                found[k] = Diagnosis("unknown", None, None, _unreadable(architecture), loss)
            elif reached[row] < threshold:
                text = (
                    f"local steps from here lead from a loss of {loss:.2g} to one below {threshold:.2g}: it was "
                    "stopped too early, and nothing is lost"
                )
                found[k] = Diagnosis("not converged", None, None, text, loss)
            else:
                found[k] = _stuck(net, task, X, Y, loss)
    return [found[k] for k in range(len(nets))]


def lost_at(
    steps: Sequence[int] | npt.NDArray[np.integer],
    networks: Sequence[Network | HasNetwork | None],
    task: Task | str,
    *,
    threshold: float = 1e-8,
) -> int | None:
    """The step at which a network was lost: the first from which on local steps no longer lead to a solution.

    At a checkpoint a network is lost where it is neither solved nor `not converged`. The step returned is that of the
    first checkpoint of the last unbroken run of lost ones: the first step where it was lost from the start, None
    where at the end it is not lost, or where that cannot be told (other activations, too many parameters).

    Args:
        steps: the steps of the checkpoints, in order; the last is the end of training.
        networks: the network at each of them, None where its weights were not finite.
        task: the task, or its name.
        threshold: the loss below which the task counts as solved.

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
    threshold: float = 1e-8,
) -> list[int | None]:
    """`lost_at` for many runs with checkpoints at the same steps.

    Args:
        steps: the steps of the checkpoints; runs: per run the network at each of them.
        task: the task, or its name; threshold: the loss below which the task counts as solved.

    Raises:
        InputError: as `lost_at`.

    Examples:
        >>> path = [Network([[[1.0], [w]], [[0.5, 0.6]]]) for w in (-0.1, 0.1, 0.5)]
        >>> lost_at_many([0, 10, 100], [path, path[::-1]], "absolute")
        [10, None]
    """
    task, marks = as_task(task), training_steps(steps)
    listed = [_checked(run, task, threshold) for run in several(runs)]
    for k, run in enumerate(listed):
        if len(run) != len(marks):
            raise InputError(
                f"run {k} has {len(run)} networks at {len(marks)} steps: give one network per step"
            )
    flat = [net for run in listed for net in run]
    lost = _lost(flat, task, threshold)
    answers: list[int | None] = []
    for k in range(len(listed)):
        own = lost[k * len(marks) : (k + 1) * len(marks)]
        first = len(marks)
        while first and own[first - 1]:
            first -= 1
        answers.append(marks[first] if first < len(marks) else None)
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
        reached = _reach(stack, np.arange(len(stack)), X, Y, threshold)
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
    points = max(POINTS, min(PER_PARAMETER * _parameters(architecture), PER_PARAMETER * LARGEST))
    low, high = np.array(task.box).T
    X = np.random.default_rng(0).uniform(low, high, (points, task.arity))
    return X, np.asarray(task(X), dtype=np.float64)


def _parameters(architecture: Architecture) -> int:
    pairs = zip(architecture.sizes, architecture.sizes[1:], architecture.bias, strict=False)
    return sum(out * (fan_in + bias) for fan_in, out, bias in pairs)


def _reach(stack: Stack, rows: npt.NDArray[np.intp], X: Array, Y: Array, threshold: float) -> Array | None:
    """The losses [networks] that local steps reach from these rows, infinite elsewhere; None where none is tried."""
    size = _parameters(stack.architecture)
    if slopes_of(stack.architecture.activations) is None or size > LARGEST:
        return None
    reached = np.full(len(stack), np.inf)
    chunk = max(1, HELD // (size * Y.size))
    for at in range(0, len(rows), chunk):
        part = rows[at : at + chunk]
        own = Stack(
            stack.architecture, tuple(w[part] for w in stack.weights), tuple(b[part] for b in stack.biases)
        )
        # A tenth of the threshold: other points than these may say a little more.
        reached[part] = descend(own, X, Y, 0.1 * threshold, TRIES).losses
    return reached


def _unreadable(architecture: Architecture) -> str:
    if slopes_of(architecture.activations) is None:
        names = ", ".join(dict.fromkeys(architecture.activations))
        return (
            f"its activations ({names}) are not piecewise linear, and the causes known are of ReLU networks"
        )
    return (
        f"its {_parameters(architecture)} parameters are more than the {LARGEST} up to which local steps are tried, so "
        "that it is not known whether more training would help"
    )


@dataclass(frozen=True, eq=False)
class _Neurons:
    """One hidden layer with an activation, read.

    Attributes:
        layer: counted from 0 over such layers; block: the linear layer before it.
        dead: [h] whether it is never active on the box.
        pull: [h] the best multiple of each neuron's outgoing weights, all else held; -inf where it works against its
            group.
        locked: [h] whether gradient descent cannot turn their sign.
        used: [h] whether the neuron moves the output by at least `USED` of the target's spread.
        head: [h] the first neuron that does the same work, itself where there is none; -1 without a direction.
        mass: [h] outgoing length times spread.
        always: [h] whether it is active on (nearly) the whole box.
        needed: how many distinct ones the task needs, None where not known.
    """

    layer: int
    block: int
    dead: npt.NDArray[np.bool_]
    pull: Array
    locked: npt.NDArray[np.bool_]
    used: npt.NDArray[np.bool_]
    head: npt.NDArray[np.intp]
    mass: Array
    always: npt.NDArray[np.bool_]
    needed: int | None

    def distinct(self, outputs: int) -> int:
        """The number of distinct live neurons; always-on ones carry no more than an affine map of `outputs` rows."""
        own = np.flatnonzero(self.head == np.arange(len(self.head)))
        affine = int(self.always[own].sum())
        return len(own) - affine + min(affine, outputs)


def _stuck(net: Network, task: Task, X: Array, Y: Array, loss: float) -> Diagnosis:
    """The cause of a network that local steps do not save."""
    needs = _needed(task, net.architecture)
    if task.needs_bias and not net.architecture.has_bias:
        text = f"the task {task.name!r} needs biases, and this network has none"
        return Diagnosis("out of reach", None, None, text, loss)
    for layer, (block, need) in enumerate(zip(net.architecture.active, needs, strict=True)):
        width = net.sizes[block + 1]
        if need is not None and width < need:
            text = f"layer {layer} has {width} neurons, and the smallest network known for {task.name!r} has {need}"
            return Diagnosis("out of reach", layer, None, text, loss)
    if not net.architecture.active:
        return Diagnosis(
            "out of reach", None, None, "it has no layer with an activation, so it is affine", loss
        )
    layers = _read(net, task, X, Y, needs)
    for check in (_dead, _locked_sign, _same_side, _any_sign):
        for neurons in layers:
            found = check(net, task, neurons, X)
            if found is not None:
                cause, neuron, text = found
                return Diagnosis(cause, neurons.layer, neuron, text, loss)
    return _misplaced(net, task, layers, X, loss)


def _dead(net: Network, task: Task, neurons: _Neurons, X: Array) -> tuple[str, int, str] | None:
    distinct = neurons.distinct(net.outputs)
    if not neurons.dead.any() or (neurons.needed is not None and distinct >= neurons.needed):
        return None
    k = int(np.flatnonzero(neurons.dead)[0])
    text = (
        f"{_named(np.flatnonzero(neurons.dead), neurons.layer)} never active on the box, so that no gradient reaches "
        f"{'it' if neurons.dead.sum() == 1 else 'them'}, and {_short(distinct, neurons.needed)}"
    )
    return "dead neuron", k, text + _lacking(net, task, neurons, X)


def _locked_sign(net: Network, _task: Task, neurons: _Neurons, _X: Array) -> tuple[str, int, str] | None:
    return _wrong_signed(net, neurons, neurons.locked & ((neurons.pull == -np.inf) | ~neurons.used))


def _any_sign(net: Network, _task: Task, neurons: _Neurons, _X: Array) -> tuple[str, int, str] | None:
    return _wrong_signed(net, neurons, neurons.pull > -np.inf)


def _wrong_signed(
    net: Network, neurons: _Neurons, among: npt.NDArray[np.bool_]
) -> tuple[str, int, str] | None:
    wrong = among & (neurons.pull < WRONG) & ~neurons.dead
    if not wrong.any():
        return None
    # The one whose sign, turned, would change most is named.
    k = int(np.where(wrong, neurons.mass * np.abs(neurons.pull).clip(1.0, 1e9), -1.0).argmax())
    incoming = np.hypot(np.linalg.norm(net.weights[neurons.block][k]), net.bias_vectors[neurons.block][k])
    outgoing = np.linalg.norm(net.weights[neurons.block + 1][:, k])
    lock = (
        f": they are longer than its incoming ones ({outgoing:.3g} and {incoming:.3g}), so that gradient descent "
        "cannot turn them"
        if neurons.locked[k]
        else ""
    )
    against = neurons.pull[k] == -np.inf
    sense = "against that of the others on its side" if against else "opposite to what the target wants"
    text = f"the outgoing weights of neuron {k} of layer {neurons.layer} have a sign {sense}{lock}"
    return "wrong-signed neuron", k, text


def _same_side(net: Network, task: Task, neurons: _Neurons, X: Array) -> tuple[str, int, str] | None:
    distinct = neurons.distinct(net.outputs)
    again = np.flatnonzero((neurons.head >= 0) & (neurons.head != np.arange(len(neurons.head))))
    if not len(again) or (neurons.needed is not None and distinct >= neurons.needed):
        return None
    # Of the largest group, the neuron that does least.
    heads, counts = np.unique(neurons.head[again], return_counts=True)
    head = int(heads[counts.argmax()])
    group = np.flatnonzero(neurons.head == head)
    k = int(group[neurons.mass[group].argmin()])
    first = net.architecture.active[0] == 0 and neurons.layer == 0
    side = f", both on the side of {_ridge(net, head)}" if first and len(group) == 2 else ""
    side = f", all on the side of {_ridge(net, head)}" if first and len(group) > 2 else side
    needed = neurons.needed
    count = (
        f"so that of the {needed} that the task needs {distinct} {'is' if distinct == 1 else 'are'} there"
        if needed is not None
        else f"so that {distinct} of {len(neurons.head)} are left"
    )
    text = f"neurons {_and(group)} of layer {neurons.layer} do the same work{side}, {count}"
    return "same side", k, text + _lacking(net, task, neurons, X)


def _misplaced(net: Network, task: Task, layers: list[_Neurons], X: Array, loss: float) -> Diagnosis:
    cause = "kink in the wrong place"
    target = _form(task)
    if target is None or len(layers) > 1:
        text = "by exclusion: enough neurons are alive, distinct and of the right sign, but local steps solve nothing"
        return Diagnosis(cause, None, None, text, loss)
    form = canonical_form(net, task.box).simplify(NAMED * target.scale)
    own, wanted = (np.abs(X @ f.n.T + f.d) for f in (form, target))
    alike = _alike(own, wanted) >= IN_PLACE
    missing, extra = np.flatnonzero(~alike.any(axis=0)), np.flatnonzero(~alike.any(axis=1))
    if not len(missing) and not len(extra):
        text = "a local minimum with every kink in its place; the affine part is what is wrong"
        return Diagnosis("unknown", None, None, text, loss)
    parts, neuron = [], None
    if len(extra):
        j = int(extra[np.abs(form.kappa[extra]).max(axis=1).argmax()])
        post = net.run(X)[f"blocks.{net.architecture.active[0]}.mlp.hook_post"]
        sides = np.stack([np.maximum(s * (X @ form.n[j] + form.d[j]), 0.0) for s in (1.0, -1.0)], axis=1)
        neuron = int(_alike(post, sides).max(axis=1).argmax())
        parts.append(
            f"neuron {neuron} bends the function along {_plane(form, j)}, where the task does not bend"
        )
    if len(missing):
        parts.append(f"nothing bends along {_plane(target, int(missing[0]))}, where the task does")
    return Diagnosis(cause, None if neuron is None else 0, neuron, "; ".join(parts), loss)


def _read(net: Network, task: Task, X: Array, Y: Array, needs: tuple[int | None, ...]) -> list[_Neurons]:
    """Every layer with an activation."""
    slopes = slopes_of(net.activations)
    assert slopes is not None
    # With a bias everywhere: the derivatives by a layer's bias are those by what goes into its units.
    residual, J = residuals_and_jacobian(
        [w[None] for w in net.weights], [b[None] for b in net.bias_vectors], slopes, X.T[None], Y.T[None]
    )
    ends = np.cumsum([w.size + len(w) for w in net.weights])
    record = net.run(X)
    layers = []
    for layer, block in enumerate(net.architecture.active):
        into, out = net.weights[block], net.weights[block + 1]
        b = net.bias_vectors[block]
        post, pre = record[f"blocks.{block}.mlp.hook_post"], record[f"blocks.{block}.mlp.hook_pre"]
        if block == 0:
            low, high = _range(into, b, task.box)
            size = np.abs(into).sum(axis=1) + np.abs(b)
            dead, always = high <= ROUNDING * size, low >= -ROUNDING * size
        else:
            dead, always = pre.max(axis=0) <= 0, pre.min(axis=0) >= 0
        dead = dead & (slopes[block] == 0)
        # Affine to within the gate of a match: what bends a little at the box's edge does an affine neuron's work.
        always = (always | (np.diag(_alike(post, pre)) >= IN_PLACE)) & ~dead
        # d output / d (multiple of the outgoing weights) [h, outputs * n], on the neuron's side and on its other one
        into_next = out.T @ J[0, ends[block + 1] - len(out) : ends[block + 1]]
        along, across = (
            into_next * np.tile(apply_nonlinearity(net.activations[block], side * pre).T, net.outputs)
            for side in (1.0, -1.0)
        )
        head, mass = _groups(post, out, dead, always)
        locked = (out * out).sum(axis=0) > (into * into).sum(axis=1) + b * b
        used = along.std(axis=1) >= USED * Y.std()
        pull = _pull(along, across, residual[0], head)
        layers.append(_Neurons(layer, block, dead, pull, locked, used, head, mass, always, needs[layer]))
    return layers


def _pull(along: Array, across: Array, residual: Array, head: npt.NDArray[np.intp]) -> Array:
    """The best multiple of each neuron's outgoing weights [h], all other neurons held; those of one group as one.

    A member whose sign is against its group's, where the group's is right, is wrong whatever its size (-inf), unless
    its sign is the one that the other side of its kink wants: then its side is wrong and not its sign.
    """
    pull = np.ones(len(along))
    for k in np.unique(head[head >= 0]):
        members = np.flatnonzero(head == k)
        total = along[members].sum(axis=0)
        length = float(total @ total)
        if length == 0.0:
            continue
        best = 1.0 - float(total @ residual) / length
        against = along[members] @ total < 0
        wanted = across[members] @ residual < 0
        turned = np.where(wanted, 1.0, -np.inf) if best > 0 else -best
        pull[members] = np.where(against, turned, best)
    return pull


def _groups(
    post: Array, out: Array, dead: npt.NDArray[np.bool_], always: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.intp], Array]:
    """Per neuron the first that does the same work (-1 without a direction), and its mass; heads have the most mass."""
    sd = post.std(axis=0)
    # A constant neuron, all of whose incoming weights are 0, is part of the affine map's constant.
    flat = dead | (sd <= ROUNDING * np.abs(post).max(axis=0, initial=0.0))
    mass = np.linalg.norm(out, axis=0) * sd
    # A neuron that bends does not do the work of one that is affine on the box.
    alike = np.where(always[:, None] == always, _alike(post, post), 0.0)
    head = np.full(len(mass), -1, dtype=np.intp)
    heads: list[int] = []
    for k in np.argsort(-mass, kind="stable"):
        if flat[k]:
            continue
        near = [h for h in heads if alike[k, h] >= SAME_WORK]
        head[k] = max(near, key=lambda h: alike[k, h]) if near else k
        if not near:
            heads.append(int(k))
    return head, mass


def _alike(a: Array, b: Array) -> Array:
    """r^2 with its sign [columns of a, columns of b]; 0 for constant columns."""
    units = []
    for columns in (a, b):
        centred = columns - columns.mean(axis=0)
        length = np.linalg.norm(centred, axis=0)
        constant = length <= ROUNDING * np.abs(columns).max(axis=0, initial=0.0) * len(columns)
        units.append(np.where(constant, 0.0, centred / np.where(constant, 1.0, length)))
    r = units[0].T @ units[1]
    return np.asarray(np.sign(r) * r * r)


def _range(W: Array, b: Array, box: Box) -> tuple[Array, Array]:
    """Lowest and highest pre-activation [h] of first-layer neurons on the box, exactly."""
    bounds = np.array(box)
    middle, half = W @ bounds.mean(axis=1) + b, np.abs(W) @ (np.diff(bounds, axis=1)[:, 0] / 2)
    return middle - half, middle + half


@lru_cache(maxsize=256)
def _needed(task: Task, architecture: Architecture) -> tuple[int | None, ...]:
    """The neurons per layer of the smallest network known; None where no network of this depth is known."""
    known = task.hidden_with_bias if architecture.has_bias else task.hidden
    if known is not None and len(known) == len(architecture.active):
        return tuple(known)
    form = _form(task)
    if form is not None and len(architecture.active) == 1:
        try:
            return (form.neurons(bias=architecture.has_bias).count,)
        except InputError:  # offsets without biases
            return (None,)
    return (None,) * len(architecture.active)


@lru_cache(maxsize=256)
def _form(task: Task) -> CanonicalForm | None:
    """The task's normal form, where its hand-derived network has one hidden layer."""
    derived = task.derived_network
    if derived is None or len(derived.architecture.active) != 1:
        return None
    return canonical_form(derived, task.box)


def _lacking(net: Network, task: Task, neurons: _Neurons, X: Array) -> str:
    """Which of the hand-derived first-layer features no neuron holds, in the mirror image that lacks least."""
    derived = task.derived_network
    if (
        derived is None
        or neurons.layer
        or net.architecture.active[0]
        or derived.architecture.active[:1] != (0,)
    ):
        return ""
    if derived.architecture.has_bias != net.architecture.has_bias:
        return ""
    post = net.run(X)["blocks.0.mlp.hook_post"]
    best: list[str] | None = None
    for symmetry in (Symmetry(tuple(range(task.arity)), (1,) * task.arity), *task.symmetries):
        wanted = derived.run(symmetry(X))["blocks.0.mlp.hook_post"]
        held = (_alike(wanted, post) >= SAME_WORK).any(axis=1)
        if best is None or (~held).sum() < len(best):
            W = mirrored(derived, symmetry).weights[0]
            best = [_affine(W[j], derived.bias_vectors[0][j]) for j in np.flatnonzero(~held)]
    return f"; nothing holds {' or '.join(f'relu({text})' for text in best)}" if best else ""


def _ridge(net: Network, neuron: int) -> str:
    """A first-layer neuron as text, its largest weight scaled to 1."""
    w, b = net.weights[0][neuron], net.bias_vectors[0][neuron]
    peak = float(np.abs(w).max())
    return f"relu({_affine(w / peak, b / peak)})"


def _plane(form: CanonicalForm, j: int) -> str:
    peak = float(np.abs(form.n[j]).max())
    return f"{_affine(form.n[j] / peak, form.d[j] / peak)} = 0"


def _affine(w: Array, b: float) -> str:
    terms = [(float(v), f"x{k + 1}") for k, v in enumerate(w)] + [(float(b), "")]
    text = ""
    for value, name in terms:
        size = f"{abs(value):.2g}"
        if float(size) < 0.005:  # what two digits would show as 0.00
            continue
        body = name if size == "1" and name else f"{size} {name}".strip()
        text += (f" {'-' if value < 0 else '+'} " if text else "-" if value < 0 else "") + body
    return text or "0"


def _short(distinct: int, needed: int | None) -> str:
    live = f"{distinct} distinct one{'s are' if distinct != 1 else ' is'} left"
    return live if needed is None else f"{live} of the {needed} that the task needs"


def _named(neurons: npt.NDArray[np.intp], layer: int) -> str:
    many = len(neurons) > 1
    return f"neuron{'s' if many else ''} {_and(neurons)} of layer {layer} {'are' if many else 'is'}"


def _and(numbers: Iterable[int]) -> str:
    texts = [str(int(number)) for number in numbers]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
