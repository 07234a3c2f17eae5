"""The doctor: a sound machine passes; whatever is broken on purpose is named, with what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mathcircuits.detect import catalogue
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.commands import doctor

BROKEN = '[[feature]]\nid = "mine/half"\nformula = "x1 ++"\ndefinition = "no formula"\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path))
    return tmp_path


def test_this_machine_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["healthy"] is True
    found = {finding["name"]: finding for finding in record["findings"]}
    assert {"python", "torch", "transformer-lens", "device", "C++ compiler", "cache"} <= set(found)
    assert found["python"]["value"] == sys.version.split()[0]
    assert found["features"]["value"] == str(len(catalogue))
    assert len(found) == len(record["findings"]), "one finding a name"


def test_what_is_not_ok_has_a_remedy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home))
    monkeypatch.delenv("CXX", raising=False)
    found = doctor.examine()
    assert {f.name for f in found if f.status == "note"} == {"C++ compiler", "browser"}
    assert all(bool(f.remedy) == (f.status != "ok") for f in found)
    assert doctor.healthy(found)


def test_a_broken_entry_is_wrong(home: Path) -> None:
    # In a process of its own: the catalogue of this one has been read.
    (home / "catalogue").mkdir()
    (home / "catalogue" / "mine.toml").write_text(BROKEN)
    code = "import sys; from mathcircuits.reports.__main__ import main; sys.exit(main(['doctor']))"
    # Without a path there is no compiler to wait for.
    env = {**os.environ, "PATH": "", "CXX": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("wrong")]
    assert "mine.toml" in line
    assert "mend or remove that file" in line
    assert done.stdout.splitlines()[-1].startswith("this machine: 1 part is wrong (")


def test_an_entry_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(dict[str, object]):
        def __len__(self) -> int:
            raise doctor.MathCircuitsError("mine.toml, line 2: no formula")

    import mathcircuits.detect

    monkeypatch.setattr(mathcircuits.detect, "circuits", Broken())
    features, circuits, _ = doctor.registry_findings()
    assert features.status == "ok"
    assert (circuits.status, circuits.value) == ("wrong", "mine.toml, line 2: no formula")
    assert not doctor.healthy([features, circuits])


@pytest.mark.parametrize(
    ("running", "status"),
    [("3.10.14", "wrong"), ("3.11.0", "ok"), ("3.13.5", "ok"), ("3.14.0", "wrong"), ("3.12.0rc1", "ok")],
)
def test_python_has_bounds(running: str, status: str) -> None:
    assert doctor.python_finding(running, "<3.14,>=3.11").status == status


def test_a_package_that_is_missing_or_old() -> None:
    have = {"numpy": "1.26.4", "torch": "2.13.0+cpu"}

    def version_of(name: str) -> str:
        try:
            return have[name]
        except KeyError:
            raise PackageNotFoundError(name) from None

    required = ["torch>=2.6", "numpy>=2.0", "scipy>=1.15", 'onnx>=1.17; extra == "onnx"']
    torch, numpy, scipy, onnx = doctor.package_findings(required, version_of, {"onnx": "reads .onnx files"})
    assert torch == doctor.CheckedPart("torch", "2.13.0+cpu")
    assert numpy == doctor.CheckedPart("numpy", "1.26.4, needs >=2.0", "wrong", 'pip install "numpy>=2.0"')
    assert scipy == doctor.CheckedPart("scipy", "not installed", "wrong", 'pip install "scipy>=1.15"')
    absent = "not installed (reads .onnx files)"
    assert onnx == doctor.CheckedPart("onnx", absent, "note", 'pip install "mathcircuits[onnx]"')


def test_a_folder_that_cannot_be_written(home: Path) -> None:
    (home / "file").write_text("not a folder")
    cache = doctor.folder_finding("cache", home / "file", "nulls are made anew")
    assert (cache.status, cache.value) == ("note", f"{home / 'file'}: Not a directory")
    assert cache.remedy == "nulls are made anew; set MATHCIRCUITS_HOME to a folder that can be written"
    left = home / "new" / "folder"
    assert doctor.folder_finding("cache", left, "").status == "ok"
    assert not left.parent.exists(), "looking makes nothing"


def test_a_compiler_that_fails(home: Path) -> None:
    script = home / "c++"
    script.write_text("#!/bin/sh\necho 'no such machine' >&2\nexit 1\n")
    script.chmod(0o755)
    found = doctor.fused_finding(str(script))
    assert (found.status, found.value) == ("note", "not made: no such machine")
    assert found.remedy.endswith(f"mend {script} or set CXX to another")


def test_a_step_that_computes_wrongly(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from mathcircuits.models import fitting as fused

    class Wrong:
        def __init__(self, library: Path) -> None:
            self.library = library

        def gradient(self, *_: object) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.tensor([36.0]), torch.tensor([[36.0, -24.0]])

        def train(self, *_: object) -> npt.NDArray[np.float32]:
            return np.array([[36.0]], np.float32)

    monkeypatch.setattr(fused, "FusedStep", Wrong)
    monkeypatch.setattr(fused, "built", lambda *_, **__: home / "step.so")
    assert doctor.fused_finding("c++") == doctor.CheckedPart(
        "fused step", f"computes wrongly ({home / 'step.so'})", "wrong", "remove that file; set CXX"
    )


def test_a_torch_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (found,) = doctor.torch_findings()
    assert (found.name, found.status, found.remedy) == ("device", "wrong", "install torch again")
    assert found.value.startswith("torch does not load: ")
