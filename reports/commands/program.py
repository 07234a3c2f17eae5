"""The program: its name and version, and what all its commands have in common."""

from __future__ import annotations

from typing import Annotated, Any

import typer
import typer.core

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measure which known features and circuits a trained MLP has learned.",
)


class BoundedCommand(typer.core.TyperCommand):
    """A command whose `--box` takes as many words as follow it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words, those of `--box` as one."""
        from .domains import gathered

        return super().parse_args(ctx, gathered(args))


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"mathcircuits {version('mathcircuits')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _program(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
