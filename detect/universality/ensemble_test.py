"""The ensemble test: do more seeds hold a feature than expected by chance?

One neuron's evidence is bounded by geometry: with two inputs and no bias eight directions share a circle, and
a neuron one degree off is no evidence for anybody. Over seeds there is: the number of networks with a *used*
neuron that holds the feature, against the number that networks of other directions would have: each seed beside
copies of itself that keep every neuron's offset and scale and point elsewhere.
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
from ..matching.criteria import ALPHA, HELD, USED
from ..matching.nulls.kept_offsets import constructed_layers, lengths, nearest_point, redrawn, scale_free
from ..matching.nulls.names import NullName, known_null
from ..matching.probes import Probes, depth_of, probes_for
from ..networks.architecture import Architecture
from ..networks.box import BoxLike
from ..networks.initialisation import known_laws, untrained
from ..networks.network import Network
from ..networks.stacks import Forward, Stack
from ..statistics.multiple_testing import benjamini_hochberg, poisson_binomial_tail
from ..statistics.null_cache import kept_draws

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
#: Used untrained neurons that the null rate rests on: a rate of 0.002 is then known to 16%. Of networks that keep their
#: offsets, which are drawn anew for every population, half as many, and each network at least so often.
_NULL_NEURONS, _OWN_NEURONS, _LEAST_COPIES = 20_000, 10_000, 8
_VERSION = 2
ENSEMBLE_COLUMNS = (
    "layer",
    "feature",
    "on",
    "found",
    "n",
    "prevalence",
    "null_prevalence",
    "p",
    "q",
    "by_construction",
)


def match_ensemble(
    networks: Sequence[Network],
    *,
    box: BoxLike = (-1.0, 1.0),
    init: str | None = None,
    null: NullName = "conditional",
    max_unexplained: float = HELD,
    seed: int = 0,
    catalogue: Catalogue | None = None,
) -> pd.DataFrame:
    """Which features more seeds hold in a used neuron than untrained networks would.

    With pi_i the chance that a *used* neuron holds feature k in copies of network i that keep every neuron's offset
    and scale and point elsewhere, network i with m_i used neurons would hold it with chance `1 - (1 - pi_i)^m_i`; the
    count over networks then is Poisson-binomial, and p its upper tail. q is Benjamini-Hochberg over features and
    layers. Taking pi_i over all neurons instead of used ones is not calibrated (docs/results/measurements.md, Ensembles
    of seeds: up to 9% false findings at a nominal 5%).

    Args:
        networks: networks of one architecture, one per seed; those that solved their task.
        box: the inputs' box.
        init: init law of the null's directions; None takes the larger p of both.
        null: `"conditional"` keeps each neuron's offset b / |w| and its share in the read-out; `"unconditional"` takes
            untrained networks of the law, whose offsets are others: of networks with biases of zero almost every
            population then has features in more seeds than chance.
        max_unexplained: the largest 1 - r^2 at which a neuron holds a feature.
        seed: of the untrained draws.
        catalogue: the features to look for; by default the installed ones.

    Returns:
        One row per non-linear layer and feature, columns `ENSEMBLE_COLUMNS`, smallest p first. `by_construction`
        marks what would be found if no layer had been pruned or quantised; p is beside networks that were.

    Examples:
        >>> from ..features.task import hand_derived
        >>> frame = match_ensemble([hand_derived("minimum")] * 10)
        >>> sorted(frame[frame["q"] < 1e-6]["feature"])
        ['greaterness', 'negativeness', 'positiveness']
    """
    import pandas as pd

    conditional = known_null(null) == "conditional"
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
        worst, free = np.zeros(len(probes.features)), np.zeros(len(probes.features))
        made = any(k <= block for _, k in constructed_layers(stack))
        expected = np.zeros(len(probes.features))
        for law in known_laws(init):
            if conditional:
                rate = _own_rates(stack, block, law, probes, max_unexplained, seed)
            else:
                rate = _null_rate(architecture, block, law, probes, max_unexplained, seed)[None, :]
            chance = 1.0 - (1.0 - rate) ** used[:, None]
            p = [poisson_binomial_tail(int(found[k]), chance[:, k]) for k in range(len(found))]
            worst, expected = np.maximum(worst, p), np.maximum(expected, chance.mean(axis=0))
            free = np.maximum(free, p)
            if made:
                chance = _constructed_chances(stack, block, law, probes, max_unexplained, seed)
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
                    "free": free,
                }
            )
        )
    if not parts:
        return pd.DataFrame(columns=list(ENSEMBLE_COLUMNS))
    frame = pd.concat(parts, ignore_index=True)
    frame["q"] = benjamini_hochberg(frame["p"].to_numpy())
    frame["by_construction"] = (benjamini_hochberg(frame["free"].to_numpy()) <= ALPHA) & (frame["q"] > ALPHA)
    return frame.sort_values("p", kind="stable", ignore_index=True)[list(ENSEMBLE_COLUMNS)]


def _held_features(
    stack: Stack, block: int, probes: Probes, held: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Which features a used neuron of each network holds [networks, K], and its number of used neurons [networks]."""
    step = _at_once(stack.architecture, probes)
    holds, used = [], []
    for start in range(0, len(stack), step):
        part = stack[start : start + step]
        per_neuron, is_used = _neurons(part, block, probes, held)
        holds.append((per_neuron & is_used[..., None]).any(axis=1))
        used.append(is_used.sum(axis=1))
    return np.concatenate(holds), np.concatenate(used)


