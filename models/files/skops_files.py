"""read_skops_file: scikit-learn's models in skops' own files, of which only trusted types are built."""

from __future__ import annotations

from .layer_chain import Reading
from .named_tensors.torch_files import first_line
from .refusals import Unreadable
from .sklearn_models import is_sklearn, read_sklearn

#: What skops does not trust by itself, though it is scikit-learn's own: what is left of a fit by Adam or SGD.
TRUSTED = (
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
)


def read_skops_file(data: bytes) -> Reading:
    """The fitted scikit-learn model in a `.skops` file.

    Args:
        data: the file's bytes, a zip archive that has been checked.

    Raises:
        Unreadable: where skops is missing, the file is damaged, holds types that are not trusted, or another
            object than `read_sklearn` reads.
    """
    try:
        import skops.io
    except ImportError:
        raise Unreadable(
            "is a skops file, and skops is not installed", "pip install 'mathcircuits[skops]'"
        ) from None
    try:
        untrusted = sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED))
        if untrusted:
            raise Unreadable(
                f"holds types that are not scikit-learn's own, and are not built: {', '.join(untrusted)}",
                "if you trust them, load it with skops.io.load(path, trusted=[...]) and pass the model",
            )
        model = skops.io.loads(data, trusted=list(TRUSTED))
    except Unreadable:
        raise
    except Exception as error:  # a library that reads hostile bytes
        raise Unreadable(f"is not a valid skops file ({first_line(error)})", "save it again") from None
    if not is_sklearn(model):
        raise Unreadable(
            f"is a skops file with a {type(model).__name__}", "save the fitted scikit-learn model itself"
        )
    return read_sklearn(model)
