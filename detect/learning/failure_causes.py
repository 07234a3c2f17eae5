"""Which cause a network fails its task for: the checks, each of which answers with a record of its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..exact.canonical import CanonicalForm, canonical_form
from ..features.symmetry import Symmetry, mirrored
from ..features.task import Task
from ..networks.architecture import Architecture, hook_post, hook_pre
from ..networks.box import Box
from ..networks.network import Network
from ..networks.nonlinearities import apply_nonlinearity
from ..networks.parameter_layout import ParameterLayout
from ..networks.stacks import Stack
from ..statistics.criteria import ROUNDING
from .criteria import IN_PLACE, MOVES_OUTPUT, NAMED_KINK, SAME_WORK, WRONG_SIGN
from .failure_records import (
    Affine,
    AffinePartWrong,
    Cause,
    Dead,
    IsAffine,
    Misplaced,
    MisplacedByExclusion,
    SameSide,
    TooNarrow,
    WrongSign,
)
from .local_descent import forward, residuals_and_jacobian, slopes_of

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Neurons:
    """One hidden layer with an activation, read.

    Attributes:
        layer: counted from 0 over such layers; block: the linear layer before it.
        dead: [h] whether it is never active on the box.
        pull: [h] the best multiple of each neuron's outgoing weights, all else held; -inf where it works against its
            group.
        locked: [h] whether gradient descent cannot turn their sign.
        used: [h] whether the neuron moves the output by at least `MOVES_OUTPUT` of the target's spread.
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


def lacks_biases(task: Task, architecture: Architecture) -> bool:
    """Whether a network of that shape cannot compute the task for want of biases.

    Without biases a network of ReLUs, of other activations with one kink at 0 or of none is positively homogeneous.

    Examples:
        >>> from ..features.task import as_task
        >>> shape = Architecture((1, 3, 1), ("relu",), (False, False))
        >>> lacks_biases(as_task("clip"), shape), lacks_biases(as_task("absolute"), shape)
        (True, False)
    """
    plain = slopes_of(architecture.activations) is not None
    return task.needs_bias and plain and not architecture.has_bias


def cause_of(net: Network, task: Task, X: Array, Y: Array) -> Cause:
    """The cause of a network that local steps do not save.

    Args:
        net: the network, piecewise linear.
        task: what it should have learned.
        X, Y: points [n, d] of the task's box and its values [n, outputs].

    Examples:
        >>> from ..features.task import as_task
        >>> task, X = as_task("absolute"), np.linspace(-1, 1, 64)[:, None]
        >>> found = cause_of(Network([[[1.0], [0.5]], [[0.5, 1.0]]]), task, X, np.abs(X))
        >>> found.cause, found.neurons, found.ridge, found.lacking
        ('same side', (0, 1), Affine(weights=(1.0,), offset=0.0), (Affine(weights=(-1.0,), offset=0.0),))
    """
    needs = _needed(task, net.architecture)
    for layer, (block, need) in enumerate(zip(net.architecture.active, needs, strict=True)):
        width = net.sizes[block + 1]
        if need is not None and width < need:
            return TooNarrow(layer=layer, task=task.name, width=width, needed=need)
    if not net.architecture.active:
        return IsAffine()
    layers = _read(net, task, X, Y, needs)
    checks: tuple[Callable[[Network, Task, _Neurons, Array], Cause | None], ...] = (
        _dead,
        _locked_sign,
        _same_side,
        _any_sign,
    )
    for check in checks:
        for neurons in layers:
            found = check(net, task, neurons, X)
            if found is not None:
                return found
    return _misplaced(net, task, layers, X)


def _dead(net: Network, task: Task, neurons: _Neurons, X: Array) -> Dead | None:
    distinct = neurons.distinct(net.outputs)
    if not neurons.dead.any() or (neurons.needed is not None and distinct >= neurons.needed):
        return None
    dead = tuple(np.flatnonzero(neurons.dead).tolist())
    return Dead(
        layer=neurons.layer,
        neuron=dead[0],
        neurons=dead,
        distinct=distinct,
        needed=neurons.needed,
        lacking=_lacking(net, task, neurons, X),
    )


def _locked_sign(net: Network, _task: Task, neurons: _Neurons, _X: Array) -> WrongSign | None:
    return _wrong_signed(net, neurons, neurons.locked & ((neurons.pull == -np.inf) | ~neurons.used))


def _any_sign(net: Network, _task: Task, neurons: _Neurons, _X: Array) -> WrongSign | None:
    return _wrong_signed(net, neurons, neurons.pull > -np.inf)


def _wrong_signed(net: Network, neurons: _Neurons, among: npt.NDArray[np.bool_]) -> WrongSign | None:
    wrong = among & (neurons.pull < WRONG_SIGN) & ~neurons.dead
    if not wrong.any():
        return None
    # The one whose sign, turned, would change most is named.
    k = int(np.where(wrong, neurons.mass * np.abs(neurons.pull).clip(1.0, 1e9), -1.0).argmax())
    incoming = np.hypot(np.linalg.norm(net.weights[neurons.block][k]), net.bias_vectors[neurons.block][k])
    return WrongSign(
        layer=neurons.layer,
        neuron=k,
        against=bool(neurons.pull[k] == -np.inf),
        locked=bool(neurons.locked[k]),
        outgoing=float(np.linalg.norm(net.weights[neurons.block + 1][:, k])),
        incoming=float(incoming),
    )


