"""Neuron baselines: which feature each neuron is said to hold, by correlation, by linear probes, and by ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mathcircuits.detect.features import BoundFeature
from mathcircuits.detect.matching import ALPHA, depth_of, probes_for, unit_vectors
from mathcircuits.detect.networks import Architecture, Stack, known_laws, untrained

from ..benchmark.detection.declaring import declare, q_values
from .parts import Array
from .zoofiles import Zoo

Row = dict[str, object]
#: Untrained networks whose largest correlations an excess is measured against.
_UNTRAINED = 32
#: Features that a layer reads at a smaller R2 than this are no candidates; the literature asks for 0.9 to 0.99.
_FAINT_R2 = 0.5
#: Networks whose activations are worked on at once.
_CHUNK = 64


def correlation_neurons(zoo: Zoo) -> list[Row]:
    """Every neuron that varies with the feature that it correlates with most."""
    return [
        _row(network, layer, neuron, features[label], float(r[neuron, label]))
        for network, layer, features, r in _correlations(zoo)
        for neuron, label in enumerate(r.argmax(axis=1))
        if r[neuron, label] > 0.0
    ]


def excess_neurons(zoo: Zoo) -> list[Row]:
    """Every neuron with the feature that it correlates with most, scored by what exceeds untrained networks.

    As Gurnee et al. 2024 (Universal Neurons in GPT2 Language Models): the largest correlation less the mean of the
    largest ones of untrained neurons.
    """
    usual: dict[tuple[Architecture, int], float] = {}
    rows = []
    for network, layer, features, r in _correlations(zoo):
        split, part, _ = zoo.places[network]
        architecture = zoo.stack(split, part).architecture
        if (architecture, layer) not in usual:
            drawn = untrained(architecture, _UNTRAINED, "uniform", np.random.default_rng(0))
            highest = [c.max(axis=1).mean() for _, at, _, c in _of_stack(drawn, []) if at == layer]
            usual[architecture, layer] = float(np.mean(highest))
        for neuron, label in enumerate(r.argmax(axis=1)):
            excess = float(r[neuron, label]) - usual[architecture, layer]
            if excess > 0.0:
                rows.append(_row(network, layer, neuron, features[label], excess))
    return rows


def probed_neurons(zoo: Zoo) -> list[Row]:
    """Linear probes: every feature that a layer reads, of the neuron with the most weight, scored by the R2."""
    from sklearn.linear_model import Ridge

    rows: list[Row] = []
    for split, part in zoo.parts:
        stack = zoo.stack(split, part)
        names = zoo.names(split, part)
        for k, network in enumerate(names):
            X = probes_for(stack.architecture.sizes[0]).X
            post = stack[k : k + 1].forward(X).post
            for layer, values in enumerate(post):
                features, wanted = _features(stack.architecture, layer)
                spread = values[0].std(axis=0)
                live = np.flatnonzero(spread > 0.0)
                if not len(live):
                    continue
                standard = (values[0][:, live] - values[0][:, live].mean(axis=0)) / spread[live]
                model = Ridge(alpha=1e-6 * len(X)).fit(standard, wanted)
                left = ((wanted - model.predict(standard)) ** 2).sum(axis=0)
                r2 = 1.0 - left / (wanted**2).sum(axis=0)
                heaviest = live[np.abs(np.atleast_2d(model.coef_)).argmax(axis=1)]
                rows.extend(
                    _row(network, layer, int(heaviest[j]), features[j], float(min(r2[j], 1.0)))
                    for j in np.flatnonzero(r2 > _FAINT_R2)
                )
    return rows


def our_neurons(zoo: Zoo) -> list[Row]:
    """This library's matches: q at most 0.05 per network against the conditional null, the law not known."""
    rows: list[Row] = []
    for split, part in zoo.parts:
        names = zoo.names(split, part)
        found = declare(zoo.stack(split, part), known_laws(None))
        q = q_values(np.maximum(found.p, 1.0 / (found.draws + 1.0)))
        within = np.concatenate([np.arange(n) for n in np.bincount(found.layer)])
        for k, column in np.argwhere((q <= ALPHA) & ~found.vacuous):
            layer = int(found.layer[column])
            bound = found.features[layer][found.label[k, column]]
            rows.append(_row(names[k], layer, int(within[column]), bound, float(1.0 - q[k, column])))
    return rows


def _row(network: str, layer: int, neuron: int, held: BoundFeature, score: float) -> Row:
    return {
        "kind": "neuron", "network": network, "layer": layer, "neuron": int(neuron), "feature": held.feature.name,
        "on": ", ".join(held.on), "score": min(max(score, 0.0), 1.0),
    }  # fmt: skip


def _features(architecture: Architecture, layer: int) -> tuple[tuple[BoundFeature, ...], Array]:
    probes = probes_for(architecture.sizes[0], depth=depth_of(architecture, architecture.active[layer]))
    return probes.features, probes.unit


def _correlations(zoo: Zoo) -> Iterator[tuple[str, int, tuple[BoundFeature, ...], Array]]:
    """Network, layer, features and the correlations [neurons, features], 0 for neurons that do not vary."""
    for split, part in zoo.parts:
        yield from _of_stack(zoo.stack(split, part), zoo.names(split, part))


def _of_stack(stack: Stack, names: list[str]) -> Iterator[tuple[str, int, tuple[BoundFeature, ...], Any]]:
    X = probes_for(stack.architecture.sizes[0]).X
    for start in range(0, len(stack), _CHUNK):
        post = stack[start : start + _CHUNK].forward(X).post
        for layer, values in enumerate(post):
            features, wanted = _features(stack.architecture, layer)
            _, _, unit = unit_vectors(values)
            r = np.einsum("knm,nf->kmf", unit, wanted)
            for k, correlations in enumerate(r):
                yield names[start + k] if names else "", layer, features, correlations
