"""Populations: the networks of one condition that solved their task, with untrained ones for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InputError
from ..features.task import Task, as_task
from ..networks.box import Box, BoxLike, as_box
from ..networks.checks import several
from ..networks.network import HasNetwork, Network, as_network


@dataclass(frozen=True, eq=False, repr=False)
class Population:
    """The networks of one condition, and those that learned nothing beside them.

    Attributes:
        name: what the condition is called.
        networks: those that solved the task; widths may differ.
        task: for symmetries, the box and the lazy panel; None without one.
        untrained: networks of the same shapes before training; where they are fewer than 20, others are drawn.
        box: the inputs' box.
        init: init law of untrained and lazy networks that have to be drawn, `"uniform"` or `"normal"`; None draws
            from both in turn.

    Examples:
        >>> from ..features.task import hand_derived
        >>> Population("minimum", [hand_derived("minimum")] * 3, task="minimum")
        Population(minimum: 3 networks of 2 -> 1)
    """

    name: str
    networks: tuple[Network, ...]
    task: Task | None
    untrained: tuple[Network, ...]
    box: Box
    init: str | None

    def __init__(
        self,
        name: str,
        networks: Sequence[Network | HasNetwork],
        *,
        task: Task | str | None = None,
        untrained: Sequence[Network | HasNetwork] = (),
        box: BoxLike | None = None,
        init: str | None = None,
    ) -> None:
        """Check and collect.

        Raises:
            InputError: where there is no network, their inputs or outputs differ, or the task has others.
        """
        nets = tuple(as_network(network) for network in several(networks))
        blank = tuple(as_network(network) for network in several(untrained))
        known = None if task is None else as_task(task)
        if not nets:
            raise InputError(
                f"population {name!r} has no network: leave out conditions that nothing solved, and say so"
            )
        shapes = {(n.inputs, n.outputs) for n in (*nets, *blank)}
        if known is not None:
            shapes.add((known.arity, known.outputs))
        if len(shapes) > 1:
            raise InputError(
                f"population {name!r} holds {' and '.join(f'{i} -> {o}' for i, o in sorted(shapes))} (inputs -> "
                "outputs): the networks, the untrained ones and the task of one condition have the same"
            )
        bounds = as_box(
            box if box is not None else known.box if known is not None else (-1.0, 1.0), nets[0].inputs
        )
        for attribute, value in (
            ("name", name), ("networks", nets), ("task", known), ("untrained", blank), ("box", bounds), ("init", init),
        ):  # fmt: skip
            object.__setattr__(self, attribute, value)

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.networks[0].inputs

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return self.networks[0].outputs

    def __repr__(self) -> str:
        return f"Population({self.name}: {len(self.networks)} networks of {self.inputs} -> {self.outputs})"
