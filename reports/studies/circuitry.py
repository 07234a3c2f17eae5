"""Circuitry: what one network of a study computes: its formula, certificates, class, gauge and circuits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mathcircuits.detect import (
    Certificate,
    Formula,
    Gauge,
    Network,
    Program,
    Task,
    certify,
    circuits,
    decompile,
    gauge_of,
    kink_criterion_many,
    tasks,
)
from mathcircuits.detect.exact import has_only_form, is_piecewise_linear, norms_of
from mathcircuits.detect.recognition import (
    NOT_KNOWN,
    UNNAMED,
    census_name,
    circuit_records,
    gauge_kind,
    kink_share,
)
from mathcircuits.detect.statistics import EQUAL

from .config import INIT
from .schema import COLUMNS, own_columns

if TYPE_CHECKING:
    import pandas as pd

#: Seconds a search may take: many times what its limits on nodes and memory allow here, so that what is read in a
#: network does not depend on what else the machine was doing.
PATIENCE = 120.0
#: Failed networks of a cell that are put into words: the one with the median loss, the best and the worst.
FAILED_READ = 3
#: Of a failed network with several hidden layers the formula takes seconds instead of hundredths, and it is
#: always "none": the median one stands for them.
FAILED_READ_DEEP = 1
#: What is read in a network, as the study's tables have it. The kink criterion stands in the table of networks.
PROGRAM_COLUMNS = own_columns("programs")
CIRCUIT_COLUMNS = own_columns("circuits")
KINK_COLUMNS = tuple(name for name in COLUMNS["networks"] if name.startswith("kinks"))
#: Points at which a formula is compared with its task's. Both have simple constants: two that differ at all differ by
#: far more than rounding at nearly every point.
_POINTS = 512
#: The methods of a certificate that leave nothing out, and so depend on no limit.
_VISITS_ALL = ("cells", "sections", "enumeration")


@dataclass(frozen=True)
class Circuitry:
    """One network in words.

    Attributes:
        program: a row of the table `programs`, without what names the network.
        circuits: its rows of the table `circuits`, likewise.
    """

    program: dict[str, Any]
    circuits: tuple[dict[str, Any], ...]


def chosen_to_read(losses: Sequence[float], threshold: float, deep: bool) -> list[int]:
    """Positions of the networks that are put into words: all that solved the task, and a few that failed.

    Examples:
        >>> chosen_to_read([1e-9, 0.4, 0.1, 0.2, 0.3, float("nan")], 1e-8, deep=False)
        [0, 1, 2, 3]
    """
    solved = [k for k, loss in enumerate(losses) if loss < threshold]
    failed = [k for k, loss in enumerate(losses) if loss >= threshold]
    failed.sort(key=lambda k: (losses[k], k))
    if not failed:
        return solved
    # The same one as the page draws: of an even number the better of the two in the middle.
    wanted = [failed[(len(failed) - 1) // 2], failed[0], failed[-1]]
    few = dict.fromkeys(wanted[: FAILED_READ_DEEP if deep else FAILED_READ])
    return sorted({*solved, *few})


def read_circuitry(network: Network, task: Task, *, classifies: bool = False) -> Circuitry:
    """The formula, certificates, functional class, gauge and circuits of one network.

    Args:
        network, task: the network, and what it was trained on.
        classifies: whether its largest output is its answer, so that the outputs are not the task's values.

    Examples:
        >>> from mathcircuits.detect import hand_derived, tasks
        >>> found = read_circuitry(hand_derived("minimum"), tasks["minimum"])
        >>> found.program["formula"], found.program["gauge"], found.program["share"]
        ('min(x1, x2)', 'x1 - relu(x1 - x2)', 1.0)
        >>> [row["circuit"] for row in found.circuits]
        ['minimum']
    """
    program = decompile(network, box=task.domain, time_limit=PATIENCE)
    # A function that nobody could write down is the network that stands for it.
    spec = task if task.formula else task.target if isinstance(task.target, Network) else None
    proof = None if spec is None or classifies else _proof(network, spec, task, program)
    circuits = circuit_rows(network, task)
    gauge = gauge_in(network, task)
    names = [row["gauge"] for row in circuits if row["output"] == "y1" and row["gauge"]]
    named = gauge.name if gauge is not None else names[0] if names else None
    row = {
        "formula": None if program.formula is None else program.text,
        "best": program.text,
        "error": program.certificate.upper,
        "spec_lower": math.nan if proof is None else proof.lower,
        "spec_upper": math.nan if proof is None else proof.upper,
        "equals_task": None if classifies else equals_task(program, task),
        "complexity": program.complexity,
        "bits": program.bits,
        "raw_bits": program.raw_bits,
        "reason": program.reason,
        "class": class_text(program, gauge, task),
        "gauge": named if named is not None or gauge is None else gauge.description,
        "named": named is not None,
        "share": math.nan if gauge is None else kink_share(gauge),
    }
    return Circuitry(row, circuits)


def _proof(network: Network, spec: Task | Network, task: Task, program: Program) -> Certificate:
    """The network's certificate against its specification: that of its formula, where the formula is the task's.

    Only what visits all cells or points gives the same bounds whatever it was asked for.
    """
    own = program.certificate
    if isinstance(spec, Task) and own.specification == spec.formula and own.method in _VISITS_ALL:
        return own
    return certify(network, spec, box=task.domain, time_limit=PATIENCE)


def circuit_rows(network: Network, task: Task) -> tuple[dict[str, Any], ...]:
    """What `find_circuits` finds, `on` as a text."""
    rows = circuit_records(network, box=task.domain, time_limit=PATIENCE)
    return tuple(
        {name: _known(value) for name, value in {**row, "on": ", ".join(row["on"])}.items()} for row in rows
    )


def _known(value: Any) -> Any:
    """A value, or None for a number that is none."""
    return None if isinstance(value, float) and math.isnan(value) else value


def gauge_in(network: Network, task: Task) -> Gauge | None:
    """How a network with one hidden layer implements its function; None where gauges are not defined.

    They are not for a task on points: networks that agree there bend elsewhere as they like.

    Implementations that the task's symmetries turn into each other bear one name.
    """
    if task.points or len(network.architecture.active) != 1 or not is_piecewise_linear(network):
        return None
    return gauge_of(network, box=task.box, symmetries=task.symmetries)


def equals_task(program: Program, task: Task) -> bool | None:
    """Whether the formula is the task as a function; None where the task has no formula to compare with.

    Examples:
        >>> from mathcircuits.detect import hand_derived, tasks
        >>> equals_task(decompile(hand_derived("minimum")), tasks["minimum"])
        True
        >>> equals_task(decompile(hand_derived("maximum")), tasks["minimum"])
        False
    """
    if not task.formula:
        return None
    return False if program.formula is None else _equals(program.formula, task)


@lru_cache(maxsize=256)
def _equals(formulas: tuple[Formula, ...], task: Task) -> bool:
    """Whether formulas are the task as a function; kept, since a cell's networks mostly have one formula."""
    X = task.sample(_POINTS)
    # A constant formula has one value for all points.
    columns = [np.broadcast_to(np.asarray(f(X, box=task.box), dtype=np.float64), len(X)) for f in formulas]
    own = np.column_stack(columns)
    wanted = task(X)
    return bool(np.abs(own - wanted).max() <= EQUAL * max(1.0, float(np.abs(wanted).max())))


