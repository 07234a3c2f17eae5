"""Factor page: what decides the form, from a study that crosses factors of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ..inputnames import NamedTables
from ..plots import factorfigures
from ..plots.palette import every_colour
from ..plots.rendering import blank
from ..studies.schema import Tables
from ..wording import number, points
from .columns import pick
from .htmltables import Column, TableView, table_view
from .pagetables import mechanism_view
from .selections import rows_of
from .templating import render
from .views import FigureView, StudyLike, figure_view

#: q at which a term is said to have an effect.
_FOUND = 0.05
_COLUMNS = 3


def factor_page(study: StudyLike) -> str:
    """The page of a study that reads forms alone, as one HTML text.

    Args:
        study: its tables and manifest.

    Examples:
        >>> class Nothing:
        ...     tables, manifest = {}, {}
        >>> "No two forms" in factor_page(Nothing())
        True
    """
    tables = {name: frame for name, frame in NamedTables(study.tables).items() if len(frame)}
    networks = rows_of(tables, "networks", population="trained")
    return render(
        "factors.html",
        colours=every_colour(),
        networks=len(networks),
        solved=int(networks["solved"].sum()) if len(networks) else 0,
        conditions=int(networks["regimen"].nunique()) if len(networks) else 0,
        tasks=int(networks["task"].nunique()) if len(networks) else 0,
        findings=list(effect_sentences(tables)),
        figure=norm_figure(tables),
        effects=list(effect_figures(tables)),
        tables=list(factor_tables(tables)),
        manifest=_manifest(study.manifest),
    )


def effect_sentences(tables: Tables) -> Iterator[str]:
    """Of every task with several forms the factor that changes a form's share most."""
    effects = _main_effects(tables)
    for task, rows in effects.groupby("task", sort=False):
        found = rows[rows["q"] <= _FOUND]
        if found.empty:
            yield f"{task}: no factor is shown to change the form."
            continue
        row = _largest(found)
        yield (
            f"{task}: {row['factor']} changes the form most. From {row['reference']} to {row['level']} the share of "
            f"{row['form']} changes by {points(row['effect'])} percentage points (95% interval "
            f"{points(row['effect_low'])} to {points(row['effect_high'])}, q = {number(row['q'])})."
        )


def norm_figure(tables: Tables) -> FigureView | None:
    """How often each form occurs against the norm: a panel a task that has several forms."""
    rows = rows_of(tables, "norm_shares")
    if rows.empty:
        return None
    several = rows.groupby("task")["form"].transform("nunique") > 1
    rows = rows[several]
    if rows.empty:
        return None
    names = list(dict.fromkeys(rows["task"]))
    columns = min(_COLUMNS, len(names))
    down = -(-len(names) // columns)
    figure, axes = blank(2.9 * columns, 2.6 * down, rows=down, columns=columns)
    for ax, name in zip(axes, names, strict=False):
        own = rows[rows["task"] == name]
        factorfigures.form_by_norm(own, ax)
        ax.set_title(name)
        ax.legend(
            fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.28), handlelength=1.5, frameon=False
        )
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    caption = (
        "How often each form occurs among solved networks of like norm, with exact 95% intervals; groups of equal "
        "size, over all widths and conditions. The norm is the excess over the least path norm of the task where that "
        f"is known (drawn from {factorfigures.LEAST_EXCESS:g}), else the path norm."
    )
    words = f"The share of each form against the norm, for {', '.join(names)}."
    return figure_view(figure, words, caption, rows, "forms-by-norm")


def effect_figures(tables: Tables) -> Iterator[FigureView]:
    """Per task what each level of each factor does to the form that factors change most."""
    effects = _main_effects(tables)
    for task, rows in effects.groupby("task", sort=False):
        form = _largest(rows)["form"]
        own = rows[rows["form"] == form]
        figure, (ax,) = blank(6.2, 0.7 + 0.2 * len(own))
        factorfigures.form_effects(own, ax)
        ax.set_title(f"{task}: {form}")
        caption = (
            f"{task}: what each level changes in the share of {form}, against the factor's first level, averaged over "
            "all combinations of the other factors. Filled: q of the factor at most 0.05."
        )
        yield figure_view(figure, caption, caption, own, f"{task}-effects")


def factor_tables(tables: Tables) -> Iterator[TableView]:
    """The tables of effects and of shares by norm, where they have rows."""
    effects = rows_of(tables, "effects")
    columns = pick(
        "effects",
        "task",
        "factor",
        "level",
        Column("reference", "against"),
        Column("form", "form", "long"),
        "found",
        "n",
        Column("value", "share, 95% interval", "interval"),
        Column("effect", "change"),
        Column("effect_low", "from"),
        Column("effect_high", "to"),
        Column("adjusted", "adjusted", help="by the model, every combination of the other factors once"),
        "q",
        "note",
    )
    if len(effects):
        yield table_view(
            effects,
            "effects",
            "What every factor, and every pair of factors, does to each form: shares and their changes, with "
            "intervals, and the changes by the model.",
            columns,
            source="tables/effects.parquet",
        )
    shares = rows_of(tables, "norm_shares")
    if len(shares):
        yield table_view(
            shares,
            "norm_shares",
            "How often each form occurs among networks of like norm.",
            pick(
                "norm_shares",
                "task",
                "measure",
                "norm",
                Column("form", "form", "long"),
                "found",
                "n",
                Column("value", "share, 95% interval", "interval"),
            ),
            source="tables/norm_shares.parquet",
        )
    mechanisms = mechanism_view(tables)
    if mechanisms.rows:
        yield mechanisms


def _largest(rows: pd.DataFrame) -> dict[Any, Any]:
    """The row of the largest change."""
    return rows.iloc[[int(rows["effect"].abs().argmax())]].to_dict("records")[0]


def _main_effects(tables: Tables) -> pd.DataFrame:
    """The rows of factors, not pairs, that have an effect."""
    effects = rows_of(tables, "effects")
    if effects.empty:
        return pd.DataFrame(columns=["task", "form", "effect", "q"])
    return effects[effects["effect"].notna() & ~effects["factor"].str.contains(" x ", regex=False)]


def _manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest without the thousands of cells."""
    return {key: value for key, value in manifest.items() if key not in ("cells", "seeds")}
