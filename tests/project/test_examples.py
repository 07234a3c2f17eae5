"""Each example is short, runs, and prints what a reader came for."""

from __future__ import annotations

import re
import runpy
import warnings
from pathlib import Path

import pytest

from mathcircuits.detect import tasks

FOLDER = Path(__file__).resolve().parents[2] / "examples"
#: What must stand in the output, as regular expressions, in this order.
PROMISES = {
    "your_network": [
        r"^mean squared error \de-\d\d$",
        r"^off min\(x1, x2\) by at most 0\.\d\d\d anywhere on the box$",
        r"^Compressed\(2-8-1 -> 2-2-1, minimum, verified",
        r"^formula Min\(x1, x2\), off by at most \de-1\d$",
        r"^circuit minimum: ",
        r"^age \+ relu\(rooms - 0\.3\)$",
    ],
    "reproduce_osier": [
        r"^x1: \d of 8 solved it \(0\.\d\d to 0\.\d\d\)$",
        r"^    (positive|negative)ness\(x1\)  unexplained \d\.\de-\d\d  vacuous$",
        r"^    formula x1, off by at most \d\.\de-0[67]$",
        r"^abs\(x1\): ",
        r"^x1 \+ x2: ",
        r"^    positive-sum\(x1, x2\)  unexplained \d\.\de-\d\d  matched$",
        r"^min\(x1, x2\): [1-8] of 8 solved it",
        r"^    greaterness\(x[12], x[12]\)  unexplained \d\.\de-\d\d  matched$",
        r"^    formula Min\(x1, x2\), off by at most \d\.\de-0\d$",
        r"^by hand: Min\(x1, x2\), off by at most \de-1\d$",
    ],
    "inspect_onnx": [
        r"^ +0 matched +greaterness \(x1, x2\)",
        r"^ +4 matched +greaterness \(x1, x2\).* 0$",
        r"^ +5 +dead ",
        r"^formula: Max\(x1, x2\), off by at most \d\.\de-1\d on the box$",
        r"^maximum \(x1, x2\) x2 \+ relu\(x1 - x2\)$",
        r"^CanonicalForm\(0\.5 x1 \+ 0\.5 x2 \+ 0\.7071 \|",
        r"^Unfolding\(relu\(x2 - x1\), relu\(x1\), relu\(-x1\); off by at most ",
    ],
    "extend": [
        r"^Feature\('excess-over-twice'",
        r"^[1-8] of 8 seeds solve abs\(x1 - 2 \* x2\)$",
        r"^shipped:\n( +\w+\(x[12], x[12]\): unmatched.*\n){2}with mine:$",
        r"^    (excess|shortfall)-o\w+-twice\(x1, x2\): matched, unexplained \d\.\de-\d\d$",
        r"^circuit distance-from-twice\(x1, x2\), certified to \d\.\de-\d\d$",
    ],
    "universality": [
        r"^(\d+) of 40 seeds solve it$",
        r"^positiveness\(x1\) either way: (\d+) of \1 \(untrained \d of 40\) -> forced: ",
        r"^greaterness\(x1, x2\) either way: .* -> forced: ",
        r"^greaterness\(x1, x2\) as it stands: .* -> partial: ",
        r"gauge x1 - relu\(x1 - x2\) ",
        r"^72 of 72: universal$",
    ],
    "least_norm": [
        r"^minimum, 12 neurons: least norm 2\.8284 by 1/2 \(x1 \+ x2\) - 1/2 \|x1 - x2\|$",
        r"^    5 of 5 solved it, [45] of them within 1% of the least norm$",
        r"^    [345] have that gauge \(0\.\d\d to [01]\.\d\d\)$",
        r"^x1-plus-abs-x2, 12 neurons: least norm 4\.0000 by x1 \+ relu\(x2\) \+ relu\(-x2\)$",
    ],
    "gpu": [r"^minimum, 12, 64: [\d.]+, [\d.]+, [\d.]+ times; (\S+), \1$"],
    "hooks": [
        r"^recorded alike: True$",
        r"^intervened alike: True$",
        r"^without greaterness x1 is left: True$",
        r"^neuron 0 ablated: error 1\.\d\d of the output's variance$",
        r"^greaterness\(x1, x2\): slope -1\.000, success 1\.000$",
    ],
}

#: What an example is called with: the one of a GPU works on a CPU as well.
ARGUMENTS = {"gpu": ["cpu"]}


def broken(text: str, promises: list[str]) -> list[str]:
    """The promises that the text does not keep, each looked for behind the one before it."""
    at, missing = 0, []
    for promise in promises:
        found = re.compile(promise, re.MULTILINE).search(text, at)
        if found is None:
            missing.append(promise)
        else:
            at = found.end()
    return missing


def test_every_example_is_run() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(PROMISES)


@pytest.mark.parametrize("name", PROMISES)
def test_an_example_prints_what_a_reader_wants(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # One example registers a task: not for the tests that come after it.
    monkeypatch.setattr(tasks, "_tasks", dict(tasks))
    monkeypatch.setattr("sys.argv", [f"{name}.py", *ARGUMENTS.get(name, [])])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    text = capsys.readouterr().out
    assert not broken(text, PROMISES[name]), text


@pytest.mark.parametrize("name", PROMISES)
def test_an_example_is_short_and_in_cells(name: str) -> None:
    lines = (FOLDER / f"{name}.py").read_text().splitlines()
    assert len(lines) < 60
    assert lines[0] == "# %% [markdown]"
    assert lines[1].startswith("# # ")
    assert sum(line == "# %%" for line in lines) >= 2


def test_a_missing_line_is_noticed() -> None:
    assert broken("a\nb\n", ["^a$", "^b$"]) == []
    assert broken("b\na\n", ["^a$", "^b$"]) == ["^b$"]