def _same_side(net: Network, task: Task, neurons: _Neurons, X: Array) -> SameSide | None:
    distinct = neurons.distinct(net.outputs)
    again = np.flatnonzero((neurons.head >= 0) & (neurons.head != np.arange(len(neurons.head))))
    if not len(again) or (neurons.needed is not None and distinct >= neurons.needed):
        return None
    # Of the largest group, the neuron that does least.
    heads, counts = np.unique(neurons.head[again], return_counts=True)
    head = int(heads[counts.argmax()])
    group = np.flatnonzero(neurons.head == head)
    first = net.architecture.active[0] == 0 and neurons.layer == 0
    return SameSide(
        layer=neurons.layer,
        neuron=int(group[neurons.mass[group].argmin()]),
        neurons=tuple(group.tolist()),
        ridge=_scaled(net.weights[0][head], net.bias_vectors[0][head]) if first else None,
        width=len(neurons.head),
        distinct=distinct,
        needed=neurons.needed,
        lacking=_lacking(net, task, neurons, X),
    )


def _misplaced(
    net: Network, task: Task, layers: list[_Neurons], X: Array
) -> Misplaced | MisplacedByExclusion | AffinePartWrong:
    target = _form(task)
    if target is None or len(layers) > 1:
        return MisplacedByExclusion()
    form = canonical_form(net, box=task.box).simplify(NAMED_KINK * target.scale)
    own, wanted = (np.abs(X @ f.n.T + f.d) for f in (form, target))
    alike = _alike(own, wanted) >= IN_PLACE
    missing, extra = np.flatnonzero(~alike.any(axis=0)), np.flatnonzero(~alike.any(axis=1))
    if not len(missing) and not len(extra):
        return AffinePartWrong()
    lacked = _scaled(target.n[missing[0]], target.d[missing[0]]) if len(missing) else None
    if not len(extra):
        return Misplaced(extra=None, missing=lacked)
    j = int(extra[np.abs(form.kappa[extra]).max(axis=1).argmax()])
    post = net.run(X)[hook_post(net.architecture.active[0])]
    sides = np.stack([np.maximum(s * (X @ form.n[j] + form.d[j]), 0.0) for s in (1.0, -1.0)], axis=1)
    neuron = int(_alike(post, sides).max(axis=1).argmax())
    return Misplaced(layer=0, neuron=neuron, extra=_scaled(form.n[j], form.d[j]), missing=lacked)


def _read(net: Network, task: Task, X: Array, Y: Array, needs: tuple[int | None, ...]) -> list[_Neurons]:
    """Every layer with an activation."""
    slopes = slopes_of(net.activations)
    assert slopes is not None
    # With a bias everywhere: the derivatives by a layer's bias are those by what goes into its units.
    biased = replace(net.architecture, bias=(True,) * len(net.weights))
    layout, ends = ParameterLayout(biased), biased.offsets[1:]
    p = layout.joined(Stack.of([net]))
    passed = forward(*layout.split(p), slopes, X.T[None])
    residual, J = residuals_and_jacobian(layout, p, passed, Y.T[None])
    record = net.run(X)
    layers = []
    for layer, block in enumerate(net.architecture.active):
        into, out = net.weights[block], net.weights[block + 1]
        b = net.bias_vectors[block]
        post, pre = record[hook_post(block)], record[hook_pre(block)]
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
        layers.append(
            _Neurons(
                layer=layer,
                block=block,
                dead=dead,
                pull=_pull(along, across, residual[0], head),
                locked=(out * out).sum(axis=0) > (into * into).sum(axis=1) + b * b,
                used=along.std(axis=1) >= MOVES_OUTPUT * Y.std(),
                head=head,
                mass=mass,
                always=always,
                needed=needs[layer],
            )
        )
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
    """The task's normal form, where its hand-derived network has one hidden layer; none for a task on points."""
    derived = task.hand_derived
    if derived is None or task.points or len(derived.architecture.active) != 1:
        return None
    return canonical_form(derived, box=task.box)


def _lacking(net: Network, task: Task, neurons: _Neurons, X: Array) -> tuple[Affine, ...]:
    """Which of the hand-derived first-layer features no neuron holds, in the mirror image that lacks least."""
    derived = task.hand_derived
    if (
        derived is None
        or neurons.layer
        or net.architecture.active[0]
        or derived.architecture.active[:1] != (0,)
    ):
        return ()
    if derived.architecture.has_bias != net.architecture.has_bias:
        return ()
    post = net.run(X)[hook_post(0)]
    best: list[Affine] | None = None
    for symmetry in (Symmetry(tuple(range(task.arity)), (1,) * task.arity), *task.symmetries):
        wanted = derived.run(symmetry(X))[hook_post(0)]
        held = (_alike(wanted, post) >= SAME_WORK).any(axis=1)
        if best is None or (~held).sum() < len(best):
            W = mirrored(derived, symmetry).weights[0]
            b = derived.bias_vectors[0]
            best = [Affine(tuple(W[j].tolist()), float(b[j])) for j in np.flatnonzero(~held)]
    return tuple(best or ())


def _scaled(w: Array, b: float) -> Affine:
    """An affine function whose largest weight is scaled to 1 or -1."""
    peak = float(np.abs(w).max())
    return Affine(tuple((w / peak).tolist()), float(b / peak))
