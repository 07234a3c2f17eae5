"""The program `mathcircuits`, also as `python -m mathcircuits.reports`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mathcircuits.detect import MathCircuitsError

#: What typer makes of a KeyboardInterrupt.
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; None takes the arguments of the process.

    Returns:
        0; 1 where a command ran but something that it worked on failed; 2 for input that cannot be used, with
        one line on the error stream; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.

    Examples:
        >>> main(["catalogue", "sign/*"])
        name          formula    definition
        positiveness  relu(x1)   how positive the input is: x where x > 0, else 0
        negativeness  relu(-x1)  how negative the input is: -x where x < 0, else 0
        0
    """
    from .commands.cli import command
    from .stopping import stoppable

    try:
        with stoppable() as stop:
            code = command().main(
                list(sys.argv[1:] if argv is None else argv), prog_name="mathcircuits", standalone_mode=False
            )
    except MathCircuitsError as error:
        return _refuse(str(error))
    except Exception as error:
        # Typer's own errors (an unknown option, a missing argument); it has changed the module that they live in.
        if not (hasattr(error, "exit_code") and hasattr(error, "format_message")):
            raise
        return _refuse(error.format_message())
    if code == _INTERRUPTED:
        print(f"mathcircuits: stopped by {stop.word}", file=sys.stderr)
        return 128 + stop.number
    return code if isinstance(code, int) else 0


def _refuse(message: str) -> int:
    print(f"mathcircuits: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
