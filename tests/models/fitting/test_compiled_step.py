"""The fused step: torch's gradients and optimisers, independence bit by bit, what happens without a compiler."""

from __future__ import annotations

import hashlib
import logging
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mathcircuits.detect import InputError, tasks
from mathcircuits.detect.networks.nonlinearities import NAMES
from mathcircuits.models import MLPConfig, as_regimen, train
from mathcircuits.models.fitting import compiled_step as fused
from mathcircuits.models.fitting.compilation import built, find_compiler
from mathcircuits.models.fitting.compiled_step import (
    FusedStep,
    UpdateRule,
    eager_seconds,
    fused_step,
    knows,
)
from mathcircuits.models.fitting.gradients import Layout, step
from mathcircuits.models.fitting.steps import FitSettings, fit, fused_pass

KNOWN = [name for name in NAMES if knows(MLPConfig((1, 1, 1), activation=name))]
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler: there is no fused step")


@pytest.fixture(scope="module")
def compiled() -> FusedStep:
    found = fused_step()
    assert found is not None
    return found


@pytest.fixture
def fresh() -> Iterator[None]:
    """`fused_step` looks again, and again afterwards."""
    fused_step.cache_clear()
    yield
    fused_step.cache_clear()


def drawn(
    config: MLPConfig, nets: int, samples: int, shared: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(samples)
    own = 1 if shared else nets
    return (
        torch.randn(nets, Layout(config).size, generator=generator) * 0.5,
        torch.randn(own, config.sizes[0], samples, generator=generator),
        torch.randn(own, config.sizes[-1], samples, generator=generator),
    )


@needs_compiler
@pytest.mark.parametrize("activation", [*KNOWN, "leaky_relu(0.3)", "leaky_relu(-0.5)"])
@pytest.mark.parametrize(
    "sizes",
    [(2, 3, 1), (1, 1, 1), (4, 4, 1), (3, 2, 1), (3, 5, 4, 2), (2, 1), (1, 4, 3, 2, 1), (6, 33, 17, 3)],
)
@pytest.mark.parametrize("bias", [False, True])
def test_the_gradient_is_the_eager_steps(
    compiled: FusedStep, activation: str, sizes: tuple[int, ...], bias: bool
) -> None:
    config = MLPConfig(sizes, bias, activation)
    for samples in (1, 7, 16, 64, 133):  # less than a vector, vectors, a block, all of them
        for shared in (False, True):
            parameters, x, y = drawn(config, 3, samples, shared)
            losses, gradients = step(parameters, x, y, config)
            ours, mine = compiled.gradient(parameters, x, y, config)
            assert torch.allclose(ours, losses, rtol=1e-5)
            # single precision: relative to the largest entry of each network
            assert ((mine - gradients).abs().amax(1) < 4e-6 * (1 + gradients.abs().amax(1))).all()


@needs_compiler
def test_samples_need_lie_side_by_side_only(compiled: FusedStep) -> None:
    config = MLPConfig((3, 4, 2))
    parameters, x, y = drawn(config, 3, 50, shared=False)
    wide_x, wide_y = torch.randn(4, 5, 60), torch.randn(2, 4, 60)  # [unit, net, sample], with room to spare
    wide_x[:3, :3, 5:55], wide_y[:, :3, 5:55] = x.transpose(0, 1), y.transpose(0, 1)
    strided = compiled.gradient(
        parameters, wide_x[:3, :3, 5:55].transpose(0, 1), wide_y[:, :3, 5:55].transpose(0, 1), config
    )
    assert torch.equal(strided[1], compiled.gradient(parameters, x, y, config)[1])


@needs_compiler
@pytest.mark.parametrize(
    "fields",
    [
        {"optimiser": "sgd"},
        {"optimiser": "sgd", "momentum": 0.9, "schedule": "cosine"},
        {"optimiser": "sgd", "decay": 0.1, "decay_until": 0.5},
        {},
        {"schedule": "cosine", "decay": 0.01},
        {"decoupled_decay": 0.3, "betas": (0.5, 0.9), "epsilon": 1e-3},
        {"gradient_noise": 0.1},
        {"parameter_noise": 0.01, "schedule": "cosine"},
        {"optimiser": "sgd", "momentum": 0.9, "parameter_noise": 0.01, "gradient_noise": 0.1},
        {"label_noise": 0.1, "stream": "per-seed"},
        {"samples": 50},
        {"samples": 200, "stream": "per-seed"},
    ],
    ids=str,
)
def test_a_training_is_the_eager_one(compiled: FusedStep, fields: dict[str, Any]) -> None:
    regimen = as_regimen({"lr": 0.05, "batch": 70, **fields})
    config, steps = MLPConfig((2, 5, 1), bias=True), 80
    logged = np.array([0, 1, 40, 79, 80])
    ends, losses = [], []
    for one in (None, compiled):
        start, *_ = drawn(config, 3, 5, shared=True)
        streams = [torch.Generator().manual_seed(k) for k in range(3 if regimen.stream == "per-seed" else 1)]
        losses.append(
            fit(
                start,
                streams,
                FitSettings(tasks["minimum"], config, regimen, steps, logged, fused=one),
                noise_seeds=range(3),
            )
        )
        ends.append(start)
    assert (ends[0] - ends[1]).abs().max() < 1e-4
    assert (ends[0] - start).abs().max() < 1e-4
    assert np.allclose(losses[0][:-1], losses[1][:-1], rtol=1e-3)
    assert np.isnan(losses[1][-1]).all()  # what comes after the last update is measured elsewhere
    assert (losses[1][3] < losses[1][0]).all()


@needs_compiler
def test_a_network_is_the_same_bit_by_bit_whatever_trains_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mathcircuits.models.fitting.steps.EAGER_SECONDS", 0.0)
    for regimen in ("adam", "osier", as_regimen("adam", gradient_noise=0.1, parameter_noise=0.01)):
        together = train("minimum", hidden=(5,), seeds=range(9), regimen=regimen, steps=70)
        backwards = train("minimum", hidden=(5,), seeds=range(8, -1, -1), regimen=regimen, steps=70)
        alone = train("minimum", hidden=(5,), seeds=[6], regimen=regimen, steps=70)
        for a, b, c in zip(together.weights, backwards.weights, alone.weights, strict=True):
            assert (a == b[::-1]).all()
            assert (a[6] == c[0]).all()
            assert not (a[6] == a[5]).any()


@needs_compiler
def test_threads_share_the_networks_out(compiled: FusedStep, monkeypatch: pytest.MonkeyPatch) -> None:
    config = MLPConfig((2, 3, 1))
    parameters, x, y = drawn(config, 11, 100, shared=True)
    found = []
    for threads in (1, 3, 16):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        found.append(compiled.gradient(parameters, x, y, config)[1])
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@needs_compiler
def test_a_diverged_network_says_so_and_leaves_the_others(compiled: FusedStep) -> None:
    config = MLPConfig((2, 3, 1))
    parameters, x, y = drawn(config, 4, 50, shared=True)
    ill = parameters.clone()
    ill[1, 0], ill[2] = float("nan"), 1e30
    rates = np.tile(np.array([[0.1, 0.0, 1.0, 1.0]], np.float32), (5, 1))
    batches = x.expand(5, 1, -1, -1), y.expand(5, 1, -1, -1)
    losses = [compiled.train(config, UpdateRule(), p, None, None, *batches, rates) for p in (parameters, ill)]
    assert not ill[[1, 2]].isfinite().all(dim=1).any()
    assert np.isnan(losses[1][:, 1]).all()
    assert torch.equal(ill[[0, 3]], parameters[[0, 3]])
    assert parameters.isfinite().all()


@needs_compiler
def test_one_library_serves_every_shape(compiled: FusedStep) -> None:
    before = sorted(compiled.library.parent.glob("step-*.so"))
    for sizes in ((1, 2, 1), (4, 6, 3, 1), (2, 64, 1), (3, 24, 12, 5, 2)):
        config = MLPConfig(sizes, bias=len(sizes) > 3, activation="tanh" if len(sizes) == 3 else "relu")
        parameters, x, y = drawn(config, 2, 30, shared=True)
        compiled.gradient(parameters, x, y, config)
    assert sorted(compiled.library.parent.glob("step-*.so")) == before
    compiler = find_compiler()
    assert compiler is not None
    assert built(compiler, compiled.library.parent) == compiled.library


@pytest.mark.usefixtures("fresh")
def test_without_a_compiler_training_goes_on_with_one_notice(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr("mathcircuits.models.fitting.steps.EAGER_SECONDS", 0.0)
    with caplog.at_level(logging.WARNING, "mathcircuits"):
        runs = [train("absolute", hidden=2, seeds=range(2), steps=30) for _ in range(2)]
    assert [record.getMessage() for record in caplog.records] == [
        "no C++ compiler was found: training goes on without it, several times slower (install g++ or clang++)"
    ]
    assert (runs[0].losses == runs[1].losses).all()


@pytest.mark.usefixtures("fresh")
def test_a_compiler_that_fails_is_named_with_what_it_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'cannot make sense of it' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path))
    with caplog.at_level(logging.WARNING, "mathcircuits"):
        assert fused_step() is None
    assert f"{broken} did not make the fused step: cannot make sense of it" in caplog.text
    with pytest.raises(subprocess.SubprocessError):
        built(str(broken), tmp_path)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("printf '\\n\\n' >&2; exit 1", "CalledProcessError"),  # blank lines alone
        ("printf 'd\\351faut' >&2; exit 1", "d\N{REPLACEMENT CHARACTER}faut"),  # latin-1
        ("exit 0", "ended without an error and without a library"),
    ],
)
def test_a_compiler_that_says_nothing_readable(
    script: str, told: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path))
    with caplog.at_level(logging.WARNING, "mathcircuits"):
        assert fused_step() is None
    assert told in caplog.text


