"""All readings of a network: compared with an enumeration by hand of every way to share out its neurons."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.task import hand_derived, hand_derived_names
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.recognition.readings import READING_COLUMNS, find_readings, read_circuits
from mathcircuits.detect.recognition.search import find_circuits
from mathcircuits.detect.recognition.templates import circuits

HALF = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])
#: A layer that holds both extrema on the unit square, and their difference above it: XOR of two bits.
DEEP_XOR = Network([[[1, 0], [0, 1], [-1, 1]], [[1, 0, 1], [0, 1, -1]], [[1, -1]]])

# --- by enumeration ---------------------------------------------------------------------------------------

#: A reading by hand: the circuits, what they are of, and their scales.
Parts = frozenset[tuple[str, tuple[str, ...], Fraction]]
#: Weights by neuron: of those with a kink in the box by (w, b), of the others by the input that they carry.
Weights = dict[tuple, Fraction]
#: Neurons as rows (w1, w2, b).
Rows = tuple[tuple[float, ...], ...]

DIRECTIONS = [w for w in itertools.product((-1, 0, 1), repeat=2) if any(w)]
#: Scales that are tried.
QUARTERS = [sign * Fraction(k, 4) for k in range(1, 9) for sign in (1, -1)]


def networks_of(
    rows: list[tuple[float, ...]], neurons: int, read: tuple[float, ...], spec, low: float
) -> list[tuple[Rows, tuple[float, ...]]]:
    """Every network of so many of the neurons, with read-outs among `read`, that is a function up to a constant."""
    grid = np.array(list(itertools.product(np.linspace(low, 1, 5), repeat=2)))
    layer = {row: np.maximum(grid @ row[:2] + row[2], 0) for row in rows}
    layer = {row: values for row, values in layer.items() if np.ptp(values)}
    reads = np.array(list(itertools.product(read, repeat=neurons)))
    found = []
    for chosen in itertools.combinations(layer, neurons):
        off = reads @ np.stack([layer[row] for row in chosen]) - spec(grid)
        found += [(chosen, tuple(own)) for own in reads[np.ptp(off, axis=1) < 1e-12].tolist()]
    return found


def weights_of(rows: Rows, read: tuple[float, ...], low: int) -> Weights:
    """Neurons on a square added up: always on, always off, or with a kink."""
    total: Counter[tuple] = Counter()
    for (w1, w2, b), v in zip(rows, read, strict=True):
        w1, w2, b, v = (Fraction(x).limit_denominator(1000) for x in (w1, w2, b, v))
        corners = [w1 * i + w2 * j + b for i in (low, 1) for j in (low, 1)]
        if min(corners) >= 0:
            total.update({(1,): v * w1, (2,): v * w2})
        elif max(corners) > 0:
            size = max(abs(w1), abs(w2))
            total.update({(w1 / size, w2 / size, b / size): v * size})
    return {key: value for key, value in total.items() if value}


def implementations(low: int) -> list[tuple[str, tuple[str, ...], Weights]]:
    """Every implementation of one hidden layer on two inputs, each set of weights once."""
    found: list[tuple[str, tuple[str, ...], Weights]] = []
    for circuit in circuits.values():
        if circuit.outputs > 1 or circuit.depth > 1 or circuit.arity > 2 or circuit.network.sizes[1] == 1:
            continue
        for on, own in itertools.product(itertools.permutations((0, 1), circuit.arity), circuit.gauges):
            W = np.zeros((own.network.sizes[1], 2))
            W[:, list(on)] = own.network.weights[0]
            rows = np.column_stack([W, own.network.bias_vectors[0]]).tolist()
            weights = weights_of(rows, own.network.weights[1][0].tolist(), low)
            if weights and all(weights != other for *_, other in found):
                found.append((circuit.name, tuple(f"x{k + 1}" for k in on), weights))
    return found


@lru_cache
def pieces_on(low: int) -> list[tuple[str, tuple[str, ...], Fraction, Weights]]:
    """The implementations at every scale."""
    pieces, known = [], implementations(low)
    for name, on, weights in known:
        twin = any({key: -value for key, value in weights.items()} == other for *_, other in known)
        # A negation is the identity turned in sign; the positive one is written.
        scales = [scale for scale in QUARTERS if scale > 0 or not twin]
        pieces += [(name, on, s, {key: s * value for key, value in weights.items()}) for s in scales]
    return pieces


def shared_out(whole: Weights, low: int) -> set[Parts]:
    """Every set of up to three implementations of different circuits, at scales in quarters, that adds up to the whole.

    Each takes a part of a neuron's weight, and none can be left out. All scales are tried: no linear algebra.
    """
    # Those alone that the whole has room for.
    pieces = [piece for piece in pieces_on(low) if piece[3].keys() <= whole.keys()]
    found: set[Parts] = set()

    def extend(rest: Weights, start: int, chosen: Parts) -> None:
        if not rest:
            found.add(chosen)
        for k in range(start, len(pieces) if rest and len(chosen) < 3 else 0):
            *piece, scaled = pieces[k]
            again = tuple(piece[:2]) in {part[:2] for part in chosen}
            room = all(0 < value / rest.get(key, Fraction(1, 10**9)) <= 1 for key, value in scaled.items())
            if room and not again:
                left = {key: value - scaled.get(key, 0) for key, value in rest.items()}
                extend({key: value for key, value in left.items() if value}, k + 1, chosen | {tuple(piece)})

    extend(whole, 0, frozenset())
    names = {parts: {part[:2] for part in parts} for parts in found}
    return {parts for parts, own in names.items() if not any(other < own for other in names.values())}


def reported(rows: Rows, read: tuple[float, ...], low: int) -> set[Parts]:
    """The output's readings as the tool lists them."""
    W = np.array(rows, dtype=float)
    network = Network([W[:, :2], [read]], [W[:, 2], [0.0]])
    ((*listed,), *others), left_out = read_circuits(network, ((low, 1.0),) * 2, circuits, 99, None)
    assert (others, left_out) == ([], {})
    return {
        frozenset((p.circuit.name, p.on, Fraction(p.scale).limit_denominator(1000)) for p in reading.parts)
        for reading in listed
    }


