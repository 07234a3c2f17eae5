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

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import InputError
from ..features.binding import Label, label_text
from ..features.catalogues import Catalogue
from ..features.catalogues import catalogue as installed
from ..features.task import Task, as_task
from ..matching.criteria import HELD
from ..networks.box import BoxLike, as_box
from ..networks.network import HasNetwork, Network, as_network
from .transplant_record import Transplant
from .transplant_scores import Pair, scores_of
from .transplant_sides import HeldFeature, Side

#: Draws of each decoy; their median is reported, and in a narrow layer a direction is easily nearly the right one.
DECOYS = 50
#: The name under which a whole layer goes where a feature's name would stand.
LAYER = "layer"


@dataclass(frozen=True)
class TransplantSettings:
    """Where a transplant looks for carriers, and how it draws decoys.

    Attributes:
        layer, donor_layer: non-linear layers from 0; None for the first that holds the feature (0 for a whole layer of
            the recipient).
        max_unexplained: the largest 1 - r^2 of a carrier.
        draws: of each kind of decoy.
        seed: of the pairing and the decoys.

    Raises:
        InputError: for a share `held` that is not between 0 and 1, or fewer than one decoy.

    Examples:
        >>> TransplantSettings(layer=1).max_unexplained
        0.001
    """

    layer: int | None = None
    donor_layer: int | None = None
    max_unexplained: float = HELD
    draws: int = DECOYS
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.max_unexplained < 1:
            raise InputError(
                f"max_unexplained={self.max_unexplained!r}: give the share of variance left unexplained, between "
                "0 and 1"
            )
        if self.draws < 1:
            raise InputError(
                f"{self.draws} decoys: give at least one draw of each kind, no number stands alone"
            )


