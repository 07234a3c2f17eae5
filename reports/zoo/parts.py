"""A part of the zoo: networks of one architecture with the labels of their neurons, circuits, formulas and pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect.features import BoundFeature
from mathcircuits.detect.matching import depth_of, probes_for
from mathcircuits.detect.networks import Architecture, Stack

Array = npt.NDArray[np.float64]
Row = dict[str, Any]
#: How a label is known: the network was made so; a certificate proves it; of a neuron the role alone is known; a method
#: of this library judged it; nobody looked.
CONSTRUCTION, PROVED, ROLE_ALONE, JUDGED, UNREAD = "construction", "proved", "role alone", "judged", "unread"


@dataclass(frozen=True, eq=False)
class ZooPart:
    """Networks of one architecture and what is known about each.

    Attributes:
        name: of the part; split: `"train"` or `"held-out"`.
        stack: the networks.
        networks: one row per network, in their order.
        neurons, circuits, pairs: rows of the tables of labels.
    """

    name: str
    split: str
    stack: Stack
    networks: tuple[Row, ...]
    neurons: tuple[Row, ...]
    circuits: tuple[Row, ...] = ()
    pairs: tuple[Row, ...] = ()

    def __len__(self) -> int:
        return len(self.stack)


@dataclass(frozen=True)
class Job:
    """Some parts of a zoo, which can be made anywhere and at any time.

    Attributes:
        split: their split; name: what tells it from the split's other jobs.
        make: gives the parts; a partial of a function of a module.
        seconds: of one core that it is expected to take.
    """

    split: str
    name: str
    make: Callable[[], Sequence[ZooPart]]
    seconds: float


def network_id(split: str, part: str, k: int) -> str:
    """The name of a network.

    Examples:
        >>> network_id("train", "planted-2-8-1", 3)
        'train/planted-2-8-1/0003'
    """
    return f"{split}/{part}/{k:04d}"


def network_row(split: str, part: str, k: int, architecture: Architecture, **known: Any) -> Row:
    """A row of the table of networks; what is not given is None.

    Args:
        known: `made`, `seed`, `circuit`, `gauge`, `task`, `regimen`, `step`, `formula`, `certified`, `loss`, `solved`,
            `cause`, `null`.
    """
    row: Row = {
        "network": network_id(split, part, k), "split": split, "part": part, "position": k,
        "sizes": "-".join(map(str, architecture.sizes)), "made": None, "seed": None, "circuit": None, "gauge": None,
        "task": None, "regimen": None, "step": None,
        "formula": None, "certified": None, "loss": None, "solved": None, "cause": None, "null": False,
    }  # fmt: skip
    return {**row, **known}


def neuron_rows(
    network: Row,
    roles: Sequence[Sequence[str]],
    features: Sequence[Sequence[BoundFeature | None]],
    evidence: str,
) -> list[Row]:
    """The labels of a network's neurons.

    Args:
        network: its row; roles, features: per hidden layer and neuron; evidence: how they are known.
    """
    return [
        {
            "network": network["network"], "split": network["split"], "layer": layer, "neuron": neuron,
            "role": role, "feature": None if held is None else held.feature.name,
            "on": None if held is None else ", ".join(held.on), "evidence": evidence,
        }
        for layer, (layer_roles, layer_features) in enumerate(zip(roles, features, strict=True))
        for neuron, (role, held) in enumerate(zip(layer_roles, layer_features, strict=True))
    ]  # fmt: skip


def features_of(architecture: Architecture, layer: int) -> tuple[BoundFeature, ...]:
    """The features that a hidden layer's neurons are compared with, in the order of the planted truth."""
    return probes_for(
        architecture.sizes[0], depth=depth_of(architecture, architecture.active[layer])
    ).features
