"""A made-up study for the tests of the page: hand-derived networks rescaled at random, and broken copies.

Its tables have the columns of a real one. Nothing in it was trained, so nothing it shows is a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from synthetic_comparisons import comparisons, diagnosed

from mathcircuits.detect import Network, catalogue, tasks
from mathcircuits.detect.statistics.verdicts import prevalence, verdict
from mathcircuits.reports.studies.config import StudyConfig

SEED_TASKS = ("identity", "negation", "absolute", "addition", "subtraction", "minimum", "minimum-of-4")
CONDITIONS = (("1x", "osier"), ("1x", "adam"), ("2x", "adam"))
SECOND_LAYER = [("greaterness", "min(x1, x2), min(x3, x4)"), ("positiveness", "min(x1, x2)")]


@dataclass(frozen=True)
class FakeStudy:
    """What the page reads of a study."""

    tables: Mapping[str, pd.DataFrame]
    known: dict[str, Network]
    manifest: Mapping[str, Any] = field(default_factory=dict)
    config: StudyConfig = field(default_factory=StudyConfig)

    def networks(self, key: str) -> dict[str, Network]:
        """One network by its id, or those of a condition by what their ids have in common."""
        return {name: net for name, net in self.known.items() if name == key or name.startswith(f"{key}/")}

    def losses(self) -> pd.DataFrame:
        """Made-up losses of every trained condition, which fall from step to step."""
        cells = self.tables.get("success")
        if cells is None or cells.empty:
            return pd.DataFrame(
                columns=["task", "hidden", "width", "regimen", "step", "low", "value", "high"]
            )
        places = cells[["task", "hidden", "width", "regimen"]].drop_duplicates()
        steps = pd.DataFrame({"step": [0, 10, 100], "low": [0.5, 1e-3, 1e-9], "value": [0.6, 1e-2, 1e-8]})
        return places.merge(steps.assign(high=2 * steps["value"]), how="cross")

    def without(self, *names: str) -> FakeStudy:
        """The study without some tables."""
        return FakeStudy({k: v for k, v in self.tables.items() if k not in names}, self.known, self.manifest)


def made_up(
    names: tuple[str, ...] = SEED_TASKS, seeds: int = 12, unsolved: tuple[str, ...] = ("minimum-of-4",)
) -> FakeStudy:
    """A study of those tasks; no network solves an unsolved one."""
    rng = np.random.default_rng(0)
    known: dict[str, Network] = {}
    rows: dict[str, list[dict[str, Any]]] = {
        name: []
        for name in (
            "networks",
            "neurons",
            "directions",
            "prevalence",
            "success",
            "similarity",
            "ensembles",
            "programs",
            "circuits",
            "superposition",
            "census",
            "candidates",
        )
    }
    for name in names:
        derived = tasks[name].hand_derived
        assert derived is not None
        hidden = "-".join(map(str, derived.sizes[1:-1]))
        about = {"task": name, "hidden": hidden, "width": "1x", "regimen": "derived"}
        _one(rows, known, derived, {**about, "seed": -1, "population": "derived"}, solved=True, rng=rng)
        for width, regimen in CONDITIONS:
            factor = int(width[0])
            sizes = "-".join(str(factor * h) for h in derived.sizes[1:-1])
            about = {"task": name, "hidden": sizes, "width": width, "regimen": regimen}
            solved = [name not in unsolved and bool(rng.random() < 0.35 + 0.3 * factor) for _ in range(seeds)]
            for seed in range(seeds):
                network = _widened(derived, factor, rng)
                if not solved[seed]:
                    network = _broken(network)
                place = {**about, "seed": seed, "population": "trained"}
                _one(rows, known, network, place, solved=solved[seed], rng=rng)
            _condition(rows, about, name, solved, rng)
    if "minimum" in names:
        rows["candidates"].append(_CANDIDATE)
    tables = {name: pd.DataFrame(entries) for name, entries in rows.items()}
    for name, column in (
        ("neurons", "expected"), ("neurons", "used"), ("directions", "readable"), ("networks", "kinks_passed"),
        ("programs", "equals_task"), ("programs", "named"),
    ):  # fmt: skip
        tables[name][column] = tables[name][column].astype("boolean")
    tables["networks"] = diagnosed(tables["networks"])
    tables |= comparisons(tables["networks"])
    return FakeStudy(tables, known, _MANIFEST)


#: The tasks of the study that several test files share.
WHOLE = ("absolute", "minimum", "minimum-of-4")


@cache
def whole_study() -> FakeStudy:
    """The study that several test files share; they leave its tables as they are."""
    return made_up(WHOLE, seeds=6)


@cache
def whole_page() -> str:
    """Its page."""
    from mathcircuits.reports.pages.page import page

    return page(whole_study())


_MANIFEST = {
    "config": {"tasks": list(SEED_TASKS), "widths": ["1x", "2x"], "seeds": 12},
    "versions": {"mathcircuits": "0", "numpy": np.__version__},
    "git": {"commit": "0000000", "dirty": False},
    "command": ["mathcircuits", "study", "--out", "runs/made-up"],
}


def _widened(network: Network, factor: int, rng: np.random.Generator) -> Network:
    """The same function with every hidden neuron split `factor` times and rescaled at random."""
    weights = [np.array(w) for w in network.weights]
    for k in range(len(weights) - 1):
        copies = np.tile(weights[k], (factor, 1))
        scale = rng.uniform(0.5, 1.8, len(copies))
        weights[k] = copies * scale[:, None]
        weights[k + 1] = np.tile(weights[k + 1], (1, factor)) / factor / scale
    return Network([w + rng.normal(0, 1e-5, w.shape) for w in weights])


def _broken(network: Network) -> Network:
    """The network with its first neuron pushed where it is of no use."""
    weights = [np.array(w) for w in network.weights]
    weights[0][0] = np.abs(weights[0][0]) * np.linspace(0.4, 1.0, len(weights[0][0]))
    return Network(weights)


def _one(
    rows: dict[str, list[dict[str, Any]]],
    known: dict[str, Network],
    network: Network,
    about: dict[str, Any],
    solved: bool,
    rng: np.random.Generator,
) -> None:
    """A network's rows in the tables networks, neurons and directions."""
    identity = f"{about['task']}/{about['hidden']}/{about['regimen']}/{about['seed']}"
    known[identity] = network
    place = {"network": identity, **about}
    rows["networks"].append(
        {
            **place,
            "loss": 10 ** rng.uniform(-14, -9) if solved else 10 ** rng.uniform(-3, -1),
            "solved": solved,
            "threshold": 1e-4 if about["regimen"] == "osier" else 1e-8,
            "steps": 500,
            "parameters": sum(w.size for w in network.weights),
            "missing": "" if solved else "; ".join(_labels(tasks[about["task"]].hand_derived)[:1]),
            "kinks": (1.0 if solved else 0.2) if network.inputs > 1 else np.nan,
            "kinks_lazy": 0.48 if network.inputs > 1 else np.nan,
            "kinks_passed": solved if network.inputs > 1 else pd.NA,
            "cell": "0123456789ab",
        }
    )
    _in_words(rows, place, solved)
    for layer, matrix in enumerate(network.weights[:-1]):
        for neuron, row in enumerate(matrix):
            feature, on, unexplained = _label(row, layer, neuron)
            right = unexplained < 1e-3
            rows["neurons"].append(
                {
                    **place,
                    "layer": layer,
                    "neuron": neuron,
                    "status": "vacuous" if network.inputs == 1 else "matched" if right else "unmatched",
                    "feature": feature,
                    "on": on,
                    "scope": "input",
                    "r": (1 - unexplained) ** 0.5,
                    "unexplained": unexplained,
                    "scale": 1.0,
                    "offset": 0.0,
                    "p": 0.9 if network.inputs == 1 else 1e-5,
                    "q": 0.9 if network.inputs == 1 else 1e-4,
                    "causal": np.nan,
                    "contribution": 0.4 if right else 0.002,
                    "duplicate_of": pd.NA,
                    "needed": np.nan if network.inputs == 1 else 4e-4,
                    "null": "z" + 26 * "0" if network.inputs == 1 else "000000000000001112369cjpwz0",
                    "used": right,
                    "expected": right,
                }
            )
    for feature, on, readable in (
        ("positiveness", "x1", network.inputs == 1), ("greaterness", "x1, x2", solved), ("square", "x1", False)
    ):  # fmt: skip
        rows["directions"].append(
            {
                **place,
                "layer": 0,
                "feature": feature,
                "on": on,
                "scope": "input",
                "unexplained": 1e-6 if readable else 0.3,
                "untrained": 0.1,
                "gap": 5.0,
                "p": 1e-4,
                "q": 1e-3,
                "tautology": False,
                "readable": readable,
                "by_construction": False,
                "neuron": 0,
                "cosine": 1.0,
            }
        )


