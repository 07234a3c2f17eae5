"""Ensemble: networks of one shape that were trained together, one per seed."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.activation import HOOK_INPUT, HOOK_OUTPUT, hook_post, hook_pre
from mathcircuits.detect.box import check_inputs
from mathcircuits.detect.nonlinearity import apply_nonlinearity

from .config import MLPConfig
from .regimens import Regimen

if TYPE_CHECKING:
    import pandas as pd

    from .mlp import MLP

Array = npt.NDArray[Any]
#: A network has solved its task below this mean squared error on fresh points (design, section 5.8).
SOLVED = 1e-8


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """Networks of one shape, one per seed, and how their training went.

    `runs[k]` is the k-th network as an MLP (in the order of `seeds`), `runs.seed(s)` the one of seed s;
    `len`, iteration, `select` and `finite` work as one expects.

    Attributes:
        task: the name of the task.
        config: the shape of every network.
        regimen: how they were trained.
        steps: the updates that each of them had.
        seeds: one per network.
        weights: one array [net, out, in] per linear layer.
        biases: one array [net, out] per linear layer, or None where the layer has none.
        losses: mean squared error on fresh points, [net]; NaN for a network that diverged.
        logged_steps: the steps [m] at which the loss was logged, about ten a decade; the last is `steps`.
        logged_losses: the loss [m, net] after that many updates, on the batch that came next, and at the last
            on the fresh points.

    Examples:
        >>> from mathcircuits.models.training import train
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

    def __post_init__(self) -> None:
        n, sizes = len(self.seeds), self.config.sizes
        shapes: list[tuple[str, Array | None, tuple[int, ...]]] = [("losses", self.losses, (n,))]
        shapes.append(("logged_losses", self.logged_losses, (len(self.logged_steps), n)))
        layers = zip(self.weights, self.biases, strict=True)
        for k, (weight, bias) in enumerate(layers):
            shapes.append((f"weights[{k}]", weight, (n, *sizes[k : k + 2][::-1])))
            shapes.append((f"biases[{k}]", bias, (n, sizes[k + 1])))
        if len(self.weights) != len(sizes) - 1:
            raise InputError(f"{len(self.weights)} weights for sizes {sizes}: give one per linear layer")
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
        from .mlp import MLP

        if not -len(self) <= position < len(self):
            raise IndexError(f"network {position} of {len(self)}: count from 0, or use .seed({position})")
        biases = [None if bias is None else bias[position] for bias in self.biases]
        return MLP.from_parameters(self.config, [weight[position] for weight in self.weights], biases)

    def __iter__(self) -> Iterator[MLP]:
        return (self[position] for position in range(len(self)))

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
            Network(
                [weight[k] for weight in self.weights],
                [None if bias is None else bias[k] for bias in self.biases],
                self.config.activations,
            )
            for k in range(len(self))
        ]

    def activations(self, X: npt.ArrayLike) -> dict[str, npt.NDArray[np.float64]]:
        """Every network's values on X at every hook: hook name -> [net, n, units], in float64.

        A hook under `torch.func.vmap` would lose the axis of the networks, so these are computed, not hooked.

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

    def __repr__(self) -> str:
        shape = repr(self.config.architecture).removeprefix("Architecture(").removesuffix(")")
        return f"Ensemble({self.task}, {shape}, {self.regimen.name}, {_counted(len(self), 'seed')})"

    def _repr_html_(self) -> str:
        solved = int((self.losses < SOLVED).sum())
        typical: list[float] = np.quantile(self.finite.losses, [0, 0.5]).tolist() if len(self.finite) else []
        rows = {
            "task": self.task,
            "networks": f"{len(self)} of {'-'.join(map(str, self.config.sizes))}",
            "regimen": f"{self.regimen.name}, {self.steps} steps",
            f"loss below {SOLVED:g}": f"{solved} of {len(self)}",
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
