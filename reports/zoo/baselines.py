"""Baselines of the zoo: the literature's methods and this library's, each as claims about every network."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mathcircuits.detect import UnknownNameError

from ..benchmark.detection.declaring import NAIVE_R
from .claims import SECONDS, claims_frame
from .neuronbaselines import (
    correlation_neurons,
    excess_neurons,
    our_neurons,
    probed_neurons,
)
from .pairbaselines import SAME_FROM, our_pairs, similar_pairs, weight_pairs
from .thresholds import best_threshold
from .unitbaselines import ablated_units, heavy_units, our_units
from .wholebaselines import (
    certified_formulas,
    fitted_formulas,
    linear_fits,
    operon_fits,
    our_circuits,
    our_formulas,
)
from .zoofiles import Zoo

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Baseline:
    """A method.

    Attributes:
        kind: of its claims.
        rule: in words.
        candidates: makes them, with their scores.
        threshold: the score from which on a candidate is claimed; None: that of the largest F1 on the public split.
        needs: a library that is an extra.
    """

    kind: str
    rule: str
    candidates: Callable[[Zoo], list[dict[str, object]]]
    threshold: float | None = None
    needs: str = ""


@dataclass(frozen=True, eq=False)
class Entered:
    """What a baseline entered: its claims, its threshold (`chosen` on the public split or not), and its seconds."""

    claims: pd.DataFrame
    threshold: float
    chosen: bool
    seconds: float


#: Of methods that decide by themselves what they claim: every candidate is a claim.
_ALL = 0.0
BASELINES: Mapping[str, Baseline] = {
    "correlation": Baseline(
        "neuron", "a neuron's largest correlation with a feature is above 0.9 (the literature's habit)",
        correlation_neurons, NAIVE_R,
    ),
    "correlation-chosen": Baseline("neuron", "the same above a chosen threshold", correlation_neurons),
    "excess-correlation": Baseline(
        "neuron", "the largest correlation less the mean of untrained neurons' (Universal Neurons)", excess_neurons
    ),
    "linear-probe": Baseline(
        "neuron", "R2 of a ridge regression of a feature on the layer; its heaviest neuron", probed_neurons
    ),
    "ours-neurons": Baseline("neuron", "mathcircuits: q at most 0.05 against the conditional null", our_neurons, _ALL),
    "magnitude": Baseline("unit", "weights in times weights out, as a share of the largest", heavy_units),
    "ablation": Baseline("unit", "change of the output by mean ablation, one unit at a time", ablated_units),
    "ours-units": Baseline("unit", "mathcircuits: ablation together with units of the same feature", our_units, _ALL),
    "linear-regression": Baseline(
        "formula", "linear symbolic regression: at most four catalogue features by matching pursuit, R2",
        partial(fitted_formulas, fits=linear_fits),
    ),
    "linear-regression-certified": Baseline(
        "formula", "the same, claimed where mathcircuits certifies it", partial(certified_formulas, fits=linear_fits),
        _ALL,
    ),
    "pyoperon": Baseline(
        "formula", "genetic programming by Operon, R2", partial(fitted_formulas, fits=operon_fits), needs="pyoperon"
    ),
    "pyoperon-certified": Baseline(
        "formula", "the same, claimed where mathcircuits certifies it", partial(certified_formulas, fits=operon_fits),
        _ALL, "pyoperon",
    ),
    "ours-formulas": Baseline("formula", "mathcircuits: decompiled, with its certificate", our_formulas, _ALL),
    "ours-circuits": Baseline("circuit", "mathcircuits: circuits recognised at the outputs", our_circuits, _ALL),
    "cka": Baseline("pair", "linear CKA of the last hidden layers", partial(similar_pairs, measure="cka")),
    "svcca": Baseline("pair", "SVCCA of the last hidden layers", partial(similar_pairs, measure="svcca")),
    "procrustes": Baseline(
        "pair", "Procrustes similarity of the last hidden layers", partial(similar_pairs, measure="procrustes")
    ),
    "correlation-matching": Baseline(
        "pair", "mean correlation of units that are matched one to one",
        partial(similar_pairs, measure="correlation_matching"),
    ),
    "weight-matching": Baseline("pair", "cosine of permuted weights (Git Re-Basin)", weight_pairs),
    "ours-pairs": Baseline("pair", "mathcircuits: circuit similarity of neurons at least 0.9", our_pairs, SAME_FROM),
}  # fmt: skip


def run_baseline(name: str, zoo: Zoo) -> Entered:
    """The claims of a baseline about all of a zoo; `seconds` shares the time that it took evenly among them.

    Raises:
        UnknownNameError: where no baseline has that name.
        InputError: where it needs a library that is not installed.

    Examples:
        >>> sorted(BASELINES)[:3]
        ['ablation', 'cka', 'correlation']
        >>> run_baseline("correlaton", None)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no baseline named 'correlaton': did you mean 'correlation'? ...
    """
    if name not in BASELINES:
        raise UnknownNameError("baseline", name, BASELINES, "mathcircuits score --list")
    baseline = BASELINES[name]
    start = time.perf_counter()
    frame = claims_frame(baseline.candidates(zoo))
    threshold = baseline.threshold
    if threshold is None:
        threshold = best_threshold(frame, baseline.kind, zoo)
    frame = frame[frame["score"] >= threshold].reset_index(drop=True)
    spent = time.perf_counter() - start
    frame[SECONDS] = spent / max(1, len(frame))
    return Entered(frame, threshold, baseline.threshold is None, spent)
