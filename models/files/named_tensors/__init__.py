"""State dicts and other named tensors: parts, order of layers, what lies between."""
