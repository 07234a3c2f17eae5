"""The report on modular addition says what the readings say, and writes whole files that fetch nothing."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jinja2 import UndefinedError

from mathcircuits.detect.modular.fourier import read_fourier
from mathcircuits.detect.modular.nulls import fourier_null
from mathcircuits.detect.modular.tables import planted, untrained_networks
from mathcircuits.models.training.modular import ModularRegimen, ModularRuns
from mathcircuits.reports.modular import ModularStudy, modular_study, write_modular
from mathcircuits.reports.pages.templating import render
from mathcircuits.reports.plots import modularfigures as figures
from mathcircuits.reports.plots.rendering import blank

P = 11
SMALL = ModularRegimen(embedding=8, width=12, steps=60)


@cache
def made_up(understood: tuple[bool, ...] = (True, True, True)) -> ModularStudy:
    """Planted networks dressed as a training's: the truth is known, and nothing is trained."""
    n = len(understood)
    nets = [planted(P, [1 + k % 5, 1 + (k + 1) % 5]) for k in range(n)]
    E = np.stack([np.eye(2 * P) for _ in nets])
    weights = (E, *(np.stack([net.weights[layer] for net in nets]) for layer in (0, 1)))
    regimen = ModularRegimen(embedding=2 * P, width=16, steps=50)
    test = np.array([np.full(n, 0.1), np.where(understood, 1.0, 0.5)])
    mask = np.zeros((n, P * P), dtype=bool)
    mask[:, :97] = True
    runs = ModularRuns(
        P, regimen, tuple(range(n)), weights, mask, np.array([0, 50]), test * 0 + 1, test * 0 + 1, test
    )
    null = fourier_null(runs.config.architecture, draws=20)
    before = [read_fourier(net, null=null) for net in untrained_networks(nets[0].architecture, n)]
    return ModularStudy(
        runs, tuple(read_fourier(net, null=null) for net in runs.networks()), tuple(before), (), null
    )


def test_tables_hold_what_was_planted() -> None:
    study = made_up()
    assert study.networks["frequencies"].tolist() == ["1, 2", "2, 3", "3, 4"]
    assert study.networks["single"].tolist() == [1.0] * 3
    assert study.networks["test_step"].tolist() == [50.0] * 3
    assert len(study.neurons) == 3 * 16
    assert study.frequencies.groupby("seed")["used"].sum().tolist() == [2, 2, 2]
    assert study.verdicts["found"].tolist() == [3, 1, 2, 2, 1, 0]
    assert study.passed
    assert study.choice is not None
    assert study.choice.networks == 3


def test_findings_say_family_and_frequency_apart() -> None:
    text = " ".join(made_up().findings)
    assert "Networks use 2 to 2 of the 5 frequencies" in text
    assert (
        "Family: some Fourier feature is inconclusive (3 solved, needs 116, or 72 if decided in advance)"
        in text
    )
    assert "one orbit under x -> u x" in text
    assert "Before training 0% of the same networks' active neurons" in text


def test_only_networks_that_grokked_count() -> None:
    study = made_up((True, True, False))
    assert study.verdicts["n"].tolist() == [2] * 6
    # Requirements are of p = 31: of another modulus they are measured, and do not fail.
    assert study.passed
    assert [answer for answer, _ in study.answers] == [
        "not asked of p = 11, but of 31, and not reached",
        "holds",
    ]
    assert [kept for _, kept in study.requirements] == [False, True]
    none = made_up((False, False))
    assert none.findings == (
        "No network reached a test accuracy above 0.99: nothing can be said about what they learn.",
    )
    assert len(none.verdicts) == 0
    assert none.choice is None


@pytest.mark.parametrize("understood", [(True, True, True), (False, False)])
def test_the_files_are_whole_and_fetch_nothing(understood: tuple[bool, ...], tmp_path: Path) -> None:
    study = made_up(understood)
    page = write_modular(study, tmp_path)
    text = page.read_text("utf-8")
    shown = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)  # a script may well ask for undefined
    assert not re.findall(r">[^<]*\b(undefined|NaN|nan|None)\b", shown)
    assert not re.search(r'(?:src|href)="(?!#|data:)', text)
    assert all(
        f"<h2>{heading}</h2>" in text for heading in ("What was found", "Neuron by frequency", "Tables")
    )
    assert text.count("<svg role=") == len(list((tmp_path / "figures").glob("*.svg"))) == 5 + any(understood)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["frequencies"]["0"] == [1, 2]
    assert [entry["passed"] for entry in summary["requirements"]] == [kept for _, kept in study.requirements]
    networks = pd.read_csv(tmp_path / "tables" / "networks.csv")
    assert networks["frequencies"].tolist() == study.networks["frequencies"].tolist()
    assert {path.stem for path in (tmp_path / "tables").iterdir()} == {
        "networks", "frequencies", "neurons", "removal", "verdicts", "history",
    }  # fmt: skip
    again = write_modular(study, tmp_path / "again").read_text("utf-8")
    assert again == text


def test_a_training_that_learns_nothing_is_reported_as_such(tmp_path: Path) -> None:
    study = modular_study(7, seeds=range(2), regimen=SMALL, draws=20)
    assert len(study.untrained) == 2
    assert len(study.others) == 70
    assert all(reading.accuracy < 0.5 for reading in (*study.untrained, *study.others))
    assert "7" in write_modular(study, tmp_path).read_text()


def test_a_layer_too_wide_to_be_read_is_reported_without_read_outs() -> None:
    # 96 neurons on 121 pairs: two thirds of the pairs are fewer than the neurons.
    reading = read_fourier(planted(P, [1], each=96), draws=20)
    assert reading.frequencies["r2"].isna().all()
    assert reading.frequencies["q"].isna().all()
    assert reading.used == (1,)


def test_a_page_needs_every_name_of_its_template() -> None:
    with pytest.raises(UndefinedError, match="'colours' is undefined"):
        render("modular.html", p=7)


def test_figures_draw_what_the_tables_say() -> None:
    _, axes = blank(6, 4, columns=4)
    shares = pd.DataFrame(
        {"value": [0.95, 0.97, 0.1, 0.2], "population": ["trained"] * 2 + ["untrained"] * 2}
    )
    figures.share_histogram(shares, axes[0], label="share", bar=0.9)
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["trained (2)", "untrained (2)"]
    study = made_up()
    figures.frequency_map(study.frequencies, axes[1])
    drawn = axes[1].images[0].get_array()
    assert (~drawn.mask).sum(axis=1).tolist() == [2, 2, 2]
    figures.removal_curves(study.removal, axes[2])
    assert axes[2].lines[0].get_xdata().tolist() == [0, 1, 2]
    figures.share_histogram(shares.assign(value=np.nan), axes[3], label="nothing")
    assert axes[3].get_legend() is None
