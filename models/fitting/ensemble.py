"""Ensemble: networks that were trained together, one per seed."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import About, InputError, Network
from mathcircuits.detect.drawings import drawing
from mathcircuits.detect.features import SOLVED
from mathcircuits.detect.networks import (
    HOOK_INPUT,
    HOOK_OUTPUT,
    apply_nonlinearity,
    check_inputs,
    hook_post,
    hook_pre,
)

from ..networks.config import MLPConfig
from .regimens import Regimen

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..networks.mlp import MLP

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """Networks, one per seed, and how their training went.

    `runs[k]` is the k-th network as an MLP (in the order of `seeds`), `runs.seed(s)` the one of seed s;
    `len`, iteration, `select` and `finite` work as one expects. All networks start in one shape; a regimen that
    compresses or grows ends in networks of several, which lie in the same arrays, padded with zeros.

    Attributes:
        task: the name of the task.
        config: the shape of every network, and where `widths` are given the largest that one can have.
        regimen: how they were trained.
        steps: the updates of one training from its initial weights, a rescue's phases included.
        seeds: one per network.
        weights: one array [net, out, in] per linear layer.
        biases: one array [net, out] per linear layer, or None where the layer has none.
        losses: mean squared error on fresh points, [net]; NaN for a network that diverged.
        logged_steps: the steps [m] at which the loss was logged, about ten a decade. The last is the end: `steps`,
            or `steps + 1` where the gradient steps were followed by a compression or a polish.
        logged_losses: the loss [m, net] after that many updates, on the batch that came next; from a rescue's
            phases on, on held-out points, and at the last on the fresh points.
        widths: the neurons of each network, [net, hidden layer]: unit j of layer l of network k is there where
            `j < widths[k, l]`, the rest of the arrays is 0. None where all are as wide as `config` says.
        cost: network-steps spent on each network, [net]: updates and tries of Levenberg-Marquardt, with the pool
            and the restarts; by default `steps` each.
        checkpoint_steps: the steps [m] of the checkpoints, ascending: the first is 0, the last the end. None
            where there are none.
        checkpoints: the weights at these steps, one array [m, net, out, in] per linear layer, padded as `weights`,
            in the precision of the gradient steps.
        checkpoint_biases: the biases, one array [m, net, out] or None per linear layer.
        about: what its networks know beside their weights: the names of inputs and outputs.
        threshold: the loss below which a network has solved the task.

    Examples:
        >>> from ..training.training import train
        >>> runs = train("identity", hidden=(2,), seeds=range(3), steps=20)
        >>> runs, len(runs), runs[1]
        (Ensemble(identity, 1-2-1, relu, no bias, adam, 3 seeds), 3, MLP(1-2-1, relu, no bias, float32))
        >>> runs.history.columns.tolist(), runs.losses.shape
        (['seed', 'step', 'loss'], (3,))
    """

    task: str
    config: MLPConfig
    regimen: Regimen
    steps: int
    seeds: tuple[int, ...]
    weights: tuple[Array, ...]
    biases: tuple[Array | None, ...]
    losses: npt.NDArray[np.float64]
    logged_steps: npt.NDArray[np.int64]
    logged_losses: npt.NDArray[np.float64]
    widths: npt.NDArray[np.int64] | None = None
    cost: npt.NDArray[np.int64] = None  # type: ignore[assignment]  # never None: __post_init__ counts the steps
    checkpoint_steps: npt.NDArray[np.int64] | None = None
    checkpoints: tuple[Array, ...] | None = None
    checkpoint_biases: tuple[Array | None, ...] | None = None
    about: About = field(default_factory=About)
    threshold: float = SOLVED

    def __post_init__(self) -> None:
        n, sizes = len(self.seeds), self.config.sizes
        if self.cost is None:
            object.__setattr__(self, "cost", np.full(n, self.steps, np.int64))
        shapes: list[tuple[str, Array | None, tuple[int, ...]]] = [("losses", self.losses, (n,))]
        shapes.append(("logged_losses", self.logged_losses, (len(self.logged_steps), n)))
        shapes += [("cost", self.cost, (n,)), ("widths", self.widths, (n, len(sizes) - 2))]
        layers = zip(self.weights, self.biases, strict=True)
        for k, (weight, bias) in enumerate(layers):
            shapes.append((f"weights[{k}]", weight, (n, *sizes[k : k + 2][::-1])))
            shapes.append((f"biases[{k}]", bias, (n, sizes[k + 1])))
        if len(self.weights) != len(sizes) - 1:
            raise InputError(f"{len(self.weights)} weights for sizes {sizes}: give one per linear layer")
        given = [self.checkpoint_steps is None, self.checkpoints is None, self.checkpoint_biases is None]
        if len(set(given)) > 1:
            raise InputError("checkpoint_steps, checkpoints and checkpoint_biases: give all three or none")
        if self.checkpoint_steps is not None:
            m = len(self.checkpoint_steps)
            moments = zip(self.checkpoints or (), self.checkpoint_biases or (), strict=True)
            for k, (weight, bias) in enumerate(moments):
                shapes.append((f"checkpoints[{k}]", weight, (m, n, *sizes[k : k + 2][::-1])))
                shapes.append((f"checkpoint_biases[{k}]", bias, (m, n, sizes[k + 1])))
        for name, array, expected in shapes:
            if array is not None and array.shape != expected:
                raise InputError(
                    f"{name} has shape {array.shape}, expected {expected} for {n} seeds of sizes {sizes}"
                )
            if array is not None:
                array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, position: int) -> MLP:
        from ..networks.mlp import MLP

        if not -len(self) <= position < len(self):
            raise IndexError(f"network {position} of {len(self)}: count from 0, or use .seed({position})")
        sizes = self.sizes[position]
        weights, biases = self._cut(position, sizes)
        net = MLP.from_parameters(replace(self.config, sizes=sizes), weights, biases)
        net.about = self.about
        return net

    def __iter__(self) -> Iterator[MLP]:
        return (self[position] for position in range(len(self)))

    @property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """The sizes of each network: inputs, its own hidden widths, outputs."""
        first, *_, last = whole = self.config.sizes
        if self.widths is None:
            return (whole,) * len(self)
        return tuple((first, *map(int, own), last) for own in self.widths)

    def _cut(self, position: int, sizes: tuple[int, ...]) -> tuple[list[Array], list[Array | None]]:
        """The weights and biases of one network at its own size."""
        ends = list(itertools.pairwise(sizes))
        weights = [w[position, :o, :i] for w, (i, o) in zip(self.weights, ends, strict=True)]
        return weights, [
            None if b is None else b[position, :o] for b, (_, o) in zip(self.biases, ends, strict=True)
        ]

    def seed(self, seed: int) -> MLP:
        """The network of that seed.

        Raises:
            InputError: for a seed that is not among `seeds`.
        """
        return self.select([seed])[0]

    def select(self, seeds: Iterable[int]) -> Ensemble:
        """The ensemble of these seeds alone, in the order given.

        Raises:
            InputError: for a seed that is not among `seeds`.
        """
        places = {seed: k for k, seed in enumerate(self.seeds)}
        chosen = tuple(seeds)
        for seed in chosen:
            if seed not in places:
                raise InputError(f"seed {seed} is not in this ensemble: its seeds are {_listed(self.seeds)}")
        return self.take(places[seed] for seed in chosen)

    def take(self, positions: Iterable[int]) -> Ensemble:
        """The ensemble of the networks at these positions alone, counted from 0."""
        at = list(positions)
        return replace(
            self,
            seeds=tuple(self.seeds[k] for k in at),
            weights=tuple(weight[at] for weight in self.weights),
            biases=tuple(None if bias is None else bias[at] for bias in self.biases),
            losses=self.losses[at],
            logged_losses=self.logged_losses[:, at],
            widths=None if self.widths is None else self.widths[at],
            cost=self.cost[at],
            checkpoints=None if self.checkpoints is None else tuple(w[:, at] for w in self.checkpoints),
            checkpoint_biases=None
            if self.checkpoint_biases is None
            else tuple(None if b is None else b[:, at] for b in self.checkpoint_biases),
        )

    def at_step(self, step: int) -> Ensemble:
        """The networks as they were after that many updates, without checkpoints of their own.

        Step 0 is the ensemble of the initial weights. The losses are those logged at that step.

        Raises:
            InputError: where there are no checkpoints, or none at that step; the message names the near ones.

        Examples:
            >>> from ..training.training import train
            >>> runs = train("identity", hidden=(2,), seeds=range(3), steps=20, checkpoints="log")
            >>> runs.checkpoint_steps.tolist()
            [0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20]
            >>> untrained = train("identity", hidden=(2,), seeds=range(3), steps=0)
            >>> bool((runs.at_step(0).weights[0] == untrained.weights[0]).all())
            True
        """
        if self.checkpoint_steps is None or self.checkpoints is None or self.checkpoint_biases is None:
            raise InputError(
                f"step {step}: this ensemble has no checkpoints; train with checkpoints='log', or a list of steps"
            )
        if not isinstance(step, int | np.integer):
            raise InputError(f"step {step!r}: give a whole number, one of checkpoint_steps")
        rows = np.flatnonzero(self.checkpoint_steps == step)
        if not len(rows):
            near = self.checkpoint_steps[np.argsort(abs(self.checkpoint_steps - step), kind="stable")[:2]]
            raise InputError(
                f"no checkpoint at step {step}: the near ones are {' and '.join(map(str, sorted(near.tolist())))} "
                "(all are in checkpoint_steps)"
            )
        bare = replace(self, checkpoint_steps=None, checkpoints=None, checkpoint_biases=None)
        row = int(rows[0])
        if row == len(self.checkpoint_steps) - 1:
            return bare
        weights = tuple(w[row].copy() for w in self.checkpoints)
        biases = tuple(None if b is None else b[row].copy() for b in self.checkpoint_biases)
        until = self.logged_steps <= step
        finite = np.isfinite(self.logged_losses[until][-1])
        for array in (*weights, *(b for b in biases if b is not None)):
            finite &= np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
        return replace(
            bare,
            steps=int(step),
            config=replace(self.config, dtype="float64" if weights[0].dtype == np.float64 else "float32"),
            weights=weights,
            biases=biases,
            losses=np.where(finite, self.logged_losses[until][-1], np.nan),
            logged_steps=self.logged_steps[until],
            logged_losses=self.logged_losses[until],
            # what grew has its width from the start; what was compressed gets it at the end
            widths=self.widths if self.regimen.growth else None,
            cost=np.minimum(self.cost, step),
        )

    @property
    def diverged(self) -> tuple[int, ...]:
        """The seeds whose weights or losses are no longer finite."""
        return tuple(
            seed for seed, loss in zip(self.seeds, self.losses, strict=True) if not np.isfinite(loss)
        )

    @property
    def finite(self) -> Ensemble:
        """The ensemble without the networks that diverged."""
        return self.take(np.flatnonzero(np.isfinite(self.losses)))

    @property
    def history(self) -> pd.DataFrame:
        """The losses at logarithmic steps, tidy: columns `seed`, `step`, `loss`."""
        import pandas as pd

        m, n = self.logged_losses.shape
        return pd.DataFrame(
            {
                "seed": np.repeat(self.seeds, m),
                "step": np.tile(self.logged_steps, n),
                "loss": self.logged_losses.T.ravel(),
            }
        )

    def networks(self) -> list[Network]:
        """Every network as plain float64 weights, in order; no torch is needed.

        Raises:
            InputError: where networks diverged; `runs.finite.networks()` leaves them out.
        """
        if self.diverged:
            raise InputError(
                f"seeds {_listed(self.diverged)} diverged and have no finite weights: use .finite.networks() "
                "and count them as failures"
            )
        return [
            Network(*self._cut(k, own), self.config.activations, about=self.about)
            for k, own in enumerate(self.sizes)
        ]

    def activations(self, X: npt.ArrayLike) -> dict[str, npt.NDArray[np.float64]]:
        """Every network's values on X at every hook: hook name -> [net, n, units], in float64.

        A hook under `torch.func.vmap` would lose the axis of the networks, so these are computed, not hooked. Units
        beyond a network's own width are 0 everywhere.

        Args:
            X: inputs [n, d].
        """
        inputs = check_inputs(X, self.config.sizes[0])
        h: npt.NDArray[np.float64] = np.broadcast_to(inputs, (len(self), *inputs.shape))
        values = {HOOK_INPUT: h}
        # a diverged network overflows, and says so by its values
        with np.errstate(over="ignore", invalid="ignore"):
            for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
                h = h @ weight.astype(np.float64).transpose(0, 2, 1)
                h = h if bias is None else h + bias.astype(np.float64)[:, None, :]
                if layer == len(self.weights) - 1:
                    values[HOOK_OUTPUT] = h
                else:
                    values[hook_pre(layer)] = h
                    h = np.asarray(apply_nonlinearity(self.config.activations[layer], h), np.float64)
                    values[hook_post(layer)] = h
        return values

    def plot(self, ax: Axes | None = None) -> Axes:
        """The losses over training, as `plot_losses` draws them."""
        return self.plot_losses(ax)

    def plot_losses(self, ax: Axes | None = None) -> Axes:
        """The loss of every network over training: solid where it solved its task, dashed where it did not.

        Args:
            ax: where to draw; by default a new figure.
        """
        made: Axes = drawing("losses")(self, ax=ax)
        return made

    def __repr__(self) -> str:
        shape = repr(self.config.architecture).removeprefix("Architecture(").removesuffix(")")
        ended = f"{self._ended}, " if self._ended else ""
        return f"Ensemble({self.task}, {shape}, {ended}{self.regimen.name}, {_counted(len(self), 'seed')})"

    @property
    def solved(self) -> npt.NDArray[np.bool_]:
        """Which networks have solved the task, [net]: those with a loss below `threshold`.

        Examples:
            >>> from ..training.training import train
            >>> train("identity", hidden=(2,), seeds=range(3), steps=1).solved.tolist()
            [False, False, False]
        """
        return np.asarray(self.losses < self.threshold)

    @property
    def _ended(self) -> str:
        """The widths that the networks ended with, where they did not all keep their own."""
        if self.widths is None or not self.widths.size:
            return ""
        least, most = ("-".join(map(str, side(self.widths, axis=0))) for side in (np.min, np.max))
        return f"ending with {least}" if least == most else f"ending with {least} to {most}"

    def _repr_html_(self) -> str:
        typical: list[float] = np.quantile(self.finite.losses, [0, 0.5]).tolist() if len(self.finite) else []
        rows = {
            "task": self.task,
            "networks": f"{len(self)} of {'-'.join(map(str, self.config.sizes))}",
            **({"hidden": self._ended} if self._ended else {}),
            "regimen": f"{self.regimen.name}, {self.steps} steps",
            "network-steps": f"{np.median(self.cost):.4g} (median)" if len(self) else "none",
            f"loss below {self.threshold:.2g}": f"{int(self.solved.sum())} of {len(self)}",
            "smallest, median loss": ", ".join(f"{loss:.3g}" for loss in typical) or "none is finite",
            "diverged": str(len(self.diverged)),
        }
        cells = "".join(
            f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows.items()
        )
        return f"<table>{cells}</table>"


def _listed(seeds: tuple[int, ...], limit: int = 8) -> str:
    shown = ", ".join(map(str, seeds[:limit]))
    return shown if len(seeds) <= limit else f"{shown}, ... ({len(seeds)} in all)"


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
