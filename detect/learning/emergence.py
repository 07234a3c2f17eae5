"""Emergence: when in training a feature appears, as a curve per seed.

At every checkpoint: how close is the nearest *used* neuron to the feature (the least 1 - r^2 over used neurons of any
layer, 1 where none correlates positively)? The feature has *emerged* at the first checkpoint from which on a used
neuron holds it until the end of training; a seed that holds it for a while and loses it again has not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.binding import Label, label_text
from ..features.catalogues import Catalogue
from ..features.catalogues import catalogue as installed
from ..features.task import Task, as_task
from ..matching.criteria import HELD
from ..networks.box import BoxLike
from ..networks.checks import several, training_steps
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.criteria import EQUAL
from ..statistics.verdicts import prevalence
from ..universality.holders import by_architecture, carriers
from ..universality.orbits import Orbits

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

CURVE_COLUMNS = ("feature", "on", "seed", "step", "unexplained", "layer", "neuron", "held")
FIRST_COLUMNS = ("feature", "on", "seed", "emerged", "step", "after", "times_lost", "reason")
SUMMARY_COLUMNS = (
    "feature", "on", "n", "emerged", "share", "low", "high", "quantile", "step", "step_low", "step_high", "reason",
)  # fmt: skip
#: The quantiles of the first step that the summary gives.
QUANTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False, repr=False)
class Emergence:
    """When features appear in training.

    Attributes:
        curves: one row per feature, seed and checkpoint: `unexplained` of the nearest used neuron, which one it is
            (`layer`, `neuron`; missing where no used neuron correlates positively) and whether it is `held`.
        first: one row per feature and seed: whether it `emerged`, the first `step` at which it is held and stays to the
            end, the last checkpoint `after` which that happened (missing where held from the start; the
            true moment lies between the two), how often it was lost on the way, and a `reason` where it never emerged.
        summary: three rows per feature: how many seeds it emerged in, with the exact interval of their share, and the
            quartiles of the step over *all* seeds, those where it never emerged counted as later than any, with
            distribution-free intervals. Missing steps are beyond the end of training; `reason` says so.
        steps: the checkpoints.
        max_unexplained: the 1 - r^2 at which a neuron holds a feature.

    Examples:
        >>> from ..features.task import hand_derived
        >>> blank = Network([[[1, 1], [-1, 0.2], [0.1, -1]], [[1, 1, 1]]])
        >>> found = emergence_of([0, 10, 100], [[blank] * 2, [blank, hand_derived("minimum")],
        ...                                  [hand_derived("minimum")] * 2], task="minimum")
        >>> found.first[["feature", "seed", "step"]].head(2).values.tolist()
        [['positiveness', 0, 100], ['positiveness', 1, 10]]
        >>> found
        Emergence(3 features, 2 seeds, 3 checkpoints; emerged in all seeds: 3)
    """

    curves: pd.DataFrame
    first: pd.DataFrame
    summary: pd.DataFrame
    steps: tuple[int, ...]
    max_unexplained: float

    def to_frame(self) -> pd.DataFrame:
        """The rows by feature and seed."""
        return self.first

    def __repr__(self) -> str:
        features = self.summary.drop_duplicates(["feature", "on"])
        n = 0 if features.empty else int(features["n"].iloc[0])
        everywhere = int((features["emerged"] == features["n"]).sum())
        return (
            f"Emergence({len(features)} features, {n} seeds, {len(self.steps)} checkpoints; "
            f"emerged in all seeds: {everywhere})"
        )

    def _repr_html_(self) -> str:
        return str(self.summary.to_html(index=False, na_rep="", float_format=lambda v: f"{v:.4g}"))


def emergence_of(
    steps: Sequence[int] | npt.NDArray[np.int64],
    networks: Sequence[Sequence[Network | HasNetwork | None]],
    feature: str | None = None,
    on: Sequence[str] | None = None,
    *,
    task: Task | str | None = None,
    seeds: Sequence[int] | None = None,
    box: BoxLike | None = None,
    oriented: bool = False,
    max_unexplained: float = HELD,
    confidence: float = 0.95,
    catalogue: Catalogue | None = None,
) -> Emergence:
    """When a feature, or each of those that a task's hand-derived network has, appears in training.

    Args:
        steps: training steps of the m checkpoints, increasing.
        networks: `networks[m][net]`, each seed's network at each checkpoint; None where it had diverged (it then holds
            nothing). Widths may differ, between seeds and between checkpoints.
        feature, on: which one; `on` by default x1, x2, ... as many as it takes. Without a feature all of the
            task's expected ones.
        task: for its symmetries (its mirror images count as the feature, unless `oriented`) and its box.
        seeds: what the networks are called; by default 0, 1, ...
        box: by default the task's, else (-1, 1).
        oriented: ask for these very arguments.
        max_unexplained: the largest 1 - r^2 at which a used neuron holds a feature.
        confidence: of the intervals.
        catalogue: by default the installed one.

    Raises:
        UnknownFeature: for a feature that the catalogue does not hold.
        InputError: where steps and networks do not fit, or there is no feature to look for.

    Examples:
        >>> from ..features.task import hand_derived
        >>> nets = [[Network([[[1, 0], [0, 1]], [[1, 1]]])], [hand_derived("minimum")]]
        >>> emergence_of([0, 5], nets, "greaterness", ("x1", "x2")).first["step"].tolist()
        [5]
    """
    import pandas as pd

    known = as_task(task) if task is not None else None
    entries = installed if catalogue is None else catalogue
    rows, when = _checked(steps, networks)
    names = list(range(len(rows[0]))) if seeds is None else [int(seed) for seed in seeds]
    if len(names) != len(rows[0]) or len(set(names)) != len(names):
        raise InputError(f"{len(names)} seeds for {len(rows[0])} networks: give one each, all different")
    if not 0 < max_unexplained < 1:
        raise InputError(
            f"max_unexplained={max_unexplained!r}: give the share of variance left unexplained, between 0 and 1"
        )
    flat = [network for row in rows for network in row]
    present = [network for network in flat if network is not None]
    if not present:
        raise InputError("every network has diverged: there is nothing to read")
    inputs = present[0].inputs
    if known is not None and known.arity != inputs:
        raise InputError(f"{known} and networks of {inputs} inputs: give the networks' own task")
    bounds = box if box is not None else known.box if known else (-1.0, 1.0)
    wanted = _wanted(feature, on, known, entries, oriented)
    *found, bound = _nearest(flat, [members for _, members in wanted], bounds, catalogue)
    if not bound.any():
        texts = ", ".join(label_text(label) for label, _ in wanted)
        raise InputError(
            f"{texts}: no such feature on the inputs of these networks; check the arguments, and a feature of "
            "minima takes a second hidden layer"
        )
    shape = (len(rows), len(names), len(wanted))
    unexplained, layer, neuron = (array.reshape(shape) for array in found)
    curves, first, summary = [], [], []
    for k, (label, _) in enumerate(wanted):
        if not bound[k]:  # the hand-derived network is deeper than these
            continue
        about = {"feature": label[0], "on": ", ".join(label[1])}
        curves.append(
            _curve(about, names, when, unexplained[..., k], layer[..., k], neuron[..., k], max_unexplained)
        )
        own = [
            _first(about, seed, when, unexplained[:, s, k], max_unexplained) for s, seed in enumerate(names)
        ]
        first.append(pd.DataFrame(own, columns=list(FIRST_COLUMNS)))
        summary.append(_summary(about, first[-1], when[-1], confidence))
    tables = [pd.concat(parts, ignore_index=True) for parts in (curves, first, summary)]
    for table, columns in zip(
        tables, (("layer", "neuron"), ("step", "after"), ("step", "step_low", "step_high")), strict=True
    ):
        for name in columns:
            table[name] = table[name].astype("Int64")
    return Emergence(tables[0], tables[1], tables[2], tuple(when), max_unexplained)


def _checked(
    steps: Sequence[int] | npt.NDArray[np.int64], networks: Sequence[Sequence[Network | HasNetwork | None]]
) -> tuple[list[list[Network | None]], list[int]]:
    """Networks [m][net] and their steps."""
    when = training_steps(steps)
    rows = [
        [None if network is None else as_network(network) for network in several(checkpoint)]
        for checkpoint in several(networks)
    ]
    if len(rows) != len(when) or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise InputError(
            f"networks of {[len(row) for row in rows]} seeds at {len(when)} steps: give networks[step][seed], one "
            "row per step, the same seeds in each"
        )
    inputs = {network.inputs for row in rows for network in row if network is not None}
    if len(inputs) > 1:
        raise InputError(f"networks of {sorted(inputs)} inputs: give the networks of one task")
    return rows, when


@lru_cache(maxsize=32)
def _orbits_of(task: Task, entries: Catalogue) -> Orbits:
    """A task's orbits, kept: all cells of a study with one task ask for the same."""
    return Orbits(task, entries)