def compared(networks: list[tuple[Rows, tuple[float, ...]]], whole: str, low: int) -> Counter[int]:
    """How many networks have how many readings, after each was compared: those shared out, and the circuit it is."""
    own: Parts = frozenset({(whole, ("x1", "x2"), Fraction(1))})
    counts: Counter[int] = Counter()
    for rows, read in networks:
        wanted = {own} | shared_out(weights_of(rows, read, low), low)
        assert reported(rows, read, low) == wanted, (rows, read)
        counts[len(wanted)] += 1
    return counts


def test_xor_networks_of_width_3_have_the_readings_that_enumeration_finds() -> None:
    """After Meloux et al. 2025, who enumerate the circuits of small networks of XOR.

    Enumerated are all networks of two or three different neurons with weights of -1 to 1, biases of 0 or 1 and
    read-outs of 1 or 2 that are |x1 - x2| on the unit square, which is XOR at its corners; and for each all sets of up
    to three of the catalogue's circuits among which its neurons can be shared out. Prediction, before the first run:
    the tool lists these beside the absolute difference, which all are; most have this one reading, some several. The
    first holds; the second does not: but for the one that has both sides of the kink, all are a maximum less a minimum
    as well.
    """
    rows = [(*w, b) for w in DIRECTIONS for b in (0, 1)]
    networks = [
        found
        for neurons in (2, 3)
        for found in networks_of(rows, neurons, (-2, -1, 1, 2), lambda X: np.abs(X[:, 0] - X[:, 1]), 0)
    ]
    assert compared(networks, "absolute-difference", 0) == {1: 1, 2: 50}


def test_minima_have_the_readings_that_enumeration_finds() -> None:
    """The same around 0, where no neuron is always on: networks of up to six neurons with read-outs of 1/2 and 1."""
    rows = [(*w, 0) for w in DIRECTIONS]
    networks = [
        found
        for neurons in (3, 4, 5, 6)
        for found in networks_of(rows, neurons, (-1, -0.5, 0.5, 1), lambda X: X.min(axis=1), -1)
    ]
    assert compared(networks, "minimum", -1) == {1: 2, 2: 4}


# --- by hand ----------------------------------------------------------------------------------------------


def texts(network: Network, **keywords) -> list[tuple[str, int, str, str]]:
    frame = find_readings(network, **keywords)
    return list(zip(frame["output"], frame["reading"], frame["text"], frame["function"], strict=True))


def test_a_kink_from_both_sides_beside_a_sum_has_two_readings() -> None:
    frame = find_readings(HALF)
    assert tuple(frame.columns) == READING_COLUMNS
    assert texts(HALF) == [
        ("y1", 1, "min(x1, x2)", "first"), ("y1", 2, "0.5*(x1 + x2) - 0.5*abs(x1 - x2)", "same"),
    ]  # fmt: skip
    assert frame["circuits"].tolist() == [("minimum",), ("addition", "absolute-difference")]
    assert frame["gauge"].tolist() == [
        "1/2 (x1 + x2) - 1/2 |x1 - x2|", "relu(x1 + x2) - relu(-x1 - x2); relu(x1 - x2) + relu(x2 - x1)",
    ]  # fmt: skip
    assert (frame[["distance", "unexplained", "certified"]] < 1e-9).all(axis=None)


