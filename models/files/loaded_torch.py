"""Whether an object is torch's, asked without importing torch: where nothing has loaded it, no object is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

if TYPE_CHECKING:
    import torch


class StoredTensor(np.ndarray[Any, np.dtype[Any]]):
    """An array that a file holds as a tensor of torch's: its `weight` lies [out, in].

    Examples:
        >>> np.ones((1, 2)).view(StoredTensor).shape
        (1, 2)
    """


def is_torch_tensor(value: object) -> TypeGuard[torch.Tensor]:
    """Whether a value is a tensor of torch's.

    Examples:
        >>> is_torch_tensor(np.ones(2))
        False
    """
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_torch_module(value: object) -> TypeGuard[torch.nn.Module]:
    """Whether a value is a module of torch's.

    Examples:
        >>> is_torch_module(np.ones(2))
        False
    """
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)
