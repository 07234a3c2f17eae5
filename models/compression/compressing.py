"""Compression: the smallest network that computes the same, from any network whatever trained it.

Neurons that others of their layer already hold go first, by linear algebra (`redundancy`). Then neurons are
eliminated one at a time, the others making up for them (`elimination`); what is left is fitted to the last
digits and checked on points that it has not seen, stepping back where the check fails. Deep networks get a
kick: every neuron is deleted once more, with noise on the others. A last step makes the weights readable where
the function leaves a choice (`readable_weights.py`). The smallest width that is known for a task is told to none of it.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm.auto import tqdm

from mathcircuits.detect import Certificate, InputError, Network, Task, certify
from mathcircuits.detect.exact import is_piecewise_linear
from mathcircuits.detect.features import SOLVED, as_task
from mathcircuits.detect.networks import (
    Box,
    BoxLike,
    HasNetwork,
    as_box,
    as_floats,
    as_network,
    box_of,
    check_inputs,
    several,
)

from ..fitting.batches import generator_of, targets_of
from ..fitting.criteria import LEAST_LOSS
from ..fitting.regimens import Compression
from ..networks.config import check_seed
from .criteria import COARSE, FINISHED, MARGIN
from .elimination import Limits, State, eliminated, kicked, polished
from .readable_weights import readable_forms
from .redundancy import merged

Array = npt.NDArray[np.float64]

#: Points of the last check, which nothing was fitted to or chosen by.
CHECKED = 4096
#: Points on which readable weights are fitted again.
REFITTED = 1024
#: Networks that go together: more would only take memory, 4096 points each.
TOGETHER = 256
#: Parts of given data: fitted, and checked on the way; the rest is held out for the last check.
FITTED, CHOSEN = 0.6, 0.2
#: Fewer rows leave nothing to hold out that would say anything.
FEWEST_ROWS = 10
#: Parameters up to which networks are fitted by Levenberg-Marquardt, whose step costs their square times twice
#: their number: 0.1 s for 1000 on one core. Larger ones are made smaller by linear algebra alone until then.
LARGEST_FITTED = 1000
#: Parameters up to which weights are made readable: nobody reads more.
LARGEST_READ = 200
#: How often elimination starts anew from a solved network, on other points.
ROUNDS = 2


@dataclass(frozen=True, eq=False, repr=False)
class Compressed:
    """What `compress` made of a network.

    Attributes:
        network: the compressed network.
        original: the network that it was made of.
        target: what it was fitted to, in a word: a task's name, `data` or `itself`.
        box: (low, high) per input: where the two are compared.
        tolerance: the mean squared error that was allowed.
        loss: the mean squared error against the target on points that nothing was fitted to or chosen by.
        verified: whether that is below the tolerance.
        held_out: the largest difference to the original that was met on these points.
        cost: steps of Levenberg-Marquardt tried.
        removed: (hidden layer, neuron) of the original, in the order in which they went.
        readable: whether the last step changed the weights.

    Examples:
        >>> wide = Network([[[1.0], [2.0], [-1.0], [-0.5]], [[1.0, 1.0, 2.0, 2.0]]])
        >>> done = compress(wide, None)
        >>> done.before, done.after, done.verified, len(done.removed)
        ((1, 4, 1), (1, 2, 1), True, 2)
        >>> done.difference.upper < 1e-9
        True
    """

    network: Network
    original: Network = field(repr=False)
    target: str
    box: Box
    tolerance: float
    loss: float
    verified: bool
    held_out: float
    cost: int
    removed: tuple[tuple[int, int], ...]
    readable: bool

    @property
    def before(self) -> tuple[int, ...]:
        """The sizes of the original."""
        return self.original.sizes

    @property
    def after(self) -> tuple[int, ...]:
        """The sizes of the compressed network."""
        return self.network.sizes

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the compressed network."""
        return self.network.sizes

    def to_network(self) -> Network:
        """The compressed network, so that it goes wherever a network does."""
        return self.network

    @cached_property
    def difference(self) -> Certificate | None:
        """A certificate of the largest difference to the original on the box, proved when it is first asked for.

        None where it is not feasible: with smooth activations, or where the search does not end in time;
        `held_out` is then what there is.
        """
        if not (is_piecewise_linear(self.network) and is_piecewise_linear(self.original)):
            return None
        proof = certify(self.network, self.original, box=self.box)
        return proof if proof.complete else None

    def __repr__(self) -> str:
        before, after = ("-".join(map(str, sizes)) for sizes in (self.before, self.after))
        said = "verified" if self.verified else "not verified"
        return f"Compressed({before} -> {after}, {self.target}, {said}: mse {self.loss:.2g})"

    def _repr_html_(self) -> str:
        def sizes(given: tuple[int, ...]) -> str:
            return "-".join(map(str, given))

        said = "below" if self.verified else "not below"
        rows = {
            "sizes": f"{sizes(self.before)} to {sizes(self.after)}",
            "target": self.target,
            "mean squared error": f"{self.loss:.3g} on unseen points, {said} {self.tolerance:g}",
            "largest difference to the original met": f"{self.held_out:.3g}",
            "made readable": "yes" if self.readable else "no",
            "steps of Levenberg-Marquardt": f"{self.cost:,}",
        }
        cells = "".join(
            f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows.items()
        )
        return f"<table><tbody>{cells}</tbody></table>"


