"""Configuration: a study's configuration as the TOML file that repeats it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def config_toml(config: Mapping[str, Any]) -> str:
    """The configuration as TOML; what is not set is left out.

    Args:
        config: names and values as the manifest has them: texts, numbers, truths, lists and mappings of these.

    Examples:
        >>> print(config_toml({"seeds": 50, "steps": None, "regimens": {"1x": ["adam"]}}))
        seeds = 50
        [regimens]
        "1x" = ["adam"]
        >>> print(config_toml({"task": [{"name": "clamp"}]}))
        task = [{name = "clamp"}]
    """
    plain = {k: v for k, v in config.items() if v is not None and not isinstance(v, Mapping)}
    grouped = {k: v for k, v in config.items() if isinstance(v, Mapping) and v}
    lines = [f"{_key(name)} = {_value(value)}" for name, value in plain.items()]
    for name, fields in grouped.items():
        lines.append(f"[{_key(name)}]")
        lines += [f"{_key(key)} = {_value(value)}" for key, value in fields.items() if value is not None]
    return "\n".join(lines)


def _key(name: object) -> str:
    text = str(name)
    return text if text.isascii() and text.replace("_", "").replace("-", "").isalpha() else json.dumps(text)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    # JSON's texts, numbers and truths are TOML's too; characters beyond the basic plane stay as they are.
    return json.dumps(value, ensure_ascii=False)
