"""Smooth targets: how near ReLU networks of a width come to a function that none of them is, and with what.

A ReLU network with one hidden layer is piecewise linear: on an interval, K neurons give at most K kinks and K + 1
straight pieces, whatever their weights. The best K + 1 straight lines, not even joined, are therefore a bound from
below. For a smooth f the error of the best line on a piece of length h is `|f''| h^2 / sqrt(720)` in root mean square
(`|f''| h^2 / 16` at most), so that errors fall as 1 / (K + 1)^2 and kinks crowd where f bends: with a density
proportional to `|f''|^(2/5)` (de Boor, A Practical Guide to Splines, chapter XII, on free knots). For x^2 on [-1, 1]
equal pieces are best: root mean square at least `2 / (3 sqrt(5) (K + 1)^2)`, largest error at least
`1 / (2 (K + 1)^2)`.

No formula is claimed: a piecewise-linear function never equals a smooth one, and `decompile` names what a network is,
not what it approaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from mathcircuits.detect import (
    Formula,
    InputError,
    Network,
    Task,
    UnknownTask,
    canonical_form,
    decompile,
    tasks,
)
from mathcircuits.detect.features import Symmetry, as_task
from mathcircuits.models import Regimen, as_regimen, train

from .plots.palette import FAMILIES, INK, MUTED
from .plots.rendering import on_hover
from .wording import number

Array = npt.NDArray[np.float64]

#: Smooth targets by name. They have no hand-derived network, which every registered task has, so they stand here.
SMOOTH_TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            Task(
                "square",
                1,
                formula=(Formula("x1**2"),),
                needs_bias=True,
                symmetries=(Symmetry.parse(["-x1"]),),
            ),
            Task("sine", 1, formula=(Formula("sin(pi * x1)"),), needs_bias=True),
            Task(
                "product",
                2,
                formula=(Formula("x1 * x2"),),
                needs_bias=True,
                symmetries=(Symmetry.parse(["x2", "x1"]), Symmetry.parse(["-x1", "-x2"])),
            ),
        )
    }
)
#: Levenberg-Marquardt on fixed points comes nearer than Adam at every width from 8 on (square, 16 seeds: 1.25e-3
#: against 2.50e-3 at width 32).
LEVENBERG = Regimen(name="levenberg", optimiser="levenberg", steps=200, batch=512, samples=512)
#: Points that errors are measured on in one dimension, and along each side in two.
_LINE, _SIDE = 2001, 161
#: Points of the grid that the bound is found on; the bound moves by less than 1% from 200 to 400.
_BOUND_POINTS = 400
#: Widths up to which the best network's formula is asked for: a longer one is no reading.
_READABLE = 4


def approximation_frame(
    task: Task | str,
    *,
    widths: Sequence[int] = (2, 4, 8, 16, 32),
    seeds: Iterable[int] = range(16),
    regimen: Regimen | str = LEVENBERG,
) -> pd.DataFrame:
    """How near networks of each width come to a smooth target: one row a width.

    Args:
        task: "square", "sine", "product", any Task or a registered one, of one or two inputs and one output.
        widths: of the hidden layer.
        seeds: tried at each width; the best counts, the median stands beside it.
        regimen: how they are trained, with biases.

    Returns:
        Columns `task, width, seeds, rms, median_rms` (root mean square errors of the best seed and of the median one),
        `largest` (of the best, over a grid), `bound` (what no network of this width can beat in root mean square;
        missing for two inputs), `kinks` (the best network's kinks that meet the box), `places` (where, with one input;
        with two, their directions in degrees), `formula` (None: nothing in the catalogue is claimed; `read` says what
        the network is instead, up to width 4).

    Raises:
        InputError: for a task of more than two inputs or several outputs, or no widths.
        UnknownTask: for a name that is neither a smooth target nor a task.

    Examples:
        >>> table = approximation_frame("square", widths=(2,), seeds=range(4))
        >>> row = table.iloc[0]
        >>> bool(row["bound"] <= row["rms"] < 1.2 * row["bound"]), row["formula"] is None, row["places"]
        (True, True, (-0.3..., 0.3...))
    """
    target = _target(task)
    if target.arity > 2 or target.outputs != 1:
        raise InputError(
            f"task {target.name!r} has {target.arity} inputs and {target.outputs} outputs: errors against width are "
            "measured for one or two inputs and one output"
        )
    if not isinstance(widths, Iterable) or not list(widths):
        raise InputError(f"widths {widths!r}: give at least one, such as (2, 4, 8)")
    numbers, how = list(seeds), as_regimen(regimen)
    low, high = np.array(target.box).T
    side = np.linspace(0, 1, _LINE if target.arity == 1 else _SIDE)
    X = low + (high - low) * np.stack(np.meshgrid(*[side] * target.arity, indexing="ij"), axis=-1).reshape(
        -1, target.arity
    )
    wanted = target(X)
    rows: list[dict[str, Any]] = []
    for width in widths:
        runs = train(target, hidden=width, seeds=numbers, regimen=how, bias=True, progress=False).finite
        networks = [one.to_network() for one in runs]
        residuals = [network(X) - wanted for network in networks]
        rms = np.array([np.sqrt((r**2).mean()) for r in residuals])
        best = int(rms.argmin())
        kinks, places = _kinks(networks[best], target)
        read = decompile(networks[best], box=target.box) if width <= _READABLE else None
        rows.append(
            {
                "task": target.name,
                "width": width,
                "seeds": len(networks),
                "rms": float(rms[best]),
                "median_rms": float(np.median(rms)),
                "largest": float(np.abs(residuals[best]).max()),
                "bound": rms_bound(target, width + 1) if target.arity == 1 else np.nan,
                "kinks": kinks,
                "places": places,
                "formula": None if read is None or read.expression is None else str(read.expression),
                "read": None if read is None else read.text,
            }
        )
    frame = pd.DataFrame(rows)
    for name in ("formula", "read"):
        frame[name] = pd.Series([row[name] for row in rows], dtype=object)
    return frame


def _target(task: Task | str) -> Task:
    """A smooth target by its name, or any other task."""
    if isinstance(task, str) and task in SMOOTH_TASKS:
        return SMOOTH_TASKS[task]
    try:
        return as_task(task)
    except UnknownTask:
        names = (*SMOOTH_TASKS, *tasks)
        raise UnknownTask("task", task, names, f"known: {', '.join(names)}") from None


def _kinks(network: Network, task: Task) -> tuple[int, tuple[float, ...]]:
    """How many kinks meet the box, and where (one input) or in which direction, in degrees from 0 to 180 (two)."""
    form = canonical_form(network, box=task.box)
    normals, offsets = form.n, form.d
    if task.arity == 1:
        places = np.sort(-offsets / normals[:, 0])
    else:
        places = np.sort(np.degrees(np.arctan2(normals[:, 1], normals[:, 0])) % 180)
    return len(offsets), tuple(float(place) for place in places)


def rms_bound(task: Task, pieces: int) -> float:
    """The root mean square error of the best `pieces` straight lines, not even joined, for a task of one input.

    Exact for the function's values on a grid of 400 points, by dynamic programming over where pieces end.

    Args:
        task: of one input and one output; pieces: at least 1; a network of K neurons has at most K + 1.

    Raises:
        InputError: for other tasks, and fewer than one piece.

    Examples:
        >>> round(rms_bound(SMOOTH_TASKS["square"], 3) * 3**2 * 3 * 5**0.5 / 2, 2)  # against 2 / (3 sqrt(5) 3^2)
        1.0
    """
    if task.arity != 1 or task.outputs != 1 or pieces < 1:
        raise InputError(
            f"{pieces} pieces for {task.arity} inputs and {task.outputs} outputs: the bound is for at least one piece "
            "of a function of one input"
        )
    ((low, high),) = task.box
    # Midpoints of equal cells, so that a sum over them is an integral.
    x = low + (high - low) * (np.arange(_BOUND_POINTS) + 0.5) / _BOUND_POINTS
    cost = _line_costs(x - x.mean(), np.asarray(task(x[:, None]))[:, 0])
    least = cost[0]
    for _ in range(pieces - 1):
        # least[j]: points before j + 1; the last piece starts at any i <= j.
        joined = least[:-1, None] + cost[1:, :]
        least = np.minimum(least, joined.min(axis=0))
    return float(np.sqrt(max(least[-1], 0.0) / _BOUND_POINTS))


def _line_costs(x: Array, y: Array) -> Array:
    """The squared error of the best line through points i to j, both included [n, n]; infinite where j < i."""
    n = len(x)
    sums = [np.concatenate([[0.0], np.cumsum(v)]) for v in (np.ones(n), x, y, x * x, x * y, y * y)]
    count, sx, sy, sxx, sxy, syy = (s[None, 1:] - s[:-1, None] for s in sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        vx, vxy, vy = sxx - sx**2 / count, sxy - sx * sy / count, syy - sy**2 / count
        cost = np.where(count >= 2, vy - np.where(vx > 0, vxy**2 / vx, 0.0), 0.0)
    return np.where(count >= 1, np.maximum(cost, 0.0), np.inf)


def error_against_width(table: pd.DataFrame, ax: Axes) -> Axes:
    """Root mean square error against width on logarithmic axes: best and median seed, and the bound (dotted).

    Args:
        table: rows of `approximation_frame`, of one or several tasks.
        ax: the axes.

    Examples:
        >>> from .plots.rendering import blank
        >>> row = {"task": "square", "rms": 0.04, "median_rms": 0.2, "bound": 0.03, "largest": 0.08}
        >>> _, (ax,) = blank(3, 3)
        >>> ax = error_against_width(pd.DataFrame([{**row, "width": 2}, {**row, "width": 4, "rms": 0.02}]), ax)
        >>> ax.get_xscale(), [text.get_text() for text in ax.get_legend().get_texts()]
        ('log', ['square', 'median seed', 'least possible', '1 / width^2'])
    """
    marks = zip(("smooth", "order", "threshold", "sum"), "osD^", strict=True)
    for (family, mark), (task, rows) in zip(marks, table.groupby("task", sort=False), strict=False):
        colour = FAMILIES[family].light
        (line,) = ax.plot(rows["width"], rows["rms"], f"-{mark}", color=colour, lw=1.6, ms=5, label=str(task))
        best = float(rows["rms"].min())
        on_hover(line, f"{task}: best seed of the widest network {number(best)}")
        ax.plot(rows["width"], rows["median_rms"], "--", marker=mark, ms=2.5, color=colour, lw=0.8, alpha=0.7)
        ax.plot(rows["width"], rows["bound"], ":", marker=mark, ms=2.5, color=colour, lw=1.4)
    ax.plot([], [], "--", color=MUTED.light, lw=0.8, label="median seed")
    ax.plot([], [], ":", color=MUTED.light, lw=1.4, label="least possible")
    widths = np.array([table["width"].min(), table["width"].max()], dtype=float)
    start = float(table["rms"].max()) * 1.5
    ax.plot(widths, start * (widths[0] / widths) ** 2, color=INK.light, lw=0.6, label="1 / width^2")
    ax.set(xscale="log", yscale="log", xlabel="hidden neurons", ylabel="root mean square error")
    ticks = sorted({int(width) for width in table["width"]})
    ax.set_xticks(ticks, [str(width) for width in ticks])
    ax.minorticks_off()
    ax.grid()
    ax.legend(loc="lower left", frameon=False)
    return ax