def class_text(program: Program, gauge: Gauge | None, task: Task) -> str:
    """The functional class: its formula where it has one, else how many kinks no formula was found for.

    Formulas that the task's symmetries turn into each other are one class, named by the first in the alphabet
    of the shortest; so is the task itself, by its own formula.
    """
    if program.formula is not None:
        return _class_of(program.formula, task)
    if gauge is None:
        return "no formula"
    # In units of the output, as the formula's tolerance is.
    kinks = gauge.form.simplify(program.tolerance).kinks
    return f"no formula, {kinks} kink{'' if kinks == 1 else 's'}"


def _class_of(formula: Sequence[Formula], task: Task) -> str:
    own = "; ".join(f.text for f in formula)
    images = [own]
    for symmetry in task.symmetries:
        moved = {f"x{k + 1}": Formula(image) for k, image in enumerate(symmetry.images)}
        images.append("; ".join(f.substitute(moved).text for f in formula))
    return own if len(set(images)) == 1 else min(images, key=lambda text: (len(text), text))


def gauge_kinds(programs: pd.DataFrame) -> list[str]:
    """`gauge_kind` of every row of the table of programs.

    Examples:
        >>> import pandas as pd
        >>> gauge_kinds(pd.DataFrame({"gauge": ["relu(x1)", None], "named": [True, False], "share": [1.0, math.nan]}))
        ['relu(x1)', 'not known']
    """
    rows = zip(programs["gauge"], programs["named"].fillna(False), programs["share"], strict=True)
    return [
        gauge_kind(gauge if isinstance(gauge, str) else None, bool(named), float(share))
        for gauge, named, share in rows
    ]


def form_of(network: Network, task: Task) -> str:
    """The name that the census counts a network's gauge under.

    Examples:
        >>> from mathcircuits.detect import hand_derived, tasks
        >>> form_of(hand_derived("minimum"), tasks["minimum"])
        'x1 - relu(x1 - x2)'
    """
    gauge = gauge_in(network, task)
    if gauge is not None:
        return census_name(gauge)
    names = [row["gauge"] for row in circuit_rows(network, task) if row["output"] == "y1" and row["gauge"]]
    return gauge_kind(names[0] if names else None, bool(names), math.nan)


