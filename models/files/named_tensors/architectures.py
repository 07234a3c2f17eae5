"""Architectures that are not MLPs, recognised by their tensors' names and shapes, and refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..refusals import Unreadable

Array = npt.NDArray[np.float64]

_ALONE = "save the MLP alone, or pass that module itself to load()"
_KINDS: tuple[tuple[str, str, str], ...] = (
    (
        "a LoRA adapter", r"lora_?(a|b|down|up|embedding_[ab])|lokr_.*|hada_w.*",
        "its factors only change another model's weights: merge it (PEFT's merge_and_unload) and save the result",
    ),
    (
        "attention", r"(self_?|cross_?)?(attn|attention|mha)|in_proj_(weight|bias)|[qkv]_?proj|qkv(_proj)?|c_attn"
        r"|(query|key|value)_?(proj|projection|layer)|to_(q|k|v|qkv)|w_?[qkv](_weight)?|W_[QKVO]", _ALONE,
    ),
    (
        "a recurrent layer", r"(weight|bias)_[ih]h(_l\d+(_reverse)?)?|(rnn|lstm|gru)(\d+|_?cell)?|recurrent_kernel",
        _ALONE,
    ),
    (
        "skip connections", r"(short_?cut|skip|residual)s?(_.*)?|res_?(blocks?|layers?|proj|fc|linear)(_?\d+)?"
        r"|.*_(skip|residual|shortcut)", "an MLP is one chain of layers; pass the module itself to load()",
    ),
    ("a bilinear layer", r"bilinear\d*", "an MLP is one chain of layers"),
    ("a mixture of experts", r"experts?|moe|router", _ALONE),
    (
        "gated units, which multiply two branches",
        r"gates?|gating|gate_(proj|up_proj|layer|net|fc|linear)|gate_?\d+|glu|(sw|ge|re)iglu|(sw|ge|re)glu|W_gate|b_gate"
        r"|transform_gate|linear_gate|fc_gate|w_gate",
        "an MLP is one chain of layers",
    ),
)  # fmt: skip


def refuse_others(names: Sequence[str], arrays: Mapping[str, Array]) -> None:
    """Refuse tensors that belong to another architecture, by what it is.

    Args:
        names: of all tensors.
        arrays: those that are weights.

    Raises:
        Unreadable: for a LoRA adapter, attention, recurrent layers, gated units, a mixture of experts or
            convolutions.

    Examples:
        >>> refuse_others(["mlp.gate_proj.weight"], {})
        Traceback (most recent call last):
        ...
        mathcircuits.models.files.refusals.Unreadable: holds gated units, which multiply two branches (mlp...); ...
    """
    for what, pattern, remedy in _KINDS:
        compiled = re.compile(pattern, re.IGNORECASE if what != "attention" else 0)
        for name in names:
            if any(compiled.fullmatch(part) for part in re.split(r"[./]", name)):
                raise Unreadable(f"holds {what} ({name})", remedy)
    for name, array in arrays.items():
        if array.ndim in (4, 5) or (array.ndim == 3 and re.search(r"conv", name)):
            raise Unreadable(f"{name} has shape {array.shape}, a convolution's", _ALONE)
    _refuse_pairs(arrays)


def _refuse_pairs(arrays: Mapping[str, Array]) -> None:
    """Gated units whose names do not say so: Llama's w1, w2, w3, T5's wi_0, wi_1, wo, highway's H and T."""
    by_parent: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, array in arrays.items():
        path = re.split(r"[./]", name)
        # Bare arrays W1, W2, W3 are numbered layers; modules of those names are Llama's.
        if path[-1] not in ("weight", "kernel") or len(path) < 2:
            continue
        path = path[:-1]
        by_parent.setdefault(".".join(path[:-1]), {})[path[-1].lower()] = array.shape
    for parent, shapes in by_parent.items():
        if "h" in shapes and shapes["h"] == shapes.get("t"):
            raise Unreadable(
                f"holds gated units, which multiply two branches ({parent or 'H and T'}: a highway layer)",
                "an MLP is one chain of layers",
            )
        for first, second, back in _TRIPLES:
            a, b = shapes.get(first), shapes.get(second)
            if a is None or a != b:
                continue
            closing = shapes.get(back)
            if closing is not None and closing[-1:] == a[:1]:
                place = f"{parent}." if parent else ""
                raise Unreadable(
                    f"holds gated units, which multiply two branches ({place}{first}, {place}{second}, {place}{back})",
                    "an MLP is one chain of layers; number the layers 0, 1, 2 where this one is",
                )


#: (one branch, the other, the layer that reads their product).
_TRIPLES = (("w1", "w3", "w2"), ("wi_0", "wi_1", "wo"), ("fc1_g", "fc1_x", "fc2"))
