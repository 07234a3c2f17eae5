"""Transplants: a feature of one network put into another, through the catalogue's coordinate.

A neuron that holds a feature is `scale * feature + offset`, so that its activation divided by its own scale is the
feature's value, whichever network, width or task it was trained in. A transplant runs the donor on the same inputs,
reads the feature's value off its carriers, and writes it into the recipient's carriers in *their* units. If the
two networks mean the same thing by the feature, nothing changes.

Two numbers say how well that works: the **interchange accuracy** (the recipient runs on base inputs, its carriers
get the donor's value of the feature on other, source inputs; the share of the change that the recipient's own value
on the source would have made that this reproduces; Geiger et al. 2021, arXiv 2106.02997) and the **change of loss**.
Each stands beside decoys: other neurons of the donor's layer, random directions of it, and the right carriers on
shuffled inputs, all brought to the feature's mean and spread.

In the last hidden layer the output is linear in the carriers, so that the accuracy there restates how well
the carriers' values agree (`last`); below another non-linearity it says more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.binding import Label, label_text
from ..features.catalogues import Catalogue
from ..features.catalogues import catalogue as installed
from ..features.task import Task, as_task
from ..matching.criteria import HELD, USED
from ..networks.box import Box, BoxLike, as_box, sobol_points
from ..networks.network import HasNetwork, Network, as_network
from ..networks.nonlinearities import apply_nonlinearity
from .holders import Carriers, carriers

if TYPE_CHECKING:
    pass

Array = npt.NDArray[np.float64]

#: Inputs of a transplant: 2**8 Sobol points. A share of variance is then known to a few percent, and one that is
#: 1 or 0 exactly is so on any points.
_LOG2_POINTS = 8
#: Draws of each decoy; their median is reported, and in a narrow layer a direction is easily nearly the right one.
DECOYS = 50
#: The name under which a whole layer goes where a feature's name would stand.
LAYER = "layer"
_INPUT = re.compile(r"x([1-9][0-9]*)")


@dataclass(frozen=True, eq=False, repr=False)
class Transplant:
    """What became of one network when another's feature was put into it.

    Attributes:
        donor, recipient: what the two networks are called.
        feature: the feature's name, or `"layer"` for all features of a layer at once.
        on, donor_on: its arguments in the recipient and in the donor.
        layer, donor_layer: non-linear layers from 0, None where not found.
        neurons, donor_neurons: the carriers on either side.
        accuracy: interchange accuracy, at most 1: 1 where the donor's value does what the recipient's own would, 0
            where it is no better than leaving the recipient alone; negative where it is worse.
        decoys: the same for each kind of decoy (`"neuron"`, `"direction"`, `"shuffled"`), medians over draws.
        loss_before, loss_after: mean squared error against the task (against the recipient's own outputs where no
            task was given); loss_decoys: after each kind of decoy.
        last: whether the carriers sit in the recipient's last non-linear layer.
        moved, missing: for a whole layer, the features that were moved and those that the donor lacks.
        reason: why there are no numbers, in words; empty where there are.

    Examples:
        >>> from ..features.task import derived_network
        >>> net = derived_network("minimum")
        >>> transplant(net, net, "greaterness")
        Transplant(greaterness(x1, x2): accuracy 1, decoy 0.2...; loss 0 -> 0, decoy 0.3...)
        >>> print(transplant(derived_network("addition"), net, "greaterness").reason)
        no used neuron of the donor holds greaterness at 1 - r^2 <= 0.001 (nearest 1)
    """

    donor: str
    recipient: str
    feature: str
    on: tuple[str, ...]
    donor_on: tuple[str, ...] = ()
    layer: int | None = None
    donor_layer: int | None = None
    neurons: tuple[int, ...] = ()
    donor_neurons: tuple[int, ...] = ()
    accuracy: float | None = None
    decoys: Mapping[str, float] = field(default_factory=dict)
    loss_before: float | None = None
    loss_after: float | None = None
    loss_decoys: Mapping[str, float] = field(default_factory=dict)
    last: bool = False
    moved: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    reason: str = ""

    @property
    def done(self) -> bool:
        """Whether both sides hold the feature, so that there are numbers."""
        return not self.reason

    @property
    def decoy(self) -> float | None:
        """The largest accuracy that a kind of decoy reaches; None without numbers."""
        return max(self.decoys.values(), default=None)

    @property
    def loss_decoy(self) -> float | None:
        """The smallest loss that a kind of decoy leaves; None without numbers."""
        return min(self.loss_decoys.values(), default=None)

    @property
    def text(self) -> str:
        """What was moved, e.g. `greaterness(x1, x2)`."""
        return label_text((self.feature, self.on)) if self.on else self.feature

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain Python values, `decoy` and `loss_decoy` included."""
        return {
            "donor": self.donor,
            "recipient": self.recipient,
            "feature": self.feature,
            "on": list(self.on),
            "donor_on": list(self.donor_on),
            "layer": self.layer,
            "donor_layer": self.donor_layer,
            "neurons": list(self.neurons),
            "donor_neurons": list(self.donor_neurons),
            "accuracy": self.accuracy,
            "decoy": self.decoy,
            "decoys": dict(self.decoys),
            "loss_before": self.loss_before,
            "loss_after": self.loss_after,
            "loss_decoy": self.loss_decoy,
            "loss_decoys": dict(self.loss_decoys),
            "last": self.last,
            "moved": list(self.moved),
            "missing": list(self.missing),
            "reason": self.reason,
        }

    def __repr__(self) -> str:
        if not self.done:
            return f"Transplant({self.text}: {self.reason})"
        return (
            f"Transplant({self.text}: accuracy {self.accuracy:.4g}, decoy {self.decoy:.4g}; "
            f"loss {self.loss_before:.3g} -> {self.loss_after:.3g}, decoy {self.loss_decoy:.3g})"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(_shown(value))}</td></tr>"
            for name, value in self.to_dict().items()
        )
        return f"<table>{rows}</table>"


