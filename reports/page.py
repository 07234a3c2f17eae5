"""Page: a study as one self-contained HTML file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mathcircuits.detect import FileError, Network, Task, tasks
from mathcircuits.detect.box import Box, as_box

from . import figures
from .drawing import LABELS_PER_LAYER, Labels, NeuronLabel, graph_size, in_words, network_graph
from .findings import findings, verdict_legend
from .htmltables import ROWS, Column, TableView, csv_uri, table_view
from .mechanisms import (
    facts,
    formula_summary,
    kink_summary,
    mechanism_sentence,
    share_meaning,
    share_rows,
    solved_ids,
    superposition_summary,
)
from .palette import FAMILIES, STATUSES, every_colour
from .rendering import blank, inline_svg
from .responses import neuron_response, output_response
from .selections import (
    CELL,
    Chosen,
    Tables,
    chosen_networks,
    derived_share,
    directions_summary,
    first_seeds,
    in_order,
    missing_features,
    neuron_labels,
    notable_features,
    of_panel,
    panels,
    rows_of,
    similarity_matrix,
    similarity_summary,
    strongest,
)
from .tables import candidates_toml
from .wording import cell_name, counted, labelled, number, thousands

#: Columns of tiles beside each other: more would shrink a tile below its letter.
_TILES = 30
#: Neurons with a response plot of their own; a wider layer's strongest contributors are enough to read.
_RESPONSES = 14
MEASURES = {
    "correlation_matching": ("Neuron by neuron", "mean best correlation of units, one-to-one"),
    "cka": ("As whole layers", "unbiased CKA"),
}


class StudyLike(Protocol):
    """What the page reads of a study: its tables, its manifest and its networks."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Name -> frame."""
        ...

    @property
    def manifest(self) -> Mapping[str, Any]:
        """How the study was made."""
        ...

    def networks(self, key: str) -> Mapping[str, Network]:
        """The network of that id, by its id."""
        ...


@dataclass(frozen=True)
class FigureView:
    """A figure as the template writes it: the drawing, what is to be seen, and its data."""

    svg: Markup
    caption: str
    csv: str
    name: str


@dataclass(frozen=True)
class PortraitView:
    """One network drawn: its graph, what it computes in words, and its neurons' responses."""

    heading: str
    why: str
    missing: str
    facts: tuple[tuple[str, str, str], ...]
    graph: FigureView
    responses: FigureView | None
    note: str
    wide: bool


@dataclass(frozen=True)
class TaskView:
    """A task's section."""

    name: str
    formula: str
    sentence: str
    portraits: tuple[PortraitView, ...]
    wide: bool
    mechanism: str
    census: FigureView | None
    prevalence: FigureView | None


def write_report(out: str | os.PathLike[str]) -> Path:
    """Write the page of a study.

    Args:
        out: the study's folder, as `run_study` leaves it.

    Returns:
        The page's path, `out/report/index.html`.

    Raises:
        FileError: where the folder is missing, is no study, or holds a damaged file.

    Examples:
        >>> write_report("no-such-folder")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: no-such-folder: is no folder; make a study there with ...
    """
    from .study import Study

    folder = Path(out)
    if not folder.is_dir():
        raise FileError(out, "is no folder", f"make a study there with `mathcircuits study --out {out}`")
    text = page(Study.load(folder))
    path = folder / "report" / "index.html"
    unfinished = path.with_suffix(".part")
    try:
        path.parent.mkdir(exist_ok=True)
        unfinished.write_text(text, "utf-8")
        # Renamed at once: a reader never meets half a page.
        unfinished.replace(path)
    except OSError as error:
        remedy = "free the name or choose a folder that can be written"
        raise FileError(path, f"cannot be written ({error.strerror})", remedy) from None
    return path


def page(study: StudyLike) -> str:
    """The page of a study as one HTML text; nothing in it is fetched from elsewhere.

    Args:
        study: its tables, manifest and networks; tables that are missing or empty are said to be so.

    Examples:
        >>> class Nothing:
        ...     tables, manifest = {}, {}
        >>> "no trained networks yet" in page(Nothing())
        True
    """
    tables = {name: frame for name, frame in study.tables.items() if len(frame)}
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        colours=every_colour(),
        families=FAMILIES,
        statuses=STATUSES,
        legend=verdict_legend(),
        findings=findings(tables),
        success=_success(tables),
        periodic=list(_periodic(tables)),
        tasks=[_task(study, tables, name) for name in _task_names(tables)],
        similarity=[view for name in _task_names(tables) if (view := _similarity(tables, name))],
        similarity_scale=_similarity_scale(),
        readouts=_readouts(tables),
        entries=candidates_toml(tables["candidates"]) if "candidates" in tables else "",
        views={view.id: view for view in _views(tables)},
        manifest=_manifest(study.manifest),
        failures=[cell for cell in study.manifest.get("cells", ()) if cell.get("status") == "failed"],
        label_limit=LABELS_PER_LAYER,
    )