def compress(
    network: Network | HasNetwork,
    target: Task | str | tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    *,
    tolerance: float = SOLVED,
    box: BoxLike | None = None,
    seed: int = 0,
    settings: Compression | None = None,
    progress: bool | None = None,
) -> Compressed:
    """The smallest network found that computes the same as another one, or a task, or fits data.

    Args:
        network: a Network or anything with `to_network()`, of any depth, width and activation.
        target: a Task or the name of a registered one; data `(X [n, d], y [n] or [n, outputs])`, a part of
            which is held out; or None (or `"self"`): the network's own function on the box.
        tolerance: the mean squared error allowed, in the output's units squared, measured on points that
            nothing was fitted to.
        box: (low, high) for all inputs or one pair per input; None is the task's own, the range of the data
            (at least (-1, 1)), or (-1, 1).
        seed: of the points and of the kicks.
        settings: see `Compression`; None for its own values.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.

    Returns:
        What came of it. Where nothing smaller meets the tolerance the network stays at its size; where it
        does not meet it itself, `verified` is False.

    Raises:
        InputError: for something that is no network, a target that does not fit it, data with fewer than ten
            rows, or a tolerance that is not positive.
        UnknownTask: for a task that is not registered.

    Examples:
        >>> split = Network([[[1, -1], [2, -2], [1, 0], [-1, 0]], [[-0.5, -0.25, 1, -1]]])
        >>> done = compress(split, "minimum")
        >>> done
        Compressed(2-4-1 -> 2-3-1, minimum, verified: mse 0)
    """
    network = as_network(network)
    if settings is not None and not isinstance(settings, Compression):
        raise InputError(f"settings of type {type(settings).__name__}: give a Compression, or None")
    points = _points(network, target, box, check_seed(seed))
    return _all([network], points, settings or Compression(), _tolerance(tolerance), [seed], progress)[0]