def transplant(
    donor: Network | HasNetwork,
    recipient: Network | HasNetwork,
    feature: str | None = None,
    on: Sequence[str] | None = None,
    *,
    donor_on: Sequence[str] | None = None,
    task: Task | str | None = None,
    box: BoxLike | None = None,
    donor_box: BoxLike | None = None,
    settings: TransplantSettings | None = None,
    catalogue: Catalogue | None = None,
) -> Transplant:
    """Put a feature of one network, or all of a layer's, into another network.

    The carriers of a feature are the neurons that hold it (`1 - r^2 <= max_unexplained`, r > 0, live and bent) and
    together cost at least 1% of the output variance when held at their means, so that split neurons count as one.
    The donor's value is `(sum of activations - sum of offsets) / (sum of scales)`. Donor and recipient may differ
    in width, depth and number of inputs: the donor's arguments take the values of the recipient's, its other inputs
    those that are left over, then fresh uniform ones.

    Args:
        donor, recipient: the networks.
        feature: name in the catalogue; None moves every feature that the recipient's layer holds, each by its own
            coordinate, at once.
        on: its arguments in the recipient; by default the choice that the recipient holds best.
        donor_on: its arguments in the donor; by default the recipient's where the donor holds that, else the choice
            that the donor holds best (`x2 > x1` for `x1 > x2`, its inputs then swapped).
        task: what the loss is measured against; by default the recipient's own outputs.
        box: the recipient's inputs; by default the task's, else (-1, 1). donor_box: the donor's, by default the same.
        settings: the layers, the threshold of a carrier, the decoys and the seed; None for `TransplantSettings()`.
        catalogue: by default the installed one.

    Returns:
        a Transplant; where a side does not hold the feature, one without numbers that says so.

    Raises:
        UnknownFeature: for a feature that the catalogue does not hold.
        InputError: for a layer that is not there, and a task of other inputs or outputs.

    Examples:
        >>> from ..features.task import hand_derived
        >>> found = transplant(hand_derived("absolute-difference"), hand_derived("minimum"), "greaterness",
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
    return transplanted(
        Side(first, donor_box, catalogue),
        Side(second, own, catalogue),
        feature,
        on=on,
        donor_on=donor_on,
        task=known,
        settings=settings or TransplantSettings(),
    )


def transplanted(
    donor: Side,
    recipient: Side,
    feature: str | None,
    *,
    on: Sequence[str] | None = None,
    donor_on: Sequence[str] | None = None,
    task: Task | None,
    settings: TransplantSettings,
) -> Transplant:
    """`transplant` between networks that were read already; both were read with one catalogue."""
    recipient.check_layer(settings.layer, "recipient")
    donor.check_layer(settings.donor_layer, "donor")
    wanted = None if on is None else tuple(on)
    donor_wanted = None if donor_on is None else tuple(donor_on)
    if feature is not None:
        name = (installed if recipient.known is None else recipient.known)[feature].name
        return _one_feature(
            donor, recipient, name, on=wanted, donor_on=donor_wanted, task=task, settings=settings
        )
    if wanted is not None or donor_wanted is not None:
        raise InputError(
            "arguments without a feature: a whole layer goes by its own features, name one or leave `on` out"
        )
    return _whole_layer(donor, recipient, task=task, settings=settings)


def check_task(task: Task | None, recipient: Network) -> None:
    """Raise unless the loss on the task is one of the recipient."""
    if task is not None and (task.arity, task.outputs) != (recipient.inputs, recipient.outputs):
        raise InputError(f"{task} and {recipient}: the loss needs a task of the network's inputs and outputs")


def _one_feature(
    donor: Side,
    recipient: Side,
    name: str,
    *,
    on: tuple[str, ...] | None,
    donor_on: tuple[str, ...] | None,
    task: Task | None,
    settings: TransplantSettings,
) -> Transplant:
    """One feature, by name."""
    blank = Transplant("donor", "recipient", name, on or (), donor_on or ())
    into, nearest = recipient.find(name, on=on, layer=settings.layer, held=settings.max_unexplained)
    if into is None:
        return replace(blank, reason=_lacking("recipient", name, on, nearest, settings.max_unexplained))
    blank = replace(
        blank, on=into.on, layer=into.layer, neurons=into.units, last=recipient.is_last(into.layer)
    )
    source, nearest = donor.find(
        name, on=donor_on, layer=settings.donor_layer, held=settings.max_unexplained, prefer=into.on
    )
    if source is None:
        return replace(blank, reason=_lacking("donor", name, donor_on, nearest, settings.max_unexplained))
    blank = replace(
        blank,
        donor_on=source.on,
        donor_layer=source.layer,
        donor_neurons=source.units,
        moved=(label_text((name, into.on)),),
    )
    return _scored(blank, donor, recipient, [(source, into)], task, settings)


def _whole_layer(
    donor: Side, recipient: Side, *, task: Task | None, settings: TransplantSettings
) -> Transplant:
    """All features of a layer of the recipient, each by its own coordinate, at once."""
    layer = settings.layer or 0
    recipient.check_layer(layer, "recipient")  # a network without any hidden layer has no layer 0
    pairs: list[Pair] = []
    moved, missing = [], []
    for into in recipient.all_held(layer, settings.max_unexplained):
        label: Label = recipient.layers[layer].labels[into.feature]
        source, _ = donor.find(
            label[0], layer=settings.donor_layer, held=settings.max_unexplained, prefer=into.on
        )
        if source is None:
            missing.append(label_text(label))
        else:
            pairs.append((source, into))
            moved.append(label_text(label))
    layers = sorted({source.layer for source, _ in pairs})
    blank = Transplant(
        "donor",
        "recipient",
        LAYER,
        on=(),
        layer=layer,
        donor_layer=layers[0] if len(layers) == 1 else settings.donor_layer,
        neurons=_units([into for _, into in pairs]),
        donor_neurons=_units([source for source, _ in pairs]),
        last=recipient.is_last(layer),
        moved=tuple(moved),
        missing=tuple(missing),
    )
    if not pairs:
        lacking = f"; the donor lacks {', '.join(missing)}" if missing else ""
        reason = (
            f"no feature of layer {layer} of the recipient is held by a used neuron on both sides{lacking}"
        )
        return replace(blank, reason=reason)
    return _scored(blank, donor, recipient, pairs, task, settings)


def _scored(
    blank: Transplant,
    donor: Side,
    recipient: Side,
    pairs: Sequence[Pair],
    task: Task | None,
    settings: TransplantSettings,
) -> Transplant:
    """The record with its numbers."""
    scores = scores_of(donor, recipient, pairs, task=task, decoys=settings.draws, seed=settings.seed)
    return replace(
        blank,
        accuracy=scores.accuracy,
        decoys=scores.decoys,
        loss_before=scores.loss_before,
        loss_after=scores.loss_after,
        loss_decoys=scores.loss_decoys,
    )


def _units(held: Sequence[HeldFeature]) -> tuple[int, ...]:
    """All carriers of some features, ascending."""
    return tuple(sorted({unit for one in held for unit in one.units}))


def _lacking(who: str, name: str, on: tuple[str, ...] | None, nearest: float, held: float) -> str:
    """Why there is no transplant, where a side does not hold the feature."""
    what = label_text((name, on)) if on else name
    if nearest != nearest:  # NaN: there was nothing to compare
        return (
            f"the {who} has no used neuron that could hold {what}: its inputs or its layers do not allow it"
        )
    return f"no used neuron of the {who} holds {what} at 1 - r^2 <= {held:g} (nearest {nearest:.2g})"