def _manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest for reading: a command as it was typed."""
    shown = dict(manifest)
    command = shown.get("command")
    if isinstance(command, list):
        shown["command"] = " ".join(map(str, command))
    return shown


def _task_names(tables: Tables) -> list[str]:
    """The tasks in the order in which the study has them."""
    for name in ("success", "networks", "prevalence"):
        if name in tables:
            return [str(task) for task in dict.fromkeys(tables[name]["task"])]
    return []


# Sections


def _success(tables: Tables) -> FigureView | None:
    table = in_order(rows_of(tables, "success"))
    if table.empty:
        return None
    figure, (ax,) = blank(7.2, 0.7 + 0.2 * (len(table) + table["task"].nunique()))
    figures.success(table, ax)
    best = table.sort_values("value", kind="stable", na_position="first").iloc[-1]
    words = (
        f"Success rates of {counted(len(table), 'cell')} with exact 95% intervals. The highest is "
        f"{number(float(best['value']))}, for {best['task']}, {cell_name(*best[CELL])}."
    )
    caption = "Dot: share of seeds that solved the task. Bar: its exact 95% interval. One shape per regimen."
    return FigureView(Markup(inline_svg(figure, words)), caption, csv_uri(table), "success-rates")


def _periodic(tables: Tables) -> Iterator[FigureView]:
    """Periodic tables: as many cells of the grid beside each other as keep a tile readable."""
    rows = strongest(rows_of(tables, "prevalence"))
    features = notable_features(rows)
    if not features:
        return
    names = [name for name in _task_names(tables) if name in set(rows["task"])]
    wanted = panels(rows)
    beside = max(1, _TILES // len(names))
    for start in range(0, len(wanted), beside):
        chosen = wanted[start : start + beside]
        width = 1.9 + 0.34 * len(names) * len(chosen) + 0.25 * len(chosen)
        figure, axes = blank(width, 1.4 + 0.34 * len(features), columns=len(chosen), sharey=True)
        parts = []
        for (size, regimen), ax in zip(chosen, axes, strict=True):
            part = of_panel(rows, (size, regimen))
            figures.periodic_table(part, ax, features=features, tasks=names)
            ax.set_xlabel(f"{size}, {regimen}", fontweight="bold")
            parts.append(part[part["feature"].isin(features)])
        shown = pd.concat(parts)
        counts = shown["verdict"].value_counts()
        said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        cells = "; ".join(f"{size}, {regimen}" for size, regimen in chosen)
        words = f"Features by tasks for {cells}. Verdicts: {said}. All numbers stand in the table below."
        caption = (
            f"Width and regimen: {cells}. Fill: share of solved networks that hold the feature, in the "
            "colour and letter of its verdict. Dotted outline: share of untrained networks. Dot: no solved "
            "network holds it. Dash: no network solved the task. The pointer shows the numbers."
        )
        yield FigureView(Markup(inline_svg(figure, words)), caption, csv_uri(shown), f"periodic-{start}")


def _task(study: StudyLike, tables: Tables, name: str) -> TaskView:
    task = tasks.get(name)
    networks = rows_of(tables, "networks", task=name)
    success = rows_of(tables, "success", task=name)
    if len(success):
        n, solved = int(success["n"].sum()), int(success["solved"].sum())
        sentence = f"{thousands(solved)} of {counted(n, 'trained network')} solved it."
    else:
        sentence = f"{counted(len(networks), 'network')} in this study."
    portraits = tuple(
        view for chosen in chosen_networks(tables, name) if (view := _portrait(study, tables, task, chosen))
    )
    # Deep or many-input networks need the page's whole width.
    wide = any(portrait.wide for portrait in portraits)
    formula = task.text if task else ""
    return TaskView(
        name, formula, sentence, portraits, wide, mechanism_sentence(tables, name), _task_census(tables, name),
        _task_prevalence(tables, name),
    )  # fmt: skip


def _portrait(study: StudyLike, tables: Tables, task: Task | None, chosen: Chosen) -> PortraitView | None:
    """A network's graph and responses, with why it stands here."""
    if chosen.network:
        network = study.networks(chosen.network)[chosen.network]
    elif task is not None and task.derived_network is not None:
        network = task.derived_network
    else:
        return None
    labels = neuron_labels(tables, chosen.network) if chosen.network else {}
    row = chosen.row
    where = cell_name(row.get("hidden", ""), row.get("width", ""), row.get("regimen", ""))
    loss = f"loss {number(float(row['loss']))}" if pd.notna(row.get("loss")) else ""
    heading, why = {
        "best": (
            f"Best: {where}, seed {row.get('seed')}",
            f"Of the solved networks with the fewest weights the one with the lowest loss ({loss}).",
        ),
        "failed": (
            f"Failed: {where}, seed {row.get('seed')}",
            f"Of the failed networks beside it the one in the middle ({loss}).",
        ),
        "derived": (
            "Derived by hand",
            "No trained network solved this task. This one was derived by hand"
            + (f" ({task.source})" if task is not None and task.source else "")
            + ", not trained.",
        ),
    }[chosen.role]
    missing = row.get("missing") if chosen.role == "failed" else ""
    lines = tuple(facts(tables, chosen.network, chosen.role != "failed")) if chosen.network else ()
    width, height = graph_size(network)
    figure, (ax,) = blank(width, height)
    network_graph(network, labels, ax)
    name = chosen.network.replace("/", "-") or f"{task.name if task else 'network'}-derived"
    caption = "Blue, solid: positive weight. Red, dashed: negative. Thickness: size within its layer."
    graph = FigureView(
        Markup(inline_svg(figure, f"{heading}. {in_words(network, labels)}")),
        caption,
        csv_uri(_edge_list(network)),
        name,
    )
    crowded = any(w.size > LABELS_PER_LAYER for w in network.weights)
    note = f"Between two layers the {LABELS_PER_LAYER} largest weights are written." if crowded else ""
    box = task.box if task is not None else as_box((-1.0, 1.0), network.inputs)
    responses = _responses(network, labels, box, name, task)
    wide = len(network.sizes) > 3 or max(network.sizes) > 6
    return PortraitView(
        heading, why, missing if isinstance(missing, str) else "", lines, graph, responses, note, wide
    )


