"""The ensemble test: is a feature in more of the seeds than chance would put there?

One neuron's evidence is bounded by geometry: with two inputs and no bias eight directions share a circle, and
a neuron one degree off is no evidence for anybody. Over seeds there is: the number of networks with a *used*
neuron that holds the feature, against the number that untrained networks with as many used neurons would have.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.catalogues import Catalogue
from ..matching.ablation import mean_ablation, one_feature
from ..matching.correlations import box_bounds, live_and_bent, unit_vectors
from ..matching.criteria import HELD, USED
from ..matching.probes import Probes, depth_of, probes_for
from ..networks.architecture import Architecture
from ..networks.box import BoxLike
from ..networks.initialisation import known_laws, untrained
from ..networks.network import Network
from ..networks.stacks import Stack
from ..statistics.multiple_testing import benjamini_hochberg, poisson_binomial_tail
from ..statistics.null_cache import kept_draws

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
#: Used untrained neurons that the null rate rests on: a rate of 0.002 is then known to 16%.
_NULL_NEURONS = 20_000
_VERSION = 2
ENSEMBLE_COLUMNS = ("layer", "feature", "on", "found", "n", "prevalence", "null_prevalence", "p", "q")


def match_ensemble(
    networks: Sequence[Network],
    *,
    box: BoxLike = (-1.0, 1.0),
    init: str | None = None,
    max_unexplained: float = HELD,
    seed: int = 0,
    catalogue: Catalogue | None = None,
) -> pd.DataFrame:
    """Which features more seeds hold in a used neuron than untrained networks would.

    With pi the chance that a *used* untrained neuron holds feature k, network i with m_i used neurons would hold it
    with chance `1 - (1 - pi)^m_i`; the count over networks then is Poisson-binomial, and p its upper tail. q is
    Benjamini-Hochberg over features and layers. Taking pi over all neurons instead of used ones is not calibrated
    (docs/measurements.md, Ensembles of seeds: up to 9% false findings at a nominal 5%).

    Args:
        networks: networks of one architecture, one per seed; those that solved their task.
        box: the inputs' box.
        init: init law of the untrained networks; None takes the larger p of both.
        max_unexplained: the largest 1 - r^2 at which a neuron holds a feature.
        seed: of the untrained draws.
        catalogue: the features to look for; by default the installed ones.

    Returns:
        One row per non-linear layer and feature, columns `ENSEMBLE_COLUMNS`, smallest p first.

    Examples:
        >>> from ..features.task import hand_derived
        >>> frame = match_ensemble([hand_derived("minimum")] * 10)
        >>> sorted(frame[frame["q"] < 1e-6]["feature"])
        ['greaterness', 'negativeness', 'positiveness']
    """
    import pandas as pd

    if not 0.0 < max_unexplained < 1.0:
        raise InputError(
            f"max_unexplained={max_unexplained!r}: give the share of variance left unexplained, between 0 and 1"
        )
    stack = Stack.of(networks)
    architecture = stack.architecture
    parts = []
    for layer, block in enumerate(architecture.active):
        probes = probes_for(
            architecture.sizes[0], box=box, depth=depth_of(architecture, block), catalogue=catalogue
        )
        holds, used = _held_features(stack, block, probes, max_unexplained)
        found = holds.sum(axis=0)
        worst = np.zeros(len(probes.features))
        expected = np.zeros(len(probes.features))
        for law in known_laws(init):
            rate = _null_rate(architecture, block, law, probes, max_unexplained, seed)
            chance = 1.0 - (1.0 - rate[None, :]) ** used[:, None]
            p = [poisson_binomial_tail(int(found[k]), chance[:, k]) for k in range(len(found))]
            worst, expected = np.maximum(worst, p), np.maximum(expected, chance.mean(axis=0))
        on = np.empty(len(found), dtype=object)
        on[:] = [f.on for f in probes.features]
        parts.append(
            pd.DataFrame(
                {
                    "layer": layer,
                    "feature": [f.feature.name for f in probes.features],
                    "on": on,
                    "found": found,
                    "n": len(stack),
                    "prevalence": found / len(stack),
                    "null_prevalence": expected,
                    "p": worst,
                }
            )
        )
    if not parts:
        return pd.DataFrame(columns=list(ENSEMBLE_COLUMNS))
    frame = pd.concat(parts, ignore_index=True)
    frame["q"] = benjamini_hochberg(frame["p"].to_numpy())
    return frame.sort_values("p", kind="stable", ignore_index=True)[list(ENSEMBLE_COLUMNS)]


def _held_features(
    stack: Stack, block: int, probes: Probes, held: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Which features a used neuron of each network holds [networks, K], and its number of used neurons [networks]."""
    step = max(1, int(4e6 / (len(probes.X) * max(stack.architecture.sizes))))
    holds, used = [], []
    for start in range(0, len(stack), step):
        part = stack[start : start + step]
        per_neuron, is_used = _neurons(part, block, probes, held)
        holds.append((per_neuron & is_used[..., None]).any(axis=1))
        used.append(is_used.sum(axis=1))
    return np.concatenate(holds), np.concatenate(used)


def _neurons(
    stack: Stack, block: int, probes: Probes, held: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which features each neuron holds [networks, units, K], and which are used, live and bent [networks, units].

    Neurons that are one feature count once, as the first of them: it holds what any of them does.
    """
    forward = stack.forward(probes.X)
    post = forward.post[block]
    bounds = box_bounds(stack.weights[0], stack.biases[0], probes) if block == 0 else None
    live, bent = live_and_bent(forward.pre[block], post, stack.architecture.activations[block], bounds)
    _, _, unit = unit_vectors(post)
    r = unit.transpose(0, 2, 1) @ probes.unit
    together = one_feature(post)
    used = live & bent & (np.nan_to_num(mean_ablation(stack, forward, block, together), nan=0.0) >= USED)
    same = together & used[:, None, :] & used[:, :, None]
    holds = same @ ((r > 0.0) & (1.0 - r**2 <= held))
    first = used & ~np.tril(same, -1).any(axis=2)
    return holds, first


def _null_rate(
    architecture: Architecture, block: int, law: str, probes: Probes, held: float, seed: int
) -> Array:
    """P(a used untrained neuron holds feature k) [K]; one count is added, so that no rate is 0."""
    key = f"ensembles {_VERSION}|{architecture!r}|{block}|{law}|{held!r}|{seed}|{probes.key}"
    return kept_draws(key, lambda _: _drawn_rate(architecture, block, law, probes, held, seed))


def _drawn_rate(
    architecture: Architecture, block: int, law: str, probes: Probes, held: float, seed: int
) -> Array:
    rng = np.random.default_rng([seed, block, zlib.crc32(law.encode())])
    width = architecture.sizes[block + 1]
    networks = int(np.clip(2 * _NULL_NEURONS / width, 400, 10_000))
    step = max(1, int(4e6 / (len(probes.X) * max(architecture.sizes))))
    count, total = np.zeros(len(probes.features)), 0
    for start in range(0, networks, step):
        part = untrained(architecture, min(step, networks - start), law, rng)
        holds, used = _neurons(part, block, probes, held)
        count += holds[used].sum(axis=0)
        total += int(used.sum())
    return np.asarray((count + 1.0) / (total + 1.0))
