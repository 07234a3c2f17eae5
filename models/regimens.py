"""Regimens: how networks are trained, as data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mathcircuits.detect import InputError, Task, UnknownNameError
from mathcircuits.detect.errors import did_you_mean, near_names

Share = Annotated[float, Field(ge=0, lt=1)]

#: What Levenberg-Marquardt does without: it takes no gradient steps.
GRADIENT_KEYS = (
    "momentum",
    "schedule",
    "decay",
    "decoupled_decay",
    "stream",
    "test_draws",
    "label_noise",
    "gradient_noise",
)


class Compression(BaseModel):
    """How a network is made smaller (see `mathcircuits.models.compress`).

    What is None depends on the depth: the first figure holds for one hidden layer, the second for several
    (the prototype's, regimens.md, "Recommended regimen").

    Attributes:
        points: points on which a deletion is fitted: 256, 768.
        tries: deletions tried, the cheapest first, before a network counts as smallest.
        iterations: steps of Levenberg-Marquardt for each deletion; twice as many from the fourth on.
        threshold: the mean squared error, as a share of the targets' variance, below which a deletion
            stands for the time being: 1e-6, 1e-5. The tolerance counts in its place where that is larger.
        kick: whether every neuron of a solved network is deleted once more, with noise on the others:
            no, yes.
        readable: whether weights are made readable where the function leaves a choice.

    Raises:
        InputError: for an unknown key or a value out of range.

    Examples:
        >>> Compression(tries=4).tries, Compression().for_depth(2).points
        (4, 768)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    points: int | None = Field(default=None, ge=1)
    tries: int = Field(default=8, ge=1)
    iterations: int = Field(default=15, ge=1)
    threshold: float | None = Field(default=None, gt=0)
    kick: bool | None = None
    readable: bool = True

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise as_input_error(error, "compression", type(self).model_fields) from None

    def for_depth(self, hidden_layers: int) -> Compression:
        """The settings with what is None filled in for that many hidden layers."""
        deep = hidden_layers > 1
        filled = {"points": (256, 768)[deep], "threshold": (1e-6, 1e-5)[deep], "kick": deep}
        given = self.model_dump()
        return Compression(**{k: filled[k] if v is None else v for k, v in given.items()})


class Regimen(BaseModel):
    """How networks are trained: optimiser, schedule, data and noise. The loss is the mean squared error.

    Attributes:
        name: what tables call it.
        preset: the preset that it came from, if any; a task's own number of steps is looked up by it.
        optimiser: `"sgd"` or `"adam"`, with torch's definitions; or `"levenberg"`: Levenberg-Marquardt in double
            precision on `samples` points (or `batch` of them, drawn once), `steps` being the tries.
        lr: the learning rate, at its highest.
        momentum: of `"sgd"`.
        betas, epsilon: of `"adam"`.
        schedule: `"constant"`, or `"cosine"` from `lr` down to 0 over all steps.
        steps: updates; a task may set its own for a preset (see `steps_for`).
        batch: samples in a batch.
        decay: coupled weight decay (added to the gradient as `decay * w`, as `torch.optim.Adam` does).
        decoupled_decay: decoupled weight decay (`w` shrinks by `lr * decoupled_decay`, as AdamW does).
        decay_until: the share of the steps after which both decays end; with decay on to the end the
            network would stay short of an exact solution.
        samples: None for a fresh batch at every step; n for a fixed set of n samples that batches are
            drawn from (the whole set at every step where a batch holds it).
        stream: `"shared"`: all networks of an ensemble see the same batches, seeds differ in their initial
            weights; `"per-seed"`: each network draws its own, from the generator that made its weights.
        test_draws: inputs drawn and put aside between the initial weights and the first batch, per seed.
        label_noise: standard deviation of Gaussian noise on the targets.
        gradient_noise: standard deviation of Gaussian noise on every gradient entry.

    Raises:
        InputError: for an unknown key (its message names the near one) or a value out of range.

    Examples:
        >>> as_regimen("osier").lr, as_regimen("adam", decay=0.001).name
        (0.1, 'adam, decay=0.001')
        >>> Regimen(decya=0.1)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: regimen: unknown key 'decya':
        did you mean 'decay'?
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(default="custom", min_length=1)
    preset: str | None = None
    optimiser: Literal["sgd", "adam", "levenberg"] = "adam"
    lr: float = Field(default=0.02, gt=0)
    momentum: Share = 0.0
    betas: tuple[Share, Share] = (0.9, 0.999)
    epsilon: float = Field(default=1e-8, gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    steps: int = Field(default=3000, ge=0)
    batch: int = Field(default=256, ge=1)
    decay: float = Field(default=0.0, ge=0)
    decoupled_decay: float = Field(default=0.0, ge=0)
    decay_until: float = Field(default=0.6, ge=0, le=1)
    samples: int | None = Field(default=None, ge=1)
    stream: Literal["shared", "per-seed"] = "shared"
    test_draws: int = Field(default=0, ge=0)
    label_noise: float = Field(default=0.0, ge=0)
    gradient_noise: float = Field(default=0.0, ge=0)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise as_input_error(error, "regimen", type(self).model_fields) from None
        if self.optimiser == "levenberg":
            plain = {key: type(self).model_fields[key].default for key in GRADIENT_KEYS}
            for key, default in plain.items():
                if getattr(self, key) != default:
                    raise InputError(
                        f"regimen: {key} = {getattr(self, key)!r} with optimiser 'levenberg': it has no {key}; "
                        f"leave it at {default!r}"
                    )

    def learning_rate(self, step: int, steps: int) -> float:
        """The learning rate of update `step` (from 0) out of `steps`.

        Examples:
            >>> [round(as_regimen("adam").learning_rate(step, 3000), 4) for step in (0, 1500, 2999)]
            [0.02, 0.01, 0.0]
        """
        if self.schedule == "constant":
            return self.lr
        return self.lr * 0.5 * (1.0 + math.cos(math.pi * step / steps))

    def steps_for(self, task: Task) -> int:
        """The number of updates for a task: the task's own for this preset, unless the regimen changes it.

        Examples:
            >>> from mathcircuits.detect import tasks
            >>> [as_regimen("osier").steps_for(tasks[name]) for name in ("identity", "minimum")]
            [500, 10000]
        """
        preset = PRESETS.get(self.preset or "")
        return (
            task.steps.get(preset.name, self.steps) if preset and self.steps == preset.steps else self.steps
        )


#: The regimens that have a name.
PRESETS: Mapping[str, Regimen] = {
    preset.name: preset
    for preset in (
        # Osier 2022, the notebook beside the slides, draw for draw (see `mathcircuits.models.training`).
        Regimen(
            name="osier",
            preset="osier",
            optimiser="sgd",
            lr=0.1,
            steps=500,
            batch=1000,
            stream="per-seed",
            test_draws=1000,
        ),
        # Learning rate and steps are those of the prototype's regimen (design, section 5.9).
        Regimen(
            name="adam", preset="adam", optimiser="adam", lr=0.02, schedule="cosine", steps=3000, batch=256
        ),
    )
}


def as_regimen(given: Regimen | str | Mapping[str, Any], **changes: Any) -> Regimen:
    """A regimen from itself, a preset's name, or a mapping of fields, with changes.

    Args:
        given: a Regimen; the name of a preset; or a mapping whose `preset` (where it has one) names the
            preset that the other keys change.
        changes: fields that replace the given ones. What no name is given for is called after what changed.

    Raises:
        UnknownNameError: for a preset that there is not.
        InputError: for an unknown key or a value out of range.

    Examples:
        >>> as_regimen({"preset": "adam", "steps": 100}).name
        'adam, steps=100'
        >>> as_regimen("adma")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no regimen named 'adma':
        did you mean 'adam'? (known: osier, adam)
    """
    if isinstance(given, str):
        base, fields = _preset(given), dict(changes)
    elif isinstance(given, Regimen):
        base, fields = given, dict(changes)
    elif isinstance(given, Mapping):
        fields = {**{str(key): value for key, value in given.items()}, **changes}
        if "preset" not in fields or fields["preset"] is None:
            return Regimen(**fields)
        base = _preset(str(fields.pop("preset")))
    else:
        known = ", ".join(PRESETS)
        raise InputError(
            f"a {type(given).__name__} is no regimen: give a Regimen, a mapping, or one of {known}"
        )
    if not fields:
        return base
    if "name" not in fields:
        fields["name"] = ", ".join([base.name, *(f"{key}={value}" for key, value in fields.items())])
    return Regimen(**{**base.model_dump(), **fields})


def as_input_error(error: ValidationError, where: str, keys: Iterable[str]) -> InputError:
    """pydantic's findings as one InputError on one line, with the near names for an unknown key.

    Examples:
        >>> try:
        ...     Regimen(lr=-1)
        ... except InputError as error:
        ...     print(error)
        regimen: lr = -1: input should be greater than 0
    """
    keys, parts = list(keys), []
    for found in error.errors():
        place = ".".join(map(str, found["loc"]))
        if found["type"] == "extra_forbidden":
            near = did_you_mean(near_names(place, keys)) or f" (known: {', '.join(keys)})"
            parts.append(f"unknown key {place!r}{near}")
        else:
            message = found["msg"][:1].lower() + found["msg"][1:]
            parts.append(f"{place} = {found['input']!r}: {message}")
    return InputError(f"{where}: {'; '.join(parts)}")


def _preset(name: str) -> Regimen:
    if name not in PRESETS:
        raise UnknownNameError("regimen", name, PRESETS, f"known: {', '.join(PRESETS)}")
    return PRESETS[name]
