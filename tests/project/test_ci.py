"""The workflow and `.ci/run` call the same gates, on every Python that the metadata promise."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "gates.yml").read_text("utf-8"))
#: What a machine of the workflow has already.
PROVIDED = {"system"}


def known() -> set[str]:
    """The gates that `.ci/gates` knows, as its own error names them."""
    done = subprocess.run(["bash", ".ci/gates", "nothing"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    return set(re.findall(r"\w+", done.stderr.partition(":")[2])) - {"or"}


def called(text: str) -> set[str]:
    """The gates that a text calls."""
    return {
        name for line in re.findall(r"\.ci/gates ([a-z ]+)$", text, re.MULTILINE) for name in line.split()
    }


def calls(job: dict[str, Any]) -> list[str]:
    """What a job of the workflow runs, for each entry of its matrix."""
    lines = [step["run"] for step in job["steps"] if "run" in step]
    return [
        re.sub(r"\$\{\{ matrix\.gate \}\}", gate, line)
        for line in lines
        for gate in job["strategy"]["matrix"].get("gate", [""])
    ]


def test_both_call_every_gate() -> None:
    by_hand = called((ROOT / ".ci" / "run").read_text("utf-8"))
    elsewhere = {name for job in WORKFLOW["jobs"].values() for line in calls(job) for name in called(line)}
    assert by_hand == known() == elsewhere | PROVIDED
    # The workflow repeats no gate's commands.
    assert all(line.startswith("bash .ci/gates ") for job in WORKFLOW["jobs"].values() for line in calls(job))


def test_the_tests_run_on_every_python_that_is_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    assert WORKFLOW["jobs"]["tests"]["strategy"]["matrix"]["python"] == promised


@pytest.mark.parametrize("script", ["run", "gates"])
def test_the_scripts_are_bash(script: str) -> None:
    assert subprocess.run(["bash", "-n", f".ci/{script}"], cwd=ROOT).returncode == 0
    assert "\nset -euo pipefail\n" in (ROOT / ".ci" / script).read_text("utf-8")
