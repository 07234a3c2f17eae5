"""torch modules: their forward, traced into a chain of layers."""
