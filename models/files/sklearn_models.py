"""Fitted MLPs of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from mathcircuits.detect import Network

from .layer_chain import MAX_VALUES, Reading, Unreadable, read

_ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "identity": "identity"}


def is_sklearn(source: object) -> bool:
    """Whether an object's class comes from scikit-learn, found without importing it.

    Examples:
        >>> is_sklearn(3.0)
        False
    """
    return any(cls.__module__.partition(".")[0] == "sklearn" for cls in type(source).__mro__)


def read_sklearn(estimator: Any) -> Reading:
    """A fitted MLPRegressor (its outputs) or MLPClassifier (its logits: before the sigmoid or softmax).

    A classifier of two classes has one logit, the log odds of `classes_[1]`; others one per class or label.

    Raises:
        Unreadable: for another estimator, one that is not fitted, `activation="logistic"`, or a loss whose
            outputs are not linear.

    Examples:
        >>> from sklearn.neural_network import MLPRegressor
        >>> net = MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", random_state=0)
        >>> read_sklearn(net.fit([[0.0], [1.0]], [0.0, 1.0])).network
        Network(1-3-1, relu, bias)
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if not isinstance(estimator, MLPClassifier | MLPRegressor):
        raise Unreadable(
            "is no MLPRegressor or MLPClassifier",
            "pass the fitted network itself (of a pipeline: pipeline[-1], on what the steps before it give)",
        )
    if not hasattr(estimator, "coefs_"):
        raise Unreadable("is not fitted", "call fit(X, y) first")
    name = _ACTIVATIONS.get(estimator.activation)
    if name is None:
        raise Unreadable(
            f"activation {estimator.activation!r} is none that can be read",
            f"fit with one of {', '.join(_ACTIVATIONS)}",
        )
    if isinstance(estimator, MLPRegressor) and estimator.out_activation_ != "identity":
        raise Unreadable(
            f"its outputs pass through {estimator.out_activation_!r}", 'fit with loss="squared_error"'
        )
    # scikit-learn multiplies X @ coef: [in, out].
    weights = [np.asarray(coef).T for coef in estimator.coefs_]
    biases = [np.asarray(intercept) for intercept in estimator.intercepts_]
    if sum(weight.size for weight in weights) > MAX_VALUES:
        raise Unreadable(f"holds more than the {MAX_VALUES} weights that are read", "fit a smaller network")
    return read(Network(weights, biases, name), [array.dtype for array in (*weights, *biases)])
