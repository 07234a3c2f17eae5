"""Success model: predicts from initial weights whether a network will learn its task.

What a network is told by is a list of inner products over the task's box, each computed on points that the task's
symmetries map onto themselves: they cannot tell a network from one with its inputs exchanged in a way that leaves the
task as it is, nor from one with its neurons in another order, since neurons are listed by what they are pulled to.
The pull on neuron j is the early gradient on its incoming weights, `d_j = E[y x; w_j.x > 0]` (Maennel, Bousquet & Gelly
2018, arXiv 1803.08367: early on, neurons turn by it and hardly feel each other); its growth `w_j.d_j / |d_j| + v_j` is
what the closed rules of `closed_rules.py` are made of. Beside it stand the same numbers for the residual, the neurons'
overlaps, and the error that the best read-out would leave.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.task import Task, as_task
from ..networks.architecture import Architecture
from ..networks.network import HasNetwork, Network
from ..networks.stacks import Stack
from ..statistics.criteria import EQUAL
from .closed_rules import PredictionScore, as_stack, check_solved, score_predictions

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
#: Points that the inner products are taken on, before the symmetries are applied: with four times as many the accuracy
#: on minimum and addition moved by less than half its interval.
POINTS = 256
#: Neurons that are listed one by one; of more, half from either end of the order. Beyond the widths at which the seed
#: still decides, and pairs grow with the square of it.
LISTED = 12
#: Values [net, unit, point] that are worked on at once: 32 MiB.
CHUNK_VALUES = 2**22
#: Digits to which neurons count as equal when they are put in order, so that rounding does not order them.
_DIGITS = 9
#: Boosted trees: small steps and few leaves for a few thousand rows of some dozen columns, a half of them at a time.
#: Set before the held-out seeds were looked at, and left.
TREES = {
    "max_iter": 400,
    "learning_rate": 0.06,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "max_features": 0.5,
    "early_stopping": False,
}


def initial_features(
    networks: Sequence[Network | HasNetwork] | Stack, task: Task | str, *, points: int = POINTS
) -> pd.DataFrame:
    """What the initial weights of networks say about their prospects; the order of neurons and symmetries drop out.

    Per neuron, in descending order of its growth (a bias counts as the weight of one more input that is 1):

    - `growth`, `decay`, `across`: `w.e + v`, `w.e - v` and the part of w across e, with e the unit vector along its
      pull d; `pull`: |d|; `aim`: the cosine between w and d. The five with `residual_` before the name take the pull
      of the residual `y - f` in place of the target y.
    - `out`: v; `size`: |w|; `lock`: `v^2 - |w|^2`, which training keeps; `product`: `v |w|`; `fit`: the cosine
      between relu(w.x) and y.

    Per pair (two neurons, separated by a comma in the name): `overlap` of their activations and `angle` of their
    weights (both cosines), `pulls` (the cosine between their pulls), `cross` (between the one's weights and the other's
    pull), `race` (log of the ratio of their |growth|), `slow` (the one's `across` times the other's |growth| over its
    own). For the whole: `loss`, and `read_out`, the loss under the best read-out. NaN where something is not defined,
    such as the direction of a neuron that is never active.

    Args:
        networks: as they start, of one architecture: one hidden relu layer and one output, with or without biases.
        task: what they are to learn; inner products are over its box.
        points: quasi-random points for these, before the task's symmetries are applied to them.

    Returns:
        One row per network, one float column per feature.

    Raises:
        InputError: where networks are missing or of different or other shapes, or do not fit the task.
        UnknownTask: for a task that is not registered.

    Examples:
        >>> net = Network(weights=[[[0.5], [-0.25]], [[0.3, -0.4]]])
        >>> table = initial_features([net], "identity")
        >>> table[["growth 0", "decay 0", "growth 1"]].round(9).values.tolist()
        [[0.8, 0.2, -0.65]]
        >>> turned = Network(weights=[[[-0.25], [0.5]], [[-0.4, 0.3]]])
        >>> bool(np.allclose(initial_features([turned], "identity"), table))
        True
    """
    import pandas as pd

    task, stack = as_task(task), as_stack(networks)
    _check_shape(stack.architecture, task)
    X = _points(task, points)
    Y = np.asarray(task(X), np.float64)[:, 0]
    per_chunk = max(1, CHUNK_VALUES // (stack.architecture.sizes[1] * len(X)))
    parts = [_columns(stack[start : start + per_chunk], X, Y) for start in range(0, len(stack), per_chunk)]
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


@dataclass(frozen=True, eq=False)
class SuccessModel:
    """Boosted trees that give the chance of success from initial weights; made by `SuccessModel.fit`.

    Attributes:
        task: what the networks are to learn.
        architecture: their shape: a model is for one.
        n: networks that it has learned from; solved: how many of them succeeded.
        seed: of the columns that each tree sees.
        points: see `initial_features`.

    Examples:
        >>> from ..networks.initialisation import untrained
        >>> shape = Architecture((1, 2, 1), ("relu",), (False, False))
        >>> stack = untrained(shape, 400, "uniform", np.random.default_rng(0))
        >>> both = (stack.weights[0] > 0).any(axis=(1, 2)) & (stack.weights[0] < 0).any(axis=(1, 2))
        >>> model = SuccessModel.fit(stack[:300], both[:300], "identity")
        >>> model
        SuccessModel(identity, 1-2-1, relu, no bias, 300 networks)
        >>> model.score(stack[300:], both[300:]).accuracy.value > 0.9
        True
    """

    task: Task
    architecture: Architecture
    n: int
    solved: int
    seed: int
    points: int
    # None where all networks ended alike
    _trees: Any = field(repr=False)

    @classmethod
    def fit(
        cls,
        networks: Sequence[Network | HasNetwork] | Stack,
        solved: npt.ArrayLike,
        task: Task | str,
        *,
        seed: int = 0,
        points: int = POINTS,
    ) -> SuccessModel:
        """Learn from networks whose training is known; the same networks and seed give the same model.

        Where all of them succeeded, or none, there is nothing to tell apart: the model gives that share to all.

        Args:
            networks: as they started, of one architecture.
            solved: whether each succeeded, booleans [net].
            task: what they learned.
            seed: of the columns that each tree sees.
            points: see `initial_features`.

        Raises:
            InputError: as `initial_features`, and for outcomes that do not fit.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        task, stack = as_task(task), as_stack(networks)
        y = check_solved(solved, len(stack))
        features = initial_features(stack, task, points=points)
        trees = None
        if 0 < y.sum() < len(y):
            trees = HistGradientBoostingClassifier(random_state=seed, **TREES).fit(features.to_numpy(), y)
        return cls(task, stack.architecture, len(y), int(y.sum()), seed, points, trees)

    def predict_proba(self, networks: Sequence[Network | HasNetwork] | Stack) -> Array:
        """The chance of success of each network, [net], from 0 to 1.

        Raises:
            InputError: where networks are missing or of another shape than the model's.
        """
        stack = as_stack(networks)
        if stack.architecture != self.architecture:
            raise InputError(
                f"{stack.architecture}: the model has learned from {self.architecture}; fit one for each shape"
            )
        if self._trees is None:
            return np.full(len(stack), self.solved / self.n)
        features = initial_features(stack, self.task, points=self.points)
        return np.asarray(self._trees.predict_proba(features.to_numpy())[:, 1], np.float64)

    def predict(self, networks: Sequence[Network | HasNetwork] | Stack) -> npt.NDArray[np.bool_]:
        """Whether each network is more likely to succeed than not, [net]."""
        return np.asarray(self.predict_proba(networks) > 0.5)

    def score(
        self, networks: Sequence[Network | HasNetwork] | Stack, solved: npt.ArrayLike
    ) -> PredictionScore:
        """The model beside what happened; give networks that it has not learned from.

        Args:
            networks: as they started.
            solved: whether each succeeded, booleans [net].

        Raises:
            InputError: as `predict_proba`, and for outcomes that do not fit.
        """
        return score_predictions(self.predict_proba(networks), solved)

    def __repr__(self) -> str:
        shape = repr(self.architecture).removeprefix("Architecture(").removesuffix(")")
        return f"SuccessModel({self.task.name}, {shape}, {self.n} networks)"


