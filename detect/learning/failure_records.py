"""The causes for which a network fails its task, as records of the numbers that decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Affine:
    """An affine function of the inputs, `weights @ x + offset`: a hyperplane where it is 0, a ridge above."""

    weights: tuple[float, ...]
    offset: float


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What the records have in common.

    Attributes:
        cause: one of `mathcircuits.detect.learning.diagnosis.CAUSES`.
        layer: the hidden layer of the neuron to blame, counted from 0 over layers with an activation, or None.
        neuron: that neuron, counted from 0, or None where no single one is to blame.
    """

    cause: ClassVar[str]
    layer: int | None = None
    neuron: int | None = None


@dataclass(frozen=True, kw_only=True)
class Diverged(Failure):
    """The loss or the weights are not finite."""

    cause: ClassVar[str] = "diverged"


@dataclass(frozen=True, kw_only=True)
class Solved(Failure):
    """The loss is below the threshold."""

    cause: ClassVar[str] = "solved"
    loss: float
    threshold: float


@dataclass(frozen=True, kw_only=True)
class NotConverged(Failure):
    """Local steps lead from the loss to one below the threshold."""

    cause: ClassVar[str] = "not converged"
    loss: float
    threshold: float


@dataclass(frozen=True, kw_only=True)
class NotPiecewiseLinear(Failure):
    """The activations are others than ReLU and leaky ReLU."""

    cause: ClassVar[str] = "unknown"
    activations: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TooLarge(Failure):
    """There are more parameters than local steps are tried with."""

    cause: ClassVar[str] = "unknown"
    parameters: int
    largest: int


@dataclass(frozen=True, kw_only=True)
class NeedsBiases(Failure):
    """The task needs biases, and the network has none."""

    cause: ClassVar[str] = "out of reach"
    task: str


@dataclass(frozen=True, kw_only=True)
class TooNarrow(Failure):
    """A layer has fewer neurons than the smallest network known."""

    cause: ClassVar[str] = "out of reach"
    task: str
    width: int
    needed: int


@dataclass(frozen=True, kw_only=True)
class IsAffine(Failure):
    """No layer has an activation."""

    cause: ClassVar[str] = "out of reach"


@dataclass(frozen=True, kw_only=True)
class Dead(Failure):
    """Neurons are never active on the box, and the distinct live ones of their layer are too few.

    Attributes:
        neurons: the dead ones of the layer.
        distinct: the distinct live ones.
        needed: how many the task needs, None where not known.
        lacking: the hand-derived network's first-layer ridges that no neuron holds.
    """

    cause: ClassVar[str] = "dead neuron"
    neurons: tuple[int, ...]
    distinct: int
    needed: int | None
    lacking: tuple[Affine, ...]


@dataclass(frozen=True, kw_only=True)
class WrongSign(Failure):
    """A neuron's outgoing weights have the wrong sign.

    Attributes:
        against: whether that is against the sign of the others on its side, and not against what the target wants.
        locked: whether gradient descent cannot turn them, as they are longer than the incoming ones.
        outgoing, incoming: the lengths of its weights, the incoming ones with the bias.
    """

    cause: ClassVar[str] = "wrong-signed neuron"
    against: bool
    locked: bool
    outgoing: float
    incoming: float


@dataclass(frozen=True, kw_only=True)
class SameSide(Failure):
    """Neurons do the same work, and the distinct ones of their layer are too few.

    Attributes:
        neurons: those that do the same work.
        ridge: the side that they are on, None behind the first layer.
        width: the neurons of the layer.
        distinct, needed, lacking: as in `Dead`.
    """

    cause: ClassVar[str] = "same side"
    neurons: tuple[int, ...]
    ridge: Affine | None
    width: int
    distinct: int
    needed: int | None
    lacking: tuple[Affine, ...]


@dataclass(frozen=True, kw_only=True)
class Misplaced(Failure):
    """The function bends where the task does not bend, or not where it does.

    Attributes:
        extra: where the function bends and the task does not: the largest such kink, that of `neuron`; or None.
        missing: where the task bends and the function does not, or None.
    """

    cause: ClassVar[str] = "kink in the wrong place"
    extra: Affine | None
    missing: Affine | None


@dataclass(frozen=True, kw_only=True)
class MisplacedByExclusion(Failure):
    """None of the others, in a network whose kinks cannot be held against the task's."""

    cause: ClassVar[str] = "kink in the wrong place"


@dataclass(frozen=True, kw_only=True)
class AffinePartWrong(Failure):
    """A local minimum with every kink in its place."""

    cause: ClassVar[str] = "unknown"


#: All records.
Cause = (
    Diverged
    | Solved
    | NotConverged
    | NotPiecewiseLinear
    | TooLarge
    | NeedsBiases
    | TooNarrow
    | IsAffine
    | Dead
    | WrongSign
    | SameSide
    | Misplaced
    | MisplacedByExclusion
    | AffinePartWrong
)
