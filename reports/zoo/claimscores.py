"""Scores of claims: precision, recall, false discoveries on the null part and calibration, by kind and split."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import MathCircuitsError, Network, circuits, prevalence
from mathcircuits.detect.features import as_task

from .claims import KINDS, SECONDS
from .parts import CONSTRUCTION, Array
from .trainedparts import SHARE
from .zoofiles import Zoo, check_points

if TYPE_CHECKING:
    import pandas as pd

Mask = npt.NDArray[np.bool_]
SCORE_COLUMNS = (
    "kind", "split", "claims", "right", "precision", "precision_low", "precision_high", "there", "found", "recall",
    "recall_low", "recall_high", "null", "null_claimed", "null_share", "null_low", "null_high", "calibration_error",
    "brier", "unscored", "seconds",
)  # fmt: skip
#: Bins of equal width of the scores, of the calibration error.
BINS = 10
#: Roles of units without effect on the output, and those of units with one.
_WITHOUT, _WITH = ("idle", "cancelling", "dead"), ("derived",)


def score_claims(claims: pd.DataFrame, zoo: Zoo, kinds: Collection[str] = ()) -> pd.DataFrame:
    """Score claims against what a zoo knows by construction or by certificate.

    Args:
        claims: of the schema; zoo: that they are about; kinds: those that are scored even where nothing is claimed.

    Returns:
        One row per kind that is claimed (or asked for) and split, columns `SCORE_COLUMNS`. `right` of `claims` is the
        precision, `found` of what is `there` the recall. `null` counts what holds nothing and `null_claimed` about how
        much of it something wrong is claimed; `null_share` is their ratio. The three have exact 95% intervals.
        `calibration_error` is the expected calibration error: the mean distance of score and share right over ten
        bins, weighted by the claims in them. `unscored` claims are about what nobody proved.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        own = claims[claims["kind"] == kind]
        if len(own) or kind in kinds:
            judged = own.assign(
                split=[zoo.places[name][0] for name in own["network"]], verdict=_JUDGES[kind](own, zoo)
            )
            rows.extend(
                {"kind": kind, "split": split, **_row(judged[judged["split"] == split], kind, split, zoo)}
                for split in dict.fromkeys(zoo.networks["split"])
            )
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))