def test_a_deep_xor_is_read_by_its_inputs_and_by_the_layer_below() -> None:
    """On the unit square both extrema pass the second layer as they are, and its output is their difference.

    By hand: |x1 - x2|; max - min; and, since min = max - |x1 - x2| is what is taken off the maximum, and not negative,
    max - relu(max - |x1 - x2|), a minimum of the two as the catalogue writes it.
    """
    assert texts(DEEP_XOR, box=(0, 1)) == [
        ("y1", 1, "abs(x1 - x2)", "first"),
        ("y1", 2, "max(x1, x2) - min(x1, x2)", "same"),
        ("y1", 3, "min(max(x1, x2), abs(x1 - x2))", "same"),
        ("layer 1: z0", 1, "max(x1, x2)", "first"),
        ("layer 1: z1", 1, "min(x1, x2)", "first"),
    ]


@pytest.mark.parametrize("name", [name for name in hand_derived_names() if not circuits[name].on_points])
def test_the_first_reading_is_what_is_found_first(name: str) -> None:
    network = hand_derived(name)
    found, readings = find_circuits(network), find_readings(network)
    for k in range(network.outputs):
        named = found.loc[found["output"] == f"y{k + 1}", "circuit"].tolist()
        own = readings[readings["output"] == f"y{k + 1}"]
        assert own["circuits"].iloc[0] == tuple(named[:1])
        assert own["reading"].tolist() == list(range(1, len(own) + 1))
    assert (readings["certified"] < 1e-9).all()


def test_permuting_splitting_and_a_little_training_noise_change_no_reading() -> None:
    rng = np.random.default_rng(0)
    W, v = HALF.weights
    for _ in range(5):
        scale, order = 10 ** rng.uniform(-1, 1, 8), rng.permutation(8)
        rows = np.concatenate([W, W])[order] * scale[:, None]
        read = (np.concatenate([v[0] / 3, v[0] * 2 / 3])[order] / scale)[None]
        noisy = Network(
            [rows * rng.uniform(0.999, 1.001, rows.shape), read * rng.uniform(0.999, 1.001, read.shape)]
        )
        assert find_readings(noisy)["circuits"].tolist() == find_readings(HALF)["circuits"].tolist()


def test_functions_that_the_criteria_do_not_tell_apart_are_named_near() -> None:
    """Where x2 is below x1 in a corner of a thousandth alone, the minimum is x1 for the criteria."""
    network = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
    found = texts(network, box=[(-1, 1), (0.93, 3)])
    assert [row[2:] for row in found[:2]] == [("min(x1, x2)", "first"), ("x1", "near")]
    assert 0 < find_readings(network, box=[(-1, 1), (0.93, 3)])["unexplained"].iloc[1] <= 1e-3


def test_what_is_not_listed_and_not_tried_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = find_readings(HALF, limit=1)
    assert frame["text"].tolist() == ["min(x1, x2)"]
    assert frame.attrs["left_out"] == {"y1": "1 more than the 1 that are listed"}
    monkeypatch.setattr("mathcircuits.detect.recognition.wired_sums.MOST_SETS", 0)
    frame = find_readings(HALF)
    assert frame["text"].tolist() == ["min(x1, x2)"]
    assert frame.attrs["left_out"] == {"y1": "sums of several circuits: there are too many to try"}


def test_a_limit_below_1_is_refused() -> None:
    with pytest.raises(
        InputError, match="limit 0: give the number of readings of a variable to list, at least 1"
    ):
        find_readings(HALF, limit=0)


def test_a_sum_that_is_no_circuit_itself_has_a_reading_too() -> None:
    network = Network([[[1, -1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]], [[-2, 2, -2, 1, 1]]])
    assert texts(network) == [("y1", 1, "abs(x3) + 2*min(x1, x2)", "first")]


def test_what_has_no_readings() -> None:
    rng = np.random.default_rng(0)
    smooth = Network([[[1.0]], [[1.0]]], activation="tanh")
    for network in (
        smooth,
        *(Network([rng.normal(size=(m, 2)), rng.normal(size=(1, m))]) for m in (3, 8, 32)),
    ):
        frame = find_readings(network)
        assert frame.empty
        assert tuple(frame.columns) == READING_COLUMNS
        assert frame.attrs["left_out"] == {}
