"""Training many networks of one shape as one tensor.

Parameters are [net, out, in], activations [net, unit, sample] with the sample axis last, and the gradient is
written out. On a CPU with a C++ compiler a step is the compiled pass of
`mathcircuits.models.fitting.compiled_step`; for a training too short to be worth compiling, without a compiler, and
on a GPU it is `gradients.step`, a few batched products whatever the number of networks (on a GPU no test of ours
has run it). Every network has its own loss, gradient and optimiser state: none of them sees the others.

The preset `osier` repeats Osier's notebook (docs/results/osier.md) draw for draw: `torch.manual_seed(seed)`; the
`nn.Linear` layers in order; 1000 test inputs; then a fresh batch of 1000 inputs a step. All inputs are `torch.rand((n,
d)) * 2 - 1`, row by row. What the notebook prints comes out: the starting loss on the test inputs to the last digit,
the weights to their four decimals. The slides print an earlier run of other batches; the weights here differ from
theirs by at most 0.0020 (identity), 0.0014 (negation), 0.0024 (absolute), 0.0047 (addition) and 0.0024 (subtraction).
"""

from __future__ import annotations

import numbers
import operator
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from mathcircuits.detect import About, InputError
from mathcircuits.detect.exact import classes_of
from mathcircuits.detect.features import as_task
from mathcircuits.detect.learning import lacks_biases

from ..fitting.ensemble import Ensemble
from ..fitting.evaluation import measured
from ..fitting.regimens import Regimen, as_regimen
from ..fitting.steps import fused_pass, log_steps
from ..fitting.vectors import Layout
from ..networks.config import MLPConfig, check_seed
from .attempts import TrainingPlan, all_attempts

#: Inputs at which a task on a box is asked for its classes.
_CLASSED = 64


def train(
    task: Any,
    *,
    hidden: int | Sequence[int],
    seeds: Iterable[int],
    regimen: Regimen | str | Mapping[str, Any] = "adam",
    bias: bool | None = None,
    steps: int | None = None,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    activation: str | Sequence[str] = "relu",
    checkpoints: Literal["log"] | Sequence[int] | None = None,
    target: str | list[str] | None = None,
) -> Ensemble:
    """Train one network per seed on a task.

    Network k starts as `MLP(config, seed=k)` does, and depends on its seed, the task, the shape and the
    regimen alone: not on which others train beside it (up to rounding).

    Args:
        task: a Task, the name of a registered one, a formula such as `"relu(x1 - 0.3) + x2"` (several outputs are
            separated by `;`), or data: (X, y), a DataFrame or the path of a table (`Task.of_data`). Inputs are uniform
            on its box, or its rows.
        hidden: the hidden widths; a number is one hidden layer, `()` none. A regimen that compresses starts with
            them, one that grows ends with them at the latest.
        seeds: different integers from 0 to 2**32 - 1, such as `range(100)`.
        regimen: a Regimen, the name of a preset, or a mapping (see `as_regimen`).
        bias: whether the layers have biases; None: whether the task needs them, or is data.
        steps: updates of the first training; None: the task's own for this preset, else the regimen's. With 0
            the networks stay untrained: nothing else is done to them either.
        device: where to compute; None is the CPU. Random numbers are the CPU's everywhere, and Levenberg-Marquardt
            runs there.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.
        activation: one name for all hidden layers or one each.
        checkpoints: the steps at which the weights are kept (`Ensemble.at_step`), or `"log"` for those at which
            losses are logged, about ten a decade; step 0 and the end are always among them. Each takes 4 bytes a
            parameter and network: 1000 networks of 2-3-1 over 3000 steps 1.3 MB.
        target: of a DataFrame or a file, the column or columns to learn.

    Returns:
        An Ensemble: parameters, losses on fresh points, history, cost. A network that diverges ends with weights
        that are not finite and a loss of NaN (`Ensemble.diverged`), and leaves the others as they are.

    Warns:
        UserWarning: where the task needs biases and the networks are to have none.

    Raises:
        UnknownTask: for a text that is neither a registered task nor a formula.
        UnknownNameError: for a preset that there is not.
        InputError: for a width below 1, no seeds, seeds that are repeated or out of range, a negative number
            of steps, checkpoints that the training does not come by, or a task whose values are not finite on its
            box.

    Examples:
        >>> runs = train("absolute", hidden=(2,), seeds=range(4), regimen="osier", steps=300)
        >>> (runs.losses < 1e-4).tolist()
        [False, True, True, False]
        >>> train("relu(x1 - 0.3) + x2", hidden=3, seeds=range(2), steps=20)
        Ensemble(relu(x1 - 0.3) + x2, 2-3-1, relu, bias, adam, 2 seeds)
        >>> train("absolute", hidden=(0,), seeds=range(4))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: width 0 in hidden layer 0 of sizes (1, 0, 1): every layer needs
        at least one unit; leave the layer out or widen it
    """
    task, given = as_task(task, target=target), as_regimen(regimen)
    widths = tuple(hidden) if isinstance(hidden, Iterable) else (hidden,)
    regimen = given.for_depth(len(widths))
    names = activation if isinstance(activation, str) else tuple(activation)
    # a width that is no number is left to MLPConfig's message
    widths = tuple(w * regimen.width_factor if isinstance(w, numbers.Integral) else w for w in widths)
    config = MLPConfig(
        (task.arity, *widths, task.outputs), task.default_bias if bias is None else bias, names
    )
    if config.hidden and lacks_biases(task, config.architecture):
        warnings.warn(
            f"task {task.name!r} needs biases, since it does not grow in proportion to its inputs, and these "
            "networks have none: none of them can solve it; leave out bias=, or pass bias=True",
            stacklevel=2,
        )
    if regimen.loss == "cross-entropy":
        classes_of(task, task.sample(_CLASSED))
    chosen = _check_seeds(seeds)
    if steps is not None and _check_steps(steps) == 0:
        regimen = untrained(regimen)
    steps = regimen.steps_for(task) if steps is None else _check_steps(steps)
    place = torch.device("cpu" if device is None else device)

    phases = regimen.rescue.phases * regimen.rescue.steps if regimen.rescue else 0
    plan = TrainingPlan(
        task=task,
        config=config,
        regimen=regimen,
        steps=steps,
        device=place,
        # a rescue goes on with few networks, whose numbers must not depend on how many there were
        fused=fused_pass(config, regimen, 1 if phases else len(chosen) * regimen.pool, steps + phases, place),
        base=np.unique([0, steps]) if regimen.optimiser == "levenberg" else log_steps(steps),
        moments=None,
    )
    plan = _with_checkpoints(plan, checkpoints)
    # tqdm's disable=None means: no bar where the output is no terminal
    bar = tqdm(
        total=(steps * regimen.pool + phases) * len(chosen),
        desc=f"{task.name} {'-'.join(map(str, config.sizes))} {regimen.name}",
        unit="step",
        unit_scale=True,
        disable=None if progress is None else not progress,
        leave=False,
    )
    with bar, torch.no_grad():
        found = all_attempts(replace(plan, bar=bar), chosen)

    config = replace(config, dtype="float64" if plan.double else "float32")
    weights, biases = Layout(config).split(found.parameters)
    kept, kept_biases = _checkpoint_arrays(config, found.snapshots)
    return measured(
        Ensemble(
            task=task.name,
            config=config,
            regimen=given,
            steps=int(steps + phases),
            seeds=chosen,
            weights=tuple(weight.numpy().copy() for weight in weights),
            biases=tuple(None if vector is None else vector.numpy().copy() for vector in biases),
            losses=np.full(len(chosen), np.nan),
            logged_steps=plan.logged,
            logged_losses=found.logged,
            widths=found.widths if regimen.compression or regimen.growth else None,
            cost=found.cost,
            checkpoint_steps=plan.moments,
            checkpoints=kept,
            checkpoint_biases=kept_biases,
            about=About(input_names=task.names or None, output_names=task.output_names or None),
            threshold=task.threshold,
        ),
        task,
    )


