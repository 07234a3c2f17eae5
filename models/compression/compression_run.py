"""A run of `compress`: networks that are fitted on as many points, on their way down together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mathcircuits.detect import Network

from ..fitting.criteria import LEAST_LOSS
from ..fitting.regimens import Compression
from .compressed import Compressed
from .criteria import FINISHED, MARGIN
from .elimination import Draw, Limits, State, eliminated, kicked, polished
from .readable_weights import readable_forms
from .target_points import TargetPoints

Array = npt.NDArray[np.float64]

#: Points of the last check, which nothing was fitted to or chosen by.
CHECKED = 4096
#: Points on which readable weights are fitted again.
REFITTED = 1024
#: Parameters up to which networks are fitted by Levenberg-Marquardt, whose step costs their square times twice
#: their number: 0.1 s for 1000 on one core. Larger ones are made smaller by linear algebra alone until then.
LARGEST_FITTED = 1000
#: Parameters up to which weights are made readable: nobody reads more.
LARGEST_READ = 200
#: How often elimination starts anew from a solved network, on other points.
ROUNDS = 2


class CompressionRun:
    """Networks on their way that are fitted on as many points."""

    def __init__(
        self,
        networks: Sequence[Network],
        states: Sequence[State],
        rows: Sequence[int],
        points: TargetPoints,
        settings: Compression,
        tolerance: float,
        seeds: Sequence[int],
    ) -> None:
        self.networks, self.states = [networks[row] for row in rows], [states[row] for row in rows]
        self.rows, self.points, self.settings, self.tolerance = list(rows), points, settings, tolerance
        self.seeds = [seeds[row] for row in rows]
        self.cost = torch.zeros(len(rows), dtype=torch.int64)
        assert settings.points is not None
        assert settings.threshold is not None
        _, y = self.draw("eliminate", range(len(rows)), settings.points)
        variance = y.var(dim=2, correction=0).mean(dim=1)
        self.limits = Limits(
            settings.points,
            settings.tries,
            settings.iterations,
            accepted=(settings.threshold * variance).clamp(min=tolerance),
            exact=torch.full((len(rows),), tolerance * MARGIN, dtype=torch.float64),
            finished=(FINISHED * y.square().mean(dim=(1, 2))).clamp(min=LEAST_LOSS),
        )

    def draw(self, purpose: str, rows: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
        return self.points.draw(purpose, [self.rows[row] for row in rows], count)

    def results(self) -> list[Compressed]:
        for number in range(ROUNDS):
            before = self.states
            self.states = self.smaller(before, number)
            if all(len(a.gone) == len(b.gone) for a, b in zip(self.states, before, strict=True)):
                break
        if self.settings.kick:
            self.states = self.after_kicks(self.states)
        return [self.result(k, state) for k, state in enumerate(self.states)]

    def numbered(self, suffix: str) -> Draw:
        """Points of streams of their own."""
        return lambda purpose, rows, count: self.draw(f"{purpose} {suffix}", rows, count)

    def smaller(self, states: Sequence[State], number: int) -> list[State]:
        """Eliminate, polish, and step back where unseen points show more than the tolerance."""
        draw = self.numbered(str(number))
        fitted = [k for k, state in enumerate(states) if len(state.parameters) <= LARGEST_FITTED]
        paths = eliminated(states, fitted, draw, self.limits, self.cost)
        found: list[State] = list(states)
        waiting = list(fitted)
        while waiting:
            tried = polished([paths[k][-1] for k in waiting], waiting, draw, self.limits, self.cost)
            for k, state in zip(waiting, tried, strict=True):
                found[k] = state
                paths[k].pop()
            waiting = [k for k in waiting if not found[k].loss < self.tolerance and paths[k]]
        return found

    def after_kicks(self, states: Sequence[State]) -> list[State]:
        """Kick every solved network, as often as that makes it smaller."""
        found = list(states)
        shrinking = [k for k, state in enumerate(found) if state.loss < self.tolerance]
        number = 0
        while shrinking:
            smaller = self.after_kick(found, shrinking, number)
            for k, state in smaller.items():
                found[k] = state
            shrinking = sorted(smaller)
            number += 1
        return found

    def after_kick(self, states: Sequence[State], chosen: Sequence[int], number: int) -> dict[int, State]:
        """One kick of the chosen networks: those that it makes smaller, each by the best deletion that holds."""
        draw = self.numbered(f"kick {number}")
        seeds = [self.seeds[k] + number for k in chosen]
        options = kicked([states[k] for k in chosen], chosen, draw, self.limits, self.cost, seeds)
        waiting = {k: smaller for k, smaller in zip(chosen, options, strict=True) if smaller}
        found: dict[int, State] = {}
        while waiting:
            best = [smaller[0] for smaller in waiting.values()]
            tried = polished(best, list(waiting), draw, self.limits, self.cost)
            found |= {
                k: state for k, state in zip(waiting, tried, strict=True) if state.loss < self.tolerance
            }
            waiting = {k: smaller[1:] for k, smaller in waiting.items() if k not in found and smaller[1:]}
        return found

    def readable(self, k: int, network: Network) -> Network | None:
        """The most readable network that is as good on points it was not fitted to, or None."""
        if network.architecture.parameters > LARGEST_READ:
            return None
        fitted = self.draw("readable", [k], REFITTED)
        x, y = (t[0].T.numpy() for t in self.draw("check readable", [k], CHECKED))
        allowed = min(mse(network, x, y) + MARGIN * self.tolerance, self.tolerance)
        for form in readable_forms(network, self.points.box, *fitted):
            if mse(form, x, y) < allowed:
                return form
        return None

    def result(self, k: int, state: State) -> Compressed:
        """The first that stands the last check: readable, as it is, the original; else the best of them."""
        original, network = self.networks[k], state.network()
        options = [(network, state.gone, False), (original, (), False)]
        better = self.readable(k, network) if self.settings.readable else None
        if better is not None:
            options.insert(0, (better, state.gone, True))
        best = math.inf
        for number, (option, option_gone, option_readable) in enumerate(options):
            # points of its own for each, or the last check would choose
            x, y = (t[0].T.numpy() for t in self.draw(f"verify {number}", [k], CHECKED))
            loss = mse(option, x, y)
            if loss < best or best == math.inf:
                chosen, gone, readable, best = option, option_gone, option_readable, loss
                difference = float(np.abs(option(x) - original(x)).max())
            if best < self.tolerance:
                break
        return Compressed(
            network=chosen,
            original=original,
            target=self.points.name,
            box=self.points.box,
            tolerance=self.tolerance,
            loss=best,
            verified=bool(best < self.tolerance),
            held_out=difference,
            cost=int(self.cost[k]),
            removed=gone,
            readable=readable,
        )


def mse(network: Network, X: Array, y: Array) -> float:
    """Mean squared error; infinite or NaN where the values overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(((network(X) - y) ** 2).mean())
