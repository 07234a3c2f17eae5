"""The benchmark of regimens: which ways of training reach the smallest network."""
