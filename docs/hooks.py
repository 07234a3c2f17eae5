"""mkdocs hook: one API page per package, made from what its `__init__.pyi` promises, so that none is forgotten."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("detect", "models", "reports")
#: Modules that are public as a whole: `mathcircuits.detect.similarity.representations.svcca` and its siblings.
WHOLE = {"detect": ("similarity.representations",)}


def public_names(package: str) -> dict[str, list[str]]:
    """Module -> the public names that it defines, in the stub's order."""
    found: dict[str, list[str]] = {}
    for node in ast.parse((ROOT / package / "__init__.pyi").read_text("utf-8")).body:
        # What is taken from a package is a module of it, whose names stand in the list themselves.
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and not (ROOT / package / node.module.replace(".", "/")).is_dir()
        ):
            found.setdefault(node.module, []).extend(alias.asname or alias.name for alias in node.names)
    return found


def api_page(package: str) -> str:
    """The page in Markdown: a section per module under the first line of its docstring."""
    lines = [f"# mathcircuits.{package}", "", f"::: mathcircuits.{package}", "    options:"]
    lines += ["      members: false", "      show_root_heading: false", ""]
    for module, names in sorted(public_names(package).items()):
        source = ast.parse((ROOT / package / Path(*module.split("."))).with_suffix(".py").read_text("utf-8"))
        summary = (ast.get_docstring(source) or "").partition("\n\n")[0]
        lines += [f"## {module.rpartition('.')[2]}", "", summary, ""]
        if module in WHOLE.get(package, ()):
            functions = [node.name for node in source.body if isinstance(node, ast.FunctionDef)]
            paths = [f"{module}.{name}" for name in functions if not name.startswith("_")]
        else:
            paths = names
        described = {node.name for node in source.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        for path in paths:
            lines.append(f"::: mathcircuits.{package}.{path}")
            # A value, such as `catalogue`, has no docstring of its own, and is shown all the same.
            if path.rpartition(".")[2] not in described:
                lines += ["    options:", "      show_if_no_docstring: true"]
            lines.append("")
    return "\n".join(lines)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to those of the folder."""
    from mkdocs.structure.files import File

    for package in PACKAGES:
        files.append(File.generated(config, f"api/{package}.md", content=api_page(package)))
    return files
