"""mkdocs hook: the pages of the command line, of a study's TOML keys and of its tables, made from the code.

A new command, option, key or column is on its page when the docs are built, without anybody writing it there.
"""

from __future__ import annotations

import html
import inspect
import re
import types
import typing
from collections.abc import Iterator
from typing import Any

#: What the reader types for a value of a type.
PLACEHOLDERS = {"Path": "FILE", "int": "N", "float": "X", "str": "TEXT", "bool": ""}


def cell(text: str) -> str:
    """A text as one cell of a table in Markdown: `code` stays code, and nothing else in it is markup."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part.replace("|", r"\|")
        if part.startswith("`")
        else re.sub(r"([|\[\]*_`])", r"\\\1", html.escape(part, quote=False))
        for part in parts
    )


# The command line


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it, those within a group as well."""
    for name, found in group.commands.items():
        if getattr(found, "hidden", False):
            continue
        if not hasattr(found, "commands") or getattr(found, "invoke_without_command", False):
            yield (*words, name), found
        if hasattr(found, "commands"):
            yield from commands(found, (*words, name))


def placeholder(parameter: Any) -> str:
    """What stands for a parameter's value: `FILE`, `N`, `DIR`; empty for a switch."""
    if parameter.metavar:
        return str(parameter.metavar)
    if not parameter.opts[0].startswith("-"):
        return str(parameter.name).upper()
    kind = parameter.type_descriptor.annotation
    if typing.get_origin(kind) in (list, tuple):
        return f"{PLACEHOLDERS.get(typing.get_args(kind)[0].__name__, 'VALUE')} ..."
    return PLACEHOLDERS.get(getattr(kind, "__name__", ""), "VALUE")


def spelling(parameter: Any) -> str:
    """How a parameter is typed: `-o, --out FILE`, `FILE`."""
    if not parameter.opts[0].startswith("-"):
        return placeholder(parameter)
    return f"{', '.join((*parameter.opts, *parameter.secondary_opts))} {placeholder(parameter)}".strip()


def default(parameter: Any) -> str:
    """`required`, the default where one is set, or nothing."""
    if parameter.required:
        return "required"
    if parameter.default is None or parameter.default is False or parameter.default in ((), [], ""):
        return ""
    return f"`{parameter.default}`"


def commands_page() -> str:
    """The page in Markdown: a section per command, a row per argument and option."""
    from mathcircuits.reports.commands.cli import command

    lines = [
        "# Command line",
        "",
        "The build of these pages reads every command and option from the program. "
        "`mathcircuits COMMAND --help` prints the same text. All commands exit with code 0 on success, and with code 2 "
        "when the input cannot be used; a command that judges something states when it exits with code 1.",
        "",
    ]
    for words, found in commands(command()):
        shown = [p for p in found.params if not getattr(p, "hidden", False) and p.name != "help"]
        arguments = [
            placeholder(p) if p.required else f"[{placeholder(p)}]"
            for p in shown
            if not p.opts[0].startswith("-")
        ]
        needed = [spelling(p) for p in shown if p.opts[0].startswith("-") and p.required]
        usage = " ".join(["mathcircuits", *words, *arguments, *needed, "[OPTIONS]"])
        lines += [f"## {' '.join(words)}", "", "\n\n".join(cell(part) for part in paragraphs(found.help)), ""]
        lines += [f"`{usage}`", ""]
        if shown:
            lines += ["| argument or option | default | meaning |", "|---|---|---|"]
            lines += [f"| `{spelling(p)}` | {default(p)} | {cell(p.help or '')} |" for p in shown]
            lines += [""]
    return "\n".join(lines)


def paragraphs(text: str | None) -> list[str]:
    """The paragraphs of a text, each on one line."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", inspect.cleandoc(text or "")) if part]


# The keys of a study


def described(model: type) -> dict[str, str]:
    """Field -> what its class's docstring says of it under `Attributes:`; `a, b: ...` describes two."""
    body = re.search(r"^Attributes:\n(.*?)(?=^\S|\Z)", inspect.cleandoc(model.__doc__ or ""), re.M | re.S)
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \S)", "\n" + (body[1] if body else "")):
        names, colon, text = entry.strip().partition(": ")
        if colon:
            found |= dict.fromkeys(re.split(r",\s*", names), " ".join(text.split()))
    return found


