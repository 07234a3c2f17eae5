"""The command line: what it prints, what it refuses in one line with exit code 2, what it does not load."""

from __future__ import annotations

import io
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mathcircuits.detect import Network, hand_derived
from mathcircuits.models import save
from mathcircuits.reports import StudyConfig
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.commands.cli import command
from mathcircuits.reports.commands.domains import domain_of
from mathcircuits.reports.commands.terminal import console

HEAVY = {"torch", "transformer_lens", "pandas", "sklearn", "sympy", "seaborn"}
TINY = 'tasks = ["absolute"]\nwidths = ["1x"]\nseeds = 2\nregimens = ["adam"]\nsteps = 5\n'


def run(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command, in this process."""
    code = main([str(argument) for argument in argv])
    written = capsys.readouterr()
    return code, written.out, written.err


def refused(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> str:
    """The one line with which a command refuses its input."""
    code, out, err = run(capsys, *argv)
    assert (code, out) == (2, "")
    assert err.startswith("mathcircuits: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.fixture
def minimum(tmp_path: Path) -> Path:
    """A saved hand-derived minimum."""
    return save(hand_derived("minimum"), tmp_path / "minimum.safetensors")


# What it loads


def loaded_by(arguments: Sequence[str], code: int = 0) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mathcircuits.reports", *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["study", "--help"], 0),
        (["--version"], 0),
        (["catalogue", "x1 > x2"], 0),
        (["catalogue", "order", "--json"], 0),
        (["catalogue", "gretaerness"], 2),
        (["tasks"], 0),
        (["benchmark"], 0),
        (["inspect", "no/such/file.pt"], 2),
    ],
)
def test_light_commands_load_nothing_heavy(arguments: list[str], code: int) -> None:
    loaded = loaded_by(arguments, code)
    assert "typer" in loaded
    assert not loaded & HEAVY


def test_a_heavy_command_is_noticed() -> None:
    assert "torch" in loaded_by(["train", "no-such-task", "--out", "no/such/folder"], 2) & HEAVY


# What it refuses


def test_a_wrong_call_names_the_help_of_its_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    usage = "`mathcircuits inspect --help` shows the usage"
    assert refused(capsys, "inspect") == f"mathcircuits: Missing argument 'file'; {usage}\n"
    assert usage in refused(capsys, "inspect", "net.pt", "--bax", "1")
    assert "`mathcircuits --help` shows the usage" in refused(capsys, "inspekt")
    assert refused(capsys, "study").startswith("mathcircuits: name the study's folder: --out DIR")
    assert refused(capsys, "inspect", tmp_path).endswith("is a folder; give the path of a file\n")


@pytest.mark.parametrize(
    "argv", [["modular"], ["group", "S3"], ["benchmark", "forced"], ["zoo"], ["study"], ["train", "minimum"]]
)
def test_a_file_in_the_place_of_a_folder_is_refused_before_the_work(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: list[str]
) -> None:
    (tmp_path / "taken").write_text("")
    for out in (tmp_path / "taken", tmp_path / "taken" / "runs"):
        assert f"{tmp_path / 'taken'}: is a file; give a folder" in refused(capsys, *argv, "--out", out)


# Look-ups


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for name in (
        "study",
        "inspect",
        "compress",
        "train",
        "catalogue",
        "tasks",
        "report",
        "benchmark",
        "modular",
        "group",
    ):
        assert name in out
    assert run(capsys)[:2] == (0, out)
    assert run(capsys, "--version")[1] == "mathcircuits 0.1.0\n"


COMMANDS = sorted(command().commands)


def spoken(text: str) -> list[str]:
    """The words of a help text as they are to be read: without the escapes of rich's markup, or its frames."""
    return re.sub(r"[│╭╮╰╯─]", " ", text.replace(r"\[", "[")).split()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_every_word_of_every_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("TERMINAL_WIDTH", "400")
    shown = " ".join(spoken(run(capsys, name, "--help")[1]))
    own = command().commands[name]
    for text in (own.help, *(parameter.help for parameter in own.params)):
        assert " ".join(spoken(text or "")) in shown
        for word in ("the seed", "the issue"):
            assert word not in (text or "").lower()


def test_help_texts_of_options_are_noun_phrases() -> None:
    verbs = {"Print", "Read", "List", "Let", "Write", "Which", "How", "What", "Of"}
    texts = [
        (name, parameter.name, parameter.help)
        for name in COMMANDS
        for parameter in command().commands[name].params
        if parameter.name != "help"
    ]
    assert all(text for _, _, text in texts)
    assert [found for found in texts if found[2].split()[0] in verbs] == []
    assert {text for _, option, text in texts if option == "seed"} >= {"Random seed."}


@pytest.mark.parametrize("query", ["greaterness", "order/greaterness", "x1 > x2", "relu(x1 - x2)"])
def test_an_exact_hit_prints_the_whole_entry(capsys: pytest.CaptureFixture[str], query: str) -> None:
    code, out, _ = run(capsys, "catalogue", query)
    assert code == 0
    fields = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert fields["id"] == "order/greaterness"
    assert fields["formula"] == "relu(x1 - x2)"
    assert fields["direction"] == "1.0, -1.0"


def test_a_search_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "catalogue", "order/*")
    assert code == 0
    head, *rows = out.splitlines()
    assert head.split() == ["name", "formula", "definition"]
    assert [row.split()[0] for row in rows][:2] == ["greaterness", "maximum"]


