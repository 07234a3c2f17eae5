"""Fitted MLPs and linear models of scikit-learn, with the scalers before and behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import About, InputError, Network

from .layer_chain import MAX_VALUES, Reading, read
from .named_tensors.torch_files import first_line
from .refusals import Unreadable

Array = npt.NDArray[np.float64]

_ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "identity": "identity", "logistic": "sigmoid"}
_KINDS = "an MLPRegressor, an MLPClassifier or a linear model, in a Pipeline or alone"
# The widest table that is put through a transformer to find out what it does: d + 1 points of d values.
_WIDEST_PROBE = 4096
# What a transformer gives is compared with the affine map that was found, relative to its own size.
_AFFINE_TOLERANCE = 1e-7
_CHECK_TOLERANCE = 1e-5


def is_sklearn(source: object) -> bool:
    """Whether an object's class comes from scikit-learn, found without importing it.

    Examples:
        >>> is_sklearn(3.0)
        False
    """
    return any(cls.__module__.partition(".")[0] == "sklearn" for cls in type(source).__mro__)


def read_sklearn(estimator: Any) -> Reading:
    """A fitted network or linear model: a regressor's outputs, a classifier's logits.

    Read are MLPRegressor, MLPClassifier and the linear models; alone, in a Pipeline behind affine
    transformers (scalers, PCA, a choice of columns), in a TransformedTargetRegressor with an affine
    transformer, and as the `best_estimator_` of a search. Affine maps are folded into the first and last layer.

    A classifier of two classes has one logit, the log odds of `classes_[1]`; others one per class or label.
    Its link says what follows (sigmoid, softmax or argmax). `feature_names_in_` and `classes_` name the inputs
    and outputs.

    Raises:
        Unreadable: for another estimator, one that is not fitted, a transformer that is not affine, or a loss
            whose outputs are not linear.

    Examples:
        >>> from sklearn.neural_network import MLPRegressor
        >>> net = MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", random_state=0)
        >>> read_sklearn(net.fit([[0.0], [1.0]], [0.0, 1.0])).network
        Network(1-3-1, relu, bias)
    """
    layers = _layers(estimator)
    if sum(weight.size for weight in layers.weights) > MAX_VALUES:
        raise Unreadable(f"holds more than the {MAX_VALUES} weights that are read", "fit a smaller network")
    about = About(
        link=layers.link,
        input_names=_names(getattr(estimator, "feature_names_in_", None), layers.weights[0].shape[1]),
        output_names=_names(layers.classes, len(layers.weights[-1])),
    )
    dtypes = [array.dtype for array in (*layers.weights, *layers.biases)]
    network = Network(layers.weights, layers.biases, layers.activation, about=about)
    _compare(estimator, network, layers.classes is not None)
    return read(network, dtypes)


@dataclass(frozen=True)
class _Layers:
    """Weights [out, in] and biases [out], one name for the activations between, the link, the classes."""

    weights: list[npt.NDArray[Any]]
    biases: list[npt.NDArray[Any]]
    activation: str = "relu"
    link: str | None = None
    classes: Any = None

    def behind(self, matrix: Array, shift: Array) -> _Layers:
        """The layers behind an affine map of the inputs."""
        first = self.weights[0]
        return _Layers(
            [first @ matrix, *self.weights[1:]],
            [self.biases[0] + first @ shift, *self.biases[1:]],
            self.activation,
            self.link,
            self.classes,
        )

    def before(self, matrix: Array, shift: Array) -> _Layers:
        """The layers with an affine map of the outputs behind them."""
        last, bias = self.weights[-1], self.biases[-1]
        return _Layers(
            [*self.weights[:-1], matrix @ last],
            [*self.biases[:-1], matrix @ bias + shift],
            self.activation,
        )


def _layers(estimator: Any) -> _Layers:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import Pipeline

    kind = type(estimator).__name__
    if hasattr(estimator, "best_estimator_"):
        return _layers(estimator.best_estimator_)
    if hasattr(type(estimator), "best_estimator_") or kind.endswith("SearchCV"):
        raise Unreadable(
            f"is a {kind} without best_estimator_",
            "call fit(X, y) first, with refit=True, or pass best_estimator_ of one that has it",
        )
    if isinstance(estimator, Pipeline):
        return _pipeline(estimator)
    if isinstance(estimator, TransformedTargetRegressor):
        return _transformed_target(estimator)
    if isinstance(estimator, MLPClassifier | MLPRegressor):
        return _mlp(estimator)
    if hasattr(estimator, "coef_") or type(estimator).__module__.startswith("sklearn.linear_model"):
        return _linear(estimator)
    if hasattr(estimator, "estimators_"):
        raise Unreadable(f"is a {kind}, several models in one", "pass one of its estimators_")
    raise Unreadable(f"is none of what is read ({_KINDS})", "pass the fitted network itself")


def _check_fitted(estimator: Any, attribute: str) -> None:
    if not hasattr(estimator, attribute):
        raise Unreadable("is not fitted", "call fit(X, y) first")


def _mlp(estimator: Any) -> _Layers:
    from sklearn.neural_network import MLPRegressor

    _check_fitted(estimator, "coefs_")
    name = _ACTIVATIONS.get(estimator.activation)
    if name is None:
        raise Unreadable(
            f"activation {estimator.activation!r} is none that can be read",
            f"fit with one of {', '.join(_ACTIVATIONS)}",
        )
    # scikit-learn multiplies X @ coef: [in, out].
    weights = [np.asarray(coef).T for coef in estimator.coefs_]
    biases = [np.asarray(intercept) for intercept in estimator.intercepts_]
    if isinstance(estimator, MLPRegressor):
        if estimator.out_activation_ != "identity":
            raise Unreadable(
                f"its outputs pass through {estimator.out_activation_!r}", 'fit with loss="squared_error"'
            )
        return _Layers(weights, biases, name)
    link = {"logistic": "sigmoid", "softmax": "softmax"}[estimator.out_activation_]
    return _Layers(weights, biases, name, link, estimator.classes_)


def _linear(estimator: Any) -> _Layers:
    """One linear layer, of a regressor whose outputs or a classifier whose logits are linear."""
    _check_fitted(estimator, "coef_")
    coef = estimator.coef_
    coef = np.atleast_2d(coef.toarray() if hasattr(coef, "toarray") else coef)
    weight = np.asarray(coef, dtype=np.float64)
    bias = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), len(weight)).copy()
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        return _Layers([weight], [bias])
    if not hasattr(estimator, "predict_proba"):
        return _Layers([weight], [bias], link=None if len(weight) == 1 else "argmax", classes=classes)
    # What turns logits into probabilities depends on the solver and the loss; it is seen by trial.
    X = _points(weight.shape[1])
    logits = X @ weight.T + bias
    found = np.asarray(estimator.predict_proba(_table(estimator, X)), dtype=np.float64)
    for link in ("sigmoid", "softmax"):
        expected = _probabilities(logits, link)
        if expected.shape == found.shape and np.abs(expected - found).max() < _CHECK_TOLERANCE:
            return _Layers([weight], [bias], link=link, classes=classes)
    return _Layers([weight], [bias], link=None if len(weight) == 1 else "argmax", classes=classes)


def _pipeline(pipeline: Any) -> _Layers:
    """The last step's layers behind the maps of the steps before it."""
    steps = [(name, step) for name, step in pipeline.steps if step is not None and step != "passthrough"]
    if not steps or not hasattr(steps[-1][1], "predict"):
        raise Unreadable("is a Pipeline without a network or linear model at its end", f"give it {_KINDS}")
    layers = _layers(steps[-1][1])
    for name, step in reversed(steps[:-1]):
        matrix, shift = _affine(step, f"step {name!r} ({type(step).__name__})")
        if len(matrix) != layers.weights[0].shape[1]:
            raise Unreadable(
                f"step {name!r} gives {len(matrix)} values where {layers.weights[0].shape[1]} are taken",
                "fit the whole Pipeline again",
            )
        layers = layers.behind(matrix, shift)
    return layers


