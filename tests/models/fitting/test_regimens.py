"""Regimens: data that checks itself."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from mathcircuits.detect import InputError, MathCircuitsError, UnknownNameError, tasks
from mathcircuits.models import PRESETS, Regimen, as_regimen


def test_the_presets_are_what_the_design_says() -> None:
    osier, adam = PRESETS["osier"], PRESETS["adam"]
    assert (osier.optimiser, osier.lr, osier.momentum, osier.schedule) == ("sgd", 0.1, 0.0, "constant")
    assert (osier.steps, osier.batch, osier.test_draws, osier.stream) == (500, 1000, 1000, "per-seed")
    assert (adam.optimiser, adam.betas, adam.lr, adam.schedule) == ("adam", (0.9, 0.999), 0.02, "cosine")
    assert (adam.steps, adam.batch, adam.stream, adam.decay, adam.decay_until) == (
        3000,
        256,
        "shared",
        0.0,
        0.6,
    )
    assert all(preset.name == preset.preset == name for name, preset in PRESETS.items())


def test_a_regimen_is_a_frozen_value() -> None:
    assert as_regimen("adam") == as_regimen({"preset": "adam"}) == as_regimen(PRESETS["adam"])
    assert len({as_regimen("adam"), as_regimen("adam"), as_regimen("osier")}) == 2
    with pytest.raises(ValueError, match="frozen"):
        as_regimen("adam").lr = 1.0


def test_json_and_back() -> None:
    changed = as_regimen("adam", decay=1e-3, samples=64)
    assert Regimen.model_validate_json(changed.model_dump_json()) == changed
    assert Regimen(**changed.model_dump()) == changed


def test_changes_are_named() -> None:
    changed = as_regimen({"preset": "adam", "decay": 0.001})
    assert (changed.name, changed.preset, changed.decay, changed.lr) == (
        "adam, decay=0.001",
        "adam",
        0.001,
        0.02,
    )
    assert as_regimen(changed, lr=0.1).name == "adam, decay=0.001, lr=0.1"
    assert as_regimen("adam", decay=0.001, name="decayed").name == "decayed"
    assert as_regimen({"lr": 0.5}).name == "custom"


def test_what_differs_by_depth() -> None:
    rescue = PRESETS["rescue"]
    shallow, deep = rescue.for_depth(1), rescue.for_depth(2)
    assert shallow.rescue is not None
    assert deep.rescue is not None
    assert (shallow.steps, shallow.rescue.steps, shallow.rescue.accept) == (300, 300, 1.0)
    assert (deep.steps, deep.rescue.steps, deep.rescue.accept, deep.rescue.threshold) == (
        1000,
        1000,
        1.02,
        1e-6,
    )
    assert shallow.deep == deep.deep == {}
    assert deep.for_depth(2) == deep
    assert PRESETS["compress"].for_depth(3).pool == 8


def test_what_is_changed_by_name_holds_at_every_depth() -> None:
    changed = as_regimen("rescue", steps=7, rescue={"phases": 2})
    assert changed.name == "rescue, steps=7, rescue.phases=2"
    deep = changed.for_depth(2)
    assert deep.rescue is not None
    assert (deep.steps, deep.rescue.phases, deep.rescue.steps, deep.polish) == (7, 2, 1000, 125)
    assert as_regimen("rescue", deep={"steps": 9}).for_depth(2).steps == 9
    assert as_regimen("rescue", rescue=None).for_depth(1).rescue is None


def test_every_preset_survives_json() -> None:
    for preset in PRESETS.values():
        again = Regimen.model_validate_json(preset.model_dump_json())
        assert again == preset
        assert hash(again) == hash(preset)


def test_no_preset_is_told_a_width() -> None:
    # the fields that could hold one are relative, or count from one neuron up
    assert {p.width_factor for p in PRESETS.values()} == {1}
    assert all(
        type(v) is not tuple for p in PRESETS.values() for k, v in p.model_dump().items() if k != "betas"
    )


@pytest.mark.parametrize(
    ("regimen", "task", "steps"),
    [
        (as_regimen("osier"), "identity", 500),
        (as_regimen("osier"), "minimum", 10_000),
        (as_regimen("adam"), "minimum", 3000),
        (as_regimen("osier", lr=0.05), "minimum", 10_000),  # the task's own, as for the preset
        (as_regimen("osier", steps=7), "minimum", 7),  # asked for
        (Regimen(steps=9), "minimum", 9),
    ],
)
def test_steps(regimen: Regimen, task: str, steps: int) -> None:
    assert regimen.steps_for(tasks[task]) == steps


def test_the_schedules() -> None:
    cosine = as_regimen("adam", lr=1.0)
    rates = [cosine.learning_rate(at, 100) for at in range(100)]
    assert rates[0] == 1.0
    assert abs(rates[50] - 0.5) < 1e-15
    assert 0 < rates[-1] < 1e-3
    assert rates == sorted(rates, reverse=True)
    assert as_regimen("osier").learning_rate(499, 500) == 0.1


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        (
            "adma",
            UnknownNameError,
            "no regimen named 'adma': did you mean 'adam'? (known: osier, adam, decay-",
        ),
        ({"preset": "oiser"}, UnknownNameError, "no regimen named 'oiser': did you mean 'osier'?"),
        (
            {"rescue": {"phasez": 1}},
            InputError,
            "regimen: rescue: unknown key 'phasez': did you mean 'phases'?",
        ),
        (
            {"compression": {"trise": 1}},
            InputError,
            "compression: unknown key 'trise': did you mean 'tries'?",
        ),
        ({"deep": {"stepz": 1}}, InputError, "regimen: deep: unknown key 'stepz': did you mean 'steps'?"),
        (
            {"deep": {"rescue": {"phasez": 1}}},
            InputError,
            "regimen: deep: rescue: unknown key 'phasez': did you mean",
        ),
        ({"deep": {"name": "x"}}, InputError, "regimen: deep: 'name' cannot differ by depth: leave it out"),
        (
            {"restarts": 1},
            InputError,
            "restarts = 1 without threshold: nothing says when a seed is done; give",
        ),
        ({"growth": True}, InputError, "growth without threshold: nothing says when a seed is done; give"),
        (
            {"optimiser": "levenberg", "rescue": {}},
            InputError,
            "with optimiser 'levenberg': it has no rescue; leave it at None",
        ),
        ({"init": "balancd"}, InputError, "init = 'balancd': input should be 'torch' or 'balanced'"),
        ({"decya": 1e-3}, InputError, "regimen: unknown key 'decya': did you mean 'decay'"),
        ({"preset": "adam", "stepz": 3}, InputError, "regimen: unknown key 'stepz': did you mean 'steps'"),
        ({"qqqqqq": 3}, InputError, "regimen: unknown key 'qqqqqq' (known: name, "),
        ({"lr": 0}, InputError, "regimen: lr = 0: input should be greater than 0"),
        ({"lr": float("nan")}, InputError, "regimen: lr = nan: "),
        ({"momentum": 1.0}, InputError, "momentum = 1.0"),
        ({"decay": -1}, InputError, "decay = -1"),
        ({"decay_until": 1.5}, InputError, "decay_until = 1.5"),
        ({"batch": 0}, InputError, "batch = 0"),
        ({"steps": -1}, InputError, "steps = -1"),
        (
            {"optimiser": "levenberg", "label_noise": 0.1},
            InputError,
            "label_noise = 0.1 with optimiser 'levenberg': it has no label_noise; leave it at 0.0",
        ),
        (
            {"loss": "cross-entropy", "polish": 20},
            InputError,
            "polish = 20 with loss 'cross-entropy': it has no polish; leave it at 0",
        ),
        (
            {"loss": "cross-entropy", "optimiser": "levenberg"},
            InputError,
            "which takes a squared error: give 'adam'",
        ),
        ({"deep": {"loss": "cross-entropy"}}, InputError, "regimen: deep: 'loss' cannot differ by depth"),
        (
            {"optimiser": "adamw"},
            InputError,
            "optimiser = 'adamw': input should be 'sgd', 'adam' or 'levenberg'",
        ),
        ({"schedule": "step"}, InputError, "schedule = 'step'"),
        ({"betas": (0.9, 1.0)}, InputError, "betas"),
        (3, InputError, "a int is not a regimen: give a Regimen, a mapping, or one of osier, adam"),
    ],
)
def test_a_wrong_regimen_says_what_to_do(given: object, kind: type[MathCircuitsError], text: str) -> None:
    with pytest.raises(kind) as error:
        as_regimen(given)  # type: ignore[arg-type]
    assert text in str(error.value)
    assert "\n" not in str(error.value)


def test_inside_another_model_the_text_survives() -> None:
    class Study(BaseModel):
        regimen: Regimen

    with pytest.raises(ValueError, match="unknown key 'decya': did you mean 'decay'"):
        Study.model_validate({"regimen": {"decya": 1}})