_CANDIDATE = {
    "task": "minimum",
    "formula": "0.75 * x1 + 0.25 * x2 - 0.75 * relu(x1 - x2) - 0.25 * relu(x2 - x1)",
    "circuit": "minimum",
    "found": 4,
    "n": 20,
    "error": 0.0018,
    "networks": "minimum/6/adam/1; minimum/6/adam/2",
    "entry": '[[gauge]]\ncircuit = "minimum"\nname = "three to one"\n',
}


def _in_words(rows: dict[str, list[dict[str, Any]]], place: dict[str, Any], solved: bool) -> None:
    """A network's rows in the tables programs, circuits and superposition: every third wide one has no name."""
    formula = tasks[place["task"]].formula[0].text
    unnamed = place["width"] == "2x" and place["seed"] % 3 == 0
    rows["programs"].append(
        {
            **place,
            "formula": formula if solved else None,
            "best": formula,
            "error": 5.01e-5 if solved else 0.3,
            "spec_lower": 5e-5 if solved else 0.29,
            "spec_upper": 5.01e-5 if solved else 0.3,
            "equals_task": solved,
            "complexity": 3,
            "bits": 15.6,
            "raw_bits": 288,
            "reason": "" if solved else "the best candidate is off by 0.3, the tolerance is 0.005",
            "class": formula if solved else "no formula, 2 kinks",
            "gauge": "the kink from both sides, 41% where x1 > x2" if unnamed else "the usual way",
            "named": not unnamed,
            "share": (0.41 if unnamed else 1.0) if "min" in place["task"] else np.nan,
        }
    )
    if solved:
        rows["circuits"].append(
            {
                **place, "circuit": place["task"], "on": "x1, x2", "output": "y1", "form": formula,
                "gauge": None if unnamed else "the usual way", "distance": 0.3 if unnamed else 0.001,
                "certified": 5e-5,
            }
        )  # fmt: skip
    rows["superposition"].append(
        {
            **place, "layer": 0, "live": 3, "number": 6, "rank": 3, "independent": 3, "interference": 0.35,
        }
    )  # fmt: skip