def _wanted(
    feature: str | None, on: Sequence[str] | None, task: Task | None, entries: Catalogue, oriented: bool
) -> list[tuple[Label, frozenset[Label]]]:
    """Each feature to look for, with the labels that count as it."""
    orbits = None if task is None else _orbits_of(task, entries)
    if feature is not None:
        entry = entries[feature]
        arguments = tuple(f"x{k + 1}" for k in range(entry.arity)) if on is None else tuple(on)
        label = (entry.name, arguments)
        whole = frozenset(orbits.orbit(label)) if orbits is not None and not oriented else frozenset()
        return [(label, whole | {label})]
    if orbits is None:
        raise InputError("no feature and no task: name a feature, or the task whose expected ones are meant")
    if on is not None:
        raise InputError("arguments without a feature: name the feature, or leave `on` out")
    if not orbits.expected:
        raise InputError(f"{task} has no hand-derived network with features of the catalogue: name a feature")
    ordered = [label for label in orbits.labels if label in orbits.expected]
    if oriented:
        return [(label, frozenset({label})) for label in ordered]
    heads: Iterable[Label] = dict.fromkeys(orbits.representative(label) for label in ordered)
    return [(head, frozenset(orbits.orbit(head))) for head in heads]


def _nearest(
    networks: Sequence[Network | None],
    wanted: Sequence[frozenset[Label]],
    box: BoxLike,
    known: Catalogue | None,
) -> tuple[Array, Array, Array, npt.NDArray[np.bool_]]:
    """1 - r^2, layer and neuron of the nearest used neuron [networks, features]; 1 and NaN where there is none.

    Last, which features these networks' layers could hold at all [features].
    """
    shape = (len(networks), len(wanted))
    best, layer, neuron = np.ones(shape), np.full(shape, np.nan), np.full(shape, np.nan)
    bound: set[Label] = set()
    for places in by_architecture(networks).values():
        members = [network for network in (networks[p] for p in places) if network is not None]
        for own in carriers(members, box=box, catalogue=known):
            labels = own.labels
            bound.update(labels)
            value = np.where(own.used[..., None], own.unexplained, 1.0)
            for k, group in enumerate(wanted):
                chosen = [i for i, label in enumerate(labels) if label in group]
                if not chosen:
                    continue
                least = value[:, :, chosen].min(axis=2)
                unit = least.argmin(axis=1)
                least = least[np.arange(len(least)), unit]
                closer = least < best[places, k]
                at = np.array(places)[closer]
                best[at, k], layer[at, k], neuron[at, k] = least[closer], own.layer, unit[closer]
    known_here = np.array([bool(group & bound) for group in wanted])
    return best, layer, neuron, known_here


