"""Marabou's answers to exported questions: `python marabou.py FOLDER ...` prints one JSON line a folder.

In a process of its own, since Marabou's threads may hang in a process that has forked or runs other threads.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

#: Seconds after which Marabou gives up on a question, and says so.
TIME_LIMIT = 30


def answer(folder: Path) -> tuple[str, list[float] | None]:
    """What Marabou says of the two files in a folder, and its counterexample [inputs] where it has one.

    Its Python reader takes the ONNX file, its C++ reader the VNN-LIB file.
    """
    import onnx
    from maraboupy import MarabouCore
    from maraboupy.parsers.InputQueryBuilder import InputQueryBuilder
    from maraboupy.parsers.ONNXParser import ONNXParser

    network = InputQueryBuilder()
    ONNXParser.parse(network, onnx.load(folder / "difference.onnx").graph, ["X"], ["Y"])
    query = network.getInputQuery()
    MarabouCore.loadProperty(query, str(folder / "bound.vnnlib"))
    options = MarabouCore.Options()
    options._verbosity, options._timeoutInSeconds = 0, TIME_LIMIT
    word, values, _ = MarabouCore.solve(query, options, "")
    return word, [values[k] for k in network.inputVars[0].ravel()] if values else None


if __name__ == "__main__":
    for name in sys.argv[1:]:
        # Marabou prints lines of its own; flushed, so that what came before a hang is known.
        print(json.dumps([name, *answer(Path(name))]), flush=True)
    # Its threads are not always joined: a process that has answered is not to hang at its end.
    os._exit(0)