def norm_row(network: Network | None, task: Task, solved: bool) -> dict[str, float]:
    """The path norm, the least of any network of the task, and for one that computes it by how much it exceeds that.

    Examples:
        >>> from mathcircuits.detect import hand_derived, tasks
        >>> row = norm_row(hand_derived("minimum"), tasks["minimum"], solved=True)
        >>> {name: round(value, 3) for name, value in row.items()}
        {'path_norm': 3.414, 'least_norm': 2.828, 'excess': 0.207}
    """
    if network is None:
        return dict.fromkeys(("path_norm", "least_norm", "excess"), math.nan)
    norms = norms_of(network, box=task.box, task=task)
    # On points the network may bend as it likes between them: the least norm of its own function is not the task's.
    known = norms.least is not None and not task.points
    return {
        "path_norm": norms.path_norm,
        "least_norm": norms.least.upper if norms.least is not None and known else math.nan,
        "excess": norms.excess if solved and known else math.nan,
    }


def forced_gauge(task: Task, hidden: Sequence[int], name: str, bias: bool) -> bool:
    """Whether every exact network of these sizes has this gauge: the smallest ones, where there is no other way.

    Args:
        task: the function.
        hidden: sizes.
        name: of the gauge in the census; what the census does not name is forced by nothing.
        bias: whether the networks have biases, which allow ways of their own.

    Examples:
        >>> slide = "x1 - relu(x1 - x2)"
        >>> [forced_gauge(tasks["minimum"], (width,), slide, bias=False) for width in (3, 6)]
        [True, False]
        >>> forced_gauge(tasks["minimum"], (3,), slide, bias=True)
        False
    """
    if name.startswith(UNNAMED) or name == NOT_KNOWN:
        return False
    return tuple(hidden) == task.smallest and bias == task.needs_bias and has_only_form(task)


def is_own_circuit(task: str, circuit: str) -> bool:
    """Whether a circuit computes the task, or one of its outputs: a network that solves the task then has it.

    Examples:
        >>> [is_own_circuit("sort-2", name) for name in ("minimum", "maximum", "greaterness")]
        [True, True, False]
    """
    if task not in tasks or circuit not in circuits:
        return False
    return not {f.text for f in circuits[circuit].formula}.isdisjoint(f.text for f in tasks[task].formula)


def kink_rows(networks: Sequence[Network], task: Task, *, init: str | None = INIT) -> list[dict[str, Any]]:
    """The kink criterion of networks of one architecture beside the lazy panel, drawn from their init law.

    Missing where the task is affine (its networks have no business bending) or on points, or the networks have no
    kinks last.

    Examples:
        >>> from mathcircuits.detect import hand_derived, tasks
        >>> [row["kinks_passed"] for row in kink_rows([hand_derived("minimum")], tasks["minimum"])]
        [True]
    """
    shape = networks[0].architecture
    last = bool(shape.active) and shape.active[-1] == len(shape.activations) - 1
    if not last or task.points or is_affine(task):
        return [dict.fromkeys(KINK_COLUMNS) for _ in networks]
    found = kink_criterion_many(networks, task=task, init=init)
    return [
        # Where nothing bends, neither the task nor the network, there is nothing to pass.
        {
            "kinks": c.value,
            "kinks_lazy": c.lazy,
            "kinks_passed": None if math.isnan(c.value) else c.passed,
        }
        for c in found
    ]


def is_affine(task: Task) -> bool:
    """Whether the task is an affine function of its inputs.

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> is_affine(tasks["addition"]), is_affine(tasks["minimum"])
        (True, False)
    """
    X = task.sample(_POINTS)
    columns, wanted = np.column_stack([X, np.ones(len(X))]), task(X)
    rest = wanted - columns @ np.linalg.lstsq(columns, wanted, rcond=None)[0]
    return bool(np.abs(rest).max() <= EQUAL * max(1.0, float(np.abs(wanted).max())))


def kink_frame(rows: Iterable[tuple[int, dict[str, Any]]]) -> pd.DataFrame:
    """The kink criterion of networks, by seed."""
    import pandas as pd

    frame = pd.DataFrame([{"seed": seed, **row} for seed, row in rows], columns=["seed", *KINK_COLUMNS])
    for name in ("kinks", "kinks_lazy"):
        frame[name] = frame[name].astype("float64")
    frame["kinks_passed"] = pd.array(frame["kinks_passed"].tolist(), dtype="boolean")
    return frame


def program_frame(rows: Iterable[tuple[int, Circuitry]]) -> pd.DataFrame:
    """The programs of networks, by seed."""
    import pandas as pd

    records = [{"seed": seed, **found.program} for seed, found in rows]
    frame = pd.DataFrame(records, columns=["seed", *PROGRAM_COLUMNS])
    for name in ("equals_task", "named"):
        frame[name] = pd.array(frame[name].tolist(), dtype="boolean")
    return frame


def circuit_frame(rows: Iterable[tuple[int, Circuitry]]) -> pd.DataFrame:
    """The circuits of networks, by seed."""
    import pandas as pd

    records = [{"seed": seed, **row} for seed, found in rows for row in found.circuits]
    return pd.DataFrame(records, columns=["seed", *CIRCUIT_COLUMNS])
