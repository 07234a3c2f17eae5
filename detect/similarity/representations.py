"""How alike two layers are as representations: subspace-level measures with one signature and one record.

Every function takes `X [n, d_x]` and `Y [n, d_y]`, activations of two layers on *the same* n inputs (rows),
and returns a `Similarity`. Layers that carry their inputs (`acts.at(hook)`) are checked to be of the same ones;
of plain arrays only the number of rows can be. `measures.py` holds what the measures share: that check, the
policy for dead units and for data that leave a measure undefined, the flag for too few rows, and the nulls
(`null="rows"`, or pairs of untrained activations).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ..errors import InputError
from ..statistics.criteria import ROUNDING
from .criteria import EQUIDISTANT
from .hsic import hsic_rows, unbiased_hsic
from .measures import Array, LayerLike, LiveUnits, Measure, Null, Prepared, Similarity, evaluate


def cka(
    X: LayerLike,
    Y: LayerLike,
    unbiased: bool = True,
    *,
    null: Null = None,
    draws: int = 199,
    seed: int = 0,
) -> Similarity:
    """Linear centred kernel alignment: do the layers agree on which inputs are alike?

    `HSIC(X, Y) / sqrt(HSIC(X, X) HSIC(Y, Y))` (Kornblith et al. 2019), by default with the unbiased HSIC of Song et
    al. 2012, whose mean over unrelated data is 0 where the biased one's grows with d / n. It is computed from cross
    products, without an n x n matrix (docs/understand/similarity.md, Representation similarity); where d > n the layer
    is first turned into n columns, which leaves the measure as it is.

    Invariant to rotation, translation and one common scale; *not* to scaling units one by one.

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same n inputs; n >= 4 if unbiased.
        unbiased: False gives the plain estimator, which lies in [0, 1]; the unbiased one can fall below 0.
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: for arrays that are not two-dimensional, finite and of equal n.

    Examples:
        >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 5.0], [0.0, 2.0]])
        >>> round(cka(X, X[:, :1]).value, 4), round(cka(X, X[:, :1], unbiased=False).value, 4)
        (0.4099, 0.6732)
    """
    return evaluate(cka_measure(unbiased), X, Y, null=null, draws=draws, seed=seed)


def rbf_cka(
    X: LayerLike,
    Y: LayerLike,
    *,
    bandwidth: float = 1.0,
    unbiased: bool = True,
    null: Null = None,
    draws: int = 199,
    seed: int = 0,
) -> Similarity:
    """Centred kernel alignment with Gaussian kernels (Kornblith et al. 2019, section 3).

    The kernel's standard deviation is `bandwidth` times the median distance between two different rows. Takes
    memory n x n. Invariances as for `cka`.

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same inputs.
        bandwidth: in units of the median distance; the larger, the closer to linear CKA.
        unbiased: as for `cka`.
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: as for `cka`, and for a bandwidth that is not positive.

    Examples:
        >>> X = np.linspace(-1, 1, 20)[:, None]
        >>> round(rbf_cka(X, -3 * X + 1).value, 6)
        1.0
    """
    return evaluate(rbf_cka_measure(bandwidth, unbiased), X, Y, null=null, draws=draws, seed=seed)


def procrustes(
    X: LayerLike, Y: LayerLike, *, null: Null = None, draws: int = 199, seed: int = 0
) -> Similarity:
    """The angle, in radians, that is left after the best rotation of one layer onto the other.

    `arccos(||X'Y||_* / (||X||_F ||Y||_F))` with centred X and Y and the nuclear norm: a metric between layers
    (Williams et al. 2021), 0 for equal layers and pi/2 for layers with nothing in common.
    Invariances as for `cka`.

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same inputs.
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: as for `cka`.

    Examples:
        >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]])
        >>> round(procrustes(X, 3 * X[:, ::-1]).value, 6)
        0.0
        >>> float(procrustes([[0.0], [1.0], [0.0], [1.0]], [[0.0], [0.0], [1.0], [1.0]])) == np.pi / 2
        True
    """
    return evaluate(procrustes_measure(), X, Y, null=null, draws=draws, seed=seed)


def shape_distance(
    X: LayerLike,
    Y: LayerLike,
    *,
    alpha: float = 1.0,
    null: Null = None,
    draws: int = 199,
    seed: int = 0,
) -> Similarity:
    """The family of angles between Procrustes (alpha = 1) and CCA (alpha = 0), in radians.

    Before the best rotation each layer is partly whitened, its singular values s becoming
    `alpha s + (1 - alpha)` (Williams et al. 2021, as in their package netrep). At alpha = 0 the angle is the
    arccosine of the mean canonical correlation (for equal ranks) and invariant to every invertible map; at
    alpha = 1 it is `procrustes`. Between them it depends on the common scale of the units too, since s is
    mixed with 1.

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same inputs.
        alpha: share of the raw scale that is kept, in [0, 1].
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: as for `cka`, and for alpha outside [0, 1].

    Examples:
        >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [5.0, 4.0]])
        >>> Y = X * [1, 9]
        >>> round(shape_distance(X, Y).value, 2), round(shape_distance(X, Y, alpha=0).value, 6)
        (0.32, 0.0)
    """
    return evaluate(shape_measure(alpha), X, Y, null=null, draws=draws, seed=seed)


def cca(X: LayerLike, Y: LayerLike, *, null: Null = None, draws: int = 199, seed: int = 0) -> Similarity:
    """Mean canonical correlation: how much of the smaller layer's space the other one spans.

    The mean singular value of `U_x' U_y`, with orthonormal bases of the centred layers, over the smaller of
    the two ranks. In [0, 1]; invariant to every invertible linear map of either side. It weighs the
    faintest direction like the strongest, so it needs many rows (flagged below n = 10 d): independent data
    with n = 2 d score 0.64.

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same inputs.
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: as for `cka`.

    Examples:
        >>> X = np.random.default_rng(0).normal(size=(40, 2))
        >>> round(cca(X, X @ [[2.0, 1.0], [0.0, -1.0]]).value, 6)
        1.0
    """
    return evaluate(cca_measure(), X, Y, null=null, draws=draws, seed=seed)


def svcca(
    X: LayerLike,
    Y: LayerLike,
    *,
    share: float = 0.99,
    null: Null = None,
    draws: int = 199,
    seed: int = 0,
) -> Similarity:
    """Mean canonical correlation between the leading directions of either layer (Raghu et al. 2017).

    Each layer keeps its fewest principal directions that hold at least `share` of its variance; then as
    `cca`. Unlike `cca` it changes when units are rescaled, since that changes which directions lead.

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same inputs.
        share: of the variance that is kept, in (0, 1].
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: as for `cca`, and for a share outside (0, 1].

    Examples:
        >>> X = np.random.default_rng(0).normal(size=(40, 2)) * [1, 1e-3]
        >>> round(svcca(X, X[:, :1]).value, 6)
        1.0
    """
    return evaluate(svcca_measure(share), X, Y, null=null, draws=draws, seed=seed)


def r2(
    X: LayerLike,
    Y: LayerLike,
    *,
    folds: int | None = None,
    null: Null = None,
    draws: int = 199,
    seed: int = 0,
) -> Similarity:
    """The share of X's variance that a linear regression on Y explains (swap the two for the other way).

    In sample by default, which overfits (flagged below n = 10 d_y); with `folds` the predictions are for
    held-out rows, and the value falls below 0 where they are worse than the training rows' mean. Invariant
    to every invertible map of Y; of X's units the loud ones weigh more.

    Args:
        X: the activations that are predicted [n, d_x].
        Y: the activations that predict [n, d_y].
        folds: number of cross-validation folds, at least 2, or None for in sample.
        null, draws, seed: see `measures.py`; the seed also deals the rows out to the folds.

    Raises:
        InputError: as for `cka`, and for folds below 2 or above n.

    Examples:
        >>> X = np.random.default_rng(0).normal(size=(40, 2))
        >>> round(r2(X[:, :1] - X[:, 1:], X).value, 6), bool(r2(X, X[:, :1] - X[:, 1:]).value < 0.9)
        (1.0, True)
    """
    return evaluate(r2_measure(folds, seed), X, Y, null=null, draws=draws, seed=seed)


def rsa(
    X: LayerLike,
    Y: LayerLike,
    *,
    distance: Literal["correlation", "euclidean", "sqeuclidean", "cosine"] = "correlation",
    compare: Literal["spearman", "pearson"] = "spearman",
    null: Null = None,
    draws: int = 199,
    seed: int = 0,
) -> Similarity:
    """Representational similarity analysis: do the layers agree on the distances between inputs?

    The correlation, over all pairs of rows, between the two layers' tables of distances (Kriegeskorte et
    al. 2008). A row without variance over the units (an input at which a ReLU layer is silent) has no
    correlation with any
    other: it is put at distance 1 and flagged, likewise a zero row under `"cosine"`. Takes memory n x n.

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same inputs; `"correlation"` needs two live units.
        distance: between two rows; `"correlation"` and `"cosine"` are not invariant to translation,
            `"euclidean"` and `"sqeuclidean"` are, and to rotation.
        compare: the correlation between the tables.
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: as for `cka`, and for an option that does not exist.

    Examples:
        >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [5.0, 4.0]])
        >>> round(rsa(X, -2 * X, distance="euclidean").value, 6)
        1.0
    """
    return evaluate(rsa_measure(distance, compare), X, Y, null=null, draws=draws, seed=seed)


def mutual_knn(
    X: LayerLike,
    Y: LayerLike,
    *,
    k: int = 10,
    distance: Literal["cosine", "euclidean"] = "cosine",
    null: Null = None,
    draws: int = 199,
    seed: int = 0,
) -> Similarity:
    """The mean share of an input's k nearest neighbours in X that are its neighbours in Y too.

    By cosine on the uncentred rows, as in Huh et al. 2024. In [0, 1]; unrelated layers share k / (n - 1).
    Rows that tie for the last places share them, so the order of the rows does not matter (distances within
    1e-12 of the largest tie). A zero row has cosine 0 with every other and is flagged.

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same inputs.
        k: number of neighbours, 1 to n - 1.
        distance: `"cosine"` or `"euclidean"`.
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: as for `cka`, and for k outside 1 to n - 1.

    Examples:
        >>> X = np.random.default_rng(0).normal(size=(40, 3))
        >>> mutual_knn(X, X).value, mutual_knn(X, X[::-1], k=39).value
        (1.0, 1.0)
    """
    return evaluate(mutual_knn_measure(k, distance), X, Y, null=null, draws=draws, seed=seed)


def cka_measure(unbiased: bool = True) -> Measure:
    """Linear CKA as a `Measure`."""

    def prepare(layer: LiveUnits) -> Prepared:
        X = _narrow(layer.centred)
        X = X / np.linalg.norm(X)
        if not unbiased:
            return Prepared(layer, (X,), scalars=(float(np.linalg.norm(X.T @ X)),))
        rows = hsic_rows(X)
        own = unbiased_hsic(rows, rows)
        # Zero where all rows are equally far apart (one-hot rows are), up to rounding of terms below 1.
        if own * len(X) * (len(X) - 3) <= EQUIDISTANT:
            return Prepared(layer, empty="all rows are equally far apart")
        return Prepared(layer, rows, scalars=(math.sqrt(own),))

    def compare(x: Prepared, y: Prepared) -> float:
        (own_x,), (own_y,) = x.scalars, y.scalars
        if unbiased:
            return min(1.0, unbiased_hsic(x.rows, y.rows) / own_x / own_y)
        return min(1.0, float(np.linalg.norm(x.rows[0].T @ y.rows[0]) ** 2) / own_x / own_y)

    return Measure("cka" if unbiased else "cka(biased)", prepare, compare, fewest=4 if unbiased else 2)


def rbf_cka_measure(bandwidth: float = 1.0, unbiased: bool = True) -> Measure:
    """RBF CKA as a `Measure`."""
    if not bandwidth > 0:
        raise InputError(f"bandwidth {bandwidth}: give a positive multiple of the median distance")

    def prepare(layer: LiveUnits) -> Prepared:
        from scipy.spatial.distance import pdist, squareform

        distances = pdist(_narrow(layer.centred))
        K = np.exp(-0.5 * squareform(distances / (bandwidth * np.median(distances[distances > 0]))) ** 2)
        n = len(K)
        if unbiased:  # U-centring, Szekely & Rizzo 2014
            np.fill_diagonal(K, 0.0)
            sums = K.sum(axis=0)
            K = K - (sums[:, None] + sums) / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
            np.fill_diagonal(K, 0.0)
        else:
            means = K.mean(axis=0)
            K = K - means[:, None] - means + means.mean()
        norm = float(np.linalg.norm(K))
        if norm <= ROUNDING * n:
            return Prepared(layer, empty="all rows are equally far apart")
        return Prepared(layer, table=K / norm)

    name = f"rbf_cka(bandwidth={bandwidth:g})" if unbiased else f"rbf_cka(bandwidth={bandwidth:g}, biased)"
    return Measure(name, prepare, _table_product, fewest=4 if unbiased else 2)


def procrustes_measure() -> Measure:
    """The Procrustes angle as a `Measure`."""

    def prepare(layer: LiveUnits) -> Prepared:
        X = _narrow(layer.centred)
        return Prepared(layer, (X / np.linalg.norm(X),))

    return Measure("procrustes", prepare, _angle, same=0.0, different=math.pi / 2)


def shape_measure(alpha: float = 1.0) -> Measure:
    """The shape distance of one alpha as a `Measure`."""
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha {alpha}: give a number from 0 (CCA) to 1 (Procrustes)")

    def prepare(layer: LiveUnits) -> Prepared:
        U, s = _basis(layer)
        X = U * (alpha * s * (layer.scale if alpha < 1 else 1.0) + (1 - alpha))
        return Prepared(layer, (X / np.linalg.norm(X),))

    name = f"shape_distance(alpha={alpha:g})"
    crowded = _wider if alpha < 1 else _never
    return Measure(name, prepare, _angle, same=0.0, different=math.pi / 2, crowded=crowded)


def cca_measure() -> Measure:
    """Mean CCA as a `Measure`."""
    return Measure(
        "cca", lambda layer: Prepared(layer, (_basis(layer)[0],)), _mean_correlation, crowded=_wider
    )


def svcca_measure(share: float = 0.99) -> Measure:
    """SVCCA as a `Measure`."""
    if not 0 < share <= 1:
        raise InputError(f"share {share}: give the part of the variance to keep, above 0 and up to 1")

    def prepare(layer: LiveUnits) -> Prepared:
        U, s = _basis(layer)
        held = np.cumsum(s**2) / (s**2).sum()
        return Prepared(layer, (U[:, : 1 + int(np.searchsorted(held, share - ROUNDING))],))

    return Measure(f"svcca({share:g})", prepare, _mean_correlation, crowded=_wider)


def r2_measure(folds: int | None = None, seed: int = 0) -> Measure:
    """R2 of X from Y as a `Measure`."""
    if folds is None:

        def prepare(layer: LiveUnits) -> Prepared:
            return Prepared(layer, (layer.centred / np.linalg.norm(layer.centred), _basis(layer)[0]))

        def in_sample(x: Prepared, y: Prepared) -> float:
            return min(1.0, float(np.linalg.norm(y.rows[1].T @ x.rows[0]) ** 2))

        return Measure("r2", prepare, in_sample, crowded=_predictors)
    if folds < 2:
        raise InputError(f"{folds} folds: give at least 2, or None for in-sample R2")

    def held_out(x: Prepared, y: Prepared) -> float:
        return _held_out_r2(x.rows[0], y.rows[0], folds, seed)

    def whole(layer: LiveUnits) -> Prepared:
        return Prepared(layer, (layer.centred,))

    return Measure(f"r2({folds} folds)", whole, held_out, fewest=folds)


def rsa_measure(distance: str = "correlation", compare: str = "spearman") -> Measure:
    """RSA as a `Measure`."""
    _option("distance", distance, ("correlation", "euclidean", "sqeuclidean", "cosine"))
    _option("compare", compare, ("spearman", "pearson"))

    def prepare(layer: LiveUnits) -> Prepared:
        from scipy.spatial.distance import pdist, squareform

        notes: tuple[str, ...] = ()
        if distance in ("correlation", "cosine"):
            if distance == "correlation" and layer.values.shape[1] < 2:
                return Prepared(layer, empty="one live unit, so rows have no correlation")
            rows, silent = _unit_rows(layer, centre=distance == "correlation")
            distances = squareform(1.0 - rows @ rows.T, checks=False)
            if silent:
                notes = (f"{silent} rows without variance over the units are put at distance 1",)
        else:
            distances = pdist(layer.values, distance)
        distances = np.round(distances / distances.max(initial=ROUNDING), 12)  # ties stay ties
        if compare == "spearman":
            from scipy.stats import rankdata

            distances = rankdata(distances)
        distances = distances - distances.mean()
        norm = float(np.linalg.norm(distances))
        if norm <= ROUNDING * len(distances):
            return Prepared(layer, empty="all rows are equally far apart", notes=notes)
        return Prepared(layer, table=squareform(distances / norm), notes=notes)

    def half(x: Prepared, y: Prepared) -> float:
        return _table_product(x, y) / 2  # each pair of rows stands twice in the table

    return Measure(f"rsa({distance}, {compare})", prepare, half, fewest=3)


def mutual_knn_measure(k: int = 10, distance: str = "cosine") -> Measure:
    """Mutual nearest neighbours as a `Measure`."""
    _option("distance", distance, ("cosine", "euclidean"))
    if k < 1:
        raise InputError(f"k = {k}: give the number of neighbours, at least 1")

    def prepare(layer: LiveUnits) -> Prepared:
        from scipy import sparse

        notes: tuple[str, ...] = ()
        if distance == "cosine":
            rows, silent = _unit_rows(layer, centre=False)
            if silent:
                notes = (f"{silent} zero rows have cosine 0 with every other",)
        else:
            rows = layer.centred / np.linalg.norm(layer.centred)
        n = len(rows)
        blocks = []
        for start in range(0, n, 512):  # memory 512 x n, whatever n
            part = rows[start : start + 512]
            near = part @ rows.T
            if distance == "euclidean":
                near -= 0.5 * (rows**2).sum(axis=1)  # -|a - b|^2 / 2 up to a term that is the row's own
            near = np.round(near, 12)
            near[np.arange(len(part)), start + np.arange(len(part))] = -np.inf
            last = np.partition(near, n - k, axis=1)[:, n - k, None]
            above, tied = near > last, near == last
            places = (k - above.sum(axis=1)) / tied.sum(axis=1)
            blocks.append(sparse.csr_array(above + tied * places[:, None]))
        return Prepared(layer, table=sparse.vstack(blocks, format="csr"), notes=notes)

    def compare(x: Prepared, y: Prepared) -> float:
        return float(x.table.minimum(y.table).sum() / (k * x.table.shape[0]))

    return Measure(f"mutual_knn(k={k}, {distance})", prepare, compare, fewest=k + 1)


def _narrow(X: Array) -> Array:
    """At most n columns with the same Gram matrix X X', for measures that do not see rotations."""
    if X.shape[1] <= X.shape[0]:
        return X
    U, s, _ = np.linalg.svd(X, full_matrices=False)
    return np.asarray(U * s)


