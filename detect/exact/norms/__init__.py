"""The least norm of a function, the gauges that have it, and the path norm of a network."""
