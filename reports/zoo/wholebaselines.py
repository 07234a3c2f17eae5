"""Baselines for whole networks: the formula, by regression or decompiled, and the circuit at the outputs."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from mathcircuits.detect import InputError, MathCircuitsError, Network, certify, decompile, find_circuits
from mathcircuits.detect.matching import probes_for

from .claimscores import agrees, allowed_errors
from .watching import watched
from .zoofiles import Zoo

Row = dict[str, object]
#: Features that a linear symbolic regression may add up.
_MOST_TERMS = 4
#: Decimals of a fitted coefficient.
_DECIMALS = 4
#: Seconds for each formula of ours. A gauge of a circuit takes less than a fifth of it on a busy machine; a network of
#: the null part takes all of it, and in five seconds none had a formula either.
_SECONDS = 2.0
#: Seconds for the certificate of a formula that was fitted.
_PROOF_SECONDS = 2.0
#: What Operon composes, of which the zoo's formulas are made, and the candidates of one search: half a second.
_SYMBOLS = "add,sub,mul,constant,variable,abs,fmin,fmax"
_EVALUATIONS = 50_000
#: Sums of features or expressions, one a network, with their R2.
Fits = tuple[tuple[str, str, float], ...]


def fitted_formulas(zoo: Zoo, fits: Callable[[Zoo], Fits]) -> list[Row]:
    """What a regression fitted to each network, scored by its R2 (of several outputs the smallest).

    Args:
        zoo: the zoo; fits: `linear_fits` or `operon_fits`.
    """
    return [_formula(name, text, max(r2, 0.0)) for name, text, r2 in fits(zoo)]


def certified_formulas(zoo: Zoo, fits: Callable[[Zoo], Fits]) -> list[Row]:
    """The fitted formulas whose error a certificate bounds by 0.005 of each output's range, on all of the box.

    Args:
        zoo: the zoo; fits: `linear_fits` or `operon_fits`.
    """
    return [_formula(name, text, 1.0) for name, text, _ in fits(zoo) if _proved(zoo.network(name), text)]


@lru_cache(maxsize=1)
def linear_fits(zoo: Zoo) -> Fits:
    """Linear symbolic regression: sums of at most four catalogue features, by orthogonal matching pursuit."""
    from sklearn.linear_model import OrthogonalMatchingPursuit

    found = []
    for name in watched(_formula_networks(zoo), "networks"):
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
        found.append((name, "; ".join(terms), min(fits)))
    return tuple(found)


@lru_cache(maxsize=1)
def operon_fits(zoo: Zoo) -> Fits:
    """Genetic programming by Operon (Burlacu, Kronberger and Kommenda, GECCO 2020), one search per output.

    Raises:
        InputError: where pyoperon is not installed.
    """
    try:
        from pyoperon.sklearn import SymbolicRegressor
    except ImportError:
        raise InputError(
            "this baseline needs pyoperon: pip install 'mathcircuits[symbolic]', or name other baselines"
        ) from None
    found = []
    for name in watched(_formula_networks(zoo), "networks"):
        network = zoo.network(name)
        X = probes_for(network.inputs).X
        terms, fits = [], []
        for wanted in network(X).T:
            model = SymbolicRegressor(
                allowed_symbols=_SYMBOLS, max_evaluations=_EVALUATIONS, objectives=["r2", "length"], n_threads=1,
                random_state=0,
            ).fit(X, wanted)  # fmt: skip
            text = model.get_model_string(model.model_, _DECIMALS + 1)
            terms.append(re.sub(r"\bX([0-9]+)\b", r"x\1", text).replace("^", "**"))
            fits.append(float(model.score(X, wanted)))
        found.append((name, "; ".join(terms), min(fits)))
    return tuple(found)


def our_formulas(zoo: Zoo) -> list[Row]:
    """Formulas found by decompiling, each with a certificate."""
    rows: list[Row] = []
    for name in watched(_formula_networks(zoo), "networks"):
        found = decompile(zoo.network(name), time_limit=_SECONDS)
        if found.formula is not None:
            rows.append(_formula(name, "; ".join(str(formula) for formula in found.formula), 1.0))
    return rows


def our_circuits(zoo: Zoo) -> list[Row]:
    """Circuits that are all outputs and read the inputs, in the networks that hold one and in the null part."""
    rows: list[Row] = []
    null = zoo.networks[zoo.networks["null"]]["network"]
    for name in watched([*zoo.circuits["network"], *null], "networks"):
        network = zoo.network(name)
        found = find_circuits(network)
        outputs = ", ".join(f"y{k + 1}" for k in range(network.outputs))
        inputs = {f"x{k + 1}" for k in range(network.inputs)}
        whole = found[found["output"] == outputs]
        for circuit, on in dict.fromkeys(whole[["circuit", "on"]].itertuples(index=False, name=None)):
            if inputs.issuperset(on):
                rows.append(
                    {
                        "kind": "circuit",
                        "network": name,
                        "feature": circuit,
                        "on": ", ".join(on),
                        "score": 1.0,
                    }
                )
    return rows


def _formula(name: str, text: str, score: float) -> Row:
    return {"kind": "formula", "network": name, "formula": text, "score": min(score, 1.0)}


def _proved(network: Network, text: str) -> bool:
    """Whether the formula is within the zoo's share of each output's range on all of the box."""
    if not agrees(text, network):
        return False
    try:
        proof = certify(network, text.split("; "), time_limit=_PROOF_SECONDS)
    except MathCircuitsError:
        return False
    return bool(proof.upper <= allowed_errors(network).min())


def _formula_networks(zoo: Zoo) -> list[str]:
    """Networks with a formula, and those with none to be found."""
    return list(zoo.networks[zoo.networks["formula"].notna() | zoo.networks["null"]]["network"])
