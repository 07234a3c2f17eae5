"""Composition in a group, reported: a study of its networks as one page, with summary, tables and figures."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from mathcircuits.models.training import CompositionRegimen

from .groupstudies import GroupStudy, group_study
from .pages.htmltables import Column, TableView, csv_uri, table_view
from .pages.templating import render
from .plots import groupfigures as figures
from .plots.modularfigures import grokking_curves
from .plots.palette import every_colour
from .plots.rendering import blank, inline_svg, write_figure
from .studies.storage import atomic, write_json
from .wording import counted, percent

#: Tables of a study, each a file of its name.
_TABLES = ("networks", "irreps", "neurons", "thresholds", "verdicts")


def group_report(
    out: str | os.PathLike[str],
    group: str,
    *,
    seeds: Iterable[int] = range(10),
    regimen: CompositionRegimen | None = None,
    draws: int = 100,
    progress: bool | None = None,
) -> Path:
    """Train networks to compose in a group, read them, and write what was found.

    Writes into the folder: `index.html` (one file, no outside request), `summary.json`, `tables/*.csv`,
    `figures/*.svg`.

    Args:
        out: the folder, made where it is missing; the others as for `group_study`.

    Returns:
        The path of the page.

    Raises:
        InputError: as `group_study` does.
        FileError: where the folder cannot be written.

    Examples:
        >>> import tempfile
        >>> small = CompositionRegimen(embedding=8, width=24, steps=100, share=1)
        >>> page = group_report(tempfile.mkdtemp(), "C5", seeds=range(2), regimen=small, draws=20)
        >>> page.name, page.stat().st_size < 1_000_000
        ('index.html', True)
    """
    return write_group(group_study(group, seeds=seeds, regimen=regimen, draws=draws, progress=progress), out)


def write_group(study: GroupStudy, out: str | os.PathLike[str]) -> Path:
    """Write a study's page, summary, tables and figures; see `group_report`."""
    folder = Path(out)
    drawn = _drawings(study)
    for name in _TABLES:
        with atomic(folder / "tables" / f"{name}.csv") as file:
            getattr(study, name).to_csv(file, index=False)
    if study.runs is not None:
        with atomic(folder / "tables" / "history.csv") as file:
            study.runs.history.to_csv(file, index=False)
    for name, drawing in drawn.items():
        write_figure(drawing.figure, folder / "figures" / f"{name}.svg")
    write_json(folder / "summary.json", study.to_dict())
    with atomic(folder / "index.html") as file:
        file.write_text(_page(study, drawn), "utf-8")
    return folder / "index.html"


@dataclass(frozen=True, eq=False)
class _GroupDrawing:
    """A figure of the page.

    Attributes:
        figure, heading: the figure, and what stands above it.
        caption: what is to be seen.
        data: what is drawn.
    """

    figure: Figure
    heading: str
    caption: str
    data: pd.DataFrame


def _drawings(study: GroupStudy) -> dict[str, _GroupDrawing]:
    """The figures by name, in the order of the page."""
    found = {}
    if study.runs is not None:
        found["grokking"] = _grokking(study)
    found["irreps"] = _irreps(study)
    found["thresholds"] = _thresholds(study)
    if study.irreps["coset"].notna().any():
        found["cosets"] = _cosets(study)
    if len(study.verdicts):
        found["prevalence"] = _prevalence(study)
    return found


def _grokking(study: GroupStudy) -> _GroupDrawing:
    assert study.runs is not None
    history, share = study.runs.history, study.runs.regimen.share
    figure, (ax,) = blank(7.0, 2.6)
    grokking_curves(history, ax)
    rest = "on the others" if share < 1 else "the same, for no pair is left out"
    return _GroupDrawing(
        figure=figure,
        heading="Accuracy over training",
        caption=f"Accuracy on the {percent(share)} of pairs trained on (dashed) and {rest}; a thin line per seed, the "
        "median thick.",
        data=history,
    )


def _irreps(study: GroupStudy) -> _GroupDrawing:
    names = [irrep.name for irrep in study.group.irreps[1:]]
    figure, (ax,) = blank(7.0, min(8.0, 1.2 + 0.2 * len(study.readings)))
    figures.irrep_map(study.irreps, names, ax)
    return _GroupDrawing(
        figure=figure,
        heading="Irreps that each network uses",
        caption="A cell is filled where mean-ablating the irrep's neurons costs at least 1% of the logits' variance; "
        "the darker, the more.",
        data=study.irreps,
    )


def _thresholds(study: GroupStudy) -> _GroupDrawing:
    figure, axes = blank(7.0, 2.8, columns=2)
    figures.threshold_curves(study.thresholds, "single", "share of active neurons", axes[0])
    figures.threshold_curves(study.thresholds, "used", "irreps used (mean)", axes[1])
    axes[1].get_legend().remove()
    return _GroupDrawing(
        figure=figure,
        heading="Threshold curves",
        caption="How the share that makes a neuron single changes what is counted. Left: active neurons with at least "
        "this share on one irrep; bands from 5% to 95% of networks. Right: irreps that such neurons make 1% of the "
        "logits out of, before any test against untrained networks.",
        data=study.thresholds,
    )