def compress_many(
    networks: Sequence[Network],
    task: Task | str,
    *,
    settings: Compression | None = None,
    seeds: Sequence[int] | None = None,
    tolerance: float = SOLVED,
    progress: bool | None = None,
) -> list[Compressed]:
    """Compress many networks of a task at once, each on its own.

    Args:
        networks: of any shapes that fit the task.
        task: a Task or the name of a registered one.
        settings: see `Compression`; None for its own values.
        seeds: one per network, of its points and its kicks; None counts from 0.
        tolerance: see `compress`.
        progress: see `compress`.

    Returns:
        One Compressed per network, the same as it would be alone (to rounding).

    Raises:
        InputError: for a network that does not fit the task, a number of seeds that is not that of the
            networks, or a tolerance that is not positive.
        UnknownTask: for a task that is not registered.

    Examples:
        >>> nets = [Network([[[1.0], [-1.0], [k]], [[1.0, 1.0, 0.0]]]) for k in (1.0, 2.0)]
        >>> [done.sizes for done in compress_many(nets, "absolute")]
        [(1, 2, 1), (1, 2, 1)]
    """
    task = as_task(task)
    given = [as_network(network) for network in several(networks)]
    numbers = list(range(len(given))) if seeds is None else [check_seed(seed) for seed in seeds]
    if len(numbers) != len(given):
        raise InputError(f"{len(numbers)} seeds for {len(given)} networks: give one each, or None")
    for network in given:
        _check_fit(network, task)
    done: list[Compressed] = []
    for start in range(0, len(given), TOGETHER):
        part = slice(start, start + TOGETHER)
        points = _TaskPoints(task, task.box, numbers[part])
        done += _all(
            given[part], points, settings or Compression(), _tolerance(tolerance), numbers[part], progress
        )
    return done


# What is fitted


