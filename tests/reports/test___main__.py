"""The program's entry: how many threads NumPy's products take."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("given", "threads"),
    [
        ({}, "1 None"),
        ({"OPENBLAS_NUM_THREADS": "3"}, "3 None"),
        ({"OMP_NUM_THREADS": "4"}, "None 4"),
    ],
    ids=str,
)
def test_products_take_one_thread_unless_the_environment_says_otherwise(
    given: dict[str, str], threads: str
) -> None:
    program = (
        "import os, sys; from mathcircuits.reports.__main__ import main; early = 'numpy' in sys.modules\n"
        "main(['tasks']); names = ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS')\n"
        "print(early, 'numpy' in sys.modules, *map(os.environ.get, names))"
    )
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    ran = subprocess.run(
        [sys.executable, "-c", program], env={**kept, **given}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == f"False True {threads}"


def test_a_process_with_numpy_keeps_its_threads() -> None:
    program = (
        "import os, numpy; from mathcircuits.reports.__main__ import main\n"
        "main(['tasks']); print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    )
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=kept, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "None"


@pytest.mark.parametrize(
    ("given", "found"), [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")]
)
def test_arrow_gives_memory_back_unless_the_environment_says_otherwise(
    given: dict[str, str], found: str
) -> None:
    code = (
        "from mathcircuits.reports.__main__ import main\n"
        "main(['tasks'])\n"
        "import pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    )
    kept = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=kept | given, check=True
    )
    assert done.stdout.split()[-1] == found
