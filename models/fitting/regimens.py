"""Regimens: how networks are trained, as data.

The presets and their sources are in `data/regimens.toml`; what each field does is said here, and done in
`mathcircuits.models.training.training`.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mathcircuits.detect import InputError, MathCircuitsError, Task, UnknownNameError
from mathcircuits.detect.errors import did_you_mean, near_names, printable

from .criteria import ADAM_EPSILON, DELETION_STANDS, RESCUED

Share = Annotated[float, Field(ge=0, lt=1)]


def _plain(name: str) -> str:
    if printable(name) != name or "\n" in name or "\t" in name:
        raise ValueError("give a name without control characters")
    return name


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]

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
    "parameter_noise",
    "pool",
    "rescue",
)
#: What takes a squared error, and what cross-entropy does without.
SQUARED_KEYS = (
    "label_noise", "pool", "rescue", "compression", "polish", "threshold", "restarts", "growth",
)  # fmt: skip
#: What a table `deep` cannot replace.
SHALLOW_KEYS = ("name", "preset", "loss", "deep")


class CheckedTable(BaseModel):
    """A frozen table of settings whose errors are one line each."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    #: What errors call it.
    title: ClassVar[str] = "settings"

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise as_input_error(error, self.title, type(self).model_fields) from None


class Rescue(CheckedTable):
    """What is done for networks that got stuck: one random neuron starts anew, and the better network stays.

    A phase makes one of a network's hidden neurons new (incoming and outgoing weights, bias; the law of
    `nn.Linear`) and trains it on. The result stays where it is not worse; in the end the best network counts.

    Attributes:
        phases: at most so many after the first training.
        steps: updates of a phase; the schedule runs over them.
        threshold: the loss on held-out points under which a network is done; the polish does the rest, which
            from 1e-6 on is a question of digits alone (docs/results/measurements.md, Wide training and polish).
        accept: a phase's result stays where its loss is at most this multiple of the best so far; above 1 the
            search may leave a flat place.

    Raises:
        InputError: for an unknown key or a value out of range.

    Examples:
        >>> Rescue(phases=3).steps
        300
        >>> Rescue(phasez=3)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: rescue: unknown key 'phasez':
        did you mean 'phases'?
    """

    title: ClassVar[str] = "rescue"

    phases: int = Field(default=15, ge=0)
    steps: int = Field(default=300, ge=1)
    threshold: float = Field(default=RESCUED, gt=0)
    accept: float = Field(default=1.0, ge=1)