def transplant(
    donor: Network | HasNetwork,
    recipient: Network | HasNetwork,
    feature: str | None = None,
    on: Sequence[str] | None = None,
    *,
    donor_on: Sequence[str] | None = None,
    layer: int | None = None,
    donor_layer: int | None = None,
    task: Task | str | None = None,
    box: BoxLike | None = None,
    donor_box: BoxLike | None = None,
    held: float = HELD,
    decoys: int = DECOYS,
    seed: int = 0,
    names: tuple[str, str] = ("donor", "recipient"),
    catalogue: Catalogue | None = None,
) -> Transplant:
    """Put a feature of one network, or all of a layer's, into another network.

    The carriers of a feature are the neurons that hold it (`1 - r^2 <= held`, r > 0, live and bent) and together cost
    at least 1% of the output variance when held at their means, so that split neurons count as one. The donor's
    value is `(sum of activations - sum of offsets) / (sum of scales)`. Donor and recipient may differ in width,
    depth and number of inputs: the donor's arguments take the values of the recipient's, its other inputs those that
    are left over, then fresh uniform ones.

    Args:
        donor, recipient: the networks.
        feature: name in the catalogue; None moves every feature that the recipient's layer holds, each by its own
            coordinate, at once.
        on: its arguments in the recipient; by default the choice that the recipient holds best.
        donor_on: its arguments in the donor; by default the recipient's where the donor holds that, else the choice
            that the donor holds best (`x2 > x1` for `x1 > x2`, its inputs then swapped).
        layer, donor_layer: non-linear layers from 0; by default the first that holds the feature (0 for a whole
            layer of the recipient).
        task: what the loss is measured against; by default the recipient's own outputs.
        box: the recipient's inputs; by default the task's, else (-1, 1). donor_box: the donor's, by default the same.
        held: the largest 1 - r^2 of a carrier.
        decoys: draws of each kind of decoy.
        seed: of the pairing and the decoys.
        names: what donor and recipient are called.
        catalogue: by default the installed one.

    Returns:
        a Transplant; where a side does not hold the feature, one without numbers that says so.

    Raises:
        UnknownFeature: for a feature that the catalogue does not hold.
        InputError: for a layer that is not there, other impossible settings, and a task of other inputs or outputs.

    Examples:
        >>> from ..features.task import derived_network
        >>> found = transplant(derived_network("absolute-difference"), derived_network("minimum"), "greaterness",
        ...                    task="minimum")
        >>> round(found.accuracy, 9), found.decoy < 0.5, round(found.loss_after, 9)
        (1.0, True, 0.0)
    """
    known = as_task(task) if task is not None else None
    bounds = box if box is not None else known.box if known else (-1.0, 1.0)
    first, second = as_network(donor), as_network(recipient)
    check_task(known, second)
    own = as_box(bounds, second.inputs)
    if donor_box is None:
        if first.inputs != second.inputs and len(set(own)) > 1:
            raise InputError(
                f"a donor of {first.inputs} inputs and a recipient's box {own}: give the donor's with donor_box"
            )
        donor_box = own if first.inputs == second.inputs else own[0]
    sides = (Side(first, donor_box, catalogue), Side(second, own, catalogue))
    return transplanted(
        *sides, feature, on, donor_on, layer, donor_layer, known, held, decoys, seed, names, catalogue
    )


