"""scikit-learn's networks and linear models, alone, in pipelines and in skops' files, against their own values."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import BaggingRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeRegressor

from mathcircuits.detect import FileError, InputError, Network
from mathcircuits.models import load

X = np.random.default_rng(0).normal(size=(80, 3)) * [1.0, 20.0, 0.05] + [5.0, -100.0, 0.0]
Y = X[:, 0] * X[:, 2] + np.abs(X[:, 1]) / 10.0
FRAME = pd.DataFrame(X, columns=["mass", "charge", "spin"])


def regressor(activation: str = "relu", **options: Any) -> MLPRegressor:
    given = {
        "hidden_layer_sizes": (5, 4),
        "solver": "lbfgs",
        "max_iter": 15000,
        "tol": 1e-2,
        "random_state": 0,
    }
    return MLPRegressor(activation=activation, **{**given, **options})


def classifier(**options: Any) -> MLPClassifier:
    given = {"hidden_layer_sizes": (4,), "solver": "lbfgs", "max_iter": 15000, "tol": 1e-2, "random_state": 0}
    return MLPClassifier(**{**given, "alpha": 1.0, **options})


def read(model: object) -> Network:
    return load(model).to_network()


def agrees(net: Network, expected: np.ndarray, tolerance: float = 1e-9) -> bool:
    expected = np.asarray(expected).reshape(len(X), -1)
    found = net(X)
    return found.shape == expected.shape and np.allclose(found, expected, rtol=tolerance, atol=tolerance)


def softmax(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return odds / odds.sum(1, keepdims=True)


# ---- networks


@pytest.mark.parametrize(
    ("activation", "name"),
    [("relu", "relu"), ("tanh", "tanh"), ("identity", "identity"), ("logistic", "sigmoid")],
)
@pytest.mark.parametrize("hidden", [(), (4,), (5, 3)])
def test_regressors(activation: str, name: str, hidden: tuple[int, ...]) -> None:
    model = regressor(activation, hidden_layer_sizes=hidden).fit(X, np.stack([Y, X.max(1)], 1))
    found = load(model)
    assert found.cfg.dtype == "float64"
    assert found.cfg.activations == (name,) * len(hidden)
    assert agrees(found.to_network(), model.predict(X))


def test_single_precision_is_kept() -> None:
    model = MLPRegressor(hidden_layer_sizes=(4,), tol=1e9, n_iter_no_change=1, random_state=0)
    model.fit(X.astype(np.float32), Y.astype(np.float32))
    found = load(model)
    assert found.cfg.dtype == "float32"
    assert agrees(found.to_network(), model.predict(X.astype(np.float32)), 1e-4)


def test_classifiers_give_their_logits_and_say_the_link() -> None:
    two = classifier().fit(X, np.where(X[:, 0] > 5.0, "heavy", "light"))
    net = read(two)
    assert (net.link, net.output_names) == ("sigmoid", ("light",))
    assert np.allclose(1 / (1 + np.exp(-net(X)[:, 0])), two.predict_proba(X)[:, 1], atol=1e-12)
    three = classifier(activation="logistic").fit(X, np.digitize(X[:, 0], [4.5, 5.5]))
    net = read(three)
    assert (net.link, net.output_names, net.activations) == ("softmax", ("0", "1", "2"), ("sigmoid",))
    assert np.allclose(softmax(net(X)), three.predict_proba(X), atol=1e-12)
    labels = np.stack([X[:, 0] > 5.0, X[:, 1] > -100.0], 1).astype(int)
    several = classifier().fit(X, labels)
    net = read(several)
    assert net.link == "sigmoid"
    assert np.allclose(1 / (1 + np.exp(-net(X))), several.predict_proba(X), atol=1e-12)


# ---- linear models


@pytest.mark.parametrize("model", [LinearRegression(), Ridge(0.1), LinearRegression(fit_intercept=False)])
def test_linear_regressors(model: Any) -> None:
    net = read(model.fit(X, Y))
    assert net.sizes == (3, 1)
    assert agrees(net, model.predict(X))


@pytest.mark.parametrize(
    ("model", "classes", "link"),
    [
        (LogisticRegression(max_iter=5000), 2, "sigmoid"),
        (LogisticRegression(max_iter=5000), 3, "softmax"),
        (LinearDiscriminantAnalysis(), 2, "sigmoid"),
        (LinearDiscriminantAnalysis(), 3, "softmax"),
        (SGDClassifier(loss="log_loss", random_state=0), 2, "sigmoid"),
        (RidgeClassifier(), 3, "argmax"),
        (RidgeClassifier(), 2, None),
        (LinearSVC(max_iter=100000), 3, "argmax"),
    ],
)
def test_linear_classifiers(model: Any, classes: int, link: str | None) -> None:
    scaled = StandardScaler().fit_transform(X)
    model.fit(scaled, np.digitize(scaled[:, 0], [0.0] if classes == 2 else [-0.5, 0.5]))
    net = read(model)
    assert net.link == link
    found = net(scaled)
    assert np.allclose(found.reshape(model.decision_function(scaled).shape), model.decision_function(scaled))
    if link == "softmax":
        assert np.allclose(softmax(found), model.predict_proba(scaled))


# ---- pipelines

TRANSFORMERS: dict[str, Callable[[], list[Any]]] = {
    "standard": lambda: [StandardScaler()],
    "standard without a mean": lambda: [StandardScaler(with_mean=False)],
    "minmax": lambda: [MinMaxScaler((-1.0, 1.0))],
    "maxabs": lambda: [MaxAbsScaler()],
    "robust": lambda: [RobustScaler()],
    "two scalers": lambda: [RobustScaler(), MinMaxScaler()],
    "principal components": lambda: [StandardScaler(), PCA(2, whiten=True)],
    "a truncated decomposition": lambda: [StandardScaler(), TruncatedSVD(2)],
    "a choice of inputs": lambda: [StandardScaler(), SelectKBest(f_regression, k=2)],
    "scaled columns": lambda: [
        ColumnTransformer([("s", StandardScaler(), [2, 0]), ("m", MinMaxScaler(), [1])])
    ],
    "a function that is affine": lambda: [StandardScaler(), FunctionTransformer(lambda Z: 2.0 * Z - 1.0)],
    "nothing": lambda: ["passthrough"],
}


@pytest.mark.parametrize("transformers", TRANSFORMERS)
def test_affine_transformers_are_folded(transformers: str) -> None:
    model = make_pipeline(*TRANSFORMERS[transformers](), regressor("tanh")).fit(X, Y)
    net = read(model)
    assert net.inputs == 3
    assert net.activations == ("tanh", "tanh")
    assert agrees(net, model.predict(X), 1e-7)


def test_a_pipeline_of_a_classifier_and_names() -> None:
    model = make_pipeline(StandardScaler(), classifier(activation="logistic"))
    model.fit(FRAME, np.where(X[:, 0] > 5.0, "heavy", "light"))
    net = read(model)
    assert net.input_names == ("mass", "charge", "spin")
    assert (net.link, net.output_names) == ("sigmoid", ("light",))
    assert np.allclose(1 / (1 + np.exp(-net(X)[:, 0])), model.predict_proba(FRAME)[:, 1], atol=1e-9)
    columns = ColumnTransformer([("s", StandardScaler(), ["spin", "mass"])], remainder="drop")
    dropped = make_pipeline(columns, regressor()).fit(FRAME, Y)
    assert agrees(read(dropped), dropped.predict(FRAME), 1e-7)


def test_a_scaled_target() -> None:
    inner = make_pipeline(StandardScaler(), regressor("logistic"))
    model = TransformedTargetRegressor(inner, transformer=StandardScaler()).fit(X, 1000.0 * Y + 5.0)
    assert agrees(read(model), model.predict(X), 1e-7)
    several = TransformedTargetRegressor(inner, transformer=MinMaxScaler()).fit(X, np.stack([Y, 3 * Y], 1))
    assert agrees(read(several), several.predict(X), 1e-7)


def test_the_best_of_a_search() -> None:
    search = GridSearchCV(
        make_pipeline(StandardScaler(), regressor()), {"mlpregressor__alpha": [0.1, 1.0]}, cv=2
    )
    net = read(search.fit(FRAME, Y))
    assert agrees(net, search.predict(FRAME), 1e-7)
    assert net.input_names == ("mass", "charge", "spin")


class Squared(MLPRegressor):
    def predict(self, X: Any) -> Any:
        return super().predict(X) ** 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (MLPRegressor, "this MLPRegressor cannot be read as an MLP: is not fitted; call fit"),
        (LogisticRegression, "is not fitted; call fit"),
        (lambda: make_pipeline(StandardScaler(), regressor()), "is not fitted; call fit"),
        (
            lambda: StandardScaler().fit(X),
            "this StandardScaler .* is none of what is read .an MLPRegressor, an",
        ),
        (lambda: DecisionTreeRegressor().fit(X, Y), "is none of what is read"),
        (
            lambda: BaggingRegressor(regressor()).fit(X, Y),
            "several models in one; pass one of its estimators_",
        ),
        (lambda: GridSearchCV(regressor(), {"alpha": [0.1]}), "without best_estimator_; call fit"),
        (lambda: make_pipeline(StandardScaler(), PCA(2)).fit(X), "is a Pipeline without a network or linear"),
        (
            lambda: make_pipeline(MinMaxScaler(clip=True), regressor()).fit(X, Y),
            r"step 'minmaxscaler' \(MinMaxScaler\) clips its values; fit it with clip=False",
        ),
        (
            lambda: make_pipeline(PolynomialFeatures(2), regressor()).fit(X, Y),
            r"step 'polynomialfeatures' \(PolynomialFeatures\) is not an affine map, .*pass the step behind it",
        ),
        (
            lambda: make_pipeline(QuantileTransformer(n_quantiles=10), regressor()).fit(X, Y),
            "is not an affine map",
        ),
        (lambda: make_pipeline(FunctionTransformer(np.abs), regressor()).fit(X, Y), "is not an affine map"),
        (
            lambda: make_pipeline(OneHotEncoder(), regressor()).fit(np.digitize(X, [0.0]), Y),
            r"step 'onehotencoder' \(OneHotEncoder\) is not an affine map of numbers",
        ),
        (
            lambda: TransformedTargetRegressor(regressor(), func=np.cbrt, inverse_func=lambda y: y**3).fit(
                X, Y
            ),
            "its target's transformer .* is not an affine map, .*; pass its regressor_",
        ),
        (
            lambda: PoissonRegressor().fit(X / 100.0, np.abs(Y)),
            "predicts something else than its weights and biases",
        ),
        (
            lambda: Squared(hidden_layer_sizes=(3,), solver="lbfgs", max_iter=9999, tol=0.1).fit(X, Y),
            "predicts something else than",
        ),
        (
            lambda: SVC(kernel="linear").fit(X, np.digitize(X[:, 0], [4.5, 5.5])),
            "predicts something else .*pairs of classes",
        ),
    ],
)
def test_estimators_that_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(make())


def test_a_loss_whose_outputs_are_not_linear() -> None:
    net = regressor(hidden_layer_sizes=(3,)).fit(X, Y)
    net.out_activation_ = "exp"  # what loss="poisson" sets, in the versions that have it
    with pytest.raises(InputError, match="its outputs pass through 'exp'; fit with loss="):
        load(net)


# ---- files


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_skops_files(tmp_path: Path, solver: str) -> None:
    settings = (
        {"solver": solver} if solver == "lbfgs" else {"solver": solver, "tol": 1e9, "n_iter_no_change": 1}
    )
    model = make_pipeline(StandardScaler(), regressor("logistic", **settings)).fit(FRAME, Y)
    skops.io.dump(model, tmp_path / "net.skops")
    net = read(tmp_path / "net.skops")
    assert agrees(net, model.predict(FRAME), 1e-7)
    assert net.input_names == ("mass", "charge", "spin")


class Untrusted(MLPRegressor):
    """A type that skops does not know."""


def test_untrusted_types_in_skops_files_are_refused_by_name(tmp_path: Path) -> None:
    model = Untrusted(hidden_layer_sizes=(3,), solver="lbfgs", max_iter=9999, tol=0.1).fit(X, Y)
    path = tmp_path / "net.skops"
    skops.io.dump(model, path)
    with pytest.raises(
        FileError, match=r"not scikit-learn's own, and are not built: .*Untrusted; if you trust"
    ):
        load(path)
    skops.io.dump([1.0, 2.0], path)
    with pytest.raises(FileError, match="is a skops file with a list; save the fitted scikit-learn model"):
        load(path)
    skops.io.dump(StandardScaler().fit(X), path)
    with pytest.raises(FileError, match="is none of what is read"):
        load(path)


def test_damaged_skops_files(tmp_path: Path) -> None:
    path = tmp_path / "net.skops"
    skops.io.dump(regressor().fit(X, Y), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(len(data), size=3):
            data[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            assert read(path).inputs == 3
        except FileError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_joblib_files_are_called_pickles(tmp_path: Path, compress: Any) -> None:
    path = tmp_path / "net.joblib"
    joblib.dump(regressor().fit(X, Y), path, compress=compress)
    with pytest.raises(
        FileError, match=r"is a pickle.*: pickles are never executed; if you trust where it"
    ) as error:
        load(path)
    assert "joblib.load" in str(error.value)
    assert "skops.io.dump" in str(error.value)
    assert "damaged" not in str(error.value)


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_other_compressed_pickles(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "net.pkl"
    path.write_bytes(pack(pickle.dumps({"weights": [np.ones((2, 3))]})))
    with pytest.raises(
        FileError, match=r"pickles are never executed; save model.state_dict\(\) with torch.save"
    ):
        load(path)