def test_lookups_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    (entry,) = json.loads(run(capsys, "catalogue", "greaterness", "--json")[1])
    assert entry["aliases"][0] == "x1 > x2"
    found = json.loads(run(capsys, "tasks", "--json")[1])
    assert {task["name"]: task["hidden"] for task in found}["minimum-of-4"] == [6, 3]
    assert [row["name"] for row in json.loads(run(capsys, "benchmark", "--json")[1])] == [
        "detection",
        "training",
        "reading",
        "regimens",
        "universality",
        "fibre",
        "public",
        "forced",
        "scale",
    ]


def test_tables_in_a_pipe_are_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "catalogue", "order")
    assert max(map(len, out.splitlines())) > 80
    assert "…" not in out
    _, out, _ = run(capsys, "tasks")
    assert any("x1 + abs(x2)" in line and line.endswith("x1 + |x2|") for line in out.splitlines())


def test_a_terminal_gets_the_same_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    console.print_table(["name", "n"], [["[bold]a", "10"]])
    out = capsys.readouterr().out
    assert "[bold]a" in out
    assert "10" in out


def test_unknown_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'greaterness'" in refused(capsys, "catalogue", "gretaerness")
    assert "did you mean 'training'" in refused(capsys, "benchmark", "trainign")
    assert "No such command 'studdy'" in refused(capsys, "studdy")
    assert "--out" in refused(capsys, "study")
    assert "integer" in refused(capsys, "study", "--out", "x", "--seeds", "many")


# inspect


def test_inspect_as_json(capsys: pytest.CaptureFixture[str], minimum: Path) -> None:
    _, out, _ = run(capsys, "inspect", minimum, "--json", "--box", "-2", "2")
    found = json.loads(out)
    assert found["box"] == [[-2.0, 2.0]] * 2
    assert found["neurons"][0]["feature"] == "greaterness"
    assert found["formula"]["text"] == "min(x1, x2)"
    assert found["certificate"]["upper"] < 1e-9
    assert found["circuits"][0]["gauge"] == "x1 - relu(x1 - x2)"
    assert found["gauge"]["circuit"] == "minimum"
    assert [(row["live"], row["rank"]) for row in found["superposition"]] == [(3, 3)]


def test_inspect_says_what_the_network_computes(capsys: pytest.CaptureFixture[str], minimum: Path) -> None:
    _, out, _ = run(capsys, "inspect", minimum, "--task", "maximum", "--directions")
    lines = [line.split() for line in out.splitlines()]
    fields = {line[0]: " ".join(line[1:]) for line in lines if line}
    assert fields["formula"] == "min(x1, x2)"
    # min and max differ by |x1 - x2|, at most 2.
    assert fields["task"] == "off maximum by at most 2, at least 2 (by cells)"
    assert "3 live neurons read 6 features of rank 3: no superposition" in out
    assert "6 of " in out
    start = lines.index(["layer", "feature", "unexplained", "by", "chance", "q", "tautology"])
    assert len([line for line in lines[start + 1 :] if line and line[0] == "0"]) == 6


