"""Figures for papers: every name makes a file of every format, what cannot be drawn is said, names are checked."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from synthetic_study import FakeStudy, made_up

from mathcircuits.detect import Network, UnknownNameError, hand_derived
from mathcircuits.models import train
from mathcircuits.reports import paperfigures
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.commands.figurecommand import make_figure
from mathcircuits.reports.plots import learningfigures
from mathcircuits.reports.plots.figurekinds import KINDS, Choice
from mathcircuits.reports.plots.rendering import blank
from mathcircuits.reports.studies.ensemblefiles import save_ensemble
from mathcircuits.reports.studies.folder import Study

SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Shelf(FakeStudy):
    """A made-up study that says where it lies, with one cell whose networks were really trained."""

    out: Path = Path()
    cells: tuple[Any, ...] = field(default=())

    def networks(self, key: str) -> dict[str, Network]:
        """As a study does: what is not there is refused."""
        found = super().networks(key)
        if not found:
            raise UnknownNameError("network", key, self.known, "the tables list them")
        return found


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    made = made_up(("absolute", "minimum"), seeds=6)
    folder = tmp_path_factory.mktemp("study")
    runs = train("absolute", hidden=(2,), seeds=range(6), regimen="adam", steps=30)
    save_ensemble(folder / "a.safetensors", runs)
    cell = SimpleNamespace(
        key="a", condition="absolute/2/adam", weights_file=lambda out: out / "a.safetensors"
    )
    tables = {**made.tables, "pairs": pairs(), "norm_shares": norm_shares()}
    return Shelf(tables, made.known, made.manifest, out=folder, cells=(cell,))


def norm_shares() -> pd.DataFrame:
    """Two groups of networks of the minimum: those of the smaller norm have the one form, the others the other."""
    rows = [
        {"task": "minimum", "measure": "excess", "norm": norm, "form": form, "found": 30 * here, "n": 30}
        for norm in (0.001, 0.1)
        for form in ("half", "slide")
        for here in [int((form == "half") == (norm < 0.01))]
    ]
    return pd.DataFrame(rows).assign(value=lambda f: f["found"] / 30, low=0.0, high=1.0)


def pairs() -> pd.DataFrame:
    """Two networks of each of two tasks of two inputs: alike within, not across."""
    ids = ["minimum/3/adam/0", "minimum/3/adam/1", "addition/2/adam/0", "addition/2/adam/1"]
    return pd.DataFrame(
        [
            {
                "rung": "units", "measure": "correlation_matching", "inputs": 2, "population": "trained",
                "task_a": a.partition("/")[0], "network_a": a, "task_b": b.partition("/")[0], "network_b": b,
                "value": 0.9 if a[:3] == b[:3] else 0.1,
            }
            for a, b in combinations(ids, 2)
        ]
    )  # fmt: skip


@pytest.fixture
def folder(study: Shelf, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Study, "load", lambda _: study)
    return study.out


CHOICES = {
    "circuit": Choice(network="minimum/3/derived/-1"),
    "training": Choice(task="absolute", width="1x", regimen="adam"),
    "census": Choice(task="minimum"),
}


def drawn(name: str, folder: Path) -> Figure:
    return paperfigures.draw(name, folder, CHOICES.get(name, Choice())).figure


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.folder == "study"])
def test_every_figure_is_made_and_captioned(name: str, folder: Path, tmp_path: Path) -> None:
    path, caption = make_figure(name, folder, tmp_path / "new" / f"{name}.svg", CHOICES.get(name))
    root = ET.parse(path).getroot()
    assert root.tag == f"{SVG}svg"
    assert len(list(root.iter(f"{SVG}path"))) > 10
    # Letters are outlines: a journal need not have the font.
    assert not list(root.iter(f"{SVG}text"))
    assert len(caption) > 40
    assert caption.endswith(".")


@pytest.mark.parametrize(("suffix", "head"), [("pdf", b"%PDF"), ("png", b"\x89PNG"), ("PNG", b"\x89PNG")])
def test_the_suffix_is_the_format(suffix: str, head: bytes, folder: Path, tmp_path: Path) -> None:
    path, _ = make_figure("response", folder, tmp_path / f"a.{suffix}", CHOICES["circuit"])
    assert path.read_bytes().startswith(head)


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_the_same_drawing_is_the_same_file(suffix: str, folder: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{k}.{suffix}" for k in "ab"]
    for file in files:
        make_figure("circuit", folder, file, CHOICES["circuit"])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_choice_is_what_is_drawn(folder: Path, study: Shelf) -> None:
    everything = drawn("success", folder)
    one = paperfigures.draw("success", folder, Choice(task="minimum")).figure
    titles = [[ax.get_title() for ax in figure.axes if ax.get_title()] for figure in (everything, one)]
    assert titles == [["absolute", "minimum"], ["minimum"]]
    programs = study.tables["programs"][study.tables["programs"]["population"] == "trained"]
    # What would be drawn on the same spot is drawn once.
    spots = programs.assign(solved=programs["formula"].notna()).drop_duplicates(
        ["task", "solved", "bits", "error"]
    )
    dots = [line for line in drawn("complexity", folder).axes[0].lines if np.size(line.get_xdata()) == 1]
    assert len(dots) == len(spots) < len(programs)
    hollow = [line for line in dots if line.get_markerfacecolor() == "none"]
    assert len(hollow) == int((~spots["solved"]).sum()) > 0


def test_similarity_of_a_task_sets_those_beside_it_that_have_as_many_inputs(folder: Path) -> None:
    figure = paperfigures.draw("similarity", folder, Choice(task="minimum")).figure
    letters = {text.get_text() for ax in figure.axes for text in ax.texts}
    assert letters == {"M", "A"}


def test_losses_are_those_of_the_runs(folder: Path, study: Shelf) -> None:
    figure = drawn("training", folder)
    runs = [line for line in figure.axes[0].lines if np.size(line.get_xdata()) > 2]
    assert len(runs) == 6
    solved = study.tables["networks"].query("network.str.startswith('absolute/2/adam')")["solved"]
    assert sum(line.get_linestyle() == "-" for line in runs) == int(solved.sum())


def test_shares_of_a_hand_derived_network() -> None:
    # h1 = relu(x1), h2 = relu(x2) on [-1, 1]^2: each is explained whole by its own feature; that of the other
    # input is independent of it.
    table = paperfigures.explained_shares(
        Network([[[2.0, 0.0], [0.0, 3.0]], [[1.0, 1.0]]]), ((-1.0, 1.0),) * 2
    )
    shares = table.set_index(["label", "neuron"])["explained"]
    assert shares["positiveness(x1)", "v0"] == pytest.approx(1.0)
    assert shares["positiveness(x2)", "v1"] == pytest.approx(1.0)
    assert shares["positiveness(x2)", "v0"] < 1e-3
    assert shares.between(0, 1 + 1e-12).all()


def test_a_constant_neuron_is_left_out() -> None:
    dead = Network([[[1.0], [0.0]], [[1.0, 1.0]]])
    assert set(paperfigures.explained_shares(dead, ((-1.0, 1.0),))["neuron"]) == {"v0"}


def test_tiles_have_the_area_of_their_share() -> None:
    frame = pd.DataFrame(
        [
            {"feature": "positiveness", "label": "a", "neuron": "v0", "explained": 1.0},
            {"feature": "positiveness", "label": "b", "neuron": "v0", "explained": 0.25},
        ]
    )
    _, (ax,) = blank(2, 2)
    learningfigures.feature_matrix(frame, ax)
    sides = [patch.get_width() for patch in ax.patches if patch.get_facecolor()[3] > 0]
    assert sides[1] / sides[0] == pytest.approx(0.5)


def test_a_loss_of_zero_and_step_zero_have_a_place() -> None:
    frame = pd.DataFrame({"seed": 0, "step": [0, 10], "loss": [1.0, 0.0], "solved": True})
    _, (ax,) = blank(2, 2)
    (line,) = learningfigures.training(frame, ax).lines
    assert np.isfinite(np.log(line.get_xdata())).all()
    assert np.isfinite(np.log(line.get_ydata())).all()


# From a benchmark


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """Tables of the detection benchmark, a few rows of each kind."""
    from mathcircuits.reports.benchmark.detection.discoveries import PART as NULLS
    from mathcircuits.reports.benchmark.detection.recovery import PART, PLANTED, WIDTH

    cell = {"inputs": 2, "bias": False, "layers": 1, "width": WIDTH, "law": "uniform"}
    rows = [
        {
            **cell,
            "part": NULLS,
            "population": "untrained",
            "measure": "share of p below level",
            "level": p,
            "value": p,
            "found": 10_000 * p,
        }
        for p in (0.0005, 0.001, 0.01, 0.1)
    ]
    rows += [
        {**cell, "part": PART, "population": "planted", "planted": PLANTED, "measure": m, "noise": n, "value": 1 - n}
        | {"inputs": d, "value": 1 - n * slope}
        for d, slope in ((2, 1.0), (3, 0.5), (4, 0.505))
        for m in ("recall", "power the null allows") for n in (0.0, 0.5)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("name", ["calibration", "power"])
def test_a_benchmark_has_its_curves(name: str, benchmark: Path) -> None:
    path, caption = make_figure(name, benchmark, benchmark / "a.svg")
    assert ET.parse(path).getroot().tag == f"{SVG}svg"
    assert caption
    lines = [line for ax in paperfigures.draw(name, benchmark, Choice()).figure.axes for line in ax.lines]
    values = {"calibration": [0.001, 0.01, 0.1], "power": [1.0, 0.5]}[name]
    assert values in [np.asarray(line.get_ydata()).tolist() for line in lines]


def test_curves_that_hide_each_other_are_drawn_once(benchmark: Path) -> None:
    figure = paperfigures.draw("power", benchmark, Choice()).figure
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["d = 2", "d = 3, 4"]
    assert len(figure.axes[0].lines) == 4


# On the command line


def test_figures_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["figure"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert listed == list(KINDS)
    assert main(["figure", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "circuit"


def test_a_figure_is_made_by_name(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.svg"
    assert main(["figure", "circuit", str(folder), "-o", str(out), "--network", "minimum/3/derived/-1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == str(out)
    assert said[1].startswith("minimum/3/derived/-1. ")
    assert out.is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["circiut", "DIR"], "no figure named 'circiut': did you mean 'circuit'?"),
        (["circuit"], "name the folder: mathcircuits figure circuit DIR -o circuit.svg"),
        (["circuit", "DIR", "-o", "a.gif"], "a figure is written as .svg, .pdf or .png"),
        (["circuit", "DIR", "--network", "minimum/3/adam/99"], "no network named 'minimum/3/adam/99'"),
        (["circuit", "DIR", "--network", "minimum/3/adam"], "give one with its seed"),
        (["success", "DIR", "--task", "minimun"], "no task named 'minimun': did you mean 'minimum'?"),
        (["success", "DIR", "--width", "3x"], "the study has 1x, 2x"),
        (["success", "DIR", "--regimen", "adm"], "did you mean 'adam'?"),
        (
            ["census", "DIR", "--task", "absolute", "--width", "1x"],
            "nothing to draw: the study's tables have no",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_line(
    arguments: list[str], words: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code = main(["figure", *(str(folder) if a == "DIR" else a for a in arguments)])
    told = capsys.readouterr()
    assert (code, told.out) == (2, "")
    assert words in told.err
    assert told.err.count("\n") == 1
    assert not list(tmp_path.glob("*.svg"))


def test_folders_without_what_is_needed_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, words in (
        ("success", "holds no study"),
        ("power", "holds no benchmark (there is no table.csv)"),
    ):
        assert main(["figure", name, str(tmp_path), "-o", str(tmp_path / "a.svg")]) == 2
        assert words in capsys.readouterr().err
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    assert main(["figure", "power", str(tmp_path), "-o", str(tmp_path / "a.svg")]) == 2
    assert "is not a table of the benchmark `detection`" in capsys.readouterr().err


def test_a_network_without_neurons_has_no_response(
    study: Shelf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = Shelf(study.tables, {"minimum/0/adam/0": Network([[[1.0, 1.0]]])}, {}, study.out)
    monkeypatch.setattr(Study, "load", lambda _: flat)
    for name, words in (
        ("response", "no hidden neuron with an activation"),
        ("features", "nothing to explain"),
    ):
        code = main(
            ["figure", name, str(tmp_path), "--network", "minimum/0/adam/0", "-o", str(tmp_path / "a.svg")]
        )
        assert code == 2
        assert words in capsys.readouterr().err


def test_a_network_is_chosen_where_none_is_named(folder: Path) -> None:
    caption = paperfigures.draw("circuit", folder, Choice(task="minimum")).caption
    assert caption.startswith("minimum/3/")
    assert hand_derived("minimum").sizes == (2, 3, 1)


# In the docs

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_page_of_figures_has_each_of_them_and_no_other() -> None:
    text = (DOCS / "figures.md").read_text("utf-8")
    calls = re.findall(r"^mathcircuits figure (\S+) (\S+).* -o (\S+)$", text, re.MULTILINE)
    assert sorted(name for name, _, _ in calls) == sorted(KINDS)
    folders = {"study": "runs/default", "benchmark": "runs/detection"}
    for name, folder, file in calls:
        assert (folder, file) == (folders[KINDS[name].folder], f"{name}.svg")
    # the gallery at the top shows them a second time, as links
    shown = re.findall(r"(?<!\[)!\[([^\]]*)\]\(figures/([^)]+)\)", text)
    assert all(len(words) > 40 for words, _ in shown)
    names = [file for _, file in shown]
    assert len(names) == len(set(names))
    assert set(names) == {path.name for path in (DOCS / "figures").iterdir()}
    rest = set(names) - {f"{name}.svg" for name in KINDS} - {"smooth.svg", "zoo.svg"}
    assert rest
    assert all(name.startswith("modular-") for name in rest)
    assert text.count("**Shows**") == text.count("**Caution:**") == len(names)


def test_the_figures_of_the_docs_are_small_and_bear_no_date() -> None:
    files = sorted((DOCS / "figures").iterdir())
    # A page that a reader waits for is read by nobody: 170 kB a figure, 2 MB in all.
    assert max(file.stat().st_size for file in files) < 170_000
    assert sum(file.stat().st_size for file in files) < 2_000_000
    for file in files:
        text = file.read_text("utf-8")
        assert ET.fromstring(text).tag == f"{SVG}svg"
        assert "<dc:date>" not in text
        assert "hover:" not in text


def test_a_figure_written_twice_is_the_same(folder: Path, tmp_path: Path) -> None:
    once, twice = (make_figure("circuit", folder, tmp_path / name)[0] for name in ("a.svg", "b.svg"))
    assert once.read_bytes() == twice.read_bytes()
    assert b"hover:" not in once.read_bytes()