def _check_shape(shape: Architecture, task: Task) -> None:
    if len(shape.sizes) != 3 or shape.activations != ("relu",) or shape.sizes[-1] != 1:
        raise InputError(f"{shape}: prediction reads networks with one hidden relu layer and one output")
    if shape.sizes[0] != task.arity or task.outputs != 1:
        raise InputError(
            f"{shape} does not fit task {task.name!r}, {task.arity} -> {task.outputs}: give networks of its shape"
        )


def _points(task: Task, count: int) -> Array:
    """Points of the task [n, d], mapped onto themselves by its symmetries."""
    from scipy.stats import qmc

    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise InputError(f"points={count!r}: give a whole number from 1, such as {POINTS}")
    # A power of two, as Sobol points want it; fewer where many symmetries multiply them.
    exponent = max(4, int(np.log2(max(1, count / (1 + len(task.symmetries) / 4)))))
    if task.points:
        return task.sample(count)
    low, high = np.array(task.box).T
    X = low + qmc.Sobol(task.arity, rng=np.random.default_rng(0)).random_base2(exponent) * (high - low)
    return np.concatenate([X, *(symmetry(X) for symmetry in task.symmetries)])


def _columns(stack: Stack, X: Array, Y: Array) -> dict[str, Array]:
    """The features of `initial_features`, each [net]."""
    W, v = stack.weights[0], stack.weights[1][:, 0]
    if any(stack.architecture.bias):
        W = np.concatenate([W, stack.biases[0][:, :, None]], axis=2)
        X = np.concatenate([X, np.ones((len(X), 1))], axis=1)
    n = len(W)
    active = np.maximum(W @ X.T, 0.0)
    f = (v[:, None, :] @ active)[:, 0] + stack.biases[1]
    on = active > 0
    size = np.linalg.norm(W, axis=2)
    norm = np.sqrt((active**2).mean(axis=2))
    per: dict[str, Array] = {}

    def pulled(prefix: str, target: Array) -> Array:
        pull = (on * target) @ X / len(X)
        strength = np.linalg.norm(pull, axis=2)
        e: Array = pull / strength[:, :, None]
        along = (W * e).sum(axis=2)
        per[f"{prefix}growth"], per[f"{prefix}decay"] = along + v, along - v
        per[f"{prefix}across"] = np.sqrt(np.maximum(size**2 - along**2, 0.0))
        per[f"{prefix}pull"], per[f"{prefix}aim"] = strength, along / size
        return e

    # 0 / 0 is NaN on purpose: the trees treat what is not defined as missing
    with np.errstate(divide="ignore", invalid="ignore"):
        e = pulled("", Y)
        pulled("residual_", (Y - f)[:, None, :])
        per["out"], per["size"], per["lock"], per["product"] = v, size, v**2 - size**2, v * size
        per["fit"] = (active * Y).mean(axis=2) / norm / np.sqrt((Y**2).mean())
        order = _order(per)
        at = np.arange(n)[:, None], order
        columns = {
            f"{name} {k}": values[at][:, k] for name, values in per.items() for k in range(order.shape[1])
        }
        gram = active @ active.transpose(0, 2, 1) / X.shape[0]
        overlap = gram / (norm[:, :, None] * norm[:, None, :])
        unit = W / size[:, :, None]
        angle, pulls, cross = (a @ b.transpose(0, 2, 1) for a, b in ((unit, unit), (e, e), (unit, e)))
        growth = np.abs(per["growth"])
        ratio = growth[:, :, None] / growth[:, None, :]
        rows = np.arange(n)
        for a, b in itertools.combinations(range(order.shape[1]), 2):
            i, j = order[:, a], order[:, b]
            columns[f"overlap {a},{b}"] = overlap[rows, i, j]
            columns[f"angle {a},{b}"] = angle[rows, i, j]
            columns[f"pulls {a},{b}"] = pulls[rows, i, j]
            columns[f"cross {a},{b}"] = cross[rows, i, j]
            columns[f"cross {b},{a}"] = cross[rows, j, i]
            columns[f"race {a},{b}"] = np.log(ratio[rows, i, j])
            columns[f"slow {a},{b}"] = per["across"][rows, i] * ratio[rows, j, i]
            columns[f"slow {b},{a}"] = per["across"][rows, j] * ratio[rows, i, j]
    columns["loss"] = ((f - Y) ** 2).mean(axis=1)
    columns["read_out"] = _best_read_out(active, gram, Y, bias=stack.architecture.bias[1])
    return columns


def _order(per: dict[str, Array]) -> npt.NDArray[np.intp]:
    """The neurons [net, listed] by descending growth; equal ones by what else is known of them."""
    keys = [-np.round(per[name], _DIGITS) for name in ("fit", "across", "out", "growth")]
    order = np.lexsort(np.stack(keys), axis=1)
    h = order.shape[1]
    if h <= LISTED:
        return order
    half = LISTED // 2
    return np.concatenate([order[:, :half], order[:, h - half :]], axis=1)


def _best_read_out(active: Array, gram: Array, Y: Array, *, bias: bool) -> Array:
    """The mean squared error [net] that the best read-out of these activations leaves."""
    c = (active * Y).mean(axis=2)
    y = float((Y**2).mean())
    if bias:
        mean, centre = active.mean(axis=2), float(Y.mean())
        gram = gram - mean[:, :, None] * mean[:, None, :]
        c, y = c - mean * centre, y - centre**2
    # Directions below this share of the largest are rounding; what lies along them is not fitted.
    inverse = np.linalg.pinv(gram, rcond=EQUAL, hermitian=True)
    return np.asarray(y - (c[:, None, :] @ inverse @ c[:, :, None])[:, 0, 0])
