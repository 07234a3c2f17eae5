"""The README keeps its word: the example prints what it says, its figures are measured, CI runs its command."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
from pathlib import Path

import pytest
import torch

from mathcircuits.models import hand_derived

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# In an example, what an expression is worth stands behind it: `1 + 1  # -> 2`.
VALUE = re.compile(r"#\s*->\s*(.+)$")


def blocks(language: str) -> list[str]:
    """The README's fenced blocks in a language, in order."""
    return [text for name, text in FENCE.findall(README) if name == language]


def values(source: str) -> list[tuple[str, str, str]]:
    """Run the source; for each expression with a promised value (its text, the promise, the value's repr)."""
    lines = source.splitlines()
    names: dict[str, object] = {}
    found = []
    for node in ast.parse(source).body:
        text = ast.get_source_segment(source, node) or ""
        promise = VALUE.search(lines[(node.end_lineno or 1) - 1])
        if promise is None:
            exec(compile(ast.Module([node], []), "README.md", "exec"), names)
            continue
        assert isinstance(node, ast.Expr), f"only an expression has a value: {text}"
        value = eval(compile(ast.Expression(node.value), "README.md", "eval"), names)
        found.append((text, promise[1], repr(value)))
    return found


def agrees(promise: str, value: str) -> bool:
    """Whether the value prints as promised, up to white space and dots for what is left out."""
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    return doctest.OutputChecker().check_output(promise + "\n", value + "\n", flags)


@pytest.mark.parametrize("source", blocks("python"))
def test_the_example_prints_what_it_says(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(hand_derived("minimum").state_dict(), "net.pt")  # "your" network
    found = values(source)
    assert found, "an example that promises nothing is not tested"
    assert [row for row in found if not agrees(row[1], row[2])] == []


def test_a_wrong_promise_is_noticed() -> None:
    assert values("x = 2\nx + 1  # -> 4\nx  # no promise") == [("x + 1", "4", "3")]
    assert not agrees("4", "3")
    assert agrees("array([2.,  0.])", "array([2., 0.])")


def test_there_is_one_example_of_four_lines() -> None:
    (source,) = blocks("python")
    assert len([line for line in source.splitlines() if line]) <= 4


def counts(text: str) -> set[str]:
    """The counts that a text states: `341 of 343`, `20946 networks`."""
    return set(re.findall(r"\d+ of \d+|\d+ networks of \d+ tasks", text))


def test_its_figures_are_those_of_the_pages_that_it_names() -> None:
    said = README.partition("## What was found")[2].partition("\n## ")[0]
    assert len(counts(said)) >= 2
    for count in counts(said) - {"100 of 100"}:
        assert count in (ROOT / "docs" / "found.md").read_text("utf-8"), count
    minimum = (ROOT / "docs" / "howto" / "minimal.md").read_text("utf-8")
    (row,) = re.findall(r"^\| `rescue`.*$", minimum, re.MULTILINE)
    (head,) = re.findall(r"^\| regimen .*$", minimum, re.MULTILINE)
    column = head.split(" | ").index("min(x1, x2)")
    assert "100 of 100" not in said or row.split(" | ")[column] == "100"


def test_there_are_two_commands_of_one_line() -> None:
    first, second = blocks("bash")
    assert first.count("\n") == second.count("\n") == 1
    assert first.endswith("mathcircuits study --out runs/default\n")
    assert "/pytest" in second
    for command in (first, second):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ")


def test_ci_runs_the_second(tmp_path: Path) -> None:
    script = (ROOT / ".ci" / "gates").read_text()
    (extraction,) = re.findall(r"^tests=\$\((.+)\)$", script, re.MULTILINE)
    (tmp_path / "README.md").write_text(README)
    done = subprocess.run(
        ["bash", "-c", extraction], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == blocks("bash")[1]


def test_its_picture_is_small() -> None:
    (picture,) = re.findall(r"\]\((docs/\w+\.png)\)", README)
    assert (ROOT / picture).stat().st_size < 200_000


def test_the_files_that_it_names_exist() -> None:
    links = re.findall(r"\]\(([^):]+)\)", README)
    assert "CITATION.cff" in links
    assert [link for link in links if not (ROOT / link).exists()] == []