IDLE = "\n".join(
    f'extern "C" void mathcircuits_{name}(void*, long, long) {{}}'
    for name in ("train", "gradient", "uniform")
)


@needs_compiler
@pytest.mark.usefixtures("fresh")
def test_a_library_that_does_nothing_is_made_again_before_its_first_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path))
    compiler = find_compiler()
    assert compiler is not None
    library = built(compiler, tmp_path / "kernels")
    right = library.read_bytes()
    source = tmp_path / "idle.cpp"
    source.write_text(IDLE)
    subprocess.run([compiler, "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    library.with_suffix(".sha256").write_text(hashlib.sha256(library.read_bytes()).hexdigest())
    assert not fused.computes_rightly(FusedStep(library))
    found = fused_step()
    assert found is not None
    assert fused.computes_rightly(found)
    assert library.read_bytes() == right


def test_small_trainings_are_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise AssertionError("compiled for a training that takes no time")

    monkeypatch.setattr("mathcircuits.models.fitting.steps.fused_step", never)
    train("minimum", hidden=3, seeds=range(4), steps=20)
    with pytest.raises(AssertionError, match="compiled"):
        train("minimum", hidden=3, seeds=range(100), steps=3000)


def test_work_is_estimated_by_networks_steps_samples_and_sizes() -> None:
    small = eager_seconds(MLPConfig((2, 3, 1)), 10, 100, 1000)
    assert eager_seconds(MLPConfig((2, 3, 1)), 10, 1000, 1000) == pytest.approx(10 * small)
    assert eager_seconds(MLPConfig((2, 64, 1)), 10, 100, 1000) > small
    # 2-3-1: 6 and 3 products forward, the same for the weights' gradients, 3 for the hidden units'
    step_seconds = eager_seconds(MLPConfig((2, 3, 1)), 1000, 1, 1000) - fused.EAGER_CALL
    assert step_seconds == pytest.approx(21e6 * fused.EAGER_WORK)


@needs_compiler
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda p, x, y: (p.double(), x, y), r"parameters: torch.float64 of shape \(3, 9\)"),
        (lambda p, x, y: (p[:, :8], x, y), r"needs contiguous float32 of shape \(3, 9\)"),
        (lambda p, x, y: (p, x[:, :1], y), r"x: torch.float32 of shape \(1, 1, 1, 20\)"),
        (lambda p, x, y: (p, x, y.expand(2, -1, -1)), r"y: .* needs float32 of shape \(1, 3, 1, 20\)"),
        (lambda p, x, y: (p, x.mT.contiguous().mT, y), "samples side by side"),
        (lambda p, x, y: (p, x[..., :0], y[..., :0]), r"shape \(1, 1, 2, 0\)"),
    ],
)
def test_wrong_tensors(compiled: FusedStep, change: Any, text: str) -> None:
    config = MLPConfig((2, 3, 1))
    parameters, x, y = change(*drawn(config, 3, 20, shared=True))
    with pytest.raises(InputError, match=text):
        compiled.gradient(parameters, x, y, config)


@needs_compiler
def test_wrong_state(compiled: FusedStep) -> None:
    config = MLPConfig((2, 3, 1))
    p, x, y = drawn(config, 3, 20, shared=True)
    with pytest.raises(InputError, match=r"rates of shape \(2, 4\) for 1 steps"):
        compiled.train(config, UpdateRule(), p, None, None, x[None], y[None], np.zeros((2, 4), np.float32))
    with pytest.raises(InputError, match=r"first: .* needs contiguous float32 of shape \(3, 9\)"):
        compiled.train(config, UpdateRule(), p, p[:2], None, x[None], y[None], np.zeros((1, 4), np.float32))


def test_the_compiled_step_has_six_activations_and_others_go_without() -> None:
    assert KNOWN == ["relu", "leaky_relu", "tanh", "gelu", "gelu_tanh", "identity"]
    long = as_regimen("adam")
    assert (
        fused_pass(MLPConfig((2, 3, 1), activation="sigmoid"), long, 10_000, 10**6, torch.device("cpu"))
        is None
    )
