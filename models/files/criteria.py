"""What other libraries add to a variance by default, how closely a function is held to one that is known, and how much
larger than its file a network may be."""

from __future__ import annotations

#: Bytes that a file may unpack to whatever its own size is. Used by the readers of archives.
FREELY_UNPACKED = 2**26
#: Times its own size that a file may unpack to beyond that: weights of which nineteen in twenty are 0 pack to a
#: hundredth. Used by the readers of archives.
MOST_PACKED = 200

#: torch.nn.BatchNorm1d's and ONNX's default for what is added to a variance, in its unit. Used by the readers of
#: modules and of ONNX graphs.
TORCH_EPSILON = 1e-5
#: Keras's default for the same. Used by the reader of Keras's layers.
KERAS_EPSILON = 1e-3
#: The least standard deviation that Keras's Normalization divides by (its backend's epsilon), in the input's unit. Used
#: by the reader of Keras's layers.
KERAS_SPREAD = 1e-7
#: The share of an activation function's tolerance up to which two values of it are one. Used by identification.
SAME_VALUE = 1e-3