def _label(row: np.ndarray[Any, Any], layer: int, neuron: int) -> tuple[str, str, float]:
    if layer:
        feature, on = SECOND_LAYER[neuron % 2]
        return feature, on, 1e-7
    return _nearest(tuple(np.round(row / np.linalg.norm(row), 3).tolist()))


@cache
def _nearest(direction: tuple[float, ...]) -> tuple[str, str, float]:
    """Rescaled copies share a direction, and a look-up among four inputs takes a while."""
    best = catalogue.nearest(np.array(direction))[0]
    return best.feature.name, ", ".join(best.on), max(float(best.unexplained), 1e-9)


def _labels(network: Network | None) -> list[str]:
    assert network is not None
    return [f"{feature}({on})" for feature, on, _ in (_label(row, 0, 0) for row in network.weights[0])]


def _condition(
    rows: dict[str, list[dict[str, Any]]],
    about: dict[str, Any],
    name: str,
    solved: list[bool],
    rng: np.random.Generator,
) -> None:
    """A condition's rows in the tables that count over its networks."""
    n = sum(solved)
    share = prevalence(n, len(solved))
    rows["success"].append(
        {
            **about,
            "n": len(solved),
            "solved": n,
            "value": share.value,
            "low": share.low,
            "high": share.high,
        }
    )
    usual = sum(ok and not (about["width"] == "2x" and seed % 3 == 0) for seed, ok in enumerate(solved))
    ways = {"the usual way": usual, "unnamed: the kink from both sides": n - usual}
    for level, names in (("class", {tasks[name].formula[0].text: n}), ("gauge", ways)):
        for way, count in names.items():
            if count:
                part = prevalence(count, n)
                rows["census"].append(
                    {
                        **about, "level": level, "name": way, "found": count, "n": n, "value": part.value,
                        "low": part.low, "high": part.high, "trained": len(solved),
                        "worst_low": count / len(solved), "worst_high": (count + len(solved) - n) / len(solved),
                        "evidence_found": count, "evidence_n": n,
                        "forced": False, "forced_below": float("nan"), "apart": 0, "uncertified": 0,
                    }
                )  # fmt: skip
    derived = tasks[name].hand_derived
    assert derived is not None
    listed = dict.fromkeys(_label(row, 0, 0)[:2] for row in derived.weights[0])
    for feature, on in {**listed, ("square", "x1"): None, ("positive-sum", "x1, x2"): None}:
        controls = {"square": 0, "positive-sum": 1 if n > 3 else 0}
        # Ten times the networks, so that every kind of verdict occurs.
        found, of = (10 * controls.get(feature, n), 10 * n) if about["width"] == "2x" else (n, n)
        beside = (len(solved) // 2, len(solved)) if derived.inputs > 1 else (len(solved), len(solved))
        forced = feature == "greaterness"
        said = verdict(found, of, untrained=beside, forced=forced)
        worst = prevalence(found, of, trained=of + len(solved) - n).worst
        anytime = prevalence(found, of, sequential=True)
        for oriented in (False, True):
            rows["prevalence"].append(
                {
                    **about,
                    "feature": feature,
                    "on": on,
                    "oriented": oriented,
                    "found": found,
                    "n": of,
                    "value": said.value,
                    "low": said.low,
                    "high": said.high,
                    "untrained_found": beside[0],
                    "untrained_n": beside[1],
                    "untrained_value": beside[0] / beside[1],
                    "verdict": said.name,
                    "reason": said.reason,
                    "q": 0.01,
                    "q_yekutieli": 0.04,
                    "forced": forced,
                    "forced_below": 0.009 if forced else float("nan"),
                    "apart": 0,
                    "uncertified": 0,
                    "trained": of + len(solved) - n,
                    "worst_low": worst[0],
                    "worst_high": worst[1],
                    "anytime_low": anytime.low,
                    "anytime_high": anytime.high,
                    "finding": None,
                }
            )
        rows["ensembles"].append(
            {
                **about,
                "feature": feature,
                "on": on,
                "found": found,
                "n": of,
                "prevalence": said.value,
                "worst_low": worst[0],
                "worst_high": worst[1],
                "null_prevalence": 0.02,
                "p": 1e-9,
                "q": 1e-8 if found else 0.8,
                "by_construction": False,
            }
        )
    for population in ("trained", "untrained"):
        members = [k for k, s in enumerate(solved) if s or population == "untrained"]
        for measure in ("correlation_matching", "cka"):
            for i, a in enumerate(members):
                for b in members[i + 1 :]:
                    alike = 0.98 if (a + b) % 2 == 0 else 0.8
                    value = alike if population == "trained" else rng.uniform(0.2, 0.7)
                    null = population == "trained"
                    rows["similarity"].append(
                        {
                            **about,
                            "population": population,
                            "measure": measure,
                            "network_a": f"{name}/{about['hidden']}/{about['regimen']}/{a}",
                            "network_b": f"{name}/{about['hidden']}/{about['regimen']}/{b}",
                            "value": value,
                            "null_mean": 0.45 if null else np.nan,
                            "null_q95": 0.67 if null else np.nan,
                            "p": 0.01 if null else np.nan,
                        }
                    )