@dataclass(frozen=True)
class _Held:
    """A feature as a network holds it: where, by which neurons, in which units; or the nearest 1 - r^2."""

    on: tuple[str, ...]
    layer: int
    feature: int
    units: tuple[int, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]


class Side:
    """One network with what was read in it, and its activations on inputs that others hand it."""

    def __init__(self, network: Network, box: BoxLike, known: Catalogue | None) -> None:
        self.network = network
        self.box: Box = as_box(box, network.inputs)
        self.layers = carriers([network], box=self.box, catalogue=known)
        self.X = sobol_points(self.box, _LOG2_POINTS)
        self.post, self.outputs = self.run(self.X)
        self._runs: dict[tuple[int, ...], tuple[Array, list[Array]]] = {}

    def run(self, X: Array) -> tuple[list[Array], Array]:
        """Activations [n, units] of every non-linear layer, and outputs."""
        h, post = X, []
        layers = zip(
            self.network.weights, self.network.bias_vectors, (*self.network.activations, ""), strict=True
        )
        for w, b, name in layers:
            z = h @ w.T + b
            h = apply_nonlinearity(name, z) if name else z
            if name and name != "identity":
                post.append(h)
        return post, h

    def as_donor(self, inputs: Array, columns: tuple[int, ...], seed: int) -> list[Array]:
        """Activations on inputs made of another network's columns; -1 is a fresh uniform input."""
        if columns not in self._runs or self._runs[columns][0] is not inputs:
            low, high = np.array(self.box).T
            X = np.random.default_rng(seed).uniform(low, high, (len(inputs), len(columns)))
            for column, source in enumerate(columns):
                if source >= 0:
                    X[:, column] = inputs[:, source]
            self._runs[columns] = inputs, self.run(X)[0]
        return self._runs[columns][1]

    def after(self, layer: int, units: Sequence[int], values: Array, h: Array) -> Array:
        """Outputs [C, n, outputs] with units of a layer set to values [C, n, units], the others as in h [n, all]."""
        block = self.layers[layer].block
        W, b = self.network.weights, self.network.bias_vectors
        names = (*self.network.activations, "identity")
        z = h @ W[block + 1].T + b[block + 1] + (values - h[:, units]) @ W[block + 1][:, units].T
        for k in range(block + 1, len(W)):
            z = apply_nonlinearity(names[k], z)
            if k + 1 < len(W):
                z = z @ W[k + 1].T + b[k + 1]
        return np.asarray(z)

    def find(
        self,
        name: str,
        on: tuple[str, ...] | None,
        layer: int | None,
        held: float,
        prefer: tuple[str, ...] | None = None,
    ) -> tuple[_Held | None, float]:
        """The feature's carriers in the first layer that has any; else None and the nearest used neuron's 1 - r^2.

        Args:
            name, on: the feature; any arguments where None.
            prefer: arguments that come first; the others, the best held first, have to be of their kind.
            layer: the only one to look at, or None.
        """
        nearest = float("nan")
        for own in self.layers if layer is None else (self.layers[layer],):
            unexplained = own.unexplained[0]
            options = []
            for k, bound in enumerate(own.features):
                if bound.feature.name != name or (on is not None and not _same_arguments(bound, on)):
                    continue
                # A positive part of a minimum is no positive part of an input, whatever their names.
                if prefer is not None and _pattern(bound.on) != _pattern(prefer):
                    continue
                if own.used[0].any():
                    nearest = float(np.fmin(nearest, unexplained[own.used[0], k].min()))
                units = np.flatnonzero(own.candidate[0] & (unexplained[:, k] <= held))
                if len(units) and self._used(own, units):
                    wanted = prefer is not None and _same_arguments(bound, prefer)
                    # Rounded, so that of equally good ones the catalogue's first is taken.
                    options.append((not wanted, round(float(unexplained[units, k].min()), 12), k, units))
            if options:
                _, _, k, units = min(options, key=lambda option: option[:3])
                return self._held(own, k, units), nearest
        return None, nearest

    def all_held(self, layer: int, held: float) -> list[_Held]:
        """Every feature that the layer's used neurons hold, each neuron under its best one."""
        own = self.layers[layer]
        best = np.round(own.r[0], 12).argmax(axis=1)
        unexplained = np.take_along_axis(own.unexplained[0], best[:, None], axis=1)[:, 0]
        holds = own.candidate[0] & (unexplained <= held)
        groups = [(int(k), np.flatnonzero(holds & (best == k))) for k in np.unique(best[holds])]
        return [self._held(own, k, units) for k, units in groups if self._used(own, units)]

    def _used(self, own: Carriers, units: npt.NDArray[np.intp]) -> bool:
        """Whether holding these neurons at their means costs 1% of the output variance."""
        if own.contribution[0, units].max() >= USED:
            return True
        h = self.post[own.layer]
        means = np.broadcast_to(h[:, units].mean(axis=0), (1, len(h), len(units)))
        error = ((self.after(own.layer, list(units), means, h)[0] - self.outputs) ** 2).mean(axis=0).sum()
        variance = self.outputs.var(axis=0).sum()
        return bool(variance > 0 and error >= USED * variance)

    def _held(self, own: Carriers, k: int, units: npt.NDArray[np.intp]) -> _Held:
        coordinates = [own.coordinate(0, int(unit), k) for unit in units]
        return _Held(
            own.features[k].on,
            own.layer,
            k,
            tuple(int(unit) for unit in units),
            tuple(scale for scale, _ in coordinates),
            tuple(offset for _, offset in coordinates),
        )

    def check_layer(self, layer: int | None, who: str) -> None:
        """Raise unless the network has that non-linear layer."""
        if layer is not None and not 0 <= layer < len(self.layers):
            raise InputError(
                f"layer {layer} of the {who}: {self.network} has {len(self.layers)} hidden layers with an "
                "activation, from 0"
            )


