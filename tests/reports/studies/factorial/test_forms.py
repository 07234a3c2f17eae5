"""Forms: a factorial study of them has the tables that a full reading gives, as far as they go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mathcircuits.detect import FileError, Network, Task, prevalence, tasks
from mathcircuits.reports import Study, StudyConfig, run_study
from mathcircuits.reports.studies.circuitry import gauge_kinds, program_frame, read_circuitry
from mathcircuits.reports.studies.factorial import forms as module
from mathcircuits.reports.studies.factorial.forms import form_candidates, form_census
from mathcircuits.reports.studies.manifest import claim

CROSSED: dict[str, Any] = {
    "tasks": ["minimum"],
    "widths": ["2x"],
    "seeds": 6,
    "factors": {"base": {"preset": "adam", "polish": 20, "steps": 300}, "decay": [0, 1e-3]},
}


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return run_study({**CROSSED, "reads": "forms"}, tmp_path_factory.mktemp("factorial") / "out")


def test_forms_are_those_of_a_full_reading(forms: Study) -> None:
    read = forms.tables["networks"].set_index("network")["form"]
    known = forms.networks("minimum/6/decay=0.001")
    solved = [name for name in known if isinstance(read[name], str)]
    full = program_frame((k, read_circuitry(known[name], tasks["minimum"])) for k, name in enumerate(solved))
    assert len(solved) >= 4
    assert gauge_kinds(full) == read[solved].tolist()


def test_tables_count_the_networks_of_every_condition(forms: Study) -> None:
    networks = forms.tables["networks"]
    assert networks["population"].value_counts().to_dict() == {"trained": 12, "derived": 1}
    assert networks["form"].notna().tolist() == networks["solved"].tolist()
    assert networks["factor_decay"].isna().tolist() == (networks["population"] == "derived").tolist()
    trained = networks[networks["population"] == "trained"]
    assert forms.tables["success"]["factor_decay"].tolist() == [0, 1e-3]
    for row in forms.tables["success"].to_dict("records"):
        own = trained[trained["regimen"] == row["regimen"]]
        share = prevalence(int(own["solved"].sum()), 6)
        assert (row["solved"], row["n"], row["low"]) == (own["solved"].sum(), 6, share.low)
        counts = own["form"].value_counts()
        census = forms.tables["census"].query("regimen == @row['regimen']").set_index("name")
        assert census["found"].to_dict() == counts.to_dict()
        assert set(census["n"]) == {counts.sum()}
        assert not census["forced"].any()


def test_forms_that_the_sizes_force_have_no_certificate(forms: Study) -> None:
    """Two of three networks ended with three neurons, where no other form is left: only the third is evidence."""
    own = forms.tables["networks"].query("solved and population == 'trained'").head(3)
    form = "x1 - relu(x1 - x2)"
    census = form_census(own.assign(form=form, final=["3", "3", "6"], regimen="adam"))
    counts = ["found", "n", "evidence_found", "evidence_n", "forced", "uncertified"]
    assert census[counts].values.tolist() == [[3, 3, 1, 1, False, 0]]
    census = form_census(own.assign(form=form, final="3", regimen="adam"))
    assert census[counts].values.tolist() == [[3, 3, 0, 0, False, 3]]


def test_nothing_is_written_that_was_not_read(forms: Study) -> None:
    assert forms.page.is_file()
    for name in ("neurons", "directions", "programs", "circuits", "prevalence", "ladder"):
        assert forms.tables[name].empty
    assert forms.tables["networks"]["missing"].isna().all()


def test_a_folder_of_forms_is_no_folder_of_everything(forms: Study) -> None:
    with pytest.raises(FileError, match="reads = 'forms' there, None here"):
        claim(forms.out, StudyConfig(**CROSSED))


def test_networks_without_a_name_are_asked_for_what_recurs(
    forms: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = forms.tables["networks"].copy()
    networks["form"] = networks["form"].mask(networks["form"].notna(), "x1 - relu(x1 - x2)")
    named = networks["population"].ne("trained") | networks["form"].isna() | (networks["seed"] % 2 == 0)
    given = networks.assign(form=networks["form"].where(named, "unnamed: the kink from both sides"))
    asked: list[Any] = []

    def table(task: Task, members: list[tuple[str, Network]], solved: int, unnamed: int) -> str:
        asked.append((task.name, members, solved, unnamed))
        return "the table"

    monkeypatch.setattr(module, "candidate_table", table)
    assert form_candidates(given, forms.cells, forms.out) == "the table"
    ((task, members, solved, unnamed),) = asked
    expected = given["network"][~named].tolist()
    assert (task, [name for name, _ in members], unnamed) == ("minimum", expected, len(expected))
    assert solved == ((given["population"] == "trained") & given["form"].notna()).sum()
    for name, network in members:
        pairs = zip(forms.networks(name)[name].weights, network.weights, strict=True)
        assert all(np.array_equal(own, theirs) for own, theirs in pairs)
    assert form_candidates(networks, forms.cells, forms.out).empty
