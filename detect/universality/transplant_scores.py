"""What a transplant does to the recipient: interchange accuracy and loss, beside those of decoys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..features.task import Task
from ..statistics.criteria import ROUNDING, TINY
from .transplant_sides import INPUT, HeldFeature, Side

Array = npt.NDArray[np.float64]

#: A feature as the donor holds it, and as the recipient does.
Pair = tuple[HeldFeature, HeldFeature]


@dataclass(frozen=True, eq=False)
class Scores:
    """How well a transplant works (see `Transplant`).

    Attributes:
        accuracy: interchange accuracy; decoys: of each kind of decoy, medians over draws.
        loss_before, loss_after: mean squared error; loss_decoys: after each kind of decoy.
    """

    accuracy: float
    decoys: Mapping[str, float]
    loss_before: float
    loss_after: float
    loss_decoys: Mapping[str, float]


def scores_of(
    donor: Side, recipient: Side, pairs: Sequence[Pair], *, task: Task | None, decoys: int, seed: int
) -> Scores:
    """Accuracy and loss of the transplant and of its decoys.

    Args:
        donor, recipient: the networks.
        pairs: the features that are moved at once; all sit in one layer of the recipient.
        task: what the loss is measured against; None for the recipient's own outputs.
        decoys: draws of each kind of decoy.
        seed: of the pairing and the decoys.
    """
    X, layer = recipient.X, pairs[0][1].layer
    h, base = recipient.post[layer], recipient.outputs
    rng = np.random.default_rng(seed)
    source_rows, shuffled = rng.permutation(len(X)), rng.permutation(len(X))
    values = _values(donor, recipient, pairs, shuffled, decoys=decoys, seed=seed, rng=rng)
    units = [unit for _, into in pairs for unit in into.units]
    target = base if task is None else task(X)
    reached = recipient.after(layer, units, h[source_rows][:, units][None], h)[0]
    change = float(((reached - base) ** 2).sum())
    accuracies, losses = {}, {}
    for kind, of_features in values.items():
        new = _written(of_features, pairs)
        moved = recipient.after(layer, units, new[:, source_rows], h)
        accuracies[kind] = float(np.median(1.0 - ((moved - reached) ** 2).sum(axis=(1, 2)) / change))
        placed = recipient.after(layer, units, new, h)
        losses[kind] = float(np.median(((placed - target) ** 2).mean(axis=(1, 2))))
    return Scores(
        accuracy=accuracies.pop("donor"),
        decoys=accuracies,
        loss_before=float(((base - target) ** 2).mean()),
        loss_after=losses.pop("donor"),
        loss_decoys=losses,
    )


def _values(
    donor: Side,
    recipient: Side,
    pairs: Sequence[Pair],
    shuffled: npt.NDArray[np.int64],
    *,
    decoys: int,
    seed: int,
    rng: np.random.Generator,
) -> dict[str, list[Array]]:
    """By kind ("donor" and the decoys), the values [draws, n] of each feature, in the feature's units."""
    own = recipient.layers[pairs[0][1].layer]
    values: dict[str, list[Array]] = {"donor": [], "neuron": [], "direction": [], "shuffled": []}
    for source, into in pairs:
        columns = _columns(source.on, into.on, donor.network.inputs, recipient.network.inputs)
        post = donor.as_donor(recipient.X, columns, seed)[source.layer]
        carried = post[:, source.units].sum(axis=1)
        value = (carried - sum(source.offsets)) / sum(source.scales)
        centre, spread = own.feature_mean[into.feature], own.feature_sd[into.feature]
        values["donor"].append(value[None])
        values["shuffled"].append(value[shuffled][None])
        Z = _standardised(post)
        others = np.setdiff1d(np.flatnonzero(Z.any(axis=0)), source.units)
        if len(others):
            values["neuron"].append(centre + spread * Z[:, rng.choice(others, decoys)].T)
            weights = rng.normal(size=(Z.shape[1], decoys))
            values["direction"].append(centre + spread * _standardised(Z @ weights).T)
    if len(values["neuron"]) < len(pairs):  # some donor layer has no unit but the carriers
        del values["neuron"], values["direction"]
    return values


def _written(values: Sequence[Array], pairs: Sequence[Pair]) -> Array:
    """What the recipient's carriers become [draws, n, units], from each feature's values [draws, n]."""
    parts = [
        v[..., None] * np.array(into.scales) + np.array(into.offsets)
        for v, (_, into) in zip(values, pairs, strict=True)
    ]
    return np.concatenate(parts, axis=2)


def _columns(
    donor_on: tuple[str, ...], on: tuple[str, ...], donor_inputs: int, inputs: int
) -> tuple[int, ...]:
    """For each of the donor's inputs the recipient's input that it takes, or -1 for none.

    Arguments go to arguments; the inputs that are left over go in order.
    """
    taken: dict[int, int] = {}
    for theirs, ours in zip(donor_on, on, strict=True):
        for a, b in zip(INPUT.findall(theirs), INPUT.findall(ours), strict=False):
            taken.setdefault(int(a) - 1, int(b) - 1)
    left = iter([k for k in range(inputs) if k not in taken.values()])
    return tuple(taken[k] if k in taken else next(left, -1) for k in range(donor_inputs))


def _standardised(values: Array) -> Array:
    """Columns of mean 0 and standard deviation 1; zeros where a column is constant."""
    centred = values - values.mean(axis=0)
    sd = centred.std(axis=0)
    flat = sd <= ROUNDING * np.maximum(np.abs(values).max(axis=0), TINY)
    return np.asarray(np.where(flat, 0.0, centred / np.where(flat, 1.0, sd)))
