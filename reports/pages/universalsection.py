"""Universal section: features by tasks, circuits by tasks, how alike the networks are, and where the ladder stops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from markupsafe import Markup

from ..plots import figures, universalfigures
from ..plots.clusters import clustered
from ..plots.rendering import blank, inline_svg
from ..studies.schema import Tables
from ..wording import cell_name, counted, labelled, number, percent
from .selections import (
    CELL,
    directions_summary,
    in_order,
    notable_features,
    of_panel,
    panels,
    rows_of,
    similarity_summary,
    strongest,
    task_names,
)
from .universality import LADDER, circuit_shares, emergence_panels, ladder_names, transplant_pairs
from .views import FigureView, figure_view

#: Columns of tiles beside each other: more would shrink a tile below its letter.
_TILES = 30
#: Lines of a ladder figure: more are a table.
_LINES = 40
#: What differs -> who is compared.
_LADDERS = {
    "tasks": "networks of two tasks",
    "seeds": "the seeds of one condition",
    "widths": "two widths of one task and regimen",
    "regimens": "two regimens at one width",
}
#: A ladder figure -> what stands above it.
LADDER_HEADS = {f"ladder-{kind}": words.capitalize() for kind, words in _LADDERS.items()}
#: What is compared on the rungs that have a number for every pair of networks.
RUNGS = {
    "subspace": "Same information (CKA)",
    "units": "Same neurons (matched correlation)",
    "circuit": "Same mechanism (circuit similarity)",
}
MEASURES = {
    "correlation_matching": ("Neuron by neuron", "mean best correlation of units, one-to-one"),
    "cka": ("As whole layers", "unbiased CKA"),
}


def periodic_figures(tables: Tables) -> Iterator[FigureView]:
    """Periodic tables: as many cells of the grid beside each other as keep a tile readable."""
    rows = strongest(rows_of(tables, "prevalence"))
    features = notable_features(rows)
    if not features:
        return
    names = [name for name in task_names(tables) if name in set(rows["task"])]
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
            "colour and letter of its verdict. Line at the foot: share of untrained networks. Dot: no solved "
            "network holds it. Dash: no network solved the task. The pointer shows the numbers."
        )
        yield figure_view(figure, words, caption, shown, f"periodic-{start}")


def readout_figure(tables: Tables) -> FigureView | None:
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
        "Filled: solved networks. Hollow: networks with the same offsets that point elsewhere (the median). Blue: "
        "features that the task needs (its output and its inputs span them). Red squares, dashed: controls. The count "
        "is how many were declared readable: below the dotted bar, ten times better than such networks, and surer "
        "than chance. A layer of the smallest width need not carry every input, and then fewer can be read. Tasks that "
        "do not bend need no feature, and with one input such layers read the needed ones as well: not shown."
    )
    return figure_view(figure, f"Read-outs. {words}.", caption, rows, "read-outs")


def similarity_figure(tables: Tables, name: str) -> tuple[str, FigureView] | None:
    """A task's similarity maps: cells down, measures and populations across, the null under each."""
    rows = rows_of(tables, "similarity", task=name)
    if rows.empty:
        return None
    summary = similarity_summary(rows)
    cells = [tuple(cell) for cell in in_order(rows.drop_duplicates(CELL))[CELL].values.tolist()]
    lines = [
        (measure, population)
        for measure in MEASURES
        for population in ("trained", "untrained")
        if ((rows["measure"] == measure) & (rows["population"] == population)).any()
    ]
    if not lines:
        return None
    maps: list[list[pd.DataFrame | None]] = []
    notes: list[list[str]] = []
    parts = dict(iter(rows.groupby([*CELL, "measure", "population"], sort=False)))
    for cell in cells:
        own = [parts.get((*cell, *line), rows.iloc[:0]) for line in lines]
        maps.append([clustered(part).matrix if len(part) else None for part in own])
        notes.append([_under(part, population) for part, (_, population) in zip(own, lines, strict=True)])
    figure, (ax,) = blank(0.4 + 1.62 * len(lines), 0.3 + 1.82 * len(cells))
    universalfigures.similarity_grid(
        maps,
        ax,
        rows=[cell_name(*cell).replace(", ", "\n") for cell in cells],
        columns=[f"{MEASURES[measure][1].split(',')[0]}\n{population}" for measure, population in lines],
        notes=notes,
    )
    trained = summary["mean"].dropna()
    words = (
        f"Similarity of networks of {name}, cells down, measures and populations across. Mean over solved "
        f"networks {number(float(trained.mean()))}; every mean stands in the table below."
    )
    caption = (
        f"{name}: each square is a pair of networks, ordered so that alike ones are neighbours. Under each "
        "map its mean; under trained ones also the null, pairs of untrained networks: mean and 95% quantile."
    )
    return name, figure_view(figure, words, caption, summary, f"{name}-similarity")


def _under(part: pd.DataFrame, population: str) -> str:
    """The line under a map: its mean, and for trained networks what the null gives."""
    if part.empty:
        return "no two solved" if population == "trained" else ""
    text = f"mean {part['value'].mean():.2f}"
    if part["null_mean"].notna().any():
        text += f"\nnull {part['null_mean'].mean():.2f}, 95%: {part['null_q95'].mean():.2f}"
    return text


