"""The README keeps its word: the example prints what it says, the entry loads, CI runs its command."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
from pathlib import Path

import pytest

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
    found = values(source)
    assert found, "an example that promises nothing is not tested"
    assert [row for row in found if not agrees(row[1], row[2])] == []


def test_a_wrong_promise_is_noticed() -> None:
    assert values("x = 2\nx + 1  # -> 4\nx  # no promise") == [("x + 1", "4", "3")]
    assert not agrees("4", "3")
    assert agrees("array([2.,  0.])", "array([2., 0.])")


def test_there_is_one_example_of_ten_lines() -> None:
    (source,) = blocks("python")
    statements = [line for line in source.splitlines() if line and not line.startswith(("import", "from"))]
    assert len(statements) <= 10


@pytest.mark.parametrize("source", blocks("toml"))
def test_the_entry_loads(source: str, tmp_path: Path) -> None:
    from mathcircuits.detect import Catalogue, catalogue

    file = tmp_path / "mine.toml"
    file.write_text(source)
    mine = Catalogue.load(file)
    assert len(mine) == source.count("[[feature]]") == 1
    (name,) = re.findall(r'^id = "(.+)"$', source, re.MULTILINE)
    (formula,) = re.findall(r'^formula = "(.+)"$', source, re.MULTILINE)
    assert name not in catalogue
    joined = catalogue | mine
    assert joined[name] is joined[name.rpartition("/")[2]]
    assert str(joined[name].formula) == formula
    assert len(joined) == len(catalogue) + 1


def test_there_are_two_commands_of_one_line() -> None:
    first, second = blocks("bash")
    assert first.count("\n") == second.count("\n") == 1
    assert first.endswith("mathcircuits study --out runs/default\n")
    assert "/pytest" in second
    for command in (first, second):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ")


def test_ci_runs_the_second(tmp_path: Path) -> None:
    script = (ROOT / ".ci" / "run").read_text()
    (extraction,) = re.findall(r"^tests=\$\((.+)\)$", script, re.MULTILINE)
    (tmp_path / "README.md").write_text(README)
    done = subprocess.run(
        ["bash", "-c", extraction], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == blocks("bash")[1]


def test_the_files_that_it_names_exist() -> None:
    links = re.findall(r"\]\(([^):]+)\)", README)
    assert "CITATION.cff" in links
    assert [link for link in links if not (ROOT / link).exists()] == []
