"""Every fenced block of the pages is run, loaded or parsed by a test, or says in the line above why it is not.

The reason is an HTML comment, which readers of the page do not see: `<!-- not run: needs a Slurm cluster -->`.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
import typer.main

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
README = ROOT / "README.md"
PAGES = [*DOCS, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
#: test_docs and test_readme run or load these; written otherwise (`py`, an indent) a block is not run.
RUN = ("python", "toml")
OPENING = re.compile(r"^(?P<indent>[ \t>]*)(?P<marks>`{3,}|~{3,})(?P<language>.*)$")
REASON = re.compile(r"^<!-- not run: (?P<reason>\S.*\S) -->$")


class Fence(NamedTuple):
    """A fenced block: its language as written, with what stands before it; its text; why it is not run, or ''."""

    line: int
    language: str
    text: str
    reason: str


def fences(page: str) -> list[Fence]:
    """All fenced blocks of a page in Markdown, in order, those without a language included."""
    found: list[Fence] = []
    lines = page.splitlines()
    at = 0
    while at < len(lines):
        opening = OPENING.match(lines[at])
        if opening is None:
            at += 1
            continue
        closing = opening["indent"] + opening["marks"]
        end = next((k for k in range(at + 1, len(lines)) if lines[k].rstrip() == closing), len(lines))
        above = next((line for line in reversed(lines[:at]) if line.strip()), "")
        reason = REASON.match(above)
        text = "".join(f"{line}\n" for line in lines[at + 1 : end])
        found.append(
            Fence(at + 1, opening["indent"] + opening["language"], text, reason["reason"] if reason else "")
        )
        at = end + 1
    return found


def shell_lines(text: str) -> list[str]:
    """The commands of a bash block, one each, `&&` taken apart."""
    return [part.strip() for line in text.splitlines() for part in line.split("&&") if part.strip()]


def our_words(line: str) -> list[str] | None:
    """The words after `mathcircuits` where the line calls it, by whichever path."""
    words = shlex.split(line, comments=True)
    return words[1:] if words and words[0] in ("mathcircuits", ".venv/bin/mathcircuits") else None


def unexplained(page: str) -> list[str]:
    """The blocks that no test looks at and that give no reason."""
    return [
        f"line {fence.line}: {fence.language or 'no language'}"
        for fence in fences(page)
        if not fence.reason
        and fence.language not in RUN
        and not (fence.language == "bash" and all(our_words(line) for line in shell_lines(fence.text)))
    ]


def parse(words: list[str]) -> None:
    """Parse a call of our program as the program would, without running it."""
    from mathcircuits.reports.commands.cli import command

    program = command()
    subcommand = program.get_command(typer.Context(program), words[0])
    if subcommand is None:
        raise LookupError(f"no command {words[0]!r}")
    subcommand.make_context(words[0], words[1:])


CALLS = [
    pytest.param(words, id=" ".join(words))
    for page in PAGES
    for fence in fences(page.read_text("utf-8"))
    if fence.language == "bash"
    for line in shell_lines(fence.text)
    if (words := our_words(line))
]
EXCUSED = [
    pytest.param(fence.text, id=f"{page.stem}-{fence.line}")
    for page in PAGES
    for fence in fences(page.read_text("utf-8"))
    if fence.language == "python" and fence.reason
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    assert unexplained(page.read_text("utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_reason_stands_above_a_block(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.count("<!-- not run:") == sum(bool(fence.reason) for fence in fences(text))


@pytest.mark.parametrize("words", CALLS)
def test_a_command_is_parsed(words: list[str]) -> None:
    parse(words)


@pytest.mark.parametrize("text", EXCUSED)
def test_an_example_that_is_not_run_imports_what_exists(text: str) -> None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mathcircuits"):
            module = importlib.import_module(node.module or "")
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize("name", ["figure", "figures", "screenshot"])
def test_the_scripts_that_draw_the_pages_import(name: str) -> None:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert callable(module.main)


def test_a_block_that_nobody_runs_is_noticed() -> None:
    assert unexplained("```py\n1\n```\n") == ["line 1: py"]
    assert unexplained("text\n\n```\n1\n```\n") == ["line 3: no language"]
    assert unexplained("~~~ ruby\n1\n~~~\n") == ["line 1:  ruby"]
    assert unexplained("- so:\n\n    ```python\n    1\n    ```\n") == ["line 3:     python"]
    assert unexplained('```python title="a.py"\n1\n```\n') == ['line 1: python title="a.py"']
    assert unexplained("```bash\nmathcircuits tasks && rm -r runs\n```\n") == ["line 1: bash"]
    assert unexplained("```bash\nmathcircuits tasks  # all\n```\n```python\n1\n```\n```toml\n```\n") == []
    assert unexplained("<!-- not run: needs a GPU -->\n\n```py\n1\n```\n") == []
    assert unexplained("<!-- not run:  -->\n```py\n1\n```\n") == ["line 2: py"]
    assert unexplained("```py\n1\n```\n\nSo.\n\n```python\n<!-- not run: inside -->\n```\n") == ["line 1: py"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["studies"], "no command 'studies'"),
        (["study", "--sedes", "3"], "No such option: --sedes"),
        (["inspect", "a.onnx", "b.onnx"], "unexpected extra argument"),
        (["modular", "--p", "many"], "valid integer"),
    ],
)
def test_a_wrong_command_is_noticed(words: list[str], said: str) -> None:
    with pytest.raises(Exception, match=said):
        parse(words)
