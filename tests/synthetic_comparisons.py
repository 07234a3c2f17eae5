"""Made-up tables that set conditions side by side: regimens, causes, ladders, pairs, transplants, emergence.

They follow from the made-up networks, so that numbers agree between tables. Nothing in them is a result.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from mathcircuits.detect import hand_derived, tasks
from mathcircuits.detect.statistics.verdicts import prevalence
from mathcircuits.reports.plots.palette import CAUSES

CELL = ["task", "hidden", "width", "regimen"]
RUNGS = ("function", "subspace", "units", "features", "circuit")
STEPS = (0, 10, 100, 500)


def diagnosed(networks: pd.DataFrame) -> pd.DataFrame:
    """The networks with sizes, cost, and why those failed that did."""
    failed = (networks["population"] == "trained") & ~networks["solved"]
    order = failed.cumsum()
    causes = list(CAUSES)
    return networks.assign(
        final=networks["hidden"],
        cost=np.where(networks["population"] == "trained", 500.0, np.nan),
        labelled=1.0,
        cause=[causes[k % 2] if f else None for k, f in zip(order, failed, strict=True)],
        diagnosis=[
            f"neuron {k % 2} does not help" if f else None for k, f in zip(order, failed, strict=True)
        ],
        lost=pd.array(
            [10 * (k % 2) if f else None for k, f in zip(order, failed, strict=True)], dtype="Int64"
        ),
    )


def comparisons(networks: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables that compare conditions, from the `diagnosed` networks."""
    trained = networks[networks["population"] == "trained"]
    conditions = [
        (dict(zip(CELL, key, strict=True)), part) for key, part in trained.groupby(CELL, sort=False)
    ]
    return {
        "regimens": pd.DataFrame([_regimen(about, part) for about, part in conditions]),
        "causes": pd.DataFrame([row for about, part in conditions for row in _causes(about, part)]),
        "ladder": pd.DataFrame(_ladders(conditions)),
        "pairs": pd.DataFrame(_pairs(trained)),
        "contrasts": pd.DataFrame(_contrasts()),
        "transplants": pd.DataFrame(_transplants(trained)),
        **_emergence(conditions),
    }


def _regimen(about: dict[str, str], part: pd.DataFrame) -> dict[str, Any]:
    solved = int(part["solved"].sum())
    least = solved if about["width"] == "1x" else 0
    success, minimal = prevalence(solved, len(part)), prevalence(least, len(part))
    return {
        **about, "n": len(part), "solved": solved, "value": success.value, "low": success.low, "high": success.high,
        "read": solved, "certified": solved, "at_minimum": least, "minimum_value": minimal.value,
        "minimum_low": minimal.low, "minimum_high": minimal.high, "final": about["hidden"],
        "cost": 500.0 if about["regimen"] == "osier" else 3000.0, "labelled": 1.0, "bits": 15.6,
        "gauge": "the usual way" if solved else None, "gauge_value": 1.0 if solved else np.nan,
    }  # fmt: skip


def _causes(about: dict[str, str], part: pd.DataFrame) -> list[dict[str, Any]]:
    failed = part[part["cause"].notna()]
    rows = []
    for cause, own in failed.groupby("cause", sort=True):
        share = prevalence(len(own), len(failed))
        rows.append(
            {
                **about, "cause": cause, "found": len(own), "n": len(failed), "value": share.value, "low": share.low,
                "high": share.high, "lost": int(own["lost"].min()),
            }
        )  # fmt: skip
    return rows


def _ladders(conditions: list[tuple[dict[str, str], pd.DataFrame]]) -> list[dict[str, Any]]:
    """Seeds of each condition stop at the circuit, tasks at the function, regimens and widths nowhere."""
    solved = [about for about, part in conditions if part["solved"].sum() >= 2]
    rows = []
    for a, b in [(about, about) for about in solved] + list(combinations(solved, 2)):
        kind = _kind(a, b)
        if not kind:
            continue
        last = {"seeds": "circuit", "tasks": "function"}.get(kind, "")
        for rung in RUNGS:
            stops = rung == last
            verdict = ("vacuous" if kind == "seeds" else "different") if stops else "same"
            # At the smallest width one network computes the function.
            implied = "function" if kind == "regimens" and a["width"] == "1x" and rung != "function" else ""
            sides = {
                f"{name}_{side}": cell[name]
                for side, cell in (("a", a), ("b", b))
                for name in CELL
                if name != "width"
            }
            rows.append(
                {
                    **sides, "kind": kind, "rung": rung, "verdict": verdict, "value": 0.0 if stops else 1.0, "low": 0.0,
                    "high": 1.0, "confidence": 0.96, "different": 0.0, "vacuous": 0.0, "median": 0.5, "null": 0.4,
                    "p": 0.01, "q": 0.02, "n": 6, "pairs": 15, "stops": stops, "follows": implied,
                    "reason": f"{verdict} in 15 of 15 pairs",
                }
            )  # fmt: skip
    return rows


