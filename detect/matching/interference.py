"""Superposition: whether a layer has more readable features than neurons to hold them.

Three neurons of a minimum network read six features: relu(x1), relu(-x1), relu(x1 - x2), x1, |x1| and
    min(x1, x2). That
alone is no superposition, since the last three are linear combinations of the first three: the six have rank
three. So the number of readable features stands beside their *rank*.

What superposition would mean here: more readable features *with independent values* than live neurons. A
linear read-out can never show it. What it reads lies in the span of the live neurons; so features that are
all read to 1 - R^2 <= 1e-3 are within 1e-3 of their variance of a space of that many dimensions (Eckart and
Young), and their rank to that precision is at most the number of live neurons, always. Superposition as
Elhage et al. (2022, Toy Models of Superposition) describe it is of sparse features, more than the neurons,
which a *non-linear* read-out recovers; a linear one reads each of them with an error well above the bar.
Such features are not counted here, and their absence from this table is no evidence that they are absent
from the network. What the
table does show is that a long list of readable features does not make a layer overfull.

Interference is how far the features' directions are from orthogonal: the absolute cosine between those of
two features. Features that are correlated as functions share some direction however many neurons there are,
so the correlation of their values stands beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.catalogues import Catalogue
from ..networks.architecture import hook_post, hook_pre
from ..networks.box import BoxLike, box_of
from ..networks.network import Activations
from ..networks.stacks import Stack
from ..statistics.criteria import EQUAL
from .correlations import live_and_bent, unit_vectors
from .criteria import READ
from .directions import MAX_WIDTH, match_directions
from .read_outs import Targets, decoders, targets_for

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
SUPERPOSITION_COLUMNS = (
    "layer", "live", "number", "rank", "independent", "interference", "worst", "encoders", "worst_encoders",
    "correlation", "verdict",
)  # fmt: skip


@dataclass(frozen=True)
class Superposition:
    """The readable features of one layer beside its live neurons.

    Attributes:
        layer: counts the layers that have an activation, from 0.
        live: how many neurons vary and are positive somewhere on the box.
        number: how many catalogue features are readable, those that differ by sign and scale counted once.
        rank: the least number of dimensions that hold them all to within the bar of being read, 1e-3 of their
            variance; at most `live`.
        independent: how many of them are linearly independent to rounding; at most `number`, and more than
            `rank` where features are near each other's combinations (|x| and x^2) without being them.
        interference, worst: mean and largest absolute cosine between the decoders of two readable features
            (the weights that read them from activations of unit variance); None for fewer than two features.
        encoders, worst_encoders: the same between their encoders, the neurons' covariances with what is read
            (Haufe et al. 2014, NeuroImage 87: how the layer writes the feature, not how it is best read).
        correlation: mean absolute correlation between the features' values, which explains cosines as large.

    Examples:
        >>> Superposition(0, 3, 6, 3, 3, 0.4, 0.9, 0.5, 0.9, 0.4).verdict
        '3 live neurons read 6 features of rank 3: no superposition'
    """

    layer: int
    live: int
    number: int
    rank: int
    independent: int
    interference: float | None
    worst: float | None
    encoders: float | None
    worst_encoders: float | None
    correlation: float | None

    @property
    def verdict(self) -> str:
        """What the counts say, in words."""
        neurons = (
            f"{self.live} live neuron{'' if self.live == 1 else 's'} read{'s' if self.live == 1 else ''}"
        )
        if not self.number:
            return f"{neurons} no feature of the catalogue"
        features = f"{neurons} {self.number} feature{'' if self.number == 1 else 's'} of rank {self.rank}"
        if self.independent <= self.live:
            return f"{features}: no superposition"
        return (
            f"{features}: {self.independent} are independent as functions, but what exceeds the rank is "
            f"within the read-out's error: no superposition shown"
        )


def layer_superposition(
    fit: Array, live: Bools, targets: Targets, readable: Bools, layer: int = 0
) -> Superposition:
    """Count and compare the readable features of one layer of one network.

    Args:
        fit: activations [n, units] on the inputs that fit; live: which neurons are live [units].
        targets: the K features; readable: which of them can be read [K].

    Raises:
        InputError: where the shapes do not fit together.
    """
    if readable.shape != (len(targets.features),) or live.shape != fit.shape[1:]:
        raise InputError(
            f"activations {fit.shape}, live {live.shape}, readable {readable.shape} for "
            f"{len(targets.features)} features: give [n, units], [units] and one flag per feature"
        )
    number = int(readable.sum())
    if number == 0:
        return Superposition(layer, int(live.sum()), 0, 0, 0, None, None, None, None, None)
    own = _together(targets, readable.tobytes())
    if number == 1:
        return Superposition(
            layer, int(live.sum()), 1, own.rank, own.independent, None, None, None, None, None
        )
    _, _, unit = unit_vectors(fit)
    reading = decoders(unit[None], own.targets)[0]
    writing = unit.T @ (unit @ reading)
    (mean, worst), (mean_encoders, worst_encoders) = (
        (c.mean(), c.max()) for c in (_cosines(reading), _cosines(writing))
    )
    return Superposition(
        layer, int(live.sum()), number, own.rank, own.independent, float(mean), float(worst),
        float(mean_encoders), float(worst_encoders), own.correlation,
    )  # fmt: skip


class _Together(NamedTuple):
    """Features that are read together.

    Attributes:
        targets: of them alone.
        rank, independent: of their values, see `Superposition`.
        correlation: the mean absolute one between every two; None for one feature.
    """

    targets: Targets
    rank: int
    independent: int
    correlation: float | None


@lru_cache(maxsize=16)
def _together(targets: Targets, readable: bytes) -> _Together:
    """At least one of the targets, as the bytes of one flag per feature; networks of one task mostly read the same."""
    flags = np.frombuffer(readable, dtype=bool)
    chosen = replace(targets, fit=targets.fit[:, flags], test=targets.test[:, flags])
    table = chosen.test - chosen.test.mean(axis=0)
    table = table / np.sqrt((table**2).sum(axis=0))
    singular = np.linalg.svd(table, compute_uv=False)
    rest = 1.0 - np.cumsum(singular**2) / (singular**2).sum()
    correlation = float(_cosines(table).mean()) if flags.sum() > 1 else None
    return _Together(
        chosen, int(np.argmax(rest <= READ)) + 1, int((singular > EQUAL * singular[0]).sum()), correlation
    )


def _cosines(columns: Array) -> Array:
    """Absolute cosines between every two columns [units, K]: [K (K - 1) / 2]."""
    length = np.sqrt((columns**2).sum(axis=0))
    unit = columns / np.where(length > 0, length, 1.0)
    return np.asarray(np.abs(unit.T @ unit)[np.triu_indices(columns.shape[1], 1)])


def superposition(
    activations: Activations,
    directions: pd.DataFrame | None = None,
    *,
    init: str | None = None,
    box: BoxLike | None = None,
    catalogue: Catalogue | None = None,
) -> tuple[Superposition, ...]:
    """The readable features of every recorded layer beside its live neurons.

    Args:
        activations: what `record` or `Network.run` gives, with the architecture.
        directions: `match_directions` of the same activations, box and catalogue; by default it is called.
        init, box, catalogue: as for `match_directions`.

    Returns:
        One record per non-linear layer of at most 1024 neurons.

    Raises:
        InputError: where the architecture is not known, or the directions are of another catalogue or layer.

    Examples:
        >>> from ..networks.network import Network
        >>> net = Network(weights=[[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> found = superposition(net.run(np.random.default_rng(0).uniform(-1, 1, (900, 2))), init="uniform")
        >>> found[0].verdict
        '3 live neurons read 6 features of rank 3: no superposition'
    """
    architecture = activations.shape()
    X = activations.inputs
    bounds = box_of(X) if box is None else box
    if directions is None:
        directions = match_directions(activations, init=init, box=bounds, catalogue=catalogue)
    targets = targets_for(X.shape[1], box=bounds, X=X, catalogue=catalogue)
    cut = len(targets.X_fit)
    # The same rows as the read-outs were fitted and tested on.
    order = np.random.default_rng(0).permutation(len(X))[: cut + len(targets.X_test)]
    records = []
    for layer, block in enumerate(architecture.active):
        pre, post = activations[hook_pre(block)][order], activations[hook_post(block)][order]
        if post.shape[1] <= MAX_WIDTH:
            rows = directions[directions["layer"] == layer]
            readable = _readable(*_called(rows), targets, layer)
            live = _live(pre, post, architecture.activations[block])
            records.append(layer_superposition(post[:cut], live, targets, readable, layer))
    return tuple(records)


def read_superposition(stack: Stack, directions: pd.DataFrame, targets: Targets) -> pd.DataFrame:
    """The same for stacked networks: one row per network and layer.

    Args:
        stack: networks of one architecture.
        directions: `directions.direction_frame` of them, with its first column `network`, the position.
        targets: the targets that `read_directions` used.

    Returns:
        `network`, then `SUPERPOSITION_COLUMNS`.

    Examples:
        >>> from .directions import direction_frame, read_directions
        >>> from ..features.task import hand_derived
        >>> stack = Stack.of([hand_derived("minimum")])
        >>> readings, targets, _ = read_directions(stack)
        >>> frame = read_superposition(stack, direction_frame(readings, targets), targets)
        >>> frame[["live", "number", "rank"]].values.tolist()
        [[3, 6, 3]]
    """
    if "network" not in directions:
        raise InputError(
            "the directions have no column 'network': give those of the stack, see direction_frame"
        )
    architecture = stack.architecture
    X, cut = np.vstack([targets.X_fit, targets.X_test]), len(targets.X_fit)
    step = max(1, int(1e7 / (len(X) * max(architecture.sizes))))
    groups = directions.groupby(["network", "layer"]).indices
    features, on, flags = _called(directions)
    numbers, records = [], []
    for start in range(0, len(stack), step):
        forward = stack[start : start + step].forward(X)
        for k in range(len(forward.outputs)):
            for layer, block in enumerate(architecture.active):
                rows = groups.get((start + k, layer))
                if rows is None:
                    continue
                pre, post = forward.pre[block][k], forward.post[block][k]
                live = _live(pre, post, architecture.activations[block])
                readable = _readable(features[rows], on[rows], flags[rows], targets, layer)
                records.append(layer_superposition(post[:cut], live, targets, readable, layer))
                numbers.append(start + k)
    frame = superposition_frame(records)
    frame.insert(0, "network", numbers)
    return frame


def superposition_frame(records: Sequence[Superposition]) -> pd.DataFrame:
    """The records as a table with `SUPERPOSITION_COLUMNS`."""
    import pandas as pd

    rows = [{**asdict(record), "verdict": record.verdict} for record in records]
    return pd.DataFrame(rows, columns=list(SUPERPOSITION_COLUMNS))


def _live(pre: Array, post: Array, activation: str) -> Bools:
    """Which neurons are positive somewhere and vary [units]; a constant neuron reads nothing."""
    return np.asarray(live_and_bent(pre, post, activation)[0] & (unit_vectors(post)[1] > 0.0))


def _called(directions: pd.DataFrame) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_], Bools]:
    """Of each row the feature, its arguments, and whether it is called readable."""
    return (
        directions["feature"].to_numpy(dtype=object),
        directions["on"].to_numpy(dtype=object),
        directions["readable"].to_numpy(dtype=bool),
    )


def _readable(
    features: npt.NDArray[np.object_], on: npt.NDArray[np.object_], flags: Bools, targets: Targets, layer: int
) -> Bools:
    """Which of the targets' features a layer's rows, as of `_called`, call readable [K]."""
    wanted = [(f.feature.name, f.on) for f in targets.features]
    named = [(f, tuple(arguments)) for f, arguments in zip(features, on, strict=True)]
    if named == wanted:  # as `direction_frame` orders them
        return flags
    called = {name for name, hit in zip(named, flags, strict=True) if hit}
    readable = np.array([name in called for name in wanted])
    if len(named) != len(wanted) or readable.sum() != len(called):
        raise InputError(
            f"layer {layer}: {len(named)} directions for {len(wanted)} features of the catalogue: "
            "give the directions of the same network, box and catalogue"
        )
    return readable
