"""Statements: what a checkpoint's plain values say of its network: activation, closing function, skips."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mathcircuits.detect.networks import LINKS, NAMES

from ..refusals import Unreadable
from .activation_names import NUMBER_KEYS, our_name

_ACTIVATION = re.compile(
    r"(hidden_?|inner_?|mlp_?|base_?|net(work)?_?|default_?)?"
    r"(activ(ation)?s?|act|nonlinearit(y|ies)|non_linearity|nonlin|transfer_function)"
    r"(_?(fn|fns|func|function|functions|type|name|class|cls|layer|str|hidden))?"
)
_CLOSING = re.compile(
    r"(out(put)?|final|last|head|readout|closing)_?(layer_?)?(activ(ation)?|act|nonlinearity|nonlin)"
    r"(_?(fn|func|function|type|name))?|(activ(ation)?|act)_?(out(put)?|final|last|head)|link(_function)?"
)
_SKIPS = re.compile(
    r"(use_?|with_?)?(residual|skip|resnet|highway)(_?(connections?|blocks?|mlp))?|(use|is)_res"
)
#: Where a mapping names the function itself: `{"activation": {"type": "LeakyReLU", "negative_slope": 0.2}}`.
_INNER = {"name", "type", "class_name", "_target_", "kind", "cls", "fn", "function", "config"}


@dataclass(frozen=True)
class Statements:
    """What was said.

    Attributes:
        activation: our name for all hidden layers, or one each; None where nothing is said.
        closing: our name of what follows the last layer, `"identity"` for nothing; None where nothing is said.
        assumptions: what had to be assumed to read the statement (a leaky ReLU's slope).
    """

    activation: str | tuple[str, ...] | None = None
    closing: str | None = None
    assumptions: tuple[str, ...] = ()


def statements_in(said: Mapping[str, Any], part: str = "", told: bool = False) -> Statements:
    """What plain values under dotted names say of the network.

    Args:
        said: dotted name -> value.
        part: the name of the network among several, whose own statements outrank general ones.
        told: whether the caller tells the activation: then a statement that cannot be read is passed over.

    Raises:
        Unreadable: for an activation function that is not known, statements that differ, and skip connections.

    Examples:
        >>> statements_in({"config.model.act_fn": "gelu"}).activation
        'gelu'
        >>> statements_in({"activation": "LeakyReLU", "negative_slope": 0.2}).activation
        'leaky_relu(0.2)'
        >>> statements_in({"hparams.activation": "relu", "output_activation": "sigmoid"}).closing
        'sigmoid'
    """
    hidden: dict[str, Any] = {}
    closing: dict[str, Any] = {}
    for name, value in said.items():
        components = [c for c in name.split(".") if not c.isdigit()]
        inner = len(components) > 1 and components[-1].lower() in _INNER
        key = components[-2 if inner else -1].lower() if components else ""
        if _SKIPS.fullmatch(key) and (value is True or (isinstance(value, int) and value > 0)):
            raise Unreadable(
                f"says {name}: {value}, and its tensors do not say where the skip connections lie",
                "pass the module itself to load()",
            )
        if value is None or value == "" or isinstance(value, bool):
            continue
        if _CLOSING.fullmatch(key):
            closing[name] = value
        elif _ACTIVATION.fullmatch(key):
            hidden[name] = value
    hidden, closing = (_nearest(found, part) for found in (hidden, closing))
    names, assumed = _named(hidden, said, told)
    ends, more = _named(closing, said, told)
    end = ends[0] if isinstance(ends, tuple) else ends
    return Statements(None if told else names, end, (() if told else assumed) + more)


def _nearest(found: dict[str, Any], part: str) -> dict[str, Any]:
    """The statements that name the part, where some do."""
    words = [word for word in re.split(r"[._]", part.lower()) if word and not word.isdigit()]
    own = {name: v for name, v in found.items() if any(word in name.lower().split(".") for word in words)}
    return own or found


def _named(
    found: Mapping[str, Any], said: Mapping[str, Any], told: bool
) -> tuple[str | tuple[str, ...] | None, tuple[str, ...]]:
    read: dict[str | tuple[str, ...], tuple[str, ...]] = {}
    for name, value in found.items():
        parent = name.rpartition(".")[0]
        numbers = {
            k: said[f"{parent}.{k}" if parent else k]
            for k in NUMBER_KEYS
            if (f"{parent}.{k}" if parent else k) in said
        }
        texts = value if isinstance(value, list | tuple) else [value]
        ours = [
            our_name(text, numbers) if isinstance(text, str) else ("identity", "") if text is None else None
            for text in texts
        ]
        if not ours or None in ours:
            if told:
                continue
            raise Unreadable(
                f"says {name}: {value!r}, which is none of {', '.join((*NAMES, 'prelu', *LINKS[1:]))}",
                "tell what lies between the layers where you know better: activation=",
            )
        pairs = [pair for pair in ours if pair is not None]
        key = pairs[0][0] if not isinstance(value, list | tuple) else tuple(pair[0] for pair in pairs)
        read.setdefault(key, _unique(pair[1] for pair in pairs))
    if len(read) > 1 and not told:
        stated = ", ".join(f"{name}: {value!r}" for name, value in found.items())
        raise Unreadable(f"says several activation functions ({stated})", "tell which: activation=")
    return next(iter(read.items()), (None, ()))


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