def transplanted(
    donor: Side,
    recipient: Side,
    feature: str | None,
    on: Sequence[str] | None,
    donor_on: Sequence[str] | None,
    layer: int | None,
    donor_layer: int | None,
    task: Task | None,
    held: float,
    decoys: int,
    seed: int,
    names: tuple[str, str],
    known: Catalogue | None,
) -> Transplant:
    if not 0 < held < 1:
        raise InputError(f"held={held!r}: give the share of variance left unexplained, between 0 and 1")
    if decoys < 1:
        raise InputError(f"{decoys} decoys: give at least one draw of each kind, no number stands alone")
    recipient.check_layer(layer, "recipient")
    donor.check_layer(donor_layer, "donor")
    wanted = None if on is None else tuple(on)
    donor_wanted = None if donor_on is None else tuple(donor_on)
    if feature is None:
        if wanted is not None or donor_wanted is not None:
            raise InputError(
                "arguments without a feature: a whole layer goes by its own features, name one or leave `on` out"
            )
        return _whole_layer(donor, recipient, layer or 0, donor_layer, task, held, decoys, seed, names)
    name = (installed if known is None else known)[feature].name
    blank = Transplant(*names, name, wanted or (), donor_wanted or ())
    into, nearest = recipient.find(name, wanted, layer, held)
    if into is None:
        return _without(blank, "recipient", wanted, nearest, held)
    blank = Transplant(
        *names, name, into.on, donor_wanted or (), layer=into.layer, neurons=into.units, last=_last(recipient, into)
    )  # fmt: skip
    source, nearest = donor.find(name, donor_wanted, donor_layer, held, prefer=into.on)
    if source is None:
        return _without(blank, "donor", donor_wanted, nearest, held)
    numbers = _numbers(donor, recipient, [(source, into)], task, decoys, seed)
    return Transplant(
        *names,
        name,
        into.on,
        source.on,
        into.layer,
        source.layer,
        into.units,
        source.units,
        last=_last(recipient, into),
        moved=(label_text((name, into.on)),),
        **numbers,
    )


