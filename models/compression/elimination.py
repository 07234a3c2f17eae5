"""Elimination: hidden neurons are deleted one at a time and the others compensate, until none can be deleted.

The order and the first compensation are second-order (Optimal Brain Surgeon, Hassibi and Stork 1993, for the group of
a neuron's outgoing weights w_S): with the Gauss-Newton Hessian H = J J'/N + epsilon mean(diag) 1 of the mean squared
error, deleting neuron j costs w_S' (H^-1[S, S])^-1 w_S, and the step -H^-1[:, S] (H^-1[S, S])^-1 w_S of all
parameters makes up for it. Levenberg-Marquardt then decides: the cheapest deletions are tried in turn, and the first
whose loss comes below a limit stands (docs/results/measurements.md, Elimination). Nothing here knows how small a
network could be.

Many networks go together: those that have the same sizes at the moment are one tensor, each with points,
order and decisions of its own, so that none depends on the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from mathcircuits.detect import Network

from ..fitting.gradients import residuals_and_jacobian
from ..fitting.levenberg import JACOBIAN_VALUES, levenberg
from ..fitting.vectors import config_of, network_of, vector_of
from ..networks.config import MLPConfig
from .criteria import PRECISION

#: What is added to the Hessian's diagonal, as a share of its mean (docs/results/measurements.md, Elimination).
RIDGE = 1e-6
#: From the fourth deletion tried on, Levenberg-Marquardt gets twice the steps (docs/results/measurements.md,
#: Elimination).
PATIENT_FROM = 3
#: Values of a network's Jacobian on new points, beyond the first of them: 16 MiB.
MANY_VALUES = 2**21
#: Copies of each deletion in a kick: whether they are compensated, and the noise on all other parameters, as a
#: share of their root mean square (docs/results/measurements.md, Elimination).
KICKS = ((True, 0.0), (False, 0.0), (True, 0.05), (False, 0.1))

#: Points by purpose, networks and number: x [net, d, point] and y [net, outputs, point], float64.
Draw = Callable[[str, Sequence[int], int], tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class State:
    """A network on its way.

    Attributes:
        config: its shape.
        parameters: [size], float64, laid out as `Layout` says.
        loss: where it was last measured.
        names: what the neurons of each hidden layer were called at the start: their numbers there.
        gone: (hidden layer, name) of the neurons that it has lost, in order.
    """

    config: MLPConfig
    parameters: Tensor
    loss: float
    names: tuple[tuple[int, ...], ...]
    gone: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(
        cls, network: Network, names: tuple[tuple[int, ...], ...], gone: tuple[tuple[int, int], ...] = ()
    ) -> State:
        """A network as it starts, its loss not yet measured."""
        return cls(config_of(network), vector_of(network), math.inf, names, gone)

    def network(self) -> Network:
        """The network as it is now."""
        return network_of(self.config, self.parameters)

    def less(self, neuron: int, config: MLPConfig, parameters: Tensor, loss: float) -> State:
        """The network after losing a neuron, by its place in `neurons_of`."""
        layer, unit = neurons_of(self.config)[neuron]
        left = self.names[layer][:unit] + self.names[layer][unit + 1 :]
        names = (*self.names[:layer], left, *self.names[layer + 1 :])
        gone = (*self.gone, (layer, self.names[layer][unit]))
        return State(config, parameters, loss, names, gone)


@dataclass(frozen=True)
class Limits:
    """What elimination may try, and when a deletion stands (see `regimens.Compression`).

    Attributes:
        points: the points that it fits.
        tries: deletions tried before it gives up.
        iterations: steps of Levenberg-Marquardt for each.
        accepted: [net] the loss below which a deletion stands.
        exact: [net] the loss below which a kick's deletion stands.
        finished: [net] the loss at which a polish ends.
    """

    points: int
    tries: int
    iterations: int
    accepted: Tensor
    exact: Tensor
    finished: Tensor


def grouped(states: Sequence[State], rows: Iterable[int]) -> dict[MLPConfig, list[int]]:
    """Rows by the shape that their networks have."""
    groups: dict[MLPConfig, list[int]] = {}
    for row in rows:
        groups.setdefault(states[row].config, []).append(row)
    return groups


def eliminated(
    states: Sequence[State], rows: Sequence[int], draw: Draw, limits: Limits, cost: Tensor
) -> list[list[State]]:
    """Every network's way down: itself, then the network after each deletion that stood.

    Args:
        states: networks of any shapes.
        rows: which of them.
        draw: points of theirs.
        limits: see there.
        cost: [net] steps of Levenberg-Marquardt; those tried are added.
    """
    paths = [[state] for state in states]
    x, y = draw("eliminate", range(len(states)), limits.points)
    shrinking = list(rows)
    while shrinking:
        now = [path[-1] for path in paths]
        smaller: dict[int, State] = {}
        for config, alike in grouped(now, shrinking).items():
            smaller |= _one_less(config, alike, now, x, y, limits, cost)
        for row, state in smaller.items():
            paths[row].append(state)
        shrinking = sorted(smaller)
    return paths


def _one_less(
    config: MLPConfig,
    rows: list[int],
    now: Sequence[State],
    x: Tensor,
    y: Tensor,
    limits: Limits,
    cost: Tensor,
) -> dict[int, State]:
    """The networks of these rows that can do without a neuron, with one less, by row."""
    point_rows = torch.tensor(rows)
    parameters = torch.stack([now[row].parameters for row in rows])
    prices, steps = deletions(parameters, x[point_rows], y[point_rows], config)
    order = prices.argsort(dim=1)
    layers = torch.tensor([layer for layer, _ in neurons_of(config)])
    found: dict[int, State] = {}
    pending = torch.arange(len(rows))
    for number in range(min(limits.tries, order.shape[1])):
        chosen = order[pending, number]
        pending = pending[prices[pending, chosen].isfinite()]
        if not len(pending):
            break
        chosen = order[pending, number]
        stood = torch.zeros(len(pending), dtype=torch.bool)
        for layer in sorted(set(layers[chosen].tolist())):
            part = layers[chosen] == layer
            nets = pending[part]
            net_x, net_y = x[point_rows[nets]], y[point_rows[nets]]
            smaller, plain = without(config, parameters[nets], chosen[part])
            _, helped = without(config, parameters[nets] + steps[nets, chosen[part]], chosen[part])
            _, plain_loss = levenberg(plain, net_x, net_y, smaller, 0)
            _, helped_loss = levenberg(helped, net_x, net_y, smaller, 0)
            start = torch.where((helped_loss < plain_loss)[:, None], helped, plain)
            tried = torch.zeros(len(nets), dtype=torch.int64)
            limit = limits.accepted[point_rows[nets]]
            end, loss = levenberg(
                start,
                net_x,
                net_y,
                smaller,
                limits.iterations * (2 if number >= PATIENT_FROM else 1),
                enough=limit * PRECISION,
                tries=tried,
            )
            cost[point_rows[nets]] += tried
            good = loss < limit
            stood[part] = good
            for k in torch.nonzero(good)[:, 0].tolist():
                row = rows[int(nets[k])]
                neuron = int(chosen[part][k])
                found[row] = now[row].less(neuron, smaller, end[k], float(loss[k]))
        pending = pending[~stood]
    return found


def neurons_of(config: MLPConfig) -> list[tuple[int, int]]:
    """(hidden layer, neuron) of every hidden neuron, in order."""
    return [(layer, unit) for layer, width in enumerate(config.hidden) for unit in range(width)]


def deletions(parameters: Tensor, x: Tensor, y: Tensor, config: MLPConfig) -> tuple[Tensor, Tensor]:
    """What deleting each neuron costs to second order, and the step that makes up for it.

    Returns:
        Costs [net, neuron] (infinite for the only neuron of a layer) and steps [net, neuron, size].

    Examples:
        >>> net = torch.tensor([[1.0, 1.0, 0.25, 0.75]], dtype=torch.float64)  # 0.25 relu(x) + 0.75 relu(x)
        >>> x = torch.linspace(0.1, 1, 10, dtype=torch.float64)[None, None]
        >>> costs, steps = deletions(net, x, x, MLPConfig((1, 2, 1), dtype="float64"))
        >>> bool((costs < 1e-5).all()), costs.shape, steps.shape
        (True, torch.Size([1, 2]), torch.Size([1, 2, 4]))
    """
    residuals = y.shape[1] * x.shape[2]
    per_chunk = max(1, JACOBIAN_VALUES // (residuals * parameters.shape[1]))
    outgoing = [_outgoing(config, layer, unit) for layer, unit in neurons_of(config)]
    costs = torch.full((len(parameters), len(outgoing)), torch.inf, dtype=parameters.dtype)
    steps = torch.zeros(len(parameters), len(outgoing), parameters.shape[1], dtype=parameters.dtype)
    for start in range(0, len(parameters), per_chunk):
        part = slice(start, start + per_chunk)
        _, jacobian = residuals_and_jacobian(parameters[part], x[part], y[part], config)
        hessian = torch.bmm(jacobian, jacobian.transpose(1, 2)) / residuals
        diagonal = hessian.diagonal(dim1=1, dim2=2)
        diagonal += RIDGE * diagonal.mean(dim=1, keepdim=True) + torch.finfo(hessian.dtype).tiny
        inverse = torch.cholesky_inverse(torch.linalg.cholesky_ex(hessian)[0])
        for k, (layer, _) in enumerate(neurons_of(config)):
            if config.hidden[layer] == 1:
                continue
            columns = inverse[:, :, outgoing[k]]
            weights = parameters[part][:, outgoing[k]]
            push, failed = torch.linalg.solve_ex(columns[:, outgoing[k]], weights)
            price = (weights * push).sum(dim=1)
            # Where the Hessian could not be inverted the plain deletion is tried, in the order of its weights.
            sound = (failed == 0) & price.isfinite() & (price >= 0)
            costs[part, k] = torch.where(sound, price, weights.square().sum(dim=1))
            step = -(columns @ push[:, :, None])[:, :, 0]
            steps[part, k] = torch.where(sound[:, None] & step.isfinite(), step, 0.0)
    return costs, steps


def without(config: MLPConfig, parameters: Tensor, neurons: Tensor) -> tuple[MLPConfig, Tensor]:
    """Networks without one neuron each, all from one layer.

    Args:
        config: their shape.
        parameters: [net, size].
        neurons: [net] places in `neurons_of(config)`.
    """
    places = neurons_of(config)
    layer = places[int(neurons[0])][0]
    kept = {int(k): _kept(config, *places[int(k)]) for k in set(neurons.tolist())}
    sizes = list(config.sizes)
    sizes[layer + 1] -= 1
    at = torch.stack([kept[int(k)] for k in neurons])
    return replace(config, sizes=tuple(sizes)), parameters.gather(1, at)


def _outgoing(config: MLPConfig, layer: int, unit: int) -> Tensor:
    """The places of a neuron's outgoing weights."""
    start, (width, outputs) = config.architecture.offsets[layer + 1], config.sizes[layer + 1 : layer + 3]
    return start + unit + width * torch.arange(outputs)


