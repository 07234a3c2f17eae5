"""The rules of the house: who imports whom, what a look-up costs, what is public, what the metadata say."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("detect", "models", "reports")
HEAVY = {"torch", "transformer_lens", "pandas", "scipy", "sklearn", "sympy"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def sources() -> list[Path]:
    """The Python files of the three packages."""
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


# Who imports whom


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages under `root`, not on those that happen to be installed."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as lint; lint()",
            "--no-cache",
        ],
        cwd=root,
        env={**os.environ, "PYTHONPATH": ".ns"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the packages, the static links and the contracts, free to be spoiled."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / ".ns", tmp_path / ".ns", symlinks=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_hold(house: Path) -> None:
    done = lint_imports(house)
    assert done.returncode == 0, done.stdout
    assert f"{len(PYPROJECT['tool']['importlinter']['contracts'])} kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        (
            "detect/networks/spoilt.py",
            "from mathcircuits.models import MLP",
            "reports -> models -> detect, never back",
        ),
        (
            "detect/networks/spoilt.py",
            "import mathcircuits.reports",
            "reports -> models -> detect, never back",
        ),
        (
            "models/networks/spoilt.py",
            "from mathcircuits.reports import run_study",
            "reports -> models -> detect, never back",
        ),
        (
            "detect/matching/spoilt.py",
            "from ..universality.ladder import Ladder",
            "the stages of detect import downwards alone",
        ),
        (
            "detect/programs/spoilt.py",
            "from ..recognition.templates import circuits",
            "the stages of detect import downwards alone",
        ),
        ("detect/spoilt.py", "", "the stages of detect import downwards alone"),
        (
            "models/fitting/spoilt.py",
            "from ..training.training import train",
            "the stages of models import downwards alone",
        ),
        (
            "models/files/spoilt.py",
            "def f():\n    from ..fitting.ensemble import Ensemble",
            "the stages of models import downwards alone",
        ),
        (
            "models/files/spoilt.py",
            "from mathcircuits.detect.networks.network import Network",
            "models and reports take public names from detect",
        ),
        (
            "reports/plots/spoilt.py",
            "from mathcircuits.models.files.checkpoints import load",
            "reports takes public names from models",
        ),
        ("detect/networks/box.py", "from .network import Network", "no circle among modules"),
        ("detect/networks/spoilt.py", "def f():\n    import torch", "no torch in detect"),
        (
            "detect/networks/spoilt.py",
            "from transformer_lens.hook_points import HookPoint",
            "no torch in detect",
        ),
        ("detect/networks/spoilt.py", "import models", "the bare folder names are never imported"),
        (
            "models/networks/spoilt.py",
            "from detect.network import Network",
            "the bare folder names are never imported",
        ),
        ("models/networks/spoilt.py", "import reports", "the bare folder names are never imported"),
    ],
)
def test_each_contract_can_fail(house: Path, file: str, line: str, contract: str) -> None:
    with open(house / file, "a") as spoilt:
        spoilt.write(line + "\n")
    done = lint_imports(house)
    assert done.returncode == 1, done.stdout
    broken = set(re.findall(r"^(.*) BROKEN$", done.stdout, re.MULTILINE))
    # An import upwards among stages that import each other's neighbours closes a circle as well.
    assert contract in broken
    assert broken <= {contract, "no circle among modules"}


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_imports_itself_relatively(path: Path) -> None:
    own = "mathcircuits." + path.relative_to(ROOT).parts[0]
    absolute = [
        node.module
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module
    ]
    assert not [module for module in absolute if module == own or module.startswith(own + ".")]


# What a look-up costs


def loaded_by(*arguments: str) -> set[str]:
    """The modules in memory after `python ARGUMENTS` has ended well."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


LOOK_UP = (
    "from mathcircuits.detect import catalogue\n"
    "catalogue['greaterness'], catalogue['x1 > x2'], catalogue.search('order')\n"
    "import numpy as np\n"
    "X = np.random.default_rng(0).uniform(-1, 1, (256, 2))\n"
    "found = catalogue.identify(np.maximum(X[:, 0] - X[:, 1], 0), X)\n"
    "assert found[0].feature is catalogue['greaterness'], found[0]\n"
)


def test_a_look_up_loads_numpy_alone() -> None:
    loaded = loaded_by("-c", LOOK_UP)
    assert {"mathcircuits.detect", "numpy"} <= loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["catalogue", "greaterness"], ["tasks"]])
def test_the_command_line_answers_without_torch(arguments: list[str]) -> None:
    loaded = loaded_by("-m", "mathcircuits.reports", *arguments)
    assert "typer" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("module", sorted(HEAVY - {"transformer_lens"}))
def test_a_heavy_import_is_noticed(module: str) -> None:
    assert module in loaded_by("-c", f"import mathcircuits.detect\nimport {module}") & HEAVY


# What is public