def check_task(task: Task | None, recipient: Network) -> None:
    """Raise unless the loss on the task is one of the recipient."""
    if task is not None and (task.arity, task.outputs) != (recipient.inputs, recipient.outputs):
        raise InputError(f"{task} and {recipient}: the loss needs a task of the network's inputs and outputs")


def _whole_layer(
    donor: Side,
    recipient: Side,
    layer: int,
    donor_layer: int | None,
    task: Task | None,
    held: float,
    decoys: int,
    seed: int,
    names: tuple[str, str],
) -> Transplant:
    """All features of a layer of the recipient, each by its own coordinate, at once."""
    recipient.check_layer(layer, "recipient")
    pairs, moved, missing = [], [], []
    for into in recipient.all_held(layer, held):
        label: Label = recipient.layers[layer].labels[into.feature]
        source, _ = donor.find(label[0], None, donor_layer, held, prefer=into.on)
        if source is None:
            missing.append(label_text(label))
        else:
            pairs.append((source, into))
            moved.append(label_text(label))
    unit_lists = [pair[1].units for pair in pairs], [pair[0].units for pair in pairs]
    neurons, donor_neurons = (tuple(sorted({u for units in side for u in units})) for side in unit_lists)
    last = layer == len(recipient.layers) - 1
    layers = sorted({pair[0].layer for pair in pairs})
    blank = Transplant(
        *names,
        LAYER,
        (),
        layer=layer,
        donor_layer=layers[0] if len(layers) == 1 else donor_layer,
        neurons=neurons,
        donor_neurons=donor_neurons,
        last=last,
        moved=tuple(moved),
        missing=tuple(missing),
    )
    if not pairs:
        lacking = f"; the donor lacks {', '.join(missing)}" if missing else ""
        reason = (
            f"no feature of layer {layer} of the recipient is held by a used neuron on both sides{lacking}"
        )
        return replace(blank, reason=reason)
    return replace(blank, **_numbers(donor, recipient, pairs, task, decoys, seed))