def _transformed_target(estimator: Any) -> _Layers:
    """A regressor whose outputs are scaled back: y = matrix z + shift, the inverse of the transformer's map."""
    _check_fitted(estimator, "regressor_")
    layers = _layers(estimator.regressor_)
    transformer = estimator.transformer_
    outputs = len(layers.weights[-1])
    label = f"its target's transformer ({type(transformer).__name__})"
    matrix, shift = _probed(
        transformer.inverse_transform,
        outputs,
        label,
        "pass its regressor_, whose outputs are transformed targets",
    )
    return layers.before(matrix, shift)


def _affine(step: Any, label: str) -> tuple[Array, Array]:
    """The map of a fitted transformer, z = matrix x + shift."""
    if not hasattr(step, "n_features_in_"):
        if hasattr(step, "transform") and not any(name.endswith("_") for name in vars(step)):
            raise Unreadable(f"{label} is not fitted", "call fit(X, y) of the whole Pipeline first")
        raise Unreadable(f"{label} does not say how many inputs it has", _PASS_LAST)
    # Scalers say what they do exactly.
    inputs, kind = step.n_features_in_, type(step).__name__
    if kind == "StandardScaler":
        return _scaler(inputs, step.mean_ if step.with_mean else None, step.scale_, label)
    if kind == "RobustScaler":
        return _scaler(inputs, step.center_, step.scale_, label)
    if kind in ("MinMaxScaler", "MaxAbsScaler") and getattr(step, "clip", False):
        raise Unreadable(f"{label} clips its values", "fit it with clip=False")
    if kind == "MaxAbsScaler":
        return _scaler(inputs, None, step.scale_, label)
    if kind == "MinMaxScaler":
        return np.diag(step.scale_), np.asarray(step.min_)
    return _probed(lambda X: step.transform(_table(step, X)), inputs, label, _PASS_LAST)


