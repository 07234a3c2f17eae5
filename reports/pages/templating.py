"""Pages are templates of this folder, filled in: text is escaped, and a name that is not given is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def render(template: str, **values: Any) -> str:
    """A template filled in; only Markup is put in as it is.

    Args:
        template: the name of its file in `templates/`.
        values: what its names stand for.

    Raises:
        jinja2.UndefinedError: for a name of the template that is not given.

    Examples:
        >>> "box-sizing" in render("page.css")
        True
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
