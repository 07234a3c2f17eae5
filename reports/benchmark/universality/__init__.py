"""The benchmark of universality: verdicts over tasks, widths, regimens and seeds."""
