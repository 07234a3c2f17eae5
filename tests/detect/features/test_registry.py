"""The registry: names in every spelling, and entries of installed packages."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect.features import registry as plugins
from mathcircuits.detect.features.catalogues import catalogue
from mathcircuits.detect.features.registry import fold_name
from mathcircuits.detect.features.task import Task, tasks

FEATURES = tuple(catalogue.values())


# The user's own files, and plug-ins: in a process of their own, since the catalogue is read once

SHOW = (
    "from mathcircuits.detect import MathCircuitsError, catalogue\n"
    "for _ in range(2):\n"
    "    try:\n"
    "        print(len(catalogue), catalogue['cube'])\n"
    "    except MathCircuitsError as error:\n"
    "        print(type(error).__name__, error)\n"
)


def shown(folder: Path, home: Path | None = None) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "MATHCIRCUITS_HOME": str(home or folder / "none")}
    done = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.strip().split("\n")
    assert first == second  # the same answer every time
    return first.split(" ", 1)


def install_feature(folder: Path, code: str, points: str = "cubes = my_plug:found") -> None:
    """Lay out an installed package: a module and its metadata."""
    (folder / "my_plug.py").write_text(code)
    info = folder / "my_plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[mathcircuits.features]\n{points}\n")


MAKER = (
    "from mathcircuits.detect import Catalogue, Feature, Formula\n"
    "cube = Feature(id='mine/cube', formula=Formula('x1**3'), definition='cubed', arity=1)\n"
)


@pytest.mark.parametrize(
    "found", ["cube", "[cube]", "(cube,)", "Catalogue([cube])", "iter([cube])", "lambda: [cube]"]
)
def test_an_installed_feature(tmp_path: Path, found: str) -> None:
    install_feature(tmp_path, f"{MAKER}found = {found}\n")
    # An iterator is used up by the first look-up, which is the only one.
    assert shown(tmp_path) == [str(len(FEATURES) + 1), "Feature('cube', 'x1**3')"]


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("1/0", "cannot be loaded (ZeroDivisionError: division by zero); mend that package, or uninstall it"),
        ("import no_such_package", "cannot be loaded (ModuleNotFoundError: No module named 'no_such_package')"),
        ("other = 1", "cannot be loaded (AttributeError: module 'my_plug' has no attribute 'found')"),
        ("import sys\nsys.exit(3)", "cannot be loaded (SystemExit: 3); mend"),
        ("def found():\n    1/0", "cannot be loaded (ZeroDivisionError: division by zero); mend"),
        ("class Parts:\n    def __iter__(self):\n        yield 1/0\nfound = Parts()",
         "cannot be loaded (ZeroDivisionError: division by zero)"),
        ("found = 5", "gives a int, expected a Feature, several or a Catalogue; mend"),
        ("found = 'greaterness'", "gives a str, expected a Feature"),
        ("found = [1]", "gives a int, expected a Feature"),
        ("found = {'cube': 1}", "gives a dict, expected a Feature"),
        (MAKER.replace("mine/cube", "cube") + "found = cube", "cannot be loaded (InputError: id 'cube': write family/"),
        (MAKER.replace("mine/cube", "mine/minimum") + "found = cube",
         "clashes (feature 'mine/minimum': the name 'minimum' is taken by 'order/minimum'"),
        ("from mathcircuits.detect import catalogue\nfound = [catalogue['minimum']]", "cannot be loaded ("),
    ],
)  # fmt: skip
def test_a_broken_plugin_is_named(tmp_path: Path, code: str, problem: str) -> None:
    install_feature(tmp_path, code)
    kind, message = shown(tmp_path)
    assert kind == "PluginError"
    assert message.startswith(
        "plug-in 'cubes' (mathcircuits.features: my_plug:found) of the package 'my-plug' "
    )
    assert problem in message


def test_entries_load_nothing_heavy() -> None:
    code = (
        "import sys\nimport mathcircuits.detect.features.catalogues as entries\nimport numpy as np\n"
        "entries.catalogue.identify(np.arange(9.0), np.arange(9.0)[:, None])\n"
        "print(sorted({'torch', 'pandas', 'scipy', 'sympy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


NAMES = tuple(tasks)


def points(task: Task, n: int = 300, seed: int = 0) -> np.ndarray:
    low, high = np.array(task.box).T
    return np.random.default_rng(seed).uniform(low, high, (n, task.arity))


@given(st.text(max_size=15))
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold_name(fold_name(name)) == fold_name(name)


# Plug-ins

DIST = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


def install(folder: Path, name: str, code: str, points: str) -> None:
    """Lay out an installed package: a module and its metadata."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(DIST.format(name=name))
    (info / "entry_points.txt").write_text(points)


def python(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


PLUGIN = """
from mathcircuits.detect import Formula, Task, tasks

one = Task("plugged-one", 1, (Formula("2 * x1"),), aliases=("double",))
many = [Task("plugged-two", 1, (Formula("3 * x1"),))]


@tasks.register("plugged-three", arity=1)
def three(X):
    return 4 * X[:, 0]
"""


def test_an_installed_task(tmp_path: Path) -> None:
    points = "[mathcircuits.tasks]\none = my_plug:one\nmany = my_plug:many\nall = my_plug\n"
    install(tmp_path, "my-plug", PLUGIN, points)
    code = (
        "from mathcircuits.detect import tasks\n"
        "print([tasks[n]([[1.0]]).item() for n in ('double', 'plugged-two', 'plugged-three', 'identity')], len(tasks))"
    )
    done = python(tmp_path, code)
    assert done.stdout.split("\n")[0] == f"[2.0, 3.0, 4.0, 1.0] {len(NAMES) + 3}", done.stderr


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("1/0", "cannot be loaded (ZeroDivisionError: division by zero); mend that package, or uninstall it"),
        ("one = 5", "gives a int, expected a Task or several"),
        ("one = ['minimum']", "gives a str, expected a Task or several"),
        ("two = 5", "cannot be loaded (AttributeError"),
        ("from mathcircuits.detect import Formula, Task\none = Task('min', 1, (Formula('x1'),))",
         "clashes (task 'min': the name 'min' is taken by 'minimum'"),
    ],
)  # fmt: skip
def test_a_broken_plugin_is_named_every_time(tmp_path: Path, code: str, problem: str) -> None:
    install(tmp_path, "bad-plug", code, "[mathcircuits.tasks]\nmine = bad_plug:one\n")
    script = (
        "from mathcircuits.detect import MathCircuitsError, tasks\n"
        "for _ in range(2):\n"
        "    try:\n        tasks['minimum']\n    except MathCircuitsError as error:\n        print(error)\n"
    )
    done = python(tmp_path, script)
    first, second = done.stdout.strip().split("\n")
    assert first == second
    assert first.startswith("plug-in 'mine' (mathcircuits.tasks: bad_plug:one) of the package 'bad-plug' ")
    assert problem in first


def test_an_entry_point_without_a_package_is_named_too() -> None:
    point = EntryPoint("mine", "no_such_module:x", "mathcircuits.tasks")
    with pytest.raises(
        plugins.PluginError, match=r"^plug-in 'mine' \(mathcircuits.tasks: no_such_module:x\) cannot"
    ):
        plugins.load_plugin(point)