def _responses(network: Network, labels: Labels, box: Box, name: str, task: Task | None) -> FigureView | None:
    """A small plot for each hidden neuron that has an activation, and for the outputs."""
    neurons = [
        (layer, block, i)
        for layer, block in enumerate(network.architecture.active)
        for i in range(network.sizes[block + 1])
    ]
    shown = neurons[:_RESPONSES]
    if not shown:
        return None
    count = len(shown) + network.outputs
    columns = min(count, 7 if len(network.sizes) > 3 else 5)
    rows = -(-count // columns)
    figure, axes = blank(1.62 * columns, 1.62 * rows, rows=rows, columns=columns)
    several = len(network.architecture.active) > 1
    for (layer, block, i), ax in zip(shown, axes, strict=False):
        label = labels.get((layer, i), NeuronLabel())
        neuron_response(network, block, i, box, ax, label.colour)
        _small_title(f"v{i}" + (f", layer {layer}" if several else ""), label, ax)
    for i, ax in enumerate(axes[len(shown) : count]):
        output_response(network, i, box, ax, task=task)
        _small_title("output" if network.outputs == 1 else f"output {i + 1}", NeuronLabel(), ax)
    for ax in axes[count:]:
        ax.set_axis_off()
    caption = {
        1: "What each neuron and the output answer over the box; dotted: the task itself.",
        2: "What each neuron answers over the box: dark is low, light is high; white: where it switches on.",
    }.get(network.inputs, "Each neuron's incoming weights; negative ones hatched.")
    if len(shown) < len(neurons):
        caption += f" The first {len(shown)} of {len(neurons)} neurons."
    words = "; ".join(f"v{i} {labels.get((layer, i), NeuronLabel()).text}" for layer, _, i in shown)
    frame = pd.DataFrame(
        [
            {
                "layer": layer,
                "neuron": i,
                **{f"weight{k + 1}": w for k, w in enumerate(network.weights[block][i])},
                "bias": network.bias_vectors[block][i],
            }
            for layer, block, i in neurons
        ]
    )
    svg = inline_svg(figure, f"Responses over the box of inputs. {words}.")
    return FigureView(Markup(svg), caption, csv_uri(frame), f"{name}-neurons")


def _small_title(name: str, label: NeuronLabel, ax: Any) -> None:
    """Two short lines: which neuron, and what it holds."""
    ax.set_title(name, fontsize=8, fontweight="bold", pad=12 if label.feature else 4)
    if label.feature:
        text = labelled(label.feature, label.on)
        # 22 characters are as wide as the plot; a longer text is set smaller, and beyond 28 leaves out its
        # arguments, which stand in the graph.
        text = text if len(text) <= 28 else label.feature
        size = 7.5 * min(1.0, 22 / len(text))
        ax.text(0.5, 1.04, text, fontsize=size, ha="center", va="bottom", transform=ax.transAxes)


def _edge_list(network: Network) -> pd.DataFrame:
    """Every weight and bias of a network, one a row."""
    rows = []
    for k, (matrix, bias) in enumerate(zip(network.weights, network.bias_vectors, strict=True)):
        for j, values in enumerate(matrix):
            rows += [{"matrix": k, "to": j, "from": i, "weight": w} for i, w in enumerate(values)]
            rows.append({"matrix": k, "to": j, "from": "bias", "weight": bias[j]})
    return pd.DataFrame(rows)


def _task_prevalence(tables: Tables, name: str) -> FigureView | None:
    """Which features the task's solved networks hold, at the smallest width that has some."""
    rows = strongest(rows_of(tables, "prevalence", task=name))
    if rows.empty:
        return None
    for panel in panels(rows):
        part = of_panel(rows, panel)
        if part["n"].max() > 0:
            break
    else:
        return None
    forced = part["forced"].fillna(False).astype(bool)
    part = part[(part["found"] > 0) | (part["untrained_found"].fillna(0) > 0) | forced]
    if part.empty:
        return None
    part = part.sort_values("value", ascending=False, kind="stable").head(12)
    figure, (ax,) = blank(6.6, 0.75 + 0.24 * len(part))
    figures.prevalence(part, ax)
    where = cell_name(*part.iloc[0][CELL])
    best = part.iloc[0]
    words = (
        f"Features held by solved networks of {name}, {where}: most often {best['feature']}, "
        f"{int(best['found'])} of {int(best['n'])}."
    )
    caption = (
        f"Which features the {int(best['n'])} solved networks of {where} hold, with exact 95% intervals."
    )
    return FigureView(Markup(inline_svg(figure, words)), caption, csv_uri(part), f"{name}-features")


def _task_census(tables: Tables, name: str) -> FigureView | None:
    """In how many ways the task's solved networks compute it, and where they lie between two of them."""
    rows = in_order(rows_of(tables, "census", task=name))
    if rows.empty:
        return None
    gauges = rows[rows["level"] == "gauge"]
    if gauges["name"].nunique() < 2:
        # One way needs no figure: the sentence above gives its interval.
        return None
    spread = share_rows(tables, name)
    cells = spread.groupby(CELL).ngroups if len(spread) else 0
    height = 0.75 + 0.22 * (len(gauges) + len(gauges.drop_duplicates(CELL)))
    below = 0.75 + 0.3 * cells if cells else 0.0
    figure, axes = blank(
        7.2, height + below, rows=2 if cells else 1, height_ratios=[height, below] if cells else [1]
    )
    figures.census(gauges, axes[0])
    said = gauges.groupby("name", sort=False)["found"].sum().sort_values(ascending=False, kind="stable")
    words = f"Ways in which solved networks compute {name}: " + "; ".join(
        f"{k}: {v}" for k, v in said.items()
    )
    caption = (
        "Which way of computing it (gauge) the solved networks take, per width and regimen, with exact 95% "
        "intervals; grey squares: ways that the catalogue has no name for."
    )
    if cells:
        figures.shares(spread, axes[1])
        axes[1].set_xlabel(share_meaning(name))
        caption += (
            " Below, every network by the share of its kink on one side: 0 and 1 are the two minimal ways."
        )
    # A class is what all these have in common; it is told in words.
    return FigureView(Markup(inline_svg(figure, words + ".")), caption, csv_uri(rows), f"{name}-census")


def _readouts(tables: Tables) -> FigureView | None:
    """Needed features against controls, over all cells of a task, before and after training."""
    summary = directions_summary(tables)
    if summary.empty:
        return None
    with_needs = set(summary["task"][summary["kind"] == "needed"])
    if not with_needs:
        return None
    rows = summary[summary["task"].isin(with_needs)].copy()
    # Cells as the tables have them, needed features above their controls.
    rows["cell"] = [cell_name(*row) for row in rows[CELL].itertuples(index=False)]
    place = {pair: k for k, pair in enumerate(dict.fromkeys(zip(rows["task"], rows["cell"], strict=True)))}
    rows["place"] = [place[pair] for pair in zip(rows["task"], rows["cell"], strict=True)]
    rows = rows.sort_values(["place", "kind"], ascending=[True, False]).drop(columns="place")
    figure, (ax,) = blank(6.8, 0.75 + 0.24 * len(rows))
    figures.readouts(rows, ax)
    said = rows.groupby("kind")[["readable", "tested"]].sum()
    words = "; ".join(
        f"{kind}: {int(r['readable'])} of {int(r['tested'])} readable" for kind, r in said.iterrows()
    )
    caption = (
        "Filled: solved networks. Hollow: the same networks before training. Blue: features that the task needs "
        "(its output and its inputs span them). Red squares, dashed: controls. The count is how many were "
        "declared readable: below the dotted bar, ten times better than before training, and surer than chance. "
        "A layer of the smallest width need not carry every input, and then fewer can be read. Tasks that do not "
        "bend need no feature, and with one input untrained layers read the needed ones as well: not shown."
    )
    return FigureView(Markup(inline_svg(figure, f"Read-outs. {words}.")), caption, csv_uri(rows), "read-outs")


def _similarity(tables: Tables, name: str) -> tuple[str, FigureView] | None:
    """A task's similarity maps: measures and populations down, cells across, the null under each."""
    rows = rows_of(tables, "similarity", task=name)
    if rows.empty:
        return None
    summary = similarity_summary(rows)
    cells = list(dict.fromkeys(zip(*(in_order(rows)[column] for column in CELL), strict=True)))
    measures = [measure for measure in MEASURES if measure in set(rows["measure"])]
    populations = [p for p in ("trained", "untrained") if p in set(rows["population"])]
    lines = [(measure, population) for measure in measures for population in populations]
    if not lines:
        return None
    # A cell's column is as wide as the line under it.
    figure, axes = blank(
        0.9 + 1.75 * len(cells), 0.3 + 1.72 * len(lines), rows=len(lines), columns=len(cells)
    )
    for (measure, population), k in zip(lines, range(0, len(axes), len(cells)), strict=True):
        for (hidden, width, regimen), ax in zip(cells, axes[k : k + len(cells)], strict=True):
            part = rows[(rows["measure"] == measure) & (rows["population"] == population)]
            part = part[(part[CELL] == [hidden, width, regimen]).all(axis=1)]
            if part.empty:
                ax.text(0.5, 0.5, "none", ha="center", va="center", fontsize=8, transform=ax.transAxes)
                ax.set(xticks=[], yticks=[])
            else:
                figures.similarity_map(similarity_matrix(part), ax)
                ax.set_box_aspect(1)
            ax.set_xlabel(_under(part, population), fontsize=7, labelpad=3)
            if k == 0:
                ax.set_title(cell_name(hidden, width, regimen), fontsize=8, fontweight="bold")
        axes[k].set_ylabel(f"{MEASURES[measure][1].split(',')[0]}\n{population}", fontsize=7.5)
    trained = summary["mean"].dropna()
    words = (
        f"Similarity of networks of {name}, measures and populations down, cells across. Mean over solved "
        f"networks {number(float(trained.mean()))}; every mean stands in the table below."
    )
    caption = (
        f"{name}: each square is a pair of networks, ordered so that alike ones are neighbours. Under each "
        "map its mean; under trained ones also the null, pairs of untrained networks: mean and 95% quantile."
    )
    return name, FigureView(
        Markup(inline_svg(figure, words)), caption, csv_uri(summary), f"{name}-similarity"
    )


def _under(part: pd.DataFrame, population: str) -> str:
    """The line under a map: its mean, and for trained networks what the null gives."""
    if part.empty:
        return "no two solved" if population == "trained" else ""
    text = f"mean {part['value'].mean():.2f}"
    if part["null_mean"].notna().any():
        text += f"; null {part['null_mean'].mean():.2f}, 95%: {part['null_q95'].mean():.2f}"
    return text


def _similarity_scale() -> Markup:
    figure, (ax,) = blank(2.2, 0.42)
    figures.similarity_scale(ax)
    return Markup(inline_svg(figure, "Colour scale from 0, dark, to 1, light."))


# Tables

_CELL_COLUMNS = [
    Column("task", "task"),
    Column("hidden", "hidden", help="neurons per hidden layer"),
    Column("width", "width", help="as a multiple of the smallest known"),
    Column("regimen", "regimen", help="how it was trained"),
]
_FEATURE_COLUMNS = [Column("feature", "feature", "feature"), Column("on", "of")]


def _views(tables: Tables) -> Iterator[TableView]:
    """Every table of the page that has rows."""
    makers = (
        _success_table,
        _prevalence_table,
        _derived_table,
        _status_table,
        _missing_table,
        _neuron_table,
        _similarity_table,
        _ensemble_table,
        _direction_table,
        _formula_table,
        _program_table,
        _circuit_table,
        _census_table,
        _kink_table,
        _rank_table,
        _candidate_table,
        _network_table,
    )
    for make in makers:
        view = make(tables)
        if view is not None and view.rows:
            yield view


def _success_table(tables: Tables) -> TableView:
    columns = [
        *_CELL_COLUMNS,
        Column("n", "networks", "count"),
        Column("solved", "solved", "count"),
        Column("value", "share, 95% interval", "interval"),
    ]
    rows = in_order(rows_of(tables, "success"))
    caption = "One row per cell: how many of its seeds solved the task."
    return table_view(rows, "success", caption, columns, source="tables/success.parquet")


def _prevalence_table(tables: Tables) -> TableView:
    columns = [
        *_FEATURE_COLUMNS,
        Column("verdict", "verdict", "verdict"),
        *_CELL_COLUMNS,
        Column("found", "found", "count", "solved networks in which a used neuron holds it"),
        Column("n", "solved", "count"),
        Column("value", "share, 95% interval", "interval", "filled: solved networks; hollow: untrained ones"),
        Column("untrained_value", "untrained", "percent"),
        Column("reason", "why"),
        Column("q", "q", "number", "false discovery rate at which the verdict would just be made"),
        Column("oriented", "oriented", "truth", "yes: these very arguments; no: up to the task's symmetries"),
    ]
    table = rows_of(tables, "prevalence")
    if table.empty:
        return table_view(table, "prevalence", "", columns)
    held = (table["found"] > 0) | table["forced"].fillna(False).astype(bool)
    rows = in_order(table[held])
    # What a reader comes for first: verdicts modulo symmetry, in the order of the legend.
    ranks = {name: k for k, name in enumerate(name for name, *_ in verdict_legend())}
    rank = rows["verdict"].map(ranks).fillna(len(ranks))
    rows = rows.assign(_oriented=rows["oriented"].astype(bool), _rank=rank)
    rows = rows.sort_values(["_oriented", "_rank", "value"], ascending=[True, True, False], kind="stable")
    caption = (
        "One row per feature, arguments and cell that some solved network holds or the function forces; "
        "features that none holds are in the file."
    )
    source = "tables/prevalence.parquet"
    return table_view(
        rows.drop(columns=["_oriented", "_rank"]),
        "prevalence",
        caption,
        columns,
        source=source,
        total=len(table),
    )


def _derived_table(tables: Tables) -> TableView:
    columns = [
        *_CELL_COLUMNS,
        Column("networks", "solved networks", "count"),
        Column("neurons", "neurons", "count"),
        Column("labelled", "best label is a derived feature", "count"),
        Column("held", "holds it", "count", "and at most a thousandth of it is unexplained"),
        Column("share", "share that holds it", "percent"),
    ]
    caption = "Solved networks of the smallest width: do their neurons carry the features derived by hand?"
    return table_view(derived_share(tables), "derived", caption, columns)


def _status_table(tables: Tables) -> TableView | None:
    neurons = rows_of(tables, "neurons", population="trained")
    networks = rows_of(tables, "networks", population="trained")
    if neurons.empty or networks.empty:
        return None
    solved = set(networks[networks["solved"].astype(bool)]["network"])
    neurons = neurons[neurons["network"].isin(solved)]
    if neurons.empty:
        return None
    key = ["task", *CELL]
    counts = neurons.groupby([*key, "status"], sort=False).size().unstack("status", fill_value=0)
    order = [status for status in STATUSES if status in counts.columns]
    rows = in_order(counts[order].reset_index())
    columns = [*_CELL_COLUMNS, *(Column(s, s, "count", STATUSES[s]) for s in order)]
    caption = "All neurons of solved networks by status: what each single label is worth as evidence."
    return table_view(rows, "statuses", caption, columns)


def _missing_table(tables: Tables) -> TableView:
    columns = [
        *_CELL_COLUMNS,
        Column("feature", "missing feature"),
        Column("networks", "lacking it", "count"),
        Column("failed", "failed networks", "count"),
        Column("share", "share", "percent"),
    ]
    caption = "Networks that failed: which expected feature is absent, up to the task's symmetries."
    return table_view(missing_features(tables), "missing", caption, columns)


def _neuron_table(tables: Tables) -> TableView | None:
    neurons = rows_of(tables, "neurons")
    if neurons.empty:
        return None
    names = [chosen.network for task in _task_names(tables) for chosen in chosen_networks(tables, task)]
    rows = neurons[neurons["network"].isin(set(filter(None, names)))]
    if "population" in rows:
        rows = rows[rows["population"] != "untrained"]
    columns = [
        Column("network", "network"),
        Column("layer", "layer", "count"),
        Column("neuron", "neuron", "count"),
        Column("status", "status"),
        *_FEATURE_COLUMNS,
        Column("scope", "scope", help="input: of the network's inputs; upstream: of the layer before"),
        Column(
            "unexplained", "unexplained", "number", "share of the neuron's variance that the feature leaves"
        ),
        Column("p", "p", "number", "chance that an untrained network does as well"),
        Column("q", "q", "number", "the same, controlled for the network's other neurons"),
        Column(
            "causal", "causal", "number", "share of the output restored by the feature in the neuron's place"
        ),
        Column(
            "contribution", "contribution", "number", "error when the neuron is removed, over output variance"
        ),
        Column("used", "used", "truth"),
        Column("expected", "expected", "truth", "whether the hand-derived network has this feature"),
    ]
    caption = (
        "The neurons of the networks drawn above; layers and neurons count from 0, so that v0 is neuron 0."
    )
    source = "tables/neurons.parquet"
    return table_view(rows, "neurons", caption, columns, source=source, total=len(neurons))


def _similarity_table(tables: Tables) -> TableView:
    columns = [
        *_CELL_COLUMNS,
        Column("measure", "measure"),
        Column("pairs", "pairs", "count"),
        Column("mean", "mean", "number"),
        Column("null_mean", "null mean", "number", "between networks before training"),
        Column("null_q95", "null 95%", "number", "95% of untrained pairs are less alike than this"),
    ]
    rows = similarity_summary(rows_of(tables, "similarity"))
    caption = "Mean over pairs of solved networks, beside the null: pairs of untrained ones."
    return table_view(rows, "similarity", caption, columns)


def _ensemble_table(tables: Tables) -> TableView:
    columns = [
        *_FEATURE_COLUMNS,
        *_CELL_COLUMNS,
        Column("found", "found", "count"),
        Column("n", "solved", "count"),
        Column("prevalence", "share", "percent"),
        Column("null_prevalence", "share by chance", "percent", "from used neurons of untrained networks"),
        Column("p", "p", "number"),
        Column("q", "q", "number"),
    ]
    rows = rows_of(tables, "ensembles")
    total = len(rows)
    if total:
        rows = rows.sort_values("q", kind="stable")
    caption = (
        "Does a feature recur over the seeds more often than untrained networks would have it? Surest first."
    )
    source = "tables/ensembles.parquet"
    return table_view(rows, "ensembles", caption, columns, source=source, total=total)


def _direction_table(tables: Tables) -> TableView:
    columns = [
        *_CELL_COLUMNS,
        Column(
            "kind",
            "kind",
            help="needed: spanned by the output and the inputs; control: the task has no use for it",
        ),
        Column("tested", "tested", "count", "features times networks"),
        Column("readable", "readable", "count"),
        Column("share", "share", "percent"),
        Column("unexplained", "unexplained (median)", "number"),
        Column("untrained", "untrained (median)", "number"),
    ]
    caption = "Features times networks: how many can be read, and what the read-out leaves before and after training."
    return table_view(directions_summary(tables), "directions", caption, columns)


def _formula_table(tables: Tables) -> TableView:
    columns = [
        *_CELL_COLUMNS,
        Column("networks", "solved", "count"),
        Column("exact", "are the task", "count", "their formula and the task are one function"),
        Column(
            "spec_upper",
            "off it by at most",
            "bound",
            "of all of them, anywhere on the box; proved, rounded up",
        ),
        Column(
            "formulas", "have a formula", "count", "within 0.005 of the network, simpler than its weights"
        ),
        Column(
            "error", "off that by at most", "bound", "of all of them, anywhere on the box; proved, rounded up"
        ),
        Column("bits", "bits (median)", "number", "description length of the formula"),
        Column("raw_bits", "bits of the weights", "number"),
    ]
    caption = "Do the solved networks compute the task's own formula, and how far are they off it anywhere on the box?"
    return table_view(formula_summary(tables), "formulas", caption, columns)


def _program_table(tables: Tables) -> TableView | None:
    programs = rows_of(tables, "programs")
    if programs.empty:
        return None
    columns = [
        Column("network", "network"),
        Column("solved", "solved", "truth"),
        Column("formula", "formula"),
        Column("error", "off by at most", "bound"),
        Column("equals_task", "is the task", "truth"),
        Column("spec_upper", "off the task by at most", "bound"),
        Column("class", "class"),
        Column("gauge", "gauge", "long"),
        Column("reason", "why no formula", "long"),
    ]
    solved = solved_ids(tables)
    derived = programs["population"] == "derived"
    shown = in_order(programs.assign(solved=derived | programs["network"].isin(solved)))
    # What has no formula is rarer and says more: those first, then a few of each cell.
    odd = shown[shown["formula"].isna()]
    rows = pd.concat([first_seeds(odd, ROWS // 2), first_seeds(shown[shown["formula"].notna()], ROWS // 2)])
    caption = "Networks in words: those without a formula first, then the first seeds of each cell."
    source = "tables/programs.parquet"
    return table_view(rows, "programs", caption, columns, source=source, total=len(programs))


def _circuit_table(tables: Tables) -> TableView | None:
    circuits = rows_of(tables, "circuits", population="trained")
    if circuits.empty:
        return None
    counted_by = ["task", *CELL, "circuit", "on", "output"]
    rows = circuits.groupby(counted_by, sort=False).agg(
        networks=("network", "nunique"), distance=("distance", "median"), certified=("certified", "max")
    )
    columns = [
        *_CELL_COLUMNS,
        Column("circuit", "circuit"),
        Column("on", "of"),
        Column("output", "at"),
        Column("networks", "networks", "count"),
        Column(
            "distance",
            "distance (median)",
            "number",
            "of effective weights to the nearest known implementation",
        ),
        Column(
            "certified", "changes the output by at most", "bound", "when the template is put in its place"
        ),
    ]
    caption = "Circuits of the catalogue found inside the networks that were put into words."
    source = "tables/circuits.parquet"
    table = in_order(rows.reset_index())
    return table_view(table, "circuits", caption, columns, source=source)


def _census_table(tables: Tables) -> TableView:
    columns = [
        *_CELL_COLUMNS,
        Column(
            "level",
            "level",
            help="class: the function up to the task's symmetries; gauge: the way it is computed",
        ),
        Column("name", "name", "long"),
        Column("found", "found", "count"),
        Column("n", "solved", "count"),
        Column("value", "share, 95% interval", "interval"),
    ]
    caption = "How many functional classes and gauges the solved networks fall into."
    rows = in_order(rows_of(tables, "census"))
    return table_view(rows, "census", caption, columns, source="tables/census.parquet")


def _kink_table(tables: Tables) -> TableView:
    columns = [
        *_CELL_COLUMNS,
        Column("networks", "solved networks", "count"),
        Column("passed", "pass", "count"),
        Column("share", "share", "percent"),
        Column(
            "median", "explained (median)", "number", "share of the output's bend that matched kinks make"
        ),
        Column("lazy", "lazy 95%", "number", "what 95% of networks with a random hidden layer stay below"),
    ]
    caption = "Do the named kinks alone make the network bend as it does? Beside networks with a random hidden layer."
    return table_view(kink_summary(tables), "kinks", caption, columns)


def _rank_table(tables: Tables) -> TableView:
    columns = [
        *_CELL_COLUMNS,
        Column("layer", "layer", "count"),
        Column("networks", "solved networks", "count"),
        Column("live", "live neurons (most)", "count"),
        Column("number", "readable features (most)", "count"),
        Column("rank", "their rank (largest)", "count", "dimensions that hold them all"),
        Column("interference", "interference (median)", "number", "mean cosine between their directions"),
    ]
    caption = (
        "Superposition: are there more independent readable features in a layer than neurons to hold them?"
    )
    rows = superposition_summary(tables)
    return table_view(rows, "superposition", caption, columns, source="tables/superposition.parquet")


def _candidate_table(tables: Tables) -> TableView:
    columns = [
        Column("task", "task"),
        Column("formula", "formula", "long"),
        Column("circuit", "a way to compute"),
        Column("found", "networks", "count"),
        Column("n", "solved", "count"),
        Column("error", "off by at most", "bound", "the snapped formula against its members, certified"),
    ]
    caption = "Circuits that recur in solved networks and have no name yet."
    return table_view(rows_of(tables, "candidates"), "candidates", caption, columns, source="candidates.toml")


def _network_table(tables: Tables) -> TableView | None:
    networks = rows_of(tables, "networks")
    if networks.empty:
        return None
    trained = in_order(networks[networks["population"] == "trained"])
    columns = [
        Column("network", "network"),
        *_CELL_COLUMNS,
        Column("seed", "seed", "count"),
        Column("loss", "loss", "number", "mean squared error on fresh inputs"),
        Column("threshold", "solved below", "number"),
        Column("solved", "solved", "truth"),
        Column("missing", "missing features"),
        Column("kinks", "kinks", "number", "share of the output's bend that matched kinks make"),
        Column("kinks_passed", "kinks pass", "truth"),
        Column("steps", "steps", "count"),
        Column("parameters", "weights", "count"),
    ]
    caption = "The trained networks: the first seeds of each cell."
    source = "tables/networks.parquet"
    shown = first_seeds(trained, ROWS)
    return table_view(shown, "networks", caption, columns, source=source, total=len(trained))
