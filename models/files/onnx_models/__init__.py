"""ONNX graphs: their nodes, one after another, into a chain of layers."""