def _numbers(
    donor: Side,
    recipient: Side,
    pairs: Sequence[tuple[_Held, _Held]],
    task: Task | None,
    decoys: int,
    seed: int,
) -> dict[str, Any]:
    """Accuracy and loss of the transplant and of its decoys; all pairs sit in one layer of the recipient."""
    X, layer = recipient.X, pairs[0][1].layer
    own, h = recipient.layers[layer], recipient.post[layer]
    n = len(X)
    rng = np.random.default_rng(seed)
    source_rows, shuffled = rng.permutation(n), rng.permutation(n)
    units = [unit for _, into in pairs for unit in into.units]
    # Per kind: values [draws, n] of each feature, in the feature's units.
    values: dict[str, list[Array]] = {"donor": [], "neuron": [], "direction": [], "shuffled": []}
    for source, into in pairs:
        columns = _columns(source.on, into.on, donor.network.inputs, recipient.network.inputs)
        post = donor.as_donor(X, columns, seed)[source.layer]
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

    def written(kind: str) -> Array:
        """What the recipient's units become [draws, n, units]."""
        parts = [
            v[..., None] * np.array(into.scales) + np.array(into.offsets)
            for v, (_, into) in zip(values[kind], pairs, strict=True)
        ]
        return np.concatenate(parts, axis=2)

    base = recipient.outputs
    target = base if task is None else task(X)
    reached = recipient.after(layer, units, h[source_rows][:, units][None], h)[0]
    change = float(((reached - base) ** 2).sum())
    accuracies, losses = {}, {}
    for kind in values:
        new = written(kind)
        moved = recipient.after(layer, units, new[:, source_rows], h)
        accuracies[kind] = float(np.median(1.0 - ((moved - reached) ** 2).sum(axis=(1, 2)) / change))
        placed = recipient.after(layer, units, new, h)
        losses[kind] = float(np.median(((placed - target) ** 2).mean(axis=(1, 2))))
    return {
        "accuracy": accuracies.pop("donor"),
        "decoys": accuracies,
        "loss_before": float(((base - target) ** 2).mean()),
        "loss_after": losses.pop("donor"),
        "loss_decoys": losses,
    }


def _columns(
    donor_on: tuple[str, ...], on: tuple[str, ...], donor_inputs: int, inputs: int
) -> tuple[int, ...]:
    """For each of the donor's inputs the recipient's input that it takes, or -1 for none.

    Arguments go to arguments; the inputs that are left over go in order.
    """
    taken: dict[int, int] = {}
    for theirs, ours in zip(donor_on, on, strict=True):
        for a, b in zip(_INPUT.findall(theirs), _INPUT.findall(ours), strict=False):
            taken.setdefault(int(a) - 1, int(b) - 1)
    left = iter([k for k in range(inputs) if k not in taken.values()])
    return tuple(taken[k] if k in taken else next(left, -1) for k in range(donor_inputs))


def _same_arguments(bound: Any, on: tuple[str, ...]) -> bool:
    """Whether these are a feature's arguments, up to the swap that leaves it unchanged."""
    if bound.on == on:
        return True
    swapped = any(s.permutation == (1, 0) and s.signs == (1, 1) for s in bound.feature.symmetry)
    return bool(swapped and bound.on[::-1] == on)


def _pattern(on: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments with their inputs blanked out: which ones can take each other's place."""
    return tuple(_INPUT.sub("x", text) for text in on)


def _standardised(values: Array) -> Array:
    """Columns of mean 0 and standard deviation 1; zeros where a column is constant."""
    centred = values - values.mean(axis=0)
    sd = centred.std(axis=0)
    flat = sd <= 1e-12 * np.maximum(np.abs(values).max(axis=0), 1e-300)
    return np.asarray(np.where(flat, 0.0, centred / np.where(flat, 1.0, sd)))


def _last(side: Side, held: _Held) -> bool:
    return held.layer == len(side.layers) - 1


def _without(
    blank: Transplant, who: str, on: tuple[str, ...] | None, nearest: float, held: float
) -> Transplant:
    """The record of a transplant that a missing feature prevents."""
    what = label_text((blank.feature, on)) if on else blank.feature
    if nearest != nearest:  # NaN: there was nothing to compare
        reason = (
            f"the {who} has no used neuron that could hold {what}: its inputs or its layers do not allow it"
        )
    else:
        reason = f"no used neuron of the {who} holds {what} at 1 - r^2 <= {held:g} (nearest {nearest:.2g})"
    return replace(blank, reason=reason)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(number)}" for name, number in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