class Compression(CheckedTable):
    """How a network is made smaller (see `mathcircuits.models.compress`).

    What is None depends on the depth: the first figure holds for one hidden layer, the second for several
    (docs/results/measurements.md, Elimination).

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

    title: ClassVar[str] = "compression"

    points: int | None = Field(default=None, ge=1)
    tries: int = Field(default=8, ge=1)
    iterations: int = Field(default=15, ge=1)
    threshold: float | None = Field(default=None, gt=0)
    kick: bool | None = None
    readable: bool = True

    def for_depth(self, hidden_layers: int) -> Compression:
        """The settings with what is None filled in for that many hidden layers."""
        deep = hidden_layers > 1
        filled: dict[str, Any] = {
            "points": (256, 768)[deep],
            "threshold": DELETION_STANDS[deep],
            "kick": deep,
        }
        given = self.model_dump()
        return Compression(**{k: filled[k] if v is None else v for k, v in given.items()})


class Regimen(CheckedTable):
    """How networks are trained: loss, optimiser, schedule, data and noise.

    Attributes:
        name: what tables call it.
        preset: the preset that it came from, if any; a task's own number of steps is looked up by it.
        loss: `"squared"`, the mean squared error; or `"cross-entropy"`, of a classifier: the task has an output for
            each class, and the losses in the end are shares of fresh points with another largest output.
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
        parameter_noise: standard deviation of Gaussian noise that is added to every parameter after each update,
            times the share of `lr` that the schedule leaves: with a schedule that ends at 0 the noise does too.
        init: `"torch"`, the law of `nn.Linear`; or `"balanced"`: hidden neurons in pairs of opposite weights, incoming
            and outgoing, the first one's being of the torch law (see `mathcircuits.models.fitting.steps.balance`).
        init_scale: what the initial weights and biases are multiplied by; neurons of a rescue too.
        width_factor: training starts at this multiple of the hidden widths asked for.
        pool: networks trained per seed, of which the one with the least loss on held-out points stays.
        rescue: what is done for networks that got stuck after `steps` updates, or None.
        compression: how the trained network is made smaller, or None.
        polish: iterations of Levenberg-Marquardt at the end, in double precision.
        threshold: the loss on fresh points under which a seed is done; None where nothing depends on it.
        restarts: how often a seed that does not verify starts anew, from other initial weights.
        growth: whether a seed starts with one neuron a layer and, where that does not verify, with one more,
            up to the hidden widths asked for; `restarts` count at every width.
        deep: fields that replace these where there are two or more hidden layers.

    Raises:
        InputError: for an unknown key (its message names the near one), a value out of range, or restarts or
            growth without a threshold.

    Examples:
        >>> as_regimen("osier").lr, as_regimen("adam", decay=0.001).name
        (0.1, 'adam, decay=0.001')
        >>> Regimen(decya=0.1)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: regimen: unknown key 'decya':
        did you mean 'decay'?
    """

    title: ClassVar[str] = "regimen"

    name: Name = "custom"
    preset: str | None = None
    loss: Literal["squared", "cross-entropy"] = "squared"
    optimiser: Literal["sgd", "adam", "levenberg"] = "adam"
    lr: float = Field(default=0.02, gt=0)
    momentum: Share = 0.0
    betas: tuple[Share, Share] = (0.9, 0.999)
    epsilon: float = Field(default=ADAM_EPSILON, gt=0)
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
    parameter_noise: float = Field(default=0.0, ge=0)
    init: Literal["torch", "balanced"] = "torch"
    init_scale: float = Field(default=1.0, gt=0)
    width_factor: int = Field(default=1, ge=1)
    pool: int = Field(default=1, ge=1)
    rescue: Rescue | None = None
    compression: Compression | None = None
    polish: int = Field(default=0, ge=0)
    threshold: float | None = Field(default=None, gt=0)
    restarts: int = Field(default=0, ge=0)
    growth: bool = False
    deep: dict[str, Any] = Field(default_factory=dict)

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        if self.optimiser == "levenberg":
            self._check_left_out(GRADIENT_KEYS, "optimiser 'levenberg'")
        if self.loss == "cross-entropy":
            if self.optimiser == "levenberg":
                raise InputError(
                    "regimen: loss = 'cross-entropy' with optimiser 'levenberg', which takes a squared error: give "
                    "'adam' or 'sgd'"
                )
            self._check_left_out(SQUARED_KEYS, "loss 'cross-entropy'")
        if self.threshold is None and (self.restarts or self.growth):
            raise InputError(
                f"regimen: {'growth' if self.growth else f'restarts = {self.restarts}'} without threshold: nothing "
                "says when a seed is done; give threshold = 1e-8, the loss that counts as solved"
            )
        if self.deep:
            wrong = [key for key in self.deep if key in SHALLOW_KEYS]
            if wrong:
                raise InputError(
                    f"regimen: deep: {wrong[0]!r} cannot differ by depth: leave it out of the table"
                )
            try:
                self.for_depth(2)
            except InputError as error:
                raise InputError(f"regimen: deep: {str(error).removeprefix('regimen: ')}") from None

    def _check_left_out(self, keys: Iterable[str], beside: str) -> None:
        for key in keys:
            default = type(self).model_fields[key].default
            if getattr(self, key) != default:
                raise InputError(
                    f"regimen: {key} = {getattr(self, key)!r} with {beside}: it has no {key}; leave it at {default!r}"
                )

    def __hash__(self) -> int:
        # the table `deep` is a dict, which has no hash of its own
        return hash(self.model_dump_json())

    def for_depth(self, hidden_layers: int) -> Regimen:
        """The regimen at that number of hidden layers: `deep` is put in its place or left out.

        Examples:
            >>> regimen = Regimen(steps=300, deep={"steps": 1000, "rescue": {"phases": 150}})
            >>> regimen.for_depth(1).steps, regimen.for_depth(2).steps, regimen.for_depth(2).rescue.phases
            (300, 1000, 150)
        """
        if not self.deep:
            return self
        fields = self.model_dump(exclude={"deep"})
        return Regimen(**(merged(fields, self.deep) if hidden_layers > 1 else fields))

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


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """One table laid over another: tables in both are merged in their turn, anything else is replaced.

    Examples:
        >>> merged({"steps": 1, "rescue": {"phases": 2, "steps": 3}}, {"rescue": {"steps": 4}})
        {'steps': 1, 'rescue': {'phases': 2, 'steps': 4}}
    """
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def read_presets(text: str) -> dict[str, Regimen]:
    """The presets in a TOML text: one table of fields each.

    Examples:
        >>> read_presets("[quick]\\nsteps = 10")["quick"].name
        'quick'
    """
    return {
        name: Regimen(**{"name": name, "preset": name, **fields})
        for name, fields in tomllib.loads(text).items()
    }


#: The regimens that have a name.
PRESETS: Mapping[str, Regimen] = read_presets(
    resources.files("mathcircuits.models").joinpath("data", "regimens.toml").read_text("utf-8")
)


def as_regimen(given: Regimen | str | Mapping[str, Any], **changes: Any) -> Regimen:
    """A regimen from itself, a preset's name, or a mapping of fields, with changes.

    A table among the changes (`rescue={"phases": 3}`) changes the fields that it names. What is changed by name
    holds at every depth: it replaces the same field of `deep`, unless `deep` is given too.

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
        >>> as_regimen("rescue", rescue={"phases": 3}).name
        'rescue, rescue.phases=3'
        >>> as_regimen("adma")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no regimen named 'adma':
        did you mean 'adam'? (known: osier, adam, ...)
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
            f"a {type(given).__name__} is not a regimen: give a Regimen, a mapping, or one of {known}"
        )
    if not fields:
        return base
    fields = {
        key: value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value
        for key, value in fields.items()
    }
    if "name" not in fields:
        fields["name"] = ", ".join([base.name, *_said(fields)])
    plain = base.model_dump()
    plain["deep"] = _without(plain["deep"], fields)
    return Regimen(**merged(plain, fields))


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
        cause = found.get("ctx", {}).get("error")
        if isinstance(cause, MathCircuitsError):  # a table inside, which has named itself
            parts.append(str(cause))
        elif found["type"] == "extra_forbidden":
            near = did_you_mean(near_names(place, keys)) or f" (known: {', '.join(keys)})"
            parts.append(f"unknown key {place!r}{near}")
        else:
            message = found["msg"][:1].lower() + found["msg"][1:]
            parts.append(f"{place} = {found['input']!r}: {message}")
    return InputError(f"{where}: {'; '.join(parts)}")


def _said(fields: Mapping[str, Any], prefix: str = "") -> list[str]:
    """What changed, in short: `lr=0.1`, `rescue.phases=3`."""
    parts = []
    for key, value in fields.items():
        inside = isinstance(value, Mapping) and bool(value)
        parts += _said(value, f"{prefix}{key}.") if inside else [f"{prefix}{key}={value}"]
    return parts


def _without(table: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The table less what the fields name."""
    kept: dict[str, Any] = {}
    for key, value in table.items():
        if key not in fields:
            kept[key] = value
        elif isinstance(value, Mapping) and isinstance(fields[key], Mapping):
            rest = _without(value, fields[key])
            if rest:
                kept[key] = rest
    return kept


def _preset(name: str) -> Regimen:
    if name not in PRESETS:
        raise UnknownNameError("regimen", name, PRESETS, f"known: {', '.join(PRESETS)}")
    return PRESETS[name]