class _Points(Protocol):
    """Points and their targets, by network."""

    @property
    def name(self) -> str:
        """What the points are of."""
        ...

    @property
    def box(self) -> Box:
        """Where they lie."""
        ...

    def draw(self, purpose: str, rows: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
        """x [row, d, point] and y [row, outputs, point], float64; purposes are streams of their own."""
        ...


def _uniform(box: Box, count: int, *key: object) -> Tensor:
    """Points [count, d], uniform on the box."""
    low, high = (torch.tensor(side, dtype=torch.float64) for side in np.array(box).T)
    unit = torch.rand((count, len(box)), generator=generator_of("compression", *key), dtype=torch.float64)
    return low + unit * (high - low)


@dataclass
class _TaskPoints:
    """Fresh points of a task, as many as are wanted."""

    task: Task
    box: Box
    seeds: Sequence[int]

    def __post_init__(self) -> None:
        self.name = self.task.name

    def draw(self, purpose: str, rows: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
        # What a check finds wanting is fitted next, so the points are the same.
        stream = purpose.replace("check", "fresh")
        x = torch.cat([_uniform(self.box, count, stream, self.name, self.seeds[row]) for row in rows])
        y = targets_of(self.task, x)
        return (
            x.view(len(rows), count, -1).transpose(1, 2).contiguous(),
            y.view(len(rows), count, -1).transpose(1, 2).contiguous(),
        )


@dataclass
class _OwnPoints:
    """Points of a network's own function."""

    network: Network
    box: Box
    seed: int
    name: str = "itself"

    def draw(self, purpose: str, rows: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
        x = _uniform(self.box, count, purpose.replace("check", "fresh"), "itself", self.seed)
        y = torch.from_numpy(self.network(x.numpy()))
        if not y.isfinite().all():
            raise InputError("the network's values overflow on the box: give a smaller box")
        return tuple(t.T[None].expand(len(rows), -1, -1).contiguous() for t in (x, y))  # type: ignore[return-value]


@dataclass
class _DataPoints:
    """Given rows, in three parts: fitted, checked on the way, held out for the last check."""

    X: Array
    y: Array
    box: Box
    seed: int
    name: str = "data"

    def __post_init__(self) -> None:
        order = np.random.default_rng(self.seed).permutation(len(self.X))
        first, second = round(FITTED * len(order)), round((FITTED + CHOSEN) * len(order))
        self.fitted, self.chosen, self.held_out = order[:first], order[first:second], order[second:]

    def draw(self, purpose: str, rows: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
        kind = purpose.split()[0]
        at = {"check": self.chosen, "verify": self.held_out}.get(kind, self.fitted)
        if at is self.fitted and len(at) > count:
            draws = np.random.default_rng([self.seed, *purpose.encode()])
            at = draws.choice(at, count, replace=False)
        x, y = (torch.from_numpy(values[at].T.copy()) for values in (self.X, self.y))
        return x[None].expand(len(rows), -1, -1).contiguous(), y[None].expand(len(rows), -1, -1).contiguous()


def _points(network: Network, target: Any, box: BoxLike | None, seed: int) -> _Points:
    bounds = None if box is None else as_box(box, network.inputs)
    if target is None or (isinstance(target, str) and target == "self"):
        return _OwnPoints(network, bounds or as_box((-1.0, 1.0), network.inputs), seed)
    if isinstance(target, (Task, str)):
        task = as_task(target)
        _check_fit(network, task)
        return _TaskPoints(task, bounds or task.box, [seed])
    try:
        given, wanted = target
    except (TypeError, ValueError):
        raise InputError(
            f"a target of type {type(target).__name__}: give a task or its name, data (X, y), or None for the "
            "network's own function"
        ) from None
    X = check_inputs(given, network.inputs)
    y = as_floats(wanted)
    if y is not None and y.ndim == 1:
        y = y[:, None]
    if y is None or y.shape != (len(X), network.outputs):
        found = "no numeric array" if y is None else f"shape {y.shape}"
        raise InputError(f"targets y: {found}, expected [{len(X)}, {network.outputs}], one row per input")
    check_inputs(y, network.outputs, "targets")
    if len(X) < FEWEST_ROWS:
        raise InputError(f"data of {len(X)} rows: give at least {FEWEST_ROWS}, a part of which is held out")
    return _DataPoints(X, y, bounds or box_of(X), seed)


def _check_fit(network: Network, task: Task) -> None:
    if (network.inputs, network.outputs) != (task.arity, task.outputs):
        raise InputError(
            f"a network of sizes {network.sizes} for task {task.name!r}: it needs {task.arity} inputs and "
            f"{task.outputs} outputs"
        )


def _tolerance(given: float) -> float:
    if not (isinstance(given, (int, float)) and given > 0 and math.isfinite(given)):
        raise InputError(f"tolerance {given!r}: give a positive mean squared error")
    return float(given)


# How it goes


def _all(
    networks: Sequence[Network],
    points: _Points,
    settings: Compression,
    tolerance: float,
    seeds: Sequence[int],
    progress: bool | None,
) -> list[Compressed]:
    """All networks, those together that are fitted on as many points."""
    done: list[Compressed | None] = [None] * len(networks)
    groups: dict[tuple[int, int], list[int]] = {}
    states: list[State] = []
    bar = tqdm(
        total=len(networks),
        desc=f"compress {points.name}",
        disable=None if progress is None else not progress,
        leave=False,
    )
    with bar, torch.no_grad():
        for row, network in enumerate(networks):
            depth = len(network.sizes) - 2
            least = settings.for_depth(depth).points
            assert least is not None
            states.append(_started(network, row, points, settings.for_depth(depth), tolerance))
            # Fewer points than twice the parameters would be fitted by heart.
            enough = 2 * min(len(states[-1].parameters), LARGEST_FITTED)
            number = max(least, 2 ** math.ceil(math.log2(enough)) if enough > least else 0)
            groups.setdefault((depth, number), []).append(row)
        for (depth, number), rows in groups.items():
            own = settings.for_depth(depth).model_copy(update={"points": number})
            run = _Run(networks, states, rows, points, own, tolerance, seeds)
            for row, one in zip(rows, run.results(), strict=True):
                done[row] = one
            bar.update(len(rows))
    return [one for one in done if one is not None]


def _started(network: Network, row: int, points: _Points, settings: Compression, tolerance: float) -> State:
    """The network without the neurons that the others of their layer already hold.

    One that is too large for Levenberg-Marquardt loses those that the others nearly hold as well, as long as
    that costs no more than a deletion may.
    """
    assert settings.points is not None
    assert settings.threshold is not None
    drawn = points.draw("merge", [row], max(4 * max(network.sizes), settings.points))
    x, y = (t[0].T.numpy() for t in drawn)
    # A network that does not solve its task may get there when it is small enough to be fitted.
    allowed = max(tolerance, settings.threshold * float(y.var(axis=0).mean()), 2 * _mse(network, x, y))
    small, kept = merged(network, x)
    for slight in COARSE:
        if small.architecture.parameters <= LARGEST_FITTED:
            break
        less, own = merged(network, x, slight)
        if not _mse(less, x, y) < allowed:
            break
        small, kept = less, own
    gone = tuple(
        (layer, unit)
        for layer, own in enumerate(kept)
        for unit in range(network.sizes[layer + 1])
        if unit not in own
    )
    return State.of(small, tuple(tuple(own) for own in kept), gone)


class _Run:
    """Networks on their way that are fitted on as many points."""

    def __init__(
        self,
        networks: Sequence[Network],
        states: Sequence[State],
        rows: Sequence[int],
        points: _Points,
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

    def smaller(self, states: Sequence[State], number: int) -> list[State]:
        """Eliminate, polish, and step back where unseen points show more than the tolerance."""

        def draw(purpose: str, rows: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
            return self.draw(f"{purpose} {number}", rows, count)

        fitted = [k for k, state in enumerate(states) if len(state.parameters) <= LARGEST_FITTED]
        ways = eliminated(states, fitted, draw, self.limits, self.cost)
        found: list[State] = list(states)
        waiting = list(fitted)
        while waiting:
            tried = polished([ways[k][-1] for k in waiting], waiting, draw, self.limits, self.cost)
            for k, state in zip(waiting, tried, strict=True):
                found[k] = state
                ways[k].pop()
            waiting = [k for k in waiting if not found[k].loss < self.tolerance and ways[k]]
        return found

    def after_kicks(self, states: Sequence[State]) -> list[State]:
        """Kick every solved network, as often as that makes it smaller."""
        found = list(states)
        going = [k for k, state in enumerate(found) if state.loss < self.tolerance]
        number = 0
        while going:

            def draw(
                purpose: str, rows: Sequence[int], count: int, number: int = number
            ) -> tuple[Tensor, Tensor]:
                return self.draw(f"{purpose} kick {number}", rows, count)

            options = kicked(
                [found[k] for k in going],
                going,
                draw,
                self.limits,
                self.cost,
                [self.seeds[k] + number for k in going],
            )
            smaller: list[int] = []
            waiting = [(k, own) for k, own in zip(going, options, strict=True) if own]
            while waiting:
                tried = polished(
                    [own[0] for _, own in waiting], [k for k, _ in waiting], draw, self.limits, self.cost
                )
                left = []
                for (k, own), state in zip(waiting, tried, strict=True):
                    if state.loss < self.tolerance:
                        found[k] = state
                        smaller.append(k)
                    elif own[1:]:
                        left.append((k, own[1:]))
                waiting = left
            going = sorted(smaller)
            number += 1
        return found

    def readable(self, k: int, network: Network) -> Network | None:
        """The most readable network that is as good on points it was not fitted to, or None."""
        if network.architecture.parameters > LARGEST_READ:
            return None
        fitted = self.draw("readable", [k], REFITTED)
        x, y = (t[0].T.numpy() for t in self.draw("check readable", [k], CHECKED))
        allowed = min(_mse(network, x, y) + MARGIN * self.tolerance, self.tolerance)
        for form in readable_forms(network, self.points.box, *fitted):
            if _mse(form, x, y) < allowed:
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
            loss = _mse(option, x, y)
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


def _mse(network: Network, X: Array, y: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(((network(X) - y) ** 2).mean())
