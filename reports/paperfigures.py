"""Paper figures: what the page shows, one figure a file, from the folder of a study or of a benchmark.

Where the page has the figure, the page's own drawing is written, of the rows that were chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mathcircuits.detect import FileError, InputError, Network, Task, UnknownNameError, tasks
from mathcircuits.detect.matching import probes_for, unit_vectors
from mathcircuits.detect.networks import Box, as_box

from .inputnames import NamedTables
from .pages.factorpage import norm_figure
from .pages.networks.figures import graph_figure, response_figure
from .pages.regimensection import width_figure
from .pages.selections import chosen_networks, neuron_labels, rows_of, task_names
from .pages.tasksections import census_figure, prevalence_figure
from .pages.universalsection import cluster_figures, emergence_figure, periodic_figures
from .pages.views import FigureView
from .plots import learningfigures
from .plots.figurekinds import Choice
from .plots.rendering import STYLE, blank
from .studies.ensemblefiles import load_ensemble
from .studies.folder import Study
from .studies.schema import Tables
from .wording import cell_name

#: Panels of losses: more do not fit on a sheet.
_PANELS = 12
#: Features that are shown of each neuron, the best first: the label and what competes with it.
_COMPETING = 3
#: The error that a formula may have (`decompile`'s default tolerance).
_TOLERANCE = 0.005


class Drawn(NamedTuple):
    """A figure and what is to be said below it."""

    figure: Figure
    caption: str


def draw(name: str, folder: Path, choice: Choice) -> Drawn:
    """The figure of that name, one of `figurekinds.KINDS`, and its caption.

    Raises:
        UnknownNameError, InputError, FileError: see `figurecommand.make_figure`.
    """
    if name in _BENCHMARKS:
        return _BENCHMARKS[name](folder)
    if name in _NETWORKS:
        study = Study.load(folder)
        return _NETWORKS[name](study, _network_of(study, choice))
    study = Study.load(folder)
    tables = _chosen(NamedTables(study.tables), choice)
    if name == "similarity" and choice.task is not None:
        # Between tasks: those with as many inputs as the chosen one stand beside it.
        tables["pairs"] = rows_of(study.tables, "pairs", inputs=tasks[choice.task].arity)
    return _STUDIES[name](study, tables)


# What is drawn


def _chosen(tables: Tables, choice: Choice) -> dict[str, pd.DataFrame]:
    """The tables' rows of the chosen task, width and regimen.

    Raises:
        UnknownNameError: where no table has such rows.
    """
    found = {name: frame for name, frame in tables.items() if len(frame)}
    for column in ("task", "width", "regimen"):
        wanted = getattr(choice, column)
        if wanted is None:
            continue
        known = list(
            dict.fromkeys(str(v) for frame in found.values() if column in frame for v in frame[column])
        )
        # A width that has no name of its own is called by its sizes.
        sizes = [str(v) for frame in found.values() if "hidden" in frame for v in frame["hidden"]]
        known += [size for size in dict.fromkeys(sizes) if column == "width"]
        if wanted not in known:
            raise UnknownNameError(column, wanted, known, f"the study has {', '.join(known)}")
        found = {name: _matching(frame, column, wanted) for name, frame in found.items()}
    return {name: frame for name, frame in found.items() if len(frame)}


def _matching(frame: pd.DataFrame, column: str, wanted: str) -> pd.DataFrame:
    """A table's rows of one value; pairs of tasks are kept where both sides have it."""
    if column in frame:
        keep = frame[column] == wanted
        return (
            frame[keep | (frame["hidden"] == wanted)]
            if column == "width" and "hidden" in frame
            else frame[keep]
        )
    sides = [f"{column}_a", f"{column}_b"]
    if all(side in frame for side in sides):
        return frame[(frame[sides] == wanted).all(axis=1)]
    return frame


def _network_of(study: Study, choice: Choice) -> tuple[str, Network, Task | None]:
    """The named network, or the best of the chosen task, of several the first."""
    tables = _chosen(study.tables, choice)
    name = choice.network
    if name is None:
        options = [chosen for task in task_names(tables) for chosen in chosen_networks(tables, task)]
        name = next((chosen.network for chosen in options if chosen.network), None)
        if name is None:
            raise InputError(f"{study.out}: no network to draw: name one with --network")
    found = study.networks(name)
    if name not in found:
        known = sorted(study.networks(name.rpartition("/")[0] or name))
        raise UnknownNameError("network", name, known, "give one with its seed, such as minimum/3/adam/17")
    return name, found[name], tasks.get(name.partition("/")[0])


def _box_of(network: Network, task: Task | None) -> Box:
    return task.box if task is not None else as_box((-1.0, 1.0), network.inputs)


