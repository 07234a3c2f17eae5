"""Composition in a group, reported: a study of its networks as one page, with summary, tables and figures."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mathcircuits.models.training import CompositionRegimen

from .composition_page import Drawing, grokking_drawing, verdict_views, write_composition
from .groupstudies import GroupStudy, group_study
from .pages.htmltables import Column, table_view
from .plots import groupfigures as figures
from .plots.rendering import blank
from .wording import counted

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
    tables = {name: getattr(study, name) for name in _TABLES}
    if study.runs is not None:
        tables["history"] = study.runs.history
    networks = study.networks.assign(step=study.networks["step"].astype("Int64").astype(object))
    each = "One row per network and irrep, with its ablation."
    views = [
        *verdict_views(study.verdicts, "right"),
        table_view(networks, "networks", "One row per network.", _NETWORKS, source="tables/networks.csv"),
        table_view(study.irreps, "byirrep", each, _IRREPS, source="tables/irreps.csv"),
    ]
    return write_composition(
        out,
        study.to_dict(),
        tables,
        _drawings(study),
        views,
        "group.html",
        group=study.group.name,
        order=study.group.order,
        n=counted(len(study.readings), "network"),
        regimen=None if study.runs is None else study.runs.regimen.model_dump(),
        requirements=[("holds" if kept else "does not hold", text) for text, kept in study.requirements],
        findings=study.findings,
    )


def _drawings(study: GroupStudy) -> dict[str, Drawing]:
    """The figures by name, in the order of the page."""
    found = {}
    if study.runs is not None:
        runs = study.runs
        found["grokking"] = grokking_drawing(runs.history, runs.regimen.share, "Accuracy over training")
    found["irreps"] = _irreps(study)
    found["thresholds"] = _thresholds(study)
    if study.irreps["coset"].notna().any():
        found["cosets"] = _cosets(study)
    if len(study.verdicts):
        found["prevalence"] = _prevalence(study)
    return found


def _irreps(study: GroupStudy) -> Drawing:
    names = [irrep.name for irrep in study.group.irreps[1:]]
    figure, (ax,) = blank(7.0, min(8.0, 1.2 + 0.2 * len(study.readings)))
    figures.irrep_map(study.irreps, names, ax)
    return Drawing(
        figure=figure,
        heading="Irreps that each network uses",
        caption="A cell is filled where mean-ablating the irrep's neurons costs at least 1% of the logits' variance; "
        "the darker, the more.",
        data=study.irreps,
    )


def _thresholds(study: GroupStudy) -> Drawing:
    figure, axes = blank(7.0, 2.8, columns=2)
    figures.threshold_curves(study.thresholds, "single", "share of active neurons", axes[0])
    figures.threshold_curves(study.thresholds, "used", "irreps used (mean)", axes[1])
    axes[1].get_legend().remove()
    return Drawing(
        figure=figure,
        heading="Threshold curves",
        caption="How the share that makes a neuron single changes what is counted. Left: active neurons with at least "
        "this share on one irrep; bands from 5% to 95% of networks. Right: irreps that such neurons make 1% of the "
        "logits out of, before any test against untrained networks.",
        data=study.thresholds,
    )


def _cosets(study: GroupStudy) -> Drawing:
    figure, (ax,) = blank(7.0, 2.8)
    figures.coset_shares(study.irreps[study.irreps["used"]], ax)
    return Drawing(
        figure=figure,
        heading="Cosets or blind directions",
        caption="Mean coset share of a network's neurons, a dot per network and used irrep; dashed: the mean of blind "
        "directions, a character circuit's share.",
        data=study.irreps[["network", "irrep", "coset", "coset_blind", "above", "full", "full_blind"]],
    )


def _prevalence(study: GroupStudy) -> Drawing:
    members = study.verdicts[study.verdicts["kind"] == "irrep"]
    choice = study.choice
    blind = {} if choice is None else dict(zip(members["irrep"], choice.blind, strict=True))
    figure, (ax,) = blank(7.0, 2.6)
    figures.irrep_prevalence(members, blind, ax)
    return Drawing(
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
