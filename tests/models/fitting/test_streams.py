"""The streams of many generators: torch's own numbers, bit for bit, and generators that are left where torch would."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch

from mathcircuits.detect import tasks
from mathcircuits.models import MLPConfig, as_regimen
from mathcircuits.models.fitting import batches
from mathcircuits.models.fitting.batches import Batches
from mathcircuits.models.fitting.compiled_step import FusedStep, fused_step
from mathcircuits.models.fitting.steps import FitSettings, fit_in_chunks, started
from mathcircuits.models.fitting.streams import Streams, draws_rightly

CPU = torch.device("cpu")
FUSED = fused_step()
compiled = pytest.mark.skipif(FUSED is None, reason="no C++ compiler")


def generators(seeds: range, drawn: int = 0) -> list[torch.Generator]:
    """Generators that have drawn some numbers already."""
    found = [torch.Generator().manual_seed(seed) for seed in seeds]
    for generator in found:
        torch.rand(drawn, generator=generator)
    return found


@compiled
@pytest.mark.parametrize(("drawn", "samples", "values"), [(0, 400, 1), (6 + 2000, 333, 2), (624, 17, 3)])
def test_a_thousand_seeds_draw_what_torch_draws(drawn: int, samples: int, values: int) -> None:
    assert FUSED is not None
    ours, theirs = generators(range(1000), drawn), generators(range(1000), drawn)
    low, width = torch.tensor([-1.0, 0.1, 3.0])[:values], torch.tensor([2.0, 0.7, 1e-3])[:values]
    streams = Streams(FUSED, ours)
    # In blocks of several batches and of one: they end within a state, and may end with it.
    for count in (3, 1):
        found = streams.uniform(count, samples, low, width).view(values, count, 1000, samples)
        own = torch.stack([torch.rand(count, samples, values, generator=g) for g in theirs])
        expected = (
            own.permute(3, 1, 0, 2).contiguous() * width[:, None, None, None] + low[:, None, None, None]
        )
        assert torch.equal(found, expected)
    streams.hand_back()
    assert all(torch.equal(a.get_state(), b.get_state()) for a, b in zip(ours, theirs, strict=True))


@compiled
def test_nothing_drawn_changes_no_generator() -> None:
    assert FUSED is not None
    (generator,) = generators(range(1), 5)
    before = generator.get_state()
    Streams(FUSED, [generator]).hand_back()
    assert torch.equal(generator.get_state(), before)


@compiled
@pytest.mark.parametrize("name", ["osier", "adam"])
@pytest.mark.parametrize("task", ["minimum", "sort-2", "xor"])
def test_training_is_the_same_bit_for_bit(name: str, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def trained() -> tuple[torch.Tensor, list[torch.Tensor]]:
        known = tasks[task]
        config, regimen = MLPConfig((known.arity, 3, known.outputs)), as_regimen(name)
        parameters, streams = started(config, regimen, known, range(90))
        settings = FitSettings(known, config, regimen, 9, fused=FUSED)
        with torch.no_grad():
            fit_in_chunks(parameters, range(90), settings, streams=streams)
        return parameters, [generator.get_state() for generator in streams]

    ours, left = trained()
    monkeypatch.setattr(batches, "draws_rightly", lambda _: False)
    theirs, torchs = trained()
    assert torch.equal(ours, theirs)
    assert all(torch.equal(a, b) for a, b in zip(left, torchs, strict=True))


@compiled
def test_torch_has_its_threads_back_after_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BLOCK_VALUES", 10)
    threads = torch.get_num_threads()
    drawn = Batches(tasks["minimum"], as_regimen("osier"), generators(range(2)), CPU, fused=FUSED)
    assert drawn.streams is not None
    drawn.block(1)
    assert torch.get_num_threads() == threads


def test_a_library_that_draws_otherwise_is_not_used() -> None:
    class Other:
        """It draws zeros."""

        def uniform(self, *given: Any) -> torch.Tensor:
            states, _, count, samples, low = given[:5]
            return torch.zeros(len(low), count * len(states) * samples)

    other = cast(FusedStep, Other())
    assert not draws_rightly(other)
    drawn = Batches(tasks["minimum"], as_regimen("osier"), generators(range(2)), CPU, fused=other)
    assert drawn.streams is None
    x, _ = drawn.block(1)
    assert np.ptp(x.numpy()) > 1.9