def _basis(layer: LiveUnits) -> tuple[Array, Array]:
    """Orthonormal basis [n, rank] of the centred units and their singular values above rounding level."""
    U, s, _ = np.linalg.svd(layer.centred, full_matrices=False)
    rank = max(1, int((s > s[0] * max(layer.centred.shape) * layer.eps).sum()))
    return U[:, :rank], s[:rank]


def _angle(x: Prepared, y: Prepared) -> float:
    """The angle between layers of norm 1 after the best rotation."""
    X, Y = sorted((x.rows[0], y.rows[0]), key=lambda rows: rows.shape[1])
    U, singular, Vt = np.linalg.svd(X.T @ Y, full_matrices=False)
    cosine = float(singular.sum())
    if cosine < 0.999:
        return math.acos(cosine)
    # The arccosine loses half the digits near 1; the distance that is left after the rotation keeps them.
    return 2 * math.asin(min(1.0, float(np.linalg.norm(X @ (U @ Vt) - Y)) / 2))


def _mean_correlation(x: Prepared, y: Prepared) -> float:
    singular = np.linalg.svd(x.rows[0].T @ y.rows[0], compute_uv=False)
    return min(1.0, float(singular.mean()))


def _table_product(x: Prepared, y: Prepared) -> float:
    return float(np.vdot(x.table, y.table))


