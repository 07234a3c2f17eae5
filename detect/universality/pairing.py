"""Pairing: two networks, or two groups, side by side: where on the ladder they part, unit by unit, and by transplant.

Of two networks each rung of the ladder is decided by their one pair: the same, different, vacuous (networks that
learned nothing are as alike), or between. Of two groups it is the rung's verdict over all pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..features.criteria import SOLVED
from ..features.symmetry import Symmetry, mirrored
from ..features.task import Task, as_task
from ..matching.criteria import GATE
from ..networks.architecture import hook_post
from ..networks.box import BoxLike, as_box, sobol_points
from ..networks.network import HasNetwork, Network, as_network
from ..similarity.alignment import correlation_matching
from .ladder import Ladder, ladder_of
from .population import Population
from .rungs import RungName
from .transplant_record import Transplant
from .transplants import TransplantSettings, transplant

if TYPE_CHECKING:
    import pandas as pd

#: 512 Sobol points, as for the ladder.
_LOG2_INPUTS = 9


@dataclass(frozen=True)
class Step:
    """What one rung says of two networks or groups.

    Attributes:
        rung: its name.
        relation: same, different, vacuous, between or not comparable; of groups the ladder's verdict.
        value: of what is compared, the median over pairs; None where it is not.
        null_low, null_high: the 5% and 95% quantiles of networks that learned nothing.
        about: in words.
    """

    rung: RungName
    relation: str
    value: float | None = None
    null_low: float | None = None
    null_high: float | None = None
    about: str = ""


@dataclass(frozen=True)
class UnitPair:
    """Two units that are matched.

    Attributes:
        layer: of the first network, second_layer of the second, hidden layers from 0.
        unit, second_unit: their places in these.
        correlation: of their activations.
    """

    layer: int
    second_layer: int
    unit: int
    second_unit: int
    correlation: float

    @property
    def counterparts(self) -> bool:
        """Whether they leave at most 1% of each other's variance unexplained.

        Examples:
            >>> UnitPair(0, 0, 0, 2, 0.999).counterparts, UnitPair(0, 0, 0, 2, 0.9).counterparts
            (True, False)
        """
        return self.correlation > 0 and 1 - self.correlation**2 <= GATE


@dataclass(frozen=True, eq=False, repr=False)
class Pairing:
    """Two networks or groups side by side.

    Attributes:
        first, second: what they are called.
        networks: the two that are matched and transplanted; the second with its inputs turned by `turned`.
        turned: the symmetry of the task after which their units fit best.
        steps: from function to circuit.
        units: the matched units of hidden layers.
        transplants: what becomes of the second with the first's features, and the other way round, layer by layer.
        ladder: the ladder behind the steps.

    Examples:
        >>> from ..features.task import hand_derived
        >>> net = hand_derived("minimum")
        >>> scaled = Network([2 * net.weights[0], net.weights[1] / 2])
        >>> found = pair_up(net, scaled, task="minimum")
        >>> found, found.parts_at, [pair.second_unit for pair in found.units]
        (Pairing(a and b: same up to circuit), None, [0, 1, 2])
    """

    first: str
    second: str
    networks: tuple[Network, Network]
    turned: Symmetry
    steps: tuple[Step, ...]
    units: tuple[UnitPair, ...]
    transplants: tuple[Transplant, ...]
    ladder: Ladder = field(repr=False)

    @property
    def parts_at(self) -> RungName | None:
        """The first rung on which they are different; None where none is."""
        return next((step.rung for step in self.steps if step.relation == "different"), None)

    @property
    def same_up_to(self) -> RungName | None:
        """The highest rung on which they are the same, below the one on which they part; None where there is none."""
        reached: RungName | None = None
        for step in self.steps:
            if step.relation == "different":
                break
            reached = step.rung if step.relation == "same" else reached
        return reached

    @property
    def sentence(self) -> str:
        """Where they part, in a sentence.

        Rungs below it that are neither the same nor different are named.
        """
        who = f"{self.first} and {self.second}"
        part = self.parts_at
        if part is None:
            last = self.same_up_to
            said = f"are the same up to {last}" if last else "are not shown to be the same or different"
        else:
            said = f"part at {part}"
        at = [step.rung for step in self.steps].index(part or self.same_up_to or "circuit")
        open_steps = [s for s in self.steps[: at + 1] if s.relation not in ("same", "different")]
        note = ", ".join(f"{s.rung} {s.relation}" for s in open_steps)
        return f"{who} {said}{f' ({note})' if note else ''}."

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain Python values, the networks left out."""
        return {
            "first": self.first,
            "second": self.second,
            "sentence": self.sentence,
            "parts_at": self.parts_at,
            "same_up_to": self.same_up_to,
            "turned": list(self.turned.images),
            "rungs": [
                {
                    "rung": s.rung, "relation": s.relation, "value": s.value, "null_low": s.null_low,
                    "null_high": s.null_high, "about": s.about,
                }
                for s in self.steps
            ],
            "units": [
                {
                    "layer": u.layer, "second_layer": u.second_layer, "unit": u.unit, "second_unit": u.second_unit,
                    "correlation": u.correlation, "counterparts": u.counterparts,
                }
                for u in self.units
            ],
            "transplants": [one.to_dict() for one in self.transplants],
        }  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """One row per rung: rung, relation, value, null_low, null_high, about."""
        import pandas as pd

        return pd.DataFrame(self.to_dict()["rungs"])

    def __repr__(self) -> str:
        part = self.parts_at
        said = f"part at {part}" if part else f"same up to {self.same_up_to}"
        return f"Pairing({self.first} and {self.second}: {said})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.sentence)}</p>{self.to_frame().to_html(index=False, float_format='{:.3g}'.format)}"


