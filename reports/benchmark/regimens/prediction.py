"""The benchmark of prediction: do initial weights tell which seeds learn their task?

Networks of the smallest width train by plain descent (learning rate 0.1, batches of 1000 fresh inputs, no biases) and
count as successful at a mean squared error below 1e-4, as in Osier's notebook. Boosted trees learn from some seeds;
they and the closed rules are asked about others, beside the baseline that always says what is more frequent among
these. The networks of a cell share their batches; so a part of the held-out seeds trains once more, each on batches of
its own, and how many of them end otherwise is part of the result. Wider networks follow: predicted against observed
success, with trees of their own for each width, the rules as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import SuccessModel, closed_rule, tasks
from mathcircuits.detect.networks import Stack

from ...studies.cell import SOLVED_OSIER
from ..scores import Bound, Score, Setting, mean_share, share

if TYPE_CHECKING:
    from mathcircuits.models import Ensemble

MINIMAL, WIDTHS, BATCHES = "at minimal width", "over widths", "batches of its own"
RULE, REFINED, TREES, MAJORITY = "closed rule", "refined rule", "boosted trees", "majority"
#: Osier's notebook.
RATE, BATCH = 0.1, 1000
#: Seeds from here on are learned from, and are asked about. Neither those that the rules' constant was fitted to
#: (10000 to 15499) nor those that the features were tried on (up to 17499) are among them.
FITTED, HELD_OUT = 20_000, 40_000
#: The accuracy that is required, by task.
LIMITS = {
    "absolute": 0.99,
    "identity": 0.95,
    "negation": 0.95,
    "addition": 0.90,
    "subtraction": 0.90,
    "absolute-difference": 0.90,
    "minimum": 0.85,
}

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TaskAtWidth:
    """Networks of one task and width.

    Attributes:
        task, width, steps: what trains, and for how long.
        asked: whether the stated accuracy is asked of it.
    """

    task: str
    width: int
    steps: int
    asked: bool = False


@dataclass(frozen=True)
class PredictionEffort:
    """How much is run.

    Attributes:
        minimal: cells of the smallest width; fitted, held_out: seeds that trees learn from, and others.
        own_batches: held-out seeds of each of these that train once more on batches of their own.
        wide: cells of other widths, in the order in which they are shown; fitted_wide, held_out_wide: their seeds.
    """

    minimal: tuple[TaskAtWidth, ...]
    fitted: int
    held_out: int
    own_batches: int
    wide: tuple[TaskAtWidth, ...]
    fitted_wide: int
    held_out_wide: int


#: Osier's steps. |x1 - x2| is asked for at 5000, and shown at 500 too, where many are still on their way.
ASKED = (
    *(
        TaskAtWidth(name, 2, 500, True)
        for name in ("absolute", "identity", "negation", "addition", "subtraction")
    ),
    TaskAtWidth("absolute-difference", 2, 500),
    TaskAtWidth("absolute-difference", 2, 5000, True),
    TaskAtWidth("minimum", 3, 10_000, True),
)
#: One, two and four times the smallest width. Wide networks fit the sums slowly, so that 500 steps measure speed.
OVER_WIDTHS = (
    *(TaskAtWidth(name, width, 500) for name in ("absolute", "identity", "negation") for width in (2, 4, 8)),
    *(
        TaskAtWidth(name, width, 5000)
        for name in ("addition", "subtraction", "absolute-difference")
        for width in (2, 4, 8)
    ),
    *(TaskAtWidth("addition", width, 500) for width in (4, 8)),
    *(TaskAtWidth("minimum", width, 10_000) for width in (3, 6, 12)),
)
FULL = PredictionEffort(ASKED, 5500, 2000, 500, OVER_WIDTHS, 1500, 1000)
QUICK = PredictionEffort(
    tuple(cell for cell in ASKED if cell.steps == 500),
    1500,
    500,
    50,
    tuple(TaskAtWidth(name, width, 500) for name in ("absolute", "addition") for width in (2, 4)),
    500,
    300,
)


def cell_scores(part: str, cell: TaskAtWidth, size: PredictionEffort, seed: int) -> Iterator[Score]:
    """One cell: train, fit, ask.

    Args:
        part: `MINIMAL` (accuracies, and a part again on batches of its own) or `WIDTHS` (predicted and observed).
        cell: the networks; size: how many; seed: of the trees, added to the networks' seeds.
    """
    minimal = part == MINIMAL
    fitted, held_out = (size.fitted, size.held_out) if minimal else (size.fitted_wide, size.held_out_wide)
    before, solved = outcomes(cell, range(seed + FITTED, seed + FITTED + fitted))
    model = SuccessModel.fit(before, solved, cell.task, seed=seed)
    asked = range(seed + HELD_OUT, seed + HELD_OUT + held_out)
    networks, solved = outcomes(cell, asked)
    guesses = predictions(cell, model, networks)
    note = f"{cell.steps} steps; {fitted} seeds to learn from, {held_out} others"
    if not minimal:
        yield share(part, _at(cell, "observed"), "success", int(solved.sum()), held_out, note=note)
    for name, probability in guesses.items():
        if minimal:
            bound = _bound(cell, name)
            yield _accuracy(part, cell, name, probability, solved, bound, note)
        elif name == TREES:
            yield mean_share(part, _at(cell, name), "predicted success", probability, note=note)
            yield _accuracy(part, cell, name, probability, solved, None, note)
        else:
            yes = int(probability.sum())
            yield share(part, _at(cell, name), "predicted success", yes, held_out, note=note)
            yield _accuracy(part, cell, name, probability, solved, None, note)
    often = int(max(solved.sum(), (~solved).sum()))
    yield share(part, _at(cell, MAJORITY), "accuracy", often, held_out, note=note)
    if minimal and size.own_batches:
        few = asked[: size.own_batches]
        _, again = outcomes(cell, few, stream="per-seed")
        note = f"{cell.steps} steps; each of {len(few)} seeds with batches of its own"
        same = int((again == solved[: len(few)]).sum())
        yield share(BATCHES, _at(cell, "outcome"), "as with shared batches", same, len(few), note=note)
        for name, probability in guesses.items():
            yield _accuracy(BATCHES, cell, name, probability[: len(few)], again, None, note)


def outcomes(
    cell: TaskAtWidth, seeds: range, *, stream: Literal["shared", "per-seed"] = "shared"
) -> tuple[Stack, Bools]:
    """Networks as they start, and whether each of them succeeds."""
    from mathcircuits.models import Regimen, train

    regimen = Regimen(
        name="minibatch SGD", optimiser="sgd", lr=RATE, batch=BATCH, steps=cell.steps, stream=stream
    )

    def trained(steps: int) -> Ensemble:
        return train(
            cell.task,
            hidden=(cell.width,),
            seeds=seeds,
            regimen=regimen,
            steps=steps,
            bias=False,
            progress=False,
        )

    start = trained(0)
    weights = tuple(weight.astype(np.float64) for weight in start.weights)
    zeros = tuple(np.zeros(weight.shape[:2]) for weight in weights)
    # a loss that is not a number is no success
    return Stack(start.config.architecture, weights, zeros), np.asarray(
        trained(cell.steps).losses < SOLVED_OSIER
    )


def predictions(
    cell: TaskAtWidth, model: SuccessModel, networks: Stack
) -> dict[str, npt.NDArray[np.float64]]:
    """The chance of success that each predictor gives, [net]; a rule says 0 or 1."""
    found = {}
    rule, refined = closed_rule(cell.task), closed_rule(cell.task, refined=True)
    if rule is not None:
        found[RULE] = rule.predict(networks).astype(np.float64)
    if refined is not None and refined.refined:
        found[REFINED] = refined.predict(networks).astype(np.float64)
    return {**found, TREES: model.predict_proba(networks)}


def _bound(cell: TaskAtWidth, name: str) -> Bound | None:
    """The stated accuracy; the plain rule of the sums, which reached 0.86 to 0.89 before, is shown without."""
    if not cell.asked or (name == RULE and cell.task in ("addition", "subtraction")):
        return None
    limit = LIMITS[cell.task]
    at = f" at {cell.steps} steps" if cell.task == "absolute-difference" else ""
    least = "above" if cell.task == "minimum" else "at least"
    return Bound(f"prediction: accuracy {least} {limit:g} on {cell.task}{at}", limit, most=False)


def _accuracy(
    part: str,
    cell: TaskAtWidth,
    name: str,
    probability: npt.NDArray[np.float64],
    solved: Bools,
    bound: Bound | None,
    note: str,
) -> Score:
    right = int(((probability > 0.5) == solved).sum())
    return share(part, _at(cell, name), "accuracy", right, len(solved), bound, note)


def _at(cell: TaskAtWidth, population: str) -> Setting:
    return Setting(
        population,
        inputs=tasks[cell.task].arity,
        bias=False,
        layers=1,
        width=cell.width,
        task=cell.task,
    )
