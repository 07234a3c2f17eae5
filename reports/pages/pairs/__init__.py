"""Pairs: two networks or two groups side by side as one page."""