def _circuit(study: Study, of: tuple[str, Network, Task | None]) -> Drawn:
    name, network, _ = of
    view = graph_figure(network, neuron_labels(NamedTables(study.tables), name), name, "circuit")
    return Drawn(view.drawing, f"{name}. {view.caption}")


def _response(study: Study, of: tuple[str, Network, Task | None]) -> Drawn:
    name, network, task = of
    labels = neuron_labels(NamedTables(study.tables), name)
    view = response_figure(network, labels, _box_of(network, task), "response", task)
    if view is None:
        raise InputError(f"{name}: has no hidden neuron with an activation: there is no response to draw")
    return Drawn(view.drawing, f"{name}. {view.caption}")


def _features(_: Study, of: tuple[str, Network, Task | None]) -> Drawn:
    name, network, task = of
    table = explained_shares(network, _box_of(network, task))
    if table.empty:
        raise InputError(f"{name}: every neuron is constant on the box: there is nothing to explain")
    rows, columns = table["label"].nunique(), table["neuron"].nunique()
    figure, (ax,) = blank(2.2 + 0.38 * columns, 0.5 + 0.38 * rows)
    learningfigures.feature_matrix(table, ax)
    caption = (
        f"{name}. Features down, neurons across: the share of a neuron's variance over the box that a feature "
        "explains, as area and number; framed: the best. Shown are the three best features of every neuron. What "
        "untrained neurons reach is not subtracted."
    )
    return Drawn(figure, caption)


def explained_shares(network: Network, box: Box) -> pd.DataFrame:
    """What share of each neuron's variance a feature explains: of each neuron the best three, and those of the others.

    Columns: feature, on, label, neuron, explained.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> table = explained_shares(hand_derived("minimum"), ((-1.0, 1.0),) * 2)
        >>> best = table.loc[table.groupby("neuron")["explained"].idxmax()]
        >>> best[["neuron", "label"]].values.tolist()
        [['v0', 'greaterness(x1, x2)'], ['v1', 'positiveness(x1)'], ['v2', 'negativeness(x1)']]
    """
    active = network.architecture.active
    rows = []
    wanted: dict[str, tuple[str, str]] = {}
    columns: list[tuple[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]], list[str]]] = []
    for layer, block in enumerate(active):
        probes = probes_for(network.inputs, box=box, depth=min(layer + 1, 2))
        _, sd, unit = unit_vectors(network.run(probes.X)[f"blocks.{block}.mlp.hook_post"])
        labels = [feature.label for feature in probes.features]
        for neuron in np.flatnonzero(sd > 0):
            # A neuron that falls where the feature rises does not hold it.
            r = np.maximum(unit[:, neuron] @ probes.unit, 0.0)
            name = f"v{neuron}" + (f", layer {layer}" if len(active) > 1 else "")
            columns.append((name, r**2, labels))
            # Ties within rounding go to the feature that the catalogue lists first.
            for k in np.argsort(-r.round(9), kind="stable")[:_COMPETING]:
                feature = probes.features[k]
                wanted.setdefault(labels[k], (feature.feature.name, ", ".join(feature.on)))
    for name, explained, labels in columns:
        place = {label: k for k, label in enumerate(labels)}
        rows += [
            {
                "feature": feature,
                "on": on,
                "label": label,
                "neuron": name,
                "explained": explained[place[label]],
            }
            for label, (feature, on) in wanted.items()
            if label in place
        ]
    return pd.DataFrame(rows, columns=["feature", "on", "label", "neuron", "explained"])


def _first(views: Iterable[FigureView] | FigureView | None, what: str) -> Drawn:
    """The first of the page's figures.

    Raises:
        InputError: where there is none.
    """
    view = views if views is None or isinstance(views, FigureView) else next(iter(views), None)
    if view is None:
        raise InputError(
            f"nothing to draw: the study's tables have no {what} for this choice: choose another"
        )
    return Drawn(view.drawing, view.caption)


def _by_task(
    _: Study, tables: Tables, *, make: Callable[[Tables, str], FigureView | None], what: str
) -> Drawn:
    """The page's figure of a task: of the first that has one, where none is chosen."""
    named = ((name, view) for name in task_names(tables) if (view := make(tables, name)))
    name, view = next(named, (None, None))
    drawn = _first(view, what)
    return Drawn(drawn.figure, f"{name}. {drawn.caption}")


