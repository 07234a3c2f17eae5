"""Forms, what lies between two of them, and formulas are drawn from the solved networks alone."""

from __future__ import annotations

from synthetic_study import made_up

from mathcircuits.reports.pages.sections.computing import forms_figure, lambda_figure, length_figure


def test_figures_speak_of_their_tables() -> None:
    tables = made_up(("absolute", "minimum"), seeds=6).tables
    forms, lengths = forms_figure(tables), length_figure(tables)
    assert forms is not None
    assert lengths is not None
    census = tables["census"]
    names = (
        census[(census["task"] == "minimum") & (census["level"] == "gauge")].groupby("name")["found"].sum()
    )
    share = names.max() / names.sum()
    assert f"minimum, {names.idxmax()}: {share:.0%}" in forms.svg
    networks = tables["networks"]
    solved = networks[(networks["population"] == "trained") & networks["solved"]]
    assert f"for {len(solved)} solved networks" in lengths.svg
    assert forms_figure({}) is lambda_figure({}) is length_figure({}) is None
