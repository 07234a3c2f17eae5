"""The null laws of single neurons: simulated for their values, in closed form for their weights."""
