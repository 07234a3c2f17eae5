"""Files of ensembles give everything back, and a damaged one is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_ensembles import GROWN, RESCUED, RUNS, uneven

from mathcircuits.detect import FileError
from mathcircuits.models import Ensemble, load, train
from mathcircuits.reports.studies.ensemblefiles import load_ensemble, save_ensemble
from mathcircuits.reports.studies.storage import write_checksums


@pytest.mark.parametrize("runs", [RUNS, GROWN, RESCUED, uneven()])
def test_a_file_gives_everything_back(runs: Ensemble, tmp_path: Path) -> None:
    save_ensemble(tmp_path / "runs.safetensors", runs)
    back = load_ensemble(tmp_path / "runs.safetensors")
    for name, value in vars(runs).items():
        other = getattr(back, name)
        for mine, theirs in zip(
            *([v] if not isinstance(v, tuple) else v for v in (value, other)), strict=True
        ):
            same = (
                np.array_equal(mine, theirs, equal_nan=True)
                if isinstance(mine, np.ndarray)
                else mine == theirs
            )
            assert same, name
    for k, seed in enumerate(runs.seeds):
        alone = load(tmp_path / "runs.safetensors", seed=seed)
        assert alone.cfg.sizes == runs.sizes[k]
        assert np.array_equal(alone.to_network().weights[0], runs[k].to_network().weights[0])


def test_an_ensemble_comes_back_exactly(tmp_path: Path) -> None:
    for bias in (False, True):
        runs = train("absolute", hidden=(3,), seeds=(4, 2), steps=7, bias=bias)
        save_ensemble(tmp_path / "runs.safetensors", runs)
        back = load_ensemble(tmp_path / "runs.safetensors")
        assert (back.task, back.config, back.regimen, back.steps, back.seeds) == (
            runs.task,
            runs.config,
            runs.regimen,
            runs.steps,
            runs.seeds,
        )
        for mine, theirs in zip(back.weights, runs.weights, strict=True):
            assert mine.dtype == theirs.dtype
            assert np.array_equal(mine, theirs)
        assert [b is not None for b in back.biases] == [bias, bias]
        assert back.history.equals(runs.history)


def test_a_damaged_ensemble_is_named(tmp_path: Path) -> None:
    file = tmp_path / "runs.safetensors"
    save_ensemble(file, train("absolute", hidden=(2,), seeds=(0,), steps=1))
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(FileError, match=r"runs\.safetensors: cannot be read .* run the study again"):
        load_ensemble(file)
    with pytest.raises(FileError, match="cannot be read"):
        load_ensemble(tmp_path / "none.safetensors")


def test_a_flipped_bit_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "runs.safetensors"
    save_ensemble(file, train("absolute", hidden=(2,), seeds=(0,), steps=1))
    write_checksums(tmp_path / "runs.sha256", [file])
    load_ensemble(file)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # in the last weight: a network like any other
    file.write_bytes(content)
    with pytest.raises(FileError, match=r"has changed since it was written .*runs\.sha256"):
        load_ensemble(file)