def test_inspect_says_that_there_is_no_formula(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    smooth = Network([[[0.9]], [[0.4]]], activation="tanh")
    file = save(smooth, tmp_path / "smooth.npz")
    _, out, _ = run(capsys, "inspect", file, "--activation", "tanh")
    assert "its activation tanh is smooth" in out
    assert "no circuit of the catalogue" in out


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        (
            (300, 1000, 10),
            ("directions (9601000 pairs", "1000 hidden neurons, 300 inputs"),
        ),
        ((20, 2000, 1), ("directions (", "2000 hidden neurons, 20 inputs")),
    ],
)
def test_inspect_names_what_is_too_costly(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, sizes: tuple[int, ...], named: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(b, a)) / a**0.5 for a, b in pairwise(sizes)]
    file = save(Network(weights), tmp_path / "large.npz")
    code, out, _ = run(capsys, "inspect", file, "--directions", "--all")
    assert code == 0
    skipped = " ".join(out[out.index("not tested: ") :].split())
    for words in named:
        assert words in skipped
    # Every neuron has its row all the same.
    assert len([line for line in out.splitlines() if re.match(r" +\d+ +\S+%", line)]) >= sizes[1]


def test_inspect_on_given_inputs(capsys: pytest.CaptureFixture[str], minimum: Path, tmp_path: Path) -> None:
    X = np.random.default_rng(0).uniform(0, 1, (400, 2))
    np.save(tmp_path / "X.npy", X)
    code, out, _ = run(capsys, "inspect", minimum, "--inputs", tmp_path / "X.npy", "--box", "0", "1")
    assert code == 0
    # On positive inputs the third neuron is silent.
    assert "dead" in out


def test_inputs_from_text(tmp_path: Path) -> None:
    plain, headed = tmp_path / "plain.csv", tmp_path / "headed.csv"
    plain.write_text("1,2\n3,4\n")
    headed.write_text("x1,x2\n1,2\n3,4\n")
    one, other = (domain_of(2, data=path) for path in (plain, headed))
    assert one.data.tolist() == other.data.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert one.names == other.names == ("x1", "x2")


# Bad input: one line and exit code 2


def test_a_nan_in_the_inputs(capsys: pytest.CaptureFixture[str], minimum: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", np.array([[0.0, 1.0], [np.nan, 0.5]]))
    said = refused(capsys, "inspect", minimum, "--inputs", tmp_path / "X.npy")
    assert "column 1 has missing values in row 2 of 2" in said
    (tmp_path / "X.csv").write_text("x1,x2\n0,1\n0,oops\n")
    said = refused(capsys, "inspect", minimum, "--inputs", tmp_path / "X.csv")
    assert "column 'x2' holds text in row 2 of 2 ('oops'): correct these cells" in said
    (tmp_path / "X.csv").write_text("town,x2,x1\nYork,0,1\nBath,1,0.5\n")
    # a column of text that is no input does not matter
    assert domain_of(2, data=tmp_path / "X.csv").data.tolist() == [[1.0, 0.0], [0.5, 1.0]]
    assert "box" in refused(capsys, "inspect", minimum, "--box", "nan", "1")
    assert "no/such" in refused(capsys, "inspect", minimum, "--inputs", "no/such.npy")


def test_inputs_are_never_unpickled(
    capsys: pytest.CaptureFixture[str], minimum: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "X.npy", np.array([Bomb(tmp_path / "exploded")], dtype=object), allow_pickle=True)
    assert "holds no inputs" in refused(capsys, "inspect", minimum, "--inputs", tmp_path / "X.npy")
    assert not (tmp_path / "exploded").exists()


def test_a_truncated_network(capsys: pytest.CaptureFixture[str], minimum: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(minimum.read_bytes()[:-5])
    message = refused(capsys, "inspect", damaged)
    assert str(damaged) in message
    assert "damaged" in message


class Bomb:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("ending", ["pt", "pkl", "safetensors"])
def test_a_pickle_that_is_no_state_dict(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, ending: str
) -> None:
    import torch

    plain, saved = tmp_path / f"plain.{ending}", tmp_path / f"saved.{ending}"
    plain.write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    buffer = io.BytesIO()
    torch.save(Bomb(tmp_path / "exploded"), buffer)
    saved.write_bytes(buffer.getvalue())
    for file in (plain, saved):
        assert str(file) in refused(capsys, "inspect", file)
    assert not (tmp_path / "exploded").exists()


def test_weights_that_are_no_numbers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", W0=np.array([[np.nan, 1.0]]), W1=np.array([[1.0]]))
    assert "NaN" in refused(capsys, "inspect", tmp_path / "net.npz")


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('tasks = ["minimun"]', "no task named 'minimun': did you mean 'minimum'"),
        ("widths = [0]", "width 0: a hidden layer needs at least one neuron"),
        ("widhts = [3]", "unknown key 'widhts': did you mean 'widths'"),
        ('regimens = ["adma"]', "no regimen named 'adma': did you mean 'adam'"),
        ("seeds = 0", "at least one seed"),
        ("seeds = [", "is not TOML"),
    ],
)
def test_a_wrong_configuration(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, toml: str, words: str
) -> None:
    file = tmp_path / "study.toml"
    file.write_text(toml)
    message = refused(capsys, "study", file, "--out", tmp_path / "out")
    assert words in message
    assert str(file) in message
    assert not (tmp_path / "out").exists()