def kind(annotation: Any) -> str:
    """A type in words: `number`, `text`, `list`, `table`; choices as they are typed."""
    if annotation is type(None):
        return ""
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(
            f'"{value}"' if isinstance(value, str) else str(value) for value in typing.get_args(annotation)
        )
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) in (
        typing.Union,
        typing.Annotated,
    ):
        parts = typing.get_args(annotation)
        if typing.get_origin(annotation) is typing.Annotated:
            parts = parts[:1]
        return " or ".join(dict.fromkeys(word for part in parts if (word := kind(part))))
    origin = typing.get_origin(annotation) or annotation
    words = {
        bool: "true or false",
        int: "whole number",
        float: "number",
        str: "text",
        tuple: "list",
        list: "list",
    }
    return words.get(origin, "table")


def value(default_value: Any) -> str:
    """A default as TOML has it; empty where there is none."""
    if default_value is None or repr(default_value) == "PydanticUndefined":
        return ""
    if isinstance(default_value, bool):
        return str(default_value).lower()
    if isinstance(default_value, str):
        return f'"{default_value}"'
    if isinstance(default_value, tuple | list):
        return f"[{', '.join(value(part) for part in default_value)}]"
    if isinstance(default_value, dict):
        inside = ", ".join(f"{key} = {value(part)}" for key, part in default_value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return str(default_value)


def key_rows(model: Any) -> list[str]:
    """A table's keys: name, type, default, meaning."""
    texts = described(model)
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        given = value(field.get_default(call_default_factory=True))
        shown = f"`{given}`" if given else ""
        rows.append(f"| `{name}` | {cell(kind(field.annotation))} | {shown} | {cell(texts[name])} |")
    return [*rows, ""]


def keys_page() -> str:
    """The page in Markdown: the keys of a study's TOML, of a regimen's tables, and the presets."""
    from mathcircuits.models import PRESETS, Compression, Regimen, Rescue
    from mathcircuits.reports import StudyConfig
    from mathcircuits.reports.studies.factors import Factors

    lines = [
        "# A study's TOML",
        "",
        "`mathcircuits study FILE.toml --out DIR` reads these keys; `StudyConfig` takes the same in Python. The build "
        "of these pages reads them from the code. An unknown key is an error that names a known one like it.",
        "",
        *key_rows(StudyConfig),
        "## Regimens",
        "",
        'An entry of `regimens` is the name of a preset, or a table: `{ preset = "adam", lr = 0.01 }`. The keys of '
        "the table are these.",
        "",
        *key_rows(Regimen),
        f"The presets are {', '.join(f'`{name}`' for name in PRESETS)}.",
        "",
        "### rescue",
        "",
        "The table `rescue` of a regimen.",
        "",
        *key_rows(Rescue),
        "### compression",
        "",
        "The table `compression` of a regimen.",
        "",
        *key_rows(Compression),
        "## Factors",
        "",
        *(line + "\n" for line in paragraphs((Factors.__doc__ or "").partition("Attributes:")[0])),
    ]
    return "\n".join(lines)


# The tables of a study


def tables_page() -> str:
    """The page in Markdown: every table of a study with its columns and their kinds."""
    from mathcircuits.reports.studies.schema import COLUMNS

    lines = [
        "# A study's tables",
        "",
        "A study writes each table to `DIR/tables/NAME.parquet`, with the same columns in every study. In Python, "
        "`study.tables[NAME]` is a DataFrame. [What each number means](../understand/numbers.md) explains the columns.",
        "",
        "| table | columns |",
        "|---|---|",
    ]
    for name, columns in COLUMNS.items():
        by_kind: dict[str, list[str]] = {}
        for column, kind_of in columns.items():
            by_kind.setdefault(kind_of, []).append(f"`{column}`")
        words = "; ".join(f"{kind_of}: {', '.join(found)}" for kind_of, found in by_kind.items())
        lines.append(f"| `{name}` | {words} |")
    return "\n".join([*lines, ""])


PAGES = {"lookup/commands.md": commands_page, "lookup/study.md": keys_page, "lookup/tables.md": tables_page}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to those of the folder."""
    from mkdocs.structure.files import File

    for path, page in PAGES.items():
        files.append(File.generated(config, path, content=page()))
    return files