def cluster_figures(tables: Tables) -> Iterator[FigureView]:
    """Networks of all tasks with equally many inputs, rung by rung, trained beside untrained."""
    pairs, contrasts = rows_of(tables, "pairs"), rows_of(tables, "contrasts")
    if pairs.empty:
        return
    for inputs, rows in pairs.groupby("inputs", sort=True):
        rungs = [rung for rung in RUNGS if rung in set(rows["rung"])]
        populations = [p for p in ("trained", "untrained") if p in set(rows["population"])]
        names = list(dict.fromkeys([*rows["task_a"], *rows["task_b"]]))
        letters = dict(zip(names, _letters(names), strict=True))
        figure, axes = blank(
            0.4 + 2.9 * len(populations), 0.3 + 2.95 * len(rungs), rows=len(rungs), columns=len(populations)
        )
        said = []
        for k, ax in enumerate(axes):
            rung, population = rungs[k // len(populations)], populations[k % len(populations)]
            part = rows[(rows["rung"] == rung) & (rows["population"] == population)]
            if part.empty:
                ax.set_axis_off()
                continue
            groups = dict(zip(part["network_a"], part["task_a"], strict=True))
            groups |= dict(zip(part["network_b"], part["task_b"], strict=True))
            universalfigures.cluster_map(clustered(part, groups), letters, ax)
            ax.set_title(f"{RUNGS[rung]},\n{population}", fontsize=8, fontweight="bold")
            known = rows_of(
                {"contrasts": contrasts}, "contrasts", rung=rung, inputs=inputs, population=population
            )
            note = _contrast(known)
            ax.set_xlabel(note.replace("; ", "\n"), fontsize=7.5)
            said.append(f"{rung}, {population}: {note or 'one task alone'}")
        legend = ", ".join(f"{letter}: {name}" for name, letter in letters.items())
        noun = "input" if inputs == 1 else "inputs"
        words = f"Similarity of networks of tasks with {inputs} {noun}. {'. '.join(said)}. {legend}."
        caption = (
            f"Tasks with {inputs} {noun} ({legend}): six solved networks of each at the left, untrained ones at the "
            "right; light is alike, dark is not; clustered by average linkage, the tree above. Networks that learned "
            "the same would form blocks of their letter at the left and not at the right. Below: mean similarity "
            "within and across tasks, their difference with its bootstrap interval, and the p of a permutation test "
            "over networks."
        )
        yield figure_view(figure, words, caption, rows, f"clusters-{inputs}")


def _letters(names: Sequence[str]) -> list[str]:
    """A letter for each name, its own first letter where that is free."""
    found: list[str] = []
    for name in names:
        wanted = [c.upper() for c in name if c.isalpha()] + list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        found.append(next((c for c in wanted if c not in found), name))
    return found


def _contrast(known: pd.DataFrame) -> str:
    if known.empty:
        return ""
    row = known.iloc[0]
    # What is below 1e-12 is the rounding of a mean of numbers up to 1. Adding 0 takes the sign from a zero.
    names = ("within", "across", "effect", "low", "high", "p")
    numbers = {name: number(round(float(row[name]), 12) + 0.0) for name in names}
    return "within {within}, across {across}; difference {effect} ({low} to {high}), p = {p}".format(
        **numbers
    )


def ladder_figures(tables: Tables) -> Iterator[FigureView]:
    """Where the ladder stops: between tasks, among the seeds of a condition, and between conditions of a task."""
    rows = rows_of(tables, "ladder")
    if rows.empty:
        return
    rows = rows.assign(pair=ladder_names(rows))
    for kind, words in _LADDERS.items():
        part = rows[rows["kind"] == kind]
        if part.empty:
            continue
        part = part[part["pair"].isin(list(dict.fromkeys(part["pair"]))[:_LINES])]
        lines = part["pair"].nunique()
        figure, (ax,) = blank(6.4, 0.5 + 0.25 * lines)
        universalfigures.ladder(part, ax, rungs=list(LADDER))
        stops = part[part["stops"].astype(bool)]["rung"].value_counts()
        through = lines - int(stops.sum())
        said = "; ".join(f"{stops[rung]} stop at {rung}" for rung in LADDER if rung in stops.index)
        caption = (
            f"The ladder for {words}: S same, D different, P partial, V as alike as networks that learned nothing, "
            "? too few to tell; s the same, as the function at that size has it. The bar stands where it stops."
        )
        yield figure_view(
            figure,
            f"The ladder for {words}: {said or 'none stops'}; {through} of {lines} reach the end.",
            caption,
            part.drop(columns="pair"),
            f"ladder-{kind}",
        )


def transplant_figures(tables: Tables) -> Iterator[FigureView]:
    """Features put from task to task, a matrix for each feature, with decoys beside."""
    summary = transplant_pairs(tables)
    if summary.empty:
        return
    wanted = []
    for feature, rows in summary.groupby("feature", sort=False):
        done = rows[rows["accuracy"].notna()]
        names = [t for t in task_names(tables) if t in {*done["task_a"], *done["task_b"]}]
        if names:
            wanted.append((str(feature), rows, names))
    if not wanted:
        return
    columns = min(3, len(wanted))
    down = -(-len(wanted) // columns)
    side = max(len(names) for _, _, names in wanted)
    figure, axes = blank(
        (1.1 + 0.46 * side) * columns, (1.2 + 0.46 * side) * down, rows=down, columns=columns
    )
    for (feature, rows, names), ax in zip(wanted, axes, strict=False):
        universalfigures.transplants(rows, ax, tasks=names)
        # The same size of tile for every feature.
        ax.set(xlim=(-0.55, side - 0.45), ylim=(side - 0.45, -0.55))
        ax.set_xlabel(feature, fontweight="bold", fontsize=8.5)
    for ax in axes[len(wanted) :]:
        ax.set_axis_off()
    done = summary[summary["accuracy"].notna()]
    words = (
        f"Transplants of {counted(len(wanted), 'feature')} between tasks: restored in the median "
        f"{number(float(done['accuracy'].median()))}, by decoys {number(float(done['decoy'].median()))}."
    )
    caption = (
        "Donors down, recipients across. The feature's neurons of the donor answer in place of the recipient's, on "
        "inputs that the two do not share. Upper number and area: share of the recipient's output that this "
        "restores (1: as if nothing had been exchanged). Lower number: the best decoy (another "
        "neuron, a random direction, shuffled inputs). On the diagonal: from seed to seed. A dot: one of the two does "
        "not hold the feature, the pointer says which."
    )
    yield figure_view(figure, words, caption, summary, "transplants-by-task")


def emergence_figure(tables: Tables) -> FigureView | None:
    """When features appear: the share of the solved seeds that hold each, step by step, a panel per task."""
    rows = emergence_panels(tables)
    if rows.empty:
        return None
    names = list(dict.fromkeys(rows["task"]))
    columns = min(3, len(names))
    down = -(-len(names) // columns)
    figure, axes = blank(2.55 * columns, 2.3 * down, rows=down, columns=columns)
    for name, ax in zip(names, axes, strict=False):
        part = rows[rows["task"] == name]
        universalfigures.emergence(part, ax)
        first = part.iloc[0]
        where = cell_name(*first[CELL])
        ax.set_title(f"{name}\n{where}, {int(first['n'])} seeds", fontsize=8)
        ax.legend(
            fontsize=6.8, loc="upper center", bbox_to_anchor=(0.5, -0.3), handlelength=2.4, frameon=False
        )
        ax.set_xlabel("step", fontsize=8, labelpad=0)
        ax.tick_params(labelsize=8)
    for ax in axes[::columns]:
        ax.set_ylabel("seeds that hold it", fontsize=8)
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    parts = []
    for (task, feature, on), part in rows.sort_values("step").groupby(["task", "feature", "on"], sort=False):
        first, last = (percent(float(part["value"].iloc[k])) for k in (0, -1))
        parts.append(f"{labelled(feature, on)} in {task} from {first} to {last}")
    words = "Emergence of features: " + "; ".join(parts)
    caption = (
        "Of the seeds that solved the task in the end, the share that hold each feature, against the training step "
        "(logarithmic; 0 is before training), with exact 95% intervals. What starts high was there before anything "
        "was learned. A panel per task: the condition with the most solved seeds, of equals the narrowest."
    )
    return figure_view(figure, words + ".", caption, rows, "emergence")


def circuit_figure(tables: Tables) -> FigureView | None:
    """Which circuits of the catalogue were found in the solved networks of which tasks."""
    rows = circuit_shares(tables)
    if rows.empty:
        return None
    names = [name for name in task_names(tables) if name in set(rows["task"])]
    # Circuits that more tasks use come first: the table reads from what is shared to what is special.
    spread = rows.groupby("circuit", sort=False)["task"].nunique().sort_values(ascending=False, kind="stable")
    circuits = [str(name) for name in spread.index]
    figure, (ax,) = blank(2.2 + 0.36 * len(names), 1.4 + 0.36 * len(circuits))
    universalfigures.circuit_tiles(rows, ax, circuits=circuits, tasks=names)
    words = "Circuits by tasks: " + "; ".join(
        f"{row['circuit']} in {row['task']}: {int(row['found'])} of {int(row['n'])}"
        for row in rows.to_dict("records")
    )
    caption = (
        "Share (in per cent) of the solved networks of a task, over all widths and regimens, in which the circuit was "
        "found. A circuit of the task's own name is what the task asks for; the others are parts that it is made of. "
        "Circuits are looked for in solved networks only: untrained ones compute none of these functions."
    )
    return figure_view(figure, words + ".", caption, rows, "circuits-by-task")


def scale() -> Markup:
    """The colour scale of the similarity maps."""
    figure, (ax,) = blank(2.2, 0.42)
    figures.similarity_scale(ax)
    return Markup(inline_svg(figure, "Colour scale from 0, dark, to 1, light."))