def test_other_wrong_arguments(capsys: pytest.CaptureFixture[str], minimum: Path, tmp_path: Path) -> None:
    assert "cannot be read" in refused(capsys, "study", tmp_path / "no.toml", "--out", tmp_path / "out")
    assert "no task named" in refused(capsys, "inspect", minimum, "--task", "nonsense")
    assert "cannot compute" in refused(capsys, "inspect", minimum, "--task", "absolute")
    assert "does not exist" in refused(capsys, "inspect", tmp_path / "no.pt")
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(capsys, "study", "--out", tmp_path / "file")
    assert "workers" in refused(capsys, "study", "--out", tmp_path / "out", "--workers", "0")
    assert refused(capsys, "report", tmp_path / "nowhere")


def test_a_process_ends_with_the_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mathcircuits.reports", "inspect", str(tmp_path / "no.pt")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


# study and report


def test_study_and_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(TINY)
    out = tmp_path / "out"
    code, printed, err = run(capsys, "study", tmp_path / "study.toml", "--out", out, "--seeds", "3")
    assert code == 0
    # No bar in a pipe, where half a minute gives a line.
    assert not set("\r\x1b") & set(err)
    page = out / "report" / "index.html"
    first, *findings, last = printed.splitlines()
    assert (first, last) == ("2 cells: 2 trained and read", page.resolve().as_uri())
    assert 1 <= sum(line.startswith("- ") for line in findings) <= 3
    assert page.stat().st_size > 10_000
    assert json.loads((out / "manifest.json").read_text())["seeds"] == [0, 1, 2]
    page.unlink()
    assert run(capsys, "report", out) == (0, f"{page.resolve().as_uri()}\n", "")
    assert page.exists()
    # Without --seeds the configuration says 2: another study.
    message = refused(capsys, "study", tmp_path / "study.toml", "--out", out)
    assert "seeds = 3 there, 2 here" in message
    assert "--out" in message
    assert run(capsys, "study", tmp_path / "study.toml", "--out", out, "--seeds", "3")[1].startswith(
        "2 cells: 2 kept"
    )


# modular