def _kept(config: MLPConfig, layer: int, unit: int) -> Tensor:
    """The places of all parameters that are not the neuron's own."""
    inputs, width = config.sizes[layer : layer + 2]
    keep = torch.ones(config.architecture.offsets[-1], dtype=torch.bool)
    start = config.architecture.offsets[layer]
    keep[start + unit * inputs : start + (unit + 1) * inputs] = False
    if config.biases[layer]:
        keep[start + width * inputs + unit] = False
    keep[_outgoing(config, layer, unit)] = False
    return torch.nonzero(keep)[:, 0]


def polished(
    states: Sequence[State],
    rows: Sequence[int],
    draw: Draw,
    limits: Limits,
    cost: Tensor,
    *,
    iterations: int = 60,
    fresh: int = 4,
    points: int = 4096,
) -> list[State]:
    """Networks to the last digits: where they were fitted, then on new points while those show an error.

    A fit of few points can leave a sliver between two kinks that no point lies in; so every network whose
    loss on points that it has not seen is above `limits.exact` is fitted to those, up to `fresh` times.

    Args:
        states: one per row.
        rows: which networks' points they see.
        draw, limits, cost: as for `eliminated`.
        iterations: steps on the first points; two thirds of them on new ones.
        fresh: how often.
        points: how many new points; twice as many each time, as long as the Jacobian stays small.

    Returns:
        One State per row; its loss is that on points it has not seen.
    """
    found = list(states)
    places = list(range(len(rows)))
    for number in range(fresh + 1):
        kept: list[int] = []
        for config, group in grouped(found, places).items():
            point_rows = [rows[k] for k in group]
            # A sliver that is left is one that few points lie in.
            size = len(found[group[0]].parameters)
            many = [max(points, min(points << k, MANY_VALUES // size)) for k in range(fresh + 1)]
            if number:
                x, y = draw(f"fresh {number}", point_rows, many[number - 1])
            else:
                x, y = draw("eliminate", point_rows, limits.points)
            tried = torch.zeros(len(point_rows), dtype=torch.int64)
            end, _ = levenberg(
                torch.stack([found[k].parameters for k in group]),
                x,
                y,
                config,
                iterations if not number else iterations * 2 // 3,
                enough=limits.finished[point_rows],
                tries=tried,
            )
            cost[point_rows] += tried
            x, y = draw(f"check {number + 1}", point_rows, many[number])
            _, losses = levenberg(end, x, y, config, 0)
            for k, vector, loss in zip(group, end, losses.tolist(), strict=True):
                found[k] = replace(found[k], parameters=vector, loss=loss)
                if not loss <= limits.exact[rows[k]]:
                    kept.append(k)
        places = sorted(kept)
        if not places:
            break
    return found


def kicked(
    states: Sequence[State],
    rows: Sequence[int],
    draw: Draw,
    limits: Limits,
    cost: Tensor,
    seeds: Sequence[int],
    *,
    iterations: int = 30,
    points: int = 512,
) -> list[list[State]]:
    """Smaller networks from deletions that elimination refused: all neurons, several copies with noise.

    Args:
        states: one per row, solved.
        rows: which networks' points they see.
        draw, limits, cost: as for `eliminated`.
        seeds: one per row, of the noise.
        iterations, points: of Levenberg-Marquardt on the copies.

    Returns:
        For each row the smaller networks found, best first, with their loss on the points they were fitted to.
    """
    found: list[list[State]] = [[] for _ in rows]
    for config, places in grouped(states, range(len(states))).items():
        point_rows = torch.tensor([rows[place] for place in places])
        x, y = draw("kick", point_rows.tolist(), points)
        parameters = torch.stack([states[place].parameters for place in places])
        _, steps = deletions(parameters, x, y, config)
        generators = [torch.Generator().manual_seed(seeds[place] % 2**32) for place in places]
        for layer in (layer for layer, width in enumerate(config.hidden) if width > 1):
            copies = _copies(config, layer, parameters, steps, generators)
            tried = torch.zeros(len(copies.nets), dtype=torch.int64)
            end, losses = levenberg(
                copies.parameters,
                x[copies.nets],
                y[copies.nets],
                copies.config,
                iterations,
                enough=limits.finished[point_rows[copies.nets]],
                tries=tried,
            )
            cost.index_add_(0, point_rows[copies.nets], tried)
            good = losses < limits.exact[point_rows[copies.nets]]
            for copy in torch.nonzero(good)[:, 0].tolist():
                place = places[int(copies.nets[copy])]
                smaller = states[place].less(
                    int(copies.deleted[copy]), copies.config, end[copy], float(losses[copy])
                )
                found[place].append(smaller)
    for each in found:
        each.sort(key=lambda state: state.loss)
    return found


@dataclass(frozen=True, eq=False)
class _Copies:
    """Networks of one shape, several copies of each without one neuron of a layer.

    Attributes:
        config: the smaller shape.
        parameters: [copy, size].
        nets: [copy] which network each is of.
        deleted: [copy] the neuron that it lost, by its place in `neurons_of` the larger shape.
    """

    config: MLPConfig
    parameters: Tensor
    nets: Tensor
    deleted: Tensor


def _copies(
    config: MLPConfig, layer: int, parameters: Tensor, steps: Tensor, generators: Sequence[torch.Generator]
) -> _Copies:
    """Every deletion from a layer, as often as `KICKS` says; parameters [net, size], steps [net, neuron, size]."""
    nets = len(parameters)
    scale = parameters.square().mean(dim=1, keepdim=True).sqrt()
    neurons = [place for place, (own_layer, _) in enumerate(neurons_of(config)) if own_layer == layer]
    smaller, copies = config, []
    for neuron, (compensated, noise) in product(neurons, KICKS):
        start = parameters + steps[:, neuron] if compensated else parameters
        if noise:
            drawn = [torch.randn(start.shape[1], generator=g, dtype=start.dtype) for g in generators]
            start = start + noise * scale * torch.stack(drawn)
        smaller, left = without(config, start, torch.full((nets,), neuron))
        copies.append(left)
    return _Copies(
        config=smaller,
        parameters=torch.cat(copies),
        nets=torch.arange(nets).repeat(len(copies)),
        deleted=torch.tensor(neurons).repeat_interleave(len(KICKS) * nets),
    )