def untrained(regimen: Regimen) -> Regimen:
    """The regimen less all that follows the initial weights."""
    return regimen.model_copy(
        update={
            "steps": 0,
            "pool": 1,
            "rescue": None,
            "compression": None,
            "polish": 0,
            "restarts": 0,
            "growth": False,
        }
    )


def _with_checkpoints(plan: TrainingPlan, wanted: str | Sequence[int] | None) -> TrainingPlan:
    """The plan with the steps of its checkpoints, which are then logged too."""
    if wanted is None:
        return plan
    end = int(plan.logged[-1])
    if isinstance(wanted, str):
        if wanted != "log":
            raise InputError(f"checkpoints={wanted!r}: give 'log', a list of steps, or None")
        return replace(plan, moments=plan.logged)
    levenberg = plan.regimen.optimiser == "levenberg"
    between = set(plan.phase_ends.tolist()) | ({end} if plan.finishes else set())
    chosen = {0, end}
    for step in wanted:
        number = operator.index(step)
        # a network of Levenberg-Marquardt has no step in common with the others
        if number not in between and not (
            number in (0, plan.steps) if levenberg else 0 <= number <= plan.steps
        ):
            where = (
                f"0 or {plan.steps}"
                if levenberg
                else f"steps from 0 to {plan.steps}" + " or a phase's end" * bool(between)
            )
            raise InputError(f"checkpoints: step {step}: this training comes by no such step; give {where}")
        chosen.add(number)
    moments = np.array(sorted(chosen), np.int64)
    return replace(plan, moments=moments, base=np.union1d(plan.base, moments[moments <= plan.steps]))


def _checkpoint_arrays(
    config: MLPConfig, snapshots: Tensor | None
) -> tuple[tuple[npt.NDArray[Any], ...] | None, tuple[npt.NDArray[Any] | None, ...] | None]:
    """Snapshots [moment, net, size] layer by layer: weights [moment, net, out, in], biases [moment, net, out]."""
    if snapshots is None:
        return None, None
    weights, biases = Layout(config).split(snapshots.flatten(0, 1))
    m, n = snapshots.shape[:2]
    return (
        tuple(w.reshape(m, n, *w.shape[1:]).numpy().copy() for w in weights),
        tuple(None if b is None else b.reshape(m, n, -1).numpy().copy() for b in biases),
    )


def _check_seeds(seeds: Iterable[int]) -> tuple[int, ...]:
    if not isinstance(seeds, Iterable):
        raise InputError(f"seeds={seeds!r}: give several, such as range({seeds!r}) or [{seeds!r}]")
    numbers = tuple(check_seed(seed) for seed in seeds)
    if not numbers:
        raise InputError("no seeds: give at least one, such as range(100)")
    repeated = [number for number, count in Counter(numbers).items() if count > 1]
    if repeated:
        raise InputError(
            f"seeds {', '.join(map(str, repeated[:8]))} occur more than once: each seed is one network"
        )
    return numbers


def _check_steps(steps: int) -> int:
    try:
        number = operator.index(steps)
    except TypeError:
        number = -1
    if number < 0:
        raise InputError(f"steps={steps!r}: give a number of updates from 0, or None for the regimen's own")
    return number