def exported(folder: str) -> list[tuple[str, str]]:
    """The names that a package's stub promises, as (folder, name)."""
    stub = ROOT / folder / "__init__.pyi"
    tree = ast.parse(stub.read_text() if stub.exists() else "")
    found = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert all(node.level == 1 for node in found), (
        "the linter does not read stubs: they import from their own package"
    )
    return [(folder, alias.asname or alias.name) for node in found for alias in node.names]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_package_promises_names(folder: str) -> None:
    assert exported(folder)


def documented(thing: object) -> bool:
    """Whether somebody wrote a docstring: of its own for a class or function, of its class for a value."""
    if isinstance(thing, type):
        generated = dataclasses.is_dataclass(thing) and (thing.__doc__ or "").startswith(f"{thing.__name__}(")
        return bool(thing.__dict__.get("__doc__")) and not generated
    return bool(getattr(thing, "__doc__", None)) and (callable(thing) or documented(type(thing)))


@pytest.mark.parametrize(("folder", "name"), [pair for folder in FOLDERS for pair in exported(folder)])
def test_a_public_name_resolves_and_is_documented(folder: str, name: str) -> None:
    package = importlib.import_module(f"mathcircuits.{folder}")
    thing = getattr(package, name)
    # A module that is public as a whole is one of its own package's, and no object has its name there.
    modules = {"alignment"} if folder == "detect" else set()
    assert isinstance(thing, type(package)) == (name in modules)
    assert name in package.__all__
    assert documented(thing)


def test_a_missing_docstring_is_noticed() -> None:
    class Written:
        """It has one."""

    @dataclasses.dataclass
    class Generated:
        value: int

    class Inherits(Written):
        pass

    assert documented(Written)
    assert documented(Written())
    assert not documented(Generated)
    assert not documented(Inherits)
    assert not documented(Inherits())
    assert not documented(lambda: None)


# What the metadata say


def test_one_version() -> None:
    version = PYPROJECT["project"]["version"]
    citation = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    change = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert citation is not None
    assert change is not None
    assert version == citation[1] == change[1]


def requirements() -> list[Requirement]:
    """What pyproject asks for: to run, and in its extras."""
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"].values()
    texts = [*project["dependencies"], *(text for extra in extras for text in extra)]
    return [requirement for requirement in map(Requirement, texts) if requirement.name != "mathcircuits"]


def pins() -> dict[str, str]:
    """Package -> version, in the order of constraints.txt."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(line.count("==") == 1 for line in lines)
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def test_torch_is_pinned_first() -> None:
    assert next(iter(pins())) == "torch"


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_a_requirement_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    version = pins()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_a_package_imports_is_declared(folder: str) -> None:
    declared = {canonicalize_name(requirement.name) for requirement in requirements()}
    homes = packages_distributions()
    imported: set[str] = set()
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                imported.add(node.module.partition(".")[0])
    foreign = imported - set(sys.stdlib_module_names) - {"mathcircuits"}
    assert foreign, "a package that imports nothing is not being read"
    undeclared = {
        name for name in foreign if not {canonicalize_name(home) for home in homes[name]} & declared
    }
    assert not undeclared


def test_every_subpackage_is_installed() -> None:
    found = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for path in sources()
        if path.stem == "__init__"
    }
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == {f"mathcircuits.{name}" for name in found}


@pytest.mark.long
def test_the_wheel_holds_every_file(house: Path) -> None:
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, house)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "wheels", "."],
        cwd=house,
        check=True,
    )
    (wheel,) = (house / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("mathcircuits/")}
        licences = [name for name in archive.namelist() if name.endswith("licenses/LICENSE")]
    here = {
        f"mathcircuits/{path.relative_to(house).as_posix()}"
        for folder in FOLDERS
        for path in (house / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == here
    assert {
        f"mathcircuits/{folder}/{name}" for folder in FOLDERS for name in ("py.typed", "__init__.pyi")
    } <= held
    assert any(name.startswith("mathcircuits/detect/data/") and name.endswith(".toml") for name in held)
    assert any(name.startswith("mathcircuits/reports/pages/templates/") for name in held)
    assert licences


# What the files say

# A folder of somebody's machine: a home, or a place where checkouts lie.
MACHINE = re.compile(r"(?<![\w.~}])/(?:home|Users|root|work|workspace|mnt)/\w")


def test_no_file_names_a_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    texts = {path: path.read_text(errors="replace") for path in files if path.is_file()}
    assert Path(__file__).resolve() in texts
    here = str(ROOT) + os.sep
    assert not [str(path) for path, text in texts.items() if MACHINE.search(text) or here in text]


def test_a_path_of_a_machine_is_noticed() -> None:
    for start in ("home", "Users", "root", "work"):
        assert MACHINE.search(f'open("/{start}/somebody/net.onnx")')
    for text in ("https://example.org/work/net", "runs/work/net", "../work/net", "and/or", "~/work/net.onnx"):
        assert not MACHINE.search(text)


def test_a_warning_is_an_error() -> None:
    with pytest.raises(UserWarning, match="as an error"):
        warnings.warn("as an error", stacklevel=1)