def pair_up(
    first: Network | HasNetwork | Sequence[Network | HasNetwork],
    second: Network | HasNetwork | Sequence[Network | HasNetwork],
    *,
    names: tuple[str, str] = ("a", "b"),
    task: Task | str | None = None,
    box: BoxLike | None = None,
    threshold: float = SOLVED,
    init: str | None = None,
) -> Pairing:
    """Compare two networks, or two groups of them, rung by rung, unit by unit, and by transplants.

    Of groups the first network of each is matched and transplanted.

    Args:
        first, second: networks of the same numbers of inputs and outputs.
        names: what they are called.
        task: for its symmetries, its box and the null of circuits; None compares them as they are.
        box: the inputs; by default the task's, else (-1, 1).
        threshold: the mean squared error of a network that computes the function; two functions are the same where
            their mean squared difference is at most 4 times that.
        init: init law of networks that learned nothing; None draws from both in turn.

    Raises:
        InputError: where their inputs or outputs differ, or do not fit the task.

    Examples:
        >>> from ..features.task import hand_derived
        >>> other = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])
        >>> found = pair_up(hand_derived("minimum"), other, names=("slide", "mean"), task="minimum")
        >>> print(found.sentence)
        slide and mean part at circuit (subspace vacuous, units vacuous, features between).
    """
    sides = [_listed(first), _listed(second)]
    known = None if task is None else as_task(task)
    shapes = [{(n.inputs, n.outputs) for n in side} for side in sides]
    if len(shapes[0] | shapes[1]) > 1:
        texts = [" and ".join(f"{i} -> {o}" for i, o in sorted(shape)) for shape in shapes]
        raise InputError(
            f"{names[0]} is {texts[0]} (inputs -> outputs), {names[1]} is {texts[1]}: only networks of the same are "
            "compared"
        )
    bounds = as_box(box if box is not None else known.box if known else (-1.0, 1.0), sides[0][0].inputs)
    groups = [
        Population(name, side, task=known, box=bounds, init=init)
        for name, side in zip(names, sides, strict=True)
    ]
    ladder = ladder_of(*groups, threshold=threshold)
    alone = len(sides[0]) == len(sides[1]) == 1
    steps = tuple(
        Step(
            m.name,
            _relation(m.comparable, m.same, m.different, m.vacuous) if alone else rung.verdict,
            m.median,
            m.null_q05,
            m.null_q95,
            m.about,
        )
        for m, rung in zip(ladder.measured, ladder.rungs, strict=True)
    )
    own, other = sides[0][0], sides[1][0]
    turned, units = _matched(own, other, known, bounds)
    other = mirrored(other, turned)
    moved = []
    for donor, recipient, about in ((own, other, names), (other, own, names[::-1])):
        for layer, donor_layer in _layers(recipient, donor):
            found = transplant(
                donor,
                recipient,
                task=known,
                box=bounds,
                settings=TransplantSettings(layer=layer, donor_layer=donor_layer),
            )
            moved.append(_renamed(found, *about))
    return Pairing(*names, (own, other), turned, steps, units, tuple(moved), ladder)


def _listed(side: Network | HasNetwork | Sequence[Network | HasNetwork]) -> list[Network]:
    listed = list(side) if isinstance(side, Sequence) else [side]
    if not listed:
        raise InputError("a group without a network: give at least one on either side")
    return [as_network(network) for network in listed]


def _relation(comparable: bool, same: int, different: int, vacuous: int) -> str:
    if not comparable:
        return "not comparable"
    return "same" if same else "different" if different else "vacuous" if vacuous else "between"


def _layers(first: Network, second: Network) -> list[tuple[int, int]]:
    """The hidden layers that are compared: each with its own, or of different depths the last with the last."""
    depths = len(first.activations), len(second.activations)
    return [(k, k) for k in range(depths[0])] if depths[0] == depths[1] else [(depths[0] - 1, depths[1] - 1)]


def _matched(
    first: Network, second: Network, task: Task | None, box: Any
) -> tuple[Symmetry, tuple[UnitPair, ...]]:
    """The matched units after that symmetry of the task with which they correlate best; the identity on a tie."""
    same = Symmetry(tuple(range(first.inputs)), (1,) * first.inputs)
    X = task.sample(0) if task is not None and task.points else sobol_points(box, _LOG2_INPUTS)
    values = first.run(X)
    best: tuple[float, Symmetry, tuple[UnitPair, ...]] = (-np.inf, same, ())
    for symmetry in (same, *(task.symmetries if task is not None else ())):
        others = mirrored(second, symmetry).run(X)
        units = []
        for k, j in _layers(first, second):
            found = correlation_matching(values[hook_post(k)], others[hook_post(j)])
            units += [
                UnitPair(k, j, int(a), int(b), float(r))
                for (a, b), r in zip(found.pairs, found.correlations, strict=True)
            ]
        total = sum(pair.correlation for pair in units)
        if total > best[0] + GATE:
            best = total, symmetry, tuple(units)
    return best[1:]


def _renamed(found: Transplant, donor: str, recipient: str) -> Transplant:
    from dataclasses import replace

    return replace(found, donor=donor, recipient=recipient)
