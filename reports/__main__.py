"""The program `mathcircuits`, also as `python -m mathcircuits.reports`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from mathcircuits.detect import MathCircuitsError
from mathcircuits.detect.untrusted import shown

#: Of torch's RuntimeError where memory is short, and of numpy's MemoryError's.
_NO_MEMORY = "can't allocate memory"
#: Characters of a path that a refusal repeats.
_SHOWN = 300
#: What typer makes of a KeyboardInterrupt.
_INTERRUPTED = 130
#: Where a person says how many threads NumPy's products take.
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
#: Where a person says where Arrow's memory comes from.
_POOL = "ARROW_DEFAULT_MEMORY_POOL"


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
    _one_thread_a_product()
    _memory_given_back()
    from .commands.cli import command
    from .stopping import stoppable

    try:
        with stoppable() as stop:
            code = command().main(
                list(sys.argv[1:] if argv is None else argv), prog_name="mathcircuits", standalone_mode=False
            )
    except MathCircuitsError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(system_refusal(error))
    except Exception as error:
        if isinstance(error, MemoryError) or _NO_MEMORY in str(error):
            return _refuse(
                "this takes more memory than there is; give smaller networks or fewer, or less data"
            )
        # Typer's own errors (an unknown option, a missing argument); it has changed the module that they live in.
        if not (hasattr(error, "exit_code") and hasattr(error, "format_message")):
            raise
        # "Invalid value" says nothing that a message of our own does not.
        said = error.format_message().removeprefix("Invalid value: ").rstrip(".")
        command_path = getattr(getattr(error, "ctx", None), "command_path", "mathcircuits")
        between = " " if said.endswith("?") else "; "
        return _refuse(f"{said}{between}`{command_path} --help` shows the usage")
    if code == _INTERRUPTED:
        print(f"mathcircuits: stopped by {stop.word}", file=sys.stderr)
        return 128 + stop.number
    return code if isinstance(code, int) else 0


def _one_thread_a_product() -> None:
    """Let NumPy's products take one thread, unless the environment says otherwise.

    The matrices here have a few hundred rows. OpenBLAS's threads wait for the next product by turning: beside other
    work two of them take ten times the processor seconds of one. NumPy reads this when it is first imported.
    """
    if "numpy" not in sys.modules and not any(name in os.environ for name in _THREADS):
        os.environ[_THREADS[0]] = "1"


def _memory_given_back() -> None:
    """Let Arrow give memory back as soon as a table is no longer needed, unless the environment says otherwise.

    Its own pool keeps what it had at most, a fifth of what the page of 100 000 networks takes. Arrow reads this when it
    is first imported.
    """
    if "pyarrow" not in sys.modules:
        os.environ.setdefault(_POOL, "system")


def system_refusal(error: OSError) -> str:
    """What the system refused, and on which file, in a line: a full disk, a name that is too long, a missing right.

    Examples:
        >>> system_refusal(OSError(36, "File name too long", "runs/aaaa"))
        'runs/aaaa: the system refuses (File name too long); give another path, or mend that one'
        >>> system_refusal(OSError(28, "No space left on device"))
        'the system refuses (No space left on device); mend that and run the command again'
    """
    words = shown(error)
    if error.filename is None:
        return f"the system refuses ({words}); mend that and run the command again"
    return (
        f"{str(error.filename)[:_SHOWN]}: the system refuses ({words}); give another path, or mend that one"
    )


def _refuse(message: str) -> int:
    print(f"mathcircuits: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