def _cosets(study: GroupStudy) -> _GroupDrawing:
    figure, (ax,) = blank(7.0, 2.8)
    figures.coset_shares(study.irreps[study.irreps["used"]], ax)
    return _GroupDrawing(
        figure=figure,
        heading="Cosets or blind directions",
        caption="Mean coset share of a network's neurons, a dot per network and used irrep; dashed: the mean of blind "
        "directions, a character circuit's share.",
        data=study.irreps[["network", "irrep", "coset", "coset_blind", "above", "full", "full_blind"]],
    )


def _prevalence(study: GroupStudy) -> _GroupDrawing:
    members = study.verdicts[study.verdicts["kind"] == "irrep"]
    choice = study.choice
    blind = {} if choice is None else dict(zip(members["irrep"], choice.blind, strict=True))
    figure, (ax,) = blank(7.0, 2.6)
    figures.irrep_prevalence(members, blind, ax)
    return _GroupDrawing(
        figure=figure,
        heading="Prevalence of single irreps",
        caption="The share of networks that use each irrep, its exact interval widened for the number of irreps, and "
        "the share of blind draws weighted by the sizes of the components (a dash).",
        data=members,
    )


_NETWORKS = (
    Column("network", "network"),
    Column(
        "right", "right", "truth", "accuracy above 0.99, on the pairs kept for testing where there are any"
    ),
    Column("accuracy", "accuracy", "percent", "on all pairs"),
    Column("step", "grokked at", "count", "logged step from which the accuracy stays above 0.99"),
    Column("irreps", "irreps", "text", "those whose neurons carry at least 1% of the logits' variance"),
    Column("active", "active neurons", "count", "the fewest that write 99% of the variance of the logits"),
    Column(
        "single", "single irrep", "percent", "of the active neurons: at least 90% of input power on one irrep"
    ),
    Column(
        "same", "same at the output", "percent", "neurons whose strongest irrep is the same on both sides"
    ),
    Column("accuracy_used", "used only", "percent", "accuracy with all other neurons at their means"),
    Column(
        "accuracy_others", "others only", "percent", "accuracy with the used irreps' neurons at their means"
    ),
    Column("character", "characters", "percent", "share of the logits' variance: characters of a b c^-1"),
    Column(
        "coset", "coset share", "number", "mean over neurons of the part of their tables constant on cosets"
    ),
    Column("coset_blind", "blind", "number", "the same of blind directions"),
    Column(
        "accuracy_coset", "cosets only", "percent", "accuracy with tables averaged over their best cosets"
    ),
    Column("accuracy_random", "random cosets", "percent", "accuracy with tables averaged over random cosets"),
)
_IRREPS = (
    Column("network", "network"),
    Column("irrep", "irrep"),
    Column("dimension", "dimension", "count"),
    Column("used", "used", "truth", "its neurons carry at least 1% of the logits' variance"),
    Column("neurons", "neurons", "count", "active, at least 90% on this irrep, beyond untrained networks"),
    Column("embedding", "embedding", "percent", "share of the input tables' power"),
    Column("unembedding", "unembedding", "percent", "share of the outgoing weights' power"),
    Column("contribution", "contribution", "percent", "error of mean-ablating its neurons"),
    Column("accuracy_without", "without its neurons", "percent", "accuracy"),
    Column("accuracy_only", "its neurons only", "percent", "accuracy"),
    Column(
        "embedding_without", "out of the embedding", "percent", "accuracy, projected out of the input tables"
    ),
    Column("embedding_only", "embedding only", "percent", "accuracy, with nothing else in the input tables"),
    Column("unembedding_without", "out of the unembedding", "percent", "accuracy, projected out of it"),
    Column("unembedding_only", "unembedding only", "percent", "accuracy, with nothing else in it"),
    Column("coset", "coset share", "number"),
    Column("coset_blind", "blind", "number", "coset share of blind directions"),
)
_VERDICTS = (
    Column("feature", "feature"),
    Column("value", "networks that use it", "interval"),
    Column("found", "found", "count"),
    Column("n", "right", "count"),
    Column("untrained_found", "untrained", "count"),
    Column("verdict", "verdict", "verdict"),
    Column("reason", "reason", "long"),
)


def _page(study: GroupStudy, drawn: dict[str, _GroupDrawing]) -> str:
    tables: list[TableView] = []
    if len(study.verdicts):
        verdicts = study.verdicts.assign(
            untrained_value=study.verdicts["untrained_found"] / study.verdicts["untrained_n"]
        )
        tables.append(
            table_view(verdicts, "verdicts", "One row per feature: the family, then its members.", _VERDICTS)
        )
    networks = study.networks.assign(step=study.networks["step"].astype("Int64").astype(object))
    tables.append(
        table_view(networks, "networks", "One row per network.", _NETWORKS, source="tables/networks.csv")
    )
    caption = "One row per network and irrep, with its ablation."
    tables.append(table_view(study.irreps, "byirrep", caption, _IRREPS, source="tables/irreps.csv"))
    views = [
        {
            "name": name,
            "heading": drawing.heading,
            "svg": Markup(inline_svg(drawing.figure, f"{drawing.heading}. {drawing.caption}")),
            "caption": drawing.caption,
            "csv": csv_uri(drawing.data),
        }
        for name, drawing in drawn.items()
    ]
    return render(
        "group.html",
        colours=every_colour(),
        group=study.group.name,
        order=study.group.order,
        n=counted(len(study.readings), "network"),
        regimen=None if study.runs is None else study.runs.regimen.model_dump(),
        requirements=study.requirements,
        findings=study.findings,
        figures=views,
        tables=tables,
    )
