"""Budgets: what large inputs cost on the command line, each in a process of its own on a terminal of its own.

`python tests/budgets.py [WORDS]` runs the cases whose name holds one of the words, all without one. It prints for each
its exit code, processor seconds, the longest silence in processor seconds, the largest memory and its last line.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil

from mathcircuits.detect import Network
from mathcircuits.models import save

#: Seconds of the processor after which a case is stopped, and the bytes.
SECONDS, BYTES = 120.0, 6e9
PROGRAM = [sys.executable, "-m", "mathcircuits.reports"]
LARGEST = "max(" + ", ".join(f"x{k}" for k in range(1, 31)) + ")"


def cases(folder: Path) -> dict[str, list[str]]:
    """The command of each case; what it reads is written into the folder."""
    rng = np.random.default_rng(0)

    def network(*sizes: int) -> str:
        layers = list(zip(sizes[1:], sizes[:-1], strict=True))
        weights = [rng.normal(size=shape) / np.sqrt(shape[1]) for shape in layers]
        biases = [rng.normal(size=shape[0]) for shape in layers]
        name = "-".join(map(str, sizes)) + ".safetensors"
        return str(save(Network(weights, biases), folder / name))

    def text(name: str, content: str) -> str:
        (folder / name).write_text(content)
        return str(folder / name)

    def study(name: str, widths: str, seeds: int) -> list[str]:
        table = f'tasks = ["minimum"]\nwidths = [{widths}]\nseeds = {seeds}\nregimens = ["adam"]\nsteps = 1\n'
        return ["study", text(f"{name}.toml", table), "--out", str(folder / name)]

    def train(task: str, *options: str) -> list[str]:
        return ["train", task, "--steps", "50", "--out", str(folder / "trained"), "--force", *options]

    large, many, wide = network(2, 4096, 4096, 1), network(64, 16, 1), network(2, 2048, 1)
    small, thirty = network(2, 3, 1), network(30, 16, 1)
    np.save(folder / "rows.npy", rng.normal(size=(3_000_000, 2)))
    np.save(folder / "columns.npy", rng.normal(size=(10, 100_000)))
    rows = text("rows.csv", "a,b,c\n" + 1_000_000 * "0.1,0.2,0.3\n0.5,-0.2,0.1\n")
    columns = text(
        "columns.csv", ",".join(f"c{k}" for k in range(50_000)) + "\n" + 2 * (",".join(50_000 * "1") + "\n")
    )
    features = "".join(
        f'[[feature]]\nid = "mine/a{k}"\nformula = "{k + 2}*x1 + x2"\ndefinition = "a sum"\n'
        for k in range(3000)
    )
    return {
        "inspect 4096 x 4096": ["inspect", large],
        "inspect 64 inputs": ["inspect", many],
        "inspect 30 inputs, a task": ["inspect", thirty, "--task", LARGEST],
        "inspect width 2048": ["inspect", wide],
        "inspect 3 million rows": ["inspect", small, "--data", str(folder / "rows.npy")],
        "inspect 100 000 columns": ["inspect", small, "--data", str(folder / "columns.npy")],
        "study of 10^9 seeds": study("seeds", '"1x"', 10**9),
        "study of 10^6 cells": study("cells", ",".join(map(str, range(1, 10**6))), 1),
        "train 30 inputs": train(LARGEST, "--hidden", "8"),
        "train width 100 000": train("minimum", "--hidden", "100000"),
        "train width 4096": train("minimum", "--hidden", "4096"),
        "train 3000 seeds": train("minimum", "--seeds", "3000"),
        "train a deep formula": train("relu(" * 190 + "x1" + ")" * 190, "--hidden", "3"),
        "train 2 million rows": train(rows, "--hidden", "4"),
        "train 50 000 columns": train(columns, "--hidden", "4"),
        "compress 4096 x 4096": ["compress", large, "--out", str(folder / "a.npz")],
        "compress width 2048": ["compress", wide, "--out", str(folder / "b.npz")],
        "compress 64 inputs": ["compress", many, "--out", str(folder / "c.npz")],
        "compare 4096 x 4096": ["compare", large, large],
        "compare 64 inputs": ["compare", many, many],
        "group of 1000": ["group", "C1000", "--seeds", "1", "--steps", "20", "--out", str(folder / "group")],
        "add 3000 features": ["add", text("features.toml", features)],
        "zoo --small": ["zoo", "--small", "--out", str(folder / "zoo")],
        "score a zoo": ["score", "--zoo", str(folder / "zoo"), "--baseline", "all"],
    }


def spent(process: psutil.Process) -> tuple[float, float]:
    """Processor seconds and bytes of a process and those that it started."""
    seconds = held = 0.0
    with contextlib.suppress(psutil.Error):
        for part in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                seconds += sum(part.cpu_times()[:4])
                held += part.memory_info().rss
    return seconds, held


def run(name: str, words: list[str]) -> None:
    """Run a command and print a line of what it cost."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [*PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    watched = psutil.Process(child.pid)
    seconds = silence = last = peak = 0.0
    said = b""
    while True:
        ready = select.select([ours], [], [], 0.2)[0]
        now, held = spent(watched)
        seconds, peak = max(seconds, now), max(peak, held)
        if ready:
            silence, last = max(silence, seconds - last), seconds
            try:
                said = (said + os.read(ours, 65536))[-5000:]
            except OSError:  # the terminal's other end is closed
                break
        if seconds > SECONDS or peak > BYTES:
            os.killpg(child.pid, signal.SIGKILL)
            break
    silence = max(silence, seconds - last)
    code = child.wait()
    os.close(ours)
    lines = said.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    line = next((line for line in reversed(lines) if line.strip()), "")
    raw = " RAW" if b"Traceback" in said else ""
    print(
        f"{name:28} exit {code:3}  {seconds:6.1f} s  silent {silence:4.1f} s  {peak / 1e6:6.0f} MB{raw}  {line[:80]!r}",
        flush=True,
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["MATHCIRCUITS_HOME"] = str(Path(scratch) / "home")
        for case, command in cases(Path(scratch)).items():
            if not sys.argv[1:] or any(word in case for word in sys.argv[1:]):
                run(case, command)