def _wider(x: Prepared, y: Prepared) -> int:
    return max(int(x.rows[0].shape[1]), int(y.rows[0].shape[1]))


def _predictors(_x: Prepared, y: Prepared) -> int:
    return int(y.rows[1].shape[1])


def _never(_x: Prepared, _y: Prepared) -> int:
    return 0


def _held_out_r2(X: Array, Y: Array, folds: int, seed: int) -> float:
    """1 - (squared error of held-out predictions) / (squared error of the training rows' mean)."""
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import KFold

    error = spread = 0.0
    for train, test in KFold(folds, shuffle=True, random_state=seed).split(Y):
        predicted = LinearRegression().fit(Y[train], X[train]).predict(Y[test])
        error += float(((X[test] - predicted) ** 2).sum())
        spread += float(((X[test] - X[train].mean(axis=0)) ** 2).sum())
    return 1.0 - error / spread


def _unit_rows(layer: LiveUnits, centre: bool) -> tuple[Array, int]:
    """Rows of length 1 (after taking off their mean over the units), and how many have no direction."""
    rows = layer.values - layer.values.mean(axis=1, keepdims=True) if centre else layer.values
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    silent = norms <= 64 * layer.eps * np.abs(layer.values).max(axis=1, keepdims=True)
    return np.where(silent, 0.0, rows / np.where(silent, 1.0, norms)), int(silent.sum())


def _option(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{name} {value!r}: give one of {', '.join(known)}")