def _training(study: Study, tables: Tables) -> Drawn:
    """A panel per condition, those of the first tasks."""
    networks = rows_of(tables, "networks", population="trained")
    keys = ["task", "hidden", "width", "regimen"]
    everything = list(networks.groupby(keys, sort=False)) if len(networks) else []
    if not everything:
        return _first(None, "trained networks")
    conditions = everything[:_PANELS]
    columns = min(3, len(conditions))
    down = -(-len(conditions) // columns)
    figure, axes = blank(2.6 * columns, 2.1 * down, rows=down, columns=columns)
    for ((task, hidden, width, regimen), rows), ax in zip(conditions, axes, strict=False):
        cells = {cell.key: cell for cell in study.cells}
        parts = [
            load_ensemble(cell.weights_file(study.out)).history
            for cell in cells.values()
            if cell.condition == f"{task}/{hidden}/{regimen}"
        ]
        history = pd.concat(parts, ignore_index=True)
        solved = dict(zip(rows["seed"], rows["solved"].astype(bool), strict=True))
        history = history.assign(solved=history["seed"].map(solved)).dropna(subset="solved")
        learningfigures.training(history, ax, threshold=float(rows["threshold"].iloc[0]))
        ax.set_title(f"{task}\n{cell_name(hidden, width, regimen)}", fontsize=8)
        ax.tick_params(labelsize=8)
    for k, ax in enumerate(axes):
        if k >= len(conditions):
            ax.set_axis_off()
        if k % columns:
            ax.set_ylabel("")
        if k + columns < len(conditions):
            ax.set_xlabel("")
    caption = (
        "Loss of every network over training, a panel per task, width and regimen. Solid: solved its task; dashed: did "
        "not. Dotted: the loss below which it counts as solved. Step 0, before training, stands at the left end."
    )
    if len(conditions) < len(everything):
        caption += (
            f" The first {len(conditions)} of {len(everything)} conditions: choose a task, width or regimen."
        )
    return Drawn(figure, caption)


def _complexity(_: Study, tables: Tables) -> Drawn:
    programs = rows_of(tables, "programs", population="trained")
    if programs.empty:
        return _first(None, "formulas")
    figure, (ax,) = blank(5.4, 3.2)
    names = list(dict.fromkeys(programs["task"]))
    learningfigures.complexity(programs, ax, tasks=names, tolerance=_TOLERANCE)
    caption = (
        "Every network that was put into words: description length of its formula against the certified "
        "largest error anywhere on the box. Hollow: nothing shorter than the weights came within the tolerance "
        "(dotted)."
    )
    return Drawn(figure, caption)


def _benchmark(folder: Path, *, panel: str) -> Drawn:
    """A panel of a benchmark's table."""
    from .benchmark.detection.charts import calibration_axes, power_axes

    file = folder / "table.csv"
    if not file.is_file():
        remedy = f"make one with `mathcircuits benchmark detection --out {folder}`"
        raise FileError(folder, "holds no benchmark (there is no table.csv)", remedy)
    table = pd.read_csv(file)
    if not {"part", "measure", "value", "level", "noise"} <= set(table.columns):
        raise FileError(file, "is not a table of the benchmark `detection`", "name the folder of one")
    if panel == "calibration":
        figure, (ax,) = blank(4.6, 3.8)
        with mpl.rc_context(STYLE):
            calibration_axes(table, ax)
        caption = (
            "How often p falls below a nominal level in untrained networks; d is the number of inputs, a line a shape. "
            "Below the diagonal the procedure is cautious; where a line turns flat, all other neurons are too far "
            "from every feature to be tested (p = 1). Left "
            "out are levels that fewer than ten neurons fall below."
        )
        return Drawn(figure, caption)
    figure, axes = blank(9.4, 3.8, columns=2)
    with mpl.rc_context(STYLE):
        power_axes(table, axes[0], bias=False)
        power_axes(table, axes[1], bias=True)
    caption = (
        "Share of planted neurons that are declared, against the noise on their direction, three planted among eight; "
        "left without, right with biases. Dotted: the most that the null allows. d is the number of inputs; curves "
        "within 0.01 of each other are drawn once."
    )
    return Drawn(figure, caption)


_NETWORKS: Mapping[str, Callable[[Study, tuple[str, Network, Task | None]], Drawn]] = MappingProxyType(
    {"circuit": _circuit, "response": _response, "features": _features}
)
_STUDIES: Mapping[str, Callable[[Study, Tables], Drawn]] = MappingProxyType(
    {
        "periodic-table": lambda _, tables: _first(
            periodic_figures(tables), "feature that a solved network holds"
        ),
        "prevalence": partial(_by_task, make=prevalence_figure, what="prevalence"),
        "census": partial(_by_task, make=census_figure, what="second gauge"),
        "forms": lambda _, tables: _first(norm_figure(tables), "two forms of one task"),
        "similarity": lambda _, tables: _first(cluster_figures(tables), "pairs"),
        "training": _training,
        "emergence": lambda _, tables: _first(emergence_figure(tables), "emergence curves"),
        "success": lambda _, tables: _first(width_figure(tables), "trained networks"),
        "complexity": _complexity,
    }
)
_BENCHMARKS: Mapping[str, Callable[[Path], Drawn]] = MappingProxyType(
    {name: partial(_benchmark, panel=name) for name in ("calibration", "power")}
)
