"""Trainings: the networks that several parts of a benchmark read, each trained once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from mathcircuits.detect import Network, Task
from mathcircuits.detect.features import SOLVED, as_task
from mathcircuits.models import Ensemble, train


class Trainings:
    """Ensembles of one hidden layer by task, width and bias, trained when first asked for.

    Args:
        seeds: how many networks each; steps: updates.

    Examples:
        >>> trainings = Trainings(seeds=2, steps=5)
        >>> trainings.ensemble("absolute", 2, bias=False) is trainings.ensemble("absolute", 2, bias=False)
        True
    """

    def __init__(self, seeds: int, steps: int) -> None:
        self.seeds, self.steps = seeds, steps
        self._done: dict[tuple[str, int, bool], Ensemble] = {}

    def __reduce__(self) -> tuple[Callable[[int, int], Trainings], tuple[int, int]]:
        """In another process, that process's own: what one cell there trained is there for the next."""
        return shared_trainings, (self.seeds, self.steps)

    def ensemble(self, task: Task | str, width: int, *, bias: bool) -> Ensemble:
        """The networks of all seeds that did not diverge, trained by the preset `adam`."""
        known = as_task(task)
        key = (known.name, width, bias)
        if key not in self._done:
            runs = train(
                known, hidden=(width,), seeds=range(self.seeds), bias=bias, steps=self.steps, progress=False
            )
            self._done[key] = runs.finite
        return self._done[key]

    def solved(self, task: Task | str, width: int, *, bias: bool) -> list[Network]:
        """Those whose loss on fresh points is below 1e-8."""
        runs = self.ensemble(task, width, bias=bias)
        return [network for network, loss in zip(runs.networks(), runs.losses, strict=True) if loss < SOLVED]


@lru_cache(maxsize=4)
def shared_trainings(seeds: int, steps: int) -> Trainings:
    """This process's trainings of that many seeds and steps.

    Examples:
        >>> shared_trainings(2, 5) is shared_trainings(2, 5)
        True
    """
    return Trainings(seeds, steps)