def test_a_study_may_be_sequential(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = []

    def nothing(config: StudyConfig, *_: object, **__: object) -> SimpleNamespace:
        wanted.append(config)
        return SimpleNamespace(manifest={"cells": []}, page=tmp_path, failures={}, tables={})

    monkeypatch.setattr("mathcircuits.reports.study.run_study", nothing)
    (tmp_path / "study.toml").write_text("sequential = true\n" + TINY)
    run(capsys, "study", tmp_path / "study.toml", "--out", tmp_path / "out")
    run(capsys, "study", "--out", tmp_path / "out", "--sequential", "--seeds", "80")
    run(capsys, "study", "--out", tmp_path / "out")
    assert [(config.sequential, config.seeds) for config in wanted] == [(True, 2), (True, 80), (False, 50)]


def test_modular_says_which_requirements_are_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ["--p", "5", "--seeds", "1", "--steps", "1"]
    code, printed, err = run(capsys, "modular", "--out", tmp_path, *options)
    # The requirements are of p = 31: another modulus is legal, and does not fail them.
    assert (code, err) == (0, "")
    grokked, single, *_, page = printed.splitlines()
    assert grokked.startswith("not asked of p = 5, but of 31, and not reached: 0 of 1 seeds grok")
    assert single.startswith("not asked of p = 5, but of 31, and not reached: 0% of the 0 active neurons")
    assert page == (tmp_path / "index.html").as_uri()
    assert (tmp_path / "tables" / "networks.csv").exists()


def test_modular_as_json_where_all_holds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mathcircuits.reports import modular

    monkeypatch.setattr(modular, "GROK_SHARE", 0.0)
    monkeypatch.setattr(modular, "SINGLE_SHARE", 0.0)
    options = ["--p", "5", "--seeds", "1", "--steps", "1", "--json"]
    code, printed, _ = run(capsys, "modular", "--out", tmp_path, *options)
    assert code == 0
    found = json.loads(printed)
    assert (found["p"], found["seeds"], found["regimen"]["steps"]) == (5, [0], 1)
    assert json.loads((tmp_path / "summary.json").read_text()) == found


def test_modular_refuses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "modulus 6: give an odd prime" in refused(capsys, "modular", "--out", tmp_path, "--p", "6")
    assert "steps = -1" in refused(capsys, "modular", "--out", tmp_path, "--steps", "-1")
    assert "--seeds" in refused(capsys, "modular", "--out", tmp_path, "--seeds", "0")
    assert list(tmp_path.iterdir()) == []


# benchmark


def test_benchmark_runs_and_its_code_says_whether_the_bounds_hold(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mathcircuits.reports import benchmark as package
    from mathcircuits.reports.benchmark import Benchmark, Setting
    from mathcircuits.reports.benchmark.scores import Bound, share

    asked: list[tuple[object, ...]] = []

    def tossed(name: str, *, quick: bool, out: Path | None, seed: int, **_: object) -> Benchmark:
        asked.append((name, quick, out, seed))
        heads = share(
            "toss", Setting("coins"), "heads", 40, 40, Bound("heads in at most half", 0.5 if seed else 1.0)
        )
        return Benchmark(name, quick, seed, (heads,), {"toss": 0.1}, {})

    monkeypatch.setattr(package, "run", tossed)
    code, out, _ = run(capsys, "benchmark", "detection", "--quick", "--out", tmp_path)
    assert code == 0
    *_, head, row, last = out.splitlines()
    assert head.split() == ["requirement", "bound", "worst", "verdict"]
    assert re.split("  +", row) == ["heads in at most half", "at most 1", "1 (40 of 40; coins)", "pass"]
    assert last.startswith("1 of 1 requirements kept")
    code, out, _ = run(capsys, "benchmark", "detection", "--seed", "1", "--json")
    assert code == 1
    assert json.loads(out)["passed"] is False
    assert asked == [("detection", True, tmp_path, 0), ("detection", False, None, 1)]


def test_numbers_as_they_are_printed() -> None:
    assert console.number(float("nan")) == "-"
    assert console.p_value(0.0) == "< 1e-4"
    assert console.p_value(1e-4) == "0.0001"


@pytest.mark.parametrize(
    "argv",
    [
        ["inspect", "FILE", "--html", "LONG.html"],
        ["compress", "FILE", "--out", "LONG.npz"],
        ["compare", "LONG", "FILE"],
        ["train", "absolute", "--steps", "1", "--out", "LONG"],
        ["study", "--out", "LONG"],
        ["doctor", "LONG"],
        ["report", "LONG"],
        ["zoo", "--small", "--out", "LONG"],
        ["score", "--zoo", "LONG", "--baseline", "all"],
        ["inspect", "FILE", "--box", "99999"],
    ],
    ids=lambda argv: argv[0],
)
def test_a_name_longer_than_the_system_takes_is_refused_in_a_line(
    argv: list[str], minimum: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = str(tmp_path / ("f" * 256))
    words = [
        word.replace("FILE", str(minimum)).replace("LONG", long).replace("99999", "9" * 5000) for word in argv
    ]
    message = refused(capsys, *words)
    assert len(message) < 1000


def test_what_the_system_refuses_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, told in (
        (OSError(28, "No space left on device"), "the system refuses (No space left on device)"),
        (MemoryError("Unable to allocate 74.5 GiB"), "more memory than there is"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 40 GB"), "more memory than there is"),
    ):

        def fails(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("mathcircuits.reports.commands.lookups.print_tasks", fails)
        assert told in refused(capsys, "tasks")
    monkeypatch.setattr("mathcircuits.reports.commands.lookups.print_tasks", lambda _: {}["a"])
    with pytest.raises(KeyError):  # a fault of the program is shown as one
        main(["tasks"])
