"""Hand-derived parts of the zoo: the catalogue's circuits in random gauges and widths, and pairs of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from mathcircuits.detect import Network, certify, circuits
from mathcircuits.detect.features import BoundFeature
from mathcircuits.detect.networks import Stack, untrained
from mathcircuits.detect.recognition import Circuit

from ..benchmark.detection.planting import ridges, shape
from .gauging import regauge
from .parts import (
    CONSTRUCTION,
    PROVED,
    ROLE_ALONE,
    Array,
    Job,
    Row,
    ZooPart,
    features_of,
    network_row,
    neuron_rows,
)

#: The width that every hidden layer of a derived network is filled up to.
WIDTH = 10
#: A direction equals a feature's where their cosine is this near 1: the rounding of a unit vector.
_EQUAL = 1e-12
#: A circuit's formula holds on the zoo's box where its certified error is below this; rounding alone stays below 1e-10.
_PROVED = 1e-9
#: Inputs of circuits in the small zoo; with more its certificates would take most of the time.
_SMALL_INPUTS = 3
#: Seconds of one core for the certificate of a gauge, by inputs.
_SECONDS = {1: 0.002, 2: 0.005, 3: 0.02, 4: 0.1}


def derived_jobs(split: str, count: int, seed: Any, full: bool) -> list[Job]:
    """What makes every implementation of every circuit on the box, `count` gauges each, and copies of untrained ones.

    Args:
        split: its name; count: gauges each; seed: the entropy of their generators; full: whether circuits of four
            inputs are among them.

    Examples:
        >>> jobs = derived_jobs("train", 1, [0, 1], full=False)
        >>> [part.stack.architecture.sizes for job in jobs[:3] for part in job.make()]
        [(1, 10, 1), (2, 10, 1), (2, 10, 10, 1)]
    """
    held = _implementations(full)
    jobs = [
        Job(
            split,
            _part_name(sizes),
            partial(_derived, split, sizes, count, [*seed, number], full),
            count * len(found) * _SECONDS[min(sizes[0], max(_SECONDS))],
        )
        for number, (sizes, found) in enumerate(held.items())
    ]
    copies = partial(_copies, split, max(2, count), [*seed, len(held)])
    return [*jobs, Job(split, "copies", copies, count * _SECONDS[1])]


def _implementations(full: bool) -> dict[tuple[int, ...], list[Circuit]]:
    """The implementations of the circuits on the box, by the sizes of their gauges."""
    by_sizes: dict[tuple[int, ...], list[Circuit]] = defaultdict(list)
    for name in circuits:
        circuit = circuits[name]
        if circuit.on_points or (circuit.network.inputs > _SMALL_INPUTS and not full):
            continue
        for gauge in circuit.gauges:
            sizes = gauge.network.architecture.sizes
            by_sizes[sizes[0], *[WIDTH] * (len(sizes) - 2), sizes[-1]].append(gauge)
    return by_sizes


def _part_name(sizes: Sequence[int]) -> str:
    return f"derived-{'-'.join(map(str, sizes))}"


def _derived(split: str, sizes: tuple[int, ...], count: int, seed: Any, full: bool) -> list[ZooPart]:
    rng = np.random.default_rng(seed)
    part = _part_name(sizes)
    rows: list[Row] = []
    neurons: list[Row] = []
    found: list[Row] = []
    held: list[Network] = []
    for gauge in (gauge for gauge in _implementations(full)[sizes] for _ in range(count)):
        network, sources = regauge(gauge.network, WIDTH, rng)
        formula = "; ".join(str(f) for f in gauge.formula)
        bound = certify(network, [str(f) for f in gauge.formula]).upper
        if not bound < _PROVED:
            continue
        k = len(held)
        row = network_row(
            split, part, k, network.architecture, made="derived", circuit=gauge.name, gauge=gauge.gauge,
            formula=formula, certified=float(bound), solved=True,
        )  # fmt: skip
        rows.append(row)
        held.append(network)
        roles = [["derived" if isinstance(s, int) else s for s in layer] for layer in sources]
        deeper: list[list[BoundFeature | None]] = [[None] * len(layer) for layer in roles[1:]]
        features = [_first_layer(network, roles[0]), *deeper]
        # Of the other units of the circuit only the role is known: relu(x1 - 0.5) or a deeper unit may hold a feature.
        neurons.extend(
            {**label, "evidence": ROLE_ALONE}
            if label["layer"] or (label["role"] == "derived" and label["feature"] is None)
            else label
            for label in neuron_rows(row, roles, features, CONSTRUCTION)
        )
        found.append(
            {
                "network": row["network"], "split": split, "circuit": gauge.name,
                "on": ", ".join(f"x{i + 1}" for i in range(network.inputs)), "gauge": gauge.gauge,
                "evidence": PROVED, "certified": float(bound),
            }
        )  # fmt: skip
    if not held:
        return []
    pairs = tuple(_pairs(split, rows, rng))
    return [ZooPart(part, split, Stack.of(held), tuple(rows), tuple(neurons), tuple(found), pairs)]


def _first_layer(network: Network, roles: list[str]) -> list[BoundFeature | None]:
    """The feature of each unit of the first layer: the ridge through the middle of the box with the same direction."""
    at, directions = ridges(network.inputs)
    features = features_of(network.architecture, 0)
    rows: Array = network.weights[0]
    cosine = rows @ directions.T / np.linalg.norm(rows, axis=1)[:, None]
    best = cosine.argmax(axis=1)
    return [
        features[at[j]] if cosine[k, j] > 1.0 - _EQUAL and offset == 0.0 and role != "dead" else None
        for k, (j, offset, role) in enumerate(zip(best, network.bias_vectors[0], roles, strict=True))
    ]


def _pairs(split: str, rows: list[Row], rng: np.random.Generator) -> list[Row]:
    """For each network one of the same implementation, one of another implementation, and one of another function."""
    found = []
    for k, row in enumerate(rows):
        for same, function in ((True, True), (False, True), (False, False)):
            others = [
                m
                for m, other in enumerate(rows)
                if m > k
                and (other["gauge"] == row["gauge"] and other["circuit"] == row["circuit"]) == same
                and (other["formula"] == row["formula"]) == function
            ]
            if others:
                other = rows[others[rng.integers(len(others))]]
                found.append(_pair(split, row, other, same, function))
    return found


def _pair(split: str, first: Row, second: Row, same: bool, function: bool) -> Row:
    return {
        "network": first["network"], "other": second["network"], "split": split, "same": same,
        "function": function, "evidence": CONSTRUCTION,
    }  # fmt: skip


def _copies(split: str, count: int, seed: Any) -> list[ZooPart]:
    """Untrained networks, a re-gauged copy of each, and pairs of them: a copy is the same mechanism, another is not."""
    rng = np.random.default_rng(seed)
    part = "copies-2-10-1"
    originals = untrained(shape(2, WIDTH // 2, 1, bias=True), 2 * count, "uniform", rng)
    rows: list[Row] = []
    neurons: list[Row] = []
    pairs: list[Row] = []
    held: list[Network] = []
    for k in range(len(originals)):
        for _ in range(2):
            network, sources = regauge(originals.network(k), WIDTH, rng)
            row = network_row(split, part, len(held), network.architecture, made="untrained", null=True)
            roles = [["untrained" if isinstance(s, int) else s for s in layer] for layer in sources]
            rows.append(row)
            held.append(network)
            neurons.extend(neuron_rows(row, roles, [[None] * WIDTH], CONSTRUCTION))
        pairs.append(_pair(split, rows[-2], rows[-1], same=True, function=True))
        if k:
            pairs.append(_pair(split, rows[-4], rows[-1], same=False, function=False))
    return [ZooPart(part, split, Stack.of(held), tuple(rows), tuple(neurons), (), tuple(pairs))]