def _kind(a: dict[str, str], b: dict[str, str]) -> str:
    if a == b:
        return "seeds"
    if a["task"] != b["task"]:
        alike = tasks[a["task"]].arity == tasks[b["task"]].arity
        return "tasks" if alike and a["width"] == b["width"] == "2x" else ""
    if a["hidden"] == b["hidden"]:
        return "regimens"
    return "widths" if a["regimen"] == b["regimen"] else ""


def _pairs(trained: pd.DataFrame) -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    rows = []
    for inputs in (1, 2):
        names = [name for name in dict.fromkeys(trained["task"]) if tasks[name].arity == inputs]
        # A task alone has nobody to be compared with.
        for population in ("trained", "untrained") if len(names) > 1 else ():
            members = [(name, f"{name}/x/{population}/{k}") for name in names for k in range(3)]
            for rung, measure in (
                ("subspace", "cka"),
                ("units", "correlation_matching"),
                ("circuit", "circuit_similarity"),
            ):
                for (a, first), (b, second) in combinations(members, 2):
                    own = population == "trained" and a == b
                    rows.append(
                        {
                            "rung": rung, "measure": measure, "inputs": inputs, "population": population, "task_a": a,
                            "network_a": first, "task_b": b, "network_b": second,
                            "value": 0.95 if own else rng.uniform(0.1, 0.6),
                        }
                    )  # fmt: skip
    return rows


def _contrasts() -> list[dict[str, Any]]:
    return [
        {
            "rung": "circuit", "measure": "circuit_similarity", "inputs": 1, "population": population, "within": within,
            "across": 0.3, "effect": within - 0.3, "low": within - 0.4, "high": within - 0.2, "p": p, "n": 6,
        }
        for population, within, p in (("trained", 0.95, 0.002), ("untrained", 0.31, 0.6))
    ]  # fmt: skip


def _transplants(trained: pd.DataFrame) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(trained["task"]))
    rows = []
    for a in names:
        for b in names:
            done = {a, b} <= {"absolute", "minimum"}
            rows.append(
                {
                    "kind": "seeds" if a == b else "tasks", "feature": "positiveness", "on": "x1" if done else "",
                    "task_a": a, "network_a": f"{a}/x/0", "task_b": b, "network_b": f"{b}/x/1",
                    "accuracy": 1.0 if done else np.nan, "decoy": -0.1 if done else np.nan,
                    "loss_before": 1e-9 if done else np.nan, "loss_after": 1e-9 if done else np.nan,
                    "loss_decoy": 0.2 if done else np.nan, "last": False,
                    "reason": "" if done else "no used neuron of the donor holds it",
                }
            )  # fmt: skip
    return rows


def _emergence(conditions: list[tuple[dict[str, str], pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """The first half of the solved seeds hold their features from step 100 on, the others from the end."""
    rows, curves = [], []
    for about, part in conditions:
        network = hand_derived(about["task"])
        features = ["positiveness"] if network.inputs == 1 else ["positiveness", "greaterness"]
        seeds = part[part["solved"]]["seed"].tolist()
        for feature in features:
            first = {
                seed: STEPS[2] if k < (len(seeds) + 1) // 2 else STEPS[3] for k, seed in enumerate(seeds)
            }
            rows += [
                {**about, "feature": feature, "on": "x1", "seed": seed, "step": step, "solved": True}
                for seed, step in first.items()
            ]
            for step in STEPS if seeds else ():
                held = sum(start <= step for start in first.values())
                share = prevalence(held, len(seeds), trained=len(part))
                curves.append(
                    {
                        **about, "feature": feature, "on": "x1", "step": step, "held": share.found, "n": share.n,
                        "value": share.value, "low": share.low, "high": share.high, "worst_low": share.worst[0],
                        "worst_high": share.worst[1],
                    }
                )  # fmt: skip
    return {"emergence": pd.DataFrame(rows), "emergence_curves": pd.DataFrame(curves)}
