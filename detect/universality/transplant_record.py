"""The record of a transplant: what was moved where, how well it works, and how well decoys do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from ..features.binding import label_text


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
        >>> from ..features.task import hand_derived
        >>> from .transplants import transplant
        >>> net = hand_derived("minimum")
        >>> transplant(net, net, "greaterness")
        Transplant(greaterness(x1, x2): accuracy 1, decoy 0.2...; loss 0 -> 0, decoy 0.3...)
        >>> print(transplant(hand_derived("addition"), net, "greaterness").reason)
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


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(number)}" for name, number in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