def reliability(claims: pd.DataFrame, zoo: Zoo) -> pd.DataFrame:
    """The share of claims that are right by kind and bin of their score: kind, low, high, claims, score, right."""
    import pandas as pd

    rows = []
    for kind in KINDS:
        own = claims[claims["kind"] == kind]
        right = _JUDGES[kind](own, zoo) if len(own) else np.empty(0)
        scores = own["score"].to_numpy()
        for low, high, inside in _bins(scores, ~np.isnan(right)):
            rows.append(
                {
                    "kind": kind, "low": low, "high": high, "claims": int(inside.sum()),
                    "score": float(scores[inside].mean()), "right": float(right[inside].mean()),
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["kind", "low", "high", "claims", "score", "right"])


def _bins(scores: Array, among: Mask) -> list[tuple[float, float, Mask]]:
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    found = []
    for k in range(BINS):
        inside = among & (bins == k)
        if inside.any():
            found.append((k / BINS, (k + 1) / BINS, inside))
    return found


def _row(claims: pd.DataFrame, kind: str, split: str, zoo: Zoo) -> dict[str, Any]:
    verdict = claims["verdict"].to_numpy(dtype=float)
    scored = ~np.isnan(verdict)
    right, scores = verdict[scored], claims["score"].to_numpy()[scored]
    precision = prevalence(int(right.sum()), len(right)) if len(right) else None
    there, null = _TRUTHS[kind](zoo, split)
    keys = _keys(kind, claims)
    found = len({key for key, is_right in zip(keys, verdict, strict=True) if is_right == 1.0} & there)
    recall = prevalence(found, len(there)) if there else None
    # A formula may fit a network of the null part, and is checked: what is right there counts as right.
    wrong = {_places(kind, key) for key, is_right in zip(keys, verdict, strict=True) if is_right == 0.0}
    claimed = len(wrong & null)
    nothing = _interval("null", prevalence(claimed, len(null)) if null else None)
    error = math.nan
    if len(right):
        error = sum(
            inside.sum() * abs(float(scores[inside].mean()) - float(right[inside].mean()))
            for _, _, inside in _bins(scores, np.ones(len(right), dtype=bool))
        ) / len(right)
    return {
        "claims": len(right), "right": int(right.sum()),
        **_interval("precision", precision), "there": len(there), "found": found, **_interval("recall", recall),
        "null": len(null), "null_claimed": claimed, "null_share": nothing["null"], "null_low": nothing["null_low"],
        "null_high": nothing["null_high"],
        "calibration_error": error,
        "brier": float(((scores - right) ** 2).mean()) if len(right) else math.nan,
        "unscored": int((~scored).sum()),
        "seconds": float(claims[SECONDS].sum()) if SECONDS in claims else math.nan,
    }  # fmt: skip


def _interval(name: str, share: Any) -> dict[str, float]:
    if share is None:
        return {name: math.nan, f"{name}_low": math.nan, f"{name}_high": math.nan}
    return {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}


def judge(kind: str, claims: pd.DataFrame, zoo: Zoo) -> Array:
    """Of claims of one kind: 1 where one is right, 0 where it is wrong, NaN where nobody knows."""
    return _JUDGES[kind](claims, zoo)


def truth(kind: str, zoo: Zoo, split: str) -> tuple[set[Any], set[Any]]:
    """What a split holds of a kind, as the claims that are right, and the places that hold nothing."""
    return _TRUTHS[kind](zoo, split)


_KEYS = {
    "neuron": ["network", "layer", "neuron", "feature", "on"],
    "unit": ["network", "layer", "neuron"],
    "circuit": ["network", "feature", "on"],
    "formula": ["network"],
    "pair": ["network", "other"],
}
#: How many entries of a key name the thing that a claim is about.
_PLACE = {"neuron": 3, "unit": 3, "circuit": 1, "formula": 1, "pair": 2}


def _keys(kind: str, claims: pd.DataFrame) -> list[tuple[Any, ...]]:
    keys = list(claims[_KEYS[kind]].itertuples(index=False, name=None))
    if kind == "circuit":
        return [(network, first_of(circuit), on) for network, circuit, on in keys]
    return [tuple(sorted(key)) for key in keys] if kind == "pair" else keys


def first_of(circuit: str) -> str:
    """The first circuit of the catalogue with the same formula: either name says what a network computes.

    Examples:
        >>> first_of("minimum-older-form"), first_of("maximum"), first_of("of-my-own")
        ('minimum', 'maximum', 'of-my-own')
    """
    if circuit not in circuits:
        return circuit
    formula = circuits[circuit].formula
    return next(name for name in circuits if circuits[name].formula == formula)


def _places(kind: str, key: tuple[Any, ...]) -> tuple[Any, ...]:
    return key[: _PLACE[kind]]


def _of(frame: pd.DataFrame, split: str) -> pd.DataFrame:
    return frame[frame["split"] == split]


def _neuron_truth(zoo: Zoo, split: str) -> tuple[set[Any], set[Any]]:
    own = _of(zoo.neurons, split)
    own = own[own["evidence"] == CONSTRUCTION]
    held = own["feature"].notna()
    there = set(own[held][["network", "layer", "neuron", "feature", "on"]].itertuples(index=False, name=None))
    return there, set(own[~held][["network", "layer", "neuron"]].itertuples(index=False, name=None))


def _unit_truth(zoo: Zoo, split: str) -> tuple[set[Any], set[Any]]:
    """In hand-derived networks: units of the circuit, and those without effect."""
    own = _of(zoo.neurons, split)
    own = own[own["network"].isin(zoo.circuits["network"])]
    place = ["network", "layer", "neuron"]
    return (
        set(own[own["role"].isin(_WITH)][place].itertuples(index=False, name=None)),
        set(own[own["role"].isin(_WITHOUT)][place].itertuples(index=False, name=None)),
    )


def _circuit_truth(zoo: Zoo, split: str) -> tuple[set[Any], set[Any]]:
    networks = _of(zoo.networks, split)
    own = _of(zoo.circuits, split)
    there = set(_keys("circuit", own.rename(columns={"circuit": "feature"})))
    return there, {(name,) for name in networks[networks["null"]]["network"]}


def _formula_truth(zoo: Zoo, split: str) -> tuple[set[Any], set[Any]]:
    own = _of(zoo.networks, split)
    return (
        {(name,) for name in own[own["formula"].notna()]["network"]},
        {(name,) for name in own[own["null"]]["network"]},
    )


def _pair_truth(zoo: Zoo, split: str) -> tuple[set[Any], set[Any]]:
    own = _of(zoo.pairs, split)
    keys = [tuple(sorted(key)) for key in own[["network", "other"]].itertuples(index=False, name=None)]
    same = own["same"].to_numpy(dtype=bool)
    return (
        {key for key, is_same in zip(keys, same, strict=True) if is_same},
        {key for key, is_same in zip(keys, same, strict=True) if not is_same},
    )


def _judge_by_truth(kind: str, claims: pd.DataFrame, zoo: Zoo) -> Array:
    """1 where a claim is right, 0 where it is wrong, NaN where nobody knows."""
    there: set[Any] = set()
    places: set[Any] = set()
    for split in dict.fromkeys(zoo.networks["split"]):
        own, null = _TRUTHS[kind](zoo, split)
        there |= own
        places |= {_places(kind, key) for key in own} | null
    keys = _keys(kind, claims)
    return np.array(
        [float(key in there) if _places(kind, key) in places else math.nan for key in keys], dtype=float
    )


def _judge_formulas(claims: pd.DataFrame, zoo: Zoo) -> Array:
    """A formula is right where it is within the share of the network's range, output by output, at all points."""
    return np.array(
        [
            float(agrees(str(text), zoo.network(name)))
            for name, text in zip(claims["network"], claims["formula"], strict=True)
        ]
    )


def agrees(text: str, network: Network) -> bool:
    """Whether a formula is within 0.005 of each output's range of the network, at 2048 points of the box.

    Args:
        text: outputs separated by `;`; network: with the box (-1, 1).

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> [agrees(text, hand_derived("minimum")) for text in ("min(x1, x2)", "x1", "no formula")]
        [True, False, False]
    """
    X = check_points(network.inputs)
    try:
        task = as_task(text)
        if task.arity > network.inputs or task.outputs != network.outputs:
            return False
        claimed = np.asarray(task(X[:, : task.arity]), dtype=float).reshape(len(X), -1)
    except MathCircuitsError:
        return False
    return bool((np.abs(claimed - network(X)).max(axis=0) <= allowed_errors(network)).all())


def allowed_errors(network: Network) -> Array:
    """The error [out] up to which a formula counts as the network's: 0.005 of each output's range on the box."""
    values: Array = network(check_points(network.inputs))
    allowed: Array = SHARE * (values.max(axis=0) - values.min(axis=0))
    return allowed


_TRUTHS: dict[str, Callable[[Zoo, str], tuple[set[Any], set[Any]]]] = {
    "neuron": _neuron_truth, "unit": _unit_truth, "circuit": _circuit_truth, "formula": _formula_truth,
    "pair": _pair_truth,
}  # fmt: skip
_JUDGES: dict[str, Callable[[Any, Zoo], Array]] = {
    **{kind: partial(_judge_by_truth, kind) for kind in KINDS if kind != "formula"},
    "formula": _judge_formulas,
}
