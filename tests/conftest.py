"""What every test shares: its own home, a thread per parallel process, how hypothesis searches."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Neither a person's own catalogue nor what an older version has cached may decide a test.
HOMES = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
# Two processes that each start two threads on two cores wait for each other.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

HOME = pytest.StashKey[tempfile.TemporaryDirectory[str]]()

# No deadline: a machine's load is no finding. In CI the same examples every time: a red run means a change.
hypothesis.settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
# `pytest --hypothesis-profile long`: fifty times as many, for minutes.
hypothesis.settings.register_profile("long", deadline=None, max_examples=5000)
hypothesis.settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment before anything heavy is imported; workers and subprocesses inherit it."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    os.environ["MPLBACKEND"] = "Agg"
    home = config.stash[HOME] = tempfile.TemporaryDirectory(prefix="mathcircuits-tests-")
    for name in HOMES:
        os.environ[name] = str(Path(home.name) / name.lower())
    if config.getoption("numprocesses", None):
        for name in THREADS:
            os.environ[name] = "1"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the home that `pytest_configure` made."""
    if HOME in config.stash:
        config.stash[HOME].cleanup()


@pytest.fixture(autouse=True, scope="module")
def own_tasks_of_a_module() -> Iterator[None]:
    """Forget the tasks that a file's tests register: files share a process, in an order that nobody fixes."""
    from mathcircuits.detect import tasks

    before = dict(tasks._held())
    yield
    tasks._tasks = before
