"""Thresholds: the score from which a method's candidates are claims, chosen where it is allowed to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .claimscores import judge, truth
from .zoofiles import Zoo

if TYPE_CHECKING:
    import pandas as pd

#: The split that thresholds are chosen on.
PUBLIC = "train"


def best_threshold(candidates: pd.DataFrame, kind: str, zoo: Zoo) -> float:
    """The score from which the candidates of the public split have the largest F1, the highest of several.

    Args:
        candidates: of one kind, of the schema of claims; zoo: that they are about.

    Returns:
        A score from 0 to 1; 1 where no candidate of the public split is right.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from .claims import claims_frame
        >>> from .writing import write_zoo
        >>> from .zoofiles import read_zoo
        >>> zoo = read_zoo(write_zoo(Path(tempfile.mkdtemp()) / "zoo", size="small", trained=False))
        >>> names = list(zoo.circuits["network"].head(2))
        >>> said = [{"kind": "formula", "network": n, "formula": "x1", "score": 0.8} for n in names]
        >>> best_threshold(claims_frame(said), "formula", zoo)
        0.8
    """
    own = candidates[[zoo.places[name][0] == PUBLIC for name in candidates["network"]]]
    right = judge(kind, own, zoo)
    scored = ~np.isnan(right)
    scores, right = own["score"].to_numpy(dtype=float)[scored], right[scored]
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(right[order])
    if not len(found) or found[-1] == 0:
        return 1.0
    f1 = 2.0 * found / (np.arange(1, len(found) + 1) + len(truth(kind, zoo, PUBLIC)[0]))
    # Candidates of one score stand or fall together: only the last of them is a place to cut.
    last = np.append(scores[1:] < scores[:-1], True)
    return float(scores[last][f1[last].argmax()])
