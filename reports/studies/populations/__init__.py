"""Populations: networks that were trained elsewhere, as the cells of a study."""
