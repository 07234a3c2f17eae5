"""Baselines of the zoo: the literature's methods and this library's, each as claims about every network."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mathcircuits.detect import UnknownNameError

from .claims import SECONDS, claims_frame
from .neuronbaselines import (
    correlation_neurons,
    excess_neurons,
    our_neurons,
    probed_neurons,
)
from .pairbaselines import our_pairs, similar_pairs, weight_pairs
from .unitbaselines import ablated_units, fitted_formulas, heavy_units, our_circuits, our_formulas, our_units
from .zoofiles import Zoo

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Baseline:
    """A method: the kind of its claims, its rule in words, and the function that makes them."""

    kind: str
    rule: str
    claim: Callable[[Zoo], list[dict[str, object]]]


BASELINES: Mapping[str, Baseline] = {
    "correlation": Baseline(
        "neuron", "a neuron's largest correlation with a feature is above 0.9", correlation_neurons
    ),
    "excess-correlation": Baseline(
        "neuron", "that, and it exceeds the mean over untrained networks by more than 0.1", excess_neurons
    ),
    "linear-probe": Baseline(
        "neuron", "a ridge regression reads a feature at R2 above 0.95; its heaviest neuron", probed_neurons
    ),
    "ours-neurons": Baseline("neuron", "mathcircuits: q at most 0.05 against the conditional null", our_neurons),
    "magnitude": Baseline("unit", "weights in times weights out above a tenth of the largest", heavy_units),
    "ablation": Baseline("unit", "mean ablation changes the output by over 1% of its spread", ablated_units),
    "ours-units": Baseline("unit", "mathcircuits: ablation together with units of the same feature", our_units),
    "sparse-regression": Baseline(
        "formula", "orthogonal matching pursuit over the catalogue's features", fitted_formulas
    ),
    "ours-formulas": Baseline("formula", "mathcircuits: decompiled, with its certificate", our_formulas),
    "ours-circuits": Baseline("circuit", "mathcircuits: circuits recognised at the outputs", our_circuits),
    "cka": Baseline("pair", "linear CKA of the last hidden layers at least 0.9", partial(similar_pairs, measure="cka")),
    "svcca": Baseline("pair", "SVCCA at least 0.9", partial(similar_pairs, measure="svcca")),
    "procrustes": Baseline(
        "pair", "Procrustes similarity at least 0.9", partial(similar_pairs, measure="procrustes")
    ),
    "correlation-matching": Baseline(
        "pair", "one-to-one matched units correlate at least 0.9 on average",
        partial(similar_pairs, measure="correlation_matching"),
    ),
    "weight-matching": Baseline("pair", "the cosine of permuted weights is at least 0.9", weight_pairs),
    "ours-pairs": Baseline("pair", "mathcircuits: circuit similarity at least 0.9", our_pairs),
}  # fmt: skip


def baseline_claims(name: str, zoo: Zoo) -> pd.DataFrame:
    """The claims of a baseline about all of a zoo; `seconds` shares the time that it took evenly among them.

    Raises:
        UnknownNameError: where no baseline has that name.

    Examples:
        >>> sorted(BASELINES)[:3]
        ['ablation', 'cka', 'correlation']
        >>> baseline_claims("correlaton", None)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no baseline named 'correlaton': did you mean 'correlation'? ...
    """
    if name not in BASELINES:
        raise UnknownNameError("baseline", name, BASELINES, "mathcircuits score --list")
    start = time.perf_counter()
    rows = BASELINES[name].claim(zoo)
    spent = time.perf_counter() - start
    frame = claims_frame(rows)
    frame[SECONDS] = spent / max(1, len(frame))
    return frame
