"""Orbits: which features a task's symmetries turn into each other, and which of them its function forces.

Swapping the two inputs leaves the minimum as it is, so that `relu(x1 - x2)` in one network and `relu(x2 -
x1)` in the next are one finding. Features are compared by their values at random points of the box, up to a
positive scale and an offset, which is what a neuron that holds a feature is free to choose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.binding import Label, bind, label_text
from ..features.catalogues import Catalogue, catalogue
from ..features.formulas import Formula
from ..features.symmetry import Symmetry
from ..features.task import Task
from ..matching.criteria import USED
from ..networks.architecture import hook_post
from ..networks.box import comparison_points
from ..networks.network import Network
from ..statistics.criteria import EQUAL, ROUNDING
from .criteria import KINK_JUMP, KINK_STEP
from .forced_errors import form_error, kink_error, ray_error
from .holders import group_cost

Array = npt.NDArray[np.float64]

#: 256 points tell any two of a few thousand different features apart; nothing is estimated from them.
_POINTS = 256


class Orbits:
    """The catalogue's features on a task's inputs, modulo the task's symmetries.

    Attributes:
        task: the task whose symmetries are taken.
        group: its symmetries, the identity first.
        labels: every feature on every choice of inputs (positive parts of minima and maxima included), in
            the catalogue's order.

    Examples:
        >>> from ..features.task import tasks
        >>> orbits = Orbits(tasks["minimum"])
        >>> orbits.representative(("greaterness", ("x2", "x1")))
        ('greaterness', ('x1', 'x2'))
        >>> orbits.orbit(("greaterness", ("x1", "x2")))
        (('greaterness', ('x1', 'x2')), ('greaterness', ('x2', 'x1')))
        >>> orbits.forced(("greaterness", ("x1", "x2")), (3,))
        True
    """

    def __init__(self, task: Task, entries: Catalogue | None = None) -> None:
        self.task = task
        self.group = (Symmetry(tuple(range(task.arity)), (1,) * task.arity), *task.symmetries)
        self._entries = catalogue if entries is None else entries
        # A study asks for the same few labels in thousands of networks.
        self._orbits: dict[Label, tuple[Label, ...]] = {}
        self._has: dict[Label, bool] = {}
        self._X = comparison_points(task.box, _POINTS)
        bound = bind(tuple(self._entries.values()), task.arity, task.box, depth=2).features
        # Constants have no direction of their own: each stands alone.
        values = [(b, _standardised(b.values(self._X))) for b in bound]
        self.labels: tuple[Label, ...] = tuple((b.feature.name, b.on) for b, _ in values)
        self._table = np.column_stack([v for _, v in values]) if values else np.zeros((_POINTS, 0))

    def has(self, label: Label) -> bool:
        """Whether the label is a function of the inputs alone (and not of a network's own variables).

        Examples:
            >>> from ..features.task import tasks
            >>> Orbits(tasks["minimum"]).has(("greaterness", ("v1", "v2")))
            False
        """
        if label not in self._has:
            name, on = label
            known = name in self._entries and bool(on)
            self._has[label] = known and all(self._of_inputs(text) for text in on)
        return self._has[label]

    def values(self, label: Label, symmetry: Symmetry | None = None) -> Array:
        """The label's values [256] at the fixed points, after `symmetry`, centred and of unit length.

        Raises:
            UnknownFeature: where the catalogue does not hold its name.
        """
        name, on = label
        feature = self._entries[name]
        formula = feature.formula.substitute({f"x{k + 1}": Formula(text) for k, text in enumerate(on)})
        X = self._X if symmetry is None else symmetry(self._X)
        first = Formula(on[0]).variables[:1] if on else ()
        low, high = self.task.box[int(first[0][1:]) - 1 if first else 0]
        columns = {v: X[:, int(v[1:]) - 1] for v in formula.variables}
        return _standardised(np.asarray(formula.evaluate(columns, X[:, 0], low, high), dtype=np.float64))

    def orbit(self, label: Label) -> tuple[Label, ...]:
        """The labels that the symmetries make of this one, in the catalogue's order.

        A label that is no function of the inputs alone, or is constant, is its own orbit; so are two names
        of one function (`sum` and `mean`) one orbit.
        """
        if label not in self._orbits:
            self._orbits[label] = self._search(label)
        return self._orbits[label]

    def representative(self, label: Label) -> Label:
        """The first label of the orbit."""
        return self.orbit(label)[0]

    def name_of(self, values: Array) -> Label | None:
        """The label with these standardised values [256], or None where the catalogue has none."""
        at = np.flatnonzero(values @ self._table > 1 - EQUAL)
        return self.labels[at[0]] if len(at) else None

    @cached_property
    def _mirrored(self) -> tuple[tuple[tuple[str, Array], ...], ...]:
        """The hand-derived neurons after each symmetry."""
        return tuple(self._images(symmetry) for symmetry in self.group)

    @cached_property
    def derived(self) -> tuple[tuple[str, Array], ...]:
        """The neurons of the task's hand-derived network: a text and the standardised values of each.

        Empty where no derivation is known. The text is the feature's label, or the neuron's place where the
        catalogue has no name for it.
        """
        return self._mirrored[0]

    @cached_property
    def expected(self) -> frozenset[Label]:
        """The labels that the hand-derived network's neurons have, and their images under the symmetries."""
        found = (self.name_of(values) for _, values in self.derived)
        return frozenset(other for label in found if label is not None for other in self.orbit(label))

    def missing(self, labels: Iterable[Label]) -> tuple[str, ...]:
        """What the hand-derived network has and these labels lack, in the mirror image that lacks least.

        One symmetry moves the whole network, so that `relu(x)` twice is no absolute value: it lacks the other
        sign, though each sign is the mirror of the other.

        Examples:
            >>> from ..features.task import tasks
            >>> Orbits(tasks["absolute"]).missing([("positiveness", ("x1",))])
            ('negativeness(x1)',)
            >>> Orbits(tasks["minimum"]).missing([("greaterness", ("x2", "x1")), ("positiveness", ("x2",))])
            ('negativeness(x2)',)
        """
        held = [self.values(label) for label in labels if self.has(label)]
        table = np.column_stack(held) if held else np.zeros((_POINTS, 0))
        best: tuple[str, ...] | None = None
        for images in self._mirrored:
            lacking = [text for text, values in images if not (values @ table > 1 - EQUAL).any()]
            if best is None or len(lacking) < len(best):
                best = tuple(dict.fromkeys(lacking))
        return best or ()

    def forced(
        self, label: Label, hidden: Sequence[int], *, bias: bool = False, oriented: bool = False
    ) -> bool:
        """Whether every exact ReLU network with these hidden sizes must hold the feature (or a mirror image).

        Known for one hidden layer (docs/understand/normalform.md, The normal form: kinks are unique given the
        function). With one input and no bias `f(x) = f(1) relu(x) + f(-1) relu(-x)`, so that a sign is forced where f
        does not vanish on its side. Otherwise a ridge on a hyperplane where the function bends is forced up to its
        side, and so is an orbit that holds both sides. At the task's smallest width, where that allows one form only
        (`uniqueness.py`), all that this form is made of is forced. False means "not known to be forced", as for tasks
        on points.

        Args:
            label: the feature and its inputs.
            hidden: hidden sizes.
            bias: whether the networks have biases.
            oriented: ask for this very label, not for its orbit.

        Examples:
            >>> from ..features.task import tasks
            >>> orbits = Orbits(tasks["relu"])
            >>> [orbits.forced((sign, ("x1",)), (4,)) for sign in ("positiveness", "negativeness")]
            [True, False]
            >>> orbits = Orbits(tasks["minimum"])
            >>> orbits.forced(("greaterness", ("x1", "x2")), (3,), oriented=True)
            False
            >>> [orbits.forced(("positiveness", ("x1",)), (width,)) for width in (3, 4)]
            [True, False]
        """
        # The kinks that a function forces are those of its box.
        if self.task.points:
            return False
        if not oriented and self._only_form(tuple(hidden), bias) and label in self.expected:
            return True
        return len(hidden) == 1 and (self._on_a_ray(label, bias) or (not oriented and self._on_a_kink(label)))

    def forced_error(
        self, label: Label, hidden: Sequence[int], *, bias: bool = False, oriented: bool = False
    ) -> float:
        """The certified error up to which networks of these sizes hold what `forced` says; 0 where none is known.

        `forced` is about networks that equal the task. One whose `certify(...).upper` is at most this holds the
        feature as well: a group of its neurons does (`held_together`), whatever else it has
        (docs/understand/normalform.md, At what error). Not known with biases, and for kinks in more than two inputs.

        Args:
            label, hidden, bias, oriented: as for `forced`.

        Examples:
            >>> from ..features.task import tasks
            >>> orbits = Orbits(tasks["minimum"])
            >>> greater, positive = ("greaterness", ("x1", "x2")), ("positiveness", ("x1",))
            >>> orbits.forced_error(greater, (64,)) > orbits.forced_error(positive, (3,)) > 5e-4
            True
            >>> orbits.forced_error(positive, (64,)), orbits.forced_error(greater, (64,), bias=True)
            (0.0, 0.0)
        """
        if bias or not self.forced(label, hidden, bias=bias, oriented=oriented):
            return 0.0
        errors = [0.0]
        if not oriented and self._only_form(tuple(hidden), bias) and label in self.expected:
            errors.append(form_error(self.task))
        ridge = self._ridge(label)
        if ridge is not None and self._on_a_ray(label, bias):
            errors.append(ray_error(self.task, float(np.sign(ridge[0][0]))))
        elif ridge is not None and not oriented and self._on_a_kink(label):
            errors.append(kink_error(self.task, ridge[0]))
        return max(errors)

    def held_together(self, network: Network, label: Label, *, oriented: bool = False) -> bool:
        """Whether neurons of a network with one hidden layer hold the feature (or a mirror image) as a group.

        The criterion of a feature (docs/understand/evidence.md, Criteria) for a group of neurons: each of them holds
        it, they are the nearest ones, and together they are used.

        Examples:
            >>> from ..features.task import hand_derived, tasks
            >>> orbits = Orbits(tasks["minimum"])
            >>> exact, pair = hand_derived("minimum"), ("x1", "x2")
            >>> [orbits.held_together(exact, (name, pair)) for name in ("greaterness", "positive-sum")]
            [True, False]
        """
        ridges = [self._ridge(member) for member in ((label,) if oriented else self.orbit(label))]
        return any(
            ridge is not None and group_cost(network, *ridge, box=self.task.box) >= USED for ridge in ridges
        )

    def _on_a_ray(self, label: Label, bias: bool) -> bool:
        """Whether it is a sign of the only input, on whose side the task does not vanish, without biases."""
        ridge = self._ridge(label)
        if ridge is None or self.task.arity != 1 or bias:
            return False
        on_its_side = np.asarray(self.task(np.sign(ridge[0])[None, :]), dtype=float)
        return ridge[1] == 0 and bool(np.abs(on_its_side).max() > EQUAL)

    def _on_a_kink(self, label: Label) -> bool:
        """Whether it is a ridge on a hyperplane where the function bends, and its orbit holds both sides."""
        ridge = self._ridge(label)
        if ridge is None or not self._bends(*ridge):
            return False
        other_side = _standardised(np.maximum(-self._X @ ridge[0] - ridge[1], 0.0))
        return any(bool(self.values(member) @ other_side > 1 - EQUAL) for member in self.orbit(label))

    def _only_form(self, hidden: tuple[int, ...], bias: bool) -> bool:
        """Whether networks of these sizes compute the task in the way of its hand-derived one, and in no other."""
        from ..exact.uniqueness import has_only_form

        return hidden == self.task.smallest and bias == self.task.needs_bias and has_only_form(self.task)

    def _search(self, label: Label) -> tuple[Label, ...]:
        if not self.has(label):
            return (label,)
        images = np.array([self.values(label, symmetry) for symmetry in self.group])
        at = np.flatnonzero((images @ self._table > 1 - EQUAL).any(axis=0))
        return tuple(self.labels[k] for k in at) or (label,)

    def _of_inputs(self, text: str) -> bool:
        try:
            names = Formula(text).variables
        except InputError:  # a network's first variable, v0
            return False
        return all(name[0] == "x" and int(name[1:]) <= self.task.arity for name in names)

    def _images(self, symmetry: Symmetry) -> tuple[tuple[str, Array], ...]:
        """The hand-derived network's neurons after a symmetry, named where the catalogue has a name."""
        network = self.task.hand_derived
        if network is None:
            return ()
        recorded = network.run(symmetry(self._X))
        images = []
        for layer, block in enumerate(network.architecture.active):
            for neuron, column in enumerate(recorded[hook_post(block)].T):
                values = _standardised(column)
                label = self.name_of(values)
                place = f"layer {layer} neuron {neuron} of the hand-derived network"
                images.append((place if label is None else label_text(label), values))
        return tuple(images)

    def _ridge(self, label: Label) -> tuple[Array, float] | None:
        """Weights [d] and offset of the one ReLU neuron that holds the feature; None where none does."""
        name, on = label
        feature = self._entries.get(name)
        if feature is None or feature.direction is None or not self.has(label):
            return None
        if any(Formula(text).text not in {f"x{k + 1}" for k in range(self.task.arity)} for text in on):
            return None
        weights = np.zeros(self.task.arity)
        for text, weight in zip(on, feature.direction, strict=True):
            weights[int(text[1:]) - 1] = weight
        # On its active side the feature is w.x + t: read t off there.
        low, high = self.task.box[int(on[0][1:]) - 1]
        arguments = self._X[:, [int(text[1:]) - 1 for text in on]]
        values = np.asarray(feature.formula(arguments, box=((low, high),) * feature.arity), dtype=np.float64)
        active = values > 0
        if not active.any():
            return None
        offset = float(np.median((values - self._X @ weights)[active]))
        return weights, (0.0 if abs(offset) < EQUAL else offset)

    def _bends(self, weights: Array, offset: float) -> bool:
        """Whether the task's function has a kink along the hyperplane weights.x + offset = 0."""
        normal = weights / np.linalg.norm(weights)
        shift = (self._X @ weights + offset) / np.linalg.norm(weights)
        on_it = self._X - shift[:, None] * normal
        low, high = np.array(self.task.box).T
        inside = on_it[((on_it > low) & (on_it < high)).all(axis=1)]
        if not len(inside):
            return False
        # A piecewise-linear function's second difference is 0 off its kinks, there step times jump of slope.
        step = KINK_STEP
        bend = self.task(inside + step * normal) + self.task(inside - step * normal) - 2 * self.task(inside)
        return bool((np.abs(bend).max(axis=1) > KINK_JUMP * step).all())


def _standardised(values: Array) -> Array:
    """Centred and of unit length; zeros where the values are constant up to rounding."""
    centred = values - values.mean()
    length = float(np.linalg.norm(centred))
    constant = length <= ROUNDING * max(1.0, float(np.abs(values).max()))
    return np.zeros_like(centred) if constant else centred / length
