"""The layout is what CONTRIBUTING.md says: its stages, its five questions, and a test file for a module."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
#: The rows of its tables: a stage's folder and what it is for; a question, a file and a function.
STAGES = re.findall(r"^\| `(\w+)/(\w+)/` \| (.+) \|$", TEXT, re.MULTILINE)
WALK = re.findall(r"^\| (.+\?) \| `([\w/]+\.py)` \| `(\w+)` \|$", TEXT, re.MULTILINE)
#: Modules that a folder may hold, and lines that a test file may have, before it needs to be split.
MODULES, LINES = 20, 600


@pytest.mark.parametrize("top", ["detect", "models", "reports"])
def test_every_stage_is_named(top: str) -> None:
    folders = {path.parent.name for path in (ROOT / top).glob("*/__init__.py")}
    assert sorted(name for package, name, _ in STAGES if package == top) == sorted(folders)


@pytest.mark.parametrize(("top", "stage", "words"), STAGES)
def test_a_stage_says_the_same_itself(top: str, stage: str, words: str) -> None:
    source = (ROOT / top / stage / "__init__.py").read_text("utf-8")
    said = (ast.get_docstring(ast.parse(source)) or "").splitlines()[0]
    assert said.partition(". Names load")[0].removesuffix(".") == words


@pytest.mark.parametrize("top", ["detect", "models"])
def test_a_stage_imports_from_those_above_it_alone(top: str) -> None:
    order = [name for package, name, _ in STAGES if package == top]
    back = []
    for path in (ROOT / top).glob("*/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 2 and node.module:
                other = node.module.partition(".")[0]
                if other in order and order.index(other) > order.index(path.parent.name):
                    back.append(f"{path.relative_to(ROOT)} imports from {other}")
    assert back == []


def test_there_are_five_questions() -> None:
    assert len(WALK) == 5


@pytest.mark.parametrize(("question", "file", "function"), WALK)
def test_a_question_is_answered_within_three_openings(question: str, file: str, function: str) -> None:
    assert file.count("/") <= 2, question
    names = [node.name for node in ast.parse((ROOT / file).read_text("utf-8")).body if hasattr(node, "name")]
    assert function in names, question


def test_no_folder_holds_too_many_modules() -> None:
    counts = {
        str(folder.relative_to(ROOT)): len([p for p in folder.glob("*.py") if p.name != "__init__.py"])
        for top in ("detect", "models", "reports")
        for folder in (ROOT / top, *(p for p in (ROOT / top).rglob("*") if p.is_dir()))
    }
    assert {folder: count for folder, count in counts.items() if count > MODULES} == {}


#: Networks of other libraries, which several modules read together.
JOINT = {"test_foreign.py", "test_kinds.py"}
NAMED = [
    (path, name)
    for top in ("detect", "models", "reports", "docs")
    for path in sorted((ROOT / top).rglob("*.[pm][yd]"))
    for name in re.findall(r"`([\w/]+\.py)`", path.read_text("utf-8"))
]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_a_module_that_a_text_names_is_there(path: Path, name: str) -> None:
    places = (ROOT / "detect", ROOT / "models", ROOT / "reports", ROOT / "docs", ROOT / "examples")
    assert (ROOT / name).is_file() or any(found for place in places for found in place.rglob(name)), path


TESTS = [
    path
    for top in ("detect", "models", "reports")
    for path in sorted((ROOT / "tests" / top).rglob("test_*.py"))
    if path.name not in JOINT
]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_a_test_file_mirrors_a_module(path: Path) -> None:
    beside = path.relative_to(ROOT / "tests").with_name(path.name.removeprefix("test_"))
    assert (ROOT / beside).is_file()
    assert len(path.read_text("utf-8").splitlines()) <= LINES