def _at_once(architecture: Architecture, probes: Probes) -> int:
    """How many networks are worked on at once: 8 MB a layer, of which a dozen copies are held."""
    return max(1, int(1e6 / (len(probes.X) * max(architecture.sizes))))


def _neurons(
    stack: Stack, block: int, probes: Probes, held: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which features each neuron holds [networks, units, K], and which are used, live and bent [networks, units].

    Neurons that are one feature count once, as the first of them: it holds what any of them does.
    """
    forward = stack.forward(probes.X)
    _, _, unit = unit_vectors(forward.post[block])
    same, used = _used(stack, forward, block, probes, unit)
    r = unit.transpose(0, 2, 1) @ probes.unit
    holds = same @ ((r > 0.0) & (1.0 - r**2 <= held))
    return holds, used & ~np.tril(same, -1).any(axis=2)


def _used(
    stack: Stack, forward: Forward, block: int, probes: Probes, unit: Array | None = None
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which used neurons are one feature [networks, units, units], and which are used, live and bent."""
    post = forward.post[block]
    bounds = box_bounds(stack.weights[0], stack.biases[0], probes) if block == 0 else None
    live, bent = live_and_bent(forward.pre[block], post, stack.architecture.activations[block], bounds)
    together = one_feature(post, unit)
    used = live & bent & (np.nan_to_num(mean_ablation(stack, forward, block, together), nan=0.0) >= USED)
    return together & used[:, None, :] & used[:, :, None], used


def _own_rates(stack: Stack, block: int, law: str, probes: Probes, held: float, seed: int) -> Array:
    """P(a used neuron holds feature k) in copies of each network that point elsewhere [networks, K].

    A network's own copies are few. Their count gets one neuron more, which holds what neurons of all copies hold on
    average, one of them added: so no rate is 0, and none is an average over other networks' offsets.
    """
    rng = np.random.default_rng([seed, block, zlib.crc32(law.encode())])
    copies = _copies(stack, block)
    step = _at_once(stack.architecture, probes)
    count, total = np.zeros((len(stack), len(probes.features))), np.zeros(len(stack))
    apart = _without_copies(stack, block, probes)
    for k in range(len(stack)):
        null = redrawn(apart[k : k + 1], copies, law, rng, nearest_point(probes.box))
        for start in range(0, copies, step):
            holds, used = _neurons(null[start : start + step], block, probes, held)
            count[k] += holds[used].sum(axis=0)
            total[k] += used.sum()
    shared = (count.sum(axis=0) + 1.0) / (total.sum() + 1.0)
    return np.asarray((count + shared) / (total + 1.0)[:, None])


def _copies(stack: Stack, block: int) -> int:
    """How often each network is drawn anew."""
    networks = np.clip(2 * _OWN_NEURONS / stack.architecture.sizes[block + 1], 400, 10_000)
    return max(_LEAST_COPIES, int(np.ceil(networks / len(stack))))


def _constructed_chances(stack: Stack, block: int, law: str, probes: Probes, held: float, seed: int) -> Array:
    """P(a network holds feature k in a used neuron) in copies with its zeros or its grid [networks, K].

    Counted by networks, since neurons of one axis are of one feature or of opposite ones, and never independent.
    """
    rng = np.random.default_rng([seed, block, zlib.crc32(law.encode()), 1])
    copies = _copies(stack, block)
    count = np.zeros((len(stack), len(probes.features)))
    for k in range(len(stack)):
        null = redrawn(stack[k : k + 1], copies, law, rng, nearest_point(probes.box), constructed=True)
        count[k] = _held_features(null, block, probes, held)[0].sum(axis=0)
    shared = (count.sum(axis=0) + 1.0) / (copies * len(stack) + 1.0)
    return np.asarray((count + shared) / (copies + 1.0))


def _without_copies(stack: Stack, block: int, probes: Probes) -> Stack:
    """The networks with one neuron in place of those that are one feature, the strongest first.

    The copies stay as neurons that nothing reads. Drawn apart, they would be several chances where the network had one.
    """
    if not scale_free(stack.architecture.activations[block]):
        return stack
    step = _at_once(stack.architecture, probes)
    same = np.concatenate(
        [
            _used(part, part.forward(probes.X), block, probes)[0]
            for part in (stack[k : k + step] for k in range(0, len(stack), step))
        ]
    )
    length, outgoing = lengths(stack)[block], stack.weights[block + 1]
    first = np.where(same.any(axis=2), same.argmax(axis=2), np.arange(same.shape[2]))
    goes_to = first[:, :, None] == np.arange(same.shape[2])
    per_length = (outgoing * length[:, None, :]) @ goes_to
    mass = np.linalg.norm(per_length, axis=1)
    order = np.argsort(-mass, axis=1, kind="stable")
    read = np.where(length > 0.0, 1.0 / np.where(length > 0.0, length, 1.0), 0.0)[:, None, :] * per_length
    weights, biases = list(stack.weights), list(stack.biases)
    weights[block] = np.take_along_axis(weights[block], order[:, :, None], axis=1)
    biases[block] = np.take_along_axis(biases[block], order, axis=1)
    weights[block + 1] = np.take_along_axis(read, order[:, None, :], axis=2)
    return Stack(stack.architecture, tuple(weights), tuple(biases))


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
    step = _at_once(architecture, probes)
    count, total = np.zeros(len(probes.features)), 0
    for start in range(0, networks, step):
        part = untrained(architecture, min(step, networks - start), law, rng)
        holds, used = _neurons(part, block, probes, held)
        count += holds[used].sum(axis=0)
        total += int(used.sum())
    return np.asarray((count + 1.0) / (total + 1.0))
