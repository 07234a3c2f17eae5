"""Plots: every figure of a study, a network or a benchmark, in one style."""