def _curve(
    about: dict[str, str],
    seeds: Sequence[int],
    steps: Sequence[int],
    unexplained: Array,
    layer: Array,
    neuron: Array,
    held: float,
) -> pd.DataFrame:
    """The rows of one feature, seed by seed."""
    import pandas as pd

    m, n = unexplained.shape
    return pd.DataFrame(
        {
            "feature": about["feature"],
            "on": about["on"],
            "seed": np.repeat(seeds, m),
            "step": np.tile(steps, n),
            "unexplained": unexplained.T.ravel(),
            "layer": layer.T.ravel(),
            "neuron": neuron.T.ravel(),
            "held": (unexplained <= held).T.ravel(),
        },
        columns=list(CURVE_COLUMNS),
    )


def _first(
    about: dict[str, str], seed: int, steps: Sequence[int], unexplained: Array, held: float
) -> dict[str, object]:
    """When one seed has the feature for good."""
    holds = unexplained <= held
    lost = int((holds[:-1] & ~holds[1:]).sum())
    row: dict[str, object] = {**about, "seed": seed, "emerged": bool(holds[-1]), "times_lost": lost}
    if not holds[-1]:
        near = f"nearest used neuron at the end {unexplained[-1]:.2g}"
        reason = f"held for a while and lost; {near}" if lost else f"never held; {near}"
        return row | {"step": None, "after": None, "reason": reason}
    missing = np.flatnonzero(~holds)
    start = int(missing[-1]) + 1 if len(missing) else 0
    return row | {"step": steps[start], "after": steps[start - 1] if start else None, "reason": ""}


def _summary(about: dict[str, str], first: pd.DataFrame, end: int, confidence: float) -> pd.DataFrame:
    """How many seeds, and the quartiles of the step over all of them."""
    import pandas as pd

    n, emerged = len(first), int(first["emerged"].sum())
    share = prevalence(emerged, n, confidence)
    times = np.sort(np.array([math.inf if step is None or step != step else step for step in first["step"]]))
    rows = []
    for quantile in QUANTILES:
        # The smallest step by which at least this share of the seeds has it.
        value = times[max(math.ceil(quantile * n - EQUAL), 1) - 1]
        low, high = _quantile_interval(times, quantile, confidence)
        named = (("the quantile", value), ("its lower end", low), ("its upper end", high))
        beyond = [name for name, t in named if t == math.inf]
        reason = f"{', '.join(beyond)} not within the {end} steps" if beyond else ""
        if low == -math.inf:
            reason = "; ".join(text for text in (reason, f"no lower end from {n} seeds") if text)
        rows.append(
            {
                **about,
                "n": n,
                "emerged": emerged,
                "share": share.value,
                "low": share.low,
                "high": share.high,
                "quantile": quantile,
                **{
                    name: int(t) if math.isfinite(t) else None
                    for name, t in (("step", value), ("step_low", low), ("step_high", high))
                },
                "reason": reason,
            }
        )
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def _quantile_interval(times: Array, quantile: float, confidence: float) -> tuple[float, float]:
    """The order statistics between which the quantile lies with at least this confidence; infinite beyond them.

    The number of seeds below the true quantile is binomial (Conover 1999, section 3.2), whatever the law of the times.
    """
    from scipy.stats import binom

    n, tail = len(times), (1 - confidence) / 2
    # 1-based ranks: P(fewer than `lower` below) <= tail, and P(at least `upper` below) <= tail.
    lower = int(binom.ppf(tail, n, quantile))
    upper = int(binom.ppf(1 - tail, n, quantile)) + 1
    return (
        float(times[lower - 1]) if lower >= 1 else -math.inf,
        float(times[upper - 1]) if upper <= n else math.inf,
    )
