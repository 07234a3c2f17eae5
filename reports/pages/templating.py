"""Pages are templates of this folder, filled in: text is escaped, and a name that is not given is an error."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

_TEMPLATES = Path(__file__).with_name("templates")


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
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"script": script, "policy": policy}
    return environment.get_template(template).render(**values)


def script(*names: str) -> Markup:
    """Scripts of this folder as one `<script>` element, in a template: `{{ script("page.js") }}`.

    Examples:
        >>> script("page.js").startswith("<script>"), script("page.js").endswith("</script>")
        (True, True)
    """
    from markupsafe import Markup

    return Markup("<script>{}</script>").format(Markup(_source(names)))


def policy(*names: str) -> Markup:
    """The content security policy of a page whose only script is `script(*names)`, as a `<meta>` element.

    The browser runs a script whose SHA-256 stands here, and no other: not one that a name in a table would bring
    along, and no event handler. Nothing is fetched from anywhere. Styles are let through, since figures have some on
    their elements (https://www.w3.org/TR/CSP3/).

    Examples:
        >>> "script-src 'sha256-" in policy("page.js"), "script-src 'none'" in policy()
        (True, True)
    """
    from markupsafe import Markup

    digest = base64.b64encode(hashlib.sha256(_source(names).encode()).digest()).decode()
    allowed = f"'sha256-{digest}'" if names else "'none'"
    content = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}; img-src data:; base-uri 'none'"
    )
    return Markup(f'<meta http-equiv="Content-Security-Policy" content="{content}">')


@cache
def _source(names: tuple[str, ...]) -> str:
    return "\n" + "\n".join(_TEMPLATES.joinpath(name).read_text("utf-8") for name in names)