_PASS_LAST = "pass the step behind it alone (pipeline[-1]); its inputs are what the steps before it give"


def _scaler(inputs: int, center: Any, scale: Any, label: str) -> tuple[Array, Array]:
    """(x - center) / scale, with None for 0 and 1."""
    factor = np.ones(inputs) if scale is None else 1.0 / np.asarray(scale, dtype=np.float64)
    if not np.isfinite(factor).all():
        raise Unreadable(f"{label} divides by zero", "fit it on data that vary")
    shift = np.zeros(inputs) if center is None else -np.asarray(center, dtype=np.float64) * factor
    return np.diag(factor), shift


def _probed(transform: Any, inputs: int, label: str, remedy: str) -> tuple[Array, Array]:
    """The affine map that a function of [n, inputs] is, found by its values; refused where it is none."""
    if inputs > _WIDEST_PROBE:
        raise Unreadable(f"{label} has {inputs} inputs, more than the {_WIDEST_PROBE} that are tried", remedy)

    def values(X: Array) -> Array:
        found = transform(X)
        found = found.toarray() if hasattr(found, "toarray") else found
        return np.asarray(found, dtype=np.float64).reshape(len(X), -1)

    rng = np.random.default_rng(0)
    # Far out a clip shows, and in whole numbers a look-up.
    trials = np.concatenate([scale * rng.normal(size=(8, inputs)) for scale in (1.0, 30.0, 1e3, 1e6, 1e9)])
    try:
        origin = values(np.zeros((1, inputs)))
        matrix = (values(np.eye(inputs)) - origin).T
        found = values(trials)
    except (
        Exception
    ) as error:  # a table of categories, an inverse that does not exist, the user's own function
        raise Unreadable(f"{label} is not an affine map of numbers ({first_line(error)})", remedy) from None
    expected = trials @ matrix.T + origin
    # The size of the sum's terms is what rounding is relative to.
    size = 1.0 + np.abs(trials) @ np.abs(matrix.T) + np.abs(origin)
    if found.shape != expected.shape or not (np.abs(found - expected) <= _AFFINE_TOLERANCE * size).all():
        raise Unreadable(f"{label} is not an affine map, so it cannot be folded into the weights", remedy)
    return matrix, origin[0]


def _table(estimator: Any, X: Array) -> Any:
    """Inputs as an estimator wants them: with the names of the columns that it was fitted with."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return X
    import pandas as pd

    return pd.DataFrame(X, columns=names)


def _points(inputs: int) -> Array:
    return np.random.default_rng(0).normal(size=(32, inputs)) * 2.0


def _compare(estimator: Any, network: Network, classifier: bool) -> None:
    """Refuse a reading whose values are not the estimator's own: a loss with a link, an overridden predict."""
    X = _points(network.inputs)
    try:
        if network.link in ("sigmoid", "softmax"):
            found = estimator.predict_proba(_table(estimator, X))
            expected = _probabilities(network(X), network.link)
        elif classifier:
            found, expected = estimator.decision_function(_table(estimator, X)), network(X)
        else:
            found, expected = estimator.predict(_table(estimator, X)), network(X)
        found = np.asarray(found, dtype=np.float64)
    except Exception as error:  # the estimator's own code
        raise Unreadable(
            f"fails on inputs of shape {X.shape} ({first_line(error)})", "fit it again"
        ) from None
    agree = found.size == expected.size and bool(
        np.abs(found.reshape(expected.shape) - expected).max()
        <= _CHECK_TOLERANCE * (1.0 + np.abs(expected).max())
    )
    if not agree:
        raise Unreadable(
            "predicts something else than its weights and biases alone say (an exponential of it, pairs of classes)",
            "pass a model whose outputs or logits are X @ coef_.T + intercept_, or a network",
        )


def _probabilities(logits: Array, link: str) -> Array:
    """What a classifier's predict_proba gives for logits [n, outputs]."""
    from scipy.special import expit, softmax

    if link == "softmax":
        return np.asarray(softmax(logits, axis=1))
    positive = np.asarray(expit(logits))
    return np.hstack([1.0 - positive, positive]) if logits.shape[1] == 1 else positive


def _names(given: Any, count: int) -> tuple[str, ...] | None:
    """Names for the inputs or outputs; of two classes with one logit, that of the second."""
    if given is None:
        return None
    texts = tuple(str(name) for name in np.asarray(given).ravel())
    texts = texts[1:] if count == 1 and len(texts) == 2 else texts
    try:
        About(input_names=texts)
    except InputError:  # an empty name, or 1 and "1"
        return None
    return texts if len(texts) == count else None
