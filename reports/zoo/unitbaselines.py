"""Baselines for whole networks: the units of a circuit, the formula, and the circuit's name."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from mathcircuits.detect import Network, analyse_many, decompile, find_circuits
from mathcircuits.detect.matching import probes_for
from mathcircuits.detect.networks import Stack

from .parts import Array
from .zoofiles import Zoo

Row = dict[str, object]
#: A unit is kept where the product of its weights in and out is above this share of the largest.
_HEAVY = 0.1
#: A unit matters where its ablation changes the output by more than this share of the output's spread.
_MATTERS = 0.01
#: Features that a sparse regression may add up, and the R2 from which its sum is claimed.
_MOST_TERMS, _FIT = 4, 0.999
#: Decimals of a fitted coefficient.
_DECIMALS = 4
#: Seconds for each formula.
_SECONDS = 5.0


def heavy_units(zoo: Zoo) -> list[Row]:
    """Units by magnitude: norm of the weights in (bias too) times norm of the weights out."""

    def scores(network: Network) -> list[Array]:
        found = []
        for layer in range(len(network.weights) - 1):
            size = np.linalg.norm(
                np.column_stack([network.weights[layer], network.bias_vectors[layer]]), axis=1
            )
            size *= np.linalg.norm(network.weights[layer + 1], axis=0)
            share = size / max(float(size.max()), np.finfo(float).tiny)
            found.append(np.where(share > _HEAVY, share, 0.0))
        return found

    return _claimed_units(zoo, scores)


def ablated_units(zoo: Zoo) -> list[Row]:
    """Units by mean ablation, one at a time."""

    def scores(network: Network) -> list[Array]:
        stack = Stack.of([network])
        forward = stack.forward(probes_for(network.inputs).X)
        spread = max(float(forward.outputs.std()), np.finfo(float).tiny)
        found = []
        for layer, values in enumerate(forward.post):
            effect = np.zeros(values.shape[2])
            for unit in range(values.shape[2]):
                changed = values.copy()
                changed[..., unit] = values[..., unit].mean()
                difference = stack.after(layer, changed) - forward.outputs
                effect[unit] = float(np.sqrt((difference**2).mean())) / spread
            found.append(np.where(effect > _MATTERS, np.minimum(effect, 1.0), 0.0))
        return found

    return _claimed_units(zoo, scores)


def our_units(zoo: Zoo) -> list[Row]:
    """Units whose ablation, together with the other units of the same feature, changes the output."""
    rows: list[Row] = []
    own = set(zoo.circuits["network"])
    for split, part in zoo.parts:
        names = zoo.names(split, part)
        if not own.intersection(names):
            continue
        stack = zoo.stack(split, part)
        found = analyse_many([stack.network(k) for k in range(len(stack))]).neurons
        rows.extend(
            _unit(names[n["network"]], int(n["layer"]), int(n["neuron"]), 1.0)
            for n in found[found["contribution"] > _MATTERS**2].to_dict("records")
        )
    return rows


def _claimed_units(zoo: Zoo, scores: Callable[[Network], list[Array]]) -> list[Row]:
    """Units with a score above 0, in the networks whose circuit is known."""
    return [
        _unit(name, layer, int(unit), float(values[unit]))
        for name in zoo.circuits["network"]
        for layer, values in enumerate(scores(zoo.network(name)))
        for unit in np.flatnonzero(values)
    ]


def _unit(network: str, layer: int, unit: int, score: float) -> Row:
    return {"kind": "unit", "network": network, "layer": layer, "neuron": unit, "score": score}


def fitted_formulas(zoo: Zoo) -> list[Row]:
    """Linear symbolic regression: a sum of at most four catalogue features, by orthogonal matching pursuit."""
    from sklearn.linear_model import OrthogonalMatchingPursuit

    rows: list[Row] = []
    for name in _formula_networks(zoo):
        network = zoo.network(name)
        X = probes_for(network.inputs).X
        features = probes_for(network.inputs).features
        table = np.column_stack([feature.values(X) for feature in features])
        scale = table.std(axis=0)
        alive = np.flatnonzero(scale > 0.0)
        terms, fits = [], []
        for wanted in network(X).T:
            model = OrthogonalMatchingPursuit(n_nonzero_coefs=min(_MOST_TERMS, len(alive)))
            with warnings.catch_warnings():
                # The catalogue's features depend on one another, so the pursuit may end with fewer terms.
                warnings.simplefilter("ignore", RuntimeWarning)
                model.fit(table[:, alive] / scale[alive], wanted)
            fits.append(float(model.score(table[:, alive] / scale[alive], wanted)))
            weights = model.coef_ / scale[alive]
            chosen = [
                f"{weights[k]:.{_DECIMALS}f} * ({features[alive[k]].formula})"
                for k in np.flatnonzero(np.abs(weights) >= 10.0**-_DECIMALS)
            ]
            terms.append(" + ".join([*chosen, f"{float(model.intercept_):.{_DECIMALS}f}"]))
        if min(fits) > _FIT:
            rows.append({"kind": "formula", "network": name, "formula": "; ".join(terms), "score": min(fits)})
    return rows


def our_formulas(zoo: Zoo) -> list[Row]:
    """Formulas found by decompiling, each with a certificate."""
    rows: list[Row] = []
    for name in _formula_networks(zoo):
        found = decompile(zoo.network(name), time_limit=_SECONDS)
        if found.formula is not None:
            text = "; ".join(str(formula) for formula in found.formula)
            rows.append({"kind": "formula", "network": name, "formula": text, "score": 1.0})
    return rows


def our_circuits(zoo: Zoo) -> list[Row]:
    """Circuits recognised at the outputs of the networks that hold one, and of those that hold none."""
    rows: list[Row] = []
    for name in [*zoo.circuits["network"], *zoo.networks[zoo.networks["null"]]["network"]]:
        found = find_circuits(zoo.network(name))
        at_outputs = found[found["output"].str.startswith("y")]
        for circuit, on in dict.fromkeys(at_outputs[["circuit", "on"]].itertuples(index=False, name=None)):
            rows.append(
                {"kind": "circuit", "network": name, "feature": circuit, "on": ", ".join(on), "score": 1.0}
            )
    return rows


def _formula_networks(zoo: Zoo) -> list[str]:
    """Networks with a formula, and those with none to be found."""
    return list(zoo.networks[zoo.networks["formula"].notna() | zoo.networks["null"]]["network"])
