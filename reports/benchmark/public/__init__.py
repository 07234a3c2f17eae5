"""Published populations of networks, scored against what their publications say; manifests, not weights."""
