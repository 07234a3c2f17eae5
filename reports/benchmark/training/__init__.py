"""The benchmark of training: cost per network-step against other implementations."""
